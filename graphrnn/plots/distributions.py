"""Distributions in rows: degrees of areas and projections, weights by kind and sign, and their change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.plots.ridges import MOST_ROWS, Ridge, draw_ridges, whole_edges
from graphrnn.plots.style import KIND_COLORS, check_ax, check_connectome, check_weights, kinds_of, number_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["degrees", "weight_change", "weight_histograms"]

_WHICH = ("input", "hidden", "readout")
_CHUNK = 1 << 22
_SIGNS = {1: "excitatory", -1: "inhibitory", 0: ""}
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def degrees(net: Connectome, *, direction: str = "in", per: str = "area", ax: Axes | None = None) -> Figure:
    """How many synapses neurons get or give: a histogram per area, or per projection.

    Per area: the synapses onto (or from) each neuron, from (or to) neurons of all areas. Per projection:
    only those of that projection, onto each neuron of its target, or from each neuron of its source.
    Each row is as tall as its own highest bin; the tick below it is its mean, and the number on the right
    its mean ± standard deviation. Of more than 60 rows the 60 with the most synapses are drawn.

    Args:
        net: the network.
        direction: "in" or "out".
        per: "area" or "projection".
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for another direction, or anything but "area" and "projection".

    Example:
        >>> import graphrnn as gr
        >>> net = gr.datasets.celegans()
        >>> gr.plots.degrees(net, direction="in").savefig("degrees.png")
    """
    call = "plots.degrees(net, ...)"
    check_connectome("plots.degrees(net)", net)
    check_ax("plots.degrees(net)", ax)
    _checks.one_of(call, "direction", direction, ("in", "out"))
    _checks.one_of(call, "per", per, ("area", "projection"))
    groups = list(_of_areas(net, direction) if per == "area" else _of_projections(net, direction))
    order = sorted(range(len(groups)), key=lambda i: -int(groups[i][2].sum()))[:MOST_ROWS]
    kept = [groups[i] for i in sorted(order)]
    if per == "projection":
        kept.sort(key=lambda group: list(KIND_COLORS).index(group[1]))
    low, high = (int(f([int(f(d)) for *_, d in kept], default=0)) for f in (min, max))
    log = high > 100 and high > 20 * float(np.median([d.mean() for *_, d in kept]))
    edges = whole_edges(low, high, log)
    ridges = [
        Ridge(
            name,
            np.histogram(d, edges)[0],
            kind,
            float(d.mean()),
            f"{number_text(d.mean())} ± {number_text(d.std(), 2)}",
        )
        for name, kind, d in kept
    ]
    note = f"{len(kept)} of {len(groups)} {per}s, those with the most synapses"
    return draw_ridges(
        ax, ridges, edges, label=f"{direction}-degree (synapses per neuron)", log=log, whole=True,
        note=note if len(kept) < len(groups) else "",
    )  # fmt: skip


def _of_areas(net: Connectome, direction: str) -> Iterator[tuple[str, str, Ints]]:
    degree = net.hidden.in_degree if direction == "in" else net.hidden.out_degree
    for area in net.areas:
        yield area.name, "", degree[area.slice]


def _of_projections(net: Connectome, direction: str) -> Iterator[tuple[str, str, Ints]]:
    """Name, kind and (neuron,) degrees of each projection with a synapse."""
    kinds = kinds_of(net)
    for which in _WHICH:
        synapses = net.synapses(which)
        posts, pres = net.ends(which)
        if not pres:
            continue
        starts = np.array([node.start for node in pres], np.int64)
        owner = np.repeat(np.arange(len(pres)), [node.size for node in pres])
        for post in posts:
            rows = slice(int(synapses.indptr[post.start]), int(synapses.indptr[post.stop]))
            source = synapses.pre[rows]
            if direction == "in":
                key = (synapses.post[rows].astype(np.int64) - post.start) * len(pres) + owner[source]
                table = np.bincount(key, minlength=post.size * len(pres)).reshape(post.size, len(pres))
                columns = list(table.T)
            else:
                number = np.bincount(source, minlength=synapses.shape[1])
                columns = np.split(number, starts[1:])
            for pre, degree in zip(pres, columns, strict=True):
                if degree.any():
                    yield f"{pre.name} → {post.name}", kinds[pre.name, post.name], degree


def weight_histograms(net: Connectome, *, log: bool = False, ax: Axes | None = None) -> Figure:
    """Weights by kind of projection and by sign of the source neuron: a histogram each.

    Sources whose sign is not known have a row of their own. Each row is as tall as its own highest bin; the
    tick below it is its mean; on the right stand the number of synapses and the mean. The axis ends at the
    0.1 and 99.9 percentiles; the few weights beyond are in the outermost bins. Synapses whose weight is not
    known are left out.

    Args:
        net: a network with weights, such as `rnn.to_connectome()`.
        log: heights of bins grow with the logarithm of the number of synapses.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a Connectome.
        ValueError: for a network without weights.

    Example:
        >>> import graphrnn as gr
        >>> rnn = gr.CTRNN(gr.datasets.celegans())
        >>> gr.plots.weight_histograms(rnn.to_connectome()).savefig("weights.png")
    """
    call = "plots.weight_histograms(net)"
    check_connectome(call, net)
    check_ax(call, ax)
    _checks.boolean(call, "log", log)
    check_weights(call, net)
    found = {which: net.synapses(which).weight for which in _WHICH}
    everything = np.concatenate([_known(w) for w in found.values() if w is not None])
    edges = _edges(everything)
    groups: dict[tuple[str, int], tuple[Floats, float, int]] = {}
    kinds = kinds_of(net)
    for which, weight in found.items():
        if weight is None:
            continue
        for kind, sign, part in _by_kind_and_sign(net, which, weight, kinds):
            counts, total, number = groups.get((kind, sign), (np.zeros(len(edges) - 1), 0.0, 0))
            counts = counts + np.histogram(np.clip(part, edges[0], edges[-1]), edges)[0]
            groups[kind, sign] = counts, total + float(part.sum()), number + part.size
    ridges = []
    for kind in KIND_COLORS:
        for sign, word in _SIGNS.items():
            if (kind, sign) in groups:
                counts, total, number = groups[kind, sign]
                mean = total / number
                heights = np.log1p(counts) if log else counts
                text = f"n {number:,}, mean {number_text(mean, 2)}"
                ridges.append(Ridge(f"{kind} {word}".strip(), heights, kind, mean, text))
    notes = [_beyond("weights", everything, edges), "heights are logarithms of numbers" if log else ""]
    return draw_ridges(ax, ridges, edges, label="weight", zero=True, note="; ".join(filter(None, notes)))


def _by_kind_and_sign(
    net: Connectome, which: str, weight: Any, kinds: dict[tuple[str, str], str]
) -> Iterator[tuple[str, int, Floats]]:
    """Kind, sign of the source and known weights, in pieces."""
    synapses = net.synapses(which)
    posts, pres = net.ends(which)
    names = list(KIND_COLORS)
    sign = np.zeros(synapses.shape[1], np.int64) if which == "input" else net.sign.astype(np.int64)
    for post in posts:
        of = [names.index(kinds.get((pre.name, post.name), "unclassified")) for pre in pres]
        code = 3 * np.repeat(np.array(of, np.int64), [pre.size for pre in pres]) + sign + 1
        start, stop = int(synapses.indptr[post.start]), int(synapses.indptr[post.stop])
        for first in range(start, stop, _CHUNK):
            part = slice(first, min(first + _CHUNK, stop))
            value, label = weight[part].astype(np.float64), code[synapses.pre[part]]
            for one in np.unique(label).tolist():
                chosen = value[(label == one) & ~np.isnan(value)]
                if chosen.size:
                    yield names[one // 3], one % 3 - 1, chosen


def weight_change(before: Connectome, after: Connectome, *, ax: Axes | None = None) -> Figure:
    """How far training moved the weights: a histogram of after − before per projection.

    Rows stand by kind, in each kind the projection that changed most first. The tick below a row is its
    mean; on the right stands its mean |change|, in % of its mean |weight| before. Of more than 60 projections
    the 60 whose weights moved furthest on average are drawn.

    Args:
        before: the network before training, with weights: `rnn.to_connectome()`, kept from then.
        after: the same network after training.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but Connectomes.
        ValueError: for networks without weights, or with different synapses.

    Example:
        >>> import graphrnn as gr
        >>> net = gr.datasets.celegans()
        >>> before, after = gr.CTRNN(net).to_connectome(), gr.CTRNN(net).to_connectome()
        >>> gr.plots.weight_change(before, after).savefig("change.png")
    """
    call = "plots.weight_change(before, after)"
    for net in (before, after):
        check_connectome(call, net)
        check_weights(call, net)
    check_ax(call, ax)
    if [n.name for n in before.areas] != [n.name for n in after.areas] or any(
        before.synapses(which).digest() != after.synapses(which).digest() for which in _WHICH
    ):
        raise ValueError(
            f"`{call}` needs the same synapses before and after; these are two different networks."
        )
    kinds = kinds_of(after)
    groups = []
    for which in _WHICH:
        old, new = before.synapses(which), after.synapses(which)
        if old.weight is None or new.weight is None:
            continue
        posts, pres = after.ends(which)
        owner = np.repeat(np.arange(len(pres)), [node.size for node in pres])
        for post in posts:
            rows = slice(int(new.indptr[post.start]), int(new.indptr[post.stop]))
            of = owner[new.pre[rows]]
            order = np.argsort(of, kind="stable")
            borders = np.searchsorted(of[order], np.arange(len(pres) + 1))
            first, last = old.weight[rows][order], new.weight[rows][order]
            for j, pre in enumerate(pres):
                a, b = (w[borders[j] : borders[j + 1]].astype(np.float64) for w in (first, last))
                known = ~(np.isnan(a) | np.isnan(b))
                if known.any():
                    change = (b - a)[known]
                    moved, size = float(np.abs(change).mean()), float(np.abs(a[known]).mean())
                    groups.append(
                        (f"{pre.name} → {post.name}", kinds[pre.name, post.name], change, moved, size)
                    )
    kept = sorted(groups, key=lambda group: -group[3])[:MOST_ROWS]
    kept.sort(key=lambda group: list(KIND_COLORS).index(group[1]))
    step = (
        -(-sum(group[2].size for group in kept) // _CHUNK) or 1
    )  # a sample is enough to find where they end
    everything = np.concatenate([np.zeros(0), *(group[2][::step] for group in kept)])
    edges = _edges(everything, symmetric=True)
    ridges = [
        Ridge(
            name,
            np.histogram(np.clip(change, edges[0], edges[-1]), edges)[0],
            kind,
            float(change.mean()),
            f"{moved:.2g} ({100 * moved / size:.0f} %)" if size else f"{moved:.2g}",
        )
        for name, kind, change, moved, size in kept
    ]
    note = f"the {len(kept)} of {len(groups)} that changed most"
    notes = [note if len(kept) < len(groups) else "", _beyond("changes", everything, edges)]
    return draw_ridges(
        ax, ridges, edges, label="weight after − before; right: mean |change|", zero=True,
        note="; ".join(filter(None, notes)),
    )  # fmt: skip


def _beyond(what: str, values: Floats, edges: Floats) -> str:
    """What the outermost bins hold besides their own, if they do."""
    beyond = (values < edges[0]) | (values > edges[-1])
    return f"outermost bars: {what} beyond too" if beyond.any() else ""


def _known(weight: NDArray[Any]) -> Floats:
    """The weights that are known; of very many a regular sample, which is enough to find where they end."""
    sample = weight[:: -(-weight.size // _CHUNK) or 1].astype(np.float64)
    return sample[~np.isnan(sample)]


def _edges(values: Floats, symmetric: bool = False) -> Floats:
    if not values.size or not np.abs(values).max():
        return np.linspace(-1.0, 1.0, 42)
    low, high = (float(v) for v in np.quantile(values, [0.001, 0.999]))
    if symmetric:
        high = max(abs(low), abs(high), 1e-12)
        low = -high
    elif low == high:
        low, high = float(values.min()), float(values.max())
    low, high = min(low, 0.0), max(high, 0.0)
    return np.linspace(low, high, int(np.clip(2 * np.sqrt(values.size), 11, 61)))
