from __future__ import annotations

import dataclasses
import math
import pickle

import numpy as np
import pytest
import torch
from scipy import stats
from torch.utils.data import DataLoader

from graphrnn.tasks import ContextDecision, DelayedMatchToSample, PerceptualDecision, decide

TASKS = [PerceptualDecision, DelayedMatchToSample, ContextDecision]
all_tasks = pytest.mark.parametrize("make", TASKS, ids=lambda make: make.__name__)


def summed_evidence(task, channels=(0, 1)):
    """The choice of an observer that sums what the stimulus period shows."""
    stimulus = task.inputs[:, task.periods["stimulus"]].double().sum(dim=1)
    return (stimulus[:, channels[1]] > stimulus[:, channels[0]]).long()


@all_tasks
def test_shapes_types_and_names(make):
    task = make(37, dt=20)
    assert task.inputs.shape == (37, task.n_steps, task.input_size)
    assert task.inputs.dtype == torch.float32
    assert task.targets.shape == task.scored.shape == (37, task.n_steps)
    assert task.targets.dtype == torch.int64
    assert task.scored.dtype == torch.bool
    assert len(set(task.input_names)) == task.input_size
    assert len(task.readout_names) == task.readout_size == 2
    assert len(task) == len(task.conditions) == 37
    assert set(task.targets.unique().tolist()) == {0, 1}


@all_tasks
def test_target_is_the_correct_choice_at_every_time_step(make):
    task = make(20)
    assert torch.equal(task.targets, task.correct[:, None].expand(20, task.n_steps))
    assert task.conditions["correct_choice"].tolist() == task.correct.tolist()


@all_tasks
def test_scored_is_the_decision_period_and_comes_last(make):
    task = make(3, dt=10, decision=130.0)
    expected = torch.zeros(task.n_steps, dtype=torch.bool)
    expected[-13:] = True
    assert torch.equal(task.scored, expected.expand(3, -1))


@all_tasks
def test_periods_follow_each_other_in_ms(make):
    task = make(1, dt=20)
    stops = [period.stop for period in task.periods.values()]
    starts = [period.start for period in task.periods.values()]
    assert starts == [0, *stops[:-1]]
    assert stops[-1] == task.n_steps
    for name, period in task.periods.items():
        assert (period.stop - period.start) * 20 == getattr(task, name)


@all_tasks
def test_data_loader_batches_a_task(make):
    task = make(10)
    x, target, scored = next(iter(DataLoader(task, batch_size=4)))
    assert torch.equal(x, task.inputs[:4])
    assert torch.equal(target, task.targets[:4])
    assert torch.equal(scored, task.scored[:4])


@all_tasks
def test_seed_alone_decides_the_trials(make):
    before = torch.get_rng_state()
    first, again, other = make(50, seed=3), make(50, seed=3), make(50, seed=4)
    assert torch.equal(first.inputs, again.inputs)
    assert torch.equal(first.correct, again.correct)
    assert not torch.equal(first.inputs, other.inputs)
    assert torch.equal(torch.get_rng_state(), before)


@all_tasks
def test_frozen_comparable_replaceable_and_picklable(make):
    task = make(12, seed=1)
    inputs = task.inputs
    assert task == make(12, seed=1)
    assert hash(task) == hash(make(12, seed=1))
    assert task != make(12, seed=2)
    assert torch.equal(pickle.loads(pickle.dumps(task)).inputs, inputs)
    fresh = dataclasses.replace(task, seed=2)
    assert torch.equal(fresh.inputs, make(12, seed=2).inputs)
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.dt = 5.0


@all_tasks
def test_seed_may_come_from_a_generator_and_is_kept(make):
    task = make(5, seed=np.random.default_rng(0))
    assert torch.equal(task.inputs, make(5, seed=task.seed).inputs)


@all_tasks
def test_conditions_are_spread_evenly(make):
    task = make(720)
    columns = [c for c in task.conditions if c not in ("signed_coherence", "test")]
    counts = task.conditions.groupby(columns).size()
    assert counts.max() - counts.min() <= 1
    assert task.correct.sum() == 360


@all_tasks
def test_few_trials_are_a_random_part_of_the_conditions(make):
    choices = torch.cat([make(3, seed=seed).correct for seed in range(60)])
    assert stats.binomtest(int(choices.sum()), len(choices)).pvalue > 1e-4


@all_tasks
def test_noise_has_the_same_strength_for_every_time_step(make):
    for dt in (2.0, 10.0, 50.0):
        noisy, clean = make(400, dt=dt, noise=0.1), make(400, dt=dt, noise=0.0)
        noise = (noisy.inputs - clean.inputs)[..., : noisy.input_size - noisy._cues].double()
        # The mean over T ms of noise √(2 τ / dt) ε has the standard deviation noise √(2 τ / T).
        expected = 0.1 * math.sqrt(2 * 100.0 / (noisy.n_steps * dt))
        measured = noise.mean(dim=1).flatten()
        statistic = float((measured / expected).square().sum())
        assert 1e-4 < stats.chi2.cdf(statistic, measured.numel()) < 1 - 1e-4
        assert noise.std() == pytest.approx(0.1 * math.sqrt(200.0 / dt), rel=0.02)


def test_cues_carry_no_noise():
    task = ContextDecision(30, noise=1.0)
    assert set(task.inputs[..., 4:].unique().tolist()) == {0.0, 1.0}


def test_perceptual_means():
    task = PerceptualDecision(12, noise=0.0, baseline=0.25, coherences=[20.0])
    stimulus = task.periods["stimulus"]
    strong, weak = task.inputs[:, stimulus].amax(dim=-1), task.inputs[:, stimulus].amin(dim=-1)
    torch.testing.assert_close(strong, torch.full_like(strong, 0.25 + 0.6))
    torch.testing.assert_close(weak, torch.full_like(weak, 0.25 + 0.4))
    assert torch.equal(task.inputs[:, stimulus].argmax(dim=-1)[:, 0], task.correct)
    assert (task.inputs[:, : stimulus.start] == 0.25).all()
    assert (task.inputs[:, stimulus.stop :] == 0.25).all()


def test_ideal_observer_is_graded_and_good_enough():
    task = PerceptualDecision(1)
    accuracies = [task.ideal_accuracy(c) for c in task.coherences]
    assert accuracies[0] == 0.5
    assert 0.6 < accuracies[1] < 0.85 < accuracies[2] < 0.95
    assert accuracies[3] > 0.99
    assert PerceptualDecision(1, noise=0.0).ideal_accuracy(3.2) == 1.0
    assert PerceptualDecision(1, noise=0.0).ideal_accuracy(0.0) == 0.5


@pytest.mark.parametrize("dt", [5.0, 20.0])
def test_ideal_accuracy_is_what_a_summing_observer_reaches(dt):
    task = PerceptualDecision(12_000, dt=dt, coherences=[0.0, 3.2, 6.4, 12.8])
    right = (summed_evidence(task) == task.correct).numpy()
    for coherence, rows in task.conditions.groupby("coherence").groups.items():
        hits = int(right[rows].sum())
        assert stats.binomtest(hits, len(rows), task.ideal_accuracy(coherence)).pvalue > 1e-4


def test_psychometric_curve_of_the_summing_observer():
    task = PerceptualDecision(6_000)
    table = task.psychometric(summed_evidence(task))
    assert table.columns.tolist() == ["signed_coherence", "fraction_choice_1", "trials"]
    levels = [3.2, 6.4, 12.8, 25.6, 51.2]
    assert table["signed_coherence"].tolist() == [*(-c for c in reversed(levels)), 0.0, *levels]
    assert table["trials"].tolist() == [500] * 5 + [1000] + [500] * 5
    assert not np.signbit(task.conditions["signed_coherence"][task.conditions["coherence"] == 0]).any()
    assert table["fraction_choice_1"].is_monotonic_increasing
    assert table["fraction_choice_1"].iloc[[0, -1]].tolist() == [0.0, 1.0]
    assert stats.binomtest(round(table["fraction_choice_1"][5] * 1000), 1000).pvalue > 1e-4


def test_match_is_whether_the_stimuli_are_the_same():
    task = DelayedMatchToSample(300, n_stimuli=4, noise=0.0)
    shown = {}
    for name in ("sample", "test"):
        period = task.inputs[:, task.periods[name]]
        assert (period.sum(dim=-1) == 1).all()
        assert (period == period[:, :1]).all()
        shown[name] = period[:, 0].argmax(dim=-1)
        assert shown[name].tolist() == task.conditions[name].tolist()
    assert torch.equal((shown["sample"] == shown["test"]).long(), task.correct)
    for name in ("fixation", "delay", "decision"):
        assert (task.inputs[:, task.periods[name]] == 0).all()


def test_context_says_which_evidence_decides():
    task = ContextDecision(288, noise=0.0)
    conditions = task.conditions
    motion, colour = summed_evidence(task, (0, 1)), summed_evidence(task, (2, 3))
    assert motion.tolist() == conditions["motion_choice"].tolist()
    assert colour.tolist() == conditions["colour_choice"].tolist()
    context = task.inputs[..., 4:].argmax(dim=-1)
    assert (context == context[:, :1]).all()
    assert context[:, 0].tolist() == conditions["context"].tolist()
    assert torch.equal(task.correct, torch.where(context[:, 0] == 0, motion, colour))
    assert set(conditions["motion_coherence"]) == {5.0, 15.0, 50.0}
    # Half of the trials are incongruent: the cue cannot be ignored.
    assert (motion != colour).sum() == 144


def test_decide_looks_at_the_scored_steps_only():
    scored = torch.tensor([[False, True, True], [True, False, False]])
    readout = torch.tensor(
        [[[9.0, 0.0], [1.0, 2.0], [1.0, 1.0]], [[0.0, 0.1], [5.0, 0.0], [float("nan"), 0.0]]]
    )
    assert decide(readout, scored).tolist() == [1, 1]


@all_tasks
def test_decisions_and_accuracy(make):
    task = make(40)
    readout = torch.nn.functional.one_hot(task.targets, 2).float()
    readout[~task.scored] = 1 - readout[~task.scored]
    assert torch.equal(task.decisions(readout), task.correct)
    assert task.accuracy(readout) == 1.0
    assert task.accuracy(-readout) == 0.0
    readout[:10] *= -1
    assert task.accuracy(readout) == 0.75


def test_periods_of_zero_length_are_left_out():
    task = PerceptualDecision(2, fixation=0, delay=0)
    assert task.periods["stimulus"] == slice(0, 50)
    assert task.n_steps == 70


BAD = [
    (
        lambda: PerceptualDecision(0),
        "`PerceptualDecision(n_trials=0)` needs `n_trials` of at least 1; it got 0.",
    ),
    (
        lambda: PerceptualDecision(2.5),
        "`PerceptualDecision(n_trials=2.5)` needs a whole number for `n_trials`; it got 2.5.",
    ),
    (
        lambda: ContextDecision(dt=0),
        "`ContextDecision(dt=0)` needs `dt` to be finite and above 0; it got 0.",
    ),
    (
        lambda: PerceptualDecision(noise=-1.0),
        "`PerceptualDecision(noise=-1.0)` needs `noise` to be finite and not below 0; it got -1.0.",
    ),
    (
        lambda: PerceptualDecision(noise=math.nan),
        "`PerceptualDecision(noise=nan)` needs `noise` to be finite and not below 0; it got nan.",
    ),
    (
        lambda: PerceptualDecision(seed=-1),
        "`PerceptualDecision(seed=-1)` needs `seed` to be None, a numpy Generator or a whole number "
        "from 0 to 2**63 - 1; it got -1.",
    ),
    (
        lambda: PerceptualDecision(decision=0),
        "`PerceptualDecision(decision=0)` needs `decision` to be finite and above 0; it got 0.",
    ),
    (
        lambda: PerceptualDecision(delay=-5),
        "`PerceptualDecision(delay=-5)` needs `delay` to be finite and not below 0; it got -5.",
    ),
    (
        lambda: PerceptualDecision(dt=300),
        "`PerceptualDecision(fixation=100.0)` is shorter than half a time step of 300 ms. "
        "Lengthen `fixation` or lower `dt`.",
    ),
    (
        lambda: PerceptualDecision(coherences=[]),
        "`PerceptualDecision(coherences=[])` needs at least one coherence. Give percentages from 0 to 100.",
    ),
    (
        lambda: PerceptualDecision(coherences=12.8),
        "`PerceptualDecision(coherences=12.8)` needs a list of percentages. Write [12.8] for a single one.",
    ),
    (
        lambda: ContextDecision(coherences=[10, 120]),
        "`ContextDecision(coherences=[10, 120])` needs percentages from 0 to 100; it got 120.",
    ),
    (
        lambda: ContextDecision(coherences=[-3.2]),
        "`ContextDecision(coherences=[-3.2])` needs `coherences` to be finite and not below 0; it got -3.2.",
    ),
    (
        lambda: PerceptualDecision(baseline=-0.1),
        "`PerceptualDecision(baseline=-0.1)` needs `baseline` to be finite and not below 0; it got -0.1.",
    ),
    (
        lambda: DelayedMatchToSample(n_stimuli=1),
        "`DelayedMatchToSample(n_stimuli=1)` needs `n_stimuli` of at least 2; it got 1.",
    ),
    (
        lambda: PerceptualDecision(4).decisions(torch.zeros(3, 80, 2)),
        "`PerceptualDecision.decisions(readout)` needs a readout of shape (4, 80, 2) (trial, time, readout); "
        "it got (3, 80, 2). Give the readout of all trials in their order.",
    ),
    (
        lambda: PerceptualDecision(4).psychometric(torch.zeros(4, 2)),
        "`PerceptualDecision.psychometric(decisions)` needs one decision per trial, shape (4,); "
        "it got (4, 2). `task.decisions(readout)` makes them.",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message[:45] for _, message in BAD])
def test_bad_arguments(call, message):
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    assert str(error.value) == message
