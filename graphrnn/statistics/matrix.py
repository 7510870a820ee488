"""Quantities between pairs of areas, as labelled (post, pre) tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.statistics._tally import (
    Floats,
    Ints,
    block_sums,
    check_connectome,
    mutual_pairs,
    possible_pairs,
    ratio,
    rows_of,
)

if TYPE_CHECKING:
    import pandas

__all__ = ["area_matrix", "extrinsic_fraction"]


def area_matrix(net: Connectome, quantity: str = "count") -> pandas.DataFrame:
    """One quantity between each pair of areas: a row per target, a column per source, (post, pre).

    K is the number of synapses from the area of the column to the area of the row, n the number of neurons.
    NaN stands where a quantity is 0 / 0 or does not exist, as a mean weight where there is no synapse.

    ======================  ===========================================================================
    quantity                entry (post, pre)
    ======================  ===========================================================================
    `count`                 K
    `excitatory`            those of the K whose source has sign +1
    `inhibitory`            those whose source has sign -1
    `possible`              synapses that could exist: n_post · n_pre, less the self-connections where a
                            projection leaves them out
    `probability`           K / possible, the density of the projection
    `in_degree`             K / n_post: the convergence, synapses onto a target neuron on average
    `out_degree`            K / n_pre: the divergence, synapses from a source neuron on average
    `input_fraction`        K over all K of the row from other areas: the fraction of extrinsic input. A row
                            adds up to 1; NaN on the diagonal
    `fln`                   fraction of labelled neurons: neurons of the source with a synapse onto the
                            target, over all such neurons of other areas; NaN on the diagonal
    `reciprocity`           of the K synapses i → j (i ≠ j), the fraction for which j → i exists too
    `reciprocity_chance`    its expectation if the synapses back were placed at random: their number over
                            the n_post · n_pre pairs, or n (n - 1) within an area, self-connections left out
    `reciprocity_ratio`     `reciprocity` / `reciprocity_chance`: 1 is chance, 4 four times as many
    `path`                  fewest projections from source to target; 0 on the diagonal, NaN without a path
    `weight`                sum of the K weights w
    `mean_weight`           their mean
    `mean_strength`         mean of the moduli |w|
    `weight_fraction`       as `input_fraction`, of the sum of |w|
    `mean_delay`            mean delay in ms
    ======================  ===========================================================================

    A single synapse whose weight is not known makes the sums and means of its entry NaN.

    Args:
        net: the network.
        quantity: one of the table.

    Returns:
        A DataFrame with the areas' names as index `post` and columns `pre`.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for an unknown quantity, or one of weights or delays where there are none.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> graph.add_area("V2", 20)
        >>> graph.project("V1", "V1", gr.FixedIndegree(3))
        >>> graph.project("V1", "V2", gr.FixedIndegree(5))
        >>> gr.statistics.area_matrix(graph.compile(seed=0), "in_degree")
        pre    V1   V2
        post
        V1    3.0  0.0
        V2    5.0  0.0

    Source:
        FLN: Markov et al., Cereb. Cortex 24 (2014). Reciprocity against chance: Song et al., PLoS Biol. 3:
        e68 (2005). Convergence and divergence: Potjans and Diesmann, Cereb. Cortex 24 (2014).
    """
    import pandas as pd

    call = "statistics.area_matrix(net, ...)"
    check_connectome("statistics.area_matrix(net)", net)
    make = _QUANTITIES[_checks.one_of(call, "quantity", quantity, _QUANTITIES)]
    for words, field, way_out in (
        (("weight", "strength"), "weight", "A trained network's are in rnn.to_connectome()."),
        (("delay",), "delay", "Measured wiring has them where its table of edges has a column `delay`."),
    ):
        if any(word in quantity for word in words) and getattr(net.hidden, field) is None:
            raise ValueError(
                f"`statistics.area_matrix(net, {quantity!r})` needs {field}s; this network has none. "
                f"{way_out}"
            )
    names = [area.name for area in net.areas]
    return pd.DataFrame(make(net), index=pd.Index(names, name="post"), columns=pd.Index(names, name="pre"))


def extrinsic_fraction(amount: NDArray[Any]) -> Floats:
    """(post area, pre area) each amount over what all other areas give to the row; NaN on the diagonal."""
    from_others = np.array(amount, np.float64)
    np.fill_diagonal(from_others, 0.0)
    fraction = ratio(from_others, from_others.sum(axis=1, keepdims=True))
    np.fill_diagonal(fraction, np.nan)
    return fraction


def _sizes(net: Connectome) -> Ints:
    return np.array([area.size for area in net.areas], np.int64)


def _of_sign(net: Connectome, sign: int) -> Ints:
    return block_sums(net, net.sign[net.hidden.pre] == sign).astype(np.int64)


def _labelled(net: Connectome) -> Ints:
    """(post area, pre area) neurons of the source that have a synapse onto the target."""
    table = np.zeros((len(net.areas), len(net.areas)), np.int64)
    for i, (_, rows, _) in enumerate(rows_of(net, "hidden")):
        speaks = np.zeros(net.n_neurons, bool)
        speaks[net.hidden.pre[rows]] = True
        table[i] = np.bincount(net.area_index[speaks], minlength=len(net.areas))
    return table


def _between_different(net: Connectome) -> Ints:
    """(post area, pre area) synapses that are no self-connections."""
    count, hidden = net.counts(), net.hidden
    loops = np.bincount(net.area_index[hidden.post[hidden.post == hidden.pre]], minlength=len(count))
    count[np.diag_indices(len(count))] -= loops
    return count


def _reciprocity(net: Connectome) -> Floats:
    return ratio(mutual_pairs(net), _between_different(net))


def _reciprocity_chance(net: Connectome) -> Floats:
    size = _sizes(net)
    pairs = np.outer(size, size) - np.diag(size)
    return ratio(_between_different(net).T, pairs)


def _path(net: Connectome) -> Floats:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    steps: Floats = shortest_path(csr_array(net.counts().T), method="D", unweighted=True)  # row → column
    return np.where(np.isfinite(steps), steps, np.nan).T


def _weights(net: Connectome, modulus: bool = False) -> Floats:
    weight = net.hidden.weight
    assert weight is not None  # the caller has looked
    return block_sums(net, np.abs(weight) if modulus else weight)


_QUANTITIES: dict[str, Callable[[Connectome], NDArray[Any]]] = {
    "count": lambda net: net.counts(),
    "excitatory": lambda net: _of_sign(net, 1),
    "inhibitory": lambda net: _of_sign(net, -1),
    "possible": possible_pairs,
    "probability": lambda net: ratio(net.counts(), possible_pairs(net)),
    "in_degree": lambda net: net.counts() / _sizes(net)[:, None],
    "out_degree": lambda net: net.counts() / _sizes(net)[None, :],
    "input_fraction": lambda net: extrinsic_fraction(net.counts()),
    "fln": lambda net: extrinsic_fraction(_labelled(net)),
    "reciprocity": _reciprocity,
    "reciprocity_chance": _reciprocity_chance,
    "reciprocity_ratio": lambda net: ratio(_reciprocity(net), _reciprocity_chance(net)),
    "path": _path,
    "weight": _weights,
    "mean_weight": lambda net: ratio(_weights(net), net.counts()),
    "mean_strength": lambda net: ratio(_weights(net, modulus=True), net.counts()),
    "weight_fraction": lambda net: extrinsic_fraction(_weights(net, modulus=True)),
    "mean_delay": lambda net: ratio(block_sums(net, net.hidden.delay), net.counts()),  # type: ignore[arg-type]
}
