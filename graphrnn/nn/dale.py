"""Dale's law as a reparametrisation."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphrnn import _checks
from graphrnn.connectome import Connectome

__all__ = ["DALE_FORMS", "Dale", "signs_in_force"]

DALE_FORMS = ("abs", "rectify", "softplus")
_SMALLEST = 1e-6  # the least modulus that softplus is asked for; a value for 0 would be -∞


class Dale(nn.Module):
    """Every synapse has the sign of its presynaptic neuron: w = sign · m(value), with m ≥ 0.

        "abs"       m = |value|
        "rectify"   m = max(value, 0)
        "softplus"  m = log(1 + exp(value))

    The law holds at every moment because the weights are made from the values; nothing is repaired
    after a step.

    "abs" passes every gradient at full size, and weight decay shrinks the weights; no synapse falls
    silent for good. Under "rectify", the form of Song et al., a synapse whose value falls below 0 is silent
    and stays so: training prunes. Under "softplus" no weight is ever 0, small weights move slowly, in
    proportion to themselves, and weight decay pulls them to log 2, not to 0: leave it out.

    At a value of 0 the derivative of "abs" and "rectify" is one-sided: a gradient that asks for a larger
    modulus passes, one that asks for a smaller one is 0, because there is none.

    Args:
        sign: (synapse,) +1 excitatory, -1 inhibitory, 0 unconstrained.
        form: "abs" (default), "rectify" or "softplus".

    Raises:
        ValueError: for another form.

    Example:
        >>> import torch
        >>> from graphrnn.nn import Dale
        >>> values = torch.tensor([-2.0, -3.0, -4.0])
        >>> Dale(torch.tensor([1, -1, 0]))(values).tolist()
        [2.0, -3.0, -4.0]
        >>> Dale(torch.tensor([1, -1, 0]), "rectify")(-values).tolist()
        [2.0, -3.0, 4.0]

    Source:
        Song, Yang & Wang, PLoS Comput. Biol. 12(2): e1004792 (2016).
    """

    sign: Tensor

    def __init__(self, sign: Tensor, form: str = "abs") -> None:
        super().__init__()
        self.form = _checks.one_of("Dale(...)", "form", form, DALE_FORMS)
        self._free = bool((sign == 0).any())
        self.register_buffer("sign", sign.to(torch.int8), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """The weights (synapse,) that `values` (synapse,) stand for."""
        if self.form == "softplus":
            modulus = nn.functional.softplus(values)
        else:
            modulus = _modulus(values, self.form == "rectify")
        signed = self.sign * modulus
        return torch.where(self.sign == 0, values, signed) if self._free else signed

    def values_of(self, weights: Tensor, near: Tensor | None = None) -> Tensor:
        """Values (synapse,) that stand for `weights`, whose signs are taken to be right.

        Under "softplus" a modulus below 1e-6 counts as 1e-6.

        Args:
            weights: (synapse,).
            near: (synapse,) where "abs" leaves a choice, the values have the signs of these.
        """
        modulus = weights.abs()
        if self.form == "softplus":
            modulus = modulus.clamp(min=_SMALLEST)
            modulus = modulus + (-torch.expm1(-modulus)).log()
        elif self.form == "abs" and near is not None:
            modulus = torch.copysign(modulus, near)
        return torch.where(self.sign == 0, weights, modulus) if self._free else modulus

    def extra_repr(self) -> str:
        return repr(self.form)


@torch.library.custom_op("graphrnn::modulus", mutates_args=())
def _modulus(values: Tensor, rectify: bool) -> Tensor:
    """|value|, or max(value, 0); as an operator for the sake of its one-sided derivative at 0."""
    return values.clamp(min=0) if rectify else values.abs()


@_modulus.register_fake
def _(values: Tensor, rectify: bool) -> Tensor:
    return torch.empty_like(values)


def _remember(ctx: Any, inputs: tuple[Tensor, bool], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0])
    ctx.rectify = inputs[1]


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    (values,) = ctx.saved_tensors
    below = torch.zeros_like(grad) if ctx.rectify else -grad
    at_zero = grad.clamp(max=0)  # a modulus of 0 can only grow
    return torch.where(values > 0, grad, torch.where(values < 0, below, at_zero)), None


_modulus.register_autograd(_differentiate, setup_context=_remember)


def signs_in_force(
    net: Connectome, dale: bool | str, positivity_constraints: bool
) -> tuple[NDArray[np.int8] | None, str]:
    """(neuron,) the signs that a CTRNN obeys, None where Dale's law is off, and the form of the law.

    Warns:
        UserWarning: where `positivity_constraints` makes inhibitory neurons excitatory.

    Raises:
        ValueError: for a neuron that has synapses onto neurons or readouts but no sign.
    """
    law, form = _law(dale)
    _checks.boolean("CTRNN(...)", "positivity_constraints", positivity_constraints)
    if positivity_constraints:
        inhibitory = int((net.sign < 0).sum())
        if inhibitory:
            warnings.warn(
                "`CTRNN(positivity_constraints=True)` makes every neuron excitatory, "
                f"{inhibitory} inhibitory ones too. To keep to the signs of the neurons use dale=True.",
                UserWarning,
                stacklevel=3,
            )
        return np.ones(net.n_neurons, np.int8), form
    if not law:
        return None, form
    speaks = net.hidden.out_degree + net.readout.out_degree > 0
    unknown = int((speaks & (net.sign == 0)).sum())
    if unknown:
        raise ValueError(
            f"`CTRNN(dale={dale!r})` needs a sign for every neuron that has synapses; {unknown} of "
            f"{net.n_neurons} neurons have synapses but no sign, or both signs. Give their areas a fraction "
            "`excitatory` or the table of neurons a column `sign`; in a signed mask each column, "
            "(post, pre), needs one sign."
        )
    return net.sign, form


def _law(dale: Any) -> tuple[bool, str]:
    """Whether Dale's law is asked for, and in which form."""
    if isinstance(dale, str):
        return True, _checks.one_of("CTRNN(...)", "dale", dale, DALE_FORMS)
    return _checks.boolean("CTRNN(...)", "dale", dale), DALE_FORMS[0]
