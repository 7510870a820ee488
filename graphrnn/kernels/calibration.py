"""Measures from where on a dense block is cheaper than single synapses, on a processor or on a GPU."""

from __future__ import annotations

import torch

from graphrnn.kernels.gpu import calibration as gpu
from graphrnn.kernels.gpu import costs
from graphrnn.kernels.gpu.costs import TileCosts
from graphrnn.kernels.native import calibration as cpu
from graphrnn.kernels.native import crossover
from graphrnn.kernels.native.crossover import Crossover

__all__ = ["calibrate"]


def calibrate(*, device: torch.device | str = "cpu", keep: bool = True) -> Crossover | TileCosts:
    """Measures when the backends `native` and `triton` should multiply dense blocks on this machine.

    On a CPU the library takes eight neighbouring neurons at a time. Where many of them get a synapse from
    the same neuron, it pays to read that neuron's rates once and to multiply zeros for those that do not.
    From how many of eight on depends on the processor. This takes about a second, on one thread. On a GPU
    the blocks are tiles of 32 × 32 neurons; what a tile and a synapse cost is measured at two sizes of the
    batch, in each precision, which takes some seconds. Both are best done while nothing else runs. The
    choice changes the speed and the rounding of sums, nothing else.

    Args:
        device: "cpu" for `native`, "cuda" for `triton`.
        keep: use what was found in this process from now on, and write it to the user's cache folder for
            those to come; where that cannot be written, it holds for this process. False only measures.

    Returns:
        For a CPU a `Crossover`: `rows`, from how many of eight on (9 for never), and the `file` it is kept
        in.
        For a GPU `TileCosts`: picoseconds by precision, and the `file`.

    Raises:
        ValueError: without the compiled library, or where Triton cannot run on the device.

    Example:
        >>> from graphrnn.kernels import available_backends, calibrate
        >>> if "native" in available_backends("cpu"):
        ...     assert 2 <= calibrate(keep=False).rows <= 9
    """
    device = torch.device(device)
    if device.type == "cpu":
        rows = cpu.measured()
        return crossover.store(rows) if keep else Crossover(rows, measured=True)
    found = gpu.measured(device)
    return costs.store(device, found) if keep else found
