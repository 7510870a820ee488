"""The product of a sparse matrix with dense columns, as one node of autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphrnn.kernels import _arguments
from graphrnn.kernels._precision import as_given
from graphrnn.kernels.csr import ValueGradient, each_step, steps_per_chunk, transposed_matrix, weight_matrix
from graphrnn.kernels.pattern import Pattern

__all__ = ["sparse_matmul"]


def sparse_matmul(values: Tensor, pattern: Pattern, x: Tensor) -> Tensor:
    """W @ x for a sparse W, as large input and readout layers need it.

    Differentiable once in `values` and `x`, at a cost that grows with the synapses.

    Args:
        values: the entries of W (synapse,), float32 or float64.
        pattern: where they are, (post, pre).
        x: (pre, batch) or (time, pre, batch).

    Returns:
        (post, batch) or (time, post, batch).

    Raises:
        ValueError: if a shape or device does not fit.
        TypeError: if an argument is no tensor, or of another precision.

    Example:
        >>> pattern = Pattern.from_pairs(post=[0], pre=[2], shape=(2, 3))
        >>> sparse_matmul(torch.tensor([2.0]), pattern, torch.ones(3, 1)).tolist()
        [[2.0], [0.0]]
    """
    call = "sparse_matmul"
    _arguments.weights(call, values, pattern.n_synapses)
    n_pre = pattern.shape[1]
    if isinstance(x, Tensor) and x.ndim == 2:
        _arguments.shaped(call, "x", x, "pre, batch", (n_pre, None))
    else:
        _arguments.shaped(call, "x", x, "time, pre, batch", (None, n_pre, None))
    _arguments.same_kind(call, values, {"x": x}, {"pattern": pattern})
    product: Tensor = _product(values, *pattern, x[None] if x.ndim == 2 else x)
    return product[0] if x.ndim == 2 else product


@torch.library.custom_op("graphrnn::sparse_matmul", mutates_args=())
def _product(
    values: Tensor, crow: Tensor, col: Tensor, t_crow: Tensor, t_col: Tensor, perm: Tensor, x: Tensor
) -> Tensor:
    pattern = Pattern(crow, col, t_crow, t_col, perm)
    with as_given(values):
        return each_step(weight_matrix(pattern, values), x)


@_product.register_fake
def _(*inputs: Tensor) -> Tensor:
    _, crow, _, _, _, _, x = inputs
    return x.new_empty(x.shape[0], crow.shape[0] - 1, x.shape[2])


@torch.library.custom_op("graphrnn::sparse_matmul_backward", mutates_args=())
def _backward(
    values: Tensor,
    crow: Tensor,
    col: Tensor,
    t_crow: Tensor,
    t_col: Tensor,
    perm: Tensor,
    x: Tensor,
    grad: Tensor,
    need_values: bool,
    need_x: bool,
) -> tuple[Tensor, Tensor]:
    pattern = Pattern(crow, col, t_crow, t_col, perm)
    nothing = values.new_empty(0)
    with as_given(values):
        grad_x = each_step(transposed_matrix(pattern, values), grad) if need_x else nothing
        if not need_values:
            return nothing.clone(), grad_x
        total = ValueGradient(pattern, values)
        length = steps_per_chunk(x)
        for start in range(0, len(x), length):
            total.add(grad[start : start + length], x[start : start + length])
        return total.values(), grad_x


@_backward.register_fake
def _(*inputs: Any) -> tuple[Tensor, Tensor]:
    values, _, _, _, _, _, x, _, need_values, need_x = inputs
    return values.new_empty(values.shape if need_values else 0), x.new_empty(x.shape if need_x else 0)


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    need_values, need_x = ctx.needs_input_grad[0], ctx.needs_input_grad[6]
    values, x = _backward(*ctx.saved_tensors, grad, need_values, need_x)
    return values if need_values else None, *(None,) * 5, x if need_x else None


_product.register_autograd(_differentiate, setup_context=_setup_context)
