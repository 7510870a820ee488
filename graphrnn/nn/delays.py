"""Delays: synapses that read what their source did some time ago."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphrnn.connectome import Synapses
from graphrnn.kernels import Pattern, delayed_pattern
from graphrnn.nn import _arguments
from graphrnn.nn.state import State

__all__ = ["Delays", "check_saved_delays", "delay_steps"]


def delay_steps(synapses: Synapses, dt: float) -> NDArray[np.int64]:
    """(synapse,) delays in steps of dt ms, to the nearest, halves up; 0 where there are none.

    Example:
        >>> from graphrnn import Synapses
        >>> synapses = Synapses.from_pairs((2, 2), post=[0, 1], pre=[1, 0], delay=[4.0, 15.0])
        >>> delay_steps(synapses, dt=10.0)
        array([0, 2])
    """
    if synapses.delay is None:
        return np.zeros(synapses.size, np.int64)
    return np.floor(synapses.delay / dt + 0.5).astype(np.int64)


class Delays(nn.Module):
    """The delays of the synapses among neurons, as the recurrence reads them.

        (W r)_i = Σ_j w_ij r_j(t - 1 - d_ij)

    A synapse of d = 0 steps reads the rates of the step before, as without delays. All are read in one
    product over a window of the last steps, so that they cost what the synapses cost.

    Args:
        synapses: synapses among neurons, with delays in ms.
        dt: time step in ms.
        device: torch device.

    Example:
        >>> from graphrnn import Synapses
        >>> from graphrnn.nn import Delays
        >>> synapses = Synapses.from_pairs((2, 2), post=[0, 1], pre=[1, 0], delay=[0.0, 20.0])
        >>> Delays(synapses, dt=10.0).window  # it looks back over so many steps
        3
    """

    crow: Tensor
    col: Tensor
    t_crow: Tensor
    t_col: Tensor
    perm: Tensor
    order: Tensor
    digest: Tensor

    def __init__(self, synapses: Synapses, dt: float, device: Any = None) -> None:
        super().__init__()
        steps = delay_steps(synapses, dt)
        pattern, order, self.window = delayed_pattern(synapses.post, synapses.pre, steps, synapses.shape[0])
        for name, tensor in (*zip(pattern._fields, pattern, strict=True), ("order", order)):
            self.register_buffer(name, tensor.to(device), persistent=False)
        self.register_buffer("digest", _digest(synapses).to(device))
        self._range = (int(steps.min()), int(steps.max()), len(np.unique(steps)))

    @property
    def pattern(self) -> Pattern:
        """Where the synapses are, as the recurrence needs it; its values are those of `arrange`."""
        return Pattern(self.crow, self.col, self.t_crow, self.t_col, self.perm)

    def arrange(self, weights: Tensor) -> Tensor:
        """(synapse,) weights in the order of `pattern`, from the order of the connectome."""
        return weights.index_select(0, self.order)

    def before(self, state: State | Tensor | None, r: Tensor, alone: bool) -> Tensor:
        """The rates before the first step, (window, neuron, batch), the oldest first.

        Args:
            state: what the network was called with. From anything but a `State` on, the rates have always
                been what they are.
            r: (neuron, batch) the rates of the step before.
            alone: whether the state has no batch.

        Raises:
            ValueError: for a `State` that knows too few of them.
        """
        if not isinstance(state, State):
            return r.expand(self.window, *r.shape)
        call = "rnn(x, state)"
        n, batch = r.shape
        steps = self.window - 1
        axes, shape = ("step, neuron", (steps, n)) if alone else ("batch, step, neuron", (batch, steps, n))
        past = state.past
        if past is None or tuple(past.shape) != shape:
            got = "none" if past is None else f"shape {tuple(past.shape)}"
            raise ValueError(
                f"`{call}` needs a state with the earlier rates that this network's delays read, `past` of "
                f"shape ({axes}) = {shape}; it got {got}. Hand back the state that a "
                "call returned, or v alone."
            )
        _arguments.same_device(call, "the state", past, r)
        _arguments.same_precision(call, "the state", past, r)
        return torch.cat((past[:, :, None] if alone else past.permute(1, 2, 0), r[None]))

    def after(self, r0: Tensor, rates: Tensor, alone: bool) -> Tensor:
        """The rates before the last step that the next sequence will read, laid out as `State.past`."""
        known = rates if len(rates) >= self.window else torch.cat((r0, rates))
        past = known[-self.window : -1]
        return past[:, :, 0] if alone else past.permute(2, 0, 1)

    def extra_repr(self) -> str:
        shortest, longest, count = self._range
        if count == 1:
            return f"{longest} step{'' if longest == 1 else 's'} for every synapse"
        return f"{shortest} to {longest} steps, {count} different"


def _digest(synapses: Synapses) -> Tensor:
    """16 bytes that stand for the delays in ms: weights mean nothing without them."""
    delay = np.asarray(synapses.delay, "<f8")
    return torch.tensor(list(hashlib.blake2b(delay.tobytes(), digest_size=16).digest()), dtype=torch.uint8)


def check_saved_delays(delays: Delays | None, state: Mapping[str, Any], prefix: str) -> None:
    """Refuse weights that were trained with other delays.

    Raises:
        ValueError: where the state is of a network with other delays, or without.
    """
    if f"{prefix}hidden.values" not in state:  # a part of a state, which says nothing of what is left out
        return
    saved = state.get(f"{prefix}delays.digest")
    own = None if delays is None else delays.digest.tolist()
    if (None if saved is None else saved.tolist()) != own:
        here, there = ("no" if each is None else "other" for each in (own, saved))
        raise ValueError(
            f"`load_state_dict(...)` found values of a network with {there} delays"
            f"{'; this one has none' if here == 'no' else ''}. Build the CTRNN from the connectome that they "
            "were saved with, with the same `delays`."
        )
