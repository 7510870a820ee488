"""Lists of edges with tables of nodes, as text: `.csv` with commas, `.tsv` with tabs.

`net.csv` holds the edges and `net.nodes.csv`, beside it, the nodes. A `.csv` file may instead hold a dense
matrix with labels.
"""

from __future__ import annotations

from pathlib import Path

from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph
from graphrnn.io._choices import Choices
from graphrnn.io._labelled import is_labelled, network_of_text
from graphrnn.io._listing import read_edges, write_both
from graphrnn.io._text_table import TextTable, write_text

__all__ = ["read", "write"]


def write(call: str, thing: Connectome | AreaGraph, path: Path) -> None:
    """Write the edges, and beside them the nodes."""
    write_both(call, thing, path, write_text, counted=isinstance(thing, Connectome))


def read(call: str, path: Path, choices: Choices) -> Connectome | AreaGraph:
    """Read edges, with the table of nodes where there is one, or a dense matrix with labels."""
    with TextTable(call, path) as table:
        if is_labelled(table.header):
            return network_of_text(call, table, choices)
    if choices.orientation is not None:
        raise TypeError(
            f"`{call}` found a list of edges, whose columns say which end is which. Leave `orientation` out; "
            "where the columns are the other way round, say so with columns={'pre': ..., 'post': ...}."
        )
    return read_edges(call, path, choices)
