"""Arrays of numpy in files, never pickled ones, and no larger than the file says they can be."""

from __future__ import annotations

import math
import struct
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.io._room import DEFLATED, check_room

__all__ = ["read_archive", "read_array", "read_header"]

_MOST_MEMBERS = 1000  # of an archive; a network has two dozen
_KINDS = "biufUS"
_HEADER = 1 << 16  # bytes, at most
_BLOCK = 1 << 20


def read_header(file: IO[bytes], size: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape, whether the columns lie end to end, and the type of an open `.npy` file of `size` bytes.

    Raises:
        ValueError: for whatever is not exactly one plain array.
    """
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
        (3, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError("unknown version")
    shape, fortran, dtype = readers[version](file, max_header_size=_HEADER)
    if dtype.hasobject or dtype.kind not in _KINDS or any(n < 0 for n in shape):
        raise ValueError("not an array of plain numbers")
    if math.prod(shape) * dtype.itemsize != size - file.tell():
        raise ValueError("not as many numbers as its header says")
    return shape, fortran, dtype


def read_array(file: IO[bytes], size: int) -> NDArray[Any]:
    """The array of an open `.npy` file, or member, of `size` bytes.

    Raises:
        ValueError: for whatever is not exactly one plain array.
    """
    shape, fortran, dtype = read_header(file, size)
    data = file.read(math.prod(shape) * dtype.itemsize)
    array = np.frombuffer(data, dtype) if data else np.zeros(0, dtype)
    return array.reshape(shape, order="F" if fortran else "C")


def read_archive(call: str, path: Path, file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """The arrays of an open `.npz` file by their names.

    Raises:
        Exception: of many types, where the bytes are broken.
        ValueError: with the user's call, for a file that would fill the memory.
    """
    _check_number(file)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        check_room(
            call, path, f"{len(members)} arrays", sum(member.file_size for member in members), DEFLATED
        )
        for member in members:  # whatever is damaged is found before any of it is kept
            with archive.open(member) as packed:
                while packed.read(_BLOCK):
                    pass
        return {member.filename.removesuffix(".npy"): _member(archive, member) for member in members}


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as file:
        return read_array(file, member.file_size)


def _check_number(file: IO[bytes]) -> None:
    """Refuse an archive of very many members before each of them is looked at."""
    end = file.seek(0, 2)
    file.seek(max(0, end - 65557))  # where the last record of a zip file begins at the earliest
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < 22:
        raise zipfile.BadZipFile("no end")
    entries, size = struct.unpack("<2xHI", tail[place + 8 : place + 16])
    if entries > _MOST_MEMBERS or size > _MOST_MEMBERS * 1024:
        raise zipfile.BadZipFile("too many members")
    file.seek(0)
