"""Backend `torch_sparse`: the loop of the backend `torch` over products of the package torch-sparse.

It is there to be asked for by name, by those who compare with that package or build on it; `auto` never
takes it. Its indices are int64 and made anew in each pass from the int32 ones of the pattern: 8 bytes per
synapse going forward and 24 going back, beside all that the backend `torch` needs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from graphrnn._optional import optional
from graphrnn.kernels.contract import Gradients, Matrix, OutputGradients, Outputs, Problem, Wanted
from graphrnn.kernels.pattern import Pattern
from graphrnn.kernels.torch_csr import TorchBackend

__all__ = ["GPU_SYNAPSES", "TorchSparseBackend", "missing"]

# On a GPU the package gives each synapse 32 threads, and counts the threads in an int32.
GPU_SYNAPSES = 2**31 // 32


class TorchSparseBackend:
    """The recurrence on `torch_sparse.SparseTensor`, on CPU and CUDA."""

    name = "torch_sparse"

    def __init__(self) -> None:
        self._loop = TorchBackend(_Products())

    def unavailable(self, device: torch.device, dtype: torch.dtype, precision: str = "exact") -> str | None:
        if device.type not in ("cpu", "cuda"):
            return f"torch-sparse has no products on {device.type}"
        if dtype not in (torch.float32, torch.float64):
            return f"the recurrence on torch-sparse needs float32 or float64, not {str(dtype)[6:]}"
        return missing(device.type)

    def explain(self, pattern: Pattern, precision: str = "exact") -> str:
        return (
            f"density {pattern.density:.3g}: all products and the gradient of the values sparse, through "
            "torch_sparse.SparseTensor"
        )

    def forward(self, problem: Problem, save_states: bool) -> Outputs:
        for matrix in (problem.hidden, problem.input, problem.readout):
            _check_size(matrix, problem.v0.device)
        return self._loop.forward(problem, save_states)

    def backward(
        self, problem: Problem, rates: Tensor, states: Tensor | None, grads: OutputGradients, wanted: Wanted
    ) -> Gradients:
        return self._loop.backward(problem, rates, states, grads, wanted)


@cache
def _package() -> Any:
    return optional("recurrence", "torch_sparse")


def _missing(device_type: str) -> str | None:
    """Why torch-sparse cannot compute on a kind of device, as half a sentence; None if it can."""
    try:
        package = _package()
    except (ImportError, OSError, RuntimeError) as error:  # built for another torch, or for another CUDA
        cause = error.__cause__ or error
        if isinstance(cause, ModuleNotFoundError) and cause.name == "torch_sparse":
            return (
                "the package torch-sparse is not installed; "
                "`pip install --no-build-isolation 'graphrnn[torch-sparse]'` builds it"
            )
        return f"the package torch-sparse does not load ({cause}); build it again for this torch"
    if device_type == "cuda" and package.cuda_version == -1:
        return "the package torch-sparse was built without CUDA"
    return None


# torch.compile asks this when it compiles, and remembers the answer.
missing: Callable[[str], str | None] = torch.compiler.assume_constant_result(_missing)  # type: ignore[no-untyped-call]


def _check_size(matrix: Matrix | None, device: torch.device) -> None:
    if matrix is None or device.type == "cpu" or matrix.pattern.n_synapses < GPU_SYNAPSES:
        return
    raise ValueError(
        f"`recurrence` on the backend `torch_sparse` takes fewer than {GPU_SYNAPSES} synapses per matrix on "
        f"a GPU, past which the package's gradient overflows; it got {matrix.pattern.n_synapses}. "
        "Take the backend `torch`."
    )


class _Products:
    """Products and gradients by `torch_sparse.matmul`."""

    def weight_matrix(self, pattern: Pattern, values: Tensor, window: int = 1) -> Any:
        n_post, n_pre = pattern.shape
        return _sparse_tensor(pattern.crow, pattern.col, values, (n_post, window * n_pre))

    def transposed_matrix(self, pattern: Pattern, values: Tensor, window: int = 1) -> Any:
        n_post, n_pre = pattern.shape
        return _sparse_tensor(pattern.t_crow, pattern.t_col, values[pattern.perm], (n_pre, window * n_post))

    def addmm(self, summand: Tensor, matrix: Any, x: Tensor, out: Tensor) -> None:
        torch.add(summand, _matmul(matrix, x), out=out)

    def each_step(self, matrix: Any, x: Tensor) -> Tensor:
        return _matmul(matrix, x)

    def value_gradient(self, pattern: Pattern, values: Tensor) -> _ValueGradient:
        return _ValueGradient(pattern, values)


class _ValueGradient:
    """Sums Σ_t G_t R_tᵀ at the synapses, as the package's gradient of the products W R_t.

    It has no other way to that gradient, which reads the row of each synapse, while the product reads
    where rows begin. Rows that all begin at 0 spare the product.
    """

    def __init__(self, pattern: Pattern, values: Tensor) -> None:
        self.sum = torch.zeros_like(values)
        self.weights = values.detach().contiguous().requires_grad_()
        self.matrix = _sparse_tensor(
            torch.zeros_like(pattern.crow), pattern.col, self.weights, pattern.shape, row=pattern.post
        )

    def add(self, grad: Tensor, rates: Tensor) -> None:
        if not self.sum.numel():
            return
        with torch.enable_grad():
            nothing = _matmul(self.matrix, rates)
        self.sum += torch.autograd.grad(nothing, self.weights, grad)[0]

    def values(self) -> Tensor:
        return self.sum


def _sparse_tensor(
    rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int], row: Tensor | None = None
) -> Any:
    """A `torch_sparse.SparseTensor`, whose indices are int64, from where its rows begin."""
    return _package().SparseTensor(
        row=row,
        rowptr=rows.long(),
        col=columns.long(),
        value=values,
        sparse_sizes=shape,
        is_sorted=True,
        trust_data=True,
    )


def _matmul(matrix: Any, x: Tensor) -> Tensor:
    """The product with x (column, batch) or (time, column, batch)."""
    if matrix.nnz() == 0:  # torch-sparse divides by the number of columns, which may be zero
        return x.new_zeros(*x.shape[:-2], matrix.size(0), x.shape[-1])
    return _package().matmul(matrix, x)
