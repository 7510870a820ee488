"""Delays in the kernels: against a loop with a buffer, outputs and gradients, in every backend."""

import re

import numpy as np
import pytest
import torch
from kernel_cases import (
    NETWORKS,
    SLOW,
    TOLERANCE,
    assert_same,
    draw,
    outputs_and_gradients,
    skip_where_missing,
    weighed,
    with_delays,
)

from graphrnn.kernels import (
    ACTIVATIONS,
    Run,
    available_backends,
    csr,
    delayed_pattern,
    recurrence,
)

LONGEST = [0, 1, 3, 11]  # the last is longer than any of the sequences


def delayed(mask, steps, batch, longest, **options):
    """A network whose synapses have delays of 0 to `longest` steps, and those delays in its values' order."""
    network = draw(mask, steps, batch, **options)
    post, pre = np.nonzero(mask)
    late = np.random.default_rng(longest).integers(0, longest + 1, len(post))
    if len(late):
        late[-1] = longest
    network, order = with_delays(network, late)
    return network, (post[order.numpy()], pre[order.numpy()], late[order.numpy()])


def brute_force(network, synapses, activation="relu"):
    """One step after the other, one synapse after the other, with a buffer of rates."""
    leaves = {name: leaf.detach().clone().requires_grad_() for name, leaf in network.leaves.items()}
    leak, v, f = leaves["alpha"][:, None], leaves["v0"], ACTIVATIONS[activation].function
    buffer = list(leaves["r0"].unbind())
    read_in, read_out = (network.patterns[n].dense(leaves[n]) for n in ("input_values", "readout_values"))
    rates, outputs = [], []
    for t in range(len(leaves["drive"])):
        current = read_in @ leaves["x"][t] + leaves["bias"][:, None] + leaves["drive"][t]
        rows = list(current.unbind())
        for k, (post, pre, late) in enumerate(zip(*synapses, strict=True)):
            rows[post] = rows[post] + leaves["values"][k] * buffer[-1 - late][pre]
        v = (1 - leak) * v + leak * torch.stack(rows)
        r = f(v) if network.rate_noise is None else f(v) + network.rate_noise[t]
        buffer.append(r)
        rates.append(r)
        outputs.append(read_out @ r + leaves["readout_bias"][:, None])
    return Run(torch.stack(rates), v, torch.stack(outputs)), leaves


def results_of_brute_force(network, synapses, activation):
    run, leaves = brute_force(network, synapses, activation)
    found = torch.autograd.grad(weighed(run), leaves.values(), allow_unused=True)
    return {**run._asdict(), **{f"gradient of {n}": g for n, g in zip(leaves, found, strict=True)}}


@pytest.mark.parametrize("longest", LONGEST)
@pytest.mark.parametrize("name", ["asymmetric", "sparse", "dense", "empty rows", "time 1", "one neuron"])
@pytest.mark.parametrize("backend", available_backends())
def test_as_a_loop_with_a_buffer(backend, name, longest):
    skip_where_missing(backend)
    activation = "relu" if longest == 1 else "tanh"
    network, synapses = delayed(*NETWORKS[name], longest, noisy=longest == 3)
    expected = results_of_brute_force(network, synapses, activation)
    got = outputs_and_gradients(network, backend=backend, activation=activation)
    assert set(got) == set(expected)
    assert_same(got, {name: expected[name] for name in got}, TOLERANCE[torch.float64])


@pytest.mark.parametrize("backend", available_backends())
def test_gradients_are_those_of_finite_differences(backend):
    network, _ = delayed(*NETWORKS["asymmetric"], 2)
    names = list(network.leaves)

    def run(*leaves):
        return recurrence(
            **network.arguments(dict(zip(names, leaves, strict=True))), activation="tanh", backend=backend
        )

    leaves = [leaf.requires_grad_() for leaf in network.leaves.values()]
    assert torch.autograd.gradcheck(run, leaves, fast_mode=backend in SLOW)


@pytest.mark.parametrize("longest", [3, 11])
@pytest.mark.parametrize("backend", available_backends()[:-1])
def test_as_the_reference_over_many_chunks_and_tiles(backend, longest, monkeypatch):
    """A sequence that no chunk and no tile of a backend holds at once."""
    skip_where_missing(backend)
    n, steps, batch = (50, 30, 18) if backend in SLOW else (150, 70, 70)
    if backend in SLOW:
        monkeypatch.setitem(csr.CHUNK_BYTES, "cpu", 2**16)
    mask = np.random.default_rng(0).random((n, n)) < 0.1
    network, _ = delayed(mask, steps, batch, longest)
    one, other = (
        outputs_and_gradients(network, backend=name, activation="tanh") for name in ("reference", backend)
    )
    assert_same(other, one, 1e-11)


@pytest.mark.parametrize("backend", available_backends())
def test_delays_of_no_step_are_no_delays(backend):
    network, _ = delayed(*NETWORKS["sparse"], 0)
    plain = network._replace(leaves={**network.leaves, "r0": network.leaves["r0"][0]})
    late, now = (outputs_and_gradients(each, backend=backend) for each in (network, plain))
    late["gradient of r0"] = late["gradient of r0"][0]
    assert_same(late, now, 0)


@pytest.mark.parametrize("backend", available_backends())
def test_a_sequence_in_parts_continues_from_its_last_rates(backend):
    network, _ = delayed(*NETWORKS["sparse"], 3)
    arguments = network.arguments()
    whole = recurrence(**arguments, backend=backend)

    def part(chunk, v0, r0):
        cut = {name: arguments[name][chunk] for name in ("x", "drive")}
        return recurrence(**{**arguments, **cut, "v0": v0, "r0": r0}, backend=backend)

    first = part(slice(0, 2), arguments["v0"], arguments["r0"])
    past = torch.cat([arguments["r0"], first.rates])[-4:]
    second = part(slice(2, None), first.v, past)
    torch.testing.assert_close(torch.cat([first.rates, second.rates]), whole.rates, rtol=0, atol=1e-13)


def test_compiled_it_is_the_same():
    network, _ = delayed(*NETWORKS["sparse"], 3)
    compiled = torch.compile(recurrence, fullgraph=True, backend="eager")
    one, other = (run(**network.arguments(), backend="auto") for run in (recurrence, compiled))
    assert torch.equal(one.rates, other.rates)


MESSAGES = [
    (
        lambda: delayed_pattern([0], [0], [-1], 1),
        "`delayed_pattern` needs delays of 0 steps or more; it got -1.",
    ),
    (
        lambda: delayed_pattern([0], [0], [2**30], 2),
        "`delayed_pattern` keeps indices in 32 bits, for fewer than 2147483648 neurons times steps; it got 2 "
        "neurons and delays of up to 1073741824 steps. Shorten the delays, or take a longer dt.",
    ),
    (
        lambda: recurrence(**delayed(*NETWORKS["sparse"], 2)[0].arguments(), checkpoint=2),
        "`recurrence` keeps the rates of every step under delays, which read those of several steps before. "
        "Leave `checkpoint` out.",
    ),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES)
def test_messages(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


@pytest.mark.parametrize("backend", available_backends())
@pytest.mark.parametrize(
    ("r0", "got"),
    [
        (torch.zeros(3, 4), "rates of one step (neuron, batch)"),
        (torch.zeros(5, 3, 4), "5 steps"),
        (torch.zeros(902, 3, 4), "902 steps"),
        (None, "None"),
    ],
)
def test_a_start_of_another_length_than_the_delays(backend, r0, got):
    delays = delayed_pattern([0, 1, 2], [1, 2, 0], [0, 50, 900], 3)
    with pytest.raises(ValueError, match="needs `r0` of the 901 steps") as caught:
        recurrence(
            torch.ones(3),
            delays.pattern,
            torch.zeros(2, 3, 4),
            torch.ones(3),
            torch.zeros(3, 4),
            r0,
            backend=backend,
        )
    assert str(caught.value) == (
        "`recurrence` needs `r0` of the 901 steps that the delays in `pattern` reach, (window, neuron, "
        f"batch); it got {got}. Pass the rates of the last `Delayed.window` steps, the oldest first."
    )
