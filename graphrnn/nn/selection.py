"""Which synapses a user means by kinds and names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome import KINDS, Connectome

__all__ = ["chosen", "node_index", "projection_index"]

Names = str | Iterable[str] | None


def node_index(net: Connectome, which: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(synapse,) the indices of the nodes that each synapse reaches and comes from, along its axes."""
    synapses = net.synapses(which)
    posts, pres = net.ends(which)
    at_post, at_pre = (
        np.repeat(np.arange(len(nodes)), [node.size for node in nodes]) for nodes in (posts, pres)
    )
    return at_post[synapses.post], at_pre[synapses.pre]


def projection_index(net: Connectome, which: str) -> NDArray[np.int64]:
    """(synapse,) the index into `net.projections` of each synapse's projection; -1 where it has none."""
    posts, pres = net.ends(which)
    places = [{node.name: i for i, node in enumerate(nodes)} for nodes in (posts, pres)]
    table = np.full((len(posts), len(pres)), -1, np.int64)
    for index, projection in enumerate(net.projections):
        if projection.post in places[0] and projection.pre in places[1]:
            table[places[0][projection.post], places[1][projection.pre]] = index
    return table[node_index(net, which)]


def chosen(
    net: Connectome, call: str, which: str, kind: Names = None, pre: Names = None, post: Names = None
) -> NDArray[np.bool_]:
    """(synapse,) whether a synapse fits every argument that is given.

    Args:
        net: the connectome.
        call: the call as the user wrote it.
        which: "input", "hidden" or "readout".
        kind: a kind of projection or several; None for all.
        pre: a source, by name, or several.
        post: a target, by name, or several.

    Raises:
        ValueError: for a kind or a node that does not exist.
    """
    _checks.one_of(call, "which", which, ("input", "hidden", "readout"))
    fits = np.ones(net.synapses(which).size, bool)
    if kind is not None:
        kinds = [_checks.one_of(call, "kind", name, KINDS) for name in _listed(kind)]
        of_kind = np.array([p.kind in kinds for p in net.projections] + [False])  # the last is -1
        fits &= of_kind[projection_index(net, which)]
    known = [node.name for node in (*net.inputs, *net.areas, *net.readouts)]
    if pre is None and post is None:
        return fits
    for names, nodes, index in zip((post, pre), net.ends(which), node_index(net, which), strict=True):
        if names is not None:
            wanted = [_checks.known(call, "node", name, known) for name in _listed(names)]
            fits &= np.array([node.name in wanted for node in nodes])[index]
    return fits


def _listed(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
