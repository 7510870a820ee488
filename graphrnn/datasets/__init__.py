"""Real connectomes that ship with the package, each with its source and licence."""

from __future__ import annotations

from graphrnn.datasets._celegans import celegans

__all__ = ["celegans"]
