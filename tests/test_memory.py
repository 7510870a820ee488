"""The figures of memory, held against the peaks of processes."""

import re
import sys
from pathlib import Path

import pytest
import torch
from kernel_cases import skip_where_missing

import graphrnn as gr
from graphrnn.kernels import memory_of
from graphrnn.training import TrainingStep
from graphrnn.training.memory import in_new_process, peak_of

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a process forgets its peak on Linux alone")


def wired(neurons, in_degree):
    graph = gr.AreaGraph()
    graph.add_input("x", 1)
    graph.add_area("area", neurons)
    graph.add_readout("y", 1)
    graph.project("x", "area")
    graph.project("area", "area", gr.rules.FixedIndegree(in_degree))
    graph.project("area", "y")
    return graph.compile(seed=0)


def step_of(neurons, in_degree, steps, batch, backend, checkpoint=None, noise=0.0, device="cpu"):
    step = TrainingStep(wired(neurons, in_degree), backend, steps, batch, device)
    step.rnn.checkpoint, step.rnn.preact_noise = checkpoint, noise
    return step


def peak(**case):
    """What a process needs for training steps, above what it needed before."""
    torch.set_num_threads(1)
    step_of(8, 2, 2, 2, case["backend"])()
    return peak_of(lambda: step_of(**case), torch.device("cpu"))


def expected(neurons, in_degree, steps, batch, backend, checkpoint=None, noise=0.0):
    synapses = neurons * (in_degree + 2)
    found = memory_of(backend, checkpoint=checkpoint, noise=int(noise > 0), density=in_degree / neurons)
    return found.total(neurons, synapses, steps, batch)


CASES = {
    "rates": {"neurons": 4000, "in_degree": 4, "steps": 200, "batch": 64},
    "synapses": {"neurons": 10_000, "in_degree": 200, "steps": 2, "batch": 1},
    "rates of some steps": {"neurons": 8000, "in_degree": 4, "steps": 200, "batch": 64, "checkpoint": 20},
    "noise": {"neurons": 4000, "in_degree": 4, "steps": 200, "batch": 64, "noise": 0.1},
}


@LINUX
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", ["native", "torch"])
def test_a_training_step_takes_what_the_figure_says(backend, case, monkeypatch):
    """Not more than the figure and a few MB, and not so little that the figure says nothing."""
    skip_where_missing(backend)
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "1000000")  # what is freed goes back to the system at once
    case = {**CASES[case], "backend": backend}
    bound = expected(**case)
    measured = in_new_process(f"{Path(__file__).stem}:peak", **case)
    assert 0.6 * bound < measured < bound + 20e6


@LINUX
def test_the_bound_of_the_native_backend(monkeypatch):
    """Four times the rates, 40 bytes per synapse and 200 MB, Adam included."""
    skip_where_missing("native")
    case = {"neurons": 10_000, "in_degree": 100, "steps": 50, "batch": 64, "backend": "native"}
    measured = in_new_process(f"{Path(__file__).stem}:peak", **case)
    assert measured < 4 * 4 * 50 * 10_000 * 64 + 40 * 10**6 + 200e6
    assert measured < expected(**case) + 20e6


@pytest.mark.cuda
@pytest.mark.parametrize("checkpoint", [None, 28])
def test_a_training_step_on_a_gpu(checkpoint):
    """Its chunks of time are larger: some 64 MiB each."""
    case = {"neurons": 20_000, "in_degree": 100, "steps": 400, "batch": 64, "checkpoint": checkpoint}
    step = step_of(**case, backend="torch", device="cuda")
    step()
    del step
    measured = peak_of(lambda: step_of(**case, backend="torch", device="cuda"), torch.device("cuda"))
    bound = expected(**case, backend="torch")
    assert 0.6 * bound < measured < bound + 8 * 2**26


def test_checkpoints_trade_kept_rates_for_those_of_a_part():
    """All is T + 2 T / k + k numbers per neuron and trial, which is least at k = √(2 T)."""
    steps = 1800
    sizes = {
        k: memory_of("torch", checkpoint=k).total(1000, 0, steps, 1) for k in (10, 30, 60, 120, 360, steps)
    }
    assert min(sizes, key=sizes.get) == 60
    assert sizes[60] == 1000 * 4 * (2 * steps / 60 + 60 + 12)
    assert sizes[60] < memory_of("torch").total(1000, 0, steps, 1) / 10


def test_what_else_is_kept():
    plain = memory_of("triton")  # 12 of indices and six numbers
    assert (plain.synapse, plain.step) == (36, 4)
    assert memory_of("torch").synapse == 48
    assert memory_of("native")[:2] == (40, 4)
    assert memory_of("native", dtype=torch.float64)[:2] == (64, 8)
    assert memory_of("native", training=False)[:2] == (18, 4)
    assert memory_of("native", noise=2, states=True).step == 16
    assert memory_of("torch_sparse").synapse == plain.synapse + 24
    assert memory_of("torch", density=0.5).synapse == plain.synapse + 8 + 8 + 16
    assert memory_of("torch", density=0.25).synapse == plain.synapse + 16 + 16
    assert memory_of("torch", density=0.25, training=False).synapse == 16


def build(**options):
    net = gr.MultiArea(dims=[2, 100, 1]).compile(seed=0)
    return gr.CTRNN(net, backend="torch", **options)


def last_line(rnn):
    return rnn.explain().splitlines()[-1]


def test_explain_says_it_before_a_run():
    rnn = build()
    training, forward = (
        memory_of("torch", density=rnn.hidden.pattern.density, training=training).synapse
        for training in (True, False)
    )
    assert last_line(rnn) == (
        f"memory: a training step with Adam takes at most {training:.3g} bytes per synapse, and per neuron "
        f"and trial 4 bytes a time step and 48 more; a forward pass alone {forward:.3g}, 4 and 48"
    )
    assert "trial 0.8 bytes a time step and 88 more" in last_line(build(checkpoint=10))
    assert "trial 16 bytes a time step and 48 more" in last_line(build(preact_noise=0.1, postact_noise=0.1))
    assert last_line(gr.CTRNN(rnn.net, backend="reference")) == "memory: neurons squared"
    dynamics = gr.CTRNN(rnn.net, dynamics=gr.nn.Adaptation(0.5))
    assert last_line(dynamics) == "memory: not accounted for step by step"


def test_what_makes_weights_of_values_counts():
    rnn = build()
    synapses = sum(layer.pattern.n_synapses for layer in rnn.layers)
    before = rnn.memory(10, 2)
    rnn.set_plasticity(0.5)
    assert rnn.memory(10, 2) == before + 16 * synapses
    assert build(positivity_constraints=True).memory(10, 2) == before + 8 * synapses
    assert rnn.memory(10, 2, training=False) < rnn.memory(10, 2)


MISTAKES = [
    (
        lambda: gr.CTRNN(gr.MultiArea(seed=0), backend="reference").memory(10, 2),
        "`rnn.memory(...)` knows no figure for further dynamics and the backend `reference`. Measure a run.",
    ),
    (lambda: build().memory(0, 2), "`rnn.memory(...)` needs `time_steps` of at least 1; it got 0."),
    (lambda: build().memory(2, 0), "`rnn.memory(...)` needs `batch` of at least 1; it got 0."),
    (lambda: memory_of("torch", checkpoint=0), "`memory_of` needs `checkpoint` of at least 1; it got 0."),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()
