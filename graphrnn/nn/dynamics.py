"""What neurons and synapses do beside v and r: adaptation, short-term plasticity, your own dynamics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from graphrnn import _checks
from graphrnn.kernels import ACTIVATIONS, Matrix, sparse_matmul

__all__ = ["Adaptation", "Change", "Course", "Dynamics", "ShortTermPlasticity", "attach", "run", "start"]


class Change(NamedTuple):
    """What one time step of a `Dynamics` does.

    Args:
        variables: its variables after the step, each (neuron, batch).
        current: added to what drives the neurons (neuron, batch); None for nothing.
        efficacy: factor on what each neuron's synapses transmit (neuron, batch); None for 1.
    """

    variables: tuple[Tensor, ...]
    current: Tensor | None = None
    efficacy: Tensor | None = None


class Dynamics(nn.Module):
    """Further variables of each neuron, and what they do to the network; the base of one's own.

    With the efficacy e and the current c that `step` returns, the network is

        v ← (1 - α) v + α (W (e ∘ r) + W_in x + b + c) + √(2α) σ ε

    where W is the hidden matrix. Write `start` and `step` in differentiable torch, without changing a tensor
    in place; parameters and buffers of the module are trained, moved and saved with the network.

    Example:
        >>> import torch
        >>> import graphrnn as gr
        >>> from graphrnn.nn import Change, Dynamics
        >>> class Fatigue(Dynamics):
        ...     def start(self, rates):
        ...         return (torch.zeros_like(rates),)
        ...
        ...     def step(self, rates, variables, dt):
        ...         tired = variables[0] + 0.001 * dt * (rates - variables[0])
        ...         return Change((tired,), efficacy=1 / (1 + tired))
        >>> rnn = gr.CTRNN(gr.MultiArea(dims=[2, 100, 1], seed=0), dynamics=Fatigue())
        >>> readout, rates, state = rnn(torch.randn(8, 30, 2))
        >>> [variable.shape for variable in state.variables]
        [torch.Size([8, 100])]
    """

    def start(self, rates: Tensor) -> tuple[Tensor, ...]:
        """The variables before the first step, each (neuron, batch), like the rates (neuron, batch)."""
        raise NotImplementedError(f"`{type(self).__name__}` needs a method `start(rates)`.")

    def step(self, rates: Tensor, variables: tuple[Tensor, ...], dt: float) -> Change:
        """One step of dt ms, driven by the rates (neuron, batch) of the step before."""
        raise NotImplementedError(f"`{type(self).__name__}` needs a method `step(rates, variables, dt)`.")


class Adaptation(Dynamics):
    """Rates that tire: a current that follows each neuron's own rate, and inhibits it.

        τ_a da/dt = r - a,   c = -strength · a

    The decay over a step is exact for a rate that is constant within it, so any dt is stable.

    Args:
        strength: current for each unit of a; a number or (neuron,) numbers, 0 for neurons without.
        tau: τ_a in ms, a number or (neuron,) numbers; default 200.

    Raises:
        ValueError, TypeError: for a strength that is not finite, or a τ that is not above 0.

    Example:
        >>> import torch
        >>> import graphrnn as gr
        >>> from graphrnn.nn import Adaptation
        >>> rnn = gr.CTRNN(gr.MultiArea(dims=[2, 100, 1], seed=0), dynamics=Adaptation(0.5, tau=100.0))
        >>> readout, rates, state = rnn(torch.randn(8, 30, 2))

    Source:
        Treves (1993), Network 4: 259-284; Benda & Herz (2003), Neural Comput. 15: 2523-2564.
    """

    strength: Tensor
    tau: Tensor

    def __init__(self, strength: Any, tau: Any = 200.0) -> None:
        super().__init__()
        call = "Adaptation(...)"
        self.register_buffer("strength", _numbers(call, "strength", strength))
        self.register_buffer("tau", _above_zero(call, "tau", tau))

    def start(self, rates: Tensor) -> tuple[Tensor, ...]:
        return (torch.zeros_like(rates),)

    def step(self, rates: Tensor, variables: tuple[Tensor, ...], dt: float) -> Change:
        (a,) = variables
        after = torch.lerp(rates, a, _column(torch.exp(-dt / self.tau), rates))
        return Change((after,), current=-_column(self.strength, rates) * after)


class ShortTermPlasticity(Dynamics):
    """Synapses that facilitate and depress with the activity of their presynaptic neuron (Tsodyks-Markram).

        dx/dt = (1 - x) / τ_d - u x r,   du/dt = (U - u) / τ_f + U (1 - u) r,   e = u x / U

    x is the share of transmitter at hand, u its utilisation. The efficacy e is 1 at rest (x = 1, u = U), so a
    weight is that of the rested synapse. A step is exact for a rate that is constant within it: x and u stay
    between 0 and 1 at any dt. Rates below 0 count as 0. All hidden synapses of a neuron share x and u.

    Args:
        U: utilisation at rest, above 0 and at most 1; a number or (neuron,) numbers; default 0.2.
        tau_facilitation: τ_f in ms; default 1500, for synapses that mainly facilitate.
        tau_depression: τ_d in ms; default 200. The other way round (U=0.45, 20, 750) they mainly depress.
        hertz: the firing rate in spikes per second that r = 1 stands for; default 10.

    Raises:
        ValueError, TypeError: for a U outside (0, 1], or a time constant or `hertz` not above 0.

    Example:
        >>> import torch
        >>> import graphrnn as gr
        >>> from graphrnn.nn import ShortTermPlasticity
        >>> rnn = gr.CTRNN(gr.MultiArea(dims=[2, 100, 1], seed=0), dynamics=ShortTermPlasticity())
        >>> _, _, state = rnn(torch.randn(8, 30, 2))
        >>> x, u = state.variables
        >>> bool((u >= 0.2).all() and (u <= 1).all())
        True

    Source:
        Tsodyks, Pawelzik & Markram (1998), Neural Comput. 10: 821-835; Mongillo, Barak & Tsodyks (2008),
        Science 319: 1543-1546, from which the defaults come.
    """

    U: Tensor
    tau_facilitation: Tensor
    tau_depression: Tensor

    def __init__(
        self, U: Any = 0.2, tau_facilitation: Any = 1500.0, tau_depression: Any = 200.0, hertz: float = 10.0
    ) -> None:
        super().__init__()
        call = "ShortTermPlasticity(...)"
        utilisation = _above_zero(call, "U", U)
        if (utilisation > 1).any():
            raise ValueError(f"`{call}` needs `U` of at most 1; it got {utilisation.max().item():g}.")
        self.register_buffer("U", utilisation)
        self.register_buffer("tau_facilitation", _above_zero(call, "tau_facilitation", tau_facilitation))
        self.register_buffer("tau_depression", _above_zero(call, "tau_depression", tau_depression))
        self.hertz = _checks.positive(call, "hertz", hertz)

    def start(self, rates: Tensor) -> tuple[Tensor, ...]:
        return torch.ones_like(rates), _column(self.U, rates).expand_as(rates)

    def step(self, rates: Tensor, variables: tuple[Tensor, ...], dt: float) -> Change:
        x, u = variables
        rest = _column(self.U, rates)
        spikes = rates.clamp(min=0) * (self.hertz / 1000)  # in a ms
        after_x = _towards(x, u * spikes, 1.0, _column(self.tau_depression, rates), dt)
        after_u = _towards(u, rest * spikes, rest, _column(self.tau_facilitation, rates), dt, gain=1.0)
        return Change((after_x, after_u), efficacy=u * x / rest)


def _towards(y: Tensor, pull: Tensor, rest: Any, tau: Tensor, dt: float, gain: float = 0.0) -> Tensor:
    """dy/dt = (rest - y) / τ + pull (gain - y) over dt, for a constant pull."""
    speed = 1 / tau + pull
    end = (rest / tau + gain * pull) / speed
    return end + (y - end) * torch.exp(-dt * speed)


def _numbers(call: str, name: str, values: Any) -> Tensor:
    """A number or one for each neuron, finite, in double precision until a network takes it."""
    if np.ndim(values) == 0 and not isinstance(values, Tensor):
        return torch.tensor(_checks.finite(call, name, values), dtype=torch.float64)
    try:
        numbers = torch.as_tensor(values, dtype=torch.float64).detach().cpu().clone()
    except (TypeError, ValueError, RuntimeError):
        numbers = torch.full((1, 1), torch.nan)
    if numbers.ndim > 1 or not numbers.isfinite().all():
        raise ValueError(
            f"`{call}` needs `{name}` to be one finite number, or one for each neuron; it got {values!r}."
        )
    return numbers


def _above_zero(call: str, name: str, values: Any) -> Tensor:
    numbers = _numbers(call, name, values)
    if not (numbers > 0).all():
        raise ValueError(f"`{call}` needs `{name}` above 0; the smallest is {numbers.min().item():g}.")
    return numbers


def _column(numbers: Tensor, rates: Tensor) -> Tensor:
    """A number, or one for each neuron, beside (neuron, batch)."""
    return numbers if numbers.ndim == 0 else numbers[:, None]


class Course(NamedTuple):
    """What a network with further dynamics did in a sequence."""

    rates: Tensor  # (time, neuron, batch)
    v: Tensor  # of the last step (neuron, batch)
    output: Tensor  # (time, readout, batch)
    variables: tuple[Tensor, ...]  # of all dynamics, one after another, (neuron, batch)


def attach(given: Any, n: int, dt: float, device: torch.device, dtype: torch.dtype) -> nn.ModuleList | None:
    """What `CTRNN(dynamics=...)` got as modules, tried on a network at rest so that a mistake shows at once.

    None for none, which a Module finds sooner than an empty list.

    Args:
        given: None, one `Dynamics` or a list of them.
        n: number of neurons.
        dt: time step in ms.
        device: of the network.
        dtype: of the network.

    Raises:
        TypeError: for what is no `Dynamics`, or a step that returns no `Change`.
        ValueError: for variables, currents or efficacies of another shape than the rates.
    """
    listed = [] if given is None else [given] if isinstance(given, nn.Module) else list(given)
    rest = torch.zeros(n, 2, device=device, dtype=dtype)
    for one in listed:
        if not isinstance(one, Dynamics):
            raise TypeError(
                "`CTRNN(dynamics=...)` needs a `graphrnn.nn.Dynamics` or a list of them; it got "
                f"{type(one).__name__}. Derive a class from Dynamics."
            )
        _check_numbers(one, n)
        with torch.no_grad():
            change = one.to(device, dtype).step(rest, one.start(rest), dt)
        if not isinstance(change, Change):
            raise TypeError(
                f"`{type(one).__name__}.step(...)` needs to return a `Change`; "
                f"it gave {type(change).__name__}."
            )
        kept = {"current": change.current, "efficacy": change.efficacy}
        kept |= {f"variables[{k}]": variable for k, variable in enumerate(change.variables)}
        for name, tensor in kept.items():
            if tensor is not None and tensor.shape != rest.shape:
                raise ValueError(
                    f"`{type(one).__name__}.step(...)` needs `{name}` like the rates, (neuron, "
                    f"batch) = ({n}, 2) in this trial; it gave {tuple(tensor.shape)}."
                )
    return nn.ModuleList(listed) if listed else None


def _check_numbers(one: Dynamics, n: int) -> None:
    if not isinstance(one, Adaptation | ShortTermPlasticity):
        return
    for name, numbers in one.named_buffers():
        if numbers.ndim == 1 and len(numbers) != n:
            raise ValueError(
                f"`{type(one).__name__}({name}=...)` needs one number, or one for each of the {n} neurons; "
                f"it got {len(numbers)}."
            )


def _split(variables: tuple[Tensor, ...], sizes: list[int]) -> list[tuple[Tensor, ...]]:
    ends = list(accumulate(sizes))
    return [variables[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def start(dynamics: Iterable[Dynamics], rates: Tensor) -> tuple[Tensor, ...]:
    """The variables of all dynamics before the first step."""
    return tuple(variable for one in dynamics for variable in one.start(rates))


def run(
    dynamics: Sequence[Dynamics],
    variables: tuple[Tensor, ...],
    drive: Tensor,
    hidden: Matrix,
    readout: Matrix,
    alpha: Tensor,
    v: Tensor,
    r: Tensor,
    *,
    activation: str,
    rate_noise: Tensor | None,
    dt: float,
) -> Course:
    """The sequence step by step under torch's autograd, on the sparse product of `graphrnn.kernels`.

    Args:
        dynamics: their order is that of `variables`; currents add up, efficacies multiply.
        variables: of all dynamics, (neuron, batch).
        drive: inputs, biases and noise (time, neuron, batch).
        hidden: W (neuron, neuron).
        readout: W_out (readout, neuron).
        alpha: (neuron,).
        v: state before the first step (neuron, batch).
        r: rates before the first step (neuron, batch).
        activation: one of `ACTIVATIONS`.
        rate_noise: (time, neuron, batch), or None.
        dt: time step in ms.
    """
    f, leak, rates = ACTIVATIONS[activation].function, alpha[:, None], []
    sizes = [len(one.start(r)) for one in dynamics]
    for t, outside in enumerate(drive.unbind()):
        current, sent = outside, r
        after: list[Tensor] = []
        for one, own in zip(dynamics, _split(variables, sizes), strict=True):
            change = one.step(r, own, dt)
            after.extend(change.variables)
            sent = sent if change.efficacy is None else change.efficacy * sent
            current = current if change.current is None else current + change.current
        variables = tuple(after)
        v = torch.lerp(v, sparse_matmul(*hidden, sent.contiguous()) + current, leak)
        r = f(v) if rate_noise is None else f(v) + rate_noise[t]
        rates.append(r)
    course = torch.stack(rates)
    return Course(course, v, sparse_matmul(*readout, course), variables)
