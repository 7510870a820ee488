"""A bar on stderr for what takes more than a few seconds."""

from __future__ import annotations

from typing import Any

__all__ = ["progress"]

_QUIET = 3.0  # seconds after which a bar appears


def progress(what: str, total: int, unit: str) -> Any:
    """A `tqdm` bar; it stays away where no terminal shows it, and from what is done soon."""
    from tqdm import tqdm

    scale = 1024 if unit == "B" else 1000
    return tqdm(
        total=total,
        desc=what,
        unit=unit,
        unit_scale=True,
        unit_divisor=scale,
        delay=_QUIET,
        disable=None,
        leave=False,
    )
