"""Edges whose ends the table of nodes does not list."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

__all__ = ["UNKNOWN", "Unlisted", "unlisted"]

UNKNOWN = ("error", "drop")  # what becomes of such edges


def unlisted(call: str, end: str, edge: int, count: int, listed: str | None) -> ValueError:
    """What to raise where edges have ends that are not listed.

    Args:
        call: the user's call, for messages.
        end: the first end that is not listed.
        edge: the number of its edge, from 1.
        count: number of such edges.
        listed: the name of a listed node where no end of any edge is listed, else None.
    """
    if listed is not None:
        return ValueError(
            f"`{call}` found no end of any edge in the table of nodes: the edges name {end!r}, the nodes "
            f"{listed!r}. Give the table of these neurons, or say which of its columns has their names with "
            "columns={'neuron': ...}."
        )
    return ValueError(
        f"`{call}` needs both ends of every edge in the table of nodes; {end!r} of edge {edge} is not there "
        f"({count} such edges in all). Add the neuron, or leave these edges out with unknown='drop'."
    )


class Unlisted:
    """Looks for such ends in a file, piece by piece, before it is read.

    Args:
        call: the user's call, for messages.
        names: the listed nodes, one at least.
        dropped: whether edges with such ends are left out, so that they are refused only where all are such.
    """

    def __init__(self, call: str, names: Collection[str], dropped: bool) -> None:
        self._call, self._dropped = call, dropped
        self._listed, self._some = frozenset(names), next(iter(names))
        self._any = False  # whether some end is listed
        self._count = 0
        self._first: tuple[str, int] | None = None  # the end and the number of its edge

    def look(self, start: int, pre: Sequence[str], post: Sequence[str]) -> None:
        """Look at the ends of some edges, before which come `start` others."""
        if self._dropped and self._any:
            return
        if self._listed.issuperset(pre) and self._listed.issuperset(post):
            self._any = self._any or bool(pre)
            return
        strange = {*pre, *post} - self._listed
        is_pre, is_post = (
            np.fromiter(map(strange.__contains__, ends), bool, len(ends)) for ends in (pre, post)
        )
        found = is_pre | is_post
        if self._first is None:
            row = int(np.argmax(found))
            self._first = (pre[row] if is_pre[row] else post[row], start + row + 1)
        self._any = self._any or not (is_pre & is_post).all()
        self._count += int(found.sum())

    def refuse(self) -> None:
        """Refuse the file for what was found."""
        if self._first is None or (self._dropped and self._any):
            return
        raise unlisted(self._call, *self._first, self._count, None if self._any else self._some)
