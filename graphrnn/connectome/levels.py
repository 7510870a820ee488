"""Levels of areas, kinds of projections, delays of synapses: what is known beside the wiring."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome.nodes import HIDDEN_KINDS, Projection, kind_between
from graphrnn.connectome.pairs import pair_table

if TYPE_CHECKING:
    from graphrnn.connectome.core import Connectome

__all__ = [
    "fields_with_delays",
    "fields_with_kinds",
    "fields_with_levels",
    "levels_by_area",
    "recorded_distances",
]


def levels_by_area(call: str, levels: Any, areas: Iterable[str]) -> dict[str, float | None]:
    """The level of each area that is named, from a mapping or a pandas Series; None for NaN too.

    Raises:
        TypeError: for anything else.
        ValueError: for an unknown area or an infinite level.
    """
    if not isinstance(levels, Mapping):
        if not hasattr(levels, "to_dict") or hasattr(levels, "columns"):
            raise TypeError(
                f"`{call}` needs levels as a mapping from area names or a pandas Series; it got "
                f"{type(levels).__name__}."
            )
        levels = levels.to_dict()
    names = list(areas)
    found: dict[str, float | None] = {}
    for name, level in levels.items():
        unknown = level is None or (isinstance(level, float) and math.isnan(level))
        number = None if unknown else _checks.finite(call, f"level of {name!r}", level)
        found[_checks.known(call, "area", name, names)] = number
    return found


def fields_with_levels(net: Connectome, levels: Any) -> dict[str, Any]:
    """The areas with other levels and the projections with the kinds that follow."""
    new = levels_by_area("net.with_levels(...)", levels, [area.name for area in net.areas])
    areas = tuple(dataclasses.replace(area, level=new.get(area.name)) for area in net.areas)
    before, after = ({area.name: area for area in axis} for axis in (net.areas, areas))

    def kind(p: Projection) -> str:
        if p.kind in ("input", "readout", "within"):
            return p.kind
        given = p.kind != kind_between(before[p.pre], before[p.post])
        return p.kind if given else kind_between(after[p.pre], after[p.post])

    return {
        "areas": areas,
        "projections": tuple(dataclasses.replace(p, kind=kind(p)) for p in net.projections),
    }


def fields_with_kinds(net: Connectome, kinds: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """The projections with the kinds given by (pre, post)."""
    call = "net.with_kinds(...)"
    names = [area.name for area in net.areas]
    if not isinstance(kinds, Mapping):
        raise TypeError(
            f"`{call}` needs a mapping from (pre, post) areas to kinds; it got {type(kinds).__name__}."
        )
    for pair, kind in kinds.items():
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(f"`{call}` needs (pre, post) pairs of areas as keys; it got {pair!r}.")
        pre, post = (_checks.known(call, "area", end, names) for end in pair)
        fits = ("within",) if pre == post else tuple(k for k in HIDDEN_KINDS if k != "within")
        _checks.one_of(f"{call}, {pre!r} → {post!r}", "kind", kind, fits)
    return {
        "projections": tuple(
            dataclasses.replace(p, kind=kinds.get((p.pre, p.post), p.kind)) for p in net.projections
        )
    }


def fields_with_delays(net: Connectome, distances: Any, velocity: float, shortest: float) -> dict[str, Any]:
    """The hidden synapses with a delay each: distance in mm over velocity in m/s is ms."""
    call = "net.with_delays(...)"
    velocity = _checks.positive(call, "velocity", velocity)
    shortest = _checks.nonnegative(call, "shortest", shortest)
    length = _between_neurons(call, net) if distances is None else _between_areas(call, net, distances)
    delay = np.maximum(length / velocity, shortest)
    return {"hidden": dataclasses.replace(net.hidden, delay=delay)}


def recorded_distances(distances: Any) -> Any:
    """Distances between areas as a provenance keeps them: by pair, or as an array."""
    if distances is None or isinstance(distances, Mapping):
        return distances
    return np.asarray(distances, np.float64)


def _between_neurons(call: str, net: Connectome) -> NDArray[np.float64]:
    if net.positions is None:
        raise ValueError(
            f"`{call}` without distances needs positions of the neurons, in mm; there are none. Give "
            "`distances` between areas."
        )
    difference = net.positions[net.hidden.post] - net.positions[net.hidden.pre]
    length = np.sqrt((difference**2).sum(1))
    if missing := int(np.isnan(length).sum()):
        raise ValueError(
            f"`{call}` needs positions at both ends of every synapse; {missing} of {net.hidden.size} lack "
            "one. Give `distances` between areas."
        )
    return length


def _between_areas(call: str, net: Connectome, distances: Any) -> NDArray[np.float64]:
    names = [area.name for area in net.areas]
    table = pair_table(call, "distances", distances, names, symmetric=True)
    diagonal = np.diag_indices(len(names))
    table[diagonal] = np.nan_to_num(table[diagonal], nan=0.0)
    if (table < 0).any():
        raise ValueError(f"`{call}` needs distances of 0 mm or more; some are negative.")
    length = table[net.area_index[net.hidden.post], net.area_index[net.hidden.pre]]
    if np.isnan(length).any():
        k = int(np.argmax(np.isnan(length)))
        pre, post = (names[net.area_index[end[k]]] for end in (net.hidden.pre, net.hidden.post))
        raise ValueError(
            f"`{call}` needs a distance for every pair of areas with synapses; {pre!r} → {post!r} has none."
        )
    return length
