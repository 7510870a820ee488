"""Dale's law and plasticity at every moment, under any optimizer, and parameter groups."""

import copy
import re

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import graphrnn as gr
from graphrnn.nn import Dale, SparseLayer
from graphrnn.nn.plasticity import check_optimizer, follow


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def two_areas(n=8, density=0.6):
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 2)
    graph.add_area("V1", n, excitatory=0.75)
    graph.add_area("PFC", n // 2, excitatory=0.75)
    graph.add_readout("choice", 2)
    graph.project("stimulus", "V1")
    graph.project("V1", "V1", density)
    graph.project("PFC", "PFC", density)
    graph.project("V1", "PFC", density, excitatory_only=True)
    graph.project("PFC", "V1", density, excitatory_only=True)
    graph.project("PFC", "choice")
    return graph.compile(seed=3)


NET = two_areas()


def build(net=NET, seed=0, dtype=torch.float64, **options):
    return gr.CTRNN(net, generator=seeded(seed), dtype=dtype, **options)


OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, weight_decay=0.1),
    "LBFGS": lambda p: torch.optim.LBFGS(p, lr=0.01, max_iter=1),
}
PLAIN = [name for name in OPTIMIZERS if name != "LBFGS"]


def closure_of(rnn, optimizer, autocast=False):
    dtype = rnn.hidden.values.dtype
    x = torch.randn(3, 3, rnn.net.n_inputs, generator=seeded(1), dtype=dtype)
    target = torch.randn(3, 3, rnn.net.n_readouts, generator=seeded(2), dtype=dtype)

    def closure():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            readout, rates, _ = rnn(x)
            loss = (readout - target).square().mean() + 0.1 * rates.square().mean()
        loss.backward()
        return loss

    return closure


def step(rnn, optimizer, autocast=False):
    optimizer.step(closure_of(rnn, optimizer, autocast))


def obeys(rnn, sign=NET.sign):
    return all(
        bool((layer.weights.detach().numpy() * sign[layer.pattern.pre] >= 0).all())
        for layer in (rnn.hidden, rnn.readout)
    )


# Dale's law ----------------------------------------------------------------------------------------

FORMS = {
    "abs": lambda v: v.abs(),
    "rectify": lambda v: v.clamp(min=0),
    "softplus": torch.nn.functional.softplus,
}


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_sign_times_modulus_and_gradients_are_right(form):
    sign = torch.tensor([1, 1, -1, -1, 0, 0])
    values = torch.tensor([0.7, -0.4, 1.3, -2.0, 0.3, -0.6], dtype=torch.float64, requires_grad=True)
    dale = Dale(sign, form)
    wanted = torch.where(sign == 0, values, sign * FORMS[form](values))
    torch.testing.assert_close(dale(values), wanted)
    assert torch.autograd.gradcheck(dale, values)


@pytest.mark.parametrize("form", ["abs", "rectify"])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_at_zero_a_synapse_may_grow_and_has_nothing_to_lose(form, zero):
    values = torch.tensor([zero] * 5, requires_grad=True)
    weights = Dale(torch.tensor([1, 1, -1, -1, 0]), form)(values)
    assert weights.tolist() == [0.0] * 5
    weights.backward(torch.tensor([-2.0, 2.0, -3.0, 3.0, 4.0]))  # the loss asks for more, less, less, more
    assert values.grad.tolist() == [-2.0, 0.0, 0.0, -3.0, 4.0]


@pytest.mark.parametrize("form", FORMS)
def test_values_of_undoes_the_law(form):
    sign = torch.tensor([1, -1, 0])
    dale, weights = Dale(sign, form), torch.tensor([0.3, -5.0, -2.0], dtype=torch.float64)
    torch.testing.assert_close(dale(dale.values_of(weights)), weights)
    silent = dale(dale.values_of(torch.zeros(3)))
    assert silent.isfinite().all()
    assert (silent.abs() <= 1.1e-6).all()
    assert (silent[:2] * sign[:2] >= 0).all()


def test_abs_keeps_the_signs_of_the_values_it_is_near_to():
    values = Dale(torch.tensor([1, -1])).values_of(torch.tensor([2.0, -3.0]), near=torch.tensor([-1.0, 1.0]))
    assert values.tolist() == [-2.0, 3.0]


@pytest.mark.parametrize("form", FORMS)
def test_initial_weights_are_balanced_per_neuron_in_every_form(form):
    net = two_areas(80, 0.4)
    weight = build(net, dale=form).hidden.weight.detach().to_dense()
    torch.testing.assert_close(weight.sum(1), torch.zeros(120, dtype=torch.float64), atol=1e-5, rtol=0)
    torch.testing.assert_close(weight.norm(dim=1), torch.ones(120, dtype=torch.float64), atol=1e-5, rtol=0)
    reference = build(net, dale=True).hidden.weights
    torch.testing.assert_close(build(net, dale=form).hidden.weights, reference, atol=1.1e-6, rtol=0)


def test_no_outlier_eigenvalue_with_excitation_alone_between_areas():
    graph = gr.AreaGraph()
    for name in ("A", "B", "C"):
        graph.add_area(name, 100, excitatory=0.8)
    for pre in "ABC":
        for post in "ABC":
            graph.project(pre, post, 0.4 if pre == post else 0.05, excitatory_only=pre != post)
    weight = build(graph.compile(seed=0), dale=True).hidden.weight.detach().to_dense().numpy()
    eigenvalues = np.linalg.eigvals(weight)
    assert np.abs(eigenvalues).max() < 1.15  # the rows have norm 1
    unbalanced = np.where(weight < 0, weight * 0.25, weight)
    assert np.abs(np.linalg.eigvals(unbalanced)).max() > 1.35  # what the balance prevents


@pytest.mark.parametrize("form", FORMS)
def test_a_spectral_radius_and_given_weights_come_out_in_every_form(form):
    rnn = build(two_areas(20), dale=form, spectral_radius=0.9)
    eigenvalues = np.linalg.eigvals(rnn.hidden.weight.detach().to_dense().numpy())
    assert np.abs(eigenvalues).max() == pytest.approx(0.9, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "form", "autocast"),
    [
        ("SGD", "abs", False),
        ("SGD", "softplus", True),
        ("Adam", "rectify", False),
        ("Adam", "abs", True),
        ("AdamW", "softplus", False),
        ("RMSprop", "abs", True),
        ("LBFGS", "abs", False),
    ],
)
def test_signs_and_frozen_synapses_hold_after_each_of_1000_steps(name, form, autocast, tmp_path):
    rnn = build(dtype=torch.float32, dale=form, preact_noise=0.0)
    rnn.set_plasticity(0.0, pre="V1", post="V1")
    if name != "LBFGS":
        rnn.set_plasticity(0.3, kind="forward")
    frozen = rnn.hidden.plasticity == 0
    first = rnn.hidden.weights.detach().clone()
    optimizer = OPTIMIZERS[name](rnn.parameters())
    for number in range(1000):
        step(rnn, optimizer, autocast)
        weights = rnn.hidden.weights.detach()
        assert torch.equal(weights[frozen], first[frozen]), number
        assert obeys(rnn), number
    assert weights.isfinite().all()
    assert (weights != first)[~frozen].float().mean() > 0.9

    torch.save(rnn.state_dict(), tmp_path / "rnn.pt")
    other = build(dtype=torch.float32, seed=5, dale=form)
    other.load_state_dict(torch.load(tmp_path / "rnn.pt", weights_only=True))
    for network in (other, other.eval(), copy.deepcopy(rnn).eval()):
        assert torch.equal(network.hidden.weights, rnn.hidden.weights)
        assert torch.equal(network.hidden.weight.values()[frozen], first[frozen])
        assert obeys(network)
    optimizer = OPTIMIZERS[name](other.parameters())
    for _ in range(3):
        step(other, optimizer, autocast)
        assert torch.equal(other.hidden.weights[frozen], first[frozen])
        assert obeys(other)


@settings(max_examples=30)
@given(
    name=st.sampled_from(PLAIN),
    form=st.sampled_from([False, *FORMS]),
    rate=st.floats(1e-4, 10.0),
    decay=st.floats(0.0, 2.0),
    plasticity=st.sampled_from([0.0, 1e-3, 0.5, 1.0]),
    seed=st.integers(0, 2**31),
)
def test_no_setting_of_an_optimizer_breaks_an_invariant(name, form, rate, decay, plasticity, seed):
    rnn = build(seed=seed, dtype=torch.float32, dale=form)
    chosen = torch.rand(rnn.hidden.values.shape, generator=seeded(seed)) < 0.5
    rnn.set_plasticity(torch.where(chosen, 0.0, plasticity))
    first = rnn.hidden.weights.detach().clone()
    optimizer = OPTIMIZERS[name](rnn.parameters())
    for group in optimizer.param_groups:
        group.update(lr=rate, weight_decay=decay)
    for _ in range(4):
        optimizer.zero_grad()
        weights = rnn.hidden.weights
        (weights * torch.randn(weights.shape, generator=seeded(seed))).sum().backward()
        optimizer.step()
        after = rnn.hidden.weights.detach()
        assert torch.equal(after[chosen], first[chosen])
        assert not form or obeys(rnn)


# plasticity ----------------------------------------------------------------------------------------


def test_follow_is_exact_at_both_ends_and_has_the_gradient_of_a_free_synapse():
    weights = torch.tensor([3.0, 3.0, 3.0, 0.1], requires_grad=True)
    anchor, plasticity = torch.tensor([1.0, 1.0, 1.0, 1e8]), torch.tensor([0.0, 0.5, 1.0, 0.0])
    assert follow(torch.tensor([torch.nan]), anchor[:1], plasticity[:1]).tolist() == [1.0]
    followed = follow(weights, anchor, plasticity)
    assert followed.tolist() == [1.0, 2.0, 3.0, 1e8]
    followed.backward(torch.tensor([5.0, 6.0, 7.0, 8.0]))
    assert weights.grad.tolist() == [0.0, 6.0, 7.0, 0.0]


def with_gradients(rnn, optimizer, number):
    """One step on a gradient that does not depend on the weights."""
    layer = rnn.hidden
    optimizer.zero_grad()
    slope = torch.randn(layer.weights.shape, generator=seeded(100 + number), dtype=torch.float64)
    (layer.weights * slope).sum().backward()
    optimizer.step()


@pytest.mark.parametrize("form", [False, *FORMS])
@pytest.mark.parametrize("name", PLAIN)
def test_half_the_plasticity_is_half_the_update(name, form):
    updates = {}
    for plasticity in (1.0, 0.5):
        rnn = build(dale=form)
        rnn.set_plasticity(plasticity)
        before = [layer.weights.detach().clone() for layer in rnn.layers]
        step(rnn, OPTIMIZERS[name](rnn.parameters()))
        updates[plasticity] = [
            layer.weights.detach() - old for layer, old in zip(rnn.layers, before, strict=True)
        ]
    for half, whole in zip(updates[0.5], updates[1.0], strict=True):
        assert (whole != 0).double().mean() > 0.5
        torch.testing.assert_close(half, 0.5 * whole, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("form", [False, *FORMS])
@pytest.mark.parametrize("name", PLAIN)
def test_on_the_same_gradients_the_way_stays_half_as_long(name, form):
    rnns = [build(dale=form) for _ in range(2)]
    rnns[1].set_plasticity(0.5)
    first = rnns[0].hidden.weights.detach().clone()
    optimizers = [OPTIMIZERS[name](rnn.parameters()) for rnn in rnns]
    for number in range(20):
        for rnn, optimizer in zip(rnns, optimizers, strict=True):
            # the gradient in the values is that in the weights times the derivative of the law, which both
            # share: their values are the same
            with_gradients(rnn, optimizer, number)
        whole, half = (rnn.hidden.weights.detach() - first for rnn in rnns)
        torch.testing.assert_close(half, 0.5 * whole, rtol=1e-9, atol=1e-13)


def test_plasticity_is_chosen_by_kind_projection_area_layer_and_pair():
    rnn, net = build(), NET
    pre, post = rnn.hidden.pattern.pre, rnn.hidden.pattern.post
    v1 = (pre < 8), (post < 8)

    rnn.set_plasticity(0.0, kind="within")
    assert torch.equal(rnn.hidden.plasticity == 0, v1[0] == v1[1])
    assert rnn.input.plasticity is rnn.readout.plasticity is None
    rnn.set_plasticity(0.25, pre="V1", post="PFC")
    assert torch.equal(rnn.hidden.plasticity == 0.25, v1[0] & ~v1[1])
    rnn.set_plasticity(0.75, post="V1")
    assert torch.equal(rnn.hidden.plasticity == 0.75, v1[1])
    assert (rnn.input.plasticity == 0.75).all()  # they reach V1, too
    rnn.set_plasticity(1.0, "input")
    assert rnn.input.plasticity is None
    rnn.set_plasticity(0.1, pre=["stimulus", "PFC"])
    assert (rnn.input.plasticity == 0.1).all()
    assert (rnn.readout.plasticity == 0.1).all()
    assert torch.equal(rnn.hidden.plasticity == 0.1, ~v1[0])
    rnn.set_plasticity(1.0)
    assert [layer.plasticity for layer in rnn.layers] == [None] * 3

    matrix = np.random.default_rng(0).random(net.hidden.shape)
    for form in (matrix, torch.tensor(matrix), sp.coo_array(matrix), torch.tensor(matrix).to_sparse_coo()):
        rnn.set_plasticity(form)
        np.testing.assert_array_equal(rnn.hidden.plasticity, matrix[net.hidden.post, net.hidden.pre])
        rnn.set_plasticity(0.0)
    sparse = sp.coo_array(np.where(matrix < 0.5, 0, 0.5))
    rnn.set_plasticity(sparse)  # what is not in it is frozen
    np.testing.assert_array_equal(rnn.hidden.plasticity, sparse.toarray()[net.hidden.post, net.hidden.pre])
    rnn.set_plasticity(np.full(net.readout.size, 0.5), "readout")
    assert (rnn.readout.plasticity == 0.5).all()


@pytest.mark.parametrize("form", [False, *FORMS])
def test_switching_what_is_trained_moves_no_weight_and_takes_hold(form):
    rnn = build(dale=form)
    optimizer = OPTIMIZERS["Adam"](rnn.parameters())
    for plasticity in (0.0, 1.0, 0.5, 0.25, 0.0, 1.0):
        before = rnn.hidden.weights.detach().clone()
        rnn.set_plasticity(plasticity, kind="within")
        torch.testing.assert_close(rnn.hidden.weights.detach(), before, rtol=1e-12, atol=1e-15)
        assert not form or obeys(rnn)
        before = rnn.hidden.weights.detach().clone()
        for _ in range(3):
            step(rnn, optimizer)
        within = (rnn.hidden.pattern.pre < 8) == (rnn.hidden.pattern.post < 8)
        moved = rnn.hidden.weights.detach() != before
        assert moved[~within].any()
        assert moved[within].any() == (plasticity > 0)


def test_a_saved_network_goes_on_as_if_it_had_not_been_saved():
    rnn = build(dale=True)
    rnn.set_plasticity(0.5, kind="within")
    rnn.set_plasticity(0.0, kind="backward")
    optimizer = OPTIMIZERS["Adam"](rnn.parameters())
    for _ in range(3):
        step(rnn, optimizer)
    assert [key for key in rnn.state_dict() if "plasticity" in key] == ["hidden.plasticity"]
    other = build(dale=True, seed=9)
    other.load_state_dict(rnn.state_dict())
    again = OPTIMIZERS["Adam"](other.parameters())
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(3):
        step(rnn, optimizer)
        step(other, again)
    assert torch.equal(other.hidden.weights, rnn.hidden.weights)

    free = build(dale=True, seed=9)
    other.load_state_dict(free.state_dict())  # and back: nothing is left behind
    assert other.hidden.plasticity is None
    assert torch.equal(other.hidden.weights, free.hidden.weights)


def test_plasticity_moves_with_the_network_and_its_precision():
    rnn = build()
    rnn.set_plasticity(0.5)
    assert rnn.float().hidden.plasticity.dtype == torch.float32
    assert rnn(torch.zeros(1, 2, 2))[1].isfinite().all()
    assert torch.equal(copy.deepcopy(rnn).hidden.plasticity, rnn.hidden.plasticity)


PLASTICITY_ERRORS = [
    ((1.5,), {}, "`rnn.set_plasticity(...)` needs `plasticity` from 0 to 1; it got 1.5."),
    (
        (0.5,),
        {"kind": "lateral"},
        "`rnn.set_plasticity(...)` found no synapse of kind='lateral'. Name projections that exist.",
    ),
    ((0.5,), {"pre": "V11"}, "`rnn.set_plasticity(...)` found no node named 'V11'. Did you mean 'V1'?"),
    (
        (0.5, "recurrent"),
        {},
        "`rnn.set_plasticity(...)` needs `which` to be one of input, hidden, readout; it got 'recurrent'.",
    ),
    (
        (np.ones((3, 3)),),
        {},
        "`rnn.set_plasticity(...)` needs a number, a (post, pre) matrix of shape (12, 12) or one number per "
        f"synapse, ({NET.hidden.size},), for the hidden layer; it got shape (3, 3).",
    ),
    (
        (np.full((12, 12), -1.0),),
        {},
        "`rnn.set_plasticity(...)` needs every plasticity from 0 to 1; some are not.",
    ),
]


@pytest.mark.parametrize(("arguments", "options", "wanted"), PLASTICITY_ERRORS)
def test_a_plasticity_that_cannot_be(arguments, options, wanted):
    with pytest.raises(ValueError, match=re.escape(wanted)) as error:
        build().set_plasticity(*arguments, **options)
    assert str(error.value) == wanted


def test_lbfgs_is_refused_where_plasticity_is_partial():
    rnn = build()
    rnn.set_plasticity(0.0, kind="within")
    optimizer = torch.optim.LBFGS(rnn.parameters(), line_search_fn="strong_wolfe")
    check_optimizer("fit(...)", rnn, optimizer)
    rnn.set_plasticity(0.5, kind="within")
    check_optimizer("fit(...)", rnn, torch.optim.Adam(rnn.parameters()))
    with pytest.raises(ValueError, match="LBFGS") as error:
        check_optimizer("fit(...)", rnn, optimizer)
    assert str(error.value) == (
        "`fit(...)` cannot use LBFGS with a plasticity between 0 and 1, which 'hidden' has: LBFGS builds its "
        "steps from differences of gradients, and those are of a free synapse. Use Adam or SGD, or a "
        "plasticity of 0 or 1."
    )


def test_plasticity_and_split_values_compile_in_one_graph():
    rnn = build(dale="rectify").eval()
    rnn.set_plasticity(0.5, kind="within")
    rnn.parameter_groups("projection")
    x = torch.randn(2, 5, 2, generator=seeded(1), dtype=torch.float64)
    compiled = torch.compile(rnn, backend="eager", fullgraph=True)
    both = [torch.autograd.grad(run(x)[0].square().sum(), list(rnn.parameters())) for run in (compiled, rnn)]
    assert all(torch.equal(a, b) for a, b in zip(*both, strict=True))


# parameter groups ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "wanted"),
    [
        ("layer", ["input", "hidden", "readout", "bias", "tau", "initial state"]),
        ("kind", ["input", "within", "backward", "forward", "readout", "bias", "tau", "initial state"]),
        (
            "projection",
            [
                *("stimulus → V1", "V1 → V1", "PFC → V1", "V1 → PFC", "PFC → PFC", "PFC → choice"),
                *("bias", "tau", "initial state"),
            ],
        ),
    ],
)
def test_groups_hold_every_parameter_once_and_change_no_weight(by, wanted):
    rnn = build(learn_tau="neuron", initial_state="learn", dale="softplus")
    before = [layer.weights.detach().clone() for layer in rnn.layers]
    groups = rnn.parameter_groups(by)
    assert [group["name"] for group in groups] == wanted
    listed = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(listed) == sorted(id(parameter) for parameter in rnn.parameters())
    for layer, weights in zip(rnn.layers, before, strict=True):
        assert torch.equal(layer.weights, weights)
    rnn.parameter_groups("layer")
    for layer, weights in zip(rnn.layers, before, strict=True):
        assert torch.equal(layer.weights, weights)
        assert isinstance(layer.values, torch.nn.Parameter)


def test_each_group_has_its_own_learning_rate_and_weight_decay():
    rnn = build()
    options = {("V1", "PFC"): {"lr": 0.0}, "PFC → V1": {"lr": 0.2}, "bias": {"weight_decay": 0.0}}
    groups = rnn.parameter_groups("projection", options)
    optimizer = torch.optim.SGD(groups, lr=0.1)
    before = rnn.hidden.values.detach().clone()
    optimizer.zero_grad()
    rnn.hidden.weights.sum().backward()
    optimizer.step()
    moved = before - rnn.hidden.values.detach()
    pre, post = rnn.hidden.pattern.pre < 8, rnn.hidden.pattern.post < 8
    rates = torch.where(pre & ~post, 0.0, torch.where(~pre & post, 0.2, 0.1)).double()
    torch.testing.assert_close(moved, rates)
    assert {group["name"]: group["weight_decay"] for group in optimizer.param_groups}["bias"] == 0


@pytest.mark.parametrize("by", ["kind", "projection"])
def test_split_values_train_as_whole_ones_and_are_saved_merged(by):
    rnns = [build(dale=True) for _ in range(3)]
    optimizers = []
    for rnn in rnns[:2]:
        rnn.set_plasticity(0.5, kind="within")
        parameters = rnn.parameters() if rnn is rnns[0] else rnn.parameter_groups(by)
        optimizers.append(OPTIMIZERS["Adam"](parameters))
    for _ in range(5):
        for rnn, optimizer in zip(rnns[:2], optimizers, strict=True):
            step(rnn, optimizer)
    states = [rnn.state_dict() for rnn in rnns[:2]]
    assert states[0].keys() == states[1].keys()
    for name in states[0]:
        torch.testing.assert_close(states[1][name], states[0][name], rtol=1e-12, atol=1e-14)
    rnns[2].load_state_dict(states[1])
    assert torch.equal(rnns[2].hidden.weights, rnns[1].hidden.weights)
    rnns[2].parameter_groups("kind")
    rnns[2].load_state_dict(states[0])  # whole into split
    assert torch.equal(rnns[2].hidden.weights, rnns[0].hidden.weights)


def test_split_layers_are_copied_converted_and_given_weights():
    rnn = build(dale=True)
    weights = rnn.hidden.weights.detach().clone()
    rnn.parameter_groups("projection")
    other = copy.deepcopy(rnn)
    other.hidden.set_weights(2 * weights)
    assert torch.equal(other.hidden.weights, 2 * weights)
    assert torch.equal(rnn.hidden.weights, weights)
    assert rnn.float().hidden.values.dtype == torch.float32
    rnn.double().hidden.weights.sum().backward()
    assert all(part.grad is not None for part in rnn.hidden.parts)


def test_a_group_that_does_not_exist():
    with pytest.raises(ValueError, match="group") as error:
        build().parameter_groups("kind", {"forwards": {"lr": 1.0}})
    assert str(error.value) == (
        "`rnn.parameter_groups(...)` found no group named 'forwards'. Did you mean 'forward'?"
    )


def test_a_layer_of_one_group_is_not_split():
    layer = SparseLayer(NET.hidden, bias=False)
    whole = layer.values
    assert layer.split(None)[0] is whole
    rnn = build()
    known = rnn.readout.values
    rnn.parameter_groups("kind")
    assert rnn.readout.values is known


# learned τ -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAIN)
def test_weight_decay_pulls_a_learned_tau_to_its_initial_value(name):
    rnn = build(learn_tau="neuron", tau=30.0)
    torch.testing.assert_close(rnn.leak.tau.detach(), torch.full((12,), 30.0, dtype=torch.float64))
    optimizer = OPTIMIZERS[name]([rnn.leak.raw])
    for group in optimizer.param_groups:
        group.update(lr=0.01, weight_decay=1.0)
    for _ in range(20):
        rnn.leak.raw.grad = torch.zeros_like(rnn.leak.raw)
        optimizer.step()
    torch.testing.assert_close(rnn.leak.tau.detach(), torch.full((12,), 30.0, dtype=torch.float64))
    with torch.no_grad():
        rnn.leak.raw.fill_(1.0)
    away = (rnn.leak.tau.detach() - 30).abs()
    for _ in range(20):
        rnn.leak.raw.grad = torch.zeros_like(rnn.leak.raw)
        optimizer.step()
    assert ((rnn.leak.tau.detach() - 30).abs() < away).all()
