"""How the compiled library reads a pattern: dense blocks, where they pay, and single synapses."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphrnn.kernels._remembered import Remembered
from graphrnn.kernels.native import library as native

__all__ = ["Layout", "layout"]

FEWEST = 0.05  # of the synapses in blocks, for any to be made


class Layout(NamedTuple):
    """A pattern as the library takes it, and the tensors that it points to."""

    fields: native.Pattern
    tensors: tuple[Tensor, ...]
    in_blocks: int  # synapses


_known: Remembered[Layout] = Remembered()


def layout(
    start: Tensor, col: Tensor, n_cols: int, shared: int, *, window: int = 1, ahead: bool = False
) -> Layout:
    """The layout of a pattern; found once, for as long as its tensors live and stay as they are.

    Args:
        start: first synapse of each row and one more (row + 1,), int32.
        col: column of each synapse (synapse,), int32.
        n_cols: number of columns.
        shared: rows of a group of eight from which on a column is a block.
        window: number of steps that the columns count through, as in `delays.Delayed`; default one.
        ahead: whether they count ahead, from the step without delay on, and not up to it.
    """
    settings = (n_cols, window, ahead, shared)
    return _known.get((start, col), settings, lambda: _make(start, col, *settings))


def _make(start: Tensor, col: Tensor, n_cols: int, window: int, ahead: bool, shared: int) -> Layout:
    # Not the tensors themselves, which a layout that is kept would keep alive, and so itself.
    start, col = start.detach().contiguous(), col.detach().contiguous()
    if window == 1:
        return _in_blocks(start, col, n_cols, shared)
    col, late = _columns_in_use(col, n_cols, window, ahead)
    made = _in_blocks(start, col, n_cols + late.n_late, shared)
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


def _in_blocks(start: Tensor, col: Tensor, n_cols: int, shared: int) -> Layout:
    n_rows = len(start) - 1
    fields = native.Pattern(n_rows=n_rows, n_cols=n_cols, n_synapses=len(col))
    where = (
        ctypes.c_int64(n_rows),
        ctypes.c_int64(n_cols),
        ctypes.c_void_p(start.data_ptr()),
        ctypes.c_void_p(col.data_ptr()),
        shared,
    )
    n_blocks, n_rest, reach = ctypes.c_int64(), ctypes.c_int64(), ctypes.c_int64()
    native.call("graphrnn_reach", *where[:4], ctypes.byref(reach))
    fields.reach = reach.value
    native.call("graphrnn_count_blocks", *where, ctypes.byref(n_blocks), ctypes.byref(n_rest))
    if n_blocks.value == 0 or len(col) - n_rest.value < FEWEST * len(col):
        fields.rest_start, fields.rest_col = start.data_ptr(), col.data_ptr()
        return Layout(fields, (start, col), 0)
    n_groups = -(-n_rows // native.GROUP)
    sizes = {
        "block_start": n_groups + 1,
        "block_col": n_blocks.value,
        "block_source": n_blocks.value * native.GROUP,
        "rest_start": n_rows + 1,
        "rest_col": n_rest.value,
        "rest_source": n_rest.value,
    }
    tensors = {name: torch.empty(size, dtype=torch.int32, device="cpu") for name, size in sizes.items()}
    native.call("graphrnn_find_blocks", *where, *(ctypes.c_void_p(t.data_ptr()) for t in tensors.values()))
    for name, tensor in tensors.items():
        setattr(fields, name, tensor.data_ptr())
    return Layout(fields, tuple(tensors.values()), len(col) - n_rest.value)
