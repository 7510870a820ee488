"""AreaGraph: kinds, networkx's own methods, ways in, and messages."""

import copy
import pickle
import re
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
from cases import NETWORKS, each_network

import graphrnn as gr
from graphrnn.compiler import compile_graph


def drawn():
    graph = gr.AreaGraph(title="a brain")
    graph.add_input("stimulus", 2)
    graph.add_area("V1", 20, tau=20.0, excitatory=0.8, positions=np.arange(20.0))
    graph.add_area("MT", 12)
    graph.add_area("PFC", 10, tau=100.0)
    graph.add_readout("choice", 3)
    graph.project("stimulus", "V1")
    graph.project("V1", "MT", 0.5)
    graph.project("MT", "PFC", gr.FixedIndegree(3))
    graph.project("PFC", "V1", 0.3)
    graph.project("PFC", "MT", 0.3, kind="lateral")
    graph.project("V1", "V1", 0.5, self_connections=False)
    graph.project("PFC", "choice")
    return graph


# drawing


def test_excitatory_only_lets_only_excitatory_neurons_project():
    graph = gr.AreaGraph()
    graph.add_area("V1", 20, excitatory=0.8)
    graph.add_area("PFC", 10, excitatory=0.5)
    graph.add_readout("choice", 2)
    graph.project("V1", "PFC", 0.5, excitatory_only=True)
    graph.project("PFC", "choice", excitatory_only=True)
    assert graph.edges["V1", "PFC"] == {"rule": gr.ExcitatoryOnly(0.5)}
    assert graph.edges["PFC", "choice"] == {"rule": gr.ExcitatoryOnly(gr.AllToAll())}
    net = graph.compile(seed=0)
    assert (net.sign[net.hidden.pre] == 1).all()
    assert set(net.hidden.post) == set(range(20, 30))  # inhibitory targets too
    assert sorted(set(net.readout.pre)) == list(range(20, 25))
    with pytest.raises(TypeError, match="excitatory_only") as error:
        graph.project("PFC", "V1", excitatory_only=1)
    assert str(error.value) == (
        "`graph.project('PFC', 'V1')` needs True or False for `excitatory_only`; it got 1."
    )


def test_nodes_and_projections_carry_what_was_set_and_nothing_else():
    graph = drawn()
    assert graph.nodes["stimulus"] == {"role": "input", "size": 2}
    assert graph.nodes["MT"] == {"role": "area", "size": 12}
    assert set(graph.nodes["V1"]) == {"role", "size", "tau", "excitatory", "positions"}
    assert graph.edges["V1", "MT"] == {"rule": gr.Bernoulli(0.5)}
    assert graph.edges["stimulus", "V1"] == {"rule": gr.AllToAll()}
    assert graph.edges["PFC", "MT"] == {"rule": gr.Bernoulli(0.3), "kind": "lateral"}
    assert graph.edges["V1", "V1"] == {"rule": gr.Bernoulli(0.5), "self_connections": False}
    assert graph.areas == ["V1", "MT", "PFC"]
    assert graph.inputs == ["stimulus"]
    assert graph.readouts == ["choice"]


def test_positions_are_kept_as_a_copy():
    positions = np.arange(3.0)
    graph = gr.AreaGraph()
    graph.add_area("A", 3, positions=positions)
    positions[:] = 9
    assert graph.nodes["A"]["positions"].tolist() == [[0.0], [1.0], [2.0]]
    assert not graph.nodes["A"]["positions"].flags.writeable


def test_replace():
    graph = drawn()
    graph.project("V1", "V1", gr.FixedIndegree(2), replace=True)
    assert graph.edges["V1", "V1"] == {"rule": gr.FixedIndegree(2)}
    graph.project("MT", "V1", 0.1, replace=True)
    assert graph.has_edge("MT", "V1")


# kinds


def test_kinds_by_the_order_of_areas():
    graph = drawn()
    assert graph.levels() == {"V1": 0.0, "MT": 1.0, "PFC": 2.0}
    kinds = {edge: graph.kind(*edge) for edge in graph.edges}
    assert kinds == {
        ("stimulus", "V1"): "input",
        ("V1", "MT"): "forward",
        ("MT", "PFC"): "forward",
        ("PFC", "V1"): "backward",
        ("PFC", "MT"): "lateral",  # given
        ("V1", "V1"): "within",
        ("PFC", "choice"): "readout",
    }
    net = graph.compile(seed=0)
    assert {(p.pre, p.post): p.kind for p in net.projections} == kinds


def test_kinds_by_level():
    graph = gr.AreaGraph()
    for name, level in (("high", 2), ("low", -1), ("low too", -1), ("nought", 0)):
        graph.add_area(name, 2, level=level)
    for pre in graph.areas:
        for post in graph.areas:
            graph.project(pre, post)
    assert graph.levels() == {"high": 2.0, "low": -1.0, "low too": -1.0, "nought": 0.0}
    assert graph.kind("high", "low") == "backward"
    assert graph.kind("low", "high") == "forward"
    assert graph.kind("low", "low too") == "lateral"
    assert graph.kind("nought", "low") == "backward"
    assert graph.kind("nought", "nought") == "within"


def test_an_input_between_two_areas_does_not_count_as_a_level():
    graph = gr.AreaGraph()
    graph.add_area("A", 1)
    graph.add_input("in", 1)
    graph.add_area("B", 1)
    assert graph.levels() == {"A": 0.0, "B": 1.0}
    assert gr.AreaGraph().levels() == {}


# networkx's own


def same(one, other):
    """Equal in all, order included."""

    def plain(data):
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in data.items()}

    return (
        [(n, plain(d)) for n, d in one.nodes(data=True)] == [(n, plain(d)) for n, d in other.nodes(data=True)]
        and list(one.edges(data=True)) == list(other.edges(data=True))
        and one.graph == other.graph
    )


@pytest.mark.parametrize(
    "twin",
    [
        lambda g: g.copy(),
        copy.deepcopy,
        copy.copy,
        lambda g: pickle.loads(pickle.dumps(g)),
        lambda g: g.to_directed(),
        lambda g: g.reverse().reverse(),
        lambda g: g.subgraph(g).copy(),
        lambda g: g.edge_subgraph(g.edges).copy(),
        lambda g: nx.relabel_nodes(g, {}),
        lambda g: nx.relabel_nodes(nx.relabel_nodes(g, {"V1": "V2"}), {"V2": "V1"}),
        lambda g: nx.compose(g, g),
        lambda g: nx.freeze(g.copy()),
        gr.AreaGraph,
        gr.AreaGraph.from_networkx,
        lambda g: gr.AreaGraph.from_networkx(nx.DiGraph(g)),
    ],
)
def test_twins(twin):
    graph = drawn()
    other = twin(graph)
    assert isinstance(other, gr.AreaGraph)
    assert list(other.nodes) == list(graph.nodes)
    assert sorted(other.edges) == sorted(graph.edges)
    assert other.compile(seed=3) == graph.compile(seed=3)
    assert same(drawn(), graph)


def test_a_copy_can_be_changed():
    graph = drawn()
    other = graph.copy()
    other.add_area("IT", 5)
    other.project("V1", "IT")
    other.nodes["V1"]["size"] = 3
    other.remove_node("PFC")
    assert same(graph, drawn())


def test_a_subgraph_is_a_view_that_compiles():
    graph = drawn()
    view = graph.subgraph(["PFC", "V1"])
    assert list(view) == ["V1", "PFC"]
    assert list(view.edges) == [("V1", "V1"), ("PFC", "V1")]
    with pytest.raises(nx.NetworkXError):
        view.add_area("IT", 5)
    whole, part = graph.compile(seed=1), view.compile(seed=1)
    np.testing.assert_array_equal(
        part.hidden_mask.toarray()[:20, 20:],
        whole.hidden_mask.toarray()[whole.slice("V1"), whole.slice("PFC")],
    )
    graph.add_edge("V1", "PFC")
    assert ("V1", "PFC") in view.edges
    assert list(graph.subgraph("MT")) == ["MT"]
    assert list(graph.subgraph([])) == []


def test_an_edge_subgraph_keeps_the_ends_of_its_edges():
    view = drawn().edge_subgraph([("PFC", "MT"), ("stimulus", "V1"), ("V1", "PFC")])
    assert list(view) == ["stimulus", "V1", "MT", "PFC"]
    assert list(view.edges) == [("stimulus", "V1"), ("PFC", "MT")]
    assert view.compile(seed=0).n_neurons == 42


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_order_of_areas_does_not_depend_on_the_hash_seed(seed):
    script = """if True:
        import graphrnn as gr
        graph = gr.AreaGraph()
        names = [f"area {i}" for i in range(50)]
        for name in names:
            graph.add_area(name, 2)
        for pre, post in zip(names, names[1:]):
            graph.project(pre, post, 0.5)
        some = {names[i] for i in (30, 31, 5, 6, 44, 12)}
        print(list(graph.subgraph(some)), list(graph.subgraph(some).copy()))
        print(list(graph.edge_subgraph([(names[30], names[31]), (names[5], names[6])])))
        print(graph.subgraph(some).compile(seed=0).hidden.digest().hex())
    """
    found = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONHASHSEED": seed, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    order = [f"area {i}" for i in (5, 6, 12, 30, 31, 44)]
    assert found[0] == f"{order} {order}"
    assert found[1] == str([f"area {i}" for i in (5, 6, 30, 31)])
    assert found[2] == "91cf7fbba0ff40915702efeede0a492c"


def test_reverse_turns_inferred_kinds_round():
    turned = drawn().subgraph(["V1", "MT", "PFC"]).reverse()
    assert isinstance(turned, gr.AreaGraph)
    assert turned.kind("MT", "V1") == "backward"
    assert turned.kind("V1", "PFC") == "forward"
    assert turned.kind("MT", "PFC") == "lateral"  # given
    assert turned.kind("V1", "V1") == "within"
    assert turned.compile(seed=0).n_neurons == 42


def test_algorithms_and_drawing():
    graph = drawn()
    assert nx.shortest_path(graph, "stimulus", "choice") == ["stimulus", "V1", "MT", "PFC", "choice"]
    assert nx.number_strongly_connected_components(graph) == 3
    assert nx.to_numpy_array(graph, weight=None).sum() == graph.number_of_edges()
    assert set(nx.pagerank(graph)) == set(graph)
    assert graph.to_undirected().number_of_edges() == 6
    assert str(graph) == "AreaGraph with 5 nodes and 7 edges"
    nx.draw(graph, with_labels=True)


# ways in


def test_from_networkx():
    other = nx.DiGraph(species="cat")
    other.add_node(1, size=5, color="red")
    other.add_node("two", size=np.int64(4), level=None)
    other.add_node("in", role="input", size=2)
    other.add_edge("in", 1)
    other.add_edge(1, "two", density=0.5, weight=3.0)
    other.add_edge("two", 1, rule=gr.FixedIndegree(2), kind="lateral")
    other.add_edge(1, 1, rule=1, self_connections=False)
    graph = gr.AreaGraph.from_networkx(other)
    assert graph.graph == {"species": "cat"}
    assert graph.nodes["1"] == {"size": 5, "color": "red", "role": "area"}
    assert graph.edges["1", "two"] == {"rule": gr.Bernoulli(0.5), "weight": 3.0}
    assert graph.edges["two", "1"] == {"rule": gr.FixedIndegree(2), "kind": "lateral"}
    assert graph.edges["1", "1"] == {"rule": gr.Bernoulli(1.0), "self_connections": False}
    assert graph.kind("1", "two") == "forward"
    assert graph.compile(seed=0).n_neurons == 9
    assert "role" not in other.nodes[1]


def test_from_networkx_takes_any_graph_attribute():
    other = nx.DiGraph()
    other.graph.update({3: "three", "incoming_graph_data": "x", "self": "y"})
    other.add_node("A", size=1)
    assert gr.AreaGraph.from_networkx(other).graph == other.graph


@each_network
def test_from_connectome_has_the_same_areas_kinds_and_numbers(net):
    graph = gr.AreaGraph.from_connectome(net)
    again = graph.compile(seed=0)
    assert [(a.name, a.size) for a in again.areas] == [(a.name, a.size) for a in net.areas]
    assert again.inputs == net.inputs
    assert again.readouts == net.readouts
    assert {(p.pre, p.post): (p.kind, p.possible) for p in again.projections} == {
        (p.pre, p.post): (p.kind, p.possible) for p in net.projections
    }
    for which in ("input", "hidden", "readout"):
        np.testing.assert_array_equal(again.counts(which), net.counts(which))
    assert graph.compile(seed=0) == again


def test_from_connectome_carries_what_a_whole_area_shares():
    net = NETWORKS["excitatory_inhibitory"]
    again = gr.AreaGraph.from_connectome(net).compile(seed=0)
    np.testing.assert_array_equal(again.sign, net.sign)
    np.testing.assert_array_equal(again.tau, net.tau)
    assert again.areas == net.areas
    net = NETWORKS["with_positions"]
    np.testing.assert_array_equal(gr.AreaGraph.from_connectome(net).compile(seed=0).positions, net.positions)


def test_from_connectome_states_a_kind_only_where_it_does_not_follow():
    levelled = gr.AreaGraph.from_connectome(NETWORKS["lateral_levels"])
    assert [edge for edge in levelled.edges if "kind" in levelled.edges[edge]] == [("right", "top")]
    assert levelled.nodes["top"]["level"] == 1.5
    assert levelled.subgraph(["left", "top"]).reverse().kind("top", "left") == "backward"
    measured = gr.AreaGraph.from_connectome(NETWORKS["measured_without_levels"])
    assert "level" not in measured.nodes["x"]
    assert measured.kind("x", "y") == "unclassified"


# messages


def call(method, *args, **kwargs):
    return lambda: getattr(drawn(), method)(*args, **kwargs)


def digraph(*nodes, edges=()):
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    return lambda: gr.AreaGraph.from_networkx(graph)


def half_levelled(method, *args):
    graph = gr.AreaGraph()
    graph.add_area("A", 1, level=0)
    graph.add_area("B", 1)
    graph.project("A", "B")
    return lambda: getattr(graph, method)(*args)


HALF = (
    " needs a level for every area or for none; 'B' has none. Give it a level, or leave all out to use "
    "the order in "
    "which areas were added."
)
MESSAGES = [
    (call("add_area", "V1", 5), ValueError,
     "`graph.add_area('V1', 5)` needs a name of its own; 'V1' is already an area. Choose another name, or "
     "remove it "
     "first with graph.remove_node."),
    (call("add_input", "choice", 5), ValueError,
     "`graph.add_input('choice', 5)` needs a name of its own; 'choice' is already a readout. Choose "
     "another name, or "
     "remove it first with graph.remove_node."),
    (call("add_readout", "stimulus", 5), ValueError,
     "`graph.add_readout('stimulus', 5)` needs a name of its own; 'stimulus' is already an input. Choose "
     "another "
     "name, or remove it first with graph.remove_node."),
    (call("add_area", 4, 5), TypeError, "`graph.add_area(4, 5)` needs a string for `name`; it got 4."),
    (call("add_area", "", 5), ValueError, "`graph.add_area('', 5)` needs a `name` that is not empty."),
    (call("add_area", "IT", 0), ValueError, "`graph.add_area('IT', 0)` needs `size` of at least 1; it got "
    "0."),
    (call("add_input", "x", -1), ValueError, "`graph.add_input('x', -1)` needs `size` of at least 1; it "
    "got -1."),
    (call("add_readout", "x", 2.5), TypeError,
     "`graph.add_readout('x', 2.5)` needs a whole number for `size`; it got 2.5."),
    (call("add_area", "IT", 5, tau=0), ValueError,
     "`graph.add_area('IT', 5)` needs `tau` to be finite and above 0; it got 0."),
    (call("add_area", "IT", 5, excitatory=1.2), ValueError,
     "`graph.add_area('IT', 5)` needs `excitatory` from 0 to 1; it got 1.2."),
    (call("add_area", "IT", 5, level="high"), TypeError,
     "`graph.add_area('IT', 5)` needs a number for `level`; it got 'high'."),
    (call("add_area", "IT", 5, positions=[1, 2]), ValueError,
     "`graph.add_area('IT', 5)` needs `positions` of shape (5,) or (5, dimension); it got (2,)."),
    (call("add_area", "IT", 2, positions=[1, np.nan]), ValueError,
     "`graph.add_area('IT', 2)` needs finite `positions`; some are NaN or infinite."),
    (call("project", "V1", "PCF"), ValueError,
     "`graph.project('V1', 'PCF')` found no node named 'PCF'. Did you mean 'PFC'?"),
    (call("project", "LIP", "V1"), ValueError,
     "`graph.project('LIP', 'V1')` found no node named 'LIP'. There is 'stimulus', 'V1', 'MT', 'PFC', "
     "'choice'."),
    (lambda: gr.AreaGraph().project("A", "B"), ValueError,
     "`graph.project('A', 'B')` found no node named 'A'. There is no node yet."),
    (call("project", "V1", "MT"), ValueError,
     "`graph.project('V1', 'MT')` exists already, with Bernoulli(0.5). Use replace=True to change it; one "
     "projection "
     "joins an ordered pair."),
    (call("project", "stimulus", "choice"), ValueError,
     "`graph.project('stimulus', 'choice')` cannot connect input 'stimulus' to readout 'choice'. Inputs "
     "reach areas "
     "and readouts read areas; put an area between them."),
    (call("project", "choice", "V1"), ValueError,
     "`graph.project('choice', 'V1')` cannot start at readout 'choice': nothing leaves a readout. For "
     "feedback let "
     "an area project to the areas."),
    (call("project", "V1", "stimulus"), ValueError,
     "`graph.project('V1', 'stimulus')` cannot end at input 'stimulus': nothing reaches an input. Name an "
     "area."),
    (call("project", "MT", "V1", 1.5), ValueError,
     "`graph.project('MT', 'V1')` needs `density` from 0 to 1; it got 1.5."),
    (call("project", "MT", "V1", [0.5]), TypeError,
     "`graph.project('MT', 'V1')` needs a connection rule or a density from 0 to 1; it got [0.5]. "
     "Give a number such as 0.1 or a rule such as FixedIndegree(10)."),
    (call("project", "MT", "V1", kind="feedback"), ValueError,
     "`graph.project('MT', 'V1')` needs a kind that fits 'MT' → 'V1': forward or backward or lateral or "
     "unclassified; it got 'feedback'."),
    (call("project", "MT", "MT", kind="forward"), ValueError,
     "`graph.project('MT', 'MT')` needs a kind that fits 'MT' → 'MT': within; it got 'forward'."),
    (call("project", "stimulus", "MT", kind="forward"), ValueError,
     "`graph.project('stimulus', 'MT')` needs a kind that fits 'stimulus' → 'MT': input; it got 'forward'."),
    (call("project", "MT", "V1", self_connections=True), ValueError,
     "`graph.project('MT', 'V1')` has `self_connections`, which only a projection within an area has. "
     "Leave it out."),
    (call("project", "MT", "MT", self_connections=1), TypeError,
     "`graph.project('MT', 'MT')` needs True or False for `self_connections`; it got 1."),
    (call("kind", "MT", "V1"), ValueError,
     "`graph.kind('MT', 'V1')` found no projection from 'MT' to 'V1'. Draw it with graph.project."),
    (half_levelled("levels"), ValueError, "`graph.levels()`" + HALF),
    (half_levelled("kind", "A", "B"), ValueError, "`graph.kind('A', 'B')`" + HALF),
    (half_levelled("compile"), ValueError, "`graph.compile(...)`" + HALF),
    (gr.AreaGraph().compile, ValueError,
     "`graph.compile(...)` needs at least one area. Add one with graph.add_area(name, size)."),
    (lambda: gr.AreaGraph.from_networkx(nx.path_graph(3)), TypeError,
     "`AreaGraph.from_networkx(...)` needs a networkx.DiGraph; it got Graph. Make one with "
     "nx.DiGraph(graph), which "
     "turns an undirected edge into two directed ones."),
    (lambda: gr.AreaGraph.from_networkx(nx.MultiDiGraph()), TypeError,
     "`AreaGraph.from_networkx(...)` needs a networkx.DiGraph; it got MultiDiGraph. Make one with "
     "nx.DiGraph(graph), "
     "which turns an undirected edge into two directed ones."),
    (digraph("A"), ValueError,
     "`AreaGraph.from_networkx(...), node 'A'` needs a `size`, its number of neurons."),
    (digraph((1, {"size": 1}), ("1", {"size": 1})), ValueError,
     "`AreaGraph.from_networkx(...)` needs names that differ as text; '1' occurs twice."),
    (digraph(("A", {"size": 2, "role": "cortex"})), ValueError,
     "`AreaGraph.from_networkx(...), node 'A'` needs `role` to be one of area, input, readout; it got "
     "'cortex'."),
    (digraph(("A", {"size": 2}), edges=[("A", "A", {"density": 2})]), ValueError,
     "`graph.project('A', 'A')` needs `density` from 0 to 1; it got 2."),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "kind", "message"), MESSAGES, ids=[message for *_, message in MESSAGES])
def test_messages(wrong, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        wrong()


def test_a_graph_is_unchanged_by_a_refused_call():
    graph = drawn()
    for method, *args in (("add_area", "V1", 5), ("project", "MT", "V1", 7), ("project", "V1", "V1", 9)):
        with pytest.raises(ValueError, match="graph"):
            getattr(graph, method)(*args)
    with pytest.raises(ValueError, match="density"):
        graph.project("V1", "MT", 7, replace=True)
    assert same(graph, drawn())


def test_compile_is_the_compiler():
    assert drawn().compile(seed=4) == compile_graph(drawn(), seed=4)


def test_a_number_of_hundreds_of_digits_is_refused():
    with pytest.raises(ValueError, match="needs a number") as e:
        gr.AreaGraph().add_area("IT", 5, tau=10**400)
    assert str(e.value) == "`graph.add_area('IT', 5)` needs a number for `tau` that a float can hold."
