"""A part of a network: some of its neurons, and the synapses among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome.nodes import Node, Projection
from graphrnn.connectome.synapses import Synapses

if TYPE_CHECKING:
    from graphrnn.connectome.core import Connectome

__all__ = ["fields_of_subnetwork", "neighbourhood", "projections_left"]

_DIRECTIONS = ("out", "in", "both")


def neighbourhood(
    net: Connectome, areas: list[str] | None, neurons: Any, hops: int, direction: str
) -> NDArray[np.bool_]:
    """(neuron,) whether a neuron is at most `hops` synapses away from those given."""
    call = "net.neighbourhood(...)"
    _checks.count(call, "hops", hops, minimum=0)
    _checks.one_of(call, "direction", direction, _DIRECTIONS)
    if areas is None and neurons is None:
        raise TypeError(f"`{call}` needs `areas` or `neurons` to start from.")
    reached = _wanted(call, net, areas, neurons)
    post, pre = net.hidden.post, net.hidden.pre
    for _ in range(hops):
        further = reached.copy()
        if direction in ("out", "both"):
            further[post[reached[pre]]] = True
        if direction in ("in", "both"):
            further[pre[reached[post]]] = True
        if (further == reached).all():
            break
        reached = further
    return reached


def fields_of_subnetwork(net: Connectome, areas: list[str] | None, neurons: Any) -> dict[str, Any]:
    """The fields of `net` that change when only some neurons stay."""
    call = "net.subnetwork(...)"
    keep = _wanted(call, net, areas, neurons)
    if not keep.any():
        raise ValueError(f"`{call}` needs at least one neuron to keep; nothing is left.")
    number = np.cumsum(keep) - 1
    left: list[Node] = []
    for area in net.areas:
        size = int(keep[area.slice].sum())
        if size:
            start = left[-1].stop if left else 0
            left.append(Node(area.name, "area", start, start + size, area.level))
    n = int(keep.sum())
    ends = {node.name: node.size for node in (*net.inputs, *net.readouts)}
    before = ends | {area.name: area.size for area in net.areas}
    return {
        "areas": tuple(left),
        "projections": projections_left(
            net.projections, before, ends | {node.name: node.size for node in left}
        ),
        "input": _part(net.input, (n, net.n_inputs), keep, number, None, None),
        "hidden": _part(net.hidden, (n, n), keep, number, keep, number),
        "readout": _part(net.readout, (net.n_readouts, n), None, None, keep, number),
        "sign": net.sign[keep],
        "tau": net.tau[keep],
        "names": None if net.names is None else net.names[keep],
        "positions": None if net.positions is None else net.positions[keep],
    }


def _wanted(call: str, net: Connectome, areas: list[str] | None, neurons: Any) -> NDArray[np.bool_]:
    keep = np.ones(net.n_neurons, bool)
    if areas is not None:
        names = [area.name for area in net.areas]
        wanted = [_checks.known(call, "area", name, names) for name in areas]
        keep &= np.repeat([name in wanted for name in names], [area.size for area in net.areas])
    if neurons is not None:
        keep &= _kept(call, net, neurons)
    return keep


def _kept(call: str, net: Connectome, neurons: Any) -> NDArray[np.bool_]:
    listed = list(neurons) if isinstance(neurons, set | frozenset) else neurons
    chosen = np.asarray(listed)
    if chosen.dtype == object and all(isinstance(name, str) for name in chosen.ravel()):
        chosen = chosen.astype(np.str_)  # pandas keeps names as objects
    if chosen.ndim == 1 and not chosen.size:
        return np.zeros(net.n_neurons, bool)
    if chosen.dtype == bool:
        if chosen.shape != (net.n_neurons,):
            raise ValueError(
                f"`{call}` needs one True or False for each of {net.n_neurons} neurons; it got shape "
                f"{chosen.shape}."
            )
        return chosen
    if chosen.dtype.kind == "U" and net.names is not None:
        unknown = np.setdiff1d(chosen, net.names)
        if unknown.size:
            _checks.known(call, "neuron", str(unknown[0]), net.names.tolist())
        return np.isin(net.names, chosen)
    if (
        chosen.dtype.kind not in "iu"
        or chosen.ndim != 1
        or (chosen.size and not 0 <= int(chosen.min()) <= int(chosen.max()) < net.n_neurons)
    ):
        raise ValueError(
            f"`{call}` needs neurons as indices from 0 to {net.n_neurons - 1}, names or a boolean array."
        )
    keep = np.zeros(net.n_neurons, bool)
    keep[chosen] = True
    return keep


def _part(
    synapses: Synapses,
    shape: tuple[int, int],
    keep_post: NDArray[np.bool_] | None,
    post_number: NDArray[np.int64] | None,
    keep_pre: NDArray[np.bool_] | None,
    pre_number: NDArray[np.int64] | None,
) -> Synapses:
    keep = np.ones(synapses.size, bool)
    if keep_post is not None:
        keep &= keep_post[synapses.post]
    if keep_pre is not None:
        keep &= keep_pre[synapses.pre]
    part = synapses.take(keep)
    post = part.post if post_number is None else post_number[part.post]
    pre = part.pre if pre_number is None else pre_number[part.pre]
    return Synapses(
        shape,
        np.asarray(post, np.int32),
        np.asarray(pre, np.int32),
        part.weight,
        part.delay,
        part.type,
        part.types,
    )


def projections_left(
    projections: Iterable[Projection], before: Mapping[str, int], now: Mapping[str, int]
) -> tuple[Projection, ...]:
    """The projections between nodes that stay; what was asked is known only where both are whole.

    Args:
        projections: all projections.
        before: size of each node.
        now: size of each node that stays.
    """
    left = []
    for p in projections:
        if p.pre not in now or p.post not in now:
            continue
        if now[p.pre] == before[p.pre] and now[p.post] == before[p.post]:
            left.append(p)
            continue
        diagonal = before[p.pre] * before[p.post] > p.possible  # self-connections were left out
        possible = now[p.pre] * now[p.post] - (now[p.pre] if diagonal else 0)
        left.append(Projection(p.pre, p.post, p.kind, p.rule, possible))
    return tuple(left)
