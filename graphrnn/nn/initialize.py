"""Initial weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graphrnn._spectrum import spectral_radius
from graphrnn.connectome import Synapses
from graphrnn.nn.dale import Dale
from graphrnn.nn.layer import SparseLayer

__all__ = ["copy_weights", "draw_fan_in", "scale_to_radius"]


@torch.no_grad()
def draw_fan_in(
    layer: SparseLayer, synapses: Synapses, gain: float, generator: torch.Generator | None, *, balance: bool
) -> None:
    """Normal weights of variance gain² / fan-in, where the fan-in is each target's own.

    Under Dale's law their moduli are taken. With `balance` the inhibitory weights onto each target are
    then scaled to sum to the excitatory ones, and the row back to its norm: without that the mean of
    the matrix makes one eigenvalue that outgrows all others (Rajan & Abbott, Phys. Rev. Lett. 97, 2006).
    """
    fan_in = torch.from_numpy(synapses.in_degree.copy()).to(layer.crow.device)
    raw = torch.empty_like(layer.weights).normal_(generator=generator)
    scale = gain / fan_in.clamp(min=1).to(raw.dtype).sqrt()
    if layer.constraint is not None and balance:
        raw = _balanced(raw.abs(), layer.constraint, fan_in)
    layer.set_weights(raw * torch.repeat_interleave(scale, fan_in, output_size=len(raw)))


def _balanced(modulus: Tensor, constraint: Dale, fan_in: Tensor) -> Tensor:
    """Moduli whose excitatory and inhibitory sums agree on every target that has both."""

    def per_target(values: Tensor) -> Tensor:
        return torch.segment_reduce(values, "sum", lengths=fan_in, unsafe=True)

    def per_synapse(values: Tensor) -> Tensor:
        return torch.repeat_interleave(values, fan_in, output_size=len(modulus))

    tiny = torch.finfo(modulus.dtype).tiny
    inhibitory = constraint.sign < 0
    excitation = per_target(modulus * (constraint.sign > 0))
    inhibition = per_target(modulus * inhibitory)
    ratio = torch.where((excitation > 0) & (inhibition > 0), excitation / inhibition.clamp(min=tiny), 1.0)
    balanced = torch.where(inhibitory, modulus * per_synapse(ratio), modulus)
    norm = (per_target(balanced**2) / fan_in.clamp(min=1)).sqrt().clamp(min=tiny)
    return balanced / per_synapse(norm)


@torch.no_grad()
def copy_weights(layer: SparseLayer, synapses: Synapses) -> None:
    """The connectome's own weights, where it has them; the others stay as they are.

    Under Dale's law the modulus counts and the sign is the neuron's: measured weights are often
    numbers of contacts, positive for inhibitory neurons too.

    Raises:
        ValueError: for a negative weight from an excitatory neuron.
    """
    if synapses.weight is None:
        return
    weight = torch.from_numpy(synapses.weight.copy()).to(layer.weights)
    given = ~torch.isnan(weight)
    if layer.constraint is not None:  # which takes the modulus and gives it the sign by itself
        wrong = int((given & (weight < 0) & (layer.constraint.sign > 0)).sum())
        if wrong:
            raise ValueError(
                f"`CTRNN(init='weights')` under Dale's law found {wrong} negative weights from excitatory "
                "neurons. Correct the signs of the neurons or leave out dale=True."
            )
    layer.set_weights(torch.where(given, weight, layer.weights))


@torch.no_grad()
def scale_to_radius(layer: SparseLayer, synapses: Synapses, radius: float) -> None:
    """Scale the weights so that the largest modulus of an eigenvalue is `radius`.

    Raises:
        ValueError: where all eigenvalues are 0.
    """
    from scipy.sparse import csr_array

    data = layer.weights.cpu().double().numpy()
    current = spectral_radius(csr_array((data, synapses.pre, synapses.indptr), shape=synapses.shape))
    if not current > np.finfo(np.float32).tiny:
        raise ValueError(
            f"`CTRNN(spectral_radius={radius:g})` needs a loop among the hidden synapses; without one every "
            "eigenvalue is 0. Leave spectral_radius out or add a projection that closes a loop."
        )
    layer.set_weights(layer.weights * (radius / current))
