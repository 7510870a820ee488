"""Some synapses of a network, chosen by what they are; all its neurons stay."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome.nodes import KINDS, Names, Projection, listed
from graphrnn.connectome.synapses import Synapses
from graphrnn.connectome.wiring import MATRICES

if TYPE_CHECKING:
    from graphrnn.connectome.core import Connectome

__all__ = ["Selection", "fields_of_selection", "selection"]

_CALL = "net.select(...)"


@dataclass(frozen=True)
class Selection:
    """Which synapses to keep: those that fit everything that is not None."""

    kind: list[str] | None
    pre: list[str] | None
    post: list[str] | None
    sign: list[int] | None
    type: list[str] | None
    threshold: float | None

    def reaches(self, projection: Projection) -> bool:
        """Whether the kind and the ends of a projection fit."""
        wanted = ((self.kind, projection.kind), (self.pre, projection.pre), (self.post, projection.post))
        return all(names is None or name in names for names, name in wanted)


def selection(
    net: Connectome,
    kind: Names,
    pre: Names,
    post: Names,
    sign: int | Iterable[int] | None,
    type: Names,
    threshold: float | None,
) -> Selection:
    """What `net.select` was asked for, checked."""
    kinds, pres, posts, types = listed(kind), listed(pre), listed(post), listed(type)
    if threshold is not None:
        threshold = _checks.nonnegative(_CALL, "threshold", threshold)
    nodes = [node.name for node in (*net.inputs, *net.areas, *net.readouts)]
    _check_names("kind", kinds, KINDS)
    _check_names("node", pres, nodes)
    _check_names("node", posts, nodes)
    signs = _signs(sign)
    _check_names("type", types, [name for which in MATRICES for name in net.synapses(which).types])
    return Selection(kinds, pres, posts, signs, types, threshold)


def _check_names(what: str, names: list[str] | None, known: Iterable[str]) -> None:
    for name in names or ():
        _checks.known(_CALL, what, name, known)


def _signs(given: int | Iterable[int] | None) -> list[int] | None:
    if given is None:
        return None
    signs = list(given) if isinstance(given, Iterable) else [given]
    if not all(sign in (-1, 0, 1) for sign in signs):
        raise ValueError(f"`{_CALL}` needs `sign` to be 1, -1 or 0, or several of them; it got {given!r}.")
    return [int(sign) for sign in signs]


def fields_of_selection(net: Connectome, chosen: Selection) -> dict[str, Any]:
    """The fields of `net` that change when only some synapses stay."""
    if chosen.threshold is not None and all(net.synapses(w).weight is None for w in MATRICES):
        raise ValueError(
            f"`net.select(threshold={chosen.threshold:g})` needs weights to compare with; this network has "
            "none."
        )
    kept = [p for p in net.projections if chosen.reaches(p)]
    pairs = {(p.post, p.pre) for p in kept}
    parts = {which: _selected(net, which, pairs, chosen) for which in MATRICES}
    if not (chosen.sign is None and chosen.type is None and chosen.threshold is None):
        lost = set()
        for which, part in parts.items():
            left = _counts(net, which, part)
            before = _counts(net, which, net.synapses(which))
            lost |= {pair for pair, number in before.items() if left.get(pair) != number}
        kept = [dataclasses.replace(p, asked=math.nan) if (p.pre, p.post) in lost else p for p in kept]
    return {"projections": tuple(kept), **parts}


def _selected(net: Connectome, which: str, pairs: set[tuple[str, str]], chosen: Selection) -> Synapses:
    synapses = net.synapses(which)
    keep = _within(net, which, pairs)
    if chosen.sign is not None:
        sign = np.zeros(net.n_inputs, np.int8) if which == "input" else net.sign
        keep &= np.isin(sign, chosen.sign)[synapses.pre]
    if chosen.type is not None:
        codes = [i for i, name in enumerate(synapses.types) if name in chosen.type]
        keep &= np.zeros(synapses.size, bool) if synapses.type is None else np.isin(synapses.type, codes)
    if chosen.threshold is not None and synapses.weight is not None:
        keep &= ~(np.abs(synapses.weight) < chosen.threshold)  # a weight that is not known is not below it
    return synapses.take(keep)


def _within(net: Connectome, which: str, pairs: set[tuple[str, str]]) -> NDArray[np.bool_]:
    """(synapse,) whether a synapse belongs to one of the (post, pre) pairs of nodes."""
    post_nodes, pre_nodes = net.ends(which)
    synapses = net.synapses(which)
    keep = np.zeros(synapses.size, bool)
    for node in post_nodes:
        rows = slice(synapses.indptr[node.start], synapses.indptr[node.stop])
        wanted = np.repeat([(node.name, p.name) in pairs for p in pre_nodes], [p.size for p in pre_nodes])
        keep[rows] = wanted.astype(bool)[synapses.pre[rows]]
    return keep


def _counts(net: Connectome, which: str, synapses: Synapses) -> dict[tuple[str, str], int]:
    """Number of synapses by (pre, post) nodes."""
    posts, pres = net.ends(which)
    post, pre = (np.repeat(np.arange(len(axis)), [node.size for node in axis]) for axis in (posts, pres))
    code = post[synapses.post] * len(pres) + pre[synapses.pre]
    keys, numbers = np.unique(code, return_counts=True)
    return {
        (pres[key % len(pres)].name, posts[key // len(pres)].name): number
        for key, number in zip(keys.tolist(), numbers.tolist(), strict=True)
    }
