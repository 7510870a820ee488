import dataclasses
import math
import re
from fractions import Fraction

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from cases import NETWORKS
from scipy.sparse import csr_array
from statistics_cases import MEASURABLE, dense, mixed, one_neuron, weights

import graphrnn as gr
from graphrnn._spectrum import spectral_radius
from graphrnn.connectome import KINDS
from graphrnn.statistics._reach import area_betweenness
from graphrnn.statistics._within import radius


@pytest.fixture(params=MEASURABLE.values(), ids=MEASURABLE)
def net(request):
    return request.param


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
    same(table["synapses_within"], [block.number_of_edges() for block in blocks])
    same(table["self_connections"], [nx.number_of_selfloops(block) for block in blocks])
    blocks = [nx.DiGraph((i, j) for i, j in block.edges if i != j) for block in blocks]
    same(table["reciprocity"], [nx.reciprocity(b) if b.size() else math.nan for b in blocks])


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
        [gr.statistics.areas(net).filter(regex="^share_") for net in (mixed(), NETWORKS["measured"])]
    )
    assert (shares.max() > 0).all()


def test_a_part_of_a_network_has_the_statistics_of_that_part():
    table = gr.statistics.areas(mixed().select(kind="backward"))
    assert table.loc["low", "share_backward"] == 1.0
    assert table["synapses_within"].tolist() == [0, 0, 0, 0]
    assert table["reciprocity"].isna().all()


def test_wiring_without_projections_is_classified_by_its_levels():
    net = mixed()
    bare = dataclasses.replace(net, projections=())
    shares = gr.statistics.areas(net).filter(like="share_")
    pd.testing.assert_frame_equal(gr.statistics.areas(bare).filter(like="share_"), shares)


def test_anything_but_a_connectome_is_refused():
    with pytest.raises(TypeError) as error:
        gr.statistics.areas(gr.AreaGraph())
    assert str(error.value) == (
        "`statistics.areas(net)` needs a Connectome; it got AreaGraph. "
        "Compile it first: net = graph.compile(seed=0)."
    )
    with pytest.raises(TypeError) as error:
        gr.statistics.areas(None)
    assert str(error.value) == (
        "`statistics.areas(net)` needs a Connectome; it got NoneType. Make one with graph.compile."
    )


def test_the_docstring_describes_the_columns_of_the_table():
    documented = re.findall(r"^ *`(\w+)`", gr.statistics.areas.__doc__, re.MULTILINE)
    assert documented == gr.statistics.areas(mixed()).columns.tolist()


def check(column, values):
    np.testing.assert_allclose(column.to_numpy(float), np.asarray(values, float), rtol=1e-9, atol=1e-12)


def quotient(a, b):
    return a / b if b else math.nan


def by_area(net, per_neuron, summary):
    """Summary of those values of an area's neurons that are not None; NaN where none is left."""
    kept = [[v for v in per_neuron[area.slice] if v is not None] for area in net.areas]
    return [summary(values) if values else math.nan for values in kept]


def test_strengths_and_variation(net):
    table, w = gr.statistics.areas(net), np.abs(weights(net))
    known = net.hidden.weight is not None
    mask = dense(net)["hidden"]
    for name, matrix in (("degree", mask), ("strength", w if known else np.full(mask.shape, np.nan))):
        for side, axis in (("in", 1), ("out", 0)):
            values = matrix.sum(axis=axis)
            parts = [values[area.slice] for area in net.areas]
            for summary, function in (("mean", np.mean), ("sd", np.std), ("min", np.min), ("max", np.max)):
                check(table[f"{side}_{name}_{summary}"], [function(part) for part in parts])
            check(table[f"{side}_{name}_cv"], [quotient(part.std(), part.mean()) for part in parts])


def test_convergence_and_divergence(net):
    table, mask = gr.statistics.areas(net), dense(net)["hidden"]
    for area in net.areas:
        other = np.ones(net.n_neurons, bool)
        other[area.slice] = False
        row = table.loc[area.name]
        assert row["convergence"] == pytest.approx(mask[area.slice][:, other].sum(axis=1).mean(), rel=1e-12)
        assert row["divergence"] == pytest.approx(mask[:, area.slice][other].sum(axis=0).mean(), rel=1e-12)
        rest = [a for a in net.areas if a is not area]
        assert row["source_areas"] == sum(mask[area.slice, a.slice].any() for a in rest)
        assert row["target_areas"] == sum(mask[a.slice, area.slice].any() for a in rest)


def neuron_graph(net):
    """Neurons 0, 1, …; all inputs are the node "in" and all readouts the node "out"."""
    graph = nx.DiGraph()
    graph.add_nodes_from(["in", "out", *range(net.n_neurons)])
    graph.add_edges_from(zip(net.hidden.pre.tolist(), net.hidden.post.tolist(), strict=True))
    graph.add_edges_from(("in", post) for post in net.input.post.tolist())
    graph.add_edges_from((pre, "out") for pre in net.readout.pre.tolist())
    return graph


def test_paths_through_synapses_are_those_of_networkx(net):
    table, graph = gr.statistics.areas(net), neuron_graph(net)
    there = nx.single_source_shortest_path_length(graph, "in")
    back = nx.single_source_shortest_path_length(graph.reverse(), "out")
    for name, steps, lost, found in (
        ("from_input", there, "unreached", "reached"),
        ("to_readout", back, "unread", "read"),
    ):
        per_neuron = [steps.get(i) for i in range(net.n_neurons)]
        check(table[f"synapses_{name}_min"], by_area(net, per_neuron, min))
        check(table[f"synapses_{name}_mean"], by_area(net, per_neuron, np.mean))
        missing = [per_neuron[area.slice].count(None) for area in net.areas]
        check(table[lost], missing)
        check(table[found], [1 - m / area.size for m, area in zip(missing, net.areas, strict=True)])
    on_the_way = [i in there and i in back for i in range(net.n_neurons)]
    check(table["silent"], [on_the_way[area.slice].count(False) for area in net.areas])


def area_graph(net, strength=None):
    """Areas with an edge for each pair that has synapses; exact lengths 1 / Σ|w|, so that ties are ties."""
    graph = nx.DiGraph()
    graph.add_nodes_from(area.name for area in net.areas)
    mask = dense(net)["hidden"]
    for post in net.areas:
        for pre in net.areas:
            if mask[post.slice, pre.slice].any():
                total = 1 if strength is None else np.abs(strength[post.slice, pre.slice]).sum()
                graph.add_edge(pre.name, post.name, length=1 / Fraction(float(total)))
    return graph


def test_paths_through_projections_are_those_of_networkx(net):
    table, graph, mask = gr.statistics.areas(net), area_graph(net), dense(net)
    for area in net.areas:
        if mask["input"][area.slice].any():
            graph.add_edge("in ", area.name)
        if mask["readout"][:, area.slice].any():
            graph.add_edge(area.name, "out ")
    graph.add_nodes_from(["in ", "out "])
    there = nx.single_source_shortest_path_length(graph, "in ")
    back = nx.single_source_shortest_path_length(graph.reverse(), "out ")
    check(table["projections_from_input"], [there.get(area.name, math.nan) for area in net.areas])
    check(table["projections_to_readout"], [back.get(area.name, math.nan) for area in net.areas])


def test_betweenness_is_that_of_networkx(net):
    table = gr.statistics.areas(net)
    check(table["betweenness"], list(nx.betweenness_centrality(area_graph(net)).values()))
    w = weights(net)
    if np.isnan(w).any() or net.hidden.weight is None:
        assert table["weight_betweenness"].isna().all()
    else:
        expected = nx.betweenness_centrality(area_graph(net, w), weight="length")
        check(table["weight_betweenness"], list(expected.values()))


def test_betweenness_of_random_areas_with_ties_and_islands():
    rng = np.random.default_rng(0)
    for n in range(1, 30):
        strength = rng.integers(0, 4, (n, n)) * (rng.random((n, n)) < 0.2)
        graph = nx.DiGraph()
        graph.add_nodes_from(range(n))
        for post, pre in np.argwhere(strength).tolist():
            graph.add_edge(pre, post, length=Fraction(1, int(strength[post, pre])))
        expected = list(nx.betweenness_centrality(graph, weight="length").values())
        np.testing.assert_allclose(area_betweenness(strength.astype(float)), expected, rtol=1e-9, atol=1e-12)


def test_shares_and_asymmetry_of_weights(net):
    table = gr.statistics.areas(net)
    amounts = {"": dense(net), "weight_": {w: np.abs(weights(net, w)) for w in ("input", "hidden")}}
    kind = {(p.pre, p.post): p.kind for p in net.projections}
    for prefix, amount in amounts.items():
        for area in net.areas:
            total = dict.fromkeys(KINDS, 0.0)
            for which in ("input", "hidden"):
                for pre in net.ends(which)[1]:
                    if (pre.name, area.name) in kind:
                        total[kind[pre.name, area.name]] += amount[which][area.slice, pre.slice].sum()
            row = table.loc[area.name]
            for k in KINDS[:-1]:
                expected = quotient(total[k], sum(total.values()))
                assert row[f"{prefix}share_{k}"] == pytest.approx(expected, rel=1e-9, nan_ok=True)
            forward, backward = total["forward"], total["backward"]
            expected = quotient(forward - backward, forward + backward)
            assert row[f"{prefix}asymmetry"] == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


def test_reciprocity_and_spectral_radius_of_each_block(net):
    table, mask, w = gr.statistics.areas(net), dense(net)["hidden"], weights(net)
    for area in net.areas:
        row = table.loc[area.name]
        block, weight = mask[area.slice, area.slice], w[area.slice, area.slice]
        m, n = block.sum() - np.trace(block), area.size
        chance = quotient(m, n * (n - 1))
        assert row["reciprocity_chance"] == pytest.approx(chance, rel=1e-12, nan_ok=True)
        eigenvalues = np.linalg.eigvals(block.astype(float))
        assert row["spectral_radius"] == pytest.approx(np.abs(eigenvalues).max(), rel=1e-9, abs=1e-4)
        if net.hidden.weight is None or np.isnan(weight).any():
            assert np.isnan(row[["weight_reciprocity", "weight_spectral_radius"]].to_numpy(float)).all()
            continue
        size = np.abs(weight) * (1 - np.eye(n))
        mutual = quotient(np.minimum(size, size.T).sum(), size.sum())
        assert row["weight_reciprocity"] == pytest.approx(mutual, rel=1e-9, nan_ok=True)
        largest = np.abs(np.linalg.eigvals(weight)).max()
        assert row["weight_spectral_radius"] == pytest.approx(largest, rel=1e-9, abs=1e-4)


@pytest.mark.parametrize("n", [2, 50, 300])
@pytest.mark.parametrize("degree", [1.5, 4, 30])
def test_the_radius_of_positive_blocks_is_exact(n, degree):
    rng = np.random.default_rng(0)
    dense_block = (rng.random((n, n)) < min(degree / n, 0.9)) * rng.uniform(0.1, 2.0, (n, n))
    expected = np.abs(np.linalg.eigvals(dense_block)).max()
    assert radius(csr_array(dense_block)) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("inhibition", [1.0, 4.0], ids=["outlier", "balanced"])
def test_the_radius_of_large_signed_blocks_is_good_to_a_hundredth(inhibition):
    n, rng = 2500, np.random.default_rng(0)
    sign = np.where(np.arange(n) < 0.8 * n, 1.0, -inhibition)
    post, pre = rng.integers(0, n, (2, 20 * n))
    block = csr_array((rng.random(20 * n) * sign[pre], (post, pre)), shape=(n, n))
    assert radius(block) == pytest.approx(spectral_radius(block), rel=0.01)


def test_the_radius_of_rings_and_of_chains():
    n = 1000
    ring = csr_array((np.ones(n), (np.arange(n), np.roll(np.arange(n), 1))), shape=(n, n))
    assert radius(ring) == pytest.approx(1.0, rel=1e-12)
    assert radius(csr_array(np.eye(n, k=-1))) == 0.0
    uneven = ring.copy()
    uneven.data = np.where(np.arange(n) % 2, 4.0, 1.0)
    assert radius(uneven) == pytest.approx(2.0, rel=1e-3)  # bounds that do not close: the growth rate


def test_balance_of_excitation_and_inhibition(net):
    table, mask, w = gr.statistics.areas(net), dense(net)["hidden"], weights(net)
    excitatory, inhibitory = mask[:, net.sign > 0].sum(axis=1), mask[:, net.sign < 0].sum(axis=1)
    check(table["excitatory_in_degree"], by_area(net, list(excitatory), np.mean))
    check(table["inhibitory_in_degree"], by_area(net, list(inhibitory), np.mean))
    balances = [("ei_balance", excitatory, inhibitory)]
    if net.hidden.weight is not None:
        positive, negative = np.maximum(w, 0).sum(axis=1), np.maximum(-w, 0).sum(axis=1)
        check(table["excitatory_in_strength"], by_area(net, list(positive), np.mean))
        check(table["inhibitory_in_strength"], by_area(net, list(negative), np.mean))
        balances.append(("weight_ei_balance", positive, negative))
    else:
        assert table.filter(regex="in_strength|weight_ei").isna().all().all()
    for name, e, i in balances:
        values = [(a - b) / (a + b) if a + b else None for a, b in zip(e, i, strict=True)]
        check(table[f"{name}_mean"], by_area(net, values, np.mean))
        check(table[f"{name}_sd"], by_area(net, values, np.std))


def test_participation(net):
    table = gr.statistics.areas(net)
    w = np.abs(weights(net)) if net.hidden.weight is not None else np.full((net.n_neurons,) * 2, np.nan)
    for prefix, matrix in (("", dense(net)["hidden"]), ("weight_", w)):
        for side, onto in (("in", matrix), ("out", matrix.T)):
            values = []
            for row in onto:
                k = row.sum()
                values.append(1 - sum((row[a.slice].sum() / k) ** 2 for a in net.areas) if k else None)
            check(table[f"{prefix}participation_{side}"], by_area(net, values, np.mean))


def test_participation_says_from_how_many_areas_a_neuron_hears():
    graph = gr.AreaGraph()
    for name in "abcd":
        graph.add_area(name, 10)
    for name in "abc":
        graph.project(name, "d")
    table = gr.statistics.areas(graph.compile(seed=0))
    assert table.loc["d", "participation_in"] == pytest.approx(2 / 3)
    assert table.loc["a", "participation_out"] == 0.0
    assert np.isnan(table.loc["a", "participation_in"])


def test_before_and_after_training():
    rnn = gr.CTRNN(NETWORKS["excitatory_inhibitory"], dale=True, generator=torch.Generator().manual_seed(0))
    before = gr.statistics.areas(rnn.to_connectome())
    with torch.no_grad():
        rnn.hidden.values.mul_(2.0)
        rnn.input.values.mul_(2.0)
    after = gr.statistics.areas(rnn.to_connectome())
    doubled = [c for c in before if "strength" in c and not c.endswith("_cv")] + ["weight_spectral_radius"]
    pd.testing.assert_frame_equal(after[doubled], 2 * before[doubled], check_dtype=False)
    pd.testing.assert_frame_equal(after.drop(columns=doubled), before.drop(columns=doubled))


def test_a_network_that_is_no_connectome_names_the_way_out():
    with pytest.raises(TypeError) as error:
        gr.statistics.areas(gr.CTRNN(NETWORKS["asymmetric"]))
    assert str(error.value) == (
        "`statistics.areas(net)` needs a Connectome; it got CTRNN. "
        "Take the one with its weights: net = rnn.to_connectome()."
    )


def test_degenerate_networks_have_the_values_that_the_docstring_says():
    lone = gr.statistics.areas(NETWORKS["no_synapses"]).loc["neuron"]
    zero = [
        *("synapses_within", "self_connections", "density_within", "in_degree_mean", "in_degree_sd"),
        *("in_degree_max", "out_degree_min", "convergence", "divergence", "source_areas", "target_areas"),
        *("spectral_radius", "excitatory_in_degree", "betweenness", "reached", "read"),
    ]
    assert (lone[zero] == 0).all()
    assert (lone[["neurons", "without_input", "without_output", "unreached", "unread", "silent"]] == 1).all()
    undefined = [
        *("reciprocity", "reciprocity_chance", "in_degree_cv", "out_degree_cv", "asymmetry", "share_forward"),
        *("ei_balance_mean", "ei_balance_sd", "participation_in", "participation_out"),
        *("projections_from_input", "synapses_from_input_min", "synapses_to_readout_mean"),
    ]
    assert lone[undefined].isna().all()
    weighed = gr.statistics.areas(NETWORKS["no_synapses"]).filter(regex="weight|strength")
    assert weighed.isna().all().all()
    ring = gr.statistics.areas(NETWORKS["one_neuron"]).loc["neuron"]
    assert (
        ring[["density_within", "self_connections", "spectral_radius", "reached", "read"]].tolist() == [1] * 5
    )
    assert ring[["projections_from_input", "synapses_to_readout_min", "silent"]].tolist() == [1, 1, 0]
    assert np.isnan(ring["reciprocity"])


def test_a_network_without_areas_has_empty_tables():
    none = np.zeros(0, np.int32)
    empty = gr.Synapses((0, 0), none, none)
    net = gr.Connectome((), (), (), (), empty, empty, empty, np.zeros(0), np.zeros(0))
    assert gr.statistics.areas(net).shape == (0, len(gr.statistics.areas(mixed()).columns))
    assert gr.statistics.projections(net).shape == (0, len(gr.statistics.projections(mixed()).columns))
    assert gr.statistics.area_matrix(net, "fln").shape == (0, 0)
    assert gr.statistics.check(net) == ()


def test_an_area_that_only_inhibits_or_nothing():
    graph = gr.AreaGraph()
    graph.add_area("i", 6, excitatory=0.0)
    graph.add_area("e", 5, excitatory=1.0)
    graph.project("i", "e", 0.5)
    table = gr.statistics.areas(graph.compile(seed=0))
    assert table.loc["e", "ei_balance_mean"] == -1.0
    assert table.loc["e", "ei_balance_sd"] == 0.0
    assert np.isnan(table.loc["i", "ei_balance_mean"])
