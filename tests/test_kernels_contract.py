"""One contract for every backend of the recurrence, against the dense reference and torch.nn.RNN."""

import itertools

import numpy as np
import pytest
import torch
from kernel_cases import (
    ALL,
    DEVICES,
    NETWORKS,
    SLOW,
    TOLERANCE,
    assert_close,
    assert_same,
    draw,
    outputs_and_gradients,
    pattern_of,
    random_mask,
    skip_where_missing,
    weighed,
)

from graphrnn.kernels import ACTIVATIONS, BACKENDS, Matrix, Wanted, available_backends, csr, recurrence

PARTS = {
    "all": ALL,
    "drive": {"drive"},
    "input": {"input"},
    "input and bias": {"input", "bias"},
    "drive and bias": {"drive", "bias"},
    "input and drive": {"input", "drive"},
    "drive and readout": {"drive", "readout"},
    "input and readout": {"input", "readout"},
}
LOSSES = {
    "rates": lambda run: run.rates.square().sum(),
    "v": lambda run: run.v.square().sum(),
    "output": lambda run: run.output.square().sum(),
    "the last rates": lambda run: run.rates[-1].square().sum(),
    "all": lambda run: run.rates.sum() + run.v.square().sum() - run.output.square().sum(),
}


@pytest.fixture(autouse=True)
def _runs_here(request):
    arguments = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    skip_where_missing(arguments.get("backend"), arguments.get("device", "cpu"))


def skip_some(backend, which):
    """Leaves out some of many combinations where kernels are interpreted."""
    if backend in SLOW and which:
        pytest.skip("an interpreter has no time for all combinations")


def assert_equals_the_reference(network, dtype, backend, device="cpu", **options):
    actual = outputs_and_gradients(network.to(device, dtype), **options, backend=backend)
    assert all(tensor.dtype == dtype for tensor in actual.values() if tensor is not None)
    expected = outputs_and_gradients(network.to(device), **options, backend="reference")
    assert_same(actual, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("backend", BACKENDS)
class TestContract:
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_equals_the_reference(self, backend, network, noisy, dtype, device, activation):
        skip_some(backend, device == "cpu" and noisy and dtype == torch.float32)
        drawn = draw(*NETWORKS[network], noisy=noisy)
        assert_equals_the_reference(drawn, dtype, backend, device, activation=activation)

    def test_equals_the_reference_in_chunks_of_time(
        self, backend, network, noisy, dtype, device, monkeypatch
    ):
        mask, steps, batch = NETWORKS[network]
        monkeypatch.setitem(csr.CHUNK_BYTES, device, 2 * len(mask) * batch * dtype.itemsize)
        drawn = draw(mask, steps, batch, noisy=noisy)
        assert_equals_the_reference(drawn, dtype, backend, device, activation="tanh")


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_network_lacks_counts_as_nothing(backend, network, parts, dtype):
    skip_some(backend, dtype == torch.float32)
    drawn = draw(*NETWORKS[network], PARTS[parts])
    assert_equals_the_reference(drawn, dtype, backend, activation="tanh")


@pytest.mark.parametrize("density", [0, 0.2, 1])
@pytest.mark.parametrize(
    ("n_inputs", "n_readouts"), [(0, 0), (0, 1), (1, 0), (1, 1), (2, 8), (9, 17), (40, 33)]
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_any_number_of_inputs_and_readouts(backend, n_inputs, n_readouts, density):
    mask, steps, batch = NETWORKS["sparse"]
    for parts in (ALL, ALL - {"drive", "bias"}):
        drawn = draw(mask, steps, batch, parts, n_inputs=n_inputs, n_readouts=n_readouts, density=density)
        assert_equals_the_reference(drawn, torch.float64, backend, activation="tanh")


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_neuron_at_all(backend):
    drawn = draw(np.zeros((0, 0), bool), 3, 2)
    result = outputs_and_gradients(drawn, backend=backend)
    assert result["rates"].shape == (3, 0, 2)
    assert torch.equal(result["output"], drawn.leaves["readout_bias"][:, None].expand(3, 2, 2))
    assert torch.equal(result["gradient of x"], torch.zeros(3, 3, 2, dtype=torch.float64))


@pytest.mark.parametrize("checkpoint", [None, 3])
@pytest.mark.parametrize("alike", [False, True], ids=["each trial", "all trials alike"])
@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_rates_before_the_first_step_are_those_of_v0(backend, activation, noisy, alike, checkpoint):
    skip_some(backend, noisy and checkpoint is None)
    drawn = draw(*NETWORKS["sparse"], noisy=noisy)
    batch = drawn.leaves["v0"].shape[1]

    def found(backend, told):
        leaves = {name: leaf.detach().requires_grad_() for name, leaf in drawn.leaves.items() if name != "r0"}
        v0 = leaves["v0"] = (drawn.leaves["v0"][:, :1] if alike else drawn.leaves["v0"]).requires_grad_()
        whole = v0.expand(-1, batch)
        r0 = ACTIVATIONS[activation].function(whole) if told else None
        given = drawn.arguments({**leaves, "v0": whole, "r0": r0})
        run = recurrence(**given, backend=backend, activation=activation, checkpoint=checkpoint)
        gradients = torch.autograd.grad(weighed(run), leaves.values())
        return dict(zip(("rates", "v", "output", *leaves), (*run, *gradients), strict=True))

    assert_same(found(backend, told=False), found("reference", told=True), 1e-12)


@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_subset_of_gradients(backend, noisy):
    network = draw(*NETWORKS["asymmetric"], noisy=noisy)
    expected = outputs_and_gradients(network, activation="tanh", backend="reference")
    most = len(Wanted._fields)
    for size in (1, 2, most - 1, most) if backend in SLOW else range(1, most + 1):
        for wanted in itertools.combinations(Wanted._fields, size):
            actual = outputs_and_gradients(network, wanted=wanted, activation="tanh", backend=backend)
            assert_same(actual, {name: expected[name] for name in actual}, 1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("network", ["asymmetric", "sparse", "empty", "time 1"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loss_of_one_output(backend, network, noisy, loss):
    """Where the loss does not look, one backend may say None and the other zeros."""
    drawn = draw(*NETWORKS[network], noisy=noisy)
    options = {"loss": LOSSES[loss], "activation": "tanh"}
    actual, expected = (
        outputs_and_gradients(drawn, **options, backend=name) for name in (backend, "reference")
    )
    for name, leaf in drawn.leaves.items():
        for result in (actual, expected):
            if result[f"gradient of {name}"] is None:
                result[f"gradient of {name}"] = torch.zeros_like(leaf)
    assert_same(actual, expected, 1e-12)


@pytest.mark.parametrize("form", ["sparse", "dense"])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_form_of_a_product_never_changes_the_result(network, form, monkeypatch):
    for threshold in ("DENSE_PRODUCT", "DENSE_GRADIENT"):
        monkeypatch.setattr(csr, threshold, 0.0 if form == "dense" else 2.0)
    assert_equals_the_reference(draw(*NETWORKS[network]), torch.float64, "torch")


@pytest.mark.parametrize("checkpoint", [None, 2])
@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("backend", available_backends())
def test_gradcheck(backend, activation, noisy, checkpoint):
    skip_some(backend, activation != "tanh" and (noisy or checkpoint is not None))
    network = draw(random_mask(4, 4, 0.5, seed=1), 3, 2, noisy=noisy, seed=3)
    for until in range(1, 4):
        first = {name: network.leaves[name][:until] for name in ("x", "drive")}
        arguments = network.arguments(first)
        arguments["rate_noise"] = network.rate_noise[:until] if noisy else None
        v = recurrence(**arguments, activation=activation, backend="reference").v
        assert v.abs().min() > 1e-4, "too near to a kink for finite differences"

    def run(*leaves):
        named = dict(zip(network.leaves, leaves, strict=True))
        options = {"activation": activation, "checkpoint": checkpoint, "backend": backend}
        return tuple(recurrence(**network.arguments(named), **options))

    leaves = [leaf.requires_grad_() for leaf in network.leaves.values()]
    assert torch.autograd.gradcheck(run, leaves, fast_mode=backend in SLOW)


@pytest.mark.parametrize("inside", [True, False], ids=["products inside", "drive alone"])
@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize("backend", available_backends())
def test_equals_torch_rnn_without_leak(backend, nonlinearity, inside):
    n_input, n, n_readout, steps, batch = 3, 20, 2, 8, 5
    torch_rnn = torch.nn.RNN(n_input, n, nonlinearity=nonlinearity)
    torch_readout = torch.nn.Linear(n, n_readout, bias=False)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (*torch_rnn.parameters(), torch_readout.weight):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / n**0.5)
    x = torch.randn(steps, batch, n_input, generator=generator, requires_grad=True)
    h0 = torch.randn(1, batch, n, generator=generator, requires_grad=True)
    weigh = torch.randn(steps, batch, n_readout, generator=generator)
    w_in, w, w_out = torch_rnn.weight_ih_l0, torch_rnn.weight_hh_l0, torch_readout.weight
    leaves = [w, w_in, torch_rnn.bias_ih_l0, w_out, x, h0]
    expected_rates = torch_rnn(x, h0)[0]
    expected = torch.autograd.grad((weigh * torch_readout(expected_rates)).sum(), leaves)

    def matrix(weight):
        return Matrix(weight.flatten(), pattern_of(np.ones(weight.shape, bool)))

    bias = torch_rnn.bias_ih_l0 + torch_rnn.bias_hh_l0
    drive = None if inside else (x @ w_in.T + bias).transpose(1, 2)
    options = {"input": matrix(w_in), "x": x.transpose(1, 2), "bias": bias} if inside else {}
    rates, _, output = recurrence(
        *matrix(w),
        drive,
        torch.ones(n),
        torch.zeros(n, batch),
        h0[0].T,
        **options,
        readout=matrix(w_out),
        activation=nonlinearity,
        backend=backend,
    )
    assert_close(rates.transpose(1, 2), expected_rates, 1e-5)
    loss = (weigh * output.transpose(1, 2)).sum()
    for actual, gradient in zip(torch.autograd.grad(loss, leaves), expected, strict=True):
        assert_close(actual, gradient, 1e-5)
