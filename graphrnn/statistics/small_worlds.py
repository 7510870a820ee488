"""Small-worldness: clustering and path length against random wiring of the same degrees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphrnn._streams import Seed, resolve_seed, stream
from graphrnn.connectome import Connectome
from graphrnn.statistics._clustering import clustering_of
from graphrnn.statistics._paths import steps_from
from graphrnn.statistics._tally import check_connectome
from graphrnn.statistics._wiring import (
    matrix_of,
    number_of_nulls,
    number_of_samples,
    random_wirings,
)

if TYPE_CHECKING:
    import pandas

__all__ = ["Figures", "figures_of", "small_world", "small_world_table"]


class Figures(NamedTuple):
    """Mean clustering and mean path length, each with its standard error."""

    clustering: float
    clustering_error: float
    path: float
    path_error: float


def small_world(
    net: Connectome, *, nulls: int | None = None, seed: Seed = 0, samples: int | None = None
) -> pandas.DataFrame:
    """Whether neighbours are joined more than by chance while paths stay as short.

    σ = (C / C₀) / (L / L₀), above 1 in a small world. This is S^WS of Humphries and Gurney, from the mean
    clustering of Watts and Strogatz, not from transitivity; clustering is the directed one of Fagiolo, and
    paths run along synapses. C₀ and L₀ are means over random wirings of the same degrees, not over random
    graphs of the same density alone: what follows from the degrees counts as chance.

    ==================  ============================================================================
    row                 meaning
    ==================  ============================================================================
    `clustering`        C, mean of the neurons' clustering coefficients, see `neurons`
    `path_length`       L, mean number of synapses on the shortest path between two neurons, over all
                        ordered pairs with a path; NaN where there is none
    `clustering_null`   C₀
    `path_length_null`  L₀
    `small_worldness`   σ; NaN where C₀ is 0 or there is no path
    ==================  ============================================================================

    The column `value` holds these, `error` their standard errors: from the sample of neurons, where not
    all are taken, and for the last three from the scatter among the random wirings too.
    Errors of C and L are 0 where all neurons were taken.

    The table keeps how it was made in `table.attrs`: `seed`, `nulls` and `samples`.

    Args:
        net: the network.
        nulls: number of random wirings, 2 or more; None for 20, or 5 beyond a million synapses.
        seed: a whole number or a numpy Generator; None for other random wirings and samples each time.
        samples: 2 or more neurons to draw, without replacement, for clustering and as sources of paths; None
            for all of up to 2000 neurons, 500 of more.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for fewer than 2 nulls or samples, or a seed out of range.

    Example:
        >>> import graphrnn as gr
        >>> table = gr.statistics.small_world(gr.datasets.celegans(), nulls=5)
        >>> table["value"].round(2).tolist()[:2], bool(table.loc["small_worldness", "value"] > 1)
        ([0.21, 3.45], True)

    Source:
        Humphries and Gurney, PLoS ONE 3, e2051 (2008). Clustering: Fagiolo, Phys. Rev. E 76, 026107 (2007).
        Random wiring of the same degrees: Maslov and Sneppen, Science 296 (2002).
    """
    call = "statistics.small_world(net, ...)"
    check_connectome("statistics.small_world(net)", net)
    number = number_of_nulls(call, nulls, net)
    drawn = number_of_samples(call, samples, net)
    seed = resolve_seed(call, seed)
    matrix, rng = matrix_of(net), stream(seed, "small world")
    observed = figures_of(matrix, rng, drawn)
    randoms = random_wirings(matrix, number, stream(seed, "null"))
    table = small_world_table(observed, [figures_of(random, rng, drawn) for random in randoms])
    table.attrs = {"seed": seed, "nulls": number, "samples": drawn}
    return table


def figures_of(matrix: Any, rng: np.random.Generator, samples: int) -> Figures:
    """Clustering and path length of a matrix (post, pre) without self-connections."""
    n = matrix.shape[0]
    if not n:
        return Figures(math.nan, 0.0, math.nan, 0.0)
    taken = np.arange(n) if n <= samples else np.sort(rng.choice(n, samples, replace=False))
    left_out = 1.0 - taken.size / n
    clustering = clustering_of(matrix, taken)
    steps, reached = steps_from(matrix, taken)
    path = float(steps.sum() / reached.sum()) if reached.any() else math.nan
    # a ratio of two sums over a sample without replacement
    off = (steps - path * reached) / reached.mean() if reached.any() else steps
    scale = left_out / taken.size
    errors = [math.sqrt(scale * np.var(x, ddof=1)) if left_out else 0.0 for x in (clustering, off)]
    return Figures(float(clustering.mean()), errors[0], path, errors[1])


def small_world_table(observed: Figures, randoms: Sequence[Figures]) -> pandas.DataFrame:
    """The table of `small_world` from the figures of the network and of each random wiring."""
    import pandas as pd

    scatter = np.array([[random.clustering, random.path] for random in randoms])
    null = scatter.mean(axis=0)
    null_error = scatter.std(axis=0, ddof=1) / math.sqrt(len(randoms))
    figures = (observed.clustering, observed.path, *null)
    errors = (observed.clustering_error, observed.path_error, *null_error)
    sigma = error = math.nan
    if null[0] > 0 and figures[1] > 0:
        sigma = (figures[0] / null[0]) / (figures[1] / null[1])
        slopes = (1 / null[0] * null[1] / figures[1], sigma / figures[1], sigma / null[0], sigma / null[1])
        error = math.hypot(*(slope * wrong for slope, wrong in zip(slopes, errors, strict=True)))
    names = ["clustering", "path_length", "clustering_null", "path_length_null", "small_worldness"]
    index = pd.Index(names, name="statistic")
    return pd.DataFrame({"value": [*figures, sigma], "error": [*errors, error]}, index=index)
