"""Groups and datasets of HDF5, never ones that lead out of their file."""

from __future__ import annotations

import hashlib
import mmap
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from graphrnn._optional import optional
from graphrnn.io._room import DEFLATED, check_room

__all__ = ["DIGEST", "Group", "check_heaps", "digest_of"]

DIGEST = "blake2b"  # the attribute of a dataset of texts that graphrnn wrote

_HEAP = b"GCOL\x01\x00\x00\x00"  # how a collection of texts begins
_SMALLEST = 4096  # bytes of a collection, as the library makes them
_REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])  # what stands for a text
_BLOCK = 1 << 20  # bytes
_SLICE = 1 << 17  # numbers that are looked at together


def digest_of(texts: Sequence[str]) -> str:
    """What tells texts from others; HDF5 has checksums of numbers alone."""
    digest = hashlib.blake2b(digest_size=16)
    for start in range(0, len(texts), _SLICE):
        digest.update("".join(f"{text}\0" for text in texts[start : start + _SLICE]).encode())
    return digest.hexdigest()


def check_heaps(call: str, path: Path) -> None:
    """Refuse a file whose collections of texts do not add up: the HDF5 library would look on for ever."""
    if not path.stat().st_size:
        return  # it cannot be mapped, and is refused soon
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for place in _heaps(file):
            if not _adds_up(data, place):
                raise ValueError(
                    f"`{call}` found a collection of texts that does not add up at byte {place} of "
                    f"{path.name!r}. It is "
                    "damaged; take another copy."
                )


def _heaps(file: BinaryIO) -> Iterator[int]:
    """Where collections of texts may begin; a file that is read takes no memory, other than a map of it."""
    place, tail = 0, b""
    while block := file.read(_BLOCK):
        data = tail + block
        at = data.find(_HEAP)
        while at >= 0:
            yield place - len(tail) + at
            at = data.find(_HEAP, at + len(_HEAP))
        place += len(block)
        tail = data[1 - len(_HEAP) :]


def _adds_up(data: mmap.mmap, place: int) -> bool:
    """Whether the objects of a collection fill it, one after the other."""
    if place + 16 > len(data):
        return False
    (size,) = struct.unpack_from("<Q", data, place + 8)
    at, stop = place + 16, place + size
    if size < _SMALLEST or stop > len(data):
        return False
    while at + 16 <= stop:
        number, length = struct.unpack_from("<H6xQ", data, at)
        if number == 0:  # the free room at the end, with its own head
            return at + int(length) == stop
        at += 16 + int(length) + -int(length) % 8
    return at <= stop


class Group:
    """A group of an open file; messages name its place.

    Args:
        call: the user's call, for messages.
        path: the file.
        group: the group of h5py.
    """

    def __init__(self, call: str, path: Path, group: Any) -> None:
        self.call, self.path, self.group = call, path, group
        self._h5py = optional(call, "h5py")

    def names(self) -> list[str]:
        """What is in the group."""
        return [str(name) for name in self.group]

    def _place(self, name: str) -> str:
        return f"{str(self.group.name).rstrip('/')}/{name}"

    def _own(self, name: str) -> Any:
        """A member that lies in this file itself, or None."""
        link = self.group.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, self._h5py.HardLink):
            raise ValueError(
                f"`{self.call}` found a link at {self._place(name)!r} of {self.path.name!r}, which may "
                "lead to another "
                "file. Copy what it points to into the file."
            )
        member = self.group.get(name)
        if member is None:  # the library cannot open what the link leads to
            raise ValueError(
                f"`{self.call}` cannot open {self._place(name)!r} of {self.path.name!r}: it is damaged. Take "
                "another copy."
            )
        return member

    def sub(self, name: str) -> Group | None:
        """A group within, or None."""
        member = self._own(name)
        return Group(self.call, self.path, member) if isinstance(member, self._h5py.Group) else None

    def groups(self) -> dict[str, Group]:
        """The groups within."""
        found = {name: self.sub(name) for name in self.names()}
        return {name: group for name, group in found.items() if group is not None}

    def arrays(self) -> list[str]:
        """The names of the datasets within."""
        return [name for name in self.names() if isinstance(self._own(name), self._h5py.Dataset)]

    def length(self, name: str) -> int:
        """The length of a dataset of one dimension."""
        return int(self._dataset(name).shape[0])

    def _dataset(self, name: str) -> Any:
        member = self._own(name)
        if not isinstance(member, self._h5py.Dataset) or member.ndim != 1:
            raise ValueError(
                f"`{self.call}` needs a dataset of one dimension at {self._place(name)!r} of "
                f"{self.path.name!r}; there is "
                "none. Take another copy."
            )
        if member.external or member.is_virtual:
            raise ValueError(
                f"`{self.call}` found data of another file at {self._place(name)!r} of {self.path.name!r}. "
                "Copy them "
                "into the file."
            )
        wide = max(member.dtype.itemsize, 16 if self._is_text(member) else 1)
        check_room(
            self.call,
            self.path,
            f"{member.shape[0]} values at {self._place(name)}",
            member.shape[0] * wide,
            DEFLATED,
        )
        return member

    def _is_text(self, dataset: Any) -> bool:
        return self._h5py.check_string_dtype(dataset.dtype) is not None

    def is_text(self, name: str) -> bool:
        """Whether a dataset holds texts."""
        return self._is_text(self._dataset(name))

    def texts(self, name: str) -> list[str]:
        """A dataset of texts."""
        dataset = self._dataset(name)
        if not self._is_text(dataset):
            raise ValueError(
                f"`{self.call}` needs texts at {self._place(name)!r} of {self.path.name!r}; it holds "
                f"{dataset.dtype}. Write them as texts there."
            )
        self._check_references(name, dataset)
        texts = [text.decode() for text in dataset[:].tolist()]
        digest = self.attribute(DIGEST, of=name)
        if digest is not None and digest != digest_of(texts):
            raise ValueError(
                f"`{self.call}` found texts at {self._place(name)!r} of {self.path.name!r} that are not "
                f"those that graphrnn wrote. Take another copy, or if you changed them, delete the attribute "
                f"{DIGEST!r}."
            )
        return texts

    def _check_references(self, name: str, dataset: Any) -> None:
        """Refuse texts that lie in no collection: the HDF5 library would take seconds to see it for each."""
        place = dataset.id.get_offset()
        if place is None or self._h5py.check_string_dtype(dataset.dtype).length is not None:
            return  # chunks may be filtered, and texts of one length lie in the dataset itself
        with open(self.path, "rb") as file:
            for start in range(0, len(dataset), _SLICE):
                file.seek(place + start * _REFERENCE.itemsize)
                references = np.fromfile(file, _REFERENCE, min(_SLICE, len(dataset) - start))
                longest = int(references["length"].max(initial=0))
                if longest > self.path.stat().st_size:  # for which the library would take memory
                    raise ValueError(
                        f"`{self.call}` found a text of {longest} bytes at {self._place(name)!r} of "
                        f"{self.path.name!r}, which is smaller. It is damaged; take another copy."
                    )
                for heap in np.unique(references["heap"][references["length"] > 0]).tolist():
                    file.seek(min(heap + dataset.file.userblock_size, self.path.stat().st_size))
                    if file.read(len(_HEAP)) != _HEAP:
                        raise ValueError(
                            f"`{self.call}` found a text at {self._place(name)!r} of {self.path.name!r} that "
                            "lies in no collection of texts. It is damaged; take another copy."
                        )

    def numbers(self, name: str) -> NDArray[Any]:
        """A dataset of numbers."""
        dataset = self._numeric(name)
        return np.asarray(self._slice(name, dataset, slice(None)))

    def check(self) -> None:
        """Refuse datasets that do not fit their checksums, keeping nothing."""
        for name in self.arrays():
            dataset = self._own(name)
            if dataset.fletcher32:
                for start in range(0, len(dataset), _SLICE):
                    self._slice(name, dataset, slice(start, start + _SLICE))

    def _slice(self, name: str, dataset: Any, rows: slice) -> Any:
        try:
            return dataset[rows]
        except OSError as error:
            raise ValueError(
                f"`{self.call}` cannot read the numbers at {self._place(name)!r} of {self.path.name!r}: "
                "they are cut off or do not fit their checksum. Take another copy."
            ) from error

    def _numeric(self, name: str) -> Any:
        dataset = self._dataset(name)
        if dataset.dtype.kind not in "biuf":
            raise ValueError(
                f"`{self.call}` needs numbers at {self._place(name)!r} of {self.path.name!r}; it holds "
                f"{dataset.dtype}. Write them as numbers there."
            )
        return dataset

    def indices(self, name: str, limit: int, what: str) -> NDArray[np.int64]:
        """A dataset of whole numbers from 0 to below `limit`."""
        self.check_indices(name, limit, what)
        return self.numbers(name).astype(np.int64)

    def check_indices(self, name: str, limit: int, what: str) -> None:
        """Refuse other than whole numbers from 0 to below `limit`, keeping nothing."""
        dataset = self._numeric(name)
        if dataset.dtype.kind not in "iu":
            raise ValueError(
                f"`{self.call}` needs whole numbers at {self._place(name)!r} of {self.path.name!r}; it "
                f"holds {dataset.dtype}. Write them as integers there."
            )
        for start in range(0, len(dataset), _SLICE):
            values = self._slice(name, dataset, slice(start, start + _SLICE))
            if not 0 <= int(values.min()) <= int(values.max()) < limit:
                row = int(np.argmax((values < 0) | (values >= limit)))
                raise ValueError(
                    f"`{self.call}` needs {what} from 0 to {limit - 1} at {self._place(name)!r} of "
                    f"{self.path.name!r}; number "
                    f"{start + row + 1} is {values[row]}. Correct it there."
                )

    def check_counting(self, name: str) -> None:
        """Refuse a dataset of other numbers than 0, 1, 2, …, in this order, keeping nothing."""
        dataset = self._numeric(name)
        for start in range(0, len(dataset), _SLICE):
            values = self._slice(name, dataset, slice(start, start + _SLICE))
            wrong = values != np.arange(start, start + len(values))
            if wrong.any():
                row = int(np.argmax(wrong))
                raise ValueError(
                    f"`{self.call}` needs the numbers 0, 1, 2, … in this order at {self._place(name)!r} of "
                    f"{self.path.name!r}; number {start + row + 1} is {values[row]}. Sort the population by "
                    "it, and number its rows anew."
                )

    def attribute(self, name: str, of: str = "") -> str | None:
        """An attribute of text, of the group or of a member; None where there is none."""
        holder = self._own(of) if of else self.group
        value = None if holder is None else holder.attrs.get(name)
        if isinstance(value, bytes):
            value = value.decode()
        return value if isinstance(value, str) else None
