"""What a pass says when memory does not suffice for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch

from graphrnn.kernels.contract import Problem
from graphrnn.kernels.delays import window_of

__all__ = ["with_room"]

T = TypeVar("T")

FULL = (torch.OutOfMemoryError, MemoryError)  # of a GPU, and of the compiled library
ON_CPU = "can't allocate memory"  # what torch says in a plain RuntimeError


def with_room(
    run: Callable[[], T], problem: Problem, steps: int, backend: str, checkpoint: int, way: str
) -> T:
    """What `run` returns; where memory runs out, an error that names the ways out.

    It is of the type of the old one; on the CPU, where torch has none for it, of that of a GPU. The new error
    does not refer to the old one, whose traceback would keep the tensors of the pass alive.

    Args:
        run: the pass.
        problem: what it runs through.
        steps: number of time steps, which a problem on its way back may no longer know.
        backend: its name.
        checkpoint: as in `recurrence`; 0 for none.
        way: "forward" or "back".
    """
    try:
        return run()
    except (RuntimeError, MemoryError) as error:
        if not (isinstance(error, FULL) or ON_CPU in str(error)):
            raise
        kind = type(error) if isinstance(error, FULL) else torch.OutOfMemoryError
        said = ". ".join(str(error).split(". ")[:2]).rstrip(".")
    neurons, batch = problem.v0.shape
    raise kind(
        f"`recurrence` needs more memory on {problem.v0.device} to go {way} through {steps} steps of "
        f"{neurons} neurons and {batch} trials on the backend `{backend}`; it got: {said}. Take "
        f"{_ways_out(problem, steps, checkpoint)}; parameters, optimizer and state are as they were."
    )


def _ways_out(problem: Problem, steps: int, checkpoint: int) -> str:
    least = max(1, round(math.sqrt(2 * steps)))  # 2 T / k + k numbers are kept
    ways = ["a smaller batch", "shorter sequences", "another backend"]
    if window_of(problem.r0) == 1 and checkpoint != least < steps:
        ways.insert(0, f"checkpoint={least}")
    return f"{', '.join(ways[:-1])} or {ways[-1]}"
