"""Networks as graphs of PyTorch Geometric, `Data` and `HeteroData`, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn._optional import optional
from graphrnn.connectome import KINDS, Connectome
from graphrnn.io._about import parsed
from graphrnn.io._matrix import only_network
from graphrnn.io._network import network_of
from graphrnn.io._network_tables import network_tables
from graphrnn.io._tables import Column, Tables, Words

__all__ = ["from_pyg", "to_pyg"]

_AXES = ("x", "y", "z")
_NODE_NUMBERS = ("level", "sign", "tau")
_EDGE_NUMBERS = ("weight", "delay")


def to_pyg(net: Connectome, *, hetero: bool = False) -> Any:
    """A network as a graph of PyTorch Geometric; an edge runs from `edge_index[0]`, pre, to `edge_index[1]`.

    A `Data` has all nodes in the order inputs, neurons, readouts, with `names`, `sign`, `tau`, `level`, `pos`
    and the codes `area` into `area_names`; edges have `edge_weight`, `edge_delay`, and codes `edge_kind` and
    `edge_type` into `edge_kind_names` and `edge_type_names`. A `HeteroData` has a node type for each area,
    input and readout, and an edge type `(pre, kind, post)` for each projection with synapses.

    Args:
        net: the network.
        hetero: a `HeteroData` instead of a `Data`.

    Raises:
        ImportError: where torch-geometric is not installed.
    """
    call = f"io.to_pyg(..., hetero={hetero!r})"
    _checks.boolean(call, "hetero", hetero)
    data = optional(call, "torch_geometric.data")
    tables = network_tables(call, only_network(call, net))
    graph = data.HeteroData() if hetero else data.Data()
    graph.graphrnn = json.dumps(tables.about)
    if hetero:
        _fill_hetero(graph, tables)
    else:
        _set_nodes(graph, tables, np.arange(len(tables.names)))
        for name in ("area", "role"):
            _set_words(graph, name, tables.nodes.get(name))
        graph.edge_index = _tensor(np.stack([tables.pre, tables.post]).astype(np.int64))
        _set_edges(graph, tables, slice(None))
        for name in ("kind", "type"):
            _set_words(graph, f"edge_{name}", tables.edges.get(name))
    return graph


def _tensor(array: NDArray[Any]) -> Any:
    import torch

    return torch.from_numpy(array.copy())


def _set_nodes(store: Any, tables: Tables, rows: NDArray[np.int64]) -> None:
    store.num_nodes = len(rows)
    store.names = [tables.names[row] for row in rows.tolist()]
    for name in _NODE_NUMBERS:
        if isinstance(column := tables.nodes.get(name), np.ndarray):
            store[name] = _tensor(column[rows])
    axes = [column for axis in _AXES if isinstance(column := tables.nodes.get(axis), np.ndarray)]
    if axes:
        store.pos = _tensor(np.stack(axes, 1)[rows])


def _set_edges(store: Any, tables: Tables, rows: Any) -> None:
    for name in _EDGE_NUMBERS:
        if isinstance(column := tables.edges.get(name), np.ndarray):
            store[f"edge_{name}"] = _tensor(column[rows])


def _set_words(store: Any, name: str, column: Column | None) -> None:
    if isinstance(column, Words):
        store[name] = _tensor(column.codes.astype(np.int64))
        store[f"{name}_names"] = list(column.words)


def _fill_hetero(graph: Any, tables: Tables) -> None:
    area, kind, roles = tables.nodes["area"], tables.edges["kind"], tables.nodes.get("role")
    assert isinstance(area, Words)  # `network_tables` made them
    assert isinstance(kind, Words)
    place = np.zeros(len(tables.names), np.int64)
    for code, name in enumerate(area.words):
        rows = np.flatnonzero(area.codes == code)
        place[rows] = np.arange(len(rows))
        _set_nodes(graph[name], tables, rows)
        if isinstance(roles, Words):
            graph[name].role = roles.words[roles.codes[rows[0]]]
    pre, post = area.codes[tables.pre], area.codes[tables.post]
    n = len(area.words)
    keys, group = np.unique((pre.astype(np.int64) * n + post) * len(KINDS) + kind.codes, return_inverse=True)
    for number, key in enumerate(keys.tolist()):
        rows = np.flatnonzero(group == number)
        ends, code = divmod(key, len(KINDS))
        store = graph[area.words[ends // n], kind.words[code], area.words[ends % n]]
        store.edge_index = _tensor(np.stack([place[tables.pre[rows]], place[tables.post[rows]]]))
        _set_edges(store, tables, rows)
        if isinstance(types := tables.edges.get("type"), Words):
            store.edge_type = _tensor(types.codes[rows].astype(np.int64))
            store.edge_type_names = list(types.words)


def from_pyg(graph: Any, *, duplicates: str | None = None) -> Connectome:
    """The network of a graph of PyTorch Geometric; takes back what `to_pyg` makes, exactly.

    Of graphs of others the node types are areas; of a `Data` all nodes are one area, or as `area` says.
    Weights are `edge_weight`, or an `edge_attr` of one column.

    Args:
        graph: a `Data` or a `HeteroData`.
        duplicates: what becomes of parallel edges, as in `io.read`.

    Raises:
        TypeError: for anything else.
        ValueError: for a graph without nodes, with an index out of range, or with several weights per edge.
    """
    call = "io.from_pyg(...)"
    data = optional(call, "torch_geometric.data")
    if not isinstance(graph, data.Data | data.HeteroData):
        raise TypeError(
            f"`{call}` needs a Data or HeteroData of torch-geometric; it got {type(graph).__name__}."
        )
    about = parsed(call, getattr(graph, "graphrnn", ""))
    tables = (
        _of_hetero(call, graph, about) if isinstance(graph, data.HeteroData) else _of_data(call, graph, about)
    )
    return network_of(call, tables, duplicates=duplicates)


def _array(value: Any) -> NDArray[Any]:
    array: NDArray[Any] = value.detach().cpu().numpy()
    return array


def _of_data(call: str, graph: Any, about: Mapping[str, Any]) -> Tables:
    count = int(graph.num_nodes or 0)
    nodes = _node_columns([(graph, count)])
    for name in ("area", "role"):
        if (words := _words(graph, name)) is not None:
            nodes[name] = words
    pre, post = _ends(call, graph, count, count)
    edges = _edge_columns([(graph, len(pre))])
    for name in ("kind", "type"):
        if (words := _words(graph, f"edge_{name}")) is not None:
            edges[name] = words
    names = _names(graph, "hidden", count)
    return Tables(names, nodes, pre.astype(np.int32), post.astype(np.int32), edges, count, about)


def _of_hetero(call: str, graph: Any, about: Mapping[str, Any]) -> Tables:
    names: list[str] = []
    areas: list[str] = []
    roles: list[str] = []
    start: dict[str, tuple[int, int]] = {}
    stores = []
    for name in graph.node_types:
        count = int(graph[name].num_nodes or 0)
        start[name] = (len(names), count)
        names += _names(graph[name], name, count)
        areas += [name] * count
        roles += [str(graph[name].get("role", "area"))] * count
        stores.append((graph[name], count))
    nodes: dict[str, Column] = {"area": Words.of(areas), "role": Words.of(roles), **_node_columns(stores)}
    parts, edge_stores = [], []
    kinds: list[str | None] = []
    types: list[str | None] = []
    for key in graph.edge_types:
        source, relation, target = key
        pre, post = _ends(call, graph[key], start[source][1], start[target][1])
        parts.append((pre + start[source][0], post + start[target][0]))
        kinds += [relation if relation in KINDS else None] * len(pre)
        words = _words(graph[key], "edge_type")
        own = [None if relation in KINDS else relation] * len(pre)
        types += own if words is None else [text or None for text in words.texts()]
        edge_stores.append((graph[key], len(pre)))
    pre, post = (np.concatenate([np.zeros(0, np.int64), *(part[i] for part in parts)]) for i in (0, 1))
    edges: dict[str, Column] = {"kind": Words.of(kinds), **_edge_columns(edge_stores)}
    if any(name is not None for name in types):
        edges["type"] = Words.of(types)
    return Tables(names, nodes, pre.astype(np.int32), post.astype(np.int32), edges, len(names), about)


def _names(store: Any, owner: str, count: int) -> list[str]:
    given = store.get("names")
    if isinstance(given, list) and len(given) == count and len(set(map(str, given))) == count:
        return [str(name) for name in given]
    return [f"{owner}/{i}" for i in range(count)]


def _words(store: Any, name: str) -> Words | None:
    """Codes with their words; codes alone are their own words."""
    codes, words = store.get(name), store.get(f"{name}_names")
    if codes is None or not hasattr(codes, "detach") or codes.dim() != 1:
        return None
    array = _array(codes)
    if isinstance(words, list) and (not array.size or -1 <= array.min() <= array.max() < len(words)):
        return Words(array.astype(np.int32), [str(word) for word in words])
    return Words.of([str(code) for code in array.tolist()])


def _node_columns(stores: Iterable[tuple[Any, int]]) -> dict[str, Column]:
    listed = list(stores)
    columns: dict[str, Column] = {}
    for name in _NODE_NUMBERS:
        columns |= _joined(name, [(store.get(name), count) for store, count in listed])
    width = max((s.get("pos").shape[1] for s, _ in listed if s.get("pos") is not None), default=0)
    for i, axis in enumerate(_AXES[:width]):
        given = [(None if s.get("pos") is None else s.get("pos")[:, i], count) for s, count in listed]
        columns |= _joined(axis, given)
    return columns


def _edge_columns(stores: Iterable[tuple[Any, int]]) -> dict[str, Column]:
    listed = list(stores)
    weights = [(_weight(store), count) for store, count in listed]
    return _joined("weight", weights) | _joined(
        "delay", [(s.get("edge_delay"), count) for s, count in listed]
    )


def _weight(store: Any) -> Any:
    if (weight := store.get("edge_weight")) is not None:
        return weight
    attributes = store.get("edge_attr")
    if attributes is None or not attributes.numel():
        return None
    if attributes.dim() > 2 or (attributes.dim() == 2 and attributes.shape[1] != 1):
        raise ValueError(
            "`io.from_pyg(...)` needs one weight for each edge; `edge_attr` has the shape "
            f"{tuple(attributes.shape)}. Choose one, such as edge_weight = edge_attr[:, 0], or take "
            "edge_attr out."
        )
    return attributes.reshape(-1)


def _joined(name: str, parts: list[tuple[Any, int]]) -> dict[str, Column]:
    """The column of that name, NaN where a store has none; nothing where no store has it."""
    if all(value is None for value, _ in parts):
        return {}
    return {name: np.concatenate([np.full(count, np.nan) if v is None else _array(v) for v, count in parts])}


def _ends(call: str, store: Any, n_pre: int, n_post: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    index = store.get("edge_index")
    if index is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    pre, post = _array(index)
    for end, limit in ((pre, n_pre), (post, n_post)):
        if end.size and not 0 <= int(end.min()) <= int(end.max()) < limit:
            raise ValueError(
                f"`{call}` needs `edge_index` from 0 to {limit - 1}; it runs from {end.min()} to "
                f"{end.max()}. Set "
                "num_nodes to the number of nodes."
            )
    return pre, post
