"""Plasticity: how far a synapse follows its training, from frozen to free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import LBFGS, Optimizer

from graphrnn import _checks
from graphrnn.nn.selection import chosen

if TYPE_CHECKING:
    from graphrnn.nn.ctrnn import CTRNN

__all__ = ["check_optimizer", "follow", "plasticity_of", "set_plasticity"]


def follow(weights: Tensor, anchor: Tensor, plasticity: Tensor) -> Tensor:
    """Weights that go `plasticity` of the way from `anchor` to `weights`, with the gradient of all of it.

    An optimizer sees the gradient of a free synapse and takes the step of one; the weight goes
    `plasticity` times as far. So what normalises gradients, such as Adam, does not undo the plasticity.
    Where it is 0 the gradient is 0 too.

    Args:
        weights: (synapse,) what the parameters stand for.
        anchor: (synapse,) the weights from which plasticity counts.
        plasticity: (synapse,) from 0, frozen, to 1, free.
    """
    followed: Tensor = _follow(weights, anchor, plasticity)
    return followed


@torch.library.custom_op("graphrnn::follow", mutates_args=())
def _follow(weights: Tensor, anchor: Tensor, plasticity: Tensor) -> Tensor:
    # lerp is exact at 1 and never passes either end; a frozen synapse stays even beside a NaN
    return torch.where(plasticity > 0, torch.lerp(anchor, weights, plasticity), anchor)


@_follow.register_fake
def _(weights: Tensor, anchor: Tensor, plasticity: Tensor) -> Tensor:
    return torch.empty_like(weights)


def _remember(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[2])


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
    (plasticity,) = ctx.saved_tensors
    return torch.where(plasticity > 0, grad, 0), None, None


_follow.register_autograd(_differentiate, setup_context=_remember)


def set_plasticity(
    rnn: CTRNN, plasticity: Any, which: str | None, kind: Any = None, pre: Any = None, post: Any = None
) -> None:
    """Set the plasticity of some synapses; see `CTRNN.set_plasticity`."""
    call = "rnn.set_plasticity(...)"
    number = np.ndim(plasticity) == 0 and not hasattr(plasticity, "tocoo")
    if number:
        plasticity = _checks.fraction(call, "plasticity", plasticity)
    elif which is None:
        which = "hidden"
    found = False
    for name in ("input", "hidden", "readout") if which is None else (which,):
        mask = chosen(rnn.net, call, name, kind, pre, post)
        if not mask.any():
            continue
        found = True
        layer = getattr(rnn, name)
        new = plasticity_of(layer)
        among = torch.from_numpy(mask).to(new.device)
        given = new.new_tensor(plasticity if number else _per_synapse(call, rnn, name, plasticity))
        layer.set_plasticity(torch.where(among, given, new))
    if not found:
        raise ValueError(
            f"`{call}` found no synapse of {_words(which, kind, pre, post)}. Name projections that exist."
        )


def plasticity_of(layer: Any) -> Tensor:
    """(synapse,) the plasticity of a layer; a new tensor."""
    ones = torch.ones_like(layer.values.detach())
    return ones if layer.plasticity is None else layer.plasticity.clone()


def _per_synapse(call: str, rnn: CTRNN, which: str, given: Any) -> Any:
    """(synapse,) numbers from such an array or from a (post, pre) matrix."""
    synapses = rnn.net.synapses(which)
    if isinstance(given, Tensor):
        given = (given.to_dense() if given.layout is not torch.strided else given).detach().cpu().numpy()
    if hasattr(given, "tocsr"):
        if given.shape == synapses.shape:
            given = np.asarray(given.tocsr()[synapses.post, synapses.pre]).ravel()
    else:
        given = np.asarray(given)
        if given.shape == synapses.shape:
            given = given[synapses.post, synapses.pre]
    if given.shape != (synapses.size,):
        raise ValueError(
            f"`{call}` needs a number, a (post, pre) matrix of shape {synapses.shape} or one number per "
            f"synapse, ({synapses.size},), for the {which} layer; it got shape {given.shape}."
        )
    numbers = np.asarray(given, np.float64)
    if not ((numbers >= 0) & (numbers <= 1)).all():
        raise ValueError(f"`{call}` needs every plasticity from 0 to 1; some are not.")
    return numbers


def _words(which: Any, kind: Any, pre: Any, post: Any) -> str:
    named = {"which": which, "kind": kind, "pre": pre, "post": post}
    return ", ".join(f"{name}={value!r}" for name, value in named.items() if value is not None) or "any kind"


def check_optimizer(call: str, model: torch.nn.Module, optimizer: Optimizer) -> None:
    """Refuse an optimizer whose line search measures another function than its gradients describe.

    Raises:
        ValueError: for LBFGS and a plasticity between 0 and 1.
    """
    if not isinstance(optimizer, LBFGS):
        return
    for name, module in model.named_modules():
        plasticity = getattr(module, "plasticity", None)
        if isinstance(plasticity, Tensor) and ((plasticity > 0) & (plasticity < 1)).any():
            raise ValueError(
                f"`{call}` cannot use LBFGS with a plasticity between 0 and 1, which {name!r} has: LBFGS "
                "builds its steps from differences of gradients, and those are of a free synapse. Use Adam "
                "or SGD, or a plasticity of 0 or 1."
            )
