"""An optimizer's state of each synapse, such as its momentum, which follows the synapses that stay."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = ["carry", "check_follows"]

# Running means of squares, from which an optimizer makes its step size: at 0 a new synapse would leap.
_SQUARES = ("exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum")


def check_follows(call: str, optimizer: Optimizer, parameters: Sequence[nn.Parameter], which: str) -> None:
    """Refuse an optimizer that does not train these parameters, or has state that is not one per synapse."""
    known = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not all(id(parameter) in known for parameter in parameters):
        raise ValueError(
            f"`{call}` needs the optimizer that trains the network; this one has not its {which} values. "
            "Make it after the network and after rnn.parameter_groups(...)."
        )
    for parameter in parameters:
        for name, entry in optimizer.state.get(parameter, {}).items():
            follows = not isinstance(entry, Tensor) or entry.ndim == 0 or entry.shape == parameter.shape
            if not follows or isinstance(entry, list):
                raise ValueError(
                    f"`{call}` cannot carry the state of {type(optimizer).__name__} over: its {name!r} is of "
                    "all parameters together. Use an optimizer such as Adam or SGD."
                )


@torch.no_grad()
def carry(optimizer: Optimizer, before: nn.Parameter, now: nn.Parameter, source: Tensor) -> None:
    """Let the optimizer's state of a parameter follow the synapses."""
    for group in optimizer.param_groups:
        group["params"] = [now if parameter is before else parameter for parameter in group["params"]]
    state = optimizer.state.pop(before, {})
    stays = source >= 0
    for name, entry in state.items():
        if isinstance(entry, Tensor) and entry.ndim and entry.shape == before.shape:
            fill = entry.mean() if name in _SQUARES and len(entry) else 0
            carried = entry[source.clamp(min=0)] if len(entry) else entry.new_zeros(len(source))
            state[name] = torch.where(stays, carried, fill)
    if state:
        optimizer.state[now] = state
