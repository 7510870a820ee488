"""The hidden matrix (post, pre) in the text format MatrixMarket, `.mtx`."""

from __future__ import annotations

import io
import os
import re
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from graphrnn._files import replacing
from graphrnn.connectome import Connectome
from graphrnn.io._choices import Choices
from graphrnn.io._cut import warn_of_a_cut
from graphrnn.io._matrix import network_of_matrix, only_network, sparse_matrix

__all__ = ["read", "write"]

_COMMENT = "graphrnn: row = post, column = pre; CRC-32 of the lines below: "
_LONGEST = 1 << 16  # characters of a line of the header
_LARGE = 1 << 23  # bytes; a smaller file takes little memory whatever is in it
_PIECE = 1 << 22  # bytes


def write(call: str, net: Any, path: Path) -> None:
    """Write the weights, or only the pattern where there are none."""
    from scipy.io import mmwrite

    matrix = sparse_matrix(call, only_network(call, net))
    mask = matrix.dtype.kind == "b"
    with replacing(call, path) as file:
        mmwrite(
            file,
            matrix.astype("int8") if mask else matrix,
            comment=f"{_COMMENT}{0:08x}",
            field="pattern" if mask else None,
            symmetry="general",
        )
        file.seek(0)
        file.readline()
        place = file.tell()
        file.readline()
        checksum = _checksum(file)
        file.seek(place)
        file.write(f"%{_COMMENT}{checksum:08x}\n".encode())


def read(call: str, path: Path, choices: Choices) -> Connectome:
    """Read a square matrix."""
    from scipy.io import mmread

    try:
        words, sizes, start = _header(path)
        _check_sum(path)
        pattern = words[3] == "pattern"
        _check_entries(path, words, sizes, start)
        matrix = mmread(_with_last_line_ended(path), spmatrix=False)
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except _DamagedError as error:
        raise ValueError(f"`{call}` cannot read this file: {error}. Take another copy.") from error
    except Exception as error:  # whatever broken bytes make the reader raise
        raise ValueError(
            f"`{call}` cannot read this file: {str(error).strip().rstrip('.')[:200]}. Correct it there."
        ) from error
    network = network_of_matrix(call, matrix.astype(bool) if pattern else matrix, choices)
    warn_of_a_cut(call, path, "entry")
    return network


class _DamagedError(Exception):
    """The header promises what the file cannot hold."""


def _header(path: Path) -> tuple[list[str], list[int], int]:
    """The words and sizes of the header, and where it ends; its numbers must have room in the file."""
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
        start = file.tell()
    sparse = words[2] == "coordinate"
    if len(sizes) != (3 if sparse else 2) or min(sizes) < 0 or max(sizes) > 2**31 - 1:
        raise _DamagedError("its line of sizes is none")
    symmetric = len(words) > 4 and words[4] != "general"
    entries = sizes[2] if sparse else sizes[0] * sizes[1] // (2 if symmetric else 1)
    left = path.stat().st_size - start
    if entries * (4 if sparse else 2) > left + 4:  # "1 1\n" is the shortest entry
        raise _DamagedError(f"its header promises {entries} entries, and {left} bytes follow")
    return words, sizes, start


def _check_sum(path: Path) -> None:
    """Refuse other lines than those that graphrnn wrote, where its comment says which they were."""
    begin = f"%{_COMMENT}".encode()
    with open(path, "rb") as file:
        file.readline(_LONGEST)
        line = file.readline(_LONGEST)
        if line.startswith(begin) and line[len(begin) :].strip() != f"{_checksum(file):08x}".encode():
            raise _DamagedError(
                "its lines do not fit the checksum that graphrnn wrote in line 2; where you changed them "
                "yourself, delete line 2"
            )


def _checksum(file: BinaryIO) -> int:
    """The CRC-32 of what is left of a file, whatever ends its lines."""
    checksum = 0
    while piece := file.read(_PIECE):
        checksum = zlib.crc32(piece.replace(b"\r", b""), checksum)
    return checksum


def _with_last_line_ended(path: Path) -> Path | io.BytesIO:
    """The file; scipy's reader runs out of one whose last line goes on and has no end."""
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() == b"\n":
            return path
        file.seek(0)
        return io.BytesIO(file.read() + b"\n")


def _check_entries(path: Path, words: list[str], sizes: list[int], start: int) -> None:
    """Let the reader look at a file piece by piece, so that a damaged one is found before it takes memory."""
    sparse, size = words[2] == "coordinate", path.stat().st_size
    line, found, rest = 1, 0, b""
    with open(path, "rb") as file:
        line += file.read(start).count(b"\n")
        while piece := file.read(_PIECE):
            if b"\0" in piece:  # at which scipy's reader runs out of the file and ends the process
                raise _DamagedError("it holds a zero byte, so it is no text")
            if not sparse or size < _LARGE:
                continue
            piece = rest + piece
            end = piece.rfind(b"\n") + 1
            piece, rest = piece[:end], piece[end:]
            found += _check_piece(piece, words, sizes, line)
            line += piece.count(b"\n")
    if sparse and size >= _LARGE:
        found += _check_piece(rest + b"\n", words, sizes, line)
        if found != sizes[2]:
            raise _DamagedError(f"its header promises {sizes[2]} entries, and {found} lines follow")


def _check_piece(piece: bytes, words: list[str], sizes: list[int], line: int) -> int:
    """The number of entries that begin at a line of the file, or what the reader says about them."""
    from scipy.io import mmread

    count = sum(1 for entry in piece.split(b"\n") if entry.strip())
    header = f"%%MatrixMarket matrix coordinate {words[3]} general\n{sizes[0]} {sizes[1]} {count}\n"
    try:
        mmread(io.BytesIO(header.encode() + piece), spmatrix=False)
    except Exception as error:  # whatever broken bytes make the reader raise
        place = re.match(r"Line (\d+): (.*)", str(error))
        if place is None:
            raise
        raise ValueError(f"Line {int(place[1]) - 3 + line}: {place[2]}") from error
    return count
