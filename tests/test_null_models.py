"""Null models: what each keeps, that it is random, and that it is uniform where it can be counted."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from cases import NETWORKS, each_network

import graphrnn as gr
from graphrnn.connectome import Connectome

KEPT = ("degrees", "in_degrees", "out_degrees", "counts")
WITHIN = ("projection", "kind", "network")
each_model = pytest.mark.parametrize("keep", KEPT)
each_block = pytest.mark.parametrize("within", WITHIN)


def pairs(net):
    return list(zip(net.hidden.post.tolist(), net.hidden.pre.tolist(), strict=True))


def blocks(net, within):
    """(synapse,) which block a synapse is in, found the slow way."""
    kinds = {(p.pre, p.post): p.kind for p in net.projections}
    names = [area.name for area in net.areas]
    owners = [(names[net.area_index[pre]], names[net.area_index[post]]) for post, pre in pairs(net)]
    return {"projection": owners, "kind": [kinds[o] for o in owners], "network": ["all"] * len(owners)}[
        within
    ]


def kept(net, within, keep):
    """What a null model has to keep, as counts."""
    loops = [
        (b, "loop", post)
        for b, (post, pre) in zip(blocks(net, within), pairs(net), strict=True)
        if post == pre
    ]
    numbers = Counter(loops)
    for block, (post, pre) in zip(blocks(net, within), pairs(net), strict=True):
        numbers[block] += 1
        if keep in ("degrees", "in_degrees"):
            numbers[block, "onto", post] += 1
        if keep in ("degrees", "out_degrees"):
            numbers[block, "from", pre] += 1
    return numbers


@each_network
@each_model
@each_block
def test_it_keeps_what_it_says(net, keep, within):
    if (keep, within) == ("degrees", "kind"):
        return  # refused, see the messages
    null = net.rewired(keep=keep, within=within, seed=1)
    assert kept(null, within, keep) == kept(net, within, keep)
    assert null.input == net.input
    assert null.readout == net.readout
    assert (null.areas, null.inputs, null.readouts, null.seed) == (
        net.areas,
        net.inputs,
        net.readouts,
        net.seed,
    )
    np.testing.assert_array_equal(null.sign, net.sign)
    for name in ("weight", "delay", "type"):
        old, new = getattr(net.hidden, name), getattr(null.hidden, name)
        assert (old is None) == (new is None)
        if old is not None:
            np.testing.assert_array_equal(np.sort(old), np.sort(new))
    found = {(p.pre, p.post) for p in null.projections}
    names = [area.name for area in net.areas]
    assert {(names[net.area_index[pre]], names[net.area_index[post]]) for post, pre in pairs(null)} <= found
    assert {(p.pre, p.post) for p in net.projections} <= found


@each_model
def test_a_seed_draws_one_null_model_and_another_seed_another(keep):
    net = gr.datasets.celegans()
    one = net.rewired(keep=keep, seed=3)
    assert one == net.rewired(keep=keep, seed=3)
    assert one != net.rewired(keep=keep, seed=4)
    overlap = len(set(pairs(one)) & set(pairs(net))) / net.hidden.size
    assert overlap < 0.36
    assert one.provenance.steps[-1] == {
        "step": "net.rewired",
        "choices": {"keep": keep, "within": "projection", "rounds": 20},
        "seed": 3,
        "versions": one.provenance.steps[0]["versions"],
    }
    assert {p.rule for p in one.projections} == {f"rewired, {keep} kept"}


def test_what_a_neuron_sends_goes_with_it_where_degrees_stay():
    net = gr.datasets.celegans(gap_junctions=True)
    null = net.rewired(seed=0)
    for source in range(net.n_neurons):
        old, new = (n.hidden.pre == source for n in (net, null))
        before = sorted(zip(net.hidden.weight[old], net.hidden.type[old], strict=True))
        assert before == sorted(zip(null.hidden.weight[new], null.hidden.type[new], strict=True))


def test_strengths_stay_where_degrees_of_one_end_stay():
    net = gr.datasets.celegans()
    strength = [
        np.bincount(n.hidden.post, n.hidden.weight) for n in (net, net.rewired(keep="in_degrees", seed=0))
    ]
    np.testing.assert_array_equal(*strength)
    sent = [
        np.bincount(n.hidden.pre, n.hidden.weight) for n in (net, net.rewired(keep="out_degrees", seed=0))
    ]
    np.testing.assert_array_equal(*sent)


def small(edges, areas="aabb"):
    neurons = pd.DataFrame({"neuron": list("01234")[: len(areas)], "area": list(areas)})
    table = pd.DataFrame([tuple(edge) for edge in edges], columns=["pre", "post"])
    return Connectome.from_edges(table, neurons)


@pytest.mark.parametrize(
    ("edges", "areas", "keep", "within", "n_wirings"),
    [
        (["02", "03"], "aabb", "counts", "projection", 6),  # 2 of the 4 pairs from a to b
        (["01", "10"], "aaaa", "counts", "network", 66),  # 2 of 12 pairs without self-connections
        (["02", "12", "03"], "aabb", "in_degrees", "projection", 2),  # one source of two onto 3
        (["01", "21", "03"], "aaaa", "in_degrees", "network", 9),  # 3 choose 2 onto 1, times 3 onto 3
        (["01", "02", "13"], "aaaa", "out_degrees", "network", 9),
        (["01", "12", "23", "34", "40"], "aaaaa", "degrees", "network", 44),  # derangements of 5
        (["00", "01", "23"], "aaaa", "counts", "network", 66),  # the loop stays
    ],
)
def test_every_wiring_is_equally_likely(edges, areas, keep, within, n_wirings):
    net = small(edges, areas)
    rng = np.random.default_rng(0)
    each = 60 if n_wirings > 40 else 150
    n = each * n_wirings
    found = Counter(tuple(pairs(net.rewired(keep=keep, within=within, seed=rng))) for _ in range(n))
    assert len(found) == n_wirings
    statistic = sum((count - each) ** 2 / each for count in found.values())
    assert statistic < n_wirings + 6 * np.sqrt(2 * n_wirings)  # mean and six deviations of chi squared


def test_weights_are_dealt_out_evenly():
    """Each weight is as likely on each of the synapses of its block."""
    net = small(["02", "03", "12", "13"]).with_weights(hidden=[1.0, 2.0, 3.0, 4.0])
    rng = np.random.default_rng(0)
    sums = sum(net.rewired(keep="counts", seed=rng).hidden.weight for _ in range(2000))
    np.testing.assert_allclose(sums / 2000, 2.5, atol=0.15)
    row = sum(net.rewired(keep="in_degrees", seed=rng).hidden.weight for _ in range(2000))
    np.testing.assert_allclose(row / 2000, [1.5, 1.5, 3.5, 3.5], atol=0.08)


def test_new_pairs_of_areas_get_projections():
    net = small(["02", "13"])
    null = net.rewired(keep="counts", within="network", seed=2)
    assert {(p.pre, p.post) for p in null.projections} > {("a", "b")}
    assert all(p.kind in ("unclassified", "within") for p in null.projections)


def test_nothing_to_rewire():
    net = NETWORKS["no_synapses"]
    for keep in KEPT:
        assert net.rewired(keep=keep, seed=0).hidden.size == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"keep": "all"},
            "`net.rewired(...)` needs `keep` to be one of degrees, in_degrees, out_degrees, counts; "
            "it got 'all'.",
        ),
        (
            {"within": "area"},
            "`net.rewired(...)` needs `within` to be one of projection, kind, network; it got 'area'.",
        ),
        (
            {"within": "kind"},
            "`net.rewired(...)` cannot keep degrees within kinds: two synapses of a kind that switch "
            "targets may "
            "both leave it. Use within='projection', or keep='in_degrees'.",
        ),
        ({"rounds": -1}, "`net.rewired(...)` needs `rounds` of at least 0; it got -1."),
    ],
)
def test_messages(options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        NETWORKS["asymmetric"].rewired(**options)
    assert str(error.value) == message
