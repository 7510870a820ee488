"""Penalties: what a network is charged for beside its errors.

Each is a frozen dataclass with a `strength`, called with an `Activity` and returning one number, to which
`fit` adds the strength: loss + Σ strength · penalty. `fit(penalties=...)` logs them one by one.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.nn import CTRNN
from graphrnn.nn.selection import chosen

__all__ = [
    "PENALTIES",
    "Activity",
    "Dimensionality",
    "Entropy",
    "Hebbian",
    "Metabolic",
    "Penalty",
    "RateSpread",
    "Rates",
    "StatePrediction",
    "Weights",
    "WiringCost",
    "named_penalties",
]

_WHICH = ("input", "hidden", "readout")
Names = str | tuple[str, ...] | None


@dataclass(frozen=True, eq=False)
class Activity:
    """What a penalty sees of one batch.

    Args:
        model: the network, a `CTRNN` for penalties on weights or areas.
        x: (batch, time, input) the inputs.
        readout: (batch, time, readout).
        rates: (batch, time, neuron).
    """

    model: nn.Module
    x: Tensor
    readout: Tensor
    rates: Tensor

    def network(self, penalty: Penalty) -> CTRNN:
        """The model, which must be a CTRNN.

        Raises:
            TypeError: for another one.
        """
        if not isinstance(self.model, CTRNN):
            raise TypeError(
                f"`{penalty!r}` needs a CTRNN, whose synapses it knows; the model is a "
                f"{type(self.model).__name__}."
            )
        return self.model


@dataclass(frozen=True)
class Penalty(ABC):
    """A penalty; one of your own is a frozen dataclass on this with `__call__`.

    Args:
        strength: what the penalty counts in the loss; below 0 it is a reward.
    """

    strength: float

    def __post_init__(self) -> None:
        _checks.finite(self._call("strength"), "strength", self.strength)

    def _call(self, name: str) -> str:
        return f"{type(self).__name__}({name}={getattr(self, name)!r})"

    @abstractmethod
    def __call__(self, activity: Activity) -> Tensor:
        """The penalty of one batch, a number with gradients, without the strength."""


@dataclass(frozen=True)
class Rates(Penalty):
    """Firing rates, the mean over trials, time steps and neurons.

        "L1"  ⟨|r|⟩        "L2"  ⟨r²⟩        "mean L2"  ⟨ ⟨r⟩² ⟩, of each neuron's mean rate

    Args:
        strength: see `Penalty`.
        norm: "L1", "L2" (default) or "mean L2".
        areas: only these areas; None for all.

    Example:
        >>> import torch
        >>> from graphrnn.training import Activity, Rates
        >>> rates = torch.tensor([[[1.0, -3.0], [3.0, -3.0]]])
        >>> seen = Activity(torch.nn.Identity(), rates, rates, rates)
        >>> [Rates(0.1, norm).__call__(seen).item() for norm in ("L1", "L2", "mean L2")]
        [2.5, 7.0, 6.5]
    """

    norm: str = "L2"
    _: KW_ONLY
    areas: Names = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.one_of(self._call("norm"), "norm", self.norm, ("L1", "L2", "mean L2"))

    def __call__(self, activity: Activity) -> Tensor:
        rates = _of_areas(self, activity, self.areas)
        if self.norm == "L1":
            return rates.abs().mean()
        return (rates if self.norm == "L2" else rates.mean((0, 1))).square().mean()


@dataclass(frozen=True)
class RateSpread(Penalty):
    """How unevenly the neurons share the activity; μ is the mean rate of a neuron over trials and time.

        "sd"  the standard deviation of μ over neurons        "cv"  that over the mean of |μ|
        "mean"  the mean of |μ - ⟨μ⟩|                          "max"  the largest of them

    Args:
        strength: see `Penalty`.
        measure: "sd" (default), "cv", "mean" or "max".
        areas: only these areas; None for all.
    """

    measure: str = "sd"
    _: KW_ONLY
    areas: Names = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.one_of(self._call("measure"), "measure", self.measure, ("sd", "cv", "mean", "max"))

    def __call__(self, activity: Activity) -> Tensor:
        mean = _of_areas(self, activity, self.areas).mean((0, 1))
        away = mean - mean.mean()
        if self.measure == "mean":
            return away.abs().mean()
        if self.measure == "max":
            return away.abs().max()
        tiny = torch.finfo(mean.dtype).eps ** 2  # √ has no slope at 0, where all rates agree
        spread = (away.square().mean() + tiny).sqrt()
        return spread if self.measure == "sd" else spread / (mean.abs().mean() + tiny**0.5)


@dataclass(frozen=True)
class Entropy(Penalty):
    """The entropy of the shares that neurons have in the activity, over log n: 1 where all have the same.

    A strength below 0 rewards an even share.

    Args:
        strength: see `Penalty`.
        areas: only these areas; None for all.
    """

    _: KW_ONLY
    areas: Names = None

    def __call__(self, activity: Activity) -> Tensor:
        mean = _of_areas(self, activity, self.areas).abs().mean((0, 1))
        tiny = torch.finfo(mean.dtype).tiny
        share = (mean / mean.sum().clamp(min=tiny)).clamp(min=tiny)  # at 0 the entropy has no slope
        return torch.special.entr(share).sum() / max(np.log(len(share)), 1e-12)


@dataclass(frozen=True)
class Weights(Penalty):
    """Synaptic weights, the mean over the chosen synapses; absent synapses do not count.

    Args:
        strength: see `Penalty`.
        norm: "L1" or "L2" (default, the mean square).
        which: "input", "hidden" (default) or "readout".
        kind: a kind of projection or several; None for all.
        pre: a source or several; None for all.
        post: a target or several; None for all.

    Raises:
        ValueError: when called on a network without such synapses.
    """

    norm: str = "L2"
    _: KW_ONLY
    which: str = "hidden"
    kind: Names = None
    pre: Names = None
    post: Names = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.one_of(self._call("norm"), "norm", self.norm, ("L1", "L2"))
        _checks.one_of(self._call("which"), "which", self.which, _WHICH)

    def __call__(self, activity: Activity) -> Tensor:
        rnn = activity.network(self)
        mask = chosen(rnn.net, repr(self), self.which, self.kind, self.pre, self.post)
        if not mask.any():
            raise ValueError(f"`{self!r}` found no such synapse. Name projections that exist.")
        weights = getattr(rnn, self.which).weights[torch.from_numpy(mask).to(activity.rates.device)]
        return weights.abs().mean() if self.norm == "L1" else weights.square().mean()


@dataclass(frozen=True)
class WiringCost(Penalty):
    """Wiring: ⟨|w| · distance⟩ over the hidden synapses, in units of the positions.

    Args:
        strength: see `Penalty`.
        kind: a kind of projection or several; None for all.

    Raises:
        ValueError: when called on a network in which a chosen synapse has an end without position.

    Source:
        Chen, Hall & Chklovskii, PNAS 103: 4723 (2006); as a penalty of recurrent networks Achterberg et
        al., Nature Machine Intelligence 5: 1369 (2023).
    """

    _: KW_ONLY
    kind: Names = None

    def __call__(self, activity: Activity) -> Tensor:
        rnn = activity.network(self)
        mask = chosen(rnn.net, repr(self), "hidden", self.kind)
        distance = _distances(rnn.net)[mask]
        if not mask.any() or np.isnan(distance).any():
            raise ValueError(
                f"`{self!r}` needs positions at both ends of every synapse that it counts; "
                f"{int(np.isnan(distance).sum())} of {distance.size} have none. Give the areas `positions`, "
                "or choose a `kind`."
            )
        weights = rnn.hidden.weights[torch.from_numpy(mask).to(activity.rates.device)]
        return (weights.abs() * weights.new_tensor(distance)).mean()


@dataclass(frozen=True)
class Metabolic(Penalty):
    """The energy that spikes and synaptic transmission take, per neuron and time step.

        (1 / N) ⟨ spiking · Σ_j |r_j| + transmission · Σ_ij |w_ij| |r_j| ⟩

    Args:
        strength: see `Penalty`.
        spiking: what a unit of rate costs; default 1.
        transmission: what a unit of rate costs per unit of weight; default 1.

    Source:
        Attwell & Laughlin, J. Cereb. Blood Flow Metab. 21: 1133 (2001): both grow with the rate, the second
        with the synapses that it reaches.
    """

    _: KW_ONLY
    spiking: float = 1.0
    transmission: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("spiking", "transmission"):
            _checks.nonnegative(self._call(name), name, getattr(self, name))

    def __call__(self, activity: Activity) -> Tensor:
        layer = activity.network(self).hidden
        mean = activity.rates.abs().mean((0, 1))
        per_source = torch.zeros_like(mean).index_add(0, layer.pattern.pre, layer.weights.abs())
        return (mean * (self.spiking + self.transmission * per_source)).mean()


@dataclass(frozen=True)
class Dimensionality(Penalty):
    """The participation ratio of the rates, (tr C)² / tr C², as a fraction of the neurons.

    C is the covariance of the rates over trials and time. A positive strength makes the activity
    lower-dimensional, one below 0 higher-dimensional; with `target` the squared distance to it counts.

    Args:
        strength: see `Penalty`.
        target: the dimension to come near to; None for none.
        areas: only these areas; None for all.

    Source:
        Gao et al., bioRxiv 214262 (2017); Recanatesi et al., PLoS Comput. Biol. 15: e1006446 (2019).
    """

    _: KW_ONLY
    target: float | None = None
    areas: Names = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.target is not None:
            _checks.positive(self._call("target"), "target", self.target)

    def __call__(self, activity: Activity) -> Tensor:
        rates = _of_areas(self, activity, self.areas).flatten(0, 1)
        away = rates - rates.mean(0)
        # tr C² is the sum of squares of either Gram matrix; the smaller one is cheaper.
        gram = away.T @ away if away.shape[1] <= away.shape[0] else away @ away.T
        tiny = torch.finfo(rates.dtype).tiny
        ratio = away.square().sum().square() / gram.square().sum().clamp(min=tiny) / rates.shape[1]
        return ratio if self.target is None else (ratio - self.target / rates.shape[1]).square()


@dataclass(frozen=True)
class StatePrediction(Penalty):
    """How badly the rates predict those of `lag` steps later: ⟨(r(t + lag) - r(t))²⟩ along time.

    Args:
        strength: see `Penalty`.
        lag: in time steps; default 1.

    Raises:
        ValueError: when called on sequences that are not longer than the lag.
    """

    lag: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.count(self._call("lag"), "lag", self.lag)

    def __call__(self, activity: Activity) -> Tensor:
        rates = activity.rates
        if rates.shape[1] <= self.lag:
            raise ValueError(
                f"`{self!r}` needs sequences longer than its lag; they have {rates.shape[1]} time steps."
            )
        return (rates[:, self.lag :] - rates[:, : -self.lag]).square().mean()


@dataclass(frozen=True)
class Hebbian(Penalty):
    """How strongly weights and correlations go together: ⟨ |Σ_ij w_ij ⟨r_i r_j⟩| ⟩ / N.

    The inner mean is over time, the outer one over trials. A strength below 0 rewards weights that follow
    Hebb's rule. Correlations are taken at the synapses alone, at the cost of one more product for each
    time step.

    Args:
        strength: see `Penalty`.
    """

    def __call__(self, activity: Activity) -> Tensor:
        layer = activity.network(self).hidden
        rates = activity.rates.permute(1, 2, 0)  # time, neuron, batch
        bias = 0 if layer.bias is None else layer.bias[:, None]
        received = layer(rates) - bias
        return (rates * received).sum(1).mean(0).abs().mean() / rates.shape[1]


PENALTIES: dict[str, type[Penalty]] = {
    kind.__name__: kind
    for kind in (
        Rates,
        RateSpread,
        Entropy,
        Weights,
        WiringCost,
        Metabolic,
        Dimensionality,
        StatePrediction,
        Hebbian,
    )
}


def named_penalties(call: str, given: Any) -> dict[str, Penalty]:
    """The penalties under their names: the user's own, or those of their classes for a list.

    Raises:
        TypeError: for something that is no penalty.
        ValueError: for two of one name, or a name that is no column's.
    """
    if given is None:
        return {}
    if isinstance(given, Penalty):
        given = [given]
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, Iterable):
        pairs = [(_name(penalty), penalty) for penalty in given]
    else:
        raise TypeError(f"`{call}` needs penalties, or a mapping from names to them; it got {given!r}.")
    found: dict[str, Penalty] = {}
    for name, penalty in pairs:
        if not isinstance(penalty, Penalty):
            raise TypeError(
                f"`{call}` needs penalties of graphrnn.training, such as Rates(0.01); it got {penalty!r}."
            )
        _checks.text(call, "name", name)
        if name in found:
            raise ValueError(
                f"`{call}` has two penalties named {name!r}. Give a mapping with a name for each of them."
            )
        found[name] = penalty
    return found


def _name(penalty: Any) -> str:
    """rate_spread of RateSpread."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(penalty).__name__).lower()


def _of_areas(penalty: Penalty, activity: Activity, areas: Names) -> Tensor:
    """(batch, time, neuron) the rates of some areas."""
    if areas is None:
        return activity.rates
    net = activity.network(penalty).net
    known = [area.name for area in net.areas]
    names = [areas] if isinstance(areas, str) else list(areas)
    slices = [net.slice(_checks.known(repr(penalty), "area", name, known)) for name in names]
    return torch.cat([activity.rates[:, :, part] for part in slices], dim=2)


def _distances(net: Connectome) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(synapse,) the distance between the ends of each hidden synapse; NaN where one has no position.

    A dimension that an area has not is NaN there and counts nowhere.
    """
    if net.positions is None:
        return np.full(net.hidden.size, np.nan)
    offset = net.positions[net.hidden.post] - net.positions[net.hidden.pre]
    known = ~np.isnan(offset)
    distance = np.linalg.norm(np.where(known, offset, 0.0), axis=1)
    return np.where(known.any(1), distance, np.nan)
