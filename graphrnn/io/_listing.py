"""Lists of edges with tables of nodes, whatever kind of file holds the tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn._files import replacing
from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph
from graphrnn.io._areas import AREAS, graph_of, graph_tables
from graphrnn.io._choices import Choices
from graphrnn.io._gzip import ending
from graphrnn.io._network import network_of
from graphrnn.io._network_tables import network_tables
from graphrnn.io._parquet_table import ParquetTable
from graphrnn.io._tables import (
    EDGE_COLUMNS,
    NODE_COLUMNS,
    Codes,
    Column,
    Tables,
    Words,
    chosen_columns,
    numeric,
)
from graphrnn.io._text_table import TextTable
from graphrnn.io._unlisted import UNKNOWN, Unlisted

__all__ = ["beside", "is_of_areas", "meant", "read_edges", "read_nodes", "tables_of", "write_both"]

_LOST_DIGITS = re.compile(r"\d(\.\d+)?[eE]\+\d\d")  # 7.20575940610453e+17
_OF_AREA_GRAPHS = ("size", "excitatory", "positions", "rule", "self_connections", "attributes")
_COUNTED = "edges_in"
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
Table = TextTable | ParquetTable
WriteTable = Callable[[str, BinaryIO, Mapping[str, Column], Path, Mapping[str, Any]], None]


def tables_of(call: str, thing: Connectome | AreaGraph) -> Tables:
    """A network or an area graph as two tables."""
    return graph_tables(call, thing) if isinstance(thing, AreaGraph) else network_tables(call, thing)


def write_both(
    call: str, thing: Connectome | AreaGraph, path: Path, write_table: WriteTable, counted: bool = False
) -> None:
    """Write the edges, and beside them the nodes: `net.nodes.csv` beside `net.csv`.

    Args:
        call: the user's call, for messages.
        thing: what to write.
        path: the file of the edges.
        write_table: writes one table.
        counted: whether the nodes say how many edges end in each, for formats in which a file that was cut
            between two rows looks whole.
    """
    tables = tables_of(call, thing)
    if "" in tables.names:
        raise ValueError(
            f"`{call}` needs a name for every neuron; one is empty. Name it, or write a .npz file."
        )
    own = Words(np.arange(len(tables.names), dtype=np.int32), tables.names)
    nodes: dict[str, Column] = {"name" if isinstance(thing, AreaGraph) else "neuron": own}
    ends: dict[str, Column] = {
        "pre": Words(tables.pre, tables.names),
        "post": Words(tables.post, tables.names),
    }
    nodes |= tables.nodes
    if counted:
        nodes[_COUNTED] = np.bincount(tables.post, minlength=len(tables.names))
    with replacing(call, path) as edges_file, replacing(call, beside(path)) as nodes_file:
        write_table(call, nodes_file, nodes, path, tables.about)
        write_table(call, edges_file, ends | dict(tables.edges), path, tables.about)


def beside(path: Path) -> Path:
    """Where the nodes of a table of edges lie: `net.nodes.csv` for `net.csv`."""
    last = path.name[len(path.name) - len(ending(path)) :]
    return path.with_name(f"{path.name.removesuffix(last)}.nodes{last}")


def read_edges(call: str, path: Path, choices: Choices) -> Connectome | AreaGraph:
    """Read edges, with the table of nodes that is given or lies beside."""
    nodes_path = choices.nodes or (beside(path) if beside(path).is_file() else None)
    elsewhere = [word for word in choices.columns if word not in EDGE_COLUMNS]
    if elsewhere and nodes_path is None:
        raise ValueError(
            f"`{call}` knows {elsewhere[0]!r} only as a column of a table of nodes, and there is none. "
            "Give its file "
            "as `nodes`."
        )
    with _table(call, path) as table:
        of_graph = is_of_areas(table.header, table.about)
        columns = chosen_columns(call, table.header, *meant(EDGE_COLUMNS, choices, of_graph))
        _need(call, "edges", table.header, columns, ("pre", "post"), path)
        if isinstance(table, ParquetTable):  # where looking up names takes as long as reading
            table.check("edge", columns, ("pre", "post"))
        names = Codes()
        nodes: dict[str, Column] = {}
        if nodes_path is not None:
            names, nodes = read_nodes(call, nodes_path, choices, of_graph)
        count = None if nodes_path is None else len(names)
        if isinstance(table, TextTable):
            unknown = _checks.one_of(call, "unknown", choices.unknown or "error", UNKNOWN)
            ends = Unlisted(call, names, unknown == "drop") if count and not of_graph else None
            table.check("edge", columns, ("pre", "post"), ends)
        choices.note(table.header, columns)
        codes, edges = table.read("edge", columns, {"pre": names, "post": names})
        about = table.about
    if nodes_path == beside(path):
        _check_counted(call, (path, nodes_path), len(codes["pre"]), nodes.get(_COUNTED))
    if not about and "type" not in choices.columns:
        edges = _without_directions(call, path, edges)
    if count is None:
        _check_spelled_once(call, path, names)
    if count is None and names and all(name.isdecimal() for name in names):
        codes, names = _ascending(codes, names)
    tables = Tables(list(names), nodes, codes["pre"], codes["post"], edges, count, about)
    if of_graph:
        return graph_of(call, tables)
    return network_of(call, tables, duplicates=choices.duplicates, unknown=choices.unknown)


def _check_counted(call: str, paths: tuple[Path, Path], edges: int, counted: Column | None) -> None:
    """Refuse fewer edges than the table of nodes counts, as in a file that was cut between two rows."""
    if counted is None:
        return
    total = float(np.nansum(numeric(call, "nodes", _COUNTED, counted)))
    if edges < total:
        cut, counts = (path.name for path in paths)
        raise ValueError(
            f"`{call}` found {edges} edges in {cut!r}, where {counts!r} counts {total:.0f} in its column "
            f"{_COUNTED!r}. The file was cut: take another copy; or you took edges out: read "
            f"without the column by columns={{{_COUNTED!r}: None}}."
        )


def _without_directions(call: str, path: Path, edges: dict[str, Column]) -> dict[str, Column]:
    """Edges without a column `type` that says, as Gephi writes it, only that they are directed."""
    types = edges.get("type")
    words = {word.lower() for word in types.words} if isinstance(types, Words) else set()
    if not words or not words <= {"directed", "undirected"}:
        return edges
    if "undirected" in words:
        raise ValueError(
            f"`{call}` found edges of the type 'Undirected' in {path.name!r}, which have no direction. List "
            "each in both directions and leave the column out with columns={'type': None}."
        )
    return {name: column for name, column in edges.items() if name != "type"}


def read_nodes(
    call: str, path: Path, choices: Choices, of_graph: bool = False
) -> tuple[Codes, dict[str, Column]]:
    """The names of the listed nodes with their numbers, and the columns of their table."""
    if not path.is_file():
        raise ValueError(
            f"`{call}` found no table of nodes {str(path)!r}. Give the path of a file as `nodes`."
        )
    with _table(call, path) as table:
        columns = chosen_columns(call, table.header, *meant(NODE_COLUMNS, choices, of_graph))
        _need(call, "nodes", table.header, columns, ("neuron",), path)
        choices.note(table.header, columns)
        names = Codes()
        table.check("node", columns, ("neuron",))
        codes, nodes = table.read("node", columns, {"neuron": names})
    _check_once(call, codes["neuron"], names)
    return names, nodes


def _table(call: str, path: Path) -> Table:
    return ParquetTable(call, path) if path.suffix.lower() == ".parquet" else TextTable(call, path)


def is_of_areas(header: Iterable[str], about: Mapping[str, Any]) -> bool:
    """Whether edges are projections between areas: they have rules, or densities."""
    if about:
        return about.get("format") == AREAS
    return bool({"rule", "density"} & {name.strip().lower() for name in header})


def meant(
    columns: Mapping[str, tuple[str, ...]], choices: Choices, of_graph: bool
) -> tuple[dict[str, tuple[str, ...]], dict[str, str | None]]:
    """The columns that mean something in this table, and what was said about them."""
    known = {name: words for name, words in columns.items() if of_graph or name not in _OF_AREA_GRAPHS}
    return known, {word: name for word, name in choices.columns.items() if word in known}


def _need(
    call: str,
    what: str,
    header: Sequence[str],
    columns: Mapping[str, int],
    needed: Sequence[str],
    path: Path,
) -> None:
    missing = [name for name in needed if name not in columns]
    if missing:
        shown = ", ".join(repr(name[:40]) for name in header[:12])
        say = ", ".join(f"{name!r}: ..." for name in missing)
        raise ValueError(
            f"`{call}` needs a column for {' and '.join(missing)} in its table of {what}; it has {shown}. "
            f"Say which with columns={{{say}}}, or put a row of names at the top where there is none"
            f"{_of_a_matrix(header, path) if missing == ['pre', 'post'] else '.'}"
        )


def _of_a_matrix(header: Sequence[str], path: Path) -> str:
    """What else to do where the file may hold a matrix, for messages."""
    if all(_NUMBER.fullmatch(word) for cell in header for word in cell.split()):
        separated = ", delimiter=','" if len(header) > 1 else ""
        return (
            "; a matrix without names has to be a .npy file. Make one by "
            f"numpy.save('{path.stem}.npy', numpy.loadtxt({path.name!r}{separated}))."
        )
    return "; in a matrix with names before its rows and above its columns, empty the first cell."


def _check_spelled_once(call: str, path: Path, names: Codes) -> None:
    """Refuse neurons that would fall apart: 5.0 beside 5, "a " beside "a", or ids that lost their digits."""
    for name in names:
        if _LOST_DIGITS.fullmatch(name):
            raise ValueError(
                f"`{call}` found the id {name!r} in {path.name!r}, which a program has "
                "rounded, so that neurons cannot be told apart. Save the ids as text or as whole numbers."
            )
        other = name.strip().removesuffix(".0")
        if other != name and other in names:
            raise ValueError(
                f"`{call}` found {other!r} and {name!r} in {path.name!r}, which look like one neuron. "
                "Write it in one way, or list both in a table of nodes."
            )


def _ascending(
    codes: dict[str, NDArray[np.int32]], names: Codes
) -> tuple[dict[str, NDArray[np.int32]], Codes]:
    """Neurons whose names are numbers stand in the order of the numbers."""
    ordered = sorted(names, key=lambda name: (len(name.lstrip("0")), name.lstrip("0"), name))
    place = np.zeros(len(names), np.int32)
    place[[names[name] for name in ordered]] = np.arange(len(names), dtype=np.int32)
    return {end: place[code] for end, code in codes.items()}, Codes(
        (name, i) for i, name in enumerate(ordered)
    )


def _check_once(call: str, codes: NDArray[np.int32], names: Codes) -> None:
    if len(names) < len(codes):
        repeated = int(np.argmax(np.bincount(codes) > 1))
        raise ValueError(
            f"`{call}` needs each node once; {list(names)[repeated]!r} is listed more often "
            f"({len(codes) - len(names)} repeated in all). Take the repeated rows out of the table of nodes."
        )
