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
_LEAF = 8  # neurons in a cell that is not halved again
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
        1243
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
            p = np.asarray(self.profile(distance.copy()), np.float64)
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
        from_tree, to_tree = _Tree.build(source), _Tree.build(target)
        reach = float(
            np.hypot.reduce(
                np.maximum(source.max(0), target.max(0)) - np.minimum(source.min(0), target.min(0))
            )
        )
        rises = self._rises(reach)
        blocks: list[Ints] = []
        bounds: list[Floats] = []
        to_cell = from_cell = np.zeros(1, np.int64)
        for level in range(max(from_tree.depth, to_tree.depth) + 1):
            to_first, to_count, to_low, to_high = to_tree.cells(to_cell, level)
            from_first, from_count, from_low, from_high = from_tree.cells(from_cell, level)
            gap = _gap(to_low, to_high, from_low, from_high, period)
            slack = 1e-12 * reach  # positions may round on their way round a ring
            nearest, farthest = np.maximum(gap[0] - slack, 0.0), gap[1] + slack
            bound, floor = self._bounds(nearest, farthest, rises)
            size = to_count * from_count
            # halving the cells of a pair pays while it would more than halve the candidates in vain
            split = (bound > 2 * floor) & (bound * size > 1)
            split &= level < max(from_tree.depth, to_tree.depth)
            take = (bound > 0) & ~split
            blocks.append(np.stack([to_first, to_count, from_first, from_count], 1)[take])
            bounds.append(bound[take])
            to_half, from_half = (
                to_tree.halves(to_cell[split], level),
                from_tree.halves(from_cell[split], level),
            )
            shape = (len(to_half), to_half.shape[1], from_half.shape[1])
            to_cell = np.broadcast_to(to_half[:, :, None], shape).ravel()
            from_cell = np.broadcast_to(from_half[:, None, :], shape).ravel()
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
    """A balanced k-d tree: each level halves every cell at the median of its widest coordinate.

    Cell i of level l holds the neurons `order[i n / 2^l : (i + 1) n / 2^l]`. Cells follow the neurons, so
    clusters and outliers cost no more than neurons spread evenly.
    """

    order: Ints
    low: list[Floats]
    high: list[Floats]

    @classmethod
    def build(cls, positions: Floats) -> _Tree:
        n = len(positions)
        order, low, high = np.arange(n), [], []
        for level in range(max(int(math.log2(n / _LEAF)), 0) + 1):
            start = np.arange(2**level) * n >> level
            placed = positions[order]
            low.append(np.minimum.reduceat(placed, start))
            high.append(np.maximum.reduceat(placed, start))
            cell = np.repeat(np.arange(2**level), np.diff(start, append=n))
            widest = np.argmax(high[-1] - low[-1], 1)[cell]
            order = order[np.lexsort((placed[np.arange(n), widest], cell))]
        return cls(order, low, high)

    @property
    def depth(self) -> int:
        """The finest level."""
        return len(self.low) - 1

    def cells(self, cell: Ints, level: int) -> tuple[Ints, Ints, Floats, Floats]:
        """Where in `order` the neurons of each cell begin, how many there are, and the box around them."""
        level = min(level, self.depth)
        first, stop = cell * len(self.order) >> level, (cell + 1) * len(self.order) >> level
        return first, stop - first, self.low[level][cell], self.high[level][cell]

    def halves(self, cell: Ints, level: int) -> Ints:
        """(cell, half) the cells of the next level; the cell itself where there is none."""
        return 2 * cell[:, None] + np.arange(2) if level < self.depth else cell[:, None]


def _gap(
    low: Floats, high: Floats, other_low: Floats, other_high: Floats, period: Floats | None
) -> tuple[Floats, Floats]:
    """The least and the greatest distance between a point of one box and a point of the other."""
    near = np.maximum(np.maximum(low - other_high, other_low - high), 0.0)
    far = np.maximum(high - other_low, other_high - low)
    if period is not None:
        near, far = np.minimum(near, np.maximum(period - far, 0.0)), np.minimum(far, period / 2)
    return np.sqrt((near**2).sum(1)), np.sqrt((far**2).sum(1))


def _distance(difference: Floats, period: Floats | None) -> Floats:
    difference = np.abs(difference)
    if period is not None:
        difference = np.mod(difference, period)
        difference = np.minimum(difference, period - difference)
    return np.sqrt((difference**2).sum(1))
