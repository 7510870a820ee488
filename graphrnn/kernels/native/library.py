"""The compiled library behind the native backend: how it is found, called, and what its call holds."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch

__all__ = ["GROUP", "TENSORS", "Layer", "Pattern", "Setup", "addresses", "call", "library", "missing"]

int32, int64, pointer = ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p
GROUP = 8  # rows of a matrix that are multiplied together
INTERFACE = 3  # counts the changes of what the functions of the library take and mean, as in `src/api.hpp`


class Pattern(ctypes.Structure):
    """A sparse matrix in groups of rows, with what several rows of a group share as blocks."""

    _fields_ = [
        *((name, int64) for name in ("n_rows", "n_cols", "n_synapses", "n_groups")),
        *((name, pointer) for name in ("group_start", "block_start", "block_col", "block_source")),
        *((name, pointer) for name in ("rest_start", "rest_col", "rest_source", "rest_narrow")),
        *((name, pointer) for name in ("late_row", "late_steps")),
        *((name, int64) for name in ("n_late", "fresh", "late", "reach")),
    ]


class Layer(ctypes.Structure):
    """One sparse matrix and its transpose."""

    _fields_ = [("matrix", Pattern), ("transposed", Pattern), ("permutation", pointer)]


class Setup(ctypes.Structure):
    """What many calls have in common; the same fields in the same order as in `src/api.hpp`."""

    _fields_ = [
        *((name, int64) for name in ("steps", "neurons", "batch")),
        *(
            (name, int32)
            for name in (
                *("is_double", "activation", "threads", "isa", "tile_bytes", "team"),
                *("noisy", "same_start", "order"),
            )
        ),
        ("cache_bytes", int64),
        ("window", int64),
        *((name, Layer) for name in ("hidden", "input", "readout")),
        *((name, pointer) for name in ("release", "acquire", "interrupted")),
    ]


# The numbers of one call, in the same order as in `src/api.hpp`: those of a `Problem`, of its outputs, and
# the gradients of both.
TENSORS = (
    *("values", "input_values", "readout_values", "x", "bias", "readout_bias", "drive"),
    *("alpha", "v0", "r0", "noise"),
    *("rates", "states", "v_last", "output"),
    *("grad_rates", "grad_r_last", "grad_v_last", "grad_output"),
    *("grad_values", "grad_input_values", "grad_readout_values"),
    *("grad_x", "grad_bias", "grad_readout_bias", "grad_drive", "grad_alpha", "grad_v0", "grad_r0"),
)
_ADDRESSES = struct.Struct(f"{len(TENSORS)}P")


_BUILD = (
    "with a C++17 compiler `pip install .` in the sources of graphrnn builds it (on Linux and macOS; CMake "
    "comes along)"
)


@cache
def library() -> ctypes.PyDLL | str:
    """The library, or half a sentence that says why there is none and how to get it.

    PyDLL, because the library itself gives the interpreter's lock back and takes it again when it
    asks for signals; an exception that it finds then surfaces from the call.
    """
    found = sorted(Path(__file__).parent.glob("_graphrnn_native.*"))
    if not found:
        return f"graphrnn was installed without its compiled library; {_BUILD}"
    try:
        loaded = ctypes.PyDLL(str(found[0]))
    except OSError as error:
        return f"its compiled library does not load ({error}); {_BUILD}"
    of_this_version = hasattr(loaded, "graphrnn_interface") and loaded.graphrnn_interface() == INTERFACE
    if not of_this_version or loaded.graphrnn_call_size() != ctypes.sizeof(Setup) + _ADDRESSES.size:
        return f"its compiled library belongs to another version of graphrnn; {_BUILD}"
    loaded.graphrnn_array.restype = pointer
    loaded.graphrnn_array.argtypes = [int64, ctypes.c_int, int64, int64, int64]
    return loaded


def _missing() -> str | None:
    found = library()
    return found if isinstance(found, str) else None


# Why there is no library, as half a sentence; None if there is one. Never changes, so that torch.compile
# need not look into it.
missing: Callable[[], str | None] = torch.compiler.assume_constant_result(_missing)  # type: ignore[no-untyped-call]


def addresses(given: list[int]) -> bytes:
    """Where the numbers of a call lie, as the library reads it; 0 and what is left out are not there."""
    return _ADDRESSES.pack(*given, *[0] * (len(TENSORS) - len(given)))


def call(name: str, *arguments: Any) -> None:
    """Calls a function of the library and turns its status into an exception."""
    if getattr(library(), name)(*arguments) == 1:
        raise MemoryError("the native backend of graphrnn found no memory for its workspace")
