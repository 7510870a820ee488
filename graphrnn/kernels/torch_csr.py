"""Backend `torch`: the sequence as a loop over torch's own products; needs nothing but torch."""

from __future__ import annotations

import torch
from torch import Tensor

from graphrnn.kernels import csr
from graphrnn.kernels._precision import rounding
from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.contract import Gradients, OutputGradients, Outputs, Problem, Wanted
from graphrnn.kernels.csr import steps_per_chunk
from graphrnn.kernels.delays import window_of, windows, windows_of_run
from graphrnn.kernels.pattern import Pattern
from graphrnn.kernels.products import StepProducts
from graphrnn.kernels.totals import (
    HiddenGradient,
    Totals,
    drive_of,
    from_outputs,
    grad_start,
    output_of,
    readout_back,
)

__all__ = ["TorchBackend"]


class TorchBackend:
    """The recurrence on torch's sparse products, on CPU and CUDA.

    Args:
        products: who multiplies, for a backend that shares this loop; torch itself by default.
    """

    name = "torch"

    def __init__(self, products: StepProducts = csr) -> None:
        self.products = products

    def unavailable(self, device: torch.device, dtype: torch.dtype, precision: str = "exact") -> str | None:
        if device.type not in ("cpu", "cuda"):
            return f"torch has no sparse products on {device.type}"
        if dtype not in (torch.float32, torch.float64):
            return f"torch's sparse products need float32 or float64, not {str(dtype)[6:]}"
        return None

    def explain(self, pattern: Pattern, precision: str = "exact") -> str:
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
        head, read = windows_of_run(problem.rates_before, rates)
        states = torch.empty_like(rates) if save_states else None
        output = None
        if problem.readout is not None:
            output = v.new_empty(len(rates), problem.readout.pattern.shape[0], v.shape[1])
        current = torch.empty_like(v)
        length = steps_per_chunk(rates)
        for start in range(0, len(rates), length):
            chunk = slice(start, start + length)
            drive = drive_of(products, problem, entry, rates[chunk], chunk)
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
                output[chunk] = output_of(products, problem, readout, rates[chunk])
        return Outputs(rates, states, v, output)

    def backward(
        self, problem: Problem, rates: Tensor, states: Tensor | None, grads: OutputGradients, wanted: Wanted
    ) -> Gradients:
        products, window = rounding(self.products, problem.precision), window_of(problem.r0)
        transposed = products.transposed_matrix(problem.hidden.pattern, problem.hidden.values, window)
        back = readout_back(products, problem, grads)
        f, slope = ACTIVATIONS[problem.activation]
        leak = problem.alpha[:, None]
        keep = 1 - leak
        totals = Totals(products, problem, rates, wanted, HiddenGradient)
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
            grad_rates = from_outputs(products, grads, back, rates, chunk)
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
            r0=grad_start(products, transposed, later, problem.rates_before) if wanted.r0 else None,
        )
