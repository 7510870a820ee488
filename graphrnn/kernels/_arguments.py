"""Checks of tensors: shape, precision and device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["same_kind", "shaped", "weights"]

PRECISIONS = (torch.float32, torch.float64)


def weights(call: str, values: Any, n_synapses: int) -> None:
    """`values` (synapse,), in a precision that can be computed with."""
    _tensor(call, "values", values)
    if values.dtype not in PRECISIONS:
        raise TypeError(
            f"`{call}` needs `values` in float32 or float64; it got {_word(values.dtype)}. "
            "Convert them with `.float()`."
        )
    if tuple(values.shape) != (n_synapses,):
        raise ValueError(
            f"`{call}` needs `values` of shape (synapse,) = ({n_synapses},), one for each synapse of the "
            f"pattern; it got {tuple(values.shape)}."
        )


def shaped(call: str, name: str, tensor: Any, axes: str, shape: tuple[int | None, ...]) -> None:
    """A tensor of a shape; None stands for any size of at least 1."""
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


def same_kind(call: str, values: Tensor, tensors: dict[str, Tensor | None], pattern: Tensor) -> None:
    """Tensors in the precision of `values`, and all of them on its device."""
    for name, tensor in tensors.items():
        if tensor is not None and tensor.dtype != values.dtype:
            raise TypeError(
                f"`{call}` needs all tensors in the precision of `values`, {_word(values.dtype)}; "
                f"`{name}` is {_word(tensor.dtype)}. Convert it with `.to(values.dtype)`."
            )
    for name, tensor in {**tensors, "pattern": pattern}.items():
        if tensor is not None and tensor.device != values.device:
            raise ValueError(
                f"`{call}` needs all tensors on the device of `values`, {values.device}; "
                f"`{name}` is on {tensor.device}. Move it with `.to(values.device)`."
            )


def _tensor(call: str, name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"`{call}` needs a torch.Tensor for `{name}`; it got {type(value).__name__}.")


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
