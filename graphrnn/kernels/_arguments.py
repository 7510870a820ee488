"""Checks of tensors: shape, precision and device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphrnn.kernels.contract import Matrix
from graphrnn.kernels.pattern import Pattern

__all__ = ["matrix", "same_kind", "shaped", "weights"]

PRECISIONS = (torch.float32, torch.float64)


def weights(call: str, values: Any, n_synapses: int, name: str = "values") -> None:
    """`values` (synapse,), in a precision that can be computed with."""
    _tensor(call, name, values)
    if values.dtype not in PRECISIONS:
        raise TypeError(
            f"`{call}` needs `{name}` in float32 or float64; it got {_word(values.dtype)}. "
            "Convert them with `.float()`."
        )
    if tuple(values.shape) != (n_synapses,):
        raise ValueError(
            f"`{call}` needs `{name}` of shape (synapse,) = ({n_synapses},), one for each synapse of the "
            f"pattern; it got {tuple(values.shape)}."
        )


def matrix(call: str, name: str, given: Matrix, shape: tuple[int | None, int | None]) -> None:
    """A matrix of a shape, with one value per synapse; None stands for any size."""
    got = given.pattern.shape
    if any(wanted is not None and size != wanted for size, wanted in zip(got, shape, strict=True)):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"`{call}` needs `{name}` of shape (post, pre) = ({wanted}); it got {got}.")
    weights(call, given.values, given.pattern.n_synapses, f"{name}.values")


def shaped(call: str, name: str, tensor: Any, axes: str, shape: tuple[int | None, ...]) -> None:
    """A tensor of a shape; None stands for any size of at least 1."""
    if isinstance(tensor, Tensor) and tensor.shape == shape:
        return
    _tensor(call, name, tensor)
    got = tuple(tensor.shape)
    fits = len(got) == len(shape) and all(
        size >= 1 if wanted is None else size == wanted for size, wanted in zip(got, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        comma = "," if len(shape) == 1 else ""
        raise ValueError(
            f"`{call}` needs `{name}` of shape ({axes}{comma}) = ({wanted}{comma}); it got {got}."
        )


def same_kind(
    call: str, values: Tensor, tensors: dict[str, Tensor | None], patterns: dict[str, Pattern]
) -> None:
    """Tensors in the precision of `values`, and all of them and the patterns on its device."""
    dtype, device = values.dtype, values.device
    for name, tensor in tensors.items():
        if tensor is not None and tensor.dtype != dtype:
            raise TypeError(
                f"`{call}` needs all tensors in the precision of `values`, {_word(values.dtype)}; "
                f"`{name}` is {_word(tensor.dtype)}. Convert it with `.to(values.dtype)`."
            )
    for name, tensor in (*tensors.items(), *((name, pattern.crow) for name, pattern in patterns.items())):
        if tensor is not None and tensor.device != device:
            raise ValueError(
                f"`{call}` needs all tensors on the device of `values`, {values.device}; "
                f"`{name}` is on {tensor.device}. Move it with `.to(values.device)`."
            )


def _tensor(call: str, name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"`{call}` needs a torch.Tensor for `{name}`; it got {type(value).__name__}.")


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
