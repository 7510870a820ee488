"""Memory for the large tensors that the native backend gives out, kept for the calls to come."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from graphrnn.kernels.native import library as native

__all__ = ["empty"]

LARGEST = (1 << 63) - 1  # bytes that the library can count
SMALLEST = 1 << 15  # bytes; the system has less at hand anyway


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A tensor of any numbers on the CPU, as `torch.empty`.

    Its memory goes back to the compiled library with the last tensor that shares it, and the next call for
    as much gets it. The system would hand out pages that it has to clear first, which takes as long as some
    steps of a small network.

    Raises:
        torch.OutOfMemoryError: where there is not as much.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < SMALLEST:
        return torch.empty(shape, dtype=dtype, device="cpu")
    return torch.from_numpy(np.asarray(_Block(shape, size, f"f{dtype.itemsize}")))


class _Block:
    """Memory of the compiled library that an array of numpy lies in, and keeps."""

    def __init__(self, shape: tuple[int, ...], size: int, kind: str) -> None:
        library = native.library()
        assert not isinstance(library, str)
        self._size, self._give = size, library.graphrnn_give
        self._address = library.graphrnn_take(size) if size <= LARGEST else None
        if not self._address:
            raise torch.OutOfMemoryError(f"no memory for {size:,} bytes")
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": kind,
            "data": (self._address, False),
        }

    def __del__(self) -> None:
        if self._address:
            self._give(self._address, self._size)
