"""AreaGraph: areas and projections as a networkx.DiGraph."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np

from graphrnn import _checks
from graphrnn._streams import Seed
from graphrnn.compiler import (
    area_nodes,
    check_attributes,
    check_ends,
    check_node,
    compile_graph,
    projection_delay,
    projection_kind,
)
from graphrnn.connectome import Connectome, Node, kind_between
from graphrnn.rules import AllToAll, ExcitatoryOnly, FixedTotalNumber, Rule, as_rule

__all__ = ["AreaGraph"]


class AreaGraph(nx.DiGraph):
    """A directed graph of areas, inputs and readouts, joined by projections.

    It is a `networkx.DiGraph`: copying, sub-graphs, reversing, pickling, algorithms and drawing are
    networkx's own. Nothing random happens here; `compile` draws the synapses.

    Nodes carry `role` ("area", "input", "readout"), `size` and where given `level`, `tau`, `excitatory`,
    `positions`; edges carry `rule` and where given `kind`, `delay`, `self_connections`.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_input("stimulus", 2)
        >>> graph.add_area("V1", 200, tau=20.0, excitatory=0.8)
        >>> graph.add_area("PFC", 100, tau=100.0, excitatory=0.8)
        >>> graph.add_readout("choice", 2)
        >>> graph.project("stimulus", "V1")
        >>> graph.project("V1", "PFC", 0.1)
        >>> graph.project("PFC", "V1", gr.FixedIndegree(10))
        >>> graph.project("PFC", "choice")
        >>> graph.kind("V1", "PFC"), graph.kind("PFC", "V1")
        ('forward', 'backward')
        >>> graph.compile(seed=0)
        Connectome(300 neurons in 2 areas, 3991 synapses, 2 inputs, 2 readouts)
    """

    def add_area(
        self,
        name: str,
        size: int,
        *,
        level: float | None = None,
        tau: float | None = None,
        excitatory: float | None = None,
        positions: Any = None,
    ) -> None:
        """Add a population of neurons.

        Args:
            name: a name of its own.
            size: number of neurons, at least 1.
            level: hierarchical level; where no area has one, the order of adding is the level.
            tau: time constant in ms; None for the CTRNN's.
            excitatory: fraction of excitatory neurons, rounded down to whole neurons; they come first.
                None leaves the neurons without sign.
            positions: (neuron,) or (neuron, dimension) coordinates for `DistanceDependent`.

        Raises:
            ValueError: for a name that exists or a value out of range.
        """
        given = {"level": level, "tau": tau, "excitatory": excitatory, "positions": positions}
        self._add("add_area", name, {"role": "area", "size": size, **given})

    def add_input(self, name: str, size: int) -> None:
        """Add an input of `size` channels.

        Raises:
            ValueError: for a name that exists or a size below 1.
        """
        self._add("add_input", name, {"role": "input", "size": size})

    def add_readout(self, name: str, size: int) -> None:
        """Add a readout of `size` channels.

        Raises:
            ValueError: for a name that exists or a size below 1.
        """
        self._add("add_readout", name, {"role": "readout", "size": size})

    def _add(self, method: str, name: str, data: dict[str, Any]) -> None:
        call = f"graph.{method}({name!r}, {data['size']!r})"
        _checks.text(call, "name", name)
        checked = check_attributes(call, data)
        if name in self:
            role = _an(self.nodes[name].get("role", "area"))
            raise ValueError(
                f"`{call}` needs a name of its own; {name!r} is already {role}. "
                "Choose another name, or remove it first with graph.remove_node."
            )
        self.add_node(name, **checked)

    def project(
        self,
        pre: str,
        post: str,
        rule: Rule | float | None = None,
        *,
        kind: str | None = None,
        delay: float | None = None,
        self_connections: bool | None = None,
        excitatory_only: bool = False,
        replace: bool = False,
    ) -> None:
        """Let `pre` project to `post`.

        Args:
            pre: name of the source, an input or an area.
            post: name of the target, an area or a readout.
            rule: connection rule, or a density; None for all to all.
            kind: "forward", "backward" or "lateral"; None infers it from the levels.
            delay: conduction delay of its synapses in ms, between areas or within one; None for none. For
                delays from distances see `Connectome.with_delays`.
            self_connections: whether a neuron may reach itself, within an area; None for yes.
            excitatory_only: whether only the excitatory neurons of `pre` project, as they do over long
                distances in cortex; the rule becomes `ExcitatoryOnly(rule)`.
            replace: put this projection in the place of one that exists.

        Raises:
            ValueError: for a missing node, input → readout, readout → area, a second projection between the
                same two ends, a kind that does not fit, a delay below 0 or of an input or readout.
        """
        call = f"graph.project({pre!r}, {post!r})"
        source, target = (_end(self, call, name) for name in (pre, post))
        check_ends(call, source, target)
        if self.has_edge(pre, post) and not replace:
            raise ValueError(
                f"`{call}` exists already, with {self.edges[pre, post].get('rule')!r}. "
                "Use replace=True to change it; one projection joins an ordered pair."
            )
        data: dict[str, Any] = {"rule": AllToAll() if rule is None else as_rule(call, rule)}
        if _checks.boolean(call, "excitatory_only", excitatory_only):
            data["rule"] = ExcitatoryOnly(data["rule"])
        if kind is not None:
            data["kind"] = projection_kind(call, source, target, {"kind": kind})
        if delay is not None:
            data["delay"] = projection_delay(call, source, target, {"delay": delay})
        if self_connections is not None:
            if pre != post:
                raise ValueError(
                    f"`{call}` has `self_connections`, which only a projection within an area has. "
                    "Leave it out."
                )
            data["self_connections"] = _checks.boolean(call, "self_connections", self_connections)
        if self.has_edge(pre, post):
            self.remove_edge(pre, post)
        self.add_edge(pre, post, **data)

    @property
    def areas(self) -> list[str]:
        """Names of the areas, in the order they were added."""
        return self._of_role("area")

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs, in the order they were added."""
        return self._of_role("input")

    @property
    def readouts(self) -> list[str]:
        """Names of the readouts, in the order they were added."""
        return self._of_role("readout")

    def _of_role(self, role: str) -> list[str]:
        return [name for name, data in self.nodes(data=True) if data.get("role", "area") == role]

    def levels(self) -> dict[str, float]:
        """The level of each area: as given, or the order of adding where none is given.

        Raises:
            ValueError: where some areas have a level and others not.
        """
        nodes = area_nodes(self, "graph.levels()") if self.areas else ()
        return {area.name: area.level for area in nodes if area.level is not None}

    def kind(self, pre: str, post: str) -> str:
        """The kind of the projection from `pre` to `post`, as given or inferred from levels.

        Raises:
            ValueError: where there is no such projection.
        """
        call = f"graph.kind({pre!r}, {post!r})"
        if not self.has_edge(pre, post):
            raise ValueError(
                f"`{call}` found no projection from {pre!r} to {post!r}. Draw it with graph.project."
            )
        levelled = {area.name: area for area in area_nodes(self, call)}
        source, target = (levelled.get(name) or _end(self, call, name) for name in (pre, post))
        return projection_kind(call, source, target, self.edges[pre, post])

    def compile(self, seed: Seed = None) -> Connectome:
        """Draw the synapses of every projection once.

        Args:
            seed: a whole number, a numpy Generator, or None for fresh entropy; the seed used is kept.

        Raises:
            ValueError: for a graph without areas or a rule that cannot hold.
        """
        return compile_graph(self, seed)

    def subgraph(self, nodes: Any) -> Any:
        """A read-only view of some nodes, in the order of this graph.

        networkx's own view lists few nodes of a large graph in the order of a set, which changes from
        run to run; the order of areas means something here.
        """
        return nx.subgraph_view(self, filter_node=frozenset(self.nbunch_iter(nodes)).__contains__)

    def edge_subgraph(self, edges: Any) -> Any:
        """A read-only view of some projections and their ends, in the order of this graph."""
        chosen = frozenset((pre, post) for pre, post in edges if self.has_edge(pre, post))
        ends = frozenset(node for edge in chosen for node in edge)
        return nx.subgraph_view(
            self, filter_node=ends.__contains__, filter_edge=lambda pre, post: (pre, post) in chosen
        )

    def to_directed_class(self) -> type[AreaGraph]:
        """The class of the copy that `to_directed` makes."""
        return AreaGraph

    @classmethod
    def from_networkx(cls, graph: nx.DiGraph) -> AreaGraph:
        """An AreaGraph from any directed graph whose nodes have a `size`.

        A node without `role` is an area. An edge takes its `rule` from the attribute `rule` or else
        `density`; without either it is all to all. Names become strings. Other attributes are kept.

        Raises:
            TypeError: for an undirected graph or a multigraph.
            ValueError: for a node without size, two names that read the same, an attribute out of range.

        Example:
            >>> import networkx as nx
            >>> import graphrnn as gr
            >>> drawn = nx.DiGraph()
            >>> drawn.add_nodes_from([1, 2], size=50)
            >>> drawn.add_edge(1, 2, density=0.2)
            >>> gr.AreaGraph.from_networkx(drawn).kind("1", "2")
            'forward'
        """
        call = "AreaGraph.from_networkx(...)"
        if not isinstance(graph, nx.DiGraph) or graph.is_multigraph():
            raise TypeError(
                f"`{call}` needs a networkx.DiGraph; it got {type(graph).__name__}. Make one with "
                "nx.DiGraph(graph), which turns an undirected edge into two directed ones."
            )
        drawn = cls()
        drawn.graph.update(graph.graph)
        for node, data in graph.nodes(data=True):
            if str(node) in drawn:
                raise ValueError(f"`{call}` needs names that differ as text; {str(node)!r} occurs twice.")
            drawn.add_node(str(node), **{**data, **check_node(call, str(node), data)})
        for pre, post, data in graph.edges(data=True):
            other = {key: value for key, value in data.items() if key not in ("rule", "density")}
            rule = data.get("rule", data.get("density"))
            known = {key: other.pop(key) for key in ("kind", "delay", "self_connections") if key in other}
            drawn.project(str(pre), str(post), rule, **known)
            drawn.edges[str(pre), str(post)].update(other)
        return drawn

    @classmethod
    def from_connectome(cls, net: Connectome) -> AreaGraph:
        """The areas and projections of a connectome, each with its number of synapses as its rule.

        Compiling it draws a network with the same sizes, kinds and numbers of synapses, wired at random. A
        projection keeps its delay where all its synapses share it.
        """
        drawn = cls()
        levelled = all(area.level is not None for area in net.areas)
        for node in (*net.inputs, *net.areas, *net.readouts):
            drawn.add_node(node.name, role=node.role, size=node.size)
            if node.role == "area":
                drawn.nodes[node.name].update(_area_attributes(net, node))
            if node.role == "area" and levelled:
                drawn.nodes[node.name]["level"] = node.level
        shared = _shared_delays(net)
        counts = {which: net.counts(which) for which in ("input", "hidden", "readout")}
        for p in net.projections:
            which = p.kind if p.kind in counts else "hidden"
            post, pre = net.ends(which)
            target, source = net.node(p.post), net.node(p.pre)
            n = int(counts[which][post.index(target), pre.index(source)])
            drawn.add_edge(p.pre, p.post, rule=FixedTotalNumber(n))
            if (delay := shared.get((p.pre, p.post))) is not None:
                drawn.edges[p.pre, p.post]["delay"] = delay
            if not levelled or p.kind != kind_between(source, target):
                drawn.edges[p.pre, p.post]["kind"] = p.kind
            if p.pre == p.post and p.possible < target.size**2:
                drawn.edges[p.pre, p.post]["self_connections"] = False
        return drawn


def _shared_delays(net: Connectome) -> dict[tuple[str, str], float]:
    """By (pre, post), the delays above 0 that all synapses between two areas share."""
    hidden = net.hidden
    if hidden.delay is None:
        return {}
    n = len(net.areas)
    pair = net.area_index[hidden.post].astype(np.int64) * n + net.area_index[hidden.pre]
    longest, shortest = np.zeros(n * n), np.full(n * n, np.inf)
    np.maximum.at(longest, pair, hidden.delay)
    np.minimum.at(shortest, pair, hidden.delay)
    found = np.flatnonzero((longest == shortest) & (longest > 0))
    return {(net.areas[k % n].name, net.areas[k // n].name): float(longest[k]) for k in found}


def _area_attributes(net: Connectome, area: Node) -> dict[str, Any]:
    """What all neurons of an area share, and their positions; what is not set is absent."""
    data: dict[str, Any] = {}
    sign, tau = net.sign[area.slice], net.tau[area.slice]
    if sign.all():
        data["excitatory"] = float((sign > 0).mean())
    if (tau == tau[0]).all():
        data["tau"] = float(tau[0])
    if net.positions is not None:
        positions = net.positions[area.slice]
        positions = positions[:, ~np.isnan(positions).any(0)]
        if positions.shape[1]:
            data["positions"] = positions
    return data


def _end(graph: AreaGraph, call: str, name: Any) -> Node:
    """A node as far as the choice of a kind needs it."""
    data = graph.nodes[_checks.known(call, "node", name, graph.nodes)]
    return Node(str(name), data.get("role", "area"), 0, data.get("size", 0), data.get("level"))


def _an(role: str) -> str:
    return f"a {role}" if role == "readout" else f"an {role}"
