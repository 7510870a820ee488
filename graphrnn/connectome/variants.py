"""Networks made from a network: parts of it, other areas, other weights, other wiring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from graphrnn._streams import Seed, resolve_seed
from graphrnn.connectome.ends import fields_with_end
from graphrnn.connectome.levels import (
    fields_with_delays,
    fields_with_kinds,
    fields_with_levels,
    recorded_distances,
)
from graphrnn.connectome.nodes import Names, listed
from graphrnn.connectome.null import fields_rewired
from graphrnn.connectome.parts import fields_of_subnetwork, neighbourhood
from graphrnn.connectome.regroup import area_labels, fields_with_areas, merged_labels, split_labels
from graphrnn.connectome.resample import fields_with_projection
from graphrnn.connectome.selection import fields_of_selection, selection
from graphrnn.connectome.weights import fields_with_weights
from graphrnn.connectome.wiring import Wiring
from graphrnn.rules import Rule

if TYPE_CHECKING:
    import pandas

    from graphrnn.connectome.core import Connectome

__all__ = ["Variants"]


@dataclass(frozen=True, eq=False, repr=False)
class Variants(Wiring):
    """The methods of a `Connectome` that give another one; each appends a step to its provenance."""

    def select(
        self,
        *,
        kind: Names = None,
        pre: Names = None,
        post: Names = None,
        sign: int | Iterable[int] | None = None,
        type: Names = None,
        threshold: float | None = None,
    ) -> Connectome:
        """All neurons, and some synapses: those that fit every argument given.

        Args:
            kind: a kind or several; None for all.
            pre: a source or several.
            post: a target or several.
            sign: sign of the source neuron, or several: 1, -1 or 0 (not known; inputs have none).
            type: a type of synapse or several.
            threshold: keep weights of at least this modulus. A weight that is not known stays, and so do the
                input, hidden or readout synapses where none of them has a weight.

        Raises:
            ValueError: for an unknown name, or a threshold where there are no weights.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.MultiArea(dims=[1, 10, 1], area_connectivities=[1.0, 1.0]).compile(seed=0)
            >>> net.select(kind="backward").hidden.size, net.select(pre="area 1").hidden.size
            (25, 50)
            >>> gr.datasets.celegans().select(threshold=10).hidden.size
            110
        """
        chosen = selection(self._self, kind, pre, post, sign, type, threshold)
        return self._changed(fields_of_selection(self._self, chosen), "select", asdict(chosen))

    def subnetwork(self, areas: Names = None, *, neurons: Any = None) -> Connectome:
        """Only some neurons, with the synapses among them; inputs and readouts stay.

        Args:
            areas: the areas to keep; None for all.
            neurons: (neuron,) True for each neuron to keep, or the indices or names of those to keep; None
                for all. The order of neurons does not change. An area left without neurons goes. By sign:
                `neurons=net.sign == 1`.

        Raises:
            ValueError: for an unknown area or neuron, or where nothing would be left.
        """
        names = listed(areas)
        fields = fields_of_subnetwork(self._self, names, neurons)
        return self._changed(fields, "subnetwork", {"areas": names, "neurons": neurons})

    def neighbourhood(
        self, areas: Names = None, *, neurons: Any = None, hops: int = 1, direction: str = "both"
    ) -> Connectome:
        """Only the neurons within a few synapses of some, with the synapses among them.

        Args:
            areas: the areas to start from; None for all of `neurons`.
            neurons: the neurons to start from, as in `subnetwork`; with `areas` as well, those in both.
            hops: how many synapses away, 0 or more.
            direction: "out" follows synapses from source to target, "in" from target to source, "both" either
                way at each hop.

        Raises:
            ValueError, TypeError: as in `subnetwork`, and where nothing to start from is given.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.datasets.celegans()
            >>> net.neighbourhood(neurons=["AVAL", "AVAR"], hops=1, direction="in").n_neurons
            72
        """
        names = listed(areas)
        reached = neighbourhood(self._self, names, neurons, hops, direction)
        choices = {"areas": names, "neurons": neurons, "hops": hops, "direction": direction}
        return self._changed(fields_of_subnetwork(self._self, None, reached), "neighbourhood", choices)

    def with_areas(self, labels: Any, *, levels: Mapping[str, float] | None = None) -> Connectome:
        """The same neurons and synapses in other areas, one for each label.

        Areas come in the order of their first neuron; within an area excitatory neurons come first.

        Args:
            labels: (neuron,) a label per neuron, from any annotation; or a mapping from neuron names to
                labels, where those who are not in it stay in their area.
            levels: of the new areas; None for the level that all neurons of a new area had, if they agree.

        Raises:
            ValueError: for another number of labels, a missing one, or an unknown neuron.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.datasets.celegans()
            >>> by_side = net.with_areas(["left" if name.endswith("L") else "other" for name in net.names])
            >>> [(area.name, area.size) for area in by_side.areas]
            [('left', 100), ('other', 202)]
        """
        call = "net.with_areas(...)"
        names = area_labels(call, self._self, labels)
        fields = fields_with_areas(self._self, names, levels, call)
        return self._changed(fields, "with_areas", {"labels": names, "levels": levels})

    def merge_areas(self, merged: Mapping[str, Names]) -> Connectome:
        """Several areas as one.

        Args:
            merged: the areas that each new area takes, by its name. It stands where the first of them stood.
                Its level is theirs where they agree, and a projection keeps its kind where its parts agree.

        Raises:
            ValueError: for an unknown area, one that goes to two, or a name that exists.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.datasets.celegans()
            >>> len(net.merge_areas({"pharynx": [a.name for a in net.areas if "pharynx" in a.name]}).areas)
            11
        """
        if isinstance(merged, Mapping):
            merged = {name: listed(parts) for name, parts in merged.items()}
        labels = merged_labels(self._self, merged)
        fields = fields_with_areas(self._self, labels, None, "net.merge_areas(...)")
        return self._changed(fields, "merge_areas", {"merged": merged})

    def split_area(self, name: str, labels: Any) -> Connectome:
        """One area as several, on the same level.

        Args:
            name: the area.
            labels: the name of the new area of each of its neurons, in their order; or a mapping from neuron
                names, where those who are not in it stay; or "sign" for "… excitatory" and "… inhibitory".

        Raises:
            ValueError: for an unknown area or neuron, another number of labels, or a name that exists.

        Example:
            >>> import graphrnn as gr
            >>> graph = gr.AreaGraph()
            >>> graph.add_area("V1", 10, excitatory=0.8)
            >>> graph.project("V1", "V1", gr.FixedIndegree(3))
            >>> [(a.name, a.size) for a in graph.compile(seed=0).split_area("V1", "sign").areas]
            [('V1 excitatory', 8), ('V1 inhibitory', 2)]
        """
        parts = split_labels(self._self, name, labels)
        fields = fields_with_areas(self._self, parts, None, f"net.split_area({name!r}, ...)")
        return self._changed(fields, "split_area", {"name": name, "labels": parts[self.slice(name)]})

    def with_levels(self, levels: Mapping[str, float | None] | pandas.Series) -> Connectome:
        """Other levels of the areas, and the kinds of projections that follow from them.

        A kind that does not follow from the levels so far was given, and stays.

        Args:
            levels: level by area, from a table or as inferred from the wiring; an area that is not in it, or
                whose level is None or NaN, has none.

        Raises:
            ValueError: for an unknown area or a level that is not finite.
        """
        fields = fields_with_levels(self._self, levels)
        return self._changed(fields, "with_levels", {"levels": dict(levels.items())})

    def with_kinds(self, kinds: Mapping[tuple[str, str], str]) -> Connectome:
        """Other kinds of projections, whatever the levels say.

        Args:
            kinds: "forward", "backward", "lateral" or "unclassified" by (pre, post) areas. A pair without a
                projection is passed over; a projection that is not in it stays as it is.

        Raises:
            ValueError: for an unknown area or a kind that does not fit.
        """
        return self._changed(fields_with_kinds(self._self, kinds), "with_kinds", {"kinds": dict(kinds)})

    def with_delays(
        self, distances: Any = None, *, velocity: float = 3.5, shortest: float = 0.1
    ) -> Connectome:
        """A delay for each synapse among neurons: distance over conduction velocity.

        Args:
            distances: between areas in mm: a mapping from (pre, post), a DataFrame with rows post and columns
                pre, or a (post, pre) array; one that is given one way alone, with none or 0 the other way,
                counts both ways, and within an area 0 where none is given. None for the distances between
                the neurons' positions, in mm.
            velocity: in m/s, which is mm/ms. The default is that of axons between areas of the macaque.
            shortest: no delay is shorter than this, in ms.

        Raises:
            ValueError: for a pair of areas with synapses and no distance, or no positions.

        Source:
            3.5 m/s: Schmidt, Bakker, Hilgetag, Diesmann & van Albada, Brain Struct. Funct. 223 (2018), after
            Girard, Hupé & Bullier, J. Neurophysiol. 85 (2001).
        """
        fields = fields_with_delays(self._self, distances, velocity, shortest)
        given = "positions" if distances is None else recorded_distances(distances)
        choices = {"distances": given, "velocity": velocity, "shortest": shortest}
        return self._changed(fields, "with_delays", choices)

    def with_weights(self, *, input: Any = None, hidden: Any = None, readout: Any = None) -> Connectome:
        """The same synapses with other weights.

        Args:
            input: (synapse,) weights in the order of `net.input`, or a (neuron, input) matrix, dense or scipy
                sparse, that is 0 where there is no synapse. None leaves the weights as they are.
            hidden: the same for the synapses among neurons, (post, pre).
            readout: the same for the synapses onto readouts, (readout, neuron).

        Raises:
            ValueError: for another number of weights, an infinite one, or one where there is no synapse.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.MultiArea(dims=[1, 10, 1]).compile(seed=0)
            >>> weighted = net.with_weights(hidden=[0.5] * net.hidden.size)
            >>> float(weighted.hidden.weight.sum()) == 0.5 * net.hidden.size
            True
        """
        given = {"input": input, "hidden": hidden, "readout": readout}
        set_ = [which for which, weights in given.items() if weights is not None]
        return self._changed(fields_with_weights(self._self, given), "with_weights", {"matrices": set_})

    def with_projection(
        self,
        pre: str,
        post: str,
        rule: Rule | float | None = None,
        *,
        seed: Seed = None,
        self_connections: bool | None = None,
        delay: float | None = None,
        type: str | None = None,
    ) -> Connectome:
        """One projection drawn by another rule, or a new one; all other synapses stay, bit for bit.

        The synapses are those that `compile` would draw with this rule and this seed. They have the weights
        of the rule, or none.

        Args:
            pre: the source, an input or an area.
            post: the target, an area or a readout.
            rule: connection rule or density; None for all to all.
            seed: seed of the draw; None for the connectome's own, or where it has none, fresh entropy. A
                connectome without a seed keeps the one used here.
            self_connections: whether a neuron may reach itself, within an area; None for as it was.
            delay: of the new synapses in ms, where the others have delays.
            type: of the new synapses, where the others have types.

        Raises:
            ValueError: for an unknown node, ends that do not connect, a rule that cannot hold, or a missing
                delay or type.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.MultiArea(dims=[1, 10, 1], area_connectivities=[0.5, 0.5]).compile(seed=0)
            >>> dense = net.with_projection("area 0", "area 1", 1.0)
            >>> dense.counts() - net.counts() == [[0, 0], [25 - net.counts()[1, 0], 0]]
            array([[ True,  True],
                   [ True,  True]])
        """
        call = f"net.with_projection({pre!r}, {post!r}, ...)"
        root = resolve_seed(call, self.seed if seed is None else seed)
        fields = fields_with_projection(
            self._self,
            (pre, post),
            rule,
            root,
            self_connections=self_connections,
            delay=delay,
            type_name=type,
        )
        choices = {"pre": pre, "post": post, "rule": rule, "self_connections": self_connections}
        if delay is not None or type is not None:
            choices |= {"delay": delay, "type": type}
        return self._changed(fields, "with_projection", choices, root)

    def rewired(
        self, *, keep: str = "degrees", within: str = "projection", rounds: int = 20, seed: Seed = None
    ) -> Connectome:
        """A null model: the same neurons, their synapses wired at random under what is kept.

        Neither self-connections nor synapses of inputs and readouts change, and no self-connection is made.
        Under "degrees" synapses switch targets, each with its source, weight, delay and type; the other null
        models deal weights, delays and types out anew within a block (and a target's among its own synapses
        under "in_degrees", a source's under "out_degrees").

        Args:
            keep: "degrees" (in and out, of each neuron), "in_degrees", "out_degrees" or "counts" (the number
                of synapses), all within a block.
            within: the blocks: "projection" (each pair of areas), "kind" or "network" (one block). "kind"
                does not go with "degrees": two synapses of a kind that switch targets may both leave it.
            rounds: of switching under "degrees"; in a round about every synapse tries once.
            seed: seed of the draw; None for fresh entropy. It stands in the provenance.

        Raises:
            ValueError: for an unknown word.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.datasets.celegans()
            >>> null = net.rewired(seed=0)
            >>> bool((null.hidden.in_degree == net.hidden.in_degree).all()), null.hidden == net.hidden
            (True, False)

        Source:
            Degree-preserving switching: Maslov & Sneppen, Science 296 (2002).
        """
        root = resolve_seed("net.rewired(...)", seed)
        fields = fields_rewired(self._self, keep, within, rounds, root)
        return self._changed(fields, "rewired", {"keep": keep, "within": within, "rounds": rounds}, root)

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
        return self._with_end("with_input", (name, size, "input"), ("to", listed(to)), rule, seed)

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
        return self._with_end("with_readout", (name, size, "readout"), ("pre", listed(pre)), rule, seed)

    def _with_end(
        self,
        method: str,
        end: tuple[str, int, str],
        areas: tuple[str, list[str] | None],
        rule: Rule | float | None,
        seed: Seed,
    ) -> Connectome:
        call = f"net.{method}({end[0]!r}, ...)"
        root = resolve_seed(call, self.seed if seed is None else seed)
        fields = fields_with_end(self._self, call, end, areas, rule, root)
        choices = {"name": end[0], "size": end[1], areas[0]: areas[1], "rule": rule}
        return self._changed(fields, method, choices, root)
