"""Connection rules: guarantees that hold on every draw, distributions over many, and cost.

Distributions are tested as NEST tests its rules: the p-value of a chi-square or an exact test over many
seeds must lie above LEVEL. The seeds are fixed, so the outcome is too. That the tests can tell a wrong
sampler from a right one is shown at the end, with samplers that are wrong in the ways found in the wild.
"""

import copy
import math
import pickle
import re
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import graphrnn as gr
from graphrnn.rules import Draw, Population, as_rule, draw_distinct

LEVEL = 1e-3  # a right sampler fails a test of this level once in a thousand choices of seeds
WRONG = 1e-9  # what a wrong one must stay below


def area(size, name="A", **given):
    return Population(name, size, **given)


def signed(size, excitatory, name="A", **given):
    return area(
        size, name, sign=np.repeat(np.array([1, -1], np.int8), [excitatory, size - excitatory]), **given
    )


def times_drawn(rule, pre, post, draws, *, skip_diagonal=False, seed=0):
    """(post, pre) how often each pair was drawn, and (draw,) how many synapses each draw had."""
    rng = np.random.default_rng(seed)
    times, totals = np.zeros((post.size, pre.size), np.int64), []
    for _ in range(draws):
        draw = rule.sample(pre, post, rng, skip_diagonal=skip_diagonal)
        np.add.at(times, (draw.post, draw.pre), 1)
        totals.append(draw.pre.size)
    return times, np.array(totals)


# p-values of what was drawn against what should have been


def p_subsets(times, draws, k):
    """Each row: `draws` subsets of k out of n, all equally likely. Times of (block, n) members."""
    n = times.shape[1]
    variance = draws * (k / n) * (1 - k / n) * n / (n - 1)
    return stats.chi2.sf(((times - draws * k / n) ** 2).sum() / variance, len(times) * (n - 1))


def p_independent(times, draws, p):
    """Each pair on its own with probability p (a number, or one per pair)."""
    p = np.broadcast_to(p, times.shape)
    usable = draws * p * (1 - p) > 5
    assert usable.sum() > 20
    z2 = (times - draws * p)[usable] ** 2 / (draws * p * (1 - p))[usable]
    return stats.chi2.sf(z2.sum(), usable.sum())


def p_discrete(observed, distribution):
    """A chi-square test of whole numbers against a scipy.stats distribution, tails pooled."""
    values = np.arange(max(observed.max(), int(distribution.ppf(1 - 1e-9))) + 2)
    expected = distribution.pmf(values) * observed.size
    low = int(np.argmax(np.cumsum(expected) >= 5))
    high = values.size - 1 - int(np.argmax(np.cumsum(expected[::-1]) >= 5))
    edges = np.arange(low, high)
    bins = np.digitize(observed, edges, right=True)
    pooled = np.bincount(np.digitize(values, edges, right=True), expected)
    pooled *= observed.size / pooled.sum()
    return stats.chisquare(np.bincount(bins, minlength=pooled.size), pooled).pvalue


def p_outdegrees(rule, pre, post, draws, distribution, *, seed=0):
    """The out-degree of one neuron per draw: those of one draw are not independent of each other."""
    rng = np.random.default_rng(seed)
    degrees = [int((rule.sample(pre, post, rng).pre == i % pre.size).sum()) for i in range(draws)]
    return p_discrete(np.array(degrees), distribution)


def p_indegrees(rule, pre, post, draws, distribution, *, seed=0):
    rng = np.random.default_rng(seed)
    degrees = [int((rule.sample(pre, post, rng).post == i % post.size).sum()) for i in range(draws)]
    return p_discrete(np.array(degrees), distribution)


# draw_distinct


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_every_subset_is_equally_likely(k):
    blocks, n = 60_000, 5
    keys = draw_distinct(np.random.default_rng(k), np.full(blocks, n), np.full(blocks, k))
    subset = np.bincount(keys // n, 2 ** (keys % n), minlength=blocks).astype(int)
    found, times = np.unique(subset, return_counts=True)
    assert found.size == math.comb(n, k)
    assert stats.chisquare(times).pvalue > LEVEL


def test_subsets_of_unequal_blocks_are_equally_likely():
    sizes, counts = np.tile([3, 0, 7, 4, 1], 20_000), np.tile([1, 0, 5, 2, 1], 20_000)
    keys = draw_distinct(np.random.default_rng(1), sizes, counts)
    start = np.cumsum(sizes) - sizes
    block = np.repeat(np.arange(sizes.size), counts)
    assert (np.diff(keys) > 0).all()
    assert ((keys >= start[block]) & (keys < (start + sizes)[block])).all()
    for kind, (n, k) in enumerate(zip(sizes[:5], counts[:5], strict=True)):
        inside = (keys - start[block])[block % 5 == kind]
        if n > 1:
            assert p_subsets(np.bincount(inside, minlength=n)[None], 20_000, k) > LEVEL


@given(st.data())
def test_distinct_keys_are_distinct_ascending_and_in_their_blocks(data):
    sizes = np.array(data.draw(st.lists(st.integers(0, 9), min_size=0, max_size=6)), np.int64)
    counts = np.array([data.draw(st.integers(0, n)) for n in sizes.tolist()], np.int64)
    keys = draw_distinct(np.random.default_rng(data.draw(st.integers(0, 99))), sizes, counts)
    assert keys.dtype == np.int64
    assert (np.diff(keys) > 0).all()
    block = np.searchsorted(np.cumsum(sizes), keys, side="right")
    assert np.bincount(block, minlength=sizes.size).tolist() == counts.tolist()


def test_distinct_keys_beyond_32_bits():
    keys = draw_distinct(np.random.default_rng(0), 10**18, 1000)
    assert keys.size == 1000
    assert keys.max() > 2**58
    keys = draw_distinct(np.random.default_rng(0), np.full(1000, 10**15), np.full(1000, 2))
    assert (keys // 10**15).tolist() == np.repeat(np.arange(1000), 2).tolist()


# guarantees on every draw


@st.composite
def ends(draw, *, signs=False):
    """Two populations, or one twice with self-connections off."""
    within = draw(st.booleans())
    sizes = [draw(st.integers(1, 12)) for _ in range(2)]
    sizes[1] = sizes[0] if within else sizes[1]
    made = [signed(n, draw(st.integers(0, n)), positions=np.arange(float(n))[:, None]) for n in sizes]
    return (made[0], made[0], True) if within else (*made, False)


@st.composite
def rules_that_fit(draw, pre, post, skip):
    rows, columns = post.size - skip, pre.size - skip
    possible = post.size * columns
    options = [
        st.just(gr.AllToAll()),
        st.builds(gr.Bernoulli, st.floats(0, 1)),
        st.builds(gr.FixedIndegree, st.integers(0, columns)),
        st.builds(gr.FixedOutdegree, st.integers(0, rows)),
        st.builds(gr.FixedTotalNumber, st.integers(0, possible)),
        st.builds(gr.BySign, *[st.none() | st.floats(0, 1)] * 4),
        st.builds(
            gr.DistanceDependent,
            st.builds(gr.Gaussian, st.floats(0.1, 5), st.floats(0, 1)) | st.just(lambda d: d / (1 + d)),
            st.none() | st.floats(0.5, 5),
            st.none() | st.floats(1, 20),
        ),
    ]
    if pre.size == post.size and not skip:
        options.append(st.just(gr.OneToOne()))
    return draw(st.one_of(options))


@given(st.data())
def test_every_draw_is_sorted_without_repeats_and_in_range(data):
    pre, post, skip = data.draw(ends())
    rule = data.draw(rules_that_fit(pre, post, skip))
    draw = rule.sample(pre, post, np.random.default_rng(data.draw(st.integers(0, 99))), skip_diagonal=skip)
    key = draw.post * pre.size + draw.pre
    assert (np.diff(key) > 0).all()
    assert ((draw.pre >= 0) & (draw.pre < pre.size) & (draw.post >= 0) & (draw.post < post.size)).all()
    assert not (skip and (draw.pre == draw.post).any())
    if isinstance(rule, gr.FixedIndegree):
        assert (np.bincount(draw.post, minlength=post.size) == rule.k).all()
    if isinstance(rule, gr.FixedOutdegree):
        assert (np.bincount(draw.pre, minlength=pre.size) == rule.k).all()
    if isinstance(
        rule, gr.FixedIndegree | gr.FixedOutdegree | gr.FixedTotalNumber | gr.AllToAll | gr.OneToOne
    ):
        assert draw.pre.size == rule.expected(pre, post, skip_diagonal=skip)
    again = rule.sample(pre, post, np.random.default_rng(0), skip_diagonal=skip)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(
            again[:2], rule.sample(pre, post, np.random.default_rng(0), skip_diagonal=skip)[:2], strict=True
        )
    )


@pytest.mark.parametrize("skip", [False, True])
def test_probability_one_connects_all_and_zero_none(skip):
    a = signed(7, 4, positions=np.arange(7.0)[:, None])
    everything = gr.AllToAll().sample(a, a, np.random.default_rng(0), skip_diagonal=skip)
    assert everything.pre.size == 7 * (7 - skip)
    for rule in (gr.Bernoulli(1.0), gr.BySign(1, 1, 1, 1), gr.DistanceDependent(np.ones_like)):
        draw = rule.sample(a, a, np.random.default_rng(0), skip_diagonal=skip)
        assert np.array_equal(draw.pre, everything.pre)
        assert np.array_equal(draw.post, everything.post)
    for rule in (gr.Bernoulli(0.0), gr.BySign(), gr.DistanceDependent(np.zeros_like)):
        assert rule.sample(a, a, np.random.default_rng(0), skip_diagonal=skip).pre.size == 0


def test_one_to_one():
    draw = gr.OneToOne().sample(area(4), area(4), np.random.default_rng(0))
    assert draw.pre.tolist() == draw.post.tolist() == [0, 1, 2, 3]


# distributions


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("skip", [False, True])
def test_bernoulli(p, skip):
    rule, pre, post, draws = gr.Bernoulli(p), area(9), area(9 if skip else 13), 1500
    times, totals = times_drawn(rule, pre, post, draws, skip_diagonal=skip)
    if skip:
        assert not np.diag(times).any()
        times = times[~np.eye(9, dtype=bool)].reshape(9, 8)
    assert p_independent(times, draws, p) > LEVEL
    assert p_discrete(totals, stats.binom(times.size, p)) > LEVEL
    assert stats.binomtest(int(totals.sum()), draws * times.size, p).pvalue > LEVEL
    if not skip:
        assert p_indegrees(rule, pre, post, draws, stats.binom(9, p)) > LEVEL
        assert p_outdegrees(rule, pre, post, draws, stats.binom(13, p)) > LEVEL
        assert rule.expected(pre, post) == pytest.approx(p * 9 * 13)


@pytest.mark.parametrize("k", [1, 4, 8])  # 8 of 11 or 10: the absent ones are drawn
@pytest.mark.parametrize("skip", [False, True])
def test_fixed_indegree_chooses_uniformly(k, skip):
    rule, a, draws = gr.FixedIndegree(k), area(11), 1500
    times, _ = times_drawn(rule, a, a, draws, skip_diagonal=skip)
    if skip:
        assert not np.diag(times).any()
        times = times[~np.eye(11, dtype=bool)].reshape(11, 10)
    assert p_subsets(times, draws, k) > LEVEL
    if not skip:
        assert p_outdegrees(rule, a, a, draws, stats.binom(11, k / 11)) > LEVEL


@pytest.mark.parametrize("k", [1, 4, 8])
@pytest.mark.parametrize("skip", [False, True])
def test_fixed_outdegree_chooses_uniformly(k, skip):
    rule, a, draws = gr.FixedOutdegree(k), area(11), 1500
    times, _ = times_drawn(rule, a, a, draws, skip_diagonal=skip)
    times = times.T
    if skip:
        assert not np.diag(times).any()
        times = times[~np.eye(11, dtype=bool)].reshape(11, 10)
    assert p_subsets(times, draws, k) > LEVEL
    if not skip:
        assert p_indegrees(rule, a, a, draws, stats.binom(11, k / 11)) > LEVEL


@pytest.mark.parametrize("n", [5, 40, 60])  # of 63 or 56
@pytest.mark.parametrize("skip", [False, True])
def test_fixed_total_number_chooses_uniformly(n, skip):
    n = min(n, 50) if skip else n
    rule, pre, post, draws = gr.FixedTotalNumber(n), area(8 if skip else 7), area(8 if skip else 9), 2000
    times, totals = times_drawn(rule, pre, post, draws, skip_diagonal=skip)
    assert (totals == n).all()
    if skip:
        assert not np.diag(times).any()
        times = times[~np.eye(8, dtype=bool)]
    assert p_subsets(times.reshape(1, -1), draws, n) > LEVEL
    if not skip:
        assert p_indegrees(rule, pre, post, draws, stats.hypergeom(63, 7, n)) > LEVEL
        assert p_outdegrees(rule, pre, post, draws, stats.hypergeom(63, 9, n)) > LEVEL


def test_by_sign_each_quadrant_follows_its_own_rule():
    pre, post, draws = signed(12, 8, "A"), signed(10, 5, "B"), 1500
    rule = gr.BySign(ee=0.3, ei=gr.FixedIndegree(3), ie=gr.FixedOutdegree(2))
    times, _ = times_drawn(rule, pre, post, draws)
    assert p_independent(times[:5, :8], draws, 0.3) > LEVEL
    assert p_subsets(times[5:, :8], draws, 3) > LEVEL
    assert p_subsets(times[:5, 8:].T, draws, 2) > LEVEL
    assert not times[5:, 8:].any()
    assert rule.expected(pre, post) == pytest.approx(0.3 * 40 + 3 * 5 + 2 * 4)


def test_by_sign_within_an_area_without_self_connections():
    a, draws = signed(10, 6), 1500
    times, _ = times_drawn(gr.BySign(ee=0.3, ei=0.5, ie=0.7, ii=0.2), a, a, draws, skip_diagonal=True)
    assert not np.diag(times).any()
    p = np.block([[np.full((6, 6), 0.3), np.full((6, 4), 0.7)], [np.full((4, 6), 0.5), np.full((4, 4), 0.2)]])
    assert p_independent(np.where(np.eye(10), 0, times), draws, np.where(np.eye(10), 0, p)) > LEVEL
    assert gr.BySign(ee=0.3).expected(a, a, skip_diagonal=True) == pytest.approx(0.3 * 30)


def test_by_sign_each_part_has_a_random_stream_of_its_own():
    pre, post = signed(60, 40), signed(50, 30)

    def drawn(**rules):
        draw = gr.BySign(**rules).sample(pre, post, np.random.default_rng(3))
        here = (draw.pre < 40) & (draw.post >= 30)  # excitatory → inhibitory
        return list(zip(draw.post[here].tolist(), draw.pre[here].tolist(), strict=True))

    wanted = drawn(ei=0.2)
    assert len(wanted) > 50
    for others in ({"ee": 0.1}, {"ee": gr.FixedIndegree(3), "ie": 0.5, "ii": gr.BySign(ii=0.3)}):
        assert drawn(ei=0.2, **others) == wanted


def test_excitatory_only_is_its_rule_among_the_excitatory_neurons():
    pre, post, draws = signed(12, 8, "A"), signed(10, 5, "B"), 1500
    for inner in (gr.Bernoulli(0.3), gr.FixedIndegree(3), gr.FixedOutdegree(2), gr.FixedTotalNumber(7)):
        rule = gr.ExcitatoryOnly(inner)
        draw = rule.sample(pre, post, np.random.default_rng(0))
        alone = inner.sample(signed(8, 8), post, np.random.default_rng(0))
        assert np.array_equal(draw.pre, alone.pre)
        assert np.array_equal(draw.post, alone.post)
        assert rule.expected(pre, post) == inner.expected(signed(8, 8), post)
    times, _ = times_drawn(gr.ExcitatoryOnly(0.3), pre, post, draws)
    assert not times[:, 8:].any()
    assert p_independent(times[:, :8], draws, 0.3) > LEVEL
    explicit = gr.ExcitatoryOnly(gr.Explicit([0], [1], [2.5])).sample(pre, post, np.random.default_rng(0))
    assert explicit.weight.tolist() == [2.5]


def test_by_sign_keeps_the_weights_of_its_parts():
    rule = gr.BySign(ee=gr.Explicit([0], [1], [2.5]), ii=gr.OneToOne())
    draw = rule.sample(signed(4, 2), signed(4, 2), np.random.default_rng(0))
    assert list(zip(draw.post.tolist(), draw.pre.tolist(), strict=True)) == [(1, 0), (2, 2), (3, 3)]
    np.testing.assert_array_equal(draw.weight, [2.5, np.nan, np.nan])


# distance


def distances(pre, post, period=None):
    apart = np.abs(post.positions[:, None] - pre.positions[None])
    if period is not None:
        apart = np.minimum(apart % period, period - apart % period)
    return np.sqrt((apart**2).sum(-1))


def line(n, name="A", *, seed=0, length=100.0):
    return area(n, name, positions=np.random.default_rng(seed).uniform(0, length, (n, 1)))


def sheet(n, name="A", *, seed=0, dimensions=2):
    return area(n, name, positions=np.random.default_rng(seed).uniform(-5, 5, (n, dimensions)))


def hump(d):
    """A profile that rises and falls: rare among neighbours, most likely at distance 20."""
    return 0.6 * np.exp(-(((d - 20) / 8) ** 2))


DISTANCE = {
    "ring": (gr.DistanceDependent(gr.Gaussian(6.0, p=0.8), wrap=100.0), line(60), line(50, seed=1), 100.0),
    "line": (gr.DistanceDependent(gr.Gaussian(10.0)), line(60), line(50, seed=1), None),
    "far from 0": (
        gr.DistanceDependent(gr.Exponential(9.0), wrap=100.0),
        area(40, positions=line(40).positions - 1e4),
        area(70, positions=line(70, seed=1).positions + 330.0),
        100.0,
    ),
    "sheet": (gr.DistanceDependent(gr.Exponential(2.0, p=0.7)), sheet(80), sheet(60, seed=1), None),
    "torus": (
        gr.DistanceDependent(gr.Gaussian(1.5), wrap=(10.0, 12.0)),
        sheet(80),
        sheet(60, seed=1),
        (10.0, 12.0),
    ),
    "space": (
        gr.DistanceDependent(gr.Gaussian(3.0)),
        sheet(80, dimensions=3),
        sheet(60, seed=1, dimensions=3),
        None,
    ),
    "rising": (gr.DistanceDependent(hump), line(60), line(50, seed=1), None),
    "rising ring": (gr.DistanceDependent(hump, wrap=100.0), line(60), line(50, seed=1), 100.0),
    "step": (gr.DistanceDependent(lambda d: np.where(d < 7.3, 0.5, 0.05)), line(60), line(50, seed=1), None),
    "nearly none": (gr.DistanceDependent(gr.Gaussian(200.0, p=0.03)), line(60), line(50, seed=1), None),
}


@pytest.mark.parametrize("name", DISTANCE)
def test_every_pair_has_the_probability_of_its_distance(name):
    rule, pre, post, period = DISTANCE[name]
    draws = 600
    p = rule.profile(distances(pre, post, None if period is None else np.asarray(period)))
    times, totals = times_drawn(rule, pre, post, draws)
    assert p_independent(times, draws, p) > LEVEL
    assert not times[p < 1e-12].any()
    z = (totals.sum() - draws * p.sum()) / math.sqrt(draws * (p * (1 - p)).sum())
    assert 2 * stats.norm.sf(abs(z)) > LEVEL
    spread = totals.var(ddof=1) / (p * (1 - p)).sum() * (draws - 1)
    assert min(stats.chi2.cdf(spread, draws - 1), stats.chi2.sf(spread, draws - 1)) > LEVEL / 2


def test_max_distance_cuts_the_profile():
    pre, post, draws = line(60), line(50, seed=1), 600
    rule = gr.DistanceDependent(gr.Gaussian(10.0), max_distance=12.0)
    d = distances(pre, post)
    times, _ = times_drawn(rule, pre, post, draws)
    assert not times[d > 12.0].any()
    assert p_independent(times, draws, np.where(d <= 12.0, rule.profile(d), 0.0)) > LEVEL


def test_the_distance_profile_of_a_large_sheet():
    """Large enough for cells within cells: the number of synapses in each ring of distances."""
    rng = np.random.default_rng(3)
    pre, post = (area(2000, positions=rng.uniform(0, 40, (2000, 2))) for _ in range(2))
    rule = gr.DistanceDependent(gr.Exponential(1.5, p=0.6), wrap=40.0)
    d = distances(pre, post, np.array([40.0, 40.0])).astype(np.float32)
    edges = np.linspace(0, 15, 31)
    p = rule.profile(d)
    ring = np.digitize(d, edges).ravel()
    mean = np.bincount(ring, p.ravel(), 32)[1:31]
    variance = np.bincount(ring, (p * (1 - p)).ravel(), 32)[1:31]
    draw = rule.sample(pre, post, rng)
    drawn = np.bincount(np.digitize(d[draw.post, draw.pre], edges), minlength=32)[1:31]
    assert stats.chi2.sf(((drawn - mean) ** 2 / variance).sum(), 30) > LEVEL


@pytest.mark.parametrize("dimensions", [1, 2])
def test_neurons_in_one_place(dimensions):
    a = area(64, positions=np.zeros((64, dimensions)))
    times, _ = times_drawn(gr.DistanceDependent(gr.Gaussian(1.0, p=0.3)), a, a, 300)
    assert p_independent(times, 300, 0.3) > LEVEL


# wrong samplers must fail


@dataclass(frozen=True, repr=False)
class Wrong(gr.Rule):
    """A rule made of a function of (pre size, post size, rng) → a boolean (post, pre) matrix."""

    matrix: object

    def sample(self, pre, post, rng, *, skip_diagonal=False):
        return Draw(*np.nonzero(self.matrix(pre.size, post.size, rng)))

    def expected(self, pre, post, *, skip_diagonal=False):
        return math.nan


def same_sources_for_every_target(n_pre, n_post, rng):
    return np.tile(rng.permutation(n_pre) < 4, (n_post, 1))


def repeats_merged(n_pre, n_post, rng):
    m = np.zeros((n_post, n_pre), bool)
    m[np.arange(n_post)[:, None], rng.integers(0, n_pre, (n_post, 4))] = True
    return m


def neighbour_instead_of_repeat(n_pre, n_post, rng):
    """Repeats replaced by the next free neuron instead of drawn anew: clusters."""
    m = np.zeros((n_post, n_pre), bool)
    for row in m:
        for drawn in rng.integers(0, n_pre, 4):
            free = np.flatnonzero(~row)
            row[free[np.searchsorted(free, drawn) % free.size]] = True
    return m


def first_neuron_twice_as_often(n_pre, n_post, rng):
    score = rng.random((n_post, n_pre))
    score[:, 0] *= 0.6
    return score.argsort(1).argsort(1) < 4


def exact_number(n_pre, n_post, rng):
    m = np.zeros(n_pre * n_post, bool)
    m[rng.choice(m.size, round(0.5 * m.size), replace=False)] = True
    return m.reshape(n_post, n_pre)


def test_wrong_samplers_fail():
    a, draws = area(11), 1500
    right = stats.binom(11, 4 / 11)
    assert p_outdegrees(Wrong(same_sources_for_every_target), a, a, draws, right) < WRONG
    for matrix in (repeats_merged, first_neuron_twice_as_often):
        assert p_subsets(times_drawn(Wrong(matrix), a, a, draws)[0], draws, 4) < WRONG
    totals = times_drawn(Wrong(exact_number), a, a, draws)[1]
    assert p_discrete(totals, stats.binom(121, 0.5)) < WRONG
    times = times_drawn(gr.Bernoulli(0.52), a, a, draws)[0]
    assert p_independent(times, draws, 0.5) < WRONG


def test_a_clustering_sampler_fails_on_subsets_though_not_on_single_neurons():
    m = neighbour_instead_of_repeat(5, 60_000, np.random.default_rng(0))
    assert p_subsets(m.sum(0)[None], 60_000, 4) > LEVEL
    m = np.zeros((60_000, 6), bool)
    rng = np.random.default_rng(0)
    for row, i, j in zip(m, rng.integers(0, 6, 60_000), rng.integers(0, 6, 60_000), strict=True):
        row[i] = row[(j + 1) % 6 if i == j else j] = True
    _, times = np.unique(m @ 2 ** np.arange(6), return_counts=True)
    assert stats.chisquare(times).pvalue < WRONG


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ring", gr.DistanceDependent(gr.Gaussian(6.0, p=0.8))),  # not wrapped
        ("ring", gr.DistanceDependent(gr.Gaussian(6.3, p=0.8), wrap=100.0)),
        ("sheet", gr.DistanceDependent(gr.Exponential(2.0, p=0.7), wrap=10.0)),
        ("rising", gr.DistanceDependent(lambda d: hump(d + 0.5))),
    ],
)
def test_wrong_distances_fail(name, wrong):
    rule, pre, post, period = DISTANCE[name]
    p = rule.profile(distances(pre, post, period))
    assert p_independent(times_drawn(wrong, pre, post, 600)[0], 600, p) < WRONG


# cost


ROW = np.arange(100_000.0)[:, None]


@pytest.mark.parametrize(
    "rule",
    [
        gr.Bernoulli(1e-5),
        gr.FixedIndegree(1),
        gr.FixedOutdegree(1),
        gr.FixedTotalNumber(100_000),
        gr.BySign(ee=1e-5, ei=1e-5, ie=1e-5, ii=gr.FixedIndegree(1)),
        gr.DistanceDependent(gr.Gaussian(1.0, p=0.4)),
        gr.DistanceDependent(lambda d: 0.2 * d / (1 + d), max_distance=5.0),
        gr.OneToOne(),
    ],
    ids=repr,
)
def test_cost_grows_with_synapses_and_not_with_pre_times_post(rule):
    """One bit for each possible synapse would take 1.25 GB."""
    a = signed(100_000, 80_000, positions=ROW)
    tracemalloc.start()
    try:
        draw = rule.sample(a, a, np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 50_000 < draw.pre.size < 250_000
    assert peak < 300e6


# Explicit


def test_explicit_sorts_its_pairs_and_carries_their_weights():
    pre, post, weight = [3, 0, 1], np.array([0, 2, 0], np.uint8), [1, 2, 3]
    rule = gr.Explicit(pre, post, weight)
    draw = rule.sample(area(4), area(3), np.random.default_rng(0))
    assert draw.post.tolist() == [0, 0, 2]
    assert draw.pre.tolist() == [1, 3, 0]
    assert draw.weight.tolist() == [3.0, 1.0, 2.0]
    assert post.flags.writeable
    assert not rule.pre.flags.writeable
    assert rule.expected(area(4), area(3)) == 3


def test_explicit_does_not_see_later_changes_of_its_arguments():
    pre, weight = np.array([0, 1]), np.array([1.0, 2.0])
    rule = gr.Explicit(pre, [0, 1], weight)
    pre[0], weight[0] = 9, 9.0
    assert rule == gr.Explicit([0, 1], [0, 1], [1.0, 2.0])


def test_explicit_from_a_matrix_is_post_pre():
    dense = np.array([[0, 1.5, 0], [2.5, 0, -1]])
    for matrix in (dense, dense.tolist(), scipy.sparse.csr_array(dense), scipy.sparse.coo_matrix(dense)):
        rule = gr.Explicit.from_matrix(matrix)
        assert rule.post.tolist() == [0, 1, 1]
        assert rule.pre.tolist() == [1, 0, 2]
        assert rule.weight.tolist() == [1.5, 2.5, -1.0]
    stored_zero = scipy.sparse.coo_array(([0.0], ([0], [1])), shape=(2, 2))
    assert gr.Explicit.from_matrix(stored_zero).weight.tolist() == [0.0]


# rules as values


RULES = [
    gr.AllToAll(),
    gr.OneToOne(),
    gr.Bernoulli(0.25),
    gr.FixedIndegree(3),
    gr.FixedOutdegree(0),
    gr.FixedTotalNumber(7),
    gr.DistanceDependent(gr.Gaussian(2.0, p=0.5), max_distance=3.0, wrap=(4.0, 5.0)),
    gr.DistanceDependent(gr.Exponential(2.0)),
    gr.Explicit([0, 1], [1, 0]),
    gr.Explicit([0, 1], [1, 0], [0.5, 2.0]),
    gr.BySign(ee=0.1, ii=gr.FixedIndegree(2)),
]


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_rules_are_values(rule):
    for twin in (pickle.loads(pickle.dumps(rule)), copy.deepcopy(rule)):
        assert twin == rule
        assert hash(twin) == hash(rule)
    assert [other for other in RULES if other == rule] == [rule]
    assert rule != 3
    with pytest.raises(AttributeError):
        rule.p = 3


@pytest.mark.parametrize("rule", [r for r in RULES if not isinstance(r, gr.Explicit)], ids=repr)
def test_the_repr_of_a_rule_makes_it_again(rule):
    assert (
        eval(
            repr(rule),
            vars(gr)
            | {name: getattr(gr, name) for name in gr.__all__ if name[0].isupper() and name != "CTRNN"},
        )
        == rule
    )


def test_the_repr_of_a_rule_shows_no_address():
    assert repr(gr.DistanceDependent(hump, wrap=100.0)) == "DistanceDependent(hump, wrap=100.0)"
    assert repr(gr.BySign(ei=0.2)) == "BySign(ei=Bernoulli(0.2))"
    assert repr(gr.ExcitatoryOnly(0.2)) == "ExcitatoryOnly(Bernoulli(0.2))"
    assert repr(gr.Explicit([0], [1], [2])) == "Explicit(<1 synapses with weights>)"


@pytest.mark.parametrize("density", [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_a_number_is_a_density(density):
    assert as_rule("call", density) == gr.Bernoulli(float(density))


# messages


def sample(rule, pre, post=None, *, skip=False):
    return lambda: rule.sample(
        pre, pre if post is None else post, np.random.default_rng(0), skip_diagonal=skip
    )


V1, V2 = area(400, "V1"), area(3, "V2")
PLACED = area(3, "V3", positions=np.zeros((3, 2)))

MESSAGES = {
    lambda: as_rule("call", 1.5): (ValueError, "`call` needs `density` from 0 to 1; it got 1.5."),
    lambda: as_rule("call", math.nan): (ValueError, "`call` needs `density` from 0 to 1; it got nan."),
    lambda: as_rule("call", "dense"): (
        TypeError,
        "`call` needs a connection rule or a density from 0 to 1; it got 'dense'. "
        "Give a number such as 0.1 or a rule such as FixedIndegree(10).",
    ),
    lambda: as_rule("call", True): (
        TypeError,
        "`call` needs a connection rule or a density from 0 to 1; it got True. "
        "Give a number such as 0.1 or a rule such as FixedIndegree(10).",
    ),
    lambda: gr.Bernoulli(-0.1): (ValueError, "`Bernoulli(-0.1)` needs `p` from 0 to 1; it got -0.1."),
    lambda: gr.Bernoulli("half"): (TypeError, "`Bernoulli('half')` needs a number for `p`; it got 'half'."),
    lambda: gr.FixedIndegree(-1): (ValueError, "`FixedIndegree(-1)` needs `k` of at least 0; it got -1."),
    lambda: gr.FixedIndegree(2.5): (
        TypeError,
        "`FixedIndegree(2.5)` needs a whole number for `k`; it got 2.5.",
    ),
    lambda: gr.FixedOutdegree(True): (
        TypeError,
        "`FixedOutdegree(True)` needs a whole number for `k`; it got True.",
    ),
    lambda: gr.FixedTotalNumber(-3): (
        ValueError,
        "`FixedTotalNumber(-3)` needs `n` of at least 0; it got -3.",
    ),
    sample(gr.FixedIndegree(500), V1): (
        ValueError,
        "`FixedIndegree(500)` needs at least 500 neurons in 'V1'; it has 400. "
        "Lower the in-degree or enlarge the area.",
    ),
    sample(gr.FixedIndegree(400), V1, skip=True): (
        ValueError,
        "`FixedIndegree(400)` needs at least 400 neurons in 'V1' other than itself; it has 399. "
        "Lower the in-degree or enlarge the area.",
    ),
    sample(gr.FixedOutdegree(4), V1, V2): (
        ValueError,
        "`FixedOutdegree(4)` needs at least 4 neurons in 'V2'; it has 3. "
        "Lower the out-degree or enlarge the area.",
    ),
    sample(gr.FixedTotalNumber(1201), V1, V2): (
        ValueError,
        "`FixedTotalNumber(1201)` needs at least 1201 possible synapses from 'V1' to 'V2'; there are 1200. "
        "Lower the number or enlarge an area.",
    ),
    sample(gr.OneToOne(), V1, V2): (
        ValueError,
        "`OneToOne()` needs two populations of one size; 'V1' has 400 neurons and 'V2' has 3. "
        "Use FixedIndegree(1) where sizes differ.",
    ),
    sample(gr.OneToOne(), V1, skip=True): (
        ValueError,
        "`OneToOne()` within 'V1' connects each neuron to itself, and self_connections is False. "
        "Choose another rule or allow self-connections.",
    ),
    lambda: gr.BySign(ie=2.0): (ValueError, "`BySign(ie=2.0)` needs `density` from 0 to 1; it got 2.0."),
    lambda: gr.ExcitatoryOnly(2): (
        ValueError,
        "`ExcitatoryOnly(2)` needs `density` from 0 to 1; it got 2.",
    ),
    sample(gr.ExcitatoryOnly(0.5), V1): (
        ValueError,
        "`ExcitatoryOnly(Bernoulli(0.5))` needs neurons with signs in 'V1', which has none. Only an area "
        "that was given a fraction `excitatory` has them.",
    ),
    lambda: gr.ExcitatoryOnly(0.5).expected(signed(4, 2, "V1"), signed(4, 2, "V1"), skip_diagonal=True): (
        ValueError,
        "`ExcitatoryOnly(Bernoulli(0.5))` cannot leave out self-connections within 'V1'. "
        "Use BySign(ee=..., ei=...), which has a rule for either target.",
    ),
    sample(gr.BySign(0.5), V1): (
        ValueError,
        "`BySign(Bernoulli(0.5))` needs neurons with signs in 'V1', which has none. Only an area that was "
        "given a fraction `excitatory` has them.",
    ),
    sample(gr.BySign(ii=gr.FixedIndegree(3)), signed(10, 8, "V1")): (
        ValueError,
        "`FixedIndegree(3)` needs at least 3 neurons in 'V1 (inhibitory)'; it has 2. "
        "Lower the in-degree or enlarge the area.",
    ),
    lambda: gr.Gaussian(0): (
        ValueError,
        "`Gaussian(0, p=1.0)` needs `sigma` to be finite and above 0; it got 0.",
    ),
    lambda: gr.Gaussian(1, p=2): (ValueError, "`Gaussian(1, p=2)` needs `p` from 0 to 1; it got 2."),
    lambda: gr.Exponential(math.inf): (
        ValueError,
        "`Exponential(inf, p=1.0)` needs `length` to be finite and above 0; it got inf.",
    ),
    lambda: gr.Exponential(1, p=-1): (ValueError, "`Exponential(1, p=-1)` needs `p` from 0 to 1; it got -1."),
    lambda: gr.DistanceDependent(3): (
        TypeError,
        "`DistanceDependent(3, ...)` needs Gaussian, Exponential or a function of distance as its profile.",
    ),
    lambda: gr.DistanceDependent(gr.Gaussian(1.0), max_distance=-1): (
        ValueError,
        "`DistanceDependent(Gaussian(sigma=1.0, p=1.0), ...)` needs `max_distance` to be finite and above 0; "
        "it got -1.",
    ),
    lambda: gr.DistanceDependent(gr.Gaussian(1.0), wrap=(1.0, 0.0)): (
        ValueError,
        "`DistanceDependent(Gaussian(sigma=1.0, p=1.0), ...)` needs `wrap` to be finite and above 0; "
        "it got 0.0.",
    ),
    sample(gr.DistanceDependent(gr.Gaussian(1.0)), V1): (
        ValueError,
        "`DistanceDependent(Gaussian(sigma=1.0, p=1.0))` needs positions in 'V1'. "
        "Give that area `positions`.",
    ),
    sample(gr.DistanceDependent(gr.Gaussian(1.0)), PLACED, area(2, "V4", positions=np.zeros((2, 1)))): (
        ValueError,
        "`DistanceDependent(Gaussian(sigma=1.0, p=1.0))` needs as many coordinates on both sides; 'V3' has 2 "
        "per neuron and 'V4' has 1.",
    ),
    sample(gr.DistanceDependent(gr.Gaussian(1.0), wrap=(1, 2, 3)), PLACED): (
        ValueError,
        "`DistanceDependent(Gaussian(sigma=1.0, p=1.0), wrap=(1.0, 2.0, 3.0))` needs one period for each "
        "of the 2 dimensions of the positions; it got 3.",
    ),
    sample(gr.DistanceDependent(np.exp), area(3, "V1", positions=np.arange(3.0)[:, None])): (
        ValueError,
        "`DistanceDependent(exp)` needs a profile between 0 and 1; it returned values from 1 to 7.38906.",
    ),
    sample(gr.DistanceDependent(np.max), PLACED): (
        ValueError,
        "`DistanceDependent(max)` needs a profile that returns one probability per distance; for 8193 "
        "distances "
        "it returned an array of shape ().",
    ),
    lambda: gr.Explicit([0, 1], [0]): (
        ValueError,
        "`Explicit(...)` needs as many `pre` as `post` indices; it got 2 and 1.",
    ),
    lambda: gr.Explicit([0.5], [0]): (
        TypeError,
        "`Explicit(...)` needs whole numbers in one dimension for `pre`.",
    ),
    lambda: gr.Explicit([0], [[0]]): (
        TypeError,
        "`Explicit(...)` needs whole numbers in one dimension for `post`.",
    ),
    lambda: gr.Explicit([-1], [0]): (ValueError, "`Explicit(...)` needs indices from 0 in `pre`; it got -1."),
    lambda: gr.Explicit(np.array([2**64 - 1], np.uint64), [0]): (
        ValueError,
        "`Explicit(...)` needs `pre` indices up to 2147483647; it got 18446744073709551615.",
    ),
    lambda: gr.Explicit([1, 1, 2], [3, 3, 3]): (
        ValueError,
        "`Explicit(...)` needs each pair once; pre 1 → post 3 is given more often (1 repeated in all). "
        "Merge them, for instance by summing their weights.",
    ),
    lambda: gr.Explicit([0, 1], [0, 1], [1.0]): (
        ValueError,
        "`Explicit(...)` needs one weight per synapse; it got shape (1,) for 2.",
    ),
    lambda: gr.Explicit([0, 1], [0, 1], [1.0, math.nan]): (
        ValueError,
        "`Explicit(...)` needs finite weights; 1 of 2 are NaN or infinite. "
        "Remove these synapses or give them a weight.",
    ),
    lambda: gr.Explicit([0], [0], ["heavy"]): (
        TypeError,
        "`Explicit(...)` needs numbers in `weight`; it got <U5.",
    ),
    lambda: gr.Explicit.from_matrix([1, 2]): (
        TypeError,
        "`Explicit.from_matrix(...)` needs a scipy sparse matrix or a 2-D array (post, pre); it got list.",
    ),
    sample(gr.Explicit([3], [0]), V2): (
        ValueError,
        "`Explicit(<1 synapses>)` has `pre` index 3, but 'V2' has 3 neurons, numbered from 0.",
    ),
    sample(gr.Explicit([1], [1]), V2, skip=True): (
        ValueError,
        "`Explicit(<1 synapses>)` within 'V2' has synapses from a neuron to itself, and self_connections is "
        "False. Remove them or allow self-connections.",
    ),
}


@pytest.mark.parametrize(("call", "error"), MESSAGES.items(), ids=[text for _, text in MESSAGES.values()])
def test_messages(call, error):
    kind, message = error
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        call()


def test_a_profile_that_takes_only_numbers():
    placed = area(9, "V1", positions=np.arange(9.0)[:, None])
    with pytest.raises(
        ValueError, match="needs a profile that takes an array of distances; it raised TypeError: "
    ) as e:
        gr.DistanceDependent(lambda d: math.exp(-d)).sample(placed, placed, np.random.default_rng(0))
    assert str(e.value).startswith("`DistanceDependent(")
    assert str(e.value).endswith(". Write it with numpy, such as np.exp and np.where.")


def spike(d):
    return np.where(np.abs(d - 500.1234) < 1e-3, 1.0, 0.3)


def test_a_spike_too_thin_to_be_seen_is_refused_where_it_is_met():
    places = np.repeat([0.0, 500.1234, 1001.0], [50, 50, 1])[:, None]
    placed = area(101, "V1", positions=places)
    with pytest.raises(ValueError, match="spike") as e:
        gr.DistanceDependent(spike).sample(placed, placed, np.random.default_rng(0))
    assert str(e.value) == (
        "`DistanceDependent(spike)` needs a profile that is smooth enough to be looked up: it rises between "
        "two of the distances that were tried. Make the spike wider, or list the synapses with Explicit."
    )


@pytest.mark.parametrize("max_distance", [None, 10.0])
def test_a_profile_that_rises_only_nearby_is_seen_in_a_large_space(max_distance):
    """All of it lies before the second of a few thousand equal steps."""
    rule = gr.DistanceDependent(lambda d: np.where(d < 10.0, d / 20.0, 0.0), max_distance=max_distance)
    places = np.concatenate([np.repeat([0.0, 8.0], 40), [1e6]])[:, None]
    a = area(81, positions=places)
    times, _ = times_drawn(rule, a, a, 200)
    assert p_independent(times, 200, rule.profile(distances(a, a))) > LEVEL


def test_clusters_and_outliers_cost_no_more_than_their_synapses():
    """Cells follow the neurons: one outlier must not put all others into one cell."""
    rng = np.random.default_rng(0)
    positions = np.vstack([rng.random((4999, 2)), [[1e5, 1e5]]])
    end = Population("V1", 5000, positions=positions)
    rule = gr.DistanceDependent(gr.Gaussian(0.01))
    tracemalloc.start()
    draw = rule.sample(end, end, np.random.default_rng(1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = 5000 + 4999**2 * 2 * np.pi * 0.01**2  # each neuron reaches itself
    assert abs(draw.pre.size - expected) < 0.1 * expected
    assert peak < 60e6  # a list of all pairs alone would take 200 MB


def test_a_matrix_keeps_its_shape():
    matrix = scipy.sparse.coo_array(np.eye(3, 5))
    graph = gr.AreaGraph()
    graph.add_area("A", 3)
    graph.add_area("B", 5)
    graph.project("A", "B", gr.Explicit.from_matrix(matrix))
    with pytest.raises(ValueError, match="transpose") as e:
        graph.compile(seed=0)
    assert str(e.value) == (
        "`Explicit(<3 synapses with weights>)` has shape (3, 5), (post, pre), but 'B' and 'A' have 5 and 3 "
        "neurons. Its transpose fits: pass matrix.T."
    )
    graph.project("A", "B", gr.Explicit.from_matrix(matrix.T), replace=True)
    assert graph.compile(seed=0).hidden.size == 3
