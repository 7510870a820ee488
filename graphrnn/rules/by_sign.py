"""Rules that differ by the signs of the two ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphrnn.rules.rule import Draw, Ints, Population, Rule
from graphrnn.rules.uniform import as_rule

__all__ = ["BySign", "ExcitatoryOnly"]

_PAIRS = ("ee", "ei", "ie", "ii")


@dataclass(frozen=True, repr=False)
class BySign(Rule):
    """One rule for each pair of signs: excitatory and inhibitory neurons connect differently.

    Each of the four draws from a random stream of its own: another `ee` leaves `ei` as it was, bit for bit.

    Args:
        ee: rule or density from excitatory to excitatory neurons; None for no synapses.
        ei: from excitatory to inhibitory neurons.
        ie: from inhibitory to excitatory neurons.
        ii: from inhibitory to inhibitory neurons.

    Raises:
        ValueError: when compiled between areas that were not given a fraction `excitatory`.

    Example:
        >>> import graphrnn as gr
        >>> gr.BySign(ee=0.1, ei=gr.FixedIndegree(20), ie=0.4)
        BySign(Bernoulli(0.1), ei=FixedIndegree(20), ie=Bernoulli(0.4))
    """

    ee: Rule | float | None = None
    ei: Rule | float | None = None
    ie: Rule | float | None = None
    ii: Rule | float | None = None

    def __post_init__(self) -> None:
        for name in _PAIRS:
            rule = getattr(self, name)
            if rule is not None:
                object.__setattr__(self, name, as_rule(f"BySign({name}={rule!r})", rule))

    def _parts(
        self, pre: Population, post: Population, skip_diagonal: bool
    ) -> dict[str, tuple[Rule, Population, Population, Ints, Ints, bool]]:
        parts = {}
        for name in _PAIRS:
            rule = getattr(self, name)
            if rule is not None:
                source, source_index = _of_sign(self, pre, name[0])
                target, target_index = _of_sign(self, post, name[1])
                diagonal = skip_diagonal and name[0] == name[1]
                parts[name] = (rule, source, target, source_index, target_index, diagonal)
        return parts

    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        posts: list[Ints] = [np.zeros(0, np.int64)]
        pres: list[Ints] = [np.zeros(0, np.int64)]
        weights: list[NDArray[np.float64]] = [np.zeros(0)]
        seeds = dict(zip(_PAIRS, rng.integers(2**63, size=len(_PAIRS)), strict=True))
        for name, part in self._parts(pre, post, skip_diagonal).items():
            rule, source, target, source_index, target_index, diagonal = part
            own = np.random.default_rng(int(seeds[name]))
            draw = rule.sample(source, target, own, skip_diagonal=diagonal)
            posts.append(target_index[draw.post])
            pres.append(source_index[draw.pre])
            weights.append(np.full(draw.pre.size, math.nan) if draw.weight is None else draw.weight)
        all_post, all_pre, weight = np.concatenate(posts), np.concatenate(pres), np.concatenate(weights)
        order = np.lexsort((all_pre, all_post))
        given = None if np.isnan(weight).all() else weight[order]
        return Draw(all_post[order], all_pre[order], given)

    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        parts = self._parts(pre, post, skip_diagonal)
        return float(
            sum(
                rule.expected(source, target, skip_diagonal=diagonal)
                for rule, source, target, _, _, diagonal in parts.values()
            )
        )


@dataclass(frozen=True, repr=False)
class ExcitatoryOnly(Rule):
    """A rule for the excitatory neurons of the source alone; the inhibitory ones stay local.

    `graph.project(pre, post, rule, excitatory_only=True)` makes it. The numbers of the rule are those of
    the excitatory neurons: a density is the fraction of the synapses that they could have.

    Args:
        rule: rule or density.

    Raises:
        ValueError: when compiled from an area that was not given a fraction `excitatory`, or within an area
            without self-connections, where `BySign(ee=..., ei=...)` says the same.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 100, excitatory=0.8)
        >>> graph.add_area("V2", 100, excitatory=0.8)
        >>> graph.project("V1", "V2", gr.FixedIndegree(10), excitatory_only=True)
        >>> net = graph.compile(seed=0)
        >>> int(net.hidden.pre.max()) < 80
        True
    """

    rule: Rule | float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule", as_rule(f"ExcitatoryOnly({self.rule!r})", self.rule))

    def _part(self, pre: Population, skip_diagonal: bool) -> tuple[Rule, Population, Ints]:
        if skip_diagonal:
            raise ValueError(
                f"`{self!r}` cannot leave out self-connections within {pre.name!r}. "
                "Use BySign(ee=..., ei=...), which has a rule for either target."
            )
        source, index = _of_sign(self, pre, "e")
        assert isinstance(self.rule, Rule)
        return self.rule, source, index

    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        rule, source, index = self._part(pre, skip_diagonal)
        draw = rule.sample(source, post, rng)
        return Draw(draw.post, index[draw.pre], draw.weight)

    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        rule, source, _ = self._part(pre, skip_diagonal)
        return rule.expected(source, post)


def _of_sign(rule: Rule, end: Population, letter: str) -> tuple[Population, Ints]:
    if end.sign is None:
        raise ValueError(
            f"`{rule!r}` needs neurons with signs in {end.name!r}, which has none. Only an area that was "
            "given a fraction `excitatory` has them."
        )
    sign, word = (1, "excitatory") if letter == "e" else (-1, "inhibitory")
    index = np.flatnonzero(end.sign == sign)
    positions = None if end.positions is None else end.positions[index]
    return Population(f"{end.name} ({word})", index.size, end.sign[index], positions), index
