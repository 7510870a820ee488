"""Where the synapses of a neuron come from and go to: degrees, kinds, signs and areas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import HIDDEN_KINDS, Connectome, kind_between
from graphrnn.statistics._tally import Floats, area_mean, block_sums, per_area, ratio, rows_of

__all__ = ["balance_columns", "participation_columns", "share_columns", "spread", "strengths"]

_SHARES = (*HIDDEN_KINDS, "input")


def strengths(net: Connectome) -> tuple[Floats, Floats]:
    """(neuron,) the sum of |w| over the synapses onto and from each neuron; NaN where weights are unknown."""
    hidden = net.hidden
    if hidden.weight is None:
        nowhere = np.full(net.n_neurons, np.nan)
        return nowhere, nowhere
    size = np.abs(hidden.weight)
    onto: Floats = np.bincount(hidden.post, size, minlength=net.n_neurons).astype(float)
    away: Floats = np.bincount(hidden.pre, size, minlength=net.n_neurons).astype(float)
    return onto, away


def spread(net: Connectome, name: str, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Mean, standard deviation, coefficient of variation and extremes of (neuron,) values by area."""
    size = np.array([area.size for area in net.areas])
    mean = per_area(net, np.add, values) / size
    deviation = values - mean[net.area_index]
    sd = np.sqrt(per_area(net, np.add, deviation**2) / size)
    return {
        f"{name}_mean": mean,
        f"{name}_sd": sd,
        f"{name}_cv": ratio(sd, mean),
        f"{name}_min": per_area(net, np.minimum, values),
        f"{name}_max": per_area(net, np.maximum, values),
    }


def share_columns(net: Connectome) -> dict[str, NDArray[Any]]:
    """Of what an area receives, the fraction of each kind, by number and by weight, and the asymmetry."""
    number = {which: net.counts(which).astype(float) for which in ("input", "hidden")}
    strength = {which: _strength(net, which, number[which]) for which in number}
    kinds = {which: _kinds(net, which) for which in number}
    columns: dict[str, NDArray[Any]] = {}
    for prefix, amount in (("", number), ("weight_", strength)):
        of_kind = {
            kind: np.sum([np.where(kinds[w] == i, amount[w], 0.0).sum(axis=1) for w in amount], axis=0)
            for i, kind in enumerate(_SHARES)
        }
        total = np.sum(list(of_kind.values()), axis=0)
        columns |= {f"{prefix}share_{kind}": ratio(of_kind[kind], total) for kind in _SHARES}
        forward, backward = of_kind["forward"], of_kind["backward"]
        columns[f"{prefix}asymmetry"] = ratio(forward - backward, forward + backward)
    order = [f"share_{kind}" for kind in _SHARES] + ["asymmetry"]
    return {name: columns[name] for name in (*order, *(f"weight_{name}" for name in order))}


def _strength(net: Connectome, which: str, count: Floats) -> Floats:
    """(post node, pre node) sum of |w|; NaN where there are synapses without known weights."""
    weight = net.synapses(which).weight
    if weight is None:
        return np.where(count > 0, np.nan, 0.0)
    return block_sums(net, np.abs(weight), which)


def _kinds(net: Connectome, which: str) -> NDArray[np.int8]:
    """(post node, pre node) the place in `_SHARES` of the kind of what runs between two nodes."""
    posts, pres = net.ends(which)
    place = {kind: i for i, kind in enumerate(_SHARES)}
    row, column = ({node.name: i for i, node in enumerate(axis)} for axis in (posts, pres))
    table = np.full((len(posts), len(pres)), -1, np.int8)
    for p in net.projections:
        if p.post in row and p.pre in column:
            table[row[p.post], column[p.pre]] = place[p.kind]
    for i, j in np.argwhere((table < 0) & (net.counts(which) > 0)).tolist():
        table[i, j] = place[kind_between(pres[j], posts[i])]
    return table


def balance_columns(net: Connectome) -> dict[str, NDArray[Any]]:
    """How far excitation outweighs inhibition onto a neuron, by number and by weight."""
    hidden, n = net.hidden, net.n_neurons
    sign = net.sign[hidden.pre]
    excitatory = np.bincount(hidden.post[sign > 0], minlength=n)
    inhibitory = np.bincount(hidden.post[sign < 0], minlength=n)
    every = np.ones(n, bool)
    columns: dict[str, NDArray[Any]] = {
        "excitatory_in_degree": area_mean(net, excitatory, every),
        "inhibitory_in_degree": area_mean(net, inhibitory, every),
        **_balance(net, "ei_balance", excitatory, inhibitory),
    }
    if hidden.weight is None:
        nowhere = np.full(len(net.areas), np.nan)
        names = ["excitatory_in_strength", "inhibitory_in_strength"]
        names += ["weight_ei_balance_mean", "weight_ei_balance_sd"]
        return columns | dict.fromkeys(names, nowhere)
    positive = np.bincount(hidden.post, np.maximum(hidden.weight, 0.0), minlength=n)
    negative = np.bincount(hidden.post, np.maximum(-hidden.weight, 0.0), minlength=n)
    return columns | {
        "excitatory_in_strength": area_mean(net, positive, every),
        "inhibitory_in_strength": area_mean(net, negative, every),
        **_balance(net, "weight_ei_balance", positive, negative),
    }


def _balance(net: Connectome, name: str, more: NDArray[Any], less: NDArray[Any]) -> dict[str, Floats]:
    balance = ratio(more - less, more + less)
    defined = more + less != 0  # a NaN, an unknown weight, stays in and makes its area's mean NaN
    mean = area_mean(net, balance, defined)
    square = area_mean(net, (balance - mean[net.area_index]) ** 2, defined)
    return {f"{name}_mean": mean, f"{name}_sd": np.sqrt(square)}


def participation_columns(net: Connectome) -> dict[str, NDArray[Any]]:
    """1 - Σ (k_a / k)² over the areas a that share the k synapses on one side of a neuron; mean by area."""
    columns = _participation(net, None, "")
    if net.hidden.weight is None:
        return columns | {f"weight_{name}": np.full(len(net.areas), np.nan) for name in columns}
    return columns | _participation(net, np.abs(net.hidden.weight), "weight_")


def _participation(net: Connectome, amount: Floats | None, prefix: str) -> dict[str, Floats]:
    n, n_areas = net.n_neurons, len(net.areas)
    squares, totals = np.zeros((2, n)), np.zeros((2, n))  # in, out
    for area, rows, source in rows_of(net, "hidden"):
        part = None if amount is None else amount[rows]
        key = (net.hidden.post[rows] - area.start).astype(np.int64) * n_areas + source
        received = np.bincount(key, part, minlength=area.size * n_areas).reshape(area.size, n_areas)
        squares[0, area.slice] = (received.astype(float) ** 2).sum(axis=1)
        totals[0, area.slice] = received.sum(axis=1)
        sent = np.bincount(net.hidden.pre[rows], part, minlength=n).astype(float)
        squares[1] += sent**2
        totals[1] += sent
    return {
        f"{prefix}participation_{side}": area_mean(
            net, 1.0 - ratio(squares[i], totals[i] ** 2), totals[i] != 0
        )
        for i, side in enumerate(("in", "out"))
    }
