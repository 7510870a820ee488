"""Backend `native`: the whole sequence and its gradient in one call of a compiled library, on a CPU."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.contract import Gradients, Outputs, Saved
from graphrnn.kernels.native import library as native
from graphrnn.kernels.pattern import Pattern

__all__ = ["NativeBackend"]

# Chosen in the library itself; fixed by tests alone.
TILE_BYTES = TEAM = 0
ISA = -1  # 0 generic, 1 AVX2, 2 AVX-512; -1 for the best that the machine has
CACHE_BYTES = 0  # of one core; 0 to ask the machine
SHARED = 3  # rows of a group of eight from which on a column is cheaper dense


class NativeBackend:
    """The recurrence in vector instructions, the batch in tiles over the cores."""

    name = "native"

    def unavailable(self, device: torch.device, dtype: torch.dtype) -> str | None:
        if device.type != "cpu":
            return "it runs on CPUs alone"
        if dtype not in (torch.float32, torch.float64):
            return f"it needs float32 or float64, not {str(dtype)[6:]}"
        return native.missing()

    def explain(self, pattern: Pattern) -> str:
        blocks = _blocks(pattern.crow, pattern.col, pattern.shape[1])
        dense = 0 if blocks is None else 1 - len(blocks.rest_col) / pattern.n_synapses
        return (
            f"density {pattern.density:.3g}: {dense:.0%} of the synapses in dense blocks, the others sparse"
        )

    def forward(
        self,
        values: Tensor,
        pattern: Pattern,
        drive: Tensor,
        alpha: Tensor,
        v0: Tensor,
        r0: Tensor,
        rate_noise: Tensor | None,
        activation: str,
        save_states: bool,
    ) -> Outputs:
        rates = torch.empty(drive.shape, dtype=drive.dtype)
        outputs = Outputs(rates, torch.empty_like(rates) if save_states else None, rates.new_empty(v0.shape))
        call = _Arguments(pattern, rates, activation)
        call.take(values=values, drive=drive, alpha=alpha, v0=v0, r0=r0, noise=rate_noise)
        call.take(**outputs._asdict())
        call.run("graphrnn_forward")
        return outputs

    def backward(
        self,
        saved: Saved,
        grad_rates: Tensor | None,
        grad_v_last: Tensor | None,
        rate_noise: bool,
        activation: str,
        need_values: bool,
        need_alpha: bool,
    ) -> Gradients:
        rates = saved.rates.contiguous()
        gradients = Gradients(
            values=rates.new_zeros(saved.values.shape) if need_values else None,
            drive=torch.empty_like(rates),
            alpha=rates.new_empty(saved.alpha.shape) if need_alpha else None,
            v0=rates.new_empty(saved.v0.shape),
            r0=rates.new_empty(saved.r0.shape),
        )
        call = _Arguments(saved.pattern, rates, activation)
        call.take(values=saved.values, alpha=saved.alpha, v0=saved.v0, r0=saved.r0)
        call.take(rates=rates, states=saved.states, grad_rates=grad_rates, grad_v_last=grad_v_last)
        call.take(**{f"grad_{name}": tensor for name, tensor in gradients._asdict().items()})
        call.fields.noisy = rate_noise
        call.run("graphrnn_backward")
        return gradients


class _Arguments:
    """One call of the library, which keeps the tensors alive that it points to."""

    def __init__(self, pattern: Pattern, rates: Tensor, activation: str) -> None:
        self.kept: list[Tensor] = []
        self.fields = fields = native.Call()
        fields.steps, fields.neurons, fields.batch = rates.shape
        fields.is_double = rates.dtype == torch.float64
        fields.activation = list(ACTIVATIONS).index(activation)
        fields.threads = torch.get_num_threads()
        fields.isa = ISA
        fields.cache_bytes, fields.tile_bytes, fields.team = CACHE_BYTES, TILE_BYTES, TEAM
        n_post, n_pre = pattern.shape
        fields.forward = self._matrix(pattern.crow, pattern.col, n_pre)
        fields.transposed = self._matrix(pattern.t_crow, pattern.t_col, n_post)
        fields.permutation = self._pointer(pattern.perm)
        api = ctypes.pythonapi
        for name, function in (
            ("release", api.PyEval_SaveThread),
            ("acquire", api.PyEval_RestoreThread),
            ("interrupted", api.PyErr_CheckSignals),
        ):
            setattr(fields, name, ctypes.cast(function, ctypes.c_void_p).value)

    def take(self, **tensors: Tensor | None) -> None:
        """Points fields of the call to tensors."""
        for name, tensor in tensors.items():
            setattr(self.fields, name, self._pointer(tensor))

    def run(self, name: str) -> None:
        """Calls a function of the library."""
        native.call(name, ctypes.byref(self.fields))

    def _pointer(self, tensor: Tensor | None) -> int | None:
        if tensor is None:
            return None
        self.kept.append(tensor.contiguous())
        return self.kept[-1].data_ptr()

    def _matrix(self, start: Tensor, col: Tensor, n_cols: int) -> native.Pattern:
        matrix = native.Pattern(n_rows=len(start) - 1, n_cols=n_cols, n_synapses=len(col))
        blocks = _blocks(start, col, n_cols)
        if blocks is None:
            matrix.rest_start, matrix.rest_col = self._pointer(start), self._pointer(col)
        else:
            for name, tensor in blocks._asdict().items():
                setattr(matrix, name, self._pointer(tensor))
        return matrix


class _Blocks(NamedTuple):
    block_start: Tensor
    block_col: Tensor
    block_source: Tensor
    rest_start: Tensor
    rest_col: Tensor
    rest_source: Tensor


# What was found in a pattern, as long as its tensors live and stay as they are.
_found: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def _blocks(start: Tensor, col: Tensor, n_cols: int) -> _Blocks | None:
    """The blocks of a pattern; None where too few rows share columns for any to pay."""
    # Changed in place is another pattern. Tensors of inference mode do not count their changes.
    version = None if col.is_inference() or start.is_inference() else (start._version, col._version)
    known: tuple[Any, int, _Blocks | None] | None = _found.get(col)  # type: ignore[no-untyped-call]
    if known is not None and version is not None and known[:2] == (version, start.data_ptr()):
        return known[2]
    blocks = _find_blocks(start.contiguous(), col.contiguous(), n_cols)
    if version is not None:
        _found[col] = (version, start.data_ptr(), blocks)
    return blocks


def _find_blocks(start: Tensor, col: Tensor, n_cols: int) -> _Blocks | None:
    n_rows = len(start) - 1
    where = (
        ctypes.c_int64(n_rows),
        ctypes.c_int64(n_cols),
        ctypes.c_void_p(start.data_ptr()),
        ctypes.c_void_p(col.data_ptr()),
        SHARED,
    )
    n_blocks, n_rest = ctypes.c_int64(), ctypes.c_int64()
    native.call("graphrnn_count_blocks", *where, ctypes.byref(n_blocks), ctypes.byref(n_rest))
    if len(col) - n_rest.value < 0.05 * len(col) or n_blocks.value == 0:
        return None
    n_groups = -(-n_rows // native.GROUP)
    sizes = (
        n_groups + 1,
        n_blocks.value,
        n_blocks.value * native.GROUP,
        n_rows + 1,
        n_rest.value,
        n_rest.value,
    )
    blocks = _Blocks(*(torch.empty(size, dtype=torch.int32) for size in sizes))
    pointers = (ctypes.c_void_p(tensor.data_ptr()) for tensor in blocks)
    native.call("graphrnn_find_blocks", *where, *pointers)
    return blocks
