"""A training step as one thing that can be called: what is timed, and what memory is measured of."""

from __future__ import annotations

import torch
from torch import Tensor

from graphrnn.connectome import Connectome
from graphrnn.nn import CTRNN

__all__ = ["TrainingStep"]


class TrainingStep:
    """One whole training step of a network: forward, squared error, backward, Adam; float32.

    Two of the same network start from the same weights, inputs and targets, whatever the backend.

    Args:
        net: the network.
        backend: the backend of the recurrence.
        time_steps: T of a sequence.
        batch: trials in a step.
        device: where it runs.
        precision: of products.
        dt: time step in ms.
    """

    def __init__(
        self,
        net: Connectome,
        backend: str,
        time_steps: int,
        batch: int,
        device: torch.device | str = "cpu",
        precision: str = "exact",
        dt: float = 10.0,
    ) -> None:
        random = torch.Generator().manual_seed(0)
        # Made on the CPU, by "auto": the weights are the same on every device.
        # One τ, because dt would have to fit the areas' own; the speed is the same.
        rnn = CTRNN(
            net,
            dt=dt,
            tau=10 * dt,
            precision=precision,
            generator=random,
            device="cpu",
            dtype=torch.float32,
        )
        self.rnn = rnn.to(device)
        self.rnn.backend = backend
        self.optimizer = torch.optim.Adam(self.rnn.parameters(), lr=1e-4)
        self.x = torch.randn(batch, time_steps, net.n_inputs, generator=random).to(device)
        self.y = torch.randn(batch, time_steps, net.n_readouts, generator=random).to(device)
        # Without input, zero would stay zero.
        start = torch.randn(batch, net.n_neurons, generator=random).to(device)
        self.start = None if net.n_inputs else start

    def __call__(self) -> Tensor:
        """Takes a step and returns its loss."""
        self.optimizer.zero_grad()
        readout, rates, _ = self.rnn(self.x, self.start)
        # Without readouts, what the neurons do has to serve.
        loss = (readout - self.y).square().mean() if self.y.numel() else rates.square().mean()
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.detach()

    @property
    def gradient(self) -> float:
        """Norm of the gradient of the recurrent weights in the last step."""
        gradient = self.rnn.hidden.values.grad
        return 0.0 if gradient is None else float(gradient.norm())
