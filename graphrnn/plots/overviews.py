"""A network at one look: its area graph, its masks and its degrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphrnn.connectome import Connectome
from graphrnn.plots.areas import area_graph
from graphrnn.plots.distributions import degrees
from graphrnn.plots.matrices import masks
from graphrnn.plots.style import INK, PAGE, canvas, check_ax, check_connectome, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["overview"]

_LOW, _HIGH = 330.0, 600.0  # points
_BETWEEN = 12.0
_LETTER = 9.0


def overview(net: Connectome, *, ax: Axes | None = None) -> Figure:
    """Three pictures of a network on the width of a page: a, area graph; b, masks; c, in-degrees by area.

    They are `area_graph`, `masks` and `degrees` with their defaults. In an axes that is narrower than it is
    high they stand above each other.

    Args:
        net: the network.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> gr.plots.overview(gr.datasets.celegans()).savefig("overview.png")
    """
    call = "plots.overview(net)"
    check_connectome(call, net)
    check_ax(call, ax)
    nodes = len(net.areas) + len(net.inputs) + len(net.readouts)
    figure, host, width, height = canvas(ax, PAGE, min(max(_LOW, 200.0 + 15.0 * nodes), _HIGH))
    share = min(
        max((9.0 * len(net.areas) + 45) / height, 0.22), 0.48
    )  # of a column's height, for the degrees
    if width > height or width > 0.8 * PAGE:
        column = (width - _BETWEEN) / 2
        low = share * height
        places = [
            (0.0, 0.0, column, height),
            (column + _BETWEEN, low, column, height - low),
            (column + _BETWEEN, 0.0, column, low),
        ]
    else:
        low = share * 0.6 * height
        middle = 0.6 * (height - low)
        places = [
            (0.0, height - middle, width, middle),
            (0.0, low, width, height - middle - low),
            (0.0, 0.0, width, low),
        ]
    panels = []
    for letter, (x, y, across, high) in zip("abc", places, strict=True):
        panels.append(panel(host, x, y, across, max(high - _LETTER, 10.0)))
        host.text(x + 3, y + high - 2, letter, size=_LETTER, weight="bold", color=INK, va="top")
    area_graph(net, ax=panels[0])
    masks(net, ax=panels[1])
    degrees(net, ax=panels[2])
    return figure
