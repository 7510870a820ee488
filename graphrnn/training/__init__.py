"""Training on tasks: `fit`, `evaluate`, and checkpoints that are whole and resume bit-exactly."""

from __future__ import annotations

from graphrnn.training.checkpoints import load_checkpoint, save_checkpoint
from graphrnn.training.evaluation import Evaluation, evaluate
from graphrnn.training.loop import EpochMetrics, History, fit

__all__ = [
    "EpochMetrics",
    "Evaluation",
    "History",
    "evaluate",
    "fit",
    "load_checkpoint",
    "save_checkpoint",
]
