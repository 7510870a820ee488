"""Connectomes in `.npz` files, exactly and without pickle.

A file is what `numpy.load` reads: the arrays of the connectome, such as `hidden.post` and `sign`, and
`metadata`, the bytes of a JSON text with everything else. Connectomes that are equal in
content and provenance give equal files, byte for byte.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn._files import replacing
from graphrnn.connectome import Connectome, Node, Provenance, Synapses
from graphrnn.io._about import projection_of, projection_record
from graphrnn.io._choices import Choices
from graphrnn.io._matrix import network_of_matrix
from graphrnn.io._npy import read_archive

__all__ = ["read", "write"]

_FORMAT = "graphrnn connectome"
_VERSION = 1
_MATRICES = ("input", "hidden", "readout")
_PER_SYNAPSE = ("post", "pre", "weight", "delay", "type")
_PER_NEURON = ("sign", "tau", "names", "positions")
_NODES = ("areas", "inputs", "readouts")
_SCIPY = ("format", "shape", "data")  # the arrays of every sparse matrix that scipy saves
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first moment: no time of writing, so that files compare


def write(call: str, net: Any, path: Path) -> None:
    """Write a connectome."""
    if not isinstance(net, Connectome):
        hint = "Write the graph to a .toml file, or compile it first: graph.compile(seed=0)."
        raise TypeError(f"`{call}` writes a Connectome; it got {type(net).__name__}. {hint}")
    arrays = {"metadata": np.frombuffer(json.dumps(_metadata(net)).encode(), np.uint8), **_arrays(net)}
    with replacing(call, path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _arrays(net: Connectome) -> dict[str, NDArray[Any]]:
    arrays = {name: getattr(net, name) for name in _PER_NEURON}
    for which in _MATRICES:
        arrays |= {f"{which}.{name}": getattr(net.synapses(which), name) for name in _PER_SYNAPSE}
    return {name: array for name, array in arrays.items() if array is not None}


def _metadata(net: Connectome) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "version": _VERSION,
        **{kind: [dataclasses.asdict(node) for node in getattr(net, kind)] for kind in _NODES},
        "projections": [projection_record(p) for p in net.projections],
        "synapses": {w: {"shape": net.synapses(w).shape, "types": net.synapses(w).types} for w in _MATRICES},
        "seed": net.seed,
        "report": {what: int(number) for what, number in net.report.items()},
        **({"provenance": net.provenance.steps} if net.provenance.records else {}),
    }


def read(call: str, path: Path, choices: Choices) -> Connectome:
    """Read a connectome, or a sparse matrix of scipy; nothing in the file is executed."""
    arrays = _read_arrays(call, path)
    if set(_SCIPY) <= arrays.keys():
        return network_of_matrix(call, _scipy_matrix(call, arrays), choices)
    metadata = _read_metadata(call, arrays)
    try:
        return _connectome(metadata, arrays)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise ValueError(
            f"`{call}` found contradictions in this file: {reason}. Write it anew with io.write(net, path)."
        ) from error


def _read_arrays(call: str, path: Path) -> dict[str, NDArray[Any]]:
    try:
        with open(path, "rb") as file:
            return read_archive(call, path, file)
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except MemoryError as error:
        raise ValueError(f"`{call}` needs more memory than there is to read this file.") from error
    except Exception as error:  # whatever broken bytes make the readers of zip and npy raise
        if str(error).startswith(f"`{call}"):
            raise
        raise ValueError(
            f"`{call}` cannot read this file: it is truncated, damaged or no .npz file of plain arrays. "
            "Take another copy. Or write it anew with io.write(net, path)."
        ) from error


def _read_metadata(call: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    try:
        metadata = json.loads(arrays.pop("metadata").tobytes())
    except (KeyError, ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
        raise ValueError(
            f"`{call}` found arrays that graphrnn did not write. "
            "Load them with numpy.load, and give the matrix of weights to Connectome.from_matrix."
        )
    if metadata.get("version") != _VERSION:
        raise ValueError(
            f"`{call}` found version {metadata.get('version')} of the format; this graphrnn reads version "
            f"{_VERSION}. Read it with the graphrnn that wrote it, or a newer one."
        )
    return metadata


def _connectome(metadata: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Connectome:
    synapses: dict[str, Any] = {}
    for which in _MATRICES:
        about = metadata["synapses"][which]
        parts: dict[str, Any] = {name: arrays.get(f"{which}.{name}") for name in _PER_SYNAPSE[2:]}
        pairs = (arrays[f"{which}.post"], arrays[f"{which}.pre"])
        synapses[which] = Synapses(tuple(about["shape"]), *pairs, **parts, types=tuple(about["types"]))
    nodes: dict[str, Any] = {kind: tuple(Node(**record) for record in metadata[kind]) for kind in _NODES}
    return Connectome(
        **nodes,
        projections=tuple(projection_of(record) for record in metadata["projections"]),
        **synapses,
        sign=arrays["sign"],
        tau=arrays["tau"],
        names=arrays.get("names"),
        positions=arrays.get("positions"),
        seed=metadata["seed"],
        report=metadata["report"],
        provenance=Provenance.from_steps(metadata.get("provenance", ())),  # files of older versions have none
    )


def _scipy_matrix(call: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """The matrix that `scipy.sparse.save_npz` wrote."""
    from scipy import sparse

    try:
        kind = arrays["format"].item()
        name = kind.decode() if isinstance(kind, bytes) else str(kind)
        shape = tuple(arrays["shape"].tolist())
        if name == "coo":
            matrix = sparse.coo_array((arrays["data"], (arrays["row"], arrays["col"])), shape=shape)
        elif name in ("csr", "csc"):
            make = sparse.csr_array if name == "csr" else sparse.csc_array
            matrix = make((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
            matrix.check_format(full_check=True)
        else:
            raise ValueError(f"the format {name!r} is none of coo, csr, csc")
        return matrix.tocoo()
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"`{call}` found a sparse matrix that cannot be: {str(error).rstrip('.')}. Save it anew with "
            "scipy.sparse.save_npz(path, matrix)."
        ) from error
