"""Rules in which all neurons of a population are alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrnn import _checks
from graphrnn.rules.distinct import draw_distinct
from graphrnn.rules.rule import Draw, Ints, Population, Rule

__all__ = [
    "AllToAll",
    "Bernoulli",
    "FixedIndegree",
    "FixedOutdegree",
    "FixedTotalNumber",
    "OneToOne",
    "as_rule",
]


def as_rule(call: str, rule: Any) -> Rule:
    """`rule` itself, or `Bernoulli(rule)` for a bare number."""
    if isinstance(rule, Rule):
        return rule
    if isinstance(rule, int | float | np.integer | np.floating) and not isinstance(rule, bool):
        return Bernoulli(_checks.fraction(call, "density", rule))
    raise TypeError(
        f"`{call}` needs a connection rule or a density from 0 to 1; it got {rule!r}. "
        "Give a number such as 0.1 or a rule such as FixedIndegree(10)."
    )


def _columns(pre: Population, skip_diagonal: bool) -> int:
    return pre.size - 1 if skip_diagonal else pre.size


def _possible(pre: Population, post: Population, skip_diagonal: bool) -> int:
    return post.size * max(_columns(pre, skip_diagonal), 0)


def _from_keys(keys: Ints, columns: int, skip_diagonal: bool) -> Draw:
    """Pairs from keys that number the possible synapses row by row."""
    post = keys // max(columns, 1)
    pre = keys - post * columns  # far faster than np.divmod
    if skip_diagonal:
        pre += pre >= post
    return Draw(post, pre)


@dataclass(frozen=True, repr=False)
class AllToAll(Rule):
    """Every neuron of `pre` reaches every neuron of `post`.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 10)
        >>> graph.project("V1", "V1", gr.AllToAll(), self_connections=False)
        >>> graph.compile(seed=0).hidden.size
        90
    """

    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        keys = np.arange(_possible(pre, post, skip_diagonal))
        return _from_keys(keys, _columns(pre, skip_diagonal), skip_diagonal)

    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        return float(_possible(pre, post, skip_diagonal))


@dataclass(frozen=True, repr=False)
class OneToOne(Rule):
    """Neuron i of `pre` reaches neuron i of `post`; both have the same size.

    Raises:
        ValueError: when compiled between populations of different sizes, or within an area whose
            self-connections are off.
    """

    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        if pre.size != post.size:
            raise ValueError(
                f"`OneToOne()` needs two populations of one size; {pre.name!r} has {pre.size} neurons and "
                f"{post.name!r} has {post.size}. Use FixedIndegree(1) where sizes differ."
            )
        if skip_diagonal:
            raise ValueError(
                f"`OneToOne()` within {pre.name!r} connects each neuron to itself, and self_connections "
                "is False. Choose another rule or allow self-connections."
            )
        return Draw(np.arange(post.size), np.arange(post.size))

    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        return float(post.size)


@dataclass(frozen=True, repr=False)
class Bernoulli(Rule):
    """Every possible synapse exists with probability `p`, independently of all others.

    Args:
        p: probability, from 0 to 1; the density that results on average.

    Example:
        >>> import graphrnn as gr
        >>> gr.Bernoulli(0.1)
        Bernoulli(0.1)
    """

    p: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", _checks.fraction(f"Bernoulli({self.p!r})", "p", self.p))

    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        possible = _possible(pre, post, skip_diagonal)
        keys = draw_distinct(rng, possible, rng.binomial(possible, self.p))
        return _from_keys(keys, _columns(pre, skip_diagonal), skip_diagonal)

    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        return self.p * _possible(pre, post, skip_diagonal)


@dataclass(frozen=True, repr=False)
class FixedIndegree(Rule):
    """Every neuron of `post` receives from exactly `k` different neurons of `pre`.

    Args:
        k: in-degree, 0 or more.

    Raises:
        ValueError: when compiled from a population with fewer than `k` candidates.
    """

    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", _checks.count(f"FixedIndegree({self.k!r})", "k", self.k, minimum=0))

    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        columns = _columns(pre, skip_diagonal)
        _enough(self, "in-degree", self.k, pre, columns, skip_diagonal)
        keys = draw_distinct(rng, np.full(post.size, columns), np.full(post.size, self.k))
        return _from_keys(keys, columns, skip_diagonal)

    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        return float(self.k * post.size)


@dataclass(frozen=True, repr=False)
class FixedOutdegree(Rule):
    """Every neuron of `pre` reaches exactly `k` different neurons of `post`.

    Args:
        k: out-degree, 0 or more.

    Raises:
        ValueError: when compiled to a population with fewer than `k` candidates.
    """

    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", _checks.count(f"FixedOutdegree({self.k!r})", "k", self.k, minimum=0))

    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        columns = _columns(post, skip_diagonal)
        _enough(self, "out-degree", self.k, post, columns, skip_diagonal)
        keys = draw_distinct(rng, np.full(pre.size, columns), np.full(pre.size, self.k))
        source, target, _ = _from_keys(keys, columns, skip_diagonal)
        keys = np.sort(target * pre.size + source)
        return _from_keys(keys, pre.size, skip_diagonal=False)

    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        return float(self.k * pre.size)


@dataclass(frozen=True, repr=False)
class FixedTotalNumber(Rule):
    """Exactly `n` synapses, every set of `n` different pairs equally likely.

    Args:
        n: number of synapses, 0 or more.

    Raises:
        ValueError: when compiled between populations with fewer than `n` possible synapses.
    """

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _checks.count(f"FixedTotalNumber({self.n!r})", "n", self.n, minimum=0))

    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        possible = _possible(pre, post, skip_diagonal)
        if self.n > possible:
            raise ValueError(
                f"`{self!r}` needs at least {self.n} possible synapses from {pre.name!r} to {post.name!r}; "
                f"there are {possible}. Lower the number or enlarge an area."
            )
        keys = draw_distinct(rng, possible, self.n)
        return _from_keys(keys, _columns(pre, skip_diagonal), skip_diagonal)

    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        return float(self.n)


def _enough(rule: Rule, degree: str, k: int, end: Population, columns: int, skip_diagonal: bool) -> None:
    if k <= columns:
        return
    without = " other than itself" if skip_diagonal else ""
    raise ValueError(
        f"`{rule!r}` needs at least {k} neurons in {end.name!r}{without}; it has {max(columns, 0)}. "
        f"Lower the {degree} or enlarge the area."
    )
