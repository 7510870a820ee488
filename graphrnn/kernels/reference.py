"""The recurrence in dense torch, as one would write it on a blackboard: the oracle of all backends.

Its gradient comes from torch's own autograd, so it shares none with the backends it judges. It costs
neurons squared in memory and time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphrnn.kernels._precision import EXACT, rounded
from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.contract import Problem
from graphrnn.kernels.delays import window_of

__all__ = ["recurrence"]


def recurrence(problem: Problem) -> tuple[Tensor, Tensor, Tensor | None]:
    """Rates of all time steps (time, neuron, batch), the last v (neuron, batch) and the output."""
    hidden, entry, readout, x, bias, readout_bias, drive, alpha, v, *_ = problem
    r0, noise = problem.rates_before, problem.rate_noise
    n, window = len(alpha), window_of(r0)
    at = (hidden.pattern.post, hidden.pattern.pre)  # under delays pre counts through the window
    weight = hidden.values.new_zeros(n, window * n).index_put(at, hidden.values)
    past = list(r0.unbind()) if r0.ndim == 3 else [r0]
    leak = alpha[:, None]
    product = _product(problem.precision)
    f = ACTIVATIONS[problem.activation].function
    rates = []
    for t in range(problem.steps):
        current = product(weight, torch.cat(past[-window:]))
        if entry is not None and x is not None:
            current = current + product(entry.pattern.dense(entry.values), x[t])
        if bias is not None:
            current = current + bias[:, None]
        if drive is not None:
            current = current + drive[t]
        v = (1 - leak) * v + leak * current
        r = f(v) if noise is None else f(v) + noise[t]
        rates.append(r)
        past.append(r)
    result = torch.stack(rates)
    output = None if readout is None else product(readout.pattern.dense(readout.values), result)
    if output is not None and readout_bias is not None:
        output = output + readout_bias[:, None]
    return result, v, output


def _product(precision: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The product of a matrix with columns (…, column, batch) in a precision."""
    return torch.matmul if precision == EXACT else partial(_RoundedProduct.apply, precision)


class _RoundedProduct(torch.autograd.Function):
    """A product of rounded numbers, whose gradient multiplies rounded numbers too."""

    @staticmethod
    def forward(ctx: Any, precision: str, matrix: Tensor, x: Tensor) -> Tensor:
        ctx.precision = precision
        matrix, x = rounded(matrix, precision), rounded(x, precision)
        ctx.save_for_backward(matrix, x)
        return matrix @ x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, Tensor]:
        matrix, x = ctx.saved_tensors
        grad = rounded(grad, ctx.precision)
        outer = grad @ x.mT
        return None, outer if outer.ndim == 2 else outer.sum(0), matrix.mT @ grad
