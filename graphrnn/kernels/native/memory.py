"""Memory for the large tensors that the native backend gives out, kept for the calls to come."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from graphrnn.kernels.native import library as native

__all__ = ["empty"]

LARGEST = (1 << 63) - 1  # bytes that the library can count
SMALLEST = 1 << 15  # bytes; the system has less at hand anyway


def empty(shape: tuple[int, int, int], dtype: torch.dtype) -> Tensor:
    """A tensor of any numbers in three axes on the CPU, as `torch.empty`.

    Its memory goes back to the compiled library with the last tensor that shares it, and the next call for
    as much gets it. The system would hand out pages that it has to clear first, which takes as long as some
    steps of a small network.

    Raises:
        torch.OutOfMemoryError: where there is not as much.
    """
    steps, rows, batch = shape
    size = steps * rows * batch * dtype.itemsize
    if size < SMALLEST:
        return torch.empty(shape, dtype=dtype, device="cpu")
    library = native.library()
    assert not isinstance(library, str)
    address = None
    if size <= LARGEST:
        address = library.graphrnn_array(size, 8 * dtype.itemsize, steps, rows, batch)
    if not address:
        raise torch.OutOfMemoryError(f"no memory for {size:,} bytes")
    found: Tensor = from_dlpack(_capsule(address, _DLPACK, None))
    return found


# The form in which arrays cross from one library to another; torch empties it, and ends the array one day. A
# prototype of our own: the attributes of `ctypes.pythonapi` are shared by all who use them.
_DLPACK = b"dltensor"
_CAPSULE = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_capsule = _CAPSULE(("PyCapsule_New", ctypes.pythonapi))
