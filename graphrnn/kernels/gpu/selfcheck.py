"""Whether the kernels agree with the backend `torch` on the very device that they are to run on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graphrnn.kernels.contract import Backend, Matrix, OutputGradients, Problem, Wanted
from graphrnn.kernels.pattern import Pattern

__all__ = ["disagreement", "problem_on"]

NEURONS, INPUTS, READOUTS, STEPS, BATCH = 70, 3, 2, 4, 18
TOLERANCE = {
    "exact": 1e-4,
    "tf32": 5e-3,
    "bf16": 4e-2,
}  # of the largest entry: rounding may fall to either side


def disagreement(
    ways: dict[str, Backend],
    judge: Backend,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    precision: str = "exact",
) -> str | None:
    """How a backend differs from another on a device, as half a sentence; None where they agree.

    Args:
        ways: the backend in each form that it has, by the name of the form.
        judge: who is right.
        device: where the tensors are.
        dtype: float32 or float64.
        precision: of the products.
    """
    problem = problem_on(device, dtype)._replace(precision=precision)
    expected = _results(judge, problem)
    for form, backend in ways.items():
        try:
            found = _results(backend, problem)
        except Exception as error:  # whatever a compiler and a driver may raise: then it cannot be used
            return f"its self-check on this device failed in {form} ({_line(error)})"
        for name, tensor in expected.items():
            away = (found[name] - tensor).abs().max()
            if not away <= TOLERANCE[precision] * tensor.abs().max():
                return f"its self-check on this device found other {name} than `{judge.name}` in {form}"
    return None


def problem_on(device: torch.device, dtype: torch.dtype = torch.float32) -> Problem:
    """A network with a dense area, few synapses elsewhere and one neuron that reads all others."""
    random = np.random.default_rng(0)

    def numbers(*shape: int) -> Tensor:
        return torch.from_numpy(random.standard_normal(shape)).to(device, dtype)

    def matrix(n_post: int, n_pre: int, density: float) -> Matrix:
        mask = random.random((n_post, n_pre)) < density
        if n_post == n_pre:
            mask[:32, :32], mask[40] = random.random((32, 32)) < 0.7, True
        post, pre = np.nonzero(mask)
        pattern = Pattern.from_pairs(post, pre, (n_post, n_pre)).to(device)
        return Matrix(numbers(pattern.n_synapses) / n_pre**0.5, pattern)

    return Problem(
        hidden=matrix(NEURONS, NEURONS, 0.05),
        input=matrix(NEURONS, INPUTS, 0.6),
        readout=matrix(READOUTS, NEURONS, 0.6),
        x=numbers(STEPS, INPUTS, BATCH),
        bias=numbers(NEURONS),
        readout_bias=numbers(READOUTS),
        drive=numbers(STEPS, NEURONS, BATCH),
        alpha=numbers(NEURONS).sigmoid(),
        v0=numbers(NEURONS, BATCH),
        r0=numbers(NEURONS, BATCH),
        rate_noise=0.1 * numbers(STEPS, NEURONS, BATCH),
        activation="tanh",
    )


def _results(backend: Backend, problem: Problem) -> dict[str, Tensor]:
    """All outputs, and the gradients of half the sum of their squares."""
    outputs = backend.forward(problem, save_states=True)
    grads = OutputGradients(outputs.rates, None, outputs.v_last, outputs.output)
    wanted = Wanted(*(True,) * len(Wanted._fields))
    gradients = backend.backward(problem, outputs.rates, outputs.states, grads, wanted)
    named = {
        **outputs._asdict(),
        **{f"gradients of {name}": tensor for name, tensor in gradients._asdict().items()},
    }
    return {name: tensor for name, tensor in named.items() if tensor is not None}


def _line(error: Exception) -> str:
    """The first line of an error, which may be pages of a compiler's."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
