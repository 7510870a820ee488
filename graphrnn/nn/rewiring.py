"""Structure that changes: synapses are pruned and grown while a network learns.

Everything here costs O(synapses), up to the logarithm of sorting: absent pairs are drawn by number and never
listed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from graphrnn import _checks
from graphrnn.connectome import Synapses
from graphrnn.nn.ctrnn import CTRNN
from graphrnn.nn.groups import take_synapses
from graphrnn.nn.places import FreePlaces
from graphrnn.nn.plasticity import plasticity_of

__all__ = ["Rewired", "Rewiring", "grow", "prune", "rewire"]

DROP = ("magnitude", "silent")
GROW = ("random", "gradient")
KEEP = ("density", "indegree")
# Running means of squares, from which an optimizer makes its step size: at 0 a new synapse would leap.
_SQUARES = ("exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum")

Ints = NDArray[np.int64]
Loss = Callable[[], Tensor]


class Rewired(NamedTuple):
    """How many synapses went and came."""

    pruned: int
    grown: int


@dataclass(frozen=True)
class Rewiring:
    """When and how `fit` rewires a network.

    Every `every` steps of the optimizer, until step `until`, a fraction of the synapses is dropped and as
    many are grown. With `until` the fraction falls along a cosine from `fraction` to 0, as in RigL.

        SET     drop="magnitude", grow="random"
        RigL    drop="magnitude", grow="gradient"
        Deep R  drop="silent", grow="random", under dale="rectify"

    Args:
        every: steps between two rewirings.
        fraction: of the synapses of each group that are dropped, for drop="magnitude".
        until: the last step at which the network is rewired; None for no last one.
        drop: see `rewire`.
        grow: see `rewire`.
        keep: see `rewire`.
        which: "input", "hidden" (default) or "readout".

    Raises:
        ValueError, TypeError: for an argument out of range.

    Source:
        SET: Mocanu et al., Nature Communications 9: 2383 (2018). RigL: Evci et al., ICML (2020). Deep R:
        Bellec et al., ICLR (2018).
    """

    every: int = 100
    fraction: float = 0.3
    until: int | None = None
    drop: str = "magnitude"
    grow: str = "random"
    keep: str = "density"
    which: str = "hidden"

    def __post_init__(self) -> None:
        call = "Rewiring(...)"
        _checks.count(call, "every", self.every)
        _checks.fraction(call, "fraction", self.fraction)
        if self.until is not None:
            _checks.count(call, "until", self.until)
        for name, choices in (("drop", DROP), ("grow", GROW), ("keep", KEEP)):
            _checks.one_of(call, name, getattr(self, name), choices)
        _checks.one_of(call, "which", self.which, ("input", "hidden", "readout"))

    def fraction_at(self, step: int) -> float | None:
        """The fraction to rewire after this step, counted from 1; None where nothing is due."""
        if step % self.every or (self.until is not None and step > self.until):
            return None
        if self.until is None:
            return self.fraction
        return self.fraction / 2 * (1 + math.cos(math.pi * step / self.until))


def prune(
    rnn: CTRNN,
    fraction: float,
    *,
    optimizer: Optimizer | None,
    keep: str = "density",
    which: str = "hidden",
    generator: torch.Generator | None = None,
) -> Rewired:
    """Remove the weakest synapses: a fraction of each projection, or with keep="indegree" of each neuron's.

    The others keep their weights and their state in the optimizer. Frozen synapses stay. Arguments as in
    `rewire`.

    Example:
        >>> import torch
        >>> from graphrnn import CTRNN, MultiArea
        >>> from graphrnn.nn import prune
        >>> rnn = CTRNN(MultiArea(area_connectivities=[0.1, 0.1, 0.2], seed=0))
        >>> prune(rnn, 0.5, optimizer=None, generator=torch.Generator().manual_seed(0))
        Rewired(pruned=744, grown=0)
    """
    call = f"prune(rnn, {fraction!r})"
    return _change(
        call, rnn, optimizer, which, keep, fraction, drop="magnitude", grow=None, generator=generator
    )


def grow(
    rnn: CTRNN,
    fraction: float,
    *,
    optimizer: Optimizer | None,
    grow: str = "random",
    keep: str = "density",
    which: str = "hidden",
    allowed: Any = None,
    loss: Loss | None = None,
    generator: torch.Generator | None = None,
) -> Rewired:
    """Add synapses of weight 0: a fraction of each projection, or with keep="indegree" of each neuron's.

    Arguments as in `rewire`.
    """
    call = f"grow(rnn, {fraction!r})"
    return _change(
        call,
        rnn,
        optimizer,
        which,
        keep,
        fraction,
        drop=None,
        grow=grow,
        allowed=allowed,
        loss=loss,
        generator=generator,
    )


def rewire(
    rnn: CTRNN,
    fraction: float = 0.3,
    *,
    optimizer: Optimizer | None,
    drop: str = "magnitude",
    grow: str = "random",
    keep: str = "density",
    which: str = "hidden",
    allowed: Any = None,
    loss: Loss | None = None,
    generator: torch.Generator | None = None,
) -> Rewired:
    """Drop some synapses and grow as many in their place.

    New synapses have weight 0, so that the network computes what it did without the dropped ones. Those that
    stay keep their weights and their state in the optimizer. Frozen synapses are not dropped. The
    network's connectome, `rnn.net`, changes with it, and a `state_dict` holds the synapses from now on.

    Each projection, and in it each pair of signs, keeps its number of synapses. A new synapse joins neurons
    of such a pair that has none; a neuron reaches itself only where its projection allowed that when it
    was drawn. So Dale's law, the balance of excitation and inhibition and `ExcitatoryOnly` stay.

    Args:
        rnn: the network.
        fraction: of the synapses of each group that are dropped, for drop="magnitude".
        optimizer: the optimizer that trains the network, whose state follows; None where there is none.
        drop: "magnitude", the weakest; or "silent", those that Dale's law in the form "rectify" has
            silenced, however many.
        grow: "random"; or "gradient", those whose weights the loss would change most. Of the absent pairs as
            many are tried as there are synapses, drawn at random: all of them would cost neurons².
        keep: "density", groups are projections; or "indegree", each neuron keeps its number of synapses
            from each source.
        which: "input", "hidden" or "readout".
        allowed: a (post, pre) mask of what may exist; None for all pairs described above.
        loss: for grow="gradient": computes the loss of a batch with `rnn`; without backward().
        generator: source of randomness; None for torch's default.

    Returns:
        How many synapses were dropped and grown; fewer than asked for where no place is left.

    Raises:
        ValueError: for an argument out of range, an optimizer whose state cannot follow, or an option that
            does not fit the network.

    Example:
        >>> import torch
        >>> from graphrnn import CTRNN, MultiArea
        >>> from graphrnn.nn import rewire
        >>> rnn = CTRNN(MultiArea(area_connectivities=[0.1, 0.1, 0.2], seed=0))
        >>> optimizer = torch.optim.Adam(rnn.parameters())
        >>> rewire(rnn, 0.1, optimizer=optimizer, generator=torch.Generator().manual_seed(0))
        Rewired(pruned=150, grown=150)

    Source:
        See `Rewiring`.
    """
    call = "rewire(...)"
    _checks.one_of(call, "drop", drop, DROP)
    return _change(
        call,
        rnn,
        optimizer,
        which,
        keep,
        fraction,
        drop=drop,
        grow=grow,
        allowed=allowed,
        loss=loss,
        generator=generator,
    )


def _change(
    call: str,
    rnn: CTRNN,
    optimizer: Optimizer | None,
    which: str,
    keep: str,
    fraction: float,
    *,
    drop: str | None,
    grow: str | None,
    allowed: Any = None,
    loss: Loss | None = None,
    generator: torch.Generator | None = None,
) -> Rewired:
    _checks.one_of(call, "which", which, ("input", "hidden", "readout"))
    _checks.one_of(call, "keep", keep, KEEP)
    _checks.fraction(call, "fraction", fraction)
    if grow is not None:
        _checks.one_of(call, "grow", grow, GROW)
    layer = getattr(rnn, which)
    _check_fit(call, rnn, which, optimizer, drop, grow, loss)
    device = "cpu" if generator is None else generator.device
    rng = np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=generator, device=device)))
    places = FreePlaces(rnn.net, which, keep, allowed, call)
    plasticity = plasticity_of(layer).cpu().numpy()
    weak = _weak(layer, drop, fraction, places.group, plasticity, rng)
    wanted = np.bincount(places.group[weak], minlength=places.n)
    if drop is None:
        wanted = _rounded(fraction * np.bincount(places.group, minlength=places.n), rng)
    if grow is None:
        born: tuple[Ints, Ints, Ints] = (np.zeros(0, np.int64),) * 3
    else:
        wanted = np.minimum(wanted, places.free)
        weak = weak[_first_of_each(places.group[weak], wanted)]  # one goes only where another can come
        born = _born(rnn, which, places, wanted, grow, loss, rng)
    kept = np.delete(np.arange(len(places.group)), weak)
    synapses, old, order = _joined(rnn.net.synapses(which), kept, born)
    level = np.zeros(places.n)
    np.maximum.at(level, places.group, plasticity)
    degree = np.concatenate([plasticity[kept], level[born[2]]])[order]
    moves = take_synapses(
        rnn,
        which,
        synapses,
        torch.from_numpy(old).to(layer.crow.device),
        None if (degree == 1).all() and layer.plasticity is None else layer.weights.new_tensor(degree),
    )
    layer.keep_pairs()
    if optimizer is not None:
        for before, now, source in moves:
            _carry(optimizer, before, now, source)
    return Rewired(len(weak), len(born[0]))


def _check_fit(
    call: str,
    rnn: CTRNN,
    which: str,
    optimizer: Optimizer | None,
    drop: str | None,
    grow: str | None,
    loss: Loss | None,
) -> None:
    if which == "hidden" and rnn.delays is not None:
        raise ValueError(
            f"`{call}` cannot change synapses with delays: a new one would have none. Take which='input' or "
            "'readout', or a CTRNN with delays=False."
        )
    law = rnn.constraint(which, rnn.net.synapses(which))
    form = None if law is None else law.form
    if drop == "silent" and form != "rectify":
        raise ValueError(
            f"`{call}` with drop='silent' needs synapses that can fall silent, those of neurons in "
            "CTRNN(dale='rectify'). Build the network so, or use drop='magnitude'."
        )
    if grow is not None and form == "softplus":
        raise ValueError(
            f"`{call}` grows synapses of weight 0, which Dale's law has not in the form 'softplus'. "
            "Use 'abs' or 'rectify'."
        )
    if grow == "gradient" and loss is None:
        raise ValueError(
            f"`{call}` with grow='gradient' needs a `loss` to take the gradient of: a function that runs the "
            "network on a batch. Or use grow='random'."
        )
    if optimizer is None:
        return
    parameters = getattr(rnn, which).parts
    known = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not all(id(parameter) in known for parameter in parameters):
        raise ValueError(
            f"`{call}` needs the optimizer that trains the network; this one has not its {which} values. "
            "Make it after the network and after rnn.parameter_groups(...)."
        )
    for parameter in parameters:
        for name, entry in optimizer.state.get(parameter, {}).items():
            follows = not isinstance(entry, Tensor) or entry.ndim == 0 or entry.shape == parameter.shape
            if not follows or isinstance(entry, list):
                raise ValueError(
                    f"`{call}` cannot carry the state of {type(optimizer).__name__} over: its {name!r} is of "
                    "all parameters together. Use an optimizer such as Adam or SGD."
                )


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


def _weak(
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
) -> tuple[Ints, Ints, Ints]:
    """post, pre and group of the new synapses."""
    if grow == "random" or loss is None or not wanted.any():
        return places.draw(wanted, rng)
    sizes = np.bincount(places.group, minlength=places.n)
    tried = places.draw(np.where(wanted > 0, np.minimum(places.free, np.maximum(sizes, wanted)), 0), rng)
    slope = _slopes(rnn, which, tried, loss)
    best = np.argsort(-slope, kind="stable")
    chosen = np.sort(best[_first_of_each(tried[2][best], wanted)])
    return tried[0][chosen], tried[1][chosen], tried[2][chosen]


def _slopes(rnn: CTRNN, which: str, tried: tuple[Ints, Ints, Ints], loss: Loss) -> NDArray[Any]:
    """The size of the gradient at synapses of weight 0, as far as their constraint lets them follow it."""
    layer, net = getattr(rnn, which), rnn.net
    old = net.synapses(which)
    synapses, index, order = _joined(old, np.arange(old.size), tried)
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


def _joined(old: Synapses, kept: Ints, born: tuple[Ints, Ints, Ints]) -> tuple[Synapses, Ints, Ints]:
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


@torch.no_grad()
def _carry(optimizer: Optimizer, before: nn.Parameter, now: nn.Parameter, source: Tensor) -> None:
    """Let the optimizer's state of a parameter follow the synapses."""
    for group in optimizer.param_groups:
        group["params"] = [now if parameter is before else parameter for parameter in group["params"]]
    state = optimizer.state.pop(before, {})
    stays = source >= 0
    for name, entry in state.items():
        if isinstance(entry, Tensor) and entry.ndim and entry.shape == before.shape:
            fill = entry.mean() if name in _SQUARES and len(entry) else 0
            carried = entry[source.clamp(min=0)] if len(entry) else entry.new_zeros(len(source))
            state[name] = torch.where(stays, carried, fill)
    if state:
        optimizer.state[now] = state
