"""Graded evidence for one of two choices, as coherences in percent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from graphrnn import _checks

__all__ = ["evidence", "percentages"]


def percentages(owner: str, coherences: Any) -> tuple[float, ...]:
    """The coherences a user gave to the task called `owner`, checked."""
    call = f"{owner}(coherences={coherences!r})"
    if not isinstance(coherences, Iterable) or isinstance(coherences, str):
        raise TypeError(f"`{call}` needs a list of percentages. Write [{coherences!r}] for a single one.")
    values = tuple(coherences)
    if not values:
        raise ValueError(f"`{call}` needs at least one coherence. Give percentages from 0 to 100.")
    for value in values:
        if _checks.nonnegative(call, "coherences", value) > 100:
            raise ValueError(f"`{call}` needs percentages from 0 to 100; it got {value!r}.")
    return tuple(float(value) for value in values)


def evidence(coherence: Tensor, choice: Tensor) -> Tensor:
    """Means of the two evidence channels, (trial, channel): (1 ± c/100) / 2, + for the right one."""
    half = coherence / 200.0
    sign = 2.0 * choice - 1.0
    return torch.stack([0.5 - sign * half, 0.5 + sign * half], dim=-1)
