"""What the pictures share: colours of the kinds, type, a place to draw in, a legend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn.connectome import Connectome, kind_between

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = [
    "COLUMN",
    "FAINT",
    "INK",
    "KIND_COLORS",
    "KIND_HATCHES",
    "KIND_MARKERS",
    "NAME",
    "PAGE",
    "ROW",
    "TEXT",
    "Entry",
    "canvas",
    "check_ax",
    "check_connectome",
    "check_weights",
    "kinds_of",
    "legend",
    "legend_rows",
    "number_text",
    "panel",
    "plain_axes",
    "signed_colors",
    "single",
    "swatch",
    "text_width",
]

# Apart in lightness too (within 29, backward 47, forward 70 of 100), so that they survive grey printing
# and every common colour blindness.
KIND_COLORS = {
    "forward": "#55C27A",
    "backward": "#D1352B",
    "lateral": "#B07CC6",
    "within": "#23408F",
    "unclassified": "#8C8C8C",
    "input": "#E8A317",
    "readout": "#4A2C17",
}
# What tells the kinds apart where colour does not.
KIND_HATCHES = {
    "forward": "///",
    "backward": "\\" * 3,
    "lateral": "..",
    "within": "",
    "unclassified": "xx",
    "input": "--",
    "readout": "++",
}
KIND_MARKERS = {
    "forward": "^",
    "backward": "v",
    "lateral": "D",
    "within": "o",
    "unclassified": "s",
    "input": ">",
    "readout": "P",
}
INK = "#222222"
FAINT = "#9A9A9A"
COLUMN = 241.0  # points: 85 mm
PAGE = 510.0  # points: 180 mm
TEXT = 7.0  # size of type, points
NAME = 6.5  # largest size of a node's name
ROW = 10.0  # height of a row of a legend, points
_DPI = 300.0
_SPACE = 9.0  # points between entries of a legend


def check_connectome(call: str, net: Any) -> Connectome:
    """A Connectome, or an error that says how to get one."""
    if isinstance(net, Connectome):
        if not net.n_neurons:
            raise ValueError(
                f"`{call}` needs at least one neuron; this network has none. Add an area to its graph."
            )
        return net
    hint = (
        "Compile it first: graph.compile(seed=0)."
        if hasattr(net, "compile")
        else "Make one with graph.compile."
    )
    raise TypeError(f"`{call}` needs a Connectome; it got {type(net).__name__}. {hint}")


def check_weights(call: str, net: Connectome, *which: str) -> None:
    """At least one synapse whose weight is known, in these matrices or else in any."""
    weights = (net.synapses(one).weight for one in which or ("input", "hidden", "readout"))
    if not any(w is not None and np.isfinite(w).any() for w in weights):
        raise ValueError(
            f"`{call}` needs weights; this network has none. A trained network's are in rnn.to_connectome()."
        )


def check_ax(call: str, ax: Any) -> None:
    """An axes or None."""
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(
            f"`{call}` needs a matplotlib Axes for `ax`; it got {type(ax).__name__}. "
            "Leave it out for a new figure."
        )


def canvas(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes, float, float]:
    """An empty axes whose data coordinates are points, with its width and height.

    A new figure has the size asked for; an axes that was given keeps its own.
    """
    from matplotlib.figure import Figure

    if ax is None:
        figure = Figure(figsize=(width / 72, height / 72), dpi=_DPI)
        ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    else:
        figure = ax.figure.figure
        width, height = (max(float(size) * 72 / figure.dpi, 36.0) for size in (ax.bbox.width, ax.bbox.height))
    ax.set_axis_off()
    ax.set_xlim(0, width)
    ax.set_ylim(0, height)
    return figure, ax, width, height


def panel(host: Axes, x: float, y: float, width: float, height: float) -> Axes:
    """An axes inside a canvas; its lower left corner and its size in points."""
    return host.inset_axes((x, y, width, height), transform=host.transData)


def plain_axes(ax: Axes) -> None:
    """Thin axes on two sides with small type."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set(linewidth=0.6, color=INK)
    ax.tick_params(labelsize=NAME, width=0.6, length=2.5, pad=2, color=INK, labelcolor=INK)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set(size=TEXT, color=INK)


def single(ax: Axes | None, height: float = 170.0) -> tuple[Figure, Axes]:
    """An axes of one plot: the one given, or one in a new figure of a column's width."""
    if ax is None:
        figure, host, width, height = canvas(None, COLUMN, height)
        ax = panel(host, 38, 28, width - 46, height - 36)
    else:
        figure = ax.figure.figure
    plain_axes(ax)
    return figure, ax


def kinds_of(net: Connectome) -> dict[tuple[str, str], str]:
    """The kind of each pair of nodes with synapses or a projection, by (pre, post) names."""
    given = {(p.pre, p.post): p.kind for p in net.projections}
    found = dict(given)
    for which in ("input", "hidden", "readout"):
        counts = net.counts(which)
        posts, pres = net.ends(which)
        for i, j in zip(*counts.nonzero(), strict=True):
            pair = pres[j].name, posts[i].name
            if pair not in given:
                found[pair] = kind_between(pres[j], posts[i])
    return found


def swatch(kind: str) -> Callable[[Axes, float, float], None]:
    """A square of a kind's colour and hatch, for a legend."""
    from matplotlib.patches import Rectangle

    def draw(host: Axes, x: float, y: float) -> None:
        look: dict[str, Any] = {"facecolor": KIND_COLORS[kind], "hatch": 2 * KIND_HATCHES[kind]}
        host.add_patch(Rectangle((x, y - 2.5), 7, 7, edgecolor="white", linewidth=0, **look))

    return draw


def number_text(value: float, digits: int = 3) -> str:
    """A number in a picture: three digits, thousands set apart, a true minus; k and M where it is long."""
    if abs(value) >= 999_500:
        return f"{value / 1e6:.{digits}g}M".replace("-", "−")
    if abs(value) >= 99_999.5:
        return f"{value / 1e3:.0f}k".replace("-", "−")
    return (f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.{digits}g}").replace("-", "−")


def text_width(text: str, size: float) -> float:
    """Width of a line of text in points, with what hinting adds to it at screen resolution."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    width, _, _ = TextToPath().get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return (1.04 + 0.1 * max(NAME / size - 1.0, 0.0)) * float(width)  # hinting widens small type more


Entry = tuple[Callable[["Axes", float, float], None], str]


def legend_rows(
    entries: Sequence[Entry], width: float, handle: float = 7.0
) -> list[list[tuple[Entry, float]]]:
    """Entries with their widths in points, in as many rows as the width asks for."""
    rows: list[list[tuple[Entry, float]]] = []
    used = math.inf
    for entry in entries:
        needed = handle + 3 + text_width(entry[1], NAME) + _SPACE
        if used + needed - _SPACE > width:
            rows.append([])
            used = 0.0
        rows[-1].append((entry, needed))
        used += needed
    per_row = math.ceil(len(entries) / max(len(rows), 1))
    filled = [member for row in rows for member in row]
    return [filled[i : i + per_row] for i in range(0, len(filled), max(per_row, 1))]


def legend(
    host: Axes, rows: list[list[tuple[Entry, float]]], x: float, y: float, handle: float = 7.0
) -> None:
    """Handles with their labels, each row centred on `x`, the first row's top at `y`, on a canvas."""
    for i, row in enumerate(rows):
        left = x - (sum(needed for _, needed in row) - _SPACE) / 2
        middle = y - (i + 0.5) * ROW
        for (draw, label), needed in row:
            draw(host, left, middle)
            host.text(left + handle + 3, middle, label, size=NAME, color=INK, va="center_baseline")
            left += needed


def signed_colors(negative: bool = True, positive: bool = True) -> Colormap:
    """From blue (negative) to red, or the half of one sign, which begins or ends with the colour of 0.

    That is a grey so dark that a weak synapse, one pixel on white, is seen.
    """
    from matplotlib.colors import LinearSegmentedColormap

    colors = ["#1F3FA8", "#5A7BD0", "#A6A6A6", "#D8604A", "#A50021"]
    return LinearSegmentedColormap.from_list("signed", colors[0 if negative else 2 : 5 if positive else 3])
