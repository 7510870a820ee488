"""Backend `torch`: the sequence as a loop over torch's own products; needs nothing but torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphrnn.kernels import csr
from graphrnn.kernels._precision import rounding
from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.contract import Gradients, Matrix, OutputGradients, Outputs, Problem, Wanted
from graphrnn.kernels.csr import steps_per_chunk
from graphrnn.kernels.delays import by_delay, earlier, window_of, windows, windows_of_run
from graphrnn.kernels.pattern import Pattern
from graphrnn.kernels.products import Products, ValueSum

__all__ = ["TorchBackend"]


class TorchBackend:
    """The recurrence on torch's sparse products, on CPU and CUDA.

    Args:
        products: who multiplies, for a backend that shares this loop; torch itself by default.
    """

    name = "torch"

    def __init__(self, products: Products = csr) -> None:
        self.products = products

    def unavailable(self, device: torch.device, dtype: torch.dtype, precision: str = "exact") -> str | None:
        if device.type not in ("cpu", "cuda"):
            return f"torch has no sparse products on {device.type}"
        if dtype not in (torch.float32, torch.float64):
            return f"torch's sparse products need float32 or float64, not {str(dtype)[6:]}"
        return None

    def explain(self, pattern: Pattern) -> str:
        return csr.explain(pattern)

    def forward(self, problem: Problem, save_states: bool) -> Outputs:
        products, window = rounding(self.products, problem.precision), window_of(problem.r0)
        weight = products.weight_matrix(problem.hidden.pattern, problem.hidden.values, window)
        entry, readout = (
            None if matrix is None else products.weight_matrix(matrix.pattern, matrix.values)
            for matrix in (problem.input, problem.readout)
        )
        leak = problem.alpha[:, None]
        f = ACTIVATIONS[problem.activation].function
        v = problem.v0.clone(memory_format=torch.contiguous_format)
        rates = v.new_empty(problem.steps, *v.shape)
        head, read = windows_of_run(problem.r0, rates)
        states = torch.empty_like(rates) if save_states else None
        output = None
        if problem.readout is not None:
            output = v.new_empty(len(rates), problem.readout.pattern.shape[0], v.shape[1])
        current = torch.empty_like(v)
        length = steps_per_chunk(rates)
        for start in range(0, len(rates), length):
            chunk = slice(start, start + length)
            drive = _drive(products, problem, entry, rates[chunk], chunk)
            for k, rate in enumerate(rates[chunk].unbind()):
                products.addmm(drive[k], weight, read[start + k], out=current)
                torch.lerp(v, current, leak, out=v)
                if states is not None:
                    states[start + k] = v
                if problem.rate_noise is None:
                    rate.copy_(f(v))
                else:
                    torch.add(f(v), problem.rate_noise[start + k], out=rate)
                if start + k < window - 1:
                    head[window + start + k] = rate
            if output is not None:
                output[chunk] = products.each_step(readout, rates[chunk])
        return Outputs(rates, states, v, output)

    def backward(
        self, problem: Problem, rates: Tensor, states: Tensor | None, grads: OutputGradients, wanted: Wanted
    ) -> Gradients:
        products, window = rounding(self.products, problem.precision), window_of(problem.r0)
        transposed = products.transposed_matrix(problem.hidden.pattern, problem.hidden.values, window)
        back = None
        if problem.readout is not None and grads.output is not None:
            back = products.transposed_matrix(problem.readout.pattern, problem.readout.values)
        f, slope = ACTIVATIONS[problem.activation]
        leak = problem.alpha[:, None]
        keep = 1 - leak
        totals = _Totals(products, problem, rates, wanted)
        # The loop carries g = α ∂L/∂v, which is the gradient of the drive itself.
        carried = torch.zeros_like(problem.v0) if grads.v_last is None else leak * grads.v_last
        carried = carried.contiguous()
        later = carried.new_zeros(window, *carried.shape)  # g of the steps after a chunk
        length = max(steps_per_chunk(rates), window)
        end = len(rates)
        while end > 0:
            chunk = slice(max(0, end - length), end)
            noiseless = rates[chunk] if problem.rate_noise is None or states is None else f(states[chunk])
            slopes = slope(noiseless).mul_(leak)
            grad_rates = _grad_rates(products, grads, back, rates, chunk)
            ahead = torch.cat((torch.empty_like(slopes), later))
            currents, read = ahead[: len(slopes)], windows(ahead, window).unbind()
            for k in range(len(slopes) - 1, -1, -1):
                if chunk.start + k + 1 < len(rates):
                    products.addmm(grad_rates[k], transposed, read[k + 1], out=grad_rates[k])
                after = torch.addcmul(carried, grad_rates[k], slopes[k], out=currents[k])
                torch.mul(after, keep, out=carried)
            totals.add(chunk, currents, states, grads.output)
            later, end = ahead[:window], chunk.start
        return totals.gradients()._replace(
            v0=carried / leak if wanted.v0 else None,
            r0=_grad_start(products, transposed, later, problem.r0) if wanted.r0 else None,
        )


def _drive(products: Products, problem: Problem, entry: Any, like: Tensor, chunk: slice) -> Tensor:
    """All that drives the neurons but their own rates (time, neuron, batch)."""
    parts = []
    if problem.x is not None:
        parts.append(products.each_step(entry, problem.x[chunk]))
    if problem.bias is not None:
        parts.append(problem.bias[:, None])
    if problem.drive is not None:
        parts.append(problem.drive[chunk])
    return sum(parts[1:], start=parts[0]) if parts else torch.zeros_like(like)


def _grad_rates(products: Products, grads: OutputGradients, back: Any, rates: Tensor, chunk: slice) -> Tensor:
    """What the outputs say of the rates of some steps, in fresh memory."""
    total = torch.zeros_like(rates[chunk]) if grads.rates is None else grads.rates[chunk].clone()
    total = total.contiguous()
    if back is not None and grads.output is not None:
        total += products.each_step(back, grads.output[chunk])
    if grads.r_last is not None and chunk.stop == len(rates):
        total[-1] += grads.r_last
    return total


class _Totals:
    """The gradients that are summed over time, and those that come step by step."""

    def __init__(self, products: Products, problem: Problem, rates: Tensor, wanted: Wanted) -> None:
        self.products, self.problem, self.rates = products, problem, rates
        self.hidden = _HiddenGradient(products, problem) if wanted.values else None
        self.input = _value_gradient(products, problem.input, wanted.input_values)
        self.readout = _value_gradient(products, problem.readout, wanted.readout_values)
        self.back = None
        if wanted.x and problem.input is not None:
            self.back = products.transposed_matrix(problem.input.pattern, problem.input.values)
        self.x = torch.empty_like(problem.x) if wanted.x and problem.x is not None else None
        self.drive = torch.empty_like(rates) if wanted.drive else None
        self.bias, self.alpha = (
            torch.zeros_like(problem.alpha) if needed else None for needed in (wanted.bias, wanted.alpha)
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
        return Gradients(hidden, entry, readout, self.x, self.bias, self.drive, alpha, None, None)


class _HiddenGradient:
    """That of W, whose synapses read rates of one or more steps before, delay by delay."""

    def __init__(self, products: Products, problem: Problem) -> None:
        (values, pattern), self.r0, window = problem.hidden, problem.r0, window_of(problem.r0)
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


def _grad_start(products: Products, transposed: Any, first: Tensor, r0: Tensor) -> Tensor:
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
