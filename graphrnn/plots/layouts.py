"""Where the boxes of an area graph stand: by level, or freely."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Node
from graphrnn.plots.boxes import TIGHT
from graphrnn.plots.crossings import free_places, ordered
from graphrnn.plots.routes import Arc, Box, Points, arrange, curve, route
from graphrnn.plots.style import COLUMN, NAME, PAGE, TEXT, text_width

__all__ = ["Plan", "by_level", "freely"]

_PAD = 12.0  # room beside a name in its box, points
_ACROSS = 24.0  # between boxes side by side, points
_TIGHT_FROM = 31  # rows
_NUMBERED_FROM = 15  # nodes
_DISC = 11.0  # points across
_LOOP = 9.0  # how far a loop stands out


@dataclass(frozen=True)
class Plan:
    """Boxes and arcs in points; `bands` are the groups of boxes above each other that share a level."""

    boxes: dict[str, Box]
    beziers: list[Points]
    style: str
    gap: float
    scale: float
    bands: list[list[str]] = field(default_factory=list)

    @property
    def numbered(self) -> bool:
        """Whether the boxes show numbers, which a key explains."""
        return self.style == "numbered"


def by_level(nodes: Sequence[Node], arcs: Sequence[Arc]) -> Plan:
    """Levels from below: a row each where few arcs run between few boxes, else a stack of boxes each."""
    levels = sorted({node.level for node in nodes if node.level is not None})
    groups = [[n for n in nodes if n.role == "input"]]
    groups.append([n for n in nodes if n.role == "area" and n.level is None])
    groups += [[n for n in nodes if n.role == "area" and n.level == level] for level in levels]
    groups.append([n for n in nodes if n.role == "readout"])
    groups = [group for group in groups if group]
    most = max(len(group) for group in groups)
    wide = max(_name_width(node, "plain") for node in nodes) + _PAD
    stacked = most > 1 and (most * (wide + _ACROSS) > PAGE - 140 or len(arcs) > 4 * len(nodes))
    by_name = {node.name: node for node in nodes}
    order = ordered([[n.name for n in group] for group in groups], [(a.pre, a.post) for a in arcs], stacked)
    groups = [[by_name[name] for name in group] for group in order]
    rows = [[node] for group in groups for node in group] if stacked else groups
    style = "plain" if len(rows) <= 12 else "compact" if len(rows) < _TIGHT_FROM else "tight"
    pad = _PAD if style != "tight" else 9.0
    width = max(46.0 if style != "tight" else 20.0, max(_name_width(node, style) for node in nodes) + pad)
    height = {"plain": 20.0, "compact": 11.0, "tight": 7.0}[style]
    most_gap = 34.0 if most > 1 and not stacked else 20.0 if style == "plain" else 12.0
    gap = float(np.clip(740 / len(rows) - height, 3.5, most_gap)) if style != "tight" else 2.2
    gaps = [gap] * (len(rows) - 1)
    bands: list[list[str]] = []
    if stacked:
        bands = [[n.name for n in group] for group in groups if len(group) > 1 and group[0].role == "area"]
        last = np.cumsum([len(group) for group in groups])[:-1] - 1
        gaps = [1.7 * gap if i in last else gap for i in range(len(rows) - 1)]
    boxes = arrange(rows, width, height, _ACROSS, gaps)
    reach = max(COLUMN - 12 - width, 80.0) / 2 / 0.76 if style == "tight" else None
    beziers = route(arcs, boxes, gap, reach)
    if style == "tight":
        beziers = [
            _ring(boxes[arc.pre]) if arc.pre == arc.post else bezier
            for arc, bezier in zip(arcs, beziers, strict=True)
        ]
    scale = 0.4 if style == "tight" else float(np.clip(gap / 14, 0.3, 1.0))
    return Plan(boxes, beziers, style, gap, scale, bands)


def _name_width(node: Node, style: str) -> float:
    name = text_width(node.name, {"plain": TEXT, "compact": NAME, "tight": TIGHT}[style])
    size = text_width(f"{node.size:,}", NAME - 0.5 if style != "tight" else TIGHT)
    return max(name, size) if style == "plain" else name + 5 + size


def _ring(box: Box) -> Points:
    """A small loop at the upper right corner of a box that has no room above."""
    x, y = box.x + box.width / 2, box.y
    return np.array([(x, y + 2.4), (x + 9, y + 5.0), (x + 9, y - 5.0), (x, y - 2.4)])


def freely(nodes: Sequence[Node], arcs: Sequence[Arc], faint: Container[int]) -> Plan:
    """Boxes where few arcs cross, the faint ones aside; numbered discs where there are many."""
    width = max(40.0, max(_name_width(node, "plain") for node in nodes) + _PAD)
    room = PAGE - width - 40
    numbered = len(nodes) >= _NUMBERED_FROM or width * math.sqrt(len(nodes)) > room
    near = 0.05 if numbered else 0.4 / math.sqrt(len(nodes))
    pairs = [(arc.pre, arc.post) for i, arc in enumerate(arcs) if i not in faint]
    place = free_places([node.name for node in nodes], pairs, near)
    if numbered:
        width = height = _DISC
        across = down = COLUMN - 50.0
        style, scale = "numbered", 0.45 if len(arcs) > 120 else 0.6
    else:
        height = 20.0
        across = max(COLUMN - width - 40, min(1.6 * width * math.sqrt(len(nodes)), room))
        down = 62.0 * math.sqrt(len(nodes))
        style, scale = "plain", 0.8
    at = np.array([place[node.name] for node in nodes]) * [across, down]
    at = _apart(at, width + 14, height + (22 if not numbered else 4))
    boxes = {n.name: Box(float(x), float(y), width, height, 0) for n, (x, y) in zip(nodes, at, strict=True)}
    centre = at.mean(axis=0)
    both = {(arc.pre, arc.post) for arc in arcs}
    between = [
        _between(boxes[arc.pre], boxes[arc.post], (arc.post, arc.pre) in both, numbered)
        for arc in arcs
        if arc.pre != arc.post
    ]
    taken = np.concatenate([np.zeros((0, 2)), *(curve(bezier) for bezier in between)])
    rest = iter(between)
    beziers = [
        next(rest)
        if arc.pre != arc.post
        else _disc_loop(boxes[arc.pre], centre)
        if numbered
        else _box_loop(boxes[arc.pre], centre, taken)
        for arc in arcs
    ]
    return Plan(boxes, beziers, style, 14.0, scale)


def _apart(at: Points, width: float, height: float) -> Points:
    """Centres moved until no two boxes of this size overlap, each pair along the shorter way out."""
    at = at.copy()
    for _ in range(200):
        gap = at[:, None] - at[None]
        over = np.array([width, height]) - np.abs(gap)
        np.einsum("iik->ik", over)[:] = -1.0
        touching = (over > 1e-3).all(axis=2)
        if not touching.any():
            break
        for i, j in np.argwhere(np.triu(touching)).tolist():
            axis = int(over[i, j, 0] / width > over[i, j, 1] / height)
            push = over[i, j, axis] / 2 + 0.01
            sign = 1.0 if gap[i, j, axis] >= 0 else -1.0
            at[i, axis] += sign * push / 2
            at[j, axis] -= sign * push / 2
    return at


def _between(pre: Box, post: Box, both: bool, round_: bool) -> Points:
    """An arc that bows to the right of its way, so that two of opposite ways pass on two sides."""
    start, end = np.array([pre.x, pre.y]), np.array([post.x, post.y])
    along = end - start
    length = float(np.hypot(*along))
    right = np.array([along[1], -along[0]]) / max(length, 1e-9)
    bow = right * min(0.16 if both else 0.06, 22 / max(length, 1.0)) * length
    whole = np.array([start, start + along / 3 + bow, start + 2 * along / 3 + bow, end])
    t = np.linspace(0, 1, 201)
    points = _points(whole, t)
    outside = ~_inside(points, pre, round_) & ~_inside(points, post, round_)
    shown = np.flatnonzero(outside)
    if not shown.size:
        return whole
    return _part(whole, t[shown[0]], t[shown[-1]])


def _points(bezier: Points, t: Points) -> Points:
    t = t[:, None]
    a, b, c, d = bezier
    return np.asarray((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d)


def _inside(points: Points, box: Box, round_: bool) -> NDArray[np.bool_]:
    apart = np.abs(points - [box.x, box.y]) / [box.width / 2, box.height / 2]
    return np.asarray((apart**2).sum(axis=1) < 1.0 if round_ else (apart < 1.0).all(axis=1))


def _part(bezier: Points, first: float, last: float) -> Points:
    """The piece of a Bézier curve between two parameters, by blossoming."""

    def blossom(s: float, t: float, u: float) -> Points:
        points = bezier
        for at in (s, t, u):
            points = (1 - at) * points[:-1] + at * points[1:]
        return points[0]

    return np.array(
        [
            blossom(first, first, first),
            blossom(first, first, last),
            blossom(first, last, last),
            blossom(last, last, last),
        ]
    )


def _box_loop(box: Box, centre: Points, taken: Points) -> Points:
    """A loop at a box, away from points `taken` by other arcs; above or below rather than beside it."""
    outward = np.array([box.x, box.y]) - centre
    outward = outward / max(float(np.hypot(*outward)), 1e-9)
    shift = max(box.width / 2 - 11.0, 0.0)
    places = [(np.array([0.0, y]), dx) for y in (1.0, -1.0) for dx in (0.0, shift, -shift)]
    places += [(np.array([x, 0.0]), 0.0) for x in (1.0, -1.0)]

    def cost(place: tuple[Points, float]) -> float:
        out, dx = place
        apart = curve(_loop_at(box, out, dx))[4:-4, None] - taken
        near = float(np.hypot(apart[..., 0], apart[..., 1]).min(initial=_LOOP))
        return -2.0 * near - 3.0 * float(out @ outward) + 4.0 * abs(out[0]) + (dx != 0)

    return _loop_at(box, *min(places, key=cost))


def _loop_at(box: Box, out: Points, dx: float) -> Points:
    half = np.array([box.width, box.height]) / 2
    along = np.abs(out[::-1])
    apart = along * min(8.0, 0.55 * float(half @ along))
    middle = np.array([box.x + dx, box.y]) + out * half
    reach = out * 1.54 * _LOOP
    return np.array([middle + apart, middle + apart + reach, middle - apart + reach, middle - apart])


def _disc_loop(box: Box, centre: Points) -> Points:
    """A loop on the side of a disc that faces away from the others."""
    out = np.array([box.x, box.y]) - centre
    out = out / float(np.hypot(*out)) if np.hypot(*out) > 1e-6 else np.array([0.0, 1.0])
    turn = np.array([-out[1], out[0]])
    radius = box.width / 2
    ends = [np.array([box.x, box.y]) + radius * (0.75 * out + s * 0.66 * turn) for s in (-1, 1)]
    return np.array(
        [ends[0], ends[0] + _LOOP * (out - 0.5 * turn), ends[1] + _LOOP * (out + 0.5 * turn), ends[1]]
    )
