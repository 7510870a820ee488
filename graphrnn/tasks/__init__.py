"""Cognitive tasks as torch datasets: what the network sees, what it should answer, when it is scored.

A task is a frozen choice of durations, noise and seed; its trials are drawn from that seed alone.
Every trial has one right answer, a class, which is the target at every time step; `scored` says at
which time steps a loss may look.
"""

from __future__ import annotations

from graphrnn.tasks.context import ContextDecision
from graphrnn.tasks.match import DelayedMatchToSample
from graphrnn.tasks.perceptual import PerceptualDecision
from graphrnn.tasks.task import Task, decide

__all__ = ["ContextDecision", "DelayedMatchToSample", "PerceptualDecision", "Task", "decide"]
