"""Wiring: what a connectome holds, checked and frozen."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn._streams import Seed
from graphrnn.connectome.nodes import KINDS, Node, Projection
from graphrnn.connectome.provenance import Provenance
from graphrnn.connectome.synapses import Synapses, frozen, same

if TYPE_CHECKING:
    from graphrnn.connectome.core import Connectome

__all__ = ["MATRICES", "Wiring"]

MATRICES = ("input", "hidden", "readout")


@dataclass(frozen=True, eq=False, repr=False)
class Wiring:
    """The arrays of a `Connectome`, their checks, and how they are read; see there.

    It stands apart so that what a connectome is and what can be made of it are two files.
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
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        self._check_nodes()
        for name in ("sign", "tau", "names", "positions"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, self._per_neuron(name, array))
        object.__setattr__(self, "report", MappingProxyType(dict(self.report)))
        if not isinstance(self.provenance, Provenance):
            raise TypeError(
                "`Connectome(...)` needs a Provenance as `provenance`; it got "
                f"{type(self.provenance).__name__}. Make one with Provenance.from_steps."
            )
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
        _checks.one_of("net.ends(...)", "which", which, MATRICES)
        post = self.readouts if which == "readout" else self.areas
        return post, self.inputs if which == "input" else self.areas

    def synapses(self, which: str) -> Synapses:
        """The synapses of the "input", "hidden" or "readout" matrix."""
        return getattr(self, _checks.one_of("net.synapses(...)", "which", which, MATRICES))

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

    def with_step(
        self,
        step: str,
        *,
        choices: Mapping[str, Any] | None = None,
        files: Iterable[str | os.PathLike[str] | Mapping[str, Any]] = (),
        seed: Seed = None,
        report: Mapping[str, int] | None = None,
    ) -> Connectome:
        """The same network with one step more in its `provenance`, for what was done outside of graphrnn.

        Args:
            step: what was done.
            choices: what was decided.
            files: the files that were read; their names, sizes and hashes are kept.
            seed: the seed that was drawn with.
            report: what was changed on the way, as counts.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.datasets.celegans().with_step("my cleaning", choices={"minimum": 2})
            >>> net.provenance.steps[-1]["choices"]
            {'minimum': 2}
        """
        after = self.provenance.then(step, choices=choices, files=files, seed=seed, report=report)
        return dataclasses.replace(self._self, provenance=after)

    @property
    def _self(self) -> Connectome:
        return cast("Connectome", self)

    def _changed(
        self, fields: Mapping[str, Any], method: str, choices: Mapping[str, Any], seed: int | None = None
    ) -> Connectome:
        """The network with other fields, and the step that changed them."""
        after = self.provenance.then(f"net.{method}", choices=choices, seed=seed)
        return dataclasses.replace(self._self, **fields, provenance=after)

    def __eq__(self, other: object) -> bool:
        """Equal in all but their provenance: what they are counts, not how they came to be."""
        if not isinstance(other, Wiring):
            return NotImplemented
        compared = [part.name for part in dataclasses.fields(self) if part.name != "provenance"]
        return all(same(getattr(self, name), getattr(other, name)) for name in compared)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled through the constructor: read-only arrays stay so."""
        values = {part.name: getattr(self, part.name) for part in dataclasses.fields(self)}
        return type(self), tuple((values | {"report": dict(self.report)}).values())

    def __repr__(self) -> str:
        neurons, areas = _counted(self.n_neurons, "neuron"), _counted(len(self.areas), "area")
        ends = f"{_counted(self.n_inputs, 'input')}, {_counted(self.n_readouts, 'readout')}"
        return f"Connectome({neurons} in {areas}, {_counted(self.hidden.size, 'synapse')}, {ends})"


def _counted(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"
