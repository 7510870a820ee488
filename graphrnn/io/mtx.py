"""The hidden matrix (post, pre) in the text format MatrixMarket, `.mtx`."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from graphrnn._files import replacing
from graphrnn.connectome import Connectome
from graphrnn.io._choices import Choices
from graphrnn.io._matrix import network_of_matrix, only_network, sparse_matrix

__all__ = ["read", "write"]

_LONGEST = 1 << 16  # characters of a line of the header
_PIECE = 1 << 20  # bytes


def write(call: str, net: Any, path: Path) -> None:
    """Write the weights, or only the pattern where there are none."""
    from scipy.io import mmwrite

    matrix = sparse_matrix(call, only_network(call, net))
    mask = matrix.dtype.kind == "b"
    with replacing(call, path) as file:
        mmwrite(
            file,
            matrix.astype("int8") if mask else matrix,
            comment="graphrnn: row = post, column = pre",
            field="pattern" if mask else None,
            symmetry="general",
        )


def read(call: str, path: Path, choices: Choices) -> Connectome:
    """Read a square matrix."""
    from scipy.io import mmread

    try:
        pattern = _check_header(call, path)
        matrix = mmread(_with_last_line_ended(path), spmatrix=False)
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except _DamagedError as error:
        raise ValueError(f"`{call}` cannot read this file: {error}. Take another copy.") from error
    except Exception as error:  # whatever broken bytes make the reader raise
        raise ValueError(
            f"`{call}` cannot read this file: {str(error).strip().rstrip('.')[:200]}. Correct it there."
        ) from error
    return network_of_matrix(call, matrix.astype(bool) if pattern else matrix, choices)


class _DamagedError(Exception):
    """The header promises what the file cannot hold."""


def _check_header(call: str, path: Path) -> bool:
    """Whether the file holds only a pattern; its numbers must have room in it."""
    with open(path, "rb") as file:
        words = file.readline(_LONGEST).decode("latin-1").lower().split()
        if len(words) < 4 or words[0] != "%%matrixmarket" or words[1] != "matrix":
            raise _DamagedError("it is no MatrixMarket file")
        line = file.readline(_LONGEST)
        while line.startswith(b"%") or (line and not line.strip()):
            line = file.readline(_LONGEST)
        try:
            sizes = [int(word) for word in line.split()]
        except ValueError as error:
            raise _DamagedError("its line of sizes holds more than whole numbers") from error
        left = path.stat().st_size - file.tell()
    sparse = words[2] == "coordinate"
    if len(sizes) != (3 if sparse else 2) or min(sizes) < 0 or max(sizes) > 2**31 - 1:
        raise _DamagedError("its line of sizes is none")
    symmetric = len(words) > 4 and words[4] != "general"
    entries = sizes[2] if sparse else sizes[0] * sizes[1] // (2 if symmetric else 1)
    if entries * (4 if sparse else 2) > left + 4:  # "1 1\n" is the shortest entry
        raise _DamagedError(f"its header promises {entries} entries, and {left} bytes follow")
    _check_text(path)
    return words[3] == "pattern"


def _with_last_line_ended(path: Path) -> Path | io.BytesIO:
    """The file; scipy's reader runs out of one whose last line goes on and has no end."""
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() == b"\n":
            return path
        file.seek(0)
        return io.BytesIO(file.read() + b"\n")


def _check_text(path: Path) -> None:
    """No zero byte, at which scipy's reader runs out of the file and ends the process."""
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            if b"\0" in piece:
                raise _DamagedError("it holds a zero byte, so it is no text")
