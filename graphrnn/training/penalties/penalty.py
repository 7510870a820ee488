"""What a penalty is, and what it sees of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from graphrnn import _checks
from graphrnn.nn import CTRNN

__all__ = ["Activity", "Names", "Penalty"]

Names = str | tuple[str, ...] | None  # of areas, nodes or kinds: one, several or all


@dataclass(frozen=True, eq=False)
class Activity:
    """What a penalty sees of one batch.

    Args:
        model: the network, a `CTRNN` for penalties on weights or areas.
        x: (batch, time, input) the inputs.
        readout: (batch, time, readout).
        rates: (batch, time, neuron).
    """

    model: nn.Module
    x: Tensor
    readout: Tensor
    rates: Tensor

    def network(self, penalty: Penalty) -> CTRNN:
        """The model, which must be a CTRNN.

        Raises:
            TypeError: for another one.
        """
        if not isinstance(self.model, CTRNN):
            raise TypeError(
                f"`{penalty!r}` needs a CTRNN, whose synapses it knows; the model is a "
                f"{type(self.model).__name__}."
            )
        return self.model


@dataclass(frozen=True)
class Penalty(ABC):
    """A penalty; one of your own is a frozen dataclass on this with `__call__`.

    Args:
        strength: what the penalty counts in the loss; below 0 it is a reward.
    """

    strength: float

    def __post_init__(self) -> None:
        _checks.finite(self._call("strength"), "strength", self.strength)

    def _call(self, name: str) -> str:
        return f"{type(self).__name__}({name}={getattr(self, name)!r})"

    @abstractmethod
    def __call__(self, activity: Activity) -> Tensor:
        """The penalty of one batch, a number with gradients, without the strength."""
