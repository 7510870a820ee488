"""The backends there are, and the choice between them."""

from __future__ import annotations

from typing import NamedTuple

import torch

from graphrnn.kernels.contract import Backend
from graphrnn.kernels.native import NativeBackend
from graphrnn.kernels.pattern import Pattern
from graphrnn.kernels.torch_csr import TorchBackend

__all__ = ["BACKENDS", "REFERENCE", "Choice", "available_backends", "choose_backend", "explain_backend"]

# By name, the fastest first. `reference` is not among them: it runs under torch's autograd.
BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (NativeBackend(), TorchBackend())}
REFERENCE = "reference"
WITH_DELAYS = ("native", "torch")  # those whose products read a window of time


class Choice(NamedTuple):
    """A backend by name, and why it was taken."""

    name: str
    reason: str


def available_backends(
    device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, *, delays: bool = False
) -> tuple[str, ...]:
    """Names of the backends that run on a device, the fastest first; `delays` asks for those with delays.

    Example:
        >>> available_backends("cpu")
        (...'torch', 'reference')
    """
    device = torch.device(device)
    names = [name for name in BACKENDS if _unavailable(name, device, dtype, delays) is None]
    return (*names, REFERENCE)


def _unavailable(name: str, device: torch.device, dtype: torch.dtype, delays: bool) -> str | None:
    """Why a backend cannot run there, as half a sentence; None if it can."""
    why = BACKENDS[name].unavailable(device, dtype)
    return "it has no delays" if why is None and delays and name not in WITH_DELAYS else why


def choose_backend(
    name: str, device: torch.device | str, dtype: torch.dtype, *, delays: bool = False
) -> Choice:
    """The backend that a name stands for on a device.

    Args:
        name: a backend, or `"auto"` for the fastest that is available.
        device: where the tensors are.
        dtype: their precision.
        delays: whether synapses have delays.

    Raises:
        ValueError: if there is no such backend, or not on this device or in this precision.

    Example:
        >>> choose_backend("torch", "cpu", torch.float32)
        Choice(name='torch', reason='asked for by name')
    """
    device = torch.device(device)
    place = f"on {device.type} in {str(dtype).removeprefix('torch.')}"
    available = available_backends(device, dtype, delays=delays)
    if name == "auto":
        passed_over = [
            f"; `{other}` is not: {_unavailable(other, device, dtype, delays)}"
            for other in BACKENDS
            if other not in available
        ]
        return Choice(available[0], f"the fastest available {place}{''.join(passed_over)}")
    if name in available:
        return Choice(name, "asked for by name")
    ways_out = " or ".join(f"`{other}`" for other in ("auto", *available))
    if name in BACKENDS:
        why = _unavailable(name, device, dtype, delays)
        raise ValueError(f"Backend `{name}` is not available {place}: {why}. Take {ways_out}.")
    raise ValueError(f"There is no backend `{name}`. Take {ways_out}.")


def explain_backend(name: str, pattern: Pattern) -> str:
    """In which form, dense or sparse, a backend runs a pattern, and why.

    Example:
        >>> explain_backend("torch", Pattern.from_pairs(post=[0], pre=[1], shape=(2, 2)))
        'density 0.25: products sparse (dense from 0.4 on), gradient of the values dense (dense from 0.2 on)'
    """
    if name == REFERENCE:
        return "one dense matrix, differentiated by torch"
    return BACKENDS[name].explain(pattern)
