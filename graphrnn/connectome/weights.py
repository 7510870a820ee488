"""Weights on the synapses that are there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome.synapses import Synapses

if TYPE_CHECKING:
    from graphrnn.connectome.core import Connectome

__all__ = ["fields_with_weights"]

_CALL = "net.with_weights(...)"


def fields_with_weights(net: Connectome, given: Mapping[str, Any]) -> dict[str, Synapses]:
    """The synapses of `net` that change; `given` has weights by the name of their matrix, None for none."""
    changed = {}
    for which, weights in given.items():
        if weights is not None:
            synapses = net.synapses(which)
            weight = _checked(which, _weights(which, synapses, weights))
            changed[which] = dataclasses.replace(synapses, weight=weight)
    return changed


def _checked(which: str, weight: NDArray[Any]) -> NDArray[Any]:
    if weight.dtype.kind not in "iuf":
        raise TypeError(f"`{_CALL}` needs real numbers in `{which}`; it got {weight.dtype}.")
    if bad := int(np.isinf(weight).sum()):
        raise ValueError(
            f"`{_CALL}` needs finite weights in `{which}`, or NaN where none is known; {bad} are infinite."
        )
    return weight


def _weights(which: str, synapses: Synapses, given: Any) -> NDArray[Any]:
    from scipy.sparse import issparse

    if not issparse(given):
        given = np.asarray(given)
        if given.ndim == 1:
            return _one_each(which, synapses, given)
    if given.ndim != 2 or given.shape != synapses.shape:
        raise ValueError(
            f"`{_CALL}` needs `{which}` as one weight for each of {synapses.size} synapses, or as a matrix "
            f"(post, pre) of shape {synapses.shape}; it got shape {tuple(given.shape)}."
        )
    return _from_matrix(which, synapses, given)


def _one_each(which: str, synapses: Synapses, given: NDArray[Any]) -> NDArray[Any]:
    if given.shape != (synapses.size,):
        raise ValueError(
            f"`{_CALL}` needs one weight in `{which}` for each of {synapses.size} synapses; it got "
            f"{given.size}. Their order is that of net.{which}.post and net.{which}.pre."
        )
    return given


def _from_matrix(which: str, synapses: Synapses, given: Any) -> NDArray[Any]:
    from scipy.sparse import coo_array

    coo = coo_array(given)
    coo.sum_duplicates()
    keys = coo.coords[0].astype(np.int64) * synapses.shape[1] + coo.coords[1]
    own = synapses.post.astype(np.int64) * synapses.shape[1] + synapses.pre
    order = np.argsort(keys)
    keys, data = keys[order], coo.data[order]
    at = np.searchsorted(own, keys)
    there = at < own.size
    there[there] = own[at[there]] == keys[there]
    if beyond := int((~there & (data != 0)).sum()):
        raise ValueError(
            f"`{_CALL}` needs weights on synapses that exist; {beyond} entries of `{which}` that are not 0 "
            "lie where there is none. A matrix here is (post, pre); build a network of its pattern with "
            "Connectome.from_masks."
        )
    weight = np.zeros(synapses.size, data.dtype)
    weight[at[there]] = data[there]
    return weight
