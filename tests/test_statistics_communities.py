"""Modularity against networkx and brute force; the search against the optimum where that is known."""

import dataclasses
import itertools

import networkx as nx
import numpy as np
import pytest
from cases import NETWORKS

import graphrnn as gr
from graphrnn.statistics import communities, modularity

WORM = gr.datasets.celegans()
ALL = {**NETWORKS, "worm": WORM}


@pytest.fixture(params=ALL.values(), ids=ALL)
def net(request):
    return request.param


def graph_of(matrix):
    return nx.from_scipy_sparse_array(matrix.T, create_using=nx.DiGraph)  # networkx: row → column


def sets_of(part):
    return [set(np.flatnonzero(part == name).tolist()) for name in np.unique(part)]


def weighted_net(net):
    weight = np.random.default_rng(0).standard_normal(net.hidden.size)
    return dataclasses.replace(net, hidden=dataclasses.replace(net.hidden, weight=weight))


def test_modularity_is_that_of_networkx(net):
    random = np.random.default_rng(0).integers(0, 3, net.n_neurons)
    for part in (net.area_index, random, np.arange(net.n_neurons)):
        found = modularity(net, part)
        if not net.hidden.size:
            assert np.isnan(found)
            continue
        expected = nx.community.modularity(graph_of(net.hidden_mask), sets_of(part))
        assert found == pytest.approx(expected, abs=1e-12)
    np.testing.assert_equal(modularity(net), modularity(net, net.area_index))


def test_weighted_modularity_is_that_of_networkx(net):
    net = weighted_net(net)
    if not net.hidden.size:
        assert np.isnan(modularity(net, weighted=True))
        return
    graph = graph_of(abs(net.hidden.matrix))
    expected = nx.community.modularity(graph, sets_of(net.area_index), weight="weight")
    assert modularity(net, weighted=True) == pytest.approx(expected, abs=1e-12)


def test_parts_may_have_names():
    names = np.array([area.name for area in WORM.areas])[WORM.area_index]
    assert modularity(WORM, names) == pytest.approx(modularity(WORM), abs=1e-15)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_search_is_as_good_as_that_of_networkx(net, weighted):
    net = weighted_net(net)
    part = communities(net, weighted=weighted)
    assert part.shape == (net.n_neurons,)
    if not net.hidden.size:
        assert part.tolist() == list(range(net.n_neurons))
        return
    graph = graph_of(abs(net.hidden.matrix) if weighted else net.hidden_mask)
    best = max(
        nx.community.modularity(graph, nx.community.louvain_communities(graph, seed=seed))
        for seed in range(3)
    )
    found = modularity(net, part, weighted=weighted)
    assert found >= best - 0.02
    assert found >= modularity(net, weighted=weighted) - 1e-12


def partitions(n):
    """Every partition of n things, as labels."""
    for labels in itertools.product(range(n), repeat=n):
        if all(label <= max((-1, *labels[:i])) + 1 for i, label in enumerate(labels)):
            yield np.array(labels)


@pytest.mark.parametrize("seed", range(4))
def test_the_search_finds_the_optimum_of_small_networks(seed):
    rng = np.random.default_rng(seed)
    net = gr.Connectome.from_masks(None, rng.random((6, 6)) < 0.35, None)
    best = max(modularity(net, part) for part in partitions(6))
    assert modularity(net, communities(net)) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_modularity_does_not_depend_on_the_scale_of_weights(scale):
    weight = np.random.default_rng(0).uniform(1e-3, 1.0, WORM.hidden.size)
    nets = [WORM.with_weights(hidden=weight * factor) for factor in (1.0, scale)]
    one, other = (modularity(net, weighted=True) for net in nets)
    assert other == pytest.approx(one, abs=1e-9)
    one, other = (communities(net, weighted=True, seed=1) for net in nets)
    np.testing.assert_array_equal(one, other)


def test_planted_parts_are_found():
    graph = gr.AreaGraph()
    for name in "ABCDE":
        graph.add_area(name, 40)
    for pre, post in itertools.product("ABCDE", repeat=2):
        graph.project(pre, post, 0.3 if pre == post else 0.02)
    net = graph.compile(seed=0)
    bare = dataclasses.replace(  # all neurons in one area, so that the areas are no help
        net, areas=(gr.Node("all", "area", 0, 200),), projections=()
    )
    part = communities(bare)
    assert [len(set(part[i : i + 40])) for i in range(0, 200, 40)] == [1] * 5
    assert len(set(part)) == 5


def test_parts_are_numbered_by_their_size():
    size = np.bincount(communities(WORM))
    assert (np.diff(size) <= 0).all()
    assert size.min() > 0


def test_one_seed_gives_one_partition():
    one, two = (communities(WORM, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_all_to_all_is_one_part():
    assert communities(NETWORKS["one_area"]).tolist() == [0] * 10


def test_messages():
    with pytest.raises(ValueError, match="one part per neuron") as error:
        modularity(WORM, [0, 1])
    assert str(error.value) == (
        "`statistics.modularity(net, ...)` needs one part per neuron in `partition`, 302 in all; "
        "it got shape (2,)."
    )
    for function in (modularity, communities):
        name = function.__name__
        with pytest.raises(ValueError, match="weight") as error:
            function(NETWORKS["explicit_weights"], weighted=True)
        assert str(error.value) == (
            f"`statistics.{name}(net, ...)` with weighted=True needs the weight of every synapse; some or "
            "all are not known. Leave `weighted` out to count synapses."
        )
        with pytest.raises(TypeError) as error:
            function(gr.AreaGraph())
        assert str(error.value) == (
            f"`statistics.{name}(net)` needs a Connectome; it got AreaGraph. "
            "Compile it first: net = graph.compile(seed=0)."
        )
