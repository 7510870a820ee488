"""Penalties: what a network is charged for beside its errors.

Each is a frozen dataclass with a `strength`, called with an `Activity` and returning one number, to which
`fit` adds the strength: loss + Σ strength · penalty. `fit(penalties=...)` logs them one by one.
"""

from __future__ import annotations

from graphrnn.training.penalties.names import PENALTIES, named_penalties
from graphrnn.training.penalties.penalty import Activity, Penalty
from graphrnn.training.penalties.rates import Dimensionality, Entropy, Rates, RateSpread, StatePrediction
from graphrnn.training.penalties.synapses import Hebbian, Metabolic, Weights, WiringCost

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
