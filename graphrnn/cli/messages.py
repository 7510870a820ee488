"""The library's errors as the command line says them: about files and options, not about Python calls."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from graphrnn import rules

__all__ = ["about", "plain"]

_CALL = re.compile(r"^`([^`]*)`,? ")
_PYTHON = re.compile(r"`[^`]*\(|\b[\w.]+\(")
_NAME = re.compile(r"`(\w+)`")
_OWN = {"preact_noise": "noise", "columns": "column"}  # options that have another name in the library
_CHOICE = re.compile(r"\b(\w+)='([^']*)'")
_COLUMNS = re.compile(r"columns=\{([^}]*)\}")
_SENTENCE = re.compile(r"(?<=[.?!]) (?=[A-Z`])")


def plain(message: str, options: Collection[str] = ()) -> str:
    """A message without the call that it begins with, and without sentences of advice in Python.

    Args:
        message: of one of the library's errors, or of the command line's own.
        options: names that can be given as `--name`; an argument of that name is written so.
    """
    call = _CALL.match(message)
    if call and call[1].partition("(")[0] in rules.__all__:  # a rule stands so in the tables and the files
        message = f"{call[1]} {message[call.end() :]}"
    first, *rest = _SENTENCE.split(_CALL.sub("", message))
    kept = [first, *(sentence for sentence in rest if not _PYTHON.search(sentence))]

    def option(match: re.Match[str]) -> str:
        name = _OWN.get(match[1], match[1])
        return f"--{name.replace('_', '-')}" if name in options else match[0]

    def choice(match: re.Match[str]) -> str:
        return f"--{match[1]} {match[2]}" if match[1] in options else match[0]

    said = _COLUMNS.sub(_as_options, " ".join(kept))
    return _CHOICE.sub(choice, _NAME.sub(option, said))


def _as_options(columns: re.Match[str]) -> str:
    """What stands for columns={...} on the command line; a column of None is left out by an empty name."""
    given = re.findall(r"'(\w+)': (None|\.\.\.)", columns[1])
    return " ".join(f"--column {name}={'' if value == 'None' else 'NAME'}" for name, value in given)


@contextmanager
def about(file: str, options: Collection[str] = ()) -> Iterator[None]:
    """Errors that arise inside begin with the file that they are about.

    Args:
        file: its name, as it was typed.
        options: as in `plain`; a message about one of them is not about the file.
    """
    try:
        yield
    except (ValueError, TypeError, ImportError) as error:
        said = plain(str(error), options)
        named = repr(file) in said or (options and "--" in said)
        raise type(error)(said if named else f"{file}: {said}") from error
