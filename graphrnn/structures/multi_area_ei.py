"""MultiAreaEI: areas of excitatory and inhibitory neurons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphrnn import _checks
from graphrnn.rules import AllToAll, BySign, Explicit, Rule
from graphrnn.structures.base import is_listed
from graphrnn.structures.multi_area import MultiArea

__all__ = ["MultiAreaEI"]

_PAIRS = ("ee", "ei", "ie", "ii")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MultiAreaEI(MultiArea):
    """A `MultiArea` of excitatory and inhibitory neurons, the excitatory ones first in each area.

    Args:
        exc_pct: fraction of excitatory neurons in each area, rounded down to whole neurons; default 0.8.
        inter_area_connections: four of True or False: whether E→E, E→I, I→E and I→I projections exist between
            areas, each with the density of its pair of areas; default all. Within areas all four exist.
        inh_readout: whether inhibitory neurons are read out; default True.
        n_areas: as in `MultiArea`, like all other arguments.

    Raises:
        ValueError: as for `MultiArea`, and for `exc_pct` out of range.
        TypeError: for an argument of another type.

    Example:
        >>> import graphrnn as gr
        >>> struct = gr.MultiAreaEI(inter_area_connections=[True, True, False, False], seed=0)
        >>> struct.graph.edges["area 0", "area 1"]["rule"]
        BySign(Bernoulli(0.1), ei=Bernoulli(0.1))
        >>> hidden = struct.get_masks()[1]
        >>> sorted({float(entry) for entry in hidden.data})
        [-1.0, 1.0]
    """

    exc_pct: float = 0.8
    inter_area_connections: Sequence[bool] = (True, True, True, True)
    inh_readout: bool = True

    def _settle(self) -> list[str]:
        ignored = super()._settle()
        self._set("exc_pct", _checks.fraction(self._call("exc_pct"), "exc_pct", self.exc_pct))
        call, given = self._call("inter_area_connections"), self.inter_area_connections
        if not is_listed(given) or len(given) != 4 or not all(isinstance(x, bool | np.bool_) for x in given):
            raise TypeError(
                f"`{call}` needs four of True or False, for E→E, E→I, I→E and I→I; it got {given!r}."
            )
        allowed = tuple(bool(x) for x in given)
        if len(self.sizes) == 1 and not all(allowed):
            ignored.append(
                f"`{call}` forbids projections between areas, but there is one area. It is ignored; "
                "use n_areas of 2 or more for it."
            )
            allowed = (True,) * 4
        self._set("inter_area_connections", allowed)
        _checks.boolean(self._call("inh_readout"), "inh_readout", self.inh_readout)
        return ignored

    def get_masks(self) -> list[Any]:
        """The three masks, with +1 for synapses of excitatory neurons and -1 for those of inhibitory ones.

        Signs are those of the source neuron, so they stand in the hidden and the readout mask; what inputs
        send has no sign. Orientation as in `get_sparsity_masks`.
        """
        net = self.compile()
        masks = list(net.get_masks())
        for mask in masks[1:]:
            mask.data *= net.sign[mask.col]
        return masks

    def get_sparsity_masks(self) -> list[Any]:
        """The masks without signs: input (neuron, input), hidden (post, pre), readout (readout, neuron)."""
        return list(self.compile().get_masks())

    def _hidden_rule(self, density: float, *, within: bool) -> Rule | None:
        rule = super()._hidden_rule(density, within=within)
        if rule is None or within or all(self.inter_area_connections):
            return rule
        allowed = {pair: rule for pair, yes in zip(_PAIRS, self.inter_area_connections, strict=True) if yes}
        return BySign(**allowed) if allowed else None

    def _excitatory(self) -> float | None:
        return self.exc_pct

    def _readout_rule(self, size: int) -> Rule | None:
        excitatory = math.floor(self.exc_pct * size + 1e-9)  # as the compiler rounds
        if self.inh_readout or excitatory == size:
            return AllToAll()
        if excitatory == 0:
            return None
        channels = np.repeat(np.arange(self.output_dim), excitatory)  # a readout has no signs for BySign
        return Explicit(pre=np.tile(np.arange(excitatory), self.output_dim), post=channels)
