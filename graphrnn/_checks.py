"""Argument checks: each raises one sentence with the call, the rule, what came and the way out."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any

__all__ = ["boolean", "count", "finite", "fraction", "known", "nonnegative", "one_of", "positive", "text"]


def count(call: str, name: str, value: Any, minimum: int = 1) -> int:
    """A whole number of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"`{call}` needs a whole number for `{name}`; it got {value!r}.")
    if value < minimum:
        raise ValueError(f"`{call}` needs `{name}` of at least {minimum}; it got {value}.")
    return int(value)


def _number(call: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"`{call}` needs a number for `{name}`; it got {value!r}.")
    try:
        return float(value)
    except OverflowError as error:  # a whole number of hundreds of digits
        raise ValueError(f"`{call}` needs a number for `{name}` that a float can hold.") from error


def fraction(call: str, name: str, value: Any) -> float:
    """A number from 0 to 1."""
    number = _number(call, name, value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"`{call}` needs `{name}` from 0 to 1; it got {value!r}.")
    return number


def positive(call: str, name: str, value: Any) -> float:
    """A finite number above 0."""
    number = _number(call, name, value)
    if not 0.0 < number < math.inf:
        raise ValueError(f"`{call}` needs `{name}` to be finite and above 0; it got {value!r}.")
    return number


def nonnegative(call: str, name: str, value: Any) -> float:
    """A finite number of 0 or above."""
    number = _number(call, name, value)
    if not 0.0 <= number < math.inf:
        raise ValueError(f"`{call}` needs `{name}` to be finite and not below 0; it got {value!r}.")
    return number


def finite(call: str, name: str, value: Any) -> float:
    """A finite number."""
    number = _number(call, name, value)
    if not math.isfinite(number):
        raise ValueError(f"`{call}` needs `{name}` to be finite; it got {value!r}.")
    return number


def boolean(call: str, name: str, value: Any) -> bool:
    """True or False, nothing that merely looks like it."""
    if value is not True and value is not False:
        raise TypeError(f"`{call}` needs True or False for `{name}`; it got {value!r}.")
    return bool(value)


def text(call: str, name: str, value: Any) -> str:
    """A string that is not empty."""
    if not isinstance(value, str):
        raise TypeError(f"`{call}` needs a string for `{name}`; it got {value!r}.")
    if not value:
        raise ValueError(f"`{call}` needs a `{name}` that is not empty.")
    return value


def one_of(call: str, name: str, value: Any, choices: Iterable[str]) -> str:
    """One of a few words."""
    options = list(choices)
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"`{call}` needs `{name}` to be one of {', '.join(options)}; it got {value!r}.")
    return value


def known(call: str, what: str, value: Any, choices: Iterable[str]) -> str:
    """A name that exists; the error shows the nearest one."""
    options = list(choices)
    if isinstance(value, str) and value in options:
        return value
    near = difflib.get_close_matches(str(value), options, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else _listing(what, options)
    raise ValueError(f"`{call}` found no {what} named {value!r}. {hint}")


def _listing(what: str, options: list[str]) -> str:
    if not options:
        return f"There is no {what} yet."
    shown = ", ".join(repr(name) for name in options[:8])
    return f"There is {shown}{' and more' if len(options) > 8 else ''}."
