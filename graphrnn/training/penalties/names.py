"""Penalties by name: those that a file can ask for, and those that `fit` is given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from graphrnn import _checks
from graphrnn.training.penalties.penalty import Penalty
from graphrnn.training.penalties.rates import Dimensionality, Entropy, Rates, RateSpread, StatePrediction
from graphrnn.training.penalties.synapses import Hebbian, Metabolic, Weights, WiringCost

__all__ = ["PENALTIES", "named_penalties"]

PENALTIES: dict[str, type[Penalty]] = {
    kind.__name__: kind
    for kind in (
        Rates,
        RateSpread,
        Entropy,
        Weights,
        WiringCost,
        Metabolic,
        Dimensionality,
        StatePrediction,
        Hebbian,
    )
}


def named_penalties(call: str, given: Any) -> dict[str, Penalty]:
    """The penalties under their names: the user's own, or those of their classes for a list.

    Raises:
        TypeError: for something that is no penalty.
        ValueError: for two of one name, or a name that is no column's.
    """
    if given is None:
        return {}
    if isinstance(given, Penalty):
        given = [given]
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, Iterable):
        pairs = [(_name(penalty), penalty) for penalty in given]
    else:
        raise TypeError(f"`{call}` needs penalties, or a mapping from names to them; it got {given!r}.")
    found: dict[str, Penalty] = {}
    for name, penalty in pairs:
        if not isinstance(penalty, Penalty):
            raise TypeError(
                f"`{call}` needs penalties of graphrnn.training, such as Rates(0.01); it got {penalty!r}."
            )
        _checks.text(call, "name", name)
        if name in found:
            raise ValueError(
                f"`{call}` has two penalties named {name!r}. Give a mapping with a name for each of them."
            )
        found[name] = penalty
    return found


def _name(penalty: Any) -> str:
    """rate_spread of RateSpread."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(penalty).__name__).lower()
