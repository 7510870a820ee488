"""Networks made from a network: parts, other areas, levels, kinds and delays, one projection drawn anew."""

import dataclasses
import math
import re

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from cases import NETWORKS, each_network

import graphrnn as gr
from graphrnn.connectome import Connectome, kind_between

WHICH = ("input", "hidden", "readout")


def chain():
    """Named neurons a → b → c → d, and e → c; an area each but for e, which is with d."""
    neurons = pd.DataFrame(
        {"neuron": list("abcde"), "area": list("ABCDD"), "level": [0, 1, 2, 3, 3], "sign": [1, -1, 1, 1, -1]}
    )
    edges = pd.DataFrame({"pre": list("abce"), "post": list("bcdc"), "weight": [1.0, -2.0, 3.0, -4.0]})
    return Connectome.from_edges(edges, neurons)


def dense(net, which="hidden", weights=False):
    synapses = net.synapses(which)
    return (synapses.matrix if weights else synapses.mask).toarray()


def error_of(call, *arguments, **options):
    with pytest.raises((ValueError, TypeError)) as error:
        call(*arguments, **options)
    return str(error.value)


# select


@each_network
@pytest.mark.parametrize("sign", [1, -1, 0, [1, 0]])
def test_select_by_the_sign_of_the_source(net, sign):
    part = net.select(sign=sign)
    fits = np.isin(net.sign, sign)
    np.testing.assert_array_equal(dense(part), dense(net) * fits)
    np.testing.assert_array_equal(dense(part, "readout"), dense(net, "readout") * fits)
    np.testing.assert_array_equal(dense(part, "input"), dense(net, "input") * (0 in np.atleast_1d(sign)))
    assert part.projections == part.select().projections
    assert [(p.pre, p.post) for p in part.projections] == [(p.pre, p.post) for p in net.projections]


def test_select_by_threshold_compares_moduli():
    net = chain()
    assert dense(net.select(threshold=2.0), weights=True).sum() == -2 + 3 - 4
    assert net.select(threshold=0.0) == net
    mixed = NETWORKS["explicit_weights"]
    kept = mixed.select(threshold=1.0)
    known = ~np.isnan(mixed.hidden.weight)
    assert kept.hidden.size == (~known).sum() + (np.abs(mixed.hidden.weight[known]) >= 1).sum()
    assert kept.readout == mixed.readout  # it has no weights to compare


def test_what_was_asked_is_not_known_of_a_projection_that_lost_synapses():
    net = NETWORKS["excitatory_inhibitory"]
    asked = {(p.pre, p.post): p.asked for p in net.select(sign=1).projections}
    assert asked["in", "V1"] == 0 or math.isnan(asked["in", "V1"])
    assert math.isnan(asked["V1", "V1"])
    whole = {(p.pre, p.post): p.asked for p in net.select(sign=[0, 1, -1]).projections}
    assert whole == {(p.pre, p.post): p.asked for p in net.projections}


def test_select_by_type():
    net = NETWORKS["measured"]
    kept = [net.select(type=name).hidden for name in net.hidden.types]
    assert sum(part.size for part in kept) == net.hidden.size
    assert all(set(part.type.tolist()) == {i} for i, part in enumerate(kept))
    assert net.select(type="chemical").input.size == 0


def test_arguments_of_select_narrow_each_other_and_may_be_generators():
    net = chain()
    part = net.select(kind=(k for k in ["forward", "backward"]), sign=-1, threshold=3)
    assert dense(part, weights=True).sum() == -4
    assert part.provenance.steps[-1]["choices"]["kind"] == ["forward", "backward"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sign": 2}, "`net.select(...)` needs `sign` to be 1, -1 or 0, or several of them; it got 2."),
        ({"threshold": -1}, "`net.select(...)` needs `threshold` to be finite and not below 0; it got -1."),
        ({"type": "gap"}, "`net.select(...)` found no type named 'gap'. There is no type yet."),
        (
            {"threshold": 1},
            "`net.select(threshold=1)` needs weights to compare with; this network has none.",
        ),
    ],
)
def test_messages_of_select(options, message):
    assert error_of(NETWORKS["asymmetric"].select, **options) == message


# neighbourhood


@each_network
@pytest.mark.parametrize("direction", ["out", "in", "both"])
@pytest.mark.parametrize("hops", [0, 1, 2, 99])
def test_a_neighbourhood_is_what_networkx_reaches(net, direction, hops):
    graph = nx.from_numpy_array(dense(net).T, create_using=nx.DiGraph)
    walked = {"out": graph, "in": graph.reverse(), "both": graph.to_undirected()}[direction]
    start = [0, net.n_neurons - 1]
    near = sorted({n for s in start for n in nx.single_source_shortest_path_length(walked, s, cutoff=hops)})
    assert net.neighbourhood(neurons=start, hops=hops, direction=direction) == net.subnetwork(neurons=near)


def test_a_neighbourhood_of_areas():
    net = chain()
    assert net.neighbourhood("B", hops=1, direction="out").names.tolist() == ["b", "c"]
    assert net.neighbourhood("D", neurons=["e"], direction="out").names.tolist() == ["c", "e"]
    assert net.neighbourhood("C").names.tolist() == ["b", "c", "d", "e"]


def test_messages_of_neighbourhood():
    call = chain().neighbourhood
    assert error_of(call) == "`net.neighbourhood(...)` needs `areas` or `neurons` to start from."
    assert error_of(call, "X") == (
        "`net.neighbourhood(...)` found no area named 'X'. There is 'A', 'B', 'C', 'D'."
    )
    assert error_of(call, "A", hops=-1) == "`net.neighbourhood(...)` needs `hops` of at least 0; it got -1."
    assert error_of(call, "A", direction="up") == (
        "`net.neighbourhood(...)` needs `direction` to be one of out, in, both; it got 'up'."
    )


# other areas


@each_network
def test_other_areas_keep_every_neuron_and_synapse(net):
    rng = np.random.default_rng(0)
    labels = rng.choice(["x", "y", "z"], net.n_neurons)
    named = dataclasses.replace(net, names=np.arange(net.n_neurons).astype(str))
    changed = named.with_areas(labels)
    place = changed.names.astype(int)  # (new place,) the old place
    for which, rows, columns in (
        ("hidden", place, place),
        ("input", place, slice(None)),
        ("readout", slice(None), place),
    ):
        np.testing.assert_array_equal(dense(changed, which), dense(net, which)[rows][:, columns])
        np.testing.assert_array_equal(
            np.nan_to_num(dense(changed, which, True)),
            np.nan_to_num(dense(net, which, True)[rows][:, columns]),
        )
    np.testing.assert_array_equal(changed.sign, net.sign[place])
    np.testing.assert_array_equal(changed.tau, net.tau[place])
    assert [a.name for a in changed.areas] == list(dict.fromkeys(labels.tolist()))
    for area in changed.areas:
        np.testing.assert_array_equal(np.sort(place[area.slice]), np.flatnonzero(labels == area.name))
        assert (np.diff(changed.sign[area.slice]) <= 0).all()
    pairs = {(p.pre, p.post) for p in changed.projections}
    for which in WHICH:
        posts, pres = changed.ends(which)
        found = {(pres[j].name, posts[i].name) for i, j in np.argwhere(changed.counts(which))}
        assert found <= pairs
    assert len(pairs) == len(changed.projections)


@each_network
def test_the_areas_there_are_change_nothing(net):
    labels = [area.name for area in net.areas for _ in range(area.size)]
    if not (np.diff(net.sign) > 0).any() or len(net.areas) > 1:
        assert net.with_areas(labels) == net


@each_network
def test_possible_synapses_are_counted_by_brute_force(net):
    """Where self-connections were left out of an area, they are left out of what it becomes."""
    allowed = np.zeros((net.n_neurons, net.n_neurons), bool)
    for p in net.projections:
        if p.kind not in WHICH:
            block = np.ones((net.node(p.post).size, net.node(p.pre).size), bool)
            if p.possible < block.size:
                np.fill_diagonal(block, False)
            allowed[net.slice(p.post), net.slice(p.pre)] = block
    without = {p.pre for p in net.projections if p.pre == p.post and p.possible < net.node(p.pre).size ** 2}
    labels = np.random.default_rng(1).choice(["x", "y"], net.n_neurons)
    changed = net.with_areas(labels)
    for p in changed.projections:
        if p.kind in ("input", "readout"):
            continue
        size = (labels == p.pre).sum() * (labels == p.post).sum()
        if p.pre == p.post:
            owner = np.array([net.areas[i].name for i in net.area_index])
            size -= np.isin(owner[labels == p.pre], list(without)).sum()
        assert p.possible == size


def test_merged_areas_keep_what_their_parts_agree_on():
    net = chain()
    merged = net.merge_areas({"front": ["A", "B"], "back": "D"})
    assert [(a.name, a.size, a.level) for a in merged.areas] == [
        ("front", 2, None),
        ("C", 1, 2.0),
        ("back", 2, 3.0),
    ]
    assert {(p.pre, p.post): (p.kind, p.rule, p.possible) for p in merged.projections} == {
        ("front", "front"): ("within", "measured", 4),
        ("front", "C"): ("forward", "measured", 2),
        ("C", "back"): ("forward", "measured", 2),
        ("back", "C"): ("backward", "measured", 2),
    }
    assert merged.merge_areas({"all": ["front", "C", "back"]}).n_neurons == 5


def test_split_areas_are_on_one_level():
    net = chain().split_area("D", ["D1", "D2"])
    assert [(a.name, a.size, a.level) for a in net.areas][3:] == [("D1", 1, 3.0), ("D2", 1, 3.0)]
    assert {(p.pre, p.post): p.kind for p in net.projections}["D2", "C"] == "backward"
    back = net.merge_areas({"D": ["D1", "D2"]})
    assert back == chain()
    assert chain().split_area("D", {"e": "E"}).areas[-1].name == "E"


def test_a_part_of_an_area_projects_laterally_to_the_rest():
    net = NETWORKS["asymmetric"].split_area("V1", ["a"] * 3 + ["b"] * 4)
    kinds = {(p.pre, p.post): (p.kind, p.rule, p.possible) for p in net.projections}
    assert kinds["a", "b"] == ("lateral", "regrouped", 12)
    assert kinds["a", "a"] == ("within", "regrouped", 6)  # self-connections stay off
    assert kinds["PFC", "choice"] == ("readout", "AllToAll()", 10)


def test_split_by_sign():
    net = NETWORKS["excitatory_inhibitory"].split_area("V1", "sign")
    assert [(a.name, a.size) for a in net.areas] == [
        ("V1 excitatory", 16),
        ("V1 inhibitory", 4),
        ("PFC", 10),
    ]
    assert (net.sign[net.slice("V1 inhibitory")] == -1).all()
    assert net.hidden == NETWORKS["excitatory_inhibitory"].hidden


def test_levels_of_new_areas_may_be_given():
    net = chain().with_areas(["x", "y", "y", "x", "x"], levels={"x": 1, "y": 0})
    assert {(p.pre, p.post): p.kind for p in net.projections} == {
        ("x", "y"): "backward",
        ("y", "x"): "forward",
        ("y", "y"): "within",
    }


AREA_MESSAGES = [
    (
        lambda net: net.with_areas(["x"]),
        "`net.with_areas(...)` needs a label for each of 5 neurons, or a mapping from neuron names "
        "to labels; "
        "it got 1 labels.",
    ),
    (
        lambda net: net.with_areas(["x", "x", "x", "x", np.nan]),
        "`net.with_areas(...)` needs a label for every neuron; some are missing. Name them 'unknown'.",
    ),
    (
        lambda net: net.with_areas({"q": "x"}),
        "`net.with_areas(...)` found no neuron named 'q'. There is 'a', 'b', 'c', 'd', 'e'.",
    ),
    (
        lambda net: NETWORKS["asymmetric"].with_areas({"q": "x"}),
        "`net.with_areas(...)` needs neurons with names where `labels` is a mapping; these have "
        "none. Give one "
        "label per neuron, in their order.",
    ),
    (
        lambda net: net.with_input("in", 1).with_areas(["in"] * 5),
        "`net.with_areas(...)` needs other names for areas than for inputs and readouts; 'in' is one "
        "of those.",
    ),
    (
        lambda net: net.merge_areas(["A", "B"]),
        "`net.merge_areas(...)` needs a mapping from a new name to the areas it takes; it got list.",
    ),
    (
        lambda net: net.merge_areas({"x": ["A"], "y": ["A"]}),
        "`net.merge_areas(...)` needs each area in one new area; 'A' is in two.",
    ),
    (
        lambda net: net.merge_areas({"C": ["A", "B"]}),
        "`net.merge_areas(...)` needs a name of its own for a new area; 'C' exists already and is not merged "
        "into it.",
    ),
    (
        lambda net: net.merge_areas({"x": ["Q"]}),
        "`net.merge_areas(...)` found no area named 'Q'. There is 'A', 'B', 'C', 'D'.",
    ),
    (
        lambda net: net.split_area("D", ["C", "D"]),
        "`net.split_area('D', ...)` needs names of their own for the parts; 'C' exists already. To "
        "give neurons "
        "to another area use net.with_areas.",
    ),
    (
        lambda net: net.split_area("D", 3),
        "`net.split_area('D', ...)` needs a label for each of 2 neurons, or a mapping from neuron names to "
        "labels; it got int.",
    ),
]


@pytest.mark.parametrize(("call", "message"), AREA_MESSAGES)
def test_messages_of_areas(call, message):
    assert error_of(call, chain()) == message


# levels, kinds, delays


def test_levels_give_kinds_but_for_those_that_were_given():
    net = NETWORKS["lateral_levels"]  # right → top is lateral by decree
    turned = net.with_levels({"left": 2, "right": 2, "top": 1})
    kinds = {(p.pre, p.post): p.kind for p in turned.projections}
    assert kinds["left", "top"] == "backward"
    assert kinds["top", "left"] == "forward"
    assert kinds["right", "top"] == "lateral"
    assert net.with_levels({a.name: a.level for a in net.areas}) == net
    assert {p.kind for p in net.with_levels({}).projections} == {
        "input",
        "readout",
        "within",
        "unclassified",
        "lateral",
    }


@each_network
def test_levels_turned_round_turn_kinds_round(net):
    levels = {a.name: None if a.level is None else -a.level for a in net.areas}
    before = {a.name: a for a in net.areas}
    swapped = {"forward": "backward", "backward": "forward"}
    for old, new in zip(net.projections, net.with_levels(levels).projections, strict=True):
        given = old.kind not in ("input", "readout") and old.kind != kind_between(
            before[old.pre], before[old.post]
        )
        assert new.kind == (old.kind if given else swapped.get(old.kind, old.kind))


def test_levels_may_come_as_a_series():
    net = chain()
    series = pd.Series({"A": 3.0, "B": 2.0, "C": np.nan})
    assert net.with_levels(series) == net.with_levels({"A": 3.0, "B": 2.0, "C": None, "D": None})


def test_kinds_are_given_by_pairs():
    net = chain().with_kinds({("A", "B"): "lateral", ("A", "D"): "forward"})
    assert [p.kind for p in net.projections] == ["lateral", "forward", "backward", "forward"]
    assert net.select(kind="lateral").hidden.size == 1


def test_delays_are_distances_over_velocity():
    net = chain()
    table = pd.DataFrame(
        [[0, 1, 2, 3], [1, 0, 1, 2], [2, 1, 0, np.nan], [3, 2, 7, 0.0]], list("ABCD"), list("ABCD")
    )
    delayed = net.with_delays(table, velocity=2.0)
    pairs = {
        (str(net.names[pre]), str(net.names[post])): delay
        for pre, post, delay in zip(net.hidden.pre, net.hidden.post, delayed.hidden.delay, strict=True)
    }
    assert pairs == {("a", "b"): 0.5, ("b", "c"): 0.5, ("e", "c"): 3.5, ("c", "d"): 3.5}
    ways = {("A", "B"): 1, ("B", "C"): 1, ("C", "D"): 7}
    assert net.with_delays(ways, velocity=2.0) == delayed  # one way counts both ways
    array = np.array([[0, 1, 2, 3], [1, 0, 1, 2], [2, 1, 0, 7], [3, 2, 7, 0]])
    for half in (array, np.triu(array), np.tril(array)):
        assert net.with_delays(half, velocity=2) == delayed
    by_pair = net.with_delays(ways, velocity=2.0).provenance.steps[-1]["choices"]["distances"]
    assert by_pair == {"A → B": 1, "B → C": 1, "C → D": 7}
    assert delayed.provenance.steps[-1]["choices"] == {
        "distances": [0, 1, 2, 3, 1, 0, 1, 2, 2, 1, 0, "nan", 3, 2, 7, 0],
        "velocity": 2.0,
        "shortest": 0.1,
    }


def test_delays_from_positions():
    net = dataclasses.replace(chain(), positions=np.array([[0, 0], [3, 4], [3, 4], [3, 4.2], [0, 0]]))
    np.testing.assert_allclose(net.with_delays(velocity=1.0, shortest=0.5).hidden.delay, [5, 0.5, 5, 0.5])


LEVEL_MESSAGES = [
    (
        lambda net: net.with_levels({"Q": 1}),
        "`net.with_levels(...)` found no area named 'Q'. There is 'A', 'B', 'C', 'D'.",
    ),
    (
        lambda net: net.with_levels({"A": math.inf}),
        "`net.with_levels(...)` needs `level of 'A'` to be finite; it got inf.",
    ),
    (
        lambda net: net.with_levels([1, 2]),
        "`net.with_levels(...)` needs levels as a mapping from area names or a pandas Series; it got list.",
    ),
    (
        lambda net: net.with_kinds({("A", "B"): "within"}),
        "`net.with_kinds(...), 'A' → 'B'` needs `kind` to be one of forward, backward, lateral, "
        "unclassified; "
        "it got 'within'.",
    ),
    (
        lambda net: net.with_kinds({"A": "forward"}),
        "`net.with_kinds(...)` needs (pre, post) pairs of areas as keys; it got 'A'.",
    ),
    (
        lambda net: net.with_kinds(3),
        "`net.with_kinds(...)` needs a mapping from (pre, post) areas to kinds; it got int.",
    ),
    (
        lambda net: net.with_delays(),
        "`net.with_delays(...)` without distances needs positions of the neurons, in mm; there are "
        "none. Give "
        "`distances` between areas.",
    ),
    (
        lambda net: NETWORKS["with_positions"].with_delays(),
        "`net.with_delays(...)` needs positions at both ends of every synapse; {} of {} lack one. Give "
        "`distances` between areas.",
    ),
    (
        lambda net: net.with_delays({("A", "B"): 1.0}),
        "`net.with_delays(...)` needs a distance for every pair of areas with synapses; 'B' → 'C' has none.",
    ),
    (
        lambda net: net.with_delays({("A", "B"): -1.0}),
        "`net.with_delays(...)` needs distances of 0 mm or more; some are negative.",
    ),
    (
        lambda net: net.with_delays(np.ones((2, 2))),
        "`net.with_delays(...)` needs `distances` as a mapping from (pre, post) areas to numbers, a "
        "DataFrame "
        "with rows post and columns pre, or a (post, pre) array in the order of the areas; it got "
        "shape (2, 2) "
        "for 4 areas.",
    ),
    (
        lambda net: net.with_delays(pd.DataFrame([[1.0]], ["x"], ["A"])),
        "`net.with_delays(...)` needs areas as rows of `distances`; none of 'x' is one.",
    ),
    (
        lambda net: net.with_delays(pd.DataFrame(np.ones((2, 1)), ["A", "A"], ["A"])),
        "`net.with_delays(...)` needs each area in one row of `distances`; some are there twice.",
    ),
    (
        lambda net: net.with_delays({}, velocity=0),
        "`net.with_delays(...)` needs `velocity` to be finite and above 0; it got 0.",
    ),
]


@pytest.mark.parametrize(("call", "message"), LEVEL_MESSAGES)
def test_messages_of_levels_kinds_and_delays(call, message):
    came = error_of(call, chain())
    expected = re.escape(message).replace(r"\{\}", r"\d+")
    assert re.fullmatch(expected, came), came


# one projection drawn anew


@pytest.mark.parametrize(
    "name", [n for n, net in NETWORKS.items() if net.seed is not None and n != "measured"]
)
def test_the_same_rule_and_seed_draw_the_same_synapses(name):
    net = NETWORKS[name]
    for p in net.projections:
        if re.fullmatch(
            r"(Bernoulli|FixedIndegree|FixedTotalNumber|FixedOutdegree)\([\d.]+\)|AllToAll\(\)", p.rule
        ):
            rule = eval(p.rule, {name: getattr(gr, name) for name in gr.__all__})
            assert net.with_projection(p.pre, p.post, rule) == net


@each_network
def test_only_one_projection_changes(net):
    for p in net.projections:
        which = p.kind if p.kind in WHICH else "hidden"
        old = net.synapses(which)
        beside = {
            "delay": 1.0 if old.delay is not None else None,
            "type": "x" if old.type is not None else None,
        }
        changed = net.with_projection(p.pre, p.post, gr.FixedTotalNumber(1), seed=5, **beside)
        rows, columns = net.slice(p.post), net.slice(p.pre)
        before, after = dense(net, which, True), dense(changed, which, True)
        inside = np.zeros(before.shape, bool)
        inside[rows, columns] = True
        np.testing.assert_array_equal(after[~inside], before[~inside])
        assert dense(changed, which)[inside].sum() == 1
        for other in set(WHICH) - {which}:
            assert changed.synapses(other) == net.synapses(other)
        assert [q for q in changed.projections if (q.pre, q.post) != (p.pre, p.post)] == [
            q for q in net.projections if (q.pre, q.post) != (p.pre, p.post)
        ]
        now = next(q for q in changed.projections if (q.pre, q.post) == (p.pre, p.post))
        assert (now.kind, now.rule, now.possible, now.asked) == (
            p.kind,
            "FixedTotalNumber(1)",
            p.possible,
            1.0,
        )


def test_a_new_projection_can_be_added():
    net = chain().with_projection("D", "A", 1.0, seed=3)
    assert net.counts()[0, 3] == 2
    assert net.projections[-1].kind == "backward"
    assert (net.seed, net.provenance.steps[-1]["seed"]) == (3, 3)
    np.testing.assert_array_equal(np.isnan(net.hidden.weight).sum(), 2)
    assert net.provenance.steps[-1]["choices"]["rule"] == 1.0


def test_the_weights_of_a_rule_come_with_it():
    rule = gr.Explicit(pre=[0], post=[0], weight=[7.0])
    assert dense(chain().with_projection("A", "B", rule), weights=True)[1, 0] == 7.0


PROJECTION_MESSAGES = [
    (
        lambda net: net.with_projection("Q", "A"),
        "`net.with_projection('Q', 'A', ...)` found no node named 'Q'. There is 'A', 'B', 'C', 'D'.",
    ),
    (
        lambda net: net.with_input("i", 1).with_projection("A", "i"),
        "`net.with_projection('A', 'i', ...)` cannot connect area 'A' to input 'i'. Projections run "
        "from inputs "
        "to areas, among areas and from areas to readouts.",
    ),
    (
        lambda net: net.with_projection("A", "B", self_connections=False),
        "`net.with_projection('A', 'B', ...)` has `self_connections`, which only a projection within an area "
        "has. Leave it out.",
    ),
    (
        lambda net: net.with_projection("A", "B", delay=1.0),
        "`net.with_projection('A', 'B', ...)` has a `delay`, and the other synapses have none. Leave it out.",
    ),
    (
        lambda net: NETWORKS["measured_without_levels"].with_projection("x", "y"),
        "`net.with_projection('x', 'y', ...)` needs a `delay` in ms for the new synapses, since the "
        "others have "
        "delays.",
    ),
    (
        lambda net: NETWORKS["measured"].with_projection("inter", "motor"),
        "`net.with_projection('inter', 'motor', ...)` needs a `type` for the new synapses, since the "
        "others have "
        "types.",
    ),
    (
        lambda net: net.with_projection("A", "B", "dense"),
        "`net.with_projection('A', 'B', ...)` needs a connection rule or a density from 0 to 1; it "
        "got 'dense'. "
        "Give a number such as 0.1 or a rule such as FixedIndegree(10).",
    ),
]


@pytest.mark.parametrize(("call", "message"), PROJECTION_MESSAGES)
def test_messages_of_with_projection(call, message):
    assert error_of(call, chain()) == message
