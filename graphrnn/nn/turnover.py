"""Turnover of synapses: which of them go, and which come in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphrnn.connectome import Synapses
from graphrnn.nn.ctrnn import CTRNN
from graphrnn.nn.groups import take_synapses
from graphrnn.nn.places import FreePlaces

__all__ = ["Loss", "joined", "turnover"]

Ints = NDArray[np.int64]
Born = tuple[Ints, Ints, Ints]  # post, pre and group of each new synapse
Loss = Callable[[], Tensor]


def turnover(
    rnn: CTRNN,
    which: str,
    places: FreePlaces,
    plasticity: NDArray[Any],
    fraction: float,
    drop: str | None,
    grow: str | None,
    loss: Loss | None,
    rng: np.random.Generator,
) -> tuple[Ints, Born]:
    """The synapses that go, by number, and the post, pre and group of those that come.

    Args:
        rnn: the network.
        which: "input", "hidden" or "readout".
        places: the groups of its synapses, and where others could be.
        plasticity: (synapse,) 0 for those that may not go.
        fraction: of each group; see `rewire`.
        drop: see `rewire`; None where none goes.
        grow: see `rewire`; None where none comes.
        loss: see `rewire`.
        rng: source of randomness.
    """
    sizes = np.bincount(places.group, minlength=places.n)
    gone = _weakest(getattr(rnn, which), drop, fraction, places.group, plasticity, rng)
    if grow is None:
        return gone, (np.zeros(0, np.int64),) * 3
    wanted = np.bincount(places.group[gone], minlength=places.n)
    if drop is None:
        wanted = _rounded(fraction * sizes, rng)
    wanted = np.minimum(wanted, places.free)
    gone = gone[_first_of_each(places.group[gone], wanted)]  # one goes only where another can come
    return gone, _born(rnn, which, places, wanted, grow, loss, rng)


def _rounded(numbers: NDArray[Any], rng: np.random.Generator) -> Ints:
    """Whole numbers that are right on average."""
    return np.floor(numbers + rng.random(len(numbers))).astype(np.int64)


def _first_of_each(group: Ints, counts: Ints) -> NDArray[np.bool_]:
    """Whether an entry is among the first `counts[group]` of its group, in the order given."""
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=len(counts))
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return rank < counts[group]


def _weakest(
    layer: Any,
    drop: str | None,
    fraction: float,
    group: Ints,
    plasticity: NDArray[Any],
    rng: np.random.Generator,
) -> Ints:
    """The synapses to drop, the weakest first."""
    free = np.flatnonzero(plasticity > 0)
    if drop is None or not len(free):
        return np.zeros(0, np.int64)
    strength = layer.weights.detach().abs().cpu().numpy()
    if drop == "silent":
        return free[strength[free] == 0]
    free = free[np.argsort(strength[free], kind="stable")]
    sizes = np.bincount(group[free], minlength=int(group.max()) + 1)
    return free[_first_of_each(group[free], _rounded(fraction * sizes, rng))]


def _born(
    rnn: CTRNN,
    which: str,
    places: FreePlaces,
    wanted: Ints,
    grow: str,
    loss: Loss | None,
    rng: np.random.Generator,
) -> Born:
    """post, pre and group of the new synapses."""
    if grow == "random" or loss is None or not wanted.any():
        return places.draw(wanted, rng)
    sizes = np.bincount(places.group, minlength=places.n)
    tried = places.draw(np.where(wanted > 0, np.minimum(places.free, np.maximum(sizes, wanted)), 0), rng)
    slope = _slopes(rnn, which, tried, loss)
    best = np.argsort(-slope, kind="stable")
    chosen = np.sort(best[_first_of_each(tried[2][best], wanted)])
    return tried[0][chosen], tried[1][chosen], tried[2][chosen]


def _slopes(rnn: CTRNN, which: str, tried: Born, loss: Loss) -> NDArray[Any]:
    """The size of the gradient at synapses of weight 0, as far as their constraint lets them follow it."""
    layer, net = getattr(rnn, which), rnn.net
    old = net.synapses(which)
    synapses, index, order = joined(old, np.arange(old.size), tried)
    with layer.trial():
        try:
            device = layer.crow.device
            plasticity = None
            if layer.plasticity is not None:
                tested = layer.plasticity.new_ones(len(tried[0]))
                plasticity = torch.cat([layer.plasticity, tested])[torch.from_numpy(order).to(device)]
            layer.split(None)
            take_synapses(rnn, which, synapses, torch.from_numpy(index).to(device), plasticity)
            (slope,) = torch.autograd.grad(loss(), layer.parts)
        finally:
            rnn.net = net
    found = np.empty(len(tried[0]))
    new = index < 0
    found[order[new] - old.size] = slope.abs().cpu().numpy()[new]
    return found


def joined(old: Synapses, kept: Ints, born: Born) -> tuple[Synapses, Ints, Ints]:
    """The synapses that stay and those that come, without what is known of them but the weight.

    Also (synapse,) which old one each is, -1 for a new one, and its place in the two lists laid end to end.
    """
    post = np.concatenate([old.post[kept].astype(np.int64), born[0]])
    pre = np.concatenate([old.pre[kept].astype(np.int64), born[1]])
    order = np.lexsort((pre, post))
    index = np.concatenate([kept, np.full(len(born[0]), -1)])[order]
    weight = None
    if old.weight is not None:
        weight = np.concatenate([old.weight[kept], np.full(len(born[0]), np.nan)])[order]
    return Synapses(old.shape, post[order], pre[order], weight), index, order
