"""Networks in SONATA, the HDF5 format of large circuits: nodes and edges in one `.h5` file.

Node populations are `neurons`, `inputs` and `readouts`; edge populations `inputs__neurons`,
`neurons__neurons` and `neurons__readouts`, with indices in both directions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn._files import replacing
from graphrnn._optional import optional
from graphrnn.connectome import Connectome, Synapses
from graphrnn.io._about import parsed
from graphrnn.io._choices import Choices
from graphrnn.io._hdf5 import DIGEST, Group, check_heaps, digest_of
from graphrnn.io._listing import meant
from graphrnn.io._matrix import only_network
from graphrnn.io._network import network_of
from graphrnn.io._network_tables import network_tables
from graphrnn.io._tables import (
    EDGE_COLUMNS,
    NODE_COLUMNS,
    TEXT_COLUMNS,
    Codes,
    Column,
    Tables,
    Words,
    chosen_columns,
)

__all__ = ["read", "write"]

_MAGIC = 0x0A7A
_LIBRARY = "@library"  # the group of the words that numbers stand for
_ABOUT = "graphrnn"  # the dataset that holds what nodes and edges cannot
_POPULATIONS = {"inputs": "input", "neurons": "area", "readouts": "readout"}
_MATRICES = {
    "input": ("inputs", "neurons"),
    "hidden": ("neurons", "neurons"),
    "readout": ("neurons", "readouts"),
}
_THEIRS = {"weight": "syn_weight"}  # what SONATA calls our columns, where it has a word of its own
_COUNTING = ("node_id", "node_group_index", "edge_group_index")  # where another order would mix rows up
_MOST = 2**31 - 1
_CHUNK = 1 << 16
_VERSIONS = ("v110", "v110")  # of HDF5 that can read the file, the first with checksums in all its structures


def write(call: str, net: Any, path: Path) -> None:
    """Write nodes, edges and the indices of both directions."""
    h5py = optional(call, "h5py")
    net = only_network(call, net)
    tables = network_tables(call, net)
    sizes = {"inputs": net.n_inputs, "neurons": net.n_neurons, "readouts": net.n_readouts}
    with replacing(call, path) as raw, h5py.File(raw, "w", libver=_VERSIONS) as file:
        file.attrs["magic"] = np.uint32(_MAGIC)
        file.attrs["version"] = np.array([0, 1], np.uint32)
        about = np.frombuffer(json.dumps(tables.about).encode(), np.uint8)
        _write_numbers(file, _ABOUT, about)
        start = 0
        for population, size in sizes.items():
            rows = slice(start, start + size)
            start += size
            if size:
                columns = {
                    name: _part(column, rows) for name, column in tables.nodes.items() if name != "role"
                }
                group = _population(call, file, f"nodes/{population}", "node", size, columns)
                _write_texts(call, group, "name", tables.names[rows])
        start = 0
        for which, (source, target) in _MATRICES.items():
            part = net.synapses(which)
            rows = slice(start, start + part.size)
            start += part.size
            if part.size:
                columns = {name: _part(column, rows) for name, column in tables.edges.items()}
                _write_edges(call, file, f"edges/{source}__{target}", part, (source, target), columns)


def _part(column: Column, rows: slice) -> Column:
    return Words(column.codes[rows], column.words) if isinstance(column, Words) else column[rows]


def _population(call: str, file: Any, name: str, what: str, size: int, columns: Mapping[str, Column]) -> Any:
    """A population with its one group of attributes; returns the group."""
    h5 = file.create_group(name)
    # datasets that are all one number take no room: the file keeps that number alone
    chunks = (min(size, _CHUNK),)
    h5.create_dataset(f"{what}_type_id", (size,), np.int64, chunks=chunks, fillvalue=-1)
    h5.create_dataset(f"{what}_group_id", (size,), np.uint32, chunks=chunks, fillvalue=0)
    _write_numbers(h5, f"{what}_group_index", np.arange(size, dtype=np.uint32))
    group = h5.create_group("0")
    for title, column in columns.items():
        _write_column(call, group, _THEIRS.get(title, title), column)
    return group


def _write_column(call: str, group: Any, title: str, column: Column) -> None:
    if not isinstance(column, Words):
        if column.dtype.kind != "f" or not np.isnan(column).all():
            _write_numbers(group, title, column)
    elif (column.codes >= 0).all():
        _write_numbers(group, title, column.codes.astype(np.uint32))
        _write_texts(call, group, f"{_LIBRARY}/{title}", column.words)


def _write_numbers(group: Any, title: str, numbers: NDArray[Any]) -> Any:
    """A dataset with a checksum in each chunk, so that no reader takes damaged numbers for whole ones."""
    chunks = (min(len(numbers), _CHUNK), *numbers.shape[1:])
    if not numbers.size:
        return group.create_dataset(title, data=numbers)
    return group.create_dataset(title, data=numbers, chunks=chunks, fletcher32=True)


def _write_texts(call: str, group: Any, title: str, texts: Sequence[str]) -> None:
    h5py = optional(call, "h5py")
    for text in texts:
        if "\0" in text or (not text.isprintable() and _is_invalid(text)):
            raise ValueError(f"`{call}` cannot write the name {text[:40]!r} into HDF5. Rename it.")
    dataset = group.create_dataset(title, data=list(texts), dtype=h5py.string_dtype())
    dataset.attrs[DIGEST] = digest_of(texts)


def _is_invalid(text: str) -> bool:
    """Whether text holds half a character, which UTF-8 does not."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _write_edges(
    call: str, file: Any, name: str, part: Synapses, ends: tuple[str, str], columns: Mapping[str, Column]
) -> None:
    _population(call, file, name, "edge", part.size, columns)
    for end, population, index in (("source", ends[0], part.pre), ("target", ends[1], part.post)):
        dataset = _write_numbers(file[name], f"{end}_node_id", index.astype(np.uint32))
        dataset.attrs["node_population"] = population
    order = np.argsort(part.pre, kind="stable")
    counts = np.bincount(part.pre, minlength=part.shape[1])
    first = np.concatenate([[0], np.cumsum(counts)])
    indices = file[name].create_group("indices")
    _write_index(indices, "source_to_target", first, np.stack([order, order + 1], 1))
    edges = part.indptr[:-1], part.indptr[1:]
    _write_index(indices, "target_to_source", np.arange(part.shape[0] + 1), np.stack(edges, 1))


def _write_index(indices: Any, name: str, first: NDArray[np.int64], ranges: NDArray[np.int64]) -> None:
    group = indices.create_group(name)
    _write_numbers(group, "node_id_to_ranges", np.stack([first[:-1], first[1:]], 1).astype(np.uint64))
    _write_numbers(group, "range_to_edge_id", ranges.astype(np.uint64))


def read(call: str, path: Path, choices: Choices) -> Connectome:
    """Read edges, with the nodes of the same file or of another.

    A population of nodes is an area, where no attribute says which areas there are.
    """
    h5py = optional(call, "h5py")
    try:
        for one in (path, choices.nodes or path):
            check_heaps(call, one)
        with h5py.File(path, "r") as file:
            if choices.nodes is None:
                return _network(call, Group(call, path, file), None, choices)
            with h5py.File(choices.nodes, "r") as nodes:
                return _network(call, Group(call, path, file), Group(call, choices.nodes, nodes), choices)
    except (OSError, RuntimeError, MemoryError, KeyError, UnicodeDecodeError, AttributeError) as error:
        raise ValueError(
            f"`{call}` cannot read this file: it is truncated, damaged or no HDF5 file. Take another copy."
        ) from error


def _network(call: str, file: Group, nodes_file: Group | None, choices: Choices) -> Connectome:
    own = file.sub("nodes") if nodes_file is None else nodes_file.sub("nodes")
    edges = file.sub("edges")
    about = parsed(call, file.numbers(_ABOUT).astype(np.uint8).tobytes()) if _ABOUT in file.arrays() else {}
    if edges is None and own is None:
        raise ValueError(
            f"`{call}` found neither nodes nor edges in this file; it is no SONATA file. Give the file of "
            "the edges."
        )
    names, nodes, place = _nodes(call, own, choices, bool(about))
    parts = list((edges.groups() if edges is not None else {}).values())
    for part in parts:
        _check_order(part)
        for group in (part, _only_group(call, part)):
            if group is not None:
                group.check()
    ends = [_ends(call, part, place, names, own is None) for part in parts]
    columns = _edge_columns(call, parts, [len(pre) for pre, _ in ends], choices)
    pre, post = (np.concatenate([np.zeros(0, np.int64), *(end[i] for end in ends)]) for i in (0, 1))
    listed = len(names) if own is not None else None
    if own is None:
        nodes = {"area": Words.of([name.rpartition("/")[0] for name in names])}
        listed = len(names)
    tables = Tables(names, nodes, pre.astype(np.int32), post.astype(np.int32), columns, listed, about)
    return network_of(call, tables, duplicates=choices.duplicates, unknown=choices.unknown)


def _nodes(
    call: str, own: Group | None, choices: Choices, ours: bool
) -> tuple[list[str], dict[str, Column], dict[str, tuple[int, int]]]:
    """The names and attributes of all populations, and where each begins and how many it has."""
    names: list[str] = []
    place: dict[str, tuple[int, int]] = {}
    parts: list[tuple[Group, int]] = []
    roles: list[str] = []
    if own is None:
        return names, {}, place
    for population, group in own.groups().items():
        size = group.length("node_type_id")
        place[population] = (len(names), size)
        _check_order(group)
        inner = _only_group(call, group)
        listed = (
            inner.texts("name")
            if inner is not None and "name" in inner.arrays() and inner.is_text("name")
            else []
        )
        names += listed if len(listed) == size else [f"{population}/{i}" for i in range(size)]
        roles += [_POPULATIONS.get(population, "area") if ours else "area"] * size
        parts.append((group, size))
    if len(set(names)) < len(names):
        names = [f"{population}/{i}" for population, (_, size) in place.items() for i in range(size)]
    known, given = meant(NODE_COLUMNS, choices, False)
    known.pop("neuron")
    columns = _columns(call, [(_only_group(call, group), size) for group, size in parts], known, given)
    columns["area"] = _areas(columns.get("area"), place)
    if ours:
        columns["role"] = Words.of(roles)
    return names, columns, place


def _areas(given: Column | None, place: dict[str, tuple[int, int]]) -> Words:
    """The area of each node; a population in which no node has one is an area of its own."""
    index = (
        Codes((word, code) for code, word in enumerate(given.words)) if isinstance(given, Words) else Codes()
    )
    size = sum(size for _, size in place.values())
    codes = given.codes.copy() if isinstance(given, Words) else np.full(size, -1, np.int32)
    for population, (start, size) in place.items():
        rows = slice(start, start + size)
        if size and (codes[rows] < 0).all():
            codes[rows] = index[population]
    return Words(codes, list(index))


def _check_order(population: Group) -> None:
    """Refuse a population whose attributes stand in another order than its rows."""
    for name in population.arrays():
        if name in _COUNTING:
            population.check_counting(name)


def _only_group(call: str, population: Group) -> Group | None:
    """The group of attributes; SONATA allows several, for cells of different models."""
    found = {name: group for name, group in population.groups().items() if name.isdecimal()}
    if len(found) > 1:
        raise ValueError(
            f"`{call}` reads populations with one group of attributes; {population.group.name!r} has "
            f"{len(found)}. Split "
            "the population, a group each."
        )
    return next(iter(found.values()), None)


def _columns(
    call: str,
    parts: list[tuple[Group | None, int]],
    known: dict[str, tuple[str, ...]],
    given: dict[str, str | None],
) -> dict[str, Column]:
    """The attributes of all populations one after the other; where one has none, NaN or no word."""
    header = list(dict.fromkeys(name for group, _ in parts if group is not None for name in group.arrays()))
    columns: dict[str, Column] = {}
    for name, at in chosen_columns(call, header, known, given).items():
        title = header[at]
        if name in TEXT_COLUMNS:
            columns[name] = _words([(group, size) for group, size in parts], title)
            continue
        values = [
            np.full(size, np.nan)
            if group is None or title not in group.arrays()
            else _sized(call, group, title, size)
            for group, size in parts
        ]
        columns[name] = np.concatenate(values)
    return columns


def _sized(call: str, group: Group, title: str, size: int) -> NDArray[Any]:
    values = group.numbers(title)
    if len(values) != size:
        raise ValueError(
            f"`{call}` needs {size} values of {title!r} in {group.group.name!r}; there are {len(values)}."
        )
    return values


def _words(parts: list[tuple[Group | None, int]], title: str) -> Words:
    index = Codes()
    codes = []
    for group, size in parts:
        if group is None or title not in group.arrays():
            codes.append(np.full(size, -1, np.int32))
            continue
        library = group.sub(_LIBRARY)
        if group.is_text(title):
            texts = group.texts(title)
            codes.append(np.array([index[text] for text in texts], np.int32))
        elif library is not None and title in library.arrays():
            words = np.array([index[word] for word in library.texts(title)], np.int32)
            codes.append(words[group.indices(title, len(words), "codes")])
        else:
            values, inverse = np.unique(group.numbers(title), return_inverse=True)
            words = np.array([index[str(value)] for value in values.tolist()], np.int32)
            codes.append(words[inverse])
        if len(codes[-1]) != size:
            raise KeyError(title)
    return Words(np.concatenate([np.zeros(0, np.int32), *codes]), list(index))


def _ends(
    call: str, part: Group, place: dict[str, tuple[int, int]], names: list[str], grow: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The two ends of the edges of a population; without nodes their names grow."""
    ends = []
    limits = {end: _limits(call, part, f"{end}_node_id", place, grow) for end in ("source", "target")}
    for end, (_, size, what) in limits.items():
        part.check_indices(f"{end}_node_id", size, what)  # both, before either takes memory
    for end, (population, size, what) in limits.items():
        ids = part.indices(f"{end}_node_id", size, what)
        if grow:
            own, inverse = np.unique(ids, return_inverse=True)
            known = {name: i for i, name in enumerate(names)}
            table = []
            for one in own.tolist():
                name = f"{population}/{one}"
                if name not in known:
                    known[name] = len(names)
                    names.append(name)
                table.append(known[name])
            ends.append(np.array(table, np.int64)[inverse])
            continue
        ends.append(ids + place[population][0])
    if len(ends[0]) != len(ends[1]):
        raise ValueError(
            f"`{call}` needs as many source as target ids; there are {len(ends[0])} and {len(ends[1])}. "
            "Take another copy."
        )
    return ends[0], ends[1]


def _limits(
    call: str, part: Group, name: str, place: dict[str, tuple[int, int]], grow: bool
) -> tuple[str, int, str]:
    """The population in which edges end, how many ids it has, and what to call them."""
    population = part.attribute("node_population", name) or "neurons"
    if grow:
        return population, _MOST, "node ids"
    if population not in place:
        raise ValueError(
            f"`{call}` found no nodes of the population {population!r}, where edges end. Give their "
            "file as `nodes`."
        )
    return population, place[population][1], f"ids of {population!r}"


def _edge_columns(call: str, parts: list[Group], sizes: list[int], choices: Choices) -> dict[str, Column]:
    known, given = meant(EDGE_COLUMNS, choices, False)
    known = {name: words for name, words in known.items() if name not in ("pre", "post")}
    given = {name: title for name, title in given.items() if name not in ("pre", "post")}
    groups = [(_only_group(call, part), size) for part, size in zip(parts, sizes, strict=True)]
    return _columns(call, groups, known, given)
