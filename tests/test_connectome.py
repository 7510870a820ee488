"""The waist: orientation, parts, ways in and out, what is frozen, and messages."""

import copy
import dataclasses
import math
import pickle
import re
import warnings

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from cases import NETWORKS, each_network

import graphrnn as gr
from graphrnn.connectome import KINDS, Connectome, Node, Projection, Synapses, kind_between
from graphrnn.rules import Draw

WHICH = ("input", "hidden", "readout")


def tables():
    neurons = pd.DataFrame({"neuron": ["a", "b", "c", "d"], "area": ["S", "M", "S", "M"]})
    edges = pd.DataFrame({"pre": ["a", "c", "b"], "post": ["b", "b", "d"], "weight": [1.0, 2.0, 3.0]})
    return edges, neurons


def arrays(thing):
    for part in dataclasses.fields(thing):
        value = getattr(thing, part.name)
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, Synapses):
            yield from arrays(value)


# orientation


@each_network
def test_masks_are_post_pre(net):
    """networkx's adjacency matrix is (pre, post): its transpose is the mask."""
    graph = net.to_networkx()
    order = [n for role in ("area", "input", "readout") for n, r in graph.nodes(data="role") if r == role]
    adjacency = nx.to_numpy_array(graph, nodelist=order, weight=None).T
    n, n_in = net.n_neurons, net.n_inputs
    blocks = {
        "hidden": adjacency[:n, :n],
        "input": adjacency[:n, n : n + n_in],
        "readout": adjacency[n + n_in :, :n],
    }
    for which, mask in zip(WHICH, net.get_masks(), strict=True):
        assert isinstance(mask, scipy.sparse.coo_array)
        assert mask.dtype == np.float32
        assert mask.shape == net.synapses(which).shape
        np.testing.assert_array_equal(mask.toarray(), blocks[which])
        np.testing.assert_array_equal(net.to_torch(which).to_dense(), blocks[which])
        np.testing.assert_array_equal(net.to_torch(which, "csr").to_dense(), blocks[which])


def test_a_projection_fills_the_rows_of_its_target():
    graph = gr.AreaGraph()
    graph.add_area("from", 2)
    graph.add_area("to", 3)
    graph.project("from", "to")
    expected = np.zeros((5, 5))
    expected[2:, :2] = 1
    np.testing.assert_array_equal(graph.compile(seed=0).hidden_mask.toarray(), expected)


@each_network
def test_degrees_and_counts_agree_with_the_masks(net):
    for which in WHICH:
        synapses, dense = net.synapses(which), net.synapses(which).mask.toarray()
        np.testing.assert_array_equal(synapses.in_degree, dense.sum(1))
        np.testing.assert_array_equal(synapses.out_degree, dense.sum(0))
        np.testing.assert_array_equal(synapses.indptr, scipy.sparse.csr_array(synapses.mask).indptr)
        assert synapses.density == pytest.approx(dense.mean() if dense.size else 0.0)
        post, pre = net.ends(which)
        table = [[dense[a.slice, b.slice].sum() for b in pre] for a in post]
        np.testing.assert_array_equal(net.counts(which), np.array(table).reshape(len(post), len(pre)))


def test_nodes_slices_and_area_index():
    net = NETWORKS["lateral_levels"]
    assert net.slice("right") == slice(6, 12)
    assert net.slice("right ear") == slice(1, 3)
    assert net.node("top") == Node("top", "area", 12, 16, 1.5)
    assert net.area_index.tolist() == [0] * 6 + [1] * 6 + [2] * 4
    assert (net.n_neurons, net.n_inputs, net.n_readouts) == (16, 3, 5)
    assert repr(net) == "Connectome(16 neurons in 3 areas, 69 synapses, 3 inputs, 5 readouts)"
    assert repr(net.input) == "Synapses(15 of shape (16, 3), density 0.312)"


# torch


@pytest.mark.parametrize("layout", ["coo", "csr"])
@pytest.mark.parametrize("dtype", [None, torch.float64])
def test_to_torch(layout, dtype):
    net = NETWORKS["measured"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mask = net.to_torch(layout=layout, dtype=dtype)
        weight = net.to_torch("hidden", layout, "cpu", dtype, weights=True)
    assert [w for w in caught if "graphrnn" in w.filename] == []
    assert mask.layout == (torch.sparse_coo if layout == "coo" else torch.sparse_csr)
    assert mask.dtype == weight.dtype == (dtype or torch.float32)
    if layout == "coo":
        assert mask.is_coalesced()
    np.testing.assert_array_equal(weight.to_dense(), net.hidden.matrix.toarray())
    np.testing.assert_array_equal(mask.to_dense(), net.hidden_mask.toarray())


def test_a_torch_tensor_does_not_share_memory_with_the_connectome():
    net = NETWORKS["measured"]
    before = pickle.loads(pickle.dumps(net))
    for layout in ("coo", "csr"):
        tensor = net.to_torch(layout=layout, weights=True)
        tensor.values().zero_() if layout == "csr" else tensor._values().zero_()
    assert net == before


# parts


@each_network
def test_select_keeps_all_neurons_and_only_the_synapses_asked_for(net):
    total = 0
    for kind in KINDS:
        part = net.select(kind=kind)
        assert part.areas == net.areas
        assert {p.kind for p in part.projections} <= {kind}
        assert part.projections == tuple(p for p in net.projections if p.kind == kind)
        for p in net.projections:
            which = p.kind if p.kind in WHICH else "hidden"
            block = (net.slice(p.post), net.slice(p.pre))
            kept, full = (n.synapses(which).mask.toarray()[block] for n in (part, net))
            np.testing.assert_array_equal(kept, full if p.kind == kind else 0 * full)
        total += sum(part.synapses(which).size for which in WHICH)
    assert total == sum(net.synapses(which).size for which in WHICH)
    assert net.select() == net
    assert net.select(kind=list(KINDS)) == net


def test_select_by_ends():
    net = NETWORKS["lateral_levels"]
    one = net.select(pre="left", post=["top", "what"])
    assert [(p.pre, p.post) for p in one.projections] == [("left", "top"), ("left", "what")]
    assert one.hidden.size == net.counts()[2, 0]
    assert one.readout.size == net.counts("readout")[1, 0]
    assert one.input.size == 0
    assert net.select(kind="input", pre="right ear").input.size == net.counts("input")[:, 1].sum()
    assert net.select(kind=[]).hidden.size == 0


def test_select_keeps_weights_with_their_synapses():
    net = NETWORKS["measured"]
    part = net.select(kind="forward")
    dense, kept = net.hidden.matrix.toarray(), part.hidden.mask.toarray().astype(bool)
    np.testing.assert_array_equal(part.hidden.matrix.toarray(), np.where(kept, dense, 0))
    assert part.hidden.types == net.hidden.types


@each_network
def test_a_subnetwork_is_a_block_of_the_matrices(net):
    rng = np.random.default_rng(0)
    keep = rng.random(net.n_neurons) < 0.6
    keep[0] = True
    part = net.subnetwork(neurons=keep)
    np.testing.assert_array_equal(part.hidden_mask.toarray(), net.hidden_mask.toarray()[keep][:, keep])
    np.testing.assert_array_equal(part.input_mask.toarray(), net.input_mask.toarray()[keep])
    np.testing.assert_array_equal(part.readout_mask.toarray(), net.readout_mask.toarray()[:, keep])
    np.testing.assert_array_equal(part.sign, net.sign[keep])
    np.testing.assert_array_equal(part.tau, net.tau[keep])
    sizes = np.bincount(net.area_index[keep], minlength=len(net.areas))
    assert [(a.name, a.size) for a in part.areas] == [
        (a.name, n) for a, n in zip(net.areas, sizes.tolist(), strict=True) if n
    ]
    assert part == net.subnetwork(neurons=np.flatnonzero(keep))
    if net.names is not None:
        assert part == net.subnetwork(neurons=net.names[keep].tolist())
    assert net.subnetwork() == net


def test_a_subnetwork_by_areas():
    net = NETWORKS["lateral_levels"]
    part = net.subnetwork(["top", "left"])
    assert [a.name for a in part.areas] == ["left", "top"]
    assert [a.level for a in part.areas] == [0.0, 1.5]
    assert [(p.pre, p.post) for p in part.projections] == [
        (p.pre, p.post) for p in net.projections if "right" not in (p.pre, p.post)
    ]
    assert net.subnetwork("top").n_neurons == 4


def test_what_was_asked_of_a_projection_is_known_only_where_both_ends_are_whole():
    net = NETWORKS["asymmetric"]
    part = net.subnetwork(neurons=range(1, 12))
    asked = {(p.pre, p.post): (p.possible, p.asked) for p in part.projections}
    assert asked["PFC", "choice"] == (10, 10.0)
    assert asked["V1", "V1"][0] == 6 * 5  # self-connections stay off
    assert math.isnan(asked["V1", "V1"][1])
    assert asked["PFC", "V1"][0] == 5 * 6


# ends of a measured network


def test_with_input_and_with_readout():
    bare = gr.Connectome.from_edges(*tables())
    net = bare.with_input("x", 3, to="M").with_input("y", 2, rule=gr.FixedTotalNumber(3), seed=1)
    net = net.with_readout("out", 2, pre=["M", "S"], rule=0.5)
    np.testing.assert_array_equal(net.input_mask.toarray()[:, :3], [[0] * 3] * 2 + [[1] * 3] * 2)
    assert net.counts("input").tolist() == [[0, 3], [6, 3]]
    assert net.n_readouts == 2
    assert net.hidden == bare.hidden
    assert [
        (p.pre, p.post, p.kind, p.rule, p.possible, p.asked) for p in net.projections[len(bare.projections) :]
    ] == [
        ("x", "M", "input", "AllToAll()", 6, 6.0),
        ("y", "S", "input", "FixedTotalNumber(3)", 4, 3.0),
        ("y", "M", "input", "FixedTotalNumber(3)", 4, 3.0),
        ("S", "out", "readout", "Bernoulli(0.5)", 4, 2.0),
        ("M", "out", "readout", "Bernoulli(0.5)", 4, 2.0),
    ]


def test_the_seed_of_an_end_is_kept_where_there_was_none():
    bare = gr.Connectome.from_edges(*tables())
    assert bare.seed is None
    drawn = bare.with_readout("out", 9, rule=0.5)
    assert drawn.seed is not None
    assert bare.with_readout("out", 9, rule=0.5, seed=drawn.seed) == drawn
    assert drawn.with_input("in", 9, rule=0.5) == drawn.with_input("in", 9, rule=0.5)
    compiled = NETWORKS["asymmetric"]
    assert compiled.with_input("more", 3, rule=0.5, seed=77).seed == compiled.seed
    assert compiled.with_input("more", 3, rule=0.5) == compiled.with_input(
        "more", 3, rule=0.5, seed=compiled.seed
    )


def test_the_rule_of_an_end_sees_the_areas_as_compiling_does():
    """An area has its own number of coordinates; a channel has neither sign nor place."""
    placed = NETWORKS["with_positions"]
    with pytest.raises(ValueError, match="needs positions in 'touch'"):
        placed.with_input("touch", 2, to="sheet", rule=gr.DistanceDependent(gr.Gaussian(1.0)))
    with pytest.raises(ValueError, match="needs neurons with signs in 'touch'"):
        placed.with_input("touch", 2, to="sheet", rule=gr.BySign(ee=0.5))
    seen = []

    class Look(gr.Rule):
        def sample(self, pre, post, rng, *, skip_diagonal=False):
            seen.append((pre, post))
            return Draw(np.zeros(0, int), np.zeros(0, int))

        def expected(self, pre, post, *, skip_diagonal=False):
            return 0.0

    placed.with_readout("out", 1, rule=Look())
    assert [None if pre.positions is None else pre.positions.shape for pre, _ in seen] == [
        (16, 1),
        (9, 2),
        None,
    ]
    NETWORKS["excitatory_inhibitory"].with_input("in 2", 1, to="PFC", rule=Look())
    assert seen[-1][1].sign.tolist() == [1] * 8 + [-1] * 2
    assert seen[-1][0].sign is None


def test_an_end_keeps_the_weights_there_were():
    net = NETWORKS["explicit_weights"].with_input("more", 1, to="b")
    np.testing.assert_array_equal(net.input.weight, [-1.5, 0.25, np.nan, np.nan, np.nan])


# tables


def test_from_edges():
    edges, neurons = tables()
    net = gr.Connectome.from_edges(edges=edges, neurons=neurons)
    assert net.names.tolist() == ["a", "c", "b", "d"]
    assert [(a.name, a.size, a.level) for a in net.areas] == [("S", 2, None), ("M", 2, None)]
    np.testing.assert_array_equal(
        net.hidden.matrix.toarray(), [[0, 0, 0, 0], [0, 0, 0, 0], [1, 2, 0, 0], [0, 0, 3, 0]]
    )
    assert [(p.pre, p.post, p.kind, p.rule) for p in net.projections] == [
        ("S", "M", "unclassified", "measured"),
        ("M", "M", "within", "measured"),
    ]
    assert dict(net.report) == {}
    assert net.seed is None
    assert not net.sign.any()
    assert np.isnan(net.tau).all()


def test_levels_give_the_kinds():
    edges, neurons = tables()
    neurons["level"] = neurons["area"].map({"S": 2, "M": 1})
    assert [p.kind for p in gr.Connectome.from_edges(edges, neurons).projections] == ["backward", "within"]
    neurons["level"] = neurons["area"].map({"S": 1})
    assert [p.kind for p in gr.Connectome.from_edges(edges, neurons).projections] == [
        "unclassified",
        "within",
    ]


def test_excitatory_neurons_come_first_in_their_area():
    edges, neurons = tables()
    neurons["sign"] = [-1, 0, 1, 1]
    net = gr.Connectome.from_edges(edges, neurons)
    assert net.names.tolist() == ["c", "a", "d", "b"]
    assert net.sign.tolist() == [1, -1, 1, 0]
    assert net.sign.dtype == np.int8


def test_parallel_rows_are_summed_and_counted():
    edges, neurons = tables()
    edges = pd.concat([edges, edges, edges[:1]])
    edges["type"] = ["chemical", "chemical", "chemical", "electrical", "chemical", "chemical", "chemical"]
    net = gr.Connectome.from_edges(edges, neurons)
    assert net.hidden.weight.tolist() == [3.0, 4.0, 6.0]
    assert [net.hidden.types[i] for i in net.hidden.type] == ["chemical+electrical", "chemical", "chemical"]
    assert dict(net.report) == {"merged": 4}


def test_many_merged_types_take_no_quadratic_time():
    n = 40_000
    neurons = pd.DataFrame({"neuron": range(n), "area": "all"})
    edges = pd.DataFrame({"pre": range(n), "post": np.roll(range(n), 1)})
    edges = pd.concat([edges.assign(type="b"), edges.assign(type="a")])
    net = gr.Connectome.from_edges(edges, neurons)
    assert net.hidden.types == ("a+b",)
    assert dict(net.report) == {"merged": n}


def test_unknown_ends_can_be_dropped():
    edges, neurons = tables()
    edges.loc[3] = ["muscle", "a", np.nan]
    net = gr.Connectome.from_edges(edges, neurons, unknown="drop")
    assert dict(net.report) == {"dropped": 1}
    assert net.hidden.size == 3


def test_names_may_be_numbers():
    neurons = pd.DataFrame({"neuron": [10, 2], "area": [1, 1]})
    edges = pd.DataFrame({"pre": ["10"], "post": [2]})
    net = gr.Connectome.from_edges(edges, neurons)
    assert net.names.tolist() == ["10", "2"]
    assert net.areas[0].name == "1"
    assert net.hidden_mask.toarray().tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize("name", ["measured", "measured_without_levels"])
def test_tables_come_back(name):
    net = NETWORKS[name]
    edges, neurons = net.to_edges()
    again = gr.Connectome.from_edges(edges, neurons)
    for part in ("areas", "hidden", "sign", "tau", "names", "positions"):
        assert Connectome.__eq__(dataclasses.replace(net, **{part: getattr(again, part)}), net), part


@pytest.mark.parametrize("axes", [["x"], ["x", "y"], ["x", "y", "z"]])
def test_positions_go_through_tables(axes):
    edges, neurons = tables()
    given = np.arange(4 * len(axes)).reshape(4, -1) / 7
    given[1, 0] = np.nan  # not every cell has been found
    net = Connectome.from_edges(edges, neurons.assign(**dict(zip(axes, given.T, strict=True))))
    order = [neurons["neuron"].tolist().index(name) for name in net.names.tolist()]
    np.testing.assert_array_equal(net.positions, given[order])
    again = Connectome.from_edges(*net.to_edges())
    assert again == net
    np.testing.assert_array_equal(again.positions, net.positions)
    graph = net.to_networkx()
    for _, data in graph.nodes(data=True):  # as GraphML of graphrnn has them
        data.update(zip(axes, data.pop("position"), strict=True))
    np.testing.assert_array_equal(Connectome.from_networkx(graph).positions, net.positions)


@each_network
def test_every_network_goes_through_tables(net):
    edges, neurons = net.to_edges()
    assert len(edges) == net.hidden.size
    assert neurons["neuron"].is_unique
    if net.names is None:
        assert neurons["neuron"].iloc[-1] == f"{net.areas[-1].name}/{net.areas[-1].size - 1}"


# networkx


@each_network
def test_networkx_comes_back_exactly(net):
    assert Connectome.from_networkx(net.to_networkx()) == net
    part = net.select(kind=["forward", "within", "input"])
    assert Connectome.from_networkx(part.to_networkx()) == part


def test_a_graph_of_neurons_carries_what_is_known():
    graph = NETWORKS["measured"].to_networkx()
    name = "n00"
    assert graph.nodes[name]["area"] == "sensory"
    assert graph.nodes[name]["level"] == 0.0
    assert graph.nodes["stimulus/1"] == {"role": "input", "input": "stimulus"}
    _, _, data = next(iter(graph.edges(data=True)))
    assert set(data) == {"kind", "weight", "type"}
    plain = NETWORKS["asymmetric"].to_networkx()
    assert plain.nodes["PFC/0"] == {"role": "area", "area": "PFC", "level": 1.0}
    assert next(iter(NETWORKS["measured_without_levels"].to_networkx().edges(data=True)))[2]["delay"] == 1.0


def test_a_graph_of_your_own():
    graph = nx.DiGraph()
    graph.add_node("s", input="in")
    graph.add_nodes_from(["a", "b"], area="X", level=0)
    graph.add_node("c", area="Y", level=1, sign=-1, tau=5.0, position=(1.0, 2.0))
    graph.add_node("m", readout="out")
    graph.add_edges_from([("s", "a"), ("a", "c"), ("c", "b"), ("b", "m")])
    graph.add_edge("a", "b", weight=2.5)
    net = Connectome.from_networkx(graph)
    np.testing.assert_array_equal(net.hidden_mask.toarray(), [[0, 0, 0], [1, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(net.hidden.weight, [2.5, np.nan, np.nan])
    assert net.input_mask.toarray().tolist() == [[1], [0], [0]]
    assert net.readout_mask.toarray().tolist() == [[0, 1, 0]]
    assert {(p.pre, p.post): (p.kind, p.possible) for p in net.projections} == {
        ("in", "X"): ("input", 2),
        ("X", "X"): ("within", 4),
        ("X", "Y"): ("forward", 2),
        ("Y", "X"): ("backward", 2),
        ("X", "out"): ("readout", 2),
    }
    assert net.sign.tolist() == [0, 0, -1]
    assert net.positions is None  # not every neuron has one


def test_kinds_may_be_given_on_edges():
    graph = nx.DiGraph()
    graph.add_node(1, area="X")
    graph.add_node(2, area="Y")
    graph.add_edge(1, 2, kind="lateral")
    assert Connectome.from_networkx(graph).projections[0].kind == "lateral"


def test_channels_of_one_input_lie_side_by_side():
    graph = nx.DiGraph()
    for i, owner in enumerate(["x", "y", "x"]):
        graph.add_node(f"c{i}", input=owner)
    graph.add_nodes_from(range(3), area="A")
    graph.add_edges_from([("c0", 0), ("c1", 1), ("c2", 2)])
    net = Connectome.from_networkx(graph)
    assert [(n.name, n.size) for n in net.inputs] == [("x", 2), ("y", 1)]
    np.testing.assert_array_equal(net.input_mask.toarray(), [[1, 0, 0], [0, 0, 1], [0, 1, 0]])


def test_a_multigraph_has_its_parallel_edges_summed():
    graph = nx.MultiDiGraph()
    graph.add_nodes_from("ab", area="A")
    graph.add_edge("a", "b", weight=1.0)
    graph.add_edge("a", "b", weight=2.0)
    net = Connectome.from_networkx(graph)
    assert net.hidden.weight.tolist() == [3.0]
    assert dict(net.report) == {"merged": 1}


def test_a_graph_that_was_changed_after_it_was_made():
    graph = NETWORKS["lateral_levels"].to_networkx()
    graph.remove_nodes_from([n for n, area in graph.nodes(data="area") if area == "right"])
    graph.remove_node("left/5")
    graph.remove_edges_from([e for e in list(graph.edges) if graph.nodes[e[0]].get("area") == "left"])
    graph.add_node("new", area="extra", level=3)
    graph.add_edge("top/0", "new")
    net = Connectome.from_networkx(graph)
    kinds = {(p.pre, p.post): (p.kind, p.rule, p.possible) for p in net.projections}
    assert kinds["top", "extra"] == ("forward", "measured", 4)
    assert kinds["top", "left"] == ("backward", "Bernoulli(0.4)", 4 * 5)
    assert kinds["left", "top"] == ("forward", "Bernoulli(0.4)", 4 * 5)
    assert not any("right" in pair for pair in kinds)


def test_the_order_of_signed_masks_survives_networkx():
    net = NETWORKS["bare_masks"]
    assert (np.diff(net.sign) > 0).any()  # not sorted by sign, and must stay so
    assert Connectome.from_networkx(net.to_networkx()).sign.tolist() == net.sign.tolist()


# masks


def as_torch(dense, layout):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.tensor(dense).to_sparse(layout=layout)


FORMS = {
    "numpy": lambda m: m,
    "bool": lambda m: m != 0,
    "int8": lambda m: m.astype(np.int8),
    "list": lambda m: m.tolist(),
    "coo_array": scipy.sparse.coo_array,
    "csr_matrix": scipy.sparse.csr_matrix,
    "csc_array": scipy.sparse.csc_array,
    "lil_array": scipy.sparse.lil_array,
    "torch": torch.tensor,
    "torch grad": lambda m: torch.tensor(m, requires_grad=True),
    "torch bool": lambda m: torch.tensor(m != 0),
    "torch bfloat16": lambda m: torch.tensor(m, dtype=torch.bfloat16),
    "torch coo": lambda m: as_torch(m, torch.sparse_coo),
    "torch csr": lambda m: as_torch(m, torch.sparse_csr),
    "torch csc": lambda m: as_torch(m, torch.sparse_csc),
}


@pytest.mark.parametrize("second", FORMS)
@pytest.mark.parametrize("first", FORMS)
def test_from_masks_takes_any_mix(first, second):
    rng = np.random.default_rng(0)
    shapes = (5, 2), (5, 5), (3, 5)
    dense = [(rng.random(shape) < 0.5) * rng.uniform(1, 2, shape) for shape in shapes]
    given = [FORMS[form](m) for form, m in zip((first, second, first), dense, strict=True)]
    net = Connectome.from_masks(*given)
    for mask, expected in zip(net.get_masks(), dense, strict=True):
        np.testing.assert_array_equal(mask.toarray(), expected != 0)
    assert net.hidden.weight is None
    assert not net.sign.any()
    assert [(p.pre, p.post, p.kind) for p in net.projections] == [
        ("input", "hidden", "input"),
        ("hidden", "hidden", "within"),
        ("hidden", "readout", "readout"),
    ]


def test_from_masks_takes_the_masks_it_gave():
    net = NETWORKS["lateral_levels"]
    again = Connectome.from_masks(*net.get_masks())
    for which in WHICH:
        assert again.synapses(which) == net.synapses(which)


def test_from_masks_without_ends():
    net = Connectome.from_masks(None, np.eye(3), None)
    assert (net.inputs, net.readouts) == ((), ())
    assert net.hidden.size == 3


def test_signs_of_masks_are_those_of_the_columns():
    hidden = np.array([[1, -1, 0, 2, 0], [0, -3, 0, -1, 0], *np.zeros((3, 5))])
    readout = np.array([[0, 0, -1, 0, 0]])
    assert Connectome.from_masks(None, hidden, readout).sign.tolist() == [1, -1, -1, 0, 0]
    assert Connectome.from_masks(None, abs(hidden), abs(readout)).sign.tolist() == [0] * 5


def test_a_stored_zero_is_no_synapse_and_repeated_entries_are_one():
    stored = scipy.sparse.coo_array(([0.0, 1.0, 1.0], ([0, 1, 1], [0, 0, 0])), shape=(2, 2))
    assert Connectome.from_masks(None, stored, None).hidden_mask.toarray().tolist() == [[0, 0], [1, 0]]
    wraps = scipy.sparse.coo_array(
        (np.full(256, 1, np.uint8), (np.zeros(256, int), np.ones(256, int))), shape=(2, 2)
    )
    assert Connectome.from_masks(None, wraps, None).hidden_mask.toarray().tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize("form", ["numpy", "coo_array", "csr_matrix", "torch", "torch coo"])
def test_masks_are_not_changed(form):
    dense = np.array([[0.0, -2.0], [1.5, 0.0]])
    given = FORMS[form](dense.copy())
    if form == "coo_array":
        given = scipy.sparse.coo_array(([1.5, -3.0, 1.0, 0.0], ([1, 0, 0, 1], [0, 1, 1, 1])), shape=(2, 2))
    before = copy.deepcopy(given)
    Connectome.from_masks(given, given, given)
    after = given.to_dense() if isinstance(given, torch.Tensor) else given
    if form == "coo_array":
        np.testing.assert_array_equal(given.data, before.data)
        np.testing.assert_array_equal(given.coords, before.coords)
    np.testing.assert_array_equal(scipy.sparse.coo_array(after).toarray(), dense)


# frozen


@each_network
def test_all_arrays_are_read_only(net):
    for twin in (net, pickle.loads(pickle.dumps(net)), copy.deepcopy(net), copy.copy(net)):
        assert twin == net
        derived = [net.area_index, net.hidden.indptr]
        assert not any(array.flags.writeable for array in [*arrays(twin), *derived])
        with pytest.raises(dataclasses.FrozenInstanceError):
            twin.seed = 3
        with pytest.raises(TypeError):
            twin.report["merged"] = 3


@each_network
def test_what_is_given_out_may_be_changed(net):
    before = pickle.dumps(net)
    for which in WHICH:
        for matrix in (net.synapses(which).mask, net.synapses(which).matrix):
            matrix.data[:] = 7
            matrix.row[:] = 0
            matrix.col[:] = 0
    graph = net.to_networkx()
    graph.clear()
    edges, neurons = net.to_edges()
    edges["pre"], neurons["tau"] = "", 3.0
    net.counts()[:] = 9
    assert pickle.loads(before) == net


def test_arrays_given_stay_writable_and_are_not_shared():
    post, pre = np.array([0, 1], np.int32), np.array([1, 0], np.int32)
    weight, delay, code = np.array([1.0, 2.0]), np.array([0.5, 1.0]), np.array([0, 1], np.int16)
    synapses = Synapses((2, 2), post, pre, weight, delay, code, ("a", "b"))
    sign, tau = np.array([1, -1], np.int8), np.array([1.0, 2.0])
    names, positions = np.array(["x", "y"]), np.array([[0.0], [1.0]])
    net = dataclasses.replace(
        NETWORKS["bare_masks"].subnetwork(neurons=[0, 1]).select(kind=[]),
        hidden=synapses,
        sign=sign,
        tau=tau,
        names=names,
        positions=positions,
    )
    before = pickle.loads(pickle.dumps(net))
    for array in (post, pre, weight, delay, code, sign, tau, names, positions):
        array[:] = array[::-1].copy()
    assert net == before


def test_tables_given_are_not_changed():
    edges, neurons = tables()
    before = edges.copy(), neurons.copy()
    Connectome.from_edges(edges, neurons)
    pd.testing.assert_frame_equal(edges, before[0])
    pd.testing.assert_frame_equal(neurons, before[1])


# equality and pattern


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 99},
        {"report": {"dropped": 1}},
        {"sign": np.r_[-1, np.zeros(11)]},
        {"tau": np.r_[3.0, np.full(11, np.nan)]},
        {"names": np.arange(12).astype(str)},
        {"positions": np.zeros((12, 2))},
        {"projections": ()},
        {"areas": (Node("V1", "area", 0, 7, 0.0), Node("PFC", "area", 7, 12, 0.5))},
    ],
    ids=lambda c: next(iter(c)),
)
def test_networks_that_differ_are_not_equal(change):
    net = NETWORKS["asymmetric"]
    assert dataclasses.replace(net) == net
    assert dataclasses.replace(net, **change) != net
    assert net != 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(net)


def test_the_digest_stands_for_the_pattern_alone():
    one = Synapses.from_pairs((3, 3), [0, 1], [1, 2], weight=[1, 2])
    assert one.digest() == Synapses.from_pairs((3, 3), [1, 0], [2, 1]).digest()
    others = [
        ((3, 4), [0, 1], [1, 2]),
        ((3, 3), [0, 1], [1, 1]),
        ((3, 3), [0, 2], [1, 2]),
        ((3, 3), [0], [1]),
    ]
    digests = {Synapses.from_pairs(*other).digest() for other in others}
    assert len(digests) == 4
    assert one.digest() not in digests
    assert len(one.digest()) == 16
    assert one.digest().hex() == "6176441f620ce72afd21eb10c4967b13"


def test_from_pairs_sorts_all_arrays_alike():
    synapses = Synapses.from_pairs(
        (2, 3),
        [1, 0, 1],
        [2, 1, 0],
        weight=[3, 1, 2],
        delay=[0.3, 0.1, 0.2],
        type=[1, 0, 0],
        types=("a", "b"),
    )
    assert synapses.post.tolist() == [0, 1, 1]
    assert synapses.pre.tolist() == [1, 0, 2]
    assert synapses.weight.tolist() == [1, 2, 3]
    assert synapses.delay.tolist() == [0.1, 0.2, 0.3]
    assert synapses.type.tolist() == [0, 0, 1]
    assert synapses.post.dtype == synapses.pre.dtype == np.int32
    assert synapses.type.dtype == np.int16
    assert synapses.take(np.array([True, False, True])).weight.tolist() == [1, 3]


def test_draws_of_one_target_are_merged():
    one = Draw(np.array([0, 1]), np.array([1, 0]))
    two = Draw(np.array([0, 1]), np.array([0, 1]), np.array([5.0, 6.0]))
    for draws in ([(0, 0, one), (0, 2, two), (2, 0, one)], [(0, 2, two), (0, 0, one), (2, 0, one)]):
        synapses = Synapses.from_draws((4, 4), iter(draws))
        assert synapses == Synapses.joined((4, 4), draws)
        assert synapses.post.tolist() == [0, 0, 1, 1, 2, 3]
        assert synapses.pre.tolist() == [1, 2, 0, 3, 1, 0]
        np.testing.assert_array_equal(synapses.weight, [np.nan, 5, np.nan, 6, np.nan, np.nan])
    assert Synapses.from_draws((4, 4), []).size == 0


@pytest.mark.parametrize(
    ("pre", "post", "kind"),
    [
        (Node("i", "input", 0, 1), Node("A", "area", 0, 1), "input"),
        (Node("A", "area", 0, 1), Node("r", "readout", 0, 1), "readout"),
        (Node("A", "area", 0, 1), Node("A", "area", 0, 1), "within"),
        (Node("A", "area", 0, 1, 0.0), Node("B", "area", 1, 2, 1.0), "forward"),
        (Node("A", "area", 0, 1, 0.0), Node("B", "area", 1, 2, -1.0), "backward"),
        (Node("A", "area", 0, 1, 0.0), Node("B", "area", 1, 2, 0.0), "lateral"),
        (Node("A", "area", 0, 1, 0.0), Node("B", "area", 1, 2), "unclassified"),
    ],
)
def test_kind_between(pre, post, kind):
    assert kind_between(pre, post) == kind


def test_projections_are_values():
    one = Projection("a", "b", "forward", "measured", 6)
    assert one == Projection("a", "b", "forward", "measured", 6)
    assert hash(one) == hash(dataclasses.replace(one))
    assert one != dataclasses.replace(one, asked=3.0)
    assert one != 3


# messages


def edges_with(**columns):
    edges, neurons = tables()
    return lambda: Connectome.from_edges(edges.assign(**columns), neurons)


def neurons_with(**columns):
    edges, neurons = tables()
    return lambda: Connectome.from_edges(edges, neurons.assign(**columns))


def graph_with(*nodes, edges=(), kind=nx.DiGraph):
    graph = kind()
    for name, data in nodes:
        graph.add_node(name, **data)
    graph.add_edges_from(edges)
    return lambda: Connectome.from_networkx(graph)


def network(**change):
    return lambda: dataclasses.replace(NETWORKS["asymmetric"], **change)


NET, MEASURED, EDGES, NEURONS = NETWORKS["asymmetric"], NETWORKS["measured"], *tables()
SQUARE = np.ones((3, 3))
CELL = {"area": "A"}

MESSAGES = [
    (lambda: Connectome.from_edges(EDGES.to_numpy(), NEURONS), TypeError,
     "`Connectome.from_edges(...)` needs a pandas DataFrame of edges; it got ndarray."),
    (lambda: Connectome.from_edges(EDGES, None), TypeError,
     "`Connectome.from_edges(...)` needs a pandas DataFrame of neurons; it got NoneType."),
    (lambda: Connectome.from_edges(EDGES.set_axis(["source", "target", "w"], axis=1), NEURONS), ValueError,
     "`Connectome.from_edges(...)` needs the columns pre, post in the table of edges; its columns are "
     "source, target, w. Rename them with DataFrame.rename."),
    (lambda: Connectome.from_edges(EDGES, NEURONS[["neuron"]]), ValueError,
     "`Connectome.from_edges(...)` needs the column area in the table of neurons; its columns are neuron. "
     "Rename them with DataFrame.rename."),
    (lambda: Connectome.from_edges(EDGES, NEURONS, duplicates="all"), ValueError,
     "`Connectome.from_edges(...)` needs `duplicates` to be one of sum, mean, max, min, count, "
     "error; it got 'all'."),
    (lambda: Connectome.from_edges(EDGES, NEURONS, unknown="ignore"), ValueError,
     "`Connectome.from_edges(...)` needs `unknown` to be one of error, drop; it got 'ignore'."),
    (lambda: Connectome.from_edges(pd.concat([EDGES, EDGES]), NEURONS, duplicates="error"), ValueError,
     "`Connectome.from_edges(...)` needs each pair once where duplicates='error'; a → b is listed more often "
     "(3 repeated in all). Merge them yourself or use duplicates='sum'."),
    (edges_with(pre=["a", None, "b"]), ValueError,
     "`Connectome.from_edges(...)` needs a value in every row of `pre`; 1 are missing."),
    (edges_with(post=["b", "z", "d"]), ValueError,
     "`Connectome.from_edges(...)` needs both ends of every edge in the table of neurons; 'z' in row 1 is "
     "not "
     "there (1 such edges in all). Add the neuron, or leave these edges out with unknown='drop'."),
    (edges_with(pre=[7.2e17, 1.0, 2.0]), ValueError,
     "`Connectome.from_edges(...)` needs names or whole numbers in the column `pre` of the edges; it holds "
     "floats, which round an id as long as 720000000000000000. Read the table anew with dtype=str."),
    (edges_with(pre=["1", "2", "3"], post=["4", "5", "6"]), ValueError,
     "`Connectome.from_edges(...)` found no end of any edge in the table of neurons: the edges name '1', the "
     "neurons 'a'. Take both names from the same kind of ids."),
    (edges_with(weight=[1.0, np.nan, np.inf]), ValueError,
     "`Connectome.from_edges(...)` needs finite weights; 2 of 3 are NaN or infinite. Remove these edges "
     "or give "
     "them a weight."),
    (edges_with(weight=["heavy", 1, 2]), ValueError,
     "`Connectome.from_edges(...)` needs numbers in the column `weight` of the edges; row 0 has 'heavy'. "
     "Write numbers with a decimal point, without separators of thousands."),
    (edges_with(delay=[1.0, -1.0, 2.0]), ValueError,
     "`Connectome.from_edges(...)` needs finite delays of 0 ms or more."),
    (edges_with(pre=["a", "a", "b"], delay=[1.0, 2.0, 2.0]), ValueError,
     "`Connectome.from_edges(...)` cannot merge parallel edges whose delays differ. Choose delays='min', "
     "'max' or 'mean', or give each pair one delay first."),
    (edges_with(type=["x", None, "y"]), ValueError,
     "`Connectome.from_edges(...)` needs a value in every row of `type`; 1 are missing."),
    (neurons_with(neuron=["a", "a", "c", "d"]), ValueError,
     "`Connectome.from_edges(...)` needs each neuron once; 'a' is listed more often (1 repeated in all)."),
    (neurons_with(level=[1, 2, 3, 2]), ValueError,
     "`Connectome.from_edges(...)` needs one level for the whole area 'S'; its neurons have 1, 3. "
     "Split the area or give one level."),
    (neurons_with(level=[1, 2, None, 2]), ValueError,
     "`Connectome.from_edges(...)` needs one level for the whole area 'S'; its neurons have 1, nan. "
     "Split the area or give one level."),
    (neurons_with(level=np.inf), ValueError,
     "`Connectome.from_edges(...)` needs finite levels in the column `level`."),
    (neurons_with(sign=[2, 0, 0, 0]), ValueError,
     "`Connectome.from_edges(...)` needs 1 (excitatory), -1 (inhibitory) or 0 (not known) in the column "
     "`sign`."),
    (neurons_with(sign=["E", "I", "E", "E"]), ValueError,
     "`Connectome.from_edges(...)` needs numbers in the column `sign` of the neurons; row 0 has 'E'. Write "
     "numbers with a decimal point, without separators of thousands."),
    (neurons_with(tau=[1, 2, 0, 3]), ValueError,
     "`Connectome.from_edges(...)` needs finite time constants above 0 ms in the column `tau`."),
    (lambda: Connectome.from_networkx(nx.path_graph(3)), TypeError,
     "`Connectome.from_networkx(...)` needs a directed graph; it got Graph. An undirected one becomes two "
     "directed "
     "edges each with graph.to_directed()."),
    (lambda: Connectome.from_networkx("worm"), TypeError,
     "`Connectome.from_networkx(...)` needs a directed graph; it got str. An undirected one becomes two "
     "directed "
     "edges each with graph.to_directed()."),
    (graph_with(("n", {})), ValueError,
     "`Connectome.from_networkx(...)` needs an attribute `area` (or `input`, `readout`) on every node; "
     "'n' has "
     "none. For a graph of one area use nx.set_node_attributes(graph, 'network', 'area')."),
    (graph_with(("n", CELL), ("r", {"readout": "out"}), edges=[("r", "n")]), ValueError,
     "`Connectome.from_networkx(...)` allows edges from inputs to neurons, among neurons and from neurons to "
     "readouts; 'r' → 'n' runs from readout to area."),
    (graph_with(("n", CELL), edges=[("n", "n", {"weight": np.nan})]), ValueError,
     "`Connectome.from_networkx(...), edge 'n' → 'n'` needs `weight` to be finite; it got nan."),
    (graph_with(("n", CELL), edges=[("n", "n", {"kind": "sideways"})]), ValueError,
     "`Connectome.from_networkx(...), edge 'n' → 'n'` needs `kind` to be one of forward, backward, "
     "lateral, within, "
     "unclassified; it got 'sideways'."),
    (graph_with(("n", CELL), ("m", CELL), ("k", {"area": "B"}),
                edges=[("n", "k", {"kind": "forward"}), ("m", "k", {"kind": "lateral"})]), ValueError,
     "`Connectome.from_networkx(...)` needs one kind for all synapses from 'A' to 'B'; it found forward "
     "and lateral."),
    (graph_with((1, CELL), ("1", CELL)), ValueError,
     "`Connectome.from_networkx(...)` needs each neuron once; '1' is listed more often (1 repeated in all)."),
    (graph_with(("n", CELL), ("i", {"input": "A"})), ValueError,
     "`Connectome(...)` needs nodes of different names; two are 'A'."),
    (lambda: Connectome.from_masks(None, None, None), TypeError,
     "`Connectome.from_masks(...)` needs the hidden mask as a 2-D numpy array, scipy sparse matrix or "
     "torch tensor "
     "of numbers; it got object of shape ()."),
    (lambda: Connectome.from_masks(np.ones(3), SQUARE, None), TypeError,
     "`Connectome.from_masks(...)` needs the input mask as a 2-D numpy array, scipy sparse matrix or "
     "torch tensor "
     "of numbers; it got float64 of shape (3,)."),
    (lambda: Connectome.from_masks(None, SQUARE * 1j, None), TypeError,
     "`Connectome.from_masks(...)` needs the hidden mask as a 2-D numpy array, scipy sparse matrix or "
     "torch tensor "
     "of numbers; it got complex128 of shape (3, 3)."),
    (lambda: Connectome.from_masks(None, np.ones((3, 4)), None), ValueError,
     "`Connectome.from_masks(...)` needs a square hidden mask (neuron, neuron) of at least one neuron; it "
     "has shape "
     "(3, 4)."),
    (lambda: Connectome.from_masks(None, np.ones((0, 0)), None), ValueError,
     "`Connectome.from_masks(...)` needs a square hidden mask (neuron, neuron) of at least one neuron; it "
     "has shape "
     "(0, 0)."),
    (lambda: Connectome.from_masks(np.ones((2, 3)), SQUARE, None), ValueError,
     "`Connectome.from_masks(...)` needs the input mask to be (neuron, input) with 3 neurons; its shape is "
     "(2, 3). "
     "Its transpose fits: every mask here is (post, pre); nn4n's are transposed, so pass mask.T."),
    (lambda: Connectome.from_masks(None, SQUARE, np.ones((3, 1))), ValueError,
     "`Connectome.from_masks(...)` needs the readout mask to be (readout, neuron) with 3 neurons; its "
     "shape is "
     "(3, 1). Its transpose fits: every mask here is (post, pre); nn4n's are transposed, so pass mask.T."),
    (lambda: Connectome.from_masks(np.ones((4, 5)), SQUARE, None), ValueError,
     "`Connectome.from_masks(...)` needs the input mask to be (neuron, input) with 3 neurons; its shape is "
     "(4, 5). "
     "Check the order [input, hidden, readout]."),
    (lambda: Connectome.from_masks(None, SQUARE * np.nan, None), ValueError,
     "`Connectome.from_masks(...)` needs finite entries in the hidden mask; it has NaN or infinite ones. "
     "Put 0 where there is no synapse."),
    (lambda: NET.node("V2"), ValueError, "`net.node(...)` found no node named 'V2'. There is 'V1', 'PFC', "
    "'stimulus', 'choice'."),
    (lambda: NET.ends("output"), ValueError,
     "`net.ends(...)` needs `which` to be one of input, hidden, readout; it got 'output'."),
    (lambda: NET.to_torch("weights"), ValueError,
     "`net.to_torch(...)` needs `which` to be one of input, hidden, readout; it got 'weights'."),
    (lambda: NET.to_torch(layout="bsr"), ValueError,
     "`net.to_torch(...)` needs `layout` to be one of coo, csr; it got 'bsr'."),
    (lambda: NET.to_torch(weights=True), ValueError,
     "`net.to_torch(...)` found no weights in this connectome. Leave weights=False for a mask of ones."),
    (lambda: NET.select(kind="foward"), ValueError,
     "`net.select(...)` found no kind named 'foward'. Did you mean 'forward'?"),
    (lambda: NET.select(pre="X"), ValueError,
     "`net.select(...)` found no node named 'X'. There is 'stimulus', 'V1', 'PFC', 'choice'."),
    (lambda: NET.subnetwork("MT"), ValueError, "`net.subnetwork(...)` found no area named 'MT'. There is "
    "'V1', 'PFC'."),
    (lambda: NET.subnetwork(neurons=[]), ValueError,
     "`net.subnetwork(...)` needs at least one neuron to keep; nothing is left."),
    (lambda: NET.subnetwork(neurons=[12]), ValueError,
     "`net.subnetwork(...)` needs neurons as indices from 0 to 11, names or a boolean array."),
    (lambda: NET.subnetwork(neurons=[-1]), ValueError,
     "`net.subnetwork(...)` needs neurons as indices from 0 to 11, names or a boolean array."),
    (lambda: NET.subnetwork(neurons=[True, False]), ValueError,
     "`net.subnetwork(...)` needs one True or False for each of 12 neurons; it got shape (2,)."),
    (lambda: MEASURED.subnetwork(neurons=["n00", "n99"]), ValueError,
     "`net.subnetwork(...)` found no neuron named 'n99'. Did you mean 'n19'?"),
    (lambda: NET.with_input("V1", 1), ValueError,
     "`net.with_input('V1', ...)` needs a name of its own; 'V1' exists already."),
    (lambda: NET.with_input("", 1), ValueError, "`net.with_input('', ...)` needs a `name` that is not "
    "empty."),
    (lambda: NET.with_input("x", 0), ValueError, "`net.with_input('x', ...)` needs `size` of at least 1; "
    "it got 0."),
    (lambda: NET.with_readout("x", 1, pre="V2"), ValueError,
     "`net.with_readout('x', ...)` found no area named 'V2'. There is 'V1', 'PFC'."),
    (lambda: NET.with_readout("x", 1, pre=[]), ValueError,
     "`net.with_readout('x', ...)` needs at least one area in `pre`."),
    (lambda: NET.with_readout("x", 1, rule="all"), TypeError,
     "`net.with_readout('x', ...)` needs a connection rule or a density from 0 to 1; it got 'all'. "
     "Give a number such as 0.1 or a rule such as FixedIndegree(10)."),
    (lambda: NET.with_readout("x", 1, seed=-1), ValueError,
     "`net.with_readout('x', ...)` needs `seed` to be None, a numpy Generator or a whole number from 0 to "
     "2**63 - 1; it got -1."),
    (lambda: dataclasses.replace(NET, names=["stimulus/0", *"abcdefghijk"]).to_networkx(), ValueError,
     "`net.to_networkx()` needs the name 'stimulus/0' for a channel of input 'stimulus'; a neuron or "
     "another channel "
     "has it. "
     "Rename that one."),
    (network(sign=np.ones(3)), ValueError,
     "`Connectome(...)` needs one entry per neuron in `sign`; it got shape (3,) for 12 neurons."),
    (network(sign=np.full(12, 257)), ValueError,
     "`Connectome(...)` needs 1 (excitatory), -1 (inhibitory) or 0 (not known) in `sign`."),
    (network(tau=np.zeros(12)), ValueError,
     "`Connectome(...)` needs finite time constants above 0 ms in `tau`, NaN where none is known."),
    (network(positions=np.zeros(12)), ValueError,
     "`Connectome(...)` needs one entry per neuron in `positions`; it got shape (12,) for 12 neurons."),
    (network(input=NET.hidden), ValueError,
     "`Connectome(...)` needs input synapses of shape (12, 3), (post, pre); it got (12, 12)."),
    (network(areas=(Node("V1", "area", 0, 7), Node("PFC", "area", 8, 13))), ValueError,
     "`Connectome(...)` needs nodes that lie end to end; 'PFC' should start at 7 and runs from 8 to 13."),
    (network(inputs=(Node("V1", "input", 0, 3),)), ValueError,
     "`Connectome(...)` needs nodes of different names; two are 'V1'."),
    (network(projections=(Projection("V1", "V4", "forward", "measured", 1),)), ValueError,
     "`Connectome(...)` has a projection 'V1' → 'V4' and no node 'V4'."),
    (lambda: Synapses((2, 2), [0, 2], [0, 0]), ValueError,
     "`Synapses(...)` needs `post` indices from 0 to 1; it got 0 to 2."),
    (lambda: Synapses((2, 2), [0], [-1]), ValueError,
     "`Synapses(...)` needs `pre` indices from 0 to 1; it got -1 to -1."),
    (lambda: Synapses((2, 2), [0.5], [0]), TypeError,
     "`Synapses(...)` needs whole numbers in one dimension for `post`."),
    (lambda: Synapses((2, 2), [1, 0], [0, 0]), ValueError,
     "`Synapses(...)` needs pairs that ascend by (post, pre) without repeats; pair 1, (0, 0), follows (1, "
     "0). "
     "Use Synapses.from_pairs."),
    (lambda: Synapses.from_pairs((2, 2), [1, 1], [0, 0]), ValueError,
     "`Synapses(...)` needs pairs that ascend by (post, pre) without repeats; pair 1, (1, 0), follows (1, "
     "0). "
     "Use Synapses.from_pairs."),
    (lambda: Synapses((2, 2), [0, 1], [0, 0], weight=[1.0]), ValueError,
     "`Synapses(...)` needs arrays of one length; `weight` has shape (1,) and `post` (2,)."),
    (lambda: Synapses.from_pairs((2, 2), [0, 1], [0, 0], weight=[1.0, 2.0, 3.0]), ValueError,
     "`Synapses.from_pairs(...)` needs one entry per synapse in `weight`; it got shape (3,) for 2 synapses."),
    (lambda: Synapses.from_pairs((2, 2), [0, 1], [0]), ValueError,
     "`Synapses.from_pairs(...)` needs one entry per synapse in `pre`; it got shape (1,) for 2 synapses."),
    (lambda: Synapses((2, 2), [0], [0], type=[1], types=("a",)), ValueError,
     "`Synapses(...)` needs `type` codes that count the 1 `types` from 0; it got 1 to 1."),
    (lambda: Synapses((2, 2), [0], [0], type=[65536], types=("a",)), ValueError,
     "`Synapses(...)` needs `type` codes that count the 1 `types` from 0; it got 65536 to 65536."),
    (lambda: Synapses((2**31, 2), [0], [0]), ValueError,
     "`Synapses(...)` numbers at most 2147483647 neurons per axis; shape is (2147483648, 2)."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), MESSAGES, ids=[message for *_, message in MESSAGES])
def test_messages(call, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        call()


def test_an_unsigned_readout_leaves_the_signs_to_the_hidden_mask():
    hidden = np.array([[1, -1], [1, -1]])
    assert Connectome.from_masks(None, hidden, np.ones((1, 2))).sign.tolist() == [1, -1]
    mixed = np.array([[1, 1], [-1, -1]])
    assert Connectome.from_masks(None, hidden, mixed).sign.tolist() == [0, 0]


def test_frozen_arrays_share_memory_with_nobody():
    series = pd.Series([1.0, 2.0])
    base = np.array([1.0, 2.0])
    view = base[:]
    view.flags.writeable = False
    for given, change in ((series, lambda: series.__setitem__(0, 9.0)), (view, lambda: base.fill(9.0))):
        synapses = Synapses((2, 2), [0, 1], [0, 1], weight=given)
        change()
        assert synapses.weight.tolist() == [1.0, 2.0]


def test_names_from_pandas_choose_neurons():
    net = gr.datasets.celegans()
    for names in (
        pd.Series(["ADAL", "ADAR"]),
        pd.Index(["ADAL", "ADAR"]),
        {"ADAL", "ADAR"},
        ["ADAL", "ADAR"],
    ):
        assert sorted(net.subnetwork(neurons=names).names) == ["ADAL", "ADAR"]


IMPOSSIBLE = {
    "`Projection(...)` needs `kind` to be one of forward, backward, lateral, within, unclassified, input, "
    "readout; it got 'up'.": lambda: dataclasses.replace(
        gr.datasets.celegans(), projections=(Projection("sensory", "sensory", "up", "measured", 1),)
    ),
    "`Synapses(...)` needs finite weights, or NaN where none is known; some entries of `weight` are not.": (
        lambda: Synapses((2, 2), [0], [0], weight=[math.inf])
    ),
    "`Synapses(...)` needs delays of 0 ms or more; some entries of `delay` are not.": (
        lambda: Synapses((2, 2), [0], [0], delay=[-1.0])
    ),
    "`Connectome(...)` needs neurons of different names; some in `names` repeat.": (
        lambda: dataclasses.replace(gr.datasets.celegans(), names=np.repeat("x", 302))
    ),
    "`Connectome.from_edges(...)` needs at least one neuron; there is none.": lambda: Connectome.from_edges(
        pd.DataFrame({"pre": [], "post": []}), pd.DataFrame({"neuron": [], "area": []})
    ),
}


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_what_cannot_be_is_said_in_full(text):
    with pytest.raises(ValueError, match="needs") as e:
        IMPOSSIBLE[text]()
    assert str(e.value) == text
