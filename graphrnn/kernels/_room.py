"""What a pass says when a GPU's memory does not suffice for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch

from graphrnn.kernels.contract import Problem
from graphrnn.kernels.delays import window_of

__all__ = ["with_room"]

T = TypeVar("T")


def with_room(run: Callable[[], T], problem: Problem, backend: str, checkpoint: int, way: str) -> T:
    """What `run` returns; where memory runs out, an error of the same type that names the ways out.

    The new error does not refer to the old one, whose traceback would keep the tensors of the pass alive.

    Args:
        run: the pass.
        problem: what it runs through.
        backend: its name.
        checkpoint: as in `recurrence`; 0 for none.
        way: "forward" or "back".
    """
    try:
        return run()
    except torch.OutOfMemoryError as error:
        said = ". ".join(str(error).split(". ")[:2]).rstrip(".")
    neurons, batch = problem.v0.shape
    raise torch.OutOfMemoryError(
        f"`recurrence` needs more memory on {problem.v0.device} to go {way} through {problem.steps} steps of "
        f"{neurons} neurons and {batch} trials on the backend `{backend}`; it got: {said}. Take "
        f"{_ways_out(problem, checkpoint)}; parameters, optimizer and state are as they were."
    )


def _ways_out(problem: Problem, checkpoint: int) -> str:
    least = max(1, round(math.sqrt(2 * problem.steps)))  # 2 T / k + k numbers are kept
    ways = ["a smaller batch", "shorter sequences", "another backend"]
    if window_of(problem.r0) == 1 and checkpoint != least < problem.steps:
        ways.insert(0, f"checkpoint={least}")
    return f"{', '.join(ways[:-1])} or {ways[-1]}"
