"""Compiling: streams that do not disturb each other, what a graph becomes, and messages."""

import hashlib
import math
import re
import tracemalloc

import networkx as nx
import numpy as np
import pytest
from cases import NETWORKS, each_network
from scipy import stats

import graphrnn as gr
from graphrnn._streams import resolve_seed, stream
from graphrnn.compiler import compile_graph
from graphrnn.connectome import kind_between
from graphrnn.rules import Draw

LEVEL, WRONG = 1e-3, 1e-9  # of p-values, as in test_rules.py


def chain(names, size=20, rule=0.3):
    """Areas that all project to each other and to themselves."""
    graph = gr.AreaGraph()
    for name in names:
        graph.add_area(name, size, positions=np.arange(float(size)))
    for pre in names:
        for post in names:
            graph.project(pre, post, rule)
    return graph


def block(net, pre, post):
    return net.hidden_mask.toarray()[net.slice(post), net.slice(pre)]


# streams


def test_the_same_seed_gives_the_same_bits():
    graph = chain("ABC")
    assert graph.compile(seed=7) == graph.compile(seed=7)
    assert graph.compile(seed=7) != graph.compile(seed=8)
    assert graph.compile(seed=7).hidden != graph.compile(seed=8).hidden


@pytest.mark.parametrize(
    "rule",
    [
        0.3,
        gr.FixedIndegree(5),
        gr.FixedOutdegree(15),
        gr.FixedTotalNumber(90),
        gr.DistanceDependent(gr.Gaussian(3.0)),
    ],
    ids=repr,
)
def test_adding_an_area_leaves_all_other_projections_as_they_were(rule):
    before = chain("ABC", rule=rule).compile(seed=3)
    after = chain("XAYBCZ", rule=rule).compile(seed=3)
    for pre in "ABC":
        for post in "ABC":
            np.testing.assert_array_equal(block(before, pre, post), block(after, pre, post))


def test_changing_one_projection_leaves_all_others_as_they_were():
    graph = chain("ABC")
    before = graph.compile(seed=3)
    graph.project("A", "B", gr.FixedIndegree(2), replace=True)
    after = graph.compile(seed=3)
    same = [(a, b) for a in "ABC" for b in "ABC" if np.array_equal(block(before, a, b), block(after, a, b))]
    assert same == [(a, b) for a in "ABC" for b in "ABC" if a + b != "AB"]


def overlap_p_values(mask_of):
    """For every two projections: the number of pairs they share, over 60 seeds, against chance."""
    p_values = []
    shared, expected, variance = 0.0, 0.0, 0.0
    for i in range(len(mask_of)):
        for j in range(i):
            a, b = mask_of[i], mask_of[j]
            n = a[0].size
            shared = sum(int((x & y).sum()) for x, y in zip(a, b, strict=True))
            laws = [stats.hypergeom(n, int(x.sum()), int(y.sum())) for x, y in zip(a, b, strict=True)]
            expected, variance = sum(law.mean() for law in laws), sum(law.var() for law in laws)
            p_values.append(2 * stats.norm.sf(abs(shared - expected) / math.sqrt(variance)))
    return np.array(p_values)


def test_projections_are_independent_of_each_other_and_of_other_seeds():
    nets = [chain("AB").compile(seed=seed) for seed in range(60)]
    masks = [[block(net, pre, post) > 0 for net in nets] for pre in "AB" for post in "AB"]
    masks.append([masks[0][i - 1] for i in range(60)])  # the projection of another seed
    p_values = overlap_p_values(masks)
    assert p_values.min() * p_values.size > LEVEL
    assert stats.kstest(p_values, "uniform").pvalue > LEVEL


def test_one_stream_for_all_projections_would_be_seen():
    rule = gr.Bernoulli(0.3)
    end = gr.rules.Population("A", 20)
    masks = []
    for _ in range(2):
        draws = [rule.sample(end, end, np.random.default_rng(seed)) for seed in range(60)]
        masks.append([np.zeros((20, 20), bool) for _ in draws])
        for mask, draw in zip(masks[-1], draws, strict=True):
            mask[draw.post, draw.pre] = True
    assert overlap_p_values(masks).max() < WRONG


def test_streams_are_told_apart_by_seed_and_by_where_names_begin():
    first = {
        stream(seed, *names).integers(2**63)
        for seed in (0, 1, 2**62)
        for names in ((), ("ab", "c"), ("a", "bc"), ("abc",), ("c", "ab"), ("", "abc"), ("é",))
    }
    assert len(first) == 3 * 7


def test_streams_are_uniform_and_start_apart():
    first = np.array([stream(seed, "V1", "V2").random() for seed in range(5000)])
    assert stats.kstest(first, "uniform").pvalue > LEVEL
    other = np.array([stream(seed, "V2", "V1").random() for seed in range(5000)])
    assert stats.pearsonr(first, other).pvalue > LEVEL
    assert stats.pearsonr(first[1:], first[:-1]).pvalue > LEVEL


def test_the_seed_is_kept():
    graph = chain("AB")
    assert graph.compile(seed=5).seed == 5
    assert graph.compile(seed=np.int64(5)) == graph.compile(seed=5)
    assert graph.compile(seed=2**63 - 1).seed == 2**63 - 1
    fresh = graph.compile()
    assert graph.compile(seed=fresh.seed) == fresh
    assert graph.compile().seed != fresh.seed
    drawn = graph.compile(seed=np.random.default_rng(0))
    assert drawn == graph.compile(seed=np.random.default_rng(0))
    assert drawn.seed == np.random.default_rng(0).integers(2**63)


def test_a_generator_moves_on():
    rng = np.random.default_rng(0)
    assert resolve_seed("call", rng) != resolve_seed("call", rng)


def test_compiling_leaves_the_global_random_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    chain("AB").compile(seed=1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_no_change_of_code_changes_what_a_seed_draws():
    """If this fails on purpose, say so in the changelog: every user's networks change with it."""
    digest = hashlib.blake2b(digest_size=16)
    names = ("asymmetric", "area_without_input", "excitatory_inhibitory", "with_positions", "lateral_levels")
    for name in names:
        for which in ("input", "hidden", "readout"):
            digest.update(NETWORKS[name].synapses(which).digest())
    assert digest.hexdigest() == "09f8d00ef84965a163eca06ded98c0ee"


# what a graph becomes


@each_network
def test_projections_list_what_was_asked(net):
    found = {(p.pre, p.post): p for p in net.projections}
    assert len(found) == len(net.projections)
    for p in net.projections:
        which = p.kind if p.kind in ("input", "readout") else "hidden"
        actual = net.synapses(which).mask.toarray()[net.slice(p.post), net.slice(p.pre)].sum()
        assert actual <= p.possible
        if p.rule.startswith(("Fixed", "AllToAll", "OneToOne", "Explicit")):
            assert actual == p.asked
        if p.kind not in ("unclassified", "lateral"):
            assert kind_between(net.node(p.pre), net.node(p.post)) == p.kind


def test_what_was_asked_of_each_projection():
    found = {
        (p.pre, p.post): (p.kind, p.rule, p.possible, p.asked) for p in NETWORKS["asymmetric"].projections
    }
    assert list(found.items()) == [
        (("stimulus", "V1"), ("input", "Bernoulli(0.5)", 21, 10.5)),
        (("V1", "V1"), ("within", "Bernoulli(0.4)", 42, pytest.approx(16.8))),
        (("PFC", "V1"), ("backward", "FixedTotalNumber(4)", 35, 4.0)),
        (("V1", "PFC"), ("forward", "FixedIndegree(3)", 35, 15.0)),
        (("PFC", "choice"), ("readout", "AllToAll()", 10, 10.0)),
    ]


def test_signs_and_time_constants():
    net = NETWORKS["excitatory_inhibitory"]
    assert net.sign.tolist() == [1] * 16 + [-1] * 4 + [1] * 8 + [-1] * 2
    assert net.tau.tolist() == [20.0] * 20 + [100.0] * 10
    assert not NETWORKS["asymmetric"].sign.any()
    assert np.isnan(NETWORKS["asymmetric"].tau).all()
    assert np.isnan(NETWORKS["explicit_weights"].tau).tolist() == [True] * 4 + [False] * 3


@pytest.mark.parametrize(
    ("fraction", "size", "excitatory"),
    [(0.29, 100, 29), (0.8, 7, 5), (1.0, 3, 3), (0.0, 3, 0), (1 / 3, 3, 1)],
)
def test_the_fraction_of_excitatory_neurons_is_rounded_down(fraction, size, excitatory):
    graph = gr.AreaGraph()
    graph.add_area("A", size, excitatory=fraction)
    assert (graph.compile(seed=0).sign > 0).sum() == excitatory


def test_positions_of_areas_with_different_dimensions():
    positions = NETWORKS["with_positions"].positions
    assert positions.shape == (28, 2)
    np.testing.assert_array_equal(positions[:16, 0], np.arange(16))
    assert np.isnan(positions[:16, 1]).all()
    assert np.isfinite(positions[16:25]).all()
    assert np.isnan(positions[25:]).all()


def test_kinds():
    net = NETWORKS["lateral_levels"]
    assert {(p.pre, p.post): p.kind for p in net.projections} == {
        ("left ear", "left"): "input",
        ("right ear", "right"): "input",
        ("left", "right"): "lateral",
        ("right", "left"): "lateral",
        ("left", "top"): "forward",
        ("right", "top"): "lateral",
        ("top", "left"): "backward",
        ("top", "top"): "within",
        ("top", "where"): "readout",
        ("left", "what"): "readout",
        ("top", "what"): "readout",
    }


def test_weights_of_explicit_projections_lie_where_they_belong():
    net = NETWORKS["explicit_weights"]
    dense = net.hidden.matrix.toarray()
    np.testing.assert_array_equal(dense[4:, :4], [[0, 1.5, 0, -2], [0, 0, 0, 0], [0.5, 0, 0, 1e-3]])
    np.testing.assert_array_equal(dense[4:, 4:], [[0, 0, 3.0], [-0.5, 0, 0], [0, 0, 0]])
    assert np.isnan(dense[:4, 4:][net.hidden_mask.toarray()[:4, 4:] > 0]).all()
    np.testing.assert_array_equal(net.input.matrix.toarray()[2:4], [[-1.5, 0], [0, 0.25]])
    assert net.readout.weight is None


def test_self_connections_off():
    net = NETWORKS["asymmetric"]
    assert not net.hidden_mask.diagonal().any()
    graph = chain("AB", rule=1.0)
    assert graph.compile(seed=0).hidden.size == 1600
    graph.project("A", "A", 1.0, self_connections=False, replace=True)
    assert graph.compile(seed=0).hidden.size == 1580


def test_any_digraph_compiles():
    """What is None counts as not set, as networkx's own readers leave it."""
    graph = nx.DiGraph()
    graph.add_node("in", role="input", size=2)
    graph.add_node("A", size=3, tau=None, level=None, excitatory=None, positions=None)
    graph.add_edge("in", "A", rule=None, kind=None)
    graph.add_edge("A", "A", rule=1, self_connections=None)
    net = compile_graph(graph, seed=0)
    assert net.input.size == 6
    assert net.hidden.size == 9
    assert [p.rule for p in net.projections] == ["AllToAll()", "Bernoulli(1.0)"]


def test_compiling_does_not_change_the_graph():
    graph = chain("AB")
    before = {name: dict(data) for name, data in graph.nodes(data=True)}
    graph.compile(seed=0)
    assert {name: dict(data) for name, data in graph.nodes(data=True)} == before


def test_compiling_costs_what_the_synapses_cost():
    graph = gr.AreaGraph()
    for name in "ABC":
        graph.add_area(name, 100_000)
    for pre, post in ("AA", "AB", "BC", "CA"):
        graph.project(pre, post, gr.FixedIndegree(1) if pre == "A" else 1e-5)
    tracemalloc.start()
    try:
        net = graph.compile(seed=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 390_000 < net.hidden.size < 410_000
    assert peak < 100e6  # one bit for each possible synapse of one projection would take 1.25 GB


# messages


class Astray(gr.Rule):
    def sample(self, pre, post, rng, *, skip_diagonal=False):
        return Draw(np.array([0]), np.array([pre.size]))

    def expected(self, pre, post, *, skip_diagonal=False):
        return 1.0


def graph_of(*nodes, edges=(), kind=nx.DiGraph):
    graph = kind()
    for name, data in nodes:
        graph.add_node(name, **data)
    graph.add_edges_from(edges)
    return graph


A, B = ("A", {"size": 4}), ("B", {"size": 5})
MESSAGES = [
    (graph_of(), ValueError,
     "`graph.compile(...)` needs at least one area. Add one with graph.add_area(name, size)."),
    (graph_of(("in", {"size": 2, "role": "input"})), ValueError,
     "`graph.compile(...)` needs at least one area. Add one with graph.add_area(name, size)."),
    (graph_of(A, kind=nx.Graph), TypeError,
     "`graph.compile(...)` needs a networkx.DiGraph; it got Graph. Give each ordered pair of areas one "
     "directed edge."),
    (graph_of(A, kind=nx.MultiDiGraph), TypeError,
     "`graph.compile(...)` needs a networkx.DiGraph; it got MultiDiGraph. Give each ordered pair of areas "
     "one "
     "directed edge."),
    (graph_of((1, {"size": 3})), TypeError, "`graph.compile(...)` needs a string for `name`; it got 1."),
    (graph_of(("", {"size": 3})), ValueError, "`graph.compile(...)` needs a `name` that is not empty."),
    (graph_of(A, edges=[("A", "B")]), ValueError,
     "`graph.compile(...), node 'B'` needs a `size`, its number of neurons."),
    (graph_of(A, ("in", {"role": "input"})), ValueError,
     "`graph.compile(...), node 'in'` needs a `size`, its number of channels."),
    (graph_of(("A", {"size": 0})), ValueError,
     "`graph.compile(...), node 'A'` needs `size` of at least 1; it got 0."),
    (graph_of(("A", {"size": 2.0})), TypeError,
     "`graph.compile(...), node 'A'` needs a whole number for `size`; it got 2.0."),
    (graph_of(("A", {"size": 2, "role": "area51"})), ValueError,
     "`graph.compile(...), node 'A'` needs `role` to be one of area, input, readout; it got 'area51'."),
    (graph_of(("A", {"size": 2, "tau": -1})), ValueError,
     "`graph.compile(...), node 'A'` needs `tau` to be finite and above 0; it got -1."),
    (graph_of(("A", {"size": 2, "excitatory": 80})), ValueError,
     "`graph.compile(...), node 'A'` needs `excitatory` from 0 to 1; it got 80."),
    (graph_of(("A", {"size": 2, "level": math.nan})), ValueError,
     "`graph.compile(...), node 'A'` needs `level` to be finite; it got nan."),
    (graph_of(("A", {"size": 2, "positions": [1.0]})), ValueError,
     "`graph.compile(...), node 'A'` needs `positions` of shape (2,) or (2, dimension); it got (1,)."),
    (graph_of(("A", {"size": 2, "positions": [1.0, math.inf]})), ValueError,
     "`graph.compile(...), node 'A'` needs finite `positions`; some are NaN or infinite."),
    (graph_of(("A", {"size": 2, "positions": ["left", "right"]})), TypeError,
     "`graph.compile(...), node 'A'` needs numbers as `positions`, as many for each neuron."),
    (graph_of(("A", {"size": 2, "positions": [[1.0], [1.0, 2.0]]})), TypeError,
     "`graph.compile(...), node 'A'` needs numbers as `positions`, as many for each neuron."),
    (graph_of(A, ("in", {"role": "input", "size": 1, "tau": 3.0})), ValueError,
     "`graph.compile(...), node 'in'` has `tau`, which only areas have. Remove it from this input."),
    (graph_of(("A", {"size": 2, "level": 1}), B), ValueError,
     "`graph.compile(...)` needs a level for every area or for none; 'B' has none. Give it a level, or "
     "leave all "
     "out to use the order in which areas were added."),
    (graph_of(A, ("in", {"role": "input", "size": 1}), ("out", {"role": "readout", "size": 1}),
              edges=[("in", "out")]), ValueError,
     "`graph.compile(...)` cannot connect input 'in' to readout 'out'. Inputs reach areas and readouts "
     "read areas; "
     "put an area between them."),
    (graph_of(A, ("out", {"role": "readout", "size": 1}), edges=[("out", "A")]), ValueError,
     "`graph.compile(...)` cannot start at readout 'out': nothing leaves a readout. For feedback let an area "
     "project to the areas."),
    (graph_of(A, ("in", {"role": "input", "size": 1}), edges=[("A", "in")]), ValueError,
     "`graph.compile(...)` cannot end at input 'in': nothing reaches an input. Name an area."),
    (graph_of(A, B, edges=[("A", "B", {"kind": "within"})]), ValueError,
     "`graph.compile(...)` needs a kind that fits 'A' → 'B': forward or backward or lateral or unclassified; "
     "it got 'within'."),
    (graph_of(A, B, edges=[("A", "B", {"rule": "random"})]), TypeError,
     "`graph.compile(...), projection 'A' → 'B'` needs a connection rule or a density from 0 to 1; it got "
     "'random'. "
     "Give a number such as 0.1 or a rule such as FixedIndegree(10)."),
    (graph_of(A, B, edges=[("A", "B", {"rule": -0.5})]), ValueError,
     "`graph.compile(...), projection 'A' → 'B'` needs `density` from 0 to 1; it got -0.5."),
    (graph_of(A, edges=[("A", "A", {"self_connections": "no"})]), TypeError,
     "`graph.compile(...), projection 'A' → 'A'` needs True or False for `self_connections`; it got 'no'."),
    (graph_of(A, B, edges=[("A", "B", {"rule": gr.FixedIndegree(5)})]), ValueError,
     "`FixedIndegree(5)` needs at least 5 neurons in 'A'; it has 4. Lower the in-degree or enlarge the "
     "area."),
    (graph_of(A, B, edges=[("A", "B", {"rule": Astray()})]), ValueError,
     "`Astray()` drew `pre` indices from 4 to 4; 'A' has 4 neurons, numbered from 0."),
]  # fmt: skip


@pytest.mark.parametrize(("graph", "kind", "message"), MESSAGES, ids=[message for *_, message in MESSAGES])
def test_messages(graph, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        compile_graph(graph, seed=0)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True, "seven", np.random.RandomState(0)])
def test_a_seed_that_is_none(seed):
    with pytest.raises(ValueError, match="seed") as e:
        chain("A").compile(seed=seed)
    assert str(e.value) == (
        "`graph.compile(...)` needs `seed` to be None, a numpy Generator or a whole number from 0 to "
        "2**63 - 1; "
        f"it got {seed!r}."
    )
