"""Adaptation, short-term plasticity your own dynamics, against loops and integrators."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import graphrnn as gr
from graphrnn.nn import Adaptation, Change, Dynamics, ShortTermPlasticity, State, Step, prune

N, STEPS, BATCH = 30, 12, 3


@pytest.fixture
def net():
    return gr.MultiArea(n_areas=3, dims=[2, N, 2], area_connectivities=[0.3, 0.2, 0.5], seed=0).compile()


@pytest.fixture
def x():
    return torch.randn(BATCH, STEPS, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def build(net, dynamics=None, **options):
    options = {"dt": 10.0, "tau": 40.0, "spectral_radius": 0.9, "dtype": torch.float64, **options}
    return gr.CTRNN(net, dynamics=dynamics, generator=torch.Generator().manual_seed(0), **options)


class Nothing(Dynamics):
    def start(self, rates):
        return ()

    def step(self, rates, variables, dt):
        return Change(())


class Gain(Dynamics):
    def __init__(self, gain):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(gain))

    def start(self, rates):
        return (torch.zeros_like(rates),)

    def step(self, rates, variables, dt):
        return Change((variables[0] + 1,), efficacy=self.gain.expand_as(rates))


def gradients(rnn, loss):
    return dict(
        zip(
            [name for name, _ in rnn.named_parameters()],
            torch.autograd.grad(loss, list(rnn.parameters())),
            strict=True,
        )
    )


@pytest.mark.parametrize("options", [{}, {"learn_tau": True}, {"bias": False}, {"initial_state": "learn"}])
def test_dynamics_that_do_nothing_change_nothing(net, x, options):
    plain, further = build(net, **options), build(net, Nothing(), **options)
    for one, other in zip(plain(x)[:2], further(x)[:2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    mine, theirs = (gradients(rnn, rnn(x)[0].square().sum()) for rnn in (further, plain))
    assert mine.keys() == theirs.keys()
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, theirs[name], rtol=1e-9, atol=1e-12)


def by_hand(rnn, x, strength=None, tau_a=None, U=None, tau_f=None, tau_d=None, hertz=None):
    """Equations of the two dynamics in dense torch, one trial after another."""
    W, W_in, W_out = (layer.weight.to_dense() for layer in (rnn.hidden, rnn.input, rnn.readout))
    dt, alpha, outputs = rnn.dt, rnn.leak.alpha, []
    for trial in x:
        v = torch.zeros(N, dtype=x.dtype)
        r, a, depressed, u = (
            torch.relu(v),
            torch.zeros_like(v),
            torch.ones_like(v),
            torch.ones_like(v) * (U or 1),
        )
        rates = []
        for now in trial:
            current, sent = W_in @ now + rnn.hidden.bias, r
            if strength is not None:
                a = r + (a - r) * np.exp(-dt / tau_a)
                current = current - strength * a
            if U is not None:
                sent = u * depressed / U * r
                spikes = r * hertz / 1000
                speed = 1 / tau_d + u * spikes
                end = 1 / tau_d / speed
                speed_u = 1 / tau_f + U * spikes
                end_u = (U / tau_f + U * spikes) / speed_u
                depressed = end + (depressed - end) * torch.exp(-dt * speed)
                u = end_u + (u - end_u) * torch.exp(-dt * speed_u)
            v = (1 - alpha) * v + alpha * (W @ sent + current)
            r = torch.relu(v)
            rates.append(r)
        outputs.append(torch.stack(rates) @ W_out.T + rnn.readout.bias)
    return torch.stack(outputs)


ADAPTATION = {"strength": 0.7, "tau_a": 80.0}
PLASTICITY = {"U": 0.3, "tau_f": 300.0, "tau_d": 100.0, "hertz": 20.0}


def made(adaptation, plasticity):
    found = [Adaptation(0.7, tau=80.0)] if adaptation else []
    return found + ([ShortTermPlasticity(0.3, 300.0, 100.0, 20.0)] if plasticity else [])


@pytest.mark.parametrize(("adaptation", "plasticity"), [(True, False), (False, True), (True, True)])
def test_outputs_and_gradients_are_those_of_a_loop_by_hand(net, x, adaptation, plasticity):
    rnn = build(net, made(adaptation, plasticity))
    numbers = (ADAPTATION if adaptation else {}) | (PLASTICITY if plasticity else {})
    readout, oracle = rnn(x)[0], by_hand(rnn, x, **numbers)
    torch.testing.assert_close(readout, oracle, rtol=1e-10, atol=1e-12)
    assert (readout - build(net)(x)[0]).abs().max() > 1e-3  # they do something
    mine, theirs = (gradients(rnn, out.square().sum()) for out in (readout, oracle))
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, theirs[name], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("rate", [0.0, 0.5, 3.0])
def test_short_term_plasticity_follows_its_differential_equations(rate):
    """A constant rate in steps of 10 ms against an integrator; u is exact, x to the change of u in a step."""
    one, dt, steps = ShortTermPlasticity(0.2, 1500.0, 200.0, 10.0), 1.0, 400
    rates = torch.full((1, 1), rate, dtype=torch.float64)
    variables = one.start(rates)
    for _ in range(steps):
        variables = one.step(rates, variables, dt).variables
    spikes = rate * 10 / 1000

    def slope(_, y):
        x, u = y
        return [(1 - x) / 200 - u * x * spikes, (0.2 - u) / 1500 + 0.2 * (1 - u) * spikes]

    exact = solve_ivp(slope, (0, dt * steps), [1.0, 0.2], rtol=1e-10, atol=1e-12).y[:, -1]
    assert float(variables[1]) == pytest.approx(exact[1], rel=1e-8)
    assert float(variables[0]) == pytest.approx(exact[0], rel=1e-3)


@pytest.mark.parametrize("dt", [1.0, 100.0, 1e5])
def test_x_and_u_stay_between_0_and_1_at_any_step_and_rate(dt):
    one = ShortTermPlasticity()
    rates = torch.tensor([[-5.0, 0.0, 1.0, 1e6]], dtype=torch.float64)
    variables = one.start(rates)
    for _ in range(50):
        change = one.step(rates, variables, dt)
        variables = change.variables
        assert all(((v >= 0) & (v <= 1)).all() for v in variables)
        assert change.efficacy.isfinite().all()
    assert change.efficacy[0, :2].tolist() == [1.0, 1.0]  # at rest a synapse has its weight


def test_adaptation_of_a_constant_rate_has_the_exact_exponential():
    one = Adaptation([1.0, 0.0], tau=[50.0, 100.0])
    rates, variables = torch.ones(2, 1, dtype=torch.float64), (torch.zeros(2, 1, dtype=torch.float64),)
    for _ in range(7):
        change = one.step(rates, variables, 10.0)
        variables = change.variables
    torch.testing.assert_close(
        variables[0][:, 0], 1 - torch.exp(-70 / torch.tensor([50.0, 100.0], dtype=torch.float64))
    )
    assert change.current[1, 0] == 0


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_sequence_in_two_parts_is_the_whole_noise_included(net, x, batch_first):
    rnn = build(net, made(True, True), preact_noise=0.1, postact_noise=0.1, batch_first=batch_first)
    x = x if batch_first else x.transpose(0, 1)
    time = 1 if batch_first else 0
    whole = rnn(x, generator=torch.Generator().manual_seed(3))
    generator, first, second = torch.Generator().manual_seed(3), *x.split((5, STEPS - 5), time)
    a = rnn(first, generator=generator)
    b = rnn(second, a[2].detach(), generator=generator)
    torch.testing.assert_close(torch.cat((a[1], b[1]), time), whole[1], rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(b[2].variables, whole[2].variables, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
        assert mine.shape == (BATCH, N)
    alone = rnn.eval()(x[0] if batch_first else x[:, 0])
    assert alone[2].variables[0].shape == (N,)
    rnn(x[0] if batch_first else x[:, 0], alone[2])


def test_parameters_of_ones_own_learn_and_masks_hold(net, x):
    rnn = build(net, [Gain(0.5), Adaptation(0.1)])
    optimizer = torch.optim.AdamW(rnn.parameters(), lr=0.01, weight_decay=0.1)
    target, losses = torch.sin(torch.arange(STEPS, dtype=x.dtype))[:, None], []
    for _ in range(30):
        optimizer.zero_grad()
        loss = (rnn(x)[0] - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert rnn.dynamics[0].gain.item() != 0.5
    weight = rnn.hidden.weight.to_dense().detach().numpy()
    assert not weight[net.hidden_mask.toarray() == 0].any()
    prune(rnn, 0.2, optimizer=optimizer)
    rnn(x)[0].sum().backward()


def test_they_are_saved_and_loaded_and_converted(net, x):
    rnn = build(net, [Gain(0.5), Adaptation(np.linspace(0, 1, N))])
    other = build(net, [Gain(0.1), Adaptation(0.3 + np.zeros(N))])
    other.load_state_dict(rnn.state_dict())
    torch.testing.assert_close(rnn(x)[0], other(x)[0], rtol=0, atol=0)
    assert build(net, Adaptation(1.0), dtype=torch.float32)(x.float())[1].dtype == torch.float32
    assert "step by step, with Gain, Adaptation" in rnn.explain()


class Wrong(Dynamics):
    def start(self, rates):
        return (rates,)

    def step(self, rates, variables, dt):
        return Change(variables, current=rates[0])


class Bare(Wrong):
    def step(self, rates, variables, dt):
        return rates


WITHOUT = (
    "`CTRNN(dynamics=...)` runs step by step, without a backend of the recurrence, checkpoints, rounded "
    "products and delays. Leave `backend`, `checkpoint` and `precision` out, and pass delays=False."
)
MISTAKES = [
    (lambda net: Adaptation(float("nan")), "`Adaptation(...)` needs `strength` to be finite; it got nan."),
    (
        lambda net: Adaptation(torch.ones(2, 2)),
        "`Adaptation(...)` needs `strength` to be one finite number, or one for each neuron; it got "
        "tensor([[1., 1.],\n        [1., 1.]]).",
    ),
    (lambda net: Adaptation(1.0, tau=0.0), "`Adaptation(...)` needs `tau` above 0; the smallest is 0."),
    (lambda net: ShortTermPlasticity(1.5), "`ShortTermPlasticity(...)` needs `U` of at most 1; it got 1.5."),
    (
        lambda net: build(net, Adaptation([1.0, 2.0])),
        "`Adaptation(strength=...)` needs one number, or one for each of the 30 neurons; it got 2.",
    ),
    (
        lambda net: build(net, [torch.nn.ReLU()]),
        "`CTRNN(dynamics=...)` needs a `graphrnn.nn.Dynamics` or a list of them; it got ReLU. Derive a class "
        "from Dynamics.",
    ),
    (
        lambda net: build(net, Wrong()),
        "`Wrong.step(...)` needs `current` like the rates, (neuron, batch) = (30, 2) in this trial; it gave "
        "(2,).",
    ),
    (lambda net: build(net, Bare()), "`Bare.step(...)` needs to return a `Change`; it gave Tensor."),
    (
        lambda net: build(net, Nothing(), checkpoint=3),
        WITHOUT,
    ),
    (
        lambda net: build(net, Nothing(), dtype=torch.float32, precision="bf16"),
        WITHOUT,
    ),
    (
        lambda net: build(net, Adaptation(1.0))(
            torch.zeros(1, 2, 2, dtype=torch.float64), State(*torch.zeros(2, 1, N, dtype=torch.float64))
        ),
        "`rnn(x, state)` needs a state with the 1 variables of this network's dynamics; it got one with 0. "
        "Hand back the state that a former call returned.",
    ),
    *(
        (
            lambda net, to=to: build(net, Adaptation(1.0))(
                torch.zeros(1, 2, 2, dtype=torch.float64),
                State(
                    *torch.zeros(2, 1, N, dtype=torch.float64),
                    variables=(torch.zeros(1, N, dtype=torch.float64).to(to),),
                ),
            ),
            f"`rnn(x, state)` needs the state {wanted}.",
        )
        for to, wanted in (
            ("meta", "on the network's device, cpu; it got meta. Move it with .to('cpu')"),
            (
                torch.float32,
                "in the network's precision, torch.float64; it got torch.float32. "
                "Convert it with .to(torch.float64)",
            ),
        )
    ),
    (
        lambda net: Step(build(net, Adaptation(1.0))),
        "`Step(rnn)` has no place for further dynamics, and this network has Adaptation. Export one without.",
    ),
    (lambda net: build(net, Dynamics()), "`Dynamics` needs a method `start(rates)`."),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES)
def test_mistakes(net, call, message):
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=f"^{re.escape(message)}$"):
        call(net)
