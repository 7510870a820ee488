"""Numbers that belong to ordered pairs of areas, in the forms in which users have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks

__all__ = ["both_ways", "pair_table"]


def pair_table(
    call: str, name: str, given: Any, areas: Sequence[str], *, symmetric: bool = False
) -> NDArray[np.float64]:
    """(post, pre) numbers between areas, NaN where none is given.

    Args:
        call: the user's call, for messages.
        name: the argument's name, for messages.
        given: a mapping from (pre, post) to a number; a DataFrame with rows post and columns pre; or a
            (post, pre) array in the order of the areas. Rows and columns of other areas are not looked at.
        areas: the areas, in order.
        symmetric: as `both_ways`.

    Raises:
        ValueError: for another shape, an area that is named by no number and no row, or an infinite number.
    """
    table = _table(call, name, given, list(areas))
    if np.isinf(table).any():
        raise ValueError(f"`{call}` needs finite numbers in `{name}`; some are infinite.")
    return both_ways(table) if symmetric else table


def both_ways(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """A square table in which a number that one way alone has stands for the other way too.

    A way has none where it is NaN, or 0 as in the empty half of a triangular matrix.
    """
    other = table.T
    return np.where(np.isnan(table) | ((table == 0) & (other > 0)), other, table)


def _table(call: str, name: str, given: Any, areas: list[str]) -> NDArray[np.float64]:
    place = {area: i for i, area in enumerate(areas)}
    if isinstance(given, Mapping):
        return _from_pairs(call, name, given, place)
    if hasattr(given, "columns") and hasattr(given, "index"):
        return _from_frame(call, name, given, place)
    try:
        array = np.array(given, np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(_forms(call, name, type(given).__name__)) from error
    if array.shape != (len(areas), len(areas)):
        raise ValueError(_forms(call, name, f"shape {array.shape} for {len(areas)} areas"))
    return array


def _from_pairs(call: str, name: str, given: Mapping[Any, Any], place: dict[str, int]) -> NDArray[np.float64]:
    table = np.full((len(place), len(place)), np.nan)
    for pair, value in given.items():
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(_forms(call, name, f"the key {pair!r}"))
        pre, post = (_checks.known(call, "area", end, place) for end in pair)
        table[place[post], place[pre]] = _checks.finite(f"{call}, {pre!r} → {post!r}", name, value)
    return table


def _from_frame(call: str, name: str, given: Any, place: dict[str, int]) -> NDArray[np.float64]:
    rows, columns = ([str(label) for label in axis] for axis in (given.index, given.columns))
    for what, labels in (("row", rows), ("column", columns)):
        if len(set(labels)) < len(labels):
            raise ValueError(f"`{call}` needs each area in one {what} of `{name}`; some are there twice.")
        if not set(labels) & set(place):
            shown = ", ".join(map(repr, labels[:3]))
            raise ValueError(f"`{call}` needs areas as {what}s of `{name}`; none of {shown} is one.")
    try:
        numbers = given.to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{call}` needs numbers in the table `{name}`.") from error
    table = np.full((len(place), len(place)), np.nan)
    own = [
        [(i, place[label]) for i, label in enumerate(labels) if label in place] for labels in (rows, columns)
    ]
    from_rows, to_rows = zip(*own[0], strict=True)
    from_columns, to_columns = zip(*own[1], strict=True)
    table[np.ix_(to_rows, to_columns)] = numbers[np.ix_(from_rows, from_columns)]
    return table


def _forms(call: str, name: str, came: str) -> str:
    return (
        f"`{call}` needs `{name}` as a mapping from (pre, post) areas to numbers, a DataFrame with rows post "
        f"and columns pre, or a (post, pre) array in the order of the areas; it got {came}."
    )
