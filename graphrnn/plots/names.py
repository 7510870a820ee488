"""Names of nodes along an axis, moved apart where they would touch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Node
from graphrnn.plots.style import FAINT, INK, NAME, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LINE", "Names", "name_size", "shortened", "spread"]

LINE = 1.15  # least distance of names, in sizes of type
_SMALLEST = 3.5
_TICK = 3.0  # points from the axis to a name beside its place
_LEADER = 9.0  # points from the axis to the names where some had to move


def name_size(n: int, length: float) -> float:
    """The size of type, in points, at which `n` names stand beside an axis of that length."""
    return min(NAME, max(_SMALLEST, length / n / LINE))


def spread(wanted: NDArray[np.float64], distance: float, length: float) -> NDArray[np.float64]:
    """Positions from 0 to `length`, at least `distance` apart, as near to the wanted ones as can be.

    The wanted positions ascend. Where they do not all fit they are spread evenly over the length.
    """
    from scipy.optimize import isotonic_regression

    n = len(wanted)
    distance = min(distance, length / n)
    steps = np.arange(n) * distance
    free = isotonic_regression(wanted - steps).x
    return np.asarray(np.clip(free, distance / 2, length - (n - 0.5) * distance) + steps)


def shortened(names: Sequence[str], size: float, width: float) -> list[str]:
    """Names of which none is wider than `width` points: an ellipsis stands for what is left out.

    The words with which all names begin go first, then the middle of those that are still too wide.
    """
    if max((text_width(name, size) for name in names), default=0.0) <= width:
        return list(names)
    first, last = min(names), max(names)  # what these two share, all share
    shared = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    start = first[:shared].rfind(" ") + 1
    cut = [f"…{name[start:]}" if start > 2 else name for name in names]
    return [_without_middle(name, size, width) for name in cut]


def _without_middle(name: str, size: float, width: float) -> str:
    kept = len(name)
    short = name
    while kept > 2 and text_width(short, size) > width:
        kept -= 1
        short = f"{name[: (kept + 1) // 2]}…{name[len(name) - kept // 2 :]}"
    return short


class Names:
    """The names of the nodes along one side of a matrix.

    Args:
        nodes: in the order of the axis; they cover it.
        side: "left", "right", "top" or "bottom".
        length: of the axis, in points.
        size: of the type, in points.
        room: points before the start of the axis that a lone name above it may reach into.
    """

    def __init__(
        self, nodes: Sequence[Node], side: str, length: float, size: float, room: float = 0.0
    ) -> None:
        self.nodes, self.side, self.length, self.size, self.room = nodes, side, length, size, room
        self.middle = np.array([(node.start + node.stop) / 2 for node in nodes])
        self.width = np.array([text_width(node.name, size) for node in nodes])
        self._every = max(
            math.ceil(0.8 * size * len(nodes) / max(length, 1.0)), 1
        )  # beyond, names are left out

    @cached_property
    def rotated(self) -> bool:
        """Names below or above an axis stand upright where they do not fit side by side."""
        if self.side not in ("top", "bottom"):
            return False
        if self._lone:
            return bool(self.width[0] > self.length + self.room)
        gaps = np.diff(self._wanted) - (self.width[1:] + self.width[:-1]) / 2
        return bool((gaps < self.size / 2).any())

    @property
    def _lone(self) -> bool:
        """Whether one name is wider than its axis; then both end at the same place."""
        return self.side == "top" and len(self.nodes) == 1 and bool(self.width[0] > self.length)

    @cached_property
    def _wanted(self) -> NDArray[np.float64]:
        return np.asarray(self.middle / self.nodes[-1].stop * self.length)

    @cached_property
    def _shift(self) -> NDArray[np.float64]:
        if self.side in ("top", "bottom") and not self.rotated:
            return np.zeros(len(self.nodes))
        return spread(self._wanted, self.size * LINE, self.length) - self._wanted

    @property
    def _leader(self) -> float:
        return _LEADER if np.abs(self._shift).max() > 0.5 else _TICK

    @property
    def depth(self) -> float:
        """Points from the axis to the far end of the names."""
        lying = self.side in ("left", "right") or self.rotated
        return self._leader + float(self.width.max() if lying else self.size)

    def draw(self, ax: Axes, colors: Sequence[Any] | None = None) -> None:
        """Write them beside an axes whose data coordinates are neurons, each in its colour."""
        upright = self.side in ("left", "right")
        sign = 1 if self.side in ("right", "top") else -1
        edge = 1.0 if sign == 1 else 0.0
        colors = [INK] * len(self.nodes) if colors is None else colors
        drawn = list(zip(self.nodes, self.middle, self._shift, colors, strict=True))
        for node, at, shift, color in drawn[:: self._every]:
            flush = self._lone and not self.rotated
            ax.annotate(
                node.name,
                xy=(edge, at) if upright else (node.stop if flush else at, edge),
                xycoords=("axes fraction", "data") if upright else ("data", "axes fraction"),
                xytext=(sign * self._leader, -shift) if upright else (shift, sign * self._leader),
                textcoords="offset points",
                ha="right" if flush else {"left": "right", "right": "left"}.get(self.side, "center"),
                va={"top": "bottom", "bottom": "top"}.get(self.side, "center_baseline"),
                rotation=90 if self.rotated else 0,
                size=self.size,
                color=color,
                parse_math=False,
                annotation_clip=False,
                arrowprops={
                    "arrowstyle": "-",
                    "linewidth": 0.4,
                    "color": FAINT,
                    "shrinkA": 0.5,
                    "shrinkB": 0.0,
                    "relpos": ((1 - sign) / 2, 0.5) if upright else (1.0 if flush else 0.5, (1 - sign) / 2),
                },
            )
