"""Penalties on rates alone: how high they are, how evenly shared, of what dimension, how fast they change."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
import torch
from torch import Tensor

from graphrnn import _checks
from graphrnn.training.penalties.penalty import Activity, Names, Penalty

__all__ = ["Dimensionality", "Entropy", "RateSpread", "Rates", "StatePrediction"]


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


def _of_areas(penalty: Penalty, activity: Activity, areas: Names) -> Tensor:
    """(batch, time, neuron) the rates of some areas."""
    if areas is None:
        return activity.rates
    net = activity.network(penalty).net
    known = [area.name for area in net.areas]
    names = [areas] if isinstance(areas, str) else list(areas)
    slices = [net.slice(_checks.known(repr(penalty), "area", name, known)) for name in names]
    return torch.cat([activity.rates[:, :, part] for part in slices], dim=2)
