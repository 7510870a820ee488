"""How far from float64 do float32, TF32 and bfloat16 come? A network at spectral radius 1, over 100 steps.

The same weights, input and loss in each; the errors are relative, in the Euclidean norm.
"""

import torch

import graphrnn as gr

NEURONS, STEPS, BATCH = 1000, 100, 16
PRECISIONS = ("exact", "tf32", "bf16")

graph = gr.AreaGraph()
graph.add_input("x", 2)
graph.add_area("area", NEURONS)
graph.add_readout("y", 2)
graph.project("x", "area")
graph.project("area", "area", 0.1)
graph.project("area", "y")
net = graph.compile(seed=0)

random = torch.Generator().manual_seed(1)
x = torch.randn(BATCH, STEPS, 2, generator=random)
target = torch.randn(BATCH, STEPS, 2, generator=random)


def build(dtype, precision, activation):
    """The network in a precision; its weights are float32 numbers in all of them."""
    rnn = gr.CTRNN(
        net,
        dt=20.0,
        tau=100.0,
        activation=activation,
        spectral_radius=1.0,
        precision=precision,
        generator=torch.Generator().manual_seed(0),
        dtype=torch.float32,
    )
    return rnn.to(dtype)


def run(dtype, precision, activation):
    """What a training step computes, by name, in float64."""
    rnn = build(dtype, precision, activation)
    readout, rates, _ = rnn(x.to(dtype))
    (readout - target.to(dtype)).square().mean().backward()
    found = {
        "rates": rates,
        "rates of the last step": rates[:, -1],
        "gradient of W": rnn.hidden.values.grad,
        "gradient of W_in": rnn.input.values.grad,
        "gradient of b": rnn.hidden.bias.grad,
    }
    return {name: tensor.detach().double() for name, tensor in found.items()}


def errors(activation):
    """Relative error of each result in each precision."""
    truth = run(torch.float64, "exact", activation)
    rows = {}
    for precision in PRECISIONS:
        found = run(torch.float32, precision, activation)
        rows[precision] = {
            name: ((found[name] - true).norm() / true.norm()).item() for name, true in truth.items()
        }
    return rows


for activation in ("tanh", "relu"):
    rows = errors(activation)
    print(f"\n{activation}")
    print("| relative error of |", " | ".join(PRECISIONS), "|")
    for name in rows["exact"]:
        print(f"| {name} |", " | ".join(f"{rows[precision][name]:.1g}" for precision in PRECISIONS), "|")
        exact, tf32, bf16 = (rows[precision][name] for precision in PRECISIONS)
        steep = activation == "relu" and "gradient" in name  # a slope is 0 or 1: it jumps where v is near 0
        assert exact < 1e-5 < tf32 < (2**-6 if steep else 2**-9)
        assert 2 * tf32 < bf16 < (2**-4 if steep else 2**-6)
