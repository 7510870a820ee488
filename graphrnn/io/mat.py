"""The hidden matrix (post, pre) in a `.mat` file of MATLAB, version 5 to 7."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from graphrnn._files import replacing
from graphrnn.connectome import Connectome
from graphrnn.io._choices import Choices
from graphrnn.io._mat5 import Variable, variables
from graphrnn.io._matrix import network_of_matrix, only_network, sparse_matrix

__all__ = ["read", "write"]

_NAME = "hidden"
_REGULAR = 15  # bytes for one of a deflated file; beyond, a reader might take it for a bomb


def write(call: str, net: Any, path: Path) -> None:
    """Write a sparse matrix named `hidden`: the weights, or a logical one where there are none."""
    from scipy.io import savemat

    matrix = sparse_matrix(call, only_network(call, net))
    columns = matrix.tocsc()
    with replacing(call, path) as file:
        savemat(file, {_NAME: columns}, do_compression=True)  # which brings a checksum
        size = columns.data.nbytes + columns.indices.nbytes + columns.indptr.nbytes
        if size > file.tell() * _REGULAR:
            file.seek(0)
            file.truncate()
            savemat(file, {_NAME: columns})


def read(call: str, path: Path, choices: Choices) -> Connectome:
    """Read a square matrix: the only one, the one named `hidden`, or the one that `matrix` names."""
    try:
        with open(path, "rb") as file:
            newer = file.read(10) == b"MATLAB 7.3"
        listed = [] if newer else variables(call, path)
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except (ValueError, LookupError, zlib.error) as error:
        raise _damaged(call, error) from error
    if newer:
        raise ValueError(
            f"`{call}` found a .mat file of version 7.3. Save it in MATLAB with the option '-v7'; without "
            "MATLAB, h5py opens it and shows the matrix transposed."
        )
    chosen = _chosen(call, listed, choices)
    try:
        matrix = chosen.matrix()
    except (ValueError, LookupError) as error:
        raise _damaged(call, error) from error
    return network_of_matrix(call, matrix, choices)


def _damaged(call: str, error: Exception) -> ValueError:
    if str(error).startswith(f"`{call}"):
        return ValueError(str(error))
    return ValueError(
        f"`{call}` cannot read this file: it is truncated, damaged or no .mat file of version 5 to 7. Take "
        "another copy. Or save it anew in MATLAB with save(name, 'W', '-v7')."
    )


def _chosen(call: str, listed: list[Variable], choices: Choices) -> Variable:
    named = {variable.name: variable for variable in listed}
    shown = ", ".join(repr(name[:40]) for name in list(named)[:12]) or "none"
    if choices.matrix is not None:
        if choices.matrix not in named:
            raise ValueError(f"`{call}` found no variable {choices.matrix!r} in this file; there is {shown}.")
        return named[choices.matrix]
    square = [v for v in listed if v.shape[0] == v.shape[1] > 0]
    fits = [v for v in square if v.shape[0] > 1] or square  # a single number is square too
    if _NAME in named and named[_NAME] in fits:
        return named[_NAME]
    if len(fits) != 1:
        raise ValueError(
            f"`{call}` needs to know which variable is the matrix: {len(fits)} of {shown} are square. "
            "Say which with matrix='...'."
        )
    return fits[0]
