"""The backends there are, and the choice between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch

from graphrnn.kernels._precision import EXACT, check_precision
from graphrnn.kernels.contract import Backend
from graphrnn.kernels.gpu import TritonBackend
from graphrnn.kernels.gpu.selfcheck import disagreement
from graphrnn.kernels.native import NativeBackend
from graphrnn.kernels.pattern import Pattern
from graphrnn.kernels.torch_csr import TorchBackend
from graphrnn.kernels.torch_sparse import TorchSparseBackend

__all__ = ["BACKENDS", "REFERENCE", "Choice", "available_backends", "choose_backend", "explain_backend"]

# By name, the fastest first. `reference` is not among them: it runs under torch's autograd.
BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (NativeBackend(), TritonBackend(), TorchBackend(), TorchSparseBackend())
}
REFERENCE = "reference"
BY_NAME_ALONE = frozenset({"torch_sparse"})  # never taken by `auto`, which would have to import a package
ON_CUDA = frozenset({"triton"})  # taken by `auto` there alone, and only after a self-check


class Choice(NamedTuple):
    """A backend by name, and why it was taken."""

    name: str
    reason: str


def available_backends(
    device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, precision: str = "exact"
) -> tuple[str, ...]:
    """Names of the backends that run on a device, the fastest first.

    Args:
        device: where the tensors are.
        dtype: their precision.
        precision: that of the inputs of products, as in `recurrence`.

    Raises:
        ValueError: for a precision that there is not, or not for this dtype.

    Example:
        >>> available_backends("cpu")
        (...'torch', ...'reference')
    """
    device = torch.device(device)
    check_precision("available_backends", precision, dtype)
    runs = {name: backend.unavailable(device, dtype, precision) is None for name, backend in BACKENDS.items()}
    return (*(name for name, here in runs.items() if here), REFERENCE)


def choose_backend(
    name: str, device: torch.device | str, dtype: torch.dtype, precision: str = "exact"
) -> Choice:
    """The backend that a name stands for on a device.

    Args:
        name: a backend, or `"auto"` for the fastest that is available, but for `torch_sparse`, which is
            taken by name alone, and `triton`, which is taken on CUDA alone and there only if it agrees with
            `torch` on a small network, checked once in a process and precision.
        device: where the tensors are.
        dtype: their precision.
        precision: that of the inputs of products, as in `recurrence`.

    Raises:
        ValueError: if there is no such backend, or not on this device or in this precision.

    Example:
        >>> choose_backend("torch", "cpu", torch.float32)
        Choice(name='torch', reason='asked for by name')
    """
    device = torch.device(device)
    check_precision("choose_backend", precision, dtype)
    if name == "auto":
        return _fastest(device, dtype, precision)
    if name == REFERENCE:
        return Choice(name, "asked for by name")
    wrong = f"There is no backend `{name}`."
    if name in BACKENDS:
        why = BACKENDS[name].unavailable(device, dtype, precision)
        if why is None:
            return Choice(name, "asked for by name")
        wrong = f"Backend `{name}` is not available {_place(device, dtype, precision)}: {why}."
    available = available_backends(device, dtype, precision)
    ways_out = " or ".join(f"`{other}`" for other in ("auto", *available))
    raise ValueError(f"{wrong} Take {ways_out}.")


def _place(device: torch.device, dtype: torch.dtype, precision: str) -> str:
    products = "" if precision == EXACT else f" with products in {precision}"
    return f"on {device.type} in {str(dtype).removeprefix('torch.')}{products}"


def _fastest(device: torch.device, dtype: torch.dtype, precision: str) -> Choice:
    reason = f"the fastest available {_place(device, dtype, precision)}"
    for name, backend in BACKENDS.items():
        if name in BY_NAME_ALONE or (name in ON_CUDA and device.type != "cuda"):
            continue
        why = backend.unavailable(device, dtype, precision)
        if why is None and name in ON_CUDA:
            why = _self_check(device, dtype, precision)
        if why is None:
            return Choice(name, reason)
        reason += f"; `{name}` is not: {why}"
    return Choice(REFERENCE, reason)


@cache
def _disagreement(device: torch.device, dtype: torch.dtype, precision: str) -> str | None:
    """Once in a process, for each device and precision, what the self-check of `triton` finds there."""
    with torch.inference_mode(False), torch.no_grad():
        return disagreement(TritonBackend.ways(), BACKENDS["torch"], device, dtype, precision)


def _checked(device: torch.device, dtype: torch.dtype, precision: str) -> str | None:
    return _disagreement(device, dtype, precision)


# torch.compile asks this when it compiles, and remembers the answer.
_self_check: Callable[[torch.device, torch.dtype, str], str | None] = torch.compiler.assume_constant_result(
    _checked
)  # type: ignore[no-untyped-call]


def explain_backend(name: str, pattern: Pattern, precision: str = "exact") -> str:
    """In which form, dense or sparse, a backend runs a pattern, and why.

    Example:
        >>> explain_backend("torch", Pattern.from_pairs(post=[0], pre=[1], shape=(2, 2)))
        'density 0.25: products sparse (dense from 0.4 on), gradient of the values dense (dense from 0.2 on)'
    """
    if name == REFERENCE:
        return "one dense matrix, differentiated by torch"
    return BACKENDS[name].explain(pattern, precision)
