"""Shortest paths from many neurons at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.statistics._wiring import Floats, Ints

__all__ = ["steps_from"]

_WORD = 64  # sources that walk together, a bit each
_SHORT = 100  # steps after which a graph is a long one, for which walking neuron by neuron is faster


def steps_from(matrix: Any, sources: Ints) -> tuple[Floats, Ints]:
    """(source,) sum of the steps of the shortest paths to all neurons that it reaches, and their number.

    Sixty-four sources walk at once: bit s of a neuron's word says that source s has arrived, and a step is
    the bitwise or over the neuron's sources.
    """
    steps, reached = np.zeros(sources.size), np.zeros(sources.size, np.int64)
    for start in range(0, sources.size, _WORD):
        part = slice(start, start + _WORD)
        found = _walk_together(matrix, sources[part])
        steps[part], reached[part] = _walk_alone(matrix, sources[part]) if found is None else found
    return steps, reached


def _walk_together(matrix: Any, sources: Ints) -> tuple[Floats, Ints] | None:
    """None where the paths are long."""
    n = matrix.shape[0]
    rows = np.flatnonzero(np.diff(matrix.indptr))
    starts = matrix.indptr[rows]
    arrived = np.zeros(n, np.uint64)
    arrived[sources] = np.uint64(1) << np.arange(sources.size, dtype=np.uint64)
    front = arrived.copy()
    steps, reached = np.zeros(sources.size), np.zeros(sources.size, np.int64)
    for step in range(1, _SHORT):
        if not rows.size:
            break
        new = np.zeros(n, np.uint64)
        new[rows] = np.bitwise_or.reduceat(front[matrix.indices], starts)
        front = np.bitwise_and(new, ~arrived)
        if not front.any():
            break
        arrived |= front
        number = _per_bit(front)[: sources.size]
        steps += step * number
        reached += number
    else:
        return None
    return steps, reached


def _per_bit(words: NDArray[np.uint64]) -> Ints:
    """(64,) in how many words each bit is set, from the lowest."""
    some = words[words != 0].astype("<u8")
    bits = np.unpackbits(some.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    return bits.sum(axis=0, dtype=np.int64)


def _walk_alone(matrix: Any, sources: Ints) -> tuple[Floats, Ints]:
    from scipy.sparse.csgraph import breadth_first_order

    onward = matrix.T.tocsr().astype(np.float64)  # csgraph walks from row to column
    steps, reached = np.zeros(sources.size), np.zeros(sources.size, np.int64)
    for k, source in enumerate(sources.tolist()):
        order, before = breadth_first_order(onward, source)
        distance = np.zeros(matrix.shape[0], np.int64)
        for neuron in order[1:].tolist():
            distance[neuron] = distance[before[neuron]] + 1
        steps[k], reached[k] = distance.sum(), order.size - 1
    return steps, reached
