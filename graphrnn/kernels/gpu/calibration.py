"""Measures what a dense tile and a synapse cost on a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch

from graphrnn.kernels.gpu.available import missing
from graphrnn.kernels.gpu.costs import PRECISIONS, Costs, TileCosts
from graphrnn.kernels.gpu.layout import NO_TILES, SIZE
from graphrnn.kernels.gpu.products import TritonProducts
from graphrnn.kernels.gpu.sweep import Form
from graphrnn.kernels.pattern import Pattern

__all__ = ["measured"]

# A million synapses, all in full tiles, so that the same network runs in either form.
NEURONS, TILES_OF_A_ROW = 4096, 8
BATCHES = (16, 64)
STEPS, ROUNDS = 200, 5  # in one launch, so that it hardly counts


def measured(device: torch.device) -> TileCosts:
    """The costs of tiles and of synapses on a device, in each precision.

    Raises:
        ValueError: where Triton cannot run on the device.
    """
    why = missing(device)
    if why is not None:
        raise ValueError(
            f"`calibrate(device={device.type!r})` needs Triton on that device: {why}. Leave `device` out to "
            "measure the processor."
        )
    pattern = _pattern().to(device)
    on_device = torch.cuda.device(device) if device.type == "cuda" else nullcontext()
    with on_device, torch.no_grad(), torch.inference_mode(False):
        exact, tf32, bf16 = (_costs(pattern, precision) for precision in PRECISIONS)
    return TileCosts(exact, tf32, bf16, measured=True)


def _pattern() -> Pattern:
    """Full tiles at random places, the same number in each row of tiles."""
    random = np.random.default_rng(0)
    blocks = NEURONS // SIZE
    mask = np.zeros((blocks, blocks), bool)
    for row in mask:
        row[random.choice(blocks, min(TILES_OF_A_ROW, blocks), replace=False)] = True
    post, pre = np.nonzero(np.kron(mask, np.ones((SIZE, SIZE), bool)))
    return Pattern.from_pairs(post, pre, (NEURONS, NEURONS))


def _costs(pattern: Pattern, precision: str) -> Costs:
    values = torch.ones(pattern.n_synapses, device=pattern.col.device)
    found = []
    for threshold, number in ((1, pattern.n_synapses // SIZE**2), (NO_TILES, pattern.n_synapses)):
        products = TritonProducts(precision, threshold)
        matrix = products.weight_matrix(pattern, values)
        few, many = (_picoseconds(products, matrix, batch) / number for batch in BATCHES)
        trial = max(0.0, (many - few) / (BATCHES[1] - BATCHES[0]))
        found += [max(0.0, few - BATCHES[0] * trial), trial]
    return Costs(*found)


def _picoseconds(products: TritonProducts, matrix: Form, batch: int) -> float:
    """The shortest time of a product, of several."""
    rates = torch.ones(STEPS, NEURONS, batch, device=_device(matrix))

    def product() -> None:
        products.each_step(matrix, rates)

    return 1e12 * min(_seconds(product, rates.device) for _ in range(1 + ROUNDS)) / STEPS


def _device(matrix: Form) -> torch.device:
    values = matrix.tiles if matrix.rest is None else matrix.rest
    assert values is not None
    return values.device


def _seconds(call: Callable[[], None], device: torch.device) -> float:
    """Wall time of a call and all that it launches."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
