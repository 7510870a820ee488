"""Layers, constraints and the continuous-time RNN, as torch modules."""

from __future__ import annotations

from graphrnn.nn.ctrnn import CTRNN
from graphrnn.nn.dale import Dale
from graphrnn.nn.layer import SparseLayer
from graphrnn.nn.leak import Leak
from graphrnn.nn.state import State

__all__ = ["CTRNN", "Dale", "Leak", "SparseLayer", "State"]
