"""Networks and area graphs in GraphML, `.graphml`, as Cytoscape, Gephi, igraph and networkx read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from graphrnn._files import replacing
from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph
from graphrnn.io._about import parsed
from graphrnn.io._choices import Choices
from graphrnn.io._elements import Elements, thing_of
from graphrnn.io._listing import tables_of
from graphrnn.io._progress import progress
from graphrnn.io._tables import Column
from graphrnn.io._xml import (
    RefusedError,
    about_text,
    cells_of,
    check_directed,
    escaped,
    needed,
    parse,
    type_of,
    write_lines,
)

__all__ = ["read", "write"]

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
_ABOUT = "graphrnn"  # the attribute of the graph that holds what neither nodes nor edges can


def write(call: str, thing: Connectome | AreaGraph, path: Path) -> None:
    """Write nodes under their names, and edges, with all that they carry."""
    tables = tables_of(call, thing)
    names = [escaped(call, name) for name in tables.names]
    ends = zip(tables.pre.tolist(), tables.post.tolist(), strict=True)
    opened = {
        "node": (f'<node id="{name}">' for name in names),
        "edge": (f'<edge source="{names[pre]}" target="{names[post]}">' for pre, post in ends),
    }
    with replacing(call, path) as file, progress(f"writing {path.name}", len(tables.pre), " edges") as bar:
        file.write(_HEAD.encode())
        file.write(f'<key id="{_ABOUT}" for="graph" attr.name="{_ABOUT}" attr.type="string"/>\n'.encode())
        for what, columns in (("node", tables.nodes), ("edge", tables.edges)):
            for number, (name, column) in enumerate(columns.items()):
                key = f'id="{what[0]}{number}" for="{what}" attr.name="{name}" attr.type="{type_of(column)}"'
                file.write(f"<key {key}/>\n".encode())
        file.write(b'<graph edgedefault="directed">\n')
        file.write(f'<data key="{_ABOUT}">{about_text(call, tables.about)}</data>\n'.encode())
        for what, columns in (("node", tables.nodes), ("edge", tables.edges)):
            lines = _elements(call, what, opened[what], columns)
            write_lines(file, lines, bar.update if what == "edge" else bool)
        file.write(b"</graph>\n</graphml>\n")


def _elements(call: str, what: str, opened: Iterator[str], columns: Mapping[str, Column]) -> Iterator[str]:
    keys = [f'<data key="{what[0]}{number}">' for number in range(len(columns))]
    cells = [cells_of(call, column) for column in columns.values()]
    for start, *row in zip(opened, *cells, strict=True):
        data = zip(keys, row, strict=True)
        inside = "".join(f"{key}{cell}</data>" for key, cell in data if cell is not None)
        yield f"{start}{inside}</{what}>\n"


def read(call: str, path: Path, choices: Choices) -> Connectome | AreaGraph:
    """Read a directed graph; names are those of the attribute `name` or `label`, or else the ids."""
    reader = _Reader(call, choices)
    parse(call, path, reader)
    if not reader.seen:
        raise ValueError(f"`{call}` found no graph in this file. Take another copy.")
    return thing_of(call, reader.found, choices)


class _Reader:
    """Collects nodes and edges as they come."""

    constant = frozenset({"key", "directed"})
    inner = frozenset({"data"})

    def __init__(self, call: str, choices: Choices) -> None:
        self.call = call
        self.found = Elements(choices)
        self.seen = False
        self._keys: dict[str, tuple[str, str]] = {}  # id → for, name
        self._declared = self._key = ""  # of the last <key> and <data>
        self._place = "graph"

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "data":
            self._key = attributes.get("key", "")
        elif tag == "edge":
            check_directed(attributes.get("directed", "true") == "true")
            self.found.edge(needed(tag, attributes, "source"), needed(tag, attributes, "target"))
            self._place = "edge"
        elif tag == "node":
            self.found.node(needed(tag, attributes, "id"))
            self._place = "node"
        elif tag == "key":
            self._declared = attributes.get("id", "")
            name = attributes.get("attr.name", self._declared)
            self._keys[self._declared] = (attributes.get("for", "all"), name)
        elif tag == "graph":
            if self.seen:
                raise RefusedError("it has several graphs, or a graph within a node. Save one graph per file")
            self.seen = True
            check_directed(attributes.get("edgedefault") == "directed")
        elif tag == "hyperedge":
            raise RefusedError("it has a hyperedge, which joins more than two nodes. Replace it by edges")

    def end(self, tag: str, text: str) -> None:
        if tag in ("node", "edge"):
            self._place = "graph"
        elif tag == "default":
            owner, name = self._keys.get(self._declared, ("all", self._declared))
            for what in ("node", "edge") if owner == "all" else (owner,):
                self.found.defaults[what, name] = text
        elif tag == "data":
            _, name = self._keys.get(self._key, ("all", self._key))
            if self._place != "graph":
                self.found.add(self._place, name, text)
            elif name == _ABOUT:
                self.found.about = parsed(self.call, text)
