"""What backends with a loop over time in Python share: all that is not in the loop itself.

Drive, gradient of the outputs, and the sums over time, each for a chunk of steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from graphrnn.kernels.contract import Gradients, Matrix, OutputGradients, Problem, Wanted
from graphrnn.kernels.delays import by_delay, earlier, window_of, windows
from graphrnn.kernels.products import Products, ValueSum

__all__ = [
    "HiddenGradient",
    "HiddenSum",
    "Totals",
    "drive_of",
    "from_outputs",
    "grad_start",
    "output_of",
    "readout_back",
]


class HiddenSum(Protocol):
    """The gradient of the values of W, over chunks of time."""

    def add(self, currents: Tensor, rates: Tensor, chunk: slice) -> None:
        """Adds some steps, with the gradient of all that drives their neurons."""
        ...

    def values(self) -> Tensor:
        """The sum at the synapses (synapse,)."""
        ...


def drive_of(products: Products, problem: Problem, entry: Any, like: Tensor, chunk: slice) -> Tensor:
    """All that drives the neurons but their own rates (time, neuron, batch)."""
    parts = []
    if problem.x is not None:
        parts.append(products.each_step(entry, problem.x[chunk]))
    if problem.bias is not None:
        parts.append(problem.bias[:, None])
    if problem.drive is not None:
        parts.append(problem.drive[chunk])
    return sum(parts[1:], start=parts[0]) if parts else torch.zeros_like(like)


def output_of(products: Products, problem: Problem, readout: Any, rates: Tensor) -> Tensor:
    """The output of some steps (time, readout, batch)."""
    output = products.each_step(readout, rates)
    return output if problem.readout_bias is None else output + problem.readout_bias[:, None]


def readout_back(products: Products, problem: Problem, grads: OutputGradients) -> Any:
    """W_outᵀ, through which gradients of the output come back; None where there are none."""
    if problem.readout is None or grads.output is None:
        return None
    return products.transposed_matrix(problem.readout.pattern, problem.readout.values)


def from_outputs(
    products: Products, grads: OutputGradients, back: Any, rates: Tensor, chunk: slice
) -> Tensor:
    """What the outputs say of the rates of some steps, in fresh memory."""
    total = torch.zeros_like(rates[chunk]) if grads.rates is None else grads.rates[chunk].clone()
    total = total.contiguous()
    if back is not None and grads.output is not None:
        total += products.each_step(back, grads.output[chunk])
    if grads.r_last is not None and chunk.stop == len(rates):
        total[-1] += grads.r_last
    return total


class Totals:
    """The gradients that are summed over time, and those that come step by step."""

    def __init__(
        self,
        products: Products,
        problem: Problem,
        rates: Tensor,
        wanted: Wanted,
        hidden: Callable[[Products, Problem], HiddenSum],
    ) -> None:
        self.products, self.problem, self.rates = products, problem, rates
        self.hidden = hidden(products, problem) if wanted.values else None
        self.input = _value_gradient(products, problem.input, wanted.input_values)
        self.readout = _value_gradient(products, problem.readout, wanted.readout_values)
        self.back = None
        if wanted.x and problem.input is not None:
            self.back = products.transposed_matrix(problem.input.pattern, problem.input.values)
        self.x = torch.empty_like(problem.x) if wanted.x and problem.x is not None else None
        self.drive = torch.empty_like(rates) if wanted.drive else None
        self.bias, self.readout_bias, self.alpha = (
            None if one is None or not needed else torch.zeros_like(one)
            for one, needed in (
                (problem.bias, wanted.bias),
                (problem.readout_bias, wanted.readout_bias),
                (problem.alpha, wanted.alpha),
            )
        )

    def add(self, chunk: slice, currents: Tensor, states: Tensor | None, output: Tensor | None) -> None:
        """Some steps, with the gradient of all that drives their neurons."""
        problem = self.problem
        if self.hidden is not None:
            self.hidden.add(currents, self.rates, chunk)
        if problem.x is not None and self.input is not None:
            self.input.add(currents, problem.x[chunk])
        if output is not None and self.readout is not None:
            self.readout.add(output[chunk], self.rates[chunk])
        if output is not None and self.readout_bias is not None:
            self.readout_bias += output[chunk].sum((0, 2))
        if self.x is not None and self.back is not None:
            self.x[chunk] = self.products.each_step(self.back, currents)
        if self.drive is not None:
            self.drive[chunk] = currents
        if self.bias is not None:
            self.bias += currents.sum((0, 2))
        if self.alpha is not None and states is not None:
            change = states[chunk] - _before(problem.v0, states, chunk)
            self.alpha += (currents * change).sum((0, 2))

    def gradients(self) -> Gradients:
        """Of all but the start of the sequence."""
        hidden, entry, readout = (
            None if gradient is None else gradient.values()
            for gradient in (self.hidden, self.input, self.readout)
        )
        alpha = None if self.alpha is None else self.alpha / self.problem.alpha**2
        biases = self.bias, self.readout_bias
        return Gradients(hidden, entry, readout, self.x, *biases, self.drive, alpha, None, None)


class HiddenGradient:
    """That of W, whose synapses read rates of one or more steps before, delay by delay."""

    def __init__(self, products: Products, problem: Problem) -> None:
        (values, pattern), self.r0, window = problem.hidden, problem.rates_before, window_of(problem.r0)
        self.whole = torch.zeros_like(values)
        found = [(1, slice(None), pattern)] if window == 1 else by_delay(pattern, window)
        self.parts = [
            (back, index, products.value_gradient(part, values[index])) for back, index, part in found
        ]

    def add(self, currents: Tensor, rates: Tensor, chunk: slice) -> None:
        """Some steps, with the gradient of all that drives their neurons."""
        for back, _, gradient in self.parts:
            gradient.add(currents, earlier(self.r0, rates, chunk, back))

    def values(self) -> Tensor:
        """The sum at the synapses (synapse,)."""
        for _, index, gradient in self.parts:
            self.whole[index] = gradient.values()
        return self.whole


def grad_start(products: Products, transposed: Any, first: Tensor, r0: Tensor) -> Tensor:
    """The gradient of the rates before the sequence, from that of the drive of its first steps."""
    window = len(first)
    ahead = torch.cat((first.new_zeros(window - 1, *first.shape[1:]), first))
    return products.each_step(transposed, windows(ahead, window)).reshape(r0.shape)


def _value_gradient(products: Products, matrix: Matrix | None, wanted: bool) -> ValueSum | None:
    return products.value_gradient(matrix.pattern, matrix.values) if wanted and matrix is not None else None


def _before(first: Tensor, sequence: Tensor, chunk: slice) -> Tensor:
    """The steps just before those of a chunk, where `first` comes before the sequence."""
    if chunk.start > 0:
        return sequence[chunk.start - 1 : chunk.stop - 1]
    return torch.cat((first[None], sequence[: chunk.stop - 1]))
