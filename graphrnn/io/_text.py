"""TOML for people to read: short lists and tables in one line, long lists wrapped."""

from __future__ import annotations

import re
import textwrap
from typing import Any

__all__ = ["toml_text"]

_WIDTH = 100


def toml_text(document: dict[str, Any]) -> str:
    """The document as text: its plain values first, then each table under its heading."""
    sections = ["\n".join(_line(key, value) for key, value in document.items() if not _is_section(value))]
    for key, value in document.items():
        if isinstance(value, dict):
            sections.append("\n".join([f"[{_key(key)}]", *(_line(k, v) for k, v in value.items())]))
        elif _is_section(value):
            heading = f"[[{_key(key)}]]"
            sections += ["\n".join([heading, *(_line(k, v) for k, v in table.items())]) for table in value]
    return "\n\n".join(section for section in sections if section) + "\n"


def _is_section(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _line(key: str, value: Any) -> str:
    return f"{_key(key)} = {_value(value)}"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    import tomli_w

    if isinstance(value, list):
        return _list([_value(item) for item in value], wrap=not _has_text(value))
    if isinstance(value, dict):
        return "{ " + ", ".join(_line(key, item) for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return tomli_w.dumps({"_": value})[len("_ = ") : -1]


def _list(items: list[str], wrap: bool) -> str:
    line = f"[{', '.join(items)}]"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    if wrap:
        words = textwrap.wrap(line[1:-1], _WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    else:
        words = [f"{item}," for item in items]
    return "\n".join(["[", *(f"    {word}" for word in words), "]"])


def _has_text(value: Any) -> bool:
    """Whether text stands anywhere in a list, in which no space may become a line break."""
    if isinstance(value, list):
        return any(_has_text(item) for item in value)
    return not isinstance(value, int | float)
