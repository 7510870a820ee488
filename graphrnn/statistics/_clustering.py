"""Directed clustering of some or all neurons."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphrnn.statistics._wiring import Floats, Ints

__all__ = ["clustering_of"]


def clustering_of(matrix: Any, neurons: Ints | None = None, weight: Floats | None = None) -> Floats:
    """The clustering coefficient of Fagiolo (2007), 0 where a neuron has no pair of neighbours.

    Args:
        matrix: csr_array (post, pre) without self-connections.
        neurons: which neurons; None for all.
        weight: what stands in for the ones of `matrix`: in the weighted variant the cube roots of weights.
    """
    ones = matrix.astype(np.float64)
    back = ones.T.tocsr()
    both_ways = (ones + back).tocsr()
    degree = both_ways.sum(axis=1)
    mutual = ones.multiply(back).sum(axis=1)
    if weight is not None:
        ones.data = weight
        both_ways = (ones + ones.T.tocsr()).tocsr()
    rows = np.arange(matrix.shape[0]) if neurons is None else neurons
    found, mark = np.zeros(rows.size), np.zeros(matrix.shape[0])
    for k, neuron in enumerate(rows.tolist()):
        place = slice(both_ways.indptr[neuron], both_ways.indptr[neuron + 1])
        neighbours, joined = both_ways.indices[place], both_ways.data[place]
        if neighbours.size < 2:  # in no triangle, and the one neighbour may have very many others
            continue
        mark[neighbours] = joined
        found[k] = joined @ (both_ways[neighbours] @ mark)
        mark[neighbours] = 0.0
    pairs = 2 * (degree * (degree - 1) - 2 * mutual)[rows]
    return np.divide(found, pairs, out=np.zeros(rows.size), where=pairs != 0)
