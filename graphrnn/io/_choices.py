"""What a reader of files of others can be told."""

from __future__ import annotations

from collections.abc import Mapping
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
        duplicates: "sum" or "error".
        unknown: "error" or "drop".
    """

    nodes: Path | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    matrix: str | None = None
    orientation: str | None = None
    duplicates: str | None = None
    unknown: str | None = None
