"""An area graph from weights between areas: FLN, synapse counts, streamline counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome import Provenance
from graphrnn.connectome.levels import levels_by_area
from graphrnn.connectome.pairs import both_ways
from graphrnn.graph import AreaGraph
from graphrnn.measured.pairs import numbers_of_pairs
from graphrnn.rules import Bernoulli, FixedIndegree, FixedTotalNumber, Rule

if TYPE_CHECKING:
    import pandas

__all__ = ["area_graph"]

_OF = ("indegree", "synapses", "density")
_RULES = ("density", "indegree", "number")
_EXCESS = ("error", "cap")


def area_graph(
    weights: Any,
    sizes: Mapping[str, int],
    *,
    total: float,
    of: str = "indegree",
    rule: str = "density",
    minimum: float = 0.0,
    symmetric: bool = False,
    excess: str = "error",
    within: float | Mapping[str, float] | None = None,
    levels: Mapping[str, float | None] | pandas.Series | None = None,
    kinds: Mapping[tuple[str, str], str] | None = None,
    tau: Mapping[str, float] | None = None,
    excitatory: float | None = None,
) -> AreaGraph:
    """An area graph whose projections share a chosen total as the measured weights do.

    Weights are relative: only `total` says how many synapses there are. Where no levels and no kinds are
    given, projections between areas are "unclassified".

    Args:
        weights: between areas: by (pre, post); a DataFrame with columns `pre`, `post`, `weights`; or one with
            rows post and columns pre. NaN is no projection. Weights within an area are passed over, see
            `within`.
        sizes: number of neurons of each area; their order is that of the areas.
        total: what the projections between areas add up to, see `of`.
        of: "indegree": synapses that a neuron of every area gets from other areas, shared among the sources
            in proportion to their weights onto that area (as for FLN, which sum to 1 over sources).
            "synapses": all synapses between areas, shared among all projections (as for synapse or
            streamline counts). "density": the same, as a fraction of all possible synapses between areas.
        rule: "density" draws each projection with `Bernoulli`, "indegree" with `FixedIndegree` and "number"
            with `FixedTotalNumber`, in whole numbers by largest remainders.
        minimum: leave out projections of less weight than this.
        symmetric: let a weight that is given one way alone stand for the other way too, as with streamlines;
            0 is none, so that half a matrix with zeros in the other half will do.
        excess: a projection that would need more synapses than its ends allow is an "error", or gets all that
            there are with "cap"; what is cut off is not given to others.
        within: density within every area, or by area; None for no synapses there.
        levels: level of each area.
        kinds: kinds by (pre, post), as from `kinds_from_sln`; they win over levels.
        tau: time constants in ms by area.
        excitatory: fraction of excitatory neurons in every area.

    Raises:
        ValueError: for a negative weight, an area without size, or a projection that asks too much.

    Example:
        >>> import graphrnn as gr
        >>> fln = {("V1", "V2"): 0.7, ("V4", "V2"): 0.3, ("V2", "V1"): 1.0, ("V2", "V4"): 1.0}
        >>> graph = gr.measured.area_graph(
        ...     fln, {"V1": 400, "V2": 300, "V4": 200}, total=50, rule="indegree", within=0.1
        ... )
        >>> graph.edges["V1", "V2"]["rule"], graph.edges["V4", "V2"]["rule"]
        (FixedIndegree(35), FixedIndegree(15))
        >>> graph.compile(seed=0).provenance
        Provenance(measured.area_graph → graph.compile)
    """
    call = "measured.area_graph(...)"
    for name, value, words in (("of", of, _OF), ("rule", rule, _RULES), ("excess", excess, _EXCESS)):
        _checks.one_of(call, name, value, words)
    total = (
        _checks.fraction(call, "total", total)
        if of == "density"
        else _checks.nonnegative(call, "total", total)
    )
    areas = _sizes(call, sizes)
    names = list(areas)
    table = _table(call, weights, names, _checks.nonnegative(call, "minimum", minimum), symmetric)
    size = np.array(list(areas.values()), np.float64)
    asked = _shared(table, size, total, of)
    asked = _within_reach(call, asked, size, names, excess)
    if levels is not None:
        levels = levels_by_area(call, levels, names)
    graph = AreaGraph()
    for name in names:
        graph.add_area(
            name,
            areas[name],
            level=None if levels is None else levels.get(name),
            tau=None if tau is None else tau.get(name),
            excitatory=excitatory,
        )
    for pre, post, chosen in _rules(asked, size, names, rule):
        given = None if kinds is None else kinds.get((pre, post))
        graph.project(pre, post, chosen, kind=given or (None if levels is not None else "unclassified"))
    for name, density in _densities(call, within, names).items():
        graph.project(name, name, density)
    choices = {
        "sizes": areas,
        "total": total,
        "of": of,
        "rule": rule,
        "minimum": minimum,
        "symmetric": symmetric,
        "excess": excess,
        "within": within,
        "levels": levels,
        "kinds": kinds,
        "tau": tau,
        "excitatory": excitatory,
        "weights": table,
    }
    before = getattr(weights, "attrs", {}).get("provenance", ())
    provenance = Provenance.from_steps(before).then("measured.area_graph", choices=choices)
    graph.graph["provenance"] = list(provenance.records)
    return graph


def _sizes(call: str, sizes: Any) -> dict[str, int]:
    if not isinstance(sizes, Mapping) or not sizes:
        raise TypeError(
            f"`{call}` needs `sizes` as a mapping from area names to numbers of neurons; it got "
            f"{type(sizes).__name__}."
        )
    return {str(name): _checks.count(call, f"size of {name!r}", size) for name, size in sizes.items()}


def _table(call: str, weights: Any, names: list[str], minimum: float, symmetric: bool) -> NDArray[np.float64]:
    """(post, pre) weights between different areas, 0 where there is no projection."""
    place = {name: i for i, name in enumerate(names)}
    table = np.full((len(names), len(names)), np.nan)
    for (pre, post), value in numbers_of_pairs(call, "weights", weights).items():
        source, target = (place[_checks.known(f"{call}, sizes", "area", end, names)] for end in (pre, post))
        table[target, source] = _checks.nonnegative(f"{call}, {pre!r} → {post!r}", "weight", value)
    if _checks.boolean(call, "symmetric", symmetric):
        table = both_ways(table)
    np.fill_diagonal(table, 0.0)
    table = np.nan_to_num(table)
    table[table < minimum] = 0.0
    return table


def _shared(
    table: NDArray[np.float64], size: NDArray[np.float64], total: float, of: str
) -> NDArray[np.float64]:
    """(post, pre) number of synapses of each projection."""
    if of == "indegree":
        sums = table.sum(1, keepdims=True)
        return total * size[:, None] * np.divide(table, sums, out=np.zeros_like(table), where=sums > 0)
    if of == "density":
        total *= size.sum() ** 2 - (size**2).sum()
    return total * table / table.sum() if table.any() else table


def _within_reach(
    call: str, asked: NDArray[np.float64], size: NDArray[np.float64], names: list[str], excess: str
) -> NDArray[np.float64]:
    possible = np.outer(size, size)
    over = asked > possible * (1 + 1e-12)
    if over.any() and excess == "error":
        post, pre = np.argwhere(over)[0]
        raise ValueError(
            f"`{call}` would need {asked[post, pre]:.0f} synapses from {names[pre]!r} to "
            f"{names[post]!r}, where "
            f"{possible[post, pre]:.0f} are possible ({int(over.sum())} such projections in all). "
            "Lower the total, "
            "enlarge the areas or use excess='cap'."
        )
    return np.minimum(asked, possible)


def _rules(
    asked: NDArray[np.float64], size: NDArray[np.float64], names: list[str], rule: str
) -> list[tuple[str, str, Rule]]:
    """(pre, post, rule) of each projection between areas."""
    numbers = asked / size[:, None]
    if rule == "indegree":
        whole = np.array([_apportioned(row, size) for row in numbers])
    elif rule == "number":
        whole = _apportioned(asked.ravel(), np.outer(size, size).ravel()).reshape(asked.shape)
    rules: list[tuple[str, str, Rule]] = []
    for post, pre in np.argwhere(asked > 0).tolist():
        chosen: Rule
        if rule == "density":
            chosen = Bernoulli(min(float(asked[post, pre] / (size[post] * size[pre])), 1.0))
        else:
            chosen = (FixedIndegree if rule == "indegree" else FixedTotalNumber)(int(whole[post, pre]))
        rules.append((names[pre], names[post], chosen))
    return rules


def _apportioned(numbers: NDArray[np.float64], most: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers with the rounded sum of `numbers`: the largest remainders are rounded up."""
    whole = np.floor(numbers + 1e-9)
    left = round(float(numbers.sum() - whole.sum()))
    remainder = np.where(whole < most, numbers - whole, -1.0)
    up = np.argsort(-remainder, kind="stable")[:left]
    whole[up] += 1
    return whole.astype(np.int64)


def _densities(call: str, within: float | Mapping[str, float] | None, names: list[str]) -> dict[str, float]:
    if within is None:
        return {}
    if not isinstance(within, Mapping):
        return dict.fromkeys(names, _checks.fraction(call, "within", within))
    return {
        _checks.known(call, "area", name, names): _checks.fraction(call, f"within of {name!r}", density)
        for name, density in within.items()
    }
