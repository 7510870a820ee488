"""Graphs in XML: safe parsing, text that XML can hold, and columns from what nodes and edges carry."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from xml.etree import ElementTree

import numpy as np

from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph
from graphrnn.io._areas import graph_of
from graphrnn.io._choices import Choices
from graphrnn.io._listing import is_of_areas, meant
from graphrnn.io._network import network_of
from graphrnn.io._progress import progress
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
)

__all__ = ["Elements", "RefusedError", "cells_of", "escaped", "parse", "thing_of"]

_LARGE = 1 << 21  # bytes
_BLOCK = 1 << 20
_DEEPEST = 50  # elements within each other; a graph needs eight
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


class RefusedError(Exception):
    """What is wrong with a file, and the way out, without the call."""


class _Handler(Protocol):
    """What looks at the elements of a file as they come; names are without their namespace."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None: ...

    def end(self, tag: str, text: str) -> None: ...


class _Target:
    """Passes elements on, and refuses what can be used to attack a reader."""

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler
        self._text: list[str] = []
        self._depth = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise RefusedError(
                f"its elements nest deeper than {_DEEPEST}. A graph needs eight; take another copy"
            )
        self._text.clear()
        self._handler.start(tag.rpartition("}")[2], attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._handler.end(tag.rpartition("}")[2], "".join(self._text))
        self._text.clear()

    def data(self, text: str) -> None:
        self._text.append(text)

    def doctype(self, *_: object) -> None:
        raise RefusedError("it has a document type, which can fill the memory. Remove the <!DOCTYPE> line")

    def close(self) -> None:
        pass


def parse(call: str, path: Path, handler: _Handler) -> None:
    """Send the elements of a file through a handler."""
    parser = ElementTree.XMLParser(target=_Target(handler))
    try:
        _check_end(call, path)
        with open(path, "rb") as file, progress(f"reading {path.name}", path.stat().st_size, "B") as bar:
            while block := file.read(_BLOCK):
                parser.feed(block)
                bar.update(len(block))
        parser.close()
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except RefusedError as error:
        raise ValueError(f"`{call}` cannot read this file: {error}.") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last for unknown encodings
        if str(error).startswith(f"`{call}"):
            raise
        raise ValueError(
            f"`{call}` cannot read this file as XML: {error}. It is truncated or damaged; take another copy."
        ) from error


def _check_end(call: str, path: Path) -> None:
    """A large file that was cut is refused before all of it is read."""
    root = path.suffix[1:].lower()
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) < _LARGE:
            return
        file.seek(-_BLOCK, os.SEEK_END)
        end = file.read().replace(b"\0", b"")  # of UTF-16
    if root.encode() not in end:
        raise ValueError(
            f"`{call}` cannot read this file as XML: its end does not close the element {root!r}. It is "
            "truncated or damaged; take another copy."
        )


def escaped(call: str, text: str) -> str:
    """Text as it stands in an attribute or an element."""
    if (found := _FORBIDDEN.search(text)) is not None:
        raise ValueError(
            f"`{call}` cannot write the character {found[0]!r} of {text[:40]!r} into XML. Rename it, or "
            "write a "
            ".npz or .parquet file."
        )
    return "".join(_MARKS.get(letter, letter) for letter in text) if _SPECIAL.search(text) else text


_SPECIAL = re.compile('[&<>"\r\n\t]')


def cells_of(call: str, column: Column) -> Iterator[str | None]:
    """The escaped text of every row, None where there is none."""
    if isinstance(column, Words):
        words = [*(escaped(call, word) for word in column.words), None]
        return (words[code] for code in column.codes.tolist())
    if column.dtype.kind == "f":
        return (None if text == "nan" else text for text in map(repr, column.astype(float).tolist()))
    return (str(number) for number in column.tolist())


@dataclass
class Elements:
    """The nodes and edges of a file, with what each carries: attribute → (rows, texts)."""

    ids: list[str] = field(default_factory=list)
    nodes: dict[str, tuple[list[int], list[str]]] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    edges: dict[str, tuple[list[int], list[str]]] = field(default_factory=dict)
    defaults: dict[tuple[str, str], str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def add(self, what: str, name: str, text: str) -> None:
        """An attribute of the last node or edge."""
        rows, texts = (self.nodes if what == "node" else self.edges).setdefault(name, ([], []))
        rows.append(len(self.ids if what == "node" else self.sources) - 1)
        texts.append(text)


def thing_of(call: str, found: Elements, choices: Choices) -> Connectome | AreaGraph:
    """The network or area graph that nodes and edges make."""
    of_areas = is_of_areas(found.edges, found.about)
    place = Codes()
    for name in found.ids:
        place[name]
    if len(place) < len(found.ids):
        repeated = next(name for i, name in enumerate(found.ids) if place[name] != i)
        raise ValueError(f"`{call}` needs each node once; the id {repeated!r} is listed more often.")
    ends = {}
    for end, texts in (("source", found.sources), ("target", found.targets)):
        ends[end] = np.fromiter(map(place.__getitem__, texts), np.int32, len(texts))
    nodes = _columns(call, "node", found, found.nodes, meant(NODE_COLUMNS, choices, of_areas))
    edges = _columns(call, "edge", found, found.edges, meant(EDGE_COLUMNS, choices, of_areas))
    own = nodes.pop("neuron", None)
    names = list(place)
    if isinstance(own, Words) and not found.about:
        texts = own.texts()
        if all(texts) and len(set(texts)) == len(texts) and not set(texts) & set(names[len(texts) :]):
            names = [*texts, *names[len(texts) :]]
    tables = Tables(names, nodes, ends["source"], ends["target"], edges, len(found.ids), found.about)
    if of_areas:
        return graph_of(call, tables)
    return network_of(call, tables, duplicates=choices.duplicates, unknown=choices.unknown)


def _columns(
    call: str,
    what: str,
    found: Elements,
    given: Mapping[str, tuple[list[int], list[str]]],
    known: tuple[dict[str, tuple[str, ...]], dict[str, str | None]],
) -> dict[str, Column]:
    count = len(found.ids if what == "node" else found.sources)
    header = list(given)
    chosen = chosen_columns(call, header, *known)
    return {
        name: _column(call, what, (name, header[at]), count, given[header[at]], found.defaults)
        for name, at in chosen.items()
        if name not in ("pre", "post")
    }


def _column(
    call: str,
    what: str,
    names: tuple[str, str],
    count: int,
    cells: tuple[list[int], list[str]],
    defaults: Mapping[tuple[str, str], str],
) -> Column:
    name, title = names
    rows = np.array(cells[0], np.int64)
    default = defaults.get((what, title))
    if name in TEXT_COLUMNS or name == "neuron":
        index = Codes()
        codes = np.full(count, -1 if default is None else index[default], np.int32)
        codes[rows] = np.fromiter(map(index.__getitem__, cells[1]), np.int32, len(cells[1]))
        return Words(codes, list(index))
    place = f"the column {title!r}"
    values = np.full(count, np.nan if default is None else numbers(call, what, place, [default])[0])
    values[rows] = numbers(call, what, place, cells[1], way_out=leaving_out(name))
    return values
