"""A file of text in pieces of whole lines, which are checked at the speed of memory before they are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from graphrnn.io._gzip import DAMAGED

__all__ = ["LONGEST", "MARK", "Shape", "pieces", "plain", "shape_of"]

LONGEST = 1 << 24  # bytes of one row; more is no table
MARK = b"\xef\xbb\xbf"  # with which Windows programs begin a file of UTF-8
_BLOCK = 1 << 16  # bytes; what a piece becomes, some ten times as much, then stays in a cache


def pieces(call: str, path: Path, file: BinaryIO) -> Iterator[str]:
    """The text of an open file in pieces of about 64 KB, each of whole lines.

    Raises:
        ValueError: for what is no text in UTF-8, cannot be unpacked or has a line that never ends.
    """
    rest, lines, place = b"", 0, 0
    try:
        # read would not see a bomb of gzip; of a long row more is read at once, since its start is copied
        while block := file.read1(max(_BLOCK, len(rest) // 4)):  # type: ignore[attr-defined]
            block = rest + block
            end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1)) + 1  # \r\n stays together
            piece, rest = block[:end], block[end:]
            if len(rest) >= LONGEST:
                raise ValueError(
                    f"`{call}` found a row of more than {LONGEST} characters in {path.name!r}. That is no "
                    "table of edges; give another file."
                )
            if piece:
                yield piece.removeprefix(MARK if not place else b"").decode()
                lines += piece.count(b"\n")
                place += end
        piece = rest
        if piece:
            yield piece.removeprefix(MARK if not place else b"").decode()
    except UnicodeDecodeError as error:
        line = lines + error.object[: error.start].count(b"\n") + 1
        raise ValueError(
            f"`{call}` cannot read {path.name!r}: line {line} is not UTF-8 text. Save it as CSV in UTF-8, or "
            "take another copy where it is damaged."
        ) from error
    except DAMAGED as error:
        raise ValueError(
            f"`{call}` cannot unpack {path.name!r}: it is truncated, damaged or no file of gzip. Take "
            "another copy."
        ) from error


def plain(text: str, separator: str) -> str | None:
    """The text with the same cells between separators and lines, or None where only a parser can tell."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        if "\r" in text:
            return None
    if '"' in text:
        if '""' in text or not _frame_cells(text, separator):
            return None
        text = text.replace('"', "")
    elif " " in text:
        while f"{separator} " in text:
            text = text.replace(f"{separator} ", separator)
    spaced = " " in text and (text.startswith(" ") or f"{separator} " in text or "\n " in text)
    return None if spaced else text


def _frame_cells(text: str, separator: str) -> bool:
    """Whether each pair of quotes frames one cell, in which nothing separates."""
    letters = np.frombuffer(text.encode(), np.uint8)
    quotes = letters == ord('"')
    within = (np.cumsum(quotes, dtype=np.uint8) & 1).astype(bool)
    ends = (letters == ord(separator)) | (letters == ord("\n"))
    if within[-1] or (within & ends).any():
        return False
    framed = np.concatenate([[True], ends, [True]])  # by one place further than the letters
    places = np.flatnonzero(quotes)
    return bool(framed[places[::2]].all() and framed[places[1::2] + 2].all())


class Shape:
    """How the cells of a plain piece lie.

    Args:
        rows: number of rows.
        even: whether every row has as many cells as asked.
        gaps: whether some cell is empty.
    """

    def __init__(self, rows: int, even: bool, gaps: bool) -> None:
        self.rows, self.even, self.gaps = rows, even, gaps


def shape_of(text: str, separator: str, width: int) -> Shape:
    """The shape of a plain piece, of lines that end in a line feed, against `width` cells in every row."""
    letters = np.frombuffer(text.encode(), np.uint8)
    marks = np.flatnonzero((letters == ord(separator)) | (letters == ord("\n")))
    kinds = letters[marks]
    rows = int((kinds == ord("\n")).sum())
    even = kinds.size == rows * width
    if even:
        ends = kinds.reshape(rows, width) == ord("\n")
        even = bool(ends[:, -1].all()) and not bool(ends[:, :-1].any())
    gaps = bool((np.diff(marks, prepend=-1) == 1).any())
    return Shape(rows, even, gaps)
