"""Densities as users write them: a list, a matrix or a table, checked and in one form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Densities", "only_within", "read_densities", "read_table"]

Floats = NDArray[np.float64]
_LIST = "[forward, backward], [forward, backward, within]"


class Densities(np.ndarray[Any, np.dtype[np.float64]]):
    """Read-only (area, area) densities; entry [i, j] is that of the projection from area j to area i.

    The matrix remembers how it was written. `dataclasses.replace(structure, n_areas=4)` hands it back to
    the constructor, which so finds the list [forward, backward] again and not a matrix of the old size.
    """

    written: tuple[Any, ...] = ()  # a slice or a result of arithmetic has nothing to remember

    def __repr__(self) -> str:
        return repr(np.asarray(self))


def read_densities(call: str, given: Any, n_areas: int) -> Densities:
    """The matrix that a list [forward, backward], [forward, backward, within] or a matrix stands for."""
    array = _read(call, given, f"{_LIST} or a matrix (n_areas, n_areas)")
    if array.shape in ((2,), (3,)):
        forward, backward, within = [*array.tolist(), 1.0][:3]
        matrix = np.full((n_areas, n_areas), forward)
        matrix[np.triu_indices(n_areas, 1)] = backward
        np.fill_diagonal(matrix, within)
        written: tuple[Any, ...] = tuple(array.tolist())
    elif array.shape == (n_areas, n_areas):
        matrix = array.copy()
        written = tuple(map(tuple, array.tolist()))
    else:
        raise ValueError(
            f"`{call}` needs {_LIST} or a matrix of shape ({n_areas}, {n_areas}); it has shape {array.shape}."
        )
    densities = matrix.view(Densities)
    densities.written = written
    densities.flags.writeable = False
    return densities


def only_within(call: str, given: Any, default: tuple[float, ...]) -> tuple[Any, str]:
    """What is left of the densities in a network of one area, and a text where something is ignored."""
    array = _read(call, given, f"{_LIST} or a matrix (n_areas, n_areas)")
    if array.shape in ((2,), (3,)):
        between = array[:2]
        kept = (*default[:2], *array[2:].tolist())
        if not between.any() or np.array_equal(between, default[:2]):
            return kept, ""
        return kept, (
            f"`{call}` gives densities between areas, but there is one area. They are ignored; "
            "use n_areas of 2 or more for them."
        )
    if array.ndim == 2 and array.shape[0] == array.shape[1] > 1:
        return default, (
            f"`{call}` is a matrix for {len(array)} areas, but there is one area. It is ignored, and the "
            f"area is connected all to all; use n_areas={len(array)} for it."
        )
    return given, ""


def read_table(call: str, given: Any, n_groups: int, n_areas: int, n_neurons: int) -> tuple[Any, ...]:
    """A row per group of channels and a column per area (densities) or per neuron (0 or 1), as tuples."""
    array = _read(call, given, "a table with a row per group and a column per area or per neuron")
    if array.shape not in ((n_groups, n_areas), (n_groups, n_neurons)):
        raise ValueError(
            f"`{call}` needs a row for each of {n_groups} groups and a column for each area ({n_areas}) or "
            f"each neuron ({n_neurons}); it has shape {array.shape}."
        )
    if array.shape[1] != n_areas and not np.isin(array, (0.0, 1.0)).all():
        value = array[~np.isin(array, (0.0, 1.0))][0]
        raise ValueError(
            f"`{call}` needs 0 or 1 for each neuron; it has {value:g}. Densities go with a column per area."
        )
    return tuple(map(tuple, array.tolist()))


def _read(call: str, given: Any, wanted: str) -> Floats:
    if isinstance(given, Densities) and given.written:
        given = given.written
    try:
        array = np.asarray(given)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        shown = repr(given) if len(repr(given)) <= 60 else f"a {type(given).__name__}"
        raise TypeError(f"`{call}` needs {wanted}, in numbers; it got {shown}.")
    array = array.astype(np.float64)
    outside = np.argwhere(~((array >= 0) & (array <= 1)))
    if outside.size:
        place = tuple(outside[0].tolist())
        raise ValueError(
            f"`{call}` needs densities from 0 to 1; entry [{', '.join(map(str, place))}] is {array[place]:g}."
        )
    return array
