"""graphrnn: sparse, multi-area recurrent neural networks, drawn as graphs.

    AreaGraph ── compile ──► Connectome ──► CTRNN · statistics · plots · io

Names load when they are first used, so that the graph side never waits for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphrnn import datasets, io, measured, nn, plots, statistics, tasks, training
    from graphrnn.connectome import Connectome, Node, Projection, Synapses
    from graphrnn.graph import AreaGraph
    from graphrnn.nn import CTRNN
    from graphrnn.rules import (
        AllToAll,
        Bernoulli,
        BySign,
        DistanceDependent,
        ExcitatoryOnly,
        Explicit,
        Exponential,
        FixedIndegree,
        FixedOutdegree,
        FixedTotalNumber,
        Gaussian,
        OneToOne,
        Rule,
    )
    from graphrnn.structures import MultiArea, MultiAreaEI, MultiIO, RandomInput

__version__ = "0.1.0.dev0"

_HOME = {
    # declare
    "AreaGraph": "graphrnn.graph",
    "MultiArea": "graphrnn.structures",
    "MultiAreaEI": "graphrnn.structures",
    "MultiIO": "graphrnn.structures",
    "RandomInput": "graphrnn.structures",
    # connection rules
    "AllToAll": "graphrnn.rules",
    "Bernoulli": "graphrnn.rules",
    "BySign": "graphrnn.rules",
    "DistanceDependent": "graphrnn.rules",
    "ExcitatoryOnly": "graphrnn.rules",
    "Explicit": "graphrnn.rules",
    "Exponential": "graphrnn.rules",
    "FixedIndegree": "graphrnn.rules",
    "FixedOutdegree": "graphrnn.rules",
    "FixedTotalNumber": "graphrnn.rules",
    "Gaussian": "graphrnn.rules",
    "OneToOne": "graphrnn.rules",
    "Rule": "graphrnn.rules",
    # wiring
    "Connectome": "graphrnn.connectome",
    "Node": "graphrnn.connectome",
    "Projection": "graphrnn.connectome",
    "Synapses": "graphrnn.connectome",
    # run
    "CTRNN": "graphrnn.nn",
}
_CHAPTERS = ("datasets", "io", "measured", "nn", "plots", "statistics", "tasks", "training")

__all__ = [
    "CTRNN",
    "AllToAll",
    "AreaGraph",
    "Bernoulli",
    "BySign",
    "ExcitatoryOnly",
    "Connectome",
    "DistanceDependent",
    "Explicit",
    "Exponential",
    "FixedIndegree",
    "FixedOutdegree",
    "FixedTotalNumber",
    "Gaussian",
    "MultiArea",
    "MultiAreaEI",
    "MultiIO",
    "Node",
    "OneToOne",
    "Projection",
    "RandomInput",
    "Rule",
    "Synapses",
    "__version__",
    "datasets",
    "io",
    "measured",
    "nn",
    "plots",
    "statistics",
    "tasks",
    "training",
]


def __getattr__(name: str) -> Any:
    if name in _CHAPTERS:
        return importlib.import_module(f"graphrnn.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'graphrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
