"""The nervous system of the worm C. elegans."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.connectome.provenance import source_file

if TYPE_CHECKING:
    import pandas

__all__ = ["celegans"]

# From the senses to the muscles; within a level the body's areas come before those of the pharynx, which is
# nearly a nervous system of its own.
_AREAS = (
    "sensory",
    "interneuron-3",
    "interneuron-4",
    "interneuron-2",
    "interneuron-1",
    "interneuron-pharynx-link",
    "pharynx-inter",
    "pharynx-polymodal",
    "motor-head",
    "motor-sublateral",
    "motor-cord",
    "motor-sex",
    "pharynx-motor",
    "CAN",
)


def celegans(gap_junctions: bool = False) -> Connectome:
    """The nervous system of the adult hermaphrodite C. elegans: 302 neurons in 14 areas.

    The areas are groups of neurons, their levels run from 0 (sensory) to 4 (motor). The two CAN neurons
    belong to no level and have no synapses here; they form an area of their own. Neurons have names but no
    signs and no time constants.

    A synapse of the connectome is a connected pair of neurons; its weight is the number of synapses counted
    between the two. Rows that touch one of nine cells that are not neurons (muscles and glia) are left out;
    `report["dropped"]` counts them.

    Args:
        gap_junctions: also take the gap junctions, each as two directed synapses (one, where a neuron is
            joined to itself). A pair with both kinds becomes one synapse of type "chemical+electrical" whose
            weight is their sum; `report["merged"]` counts these.

    Raises:
        TypeError: for a `gap_junctions` that is neither True nor False.

    Example:
        >>> import graphrnn as gr
        >>> net = gr.datasets.celegans()
        >>> net
        Connectome(302 neurons in 14 areas, 2266 synapses, 0 inputs, 0 readouts)
        >>> net.select(kind="forward").hidden.size, net.select(kind="backward").hidden.size
        (1219, 334)
        >>> dict(net.report)
        {'dropped': 120}

    Source:
        Wiring: White et al., Phil. Trans. R. Soc. B 314 (1986). Groups: Cook et al., Nature 571 (2019).
        Tables after the package cect 0.3.5 (MIT licence, OpenWorm).
    """
    import pandas as pd

    _checks.boolean(f"celegans(gap_junctions={gap_junctions!r})", "gap_junctions", gap_junctions)
    neurons, edges = _neurons(), _table("synapses").rename(columns={"synapses": "weight"})
    electrical = edges["type"] == "electrical"
    if gap_junctions:
        known = edges["pre"].isin(neurons["neuron"]) & edges["post"].isin(neurons["neuron"])
        returned = edges[electrical & known & (edges["pre"] != edges["post"])]
        edges = pd.concat([edges, returned.rename(columns={"pre": "post", "post": "pre"})])
    else:
        edges = edges[~electrical]
    net = Connectome.from_edges(edges, neurons, unknown="drop")
    return net.with_step("datasets.celegans", choices={"gap_junctions": gap_junctions}, files=_sources())


def _sources() -> list[dict[str, Any]]:
    """The tables as a provenance names them."""
    sources = []
    for name in ("neurons", "synapses"):
        with resources.as_file(_path(name)) as path:
            sources.append(source_file(path))
    return sources


def _neurons() -> pandas.DataFrame:
    """The neurons area after area, in each in the order of their names."""
    neurons = _table("neurons")
    neurons["area"] = neurons["area"].replace("unknown", "CAN")
    place = neurons["area"].map({name: i for i, name in enumerate(_AREAS)})
    return neurons.assign(place=place).sort_values(["place", "neuron"])


def _table(name: str) -> pandas.DataFrame:
    import pandas as pd

    with _path(name).open() as file:
        return pd.read_csv(file)


def _path(name: str) -> Any:
    return resources.files("graphrnn.datasets").joinpath(f"celegans/{name}.csv")
