"""Motifs, rich club and small-worldness: against networkx and bctpy, and samples against their error."""

import re

import bct
import networkx as nx
import numpy as np
import pytest
from cases import NETWORKS

import graphrnn as gr
from graphrnn.statistics import _paths, _triads
from graphrnn.statistics._paths import steps_from
from graphrnn.statistics._triads import TRIADS, census
from graphrnn.statistics._wiring import against, matrix_of, random_wirings
from graphrnn.statistics.small_worlds import figures_of, small_world_table

WORM = gr.datasets.celegans()
ALL = {**NETWORKS, "worm": WORM, "worm with gap junctions": gr.datasets.celegans(gap_junctions=True)}


@pytest.fixture(params=ALL.values(), ids=ALL)
def net(request):
    return request.param


def graph_of(matrix):
    return nx.from_scipy_sparse_array(matrix.T, create_using=nx.DiGraph)  # networkx: row → column


def plain(net):
    """The dense matrix (pre, post) as bctpy has it, without self-connections."""
    matrix = net.hidden_mask.toarray().T.astype(float)
    np.fill_diagonal(matrix, 0)
    return matrix


def random_matrix(n, density, seed=0):
    matrix = np.random.default_rng(seed).random((n, n)) < density
    np.fill_diagonal(matrix, False)
    from scipy.sparse import csr_array

    return csr_array(matrix.astype(np.int8))


def zs_of(draws, truth):
    """Per statistic, how far many estimates lie from the truth in their own standard errors."""
    value, error = (np.array([draw[k] for draw in draws]) for k in (0, 1))
    assert (error > 0).all()
    return (value - truth) / error


def check_calibrated(z):
    assert np.abs(z.mean(axis=0)).max() < 4.5 / np.sqrt(len(z))
    assert z.std(axis=0).min() > 0.75
    assert z.std(axis=0).max() < 1.3


# Motifs.


def test_the_census_is_that_of_networkx(net):
    expected = nx.triadic_census(graph_of(net.hidden_mask))
    table = gr.statistics.motifs(net, nulls=2)
    assert table["count"].to_dict() == expected
    assert (table["error"] == 0).all()


@pytest.mark.parametrize("density", [0.02, 0.3, 0.8, 1.0])
def test_the_census_of_random_wiring_is_that_of_networkx(density):
    matrix = random_matrix(40, density)
    found = census(matrix, np.random.default_rng(0), 1)
    assert dict(zip(TRIADS, found.number.tolist(), strict=True)) == nx.triadic_census(graph_of(matrix))


def test_counting_in_small_portions_changes_nothing(monkeypatch):
    matrix = matrix_of(WORM)
    whole = census(matrix, np.random.default_rng(0), 1)
    monkeypatch.setattr(_triads, "_CHUNK", 50)
    np.testing.assert_array_equal(census(matrix, np.random.default_rng(0), 1).number, whole.number)


def test_a_sampled_census_lies_within_its_error(monkeypatch):
    matrix = random_matrix(60, 0.3)
    exact = census(matrix, np.random.default_rng(0), 1).number
    monkeypatch.setattr(_triads, "_COUNTED", 0)
    draws = [census(matrix, np.random.default_rng(seed), 4000) for seed in range(150)]
    check_calibrated(zs_of(draws, exact))


def test_only_sorts_that_are_too_many_are_sampled(monkeypatch):
    matrix = matrix_of(WORM)
    exact = census(matrix, np.random.default_rng(0), 1)
    monkeypatch.setattr(_triads, "_COUNTED", 5000)
    found = census(matrix, np.random.default_rng(0), 1000)
    sampled = dict(zip(TRIADS, found.error > 0, strict=True))
    assert sampled["030T"]
    assert not sampled["210"]
    assert not sampled["300"]
    assert found.number[TRIADS.index("300")] == exact.number[TRIADS.index("300")]


def test_motifs_compare_with_random_wirings_of_the_same_degrees():
    table = gr.statistics.motifs(WORM, nulls=6, seed=4)
    numbers = table.attrs  # how it was made is kept
    assert numbers == {"seed": 4, "nulls": 6}
    assert (table["z"] > 3).loc[["120U", "120D", "300"]].all()
    np.testing.assert_allclose(table["ratio"], table["count"] / table["null_mean"])
    np.testing.assert_allclose(table["z"], (table["count"] - table["null_mean"]) / table["null_sd"])


def switched(pairs, rng, times):
    """The plain way: one switch of two synapses after the other."""
    pairs = [tuple(pair) for pair in pairs]
    there = set(pairs)
    for i, j in rng.integers(0, len(pairs), (times, 2)).tolist():
        (a, b), (c, d) = pairs[i], pairs[j]
        if a == d or c == b or (a, d) in there or (c, b) in there:
            continue
        there -= {(a, b), (c, d)}
        there |= {(a, d), (c, b)}
        pairs[i], pairs[j] = (a, d), (c, b)
    return pairs


def test_random_wiring_has_the_motifs_that_plain_switching_gives_it():
    net = NETWORKS["with_positions"]
    ours = gr.statistics.motifs(net, nulls=60)
    rng, pairs, theirs = np.random.default_rng(0), np.argwhere(plain(net)).tolist(), []
    for _ in range(60):
        pairs = switched(pairs, rng, 10 * len(pairs))
        graph = nx.DiGraph(pairs)
        graph.add_nodes_from(range(net.n_neurons))
        found = nx.triadic_census(graph)
        theirs.append([found[name] for name in TRIADS])
    mean, sd = np.mean(theirs, axis=0), np.std(theirs, axis=0, ddof=1)
    error = np.sqrt((ours["null_sd"] ** 2 + sd**2) / 60)
    assert (np.abs(ours["null_mean"] - mean) <= 4 * error + 1e-9).all()
    assert (np.abs(ours["count"] - mean) > 10 * error).any()


def test_against_chance_by_hand():
    observed, randoms = np.array([4.0, 1.0, 2.0]), np.array([[1.0, 1.0, 0.0], [3.0, 1.0, 0.0]])
    table = against(observed, randoms, np.array([0.0, 0.0, 2.0]))
    np.testing.assert_allclose(table["null_mean"], [2, 1, 0])
    np.testing.assert_allclose(table["null_sd"], [np.sqrt(2), 0, 0])
    np.testing.assert_allclose(table["ratio"], [2, 1, np.nan])
    np.testing.assert_allclose(table["z"], [2 / np.sqrt(2), np.nan, 1])


# Rich club.


def test_the_rich_club_is_that_of_bctpy(net):
    matrix = plain(net)
    table = gr.statistics.rich_club(net, nulls=2)
    degree = (matrix.sum(axis=0) + matrix.sum(axis=1)).astype(int)
    assert table.index.tolist() == sorted(set(degree.tolist()))
    with np.errstate(invalid="ignore"):  # bctpy divides 0 by 0
        density, neurons, synapses = bct.rich_club_bd(matrix) if matrix.any() else ([], [], [])
    for k in table.index[table.index >= 2]:  # bctpy's place k holds the neurons of degree above k + 1
        row = table.loc[k]
        assert (row["neurons"], row["synapses"]) == (neurons[k - 2], synapses[k - 2])
        np.testing.assert_allclose(row["coefficient"], density[k - 2], rtol=1e-12)


def test_the_first_row_of_the_rich_club_is_the_density(net):
    table = gr.statistics.rich_club(net, nulls=2)
    n, m = net.n_neurons, int(plain(net).sum())
    assert table.iloc[0][["neurons", "synapses"]].tolist() == [n, m]
    np.testing.assert_allclose(table.iloc[0]["coefficient"], m / (n * (n - 1)) if n > 1 else np.nan)


def test_random_wiring_has_no_rich_club_beyond_its_degrees():
    matrix = matrix_of(WORM)
    random = next(random_wirings(matrix, 1, np.random.default_rng(3))).tocoo()
    net = gr.Connectome.from_masks(None, random, None)
    table = gr.statistics.rich_club(net)
    inner = table[(table["neurons"] >= 10) & table["z"].notna()]
    assert len(inner) > 20
    assert inner["z"].abs().max() < 5
    assert gr.statistics.rich_club(WORM)["z"].max() > 3.5


# Small world.


def test_paths_are_those_of_networkx(net):
    steps, reached = steps_from(matrix_of(net), np.arange(net.n_neurons))
    lengths = dict(nx.all_pairs_shortest_path_length(graph_of(net.hidden_mask)))
    assert steps.tolist() == [sum(lengths[i].values()) for i in range(net.n_neurons)]
    assert reached.tolist() == [len(lengths[i]) - 1 for i in range(net.n_neurons)]


def test_paths_along_a_chain_are_long():
    n = 400
    matrix = matrix_of(chain(n))
    sources = np.array([0, 7, 399, 250])
    steps, reached = steps_from(matrix, sources)
    left = n - 1 - sources
    assert reached.tolist() == left.tolist()
    assert steps.tolist() == (left * (left + 1) / 2).tolist()
    assert n > _paths._SHORT  # so that both ways of walking have been taken


def chain(n):
    graph = gr.AreaGraph()
    graph.add_area("chain", n)
    graph.project("chain", "chain", gr.Explicit(pre=np.arange(n - 1), post=np.arange(1, n)))
    return graph.compile(seed=0)


def test_small_world_is_that_of_bctpy(net):
    table = gr.statistics.small_world(net, nulls=2)
    matrix = plain(net)
    np.testing.assert_allclose(
        table.loc["clustering", "value"], bct.clustering_coef_bd(matrix).mean(), rtol=1e-9
    )
    distance = bct.distance_bin(matrix) if matrix.any() else np.full((1, 1), np.inf)
    finite = distance[np.isfinite(distance) & ~np.eye(len(distance), dtype=bool)]
    expected = finite.mean() if finite.size else np.nan
    np.testing.assert_allclose(table.loc["path_length", "value"], expected, rtol=1e-12)
    assert table.loc[["clustering", "path_length"], "error"].tolist() == [0, 0]


def test_small_worldness_follows_from_its_parts():
    value = gr.statistics.small_world(WORM, nulls=5)["value"]
    clustering = value["clustering"] / value["clustering_null"]
    path = value["path_length"] / value["path_length_null"]
    assert value["small_worldness"] == pytest.approx(clustering / path, rel=1e-12)


def test_sampled_figures_lie_within_their_error():
    matrix = matrix_of(WORM)
    exact = figures_of(matrix, np.random.default_rng(0), 302)
    draws = [figures_of(matrix, np.random.default_rng(seed), 150) for seed in range(200)]
    pairs = [((d.clustering, d.path), (d.clustering_error, d.path_error)) for d in draws]
    check_calibrated(zs_of(pairs, (exact.clustering, exact.path)))


def test_the_error_of_small_worldness_is_that_of_its_scatter():
    """Many tables, each from few random wirings of its own: they scatter as they say."""
    matrix = matrix_of(NETWORKS["with_positions"])
    observed = figures_of(matrix, np.random.default_rng(0), 100)
    randoms = [figures_of(r, None, 100) for r in random_wirings(matrix, 400, np.random.default_rng(1))]
    tables = [small_world_table(observed, randoms[i : i + 10]) for i in range(0, 400, 10)]
    sigma = np.array([table.loc["small_worldness", "value"] for table in tables])
    error = np.array([table.loc["small_worldness", "error"] for table in tables])
    assert sigma.std() == pytest.approx(error.mean(), rel=0.4)


def test_a_ring_with_neighbours_is_a_small_world_only_with_shortcuts():
    graph = gr.AreaGraph()
    n, steps = 200, (1, 2, 3, 4)
    pre = np.repeat(np.arange(n), len(steps))
    post = (pre + np.tile(steps, n)) % n
    post[::20] = np.random.default_rng(0).permutation(n)[: post[::20].size]
    keep = np.unique(pre * n + post)
    keep = keep[keep // n != keep % n]
    graph.add_area("ring", n)
    graph.project("ring", "ring", gr.Explicit(pre=keep // n, post=keep % n))
    value = gr.statistics.small_world(graph.compile(seed=0), nulls=5)["value"]
    assert value["small_worldness"] > 5


# What all three share.

FUNCTIONS = ["motifs", "rich_club", "small_world"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_one_seed_gives_one_table(function):
    call = getattr(gr.statistics, function)
    one, two, three = (call(WORM, nulls=2, seed=seed) for seed in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(three)
    generator = call(WORM, nulls=2, seed=np.random.default_rng(5))
    assert generator.equals(call(WORM, nulls=2, seed=np.random.default_rng(5)))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_anything_but_a_connectome_is_refused(function):
    with pytest.raises(TypeError) as error:
        getattr(gr.statistics, function)(gr.AreaGraph())
    assert str(error.value) == (
        f"`statistics.{function}(net)` needs a Connectome; it got AreaGraph. "
        "Compile it first: net = graph.compile(seed=0)."
    )


def test_of_many_neurons_some_are_drawn():
    net = chain(2001)
    table = gr.statistics.small_world(net, nulls=2)
    assert table.attrs["samples"] == 500
    assert table.loc["path_length", "error"] > 0
    assert abs(table.loc["path_length", "value"] - 2002 / 3) < 4 * table.loc["path_length", "error"]
    assert gr.statistics.small_world(chain(100), nulls=2, samples=200).attrs["samples"] == 100


@pytest.mark.parametrize("function", FUNCTIONS)
def test_one_random_wiring_is_too_few(function):
    with pytest.raises(ValueError, match="nulls") as error:
        getattr(gr.statistics, function)(WORM, nulls=1)
    assert str(error.value) == f"`statistics.{function}(net, ...)` needs `nulls` of at least 2; it got 1."


@pytest.mark.parametrize(("function", "least"), [("motifs", 1), ("small_world", 2)])
def test_too_few_samples_are_refused(function, least):
    with pytest.raises(ValueError, match="samples") as error:
        getattr(gr.statistics, function)(WORM, samples=0)
    assert str(error.value) == (
        f"`statistics.{function}(net, ...)` needs `samples` of at least {least}; it got 0."
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_docstring_describes_the_table(function):
    call = getattr(gr.statistics, function)
    text = call.__doc__.split("====\n", 1)[1].rpartition("====\n")[0]
    table = call(WORM, nulls=2)
    names = table.index if function == "small_world" else table.columns
    assert re.findall(r"^ {4}`(\w+)`", text, re.MULTILINE) == names.tolist()
