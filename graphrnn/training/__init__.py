"""Training on tasks: `fit`, `evaluate`, checkpoints that are whole and resume bit-exactly, `benchmark`."""

from __future__ import annotations

from graphrnn.training.benchmark import BackendResult, Benchmark, benchmark
from graphrnn.training.checkpoints import load_checkpoint, save_checkpoint
from graphrnn.training.evaluation import Evaluation, evaluate
from graphrnn.training.loop import EpochMetrics, History, fit
from graphrnn.training.memory import peak_memory
from graphrnn.training.penalties import (
    Activity,
    Dimensionality,
    Entropy,
    Hebbian,
    Metabolic,
    Penalty,
    Rates,
    RateSpread,
    StatePrediction,
    Weights,
    WiringCost,
)
from graphrnn.training.timing import machine, time_in_turns
from graphrnn.training.training_step import TrainingStep

__all__ = [
    "Activity",
    "BackendResult",
    "Benchmark",
    "Dimensionality",
    "Entropy",
    "EpochMetrics",
    "Evaluation",
    "Hebbian",
    "History",
    "Metabolic",
    "Penalty",
    "RateSpread",
    "Rates",
    "StatePrediction",
    "TrainingStep",
    "Weights",
    "WiringCost",
    "benchmark",
    "evaluate",
    "fit",
    "load_checkpoint",
    "machine",
    "peak_memory",
    "save_checkpoint",
    "time_in_turns",
]
