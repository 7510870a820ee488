"""How the GPU reads a pattern: dense tiles, where they pay, and single synapses in jobs of equal length.

Rows are sorted by how many synapses they have outside of tiles, and taken in groups, so that a job's lanes
end together (the idea of SELL-C-σ: Kreutzer et al., 2014, SIAM J. Sci. Comput. 36(5), C401-C423). The
synapses stay where they are, in compressed rows: each reads a row of the batch, beside which its own eight
bytes hardly count, so that SELL's copy and padding would buy nothing. Groups of long rows are cut into jobs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphrnn.kernels._remembered import Remembered

__all__ = ["NO_TILES", "SIZE", "Layout", "Rest", "Tiles", "layout", "rows_of"]

SIZE = 32  # rows and columns of a dense tile
NO_TILES = SIZE * SIZE + 1  # more synapses than a tile can have
LANES = 8  # rows of a job
FEWEST = 0.1  # of the synapses in tiles, for any to be made: they cost a second launch per step
FEWEST_SPLIT = 256  # synapses of a row that are never cut
PORTION = 2**25  # synapses in which tiles are looked for at once
JOBS = 1024  # as many as a GPU can use at once


class Tiles(NamedTuple):
    """The dense tiles of a pattern, by rows of tiles, and the synapses in them."""

    start: Tensor  # (row of tiles + 1,) int64, the first tile of each row of tiles
    row: Tensor  # (tile,) int32, which row of tiles it is in
    col: Tensor  # (tile,) int32, and which column of tiles
    place: Tensor  # (synapse in tiles,) int64, its place in all the tiles' values
    source: Tensor  # (synapse in tiles,) int32, which synapse of the pattern it is


class Rest(NamedTuple):
    """The synapses outside of tiles in compressed rows, and the jobs that they are done in."""

    start: Tensor  # (row + 1,) int32
    col: Tensor  # (synapse,) int32
    source: Tensor | None  # (synapse,) int32, which synapse of the pattern it is; None where all are here
    lanes: int
    job_row: Tensor  # (job · lane,) int32, the row of each lane; -1 for none
    job_from: Tensor  # (job,) int32, from which of a row's synapses on
    job_until: Tensor  # (job,) int32, up to which
    row_job: Tensor  # (row,) int32, the first job of each row; its others follow
    row_lane: Tensor  # (row,) int32
    row_parts: Tensor  # (row,) int32, how many jobs
    block_parts: Tensor  # (row of tiles,) int32, the most in it
    split: bool  # whether a row is cut


class Layout(NamedTuple):
    """A pattern as the kernels take it."""

    n_rows: int
    n_cols: int
    tiles: Tiles | None
    rest: Rest | None
    recordings: dict[Any, Any] | None  # what `graph` recorded with it, which ends with it; None for no place

    @property
    def in_tiles(self) -> int:
        """Number of synapses in dense tiles."""
        return 0 if self.tiles is None else len(self.tiles.source)

    @property
    def in_one_step(self) -> bool:
        """Whether each job has its rows to itself, so that it can end their time step."""
        return self.tiles is None and self.rest is not None and not self.rest.split


_known: Remembered[Layout] = Remembered(at_most=2)  # for two sizes of the batch


def layout(start: Tensor, col: Tensor, n_cols: int, threshold: int, split: int | None = None) -> Layout:
    """The layout of a pattern; found once, for as long as its tensors live and stay as they are.

    Args:
        start: first synapse of each row and one more (row + 1,), int32.
        col: column of each synapse (synapse,), int32.
        n_cols: number of columns.
        threshold: synapses from which on a tile is dense.
        split: synapses of a row from which on it is cut; default by the number of all of them.
    """
    found = _known.get(
        (start, col), (n_cols, threshold, split), lambda: _make(start, col, n_cols, threshold, split)
    )
    # Made anew each time in inference mode, where a recording would never be used again.
    return found._replace(recordings=None) if start.is_inference() or col.is_inference() else found


def _make(start: Tensor, col: Tensor, n_cols: int, threshold: int, split: int | None) -> Layout:
    # Not the tensors themselves, which a layout that is kept would keep alive, and so itself.
    start, col = start.detach().contiguous(), col.detach().contiguous()
    n_rows = len(start) - 1
    tiles, source = None, None
    if threshold < NO_TILES and len(col):
        tiles, source = _tiles(start, col, n_cols, threshold)
    if tiles is not None and source is not None:
        kept = torch.zeros(len(col) + 1, dtype=torch.int32, device=col.device)
        kept[1:].index_fill_(0, source.long(), 1)
        start, col = kept.cumsum(0, dtype=torch.int32).index_select(0, start), col.index_select(0, source)
    if tiles is not None and len(col) == 0:
        return Layout(n_rows, n_cols, tiles, None, {})
    return Layout(n_rows, n_cols, tiles, _rest(start, col, source, split), {})


def rows_of(start: Tensor, n_synapses: int) -> Tensor:
    """The row of each synapse (synapse,), int32, from where rows begin."""
    return torch.repeat_interleave(start.diff(), output_size=n_synapses)


def _tiles(start: Tensor, col: Tensor, n_cols: int, threshold: int) -> tuple[Tiles | None, Tensor | None]:
    """The dense tiles and the synapses outside of them; None and None where no tile is dense."""
    n_rows = len(start) - 1
    down = -(-n_rows // SIZE)
    tiles, places, inside, outside, number = [], [], [], [], 0
    for first, until in _portions(start):
        found = _some_tiles(start[first : until + 1], col, n_cols, threshold)
        tiles.append(found.number + first // SIZE * -(-n_cols // SIZE))
        places.append(found.place + number * SIZE * SIZE)
        inside.append(found.inside)
        outside.append(found.outside)
        number += len(found.number)
    if number == 0 or sum(map(len, inside)) < FEWEST * len(col):
        return None, None
    numbers = torch.cat(tiles)
    row, column = numbers // -(-n_cols // SIZE), numbers % -(-n_cols // SIZE)
    begin = torch.zeros(down + 1, dtype=torch.int64, device=col.device)
    begin[1:] = torch.bincount(row, minlength=down).cumsum(0)
    return Tiles(begin, row.int(), column.int(), torch.cat(places), torch.cat(inside)), torch.cat(outside)


def _portions(start: Tensor) -> list[tuple[int, int]]:
    """Whole rows of tiles with about `PORTION` synapses each, which bounds what it takes to find tiles."""
    n_rows = len(start) - 1
    begins = [*start[:n_rows:SIZE].tolist(), int(start[-1])]
    portions, first = [], 0
    for block in range(1, len(begins)):
        if block == len(begins) - 1 or begins[block + 1] - begins[first] > PORTION:
            portions.append((first * SIZE, min(block * SIZE, n_rows)))
            first = block
    return portions


class _Some(NamedTuple):
    number: Tensor  # (tile,), counted along rows of tiles from the first of these rows on
    place: Tensor  # (synapse in tiles,), in the values of these tiles
    inside: Tensor  # (synapse in tiles,) int32
    outside: Tensor  # (synapse,) int32


def _some_tiles(start: Tensor, col: Tensor, n_cols: int, threshold: int) -> _Some:
    """Those of some rows, the first of which begins a row of tiles."""
    across = -(-n_cols // SIZE)
    first, until = int(start[0]), int(start[-1])
    row, col = rows_of(start, until - first).long(), col[first:until]
    found, which, count = torch.unique(
        row // SIZE * across + col // SIZE, return_inverse=True, return_counts=True
    )
    dense = count >= threshold
    inside = dense[which]
    source = inside.nonzero()[:, 0]
    order = dense.cumsum(0) - 1
    place = (order[which[source]] * SIZE + row[source] % SIZE) * SIZE + col[source] % SIZE
    outside = (~inside).nonzero()[:, 0]
    return _Some(found[dense], place, (source + first).int(), (outside + first).int())


def _rest(start: Tensor, col: Tensor, source: Tensor | None, split: int | None) -> Rest:
    length = start.diff()
    n_rows, device = len(length), start.device
    lanes = min(LANES, max(2, 1 << (max(n_rows, 1) - 1).bit_length()))
    if split is None:
        split = max(FEWEST_SPLIT, len(col) // (lanes * JOBS))
    order = torch.argsort(length, descending=True, stable=True)
    groups = -(-n_rows // lanes)
    longest = length[order[::lanes]]  # of each group
    parts = (-(-longest // split)).clamp(min=1).long()
    first_job = parts.cumsum(0) - parts
    jobs = int(parts.sum())
    group = torch.repeat_interleave(torch.arange(groups, device=device), parts, output_size=jobs)
    part = torch.arange(jobs, device=device) - first_job[group]
    row_of = torch.full((groups * lanes,), -1, dtype=torch.int32, device=device)
    row_of[:n_rows] = order.int()
    place = torch.empty_like(order)
    place[order] = torch.arange(n_rows, device=device)
    row_parts = parts[place // lanes].int()
    blocks = torch.zeros(-(-n_rows // SIZE) * SIZE, dtype=torch.int32, device=device)
    blocks[:n_rows] = row_parts
    return Rest(
        start,
        col,
        source,
        lanes,
        row_of.reshape(groups, lanes)[group].flatten(),
        (part * split).int(),
        torch.minimum((part + 1) * split, longest[group]).int(),
        first_job[place // lanes].int(),
        (place % lanes).int(),
        row_parts,
        blocks.reshape(-1, SIZE).amax(1) if n_rows else blocks,
        jobs > groups,
    )
