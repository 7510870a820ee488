"""What multiplies in the loop over time, so that several packages can share that loop."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from graphrnn.kernels.pattern import Pattern

__all__ = ["Products", "StepProducts", "ValueSum"]


class ValueSum(Protocol):
    """A sum Σ_t G_t R_tᵀ at the synapses, over chunks of time."""

    def add(self, grad: Tensor, rates: Tensor) -> None:
        """Adds the outer products of `grad` (time, post, batch) and `rates` (time, pre, batch)."""
        ...

    def values(self) -> Tensor:
        """The sum at the synapses (synapse,)."""
        ...


class Products(Protocol):
    """Products with a sparse matrix and its transpose, and the gradient of its values.

    The matrices are in a form of one's own, which nobody else looks into. All of it is called without
    autograd.
    """

    def weight_matrix(self, pattern: Pattern, values: Tensor, window: int = 1) -> Any:
        """W (post, window · pre), of values (synapse,); see `delays` for the window."""
        ...

    def transposed_matrix(self, pattern: Pattern, values: Tensor, window: int = 1) -> Any:
        """Wᵀ (pre, window · post), of the values (synapse,) of W."""
        ...

    def each_step(self, matrix: Any, x: Tensor) -> Tensor:
        """The products (time, row, batch) with each step of x (time, column, batch)."""
        ...

    def value_gradient(self, pattern: Pattern, values: Tensor) -> ValueSum:
        """A sum at the synapses, zero so far, in the precision and on the device of the values."""
        ...


class StepProducts(Products, Protocol):
    """Products that a loop over time takes one by one. The module `csr` is one of these."""

    def addmm(self, summand: Tensor, matrix: Any, x: Tensor, out: Tensor) -> None:
        """Writes summand + matrix x, all (row, batch), into `out`, which may be the summand."""
        ...
