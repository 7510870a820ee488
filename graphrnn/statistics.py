"""Connectivity statistics of a Connectome, as pandas tables: one row per area, one per projection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome import HIDDEN_KINDS, Connectome, Node, Projection, kind_between

if TYPE_CHECKING:
    import pandas

__all__ = ["areas", "projections"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def areas(net: Connectome) -> pandas.DataFrame:
    """The connectivity of each area; one row per area, in their order, with the name as index.

    Degrees and reciprocity count hidden synapses, those from neuron to neuron. NaN stands where a column is
    0 / 0, as the density of an area that can have no synapse, or the shares of one that receives none.

    ====================  =============================================================================
    column                meaning
    ====================  =============================================================================
    `neurons`             number of neurons n
    `excitatory`          neurons of sign +1
    `inhibitory`          neurons of sign -1; the rest has no known sign
    `synapses_within`     synapses m from a neuron of the area to one of the area, self-connections included
    `density_within`      m / possible, where possible is n², or n² - n where the within projection leaves
                          self-connections out
    `in_degree_mean`      mean over the area's neurons of the number of synapses onto a neuron, from its
                          own and from other areas
    `in_degree_sd`        its standard deviation, with n and not n - 1: these are all neurons
    `in_degree_min`       the smallest
    `in_degree_max`       the largest
    `out_degree_mean`     the same four for the number of synapses that leave a neuron
    `out_degree_sd`
    `out_degree_min`
    `out_degree_max`
    `without_input`       neurons onto which no synapse runs, neither from a neuron nor from an input
    `without_output`      neurons from which no synapse runs, neither to a neuron nor to a readout
    `share_forward`       of all synapses onto the area, those from inputs included, the fraction that is
                          forward; the six shares add up to 1
    `share_backward`      the fraction that is backward
    `share_lateral`       the fraction that is lateral
    `share_within`        the fraction from the area itself
    `share_unclassified`  the fraction from other areas whose levels are not known
    `share_input`         the fraction from inputs
    `reciprocity`         of the m synapses within the area, the fraction i → j (i ≠ j) for which j → i exists
                          too; self-connections count in m alone. NaN where m = 0
    ====================  =============================================================================

    Args:
        net: the network.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> graph.add_area("V2", 20)
        >>> graph.project("V1", "V1", 0.2)
        >>> graph.project("V1", "V2", gr.FixedIndegree(5))
        >>> table = gr.statistics.areas(graph.compile(seed=0))
        >>> table.loc["V2", ["neurons", "in_degree_mean", "share_forward", "without_output"]].tolist()
        [20.0, 5.0, 1.0, 20.0]

    Source:
        Reciprocity: Newman, Forrest and Balthrop, Phys. Rev. E 66, 035101 (2002), as `networkx.reciprocity`
        computes it. Degrees: Rubinov and Sporns, NeuroImage 52 (2010).
    """
    import pandas as pd

    _check_connectome("areas", net)
    within, reciprocated = _within(net)
    size = np.array([area.size for area in net.areas], np.int64)
    columns: dict[str, NDArray[Any]] = {
        "neurons": size,
        "excitatory": _per_area(net, np.add, (net.sign > 0).astype(np.int64)),
        "inhibitory": _per_area(net, np.add, (net.sign < 0).astype(np.int64)),
        "synapses_within": within,
        "density_within": _ratio(within, _possible_within(net)),
    }
    in_degree, out_degree = net.hidden.in_degree, net.hidden.out_degree
    for name, degree in (("in_degree", in_degree), ("out_degree", out_degree)):
        mean = _per_area(net, np.add, degree) / size
        deviation = degree - mean[net.area_index]
        columns |= {
            f"{name}_mean": mean,
            f"{name}_sd": np.sqrt(_per_area(net, np.add, deviation**2) / size),
            f"{name}_min": _per_area(net, np.minimum, degree),
            f"{name}_max": _per_area(net, np.maximum, degree),
        }
    unheard = (in_degree + net.input.in_degree == 0).astype(np.int64)
    unread = (out_degree + net.readout.out_degree == 0).astype(np.int64)
    columns["without_input"] = _per_area(net, np.add, unheard)
    columns["without_output"] = _per_area(net, np.add, unread)
    columns |= _shares(net)
    columns["reciprocity"] = _ratio(reciprocated, within)
    return pd.DataFrame(columns, index=pd.Index([area.name for area in net.areas], name="area"))


def projections(net: Connectome) -> pandas.DataFrame:
    """The synapses of each projection, asked for and realised; one row per projection, in their order.

    ===================  ==========================================================================
    column               meaning
    ===================  ==========================================================================
    `pre`                name of the source
    `post`               name of the target
    `kind`               forward, backward, lateral, within, unclassified, input or readout
    `rule`               the connection rule as text; "measured" where the synapses were observed
    `possible`           number N of synapses that could exist: n_pre · n_post, less the self-connections
                         where the projection leaves them out
    `synapses`           number k of synapses that exist
    `density_asked`      what the rule draws on average, divided by N; NaN where it asks for no number
                         (`DistanceDependent`, measured wiring)
    `density`            k / N; NaN where N = 0
    `density_low`        lower end of the 95 % Clopper-Pearson interval of a binomial proportion,
                         B(0.025; k, N - k + 1), where B(q; a, b) is the q-quantile of the beta distribution;
                         0 where k = 0
    `density_high`       upper end, B(0.975; k + 1, N - k); 1 where k = N
    `in_degree_mean`     k / n_post: synapses of this projection onto a target neuron, on average
    `out_degree_mean`    k / n_pre: synapses of this projection from a source neuron, on average
    ===================  ==========================================================================

    The interval takes the k synapses for N independent trials of one probability. That is what `Bernoulli`
    does, and then it holds `density_asked` in at least 95 of 100 draws. It is computed in the same way for
    all other rules, where it only shows how well k synapses determine a density: rules that fix the number
    (`AllToAll`, `OneToOne`, `FixedIndegree`, `FixedOutdegree`, `FixedTotalNumber`, `Explicit`) do not
    scatter at all, and `DistanceDependent` scatters less than a binomial number of the same mean.

    Args:
        net: the network.

    Raises:
        TypeError: for anything but a Connectome.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> graph.add_area("V2", 20)
        >>> graph.project("V1", "V2", 0.1)
        >>> table = gr.statistics.projections(graph.compile(seed=1))
        >>> table[["kind", "possible", "synapses", "density_asked"]].values.tolist()
        [['forward', 600, 56, 0.1]]
        >>> table[["density_low", "density_high"]].round(3).values.tolist()
        [[0.071, 0.119]]

    Source:
        Clopper and Pearson, Biometrika 26 (1934).
    """
    import pandas as pd

    _check_connectome("projections", net)
    node = {node.name: node for node in (*net.inputs, *net.areas, *net.readouts)}
    kept = net.projections
    synapses = _synapses_of(net, kept)
    possible = np.array([p.possible for p in kept], np.int64)
    low, high = _clopper_pearson(synapses, possible)
    return pd.DataFrame(
        {
            "pre": [p.pre for p in kept],
            "post": [p.post for p in kept],
            "kind": [p.kind for p in kept],
            "rule": [p.rule for p in kept],
            "possible": possible,
            "synapses": synapses,
            "density_asked": _ratio(np.array([p.asked for p in kept], np.float64), possible),
            "density": _ratio(synapses, possible),
            "density_low": low,
            "density_high": high,
            "in_degree_mean": _ratio(synapses, np.array([node[p.post].size for p in kept])),
            "out_degree_mean": _ratio(synapses, np.array([node[p.pre].size for p in kept])),
        }
    )


def _check_connectome(function: str, net: Any) -> None:
    if isinstance(net, Connectome):
        return
    hint = (
        "Compile it first: net = graph.compile(seed=0)."
        if hasattr(net, "compile")
        else "Make one with graph.compile."
    )
    raise TypeError(f"`statistics.{function}(net)` needs a Connectome; it got {type(net).__name__}. {hint}")


def _per_area(net: Connectome, reduce: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
    """(area,) the sum, minimum or maximum of (neuron,) values over each area's neurons."""
    if not net.areas:
        return values[:0]
    return reduce.reduceat(values, [area.start for area in net.areas])


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """The quotient part / whole, NaN where whole is 0."""
    quotient: Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole != 0)
    return quotient


def _possible_within(net: Connectome) -> Ints:
    allowed = {p.pre: p.possible for p in net.projections if p.pre == p.post}
    return np.array([allowed.get(area.name, area.size**2) for area in net.areas], np.int64)


def _within(net: Connectome) -> tuple[Ints, Ints]:
    """(area,) number of synapses within each area, and of those that are reciprocated."""
    total, reciprocated = np.zeros((2, len(net.areas)), np.int64)
    for i, area in enumerate(net.areas):
        post, pre = _block(net, area)
        total[i] = post.size
        reciprocated[i] = _reciprocated(post, pre, area.size)
    return total, reciprocated


def _block(net: Connectome, area: Node) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The synapses within an area, with indices that start at the area's first neuron."""
    rows = slice(net.hidden.indptr[area.start], net.hidden.indptr[area.stop])
    post, pre = net.hidden.post[rows], net.hidden.pre[rows]
    inside = (pre >= area.start) & (pre < area.stop)
    return post[inside] - area.start, pre[inside] - area.start


def _reciprocated(post: NDArray[np.int32], pre: NDArray[np.int32], n: int) -> int:
    """How many of the distinct pairs i → j with i ≠ j have a j → i beside them."""
    from scipy.sparse import csr_array

    pattern = csr_array((np.ones(post.size, np.int8), (post, pre)), shape=(n, n))
    both = pattern.multiply(pattern.T.tocsr()).nnz
    return int(both) - int((post == pre).sum())


def _shares(net: Connectome) -> dict[str, Floats]:
    """Per kind, the (area,) fraction of all synapses onto each area that is of this kind."""
    given = {(p.pre, p.post): p.kind for p in net.projections}
    incoming = {kind: np.zeros(len(net.areas), np.int64) for kind in (*HIDDEN_KINDS, "input")}
    for which in ("input", "hidden"):
        counts = net.counts(which)
        posts, pres = net.ends(which)
        for row, column in np.argwhere(counts).tolist():
            post, pre = posts[row], pres[column]
            kind = given.get((pre.name, post.name)) or kind_between(pre, post)
            incoming[kind][row] += counts[row, column]
    total = np.sum(list(incoming.values()), axis=0)
    return {f"share_{kind}": _ratio(number, total) for kind, number in incoming.items()}


def _synapses_of(net: Connectome, kept: tuple[Projection, ...]) -> Ints:
    """(projection,) the number of synapses of each projection."""
    number: dict[tuple[str, str], int] = {}
    for which in ("input", "hidden", "readout"):
        counts = net.counts(which)
        posts, pres = net.ends(which)
        for row, post in enumerate(posts):
            for column, pre in enumerate(pres):
                number[pre.name, post.name] = counts[row, column]
    return np.array([number[p.pre, p.post] for p in kept], np.int64)


def _clopper_pearson(successes: Ints, trials: Ints, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """The exact two-sided interval of a binomial proportion."""
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    failures = trials - successes
    # a parameter of 0 means an end at 0 or 1; the 1 in its place only keeps betaincinv's arguments valid
    low = betaincinv(np.maximum(successes, 1), failures + 1, tail)
    high = betaincinv(successes + 1, np.maximum(failures, 1), 1 - tail)
    return np.where(successes == 0, 0.0, low), np.where(failures == 0, 1.0, high)
