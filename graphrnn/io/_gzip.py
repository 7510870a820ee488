"""Text in files of gzip, as `.csv.gz`."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

__all__ = ["DAMAGED", "ending", "is_packed", "packing", "unpacking"]

DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)  # what a file that is none raises
_ENDING = ".gz"
_RATIO = 200  # bytes of text for one of the file; lists of edges hardly reach 30, deflate 1032
_FREE = 1 << 20  # bytes of text that any file may hold


def ending(path: Path) -> str:
    """The extension that says the format, in small letters: `.csv`, or `.csv.gz`."""
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() + last if last == _ENDING else last


def is_packed(path: Path) -> bool:
    """Whether the name of a file says that gzip packed it."""
    return path.suffix.lower() == _ENDING


class _Unpacking(gzip.GzipFile):
    """Refuses to go on where few bytes become very many."""

    def __init__(self, call: str, path: Path, file: BinaryIO) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._call, self._path, self._packed, self._given = call, path, file, 0

    def read1(self, size: int = -1) -> bytes:
        data = super().read1(size)
        self._given += len(data)
        if self._given > max(_FREE, _RATIO * self._packed.tell()):
            raise ValueError(
                f"`{self._call}` found text of more than {_RATIO} times its packed size in "
                f"{self._path.name!r}. It is made to fill the memory; take another copy."
            )
        return data


def unpacking(call: str, path: Path, file: BinaryIO) -> BinaryIO:
    """The text of an open file, unpacked where `path` says so."""
    return cast(BinaryIO, _Unpacking(call, path, file)) if is_packed(path) else file


@contextmanager
def packing(path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    """A file to write text to, packed where `path` says so; the same text gives the same bytes."""
    if not is_packed(path):
        yield file
        return
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
        yield cast(BinaryIO, packed)
