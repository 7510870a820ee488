"""Synapses from edges in any order, parallel ones merged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Synapses
from graphrnn.io._about import types_of
from graphrnn.io._tables import Column, Words, numeric

__all__ = ["merged_synapses"]

_MERGED = {"max": np.maximum, "min": np.minimum}  # all others add up


def merged_synapses(
    call: str,
    shape: tuple[int, int],
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    edges: Mapping[str, Column],
    duplicates: str,
    origin: tuple[str, Mapping[str, Any]],
) -> tuple[Synapses, int]:
    """One synapse per pair, and how many edges went into another."""
    columns = max(shape[1], 1)
    key = pairs[0] * columns + pairs[1]
    which, about = origin
    values = {name: _numbers_of(call, name, edges.get(name)) for name in ("weight", "delay")}
    if not about:
        _check_delays(call, values["delay"])
    words = edges.get("type")
    code = words.codes if isinstance(words, Words) else None
    if duplicates == "count":
        values["weight"] = np.ones(len(key))
    types: tuple[str, ...] = tuple(words.words) if isinstance(words, Words) else ()
    merged = 0
    if not (key[1:] > key[:-1]).all():
        order = np.argsort(key, kind="stable")
        key = key[order]
        values = {name: None if column is None else column[order] for name, column in values.items()}
        code = None if code is None else code[order]
        first = np.append(True, key[1:] != key[:-1])
        merged = int(key.size - first.sum())
        if merged:
            key, values, code, types = _merge(call, key, first, values, code, types, duplicates)
    post = key // columns
    index = (post.astype(np.int32), (key - post * columns).astype(np.int32))
    synapses = _typed(shape, index, values, code, types, which, about)
    if duplicates == "count":  # also where the file says that there are no weights, or whole ones
        synapses = dataclasses.replace(synapses, weight=values["weight"])
    return synapses, merged


def _merge(
    call: str,
    key: NDArray[np.int64],
    first: NDArray[np.bool_],
    values: dict[str, NDArray[Any] | None],
    code: NDArray[np.int32] | None,
    types: tuple[str, ...],
    duplicates: str,
) -> tuple[NDArray[np.int64], dict[str, NDArray[Any] | None], NDArray[np.int32] | None, tuple[str, ...]]:
    merged = int(key.size - first.sum())
    if duplicates == "error":
        raise ValueError(
            f"`{call}` needs each pair once where duplicates='error'; {merged} edges repeat another. "
            "Merge them yourself or use duplicates='sum'."
        )
    start = np.flatnonzero(first)
    group = np.cumsum(first) - 1
    if (weight := values["weight"]) is not None:
        total = _MERGED.get(duplicates, np.add).reduceat(weight.astype(np.float64), start)
        values["weight"] = total / np.diff(np.append(start, len(key))) if duplicates == "mean" else total
    if (delay := values["delay"]) is not None:
        values["delay"] = delay[start]
        if not np.array_equal(delay[start][group], delay):
            raise ValueError(
                f"`{call}` cannot merge parallel edges whose delays differ. Give each pair one delay first."
            )
    if code is not None:
        code, types = _merged_types(code, types, start, group)
    return key[start], values, code, types


def _merged_types(
    code: NDArray[np.int32], types: tuple[str, ...], start: NDArray[np.int64], group: NDArray[np.int64]
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """A pair of several types gets their names, in order of the alphabet, joined by "+"."""
    known = list(types)
    place = {name: i for i, name in enumerate(known)}
    final = code[start].copy()
    mixed = np.unique(group[code != final[group]])
    stops = np.append(start[1:], len(code))
    for one in mixed.tolist():
        members = {types[i] for i in code[start[one] : stops[one]].tolist() if i >= 0}
        name = "+".join(sorted(members))
        if name not in place:
            place[name] = len(known)
            known.append(name)
        final[one] = place[name]
    return final, tuple(known)


def _numbers_of(call: str, name: str, column: Column | None) -> NDArray[Any] | None:
    if column is None:
        return None
    column = numeric(call, "edges", name, column)
    if column.dtype.kind == "f" and np.isinf(column).any():
        row = int(np.argmax(np.isinf(column)))
        raise ValueError(
            f"`{call}` needs finite numbers in the column {name!r}; edge {row + 1} has {column[row]}. Leave "
            "the cell empty where none is known."
        )
    return column


def _check_delays(call: str, delay: NDArray[Any] | None) -> None:
    """Every edge of a file of others has a delay of 0 ms or more, or none has one."""
    if delay is None or np.isnan(delay).all() or (delay >= 0).all():
        return
    row = int(np.argmin(delay >= 0))
    has = "none" if np.isnan(delay[row]) else f"{delay[row]:g}"
    raise ValueError(
        f"`{call}` needs a delay of 0 ms or more for every edge, or for none; edge {row + 1} has "
        f"{has}. Correct the cell, or leave the column out with columns={{'delay': None}}."
    )


def _typed(
    shape: tuple[int, int],
    index: tuple[NDArray[np.int32], NDArray[np.int32]],
    values: Mapping[str, NDArray[Any] | None],
    code: NDArray[np.int32] | None,
    types: tuple[str, ...],
    which: str,
    about: Mapping[str, Any],
) -> Synapses:
    """The synapses with number types and names of types as they were, where the file says how."""
    weight, delay = values["weight"], values["delay"]
    if about:
        known, dtypes = types_of(about, which)
        weight, delay = (
            _as_it_was(name, column, dtypes.get(name), len(index[0]))
            for name, column in (("weight", weight), ("delay", delay))
        )
        if "type" not in dtypes:
            return Synapses(shape, *index, weight, delay, None, tuple(known))
        code = np.zeros(len(index[0]), np.int32) if code is None else code
        used = [types[i] for i in np.unique(code).tolist() if types]
        known = [*known, *(name for name in used if name not in known)]  # an edge may have come since
        table = np.array([known.index(name) if name in known else 0 for name in types], np.int32)
        return Synapses(shape, *index, weight, delay, table[code] if len(types) else code, tuple(known))
    weight = None if weight is None or np.isnan(weight).all() else weight.astype(np.float64)
    delay = None if delay is None or np.isnan(delay).all() else delay.astype(np.float64)
    if code is None or (code < 0).all():
        return Synapses(shape, *index, weight, delay)
    if (code < 0).any():
        raise ValueError("an edge has no type, while others have one")
    used = sorted(np.unique(code).tolist(), key=types.__getitem__)  # the order of `Connectome.from_edges`
    table = np.zeros(len(types), np.int32)
    table[used] = np.arange(len(used))
    return Synapses(shape, *index, weight, delay, table[code], tuple(types[i] for i in used))


def _as_it_was(
    name: str, column: NDArray[Any] | None, dtype: np.dtype[Any] | None, count: int
) -> NDArray[Any] | None:
    """A column in the type of numbers that the file names; one without a number is not in the file."""
    if dtype is None:
        return None
    column = np.full(count, np.nan) if column is None else column
    if dtype.kind in "iu" and column.dtype != dtype and count:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        if not ((column >= low) & (column <= high) & (column == np.floor(column))).all():
            raise TypeError(f"a {name} is none of the whole numbers that {dtype} can be")
    return np.zeros(0, dtype) if not count else column.astype(dtype)
