"""Sampling without replacement, the one mechanism behind every random rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from graphrnn.rules.rule import Ints

__all__ = ["draw_distinct"]


def draw_distinct(rng: np.random.Generator, sizes: ArrayLike, counts: ArrayLike) -> Ints:
    """Distinct integers from blocks that lie end to end: `counts[b]` of them, uniformly, from block b.

    Every rule that samples without replacement is a choice of blocks: a row for a fixed in-degree,
    the whole matrix for a fixed total. A repeated key is drawn anew until none repeats, which leaves
    the first `counts[b]` distinct values of an endless draw: a uniform subset. Of a block more than
    half full the absent keys are drawn instead, so the cost stays in proportion to the result.

    Args:
        rng: source of randomness.
        sizes: (block,) how many integers each block spans.
        counts: (block,) how many to draw from each, at most its size.

    Returns:
        The keys, ascending; block b holds those from sum(sizes[:b]) to sum(sizes[:b + 1]) - 1.
    """
    size, count = (np.atleast_1d(np.asarray(a, np.int64)) for a in (sizes, counts))
    start = np.cumsum(size) - size
    crowded = count > size // 2
    picked = _draw_sparse(rng, size, start, np.where(crowded, size - count, count))
    if not crowded.any():
        return picked
    absent = crowded[_block_of(start, picked)] if picked.size else np.zeros(0, bool)
    everything = _ranges(start[crowded], size[crowded])
    keep = np.ones(everything.size, bool)
    keep[np.searchsorted(everything, picked[absent])] = False
    return np.sort(np.concatenate([picked[~absent], everything[keep]]))


def _draw_sparse(rng: np.random.Generator, size: Ints, start: Ints, count: Ints) -> Ints:
    if size.size and (size == size[0]).all():  # one bound for all is ten times as fast to draw with
        keys = rng.integers(0, max(int(size[0]), 1), int(count.sum()))
    else:
        keys = rng.integers(0, np.repeat(size, count))
    keys += np.repeat(start, count)
    keys.sort()
    while (repeated := np.flatnonzero(keys[1:] == keys[:-1])).size:
        block = _block_of(start, keys[repeated])
        keys[repeated] = start[block] + rng.integers(0, size[block])
        keys.sort()
    return keys


def _block_of(start: Ints, keys: Ints) -> Ints:
    """The block of each key; of several blocks with one start only the last is not empty."""
    return np.searchsorted(start, keys, side="right") - 1


def _ranges(start: Ints, length: Ints) -> Ints:
    """arange(start[i], start[i] + length[i]) for every i, one after the other."""
    ends = np.cumsum(length)
    return np.arange(ends[-1]) + np.repeat(start - (ends - length), length)
