"""MultiArea: areas in a hierarchy, without signs."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphrnn.graph import AreaGraph
from graphrnn.rules import AllToAll, Rule
from graphrnn.structures.areas import AreaStruct
from graphrnn.structures.base import is_listed

__all__ = ["MultiArea"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MultiArea(AreaStruct):
    """Areas in a hierarchy with forward and backward projections; neurons have no sign.

    Neurons lie area after area: "area 0", "area 1", …. The lower triangle of the matrix is forward, the
    upper one backward, the diagonal within. With one area, what speaks of several is ignored with a warning.

    Args:
        n_areas: a number that divides the hidden size, or a list of area sizes that sums to it; default 2.
            The attribute is always the number.
        area_connectivities: densities from 0 to 1: [forward, backward] (within is 1),
            [forward, backward, within], or a matrix (n_areas, n_areas) whose entry [i, j] is the density from
            area j to area i; default [0.1, 0.1]. The attribute is always the read-only matrix.
        input_areas: indices of the areas that receive input; None for all, [] for none.
        readout_areas: indices of the areas that are read out; None for all, [] for none.
        dims: [input, hidden, readout] sizes, each at least 1; default [1, 100, 1].
        seed: seed of the wiring, settled once; None for fresh entropy.
        area_sizes: the sizes where `n_areas` was a list; there for `dataclasses.replace`.

    Raises:
        ValueError: for sizes that do not fit, densities out of range, an area that does not exist.
        TypeError: for an argument of another type.

    Example:
        >>> import graphrnn as gr
        >>> struct = gr.MultiArea(n_areas=3, area_connectivities=[0.2, 0.1], dims=[1, 90, 1], seed=0)
        >>> struct.area_connectivities
        array([[1. , 0.1, 0.1],
               [0.2, 1. , 0.1],
               [0.2, 0.2, 1. ]])
        >>> struct.graph.kind("area 0", "area 2")
        'forward'
        >>> input_mask, hidden_mask, readout_mask = struct.get_masks()
        >>> hidden_mask.shape
        (90, 90)
    """

    input_areas: Sequence[int] | None = None
    readout_areas: Sequence[int] | None = None

    def _settle(self) -> list[str]:
        ignored = super()._settle()
        for name, effect in (("input_areas", "receive input"), ("readout_areas", "are read out")):
            chosen = self._listed_areas(name)
            if len(self.sizes) == 1 and chosen is not None and any(chosen):
                ignored.append(
                    f"`{self._call(name)}` names other areas than 0, but there is one area. It is ignored, "
                    f"and all neurons {effect}."
                )
                chosen = None
            self._set(name, chosen)
        return ignored

    def _listed_areas(self, name: str) -> tuple[int, ...] | None:
        call, given = self._call(name), getattr(self, name)
        if given is None:
            return None
        if not is_listed(given) or any(
            isinstance(i, bool) or not isinstance(i, numbers.Integral) for i in given
        ):
            raise TypeError(
                f"`{call}` needs a list of area indices, or None for all areas; it got {given!r}."
            )
        chosen = tuple(sorted(int(i) for i in given))
        if len(set(chosen)) < len(chosen):
            raise ValueError(f"`{call}` needs each area once; {_repeated(chosen)} is listed more often.")
        last = len(self.sizes) - 1
        wrong = [i for i in chosen if i < 0 or i > last]
        if wrong and (last or wrong[0] < 0):  # with one area the others are ignored
            raise ValueError(f"`{call}` needs area indices from 0 to {last}; it got {wrong[0]}.")
        return chosen

    def _draw(self, seed: int) -> AreaGraph:
        graph = AreaGraph()
        graph.add_input("input", self.input_dim)
        self._add_areas(graph, self._excitatory())
        graph.add_readout("readout", self.output_dim)
        for name in self._names(self.input_areas):
            graph.project("input", name)
        for name in self._names(self.readout_areas):
            rule = self._readout_rule(graph.nodes[name]["size"])
            if rule is not None:
                graph.project(name, "readout", rule)
        return graph

    def _names(self, chosen: Any) -> list[str]:
        return [name for i, name in enumerate(self.area_names) if chosen is None or i in chosen]

    def _excitatory(self) -> float | None:
        """The fraction of excitatory neurons in each area; None for neurons without sign."""
        return None

    def _readout_rule(self, size: int) -> Rule | None:
        """The rule by which an area of `size` neurons is read out."""
        return AllToAll()


def _repeated(chosen: tuple[int, ...]) -> int:
    return next(i for i in chosen if chosen.count(i) > 1)
