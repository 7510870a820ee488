"""Nodes and edges as columns: the form that all files of tables and of graphs share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks

__all__ = [
    "AXES",
    "EDGE_COLUMNS",
    "ENDS",
    "NODE_COLUMNS",
    "ROLES",
    "TEXT_COLUMNS",
    "Codes",
    "Column",
    "Tables",
    "Words",
    "are_plain_numbers",
    "chosen_columns",
    "leaving_out",
    "numbers",
    "numeric",
    "plain_name",
]

# What a column may be called, in the order of trust; case, spaces and punctuation do not count.
EDGE_COLUMNS: dict[str, tuple[str, ...]] = {
    "pre": (
        "pre",
        "source",
        "from",
        "fromid",
        "presynaptic",
        "sourceid",
        "preid",
        "prerootid",
        "preptrootid",
        "bodyidpre",
    ),
    "post": (
        "post",
        "target",
        "to",
        "toid",
        "postsynaptic",
        "targetid",
        "postid",
        "postrootid",
        "postptrootid",
        "bodyidpost",
    ),
    "weight": (
        "weight",
        "synweight",
        "syncount",
        "synapsecount",
        "synapses",
        "nsynapses",
        "nsyn",
        "count",
        "numberofconnections",
        "nbr",
        "fln",
        "streamlines",
        "streamlinecount",
    ),
    "delay": ("delay", "delayms"),
    "type": ("type", "syntype", "synapsetype", "edgetype"),
    "kind": ("kind",),
    "rule": ("rule", "density"),
    "self_connections": ("selfconnections",),
    "attributes": ("attributes",),
}
NODE_COLUMNS: dict[str, tuple[str, ...]] = {
    "neuron": (
        "neuron",
        "rootid",
        "ptrootid",
        "bodyid",
        "neuronid",
        "nodeid",
        "name",
        "node",
        "id",
        "cell",
        "label",
    ),
    "area": ("area", "region", "roi", "population", "group", "module"),
    "role": ("role",),
    "level": ("level",),
    "sign": ("sign",),
    "tau": ("tau", "taums"),
    "x": ("x",),
    "y": ("y",),
    "z": ("z",),
    "edges_in": ("edgesin",),
    "size": ("size",),
    "excitatory": ("excitatory",),
    "positions": ("positions",),
    "attributes": ("attributes",),
}
ROLES = ("input", "area", "readout")
AXES = ("x", "y", "z")
ENDS = {"input": ("area", "input"), "hidden": ("area", "area"), "readout": ("readout", "area")}  # post, pre
TEXT_COLUMNS = ("area", "role", "type", "kind", "rule", "self_connections", "attributes", "positions")
_PLAIN = re.compile("(?:(?:-?[0-9]+(?:[.][0-9]*)?(?:[eE][-+]?[0-9]+)?)?\n)*")


@dataclass(frozen=True, eq=False)
class Words:
    """A column of text: a code per row into a few words; -1 where there is none."""

    codes: NDArray[np.int32]
    words: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)

    def texts(self, missing: str = "") -> list[str]:
        """The text of every row."""
        table = [*self.words, missing]  # where -1 finds the last one
        return list(map(table.__getitem__, self.codes.tolist()))

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> Words:
        """From the text of every row."""
        index = Codes()
        codes = [-1 if text is None else index[text] for text in texts]
        return cls(np.array(codes, np.int32), list(index))


class Codes(dict[str, int]):
    """Numbers words as they come."""

    def __missing__(self, word: str) -> int:
        self[word] = code = len(self)
        return code


Column = NDArray[Any] | Words


@dataclass(frozen=True, eq=False)
class Tables:
    """A network or an area graph as two tables.

    Args:
        names: the name of every node that is listed or that an edge names; those listed come first.
        nodes: a column per attribute with an entry for each listed node.
        pre: (edge,) index of its source in `names`.
        post: (edge,) index of its target in `names`.
        edges: a column per attribute; NaN or code -1 where an edge has none.
        listed: number of listed nodes; None where there is no table of nodes.
        about: what neither table says, as plain values of JSON; empty for files of others.
    """

    names: Sequence[str]
    nodes: Mapping[str, Column]
    pre: NDArray[np.int32]
    post: NDArray[np.int32]
    edges: Mapping[str, Column]
    listed: int | None
    about: Mapping[str, Any] = field(default_factory=dict)


def chosen_columns(
    call: str,
    header: Sequence[str],
    known: Mapping[str, tuple[str, ...]],
    given: Mapping[str, str | None],
) -> dict[str, int]:
    """Which column of the file is which: those given by name, the others recognised.

    Args:
        call: the user's call, for messages.
        header: the names in the file.
        known: what columns there are, and how each may be called.
        given: for some of `known` the name in the file, or None to take none.
    """
    repeated = [name for i, name in enumerate(header) if name in header[:i]]
    if repeated:
        raise ValueError(
            f"`{call}` needs columns of different names; two are {repeated[0]!r}. Rename one, or put a "
            "row of names at the top where there is none."
        )
    found: dict[str, int] = {}
    for column in known:
        if column in given:
            name = given[column]
            if name is not None:
                found[column] = header.index(_checks.known(call, "column", name, header))
    plain = [plain_name(name) for name in header]
    for column, spellings in known.items():
        if column in given:
            continue
        places = [plain.index(spelling) for spelling in spellings if spelling in plain]
        free = [place for place in places if place not in found.values()]
        if free:
            found[column] = free[0]
    return found


def plain_name(name: str) -> str:
    """A name by which columns are recognised: without case, spaces and punctuation."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def are_plain_numbers(texts: Sequence[str]) -> bool:
    """Whether all are empty or numbers as most programs write them, which `numbers` takes: a quick look."""
    return _PLAIN.fullmatch("\n".join([*texts, ""])) is not None


def numbers(
    call: str, what: str, place: str, texts: Sequence[str], start: int = 0, way_out: str = ""
) -> NDArray[np.float64]:
    """Numbers from texts; an empty one is NaN, and a written NaN is refused.

    Args:
        call: the user's call, for messages.
        what: "edge" or "node".
        place: where the texts stand, such as "the column 'weight' of 'net.csv'".
        texts: the texts.
        start: how many rows of the file came before.
        way_out: the end of the message.
    """
    try:
        values = np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        values = np.fromiter(map(_number, texts), np.float64, len(texts))
    for row in np.flatnonzero(np.isnan(values)).tolist():
        if texts[row].strip():
            raise ValueError(
                f"`{call}` needs numbers in {place}; {what} {start + row + 1} has {texts[row][:40]!r}. Write "
                f"it with a decimal point, or {way_out or 'leave the cell empty where none is known'}."
            )
    return values


def numeric(call: str, what: str, name: str, column: Column) -> NDArray[Any]:
    """The column as it is; refused where it holds text."""
    if isinstance(column, Words) or column.dtype.kind not in "iufb":
        raise ValueError(
            f"`{call}` needs numbers in the column {name!r} of the {what}; it holds text. "
            f"Read it without with columns={{{name!r}: None}}."
        )
    return column


def leaving_out(name: str) -> str:
    """How to read on where a cell of the column `name` is no number, for messages."""
    return (
        f"leave the cell empty where none is known, or read without the column by columns={{{name!r}: None}}"
    )


def _number(text: str) -> float:
    """NaN where the text is no number."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
