"""Hierarchy: how far synapses follow the levels of their areas, and levels that follow from synapses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn import _checks
from graphrnn.connectome import Connectome, kind_between
from graphrnn.statistics._tally import check_connectome
from graphrnn.statistics._trophic import basal_levels, coherence_of_basal, flow_incoherence, flow_levels
from graphrnn.statistics._wiring import Floats, amounts_of, known_weights, matrix_of

if TYPE_CHECKING:
    import pandas

__all__ = ["hierarchy", "infer_levels", "trophic_levels"]


def trophic_levels(net: Connectome, *, method: str = "flow", weighted: bool = False) -> Floats:
    """The level of each neuron between sources and sinks of the wiring. Self-connections do not count.

    "flow" solves (diag(u) - W - Wᵀ) h = v with u = k_in + k_out and v = k_in - k_out. These levels always
    exist and make Σ w_ij (h_i - h_j - 1)² least: synapses should climb by 1. The lowest neuron of each weakly
    connected component has level 0.

    "basal" solves s_i = 1 + Σ_j w_ij s_j / Σ_j w_ij, with s = 1 for basal neurons, onto which no synapse
    runs. It needs every neuron to be reached from a basal one; else all are NaN.

    Both are solved to 12 digits; all are NaN where more than a million synapses do not let the iteration
    converge, as in very long chains.

    Args:
        net: the network.
        method: "flow" or "basal".
        weighted: W of moduli of weights in place of ones.

    Returns:
        (neuron,) levels.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for an unknown method, or weights that are not all known.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> for name in ("V1", "V2", "PFC"):
        ...     graph.add_area(name, 1)
        >>> graph.project("V1", "V2"); graph.project("V2", "PFC")
        >>> gr.statistics.trophic_levels(graph.compile(seed=0)).round(6).tolist()
        [0.0, 1.0, 2.0]

    Source:
        "flow": MacKay, Johnson and Sansom, R. Soc. Open Sci. 7, 201138 (2020). "basal": Levine, J. Theor.
        Biol. 83 (1980); Johnson et al., PNAS 111 (2014).
    """
    call = "statistics.trophic_levels(net, ...)"
    check_connectome("statistics.trophic_levels(net)", net)
    _checks.one_of(call, "method", method, ("flow", "basal"))
    amounts = amounts_of(call, net, weighted)
    return flow_levels(amounts) if method == "flow" else basal_levels(amounts)


def infer_levels(net: Connectome, *, by: str = "synapses") -> pandas.Series:
    """Levels of the areas that follow from the wiring between them.

    The trophic levels ("flow" in `trophic_levels`) of the graph of areas, whose weights w_ij count the
    synapses from area j to area i: as far as can be, projections climb by 1, strong ones before weak ones.
    Two areas that exchange as much as they get stand on one level. Wiring within areas does not count.

    Levels are fractions, from 0 for the lowest area of each part of the network that hangs together; an
    area without synapses to others has 0.

    Args:
        net: the network.
        by: "synapses" counts them, "density" divides the count by n_post · n_pre so that large areas weigh
            no more than small ones, "weight" sums moduli of weights.

    Returns:
        A Series with the areas' names as index.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for another `by`, or weights that are not all known.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> for name in ("PFC", "V1", "V2"):
        ...     graph.add_area(name, 10)
        >>> graph.project("V1", "V2", 0.5, kind="forward"); graph.project("V2", "PFC", 0.5, kind="forward")
        >>> gr.statistics.infer_levels(graph.compile(seed=0)).round(2).to_dict()
        {'PFC': 2.0, 'V1': 0.0, 'V2': 1.0}

    Source:
        MacKay, Johnson and Sansom, R. Soc. Open Sci. 7, 201138 (2020).
    """
    import pandas as pd

    call = "statistics.infer_levels(net, ...)"
    check_connectome("statistics.infer_levels(net)", net)
    _checks.one_of(call, "by", by, ("synapses", "density", "weight"))
    amounts = _between_areas(call, net, by)
    names = pd.Index([area.name for area in net.areas], name="area")
    return pd.Series(flow_levels(amounts), index=names, name="level")


def hierarchy(net: Connectome) -> pandas.Series:
    """How hierarchical the wiring is, by the given levels and by levels inferred from it.

    ======================  =======================================================================
    row                     meaning
    ======================  =======================================================================
    `level_consistency`     of the projections between two areas with levels that have a synapse, the
                            fraction whose kind is the one that their levels say: forward to a higher
                            level, backward to a lower one, lateral to the same
    `forward_share`         of the forward and backward synapses, the fraction that is forward: synapses
                            that run with the hierarchy
    `forward_weight_share`  the same of the sum of moduli of their weights; NaN without weights
    `inferred_share`        of the synapses between areas of different inferred levels, the fraction that
                            runs to the higher one; see `infer_levels`
    `level_correlation`     Spearman's rank correlation of the given with the inferred levels, over areas
                            with a level
    `area_incoherence`      F = Σ w_ij (h_i - h_j - 1)² / Σ w_ij over the graph of areas with counts of
                            synapses w and inferred levels h: 0 where all projections climb by 1, 1 where
                            there is no direction
    `flow_incoherence`      the same over the neurons, with the levels "flow" of `trophic_levels`
    `basal_neurons`         number of neurons onto which no synapse runs from another
    `basal_incoherence`     q, the standard deviation of s_post - s_pre over the synapses, with the levels
                            "basal" of `trophic_levels`: 0 where all synapses climb by 1
    ======================  =======================================================================

    Self-connections do not count, nor does wiring within areas in what speaks of areas. NaN stands where a
    fraction is 0 / 0, a correlation has fewer than two different values on a side, or levels do not exist.

    Args:
        net: the network.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> figures = gr.statistics.hierarchy(gr.datasets.celegans())
        >>> figures[["level_consistency", "forward_share", "inferred_share"]].round(3).tolist()
        [1.0, 0.785, 0.814]

    Source:
        Felleman and Van Essen, Cereb. Cortex 1 (1991) for levels; Johnson et al., PNAS 111 (2014) for q;
        MacKay, Johnson and Sansom, R. Soc. Open Sci. 7, 201138 (2020) for F.
    """
    import pandas as pd

    call = "statistics.hierarchy(net)"
    check_connectome(call, net)
    between = _between_areas(call, net, "synapses")
    inferred = flow_levels(between)
    neurons = matrix_of(net, np.ones(net.hidden.size))
    basal = basal_levels(neurons)
    given = np.array([math.nan if area.level is None else area.level for area in net.areas])
    weight = net.hidden.weight
    figures = {
        "level_consistency": _consistency(net),
        "forward_share": _forward_share(net, None),
        "forward_weight_share": math.nan if weight is None else _forward_share(net, np.abs(weight)),
        "inferred_share": _climbing(between, inferred),
        "level_correlation": _rank_correlation(given, inferred),
        "area_incoherence": flow_incoherence(between, inferred),
        "flow_incoherence": flow_incoherence(neurons, flow_levels(neurons)),
        "basal_neurons": float((np.diff(neurons.indptr) == 0).sum()),
        "basal_incoherence": coherence_of_basal(neurons, basal),
    }
    return pd.Series(figures, name="value").rename_axis("statistic")


def _between_areas(call: str, net: Connectome, by: str) -> Any:
    """csr_array (post area, pre area) of amounts, without those within areas."""
    from scipy.sparse import csr_array

    if by == "weight":
        amounts = _sums(net, np.abs(known_weights(call, net, "by='weight'", "Leave `by` out")))
    else:
        amounts = net.counts().astype(np.float64)
    if by == "density":
        size = np.array([area.size for area in net.areas], np.float64)
        amounts /= np.outer(size, size)
    np.fill_diagonal(amounts, 0.0)
    return csr_array(amounts)


def _sums(net: Connectome, values: Floats) -> Floats:
    """(post area, pre area) the sum of (synapse,) values."""
    n = len(net.areas)
    pair = net.area_index[net.hidden.post].astype(np.int64) * n + net.area_index[net.hidden.pre]
    sums: Floats = np.bincount(pair, values, minlength=n * n).reshape(n, n).astype(np.float64)
    return sums


def _kinds(net: Connectome) -> dict[tuple[int, int], tuple[str, str]]:
    """(post area, pre area) → the kind of its projection and the kind that the levels say."""
    given = {(p.pre, p.post): p.kind for p in net.projections}
    kinds = {}
    for post, pre in np.argwhere(net.counts()).tolist():
        ends = net.areas[pre], net.areas[post]
        said = kind_between(*ends)
        kinds[post, pre] = given.get((ends[0].name, ends[1].name), said), said
    return kinds


def _consistency(net: Connectome) -> float:
    agree = [kind == said for kind, said in _kinds(net).values() if said not in ("within", "unclassified")]
    return float(np.mean(agree)) if agree else math.nan


def _forward_share(net: Connectome, weight: Floats | None) -> float:
    amounts = net.counts() if weight is None else _sums(net, weight)
    total = dict.fromkeys(("forward", "backward"), 0.0)
    for (post, pre), (kind, _) in _kinds(net).items():
        if kind in total:
            total[kind] += float(amounts[post, pre])
    both = sum(total.values())
    return total["forward"] / both if both else math.nan


def _climbing(between: Any, level: Floats) -> float:
    coo = between.tocoo()
    climb = level[coo.row] - level[coo.col]
    climb[np.abs(climb) < 1e-9] = 0.0  # levels that are one but for rounding
    moving = coo.data[climb != 0].sum()
    return float(coo.data[climb > 0].sum() / moving) if moving else math.nan


def _rank_correlation(given: Floats, inferred: Floats) -> float:
    from scipy.stats import rankdata

    known = ~np.isnan(given)
    ranks = [rankdata(values[known].round(9)) for values in (given, inferred)]
    if any(np.unique(rank).size < 2 for rank in ranks):
        return math.nan
    return float(np.corrcoef(*ranks)[0, 1])
