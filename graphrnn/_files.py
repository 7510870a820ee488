"""Files that are either the old or the new one, whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["check_target", "replacing"]


def check_target(call: str, path: Path) -> Path:
    """Where `path` leads, or an error for a file that could not be written, before anything is computed."""
    target = path.resolve()  # a link stays a link
    if not target.parent.is_dir():
        raise ValueError(f"`{call}` found no folder {str(path.parent)!r}. Create it first.")
    if target.is_dir():
        raise ValueError(f"`{call}` needs a file; {str(path)!r} is a folder. Add a file name.")
    return target


@contextmanager
def replacing(call: str, path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path` when the block ends without an error."""
    target = check_target(call, path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise ValueError(f"`{call}` cannot write this file: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be opened to flush its entries
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
