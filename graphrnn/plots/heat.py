"""Matrices (post, pre) in shades: the weights of every synapse, and quantities between areas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn import _checks, statistics
from graphrnn.connectome import Connectome, Node
from graphrnn.plots import bins
from graphrnn.plots.matrices import draw_matrix
from graphrnn.plots.names import Names, name_size, shortened
from graphrnn.plots.style import (
    COLUMN,
    INK,
    NAME,
    PAGE,
    TEXT,
    canvas,
    check_ax,
    check_connectome,
    check_weights,
    number_text,
    panel,
    signed_colors,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["area_matrix", "weights"]

_RISING = "viridis"
_BAR = 40.0  # points for the colour bar and its numbers
_HEAD = 14.0  # points for what the shades mean
_WRITTEN = 10  # areas up to which each entry is written
_LABELS = {
    "count": "synapses",
    "excitatory": "excitatory synapses",
    "inhibitory": "inhibitory synapses",
    "possible": "possible synapses",
    "probability": "connection probability",
    "in_degree": "in-degree (synapses per target neuron)",
    "out_degree": "out-degree (synapses per source neuron)",
    "input_fraction": "fraction of extrinsic input",
    "fln": "FLN",
    "reciprocity_chance": "reciprocity by chance",
    "reciprocity_ratio": "reciprocity / chance",
    "path": "projections on the shortest path",
    "weight": "summed weight",
    "mean_weight": "mean weight",
    "mean_strength": "mean |weight|",
    "weight_fraction": "fraction of extrinsic |weight|",
    "mean_delay": "mean delay (ms)",
}


def weights(net: Connectome, *, ax: Axes | None = None) -> Figure:
    """The hidden weights as a matrix with borders of areas: rows post, columns pre.

    Blue is negative, red positive, grey near 0, white no synapse. The colours end at the 99th percentile of
    |weight|; where weights are beyond, their bar ends in a point, and where all have one sign, it begins or
    ends at 0. Beyond 600 neurons a pixel shows the mean weight of the synapses under it.

    Args:
        net: a network with weights, such as `rnn.to_connectome()`.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for a network without weights between neurons.

    Example:
        >>> import graphrnn as gr
        >>> rnn = gr.CTRNN(gr.datasets.celegans())
        >>> gr.plots.weights(rnn.to_connectome()).savefig("weights.png")
    """
    call = "plots.weights(net)"
    check_connectome(call, net)
    check_ax(call, ax)
    check_weights(call, net, "hidden")
    values = bins.synapse_means(net.hidden)
    shown = values[np.isfinite(values)]
    size = np.abs(shown)
    limit = (float(np.quantile(size, 0.99)) or float(size.max()) or 1.0) if size.size else 1.0
    step = bins.steps(net.hidden.shape)[0]
    label = "weight" if step == 1 else f"mean weight of {step} × {step} pairs"
    return _draw(ax, net.areas, np.ma.masked_invalid(values), label, _signed(shown, limit))


def area_matrix(
    net: Connectome, quantity: str = "count", *, log: bool | None = None, ax: Axes | None = None
) -> Figure:
    """One quantity between each pair of areas, such as connection probability: rows post, columns pre.

    White stands where there is no synapse, or where the quantity does not exist. Up to 10 areas the
    number stands in each entry.

    Args:
        net: the network.
        quantity: one that `statistics.area_matrix` knows: "count", "probability", "in_degree", "mean_weight",
            "fln", …
        log: shades by the logarithm; None for a logarithm where the entries span more than a factor of 100
            and none is negative.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for an unknown quantity, one of weights where there are none, or a logarithm of
            negative entries.

    Example:
        >>> import graphrnn as gr
        >>> net = gr.datasets.celegans()
        >>> gr.plots.area_matrix(net, "probability", log=True).savefig("probability.png")
    """
    from matplotlib.colors import LogNorm

    call = "plots.area_matrix(net, ...)"
    check_connectome("plots.area_matrix(net)", net)
    check_ax("plots.area_matrix(net)", ax)
    if log is not None:
        _checks.boolean(call, "log", log)
    table = statistics.area_matrix(net, quantity).to_numpy(np.float64)
    table = np.where((net.counts() == 0) & (quantity not in ("possible", "path")), np.nan, table)
    known = table[np.isfinite(table)]
    if log and (known < 0).any():
        raise ValueError(f"`{call}` cannot take the logarithm of {quantity!r}; some entries are negative.")
    above = known[known > 0]
    if log is None:
        log = bool(above.size) and not (known < 0).any() and above.max() > 100 * above.min()
    options: dict[str, Any]
    if log and above.size:
        table = np.where(table > 0, table, np.nan)
        high = above.max() if above.max() > above.min() else 1.01 * above.max()
        options = {"cmap": _RISING, "norm": LogNorm(above.min(), high)}
    elif (known < 0).any():
        options = _signed(known, float(np.abs(known).max()))
    else:
        options = {"cmap": _RISING, "vmin": 0.0, "vmax": float(known.max(initial=0.0)) or 1.0}
    nodes = [Node(area.name, "area", i, i + 1) for i, area in enumerate(net.areas)]
    label = _LABELS.get(quantity, quantity.replace("_", " "))
    return _draw(ax, nodes, np.ma.masked_invalid(table), label, options, written=len(nodes) <= _WRITTEN)


def _signed(shown: Any, limit: float) -> dict[str, Any]:
    """The shades from -limit to limit, or from 0 on where no number shown has the other sign."""
    negative = bool((shown < 0).any())
    positive = bool((shown > 0).any()) or not negative
    return {
        "cmap": signed_colors(negative, positive),
        "vmin": -limit if negative else 0.0,
        "vmax": limit if positive else 0.0,
    }


def _draw(
    ax: Axes | None, nodes: Any, image: Any, label: str, options: dict[str, Any], written: bool = False
) -> Figure:
    """A square matrix of nodes with their names and a colour bar."""
    wide = PAGE if len(nodes) > 24 else COLUMN
    width, height = wide, np.inf
    if ax is not None:
        figure, host, width, height = canvas(ax, wide, 0.0)
    size = name_size(len(nodes), 0.6 * width)
    names = shortened([node.name for node in nodes], size, 0.28 * width)
    nodes = [Node(name, n.role, n.start, n.stop) for name, n in zip(names, nodes, strict=True)]
    depth = Names(nodes, "left", 0.6 * width, size).depth
    across = width - depth - 13 - _BAR
    below = Names(nodes, "bottom", across, size).depth + 14
    side = max(min(across, height - below - _HEAD), 20.0)
    if ax is None:
        figure, host, width, height = canvas(None, width, below + side + _HEAD)
    left, bottom = depth + 13, height - side - _HEAD
    axes = panel(host, left, bottom, side, side)
    n = nodes[-1].stop
    draw_matrix(axes, image, (n, n), nodes, nodes, **options)
    beside = {where: Names(nodes, where, side, size) for where in ("left", "bottom")}
    for these in beside.values():
        these.draw(axes)
    words: dict[str, Any] = {"size": TEXT, "color": INK}
    middle = bottom + side / 2
    host.text(left - beside["left"].depth - 3, middle, "post", rotation=90, ha="right", va="center", **words)
    host.text(left + side / 2, bottom - beside["bottom"].depth - 3, "pre", ha="center", va="top", **words)
    if written:
        _write(axes, image, side / len(nodes))
    bar = panel(host, left + side + 5, bottom, 5, side)
    drawn = axes.images[0]
    figure.colorbar(drawn, cax=bar, extend=_beyond(image, drawn.norm))
    bar.tick_params(labelsize=NAME - 0.5, width=0.5, length=2, pad=1.5, color=INK, labelcolor=INK)
    bar.minorticks_off()
    host.text(left + side + 10, bottom + side + 4, label, ha="right", **words)
    for outline in bar.spines.values():
        outline.set_linewidth(0.5)
    return figure


def _beyond(image: Any, norm: Any) -> str:
    """At which ends of the colours there are numbers beyond: the bar ends in a point there."""
    shown = image.compressed()
    low, high = (bool((beyond > 0).any()) for beyond in (norm.vmin - shown, shown - norm.vmax))
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((low, high), "neither")


def _write(axes: Axes, image: Any, cell: float) -> None:
    """The number in each entry, dark on light shades and white on dark ones."""
    drawn = axes.images[0]
    texts = {
        at: number_text(float(value)) if np.isfinite(value) else ""
        for at, value in np.ndenumerate(image.filled(np.nan))
    }
    longest = max((text_width(text, 1.0) for text in texts.values()), default=1.0)
    size = min(NAME, 0.9 * cell / max(longest, 0.1))
    if size < 3.5:
        return
    for (i, j), text in texts.items():
        if text:
            red, green, blue, _ = drawn.cmap(drawn.norm(image[i, j]))
            light = 0.3 * red + 0.59 * green + 0.11 * blue > 0.55
            axes.text(
                j + 0.5, i + 0.5, text, size=size, color=INK if light else "white", ha="center", va="center"
            )
