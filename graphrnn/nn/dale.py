"""Dale's law as a reparametrisation."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphrnn import _checks
from graphrnn.connectome import Connectome

__all__ = ["Dale", "signs_in_force"]


class Dale(nn.Module):
    """Every synapse has the sign of its presynaptic neuron: w = sign · |value|.

    The law holds at every moment because the weights are made from the values; nothing is repaired
    after a step. The gradient of |value| at 0 is 0.

    Args:
        sign: (synapse,) +1 excitatory, -1 inhibitory, 0 unconstrained.

    Example:
        >>> import torch
        >>> from graphrnn.nn import Dale
        >>> Dale(torch.tensor([1, -1, 0]))(torch.tensor([-2.0, -3.0, -4.0])).tolist()
        [2.0, -3.0, -4.0]

    Source:
        Song, Yang & Wang, PLoS Comput. Biol. 12(2): e1004792 (2016).
    """

    sign: Tensor

    def __init__(self, sign: Tensor) -> None:
        super().__init__()
        self._free = bool((sign == 0).any())
        self.register_buffer("sign", sign.to(torch.int8), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """The weights (synapse,) that `values` (synapse,) stand for."""
        signed = self.sign * values.abs()
        return torch.where(self.sign == 0, values, signed) if self._free else signed


def signs_in_force(net: Connectome, dale: bool, positivity_constraints: bool) -> NDArray[np.int8] | None:
    """(neuron,) the signs that a CTRNN obeys; None where Dale's law is off.

    Warns:
        UserWarning: where `positivity_constraints` makes every neuron excitatory.

    Raises:
        ValueError: for a neuron that has synapses onto neurons or readouts but no sign.
    """
    _checks.boolean("CTRNN(...)", "dale", dale)
    _checks.boolean("CTRNN(...)", "positivity_constraints", positivity_constraints)
    if not (dale or positivity_constraints):
        return None
    if positivity_constraints and not net.sign.any():
        warnings.warn(
            "`CTRNN(positivity_constraints=True)` found no signs in the network and makes every neuron "
            "excitatory.",
            UserWarning,
            stacklevel=3,
        )
        return np.ones(net.n_neurons, np.int8)
    speaks = net.hidden.out_degree + net.readout.out_degree > 0
    unknown = int((speaks & (net.sign == 0)).sum())
    if unknown:
        asked = "dale" if dale else "positivity_constraints"
        raise ValueError(
            f"`CTRNN({asked}=True)` needs a sign for every neuron that has synapses; {unknown} of "
            f"{net.n_neurons} neurons have synapses but no sign, or both signs. Give their areas a fraction "
            "`excitatory` or the table of neurons a column `sign`; in a signed mask each column, "
            "(post, pre), needs one sign."
        )
    return net.sign
