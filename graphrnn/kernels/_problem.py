"""Whether the arguments of `recurrence` fit each other."""

from __future__ import annotations

from functools import partial
from operator import attrgetter, is_not
from typing import Any

import torch
from torch import Tensor

from graphrnn import _checks
from graphrnn.kernels import _arguments
from graphrnn.kernels._precision import check_precision
from graphrnn.kernels._remembered import Notes
from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.backends import choose_backend
from graphrnn.kernels.contract import Matrix, Problem, notes_of, numbers_of
from graphrnn.kernels.delays import window_of, window_of_pattern
from graphrnn.kernels.pattern import Pattern

__all__ = ["known", "settle"]

_CALL = "recurrence"
_IS_THERE = partial(is_not, None)
_KIND = attrgetter("shape", "dtype", "device")


def known(hidden: Matrix, input: Matrix | None, readout: Matrix | None) -> Notes[Any] | None:
    """What is known of the patterns; None where something is no pattern, or torch.compile looks on."""
    if torch.compiler.is_compiling():
        return None
    try:
        return notes_of(hidden, input, readout)
    except (AttributeError, IndexError, TypeError):
        return None


def settle(problem: Problem, checkpoint: int | None, backend: str) -> str:
    """Refuse what `recurrence` cannot run, by the names of its arguments; the backend that runs the rest."""
    notes = problem.notes
    form = None if notes is None else _form(problem, backend)
    if notes is None or form is None:
        name: str = _settle(problem, backend)
    else:
        name = notes.get(form, lambda: _settle(problem, backend))
    if problem.rate_noise is not None and problem.rate_noise.requires_grad:
        raise ValueError(
            f"`{_CALL}` has no gradient for `rate_noise`, which requires one. Pass `rate_noise.detach()`."
        )
    if checkpoint is None:
        return name
    _checks.count(_CALL, "checkpoint", checkpoint)
    if problem.r0 is not None and problem.r0.ndim == 3:
        raise ValueError(
            f"`{_CALL}` keeps the rates of every step under delays, which read those of several steps "
            "before. Leave `checkpoint` out."
        )
    return name


def _form(problem: Problem, backend: str) -> tuple[Any, ...] | None:
    """What tensors that fit have in common with others that do: which there are; shape, type, device of each.

    None where that cannot be told: something is no tensor or no text.
    """
    words = backend, problem.activation, problem.precision
    if {*map(type, words)} != {str}:
        return None
    try:
        numbers = numbers_of(problem)
        return words, (*map(_IS_THERE, numbers),), (*map(_KIND, filter(_IS_THERE, numbers)),)
    except AttributeError:
        return None


def _settle(problem: Problem, backend: str) -> str:
    _check_fit(_CALL, problem)
    _checks.one_of(_CALL, "activation", problem.activation, ACTIVATIONS)
    values, precision = problem.hidden.values, problem.precision
    check_precision(_CALL, precision, values.dtype)
    return choose_backend(backend, values.device, values.dtype, precision).name


def _check_fit(call: str, problem: Problem) -> None:
    """Whether the tensors fit each other in shape, type and device."""
    hidden, entry, readout, x, bias, readout_bias, drive, alpha, v0, r0, rate_noise, *_ = problem
    values, pattern = hidden
    n, n_pre = pattern.shape
    if n != n_pre:
        raise ValueError(f"`{call}` needs a square pattern; it got one of shape ({n}, {n_pre}).")
    _arguments.weights(call, values, pattern.n_synapses)
    if (entry is None) != (x is None):
        raise ValueError(f"`{call}` needs `input` and `x` together, or neither. Pass both.")
    if x is None and drive is None:
        raise ValueError(f"`{call}` needs `x` or `drive`, which say how long the sequence is. Pass one.")
    if drive is not None:
        _arguments.shaped(call, "drive", drive, "time, neuron, batch", (None, n, None))
    _arguments.shaped(call, "alpha", alpha, "neuron", (n,))
    batch = None if drive is None else drive.shape[2]
    steps = None if drive is None else drive.shape[0]
    tensors: dict[str, Tensor | None] = {"drive": drive, "alpha": alpha, "v0": v0, "r0": r0}
    patterns = {"pattern": pattern}
    if entry is not None and x is not None:
        _arguments.matrix(call, "input", entry, (n, None))
        _arguments.shaped(call, "x", x, "time, input, batch", (steps, entry.pattern.shape[1], batch))
        steps, batch = x.shape[0], x.shape[2]
        tensors |= {"input.values": entry.values, "x": x}
        patterns["input.pattern"] = entry.pattern
    if readout is not None:
        _arguments.matrix(call, "readout", readout, (None, n))
        tensors["readout.values"] = readout.values
        patterns["readout.pattern"] = readout.pattern
    if bias is not None:
        _arguments.shaped(call, "bias", bias, "neuron", (n,))
    if readout_bias is not None:
        if readout is None:
            raise ValueError(f"`{call}` needs `readout` with `readout_bias`. Pass both, or neither.")
        _arguments.shaped(call, "readout_bias", readout_bias, "readout", (readout.pattern.shape[0],))
    _check_start(call, v0, r0, n, batch)
    if rate_noise is not None:
        _arguments.shaped(call, "rate_noise", rate_noise, "time, neuron, batch", (steps, n, batch))
    tensors |= {"bias": bias, "readout_bias": readout_bias, "rate_noise": rate_noise}
    _arguments.same_kind(call, values, tensors, patterns)
    _check_window(call, pattern, r0)


def _check_start(call: str, v0: Any, r0: Any, n: int, batch: int | None) -> None:
    late = isinstance(r0, Tensor) and r0.ndim == 3
    _arguments.shaped(call, "v0", v0, "neuron, batch", (n, batch))
    axes, window = ("window, neuron, batch", (None,)) if late else ("neuron, batch", ())
    if r0 is not None:
        _arguments.shaped(call, "r0", r0, axes, (*window, n, batch))


def _check_window(call: str, pattern: Pattern, r0: Tensor | None) -> None:
    """Whether r0 is the window of the delays; in another, synapses would read other steps, or no rates."""
    if torch.compiler.is_compiling() or not pattern.n_synapses:
        return
    window = window_of_pattern(pattern)
    if window != window_of(r0):
        several = r0 is not None and r0.ndim == 3
        got = "None" if r0 is None else f"{len(r0)} steps" if several else "rates of one step (neuron, batch)"
        raise ValueError(
            f"`{call}` needs `r0` of the {window} steps that the delays in `pattern` reach, (window, neuron, "
            f"batch); it got {got}. Pass the rates of the last `Delayed.window` steps, the oldest first."
        )
