"""Synapses: the pairs of one (post, pre) matrix, sorted, each at most once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.rules import Draw

__all__ = ["Synapses", "frozen", "same"]

Index = NDArray[np.int32]
_LARGEST = 2**31 - 1
_MOST_TYPES = 2**15  # a type takes 16 bits per synapse
_CHUNK = 1 << 24


def frozen(array: Any, dtype: Any = None) -> NDArray[Any]:
    """`array` as a read-only one that nobody else can write to: a copy, unless it is that already."""
    kept = np.ascontiguousarray(array, dtype)
    if kept.base is not None or (kept is array and kept.flags.writeable):
        kept = kept.copy()
    kept.flags.writeable = False
    return kept


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """An array made here, which needs no copy to be frozen."""
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Synapses:
    """Directed connections between two axes of neurons, inputs or readouts.

    Args:
        shape: (post, pre) sizes of the two axes.
        post: (synapse,) target indices.
        pre: (synapse,) source indices; pairs ascend by (post, pre) and none repeats.
        weight: (synapse,) weights or None; NaN where a synapse was given none.
        delay: (synapse,) delays in ms or None.
        type: (synapse,) codes into `types`, or None.
        types: names of the synapse types.

    Raises:
        ValueError: where the pairs are out of range, out of order or repeated, or an array has
            another length.
    """

    shape: tuple[int, int]
    post: Index
    pre: Index
    weight: NDArray[Any] | None = None
    delay: NDArray[Any] | None = None
    type: NDArray[Any] | None = None
    types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if max(self.shape) > _LARGEST:
            raise ValueError(
                f"`Synapses(...)` numbers at most {_LARGEST} neurons per axis; shape is {self.shape}."
            )
        for axis, name in enumerate(("post", "pre")):
            object.__setattr__(self, name, self._index(name, self.shape[axis]))
        for name in ("pre", "weight", "delay", "type"):
            array = getattr(self, name)
            if array is None:
                continue
            if name == "type":
                self._check_codes(np.asarray(array))
            array = frozen(array, np.int16 if name == "type" else None)
            if name in ("weight", "delay"):
                self._check_numbers(name, array)
            if array.shape != self.post.shape:
                raise ValueError(
                    f"`Synapses(...)` needs arrays of one length; `{name}` has shape {array.shape} and "
                    f"`post` {self.post.shape}."
                )
            object.__setattr__(self, name, array)
        self._check_order()

    def _check_codes(self, codes: NDArray[Any]) -> None:
        known = min(len(self.types), _MOST_TYPES)
        if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < known:
            raise ValueError(
                f"`Synapses(...)` needs `type` codes that count the {known} `types` from 0; "
                f"it got {int(codes.min())} to {int(codes.max())}."
            )

    def _check_numbers(self, name: str, array: NDArray[Any]) -> None:
        if array.dtype.kind not in "iuf":
            raise TypeError(f"`Synapses(...)` needs real numbers in `{name}`; it got {array.dtype}.")
        if np.isinf(array).any() or (name == "delay" and not (array >= 0).all()):
            wanted = (
                "finite weights, or NaN where none is known" if name == "weight" else "delays of 0 ms or more"
            )
            raise ValueError(f"`Synapses(...)` needs {wanted}; some entries of `{name}` are not.")

    def _index(self, name: str, limit: int) -> Index:
        index = np.asarray(getattr(self, name))
        if index.ndim != 1 or (index.size and index.dtype.kind not in "iu"):
            raise TypeError(f"`Synapses(...)` needs whole numbers in one dimension for `{name}`.")
        if index.size and not 0 <= int(index.min()) <= int(index.max()) < limit:
            raise ValueError(
                f"`Synapses(...)` needs `{name}` indices from 0 to {limit - 1}; "
                f"it got {int(index.min())} to {int(index.max())}."
            )
        return frozen(index, np.int32)

    def _check_order(self) -> None:
        post, pre = self.post, self.pre
        later = post[1:] > post[:-1]
        later |= (post[1:] == post[:-1]) & (pre[1:] > pre[:-1])
        if not later.all():
            i = int(np.argmin(later)) + 1
            raise ValueError(
                f"`Synapses(...)` needs pairs that ascend by (post, pre) without repeats; pair {i}, "
                f"({post[i]}, {pre[i]}), follows ({post[i - 1]}, {pre[i - 1]}). Use Synapses.from_pairs."
            )

    @classmethod
    def from_pairs(
        cls,
        shape: tuple[int, int],
        post: Any,
        pre: Any,
        *,
        weight: Any = None,
        delay: Any = None,
        type: Any = None,
        types: tuple[str, ...] = (),
    ) -> Synapses:
        """Synapses from distinct pairs in any order.

        Example:
            >>> from graphrnn import Synapses
            >>> Synapses.from_pairs((2, 3), post=[1, 0], pre=[0, 2], weight=[0.5, 1.5]).weight
            array([1.5, 0.5])
        """
        given = {"post": post, "pre": pre, "weight": weight, "delay": delay, "type": type}
        arrays = {name: np.asarray(a) for name, a in given.items() if a is not None}
        for name, array in arrays.items():
            if array.shape != (arrays["post"].size,):
                raise ValueError(
                    f"`Synapses.from_pairs(...)` needs one entry per synapse in `{name}`; it got shape "
                    f"{array.shape} for {arrays['post'].size} synapses."
                )
        order = np.lexsort((arrays["pre"], arrays["post"]))
        return cls(shape, **{name: _own(array[order]) for name, array in arrays.items()}, types=types)

    @classmethod
    def from_draws(cls, shape: tuple[int, int], draws: Iterable[tuple[int, int, Draw]]) -> Synapses:
        """Synapses from the draws of projections, in the order of their targets.

        Args:
            shape: (post, pre).
            draws: (post start, pre start, draw) per projection, all of one target in a row. The
                iterable may be lazy: only one target's draws are held at a time.
        """
        parts: list[tuple[Index, Index, NDArray[np.float64] | None]] = []
        group: list[tuple[int, Draw]] = []
        target = -1
        for post_start, pre_start, draw in draws:
            if post_start != target and group:
                parts.append(_merge(shape, target, group))
                group = []
            target = post_start
            group.append((pre_start, draw))
        if group:
            parts.append(_merge(shape, target, group))
        weight = None
        if any(part[2] is not None for part in parts):
            weight = np.concatenate([np.full(p[0].size, np.nan) if p[2] is None else p[2] for p in parts])
        post, pre = (
            _own(np.concatenate([np.zeros(0, np.int32), *(part[i] for part in parts)])) for i in (0, 1)
        )
        return cls(shape, post, pre, weight)

    @classmethod
    def joined(cls, shape: tuple[int, int], draws: Iterable[tuple[int, int, Draw]]) -> Synapses:
        """Synapses from draws that share no pair, in any order; arguments as in `from_draws`."""
        parts = list(draws)
        weight = None
        if any(draw.weight is not None for _, _, draw in parts):
            weight = np.concatenate([_weights(draw) for _, _, draw in parts])
        return cls.from_pairs(
            shape,
            np.concatenate([draw.post + start for start, _, draw in parts]),
            np.concatenate([draw.pre + start for _, start, draw in parts]),
            weight=weight,
        )

    @property
    def size(self) -> int:
        """Number of synapses."""
        return int(self.post.size)

    @property
    def density(self) -> float:
        """Fraction of possible pairs that exist; 0 for an empty axis."""
        possible = self.shape[0] * self.shape[1]
        return self.size / possible if possible else 0.0

    @cached_property
    def indptr(self) -> NDArray[np.int64]:
        """(post + 1,) where each target's synapses begin: the row pointer of the CSR form."""
        rows = np.arange(self.shape[0] + 1, dtype=np.int32)  # of one type with `post`, so that none is copied
        return _own(np.searchsorted(self.post, rows))

    @property
    def in_degree(self) -> NDArray[np.int64]:
        """(post,) number of synapses onto each target."""
        return np.diff(self.indptr)

    @property
    def out_degree(self) -> NDArray[np.int64]:
        """(pre,) number of synapses from each source."""
        degree = np.zeros(self.shape[1], np.int64)
        for start in range(0, self.size, _CHUNK):  # bincount widens its argument: keep that small
            degree += np.bincount(self.pre[start : start + _CHUNK], minlength=self.shape[1])
        return degree

    @property
    def mask(self) -> Any:
        """The (post, pre) `scipy.sparse.coo_array` of float32 ones."""
        return self._matrix(np.ones(self.size, np.float32))

    @property
    def matrix(self) -> Any:
        """The (post, pre) `scipy.sparse.coo_array` of weights; of float32 ones where there are none."""
        return self.mask if self.weight is None else self._matrix(self.weight.copy())

    def _matrix(self, data: NDArray[Any]) -> Any:
        from scipy.sparse import coo_array

        matrix = coo_array((data, (self.post.copy(), self.pre.copy())), shape=self.shape)
        matrix.has_canonical_format = True
        return matrix

    def take(self, keep: NDArray[np.bool_]) -> Synapses:
        """The synapses where `keep` (synapse,) is true."""
        weight, delay, code = (
            None if a is None else _own(a[keep]) for a in (self.weight, self.delay, self.type)
        )
        return Synapses(
            self.shape, _own(self.post[keep]), _own(self.pre[keep]), weight, delay, code, self.types
        )

    def digest(self) -> bytes:
        """16 bytes that stand for the pattern: shape and pairs, not weights."""
        digest = hashlib.blake2b(np.asarray(self.shape, "<i8").tobytes(), digest_size=16)
        for index in (self.post, self.pre):
            digest.update(index.astype("<i4", copy=False).data)
        return digest.digest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Synapses):
            return NotImplemented
        return all(same(getattr(self, part.name), getattr(other, part.name)) for part in fields(self))

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled through the constructor: read-only arrays stay so."""
        return Synapses, tuple(getattr(self, part.name) for part in fields(self))

    def __repr__(self) -> str:
        return f"Synapses({self.size} of shape {self.shape}, density {self.density:.3g})"


def _merge(
    shape: tuple[int, int], post_start: int, group: list[tuple[int, Draw]]
) -> tuple[Index, Index, NDArray[np.float64] | None]:
    """One target's draws as sorted global pairs."""
    if len(group) == 1:
        start, draw = group[0]
        return (draw.post + post_start).astype(np.int32), (draw.pre + start).astype(np.int32), draw.weight
    columns = shape[1]
    keys = np.concatenate([draw.post * columns + (draw.pre + start) for start, draw in group])
    weight = None
    if any(draw.weight is not None for _, draw in group):
        weight = np.concatenate([_weights(draw) for _, draw in group])
        order = np.argsort(keys)
        keys, weight = keys[order], weight[order]
    else:
        keys.sort()
    post = keys // columns
    pre = keys - post * columns  # far faster than np.divmod
    return (post + post_start).astype(np.int32), pre.astype(np.int32), weight


def _weights(draw: Draw) -> NDArray[np.float64]:
    return np.full(draw.pre.size, np.nan) if draw.weight is None else draw.weight


def same(a: Any, b: Any) -> bool:
    """Equality of two fields of a dataclass: of arrays with their type, and NaN equals itself."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        alike = a.dtype == b.dtype or a.dtype.kind == b.dtype.kind == "U"  # texts of any length
        return alike and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return False
    return bool(a == b)
