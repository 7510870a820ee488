"""Where the boxes of an area graph stand and how its arcs run round them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Node

__all__ = ["Arc", "Box", "Points", "arrange", "bounds", "curve", "route"]

Points = NDArray[np.float64]

_NORMAL = {"top": (0.0, 1.0), "bottom": (0.0, -1.0), "right": (1.0, 0.0), "left": (-1.0, 0.0)}
_REACH = 150.0  # how far an arc bends out at most, points
_STEPS = np.linspace(0.0, 1.0, 33)[:, None]


@dataclass(frozen=True)
class Box:
    """A node's rectangle by its centre, in points, and the row that it stands in."""

    x: float
    y: float
    width: float
    height: float
    row: int


@dataclass(frozen=True)
class Arc:
    """A projection between two boxes; `number` of synapses is NaN where it is not known."""

    pre: str
    post: str
    kind: str
    number: float


def arrange(
    rows: Sequence[Sequence[Node]], width: float, height: float, across: float, gaps: Sequence[float]
) -> dict[str, Box]:
    """The box of each node, rows from below, each centred.

    Args:
        rows: of nodes.
        width: of every box.
        height: of every box.
        across: gap between boxes side by side.
        gaps: between each row and the next.
    """
    bottom = np.concatenate([[0.0], np.cumsum(np.add(gaps, height))])
    return {
        node.name: Box((i - (len(row) - 1) / 2) * (width + across), float(bottom[r]), width, height, r)
        for r, row in enumerate(rows)
        for i, node in enumerate(row)
    }


def route(arcs: Sequence[Arc], boxes: dict[str, Box], gap: float, room: float | None = None) -> list[Points]:
    """(4, 2) Bézier points of each arc.

    What runs upward passes on the right, what runs downward on the left. Of several ways an arc takes the one
    that bends little and passes few boxes; it runs behind those that it passes. None bends out by more than
    `room` points, if that is given.
    """
    longest = max((abs(boxes[arc.post].row - boxes[arc.pre].row) for arc in arcs), default=0)
    obstacles = np.array([(box.x, box.y, box.width / 2, box.height / 2) for box in boxes.values()])
    chosen = []
    for arc in arcs:
        ways = list(_ways(boxes[arc.pre], boxes[arc.post], longest, gap, room))
        hits = [
            _hits(curve(_bezier(boxes[arc.pre], boxes[arc.post], way, (0.0, 0.0))), obstacles) for way in ways
        ]
        chosen.append(
            ways[int(np.argmin([hit + way.bend / 40 for hit, way in zip(hits, ways, strict=True)]))]
        )
    _turn_loops(arcs, boxes, chosen)
    ports = _ports(arcs, boxes, chosen)
    return [
        _bezier(boxes[arc.pre], boxes[arc.post], way, port)
        for arc, way, port in zip(arcs, chosen, ports, strict=True)
    ]


def _turn_loops(arcs: Sequence[Arc], boxes: dict[str, Box], ways: list[_Way]) -> None:
    """Each loop stands on the side of its box at which fewest other arcs end, above if several have as few.

    Beside a box only at the end of a row, where it has the room.
    """
    used: dict[tuple[str, str], int] = defaultdict(int)
    for arc, way in zip(arcs, ways, strict=True):
        if arc.pre != arc.post:
            used[arc.pre, way.leave] += 1
            used[arc.post, way.arrive] += 1
    for i, arc in enumerate(arcs):
        if arc.pre == arc.post:
            side = min(_free_sides(boxes[arc.pre], boxes), key=lambda side: used[arc.pre, side])
            ways[i] = _Way(side, side, ways[i].bend)


def _free_sides(box: Box, boxes: dict[str, Box]) -> list[str]:
    row = [other.x for other in boxes.values() if other.row == box.row]
    sides = ["top", "bottom"]
    if len(row) > 1:
        sides += ["right"] * (box.x == max(row)) + ["left"] * (box.x == min(row))
    return sides


def curve(bezier: Points) -> Points:
    """(step, 2) points along a cubic Bézier curve."""
    t = _STEPS
    a, b, c, d = bezier
    return np.asarray((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d)


@dataclass(frozen=True)
class _Way:
    """The sides at which an arc leaves and arrives, and how far it bends out there, in points."""

    leave: str
    arrive: str
    bend: float


def _ways(pre: Box, post: Box, longest: int, gap: float, room: float | None) -> Iterable[_Way]:
    if pre == post:
        yield _Way("top", "top", min(0.55 * gap, 15.0))  # with its head it stays within the gap
        return
    rows = post.row - pre.row
    if rows == 0:
        rightward = post.x > pre.x
        ends = ("right", "left") if rightward else ("left", "right")
        yield _Way(*ends, abs(post.x - pre.x - (pre.width if rightward else -pre.width)) / 2)
        side = "top" if rightward else "bottom"
        yield from (_Way(side, side, gap * stretch) for stretch in (0.6, 0.9, 1.2))
        return
    side, leave, arrive = ("right", "top", "bottom") if rows > 0 else ("left", "bottom", "top")
    reach = min(14.0 + 10.0 * longest, _REACH) if room is None else room
    bow = reach * (abs(rows) / max(longest, 1)) ** 0.75
    if abs(pre.x - post.x) >= pre.width / 2:
        rise = abs(post.y - pre.y) - pre.height
        yield from (_Way(leave, arrive, rise * part) for part in (0.5, 0.9))
        yield from (_Way(*ends, bow * s) for s in (1.0, 2.0) for ends in ((leave, side), (side, arrive)))
    yield from (
        _Way(side, side, bow * stretch)
        for stretch in (1.0, 1.4, 2.0, 3.0, 4.5)
        if bow * stretch <= max(bow, _REACH if room is None else room)
    )


def _bezier(pre: Box, post: Box, way: _Way, port: tuple[float, float]) -> Points:
    start, end = _anchor(pre, way.leave, port[0]), _anchor(post, way.arrive, port[1])
    out, back = np.array(_NORMAL[way.leave]) * way.bend, np.array(_NORMAL[way.arrive]) * way.bend
    bezier = np.array([start, start + out, end + back, end])
    if way.leave == way.arrive and way.leave in ("left", "right"):
        # both handles reach equally far, so that arcs of other lengths run round this one
        far = max(bezier[1:3, 0]) if way.leave == "right" else min(bezier[1:3, 0])
        bezier[1:3, 0] = far
    return bezier


def _anchor(box: Box, side: str, port: float) -> NDArray[np.float64]:
    """A point on a side of a box; `port` runs from -1 to 1 along it."""
    normal = np.array(_NORMAL[side])
    half = np.array([box.width, box.height]) / 2
    return np.asarray(np.array([box.x, box.y]) + normal * half + np.abs(normal[::-1]) * half * port)


def _hits(points: Points, boxes: Points) -> int:
    """How many points of a curve, away from its ends, lie in a box or touch it."""
    middle = points[3:-3, None, :]
    apart = np.abs(middle - boxes[None, :, :2]) - boxes[None, :, 2:]
    return int((apart < 1.0).all(axis=2).sum())


def _ports(arcs: Sequence[Arc], boxes: dict[str, Box], ways: Sequence[_Way]) -> list[tuple[float, float]]:
    """Where each arc leaves and arrives along its sides, from -1 to 1.

    A side has two halves: arcs leave in the half that lies towards where they go, and arrive in the other. In
    each half the arcs stand in an order in which they need not cross.
    """
    groups: dict[tuple[str, str, bool], list[tuple[float, int]]] = defaultdict(list)
    for i, (arc, way) in enumerate(zip(arcs, ways, strict=True)):
        pre, post = boxes[arc.pre], boxes[arc.post]
        groups[arc.pre, way.leave, True].append((_rank(pre, post, way.leave), i))
        groups[arc.post, way.arrive, False].append((_rank(post, pre, way.arrive), i))
    at: dict[tuple[int, bool], float] = {}
    for (_, side, leaving), members in groups.items():
        low, high = _half(side, leaving)
        members.sort()
        for k, (_, i) in enumerate(members):
            if arcs[i].pre == arcs[i].post:
                apart = 0.25 if side in ("top", "bottom") else 0.55
                at[i, leaving] = apart if leaving else -apart
            else:
                at[i, leaving] = low + (high - low) * (k + 0.5) / len(members)
    return [(at[i, True], at[i, False]) for i in range(len(arcs))]


def _half(side: str, leaving: bool) -> tuple[float, float]:
    """The half of a side, without its middle (where a loop may stand) and its ends."""
    upper = {"right": leaving, "left": not leaving, "top": leaving, "bottom": not leaving}[side]
    low = 0.4 if side in ("top", "bottom") else 0.15
    return (low, 0.88) if upper else (-0.88, -low)


def _rank(here: Box, there: Box, side: str) -> float:
    """The order of arcs along a side, ascending with x or y."""
    if side in ("top", "bottom"):
        return there.x
    return -(there.y - here.y) if there.y != here.y else math.copysign(1.0, there.x - here.x)


def bounds(beziers: Sequence[Points], boxes: Iterable[Box]) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of everything."""
    corners: list[Any] = [
        (b.x + sx * b.width / 2, b.y + sy * b.height / 2) for b in boxes for sx, sy in ((-1, -1), (1, 1))
    ]
    points = np.concatenate([np.array(corners), *(curve(bezier) for bezier in beziers)])
    (left, bottom), (right, top) = points.min(axis=0), points.max(axis=0)
    return float(left), float(bottom), float(right), float(top)
