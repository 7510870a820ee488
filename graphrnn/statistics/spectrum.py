"""Leading eigenvalues of the wiring, of the whole network or of one area."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.statistics._tally import check_connectome
from graphrnn.statistics._wiring import Floats, known_weights, matrix_of

if TYPE_CHECKING:
    import pandas

__all__ = ["leading_eigenvalues", "spectrum"]

_DENSE_UP_TO = 400  # below this LAPACK is faster than ARPACK and cannot fail to converge
_DENSE_AT_LAST = 1000  # up to here LAPACK is bearable where ARPACK fails
_SUBSPACE, _RESTARTS, _TOLERANCE = 64, 30, 1e-9
Complex = NDArray[np.complex128]


def spectrum(
    net: Connectome, n: int = 6, *, area: str | None = None, weighted: bool = False
) -> pandas.DataFrame:
    """The eigenvalues of the largest modulus of the hidden matrix, or of an area's block of it.

    ============  =================================================================================
    column        meaning
    ============  =================================================================================
    `eigenvalue`  λ, complex; the largest modulus first, then the largest real part, then imaginary part
    `modulus`     |λ|
    `residual`    ‖W v - λ v‖ of its eigenvector v of length 1: 0 but for rounding where it is exact
    ============  =================================================================================

    The eigenvalues of a directed graph are those of its strongly connected components together, so each
    component is solved for itself: densely up to 400 neurons, else by Arnoldi iteration from a fixed vector.
    NaN stands for an eigenvalue that the iteration did not find, as on a ring of ten thousand neurons, where
    all have the same modulus.

    Args:
        net: the network.
        n: how many eigenvalues; where the matrix has fewer, all.
        area: the area whose block of wiring within is meant; None for the whole network.
        weighted: of the weights in place of ones.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for an unknown area, `n` below 1, or weights that are not all known.

    Example:
        >>> import graphrnn as gr
        >>> table = gr.statistics.spectrum(gr.datasets.celegans(), n=3)
        >>> table["modulus"].round(2).tolist()
        [9.65, 6.0, 6.0]

    Source:
        Lehoucq, Sorensen and Yang, ARPACK Users' Guide (1998).
    """
    import pandas as pd

    call = "statistics.spectrum(net, ...)"
    check_connectome("statistics.spectrum(net)", net)
    number = _checks.count(call, "n", n)
    weighted = _checks.boolean(call, "weighted", weighted)
    weights = known_weights(call, net) if weighted else np.ones(net.hidden.size)
    matrix = matrix_of(net, weights, self_connections=True)
    if area is not None:
        _checks.known(call, "area", area, [node.name for node in net.areas])
        part = net.slice(area)
        matrix = matrix[part, part]
    value, residual = leading_eigenvalues(matrix, number)
    return pd.DataFrame({"eigenvalue": value, "modulus": np.abs(value), "residual": residual})


def leading_eigenvalues(matrix: Any, number: int) -> tuple[Complex, Floats]:
    """(eigenvalue,) those of the largest modulus of a csr_array of floats, and their residuals."""
    from scipy.sparse.csgraph import connected_components

    _, label = connected_components(matrix, directed=True, connection="strong")
    order = np.argsort(label, kind="stable")
    together, size = matrix[order][:, order], np.bincount(label)
    stop = np.cumsum(size)
    alone = np.flatnonzero((size == 1)[label])
    values, residuals = [matrix.diagonal()[alone].astype(np.complex128)], [np.zeros(alone.size)]
    for end, n in zip(stop[size > 1].tolist(), size[size > 1].tolist(), strict=True):
        value, residual = _of_component(together[end - n : end, end - n : end], number)
        values.append(value)
        residuals.append(residual)
    value, residual = np.concatenate(values), np.concatenate(residuals)
    first = np.lexsort((-value.imag, -value.real, -np.abs(value).round(12)))[:number]
    return value[first], residual[first]


def _of_component(block: Any, number: int) -> tuple[Complex, Floats]:
    n = block.shape[0]
    wanted = number + 1  # so that the last one does not come without its conjugate
    if n <= _DENSE_UP_TO or wanted > n // 4:
        return _solved(block, *np.linalg.eig(block.toarray()))
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    start = np.random.default_rng(0).standard_normal(n)  # fixed, so that two calls give the same bits
    subspace = min(n - 1, max(_SUBSPACE, 4 * wanted))
    try:
        found = eigs(block, k=wanted, ncv=subspace, v0=start, maxiter=_RESTARTS, tol=_TOLERANCE)
    except ArpackNoConvergence as error:
        if n <= _DENSE_AT_LAST:
            return _solved(block, *np.linalg.eig(block.toarray()))
        found = error.eigenvalues, error.eigenvectors
    value, residual = _solved(block, *found)
    missing = np.full(wanted - value.size, np.nan)
    return np.concatenate([value, missing]), np.concatenate([residual, missing])


def _solved(block: Any, value: Any, vector: Any) -> tuple[Complex, Floats]:
    return value.astype(np.complex128), np.linalg.norm(block @ vector - value * vector, axis=0)
