"""Wiring from bare masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.connectome.nodes import Node, Projection
from graphrnn.connectome.synapses import Synapses

__all__ = ["fields_from_masks", "fields_from_matrix"]


def fields_from_masks(call: str, input: Any, hidden: Any, readout: Any) -> dict[str, Any]:
    """The fields of a one-area Connectome from masks in (post, pre); `call` is what the user wrote."""
    hidden = _coo(call, "hidden", hidden)
    n = hidden.shape[0]
    if hidden.shape != (n, n) or n == 0:
        raise ValueError(
            f"`{call}` needs a square hidden mask (neuron, neuron) of at least one neuron; "
            f"it has shape {hidden.shape}."
        )
    entry = _empty((n, 0)) if input is None else _coo(call, "input", input)
    exit_ = _empty((0, n)) if readout is None else _coo(call, "readout", readout)
    _check_shape(call, "input", "(neuron, input)", entry.shape, axis=0, n=n)
    _check_shape(call, "readout", "(readout, neuron)", exit_.shape, axis=1, n=n)
    area = Node("hidden", "area", 0, n)
    ends = {"input": entry.shape[1], "readout": exit_.shape[0]}
    nodes = {role: (Node(role, role, 0, size),) if size else () for role, size in ends.items()}
    sign = _signs(hidden, exit_)
    projections = [
        *(Projection(node.name, "hidden", "input", "mask", node.size * n) for node in nodes["input"]),
        Projection("hidden", "hidden", "within", "mask", n * n),
        *(Projection("hidden", node.name, "readout", "mask", node.size * n) for node in nodes["readout"]),
    ]
    return {
        "areas": (area,),
        "inputs": nodes["input"],
        "readouts": nodes["readout"],
        "projections": tuple(projections),
        "input": _synapses(entry),
        "hidden": _synapses(hidden),
        "readout": _synapses(exit_),
        "sign": sign,
        "tau": np.full(n, np.nan),
    }


def fields_from_matrix(call: str, matrix: Any) -> dict[str, Any]:
    """The fields of a one-area Connectome from a matrix of weights in (post, pre)."""
    coo = _coo(call, "hidden", matrix, keep_zeros=True)
    fields = fields_from_masks(call, None, coo != 0, None)
    weighted = coo.data.dtype.kind != "b"
    hidden = Synapses.from_pairs(coo.shape, coo.row, coo.col, weight=coo.data if weighted else None)
    return fields | {"hidden": hidden}


def _empty(shape: tuple[int, int]) -> Any:
    from scipy.sparse import coo_array

    return coo_array(shape, dtype=np.float32)


def _coo(call: str, name: str, mask: Any, keep_zeros: bool = False) -> Any:
    """The entries of a scipy sparse, numpy or torch mask; of zeros stored in it only where wanted."""
    from scipy.sparse import coo_array, issparse

    package = type(mask).__module__.partition(".")[0]
    if package == "torch_sparse":
        mask = _from_sparse_tensor(mask.detach().cpu())
    elif package == "torch":
        mask = _from_torch(mask.detach().cpu())
    if not issparse(mask):
        mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype.kind not in "biuf":
        raise TypeError(
            f"`{call}` needs the {name} mask as a 2-D numpy array, scipy sparse matrix or torch tensor "
            f"of numbers; it got {mask.dtype} of shape {mask.shape}."
        )
    coo = coo_array(mask)
    if coo.data.dtype.kind in "iu":
        coo = coo.astype(np.int64)  # so that repeated entries of a small type do not add up to 0
    coo.sum_duplicates()
    if coo.data.dtype.kind == "f" and not np.isfinite(coo.data).all():
        raise ValueError(
            f"`{call}` needs finite entries in the {name} mask; it has NaN or infinite ones. "
            "Put 0 where there is no synapse."
        )
    if not keep_zeros or coo.data.dtype.kind == "b":
        coo.eliminate_zeros()
    return coo


def _from_torch(mask: Any) -> Any:
    from scipy.sparse import coo_array

    mask = mask.double() if mask.is_floating_point() else mask  # numpy has no bfloat16
    if str(mask.layout) == "torch.strided":
        return mask.numpy()
    coo = mask.to_sparse_coo().coalesce()
    return coo_array((coo.values().numpy(), tuple(coo.indices().numpy())), shape=tuple(coo.shape))


def _from_sparse_tensor(mask: Any) -> Any:
    from scipy.sparse import coo_array

    row, column, value = mask.coo()
    data = np.ones(len(row), bool) if value is None else value.numpy()
    return coo_array((data, (row.numpy(), column.numpy())), shape=tuple(mask.sizes()))


def _check_shape(call: str, name: str, wanted: str, shape: tuple[int, int], *, axis: int, n: int) -> None:
    if shape[axis] == n:
        return
    hint = "Check the order [input, hidden, readout]."
    if shape[1 - axis] == n:
        hint = "Its transpose fits: every mask here is (post, pre); nn4n's are transposed, so pass mask.T."
    raise ValueError(
        f"`{call}` needs the {name} mask to be {wanted} with {n} neurons; its shape is {shape}. {hint}"
    )


def _synapses(coo: Any) -> Synapses:
    return Synapses.from_pairs(coo.shape, coo.row, coo.col)


def _signs(hidden: Any, readout: Any) -> NDArray[np.int8]:
    """The sign of each column of the masks that are signed: 0 for mixed and for silent neurons."""
    n = hidden.shape[0]
    sign = np.zeros(n, np.int8)
    signed = [mask for mask in (hidden, readout) if (mask.data < 0).any()]
    if not signed:
        return sign
    data = np.concatenate([mask.data for mask in signed]).astype(np.float64)
    column = np.concatenate([mask.col for mask in signed])
    positive = np.bincount(column[data > 0], minlength=n) > 0
    negative = np.bincount(column[data < 0], minlength=n) > 0
    sign[positive & ~negative] = 1
    sign[negative & ~positive] = -1
    return sign
