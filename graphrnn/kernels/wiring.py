"""Synapses of very large networks, drawn where they will be used, in little more memory than they need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from graphrnn import _checks
from graphrnn.kernels.pattern import LIMIT, Pattern

__all__ = ["random_pattern"]

CHUNK = 2**22  # synapses that are drawn or moved together
CALL = "random_pattern(...)"


def random_pattern(
    shape: tuple[int, int],
    in_degree: int | Tensor,
    *,
    self_connections: bool = True,
    generator: torch.Generator | None = None,
    device: Any = None,
) -> Pattern:
    """Uniformly random synapses, drawn on a device: each neuron draws its own sources, none of them twice.

    Needs 12 bytes per synapse, which are the pattern's own, and some hundred MB beside, whatever the number
    of synapses. A `Connectome` knows areas, rules and files, and is drawn on the CPU; this is for networks
    that would not fit there, and runs through `recurrence`. Same seed, device and version of torch, same
    synapses.

    Args:
        shape: numbers of post and pre neurons.
        in_degree: synapses of each post neuron: one number, or (post,) whole numbers. Binomial ones, of
            `torch.binomial`, make each possible synapse exist with the same probability (Bernoulli).
        self_connections: False for none from a neuron to itself, in a square pattern.
        generator: source of the draw, on the device; None for torch's default.
        device: where the pattern is drawn and stays; None for torch's default.

    Raises:
        ValueError: for more synapses than candidates or than 32-bit indices can count, a generator of
            another device, or `self_connections=False` between two populations.
        TypeError: for numbers that are not whole.

    Example:
        >>> pattern = random_pattern((1000, 1000), 10, generator=torch.Generator().manual_seed(0))
        >>> pattern.n_synapses, pattern.crow.diff().unique().tolist()
        (10000, [10])
    """
    n_post, n_pre = shape
    where = torch.get_default_device() if device is None else torch.device(device)
    _checks.boolean(CALL, "self_connections", self_connections)
    counts = _counts(in_degree, n_post, where)
    candidates = n_pre if self_connections else n_pre - 1
    _check(shape, counts, candidates, self_connections, generator, where)
    crow = torch.zeros(n_post + 1, dtype=torch.int64, device=where)
    torch.cumsum(counts, 0, out=crow[1:])
    col = torch.empty(int(crow[-1]), dtype=torch.int32, device=where)
    for rows in _chunks(counts, candidates):
        post, pre = _draw(counts[rows], candidates, generator)
        if not self_connections:
            pre += pre >= post + rows.start
        col[crow[rows.start] : crow[rows.stop]] = pre
    return Pattern(crow.int(), col, *_transposed(crow, col, n_pre))


def _counts(in_degree: Any, n_post: int, device: torch.device) -> Tensor:
    if not isinstance(in_degree, Tensor):
        number = _checks.count(CALL, "in_degree", in_degree, 0)
        return torch.full((n_post,), number, dtype=torch.int64, device=device)
    counts = in_degree.to(device, torch.int64)
    if tuple(counts.shape) != (n_post,) or not torch.equal(counts.to(in_degree.dtype), in_degree.to(device)):
        raise TypeError(
            f"`{CALL}` needs `in_degree` as one whole number or as whole numbers of shape (post,) = "
            f"({n_post},); it got {str(in_degree.dtype)[6:]} of shape {tuple(in_degree.shape)}. Round them."
        )
    return counts


def _check(
    shape: tuple[int, int],
    counts: Tensor,
    candidates: int,
    self_connections: bool,
    generator: torch.Generator | None,
    device: torch.device,
) -> None:
    if generator is not None and generator.device.type != device.type:
        raise ValueError(
            f"`{CALL}` needs a generator on {device.type}, where it draws; it got one on "
            f"{generator.device.type}. Make it with torch.Generator({device.type!r})."
        )
    if not self_connections and shape[0] != shape[1]:
        raise ValueError(
            f"`{CALL}` needs a square pattern for self_connections=False; it got {shape}. Leave it out."
        )
    if len(counts) and not 0 <= int(counts.min()) <= int(counts.max()) <= candidates:
        raise ValueError(
            f"`{CALL}` needs `in_degree` from 0 to {candidates}, the number of candidates; it got "
            f"{int(counts.min())} to {int(counts.max())}."
        )
    total = int(counts.sum())
    if max(total, *shape) >= LIMIT:
        raise ValueError(
            f"`{CALL}` keeps indices in 32 bits, for fewer than {LIMIT} synapses and neurons; it got {total} "
            f"synapses between {shape[1]} and {shape[0]} neurons. Take a smaller `in_degree`."
        )


def _chunks(counts: Tensor, candidates: int) -> Iterator[slice]:
    """Rows that are drawn together; of crowded ones all candidates count."""
    most = int(counts.max()) if len(counts) else 0
    length = max(1, CHUNK // max(candidates if 2 * most > candidates else most, 1))
    for start in range(0, len(counts), length):
        yield slice(start, min(start + length, len(counts)))


def _draw(counts: Tensor, candidates: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Distinct sources of some rows: row and candidate of each synapse, in the order of both.

    A repeated one is drawn anew until none is: what is left are the first distinct values of an endless
    draw, a uniform subset. Where rows are crowded, all candidates are put in a random order instead.
    """
    device, n = counts.device, max(candidates, 1)
    if 2 * int(counts.max()) > candidates:
        numbers = torch.rand(len(counts), candidates, dtype=torch.float64, generator=generator, device=device)
        post, pre = (numbers.argsort(1).argsort(1) < counts[:, None]).nonzero(as_tuple=True)
        return post, pre
    post = torch.repeat_interleave(torch.arange(len(counts), device=device), counts)
    keys = torch.randint(n, post.shape, generator=generator, device=device).add_(post, alpha=n)
    keys = _sorted(keys)
    while len(again := (keys[1:] == keys[:-1]).nonzero()[:, 0]):
        row = post[again]
        keys[again] = row * n + torch.randint(n, row.shape, generator=generator, device=device)
        hit = torch.zeros(len(counts), dtype=torch.bool, device=device)
        hit[row] = True
        of_these = hit[post]  # the others are in order
        keys[of_these] = _sorted(keys[of_these])
    return post, keys.sub_(post, alpha=n)


def _sorted(keys: Tensor) -> Tensor:
    """The keys (int64) in order, in place on a CPU, where numpy is ten times as fast."""
    if keys.device.type != "cpu":
        return keys.sort()[0]
    keys.numpy().sort()
    return keys


def _transposed(crow: Tensor, col: Tensor, n_pre: int) -> tuple[Tensor, Tensor, Tensor]:
    """Where the columns begin, the row of each of their synapses, and which one of the rows' it is."""
    bounds = [(k, min(k + CHUNK, len(col))) for k in range(0, len(col), CHUNK)]
    t_crow = torch.zeros(n_pre + 1, dtype=torch.int64, device=col.device)
    for first, until in bounds:
        t_crow[1:] += torch.bincount(col[first:until], minlength=n_pre)
    t_crow = t_crow.cumsum(0)
    filled = t_crow[:-1].clone()  # the next free place of each column
    t_col, perm = torch.empty_like(col), torch.empty_like(col)
    for first, until in bounds:
        index = torch.arange(until - first, device=col.device)
        row = torch.searchsorted(crow, index + first, right=True) - 1
        keys = _sorted(col[first:until].long().mul_(CHUNK).add_(index))
        columns, order = keys // CHUNK, keys % CHUNK
        here = torch.bincount(columns, minlength=n_pre)
        place = (filled - (here.cumsum(0) - here))[columns].add_(index)
        perm[place] = order.add(first).int()
        t_col[place] = row[order].int()
        filled += here
    return t_crow.int(), t_col, perm
