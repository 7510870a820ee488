"""Penalties on synapses: their weights, the length of their wiring, the energy they take, Hebb's rule."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.nn.selection import chosen
from graphrnn.training.penalties.penalty import Activity, Names, Penalty

__all__ = ["Hebbian", "Metabolic", "Weights", "WiringCost"]

_WHICH = ("input", "hidden", "readout")


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
