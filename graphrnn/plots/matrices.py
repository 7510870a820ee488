"""Masks as matrices (post, pre), coloured by kind."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn.connectome import KINDS, Connectome, Node
from graphrnn.plots import bins
from graphrnn.plots.names import LINE, Names, name_size, shortened
from graphrnn.plots.style import (
    COLUMN,
    FAINT,
    INK,
    KIND_COLORS,
    NAME,
    PAGE,
    ROW,
    TEXT,
    canvas,
    check_ax,
    check_connectome,
    legend,
    legend_rows,
    panel,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_matrix", "masks"]

_WHICH = ("input", "hidden", "readout")
_GAP = 6.0  # points between panels
_THIN = 0.06  # the least width of a panel, relative to the hidden one


@dataclass(frozen=True)
class _Plan:
    """Where the panels of `masks` go, in points: room for names and legend first, hidden gets the rest."""

    side: float
    share: dict[str, float]
    left: float
    right: float
    top: float
    names: dict[str, Names]
    foot: float

    @property
    def input(self) -> float:
        return self.side * self.share["input"]

    @property
    def readout(self) -> float:
        return self.side * self.share["readout"]

    @property
    def x(self) -> float:
        return self.left + self.input + (_GAP if self.input else 0.0)

    @property
    def bottom(self) -> float:
        return self.foot + self.names["bottom"].depth + 12

    @property
    def y(self) -> float:
        return self.bottom + self.readout + (_GAP if self.readout else 0.0)

    @property
    def width(self) -> float:
        return self.x + self.side + self.right

    @property
    def height(self) -> float:
        return self.y + self.side + self.top


def masks(net: Connectome, *, ax: Axes | None = None) -> Figure:
    """The input, hidden and readout masks: rows are post, columns pre, and the colour is the kind.

    The panels share their axes: input stands left of hidden, with the same rows, and readout below it, with
    the same columns. Up to 600 neurons a synapse is a square of its own. Beyond, a pixel stands for several
    pairs of neurons: its hue is the mean colour of its synapses and its opacity grows with its density.

    Args:
        net: the network.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> graph.add_area("V2", 20)
        >>> graph.project("V1", "V2", 0.2)
        >>> figure = gr.plots.masks(graph.compile(seed=0))
        >>> figure.savefig("masks.png")
    """
    call = "plots.masks(net)"
    check_connectome(call, net)
    check_ax(call, ax)
    kinds = {(p.pre, p.post): p.kind for p in net.projections}
    palette = _palette()
    found = np.zeros(len(KINDS))
    images = {}
    for which in _WHICH:
        synapses = net.synapses(which)
        if 0 not in synapses.shape:
            counts = bins.kind_counts(synapses, *net.ends(which), kinds)
            found += counts.sum(axis=(0, 1))
            images[which] = bins.mix_colors(counts, bins.pairs_per_pixel(synapses.shape), palette)
    binned = max(bins.steps(net.hidden.shape)) > 1
    entries = [(_swatch(color), kind) for kind, color in KIND_COLORS.items() if found[KINDS.index(kind)]]
    wide = PAGE if len(net.areas) > 12 else COLUMN
    rows = legend_rows(entries, wide - 8)
    plan = _plan(net, wide, math.inf, ROW * (len(rows) + binned) + 4)
    figure, host, width, height = canvas(ax, plan.width, plan.height)
    if ax is not None:
        rows = legend_rows(entries, width - 8)
        plan = _plan(net, width, height, ROW * (len(rows) + binned) + 4)
    places = {
        "input": (plan.left, plan.y, plan.input, plan.side),
        "hidden": (plan.x, plan.y, plan.side, plan.side),
        "readout": (plan.x, plan.bottom, plan.side, plan.readout),
    }
    panels = {}
    for which, (image, _) in images.items():
        axes = panels[which] = panel(host, *places[which])
        axes.set_label(which)
        draw_matrix(axes, image, net.synapses(which).shape, *net.ends(which))
    _label(host, net, plan, panels)
    legend(host, rows, width / 2, plan.foot)
    if binned:
        step = bins.steps(net.hidden.shape)[0]
        note = f"hidden: a pixel is {step} × {step} pairs, full colour from density {images['hidden'][1]:.2g}"
        host.text(width / 2, ROW / 2 + 3, note, size=NAME - 0.5, color=INK, ha="center", va="center_baseline")
    return figure


def _palette() -> Any:
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(KIND_COLORS[kind]) for kind in KINDS])


def _swatch(color: str) -> Callable[[Axes, float, float], None]:
    from matplotlib.patches import Rectangle

    def draw(host: Axes, x: float, y: float) -> None:
        host.add_patch(Rectangle((x, y - 2.5), 7, 7, color=color, lw=0))

    return draw


def _plan(net: Connectome, width: float, height: float, foot: float) -> _Plan:
    nearly = 0.65 * width
    size = name_size(len(net.areas), nearly)
    share = {}
    for which, nodes in (("input", net.inputs), ("readout", net.readouts)):
        legible = max(_THIN, len(nodes) * NAME * LINE / nearly)
        channels = nodes[-1].stop if nodes else 0
        share[which] = float(np.clip(channels / net.n_neurons, min(legible, 0.5), 0.5)) if nodes else 0.0
    areas, inputs, readouts = (_short(nodes, size, width) for nodes in (net.areas, net.inputs, net.readouts))
    names = {"left": Names(areas, "left", nearly, size)}
    left = max(names["left"].depth + 12, text_width("readout", TEXT) - 8 if net.readouts else 0.0)
    for side, role, nodes in (("top", "input", inputs), ("right", "readout", readouts)):
        if [node.name for node in nodes] not in ([], [role]):
            names[side] = Names(nodes, side, nearly * share[role], NAME, left)
    depth = {side: these.depth for side, these in names.items()}
    right = depth.get("right", 0.0) + 4
    top = depth.get("top", 0.0) + 13
    gap = {role: _GAP if share[role] else 0.0 for role in share}
    across = (width - left - right - gap["input"]) / (1 + share["input"])
    below = Names(areas, "bottom", across, size).depth + 12
    down = (height - top - below - foot - gap["readout"]) / (1 + share["readout"])
    long = max(min(across, down), 20.0)
    final = {
        "left": Names(areas, "left", long, size),
        "bottom": Names(areas, "bottom", long, size),
    }
    if "top" in names:
        final["top"] = Names(inputs, "top", long * share["input"], NAME, left)
    if "right" in names:
        final["right"] = Names(readouts, "right", long * share["readout"], NAME)
    return _Plan(long, share, left, right, top, final, foot)


def _short(nodes: Sequence[Node], size: float, width: float) -> tuple[Node, ...]:
    """The nodes with names of at most a quarter of the picture's width."""
    names = shortened([node.name for node in nodes], size, 0.25 * width)
    return tuple(dataclasses.replace(node, name=name) for node, name in zip(nodes, names, strict=True))


def draw_matrix(
    axes: Axes,
    image: Any,
    shape: tuple[int, int],
    posts: Sequence[Node],
    pres: Sequence[Node],
    **options: Any,
) -> Axes:
    """An image of a matrix in its neurons' coordinates, with lines between areas."""
    step = bins.steps(shape)
    axes.imshow(
        image,
        extent=(0, image.shape[1] * step[1], image.shape[0] * step[0], 0),
        aspect="auto",
        interpolation="nearest" if max(step) == 1 else "antialiased",
        **options,
    )
    axes.set_xlim(0, shape[1])
    axes.set_ylim(shape[0], 0)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(linewidth=0.6, color=INK)
    line: dict[str, Any] = {"colors": FAINT, "linewidth": 0.5 if max(len(posts), len(pres)) <= 12 else 0.25}
    axes.hlines([node.start for node in posts[1:]], 0, shape[1], **line)
    axes.vlines([node.start for node in pres[1:]], 0, shape[0], **line)
    return axes


def _label(host: Axes, net: Connectome, plan: _Plan, panels: dict[str, Axes]) -> None:
    """Names along the outer panels, and which matrix and which axis is which."""
    last = {"left": "input", "bottom": "readout", "top": "input", "right": "readout"}
    for side, names in plan.names.items():
        names.draw(panels.get(last[side], panels["hidden"]))
    words: dict[str, Any] = {"size": TEXT, "color": INK}
    middle, roof = plan.x + plan.side / 2, plan.y + plan.side
    host.text(
        plan.left - plan.names["left"].depth - 3,
        plan.y + plan.side / 2,
        "post",
        rotation=90,
        ha="right",
        va="center",
        **words,
    )
    host.text(middle, plan.foot + 9, "pre", ha="center", va="top", **words)
    host.text(middle, roof + 4, f"hidden ({net.n_neurons:,} × {net.n_neurons:,})", ha="center", **words)
    if "input" in panels:
        above = plan.names["top"].depth if "top" in plan.names else 0.0
        host.text(plan.left + plan.input, roof + above + 4, "input", ha="right", **words)
    if "readout" in panels:
        host.text(
            plan.x - 4, plan.bottom + plan.readout / 2, "readout", ha="right", va="center_baseline", **words
        )
