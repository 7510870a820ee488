"""A network as tables of nodes and edges, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome import HIDDEN_KINDS, KINDS, Connectome, Node, Projection, Synapses, kind_between
from graphrnn.connectome.edges import measured_projections, neuron_names
from graphrnn.io._about import about_network, fields_of, projection_of
from graphrnn.io._pairs import merged_synapses
from graphrnn.io._tables import Column, Tables, Words

__all__ = ["network_of", "network_tables"]

_ENDS = {"input": ("area", "input"), "hidden": ("area", "area"), "readout": ("readout", "area")}  # post, pre
_ROLES = ("input", "area", "readout")
_AXES = ("x", "y", "z")
_WIDEST = 1 << 31  # bytes of the names of all neurons
_EXACT = 2**53  # the whole numbers up to here are numbers of 64 bits


def network_tables(call: str, net: Connectome) -> Tables:
    """The neurons and channels, and the synapses of all three matrices."""
    sizes = {"input": net.n_inputs, "area": net.n_neurons, "readout": net.n_readouts}
    offset = {"input": 0, "area": net.n_inputs, "readout": net.n_inputs + net.n_neurons}
    matrices = {which: net.synapses(which) for which in _ENDS}
    edges: dict[str, Column] = {"kind": _kinds(net)}
    for name in ("weight", "delay"):
        if any(getattr(part, name) is not None for part in matrices.values()):
            edges[name] = _joined(
                call, name, [(part.size, getattr(part, name)) for part in matrices.values()]
            )
    if any(part.type is not None for part in matrices.values()):
        edges["type"] = _types(list(matrices.values()))
    return Tables(
        names=_labels(net),
        nodes=_nodes(call, net, sizes),
        pre=_ends(matrices, offset, 1),
        post=_ends(matrices, offset, 0),
        edges=edges,
        listed=sum(sizes.values()),
        about=about_network(net),
    )


def _ends(matrices: Mapping[str, Synapses], offset: Mapping[str, int], axis: int) -> NDArray[np.int32]:
    parts = []
    for which, part in matrices.items():
        index, start = (part.post, part.pre)[axis], offset[_ENDS[which][axis]]
        parts.append(index + np.int32(start) if start else index)
    return np.concatenate(parts)


def _labels(net: Connectome) -> list[str]:
    """A name of its own for every channel and neuron."""
    neurons = neuron_names(net).tolist()
    taken = set(neurons)
    labels: dict[str, list[str]] = {"input": [], "readout": []}
    for nodes in (net.inputs, net.readouts):
        for node in nodes:
            for channel in range(node.size):
                label = f"{node.name}/{channel}"
                while label in taken:  # a neuron has that name
                    label = f"{node.role} {label}"
                taken.add(label)
                labels[node.role].append(label)
    return [*labels["input"], *neurons, *labels["readout"]]


def _nodes(call: str, net: Connectome, sizes: Mapping[str, int]) -> dict[str, Column]:
    nodes = [*net.inputs, *net.areas, *net.readouts]
    repeat = np.array([node.size for node in nodes], np.int64)
    columns: dict[str, Column] = {}
    if net.n_inputs or net.n_readouts:
        counts = [sizes[role] for role in _ROLES]
        columns["role"] = Words(np.repeat(np.arange(3, dtype=np.int32), counts), _ROLES)
    owner = np.repeat(np.arange(len(nodes), dtype=np.int32), repeat)
    columns["area"] = Words(owner, [node.name for node in nodes])
    level = np.repeat([np.nan if node.level is None else float(node.level) for node in nodes], repeat)
    if not np.isnan(level).all():
        columns["level"] = level
    ends = (sizes["input"], sizes["readout"])
    if net.sign.any():
        columns["sign"] = np.pad(net.sign, ends)
    if not np.isnan(net.tau).all():
        columns["tau"] = np.pad(net.tau, ends, constant_values=np.nan)
    if net.positions is not None:
        if net.positions.shape[1] > len(_AXES):
            raise ValueError(
                f"`{call}` holds positions of at most 3 dimensions; this network has "
                f"{net.positions.shape[1]}. Write it to a .npz file."
            )
        for axis, column in zip(_AXES, net.positions.T, strict=False):
            columns[axis] = np.pad(column, ends, constant_values=np.nan)
    return columns


def _kinds(net: Connectome) -> Words:
    """(edge,) the kind of the projection that each synapse belongs to."""
    code = {kind: i for i, kind in enumerate(KINDS)}
    given = {(p.post, p.pre): code[p.kind] for p in net.projections}
    parts = []
    for which in _ENDS:
        posts, pres = net.ends(which)
        synapses = net.synapses(which)
        table = np.zeros((len(posts), len(pres)), np.int32)
        for i, post in enumerate(posts):
            for j, pre in enumerate(pres):
                table[i, j] = given.get((post.name, pre.name), code[kind_between(pre, post)])
        rows, columns = (np.repeat(np.arange(len(axis)), [n.size for n in axis]) for axis in (posts, pres))
        parts.append(table[rows[synapses.post], columns[synapses.pre]])
    return Words(np.concatenate(parts), KINDS)


def _joined(call: str, name: str, parts: list[tuple[int, NDArray[Any] | None]]) -> NDArray[Any]:
    """The numbers of all matrices in one column, NaN where a matrix has none."""
    for _, array in parts:
        if array is None:
            continue
        wide = array.dtype.itemsize > 8
        if wide or (
            array.dtype.kind in "iu" and array.size and max(-int(array.min()), int(array.max())) > _EXACT
        ):
            raise ValueError(
                f"`{call}` holds {name}s of 64 bits and whole ones up to 2^53; some here need more. "
                "Write them to a .npz file."
            )
    whole = [array for size, array in parts if size and array is not None]
    if all(array is not None or not size for size, array in parts) and len({a.dtype for a in whole}) == 1:
        return np.concatenate(whole)
    return np.concatenate(
        [np.full(size, np.nan) if array is None else array.astype(float) for size, array in parts]
    )


def _types(parts: list[Synapses]) -> Words:
    words: list[str] = []
    codes = []
    for part in parts:
        for name in part.types:
            if name not in words:
                words.append(name)
        if part.type is None:
            codes.append(np.full(part.size, -1, np.int32))
        else:
            table = np.array([words.index(name) for name in part.types], np.int32)
            codes.append(table[part.type])
    return Words(np.concatenate(codes), words)


def network_of(
    call: str, tables: Tables, *, duplicates: str | None = None, unknown: str | None = None
) -> Connectome:
    """The network of two tables.

    Args:
        call: the user's call, for messages.
        tables: the tables.
        duplicates: "sum" (the default) adds the weights of parallel edges, "error" refuses them.
        unknown: "error" (the default) refuses an edge whose end is not listed, "drop" leaves it out.
    """
    choices = (
        _checks.one_of(call, "duplicates", duplicates or "sum", ("sum", "error")),
        _checks.one_of(call, "unknown", unknown or "error", ("error", "drop")),
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
    roles = _roles(call, tables, count)
    nodes, place, order = _layout(call, tables, count, roles)
    parts, kinds, report = _matrices(call, tables, count, roles, nodes, place, choices)
    neurons = order[1]
    columns = {name: _node_numbers(call, tables, name, neurons) for name in ("sign", "tau", *_AXES)}
    names = _names(call, [tables.names[i] for i in neurons.tolist()])
    ends: dict[str, Any] = {f"{role}s": nodes[role] for role in _ROLES}
    beside: dict[str, Any] = {"seed": None, "report": report, **fields_of(tables.about)}
    sign, tau = columns["sign"], columns["tau"]
    return Connectome(
        **ends,
        projections=_projections(tables.about, ends, parts, kinds),
        input=parts["input"],
        hidden=parts["hidden"],
        readout=parts["readout"],
        sign=np.zeros(len(neurons), np.int8) if sign is None else _signs(call, sign, names),
        tau=np.full(len(neurons), np.nan) if tau is None else tau,
        names=names,
        positions=_positions(tables.about, [columns[axis] for axis in _AXES], len(neurons)),
        **beside,
    )


def _names(call: str, names: list[str]) -> NDArray[np.str_]:
    longest = max(map(len, names))
    if longest * len(names) * 4 > _WIDEST:  # numpy gives each name the room of the longest
        raise ValueError(
            f"`{call}` cannot hold {len(names)} names of {longest} characters. Shorten the longest ones."
        )
    if any(name.endswith("\0") for name in names):
        raise ValueError(f"`{call}` found a name that ends in a zero character. Rename that neuron.")
    return np.array(names, np.str_)


def _unnamed(net: Connectome, about: Mapping[str, Any]) -> Connectome:
    """The network without its names where they only say area and number, as those of nameless ones do."""
    bare = dataclasses.replace(net, names=None)
    named = about.get("named", neuron_names(net).tolist() != neuron_names(bare).tolist())
    return net if named else bare


def _roles(call: str, tables: Tables, count: int) -> NDArray[np.int8]:
    """(node,) 0 for a channel of an input, 1 for a neuron, 2 for a channel of a readout."""
    column = tables.nodes.get("role")
    if not isinstance(column, Words):
        return np.ones(count, np.int8)
    table = np.array([*(_role(call, tables, column, word) for word in column.words), 1], np.int8)
    return table[column.codes]


def _role(call: str, tables: Tables, column: Words, word: str) -> int:
    if word in _ROLES or not (column.codes == column.words.index(word)).any():
        return _ROLES.index(word) if word in _ROLES else 1
    node = tables.names[int(np.argmax(column.codes == column.words.index(word)))]
    raise ValueError(
        f"`{call}` needs input, area or readout as the role of each node; {node!r} has {word!r}. "
        "Correct the cell, or read no roles with columns={'role': None}."
    )


def _layout(
    call: str, tables: Tables, count: int, roles: NDArray[np.int8]
) -> tuple[dict[str, tuple[Node, ...]], NDArray[np.int64], list[NDArray[np.int64]]]:
    """The nodes of each role end to end, the place of each row on its axis, and the rows of each axis."""
    area = tables.nodes.get("area")
    if not isinstance(area, Words):
        area = Words(np.zeros(count, np.int32), ["hidden"])
    if (area.codes < 0).any():
        row = int(np.argmax(area.codes < 0))
        raise ValueError(
            f"`{call}` needs an area for every node; {tables.names[row]!r}, node {row + 1}, has none. "
            "Fill the cell, or put all neurons into one area with columns={'area': None}."
        )
    level = _node_numbers(call, tables, "level", np.arange(count))
    nodes: dict[str, tuple[Node, ...]] = {}
    place = np.zeros(count, np.int64)
    order: list[NDArray[np.int64]] = []
    for code, role in enumerate(_ROLES):
        rows = np.flatnonzero(roles == code)
        owner, first = np.unique(area.codes[rows], return_index=True)
        ranked = owner[np.argsort(first)]
        rank = np.zeros(len(area.words), np.int64)
        rank[ranked] = np.arange(len(ranked))
        rows = rows[np.argsort(rank[area.codes[rows]], kind="stable")]
        place[rows] = np.arange(len(rows))
        stops = np.cumsum(np.bincount(rank[area.codes[rows]], minlength=len(ranked))).tolist()
        made = []
        for start, stop, word in zip([0, *stops], stops, ranked.tolist(), strict=False):
            name = area.words[word]
            if not name:
                raise ValueError(f"`{call}` needs names of areas that are not empty.")
            given = None if level is None or role != "area" else _level(call, name, level[rows[start:stop]])
            made.append(Node(name, role, start, stop, given))
        nodes[role] = tuple(made)
        order.append(rows)
    if not len(order[1]):
        raise ValueError(f"`{call}` found no neuron in this file. A network has at least one.")
    return nodes, place, order


def _level(call: str, area: str, levels: NDArray[np.float64]) -> float | None:
    if np.isnan(levels).all():
        return None
    if not (levels == levels[0]).all():
        shown = ", ".join(f"{level:g}" for level in np.unique(levels)[:4])
        raise ValueError(
            f"`{call}` needs one level for the whole area {area!r}; its neurons have {shown}. "
            "Split the area or give one level."
        )
    if np.isinf(levels[0]):
        raise ValueError(f"`{call}` needs finite levels; that of the area {area!r} is not.")
    return float(levels[0])


def _node_numbers(
    call: str, tables: Tables, name: str, rows: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    column = tables.nodes.get(name)
    if column is None:
        return None
    if isinstance(column, Words) or column.dtype.kind not in "iufb":
        raise ValueError(
            f"`{call}` needs numbers in the column {name!r} of the nodes; it holds text. "
            f"Read it without with columns={{{name!r}: None}}."
        )
    return column[rows].astype(np.float64)


def _signs(call: str, sign: NDArray[np.float64], names: NDArray[np.str_]) -> NDArray[np.int8]:
    sign = np.nan_to_num(sign, nan=0.0)
    wrong = ~np.isin(sign, (-1, 0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"`{call}` needs 1 (excitatory), -1 (inhibitory) or 0 (not known) in the column 'sign' of the "
            f"nodes; {str(names[row])!r} has {sign[row]:g}. Correct the cell."
        )
    return sign.astype(np.int8)


def _positions(
    about: Mapping[str, Any], axes: list[NDArray[np.float64] | None], count: int
) -> NDArray[np.float64] | None:
    columns = [axis for axis in axes if axis is not None]
    if not columns and about.get("dimensions") is None:
        return None
    return np.stack(columns, 1) if columns else np.zeros((count, 0))


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
    if strange.any() and unknown == "error":
        row = int(np.argmax(strange))
        end = tables.pre[row] if tables.pre[row] >= count else tables.post[row]
        raise ValueError(
            f"`{call}` needs both ends of every edge in the table of nodes; {tables.names[end]!r} of edge "
            f"{row + 1} is not there ({int(strange.sum())} such edges in all). Add the neuron, or leave "
            "these "
            "edges out with unknown='drop'."
        )
    known = np.flatnonzero(~strange) if strange.any() else slice(None)
    pre, post = tables.pre[known], tables.post[known]
    found = np.full(len(pre), -1, np.int8)
    for code, (post_role, pre_role) in enumerate(_ENDS.values()):
        found[(roles[post] == _ROLES.index(post_role)) & (roles[pre] == _ROLES.index(pre_role))] = code
    if (found < 0).any():
        row = int(np.argmax(found < 0))
        raise ValueError(
            f"`{call}` allows edges from inputs to neurons, among neurons and from neurons to readouts; "
            f"{tables.names[pre[row]]!r} → {tables.names[post[row]]!r} runs from {_ROLES[roles[pre[row]]]} "
            "to "
            f"{_ROLES[roles[post[row]]]}. Remove it."
        )
    edges = {name: _taken(column, known) for name, column in tables.edges.items()}
    sizes = {role: nodes[role][-1].stop if nodes[role] else 0 for role in _ROLES}
    parts: dict[str, Synapses] = {}
    merged = 0
    for code, (which, (post_role, pre_role)) in enumerate(_ENDS.items()):
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
                f"{kinds[ends]} and {kind}."
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
