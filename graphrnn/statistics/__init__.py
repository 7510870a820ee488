"""Connectivity statistics of a Connectome, as pandas tables, and checks for usual mistakes."""

from __future__ import annotations

from graphrnn.statistics.areas import areas
from graphrnn.statistics.check import Finding, Findings, check
from graphrnn.statistics.communities import communities, modularity
from graphrnn.statistics.graph import graph
from graphrnn.statistics.hierarchy import hierarchy, infer_levels, trophic_levels
from graphrnn.statistics.matrix import area_matrix
from graphrnn.statistics.motifs import motifs
from graphrnn.statistics.neurons import degree_distribution, neurons
from graphrnn.statistics.projections import projections
from graphrnn.statistics.rich_club import rich_club
from graphrnn.statistics.small_worlds import small_world
from graphrnn.statistics.spectrum import spectrum

__all__ = [
    "Finding",
    "Findings",
    "area_matrix",
    "areas",
    "check",
    "communities",
    "degree_distribution",
    "graph",
    "hierarchy",
    "infer_levels",
    "modularity",
    "motifs",
    "neurons",
    "projections",
    "rich_club",
    "small_world",
    "spectrum",
    "trophic_levels",
]
