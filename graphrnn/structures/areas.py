"""Structures whose neurons lie in areas joined by a matrix of densities."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.graph import AreaGraph
from graphrnn.rules import AllToAll, Bernoulli, Rule
from graphrnn.structures.base import BaseStruct, is_listed
from graphrnn.structures.densities import only_within, read_densities

__all__ = ["AreaStruct", "density_rule"]


def density_rule(density: float) -> Rule | None:
    """The rule for a density; None where nothing projects."""
    if density == 0:
        return None
    return AllToAll() if density == 1 else Bernoulli(float(density))


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class AreaStruct(BaseStruct):
    """Areas named "area 0", "area 1", … that lie in this order along the neurons.

    Args:
        n_areas: a number that divides the hidden size, or a list of area sizes that sums to it. The attribute
            is always the number.
        area_connectivities: densities between areas; the attribute is the read-only (post, pre) matrix.
        area_sizes: where `n_areas` was a list, that list; None for areas of one size. `dataclasses.replace`
            needs it; a list in `n_areas` wins over it.
    """

    n_areas: int | Sequence[int] = 2
    area_connectivities: Any = (0.1, 0.1)
    area_sizes: Sequence[int] | None = None

    def _settle(self) -> list[str]:
        ignored = super()._settle()
        sizes = self._settle_sizes()
        call, given = self._call("area_connectivities"), self.area_connectivities
        if len(sizes) == 1:
            given, text = only_within(call, given, type(self).area_connectivities)
            ignored += [text] if text else []
        self._set("area_connectivities", read_densities(call, given, len(sizes)))
        return ignored

    def _settle_sizes(self) -> tuple[int, ...]:
        if is_listed(self.n_areas):
            sizes = self._listed_sizes("n_areas")
        elif isinstance(self.n_areas, bool) or not isinstance(self.n_areas, numbers.Integral):
            raise TypeError(
                f"`{self._call('n_areas')}` needs a number of areas or a list of their sizes; "
                f"it got {self.n_areas!r}."
            )
        elif self.area_sizes is not None:
            sizes = self._listed_sizes("area_sizes")
            if len(sizes) != self.n_areas:
                raise ValueError(
                    f"`{self._call('n_areas', 'area_sizes')}` needs one size per area; there are "
                    f"{len(sizes)}. Give `n_areas` the list of sizes, or area_sizes=None for areas of one "
                    "size."
                )
        else:
            sizes = self._equal_sizes(_checks.count(self._call("n_areas"), "n_areas", self.n_areas))
        self._set("n_areas", len(sizes))
        self._set("area_sizes", None if len(set(sizes)) == 1 else sizes)
        return sizes

    def _listed_sizes(self, name: str) -> tuple[int, ...]:
        call, given = self._call(name), getattr(self, name)
        if not is_listed(given) or len(given) == 0:
            raise TypeError(f"`{call}` needs a list with the size of each area; it got {given!r}.")
        sizes = tuple(_checks.count(call, f"{name}[{i}]", size) for i, size in enumerate(given))
        if sum(sizes) != self.hidden_size:
            raise ValueError(
                f"`{call}` needs sizes that sum to the hidden size; they sum to {sum(sizes)} and dims has "
                f"{self.hidden_size} neurons. Change the sizes or dims."
            )
        return sizes

    def _equal_sizes(self, n: int) -> tuple[int, ...]:
        size, left = divmod(self.hidden_size, n)
        if size == 0:
            raise ValueError(
                f"`{self._call('n_areas')}` needs at least {n} neurons; dims has {self.hidden_size}. "
                "Lower n_areas or enlarge the hidden layer."
            )
        if left:
            near = [size + (i < left) for i in range(n)]
            advice = f"such as {near}" if n <= 8 else f"of {size} and {size + 1} neurons"
            raise ValueError(
                f"`{self._call('n_areas')}` needs a hidden size that {n} divides; dims has "
                f"{self.hidden_size} neurons. Choose another number, or a list of sizes {advice}."
            )
        return (size,) * n

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of neurons of each area."""
        if self.area_sizes is not None:
            return tuple(self.area_sizes)
        return (self.hidden_size // len(self.area_connectivities),) * len(self.area_connectivities)

    @property
    def area_names(self) -> tuple[str, ...]:
        """The names of the areas."""
        return tuple(f"area {i}" for i in range(len(self.sizes)))

    @property
    def node_assignment(self) -> list[NDArray[np.int64]]:
        """The indices of the neurons of each area."""
        starts = (0, *itertools.accumulate(self.sizes))
        return [np.arange(start, stop) for start, stop in itertools.pairwise(starts)]

    def _add_areas(self, graph: AreaGraph, excitatory: float | None = None) -> None:
        for name, size in zip(self.area_names, self.sizes, strict=True):
            graph.add_area(name, size, excitatory=excitatory)
        for post, pre in itertools.product(range(len(self.sizes)), repeat=2):
            rule = self._hidden_rule(float(self.area_connectivities[post, pre]), within=post == pre)
            if rule is not None:
                graph.project(self.area_names[pre], self.area_names[post], rule)

    def _hidden_rule(self, density: float, *, within: bool) -> Rule | None:
        """The rule of a projection between two areas or within one; None where there is none."""
        return density_rule(density)
