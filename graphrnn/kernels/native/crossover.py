"""From where on a dense block is cheaper than single synapses: what this machine measured, or the default."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from graphrnn.kernels import _kept
from graphrnn.kernels.native import library as native
from graphrnn.kernels.processor import processor

__all__ = ["DEFAULT", "FEWEST", "NEVER", "Crossover", "current", "store"]

DEFAULT = 6
FEWEST, NEVER = 2, native.GROUP + 1
INSTRUCTION_SETS = ("generic", "AVX2", "AVX-512")


class Crossover(NamedTuple):
    """How many of eight neighbouring rows have to share a column for it to be a dense block."""

    rows: int  # 2 to 8; 9 for never
    measured: bool  # on this machine; otherwise the default
    file: Path | None = None  # where it is kept

    def __str__(self) -> str:
        pays = "pay nowhere" if self.rows == NEVER else f"pay where {self.rows} of 8 rows share a column"
        origin = "measured here" if self.measured else "default, `graphrnn bench --calibrate` measures"
        return f"blocks {pays} ({origin})"


# What holds in this process, by machine.
_known: dict[str, Crossover] = {}


def current() -> Crossover:
    """The crossover of this machine; its file is looked at once in a process."""
    machine = _machine()
    found = _known.get(machine)
    if found is None:
        found = _known[machine] = _stored(machine)
    return found


def store(rows: int) -> Crossover:
    """Makes `rows` the crossover of this machine, in this process and in those to come."""
    machine = _machine()
    _known[machine] = Crossover(rows, measured=True, file=_kept.keep(machine, rows))
    return _known[machine]


@cache
def _machine() -> str:
    """What the crossover depends on: the processor, its instructions, and the library as it was compiled."""
    library = native.library()
    if isinstance(library, str):
        return f"{processor()}; without the library"
    digest = hashlib.blake2b(Path(library._name).read_bytes(), digest_size=8).hexdigest()
    return f"{processor()}; {INSTRUCTION_SETS[library.graphrnn_best_isa()]}; library {digest}"


def _stored(machine: str) -> Crossover:
    rows, file = _kept.kept(machine)
    if type(rows) is int and FEWEST <= rows <= NEVER:
        return Crossover(rows, measured=True, file=file)
    return Crossover(DEFAULT, measured=False)
