"""Fair timing: contenders take turns, so that a machine that changes its speed does so to all of them."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from graphrnn import _checks
from graphrnn.kernels.processor import processor

__all__ = ["machine", "time_in_turns"]


def time_in_turns(
    contenders: Mapping[str, Callable[[], Any]],
    *,
    rounds: int = 5,
    warmup: int = 1,
    turn: float = 0.0,
    device: torch.device | str = "cpu",
) -> dict[str, list[float]]:
    """Times functions in turns, A B C, A B C, and so on.

    The figure to quote is the ratio of medians. On a GPU the clock is read when all of its work is done.

    Args:
        contenders: functions without arguments, by name.
        rounds: how often each is timed.
        warmup: how often each is called before, untimed.
        turn: seconds that a turn lasts at least. A call that is shorter is made several times, as in a loop
            of training, and their mean counts; default 0, one call.
        device: where they work.

    Returns:
        The seconds of a call in each round, in the order of `contenders`.

    Raises:
        ValueError, TypeError: for `rounds` below 1, or `warmup` or `turn` below 0.

    Example:
        >>> seconds = time_in_turns({"short": lambda: sum(range(10)), "long": lambda: sum(range(10**6))})
        >>> min(seconds["short"]) < min(seconds["long"])
        True
    """
    _checks.count(f"time_in_turns(..., rounds={rounds!r})", "rounds", rounds)
    _checks.count(f"time_in_turns(..., warmup={warmup!r})", "warmup", warmup, 0)
    _checks.nonnegative(f"time_in_turns(..., turn={turn!r})", "turn", turn)
    wait = _waiter(torch.device(device))
    for contender in contenders.values():
        for _ in range(warmup):
            contender()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            seconds[name].append(_mean(contender, wait, turn))
    return seconds


def _mean(contender: Callable[[], Any], wait: Callable[[], None], turn: float) -> float:
    """Seconds of a call, of as many as a turn takes."""
    wait()
    start, calls = time.perf_counter(), 0
    while True:
        contender()
        wait()
        calls += 1
        passed = time.perf_counter() - start
        if passed >= turn:
            return passed / calls


def _waiter(device: torch.device) -> Callable[[], None]:
    """A function that returns once the device has done what it was told."""
    if device.type == "cpu":
        return lambda: None
    module = torch.get_device_module(device)
    return lambda: module.synchronize(device)


def machine(device: torch.device | str = "cpu") -> dict[str, Any]:
    """What figures of speed depend on: processor, cores, memory, system, versions; plain JSON values.

    Example:
        >>> sorted(machine())
        ['cores', 'device', 'memory_gb', 'processor', 'python', 'system', 'torch']
    """
    device = torch.device(device)
    return {
        "processor": processor(),
        "cores": _cores(),
        "memory_gb": _memory_gb(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, ValueError, OSError):  # no such question on this system
        return None
