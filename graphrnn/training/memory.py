"""Peak memory of training steps, each measured in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

__all__ = ["in_new_process", "peak_of"]

_STATUS = Path("/proc/self/status")


def in_new_process(function: str, **arguments: Any) -> int | None:
    """What a function of a module returns when it is called in a fresh process, if that is a number.

    Args:
        function: `"module:name"`.
        **arguments: for the function; values that JSON can carry.

    Returns:
        The number; None where the function returned None or the process failed, as when memory ran out.

    Example:
        >>> in_new_process("operator:index", a=3) is None  # `index` takes no named arguments: it fails
        True
    """
    module, _, name = function.partition(":")
    program = f"import json, sys; from {module} import {name}; print({name}(**json.loads(sys.argv[1])))"
    # The new process finds what this one found.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", program, json.dumps(arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    last = run.stdout.strip().rpartition("\n")[2]
    return int(last) if run.returncode == 0 and last.isdecimal() else None


def peak_of(prepare: Callable[[], Callable[[], Any]], device: torch.device, calls: int = 2) -> int | None:
    """Bytes that a function needs at most while it is called, above those that were in use before.

    What `prepare` makes and keeps counts; what it needs in passing does not, where the system lets a
    process forget its peak (Linux). On a GPU it is the device's memory.

    Args:
        prepare: makes the function.
        device: where it works.
        calls: how often it is called.

    Returns:
        The bytes; None where the system does not say.
    """
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        function = prepare()
        torch.cuda.reset_peak_memory_stats(device)
        for _ in range(calls):
            function()
        return torch.cuda.max_memory_allocated(device) - before
    in_use = _resident("VmRSS")
    function = prepare()
    _forget_peak()
    for _ in range(calls):
        function()
    peak = _resident("VmHWM")
    return None if in_use is None or peak is None else max(peak - in_use, 0)


def _resident(field: str) -> int | None:
    """Bytes of this process in memory, now (`VmRSS`) or at most (`VmHWM`)."""
    if _STATUS.exists():
        found = re.search(rf"^{field}:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
        return None if found is None else 1024 * int(found[1])
    try:
        import resource
    except ImportError:  # Windows
        return None
    # The peak so far in both cases: a difference of two of them is too small rather than too large.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # not Linux, or not allowed: the peak then includes the preparation
        return
