"""Synapses that the user lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.rules.rule import Draw, Ints, Population, Rule

__all__ = ["Explicit"]

_LARGEST = 2**31 - 1  # neurons are numbered in 32 bits


@dataclass(frozen=True, repr=False, eq=False)
class Explicit(Rule):
    """Just these synapses: neuron `pre[i]` of the source reaches neuron `post[i]` of the target.

    Args:
        pre: (synapse,) indices within the source, from 0.
        post: (synapse,) indices within the target, from 0.
        weight: (synapse,) finite weights, or None.

        shape: (post, pre) sizes that the two populations must have; None for any that the indices fit.

    Raises:
        ValueError: for arrays of different lengths, negative indices, a pair given twice, a weight that is
            not finite, and when compiled, for an index beyond the population.

    Example:
        >>> import graphrnn as gr
        >>> import scipy.sparse
        >>> gr.Explicit(pre=[0, 0], post=[1, 2])
        Explicit(<2 synapses>)
        >>> gr.Explicit.from_matrix(scipy.sparse.eye_array(3))  # (post, pre), weights included
        Explicit(<3 synapses with weights>)
    """

    pre: Any
    post: Any
    weight: Any = None
    shape: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        pre, post = (self._indices(name) for name in ("pre", "post"))
        if pre.size != post.size:
            raise ValueError(
                f"`Explicit(...)` needs as many `pre` as `post` indices; it got {pre.size} and {post.size}."
            )
        order = np.lexsort((pre, post))
        pre, post = pre[order], post[order]
        twice = np.flatnonzero((pre[1:] == pre[:-1]) & (post[1:] == post[:-1]))
        if twice.size:
            i = int(twice[0])
            raise ValueError(
                f"`Explicit(...)` needs each pair once; pre {pre[i]} → post {post[i]} is given more often "
                f"({twice.size} repeated in all). Merge them, for instance by summing their weights."
            )
        weight = None if self.weight is None else self._weights(order)
        for name, array in (("pre", pre), ("post", post), ("weight", weight)):
            if array is not None:
                array.flags.writeable = False
            object.__setattr__(self, name, array)
        if self.shape is not None:
            object.__setattr__(self, "shape", self._sizes(self.shape))

    @classmethod
    def from_matrix(cls, matrix: Any) -> Explicit:
        """The stored entries of a (post, pre) scipy sparse matrix or 2-D array, as synapses with weights."""
        import scipy.sparse

        if (matrix.ndim if scipy.sparse.issparse(matrix) else np.ndim(matrix)) != 2:
            raise TypeError(
                f"`Explicit.from_matrix(...)` needs a scipy sparse matrix or a 2-D array (post, pre); "
                f"it got {type(matrix).__name__}."
            )
        coo = scipy.sparse.coo_array(matrix)
        return cls(pre=coo.col, post=coo.row, weight=coo.data, shape=coo.shape)

    @staticmethod
    def _sizes(shape: Any) -> tuple[int, int]:
        if not isinstance(shape, tuple | list) or len(shape) != 2:
            raise TypeError(f"`Explicit(...)` needs `shape` as two sizes, (post, pre); it got {shape!r}.")
        post, pre = (_checks.count("Explicit(...)", "shape", size, minimum=0) for size in shape)
        return post, pre

    def _indices(self, name: str) -> Ints:
        given = np.asarray(getattr(self, name))
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise TypeError(f"`Explicit(...)` needs whole numbers in one dimension for `{name}`.")
        if given.size and int(given.min()) < 0:
            raise ValueError(f"`Explicit(...)` needs indices from 0 in `{name}`; it got {int(given.min())}.")
        if given.size and int(given.max()) > _LARGEST:
            raise ValueError(
                f"`Explicit(...)` needs `{name}` indices up to {_LARGEST}; it got {given.max()}."
            )
        return given.astype(np.int64)

    def _weights(self, order: Ints) -> NDArray[np.float64]:
        given = np.asarray(self.weight)
        if given.dtype.kind not in "biuf":
            raise TypeError(f"`Explicit(...)` needs numbers in `weight`; it got {given.dtype}.")
        weight = given.astype(np.float64)
        if weight.shape != order.shape:
            raise ValueError(
                f"`Explicit(...)` needs one weight per synapse; it got shape {weight.shape} for {order.size}."
            )
        if not np.isfinite(weight).all():
            raise ValueError(
                f"`Explicit(...)` needs finite weights; {int((~np.isfinite(weight)).sum())} of {weight.size} "
                "are NaN or infinite. Remove these synapses or give them a weight."
            )
        return weight[order]

    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        sizes = (post.size, pre.size)
        if self.shape not in (None, sizes):
            hint = (
                "Its transpose fits: pass matrix.T." if self.shape == sizes[::-1] else "Check the two ends."
            )
            raise ValueError(
                f"`{self!r}` has shape {self.shape}, (post, pre), but {post.name!r} and {pre.name!r} have "
                f"{post.size} and {pre.size} neurons. {hint}"
            )
        for name, indices, end in (("pre", self.pre, pre), ("post", self.post, post)):
            if indices.size and int(indices.max()) >= end.size:
                raise ValueError(
                    f"`{self!r}` has `{name}` index {int(indices.max())}, but {end.name!r} has "
                    f"{end.size} neurons, numbered from 0."
                )
        if skip_diagonal and bool((self.pre == self.post).any()):
            raise ValueError(
                f"`{self!r}` within {pre.name!r} has synapses from a neuron to itself, and self_connections "
                "is False. Remove them or allow self-connections."
            )
        return Draw(self.post, self.pre, self.weight)

    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        return float(self.pre.size)

    def __repr__(self) -> str:
        return f"Explicit(<{self.pre.size} synapses{'' if self.weight is None else ' with weights'}>)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Explicit):
            return NotImplemented
        return self.shape == other.shape and all(
            (mine is None and theirs is None) or np.array_equal(mine, theirs)
            for mine, theirs in (
                (self.pre, other.pre),
                (self.post, other.post),
                (self.weight, other.weight),
            )
        )

    def __hash__(self) -> int:
        return hash((self.pre.tobytes(), self.post.tobytes()))
