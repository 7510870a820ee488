"""Modularity: of a given partition of the neurons, and of the best one that a search finds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graphrnn._streams import Seed, resolve_seed, stream
from graphrnn.connectome import Connectome
from graphrnn.statistics._tally import check_connectome
from graphrnn.statistics._wiring import Ints, amounts_of

__all__ = ["best_partition", "communities", "modularity", "quality"]

_SEARCHES = 10  # from single neurons
_SMALL = 100_000  # synapses; beyond, one search has to do
_SWEEPS = 30  # over the neurons, at each level of the search
_LEAST = 1e-6  # a sweep that gains less modularity than this is the last


def modularity(net: Connectome, partition: ArrayLike | None = None, *, weighted: bool = False) -> float:
    """The directed modularity of a partition of the neurons: synapses within its parts, against chance.

    Q = Σ_c [m_c / m - k_in(c) k_out(c) / m²], where m_c counts the synapses within part c, k_in(c) and
    k_out(c) those onto and from its neurons, and m all. Self-connections count as synapses within.

    Args:
        net: the network.
        partition: (neuron,) whole numbers or texts that name each neuron's part; None for the areas.
        weighted: sum moduli of weights in place of counting synapses.

    Returns:
        Q from -1 to 1; NaN where there is no synapse.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for a partition of another length, or weights that are not all known.

    Example:
        >>> import graphrnn as gr
        >>> round(gr.statistics.modularity(gr.datasets.celegans()), 3)
        0.136

    Source:
        Leicht and Newman, Phys. Rev. Lett. 100, 118703 (2008).
    """
    call = "statistics.modularity(net, ...)"
    check_connectome("statistics.modularity(net)", net)
    part = net.area_index if partition is None else np.asarray(partition)
    if part.shape != (net.n_neurons,):
        raise ValueError(
            f"`{call}` needs one part per neuron in `partition`, {net.n_neurons} in all; it got shape "
            f"{part.shape}."
        )
    return quality(
        amounts_of(call, net, weighted, self_connections=True), np.unique(part, return_inverse=True)[1]
    )


def communities(net: Connectome, *, weighted: bool = False, seed: Seed = 0) -> Ints:
    """The partition of the neurons of the highest directed modularity that a search finds.

    Each neuron moves to the part of a neighbour where it adds most to the modularity, neurons in a random
    order, until a sweep over all gains less than 1e-6; then each part becomes one node and the search goes
    on with those. It starts once from the areas, so that the result is never worse than they are, and ten
    times from single neurons, or once where there are more than 100,000 synapses; the best result stays.

    The true optimum cannot be computed for more than some tens of neurons, and other seeds find other
    partitions that are nearly as good.

    Args:
        net: the network.
        weighted: sum moduli of weights in place of counting synapses.
        seed: a whole number or a numpy Generator; None for another order each time.

    Returns:
        (neuron,) numbers of the parts from 0, the largest first.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for a seed out of range, or weights that are not all known.

    Example:
        >>> import graphrnn as gr
        >>> net = gr.datasets.celegans()
        >>> parts = gr.statistics.communities(net)
        >>> parts.shape, int(parts.max()) + 1
        ((302,), 10)
        >>> gr.statistics.modularity(net, parts) > 0.4
        True

    Source:
        Blondel et al., J. Stat. Mech. P10008 (2008), with the directed modularity of Leicht and Newman
        (2008).
    """
    call = "statistics.communities(net, ...)"
    check_connectome("statistics.communities(net)", net)
    amounts = amounts_of(call, net, weighted, self_connections=True)
    rng = stream(resolve_seed(call, seed), "communities")
    return best_partition(amounts, net.area_index.astype(np.int64), rng)


def quality(amounts: Any, part: NDArray[Any]) -> float:
    """The directed modularity of (neuron,) numbered parts."""
    total = float(amounts.data.sum())
    if not total:
        return float("nan")
    coo = amounts.tocoo()
    within = float(coo.data[part[coo.row] == part[coo.col]].sum())
    into, out = (np.bincount(part, amounts.sum(axis=axis)) for axis in (1, 0))
    return within / total - float((into / total) @ (out / total))


def best_partition(amounts: Any, areas: Ints, rng: np.random.Generator) -> Ints:
    """(neuron,) the best of what the searches find; of equally good ones, the one with fewest parts."""
    singles = _SEARCHES if amounts.nnz <= _SMALL else 1
    starts = [areas, *[np.arange(amounts.shape[0])] * singles]
    found = [_search(amounts, start, rng) for start in starts]
    part = max(found, key=lambda part: (round(quality(amounts, part), 12), -np.unique(part).size))
    number, first, size = np.unique(part, return_index=True, return_counts=True)
    place = np.empty(number.size, np.int64)
    place[np.lexsort((first, -size))] = np.arange(number.size)
    return place[np.searchsorted(number, part)]


def _search(amounts: Any, start: Ints, rng: np.random.Generator) -> Ints:
    part, nodes = start, amounts
    label = np.unique(start, return_inverse=True)[1]
    owner = np.arange(amounts.shape[0])  # the node that stands for each neuron
    while amounts.nnz:
        label = np.unique(_move(nodes, label, rng), return_inverse=True)[1]
        part = label[owner]
        if label.size == label.max() + 1:  # no two nodes came together
            break
        nodes, owner = _joined(nodes, label), part
        label = np.arange(nodes.shape[0])
    return part


def _joined(nodes: Any, label: Ints) -> Any:
    """The matrix between parts, of sums over their members."""
    from scipy.sparse import coo_array

    coo, n = nodes.tocoo(), int(label.max()) + 1
    return coo_array((coo.data, (label[coo.row], label[coo.col])), shape=(n, n)).tocsr()


def _move(nodes: Any, label: Ints, rng: np.random.Generator) -> Ints:
    """(node,) the labels after nodes moved, one by one, to where each adds most to the modularity.

    A node i in part c contributes a(i, c) / m - (k_in(i) k_out(c) + k_out(i) k_in(c)) / m², where a(i, c)
    sums what joins it to c in either direction; what it contributes with itself is the same everywhere.
    """
    n, total = nodes.shape[0], float(nodes.data.sum())
    joined = (nodes + nodes.T.tocsr()).tocsr()
    into, out = np.asarray(nodes.sum(axis=1)), np.asarray(nodes.sum(axis=0))
    label = label.copy()
    part_into, part_out = np.bincount(label, into, minlength=n), np.bincount(label, out, minlength=n)
    pull = np.zeros(n)
    waiting = np.ones(n, bool)
    slack = 1e-12 * total  # a gain smaller than rounding errors could go round in circles
    for _ in range(_SWEEPS):
        gained = 0.0
        for i in rng.permutation(np.flatnonzero(waiting)).tolist():
            waiting[i] = False
            place = slice(joined.indptr[i], joined.indptr[i + 1])
            others, amount = joined.indices[place], joined.data[place]
            mine = label[i]
            part_into[mine] -= into[i]
            part_out[mine] -= out[i]
            choice = label[others]
            np.add.at(pull, choice, np.where(others == i, 0.0, amount))
            mine_into, mine_out = into[i] / total, out[i] / total
            value = pull[choice] - (mine_into * part_out[choice] + mine_out * part_into[choice])
            stay = pull[mine] - (mine_into * part_out[mine] + mine_out * part_into[mine])
            best = int(value.argmax()) if value.size else 0
            pull[choice] = 0.0
            if value.size and value[best] > stay + slack:
                gained += (value[best] - stay) / total
                mine = choice[best]
                label[i] = mine
                waiting[others[label[others] != mine]] = True
            part_into[mine] += into[i]
            part_out[mine] += out[i]
        if gained < _LEAST:
            break
    return label
