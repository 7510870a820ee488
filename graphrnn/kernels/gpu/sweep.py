"""What the kernels are given: a matrix in one of its forms, and some steps of a sequence."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from graphrnn.kernels._remembered import Remembered
from graphrnn.kernels.gpu.layout import SIZE, Layout, rows_of

__all__ = ["Dense", "Form", "Sweep", "dense", "form"]


class Form(NamedTuple):
    """A sparse matrix with its values where the kernels look for them."""

    layout: Layout
    tiles: Tensor | None  # (tile, SIZE, SIZE), zero where there is no synapse
    rest: Tensor | None  # (synapse outside of tiles,)


class Dense(NamedTuple):
    """A small matrix as a dense one."""

    weight: Tensor  # (row, column)


class Sweep(NamedTuple):
    """Some steps of a sequence, forward or back.

    `path` (window + time, neuron, batch) is what is read and written. Forward it begins with the rates before
    the first step, and the rates of the steps follow. Backward it ends with the gradients g of the steps that
    come later, and those of the steps come before.
    """

    mode: str  # "forward" or "backward"
    summand: Tensor  # (time, neuron, batch), the drive, or the gradient of the rates
    state: Tensor  # (neuron, batch), v, or (1 - α) g; changed in place
    leak: Tensor  # (neuron,)
    path: Tensor
    seen: Tensor | None  # (time, neuron, batch), forward the noise; backward rates, or v under noise
    kept: Tensor | None  # (time, neuron, batch), where v goes
    noisy: bool
    activation: str
    precision: str


def form(found: Layout, values: Tensor) -> Form:
    """The values (synapse,) of a pattern in its layout."""
    tiles, rest = None, None
    if found.tiles is not None:
        tiles = values.new_zeros(len(found.tiles.row), SIZE, SIZE)
        tiles.view(-1).index_copy_(0, found.tiles.place, values.index_select(0, found.tiles.source))
    if found.rest is not None:
        source = found.rest.source
        rest = values.contiguous() if source is None else values.index_select(0, source)
    return Form(found, tiles, rest)


def dense(start: Tensor, col: Tensor, n_cols: int, values: Tensor) -> Dense:
    """The values (synapse,) of a pattern in compressed rows, in a dense matrix."""
    at = _places.get((start, col), n_cols, lambda: rows_of(start, len(col)).long() * n_cols + col)
    weight = values.new_zeros(len(start) - 1, n_cols)
    weight.view(-1).index_copy_(0, at, values)
    return Dense(weight)


# Where in the dense matrix the synapses of a pattern are.
_places: Remembered[Tensor] = Remembered()
