"""What a CTRNN is called with: the input of a sequence, and the state to go on from."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graphrnn.nn import _arguments
from graphrnn.nn.state import State

__all__ = ["check_x", "start"]


def check_x(x: Any, n: int, batch_first: bool, like: Tensor) -> None:
    """Refuse what is no input of n channels, on the device of `like`."""
    if not isinstance(x, Tensor):
        raise TypeError(f"`rnn(x)` needs a torch tensor; it got {type(x).__name__}. Use torch.as_tensor(x).")
    shape = x.shape
    if len(shape) not in (2, 3) or shape[-1] != n:
        axes = "batch, time" if batch_first else "time, batch"
        raise ValueError(
            f"`rnn(x)` needs x of shape ({axes}, {n}) or (time, {n}), where {n} is the number of the "
            f"network's input channels; it got {tuple(shape)}."
        )
    _arguments.same_device("rnn(x)", "x", x, like)
    if 0 in shape[:-1]:
        raise ValueError(
            f"`rnn(x)` needs at least one time step and one trial; it got x of shape {tuple(shape)}."
        )


def start(state: Any, v0: Tensor, batch: int, alone: bool) -> tuple[Tensor, Tensor | None]:
    """The state and the rates before the first step, each (neuron, batch); no rates where they are f(v).

    Args:
        state: what the caller handed over; None for the initial state.
        v0: (neuron,) the initial state.
        batch: number of trials.
        alone: whether x is one trial without a batch, and the state likewise.
    """
    if state is None:
        if v0.requires_grad:
            return v0.unsqueeze(1).expand(-1, batch), None
        return v0.as_strided((*v0.shape, batch), (*v0.stride(), 0)), None  # the same at half the price
    call, n = "rnn(x, state)", len(v0)
    if not isinstance(state, State | Tensor):
        raise TypeError(
            f"`{call}` needs the state that a former call returned, or v as a tensor; it got "
            f"{type(state).__name__}."
        )
    given = (state.v, state.r) if isinstance(state, State) else (state,)
    axes, shape = ("neuron,", (n,)) if alone else ("batch, neuron", (batch, n))
    for tensor in given:
        if tuple(tensor.shape) != shape:
            raise ValueError(
                f"`{call}` needs a state of shape ({axes}) = {shape} for this x; "
                f"it got {tuple(tensor.shape)}."
            )
        _arguments.same_device(call, "the state", tensor, v0)
        _arguments.same_precision(call, "the state", tensor, v0)
    v, *r = (tensor[:, None] if alone else tensor.T for tensor in given)
    return v, r[0] if r else None
