"""Wiring from and to tables of edges and neurons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome.nodes import Node, Projection, kind_between
from graphrnn.connectome.synapses import Synapses

if TYPE_CHECKING:
    import pandas

    from graphrnn.connectome.core import Connectome

__all__ = [
    "AXES",
    "DELAYS",
    "DUPLICATES",
    "check_met",
    "fields_from_edges",
    "measured_projections",
    "names_of",
    "neuron_names",
    "synapses_from_table",
    "to_edges",
]

Fields = dict[str, Any]
_CALL = "Connectome.from_edges(...)"
DUPLICATES = ("sum", "mean", "max", "min", "count", "error")  # what becomes of the weights of parallel rows
AXES = ("x", "y", "z")  # of positions
_WHOLE = 2**53  # from here on floats miss whole numbers
DELAYS = ("error", "min", "max", "mean")


def fields_from_edges(
    edges: pandas.DataFrame,
    neurons: pandas.DataFrame,
    *,
    duplicates: str,
    unknown: str,
    delays: str = "error",
    kinds: Mapping[tuple[str, str], str] = MappingProxyType({}),
    partial_weights: bool = False,
    excitatory_first: bool = True,
    call: str = _CALL,
) -> Fields:
    """The fields of a Connectome from its two tables.

    Args:
        edges: as in `Connectome.from_edges`.
        neurons: as in `Connectome.from_edges`.
        duplicates: as in `Connectome.from_edges`.
        unknown: as in `Connectome.from_edges`.
        delays: as in `Connectome.from_edges`.
        kinds: by (pre, post) area; they win over the levels.
        partial_weights: let a NaN stand for a weight that was not given.
        excitatory_first: put the excitatory neurons of an area first; otherwise their order stays.
        call: the user's call, for messages.
    """
    _checks.one_of(call, "duplicates", duplicates, DUPLICATES)
    _checks.one_of(call, "delays", delays, DELAYS)
    _checks.one_of(call, "unknown", unknown, ("error", "drop"))
    _need_columns(call, "edges", edges, ("pre", "post"))
    _need_columns(call, "neurons", neurons, ("neuron", "area"))
    if not len(neurons):
        raise ValueError(f"`{call}` needs at least one neuron; there is none.")
    table = _ordered(call, neurons, excitatory_first)
    post, pre, rows, dropped = _ends(call, edges, table["neuron"].to_numpy(), unknown)
    n = len(table)
    hidden, merged = synapses_from_table(
        call,
        edges.iloc[rows],
        post,
        pre,
        (n, n),
        duplicates=duplicates,
        delays=delays,
        partial_weights=partial_weights,
    )
    areas = _areas(call, table)
    empty = np.zeros(0, np.int32)
    report = {"merged": merged, "dropped": dropped}
    axes = [axis for axis in AXES if axis in table.columns]
    return {
        "areas": areas,
        "inputs": (),
        "readouts": (),
        "projections": measured_projections(areas, areas, hidden, kinds),
        "input": Synapses((n, 0), empty, empty),
        "hidden": hidden,
        "readout": Synapses((0, n), empty, empty),
        "sign": table["sign"].to_numpy(np.int8),
        "tau": table["tau"].to_numpy(np.float64),
        "names": table["neuron"].to_numpy(np.str_),
        "positions": table[axes].to_numpy(np.float64) if axes else None,
        "report": {what: number for what, number in report.items() if number},
    }


def measured_projections(
    posts: tuple[Node, ...],
    pres: tuple[Node, ...],
    synapses: Synapses,
    kinds: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> tuple[Projection, ...]:
    """One projection for each pair of nodes that has a synapse."""
    post, pre = (np.repeat(np.arange(len(axis)), _sizes(axis)) for axis in (posts, pres))
    projections = []
    for key in np.unique(post[synapses.post] * len(pres) + pre[synapses.pre]).tolist():
        target, source = posts[key // len(pres)], pres[key % len(pres)]
        kind = kinds.get((source.name, target.name)) or kind_between(source, target)
        projections.append(Projection(source.name, target.name, kind, "measured", source.size * target.size))
    return tuple(projections)


def _sizes(nodes: tuple[Node, ...]) -> NDArray[np.int64]:
    return np.array([node.size for node in nodes], np.int64)


def _need_columns(call: str, what: str, table: Any, columns: tuple[str, ...]) -> None:
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"`{call}` needs a pandas DataFrame of {what}; it got {type(table).__name__}.")
    missing = [name for name in columns if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns)) or "none"
        raise ValueError(
            f"`{call}` needs the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} in the table "
            f"of {what}; its columns are {found}. Rename them with DataFrame.rename."
        )
    for name in columns:
        if empty := int(table[name].isna().sum()):
            raise ValueError(f"`{call}` needs a value in every row of `{name}`; {empty} are missing.")


def names_of(call: str, table: pandas.DataFrame, name: str, what: str) -> pandas.Series:
    """A column of names as text; refused where a float has taken digits from ids."""
    column = table[name]
    if column.dtype.kind == "f" and bool((column.abs() >= _WHOLE).any()):
        raise ValueError(
            f"`{call}` needs names or whole numbers in the column `{name}` of the {what}; it holds floats, "
            f"which round an id as long as {column.abs().max():.0f}. Read the table anew with dtype=str."
        )
    return column.map(str)


def check_met(call: str, pre: pandas.Series, names: Iterable[Any], apart: bool) -> None:
    """Refuse edges and neurons that are `apart`: no end of any edge is a neuron of the table."""
    if apart:
        edge, neuron = str(pre.iloc[0]), str(next(iter(names), None))
        raise ValueError(
            f"`{call}` found no end of any edge in the table of neurons: the edges name {edge!r}, the "
            f"neurons {neuron!r}. Take both names from the same kind of ids."
        )


def _ordered(call: str, neurons: pandas.DataFrame, excitatory_first: bool) -> pandas.DataFrame:
    """The neurons as text, area after area in order of appearance."""
    import pandas as pd

    table = pd.DataFrame(
        {"neuron": names_of(call, neurons, "neuron", "neurons"), "area": neurons["area"].map(str)}
    )
    repeated = table["neuron"][table["neuron"].duplicated()]
    if len(repeated):
        raise ValueError(
            f"`{call}` needs each neuron once; {repeated.iloc[0]!r} is listed more often "
            f"({len(repeated)} repeated in all)."
        )
    axes = [(axis, np.nan) for axis in AXES if axis in neurons.columns]
    for name, missing in (("sign", 0.0), ("level", np.nan), ("tau", np.nan), *axes):
        column = neurons[name] if name in neurons.columns else pd.Series(missing, neurons.index)
        try:
            table[name] = pd.to_numeric(column).astype(float)
        except (TypeError, ValueError) as error:
            raise _no_numbers(call, "neurons", name, column) from error
    table["sign"] = table["sign"].fillna(0.0)
    if not table["sign"].isin([-1.0, 0.0, 1.0]).all():
        raise ValueError(
            f"`{call}` needs 1 (excitatory), -1 (inhibitory) or 0 (not known) in the column `sign`."
        )
    if bool((table["tau"] <= 0).any()) or bool(np.isinf(table["tau"]).any()):
        raise ValueError(f"`{call}` needs finite time constants above 0 ms in the column `tau`.")
    if bool(np.isinf(table["level"]).any()):
        raise ValueError(f"`{call}` needs finite levels in the column `level`.")
    area = pd.factorize(table["area"])[0]
    rank = -table["sign"] if excitatory_first else np.zeros(len(table))
    return table.iloc[np.lexsort((rank, area))].reset_index(drop=True)


def _areas(call: str, table: pandas.DataFrame) -> tuple[Node, ...]:
    areas: list[Node] = []
    for name, group in table.groupby("area", sort=False):
        levels = group["level"].dropna().unique()
        if len(levels) > 1 or (len(levels) == 1 and bool(group["level"].isna().any())):
            shown = ", ".join(f"{level:g}" for level in group["level"].unique())
            raise ValueError(
                f"`{call}` needs one level for the whole area {name!r}; its neurons have {shown}. "
                "Split the area or give one level."
            )
        start = areas[-1].stop if areas else 0
        level = float(levels[0]) if len(levels) else None
        areas.append(Node(str(name), "area", start, start + len(group), level))
    return tuple(areas)


def _ends(
    call: str, edges: pandas.DataFrame, names: NDArray[Any], unknown: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
    """Target and source of each edge that stays, the row it stands in, and how many were dropped."""
    import pandas as pd

    index = pd.Index(names)
    ends = {name: index.get_indexer(names_of(call, edges, name, "edges")) for name in ("post", "pre")}
    check_met(call, edges["pre"], names, bool(len(edges)) and max(end.max() for end in ends.values()) < 0)
    strange = (ends["post"] < 0) | (ends["pre"] < 0)
    if strange.any() and unknown == "error":
        row = int(np.argmax(strange))
        name = edges["pre" if ends["pre"][row] < 0 else "post"].iloc[row]
        raise ValueError(
            f"`{call}` needs both ends of every edge in the table of neurons; {str(name)!r} in row {row} is "
            f"not there ({int(strange.sum())} such edges in all). Add the neuron, or leave these edges out "
            "with unknown='drop'."
        )
    rows = np.flatnonzero(~strange)
    return ends["post"][rows], ends["pre"][rows], rows, int(strange.sum())


def synapses_from_table(
    call: str,
    table: pandas.DataFrame,
    post: NDArray[np.int64],
    pre: NDArray[np.int64],
    shape: tuple[int, int],
    *,
    duplicates: str,
    delays: str = "error",
    partial_weights: bool = False,
) -> tuple[Synapses, int]:
    """One synapse per pair of the indices that belong to the rows, and how many rows went into another."""
    columns = max(shape[1], 1)
    key, first, group = np.unique(post * columns + pre, return_index=True, return_inverse=True)
    merged = int(post.size - key.size)
    if merged and duplicates == "error":
        row = np.setdiff1d(np.arange(post.size), first)[0]
        pair = f"{table['pre'].iloc[row]} → {table['post'].iloc[row]}"
        raise ValueError(
            f"`{call}` needs each pair once where duplicates='error'; {pair} is listed more often ({merged} "
            "repeated in all). Merge them yourself or use duplicates='sum'."
        )
    weight = delay = code = None
    types: tuple[str, ...] = ()
    if "weight" in table.columns:
        given = _numbers(call, table, "weight")
        _check_weights(call, given[~np.isnan(given)] if partial_weights else given)
        if duplicates != "count":
            weight = _merged(given, group, key.size, duplicates)
    if duplicates == "count":
        weight = np.bincount(group, minlength=key.size).astype(np.float64)
    if "delay" in table.columns:
        given = _numbers(call, table, "delay")
        if not (np.isfinite(given) & (given >= 0)).all():
            raise ValueError(f"`{call}` needs finite delays of 0 ms or more.")
        delay = given[first] if delays == "error" else _merged(given, group, key.size, delays)
        if delays == "error" and not np.array_equal(delay[group], given):
            raise ValueError(
                f"`{call}` cannot merge parallel edges whose delays differ. Choose delays='min', 'max' or "
                "'mean', or give each pair one delay first."
            )
    if "type" in table.columns:
        if missing := int(table["type"].isna().sum()):
            raise ValueError(f"`{call}` needs a value in every row of `type`; {missing} are missing.")
        code, types = _types(table["type"].map(str).to_numpy(np.str_), group, key.size)
    return Synapses(shape, key // columns, key % columns, weight, delay, code, types), merged


def _merged(given: NDArray[np.float64], group: NDArray[np.int64], n: int, rule: str) -> NDArray[np.float64]:
    """One number for each of `n` groups of rows, none of which is empty."""
    if rule in ("sum", "mean", "error"):  # under "error" every group has one row
        total: NDArray[np.float64] = np.bincount(group, given, minlength=n).astype(np.float64)
        return total / np.bincount(group, minlength=n) if rule == "mean" else total
    merged = np.full(n, -np.inf if rule == "max" else np.inf)
    (np.maximum if rule == "max" else np.minimum).at(merged, group, given)
    return merged


def _check_weights(call: str, weight: NDArray[np.float64]) -> None:
    if bad := int((~np.isfinite(weight)).sum()):
        raise ValueError(
            f"`{call}` needs finite weights; {bad} of {weight.size} are NaN or infinite. "
            "Remove these edges or give them a weight."
        )


def _numbers(call: str, edges: pandas.DataFrame, name: str) -> NDArray[np.float64]:
    import pandas as pd

    try:
        return pd.to_numeric(edges[name]).to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise _no_numbers(call, "edges", name, edges[name]) from error


def _no_numbers(call: str, what: str, name: str, column: pandas.Series) -> ValueError:
    """The error about the first cell of a column that is no number."""
    import pandas as pd

    wrong = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
    shown = f"; row {wrong.index[0]} has {wrong.iloc[0]!r}" if len(wrong) else ""
    return ValueError(
        f"`{call}` needs numbers in the column `{name}` of the {what}{shown}. Write numbers with a decimal "
        "point, without separators of thousands."
    )


def _types(
    types: NDArray[np.str_], group: NDArray[np.int64], n: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """A code per synapse; a synapse merged from several types gets their names joined by "+"."""
    names, code = np.unique(types, return_inverse=True)
    pairs = np.unique(np.stack([group, code], 1), axis=0)
    words = names[pairs[:, 1]].tolist()
    starts = np.searchsorted(pairs[:, 0], np.arange(n + 1)).tolist()
    joined = ["+".join(words[start:stop]) for start, stop in pairwise(starts)]
    final, codes = np.unique(np.array(joined, np.str_), return_inverse=True)
    return codes.astype(np.int64), tuple(final.tolist())


def to_edges(net: Connectome) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """The hidden synapses and the neurons as two tables."""
    import pandas as pd

    names = neuron_names(net)
    hidden = net.hidden
    edges = pd.DataFrame({"pre": names[hidden.pre], "post": names[hidden.post]})
    if net.provenance.records:
        edges.attrs["provenance"] = net.provenance.steps
    for column in ("weight", "delay"):
        if (array := getattr(hidden, column)) is not None:
            edges[column] = array
    if hidden.type is not None:
        edges["type"] = np.asarray(hidden.types)[hidden.type]
    level = [np.nan if area.level is None else area.level for area in net.areas]
    neurons = pd.DataFrame(
        {
            "neuron": names,
            "area": np.asarray([area.name for area in net.areas], object)[net.area_index],
            "level": np.asarray(level)[net.area_index],
            "sign": net.sign,
            "tau": net.tau,
        }
    )
    if net.positions is not None and net.positions.shape[1] <= len(AXES):
        for axis, column in zip(AXES, net.positions.T, strict=False):
            neurons[axis] = column
    return edges, neurons


def neuron_names(net: Connectome) -> NDArray[np.str_]:
    """(neuron,) the neurons' names, or "area/index" where they have none."""
    if net.names is not None:
        return net.names
    return np.asarray([f"{area.name}/{i}" for area in net.areas for i in range(area.size)], np.str_)
