"""Trophic levels: where each node of a directed graph stands between sources and sinks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphrnn.statistics._wiring import Floats

__all__ = ["basal_levels", "coherence_of_basal", "flow_incoherence", "flow_levels"]

_DENSE_UP_TO = 1500
_TOLERANCE, _STEPS = 1e-12, 2000
_FEW = 1_000_000  # entries that a direct solver can take where an iteration does not converge


def flow_levels(amounts: Any) -> Floats:
    """(node,) levels h of MacKay, Johnson and Sansom (2020); the lowest of each weak component is 0.

    (diag(u) - W - Wᵀ) h = v with u = in + out and v = in - out of each node. They make
    Σ w_ij (h_i - h_j - 1)² least. NaN for all where a large system does not converge.

    Args:
        amounts: csr_array (post, pre) of non-negative floats without diagonal.
    """
    from scipy.sparse import diags_array
    from scipy.sparse.csgraph import connected_components

    number, label = connected_components(amounts, directed=False)
    into, out = np.asarray(amounts.sum(axis=1)), np.asarray(amounts.sum(axis=0))
    laplacian = (diags_array(into + out) - amounts - amounts.T).tocsr()
    level = _solve_laplacian(laplacian, into - out, label)
    if np.isnan(level).any():
        return level
    lowest = np.full(number, np.inf)
    np.minimum.at(lowest, label, level)
    return level - lowest[label]


def _solve_laplacian(laplacian: Any, difference: Floats, label: Any) -> Floats:
    """A solution, of which any constant may be added in each component."""
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import cg, spsolve

    level = np.zeros(difference.size)
    if difference.size > _DENSE_UP_TO:
        own = laplacian.diagonal()
        inverse = diags_array(np.divide(1.0, own, out=np.ones(own.size), where=own > 0))
        level, missed = cg(laplacian, difference, rtol=_TOLERANCE, maxiter=_STEPS, M=inverse)
        if not missed:
            return level
        if laplacian.nnz > _FEW:
            return np.full(level.size, np.nan)
    free = np.ones(difference.size, bool)
    free[np.unique(label, return_index=True)[1]] = False  # the zero of each component
    level[~free] = 0.0
    if free.any():
        rest = laplacian[free][:, free]
        dense = difference.size <= _DENSE_UP_TO
        solve = np.linalg.solve if dense else spsolve
        level[free] = solve(rest.toarray() if dense else rest.tocsc(), difference[free])
    return level


def flow_incoherence(amounts: Any, level: Floats) -> float:
    """F = Σ w_ij (h_i - h_j - 1)² / Σ w_ij over all synapses j → i; NaN without any."""
    coo = amounts.tocoo()
    total = float(coo.data.sum())
    return float(coo.data @ (level[coo.row] - level[coo.col] - 1) ** 2) / total if total else math.nan


def basal_levels(amounts: Any) -> Floats:
    """(node,) levels s of Johnson et al. (2014): 1 for basal nodes, which receive nothing.

    s_i = 1 + Σ_j w_ij s_j / Σ_j w_ij for all others. NaN for all where a node is not reached from a basal
    one, because then no levels exist.
    """
    from scipy.sparse import diags_array, eye_array
    from scipy.sparse.linalg import bicgstab, spsolve

    into = np.asarray(amounts.sum(axis=1))
    level, fed = np.ones(into.size), into > 0
    if not _reached(amounts, ~fed).all():
        return np.full(into.size, np.nan)
    if not fed.any():
        return level
    share = (diags_array(1 / into[fed]) @ amounts[fed]).tocsr()
    system = (eye_array(int(fed.sum())) - share[:, fed]).tocsc()
    constant = 1 + share[:, ~fed].sum(axis=1)
    if fed.sum() <= _DENSE_UP_TO:
        level[fed] = np.linalg.solve(system.toarray(), constant)
        return level
    solution, missed = bicgstab(system, constant, rtol=_TOLERANCE, maxiter=_STEPS)
    if missed:
        if system.nnz > _FEW:
            return np.full(into.size, np.nan)
        solution = spsolve(system, constant)
    level[fed] = solution
    return level


def coherence_of_basal(amounts: Any, level: Floats) -> float:
    """Q = √(mean of (s_i - s_j)² - (their mean)²), the trophic incoherence parameter; NaN without levels."""
    coo = amounts.tocoo()
    if not coo.nnz or np.isnan(level).any():
        return math.nan
    return float(np.std(level[coo.row] - level[coo.col]))


def _reached(amounts: Any, sources: Any) -> Any:
    """(node,) what the sources reach, themselves included."""
    onward = amounts.T.tocsr()
    arrived, front = sources.copy(), np.flatnonzero(sources)
    while front.size:
        new = np.unique(onward[front].indices)
        front = new[~arrived[new]]
        arrived[front] = True
    return arrived
