"""The nodes and projections of an area graph, as a connectome keeps them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["HIDDEN_KINDS", "KINDS", "ROLES", "Names", "Node", "Projection", "kind_between", "listed"]

ROLES = ("area", "input", "readout")
HIDDEN_KINDS = ("forward", "backward", "lateral", "within", "unclassified")
KINDS = (*HIDDEN_KINDS, "input", "readout")

Names = str | Iterable[str] | None  # as a user gives them: one, several, or all


@dataclass(frozen=True)
class Node:
    """An area, input or readout and its place on the axis of neurons, inputs or readouts.

    Args:
        name: the node's name.
        role: "area", "input" or "readout".
        start: first index on its axis.
        stop: one past the last index.
        level: hierarchical level of an area; None where it has none.
    """

    name: str
    role: str
    start: int
    stop: int
    level: float | None = None

    @property
    def size(self) -> int:
        """Number of neurons, inputs or readouts."""
        return self.stop - self.start

    @property
    def slice(self) -> slice:
        """The node's indices, for an array along its axis."""
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class Projection:
    """A directed edge between two nodes, and what was asked of it.

    Args:
        pre: name of the source.
        post: name of the target.
        kind: forward, backward, lateral, within, unclassified, input or readout.
        rule: the connection rule as text; "measured" where the synapses were observed.
        possible: number of synapses that could exist, self-connections counted where allowed.
        asked: number of synapses that the rule draws on average; NaN where none was asked for.
    """

    pre: str
    post: str
    kind: str
    rule: str
    possible: int
    asked: float = math.nan

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Projection):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        asked = None if math.isnan(self.asked) else self.asked  # NaN equals itself here
        return (self.pre, self.post, self.kind, self.rule, self.possible, asked)


def kind_between(pre: Node, post: Node) -> str:
    """The kind of the projection from `pre` to `post`, by their roles and levels.

    Forward runs to a higher level, backward to a lower one, lateral to another area of the same
    level, within stays in the area. Without a level on both ends the kind is unclassified.
    """
    if pre.role == "input":
        return "input"
    if post.role == "readout":
        return "readout"
    if pre.name == post.name:
        return "within"
    if pre.level is None or post.level is None:
        return "unclassified"
    if pre.level == post.level:
        return "lateral"
    return "forward" if post.level > pre.level else "backward"


def listed(names: Names) -> list[str] | None:
    """One name or several as a list; None, for all, as it is."""
    return names if names is None else [names] if isinstance(names, str) else list(names)
