"""The network that a CTRNN is told to be."""

from __future__ import annotations

from typing import Any

from torch import nn

from graphrnn._streams import Seed
from graphrnn.connectome import Connectome
from graphrnn.connectome.masks import fields_from_masks

__all__ = ["connectome_of"]


def connectome_of(network: Any, masks: Any, seed: Seed) -> Connectome:
    """The connectome of `CTRNN(network)`, compiled where it is none yet, or of its masks."""
    if (network is None) == (masks is None):
        raise TypeError(
            "`CTRNN(...)` needs either a network (Connectome, area graph or structure) or "
            "`sparsity_masks=[input, hidden, readout]`, not both and not neither."
        )
    if seed is not None and (masks is not None or isinstance(network, Connectome)):
        raise ValueError(
            "`CTRNN(seed=...)` is the seed of the wiring, and this network is wired already. For the same "
            "initial weights each time pass generator=torch.Generator().manual_seed(...)."
        )
    if masks is not None:
        if not isinstance(masks, list | tuple) or len(masks) != 3:
            raise TypeError("`CTRNN(sparsity_masks=...)` needs a list of three, [input, hidden, readout].")
        return Connectome(**fields_from_masks("CTRNN(sparsity_masks=...)", *masks))
    if isinstance(network, Connectome):
        return network
    if isinstance(network, nn.Module) or not hasattr(network, "compile"):
        raise TypeError(
            "`CTRNN(network)` needs a Connectome, an area graph or a structure; it got "
            f"{type(network).__name__}. For masks use CTRNN(sparsity_masks=[input, hidden, readout])."
        )
    net = network.compile(seed)
    if not isinstance(net, Connectome):
        raise TypeError(
            "`CTRNN(network)` needs `network.compile(seed)` to give a Connectome; it gave "
            f"{type(net).__name__}."
        )
    return net
