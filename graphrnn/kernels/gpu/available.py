"""Whether Triton can compute here, and why not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from graphrnn._optional import optional

__all__ = ["interprets", "missing", "package"]

OLDEST = (7, 0)  # compute capability that Triton compiles for


@cache
def package() -> Any:
    """The module triton, looked for until it is found."""
    return optional("recurrence", "triton")


def interprets() -> bool:
    """Whether Triton, which is installed, interprets its kernels on the CPU instead of compiling them."""
    return bool(package().knobs.runtime.interpret)


def _missing(device: torch.device) -> str | None:
    try:
        interpreted = interprets()
    except ImportError:
        return "the package triton is not installed; `pip install 'graphrnn[triton]'` brings it"
    if device.type == "cpu":
        if interpreted:
            return None
        return "it runs on GPUs, and on a CPU only under TRITON_INTERPRET=1, set before Python starts"
    if interpreted:
        return "under TRITON_INTERPRET=1 its kernels are interpreted, on a CPU alone"
    if not torch.cuda.is_available():
        return "torch finds no CUDA here"
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST:
        found, oldest = (".".join(map(str, version)) for version in (capability, OLDEST))
        return f"Triton needs a GPU of compute capability {oldest} or later, and this one has {found}"
    return None


# torch.compile asks this when it compiles, and remembers the answer.
missing: Callable[[torch.device], str | None] = torch.compiler.assume_constant_result(_missing)  # type: ignore[no-untyped-call]
