"""A CTRNN that keeps the rates of some steps alone, and one that torch compiles or exports."""

import re

import pytest
import torch
from kernel_cases import skip_where_missing

import graphrnn as gr
from graphrnn.tasks import PerceptualDecision
from graphrnn.training import evaluate, fit

BACKENDS = ["native", "torch"]
NOISY = {"preact_noise": 0.1, "postact_noise": 0.1}


@pytest.fixture(autouse=True)
def _runs_here(request):
    arguments = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    skip_where_missing(arguments.get("backend"))


def network():
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 2)
    graph.add_area("area", 30, excitatory=0.8)
    graph.add_readout("choice", 2)
    graph.project("stimulus", "area")
    graph.project("area", "area", 0.3)
    graph.project("area", "choice")
    return graph.compile(seed=0)


def build(**options):
    options = {"activation": "tanh", "dtype": torch.float64, **options}
    return gr.CTRNN(network(), generator=torch.Generator().manual_seed(0), **options)


def sequence(batch=4, steps=7):
    return torch.randn(batch, steps, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def run(rnn, x, state=None):
    """A forward pass and the gradients of all parameters."""
    readout, rates, state = rnn(x, state, generator=torch.Generator().manual_seed(2))
    (readout.square().sum() + state.v.sum() + state.r.square().sum()).backward()
    return readout, rates, state, [parameter.grad for parameter in rnn.parameters()]


@pytest.mark.parametrize("checkpoint", [1, 3, 7, 100])
@pytest.mark.parametrize(
    "options",
    [
        {},
        NOISY,
        {"learn_tau": True, "initial_state": "learn"},
        {"dale": True, "batch_first": False},
    ],
)
@pytest.mark.parametrize("backend", [*BACKENDS, "reference"])
def test_changes_nothing_but_which_rates_come_back(backend, options, checkpoint):
    x = sequence()
    if options.get("batch_first") is False:
        x = x.transpose(0, 1)
    readout, rates, state, gradients = run(build(backend=backend, **options), x)
    actual = run(build(backend=backend, checkpoint=checkpoint, **options), x)
    assert torch.allclose(actual[0], readout, rtol=1e-12)
    assert torch.allclose(actual[2].v, state.v, rtol=1e-12)
    assert torch.allclose(actual[2].r, state.r, rtol=1e-12)
    if options.get("batch_first", True):
        kept = [t for t in range(7) if (t + 1) % checkpoint == 0 or t == 6]
        assert torch.allclose(actual[1], rates[:, kept], rtol=1e-12)
    for a, e in zip(actual[3], gradients, strict=True):
        assert torch.allclose(a, e, rtol=1e-10, atol=1e-12)


def test_a_sequence_goes_on_from_its_state_and_one_trial_needs_no_batch():
    rnn, x = build(checkpoint=3), sequence()
    readout, _, state = rnn(x)
    first, _, middle = rnn(x[:, :4])
    second, _, last = rnn(x[:, 4:], middle)
    assert torch.allclose(torch.cat((first, second), dim=1), readout, rtol=1e-12)
    assert torch.allclose(last.v, state.v, rtol=1e-12)
    alone, rates, _ = rnn(x[0])
    assert torch.allclose(alone, readout[0], rtol=1e-12)
    assert rates.shape == (3, 30)


def test_trains_and_evaluates_as_without():
    task = PerceptualDecision(32, dt=50.0)
    results = []
    for checkpoint in (None, 4):
        rnn = build(checkpoint=checkpoint, dt=50.0, preact_noise=0.05)
        history = fit(rnn, task, epochs=2, batch_size=8, progress=False)
        results.append((history.metrics["loss"], evaluate(rnn, task).loss, rnn.hidden.values.detach()))
    (losses, loss, values), (losses_again, loss_again, values_again) = results
    assert losses_again.tolist() == pytest.approx(losses.tolist(), rel=1e-9)
    assert loss_again == pytest.approx(loss, rel=1e-9)
    assert torch.allclose(values_again, values, rtol=1e-8)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (0, ValueError, "`CTRNN(...)` needs `checkpoint` of at least 1; it got 0."),
        (-1, ValueError, "`CTRNN(...)` needs `checkpoint` of at least 1; it got -1."),
        (1.5, TypeError, "`CTRNN(...)` needs a whole number for `checkpoint`; it got 1.5."),
        (True, TypeError, "`CTRNN(...)` needs a whole number for `checkpoint`; it got True."),
    ],
)
def test_refuses(wrong, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        build(checkpoint=wrong)


# torch.compile and torch.export ----------------------------------------------------------------------

OPTIONS = [{}, {"checkpoint": 3}, NOISY, {"learn_tau": True, "dale": True}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_compiles_into_one_graph(backend, options):
    rnn, x = build(backend=backend, **options), sequence()
    torch.compiler.reset()  # after eight variants of one function torch would give up
    compiled = torch.compile(rnn, fullgraph=True, backend="aot_eager")
    results = []
    for module in (compiled, rnn):
        torch.manual_seed(3)
        rnn.zero_grad()
        readout, rates, state = module(x)
        (readout.square().sum() + state.v.sum()).backward()
        results.append([readout, rates, state.v, state.r, *(p.grad for p in rnn.parameters())])
    assert all(torch.allclose(a, e, rtol=1e-12) for a, e in zip(*results, strict=True))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_exports(backend, options):
    rnn, x = build(backend=backend, **options), sequence()
    exported = torch.export.export(rnn, (x,)).module()
    results = []
    for module in (exported, rnn):
        torch.manual_seed(3)
        readout, rates, state = module(x)
        results.append([readout, rates, state.v, state.r])
    assert all(torch.allclose(a, e, rtol=1e-12) for a, e in zip(*results, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_exports_for_any_batch_and_any_number_of_steps(backend):
    rnn = build(backend=backend).eval()
    sizes = ({0: torch.export.Dim("batch"), 1: torch.export.Dim("time")},)
    exported = torch.export.export(rnn, (sequence(),), dynamic_shapes=sizes).module()
    x = sequence(batch=5, steps=11)
    assert torch.allclose(exported(x)[0], rnn(x)[0], rtol=1e-12)
