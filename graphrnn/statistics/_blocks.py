"""Degrees, weights, delays and lengths of the synapses between each pair of nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Connectome
from graphrnn.statistics._implied import coordinates, distances, read_rule
from graphrnn.statistics._tally import Floats, Ints, block_sums, ratio, rows_of

__all__ = ["block_tables", "lengths"]


def block_tables(net: Connectome, which: str) -> dict[str, NDArray[Any]]:
    """Per column of the table of projections, the (post node, pre node) values of one matrix."""
    synapses = net.synapses(which)
    strength = None if synapses.weight is None else np.abs(synapses.weight)
    count = net.counts(which)
    return {
        "synapses": count,
        **_degrees(net, which),
        **_spread(net, which, count, "weight", synapses.weight),
        "strength_mean": _mean(net, which, count, strength),
        **_spread(net, which, count, "delay", synapses.delay),
        **_spread(net, which, count, "distance", lengths(net) if which == "hidden" else None),
    }


def _degrees(net: Connectome, which: str) -> dict[str, NDArray[Any]]:
    posts, pres = net.ends(which)
    synapses, starts = net.synapses(which), [node.start for node in pres]
    shape = (len(posts), len(pres))
    names = ("mean", "sd", "min", "max", "any")
    tables = {side: {name: np.zeros(shape) for name in names} for side in ("in", "out")}
    size = np.array([node.size for node in pres], float)
    for i, (post, rows, source) in enumerate(rows_of(net, which) if pres else ()):
        key = (synapses.post[rows] - post.start).astype(np.int64) * len(pres) + source
        onto = np.bincount(key, minlength=post.size * len(pres)).reshape(post.size, len(pres))
        side = tables["in"]
        side["mean"][i], side["sd"][i] = onto.mean(axis=0), onto.std(axis=0)
        side["min"][i], side["max"][i] = onto.min(axis=0), onto.max(axis=0)
        side["any"][i] = (onto > 0).mean(axis=0)
        away = np.bincount(synapses.pre[rows], minlength=synapses.shape[1])
        mean = np.add.reduceat(away, starts) / size
        deviation = away - np.repeat(mean, size.astype(int))
        side = tables["out"]
        side["mean"][i], side["sd"][i] = mean, np.sqrt(np.add.reduceat(deviation**2, starts) / size)
        side["min"][i], side["max"][i] = (f.reduceat(away, starts) for f in (np.minimum, np.maximum))
        side["any"][i] = np.add.reduceat((away > 0).astype(np.int64), starts) / size
    columns: dict[str, NDArray[Any]] = {}
    for name, side in tables.items():
        columns |= {
            f"{name}_degree_mean": side["mean"],
            f"{name}_degree_sd": side["sd"],
            f"{name}_degree_cv": ratio(side["sd"], side["mean"]),
            f"{name}_degree_min": side["min"].astype(np.int64),
            f"{name}_degree_max": side["max"].astype(np.int64),
        }
    return columns | {"targets_reached": tables["in"]["any"], "sources_used": tables["out"]["any"]}


def _mean(net: Connectome, which: str, count: Ints, values: NDArray[Any] | None) -> Floats:
    if values is None:
        return np.full(count.shape, np.nan)
    return ratio(block_sums(net, values, which), count)


def _spread(
    net: Connectome, which: str, count: Ints, name: str, values: NDArray[Any] | None
) -> dict[str, Floats]:
    """Mean, standard deviation and extremes of (synapse,) values by block; NaN where there is none."""
    mean = _mean(net, which, count, values)
    if values is None:
        return {f"{name}_{summary}": mean for summary in ("mean", "sd", "min", "max")}
    square, low, high = (np.full(mean.shape, start) for start in (0.0, np.inf, -np.inf))
    for i, (_, rows, source) in enumerate(rows_of(net, which)):
        part = values[rows]
        square[i] = np.bincount(source, (part - mean[i][source]) ** 2, minlength=mean.shape[1])
        np.fmin.at(low[i], source, part)
        np.fmax.at(high[i], source, part)
    nothing = np.isnan(mean)  # no synapse, or one of unknown value
    return {
        f"{name}_mean": mean,
        f"{name}_sd": np.sqrt(ratio(square, count)),
        f"{name}_min": np.where(nothing, np.nan, low),
        f"{name}_max": np.where(nothing, np.nan, high),
    }


def lengths(net: Connectome) -> Floats | None:
    """(synapse,) length of each hidden synapse; NaN between areas without places in one space.

    Straight through space, or the short way round where the projection's rule wraps it.
    """
    if net.positions is None:
        return None
    place = {area.name: coordinates(net, area) for area in net.areas}
    rules = {(p.post, p.pre): read_rule(p.rule) for p in net.projections}
    length = np.full(net.hidden.size, np.nan)
    for post, rows, source in rows_of(net, "hidden"):
        there = place[post.name]
        order = rows.start + np.argsort(source, kind="stable")
        stops = np.cumsum(np.bincount(source, minlength=len(net.areas)))
        for pre, own in zip(net.areas, np.split(order, stops[:-1]), strict=True):
            here = place[pre.name]
            if here is None or there is None or here.shape[1] != there.shape[1]:
                continue
            ends = there[net.hidden.post[own] - post.start], here[net.hidden.pre[own] - pre.start]
            length[own] = distances(*ends, rules.get((post.name, pre.name)))
    return length
