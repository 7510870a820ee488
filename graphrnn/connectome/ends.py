"""The ends of a measured network: an input or a readout more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn import _checks
from graphrnn._streams import stream
from graphrnn.connectome.nodes import Node, Projection
from graphrnn.connectome.synapses import Synapses
from graphrnn.rules import AllToAll, Draw, Population, Rule, as_rule

if TYPE_CHECKING:
    from graphrnn.connectome.core import Connectome

__all__ = ["fields_with_end", "population"]


def fields_with_end(
    net: Connectome,
    call: str,
    end: tuple[str, int, str],
    areas: tuple[str, list[str] | None],
    rule: Rule | float | None,
    root: int,
) -> dict[str, Any]:
    """The fields of `net` that change when an input or a readout is added.

    Args:
        net: the network.
        call: the user's call, for messages.
        end: name, size and role of the new node.
        areas: the name of the argument that names the areas, and the names; None for all areas.
        rule: of each projection; None for all to all.
        root: the seed.
    """
    name, size, role = end
    others = net.inputs if role == "input" else net.readouts
    _checks.text(call, "name", name)
    if name in {node.name for node in (*net.areas, *net.inputs, *net.readouts)}:
        raise ValueError(f"`{call}` needs a name of its own; {name!r} exists already.")
    start = others[-1].stop if others else 0
    node = Node(name, role, start, start + _checks.count(call, "size", size))
    chosen_rule = AllToAll() if rule is None else as_rule(call, rule)
    draws, added = [], []
    for area in _areas(net, call, *areas):
        post, pre = (area, node) if role == "input" else (node, area)
        source, target = population(net, pre), population(net, post)
        draw = chosen_rule.sample(source, target, stream(root, pre.name, post.name))
        draws.append((post.start, pre.start, draw))
        asked = chosen_rule.expected(source, target)
        added.append(Projection(pre.name, post.name, role, repr(chosen_rule), pre.size * post.size, asked))
    old = net.synapses(role)
    if old.delay is not None or old.type is not None:
        raise ValueError(
            f"`{call}` cannot join synapses without delay and type to {role} synapses that have them. Add "
            f"the {role} before they get them."
        )
    shape = (net.n_neurons, node.stop) if role == "input" else (node.stop, net.n_neurons)
    existing = Draw(old.post.astype(np.int64), old.pre.astype(np.int64), old.weight)
    return {
        f"{role}s": (*others, node),
        role: Synapses.joined(shape, [(0, 0, existing), *draws]),
        "projections": (*net.projections, *added),
        "seed": root if net.seed is None else net.seed,
    }


def _areas(net: Connectome, call: str, argument: str, names: list[str] | None) -> list[Node]:
    known = [area.name for area in net.areas]
    chosen = [_checks.known(call, "area", name, known) for name in (known if names is None else names)]
    if not chosen:
        raise ValueError(f"`{call}` needs at least one area in `{argument}`.")
    return [area for area in net.areas if area.name in chosen]


def population(net: Connectome, node: Node) -> Population:
    """A node as a rule sees it, as when compiling."""
    if node.role != "area":
        return Population(node.name, node.size)
    sign = net.sign[node.slice]
    positions = None
    if net.positions is not None:
        positions = net.positions[node.slice]
        positions = positions[:, ~np.isnan(positions).any(0)]  # an area may have fewer dimensions than others
    return Population(
        node.name,
        node.size,
        sign if sign.any() else None,
        positions if positions is not None and positions.shape[1] else None,
    )
