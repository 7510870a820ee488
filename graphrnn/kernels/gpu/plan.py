"""In which form a pattern runs on a GPU: one kernel for the sequence, dense tiles, or single synapses."""

from __future__ import annotations

from graphrnn.kernels.gpu import costs
from graphrnn.kernels.gpu.layout import layout
from graphrnn.kernels.pattern import Pattern

__all__ = ["explain", "small"]

SMALL = {"exact": 256, "tf32": 512, "bf16": 512}


def small(precision: str) -> int:
    """The largest number of columns of W at which one kernel goes through the whole sequence.

    One program has a step of 16 trials to itself: n² · 16 multiplications on one of 132 multiprocessors, 128
    at a time in float32. At 256 neurons that is about 5 µs, as long as the launches and the kernels of a step
    that all multiprocessors share. Tensor cores move the bound up. All of it is an estimate.
    """
    return SMALL[precision]


def explain(pattern: Pattern, precision: str, small: int, threshold: int | None, split: int | None) -> str:
    """In which form a pattern runs, and why, for products of 64 trials.

    Args:
        pattern: where the synapses are.
        precision: of the products.
        small: number of columns up to which one kernel goes through the sequence.
        threshold: synapses from which on a tile is dense; default by the costs on the pattern's device.
        split: synapses of a row from which on it is cut; default by the number of all of them.
    """
    n_post, n_pre = pattern.shape
    n_cols = max(n_pre, int(pattern.col.max()) + 1 if pattern.n_synapses else 0)  # more under delays
    text = f"density {pattern.density:.3g}: "
    if n_post == n_pre and n_cols <= small:
        return f"{text}one dense matrix and one kernel for the whole sequence, as up to {small} neurons"
    pays = costs.current(pattern.col.device)
    chosen = f"dense from {threshold} synapses of a tile on, as asked for" if threshold else str(pays)
    found = layout(pattern.crow, pattern.col, n_cols, threshold or pays.threshold(64, precision), split)
    share = found.in_tiles / max(pattern.n_synapses, 1)
    cut = ", long rows cut into several" if found.rest is not None and found.rest.split else ""
    return f"{text}{share:.0%} of the synapses in dense tiles, the others one by one{cut}; {chosen}"
