"""A table of delimited text: numbers in full, so that they come back bit for bit."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from graphrnn.io._gzip import DAMAGED, ending, packing, unpacking
from graphrnn.io._progress import progress
from graphrnn.io._tables import TEXT_COLUMNS, Codes, Column, Words, leaving_out, numbers

__all__ = ["TextTable", "write_text"]

_CHUNK = 1 << 17  # rows that are held as text at a time
_LONGEST = 1 << 24  # characters of one row; more is no table
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


class TextTable:
    """A file of delimited text; inside a `with` block it is open, and its first row, `header`, is read."""

    def __init__(self, call: str, path: Path) -> None:
        self.call, self.path = call, path
        self.about: dict[str, Any] = {}
        self._rest: Iterator[list[str]] = iter(())

    def __enter__(self) -> TextTable:
        try:
            self._raw = open(self.path, "rb")
        except OSError as error:
            raise ValueError(f"`{self.call}` cannot read this file: {error.strerror or error}.") from error
        self._text = io.TextIOWrapper(unpacking(self.call, self.path, self._raw), "utf-8-sig", newline="")
        self.size = os.fstat(self._raw.fileno()).st_size
        try:
            separator = self._separator()
            self._rest = self._reader = csv.reader(
                self._lines(), delimiter=separator, skipinitialspace=True, strict=True
            )
            self.header = next(self._caught(), [])
        except BaseException:
            self.__exit__()
            raise
        if not self.header:
            self.__exit__()
            raise ValueError(
                f"`{self.call}` found an empty file {self.path.name!r}. Its first row names the columns."
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()
        self._raw.close()  # gzip leaves it open

    def _separator(self) -> str:
        """That of the extension, or for a .csv file, as some countries write it, a semicolon or a tab."""
        separator = _SEPARATORS.get(ending(self.path), ",")
        try:
            first = self._text.readline(_LONGEST)
        except UnicodeDecodeError as error:
            raise self._not_text() from error
        except DAMAGED as error:
            raise self._damaged() from error
        self._text.seek(0)
        if separator not in first:
            return next((other for other in (";", "\t") if other in first), separator)
        return separator

    def _not_text(self) -> ValueError:
        return ValueError(
            f"`{self.call}` cannot read {self.path.name!r}: it is not UTF-8 text. Save it as CSV in UTF-8."
        )

    def _damaged(self) -> ValueError:
        return ValueError(
            f"`{self.call}` cannot unpack {self.path.name!r}: it is truncated, damaged or no file of gzip. "
            "Take another copy."
        )

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(_LONGEST):
            if len(line) == _LONGEST:
                raise ValueError(
                    f"`{self.call}` found a row of more than {_LONGEST} characters in {self.path.name!r}. "
                    "That is no "
                    "table of edges; give another file."
                )
            yield line

    def _caught(self) -> Iterator[list[str]]:
        """The rows that are not empty, and one sentence for what is no table."""
        try:
            yield from filter(None, self._rest)
        except UnicodeDecodeError as error:
            raise self._not_text() from error
        except DAMAGED as error:
            raise self._damaged() from error
        except csv.Error as error:
            raise ValueError(
                f"`{self.call}` cannot read line {self._reader.line_num} of {self.path.name!r}: {error}. "
                "Correct it there."
            ) from error

    def rows(self) -> Iterator[tuple[int, list[list[str]]]]:
        """Rows in chunks, each with the number of rows before it; all of a chunk have the header's length."""
        chunk: list[list[str]] = []
        start = 0
        with progress(f"reading {self.path.name}", self.size, "B") as bar:
            for row in self._caught():
                chunk.append(row)
                if len(chunk) == _CHUNK:
                    yield start, self._checked(chunk, start)
                    start += len(chunk)
                    chunk = []
                    bar.update(self._raw.tell() - bar.n)
            if chunk:
                yield start, self._checked(chunk, start)

    def _checked(self, chunk: list[list[str]], start: int) -> list[list[str]]:
        width = len(self.header)
        if set(map(len, chunk)) != {width}:
            row = next(i for i, cells in enumerate(chunk) if len(cells) != width)
            raise ValueError(
                f"`{self.call}` needs {width} cells in every row of {self.path.name!r}; row "
                f"{start + row + 1} has "
                f"{len(chunk[row])}. The file is truncated or a cell needs quotes."
            )
        return chunk

    def read(
        self, what: str, columns: Mapping[str, int], names: Mapping[str, Codes]
    ) -> tuple[dict[str, NDArray[np.int32]], dict[str, Column]]:
        """The codes of the columns in `names`, and the other columns; `what` is "edge" or "node"."""
        index = {**names, **{name: Codes() for name in columns if name in TEXT_COLUMNS}}
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in columns}
        for start, chunk in self.rows():
            cells = list(zip(*chunk, strict=True))
            for name, place in columns.items():
                texts = cells[place]
                if name not in index:
                    part = numbers(
                        self.call,
                        what,
                        f"the column {self.header[place]!r} of {self.path.name!r}",
                        texts,
                        start,
                        leaving_out(name),
                    )
                    parts[name].append(part)
                    continue
                if name in names and "" in texts:
                    raise ValueError(
                        f"`{self.call}` needs a name in every row of the column {self.header[place]!r} of "
                        f"{self.path.name!r}; {what} {start + texts.index('') + 1} has none. Fill the cell, "
                        "or take the row out."
                    )
                parts[name].append(np.fromiter(map(index[name].__getitem__, texts), np.int32, len(texts)))
        joined = {name: np.concatenate(part or [np.zeros(0, np.int32)]) for name, part in parts.items()}
        edges: dict[str, Column] = {}
        for name, column in joined.items():
            if name in index and name not in names:
                edges[name] = _words(column, index[name])
            elif name not in names:
                edges[name] = column.astype(np.float64)
        return {name: joined[name] for name in names}, edges


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
