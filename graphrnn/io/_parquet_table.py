"""A table in a file of Apache Parquet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from graphrnn._optional import optional
from graphrnn.io._about import parsed
from graphrnn.io._progress import progress
from graphrnn.io._room import check_room
from graphrnn.io._tables import TEXT_COLUMNS, Codes, Column, Words

__all__ = ["ParquetTable", "write_parquet"]

_KEY, _DIGEST = b"graphrnn", b"graphrnn.blake2b"  # of the schema's metadata
_CHUNK = 1 << 18  # rows in a group
_BATCH = 1 << 13  # rows that are looked at together
_DICTIONARY = 1 << 28  # bytes of names that stand once in a group, before each is written out
_BYTES = 32  # of memory for a row of one column, at most


def write_parquet(
    call: str, file: BinaryIO, columns: Mapping[str, Column], path: Path, about: Mapping[str, Any]
) -> None:
    """Write columns, those of text with a dictionary, and `about` into the metadata of the schema."""
    pa = optional(call, "pyarrow")
    pq = optional(call, "pyarrow.parquet")
    try:
        table = pa.table({name: _arrow(pa, column) for name, column in columns.items()})
    except UnicodeEncodeError as error:
        raise ValueError(
            f"`{call}` cannot write the name {error.object[error.start : error.end]!r}, which is no valid "
            "text. "
            "Rename it."
        ) from error
    record = json.dumps(about).encode()
    table = table.replace_schema_metadata({_KEY: record, _DIGEST: _digest(record)})
    pq.write_table(
        table,
        file,
        row_group_size=_CHUNK,
        compression="snappy",
        use_dictionary=[name for name, column in columns.items() if isinstance(column, Words)],
        dictionary_pagesize_limit=_DICTIONARY,
        write_page_checksum=True,
    )


def _digest(record: bytes) -> bytes:
    """What tells a record from others: Parquet has checksums of pages, and none of metadata."""
    return hashlib.blake2b(record, digest_size=16).hexdigest().encode()


def _arrow(pa: Any, column: Column) -> Any:
    if not isinstance(column, Words):
        return pa.array(column, from_pandas=True)  # NaN, which is not known, becomes null
    codes = pa.array(column.codes, mask=column.codes < 0)
    return pa.DictionaryArray.from_arrays(codes, pa.array(column.words, pa.string()))


class ParquetTable:
    """A file of Parquet; inside a `with` block it is open, and `header` names its columns."""

    def __init__(self, call: str, path: Path) -> None:
        self.call, self.path = call, path
        self._pa = optional(call, "pyarrow")
        self._pq = optional(call, "pyarrow.parquet")

    def __enter__(self) -> ParquetTable:
        try:
            self._file = open(self.path, "rb")
        except OSError as error:
            raise ValueError(f"`{self.call}` cannot read this file: {error.strerror or error}.") from error
        try:
            parquet = self._open()
            schema = parquet.schema_arrow
            self.header = [str(name) for name in schema.names]
            text = (
                [n for n in self.header if _is_text(self._pa, schema.field(n).type)] if self._once() else []
            )
            self._parquet = self._open(read_dictionary=text)
        except (OSError, MemoryError, ValueError, TypeError, self._pa.ArrowException) as error:
            self._file.close()
            raise self._damaged() from error
        metadata = schema.metadata or {}
        record = metadata.get(_KEY)
        if metadata.get(_DIGEST) not in (None, _digest(record or b"")):
            self._file.close()
            raise self._damaged()
        self.about = {} if record is None else parsed(self.call, record)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._release()

    def _release(self) -> None:
        """Give back the memory that pyarrow keeps for what it may read next."""
        self._pa.default_memory_pool().release_unused()

    def _open(self, **options: Any) -> Any:
        # without a `buffer_size`: with one, pyarrow fills as much memory as a page claims to need
        return self._pq.ParquetFile(self._file, pre_buffer=False, page_checksum_verification=True, **options)

    def _once(self) -> bool:
        return len(set(self.header)) == len(self.header)

    def _damaged(self) -> ValueError:
        return ValueError(
            f"`{self.call}` cannot read {self.path.name!r}: it is truncated, damaged or no Parquet file. "
            "Take another copy."
        )

    def check(self, what: str, columns: Mapping[str, int], names: Collection[str]) -> None:
        """Look at all cells that are to be read, as it should be done before anything takes memory.

        Args:
            what: "edge" or "node".
            columns: what is to be read, and from which column.
            names: those of `columns` in which every row has a name.
        """
        rows, groups = self._parquet.metadata.num_rows, self._parquet.num_row_groups
        check_room(self.call, self.path, f"a table of {rows} rows", max(rows, 0) * _BYTES * len(columns))
        for name, at in columns.items():  # by itself, since in each group of rows a column has its own words
            start = 0
            for group in range(groups):
                try:
                    wanted = [self.header[at]]
                    for batch in self._parquet.iter_batches(_BATCH, [group], wanted, use_threads=False):
                        place = what, self.header[at], start
                        if name in names:
                            self._check_named(batch.column(0), place)
                        elif name not in TEXT_COLUMNS:
                            self._numbers(batch.column(0), place)
                        start += len(batch)
                except (OSError, MemoryError, UnicodeDecodeError, self._pa.ArrowException) as error:
                    raise self._damaged() from error
                self._release()

    def _check_named(self, column: Any, place: tuple[str, str, int]) -> None:
        what, title, start = place
        if column.null_count:
            row = start + column.is_null().to_pylist().index(True) + 1
            raise ValueError(
                f"`{self.call}` needs a name in every row of the column {title!r} of {self.path.name!r}; "
                f"{what} {row} has none. Fill the cell, or take the row out."
            )

    def read(
        self, what: str, columns: Mapping[str, int], names: Mapping[str, Codes]
    ) -> tuple[dict[str, NDArray[np.int32]], dict[str, Column]]:
        """The codes of the columns in `names`, and the other columns; `what` is "edge" or "node"."""
        rows = self._parquet.metadata.num_rows
        index = {**names, **{name: Codes() for name in columns if name in TEXT_COLUMNS}}
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in columns}
        start = 0
        wanted = [self.header[place] for place in columns.values()]
        with progress(f"reading {self.path.name}", rows, " rows") as bar:
            try:
                for batch in self._parquet.iter_batches(_CHUNK, columns=wanted):
                    for name, title in zip(columns, wanted, strict=True):
                        column = batch.column(batch.schema.get_field_index(title))
                        if name in index:
                            part = self._codes(column, index[name], name in names, (what, title, start))
                        else:
                            part = self._numbers(column, (what, title, start))
                        parts[name].append(part)
                    start += len(batch)
                    bar.update(len(batch))
            except (OSError, MemoryError, UnicodeDecodeError, self._pa.ArrowException) as error:
                raise self._damaged() from error
        if start != rows:
            raise self._damaged()
        joined = {name: np.concatenate(part or [np.zeros(0, np.int32)]) for name, part in parts.items()}
        others: dict[str, Column] = {
            name: Words(column, list(index[name])) if name in index else column
            for name, column in joined.items()
            if name not in names
        }
        return {name: joined[name] for name in names}, others

    def _codes(
        self, column: Any, index: Codes, needed: bool, place: tuple[str, str, int]
    ) -> NDArray[np.int32]:
        """A code per row into `index`, -1 where the cell is empty."""
        _, title, _ = place
        if not self._pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        if _is_text(self._pa, column.dictionary.type):
            words = column.dictionary.to_numpy(zero_copy_only=False).tolist()
        else:
            words = [self._word(word, place) for word in column.dictionary.to_pylist()]
        used = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        if used.size and (used.max() >= len(words) or used.min() < -1):
            raise self._damaged()
        seen = np.zeros(len(words) + 1, bool)
        seen[used] = True
        table = np.full(len(words) + 1, -1, np.int32)
        there = np.flatnonzero(seen[:-1]).tolist()
        table[there] = [-1 if words[i] == "" and not needed else index[words[i]] for i in there]
        if needed and seen[:-1].any() and "" in index:
            raise ValueError(
                f"`{self.call}` needs a name in every row of the column {title!r} of {self.path.name!r}; one "
                "is empty. Fill the cell, or take the row out."
            )
        return table[used]

    def _word(self, word: Any, place: tuple[str, str, int]) -> str:
        if isinstance(word, str):
            return word
        if isinstance(word, int) and not isinstance(word, bool):
            return str(word)
        if isinstance(word, bool):
            return str(word).lower()
        if isinstance(word, float) and word.is_integer() and abs(word) < 2**53:
            return str(int(word))  # as pandas turns whole numbers with gaps into floats
        _, title, _ = place
        raise ValueError(
            f"`{self.call}` needs names or whole numbers in the column {title!r}; it holds "
            f"{str(word)[:40]!r}, a "
            f"{type(word).__name__}. Write the column as text."
        )

    def _numbers(self, column: Any, place: tuple[str, str, int]) -> NDArray[Any]:
        what, title, _ = place
        kinds = self._pa.types
        if kinds.is_null(column.type):
            return np.full(len(column), np.nan)
        if not (
            kinds.is_integer(column.type) or kinds.is_floating(column.type) or kinds.is_boolean(column.type)
        ):
            held = column.type.value_type if kinds.is_dictionary(column.type) else column.type
            raise ValueError(
                f"`{self.call}` needs numbers in the column {title!r}; it holds {held}. Choose "
                "another, or leave it out, with `columns`."
            )
        values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
        if values.dtype.kind == "O":  # truth values with gaps
            values = np.array([np.nan if value is None else float(value) for value in values])
        if values.dtype.kind == "f" and int(np.isnan(values).sum()) > column.null_count:
            raise ValueError(
                f"`{self.call}` needs numbers in the column {title!r}; some {what}s have NaN. Leave the "
                "cell empty, "
                "which is null, where none is known."
            )
        return values


def _is_text(pa: Any, kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(pa, kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
