"""Structure that changes: synapses are pruned and grown while a network learns.

Everything here costs O(synapses), up to the logarithm of sorting: absent pairs are drawn by number and never
listed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.optim import Optimizer

from graphrnn import _checks
from graphrnn.nn.ctrnn import CTRNN
from graphrnn.nn.groups import take_synapses
from graphrnn.nn.optimizer_state import carry, check_follows
from graphrnn.nn.places import FreePlaces
from graphrnn.nn.plasticity import plasticity_of
from graphrnn.nn.turnover import Loss, joined, turnover

__all__ = ["Rewired", "Rewiring", "grow", "prune", "rewire"]

DROP = ("magnitude", "silent")
GROW = ("random", "gradient")
KEEP = ("density", "indegree")


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
    _check_fit(call, rnn, which, drop, grow, loss)
    layer = getattr(rnn, which)
    if optimizer is not None:
        check_follows(call, optimizer, layer.parts, which)
    device = "cpu" if generator is None else generator.device
    rng = np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=generator, device=device)))
    places = FreePlaces(rnn.net, which, keep, allowed, call)
    plasticity = plasticity_of(layer).cpu().numpy()
    gone, born = turnover(rnn, which, places, plasticity, fraction, drop, grow, loss, rng)
    kept = np.delete(np.arange(len(places.group)), gone)
    synapses, old, order = joined(rnn.net.synapses(which), kept, born)
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
            carry(optimizer, before, now, source)
    return Rewired(len(gone), len(born[0]))


def _check_fit(
    call: str,
    rnn: CTRNN,
    which: str,
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
