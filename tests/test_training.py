from __future__ import annotations

import builtins
import dataclasses
import io
import math
import os
import pickle
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import graphrnn as gr
import graphrnn.training.checkpoints as checkpoints_module
from graphrnn.tasks import ContextDecision, PerceptualDecision
from graphrnn.training import Evaluation, History, evaluate, fit, load_checkpoint, save_checkpoint


class Network(nn.Module):
    """A stand-in for CTRNN: the same call, noise from the generator in train() only."""

    def __init__(self, inputs=2, hidden=12, readouts=2, noise=0.1, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.rnn = nn.RNN(inputs, hidden, nonlinearity="relu", batch_first=True)
            self.readout = nn.Linear(hidden, readouts)
        self.noise = noise

    def forward(self, x, state=None, generator=None):
        if self.training and self.noise:
            x = x + self.noise * torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        rates, state = self.rnn(x, state)
        return self.readout(rates), rates, state


TASK = PerceptualDecision(48, dt=50.0)
HELD_OUT = PerceptualDecision(24, dt=50.0, seed=1)


def train(model, **changes):
    arguments = {"dataset": TASK, "validation": HELD_OUT, "epochs": 4, "batch_size": 20, "progress": False}
    return fit(model, **(arguments | changes))


def assert_same_weights(first, second):
    first, second = first.state_dict(), second.state_dict()
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def assert_same_metrics(first, second):
    a, b = (history.metrics.drop(columns="seconds") for history in (first, second))
    assert a.equals(b)


def content(path):
    return torch.load(path, weights_only=True)


def message_of(call, kinds=(ValueError, TypeError)):
    with pytest.raises(kinds) as error:
        call()
    return str(error.value)


def test_network_learns_an_easy_decision_quickly():
    train_task = PerceptualDecision(600, dt=20.0, coherences=[25.6, 51.2])
    test_task = PerceptualDecision(300, dt=20.0, coherences=[25.6, 51.2], seed=1)
    model = Network(hidden=24, noise=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    arguments = {"epochs": 6, "patience": 6, "optimizer": optimizer, "progress": False}
    history = fit(model, train_task, validation=test_task, **arguments)
    assert history.metrics["validation_loss"].min() < 0.3
    result = evaluate(model, test_task)
    assert result.accuracy > 0.9
    curve = test_task.psychometric(result.decisions)["fraction_choice_1"]
    assert curve.iloc[0] < 0.1
    assert curve.iloc[-1] > 0.9


def test_history_is_a_table_with_a_row_per_epoch():
    history = train(Network())
    assert isinstance(history, History)
    assert history.metrics.columns.tolist() == [
        *("epoch", "loss", "accuracy", "gradient_norm"),
        *("validation_loss", "validation_accuracy", "seconds"),
    ]
    assert history.metrics["epoch"].tolist() == [1, 2, 3, 4]
    assert np.isfinite(history.metrics.to_numpy()).all()
    assert history.best_epoch == 1 + history.metrics["validation_loss"].idxmin()
    assert not history.stopped_early
    without = train(Network(), validation=None)
    assert without.best_epoch is None
    assert without.metrics["validation_loss"].isna().all()
    assert without.metrics["loss"].tolist() == history.metrics["loss"].tolist()


def test_one_step_is_the_step_of_plain_torch():
    model, plain = Network(noise=0.0), Network(noise=0.0)
    history = train(model, epochs=1, batch_size=48, validation=None)
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)
    readout = plain(TASK.inputs)[0]
    losses = nn.functional.cross_entropy(readout.transpose(1, 2), TASK.targets, reduction="none")
    loss = losses[TASK.scored].mean()
    loss.backward()
    norm = torch.stack([p.grad.square().sum() for p in plain.parameters()]).sum().sqrt()
    assert history.epochs[0].loss == pytest.approx(loss.item(), rel=1e-5)
    assert history.epochs[0].gradient_norm == pytest.approx(norm.item(), rel=1e-4)
    assert history.epochs[0].accuracy == TASK.accuracy(readout)
    optimizer.step()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("clip", [1e-3, None])
def test_clipping_limits_the_gradient(clip):
    model = Network(noise=0.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    history = train(model, epochs=1, batch_size=48, clip=clip, optimizer=optimizer, validation=None)
    moved = math.sqrt(sum((model.state_dict()[n] - before[n]).square().sum().item() for n in before))
    norm = history.epochs[0].gradient_norm
    assert norm > 1e-3
    assert moved == pytest.approx(norm if clip is None else clip, rel=1e-3)


class Scripted(nn.Module):
    """Gives the readouts it was made with, so that losses can be computed by hand."""

    def __init__(self, readout):
        super().__init__()
        self.values = nn.Parameter(torch.tensor(readout))

    def forward(self, x, state=None, generator=None):
        return self.values.expand(len(x), -1, -1), None, None


def test_loss_and_accuracy_are_means_over_scored_steps_and_trials():
    model = Scripted([[0.0, 1.0], [2.0, 0.0], [0.0, 3.0]])
    x = torch.zeros(3, 1)
    trials = [
        (x, torch.tensor([1, 0, 1]), torch.tensor([False, True, False])),
        (x, torch.tensor([0, 1, 1]), torch.tensor([False, True, True])),
        (x, torch.tensor([0, 0, 0]), torch.tensor([True, True, True])),
    ]
    log_likelihood = nn.functional.log_softmax(model.values, dim=-1)
    losses = [log_likelihood[1, 0]]
    losses += [log_likelihood[1, 1], log_likelihood[2, 1]]
    losses += [log_likelihood[0, 0], log_likelihood[1, 0], log_likelihood[2, 0]]
    for batch_size in (1, 2, 3):
        result = evaluate(model, trials, batch_size=batch_size)
        assert isinstance(result, Evaluation)
        assert result.loss == pytest.approx(-sum(losses).item() / 6)
        assert result.decisions.tolist() == [0, 1, 1]
        assert result.accuracy == pytest.approx(2 / 3)


def test_trial_without_a_scored_step_does_not_count():
    model = Scripted([[0.0, 1.0], [0.0, 1.0]])
    x, target = torch.zeros(2, 1), torch.tensor([0, 0])
    trials = [(x, target, torch.tensor([False, False])), (x, target, torch.tensor([False, True]))]
    result = evaluate(model, trials)
    assert result.accuracy == 0.0
    assert result.loss == pytest.approx(math.log(1 + math.e))


def test_unscored_steps_have_no_gradient():
    model = Scripted([[0.0, 1.0], [2.0, 0.0], [0.0, 3.0]])
    trial = (torch.zeros(3, 1), torch.tensor([0, 0, 1]), torch.tensor([False, True, False]))
    fit(model, [trial], epochs=1, progress=False)
    moved = (model.values != torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.0, 3.0]])).any(dim=1)
    assert moved.tolist() == [False, True, False]


def test_mean_squared_error_and_own_losses():
    readout = [[0.5, 1.0], [2.0, 0.0]]
    scored = torch.tensor([True, True])
    classes = [(torch.zeros(2, 1), torch.tensor([1, 0]), scored)]
    values = [(torch.zeros(2, 1), torch.tensor([[0.0, 1.0], [1.0, 0.0]]), scored)]
    by_hand = (0.25 + 0.0 + 1.0 + 0.0) / 4
    assert evaluate(Scripted(readout), classes, loss="mse").loss == pytest.approx(by_hand)
    result = evaluate(Scripted(readout), values, loss="mse")
    assert result.loss == pytest.approx(by_hand)
    assert math.isnan(result.accuracy)
    own = evaluate(Scripted(readout), values, loss=lambda r, t: (r - t).abs().mean())
    assert own.loss == pytest.approx(1.5 / 4)
    history = fit(Scripted(readout), values, loss=nn.L1Loss(), epochs=2, progress=False)
    assert history.epochs[1].loss < history.epochs[0].loss


def test_evaluation_is_without_noise_and_gradient_and_keeps_modes():
    class Watched(Network):
        def forward(self, x, state=None, generator=None):
            assert not self.training
            assert not torch.is_grad_enabled()
            return super().forward(x, state, generator)

    model = Watched(noise=5.0)
    model.rnn.eval()
    before = torch.get_rng_state()
    first, second = evaluate(model, TASK), evaluate(model, TASK, batch_size=7)
    assert first.loss == pytest.approx(second.loss, rel=1e-6)
    assert torch.equal(first.decisions, second.decisions)
    assert first.accuracy == TASK.accuracy(Network.forward(model.eval(), TASK.inputs)[0])
    model = Watched()
    model.rnn.eval()
    evaluate(model, TASK)
    assert (model.training, model.rnn.training, model.readout.training) == (True, False, True)
    assert torch.equal(torch.get_rng_state(), before)


def test_modes_are_put_back_after_an_error():
    model = Scripted([[math.nan, 0.0]] * TASK.n_steps).eval()
    with pytest.raises(FloatingPointError):
        train(model)
    assert not model.training


def test_fit_trains_in_train_mode_and_puts_modes_back():
    seen = []

    class Watched(Network):
        def forward(self, x, state=None, generator=None):
            seen.append((self.training, generator is not None))
            return super().forward(x, state, generator)

    model = Watched().eval()
    train(model, epochs=2)
    assert seen == ([(True, True)] * 3 + [(False, False)] * 2) * 2
    assert not model.training


def test_seed_decides_order_and_noise_and_the_default_stream_rests():
    before = torch.get_rng_state()
    first, again, other = Network(), Network(), Network()
    histories = [train(first, seed=5), train(again, seed=5), train(other, seed=6)]
    assert_same_weights(first, again)
    assert_same_metrics(histories[0], histories[1])
    assert not torch.equal(first.readout.weight, other.readout.weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_trial_is_seen_once_per_epoch_in_changing_order():
    class Recorder(Network):
        def forward(self, x, state=None, generator=None):
            rows.extend(x[:, :, 0].sum(dim=1).tolist())
            return super().forward(x, state, generator)

    rows: list[float] = []
    train(Recorder(), epochs=2, validation=None)
    first, second = rows[:48], rows[48:]
    assert sorted(first) == sorted(second) == sorted(TASK.inputs[:, :, 0].sum(dim=1).tolist())
    assert first != second


def test_model_in_float64_gets_inputs_in_float64():
    model = Network(noise=0.0).double()
    train(model, epochs=1)
    assert model.readout.weight.dtype == torch.float64


def momentum(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)


@pytest.mark.parametrize("make_optimizer", [None, momentum], ids=["adam", "momentum"])
@pytest.mark.parametrize("stop", [1, 3])
def test_resume_is_bit_exact(tmp_path, stop, make_optimizer):
    def run(model, **changes):
        optimizer = make_optimizer(model) if make_optimizer else None
        return train(model, optimizer=optimizer, **changes)

    whole, first, second = Network(), Network(), Network(seed=9)
    uninterrupted = run(whole, checkpoint=tmp_path / "whole.pt")
    run(first, epochs=stop, checkpoint=tmp_path / "part.pt")
    resumed = run(second, checkpoint=tmp_path / "part.pt", resume=True)
    assert_same_weights(whole, second)
    assert_same_metrics(uninterrupted, resumed)
    assert uninterrupted.best_epoch == resumed.best_epoch
    a, b = (content(tmp_path / f"{name}.pt")["optimizer"] for name in ("whole", "part"))
    assert a["param_groups"] == b["param_groups"]
    assert a["state"].keys() == b["state"].keys() != set()
    for index, state in a["state"].items():
        for name, value in state.items():
            assert torch.equal(value, b["state"][index][name])


def test_interrupt_within_an_epoch_leaves_the_last_checkpoint_to_resume_from(tmp_path):
    class Interrupted(Network):
        calls = 0

        def forward(self, x, state=None, generator=None):
            self.calls += 1
            if self.calls == 13:  # 5 calls per epoch: in the middle of the third
                raise KeyboardInterrupt
            return super().forward(x, state, generator)

    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        train(Interrupted(), checkpoint=path)
    assert len(content(path)["extra"]["epochs"]) == 2
    whole, resumed = Network(), Network()
    uninterrupted = train(whole)
    assert_same_metrics(train(resumed, checkpoint=path, resume=True), uninterrupted)
    assert_same_weights(whole, resumed)


KILLED_IN_THE_SECOND_EPOCH = """
import os, signal, sys, torch
from test_training import Network, train

class Killed(Network):
    calls = 0

    def forward(self, x, state=None, generator=None):
        Killed.calls += 1
        if Killed.calls == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x, state, generator)

torch.set_num_threads(int(sys.argv[2]))
train(Killed(), checkpoint=sys.argv[1])
"""


def test_killed_process_resumes_bit_exactly(tmp_path):
    path = tmp_path / "run.pt"
    command = [sys.executable, "-c", KILLED_IN_THE_SECOND_EPOCH, str(path), str(torch.get_num_threads())]
    search_path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    killed = subprocess.run(command, check=False, env=os.environ | {"PYTHONPATH": search_path})
    assert killed.returncode == -signal.SIGKILL
    assert len(content(path)["extra"]["epochs"]) == 1
    whole, resumed = Network(), Network(seed=3)
    uninterrupted = train(whole)
    assert_same_metrics(train(resumed, checkpoint=path, resume=True), uninterrupted)
    assert_same_weights(whole, resumed)


def test_resume_from_another_path_and_from_nothing(tmp_path):
    whole, branch, fresh = Network(), Network(), Network()
    train(whole)
    train(Network(), epochs=2, checkpoint=tmp_path / "a.pt")
    before = (tmp_path / "a.pt").read_bytes()
    train(branch, resume=tmp_path / "a.pt", checkpoint=tmp_path / "b.pt")
    assert_same_weights(whole, branch)
    assert (tmp_path / "a.pt").read_bytes() == before
    train(fresh, resume=True, checkpoint=tmp_path / "new.pt")
    assert_same_weights(whole, fresh)


def test_resume_of_a_finished_run_changes_nothing(tmp_path):
    model, again = Network(), Network(seed=1)
    first = train(model, checkpoint=tmp_path / "run.pt")
    second = train(again, checkpoint=tmp_path / "run.pt", resume=True)
    assert second == first
    assert_same_weights(model, again)


def test_early_stop_restores_the_best_weights(tmp_path):
    model, path = Network(noise=0.0), tmp_path / "run.pt"
    # A learning rate that overshoots: the validation loss is lowest somewhere before the end.
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    arguments = {"epochs": 60, "patience": 3, "clip": None, "checkpoint": path}
    history = train(model, optimizer=optimizer, **arguments)
    losses = history.metrics["validation_loss"]
    assert history.stopped_early
    assert len(losses) == history.best_epoch + 3
    assert losses.idxmin() + 1 == history.best_epoch
    assert evaluate(model, HELD_OUT, batch_size=20).loss == losses.min()

    last, best = Network(seed=4), Network(seed=5)
    load_checkpoint(path, last)
    load_checkpoint(path, best, best=True)
    assert_same_weights(best, model)
    assert evaluate(last, HELD_OUT, batch_size=20).loss == losses.iloc[-1]

    resumed = Network(seed=6)
    optimizer = torch.optim.SGD(resumed.parameters(), lr=1.0)
    assert train(resumed, optimizer=optimizer, resume=True, **arguments) == history
    assert_same_weights(resumed, model)


def test_best_weights_are_restored_without_an_early_stop():
    model = Network(noise=0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    history = train(model, optimizer=optimizer, epochs=12, patience=12, clip=None)
    assert not history.stopped_early
    assert history.best_epoch < 12
    assert evaluate(model, HELD_OUT, batch_size=20).loss == history.metrics["validation_loss"].min()


def test_crash_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    save_checkpoint(path, Network(seed=1))
    old = path.read_bytes()

    def half_written(payload, file):
        file.write(old[: len(old) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints_module.torch, "save", half_written)
    with pytest.raises(ValueError, match="cannot write this file: No space left on device"):
        save_checkpoint(path, Network(seed=2))
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["run.pt"]


def test_new_file_is_on_the_disk_before_it_takes_the_place(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append((a.parent, b)), replace(a, b))[1])
    save_checkpoint(tmp_path / "run.pt", Network())
    assert events[:2] == ["fsync", (tmp_path, tmp_path / "run.pt")]


def test_checkpoint_round_trip(tmp_path):
    model = Network()
    optimizer = torch.optim.Adam(model.parameters())
    train(model, optimizer=optimizer)
    extra = {"numbers": [1, 2.5, None, True], "tensor": torch.arange(3)}
    save_checkpoint(tmp_path / "model.pt", model, optimizer=optimizer, extra=extra)
    other = Network(seed=7)
    its_optimizer = torch.optim.Adam(other.parameters(), lr=0.5)
    back = load_checkpoint(str(tmp_path / "model.pt"), other, optimizer=its_optimizer)
    assert back["numbers"] == extra["numbers"]
    assert torch.equal(back["tensor"], extra["tensor"])
    assert_same_weights(model, other)
    assert its_optimizer.param_groups[0]["lr"] == 1e-3
    assert its_optimizer.state_dict()["state"].keys() == optimizer.state_dict()["state"].keys()


class Bomb:
    def __reduce__(self):
        return (builtins.exec, ("raise SystemExit('a pickle was executed')",))


def broken_files(path):
    save_checkpoint(path, Network())
    whole = path.read_bytes()
    one_bit = bytearray(whole)
    one_bit[whole.index(Network().readout.weight.detach().numpy().tobytes())] ^= 1
    npz, weights, bomb = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(npz, a=np.arange(3))
    torch.save(Network().state_dict(), weights)
    torch.save({"format": "graphrnn checkpoint 1", "model": Bomb()}, bomb)
    return {
        "truncated": whole[: len(whole) // 2],
        "almost whole": whole[:-1],
        "one bit": bytes(one_bit),
        "empty": b"",
        "text": b"[network]\nseed = 0\n",
        "npz": npz.getvalue(),
        "bare state_dict": weights.getvalue(),
        "pickle": pickle.dumps({"format": 1}),
        "pickle that executes": bomb.getvalue(),
    }


@pytest.mark.parametrize(
    "kind",
    [
        *("truncated", "almost whole", "one bit", "empty", "text"),
        *("npz", "bare state_dict", "pickle", "pickle that executes"),
    ],
)
def test_broken_and_foreign_files_leave_the_model_alone(tmp_path, kind):
    path = tmp_path / "file.pt"
    path.write_bytes(broken_files(path)[kind])
    model, untouched = Network(seed=2), Network(seed=2)
    ending = (
        "cannot read this file: it is truncated, damaged or not a checkpoint of graphrnn. "
        "Give a file that `fit(checkpoint=...)` or `save_checkpoint` wrote."
    )
    assert message_of(lambda: load_checkpoint(path, model)) == f"`load_checkpoint({str(path)!r})` {ending}"
    assert message_of(lambda: train(model, resume=path)) == f"`fit(resume={str(path)!r})` {ending}"
    assert_same_weights(model, untouched)


def test_checkpoint_of_another_network_leaves_the_model_alone(tmp_path):
    path = tmp_path / "other.pt"
    start = f"`load_checkpoint({str(path)!r})` holds another network: "
    hint = "Build the network as it was built for the checkpoint."
    model, untouched = Network(seed=2), Network(seed=2)

    save_checkpoint(path, Network(hidden=5))
    assert message_of(lambda: load_checkpoint(path, model)) == (
        f"{start}its 'rnn.weight_ih_l0' has shape (5, 2), the model's (12, 2). {hint}"
    )
    save_checkpoint(path, nn.Linear(2, 2))
    assert message_of(lambda: load_checkpoint(path, model)) == f"{start}it has no 'rnn.weight_ih_l0'. {hint}"
    larger = Network()
    larger.scale = nn.Parameter(torch.ones(1))
    save_checkpoint(path, larger)
    assert message_of(lambda: load_checkpoint(path, model)) == f"{start}the model has no 'scale'. {hint}"
    assert_same_weights(model, untouched)


def test_model_that_refuses_while_loading_is_put_back(tmp_path):
    class Digest(nn.Module):
        """Refuses the digest of other synapses, as CTRNN does."""

        def __init__(self, digest):
            super().__init__()
            self.digest = digest

        def get_extra_state(self):
            return self.digest

        def set_extra_state(self, digest):
            if digest != self.digest:
                raise ValueError("the synapses of the checkpoint are others.")

    def network(digest, seed):
        model = Network(seed=seed)
        model.pattern = Digest(digest)  # the last submodule: all weights are loaded when it refuses
        return model

    path = tmp_path / "digest.pt"
    save_checkpoint(path, network("a", seed=1))
    same, model, untouched = network("a", seed=2), network("b", seed=2), network("b", seed=2)
    load_checkpoint(path, same)
    assert_same_weights(same.rnn, Network(seed=1).rnn)
    assert message_of(lambda: load_checkpoint(path, model)) == (
        f"`load_checkpoint({str(path)!r})` cannot put this checkpoint into the model: "
        "the synapses of the checkpoint are others."
    )
    assert_same_weights(model.rnn, untouched.rnn)
    assert_same_weights(model.readout, untouched.readout)


def test_optimizer_of_another_kind(tmp_path):
    path, model, untouched = tmp_path / "run.pt", Network(seed=2), Network(seed=2)
    call = f"`load_checkpoint({str(path)!r})`"
    save_checkpoint(path, Network(), optimizer=torch.optim.Adam(Network().parameters()))
    sgd = torch.optim.SGD(model.parameters())
    assert message_of(lambda: load_checkpoint(path, model, optimizer=sgd)) == (
        f"{call} holds the state of Adam; the optimizer is SGD. "
        "Use the same kind, or leave out `optimizer` to get the weights alone."
    )
    part = torch.optim.Adam([model.readout.weight])
    assert message_of(lambda: load_checkpoint(path, model, optimizer=part)) == (
        f"{call} holds an optimizer with [6] parameters in its groups; this one has [1]. "
        "Build the optimizer over the same parameters."
    )
    save_checkpoint(path, Network())
    assert message_of(lambda: load_checkpoint(path, model, optimizer=sgd)) == (
        f"{call} holds no optimizer state. Leave out `optimizer` to get the weights alone."
    )
    assert message_of(lambda: load_checkpoint(path, model, best=True)) == (
        f"{call} found no best weights, because they are kept by `fit(validation=...)` only. "
        "Leave out `best=True` to get the last weights."
    )
    assert_same_weights(model, untouched)


def test_resume_with_other_settings(tmp_path):
    path = tmp_path / "run.pt"
    train(Network(), epochs=1, checkpoint=path)
    model, untouched = Network(seed=2), Network(seed=2)
    ending = "Use the same, or put the checkpoint into the model with `load_checkpoint` and start a new run."
    for changes, there, here in [
        ({"batch_size": 8}, "batch_size=20", "batch_size=8"),
        ({"seed": 3}, "seed=0", "seed=3"),
        ({"clip": None}, "clip=1.0", "clip=None"),
        ({"loss": "mse"}, "loss='cross_entropy'", "loss='mse'"),
        ({"dataset": HELD_OUT}, "trials=48", "trials=24"),
    ]:
        assert message_of(lambda changes=changes: train(model, checkpoint=path, resume=True, **changes)) == (
            f"`fit(resume={str(path)!r})` continues a run with {there}; this call has {here}. {ending}"
        )
    save_checkpoint(path, Network())
    assert message_of(lambda: train(model, resume=path)) == (
        f"`fit(resume={str(path)!r})` found a checkpoint that `fit` did not write. "
        "Put it into the model with `load_checkpoint` and train from there."
    )
    assert_same_weights(model, untouched)


def test_paths_that_cannot_be(tmp_path):
    missing = tmp_path / "nowhere" / "run.pt"
    assert message_of(lambda: train(Network(), checkpoint=missing)) == (
        f"`fit(checkpoint={str(missing)!r})` found no folder {str(missing.parent)!r}. Create it first."
    )
    assert message_of(lambda: save_checkpoint(tmp_path, Network())) == (
        f"`save_checkpoint({str(tmp_path)!r})` needs a file; {str(tmp_path)!r} is a folder. Add a file name."
    )
    absent = tmp_path / "absent.pt"
    assert message_of(lambda: load_checkpoint(absent, Network())) == (
        f"`load_checkpoint({str(absent)!r})` found no such file. Give the path of a checkpoint."
    )
    assert message_of(lambda: train(Network(), resume=absent)) == (
        f"`fit(resume={str(absent)!r})` found no such file. Give the path of a checkpoint."
    )


def test_what_cannot_be_read_back_safely_is_not_written(tmp_path):
    path = tmp_path / "run.pt"
    assert message_of(lambda: save_checkpoint(path, Network(), extra={"a": [1, np.float64(2)]})) == (
        f"`save_checkpoint({str(path)!r})` writes tensors, numbers, strings and lists or dicts of them; "
        "`extra['a'][1]` is a numpy.float64. Convert it first."
    )
    assert not path.exists()


@pytest.mark.parametrize("what", ["loss", "norm of the gradient"])
def test_nan_stops_the_training_before_the_step(tmp_path, what):
    class Fails(Network):
        calls = 0

        def forward(self, x, state=None, generator=None):
            readout, rates, state = super().forward(x, state, generator)
            self.calls += self.training
            if self.calls == 5:
                self.before = {name: value.clone() for name, value in self.state_dict().items()}
                if what == "loss":
                    readout = readout * math.nan
                else:
                    readout.register_hook(lambda gradient: gradient * math.nan)
            return readout, rates, state

    model, path = Fails(), tmp_path / "run.pt"
    assert message_of(lambda: train(model, checkpoint=path), FloatingPointError) == (
        f"`fit(...)` stopped because the {what} became nan in epoch 2, batch 2; the model keeps the weights "
        "from before this batch. Look for NaN in the inputs, lower the learning rate or `clip`, "
        "or start from a smaller spectral radius."
    )
    for name, value in model.before.items():
        assert torch.equal(model.state_dict()[name], value)
    assert len(content(path)["extra"]["epochs"]) == 1


def test_progress_bar_goes_to_stderr_and_can_be_off(capsys):
    train(Network(), epochs=2, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "epoch 2/2" in shown.err
    assert "6/6" in shown.err
    assert "loss=" in shown.err
    train(Network(), epochs=1, progress=False)
    assert capsys.readouterr() == ("", "")


def ctrnn(wiring=0, weights=0):
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 2)
    graph.add_area("V1", 12)
    graph.add_readout("choice", 2)
    graph.project("stimulus", "V1")
    graph.project("V1", "V1", gr.FixedIndegree(4))
    graph.project("V1", "choice")
    generator = torch.Generator().manual_seed(weights)
    noise = {"preact_noise": 0.1, "postact_noise": 0.1}
    return gr.CTRNN(graph.compile(seed=wiring), dt=50.0, tau=100.0, generator=generator, **noise)


def test_ctrnn_with_noise_resumes_bit_exactly(tmp_path):
    before = torch.get_rng_state()
    whole, first, second = ctrnn(), ctrnn(), ctrnn(weights=1)
    uninterrupted = train(whole)
    train(first, epochs=2, checkpoint=tmp_path / "run.pt")
    resumed = train(second, checkpoint=tmp_path / "run.pt", resume=True)
    assert_same_weights(whole, second)
    assert_same_metrics(uninterrupted, resumed)
    assert torch.equal(torch.get_rng_state(), before)


def test_ctrnn_refuses_a_checkpoint_of_other_synapses_of_the_same_number(tmp_path):
    path = tmp_path / "run.pt"
    save_checkpoint(path, ctrnn())
    model, untouched = ctrnn(wiring=1, weights=1), ctrnn(wiring=1, weights=1)
    start = f"`load_checkpoint({str(path)!r})` cannot put this checkpoint into the model: "
    assert message_of(lambda: load_checkpoint(path, model)).startswith(start)
    assert_same_weights(model, untouched)


def trial(**changes):
    parts = {
        "x": torch.zeros(4, 2),
        "target": torch.zeros(4, dtype=torch.int64),
        "scored": torch.ones(4, dtype=torch.bool),
    }
    return [tuple((parts | changes).values())]


def with_dt(model, dt):
    model.dt = dt
    return model


def time_first(model):
    model.batch_first = False
    return model


def frozen():
    return Network().requires_grad_(False)


class Bare(nn.Linear):
    def forward(self, x, state=None, generator=None):
        return super().forward(x)


FIT = "`fit(model, dataset)`"
BAD = {
    "model": (
        lambda: fit("rnn", TASK),
        f"{FIT} needs a torch.nn.Module such as CTRNN; it got str.",
    ),
    "bare readout": (
        lambda: train(Bare(2, 2)),
        f"{FIT} needs a model that returns `(readout, rates, state)` with a readout of shape "
        "(batch, time, readout), as CTRNN does; Bare returned something else.",
    ),
    "dataset": (
        lambda: fit(Network(), 3),
        f"{FIT} needs a dataset with a length and items `(x, target, scored)`, such as a task of "
        "graphrnn.tasks; it got int.",
    ),
    "empty": (lambda: fit(Network(), []), f"{FIT} needs at least one trial; the dataset is empty."),
    "pairs": (
        lambda: fit(Network(), [(torch.zeros(3, 2), torch.zeros(3))]),
        f"{FIT} needs items `(x, target, scored)` of three tensors; the first item of the dataset is "
        "something else. Add a boolean `scored` (time,) that says where the loss looks.",
    ),
    "dt": (
        lambda: train(with_dt(Network(), 10.0)),
        f"{FIT} needs one time step for both; the model has dt=10 ms and the dataset dt=50 ms. "
        "Give both the same `dt`.",
    ),
    "time first": (
        lambda: train(time_first(Network())),
        f"{FIT} gives x as (batch, time, input); the model has `batch_first=False`. "
        "Build it with `batch_first=True`.",
    ),
    "nothing scored": (
        lambda: fit(Network(), trial(scored=torch.zeros(4, dtype=torch.bool)), progress=False),
        f"{FIT} found a batch in which no time step is scored. "
        "Mark the time steps to learn from as True in `scored`.",
    ),
    "scored as numbers": (
        lambda: fit(Network(), trial(scored=torch.ones(4)), progress=False),
        f"{FIT} needs `scored` as a boolean mask of shape (1, 4) (batch, time) for a readout of shape "
        "(1, 4, 2); it got torch.float32 of shape (1, 4).",
    ),
    "target per trial": (
        lambda: fit(Network(), trial(target=torch.tensor(1)), progress=False),
        f"{FIT} needs targets of shape (1, 4) for a readout of shape (1, 4, 2); it got (1,). Give classes "
        "as whole numbers (batch, time) or values as floats (batch, time, readout).",
    ),
    "values": (
        lambda: evaluate(Network(), trial(target=torch.zeros(4, 3)), loss="mse"),
        "`evaluate(model, dataset)` needs targets of shape (1, 4, 2) for a readout of shape (1, 4, 2); "
        "it got (1, 4, 3). Give classes as whole numbers (batch, time) "
        "or values as floats (batch, time, readout).",
    ),
    "too few readouts": (
        lambda: train(Network(readouts=1)),
        f"{FIT} needs a readout for every class; the targets go up to class 1, which takes 2 readouts, "
        "and the network has 1. Enlarge its readout.",
    ),
    "epochs": (
        lambda: train(Network(), epochs=0),
        "`fit(epochs=0)` needs `epochs` of at least 1; it got 0.",
    ),
    "batch size": (
        lambda: train(Network(), batch_size=2.0),
        "`fit(batch_size=2.0)` needs a whole number for `batch_size`; it got 2.0.",
    ),
    "loss": (
        lambda: train(Network(), loss="hinge"),
        "`fit(loss=...)` needs `loss` to be one of cross_entropy, mse; it got 'hinge'.",
    ),
    "clip": (
        lambda: train(Network(), clip=0.0),
        "`fit(clip=0.0)` needs `clip` to be finite and above 0; it got 0.0.",
    ),
    "patience": (
        lambda: train(Network(), patience=0),
        "`fit(patience=0)` needs `patience` of at least 1; it got 0.",
    ),
    "patience without validation": (
        lambda: train(Network(), patience=2, validation=None),
        "`fit(patience=2)` watches the validation loss. Add `validation=`, for instance "
        "the same task with another seed.",
    ),
    "resume without a file": (
        lambda: train(Network(), resume=True),
        "`fit(resume=True)` needs to know the file. Add `checkpoint=`, or give the path as `resume`.",
    ),
    "optimizer": (
        lambda: train(Network(), optimizer="adam"),
        "`fit(optimizer=...)` needs a torch optimizer; it got 'adam'. "
        "Give one such as torch.optim.Adam(model.parameters(), lr=1e-3).",
    ),
    "nothing to learn": (
        lambda: train(frozen()),
        f"{FIT} needs something to learn; no parameter of the model requires a gradient. "
        "Unfreeze one with `parameter.requires_grad_()`.",
    ),
    "seed": (
        lambda: train(Network(), seed=1.5),
        "`fit(seed=1.5)` needs `seed` to be None, a numpy Generator or a whole number "
        "from 0 to 2**63 - 1; it got 1.5.",
    ),
    "evaluate batch size": (
        lambda: evaluate(Network(), TASK, batch_size=0),
        "`evaluate(batch_size=...)` needs `batch_size` of at least 1; it got 0.",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    call, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=f"^{re.escape(message)}$"):
        call()


@pytest.mark.cuda
def test_training_and_resuming_on_cuda(tmp_path):
    path, task = tmp_path / "run.pt", ContextDecision(32, dt=50.0)
    whole, first, second = (Network(inputs=6).cuda() for _ in range(3))
    arguments = {"batch_size": 16, "progress": False, "checkpoint": path}
    fit(whole, task, epochs=3, **arguments)
    fit(first, task, epochs=1, **arguments)
    fit(second, task, epochs=3, resume=True, **arguments)
    assert_same_weights(whole, second)
    on_cpu = Network(inputs=6)
    load_checkpoint(path, on_cpu)
    assert evaluate(on_cpu, task).loss == pytest.approx(evaluate(whole, task).loss, rel=1e-3)


def test_a_validation_loss_that_is_not_a_number_stops_the_run(tmp_path, monkeypatch):
    result = evaluate(Network(), TASK)
    monkeypatch.setattr(
        "graphrnn.training.loop.evaluate", lambda *_, **__: dataclasses.replace(result, loss=float("nan"))
    )
    with pytest.raises(FloatingPointError) as e:
        fit(Network(), TASK, validation=TASK, epochs=2, checkpoint=tmp_path / "run.pt", progress=False)
    assert str(e.value) == (
        "`fit(...)` stopped because the validation loss became nan after epoch 1; a checkpoint holds the "
        "epoch before. Lower the learning rate or `clip`, or start from a smaller spectral radius."
    )
    assert os.listdir(tmp_path) == []
