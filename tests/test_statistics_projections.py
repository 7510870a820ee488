"""The table of projections against loops over dense blocks, and what rules imply against exact sums."""

import dataclasses
import math
import re

import numpy as np
import pandas as pd
import pytest
from cases import NETWORKS
from scipy.signal import fftconvolve
from scipy.stats import binom, binomtest
from statistics_cases import MEASURABLE, dense, mixed, weighted, weights

import graphrnn as gr
from graphrnn.statistics._chance import clopper_pearson, expected_range
from graphrnn.statistics._implied import Implied, implied, read_rule


@pytest.fixture(params=MEASURABLE.values(), ids=MEASURABLE)
def net(request):
    return request.param


def blocks(net, matrices):
    """Each projection with the block of its matrix."""
    for p in net.projections:
        which = p.kind if p.kind in ("input", "readout") else "hidden"
        yield p, which, matrices[which][net.slice(p.post), net.slice(p.pre)]


def test_projections_by_brute_force(net):
    table = gr.statistics.projections(net)
    assert len(table) == len(net.projections)
    for row, (p, _, block) in zip(table.itertuples(), blocks(net, dense(net)), strict=True):
        assert (row.pre, row.post, row.kind, row.rule) == (p.pre, p.post, p.kind, p.rule)
        assert (row.possible, row.synapses) == (p.possible, block.sum())
        if p.possible:
            interval = binomtest(int(block.sum()), p.possible).proportion_ci(0.95, method="exact")
            assert row.density == block.sum() / p.possible
            assert (row.density_low, row.density_high) == pytest.approx(tuple(interval), rel=1e-6)
        else:
            assert math.isnan(row.density)
            assert (row.density_low, row.density_high) == (0, 1)


def test_degrees_by_brute_force(net):
    table = gr.statistics.projections(net)
    for (_, row), (_, _, block) in zip(table.iterrows(), blocks(net, dense(net)), strict=True):
        for side, axis, reached in (("in", 1, "targets_reached"), ("out", 0, "sources_used")):
            degree = block.sum(axis=axis)
            mean, sd = degree.mean(), degree.std()
            expected = [mean, sd, sd / mean if mean else math.nan, degree.min(), degree.max()]
            found = [row[f"{side}_degree_{name}"] for name in ("mean", "sd", "cv", "min", "max")]
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
            assert row[reached] == pytest.approx((degree > 0).mean(), rel=1e-12)


def test_weights_by_brute_force(net):
    table, mask = gr.statistics.projections(net), dense(net)
    w = {which: weights(net, which) for which in mask}
    for (_, row), (_, which, block), (_, _, there) in zip(
        table.iterrows(), blocks(net, w), blocks(net, mask), strict=True
    ):
        found = [row[f"weight_{name}"] for name in ("mean", "sd", "min", "max")] + [row["strength_mean"]]
        values = block[there > 0]
        if not values.size or net.synapses(which).weight is None:
            assert np.isnan(found).all()
        else:
            functions = (np.mean, np.std, np.min, np.max)
            expected = [f(values) for f in functions] + [np.abs(values).mean()]
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_delays_by_brute_force():
    net = NETWORKS["measured_without_levels"]
    delay = np.full(net.hidden.shape, np.nan)
    delay[net.hidden.post, net.hidden.pre] = net.hidden.delay
    for (_, row), (_, _, block) in zip(
        gr.statistics.projections(net).iterrows(), blocks(net, {"hidden": delay}), strict=True
    ):
        values = block[~np.isnan(block)]
        found = [row[f"delay_{name}"] for name in ("mean", "sd", "min", "max")]
        assert found == pytest.approx([values.mean(), values.std(), values.min(), values.max()], rel=1e-12)
    assert gr.statistics.projections(mixed()).filter(like="delay").isna().all().all()


def test_distances_by_brute_force():
    net = NETWORKS["with_positions"]
    table = gr.statistics.projections(net).set_index(["pre", "post"])
    ring, sheet = net.positions[net.slice("ring"), :1], net.positions[net.slice("sheet")]
    around = np.abs(ring - ring.T)
    far = {"ring": np.minimum(around, 16 - around), "sheet": np.linalg.norm(sheet[:, None] - sheet, axis=2)}
    for name, distance in far.items():
        values = distance[dense(net)["hidden"][net.slice(name), net.slice(name)] > 0]
        found = [table.loc[(name, name), f"distance_{s}"] for s in ("mean", "sd", "min", "max")]
        assert found == pytest.approx([values.mean(), values.std(), values.min(), values.max()], rel=1e-12)
    assert np.isnan(table.loc[("sheet", "nowhere"), "distance_mean"])
    assert gr.statistics.projections(mixed()).filter(like="distance").isna().all().all()


def test_areas_in_different_spaces_have_no_distance():
    graph = gr.AreaGraph()
    graph.add_area("line", 3, positions=[0.0, 1.0, 5.0])
    graph.add_area("plane", 2, positions=[[0.0, 0.0], [1.0, 1.0]])
    graph.add_area("other line", 2, positions=[2.0, 4.0])
    graph.project("line", "plane")
    graph.project("line", "other line")
    table = gr.statistics.projections(graph.compile(seed=0)).set_index(["pre", "post"])
    assert np.isnan(table.loc[("line", "plane"), "distance_mean"])
    assert table.loc[("line", "other line"), "distance_mean"] == pytest.approx((2 + 4 + 1 + 3 + 3 + 1) / 6)


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
        low, high = (float(end[0]) for end in clopper_pearson(np.array([k]), np.array([n])))
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


# What a rule implies.


@pytest.mark.parametrize("p", [1e-4, 0.03, 0.5, 0.9])
@pytest.mark.parametrize("n", [1, 7, 600, 2_000_000])
def test_the_range_and_p_value_of_bernoulli_are_binomial(n, p):
    low, high = binom.ppf([0.025, 0.975], n, p)
    numbers = np.unique(np.clip([0, 1, low - 1, low, round(n * p), high, high + 1, n], 0, n).astype(int))
    part = Implied(trials=((n, p),))
    mean, found_low, found_high, value = expected_range([part] * len(numbers), numbers)
    np.testing.assert_allclose(mean, n * p, rtol=1e-12)
    assert (found_low == low).all()
    assert (found_high == high).all()
    expected = np.minimum(1, 2 * np.minimum(binom.cdf(numbers, n, p), binom.sf(numbers - 1, n, p)))
    np.testing.assert_allclose(value, expected, rtol=1e-8, atol=1e-300)


def exact(probabilities):
    """The chances of 0, 1, … synapses among independent trials."""
    chance = np.ones(1)
    for p in probabilities:
        chance = np.convolve(chance, [1 - p, p])
    return chance


def test_a_rule_of_distance_implies_the_sum_of_its_probabilities():
    net = NETWORKS["with_positions"]
    ring, sheet = net.positions[net.slice("ring"), :1], net.positions[net.slice("sheet")]
    step = np.abs(ring - ring.T)
    step = np.minimum(step, 16 - step)
    around = np.exp(-0.5 * (step / 2.0) ** 2)[~np.eye(16, dtype=bool)]
    distance = np.linalg.norm(sheet[:, None] - sheet, axis=2)
    flat = np.where(distance <= 2.0, 0.9 * np.exp(-distance), 0.0).ravel()
    table = gr.statistics.projections(net).set_index(["pre", "post"])
    for name, probabilities in (("ring", around), ("sheet", flat)):
        row, chance = table.loc[(name, name)], exact(probabilities)
        assert row["density_asked"] == pytest.approx(probabilities.sum() / row["possible"], rel=1e-12)
        below, k = chance.cumsum(), row["synapses"]
        value = 2 * min(below[k], 1 - below[k] + chance[k])
        assert row["p_value"] == pytest.approx(min(1, value), rel=1e-4)  # probabilities are sorted in steps
        ends = np.searchsorted(below, [0.025, 0.975]) / row["possible"]
        assert [row["rule_low"], row["rule_high"]] == pytest.approx(ends, rel=1e-12)


def test_a_rule_by_sign_implies_the_sum_of_its_parts():
    net = NETWORKS["excitatory_inhibitory"]
    for p in net.projections:
        part = implied(net, p)
        assert part.fixed + sum(n * chance for n, chance in part.trials) == pytest.approx(p.asked, rel=1e-12)
    within = next(p for p in net.projections if p.pre == p.post == "V1")  # 16 excitatory, 4 inhibitory
    part = implied(net, within)
    trials = [(16 * 15, 0.2), (16 * 4, 0.5), (4 * 16, 0.9)]
    assert (part.fixed, part.trials) == (4, tuple(trials))
    chance = exact([p for n, p in trials for _ in range(n)])
    low, high = np.searchsorted(chance.cumsum(), [0.025, 0.975]) + 4
    row = gr.statistics.projections(net).set_index(["pre", "post"]).loc[("V1", "V1")]
    assert [row["rule_low"], row["rule_high"]] == pytest.approx([low / 380, high / 380], rel=1e-12)


@pytest.mark.parametrize(
    ("trials", "off"),
    [
        ([(500, 0.01), (20, 0.99)], 1e-6),  # summed up
        ([(240, 0.2), (64, 0.5), (64, 0.9)], 1e-6),
        ([(30_000, 0.2), (20_000, 0.5), (20_000, 0.9)], 0.1),  # taken for a binomial number
    ],
)
def test_p_values_of_sums_of_trials_hold_far_out(trials, off):
    chance = np.ones(1)
    for n, p in trials:
        chance = fftconvolve(chance, binom.pmf(np.arange(n + 1), n, p))
    numbers = np.arange(len(chance))
    expected = np.minimum(1, 2 * np.minimum(chance.cumsum(), chance[::-1].cumsum()[::-1]))
    look = np.flatnonzero(expected > 1e-6)[:: 37 if len(chance) > 10_000 else 1]
    value = expected_range([Implied(trials=tuple(trials))] * len(look), numbers[look])[3]
    np.testing.assert_allclose(value, expected[look], rtol=off)


def test_a_probability_of_0_or_1_leaves_nothing_to_chance():
    graph = gr.AreaGraph()
    graph.add_area("a", 10, excitatory=0.5)
    graph.add_area("b", 5, positions=np.zeros(5))
    graph.project("a", "b", 0.0)
    graph.project("b", "a", 1.0)
    graph.project("a", "a", gr.BySign(ee=0.0, ii=1.0))
    graph.project("b", "b", gr.DistanceDependent(gr.Gaussian(1.0), max_distance=0.5))
    table = gr.statistics.projections(graph.compile(seed=0))
    for column in ("rule_low", "rule_high", "density_asked"):
        pd.testing.assert_series_equal(table[column], table["density"], check_names=False)
    assert (table["p_value"] == 1.0).all()
    assert not table["unlikely"].any()


def test_rules_that_fix_the_number_allow_no_other():
    net = mixed()
    table = gr.statistics.projections(net).set_index(["pre", "post"])
    fixed = table.loc[[("low", "high"), ("high", "beside"), ("beside", "high"), ("beside", "beside")]]
    for column in ("rule_low", "rule_high", "density"):
        pd.testing.assert_series_equal(fixed[column], fixed["density_asked"], check_names=False)
    assert (fixed["p_value"] == 1.0).all()
    assert not table["unlikely"].any()
    keep = np.ones(net.hidden.size, bool)
    keep[np.flatnonzero(net.area_index[net.hidden.post] == 1)[0]] = False  # one synapse onto "high"
    less = gr.statistics.projections(dataclasses.replace(net, hidden=net.hidden.take(keep)))
    assert less.loc[less["unlikely"], ["post", "p_value"]].to_numpy().tolist() == [["high", 0.0]]


def test_a_density_that_the_rule_could_hardly_have_drawn_is_flagged():
    graph = gr.AreaGraph()
    for name in "abc":
        graph.add_area(name, 100)
    for pre, post in ("ab", "bc", "ca"):
        graph.project(pre, post, 0.1)
    net = graph.compile(seed=0)
    asked = [dataclasses.replace(p, rule="Bernoulli(0.12)") if p.pre == "a" else p for p in net.projections]
    table = gr.statistics.projections(dataclasses.replace(net, projections=tuple(asked)))
    assert table.loc[table["unlikely"], "pre"].tolist() == ["a"]
    assert not gr.statistics.projections(net)["unlikely"].any()


@pytest.mark.parametrize(
    "rule",
    [
        gr.Bernoulli(0.03),
        gr.BySign(ee=0.02, ei=0.3, ie=gr.FixedIndegree(2), ii=0.9),
        gr.DistanceDependent(gr.Gaussian(3.0, p=0.8), wrap=40.0),
    ],
    ids=["Bernoulli", "BySign", "DistanceDependent"],
)
def test_the_range_holds_its_level(rule):
    graph = gr.AreaGraph()
    graph.add_area("a", 40, excitatory=0.8, positions=np.arange(40.0))
    for i in range(300):
        graph.add_area(f"b{i}", 30, excitatory=0.5, positions=np.linspace(0.0, 20.0, 30))
        graph.project("a", f"b{i}", rule)
    table = gr.statistics.projections(graph.compile(seed=0))
    inside = int(((table["rule_low"] <= table["density"]) & (table["density"] <= table["rule_high"])).sum())
    assert binom.ppf(1e-3, 300, 0.95) <= inside
    assert (table["p_value"] < 0.5).mean() > 0.3  # and is not too wide: half would be below but for steps
    assert not table["unlikely"].any()


def test_nothing_is_implied_where_nothing_is_known():
    graph = gr.AreaGraph()
    graph.add_area("a", 10, positions=np.arange(10.0))
    graph.add_area("b", 10, positions=np.arange(10.0))
    graph.project("a", "b", gr.DistanceDependent(lambda d: np.exp(-d)))
    graph.project("b", "a", 0.5)
    net = graph.compile(seed=0)
    for other in (net.select(pre="a"), NETWORKS["measured"].select(kind=gr.connectome.HIDDEN_KINDS)):
        table = gr.statistics.projections(other)
        assert table[["density_asked", "rule_low", "rule_high", "p_value"]].isna().all().all()
        assert not table["unlikely"].any()
    part = gr.statistics.projections(net.subnetwork(neurons=range(15))).set_index("pre")
    assert np.isnan(part.loc["b", "p_value"])  # half of b is left, and not what was asked for


def test_rules_are_read_back_from_their_text():
    for rule in (
        gr.AllToAll(),
        gr.OneToOne(),
        gr.Bernoulli(0.1),
        gr.FixedIndegree(3),
        gr.FixedOutdegree(4),
        gr.FixedTotalNumber(5),
        gr.DistanceDependent(gr.Gaussian(2.0), wrap=16.0),
        gr.DistanceDependent(gr.Exponential(1.0, p=0.9), max_distance=2.0, wrap=(3.0, 4.0)),
        gr.BySign(ei=0.2, ii=gr.FixedIndegree(1)),
    ):
        assert read_rule(repr(rule)) == rule
    for text in ("measured", "mask", "Explicit(<2 synapses>)", "open('x')", "Bernoulli(2)", "a.b(1)", ""):
        assert read_rule(text) is None


def test_a_part_of_a_network_has_its_projections():
    assert gr.statistics.projections(mixed().select(kind="backward"))["pre"].tolist() == ["high"]
    assert len(gr.statistics.projections(dataclasses.replace(mixed(), projections=()))) == 0


def test_before_and_after_training():
    net = weighted(mixed())
    twice = net.with_weights(hidden=2 * net.hidden.weight)
    before, after = gr.statistics.projections(net), gr.statistics.projections(twice)
    hidden = ~before["kind"].isin(["input", "readout"])
    pd.testing.assert_series_equal(
        after.loc[hidden, "weight_sd"], 2 * before.loc[hidden, "weight_sd"], check_exact=False
    )
    pd.testing.assert_frame_equal(after[~hidden], before[~hidden])


def test_anything_but_a_connectome_is_refused():
    with pytest.raises(TypeError) as error:
        gr.statistics.projections(gr.AreaGraph())
    assert str(error.value) == (
        "`statistics.projections(net)` needs a Connectome; it got AreaGraph. "
        "Compile it first: net = graph.compile(seed=0)."
    )


def test_the_docstring_describes_the_columns_of_the_table():
    documented = re.findall(r"^ *`(\w+)`(?=  )|^ *`(\w+)`$", gr.statistics.projections.__doc__, re.MULTILINE)
    found = gr.statistics.projections(mixed()).columns.tolist()
    assert [a or b for a, b in documented] == found
