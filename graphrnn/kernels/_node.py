"""A whole sequence as one node of autograd, and as one operator of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable

from graphrnn.kernels._parts import backward_in_parts, forward_in_parts
from graphrnn.kernels._precision import autocasts
from graphrnn.kernels._remembered import state_of
from graphrnn.kernels._room import with_room
from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.backends import BACKENDS
from graphrnn.kernels.contract import (
    Gradients,
    Matrix,
    OutputGradients,
    Outputs,
    Problem,
    Wanted,
    numbers_of,
    patterns_of,
)
from graphrnn.kernels.pattern import Pattern

__all__ = ["run_node"]

_PROBLEM = (
    "Tensor values, Tensor? input_values, Tensor? readout_values, Tensor? x, Tensor? bias, "
    "Tensor? readout_bias, Tensor? drive, Tensor alpha, Tensor v0, Tensor? r0, Tensor? rate_noise, "
    "Tensor[] patterns, str activation, str precision"
)
FORWARD = f"({_PROBLEM}, str backend, bool save_states, int checkpoint) -> (Tensor, Tensor, Tensor, Tensor)"
BACKWARD = (
    f"({_PROBLEM}, str backend, int checkpoint, Tensor rates, Tensor states, Tensor? grad_rates, "
    "Tensor? grad_v_last, Tensor? grad_output, bool[] wanted) -> Tensor[]"
)
FIELDS = len(Pattern._fields)
DRIVE = Wanted._fields.index("drive")


def run_node(problem: Problem, backend: str, save_states: bool, checkpoint: int) -> Outputs:
    """What a forward pass gives, differentiable; under torch.compile no entries instead of None."""
    how = backend, save_states, checkpoint
    if torch.compiler.is_compiling():
        operator: Callable[..., tuple[Tensor, ...]] = _forward_op
        return Outputs(*operator(*_flat(problem), *how))
    if not torch.is_grad_enabled() and not _in_forward_mode():
        return _forward(problem, *how)
    node: Callable[..., tuple[Any, ...]] = _Node.apply
    return Outputs(*node(problem, *how, *numbers_of(problem)[:-1]))


def _in_forward_mode() -> bool:
    """Whether torch may ask for forward derivatives, which only the node refuses."""
    return getattr(forward_ad, "_current_level", -1) >= 0


def _flat(problem: Problem) -> tuple[Any, ...]:
    """A problem as the operators take it; `_problem` makes it whole again."""
    return *numbers_of(problem), [*patterns_of(*problem)], problem.activation, problem.precision


def _problem(*flat: Any) -> Problem:
    w, w_in, w_out, x, *others, patterns, activation, precision = flat
    x = None if x is None else x.contiguous()  # torch.compile plans for one layout of the output
    found = [Pattern(*patterns[k : k + FIELDS]) for k in range(0, len(patterns), FIELDS)]
    entry = None if w_in is None else found[1]
    readout = None if w_out is None else found[-1]
    return _joined((w, w_in, w_out), (found[0], entry, readout), x, *others, activation, precision)


def _joined(values: Any, patterns: Any, *others: Any) -> Problem:
    """A problem from the values and the patterns of its three matrices, and all else."""
    matrices = (
        None if one is None else Matrix(one, pattern) for one, pattern in zip(values, patterns, strict=True)
    )
    return Problem(*matrices, *others)  # type: ignore[arg-type]


def _forward(problem: Problem, backend: str, save_states: bool, checkpoint: int) -> Outputs:
    run, kind = BACKENDS[backend], problem.v0.device.type
    if autocasts(kind):
        with torch.autocast(kind, enabled=False):
            return _forward(problem, backend, save_states, checkpoint)

    def forward() -> Outputs:
        if checkpoint:
            return forward_in_parts(run, problem, checkpoint)
        return run.forward(problem, save_states)

    return with_room(forward, problem, problem.steps, backend, checkpoint, "forward")


def _backward(
    problem: Problem,
    backend: str,
    checkpoint: int,
    rates: Tensor,
    states: Tensor | None,
    grads: OutputGradients,
    wanted: Wanted,
) -> Gradients:
    run, kind = BACKENDS[backend], rates.device.type
    if autocasts(kind):
        with torch.autocast(kind, enabled=False):
            return _backward(problem, backend, checkpoint, rates, states, grads, wanted)

    # Where r0 is f(v0), its gradient goes on to v0.
    onward = wanted.v0 and problem.r0 is None
    whole = problem._replace(r0=problem.rates_before) if onward else problem
    asked = wanted._replace(r0=True) if onward else wanted

    def back() -> Gradients:
        if checkpoint:
            assert states is not None  # they are kept at every checkpoint
            return backward_in_parts(run, whole, checkpoint, rates, states, grads, asked)
        return run.backward(whole, rates, states, grads, asked)

    steps = problem.steps if checkpoint else len(rates)
    found = with_room(back, problem, steps, backend, checkpoint, "back")
    if not onward or found.v0 is None or found.r0 is None:
        return found
    slope = ACTIVATIONS[problem.activation].slope(whole.rates_before)
    return found._replace(v0=found.v0.addcmul_(slope, found.r0), r0=None)


def _needed_back(drive: Tensor | None, noise: Tensor | None, checkpoint: int) -> tuple[Tensor | None, ...]:
    """Of the drive and the noise a backward pass needs no numbers, unless it goes forward again."""
    if checkpoint:
        return drive, noise
    return None, None if noise is None else noise.new_empty(0)


class _Node(torch.autograd.Function):
    """The recurrence without torch's dispatcher, which costs as much as a step of a hundred neurons."""

    @staticmethod
    def forward(
        ctx: Any, problem: Problem, backend: str, save_states: bool, checkpoint: int, *leaves: Tensor | None
    ) -> tuple[Any, ...]:
        outputs = _forward(problem, backend, save_states, checkpoint)
        drive, noise = _needed_back(problem.drive, problem.rate_noise, checkpoint)
        ctx.save_for_backward(*leaves[:DRIVE], drive, *leaves[DRIVE + 1 :], noise, *outputs[:2])
        # Not among the saved tensors, which hooks may move: a copy has nothing remembered of it.
        ctx.patterns = [None if matrix is None else matrix.pattern for matrix in problem[:3]]
        ctx.state = state_of(patterns_of(*problem)) if problem.notes is None else problem.notes.state
        ctx.static = problem.activation, problem.precision, problem.notes
        ctx.how = backend, checkpoint
        ctx.set_materialize_grads(False)
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,
        grad_rates: Tensor | None,
        _: Tensor | None,
        grad_v_last: Tensor | None,
        grad_output: Tensor | None,
    ) -> tuple[Any, ...]:
        *saved, rates, states = ctx.saved_tensors
        problem = _joined(saved[:3], ctx.patterns, *saved[3:], *ctx.static)
        if ctx.state != state_of(patterns_of(*problem)):
            raise RuntimeError(
                "`backward` of `recurrence` needs the synapses of the forward pass; a pattern was changed "
                "in place since. Change a copy, or run forward again."
            )
        backend, checkpoint = ctx.how
        output = None if problem.readout is None else grad_output
        grads = OutputGradients(grad_rates, None, grad_v_last, output)
        wanted = Wanted(*ctx.needs_input_grad[4:])
        return None, None, None, None, *_backward(problem, backend, checkpoint, rates, states, grads, wanted)


# The same as an operator of torch, with plain tensors alone; an output that is not there has no entries.


def _op_forward(*inputs: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    *flat, backend, save_states, checkpoint = inputs
    rates, states, v_last, output = _forward(_problem(*flat), backend, save_states, checkpoint)
    return rates, _or_nothing(states, rates), v_last, _or_nothing(output, rates)


def _or_nothing(tensor: Tensor | None, like: Tensor) -> Tensor:
    return like.new_empty(0) if tensor is None else tensor


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


def _op_backward(*inputs: Any) -> list[Tensor]:
    *flat, backend, checkpoint, rates, states, grad_rates, grad_v_last, grad_output, wanted = inputs
    grads = OutputGradients(grad_rates, None, grad_v_last, grad_output)
    kept = states if checkpoint or states.numel() else None
    found = _backward(_problem(*flat), backend, checkpoint, rates, kept, grads, Wanted(*wanted))
    return [gradient for gradient in found if gradient is not None]


def _fake_backward(*inputs: Any) -> list[Tensor]:
    rates, wanted = inputs[-6], inputs[-1]
    leaves = [rates if leaf is None else leaf for leaf in inputs[: len(wanted)]]  # no drive was kept
    return [leaf.new_empty(leaf.shape) for leaf, needed in zip(leaves, wanted, strict=True) if needed]


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, activation, precision, backend, _, checkpoint = inputs
    *leaves, drive, alpha, v0, r0, rate_noise, patterns = tensors
    drive, rate_noise = _needed_back(drive, rate_noise, checkpoint)
    ctx.save_for_backward(*leaves, drive, alpha, v0, r0, rate_noise, *patterns, *output[:2])
    ctx.static = (activation, precision, backend, checkpoint)
    ctx.set_materialize_grads(False)


def _differentiate(
    ctx: Any,
    grad_rates: Tensor | None,
    _: Tensor | None,
    grad_v_last: Tensor | None,
    grad_output: Tensor | None,
) -> tuple[Any, ...]:
    saved = list(ctx.saved_tensors)
    n = len(Wanted._fields)
    problem, patterns, outputs = saved[: n + 1], saved[n + 1 : -2], saved[-2:]
    wanted = list(ctx.needs_input_grad[:n])
    if problem[2] is None:
        grad_output = None
    grads = grad_rates, grad_v_last, grad_output
    found = iter(_backward_op(*problem, patterns, *ctx.static, *outputs, *grads, wanted))
    gradients = [next(found) if needed else None for needed in wanted]
    return *gradients, None, [None] * len(patterns), *(None,) * 5


# torch.compile, torch.export and CUDA graphs see one opaque node and never a sparse tensor.
_forward_op = torch.library.custom_op("graphrnn::recurrence", _op_forward, mutates_args=(), schema=FORWARD)
_backward_op = torch.library.custom_op(
    "graphrnn::recurrence_backward", _op_backward, mutates_args=(), schema=BACKWARD
)
_forward_op.register_fake(_fake_forward)
_backward_op.register_fake(_fake_backward)
_forward_op.register_autograd(_differentiate, setup_context=_setup_context)
