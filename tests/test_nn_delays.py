"""Delays of a network: from ms to steps, states that continue, and what refuses them."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch

import graphrnn as gr
from graphrnn.kernels import available_backends
from graphrnn.nn import Rewiring, State, Step, prune, rewire

DT = 10.0


def graph(delay=30.0, back=12.0):
    drawn = gr.AreaGraph()
    drawn.add_input("x", 2)
    drawn.add_area("A", 8, excitatory=0.5, tau=50.0)
    drawn.add_area("B", 6, excitatory=0.5, tau=30.0)
    drawn.add_readout("y", 2)
    drawn.project("x", "A")
    drawn.project("A", "A", 0.5)
    drawn.project("A", "B", 0.6, delay=delay)
    drawn.project("B", "A", 0.6, delay=back)
    drawn.project("B", "y")
    return drawn


def network(**options):
    options = {"dt": DT, "activation": "tanh", "dtype": torch.float64, **options}
    return gr.CTRNN(graph().compile(seed=0), generator=torch.Generator().manual_seed(0), **options)


def sequence(steps=12, batch=3, seed=1):
    return torch.randn(batch, steps, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_hand(rnn, x, steps):
    """The rates by a loop with a buffer, dense matrices one per delay."""
    hidden = rnn.net.hidden
    weights = rnn.hidden.weights
    late = torch.from_numpy(steps)
    w = {}
    for d in np.unique(steps):
        rows, cols = (
            torch.tensor(index[steps == d], dtype=torch.int64) for index in (hidden.post, hidden.pre)
        )
        w[int(d)] = weights.new_zeros(hidden.shape).index_put((rows, cols), weights[late == d])
    alpha, entry = rnn.leak.alpha, rnn.input.weight.to_dense()
    v = rnn.v0.expand(len(x), -1)
    buffer = [torch.tanh(v)] * (int(steps.max()) + 1)
    for t in range(x.shape[1]):
        current = x[:, t] @ entry.T + rnn.hidden.bias
        for d, matrix in w.items():
            current = current + buffer[-1 - d] @ matrix.T
        v = (1 - alpha) * v + alpha * current
        buffer.append(torch.tanh(v))
    return torch.stack(buffer[-x.shape[1] :], 1)


@pytest.mark.parametrize("backend", available_backends())
@pytest.mark.parametrize("options", [{}, {"dale": True}, {"initial_state": "learn"}, {"learn_tau": "area"}])
def test_as_a_loop_with_a_buffer(backend, options):
    rnn = network(backend=backend, **options)
    with torch.no_grad():
        for parameter in rnn.parameters():
            parameter.add_(0.1 * torch.rand_like(parameter))
    steps = np.floor(rnn.net.hidden.delay / DT + 0.5).astype(int)
    assert sorted(np.unique(steps)) == [0, 1, 3]
    x = sequence()
    expected = by_hand(rnn, x, steps)
    _, rates, _ = rnn(x)
    torch.testing.assert_close(rates, expected, rtol=0, atol=1e-12)
    weigh = torch.linspace(-1, 2, rates.numel(), dtype=torch.float64).reshape(rates.shape)
    leaves = {name: p for name, p in rnn.named_parameters() if not name.startswith("readout")}
    got, wanted = (torch.autograd.grad((weigh * out).sum(), leaves.values()) for out in (rates, expected))
    for name, one, other in zip(leaves, got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11, msg=name)


@pytest.mark.parametrize("backend", available_backends())
@pytest.mark.parametrize("cut", [1, 2, 3, 7])
def test_a_sequence_in_parts_continues_exactly(backend, cut):
    rnn, x = network(backend=backend).eval(), sequence()
    _, rates, state = rnn(x)
    parts, now = [], None
    for piece in x.split(cut, dim=1):
        _, part, now = rnn(piece, now)
        parts.append(part)
    assert torch.equal(torch.cat(parts, 1), rates)
    for name in ("v", "r", "past"):
        assert torch.equal(getattr(now, name), getattr(state, name))
    assert state.past.shape == (3, 3, 14)


def test_one_trial_and_time_first():
    rnn, x = network().eval(), sequence()
    _, rates, state = rnn(x)
    _, alone, own = rnn(x[0])
    torch.testing.assert_close(alone, rates[0])
    assert own.past.shape == (3, 14)
    first, second = x[0].split([5, 7])
    _, rest, _ = rnn(second, rnn(first)[2])
    torch.testing.assert_close(rest, alone[5:])
    rnn.batch_first = False
    _, turned, after = rnn(x.transpose(0, 1))
    torch.testing.assert_close(turned.transpose(0, 1), rates)
    torch.testing.assert_close(after.past, state.past)


def test_the_gradient_reaches_back_through_a_state_until_it_is_detached():
    rnn, x = network(), sequence()
    first, second = x.requires_grad_().split([5, 7], dim=1)
    state = rnn(first)[2]
    whole = torch.autograd.grad(rnn(x)[1][:, 5:].sum(), x)[0]
    torch.testing.assert_close(torch.autograd.grad(rnn(second, state)[1].sum(), x)[0], whole)
    cut = rnn(second, rnn(first)[2].detach())[1].sum()
    alone = torch.autograd.grad(cut, x)[0]
    assert not alone[:, :5].any()
    assert alone[:, 5:].any()


def test_a_delay_is_rounded_to_the_nearest_step():
    net = graph(delay=15.0, back=4.9).compile(seed=0)
    assert sorted(set(net.hidden.delay)) == [0.0, 4.9, 15.0]
    rnn = gr.CTRNN(net, dt=DT)
    assert "delays: 0 to 2 steps, 2 different" in rnn.explain()
    assert gr.CTRNN(net, dt=1.0).delays.window == 16


@pytest.mark.parametrize(("delay", "said"), [(DT, "1 step"), (2 * DT, "2 steps")])
def test_one_delay_for_all_is_said_so(delay, said):
    net = graph(delay=delay, back=delay).compile(seed=0)
    net = net.select(pre="A", post="B")
    assert f"delays: {said} for every synapse, read in one product" in gr.CTRNN(net, dt=DT).explain()


def test_delays_that_round_to_no_step_or_are_not_wanted_are_none():
    net = graph(delay=4.0, back=1.0).compile(seed=0)
    generator = [torch.Generator().manual_seed(0) for _ in range(3)]
    plain = gr.CTRNN(gr.Connectome(**{**vars(net), "hidden": without(net.hidden)}), generator=generator[0])
    short = gr.CTRNN(net, generator=generator[1])
    off = gr.CTRNN(graph().compile(seed=0), delays=False, generator=generator[2])
    x = torch.randn(2, 6, 2)
    assert short.delays is off.delays is plain.delays is None
    assert torch.equal(plain(x)[1], short(x)[1])
    assert torch.equal(plain(x)[1], off(x)[1])
    assert "delays" not in plain.explain()
    assert plain(x)[2].past is None


def without(synapses):
    return gr.Synapses(synapses.shape, synapses.post, synapses.pre)


def test_copies_pickles_and_a_state_dict():
    rnn, x = network().eval(), sequence()
    expected = rnn(x)[1]
    for other in (copy.deepcopy(rnn), pickle.loads(pickle.dumps(rnn))):
        assert torch.equal(other(x)[1], expected)
    other = network(init="fan_in", gain=2.0)
    other.load_state_dict(rnn.state_dict())
    assert torch.equal(other.eval()(x)[1], expected)


def test_delays_survive_the_connectome_and_back():
    rnn, x = network(bias=False).eval(), sequence()
    net = rnn.to_connectome()
    again = gr.CTRNN(net, dt=DT, activation="tanh", dtype=torch.float64, init="weights", bias=False).eval()
    assert torch.equal(again(x)[1], rnn(x)[1])
    assert gr.AreaGraph.from_connectome(net).edges["A", "B"]["delay"] == 30.0
    assert "delay" not in gr.AreaGraph.from_connectome(net).edges["A", "A"]


def test_training_keeps_signs_frozen_synapses_and_groups():
    rnn, x = network(dale="rectify"), sequence()
    rnn.set_plasticity(0.0, kind="backward")
    optimizer = torch.optim.Adam(rnn.parameter_groups("kind"), lr=0.01)
    before, delay = rnn.hidden.weights.detach().clone(), rnn.net.hidden.delay.copy()
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = (rnn(x)[0] - 0.5).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    weights = rnn.hidden.weights.detach()
    frozen = torch.from_numpy(rnn.net.hidden.delay == 12.0)
    assert losses[-1] < 0.5 * losses[0]
    assert torch.equal(weights[frozen], before[frozen])
    assert not torch.equal(weights[~frozen], before[~frozen])
    sign = torch.from_numpy(rnn.net.sign[rnn.net.hidden.pre])
    assert (weights * sign >= 0).all()
    assert np.array_equal(rnn.net.hidden.delay, delay)


def test_compiled_it_is_the_same():
    rnn, x = network().eval(), sequence()
    compiled = torch.compile(rnn, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x)[1], rnn(x)[1])


def test_noise_reaches_later_steps():
    rnn, x = network(postact_noise=0.1), sequence()
    _, rates, state = rnn(x, generator=torch.Generator().manual_seed(3))
    assert torch.equal(state.past, rates[:, -4:-1])


def other_delays():
    return gr.CTRNN(graph(delay=50.0).compile(seed=0), dt=DT, dtype=torch.float64)


BUILD = "Build the CTRNN from the connectome that they were saved with, with the same `delays`."
MESSAGES = [
    (
        lambda: network().load_state_dict(other_delays().state_dict()),
        f"`load_state_dict(...)` found values of a network with other delays. {BUILD}",
    ),
    (
        lambda: network().load_state_dict(network(delays=False).state_dict()),
        f"`load_state_dict(...)` found values of a network with no delays. {BUILD}",
    ),
    (
        lambda: network(delays=False).load_state_dict(network().state_dict()),
        f"`load_state_dict(...)` found values of a network with other delays; this one has none. {BUILD}",
    ),
    (
        lambda: network(checkpoint=3),
        "`CTRNN(checkpoint=3)` keeps the rates of some steps alone, and the delays of this network "
        "read those "
        "of all. Leave checkpoint out, or pass delays=False.",
    ),
    (
        lambda: network()(sequence(), State(*torch.zeros(2, 3, 14, dtype=torch.float64))),
        "`rnn(x, state)` needs a state with the earlier rates that this network's delays read, "
        "`past` of shape "
        "(batch, step, neuron) = (3, 3, 14); it got none. Hand back the state that a call "
        "returned, or v alone.",
    ),
    (
        lambda: network()(sequence()[0], State(*torch.zeros(3, 14, dtype=torch.float64))),
        "`rnn(x, state)` needs a state with the earlier rates that this network's delays read, "
        "`past` of shape "
        "(step, neuron) = (3, 14); it got shape (14,). Hand back the state that a call returned, or v alone.",
    ),
    (
        lambda: prune(network(), 0.1, optimizer=None),
        "`prune(rnn, 0.1)` cannot change synapses with delays: a new one would have none. Take "
        "which='input' or "
        "'readout', or a CTRNN with delays=False.",
    ),
    (
        lambda: Step(network()),
        "`Step(rnn)` starts from v alone, and the delays of this network read rates of earlier steps too. "
        "Train a CTRNN with delays=False for it.",
    ),
    (
        lambda: graph(delay=-1.0),
        "`graph.project('A', 'B')` needs `delay` to be finite and not below 0; it got -1.0.",
    ),
    (
        lambda: graph().project("x", "B", delay=1.0),
        "`graph.project('x', 'B')` has a `delay`, which only projections between areas have. Leave "
        "it out, or "
        "shift the input or the target in time.",
    ),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES)
def test_messages(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


def test_inputs_and_readouts_can_be_rewired():
    rnn, x = network(), sequence()
    rewire(rnn, 0.5, optimizer=None, which="readout", generator=torch.Generator().manual_seed(0))
    assert rnn(x)[1].isfinite().all()
    assert Rewiring(which="readout")


@pytest.mark.parametrize("name", ["net.toml", "net.graphml", "net.csv", "net.parquet", "net.gexf"])
def test_files_of_area_graphs_keep_delays(tmp_path, name):
    drawn = graph()
    gr.io.write(drawn, tmp_path / name)
    again = gr.io.read(tmp_path / name)
    assert again.edges["A", "B"]["delay"] == 30.0
    assert "delay" not in again.edges["A", "A"]
    assert again.compile(seed=0) == drawn.compile(seed=0)


def test_from_networkx_keeps_delays():
    import networkx as nx

    drawn = nx.DiGraph()
    drawn.add_nodes_from(["A", "B"], size=3)
    drawn.add_edge("A", "B", density=1.0, delay=7)
    assert gr.AreaGraph.from_networkx(drawn).compile(seed=0).hidden.delay.tolist() == [7.0] * 9
