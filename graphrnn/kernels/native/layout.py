"""How the compiled library reads a pattern: dense blocks, where they pay, and single synapses."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

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


def layout(start: Tensor, col: Tensor, n_cols: int, shared: int) -> Layout:
    """The layout of a pattern; found once, for as long as its tensors live and stay as they are.

    Args:
        start: first synapse of each row and one more (row + 1,), int32.
        col: column of each synapse (synapse,), int32.
        n_cols: number of columns.
        shared: rows of a group of eight from which on a column is a block.
    """
    return _known.get((start, col), (n_cols, shared), lambda: _make(start, col, n_cols, shared))


def _make(start: Tensor, col: Tensor, n_cols: int, shared: int) -> Layout:
    # Not the tensors themselves, which a layout that is kept would keep alive, and so itself.
    start, col = start.detach().contiguous(), col.detach().contiguous()
    n_rows = len(start) - 1
    fields = native.Pattern(n_rows=n_rows, n_cols=n_cols, n_synapses=len(col))
    where = (
        ctypes.c_int64(n_rows),
        ctypes.c_int64(n_cols),
        ctypes.c_void_p(start.data_ptr()),
        ctypes.c_void_p(col.data_ptr()),
        shared,
    )
    n_blocks, n_rest = ctypes.c_int64(), ctypes.c_int64()
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
    tensors = {name: torch.empty(size, dtype=torch.int32) for name, size in sizes.items()}
    native.call("graphrnn_find_blocks", *where, *(ctypes.c_void_p(t.data_ptr()) for t in tensors.values()))
    for name, tensor in tensors.items():
        setattr(fields, name, tensor.data_ptr())
    return Layout(fields, tuple(tensors.values()), len(col) - n_rest.value)
