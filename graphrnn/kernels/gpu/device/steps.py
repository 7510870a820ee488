"""The kernels of a time step and of a whole sequence.

All numbers are neuron-major with the batch innermost. `source` and `out` point at the step that is read and
at the one that is written; offsets into them are counted in 64 bits. One program takes some rows and some
columns of the batch, and adds up in an order that depends on the pattern alone.
"""

from __future__ import annotations

import triton
import triton.language as tl

from graphrnn.kernels.gpu.device.functions import dot, finish, rounded

__all__ = ["rest_step", "sequence", "tile_step"]


@triton.jit
def rest_step(
    summand, state, leak, source, out, low, seen, kept, partial,
    start, col, values, job_row, job_from, job_until,
    batch, source_step, out_step, partial_step,
    LANES: tl.constexpr, AHEAD: tl.constexpr, WIDTH: tl.constexpr,
    MODE: tl.constexpr, NOISY: tl.constexpr, ACTIVATION: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Synapses one by one: program (job, columns of the batch, time step).

    A job is LANES rows and the synapses of each of them from the `job_from`-th to before the `job_until`-th.
    Where `partial` is there, jobs leave their sums there; else each ends the step of its rows. AHEAD synapses
    of each row are on their way at once, because where a rate lies is known only when the index has come.
    """
    job, b, step = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    source += step * source_step
    columns = b * WIDTH + tl.arange(0, WIDTH)
    lane = job * LANES + tl.arange(0, LANES)
    row = tl.load(job_row + lane)
    live = row >= 0
    first = tl.load(start + row, live, other=0).to(tl.int64)
    last = tl.load(start + row + 1, live, other=0).to(tl.int64)
    inside = columns < batch
    total = tl.zeros((LANES, WIDTH), out.dtype.element_ty)
    until = tl.load(job_until + job)
    last = tl.minimum(last, first + until)
    for k in range(tl.load(job_from + job), until, AHEAD):
        synapse = (first + k)[:, None] + tl.arange(0, AHEAD)[None, :]
        there = synapse < last[:, None]
        weight = tl.load(values + synapse, there, other=0)
        pre = tl.load(col + synapse, there, other=0).to(tl.int64)
        mask = there[:, :, None] & inside[None, None, :]
        x = tl.load(source + pre[:, :, None] * batch + columns[None, None, :], mask, other=0)
        total += tl.sum(rounded(weight, PRECISION)[:, :, None] * rounded(x.to(total.dtype), PRECISION), 1)
    if partial is not None:
        partial += step * partial_step
        tl.store(partial + lane.to(tl.int64)[:, None] * batch + columns[None, :], total, inside[None, :])
    else:
        mask = live[:, None] & inside[None, :]
        at = row.to(tl.int64)[:, None] * batch + columns[None, :]
        alpha = 0
        if MODE != "product":
            total += tl.load(summand + at, mask, other=0)
            alpha = tl.load(leak + row, live, other=0)[:, None]
        finish(total, at, alpha, mask, state, out + step * out_step, low, seen, kept, MODE, NOISY, ACTIVATION)


@triton.jit
def tile_step(
    summand, state, leak, source, out, low, seen, kept, partial,
    row_job, row_lane, row_parts, block_parts,
    tile_start, tile_col, tile_values,
    n_rows, n_cols, batch, source_step, out_step, partial_step,
    LANES: tl.constexpr, SIZE: tl.constexpr, WIDTH: tl.constexpr,
    MODE: tl.constexpr, NOISY: tl.constexpr, ACTIVATION: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Dense tiles and the sums of `rest_step`: program (SIZE rows, columns of the batch, time step)."""
    block, b, step = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    source += step * source_step
    columns = b * WIDTH + tl.arange(0, WIDTH)
    within = tl.arange(0, SIZE)
    row = block * SIZE + within
    live = row < n_rows
    inside = columns < batch
    mask = live[:, None] & inside[None, :]
    total = tl.zeros((SIZE, WIDTH), out.dtype.element_ty)
    if partial is not None:
        partial += step * partial_step
        job = tl.load(row_job + row, live, other=0).to(tl.int64)
        lane = tl.load(row_lane + row, live, other=0)
        parts = tl.load(row_parts + row, live, other=0)
        for k in range(tl.load(block_parts + block)):
            there = (k < parts)[:, None] & inside[None, :]
            at = ((job + k) * LANES + lane)[:, None] * batch + columns[None, :]
            total += tl.load(partial + at, there, other=0)
    if tile_values is not None:
        for tile in range(tl.load(tile_start + block), tl.load(tile_start + block + 1)):
            corner = tile_values + tile * (SIZE * SIZE)
            w = tl.load(corner + within[:, None] * SIZE + within[None, :])
            pre = tl.load(tile_col + tile) * SIZE + within
            here = (pre < n_cols)[:, None] & inside[None, :]
            x = tl.load(source + pre.to(tl.int64)[:, None] * batch + columns[None, :], here, other=0)
            total = dot(w, x.to(total.dtype), total, PRECISION)
    at = row.to(tl.int64)[:, None] * batch + columns[None, :]
    alpha = 0
    if MODE != "product":
        total += tl.load(summand + at, mask, other=0)
        alpha = tl.load(leak + row, live, other=0)[:, None]
    finish(total, at, alpha, mask, state, out + step * out_step, low, seen, kept, MODE, NOISY, ACTIVATION)


@triton.jit
def sequence(
    summand, state, leak, source, out, seen, kept, weight,
    steps, n_rows, n_cols, batch,
    ROWS: tl.constexpr, COLS: tl.constexpr, WIDTH: tl.constexpr,
    MODE: tl.constexpr, NOISY: tl.constexpr, ACTIVATION: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """All steps of a small network: program (columns of the batch).

    W is one dense matrix. Trials do not meet, so each program goes through time by itself; a barrier between
    two steps lets all its threads see the rates of the last one. Backward goes from the last to the first.
    """
    columns = tl.program_id(0) * WIDTH + tl.arange(0, WIDTH)
    inside = columns < batch
    size = tl.cast(n_rows, tl.int64) * batch
    for k in range(steps):
        step = k * size if MODE == "forward" else (steps - 1 - k) * size  # where it begins
        read = source + step
        for top in range(0, n_rows, ROWS):
            row = top + tl.arange(0, ROWS)
            live = row < n_rows
            mask = live[:, None] & inside[None, :]
            at = row[:, None] * batch + columns[None, :]
            total = tl.load(summand + step + at, mask, other=0)
            for left in range(0, n_cols, COLS):
                pre = left + tl.arange(0, COLS)
                w = tl.load(
                    weight + row[:, None] * n_cols + pre[None, :],
                    live[:, None] & (pre < n_cols)[None, :],
                    other=0,
                )
                here = (pre < n_cols)[:, None] & inside[None, :]
                x = tl.load(read + pre[:, None] * batch + columns[None, :], here, other=0)
                total = dot(w, x, total, PRECISION)
            alpha = tl.load(leak + row, live, other=0)[:, None]
            at_seen = seen + step if seen is not None else None
            at_kept = kept + step if kept is not None else None
            finish(
                total, at, alpha, mask, state, out + step, None, at_seen, at_kept, MODE, NOISY, ACTIVATION
            )  # fmt: skip
        tl.debug_barrier()
