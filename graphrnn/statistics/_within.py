"""What only the block of an area itself decides: reciprocity and spectral radius."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphrnn._spectrum import spectral_radius
from graphrnn.connectome import Connectome
from graphrnn.statistics._tally import Floats, pattern, possible_pairs, ratio

__all__ = ["radius", "within_columns"]

_STEPS = 200
_PRECISION = 1e-12
_ROUGH_FROM = 2000  # neurons


def within_columns(net: Connectome) -> dict[str, Any]:
    """The columns of the table of areas that look at one block alone."""
    ones, strength = pattern(net), None
    if net.hidden.weight is not None:
        strength = pattern(net, net.hidden.weight)
    names = ("synapses_within", "self_connections", "mutual", "radius")
    numbers = np.zeros((len(names), len(net.areas)))
    weighted = np.full((2, len(net.areas)), np.nan)
    for i, area in enumerate(net.areas):
        block = ones[area.slice, area.slice]
        loops = int((block.diagonal() != 0).sum())
        numbers[:, i] = block.nnz, loops, block.multiply(block.T.tocsr()).nnz - loops, radius(block)
        if strength is not None:
            weighted[:, i] = _weighted(strength[area.slice, area.slice])
    size = np.array([area.size for area in net.areas])
    total, loops_of, mutual = (numbers[k].astype(np.int64) for k in range(3))
    return {
        "synapses_within": total,
        "self_connections": loops_of,
        "density_within": ratio(total, np.diag(possible_pairs(net))),
        "reciprocity": ratio(mutual, total - loops_of),
        "reciprocity_chance": ratio(total - loops_of, size * (size - 1)),
        "weight_reciprocity": weighted[0],
        "spectral_radius": numbers[3],
        "weight_spectral_radius": weighted[1],
    }


def _weighted(block: Any) -> tuple[float, float]:
    """The reciprocity and the spectral radius of the weights of one block."""
    if np.isnan(block.data).any():
        return np.nan, np.nan
    strength = abs(block)
    loops = strength.diagonal().sum()
    both, total = strength.minimum(strength.T.tocsr()).sum() - loops, strength.sum() - loops
    return (float(both / total) if total > 0 else np.nan), radius(block)


def radius(block: Any) -> float:
    """The largest modulus of an eigenvalue of a square csr matrix.

    `spectral_radius` has the answer, but slowly for large blocks. The largest strongly connected part of a
    matrix without negative entries needs the power method alone; of others with many neurons it is computed
    to about one part in a hundred.
    """
    from scipy.sparse.csgraph import connected_components

    if block.shape[0] < 2 or not block.nnz:
        return spectral_radius(block)
    _, label = connected_components(block, directed=True, connection="strong")
    largest = label == np.bincount(label).argmax()
    part = (block if largest.all() else block[largest][:, largest]).astype(float)
    of_part = float("nan")
    if block.data.min() >= 0:
        of_part = _perron(part)
    elif part.shape[0] > _ROUGH_FROM:
        of_part = _roughly(part)
    if np.isnan(of_part):
        return spectral_radius(block)
    return of_part if largest.all() else max(of_part, spectral_radius(block[~largest][:, ~largest]))


def _roughly(part: Any) -> float:
    """The largest modulus of an eigenvalue by ARPACK with a loose end; NaN where even that is not reached."""
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    start = np.random.default_rng(0).standard_normal(part.shape[0])
    try:
        leading = eigs(part, k=6, ncv=64, v0=start, tol=1e-2, maxiter=50, return_eigenvectors=False)
    except ArpackNoConvergence:
        return float("nan")
    return float(np.abs(leading).max())


def _perron(part: Any) -> float:
    """The largest eigenvalue of an irreducible matrix without negative entries; NaN where that takes long.

    For every vector x > 0 it lies between the least and the greatest (A x)_i / x_i. A tenth of the greatest
    row sum on the diagonal keeps the vector from turning round a ring for ever.
    """
    x: Floats = np.ones(part.shape[0])
    if part.shape[0] == 1:
        return float(part.sum())
    shift = 0.1 * float(part.sum(axis=1).max())
    for _ in range(_STEPS):
        image = part @ x
        bounds = image / x
        if bounds.max() - bounds.min() <= _PRECISION * bounds.max():
            return float(0.5 * (bounds.max() + bounds.min()))
        x = image + shift * x
        x /= x.max()
    return float("nan")
