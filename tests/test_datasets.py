"""The worm's tables, and what becomes of them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from importlib import resources

import numpy as np
import pytest

import graphrnn as gr

SIZES = {
    "sensory": (0, 83),
    "interneuron-3": (1, 31),
    "interneuron-4": (1, 8),
    "interneuron-2": (2, 27),
    "interneuron-1": (3, 13),
    "interneuron-pharynx-link": (3, 2),
    "pharynx-inter": (3, 8),
    "pharynx-polymodal": (3, 5),
    "motor-head": (4, 18),
    "motor-sublateral": (4, 19),
    "motor-cord": (4, 71),
    "motor-sex": (4, 8),
    "pharynx-motor": (4, 7),
    "CAN": (None, 2),
}


def table(name):
    with resources.files("graphrnn.datasets").joinpath(f"celegans/{name}.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", params=[False, True], ids=["chemical", "with gap junctions"])
def worm(request):
    return request.param, gr.datasets.celegans(gap_junctions=request.param)


def counts(net):
    return {kind: net.select(kind=kind).hidden.size for kind in gr.connectome.HIDDEN_KINDS}


def test_areas_and_levels(worm):
    _, net = worm
    assert {area.name: (area.level, area.size) for area in net.areas} == SIZES
    assert [area.name for area in net.areas] == list(SIZES)
    assert net.n_neurons == 302 == len(set(net.names))
    given = {row["neuron"]: row["area"].replace("unknown", "CAN") for row in table("neurons")}
    assert {n: net.areas[i].name for n, i in zip(net.names, net.area_index, strict=True)} == given
    assert all(list(net.names[area.slice]) == sorted(net.names[area.slice]) for area in net.areas)
    assert not net.sign.any()
    assert np.isnan(net.tau).all()


def test_chemical_synapses():
    net = gr.datasets.celegans()
    assert counts(net) == {"forward": 1219, "backward": 334, "lateral": 107, "within": 606, "unclassified": 0}
    assert (net.hidden.size, net.hidden.weight.sum(), net.hidden.types) == (2266, 6509, ("chemical",))
    assert dict(net.report) == {"dropped": 120}


def test_gap_junctions_too():
    net = gr.datasets.celegans(gap_junctions=True)
    assert dict(net.report) == {"dropped": 126, "merged": 253}
    assert counts(net) == {"forward": 1448, "backward": 640, "lateral": 151, "within": 906, "unclassified": 0}
    types = Counter(net.hidden.types[code] for code in net.hidden.type)
    assert types == {"chemical": 2013, "chemical+electrical": 253, "electrical": 879}


def test_every_synapse_is_in_the_table(worm):
    gap_junctions, net = worm
    neurons = {row["neuron"] for row in table("neurons")}
    expected = Counter()
    dropped = 0
    for row in table("synapses"):
        pre, post, n = row["pre"], row["post"], int(row["synapses"])
        if row["type"] == "electrical" and not gap_junctions:
            continue
        if not {pre, post} <= neurons:
            dropped += 1
            continue
        for pair in {(pre, post), (post, pre)} if row["type"] == "electrical" else {(pre, post)}:
            expected[pair] += n
    hidden = net.hidden
    pairs = zip(net.names[hidden.pre], net.names[hidden.post], strict=True)
    assert dict(zip(pairs, hidden.weight, strict=True)) == expected
    assert dropped == net.report["dropped"]


def test_gap_junctions_run_both_ways():
    net = gr.datasets.celegans(gap_junctions=True)
    joined = np.zeros((302, 302), bool)
    electrical = [i for i, name in enumerate(net.hidden.types) if "electrical" in name]
    keep = np.isin(net.hidden.type, electrical)
    joined[net.hidden.post[keep], net.hidden.pre[keep]] = True
    np.testing.assert_array_equal(joined, joined.T)
    assert joined.sum() == 2 * 569 - 6  # six neurons are joined to themselves
    assert np.trace(joined) == 6


def test_the_can_neurons_stand_apart(worm):
    _, net = worm
    can = net.slice("CAN")
    assert list(net.names[can]) == ["CANL", "CANR"]
    assert not net.hidden.in_degree[can].any()
    assert not net.hidden.out_degree[can].any()
    assert not [p for p in net.projections if "CAN" in (p.pre, p.post)]


def test_kinds_follow_levels(worm):
    _, net = worm
    level = {area.name: area.level for area in net.areas}
    for p in net.projections:
        step = level[p.post] - level[p.pre]
        kind = (
            "within" if p.pre == p.post else {1.0: "forward", 0.0: "lateral", -1.0: "backward"}[np.sign(step)]
        )
        assert (p.kind, p.rule) == (kind, "measured")


def test_the_table_itself():
    rows = table("synapses")
    assert len(rows) == 2961
    chemical = [int(row["synapses"]) for row in rows if row["type"] == "chemical"]
    assert (len(chemical), sum(chemical)) == (2386, 7943)


def test_source_and_licence_ship_with_the_tables():
    readme = resources.files("graphrnn.datasets").joinpath("celegans/README.md").read_text(encoding="utf-8")
    assert all(word in readme for word in ("White", "Cook", "cect 0.3.5", "MIT", "OpenWorm"))


def test_an_argument_of_another_type():
    message = "`celegans(gap_junctions='yes')` needs True or False for `gap_junctions`; it got 'yes'."
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        gr.datasets.celegans(gap_junctions="yes")
