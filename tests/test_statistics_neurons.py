"""The table of neurons against networkx, bctpy and brute force."""

import dataclasses
import re

import bct
import networkx as nx
import numpy as np
import pytest
from cases import NETWORKS
from scipy.stats import poisson

import graphrnn as gr
from graphrnn.connectome import HIDDEN_KINDS
from graphrnn.statistics._wiring import matrix_of
from graphrnn.statistics.neurons import core_numbers

WORM = gr.datasets.celegans()
ALL = {**NETWORKS, "worm": WORM, "worm with gap junctions": gr.datasets.celegans(gap_junctions=True)}


@pytest.fixture(params=ALL.values(), ids=ALL)
def net(request):
    return request.param


def graph_of(net, weight=None):
    """The neurons as a networkx graph, numbered."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(net.n_neurons))
    graph.add_edges_from(zip(net.hidden.pre.tolist(), net.hidden.post.tolist(), strict=True))
    if weight is not None:
        for pre, post, w in zip(net.hidden.pre.tolist(), net.hidden.post.tolist(), weight, strict=True):
            graph.edges[pre, post]["weight"] = w
    return graph


def without_loops(graph):
    plain = graph.copy()
    plain.remove_edges_from(list(nx.selfloop_edges(graph)))
    return plain


def dense(net, which="hidden"):
    return net.synapses(which).mask.toarray().astype(int)


def with_weights(net, weight=None):
    if weight is None:
        weight = np.random.default_rng(0).standard_normal(net.hidden.size)
    return dataclasses.replace(net, hidden=dataclasses.replace(net.hidden, weight=weight))


def values(by_node):
    return [by_node[i] for i in range(len(by_node))]


def test_a_row_per_neuron(net):
    table = gr.statistics.neurons(net)
    assert table.index.name == "neuron"
    assert table["area"].tolist() == [area.name for area in net.areas for _ in range(area.size)]
    assert table["sign"].tolist() == net.sign.tolist()
    if net.names is not None:
        assert table.index.tolist() == net.names.tolist()


def test_neurons_without_names_are_called_by_their_place():
    assert gr.statistics.neurons(NETWORKS["asymmetric"]).index[[0, 6, 7]].tolist() == [
        "V1/0",
        "V1/6",
        "PFC/0",
    ]


def test_degrees_by_brute_force(net):
    table, mask = gr.statistics.neurons(net), dense(net)
    assert table["in_degree"].tolist() == mask.sum(axis=1).tolist()
    assert table["out_degree"].tolist() == mask.sum(axis=0).tolist()
    assert table["in_input"].tolist() == dense(net, "input").sum(axis=1).tolist()
    assert table["out_readout"].tolist() == dense(net, "readout").sum(axis=0).tolist()
    other = mask * (1 - np.eye(len(mask), dtype=int))
    assert table["reciprocal"].tolist() == (other * other.T).sum(axis=1).tolist()
    assert table["self_connection"].tolist() == mask.diagonal().tolist()
    for name, sign in (("excitatory", 1), ("inhibitory", -1)):
        assert table[f"in_{name}"].tolist() == mask[:, net.sign == sign].sum(axis=1).tolist()
        assert table[f"out_{name}"].tolist() == mask[net.sign == sign].sum(axis=0).tolist()


def test_degrees_by_kind_are_those_of_the_selected_network(net):
    table = gr.statistics.neurons(net)
    for kind in HIDDEN_KINDS:
        part = net.select(kind=kind)
        assert table[f"in_{kind}"].tolist() == part.hidden.in_degree.tolist()
        assert table[f"out_{kind}"].tolist() == part.hidden.out_degree.tolist()
    for way in ("in", "out"):
        assert table[[f"{way}_{kind}" for kind in HIDDEN_KINDS]].sum(axis=1).equals(table[f"{way}_degree"])


def test_every_kind_and_sign_occurs():
    tables = [gr.statistics.neurons(net) for net in NETWORKS.values()]
    for name in (*HIDDEN_KINDS, "excitatory", "inhibitory"):
        assert any(table[f"in_{name}"].any() for table in tables), name


def test_wiring_without_projections_is_classified_by_its_levels():
    net = NETWORKS["measured"]
    bare = dataclasses.replace(net, projections=())
    columns = [f"{way}_{kind}" for way in ("in", "out") for kind in HIDDEN_KINDS]
    assert gr.statistics.neurons(bare)[columns].equals(gr.statistics.neurons(net)[columns])


def test_clustering_is_that_of_networkx_and_bctpy(net):
    clustering = gr.statistics.neurons(net)["clustering"]
    np.testing.assert_allclose(clustering, values(nx.clustering(graph_of(net))), rtol=1e-12)
    matrix = dense(net).astype(float)
    np.fill_diagonal(matrix, 0)
    np.testing.assert_allclose(clustering, bct.clustering_coef_bd(matrix), rtol=1e-12)


def test_weighted_clustering_is_that_of_networkx(net):
    net = with_weights(net)
    graph = without_loops(graph_of(net, np.abs(net.hidden.weight).tolist()))
    expected = values(nx.clustering(graph, weight="weight"))
    np.testing.assert_allclose(gr.statistics.neurons(net)["clustering_weighted"], expected, rtol=1e-9)


def test_weighted_clustering_without_any_weight_is_zero():
    net = NETWORKS["asymmetric"]
    table = gr.statistics.neurons(with_weights(net, np.zeros(net.hidden.size)))
    assert (table["clustering_weighted"] == 0).all()
    assert (table["in_strength"] == 0).all()


def test_strengths_by_brute_force(net):
    net = with_weights(net)
    table, matrix = gr.statistics.neurons(net), net.hidden.matrix.toarray()
    np.testing.assert_allclose(table["in_weight"], matrix.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(table["out_weight"], matrix.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(table["in_strength"], np.abs(matrix).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(table["out_strength"], np.abs(matrix).sum(axis=0), atol=1e-12)


def test_weights_that_are_not_known_make_their_sums_nan():
    net = NETWORKS["explicit_weights"]
    table, unknown = gr.statistics.neurons(net), np.isnan(net.hidden.weight)
    assert unknown.any()
    assert set(np.flatnonzero(table["in_strength"].isna())) == set(net.hidden.post[unknown].tolist())
    assert set(np.flatnonzero(table["out_weight"].isna())) == set(net.hidden.pre[unknown].tolist())


def test_columns_of_weights_are_absent_without_weights():
    assert "in_strength" not in gr.statistics.neurons(NETWORKS["asymmetric"])
    assert "in_strength" in gr.statistics.neurons(WORM)


def test_core_numbers_are_those_of_networkx(net):
    core = gr.statistics.neurons(net)["core"].tolist()
    assert core == values(nx.core_number(without_loops(graph_of(net))))


@pytest.mark.parametrize("seed", range(4))
def test_core_numbers_of_uneven_random_wiring(seed):
    rng = np.random.default_rng(seed)
    graph = nx.gn_graph(300, seed=seed)
    graph.add_edges_from(rng.integers(0, 80, (900, 2)).tolist())
    graph = without_loops(nx.DiGraph(graph))
    matrix = nx.to_scipy_sparse_array(graph, nodelist=range(300), dtype=np.int8, format="csr").T.tocsr()
    assert core_numbers(matrix).tolist() == values(nx.core_number(graph))


@pytest.mark.parametrize("connection", ["weak", "strong"])
def test_components_are_those_of_networkx(net, connection):
    label = gr.statistics.neurons(net)[f"{connection}_component"].to_numpy()
    parts = getattr(nx, f"{connection}ly_connected_components")(graph_of(net))
    ordered = sorted(parts, key=lambda part: (-len(part), min(part)))
    assert [set(np.flatnonzero(label == k).tolist()) for k in range(label.max() + 1)] == ordered


def test_degree_distribution_by_brute_force(net):
    table, mask = gr.statistics.degree_distribution(net), dense(net)
    assert table.index.tolist() == list(range(max(mask.sum(axis=0).max(), mask.sum(axis=1).max()) + 1))
    for name, degree in (("in", mask.sum(axis=1)), ("out", mask.sum(axis=0))):
        assert table[name].tolist() == [(degree == k).sum() for k in table.index]
        np.testing.assert_allclose(table[f"{name}_above"], [(degree >= k).mean() for k in table.index])
    np.testing.assert_allclose(
        table["poisson"], len(mask) * poisson.pmf(table.index, mask.sum() / len(mask)), rtol=1e-12
    )


def test_large_wiring_with_a_hub_takes_no_quadratic_memory():
    n = 30_000
    graph = gr.AreaGraph()
    graph.add_area("hub", 1)
    graph.add_area("others", n)
    graph.project("hub", "others")
    graph.project("others", "hub")
    table = gr.statistics.neurons(graph.compile(seed=0))
    assert table["core"].unique().tolist() == [2]
    assert table["reciprocal"].iloc[0] == n
    assert (table["clustering"] == 0).all()


def documented(function):
    """The names that stand first in the lines of the docstring's table."""
    table = function.__doc__.split("====\n", 1)[1].rpartition("====\n")[0]
    return re.findall(r"^ {4}`(\w+)`", table, re.MULTILINE)


@pytest.mark.parametrize("function", [gr.statistics.neurons, gr.statistics.degree_distribution])
def test_the_docstring_describes_the_columns_of_the_table(function):
    assert documented(function) == function(WORM).columns.tolist()


@pytest.mark.parametrize("function", ["neurons", "degree_distribution"])
def test_anything_but_a_connectome_is_refused(function):
    with pytest.raises(TypeError) as error:
        getattr(gr.statistics, function)(gr.AreaGraph())
    assert str(error.value) == (
        f"`statistics.{function}(net)` needs a Connectome; it got AreaGraph. "
        "Compile it first: net = graph.compile(seed=0)."
    )
    with pytest.raises(TypeError) as error:
        getattr(gr.statistics, function)(matrix_of(WORM))
    assert str(error.value) == (
        f"`statistics.{function}(net)` needs a Connectome; it got csr_array. Make one with graph.compile."
    )
