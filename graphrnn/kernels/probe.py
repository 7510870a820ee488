"""The yardstick of the benchmarks: how fast this machine gathers the rates that a sparse product needs."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from graphrnn import _checks
from graphrnn.kernels.native import library as native
from graphrnn.kernels.pattern import Pattern

__all__ = ["GATHER_WIDTH", "by_torch", "gather"]

GATHER_WIDTH = 16  # rates in a row: one cache line


def gather(
    values: Tensor,
    pattern: Pattern,
    rates: Tensor,
    *,
    out: Tensor | None = None,
    repeat: int = 1,
    threads: int = 1,
) -> Tensor:
    """W r by a plain loop over the synapses: per synapse one row of 16 rates, one multiplication.

    Time a call to learn how fast the rates of a network of this size and wiring can be had. On a CPU the
    loop is compiled with graphrnn; on a GPU it is the kernel of `torch.nn.functional.embedding_bag`.

    Args:
        values: the entries of W (synapse,), float32, on the CPU or a GPU.
        pattern: where they are.
        rates: (pre, 16), float32.
        out: where to write, (post, 16); default a new tensor.
        repeat: how many times to go through all synapses.
        threads: among which the rows are divided, by synapses; of the CPU.

    Returns:
        W r (post, 16).

    Raises:
        ValueError: for tensors of another shape, kind or device, or on the CPU without the compiled library.

    Example:
        >>> pattern = Pattern.from_pairs(post=[0, 1, 1], pre=[2, 0, 2], shape=(2, 3))
        >>> rates = torch.arange(3.0)[:, None].expand(3, 16)
        >>> if native.missing() is None:
        ...     product = gather(torch.tensor([1.0, 5.0, 10.0]), pattern, rates)
        ...     assert product[:, 0].tolist() == [2.0, 20.0]
    """
    call = "gather(...)"
    device = values.device if values.device.type == "cuda" else torch.device("cpu")
    why = native.missing() if device.type == "cpu" else None
    if why is not None:
        raise ValueError(f"`{call}` needs the compiled library: {why}.")
    n_post, n_pre = pattern.shape
    _check("values", values, (pattern.n_synapses,), device)
    _check("rates", rates, (n_pre, GATHER_WIDTH), device)
    out = torch.empty(n_post, GATHER_WIDTH, device=device) if out is None else out
    _check("out", out, (n_post, GATHER_WIDTH), device)
    _checks.count(call, "repeat", repeat)
    _checks.count(call, "threads", threads)
    if not out.is_contiguous():
        raise ValueError("`gather(...)` needs `out` to be contiguous.")
    if device.type == "cuda":
        for _ in range(repeat):
            out.copy_(by_torch(values.detach(), pattern, rates.detach()))
        return out
    kept = [tensor.contiguous() for tensor in (pattern.crow, pattern.col, values.detach(), _aligned(rates))]
    native.call(
        "graphrnn_gather",
        ctypes.c_int64(n_post),
        *(ctypes.c_void_p(tensor.data_ptr()) for tensor in (*kept, out)),
        ctypes.c_int64(repeat),
        threads,
    )
    return out


def by_torch(values: Tensor, pattern: Pattern, rates: Tensor) -> Tensor:
    """W r by the gather that torch has on every device: rows of a table, weighed and summed by target."""
    return torch.nn.functional.embedding_bag(
        pattern.col,
        rates,
        pattern.crow,
        mode="sum",
        per_sample_weights=values,
        include_last_offset=True,
    )


def _check(name: str, tensor: Tensor, shape: tuple[int, ...], device: torch.device) -> None:
    if tuple(tensor.shape) != shape or tensor.dtype != torch.float32 or tensor.device != device:
        place = "the CPU" if device.type == "cpu" else device
        raise ValueError(
            f"`gather(...)` needs `{name}` as float32 of shape {shape} on {place}; it got "
            f"{str(tensor.dtype)[6:]} of shape {tuple(tensor.shape)} on {tensor.device.type}."
        )


def _aligned(rates: Tensor) -> Tensor:
    """Rows at the beginning of cache lines, which a slice of another tensor may miss."""
    rates = rates.detach().contiguous()
    return rates if rates.data_ptr() % 64 == 0 else rates.clone()
