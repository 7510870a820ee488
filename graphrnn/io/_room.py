"""How much memory a file may ask for."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["DEFLATED", "check_room"]

DEFLATED = 30  # bytes of memory for one of deflated arrays; deflate reaches 1032 on zeros, networks hardly 15

_RATIO = 300  # bytes of memory for one of the file, of tables whose columns repeat few words
_SMALL = 1 << 28  # bytes that any file may ask for


def check_room(call: str, path: Path, what: str, size: int, ratio: int = _RATIO) -> None:
    """Refuse a file that would need far more memory than its own size, or more than there is.

    Args:
        call: the user's call, for messages.
        path: the file.
        what: what asks for the memory, as the file says it, such as "a matrix of 9 × 9".
        size: the bytes that it would take.
        ratio: how many bytes of memory one byte of the file may become.
    """
    own = path.stat().st_size
    if size > max(_SMALL, own * ratio) or size > _memory():
        raise ValueError(
            f"`{call}` found {what} in {path.name!r}, {size / 2**30:.1f} GiB in a file of {own} bytes. It "
            "is damaged "
            "or made to fill the memory; take another copy."
        )


def _memory() -> int:
    """Bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return 1 << 62
