"""Files: networks and area graphs in many formats. The extension says which."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphrnn import _checks
from graphrnn.connectome import Connectome, Provenance
from graphrnn.graph import AreaGraph
from graphrnn.io._choices import Choices
from graphrnn.io._gzip import ending
from graphrnn.io._listing import beside
from graphrnn.io._tables import EDGE_COLUMNS, NODE_COLUMNS
from graphrnn.io.pyg import from_pyg, to_pyg

__all__ = ["from_pyg", "read", "to_pyg", "write"]

_TABLE = ("nodes", "columns", "duplicates", "unknown")
_MATRIX = ("nodes", "columns", "orientation", "duplicates", "unknown")
_GRAPH = ("columns", "duplicates", "unknown")

_DEFAULTS = {"orientation": "post_pre", "duplicates": "sum", "unknown": "error"}

# extension → the module that reads and writes it, and what its reader can be told
_FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    ".npz": ("npz", _MATRIX),
    ".toml": ("toml", ()),
    ".csv": ("delimited", (*_TABLE, "orientation")),
    ".tsv": ("delimited", (*_TABLE, "orientation")),
    ".csv.gz": ("delimited", (*_TABLE, "orientation")),
    ".tsv.gz": ("delimited", (*_TABLE, "orientation")),
    ".parquet": ("parquet", _TABLE),
    ".graphml": ("graphml", _GRAPH),
    ".gexf": ("gexf", _GRAPH),
    ".h5": ("sonata", _TABLE),
    ".npy": ("npy", _MATRIX),
    ".mtx": ("mtx", _MATRIX),
    ".mat": ("mat", (*_MATRIX, "matrix")),
}


def read(
    path: str | os.PathLike[str],
    *,
    nodes: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str | None] | None = None,
    matrix: str | None = None,
    orientation: str | None = None,
    duplicates: str | None = None,
    unknown: str | None = None,
) -> Connectome | AreaGraph:
    r"""A network or an area graph from a file; docs/formats.md lists the formats.

    Args:
        path: the file; its extension says what it holds.
        nodes: the file of the table of nodes, for edges (default: the one beside them) and for matrices.
        columns: which column of the file is which, such as `{"pre": "from", "area": "region"}`; None in
            place of a name leaves a column out. The others are recognised by their names.
        matrix: the variable to take from a `.mat` file.
        orientation: of a matrix from elsewhere, "post_pre" (the default) or "pre_post".
        duplicates: parallel edges become one, whose weight is their "sum" (the default), "mean", "max", "min"
            or "count" (how many there are, for files with a row per synapse); "error" refuses them.
        unknown: "error" (the default) refuses an edge whose end is not in the table of nodes, "drop" leaves
            it out and counts it in `report["dropped"]`.

    Raises:
        ValueError: for another extension, a missing, truncated, damaged or foreign file, a file that would
            fill the memory. Nothing in a file is executed.
        TypeError: for an argument that this kind of file does not know.

    Example:
        >>> from pathlib import Path
        >>> import graphrnn as gr
        >>> _ = Path("synapses.csv").write_text("from,to,count\n720575940,81,3\n81,9,1\n")
        >>> net = gr.io.read("synapses.csv")
        >>> net.names.tolist(), net.hidden.weight.tolist()
        (['9', '81', '720575940'], [1.0, 3.0])
    """
    given = {
        "nodes": nodes,
        "columns": columns,
        "matrix": matrix,
        "orientation": orientation,
        "duplicates": duplicates,
        "unknown": unknown,
    }
    given = {name: value for name, value in given.items() if value is not None}
    call = (
        f"io.read({', '.join([repr(_path(path)), *(f'{name}={value!r}' for name, value in given.items())])})"
    )
    module, known = _format(call, path)
    for name in given:
        if name not in known:
            words = f"only {', '.join(f'`{one}`' for one in known)}" if known else "nothing but the path"
            raise TypeError(f"`{call}` takes {words} for a {ending(Path(path))} file; it got `{name}`.")
    choices = Choices(
        None if nodes is None else Path(nodes),
        _columns(call, columns),
        *(
            _text_or_none(call, name, given.get(name))
            for name in ("matrix", "orientation", "duplicates", "unknown")
        ),
    )
    thing: Connectome | AreaGraph = module.read(call, _existing(call, path), choices)
    files = [Path(path), *([choices.nodes or beside(Path(path))] if choices.nodes or choices.taken else [])]
    files = [file for file in files if file.is_file()]
    if isinstance(thing, AreaGraph):
        if thing.graph.get("provenance") == []:
            step = Provenance().then("io.read", choices=_chosen(given, known, choices), files=files)
            thing.graph["provenance"] = list(step.records)
        return thing
    if thing.provenance.records:
        return thing
    chosen = _chosen(given, known, choices)
    return thing.with_step("io.read", choices=chosen, files=files, report=thing.report)


def _chosen(given: Mapping[str, Any], known: Sequence[str], choices: Choices) -> dict[str, Any]:
    """What was chosen, for the record: arguments with their defaults, and the columns recognised."""
    matrix = "pre" not in choices.taken
    defaults = {n: word for n, word in _DEFAULTS.items() if n in known and (matrix or n != "orientation")}
    found = {"columns": choices.taken, "columns left out": choices.left_out}
    return {**defaults, **given, **{name: value for name, value in found.items() if value}}


def _path(path: Any) -> Any:
    return str(path) if isinstance(path, os.PathLike) else path


def _text_or_none(call: str, name: str, value: Any) -> str | None:
    return None if value is None else _checks.text(call, name, value)


def _columns(call: str, columns: Any) -> dict[str, str | None]:
    known = dict.fromkeys((*EDGE_COLUMNS, *NODE_COLUMNS))
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise TypeError(f"`{call}` needs a dictionary for `columns`, from our name to that of the file.")
    for name in columns:
        _checks.known(call, "column", name, known)
    return {
        name: None if value is None else _checks.text(call, name, value) for name, value in columns.items()
    }


def write(thing: Connectome | AreaGraph, path: str | os.PathLike[str]) -> None:
    """Write a network or an area graph; docs/formats.md says what each format keeps.

    A `.npz` file holds all of a Connectome and a `.toml` file all of an AreaGraph: `read` gives them back,
    equal. The file is written beside its place, flushed to the disk and then moved there: after a crash
    `path` holds either what it held before or all of `thing`.

    Args:
        thing: what to write.
        path: the file; an existing one is replaced. A table of edges gets a second file,
            `net.nodes.csv` beside `net.csv`.

    Raises:
        TypeError: for a thing that this kind of file does not hold.
        ValueError: for another extension, a missing folder, or what the format cannot express, such as a
            rule of your own in TOML.

    Example:
        >>> from pathlib import Path
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 200, tau=20.0)
        >>> graph.project("V1", "V1", gr.FixedIndegree(10))
        >>> gr.io.write(graph, "network.toml")
        >>> print(Path("network.toml").read_text())
        format = 1
        <BLANKLINE>
        [[area]]
        name = "V1"
        size = 200
        tau = 20.0
        <BLANKLINE>
        [[projection]]
        pre = "V1"
        post = "V1"
        rule = { type = "FixedIndegree", k = 10 }
        <BLANKLINE>
    """
    call = f"io.write(..., {str(path)!r})"
    module, _ = _format(call, path)
    module.write(call, thing, Path(path))


def _format(call: str, path: Any) -> tuple[Any, tuple[str, ...]]:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`{call}` needs the path of a file; it got {type(path).__name__}.")
    extension = ending(Path(path))
    if extension not in _FORMATS:
        raise ValueError(
            f"`{call}` needs a file name that ends in one of {', '.join(_FORMATS)}; it ends in "
            f"{extension or 'none of them'}."
        )
    module, known = _FORMATS[extension]
    return importlib.import_module(f"graphrnn.io.{module}"), known


def _existing(call: str, path: str | os.PathLike[str]) -> Path:
    if not Path(path).is_file():
        what = "a folder there" if Path(path).is_dir() else "no such file"
        raise ValueError(f"`{call}` found {what}. Give the path of a file.")
    return Path(path)
