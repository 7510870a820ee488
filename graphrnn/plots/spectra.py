"""Eigenvalues of the wiring in the complex plane, with the unit circle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.plots.names import shortened
from graphrnn.plots.style import (
    COLUMN,
    FAINT,
    INK,
    KIND_COLORS,
    NAME,
    PAGE,
    canvas,
    check_ax,
    check_connectome,
    panel,
    plain_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["spectrum"]

_DENSE_UP_TO = 600  # LAPACK needs a fraction of a second there
_LEADING = 6
_SUBSPACE, _RESTARTS, _TOLERANCE = 24, 5, 3e-3  # less than half a dot's size on paper


def spectrum(net: Connectome, *, per: str = "network", ax: Axes | None = None) -> Figure:
    """The eigenvalues of the hidden matrix, or of each area's block of it, with the unit circle.

    Of the weights where there are any; else of the pattern, with the signs of the neurons where they are
    known; a line says which. Up to 600 neurons these are all eigenvalues. Beyond, they are up to 6 of the
    largest modulus, by Arnoldi iteration to a relative 3e-3, and the picture says so. The dashed circle
    has the radius σ √N, the root of the summed squares of the matrix over N: there the eigenvalues of
    independent weights of mean 0 end. One far outside is an outlier, as unbalanced excitation makes it.

    Args:
        net: the network.
        per: "network", or "area" for a panel per area.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for anything but "network" and "area".

    Example:
        >>> import graphrnn as gr
        >>> rnn = gr.CTRNN(gr.datasets.celegans(), spectral_radius=0.9)
        >>> gr.plots.spectrum(rnn.to_connectome()).savefig("spectrum.png")

    Source:
        Girko, Theory Probab. Appl. 29 (1985) for the circle; Rajan and Abbott, Phys. Rev. Lett. 97, 188104
        (2006) for outliers of excitatory and inhibitory networks.
    """
    check_connectome("plots.spectrum(net)", net)
    check_ax("plots.spectrum(net)", ax)
    _checks.one_of("plots.spectrum(net, ...)", "per", per, ("network", "area"))
    data, what = _entries(net)
    matrix = _matrix(net, data)
    blocks = [("", matrix)]
    if per == "area":
        blocks = [(area.name, matrix[area.slice, area.slice]) for area in net.areas]
    columns = 1 if len(blocks) == 1 else min(3 if len(blocks) <= 12 else 6, len(blocks))
    rows = math.ceil(len(blocks) / columns)
    wide = COLUMN if columns <= 3 else PAGE
    each = (wide - 8) / columns
    figure, host, width, height = canvas(ax, wide, rows * each + 20 if columns > 1 else 0.9 * wide)
    across, down = (width - 8) / columns, (height - 16) / rows
    size = NAME if columns <= 3 else NAME - 1.5
    names = shortened([name for name, _ in blocks], size, across - 21)
    for i, (name, (_, block)) in enumerate(zip(names, blocks, strict=True)):
        x, y = 4 + across * (i % columns), height - 4 - down * (i // columns + 1)
        left, below = (34, 26) if columns == 1 else (17, 11)
        above = 14 if columns == 1 else 17
        axes = panel(host, x + left, y + below, max(across - left - 6, 10), max(down - below - above, 10))
        _draw(axes, block, small=columns > 1)
        if name:
            host.text(
                x + left, y + down - 6, name, size=size, color=INK, parse_math=False, va="center_baseline"
            )
        if columns == 1:
            axes.set_xlabel("real part", labelpad=1)
            axes.set_ylabel("imaginary part", labelpad=1)
    note = f"eigenvalues of the {what}; circles: 1 and, dashed, σ√N"
    host.text(width / 2, 6, note, size=NAME - 0.5, color=INK, ha="center", va="center_baseline")
    return figure


def _entries(net: Connectome) -> tuple[NDArray[np.float64], str]:
    weight = net.hidden.weight
    if weight is not None and not np.isnan(weight).any():
        return weight.astype(np.float64), "weights"
    if net.sign.any():
        return np.where(net.sign < 0, -1.0, 1.0)[net.hidden.pre], "mask with signs"
    return np.ones(net.hidden.size), "mask"


def _matrix(net: Connectome, data: NDArray[np.float64]) -> Any:
    from scipy.sparse import csr_array

    return csr_array((data, net.hidden.pre, net.hidden.indptr), shape=net.hidden.shape)


def _draw(axes: Axes, block: Any, small: bool) -> None:
    from matplotlib.patches import Circle

    plain_axes(axes)
    n = block.shape[0]
    values = _eigenvalues(block)
    radius = float(np.sqrt((block.data**2).sum() / n))
    reach = 1.12 * max(1.0, radius, float(np.abs(values).max(initial=0.0)))
    axes.axhline(0, color=FAINT, linewidth=0.3, zorder=0)
    axes.axvline(0, color=FAINT, linewidth=0.3, zorder=0)
    line: dict[str, Any] = {"fill": False, "edgecolor": INK, "linewidth": 0.7, "zorder": 1}
    axes.add_patch(Circle((0, 0), 1.0, gid="unit circle", **line))
    axes.add_patch(Circle((0, 0), radius, linestyle=(0, (3, 2)), gid="random", **line))
    size = 1.4 if small else 2.0 if len(values) > 60 else 2.4
    axes.plot(
        values.real, values.imag, "o", color=KIND_COLORS["within"], markersize=size, markeredgewidth=0,
        alpha=0.8, zorder=2, gid="eigenvalues",
    )  # fmt: skip
    axes.set_aspect("equal")
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.locator_params(nbins=3 if small else 5)
    axes.tick_params(labelsize=NAME - 1.5 if small else NAME)
    text = f"|λ| ≤ {np.abs(values).max(initial=0.0):.3g}"
    if len(values) < n:
        text += f"; {len(values)} of {n:,}" if small else f"; {len(values)} leading ones of {n:,}"
    axes.text(
        1.0, 1.01, text, transform=axes.transAxes, size=NAME - 2 if small else NAME, color="#555555",
        ha="right", va="bottom",
    )  # fmt: skip


def _eigenvalues(block: Any) -> NDArray[np.complex128]:
    """All eigenvalues of a small matrix; of a large one the leading ones that the iteration finds.

    The eigenvalues of a directed graph are those of its strongly connected components together; neurons on no
    cycle (eigenvalue 0 without a self-connection) would keep the iteration from an end.
    """
    n = block.shape[0]
    if n <= _DENSE_UP_TO:
        return np.linalg.eigvals(block.toarray()).astype(np.complex128)
    from scipy.sparse.csgraph import connected_components
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    number, label = connected_components(block, directed=True, connection="strong")
    size = np.bincount(label, minlength=number)
    found = [block.diagonal()[size[label] == 1].astype(np.complex128)]
    for component in np.flatnonzero(size > 1).tolist():
        inside = np.flatnonzero(label == component)
        part = block[inside][:, inside]
        if inside.size <= _DENSE_UP_TO:
            found.append(np.linalg.eigvals(part.toarray()).astype(np.complex128))
            continue
        start = np.random.default_rng(0).standard_normal(inside.size)  # fixed: two calls give the same bits
        try:
            leading = eigs(
                part, k=_LEADING, ncv=_SUBSPACE, v0=start, maxiter=_RESTARTS, tol=_TOLERANCE,
                return_eigenvectors=False,
            )  # fmt: skip
        except ArpackNoConvergence as error:
            leading = error.eigenvalues
        found.append(np.asarray(leading, np.complex128))
    values = np.concatenate(found)
    return values[np.argsort(-np.abs(values), kind="stable")][:_LEADING]
