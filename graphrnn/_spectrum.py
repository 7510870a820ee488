"""The spectral radius of a sparse matrix, reproducibly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["spectral_radius"]

_DENSE_UP_TO = 400  # below this LAPACK is faster than ARPACK and cannot fail to converge
_STEPS = 1000


def spectral_radius(matrix: Any) -> float:
    """The largest modulus of an eigenvalue of a square scipy sparse `matrix`; 0 for an empty one.

    The eigenvalues of a directed graph are those of its strongly connected components together.
    Taking them one by one keeps purely feedforward wiring (radius 0) away from the eigensolver,
    which cannot converge on it. Where it does not converge all the same, because many eigenvalues share
    the largest modulus as those of a large ring do, the rate at which a vector grows stands in, good to
    about one part in a thousand.
    """
    from scipy.sparse.csgraph import connected_components

    matrix = matrix.tocsr().astype(float)
    _, label = connected_components(matrix, directed=True, connection="strong")
    alone = np.bincount(label)[label] == 1
    radius = float(np.abs(matrix.diagonal()[alone]).max(initial=0.0))
    return max([radius, *(_leading_modulus(block) for block in _blocks(matrix, label))])


def _blocks(matrix: Any, label: Any) -> Iterator[Any]:
    """The part of the matrix within each component of two neurons or more."""
    from scipy.sparse import csr_array

    size = np.bincount(label)
    order = np.argsort(label, kind="stable")
    place = np.empty(label.size, np.int64)  # of each neuron within its component
    place[order] = np.arange(label.size) - np.repeat(np.cumsum(size) - size, size)
    coo = matrix.tocoo()
    inner = np.flatnonzero((label[coo.row] == label[coo.col]) & (size[label[coo.row]] > 1))
    inner = inner[np.argsort(label[coo.row[inner]], kind="stable")]
    borders = np.flatnonzero(np.diff(label[coo.row[inner]])) + 1
    for part in np.split(inner, borders) if inner.size else ():
        n = int(size[label[coo.row[part[0]]]])
        yield csr_array((coo.data[part], (place[coo.row[part]], place[coo.col[part]])), shape=(n, n))


def _leading_modulus(block: Any) -> float:
    n = block.shape[0]
    if n <= _DENSE_UP_TO:
        return float(np.abs(np.linalg.eigvals(block.toarray())).max())
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    start = np.random.default_rng(0).standard_normal(n)  # fixed, so that two calls give the same bits
    try:  # with a smaller subspace ARPACK settles on the second or third eigenvalue of a random matrix
        leading = eigs(block, k=6, ncv=64, v0=start, maxiter=100, tol=1e-6, return_eigenvectors=False)
    except ArpackNoConvergence:
        return _growth(block, start)
    return float(np.abs(leading).max())


def _growth(block: Any, vector: Any) -> float:
    """The factor by which a vector grows per step, after as many steps to settle."""
    rates = np.zeros(2 * _STEPS)
    for step in range(rates.size):
        vector = block @ (vector / np.linalg.norm(vector))
        rates[step] = np.linalg.norm(vector)
        if rates[step] == 0.0:
            return 0.0
    return float(np.exp(np.log(rates[_STEPS:]).mean()))
