"""Parameter groups by projection or kind, and the synapses that belong to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphrnn import _checks
from graphrnn.connectome import Connectome, Synapses
from graphrnn.nn.selection import projection_index

if TYPE_CHECKING:
    from graphrnn.nn.ctrnn import CTRNN

__all__ = ["group_of_synapses", "parameter_groups", "take_synapses"]

_WHICH = ("input", "hidden", "readout")
_NO_PROJECTION = "no projection"  # synapses that a Connectome was given beside its projections


def parameter_groups(rnn: CTRNN, by: str, options: Mapping[Any, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The groups; see `CTRNN.parameter_groups`."""
    call = "rnn.parameter_groups(...)"
    _checks.one_of(call, "by", by, ("kind", "projection", "layer"))
    given = {" → ".join(key) if isinstance(key, tuple) else key: chosen for key, chosen in options.items()}
    rest = [
        ("bias", [layer.bias for layer in rnn.layers if layer.bias is not None]),
        ("tau", [rnn.leak.raw] if rnn.leak.learnable else []),
        ("initial state", [rnn.v0] if isinstance(rnn.v0, nn.Parameter) else []),
    ]
    names = list(dict.fromkeys(name for which in _WHICH for name in _names(rnn.net, which, by)))
    known = [*names, *(name for name, parameters in rest if parameters)]
    for name in given:
        _checks.known(call, "group", name, known)
    found: dict[str, list[Any]] = {}
    for which, layer in zip(_WHICH, rnn.layers, strict=True):
        own = _names(rnn.net, which, by)
        group = group_of_synapses(rnn.net, which, by)
        parts = layer.split(torch.from_numpy(group).to(layer.crow.device) if len(own) > 1 else None)
        for name, part in zip(own, parts, strict=True):
            found.setdefault(name, []).append(part)
    rnn.grouped_by = by
    everything = [*found.items(), *((name, parameters) for name, parameters in rest if parameters)]
    return [{"params": params, "name": name, **given.get(name, {})} for name, params in everything]


def _labels(net: Connectome, by: str) -> list[str]:
    """The group of each projection; the last is that of synapses without one."""
    if by == "kind":
        return [*(p.kind for p in net.projections), _NO_PROJECTION]
    return [*(f"{p.pre} → {p.post}" for p in net.projections), _NO_PROJECTION]


def _names(net: Connectome, which: str, by: str) -> list[str]:
    """The groups that a layer has, in the order of the projections; its own name where there is one only."""
    if by == "layer":
        return [which]
    labels = _labels(net, by)
    present = {labels[index] for index in np.unique(projection_index(net, which))}
    return [name for name in dict.fromkeys(labels) if name in present] or [which]


def group_of_synapses(net: Connectome, which: str, by: str) -> NDArray[np.int64]:
    """(synapse,) the number of the group of each synapse among those of its layer."""
    names = _names(net, which, by)
    if len(names) == 1:
        return np.zeros(net.synapses(which).size, np.int64)
    number = np.array([names.index(label) if label in names else 0 for label in _labels(net, by)])
    return number[projection_index(net, which)]


def take_synapses(
    rnn: CTRNN,
    which: str,
    synapses: Synapses,
    old: Tensor | None = None,
    plasticity: Tensor | None = None,
) -> list[tuple[nn.Parameter, nn.Parameter, Tensor]]:
    """Give a layer of a network other synapses, in the network's connectome too.

    Args:
        rnn: the network.
        which: "input", "hidden" or "readout".
        synapses: the new synapses.
        old: (synapse,) which of the present synapses each is, -1 for a new one; None where all are new.
        plasticity: (synapse,) where any is not 1.

    Returns:
        As `SparseLayer.set_synapses`.
    """
    layer: Any = getattr(rnn, which)
    if old is None:
        old = torch.full((synapses.size,), -1, device=layer.crow.device)
    before = rnn.net
    # Fields of the dataclass, by name: `which` is one of them.
    net = dataclasses.replace(before, **{which: synapses})  # type: ignore[arg-type]
    group = None
    if layer.place is not None:
        group = torch.from_numpy(_same_groups(before, net, which, rnn.grouped_by)).to(layer.crow.device)
    moves: list[tuple[nn.Parameter, nn.Parameter, Tensor]] = layer.set_synapses(
        synapses, rnn.constraint(which, synapses), old, group=group, plasticity=plasticity
    )
    rnn.net = net
    return moves


def _same_groups(before: Connectome, net: Connectome, which: str, by: str) -> NDArray[np.int64]:
    """(synapse,) the groups of the new synapses, numbered as they were: one may have become empty."""
    names = _names(before, which, by)
    labels = _labels(net, by)
    number = np.array([names.index(label) if label in names else -1 for label in labels])
    group = number[projection_index(net, which)]
    if (group < 0).any():
        raise ValueError(
            "`rewire(...)` cannot grow synapses in a projection that had none when the parameters were "
            "grouped. Call rnn.parameter_groups(...) and make the optimizer afterwards."
        )
    return group
