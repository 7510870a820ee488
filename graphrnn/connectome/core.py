"""Connectome: sampled or measured wiring as frozen arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphrnn import _checks
from graphrnn.connectome.edges import fields_from_edges, to_edges
from graphrnn.connectome.masks import fields_from_masks, fields_from_matrix
from graphrnn.connectome.neuron_graph import fields_from_networkx, to_networkx
from graphrnn.connectome.provenance import Provenance
from graphrnn.connectome.tensors import to_torch, to_torch_sparse
from graphrnn.connectome.variants import Variants
from graphrnn.connectome.wiring import MATRICES

if TYPE_CHECKING:
    import networkx
    import pandas
    import torch

__all__ = ["Connectome"]


@dataclass(frozen=True, eq=False, repr=False)
class Connectome(Variants):
    """Neurons and synapses, sampled once from an area graph or measured.

    Neurons lie area after area, in each area the excitatory ones first. All arrays are read-only.
    Make one with `AreaGraph.compile`, `Connectome.from_edges`, `from_networkx` or `from_masks`.

    Args:
        areas: the areas in order.
        inputs: the inputs in order.
        readouts: the readouts in order.
        projections: the projections between them.
        input: synapses (neuron, input).
        hidden: synapses (neuron, neuron).
        readout: synapses (readout, neuron).
        sign: (neuron,) int8, +1 excitatory, -1 inhibitory, 0 not known.
        tau: (neuron,) time constants in ms; NaN where none was given.
        names: (neuron,) names of the neurons, or None where they have none.
        positions: (neuron, dimension) coordinates, NaN where an area has none, or None.
        seed: the seed that the wiring was drawn with; None for measured wiring.
        report: what was changed on the way in, such as rows merged or dropped, as counts.
        provenance: the steps that made it; equality does not ask for it.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> graph.add_area("V2", 20)
        >>> graph.project("V1", "V2", gr.FixedIndegree(5))
        >>> net = graph.compile(seed=0)
        >>> net
        Connectome(50 neurons in 2 areas, 100 synapses, 0 inputs, 0 readouts)
        >>> net.hidden_mask.shape
        (50, 50)
        >>> net.slice("V2")
        slice(30, 50, None)
    """

    @classmethod
    def from_edges(
        cls,
        edges: pandas.DataFrame,
        neurons: pandas.DataFrame,
        *,
        duplicates: str = "sum",
        unknown: str = "error",
        delays: str = "error",
    ) -> Connectome:
        """Measured wiring from a table of edges and a table of neurons.

        The provenance of a network that these tables came from goes on, where `to_edges` made them.

        Areas come in the order of their first neuron. Parallel rows of one pair become one synapse;
        `report["merged"]` counts the rows that went into another.

        Args:
            edges: columns `pre`, `post` (neuron names) and optionally `weight`, `delay` (ms), `type`.
            neurons: columns `neuron`, `area` and optionally `level` (one per area), `sign` (1, -1 or 0),
                `tau` (ms), and the positions `x`, `y`, `z` (mm).
            duplicates: what becomes of the weights of parallel rows: their "sum", "mean", "max" or "min", or
                the "count" of rows, weighted or not; "error" refuses them.
            unknown: "error" refuses an edge whose end is not in `neurons`; "drop" leaves it out and
                counts it in `report["dropped"]`.
            delays: where parallel rows differ in delay, their "min", "max" or "mean"; "error" refuses them.

        Raises:
            ValueError: for a missing column, a repeated neuron, an area with two levels, an unknown end,
                a weight that is not finite, parallel rows with different delays.

        Example:
            >>> import pandas as pd
            >>> import graphrnn as gr
            >>> neurons = pd.DataFrame({"neuron": ["a", "b", "c"], "area": ["S", "S", "M"]})
            >>> edges = pd.DataFrame({"pre": ["a", "a", "b"], "post": ["c", "c", "c"], "weight": [1, 2, 4]})
            >>> net = gr.Connectome.from_edges(edges, neurons)
            >>> net.hidden.weight.tolist(), dict(net.report)
            ([3.0, 4.0], {'merged': 1})
        """
        fields = fields_from_edges(edges, neurons, duplicates=duplicates, unknown=unknown, delays=delays)
        before = Provenance.from_steps(edges.attrs.get("provenance", ()))
        choices = {"duplicates": duplicates, "unknown": unknown, "delays": delays}
        return cls(
            **fields,
            provenance=before.then("Connectome.from_edges", choices=choices, report=fields["report"]),
        )

    @classmethod
    def from_networkx(cls, graph: networkx.DiGraph, *, duplicates: str = "sum") -> Connectome:
        """Wiring from a directed graph whose nodes are neurons.

        Node attributes: `area` (its area's name), optionally `level`, `sign`, `tau` and `position`, or `x`,
        `y`, `z`; for the channels of an input or readout, `input` or `readout` with its name instead of
        `area`. Edge attributes: optionally `weight`, `delay`, `type`, `kind`. Takes back what `to_networkx`
        makes, exactly.

        Raises:
            TypeError: for an undirected graph.
            ValueError: for a node without `area`, `input` or `readout`, and as in `from_edges`.
        """
        fields = fields_from_networkx(graph, duplicates=duplicates)
        return cls(**fields)

    @classmethod
    def from_matrix(cls, matrix: Any) -> Connectome:
        """Wiring from one matrix of weights, (post, pre); the neurons form one area, `hidden`.

        Args:
            matrix: (neuron, neuron) numpy array, in which 0 is no synapse; or scipy sparse, sparse torch or
                `torch_sparse.SparseTensor`, in which every entry is a synapse. Truth values give no weights.

        Raises:
            ValueError: for a matrix that is not square, or entries that are not finite.

        Example:
            >>> import numpy as np
            >>> import graphrnn as gr
            >>> net = gr.Connectome.from_matrix(np.array([[0.0, 0.5], [0.0, 0.0]]))
            >>> net.hidden.post.tolist(), net.hidden.pre.tolist(), net.hidden.weight.tolist()
            ([0], [1], [0.5])
        """
        fields = fields_from_matrix("Connectome.from_matrix(...)", matrix)
        return cls(**fields, provenance=Provenance().then("Connectome.from_matrix"))

    @classmethod
    def from_masks(cls, input: Any, hidden: Any, readout: Any) -> Connectome:
        """Wiring from three masks, each (post, pre).

        Every entry that is not zero is a synapse. Where a mask has negative entries its signs give the
        signs of the neurons (excitatory or inhibitory, by column). The neurons form one area, `hidden`.

        Args:
            input: (neuron, input) scipy sparse, numpy or torch (dense or sparse) mask; None for no input.
            hidden: (neuron, neuron) mask.
            readout: (readout, neuron) mask; None for no readout.

        Raises:
            ValueError: for shapes that do not fit together (with a hint where the transposed ones do), or
                entries that are not finite.
        """
        fields = fields_from_masks("Connectome.from_masks(...)", input, hidden, readout)
        return cls(**fields, provenance=Provenance().then("Connectome.from_masks"))

    def to_torch(
        self,
        which: str = "hidden",
        layout: str = "coo",
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        weights: bool = False,
    ) -> torch.Tensor:
        """A mask as a sparse torch tensor (post, pre).

        Args:
            which: "input", "hidden" or "readout".
            layout: "coo" (coalesced) or "csr".
            device: torch device; default the CPU.
            dtype: default torch's default dtype.
            weights: the weights instead of ones.

        Raises:
            ValueError: for an unknown matrix or layout, or weights where there are none.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.MultiArea(dims=[1, 10, 1]).compile(seed=0)
            >>> net.to_torch("input").shape
            torch.Size([10, 1])
        """
        _checks.one_of("net.to_torch(...)", "which", which, MATRICES)
        return to_torch(self.synapses(which), layout, device, dtype, weights)

    def to_torch_sparse(
        self, which: str = "hidden", dtype: torch.dtype | None = None, *, weights: bool = False
    ) -> Any:
        """A mask as a `torch_sparse.SparseTensor` (post, pre); `from_matrix` takes it back.

        Args:
            which: "input", "hidden" or "readout".
            dtype: default torch's default dtype.
            weights: the weights instead of ones.

        Raises:
            ValueError: for an unknown matrix, or weights where there are none.
            ImportError: where torch-sparse is not installed.
        """
        _checks.one_of("net.to_torch_sparse(...)", "which", which, MATRICES)
        return to_torch_sparse(self.synapses(which), dtype, weights)

    def to_networkx(self) -> networkx.DiGraph:
        """The neurons and synapses as a `networkx.DiGraph`, with all that `from_networkx` takes back.

        Nodes are the neurons' names, or "area/index" where they have none; inputs and readouts
        "name/index". Edges carry `kind` and, where known, `weight`, `delay`, `type`.
        """
        return to_networkx(self)

    def to_edges(self) -> tuple[pandas.DataFrame, pandas.DataFrame]:
        """The hidden synapses and the neurons as the two tables that `from_edges` takes.

        Positions of up to three dimensions are columns `x`, `y`, `z`; those of more are left out.
        """
        return to_edges(self)
