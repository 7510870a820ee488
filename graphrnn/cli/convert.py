"""The command that turns one kind of file into another."""

from __future__ import annotations

import argparse
from typing import Any

from graphrnn import datasets, io
from graphrnn.cli import tables
from graphrnn.cli.messages import about
from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph

__all__ = ["add_arguments", "convert"]

_MATRICES = (".mtx", ".mat", ".npy")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed after `graphrnn convert`."""
    command.add_argument("source", metavar="FROM", help="a file, whose ending says its format, or celegans")
    command.add_argument("target", metavar="TO", help="the file to write; its ending says the format")
    command.add_argument("--nodes", metavar="FILE", help="the table of nodes (default: the one beside FROM)")
    command.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="OURS=THEIRS",
        help="which column is which, such as pre=from_id or area=cell_class; area= leaves it out",
    )
    command.add_argument("--matrix", metavar="NAME", help="the variable to take from a .mat file")
    command.add_argument(
        "--orientation", choices=("post_pre", "pre_post"), help="of the matrix in FROM (default: post_pre)"
    )
    command.add_argument(
        "--duplicates",
        choices=("sum", "mean", "max", "min", "count", "error"),
        help="what weight parallel edges get together (default: sum); error refuses them",
    )
    command.add_argument(
        "--unknown",
        choices=("error", "drop"),
        help="refuse edges of nodes not listed (default), or drop them",
    )


def convert(options: argparse.Namespace) -> int:
    """Read one file and write another."""
    thing = _read(options)
    with about(options.target):
        io.write(thing, options.target)
    print(f"wrote {options.target}: {_heading(thing)}")
    if options.target.lower().endswith(_MATRICES):
        print("it holds the hidden matrix alone; .npz keeps areas, names, inputs and readouts too")
    left = _left_out(thing) if isinstance(thing, Connectome) else []
    if left:
        print(f"left out the columns {', '.join(left)} (--column OURS=THEIRS takes one)")
    return 0


def _read(options: argparse.Namespace) -> Connectome | AreaGraph:
    choices = {
        "nodes": options.nodes,
        "columns": _columns(options.column) or None,
        "matrix": options.matrix,
        "orientation": options.orientation,
        "duplicates": options.duplicates,
        "unknown": options.unknown,
    }
    if options.source == "celegans":
        _takes_none(choices)
        return datasets.celegans()
    with about(options.source):
        return io.read(options.source, **choices)


def _takes_none(choices: dict[str, Any]) -> None:
    given = [f"--{'column' if name == 'columns' else name}" for name, choice in choices.items() if choice]
    if given:
        raise ValueError(
            f"takes no {' or '.join(given)} for celegans, which comes with graphrnn. Leave it out."
        )


def _left_out(net: Connectome) -> list[str]:
    """The columns of the tables that no word of graphrnn was found for."""
    steps = net.provenance.steps
    left = steps[-1].get("choices", {}).get("columns left out") if steps else None
    return left if isinstance(left, list) else []


def _columns(given: list[str]) -> dict[str, str | None]:
    columns: dict[str, str | None] = {}
    for text in given:
        name, equals, theirs = text.partition("=")
        if not equals:
            raise ValueError(f"needs OURS=THEIRS for --column, such as pre=from_id; it got {text!r}.")
        columns[name] = theirs or None
    return columns


def _heading(thing: Connectome | AreaGraph) -> str:
    if isinstance(thing, Connectome):
        return tables.heading(thing)
    areas, projections = (
        tables.of(len(thing.areas), "area"),
        tables.of(thing.number_of_edges(), "projection"),
    )
    return f"an area graph of {areas} and {projections}"
