"""What was worked out about a pattern, kept for as long as its tensors live and stay as they are."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

from torch import Tensor

__all__ = ["Notes", "Remembered", "state_of"]

Found = TypeVar("Found")
State = list[int]
NOTHING = object()
_VERSION = attrgetter("_version")


class Notes(Generic[Found]):
    """Results for the same tensors under different settings, of which at most so many are kept."""

    __slots__ = ("_at_most", "_found", "state")

    def __init__(self, at_most: int, state: State | None = None) -> None:
        self._at_most, self._found = at_most, dict[Any, Any]()
        self.state = state  # of the tensors, by which a change of one is seen; None where nothing is kept

    def get(self, settings: Any, make: Callable[[], Found]) -> Found:
        """What `make` returns under these settings, made now or before."""
        found = self._found.get(settings, NOTHING)
        if found is NOTHING:
            found = make()
            while len(self._found) >= self._at_most:  # others may add and drop some meanwhile
                self._found.pop(next(iter([*self._found]), None), None)
            self._found[settings] = found
        return found


class _Entry(NamedTuple):
    tensors: list[weakref.ref[Tensor]]
    notes: Notes[Any]


def state_of(tensors: tuple[Tensor, ...]) -> State | None:
    """Which tensors they are, where their numbers lie, and their versions; None in inference mode."""
    try:
        return [*map(id, tensors), *map(Tensor.data_ptr, tensors), *map(_VERSION, tensors)]
    except RuntimeError:  # what torch raises for the version of a tensor of inference mode
        return None


class Remembered(Generic[Found]):
    """Results by the identity of tensors, of which the first that ends, ends them.

    A tensor changed in place is another one. Tensors of inference mode do not count their changes, so that
    nothing is kept for them. Of tensors with the same last one, those asked for last are known.

    Args:
        at_most: how many results are kept for the same tensors under different settings.
    """

    def __init__(self, at_most: int = 1) -> None:
        self._at_most = at_most
        self._known: dict[int, _Entry] = {}

    def get(self, tensors: tuple[Tensor, ...], settings: Any, make: Callable[[], Found]) -> Found:
        """What `make` returns for these tensors and settings, made now or before."""
        return self.notes(tensors).get(settings, make)

    def notes(self, tensors: tuple[Tensor, ...]) -> Notes[Found]:
        """What is known of these tensors, for as long as nobody changes them."""
        state = state_of(tensors)
        if state is None:
            return Notes(self._at_most)
        key = id(tensors[-1])
        entry = self._known.get(key)
        if entry is None or entry.notes.state != state:
            forget = partial(_forget, self._known, key)
            entry = _Entry([weakref.ref(tensor, forget) for tensor in tensors], Notes(self._at_most, state))
            self._known[key] = entry
        return entry.notes


def _forget(known: dict[int, _Entry], key: int, _: object) -> None:
    known.pop(key, None)  # an argument, because the module's names are gone when the interpreter ends
