"""A dense matrix with a name before each row and above each column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphrnn.connectome import Connectome
from graphrnn.io._choices import Choices
from graphrnn.io._matrix import network_of_matrix
from graphrnn.io._room import check_room
from graphrnn.io._tables import EDGE_COLUMNS, chosen_columns, numbers
from graphrnn.io._text_table import TextTable

__all__ = ["is_labelled", "network_of_text"]

_BYTES = 16  # of memory for a cell while it is read


def is_labelled(header: Sequence[str]) -> bool:
    """Whether this is the first row of such a matrix: an empty cell (or `post`, `pre`), then names."""
    if (
        len(header) < 2
        or len(set(header)) < len(header)
        or header[0].strip().lower() not in ("", "post", "pre")
    ):
        return False
    found = chosen_columns("", header, EDGE_COLUMNS, {})
    return not {"pre", "post"} <= found.keys()  # else it is a list of edges, perhaps with numbered rows


def network_of_text(call: str, table: TextTable, choices: Choices) -> Connectome:
    """The network of the matrix whose header has been read."""
    names = list(table.header[1:])
    check_room(call, table.path, f"a matrix of {len(names)} columns", len(names) ** 2 * _BYTES)
    rows: list[str] = []
    parts = []
    mask = True
    table.check_packing()
    for _ in table.chunks("checking"):  # that every row is there, before any takes memory
        pass
    table.warn_of_a_cut()
    for start, chunk in table.chunks("reading"):
        for number, (name, *cells) in enumerate(zip(*chunk.columns(), strict=True), start + 1):
            rows.append(name)
            place = f"row {number} ({name!r}) of {table.path.name!r}"
            parts.append(numbers(call, "cell", place, cells, way_out="put 0 where there is no synapse"))
            mask = mask and set(cells) <= {"0", "1"}
            if len(rows) > len(names):
                break
    known, found = set(names), set(rows)
    alone = [(row, "before a row") for row in rows if row not in known]
    alone += [(name, "above a column") for name in names if name not in found]
    if alone:
        name, where = alone[0]
        raise ValueError(
            f"`{call}` needs the same names before the rows and above the columns; {name!r} stands only "
            f"{where}. Add the row or column that is missing, with 0 where there is no synapse, or take "
            "another copy where the file was cut."
        )
    if rows != names:
        row = next(
            (i for i, (a, b) in enumerate(zip(rows, names, strict=False)) if a != b),
            min(len(rows), len(names)),
        )
        raise ValueError(
            f"`{call}` needs the same names before the rows and above the columns, in one order; they "
            "differ at "
            f"number {row + 1}. Sort one like the other."
        )
    matrix = np.array(parts)
    return network_of_matrix(call, matrix.astype(bool) if mask else matrix, choices, names)
