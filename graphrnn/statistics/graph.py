"""The whole network in one table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn._streams import Seed, resolve_seed, stream
from graphrnn.connectome import Connectome
from graphrnn.statistics._tally import check_connectome
from graphrnn.statistics._triads import TRIADS, census
from graphrnn.statistics._wiring import (
    matrix_of,
    number_of_nulls,
    number_of_samples,
    random_wirings,
)
from graphrnn.statistics.communities import best_partition, quality
from graphrnn.statistics.hierarchy import hierarchy
from graphrnn.statistics.motifs import motif_table
from graphrnn.statistics.neurons import component_labels, core_numbers
from graphrnn.statistics.rich_club import club_densities, club_table
from graphrnn.statistics.small_worlds import figures_of, small_world_table
from graphrnn.statistics.spectrum import leading_eigenvalues

if TYPE_CHECKING:
    import pandas

__all__ = ["graph"]

_TRIADS_DRAWN = 2_000_000  # as `motifs` does by default
_CONNECTED = TRIADS[3:]  # classes in which the three neurons hang together
_RICHEST = 0.1


def graph(
    net: Connectome, *, nulls: int | None = None, seed: Seed = 0, samples: int | None = None
) -> pandas.DataFrame:
    """The whole network: one row per statistic, with its value and its standard error.

    ===========================  =====================================================================
    row                          meaning
    ===========================  =====================================================================
    `neurons`                    number of neurons n
    `areas`                      number of areas
    `synapses`                   number m of hidden synapses, those from neuron to neuron
    `self_connections`           those from a neuron to itself, m₀
    `density`                    (m - m₀) / (n (n - 1)); NaN for one neuron
    `reciprocity`                of the m - m₀ others, the fraction i → j for which j → i exists; NaN for none
    `reciprocity_excess`         (reciprocity - density) / (1 - density): 0 as by chance, 1 if all are mutual;
                                 NaN at density 1
    `degree_mean`                m / n, mean in-degree and mean out-degree
    `in_degree_sd`               standard deviation of the in-degree, with n
    `in_degree_max`              the largest in-degree
    `out_degree_sd`              the same of the out-degree
    `out_degree_max`
    `degree_correlation`         Pearson's correlation of in-degree and out-degree; NaN where one is constant
    `core_max`                   the largest core number, see `neurons`
    `weak_components`            number of weakly connected components
    `largest_weak`               fraction of neurons in the largest
    `strong_components`          number of strongly connected components
    `largest_strong`             fraction of neurons in the largest
    `clustering`                 the five rows of `small_world`
    `path_length`
    `clustering_null`
    `path_length_null`
    `small_worldness`
    `modularity_areas`           directed modularity of the areas, see `modularity`
    `modularity_best`            of the best partition found, see `communities`; the optimum is not smaller
    `communities`                number of its parts
    `rich_club`                  normalised rich-club coefficient, `ratio` of `rich_club`, of the tenth of the
                                 neurons with most synapses (and those with as many)
    `rich_club_z`                its `z`
    `spectral_radius`            largest modulus of an eigenvalue of the matrix of ones; NaN where the
                                 iteration does not converge, see `spectrum`
    `level_consistency`          the nine rows of `hierarchy`
    `forward_share`
    `forward_weight_share`
    `inferred_share`
    `level_correlation`
    `area_incoherence`
    `flow_incoherence`
    `basal_neurons`
    `basal_incoherence`
    `z_021D` … `z_300`           `z` of `motifs`, of the 13 classes in which three neurons hang together
    ===========================  =====================================================================

    `error` is 0 where a value is exact (for `spectral_radius`, the residual of its eigenvector), the standard
    error where neurons are drawn (`clustering` and `path_length`), the error from
    the scatter among random wirings too for the rest of `small_world`, and NaN where a value depends on the
    random wirings or a search in a way that has no standard error (`modularity_best`, `communities`, the
    rich club and z). A network without neurons has NaN for all but counts.

    The table keeps how it was made in `table.attrs`: `seed`, `nulls` and `samples`.

    Args:
        net: the network.
        nulls: number of random wirings, 2 or more; None for 20, or 5 beyond a million synapses.
        seed: a whole number or a numpy Generator; None for other random wirings and samples each time.
        samples: 2 or more neurons to draw for clustering and as sources of paths; None for all of up to 2000
            neurons, 500 of more.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for fewer than 2 nulls or samples, or a seed out of range.

    Example:
        >>> import graphrnn as gr
        >>> table = gr.statistics.graph(gr.datasets.celegans(), nulls=5)
        >>> table.loc[["neurons", "density", "reciprocity", "modularity_areas"], "value"].round(3).tolist()
        [302.0, 0.025, 0.212, 0.136]

    Source:
        Reciprocity beyond chance: Garlaschelli and Loffredo, Phys. Rev. Lett. 93, 268701 (2004). The others
        with the functions named.
    """
    import pandas as pd

    call = "statistics.graph(net, ...)"
    check_connectome("statistics.graph(net)", net)
    number = number_of_nulls(call, nulls, net)
    drawn = number_of_samples(call, samples, net)
    seed = resolve_seed(call, seed)
    matrix = matrix_of(net)
    small, club, motif = _against_chance(matrix, number, seed, drawn)
    rows = _exact(_plain(net, matrix)) | small | _modularity(net, seed) | club | _radius(net)
    rows |= _exact({str(name): value for name, value in hierarchy(net).items()}) | motif
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "error"])
    table.attrs = {"seed": seed, "nulls": number, "samples": drawn}
    return table.rename_axis("statistic")


Rows = dict[str, tuple[float, float]]


def _exact(values: dict[str, float]) -> Rows:
    return {name: (float(value), 0.0) for name, value in values.items()}


def _plain(net: Connectome, matrix: Any) -> dict[str, float]:
    """What takes no chance and little time."""
    n, m = net.n_neurons, matrix.nnz
    into, out = net.hidden.in_degree, net.hidden.out_degree
    density = _ratio(m, n * (n - 1))
    reciprocity = _ratio(matrix.multiply(matrix.T.tocsr()).nnz, m)
    weak, strong = (np.bincount(component_labels(matrix, connection)) for connection in ("weak", "strong"))
    return {
        "neurons": n,
        "areas": len(net.areas),
        "synapses": net.hidden.size,
        "self_connections": net.hidden.size - m,
        "density": density,
        "reciprocity": reciprocity,
        "reciprocity_excess": _ratio(reciprocity - density, 1 - density),
        "degree_mean": _ratio(net.hidden.size, n),
        "in_degree_sd": float(np.std(into)) if n else math.nan,
        "in_degree_max": int(into.max(initial=0)),
        "out_degree_sd": float(np.std(out)) if n else math.nan,
        "out_degree_max": int(out.max(initial=0)),
        "degree_correlation": _correlation(into, out),
        "core_max": int(core_numbers(matrix).max(initial=0)),
        "weak_components": weak.size,
        "largest_weak": _ratio(weak.max(initial=0), n),
        "strong_components": strong.size,
        "largest_strong": _ratio(strong.max(initial=0), n),
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


def _correlation(one: NDArray[Any], two: NDArray[Any]) -> float:
    if np.unique(one).size < 2 or np.unique(two).size < 2:
        return math.nan
    return float(np.corrcoef(one, two)[0, 1])


def _against_chance(matrix: Any, number: int, seed: int, samples: int) -> tuple[Rows, Rows, Rows]:
    """The rows of small-worldness, rich club and motifs, all against the same random wirings."""
    small_rng, triad_rng = stream(seed, "small world"), stream(seed, "motifs")
    figures, triads = figures_of(matrix, small_rng, samples), census(matrix, triad_rng, _TRIADS_DRAWN)
    all_figures, all_clubs, all_triads = [], [], []
    for random in random_wirings(matrix, number, stream(seed, "null")):
        all_figures.append(figures_of(random, small_rng, samples))
        all_clubs.append(club_densities(random)[-1])
        all_triads.append(census(random, triad_rng, _TRIADS_DRAWN))
    small = small_world_table(figures, all_figures)
    club = club_table(matrix, all_clubs)
    z = motif_table(triads, all_triads)["z"]
    return (
        {str(row.Index): (row.value, row.error) for row in small.itertuples()},
        _richest(matrix.shape[0], club),
        {f"z_{name}": (float(z[name]), math.nan) for name in _CONNECTED},
    )


def _richest(n: int, club: pandas.DataFrame) -> Rows:
    """Of the largest k that a tenth of the neurons or more reach."""
    reach = club[club["neurons"] >= _RICHEST * n]
    ratio, z = reach.iloc[-1][["ratio", "z"]] if len(reach) else (math.nan, math.nan)
    return {"rich_club": (float(ratio), math.nan), "rich_club_z": (float(z), math.nan)}


def _modularity(net: Connectome, seed: int) -> Rows:
    ones = matrix_of(net, np.ones(net.hidden.size), self_connections=True)
    areas = net.area_index.astype(np.int64)
    part = best_partition(ones, areas, stream(seed, "communities"))
    return {
        "modularity_areas": (quality(ones, areas), 0.0),
        "modularity_best": (quality(ones, part), math.nan),
        "communities": (float(np.unique(part).size), math.nan),
    }


def _radius(net: Connectome) -> Rows:
    ones = matrix_of(net, np.ones(net.hidden.size), self_connections=True)
    value, residual = leading_eigenvalues(ones, 1)
    return {"spectral_radius": (float(np.abs(value).max(initial=0.0)), float(residual.max(initial=0.0)))}
