"""Pruning, growing and rewiring: what stays, what comes, and the optimizer's state that follows."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from cases import each_network
from scipy import stats

import graphrnn as gr
from graphrnn.nn import Rewired, Rewiring, grow, prune, rewire
from graphrnn.nn.places import FreePlaces


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def two_areas(n=40, density=0.3):
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 2)
    graph.add_area("V1", n, excitatory=0.8)
    graph.add_area("PFC", n // 2, excitatory=0.8)
    graph.add_readout("choice", 2)
    graph.project("stimulus", "V1", 0.5)
    graph.project("V1", "V1", density, self_connections=False)
    graph.project("PFC", "PFC", density)
    graph.project("V1", "PFC", density, excitatory_only=True)
    graph.project("PFC", "V1", gr.BySign(ei=density))
    graph.project("PFC", "choice")
    return graph.compile(seed=3)


NET = two_areas()


def build(net=NET, seed=0, **options):
    options = {"activation": "softplus", "dtype": torch.float64} | options  # no neuron is ever silent
    return gr.CTRNN(net, generator=seeded(seed), **options)


def loss_of(rnn):
    x = torch.randn(4, 5, rnn.net.n_inputs, generator=seeded(1), dtype=torch.float64)

    def loss():
        readout, rates, _ = rnn(x)
        return (readout - 1).square().mean() + rates.square().mean()

    return loss


def step(rnn, optimizer):
    optimizer.zero_grad()
    loss_of(rnn)().backward()
    optimizer.step()


def pairs_of(net, which="hidden"):
    synapses = net.synapses(which)
    return list(zip(synapses.post.tolist(), synapses.pre.tolist(), strict=True))


def blocks_of(net):
    """Numbers of synapses by (post area and sign, pre area and sign)."""
    label = net.area_index * 2 + (net.sign > 0)
    return np.bincount(label[net.hidden.post] * 10 + label[net.hidden.pre], minlength=100)


OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
}


def by_pair(rnn, optimizer):
    """What the optimizer knows of each hidden synapse, by its ends."""
    (parameter,) = rnn.hidden.parts
    state = {
        name: entry.tolist()
        for name, entry in optimizer.state[parameter].items()
        if isinstance(entry, torch.Tensor) and entry.shape == parameter.shape
    }
    assert state
    rows = zip(rnn.hidden.values.tolist(), *state.values(), strict=True)
    return dict(zip(pairs_of(rnn.net), rows, strict=True))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    "change",
    [
        lambda rnn, optimizer: prune(rnn, 0.3, optimizer=optimizer, generator=seeded()),
        lambda rnn, optimizer: grow(rnn, 0.3, optimizer=optimizer, generator=seeded()),
        lambda rnn, optimizer: rewire(rnn, 0.3, optimizer=optimizer, generator=seeded()),
    ],
    ids=["prune", "grow", "rewire"],
)
def test_survivors_keep_their_weights_and_their_state_in_the_optimizer(name, change):
    rnn = build(dale=True)
    optimizer = OPTIMIZERS[name](rnn.parameters())
    for _ in range(5):
        step(rnn, optimizer)
    before, tracked = by_pair(rnn, optimizer), pairs_of(rnn.net)
    tracked = tracked[int(rnn.hidden.weights.detach().abs().argmax())]  # the strongest one survives
    change(rnn, optimizer)
    after = by_pair(rnn, optimizer)
    assert after[tracked] == before[tracked]
    survivors = before.keys() & after.keys()
    assert len(survivors) > 0.6 * len(before)
    assert all(after[pair] == before[pair] for pair in survivors)
    for pair in after.keys() - before.keys():
        assert after[pair][0] == 0
    step(rnn, optimizer)  # and the optimizer trains what is there now
    assert all(moved != after[pair] for pair, moved in by_pair(rnn, optimizer).items() if pair in survivors)


def test_a_tracked_synapse_goes_on_as_if_nothing_had_been_pruned_beside_it():
    rnns = [build() for _ in range(2)]
    optimizers = [OPTIMIZERS["Adam"](rnn.parameters()) for rnn in rnns]
    for number in range(6):
        if number == 3:
            prune(rnns[1], 0.5, optimizer=optimizers[1], generator=seeded())
        for rnn, optimizer in zip(rnns, optimizers, strict=True):
            slope = {pair: 1 + 0.1 * number * (pair[0] + pair[1]) for pair in pairs_of(rnn.net)}
            optimizer.zero_grad()
            (rnn.hidden.values * torch.tensor([slope[p] for p in pairs_of(rnn.net)])).sum().backward()
            optimizer.step()
    whole, half = (dict(zip(pairs_of(rnn.net), rnn.hidden.values.tolist(), strict=True)) for rnn in rnns)
    assert len(half) == pytest.approx(len(whole) / 2, abs=4)
    assert all(half[pair] == whole[pair] for pair in half)


@pytest.mark.parametrize("keep", ["density", "indegree"])
@pytest.mark.parametrize("kind", ["random", "gradient"])
@pytest.mark.parametrize("dale", [False, True, "rectify"])
def test_rewiring_keeps_density_or_degree_signs_and_the_mask_of_what_may_exist(keep, kind, dale):
    rnn = build(dale=dale)
    optimizer = OPTIMIZERS["Adam"](rnn.parameters())
    first = set(pairs_of(rnn.net))
    for number in range(5):
        before = rnn.net
        options = {"loss": loss_of(rnn)} if kind == "gradient" else {}
        done = rewire(
            rnn, 0.3, optimizer=optimizer, grow=kind, keep=keep, generator=seeded(number), **options
        )
        assert done.pruned == done.grown == pytest.approx(0.3 * before.hidden.size, rel=0.1)
        net = rnn.net
        assert net.hidden.size == before.hidden.size == rnn.hidden.values.numel()
        assert len(set(pairs_of(net)) - set(pairs_of(before))) == done.grown
        assert np.array_equal(blocks_of(net), blocks_of(before))
        if keep == "indegree":
            assert np.array_equal(net.hidden.in_degree, before.hidden.in_degree)
        assert all(post != pre for post, pre in pairs_of(net) if pre < 40)  # V1 has no self-connections
        assert any(post == pre for post, pre in pairs_of(net) if pre >= 40)  # PFC has
        step(rnn, optimizer)
        if dale:
            weight = rnn.hidden.weight.detach().to_dense().numpy()
            assert (weight * net.sign >= 0).all()
        present = rnn.hidden.weight.detach().to_dense().numpy() != 0
        assert not (present & (net.hidden_mask.toarray() == 0)).any()
    assert len(first & set(pairs_of(rnn.net))) < 0.85 * len(first)
    assert NET.hidden.size == len(first)  # the connectome that it was made from is as it was


@pytest.mark.parametrize("keep", ["density", "indegree"])
def test_the_weakest_of_each_group_go(keep):
    rnn = build()
    strength = dict(zip(pairs_of(NET), rnn.hidden.weights.detach().abs().tolist(), strict=True))
    prune(rnn, 0.4, optimizer=None, keep=keep, generator=seeded())
    kept = set(pairs_of(rnn.net))
    label = NET.area_index * 2 + (NET.sign > 0)
    groups = {}
    for post, pre in strength:
        key = (post if keep == "indegree" else label[post], label[pre])
        groups.setdefault(key, []).append((post, pre))
    for pairs in groups.values():
        gone = [pair for pair in pairs if pair not in kept]
        assert abs(len(gone) - 0.4 * len(pairs)) < 1
        assert max((strength[pair] for pair in gone), default=0) <= min(
            (strength[pair] for pair in pairs if pair in kept), default=np.inf
        )


@pytest.mark.parametrize("keep", ["density", "indegree"])
@pytest.mark.parametrize("masked", [False, True])
def test_free_places_are_drawn_uniformly_and_each_of_them_can_be(keep, masked):
    graph = gr.AreaGraph()
    graph.add_area("A", 6)
    graph.add_area("B", 5)
    graph.project("A", "A", 0.4, self_connections=False)
    graph.project("A", "B", 0.4)
    net = graph.compile(seed=0)
    taken = net.hidden_mask.toarray() != 0
    allowed = np.random.default_rng(1).random(net.hidden.shape) < 0.6 if masked else None
    places = FreePlaces(net, "hidden", keep, allowed, "rewire(...)")
    free = ~taken & (np.arange(11) < 6)
    free &= allowed if masked else ~np.eye(11, dtype=bool)
    rows = net.hidden.post if keep == "indegree" else net.area_index[net.hidden.post]
    assert places.free.sum() == free[np.unique(net.hidden.post)].sum() if keep == "indegree" else free.sum()
    counts, rng = np.zeros(net.hidden.shape), np.random.default_rng(0)
    wanted = np.minimum(places.free, 2)
    for _ in range(3000):
        post, pre, _group = places.draw(wanted, rng)
        assert len(set(zip(post.tolist(), pre.tolist(), strict=True))) == wanted.sum()
        counts[post, pre] += 1
    assert not counts[~free].any()
    for row in np.unique(rows):
        part = np.arange(11) == row if keep == "indegree" else net.area_index == row
        seen = counts[part][free[part]]
        if seen.size > 1:
            assert stats.chisquare(seen).pvalue > 1e-4


def test_growing_by_gradient_takes_the_steepest_of_all_where_all_are_tried():
    net = two_areas(10, 0.7)  # fewer absent pairs than synapses: all are candidates
    rnn = build(net)
    full = gr.Connectome.from_masks(net.input_mask, np.ones(net.hidden.shape), net.readout_mask)
    dense = build(full, backend="reference")
    with torch.no_grad():
        dense.input.set_weights(rnn.input.weights)
        dense.readout.set_weights(rnn.readout.weights)
        dense.hidden.set_weights(rnn.hidden.weight.to_dense().flatten())
    loss_of(dense)().backward()
    slope = dense.hidden.values.grad.reshape(net.hidden.shape).abs().numpy()
    before = rnn.net
    grow(rnn, 0.2, optimizer=None, grow="gradient", loss=loss_of(rnn), generator=seeded())
    new = set(pairs_of(rnn.net)) - set(pairs_of(before))
    label = before.area_index * 2 + (before.sign > 0)
    present = before.hidden_mask.toarray() != 0
    assert new
    for post, pre in new:
        block = (label == label[post])[:, None] & (label == label[pre])
        if before.area_index[post] == before.area_index[pre] == 0:
            block &= ~np.eye(len(block), dtype=bool)
        passed_over = [
            (i, j) for i, j in zip(*np.nonzero(block & ~present), strict=True) if (i, j) not in new
        ]
        assert all(slope[post, pre] >= slope[pair] - 1e-12 for pair in passed_over)
    assert all(parameter.grad is None for parameter in rnn.parameters())


def test_new_synapses_change_nothing_at_first():
    rnn = build(dale=True)
    before = loss_of(rnn)()
    assert grow(rnn, 0.5, optimizer=None, generator=seeded()).grown > 100
    torch.testing.assert_close(loss_of(rnn)(), before, rtol=1e-12, atol=0)


def test_deep_r_replaces_the_silent_ones():
    rnn = build(dale="rectify")
    with torch.no_grad():
        rnn.hidden.values[::7] = -0.1
    silent = {pair for pair, w in zip(pairs_of(NET), rnn.hidden.weights.tolist(), strict=True) if w == 0}
    done = rewire(rnn, drop="silent", optimizer=None, generator=seeded())
    assert done == Rewired(len(silent), len(silent))
    assert not silent & set(pairs_of(rnn.net))


def test_frozen_synapses_are_never_dropped_and_new_ones_are_as_plastic_as_their_projection():
    rnn = build(dale=True)
    rnn.set_plasticity(0.0, kind="within")
    rnn.set_plasticity(0.25, kind="forward")
    frozen = {pair for pair in pairs_of(NET) if (pair[0] < 40) == (pair[1] < 40)}
    kept = dict(zip(pairs_of(NET), rnn.hidden.weights.tolist(), strict=True))
    optimizer = OPTIMIZERS["Adam"](rnn.parameters())
    for number in range(3):
        step(rnn, optimizer)
        rewire(rnn, 0.5, optimizer=optimizer, generator=seeded(number))
    now = dict(zip(pairs_of(rnn.net), rnn.hidden.weights.tolist(), strict=True))
    assert all(now[pair] == kept[pair] for pair in frozen)
    forward = torch.tensor([pre < 40 <= post for post, pre in pairs_of(rnn.net)])
    assert (rnn.hidden.plasticity[forward] == 0.25).all()


def test_only_allowed_pairs_are_grown():
    rng = np.random.default_rng(0)
    allowed = rng.random(NET.hidden.shape) < 0.5
    for mask in (allowed, sp.coo_array(allowed), torch.tensor(allowed)):
        for keep in ("density", "indegree"):
            rnn = build()
            done = rewire(rnn, 0.2, optimizer=None, keep=keep, allowed=mask, generator=seeded())
            new = set(pairs_of(rnn.net)) - set(pairs_of(NET))
            assert len(new) == done.grown > 20
            assert all(allowed[pair] for pair in new)
            assert np.array_equal(blocks_of(rnn.net), blocks_of(NET))


def test_where_no_place_is_left_nothing_is_dropped():
    graph = gr.AreaGraph()
    graph.add_area("A", 5)
    graph.project("A", "A")
    rnn = build(graph.compile(seed=0))
    assert rewire(rnn, 0.5, optimizer=None, generator=seeded()) == Rewired(0, 0)
    assert prune(rnn, 0.4, optimizer=None, generator=seeded()) == Rewired(10, 0)
    assert grow(rnn, 1.0, optimizer=None, generator=seeded()) == Rewired(0, 10)


@pytest.mark.parametrize("which", ["input", "readout"])
def test_the_other_layers_are_rewired_too(which):
    rnn = build(two_areas(20), dale=True)
    optimizer = OPTIMIZERS["Adam"](rnn.parameters())
    step(rnn, optimizer)
    prune(rnn, 0.5, optimizer=optimizer, which=which, generator=seeded())
    done = rewire(rnn, 0.3, optimizer=optimizer, which=which, generator=seeded())
    assert done.grown > 0
    assert rnn.net.synapses(which).size == getattr(rnn, which).values.numel()
    step(rnn, optimizer)


@pytest.mark.parametrize("by", ["kind", "projection"])
def test_groups_of_parameters_stay_what_they_are(by):
    rnn = build(dale=True)
    optimizer = torch.optim.Adam(rnn.parameter_groups(by, {}), lr=0.01)
    for number in range(3):
        step(rnn, optimizer)
        options = {"grow": "gradient", "loss": loss_of(rnn)} if number == 2 else {}
        before = dict(zip(pairs_of(rnn.net), rnn.hidden.values.tolist(), strict=True))
        rewire(rnn, 0.3, optimizer=optimizer, generator=seeded(number), **options)
        after = dict(zip(pairs_of(rnn.net), rnn.hidden.values.tolist(), strict=True))
        assert all(after[pair] == before[pair] for pair in after if pair in before)
        prune(rnn, 0.1, optimizer=optimizer, generator=seeded(number))
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert known == {id(parameter) for parameter in rnn.parameters()}
    weights = rnn.hidden.weights.detach().clone()
    rnn.parameter_groups("layer")
    assert torch.equal(rnn.hidden.weights, weights)


def test_a_rewired_network_is_saved_with_its_synapses_and_loaded_into_one_of_the_old_wiring(tmp_path):
    rnn = build(dale=True)
    optimizer = OPTIMIZERS["Adam"](rnn.parameters())
    step(rnn, optimizer)
    rewire(rnn, 0.3, optimizer=optimizer, generator=seeded())
    prune(rnn, 0.2, optimizer=optimizer, generator=seeded())
    step(rnn, optimizer)
    path = tmp_path / "run.pt"
    gr.training.save_checkpoint(path, rnn, optimizer=optimizer)
    other = build(dale=True, seed=4)
    again = OPTIMIZERS["Adam"](other.parameters())
    gr.training.load_checkpoint(path, other, optimizer=again)
    assert other.net == rnn.net
    assert torch.equal(other.hidden.weights, rnn.hidden.weights)
    for _ in range(2):
        step(rnn, optimizer)
        step(other, again)
    assert torch.equal(other.hidden.weights, rnn.hidden.weights)

    refused = build(two_areas(38), dale=True)
    with pytest.raises(ValueError, match="shape"):
        gr.training.load_checkpoint(path, refused)
    assert refused.net == two_areas(38)


def test_a_loss_that_fails_leaves_the_network_as_it_was():
    rnn = build(dale=True)
    before = {name: tensor.clone() for name, tensor in rnn.state_dict().items()}

    def fails():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        rewire(rnn, 0.3, optimizer=None, grow="gradient", loss=fails, generator=seeded())
    assert rnn.net is NET
    after = rnn.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


@each_network
def test_every_network_can_be_rewired(net):
    rnn = gr.CTRNN(net, dt=2.0, delays=False, generator=seeded())
    optimizer = torch.optim.Adam(rnn.parameters())
    rnn(torch.zeros(1, 2, net.n_inputs))[1].sum().backward()
    optimizer.step()
    for which in ("input", "hidden", "readout"):
        for keep in ("density", "indegree"):
            size = rnn.net.synapses(which).size
            done = rewire(rnn, 0.5, optimizer=optimizer, which=which, keep=keep, generator=seeded())
            assert done.pruned == done.grown
            assert rnn.net.synapses(which).size == size
        prune(rnn, 0.5, optimizer=optimizer, which=which, generator=seeded())
        grow(rnn, 0.5, optimizer=optimizer, which=which, generator=seeded())
    assert rnn(torch.zeros(1, 2, net.n_inputs))[1].isfinite().all()


def test_the_cost_grows_with_the_synapses():
    graph = gr.AreaGraph()
    graph.add_area("A", 30_000)
    graph.project("A", "A", gr.FixedIndegree(10), self_connections=False)
    rnn = gr.CTRNN(graph.compile(seed=0), generator=seeded())
    tracemalloc.start()
    try:
        for keep in ("density", "indegree"):
            assert rewire(rnn, 0.3, optimizer=None, keep=keep, generator=seeded()).grown > 80_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 600 * 300_000  # bytes per synapse; a dense mask would have 900 million entries


def message(call):
    with pytest.raises(ValueError, match="`") as error:
        call()
    return str(error.value)


def test_what_cannot_be():
    rnn = build(dale=True)
    assert message(lambda: rewire(rnn, drop="silent", optimizer=None)) == (
        "`rewire(...)` with drop='silent' needs synapses that can fall silent, those of neurons in "
        "CTRNN(dale='rectify'). Build the network so, or use drop='magnitude'."
    )
    assert message(lambda: rewire(rnn, grow="gradient", optimizer=None)) == (
        "`rewire(...)` with grow='gradient' needs a `loss` to take the gradient of: a function that runs the "
        "network on a batch. Or use grow='random'."
    )
    assert message(lambda: rewire(build(dale="softplus"), optimizer=None)) == (
        "`rewire(...)` grows synapses of weight 0, which Dale's law has not in the form 'softplus'. "
        "Use 'abs' or 'rectify'."
    )
    other = torch.optim.Adam(build().parameters())
    assert message(lambda: rewire(rnn, optimizer=other)) == (
        "`rewire(...)` needs the optimizer that trains the network; this one has not its hidden values. "
        "Make it after the network and after rnn.parameter_groups(...)."
    )
    lbfgs = torch.optim.LBFGS(rnn.hidden.parameters())

    def closure():
        lbfgs.zero_grad()
        value = loss_of(rnn)()
        value.backward()
        return value

    lbfgs.step(closure)
    assert message(lambda: prune(rnn, 0.5, optimizer=lbfgs)).startswith(
        "`prune(rnn, 0.5)` cannot carry the state of LBFGS over: its "
    )
    assert message(lambda: rewire(rnn, optimizer=None, allowed=np.ones((3, 3)))) == (
        "`rewire(...)` needs `allowed` of shape (60, 60), (post, pre); it got (3, 3)."
    )
    assert message(lambda: Rewiring(keep="outdegree")) == (
        "`Rewiring(...)` needs `keep` to be one of density, indegree; it got 'outdegree'."
    )


def test_a_schedule_falls_along_a_cosine():
    rigl = Rewiring(every=10, fraction=0.4, until=40)
    assert [rigl.fraction_at(step) for step in (5, 10, 20, 40, 50)] == [
        None,
        pytest.approx(0.2 * (1 + np.cos(np.pi / 4))),
        pytest.approx(0.2),
        pytest.approx(0.0),
        None,
    ]
    assert Rewiring(every=3, fraction=0.4).fraction_at(300) == 0.4
