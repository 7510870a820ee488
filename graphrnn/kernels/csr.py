"""Products with a sparse matrix W and with its transpose, and the gradient of W's values, in torch.

All of it runs without autograd: torch's own gradients of sparse products build dense matrices.

A dense matrix is the faster form of a pattern that is not really sparse. Measured on two AVX-512
cores, 100 to 3,000 neurons, batch 16 to 256: the dense product overtakes the sparse one at densities
of 0.25 to 0.5, the dense value gradient overtakes the sampled one at 0.12 to 0.2. Since dense forms
are taken only above a fixed density, memory still grows with the synapses and never with neurons
squared.
"""

from __future__ import annotations

import warnings
from functools import cache

import torch
from torch import Tensor

from graphrnn.kernels.pattern import Pattern

__all__ = [
    "DENSE_GRADIENT",
    "DENSE_PRODUCT",
    "ValueGradient",
    "addmm",
    "each_step",
    "explain",
    "steps_per_chunk",
    "transposed_matrix",
    "value_gradient",
    "weight_matrix",
]

DENSE_PRODUCT = 0.4
DENSE_GRADIENT = 0.2
CHUNK_BYTES = {"cpu": 2**20, "cuda": 2**26}


def weight_matrix(pattern: Pattern, values: Tensor, window: int = 1) -> Tensor:
    """W (post, window · pre) in the form whose products are cheaper, sparse or dense."""
    n_post, n_pre = pattern.shape
    csr = _csr(pattern.crow, pattern.col, values, (n_post, window * n_pre))
    return csr.to_dense() if pattern.density >= DENSE_PRODUCT * window else csr


def transposed_matrix(pattern: Pattern, values: Tensor, window: int = 1) -> Tensor:
    """Wᵀ (pre, window · post) in the form whose products are cheaper, sparse or dense."""
    if window == 1 and pattern.density >= DENSE_PRODUCT:
        return weight_matrix(pattern, values).T
    n_post, n_pre = pattern.shape
    moved = values.index_select(0, pattern.perm)
    return _csr(pattern.t_crow, pattern.t_col, moved, (n_pre, window * n_post))


def addmm(summand: Tensor, matrix: Tensor, x: Tensor, out: Tensor) -> None:
    """Writes summand + matrix x, all (row, batch), into `out`, which may be the summand."""
    torch.addmm(summand, matrix, x, out=out)


def each_step(matrix: Tensor, x: Tensor) -> Tensor:
    """The products with each step of x (time, pre, batch): (time, post, batch)."""
    if matrix.layout is torch.strided:
        return torch.bmm(matrix.expand(len(x), *matrix.shape), x)
    result = x.new_empty(x.shape[0], matrix.shape[0], x.shape[2])
    for t, step in enumerate(result):
        torch.mm(matrix, x[t], out=step)
    return result


def explain(pattern: Pattern) -> str:
    """In which forms the products with W and the gradient of its values run, and why."""
    forms = [
        f"{what} {'dense' if pattern.density >= limit else 'sparse'} (dense from {limit:g} on)"
        for what, limit in (("products", DENSE_PRODUCT), ("gradient of the values", DENSE_GRADIENT))
    ]
    return f"density {pattern.density:.3g}: {', '.join(forms)}"


def steps_per_chunk(rates: Tensor) -> int:
    """Time steps of (time, neuron, batch) whose value gradient is taken together.

    Enough to amortise a call, few enough that the rows gathered stay in a core's cache (on a GPU:
    that the workspace stays small).
    """
    step_bytes = rates.shape[1] * rates.shape[2] * rates.element_size()
    return max(1, CHUNK_BYTES.get(rates.device.type, 2**20) // max(step_bytes, 1))


class ValueGradient:
    """Sums Σ_t G_t R_tᵀ at the synapses, over chunks of time."""

    def __init__(self, pattern: Pattern, values: Tensor) -> None:
        self.pattern = pattern
        self.dense = pattern.density >= DENSE_GRADIENT
        if self.dense:
            self.sum = values.new_zeros(pattern.shape)
        else:
            self.sum = _csr(pattern.crow, pattern.col, torch.zeros_like(values), pattern.shape)

    def add(self, grad: Tensor, rates: Tensor) -> None:
        """Adds the outer products of `grad` (time, post, batch) and `rates` (time, pre, batch)."""
        if self.pattern.n_synapses == 0:
            return
        left = grad.transpose(0, 1).reshape(grad.shape[1], -1)
        right = rates.transpose(0, 1).reshape(rates.shape[1], -1)
        if self.dense:
            self.sum.addmm_(left, right.T)
        else:
            torch.sparse.sampled_addmm(self.sum, left, right.T, out=self.sum)

    def values(self) -> Tensor:
        """The sum at the synapses (synapse,)."""
        return self.sum[self.pattern.post, self.pattern.pre] if self.dense else self.sum.values()


def value_gradient(pattern: Pattern, values: Tensor) -> ValueGradient:
    """A sum Σ_t G_t R_tᵀ at the synapses, zero so far."""
    return ValueGradient(pattern, values)


def _csr(crow: Tensor, col: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    _hear_torch_out()
    return torch.sparse_csr_tensor(crow, col, values, size=size, device=values.device, check_invariants=False)


@cache
def _hear_torch_out() -> None:
    """Torch warns once per process that CSR tensors are in beta; let it do so unheard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor([0, 0], [], torch.empty(0), size=(1, 1), check_invariants=False)
