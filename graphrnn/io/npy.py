"""The hidden matrix (post, pre) as a dense array in a `.npy` file of numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from graphrnn._files import replacing
from graphrnn.connectome import Connectome
from graphrnn.io._choices import Choices
from graphrnn.io._matrix import dense_matrix, network_of_matrix, not_finite, only_network
from graphrnn.io._npy import read_array, read_header

__all__ = ["read", "write"]

_NUMBERS = 1 << 17  # that are looked at together


def write(call: str, net: Any, path: Path) -> None:
    """Write the weights, or truth values where there are none."""
    matrix = dense_matrix(call, only_network(call, net))
    with replacing(call, path) as file:
        np.lib.format.write_array(file, matrix, allow_pickle=False)


def read(call: str, path: Path, choices: Choices) -> Connectome:
    """Read a square matrix; nothing in the file is executed."""
    try:
        with open(path, "rb") as file:
            _check_finite(call, file, path.stat().st_size)
            file.seek(0)
            matrix = read_array(file, path.stat().st_size)
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except Exception as error:  # whatever broken bytes make numpy raise
        if str(error).startswith(f"`{call}"):
            raise
        raise ValueError(
            f"`{call}` cannot read this file: it is truncated, damaged or no .npy file of plain numbers. "
            "Take another copy. Or "
            "save it anew with numpy.save(path, matrix)."
        ) from error
    return network_of_matrix(call, matrix, choices)


def _check_finite(call: str, file: BinaryIO, size: int) -> None:
    """Refuse a matrix with a NaN or an infinity before it takes memory."""
    shape, fortran, dtype = read_header(file, size)
    if dtype.kind != "f" or len(shape) != 2:
        return
    place = 0
    while (values := np.frombuffer(file.read(_NUMBERS * dtype.itemsize), dtype)).size:
        if not np.isfinite(values).all():
            at = int(np.argmin(np.isfinite(values)))
            row, column = np.unravel_index(place + at, shape, order="F" if fortran else "C")
            raise not_finite(call, int(row), int(column), values[at])
        place += values.size
