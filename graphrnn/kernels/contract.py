"""What a backend of the recurrence has to offer."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from graphrnn.kernels.pattern import Pattern

__all__ = ["Backend", "Gradients", "Outputs", "Saved"]


class Outputs(NamedTuple):
    """What a forward pass gives; fresh tensors that share no memory with each other or an input."""

    rates: Tensor  # (time, neuron, batch), noise included
    states: Tensor | None  # v of all time steps (time, neuron, batch), if asked for
    v_last: Tensor  # (neuron, batch)


class Saved(NamedTuple):
    """What a backward pass gets back from the forward pass."""

    values: Tensor
    pattern: Pattern
    alpha: Tensor
    v0: Tensor
    r0: Tensor
    rates: Tensor
    states: Tensor | None  # there under post-activation noise and when alpha needs a gradient


class Gradients(NamedTuple):
    """Gradients of a scalar with respect to the inputs; None where none was asked for."""

    values: Tensor | None  # (synapse,)
    drive: Tensor  # (time, neuron, batch)
    alpha: Tensor | None  # (neuron,)
    v0: Tensor  # (neuron, batch)
    r0: Tensor  # (neuron, batch)


class Backend(Protocol):
    """One way to compute the recurrence over a whole sequence, and its gradient.

    A backend is called without autograd, with arguments that have been checked. Tensors may be
    non-contiguous and of any size, including patterns and rows without synapses.
    """

    name: str

    def unavailable(self, device: torch.device, dtype: torch.dtype) -> str | None:
        """Why this backend cannot run there, as half a sentence; None if it can."""
        ...

    def explain(self, pattern: Pattern) -> str:
        """In which form, dense or sparse, the parts of a pattern run here, and why."""
        ...

    def forward(
        self,
        values: Tensor,
        pattern: Pattern,
        drive: Tensor,
        alpha: Tensor,
        v0: Tensor,
        r0: Tensor,
        rate_noise: Tensor | None,
        activation: str,
        save_states: bool,
    ) -> Outputs:
        """The whole sequence."""
        ...

    def backward(
        self,
        saved: Saved,
        grad_rates: Tensor | None,
        grad_v_last: Tensor | None,
        rate_noise: bool,
        activation: str,
        need_values: bool,
        need_alpha: bool,
    ) -> Gradients:
        """The gradient of the whole sequence; a gradient that is None is zero.

        With `rate_noise` the slope f' is to be taken from the saved states, since the rates hide it.
        """
        ...
