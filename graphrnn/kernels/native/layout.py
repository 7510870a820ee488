"""How the compiled library reads a pattern: dense blocks, where they pay, and single synapses."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphrnn.kernels._remembered import Remembered
from graphrnn.kernels.native import library as native

__all__ = ["Layout", "groups_of", "layout", "plain_groups"]

FEWEST = 0.05  # of the synapses in blocks, for any to be made
NARROW = 1 << 16  # columns that two bytes can count
MANY = 1 << 16  # synapses from which on such columns are worth their memory


class Layout(NamedTuple):
    """A pattern as the library takes it, and the tensors that it points to."""

    fields: native.Pattern
    tensors: tuple[Tensor, ...]
    in_blocks: int  # synapses


_known: Remembered[Layout] = Remembered()
_groups: Remembered[Tensor] = Remembered()


def groups_of(start: Tensor, col: Tensor) -> Tensor:
    """The first row of each group of rows, and their number (group + 1,), int32, for a pattern.

    Groups have `native.GROUP` rows, but for the last ones of areas: they begin anew where a stretch of as
    many rows that share half of their columns begins or ends, so that rows that could share blocks meet.
    """
    return _groups.get((start, col), None, lambda: _group(start.detach(), col.detach()))


@lru_cache(maxsize=16)
def plain_groups(n_rows: int) -> Tensor:
    """The same for rows that nothing is known of."""
    with torch.inference_mode(False):  # whose tensors nothing is remembered of
        return torch.tensor([*range(0, n_rows, native.GROUP), n_rows], dtype=torch.int32, device="cpu")


def _group(start: Tensor, col: Tensor) -> Tensor:
    start, col = start.contiguous(), col.contiguous()
    n_rows, n_groups = len(start) - 1, ctypes.c_int64()
    fields = native.Pattern(n_rows=n_rows, rest_start=start.data_ptr(), rest_col=col.data_ptr())
    with torch.inference_mode(False):
        found = torch.empty(n_rows + 1, dtype=torch.int32, device="cpu")
        where = ctypes.c_void_p(found.data_ptr())
        native.call("graphrnn_group_rows", ctypes.byref(fields), where, ctypes.byref(n_groups))
        return found[: n_groups.value + 1].clone()


def layout(
    start: Tensor,
    col: Tensor,
    n_cols: int,
    shared: int,
    *,
    groups: Tensor | None = None,
    window: int = 1,
    ahead: bool = False,
) -> Layout:
    """The layout of a pattern; found once, for as long as its tensors live and stay as they are.

    Args:
        start: first synapse of each row and one more (row + 1,), int32.
        col: column of each synapse (synapse,), int32.
        n_cols: number of columns.
        shared: rows of a group from which on a column is a block.
        groups: of its rows, from `groups_of` or `plain_groups`; default those of this pattern itself.
        window: number of steps that the columns count through, as in `delays.Delayed`; default one.
        ahead: whether they count ahead, from the step without delay on, and not up to it.
    """
    groups = groups_of(start, col) if groups is None else groups
    settings = (n_cols, window, ahead, shared)
    return _known.get((groups, start, col), settings, lambda: _make(groups, start, col, *settings))


def _make(
    groups: Tensor, start: Tensor, col: Tensor, n_cols: int, window: int, ahead: bool, shared: int
) -> Layout:
    # Not the tensors themselves, which a layout that is kept would keep alive, and so itself.
    groups, start, col = groups.detach(), start.detach().contiguous(), col.detach().contiguous()
    if window == 1:
        return _in_blocks(groups, start, col, n_cols, shared)
    col, late = _columns_in_use(col, n_cols, window, ahead)
    made = _in_blocks(groups, start, col, n_cols + late.n_late, shared)
    late.point(made.fields)
    return made._replace(tensors=(*made.tensors, *late.tensors))


class _Late(NamedTuple):
    """The columns of neurons of other steps, in the order of those columns."""

    row: Tensor
    steps: Tensor
    fresh: int  # the first column of the neurons without delay
    first: int  # and of the others

    @property
    def n_late(self) -> int:
        return len(self.row)

    @property
    def tensors(self) -> tuple[Tensor, Tensor]:
        return self.row, self.steps

    def point(self, fields: native.Pattern) -> None:
        fields.late_row, fields.late_steps = self.row.data_ptr(), self.steps.data_ptr()
        fields.n_late, fields.fresh, fields.late = self.n_late, self.fresh, self.first


def _columns_in_use(col: Tensor, n: int, window: int, ahead: bool) -> tuple[Tensor, _Late]:
    """Columns that number all neurons without delay, and with it those alone that some synapse reads.

    What a step reads then fits a cache however long the window is. The columns keep their order.
    """
    columns = col.numpy()
    used = np.zeros(window * n, bool)
    used[columns] = True
    own = slice(0, n) if ahead else slice((window - 1) * n, None)
    used[own] = True
    number = np.cumsum(used, dtype=np.int32) - np.int32(1)
    fresh = int(number[own.start]) if n else 0
    used[own] = False
    slot, row = np.divmod(np.flatnonzero(used).astype(np.int32), np.int32(max(n, 1)))
    steps = slot if ahead else np.int32(window - 1) - slot
    late = _Late(torch.from_numpy(row), torch.from_numpy(steps), fresh, 0 if fresh else n)
    return torch.from_numpy(number[columns]), late


def _in_blocks(groups: Tensor, start: Tensor, col: Tensor, n_cols: int, shared: int) -> Layout:
    n_rows, n_groups = len(start) - 1, len(groups) - 1
    fields = native.Pattern(n_rows=n_rows, n_cols=n_cols, n_synapses=len(col), n_groups=n_groups)
    fields.group_start = groups.data_ptr()
    fields.rest_start, fields.rest_col = start.data_ptr(), col.data_ptr()
    pattern = ctypes.byref(fields)
    n_blocks, n_rest, reach = ctypes.c_int64(), ctypes.c_int64(), ctypes.c_int64()
    native.call("graphrnn_reach", pattern, ctypes.byref(reach))
    fields.reach = reach.value
    native.call("graphrnn_count_blocks", pattern, shared, ctypes.byref(n_blocks), ctypes.byref(n_rest))
    if n_blocks.value == 0 or len(col) - n_rest.value < FEWEST * len(col):
        return _narrowed(Layout(fields, (groups, start, col), 0), col)
    sizes = {
        "block_start": n_groups + 1,
        "block_col": n_blocks.value,
        "block_source": n_blocks.value * native.GROUP,
        "rest_start": n_rows + 1,
        "rest_col": n_rest.value,
        "rest_source": n_rest.value,
    }
    tensors = {name: torch.empty(size, dtype=torch.int32, device="cpu") for name, size in sizes.items()}
    found = (ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors.values())
    native.call("graphrnn_find_blocks", pattern, shared, *found)
    for name, tensor in tensors.items():
        setattr(fields, name, tensor.data_ptr())
    made = Layout(fields, (groups, *tensors.values()), len(col) - n_rest.value)
    return _narrowed(made, tensors["rest_col"])


def _narrowed(made: Layout, col: Tensor) -> Layout:
    """With the columns of single synapses in two bytes too, where these hold them and reading takes time."""
    if len(col) < MANY or made.fields.n_cols > NARROW:
        return made
    narrow = torch.from_numpy(col.numpy().astype(np.uint16).view(np.int16))
    made.fields.rest_narrow = narrow.data_ptr()
    return made._replace(tensors=(*made.tensors, narrow))
