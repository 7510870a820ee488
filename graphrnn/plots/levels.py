"""Where each area stands in the hierarchy, and what kinds of synapses it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn.connectome import Connectome
from graphrnn.plots.names import shortened
from graphrnn.plots.style import (
    COLUMN,
    FAINT,
    INK,
    KIND_COLORS,
    KIND_HATCHES,
    NAME,
    ROW,
    canvas,
    check_ax,
    check_connectome,
    kinds_of,
    legend,
    legend_rows,
    panel,
    plain_axes,
    swatch,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["hierarchy"]

_ORDER = ("input", "forward", "lateral", "within", "backward", "unclassified")  # from below to above
_FOOT = 27.0


def hierarchy(net: Connectome, *, ax: Axes | None = None) -> Figure:
    """The areas from the lowest level, below, to the highest: level, synapses by kind.

    On the left a dot stands at the level that is given, a ring at the level that follows from the wiring: the
    one from which synapses climb by 1 as far as can be, scaled to the range of the given levels. On the right
    is the share of each kind in all synapses onto the area. Areas are sorted by their given levels, or by
    those that follow from the wiring where none are given.

    Args:
        net: the network.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> gr.plots.hierarchy(gr.datasets.celegans()).savefig("hierarchy.png")

    Source:
        MacKay, Johnson and Sansom, R. Soc. Open Sci. 7, 201138 (2020) for levels from wiring.
    """
    call = "plots.hierarchy(net)"
    check_connectome(call, net)
    check_ax(call, ax)
    given = np.array([np.nan if area.level is None else area.level for area in net.areas])
    inferred = _scaled(_levels_from_wiring(net), given)
    key = np.where(np.isnan(given), inferred, given)
    order = np.lexsort((inferred, key))
    shares = _shares(net)[order]
    kinds = [kind for j, kind in enumerate(_ORDER) if shares[:, j].any()]
    entries = [(swatch(kind), kind) for kind in kinds]
    marks = [(_dot("o", True), "level given"), (_dot("o", False), "from wiring")]
    if np.isnan(given).all():
        marks = marks[1:]
    groups = [group for group in (marks, entries) if group]
    n = len(net.areas)
    pitch = float(np.clip(520.0 / n, 7.0, 16.0))
    rows = [row for group in groups for row in legend_rows(group, COLUMN - 8)]
    figure, host, width, height = canvas(ax, COLUMN, pitch * n + ROW * len(rows) + _FOOT + 10)
    if ax is not None:
        rows = [row for group in groups for row in legend_rows(group, width - 8)]
    foot = ROW * len(rows) + _FOOT + 4
    pitch = max(height - foot - 6, 10.0) / n
    size = min(NAME, max(0.8 * pitch, 3.0))
    names = shortened([net.areas[i].name for i in order], size, 0.4 * width)
    left = max(text_width(name, size) for name in names) + 8
    across = max(width - left - 14, 30.0)
    dots = panel(host, left, foot, 0.46 * across, pitch * n)
    bars = panel(host, left + 0.54 * across, foot, 0.46 * across, pitch * n)
    for axes in (dots, bars):
        plain_axes(axes)
        axes.set_ylim(-0.6, n - 0.4)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    dots.set_xlabel("level", labelpad=1)
    bars.set_xlabel("share of synapses", labelpad=1)
    for row, name in enumerate(names):
        dots.annotate(
            name, xy=(0, row), xycoords=("axes fraction", "data"), xytext=(-4, 0), textcoords="offset points",
            ha="right", va="center_baseline", size=size, color=INK, parse_math=False, annotation_clip=False,
        )  # fmt: skip
    y = np.arange(n)
    dots.hlines(y, *_span(given, inferred), color=FAINT, linewidth=0.25, zorder=0)
    dots.set_xlim(*_span(given, inferred))
    dots.plot(inferred[order], y, "o", gid="inferred", **_look(False))
    dots.plot(given[order], y, "o", gid="given", **_look(True))
    dots.locator_params(axis="x", nbins=4)
    start = np.zeros(n)
    for j, kind in enumerate(_ORDER):
        if kind in kinds:
            bars.barh(
                y, shares[:, j], 0.8, start, color=KIND_COLORS[kind], edgecolor="white", linewidth=0,
                hatch=KIND_HATCHES[kind] if pitch > 9 else None, label=kind,
            )  # fmt: skip
            start += shares[:, j]
    bars.set_xlim(0, 1)
    bars.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    legend(host, rows, width / 2, foot - _FOOT)
    return figure


def _levels_from_wiring(net: Connectome) -> NDArray[np.float64]:
    """(area,) levels h that make Σ w_ij (h_i - h_j - 1)² least, w_ij the synapses from area j to area i.

    Each part of the network that hangs together starts at 0.
    """
    from scipy.sparse.csgraph import connected_components

    amounts = net.counts().astype(np.float64)
    np.fill_diagonal(amounts, 0.0)
    into, out = amounts.sum(axis=1), amounts.sum(axis=0)
    laplacian = np.diag(into + out) - amounts - amounts.T
    level = np.linalg.lstsq(laplacian, into - out, rcond=1e-12)[0]
    label = connected_components(amounts, directed=False)[1]
    lowest = np.array([level[label == part].min() for part in np.unique(label)])
    return np.asarray(level - lowest[label])


def _span(given: Any, inferred: Any) -> tuple[float, float]:
    both = np.concatenate([given[~np.isnan(given)], inferred[~np.isnan(inferred)], [0.0]])
    slack = 0.08 * max(float(np.ptp(both)), 1.0)
    return float(both.min()) - slack, float(both.max()) + slack


def _scaled(inferred: Any, given: Any) -> NDArray[np.float64]:
    """Inferred levels on the scale of the given ones: a straight line fitted through both."""
    known = ~np.isnan(given) & ~np.isnan(inferred)
    if known.sum() < 2 or not np.ptp(given[known]) or not np.ptp(inferred[known]):
        return np.asarray(inferred)
    scale = np.ptp(given[known]) / np.ptp(inferred[known])
    return np.asarray((inferred - inferred[known].min()) * scale + given[known].min())


def _shares(net: Connectome) -> NDArray[np.float64]:
    """(area, kind) the fraction of the synapses onto each area that is of each kind."""
    table = np.zeros((len(net.areas), len(_ORDER)))
    kinds = kinds_of(net)
    for which in ("input", "hidden"):
        posts, pres = net.ends(which)
        counts = net.counts(which)
        for i, j in np.argwhere(counts).tolist():
            table[i, _ORDER.index(kinds[pres[j].name, posts[i].name])] += counts[i, j]
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)


def _look(filled: bool) -> dict[str, Any]:
    color = INK if filled else "#777777"
    return {
        "markersize": 3.4 if filled else 4.6,
        "markerfacecolor": color if filled else "none",
        "markeredgecolor": color,
        "markeredgewidth": 0.0 if filled else 0.8,
    }


def _dot(marker: str, filled: bool) -> Any:
    def draw(host: Axes, x: float, y: float) -> None:
        host.plot([x + 3.5], [y + 1], marker, **_look(filled))

    return draw
