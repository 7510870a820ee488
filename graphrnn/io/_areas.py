"""An area graph as tables of nodes and edges, and back: by way of its TOML document, which is checked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from graphrnn.graph import AreaGraph
from graphrnn.io._tables import Codes, Column, Tables, Words
from graphrnn.io.toml import document_of, graph_of_document

__all__ = ["AREAS", "graph_of", "graph_tables"]

AREAS = "graphrnn area graph"
_ROLES = ("input", "area", "readout")
_NUMBERS = ("size", "level", "tau", "excitatory")
_TEXTS = ("positions", "attributes")


def graph_tables(call: str, graph: AreaGraph) -> Tables:
    """The nodes and projections, rules and attributes as text."""
    document = document_of(call, graph)
    listed: dict[str, Any] = {
        node["name"]: {"role": role, **node} for role in _ROLES for node in document.get(role, ())
    }
    nodes = [listed[name] for name in graph]
    projections = document.get("projection", [])
    names = Codes()
    for node in nodes:
        names[node["name"]]
    columns: dict[str, Column] = {"role": Words.of([node["role"] for node in nodes])}
    for name in _NUMBERS:
        if name == "size" or any(name in node for node in nodes):
            columns[name] = np.array([node.get(name, np.nan) for node in nodes])
    for name in _TEXTS:
        if any(name in node for node in nodes):
            columns[name] = Words.of([_text(node.get(name)) for node in nodes])
    edges: dict[str, Column] = {"rule": Words.of([_rule_text(edge["rule"]) for edge in projections])}
    if any("delay" in edge for edge in projections):
        edges["delay"] = np.array([edge.get("delay", np.nan) for edge in projections])
    for name in ("kind", "self_connections", "attributes"):
        if any(name in edge for edge in projections):
            edges[name] = Words.of([_text(edge.get(name)) for edge in projections])
    return Tables(
        list(names),
        columns,
        np.array([names[edge["pre"]] for edge in projections], np.int32),
        np.array([names[edge["post"]] for edge in projections], np.int32),
        edges,
        len(names),
        {"format": AREAS, "version": 1, "attributes": document.get("attributes", {})},
    )


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _rule_text(rule: Any) -> str:
    """`0.1`, `AllToAll`, or a table in JSON."""
    return rule if isinstance(rule, str) else json.dumps(rule)


def graph_of(call: str, tables: Tables) -> AreaGraph:
    """The area graph of two tables."""
    if tables.listed is None:
        raise ValueError(
            f"`{call}` needs a table of nodes with the size of every area, and there is none. Lay it beside "
            "the edges, as net.nodes.csv lies beside net.csv, or give its file as `nodes`."
        )
    if tables.listed < len(tables.names):
        unknown = tables.names[tables.listed]
        raise ValueError(
            f"`{call}` found no node named {unknown!r}, which an edge names. Add it to the table of nodes."
        )
    names, roles = list(tables.names), _column(tables.nodes.get("role"), len(tables.names))
    document: dict[str, Any] = {"order": names, **{role: [] for role in _ROLES}}
    for name, role, row in zip(names, roles, _rows(call, tables.nodes, len(names)), strict=True):
        if role not in (None, *_ROLES):
            raise ValueError(
                f"`{call}` needs input, area or readout as the role of {name!r}; it has {role!r}."
            )
        document[role or "area"].append({"name": name} | row)
    projections = []
    for pre, post, row in zip(
        tables.pre.tolist(), tables.post.tolist(), _rows(call, tables.edges, len(tables.pre)), strict=True
    ):
        kept: dict[str, Any] = {
            key: row[key] for key in ("rule", "kind", "delay", "self_connections", "attributes") if key in row
        }
        projections.append({"pre": names[pre], "post": names[post], **kept})
    document["projection"] = projections
    if attributes := tables.about.get("attributes"):
        document["attributes"] = attributes
    graph = graph_of_document(call, document)
    if not tables.about:
        graph.graph["provenance"] = []  # where `io.read` names a file of others
    return graph


def _column(column: Column | None, count: int) -> list[Any]:
    """The cells as plain values, None where there is none."""
    if column is None:
        return [None] * count
    if isinstance(column, Words):
        table = [*column.words, None]
        return [table[code] for code in column.codes.tolist()]
    return [None if isinstance(value, float) and math.isnan(value) else value for value in column.tolist()]


def _rows(call: str, columns: Mapping[str, Column], count: int) -> Iterator[dict[str, Any]]:
    """The attributes of each node or edge; what is not set is absent."""
    kept = (*_NUMBERS, *_TEXTS, "rule", "kind", "delay", "self_connections")
    cells = {name: _column(column, count) for name, column in columns.items() if name in kept}
    for row in range(count):
        found = {name: column[row] for name, column in cells.items() if column[row] is not None}
        yield {name: _value(call, name, value) for name, value in found.items()}


def _value(call: str, name: str, value: Any) -> Any:
    if name == "size" and isinstance(value, float) and value.is_integer():
        return int(value)
    if name in (*_TEXTS, "self_connections") and isinstance(value, str):
        return _parsed(call, name, value.lower() if name == "self_connections" else value)
    if name == "rule" and isinstance(value, str):
        return _parsed(call, name, value) if value[:1] in "{[-.0123456789" else value
    return value


def _parsed(call: str, name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"`{call}` cannot read the {name} {text[:40]!r} as JSON. Write it as docs/formats.md shows."
        ) from error
