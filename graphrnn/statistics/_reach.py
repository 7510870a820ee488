"""Shortest paths: through synapses from inputs and to readouts, and through projections between areas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import Connectome
from graphrnn.statistics._tally import Floats, area_mean, pattern, per_area

__all__ = ["area_betweenness", "path_columns", "steps_from_input", "steps_to_readout"]


def steps_from_input(net: Connectome) -> Floats:
    """(neuron,) fewest synapses from any input to each neuron, 1 for a direct one; inf without a path."""
    return _steps(net.input.in_degree > 0, pattern(net).T.tocsr())


def steps_to_readout(net: Connectome) -> Floats:
    """(neuron,) fewest synapses from each neuron to any readout, 1 for a direct one; inf without a path."""
    return _steps(net.readout.out_degree > 0, pattern(net))


def _steps(first: NDArray[Any], graph: Any) -> Floats:
    """Steps to each node, 1 for the `first`; row i of the csr `graph` has the nodes one step from node i."""
    steps = np.full(first.size, np.inf)
    front, step = np.flatnonzero(first), 1
    while front.size:
        steps[front] = step
        start, number = graph.indptr[front], np.diff(graph.indptr)[front]
        skip = np.cumsum(number) - number  # how many places the rows before this one take
        near = graph.indices[np.arange(number.sum()) + np.repeat(start - skip, number)]
        seen = np.zeros(first.size, bool)
        seen[near] = True
        front, step = np.flatnonzero(seen & np.isinf(steps)), step + 1
    return steps


def path_columns(net: Connectome) -> dict[str, NDArray[Any]]:
    """The columns of the table of areas that have to do with inputs and readouts."""
    from scipy.sparse import csr_array

    projects = csr_array(net.counts())
    from_input, to_readout = steps_from_input(net), steps_to_readout(net)
    unreached, unread = np.isinf(from_input), np.isinf(to_readout)
    columns: dict[str, NDArray[Any]] = {
        "unreached": per_area(net, np.add, unreached.astype(np.int64)),
        "unread": per_area(net, np.add, unread.astype(np.int64)),
        "silent": per_area(net, np.add, (unreached | unread).astype(np.int64)),
    }
    heard = net.counts("input").max(axis=1, initial=0) > 0
    read = net.counts("readout").max(axis=0, initial=0) > 0
    for name, steps, start, graph in (
        ("from_input", from_input, heard, projects.T.tocsr()),
        ("to_readout", to_readout, read, projects),
    ):
        columns |= {
            f"projections_{name}": _finite(_steps(start, graph)),
            f"synapses_{name}_min": _finite(per_area(net, np.minimum, steps)),
            f"synapses_{name}_mean": area_mean(net, steps, np.isfinite(steps)),
        }
    return columns


def _finite(steps: Floats) -> Floats:
    return np.where(np.isinf(steps), np.nan, steps)


def area_betweenness(strength: NDArray[Any]) -> Floats:
    """(area,) fraction of shortest paths between two other areas that run through each area.

    A path is as long as the sum of 1 / strength of its projections; of several shortest ones each counts
    in part. All NaN where a strength is.

    Args:
        strength: (post area, pre area) of each projection, 0 where there is none.
    """
    from scipy.linalg import solve_triangular
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    n = len(strength)
    if np.isnan(strength).any():
        return np.full(n, np.nan)
    through = np.zeros(n)
    if n < 3:
        return through
    length = np.divide(1.0, strength.T, out=np.full((n, n), np.inf), where=strength.T > 0)  # (pre, post)
    np.fill_diagonal(length, np.inf)
    edges = csr_array(np.where(np.isinf(length), 0.0, length))
    distance = shortest_path(edges, method="D")
    for source in range(n):
        order = np.argsort(distance[source], kind="stable")
        order = order[np.isfinite(distance[source][order])]
        far = distance[source][order]
        via = np.isclose(far[:, None] + length[np.ix_(order, order)], far[None, :], rtol=1e-12, atol=0)
        step = via.astype(float)  # step[i, j]: a shortest path from the source runs i → j, and i is nearer
        first = np.zeros(len(order))
        first[0] = 1.0
        paths = solve_triangular(-step.T, first, lower=True, unit_diagonal=True)
        onward = solve_triangular(-step, step @ (1.0 / paths), unit_diagonal=True)
        through[order[1:]] += (onward * paths)[1:]
    return through / ((n - 1) * (n - 2))
