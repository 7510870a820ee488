"""The network that tables of nodes and edges make."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome import HIDDEN_KINDS, Connectome, Node, Projection, Synapses
from graphrnn.connectome.edges import DUPLICATES, measured_projections, neuron_names
from graphrnn.io._about import fields_of, projection_of
from graphrnn.io._nodes import layout, names_of, node_numbers, positions_of, roles_of, signs_of
from graphrnn.io._pairs import merged_synapses
from graphrnn.io._tables import AXES, ENDS, ROLES, Column, Tables, Words
from graphrnn.io._unlisted import UNKNOWN, unlisted

__all__ = ["network_of"]


def network_of(
    call: str, tables: Tables, *, duplicates: str | None = None, unknown: str | None = None
) -> Connectome:
    """The network of two tables.

    Args:
        call: the user's call, for messages.
        tables: the tables.
        duplicates: what becomes of parallel edges, as in `io.read`.
        unknown: "error" (the default) refuses an edge whose end is not listed, "drop" leaves it out.
    """
    choices = (
        _checks.one_of(call, "duplicates", duplicates or "sum", DUPLICATES),
        _checks.one_of(call, "unknown", unknown or "error", UNKNOWN),
    )
    try:
        return _unnamed(_network(call, tables, choices), tables.about)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if f"`{call}" in str(error):
            raise
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise ValueError(
            f"`{call}` found contradictions in this file: {reason}. Correct them there."
        ) from error


def _network(call: str, tables: Tables, choices: tuple[str, str]) -> Connectome:
    count = len(tables.names) if tables.listed is None else tables.listed
    if not count:
        raise ValueError(f"`{call}` found no neuron in this file. A network has at least one.")
    roles = roles_of(call, tables, count)
    nodes, place, order = layout(call, tables, count, roles)
    parts, kinds, report = _matrices(call, tables, count, roles, nodes, place, choices)
    neurons = order[1]
    columns = {name: node_numbers(call, tables, name, neurons) for name in ("sign", "tau", *AXES)}
    names = names_of(call, [tables.names[i] for i in neurons.tolist()])
    ends: dict[str, Any] = {f"{role}s": nodes[role] for role in ROLES}
    beside: dict[str, Any] = {"seed": None, "report": report, **fields_of(tables.about)}
    sign, tau = columns["sign"], columns["tau"]
    return Connectome(
        **ends,
        projections=_projections(tables.about, ends, parts, kinds),
        input=parts["input"],
        hidden=parts["hidden"],
        readout=parts["readout"],
        sign=np.zeros(len(neurons), np.int8) if sign is None else signs_of(call, sign, names),
        tau=np.full(len(neurons), np.nan) if tau is None else tau,
        names=names,
        positions=positions_of(tables.about, [columns[axis] for axis in AXES], len(neurons)),
        **beside,
    )


def _unnamed(net: Connectome, about: Mapping[str, Any]) -> Connectome:
    """The network without its names where they only say area and number, as those of nameless ones do."""
    bare = dataclasses.replace(net, names=None)
    named = about.get("named", neuron_names(net).tolist() != neuron_names(bare).tolist())
    return net if named else bare


def _matrices(
    call: str,
    tables: Tables,
    count: int,
    roles: NDArray[np.int8],
    nodes: Mapping[str, tuple[Node, ...]],
    place: NDArray[np.int64],
    choices: tuple[str, str],
) -> tuple[dict[str, Synapses], dict[tuple[str, str], str], dict[str, int]]:
    """The synapses of each matrix, the kinds that edges name, and what was merged and dropped."""
    duplicates, unknown = choices
    strange = (tables.pre >= count) | (tables.post >= count)
    if strange.any():
        row = int(np.argmax(strange))
        end = tables.pre[row] if tables.pre[row] >= count else tables.post[row]
        no_end = min(tables.pre.min(), tables.post.min()) >= count
        if no_end or unknown == "error":
            listed = tables.names[0] if no_end else None
            raise unlisted(call, tables.names[end], row + 1, int(strange.sum()), listed)
    known = np.flatnonzero(~strange) if strange.any() else slice(None)
    pre, post = tables.pre[known], tables.post[known]
    found = np.full(len(pre), -1, np.int8)
    for code, (post_role, pre_role) in enumerate(ENDS.values()):
        found[(roles[post] == ROLES.index(post_role)) & (roles[pre] == ROLES.index(pre_role))] = code
    if (found < 0).any():
        row = int(np.argmax(found < 0))
        raise ValueError(
            f"`{call}` allows edges from inputs to neurons, among neurons and from neurons to readouts; "
            f"{tables.names[pre[row]]!r} → {tables.names[post[row]]!r} runs from {ROLES[roles[pre[row]]]} "
            "to "
            f"{ROLES[roles[post[row]]]}. Remove it."
        )
    edges = {name: _taken(column, known) for name, column in tables.edges.items()}
    sizes = {role: nodes[role][-1].stop if nodes[role] else 0 for role in ROLES}
    parts: dict[str, Synapses] = {}
    merged = 0
    for code, (which, (post_role, pre_role)) in enumerate(ENDS.items()):
        rows = slice(None) if (found == code).all() else np.flatnonzero(found == code)
        taken = {name: _taken(column, rows) for name, column in edges.items()}
        parts[which], more = merged_synapses(
            call,
            (sizes[post_role], sizes[pre_role]),
            (place[post[rows]], place[pre[rows]]),
            taken,
            duplicates,
            (which, tables.about),
        )
        merged += more
    kinds = _given_kinds(call, tables, edges.get("kind"), pre, post, nodes, place, found)
    report = {"merged": merged, "dropped": int(strange.sum())}
    return parts, kinds, {what: number for what, number in report.items() if number}


def _taken(column: Column, rows: Any) -> Column:
    return Words(column.codes[rows], column.words) if isinstance(column, Words) else column[rows]


def _given_kinds(
    call: str,
    tables: Tables,
    column: Column | None,
    pre: NDArray[np.int32],
    post: NDArray[np.int32],
    nodes: Mapping[str, tuple[Node, ...]],
    place: NDArray[np.int64],
    found: NDArray[np.int8],
) -> dict[tuple[str, str], str]:
    """The kind of each pair of areas whose edges name one; all edges of a pair must agree."""
    if not isinstance(column, Words):
        return {}
    areas = nodes["area"]
    owner = np.repeat(np.arange(len(areas)), [area.size for area in areas])
    rows = np.flatnonzero((found == 1) & (column.codes >= 0))
    pair = owner[place[post[rows]]] * len(areas) + owner[place[pre[rows]]]
    both = np.unique(pair * np.int64(max(len(column.words), 1)) + column.codes[rows])
    kinds: dict[tuple[str, str], str] = {}
    for one in both.tolist():
        which, word = divmod(one, max(len(column.words), 1))
        ends = (areas[which % len(areas)].name, areas[which // len(areas)].name)
        kind = column.words[word]
        if kind not in HIDDEN_KINDS:
            raise ValueError(
                f"`{call}` needs one of {', '.join(HIDDEN_KINDS)} in the column 'kind' of the edges; it "
                "found "
                f"{kind!r}. Read no kinds with columns={{'kind': None}}."
            )
        if kinds.setdefault(ends, kind) != kind:
            raise ValueError(
                f"`{call}` needs one kind for all synapses from {ends[0]!r} to {ends[1]!r}; it found "
                f"{kinds[ends]} and {kind}. Read no kinds with columns={{'kind': None}}."
            )
    return kinds


def _projections(
    about: Mapping[str, Any],
    ends: Mapping[str, tuple[Node, ...]],
    parts: Mapping[str, Synapses],
    kinds: Mapping[tuple[str, str], str],
) -> tuple[Projection, ...]:
    """The projections on record, and those of the synapses that have none."""
    recorded = [projection_of(record) for record in about.get("projections", ())]
    found = [
        *measured_projections(ends["areas"], ends["inputs"], parts["input"]),
        *measured_projections(ends["areas"], ends["areas"], parts["hidden"], kinds),
        *measured_projections(ends["readouts"], ends["areas"], parts["readout"]),
    ]
    known = {(p.pre, p.post) for p in recorded}
    return (*recorded, *(p for p in found if (p.pre, p.post) not in known))
