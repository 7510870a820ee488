"""Rewiring keeps degrees, and every wiring with these degrees is equally likely."""

import itertools
from collections import Counter

import numpy as np
import pytest
from cases import each_network
from scipy.stats import chisquare

import graphrnn as gr
from graphrnn._rewire import switch


def pairs(pre, post):
    return set(zip(np.asarray(pre).tolist(), np.asarray(post).tolist(), strict=True))


def check_same_degrees(net, before, after):
    (pre, post), (new_pre, new_post) = before, after
    np.testing.assert_array_equal(new_pre, pre)
    np.testing.assert_array_equal(np.bincount(new_post, minlength=net), np.bincount(post, minlength=net))
    assert len(pairs(new_pre, new_post)) == len(pre)  # none repeats
    loops = pre == post
    np.testing.assert_array_equal(new_post[loops], post[loops])
    assert not (new_pre == new_post)[~loops].any()


@each_network
def test_degrees_and_self_connections_stay(net):
    pre, post = net.hidden.pre, net.hidden.post
    for seed in range(3):
        after = switch(pre, post, net.n_neurons, np.random.default_rng(seed), rounds=9)
        check_same_degrees(net.n_neurons, (pre, post), after)


def test_the_worm_keeps_its_degrees_and_little_else():
    net = gr.datasets.celegans()
    pre, post = net.hidden.pre, net.hidden.post
    new_pre, new_post = switch(pre, post, 302, np.random.default_rng(0), rounds=10)
    check_same_degrees(302, (pre, post), (new_pre, new_post))
    left = len(pairs(pre, post) & pairs(new_pre, new_post)) / pre.size
    assert left < 0.15  # what chance leaves: hubs meet again


@each_network
def test_a_block_trades_only_with_itself(net):
    pre, post = net.hidden.pre, net.hidden.post
    area = net.area_index
    block = area[post] * len(net.areas) + area[pre]
    new_pre, new_post = switch(pre, post, net.n_neurons, np.random.default_rng(0), 8, block=block)
    check_same_degrees(net.n_neurons, (pre, post), (new_pre, new_post))
    np.testing.assert_array_equal(area[new_post] * len(net.areas) + area[new_pre], block)


def test_blocks_of_the_worm_do_change():
    net = gr.datasets.celegans()
    pre, post = net.hidden.pre, net.hidden.post
    block = net.area_index[post] * len(net.areas) + net.area_index[pre]
    _, new_post = switch(pre, post, 302, np.random.default_rng(0), 10, block=block)
    assert (new_post != post).mean() > 0.5


def test_one_seed_gives_one_wiring():
    net = gr.datasets.celegans()
    one, two, three = (
        switch(net.hidden.pre, net.hidden.post, 302, np.random.default_rng(seed), 4)[1] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert (one != three).any()


def test_what_is_passed_stays_as_it_was():
    pre, post = np.arange(6), np.roll(np.arange(6), 1)
    before = pre.copy(), post.copy()
    switch(pre, post, 6, np.random.default_rng(0), 5)
    np.testing.assert_array_equal(pre, before[0])
    np.testing.assert_array_equal(post, before[1])


@pytest.mark.parametrize(
    ("pre", "post"),
    [([], []), ([0], [1]), ([0], [0]), ([0, 1], [1, 0]), ([0, 0], [0, 1])],
    ids=["none", "one", "one of its own", "a mutual pair", "both"],
)
def test_what_cannot_change_does_not(pre, post):
    new_pre, new_post = switch(pre, post, 2, np.random.default_rng(0), 8)
    assert (new_pre.tolist(), new_post.tolist()) == (pre, post)


def all_wirings(pre, post, n):
    """Every set of pairs without self-connections that has these degrees."""
    out = np.bincount(pre, minlength=n)
    inn = np.bincount(post, minlength=n)
    choices = [list(itertools.combinations([j for j in range(n) if j != i], out[i])) for i in range(n)]
    return {
        frozenset((i, j) for i, targets in enumerate(rows) for j in targets)
        for rows in itertools.product(*choices)
        if (np.bincount([j for t in rows for j in t], minlength=n) == inn).all()
    }


@pytest.mark.parametrize(
    ("pre", "post", "n", "rounds", "draws"),
    [
        ([0, 1, 2], [1, 2, 0], 3, 16, 500),  # two rings: only a turned triple leads from one to the other
        ([0, 0, 1, 2, 3], [1, 2, 2, 3, 0], 4, 30, 800),
        ([0, 1, 2, 3, 0, 1, 2, 3], [1, 2, 3, 0, 2, 3, 0, 1], 4, 60, 400),  # two thirds of what is possible
        ([0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2], 5, 24, 900),
        ([0, 1, 2, 3], [1, 2, 3, 0], 4, 40, 600),  # odd and even turns lead to different halves
    ],
    ids=["ring", "sparse", "crowded", "five", "four"],
)
def test_every_wiring_is_equally_likely(pre, post, n, rounds, draws):
    possible = all_wirings(pre, post, n)
    assert len(possible) > 1
    rng = np.random.default_rng(5)
    found = Counter(frozenset(pairs(*switch(pre, post, n, rng, rounds))) for _ in range(draws))
    assert set(found) == possible
    assert chisquare(list(found.values())).pvalue > 1e-3
