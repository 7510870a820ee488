"""A network's hidden synapses as one matrix, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.io._choices import Choices
from graphrnn.io._listing import read_nodes
from graphrnn.io._network import network_of
from graphrnn.io._tables import Column, Tables

__all__ = ["dense_matrix", "network_of_matrix", "not_finite", "only_network", "sparse_matrix"]

_LARGEST_DENSE = 1 << 34  # bytes


def only_network(call: str, thing: Any) -> Connectome:
    """Refuse what is no network."""
    if isinstance(thing, Connectome):
        return thing
    raise TypeError(
        f"`{call}` writes the matrix of a Connectome; it got {type(thing).__name__}. Compile the graph "
        "first: "
        "graph.compile(seed=0)."
    )


def sparse_matrix(call: str, net: Connectome) -> Any:
    """The (post, pre) `coo_array` of weights, or of truth values where there are none."""
    hidden = net.hidden
    if hidden.weight is None:
        return hidden.mask.astype(bool)
    if missing := int(np.isnan(hidden.weight).sum()):
        raise ValueError(
            f"`{call}` needs a weight for every synapse; {missing} of {hidden.size} have none. Write the "
            "network to "
            "a .npz or .parquet file."
        )
    return hidden.matrix


def dense_matrix(call: str, net: Connectome) -> NDArray[Any]:
    """The same as a dense array, in which 0 is no synapse."""
    matrix = sparse_matrix(call, net)
    if zeros := int((matrix.data == 0).sum()):
        raise ValueError(
            f"`{call}` cannot hold {zeros} synapses of weight 0: 0 means no synapse in a dense matrix. "
            "Write a sparse "
            "one, .mtx, or the network, .npz."
        )
    size = net.n_neurons**2 * matrix.dtype.itemsize
    if size > _LARGEST_DENSE:
        raise ValueError(
            f"`{call}` would write {size / 2**30:.0f} GiB, most of them zeros. Write a sparse matrix, "
            ".mtx, or the "
            "network, .npz."
        )
    return matrix.toarray()


def network_of_matrix(
    call: str, matrix: Any, choices: Choices, names: Sequence[str] | None = None
) -> Connectome:
    """The network whose hidden synapses are the entries of a matrix.

    Args:
        call: the user's call, for messages.
        matrix: a numpy array, in which 0 is no synapse, or a scipy sparse one, in which every entry is one.
            One of truth values has no weights.
        choices: what the user said.
        names: of the neurons; None where the file has none.
    """
    from scipy.sparse import coo_array, issparse

    orientation = _checks.one_of(
        call, "orientation", choices.orientation or "post_pre", ("post_pre", "pre_post")
    )
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"`{call}` needs a square matrix (post, pre); that of the file has shape {matrix.shape}. Make "
            "one of all neurons, with 0 where there is no synapse, or list its edges in a table."
        )
    if matrix.dtype.kind not in "biuf":
        raise ValueError(
            f"`{call}` needs a matrix of real numbers; that of the file holds {matrix.dtype}. "
            "Save its real part."
        )
    coo = coo_array(matrix) if issparse(matrix) else None
    post, pre = (coo.row, coo.col) if coo is not None else np.nonzero(matrix)
    data = coo.data if coo is not None else matrix[post, pre]
    if data.dtype.kind == "b":
        post, pre, data = post[data], pre[data], data[data]
    elif not np.isfinite(data).all():
        i = int(np.argmax(~np.isfinite(data)))
        raise not_finite(call, post[i], pre[i], data[i])
    post, pre = (post, pre) if orientation == "post_pre" else (pre, post)
    listed, nodes = _neurons(call, matrix.shape[0], choices, names)
    edges: dict[str, Column] = {} if data.dtype.kind == "b" else {"weight": data}
    tables = Tables(listed, nodes, pre.astype(np.int32), post.astype(np.int32), edges, len(listed))
    return network_of(call, tables, duplicates=choices.duplicates, unknown=choices.unknown)


def not_finite(call: str, row: int, column: int, value: Any) -> ValueError:
    """The error about a NaN or an infinity in a matrix."""
    return ValueError(
        f"`{call}` needs finite numbers in the matrix; row {row}, column {column} (from 0) has {value}. "
        "Put 0 where there is no synapse."
    )


def _neurons(
    call: str, count: int, choices: Choices, names: Sequence[str] | None
) -> tuple[list[str], dict[str, Column]]:
    """Names and attributes of the rows: from the table of nodes, in its order or by the names in the file."""
    if not count:
        raise ValueError(f"`{call}` found an empty matrix. A network has at least one neuron.")
    if choices.nodes is None:
        listed = [f"hidden/{i}" for i in range(count)] if names is None else list(names)
        if len(set(listed)) < count:
            raise ValueError(
                f"`{call}` needs different names of the neurons; some above the columns repeat. Rename them."
            )
        return listed, {}
    numbered, nodes = read_nodes(call, choices.nodes, choices)
    listed = list(numbered)
    if len(listed) != count or (names is not None and list(names) != listed):
        what = "in another order" if len(listed) == count else f"{len(listed)} of them"
        raise ValueError(
            f"`{call}` needs a table of nodes with the {count} neurons of the matrix in its order; it "
            f"lists {what}."
        )
    return listed, nodes
