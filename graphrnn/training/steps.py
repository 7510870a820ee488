"""One pass over the data: what a step of the optimizer learns from, and what happens between two steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphrnn._streams import stream
from graphrnn.nn import CTRNN, Rewiring, rewire
from graphrnn.training.evaluation import Batch, Loss, Totals, TrialDataset, batches, forward, score
from graphrnn.training.penalties import Activity, Penalty

__all__ = ["CALL", "Settings", "Training", "train_epoch"]

CALL = "fit(model, dataset)"


@dataclass(frozen=True)
class Settings:
    """What must be the same when a run is resumed."""

    batch_size: int
    clip: float | None
    loss: str
    seed: int
    trials: int
    penalties: str = ""
    rewiring: str = ""


@dataclass(frozen=True)
class Training:
    """What is trained, and on what sum."""

    model: nn.Module
    optimizer: Optimizer
    loss: Loss
    penalties: Mapping[str, Penalty]
    clip: float | None

    @property
    def parameters(self) -> list[Tensor]:
        """Asked for anew each time: rewiring may put new ones in."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def total(
        self, batch: Batch, noise: torch.Generator | None
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """The sum to learn from, the readout, the loss of the task and each penalty times its strength."""
        x, target, scored = batch
        readout, rates = forward(CALL, self.model, x, noise)
        loss = score(CALL, self.loss, readout, target, scored)
        activity = Activity(self.model, x, readout, rates)
        charged = {name: penalty.strength * penalty(activity) for name, penalty in self.penalties.items()}
        return sum(charged.values(), start=loss), readout, loss, charged


class _Step:
    """One batch, as the closure that an optimizer calls: each time with the same noise."""

    def __init__(self, training: Training, batch: Batch, noise: torch.Generator, place: str) -> None:
        self.training, self.batch, self.noise, self.place = training, batch, noise, place
        self.start = noise.get_state()
        self.seen: tuple[Tensor, Tensor, dict[str, Tensor], Tensor] | None = None

    def __call__(self) -> Any:  # a tensor, where torch's annotations want a float
        self.noise.set_state(self.start)
        total, readout, loss, charged = self.training.total(self.batch, self.noise)
        _check_finite("loss", total, self.place)
        self.training.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        clip = self.training.clip
        norm = nn.utils.clip_grad_norm_(self.training.parameters, math.inf if clip is None else clip)
        _check_finite("norm of the gradient", norm, self.place)
        self.seen = self.seen or (readout, loss, charged, norm)
        return total


def train_epoch(
    training: Training,
    dataset: TrialDataset,
    settings: Settings,
    rewiring: Rewiring | None,
    epoch: int,
    done: Callable[[], Any],
) -> tuple[Totals, float, dict[str, float]]:
    """One pass over the data; returns the totals, the mean gradient norm and the mean of each penalty."""
    order = _generator(settings.seed, "order of trials", epoch, torch.device("cpu"))
    noise = _generator(settings.seed, "noise of the network", epoch, training.parameters[0].device)
    totals, norms = Totals(), []
    charges: dict[str, list[float]] = {name: [] for name in training.penalties}
    loader = batches(training.model, dataset, settings.batch_size, shuffle=True, generator=order)
    steps = math.ceil(settings.trials / settings.batch_size)
    for number, batch in enumerate(loader, start=1):
        step = _Step(training, batch, noise, f"epoch {epoch}, batch {number}")
        training.optimizer.step(step)
        assert step.seen is not None
        readout, loss, charged, norm = step.seen
        totals.add(loss.item(), readout, *batch[1:])
        norms.append(norm.item())
        for name, charge in charged.items():
            charges[name].append(charge.item())
        if rewiring is not None:
            _rewire(training, rewiring, batch, settings.seed, (epoch - 1) * steps + number)
        done()
    means = {name: sum(values) / len(values) for name, values in charges.items()}
    return totals, sum(norms) / len(norms), means


def _rewire(training: Training, rewiring: Rewiring, batch: Batch, seed: int, step: int) -> None:
    fraction = rewiring.fraction_at(step)
    if fraction is None or not isinstance(training.model, CTRNN):
        return
    noise = _generator(seed, "noise while rewiring", step, batch[0].device)
    rewire(
        training.model,
        fraction,
        optimizer=training.optimizer,
        drop=rewiring.drop,
        grow=rewiring.grow,
        keep=rewiring.keep,
        which=rewiring.which,
        loss=lambda: training.total(batch, noise)[0],
        generator=_generator(seed, "rewiring", step, torch.device("cpu")),
    )


def _generator(seed: int, purpose: str, which: int, device: torch.device) -> torch.Generator:
    """A fresh generator for every epoch or rewiring, so that a resume needs no saved state of one."""
    number = stream(seed, "fit", purpose, str(which)).integers(2**63)
    return torch.Generator(device).manual_seed(int(number))


def _check_finite(what: str, value: Tensor, place: str) -> None:
    if not torch.isfinite(value):
        raise FloatingPointError(
            f"`fit(...)` stopped because the {what} became {value.item()} in {place}; "
            "the model keeps the weights from before this batch. Look for NaN in the inputs, lower the "
            "learning rate or `clip`, or start from a smaller spectral radius."
        )
