"""The command that times the backends on a network: bench."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from graphrnn.cli import networks, settings, tables

if TYPE_CHECKING:
    import torch

    from graphrnn.training import Benchmark

__all__ = ["bench"]

_SHOWN = ("hidden: ", "delays: ")  # of what the network explains


def bench(options: argparse.Namespace) -> int:
    """Time training steps of a network on every backend, and print a table."""
    if options.file is None and not options.calibrate:
        raise ValueError("needs a network to time. Give a FILE, or --calibrate alone.")
    if options.calibrate:
        print(_calibrated(settings.device(options.device)), flush=True)
        if options.file is None:
            return 0
    out = None if options.json is None else _target(options.json)
    net = networks.network(options)
    device = settings.device(options.device)
    from graphrnn.training import benchmark

    print(tables.heading(net), flush=True)
    print("timing, then one process per backend for its peak memory", file=sys.stderr)
    found = benchmark(
        net,
        backends=options.backend,
        time_steps=options.steps,
        batch=options.batch,
        rounds=options.rounds,
        threads=options.threads,
        device=device,
        precision=options.precision,
        dt=options.dt,
    )
    print(_text(found))
    if out is not None:
        out.write_text(json.dumps(found.to_dict(), indent=1) + "\n")
        print(f"wrote {out}")
    if not found.agrees:
        print(
            "graphrnn bench: the backends' losses or gradients differ by more than rounding can, by "
            f"{found.disagreement:.1g} of their size. Do not trust these times; please report the network.",
            file=sys.stderr,
        )
        return 1
    return 0


def _calibrated(device: torch.device) -> str:
    from graphrnn.kernels import calibrate

    found = calibrate(device=device)
    kept = "nowhere, for no cache folder can be written" if found.file is None else f"in {found.file}"
    return f"{'native' if device.type == 'cpu' else 'triton'}: {found}; kept {kept}"


def _target(name: str) -> Path:
    path = Path(name)
    if not path.parent.is_dir():
        raise ValueError(f"found no folder {str(path.parent)!r}. Create it first.")
    if path.is_dir():
        raise ValueError(f"needs a file name for --json; {name!r} is a folder. Give another name.")
    return path


def _text(found: Benchmark) -> str:
    """The table, and what its columns mean."""
    rounds = tables.of(len(found.results[0].seconds), "round")
    lines = [
        f"T = {found.time_steps} time steps, B = {found.batch} trials, {_numbers(found)} on "
        f"{_device(found)}, {tables.of(found.threads, 'thread')}; medians of {rounds} in turns",
        "",
        _table(found),
        "step: forward, loss, backward, Adam; synapse-steps: S T B of one step",
        "peak memory: of training steps, above that of the loaded network",
        f"limit: {_limit(found)}",
        "",
        f"`auto` takes {found.auto.name!r}, {found.auto.reason}",
    ]
    taken = [result for result in found.results if result.backend == found.auto.name]
    for result in taken:
        lines += [line for line in result.explained.splitlines() if line.startswith(_SHOWN)]
    lines += [f"left out: {backend!r}, {why}" for backend, why in found.left_out.items()]
    return "\n".join(lines)


def _numbers(found: Benchmark) -> str:
    return "float32" if found.precision == "exact" else f"float32 with products in {found.precision}"


def _device(found: Benchmark) -> str:
    """The device, and of a GPU its name."""
    from graphrnn.training import machine

    name = machine(found.device)["device"]
    return found.device if found.device.startswith(str(name)) else f"{found.device} ({name})"


def _table(found: Benchmark) -> str:
    names = ["backend", "step", "synapse-steps/s", "of the limit", "peak memory", ""]
    rows = []
    for backend, row in found.table.iterrows():
        limit = "–" if math.isnan(row["of_limit"]) else f"{row['of_limit']:.0%}"
        memory = "–" if math.isnan(row["memory"]) else _megabytes(row["memory"])
        rate = f"{row['synapse_steps'] / 1e9:.3g} × 10⁹"
        rows.append([str(backend), _time(row["step"]), rate, limit, memory, "auto" if row["auto"] else ""])
    return tables.text_table(names, rows)


def _limit(found: Benchmark) -> str:
    if not found.synapses:
        return "there is no synapse to gather rates for"
    if found.limit is None:
        return "unknown; on CPUs it is measured by the compiled library"
    loop = "a plain loop" if found.device == "cpu" else "torch's embedding_bag"
    return (
        f"{_time(found.limit)}, in which {loop} gathers 3 S T ⌈B/16⌉ rows of 16 rates; "
        "dense blocks need fewer"
    )


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.{1 if size < 1e7 else 0}f} MB"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"
