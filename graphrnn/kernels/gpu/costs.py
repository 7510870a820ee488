"""What a dense tile and a synapse cost on a GPU: what this one measured, or an estimate.

A tile costs the reading of its weights and, per trial, its products; a synapse costs the reading of its
weight and index and, per trial, that of a rate from wherever it lies. Both are linear in the batch, so that
four numbers say from how many synapses on a tile is dense.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from graphrnn.kernels import _kept
from graphrnn.kernels.gpu.available import package
from graphrnn.kernels.gpu.layout import NO_TILES, SIZE

__all__ = ["ESTIMATE", "PRECISIONS", "Costs", "TileCosts", "current", "store"]


class Costs(NamedTuple):
    """Picoseconds in which a whole device does one of many."""

    tile: float  # of 32 × 32, once per step
    tile_trial: float  # and per trial
    synapse: float
    synapse_trial: float


class TileCosts(NamedTuple):
    """The costs in each precision of products, and where they are from."""

    exact: Costs
    tf32: Costs
    bf16: Costs
    measured: bool  # on this device; otherwise an estimate
    file: Path | None = None  # where they are kept

    def threshold(self, batch: int, precision: str = "exact") -> int:
        """Synapses from which on a tile is cheaper than its synapses one by one; 1,025 for never.

        Example:
            >>> ESTIMATE.threshold(batch=64), ESTIMATE.threshold(batch=16)
            (65, 111)
        """
        costs = getattr(self, precision)
        tile = costs.tile + costs.tile_trial * batch
        synapse = costs.synapse + costs.synapse_trial * batch
        return max(1, math.ceil(min(tile / max(synapse, 1e-9), NO_TILES)))

    def __str__(self) -> str:
        origin = (
            "measured here" if self.measured else "estimated, `kernels.calibrate(device='cuda')` measures"
        )
        pay = ", ".join(f"{self.threshold(batch)} at {batch} trials" for batch in (16, 64))
        return f"tiles of {SIZE} × {SIZE} pay from so many synapses on: {pay} ({origin})"


# Of an H200, not measured: 4.3 TB/s from memory, 5.5 TB/s gathered from the second cache, 60 TFLOP/s in
# float32 and 400 in TF32, which then waits for the rates.
ESTIMATE = TileCosts(
    exact=Costs(tile=953, tile_trial=34, synapse=1.86, synapse_trial=0.73),
    tf32=Costs(tile=953, tile_trial=23, synapse=1.86, synapse_trial=0.73),
    bf16=Costs(tile=953, tile_trial=12, synapse=1.86, synapse_trial=0.36),
    measured=False,
)
PRECISIONS = ("exact", "tf32", "bf16")  # the first fields of `TileCosts`

# What holds in this process, by device.
_known: dict[str, TileCosts] = {}


def current(device: torch.device) -> TileCosts:
    """The costs of a device; its file is looked at once in a process."""
    if device.type != "cuda":
        return ESTIMATE
    machine = _machine(device)
    if machine not in _known:
        _known[machine] = _stored(machine)
    return _known[machine]


def store(device: torch.device, found: TileCosts) -> TileCosts:
    """Makes these the costs of a device, in this process and in those to come."""
    machine = _machine(device)
    numbers = {name: list(getattr(found, name)) for name in PRECISIONS}
    _known[machine] = found._replace(file=_kept.keep(machine, numbers))
    return _known[machine]


@cache
def _machine(device: torch.device) -> str:
    return f"{torch.cuda.get_device_name(device)}; triton {package().__version__}"


def _stored(machine: str) -> TileCosts:
    numbers, file = _kept.kept(machine)
    if not isinstance(numbers, dict) or not all(_are_costs(numbers.get(name)) for name in PRECISIONS):
        return ESTIMATE
    exact, tf32, bf16 = (Costs(*numbers[name]) for name in PRECISIONS)
    return TileCosts(exact, tf32, bf16, measured=True, file=file)


def _are_costs(numbers: Any) -> bool:
    return (
        isinstance(numbers, list)
        and len(numbers) == len(Costs._fields)
        and all(type(number) in (int, float) and 0 <= number < math.inf for number in numbers)
    )
