"""The recurrence over a whole sequence and its gradient: one contract, several backends.

Everything here is neuron-major, with the batch innermost: `(neuron, batch)` and
`(time, neuron, batch)`, so that one step is `W @ r` for a sparse W of shape (post, pre).
"""

from __future__ import annotations

from graphrnn.kernels._precision import MANTISSA_BITS, autocasts, check_precision, rounded
from graphrnn.kernels.activations import ACTIVATIONS, Activation
from graphrnn.kernels.backends import BACKENDS, Choice, available_backends, choose_backend, explain_backend
from graphrnn.kernels.calibration import calibrate
from graphrnn.kernels.contract import Backend, Gradients, Matrix, OutputGradients, Outputs, Problem, Wanted
from graphrnn.kernels.delays import Delayed, delayed_pattern
from graphrnn.kernels.gpu.costs import TileCosts
from graphrnn.kernels.matmul import sparse_matmul
from graphrnn.kernels.memory import Memory, memory_of
from graphrnn.kernels.native.crossover import Crossover
from graphrnn.kernels.pattern import Pattern
from graphrnn.kernels.probe import GATHER_WIDTH, gather
from graphrnn.kernels.recurrence import Run, recurrence
from graphrnn.kernels.wiring import random_pattern

__all__ = [
    "ACTIVATIONS",
    "BACKENDS",
    "GATHER_WIDTH",
    "MANTISSA_BITS",
    "Activation",
    "Backend",
    "Choice",
    "Crossover",
    "Delayed",
    "Gradients",
    "Matrix",
    "Memory",
    "OutputGradients",
    "Outputs",
    "Pattern",
    "Problem",
    "Run",
    "TileCosts",
    "Wanted",
    "autocasts",
    "available_backends",
    "calibrate",
    "check_precision",
    "choose_backend",
    "delayed_pattern",
    "explain_backend",
    "gather",
    "memory_of",
    "random_pattern",
    "recurrence",
    "rounded",
    "sparse_matmul",
]
