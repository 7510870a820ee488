"""Sparse matrices at the resolution of a picture: sums per pixel, never a dense matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import KINDS, Node, Synapses, kind_between

__all__ = ["kind_counts", "mix_colors", "pairs_per_pixel", "steps", "synapse_means", "weight_means"]

_CHUNK = 1 << 22
_PIXELS = 600


def steps(shape: tuple[int, int]) -> tuple[int, int]:
    """How many neurons one pixel stands for along each axis: 1 where all of them fit."""
    return math.ceil(shape[0] / _PIXELS), math.ceil(shape[1] / _PIXELS)


def _pixels(shape: tuple[int, int]) -> tuple[int, int]:
    step = steps(shape)
    return math.ceil(shape[0] / step[0]), math.ceil(shape[1] / step[1])


def pairs_per_pixel(shape: tuple[int, int]) -> NDArray[np.float64]:
    """(pixel, pixel) number of neuron pairs under each pixel; those at the far edges may have fewer."""
    counts = [
        np.minimum(step, size - step * np.arange(n))
        for size, step, n in zip(shape, steps(shape), _pixels(shape), strict=True)
    ]
    return np.multiply.outer(counts[0], counts[1]).astype(np.float64)


def kind_counts(
    synapses: Synapses, posts: Sequence[Node], pres: Sequence[Node], kinds: Mapping[tuple[str, str], str]
) -> NDArray[np.float64]:
    """(pixel, pixel, kind) number of synapses of each of `KINDS` under each pixel.

    Args:
        synapses: of one matrix.
        posts: the nodes along its rows.
        pres: the nodes along its columns.
        kinds: by (pre, post) names; a pair that is not there takes its kind from the levels.
    """
    rows, columns = _pixels(synapses.shape)
    step = steps(synapses.shape)
    counts = np.zeros(rows * columns * len(KINDS))
    column = np.arange(synapses.shape[1]) // step[1] * len(KINDS)
    sizes = [node.size for node in pres]
    for post in posts:
        codes = [KINDS.index(kinds.get((pre.name, post.name)) or kind_between(pre, post)) for pre in pres]
        slot = column + np.repeat(codes, sizes)
        for part in _chunks(int(synapses.indptr[post.start]), int(synapses.indptr[post.stop])):
            row = synapses.post[part].astype(np.int64) // step[0] * (columns * len(KINDS))
            counts += np.bincount(row + slot[synapses.pre[part]], minlength=counts.size)
    return counts.reshape(rows, columns, len(KINDS))


def weight_means(matrix: Any) -> NDArray[np.float64]:
    """(pixel, pixel) mean weight of the synapses under each pixel, NaN where there is none.

    Args:
        matrix: `scipy.sparse.coo_array` (post, pre).
    """
    rows, columns = _pixels(matrix.shape)
    step = steps(matrix.shape)
    total, number = np.zeros((2, rows * columns))
    for part in _chunks(0, matrix.nnz):
        key = matrix.row[part].astype(np.int64) // step[0] * columns + matrix.col[part] // step[1]
        total += np.bincount(key, matrix.data[part], minlength=total.size)
        number += np.bincount(key, minlength=total.size)
    return np.divide(total, number, out=np.full(total.size, np.nan), where=number > 0).reshape(rows, columns)


def synapse_means(synapses: Synapses) -> NDArray[np.float64]:
    """(pixel, pixel) mean known weight of the synapses under each pixel, NaN where there is none.

    As `weight_means`, without a copy of the synapses; those whose weight is NaN do not count.
    """
    rows, columns = _pixels(synapses.shape)
    step = steps(synapses.shape)
    total, number = np.zeros((2, rows * columns))
    for part in _chunks(0, synapses.size):
        key = synapses.post[part].astype(np.int64) // step[0] * columns + synapses.pre[part] // step[1]
        weight = np.ones(len(key)) if synapses.weight is None else synapses.weight[part].astype(np.float64)
        known = ~np.isnan(weight)
        total += np.bincount(key[known], weight[known], minlength=total.size)
        number += np.bincount(key[known], minlength=total.size)
    return np.divide(total, number, out=np.full(total.size, np.nan), where=number > 0).reshape(rows, columns)


def mix_colors(
    counts: NDArray[np.float64], pairs: NDArray[np.float64], palette: NDArray[np.float64]
) -> tuple[NDArray[np.float32], float]:
    """(pixel, pixel, 4) colours, and the density from which on a pixel has its full colour.

    A pixel's hue is the mean of its synapses' colours. Where pixels stand for several pairs its opacity grows
    with its density, up to the density that one in twenty of the pixels with synapses exceeds.

    Args:
        counts: (pixel, pixel, kind) number of synapses.
        pairs: (pixel, pixel) number of neuron pairs.
        palette: (kind, 3) colours.
    """
    total = counts.sum(axis=2)
    image = np.zeros((*total.shape, 4), np.float32)
    filled = total > 0
    if not filled.any():
        return image, 1.0
    density = (total / pairs)[filled]
    full = float(np.quantile(density, 0.95))
    image[filled, :3] = counts[filled] @ palette / total[filled, None]
    image[filled, 3] = np.clip(density / full, 0.15**2, 1.0) ** 0.5
    return image, full


def _chunks(start: int, stop: int) -> Iterator[slice]:
    for first in range(start, stop, _CHUNK):
        yield slice(first, min(first + _CHUNK, stop))
