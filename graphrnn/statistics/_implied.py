"""What a connection rule implies for the number of synapses of one projection.

A connectome keeps rules as text. Those of this library are read back here; of others nothing is implied.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrnn.connectome import Connectome, Node, Projection
from graphrnn.rules import (
    AllToAll,
    Bernoulli,
    BySign,
    DistanceDependent,
    Exponential,
    FixedIndegree,
    FixedOutdegree,
    FixedTotalNumber,
    Gaussian,
    OneToOne,
    Population,
    Rule,
)
from graphrnn.statistics._tally import Floats

__all__ = ["Implied", "coordinates", "distances", "implied", "read_rule"]

_KNOWN = {
    thing.__name__: thing
    for thing in (
        AllToAll,
        Bernoulli,
        BySign,
        DistanceDependent,
        Exponential,
        FixedIndegree,
        FixedOutdegree,
        FixedTotalNumber,
        Gaussian,
        OneToOne,
    )
}
_MOST_PAIRS = 10_000_000  # of a distance-dependent projection, whose probabilities are summed one by one
_CHUNK = 1_000_000
_STEPS = 256  # into which these probabilities are sorted; all of one step count as their mean


@dataclass(frozen=True)
class Implied:
    """A number of synapses: `fixed` ones, and of each (n, p) in `trials` n that exist with 0 < p < 1."""

    fixed: float = 0.0
    trials: tuple[tuple[float, float], ...] = ()


def read_rule(text: str) -> Any:
    """The rule that a text such as "BySign(Bernoulli(0.1), ii=FixedIndegree(3))" stands for, or None."""
    try:
        return _build(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, TypeError):
        return None


def _build(tree: ast.AST) -> Any:
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in _KNOWN:
        given = {word.arg: _build(word.value) for word in tree.keywords if word.arg is not None}
        return _KNOWN[tree.func.id](*(_build(part) for part in tree.args), **given)
    return ast.literal_eval(tree)


def implied(net: Connectome, p: Projection) -> Implied | None:
    """What the rule of a projection implies, or None where it is unknown or too much to sum up."""
    if p.rule.startswith("Explicit("):
        return None if math.isnan(p.asked) else Implied(fixed=p.asked)
    rule = read_rule(p.rule)
    # a part of a network keeps the rules of the whole, but no longer what they asked for
    if not isinstance(rule, Rule) or (math.isnan(p.asked) and not isinstance(rule, DistanceDependent)):
        return None
    pre, post = (_population(net, net.node(name)) for name in (p.pre, p.post))
    return _of_rule(rule, pre, post, skip_diagonal=p.possible < pre.size * post.size)


def _population(net: Connectome, node: Node) -> Population:
    if node.role != "area":
        return Population(node.name, node.size)
    return Population(node.name, node.size, net.sign[node.slice], coordinates(net, node))


def _of_rule(rule: Rule, pre: Population, post: Population, skip_diagonal: bool) -> Implied | None:
    if isinstance(rule, BySign):
        return _of_signs(rule, pre, post, skip_diagonal)
    if isinstance(rule, DistanceDependent):
        return _of_distances(rule, pre, post, skip_diagonal)
    mean = rule.expected(pre, post, skip_diagonal=skip_diagonal)
    if isinstance(rule, Bernoulli) and 0.0 < rule.p < 1.0 and mean > 0:
        return Implied(trials=((round(mean / rule.p), rule.p),))
    return Implied(fixed=mean)


def _of_signs(rule: BySign, pre: Population, post: Population, skip_diagonal: bool) -> Implied | None:
    fixed: float = 0.0
    trials: tuple[tuple[float, float], ...] = ()
    for name in ("ee", "ei", "ie", "ii"):
        part = getattr(rule, name)
        if part is None:
            continue
        source, target = _of_sign(pre, name[0]), _of_sign(post, name[1])
        one = _of_rule(part, source, target, skip_diagonal=skip_diagonal and name[0] == name[1])
        if one is None:
            return None
        fixed, trials = fixed + one.fixed, trials + one.trials
    return Implied(fixed, trials)


def _of_sign(end: Population, letter: str) -> Population:
    if end.sign is None:
        return Population(end.name, 0)
    chosen = end.sign == (1 if letter == "e" else -1)
    positions = None if end.positions is None else end.positions[chosen]
    return Population(end.name, int(chosen.sum()), end.sign[chosen], positions)


def _of_distances(
    rule: DistanceDependent, pre: Population, post: Population, skip_diagonal: bool
) -> Implied | None:
    if pre.positions is None or post.positions is None or pre.size * post.size > _MOST_PAIRS:
        return None
    number, total = np.zeros((2, _STEPS + 1))
    rows = max(1, _CHUNK // max(pre.size, 1))
    for start in range(0, post.size, rows):
        part = post.positions[start : start + rows]
        distance = distances(part[:, None], pre.positions[None], rule)
        probability = np.asarray(rule.profile(distance), float)
        if rule.max_distance is not None:
            probability = np.where(distance <= rule.max_distance, probability, 0.0)
        if skip_diagonal:
            inside = np.arange(len(part))
            probability[inside, start + inside] = 0.0
        step = (probability * _STEPS).astype(np.int64).ravel()
        number += np.bincount(step, minlength=_STEPS + 1)
        total += np.bincount(step, probability.ravel(), minlength=_STEPS + 1)
    likely = (total > 0) & (np.arange(_STEPS + 1) < _STEPS)
    trials = zip(number[likely].tolist(), (total[likely] / number[likely]).tolist(), strict=True)
    return Implied(fixed=float(number[_STEPS]), trials=tuple(trials))


def distances(a: Floats, b: Floats, rule: Any = None) -> Floats:
    """Euclidean distances along the last axis, the short way round where the `rule` wraps space."""
    step = np.abs(a - b)
    if isinstance(rule, DistanceDependent) and rule.wrap is not None:
        around = np.asarray(rule.wrap, float)
        step = step % around
        step = np.minimum(step, around - step)
    length: Floats = np.sqrt((step**2).sum(axis=-1))
    return length


def coordinates(net: Connectome, area: Node) -> Floats | None:
    """(neuron, dimension) positions of an area's neurons, as many coordinates as it has; None without any."""
    if net.positions is None:
        return None
    positions: Floats = net.positions[area.slice]
    positions = positions[:, ~np.isnan(positions).any(axis=0)]
    return positions if positions.shape[1] else None
