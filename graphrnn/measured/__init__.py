"""From measured data to a model: tables of cells, tract tracing, tractography.

Each function turns what was measured into what graphrnn runs on: `connectome` makes a `Connectome` of tables
of neurons and synapses, `area_graph` an `AreaGraph` of weights between areas, `kinds_from_sln` and
`levels_from_sln` read a hierarchy from the layers that projections start in. Every choice is an argument and
is kept in the provenance of what comes out.
"""

from __future__ import annotations

from graphrnn.measured.areas import area_graph
from graphrnn.measured.sln import kinds_from_sln, levels_from_sln
from graphrnn.measured.tables import connectome

__all__ = ["area_graph", "connectome", "kinds_from_sln", "levels_from_sln"]
