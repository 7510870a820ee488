"""The noise of a CTRNN."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["draw_noise"]


def draw_noise(
    sigmas: tuple[float, float], n: int, x: Tensor, alpha: Tensor, generator: torch.Generator | None
) -> tuple[Tensor | None, Tensor | None]:
    """The noise √(2/α) σ ε that drives the neurons and σ' ε' on the rates; None where it is off.

    Both (time, neuron, batch), drawn step by step, so that a sequence in two parts gets the noise of
    the whole.

    Args:
        sigmas: σ and σ', at least one above 0.
        n: number of neurons.
        x: (time, input, batch), for its length, batch, device and precision.
        alpha: (neuron,).
        generator: source of the noise; None for torch's default.
    """
    shape = (n, x.shape[2])
    noises = [x.new_empty(len(x), *shape) if sigma else None for sigma in sigmas]
    for step in zip(*(noise for noise in noises if noise is not None), strict=True):
        for part in step:  # not `normal_`: torch.compile takes two of them for one and the same
            part.copy_(torch.randn(shape, generator=generator, device=x.device, dtype=x.dtype))
    before, after = (
        None if noise is None else noise.mul_(sigma) for noise, sigma in zip(noises, sigmas, strict=True)
    )
    if before is not None:
        scale = (math.sqrt(2.0) * alpha.rsqrt())[:, None]
        # in place where autograd need not know: the noise is as large as the rates
        before = before * scale if scale.requires_grad else before.mul_(scale)
    return before, after
