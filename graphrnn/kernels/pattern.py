"""Where the synapses are: the fixed pattern of one weight matrix."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

__all__ = ["LIMIT", "Pattern"]

LIMIT = 2**31  # of int32, in which all indices are kept


class Pattern(NamedTuple):
    """The synapses of a (post, pre) matrix W in compressed rows, and those of its transpose.

    All five are plain int32 tensors, so that a module can register them as buffers. Row `i` of W
    holds the synapses `crow[i]` to `crow[i + 1]`, whose pre neurons are `col`; `t_crow` and `t_col`
    say the same of Wᵀ, whose values are `values[perm]`.

    Example:
        >>> pattern = Pattern.from_pairs(post=[0, 1, 1], pre=[2, 0, 2], shape=(2, 3))
        >>> pattern.shape, pattern.n_synapses
        ((2, 3), 3)
        >>> pattern.perm.tolist()
        [1, 0, 2]
    """

    crow: Tensor
    col: Tensor
    t_crow: Tensor
    t_col: Tensor
    perm: Tensor

    @classmethod
    def from_pairs(cls, post: Any, pre: Any, shape: tuple[int, int]) -> Pattern:
        """The pattern of synapses given one by one, in O(synapses).

        Args:
            post: index of the target neuron of each synapse (synapse,), an array or CPU tensor.
            pre: index of the source neuron of each synapse (synapse,).
            shape: numbers of post and pre neurons.

        Returns:
            The pattern, on the CPU; `values` follow the order in which the synapses were given.

        Raises:
            ValueError: if the synapses are not sorted by (post, pre), come twice, lie outside of
                `shape`, or are too many for 32-bit indices.
        """
        post, pre = _indices("post", post), _indices("pre", pre)
        n_post, n_pre = shape
        _check_pairs(post, pre, n_post, n_pre)
        crow = np.zeros(n_post + 1, np.int32)
        np.cumsum(np.bincount(post, minlength=n_post), out=crow[1:])
        col = pre.astype(np.int32)
        order = np.arange(len(col), dtype=np.int32)
        transposed = sp.csr_array((order, col, crow), shape=(n_post, n_pre)).tocsc()
        arrays = (crow, col, transposed.indptr, transposed.indices, transposed.data)
        return cls(*(torch.from_numpy(np.asarray(array, np.int32)) for array in arrays))

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of post and pre neurons."""
        # Asked for many times in each step; `len` of a tensor goes through Python, `shape` does not.
        return self.crow.shape[0] - 1, self.t_crow.shape[0] - 1

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        return self.col.shape[0]

    @property
    def density(self) -> float:
        """Fraction of the possible synapses that exist."""
        n_post, n_pre = self.shape
        return self.n_synapses / max(n_post * n_pre, 1)

    @property
    def post(self) -> Tensor:
        """Index of the target neuron of each synapse (synapse,), int64, made on each call."""
        rows = torch.arange(self.shape[0], device=self.crow.device)
        return torch.repeat_interleave(rows, self.crow.diff().long(), output_size=self.n_synapses)

    @property
    def pre(self) -> Tensor:
        """Index of the source neuron of each synapse (synapse,), int64, made on each call."""
        return self.col.long()

    def to(self, device: torch.device | str) -> Pattern:
        """The same pattern on another device."""
        return Pattern(*(tensor.to(device) for tensor in self))

    def dense(self, values: Tensor) -> Tensor:
        """The matrix W itself (post, pre), differentiable in `values`; for small networks."""
        return values.new_zeros(self.shape).index_put((self.post, self.pre), values)


def _indices(name: str, array: Any) -> np.ndarray[Any, np.dtype[Any]]:
    indices = np.asarray(array)
    if indices.size == 0:
        indices = indices.astype(np.int32)
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise ValueError(
            f"`Pattern.from_pairs` needs a 1-D array of whole numbers for `{name}`; "
            f"it got {indices.dtype} of shape {indices.shape}."
        )
    return indices


def _check_pairs(post: Any, pre: Any, n_post: int, n_pre: int) -> None:
    call = "`Pattern.from_pairs`"
    if len(post) != len(pre):
        raise ValueError(f"{call} needs as many `post` as `pre` indices; it got {len(post)} and {len(pre)}.")
    if max(len(post), n_post, n_pre) >= LIMIT:
        raise ValueError(
            f"{call} keeps indices in 32 bits, for fewer than {LIMIT} synapses and neurons; it got "
            f"{len(post)} synapses between {n_pre} and {n_post} neurons. Split the matrix into areas."
        )
    for name, index, size in (("post", post, n_post), ("pre", pre, n_pre)):
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < size:
            raise ValueError(
                f"{call} needs `{name}` indices from 0 to {size - 1}; it got {index.min()} to {index.max()}."
            )
    rising = (post[1:] > post[:-1]) | ((post[1:] == post[:-1]) & (pre[1:] > pre[:-1]))
    if not rising.all():
        raise ValueError(
            f"{call} needs synapses sorted by (post, pre), each at most once; number "
            f"{int(np.argmin(rising)) + 1} does not follow the one before it. Sort them with "
            "`numpy.lexsort((pre, post))` and merge duplicates."
        )
