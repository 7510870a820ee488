"""The recurrence in dense torch, as one would write it on a blackboard: the oracle of all backends.

Its gradient comes from torch's own autograd, so it shares none with the backends it judges. It costs
neurons squared in memory and time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.contract import Problem

__all__ = ["recurrence"]


def recurrence(problem: Problem) -> tuple[Tensor, Tensor, Tensor | None]:
    """Rates of all time steps (time, neuron, batch), the last v (neuron, batch) and the output."""
    hidden, entry, readout, x, bias, drive, alpha, v, r, rate_noise, activation = problem
    weight = hidden.pattern.dense(hidden.values)
    leak = alpha[:, None]
    f = ACTIVATIONS[activation].function
    rates = []
    for t in range(problem.steps):
        current = weight @ r
        if entry is not None and x is not None:
            current = current + entry.pattern.dense(entry.values) @ x[t]
        if bias is not None:
            current = current + bias[:, None]
        if drive is not None:
            current = current + drive[t]
        v = (1 - leak) * v + leak * current
        r = f(v) if rate_noise is None else f(v) + rate_noise[t]
        rates.append(r)
    result = torch.stack(rates)
    output = None if readout is None else readout.pattern.dense(readout.values) @ result
    return result, v, output
