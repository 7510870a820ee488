"""Peak memory of training steps, each measured in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from graphrnn import io
from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph
from graphrnn.training.training_step import TrainingStep

__all__ = ["in_new_process", "peak_memory", "peak_of", "peak_of_training"]

_HERE = "graphrnn.training.memory:peak_of_training"
_STATUS = Path("/proc/self/status")


def peak_memory(
    net: Connectome,
    backends: Sequence[str],
    time_steps: int,
    batch: int,
    device: torch.device | str = "cpu",
    precision: str = "exact",
    dt: float = 10.0,
) -> dict[str, int | None]:
    """Peak memory of training steps in bytes, each backend in a process of its own.

    Counted is what a process needs at most during two training steps, Adam and the network's weights and
    index arrays included, above what it had when the packages were imported, a step of a tiny network
    taken, and the `Connectome` loaded. On a GPU it is the device's memory.

    Args:
        net: the network.
        backends: their names.
        time_steps: T of a sequence.
        batch: trials in a step.
        device: "cpu" or "cuda".
        precision: of products.
        dt: time step in ms.

    Returns:
        Backend → bytes; None where the process failed or the system does not say.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.npz"
        io.write(net, path)
        size = {"time_steps": time_steps, "batch": batch, "device": str(device)}
        how = {"precision": precision, "dt": dt}
        threads = torch.get_num_threads()
        return {
            name: in_new_process(_HERE, path=str(path), backend=name, threads=threads, **size, **how)
            for name in backends
        }


def peak_of_training(
    path: str,
    backend: str,
    time_steps: int,
    batch: int,
    device: str,
    threads: int,
    precision: str,
    dt: float,
) -> int | None:
    """Peak memory of training steps of the network in a file, in this process."""
    torch.set_num_threads(threads)
    tiny = AreaGraph()
    tiny.add_area("area", 8)
    tiny.project("area", "area")
    TrainingStep(tiny.compile(0), backend, 2, 2, device, precision)()  # loads what is loaded late
    net = io.read(path)
    if not isinstance(net, Connectome):
        raise TypeError(f"`peak_of_training({path!r}, ...)` needs a file with a Connectome.")
    return peak_of(
        lambda: TrainingStep(net, backend, time_steps, batch, device, precision, dt), torch.device(device)
    )


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
