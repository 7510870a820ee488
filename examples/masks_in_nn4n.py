"""The same network trained in nn4n and in graphrnn: whose masks hold, and how long a step takes.

Four areas of 25 neurons learn to integrate their input. Both libraries get the same masks, weights, data
and optimizer. nn4n is used as its documentation shows: masks in the constructor, `train()`, a loop of
`backward()` and `step()`, then `eval()`. Without it (pip install nn4n --no-deps) graphrnn runs alone.
"""

import importlib.metadata
import statistics

import numpy as np
import torch

import graphrnn as gr
from graphrnn.training import time_in_turns

STEPS = 100

# entry [i, j] is the density of the projection from area j to area i
struct = gr.MultiArea(
    n_areas=4,
    area_connectivities=[
        [1.0, 0.1, 0.0, 0.0],
        [0.1, 1.0, 0.1, 0.0],
        [0.0, 0.1, 1.0, 0.1],
        [0.0, 0.0, 0.1, 1.0],
    ],
    input_areas=[0],
    readout_areas=[2, 3],
    dims=[1, 100, 1],
    seed=0,
)
masks = [mask.toarray() for mask in struct.get_masks()]  # input, hidden, readout; each (post, pre)
possible = masks[1].size
absent = possible - int(masks[1].sum())

generator = torch.Generator().manual_seed(0)
ours = gr.CTRNN(struct.compile(), dt=10.0, tau=100.0, bias=False, generator=generator)
start = [layer.weight.detach().to_dense() for layer in ours.layers]
x = torch.randn(50, 64, 1, generator=generator)  # (time, batch, input), as nn4n wants it
target = x.cumsum(0) / 50**0.5


def trainer(rnn, forward):
    """A function that takes one step of training."""
    optimizer = torch.optim.Adam([p for p in rnn.parameters() if p.requires_grad], lr=3e-3, weight_decay=1e-4)

    def step():
        optimizer.zero_grad()
        loss = ((forward() - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def outside(weight):
    """How many weights are not zero where the mask says that there is no synapse."""
    return int(np.count_nonzero(weight.detach().numpy()[masks[1] == 0]))


def train_ours():
    """Trains graphrnn, looks at its weights, and returns the step for timing."""
    step = trainer(ours, lambda: ours(x.transpose(0, 1))[0].transpose(0, 1))
    ours.train()
    losses = [step() for _ in range(STEPS)]
    ours.eval()
    weight = ours.layers[1].weight
    alive = outside(weight.to_dense())
    print(f"graphrnn: loss {losses[0]:.3f} → {losses[-1]:.3f}")
    print(f"  absent synapses that have a weight: {alive:,} of {absent:,}")
    assert alive == 0, "a synapse came into being in graphrnn"
    assert weight.values().numel() == possible - absent, "a synapse went missing in graphrnn"
    return step


def train_nn4n():
    """The same for nn4n, in training, in `eval()`, in the file, and after mending by hand."""
    from nn4n.model import CTRNN

    # (source, target) there
    theirs = CTRNN(dims=[1, 100, 1], dt=10, tau=100, activation="relu", sparsity_masks=[m.T for m in masks])
    for layer, weight in zip(theirs.layers, start, strict=True):
        layer.set_weight(weight)
    layer = theirs.layers[1]
    step = trainer(theirs, lambda: theirs(x)[0])
    theirs.train()
    losses = [step() for _ in range(STEPS)]
    theirs.eval()
    with torch.no_grad():
        alive, readout = outside(layer.weight), theirs(x)[0]
        after_eval, saved = (
            outside(layer.weight),
            outside(theirs.state_dict()["recurrent_layer.hidden_layer.weight"]),
        )
        for each in theirs.layers:
            each.enforce_constraints()  # by hand, as its documentation allows
        mended, change = outside(layer.weight), (theirs(x)[0] - readout).abs().max()
    version = importlib.metadata.version("nn4n")
    print(f"nn4n {version}: loss {losses[0]:.3f} → {losses[-1]:.3f}")
    print(f"  absent synapses that have a weight: {alive:,} of {absent:,}")
    print(f"  after a forward pass in eval(): {after_eval:,}; in state_dict(): {saved:,}")
    print(f"  after enforce_constraints() by hand: {mended:,}; it changes the readout by up to {change:.2g}")
    assert alive == after_eval == saved, "eval() or state_dict() touched the weights in nn4n"
    assert mended == 0, "enforce_constraints() does not enforce the masks in nn4n"
    if version.startswith("1.1."):
        assert alive > 0, "nn4n kept to its masks; this script and the docs should say so"
    theirs.train()
    return step


steps = {"graphrnn": train_ours()}
try:
    steps["nn4n"] = train_nn4n()
except ImportError:
    print("nn4n: not installed (pip install nn4n --no-deps), so its half is left out")

times = {name: statistics.median(seconds) for name, seconds in time_in_turns(steps, rounds=20).items()}
print(
    "a training step, medians in turns:", ", ".join(f"{name} {1e3 * t:.1f} ms" for name, t in times.items())
)
if len(times) == 2:
    print(f"graphrnn is {times['nn4n'] / times['graphrnn']:.1f} times as fast")
