"""Nodes and edges as they come from a file of XML, kept as numbers, and the network that they make."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph
from graphrnn.io._areas import graph_of
from graphrnn.io._choices import Choices
from graphrnn.io._listing import is_of_areas, meant
from graphrnn.io._network import network_of
from graphrnn.io._tables import (
    EDGE_COLUMNS,
    NODE_COLUMNS,
    TEXT_COLUMNS,
    Codes,
    Column,
    Tables,
    Words,
    chosen_columns,
    leaving_out,
    numbers,
    plain_name,
)

__all__ = ["Elements", "thing_of"]

_TEXTS = {
    plain_name(word)
    for known in (EDGE_COLUMNS, NODE_COLUMNS)
    for name, words in known.items()
    if name in TEXT_COLUMNS or name == "neuron"
    for word in words
}


class _Texts:
    """An attribute of texts: the rows that have it, and the code of each text."""

    def __init__(self) -> None:
        self.rows, self.codes, self.index = array("i"), array("i"), Codes()

    def add(self, row: int, text: str) -> None:
        self.rows.append(row)
        self.codes.append(self.index[text])

    def extend(self, rows: NDArray[np.int32], texts: Sequence[str]) -> None:
        self.rows.frombytes(rows.tobytes())
        self.codes.extend(map(self.index.__getitem__, texts))


class _Numbers:
    """An attribute of numbers, NaN where none stands, and the first text that is no number."""

    def __init__(self) -> None:
        self.rows, self.values = array("i"), array("d")
        self.wrong: tuple[int, str] | None = None

    def add(self, row: int, text: str) -> None:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value) and self.wrong is None and text.strip():
            self.wrong = row, text
        self.rows.append(row)
        self.values.append(value)

    def extend(self, rows: NDArray[np.int32], texts: Sequence[str]) -> None:
        try:
            values = array("d", map(float, texts))
        except ValueError:
            values = array("d", [math.nan])
        if np.isnan(values).any():
            for row, text in zip(rows.tolist(), texts, strict=True):
                self.add(row, text)
        else:
            self.rows.frombytes(rows.tobytes())
            self.values.extend(values)


class Elements:
    """The nodes and edges of a file with what each carries.

    Args:
        choices: what the user said; a column named there may be text.
    """

    def __init__(self, choices: Choices) -> None:
        self._given = set(choices.columns.values())
        self._place = Codes()  # of every name, as they come
        self._ids, self._pre, self._post = array("i"), array("i"), array("i")
        self._cells: dict[str, dict[str, _Texts | _Numbers]] = {"node": {}, "edge": {}}
        self.defaults: dict[tuple[str, str], str] = {}
        self.about: dict[str, Any] = {}

    def node(self, name: str) -> None:
        """A node."""
        self._ids.append(self._place[name])

    def edge(self, source: str, target: str) -> None:
        """An edge."""
        self._pre.append(self._place[source])
        self._post.append(self._place[target])

    def add(self, what: str, title: str, text: str) -> None:
        """An attribute of the last node or edge."""
        cells = self._cells[what]
        if title not in cells:
            is_text = title in self._given or plain_name(title) in _TEXTS
            cells[title] = _Texts() if is_text else _Numbers()
        cells[title].add(self.rows(what) - 1, text)

    def nodes(self, names: Sequence[str]) -> None:
        """Several nodes."""
        self._ids.extend(map(self._place.__getitem__, names))

    def edges(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        """Several edges."""
        ends = chain.from_iterable(zip(sources, targets, strict=True))  # names are numbered as they come
        codes = array("i", map(self._place.__getitem__, ends))
        self._pre.extend(codes[::2])
        self._post.extend(codes[1::2])

    def column(self, what: str, title: str, rows: Sequence[int], texts: Sequence[str]) -> None:
        """An attribute of several nodes or edges, which one had before."""
        self._cells[what][title].extend(np.asarray(rows, np.int32), texts)

    def rows(self, what: str) -> int:
        """The number of nodes or edges."""
        return len(self._ids if what == "node" else self._pre)

    def titles(self, what: str) -> list[str]:
        """The attributes that nodes or edges have."""
        return list(self._cells[what])

    def ends(self, call: str) -> tuple[list[str], NDArray[np.int32], NDArray[np.int32]]:
        """The names, those of listed nodes first, and the two ends of every edge."""
        names, ids = list(self._place), np.asarray(self._ids)
        first = np.full(len(names), len(ids), np.int64)
        np.minimum.at(first, ids, np.arange(len(ids)))
        repeated = np.flatnonzero(first[ids] != np.arange(len(ids)))
        if repeated.size:
            name = names[ids[repeated[0]]]
            raise ValueError(
                f"`{call}` needs each node once; the id {name!r} is listed more often. Take the others out."
            )
        order = np.argsort(first, kind="stable")
        rank = np.empty(len(names), np.int32)
        rank[order] = np.arange(len(names), dtype=np.int32)
        pre, post = (rank[np.asarray(end)] for end in (self._pre, self._post))
        return [names[i] for i in order.tolist()], pre, post

    def columns(
        self, call: str, what: str, known: tuple[dict[str, tuple[str, ...]], dict[str, str | None]]
    ) -> dict[str, Column]:
        """The columns that nodes or edges have."""
        titles = self.titles(what)
        chosen = chosen_columns(call, titles, *known)
        return {
            name: self._column(call, what, name, titles[at])
            for name, at in chosen.items()
            if name not in ("pre", "post")
        }

    def _column(self, call: str, what: str, name: str, title: str) -> Column:
        cells = self._cells[what][title]
        count = self.rows(what)
        default = self.defaults.get((what, title))
        rows = np.asarray(cells.rows)
        place = f"the column {title!r}"
        if name in TEXT_COLUMNS or name == "neuron":
            assert isinstance(cells, _Texts)
            missing = -1 if default is None else cells.index[default]
            return Words(_spread(count, rows, np.asarray(cells.codes), missing), list(cells.index))
        if isinstance(cells, _Texts):
            texts = Words(np.array(cells.codes, np.int32), list(cells.index)).texts()
            found = numbers(call, what, place, texts, way_out=leaving_out(name))
        else:
            if cells.wrong is not None:
                row, text = cells.wrong
                numbers(call, what, place, [text], row, leaving_out(name))
            found = np.asarray(cells.values)
        return _spread(
            count, rows, found, np.nan if default is None else numbers(call, what, place, [default])[0]
        )


def _spread(count: int, rows: NDArray[np.int32], found: NDArray[Any], missing: float) -> NDArray[Any]:
    """(row,) what was found, at its rows, and what is meant at all others."""
    if np.array_equal(rows, np.arange(count, dtype=np.int32)):
        return found
    values = np.full(count, missing, found.dtype)
    values[rows] = found
    return values


def thing_of(call: str, found: Elements, choices: Choices) -> Connectome | AreaGraph:
    """The network or area graph that nodes and edges make."""
    of_areas = is_of_areas(found.titles("edge"), found.about)
    names, pre, post = found.ends(call)
    nodes = found.columns(call, "node", meant(NODE_COLUMNS, choices, of_areas))
    edges = found.columns(call, "edge", meant(EDGE_COLUMNS, choices, of_areas))
    own = nodes.pop("neuron", None)
    if isinstance(own, Words) and not found.about:
        texts = own.texts()
        if all(texts) and len(set(texts)) == len(texts) and not set(texts) & set(names[len(texts) :]):
            names = [*texts, *names[len(texts) :]]
    tables = Tables(names, nodes, pre, post, edges, found.rows("node"), found.about)
    if of_areas:
        return graph_of(call, tables)
    return network_of(call, tables, duplicates=choices.duplicates, unknown=choices.unknown)
