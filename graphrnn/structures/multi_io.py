"""MultiIO: several inputs and readouts, each with the areas it reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.graph import AreaGraph
from graphrnn.rules import Explicit, Rule
from graphrnn.structures.areas import AreaStruct, density_rule
from graphrnn.structures.base import is_listed
from graphrnn.structures.densities import read_table

__all__ = ["MultiIO"]

_AXES = {"input": 0, "readout": 2}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MultiIO(AreaStruct):
    """Several groups of input and readout channels, and a table of who reaches whom.

    Args:
        input_dims: number of channels of each input; default one input of dims[0] channels.
        readout_dims: number of channels of each readout; default one readout of dims[2] channels.
        input_table: a row per input and a column per area, the density from that input to that area (True
            and False for 1 and 0); or, as in nn4n, a column per neuron with 0 or 1. None for all ones.
        readout_table: a row per readout, columns as in `input_table`. None for all ones.
        input_names: a name for each input; default "input 0", "input 1", ….
        readout_names: a name for each readout; default "readout 0", "readout 1", ….
        n_areas: as in `MultiArea`; default 1.
        area_connectivities: as in `MultiArea`; default all to all.
        dims: [input, hidden, readout] sizes; the first is the sum of `input_dims` and the last the sum of
            `readout_dims`. Default: these sums and 100 neurons.
        seed: seed of the wiring, settled once; None for fresh entropy.
        area_sizes: as in `MultiArea`.

    Raises:
        ValueError: for sums, shapes or names that do not fit, densities out of range.
        TypeError: for an argument of another type.

    Example:
        >>> import graphrnn as gr
        >>> struct = gr.MultiIO(
        ...     input_dims=[1, 20], input_names=["odour", "image"], input_table=[[1, 0], [0, 0.5]], n_areas=2
        ... )
        >>> struct.dims
        (21, 100, 1)
        >>> list(struct.graph.successors("odour"))
        ['area 0']
    """

    dims: Sequence[int] | None = None
    n_areas: int | Sequence[int] = 1
    area_connectivities: Any = (1.0, 1.0, 1.0)
    input_dims: Sequence[int] | None = None
    readout_dims: Sequence[int] | None = None
    input_table: Any = None
    readout_table: Any = None
    input_names: Sequence[str] | None = None
    readout_names: Sequence[str] | None = None

    def _settle(self) -> list[str]:
        for end in _AXES:
            self._settle_group_sizes(end)
        if self.dims is None:
            totals = (sum(getattr(self, f"{end}_dims") or (1,)) for end in ("input", "readout"))
            n_inputs, n_readouts = totals
            self._set("dims", (n_inputs, 100, n_readouts))
        ignored = super()._settle()
        for end, axis in _AXES.items():
            self._settle_groups(end, axis)
        names = [*self._group_names("input"), *self.area_names, *self._group_names("readout")]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            call = self._call("input_names", "readout_names")
            raise ValueError(
                f"`{call}` needs names that differ from each other and from the areas'; "
                f"{twice[0]!r} occurs twice."
            )
        return ignored

    def _settle_group_sizes(self, end: str) -> None:
        name = f"{end}_dims"
        call, given = self._call(name), getattr(self, name)
        if given is None:
            return
        if not is_listed(given) or len(given) == 0:
            raise TypeError(
                f"`{call}` needs a list with the number of channels of each {end}; it got {given!r}."
            )
        self._set(name, tuple(_checks.count(call, f"{name}[{i}]", n) for i, n in enumerate(given)))

    def _settle_groups(self, end: str, axis: int) -> None:
        groups = getattr(self, f"{end}_dims") or (self._dim(axis),)
        if sum(groups) != self._dim(axis):
            raise ValueError(
                f"`{self._call('dims', f'{end}_dims')}` needs dims[{axis}] to be the sum of {end}_dims, "
                f"{sum(groups)}; it is {self._dim(axis)}. Change one of them or leave one out."
            )
        self._set(f"{end}_dims", groups)
        table, names = getattr(self, f"{end}_table"), getattr(self, f"{end}_names")
        if table is not None:
            call = self._call(f"{end}_table")
            self._set(f"{end}_table", read_table(call, table, len(groups), len(self.sizes), self.hidden_size))
        if names is not None:
            call = self._call(f"{end}_names")
            if not is_listed(names) or len(names) != len(groups):
                raise TypeError(f"`{call}` needs a list with a name for each of {len(groups)} {end}s.")
            self._set(f"{end}_names", tuple(_checks.text(call, "name", name) for name in names))

    def _group_names(self, end: str) -> tuple[str, ...]:
        given = getattr(self, f"{end}_names")
        return given or tuple(f"{end} {i}" for i in range(len(getattr(self, f"{end}_dims"))))

    def _draw(self, seed: int) -> AreaGraph:
        graph = AreaGraph()
        inputs, readouts = (
            list(zip(self._group_names(end), getattr(self, f"{end}_dims"), strict=True)) for end in _AXES
        )
        for name, size in inputs:
            graph.add_input(name, size)
        self._add_areas(graph)
        for name, size in readouts:
            graph.add_readout(name, size)
        for row, (name, size) in enumerate(inputs):
            for area, rule in zip(
                self.area_names, self._rules(self.input_table, row, size, True), strict=True
            ):
                if rule is not None:
                    graph.project(name, area, rule)
        for row, (name, size) in enumerate(readouts):
            for area, rule in zip(
                self.area_names, self._rules(self.readout_table, row, size, False), strict=True
            ):
                if rule is not None:
                    graph.project(area, name, rule)
        return graph

    def _rules(self, table: Any, row: int, channels: int, into_areas: bool) -> list[Rule | None]:
        """The rule between one group of channels and each area."""
        if table is None:
            return [density_rule(1.0)] * len(self.sizes)
        if len(table[row]) == len(self.sizes):
            return [density_rule(density) for density in table[row]]
        reached = np.asarray(table[row], bool)
        return [_some(reached[neurons], channels, into_areas) for neurons in self.node_assignment]


def _some(reached: NDArray[np.bool_], channels: int, into_area: bool) -> Rule | None:
    """All to all with the neurons of an area that are reached."""
    if reached.all() or not reached.any():
        return density_rule(float(reached.all()))
    chosen = np.flatnonzero(reached)
    neurons, ends = np.repeat(chosen, channels), np.tile(np.arange(channels), chosen.size)
    return Explicit(pre=ends, post=neurons) if into_area else Explicit(pre=neurons, post=ends)
