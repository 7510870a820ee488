"""Nodes and edges that come in long runs of one form, read by expressions that the file itself teaches.

A parser of XML calls back for every element, and that is what takes the time of a large graph. But nearly all
of its edges are written alike: they differ in values alone. So the first of a form goes through the parser,
and once more with marks in place of its values, which shows what the reader does with each of them. All that
follow are matched by a regular expression in which everything but the values is literal, and the same is done
with them, column by column. What has another form goes through the parser.

The result is that of the parser, because

- the whole file is known to be well-formed, in UTF-8 and without a document type: `_xml` looks before;
- a run begins where the parser has taken all that came before, and stands right inside a `graph`, `nodes` or
  `edges`, whose own text means nothing;
- what follows differs from the first in values alone, of which the reader only says where they belong;
- any other element, which may change what the reader does, makes all forms forgotten.

That a file is well-formed can be told in runs too (`Look`): what is literal in them was taken by the parser,
and the values between hold nothing that XML forbids or that stands for something else.
"""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

__all__ = ["Handler", "IrregularError", "Look", "Reader", "Runs"]

_BLOCK = 1 << 19  # bytes
_MANY = 1 << 20  # bytes outside of runs, from which on those are not worth looking for
_WINDOW = 1 << 16  # letters that are matched together, which fit a cache
_ELEMENT = 1 << 12  # letters of an element that may teach a form
_FORMS = 4  # that are looked for at a time
_LESSONS = 64  # how often those may change
_LONG = 1 << 13  # letters of a run that was worth its while
_STEP = 1 << 9  # letters that the parser takes at once where no run begins; each time twice as many
_INSIDE = ("graph", "nodes", "edges")
_MARK = "\ue000"

_SPACE = "[ \t\r\n]"
_NEXT = re.compile(f"<(node|edge){_SPACE}")
_ATTRIBUTE = re.compile(f'({_SPACE}+)([\\w.:-]+)="([^"<]*)"')
_ATTRIBUTES = f'(?:{_SPACE}+[\\w.:-]+="[^"<]*")*'
_TAG = re.compile(f"(</?[\\w.:-]+)({_ATTRIBUTES})({_SPACE}*/?>)([^<]*)")
# What a parser leaves as it is; without ">", of which "]]>" may not stand in a text.
_IN_QUOTES, _IN_TEXT = '([^"<&\0-\x1f]*)', "([^<&>\0-\x08\x0b-\x1f]*)"
_NO_LETTERS = "\ufffe", "\uffff"  # that XML knows

Key = tuple[str, ...]


class Handler(Protocol):
    """What looks at the elements of a file as they come; names are without their namespace."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None: ...

    def end(self, tag: str, text: str) -> None: ...


class Reader(Handler, Protocol):
    """What finds nodes and edges among the elements of a file.

    It does the same for elements that differ only in values: of attributes that are not among its `constant`
    ones, and of texts. Of the elements named in `inner` a node or edge is made.
    """

    constant: frozenset[str]
    inner: frozenset[str]
    found: Any


@dataclass(frozen=True)
class _Form:
    """Elements that differ in values alone.

    Args:
        pattern: matches one, with a group for its first letter and one for each value.
        width: number of groups.
        calls: what the reader does, and with which values: the number of a group, or a text that all share.
    """

    pattern: str
    width: int
    calls: tuple[tuple[Key, tuple[int | str, ...]], ...]


class _Recorder:
    """Stands in for the nodes and edges that a reader collects, and notes what is done."""

    def __init__(self) -> None:
        self.calls: list[tuple[Key, tuple[str, ...]]] = []

    def node(self, *ends: str) -> None:
        self.calls.append((("node",), ends))

    def edge(self, *ends: str) -> None:
        self.calls.append((("edge",), ends))

    def add(self, what: str, title: str, text: str) -> None:
        self.calls.append(((what, title), (text,)))


class Runs:
    """Feeds a parser with a file from which the runs of one form are taken out, and reads those by itself.

    Args:
        reader: looks at the elements.
        parser: makes a parser of XML that passes elements on.
    """

    def __init__(self, reader: Reader, parser: Callable[[Handler], Any]) -> None:
        self._reader, self._make = reader, parser
        self._open: list[str] = []
        self._parser = parser(self)
        self._parser.StartCdataSectionHandler = lambda: self._open.append("")
        self._parser.EndCdataSectionHandler = self._open.pop
        self._text = self._parser.CharacterDataHandler
        self._parser.CharacterDataHandler = self._take_text
        self._fed = 0  # bytes that the parser was given
        self._known = reader.inner | {"node", "edge"}
        self._forms: dict[str, list[_Form]] = defaultdict(list)
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._lessons = 0
        self._skip = 0  # letters that the parser takes where no run begins, before one is looked for again
        inner = f"</?(?:[\\w.-]+:)?(?:{'|'.join(sorted(reader.inner))}){_ATTRIBUTES}{_SPACE}*/?>[^<]*"
        self._plain = re.compile(
            f"<(node|edge){_ATTRIBUTES}{_SPACE}*(?:/>|>[^<]*(?:{inner})*</\\1{_SPACE}*>){_SPACE}*"
        )

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element that the parser met."""
        self._open.append(tag)
        if tag not in self._known:
            self._forms.clear()
            self._patterns.clear()
        self._reader.start(tag, attributes)

    def end(self, tag: str, text: str) -> None:
        """The end of an element that the parser met."""
        self._open.pop()
        self._reader.end(tag, text)

    def _take_text(self, piece: str) -> None:
        """A text that the parser met; those between nodes or edges, maybe many, mean nothing."""
        if not self._open or self._open[-1] not in _INSIDE:
            self._text(piece)

    def feed(self, read: Callable[[int], bytes], update: Callable[[int], object]) -> None:
        """Read a file to its end."""
        decoder, rest = codecs.getincrementaldecoder("utf-8")(), ""
        while block := read(_BLOCK):
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError:  # the parser says where
                self._parser.Parse(rest.encode() + decoder.getstate()[0] + block + read(_BLOCK), False)
                self._parser.Parse(b"", True)
                raise
            if any(letter in text for letter in _NO_LETTERS):  # likewise
                self._parse(rest + text)
                self._parser.Parse(b"", True)
            rest = self._take(rest + text)
            update(len(block))
        self._parse(rest)
        self._parser.Parse(decoder.getstate()[0], True)

    def _parse(self, text: str) -> None:
        data = text.encode()
        self._fed += len(data)
        self._parser.Parse(data, False)

    def _take(self, text: str) -> str:
        """Read a text but for an element that its end may have cut, which is returned."""
        place = resume = 0
        while (found := _NEXT.search(text, resume)) is not None:
            self._parse(text[place : found.start()])
            place = found.start()
            if self._between_elements():
                if resume := self._match(found[1], text, place):
                    place = resume
                    continue
                if element := self._plain.match(text, place, place + _ELEMENT):
                    self._parse(element[0])
                    place = resume = element.end()
                    if self._learn(element[1], element[0]):
                        continue
                elif place + _ELEMENT > len(text):
                    return text[place:]
            self._skip = min(max(2 * self._skip, _STEP), _BLOCK)
            resume = place + self._skip
        cut = text.rfind("<", max(place, len(text) - _ELEMENT))
        cut = len(text) if cut < 0 else cut
        self._parse(text[place:cut])
        return text[cut:]

    def _between_elements(self) -> bool:
        inside = bool(self._open) and self._open[-1] in _INSIDE
        return inside and bool(self._parser.CurrentByteIndex == self._fed)

    def _match(self, what: str, text: str, place: int) -> int:
        """Read the elements of known form from a place on; the place behind them, or 0 if there is none."""
        if what not in self._patterns:
            return 0
        end = self._read_run(what, text, place, min(place + _WINDOW, len(text)))
        if end == place:
            return 0
        if end - place >= _LONG:
            self._skip = 0
        return end

    def _read_run(self, what: str, text: str, place: int, stop: int) -> int:
        """Read the elements of known form that are whole before a stop; where they end."""
        matches = self._patterns[what].findall(text, place, stop)
        rest = matches[-1][-1]
        if rest:
            matches.pop()
        if matches:
            self._collect(what, matches)
        return stop - len(rest)

    def _collect(self, what: str, matches: list[tuple[str, ...]]) -> None:
        """Do with matched elements what the reader does with the first one of their form."""
        parts: dict[Key, list[tuple[Sequence[Any], ...]]] = defaultdict(list)
        forms, met, place = self._forms[what], [], 0
        for form in forms:
            rows: Sequence[int] = [row for row, match in enumerate(matches) if match[place]]
            taken = matches if len(rows) == len(matches) else [matches[row] for row in rows]
            columns = list(zip(*taken, strict=True))
            met += [form] if rows else []
            for key, values in form.calls if rows else ():
                cells = (
                    [value] * len(rows) if isinstance(value, str) else columns[place + value]
                    for value in values
                )
                parts[key].append((rows, *cells))
            place += form.width
        found = self._reader.found
        first = found.rows(what)
        for key, pieces in parts.items():
            rows, *texts = pieces[0] if len(pieces) == 1 else _in_order(pieces)
            if key == ("node",):
                found.nodes(*texts)
            elif key == ("edge",):
                found.edges(*texts)
            else:
                found.column(*key, np.asarray(rows, np.int32) + np.int32(first), *texts)
        if met[0] is not forms[0] and self._lessons < _LESSONS:  # what came now is likely to come again
            self._look_for(what, [met[0], *(form for form in forms if form is not met[0])])

    def _learn(self, what: str, element: str) -> bool:
        """Let an element, which the parser has taken, teach its form; whether it is a new one."""
        pattern, marked, width = _sketch(element, self._reader.constant)
        forms = self._forms[what]
        if self._lessons >= _LESSONS or any(form.pattern == pattern for form in forms):
            return False
        calls = self._calls(marked)
        if calls is None:
            return False
        self._look_for(what, [_Form(pattern, width, calls), *forms[: _FORMS - 1]])
        return True

    def _look_for(self, what: str, forms: list[_Form]) -> None:
        """Look for these forms from now on, for the first one first."""
        self._forms[what] = forms
        self._patterns[what] = re.compile(self._expression("|".join(form.pattern for form in forms)))
        self._lessons += 1

    def _expression(self, forms: str) -> str:
        """The expression with which elements of these forms are read, one after the other."""
        return f"(?:{forms}){_SPACE}*|((?s:.+))"

    def _calls(self, marked: str) -> tuple[tuple[Key, tuple[int | str, ...]], ...] | None:
        """What the reader does with an element that has marks for values, unless it looks into those."""
        own, self._reader.found = self._reader.found, _Recorder()
        try:
            self._make(self._reader).Parse(marked.encode(), True)
            calls = self._reader.found.calls
        finally:
            self._reader.found = own
        keys = [key for key, _ in calls]
        values = [tuple(map(_group, texts)) for _, texts in calls]
        if len(set(keys)) < len(keys) or any(_MARK in word for key in keys for word in key):
            return None
        if any(value is None for row in values for value in row):
            return None
        return tuple(zip(keys, values, strict=True))  # type: ignore[arg-type]  # none is None


class IrregularError(Exception):
    """A file of which much is in no run."""


class _Blind:
    """A reader that lets all pass."""

    found = None

    def __init__(self, reader: Reader) -> None:
        self.constant, self.inner = reader.constant, reader.inner

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        pass

    def end(self, tag: str, text: str) -> None:
        pass


class Look(Runs):
    """Looks whether a file in UTF-8 is XML, and keeps nothing of it; runs take half the time of a parser.

    Raises:
        IrregularError: where much of it has to go through the parser, which takes long when it calls back.
    """

    def __init__(self, reader: Reader, parser: Callable[[Handler], Any]) -> None:
        super().__init__(_Blind(reader), parser)
        self._taken = 0  # bytes in runs

    @property
    def error_at(self) -> int:
        """The byte of the file at which the parser found an error."""
        return int(self._parser.ErrorByteIndex) + self._taken

    @property
    def names(self) -> int:
        """How many names of elements and attributes the parser met."""
        return len(self._parser.intern)

    def _parse(self, text: str) -> None:
        super()._parse(text)
        if self._fed > _MANY:
            raise IrregularError

    def _read_run(self, what: str, text: str, place: int, stop: int) -> int:
        found = self._patterns[what].match(text, place, stop)
        assert found is not None  # none at all is a run as well
        self._taken += len(found[0].encode())
        return found.end()

    def _expression(self, forms: str) -> str:
        for group in ("(<)", _IN_QUOTES, _IN_TEXT):  # to note where those lie takes a third of the time
            forms = forms.replace(group, group[1:-1])
        return f"(?:(?:{forms}){_SPACE}*)*"


def _sketch(element: str, constant: frozenset[str]) -> tuple[str, str, int]:
    """The expression for elements like this one, this one with marks for values, and the number of groups."""
    pattern, marked, width = ["(<)"], ["<"], 1

    def literal(text: str) -> None:
        pattern.append(re.escape(text))
        marked.append(text)

    def value(group: str) -> None:
        nonlocal width
        pattern.append(group)
        marked.append(f"{_MARK}{width}")
        width += 1

    for tag in _TAG.finditer(element.rstrip(" \t\r\n")):
        begin, attributes, end, text = tag.groups()
        literal(begin if tag.start() else begin[1:])
        for space, name, cell in _ATTRIBUTE.findall(attributes):
            literal(f'{space}{name}="')
            literal(cell) if name in constant else value(_IN_QUOTES)
            literal('"')
        literal(end)
        is_leaf = not begin.startswith("</") and "/" not in end and element.startswith("</", tag.end())
        value(_IN_TEXT) if is_leaf else literal(text)
    return "".join(pattern), "".join(marked), width


def _group(text: str) -> int | str | None:
    """The group that a mark stands for; a text without marks stands for itself, and any other for nothing."""
    if _MARK not in text:
        return text
    mark = re.fullmatch(f"{_MARK}([0-9]+)", text)
    return None if mark is None else int(mark[1])


def _in_order(pieces: Sequence[tuple[Sequence[Any], ...]]) -> tuple[Sequence[Any], ...]:
    """The columns of several forms, in the order of their rows."""
    return tuple(zip(*sorted(row for piece in pieces for row in zip(*piece, strict=True)), strict=True))
