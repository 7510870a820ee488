"""What all the tables are made of: sums over areas and pairs of areas, and quotients that may be 0 / 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Connectome, Node

__all__ = [
    "Floats",
    "Ints",
    "area_mean",
    "block_sums",
    "check_connectome",
    "mutual_pairs",
    "pattern",
    "per_area",
    "possible_pairs",
    "ratio",
    "rows_of",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def check_connectome(call: str, net: Any) -> None:
    """Refuse anything but a Connectome; the way out depends on what came."""
    if isinstance(net, Connectome):
        return
    if hasattr(net, "to_connectome"):
        hint = "Take the one with its weights: net = rnn.to_connectome()."
    elif hasattr(net, "compile"):
        hint = "Compile it first: net = graph.compile(seed=0)."
    else:
        hint = "Make one with graph.compile."
    raise TypeError(f"`{call}` needs a Connectome; it got {type(net).__name__}. {hint}")


def per_area(net: Connectome, reduce: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
    """(area,) the sum, minimum or maximum of (neuron,) values over each area's neurons."""
    if not net.areas:
        return values[:0]
    return reduce.reduceat(values, [area.start for area in net.areas])


def area_mean(net: Connectome, values: NDArray[Any], where: NDArray[np.bool_]) -> Floats:
    """(area,) the mean of (neuron,) values over the neurons of each area that count; NaN where none does."""
    total = per_area(net, np.add, np.where(where, values, 0.0))
    return ratio(total, per_area(net, np.add, where.astype(np.int64)))


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """The quotient part / whole, NaN where whole is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    quotient: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)
    return quotient


def rows_of(net: Connectome, which: str) -> Iterator[tuple[Node, slice, NDArray[np.int32]]]:
    """Each target of a matrix, its slice of the synapses, and per synapse the index of its source node."""
    synapses, (posts, pres) = net.synapses(which), net.ends(which)
    source = np.repeat(np.arange(len(pres), dtype=np.int32), [node.size for node in pres])
    for node in posts:
        rows = slice(int(synapses.indptr[node.start]), int(synapses.indptr[node.stop]))
        yield node, rows, source[synapses.pre[rows]]


def block_sums(net: Connectome, values: NDArray[Any], which: str = "hidden") -> Floats:
    """(post node, pre node) the sum of (synapse,) values over the synapses between each pair of nodes."""
    posts, pres = net.ends(which)
    table = np.zeros((len(posts), len(pres)))
    for i, (_, rows, source) in enumerate(rows_of(net, which)):
        table[i] = np.bincount(source, values[rows], minlength=len(pres))
    return table


def possible_pairs(net: Connectome) -> Ints:
    """(post area, pre area) synapses that could exist, self-connections only where they are allowed."""
    size = np.array([area.size for area in net.areas], np.int64)
    table: Ints = np.outer(size, size)
    index = {area.name: i for i, area in enumerate(net.areas)}
    for p in net.projections:
        if p.pre in index and p.post in index:
            table[index[p.post], index[p.pre]] = p.possible
    return table


def pattern(net: Connectome, data: NDArray[Any] | None = None) -> Any:
    """The hidden synapses as a `scipy.sparse.csr_array` (post, pre) of small ones, or of `data`."""
    from scipy.sparse import csr_array

    hidden = net.hidden
    ones = np.ones(hidden.size, np.int8) if data is None else data
    indptr = hidden.indptr.astype(np.int32) if hidden.size < 2**31 else hidden.indptr
    return csr_array((ones, hidden.pre, indptr), shape=hidden.shape)


def mutual_pairs(net: Connectome) -> Ints:
    """(post area, pre area) how many synapses i → j (i ≠ j) have a j → i beside them."""
    hidden = pattern(net)
    both = hidden.multiply(hidden.T.tocsr()).tocoo()
    other = both.row != both.col
    n = len(net.areas)
    pair = net.area_index[both.row[other]].astype(np.int64) * n + net.area_index[both.col[other]]
    return np.bincount(pair, minlength=n * n).reshape(n, n)
