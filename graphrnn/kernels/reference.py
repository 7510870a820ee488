"""The recurrence in dense torch, as one would write it on a blackboard: the oracle of all backends.

Its gradient comes from torch's own autograd, so it shares none with the backends it judges. It costs
neurons squared in memory and time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.contract import Problem
from graphrnn.kernels.delays import window_of

__all__ = ["recurrence"]


def recurrence(problem: Problem) -> tuple[Tensor, Tensor, Tensor | None]:
    """Rates of all time steps (time, neuron, batch), the last v (neuron, batch) and the output."""
    hidden, entry, readout, x, bias, drive, alpha, v, r0, rate_noise, activation = problem
    n, window = len(alpha), window_of(r0)
    at = (hidden.pattern.post, hidden.pattern.pre)  # under delays pre counts through the window
    weight = hidden.values.new_zeros(n, window * n).index_put(at, hidden.values)
    past = list(r0.unbind()) if r0.ndim == 3 else [r0]
    leak = alpha[:, None]
    f = ACTIVATIONS[activation].function
    rates = []
    for t in range(problem.steps):
        current = weight @ torch.cat(past[-window:])
        if entry is not None and x is not None:
            current = current + entry.pattern.dense(entry.values) @ x[t]
        if bias is not None:
            current = current + bias[:, None]
        if drive is not None:
            current = current + drive[t]
        v = (1 - leak) * v + leak * current
        r = f(v) if rate_noise is None else f(v) + rate_noise[t]
        rates.append(r)
        past.append(r)
    result = torch.stack(rates)
    output = None if readout is None else readout.pattern.dense(readout.values) @ result
    return result, v, output
