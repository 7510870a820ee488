"""The kernels of the gradient of the values: sums over time and batch, at the synapses alone."""

from __future__ import annotations

import triton
import triton.language as tl

from graphrnn.kernels.gpu.device.functions import dot, rounded

__all__ = ["rest_gradient", "tile_gradient"]


@triton.jit
def tile_gradient(
    grad, rates, tile_row, tile_col, total,
    steps, steps_of_part, n_tiles, n_rows, n_cols, batch, grad_step, rates_step,
    SIZE: tl.constexpr, WIDTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """All pairs of neurons in a dense tile: program (tile, part of the time), each with its own sum."""
    tile, part = tl.program_id(0), tl.program_id(1).to(tl.int64)
    within = tl.arange(0, SIZE)
    post = tl.load(tile_row + tile).to(tl.int64) * SIZE + within
    pre = tl.load(tile_col + tile).to(tl.int64) * SIZE + within
    found = tl.zeros((SIZE, SIZE), total.dtype.element_ty)
    for step in range(part * steps_of_part, tl.minimum(steps, (part + 1) * steps_of_part)):
        for left in range(0, batch, WIDTH):
            columns = left + tl.arange(0, WIDTH)
            inside = (columns < batch)[None, :]
            at = post[:, None] * batch + columns[None, :]
            g = tl.load(grad + step * grad_step + at, (post < n_rows)[:, None] & inside, other=0)
            at = pre[:, None] * batch + columns[None, :]
            r = tl.load(rates + step * rates_step + at, (pre < n_cols)[:, None] & inside, other=0)
            found = dot(g, tl.trans(r), found, PRECISION)
    corner = total + (part * n_tiles + tile) * (SIZE * SIZE)
    tl.store(corner + within[:, None] * SIZE + within[None, :], found)


@triton.jit
def rest_gradient(
    grad, rates, row, col, total,
    steps, n_synapses, batch, grad_step, rates_step,
    SYNAPSES: tl.constexpr, WIDTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Single synapses, added to `total`: program (synapses that follow each other)."""
    synapse = tl.program_id(0).to(tl.int64) * SYNAPSES + tl.arange(0, SYNAPSES)
    live = synapse < n_synapses
    post = tl.load(row + synapse, live, other=0).to(tl.int64) * batch
    pre = tl.load(col + synapse, live, other=0).to(tl.int64) * batch
    found = tl.zeros((SYNAPSES, WIDTH), total.dtype.element_ty)
    for step in range(steps):
        at_grad = grad + tl.cast(step, tl.int64) * grad_step
        at_rates = rates + tl.cast(step, tl.int64) * rates_step
        for left in range(0, batch, WIDTH):
            columns = left + tl.arange(0, WIDTH)
            mask = live[:, None] & (columns < batch)[None, :]
            g = tl.load(at_grad + post[:, None] + columns[None, :], mask, other=0)
            r = tl.load(at_rates + pre[:, None] + columns[None, :], mask, other=0)
            found += rounded(g, PRECISION) * rounded(r, PRECISION)
    tl.store(total + synapse, tl.load(total + synapse, live, other=0) + tl.sum(found, 1), live)
