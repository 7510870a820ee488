"""Networks and area graphs in GEXF, `.gexf`, the format of Gephi."""

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
from graphrnn.io._tables import Column, Tables
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

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">\n'
    "<meta><creator>graphrnn</creator><description>{}</description></meta>\n"
    '<graph mode="static" defaultedgetype="directed">\n'
)
_MUTUAL = ("undirected", "mutual")


def write(call: str, thing: Connectome | AreaGraph, path: Path) -> None:
    """Write nodes under their names, and edges, with all that they carry."""
    tables = tables_of(call, thing)
    names = [escaped(call, name) for name in tables.names]
    edges = dict(tables.edges)
    weight = edges.pop("weight", None)
    weights: Iterator[str | None] = (
        (None for _ in range(len(tables.pre))) if weight is None else cells_of(call, weight)
    )
    opened = {
        "node": (f'<node id="{name}" label="{name}">' for name in names),
        "edge": _edges(tables, names, weights),
    }
    with replacing(call, path) as file, progress(f"writing {path.name}", len(tables.pre), " edges") as bar:
        file.write(_HEAD.format(about_text(call, tables.about)).encode())
        for what, columns in (("node", tables.nodes), ("edge", edges)):
            file.write(f'<attributes class="{what}">\n'.encode())
            for name, column in columns.items():
                file.write(f'<attribute id="{name}" title="{name}" type="{type_of(column)}"/>\n'.encode())
            file.write(b"</attributes>\n")
        for what, columns in (("node", tables.nodes), ("edge", edges)):
            file.write(f"<{what}s>\n".encode())
            lines = _elements(call, what, opened[what], columns)
            write_lines(file, lines, bar.update if what == "edge" else bool)
            file.write(f"</{what}s>\n".encode())
        file.write(b"</graph>\n</gexf>\n")


def _edges(tables: Tables, names: list[str], weights: Iterator[str | None]) -> Iterator[str]:
    ends = zip(tables.pre.tolist(), tables.post.tolist(), weights, strict=True)
    for number, (pre, post, weight) in enumerate(ends):
        own = "" if weight is None else f' weight="{weight}"'
        yield f'<edge id="{number}" source="{names[pre]}" target="{names[post]}"{own}>'


def _elements(call: str, what: str, opened: Iterator[str], columns: Mapping[str, Column]) -> Iterator[str]:
    cells = [cells_of(call, column) for column in columns.values()]
    for start, *row in zip(opened, *cells, strict=True):
        data = zip(columns, row, strict=True)
        inside = "".join(
            f'<attvalue for="{name}" value="{cell}"/>' for name, cell in data if cell is not None
        )
        yield f"{start}<attvalues>{inside}</attvalues></{what}>\n"


def read(call: str, path: Path, choices: Choices) -> Connectome | AreaGraph:
    """Read a directed graph; names are the labels where they are all there and differ, or else the ids."""
    reader = _Reader(call, choices)
    parse(call, path, reader)
    if not reader.seen:
        raise ValueError(f"`{call}` found no graph in this file. Take another copy.")
    if reader.weighted and not reader.found.about:  # a file of others may leave 1 out, as Gephi does
        reader.found.defaults.setdefault(("edge", "weight"), "1.0")
    return thing_of(call, reader.found, choices)


class _Reader:
    """Collects nodes and edges as they come."""

    constant = frozenset({"for", "type"})
    inner = frozenset({"attvalues", "attvalue", "color", "position", "shape", "size", "thickness"})

    def __init__(self, call: str, choices: Choices) -> None:
        self.call = call
        self.found = Elements(choices)
        self.seen = self.weighted = False
        self._titles: dict[tuple[str, str], str] = {}  # class, id → title
        self._class = "node"
        self._title = ""
        self._directed = False
        self._open: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "attvalue":
            key = attributes.get("for", attributes.get("id", ""))
            if self._open and "value" in attributes:
                what = self._open[-1]
                if title := self._titles.get((what, key), key):
                    self.found.add(what, title, attributes["value"])
        elif tag == "edge":
            self._open.append(tag)
            self._edge(attributes)
        elif tag == "node":
            self._open.append(tag)
            self.found.node(needed(tag, attributes, "id"))
            if "label" in attributes:
                self.found.add(tag, "label", attributes["label"])
        elif tag == "graph":
            if self.seen:
                raise RefusedError("it has several graphs. Save one graph per file")
            self.seen = True
            self._directed = attributes.get("defaultedgetype") == "directed"
        elif tag == "attributes":
            self._class = attributes.get("class", "node")
        elif tag == "attribute":
            self._title = attributes.get("title", attributes.get("id", ""))
            self._titles[self._class, attributes.get("id", "")] = self._title

    def _edge(self, attributes: Mapping[str, str]) -> None:
        kind = attributes.get("type", "directed" if self._directed else "undirected")
        check_directed(kind not in _MUTUAL)
        self.found.edge(needed("edge", attributes, "source"), needed("edge", attributes, "target"))
        if kind != "directed":  # networkx puts an attribute named `type` there
            self.found.add("edge", "type", kind)
        if "weight" in attributes:
            self.found.add("edge", "weight", attributes["weight"])
            self.weighted = True

    def end(self, tag: str, text: str) -> None:
        if tag in ("node", "edge"):
            self._open.pop()
        elif tag == "default":
            self.found.defaults[self._class, self._title] = text
        elif tag == "description":
            self.found.about = parsed(self.call, text)
