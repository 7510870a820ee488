"""The table of projections: one row per projection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Connectome
from graphrnn.statistics._blocks import block_tables
from graphrnn.statistics._chance import clopper_pearson, expected_range
from graphrnn.statistics._implied import implied
from graphrnn.statistics._tally import Ints, check_connectome, ratio

if TYPE_CHECKING:
    import pandas

__all__ = ["by_projection", "densities", "projections", "realised"]

Tables = dict[str, NDArray[Any]]
_WHICH = ("input", "hidden", "readout")
_HARDLY = 0.01  # chance that any projection of a network is called unlikely although all rules were obeyed


def projections(net: Connectome) -> pandas.DataFrame:
    """The synapses of each projection, asked for and realised; one row per projection, in their order.

    NaN stands where a column is 0 / 0 and where weights, delays or positions are not known. For a trained
    network pass `rnn.to_connectome()`.

    ===================  ==========================================================================
    column               meaning
    ===================  ==========================================================================
    `pre`                name of the source
    `post`               name of the target
    `kind`               forward, backward, lateral, within, unclassified, input or readout
    `rule`               the connection rule as text; "measured" where the synapses were observed
    `possible`           number N of synapses that could exist: n_pre · n_post, less the self-connections
                         where the projection leaves them out
    `synapses`           number k of synapses that exist
    `density_asked`      what the rule draws on average, divided by N; NaN where it asks for no number
                         (measured wiring) or where that is not known
    `density`            k / N; NaN where N = 0
    `density_low`        lower end of the 95 % Clopper-Pearson interval of a binomial proportion,
                         B(0.025; k, N - k + 1), where B(q; a, b) is the q-quantile of the beta distribution;
                         0 where k = 0. Which densities the synapses speak for
    `density_high`       upper end, B(0.975; k + 1, N - k); 1 where k = N
    `rule_low`           lower end of the central 95 % of the densities that the rule draws
    `rule_high`          upper end; both are `density_asked` where a rule fixes the number
    `p_value`            2 min(P(K ≤ k), P(K ≥ k)), at most 1, for the number K that the rule draws
    `unlikely`           whether the rule could hardly have drawn k: `p_value` below 0.01 over the number of
                         projections that have one
    `in_degree_mean`     synapses of this projection onto a target neuron: k / n_post, the convergence
    `in_degree_sd`       their standard deviation over all n_post neurons, with n and not n - 1
    `in_degree_cv`       sd / mean
    `in_degree_min`      the smallest
    `in_degree_max`      the largest
    `out_degree_mean`    the same for synapses from a source neuron: k / n_pre, the divergence
    `out_degree_sd`
    `out_degree_cv`
    `out_degree_min`
    `out_degree_max`
    `targets_reached`    fraction of the target's neurons that get a synapse of this projection
    `sources_used`       fraction of the source's neurons that send one
    `weight_mean`        weights w: mean
    `weight_sd`          standard deviation, with n and not n - 1
    `weight_min`         the smallest
    `weight_max`         the largest
    `strength_mean`      mean of |w|
    `delay_mean`         the same four for the delays in ms
    `delay_sd`
    `delay_min`
    `delay_max`
    `distance_mean`      the same four for the distances of the two ends, the short way round where the rule
                         wraps space; NaN where the areas do not lie in one space
    `distance_sd`
    `distance_min`
    `distance_max`
    ===================  ==========================================================================

    The number K is known for the rules of this library. `AllToAll`, `OneToOne`, `FixedIndegree`,
    `FixedOutdegree`, `FixedTotalNumber` and `Explicit` fix it: any other k has p = 0. For `Bernoulli(p)` it
    is binomial (N, p). For `BySign` and `DistanceDependent` it is a sum of independent trials of different
    probabilities, taken for the binomial number of the same mean and variance. Nothing is known, NaN, for
    rules of your own, profiles of your own, a distance-dependent projection of more than ten million
    pairs, measured wiring, and where a part of an area was taken (`subnetwork`).

    Args:
        net: the network.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> graph.add_area("V2", 20)
        >>> graph.project("V1", "V2", 0.1)
        >>> table = gr.statistics.projections(graph.compile(seed=1))
        >>> table[["kind", "possible", "synapses", "density_asked"]].values.tolist()
        [['forward', 600, 56, 0.1]]
        >>> table[["density_low", "density_high", "rule_low", "rule_high"]].round(3).values.tolist()
        [[0.071, 0.119, 0.077, 0.125]]
        >>> table["p_value"].round(3).tolist()
        [0.644]

    Source:
        Clopper and Pearson, Biometrika 26 (1934). Unlikely: the correction of Bonferroni.
    """
    import pandas as pd

    check_connectome("statistics.projections(net)", net)
    kept = net.projections
    columns = by_projection(net, block_tables)
    synapses = columns.pop("synapses")
    possible = np.array([p.possible for p in kept], np.int64)
    return pd.DataFrame(
        {
            "pre": [p.pre for p in kept],
            "post": [p.post for p in kept],
            "kind": [p.kind for p in kept],
            "rule": [p.rule for p in kept],
            "possible": possible,
            "synapses": synapses,
            **densities(net, synapses, possible),
            **columns,
        }
    )


def realised(net: Connectome) -> dict[str, NDArray[Any]]:
    """The columns of densities alone, which take a count of synapses and no look at degrees and weights."""
    synapses = by_projection(net, lambda net, which: {"synapses": net.counts(which)})["synapses"]
    return densities(net, synapses, np.array([p.possible for p in net.projections], np.int64))


def densities(net: Connectome, synapses: Ints, possible: Ints) -> dict[str, NDArray[Any]]:
    """The density of each projection, asked for and realised, and how likely its rule makes it."""
    low, high = clopper_pearson(synapses, possible)
    mean, rule_low, rule_high, p_value = expected_range([implied(net, p) for p in net.projections], synapses)
    asked = np.array([p.asked for p in net.projections], np.float64)
    return {
        "density_asked": ratio(np.where(np.isnan(asked), mean, asked), possible),
        "density": ratio(synapses, possible),
        "density_low": low,
        "density_high": high,
        "rule_low": ratio(rule_low, possible),
        "rule_high": ratio(rule_high, possible),
        "p_value": p_value,
        "unlikely": p_value * (~np.isnan(p_value)).sum() < _HARDLY,
    }


def by_projection(net: Connectome, tables: Callable[[Connectome, str], Tables]) -> Tables:
    """(projection,) columns, each taken from the (post node, pre node) tables of its matrix."""
    row = {axis: {node.name: i for i, node in enumerate(nodes)} for axis, nodes in _axes(net).items()}
    ends = {"input": ("area", "input"), "hidden": ("area", "area"), "readout": ("readout", "area")}
    columns: dict[str, NDArray[Any]] = {}
    for which in _WHICH:
        place = [i for i, p in enumerate(net.projections) if which == _matrix_of(p.kind)]
        post, pre = ends[which]
        i = np.array([row[post][net.projections[at].post] for at in place], np.int64)
        j = np.array([row[pre][net.projections[at].pre] for at in place], np.int64)
        for name, table in tables(net, which).items():
            column = columns.setdefault(name, np.zeros(len(net.projections), table.dtype))
            column[place] = table[i, j]
    return columns


def _axes(net: Connectome) -> dict[str, tuple[Any, ...]]:
    return {"area": net.areas, "input": net.inputs, "readout": net.readouts}


def _matrix_of(kind: str) -> str:
    return kind if kind in ("input", "readout") else "hidden"
