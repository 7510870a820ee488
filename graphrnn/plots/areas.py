"""The area graph by level: forward arcs rise on the right, backward arcs fall on the left."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn import compiler
from graphrnn.connectome import Connectome, Node, kind_between
from graphrnn.plots.routes import Arc, Box, Points, arrange, bounds, route
from graphrnn.plots.style import (
    COLUMN,
    INK,
    KIND_COLORS,
    NAME,
    PAGE,
    ROW,
    TEXT,
    Entry,
    canvas,
    check_ax,
    legend,
    legend_rows,
    text_width,
)
from graphrnn.rules import AllToAll, Population, as_rule

if TYPE_CHECKING:
    import networkx
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["area_graph"]

_CALL = "plots.area_graph(graph)"
_MARGIN = 5.0
_HANDLE = 11.0  # length of a line in the legend, points
_PAD = 12.0  # room beside a name in its box, points
_ACROSS = 24.0  # between boxes side by side, points
_THICK = 4.0  # the widest arc, points
_THIN = 0.5


def area_graph(graph: networkx.DiGraph | Connectome, *, ax: Axes | None = None) -> Figure:
    """Areas and projections by level: inputs at the bottom, readouts at the top, higher levels higher.

    Arcs that rise (forward) pass on the right, arcs that fall (backward) on the left; an arc from an area to
    itself is a loop. Colour is the kind. Width grows with the square root of the number of synapses: in a
    connectome the actual number, in a graph what the rule draws on average. Where that is not known before
    the draw the arc is dashed; where there is no synapse it is dotted. With each name stands the number of
    neurons or channels. Areas of one level stand side by side, or above each other on a grey field where
    there are many boxes or arcs. Areas without level stand below the others.

    Args:
        graph: an AreaGraph, any networkx.DiGraph that compiles, or a Connectome.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything else.
        ValueError: for a graph that would not compile.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> graph.add_area("V2", 20)
        >>> graph.project("V1", "V2", 0.2)
        >>> graph.project("V2", "V1", 0.1)
        >>> gr.plots.area_graph(graph).savefig("areas.png")
    """
    check_ax(_CALL, ax)
    nodes, arcs = _read(graph)
    layout = _layout(nodes, arcs)
    boxes = layout.boxes
    beziers = route(arcs, boxes, layout.gap)
    left, bottom, right, top = bounds(beziers, boxes.values())
    heaviest = max((arc.number for arc in arcs if arc.number > 0), default=1.0)
    scale = float(np.clip(layout.gap / 14, 0.3, 1.0))
    entries = _entries(arcs, heaviest, scale)
    wide = max(COLUMN, right - left + 2 * _MARGIN)
    rows = [row for group in entries for row in legend_rows(group, wide - 2 * _MARGIN, _HANDLE)]
    foot = ROW * len(rows) + 2 * _MARGIN
    figure, host, width, height = canvas(ax, wide, top - bottom + foot + _MARGIN)
    if ax is not None:
        rows = [row for group in entries for row in legend_rows(group, width - 2 * _MARGIN, _HANDLE)]
        foot = ROW * len(rows) + 2 * _MARGIN
    zoom = min(
        1.0, (width - 2 * _MARGIN) / (right - left), max(height - foot - _MARGIN, 10.0) / (top - bottom)
    )
    origin = np.array(
        [
            width / 2 - zoom * (left + right) / 2,
            foot + (height - foot - _MARGIN) / 2 - zoom * (bottom + top) / 2,
        ]
    )
    for band in layout.bands:
        _draw_band(host, [boxes[name] for name in band], origin, zoom, layout.gap)
    for arc, bezier in sorted(
        zip(arcs, beziers, strict=True), key=lambda pair: -np.nan_to_num(pair[0].number)
    ):
        _draw_arc(host, arc, origin + zoom * bezier, heaviest, zoom * scale)
    for node in nodes:
        _draw_box(host, node, boxes[node.name], origin, zoom, layout.compact)
    legend(host, rows, width / 2, foot - _MARGIN, _HANDLE)
    return figure


def _read(graph: Any) -> tuple[list[Node], list[Arc]]:
    import networkx as nx

    if isinstance(graph, Connectome):
        return [*graph.inputs, *graph.areas, *graph.readouts], list(_measured(graph))
    if isinstance(graph, nx.DiGraph):
        return _declared(graph)
    hint = (
        "Its graph is `.graph`."
        if isinstance(getattr(graph, "graph", None), nx.DiGraph)
        else "Make one with AreaGraph()."
    )
    raise TypeError(
        f"`{_CALL}` needs an AreaGraph, a networkx.DiGraph or a Connectome; "
        f"it got {type(graph).__name__}. {hint}"
    )


def _measured(net: Connectome) -> Iterator[Arc]:
    """The projections, and any pair with synapses beside them."""
    given = {(p.pre, p.post): p.kind for p in net.projections}
    for which in ("input", "hidden", "readout"):
        counts = net.counts(which)
        for i, post in enumerate(net.ends(which)[0]):
            for j, pre in enumerate(net.ends(which)[1]):
                if counts[i, j] or (pre.name, post.name) in given:
                    kind = given.get((pre.name, post.name)) or kind_between(pre, post)
                    yield Arc(pre.name, post.name, kind, float(counts[i, j]))


def _declared(graph: networkx.DiGraph) -> tuple[list[Node], list[Arc]]:
    areas = {area.name: area for area in compiler.area_nodes(graph)}
    nodes = {}
    for name, data in graph.nodes(data=True):
        checked = compiler.check_node(_CALL, name, data)
        nodes[name] = areas.get(name) or Node(name, checked["role"], 0, checked["size"])
    populations = {name: _population(nodes[name], graph.nodes[name]) for name in nodes}
    arcs = []
    for pre, post, data in graph.edges(data=True):
        compiler.check_ends(_CALL, nodes[pre], nodes[post])
        rule = as_rule(f"{_CALL}, projection {pre!r} → {post!r}", data.get("rule", AllToAll()))
        skip = pre == post and not data.get("self_connections", True)
        number = rule.expected(populations[pre], populations[post], skip_diagonal=skip)
        arcs.append(Arc(pre, post, compiler.projection_kind(_CALL, nodes[pre], nodes[post], data), number))
    return list(nodes.values()), arcs


def _population(node: Node, data: Any) -> Population:
    """The end of a projection, as far as the expected number of synapses needs it."""
    sign = None
    if node.role == "area" and data.get("excitatory") is not None:
        excitatory = math.floor(data["excitatory"] * node.size + 1e-9)
        sign = np.repeat(np.array([1, -1], np.int8), [excitatory, node.size - excitatory])
    return Population(node.name, node.size, sign)


@dataclass(frozen=True)
class _Layout:
    """Where the boxes stand; `bands` are the groups of boxes above each other that share a level."""

    boxes: dict[str, Box]
    bands: list[list[str]]
    gap: float
    compact: bool  # name and size share a line


def _layout(nodes: Sequence[Node], arcs: Sequence[Arc]) -> _Layout:
    """Levels from below: a row each where few arcs run between few boxes, else a stack of boxes each."""
    levels = sorted({node.level for node in nodes if node.level is not None})
    groups = [[n for n in nodes if n.role == "input"]]
    groups.append([n for n in nodes if n.role == "area" and n.level is None])
    groups += [[n for n in nodes if n.role == "area" and n.level == level] for level in levels]
    groups.append([n for n in nodes if n.role == "readout"])
    groups = [group for group in groups if group]
    most = max(len(group) for group in groups)
    wide = max(_name_width(node, compact=False) for node in nodes) + _PAD
    stacked = most > 1 and (most * (wide + _ACROSS) > PAGE - 140 or len(arcs) > 4 * len(nodes))
    rows = [[node] for group in groups for node in group] if stacked else groups
    compact = len(rows) > 12
    width = max(46.0, max(_name_width(node, compact) for node in nodes) + _PAD)
    height = (11.0 if len(rows) <= 30 else 9.0) if compact else 20.0
    gap = float(
        np.clip(
            740 / len(rows) - height, 3.5, 34.0 if most > 1 and not stacked else 12.0 if compact else 20.0
        )
    )
    gaps = [gap] * (len(rows) - 1)
    bands: list[list[str]] = []
    if stacked:
        bands = [
            [node.name for node in group] for group in groups if len(group) > 1 and group[0].role == "area"
        ]
        last = np.cumsum([len(group) for group in groups])[:-1] - 1
        gaps = [1.7 * gap if i in last else gap for i in range(len(rows) - 1)]
    return _Layout(arrange(rows, width, height, _ACROSS, gaps), bands, gap, compact)


def _name_width(node: Node, compact: bool) -> float:
    name = text_width(node.name, NAME if compact else TEXT)
    size = text_width(f"{node.size:,}", NAME - 0.5)
    return name + 5 + size if compact else max(name, size)


def _linewidth(number: float, heaviest: float, scale: float) -> float:
    if math.isnan(number) or number == 0:
        return _THIN + 0.3
    return max(_THIN, _THICK * scale * math.sqrt(number / heaviest))


def _draw_arc(host: Axes, arc: Arc, bezier: Points, heaviest: float, scale: float) -> None:
    """A curve with a head whose point touches the target."""
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    width = _linewidth(arc.number, heaviest, scale)
    length = (4.0 + 1.2 * width) * max(scale, 0.5)
    across = (1.6 + 0.9 * width) * max(scale, 0.5)
    direction = bezier[3] - bezier[2]
    direction = direction / max(float(np.hypot(*direction)), 1e-9)
    base = bezier[3] - direction * length
    side = np.array([-direction[1], direction[0]]) * across
    color = KIND_COLORS[arc.kind]
    path = Path(
        np.array([bezier[0], bezier[1], bezier[2] - direction * length, base + direction * 0.5]), [1, 4, 4, 4]
    )
    line = PathPatch(
        path,
        fill=False,
        edgecolor=color,
        linewidth=width,
        linestyle=_style(arc.number),
        capstyle="butt",
        zorder=2,
    )
    line.set_gid(f"{arc.pre} → {arc.post}")
    host.add_patch(line)
    host.add_patch(
        Polygon(np.array([bezier[3], base + side, base - side]), facecolor=color, linewidth=0, zorder=2.1)
    )


def _style(number: float) -> Any:
    if math.isnan(number):
        return (0, (4, 2))
    return (0, (1, 1.5)) if number == 0 else "-"


def _draw_band(host: Axes, boxes: Sequence[Box], origin: Points, zoom: float, gap: float) -> None:
    """A grey field behind boxes of one level."""
    from matplotlib.patches import FancyBboxPatch

    low, high = min(box.y for box in boxes), max(box.y for box in boxes)
    width, height = boxes[0].width + 10, high - low + boxes[0].height + 0.9 * gap
    x, y = origin + zoom * np.array([boxes[0].x - width / 2, (low + high - height) / 2])
    shape = f"round,pad=0,rounding_size={3 * zoom}"
    host.add_patch(
        FancyBboxPatch((x, y), zoom * width, zoom * height, shape, facecolor="#E6E6E6", linewidth=0, zorder=1)
    )


def _draw_box(host: Axes, node: Node, box: Box, origin: Points, zoom: float, compact: bool) -> None:
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
    number = {"s": f"{node.size:,}", "size": (NAME - 0.5) * zoom, "color": "#666666", **words}
    name = {"s": node.name, "size": (NAME if compact else TEXT) * zoom, "color": INK, **words}
    if compact:
        host.text(x - w / 2 + 5 * zoom, y, ha="left", **name)
        host.text(x + w / 2 - 5 * zoom, y, ha="right", **number)
    else:
        host.text(x, y + 0.22 * h, ha="center", **name)
        host.text(x, y - 0.23 * h, ha="center", **number)


def _entries(arcs: Sequence[Arc], heaviest: float, scale: float) -> list[list[Entry]]:
    """The legend: the kinds there are, then what widths and dashes mean."""
    found = {arc.kind for arc in arcs}
    kinds: list[Entry] = [
        (_stroke(color, 2.0, "-"), kind) for kind, color in KIND_COLORS.items() if kind in found
    ]
    widths: list[Entry] = []
    drawn = 0.0
    for number in _round_numbers([arc.number for arc in arcs if arc.number > 0]):
        width = _linewidth(number, heaviest, scale)
        if width > 1.2 * drawn:
            widths.append((_stroke("#666666", width, "-"), f"{number:,}"))
            drawn = width
    if widths:
        draw, label = widths[-1]
        widths[-1] = (draw, f"{label} synapse{'' if label == '1' else 's'}")
    if any(arc.number == 0 for arc in arcs):
        widths.append((_stroke("#666666", _THIN + 0.3, _style(0)), "no synapse"))
    if any(math.isnan(arc.number) for arc in arcs):
        widths.append((_stroke("#666666", _THIN + 0.3, _style(math.nan)), "number not known"))
    return [group for group in (kinds, widths) if group]


def _round_numbers(numbers: list[float]) -> list[int]:
    """Up to three numbers of one digit and zeros that span those given."""
    if not numbers:
        return []
    top = _one_digit(max(numbers))
    chosen = [top]
    while len(chosen) < 3 and chosen[0] / 10 >= 1 and chosen[0] > 2 * min(numbers):
        chosen.insert(0, _one_digit(chosen[0] / 10))
    return chosen


def _one_digit(number: float) -> int:
    power = 10 ** math.floor(math.log10(max(number, 1.0)))
    return int(max(number, 1.0) // power * power)


def _stroke(color: str, width: float, style: Any) -> Callable[[Axes, float, float], None]:
    def draw(host: Axes, x: float, y: float) -> None:
        host.plot(
            [x, x + _HANDLE], [y, y], color=color, linewidth=width, linestyle=style, solid_capstyle="butt"
        )

    return draw
