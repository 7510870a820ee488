"""Motifs of three neurons against random wiring of the same degrees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from graphrnn import _checks
from graphrnn._streams import Seed, resolve_seed, stream
from graphrnn.connectome import Connectome
from graphrnn.statistics._tally import check_connectome
from graphrnn.statistics._triads import TRIADS, Census, census
from graphrnn.statistics._wiring import (
    against,
    matrix_of,
    number_of_nulls,
    random_wirings,
)

if TYPE_CHECKING:
    import pandas

__all__ = ["motif_table", "motifs"]


def motifs(
    net: Connectome, *, nulls: int | None = None, seed: Seed = 0, samples: int = 2_000_000
) -> pandas.DataFrame:
    """How often each of the 16 classes of three neurons occurs, and how often in random wiring.

    The classes have the names of Holland and Leinhardt: the numbers of mutual, one-way and absent pairs,
    then D(own), U(p), C(yclic) or T(ransitive). Self-connections do not count.

    ============  ==================================================================================
    column        meaning
    ============  ==================================================================================
    `count`       number N of triads of the class, of the n (n - 1) (n - 2) / 6 that there are
    `error`       its standard error; 0 where it was counted
    `null_mean`   mean of N over the random wirings
    `null_sd`     their standard deviation s, with number - 1
    `ratio`       N / mean; NaN where the mean is 0
    `z`           (N - mean) / √(s² + error²); NaN where the denominator is 0
    ============  ==================================================================================

    Random wirings have the in-degree and the out-degree of every neuron and are equally likely otherwise.
    They come one after the other from one chain of switches, with ten rounds before each (three where there
    are more than a million synapses, more in crowded wiring) in which each synapse trades its target about
    once.

    Triads are counted where no sort of pair of neighbours has more than 50 million members. Beyond,
    `samples` pairs of that sort are drawn, and `error` follows from the multinomial distribution of what
    they close to. A `null_sd` contains the error of the counts in the random wirings.

    The table keeps how it was made in `table.attrs`: `seed` and `nulls`.

    Args:
        net: the network.
        nulls: number of random wirings, 2 or more; None for 20, or 5 beyond a million synapses.
        seed: a whole number or a numpy Generator; None for other random wirings each time.
        samples: pairs of neighbours to draw of each sort, where there are too many to count.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for fewer than 2 nulls, no samples or a seed out of range.

    Example:
        >>> import graphrnn as gr
        >>> table = gr.statistics.motifs(gr.datasets.celegans(), nulls=5)
        >>> int(table.loc["030T", "count"]), bool(table.loc["030T", "z"] > 2)  # the feedforward loop
        (1496, True)

    Source:
        Classes: Holland and Leinhardt, Sociol. Methodol. 7 (1976). Against random wiring: Milo et al.,
        Science 298 (2002).
    """
    call = "statistics.motifs(net, ...)"
    check_connectome("statistics.motifs(net)", net)
    number = number_of_nulls(call, nulls, net)
    _checks.count(call, "samples", samples)
    seed = resolve_seed(call, seed)
    matrix, rng = matrix_of(net), stream(seed, "motifs")
    observed = census(matrix, rng, samples)
    randoms = random_wirings(matrix, number, stream(seed, "null"))
    table = motif_table(observed, [census(random, rng, samples) for random in randoms])
    table.attrs = {"seed": seed, "nulls": number}
    return table


def motif_table(observed: Census, randoms: Sequence[Census]) -> pandas.DataFrame:
    """The table of `motifs` from a census of the network and of each random wiring."""
    import pandas as pd

    compared = against(observed.number, np.array([random.number for random in randoms]), observed.error)
    columns = {"count": observed.number, "error": observed.error, **compared}
    return pd.DataFrame(columns, index=pd.Index(TRIADS, name="motif"))
