"""What a network has beside its arrays, as plain values of JSON, and back."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphrnn.connectome import Connectome, Projection, Provenance

__all__ = [
    "NETWORK",
    "about_network",
    "fields_of",
    "parsed",
    "projection_of",
    "projection_record",
    "types_of",
]

NETWORK = "graphrnn connectome"
_VERSION = 1
_MATRICES = ("input", "hidden", "readout")
_DTYPES = (
    *(f"float{bits}" for bits in (16, 32, 64)),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)


def projection_record(projection: Projection) -> dict[str, Any]:
    """A projection as plain values."""
    record = dataclasses.asdict(projection)
    asked = None if math.isnan(projection.asked) else float(projection.asked)  # JSON has no NaN
    return {**record, "possible": int(projection.possible), "asked": asked}


def projection_of(record: Mapping[str, Any]) -> Projection:
    """The projection of a record."""
    asked = record["asked"]
    if not all(isinstance(record[key], str) for key in ("pre", "post", "kind", "rule")):
        raise TypeError("a projection has a name that is no text")
    if type(record["possible"]) is not int or type(asked) not in (int, float, type(None)):
        raise TypeError("a projection has a count that is no number")
    return Projection(**{**record, "asked": math.nan if asked is None else asked})


def about_network(net: Connectome) -> dict[str, Any]:
    """What the tables of a network's neurons and synapses do not say."""
    return {
        "format": NETWORK,
        "version": _VERSION,
        "named": net.names is not None,
        "projections": [projection_record(p) for p in net.projections],
        "types": {which: list(net.synapses(which).types) for which in _MATRICES},
        "dtypes": {which: _dtypes(net, which) for which in _MATRICES},
        "dimensions": None if net.positions is None else net.positions.shape[1],
        "seed": net.seed,
        "report": {what: int(number) for what, number in net.report.items()},
        "provenance": net.provenance.steps,
    }


def _dtypes(net: Connectome, which: str) -> dict[str, str]:
    arrays = {name: getattr(net.synapses(which), name) for name in ("weight", "delay", "type")}
    return {name: array.dtype.name for name, array in arrays.items() if array is not None}


def parsed(call: str, text: str | bytes) -> dict[str, Any]:
    """The record in a file; empty where there is none that graphrnn wrote."""
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(about, dict) or not str(about.get("format", "")).startswith("graphrnn "):
        return {}
    if about.get("version") != _VERSION:
        raise ValueError(
            f"`{call}` found version {about.get('version')} of the format; this graphrnn reads version "
            f"{_VERSION}. Read it with the graphrnn that wrote it, or a newer one."
        )
    return about


def fields_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Connectome that a record alone holds.

    Raises:
        LookupError, TypeError, ValueError: where the record contradicts itself.
    """
    if not about:
        return {}
    seed, report = about["seed"], about["report"]
    if seed is not None and type(seed) is not int:
        raise TypeError("the seed is no whole number")
    if not isinstance(report, dict) or any(type(number) is not int for number in report.values()):
        raise TypeError("the report is no table of counts")
    provenance = Provenance.from_steps(about["provenance"])
    return {"seed": seed, "report": report, "provenance": provenance}


def types_of(about: Mapping[str, Any], which: str) -> tuple[list[str], dict[str, np.dtype[Any]]]:
    """The names of a matrix' synapse types, and the number types of its columns."""
    types, dtypes = about["types"][which], about["dtypes"][which]
    if not isinstance(types, list) or any(not isinstance(name, str) for name in types):
        raise TypeError("the synapse types are no list of names")
    if any(name not in _DTYPES for name in dtypes.values()):
        raise TypeError("the weights have a type that is no type of numbers")
    return types, {column: np.dtype(name) for column, name in dtypes.items()}
