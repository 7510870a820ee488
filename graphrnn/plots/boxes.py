"""Boxes, arcs and keys of an area graph, on a canvas whose coordinates are points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn.connectome import Node
from graphrnn.plots.names import shortened
from graphrnn.plots.routes import Arc, Box, Points, curve
from graphrnn.plots.style import INK, KIND_COLORS, NAME, TEXT, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HANDLE", "TIGHT", "Ink", "draw_arc", "draw_band", "draw_box", "draw_key", "linestyle", "stroke"]

HANDLE = 14.0  # length of a line in the legend, points
_THICK = 4.0  # the widest arc, points
_THIN = 0.5
_KEY = 5.5  # size of type in the key
_LINE = 7.5  # distance of its lines
TIGHT = 5.0  # size of type in a tight box


@dataclass(frozen=True)
class Ink:
    """How wide arcs are: the heaviest has `scale` times the greatest width."""

    heaviest: float
    scale: float

    def width(self, number: float) -> float:
        """Points of an arc of so many synapses."""
        if math.isnan(number) or number == 0:
            return _THIN + 0.3
        return max(_THIN, _THICK * self.scale * math.sqrt(number / self.heaviest))


def linestyle(number: float) -> Any:
    """Dashed where the number is not known, dotted where it is 0."""
    if math.isnan(number):
        return (0, (4, 2))
    return (0, (1, 1.5)) if number == 0 else "-"


def draw_arc(host: Axes, arc: Arc, bezier: Points, ink: Ink, zoom: float, faint: bool = False) -> None:
    """A curve with a head whose point touches the target; a faint one has no head."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    color = KIND_COLORS[arc.kind]
    look: dict[str, Any] = {
        "fill": False,
        "edgecolor": color,
        "capstyle": "butt",
        "gid": f"{arc.pre} → {arc.post}",
    }
    if faint:
        path = Path(bezier, [1, 4, 4, 4])
        host.add_patch(
            PathPatch(path, linewidth=0.4, alpha=0.35, linestyle=linestyle(arc.number), zorder=1.5, **look)
        )
        return
    width = ink.width(arc.number) * zoom
    size = max(ink.scale * zoom, 0.5)
    length, across = (4.0 + 1.2 * width) * size, (1.6 + 0.9 * width) * size
    reach = float(np.hypot(*np.diff(curve(bezier), axis=0).T).sum())
    length = min(length, 0.6 * reach)
    direction = bezier[3] - bezier[2]
    direction = direction / max(float(np.hypot(*direction)), 1e-9)
    base = bezier[3] - direction * length
    path = Path(
        np.array([bezier[0], bezier[1], bezier[2] - direction * length, base + direction * 0.5]), [1, 4, 4, 4]
    )
    line = PathPatch(path, linewidth=width, linestyle=linestyle(arc.number), zorder=2, **look)
    host.add_patch(line)
    host.add_patch(_head(arc.kind, bezier[3], direction, length, across))


def _head(kind: str, tip: Points, direction: Points, length: float, across: float) -> Any:
    """An arrowhead by kind: hollow for backward, a diamond for lateral, else filled."""
    from matplotlib.patches import Polygon

    color = KIND_COLORS[kind]
    side = np.array([-direction[1], direction[0]]) * across
    base = tip - direction * length
    if kind == "lateral":
        half = tip - direction * length / 2
        return Polygon(
            np.array([tip, half + side, base, half - side]), facecolor=color, linewidth=0, zorder=2.1
        )
    hollow = kind == "backward"
    look: dict[str, Any] = (
        {"facecolor": "white", "edgecolor": color, "linewidth": min(0.7, 0.35 * across)}
        if hollow
        else {"facecolor": color, "linewidth": 0}
    )
    return Polygon(np.array([tip, base + side, base - side]), joinstyle="miter", zorder=2.1, **look)


def stroke(
    kind: str | None, width: float, style: Any = "-", alpha: float = 1.0
) -> Callable[[Axes, float, float], None]:
    """A line for a legend, of a kind with its head, or grey."""
    color = "#666666" if kind is None else KIND_COLORS[kind]

    def draw(host: Axes, x: float, y: float) -> None:
        end = x + HANDLE - (4.0 if kind else 0.0)
        look: dict[str, Any] = {"color": color, "linewidth": width, "linestyle": style, "alpha": alpha}
        host.plot([x, end], [y, y], solid_capstyle="butt", **look)
        if kind:
            head = _head(kind, np.array([x + HANDLE, y]), np.array([1.0, 0.0]), 5.5, 2.4)
            head.set_zorder(5)
            host.add_patch(head)

    return draw


def draw_band(host: Axes, boxes: Sequence[Box], origin: Points, zoom: float, gap: float) -> None:
    """A grey field behind boxes of one level."""
    from matplotlib.patches import FancyBboxPatch

    low, high = min(box.y for box in boxes), max(box.y for box in boxes)
    width, height = boxes[0].width + 10, high - low + boxes[0].height + 0.9 * gap
    x, y = origin + zoom * np.array([boxes[0].x - width / 2, (low + high - height) / 2])
    shape = f"round,pad=0,rounding_size={3 * zoom}"
    host.add_patch(
        FancyBboxPatch((x, y), zoom * width, zoom * height, shape, facecolor="#E6E6E6", linewidth=0, zorder=1)
    )


def draw_box(host: Axes, node: Node, box: Box, origin: Points, zoom: float, style: str, number: int) -> None:
    """A node: "plain" with its size below its name, "compact" or "tight" beside it, or "numbered"."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch, Polygon

    x, y = origin + zoom * np.array([box.x, box.y])
    w, h = zoom * box.width, zoom * box.height
    look: dict[str, Any] = {
        "edgecolor": INK,
        "linewidth": 0.7 * max(zoom, 0.5),
        "zorder": 3,
        "gid": node.name,
    }
    if style == "numbered":
        _draw_numbered(host, node, (x, y), (w, h), zoom, number, look)
        return
    if node.role == "area":
        shape = f"round,pad=0,rounding_size={0.2 * h}"
        host.add_patch(FancyBboxPatch((x - w / 2, y - h / 2), w, h, shape, facecolor="white", **look))
    else:
        sign = 1 if node.role == "input" else -1
        cut = 0.3 * h
        corners = [
            (-w / 2, h / 2),
            (w / 2, h / 2),
            (w / 2, -h / 2 + cut),
            (w / 2 - cut, -h / 2),
            (-w / 2 + cut, -h / 2),
            (-w / 2, -h / 2 + cut),
        ]
        tint = 0.75 + 0.25 * np.array(to_rgb(KIND_COLORS[node.role]))
        host.add_patch(Polygon([(x + a, y + sign * b) for a, b in corners], facecolor=tint, **look))
    words: dict[str, Any] = {"zorder": 4, "parse_math": False, "va": "center_baseline"}
    type_ = {"plain": TEXT, "compact": NAME, "tight": TIGHT}[style]
    small = NAME - 0.5 if style != "tight" else TIGHT
    count = {"s": f"{node.size:,}", "size": small * zoom, "color": "#666666", **words}
    name = {"s": node.name, "size": type_ * zoom, "color": INK, **words}
    if style != "plain":
        inset = (5 if style == "compact" else 2.5) * zoom
        host.text(x - w / 2 + inset, y, ha="left", **name)
        host.text(x + w / 2 - inset, y, ha="right", **count)
    else:
        host.text(x, y + 0.22 * h, ha="center", **name)
        host.text(x, y - 0.23 * h, ha="center", **count)


def _draw_numbered(
    host: Axes,
    node: Node,
    at: tuple[float, float],
    size: tuple[float, float],
    zoom: float,
    number: int,
    look: Any,
) -> None:
    """A disc with the node's number; an input or readout is a square."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Ellipse, Rectangle

    (x, y), (w, h) = at, size
    if node.role == "area":
        host.add_patch(Ellipse((x, y), w, h, facecolor="white", **look))
    else:
        tint = 0.75 + 0.25 * np.array(to_rgb(KIND_COLORS[node.role]))
        host.add_patch(Rectangle((x - w / 2, y - h / 2), w, h, facecolor=tint, **look))
    host.text(x, y, f"{number}", size=_KEY * zoom, color=INK, ha="center", va="center_baseline", zorder=4)


def draw_key(host: Axes | None, nodes: Sequence[Node], width: float, top: float) -> float:
    """Numbers with names and sizes, in columns below `top`; returns its height. No host: only measure."""
    names = shortened([node.name for node in nodes], _KEY, (0.5 if len(nodes) > 20 else 1.0) * width - 45)
    texts = [f"{name}  ({node.size:,})" for name, node in zip(names, nodes, strict=True)]
    wide = max(text_width(text, _KEY) for text in texts) + 18
    columns = max(min(int(width // wide), len(nodes)), 1)
    rows = -(-len(nodes) // columns)
    if host is not None:
        for i, text in enumerate(texts):
            x, y = 5 + width * (i // rows) / columns, top - _LINE * (i % rows + 0.5)
            words: dict[str, Any] = {"size": _KEY, "va": "center_baseline", "parse_math": False}
            host.text(x + 10, y, f"{i + 1}", ha="right", color="#666666", **words)
            host.text(x + 13, y, text, ha="left", color=INK, **words)
    return _LINE * rows + 4
