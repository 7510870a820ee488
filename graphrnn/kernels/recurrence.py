"""The recurrence over a whole sequence as one node of autograd."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphrnn.kernels import reference
from graphrnn.kernels._node import run_node
from graphrnn.kernels._problem import known, settle
from graphrnn.kernels.backends import REFERENCE
from graphrnn.kernels.contract import Matrix, Problem
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
    r0: Tensor | None = None,
    *,
    input: Matrix | None = None,
    x: Tensor | None = None,
    bias: Tensor | None = None,
    readout: Matrix | None = None,
    readout_bias: Tensor | None = None,
    activation: str = "relu",
    rate_noise: Tensor | None = None,
    checkpoint: int | None = None,
    backend: str = "auto",
    precision: str = "exact",
) -> Run:
    """Runs a recurrent network over a sequence.

        v_t = (1 - α) v_{t-1} + α (W r_{t-1} + W_in x_t + b + drive_t)
        r_t = f(v_t) + rate_noise_t,   output_t = W_out r_t + c

    Differentiable once in all tensors but the noise, in any backend. The rates alone are kept for the
    backward pass; v is kept too under `rate_noise` and where `alpha` needs a gradient.

    Args:
        values: the entries of W (synapse,), float32 or float64; sets the precision of all others.
        pattern: where they are, (neuron, neuron).
        drive: noise and whatever else drives the neurons (time, neuron, batch); None for nothing.
        alpha: dt / τ of each neuron (neuron,), above 0 and at most 1 (not checked).
        v0: state before the first step (neuron, batch).
        r0: rates before the first step (neuron, batch); default f(v0). With a pattern from `delayed_pattern`
            those of all steps that its synapses read, (window, neuron, batch), the oldest first; then W
            r_{t-1} sums w r_{t-1-d} over the synapses, each with its own delay d, and `values` follow the
            order of that pattern (not checked).
        input: W_in (neuron, input), with `x`; default none.
        x: the input (time, input, batch).
        bias: b (neuron,); default none.
        readout: W_out (readout, neuron); default none.
        readout_bias: c (readout,), with `readout`; default none.
        activation: f, one of `ACTIVATIONS`.
        rate_noise: noise after the activation (time, neuron, batch), without gradient; default none.
        checkpoint: keep the rates of every so-many-th step alone, and of the last, and compute the others
            again in the backward pass: less memory for a second forward pass. Default None keeps all.
        backend: one of `available_backends(device)`; `"auto"` as in `choose_backend`.
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
        >>> rates, v, _ = recurrence(torch.tensor([2.0]), pattern, drive, torch.ones(2), start)
        >>> rates[:, :, 0].tolist()
        [[1.0, 0.0], [1.0, 2.0], [1.0, 2.0]]

    Source:
        Song, Yang & Wang (2016), PLoS Comput. Biol. 12(2): e1004792, equations 2 and 3. Checkpoints:
        Chen, Xu, Zhang & Guestrin (2016), arXiv:1604.06174.
    """
    matrices = Matrix(values, pattern), input, readout
    outer = x, bias, readout_bias, drive
    problem = Problem(*matrices, *outer, alpha, v0, r0, rate_noise, activation, precision, known(*matrices))
    name = settle(problem, checkpoint, backend)
    if name == REFERENCE:
        rates, v, output = reference.recurrence(problem)
        return Run(rates if checkpoint is None else rates[_kept(len(rates), checkpoint)], v, output)
    # v is kept at the checkpoints too, where the sequence is taken up again
    noisy_or_alpha = torch.is_grad_enabled() and (rate_noise is not None or alpha.requires_grad)
    save_states = noisy_or_alpha if checkpoint is None else torch.is_grad_enabled()
    rates, _, v, output = run_node(problem, name, save_states, checkpoint or 0)
    return Run(rates, v, None if readout is None else output)


def _kept(steps: int, every: int) -> list[int]:
    """The steps whose rates are kept: the last one of each `every`, and the very last."""
    return [*range(every - 1, steps - 1, every), steps - 1]
