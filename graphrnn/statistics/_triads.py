"""The sixteen classes of three neurons: counted, or where there are too many, estimated with an error.

Every closed triad is found at a neuron in its middle, as two neighbours of it that are joined. How many
such pairs of neighbours there are follows from the degrees; the open triads are those left over.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphrnn.statistics._wiring import Floats, Ints, chunks_of_rows, split_dyads

__all__ = ["CLOSED", "TRIADS", "Census", "census"]

TRIADS = (
    *("003", "012", "102", "021D", "021U", "021C", "111D", "111U"),
    *("030T", "030C", "201", "120D", "120U", "120C", "210", "300"),
)
CLOSED = ("030T", "030C", "120U", "120C", "120D", "210", "300")
_COUNTED = 50_000_000  # up to so many pairs of neighbours are counted one by one
_CHUNK = 5_000_000


class Census(NamedTuple):
    """(class,) numbers in the order of TRIADS, and their standard errors: 0 where counted."""

    number: Floats
    error: Floats


def census(matrix: Any, rng: np.random.Generator, samples: int) -> Census:
    """The number of triads of each class in a matrix (post, pre) without self-connections.

    Args:
        matrix: csr_array of ones.
        rng: source of randomness, used only where there is too much to count.
        samples: pairs of neighbours to draw in each of the four sorts that are too many to count.
    """
    single, mutual = split_dyads(matrix)
    closed, covariance = _closed(matrix, single, mutual, rng, samples)
    constant, effect = _from_closed(single, mutual)
    spread = np.einsum("ij,jk,ik->i", effect, covariance, effect)
    return Census(constant + effect @ closed, np.sqrt(np.maximum(spread, 0.0)))


def _closed(
    matrix: Any, single: Any, mutual: Any, rng: np.random.Generator, samples: int
) -> tuple[Floats, Floats]:
    """(7,) counts of the closed classes and (7, 7) their covariance.

    A row per sort: the two steps a → b → c through the neuron b in the middle, as the matrices of b → c and
    of a → b; then for c joined to a by a → c, by c → a and both ways, the class and how often one triad of
    the class shows up so. Classes that show up in two sorts are taken from one of them.
    """
    sorts: tuple[tuple[Any, Any, dict[int, tuple[str, int]]], ...] = (
        (single, single, {0: ("030T", 1), 1: ("030C", 3)}),
        (single, mutual, {0: ("120U", 2), 1: ("120C", 1)}),
        (mutual, single, {0: ("120D", 2)}),
        (mutual, mutual, {0: ("210", 1), 2: ("300", 6)}),
    )
    count, covariance = np.zeros(len(CLOSED)), np.zeros((len(CLOSED), len(CLOSED)))
    for last, first, classes in sorts:
        through = np.diff(last.T.tocsr().indptr).astype(np.int64) * np.diff(first.indptr)
        total = int(through.sum())
        place = [CLOSED.index(name) for name, _ in classes.values()]
        times = np.array([times for _, times in classes.values()])
        if total <= _COUNTED:
            found = _count(last, first, [(single, single.T.tocsr(), mutual)[how] for how in classes])
            count[place] = found / times
        else:
            share = _sample(matrix, last, first, through, rng, samples)[list(classes)]
            count[place] = total * share / times
            spread = (np.diag(share) - np.outer(share, share)) / samples
            covariance[np.ix_(place, place)] = spread * total**2 / np.outer(times, times)
    return count, covariance


def _count(last: Any, first: Any, joined: list[Any]) -> Floats:
    """Per matrix in `joined`, the paths a → b → c whose ends (c, a) it holds."""
    number = np.zeros(len(joined))
    first = first.astype(np.float64)
    length = np.diff(first.indptr).astype(np.int64)
    cost = np.add.reduceat(np.append(length[last.indices], 0), last.indptr[:-1]) if last.nnz else length * 0
    cost[np.diff(last.indptr) == 0] = 0
    for rows in chunks_of_rows(cost, _CHUNK):
        paths = last[rows].astype(np.float64) @ first
        number += [paths.multiply(matrix[rows]).sum() for matrix in joined]
    return number


def _sample(
    matrix: Any, last: Any, first: Any, through: Ints, rng: np.random.Generator, samples: int
) -> Floats:
    """(3,) of all paths a → b → c, the fraction with a → c alone, with c → a alone, and with both."""
    n = matrix.shape[0]
    onward = last.T.tocsr()  # row b holds its targets c
    border = np.cumsum(through)
    middle = np.searchsorted(border, rng.integers(0, border[-1], samples), side="right")
    c, a = _one_of_row(onward, middle, rng), _one_of_row(first, middle, rng)
    keys = np.repeat(np.arange(n, dtype=np.int64) * n, np.diff(matrix.indptr)) + matrix.indices
    along, back = _holds(keys, c * n + a), _holds(keys, a * n + c)
    shares: Floats = np.array([(along & ~back).mean(), (back & ~along).mean(), (along & back).mean()])
    return shares


def _one_of_row(matrix: Any, rows: Ints, rng: np.random.Generator) -> Ints:
    start = matrix.indptr[rows].astype(np.int64)
    place = start + rng.integers(0, matrix.indptr[rows + 1] - start)
    return matrix.indices[place].astype(np.int64)


def _holds(ascending: Ints, keys: Ints) -> Any:
    order = np.argsort(keys)  # searches that ascend stay in the cache
    place = np.searchsorted(ascending, keys[order])
    held = np.empty(keys.size, bool)
    held[order] = ascending[np.minimum(place, ascending.size - 1)] == keys[order]
    return held


def _from_closed(single: Any, mutual: Any) -> tuple[Floats, Floats]:
    """All sixteen counts as constant + effect @ closed: (16,) from the degrees, and (16, 7)."""
    n = single.shape[0]
    into, both = np.diff(single.indptr).astype(np.float64), np.diff(mutual.indptr).astype(np.float64)
    out = np.bincount(single.indices, minlength=n).astype(np.float64)
    pairs = {  # of neighbours of one neuron, by how they are joined to it
        "021D": (out * (out - 1) / 2).sum(),
        "021U": (into * (into - 1) / 2).sum(),
        "021C": (out * into).sum(),
        "111U": (out * both).sum(),
        "111D": (into * both).sum(),
        "201": (both * (both - 1) / 2).sum(),
    }
    inside = {  # how many of these pairs a closed triad holds
        "021D": {"030T": 1, "120D": 1},
        "021U": {"030T": 1, "120U": 1},
        "021C": {"030T": 1, "030C": 3, "120C": 1},
        "111U": {"120U": 2, "120C": 1, "210": 1},
        "111D": {"120D": 2, "120C": 1, "210": 1},
        "201": {"210": 1, "300": 3},
    }
    constant, effect = np.zeros(len(TRIADS)), np.zeros((len(TRIADS), len(CLOSED)))
    for i, name in enumerate(CLOSED):
        effect[TRIADS.index(name), i] = 1.0
    for name, number in pairs.items():
        constant[TRIADS.index(name)] = number
        for closed, times in inside[name].items():
            effect[TRIADS.index(name), CLOSED.index(closed)] = -times
    # a dyad is part of n - 2 triads: those that hold no other dyad are what is left
    for name, digit, dyads in (("012", 1, single.nnz), ("102", 0, mutual.nnz / 2)):
        held = np.array([0.0 if t in ("003", "012", "102") else float(t[digit]) for t in TRIADS])
        constant[TRIADS.index(name)] = dyads * max(n - 2, 0) - held @ constant
        effect[TRIADS.index(name)] = -held @ effect
    constant[0] = n * (n - 1) * (n - 2) / 6 - constant[1:].sum()
    effect[0] = -effect[1:].sum(axis=0)
    return constant, effect
