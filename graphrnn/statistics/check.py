"""What usually is a mistake in a network, found as a linter finds it in code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphrnn import _checks
from graphrnn.connectome import Connectome, kind_between
from graphrnn.statistics._reach import steps_from_input
from graphrnn.statistics._tally import block_sums, check_connectome, pattern, per_area
from graphrnn.statistics.projections import realised

if TYPE_CHECKING:
    import pandas

__all__ = ["Finding", "Findings", "check"]

_OUTLIER = 1.5  # how many times the radius of the others an eigenvalue has to be to stand out
_DENSE_UP_TO = 400


class Finding(NamedTuple):
    """One thing that usually is a mistake.

    Attributes:
        code: the check, as in the table of `check`.
        where: the area, readout or projection.
        message: what was found.
        why: why it matters, and the way out.
    """

    code: str
    where: str
    message: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.code}]\n    {self.why}"


class Findings(tuple[Finding, ...]):
    """What `check` found: a tuple that prints one finding after the other."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) if self else "nothing found"

    __repr__ = __str__

    def to_frame(self) -> pandas.DataFrame:
        """A DataFrame with the columns `code`, `where`, `message` and `why`."""
        import pandas as pd

        return pd.DataFrame(list(self), columns=list(Finding._fields))


def check(
    net: Connectome, *, long_range_inhibition: bool = True, ignore: str | Iterable[str] = ()
) -> Findings:
    """What usually is a mistake in a network, as a linter reports it.

    =========================  ==========================================================================
    code                       what it reports
    =========================  ==========================================================================
    `unreached-area`           an area in which no neuron has a path from any input; not asked of a
                               network without inputs
    `unreached-readout`        a readout with channels that no synapse reaches, or that no input reaches
                               through the network
    `neurons-without-input`    neurons onto which no synapse runs, neither from a neuron nor from an input
    `unlikely-density`         a projection whose rule could hardly have drawn its number of synapses:
                               `unlikely` in the table of projections
    `long-range-inhibition`    synapses from inhibitory neurons to another area; where signs are not known,
                               synapses of negative weight. Only with long_range_inhibition=False
    `self-connections`         synapses from a neuron to itself
    `excitatory-outlier`       the rightmost eigenvalue λ of the weights is real and far outside the disc
                               that random weights of this size fill: λ ≥ 1.5 √(Σ w² / n); and excitation
                               makes it: λ ≤ 2 Σ w / n. Only where there are weights of both signs
    `level-against-kind`       a projection whose kind is not the one that the levels of its ends mean
    =========================  ==========================================================================

    Args:
        net: the network; for a trained one, `rnn.to_connectome()`.
        long_range_inhibition: False reports inhibition from one area to another; default True, allowed.
        ignore: a code or several that are not reported.

    Returns:
        The findings, in the order of the table; empty where there is none. It prints readably, and
        `.to_frame()` makes a DataFrame of it.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for an unknown code.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_input("stimulus", 2)
        >>> graph.add_area("V1", 20)
        >>> graph.add_area("V2", 10)
        >>> graph.project("stimulus", "V1")
        >>> graph.project("V2", "V1", 0.5)
        >>> gr.statistics.check(graph.compile(seed=0))
        'V2': no path from any input reaches its 10 neurons [unreached-area]
            They carry nothing about the input. Project to it from an input or an area that hears one.

    Source:
        Outliers of unbalanced random networks: Rajan and Abbott, Phys. Rev. Lett. 97, 188104 (2006).
    """
    call = "statistics.check(net, ...)"
    check_connectome("statistics.check(net)", net)
    _checks.boolean(call, "long_range_inhibition", long_range_inhibition)
    muted = {
        _checks.one_of(call, "ignore", code, _CHECKS)
        for code in ([ignore] if isinstance(ignore, str) else ignore)
    }
    if long_range_inhibition:
        muted.add("long-range-inhibition")
    return Findings(
        Finding(code, *found) for code, look in _CHECKS.items() if code not in muted for found in look(net)
    )


Found = Iterator[tuple[str, str, str]]


def _unreached_areas(net: Connectome) -> Found:
    if not net.inputs:
        return
    reached = per_area(net, np.add, np.isfinite(steps_from_input(net)).astype(np.int64))
    for area, number in zip(net.areas, reached, strict=True):
        if not number:
            yield (
                repr(area.name),
                f"no path from any input reaches its {_counted(area.size, 'neuron')}",
                "They carry nothing about the input. Project to it from an input or an area that hears one.",
            )


def _unreached_readouts(net: Connectome) -> Found:
    heard = np.isfinite(steps_from_input(net))
    for node in net.readouts:
        rows = slice(net.readout.indptr[node.start], net.readout.indptr[node.stop])
        without = int((net.readout.in_degree[node.slice] == 0).sum())
        if without:
            yield (
                repr(node.name),
                f"no synapse reaches {without} of its {_counted(node.size, 'channel')}",
                "Such a channel is its bias, whatever the network does. Project to it, or raise a density.",
            )
        elif net.inputs and not heard[net.readout.pre[rows]].any():
            yield (
                repr(node.name),
                "no path from any input leads to it",
                "It cannot depend on the input. Project from an input to the areas that it reads.",
            )


def _neurons_without_input(net: Connectome) -> Found:
    drawn = any(p.rule != "measured" for p in net.projections if p.kind not in ("input", "readout"))
    way_out = (
        "Raise a density, or use FixedIndegree, which leaves none out."
        if drawn or not net.projections
        else "If the data are complete, ignore this, or reach it by net.with_input(name, size, to=...)."
    )
    unheard = per_area(net, np.add, (net.hidden.in_degree + net.input.in_degree == 0).astype(np.int64))
    for area, number in zip(net.areas, unheard, strict=True):
        if not number or (net.inputs and number == area.size):  # then nothing reaches the whole area
            continue
        yield (
            repr(area.name),
            f"no synapse runs onto {number} of its {_counted(area.size, 'neuron')}",
            f"Such a neuron stays at its bias. {way_out}",
        )


def _unlikely_densities(net: Connectome) -> Found:
    columns = realised(net)
    for i in np.flatnonzero(columns["unlikely"]).tolist():
        p, low, high = net.projections[i], columns["rule_low"][i], columns["rule_high"][i]
        drawn = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g} in 95 of 100 draws"
        yield (
            _arrow(p.pre, p.post),
            f"its density is {columns['density'][i]:.4g}, and {p.rule} draws {drawn}",
            "Synapses were added or removed after the draw, or the rule is not the one they were drawn by. "
            "Compile the graph again.",
        )


def _long_range_inhibition(net: Connectome) -> Found:
    hidden, word = net.hidden, "from inhibitory neurons"
    inhibitory = net.sign[hidden.pre] < 0
    if hidden.weight is not None:
        unknown = net.sign[hidden.pre] == 0
        inhibitory |= unknown & (hidden.weight < 0)
        word = "from inhibitory neurons or of negative weight" if unknown.any() else word
    number = block_sums(net, inhibitory).astype(np.int64)
    for i, j in np.argwhere(number).tolist():
        if i != j:
            yield (
                _arrow(net.areas[j].name, net.areas[i].name),
                f"{number[i, j]} of its synapses are {word}",
                "Long-range projections of cortex are excitatory. Use BySign with ee and ei alone, or leave "
                "out long_range_inhibition=False.",
            )


def _self_connections(net: Connectome) -> Found:
    own = net.hidden.post[net.hidden.post == net.hidden.pre]
    for area, number in zip(
        net.areas, np.bincount(net.area_index[own], minlength=len(net.areas)), strict=True
    ):
        if number:
            yield (
                repr(area.name),
                f"{_counted(int(number), 'neuron')} of {area.size} with a synapse onto itself",
                "In a rate model that changes the time constant of the neuron. Use "
                "project(..., self_connections=False), or ignore this if it is meant.",
            )


def _excitatory_outlier(net: Connectome) -> Found:
    weight = net.hidden.weight
    if weight is None or not (weight > 0).any() or not (weight < 0).any() or np.isnan(weight).any():
        return
    size, excess = net.n_neurons, float(weight.sum()) / net.n_neurons
    bulk = float(np.linalg.norm(weight)) / np.sqrt(size)
    if excess <= 0:
        return
    first = _rightmost(pattern(net, np.asarray(weight, np.float64)))
    if abs(first.imag) > 1e-6 * abs(first) or first.real < _OUTLIER * bulk or first.real > 2 * excess:
        return
    yield (
        "the hidden weights",
        f"the eigenvalue {first.real:.3g} stands out: random weights of this size reach to {bulk:.3g}",
        "Excitation outweighs inhibition, and all neurons rise and fall together. Balance the weights onto "
        "each neuron, or scale them with CTRNN(spectral_radius=...).",
    )


def _rightmost(matrix: Any) -> complex:
    """The eigenvalue of largest real part; 0 where none is far enough from the others to be found soon."""
    if matrix.shape[0] <= _DENSE_UP_TO:
        values = np.linalg.eigvals(matrix.toarray())
        return complex(values[np.argmax(values.real)])
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    start = np.random.default_rng(0).standard_normal(matrix.shape[0])
    try:
        (first,) = eigs(matrix, k=1, which="LR", v0=start, tol=1e-4, maxiter=20, return_eigenvectors=False)
    except ArpackNoConvergence:
        return 0j
    return complex(first)


def _levels_against_kinds(net: Connectome) -> Found:
    for p in net.projections:
        pre, post = net.node(p.pre), net.node(p.post)
        meant = kind_between(pre, post)
        if meant in (p.kind, "unclassified"):
            continue
        yield (
            _arrow(p.pre, p.post),
            f"its kind is {p.kind}, and levels {pre.level:g} → {post.level:g} mean {meant}",
            "Statistics, pictures and select(kind=...) go by the kind. Change a level, or leave out kind=.",
        )


def _arrow(pre: str, post: str) -> str:
    return f"{pre!r} → {post!r}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


_CHECKS: dict[str, Callable[[Connectome], Found]] = {
    "unreached-area": _unreached_areas,
    "unreached-readout": _unreached_readouts,
    "neurons-without-input": _neurons_without_input,
    "unlikely-density": _unlikely_densities,
    "long-range-inhibition": _long_range_inhibition,
    "self-connections": _self_connections,
    "excitatory-outlier": _excitatory_outlier,
    "level-against-kind": _levels_against_kinds,
}
