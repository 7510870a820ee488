"""Compiling: one seeded draw per projection of a directed graph gives a Connectome.

Any `networkx.DiGraph` with the right attributes compiles: nodes with `role` (default "area") and `size`,
where given `level`, `tau`, `excitatory`, `positions`; edges with `rule`, where given `kind`, `delay`
and `self_connections`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn._streams import Seed, resolve_seed, stream
from graphrnn.connectome import (
    HIDDEN_KINDS,
    ROLES,
    Connectome,
    Node,
    Projection,
    Provenance,
    Synapses,
    kind_between,
)
from graphrnn.rules import AllToAll, Draw, Population, Rule, as_rule

if TYPE_CHECKING:
    import networkx

__all__ = [
    "area_nodes",
    "check_attributes",
    "check_ends",
    "check_node",
    "compile_graph",
    "projection_delay",
    "projection_kind",
]

_CALL = "graph.compile(...)"


def compile_graph(graph: networkx.DiGraph, seed: Seed = None) -> Connectome:
    """Sample every projection of `graph` once.

    Each projection draws from its own random stream, derived from the seed and the names of its two
    ends: adding an area leaves all other projections as they were, bit for bit.

    Args:
        graph: areas, inputs, readouts and projections.
        seed: a whole number, a numpy Generator to draw one from, or None for fresh entropy. The seed used
            is kept in the connectome.

    Raises:
        ValueError: for a graph without areas, an attribute out of range, an edge between roles that do not
            connect, a rule that cannot hold.

    Example:
        >>> import networkx as nx
        >>> from graphrnn.compiler import compile_graph
        >>> graph = nx.DiGraph()
        >>> graph.add_nodes_from([("V1", {"size": 40}), ("V2", {"size": 20})])
        >>> graph.add_edge("V1", "V2", rule=0.1)
        >>> net = compile_graph(graph, seed=1)
        >>> net.projections[0].kind, net.seed
        ('forward', 1)
    """
    nodes = _lay_out(graph, _CALL)
    areas = area_nodes(graph)
    ends = {
        role: tuple(node for node in nodes.values() if node.role == role) for role in ("input", "readout")
    }
    nodes |= {area.name: area for area in areas}
    populations = {name: _population(nodes[name], graph.nodes[name]) for name in nodes}
    root = resolve_seed(_CALL, seed)
    plans = {(p.post, p.pre): _plan(graph, p, nodes, populations) for p in _projections(graph, nodes)}

    def draws(posts: tuple[Node, ...], pres: tuple[Node, ...]) -> Iterator[tuple[int, int, Draw]]:
        for post in posts:
            for pre in pres:
                if (post.name, pre.name) in plans:
                    yield post.start, pre.start, plans[post.name, pre.name].draw(root)

    def synapses(posts: tuple[Node, ...], pres: tuple[Node, ...]) -> Synapses:
        shape = tuple(axis[-1].stop if axis else 0 for axis in (posts, pres))
        return Synapses.from_draws((shape[0], shape[1]), draws(posts, pres))

    order = [(post, pre) for posts, pres in _matrices(areas, ends) for post in posts for pre in pres]
    return Connectome(
        areas=areas,
        inputs=ends["input"],
        readouts=ends["readout"],
        projections=tuple(
            plans[key].projection for post, pre in order if (key := (post.name, pre.name)) in plans
        ),
        input=synapses(areas, ends["input"]),
        hidden=_delayed(synapses(areas, areas), areas, plans),
        readout=synapses(ends["readout"], areas),
        sign=np.concatenate([_sign_or_zero(populations[area.name]) for area in areas]),
        tau=np.concatenate([np.full(area.size, _tau(graph.nodes[area.name])) for area in areas]),
        positions=_positions([populations[area.name] for area in areas]),
        seed=root,
        provenance=_provenance(graph, root),
    )


def _provenance(graph: networkx.DiGraph, root: int) -> Provenance:
    """That of a graph made from measured data, and this step; a graph without any stays without."""
    records = graph.graph.get("provenance")
    return (
        Provenance.from_records(records).then(_CALL.removesuffix("(...)"), seed=root)
        if records
        else Provenance()
    )


def _matrices(
    areas: tuple[Node, ...], ends: dict[str, tuple[Node, ...]]
) -> tuple[tuple[tuple[Node, ...], tuple[Node, ...]], ...]:
    return (areas, ends["input"]), (areas, areas), (ends["readout"], areas)


@dataclass(frozen=True, eq=False)
class _Plan:
    """A projection that is ready to be drawn."""

    projection: Projection
    rule: Rule
    pre: Population
    post: Population
    skip_diagonal: bool
    delay: float | None

    def draw(self, root: int) -> Draw:
        rng = stream(root, self.pre.name, self.post.name)
        draw = self.rule.sample(self.pre, self.post, rng, skip_diagonal=self.skip_diagonal)
        for name, indices, end in (("pre", draw.pre, self.pre), ("post", draw.post, self.post)):
            if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < end.size:
                raise ValueError(  # else it would land in another area
                    f"`{self.rule!r}` drew `{name}` indices from {int(indices.min())} to "
                    f"{int(indices.max())}; {end.name!r} has {end.size} neurons, numbered from 0."
                )
        return draw


def _plan(
    graph: networkx.DiGraph, bare: Projection, nodes: dict[str, Node], populations: dict[str, Population]
) -> _Plan:
    pre, post = populations[bare.pre], populations[bare.post]
    data = graph.edges[bare.pre, bare.post]
    call = f"{_CALL}, projection {bare.pre!r} → {bare.post!r}"
    rule = AllToAll() if data.get("rule") is None else as_rule(call, data["rule"])
    skip = bare.pre == bare.post and not _self_connections(call, data)
    possible = pre.size * post.size - (pre.size if skip else 0)
    asked = rule.expected(pre, post, skip_diagonal=skip)
    projection = replace(bare, rule=repr(rule), possible=possible, asked=asked)
    delay = projection_delay(call, nodes[bare.pre], nodes[bare.post], data)
    return _Plan(projection, rule, pre, post, skip, delay)


def _delayed(hidden: Synapses, areas: tuple[Node, ...], plans: Mapping[tuple[str, str], _Plan]) -> Synapses:
    """The synapses with the delays of their projections, 0 where only others have one."""
    if all(plan.delay is None for plan in plans.values()):
        return hidden
    table = np.zeros((len(areas), len(areas)))
    place = {area.name: i for i, area in enumerate(areas)}
    for (post, pre), plan in plans.items():
        if plan.delay is not None:
            table[place[post], place[pre]] = plan.delay
    area = np.repeat(np.arange(len(areas)), [area.size for area in areas])
    return replace(hidden, delay=table[area[hidden.post], area[hidden.pre]])


def _self_connections(call: str, data: Mapping[str, Any]) -> bool:
    given = data.get("self_connections")
    return True if given is None else _checks.boolean(call, "self_connections", given)


def _projections(graph: networkx.DiGraph, nodes: dict[str, Node]) -> Iterator[Projection]:
    for pre, post, data in graph.edges(data=True):
        check_ends(_CALL, nodes[pre], nodes[post])
        yield Projection(pre, post, projection_kind(_CALL, nodes[pre], nodes[post], data), "", 0)


def _lay_out(graph: networkx.DiGraph, call: str) -> dict[str, Node]:
    """Every node at its place on the axis of its role, in the order of the graph."""
    if graph.is_multigraph() or not graph.is_directed():
        raise TypeError(
            f"`{call}` needs a networkx.DiGraph; it got {type(graph).__name__}. "
            "Give each ordered pair of areas one directed edge."
        )
    stop = dict.fromkeys(ROLES, 0)
    nodes: dict[str, Node] = {}
    for name, data in graph.nodes(data=True):
        checked = check_node(call, name, data)
        role, start = checked["role"], stop[checked["role"]]
        stop[role] = start + checked["size"]
        nodes[name] = Node(name, role, start, stop[role], checked.get("level"))
    if not stop["area"]:
        raise ValueError(
            "`graph.compile(...)` needs at least one area. Add one with graph.add_area(name, size)."
        )
    return nodes


def area_nodes(graph: networkx.DiGraph, call: str = _CALL) -> tuple[Node, ...]:
    """The areas in order, with their levels: those given, or else the order itself."""
    areas = [node for node in _lay_out(graph, call).values() if node.role == "area"]
    without = [area.name for area in areas if area.level is None]
    if len(without) == len(areas):
        return tuple(replace(area, level=float(i)) for i, area in enumerate(areas))
    if without:
        raise ValueError(
            f"`{call}` needs a level for every area or for none; {without[0]!r} has none. "
            "Give it a level, or leave all out to use the order in which areas were added."
        )
    return tuple(areas)


def check_node(call: str, name: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a node, each checked and in its final type; what is not set is absent."""
    _checks.text(call, "name", name)
    return check_attributes(f"{call}, node {name!r}", data)


def check_attributes(where: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a node that the call in `where` names already."""
    role = _checks.one_of(where, "role", data.get("role", "area"), ROLES)
    if "size" not in data:
        raise ValueError(
            f"`{where}` needs a `size`, its number of {'neurons' if role == 'area' else 'channels'}."
        )
    checked: dict[str, Any] = {"role": role, "size": _checks.count(where, "size", data["size"])}
    own = {"level": _checks.finite, "tau": _checks.positive, "excitatory": _checks.fraction}
    for key in ("level", "tau", "excitatory", "positions"):
        if data.get(key) is None:
            continue
        if role != "area":
            raise ValueError(f"`{where}` has `{key}`, which only areas have. Remove it from this {role}.")
        if key == "positions":
            checked[key] = _check_positions(where, data[key], checked["size"])
        else:
            checked[key] = own[key](where, key, data[key])
    return checked


def _check_positions(call: str, positions: Any, size: int) -> NDArray[np.float64]:
    try:
        array = np.array(positions, np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"`{call}` needs numbers as `positions`, as many for each neuron.") from error
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != size or array.shape[1] == 0:
        raise ValueError(
            f"`{call}` needs `positions` of shape ({size},) or ({size}, dimension); "
            f"it got {np.shape(positions)}."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"`{call}` needs finite `positions`; some are NaN or infinite.")
    array.flags.writeable = False
    return array


def check_ends(call: str, pre: Node, post: Node) -> None:
    """Refuse an edge that no network has: into an input, out of a readout, from input to readout."""
    if pre.role == "input" and post.role == "readout":
        raise ValueError(
            f"`{call}` cannot connect input {pre.name!r} to readout {post.name!r}. "
            "Inputs reach areas and readouts read areas; put an area between them."
        )
    if pre.role == "readout":
        raise ValueError(
            f"`{call}` cannot start at readout {pre.name!r}: nothing leaves a readout. "
            "For feedback let an area project to the areas."
        )
    if post.role == "input":
        raise ValueError(
            f"`{call}` cannot end at input {post.name!r}: nothing reaches an input. Name an area."
        )


def projection_delay(call: str, pre: Node, post: Node, data: Mapping[str, Any]) -> float | None:
    """The delay given on the edge, in ms; only synapses among neurons have one."""
    if data.get("delay") is None:
        return None
    if pre.role != "area" or post.role != "area":
        raise ValueError(
            f"`{call}` has a `delay`, which only projections between areas have. Leave it out, or shift the "
            "input or the target in time."
        )
    return _checks.nonnegative(call, "delay", data["delay"])


def projection_kind(call: str, pre: Node, post: Node, data: Mapping[str, Any]) -> str:
    """The kind given on the edge, or else inferred from roles and levels."""
    given = data.get("kind")
    inferred = kind_between(pre, post)
    if given is None:
        return inferred
    fits = (
        (inferred,)
        if inferred in ("input", "readout", "within")
        else tuple(k for k in HIDDEN_KINDS if k != "within")
    )
    if given not in fits:
        raise ValueError(
            f"`{call}` needs a kind that fits {pre.name!r} → {post.name!r}: {' or '.join(fits)}; "
            f"it got {given!r}."
        )
    return str(given)


def _population(node: Node, data: Mapping[str, Any]) -> Population:
    if node.role != "area":
        return Population(node.name, node.size)
    sign = None
    if data.get("excitatory") is not None:
        excitatory = math.floor(data["excitatory"] * node.size + 1e-9)  # 0.29 * 100 is 28.999…
        sign = np.repeat(np.array([1, -1], np.int8), [excitatory, node.size - excitatory])
    positions = data.get("positions")
    if positions is not None:
        positions = _check_positions(f"{_CALL}, node {node.name!r}", positions, node.size)
    return Population(node.name, node.size, sign, positions)


def _tau(data: Mapping[str, Any]) -> float:
    return math.nan if data.get("tau") is None else float(data["tau"])


def _sign_or_zero(population: Population) -> NDArray[np.int8]:
    return np.zeros(population.size, np.int8) if population.sign is None else population.sign


def _positions(populations: list[Population]) -> NDArray[np.float64] | None:
    """(neuron, dimension) positions, NaN where an area has none; None where no area has any."""
    dimensions = [0 if p.positions is None else p.positions.shape[1] for p in populations]
    if not any(dimensions):
        return None
    blocks = []
    for population in populations:
        block = np.full((population.size, max(dimensions)), np.nan)
        if population.positions is not None:
            block[:, : population.positions.shape[1]] = population.positions
        blocks.append(block)
    return np.concatenate(blocks)
