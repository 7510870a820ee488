"""The hidden matrix (post, pre) as a dense array in a `.npy` file of numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphrnn._files import replacing
from graphrnn.connectome import Connectome
from graphrnn.io._choices import Choices
from graphrnn.io._matrix import dense_matrix, network_of_matrix, only_network
from graphrnn.io._npy import read_array

__all__ = ["read", "write"]


def write(call: str, net: Any, path: Path) -> None:
    """Write the weights, or truth values where there are none."""
    matrix = dense_matrix(call, only_network(call, net))
    with replacing(call, path) as file:
        np.lib.format.write_array(file, matrix, allow_pickle=False)


def read(call: str, path: Path, choices: Choices) -> Connectome:
    """Read a square matrix; nothing in the file is executed."""
    try:
        with open(path, "rb") as file:
            matrix = read_array(file, path.stat().st_size)
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except Exception as error:  # whatever broken bytes make numpy raise
        raise ValueError(
            f"`{call}` cannot read this file: it is truncated, damaged or no .npy file of plain numbers. "
            "Take another copy. Or "
            "save it anew with numpy.save(path, matrix)."
        ) from error
    return network_of_matrix(call, matrix, choices)
