"""Where synapses could be: the free places of each group of synapses, drawn without ever being listed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from graphrnn.connectome import Connectome, Synapses
from graphrnn.rules import draw_distinct

__all__ = ["FreePlaces"]

Ints = NDArray[np.int64]


class FreePlaces:
    """Which group each synapse belongs to, and how many free places each group has.

    A group is a rectangle: the neurons of one node and sign that receive, or with keep="indegree" one of
    them, and those of one node and sign that send. Its places are numbered row by row.
    """

    def __init__(self, net: Connectome, which: str, keep: str, allowed: Any, call: str) -> None:
        synapses = net.synapses(which)
        self.which = which
        self.allowed: tuple[Ints, Ints] | None = None
        posts, pres = (_classes(net, nodes) for nodes in net.ends(which))
        n_pre_classes = int(pres[0].max(initial=-1)) + 1
        block = posts[0][synapses.post] * n_pre_classes + pres[0][synapses.pre]
        key = block * synapses.shape[0] + synapses.post if keep == "indegree" else block
        example, self.group = np.unique(key, return_index=True, return_inverse=True)[1:]
        self.n = len(example)
        self.post_class, self.pre_class = posts[0][synapses.post[example]], pres[0][synapses.pre[example]]
        self.rank, self.members, self.start = (posts[1], pres[1]), (posts[2], pres[2]), (posts[3], pres[3])
        self.row = synapses.post[example].astype(np.int64) if keep == "indegree" else None
        rows = np.ones(self.n, np.int64) if keep == "indegree" else posts[4][self.post_class]
        self.width = pres[4][self.pre_class]
        taken = self._occupied(net, synapses)
        if allowed is not None:
            self._only(allowed, synapses, call, keep, block, n_pre_classes, posts[0], pres[0])
            return
        # Free place number f of a group is place f + (taken ones before it): the step at which the taken
        # ones, each lowered by its own rank, pass f.
        self.taken_start = np.searchsorted(taken[0], np.arange(self.n))
        counts = np.bincount(taken[0], minlength=self.n)
        self.free = rows * self.width - counts
        self.free_start = np.cumsum(self.free) - self.free
        rank = np.arange(len(taken[1])) - self.taken_start[taken[0]]
        self.passed = taken[1] - rank + self.free_start[taken[0]]

    def _occupied(self, net: Connectome, synapses: Synapses) -> tuple[Ints, Ints]:
        """(group, place) of what is taken, ascending: synapses, and self-connections that may not be."""
        place = self._place(self.group, synapses.post.astype(np.int64), synapses.pre.astype(np.int64))
        group = self.group
        if self.which == "hidden":
            lone_group, lone_place = self._forbidden_diagonal(net, synapses)
            group, place = np.concatenate([group, lone_group]), np.concatenate([place, lone_place])
        order = np.lexsort((place, group))
        group, place = group[order], place[order]
        again = (group[1:] == group[:-1]) & (place[1:] == place[:-1])
        return np.delete(group, np.flatnonzero(again)), np.delete(place, np.flatnonzero(again))

    def _place(self, group: Ints, post: Ints, pre: Ints) -> Ints:
        row = np.zeros_like(post) if self.row is not None else self.rank[0][post]
        return row * self.width[group] + self.rank[1][pre]

    def _forbidden_diagonal(self, net: Connectome, synapses: Synapses) -> tuple[Ints, Ints]:
        closed = np.zeros(len(net.areas), bool)
        for projection in net.projections:
            if projection.pre == projection.post:
                size = net.node(projection.pre).size
                index = [area.name for area in net.areas].index(projection.pre)
                closed[index] = projection.possible < size * size
        same = self.post_class == self.pre_class  # classes of both axes are numbered alike here
        groups = np.flatnonzero(same)
        if self.row is not None:
            neurons = self.row[groups]
        else:
            sizes = self.width[groups]
            starts = self.start[1][self.pre_class[groups]]
            offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            neurons = self.members[1][np.repeat(starts, sizes) + offsets]
            groups = np.repeat(groups, sizes)
        shut = closed[net.area_index[neurons]]
        groups, neurons = groups[shut], neurons[shut]
        return groups, self._place(groups, neurons, neurons)

    def _only(
        self,
        allowed: Any,
        synapses: Synapses,
        call: str,
        keep: str,
        block: Ints,
        n_pre_classes: int,
        post_class: Ints,
        pre_class: Ints,
    ) -> None:
        """The free places of a mask, listed: as many as the mask has entries."""
        post, pre = _pairs(allowed, synapses.shape, call)
        columns = synapses.shape[1]
        present = synapses.post.astype(np.int64) * columns + synapses.pre
        absent = ~np.isin(post * columns + pre, present)
        post, pre = post[absent], pre[absent]
        key = post_class[post] * n_pre_classes + pre_class[pre]
        own = block
        if keep == "indegree":
            key = key * synapses.shape[0] + post
            own = block * synapses.shape[0] + synapses.post
        known = np.unique(own)
        at = np.searchsorted(known, key).clip(max=len(known) - 1)
        in_group = known[at] == key if len(known) else np.zeros(0, bool)
        order = np.argsort(at[in_group], kind="stable")
        self.allowed = post[in_group][order], pre[in_group][order]
        self.free = np.bincount(at[in_group], minlength=self.n)

    def draw(self, counts: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
        """Distinct free places: post and pre of each, and its group."""
        drawn = draw_distinct(rng, self.free, counts) if self.n else np.zeros(0, np.int64)
        group = np.repeat(np.arange(self.n), counts)
        if self.allowed is not None:
            return self.allowed[0][drawn], self.allowed[1][drawn], group
        before = np.searchsorted(self.passed, drawn, side="right") - self.taken_start[group]
        place = drawn - self.free_start[group] + before
        width = self.width[group]
        pre = self.members[1][self.start[1][self.pre_class[group]] + place % width]
        if self.row is not None:
            return self.row[group], pre, group
        post = self.members[0][self.start[0][self.post_class[group]] + place // width]
        return post, pre, group


def _classes(net: Connectome, nodes: Any) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """The classes of the neurons of an axis, by node and sign.

    Each neuron's class and its rank there, all neurons class by class, where each class starts among them,
    and how large it is.
    """
    index = np.repeat(np.arange(len(nodes)), [node.size for node in nodes])
    if nodes and nodes[0].role == "area":
        index = index * 3 + net.sign + 1
    number = np.unique(index, return_inverse=True)[1].astype(np.int64)
    size = np.bincount(number)
    start = np.cumsum(size) - size
    members = np.argsort(number, kind="stable")
    rank = np.empty_like(members)
    rank[members] = np.arange(len(members)) - np.repeat(start, size)
    return number, rank, members, start, size


def _pairs(allowed: Any, shape: tuple[int, int], call: str) -> tuple[Ints, Ints]:
    """The entries of a mask that are not zero, sorted by (post, pre)."""
    from scipy.sparse import coo_array

    if isinstance(allowed, Tensor):
        allowed = allowed.detach().cpu().to_dense().numpy()
    if isinstance(allowed, Synapses):
        allowed = allowed.mask
    mask = coo_array(allowed)
    if mask.shape != shape:
        raise ValueError(f"`{call}` needs `allowed` of shape {shape}, (post, pre); it got {mask.shape}.")
    mask.sum_duplicates()
    post, pre = (axis[mask.data != 0].astype(np.int64) for axis in mask.coords)
    order = np.lexsort((pre, post))
    return post[order], pre[order]
