"""The rich club: whether neurons of many synapses are joined more than their degrees alone would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn._streams import Seed, resolve_seed, stream
from graphrnn.connectome import Connectome
from graphrnn.statistics._tally import check_connectome
from graphrnn.statistics._wiring import (
    Floats,
    Ints,
    against,
    matrix_of,
    number_of_nulls,
    random_wirings,
)

if TYPE_CHECKING:
    import pandas

__all__ = ["club_densities", "club_table", "rich_club"]


def rich_club(net: Connectome, *, nulls: int | None = None, seed: Seed = 0) -> pandas.DataFrame:
    """The density of the wiring among neurons of at least k synapses, for each k that occurs.

    ===============  ===============================================================================
    column           meaning
    ===============  ===============================================================================
    `neurons`        number N of neurons of total degree k or more, incoming plus outgoing synapses;
                     self-connections do not count
    `synapses`       number E of synapses among them
    `coefficient`    φ = E / (N (N - 1)); NaN where N < 2
    `null_mean`      mean of φ over random wirings of the same degrees
    `null_sd`        their standard deviation, with number - 1
    `ratio`          φ / mean, the normalised coefficient: above 1 is a rich club; NaN where the mean is 0
    `z`              (φ - mean) / sd; NaN where sd is 0
    ===============  ===============================================================================

    The table keeps how it was made in `table.attrs`: `seed` and `nulls`.

    Args:
        net: the network.
        nulls: number of random wirings, 2 or more; None for 20, or 5 beyond a million synapses.
        seed: a whole number or a numpy Generator; None for other random wirings each time.

    Returns:
        A DataFrame with the degrees k as index, ascending.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for fewer than 2 nulls or a seed out of range.

    Example:
        >>> import graphrnn as gr
        >>> table = gr.statistics.rich_club(gr.datasets.celegans(), nulls=5)
        >>> bool(table.loc[51, "ratio"] > 1.2)
        True

    Source:
        Colizza et al., Nat. Phys. 2 (2006); of a directed connectome: Towlson et al., J. Neurosci. 33
        (2013).
    """
    call = "statistics.rich_club(net, ...)"
    check_connectome("statistics.rich_club(net)", net)
    number = number_of_nulls(call, nulls, net)
    seed, matrix = resolve_seed(call, seed), matrix_of(net)
    randoms = random_wirings(matrix, number, stream(seed, "null"))
    table = club_table(matrix, [club_densities(random)[-1] for random in randoms])
    table.attrs = {"seed": seed, "nulls": number}
    return table


def club_densities(matrix: Any) -> tuple[Ints, Ints, Ints, Floats]:
    """(degree,) each degree that occurs, neurons of it or more, synapses among them, their density."""
    degree = np.diff(matrix.indptr) + np.bincount(matrix.indices, minlength=matrix.shape[0])
    levels = np.unique(degree)
    rank = np.searchsorted(levels, degree)
    poorer = np.minimum(np.repeat(rank, np.diff(matrix.indptr)), rank[matrix.indices])
    neurons, synapses = (
        np.bincount(ranks, minlength=levels.size)[::-1].cumsum()[::-1] for ranks in (rank, poorer)
    )
    possible = neurons * (neurons - 1)
    density = np.divide(synapses, possible, out=np.full(levels.size, np.nan), where=possible > 0)
    return levels, neurons, synapses, density


def club_table(matrix: Any, randoms: Sequence[Floats]) -> pandas.DataFrame:
    """The table of `rich_club` from the densities in each random wiring."""
    import pandas as pd

    levels, neurons, synapses, density = club_densities(matrix)
    columns = {"neurons": neurons, "synapses": synapses, "coefficient": density}
    columns |= against(density, np.array(randoms))
    return pd.DataFrame(columns, index=pd.Index(levels, name="degree"))
