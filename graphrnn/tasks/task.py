"""What every task is: trials from one seed, periods, noise, scoring."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from graphrnn import _checks
from graphrnn._streams import Seed, resolve_seed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NOISE_TAU", "Task", "Trials", "decide"]

NOISE_TAU = 100.0  # ms; with it `noise` means what the input noise of Song et al. (2016) means


class Trials(NamedTuple):
    """One draw: inputs (trial, time, input), the right class (trial,), a column (trial,) per condition."""

    inputs: Tensor
    correct: Tensor
    conditions: dict[str, Tensor]


def decide(readout: Tensor, scored: Tensor) -> Tensor:
    """The class with the largest mean readout over the scored time steps.

    Args:
        readout: (batch, time, readout).
        scored: Boolean mask (batch, time).

    Returns:
        The class of each trial (batch,), int64.

    Example:
        >>> import torch
        >>> from graphrnn.tasks import decide
        >>> readout = torch.tensor([[[9.0, 0.0], [1.0, 2.0]]])
        >>> decide(readout, torch.tensor([[False, True]]))
        tensor([1])
    """
    # The sum and the mean over the same time steps have the same argmax.
    return readout.masked_fill(~scored.unsqueeze(-1), 0.0).sum(dim=1).argmax(dim=-1)


@dataclass(frozen=True)
class Task(Dataset[tuple[Tensor, Tensor, Tensor]], ABC):
    """What all tasks share: trials drawn at once from one seed, periods in ms, noise, scoring.

    An item is `(x, target, scored)` with shapes (time, input), (time,) and (time,), so a
    `torch.utils.data.DataLoader` batches a task as it is. `dataclasses.replace(task, seed=1)` gives
    fresh trials of the same task. The noise of a time step is Gaussian with standard deviation

        noise · √(2 · 100 ms / dt)

    in every input channel that carries a stimulus, so its average over a given time does not depend
    on `dt`.

    Args:
        n_trials: Number of trials; the conditions are spread over them as evenly as it allows.
        dt: Time step in ms. Give the network the same.
        noise: Strength of the input noise; 0 for none.
        seed: Seed of everything drawn: a whole number, a numpy Generator, or None for a fresh one. The
            field is the whole number that was used.

    Source:
        The noise: Song, Yang & Wang (2016), PLoS Computational Biology 12, e1004792, with τ = 100 ms.
    """

    n_trials: int = 1000
    _: KW_ONLY
    dt: float = 10.0
    noise: float = 0.05
    seed: Seed = 0

    readout_names: ClassVar[tuple[str, ...]] = ("choice 0", "choice 1")
    _cues: ClassVar[int] = 0  # the last so many input channels are cues, without noise
    _period_names: ClassVar[tuple[str, ...]]
    _optional_periods: ClassVar[tuple[str, ...]] = ("fixation", "delay")

    def __post_init__(self) -> None:
        _checks.count(self._call("n_trials"), "n_trials", self.n_trials)
        _checks.positive(self._call("dt"), "dt", self.dt)
        _checks.nonnegative(self._call("noise"), "noise", self.noise)
        object.__setattr__(self, "seed", resolve_seed(self._call("seed"), self.seed))
        for name in self._period_names:
            duration = getattr(self, name)
            check = _checks.nonnegative if name in self._optional_periods else _checks.positive
            check(self._call(name), name, duration)
            if duration > 0 and self._steps(name) == 0:
                raise ValueError(
                    f"`{self._call(name)}` is shorter than half a time step of {self.dt:g} ms. "
                    f"Lengthen `{name}` or lower `dt`."
                )

    def _call(self, argument: str) -> str:
        return f"{type(self).__name__}({argument}={getattr(self, argument)!r})"

    def _steps(self, period: str) -> int:
        duration: float = getattr(self, period)
        return round(duration / self.dt)

    @abstractmethod
    def _draw(self, generator: torch.Generator) -> Trials:
        """Draws the conditions and the inputs without their noise."""

    @property
    @abstractmethod
    def input_names(self) -> tuple[str, ...]:
        """Names of the input channels."""

    @property
    def input_size(self) -> int:
        """Number of input channels."""
        return len(self.input_names)

    @property
    def readout_size(self) -> int:
        """Number of classes."""
        return len(self.readout_names)

    @property
    def periods(self) -> dict[str, slice]:
        """The time steps of each period, in order of time."""
        periods, start = {}, 0
        for name in self._period_names:
            periods[name] = slice(start, start + self._steps(name))
            start = periods[name].stop
        return periods

    @property
    def n_steps(self) -> int:
        """Time steps of a trial."""
        return sum(self._steps(name) for name in self._period_names)

    @cached_property
    def _trials(self) -> Trials:
        generator = torch.Generator().manual_seed(resolve_seed(self._call("seed"), self.seed))
        trials = self._draw(generator)
        stimuli = trials.inputs[:, :, : self.input_size - self._cues]
        scale = self.noise * math.sqrt(2.0 * NOISE_TAU / self.dt)
        stimuli += scale * torch.randn(stimuli.shape, generator=generator)
        return trials

    @property
    def inputs(self) -> Tensor:
        """What the network sees, (trial, time, input), float32."""
        return self._trials.inputs

    @property
    def correct(self) -> Tensor:
        """The right class of each trial, (trial,), int64."""
        return self._trials.correct

    @cached_property
    def targets(self) -> Tensor:
        """The right class at every time step, (trial, time), int64."""
        return self.correct.unsqueeze(1).repeat(1, self.n_steps)

    @cached_property
    def scored(self) -> Tensor:
        """True at the time steps of the decision period, (trial, time), bool."""
        scored = torch.zeros(self.n_trials, self.n_steps, dtype=torch.bool)
        scored[:, self.periods["decision"]] = True
        return scored

    @property
    def conditions(self) -> pd.DataFrame:
        """What each trial was, one row per trial, with its right answer in `correct_choice`."""
        import pandas as pd

        columns = self._trials.conditions | {"correct_choice": self.correct}
        return pd.DataFrame({name: column.numpy() for name, column in columns.items()})

    def __len__(self) -> int:
        return self.n_trials

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.inputs[index], self.targets[index], self.scored[index]

    def decisions(self, readout: Tensor) -> Tensor:
        """The class chosen in each trial: the largest mean readout over the scored time steps.

        Args:
            readout: Readout of all trials in order, (trial, time, readout).

        Returns:
            (trial,), int64.

        Raises:
            ValueError: The readout has another shape.
        """
        expected = (self.n_trials, self.n_steps, self.readout_size)
        if tuple(readout.shape) != expected:
            raise ValueError(
                f"`{type(self).__name__}.decisions(readout)` needs a readout of shape {expected} "
                f"(trial, time, readout); it got {tuple(readout.shape)}. "
                "Give the readout of all trials in their order."
            )
        return decide(readout, self.scored.to(readout.device))

    def accuracy(self, readout: Tensor) -> float:
        """Share of trials whose decision is right.

        Args:
            readout: Readout of all trials in order, (trial, time, readout).
        """
        return float((self.decisions(readout).cpu() == self.correct).double().mean())

    def _balanced(self, generator: torch.Generator, *levels: int) -> tuple[Tensor, ...]:
        """Indices (trial,) into each factor, every combination equally often up to one trial."""
        combinations = torch.randperm(math.prod(levels), generator=generator)
        trials = torch.randperm(self.n_trials, generator=generator)
        return torch.unravel_index(combinations[trials % len(combinations)], levels)

    def _silence(self) -> Tensor:
        return torch.zeros(self.n_trials, self.n_steps, self.input_size)
