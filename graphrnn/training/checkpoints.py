"""Checkpoints: plain tensors and containers in one file that is either the old or the new one, whole."""

from __future__ import annotations

import copy
import os
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphrnn._files import check_target, replacing
from graphrnn.nn.layer import STRUCTURE

__all__ = ["load_checkpoint", "read", "restore", "save_checkpoint"]

_FORMAT = "graphrnn checkpoint 1"
_LEAVES = (bool, int, float, str, type(None))


def save_checkpoint(
    path: str | os.PathLike[str],
    model: nn.Module,
    *,
    optimizer: Optimizer | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Writes the state of a network to a file, atomically.

    The file is written beside its place, flushed to the disk and then moved there: after a crash or
    an interrupt `path` holds either the old checkpoint or the new one.

    Args:
        path: The file; its folder must exist.
        model: Any module; its `state_dict` is kept.
        optimizer: Its state is kept too, if given.
        extra: Whatever else belongs to the checkpoint: tensors, numbers, strings and lists, tuples or
            dicts of them, under names of your choice.

    Raises:
        ValueError: The folder does not exist.
        TypeError: Something that cannot be read back safely, such as a numpy number.

    Example:
        >>> import tempfile, torch
        >>> from graphrnn.training import load_checkpoint, save_checkpoint
        >>> model = torch.nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_checkpoint(f"{folder}/model.pt", model, extra={"note": "before training"})
        ...     load_checkpoint(f"{folder}/model.pt", torch.nn.Linear(2, 1))
        {'note': 'before training'}
    """
    path = Path(path)
    call = f"save_checkpoint({str(path)!r})"
    check_target(call, path)
    payload = {
        "format": _FORMAT,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict() if optimizer is not None else None,
        "optimizer_type": type(optimizer).__name__,
        "extra": dict(extra or {}),
    }
    for name in ("model", "optimizer", "extra"):
        _check_plain(call, name, payload[name])
    with replacing(call, path) as file:
        torch.save(payload, file)


def load_checkpoint(
    path: str | os.PathLike[str],
    model: nn.Module,
    *,
    optimizer: Optimizer | None = None,
    best: bool = False,
) -> dict[str, Any]:
    """Puts the state in a checkpoint into a network, or leaves the network as it was.

    Nothing in the file is executed: it is read as tensors and plain containers only.

    Args:
        path: A file that `save_checkpoint` or `fit(checkpoint=...)` wrote.
        model: The network, built as it was when the checkpoint was written.
        optimizer: Gets its state back too, if given, learning rate included.
        best: Take the weights with the lowest validation loss instead of the last ones; `fit` keeps
            them when it has validation data.

    Returns:
        What was given as `extra`.

    Raises:
        ValueError: There is no such file, it is truncated or foreign, or it holds another network or
            another optimizer. The model and the optimizer are untouched.

    Example:
        >>> import tempfile, torch
        >>> from graphrnn.training import load_checkpoint, save_checkpoint
        >>> trained, fresh = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_checkpoint(f"{folder}/model.pt", trained)
        ...     extra = load_checkpoint(f"{folder}/model.pt", fresh)
        >>> torch.equal(fresh.weight, trained.weight)
        True
    """
    call = f"load_checkpoint({str(path)!r})"
    payload = read(call, Path(path))
    weights = payload["model"]
    if best:
        if not payload["extra"].get("best"):
            raise ValueError(
                f"`{call}` found no best weights, because they are kept by `fit(validation=...)` only. "
                "Leave out `best=True` to get the last weights."
            )
        weights = payload["extra"]["best"]["model"]
    restore(call, payload, weights, model, optimizer)
    extra: dict[str, Any] = payload["extra"]
    return extra


def restore(
    call: str,
    payload: Mapping[str, Any],
    weights: Mapping[str, Any],
    model: nn.Module,
    optimizer: Optimizer | None,
) -> None:
    """Loads weights, and the optimizer's state if there is an optimizer: both or nothing."""
    _check_same_network(call, weights, model.state_dict())
    if optimizer is not None:
        _check_same_optimizer(call, payload, optimizer)
    before = copy.deepcopy(model.state_dict())
    parameters = dict(model.named_parameters())
    try:
        model.load_state_dict(weights)
        if optimizer is not None:
            _follow(optimizer, parameters, model)
            optimizer.load_state_dict(payload["optimizer"])
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        model.load_state_dict(before)
        reason = " ".join(str(error).split())
        raise ValueError(f"`{call}` cannot put this checkpoint into the model: {reason}") from error


def _follow(optimizer: Optimizer, before: Mapping[str, nn.Parameter], model: nn.Module) -> None:
    """A network that took other synapses may have new parameters for those that the optimizer knows."""
    now = dict(model.named_parameters())
    swapped = {id(parameter): now[name] for name, parameter in before.items() if name in now}
    for group in optimizer.param_groups:
        group["params"] = [swapped.get(id(parameter), parameter) for parameter in group["params"]]


def read(call: str, path: Path) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU; nothing in the file is executed."""
    if not path.is_file():
        raise ValueError(f"`{call}` found no such file. Give the path of a checkpoint.")
    payload: Any = None
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch.load does not look at the checksums of tensors
        if damaged is None:
            payload = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except Exception:
        pass  # whatever a broken or foreign file makes the reader raise; the next line says what it means
    if not isinstance(payload, dict) or payload.get("format") != _FORMAT:
        raise ValueError(
            f"`{call}` cannot read this file: it is truncated, damaged or not a checkpoint of graphrnn. "
            "Give a file that `fit(checkpoint=...)` or `save_checkpoint` wrote."
        )
    return payload


def _check_plain(call: str, where: str, value: Any) -> None:
    if type(value) in (dict, OrderedDict):
        for key, item in value.items():
            _check_plain(call, f"{where}[{key!r}]", item)
    elif type(value) in (list, tuple):
        for index, item in enumerate(value):
            _check_plain(call, f"{where}[{index}]", item)
    elif not isinstance(value, Tensor) and type(value) not in _LEAVES:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise TypeError(
            f"`{call}` writes tensors, numbers, strings and lists or dicts of them; `{where}` is a {kind}. "
            "Convert it first."
        )


def _check_same_network(call: str, saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    hint = "Build the network as it was built for the checkpoint."
    # A layer takes over what may change in training: its plasticity, its synapses.
    changing = {name.rpartition(".")[0] for name in (*own, *saved) if name.rpartition(".")[2] in STRUCTURE}
    for name in [*own, *saved]:
        if name.rpartition(".")[0] in changing:
            continue
        if name not in saved:
            raise ValueError(f"`{call}` holds another network: it has no {name!r}. {hint}")
        if name not in own:
            raise ValueError(f"`{call}` holds another network: the model has no {name!r}. {hint}")
        there, here = _shape(saved[name]), _shape(own[name])
        if there != here:
            raise ValueError(
                f"`{call}` holds another network: its {name!r} has shape {there}, the model's {here}. {hint}"
            )


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _check_same_optimizer(call: str, payload: Mapping[str, Any], optimizer: Optimizer) -> None:
    if payload["optimizer"] is None:
        raise ValueError(
            f"`{call}` holds no optimizer state. Leave out `optimizer` to get the weights alone."
        )
    own = type(optimizer).__name__
    if payload["optimizer_type"] != own:
        raise ValueError(
            f"`{call}` holds the state of {payload['optimizer_type']}; the optimizer is {own}. "
            "Use the same kind, or leave out `optimizer` to get the weights alone."
        )
    there, here = _group_sizes(payload["optimizer"]), _group_sizes(optimizer.state_dict())
    if there != here:
        raise ValueError(
            f"`{call}` holds an optimizer with {there} parameters in its groups; this one has {here}. "
            "Build the optimizer over the same parameters."
        )


def _group_sizes(state: Mapping[str, Any]) -> list[int]:
    return [len(group["params"]) for group in state["param_groups"]]
