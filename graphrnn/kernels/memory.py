"""How many bytes a pass takes: by synapse, and by neuron, time step and trial."""

from __future__ import annotations

from typing import NamedTuple

import torch

from graphrnn import _checks
from graphrnn.kernels.backends import BACKENDS, REFERENCE
from graphrnn.kernels.csr import DENSE_GRADIENT, DENSE_PRODUCT

__all__ = ["Memory", "memory_of"]

PATTERN = 12  # bytes per synapse: `col`, `t_col` and `perm`
PASSING = 12  # tensors of (neuron, batch) that the loop over time has at most
PANELS = 6144  # bytes per neuron in which `native` collects a few steps for the gradient of the values
NARROW = 2  # bytes per synapse of `native`, and again on the way back: the columns that it reads
SAMPLED = 12  # bytes per synapse of `sampled_addmm`, beside its sum
TILED = 24  # bytes per synapse: where it is in the tiles of W and of Wᵀ
DENSE_TILE = 0.04  # density from which on tiles are dense at 64 trials, in uniform wiring with some to spare
INDICES = {False: 8, True: 24}  # int64 ones of torch-sparse per synapse, of a forward and of a training pass


class Memory(NamedTuple):
    """Bytes that a pass takes at most, all that grows with the network or the sequence."""

    synapse: float  # per synapse
    step: float  # per neuron, time step and trial
    trial: float  # per neuron and trial
    neuron: float  # per neuron

    def total(self, neurons: int, synapses: int, time_steps: int, batch: int) -> int:
        """Bytes for a network and a sequence.

        Example:
            >>> memory_of("native").total(neurons=10_000, synapses=10**6, time_steps=50, batch=64)
            260160000
        """
        per_neuron = self.neuron + batch * (self.trial + time_steps * self.step)
        return round(self.synapse * synapses + neurons * per_neuron)


def memory_of(
    backend: str,
    *,
    training: bool = True,
    checkpoint: int | None = None,
    noise: int = 0,
    states: bool = False,
    density: float = 0.0,
    dtype: torch.dtype = torch.float32,
) -> Memory:
    """Bytes that a forward pass, or a whole training step with Adam, takes on a backend.

    Counted are the synapses' indices and weights, in training with their gradients, Adam's two moments and
    what is needed in passing, and the rates. A gradient that a loss gives back on the rates themselves
    (a penalty on them, not one on the readout) comes on top: one number per neuron, time step and trial.

    Args:
        backend: its name; not `reference`, whose dense matrices grow with neurons squared.
        training: a forward pass, a backward pass and a step of Adam; otherwise a forward pass without
            gradients.
        checkpoint: as in `recurrence`: only the rates and v of every so-many-th step are kept. Least is taken
            with k = √(2 T).
        noise: how many of the two noises are on, before and after the activation.
        states: whether v is kept too, as it is under noise after the activation and to learn α.
        density: of the pattern; `torch` takes dense matrices above some.
        dtype: float32 or float64.

    Returns:
        A `Memory`, whose `total` has the bytes for a sequence.

    Raises:
        ValueError, TypeError: for a backend that is not known, or a checkpoint below 1.

    Example:
        >>> memory_of("torch").step, memory_of("torch", checkpoint=10).step
        (4.0, 0.8)
    """
    call = "memory_of"
    _checks.one_of(call, "backend", backend, [name for name in BACKENDS if name != REFERENCE])
    item = dtype.itemsize
    numbers = 6 if training else 1  # weights, gradient, two moments, and two in passing
    synapse = PATTERN + numbers * item + _in_passing(backend, training, density, item)
    kept = 1 + (training and states)
    if checkpoint is None:
        step, part = float(noise + kept), 0
    else:
        part = _checks.count(call, "checkpoint", checkpoint) * kept
        step = noise + 2 / checkpoint
    panels = PANELS if backend == "native" and training else 0
    return Memory(synapse, item * step, item * (PASSING + part), panels)


def _in_passing(backend: str, training: bool, density: float, item: int) -> float:
    """Bytes per synapse that a backend needs beside the pattern, the weights and their gradients."""
    if backend == "torch_sparse":
        return INDICES[training]
    if backend == "triton":  # dense tiles hold zeros too: W, Wᵀ, and the gradient twice; indices of both ways
        return 4 * item / density + TILED if density >= DENSE_TILE else 0
    if backend == "native":
        return NARROW * (1 + training)
    if backend != "torch":
        return 0
    product = item / density if density >= DENSE_PRODUCT else 0.0
    if not training:
        return product
    gradient = item / density + 16 if density >= DENSE_GRADIENT else SAMPLED  # 16 of int64 places
    return product + gradient
