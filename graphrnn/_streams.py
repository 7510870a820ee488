"""Random streams: one per purpose, derived from a seed and names, so that no draw disturbs another."""

from __future__ import annotations

import hashlib
import numbers

import numpy as np

__all__ = ["Seed", "resolve_seed", "stream"]

Seed = int | np.random.Generator | None
_BITS = 63  # a seed fits the signed integers of file formats


def resolve_seed(call: str, seed: Seed) -> int:
    """The integer that stands for `seed`: itself, a draw from a Generator, or fresh entropy for None."""
    if seed is None:
        seed = np.random.default_rng()
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**_BITS))
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or not 0 <= seed < 2**_BITS:
        raise ValueError(
            f"`{call}` needs `seed` to be None, a numpy Generator or a whole number "
            f"from 0 to 2**{_BITS} - 1; it got {seed!r}."
        )
    return int(seed)


def stream(seed: int, *names: str) -> np.random.Generator:
    """The random stream that belongs to `seed` and these names, on every machine the same.

    The names enter BLAKE2 with their lengths, so ("ab", "c") and ("a", "bc") are two streams.
    """
    digest = hashlib.blake2b(seed.to_bytes(8, "little"), digest_size=32)
    for name in names:
        raw = name.encode()
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest.digest(), "little")))
