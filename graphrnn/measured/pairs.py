"""Numbers between areas, in the forms in which they are published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphrnn import _checks
from graphrnn.connectome.pairs import pair_table

if TYPE_CHECKING:
    import pandas

__all__ = ["numbers_of_pairs"]


def numbers_of_pairs(call: str, name: str, given: Any) -> dict[tuple[str, str], float]:
    """The number of each (pre, post) pair that has one.

    Args:
        call: the user's call, for messages.
        name: the argument's name, and that of the column in a long table.
        given: a mapping from (pre, post); a DataFrame with columns `pre`, `post` and `name`, a row per pair;
            or a square DataFrame with rows post and columns pre.

    Raises:
        TypeError: for anything else.
        ValueError: for a missing column, a pair given twice, or what is no finite number.
    """
    import pandas as pd

    if isinstance(given, Mapping):
        return _listed(call, name, [(pair, value) for pair, value in given.items()])
    if not isinstance(given, pd.DataFrame):
        raise TypeError(
            f"`{call}` needs `{name}` as a mapping from (pre, post) areas to numbers, a DataFrame "
            "with columns pre, "
            f"post and {name}, or a DataFrame with rows post and columns pre; it got {type(given).__name__}."
        )
    if {"pre", "post"} <= set(given.columns) or _is_list(given):
        if not {"pre", "post", name} <= set(given.columns):
            raise ValueError(
                f"`{call}` needs the columns pre, post and {name}, or a table with rows post and columns "
                f"pre; this one has {', '.join(map(str, given.columns)) or 'none'}. Rename them with "
                "DataFrame.rename."
            )
        rows = given[["pre", "post", name]].dropna()
        ends = zip(rows["pre"].map(str), rows["post"].map(str), strict=True)
        return _listed(call, name, list(zip(ends, rows[name].tolist(), strict=True)))
    areas = list(dict.fromkeys(map(str, [*given.index, *given.columns])))
    table = pair_table(call, name, given, areas)
    return {
        (pre, post): float(table[i, j])
        for i, post in enumerate(areas)
        for j, pre in enumerate(areas)
        if not math.isnan(table[i, j])
    }


def _is_list(table: pandas.DataFrame) -> bool:
    """Whether a table without `pre` and `post` lists pairs all the same: no row is named as a column."""
    texts = [column for column in table.columns if table[column].dtype.kind not in "iufb"]
    return bool(texts) and not set(map(str, table.index)) & set(map(str, table.columns))


def _listed(call: str, name: str, items: list[tuple[Any, Any]]) -> dict[tuple[str, str], float]:
    numbers: dict[tuple[str, str], float] = {}
    for pair, value in items:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(
                f"`{call}` needs (pre, post) pairs of areas as keys of `{name}`; it got {pair!r}."
            )
        pre, post = (_checks.text(call, "area", str(end)) for end in pair)
        if (pre, post) in numbers:
            raise ValueError(
                f"`{call}` needs one number for each pair in `{name}`; {pre!r} → {post!r} has two."
            )
        numbers[pre, post] = _checks.finite(f"{call}, {pre!r} → {post!r}", name, value)
    return numbers
