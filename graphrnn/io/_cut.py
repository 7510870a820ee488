"""A warning of text that ends where a file was cut, and reads as if whole."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

__all__ = ["warn_of_a_cut"]

_PACKAGE = str(Path(__file__).parent.parent) + os.sep


def warn_of_a_cut(call: str, path: Path, what: str) -> None:
    """Warn where no line end follows the last row or entry: within it a cut leaves another number."""
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() in (b"\n", b"\r"):
            return
    warnings.warn(
        f"`{call}` found no line end after the last {what} of {path.name!r}. A file of graphrnn has one, so "
        f"one that lacks it was cut: take another copy. In any other, see that its last {what} is whole, and "
        "end it.",
        stacklevel=_calls_to_the_user(),
    )


def _calls_to_the_user() -> int:
    """How many calls the line that warns is away from code that is not graphrnn's."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return level
