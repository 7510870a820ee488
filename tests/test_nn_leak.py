"""Time constants: whose wins, and what learning may do to them."""

import numpy as np
import pytest
import torch

import graphrnn as gr
from graphrnn.nn import Leak
from graphrnn.nn.leak import time_constants


def two_areas():
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 3)
    graph.add_area("V1", 12, tau=20.0)
    graph.add_area("PFC", 6, tau=80.0)
    graph.add_readout("choice", 2)
    graph.project("stimulus", "V1", 0.7)
    graph.project("V1", "V1", 0.4)
    graph.project("V1", "PFC", 0.3)
    graph.project("PFC", "V1", gr.FixedIndegree(2))
    graph.project("PFC", "choice")
    return graph.compile(seed=3)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def build(net=None, **options):
    return gr.CTRNN(two_areas() if net is None else net, generator=seeded(), **options)


def test_explicit_tau_wins_over_that_of_the_area_and_that_over_100_ms():
    graph = gr.AreaGraph()
    graph.add_area("A", 2, tau=20.0)
    graph.add_area("B", 1)
    net = graph.compile(seed=0)
    assert time_constants(net, None).tolist() == [20, 20, 100]
    assert time_constants(net, 50).tolist() == [50, 50, 50]
    assert time_constants(net, np.float32(50)).tolist() == [50, 50, 50]
    assert time_constants(net, torch.tensor(50.0)).tolist() == [50, 50, 50]
    assert time_constants(net, {"A": 30.0}).tolist() == [30, 30, 100]
    assert time_constants(net, {"B": 30.0}).tolist() == [20, 20, 30]
    assert time_constants(net, [11, 12, 13]).tolist() == [11, 12, 13]
    assert time_constants(net, torch.tensor([11.0, 12, 13], requires_grad=True)).tolist() == [11, 12, 13]
    torch.testing.assert_close(gr.CTRNN(net, dt=5.0).leak.alpha, torch.tensor([0.25, 0.25, 0.05]))
    torch.testing.assert_close(gr.CTRNN(net, tau=[11, 12, 13]).leak.tau, torch.tensor([11.0, 12, 13]))


def test_alpha_is_exactly_one_where_tau_is_dt():
    dt = np.random.default_rng(0).uniform(1, 100, 300)
    for each in dt:
        assert Leak(np.array([each]), dt=each).alpha.item() == 1.0


@pytest.mark.parametrize(("learn_tau", "count"), [("network", 1), ("area", 2), ("neuron", 18), (True, 2)])
def test_tau_is_learned_per_network_area_or_neuron(learn_tau, count):
    net = two_areas()
    tau = 40.0 if learn_tau == "network" else None
    rnn = build(net, learn_tau=learn_tau, tau=tau)
    wanted = net.tau if tau is None else np.full(18, tau)
    torch.testing.assert_close(rnn.leak.tau.detach(), torch.tensor(wanted, dtype=torch.float32))
    assert rnn.leak.raw.shape == (count,)
    optimizer = torch.optim.Adam(rnn.parameters(), lr=0.1)
    rnn(torch.randn(4, 6, 3, generator=seeded(1)))[0].square().sum().backward()
    optimizer.step()
    assert (rnn.leak.tau.detach() - torch.tensor(wanted)).abs().max() > 0.1
    if learn_tau == "area":
        assert rnn.leak.tau[:12].unique().numel() == rnn.leak.tau[12:].unique().numel() == 1


@pytest.mark.parametrize("bounds", [None, (15.0, 90.0), (19.99, 80.01)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("direction", [-1, 1])
def test_a_learned_tau_stays_strictly_inside_its_bounds(bounds, dtype, direction):
    rnn = build(learn_tau="neuron", tau_bounds=bounds, dtype=dtype)
    low, high = bounds or (10 / 0.99, 800.0)
    optimizer = torch.optim.SGD([rnn.leak.raw], lr=1e6)
    for _ in range(3):
        optimizer.zero_grad()
        (direction * rnn.leak.tau.sum()).backward()
        optimizer.step()
        alpha = rnn.leak.alpha.detach().double()
        assert (alpha > 10 / high).all()
        assert (alpha < 10 / low).all()
        rates = rnn(torch.randn(2, 3, 3, dtype=dtype))[1]
        assert rates.isfinite().all()
    reached = low if direction > 0 else high
    assert rnn.leak.tau.detach().numpy() == pytest.approx(np.full(18, reached), rel=1e-5)


def test_a_learned_tau_starts_where_its_parameter_is_zero_and_is_saved_with_that_start():
    rnn = build(learn_tau="neuron")
    assert not rnn.leak.raw.any()
    with torch.no_grad():
        rnn.leak.raw.add_(0.3)
    other = build(learn_tau="neuron", tau=40.0, tau_bounds=tuple(rnn.leak.bounds.tolist()))
    other.load_state_dict(rnn.state_dict())
    assert torch.equal(other.leak.tau, rnn.leak.tau)
