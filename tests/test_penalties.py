"""Penalties against plain formulas, in `fit` and its log."""

import math
import re

import numpy as np
import pytest
import torch

import graphrnn as gr
from graphrnn.nn import Rewiring
from graphrnn.tasks import PerceptualDecision
from graphrnn.training import (
    Activity,
    Dimensionality,
    Entropy,
    Hebbian,
    Metabolic,
    Penalty,
    Rates,
    RateSpread,
    StatePrediction,
    Weights,
    WiringCost,
    fit,
    load_checkpoint,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def network(**options):
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 2)
    graph.add_area("A", 12, excitatory=0.75, positions=np.arange(12.0))
    graph.add_area("B", 8, excitatory=0.75, positions=np.random.default_rng(0).random((8, 2)))
    graph.add_readout("choice", 2)
    graph.project("stimulus", "A")
    graph.project("A", "A", 0.4)
    graph.project("A", "B", 0.4, excitatory_only=True)
    graph.project("B", "A", 0.4, excitatory_only=True)
    graph.project("B", "choice")
    return gr.CTRNN(graph.compile(seed=0), generator=seeded(), **options)


def seen(rnn=None, batch=5, time=7, dtype=torch.float64):
    rnn = network(dtype=dtype, activation="tanh", dale=True) if rnn is None else rnn
    x = torch.randn(batch, time, 2, generator=seeded(1), dtype=dtype)
    readout, rates, _ = rnn(x)
    return Activity(rnn, x, readout, rates)


def everything(activity):
    """(name, penalty, the plain formula) of each."""
    rnn, r = activity.model, activity.rates.detach().numpy()
    mu, net = r.mean((0, 1)), rnn.net
    w = rnn.hidden.weight.detach().to_dense().numpy()
    within = (net.area_index[net.hidden.post] == 0) & (net.area_index[net.hidden.pre] == 0)
    weights = rnn.hidden.weights.detach().numpy()
    distance = np.abs(net.hidden.post.astype(int) - net.hidden.pre)[within]
    share = np.abs(r).mean((0, 1)) / np.abs(r).mean((0, 1)).sum()
    c = np.cov(r.reshape(-1, 20).T, bias=True)
    eigenvalues = np.linalg.eigvalsh(c)
    ratio = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    energy = np.abs(r).mean((0, 1)) * (0.5 + 2.0 * np.abs(w).sum(0))
    hebb = [np.mean([step @ w @ step for step in trial]) for trial in r]
    return [
        (Rates(1, "L1"), np.abs(r).mean()),
        (Rates(1), (r**2).mean()),
        (Rates(1, "mean L2"), (mu**2).mean()),
        (Rates(1, "L2", areas="B"), (r[:, :, 12:] ** 2).mean()),
        (RateSpread(1), mu.std()),
        (RateSpread(1, "cv"), mu.std() / np.abs(mu).mean()),
        (RateSpread(1, "mean"), np.abs(mu - mu.mean()).mean()),
        (RateSpread(1, "max"), np.abs(mu - mu.mean()).max()),
        (RateSpread(1, areas=("A",)), mu[:12].std()),
        (Entropy(-1), -(share * np.log(share)).sum() / math.log(20)),
        (Weights(1), (weights**2).mean()),
        (Weights(1, "L1", kind="within"), np.abs(weights[within]).mean()),
        (Weights(1, pre="B", post="A"), (w[:12, 12:] ** 2).sum() / net.counts()[0, 1]),
        (Weights(1, which="readout"), (rnn.readout.weights.detach().numpy() ** 2).mean()),
        (WiringCost(1, kind="within"), (np.abs(weights[within]) * distance).mean()),
        (Metabolic(1, spiking=0.5, transmission=2.0), energy.mean()),
        (Dimensionality(1), ratio / 20),
        (Dimensionality(1, target=3.0), ((ratio - 3) / 20) ** 2),
        (StatePrediction(1), ((r[:, 1:] - r[:, :-1]) ** 2).mean()),
        (StatePrediction(1, lag=3), ((r[:, 3:] - r[:, :-3]) ** 2).mean()),
        (Hebbian(-1), np.abs(hebb).mean() / 20),
    ]


def test_each_penalty_is_its_formula_and_has_a_gradient():
    activity = seen()
    for penalty, wanted in everything(activity):
        value = penalty(activity)
        assert value.shape == ()
        assert value.item() == pytest.approx(wanted, rel=1e-9), penalty
        parameters = list(activity.model.parameters())
        gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
        assert any(g is not None and g.abs().sum() > 0 for g in gradients), penalty
        assert all(g is None or g.isfinite().all() for g in gradients), penalty


def test_dimensionality_is_the_same_by_either_gram_matrix():
    rnn = network(dtype=torch.float64, activation="tanh")
    few, many = seen(rnn, batch=2, time=4), seen(rnn, batch=8, time=9)
    for activity in (few, many):
        r = activity.rates.detach().reshape(-1, 20).numpy()
        eigenvalues = np.linalg.eigvalsh(np.cov(r.T, bias=True))
        wanted = eigenvalues.sum() ** 2 / (eigenvalues**2).sum() / 20
        assert Dimensionality(1)(activity).item() == pytest.approx(wanted)


def test_silent_and_equal_rates_have_finite_penalties_and_gradients():
    rnn = network(dtype=torch.float64)
    for level in (0.0, 1.0):
        rates = torch.full((2, 4, 20), level, dtype=torch.float64, requires_grad=True)
        activity = Activity(rnn, rates[:, :, :2], rates[:, :, :2], rates)
        for penalty, _ in everything(seen()):
            value = penalty(activity)
            assert value.isfinite(), penalty
            if value.requires_grad:
                (gradient,) = torch.autograd.grad(value, [rates], retain_graph=True, allow_unused=True)
                assert gradient is None or gradient.isfinite().all(), (penalty, level)


def test_fit_adds_the_penalties_and_logs_them_one_by_one():
    task = PerceptualDecision(60, dt=50.0)
    options = {"epochs": 2, "batch_size": 30, "progress": False}
    plain = fit(network(dt=50.0), task, **options).metrics
    assert "penalty_rates" not in plain
    rnn = network(dt=50.0)
    history = fit(rnn, task, penalties=[Rates(0.1), WiringCost(0.01, kind="within")], **options).metrics
    assert list(history.columns)[-2:] == ["penalty_rates", "penalty_wiring_cost"]
    assert (history[["penalty_rates", "penalty_wiring_cost"]] > 0).all().all()
    rnn, options["epochs"] = network(dt=50.0), 8
    optimizer = torch.optim.Adam(rnn.parameters(), lr=0.02)
    strong = fit(rnn, task, penalties={"quiet": Rates(1e3)}, optimizer=optimizer, **options).metrics
    assert strong["penalty_quiet"].iloc[-1] < 0.7 * strong["penalty_quiet"].iloc[0]
    # the first batch's loss is that of the task alone
    first = fit(network(dt=50.0), task, penalties=Rates(5.0), epochs=1, batch_size=60, progress=False)
    again = fit(network(dt=50.0), task, epochs=1, batch_size=60, progress=False)
    assert first.epochs[0].loss == again.epochs[0].loss


def test_a_run_with_penalties_and_rewiring_resumes_bit_exactly(tmp_path):
    task = PerceptualDecision(60, dt=50.0)
    options = {
        "batch_size": 20,
        "penalties": {"a": Rates(0.1), "b": Weights(0.1)},
        "rewiring": Rewiring(every=2, fraction=0.2, grow="gradient"),
        "validation": PerceptualDecision(20, dt=50.0, seed=1),
        "checkpoint": tmp_path / "run.pt",
        "progress": False,
    }
    whole, half, rest = (network(dt=50.0, dale=True, preact_noise=0.1) for _ in range(3))
    first_net = whole.net
    one = fit(whole, task, epochs=4, **options)
    assert whole.net.hidden != first_net.hidden
    assert whole.net.hidden.size == first_net.hidden.size
    fit(half, task, epochs=2, **options)
    other = fit(rest, task, epochs=4, resume=True, **options)
    assert rest.net == whole.net
    assert torch.equal(rest.hidden.values, whole.hidden.values)
    assert one.metrics.drop(columns="seconds").equals(other.metrics.drop(columns="seconds"))
    best = network(dt=50.0, dale=True)
    load_checkpoint(tmp_path / "run.pt", best, best=True)
    with pytest.raises(ValueError, match="rewiring") as error:
        fit(network(dt=50.0, dale=True), task, epochs=5, resume=True, **(options | {"rewiring": None}))
    assert 'continues a run with rewiring="Rewiring(every=2' in str(error.value)


def test_lbfgs_learns_in_fit():
    task = PerceptualDecision(40, dt=50.0, coherences=[51.2])
    rnn = network(dt=50.0, dale=True, preact_noise=0.05)
    rnn.set_plasticity(0.0, kind="within")
    frozen = rnn.hidden.weights.detach()[rnn.hidden.plasticity == 0]
    optimizer = torch.optim.LBFGS(rnn.parameters(), max_iter=4, line_search_fn="strong_wolfe")
    history = fit(rnn, task, epochs=4, batch_size=40, optimizer=optimizer, progress=False).metrics
    assert history["loss"].iloc[-1] < 0.9 * history["loss"].iloc[0]
    assert torch.equal(rnn.hidden.weights[rnn.hidden.plasticity == 0], frozen)
    rnn.set_plasticity(0.5)
    with pytest.raises(ValueError, match="LBFGS with a plasticity between 0 and 1"):
        fit(rnn, task, optimizer=optimizer, progress=False)


class Plain(torch.nn.Linear):
    def forward(self, x, state=None, generator=None):
        return super().forward(x), x, None


ACTIVITY = seen()
ERRORS = [
    (lambda: Rates(float("nan")), "`Rates(strength=nan)` needs `strength` to be finite; it got nan."),
    (
        lambda: Rates(1, "L3"),
        "`Rates(norm='L3')` needs `norm` to be one of L1, L2, mean L2; it got 'L3'.",
    ),
    (lambda: StatePrediction(1, 0), "`StatePrediction(lag=0)` needs `lag` of at least 1; it got 0."),
    (
        lambda: StatePrediction(1, 9)(ACTIVITY),
        "`StatePrediction(strength=1, lag=9)` needs sequences longer than its lag; they have 7 time steps.",
    ),
    (
        lambda: WiringCost(1)(seen(gr.CTRNN(gr.MultiArea(dims=[2, 10, 2], seed=0), dtype=torch.float64))),
        "`WiringCost(strength=1, kind=None)` needs positions at both ends of every synapse that it counts; "
        "53 of 53 have none. Give the areas `positions`, or choose a `kind`.",
    ),
    (
        lambda: Weights(1, kind="lateral")(ACTIVITY),
        "`Weights(strength=1, norm='L2', which='hidden', kind='lateral', pre=None, post=None)` found no such "
        "synapse. Name projections that exist.",
    ),
    (
        lambda: Rates(1, areas="C")(ACTIVITY),
        "`Rates(strength=1, norm='L2', areas='C')` found no area named 'C'. There is 'A', 'B'.",
    ),
    (
        lambda: Hebbian(1)(Activity(Plain(2, 2), *[torch.zeros(1, 2, 2)] * 3)),
        "`Hebbian(strength=1)` needs a CTRNN, whose synapses it knows; the model is a Plain.",
    ),
    (
        lambda: fit(network(), PerceptualDecision(4, dt=10.0), penalties=[Rates(1), Rates(2)]),
        "`fit(penalties=...)` has two penalties named 'rates'. Give a mapping with a name for each of them.",
    ),
    (
        lambda: fit(network(), PerceptualDecision(4, dt=10.0), penalties=[0.1]),
        "`fit(penalties=...)` needs penalties of graphrnn.training, such as Rates(0.01); it got 0.1.",
    ),
    (
        lambda: fit(network(), PerceptualDecision(4, dt=10.0), penalties=3),
        "`fit(penalties=...)` needs penalties, or a mapping from names to them; it got 3.",
    ),
    (
        lambda: fit(network(), PerceptualDecision(4, dt=10.0), rewiring=0.3),
        "`fit(rewiring=...)` needs a graphrnn.nn.Rewiring or None; it got float.",
    ),
    (
        lambda: fit(Plain(2, 2), PerceptualDecision(4, dt=10.0), rewiring=Rewiring()),
        "`fit(rewiring=...)` needs a CTRNN; the model is a Plain.",
    ),
]


@pytest.mark.parametrize(("call", "wanted"), ERRORS)
def test_what_cannot_be(call, wanted):
    with pytest.raises((ValueError, TypeError), match=re.escape(wanted[:30])) as error:
        call()
    assert str(error.value) == wanted


def test_a_penalty_of_ones_own():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Readout(Penalty):
        def __call__(self, activity):
            return activity.readout.abs().mean()

    task = PerceptualDecision(20, dt=10.0)
    history = fit(network(), task, penalties=[Readout(1.0)], epochs=1, progress=False).metrics
    assert history["penalty_readout"].iloc[0] > 0
