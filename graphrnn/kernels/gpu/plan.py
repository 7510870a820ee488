"""Which form is the cheaper one on a GPU: a dense tile, single synapses, or a kernel for the whole sequence.

A tile costs the reading of its weights and, per trial, its products; a synapse costs the reading of its
weight and index and, per trial, that of a rate from wherever it lies. Both are linear in the batch, so that
four numbers say from how many synapses on a tile is dense.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from graphrnn.kernels.gpu.layout import NO_TILES

__all__ = ["ESTIMATES", "Costs", "small", "threshold"]


class Costs(NamedTuple):
    """Picoseconds of a whole device."""

    tile: float  # of 32 × 32, once per step
    tile_trial: float  # and per trial
    synapse: float
    synapse_trial: float


# Of an H200, estimated and not measured: 4.3 TB/s from memory, 5.5 TB/s gathered from the second cache,
# 60 TFLOP/s in float32 and 400 in TF32, which then waits for the rates.
ESTIMATES = {
    "exact": Costs(tile=953, tile_trial=34, synapse=1.86, synapse_trial=0.73),
    "tf32": Costs(tile=953, tile_trial=23, synapse=1.86, synapse_trial=0.73),
    "bf16": Costs(tile=953, tile_trial=12, synapse=1.86, synapse_trial=0.36),
}
SMALL = {"exact": 256, "tf32": 512, "bf16": 512}


def small(precision: str) -> int:
    """The largest number of columns of W at which one kernel goes through the whole sequence.

    One program has a step of 16 trials to itself: n² · 16 multiplications on one of 132 multiprocessors, 128
    at a time in float32. At 256 neurons that is about 5 µs, as long as the launches and the kernels of a step
    that all multiprocessors share. Tensor cores move the bound up. All of it is an estimate.
    """
    return SMALL[precision]


def threshold(costs: Costs, batch: int) -> int:
    """Synapses from which on a tile is cheaper than its synapses one by one.

    Example:
        >>> threshold(ESTIMATES["exact"], batch=64), threshold(ESTIMATES["exact"], batch=16)
        (65, 111)
    """
    tile = costs.tile + costs.tile_trial * batch
    synapse = costs.synapse + costs.synapse_trial * batch
    return min(NO_TILES, max(1, math.ceil(tile / max(synapse, 1e-9))))
