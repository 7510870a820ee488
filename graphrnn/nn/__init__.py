"""Layers, constraints and the continuous-time RNN, as torch modules."""

from __future__ import annotations

from graphrnn.nn.ctrnn import CTRNN
from graphrnn.nn.dale import Dale
from graphrnn.nn.delays import Delays
from graphrnn.nn.dynamics import Adaptation, Change, Dynamics, ShortTermPlasticity
from graphrnn.nn.export import Step, export_step, read_parameters, write_parameters
from graphrnn.nn.layer import SparseLayer
from graphrnn.nn.leak import Leak
from graphrnn.nn.rewiring import Rewired, Rewiring, grow, prune, rewire
from graphrnn.nn.state import State

__all__ = [
    "CTRNN",
    "Adaptation",
    "Change",
    "Dale",
    "Delays",
    "Dynamics",
    "Leak",
    "Rewired",
    "Rewiring",
    "ShortTermPlasticity",
    "SparseLayer",
    "State",
    "Step",
    "export_step",
    "grow",
    "prune",
    "read_parameters",
    "rewire",
    "write_parameters",
]
