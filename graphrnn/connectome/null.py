"""Null models: the same network, wired at random under what is kept."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn._rewire import switch
from graphrnn._streams import stream
from graphrnn.connectome.nodes import Node, Projection, kind_between
from graphrnn.connectome.synapses import Synapses
from graphrnn.rules import draw_distinct

if TYPE_CHECKING:
    from graphrnn.connectome.core import Connectome

__all__ = ["fields_rewired"]

_KEPT = ("degrees", "in_degrees", "out_degrees", "counts")
_WITHIN = ("projection", "kind", "network")

Ints = NDArray[np.int64]


def fields_rewired(net: Connectome, keep: str, within: str, rounds: int, root: int) -> dict[str, Any]:
    """The fields of `net` that change when its hidden synapses are rewired.

    Self-connections stay as they are, and none is made.

    Args:
        net: the network.
        keep: what stays, see `net.rewired`.
        within: the blocks that it stays in, see `net.rewired`.
        rounds: of switching, where both degrees stay.
        root: the seed.
    """
    _check(keep, within, rounds)
    rng = stream(root, "rewired", keep, within)
    pairs = _blocks_of_pairs(net, within)
    hidden = net.hidden
    block = pairs[net.area_index[hidden.post], net.area_index[hidden.pre]]
    moving = hidden.pre != hidden.post
    post, pre = hidden.post.astype(np.int64), hidden.pre.astype(np.int64)
    if keep == "degrees":
        pre, post = switch(pre, post, net.n_neurons, rng, rounds, block)
    else:
        free = np.flatnonzero(moving)
        new_post, new_pre, new_block = _drawn(net, keep, pairs, post[free], pre[free], block[free], rng)
        owner = {"in_degrees": (post, new_post), "out_degrees": (pre, new_pre)}.get(keep)
        old, new = (np.zeros(free.size, np.int64), np.zeros(free.size, np.int64))
        if owner is not None:
            old, new = owner[0][free], owner[1]
        # Each new synapse takes weight, delay and type of an old one of its block (and of its neuron).
        to = free[_dealt(block[free], old, rng)]
        which = _dealt(new_block, new, rng)
        post[to], pre[to] = new_post[which], new_pre[which]
    rewired = Synapses.from_pairs(
        hidden.shape,
        post,
        pre,
        weight=hidden.weight,
        delay=hidden.delay,
        type=hidden.type,
        types=hidden.types,
    )
    return {"hidden": rewired, "projections": _projections(net, rewired, f"rewired, {keep} kept")}


def _check(keep: str, within: str, rounds: int) -> None:
    call = "net.rewired(...)"
    _checks.one_of(call, "keep", keep, _KEPT)
    _checks.one_of(call, "within", within, _WITHIN)
    _checks.count(call, "rounds", rounds, minimum=0)
    if (keep, within) == ("degrees", "kind"):
        raise ValueError(
            f"`{call}` cannot keep degrees within kinds: two synapses of a kind that switch targets may "
            "both leave it. Use within='projection', or keep='in_degrees'."
        )


def _blocks_of_pairs(net: Connectome, within: str) -> Ints:
    """(post area, pre area) the number of the block that a pair of areas belongs to."""
    n = len(net.areas)
    if within == "network":
        return np.zeros((n, n), np.int64)
    if within == "projection":
        return np.arange(n * n).reshape(n, n)
    kinds = {(p.post, p.pre): p.kind for p in net.projections}
    table = [
        [kinds.get((post.name, pre.name)) or kind_between(pre, post) for pre in net.areas]
        for post in net.areas
    ]
    return np.unique(table, return_inverse=True)[1].reshape(n, n).astype(np.int64)


def _dealt(block: Ints, owner: Ints, rng: np.random.Generator) -> Ints:
    """The synapses by block and owner, in random order within each."""
    return np.lexsort((rng.random(block.size), owner, block))


def _drawn(
    net: Connectome, keep: str, pairs: Ints, post: Ints, pre: Ints, block: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """New (post, pre, block) with as many synapses of each neuron or block as there were."""
    parts = []
    for number in np.unique(block).tolist():
        own = block == number
        allowed = pairs == number
        if keep == "in_degrees":
            for target in np.flatnonzero(allowed.any(1)).tolist():
                parts.append(_per_neuron(net.areas, target, allowed[target], post[own], rng))
        elif keep == "out_degrees":
            for source in np.flatnonzero(allowed.any(0)).tolist():
                new_pre, new_post = _per_neuron(net.areas, source, allowed[:, source], pre[own], rng)
                parts.append((new_post, new_pre))
        else:
            parts.append(_total(net.areas, allowed, int(own.sum()), rng))
    if not parts:
        return post, pre, block
    new_post, new_pre = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return new_post, new_pre, pairs[net.area_index[new_post], net.area_index[new_pre]]


def _per_neuron(
    areas: tuple[Node, ...], own: int, partners: NDArray[np.bool_], ends: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """For each neuron of an area as many partners as it has ends, out of the areas that are allowed."""
    area = areas[own]
    mine = ends[(ends >= area.start) & (ends < area.stop)]
    degree = np.bincount(mine - area.start, minlength=area.size)
    candidates = np.concatenate([np.arange(areas[i].start, areas[i].stop) for i in np.flatnonzero(partners)])
    columns = candidates.size - int(partners[own])  # all but itself
    keys = draw_distinct(rng, np.full(area.size, columns), degree)
    row, column = keys // max(columns, 1), keys % max(columns, 1)
    if partners[own]:
        first = int(np.searchsorted(candidates, area.start))
        column += column >= first + row
    return row + area.start, candidates[column]


def _total(
    areas: tuple[Node, ...], allowed: NDArray[np.bool_], n: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """`n` pairs out of all that lie in the allowed pairs of areas."""
    rectangles = np.argwhere(allowed)
    size = np.array([area.size for area in areas])
    start = np.array([area.start for area in areas])
    same = rectangles[:, 0] == rectangles[:, 1]
    columns = size[rectangles[:, 1]] - same
    possible = size[rectangles[:, 0]] * columns
    stop = np.cumsum(possible)
    keys = draw_distinct(rng, int(stop[-1]), n)
    at = np.searchsorted(stop, keys, side="right")
    local = keys - (stop - possible)[at]
    row, column = local // np.maximum(columns[at], 1), local % np.maximum(columns[at], 1)
    column += same[at] & (column >= row)
    return row + start[rectangles[at, 0]], column + start[rectangles[at, 1]]


def _projections(net: Connectome, hidden: Synapses, rule: str) -> tuple[Projection, ...]:
    """The projections as they were, drawn otherwise, and those between pairs of areas that had none."""
    kept = [
        p if p.kind in ("input", "readout") else dataclasses.replace(p, rule=rule, asked=np.nan)
        for p in net.projections
    ]
    known = {(p.pre, p.post) for p in net.projections}
    code = net.area_index[hidden.post].astype(np.int64) * len(net.areas) + net.area_index[hidden.pre]
    for key in np.unique(code).tolist():
        post, pre = net.areas[key // len(net.areas)], net.areas[key % len(net.areas)]
        if (pre.name, post.name) not in known:
            possible = pre.size * post.size
            kept.append(Projection(pre.name, post.name, kind_between(pre, post), rule, possible))
    return tuple(kept)
