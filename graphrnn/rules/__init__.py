"""Connection rules: how a projection picks its synapses.

A rule is a frozen description. `Rule.sample` draws from it the synapses of one projection, as pairs
sorted by (post, pre) in which no pair occurs twice, at a cost that grows with the number of synapses
and not with pre × post. The names are those of NEST and PyNN.
"""

from __future__ import annotations

from graphrnn.rules.by_sign import BySign, ExcitatoryOnly
from graphrnn.rules.distance import DistanceDependent, Exponential, Gaussian
from graphrnn.rules.distinct import draw_distinct
from graphrnn.rules.explicit import Explicit
from graphrnn.rules.rule import Draw, Population, Rule
from graphrnn.rules.uniform import (
    AllToAll,
    Bernoulli,
    FixedIndegree,
    FixedOutdegree,
    FixedTotalNumber,
    OneToOne,
    as_rule,
)

__all__ = [
    "AllToAll",
    "Bernoulli",
    "BySign",
    "DistanceDependent",
    "Draw",
    "ExcitatoryOnly",
    "Explicit",
    "Exponential",
    "FixedIndegree",
    "FixedOutdegree",
    "FixedTotalNumber",
    "Gaussian",
    "OneToOne",
    "Population",
    "Rule",
    "as_rule",
    "draw_distinct",
]
