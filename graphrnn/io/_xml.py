"""Graphs in XML: safe parsing, text that XML can hold, and lines that are written block by block."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from xml.parsers import expat

from graphrnn.io._progress import progress
from graphrnn.io._runs import Handler, IrregularError, Look, Reader, Runs
from graphrnn.io._tables import Column, Words

__all__ = [
    "RefusedError",
    "about_text",
    "cells_of",
    "check_directed",
    "escaped",
    "needed",
    "parse",
    "type_of",
    "write_lines",
]

_LARGE = 1 << 21  # bytes
_BLOCK = 1 << 19  # bytes
_END = 1 << 20  # bytes in which the root element ends
_LONGEST = 1 << 22  # bytes of a tag with its attributes
_TEXT = 1 << 25  # letters of one text; to describe 100,000 projections takes 10 million
_PIECE_OF_TEXT = 64  # bytes that a list takes for it
_NAMES = 1000  # of elements and attributes, which the parser keeps; a graph has some tens
_PIECE = 1 << 13  # bytes of a block that are looked at for how deep they nest
_DEEPEST = 50  # elements within each other; a graph needs eight
_CONTINUED = bytes(range(0x80, 0xC0))  # what a letter of several bytes goes on with
_PLACE = random.SystemRandom()  # nobody's seed
_LINES = 1 << 16  # that are written together
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
_SPECIAL = re.compile('[&<>"\r\n\t]')


class RefusedError(Exception):
    """What is wrong with a file, and the way out, without the call."""


def parse(call: str, path: Path, reader: Reader) -> None:
    """Send the elements of a file through a reader, once the whole file is known to be XML."""
    try:
        with open(path, "rb") as file:
            size, in_runs = os.fstat(file.fileno()).st_size, False
            if size >= _LARGE:
                _check_end(call, file, path.suffix[1:].lower())
                in_runs = _in_utf8(file)
                with progress(f"checking {path.name}", size, "B") as bar:
                    if not (in_runs and _check_runs(file, reader, bar.update)):
                        _check_form(file, bar.update)
            file.seek(0)
            with progress(f"reading {path.name}", size, "B") as bar:
                if in_runs:
                    Runs(reader, _parser).feed(file.read, bar.update)
                else:
                    _feed(_parser(reader), file.read, bar.update)
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except RefusedError as error:
        raise ValueError(f"`{call}` cannot read this file: {error}.") from error
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last for unknown encodings
        if str(error).startswith(f"`{call}"):
            raise
        raise ValueError(
            f"`{call}` cannot read this file as XML: {error}. It is truncated or damaged; take another copy."
        ) from error


def _position(file: BinaryIO, at: int) -> tuple[int, int]:
    """The line, from 1 on, and the letter in it, from 0 on, of a byte of a file in UTF-8."""
    file.seek(0)
    line, column, before = 1, 0, b""
    while block := file.read(min(_BLOCK, at - file.tell())):
        line += block.count(b"\n") + block.count(b"\r") - (before + block).count(b"\r\n")
        begin = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
        column = (0 if begin else column) + len(block[begin:].translate(None, _CONTINUED))
        before = block[-1:]
    return line, column


def _feed(
    parser: Any,
    read: Callable[[int], bytes],
    update: Callable[[int], object],
    parse: Callable[[bytes], object] | None = None,
) -> None:
    fed = 0
    while block := read(_BLOCK):
        (parse or parser.Parse)(block)
        update(len(block))
        fed += len(block)
        if fed - parser.CurrentByteIndex > _LONGEST:  # the parser keeps what it has not understood yet
            raise RefusedError(
                f"it has a tag of more than {_LONGEST} bytes. No graph needs that; take another copy"
            )
    parser.Parse(b"", True)


def _check_end(call: str, file: BinaryIO, root: str) -> None:
    """A large file that was cut is refused before all of it is read."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - _END))
    end = file.read().replace(b"\0", b"")  # of UTF-16
    if root.encode() not in end:
        raise ValueError(
            f"`{call}` cannot read this file as XML: its end does not close the element {root!r}. It is "
            "truncated or damaged; take another copy."
        )


def _in_utf8(file: BinaryIO) -> bool:
    """Whether a file is XML in UTF-8; False too where no element begins in its first 8 KiB."""
    encodings, tags = ["utf-8"], []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.XmlDeclHandler = lambda _, encoding, __: encodings.append(encoding or "utf-8")
    parser.StartElementHandler = lambda tag, _: tags.append(tag)
    file.seek(0)
    begin = file.read(_PIECE)
    try:
        parser.Parse(begin, False)
    except expat.ExpatError:
        return False
    return bool(tags) and b"\0" not in begin and {encoding.lower() for encoding in encodings} == {"utf-8"}


def _check_runs(file: BinaryIO, reader: Reader, update: Callable[[int], object]) -> bool:
    """Refuse what is no XML, in runs of like elements.

    Returns:
        Whether enough of the file is in such runs to be judged by them; False says nothing about it.
    """
    look = Look(reader, _parser)
    file.seek(0)
    try:
        look.feed(file.read, update)
    except IrregularError:
        return False
    except expat.ExpatError as error:  # the parser counts the lines that are in no run
        line, column = _position(file, look.error_at)
        raise ValueError(f"{expat.ErrorString(error.code)}: line {line}, column {column}") from error
    _check_names(look.names)
    return True


def _check_form(file: BinaryIO, update: Callable[[int], object]) -> None:
    """Refuse what is no XML, several times sooner than its elements are looked at."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    file.seek(0)
    _feed(parser, file.read, update, partial(_parse_looking_deep, parser))


def _check_names(count: int) -> None:
    if count > _NAMES:
        raise RefusedError(
            f"it has more than {_NAMES} names of elements and attributes. A graph has some tens; take "
            "another copy"
        )


def _parse_looking_deep(parser: Any, block: bytes) -> None:
    """Parse a block, and look in a short piece of it how deep elements nest and how many names they have.

    The parser remembers every element that is open, and to count them all takes too long. A file that opens
    far too many opens some in nearly every piece; nobody can tell beforehand where those are.
    """
    at, depth = _PLACE.randrange(len(block)), _Depth()
    parser.Parse(block[:at], False)
    parser.StartElementHandler = lambda *_: depth.start()
    parser.EndElementHandler = lambda _: depth.end()
    parser.Parse(block[at : at + _PIECE], False)
    parser.StartElementHandler = parser.EndElementHandler = None
    _check_names(len(parser.intern))
    parser.Parse(block[at + _PIECE :], False)


class _Depth:
    """How deep elements nest, from where one begins to look."""

    def __init__(self) -> None:
        self._now = self._least = 0

    def start(self) -> None:
        self._now += 1
        if self._now - self._least > _DEEPEST:
            raise RefusedError(
                f"its elements nest deeper than {_DEEPEST}. A graph needs eight; take another copy"
            )

    def end(self) -> None:
        self._now -= 1
        self._least = min(self._least, self._now)


def _refuse_doctype(*_: object) -> None:
    raise RefusedError("it has a document type, which can fill the memory. Remove the <!DOCTYPE> line")


def _parser(handler: Handler) -> Any:
    """A parser that passes elements on, and refuses what can be used to attack a reader."""
    depth = _Depth()
    texts: list[str] = []

    held = 0  # letters in `texts`, and what a piece takes itself

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal held
        depth.start()
        texts.clear()
        held = 0
        handler.start(tag.rpartition(":")[2] if ":" in tag else tag, attributes)

    def end(tag: str) -> None:
        nonlocal held
        depth.end()
        handler.end(tag.rpartition(":")[2] if ":" in tag else tag, "".join(texts))
        texts.clear()
        held = 0

    def text(piece: str) -> None:
        nonlocal held
        held += len(piece) + _PIECE_OF_TEXT
        if held > _TEXT:
            raise RefusedError(
                f"it has a text of more than {_TEXT} letters. No graph needs that; take another copy"
            )
        texts.append(piece)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    return parser


def needed(tag: str, attributes: Mapping[str, str], name: str) -> str:
    """An attribute that an element cannot do without."""
    if name not in attributes:
        raise RefusedError(f"a {tag} has no {name}. Correct it there")
    return attributes[name]


def check_directed(directed: bool) -> None:
    """Refuse edges that run both ways."""
    if not directed:
        raise RefusedError(
            "its edges have no direction. Make two of each, as networkx does with graph.to_directed(), and "
            "save it anew"
        )


def escaped(call: str, text: str) -> str:
    """Text as it stands in an attribute or an element."""
    if (found := _FORBIDDEN.search(text)) is not None:
        raise ValueError(
            f"`{call}` cannot write the character {found[0]!r} of {text[:40]!r} into XML. Rename it, or "
            "write a "
            ".npz or .parquet file."
        )
    return "".join(_MARKS.get(letter, letter) for letter in text) if _SPECIAL.search(text) else text


def about_text(call: str, about: Mapping[str, Any]) -> str:
    """What a network is about, escaped, as one text that the reader takes."""
    text = json.dumps(about)
    if len(text) > _TEXT // 2:  # so that the reader has some to spare
        raise ValueError(
            f"`{call}` cannot write {len(text):,} letters of areas, projections and provenance into "
            f"XML, more than {_TEXT // 2:,}. Write a .npz file."
        )
    return escaped(call, text)


def cells_of(call: str, column: Column) -> Iterator[str | None]:
    """The escaped text of every row, None where there is none."""
    if isinstance(column, Words):
        words = [*(escaped(call, word) for word in column.words), None]
        return (words[code] for code in column.codes.tolist())
    if column.dtype.kind == "f":
        return (None if text == "nan" else text for text in map(repr, column.astype(float).tolist()))
    return (str(number) for number in column.tolist())


def type_of(column: Column) -> str:
    """What GraphML and GEXF call the values of a column."""
    if isinstance(column, Words):
        return "string"
    return "double" if column.dtype.kind == "f" else "long"


def write_lines(file: BinaryIO, lines: Iterator[str], update: Callable[[int], object]) -> None:
    """Write many lines, block by block."""
    while block := list(itertools.islice(lines, _LINES)):
        file.write("".join(block).encode())
        update(len(block))
