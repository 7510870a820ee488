"""Groups and datasets of HDF5, never ones that lead out of their file."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn._optional import optional
from graphrnn.io._room import check_room

__all__ = ["Group", "check_heaps"]

_HEAP = b"GCOL\x01\x00\x00\x00"  # how a collection of texts begins


def check_heaps(call: str, path: Path) -> None:
    """Refuse a file whose collections of texts do not add up: the HDF5 library would look on for ever."""
    if not path.stat().st_size:
        return  # it cannot be mapped, and is refused soon
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = data.find(_HEAP)
        while place >= 0:
            if not _adds_up(data, place):
                raise ValueError(
                    f"`{call}` found a collection of texts that does not add up at byte {place} of "
                    f"{path.name!r}. It is "
                    "damaged; take another copy."
                )
            place = data.find(_HEAP, place + 8)


def _adds_up(data: mmap.mmap, place: int) -> bool:
    """Whether the objects of a collection fill it, one after the other."""
    if place + 16 > len(data):
        return False
    (size,) = struct.unpack_from("<Q", data, place + 8)
    at, stop = place + 16, place + size
    if size < 16 or stop > len(data):
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
        return self.group.get(name)

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
            self.call, self.path, f"{member.shape[0]} values at {self._place(name)}", member.shape[0] * wide
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
                f"{dataset.dtype}."
            )
        return [text.decode() for text in dataset[:].tolist()]

    def numbers(self, name: str) -> NDArray[Any]:
        """A dataset of numbers."""
        dataset = self._dataset(name)
        if dataset.dtype.kind not in "biuf":
            raise ValueError(
                f"`{self.call}` needs numbers at {self._place(name)!r} of {self.path.name!r}; it holds "
                f"{dataset.dtype}."
            )
        return np.asarray(dataset[:])

    def indices(self, name: str, limit: int, what: str) -> NDArray[np.int64]:
        """A dataset of whole numbers from 0 to below `limit`."""
        values = self.numbers(name)
        if values.dtype.kind not in "iu":
            raise ValueError(
                f"`{self.call}` needs whole numbers at {self._place(name)!r} of {self.path.name!r}; it "
                f"holds {values.dtype}."
            )
        if values.size and not 0 <= int(values.min()) <= int(values.max()) < limit:
            row = int(np.argmax((values < 0) | (values >= limit)))
            raise ValueError(
                f"`{self.call}` needs {what} from 0 to {limit - 1} at {self._place(name)!r} of "
                f"{self.path.name!r}; number "
                f"{row + 1} is {values[row]}."
            )
        return values.astype(np.int64)

    def attribute(self, name: str, of: str = "") -> str | None:
        """An attribute of text, of the group or of a member; None where there is none."""
        holder = self._own(of) if of else self.group
        value = None if holder is None else holder.attrs.get(name)
        if isinstance(value, bytes):
            value = value.decode()
        return value if isinstance(value, str) else None
