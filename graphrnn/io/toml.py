"""Area graphs in `.toml` files; docs/toml.md describes the format."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphrnn import _checks
from graphrnn._files import replacing
from graphrnn.compiler import check_ends, check_node, projection_delay, projection_kind
from graphrnn.connectome import Connectome, Node
from graphrnn.graph import AreaGraph
from graphrnn.io._choices import Choices
from graphrnn.io._rules import known_keys, read_rule, rule_record
from graphrnn.io._text import toml_text

__all__ = ["document_of", "graph_of_document", "load", "read", "write"]

_FORMAT = 1
_ROLES = ("input", "area", "readout")  # as a file lists them
_TOP = ("format", "order", "attributes", *_ROLES, "projection")
_OF_AREA = ("level", "tau", "excitatory", "positions")
_OF_EDGE = ("rule", "kind", "delay", "self_connections")
Table = dict[str, Any]


_LONGEST = 1 << 22  # bytes; a text of four times as many takes seconds to parse


def read(call: str, path: Path, choices: Choices) -> AreaGraph:
    """Read an area graph."""
    return graph_of_document(call, load(call, path))


def load(call: str, path: Path) -> Table:
    """The tables of any TOML file."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        if (size := path.stat().st_size) > _LONGEST:
            raise ValueError(
                f"`{call}` found {size} bytes; TOML is for files of up to {_LONGEST}. Keep so large a graph "
                "in a .parquet file."
            )
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))  # Windows editors write a mark first
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"`{call}` cannot read this file: it is not UTF-8 text. Save it as UTF-8."
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = "lists or tables nest too deeply" if isinstance(error, RecursionError) else str(error)
        raise ValueError(
            f"`{call}` cannot read this file as TOML: {reason[0].lower()}{reason[1:]}. Correct it there."
        ) from error


def graph_of_document(call: str, document: Table) -> AreaGraph:
    """The area graph that tables describe, each of their values checked."""
    known_keys(call, "the file", document, _TOP)
    if document.get("format", _FORMAT) != _FORMAT:
        raise ValueError(
            f"`{call}` found format = {document['format']!r}; this graphrnn reads format {_FORMAT}. "
            "Read it with the graphrnn that wrote it, or a newer one."
        )
    graph = AreaGraph()
    graph.graph.update(_attributes(call, "the file", document, ()))
    nodes: dict[str, Table] = {}
    for role in _ROLES:
        for place, table in _tables(call, document, role):
            name, data = _node(call, place, role, table)
            if name in nodes:
                raise ValueError(f"`{call}` needs a name of its own for {place}; {name!r} occurs twice.")
            nodes[name] = data
    for name in _order(call, document, nodes):
        graph.add_node(name)
        graph.nodes[name].update(nodes[name])
    for place, table in _tables(call, document, "projection"):
        _add_projection(call, place, table, graph)
    return graph


def _tables(call: str, document: Table, key: str) -> Iterator[tuple[str, Table]]:
    """The tables under one key, each with the words that name its place in the file."""
    listed = document.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(table, dict) for table in listed):
        raise TypeError(f"`{call}` needs a list of tables for {key!r}. Write [[{key}]] before each of them.")
    for number, table in enumerate(listed, start=1):
        name, ends = table.get("name"), (table.get("pre"), table.get("post"))
        if isinstance(name, str) and name:
            yield f"{key} {name!r}", table
        elif all(isinstance(end, str) and end for end in ends):
            yield f"{key} {ends[0]!r} → {ends[1]!r}", table
        else:
            yield f"{key} number {number}", table


def _need(where: str, table: Table, keys: tuple[str, ...]) -> None:
    for key in keys:
        if key not in table:
            raise ValueError(f"`{where}` needs `{key}`.")


def _node(call: str, place: str, role: str, table: Table) -> tuple[str, Table]:
    where = f"{call}, {place}"
    of_area = _OF_AREA if role == "area" else ()
    known_keys(call, place, table, ("name", "size", *of_area, "attributes"))
    _need(where, table, ("name", "size"))
    name = _checks.text(where, "name", table["name"])
    data = {key: table[key] for key in ("size", *of_area) if key in table}
    attributes = _attributes(call, place, table, ("role", "size", *_OF_AREA))
    return name, {**check_node(call, name, {"role": role, **data}), **attributes}


def _attributes(call: str, place: str, table: Table, reserved: tuple[str, ...]) -> Table:
    """What a user adds and graphrnn does not read."""
    attributes = table.get("attributes", {})
    if not isinstance(attributes, dict):
        raise TypeError(f"`{call}` needs a table for `attributes` of {place}; it got {attributes!r}.")
    for key in attributes:
        if key in reserved:
            raise ValueError(
                f"`{call}` cannot take {key!r} from the `attributes` of {place}: the name has a meaning. "
                "Write it into the table itself, or rename it."
            )
    return attributes


def _order(call: str, document: Table, nodes: dict[str, Table]) -> list[str]:
    """The nodes in the order of the graph: as listed, or inputs, areas and readouts in turn."""
    order = document.get("order", list(nodes))
    if not isinstance(order, list) or not all(isinstance(name, str) for name in order):
        raise TypeError(f"`{call}` needs a list of names for `order`; it got {order!r}.")
    if sorted(order) != sorted(nodes):
        wrong = [name for name in nodes if name not in order] + [n for n in order if n not in nodes]
        what = f"{wrong[0]!r} is in only one of the two" if wrong else "a name is repeated"
        raise ValueError(
            f"`{call}` needs every input, area and readout once in `order`; {what}. "
            "Leave `order` out to take them as they are listed."
        )
    return order


def _add_projection(call: str, place: str, table: Table, graph: AreaGraph) -> None:
    where = f"{call}, {place}"
    known_keys(call, place, table, ("pre", "post", *_OF_EDGE, "attributes"))
    _need(where, table, ("pre", "post"))
    pre, post = (_checks.known(where, "node", table[end], graph.nodes) for end in ("pre", "post"))
    source, target = _end(graph, pre), _end(graph, post)
    check_ends(where, source, target)
    if graph.has_edge(pre, post):
        raise ValueError(f"`{call}` has {place} twice; one projection joins an ordered pair. Remove one.")
    data: Table = {"rule": read_rule(where, table.get("rule", "AllToAll"))}
    if "kind" in table:
        data["kind"] = projection_kind(where, source, target, {"kind": table["kind"]})
    if "delay" in table:
        data["delay"] = projection_delay(where, source, target, table)
    if "self_connections" in table:
        if pre != post:
            raise ValueError(
                f"`{where}` has `self_connections`, which only a projection within an area has. Leave it out."
            )
        data["self_connections"] = _checks.boolean(where, "self_connections", table["self_connections"])
    graph.add_edge(pre, post)
    graph.edges[pre, post].update(data | _attributes(call, place, table, _OF_EDGE))


def _end(graph: AreaGraph, name: str) -> Node:
    data = graph.nodes[name]
    return Node(name, data["role"], 0, data["size"], data.get("level"))


def write(call: str, graph: Any, path: Path) -> None:
    """Write an area graph."""
    if not isinstance(graph, AreaGraph):
        raise TypeError(f"`{call}` writes an AreaGraph; it got {type(graph).__name__}. {_hint(graph)}")
    document = document_of(call, graph)
    graph_of_document(call, document)  # what is written can be read
    text = toml_text(document).encode()
    if len(text) > _LONGEST:
        raise ValueError(
            f"`{call}` needs {len(text)} bytes; TOML is for files of up to {_LONGEST}. Write a .parquet file."
        )
    with replacing(call, path) as file:
        file.write(text)


def _hint(thing: Any) -> str:
    if isinstance(thing, Connectome):
        return "Write the network to a .npz file. Or write its areas, AreaGraph.from_connectome(net)."
    if hasattr(thing, "graph") and isinstance(thing.graph, AreaGraph):
        return "Write its .graph."
    return "Make one from any networkx.DiGraph with AreaGraph.from_networkx(graph)."


def document_of(call: str, graph: AreaGraph) -> Table:
    """The graph as plain values of TOML."""
    listed: dict[str, list[Table]] = {role: [] for role in _ROLES}
    for name, data in graph.nodes(data=True):
        checked = check_node(call, name, data)
        record = {"name": str(name), **checked}
        if "positions" in checked:
            positions = checked["positions"]
            record["positions"] = (positions[:, 0] if positions.shape[1] == 1 else positions).tolist()
        role = record.pop("role")
        other = _plain_attributes(call, f"{role} {name!r}", data, ("role", "size", *_OF_AREA))
        listed[role].append(record | other)
    document: Table = {"format": _FORMAT}
    names = [record["name"] for role in _ROLES for record in listed[role]]
    if names != list(graph):
        document["order"] = [str(name) for name in graph]
    document |= _plain_attributes(call, "the graph", graph.graph, ())
    document |= {role: tables for role, tables in listed.items() if tables}
    projections = [_edge(call, *edge) for edge in graph.edges(data=True)]
    return document | ({"projection": projections} if projections else {})


def _edge(call: str, pre: str, post: str, data: Table) -> Table:
    place = f"projection {pre!r} → {post!r}"
    record: Table = {"pre": str(pre), "post": str(post)}
    record["rule"] = rule_record(f"{call}, {place}", data["rule"]) if "rule" in data else "AllToAll"
    record |= {key: data[key] for key in _OF_EDGE[1:] if data.get(key) is not None}
    return record | _plain_attributes(call, place, data, _OF_EDGE)


def _plain_attributes(call: str, place: str, data: Table, reserved: tuple[str, ...]) -> Table:
    """`{"attributes": ...}` with what graphrnn does not read, or nothing where there is none."""
    other = {key: value for key, value in data.items() if key not in reserved}
    for key, value in other.items():
        if not isinstance(key, str) or not _plain(value):
            raise TypeError(
                f"`{call}` cannot write the attribute {key!r} of {place}, {value!r}; a .toml file holds "
                "text, numbers, True, False, and lists and dicts of them. Change it or remove it."
            )
    return {"attributes": other} if other else {}


def _plain(value: Any) -> bool:
    if type(value) is list:
        return all(_plain(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _plain(item) for key, item in value.items())
    return type(value) in (str, bool, int, float)
