"""A sequence in parts, of which the last rates and states are kept: less memory for a second forward pass."""

from __future__ import annotations

import torch
from torch import Tensor

from graphrnn.kernels.contract import Backend, Gradients, OutputGradients, Outputs, Problem, Wanted

__all__ = ["backward_in_parts", "forward_in_parts"]


def forward_in_parts(backend: Backend, problem: Problem, every: int) -> Outputs:
    """The sequence in parts, of which the last rates and states are kept."""
    n_parts = -(-problem.steps // every)
    rates, states = (problem.v0.new_empty(n_parts, *problem.v0.shape) for _ in range(2))
    outputs = []
    v, r = problem.v0, problem.r0
    for k in range(n_parts):
        start = k * every
        output = _forward_a_part(backend, problem.part(start, start + every, v, r), rates[k], states[k])
        v, r = states[k], rates[k]
        if output is not None:
            outputs.append(output)
    return Outputs(rates, states, v.clone(), torch.cat(outputs) if outputs else None)


def _forward_a_part(backend: Backend, part: Problem, rates: Tensor, states: Tensor) -> Tensor | None:
    """Writes the last rates and v of a part, whose other rates live no longer than this call."""
    run = backend.forward(part, save_states=False)
    rates.copy_(run.rates[-1])
    states.copy_(run.v_last)
    return run.output


def backward_in_parts(
    backend: Backend,
    problem: Problem,
    every: int,
    rates: Tensor,
    states: Tensor,
    grads: OutputGradients,
    wanted: Wanted,
) -> Gradients:
    """Each part forward again from where it started, then back, the last part first."""
    total: Gradients | None = None
    x_parts, drive_parts = [], []
    every_start = wanted._replace(v0=True, r0=True)
    grad_v, grad_r = grads.v_last, None
    save_states = problem.rate_noise is not None or wanted.alpha
    for k in range(len(rates) - 1, -1, -1):
        start = k * every
        v, r = (states[k - 1], rates[k - 1]) if k else (problem.v0, problem.rates_before)
        part = problem.part(start, start + every, v, r)
        if grads.rates is not None:
            grad_r = grads.rates[k] if grad_r is None else grads.rates[k] + grad_r
        output = None if grads.output is None else grads.output[start : start + every]
        part_grads = OutputGradients(None, grad_r, grad_v, output)
        found = _forth_and_back(backend, part, save_states, part_grads, every_start)
        grad_v, grad_r = found.v0, found.r0
        x_parts.append(found.x)
        drive_parts.append(found.drive)
        total = found if total is None else _sum(total, found)
    assert total is not None
    return total._replace(
        x=torch.cat([part for part in reversed(x_parts) if part is not None]) if wanted.x else None,
        drive=torch.cat([part for part in reversed(drive_parts) if part is not None])
        if wanted.drive
        else None,
        v0=grad_v if wanted.v0 else None,
        r0=grad_r if wanted.r0 else None,
    )


def _forth_and_back(
    backend: Backend, part: Problem, save_states: bool, grads: OutputGradients, wanted: Wanted
) -> Gradients:
    """The gradient of a part, whose rates live no longer than this call."""
    again = backend.forward(part, save_states)
    return backend.backward(part, again.rates, again.states, grads, wanted)


def _sum(total: Gradients, part: Gradients) -> Gradients:
    """Gradients of what all steps share, added up in place."""
    for name in ("values", "input_values", "readout_values", "bias", "readout_bias", "alpha"):
        sum_so_far, more = getattr(total, name), getattr(part, name)
        if sum_so_far is not None:
            sum_so_far += more
    return total
