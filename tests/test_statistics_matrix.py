"""Quantities between pairs of areas, held against loops over dense masks and against networkx."""

import math
import re

import networkx as nx
import numpy as np
import pytest
from cases import NETWORKS

import graphrnn as gr
from graphrnn.statistics.matrix import _QUANTITIES

CELEGANS = gr.datasets.celegans(gap_junctions=True)
OF_WEIGHTS = ("weight", "mean_weight", "mean_strength", "weight_fraction")


each_network = pytest.mark.parametrize("net", [*NETWORKS.values(), CELEGANS], ids=[*NETWORKS, "celegans"])


def oracle(net, quantity):
    """Each entry by itself, from a dense block."""
    mask = net.hidden_mask.toarray() > 0
    w = np.zeros(mask.shape) if net.hidden.weight is None else net.hidden.matrix.toarray()
    delay = np.zeros(mask.shape)
    if net.hidden.delay is not None:
        delay[net.hidden.post, net.hidden.pre] = net.hidden.delay
    other = mask & ~np.eye(len(mask), dtype=bool)
    asked = {(p.post, p.pre): p.possible for p in net.projections}
    graph = nx.DiGraph()
    graph.add_nodes_from(area.name for area in net.areas)
    for post in net.areas:
        for pre in net.areas:
            if mask[post.slice, pre.slice].any():
                graph.add_edge(pre.name, post.name)
    lengths = dict(nx.all_pairs_shortest_path_length(graph))

    def extrinsic(post, amount):
        return sum(amount(post, area) for area in net.areas if area is not post)

    def share(post, pre, amount):
        return math.nan if post is pre else quotient(amount(post, pre), extrinsic(post, amount))

    def quotient(a, b):
        return a / b if b else math.nan

    def count(post, pre):
        return mask[post.slice, pre.slice].sum()

    def labelled(post, pre):
        return mask[post.slice, pre.slice].any(axis=0).sum()

    def reciprocity(post, pre):
        there, back = other[post.slice, pre.slice], other[pre.slice, post.slice]
        return quotient((there & back.T).sum(), there.sum())

    def chance(post, pre):
        pairs = post.size * pre.size - (post.size if post is pre else 0)
        return quotient(other[pre.slice, post.slice].sum(), pairs)

    entries = {
        "count": count,
        "excitatory": lambda i, j: mask[i.slice, j.slice][:, net.sign[j.slice] == 1].sum(),
        "inhibitory": lambda i, j: mask[i.slice, j.slice][:, net.sign[j.slice] == -1].sum(),
        "possible": lambda i, j: asked.get((i.name, j.name), i.size * j.size),
        "probability": lambda i, j: quotient(count(i, j), asked.get((i.name, j.name), i.size * j.size)),
        "in_degree": lambda i, j: mask[i.slice, j.slice].sum(axis=1).mean(),
        "out_degree": lambda i, j: mask[i.slice, j.slice].sum(axis=0).mean(),
        "input_fraction": lambda i, j: share(i, j, count),
        "fln": lambda i, j: share(i, j, labelled),
        "reciprocity": reciprocity,
        "reciprocity_chance": chance,
        "reciprocity_ratio": lambda i, j: quotient(reciprocity(i, j), chance(i, j)),
        "path": lambda i, j: lengths[j.name].get(i.name, math.nan),
        "weight": lambda i, j: w[i.slice, j.slice].sum(),
        "mean_weight": lambda i, j: quotient(w[i.slice, j.slice].sum(), count(i, j)),
        "mean_strength": lambda i, j: quotient(np.abs(w[i.slice, j.slice]).sum(), count(i, j)),
        "weight_fraction": lambda i, j: share(i, j, lambda a, b: np.abs(w[a.slice, b.slice]).sum()),
        "mean_delay": lambda i, j: quotient(delay[i.slice, j.slice].sum(), count(i, j)),
    }
    return [[float(entries[quantity](post, pre)) for pre in net.areas] for post in net.areas]


@pytest.mark.parametrize("quantity", _QUANTITIES)
@each_network
def test_every_entry_is_that_of_its_block(net, quantity):
    if (quantity in OF_WEIGHTS and net.hidden.weight is None) or (
        quantity == "mean_delay" and net.hidden.delay is None
    ):
        with pytest.raises(ValueError, match="this network has none"):
            gr.statistics.area_matrix(net, quantity)
        return
    table = gr.statistics.area_matrix(net, quantity)
    np.testing.assert_allclose(table.to_numpy(float), oracle(net, quantity), rtol=1e-9, atol=0)


def test_rows_are_targets_and_columns_are_sources():
    table = gr.statistics.area_matrix(NETWORKS["asymmetric"], "count")
    assert (table.index.name, table.columns.name) == ("post", "pre")
    assert table.index.tolist() == table.columns.tolist() == ["V1", "PFC"]
    assert table.loc["PFC", "V1"] == 15  # FixedIndegree(3) onto five neurons
    assert table.loc["V1", "PFC"] == 4
    assert gr.statistics.area_matrix(NETWORKS["asymmetric"]).equals(table)


def test_fractions_of_extrinsic_input_add_up_to_one():
    for quantity in ("fln", "input_fraction", "weight_fraction"):
        table = gr.statistics.area_matrix(CELEGANS, quantity)
        rows = table.sum(axis=1)
        assert rows[rows > 0].to_numpy() == pytest.approx(1.0, rel=1e-12)
        assert np.isnan(np.diag(table)).all()
        assert (rows == 0).sum() == 1  # CAN hears nobody


def test_reciprocity_at_random_is_chance():
    graph = gr.AreaGraph()
    graph.add_area("a", 400)
    graph.add_area("b", 300)
    for pre, post, p in (("a", "b", 0.2), ("b", "a", 0.05), ("a", "a", 0.1)):
        graph.project(pre, post, p)
    table = gr.statistics.area_matrix(graph.compile(seed=0), "reciprocity_ratio")
    assert table.loc["a", "a"] == pytest.approx(1.0, abs=0.05)
    assert table.loc["a", "b"] == pytest.approx(table.loc["b", "a"], rel=1e-12)
    assert table.loc["a", "b"] == pytest.approx(1.0, abs=0.05)


def test_messages():
    net = NETWORKS["asymmetric"]
    with pytest.raises(ValueError, match="area_matrix") as error:
        gr.statistics.area_matrix(net, "sparsity")
    assert str(error.value) == (
        f"`statistics.area_matrix(net, ...)` needs `quantity` to be one of {', '.join(_QUANTITIES)}; "
        "it got 'sparsity'."
    )
    with pytest.raises(ValueError, match="area_matrix") as error:
        gr.statistics.area_matrix(net, "mean_weight")
    assert str(error.value) == (
        "`statistics.area_matrix(net, 'mean_weight')` needs weights; this network has none. "
        "A trained network's are in rnn.to_connectome()."
    )
    with pytest.raises(ValueError, match="area_matrix") as error:
        gr.statistics.area_matrix(net, "mean_delay")
    assert str(error.value) == (
        "`statistics.area_matrix(net, 'mean_delay')` needs delays; this network has none. "
        "Measured wiring has them where its table of edges has a column `delay`."
    )
    with pytest.raises(TypeError) as error:
        gr.statistics.area_matrix(gr.AreaGraph())
    assert str(error.value) == (
        "`statistics.area_matrix(net)` needs a Connectome; it got AreaGraph. "
        "Compile it first: net = graph.compile(seed=0)."
    )


def test_the_docstring_describes_every_quantity():
    documented = re.findall(r"^ *`(\w+)` {2,}", gr.statistics.area_matrix.__doc__, re.MULTILINE)
    assert documented == list(_QUANTITIES)
