"""What was measured of a machine, kept in a file of its user: of a processor, or of a GPU."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from graphrnn import _files

__all__ = ["file", "keep", "kept"]


def file() -> Path | None:
    """Where this user keeps what was measured; None where there is no such place."""
    home = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    for folder in (os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser(home)):
        if os.path.isabs(folder):
            return Path(folder, "graphrnn", "crossover.json")
    return None


def kept(machine: str) -> tuple[Any, Path | None]:
    """What is kept of a machine, unchecked, and the file; None where there is nothing."""
    where = file()
    return _table(where).get(machine), where


def keep(machine: str, value: Any) -> Path | None:
    """The file, or None where it cannot be written, which is no error: it only saves time."""
    where = file()
    if where is None:
        return None
    table = {**_table(where), machine: value}
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        with _files.replacing("calibrate(...)", where) as to:
            to.write((json.dumps(table, indent=1) + "\n").encode())
    except (OSError, ValueError):
        return None
    return where


def _table(where: Path | None) -> dict[str, Any]:
    """All that is kept; nothing where the file cannot be read."""
    try:
        found = json.loads(where.read_bytes()) if where is not None else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
