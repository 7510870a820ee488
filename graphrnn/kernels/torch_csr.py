"""Backend `torch`: the sequence as a loop over torch's own products; needs nothing but torch."""

from __future__ import annotations

import torch
from torch import Tensor

from graphrnn.kernels import csr
from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.contract import Gradients, Outputs, Saved
from graphrnn.kernels.csr import ValueGradient, steps_per_chunk, transposed_matrix, weight_matrix
from graphrnn.kernels.pattern import Pattern

__all__ = ["TorchBackend"]


class TorchBackend:
    """The recurrence on torch's sparse products, on CPU and CUDA."""

    name = "torch"

    def unavailable(self, device: torch.device, dtype: torch.dtype) -> str | None:
        if device.type not in ("cpu", "cuda"):
            return f"torch has no sparse products on {device.type}"
        if dtype not in (torch.float32, torch.float64):
            return f"torch's sparse products need float32 or float64, not {str(dtype)[6:]}"
        return None

    def explain(self, pattern: Pattern) -> str:
        return csr.explain(pattern)

    def forward(
        self,
        values: Tensor,
        pattern: Pattern,
        drive: Tensor,
        alpha: Tensor,
        v0: Tensor,
        r0: Tensor,
        rate_noise: Tensor | None,
        activation: str,
        save_states: bool,
    ) -> Outputs:
        weight = weight_matrix(pattern, values)
        leak = alpha[:, None]
        f = ACTIVATIONS[activation].function
        rates = torch.empty(drive.shape, dtype=drive.dtype, device=drive.device)
        states = torch.empty_like(rates) if save_states else None
        v = v0.clone(memory_format=torch.contiguous_format)
        r = r0.contiguous()
        current = torch.empty_like(v)
        for t, rate in enumerate(rates.unbind()):
            torch.addmm(drive[t], weight, r, out=current)
            torch.lerp(v, current, leak, out=v)
            if states is not None:
                states[t] = v
            if rate_noise is None:
                rate.copy_(f(v))
            else:
                torch.add(f(v), rate_noise[t], out=rate)
            r = rate
        return Outputs(rates, states, v)

    def backward(
        self,
        saved: Saved,
        grad_rates: Tensor | None,
        grad_v_last: Tensor | None,
        rate_noise: bool,
        activation: str,
        need_values: bool,
        need_alpha: bool,
    ) -> Gradients:
        values, pattern, alpha, v0, r0, rates, states = saved
        transposed = transposed_matrix(pattern, values)
        f, slope = ACTIVATIONS[activation]
        leak = alpha[:, None]
        keep = 1 - leak
        if grad_rates is None:
            grad_rates = rates.new_zeros(()).expand_as(rates)
        # The loop carries g = α ∂L/∂v, which is the gradient of the drive itself.
        grad_drive = torch.empty_like(rates)
        carried = torch.zeros_like(v0) if grad_v_last is None else leak * grad_v_last
        carried = carried.contiguous()
        grad_rate = torch.empty_like(carried)
        value_gradient = ValueGradient(pattern, values) if need_values else None
        grad_alpha = torch.zeros_like(alpha) if need_alpha else None

        end, n_steps = len(rates), len(rates)
        while end > 0:
            start = max(0, end - steps_per_chunk(rates))
            noiseless = f(states[start:end]) if rate_noise and states is not None else rates[start:end]
            slopes = slope(noiseless).mul_(leak)
            for t in range(end - 1, start - 1, -1):
                if t + 1 < n_steps:
                    torch.addmm(grad_rates[t], transposed, grad_drive[t + 1], out=grad_rate)
                else:
                    grad_rate.copy_(grad_rates[t])
                torch.addcmul(carried, grad_rate, slopes[t - start], out=grad_drive[t])
                torch.mul(grad_drive[t], keep, out=carried)
            if value_gradient is not None:
                value_gradient.add(grad_drive[start:end], _before(r0, rates, start, end))
            if grad_alpha is not None and states is not None:
                change = states[start:end] - _before(v0, states, start, end)
                grad_alpha += (grad_drive[start:end] * change).sum((0, 2))
            end = start

        return Gradients(
            values=None if value_gradient is None else value_gradient.values(),
            drive=grad_drive,
            alpha=None if grad_alpha is None else grad_alpha / alpha**2,
            v0=carried / leak,
            r0=torch.mm(transposed, grad_drive[0]),
        )


def _before(first: Tensor, sequence: Tensor, start: int, end: int) -> Tensor:
    """The steps just before `start` to `end`, where `first` comes before the sequence."""
    if start > 0:
        return sequence[start - 1 : end - 1]
    return torch.cat((first[None], sequence[: end - 1]))
