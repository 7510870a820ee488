"""Provenance: where a connectome comes from, step by step."""

from __future__ import annotations

import hashlib
import json
import math
import numbers
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphrnn._streams import Seed

__all__ = ["Provenance", "source_file"]

_LONGEST = 64  # entries of a list that is written out; of a longer one the length and a hash stay
_CHUNK = 1 << 20
_KEYS = {"step": str, "choices": dict, "files": list, "seed": int, "report": dict, "versions": dict}


@dataclass(frozen=True)
class Provenance:
    """The steps that made a connectome, the oldest first: what was called, how, and on which files.

    It cannot be changed: `then` gives a new one. Two connectomes may be equal and have different
    provenance, since it says how a network came to be, not what it is. It holds no times and no folders,
    so that the same steps give the same record.

    Args:
        records: one JSON text per step; use `then` and `from_steps` to make them.

    Example:
        >>> from graphrnn.connectome import Provenance
        >>> one = Provenance().then("from_edges", choices={"duplicates": "sum"})
        >>> two = one.then("select", choices={"kind": "forward"})
        >>> [step["step"] for step in two.steps]
        ['from_edges', 'select']
        >>> two.steps[0]["choices"]
        {'duplicates': 'sum'}
        >>> sorted(two.steps[0]["versions"])
        ['graphrnn', 'numpy', 'python']
    """

    records: tuple[str, ...] = ()

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps as plain dicts, ready for JSON.

        Keys are `step` (the call), `choices` (its arguments, defaults included), `versions`, and where there
        are such `files` (each with `name`, `bytes`, `sha256`), `seed` and `report` (counts).
        """
        return [json.loads(record) for record in self.records]

    @classmethod
    def from_steps(cls, steps: Iterable[Mapping[str, Any]]) -> Provenance:
        """The provenance whose `steps` these are.

        Raises:
            ValueError: for a step that is not a mapping with a text as `step`, or holds what JSON cannot.
        """
        call = "Provenance.from_steps(...)"
        if isinstance(steps, str | Mapping) or not isinstance(steps, Iterable):
            raise ValueError(f"`{call}` needs a list of steps; it got {type(steps).__name__}.")
        return cls(tuple(_text(call, _checked(call, step)) for step in steps))

    @classmethod
    def from_records(cls, records: Iterable[str]) -> Provenance:
        """The provenance with these `records`, checked, as a file may keep them.

        Raises:
            ValueError: for a text that is no JSON, and as `from_steps`.
        """
        try:
            return cls.from_steps([json.loads(record) for record in records])
        except (TypeError, json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"`Provenance.from_records(...)` needs JSON texts: {error}.") from error

    def then(
        self,
        step: str,
        *,
        choices: Mapping[str, Any] | None = None,
        files: Iterable[str | os.PathLike[str] | Mapping[str, Any]] = (),
        seed: Seed = None,
        report: Mapping[str, int] | None = None,
    ) -> Provenance:
        """This provenance and one step more.

        Args:
            step: what was called, as "Connectome.from_edges".
            choices: the arguments that decided something, defaults included. Numbers, texts, lists and
                mappings are kept; of an array or a list of more than 64 entries its length and a hash; of
                anything else its text.
            files: the files that were read, as paths, or as `source_file` describes them.
            seed: the seed that was drawn with.
            report: what was changed on the way, as counts.

        Raises:
            ValueError: for a file that cannot be read.
        """
        call = f"provenance.then({step!r})"
        record: dict[str, Any] = {"step": step, "choices": _plain(dict(choices or {}))}
        described = [dict(f) if isinstance(f, Mapping) else source_file(f, call) for f in files]
        if described:
            record["files"] = described
        if isinstance(seed, numbers.Integral):
            record["seed"] = int(seed)
        if report:
            record["report"] = {what: int(number) for what, number in report.items()}
        record["versions"] = _versions()
        return Provenance((*self.records, _text(call, _checked(call, record))))

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.steps)

    def __str__(self) -> str:
        """A line per step, for reading."""
        return "\n".join(_line(i, step) for i, step in enumerate(self.steps, 1)) or "no steps recorded"

    def __repr__(self) -> str:
        return f"Provenance({' → '.join(step['step'] for step in self.steps) or 'no steps'})"


def source_file(path: str | os.PathLike[str], call: str = "source_file(...)") -> dict[str, Any]:
    """A file as a provenance names it: its name without folders, its size and the hash of its bytes.

    Raises:
        ValueError: for a file that cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with open(path, "rb") as file:
            while block := file.read(_CHUNK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise ValueError(
            f"`{call}` cannot read the file {os.fspath(path)!r}: {error.strerror or error}."
        ) from error
    return {"name": Path(path).name, "bytes": size, "sha256": digest.hexdigest()}


def _versions() -> dict[str, str]:
    package = sys.modules[__name__.partition(".")[0]]  # the root is above all layers, and loaded
    return {
        "graphrnn": package.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _plain(value: Any) -> Any:
    """`value` as JSON has it."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray):
        if value.size > _LONGEST and value.dtype.kind in "biuf":
            digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            return {"shape": list(value.shape), "dtype": str(value.dtype), "sha256": digest}
        return _listed(value.ravel().tolist(), {"shape": list(value.shape)})
    if isinstance(value, np.generic):
        value = value.item()
        return value if isinstance(value, bool | str) else _plain(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else str(float(value))  # JSON has no NaN
    if isinstance(value, Mapping):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return _listed(sorted(value, key=str), {"entries": len(value)})
    if isinstance(value, list | tuple | range):
        return _listed(list(value), {"entries": len(value)})
    return getattr(value, "__qualname__", None) or repr(value)


def _key(key: Any) -> str:
    return " → ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _listed(items: list[Any], size: dict[str, Any]) -> Any:
    plain = [_plain(item) for item in items]
    if len(plain) <= _LONGEST:
        return plain
    return {**size, "sha256": hashlib.sha256(json.dumps(plain).encode()).hexdigest()}


def _checked(call: str, step: Any) -> Mapping[str, Any]:
    if not isinstance(step, Mapping) or not isinstance(step.get("step"), str):
        raise ValueError(
            f"`{call}` needs steps that are mappings with a text as 'step'; it got {step!r:.60}."
        )
    for key, kind in _KEYS.items():
        if key in step and not isinstance(step[key], kind):
            raise ValueError(
                f"`{call}` needs a {kind.__name__} as {key!r} of a step; it got {type(step[key]).__name__}."
            )
    return step


def _text(call: str, step: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(step), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"`{call}` needs steps that JSON can hold: {error}.") from error


def _line(number: int, step: Mapping[str, Any]) -> str:
    choices = ", ".join(f"{name}={value!r}" for name, value in step.get("choices", {}).items())
    parts = [f"{number}. {step['step']}({choices})"]
    for file in step.get("files", ()):
        if isinstance(file, Mapping):
            parts.append(f"from {file.get('name')} (sha256 {str(file.get('sha256'))[:12]}…)")
    if "seed" in step:
        parts.append(f"seed {step['seed']}")
    if step.get("report"):
        parts.append(", ".join(f"{number} {what}" for what, number in step["report"].items()))
    return "; ".join(parts)
