"""The recurrence over a whole sequence as one node of autograd."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphrnn import _checks
from graphrnn.kernels import _arguments, reference
from graphrnn.kernels._precision import as_given, check_precision
from graphrnn.kernels._remembered import Remembered
from graphrnn.kernels._room import with_room
from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.backends import BACKENDS, REFERENCE, choose_backend
from graphrnn.kernels.contract import Backend, Gradients, Matrix, OutputGradients, Outputs, Problem, Wanted
from graphrnn.kernels.delays import window_of
from graphrnn.kernels.pattern import Pattern

__all__ = ["Run", "recurrence"]


class Run(NamedTuple):
    """What a network did in a sequence."""

    rates: Tensor  # (time, neuron, batch); with `checkpoint` those of every so-many-th and the last step
    v: Tensor  # of the last step (neuron, batch)
    output: Tensor | None  # (time, readout, batch), if there is a readout


def recurrence(
    values: Tensor,
    pattern: Pattern,
    drive: Tensor | None,
    alpha: Tensor,
    v0: Tensor,
    r0: Tensor,
    *,
    input: Matrix | None = None,
    x: Tensor | None = None,
    bias: Tensor | None = None,
    readout: Matrix | None = None,
    activation: str = "relu",
    rate_noise: Tensor | None = None,
    checkpoint: int | None = None,
    backend: str = "auto",
    precision: str = "exact",
) -> Run:
    """Runs a recurrent network over a sequence.

        v_t = (1 - α) v_{t-1} + α (W r_{t-1} + W_in x_t + b + drive_t)
        r_t = f(v_t) + rate_noise_t,   output_t = W_out r_t

    Differentiable once in all tensors but the noise, in any backend. The rates alone are kept for the
    backward pass; v is kept too under `rate_noise` and where `alpha` needs a gradient.

    Args:
        values: the entries of W (synapse,), float32 or float64; sets the precision of all others.
        pattern: where they are, (neuron, neuron).
        drive: noise and whatever else drives the neurons (time, neuron, batch); None for nothing.
        alpha: dt / τ of each neuron (neuron,), above 0 and at most 1 (not checked).
        v0: state before the first step (neuron, batch).
        r0: rates before the first step (neuron, batch). With a pattern from `delayed_pattern` those of all
            steps that its synapses read, (window, neuron, batch), the oldest first; then W r_{t-1} sums
            w r_{t-1-d} over the synapses, each with its own delay d, and `values` follow the order of that
            pattern (not checked).
        input: W_in (neuron, input), with `x`; default none.
        x: the input (time, input, batch).
        bias: b (neuron,); default none.
        readout: W_out (readout, neuron); default none.
        activation: f, one of `ACTIVATIONS`.
        rate_noise: noise after the activation (time, neuron, batch), without gradient; default none.
        checkpoint: keep the rates of every so-many-th step alone, and of the last, and compute the others
            again in the backward pass: less memory for a second forward pass. Default None keeps all.
        backend: one of `available_backends(device)`; `"auto"` is the fastest of them.
        precision: "exact" multiplies the numbers as they are; "tf32" (10 bits of mantissa) and "bf16" (7
            bits), of float32 alone, first round the inputs of every product to nearest even: W, W_in and
            W_out, rates and x, and the gradients going back. Sums, v and the gradients of the values stay
            in float32.

    Returns:
        The rates of the steps that are kept, v of the last step and the output. With the last rates as
        `r0` (the last `window` of them under delays) and the last v as `v0` the sequence continues exactly.

    Raises:
        ValueError: if a shape or device does not fit, or the backend cannot run here or in that precision.
        TypeError: if an argument is no tensor, or of another precision.

    Example:
        >>> pattern = Pattern.from_pairs(post=[1], pre=[0], shape=(2, 2))
        >>> drive = torch.tensor([1.0, 0.0]).reshape(1, 2, 1).expand(3, 2, 1)
        >>> start = torch.zeros(2, 1)
        >>> rates, v, _ = recurrence(torch.tensor([2.0]), pattern, drive, torch.ones(2), start, start)
        >>> rates[:, :, 0].tolist()
        [[1.0, 0.0], [1.0, 2.0], [1.0, 2.0]]

    Source:
        Song, Yang & Wang (2016), PLoS Comput. Biol. 12(2): e1004792, equations 2 and 3. Checkpoints:
        Chen, Xu, Zhang & Guestrin (2016), arXiv:1604.06174.
    """
    problem = Problem(
        Matrix(values, pattern),
        input,
        readout,
        x,
        bias,
        drive,
        alpha,
        v0,
        r0,
        rate_noise,
        activation,
        precision,
    )
    _check(problem, checkpoint)
    name = choose_backend(backend, values.device, values.dtype, precision).name
    every = checkpoint or problem.steps
    if name == REFERENCE:
        rates, v, output = reference.recurrence(problem)
        return Run(rates if checkpoint is None else rates[_kept(len(rates), every)], v, output)
    # v is kept at the checkpoints too, where the sequence is taken up again
    noisy_or_alpha = torch.is_grad_enabled() and (rate_noise is not None or alpha.requires_grad)
    save_states = noisy_or_alpha if checkpoint is None else torch.is_grad_enabled()
    node: Callable[..., tuple[Tensor, ...]] = _Node.apply
    if torch.compiler.is_compiling():
        node = _forward_op
    rates, _, v, output = node(
        values,
        None if input is None else input.values,
        None if readout is None else readout.values,
        x,
        bias,
        drive,
        alpha,
        v0,
        r0,
        rate_noise,
        _patterns(pattern, input, readout),
        activation,
        precision,
        name,
        save_states,
        checkpoint or 0,
    )
    return Run(rates, v, None if readout is None else output)


def _check(problem: Problem, checkpoint: int | None) -> None:
    call = "recurrence"
    hidden, entry, readout, x, bias, drive, alpha, v0, r0, rate_noise, activation, precision = problem
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
    _check_start(call, v0, r0, n, batch, checkpoint)
    if rate_noise is not None:
        _arguments.shaped(call, "rate_noise", rate_noise, "time, neuron, batch", (steps, n, batch))
        if rate_noise.requires_grad:
            raise ValueError(
                f"`{call}` has no gradient for `rate_noise`, which requires one. Pass `rate_noise.detach()`."
            )
    tensors |= {"bias": bias, "rate_noise": rate_noise}
    _arguments.same_kind(call, values, tensors, patterns)
    _check_window(call, pattern, r0)
    _checks.one_of(call, "activation", activation, ACTIVATIONS)
    check_precision(call, precision, values.dtype)
    if checkpoint is not None:
        _checks.count(call, "checkpoint", checkpoint)


def _check_start(call: str, v0: Any, r0: Any, n: int, batch: int | None, checkpoint: int | None) -> None:
    late = isinstance(r0, Tensor) and r0.ndim == 3
    _arguments.shaped(call, "v0", v0, "neuron, batch", (n, batch))
    axes, window = ("window, neuron, batch", (None,)) if late else ("neuron, batch", ())
    _arguments.shaped(call, "r0", r0, axes, (*window, n, batch))
    if late and checkpoint is not None:
        raise ValueError(
            f"`{call}` keeps the rates of every step under delays, which read those of several steps before. "
            "Leave `checkpoint` out."
        )


_last_column: Remembered[int] = Remembered()


def _check_window(call: str, pattern: Pattern, r0: Tensor) -> None:
    """Whether the columns lie in the window of r0: others would read memory of somebody else."""
    if torch.compiler.is_compiling() or not pattern.n_synapses:
        return
    last = _last_column.get((pattern.col,), None, lambda: int(pattern.col.max()))
    n, window = pattern.shape[0], window_of(r0)
    if last >= window * n:
        needed = last // n + 1
        got = f"{window} steps" if r0.ndim == 3 else "rates of one step (neuron, batch)"
        raise ValueError(
            f"`{call}` needs `r0` of all {needed} steps that the delays in `pattern` reach, (window, neuron, "
            f"batch); it got {got}. Pass the rates of the last `Delayed.window` steps, the oldest first."
        )


def _kept(steps: int, every: int) -> list[int]:
    """The steps whose rates are kept: the last one of each `every`, and the very last."""
    return [*range(every - 1, steps - 1, every), steps - 1]


# The two passes take and give plain tensors alone, as custom ops have to. An output that is not there is
# a tensor without entries.

PATTERN = len(Pattern._fields)


def _patterns(hidden: Pattern, input: Matrix | None, readout: Matrix | None) -> list[Tensor]:
    others = (pattern for matrix in (input, readout) if matrix is not None for pattern in matrix.pattern)
    return [*hidden, *others]


def _problem(
    values: Tensor,
    input_values: Tensor | None,
    readout_values: Tensor | None,
    x: Tensor | None,
    bias: Tensor | None,
    drive: Tensor | None,
    alpha: Tensor,
    v0: Tensor,
    r0: Tensor,
    rate_noise: Tensor | None,
    patterns: list[Tensor],
    activation: str,
    precision: str,
) -> Problem:
    found = [Pattern(*patterns[k : k + PATTERN]) for k in range(0, len(patterns), PATTERN)]
    hidden = Matrix(values, found[0])
    entry = None if input_values is None else Matrix(input_values, found[1])
    readout = None if readout_values is None else Matrix(readout_values, found[-1])
    return Problem(hidden, entry, readout, x, bias, drive, alpha, v0, r0, rate_noise, activation, precision)


def _forward(
    values: Tensor,
    input_values: Tensor | None,
    readout_values: Tensor | None,
    x: Tensor | None,
    bias: Tensor | None,
    drive: Tensor | None,
    alpha: Tensor,
    v0: Tensor,
    r0: Tensor,
    rate_noise: Tensor | None,
    patterns: list[Tensor],
    activation: str,
    precision: str,
    backend: str,
    save_states: bool,
    checkpoint: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    problem = _problem(
        values,
        input_values,
        readout_values,
        x,
        bias,
        drive,
        alpha,
        v0,
        r0,
        rate_noise,
        patterns,
        activation,
        precision,
    )
    run = BACKENDS[backend]

    def forward() -> Outputs:
        with as_given(values):
            if checkpoint:
                return _forward_in_parts(run, problem, checkpoint)
            return run.forward(problem, save_states)

    rates, states, v_last, output = with_room(forward, problem, backend, checkpoint, "forward")
    return rates, _or_nothing(states, rates), v_last, _or_nothing(output, rates)


def _fake_forward(
    values: Tensor,
    input_values: Tensor | None,
    readout_values: Tensor | None,
    x: Tensor | None,
    bias: Tensor | None,
    drive: Tensor | None,
    alpha: Tensor,
    v0: Tensor,
    r0: Tensor,
    rate_noise: Tensor | None,
    patterns: list[Tensor],
    activation: str,
    precision: str,
    backend: str,
    save_states: bool,
    checkpoint: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    problem = _problem(
        values,
        input_values,
        readout_values,
        x,
        bias,
        drive,
        alpha,
        v0,
        r0,
        rate_noise,
        patterns,
        activation,
        precision,
    )
    kept = -(-problem.steps // (checkpoint or 1))
    rates = v0.new_empty(kept, *v0.shape)
    states = v0.new_empty(rates.shape if save_states or checkpoint else 0)
    output = v0.new_empty(0)
    if problem.readout is not None:
        output = v0.new_empty(problem.steps, problem.readout.pattern.shape[0], v0.shape[1])
    return rates, states, v0.new_empty(v0.shape), output


def _backward(
    values: Tensor,
    input_values: Tensor | None,
    readout_values: Tensor | None,
    x: Tensor | None,
    bias: Tensor | None,
    drive: Tensor | None,
    alpha: Tensor,
    v0: Tensor,
    r0: Tensor,
    rate_noise: Tensor | None,
    patterns: list[Tensor],
    activation: str,
    precision: str,
    backend: str,
    checkpoint: int,
    rates: Tensor,
    states: Tensor,
    grad_rates: Tensor | None,
    grad_v_last: Tensor | None,
    grad_output: Tensor | None,
    wanted: list[bool],
) -> list[Tensor]:
    problem = _problem(
        values,
        input_values,
        readout_values,
        x,
        bias,
        drive,
        alpha,
        v0,
        r0,
        rate_noise,
        patterns,
        activation,
        precision,
    )
    saved_states = states if states.numel() else None
    asked = Wanted(*wanted)
    run = BACKENDS[backend]

    def back() -> Gradients:
        with as_given(values):
            if checkpoint:
                return _backward_in_parts(
                    run, problem, checkpoint, rates, states, grad_rates, grad_v_last, grad_output, asked
                )
            grads = OutputGradients(grad_rates, None, grad_v_last, grad_output)
            return run.backward(problem, rates, saved_states, grads, asked)

    gradients = with_room(back, problem, backend, checkpoint, "back")
    return [gradient for gradient in gradients if gradient is not None]


def _fake_backward(*inputs: Any) -> list[Tensor]:
    rates, wanted = inputs[-6], inputs[-1]
    leaves = [rates if leaf is None else leaf for leaf in inputs[: len(wanted)]]  # no drive was kept
    return [leaf.new_empty(leaf.shape) for leaf, needed in zip(leaves, wanted, strict=True) if needed]


def _or_nothing(tensor: Tensor | None, like: Tensor) -> Tensor:
    return like.new_empty(0) if tensor is None else tensor


def _forward_in_parts(backend: Backend, problem: Problem, every: int) -> Outputs:
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


def _backward_in_parts(
    backend: Backend,
    problem: Problem,
    every: int,
    rates: Tensor,
    states: Tensor,
    grad_rates: Tensor | None,
    grad_v_last: Tensor | None,
    grad_output: Tensor | None,
    wanted: Wanted,
) -> Gradients:
    """Each part forward again from where it started, then back, the last part first."""
    total: Gradients | None = None
    x_parts, drive_parts = [], []
    every_start = wanted._replace(v0=True, r0=True)
    grad_v, grad_r = grad_v_last, None
    save_states = problem.rate_noise is not None or wanted.alpha
    for k in range(len(rates) - 1, -1, -1):
        start = k * every
        v, r = (states[k - 1], rates[k - 1]) if k else (problem.v0, problem.r0)
        part = problem.part(start, start + every, v, r)
        if grad_rates is not None:
            grad_r = grad_rates[k] if grad_r is None else grad_rates[k] + grad_r
        output = None if grad_output is None else grad_output[start : start + every]
        grads = OutputGradients(None, grad_r, grad_v, output)
        found = _forth_and_back(backend, part, save_states, grads, every_start)
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
    for name in ("values", "input_values", "readout_values", "bias", "alpha"):
        sum_so_far, more = getattr(total, name), getattr(part, name)
        if sum_so_far is not None:
            sum_so_far += more
    return total


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
_forward_op = torch.library.custom_op("graphrnn::recurrence", mutates_args=())(_forward)
_backward_op = torch.library.custom_op("graphrnn::recurrence_backward", mutates_args=())(_backward)
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
