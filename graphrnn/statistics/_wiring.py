"""The wiring between neurons as one sparse matrix, and random wirings of the same degrees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn._rewire import switch
from graphrnn.connectome import Connectome

__all__ = [
    "Floats",
    "Ints",
    "against",
    "amounts_of",
    "chunks_of_rows",
    "known_weights",
    "matrix_of",
    "number_of_nulls",
    "number_of_samples",
    "random_wirings",
    "split_dyads",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_ROUNDS = 10  # of rewiring before each random wiring
_ROUNDS_OF_LARGE = 3  # beyond _LARGE synapses: wiring so sparse forgets itself in one or two

_LARGE = 1_000_000
_FREE = 0.3  # in crowded wiring more trades fail and more rounds are taken, as if so much at least were free
_NULLS, _NULLS_OF_LARGE = 20, 5
_ALL_OF, _DRAWN = 2000, 500  # neurons to take all of, and how many to draw of more


def matrix_of(net: Connectome, data: NDArray[Any] | None = None, self_connections: bool = False) -> Any:
    """The hidden synapses as a `scipy.sparse.csr_array` (post, pre) of int8 ones, or of (synapse,) `data`."""
    from scipy.sparse import csr_array

    hidden, n = net.hidden, net.n_neurons
    data = np.ones(hidden.size, np.int8) if data is None else data
    if self_connections or not (hidden.post == hidden.pre).any():
        indptr = hidden.indptr.astype(np.int32) if hidden.size < 2**31 else hidden.indptr
        return csr_array((data, hidden.pre, indptr), shape=(n, n))
    other = hidden.post != hidden.pre
    return csr_array((data[other], (hidden.post[other], hidden.pre[other])), shape=(n, n))


def known_weights(
    call: str, net: Connectome, asked: str = "weighted=True", way_out: str = "Leave `weighted` out"
) -> Floats:
    """(synapse,) the weights, or an error where one is not known."""
    if net.hidden.weight is None or np.isnan(net.hidden.weight).any():
        raise ValueError(
            f"`{call}` with {asked} needs the weight of every synapse; some or all are not known. "
            f"{way_out} to count synapses."
        )
    return net.hidden.weight.astype(np.float64)


def amounts_of(call: str, net: Connectome, weighted: bool, self_connections: bool = False) -> Any:
    """csr_array (post, pre) of ones, or of the moduli of weights; a weight of 0 is no synapse."""
    if not _checks.boolean(call, "weighted", weighted):
        return matrix_of(net, np.ones(net.hidden.size), self_connections)
    amounts = matrix_of(net, np.abs(known_weights(call, net)), self_connections).copy()
    amounts.eliminate_zeros()
    return amounts


def number_of_nulls(call: str, nulls: int | None, net: Connectome) -> int:
    """How many random wirings to compare with; two at least, as they need a standard deviation."""
    if nulls is None:
        return _NULLS_OF_LARGE if net.hidden.size > _LARGE else _NULLS
    return _checks.count(call, "nulls", nulls, 2)


def number_of_samples(call: str, samples: int | None, net: Connectome) -> int:
    """How many neurons to draw; two at least, as they need a standard deviation."""
    if samples is None:
        return net.n_neurons if net.n_neurons <= _ALL_OF else _DRAWN
    return min(_checks.count(call, "samples", samples, 2), net.n_neurons)


def random_wirings(matrix: Any, number: int, rng: np.random.Generator) -> Iterator[Any]:
    """Random wirings with the in- and out-degrees of `matrix`, one after the other from one long chain."""
    from scipy.sparse import coo_array

    coo = matrix.tocoo()
    pre, post = coo.col, coo.row
    n = matrix.shape[0]
    free = 1.0 - matrix.nnz / max(n * (n - 1), 1)
    rounds = round((_ROUNDS_OF_LARGE if matrix.nnz > _LARGE else _ROUNDS) / max(free, _FREE) ** 2)
    if not free:  # all to all: there is no other wiring
        rounds = 0
    for _ in range(number):
        pre, post = switch(pre, post, n, rng, rounds)
        index = post.astype(np.int32), pre.astype(np.int32)
        random = coo_array((np.ones(pre.size, np.int8), index), shape=matrix.shape).tocsr()
        random.sort_indices()
        yield random


def split_dyads(matrix: Any) -> tuple[Any, Any]:
    """The synapses without and those with one back, of a matrix without self-connections."""
    mutual = matrix.multiply(matrix.T.tocsr()).tocsr()
    single = (matrix - mutual).tocsr()
    single.eliminate_zeros()
    return single, mutual


def chunks_of_rows(cost: Ints, most: int) -> Iterator[slice]:
    """Neighbouring rows together as long as their cost adds up to no more than `most`."""
    total = np.cumsum(cost)
    start = 0
    while start < cost.size:
        done = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, done + most, side="right")))
        yield slice(start, stop)
        start = stop


def against(observed: Floats, randoms: Floats, error: Floats | float = 0.0) -> dict[str, Floats]:
    """(statistic,) observed values against (random wiring, statistic) those of chance."""
    mean, sd = randoms.mean(axis=0), randoms.std(axis=0, ddof=1)
    # values that are equal but for rounding have no spread
    sd[np.ptp(randoms, axis=0) <= 1e-12 * np.abs(mean)] = 0.0
    spread, unknown = np.hypot(sd, error), np.full(len(observed), np.nan)
    return {
        "null_mean": mean,
        "null_sd": sd,
        "ratio": np.divide(observed, mean, out=unknown.copy(), where=mean != 0),
        "z": np.divide(observed - mean, spread, out=unknown, where=spread > 0),
    }
