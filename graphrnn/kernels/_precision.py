"""In which precision the kernels compute: that of their arguments, or with the inputs of products rounded."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from graphrnn import _checks
from graphrnn.kernels.pattern import Pattern
from graphrnn.kernels.products import StepProducts, ValueSum

__all__ = [
    "EXACT",
    "MANTISSA_BITS",
    "RoundedProducts",
    "as_given",
    "autocasts",
    "check_precision",
    "rounded",
    "rounding",
]

EXACT = "exact"
NOTHING = nullcontext()
MANTISSA_BITS = {EXACT: 23, "tf32": 10, "bf16": 7}  # explicit ones, of float32's 23


def autocasts(kind: str) -> bool:
    """Whether autocast, which knows no sparse products, is on for devices of that kind."""
    known = kind == "cpu" or torch.amp.is_autocast_available(kind)
    return known and torch.is_autocast_enabled(kind)


def as_given(values: Tensor) -> AbstractContextManager[object]:
    """A context in which autocast is off."""
    kind = values.device.type
    return torch.autocast(kind, enabled=False) if autocasts(kind) else NOTHING


def check_precision(call: str, precision: Any, dtype: torch.dtype) -> str:
    """A precision of products that there is, and that numbers of this type can be rounded to."""
    name = _checks.one_of(call, "precision", precision, MANTISSA_BITS)
    if name != EXACT and dtype != torch.float32:
        raise ValueError(
            f"`{call}` rounds float32 numbers to precision={name!r}; it got "
            f"{str(dtype).removeprefix('torch.')}. Compute in float32, or leave `precision` out."
        )
    return name


def rounded(numbers: Tensor, precision: str) -> Tensor:
    """Numbers to the nearest of that precision, to the even one of two that are as near.

    The result has the shape and type of the numbers, and is the same tensor for "exact". What is not
    finite stays; numbers above all of that precision become infinite.

    Example:
        >>> rounded(torch.tensor([1.0, 1 + 2**-7, 1 + 2**-8, 1 + 3 * 2**-8]), "bf16").tolist()
        [1.0, 1.0078125, 1.0, 1.015625]
    """
    if precision == EXACT:
        return numbers
    if precision == "bf16":  # a type of torch, which rounds likewise
        return numbers.to(torch.bfloat16).to(numbers.dtype)
    cut = 23 - MANTISSA_BITS[precision]
    bits = numbers.contiguous().view(torch.int32)
    near = (bits >> cut).bitwise_and_(1)  # whether the number below is odd
    near.add_(bits).add_(2 ** (cut - 1) - 1).bitwise_and_(-(2**cut))
    return torch.where(numbers.isnan(), numbers, near.view(torch.float32))


def rounding(products: StepProducts, precision: str) -> StepProducts:
    """Who multiplies in that precision."""
    return products if precision == EXACT else RoundedProducts(products, precision)


class RoundedProducts:
    """Products of rounded numbers, whose sums are those of who multiplies.

    Args:
        products: who multiplies the rounded numbers.
        precision: to which they are rounded.
    """

    def __init__(self, products: StepProducts, precision: str) -> None:
        self.products, self.precision = products, precision

    def weight_matrix(self, pattern: Pattern, values: Tensor, window: int = 1) -> Any:
        return self.products.weight_matrix(pattern, rounded(values, self.precision), window)

    def transposed_matrix(self, pattern: Pattern, values: Tensor, window: int = 1) -> Any:
        return self.products.transposed_matrix(pattern, rounded(values, self.precision), window)

    def addmm(self, summand: Tensor, matrix: Any, x: Tensor, out: Tensor) -> None:
        self.products.addmm(summand, matrix, rounded(x, self.precision), out)

    def each_step(self, matrix: Any, x: Tensor) -> Tensor:
        return self.products.each_step(matrix, rounded(x, self.precision))

    def value_gradient(self, pattern: Pattern, values: Tensor) -> ValueSum:
        return _RoundedSum(self.products.value_gradient(pattern, values), self.precision)


class _RoundedSum:
    """A sum Σ_t G_t R_tᵀ of rounded gradients and rates, itself in the precision of the values."""

    def __init__(self, total: ValueSum, precision: str) -> None:
        self.total, self.precision = total, precision

    def add(self, grad: Tensor, rates: Tensor) -> None:
        self.total.add(rounded(grad, self.precision), rounded(rates, self.precision))

    def values(self) -> Tensor:
        return self.total.values()
