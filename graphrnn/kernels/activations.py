"""The activations of the recurrence, shared by every backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["ACTIVATIONS", "Activation"]


class Activation(NamedTuple):
    """An activation r = f(v) and its slope f'(v), written as a function of r.

    Every activation here is monotone enough for r to tell its slope, which is why a backward pass
    can do with the rates alone. Under post-activation noise r is no longer f(v): then f(v) is
    computed again from the saved v.
    """

    function: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


def _retanh(state: Tensor) -> Tensor:
    return torch.relu(torch.tanh(state))


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(torch.relu, torch.sign),
    "tanh": Activation(torch.tanh, lambda rate: 1 - rate * rate),
    "sigmoid": Activation(torch.sigmoid, lambda rate: rate * (1 - rate)),
    "softplus": Activation(torch.nn.functional.softplus, lambda rate: -torch.expm1(-rate)),
    "retanh": Activation(_retanh, lambda rate: torch.sign(rate) * (1 - rate * rate)),
    "identity": Activation(torch.clone, torch.ones_like),
}
