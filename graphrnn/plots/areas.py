"""The area graph, by level or freely: arcs in the colour of their kind, as wide as they have synapses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrnn import _checks, compiler
from graphrnn.connectome import Connectome, Node, kind_between
from graphrnn.plots.boxes import HANDLE, Ink, draw_arc, draw_band, draw_box, draw_key, linestyle, stroke
from graphrnn.plots.layouts import by_level, freely
from graphrnn.plots.routes import Arc, Points, bounds
from graphrnn.plots.style import (
    COLUMN,
    KIND_COLORS,
    ROW,
    Entry,
    canvas,
    check_ax,
    check_weights,
    legend,
    legend_rows,
    number_text,
)
from graphrnn.rules import AllToAll, Population, as_rule

if TYPE_CHECKING:
    import networkx
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["area_graph"]

_CALL = "plots.area_graph(graph)"
_MARGIN = 5.0
_STRONGEST = 120  # projections between areas that are drawn in full, unless the call says how many


def area_graph(
    graph: networkx.DiGraph | Connectome,
    *,
    layout: str = "levels",
    width: str = "count",
    strongest: int | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Areas and projections: by level, or freely so that few arcs cross.

    **levels**: inputs at the bottom, readouts at the top, higher levels higher. Arcs that rise (forward) pass
    on the right, arcs that fall (backward) on the left. Areas of one level stand side by side, or above each
    other on a grey field where there are many boxes or arcs, in an order in which few arcs cross. Areas
    without level stand below the others. **free**: areas that are few projections apart stand near each
    other, where few arcs cross; from 15 nodes on, or where long names would need more than a page, they are
    numbered, with a key below. A few areas without a projection to another stand in a row below.

    Colour and arrowhead are the kind: filled for forward, hollow for backward, a diamond for lateral. An arc
    from an area to itself is a loop. Width grows with the square root of the number of synapses: in a
    connectome the actual number, in a graph what the rule draws on average. Where that is not known before
    the draw the arc is dashed; where there is no synapse it is dotted. With each name stands the number of
    neurons or channels. Of many projections the strongest are drawn in full, the others faintly and without
    a head: none is left out.

    Args:
        graph: an AreaGraph, any networkx.DiGraph that compiles, or a Connectome.
        layout: "levels" or "free".
        width: what the width of arcs shows: "count" of synapses, or "weight", the sum of their |weight|.
        strongest: how many projections between areas are drawn in full; default 120.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything else.
        ValueError: for a graph that would not compile, an unknown layout or width, or weights where there are
            none.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> graph.add_area("V2", 20)
        >>> graph.project("V1", "V2", 0.2)
        >>> graph.project("V2", "V1", 0.1)
        >>> gr.plots.area_graph(graph).savefig("areas.png")
    """
    call = "plots.area_graph(graph, ...)"
    check_ax(_CALL, ax)
    _checks.one_of(call, "layout", layout, ("levels", "free"))
    _checks.one_of(call, "width", width, ("count", "weight"))
    full = _STRONGEST if strongest is None else _checks.count(call, "strongest", strongest, 0)
    nodes, arcs = _read(graph)
    if not nodes:
        raise ValueError(
            f"`{call}` needs at least one area; this graph has none. Add one with graph.add_area(name, size)."
        )
    if width == "weight":
        arcs = _by_weight(graph, arcs)
    faint = _faint(arcs, full)
    plan = by_level(nodes, arcs) if layout == "levels" else freely(nodes, arcs, faint)
    left, bottom, right, top = bounds(
        [_reach(arc, bezier, plan.scale) for arc, bezier in zip(arcs, plan.beziers, strict=True)],
        plan.boxes.values(),
    )
    ink = Ink(max((arc.number for arc in arcs if arc.number > 0), default=1.0), plan.scale)
    groups = _entries(arcs, ink, faint, "synapses" if width == "count" else "summed |weight|")
    wide = max(COLUMN, right - left + 2 * _MARGIN)
    rows = [row for group in groups for row in legend_rows(group, wide - 2 * _MARGIN, HANDLE)]
    key = draw_key(None, nodes, wide - 2 * _MARGIN, 0.0) if plan.numbered else 0.0
    foot = ROW * len(rows) + 2 * _MARGIN + key
    figure, host, across, height = canvas(ax, wide, top - bottom + foot + _MARGIN)
    if ax is not None:
        rows = [row for group in groups for row in legend_rows(group, across - 2 * _MARGIN, HANDLE)]
        key = draw_key(None, nodes, across - 2 * _MARGIN, 0.0) if plan.numbered else 0.0
        foot = ROW * len(rows) + 2 * _MARGIN + key
    zoom = min(
        1.0, (across - 2 * _MARGIN) / (right - left), max(height - foot - _MARGIN, 10.0) / (top - bottom)
    )
    middle = np.array([across / 2, foot + (height - foot - _MARGIN) / 2])
    origin = middle - zoom * np.array([left + right, bottom + top]) / 2
    for band in plan.bands:
        draw_band(host, [plan.boxes[name] for name in band], origin, zoom, plan.gap)
    for i in sorted(range(len(arcs)), key=lambda i: -np.nan_to_num(arcs[i].number)):
        draw_arc(host, arcs[i], origin + zoom * plan.beziers[i], ink, zoom, faint=i in faint)
    for number, node in enumerate(nodes, 1):
        draw_box(host, node, plan.boxes[node.name], origin, zoom, plan.style, number)
    if plan.numbered:
        draw_key(host, nodes, across - 2 * _MARGIN, _MARGIN + key)
    legend(host, rows, across / 2, foot - _MARGIN, HANDLE)
    return figure


def _reach(arc: Arc, bezier: Points, scale: float) -> Points:
    """Bézier points that hold an arc's width and head too, which matter for a loop at the edge."""
    if arc.pre != arc.post:
        return bezier
    out = bezier[1] - bezier[0]
    return bezier + np.outer([0.0, 1.0, 1.0, 0.0], 8.0 * scale * out / max(float(np.hypot(*out)), 1e-9))


def _faint(arcs: Sequence[Arc], full: int) -> set[int]:
    """The projections between areas beyond the strongest; one of unknown number is never faint."""
    between = [i for i, arc in enumerate(arcs) if _between_areas(arc) and not math.isnan(arc.number)]
    between.sort(key=lambda i: -arcs[i].number)
    return set(between[full:])


def _between_areas(arc: Arc) -> bool:
    return arc.kind not in ("input", "readout", "within")


def _by_weight(graph: Any, arcs: Sequence[Arc]) -> list[Arc]:
    """The arcs with the sum of |weight| for a number; weights that are not known do not count."""
    call = 'plots.area_graph(graph, width="weight")'
    if not isinstance(graph, Connectome):
        raise TypeError(
            f"`{call}` needs a Connectome, which has weights; it got {type(graph).__name__}. "
            "A trained network's is rnn.to_connectome()."
        )
    check_weights(call, graph)
    total: dict[tuple[str, str], float] = {}
    for which in ("input", "hidden", "readout"):
        synapses = graph.synapses(which)
        posts, pres = graph.ends(which)
        if synapses.weight is None:
            continue
        owner = np.repeat(np.arange(len(pres)), [node.size for node in pres])
        for post in posts:
            rows = slice(int(synapses.indptr[post.start]), int(synapses.indptr[post.stop]))
            amount = np.nan_to_num(np.abs(synapses.weight[rows]))
            sums = np.bincount(owner[synapses.pre[rows]], amount, minlength=len(pres))
            total |= {(pre.name, post.name): float(a) for pre, a in zip(pres, sums, strict=True)}
    return [Arc(a.pre, a.post, a.kind, total.get((a.pre, a.post), 0.0)) for a in arcs]


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


def _entries(arcs: Sequence[Arc], ink: Ink, faint: set[int], unit: str) -> list[list[Entry]]:
    """The legend: the kinds there are, then what widths and dashes mean, then what is faint."""
    found = {arc.kind for arc in arcs}
    kinds: list[Entry] = [(stroke(kind, 1.6), kind) for kind in KIND_COLORS if kind in found]
    widths: list[Entry] = []
    drawn = 0.0
    for number in _round_numbers([arc.number for arc in arcs if arc.number > 0]):
        width = ink.width(number)
        if width > 1.2 * drawn:
            widths.append((stroke(None, width), number_text(number)))
            drawn = width
    if widths:
        draw, label = widths[-1]
        widths[-1] = (draw, f"{label} {unit[:-1] if label == '1' and unit == 'synapses' else unit}")
    if any(arc.number == 0 for arc in arcs):
        nothing = "no synapse" if unit == "synapses" else "no weight"
        widths.append((stroke(None, ink.width(0), linestyle(0)), nothing))
    if any(math.isnan(arc.number) for arc in arcs):
        widths.append((stroke(None, ink.width(0), linestyle(math.nan)), "number not known"))
    weaker: list[Entry] = []
    if faint:
        most = max(arcs[i].number for i in faint)
        between = sum(_between_areas(arc) for arc in arcs)
        text = f"{len(faint)} of {between}, of at most {number_text(most)} {unit}"
        weaker.append((stroke(None, 0.4, alpha=0.5), text))
    return [group for group in (kinds, widths, weaker) if group]


def _round_numbers(numbers: list[float]) -> list[float]:
    """Up to three numbers of one digit and zeros that span those given."""
    if not numbers:
        return []
    chosen = [_one_digit(max(numbers))]
    while len(chosen) < 3 and chosen[0] > 2 * min(numbers):
        chosen.insert(0, _one_digit(chosen[0] / 10))
    return chosen


def _one_digit(number: float) -> float:
    power = 10.0 ** math.floor(math.log10(number) + 1e-9)
    return float(f"{math.floor(number / power + 1e-9) * power:.1g}")
