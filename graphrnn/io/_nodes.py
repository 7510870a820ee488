"""The neurons, areas, inputs and readouts that a table of nodes lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Node
from graphrnn.io._tables import ROLES, Tables, Words, numeric

__all__ = ["layout", "names_of", "node_numbers", "positions_of", "roles_of", "signs_of"]

_WIDEST = 1 << 31  # bytes of the names of all neurons


def roles_of(call: str, tables: Tables, count: int) -> NDArray[np.int8]:
    """(node,) 0 for a channel of an input, 1 for a neuron, 2 for a channel of a readout."""
    column = tables.nodes.get("role")
    if not isinstance(column, Words):
        return np.ones(count, np.int8)
    table = np.array([*(_role(call, tables, column, word) for word in column.words), 1], np.int8)
    return table[column.codes]


def _role(call: str, tables: Tables, column: Words, word: str) -> int:
    if word in ROLES or not (column.codes == column.words.index(word)).any():
        return ROLES.index(word) if word in ROLES else 1
    node = tables.names[int(np.argmax(column.codes == column.words.index(word)))]
    raise ValueError(
        f"`{call}` needs input, area or readout as the role of each node; {node!r} has {word!r}. "
        "Correct the cell, or read no roles with columns={'role': None}."
    )


def layout(
    call: str, tables: Tables, count: int, roles: NDArray[np.int8]
) -> tuple[dict[str, tuple[Node, ...]], NDArray[np.int64], list[NDArray[np.int64]]]:
    """The nodes of each role end to end, the place of each row on its axis, and the rows of each axis."""
    area = tables.nodes.get("area")
    if not isinstance(area, Words):
        area = Words(np.zeros(count, np.int32), ["hidden"])
    if (area.codes < 0).any():
        row = int(np.argmax(area.codes < 0))
        raise ValueError(
            f"`{call}` needs an area for every node; {tables.names[row]!r}, node {row + 1}, has none. "
            "Fill the cell, or put all neurons into one area with columns={'area': None}."
        )
    level = node_numbers(call, tables, "level", np.arange(count))
    nodes: dict[str, tuple[Node, ...]] = {}
    place = np.zeros(count, np.int64)
    order: list[NDArray[np.int64]] = []
    for code, role in enumerate(ROLES):
        rows = np.flatnonzero(roles == code)
        owner, first = np.unique(area.codes[rows], return_index=True)
        ranked = owner[np.argsort(first)]
        rank = np.zeros(len(area.words), np.int64)
        rank[ranked] = np.arange(len(ranked))
        rows = rows[np.argsort(rank[area.codes[rows]], kind="stable")]
        place[rows] = np.arange(len(rows))
        stops = np.cumsum(np.bincount(rank[area.codes[rows]], minlength=len(ranked))).tolist()
        made = []
        for start, stop, word in zip([0, *stops], stops, ranked.tolist(), strict=False):
            name = area.words[word]
            if not name:
                raise ValueError(
                    f"`{call}` needs names of areas that are not empty. Name the area of every neuron."
                )
            given = None if level is None or role != "area" else _level(call, name, level[rows[start:stop]])
            made.append(Node(name, role, start, stop, given))
        nodes[role] = tuple(made)
        order.append(rows)
    if not len(order[1]):
        raise ValueError(f"`{call}` found no neuron in this file. A network has at least one.")
    return nodes, place, order


def _level(call: str, area: str, levels: NDArray[np.float64]) -> float | None:
    if np.isnan(levels).all():
        return None
    if not (levels == levels[0]).all():
        shown = ", ".join(f"{level:g}" for level in np.unique(levels)[:4])
        raise ValueError(
            f"`{call}` needs one level for the whole area {area!r}; its neurons have {shown}. "
            "Split the area or give one level."
        )
    if np.isinf(levels[0]):
        raise ValueError(f"`{call}` needs finite levels; that of the area {area!r} is not. Correct it there.")
    return float(levels[0])


def node_numbers(call: str, tables: Tables, name: str, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """A column of numbers of the nodes in `rows`, or None where there is none."""
    column = tables.nodes.get(name)
    if column is None:
        return None
    return numeric(call, "nodes", name, column)[rows].astype(np.float64)


def signs_of(call: str, sign: NDArray[np.float64], names: NDArray[np.str_]) -> NDArray[np.int8]:
    """(neuron,) 1, -1 or 0, from a column in which NaN is not known."""
    sign = np.nan_to_num(sign, nan=0.0)
    wrong = ~np.isin(sign, (-1, 0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"`{call}` needs 1 (excitatory), -1 (inhibitory) or 0 (not known) in the column 'sign' of the "
            f"nodes; {str(names[row])!r} has {sign[row]:g}. Correct the cell."
        )
    return sign.astype(np.int8)


def positions_of(
    about: Mapping[str, Any], axes: list[NDArray[np.float64] | None], count: int
) -> NDArray[np.float64] | None:
    """(neuron, axis) from the columns that there are; None where no position is on record."""
    columns = [axis for axis in axes if axis is not None]
    if not columns and about.get("dimensions") is None:
        return None
    return np.stack(columns, 1) if columns else np.zeros((count, 0))


def names_of(call: str, names: list[str]) -> NDArray[np.str_]:
    """(neuron,) the names, where numpy can hold them."""
    longest = max(map(len, names))
    if longest * len(names) * 4 > _WIDEST:  # numpy gives each name the room of the longest
        raise ValueError(
            f"`{call}` cannot hold {len(names)} names of {longest} characters. Shorten the longest ones."
        )
    if any(name.endswith("\0") for name in names):
        raise ValueError(f"`{call}` found a name that ends in a zero character. Rename that neuron.")
    return np.array(names, np.str_)
