"""A connectome from the tables of neurons and synapses that a laboratory publishes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn import _checks
from graphrnn.connectome import Connectome, Provenance
from graphrnn.connectome.edges import AXES, DELAYS, DUPLICATES, check_met, names_of
from graphrnn.connectome.levels import levels_by_area, recorded_distances
from graphrnn.connectome.provenance import source_file

if TYPE_CHECKING:
    import pandas

__all__ = ["connectome"]

_CALL = "measured.connectome(...)"
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_LONGEST = 1 << 16  # bytes of the line of names
_OTHERS = (";", "\t", ",")  # what else may separate
_GAP_JUNCTIONS = ("both", "as_listed", "drop")
_UNKNOWN = ("error", "drop", "keep")
_TEXT = ("pre", "post", "type", "neuron", "area")
_OF_EDGES = ("pre", "post", "weight", "delay", "type")
_OF_NEURONS = ("neuron", "area", "level", "sign", "tau", "transmitter", *AXES)
Table = "pandas.DataFrame | str | os.PathLike[str]"


def connectome(
    edges: pandas.DataFrame | str | os.PathLike[str],
    neurons: pandas.DataFrame | str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    area: str = "area",
    not_neurons: Iterable[str] = (),
    unknown: str = "error",
    gap_types: Iterable[str] = ("electrical", "gap junction", "gap"),
    gap_junctions: str = "both",
    duplicates: str = "sum",
    delays: str = "error",
    levels: Mapping[str, float | None] | pandas.Series | None = None,
    kinds: Mapping[tuple[str, str], str] | None = None,
    signs: Mapping[str, int] | None = None,
    distances: Any = None,
    velocity: float = 3.5,
    shortest: float = 0.1,
) -> Connectome:
    """A connectome from a table of synapses and a table of neurons, with every choice on the record.

    The steps are taken in the order of the arguments. `report` counts what they changed, and the provenance
    holds all arguments, the names of cells that were left out or kept as unknown, and the hashes of files.

    Args:
        edges: a DataFrame, or the path of a .csv or .tsv file, with columns `pre`, `post` and where there are
            such `weight`, `delay` (ms), `type`.
        neurons: the same with columns `neuron`, the one that `area` names, and where there are such `level`,
            `sign` (1, -1, 0), `tau` (ms), positions `x`, `y`, `z` (mm).
        columns: names of columns in these tables → the names above, as {"pre_root_id": "pre"}; each has to
            be in one of the tables. Columns of other names are left out, and named in the provenance.
        area: the column of `neurons` that says the area: any annotation.
        not_neurons: areas whose cells are no neurons, such as muscles; these cells and their edges are
            dropped.
        unknown: an edge to a cell that is not in `neurons`, or a neuron without an area, is an "error";
            "drop" leaves out the edge or the neuron with its edges; "keep" puts such cells into an area
            "unknown".
        gap_types: the values of `type` that are gap junctions.
        gap_junctions: "both" makes each row of such a type two directed synapses (one, where a neuron is
            joined to itself); "as_listed" takes rows as they are, for tables that list both directions;
            "drop" leaves them out.
        duplicates: parallel rows of a pair become one synapse, whose weight is their "sum", "mean", "max",
            "min" or "count" (the number of rows, for tables with one row per synapse); "error" refuses
            them. Different types are joined by "+".
        delays: where parallel rows differ in delay, "error", "min", "max" or "mean".
        levels: level of each area; wins over the column.
        kinds: kinds of projections by (pre, post) areas, as from `kinds_from_sln`; win over levels.
        signs: sign of each area's neurons (1 or -1), or of each value of a column `transmitter` where the
            neurons have one; wins over the column `sign`.
        distances: between areas in mm, for delays; see `Connectome.with_delays`. None for no delays.
        velocity: conduction velocity in m/s.
        shortest: shortest delay in ms.

    Raises:
        ValueError: as `Connectome.from_edges`, and for gap junctions that are listed in both directions where
            "both" would count each twice.

    Example:
        >>> import pandas as pd
        >>> import graphrnn as gr
        >>> neurons = pd.DataFrame({"neuron": ["a", "b", "m"], "class": ["sensory", "motor", "muscle"]})
        >>> edges = pd.DataFrame(
        ...     {"from": ["a", "a", "b", "b"], "to": ["b", "b", "a", "m"], "type": ["c", "c", "gap", "c"]}
        ... )
        >>> net = gr.measured.connectome(
        ...     edges,
        ...     neurons,
        ...     columns={"from": "pre", "to": "post"},
        ...     area="class",
        ...     not_neurons=["muscle"],
        ...     duplicates="count",
        ... )
        >>> net.hidden.matrix.toarray().tolist(), dict(net.report)
        ([[0.0, 1.0], [3.0, 0.0]], {'merged': 2, 'not_neurons': 1, 'dropped': 1, 'gap_junctions': 1})
    """
    _checks.one_of(_CALL, "unknown", unknown, _UNKNOWN)
    _checks.one_of(_CALL, "gap_junctions", gap_junctions, _GAP_JUNCTIONS)
    _checks.one_of(_CALL, "duplicates", duplicates, DUPLICATES)
    _checks.one_of(_CALL, "delays", delays, DELAYS)
    others, gaps = _names("not_neurons", not_neurons), _names("gap_types", gap_types)
    renamed = dict(columns or {})
    report: dict[str, int] = {}
    cells: dict[str, list[str]] = {}
    files = [source_file(table, _CALL) for table in (edges, neurons) if not _is_frame(table)]
    tables = {"edges": _loaded(edges, renamed), "neurons": _loaded(neurons, renamed)}
    _check_renamed(tables, renamed)
    links = _renamed("edges", tables["edges"], renamed, ("pre", "post"))
    table = _with_area(_renamed("neurons", tables["neurons"], renamed, ("neuron",)), area)
    left_out = [
        name
        for taken, known in ((links, _OF_EDGES), (table, _OF_NEURONS))
        for name in map(str, taken.columns)
        if name not in known
    ]
    before = Provenance.from_steps(links.attrs.get("provenance", ()))
    table = _cells(table, others, unknown, report, cells)
    links, table = _known_ends(links, table, cells, unknown, report)
    links = _gap_junctions(links, gaps, gap_junctions, report)
    if signs is not None:
        table = _signed(table, signs)
    if levels is not None:
        levels = levels_by_area(_CALL, levels, sorted(set(table["area"])))
        numbers = {name: np.nan if level is None else level for name, level in levels.items()}
        table = table.assign(level=table["area"].map(numbers).astype(float))
    net = Connectome.from_edges(links, table, duplicates=duplicates, delays=delays)
    if kinds is not None:
        net = net.with_kinds(kinds)
    if distances is not None:
        net = net.with_delays(distances, velocity=velocity, shortest=shortest)
    choices = {
        "columns": renamed,
        "columns left out": left_out,
        "area": area,
        "not_neurons": others,
        "unknown": unknown,
        "gap_types": gaps,
        "gap_junctions": gap_junctions,
        "duplicates": duplicates,
        "delays": delays,
        "levels": levels,
        "kinds": kinds,
        "signs": signs,
        "distances": recorded_distances(distances),
        "velocity": None if distances is None else velocity,
        "shortest": None if distances is None else shortest,
        **{f"cells {what}": names for what, names in cells.items()},
    }
    counted = {**net.report, **report}
    after = before.then("measured.connectome", choices=choices, files=files, report=counted)
    return dataclasses.replace(net, report=counted, provenance=after)


def _is_frame(table: Any) -> bool:
    return not isinstance(table, str | os.PathLike)


def _check_renamed(tables: Mapping[str, pandas.DataFrame], renamed: Mapping[str, str]) -> None:
    """Refuse a name that neither table has: a weight column that is misspelt would be left out silently."""
    for name in renamed:
        if not any(name in table.columns for table in tables.values()):
            found = "; ".join(f"the {what} have {_listed(table)}" for what, table in tables.items())
            raise ValueError(
                f"`{_CALL}` found no column {name!r}, which `columns` renames: {found}. Write "
                "columns={'the name in the table': 'pre'}."
            )


def _listed(table: pandas.DataFrame) -> str:
    return ", ".join(map(str, table.columns)) or "none"


def _renamed(
    what: str, loaded: pandas.DataFrame, renamed: Mapping[str, str], needed: tuple[str, ...]
) -> pandas.DataFrame:
    """A table under the names used here, with its cells' names as text."""
    table = loaded.rename(columns=renamed)
    for name in needed:
        _need(table, what, name)
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise ValueError(
            f"`{_CALL}` needs columns of different names in the table of {what}; two are "
            f"{repeated[0]!r} after "
            "`columns` renamed some. Drop one of them."
        )
    return table.assign(**{name: names_of(_CALL, table, name, what) for name in needed})


def _with_area(table: pandas.DataFrame, area: str) -> pandas.DataFrame:
    """The neurons with the annotation asked for as their area, whatever column `area` there was."""
    _need(table, "neurons", area)
    if area == "area":
        return table
    return table.drop(columns="area", errors="ignore").rename(columns={area: "area"})


def _loaded(table: Any, renamed: Mapping[str, str]) -> pandas.DataFrame:
    """The table of a file, or as it is; names and ids of a file stay text, as "007" and "NA" must."""
    import pandas as pd

    if _is_frame(table):
        if not isinstance(table, pd.DataFrame):
            raise TypeError(
                f"`{_CALL}` needs a pandas DataFrame or the path of a .csv or .tsv file; it got "
                f"{type(table).__name__}."
            )
        return table
    path = Path(table)
    extension = path.suffix.lower()
    if extension not in _SEPARATORS:
        raise ValueError(
            f"`{_CALL}` reads .csv and .tsv files; {path.name!r} is neither. Read it with pandas, with "
            "dtype=str for ids, and pass the DataFrame."
        )
    text = dict.fromkeys((*_TEXT, *(old for old, new in renamed.items() if new in _TEXT)), str)
    try:
        return pd.read_csv(
            path,
            sep=_separator(path, _SEPARATORS[extension]),
            dtype=text,
            keep_default_na=False,
            na_values=[""],
            encoding="utf-8-sig",
        )
    except (ValueError, OSError) as error:  # pandas' own errors and those of decoding are ValueErrors
        raise ValueError(f"`{_CALL}` cannot read {path.name!r} as a table: {str(error).strip()}.") from error


def _separator(path: Path, usual: str) -> str:
    """The usual one of the extension, where the first line has it, or another that it has."""
    with open(path, "rb") as file:
        first = file.readline(_LONGEST).decode("utf-8", "replace")
    return usual if usual in first else next((other for other in _OTHERS if other in first), usual)


def _names(argument: str, names: Iterable[str]) -> list[str]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"`{_CALL}` needs a list of names as `{argument}`; it got {names!r}.")
    return [str(name) for name in names]


def _need(table: pandas.DataFrame, what: str, name: str) -> None:
    if name not in table.columns:
        raise ValueError(
            f"`{_CALL}` needs the column {name} in the table of {what}; its columns are {_listed(table)}. "
            f"Name it with columns={{'the name in the table': {name!r}}}"
            f"{' or `area`' if what == 'neurons' and name != 'neuron' else ''}."
        )


def _cells(
    table: pandas.DataFrame,
    not_neurons: list[str],
    unknown: str,
    report: dict[str, int],
    cells: dict[str, list[str]],
) -> pandas.DataFrame:
    """The neurons: without cells that are none, and those without an area as `unknown` says."""
    homeless = table["area"].isna()
    if homeless.any() and unknown == "error":
        name = table["neuron"][homeless].iloc[0]
        raise ValueError(
            f"`{_CALL}` needs an area for every neuron; {str(name)!r} has none ({int(homeless.sum())} "
            "such neurons in "
            "all). Give it one, or use unknown='drop' or 'keep'."
        )
    table = table.assign(area=table["area"].astype(object).fillna("unknown").map(str))
    no_neuron = table["area"].isin(not_neurons)
    for what, rows in (("not_neurons", no_neuron), ("without_area", homeless)):
        if rows.any():
            report[what] = int(rows.sum())
            cells[what] = sorted(table["neuron"][rows])
    return table[~(no_neuron | homeless) if unknown == "drop" else ~no_neuron]


def _gap_junctions(
    links: pandas.DataFrame, gaps: list[str], policy: str, report: dict[str, int]
) -> pandas.DataFrame:
    import pandas as pd

    if "type" not in links.columns:
        return links
    electrical = links["type"].isin(gaps)
    if not electrical.any():
        return links
    report["gap_junctions"] = int(electrical.sum())
    if policy == "drop":
        return links[~electrical]
    if policy == "as_listed":
        return links
    rows = links[electrical]
    ways = set(zip(rows["pre"], rows["post"], strict=True))
    twice = sorted((pre, post) for pre, post in ways if pre < post and (post, pre) in ways)
    if twice:
        pre, post = twice[0]
        raise ValueError(
            f"`{_CALL}` would count gap junctions twice: the table lists {pre!r} – {post!r} in both "
            "directions "
            f"({len(twice)} such pairs in all). Use gap_junctions='as_listed', or list each once."
        )
    back = rows[rows["pre"] != rows["post"]].rename(columns={"pre": "post", "post": "pre"})
    return pd.concat([links, back], ignore_index=True)


def _known_ends(
    links: pandas.DataFrame,
    table: pandas.DataFrame,
    cells: dict[str, list[str]],
    unknown: str,
    report: dict[str, int],
) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Edges whose ends are neurons, and the neurons with those that `unknown='keep'` adds."""
    import pandas as pd

    left_out = {name for what in ("not_neurons", "without_area") for name in cells.get(what, ())}
    left_out -= set(table["neuron"])
    known = set(table["neuron"]) | left_out
    strange = [name for name in pd.unique(pd.concat([links["pre"], links["post"]])) if name not in known]
    ends = links["pre"].isin(known) | links["post"].isin(known)
    check_met(_CALL, links["pre"], table["neuron"], bool(len(links)) and unknown != "keep" and not ends.any())
    if strange:
        report["unknown"] = len(strange)
        cells["unknown"] = sorted(strange)
    if strange and unknown == "error":
        hits = links["pre"].isin(strange) | links["post"].isin(strange)
        raise ValueError(
            f"`{_CALL}` needs both ends of every edge in the table of neurons; {strange[0]!r} is not there "
            f"({len(strange)} such cells on {int(hits.sum())} edges in all). Add them, or use "
            "unknown='drop' or "
            "'keep'."
        )
    if strange and unknown == "keep":
        table = pd.concat([table, pd.DataFrame({"neuron": strange, "area": "unknown"})], ignore_index=True)
        strange = []
    gone = left_out | set(strange)
    lost = links["pre"].isin(gone) | links["post"].isin(gone)
    if lost.any():
        report["dropped"] = int(lost.sum())
    return links[~lost], table


def _signed(table: pandas.DataFrame, signs: Mapping[str, int]) -> pandas.DataFrame:
    column = "transmitter" if "transmitter" in table.columns else "area"
    for name, sign in signs.items():
        if sign not in (-1, 0, 1):
            raise ValueError(f"`{_CALL}` needs 1, -1 or 0 as the sign of {name!r}; it got {sign!r}.")
        _checks.known(_CALL, column, name, sorted(set(table[column].dropna().map(str))))
    by_value = {str(name): float(sign) for name, sign in signs.items()}
    given = table[column].map(lambda value: by_value.get(str(value)))
    if "sign" in table.columns:
        given = given.fillna(table["sign"])
    return table.assign(sign=given.astype(float))
