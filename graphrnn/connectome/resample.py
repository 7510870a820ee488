"""One projection drawn anew by another rule; the others stay as they are, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn._streams import stream
from graphrnn.connectome.ends import population
from graphrnn.connectome.nodes import Node, Projection, kind_between
from graphrnn.connectome.synapses import Synapses
from graphrnn.rules import AllToAll, Draw, Rule, as_rule

if TYPE_CHECKING:
    from graphrnn.connectome.core import Connectome

__all__ = ["fields_with_projection"]


def fields_with_projection(
    net: Connectome,
    ends: tuple[str, str],
    rule: Rule | float | None,
    root: int,
    *,
    self_connections: bool | None,
    delay: float | None,
    type_name: str | None,
) -> dict[str, Any]:
    """The fields of `net` that change when the synapses of one projection are drawn by `rule`.

    Args:
        net: the network.
        ends: names of source and target.
        rule: None for all to all.
        root: the seed; the stream is that of `compile`.
        self_connections: None for what the projection had, or yes.
        delay: of the new synapses in ms, where the others have delays.
        type_name: of the new synapses, where the others have types.
    """
    call = f"net.with_projection({ends[0]!r}, {ends[1]!r}, ...)"
    pre, post = (_end(net, call, name) for name in ends)
    which = _matrix(call, pre, post)
    old = next((p for p in net.projections if (p.pre, p.post) == ends), None)
    if self_connections is not None and pre != post:
        raise ValueError(
            f"`{call}` has `self_connections`, which only a projection within an area has. Leave it out."
        )
    skip = pre == post and not _allowed(call, self_connections, old, pre)
    chosen = AllToAll() if rule is None else as_rule(call, rule)
    source, target = population(net, pre), population(net, post)
    draw = chosen.sample(source, target, stream(root, pre.name, post.name), skip_diagonal=skip)
    projection = Projection(
        pre.name,
        post.name,
        kind_between(pre, post) if old is None else old.kind,
        repr(chosen),
        pre.size * post.size - (pre.size if skip else 0),
        chosen.expected(source, target, skip_diagonal=skip),
    )
    projections = [projection if p is old else p for p in net.projections]
    return {
        which: _joined(call, net.synapses(which), pre, post, draw, delay, type_name),
        "projections": tuple(projections if old is not None else [*projections, projection]),
        "seed": root if net.seed is None else net.seed,
    }


def _end(net: Connectome, call: str, name: str) -> Node:
    names = [node.name for node in (*net.inputs, *net.areas, *net.readouts)]
    return net.node(_checks.known(call, "node", name, names))


def _matrix(call: str, pre: Node, post: Node) -> str:
    roles = (pre.role, post.role)
    matrices = {("input", "area"): "input", ("area", "area"): "hidden", ("area", "readout"): "readout"}
    if roles not in matrices:
        raise ValueError(
            f"`{call}` cannot connect {pre.role} {pre.name!r} to {post.role} {post.name!r}. Projections run "
            "from inputs to areas, among areas and from areas to readouts."
        )
    return matrices[roles]


def _allowed(call: str, given: bool | None, old: Projection | None, area: Node) -> bool:
    if given is None:
        return old is None or old.possible == area.size**2
    return _checks.boolean(call, "self_connections", given)


def _joined(
    call: str,
    old: Synapses,
    pre: Node,
    post: Node,
    draw: Draw,
    delay: float | None,
    type_name: str | None,
) -> Synapses:
    """The synapses outside of the rectangle of `post` and `pre`, and those of the draw inside."""
    kept = old.take(~_inside(old, pre, post))
    n = draw.pre.size
    arrays: dict[str, Any] = {"weight": _weights(kept, draw)}
    for name, given, others in (("delay", delay, old.delay), ("type", type_name, old.type)):
        if given is not None and others is None:
            raise ValueError(f"`{call}` has a `{name}`, and the other synapses have none. Leave it out.")
    if old.delay is not None:
        if delay is None:
            raise ValueError(
                f"`{call}` needs a `delay` in ms for the new synapses, since the others have delays."
            )
        new = np.full(n, _checks.nonnegative(call, "delay", delay))
        arrays["delay"] = np.concatenate([kept.delay, new])
    types = old.types
    if old.type is not None:
        if type_name is None:
            raise ValueError(f"`{call}` needs a `type` for the new synapses, since the others have types.")
        types = types if type_name in types else (*types, _checks.text(call, "type", type_name))
        code = np.full(n, types.index(type_name))
        arrays["type"] = np.concatenate([kept.type, code])
    return Synapses.from_pairs(
        old.shape,
        np.concatenate([kept.post, draw.post + post.start]),
        np.concatenate([kept.pre, draw.pre + pre.start]),
        types=types,
        **arrays,
    )


def _inside(synapses: Synapses, pre: Node, post: Node) -> NDArray[np.bool_]:
    inside = np.zeros(synapses.size, bool)
    rows = slice(synapses.indptr[post.start], synapses.indptr[post.stop])
    inside[rows] = (synapses.pre[rows] >= pre.start) & (synapses.pre[rows] < pre.stop)
    return inside


def _weights(kept: Synapses, draw: Draw) -> NDArray[np.float64] | None:
    """NaN where a weight is not known; None where none is, as when compiling."""
    parts = [
        np.full(n, np.nan) if weight is None else weight
        for n, weight in ((kept.size, kept.weight), (draw.pre.size, draw.weight))
    ]
    weight = np.concatenate(parts)
    none_given = draw.weight is None and (kept.weight is None or bool(np.isnan(kept.weight).all()))
    return None if none_given else weight
