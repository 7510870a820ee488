"""CTRNN: a continuous-time recurrent network on the synapses of a connectome."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graphrnn import _checks
from graphrnn._streams import Seed
from graphrnn.connectome import Connectome, Synapses
from graphrnn.kernels import (
    ACTIVATIONS,
    Matrix,
    autocasts,
    check_precision,
    choose_backend,
    recurrence,
    sparse_matmul,
)
from graphrnn.nn import _arguments
from graphrnn.nn import dynamics as further
from graphrnn.nn.dale import Dale, signs_in_force
from graphrnn.nn.delays import Delays, check_saved_delays, delay_steps
from graphrnn.nn.explain import explain
from graphrnn.nn.groups import parameter_groups, take_synapses
from graphrnn.nn.initialize import copy_weights, draw_fan_in, scale_to_radius
from graphrnn.nn.layer import SparseLayer
from graphrnn.nn.leak import Leak, shared_groups, time_constants
from graphrnn.nn.memory import memory_of_runs
from graphrnn.nn.networks import connectome_of
from graphrnn.nn.noise import draw_noise
from graphrnn.nn.plasticity import set_plasticity
from graphrnn.nn.sequences import check_x, start
from graphrnn.nn.state import State

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CTRNN"]

_WHICH = ("input", "hidden", "readout")


class CTRNN(nn.Module):
    """A continuous-time recurrent neural network on exactly the synapses of a connectome.

        v ← (1 - α) v + α (W r + W_in x + b) + √(2α) σ ε,   r = f(v) + σ' ε',   α = dt / τ
        readout = W_out r + b_out

    `values` of the three layers and the biases are the parameters; absent synapses do not exist. Noise
    is on in `train()` and off in `eval()`.

    Args:
        network: a `Connectome`, or an area graph or structure, which is compiled.
        sparsity_masks: instead of a network, three masks [input (neuron, input), hidden (neuron, neuron),
            readout (readout, neuron)]: scipy sparse, numpy or torch, in any mix.
        dt: time step in ms, default 10.
        tau: time constant in ms: one number, a mapping from area names, or (neuron,) numbers. Wins over
            the areas' own, which win over 100 ms.
        learn_tau: False, or "network", "area", "neuron": how many τ are learned. True is "area".
        tau_bounds: shortest and longest learnable τ in ms; default dt / 0.99 to ten times the longest
            initial τ.
        activation: f: "relu", "tanh", "sigmoid", "softplus", "retanh" (tanh, rectified) or "identity".
        preact_noise: σ of the noise in v; its effect does not depend on dt. nn4n adds α σ ε instead: its
            σ is √(2 / α) times this one.
        postact_noise: σ' of the noise on the rates.
        dale: Dale's law, from the signs of the neurons; holds at every moment. True is "abs"; the other
            forms are "rectify" and "softplus", see `graphrnn.nn.Dale`.
        positivity_constraints: Dale's law with every neuron excitatory, whatever its sign.
        delays: let the synapses among neurons that carry a delay read the rates of so many ms before, to the
            nearest step; a network without them is as it was. False: all read the step before.
        bias: biases on hidden neurons and readouts, initially 0.
        init: "fan_in" for normal weights of variance gain² / fan-in of each neuron, or "weights" for the
            connectome's own where it has them
            (under Dale's law their moduli).
        gain: see `init`; default 1.
        spectral_radius: scale the hidden weights to this; None leaves them.
        initial_state: v at the start of a sequence: None for 0, "learn", or (neuron,) numbers.
        dynamics: a `graphrnn.nn.Dynamics` or a list of them: `Adaptation`, `ShortTermPlasticity` or your own.
            The sequence then runs step by step, not in one call of a backend.
        batch_first: sequences are (batch, time, …), default, or else (time, batch, …).
        checkpoint: keep the rates of every so-many-th step alone, and of the last, and compute the others
            again in the backward pass: less memory for a second forward pass. Default None keeps all.
        backend: "auto" or the name of a backend. "auto" takes the fastest that runs on the device, never
            "torch_sparse", and "triton" on CUDA alone, after a check there; `explain` shows the choice.
        precision: "exact", or "tf32" or "bf16" to round the inputs of every product of the sequence (float32
            alone); v, sums and gradients of the weights stay in float32.
        seed: seed of the wiring, for a graph or structure that is compiled here.
        generator: source of the initial weights; None for torch's default.
        device: torch device.
        dtype: float32 or float64; default torch's default dtype.

    Raises:
        ValueError, TypeError: for an argument out of range, of the wrong shape or type.

    Example:
        >>> import torch
        >>> import graphrnn as gr
        >>> net = gr.MultiArea(dims=[2, 100, 1]).compile(seed=0)
        >>> rnn = gr.CTRNN(net, dt=10.0, tau=50.0, activation="tanh")
        >>> readout, rates, state = rnn(torch.randn(8, 30, 2))
        >>> readout.shape, rates.shape
        (torch.Size([8, 30, 1]), torch.Size([8, 30, 100]))

    Source:
        Song, Yang & Wang, PLoS Comput. Biol. 12(2): e1004792 (2016), equations 1 to 3.
    """

    v0: Tensor
    dynamics: nn.ModuleList | None
    input: SparseLayer
    hidden: SparseLayer
    readout: SparseLayer
    grouped_by = "layer"  # how parameter_groups split the values last

    def __init__(
        self,
        network: Any = None,
        *,
        sparsity_masks: Any = None,
        dt: float = 10.0,
        tau: Any = None,
        learn_tau: bool | str = False,
        tau_bounds: tuple[float, float] | None = None,
        activation: str = "relu",
        preact_noise: float = 0.0,
        postact_noise: float = 0.0,
        dale: bool | str = False,
        positivity_constraints: bool = False,
        delays: bool = True,
        bias: bool = True,
        init: str = "fan_in",
        gain: float = 1.0,
        spectral_radius: float | None = None,
        initial_state: Any = None,
        dynamics: Any = None,
        batch_first: bool = True,
        checkpoint: int | None = None,
        backend: str = "auto",
        precision: str = "exact",
        seed: Seed = None,
        generator: torch.Generator | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        call = "CTRNN(...)"
        self.net = connectome_of(network, sparsity_masks, seed)
        self.dt = _checks.positive(call, "dt", dt)
        self.activation = _checks.one_of(call, "activation", activation, ACTIVATIONS)
        self.preact_noise = _checks.nonnegative(call, "preact_noise", preact_noise)
        self.postact_noise = _checks.nonnegative(call, "postact_noise", postact_noise)
        self.batch_first = _checks.boolean(call, "batch_first", batch_first)
        self.checkpoint = None if checkpoint is None else _checks.count(call, "checkpoint", checkpoint)
        self.backend = backend
        device = _arguments.device_here(call, device)
        kind = {"device": device, "dtype": _arguments.precision(call, dtype)}
        self.delays = _delays(self.net, self.dt, delays, self.checkpoint, device)
        self.precision = check_precision(call, precision, kind["dtype"])
        choose_backend(backend, **kind, precision=precision)  # refuse one that does not run there
        self.dynamics = further.attach(dynamics, self.net.n_neurons, self.dt, **kind)
        settings = (self.checkpoint, self.backend, self.precision)
        if self.dynamics and (settings != (None, "auto", "exact") or self.delays is not None):
            raise ValueError(
                "`CTRNN(dynamics=...)` runs step by step, without a backend of the recurrence, "
                "checkpoints, rounded products and delays. Leave `backend`, `checkpoint` and `precision` "
                "out, and pass delays=False."
            )

        group = shared_groups(self.net, learn_tau, tau_bounds)
        self.leak = Leak(time_constants(self.net, tau), self.dt, group=group, bounds=tau_bounds, **kind)
        self._sign, self._form = signs_in_force(self.net, dale, positivity_constraints)
        _checks.boolean(call, "bias", bias)
        for which in _WHICH:
            synapses = self.net.synapses(which)
            law = self.constraint(which, synapses)
            layer = SparseLayer(synapses, bias=bias and which != "input", constraint=law, **kind)
            self.add_module(which, layer)
        _arguments.generator_on(call, generator, device)
        self._initialize(init, _checks.positive(call, "gain", gain), spectral_radius, generator)
        self._set_initial_state(initial_state, **kind)
        self.register_load_state_dict_pre_hook(_check_saved)  # type: ignore[no-untyped-call]

    def _initialize(
        self, init: str, gain: float, radius: float | None, generator: torch.Generator | None
    ) -> None:
        _checks.one_of("CTRNN(...)", "init", init, ("fan_in", "weights"))
        if radius is not None:
            radius = _checks.positive("CTRNN(...)", "spectral_radius", radius)
        if init == "weights" and all(self.net.synapses(which).weight is None for which in _WHICH):
            raise ValueError(
                "`CTRNN(init='weights')` needs a network with weights; this one has none. "
                "Leave init out to draw them."
            )
        for which, layer in zip(_WHICH, self.layers, strict=True):
            synapses = self.net.synapses(which)
            draw_fan_in(layer, synapses, gain, generator, balance=which == "hidden")
            if init == "weights":
                copy_weights(layer, synapses)
        if radius is not None:
            scale_to_radius(self.hidden, self.net.hidden, radius)

    def _set_initial_state(self, initial_state: Any, device: torch.device, dtype: torch.dtype) -> None:
        n = self.net.n_neurons
        learned = isinstance(initial_state, str) and initial_state == "learn"
        if initial_state is None or learned:
            start = torch.zeros(n, device=device, dtype=dtype)
        else:
            choices = "None, 'learn' or one number per neuron"
            numbers = _arguments.per_neuron("CTRNN(initial_state=...)", choices, initial_state, n)
            start = torch.tensor(numbers, device=device, dtype=dtype)
        if learned:
            self.v0 = nn.Parameter(start)
        else:
            self.register_buffer("v0", start)

    def _apply(self, fn: Any, recurse: bool = True) -> CTRNN:
        """What `.to("cuda")` and the like go through; they fail before the first tensor has moved."""
        try:
            return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        except (AssertionError, RuntimeError) as error:
            why = _arguments.no_cuda()
            if why is None or not re.search("CUDA|NVIDIA", str(error)):
                raise
            raise ValueError(f"`rnn.to('cuda')` needs a GPU; {why}, or stay on the CPU.") from error

    @property
    def layers(self) -> list[SparseLayer]:
        """The input, hidden and readout layers, each with `.weight` (post, pre), sparse COO."""
        return [*map(self._modules.__getitem__, _WHICH)]  # type: ignore[list-item]

    def constraint(self, which: str, synapses: Synapses) -> Dale | None:
        """Dale's law for synapses of the input, hidden or readout layer; None where it does not hold."""
        if self._sign is None or which == "input":
            return None
        return Dale(torch.from_numpy(self._sign[synapses.pre]), self._form)

    def set_plasticity(
        self,
        plasticity: Any,
        which: str | None = None,
        *,
        kind: Any = None,
        pre: Any = None,
        post: Any = None,
    ) -> None:
        """Say how far some synapses follow their training; others stay as they were.

        The update of a synapse is `plasticity` times that of a free one, under any optimizer: 1 is free, 0
        is frozen, weight decay and momentum included. The weights do not change by this call, so it can
        be made at any time during training. A `state_dict` keeps it.

        Args:
            plasticity: a number from 0 to 1, or for one layer a (post, pre) matrix (numpy, scipy sparse or
                torch) or one number per synapse.
            which: "input", "hidden" or "readout"; None for all three, or for hidden where `plasticity` is a
                matrix.
            kind: a kind of projection or several; None for all.
            pre: a source or several, by name; None for all.
            post: a target or several, by name; None for all.

        Raises:
            ValueError: for a plasticity out of range, a name that does not exist, or no synapse at all.

        Example:
            >>> import graphrnn as gr
            >>> rnn = gr.CTRNN(gr.MultiArea(seed=0))
            >>> rnn.set_plasticity(0.0)  # all are frozen
            >>> rnn.set_plasticity(0.5, kind="backward")  # but these, which are half as plastic as others
            >>> rnn.set_plasticity(1.0, pre="area 0", post="area 1")
        """
        set_plasticity(self, plasticity, which, kind, pre, post)

    def parameter_groups(
        self, by: str = "kind", options: Mapping[Any, Mapping[str, Any]] | None = None
    ) -> list[dict[str, Any]]:
        """Parameter groups for an optimizer, each with its `name` and options such as `lr`.

        The synapses are one group per kind of projection, projection or layer; "bias", "tau" and "initial
        state" are groups too where they are learned. A layer's values are split for this (its `values` joins
        them); a `state_dict` has them merged. Make the optimizer afterwards.

        Args:
            by: "kind", "projection" or "layer". A projection is called "V1 → PFC", or ("V1", "PFC").
            options: options of some groups; those of the others are the optimizer's own.

        Raises:
            ValueError: for a group that does not exist.

        Example:
            >>> import torch
            >>> import graphrnn as gr
            >>> rnn = gr.CTRNN(gr.MultiArea(seed=0))
            >>> groups = rnn.parameter_groups("kind", {"backward": {"lr": 1e-4}})
            >>> optimizer = torch.optim.AdamW(groups, lr=1e-3)
            >>> [(group["name"], group["lr"]) for group in optimizer.param_groups][:3]
            [('input', 0.001), ('within', 0.001), ('backward', 0.0001)]
        """
        return parameter_groups(self, by, options or {})

    def forward(
        self, x: Tensor, state: State | Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """Run a sequence.

        Args:
            x: (batch, time, input), or (time, batch, input) without `batch_first`; (time, input) for one
                trial without a batch.
            state: the state a former call returned, or v as (batch, neuron); None for the initial state.
            generator: source of the noise; None for torch's default.

        Returns:
            readout (batch, time, readout), rates (batch, time, neuron) and the state to continue from; laid
            out as `x` is. With `checkpoint=k` the rates of steps k, 2k, … and of the last alone: their time
            axis is no longer that of `x`, which matters to whoever plots them.

        Raises:
            ValueError, TypeError: for x or a state of another size, precision or device, or no time step.
        """
        entry, hidden, end = self.layers
        values = hidden.values
        check_x(x, self.net.n_inputs, self.batch_first, values)
        if autocasts(x.device.type):  # the recurrence keeps its precision, because small steps of v need it
            with torch.autocast(x.device.type, enabled=False):
                return self.forward(x.to(values.dtype), state, generator=generator)
        _arguments.same_precision("rnn(x)", "x", x, values)
        alone = x.ndim == 2
        steps = x[:, :, None] if alone else x.permute((1, 2, 0) if self.batch_first else (0, 2, 1))
        v0, r0 = start(state, self.v0, steps.shape[2], alone)
        (weights, pattern), late = hidden.matrix, self.delays
        if late is not None:
            r0 = late.before(state, self._rates(v0) if r0 is None else r0, alone)
            weights, pattern = late.arrange(weights), late.pattern
        alpha = self.leak.alpha
        _arguments.generator_on("rnn(x, generator=...)", generator, x.device)
        drive = rate_noise = None
        if self.training and (self.preact_noise or self.postact_noise):
            sigmas = self.preact_noise, self.postact_noise
            drive, rate_noise = draw_noise(sigmas, self.net.n_neurons, steps, alpha, generator)
        if self.dynamics:
            before = v0, self._rates(v0) if r0 is None else r0
            return self._run_dynamics(steps, state, before, alpha, drive, rate_noise, alone)
        rates, v, readout = recurrence(
            weights,
            pattern,
            drive,
            alpha,
            v0,
            r0,
            input=entry.matrix,
            x=steps,
            bias=hidden.bias,
            readout=end.matrix,
            readout_bias=end.bias,
            activation=self.activation,
            rate_noise=rate_noise,
            checkpoint=self.checkpoint,
            backend=self.backend,
            precision=self.precision,
        )
        assert readout is not None
        past = None if late is None or r0 is None else late.after(r0, rates, alone)
        return self._given_back(rates, v, readout, alone, past)

    def _rates(self, v: Tensor) -> Tensor:
        return ACTIVATIONS[self.activation].function(v)

    def _run_dynamics(
        self,
        x: Tensor,
        state: State | Tensor | None,
        before: tuple[Tensor, Tensor],
        alpha: Tensor,
        noise: Tensor | None,
        rate_noise: Tensor | None,
        alone: bool,
    ) -> tuple[Tensor, Tensor, State]:
        drive = sparse_matmul(*self.input.matrix, x)
        for part in (None if self.hidden.bias is None else self.hidden.bias[:, None], noise):
            drive = drive if part is None else drive + part
        hidden = Matrix(self.hidden.weights, self.hidden.pattern)
        run = further.run(
            self._dynamics(),
            self._variables(state, before[1], alone),
            drive,
            hidden,
            self.readout.matrix,
            alpha,
            *before,
            activation=self.activation,
            rate_noise=rate_noise,
            dt=self.dt,
        )
        bias = self.readout.bias
        output = run.output if bias is None else run.output + bias[:, None]
        return self._given_back(run.rates, run.v, output, alone, None, run.variables)

    def _dynamics(self) -> list[further.Dynamics]:
        return [one for one in self.dynamics or () if isinstance(one, further.Dynamics)]

    def _variables(self, state: State | Tensor | None, r0: Tensor, alone: bool) -> tuple[Tensor, ...]:
        """The variables of the dynamics before the first step, each (neuron, batch)."""
        fresh = further.start(self._dynamics(), r0)
        if not isinstance(state, State):
            return fresh
        given = tuple(one[:, None] if alone else one.T for one in state.variables)
        if [one.shape for one in given] != [one.shape for one in fresh]:
            raise ValueError(
                f"`rnn(x, state)` needs a state with the {len(fresh)} variables of this network's dynamics; "
                f"it got one with {len(given)}. Hand back the state that a former call returned."
            )
        for one in given:
            _arguments.same_device("rnn(x, state)", "the state", one, self.hidden.values)
            _arguments.same_precision("rnn(x, state)", "the state", one, self.hidden.values)
        return given

    def _given_back(
        self,
        rates: Tensor,
        v: Tensor,
        readout: Tensor,
        alone: bool,
        past: Tensor | None,
        variables: tuple[Tensor, ...] = (),
    ) -> tuple[Tensor, Tensor, State]:
        """What a sequence came to, laid out as its input was."""
        if alone:
            state = State(v[:, 0], rates[-1, :, 0], past, tuple(one[:, 0] for one in variables))
            return readout[:, :, 0], rates[:, :, 0], state
        order, time = ((2, 0, 1), 1) if self.batch_first else ((0, 2, 1), 0)
        rates = rates.permute(order)
        state = State(v.T, rates.select(time, -1), past, tuple(one.T for one in variables))
        return readout.permute(order), rates, state

    def to_connectome(self) -> Connectome:
        """The network with the weights and time constants that it has now, as a `Connectome`.

        Each synapse gets its weight as the dynamics see it, after Dale's law, in the precision of the
        parameters; each neuron its τ. Biases, the initial state, noise and dt have no place in a
        connectome: keep the `state_dict` too where they matter. The tensors are copied, so that training
        may go on.

        Example:
            >>> import torch
            >>> import graphrnn as gr
            >>> rnn = gr.CTRNN(gr.MultiArea(dims=[1, 10, 1]), seed=0)
            >>> net = rnn.to_connectome()
            >>> again = gr.CTRNN(net, init="weights")
            >>> torch.equal(again.hidden.values, rnn.hidden.values)
            True
        """
        weights = {
            which: layer.weights.detach().cpu().numpy().copy()
            for which, layer in zip(_WHICH, self.layers, strict=True)
        }
        tau = self.leak.tau.detach().cpu().double().numpy()
        after = self.net.provenance.then(
            "CTRNN.to_connectome",
            choices={
                "activation": self.activation,
                "dt": self.dt,
                "dale": self.hidden.constraint is not None,
                "learn_tau": self.leak.learnable,
                "torch": torch.__version__,
            },
        )
        return dataclasses.replace(self.net.with_weights(**weights), tau=tau, provenance=after)

    def plot_layers(self) -> Figure:
        """The weights of the three layers, each with its histogram; a matplotlib Figure."""
        from graphrnn import plots

        return plots.layers(
            [(which, _to_scipy(layer)) for which, layer in zip(_WHICH, self.layers, strict=True)],
            net=self.net,
        )

    def memory(self, time_steps: int, batch: int, *, training: bool = True) -> int:
        """Bytes that a run will take at most: index arrays, weights, rates and what goes with them.

        Args:
            time_steps: T of the sequence.
            batch: trials.
            training: forward pass, a loss on the readout, backward pass and Adam; False for a forward pass
                without gradients (and, as in `eval()`, without noise).

        Raises:
            ValueError: where no figure is known: for the backend "reference", and with further dynamics.

        Example:
            >>> import graphrnn as gr
            >>> net = gr.MultiArea(dims=[1, 1000, 1]).compile(seed=0)
            >>> every, some = gr.CTRNN(net), gr.CTRNN(net, checkpoint=45)
            >>> some.memory(1000, 64) < every.memory(1000, 64) / 5
            True
        """
        call = "rnn.memory(...)"
        _checks.count(call, "time_steps", time_steps)
        _checks.count(call, "batch", batch)
        found = memory_of_runs(self, _checks.boolean(call, "training", training))
        if found is None:
            raise ValueError(
                f"`{call}` knows no figure for further dynamics and the backend `reference`. Measure a run."
            )
        synapses = sum(layer.pattern.n_synapses for layer in self.layers)
        return found.total(self.net.n_neurons, synapses, time_steps, batch)

    def explain(self) -> str:
        """Which backend runs the recurrence, in which form each layer is multiplied, why, and its memory."""
        return explain(self)

    def extra_repr(self) -> str:
        precision = "" if self.precision == "exact" else f", precision={self.precision!r}"
        return f"{self.net!r}, dt={self.dt:g}, activation={self.activation!r}{precision}"


def _delays(net: Connectome, dt: float, wanted: Any, checkpoint: int | None, device: Any) -> Delays | None:
    """The delays of the network's synapses; None where they are not wanted or all are below half a step."""
    if not _checks.boolean("CTRNN(...)", "delays", wanted) or not delay_steps(net.hidden, dt).any():
        return None
    if checkpoint is not None:
        raise ValueError(
            f"`CTRNN(checkpoint={checkpoint})` keeps the rates of some steps alone, and the delays of this "
            "network read those of all. Leave checkpoint out, or pass delays=False."
        )
    return Delays(net.hidden, dt, device)


def _to_scipy(layer: SparseLayer) -> Any:
    from scipy.sparse import coo_array

    post, pre = layer.pattern.post.cpu().numpy(), layer.pattern.pre.cpu().numpy()
    return coo_array((layer.weights.detach().cpu().numpy(), (post, pre)), shape=layer.pattern.shape)


def _check_saved(rnn: CTRNN, state: Mapping[str, Any], prefix: str, *_: Any) -> None:
    """Before anything is copied: a state of other synapses leaves the network as it was."""
    rnn.leak.check_saved(state, f"{prefix}leak.")
    check_saved_delays(rnn.delays, state, prefix)
    others = {
        which: layer.check_saved(state, f"{prefix}{which}.", partial(rnn.constraint, which))
        for which, layer in zip(_WHICH, rnn.layers, strict=True)
    }
    for which, synapses in others.items():
        if synapses is not None:
            take_synapses(rnn, which, synapses)
