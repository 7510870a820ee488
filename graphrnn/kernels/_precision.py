"""The kernels compute in the precision of their arguments, inside `torch.autocast` too."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

__all__ = ["as_given"]


def as_given(values: Tensor) -> AbstractContextManager[object]:
    """A context in which autocast, which knows no sparse products, is off."""
    kind = values.device.type
    if not torch.amp.is_autocast_available(kind) or not torch.is_autocast_enabled(kind):
        return nullcontext()
    return torch.autocast(kind, enabled=False)
