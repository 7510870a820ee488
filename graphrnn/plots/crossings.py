"""Orders and places of nodes at which few arcs cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_crossings", "free_places", "ordered"]

Points = NDArray[np.float64]
Pairs = NDArray[np.int64]

_SWEEPS = 8
_MOVES = 100  # per node
_HEAT = 1.0  # how much worse a move may be at first
_MANY = 30  # nodes
_ROW = 0.12  # height of the row of nodes without arcs
_IN_ROW = 10
_STRESS = 0.4  # what it costs to put nodes further apart or nearer than their distance in the graph


def count_crossings(start: Points, end: Points, others: tuple[Points, Points] | None = None) -> int:
    """How many of the segments cross, or cross one of the others; those that share an end do not."""
    second = (start, end) if others is None else others
    crossed = _cross(start, end, *second)
    return int(crossed.sum()) // (2 if others is None else 1)


def _cross(a: Points, b: Points, c: Points, d: Points) -> NDArray[np.bool_]:
    """(first, second) whether the open segments a b and c d cross."""
    a, b, c, d = a[:, None], b[:, None], c[None], d[None]
    first = _side(a, b, c) * _side(a, b, d) < 0
    return np.asarray(first & (_side(c, d, a) * _side(c, d, b) < 0))


def _side(a: Points, b: Points, p: Points) -> Points:
    return np.asarray(
        (b[..., 0] - a[..., 0]) * (p[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (p[..., 0] - a[..., 0])
    )


def ordered(
    groups: Sequence[Sequence[str]], arcs: Sequence[tuple[str, str]], stacked: bool
) -> list[list[str]]:
    """The groups, each in an order in which few arcs cross, or in a stack in which arcs are short.

    Sweeps up and down put each node at the mean place of its neighbours; the best order met is kept, and the
    given one where none is better.

    Args:
        groups: names, from below.
        arcs: (pre, post) names.
        stacked: all nodes stand above each other, else each group in a row.
    """
    best = [list(group) for group in groups]
    if all(len(group) < 3 for group in groups) and (stacked or all(len(g) < 2 for g in groups)):
        return best
    neighbours: dict[str, list[str]] = {name: [] for group in groups for name in group}
    for pre, post in arcs:
        if pre != post:
            neighbours[pre].append(post)
            neighbours[post].append(pre)
    least = _cost(best, arcs, stacked)
    order = [list(group) for group in groups]
    for sweep in range(_SWEEPS):
        for group in order if sweep % 2 == 0 else order[::-1]:
            place = _places(order, stacked)
            along = 1 if stacked else 0
            mean = {
                name: np.mean([place[other][along] for other in neighbours[name]] or [place[name][along]])
                for name in group
            }
            group.sort(key=lambda name, mean=mean: mean[name])  # type: ignore[misc]
        cost = _cost(order, arcs, stacked)
        if cost < least:
            best, least = [list(group) for group in order], cost
    return best


def _places(groups: Sequence[Sequence[str]], stacked: bool) -> dict[str, tuple[float, float]]:
    if stacked:
        return {name: (0.0, float(i)) for i, name in enumerate(n for group in groups for n in group)}
    return {
        name: (i - (len(group) - 1) / 2, float(row))
        for row, group in enumerate(groups)
        for i, name in enumerate(group)
    }


def _cost(groups: Sequence[Sequence[str]], arcs: Sequence[tuple[str, str]], stacked: bool) -> float:
    place = _places(groups, stacked)
    ends = np.array([[place[pre], place[post]] for pre, post in arcs if pre != post])
    if not len(ends):
        return 0.0
    if stacked:
        return float(np.abs(ends[:, 0, 1] - ends[:, 1, 1]).sum())
    return count_crossings(ends[:, 0], ends[:, 1])


def free_places(
    names: Sequence[str], arcs: Sequence[tuple[str, str]], near: float
) -> dict[str, tuple[float, float]]:
    """A place for each node in the unit square, at which few straight arcs cross or run over a node.

    From several starts (multidimensional scaling, a circle, and a drawing without any crossing where there is
    one) nodes are moved one by one, in the end only where that helps; the best end is taken. The same graph
    is always placed the same way. Up to 10 nodes without arcs stand in a row below.

    Args:
        names: the nodes.
        arcs: (pre, post) names.
        near: the distance, relative to the side of the square, at which an arc runs over a node.
    """
    ends = {name for pre, post in arcs if pre != post for name in (pre, post)}
    alone = [name for name in names if name not in ends]
    if ends and 0 < len(alone) <= _IN_ROW:
        within = [arc for arc in arcs if arc[0] in ends]
        joined = free_places([name for name in names if name in ends], within, near)
        row = {name: ((i + 0.5) / len(alone), 0.0) for i, name in enumerate(alone)}
        return {name: (x, _ROW + (1 - _ROW) * y) for name, (x, y) in joined.items()} | row
    index = {name: i for i, name in enumerate(names)}
    pairs = sorted({(min(p, q), max(p, q)) for p, q in ((index[a], index[b]) for a, b in arcs) if p != q})
    edges = np.array(pairs, np.int64).reshape(-1, 2)
    wanted = _distances(len(names), edges)
    best: Points = np.full((len(names), 2), 0.5)
    least = np.inf
    for start in _starts(len(names), edges, wanted):
        place = _improved(_in_square(start), edges, wanted, near)
        cost = _whole_cost(place, edges, wanted, near)
        if cost < least:
            best, least = place, cost
    best = _in_square(best)
    return {name: (float(x), float(y)) for name, (x, y) in zip(names, best, strict=True)}


def _distances(n: int, edges: Pairs) -> Points:
    """(node, node) steps between nodes; nodes without a path are one step further than the longest."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import shortest_path

    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n)).tocsr()
    steps = shortest_path(graph, directed=False, unweighted=True)
    finite = np.isfinite(steps)
    return np.where(finite, steps, steps[finite].max(initial=0.0) + 1)


def _starts(n: int, edges: Pairs, wanted: Points) -> list[Points]:
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(edges.tolist())
    layouts: list[Mapping[int, Points]] = [nx.circular_layout(graph)]
    if n > 2 and nx.check_planarity(graph)[0]:
        layouts.append(nx.planar_layout(graph))
    starts = [np.array([layout[i] for i in range(n)], float) for layout in layouts]
    if n > _MANY:
        starts = []  # one start is enough to wait for
    return [_scaled(wanted), *starts] if n > 2 else starts


def _scaled(wanted: Points) -> Points:
    """Classical multidimensional scaling: places whose distances are near the wanted ones."""
    n = len(wanted)
    centring = np.eye(n) - 1 / n
    value, vector = np.linalg.eigh(-0.5 * centring @ wanted**2 @ centring)
    place = vector[:, -2:] * np.sqrt(np.maximum(value[-2:], 0.0))
    # nodes that stand at the same distance from all others would lie on each other
    return np.asarray(place + 0.01 * np.random.default_rng(0).standard_normal(place.shape))


def _in_square(place: Points) -> Points:
    low, high = place.min(axis=0), place.max(axis=0)
    span = high - low
    return np.where(span > 1e-9, (place - low) / np.where(span > 1e-9, span, 1.0), 0.5)


def _improved(place: Points, edges: Pairs, wanted: Points, near: float) -> Points:
    """Nodes moved at random by less and less, or next to their neighbours, where that costs less.

    At first also where it costs more (simulated annealing), so that a node can pass one in its way.
    """
    rng = np.random.default_rng(0)
    place = place.copy()
    n = len(place)
    own = [np.flatnonzero((edges == i).any(axis=1)) for i in range(n)]
    moves = min(max(_MOVES * n, 400), 3000) if n > 2 else 0
    for move in range(moves):
        i = int(rng.integers(n))
        step = 0.4 * (1 - move / moves) + 0.02
        before = place[i].copy()
        old = _cost_of(i, place, edges, own[i], wanted, near)
        neighbours = edges[own[i]][edges[own[i]] != i]
        middle = place[neighbours].mean(axis=0) if neighbours.size and move % 4 == 0 else before
        place[i] = np.clip(middle + step * rng.standard_normal(2), 0.0, 1.0)
        worse = _cost_of(i, place, edges, own[i], wanted, near) - old
        if worse > _HEAT * (1 - move / moves) ** 2 * rng.exponential():
            place[i] = before
    return place


def _cost_of(i: int, place: Points, edges: Pairs, own: Pairs, wanted: Points, near: float) -> float:
    """What of the cost depends on the place of node i."""
    start, end = place[edges[:, 0]], place[edges[:, 1]]
    crossed = count_crossings(start[own], end[own], (start, end))
    over = (
        _near(place, start[own], end[own], near).sum()
        - 2 * len(own)
        + _near(place[i : i + 1], start, end, near).sum()
        - len(own)
    )
    return crossed + 2.0 * over + _STRESS * _stress(place[i : i + 1], place, wanted[i : i + 1], near)


def _whole_cost(place: Points, edges: Pairs, wanted: Points, near: float) -> float:
    start, end = place[edges[:, 0]], place[edges[:, 1]]
    over = _near(place, start, end, near).sum() - 2 * len(edges)
    return count_crossings(start, end) + 2.0 * over + _STRESS / 2 * _stress(place, place, wanted, near)


def _stress(some: Points, place: Points, wanted: Points, near: float) -> float:
    longest = max(float(wanted.max()), 1.0)
    apart = np.hypot(*(some[:, None] - place[None]).transpose(2, 0, 1))
    relative = np.where(wanted > 0, (apart * longest - 1.1 * wanted) / np.maximum(wanted, 1), 0.0)
    close = np.where(wanted > 0, np.maximum(2.2 * near - apart, 0.0) / near, 0.0)
    return float((relative**2).sum() + 10.0 * (close**2).sum())


def _near(place: Points, start: Points, end: Points, near: float) -> NDArray[np.bool_]:
    """(node, edge) whether a node lies next to an edge or is one of its ends."""
    along = end - start
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    t = np.clip(((place[:, None] - start) * along).sum(axis=2) / length, 0.0, 1.0)
    gap = place[:, None] - (start + t[..., None] * along)
    return np.asarray((gap**2).sum(axis=2) < near**2)
