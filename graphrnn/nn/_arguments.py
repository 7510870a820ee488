"""Checks of what a network is built from and called with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = [
    "device_here",
    "generator_on",
    "no_cuda",
    "per_neuron",
    "precision",
    "same_device",
    "same_precision",
]

_PRECISIONS = (torch.float32, torch.float64)


def device_here(call: str, device: Any) -> torch.device:
    """A device that torch knows and, if it is a GPU, finds; torch's default for None."""
    try:
        found = torch.get_default_device() if device is None else torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"`{call}` needs `device` to be one that torch knows, such as 'cpu' or 'cuda'; it got {device!r}."
        ) from error
    if found.type == "cuda" and (why := no_cuda()):
        raise ValueError(f"`{call}` needs a GPU for device={str(found)!r}; {why}, or compute on the CPU.")
    return found


def no_cuda() -> str | None:
    """Why there is no CUDA, and how to have it; None where there is one."""
    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None and torch.version.hip is None:
        return f"torch {torch.__version__} was built without CUDA. Install a build with it"
    return f"torch {torch.__version__} finds none. Look whether `nvidia-smi` lists one and its driver is new"


def precision(call: str, dtype: Any) -> torch.dtype:
    """float32 or float64; torch's default for None."""
    chosen = torch.get_default_dtype() if dtype is None else dtype
    if chosen not in _PRECISIONS:
        raise TypeError(f"`{call}` needs `dtype` to be torch.float32 or torch.float64; it got {chosen!r}.")
    return chosen


def generator_on(call: str, generator: Any, device: torch.device) -> None:
    """None or a torch.Generator of the device that it is to draw on."""
    if generator is None:
        return
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"`{call}` needs a torch.Generator or None for `generator`; it got {type(generator).__name__}. "
            "Make one with torch.Generator().manual_seed(0)."
        )
    if generator.device.type != device.type:
        raise ValueError(
            f"`{call}` needs a generator on the network's device, {device.type}; it got one on "
            f"{generator.device.type}. Make it with torch.Generator({device.type!r})."
        )


def per_neuron(call: str, choices: str, values: Any, n: int) -> NDArray[np.float64]:
    """(neuron,) finite numbers from an array, a list or a tensor; a copy.

    Args:
        call: the call as the user wrote it.
        choices: what the argument may be, for the message.
        values: what came.
        n: number of neurons.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    needs = f"`{call}` needs {choices}, ({n},)"
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{needs}; it got {values!r}.") from None
    if array.shape != (n,):
        raise ValueError(f"{needs}; it got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{needs}, all finite; {int((~np.isfinite(array)).sum())} are NaN or infinite.")
    return array


def same_device(call: str, name: str, tensor: Tensor, network: Tensor) -> None:
    """A tensor on the device of the network's own."""
    if tensor.device != network.device:
        raise ValueError(
            f"`{call}` needs {name} on the network's device, {network.device}; it got {tensor.device}. "
            f"Move it with .to({str(network.device)!r})."
        )


def same_precision(call: str, name: str, tensor: Tensor, network: Tensor) -> None:
    """A tensor in the precision of the network's own."""
    if tensor.dtype != network.dtype:
        raise TypeError(
            f"`{call}` needs {name} in the network's precision, {network.dtype}; it got {tensor.dtype}. "
            f"Convert it with .to({network.dtype})."
        )
