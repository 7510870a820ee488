"""Starts the kernels: one product with a matrix, or the steps of a sequence forward or back."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphrnn.kernels.gpu.graph import replayed
from graphrnn.kernels.gpu.layout import SIZE, Layout
from graphrnn.kernels.gpu.sweep import Dense, Form, Sweep

__all__ = ["each_step", "run", "width_of"]

WIDEST = 32  # columns of the batch in a program; with 64 few programs find registers at a time
WARPS = 8  # of `sequence`, which has a multiprocessor to itself; with 4 it runs out of registers
AHEAD = 8  # synapses of a row that are read at once
PROGRAMS = 264  # two on each of 132 multiprocessors
BLOCK = 64  # rows and columns of a dense matrix that are multiplied at once
TIMES = 2**15  # as many steps as a grid takes


def each_step(matrix: Form, x: Tensor, precision: str) -> Tensor:
    """The products (time, row, batch) with each step of x (time, column, batch)."""
    times, _, batch = x.shape
    if x.stride()[1:] != (batch, 1):
        x = x.contiguous()
    out = x.new_empty(times, matrix.layout.n_rows, batch)
    for first in range(0, times, TIMES):
        part, result = x[first : first + TIMES], out[first : first + TIMES]
        ends = _Ends(None, None, None, part, result, None, None, None)
        static = {"MODE": "product", "NOISY": False, "ACTIVATION": "identity", "PRECISION": precision}
        _step(matrix, ends, static, _partial(matrix.layout, part), len(part), x.stride(0))
    return out


def run(matrix: Form | Dense, sweep: Sweep) -> None:
    """Fills `path`, `state` and `kept` of a sweep."""
    if sweep.summand.numel() == 0:
        return
    if isinstance(matrix, Dense):
        _sequence(matrix.weight, sweep)
    else:
        replayed(_steps, matrix, sweep)


def width_of(batch: int, like: Tensor, programs: int = PROGRAMS) -> int:
    """Columns of the batch that a program takes, where as many programs share each of them.

    Fewer where that keeps more of a GPU busy, down to the 16 that tensor cores take. No sum depends on it.
    """
    width = min(WIDEST * 4 // like.element_size(), max(16, 1 << (batch - 1).bit_length()))
    while like.is_cuda and width > 16 and programs * -(-batch // width) < PROGRAMS:
        width //= 2
    return width


class _Ends(NamedTuple):
    """What a step reads and writes, in the order of the kernels' arguments."""

    summand: Tensor | None
    state: Tensor | None
    leak: Tensor | None
    source: Tensor
    out: Tensor
    low: Tensor | None
    seen: Tensor | None
    kept: Tensor | None


def _shifts(sweep: Sweep) -> tuple[int, int]:
    """Where a step reads and writes in the path, counted from its number."""
    window = len(sweep.path) - len(sweep.summand)
    return (0, window) if sweep.mode == "forward" else (1, 0)


def _static(sweep: Sweep) -> dict[str, Any]:
    return {
        "MODE": sweep.mode,
        "NOISY": sweep.noisy,
        "ACTIVATION": sweep.activation,
        "PRECISION": sweep.precision,
    }


def _steps(matrix: Form, sweep: Sweep) -> None:
    static = _static(sweep)
    steps = range(len(sweep.summand))
    read, write = _shifts(sweep)
    low = sweep.path.to(torch.bfloat16) if sweep.precision == "bf16" else None
    partial = _partial(matrix.layout, sweep.state[None])
    for k in steps if sweep.mode == "forward" else reversed(steps):
        seen, kept = (None if all_of is None else all_of[k] for all_of in (sweep.seen, sweep.kept))
        ends = _Ends(
            sweep.summand[k],
            sweep.state,
            sweep.leak,
            (sweep.path if low is None else low)[k + read],
            sweep.path[k + write],
            None if low is None else low[k + write],
            seen,
            kept,
        )
        _step(matrix, ends, static, partial)


def _step(
    matrix: Form,
    ends: _Ends,
    static: dict[str, Any],
    partial: Tensor | None,
    times: int = 1,
    source_step: int = 0,
) -> None:
    """One step, or a product with each of several steps."""
    from graphrnn.kernels.gpu.device import steps as kernels

    found = matrix.layout
    rest, tiles = found.rest, found.tiles
    batch = ends.out.shape[-1]
    sizes = (batch, source_step, found.n_rows * batch, 0 if partial is None else partial.stride(0))
    if found.n_rows == 0 or times == 0:
        return
    jobs: tuple[Any, ...] = (None,) * 4
    if rest is not None:
        lists = (rest.start, rest.col, matrix.rest, rest.job_row, rest.job_from, rest.job_until)
        width = width_of(batch, ends.out, len(rest.job_from) * times)
        kernels.rest_step[len(rest.job_from), -(-batch // width), times](
            *ends, partial, *lists, *sizes, LANES=rest.lanes, AHEAD=AHEAD, WIDTH=width, **static
        )
        if found.in_one_step:
            return
        jobs = (rest.row_job, rest.row_lane, rest.row_parts, rest.block_parts)
    blocks = (None,) * 3 if tiles is None else (tiles.start, tiles.col, matrix.tiles)
    rows = -(-found.n_rows // SIZE)
    width = width_of(batch, ends.out, rows * times)
    kernels.tile_step[rows, -(-batch // width), times](
        *ends,
        partial,
        *jobs,
        *blocks,
        found.n_rows,
        found.n_cols,
        *sizes,
        LANES=1 if rest is None else rest.lanes,
        SIZE=SIZE,
        WIDTH=width,
        **static,
    )


def _partial(found: Layout, like: Tensor) -> Tensor | None:
    """Room for what jobs leave in each step of (time, …, batch); None where they end the step."""
    if found.rest is None or found.in_one_step:
        return None
    return like.new_empty(len(like), len(found.rest.job_row), like.shape[-1])


def _sequence(weight: Tensor, sweep: Sweep) -> None:
    from graphrnn.kernels.gpu.device import steps as kernels

    steps, n, batch = sweep.summand.shape
    read, write = _shifts(sweep)
    width = 16  # the fewest that tensor cores take: as many programs as there can be
    kernels.sequence[(-(-batch // width),)](
        sweep.summand,
        sweep.state,
        sweep.leak,
        sweep.path[read:],
        sweep.path[write:],
        sweep.seen,
        sweep.kept,
        weight,
        steps,
        n,
        weight.shape[1],
        batch,
        ROWS=_block(n),
        COLS=_block(weight.shape[1]),
        WIDTH=width,
        num_warps=WARPS,
        **_static(sweep),
    )


def _block(size: int) -> int:
    return min(BLOCK, max(16, 1 << (size - 1).bit_length()))
