"""Synapses that read rates of some steps before: one product over a window of time.

The rates of the last steps lie one after the other in memory, so that they are one matrix of
(window · neuron, batch), the oldest step first. A matrix whose columns count through that window reads each
synapse's source at the step that its delay says, in one product, whatever the number of delays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphrnn.kernels._remembered import Remembered
from graphrnn.kernels.pattern import LIMIT, Pattern

__all__ = [
    "Delayed",
    "by_delay",
    "delayed_pattern",
    "earlier",
    "window_of",
    "window_of_pattern",
    "windows",
    "windows_of_run",
]


class Delayed(NamedTuple):
    """Synapses with delays, as `recurrence` takes them.

    `pattern` is (neuron, neuron). Row i of W lists column (window - 1 - d) · neuron + pre for a synapse that
    is d steps late; row j of Wᵀ lists d · neuron + post, because the gradient comes from d steps ahead.
    """

    pattern: Pattern
    order: (
        Tensor  # (synapse,) int64: the synapse, as given, that each value in the pattern's order belongs to
    )
    window: int  # number of steps that are read, the longest delay and one more


def delayed_pattern(post: Any, pre: Any, steps: Any, n: int) -> Delayed:
    """The pattern of delayed synapses among n neurons, in O(synapses · log synapses).

    Args:
        post: index of the target neuron of each synapse (synapse,).
        pre: index of the source neuron of each synapse (synapse,).
        steps: delay of each synapse (synapse,), whole steps from 0 on. A synapse without delay reads the
            rates of the step before, one that is d steps late those of d steps before that.
        n: number of neurons.

    Raises:
        ValueError: for a delay below 0, or one so long that 32-bit indices cannot count the window.

    Example:
        >>> delayed = delayed_pattern(post=[0, 1], pre=[1, 0], steps=[0, 2], n=2)
        >>> delayed.window, delayed.pattern.col.tolist()  # r of step t-1 lies at 4 and 5, of t-3 at 0 and 1
        (3, [5, 0])
    """
    post, pre, steps = (np.asarray(array, np.int64) for array in (post, pre, steps))
    if len(steps) and steps.min() < 0:
        raise ValueError(f"`delayed_pattern` needs delays of 0 steps or more; it got {steps.min()}.")
    window = int(steps.max(initial=0)) + 1
    if window * n >= LIMIT:
        raise ValueError(
            f"`delayed_pattern` keeps indices in 32 bits, for fewer than {LIMIT} neurons times steps; it got "
            f"{n} neurons and delays of up to {window - 1} steps. Shorten the delays, or take a longer dt."
        )
    column = (window - 1 - steps) * n + pre
    order = np.lexsort((column, post))
    post, pre, ahead = post[order], pre[order], steps[order] * n + post[order]
    back = np.lexsort((ahead, pre))
    arrays = (_starts(post, n), column[order], _starts(pre, n), ahead[back], back)
    pattern = Pattern(*(torch.from_numpy(np.asarray(array, np.int32)) for array in arrays))
    return Delayed(pattern, torch.from_numpy(order), window)


def _starts(rows: Any, n: int) -> Any:
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])


_windows: Remembered[int] = Remembered()


def window_of_pattern(pattern: Pattern) -> int:
    """How many steps the synapses of a pattern read: the longest delay and one more."""
    if not pattern.n_synapses:
        return 1
    n_post = pattern.shape[0]
    return _windows.get((pattern.t_col,), n_post, lambda: int(pattern.t_col.max()) // n_post + 1)


def window_of(r0: Tensor | None) -> int:
    """How many steps the synapses read, from the rates before the first step."""
    return len(r0) if r0 is not None and r0.ndim == 3 else 1


def windows(sequence: Tensor, window: int) -> Tensor:
    """All windows of a contiguous (time, neuron, batch): views, each (window · neuron, batch)."""
    time, n, batch = sequence.shape
    shape = (time - window + 1, window * n, batch)
    return sequence.as_strided(shape, (n * batch, batch, 1))


def windows_of_run(r0: Tensor, rates: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What each step of a run reads, (window · neuron, batch), as views into rates that are yet to come.

    The first steps read from `head`, (2 · window - 1, neuron, batch), which begins with r0; a run writes the
    rates of its first window - 1 steps there too.
    """
    window = window_of(r0)
    head = rates.new_empty(2 * window - 1, *rates.shape[1:])
    head[:window] = r0
    read = [*windows(head, window)[: len(rates)]]
    return head, read + ([*windows(rates, window)[:-1]] if len(rates) > window else [])


def earlier(r0: Tensor, rates: Tensor, chunk: slice, back: int) -> Tensor:
    """Some steps of the rates, but `back` steps earlier each; `r0` holds those before the sequence."""
    first, until = chunk.start - back, chunk.stop - back
    if first >= 0:
        return rates[first:until]
    before = r0 if r0.ndim == 3 else r0[None]
    return torch.cat((before[len(before) + first : len(before) + min(until, 0)], rates[: max(until, 0)]))


def by_delay(pattern: Pattern, window: int) -> list[tuple[int, Any, Pattern]]:
    """For each delay that occurs: how many steps back it reads, which values are its, and their pattern.

    The patterns are (neuron, neuron) and hold W alone, not its transpose.
    """
    n = pattern.shape[0]
    slot = pattern.col // n
    order = torch.argsort(slot, stable=True)
    post = pattern.post[order]
    found = []
    sizes = torch.bincount(slot, minlength=window).tolist()
    for k, (index, rows) in enumerate(zip(torch.split(order, sizes), torch.split(post, sizes), strict=True)):
        if len(index):
            crow = torch.zeros_like(pattern.crow)
            crow[1:] = torch.bincount(rows, minlength=n).cumsum(0)
            part = pattern._replace(crow=crow, col=pattern.col[index] - k * n)
            found.append((window - k, index, part))
    return found
