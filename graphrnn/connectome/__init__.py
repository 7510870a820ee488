"""The waist of the library: sampled or measured wiring as frozen arrays.

Everything above a `Connectome` is cheap to draw and change (tens of nodes); everything below it reads
arrays of up to 1e9 synapses. It needs numpy and scipy alone; pandas, networkx and torch are imported
by the conversions that a user asks for.
"""

from __future__ import annotations

from graphrnn.connectome.core import Connectome
from graphrnn.connectome.nodes import HIDDEN_KINDS, KINDS, ROLES, Node, Projection, kind_between
from graphrnn.connectome.provenance import Provenance
from graphrnn.connectome.synapses import Synapses

__all__ = [
    "HIDDEN_KINDS",
    "KINDS",
    "ROLES",
    "Connectome",
    "Node",
    "Projection",
    "Provenance",
    "Synapses",
    "kind_between",
]
