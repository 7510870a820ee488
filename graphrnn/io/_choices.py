"""What a reader of files of others can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Choices"]


@dataclass(frozen=True)
class Choices:
    """The arguments of `io.read` beside the path; None and empty where not given.

    Args:
        nodes: the file of the table of nodes.
        columns: our word for a column → its name in the file, or None to leave the column.
        matrix: the variable of a file that holds several matrices.
        orientation: "post_pre" or "pre_post".
        duplicates: what becomes of parallel edges, as in `io.read`.
        unknown: "error" or "drop".
        taken: filled while tables are read: our word for a column → its name there.
        left_out: filled while tables are read: the columns that were not taken.
    """

    nodes: Path | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    matrix: str | None = None
    orientation: str | None = None
    duplicates: str | None = None
    unknown: str | None = None
    taken: dict[str, str] = field(default_factory=dict, init=False)
    left_out: list[str] = field(default_factory=list, init=False)

    def note(self, header: Sequence[str], columns: Mapping[str, int]) -> None:
        """Keep which columns of a table with this header are taken, and which are not."""
        self.taken.update((word, header[place]) for word, place in columns.items())
        self.left_out.extend(name for place, name in enumerate(header) if place not in columns.values())
