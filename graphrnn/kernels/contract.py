"""What a backend of the recurrence has to offer."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from graphrnn.kernels._remembered import Notes, Remembered
from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.pattern import Pattern

__all__ = [
    "Backend",
    "Gradients",
    "Matrix",
    "OutputGradients",
    "Outputs",
    "Problem",
    "Wanted",
    "notes_of",
    "numbers_of",
    "patterns_of",
]


class Matrix(NamedTuple):
    """A sparse matrix (post, pre): its values (synapse,) and where they are."""

    values: Tensor
    pattern: Pattern


class Problem(NamedTuple):
    """A network and the sequence that it runs through; None stands for what is not there."""

    hidden: Matrix  # W (neuron, neuron); under delays its columns are those of `delays.Delayed`
    input: Matrix | None  # W_in (neuron, input)
    readout: Matrix | None  # W_out (readout, neuron)
    x: Tensor | None  # (time, input, batch), there if `input` is
    bias: Tensor | None  # (neuron,)
    readout_bias: Tensor | None  # (readout,), only where `readout` is
    drive: Tensor | None  # (time, neuron, batch)
    alpha: Tensor  # (neuron,)
    v0: Tensor  # (neuron, batch)
    r0: Tensor | None  # (neuron, batch), under delays (window, neuron, batch), oldest first; None for f(v0)
    rate_noise: Tensor | None  # (time, neuron, batch)
    activation: str
    precision: str = "exact"  # to which the inputs of every product are rounded, see `_precision.rounded`
    notes: Notes[Any] | None = None  # what is known of its patterns, if somebody has looked already

    @property
    def steps(self) -> int:
        """Number of time steps; at least one of `x` and `drive` is there."""
        sequence = self.drive if self.x is None else self.x
        assert sequence is not None
        return sequence.shape[0]

    @property
    def rates_before(self) -> Tensor:
        """The rates before the first step."""
        return ACTIVATIONS[self.activation].function(self.v0) if self.r0 is None else self.r0

    def part(self, first: int, until: int, v0: Tensor, r0: Tensor | None) -> Problem:
        """Steps `first` to `until` of the sequence, from another start."""
        x, drive, noise = (
            None if tensor is None else tensor[first:until]
            for tensor in (self.x, self.drive, self.rate_noise)
        )
        return self._replace(x=x, drive=drive, rate_noise=noise, v0=v0, r0=r0)


def numbers_of(problem: Problem) -> tuple[Tensor | None, ...]:
    """The tensors of a problem but for its patterns, in the order of its fields."""
    hidden, entry, readout, *others = problem[:-3]
    outer = None if entry is None else entry.values, None if readout is None else readout.values
    return hidden.values, *outer, *others


def patterns_of(hidden: Matrix, input: Matrix | None, readout: Matrix | None, *_: Any) -> tuple[Tensor, ...]:
    """The tensors of the patterns of a problem, one pattern after the other."""
    found: tuple[Tensor, ...] = hidden.pattern
    if input is not None:
        found = (*found, *input.pattern)
    if readout is not None:
        found = (*found, *readout.pattern)
    return found


_known: Remembered[Any] = Remembered(at_most=16)


def notes_of(hidden: Matrix, input: Matrix | None, readout: Matrix | None, *_: Any) -> Notes[Any]:
    """What is known of the patterns of a problem."""
    return _known.notes(patterns_of(hidden, input, readout))


class Outputs(NamedTuple):
    """What a forward pass gives; fresh tensors that share no memory with each other or an input."""

    rates: Tensor  # (time, neuron, batch), noise included
    states: Tensor | None  # v of all time steps (time, neuron, batch), if asked for
    v_last: Tensor  # (neuron, batch)
    output: Tensor | None  # W_out r and the bias (time, readout, batch), if there is a readout


class OutputGradients(NamedTuple):
    """Gradients of a scalar with respect to the outputs; None is zero."""

    rates: Tensor | None  # (time, neuron, batch)
    r_last: Tensor | None  # (neuron, batch), beside `rates`
    v_last: Tensor | None
    output: Tensor | None


class Wanted(NamedTuple):
    """Which gradients a backward pass is asked for; the same names as in `Gradients`."""

    values: bool
    input_values: bool
    readout_values: bool
    x: bool
    bias: bool
    readout_bias: bool
    drive: bool
    alpha: bool
    v0: bool
    r0: bool


class Gradients(NamedTuple):
    """Gradients of a scalar with respect to the inputs; None where none was asked for."""

    values: Tensor | None
    input_values: Tensor | None
    readout_values: Tensor | None
    x: Tensor | None
    bias: Tensor | None
    readout_bias: Tensor | None
    drive: Tensor | None
    alpha: Tensor | None
    v0: Tensor | None
    r0: Tensor | None


class Backend(Protocol):
    """One way to compute the recurrence over a whole sequence, and its gradient.

    A backend is called without autograd, with arguments that have been checked. Tensors may be
    non-contiguous and of any size, including patterns and rows without synapses.
    """

    name: str

    def unavailable(self, device: torch.device, dtype: torch.dtype, precision: str = "exact") -> str | None:
        """Why this backend cannot run there in that precision, as half a sentence; None if it can."""
        ...

    def explain(self, pattern: Pattern, precision: str = "exact") -> str:
        """In which form, dense or sparse, the parts of a pattern run here, and why."""
        ...

    def forward(self, problem: Problem, save_states: bool) -> Outputs:
        """The whole sequence."""
        ...

    def backward(
        self, problem: Problem, rates: Tensor, states: Tensor | None, grads: OutputGradients, wanted: Wanted
    ) -> Gradients:
        """The gradient of the whole sequence.

        `rates` and `states` are those of the forward pass. The states are there under post-activation
        noise, when the slope f' is to be taken from them since the rates hide it, and when alpha needs
        a gradient.
        """
        ...
