"""Random wiring with the degrees of a given one: synapses trade targets, many at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["switch"]

Ints = NDArray[np.int64]
_BITS = 20
_TRIPLES_EVERY = 4  # one round in so many turns triples; pairs alone cannot reverse a ring of three
_CROWD = 0.25  # of the possible pairs, at most so many are proposed at once, lest all block each other


def switch(
    pre: Any, post: Any, n_neurons: int, rng: np.random.Generator, rounds: int, block: Any = None
) -> tuple[Ints, Ints]:
    """Directed wiring with the same in- and out-degree of every neuron, otherwise random.

    In a round, synapses are put into groups of two at random (into groups of three in every fourth round),
    and all groups pass their targets round: a → b and c → d become a → d and c → b. A group stays as it is
    where it would make a self-connection or a pair that is there already, and where a pair that it has or
    would have is one that another group has or would have. Crowded wiring takes its groups in several goes.

    The last rule makes rounds exact: which groups stay depends on nothing that the others change. A round
    can then be undone by a round of the same probability, so that every wiring with these degrees is
    equally likely in the end. Groups of three are needed to reach all of them.

    Self-connections stay where they are, and no new one is made. A synapse takes part about once per round,
    in sparse wiring nearly always with success, and ten rounds leave no trace of what was. Where a fraction p
    of all pairs exists, it takes about 1 / (1 - p)² times as many.

    Args:
        pre: (synapse,) sources; no pair (pre, post) may repeat.
        post: (synapse,) targets.
        n_neurons: number of neurons.
        rng: source of randomness.
        rounds: how many rounds; each costs one sort of two numbers per synapse.
        block: (synapse,) whole numbers; only synapses of one block trade targets. None for one block.

    Returns:
        The sources, as they came, and the new targets: synapse k keeps `pre[k]`.

    Example:
        >>> import numpy as np
        >>> pre, post = switch([0, 1, 2, 3], [1, 2, 3, 0], 4, np.random.default_rng(0), rounds=10)
        >>> pre.tolist(), sorted(post.tolist())
        ([0, 1, 2, 3], [0, 1, 2, 3])

    Source:
        Switching: Maslov and Sneppen, Science 296 (2002). Groups of three: Rao, Jana and Bandyopadhyay,
        Sankhya A 58 (1996). Many switches at a time: Allendorf, Meyer, Penschuck and Tran, J. Parallel
        Distrib. Comput. 174 (2023), whose rounds undo conflicts in another way.
    """
    pre, post = np.array(pre, np.int64), np.array(post, np.int64)
    free = np.flatnonzero(pre != post)
    source, target = pre[free], post[free]
    names = None if block is None else np.asarray(block)[free]
    at_once = max(1, int(_CROWD * n_neurons * (n_neurons - 1)))
    for turn in range(rounds):
        together = 3 if turn % _TRIPLES_EVERY == _TRIPLES_EVERY - 2 else 2
        groups, step = _groups(free.size, together, rng, names), max(1, at_once // together)
        for start in range(0, len(groups), step):
            _pass_round(source, target, n_neurons, groups[start : start + step], rng)
    post[free] = target
    return pre, post


def _groups(n: int, together: int, rng: np.random.Generator, names: NDArray[Any] | None) -> Ints:
    """(group, member) distinct synapses at random; the members of a group are of one block."""
    order = rng.permutation(n)
    if names is None:
        return order[: order.size // together * together].reshape(-1, together)
    order = order[np.argsort(names[order], kind="stable")]
    border = np.flatnonzero(names[order[1:]] != names[order[:-1]]) + 1
    starts = np.concatenate([[0], border, [order.size]])
    length = np.diff(starts)
    place = np.arange(order.size) - np.repeat(starts[:-1], length)
    whole = place < np.repeat(length // together * together, length)  # what is left over in a block sits out
    return order[whole].reshape(-1, together)


def _pass_round(source: Ints, target: Ints, n_neurons: int, groups: Ints, rng: np.random.Generator) -> None:
    """Gives each member of a group the target of the next, in place, where the rules allow it."""
    old = target[groups]
    new = np.roll(old, 1, axis=1)
    if groups.shape[1] == 3:  # either way round, with equal chances: one undoes the other
        back = rng.random(len(groups)) < 0.5
        new[back] = np.roll(old[back], -1, axis=1)
    # One in eight does not try, or all of a small graph would change in step and never part.
    stays = (source[groups] == new).any(axis=1) | (rng.random(len(groups)) < 0.125)
    there = source * n_neurons + target
    wanted = source[groups] * n_neurons + new
    everything = np.concatenate([there, wanted.ravel()])
    everything.sort()
    twice = everything[1:][everything[1:] == everything[:-1]]
    if twice.size:
        stays |= _contains(twice, wanted).any(axis=1) | _contains(twice, there)[groups].any(axis=1)
    target[groups[~stays]] = new[~stays]


def _contains(ascending: Ints, keys: Ints) -> NDArray[np.bool_]:
    """Whether each key is one of the few in `ascending`; the last bits of most keys say no at once."""
    known = np.zeros(1 << _BITS, bool)
    known[ascending & (known.size - 1)] = True
    held: NDArray[np.bool_] = known[keys & (known.size - 1)]
    maybe = keys[held]
    held[held] = ascending[np.minimum(np.searchsorted(ascending, maybe), ascending.size - 1)] == maybe
    return held
