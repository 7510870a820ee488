"""A connectome as a networkx graph of neurons, and back."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome.edges import (
    AXES,
    fields_from_edges,
    measured_projections,
    neuron_names,
    synapses_from_table,
)
from graphrnn.connectome.nodes import HIDDEN_KINDS, Node, Projection, kind_between
from graphrnn.connectome.parts import projections_left
from graphrnn.connectome.provenance import Provenance
from graphrnn.connectome.synapses import Synapses

if TYPE_CHECKING:
    import networkx
    import pandas

    from graphrnn.connectome.core import Connectome

__all__ = ["fields_from_networkx", "to_networkx"]

_CALL = "Connectome.from_networkx(...)"
_KEY = "graphrnn"  # of the graph attribute that holds what neither nodes nor edges can
_ENDS = {"input": ("area", "input"), "hidden": ("area", "area"), "readout": ("readout", "area")}  # post, pre


def to_networkx(net: Connectome) -> networkx.DiGraph:
    """The neurons and synapses as a directed graph."""
    import networkx as nx

    graph = nx.DiGraph()
    beside = {
        "projections": [dataclasses.asdict(p) for p in net.projections],
        "sizes": {node.name: node.size for node in (*net.areas, *net.inputs, *net.readouts)},
        "types": {which: list(net.synapses(which).types) for which in _ENDS},
        "report": dict(net.report),
        "seed": net.seed,
        "named": net.names is not None,
        "provenance": net.provenance.steps,
    }
    graph.graph[_KEY] = json.dumps(beside)  # as text, which every format of networkx can hold
    labels = {"area": neuron_names(net).tolist()}
    for area in net.areas:
        for i in range(area.start, area.stop):
            graph.add_node(labels["area"][i], role="area", area=area.name, **_neuron(net, area, i))
    for role, nodes in (("input", net.inputs), ("readout", net.readouts)):
        labels[role] = [f"{node.name}/{i}" for node in nodes for i in range(node.size)]
        owners = [node.name for node in nodes for _ in range(node.size)]
        for label, owner in zip(labels[role], owners, strict=True):
            if label in graph:
                raise ValueError(
                    f"`net.to_networkx()` needs the name {label!r} for a channel of {role} {owner!r}; a "
                    "neuron or another channel has it. Rename that one."
                )
            graph.add_node(label, role=role, **{role: owner})
    for which, (post, pre) in _ENDS.items():
        _add_edges(graph, net, which, labels[post], labels[pre])
    return graph


def _neuron(net: Connectome, area: Node, i: int) -> dict[str, Any]:
    """The attributes of a neuron; what is not set is absent."""
    attributes: dict[str, Any] = {}
    if area.level is not None:
        attributes["level"] = area.level
    if net.sign[i]:
        attributes["sign"] = int(net.sign[i])
    if not math.isnan(net.tau[i]):
        attributes["tau"] = float(net.tau[i])
    if net.positions is not None:
        attributes["position"] = tuple(net.positions[i].tolist())
    return attributes


def _add_edges(
    graph: Any, net: Connectome, which: str, post_labels: list[str], pre_labels: list[str]
) -> None:
    synapses = net.synapses(which)
    kinds = {(p.pre, p.post): p.kind for p in net.projections}
    owners = [[node for node in axis for _ in range(node.size)] for axis in net.ends(which)]
    for k, (post, pre) in enumerate(zip(synapses.post.tolist(), synapses.pre.tolist(), strict=True)):
        source, target = owners[1][pre], owners[0][post]
        kind = kinds.get((source.name, target.name)) or kind_between(source, target)
        attributes: dict[str, Any] = {"kind": kind}
        if synapses.weight is not None and not math.isnan(synapses.weight[k]):
            attributes["weight"] = float(synapses.weight[k])
        if synapses.delay is not None:
            attributes["delay"] = float(synapses.delay[k])
        if synapses.type is not None:
            attributes["type"] = synapses.types[synapses.type[k]]
        graph.add_edge(pre_labels[pre], post_labels[post], **attributes)


def fields_from_networkx(graph: networkx.DiGraph, *, duplicates: str) -> dict[str, Any]:
    """The fields of a Connectome from a directed graph of neurons."""
    if not getattr(graph, "is_directed", lambda: False)():
        raise TypeError(
            f"`{_CALL}` needs a directed graph; it got {type(graph).__name__}. "
            "An undirected one becomes two directed edges each with graph.to_directed()."
        )
    beside = _beside(graph.graph.get(_KEY))
    role = {node: _role(node, data) for node, data in graph.nodes(data=True)}
    tables = _edge_tables(graph, role)
    fields = fields_from_edges(
        tables["hidden"],
        _neuron_table(graph, role),
        duplicates=duplicates,
        unknown="error",
        kinds=_explicit_kinds(tables["hidden"], {node: graph.nodes[node].get("area") for node in graph}),
        partial_weights=True,
        excitatory_first=not beside,  # what `to_networkx` made keeps its order
        call=_CALL,
    )
    names = fields["names"].tolist()
    place = {"area": {name: i for i, name in enumerate(names)}}
    for which in ("input", "readout"):
        fields[f"{which}s"], place[which] = _channels(graph, role, which)
        post_role, pre_role = _ENDS[which]
        fields[which], merged = synapses_from_table(
            _CALL,
            tables[which],
            np.array([place[post_role][str(node)] for node in tables[which]["post"]], np.int64),
            np.array([place[pre_role][str(node)] for node in tables[which]["pre"]], np.int64),
            (len(place[post_role]), len(place[pre_role])),
            duplicates=duplicates,
            partial_weights=True,
        )
        if merged:
            fields["report"]["merged"] = fields["report"].get("merged", 0) + merged
    if (positions := _positions(graph, names)) is not None:
        fields["positions"] = positions
    for which, types in beside.get("types", {}).items():
        fields[which] = _with_types(fields[which], tuple(types))
    fields["projections"] = _projections(fields, beside)
    fields["seed"] = beside.get("seed")
    fields["report"] |= beside.get("report", {})
    before = Provenance.from_steps(beside.get("provenance", ()))
    choices = {"duplicates": duplicates}
    # What `to_networkx` made comes back as it was, so that the way through networkx is no step.
    fields["provenance"] = (
        before
        if beside
        else before.then(_CALL.removesuffix("(...)"), choices=choices, report=fields["report"])
    )
    if not beside.get("named", True):
        fields["names"] = None
    return fields


def _beside(text: Any) -> dict[str, Any]:
    """What `to_networkx` wrote down; nothing for a graph of others."""
    if text is None:
        return {}
    try:
        beside = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"`{_CALL}` needs the graph's attribute {_KEY!r} as `to_networkx` made it. Delete it: "
            f"del graph.graph[{_KEY!r}]."
        ) from error
    return beside if isinstance(beside, dict) else {}


def _role(node: Any, data: dict[str, Any]) -> str:
    for role in ("input", "readout", "area"):
        if role in data:
            return role
    raise ValueError(
        f"`{_CALL}` needs an attribute `area` (or `input`, `readout`) on every node; {node!r} has none. "
        "For a graph of one area use nx.set_node_attributes(graph, 'network', 'area')."
    )


def _neuron_table(graph: Any, role: dict[Any, str]) -> pandas.DataFrame:
    import pandas as pd

    rows = [
        {
            "neuron": node,
            "area": data["area"],
            **{k: data[k] for k in ("level", "sign", "tau", *AXES) if k in data},
        }
        for node, data in graph.nodes(data=True)
        if role[node] == "area"
    ]
    return pd.DataFrame(rows if rows else {"neuron": [], "area": []})


def _edge_tables(graph: Any, role: dict[Any, str]) -> dict[str, pandas.DataFrame]:
    """The edges of each of the three matrices as a table; what an edge does not have is NaN there."""
    import pandas as pd

    rows: dict[str, list[dict[str, Any]]] = {which: [] for which in _ENDS}
    matrix = {ends: which for which, ends in _ENDS.items()}
    for pre, post, data in graph.edges(data=True):
        which = matrix.get((role[post], role[pre]))
        if which is None:
            raise ValueError(
                f"`{_CALL}` allows edges from inputs to neurons, among neurons and from neurons to readouts; "
                f"{pre!r} → {post!r} runs from {role[pre]} to {role[post]}."
            )
        if "weight" in data:
            _checks.finite(f"{_CALL}, edge {pre!r} → {post!r}", "weight", data["weight"])
        kept = {key: data[key] for key in ("weight", "delay", "type", "kind") if key in data}
        rows[which].append({"pre": pre, "post": post, **kept})
    return {which: pd.DataFrame(found if found else {"pre": [], "post": []}) for which, found in rows.items()}


def _explicit_kinds(table: pandas.DataFrame, area: dict[Any, Any]) -> dict[tuple[str, str], str]:
    """The kind of each pair of areas whose edges carry one; all edges of a pair must agree."""
    kinds: dict[tuple[str, str], str] = {}
    if "kind" not in table.columns:
        return kinds
    for pre, post, kind in table[["pre", "post", "kind"]].itertuples(index=False):
        if isinstance(kind, str):
            pair = (str(area[pre]), str(area[post]))
            _checks.one_of(f"{_CALL}, edge {pre!r} → {post!r}", "kind", kind, HIDDEN_KINDS)
            if kinds.setdefault(pair, kind) != kind:
                raise ValueError(
                    f"`{_CALL}` needs one kind for all synapses from {pair[0]!r} to {pair[1]!r}; it found "
                    f"{kinds[pair]} and {kind}."
                )
    return kinds


def _channels(graph: Any, role: dict[Any, str], which: str) -> tuple[tuple[Node, ...], dict[str, int]]:
    """The inputs or readouts, and the place of each channel: those of one input side by side."""
    members: dict[str, list[str]] = {}
    for node, data in graph.nodes(data=True):
        if role[node] == which:
            members.setdefault(str(data[which]), []).append(str(node))
    nodes: list[Node] = []
    for owner, labels in members.items():
        start = nodes[-1].stop if nodes else 0
        nodes.append(Node(owner, which, start, start + len(labels)))
    ordered = [label for labels in members.values() for label in labels]
    return tuple(nodes), {label: i for i, label in enumerate(ordered)}


def _positions(graph: Any, names: list[str]) -> NDArray[np.float64] | None:
    given = {str(node): data["position"] for node, data in graph.nodes(data=True) if "position" in data}
    if not names or any(name not in given for name in names):
        return None
    return np.array([np.atleast_1d(given[name]) for name in names], np.float64)


def _with_types(synapses: Synapses, types: tuple[str, ...]) -> Synapses:
    """The same synapses with their types in the order in which they stood before."""
    if synapses.type is None:
        return dataclasses.replace(synapses, types=types)
    known = (*types, *(name for name in synapses.types if name not in types))
    code = np.array([known.index(name) for name in synapses.types], np.int64)
    return dataclasses.replace(synapses, type=code[synapses.type], types=known)


def _projections(fields: dict[str, Any], beside: dict[str, Any]) -> tuple[Projection, ...]:
    """The projections that `to_networkx` wrote down, and those of synapses that came in since."""
    nodes = {node.name: node for end in ("areas", "inputs", "readouts") for node in fields[end]}
    recorded = projections_left(
        [Projection(**record) for record in beside.get("projections", ())],
        beside.get("sizes", {}),
        {name: node.size for name, node in nodes.items()},
    )
    found = [
        *measured_projections(fields["areas"], fields["inputs"], fields["input"]),
        *fields["projections"],
        *measured_projections(fields["readouts"], fields["areas"], fields["readout"]),
    ]
    known = {(p.pre, p.post) for p in recorded}
    return (*recorded, *(p for p in found if (p.pre, p.post) not in known))
