"""The matrices in a `.mat` file of version 5 to 7, read without trust: every length is checked."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.io._room import DEFLATED, check_room

__all__ = ["Variable", "variables"]

_MATRIX, _COMPRESSED = 14, 15  # types of elements
_SPARSE = 5  # a class of matrices; the others here are classes of numbers
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_LOGICAL, _COMPLEX = 0x200, 0x800
_BLOCK = 1 << 20
_MOST = 10_000  # elements of a file; its variables, and no more


@dataclass(frozen=True, eq=False)
class Variable:
    """A variable of a file; its numbers are taken out when they are asked for.

    Args:
        name: its name.
        shape: its size, (0, 0) where it is no matrix of real numbers.
        kind: its class and flags.
        body: the elements of its numbers.
        order: "<" or ">".
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    body: memoryview
    order: str

    def matrix(self) -> Any:
        """The numbers, as a numpy array or a scipy sparse one.

        Raises:
            ValueError: where they are not what the sizes say.
        """
        if self.kind & 0xFF == _SPARSE:
            return self._sparse()
        values, _ = _numbers(self.body, 0, self.order)
        if len(values) != int(np.prod(self.shape, dtype=object)):
            raise ValueError("not as many numbers as its size says")
        array = values.astype(_CLASSES[self.kind & 0xFF]).reshape(self.shape, order="F")
        return array.astype(bool) if self.kind & _LOGICAL else array

    def _sparse(self) -> Any:
        from scipy.sparse import csc_array

        rows, at = _numbers(self.body, 0, self.order)
        starts, at = _numbers(self.body, at, self.order)
        values, _ = _numbers(self.body, at, self.order)
        if len(starts) != self.shape[1] + 1 or starts[0] != 0 or (np.diff(starts.astype(np.int64)) < 0).any():
            raise ValueError("columns that begin before the one before")
        count = int(starts[-1])
        if not 0 <= count <= min(len(rows), len(values)):
            raise ValueError("not as many numbers as its columns say")
        rows, values = rows[:count], values[:count]
        if count and not 0 <= int(rows.min()) <= int(rows.max()) < self.shape[0]:
            raise ValueError("a row that is none")
        rows = rows.astype(np.int64)
        values = values.astype(bool if self.kind & _LOGICAL else np.float64)
        return csc_array((values, rows, starts.astype(np.int64)), shape=self.shape)


def variables(call: str, path: Path) -> list[Variable]:
    """The variables of a file.

    Raises:
        ValueError: for what is no such file, and with the user's call for one that would fill the memory.
    """
    with open(path, "rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))  # read where it is asked for
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[126:128]))
    if order is None:
        raise ValueError("no header")
    found: list[Variable] = []
    total = at = 128
    for _ in range(_MOST):
        if at >= len(data):
            return found
        kind, body, at = _element(data, at, order, padded=False)
        if kind == _COMPRESSED:
            packed = body
            for _ in _inflated(call, path, packed, total):
                pass  # the checksum stands at the end, and until then nothing is kept
            body = memoryview(b"".join(_inflated(call, path, packed, total)))
            total += len(body)
            kind, body, _ = _element(body, 0, order)
        if kind == _MATRIX:
            found.append(_variable(body, order))
    raise ValueError("very many elements")


def _inflated(call: str, path: Path, packed: memoryview, total: int) -> Iterator[bytes]:
    """The bytes of a deflated element, block by block, as long as they may fill the memory."""
    unpack = zlib.decompressobj()
    at, rest = 0, b""
    while (rest or at < len(packed)) and not unpack.eof:
        if not rest:
            rest = bytes(packed[at : at + _BLOCK])
            at += _BLOCK
            _forget(packed)
        block = unpack.decompress(rest, _BLOCK)
        rest = unpack.unconsumed_tail
        total += len(block)
        check_room(call, path, "deflated arrays", total, DEFLATED)
        yield block
    if not unpack.eof:
        raise ValueError("a deflated element that does not end")


def _forget(mapped: memoryview) -> None:
    """Let go of the pages of a mapped file that have been read."""
    if hasattr(mmap, "MADV_DONTNEED") and isinstance(mapped.obj, mmap.mmap):
        mapped.obj.madvise(mmap.MADV_DONTNEED)


def _element(data: memoryview, at: int, order: str, padded: bool = True) -> tuple[int, memoryview, int]:
    """The type and the body of the element at a place, and the place of the next one."""
    if len(data) < at + 8:
        raise ValueError("an element that is cut off")
    first, second = (int(value) for value in np.frombuffer(data[at : at + 8], f"{order}u4"))
    if first >> 16:  # a small one holds its body in its tag
        size = first >> 16
        if size > 4:
            raise ValueError("a small element that is not small")
        return first & 0xFFFF, data[at + 4 : at + 4 + size], at + 8
    stop = at + 8 + second
    if stop > len(data):
        raise ValueError("an element that is cut off")
    return first, data[at + 8 : stop], stop + (-second % 8 if padded else 0)


def _numbers(data: memoryview, at: int, order: str) -> tuple[NDArray[Any], int]:
    kind, body, following = _element(data, at, order)
    if kind not in _STORED:
        raise ValueError("an element that holds no numbers")
    return np.frombuffer(body, f"{order}{_STORED[kind]}"), following


def _variable(data: memoryview, order: str) -> Variable:
    flags, at = _numbers(data, 0, order)
    shape, at = _numbers(data, at, order)
    _, name, at = _element(data, at, order)
    kind = int(flags[0])
    sizes = tuple(int(size) for size in shape)
    real = not kind & _COMPLEX and (kind & 0xFF in _CLASSES or kind & 0xFF == _SPARSE)
    if not real or len(sizes) != 2 or min(sizes) < 0:
        sizes = (0, 0)
    return Variable(bytes(name).decode("latin-1"), sizes, kind, data[at:], order)
