"""A whole training run in one TOML file: network, task, model, training, and what goes with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from graphrnn import _checks, datasets, io
from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph
from graphrnn.io import toml

__all__ = ["MODEL", "dynamics", "known_keys", "penalty", "read_run"]

_TABLES = ("network", "task", "model", "training", "dynamics", "plasticity", "penalty", "rewiring")
_MANY = ("dynamics", "plasticity", "penalty")
MODEL = (
    *("activation", "dt", "tau", "noise", "dale"),
    *("learn_tau", "tau_bounds", "postact_noise", "positivity_constraints", "delays", "bias", "init"),
    *("gain", "spectral_radius", "initial_state", "backend", "checkpoint", "precision"),
)
_TRAINING = (
    *("epochs", "trials", "batch_size", "optimizer", "learning_rate", "weight_decay", "clip", "patience"),
    *("seed", "threads", "device", "groups"),
)
_GROUPS = ("by", "options")
_LAYER = ("plasticity", "which", "kind", "pre", "post")


def read_run(path: str) -> tuple[AreaGraph | Connectome, dict[str, Any]] | None:
    """The network and the settings that a file holds; None where it is no file of a whole run.

    Raises:
        ValueError, TypeError: for a file that cannot be read, a table or a key that means nothing.
    """
    file = Path(path)
    if file.suffix.lower() != ".toml" or not file.is_file():
        return None
    call = f"graphrnn train {path}"
    document = toml.load(call, file)
    if "task" not in document:
        return None
    known_keys(call, "table", document, _TABLES)
    for name in _TABLES:
        many, value = name in _MANY, document.get(name, {})
        tables = value if many and name in document else [value]
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            brackets = f"[[{name}]]" if many else f"[{name}]"
            raise TypeError(f"`{call}` needs a table for `{name}`. Write {brackets} and its keys below.")
    task, model, training = (document.get(name, {}) for name in ("task", "model", "training"))
    if "name" not in task:
        raise ValueError(f"`{call}` needs the `name` of the task in [task].")
    known_keys(call, "key in [model]", model, MODEL)
    known_keys(call, "key in [training]", training, _TRAINING)
    known_keys(call, "key in [training.groups]", training.get("groups", {}), _GROUPS)
    for table in document.get("plasticity", []):
        known_keys(call, "key in [[plasticity]]", table, _LAYER)
    own = ("activation", "dt", "tau", "noise", "dale")
    settings = {
        "task": task["name"],
        "task_options": {key: value for key, value in task.items() if key != "name"},
        "model": {key: value for key, value in model.items() if key not in own},
        **{key: value for key, value in model.items() if key in own},
        **training,
        "dynamics": document.get("dynamics", []),
        "plasticity": document.get("plasticity", []),
        "penalties": document.get("penalty", []),
        "rewiring": document.get("rewiring"),
    }
    return _network(call, file, document.get("network", {})), settings


def _network(call: str, file: Path, table: Mapping[str, Any]) -> AreaGraph | Connectome:
    if not table:
        raise ValueError(f"`{call}` needs a network: [[network.area]] and so on, or `file` in [network].")
    if "file" not in table:
        return toml.graph_of_document(call, dict(table))
    known_keys(call, "key in [network]", table, ("file",))
    name = _checks.text(call, "file", table["file"])
    return datasets.celegans() if name == "celegans" else io.read(file.parent / name)


def known_keys(call: str, what: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse a key that means nothing."""
    for key in table:
        _checks.known(call, what, key, known)


def penalty(call: str, table: Mapping[str, Any]) -> tuple[str | None, Any]:
    """The name and the penalty that a table [[penalty]] describes."""
    from graphrnn.training.penalties import PENALTIES

    kind, given = _kind_of(call, "penalty", PENALTIES, {k: v for k, v in table.items() if k != "name"})
    listed = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    return table.get("name"), kind(**listed)


def dynamics(call: str, table: Mapping[str, Any]) -> Any:
    """The `graphrnn.nn.Dynamics` that a table [[dynamics]] describes."""
    from graphrnn.nn import Adaptation, ShortTermPlasticity

    kinds = {kind.__name__: kind for kind in (Adaptation, ShortTermPlasticity)}
    kind, given = _kind_of(call, "dynamics", kinds, table)
    return kind(**given)


def _kind_of(
    call: str, which: str, kinds: Mapping[str, Any], table: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """The class that the `type` in a table names, and its arguments; those without default are there."""
    if "type" not in table:
        raise ValueError(f"`{call}` needs a `type` in every [[{which}]]: {', '.join(kinds)}.")
    kind = kinds[_checks.known(call, which, table["type"], kinds)]
    arguments = signature(kind).parameters
    given = {key: value for key, value in table.items() if key != "type"}
    known_keys(call, f"key in [[{which}]] {kind.__name__}", given, arguments)
    for name, argument in arguments.items():
        if argument.default is argument.empty and name not in given:
            raise ValueError(f"`{call}` needs the `{name}` of [[{which}]] {kind.__name__}.")
    return kind, given
