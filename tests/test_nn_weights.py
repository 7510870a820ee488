"""Which weights a CTRNN has: initially, under Dale's law, and after any optimizer's steps."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from cases import each_network

import graphrnn as gr
from graphrnn.nn import Dale, SparseLayer


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def two_areas(n=40, density=0.3, **area):
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 3)
    graph.add_area("V1", n, **{"excitatory": 0.8, **area})
    graph.add_area("PFC", n // 2, **{"excitatory": 0.5, **area})
    graph.add_readout("choice", 2)
    graph.project("stimulus", "V1", 0.7)
    graph.project("V1", "V1", density)
    graph.project("V1", "PFC", density)
    graph.project("PFC", "V1", density)
    graph.project("PFC", "choice", 0.8)
    return graph.compile(seed=3)


def build(net=None, **options):
    return gr.CTRNN(two_areas() if net is None else net, generator=seeded(), **options)


def masks_of(net):
    return [mask.toarray() != 0 for mask in net.get_masks()]


OPTIMIZERS = {
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "SGD": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1),
}


def train(rnn, optimizer, steps, after_step=lambda: None):
    x = torch.randn(8, 6, rnn.net.n_inputs, generator=seeded(1))
    target = torch.randn(8, 6, rnn.net.n_readouts, generator=seeded(2))
    for _ in range(steps):
        optimizer.zero_grad()
        readout, rates, _ = rnn(x)
        ((readout - target).square().sum() / 48 + rates.square().mean()).backward()
        optimizer.step()
        after_step()


# masks hold ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dale", [False, True])
def test_non_zeros_stay_within_the_masks_after_100_steps_with_weight_decay(optimizer, dale, tmp_path):
    net = two_areas()
    rnn = build(net, dale=dale, preact_noise=0.05)
    before = [layer.values.detach().clone() for layer in rnn.layers]
    train(rnn, OPTIMIZERS[optimizer](rnn.parameters()), 100)

    torch.save(rnn.state_dict(), tmp_path / "rnn.pt")
    saved = gr.CTRNN(net, dale=dale)
    saved.load_state_dict(torch.load(tmp_path / "rnn.pt", weights_only=True))
    for network in (rnn.train(), rnn.eval(), saved):
        for layer, mask, old in zip(network.layers, masks_of(net), before, strict=True):
            weight = layer.weight.detach()
            assert not (weight.to_dense().numpy()[~mask]).any()
            assert weight.values().shape == (mask.sum(),)
            assert (layer.values != old).float().mean() > 0.9  # it did train
    for name, tensor in rnn.state_dict().items():  # nothing in the file has room for another weight
        if name.endswith("values"):
            assert tensor.numel() == net.synapses(name.partition(".")[0]).size


@each_network
def test_every_network_trains_on_its_synapses_alone(net):
    rnn = build(net, dt=2.0, activation="tanh")
    for layer, mask in zip(rnn.layers, masks_of(net), strict=True):
        assert np.array_equal(layer.weight.detach().to_dense().numpy() != 0, mask)
    train(rnn, OPTIMIZERS["Adam"](rnn.parameters()), 3)
    for layer, mask in zip(rnn.layers, masks_of(net), strict=True):
        assert not layer.weight.detach().to_dense().numpy()[~mask].any()
        assert layer.values.isfinite().all()


def test_layers_are_input_hidden_readout_with_sparse_coo_weights():
    net = two_areas()
    rnn = build(net)
    assert rnn.layers == [rnn.input, rnn.hidden, rnn.readout]
    for layer, mask in zip(rnn.layers, net.get_masks(), strict=True):
        weight = layer.weight
        assert weight.layout == torch.sparse_coo
        assert weight.is_coalesced()
        assert weight.shape == mask.shape
        dense = np.zeros(mask.shape, np.float32)
        dense[mask.row, mask.col] = layer.values.detach()
        assert np.array_equal(weight.detach().to_dense(), dense)
    rnn.hidden.weight.to_dense().square().sum().backward()
    torch.testing.assert_close(rnn.hidden.values.grad, 2 * rnn.hidden.values.detach())


def test_a_layer_is_a_linear_layer_on_its_synapses():
    net = two_areas()
    layer = SparseLayer(net.hidden, bias=True, dtype=torch.float64)
    assert not layer.values.any()
    with torch.no_grad():
        layer.values.normal_(generator=seeded(0))
        layer.bias.normal_(generator=seeded(1))
    x = torch.randn(5, 60, 4, generator=seeded(2), dtype=torch.float64)
    linear = torch.nn.functional.linear(x.transpose(1, 2), layer.weight.to_dense(), layer.bias)
    torch.testing.assert_close(layer(x), linear.transpose(1, 2))


# the documentation's example -----------------------------------------------------------------------


def test_the_example_of_the_multi_area_documentation():
    area_connectivities = [
        [1.0, 0.1, 0.0, 0.0],
        [0.1, 1.0, 0.1, 0.0],
        [0.0, 0.1, 1.0, 0.1],
        [0.0, 0.0, 0.1, 1.0],
    ]
    struct = gr.MultiArea(
        n_areas=4,
        area_connectivities=np.array(area_connectivities),
        input_areas=[0],
        readout_areas=[2, 3],
        dims=[1, 100, 1],
        seed=0,
    )
    rnn = gr.CTRNN(sparsity_masks=struct.get_masks())
    layer = rnn.layers[1]
    assert layer.weight.is_sparse
    assert layer.weight.shape == (100, 100)
    assert layer.weight.values().numel() == struct.get_masks()[1].nnz
    optimizer = torch.optim.Adam(rnn.parameters(), lr=1e-3)
    before = layer.values.detach().clone()
    train(rnn, optimizer, 1)
    assert (layer.values != before).any()
    assert not layer.weight.to_dense().detach().numpy()[struct.get_masks()[1].toarray() == 0].any()


def test_plot_layers_returns_a_figure():
    from matplotlib.figure import Figure

    assert isinstance(build().plot_layers(), Figure)


def in_layout(mask, layout):
    dense = mask.toarray()
    return {
        "scipy coo": mask,
        "scipy csr": mask.tocsr(),
        "scipy matrix": sp.csc_matrix(mask),
        "numpy": dense,
        "numpy bool": dense != 0,
        "torch": torch.tensor(dense),
        "torch coo": torch.tensor(dense).to_sparse_coo(),
        "torch csr": torch.tensor(dense).to_sparse_csr(),
    }[layout]


@pytest.mark.parametrize(
    "layouts",
    [
        ("scipy coo", "scipy csr", "scipy matrix"),
        ("numpy", "torch", "torch coo"),
        ("torch csr", "numpy bool", "scipy coo"),
        ("torch coo", "torch csr", "numpy"),
    ],
)
def test_masks_of_any_mix_give_the_same_network(layouts):
    net = two_areas()
    masks = [in_layout(mask, layout) for mask, layout in zip(net.get_masks(), layouts, strict=True)]
    rnn, wanted = gr.CTRNN(sparsity_masks=masks, generator=seeded()), build(net)
    for layer, other in zip(rnn.layers, wanted.layers, strict=True):
        assert torch.equal(layer.weight.to_dense(), other.weight.to_dense())
        assert torch.equal(layer.digest, other.digest)


# initial weights -----------------------------------------------------------------------------------


def test_initial_weights_have_variance_gain_squared_over_the_fan_in_of_each_neuron():
    graph = gr.AreaGraph()
    graph.add_input("x", 20)
    graph.add_area("A", 200)
    graph.add_area("B", 200)
    graph.add_readout("y", 10)
    graph.project("x", "A")
    graph.project("A", "A", gr.FixedIndegree(20))
    graph.project("A", "B", gr.FixedIndegree(80))
    graph.project("B", "y", gr.FixedIndegree(100))
    rnn = build(graph.compile(seed=0), gain=1.5)
    weight = rnn.hidden.values.detach()
    onto_a, onto_b = weight[: 200 * 20], weight[200 * 20 :]
    for fan_in, values in [(20, onto_a), (80, onto_b), (20, rnn.input.values), (100, rnn.readout.values)]:
        n = values.numel()
        scaled = values.detach() * fan_in**0.5 / 1.5
        assert abs(scaled.mean().item()) < 4 / n**0.5
        assert abs(scaled.var().item() - 1) < 4 * (2 / n) ** 0.5
    assert not rnn.hidden.bias.any()
    assert not rnn.readout.bias.any()


def test_initial_weights_come_from_the_generator_or_torchs_seed():
    net = two_areas()
    one, two, other = (gr.CTRNN(net, generator=seeded(s)).hidden.values for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    seen = []
    for _ in range(2):
        torch.manual_seed(4)
        seen.append(gr.CTRNN(net).hidden.values)
    assert torch.equal(*seen)
    state = torch.random.get_rng_state()
    gr.CTRNN(net, generator=seeded())
    assert torch.equal(torch.random.get_rng_state(), state)  # a generator leaves torch's own alone


@pytest.mark.parametrize("n", [60, 420])  # a dense and a sparse eigensolver
@pytest.mark.parametrize("dale", [False, True])
def test_spectral_radius_is_met_and_reproducible(n, dale):
    net = two_areas(n * 2 // 3, density=0.2)
    rnns = [build(net, spectral_radius=1.3, dale=dale, dtype=torch.float64) for _ in range(2)]
    assert torch.equal(rnns[0].hidden.values, rnns[1].hidden.values)
    eigenvalues = np.linalg.eigvals(rnns[0].hidden.weight.detach().to_dense().numpy())
    assert np.abs(eigenvalues).max() == pytest.approx(1.3, rel=1e-8)
    rest = build(net, dale=dale, dtype=torch.float64)
    ratio = rnns[0].hidden.values / rest.hidden.values
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
    assert torch.equal(rnns[0].input.values, rest.input.values)


def test_weights_of_the_connectome_are_taken_where_it_has_them():
    given = sp.coo_array((np.array([0.5, -2.0, 3.0]), ([0, 1, 2], [1, 2, 0])), shape=(3, 3))
    graph = gr.AreaGraph()
    graph.add_input("x", 2)
    graph.add_area("A", 3)
    graph.add_area("B", 3)
    graph.project("x", "A")
    graph.project("A", "A", gr.Explicit.from_matrix(given))
    graph.project("A", "B")
    net = graph.compile(seed=0)
    drawn, rnn = build(net), build(net, init="weights")
    assert torch.equal(rnn.input.values, drawn.input.values)
    weight = rnn.hidden.weight.detach().to_dense()
    assert np.array_equal(weight[:3, :3], given.toarray())
    assert torch.equal(weight[3:], drawn.hidden.weight.detach().to_dense()[3:])
    assert weight.isfinite().all()
    assert not np.array_equal(drawn.hidden.weight.detach().to_dense()[:3, :3], given.toarray())


def contacts(sign, weight):
    """One neuron onto itself."""
    import pandas as pd

    neurons = pd.DataFrame({"neuron": ["a"], "area": ["A"], "sign": [sign]})
    edges = pd.DataFrame({"pre": ["a"], "post": ["a"], "weight": [weight]})
    return gr.Connectome.from_edges(edges, neurons)


@pytest.mark.parametrize(("sign", "weight", "wanted"), [(1, 3.0, 3.0), (-1, 3.0, -3.0), (-1, -3.0, -3.0)])
def test_under_dales_law_the_sign_of_a_weight_is_the_neurons(sign, weight, wanted):
    rnn = gr.CTRNN(contacts(sign, weight), init="weights", dale=True)
    assert rnn.hidden.weights.tolist() == [wanted]


# Dale's law ----------------------------------------------------------------------------------------


def obeys(layer, sign):
    weight = layer.weight.detach().to_dense().numpy()
    return bool((weight * sign >= 0).all())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_dales_law_holds_at_every_step_for_hidden_and_readout(optimizer):
    net = two_areas()
    rnn = build(net, dale=True)
    seen = []
    before = rnn.hidden.values.detach().sign()

    def look():
        seen.append(obeys(rnn.hidden, net.sign) and obeys(rnn.readout, net.sign))

    look()
    big_steps = OPTIMIZERS[optimizer](rnn.parameters())
    for group in big_steps.param_groups:
        group["lr"] = 0.1
    train(rnn, big_steps, 30, look)
    assert seen == [True] * 31
    assert (rnn.hidden.values.detach().sign() != before).any()  # values crossed 0, weights did not
    assert (rnn.input.weight.to_dense() < 0).any()  # inputs have no sign


def test_without_dales_law_signs_are_free():
    net = two_areas()
    assert not obeys(build(net).hidden, net.sign)


def test_excitation_and_inhibition_onto_each_neuron_are_balanced_initially():
    graph = gr.AreaGraph()
    graph.add_area("A", 400, excitatory=0.8)
    graph.project("A", "A", 0.2)
    net = graph.compile(seed=0)
    for options in ({"gain": 0.7}, {"spectral_radius": 1.2}):
        weight = build(net, dale=True, dtype=torch.float64, **options).hidden.weight.detach().to_dense()
        excitation, inhibition = weight[:, :320].sum(1), -weight[:, 320:].sum(1)
        torch.testing.assert_close(excitation, inhibition)

    weight = build(net, dale=True, gain=0.7, dtype=torch.float64).hidden.weight.detach().to_dense()
    torch.testing.assert_close(weight.norm(dim=1), torch.full((400,), 0.7, dtype=torch.float64))
    eigenvalues = np.sort(np.abs(np.linalg.eigvals(weight.numpy())))[::-1]
    assert eigenvalues[0] < 1.15 * 0.7  # the radius of the bulk (Rajan & Abbott 2006), and nothing beyond
    unbalanced = weight.abs()
    unbalanced[:, 320:] *= -0.25
    outlier = np.abs(np.linalg.eigvals(unbalanced.numpy())).max()
    assert outlier > 2 * 0.7  # what the balance prevents


def test_a_neuron_without_inhibition_keeps_its_excitation():
    mask = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    rnn = gr.CTRNN(sparsity_masks=[None, mask, None], dale=True, generator=seeded())
    weight = rnn.hidden.weight.detach().to_dense()
    torch.testing.assert_close(weight.norm(dim=1), torch.tensor([1.0, 1.0, 0.0]))
    assert (weight[0, :2] > 0).all()
    assert weight[1, 0] == -weight[1, 2] > 0


def test_dale_with_no_synapse_at_all():
    rnn = gr.CTRNN(sparsity_masks=[np.ones((3, 1)), np.zeros((3, 3)), None], dale=True)
    assert rnn(torch.ones(1, 2, 1))[1].isfinite().all()


def test_gradients_pass_through_dales_law():
    dale = Dale(torch.tensor([1, -1, 0]))
    values = torch.tensor([-2.0, -3.0, -4.0], requires_grad=True)
    dale(values).sum().backward()
    assert values.grad.tolist() == [-1.0, 1.0, 1.0]


@pytest.mark.parametrize("dale", [False, True, "softplus"])
def test_positivity_constraints_make_every_neuron_excitatory(dale):
    rnn = build(two_areas(excitatory=None), positivity_constraints=True)  # says nothing: there is no sign
    assert obeys(rnn.hidden, 1)
    assert obeys(rnn.readout, 1)

    net = two_areas()
    message = (
        "`CTRNN(positivity_constraints=True)` makes every neuron excitatory, 18 inhibitory ones too. To keep "
        "to the signs of the neurons use dale=True."
    )
    with pytest.warns(UserWarning, match="18 inhibitory") as caught:
        rnn = build(net, positivity_constraints=True, dale=dale)
    assert [str(w.message) for w in caught] == [message]
    assert caught[0].filename == __file__
    assert obeys(rnn.hidden, 1)
    assert not obeys(rnn.hidden, net.sign)


def test_signs_come_from_signed_masks():
    mask = np.array([[0.0, -1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 0.0, 1.0]])
    rnn = gr.CTRNN(sparsity_masks=[np.ones((3, 1)), mask, np.ones((1, 3)) * [1, -1, 1]], dale=True)
    assert np.array_equal(rnn.hidden.weight.detach().to_dense().sign(), mask)
    assert torch.equal(rnn.readout.weight.detach().to_dense().sign(), torch.tensor([[1.0, -1.0, 1.0]]))
