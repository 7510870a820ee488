"""What the pictures share: colours of the kinds, type, a place to draw in, a legend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from graphrnn.connectome import Connectome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLUMN",
    "FAINT",
    "INK",
    "KIND_COLORS",
    "NAME",
    "PAGE",
    "ROW",
    "TEXT",
    "Entry",
    "canvas",
    "check_ax",
    "check_connectome",
    "legend",
    "legend_rows",
    "panel",
    "plain_axes",
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
        return net
    hint = (
        "Compile it first: graph.compile(seed=0)."
        if hasattr(net, "compile")
        else "Make one with graph.compile."
    )
    raise TypeError(f"`{call}` needs a Connectome; it got {type(net).__name__}. {hint}")


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


def text_width(text: str, size: float) -> float:
    """Width of a line of text in points, with what hinting adds to it at screen resolution."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    width, _, _ = TextToPath().get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return 1.04 * float(width)


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
