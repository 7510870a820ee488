"""Connectome: sampled or measured wiring as frozen arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn._streams import Seed
from graphrnn.connectome.edges import fields_from_edges, to_edges
from graphrnn.connectome.ends import fields_with_end
from graphrnn.connectome.masks import fields_from_masks
from graphrnn.connectome.neuron_graph import fields_from_networkx, to_networkx
from graphrnn.connectome.nodes import KINDS, Node, Projection
from graphrnn.connectome.parts import fields_of_subnetwork
from graphrnn.connectome.synapses import Synapses, frozen, same
from graphrnn.connectome.tensors import to_torch
from graphrnn.rules import Rule

if TYPE_CHECKING:
    import networkx
    import pandas
    import torch

__all__ = ["Connectome"]

_WHICH = ("input", "hidden", "readout")
Names = str | Iterable[str] | None


@dataclass(frozen=True, eq=False, repr=False)
class Connectome:
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

    areas: tuple[Node, ...]
    inputs: tuple[Node, ...]
    readouts: tuple[Node, ...]
    projections: tuple[Projection, ...]
    input: Synapses
    hidden: Synapses
    readout: Synapses
    sign: NDArray[np.int8]
    tau: NDArray[np.float64]
    names: NDArray[np.str_] | None = None
    positions: NDArray[np.float64] | None = None
    seed: int | None = None
    report: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_nodes()
        for name in ("sign", "tau", "names", "positions"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, self._per_neuron(name, array))
        object.__setattr__(self, "report", MappingProxyType(dict(self.report)))
        shapes = {
            "input": (self.n_neurons, self.n_inputs),
            "hidden": (self.n_neurons, self.n_neurons),
            "readout": (self.n_readouts, self.n_neurons),
        }
        for which, shape in shapes.items():
            if self.synapses(which).shape != shape:
                raise ValueError(
                    f"`Connectome(...)` needs {which} synapses of shape {shape}, (post, pre); "
                    f"it got {self.synapses(which).shape}."
                )

    def _check_nodes(self) -> None:
        names: set[str] = set()
        for axis in (self.areas, self.inputs, self.readouts):
            stop = 0
            for node in axis:
                if node.name in names:
                    raise ValueError(
                        f"`Connectome(...)` needs nodes of different names; two are {node.name!r}."
                    )
                if node.start != stop or node.size < 1:
                    raise ValueError(
                        f"`Connectome(...)` needs nodes that lie end to end; {node.name!r} should start at "
                        f"{stop} and runs from {node.start} to {node.stop}."
                    )
                names.add(node.name)
                stop = node.stop
        for p in self.projections:
            _checks.one_of("Projection(...)", "kind", p.kind, KINDS)
            if missing := {p.pre, p.post} - names:
                raise ValueError(
                    f"`Connectome(...)` has a projection {p.pre!r} → {p.post!r} and no node {min(missing)!r}."
                )

    def _per_neuron(self, name: str, given: Any) -> NDArray[Any]:
        array = np.asarray(given)
        dimensions = 2 if name == "positions" else 1
        if array.ndim != dimensions or len(array) != self.n_neurons:
            raise ValueError(
                f"`Connectome(...)` needs one entry per neuron in `{name}`; it got shape {array.shape} for "
                f"{self.n_neurons} neurons."
            )
        if name == "sign" and not np.isin(array, (-1, 0, 1)).all():
            raise ValueError(
                "`Connectome(...)` needs 1 (excitatory), -1 (inhibitory) or 0 (not known) in `sign`."
            )
        if name == "names" and len(np.unique(array)) < len(array):
            raise ValueError("`Connectome(...)` needs neurons of different names; some in `names` repeat.")
        if name == "tau" and not (np.isnan(array) | ((array > 0) & np.isfinite(array))).all():
            raise ValueError(
                "`Connectome(...)` needs finite time constants above 0 ms in `tau`, NaN where none is known."
            )
        return frozen(given, {"sign": np.int8, "names": np.str_}.get(name, np.float64))

    @classmethod
    def from_edges(
        cls,
        edges: pandas.DataFrame,
        neurons: pandas.DataFrame,
        *,
        duplicates: str = "sum",
        unknown: str = "error",
    ) -> Connectome:
        """Measured wiring from a table of edges and a table of neurons.

        Areas come in the order of their first neuron. Parallel rows of one pair become one synapse;
        `report["merged"]` counts the rows that went into another.

        Args:
            edges: columns `pre`, `post` (neuron names) and optionally `weight`, `delay` (ms), `type`.
            neurons: columns `neuron`, `area` and optionally `level` (one per area), `sign` (1, -1 or 0),
                `tau` (ms).
            duplicates: "sum" adds the weights of parallel rows, "error" refuses them.
            unknown: "error" refuses an edge whose end is not in `neurons`; "drop" leaves it out and
                counts it in `report["dropped"]`.

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
        return cls(**fields_from_edges(edges, neurons, duplicates=duplicates, unknown=unknown))

    @classmethod
    def from_networkx(cls, graph: networkx.DiGraph, *, duplicates: str = "sum") -> Connectome:
        """Wiring from a directed graph whose nodes are neurons.

        Node attributes: `area` (its area's name), optionally `level`, `sign`, `tau`; for the channels of an
        input or readout, `input` or `readout` with its name instead of `area`. Edge attributes:
        optionally `weight`, `delay`, `type`, `kind`. Takes back what `to_networkx` makes, exactly.

        Raises:
            TypeError: for an undirected graph.
            ValueError: for a node without `area`, `input` or `readout`, and as in `from_edges`.
        """
        return cls(**fields_from_networkx(graph, duplicates=duplicates))

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
        return cls(**fields_from_masks("Connectome.from_masks(...)", input, hidden, readout))

    @property
    def n_neurons(self) -> int:
        """Number of neurons of all areas."""
        return self.areas[-1].stop if self.areas else 0

    @property
    def n_inputs(self) -> int:
        """Number of input channels of all inputs."""
        return self.inputs[-1].stop if self.inputs else 0

    @property
    def n_readouts(self) -> int:
        """Number of readout channels of all readouts."""
        return self.readouts[-1].stop if self.readouts else 0

    @cached_property
    def area_index(self) -> NDArray[np.int32]:
        """(neuron,) the index into `areas` of each neuron's area."""
        return frozen(np.repeat(np.arange(len(self.areas)), [area.size for area in self.areas]), np.int32)

    def node(self, name: str) -> Node:
        """The area, input or readout of that name."""
        nodes = {node.name: node for node in (*self.areas, *self.inputs, *self.readouts)}
        return nodes[_checks.known("net.node(...)", "node", name, nodes)]

    def slice(self, name: str) -> slice:
        """The indices of an area's neurons, or of an input's or readout's channels."""
        return self.node(name).slice

    def ends(self, which: str) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        """The (post, pre) nodes along the axes of the input, hidden or readout matrix."""
        _checks.one_of("net.ends(...)", "which", which, _WHICH)
        post = self.readouts if which == "readout" else self.areas
        return post, self.inputs if which == "input" else self.areas

    def synapses(self, which: str) -> Synapses:
        """The synapses of the "input", "hidden" or "readout" matrix."""
        return getattr(self, _checks.one_of("net.synapses(...)", "which", which, _WHICH))

    def counts(self, which: str = "hidden") -> NDArray[np.int64]:
        """(post node, pre node) number of synapses between each pair of nodes.

        Example:
            >>> import graphrnn as gr
            >>> gr.MultiArea(dims=[1, 10, 1], area_connectivities=[1.0, 0.0]).compile(seed=0).counts()
            array([[25,  0],
                   [25, 25]])
        """
        post_nodes, pre_nodes = self.ends(which)
        synapses = self.synapses(which)
        source = np.repeat(np.arange(len(pre_nodes)), [node.size for node in pre_nodes])
        table = np.zeros((len(post_nodes), len(pre_nodes)), np.int64)
        for row, node in enumerate(post_nodes):
            rows = slice(synapses.indptr[node.start], synapses.indptr[node.stop])
            table[row] = np.bincount(source[synapses.pre[rows]], minlength=len(pre_nodes))
        return table

    @property
    def input_mask(self) -> Any:
        """`scipy.sparse.coo_array` (neuron, input) of float32 ones."""
        return self.input.mask

    @property
    def hidden_mask(self) -> Any:
        """`scipy.sparse.coo_array` (post, pre) of float32 ones."""
        return self.hidden.mask

    @property
    def readout_mask(self) -> Any:
        """`scipy.sparse.coo_array` (readout, neuron) of float32 ones."""
        return self.readout.mask

    def get_masks(self) -> tuple[Any, Any, Any]:
        """The input, hidden and readout masks, each (post, pre)."""
        return self.input_mask, self.hidden_mask, self.readout_mask

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
        _checks.one_of("net.to_torch(...)", "which", which, _WHICH)
        return to_torch(self.synapses(which), layout, device, dtype, weights)

    def select(self, *, kind: Names = None, pre: Names = None, post: Names = None) -> Connectome:
        """All neurons, and the synapses of some projections: those that fit every argument given.

        Args:
            kind: a kind or several; None for all.
            pre: a source or several.
            post: a target or several.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.MultiArea(dims=[1, 10, 1], area_connectivities=[1.0, 1.0]).compile(seed=0)
            >>> net.select(kind="backward").hidden.size, net.select(pre="area 1").hidden.size
            (25, 50)
        """
        kinds = _chosen("net.select(...)", "kind", kind, KINDS)
        names = [node.name for node in (*self.inputs, *self.areas, *self.readouts)]
        sources = _chosen("net.select(...)", "node", pre, names)
        targets = _chosen("net.select(...)", "node", post, names)
        kept = tuple(
            p for p in self.projections if p.kind in kinds and p.pre in sources and p.post in targets
        )
        pairs = {(p.post, p.pre) for p in kept}
        parts = {which: self.synapses(which).take(self._within(which, pairs)) for which in _WHICH}
        return dataclasses.replace(self, projections=kept, **parts)  # type: ignore[arg-type]

    def _within(self, which: str, pairs: set[tuple[str, str]]) -> NDArray[np.bool_]:
        """(synapse,) whether a synapse belongs to one of the (post, pre) pairs of nodes."""
        post_nodes, pre_nodes = self.ends(which)
        synapses = self.synapses(which)
        keep = np.zeros(synapses.size, bool)
        for node in post_nodes:
            rows = slice(synapses.indptr[node.start], synapses.indptr[node.stop])
            wanted = np.repeat([(node.name, p.name) in pairs for p in pre_nodes], [p.size for p in pre_nodes])
            keep[rows] = wanted.astype(bool)[synapses.pre[rows]]
        return keep

    def subnetwork(self, areas: Names = None, *, neurons: Any = None) -> Connectome:
        """Only some neurons, with the synapses among them; inputs and readouts stay.

        Args:
            areas: the areas to keep; None for all.
            neurons: (neuron,) True for each neuron to keep, or the indices or names of those to keep; None
                for all. The order of neurons does not change. An area left without neurons goes.

        Raises:
            ValueError: for an unknown area or neuron, or where nothing would be left.
        """
        return dataclasses.replace(self, **fields_of_subnetwork(self, _listed(areas), neurons))

    def with_input(
        self, name: str, size: int, *, to: Names = None, rule: Rule | float | None = None, seed: Seed = None
    ) -> Connectome:
        """The network with one more input.

        Args:
            name: the input's name.
            size: number of channels.
            to: the areas that it reaches; None for all.
            rule: connection rule or density, for each of them; None for all to all.
            seed: seed of the draw; None for the connectome's own, or where it has none, fresh entropy. A
                connectome without a seed keeps the one used here.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.datasets.celegans().with_input("stimulus", 2, to="sensory")
            >>> net.input.shape
            (302, 2)
        """
        call = f"net.with_input({name!r}, ...)"
        end, areas = (name, size, "input"), ("to", to)
        return dataclasses.replace(self, **fields_with_end(self, call, end, areas, rule, seed))

    def with_readout(
        self, name: str, size: int, *, pre: Names = None, rule: Rule | float | None = None, seed: Seed = None
    ) -> Connectome:
        """The network with one more readout.

        Args:
            name: the readout's name.
            size: number of channels.
            pre: the areas that it reads; None for all.
            rule: connection rule or density, for each of them; None for all to all.
            seed: seed of the draw; None for the connectome's own, or where it has none, fresh entropy. A
                connectome without a seed keeps the one used here.
        """
        call = f"net.with_readout({name!r}, ...)"
        end, areas = (name, size, "readout"), ("pre", pre)
        return dataclasses.replace(self, **fields_with_end(self, call, end, areas, rule, seed))

    def to_networkx(self) -> networkx.DiGraph:
        """The neurons and synapses as a `networkx.DiGraph`, with all that `from_networkx` takes back.

        Nodes are the neurons' names, or "area/index" where they have none; inputs and readouts
        "name/index". Edges carry `kind` and, where known, `weight`, `delay`, `type`.
        """
        return to_networkx(self)

    def to_edges(self) -> tuple[pandas.DataFrame, pandas.DataFrame]:
        """The hidden synapses and the neurons as the two tables that `from_edges` takes."""
        return to_edges(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Connectome):
            return NotImplemented
        return all(
            same(getattr(self, part.name), getattr(other, part.name)) for part in dataclasses.fields(self)
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled through the constructor: read-only arrays stay so."""
        values = {part.name: getattr(self, part.name) for part in dataclasses.fields(self)}
        return Connectome, tuple((values | {"report": dict(self.report)}).values())

    def __repr__(self) -> str:
        neurons, areas = _counted(self.n_neurons, "neuron"), _counted(len(self.areas), "area")
        ends = f"{_counted(self.n_inputs, 'input')}, {_counted(self.n_readouts, 'readout')}"
        return f"Connectome({neurons} in {areas}, {_counted(self.hidden.size, 'synapse')}, {ends})"


def _counted(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def _listed(names: Names) -> list[str] | None:
    return names if names is None else [names] if isinstance(names, str) else list(names)


def _chosen(call: str, what: str, names: Names, options: Iterable[str]) -> list[str]:
    """The names asked for, each checked; all of them for None."""
    listed, known = _listed(names), list(options)
    return known if listed is None else [_checks.known(call, what, name, known) for name in listed]
