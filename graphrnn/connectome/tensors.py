"""Conversion of synapses to torch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from graphrnn import _checks
from graphrnn._optional import optional
from graphrnn.connectome.synapses import Synapses

if TYPE_CHECKING:
    import torch

__all__ = ["to_torch", "to_torch_sparse"]


def to_torch(
    synapses: Synapses, layout: str, device: Any, dtype: torch.dtype | None, weights: bool
) -> torch.Tensor:
    """The synapses as a sparse torch tensor (post, pre)."""
    import torch

    call = "net.to_torch(...)"
    _checks.one_of(call, "layout", layout, ("coo", "csr"))
    if weights and synapses.weight is None:
        raise ValueError(
            f"`{call}` found no weights in this connectome. Leave weights=False for a mask of ones."
        )
    dtype = torch.get_default_dtype() if dtype is None else dtype
    if weights:
        values = torch.tensor(synapses.weight, dtype=dtype, device=device)
    else:
        values = torch.ones(synapses.size, dtype=dtype, device=device)
    pre = torch.tensor(synapses.pre, dtype=torch.int64, device=device)
    if layout == "coo":
        post = torch.tensor(synapses.post, dtype=torch.int64, device=device)
        return torch.sparse_coo_tensor(
            torch.stack([post, pre]), values, synapses.shape, is_coalesced=True, check_invariants=False
        )
    with warnings.catch_warnings():  # torch announces once per process that CSR is in beta
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support", category=UserWarning)
        rows = torch.tensor(synapses.indptr, device=device)
        return torch.sparse_csr_tensor(rows, pre, values, synapses.shape, check_invariants=False)


def to_torch_sparse(synapses: Synapses, dtype: torch.dtype | None, weights: bool) -> Any:
    """The synapses as a `torch_sparse.SparseTensor` (post, pre)."""
    call = "net.to_torch_sparse(...)"
    if weights and synapses.weight is None:
        raise ValueError(
            f"`{call}` found no weights in this connectome. Leave weights=False for a mask of ones."
        )
    torch_sparse = optional(call, "torch_sparse")
    matrix = to_torch(synapses, "csr", None, dtype, weights)
    return torch_sparse.SparseTensor(
        rowptr=matrix.crow_indices(),
        col=matrix.col_indices(),
        value=matrix.values(),
        sparse_sizes=synapses.shape,
        is_sorted=True,
        trust_data=True,
    )
