"""Lists of edges with tables of nodes, in Apache Parquet.

`net.parquet` holds the edges and `net.nodes.parquet`, beside it, the nodes. What a table cannot say stands in
the metadata of the schema, so that a network comes back whole.
"""

from __future__ import annotations

from pathlib import Path

from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph
from graphrnn.io._choices import Choices
from graphrnn.io._listing import read_edges, write_both
from graphrnn.io._parquet_table import write_parquet

__all__ = ["read", "write"]


def write(call: str, thing: Connectome | AreaGraph, path: Path) -> None:
    """Write the edges, and beside them the nodes."""
    write_both(call, thing, path, write_parquet)


def read(call: str, path: Path, choices: Choices) -> Connectome | AreaGraph:
    """Read edges, with the table of nodes where there is one."""
    return read_edges(call, path, choices)
