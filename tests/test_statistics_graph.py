"""The table of the whole network, and its eigenvalues, against networkx and numpy."""

import dataclasses
import math
import re
import warnings

import networkx as nx
import numpy as np
import pytest
from cases import NETWORKS

import graphrnn as gr
from graphrnn.statistics import graph, spectrum
from graphrnn.statistics import spectrum as spectrum_of

WORM = gr.datasets.celegans()
ALL = {**NETWORKS, "worm": WORM}


@pytest.fixture(scope="module", params=ALL.values(), ids=ALL)
def net(request):
    return request.param


@pytest.fixture(scope="module")
def table(net):
    return graph(net, nulls=3, seed=2)


def graph_of(net):
    return nx.from_scipy_sparse_array(net.hidden_mask.T, create_using=nx.DiGraph)  # networkx: row → column


def test_what_is_exact_is_that_of_networkx(net, table):
    value, whole = table["value"], graph_of(net)
    other = whole.copy()
    other.remove_edges_from(list(nx.selfloop_edges(whole)))
    n, m = whole.number_of_nodes(), other.number_of_edges()
    into, out = (np.array([d for _, d in degree]) for degree in (whole.in_degree(), whole.out_degree()))
    weak, strong = list(nx.weakly_connected_components(whole)), list(nx.strongly_connected_components(whole))
    density = nx.density(other) if n > 1 else math.nan
    reciprocity = nx.overall_reciprocity(other) if m else math.nan
    varied = len(set(into)) > 1 and len(set(out)) > 1
    expected = {
        "neurons": n,
        "areas": len(net.areas),
        "synapses": whole.number_of_edges(),
        "self_connections": whole.number_of_edges() - m,
        "density": density,
        "reciprocity": reciprocity,
        "reciprocity_excess": (reciprocity - density) / (1 - density) if density != 1 else math.nan,
        "degree_mean": into.mean(),
        "in_degree_sd": into.std(),
        "in_degree_max": into.max(),
        "out_degree_sd": out.std(),
        "out_degree_max": out.max(),
        "degree_correlation": np.corrcoef(into, out)[0, 1] if varied else math.nan,
        "core_max": max(nx.core_number(other).values()),
        "weak_components": len(weak),
        "largest_weak": max(map(len, weak)) / n,
        "strong_components": len(strong),
        "largest_strong": max(map(len, strong)) / n,
    }
    for name, wanted in expected.items():
        np.testing.assert_allclose(value[name], wanted, rtol=1e-12, atol=1e-12, err_msg=name)
        assert table.loc[name, "error"] == 0


def test_parts_are_those_of_their_own_functions(net, table):
    value = table["value"]
    small = gr.statistics.small_world(net, nulls=3, seed=2)
    for name in small.index:
        np.testing.assert_equal(table.loc[name].tolist(), small.loc[name].tolist())
    for name, wanted in gr.statistics.hierarchy(net).items():
        np.testing.assert_equal(value[name], wanted)
    motifs = gr.statistics.motifs(net, nulls=3, seed=2)
    for name in motifs.index[3:]:
        np.testing.assert_equal(value[f"z_{name}"], motifs.loc[name, "z"])
    part = gr.statistics.communities(net, seed=2)
    np.testing.assert_equal(value["modularity_best"], gr.statistics.modularity(net, part))
    np.testing.assert_equal(value["modularity_areas"], gr.statistics.modularity(net))
    assert value["communities"] == part.max() + 1
    club = gr.statistics.rich_club(net, nulls=3, seed=2)
    richest = club[club["neurons"] >= net.n_neurons / 10].iloc[-1]
    np.testing.assert_equal(value[["rich_club", "rich_club_z"]].tolist(), richest[["ratio", "z"]].tolist())


def test_the_spectral_radius_is_that_of_numpy(net, table):
    dense = net.hidden_mask.toarray().astype(float)
    expected = np.abs(np.linalg.eigvals(dense)).max(initial=0.0)
    assert table.loc["spectral_radius", "value"] == pytest.approx(expected, rel=1e-9, abs=1e-3)
    assert table.loc["spectral_radius", "error"] < 1e-9


def test_how_it_was_made_is_kept(net, table):
    assert table.attrs == {"seed": 2, "nulls": 3, "samples": net.n_neurons}
    assert table.index.name == "statistic"
    assert table.columns.tolist() == ["value", "error"]


def test_one_seed_gives_one_table():
    net = NETWORKS["measured"]
    one, two, three = (graph(net, nulls=2, seed=seed) for seed in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(three)


def test_samples_say_their_error():
    table = graph(WORM, nulls=2, samples=100)
    exact = graph(WORM, nulls=2)
    for name in ("clustering", "path_length"):
        value, error = table.loc[name]
        assert error > 0
        assert abs(value - exact.loc[name, "value"]) < 4 * error


def nothing_at_all():
    none = gr.Synapses((0, 0), [], [])
    empty = np.zeros(0, np.int8)
    return gr.Connectome((), (), (), (), none, none, none, empty, empty.astype(float))


DEGENERATE = {
    "no neurons": nothing_at_all(),
    "one neuron": NETWORKS["no_synapses"],
    "one neuron and its self-connection": NETWORKS["one_neuron"],
    "one area, all to all": NETWORKS["one_area"],
    "two neurons": gr.Connectome.from_masks(None, np.array([[0, 1], [0, 0]]), None),
}


@pytest.mark.parametrize("net", DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_networks_have_defined_values(net):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = graph(net, nulls=2)["value"]
        for name in ("neurons", "degree_distribution", "rich_club", "motifs", "small_world", "spectrum"):
            getattr(gr.statistics, name)(net)
    assert value["neurons"] == net.n_neurons
    if not net.hidden.size:
        undefined = ["reciprocity", "path_length", "small_worldness", "modularity_areas", "flow_incoherence"]
        assert value[undefined].isna().all()
        assert value["spectral_radius"] == 0
    if net.n_neurons < 2:
        assert math.isnan(value["density"])


def test_values_of_all_to_all():
    value = graph(NETWORKS["one_area"])["value"]
    assert value[["density", "reciprocity", "clustering", "path_length"]].tolist() == [1, 1, 1, 1]
    assert value["small_worldness"] == 1
    assert value["rich_club"] == 1
    assert value[["reciprocity_excess", "rich_club_z", "z_300"]].isna().all()


# Eigenvalues.


def weighted_net(net):
    weight = np.random.default_rng(0).standard_normal(net.hidden.size)
    return dataclasses.replace(net, hidden=dataclasses.replace(net.hidden, weight=weight))


def check_spectrum(found, dense):
    value = found["eigenvalue"].to_numpy()
    np.testing.assert_allclose(found["modulus"], np.abs(value), rtol=1e-12)
    assert (np.diff(found["modulus"]) <= 1e-9).all()
    assert (found["residual"] < 1e-9).all()
    for eigenvalue in value:  # each is one: W - λ is singular
        distance = np.linalg.svd(dense - eigenvalue * np.eye(len(dense)), compute_uv=False)[-1]
        assert distance < 1e-9
    # and none is left out; eigenvalues of a defective matrix move by the root of the rounding error
    expected = np.sort(np.abs(np.linalg.eigvals(dense)))[::-1][: len(value)]
    np.testing.assert_allclose(found["modulus"], expected, atol=2e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_eigenvalues_are_those_of_numpy(net, weighted):
    net = weighted_net(net)
    dense = (net.hidden.matrix if weighted else net.hidden_mask).toarray().astype(float)
    found = spectrum(net, weighted=weighted)
    assert len(found) == min(6, net.n_neurons)
    check_spectrum(found, dense)


def test_eigenvalues_of_an_area(net):
    for area in net.areas:
        dense = net.hidden_mask.toarray()[area.slice, area.slice].astype(float)
        check_spectrum(spectrum(net, 3, area=area.name), dense)


def test_eigenvalues_of_larger_networks():
    graph = gr.AreaGraph()
    graph.add_area("a", 420)
    graph.project("a", "a", 0.05)
    net = weighted_net(graph.compile(seed=0))
    for weighted in (False, True):
        found = spectrum(net, 4, weighted=weighted)
        dense = (net.hidden.matrix if weighted else net.hidden_mask).toarray().astype(float)
        expected = np.linalg.eigvals(dense)
        expected = expected[np.lexsort((-expected.imag, -expected.real, -np.abs(expected).round(9)))][:4]
        np.testing.assert_allclose(found["eigenvalue"], expected, rtol=1e-8)
        assert found.equals(spectrum(net, 4, weighted=weighted))


def ring(n):
    graph = gr.AreaGraph()
    graph.add_area("ring", n)
    graph.project("ring", "ring", gr.Explicit(pre=np.arange(n), post=np.roll(np.arange(n), 1)))
    return graph.compile(seed=0)


def test_a_ring():
    assert spectrum(ring(450), 2)["modulus"].tolist() == pytest.approx([1, 1], rel=1e-9)
    found = spectrum(ring(1500), 2)  # too large to solve densely, and the iteration does not converge
    assert found.isna().all().all()


def test_messages():
    with pytest.raises(ValueError, match="area") as error:
        spectrum_of(NETWORKS["asymmetric"], area="V2")
    assert str(error.value) == (
        "`statistics.spectrum(net, ...)` found no area named 'V2'. There is 'V1', 'PFC'."
    )
    with pytest.raises(ValueError, match="weight") as error:
        spectrum_of(NETWORKS["explicit_weights"], weighted=True)
    assert str(error.value) == (
        "`statistics.spectrum(net, ...)` with weighted=True needs the weight of every synapse; some or all "
        "are not known. Leave `weighted` out to count synapses."
    )
    for function in (graph, spectrum):
        with pytest.raises(TypeError) as error:
            function(gr.AreaGraph())
        assert str(error.value) == (
            f"`statistics.{function.__name__}(net)` needs a Connectome; it got AreaGraph. "
            "Compile it first: net = graph.compile(seed=0)."
        )
    for name, least in (("nulls", 2), ("samples", 2)):
        with pytest.raises(ValueError, match=name) as error:
            graph(WORM, **{name: 1})
        assert str(error.value) == (
            f"`statistics.graph(net, ...)` needs `{name}` of at least {least}; it got 1."
        )


def test_the_docstring_describes_the_rows():
    text = graph.__doc__.split("====\n", 1)[1].rpartition("====\n")[0]
    documented = re.findall(r"^ {4}`(\w+)`", text, re.MULTILINE)
    rows = [name for name in graph(WORM, nulls=2).index if not name.startswith("z_")]
    assert documented == [*rows, "z_021D"]


def test_the_docstring_of_the_spectrum_describes_its_columns():
    text = spectrum.__doc__.split("====\n", 1)[1].rpartition("====\n")[0]
    documented = re.findall(r"^ {4}`(\w+)`", text, re.MULTILINE)
    assert documented == spectrum(WORM).columns.tolist()
