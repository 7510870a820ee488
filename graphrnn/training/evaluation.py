"""Losses over the scored time steps, accuracy, and the evaluation of a network on a task."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from graphrnn import _checks
from graphrnn.tasks import decide

__all__ = [
    "Batch",
    "Evaluation",
    "Loss",
    "Totals",
    "TrialDataset",
    "batches",
    "check_dataset",
    "evaluate",
    "forward",
    "loss_function",
    "modes_kept",
    "score",
]

Batch = tuple[Tensor, Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


class TrialDataset(Protocol):
    """What trains and evaluates a network: a length, and items `(x, target, scored)`.

    x has the shape (time, input); target (time,) for classes or (time, readout) for values; scored
    is a boolean (time,). The tasks of `graphrnn.tasks` are such datasets, and so is a list of triples.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Batch: ...


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a network does on a task.

    Attributes:
        loss: Mean over all scored time steps.
        accuracy: Share of trials decided rightly; NaN if the targets are not classes.
        decisions: The class chosen in each trial, (trial,), in the order of the dataset.
    """

    loss: float
    accuracy: float
    decisions: Tensor


def evaluate(
    model: nn.Module,
    dataset: TrialDataset,
    *,
    batch_size: int = 256,
    loss: str | Loss = "cross_entropy",
) -> Evaluation:
    """Loss, accuracy and decisions of a network in `eval()` mode, where its noise is off.

    Training modes are put back afterwards, each module's own; no random stream is advanced.

    Args:
        model: Called as `readout, rates, state = model(x, generator=...)`.
        dataset: A task, or any `TrialDataset`.
        batch_size: Trials at a time; it changes speed and memory only.
        loss: As in `fit`.

    Raises:
        ValueError: The dataset is empty, or does not fit the network or the loss.

    Example:
        >>> import torch
        >>> from graphrnn.tasks import PerceptualDecision
        >>> from graphrnn.training import evaluate
        >>> class Guess(torch.nn.Linear):
        ...     def forward(self, x, state=None, generator=None):
        ...         return super().forward(x), None, None
        >>> task = PerceptualDecision(100)
        >>> result = evaluate(Guess(2, 2), task)
        >>> result.decisions.shape
        torch.Size([100])
        >>> list(task.psychometric(result.decisions))
        ['signed_coherence', 'fraction_choice_1', 'trials']
    """
    call = "evaluate(model, dataset)"
    check_dataset(call, model, dataset)
    _checks.count("evaluate(batch_size=...)", "batch_size", batch_size)
    function = loss_function("evaluate(loss=...)", loss)
    totals, decisions = Totals(), []
    # A loader without a generator of its own would draw from torch's default one.
    loader = batches(model, dataset, batch_size, shuffle=False, generator=torch.Generator())
    with modes_kept(model), torch.no_grad():
        model.eval()
        for x, target, scored in loader:
            readout, _ = forward(call, model, x, None)
            totals.add(score(call, function, readout, target, scored).item(), readout, target, scored)
            decisions.append(decide(readout, scored).cpu())
    return Evaluation(totals.loss, totals.accuracy, torch.cat(decisions))


class Totals:
    """Running means over batches: the loss over scored time steps, the accuracy over trials."""

    def __init__(self) -> None:
        self._loss = 0.0
        self._steps = 0
        self._correct = 0
        self._judged = 0

    def add(self, loss: float, readout: Tensor, target: Tensor, scored: Tensor) -> None:
        """Counts one batch whose mean loss is `loss`."""
        steps = int(scored.sum())
        self._loss += loss * steps
        self._steps += steps
        if not target.is_floating_point():
            judged = scored.any(dim=1)
            # The count of scored steps reaches its maximum first at the last scored step.
            last = scored.cumsum(dim=1).argmax(dim=1, keepdim=True)
            right = decide(readout.detach(), scored) == target.gather(1, last).squeeze(1)
            self._correct += int((right & judged).sum())
            self._judged += int(judged.sum())

    @property
    def loss(self) -> float:
        return self._loss / self._steps

    @property
    def accuracy(self) -> float:
        return self._correct / self._judged if self._judged else math.nan


def loss_function(call: str, loss: str | Loss) -> Loss:
    """The function of `(readout, target)` at the scored time steps that a name or a callable means."""
    if callable(loss):
        return loss
    name = _checks.one_of(call, "loss", loss, ["cross_entropy", "mse"])
    return _cross_entropy if name == "cross_entropy" else _mean_squared_error


def _cross_entropy(readout: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(readout, target)


def _mean_squared_error(readout: Tensor, target: Tensor) -> Tensor:
    if not target.is_floating_point():
        target = functional.one_hot(target, readout.shape[-1])
    return functional.mse_loss(readout, target.to(readout.dtype))


def score(call: str, loss: Loss, readout: Tensor, target: Tensor, scored: Tensor) -> Tensor:
    """The mean loss over the scored time steps of a batch."""
    _check_shapes(call, readout, target, scored)
    return loss(readout[scored], target[scored])


def _check_shapes(call: str, readout: Tensor, target: Tensor, scored: Tensor) -> None:
    shape = tuple(readout.shape)
    if scored.dtype != torch.bool or tuple(scored.shape) != shape[:2]:
        raise ValueError(
            f"`{call}` needs `scored` as a boolean mask of shape {shape[:2]} (batch, time) for a readout of "
            f"shape {shape}; it got {scored.dtype} of shape {tuple(scored.shape)}."
        )
    if not scored.any():
        raise ValueError(
            f"`{call}` found a batch in which no time step is scored. "
            "Mark the time steps to learn from as True in `scored`."
        )
    expected = shape if target.is_floating_point() else shape[:2]
    if tuple(target.shape) != expected:
        raise ValueError(
            f"`{call}` needs targets of shape {expected} for a readout of shape {shape}; "
            f"it got {tuple(target.shape)}. Give classes as whole numbers (batch, time) "
            "or values as floats (batch, time, readout)."
        )
    if not target.is_floating_point() and (top := int(target[scored].max())) >= shape[2]:
        raise ValueError(
            f"`{call}` needs a readout for every class; the targets go up to class {top}, "
            f"which takes {top + 1} readouts, and the network has {shape[2]}. Enlarge its readout."
        )


def forward(
    call: str, model: nn.Module, x: Tensor, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """The readout of a network (batch, time, readout) and its rates (batch, time, neuron)."""
    output = model(x, generator=generator)
    if not isinstance(output, tuple) or not isinstance(output[0], Tensor) or output[0].dim() != 3:
        raise TypeError(
            f"`{call}` needs a model that returns `(readout, rates, state)` with a readout of shape "
            f"(batch, time, readout), as CTRNN does; {type(model).__name__} returned something else."
        )
    return output[0], output[1]


def batches(
    model: nn.Module, dataset: TrialDataset, batch_size: int, *, shuffle: bool, generator: torch.Generator
) -> Iterator[Batch]:
    """Batches of a dataset on the model's device, the inputs in its precision."""
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    loader = DataLoader(cast(Dataset[Batch], dataset), batch_size, shuffle=shuffle, generator=generator)
    for x, target, scored in loader:
        yield x.to(like.device, like.dtype), target.to(like.device), scored.to(like.device)


def check_dataset(call: str, model: Any, dataset: Any) -> None:
    """Fails on data that cannot be meant for this model, before anything is computed."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"`{call}` needs a torch.nn.Module such as CTRNN; it got {type(model).__name__}.")
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise TypeError(
            f"`{call}` needs a dataset with a length and items `(x, target, scored)`, such as a task of "
            f"graphrnn.tasks; it got {type(dataset).__name__}."
        )
    if len(dataset) == 0:
        raise ValueError(f"`{call}` needs at least one trial; the dataset is empty.")
    item = dataset[0]
    if not isinstance(item, tuple | list) or [isinstance(part, Tensor) for part in item] != [True] * 3:
        raise TypeError(
            f"`{call}` needs items `(x, target, scored)` of three tensors; the first item of the dataset is "
            "something else. Add a boolean `scored` (time,) that says where the loss looks."
        )
    steps = [getattr(thing, "dt", None) for thing in (model, dataset)]
    if all(isinstance(dt, int | float) for dt in steps) and steps[0] != steps[1]:
        raise ValueError(
            f"`{call}` needs one time step for both; the model has dt={steps[0]:g} ms and the dataset "
            f"dt={steps[1]:g} ms. Give both the same `dt`."
        )
    if getattr(model, "batch_first", True) is False:
        raise ValueError(
            f"`{call}` gives x as (batch, time, input); the model has `batch_first=False`. "
            "Build it with `batch_first=True`."
        )


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Puts the training mode of every module back at the end, also after an error."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
