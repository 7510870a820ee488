"""Measures from where on a dense block is cheaper than single synapses, which differs between machines."""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray

from graphrnn.kernels.contract import Matrix, OutputGradients, Problem, Wanted
from graphrnn.kernels.native import NativeBackend, crossover
from graphrnn.kernels.native import library as native
from graphrnn.kernels.pattern import Pattern

__all__ = ["measured"]

# Rates that outgrow the first cache and not the second, and steps enough to outweigh what is done once.
NEURONS, STEPS, BATCH = 1024, 16, 64
SHARE = 0.25  # of the columns in a group of rows: read in order, all of them would come for nothing
ROUNDS = 4
WANTED = Wanted(*(name in ("values", "v0") for name in Wanted._fields))


def measured() -> int:
    """From how many of eight rows on that share a column a block pays, timed on one thread of this machine.

    Raises:
        ValueError: without the compiled library.
    """
    why = native.missing()
    if why is not None:
        raise ValueError(f"`calibrate(...)` needs the compiled library: {why}.")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode(False):  # whose tensors have no layout that is kept
            return _first(crossover.FEWEST, crossover.NEVER)
    finally:
        torch.set_num_threads(threads)


def _first(low: int, high: int) -> int:
    """The least number of rows from `low` to `high` that pays, by halves; `high` where none below does."""
    while low < high:
        middle = (low + high) // 2
        if _blocks_pay(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _blocks_pay(rows: int) -> bool:
    """Whether a network runs faster with blocks in which `rows` of eight neurons share each column."""
    problem = _problem(_mask(NEURONS, rows))
    ways = [NativeBackend(rows), NativeBackend(crossover.NEVER)]
    seconds: list[list[float]] = [[_seconds(way, problem) for way in ways] for _ in range(1 + ROUNDS)]
    blocks, single = (min(times) for times in zip(*seconds[1:], strict=True))
    return blocks < single


def _mask(neurons: int, rows: int) -> NDArray[np.bool_]:
    """A mask (post, pre) in which each eight neurons share some columns, each of them `rows` of the eight."""
    random = np.random.default_rng(0)
    shape = (neurons // native.GROUP, 1, neurons)
    shared = random.random(shape) < SHARE
    first = random.integers(0, native.GROUP, shape)
    row = np.arange(native.GROUP)[:, None]
    return (shared & ((row - first) % native.GROUP < rows)).reshape(neurons, neurons)


def _problem(mask: NDArray[np.bool_]) -> Problem:
    post, pre = np.nonzero(mask)
    pattern = Pattern.from_pairs(post, pre, mask.shape)
    state = torch.zeros(len(mask), BATCH, dtype=torch.float32, device="cpu")
    return Problem(
        hidden=Matrix(state.new_full((pattern.n_synapses,), 1e-3), pattern),
        input=None,
        readout=None,
        x=None,
        bias=None,
        readout_bias=None,
        drive=state.new_ones(STEPS, len(mask), BATCH),
        alpha=state.new_full((len(mask),), 0.1),
        v0=state,
        r0=None,
        rate_noise=None,
        activation="relu",
    )


def _seconds(backend: NativeBackend, problem: Problem) -> float:
    """Time of this thread for a sequence, forward and back; what else the core did does not count."""
    start = time.thread_time()
    rates = backend.forward(problem, save_states=False).rates
    backend.backward(problem, rates, None, OutputGradients(rates, None, None, None), WANTED)
    return time.thread_time() - start
