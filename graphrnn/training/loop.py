"""The training loop."""

from __future__ import annotations

import copy
import math
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer

from graphrnn import _checks
from graphrnn._files import check_target
from graphrnn._streams import Seed, resolve_seed
from graphrnn.nn import CTRNN, Rewiring
from graphrnn.nn.plasticity import check_optimizer
from graphrnn.training.checkpoints import read, restore, save_checkpoint
from graphrnn.training.evaluation import (
    Loss,
    TrialDataset,
    check_dataset,
    evaluate,
    loss_function,
    modes_kept,
)
from graphrnn.training.penalties import Penalty, named_penalties
from graphrnn.training.steps import CALL, Settings, Training, train_epoch

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EpochMetrics", "History", "fit"]


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch gave; the loss and accuracy of training are means while the weights moved.

    Attributes:
        epoch: Number of the epoch, from 1.
        loss: Mean over the scored time steps.
        accuracy: Share of trials decided rightly; NaN if the targets are not classes.
        gradient_norm: Mean norm of the gradient before clipping.
        validation_loss: In `eval()` mode after the epoch; NaN without validation data.
        validation_accuracy: The same.
        seconds: Wall-clock time, validation included.
        penalties: Mean of each penalty, times its strength, under its name; `loss` is without them.
    """

    epoch: int
    loss: float
    accuracy: float
    gradient_norm: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    penalties: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """The course of a training.

    Attributes:
        epochs: Metrics of each epoch, those before a resume included.
        best_epoch: The epoch with the lowest validation loss; None without validation data.
        stopped_early: Whether `patience` ended the training before its last epoch.
    """

    epochs: tuple[EpochMetrics, ...]
    best_epoch: int | None
    stopped_early: bool

    @property
    def metrics(self) -> pd.DataFrame:
        """The metrics as a table, one row per epoch; a penalty `x` is the column `penalty_x`."""
        import pandas as pd

        columns = [name for name in EpochMetrics.__dataclass_fields__ if name != "penalties"]
        table = pd.DataFrame([asdict(metrics) for metrics in self.epochs], columns=columns)
        for name in self.epochs[0].penalties if self.epochs else ():
            table[f"penalty_{name}"] = [metrics.penalties[name] for metrics in self.epochs]
        return table


@dataclass
class _Run:
    """What a training has come to; with the weights and the optimizer, all that a resume needs."""

    settings: Settings
    epochs: list[EpochMetrics] = field(default_factory=list)
    best: dict[str, Any] | None = None

    def keep_if_best(self, metrics: EpochMetrics, model: nn.Module) -> None:
        if metrics.validation_loss < (self.best["loss"] if self.best else math.inf):
            weights = copy.deepcopy(model.state_dict())
            self.best = {"loss": metrics.validation_loss, "epoch": metrics.epoch, "model": weights}

    def out_of_patience(self, patience: int | None) -> bool:
        last_gain = self.best["epoch"] if self.best else 0
        return patience is not None and len(self.epochs) - last_gain >= patience

    def state(self) -> dict[str, Any]:
        epochs = [asdict(metrics) for metrics in self.epochs]
        return {"settings": asdict(self.settings), "epochs": epochs, "best": self.best}


def fit(
    model: nn.Module,
    dataset: TrialDataset,
    *,
    validation: TrialDataset | None = None,
    epochs: int = 10,
    batch_size: int = 64,
    optimizer: Optimizer | None = None,
    loss: str | Loss = "cross_entropy",
    clip: float | None = 1.0,
    penalties: Mapping[str, Penalty] | Iterable[Penalty] | None = None,
    rewiring: Rewiring | None = None,
    patience: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool | str | os.PathLike[str] = False,
    seed: Seed = 0,
    progress: bool = True,
) -> History:
    """Trains a network on a task.

    The order of the trials and the network's noise in epoch k come from `seed` and k alone. So a run
    that was killed and resumed gives bit for bit the weights, optimizer state and metrics of a run
    that was not, as far as the network draws from the generator it is given and its arithmetic is
    deterministic.

    Args:
        model: Called as `readout, rates, state = model(x, generator=...)` with x (batch, time, input)
            and readout (batch, time, readout). Batches are moved to its device and precision.
        dataset: A task, or any `TrialDataset`.
        validation: The same with other trials; looked at after every epoch with the noise off.
        epochs: Number of epochs in all, those before a resume included.
        batch_size: Trials per step of the optimizer.
        optimizer: Adam with learning rate 1e-3 by default. LBFGS evaluates each batch several times, with
            the same noise; a plasticity between 0 and 1 does not go with it.
        loss: "cross_entropy"; "mse", against one-hot classes or values; or a function of readout
            (step, readout) and target (step,) or (step, readout) that returns a mean. It sees the
            scored time steps only.
        clip: Largest norm of the gradient; None for no limit.
        penalties: What is added to the loss, each times its strength: penalties such as `Rates(0.01)`, or a
            mapping from names to them. They are logged one by one, and no part of a validation loss.
        rewiring: When and how synapses are dropped and grown, a `graphrnn.nn.Rewiring`; for a CTRNN.
        patience: Stop when the validation loss has not fallen for so many epochs. The weights with the
            lowest validation loss are in the model at the end, whether it stopped or not.
        checkpoint: A file written after every epoch, atomically; an existing one is replaced.
        resume: True continues from `checkpoint` if that file exists and starts anew if not; a path
            continues from that file.
        seed: Seed of the order of trials and of the network's noise: a whole number, a numpy Generator or
            None for a fresh one. A run can be resumed with the same whole number only.
        progress: Whether to show a progress bar (on stderr).

    Returns:
        The history; its `metrics` is a pandas DataFrame with a row per epoch.

    Raises:
        ValueError: An argument out of range, data that do not fit the network, a checkpoint that is
            unreadable or of another network or other settings.
        FloatingPointError: The loss or the gradient became NaN or infinite. The model keeps the
            weights from before that step.

    Example:
        >>> import torch
        >>> from graphrnn.tasks import PerceptualDecision
        >>> from graphrnn.training import fit
        >>> class Network(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.rnn = torch.nn.RNN(2, 16, batch_first=True)
        ...         self.readout = torch.nn.Linear(16, 2)
        ...     def forward(self, x, state=None, generator=None):
        ...         rates, state = self.rnn(x, state)
        ...         return self.readout(rates), rates, state
        >>> history = fit(Network(), PerceptualDecision(128, dt=20), epochs=2, progress=False)
        >>> history.metrics["epoch"].tolist()
        [1, 2]
    """
    check_dataset(CALL, model, dataset)
    if validation is not None:
        check_dataset("fit(validation=...)", model, validation)
    _checks.count(f"fit(epochs={epochs!r})", "epochs", epochs)
    function = loss_function("fit(loss=...)", loss)
    optimizer = _optimizer(model, optimizer)
    check_optimizer("fit(optimizer=...)", model, optimizer)
    charges = named_penalties("fit(penalties=...)", penalties)
    settings = replace(
        _settings(dataset, batch_size, loss, clip, seed),
        penalties="; ".join(f"{name}: {penalty!r}" for name, penalty in charges.items()),
        rewiring="" if rewiring is None else repr(_check_rewiring(model, rewiring)),
    )
    _check_files(patience, validation, checkpoint)
    if rewiring is not None:
        getattr(model, rewiring.which).keep_pairs()  # in the weights of the best epoch too
    run = _Run(settings)
    source = _resume_from(resume, checkpoint)
    if source is not None:
        _resume(run, source, model, optimizer)

    with modes_kept(model), _bar(progress, run, epochs) as bar:
        while len(run.epochs) < epochs and not run.out_of_patience(patience):
            start, epoch = time.perf_counter(), len(run.epochs) + 1
            bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)
            model.train()
            task = Training(model, optimizer, function, charges, settings.clip)
            totals, norm, charged = train_epoch(task, dataset, settings, rewiring, epoch, bar.update)
            held_out = (math.nan, math.nan)
            if validation is not None:
                result = evaluate(model, validation, batch_size=batch_size, loss=loss)
                held_out = (result.loss, result.accuracy)
                _check_held_out(result.loss, epoch)
            seconds = time.perf_counter() - start
            metrics = EpochMetrics(epoch, totals.loss, totals.accuracy, norm, *held_out, seconds, charged)
            run.epochs.append(metrics)
            run.keep_if_best(metrics, model)
            bar.set_postfix(loss=f"{metrics.loss:.3f}", accuracy=f"{metrics.accuracy:.3f}")
            if checkpoint is not None:
                save_checkpoint(checkpoint, model, optimizer=optimizer, extra=run.state())

    if patience is not None and run.best is not None:
        model.load_state_dict(run.best["model"])
    return History(
        tuple(run.epochs),
        best_epoch=run.best["epoch"] if run.best else None,
        stopped_early=len(run.epochs) < epochs,
    )


def _check_held_out(loss: float, epoch: int) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"`fit(...)` stopped because the validation loss became {loss} after epoch {epoch}; a checkpoint "
            "holds the epoch before. Lower the learning rate or `clip`, or start from a smaller spectral "
            "radius."
        )


def _optimizer(model: nn.Module, optimizer: Optimizer | None) -> Optimizer:
    if optimizer is None:
        parameters = [p for p in model.parameters() if p.requires_grad]
        if not parameters:
            raise ValueError(
                f"`{CALL}` needs something to learn; no parameter of the model requires a gradient. "
                "Unfreeze one with `parameter.requires_grad_()`."
            )
        return torch.optim.Adam(parameters, lr=1e-3)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"`fit(optimizer=...)` needs a torch optimizer; it got {optimizer!r}. "
            "Give one such as torch.optim.Adam(model.parameters(), lr=1e-3)."
        )
    return optimizer


def _check_rewiring(model: nn.Module, rewiring: Any) -> Rewiring:
    if not isinstance(rewiring, Rewiring):
        raise TypeError(
            f"`fit(rewiring=...)` needs a graphrnn.nn.Rewiring or None; it got {type(rewiring).__name__}."
        )
    if not isinstance(model, CTRNN):
        raise TypeError(f"`fit(rewiring=...)` needs a CTRNN; the model is a {type(model).__name__}.")
    return rewiring


def _settings(
    dataset: TrialDataset, batch_size: int, loss: str | Loss, clip: float | None, seed: Seed
) -> Settings:
    return Settings(
        batch_size=_checks.count(f"fit(batch_size={batch_size!r})", "batch_size", batch_size),
        clip=None if clip is None else _checks.positive(f"fit(clip={clip!r})", "clip", clip),
        loss=loss if isinstance(loss, str) else getattr(loss, "__qualname__", type(loss).__qualname__),
        seed=resolve_seed(f"fit(seed={seed!r})", seed),
        trials=len(dataset),
    )


def _check_files(
    patience: int | None, validation: TrialDataset | None, checkpoint: str | os.PathLike[str] | None
) -> None:
    if patience is not None:
        _checks.count(f"fit(patience={patience!r})", "patience", patience)
        if validation is None:
            raise ValueError(
                f"`fit(patience={patience})` watches the validation loss. Add `validation=`, for instance "
                "the same task with another seed."
            )
    if checkpoint is not None:
        check_target(f"fit(checkpoint={str(checkpoint)!r})", Path(checkpoint))


def _resume_from(
    resume: bool | str | os.PathLike[str], checkpoint: str | os.PathLike[str] | None
) -> Path | None:
    if resume is False:
        return None
    if resume is not True:
        return Path(resume)
    if checkpoint is None:
        raise ValueError(
            "`fit(resume=True)` needs to know the file. Add `checkpoint=`, or give the path as `resume`."
        )
    return Path(checkpoint) if Path(checkpoint).exists() else None


def _resume(run: _Run, source: Path, model: nn.Module, optimizer: Optimizer) -> None:
    call = f"fit(resume={str(source)!r})"
    payload = read(call, source)
    extra = payload["extra"]
    if "settings" not in extra:
        raise ValueError(
            f"`{call}` found a checkpoint that `fit` did not write. "
            "Put it into the model with `load_checkpoint` and train from there."
        )
    for name, here in asdict(run.settings).items():
        there = extra["settings"].get(name, "")  # a run from before there were such
        if there != here:
            raise ValueError(
                f"`{call}` continues a run with {name}={there!r}; this call has {name}={here!r}. Use the "
                "same, or put the checkpoint into the model with `load_checkpoint` and start a new run."
            )
    restore(call, payload, payload["model"], model, optimizer)
    run.epochs = [EpochMetrics(**metrics) for metrics in extra["epochs"]]
    run.best = extra["best"]


def _bar(progress: bool, run: _Run, epochs: int) -> Any:
    from tqdm import tqdm

    batches_per_epoch = math.ceil(run.settings.trials / run.settings.batch_size)
    done = batches_per_epoch * len(run.epochs)
    often = 0.1 if sys.stderr.isatty() else 30.0  # seconds; a log has no use for a bar that moves
    return tqdm(
        total=batches_per_epoch * epochs,
        initial=done,
        unit="batch",
        mininterval=often,
        disable=not progress,
    )
