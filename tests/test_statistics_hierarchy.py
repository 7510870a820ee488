"""Trophic levels and hierarchy against networkx, a least-squares solver and brute force."""

import dataclasses
import math
import re

import networkx as nx
import numpy as np
import pytest
from cases import NETWORKS
from scipy.stats import spearmanr

import graphrnn as gr
from graphrnn.statistics import _trophic, hierarchy, infer_levels, trophic_levels

WORM = gr.datasets.celegans()
ALL = {**NETWORKS, "worm": WORM}


@pytest.fixture(params=ALL.values(), ids=ALL)
def net(request):
    return request.param


def weighted_net(net):
    weight = np.random.default_rng(0).standard_normal(net.hidden.size)
    return dataclasses.replace(net, hidden=dataclasses.replace(net.hidden, weight=weight))


def without_diagonal(matrix):
    matrix = np.array(matrix, float)
    np.fill_diagonal(matrix, 0)
    return matrix


def flow_by_least_squares(matrix):
    """Levels that make Σ w (h_post - h_pre - 1)² least, by a general solver; each component from 0."""
    n = len(matrix)
    post, pre = np.nonzero(matrix)
    root = np.sqrt(matrix[post, pre])
    rows = np.zeros((post.size, n))
    rows[np.arange(post.size), post] = root
    rows[np.arange(post.size), pre] -= root
    level = np.linalg.lstsq(rows, root, rcond=None)[0] if post.size else np.zeros(n)
    for part in nx.connected_components(nx.from_numpy_array(matrix + matrix.T)):
        level[list(part)] -= level[list(part)].min()
    return level


def incoherence(matrix, level):
    post, pre = np.nonzero(matrix)
    w = matrix[post, pre]
    return (w * (level[post] - level[pre] - 1) ** 2).sum() / w.sum() if w.size else math.nan


@pytest.mark.parametrize("weighted", [False, True])
def test_flow_levels_are_those_of_least_squares(net, weighted):
    net = weighted_net(net)
    matrix = without_diagonal(abs(net.hidden.matrix.toarray()) if weighted else net.hidden_mask.toarray())
    found = trophic_levels(net, weighted=weighted)
    np.testing.assert_allclose(found, flow_by_least_squares(matrix), atol=1e-9)


def test_the_iteration_for_large_networks_gives_the_same(net, monkeypatch):
    direct = trophic_levels(net)
    monkeypatch.setattr(_trophic, "_DENSE_UP_TO", 0)
    np.testing.assert_allclose(trophic_levels(net), direct, atol=1e-9)
    monkeypatch.setattr(_trophic, "_STEPS", 1)  # it gives up: the direct solver takes over
    np.testing.assert_allclose(trophic_levels(net), direct, atol=1e-9)


def test_where_nothing_converges_levels_are_nan(monkeypatch):
    for name, value in (("_DENSE_UP_TO", 0), ("_STEPS", 1), ("_FEW", 0)):
        monkeypatch.setattr(_trophic, name, value)
    assert np.isnan(trophic_levels(WORM)).all()
    assert np.isnan(trophic_levels(fed_from_below(0), method="basal")).all()
    assert math.isnan(hierarchy(WORM)["flow_incoherence"])


def fed_from_below(seed, n=40):
    """Wiring that every neuron is reached in from the first three, with rings and self-connections."""
    rng = np.random.default_rng(seed)
    mask = rng.random((n, n)) < 0.06
    mask[:3] = False
    mask[np.arange(3, n), rng.integers(0, np.arange(3, n))] = True
    return gr.Connectome.from_masks(None, mask, None)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dense", [0, 1500])
def test_basal_levels_are_those_of_networkx(seed, dense, monkeypatch):
    monkeypatch.setattr(_trophic, "_DENSE_UP_TO", dense)
    net = fed_from_below(seed)
    graph = nx.from_numpy_array(without_diagonal(net.hidden_mask.toarray()).T, create_using=nx.DiGraph)
    levels = nx.trophic_levels(graph)
    np.testing.assert_allclose(trophic_levels(net, method="basal"), [levels[i] for i in graph], rtol=1e-9)
    expected = nx.trophic_incoherence_parameter(graph)
    assert hierarchy(net)["basal_incoherence"] == pytest.approx(expected, rel=1e-9)


def test_basal_levels_exist_where_networkx_finds_them(net):
    graph = nx.from_numpy_array(without_diagonal(net.hidden_mask.toarray()).T, create_using=nx.DiGraph)
    try:
        levels = nx.trophic_levels(graph)
    except nx.NetworkXError:
        assert np.isnan(trophic_levels(net, method="basal")).all()
        assert math.isnan(hierarchy(net)["basal_incoherence"])
    else:
        found = trophic_levels(net, method="basal")
        np.testing.assert_allclose(found, [levels[i] for i in graph], rtol=1e-9)


def test_a_chain_climbs_by_one():
    graph = gr.AreaGraph()
    n = 3000
    graph.add_area("chain", n)
    graph.project("chain", "chain", gr.Explicit(pre=np.arange(n - 1), post=np.arange(1, n)))
    net = graph.compile(seed=0)
    for method, lowest in (("flow", 0), ("basal", 1)):
        np.testing.assert_allclose(trophic_levels(net, method=method), np.arange(n) + lowest, rtol=1e-6)


def test_a_weight_of_zero_leads_nowhere():
    net = fed_from_below(0)
    weight = np.ones(net.hidden.size)
    weight[net.hidden.post == 10] = 0.0
    net = dataclasses.replace(net, hidden=dataclasses.replace(net.hidden, weight=weight))
    assert trophic_levels(net, method="basal", weighted=True)[10] == 1.0


# Levels of areas.


@pytest.mark.parametrize("by", ["synapses", "density", "weight"])
def test_inferred_levels_are_those_of_least_squares(net, by):
    net = weighted_net(net)
    table = np.zeros((len(net.areas), len(net.areas)))
    value = np.abs(net.hidden.weight) if by == "weight" else np.ones(net.hidden.size)
    np.add.at(table, (net.area_index[net.hidden.post], net.area_index[net.hidden.pre]), value)
    if by == "density":
        size = np.array([area.size for area in net.areas])
        table /= size[:, None] * size[None, :]
    found = infer_levels(net, by=by)
    assert found.index.tolist() == [area.name for area in net.areas]
    np.testing.assert_allclose(found, flow_by_least_squares(without_diagonal(table)), atol=1e-9)


def test_a_chain_of_areas_in_any_order_gets_its_levels_back():
    graph = gr.AreaGraph()
    order = ["c", "a", "e", "b", "d"]
    for name in order:
        graph.add_area(name, 20)
    for pre, post in zip("abcd", "bcde", strict=True):
        graph.project(pre, post, 0.3, kind="forward")
        graph.project(post, pre, 0.1, kind="backward")
    levels = infer_levels(graph.compile(seed=0))
    assert levels.sort_values().index.tolist() == list("abcde")


def test_measured_wiring_without_levels_gets_some():
    assert set(infer_levels(NETWORKS["measured_without_levels"]).index) == {"x", "y", "z"}


# The table.


def test_the_table_by_brute_force(net):
    found = hierarchy(net)
    mask = net.hidden_mask.toarray().astype(int)
    counts = np.array([[mask[post.slice, pre.slice].sum() for pre in net.areas] for post in net.areas])
    between = without_diagonal(counts)
    inferred = flow_by_least_squares(between)
    kind = {(p.pre, p.post): p.kind for p in net.projections}
    agree, share, climb = [], {"forward": 0, "backward": 0}, {True: 0, False: 0}
    for i, post in enumerate(net.areas):
        for j, pre in enumerate(net.areas):
            if not counts[i, j] or i == j:
                continue
            if post.level is not None and pre.level is not None:
                step = np.sign(post.level - pre.level)
                agree.append(kind[pre.name, post.name] == {1: "forward", -1: "backward", 0: "lateral"}[step])
            if kind[pre.name, post.name] in share:
                share[kind[pre.name, post.name]] += counts[i, j]
            if abs(inferred[i] - inferred[j]) > 1e-7:
                climb[bool(inferred[i] > inferred[j])] += counts[i, j]
    neurons = without_diagonal(mask)
    expected = {
        "level_consistency": np.mean(agree) if agree else math.nan,
        "forward_share": share["forward"] / sum(share.values()) if sum(share.values()) else math.nan,
        "inferred_share": climb[True] / sum(climb.values()) if sum(climb.values()) else math.nan,
        "area_incoherence": incoherence(between, inferred),
        "flow_incoherence": incoherence(neurons, flow_by_least_squares(neurons)),
        "basal_neurons": (neurons.sum(axis=1) == 0).sum(),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


def test_the_share_of_weight_by_brute_force():
    matrix = abs(WORM.hidden.matrix.toarray())
    level = np.array([np.nan if a.level is None else a.level for a in WORM.areas])[WORM.area_index]
    up = matrix[level[:, None] > level[None, :]].sum()
    down = matrix[level[:, None] < level[None, :]].sum()
    assert hierarchy(WORM)["forward_weight_share"] == pytest.approx(up / (up + down), rel=1e-12)
    assert math.isnan(hierarchy(NETWORKS["asymmetric"])["forward_weight_share"])


def test_the_correlation_of_levels_is_that_of_scipy():
    level = np.array([np.nan if area.level is None else area.level for area in WORM.areas])
    inferred = infer_levels(WORM).to_numpy()
    known = ~np.isnan(level)
    expected = spearmanr(level[known], inferred[known]).statistic
    assert hierarchy(WORM)["level_correlation"] == pytest.approx(expected, rel=1e-9)
    assert math.isnan(hierarchy(NETWORKS["one_area"])["level_correlation"])


def test_a_kind_against_its_levels_is_inconsistent():
    found = hierarchy(NETWORKS["lateral_levels"])  # right → top is called lateral and climbs
    assert found["level_consistency"] == 4 / 5


def test_the_docstring_describes_the_rows():
    text = hierarchy.__doc__.split("====\n", 1)[1].rpartition("====\n")[0]
    assert re.findall(r"^ {4}`(\w+)`", text, re.MULTILINE) == hierarchy(WORM).index.tolist()


def test_messages():
    with pytest.raises(ValueError, match="method") as error:
        trophic_levels(WORM, method="food")
    assert str(error.value) == (
        "`statistics.trophic_levels(net, ...)` needs `method` to be one of flow, basal; it got 'food'."
    )
    with pytest.raises(ValueError, match="by") as error:
        infer_levels(WORM, by="rows")
    assert str(error.value) == (
        "`statistics.infer_levels(net, ...)` needs `by` to be one of synapses, density, weight; "
        "it got 'rows'."
    )
    with pytest.raises(ValueError, match="weight") as error:
        infer_levels(NETWORKS["asymmetric"], by="weight")
    assert str(error.value) == (
        "`statistics.infer_levels(net, ...)` with by='weight' needs the weight of every synapse; some or all "
        "are not known. Leave `by` out to count synapses."
    )
    for function in (hierarchy, infer_levels, trophic_levels):
        with pytest.raises(TypeError) as error:
            function(None)
        assert str(error.value) == (
            f"`statistics.{function.__name__}(net)` needs a Connectome; it got NoneType. "
            "Make one with graph.compile."
        )
