import dataclasses
import math
import re

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from cases import NETWORKS
from scipy.stats import binom, binomtest

import graphrnn as gr
from graphrnn.connectome import KINDS
from graphrnn.statistics import _clopper_pearson


def mixed():
    """Every kind, signs in one area only, neurons without input or output, a rule of each sort."""
    graph = gr.AreaGraph()
    graph.add_input("left", 2)
    graph.add_area("low", 12, level=1, excitatory=0.75)
    graph.add_area("high", 7, level=2)
    graph.add_input("right", 1)
    graph.add_area("beside", 9, level=2)
    graph.add_area("alone", 3, level=5)
    graph.add_readout("choice", 2)
    graph.project("left", "low", 0.3)
    graph.project("right", "high")
    graph.project("right", "low", 0.2)
    graph.project("low", "low", 0.4)
    graph.project("low", "high", gr.FixedIndegree(3))
    graph.project("high", "low", 0.2)
    graph.project("high", "beside", gr.FixedOutdegree(2))
    graph.project("beside", "high", gr.FixedTotalNumber(5))
    graph.project("high", "high", self_connections=False)
    graph.project("beside", "beside", gr.OneToOne())
    graph.project("beside", "choice", 0.5)
    return graph.compile(seed=3)


def one_neuron():
    graph = gr.AreaGraph()
    graph.add_area("neuron", 1)
    graph.project("neuron", "neuron", self_connections=False)
    return graph.compile(seed=0)


@pytest.fixture(
    params=[*NETWORKS.values(), mixed(), one_neuron()], ids=[*NETWORKS, "mixed", "one neuron without a place"]
)
def net(request):
    return request.param


def dense(net):
    return {which: net.synapses(which).mask.toarray().astype(int) for which in ("input", "hidden", "readout")}


def same(column, values):
    np.testing.assert_allclose(
        column.to_numpy(np.float64), np.asarray(values, np.float64), rtol=1e-12, atol=0
    )


def test_areas_count_neurons_and_signs(net):
    table = gr.statistics.areas(net)
    assert table.index.tolist() == [area.name for area in net.areas]
    assert table.index.name == "area"
    same(table["neurons"], [area.size for area in net.areas])
    same(table["excitatory"], [(net.sign[area.slice] == 1).sum() for area in net.areas])
    same(table["inhibitory"], [(net.sign[area.slice] == -1).sum() for area in net.areas])


def test_degrees_are_those_of_networkx(net):
    table = gr.statistics.areas(net)
    graph = nx.from_scipy_sparse_array(net.hidden_mask.T, create_using=nx.DiGraph)  # networkx: row → column
    for name, degree in (("in_degree", graph.in_degree), ("out_degree", graph.out_degree)):
        per_area = [[degree[i] for i in range(area.start, area.stop)] for area in net.areas]
        same(table[f"{name}_mean"], [np.mean(d) for d in per_area])
        same(table[f"{name}_sd"], [np.std(d) for d in per_area])
        same(table[f"{name}_min"], [min(d) for d in per_area])
        same(table[f"{name}_max"], [max(d) for d in per_area])


def test_wiring_within_is_that_of_networkx(net):
    table = gr.statistics.areas(net)
    graph = nx.from_scipy_sparse_array(net.hidden_mask.T, create_using=nx.DiGraph)
    blocks = [graph.subgraph(range(area.start, area.stop)) for area in net.areas]
    m = [block.number_of_edges() for block in blocks]
    same(table["synapses_within"], m)
    same(table["reciprocity"], [nx.reciprocity(b) if k else math.nan for b, k in zip(blocks, m, strict=True)])


def test_density_within_counts_only_what_could_exist():
    same(gr.statistics.areas(one_neuron())["density_within"], [math.nan])
    table = gr.statistics.areas(mixed())
    assert table.loc["high", "density_within"] == 1.0
    assert table.loc["high", "synapses_within"] == 42
    assert table.loc["beside", "density_within"] == 1 / 9
    assert table.loc["alone", "density_within"] == 0.0


def test_neurons_without_input_or_output_by_brute_force(net):
    table, mask = gr.statistics.areas(net), dense(net)
    heard = [mask["hidden"][i].any() or mask["input"][i].any() for i in range(net.n_neurons)]
    read = [mask["hidden"][:, i].any() or mask["readout"][:, i].any() for i in range(net.n_neurons)]
    same(table["without_input"], [heard[area.slice].count(False) for area in net.areas])
    same(table["without_output"], [read[area.slice].count(False) for area in net.areas])


def test_networks_have_neurons_without_input_and_without_output():
    table = gr.statistics.areas(mixed())
    assert table.loc["alone", ["without_input", "without_output"]].tolist() == [3, 3]
    assert table.loc["low", "without_input"] == 0
    assert table.loc["beside", "in_degree_mean"] > 0


def test_shares_by_brute_force(net):
    table, mask = gr.statistics.areas(net), dense(net)
    kind = {(p.pre, p.post): p.kind for p in net.projections}
    for area in net.areas:
        count = dict.fromkeys(KINDS, 0)
        for which in ("input", "hidden"):
            for pre in net.ends(which)[1]:
                number = mask[which][area.slice, pre.slice].sum()
                if number:
                    count[kind[pre.name, area.name]] += number
        total = sum(count.values())
        shares = [table.loc[area.name, f"share_{k}"] for k in KINDS if k != "readout"]
        expected = [count[k] / total if total else math.nan for k in KINDS if k != "readout"]
        np.testing.assert_allclose(shares, expected, rtol=1e-12)
        assert math.isclose(sum(shares), 1.0) or not total


def test_every_kind_of_share_occurs():
    shares = pd.concat(
        [gr.statistics.areas(net).filter(like="share_") for net in (mixed(), NETWORKS["measured"])]
    )
    assert (shares.max() > 0).all()


def test_projections_by_brute_force(net):
    table, mask = gr.statistics.projections(net), dense(net)
    assert len(table) == len(net.projections)
    for row, p in zip(table.itertuples(), net.projections, strict=True):
        which = p.kind if p.kind in ("input", "readout") else "hidden"
        block = mask[which][net.slice(p.post), net.slice(p.pre)]
        assert (row.pre, row.post, row.kind, row.rule) == (p.pre, p.post, p.kind, p.rule)
        assert (row.possible, row.synapses) == (p.possible, block.sum())
        assert row.in_degree_mean == pytest.approx(block.sum(axis=1).mean(), rel=1e-12)
        assert row.out_degree_mean == pytest.approx(block.sum(axis=0).mean(), rel=1e-12)
        if p.possible:
            interval = binomtest(int(block.sum()), p.possible).proportion_ci(0.95, method="exact")
            assert row.density == block.sum() / p.possible
            assert (row.density_low, row.density_high) == pytest.approx(tuple(interval), rel=1e-6)
        else:
            assert math.isnan(row.density)
            assert (row.density_low, row.density_high) == (0, 1)


def test_density_asked_is_what_the_rule_draws_on_average():
    table = gr.statistics.projections(mixed()).set_index(["pre", "post"])["density_asked"]
    asked = {
        ("low", "low"): 0.4,
        ("low", "high"): 3 / 12,
        ("high", "beside"): 2 / 9,
        ("beside", "high"): 5 / 63,
    }
    for pair, density in asked.items():
        assert table[pair] == pytest.approx(density, rel=1e-12)
    assert table["high", "high"] == table["right", "high"] == 1.0
    assert gr.statistics.projections(NETWORKS["bare_masks"])["density_asked"].isna().all()


def test_the_interval_holds_its_level_in_both_tails():
    n = 2_000_000_000
    for k in (1, 40, 123_456_789, n - 3):
        low, high = (float(end[0]) for end in _clopper_pearson(np.array([k]), np.array([n])))
        assert low < k / n < high
        assert binom.sf(k - 1, n, low) == pytest.approx(0.025, rel=1e-5)
        assert binom.cdf(k, n, high) == pytest.approx(0.025, rel=1e-5)


def test_a_bernoulli_projection_keeps_its_density_inside_the_interval():
    graph = gr.AreaGraph()
    graph.add_area("a", 25)
    for i in range(200):
        graph.add_area(f"b{i}", 30)
        graph.project("a", f"b{i}", 0.05)
    table = gr.statistics.projections(graph.compile(seed=0))
    covered = int(((table["density_low"] <= 0.05) & (table["density_high"] >= 0.05)).sum())
    assert covered >= binom.ppf(1e-4, 200, 0.95)


def test_a_part_of_a_network_has_the_statistics_of_that_part():
    table = gr.statistics.areas(mixed().select(kind="backward"))
    assert table.loc["low", "share_backward"] == 1.0
    assert table["synapses_within"].tolist() == [0, 0, 0, 0]
    assert table["reciprocity"].isna().all()
    assert gr.statistics.projections(mixed().select(kind="backward"))["pre"].tolist() == ["high"]


def test_wiring_without_projections_is_classified_by_its_levels():
    net = mixed()
    bare = dataclasses.replace(net, projections=())
    shares = gr.statistics.areas(net).filter(like="share_")
    pd.testing.assert_frame_equal(gr.statistics.areas(bare).filter(like="share_"), shares)
    assert len(gr.statistics.projections(bare)) == 0


@pytest.mark.parametrize("function", ["areas", "projections"])
def test_anything_but_a_connectome_is_refused(function):
    with pytest.raises(TypeError) as error:
        getattr(gr.statistics, function)(gr.AreaGraph())
    assert str(error.value) == (
        f"`statistics.{function}(net)` needs a Connectome; it got AreaGraph. "
        "Compile it first: net = graph.compile(seed=0)."
    )
    with pytest.raises(TypeError) as error:
        getattr(gr.statistics, function)(None)
    assert str(error.value) == (
        f"`statistics.{function}(net)` needs a Connectome; it got NoneType. Make one with graph.compile."
    )


@pytest.mark.parametrize("function", ["areas", "projections"])
def test_the_docstring_describes_the_columns_of_the_table(function):
    documented = re.findall(r"^ *`(\w+)`", getattr(gr.statistics, function).__doc__, re.MULTILINE)
    assert documented == getattr(gr.statistics, function)(mixed()).columns.tolist()
