"""Products with a sparse matrix and the gradient of its values, in Triton's kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from graphrnn.kernels.contract import Problem
from graphrnn.kernels.delays import earlier, window_of
from graphrnn.kernels.gpu.launch import each_step, width_of
from graphrnn.kernels.gpu.layout import SIZE, Layout, layout, rows_of
from graphrnn.kernels.gpu.sweep import Form, form
from graphrnn.kernels.pattern import Pattern
from graphrnn.kernels.products import Products

__all__ = ["HiddenGradient", "TritonProducts", "ValueGradient"]

SYNAPSES = 32  # single ones in a program of the gradient
PROGRAMS = 528  # as many as keep a GPU busy, four on each of 132 multiprocessors


class TritonProducts:
    """Products in one precision, in which some tiles of a pattern are dense.

    Args:
        precision: to which the inputs of products are rounded.
        threshold: synapses from which on a tile is dense.
        split: synapses of a row from which on it is cut; default by the number of all of them.
    """

    def __init__(self, precision: str, threshold: int, split: int | None = None) -> None:
        self.precision, self.threshold, self.split = precision, threshold, split

    def weight_matrix(self, pattern: Pattern, values: Tensor, window: int = 1) -> Form:
        return form(self._layout(pattern.crow, pattern.col, window * pattern.shape[1]), values)

    def transposed_matrix(self, pattern: Pattern, values: Tensor, window: int = 1) -> Form:
        found = self._layout(pattern.t_crow, pattern.t_col, window * pattern.shape[0])
        return form(found, values.index_select(0, pattern.perm))

    def each_step(self, matrix: Form, x: Tensor) -> Tensor:
        return each_step(matrix, x, self.precision)

    def value_gradient(self, pattern: Pattern, values: Tensor, window: int = 1) -> ValueGradient:
        """A sum at the synapses; under delays the rates that it adds count through the window."""
        found = self._layout(pattern.crow, pattern.col, window * pattern.shape[1])
        return ValueGradient(found, values, self.precision)

    def _layout(self, start: Tensor, col: Tensor, n_cols: int) -> Layout:
        return layout(start, col, n_cols, self.threshold, self.split)


class ValueGradient:
    """Sums Σ_t G_t R_tᵀ at the synapses: whole tiles by matrix products, the rest one by one."""

    def __init__(self, found: Layout, values: Tensor, precision: str) -> None:
        self.layout, self.precision = found, precision
        self.sum = torch.zeros_like(values, memory_format=torch.contiguous_format)
        self.tiles = self.rest = self.row = None
        if found.tiles is not None:
            self.tiles = values.new_zeros(len(found.tiles.row), SIZE, SIZE)
        if found.rest is not None:
            self.row = rows_of(found.rest.start, len(found.rest.col))
            self.rest = self.sum if found.rest.source is None else values.new_zeros(len(self.row))

    def add(self, grad: Tensor, rates: Tensor) -> None:
        """Adds the outer products of `grad` (time, post, batch) and `rates` (time, pre, batch)."""
        grad, rates = grad.contiguous(), rates.contiguous()
        if grad.numel() == 0:
            return
        if self.tiles is not None:
            self._add_tiles(self.tiles, grad, rates)
        if self.rest is not None and len(self.rest):
            self._add_rest(self.rest, grad, rates)

    def _add_tiles(self, total: Tensor, grad: Tensor, rates: Tensor) -> None:
        from graphrnn.kernels.gpu.device import gradients as kernels

        steps, n_rows, batch = grad.shape
        tiles = self.layout.tiles
        assert tiles is not None
        parts = min(steps, -(-PROGRAMS // len(total))) if grad.is_cuda else 1
        found = total.new_empty(parts, *total.shape)
        kernels.tile_gradient[len(total), parts](
            grad,
            rates,
            tiles.row,
            tiles.col,
            found,
            steps,
            -(-steps // parts),
            len(total),
            n_rows,
            self.layout.n_cols,
            batch,
            grad.stride(0),
            rates.stride(0),
            SIZE=SIZE,
            WIDTH=width_of(batch, grad),
            PRECISION=self.precision,
        )
        total += found.sum(0)

    def _add_rest(self, total: Tensor, grad: Tensor, rates: Tensor) -> None:
        from graphrnn.kernels.gpu.device import gradients as kernels

        rest = self.layout.rest
        assert rest is not None
        steps, _, batch = grad.shape
        kernels.rest_gradient[(-(-len(total) // SYNAPSES),)](
            grad,
            rates,
            self.row,
            rest.col,
            total,
            steps,
            len(total),
            batch,
            grad.stride(0),
            rates.stride(0),
            SYNAPSES=SYNAPSES,
            WIDTH=width_of(batch, grad),
            PRECISION=self.precision,
        )

    def values(self) -> Tensor:
        """The sum at the synapses (synapse,)."""
        tiles, rest = self.layout.tiles, self.layout.rest
        if tiles is not None and self.tiles is not None:
            self.sum.index_copy_(0, tiles.source.long(), self.tiles.view(-1)[tiles.place])
        if rest is not None and rest.source is not None and self.rest is not None:
            self.sum.index_copy_(0, rest.source.long(), self.rest)
        return self.sum


class HiddenGradient:
    """That of the values of W, whose synapses read rates of one or more steps before, all in one sum."""

    def __init__(self, products: Products, problem: Problem) -> None:
        assert isinstance(products, TritonProducts)
        self.r0, self.window = problem.rates_before, window_of(problem.r0)
        self.sum = products.value_gradient(problem.hidden.pattern, problem.hidden.values, self.window)

    def add(self, currents: Tensor, rates: Tensor, chunk: slice) -> None:
        """Some steps, with the gradient of all that drives their neurons."""
        read = slice(chunk.start - (self.window - 1), min(chunk.stop, len(rates)))
        self.sum.add(currents, earlier(self.r0, rates, read, 1))

    def values(self) -> Tensor:
        """The sum at the synapses (synapse,)."""
        return self.sum.values()
