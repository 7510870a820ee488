"""Other areas for the same neurons."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome.nodes import Node, Projection, kind_between
from graphrnn.connectome.synapses import Synapses

if TYPE_CHECKING:
    from graphrnn.connectome.core import Connectome

__all__ = ["area_labels", "fields_with_areas", "merged_labels", "split_labels"]

Labels = list[str]
_OF_ANY_PART = ("measured", "mask")  # rules that say the same of a part and of a whole


def area_labels(call: str, net: Connectome, labels: Any, area: Node | None = None) -> Labels:
    """(neuron,) the areas' names from labels in any of their forms, of one area's neurons or of all.

    Args:
        call: the user's call, for messages.
        net: the network.
        labels: a label per neuron, or a mapping from neuron names to labels; who is not in it stays.
        area: the only area whose neurons are labelled; None for all.
    """
    part = slice(0, net.n_neurons) if area is None else area.slice
    owner = [node.name for node in net.areas for _ in range(node.size)][part]
    if isinstance(labels, Mapping):
        if net.names is None:
            raise ValueError(
                f"`{call}` needs neurons with names where `labels` is a mapping; these have none. Give one "
                "label per neuron, in their order."
            )
        names = net.names[part].tolist()
        for name in labels:
            _checks.known(call, "neuron", name, names)
        return [_label(call, labels.get(name, own)) for name, own in zip(names, owner, strict=True)]
    if isinstance(labels, str) or not hasattr(labels, "__len__") or len(labels) != len(owner):
        came = f"{len(labels)} labels" if hasattr(labels, "__len__") else type(labels).__name__
        raise ValueError(
            f"`{call}` needs a label for each of {len(owner)} neurons, or a mapping from neuron names to "
            f"labels; it got {came}."
        )
    return [_label(call, label) for label in labels]


def _label(call: str, label: Any) -> str:
    if label is None or (isinstance(label, float) and math.isnan(label)):
        raise ValueError(f"`{call}` needs a label for every neuron; some are missing. Name them 'unknown'.")
    return _checks.text(call, "label", str(label))


def merged_labels(net: Connectome, merged: Any) -> Labels:
    """(neuron,) the areas after the merging of those listed under a name."""
    call = "net.merge_areas(...)"
    if not isinstance(merged, Mapping):
        raise TypeError(
            f"`{call}` needs a mapping from a new name to the areas it takes; it got {type(merged).__name__}."
        )
    names = [area.name for area in net.areas]
    becomes: dict[str, str] = {}
    for new, parts in merged.items():
        for part in [parts] if isinstance(parts, str) else parts:
            old = _checks.known(call, "area", part, names)
            if becomes.setdefault(old, _checks.text(call, "name", new)) != new:
                raise ValueError(f"`{call}` needs each area in one new area; {old!r} is in two.")
    for new in merged:
        if new in names and becomes.get(new) != new:
            raise ValueError(
                f"`{call}` needs a name of its own for a new area; {new!r} exists already and is not merged "
                "into it."
            )
    return [becomes.get(area.name, area.name) for area in net.areas for _ in range(area.size)]


def split_labels(net: Connectome, name: str, labels: Any) -> Labels:
    """(neuron,) the areas after the splitting of one."""
    call = f"net.split_area({name!r}, ...)"
    area = net.node(_checks.known(call, "area", name, [area.name for area in net.areas]))
    if isinstance(labels, str) and labels == "sign":
        word = {1: "excitatory", -1: "inhibitory", 0: "unsigned"}
        labels = [f"{name} {word[sign]}" for sign in net.sign[area.slice].tolist()]
    parts = area_labels(call, net, labels, area)
    others = {node.name for node in (*net.areas, *net.inputs, *net.readouts)} - {name}
    if taken := sorted(others & set(parts)):
        raise ValueError(
            f"`{call}` needs names of their own for the parts; {taken[0]!r} exists already. To give neurons "
            "to another area use net.with_areas."
        )
    owner = [node.name for node in net.areas for _ in range(node.size)]
    return [*owner[: area.start], *parts, *owner[area.stop :]]


def fields_with_areas(
    net: Connectome, labels: Sequence[str], levels: Mapping[str, float] | None, call: str
) -> dict[str, Any]:
    """The fields of `net` that change when its neurons are put into other areas.

    Args:
        net: the network.
        labels: (neuron,) the name of each neuron's new area.
        levels: of the new areas; None for those that all neurons of a new area had.
        call: the user's call, for messages.
    """
    names = list(dict.fromkeys(labels))
    if clash := {node.name for node in (*net.inputs, *net.readouts)} & set(names):
        raise ValueError(
            f"`{call}` needs other names for areas than for inputs and readouts; {min(clash)!r} is one of "
            "those."
        )
    place_of = {name: i for i, name in enumerate(names)}
    code = np.array([place_of[label] for label in labels], np.int64)
    order = np.lexsort((-net.sign.astype(np.int64), code))  # stable: within an area and sign nothing moves
    place = np.empty(net.n_neurons, np.int64)
    place[order] = np.arange(net.n_neurons)
    areas = _areas(net, names, code, levels, call)
    shared = np.zeros((len(net.areas), len(areas)), np.int64)
    np.add.at(shared, (net.area_index, code), 1)
    return {
        "areas": areas,
        "projections": _projections(_Change(net, areas, shared), keep_kinds=levels is None),
        "input": _moved(net.input, place, None),
        "hidden": _moved(net.hidden, place, place),
        "readout": _moved(net.readout, None, place),
        "sign": net.sign[order],
        "tau": net.tau[order],
        "names": None if net.names is None else net.names[order],
        "positions": None if net.positions is None else net.positions[order],
    }


def _areas(
    net: Connectome,
    names: list[str],
    code: NDArray[np.int64],
    levels: Mapping[str, float] | None,
    call: str,
) -> tuple[Node, ...]:
    for name, given in (levels or {}).items():
        _checks.known(call, "area", name, names)
        _checks.finite(call, f"level of {name!r}", given)
    before = np.array([np.nan if area.level is None else area.level for area in net.areas])
    old_levels = before[net.area_index]
    areas: list[Node] = []
    for i, name in enumerate(names):
        own = old_levels[code == i]
        start = areas[-1].stop if areas else 0
        agree = bool((own == own[0]).all())  # NaN differs from itself
        level = (float(own[0]) if agree else None) if levels is None else levels.get(name)
        areas.append(Node(name, "area", start, start + own.size, None if level is None else float(level)))
    return tuple(areas)


def _moved(
    synapses: Synapses, post_place: NDArray[np.int64] | None, pre_place: NDArray[np.int64] | None
) -> Synapses:
    post = synapses.post if post_place is None else post_place[synapses.post]
    pre = synapses.pre if pre_place is None else pre_place[synapses.pre]
    return Synapses.from_pairs(
        synapses.shape,
        post,
        pre,
        weight=synapses.weight,
        delay=synapses.delay,
        type=synapses.type,
        types=synapses.types,
    )


@dataclass(frozen=True)
class _Change:
    """The old areas, the new ones, and how many neurons each two share."""

    net: Connectome
    areas: tuple[Node, ...]
    shared: NDArray[np.int64]  # (old area, new area)

    @cached_property
    def old(self) -> dict[str, int]:
        return {area.name: i for i, area in enumerate(self.net.areas)}

    @cached_property
    def new(self) -> dict[str, int]:
        return {area.name: i for i, area in enumerate(self.areas)}

    @cached_property
    def ends(self) -> dict[str, Node]:
        return {node.name: node for node in (*self.net.inputs, *self.net.readouts)}

    def becomes(self, name: str) -> list[Node]:
        """The new nodes that take neurons of an old one."""
        if name in self.ends:
            return [self.ends[name]]
        return [self.areas[j] for j in np.flatnonzero(self.shared[self.old[name]])]

    def untouched(self, name: str) -> bool:
        """Whether a node has the name and the neurons that it had."""
        if name in self.ends:
            return True
        if name not in self.old:
            return False
        both = int(self.shared[self.old[name], self.new[name]])
        return both == self.net.areas[self.old[name]].size == self.areas[self.new[name]].size

    def without_self(self, area: str, parts: list[Projection]) -> int:
        """How many neurons of a new area may not reach themselves."""
        return sum(
            int(self.shared[self.old[p.pre], self.new[area]])
            for p in parts
            if p.pre == p.post and p.possible < self.net.areas[self.old[p.pre]].size ** 2
        )


def _projections(change: _Change, *, keep_kinds: bool) -> tuple[Projection, ...]:
    """What the old projections become: each goes to all pairs of new areas that its ends take part in."""
    sources: dict[tuple[str, str], list[Projection]] = {}
    nodes: dict[str, Node] = {}
    for p in change.net.projections:
        for post in change.becomes(p.post):
            for pre in change.becomes(p.pre):
                sources.setdefault((pre.name, post.name), []).append(p)
                nodes |= {pre.name: pre, post.name: post}
    return tuple(
        _projection(change, nodes[pre], nodes[post], parts, keep_kinds)
        for (pre, post), parts in sources.items()
    )


def _projection(
    change: _Change, pre: Node, post: Node, parts: list[Projection], keep_kinds: bool
) -> Projection:
    kind = _kind(pre, post, parts, keep_kinds)
    if change.untouched(pre.name) and change.untouched(post.name):
        return dataclasses.replace(parts[0], kind=kind)
    same_rule = parts[0].rule in _OF_ANY_PART and all(p.rule == parts[0].rule for p in parts)
    possible = pre.size * post.size
    if pre.name == post.name:
        possible -= change.without_self(pre.name, parts)
    return Projection(pre.name, post.name, kind, parts[0].rule if same_rule else "regrouped", possible)


def _kind(pre: Node, post: Node, parts: list[Projection], keep_kinds: bool) -> str:
    inferred = kind_between(pre, post)
    kinds = {p.kind for p in parts}
    if inferred in ("input", "readout", "within") or not keep_kinds or len(kinds) > 1 or kinds == {"within"}:
        return inferred
    return kinds.pop()  # all agree: it holds for the whole too
