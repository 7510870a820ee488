"""Connection probability as a function of the distance between two neurons."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.rules.distinct import draw_distinct
from graphrnn.rules.rule import Draw, Ints, Population, Rule

__all__ = ["DistanceDependent", "Exponential", "Gaussian"]

Floats = NDArray[np.float64]
_TABLE = 4097  # points at which a profile is looked at before it is trusted to fall with distance


@dataclass(frozen=True)
class Gaussian:
    """A profile: p · exp(-d² / (2 σ²)).

    Args:
        sigma: width σ, in the unit of the positions.
        p: probability at distance 0, default 1.
    """

    sigma: float
    p: float = 1.0

    def __post_init__(self) -> None:
        call = f"Gaussian({self.sigma!r}, p={self.p!r})"
        object.__setattr__(self, "sigma", _checks.positive(call, "sigma", self.sigma))
        object.__setattr__(self, "p", _checks.fraction(call, "p", self.p))

    def __call__(self, distance: Floats) -> Floats:
        return self.p * np.exp(-0.5 * (distance / self.sigma) ** 2)


@dataclass(frozen=True)
class Exponential:
    """A profile: p · exp(-d / λ).

    Args:
        length: space constant λ, in the unit of the positions.
        p: probability at distance 0, default 1.

    Source:
        Ercsey-Ravasz et al., Neuron 80 (2013): the exponential distance rule of cortex.
    """

    length: float
    p: float = 1.0

    def __post_init__(self) -> None:
        call = f"Exponential({self.length!r}, p={self.p!r})"
        object.__setattr__(self, "length", _checks.positive(call, "length", self.length))
        object.__setattr__(self, "p", _checks.fraction(call, "p", self.p))

    def __call__(self, distance: Floats) -> Floats:
        return self.p * np.exp(-distance / self.length)


@dataclass(frozen=True, repr=False)
class DistanceDependent(Rule):
    """Every possible synapse exists independently, with a probability given by its length.

    Space is cut into nested cells, finer where the probability changes fast. For each pair of cells
    candidates are drawn with the largest probability that their distance allows, and each is kept with
    the ratio of its own probability to that bound, so that far pairs cost nothing. A profile that rises
    somewhere is bounded by 1 alone: it is sampled just as exactly, at the cost of all pairs within
    `max_distance`. Whether it rises is looked up at some 8,000 distances from 0 to the longest one.

    Args:
        profile: `Gaussian`, `Exponential` or a function of an array of distances that returns
            probabilities of the same shape.
        max_distance: no synapse is longer than this; None for no limit.
        wrap: the period of space in each dimension, for positions on a ring or torus: one number for
            all dimensions or one each; None for open space.

    Raises:
        ValueError: when compiled between areas without `positions`, or where the profile returns
            something that is no probability.

    Example:
        >>> import numpy as np
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("ring", 100, positions=np.arange(100.0))
        >>> graph.project("ring", "ring", gr.DistanceDependent(gr.Gaussian(5.0), wrap=100.0))
        >>> graph.compile(seed=0).hidden.size
        1247
    """

    profile: Gaussian | Exponential | Callable[[Any], Any]
    max_distance: float | None = None
    wrap: float | tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        call = f"DistanceDependent({self.profile!r}, ...)"
        if not callable(self.profile):
            raise TypeError(f"`{call}` needs Gaussian, Exponential or a function of distance as its profile.")
        if self.max_distance is not None:
            object.__setattr__(
                self, "max_distance", _checks.positive(call, "max_distance", self.max_distance)
            )
        if isinstance(self.wrap, tuple | list):
            wrap = tuple(_checks.positive(call, "wrap", period) for period in self.wrap)
            object.__setattr__(self, "wrap", wrap)
        elif self.wrap is not None:
            object.__setattr__(self, "wrap", _checks.positive(call, "wrap", self.wrap))

    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        source, target = self._positions(pre), self._positions(post)
        if source.shape[1] != target.shape[1]:
            raise ValueError(
                f"`{self!r}` needs as many coordinates on both sides; {pre.name!r} has {source.shape[1]} "
                f"per neuron and {post.name!r} has {target.shape[1]}."
            )
        if not source.size or not target.size:
            return Draw(np.zeros(0, np.int64), np.zeros(0, np.int64))
        period = self._period(source.shape[1])
        target_index, source_index, bound = self._candidates(source, target, period, rng)
        probability = self._probability(_distance(target[target_index] - source[source_index], period))
        if bool((probability > bound * (1 + 1e-9)).any()):
            raise ValueError(
                f"`{self!r}` needs a profile that is smooth enough to be looked up: it rises between two of "
                "the distances that were tried. Make the spike wider, or list the synapses with Explicit."
            )
        keep = rng.random(bound.size) * bound < probability
        if skip_diagonal:
            keep &= target_index != source_index
        keys = np.sort(target_index[keep] * pre.size + source_index[keep])
        return Draw(keys // pre.size, keys % pre.size)

    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        return math.nan

    def _positions(self, end: Population) -> Floats:
        if end.positions is None:
            raise ValueError(f"`{self!r}` needs positions in {end.name!r}. Give that area `positions`.")
        return end.positions

    def _period(self, dimensions: int) -> Floats | None:
        if self.wrap is None:
            return None
        if isinstance(self.wrap, tuple) and len(self.wrap) != dimensions:
            raise ValueError(
                f"`{self!r}` needs one period for each of the {dimensions} dimensions of the positions; "
                f"it got {len(self.wrap)}."
            )
        return np.broadcast_to(np.asarray(self.wrap, np.float64), (dimensions,))

    def _probability(self, distance: Floats) -> Floats:
        try:
            p = np.asarray(self.profile(distance), np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`{self!r}` needs a profile that takes an array of distances; it raised "
                f"{type(error).__name__}: {error}. Write it with numpy, such as np.exp and np.where."
            ) from error
        if p.shape != distance.shape:
            raise ValueError(
                f"`{self!r}` needs a profile that returns one probability per distance; for "
                f"{distance.size} distances it returned an array of shape {p.shape}."
            )
        if p.size and not (float(p.min()) >= 0.0 and float(p.max()) <= 1.0):
            raise ValueError(
                f"`{self!r}` needs a profile between 0 and 1; it returned values from "
                f"{p.min():g} to {p.max():g}."
            )
        return p if self.max_distance is None else np.where(distance <= self.max_distance, p, 0.0)

    def _candidates(
        self, source: Floats, target: Floats, period: Floats | None, rng: np.random.Generator
    ) -> tuple[Ints, Ints, Floats]:
        """Pairs drawn by pairs of cells: their target, source and the probability they were drawn with."""
        if period is not None:
            source, target = np.mod(source, period), np.mod(target, period)
        low = np.minimum(source.min(0), target.min(0))
        extent = np.maximum(source.max(0), target.max(0)) - low
        width = np.where(extent > 0, extent * (1 + 1e-9), 1.0)
        depth = max(int(math.log2(max(len(source), len(target), 8) / 8) / extent.size), 0)
        from_tree, to_tree = (_Tree.build(points, low, width, depth) for points in (source, target))
        rises = self._rises(float(np.sqrt((extent**2).sum())))
        blocks: list[Ints] = []
        bounds: list[Floats] = []
        to_cell = from_cell = np.zeros((1, extent.size), np.int64)
        for level in range(depth + 1):
            to_first, to_count = to_tree.members(to_cell, level)
            from_first, from_count = from_tree.members(from_cell, level)
            nearest, farthest = _gap(to_cell, from_cell, width / 2**level, period)
            bound, floor = self._bounds(nearest, farthest, rises)
            size = to_count * from_count
            alive = (size > 0) & (bound > 0)
            # halving the cells of a pair pays while it would more than halve the candidates in vain
            split = alive & (bound > 2 * floor) & (bound * size > 1) & (level < depth)
            take = alive & ~split
            blocks.append(np.stack([to_first, to_count, from_first, from_count], 1)[take])
            bounds.append(bound[take])
            to_cell, from_cell = _children(to_cell[split], from_cell[split])
        first, bound = np.concatenate(blocks), np.concatenate(bounds)
        bound = np.where(bound > 0.5, 1.0, bound)  # crowded blocks are listed whole
        size = first[:, 1] * first[:, 3]
        count = rng.binomial(size, bound)
        keys = draw_distinct(rng, size, count)
        block = np.repeat(np.arange(size.size), count)
        row, column = np.divmod(keys - (np.cumsum(size) - size)[block], first[block, 3])
        return to_tree.order[first[block, 0] + row], from_tree.order[first[block, 2] + column], bound[block]

    def _rises(self, reach: float) -> bool:
        """Whether the profile rises anywhere up to the distance `reach`."""
        reach = reach if self.max_distance is None else min(reach, self.max_distance)
        fine = np.geomspace(1e-9, 1.0, _TABLE)  # a profile may be over long before space ends
        p = self._probability(reach * np.unique(np.concatenate([np.linspace(0.0, 1.0, _TABLE), fine])))
        return bool((np.diff(p) > 1e-12).any())

    def _bounds(self, nearest: Floats, farthest: Floats, rises: bool) -> tuple[Floats, Floats]:
        """The largest and least probability between two distances; 1 or 0 for a profile that rises."""
        if not rises:
            return self._probability(nearest), self._probability(farthest)
        limit = math.inf if self.max_distance is None else self.max_distance
        return (nearest <= limit).astype(np.float64), (farthest <= limit).astype(np.float64)


@dataclass(frozen=True)
class _Tree:
    """Neurons in the order of nested cells: each level halves the cells of the one above."""

    depth: int
    code: Ints
    order: Ints

    @classmethod
    def build(cls, positions: Floats, low: Floats, width: Floats, depth: int) -> _Tree:
        cell = np.clip((positions - low) / width * 2**depth, 0, 2**depth - 1).astype(np.int64)
        code = _code(cell, depth)
        order = np.argsort(code, kind="stable")
        return cls(depth, code[order], order)

    def members(self, cell: Ints, level: int) -> tuple[Ints, Ints]:
        """Where in `order` the neurons of each cell of a level begin, and how many there are."""
        shift = cell.shape[1] * (self.depth - level)
        code = _code(cell, level)
        first = np.searchsorted(self.code, code << shift)
        return first, np.searchsorted(self.code, (code + 1) << shift) - first


def _code(cell: Ints, level: int) -> Ints:
    """Morton code: the coordinates' bits interleaved, so that a cell holds a range of codes."""
    code = np.zeros(len(cell), np.int64)
    for bit in reversed(range(level)):
        for axis in cell.T:
            code = (code << 1) | ((axis >> bit) & 1)
    return code


def _children(target: Ints, source: Ints) -> tuple[Ints, Ints]:
    """Every pair of a half-sized cell of each target with one of its source."""
    dimensions = target.shape[1]
    corner = np.stack(np.meshgrid(*[[0, 1]] * (2 * dimensions), indexing="ij"), -1)
    corner = corner.reshape(-1, 2 * dimensions)
    both = (2 * np.concatenate([target, source], 1))[:, None, :] + corner
    both = both.reshape(-1, 2 * dimensions)
    return both[:, :dimensions], both[:, dimensions:]


def _gap(target: Ints, source: Ints, side: Floats, period: Floats | None) -> tuple[Floats, Floats]:
    """The least and the greatest distance between a point of one cell and a point of the other."""
    apart = np.abs(target - source) * side
    if period is not None:
        apart = np.minimum(apart, period - apart)
    near, far = np.maximum(apart - side, 0.0), apart + side
    if period is not None:
        far = np.minimum(far, period / 2)
    slack = 1e-9 * side.max()  # a point on the border of a cell may round to either side
    nearest = np.maximum(np.sqrt((near**2).sum(1)) - slack, 0.0)
    return nearest, np.sqrt((far**2).sum(1)) + slack


def _distance(difference: Floats, period: Floats | None) -> Floats:
    difference = np.abs(difference)
    if period is not None:
        difference = np.mod(difference, period)
        difference = np.minimum(difference, period - difference)
    return np.sqrt((difference**2).sum(1))
