"""Histograms in rows on one axis of values, each row with its name and a word on its right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.plots.names import shortened
from graphrnn.plots.style import (
    COLUMN,
    FAINT,
    INK,
    KIND_COLORS,
    KIND_HATCHES,
    NAME,
    ROW,
    TEXT,
    canvas,
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

__all__ = ["MOST_ROWS", "Ridge", "draw_ridges", "whole_edges"]

MOST_ROWS = 60
_TALLEST = 520.0  # points of all rows together
_FOOT = 27.0
_PLAIN = "#5F6B7A"  # of rows that are of no kind
_NAMES = 0.42  # of the width, at most, for names
_ARROW = " → "


@dataclass(frozen=True)
class Ridge:
    """One row: name, height of each bin, kind (or ""), mean of its values, a word on the right."""

    name: str
    heights: NDArray[Any]
    kind: str
    mean: float
    word: str


def whole_edges(low: int, high: int, log: bool = False, most: int = 60) -> NDArray[np.float64]:
    """Edges of bins for whole numbers from `low` to `high`.

    Each bin holds equally many of them; with `log` each number up to 10 has its own, then bins grow.
    """
    low, high = max(low - 2, 0), high + 2
    if log:
        grown = np.unique(np.geomspace(10, high + 1, most).round())
        return np.concatenate([np.arange(10), grown]) - 0.5
    step = max(-(-(high - low + 1) // most), 1)
    bins = -(-(high - low + 1) // step)
    return np.asarray(low - 0.5 + step * np.arange(bins + 1))


def draw_ridges(
    ax: Axes | None,
    ridges: Sequence[Ridge],
    edges: NDArray[Any],
    *,
    label: str,
    note: str = "",
    zero: bool = False,
    log: bool = False,
    whole: bool = False,
) -> Figure:
    """Rows from the top; each is as tall as its own highest bin, for they compare shapes, not numbers.

    Args:
        ax: an axes to draw in the place of; None for a new figure.
        ridges: the rows.
        edges: (bin + 1,) of the bins that all rows share.
        label: of the axis of values.
        note: a line below all of it.
        zero: draw a line at 0.
        log: the axis grows linearly to 10, by the logarithm from there.
        whole: its ticks are whole numbers.
    """
    found = [kind for kind in KIND_COLORS if any(ridge.kind == kind for ridge in ridges)]
    pitch = float(np.clip(_TALLEST / max(len(ridges), 1), 7.0, 24.0))
    entries = [(swatch(kind), kind) for kind in found]
    rows = legend_rows(entries, COLUMN - 8)
    foot = _FOOT + ROW * (len(rows) + bool(note)) + (4 if rows or note else 0)
    figure, host, width, height = canvas(ax, COLUMN, pitch * (len(ridges) + 0.4) + foot + 4)
    if ax is not None:
        rows = legend_rows(entries, width - 8)
        foot = _FOOT + ROW * (len(rows) + bool(note)) + (4 if rows or note else 0)
    pitch = max(height - foot - 4, 10.0) / (len(ridges) + 0.4)
    size = min(NAME, max(0.8 * pitch, 3.0))
    names = _names(ridges, size, _NAMES * width)
    left = max((text_width(name, size) for name in names), default=0.0) + 6
    right = max((text_width(ridge.word, size) for ridge in ridges), default=0.0) + 6
    axes = panel(host, left, foot, max(width - left - right, 20.0), pitch * (len(ridges) + 0.4))
    plain_axes(axes)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(-len(ridges) + 1.0, 1.4)
    axes.set_xlabel(label, labelpad=1)
    if log:
        axes.set_xscale("symlog", linthresh=10.0)
        axes.set_xticks([0, *10.0 ** np.arange(1, math.ceil(math.log10(edges[-1])))])
        axes.set_xticks([], minor=True)
    else:
        axes.locator_params(axis="x", nbins=5, integer=whole)
    if zero:
        axes.axvline(0, color=INK, linewidth=0.4, zorder=0)
    for i, (ridge, name) in enumerate(zip(ridges, names, strict=True)):
        _draw(axes, ridge, -i, edges, hatched=pitch > 11)
        words: dict[str, Any] = {"size": size, "parse_math": False, "va": "center_baseline", "xytext": (0, 0)}
        for text, side, ha, color in ((name, -4, "right", INK), (ridge.word, 4, "left", "#555555")):
            at = 0.0 if side < 0 else 1.0
            axes.annotate(
                text, xy=(at, 0.35 - i), xycoords=("axes fraction", "data"), textcoords="offset points",
                ha=ha, color=color, annotation_clip=False, **{**words, "xytext": (side, 0)},
            )  # fmt: skip
    legend(host, rows, width / 2, foot - _FOOT)
    if note:
        host.text(width / 2, ROW / 2 + 1, note, size=NAME - 0.5, color=INK, ha="center", va="center_baseline")
    if not ridges:
        axes.set_axis_off()
        axes.set_xlabel("")
        host.text(width / 2, height / 2, "no synapses", size=TEXT, color=INK, ha="center")
    return figure


def _names(ridges: Sequence[Ridge], size: float, width: float) -> list[str]:
    """The names that fit into the width; of an arrow's two ends each has half of it."""
    names = [ridge.name for ridge in ridges]
    if not all(_ARROW in name for name in names):
        return shortened(names, size, width)
    if max((text_width(name, size) for name in names), default=0.0) <= width:
        return names
    half = (width - text_width(_ARROW, size)) / 2
    ends = shortened([end for name in names for end in name.split(_ARROW, 1)], size, half)
    return [f"{pre}{_ARROW}{post}" for pre, post in zip(ends[::2], ends[1::2], strict=True)]


def _draw(axes: Axes, ridge: Ridge, base: float, edges: NDArray[Any], hatched: bool) -> None:
    color = KIND_COLORS.get(ridge.kind, _PLAIN)
    heights = np.asarray(ridge.heights, float)
    top = heights.max(initial=0.0)
    axes.plot(edges[[0, -1]], [base, base], color=FAINT, linewidth=0.4, zorder=1)
    if top == 0:
        return
    look: dict[str, Any] = {"facecolor": color, "edgecolor": "white", "linewidth": 0.0, "zorder": 2}
    shape = axes.stairs(base + 0.92 * heights / top, edges, baseline=base, fill=True, **look)
    shape.set_gid(ridge.name)
    if hatched and KIND_HATCHES.get(ridge.kind):
        shape.set_hatch(KIND_HATCHES[ridge.kind])
    axes.plot([ridge.mean], [base], marker="|", markersize=5, color=INK, markeredgewidth=0.8, zorder=3)
