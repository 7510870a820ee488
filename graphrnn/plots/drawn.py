"""What the drawing of synapses gave: realised against asked density."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn.connectome import Connectome
from graphrnn.plots.style import (
    COLUMN,
    FAINT,
    INK,
    KIND_COLORS,
    KIND_MARKERS,
    NAME,
    ROW,
    Entry,
    canvas,
    check_ax,
    check_connectome,
    legend,
    legend_rows,
    panel,
    plain_axes,
)
from graphrnn.statistics.projections import realised

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["densities"]


def densities(net: Connectome, *, ax: Axes | None = None) -> Figure:
    """The density of each projection against the one its rule asks for, and below it their ratio.

    A mark is a projection. The bar behind it holds the central 95 % of the densities that its rule draws: one
    mark in twenty lies off its bar by chance. A ring is drawn around those that are `unlikely` in the table
    of `statistics.projections`: their rules could hardly have drawn them. A projection without a synapse
    stands on the lower edge. Projections of which no density was asked, as in measured wiring, are left out,
    and a line says how many.

    Args:
        net: the network.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 80)
        >>> graph.add_area("V2", 60)
        >>> graph.project("V1", "V2", 0.05)
        >>> graph.project("V2", "V1", 0.02)
        >>> gr.plots.densities(graph.compile(seed=0)).savefig("densities.png")
    """
    import pandas as pd

    call = "plots.densities(net)"
    check_connectome(call, net)
    check_ax(call, ax)
    table = pd.DataFrame({"kind": [p.kind for p in net.projections], **realised(net)})
    left_out = len(table)
    table = table[table["density_asked"] > 0]
    left_out -= len(table)
    entries: list[Entry] = [(_mark(kind), kind) for kind in KIND_COLORS if (table["kind"] == kind).any()]
    if table["unlikely"].any():
        entries.append((_ring, "hardly drawn by its rule"))
    rows = legend_rows(entries, COLUMN - 8)
    notes = [f"without {left_out} projections of which no density was asked"] if left_out else []
    figure, host, width, height = canvas(ax, COLUMN, 210.0 + ROW * (len(rows) + len(notes)))
    if ax is not None:
        rows = legend_rows(entries, width - 8)
    foot = ROW * (len(rows) + len(notes)) + 30
    across = max(width - 46, 20.0)
    high = max(height - foot - 6, 30.0)
    upper = panel(host, 40, foot + 0.4 * high, across, 0.6 * high)
    lower = panel(host, 40, foot, across, 0.33 * high)
    for axes in (upper, lower):
        plain_axes(axes)
        axes.set_xscale("log")
    upper.set_yscale("log")
    upper.set_ylabel("realised density", labelpad=1)
    lower.set_ylabel("realised / asked", labelpad=1)
    lower.set_xlabel("asked density", labelpad=1)
    _draw(upper, lower, table)
    legend(host, rows, width / 2, foot - 28)
    for note in notes:
        host.text(width / 2, ROW / 2, note, size=NAME - 0.5, color=INK, ha="center", va="center_baseline")
    return figure


def _draw(upper: Axes, lower: Axes, table: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if not len(table):
        table_low, table_high = 0.1, 1.0
    else:
        asked = table["density_asked"].to_numpy(float)
        shown = table.loc[table["density"] > 0, "density"].to_numpy(float)
        table_low = min(asked.min(), shown.min(initial=1.0)) / 1.8
        table_high = max(asked.max(), shown.max(initial=0.0)) * 1.8
    for axes in (upper, lower):
        axes.set_xlim(table_low, table_high)
    upper.set_ylim(table_low, table_high)
    upper.plot([table_low, table_high], [table_low, table_high], color=FAINT, linewidth=0.6, zorder=0)
    lower.axhline(1.0, color=FAINT, linewidth=0.6, zorder=0)
    for kind, rows in table.groupby("kind", sort=False):
        asked, got, low, high = (
            rows[name].to_numpy(float) for name in ("density_asked", "density", "rule_low", "rule_high")
        )
        look: dict[str, Any] = {"markersize": 3.2, "markeredgewidth": 0.3, "markeredgecolor": "white"}
        look |= {"color": KIND_COLORS[kind], "gid": kind, "zorder": 3}
        bar: dict[str, Any] = {"color": KIND_COLORS[kind], "linewidth": 1.6, "alpha": 0.35, "zorder": 2}
        upper.vlines(asked, np.maximum(low, table_low), high, **bar)
        lower.vlines(asked, low / asked, high / asked, **bar)
        upper.plot(asked, np.maximum(got, 1.06 * table_low), KIND_MARKERS[kind], **look)
        lower.plot(asked, got / asked, KIND_MARKERS[kind], **look)
    hardly = table[table["unlikely"]]
    asked, got = (hardly[name].to_numpy(float) for name in ("density_asked", "density"))
    ring: dict[str, Any] = {
        "markersize": 7,
        "markerfacecolor": "none",
        "markeredgecolor": INK,
        "gid": "unlikely",
    }
    upper.plot(asked, np.maximum(got, 1.06 * table_low), "o", markeredgewidth=0.8, zorder=4, **ring)
    lower.plot(asked, got / asked, "o", markeredgewidth=0.8, zorder=4, **ring)
    if len(table):
        ends = table[["density", "rule_low", "rule_high"]].div(table["density_asked"], axis=0)
        reach = min(max(float(np.nanmax(np.abs(ends - 1).to_numpy())) * 1.15, 0.05), 2.0)
        lower.set_ylim(max(1 - reach, -0.05), 1 + reach)
    narrow = table_high < 200 * table_low
    for axis in (upper.xaxis, upper.yaxis, lower.xaxis):
        axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5) if narrow else (1,), numticks=8))
        axis.set_minor_locator(NullLocator())
        if narrow:
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    upper.tick_params(labelbottom=False)
    lower.locator_params(axis="y", nbins=4)


def _mark(kind: str) -> Callable[[Axes, float, float], None]:
    def draw(host: Axes, x: float, y: float) -> None:
        host.plot(
            [x + 3.5], [y + 1], KIND_MARKERS[kind], color=KIND_COLORS[kind], markersize=4, markeredgewidth=0
        )

    return draw


def _ring(host: Axes, x: float, y: float) -> None:
    host.plot([x + 3.5], [y + 1], "o", markersize=6, markerfacecolor="none", markeredgecolor=INK)
