"""Weights of layers as matrices (post, pre), each beside its histogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn.connectome import Connectome, Node
from graphrnn.plots import bins
from graphrnn.plots.matrices import draw_matrix
from graphrnn.plots.names import LINE, Names, name_size
from graphrnn.plots.style import (
    COLUMN,
    INK,
    NAME,
    PAGE,
    TEXT,
    canvas,
    check_ax,
    check_connectome,
    panel,
    plain_axes,
    signed_colors,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["layers"]

_CALL = "plots.layers(layers)"
_HEAD = 22.0  # points above a row
_FOOT = 24.0  # points below a histogram
_LEAST = 4.5  # points that a name needs along its axis


def layers(
    layers: Sequence[tuple[str, Any]], *, net: Connectome | None = None, ax: Axes | None = None
) -> Figure:
    """Weights as matrices, rows post and columns pre, each beside the histogram of its synapses.

    Blue is negative, red positive, grey near 0, white no synapse. The bars of the histogram have the colours
    of their weights and so are the colour scale, which ends at the 99th percentile of |weight|. Beyond 600
    neurons a pixel shows the mean weight of the synapses under it.

    Args:
        layers: (title, matrix) pairs; each matrix is scipy sparse or numpy, (post, pre). Every stored
            entry of a sparse matrix is a synapse, every entry that is not 0 of a dense one.
        net: draws borders of areas, and names where they fit, in the layers titled "input", "hidden" and
            "readout".
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: where `layers` is not such a list.
        ValueError: for a layer whose weights are not finite or whose shape is not the network's.

    Example:
        >>> import graphrnn as gr
        >>> import numpy as np
        >>> weight = np.random.default_rng(0).normal(size=(20, 20))
        >>> figure = gr.plots.layers([("hidden", weight)])
        >>> figure.savefig("layers.png")
    """
    check_ax(_CALL, ax)
    if net is not None:
        check_connectome("plots.layers(layers, net=net)", net)
    drawn = [(title, matrix, _ends(net, title, matrix)) for title, matrix in _checked(layers)]
    most = max((len(nodes) for *_, ends in drawn for nodes in ends), default=0)
    width = PAGE if most > 12 else COLUMN
    if ax is not None:
        figure, host, width, height = canvas(ax, 0.0, 0.0)
    rows = [_Row(*layer, _square(width)) for layer in drawn]
    if ax is not None:
        fixed = sum(row.height - row.bars for row in rows)
        zoom = max(0.1, min(1.0, (height - fixed) / sum(row.bars for row in rows)))
        rows = [_Row(*layer, zoom * _square(width)) for layer in drawn]
    else:
        figure, host, width, height = canvas(None, width, sum(row.height for row in rows))
    left = max(row.left for row in rows)
    bars = left + max(row.across for row in rows) + 38
    for row in rows:
        row.draw(host, left, height, bars, max(width - bars - 7, 20.0))
        height -= row.height
    return figure


def _square(width: float) -> float:
    """The longest side of a matrix, where a picture has that width."""
    return 0.42 * (width - 30) if width < PAGE else 0.34 * width


def _checked(layers: Any) -> list[tuple[str, Any]]:
    from scipy.sparse import coo_array, issparse

    wanted = f"`{_CALL}` needs a list of (title, matrix) pairs"
    if not isinstance(layers, list | tuple):
        raise TypeError(f"{wanted}; it got {type(layers).__name__}.")
    if not layers:
        raise ValueError(f"{wanted}; the list is empty.")
    checked = []
    for layer in layers:
        if not (isinstance(layer, list | tuple) and len(layer) == 2 and isinstance(layer[0], str)):
            raise TypeError(f"{wanted}; one of its entries is a {type(layer).__name__}.")
        title, matrix = layer
        if not issparse(matrix):
            matrix = np.asarray(matrix)
        if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
            raise TypeError(
                f"{wanted}, each matrix scipy sparse or numpy in two dimensions; {title!r} is {matrix.dtype} "
                f"of shape {matrix.shape}."
            )
        coo = coo_array(matrix.astype(np.float32) if matrix.dtype.kind == "b" else matrix)
        if not np.isfinite(coo.data).all():
            raise ValueError(f"`{_CALL}` needs finite weights; {title!r} has NaN or infinite ones.")
        checked.append((title, coo))
    return checked


def _ends(net: Connectome | None, title: str, matrix: Any) -> tuple[Sequence[Node], Sequence[Node]]:
    """The nodes along the axes of a layer that is one of the network's."""
    if net is None or title not in ("input", "hidden", "readout"):
        return (), ()
    wanted = net.synapses(title).shape
    if matrix.shape != wanted:
        raise ValueError(
            f"`plots.layers(layers, net=net)` needs the {title} matrix of shape {wanted}, (post, pre); "
            f"it has shape {matrix.shape}."
        )
    return net.ends(title)


class _Row:
    """One layer: its matrix, and its histogram to the right; sizes are in points."""

    def __init__(
        self, title: str, matrix: Any, ends: tuple[Sequence[Node], Sequence[Node]], square: float
    ) -> None:
        self.title, self.matrix, self.ends = title, matrix, ends
        self.down, self.across = (
            float(
                min(
                    max(size / max(*matrix.shape, 1) * square, 0.08 * square, len(nodes) * NAME * LINE),
                    square,
                )
            )
            for size, nodes in zip(matrix.shape, ends, strict=True)
        )
        self.names = [
            Names(nodes, side, length, name_size(len(nodes), length))
            for nodes, side, length in zip(ends, ("left", "bottom"), (self.down, self.across), strict=True)
            if nodes and length / len(nodes) > _LEAST
        ]
        self.depth = {"left": 1.0, "bottom": 1.0} | {names.side: names.depth for names in self.names}
        self.left = self.depth["left"] + 13
        self.bars = max(self.down, 0.45 * square)
        self.height = _HEAD + max(self.down + self.depth["bottom"] + 13, self.bars + _FOOT) + 4

    def draw(self, host: Axes, left: float, top: float, bars: float, width: float) -> None:
        """Draw the matrix from `left` on, the histogram from `bars` on, below `top`."""
        words: dict[str, Any] = {"size": TEXT, "color": INK}
        y = top - _HEAD - self.down
        shape = " × ".join(f"{n:,}" for n in self.matrix.shape)
        host.text(left, top - _HEAD + 4, f"{self.title} ({shape})", parse_math=False, **words)
        axes = panel(host, left, y, self.across, self.down)
        axes.set_label(self.title)
        limit = 1.0
        if 0 in self.matrix.shape:
            axes.set_axis_off()
        else:
            values = bins.weight_means(self.matrix)
            limit = _limit(values)
            image = np.ma.masked_invalid(values)
            draw_matrix(
                axes, image, self.matrix.shape, *self.ends, cmap=signed_colors(), vmin=-limit, vmax=limit
            )
            for names in self.names:
                names.draw(axes)
            at = left - self.depth["left"] - 3
            host.text(at, y + self.down / 2, "post", rotation=90, ha="right", va="center", **words)
            below = y - self.depth["bottom"] - 3
            host.text(left + self.across / 2, below, "pre", ha="center", va="top", **words)
        _histogram(panel(host, bars, top - _HEAD - self.bars, width, self.bars), self.matrix.data, limit)


def _limit(values: Any) -> float:
    """The weight at which the colour scale ends."""
    shown = np.abs(values[np.isfinite(values)])
    return float(np.quantile(shown, 0.99)) or 1.0 if shown.size else 1.0


def _histogram(axes: Axes, weights: Any, limit: float) -> None:

    plain_axes(axes)
    axes.set_xlabel("weight", labelpad=1)
    axes.set_ylabel("synapses", labelpad=1)
    words: dict[str, Any] = {"size": NAME - 0.5, "color": INK, "transform": axes.transAxes, "ha": "right"}
    n = len(weights)
    if n == 0:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(1.0, 1.03, "no synapses", va="bottom", **words)
        return
    counts, edges = np.histogram(weights, bins=int(np.clip(2 * math.sqrt(n), 10, 40)))
    middle = (edges[1:] + edges[:-1]) / 2
    colors = signed_colors()(np.clip(middle / limit / 2 + 0.5, 0.0, 1.0))
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=colors, linewidth=0)
    axes.axvline(0, color=INK, linewidth=0.4)
    axes.locator_params(axis="x", nbins=3)
    axes.locator_params(axis="y", nbins=4, integer=True)
    text = f"{n:,} synapse{'' if n == 1 else 's'}\nmean {weights.mean():.2g}, sd {weights.std():.2g}".replace(
        "-", "−"
    )
    axes.text(1.0, 1.03, text, va="bottom", linespacing=1.15, **words)
