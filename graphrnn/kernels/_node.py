"""A whole sequence as one node of autograd, and as one operator of torch.

Both passes take and give plain tensors alone, as custom ops have to. An output that is not there is a tensor
without entries.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphrnn.kernels._parts import backward_in_parts, forward_in_parts
from graphrnn.kernels._precision import as_given
from graphrnn.kernels._room import with_room
from graphrnn.kernels.backends import BACKENDS
from graphrnn.kernels.contract import Gradients, Matrix, OutputGradients, Outputs, Problem, Wanted
from graphrnn.kernels.pattern import Pattern

__all__ = ["run_node"]

_PROBLEM = (
    "Tensor values, Tensor? input_values, Tensor? readout_values, Tensor? x, Tensor? bias, Tensor? drive, "
    "Tensor alpha, Tensor v0, Tensor r0, Tensor? rate_noise, Tensor[] patterns, str activation, str precision"
)
FORWARD = f"({_PROBLEM}, str backend, bool save_states, int checkpoint) -> (Tensor, Tensor, Tensor, Tensor)"
BACKWARD = (
    f"({_PROBLEM}, str backend, int checkpoint, Tensor rates, Tensor states, Tensor? grad_rates, "
    "Tensor? grad_v_last, Tensor? grad_output, bool[] wanted) -> Tensor[]"
)
FIELDS = len(Pattern._fields)


def run_node(problem: Problem, backend: str, save_states: bool, checkpoint: int) -> tuple[Tensor, ...]:
    """Rates, states, the last v and the output, differentiable; no entries where there is none."""
    node: Callable[..., tuple[Tensor, ...]] = _Node.apply
    if torch.compiler.is_compiling():
        node = _forward_op
    return node(*_flat(problem), backend, save_states, checkpoint)


def _flat(problem: Problem) -> tuple[Any, ...]:
    """A problem as the operators take it; `_problem` makes it whole again."""
    matrices = problem[:3]  # W, W_in, W_out
    values = (None if matrix is None else matrix.values for matrix in matrices)
    patterns = [tensor for matrix in matrices if matrix is not None for tensor in matrix.pattern]
    return *values, *problem[3:-2], patterns, problem.activation, problem.precision


def _problem(*flat: Any) -> Problem:
    w, w_in, w_out, x, bias, drive, alpha, v0, r0, noise, patterns, activation, precision = flat
    found = [Pattern(*patterns[k : k + FIELDS]) for k in range(0, len(patterns), FIELDS)]
    hidden = Matrix(w, found[0])
    entry = None if w_in is None else Matrix(w_in, found[1])
    readout = None if w_out is None else Matrix(w_out, found[-1])
    return Problem(hidden, entry, readout, x, bias, drive, alpha, v0, r0, noise, activation, precision)


def _forward(*inputs: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    *flat, backend, save_states, checkpoint = inputs
    problem, run = _problem(*flat), BACKENDS[backend]

    def forward() -> Outputs:
        with as_given(problem.hidden.values):
            if checkpoint:
                return forward_in_parts(run, problem, checkpoint)
            return run.forward(problem, save_states)

    rates, states, v_last, output = with_room(forward, problem, problem.steps, backend, checkpoint, "forward")
    return rates, _or_nothing(states, rates), v_last, _or_nothing(output, rates)


def _fake_forward(*inputs: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    *flat, _, save_states, checkpoint = inputs
    problem = _problem(*flat)
    v0 = problem.v0
    kept = -(-problem.steps // (checkpoint or 1))
    rates = v0.new_empty(kept, *v0.shape)
    states = v0.new_empty(rates.shape if save_states or checkpoint else 0)
    output = v0.new_empty(0)
    if problem.readout is not None:
        output = v0.new_empty(problem.steps, problem.readout.pattern.shape[0], v0.shape[1])
    return rates, states, v0.new_empty(v0.shape), output


def _backward(*inputs: Any) -> list[Tensor]:
    *flat, backend, checkpoint, rates, states, grad_rates, grad_v_last, grad_output, wanted = inputs
    problem, run, asked = _problem(*flat), BACKENDS[backend], Wanted(*wanted)
    grads = OutputGradients(grad_rates, None, grad_v_last, grad_output)

    def back() -> Gradients:
        with as_given(problem.hidden.values):
            if checkpoint:
                return backward_in_parts(run, problem, checkpoint, rates, states, grads, asked)
            return run.backward(problem, rates, states if states.numel() else None, grads, asked)

    steps = problem.steps if checkpoint else len(rates)
    gradients = with_room(back, problem, steps, backend, checkpoint, "back")
    return [gradient for gradient in gradients if gradient is not None]


def _fake_backward(*inputs: Any) -> list[Tensor]:
    rates, wanted = inputs[-6], inputs[-1]
    leaves = [rates if leaf is None else leaf for leaf in inputs[: len(wanted)]]  # no drive was kept
    return [leaf.new_empty(leaf.shape) for leaf, needed in zip(leaves, wanted, strict=True) if needed]


def _or_nothing(tensor: Tensor | None, like: Tensor) -> Tensor:
    return like.new_empty(0) if tensor is None else tensor


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, activation, precision, backend, _, checkpoint = inputs
    *leaves, drive, alpha, v0, r0, rate_noise, patterns = tensors
    rates, states, *_ = output
    # Of the drive and the noise a backward pass needs no numbers, unless it goes forward again.
    kept = (
        (drive, rate_noise) if checkpoint else (None, None if rate_noise is None else rate_noise.new_empty(0))
    )
    ctx.save_for_backward(*leaves, kept[0], alpha, v0, r0, kept[1], *patterns, rates, states)
    ctx.static = (activation, precision, backend, checkpoint)
    ctx.set_materialize_grads(False)


def _differentiate(
    backward: Callable[..., list[Tensor]],
    ctx: Any,
    grad_rates: Tensor | None,
    _: Tensor | None,
    grad_v_last: Tensor | None,
    grad_output: Tensor | None,
) -> tuple[Any, ...]:
    saved = list(ctx.saved_tensors)
    n = len(Wanted._fields)
    problem, patterns, (rates, states) = saved[: n + 1], saved[n + 1 : -2], saved[-2:]
    wanted = list(ctx.needs_input_grad[:n])
    if problem[2] is None:
        grad_output = None
    found = iter(
        backward(*problem, patterns, *ctx.static, rates, states, grad_rates, grad_v_last, grad_output, wanted)
    )
    gradients = [next(found) if needed else None for needed in wanted]
    return *gradients, None, [None] * len(patterns), *(None,) * 5


# torch.compile, torch.export and CUDA graphs see one opaque node and never a sparse tensor.
_forward_op = torch.library.custom_op("graphrnn::recurrence", _forward, mutates_args=(), schema=FORWARD)
_backward_op = torch.library.custom_op(
    "graphrnn::recurrence_backward", _backward, mutates_args=(), schema=BACKWARD
)
_forward_op.register_fake(_fake_forward)
_backward_op.register_fake(_fake_backward)
_forward_op.register_autograd(partial(_differentiate, _backward_op), setup_context=_setup_context)


class _Node(torch.autograd.Function):
    """The same without torch's dispatcher, which costs as much as a step of a hundred neurons."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:
        outputs = _forward(*inputs)
        _setup_context(ctx, inputs, outputs)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        gradients = _differentiate(_backward, ctx, *grads)
        return *gradients[: -len(UNTRAINED)], *UNTRAINED


UNTRAINED = (None,) * 6  # patterns and settings
