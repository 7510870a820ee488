"""The kernels compute in the precision of their arguments, inside `torch.autocast` too."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["as_given"]


def as_given(values: Tensor) -> torch.autocast:
    """A context in which autocast, which knows no sparse products, is off."""
    return torch.autocast(values.device.type, enabled=False)
