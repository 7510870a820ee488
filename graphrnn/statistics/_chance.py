"""Binomial numbers: how likely one is, the range that most fall into, and what one says of its density."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.statistics._implied import Implied
from graphrnn.statistics._tally import Floats, Ints

__all__ = ["clopper_pearson", "expected_range"]

_TAIL = 0.025
_WIDE = 100.0  # standard deviation from which on a sum of binomial numbers is as good as binomial


def expected_range(parts: Sequence[Implied | None], number: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Per projection the mean, the ends of the central 95 %, and the p-value of the number there is.

    p = 2 min(P(K ≤ k), P(K ≥ k)), at most 1. Trials of different probabilities are added up exactly, or
    where their sum scatters by 100 and more, taken for the binomial number of the same mean and variance. NaN
    where nothing is implied.
    """
    fixed, trials, p = np.array([_binomial(part) for part in parts], float).reshape(-1, 3).T
    k = number - fixed
    value = np.minimum(1.0, 2 * np.minimum(_at_most(k, trials, p), _at_least(k, trials, p)))
    low, high = (fixed + _quantile(q, trials, p) for q in (_TAIL, 1 - _TAIL))
    low, high, value = (np.where(np.isnan(fixed), np.nan, column) for column in (low, high, value))
    for i, part in enumerate(parts):
        if part is not None and len(part.trials) > 1 and trials[i] * p[i] * (1 - p[i]) < _WIDE**2:
            low[i], high[i], value[i] = _summed(part, float(number[i]))
    return fixed + trials * p, low, high, value


def _binomial(part: Implied | None) -> tuple[float, float, float]:
    """Synapses that are certain, and the number and probability of trials of the same mean and variance."""
    if part is None:
        return math.nan, 0.0, 0.5
    if not part.trials:
        return part.fixed, 0.0, 0.5
    n, p = np.array(part.trials).T
    if len(n) == 1:
        return part.fixed, float(n[0]), float(p[0])
    total, squares = float((n * p).sum()), float((n * p**2).sum())
    return part.fixed, total**2 / squares, squares / total


def _summed(part: Implied, number: float) -> tuple[float, float, float]:
    """The ends of the central 95 % and the p-value for trials of several probabilities, exactly.

    The chances of 0, 1, … synapses are the Fourier transform of Π (1 - p + p e^iω)^n, here within ten
    standard deviations and 30 of the mean.
    """
    n, p = np.array(part.trials).T
    mean, reach = float((n * p).sum()), 10 * math.sqrt((n * p * (1 - p)).sum()) + 30
    start = max(0, math.floor(mean - reach))
    size = min(int(n.sum()), math.ceil(mean + reach)) - start + 1
    omega = 2j * np.pi * np.arange(size) / size
    wave = np.exp((n * np.log1p(np.multiply.outer(np.expm1(omega), p))).sum(axis=1) - omega * start)
    chance = np.maximum(np.fft.fft(wave).real / size, 0.0)
    below = chance.cumsum()
    low, high = (part.fixed + start + int((below < q).sum()) for q in (_TAIL, 1 - _TAIL))
    k = number - part.fixed - start
    if k != round(k) or not 0 <= k < size:
        return low, high, 0.0
    at = int(k)
    return low, high, min(1.0, 2 * float(min(below[at], chance[at:].sum())))


def _at_most(k: NDArray[Any], n: Floats, p: Floats) -> Floats:
    from scipy.special import betainc

    inside = (k >= 0) & (k < n)
    chance = betainc(np.where(inside, n - k, 1.0), np.where(inside, k + 1, 1.0), 1 - p)
    return np.where(inside, chance, (k >= n).astype(float))


def _at_least(k: NDArray[Any], n: Floats, p: Floats) -> Floats:
    from scipy.special import betainc

    inside = (k > 0) & (k < n + 1)
    chance = betainc(np.where(inside, k, 1.0), np.where(inside, n - k + 1, 1.0), p)
    return np.where(inside, chance, (k <= 0).astype(float))


def _quantile(q: float, n: Floats, p: Floats) -> Floats:
    """The smallest whole number that a binomial one does not exceed with probability q or more."""
    from scipy.special import bdtrik

    near = np.clip(np.ceil(bdtrik(q, np.maximum(n, 1.0), p)), 0.0, np.ceil(n))
    before = np.maximum(near - 1, 0.0)  # the inverse may err on the upper side of a whole number
    return np.where(_at_most(before, n, p) >= q, before, near)


def clopper_pearson(successes: Ints, trials: Ints) -> tuple[Floats, Floats]:
    """The exact two-sided 95 % interval of a binomial proportion."""
    from scipy.special import betaincinv

    failures = trials - successes
    # a parameter of 0 means an end at 0 or 1; the 1 in its place only keeps betaincinv's arguments valid
    low = betaincinv(np.maximum(successes, 1), failures + 1, _TAIL)
    high = betaincinv(successes + 1, np.maximum(failures, 1), 1 - _TAIL)
    return np.where(successes == 0, 0.0, low), np.where(failures == 0, 1.0, high)
