"""Connection rules as plain values of TOML, and back."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphrnn import _checks
from graphrnn.rules import (
    AllToAll,
    Bernoulli,
    BySign,
    DistanceDependent,
    ExcitatoryOnly,
    Explicit,
    Exponential,
    FixedIndegree,
    FixedOutdegree,
    FixedTotalNumber,
    Gaussian,
    OneToOne,
    Rule,
    as_rule,
)

__all__ = ["known_keys", "read_rule", "rule_record"]

_RULES: dict[str, type] = {
    rule.__name__: rule
    for rule in (
        AllToAll,
        OneToOne,
        Bernoulli,
        FixedIndegree,
        FixedOutdegree,
        FixedTotalNumber,
        DistanceDependent,
        BySign,
        ExcitatoryOnly,
        Explicit,
    )
}
_PROFILES: dict[str, type] = {profile.__name__: profile for profile in (Gaussian, Exponential)}


def read_rule(where: str, value: Any) -> Rule:
    """The rule that a value of TOML describes; `where` names the file and the projection."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return as_rule(where, value)
    rule: Rule = _build(where, "rule", value, _RULES)
    return rule


def _build(where: str, what: str, value: Any, classes: Mapping[str, type]) -> Any:
    """A dataclass from the table `{ type = ..., field = ... }`, or from its type alone."""
    table = {"type": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or "type" not in table:
        first = "a density, " if what == "rule" else ""
        raise TypeError(
            f"`{where}` needs its {what} to be {first}one of {', '.join(classes)}, or a table with such a "
            f"`type`; it got {value!r}."
        )
    chosen = classes[_checks.known(where, what, table["type"], classes)]
    fields = dataclasses.fields(chosen)
    known_keys(where, f"its {what}", table, ["type", *(field.name for field in fields)])
    for field in fields:
        if field.default is dataclasses.MISSING and field.name not in table:
            raise ValueError(f"`{where}` needs `{field.name}` in its {what} {chosen.__name__}.")
    given = {key: _argument(where, chosen, key, part) for key, part in table.items() if key != "type"}
    try:
        return chosen(**given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{where}` has a {what} that cannot be: {error}") from error


def _argument(where: str, chosen: type, key: str, value: Any) -> Any:
    if chosen in (BySign, ExcitatoryOnly):
        return read_rule(where, value)
    if key == "profile":
        return _build(where, "profile", value, _PROFILES)
    if chosen is Explicit:
        return _numbers(where, key, value)
    if isinstance(value, list):
        return tuple(_numbers(where, key, value))
    return value


def _numbers(where: str, key: str, value: Any) -> list[Any]:
    """A list of numbers."""
    if not isinstance(value, list) or not all(type(number) in (int, float) for number in value):
        raise TypeError(f"`{where}` needs a list of numbers for `{key}`; it got {_short(value)}.")
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."


def known_keys(where: str, what: str, table: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Refuse a key that means nothing."""
    known = list(keys)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(known)}."
            raise ValueError(f"`{where}` does not know the key {key!r} in {what}. {hint}")


def rule_record(where: str, rule: Rule) -> Any:
    """What `read_rule` takes back: a density, the name of a rule or a table."""
    if type(rule) is Bernoulli:
        return rule.p
    return _record(where, "rule", rule, _RULES)


def _record(where: str, what: str, thing: Any, classes: Mapping[str, type]) -> Any:
    kind = type(thing)
    if classes.get(kind.__name__) is not kind:
        raise ValueError(
            f"`{where}` cannot write the {what} {thing!r}; a .toml file holds {', '.join(classes)}. "
            "Compile the graph and write the network to a .npz file."
        )
    record: dict[str, Any] = {"type": kind.__name__}
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        if isinstance(value, Rule):
            record[field.name] = rule_record(where, value)
        elif field.name == "profile":
            record[field.name] = _record(where, "profile", value, _PROFILES)
        elif isinstance(value, np.ndarray | tuple):
            record[field.name] = np.asarray(value).tolist()
        elif value is not None and value != field.default:
            record[field.name] = value
    return record if len(record) > 1 else kind.__name__
