"""Neurons: degrees by kind and sign, strengths, clustering, core and component of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import HIDDEN_KINDS, Connectome, kind_between
from graphrnn.connectome.edges import neuron_names
from graphrnn.statistics._clustering import clustering_of
from graphrnn.statistics._tally import check_connectome
from graphrnn.statistics._wiring import Floats, Ints, matrix_of

if TYPE_CHECKING:
    import pandas

__all__ = ["component_labels", "core_numbers", "degree_distribution", "neurons"]


def neurons(net: Connectome) -> pandas.DataFrame:
    """The connectivity of each neuron; one row per neuron, in their order.

    Degrees count hidden synapses, those from neuron to neuron, self-connections included; for `in_input` and
    `out_readout` those from inputs and to readouts. Clustering and core leave self-connections out.

    =====================  ===========================================================================
    column                 meaning
    =====================  ===========================================================================
    `area`                 name of its area
    `sign`                 1 excitatory, -1 inhibitory, 0 not known
    `in_degree`            number of synapses onto it; the next five add up to it
    `in_forward`           those of forward projections
    `in_backward`          those of backward ones
    `in_lateral`           those of lateral ones
    `in_within`            those from its own area
    `in_unclassified`      those from other areas whose levels are not known
    `in_input`             number of synapses onto it from inputs
    `in_excitatory`        of `in_degree`, those from neurons of sign 1
    `in_inhibitory`        those from neurons of sign -1
    `out_degree`           number of synapses from it, and the same of these
    `out_forward`
    `out_backward`
    `out_lateral`
    `out_within`
    `out_unclassified`
    `out_readout`          number of synapses from it to readouts
    `out_excitatory`       of `out_degree`, those to neurons of sign 1
    `out_inhibitory`       those to neurons of sign -1
    `reciprocal`           number of other neurons with which it has synapses in both directions
    `self_connection`      1 with a synapse onto itself, else 0
    `in_strength`          Σ |w| of the synapses onto it; only where synapses have weights, as the next three
    `in_weight`            Σ w of these: below 0 where inhibition prevails
    `out_strength`         Σ |w| of the synapses from it
    `out_weight`           Σ w of these
    `clustering`           c_i = t_i / (d_i (d_i - 1) - 2 r_i), the closed part of its possible directed
                           triangles: t_i = ½ [(A + Aᵀ)³]_ii, d_i in-degree plus out-degree, r_i
                           `reciprocal`; 0 where none is possible
    `clustering_weighted`  the same with t_i of the cube roots of weights, Ŵ = (|W| / max |w|)^⅓ for A; only
                           where synapses have weights
    `core`                 the largest k such that it belongs to a set of neurons that all have k synapses
                           or more, in and out together, with others of the set
    `weak_component`       number of its component, joined by synapses in either direction; 0 is the
                           largest, of equal ones the one with the first neuron
    `strong_component`     number of its component, in which every neuron reaches every other; numbered so too
    =====================  ===========================================================================

    A weight that is not known makes the sums that it belongs to NaN.

    Args:
        net: the network.

    Returns:
        A DataFrame with the neurons' names as index, "area/index" where they have none.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> table = gr.statistics.neurons(gr.datasets.celegans())
        >>> table.loc["AVAL", ["in_degree", "out_degree", "core", "weak_component"]].tolist()
        [53, 37, 12, 0]

    Source:
        Clustering: Fagiolo, Phys. Rev. E 76, 026107 (2007). Core: Seidman, Soc. Networks 5 (1983); Batagelj
        and Zaveršnik, arXiv:cs/0310049 (2003).
    """
    import pandas as pd

    check_connectome("statistics.neurons(net)", net)
    matrix = matrix_of(net)
    columns: dict[str, NDArray[Any]] = {"sign": net.sign.astype(np.int64)}
    columns |= _degrees(net, "in") | _degrees(net, "out")
    columns["reciprocal"] = np.diff(matrix.multiply(matrix.T.tocsr()).tocsr().indptr).astype(np.int64)
    columns["self_connection"] = net.hidden.in_degree - np.diff(matrix.indptr)
    if net.hidden.weight is not None:
        columns |= _strengths(net, net.hidden.weight.astype(np.float64))
    columns["clustering"] = clustering_of(matrix)
    if net.hidden.weight is not None:
        strength = matrix_of(net, np.abs(net.hidden.weight).astype(np.float64)).data
        largest = strength[~np.isnan(strength)].max(initial=0.0)
        root = np.cbrt(strength / largest) if largest else strength
        columns["clustering_weighted"] = clustering_of(matrix, weight=root)
    columns["core"] = core_numbers(matrix)
    for connection in ("weak", "strong"):
        columns[f"{connection}_component"] = component_labels(matrix, connection)
    table = pd.DataFrame(columns, index=pd.Index(neuron_names(net), name="neuron"))
    names = np.array([area.name for area in net.areas], object)
    table.insert(0, "area", names[net.area_index] if net.areas else names)
    return table


def degree_distribution(net: Connectome) -> pandas.DataFrame:
    """How many neurons have each in-degree and out-degree; one row per degree, from 0 to the largest.

    ============  ===============================================================================
    column        meaning
    ============  ===============================================================================
    `in`          number of neurons of in-degree k, the degree of the row
    `out`         number of neurons of out-degree k
    `in_above`    fraction of neurons of in-degree k or more, the complementary cumulative distribution
    `out_above`   the same for the out-degree
    `poisson`     number expected of wiring at random: n P(k), P the Poisson distribution of the mean degree
    ============  ===============================================================================

    Degrees count hidden synapses, self-connections included.

    Args:
        net: the network.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 10)
        >>> graph.project("V1", "V1", gr.FixedIndegree(3))
        >>> gr.statistics.degree_distribution(graph.compile(seed=0))["in"].tolist()[:4]
        [0, 0, 0, 10]
    """
    import pandas as pd
    from scipy.stats import poisson

    check_connectome("statistics.degree_distribution(net)", net)
    n, into, out = net.n_neurons, net.hidden.in_degree, net.hidden.out_degree
    number = int(max(into.max(initial=0), out.max(initial=0))) + 1
    columns: dict[str, NDArray[Any]] = {
        name: np.bincount(degree, minlength=number) for name, degree in (("in", into), ("out", out))
    }
    for name in ("in", "out"):
        columns[f"{name}_above"] = columns[name][::-1].cumsum()[::-1] / n if n else np.full(number, np.nan)
    columns["poisson"] = n * poisson.pmf(np.arange(number), net.hidden.size / n if n else 0.0)
    return pd.DataFrame(columns, index=pd.Index(np.arange(number), name="degree"))


def core_numbers(matrix: Any) -> Ints:
    """(neuron,) core numbers by total degree, of a csr_array without self-connections.

    Neurons of the lowest degree are peeled off, all at once and again while others fall to it.
    """
    both = (matrix.astype(np.int64) + matrix.T.tocsr()).tocsr()
    degree = np.asarray(both.sum(axis=1))
    core = np.zeros(degree.size, np.int64)
    left = np.ones(degree.size, bool)
    remaining, k = np.arange(degree.size), 0
    while remaining.size:
        k = max(k, int(degree[remaining].min()))
        peeled = remaining[degree[remaining] <= k]
        while peeled.size:
            core[peeled] = k
            left[peeled] = False
            lost = both[peeled]
            np.subtract.at(degree, lost.indices, lost.data)
            touched = np.unique(lost.indices)
            peeled = touched[left[touched] & (degree[touched] <= k)]
        remaining = remaining[left[remaining]]
    return core


def component_labels(matrix: Any, connection: str) -> Ints:
    """(neuron,) numbers of the "weak" or "strong" components, the largest first."""
    from scipy.sparse.csgraph import connected_components

    if not matrix.shape[0]:
        return np.zeros(0, np.int64)
    label = connected_components(matrix, directed=True, connection=connection)[1]
    _, first, size = np.unique(label, return_index=True, return_counts=True)
    place = np.empty(size.size, np.int64)
    place[np.lexsort((first, -size))] = np.arange(size.size)
    return place[label]


def _degrees(net: Connectome, direction: str) -> dict[str, Ints]:
    """The degrees in one direction: of all synapses, by kind, of inputs or readouts, by the other's sign."""
    hidden, n = net.hidden, net.n_neurons
    mine, other = (hidden.post, hidden.pre) if direction == "in" else (hidden.pre, hidden.post)
    kind = _kind_codes(net)[net.area_index[hidden.post], net.area_index[hidden.pre]]
    number = len(HIDDEN_KINDS)
    by_kind = np.bincount(mine.astype(np.int64) * number + kind, minlength=n * number).reshape(n, number)
    degrees = {f"{direction}_degree": by_kind.sum(axis=1)}
    degrees |= {f"{direction}_{name}": by_kind[:, k] for k, name in enumerate(HIDDEN_KINDS)}
    if direction == "in":
        degrees["in_input"] = net.input.in_degree
    else:
        degrees["out_readout"] = net.readout.out_degree
    for name, sign in (("excitatory", 1), ("inhibitory", -1)):
        degrees[f"{direction}_{name}"] = np.bincount(mine[net.sign[other] == sign], minlength=n)
    return degrees


def _kind_codes(net: Connectome) -> Ints:
    """(post area, pre area) the place in HIDDEN_KINDS of the kind of the synapses between two areas."""
    given = {(p.pre, p.post): p.kind for p in net.projections}
    codes = [
        [HIDDEN_KINDS.index(given.get((pre.name, post.name)) or kind_between(pre, post)) for pre in net.areas]
        for post in net.areas
    ]
    return np.array(codes, np.int64).reshape(len(net.areas), len(net.areas))


def _strengths(net: Connectome, weight: Floats) -> dict[str, NDArray[Any]]:
    hidden, n = net.hidden, net.n_neurons
    return {
        f"{direction}_{name}": np.bincount(end, values, minlength=n)
        for direction, end in (("in", hidden.post), ("out", hidden.pre))
        for name, values in (("strength", np.abs(weight)), ("weight", weight))
    }
