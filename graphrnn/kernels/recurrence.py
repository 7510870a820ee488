"""The recurrence over a whole sequence as one node of autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphrnn import _checks
from graphrnn.kernels import _arguments, reference
from graphrnn.kernels._precision import as_given
from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.backends import BACKENDS, REFERENCE, choose_backend
from graphrnn.kernels.contract import Saved
from graphrnn.kernels.pattern import Pattern

__all__ = ["recurrence"]


def recurrence(
    values: Tensor,
    pattern: Pattern,
    drive: Tensor,
    alpha: Tensor,
    v0: Tensor,
    r0: Tensor,
    *,
    activation: str = "relu",
    rate_noise: Tensor | None = None,
    backend: str = "auto",
) -> tuple[Tensor, Tensor]:
    """Runs a recurrent network over a sequence.

        v_t = (1 - α) v_{t-1} + α (W r_{t-1} + drive_t)
        r_t = f(v_t) + rate_noise_t

    Differentiable once in `values`, `drive`, `alpha`, `v0` and `r0`, in any backend. The rates alone
    are kept for the backward pass; v is kept too under `rate_noise` and where `alpha` needs a gradient.

    Args:
        values: the entries of W (synapse,), float32 or float64; sets the precision of all others.
        pattern: where they are, (neuron, neuron).
        drive: input, bias and noise (time, neuron, batch).
        alpha: dt / τ of each neuron (neuron,), above 0 and at most 1 (not checked).
        v0: state before the first step (neuron, batch).
        r0: rates before the first step (neuron, batch).
        activation: f, one of `ACTIVATIONS`.
        rate_noise: noise after the activation (time, neuron, batch), without gradient; default none.
        backend: one of `available_backends(device)`; `"auto"` is the fastest of them.

    Returns:
        The rates of all steps (time, neuron, batch) and v of the last step (neuron, batch). With the
        last rates as `r0` and the last v as `v0` the sequence continues exactly.

    Raises:
        ValueError: if a shape or device does not fit, or the backend cannot run here.
        TypeError: if an argument is no tensor, or of another precision.

    Example:
        >>> pattern = Pattern.from_pairs(post=[1], pre=[0], shape=(2, 2))
        >>> drive = torch.tensor([1.0, 0.0]).reshape(1, 2, 1).expand(3, 2, 1)
        >>> start = torch.zeros(2, 1)
        >>> rates, v = recurrence(torch.tensor([2.0]), pattern, drive, torch.ones(2), start, start)
        >>> rates[:, :, 0].tolist()
        [[1.0, 0.0], [1.0, 2.0], [1.0, 2.0]]

    Source:
        Song, Yang & Wang (2016), PLoS Comput. Biol. 12(2): e1004792, equations 2 and 3.
    """
    _check(values, pattern, drive, alpha, v0, r0, rate_noise, activation)
    name = choose_backend(backend, values.device, values.dtype).name
    if name == REFERENCE:
        return reference.recurrence(values, pattern, drive, alpha, v0, r0, activation, rate_noise)
    save_states = torch.is_grad_enabled() and (rate_noise is not None or alpha.requires_grad)
    rates, _, v_last = _forward(
        values, *pattern, drive, alpha, v0, r0, rate_noise, activation, name, save_states
    )
    return rates, v_last


def _check(
    values: Tensor,
    pattern: Pattern,
    drive: Tensor,
    alpha: Tensor,
    v0: Tensor,
    r0: Tensor,
    rate_noise: Tensor | None,
    activation: str,
) -> None:
    call = "recurrence"
    n_post, n_pre = pattern.shape
    if n_post != n_pre:
        raise ValueError(f"`{call}` needs a square pattern; it got one of shape ({n_post}, {n_pre}).")
    _arguments.weights(call, values, pattern.n_synapses)
    _arguments.shaped(call, "drive", drive, "time, neuron, batch", (None, n_post, None))
    _arguments.shaped(call, "alpha", alpha, "neuron", (n_post,))
    for name, state in (("v0", v0), ("r0", r0)):
        _arguments.shaped(call, name, state, "neuron, batch", (n_post, drive.shape[2]))
    if rate_noise is not None:
        _arguments.shaped(call, "rate_noise", rate_noise, "time, neuron, batch", tuple(drive.shape))
        if rate_noise.requires_grad:
            raise ValueError(
                f"`{call}` has no gradient for `rate_noise`, which requires one. Pass `rate_noise.detach()`."
            )
    tensors = {"drive": drive, "alpha": alpha, "v0": v0, "r0": r0, "rate_noise": rate_noise}
    _arguments.same_kind(call, values, tensors, pattern.crow)
    _checks.one_of(call, "activation", activation, ACTIVATIONS)


# Custom ops take and give plain tensors alone, so that torch.compile, torch.export and CUDA graphs
# see one opaque node and never a sparse tensor. What is not there is a tensor without entries.


@torch.library.custom_op("graphrnn::recurrence", mutates_args=())
def _forward(
    values: Tensor,
    crow: Tensor,
    col: Tensor,
    t_crow: Tensor,
    t_col: Tensor,
    perm: Tensor,
    drive: Tensor,
    alpha: Tensor,
    v0: Tensor,
    r0: Tensor,
    rate_noise: Tensor | None,
    activation: str,
    backend: str,
    save_states: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    pattern = Pattern(crow, col, t_crow, t_col, perm)
    with as_given(values):
        rates, states, v_last = BACKENDS[backend].forward(
            values, pattern, drive, alpha, v0, r0, rate_noise, activation, save_states
        )
    return rates, _or_nothing(states, rates), v_last


@_forward.register_fake
def _(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    *_, drive, _, v0, _, _, _, _, save_states = inputs
    rates = drive.new_empty(drive.shape)
    return rates, drive.new_empty(drive.shape if save_states else 0), v0.new_empty(v0.shape)


@torch.library.custom_op("graphrnn::recurrence_backward", mutates_args=())
def _backward(
    values: Tensor,
    crow: Tensor,
    col: Tensor,
    t_crow: Tensor,
    t_col: Tensor,
    perm: Tensor,
    alpha: Tensor,
    v0: Tensor,
    r0: Tensor,
    rates: Tensor,
    states: Tensor,
    grad_rates: Tensor | None,
    grad_v_last: Tensor | None,
    rate_noise: bool,
    activation: str,
    backend: str,
    need_values: bool,
    need_alpha: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    pattern = Pattern(crow, col, t_crow, t_col, perm)
    saved = Saved(values, pattern, alpha, v0, r0, rates, states if states.numel() else None)
    with as_given(values):
        gradients = BACKENDS[backend].backward(
            saved, grad_rates, grad_v_last, rate_noise, activation, need_values, need_alpha
        )
    return (
        _or_nothing(gradients.values, values),
        gradients.drive,
        _or_nothing(gradients.alpha, alpha),
        gradients.v0,
        gradients.r0,
    )


@_backward.register_fake
def _(*inputs: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    values, _, _, _, _, _, alpha, v0, r0, rates, *_, need_values, need_alpha = inputs
    return (
        values.new_empty(values.shape if need_values else 0),
        rates.new_empty(rates.shape),
        alpha.new_empty(alpha.shape if need_alpha else 0),
        v0.new_empty(v0.shape),
        r0.new_empty(r0.shape),
    )


def _or_nothing(tensor: Tensor | None, like: Tensor) -> Tensor:
    return like.new_empty(0) if tensor is None else tensor


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    values, *pattern, _, alpha, v0, r0, rate_noise, activation, backend, _ = inputs
    rates, states, _ = output
    ctx.save_for_backward(values, *pattern, alpha, v0, r0, rates, states)
    ctx.rate_noise = rate_noise is not None
    ctx.activation = activation
    ctx.backend = backend
    ctx.set_materialize_grads(False)


def _differentiate(
    ctx: Any, grad_rates: Tensor | None, _: Tensor | None, grad_v_last: Tensor | None
) -> tuple[Tensor | None, ...]:
    need_values, need_alpha = ctx.needs_input_grad[0], ctx.needs_input_grad[7]
    values, drive, alpha, v0, r0 = _backward(
        *ctx.saved_tensors,
        grad_rates,
        grad_v_last,
        ctx.rate_noise,
        ctx.activation,
        ctx.backend,
        need_values,
        need_alpha,
    )
    return (
        values if need_values else None,
        *(None,) * 5,
        drive,
        alpha if need_alpha else None,
        v0,
        r0,
        *(None,) * 4,
    )


_forward.register_autograd(_differentiate, setup_context=_setup_context)
