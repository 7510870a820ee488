"""Time constants, fixed or learnable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.nn import _arguments

__all__ = ["Leak", "shared_groups", "time_constants"]

TAU = 100.0  # ms
SHARED = ("network", "area", "neuron")
FASTEST = 0.99  # the default bound on a learnable α
SLOWEST = 10.0  # the default bound on a learnable τ, in multiples of the longest initial one


class Leak(nn.Module):
    """α = dt / τ of each neuron.

    A learnable τ is 1 / τ = 1 / τ_max + (1 / τ_min - 1 / τ_max) · sigmoid(start + raw), so that τ stays
    strictly inside its bounds, and α inside (0, 1), whatever an optimizer does. `raw` starts at 0, where τ
    is the initial one: weight decay pulls back to that.

    Args:
        tau: (neuron,) time constants in ms.
        dt: time step in ms; at most the shortest τ.
        group: (neuron,) index of the parameter that each neuron shares, for a learnable τ; None for a
            fixed one.
        bounds: shortest and longest τ in ms that learning can reach; the default is from dt / 0.99 to
            ten times the longest `tau`.
        device: torch device.
        dtype: default torch's default dtype.

    Raises:
        ValueError: for dt longer than a τ, bounds that do not enclose `tau`, one group with several τ.

    Example:
        >>> import numpy as np
        >>> from graphrnn.nn import Leak
        >>> leak = Leak(np.array([20.0, 100.0]), dt=10.0)
        >>> leak.alpha.tolist()
        [0.5, 0.10000000149011612]
    """

    time_constant: Tensor | None
    bounds: Tensor
    start: Tensor
    group: Tensor

    def __init__(
        self,
        tau: NDArray[np.float64],
        dt: float,
        *,
        group: NDArray[np.int64] | None = None,
        bounds: tuple[float, float] | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.dt = dt
        # A tensor of one number, for any device: number / tensor is a product in torch, 1 ulp off.
        kinds = torch.float64, torch.float32
        self._steps = {kind: torch.tensor(dt, dtype=kind, device="cpu") for kind in kinds}
        dtype = torch.get_default_dtype() if dtype is None else dtype
        if group is None:
            _check_step(dt, float(tau.min()))
            self.register_buffer("time_constant", torch.tensor(tau, dtype=dtype, device=device))
            return
        low, high = _bounds(tau, dt, bounds)
        shared = np.zeros(int(group.max()) + 1)
        shared[group] = tau
        if not np.array_equal(shared[group], tau):
            raise ValueError(
                "`CTRNN(learn_tau=...)` needs one initial τ for the neurons that share a learnable one; "
                "theirs differ. Learn one per area or per neuron, or pass one `tau`."
            )
        share = (1 / shared - 1 / high) / (1 / low - 1 / high)
        self.alpha_bounds = (dt / high, dt / low)
        start = torch.tensor(np.log(share / (1 - share)), dtype=dtype, device=device)
        self.raw = nn.Parameter(torch.zeros_like(start))
        self.register_buffer("start", start)
        self.register_buffer("time_constant", None)
        self.register_buffer("bounds", torch.tensor([low, high], dtype=torch.float64, device=device))
        self.register_buffer("group", torch.tensor(group, device=device), persistent=False)

    @property
    def learnable(self) -> bool:
        """Whether τ is a parameter."""
        return self.time_constant is None

    @property
    def alpha(self) -> Tensor:
        """(neuron,) dt / τ."""
        tau = self.time_constant
        if tau is not None:
            return self._steps.get(tau.dtype, self._steps[torch.float64]) / tau
        low, high = self.alpha_bounds
        alpha = low + (high - low) * torch.sigmoid(self.start + self.raw)
        rounding = 2 * torch.finfo(alpha.dtype).eps  # a sigmoid of 20 is 1 in float32
        return alpha.clamp(low * (1 + rounding), high * (1 - rounding))[self.group]

    @property
    def tau(self) -> Tensor:
        """(neuron,) τ in ms."""
        return self.dt / self.alpha if self.time_constant is None else self.time_constant

    def check_saved(self, state: Mapping[str, Any], prefix: str) -> None:
        """Refuse saved time constants that would mean others here.

        Raises:
            ValueError: where they are shorter than dt, or were learned within other bounds.
        """
        saved = state.get(f"{prefix}bounds" if self.learnable else f"{prefix}time_constant")
        if not isinstance(saved, Tensor) or not saved.numel():
            return
        if not self.learnable:
            _check_step(self.dt, float(saved.min()))
            return
        if not np.allclose(saved.tolist(), self.bounds.tolist(), rtol=1e-6):
            raise ValueError(
                f"`load_state_dict(...)` found time constants learned within tau_bounds={_text(saved)}; this "
                f"network's are {_text(self.bounds)}. Build the CTRNN with those of the file."
            )


def _text(bounds: Tensor) -> str:
    return f"({', '.join(f'{bound:g}' for bound in bounds.tolist())})"


def _check_step(dt: float, shortest: float) -> None:
    if dt > shortest * (1 + 1e-6):  # the slack is for a τ rounded to float32
        raise ValueError(
            f"`CTRNN(dt={dt:g})` needs a time step of at most the shortest τ, {shortest:g} ms. "
            "Shorten dt or lengthen τ."
        )


def _bounds(tau: NDArray[np.float64], dt: float, bounds: Any) -> tuple[float, float]:
    shortest, longest = float(tau.min()), float(tau.max())
    if bounds is None:
        if not dt / FASTEST < shortest:
            raise ValueError(
                f"`CTRNN(learn_tau=...)` needs every initial τ above dt / {FASTEST:g} = {dt / FASTEST:g} ms, "
                f"so that α can move; the shortest is {shortest:g} ms. Shorten dt or lengthen τ."
            )
        return dt / FASTEST, SLOWEST * longest
    call = f"CTRNN(tau_bounds={bounds!r})"
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise TypeError(f"`{call}` needs two numbers, the shortest and the longest τ in ms.")
    low, high = (_checks.positive(call, "tau_bounds", bound) for bound in bounds)
    if not dt < low < high:
        raise ValueError(f"`{call}` needs dt < shortest < longest τ, with dt = {dt:g} ms.")
    if not low < shortest <= longest < high:
        raise ValueError(
            f"`{call}` needs bounds around the initial τ, which runs from {shortest:g} to {longest:g} ms."
        )
    return low, high


def time_constants(net: Connectome, tau: Any) -> NDArray[np.float64]:
    """(neuron,) τ in ms: an explicit `tau` wins over an area's own, which wins over 100 ms.

    Args:
        net: the connectome.
        tau: None, one number, a mapping from area names to numbers, or (neuron,) numbers.

    Raises:
        ValueError, TypeError: for an unknown area, or anything but finite numbers above 0.
    """
    result = np.where(np.isnan(net.tau), TAU, net.tau)
    if tau is None:
        return result
    call = "CTRNN(tau=...)"
    if isinstance(tau, Mapping):
        areas = [area.name for area in net.areas]
        for name, value in tau.items():
            result[net.slice(_checks.known(call, "area", name, areas))] = _checks.positive(call, "tau", value)
        return result
    if np.ndim(tau) == 0:
        result[:] = _checks.positive(call, "tau", tau.item() if hasattr(tau, "item") else tau)
        return result
    choices = "one number, a mapping from areas to numbers, or one number per neuron"
    given = _arguments.per_neuron(call, choices, tau, net.n_neurons)
    if not (given > 0).all():
        raise ValueError(f"`{call}` needs every τ above 0 ms; the shortest is {given.min():g}.")
    return given


def shared_groups(net: Connectome, learn_tau: bool | str, bounds: Any = None) -> NDArray[np.int64] | None:
    """(neuron,) which learnable τ each neuron has; None where τ is fixed.

    Args:
        net: the connectome.
        learn_tau: False, or "network", "area", "neuron": who shares one; True is "area".
        bounds: the bounds asked for, which mean nothing for a fixed τ.

    Raises:
        ValueError: for another `learn_tau`, or bounds of a fixed τ.
    """
    if learn_tau is False:
        if bounds is not None:
            raise ValueError(
                "`CTRNN(tau_bounds=...)` bounds a τ that is learned; learn_tau is False. "
                "Add learn_tau='area' or leave tau_bounds out."
            )
        return None
    shared = "area" if learn_tau is True else learn_tau
    if not isinstance(shared, str) or shared not in SHARED:
        raise ValueError(
            f"`CTRNN(learn_tau=...)` needs False, True or one of {', '.join(SHARED)}; it got {learn_tau!r}."
        )
    if shared == "network":
        return np.zeros(net.n_neurons, np.int64)
    return net.area_index.astype(np.int64) if shared == "area" else np.arange(net.n_neurons)
