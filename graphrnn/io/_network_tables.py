"""A network as tables of nodes and edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import KINDS, Connectome, Synapses, kind_between
from graphrnn.connectome.edges import neuron_names
from graphrnn.io._about import about_network
from graphrnn.io._tables import AXES, ENDS, ROLES, Column, Tables, Words

__all__ = ["network_tables"]

_EXACT = 2**53  # the whole numbers up to here are numbers of 64 bits


def network_tables(call: str, net: Connectome) -> Tables:
    """The neurons and channels, and the synapses of all three matrices."""
    sizes = {"input": net.n_inputs, "area": net.n_neurons, "readout": net.n_readouts}
    offset = {"input": 0, "area": net.n_inputs, "readout": net.n_inputs + net.n_neurons}
    matrices = {which: net.synapses(which) for which in ENDS}
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
        index, start = (part.post, part.pre)[axis], offset[ENDS[which][axis]]
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
        counts = [sizes[role] for role in ROLES]
        columns["role"] = Words(np.repeat(np.arange(3, dtype=np.int32), counts), ROLES)
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
        if net.positions.shape[1] > len(AXES):
            raise ValueError(
                f"`{call}` holds positions of at most 3 dimensions; this network has "
                f"{net.positions.shape[1]}. Write it to a .npz file."
            )
        for axis, column in zip(AXES, net.positions.T, strict=False):
            columns[axis] = np.pad(column, ends, constant_values=np.nan)
    return columns


def _kinds(net: Connectome) -> Words:
    """(edge,) the kind of the projection that each synapse belongs to."""
    code = {kind: i for i, kind in enumerate(KINDS)}
    given = {(p.post, p.pre): code[p.kind] for p in net.projections}
    parts = []
    for which in ENDS:
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
