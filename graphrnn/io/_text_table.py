"""A table of delimited text: numbers in full, so that they come back bit for bit."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from graphrnn.io._cut import warn_of_a_cut
from graphrnn.io._gzip import ending, is_packed, packing, unpacking
from graphrnn.io._pieces import pieces, plain, shape_of
from graphrnn.io._progress import progress
from graphrnn.io._tables import TEXT_COLUMNS, Codes, Column, Words, are_plain_numbers, leaving_out, numbers
from graphrnn.io._unlisted import Unlisted

__all__ = ["Chunk", "TextTable", "write_text"]

_EMPTY = re.compile("\n{2,}")  # rows between two others
_CHUNK = 1 << 17  # rows that are written together
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".csv.gz": ",", ".tsv.gz": "\t"}


def write_text(
    call: str, file: BinaryIO, columns: Mapping[str, Column], path: Path, about: Mapping[str, Any]
) -> None:
    """Write columns as text; the extension of `path` says what separates them. `about` has no place there."""
    separator = _SEPARATORS[ending(path)]
    count = len(next(iter(columns.values())))
    cells = [_cells(call, column, separator) for column in columns.values()]
    try:
        with packing(path, file) as text, progress(f"writing {path.name}", count, " rows") as bar:
            text.write((separator.join(columns) + "\n").encode())
            for start in range(0, count, _CHUNK):
                rows = slice(start, min(start + _CHUNK, count))
                lines = map(separator.join, zip(*(cell(rows) for cell in cells), strict=True))
                text.write(("\n".join(lines) + "\n").encode())
                bar.update(rows.stop - rows.start)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"`{call}` cannot write the name {error.object[error.start : error.end]!r}, which is no valid "
            "text. "
            "Rename it."
        ) from error


def _cells(call: str, column: Column, separator: str) -> Callable[[slice], list[str]]:
    """A function from rows to their cells; each word is quoted once."""
    if isinstance(column, Words):
        codes = column.codes
        if any(len(word) >= csv.field_size_limit() for word in column.words):
            raise ValueError(
                f"`{call}` cannot write a text of more than {csv.field_size_limit()} characters into a cell. "
                "Write a .parquet file, or an area graph as .toml."
            )
        words = [*(_quoted(word, separator) for word in column.words), ""]  # where code -1 finds the last one
        return lambda rows: list(map(words.__getitem__, codes[rows].tolist()))
    if column.dtype.kind == "f":
        return lambda rows: [
            "" if cell == "nan" else cell for cell in map(repr, column[rows].astype(float).tolist())
        ]
    return lambda rows: list(map(str, column[rows].tolist()))


def _quoted(word: str, separator: str) -> str:
    if any(mark in word for mark in (separator, '"', "\n", "\r", "\0")) or word != word.strip():
        return '"' + word.replace('"', '""') + '"'
    return word


class Chunk:
    """Some rows of a table, all of the header's length.

    Args:
        count: how many.
        gaps: whether some cell may be empty.
        columns: gives the texts of each column.
    """

    def __init__(self, count: int, gaps: bool, columns: Callable[[], list[Sequence[str]]]) -> None:
        self.count, self.gaps, self.columns = count, gaps, columns


class TextTable:
    """A file of delimited text; inside a `with` block it is open, and its first row, `header`, is read."""

    def __init__(self, call: str, path: Path) -> None:
        self.call, self.path = call, path
        self.about: dict[str, Any] = {}

    def __enter__(self) -> TextTable:
        try:
            self._raw = open(self.path, "rb")
        except OSError as error:
            raise ValueError(f"`{self.call}` cannot read this file: {error.strerror or error}.") from error
        self.size = os.fstat(self._raw.fileno()).st_size
        try:
            self._begin()
        except BaseException:
            self._raw.close()
            raise
        if not self.header:
            self._raw.close()
            raise ValueError(
                f"`{self.call}` found an empty file {self.path.name!r}. Its first row names the columns."
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def _begin(self) -> None:
        """Read the header, and stand before the first row."""
        self._raw.seek(0)
        self._texts = pieces(self.call, self.path, unpacking(self.call, self.path, self._raw))
        self._lines = 0  # before the text at hand
        self._text = next(self._texts, "")
        self._separator = _separator(self.path, self._text)
        self.header: list[str] = []
        while not self.header and (self._text or self._more()):
            rows = self._quoted()
            self.header = next(rows, [])
            rows.close()

    def check_packing(self) -> None:
        """Unpack a file of gzip to its end, where its checksum stands; much sooner done than reading rows."""
        if is_packed(self.path):
            self._begin()
            for _ in self._texts:
                pass

    def warn_of_a_cut(self) -> None:
        """Warn of a last row that nothing ends: a file cut within its last cell reads as if whole."""
        if not is_packed(self.path):  # gzip has a checksum
            warn_of_a_cut(self.call, self.path, "row")

    def chunks(self, doing: str) -> Iterator[tuple[int, Chunk]]:
        """All rows in chunks, each with the number of rows before it; `doing` is what a bar says."""
        self._begin()
        width, start = len(self.header), 0
        with progress(f"{doing} {self.path.name}", self.size, "B") as bar:
            while self._text or self._more():
                chunk = self._plain(width)
                if chunk is None:
                    chunk = self._checked(self._whole() or list(self._quoted()), start)
                if chunk.count:
                    yield start, chunk
                start += chunk.count
                bar.update(self._raw.tell() - bar.n)

    def _more(self) -> bool:
        self._text = next(self._texts, "")
        return bool(self._text)

    def _plain(self, width: int) -> Chunk | None:
        """The rows of a text whose cells are what stands between separators; None where it is another."""
        separator = self._separator
        found = plain(self._text, separator)
        if found is None:
            return None
        text = found if found.endswith("\n") else f"{found}\n"
        shape = shape_of(text, separator, width)
        if shape.gaps and (text.startswith("\n") or "\n\n" in text):
            text = _EMPTY.sub("\n", text).removeprefix("\n")
            if text:
                shape = shape_of(text, separator, width)
            else:
                self._lines += self._text.count("\n")
                self._text = ""
                return Chunk(0, False, list)
        if not shape.even:
            return None
        if "\0" in text:
            line = self._lines + self._text[: self._text.index("\0")].count("\n") + 1
            raise ValueError(
                f"`{self.call}` found a zero byte in line {line} of {self.path.name!r}, which no text has. "
                "The file is damaged or no UTF-8; take another copy, or save it as CSV in UTF-8."
            )
        self._lines += self._text.count("\n")
        self._text = ""

        def columns() -> list[Sequence[str]]:
            cells = text.replace("\n", separator).split(separator)
            return [cells[place : shape.rows * width : width] for place in range(width)]

        return Chunk(shape.rows, shape.gaps, columns)

    def _whole(self) -> list[list[str]]:
        """The rows of a text that ends where a row ends, or none: those of `_quoted`, sooner."""
        text, separator = io.StringIO(self._text, newline=""), self._separator
        reader = csv.reader(text, delimiter=separator, skipinitialspace=True, strict=True)
        try:
            rows = list(filter(None, reader))
        except csv.Error:
            return []
        self._lines += reader.line_num
        self._text = ""
        return rows

    def _quoted(self) -> Generator[list[str]]:
        """The rows of a text with quotes that are not empty; the last one may go on in the next text."""
        buffer = io.StringIO(self._text, newline="")
        within = False

        def lines() -> Iterator[str]:
            nonlocal buffer, within
            while (line := buffer.readline()) or (within and self._more()):
                if not line:
                    buffer = io.StringIO(self._text, newline="")
                    continue
                within = True
                yield line

        reader = csv.reader(lines(), delimiter=self._separator, skipinitialspace=True, strict=True)
        try:
            for row in reader:
                within = False
                if row:
                    yield row
        except csv.Error as error:
            raise ValueError(
                f"`{self.call}` cannot read line {self._lines + reader.line_num} of {self.path.name!r}: "
                f"{error}. Correct it there."
            ) from error
        finally:
            self._lines += reader.line_num
            self._text = buffer.read()

    def _checked(self, rows: list[list[str]], start: int) -> Chunk:
        width = len(self.header)
        if not start and set(map(len, rows)) == {width + 1}:
            raise ValueError(
                f"`{self.call}` found {width} names of columns and {width + 1} cells in every row of "
                f"{self.path.name!r}, as R writes names of rows. Write it with row.names=FALSE, or put a "
                "name before the others."
            )
        if rows and set(map(len, rows)) != {width}:
            row = next(i for i, cells in enumerate(rows) if len(cells) != width)
            raise ValueError(
                f"`{self.call}` needs {width} cells in every row of {self.path.name!r}; row "
                f"{start + row + 1} has "
                f"{len(rows[row])}. The file is truncated or a cell needs quotes."
            )
        return Chunk(len(rows), True, lambda: list(zip(*rows, strict=True)))

    def check(
        self, what: str, columns: Mapping[str, int], names: Collection[str], ends: Unlisted | None = None
    ) -> None:
        """Look at all of the file, as it should be done before anything takes memory.

        Args:
            what: "edge" or "node".
            columns: what is to be read, and from which column.
            names: those of `columns` in which every row has a name.
            ends: looks at the columns "pre" and "post".
        """
        self.check_packing()
        numeric = any(name not in names and name not in TEXT_COLUMNS for name in columns)
        for start, chunk in self.chunks("checking"):
            if numeric or chunk.gaps or ends is not None:
                cells = chunk.columns()
                self._check(what, columns, names, start, chunk.gaps, cells)
                if ends is not None:
                    ends.look(start, cells[columns["pre"]], cells[columns["post"]])
        self.warn_of_a_cut()
        if ends is not None:
            ends.refuse()

    def read(
        self, what: str, columns: Mapping[str, int], names: Mapping[str, Codes]
    ) -> tuple[dict[str, NDArray[np.int32]], dict[str, Column]]:
        """The codes of the columns in `names`, and the other columns; `what` is "edge" or "node"."""
        index = {**names, **{name: Codes() for name in columns if name in TEXT_COLUMNS}}
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in columns}
        for start, chunk in self.chunks("reading"):
            cells = chunk.columns()
            for name, place in columns.items():
                parts[name].append(
                    np.fromiter(map(index[name].__getitem__, cells[place]), np.int32, chunk.count)
                    if name in index
                    else self._numbers(what, name, place, start, cells)
                )
        joined = {name: np.concatenate(part or [np.zeros(0, np.int32)]) for name, part in parts.items()}
        edges: dict[str, Column] = {}
        for name, column in joined.items():
            if name in index and name not in names:
                edges[name] = _words(column, index[name])
            elif name not in names:
                edges[name] = column.astype(np.float64, copy=False)
        return {name: joined[name] for name in names}, edges

    def _check(
        self,
        what: str,
        columns: Mapping[str, int],
        names: Collection[str],
        start: int,
        gaps: bool,
        cells: list[Sequence[str]],
    ) -> None:
        """Refuse a row without a name, and a cell that is no number."""
        for name, place in columns.items():
            if name in names and gaps and "" in cells[place]:
                raise ValueError(
                    f"`{self.call}` needs a name in every row of the column {self.header[place]!r} of "
                    f"{self.path.name!r}; {what} {start + cells[place].index('') + 1} has none. Fill "
                    "the cell, or take the row out."
                )
            if name not in names and name not in TEXT_COLUMNS and not are_plain_numbers(cells[place]):
                self._numbers(what, name, place, start, cells)

    def _numbers(
        self, what: str, name: str, place: int, start: int, cells: list[Sequence[str]]
    ) -> NDArray[np.float64]:
        column = f"the column {self.header[place]!r} of {self.path.name!r}"
        return numbers(self.call, what, column, cells[place], start, leaving_out(name))


def _separator(path: Path, text: str) -> str:
    """That of the extension, or for a .csv file, as some countries write it, a semicolon or a tab."""
    separator = _SEPARATORS.get(ending(path), ",")
    first = re.match("[^\r\n]*", text)
    if first is not None and separator not in first[0]:
        return next((other for other in (";", "\t") if other in first[0]), separator)
    return separator


def _words(codes: NDArray[np.int32], index: Codes) -> Words:
    """The column of text in which an empty cell is none."""
    words = list(index)
    if "" not in index:
        return Words(codes, words)
    empty = index[""]
    table = np.arange(len(words), dtype=np.int32)
    table[empty] = -1
    table[empty + 1 :] -= 1
    return Words(table[codes], words[:empty] + words[empty + 1 :])
