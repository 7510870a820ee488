"""The recurrence of a CTRNN against torch.nn.RNN and a dense loop; noise and states."""

import itertools
import math

import numpy as np
import pytest
import torch
from cases import each_network

import graphrnn as gr
from graphrnn.nn import State

FUNCTIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "retanh": lambda v: torch.tanh(v).clamp(min=0),
    "identity": lambda v: v,
}


def two_areas(size=12):
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 3)
    graph.add_area("V1", size, tau=20.0, excitatory=0.75)
    graph.add_area("PFC", size // 2, tau=80.0, excitatory=0.5)
    graph.add_readout("choice", 2)
    graph.project("stimulus", "V1", 0.7)
    graph.project("V1", "V1", 0.4)
    graph.project("V1", "PFC", 0.3)
    graph.project("PFC", "V1", gr.FixedIndegree(2))
    graph.project("PFC", "choice")
    return graph.compile(seed=3)


def isolated(n):
    """Neurons without synapses or inputs."""
    graph = gr.AreaGraph()
    graph.add_area("A", n)
    return graph.compile(seed=0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def build(net=None, **options):
    return gr.CTRNN(two_areas() if net is None else net, generator=seeded(), **options)


def dense_loop(rnn, x, tau):
    """Readout and rates (batch, time, …) of a CTRNN without noise, as one writes them down."""
    w_in, w, w_out = (layer.weight.to_dense() for layer in rnn.layers)
    alpha, f = rnn.dt / torch.tensor(tau, dtype=x.dtype), FUNCTIONS[rnn.activation]
    v = rnn.v0.expand(len(x), -1)
    r, rates = f(v), []
    for t in range(x.shape[1]):
        v = (1 - alpha) * v + alpha * (r @ w.T + x[:, t] @ w_in.T + rnn.hidden.bias)
        r = f(v)
        rates.append(r)
    rates = torch.stack(rates, 1)
    return rates @ w_out.T + rnn.readout.bias, rates


def close(got, wanted, tolerance):
    """To `tolerance` of the largest entry."""
    assert got.shape == wanted.shape
    if wanted.numel():
        assert (got - wanted).abs().max() <= tolerance * wanted.abs().max()


# against torch.nn.RNN ------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("backend", ["torch", "reference"])
def test_equals_torch_rnn_in_outputs_and_gradients_with_alpha_1_and_dense_masks(activation, backend):
    n, n_in, n_out = 40, 3, 2
    masks = [np.ones((n, n_in)), np.ones((n, n)), np.ones((n_out, n))]
    rnn = gr.CTRNN(
        sparsity_masks=masks, dt=10.0, tau=10.0, activation=activation, backend=backend, generator=seeded()
    )
    theirs = torch.nn.RNN(n_in, n, nonlinearity=activation, batch_first=True)
    linear = torch.nn.Linear(n, n_out)
    with torch.no_grad():
        rnn.hidden.bias.normal_(generator=seeded(1))
        theirs.weight_ih_l0.copy_(rnn.input.weight.to_dense())
        theirs.weight_hh_l0.copy_(rnn.hidden.weight.to_dense())
        theirs.bias_ih_l0.copy_(rnn.hidden.bias)
        theirs.bias_hh_l0.zero_()
        linear.weight.copy_(rnn.readout.weight.to_dense())
        linear.bias.copy_(rnn.readout.bias)
    ours_x, their_x = (torch.randn(5, 9, n_in, generator=seeded(2)).requires_grad_() for _ in range(2))

    readout, rates, state = rnn(ours_x)
    their_rates, last = theirs(their_x)
    their_readout = linear(their_rates)
    close(rates, their_rates, 1e-5)
    close(readout, their_readout, 1e-5)
    close(state.r, last[0], 1e-5)

    for output, r in ((readout, rates), (their_readout, their_rates)):
        (output.sin().sum() + 0.1 * (r**2).sum()).backward()
    pairs = {
        "x": (ours_x, their_x),
        "input": (rnn.input.values, theirs.weight_ih_l0),
        "hidden": (rnn.hidden.values, theirs.weight_hh_l0),
        "bias": (rnn.hidden.bias, theirs.bias_ih_l0),
        "readout": (rnn.readout.values, linear.weight),
        "readout bias": (rnn.readout.bias, linear.bias),
    }
    for ours, wanted in pairs.values():
        close(ours.grad.flatten(), wanted.grad.flatten(), 1e-5)


# against a dense loop ------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", FUNCTIONS)
@each_network
def test_equals_a_dense_loop_on_every_network_with_every_activation(net, activation):
    tau = np.random.default_rng(0).uniform(10, 200, net.n_neurons)
    options = {"activation": activation, "dtype": torch.float64, "dale": bool(net.sign.all())}
    rnn = build(net, tau=tau, initial_state=tau / 100, **options)
    with torch.no_grad():
        rnn.hidden.bias.normal_(generator=seeded(1))
    for batch, steps in ((4, 8), (1, 1)):
        x = torch.randn(batch, steps, net.n_inputs, generator=seeded(2), dtype=torch.float64)
        compare_to_dense_loop(rnn, x, tau)


@pytest.mark.parametrize(("options", "tau"), [({}, [20.0] * 12 + [80.0] * 6), ({"tau": 30.0}, [30.0] * 18)])
def test_equals_a_dense_loop_with_tau_per_area_and_per_network(options, tau):
    rnn = build(activation="tanh", dtype=torch.float64, **options)
    compare_to_dense_loop(rnn, torch.randn(4, 8, 3, generator=seeded(2), dtype=torch.float64), tau)


def compare_to_dense_loop(rnn, x, tau):
    """Outputs, and gradients of every parameter."""
    readout, rates, _ = rnn(x)
    wanted_readout, wanted_rates = dense_loop(rnn, x, tau)
    close(rates, wanted_rates, 1e-12)
    close(readout, wanted_readout, 1e-12)

    parameters = list(rnn.parameters())
    ours = torch.autograd.grad((readout.sin().sum() + rates.square().sum()), parameters)
    wanted = torch.autograd.grad((wanted_readout.sin().sum() + wanted_rates.square().sum()), parameters)
    for got, expected in zip(ours, wanted, strict=True):
        close(got, expected, 1e-10)


@pytest.mark.parametrize("activation", ["tanh", "softplus"])
@pytest.mark.parametrize("learn_tau", ["network", "area", "neuron"])
def test_gradcheck_with_learnable_tau_and_initial_state(activation, learn_tau):
    net = two_areas(4)
    rnn = build(
        net,
        activation=activation,
        dale=True,
        dtype=torch.float64,
        tau=50.0,
        learn_tau=learn_tau,
        initial_state="learn",
    )
    names, parameters = zip(*rnn.named_parameters(), strict=True)
    assert {"leak.raw", "v0"} <= set(names)
    x = torch.randn(2, 3, 3, generator=seeded(1), dtype=torch.float64)

    def run(x, *values):
        readout, rates, state = torch.func.functional_call(rnn, dict(zip(names, values, strict=True)), x)
        return readout, rates, state.v, state.r

    inputs = [tensor.detach().clone().requires_grad_() for tensor in (x, *parameters)]
    assert torch.autograd.gradcheck(run, inputs)


# layouts -------------------------------------------------------------------------------------------


def test_time_first_and_a_trial_without_batch_give_the_same_numbers():
    rnn = build()
    x = torch.randn(4, 7, 3, generator=seeded(1))
    readout, rates, state = rnn(x)
    assert (readout.shape, rates.shape) == ((4, 7, 2), (4, 7, 18))
    assert (state.v.shape, state.r.shape) == ((4, 18), (4, 18))

    rnn.batch_first = False
    other = rnn(x.transpose(0, 1))
    assert torch.equal(other[0].transpose(0, 1), readout)
    assert torch.equal(other[1].transpose(0, 1), rates)
    assert torch.equal(other[2].v, state.v)

    alone = rnn(x[2])
    assert (alone[0].shape, alone[1].shape, alone[2].v.shape) == ((7, 2), (7, 18), (18,))
    torch.testing.assert_close(alone[1], rates[2])
    again = rnn(x[2], alone[2])
    torch.testing.assert_close(again[1], rnn(x.transpose(0, 1), state)[1][:, 2])


def test_networks_without_inputs_readouts_or_synapses_run():
    rnn = build(isolated(3), initial_state=[1.0, -1.0, 0.5], tau=20.0, activation="identity")
    readout, rates, _ = rnn(torch.empty(2, 4, 0))
    assert readout.shape == (2, 4, 0)
    decay = torch.tensor([0.5, 0.25, 0.125, 0.0625])
    torch.testing.assert_close(rates[0], decay[:, None] * torch.tensor([1.0, -1.0, 0.5]))


# noise ---------------------------------------------------------------------------------------------


def test_noise_is_on_in_training_and_off_in_evaluation():
    x = torch.zeros(2, 5, 3)
    for option in ({"preact_noise": 0.1}, {"postact_noise": 0.1}):
        rnn = build(activation="tanh", **option)
        assert rnn.train() is rnn
        assert not torch.equal(rnn(x)[1], rnn(x)[1])
        assert rnn.eval() is rnn
        assert torch.equal(rnn(x)[1], rnn(x)[1])
        assert torch.equal(rnn(x)[1], build(activation="tanh")(x)[1])


def test_noise_is_reproducible_by_generator_and_by_torch_seed():
    rnn = build(preact_noise=0.1, postact_noise=0.2)
    x = torch.zeros(2, 5, 3)
    assert torch.equal(rnn(x, generator=seeded(7))[1], rnn(x, generator=seeded(7))[1])
    assert not torch.equal(rnn(x, generator=seeded(7))[1], rnn(x, generator=seeded(8))[1])
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        draws.append(rnn(x)[1])
    assert torch.equal(*draws)


@pytest.mark.parametrize("dt", [1.0, 10.0, 50.0])
def test_the_variance_of_v_is_that_of_the_ornstein_uhlenbeck_process_whatever_dt(dt):
    sigma, tau = 0.3, 100.0
    rnn = build(isolated(100), dt=dt, tau=tau, activation="identity", preact_noise=sigma)
    steps = int(4 * tau / dt)
    with torch.no_grad():
        v = rnn(torch.zeros(100, steps, 0), generator=seeded())[2].v
    # 10,000 independent values: the relative standard error of their variance is sqrt(2 / 10,000) = 1.4 %
    assert v.var().item() == pytest.approx(sigma**2 / (1 - dt / tau / 2), rel=0.05)
    assert abs(v.mean().item()) < 4 * sigma / 100


def test_the_noise_of_nn4n_is_this_one_times_the_root_of_two_over_alpha():
    dt, tau, theirs = 10.0, 50.0, 0.2
    alpha = dt / tau
    rnn = build(
        isolated(100), dt=dt, tau=tau, activation="identity", preact_noise=theirs * math.sqrt(alpha / 2)
    )
    v = rnn(torch.zeros(100, 1, 0), generator=seeded())[2].v
    assert v.std().item() == pytest.approx(alpha * theirs, rel=0.03)


def test_noise_after_the_activation_moves_the_rates_and_not_v():
    rnn = build(isolated(100), activation="tanh", postact_noise=0.5)
    _, rates, state = rnn(torch.zeros(100, 3, 0), generator=seeded())
    assert not state.v.any()
    assert rates.std().item() == pytest.approx(0.5, rel=0.03)
    assert torch.equal(state.r, rates[:, -1])


def test_gradients_under_both_noises_equal_those_of_the_dense_reference():
    gradients = []
    for backend in ("torch", "reference"):
        rnn = build(
            activation="tanh", preact_noise=0.3, postact_noise=0.3, learn_tau=True, backend=backend,
            dtype=torch.float64,
        )  # fmt: skip
        readout, rates, _ = rnn(torch.zeros(4, 6, 3, dtype=torch.float64), generator=seeded(1))
        gradients.append(torch.autograd.grad(readout.sum() + rates.square().sum(), list(rnn.parameters())))
    for ours, wanted in zip(*gradients, strict=True):
        close(ours, wanted, 1e-10)


# states --------------------------------------------------------------------------------------------

QUIET, NOISY = {}, {"preact_noise": 0.1, "postact_noise": 0.1}


@pytest.mark.parametrize("noise", [QUIET, {"preact_noise": 0.1}, {"postact_noise": 0.1}, NOISY])
@pytest.mark.parametrize("batch", [3, 16])
def test_feeding_the_state_back_continues_exactly(noise, batch):
    rnn = build(activation="tanh", **noise)
    x = torch.randn(batch, 20, 3, generator=seeded(1))
    readout, rates, last = rnn(x, generator=seeded(2))
    generator, state, parts = seeded(2), None, []
    for start, stop in itertools.pairwise((0, 1, 12, 20)):
        *part, state = rnn(x[:, start:stop], state, generator=generator)
        parts.append(part)
    assert torch.equal(torch.cat([part[0] for part in parts], 1), readout)
    assert torch.equal(torch.cat([part[1] for part in parts], 1), rates)
    assert torch.equal(state.v, last.v)
    assert torch.equal(state.r, last.r)


def test_gradients_flow_through_a_state_until_it_is_detached():
    rnn = build()
    x = torch.randn(2, 5, 3, generator=seeded(1)).requires_grad_()
    state = rnn(x)[2]
    rnn(torch.zeros(2, 5, 3), state)[1].sum().backward()
    assert x.grad.abs().sum() > 0
    cut = rnn(x)[2].detach()
    assert isinstance(cut, State)
    assert not cut.v.requires_grad
    assert not cut.r.requires_grad
    x.grad = None
    rnn(torch.zeros(2, 5, 3), cut)[1].sum().backward()
    assert x.grad is None


def test_a_state_given_as_v_sets_the_rates_too():
    rnn = build(activation="sigmoid")
    x, v = torch.randn(2, 5, 3, generator=seeded(1)), torch.randn(2, 18, generator=seeded(2))
    torch.testing.assert_close(rnn(x, v)[1], rnn(x, State(v, torch.sigmoid(v)))[1])


def test_initial_state_is_zero_given_or_learned():
    x = torch.zeros(2, 3, 3)
    assert not build().v0.any()
    start = np.linspace(-1, 1, 18)
    given = build(initial_state=start, activation="tanh")
    start[:] = 9  # the caller's array is not the network's
    torch.testing.assert_close(given.v0, torch.linspace(-1, 1, 18))
    assert "v0" not in dict(given.named_parameters())
    assert torch.equal(given(x)[1], build(activation="tanh")(x, given.v0.expand(2, -1))[1])
    before, given.v0 = given(x)[1], given.v0.repeat_interleave(2)[::2]  # whose numbers lie apart
    assert torch.equal(given(x)[1], before)

    learned = build(initial_state="learn", activation="tanh")
    assert not learned.v0.any()
    learned(x)[1].sum().backward()
    assert (learned.v0.grad != 0).all()
