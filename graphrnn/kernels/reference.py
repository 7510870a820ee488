"""The recurrence in dense torch, as one would write it on a blackboard: the oracle of all backends.

Its gradient comes from torch's own autograd, so it shares none with the backends it judges. It costs
neurons squared in memory and time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.pattern import Pattern

__all__ = ["recurrence"]


def recurrence(
    values: Tensor,
    pattern: Pattern,
    drive: Tensor,
    alpha: Tensor,
    v0: Tensor,
    r0: Tensor,
    activation: str,
    rate_noise: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Rates of all time steps (time, neuron, batch) and the last state v (neuron, batch)."""
    weight = pattern.dense(values)
    leak = alpha[:, None]
    f = ACTIVATIONS[activation].function
    v, r = v0, r0
    rates = []
    for t in range(len(drive)):
        v = (1 - leak) * v + leak * (weight @ r + drive[t])
        r = f(v) if rate_noise is None else f(v) + rate_noise[t]
        rates.append(r)
    return torch.stack(rates), v
