"""State: where a network stands between two sequences."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["State"]


class State(NamedTuple):
    """Where a network stands after a sequence; hand it back to continue exactly.

    Args:
        v: (batch, neuron) the state v; (neuron,) after one trial without a batch.
        r: the rates likewise, post-activation noise included.
        past: (batch, step, neuron) the rates of the steps before those, the oldest first, where delays read
            them; None without delays.
        variables: those of `CTRNN(dynamics=...)` likewise, of one dynamics after another.
    """

    v: Tensor
    r: Tensor
    past: Tensor | None = None
    variables: tuple[Tensor, ...] = ()

    def detach(self) -> State:
        """The same state without its gradient history, for truncated backpropagation."""
        past = None if self.past is None else self.past.detach()
        return State(self.v.detach(), self.r.detach(), past, tuple(one.detach() for one in self.variables))
