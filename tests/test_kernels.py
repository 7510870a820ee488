"""One contract for every backend of the recurrence, against the dense reference and torch.nn.RNN."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch.library import opcheck

from graphrnn.kernels import (
    ACTIVATIONS,
    BACKENDS,
    Pattern,
    available_backends,
    choose_backend,
    csr,
    explain_backend,
    recurrence,
    sparse_matmul,
)

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


@pytest.fixture(autouse=True)
def _runs_here(request):
    """Skips a test of a backend that this machine, or this installation, does not offer."""
    arguments = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    backend = BACKENDS.get(arguments.get("backend"))
    if backend is not None:
        why = backend.unavailable(torch.device(arguments.get("device", "cpu")), torch.float32)
        if why is not None:
            pytest.skip(f"backend {backend.name}: {why}")


def random_mask(n_post, n_pre, density, seed=0):
    return np.random.default_rng(seed).random((n_post, n_pre)) < density


def without_rows(mask, rows):
    mask[rows] = False
    return mask


# name: mask (post, pre), time steps, batch
NETWORKS = {
    "asymmetric": (np.tri(6, k=-1, dtype=bool), 5, 3),
    "sparse": (random_mask(30, 30, 0.1), 7, 4),
    "half dense": (random_mask(12, 12, 0.3), 6, 2),
    "dense": (np.ones((8, 8), bool), 5, 3),
    "one neuron": (np.ones((1, 1), bool), 4, 2),
    "one neuron without synapse": (np.zeros((1, 1), bool), 4, 2),
    "empty": (np.zeros((5, 5), bool), 4, 3),
    "empty rows": (without_rows(random_mask(16, 16, 0.15), slice(4, 9)), 5, 3),
    "empty columns": (without_rows(random_mask(16, 16, 0.15), slice(4, 9)).T, 5, 3),
    "batch 1": (random_mask(20, 20, 0.1), 5, 1),
    "time 1": (random_mask(20, 20, 0.1), 1, 3),
    "batch 1, time 1": (random_mask(9, 9, 0.1), 1, 1),
}


def pattern_of(mask, device="cpu"):
    return Pattern.from_pairs(*np.nonzero(mask), mask.shape).to(device)


def draw(mask, steps, batch, dtype=torch.float64, device="cpu", seed=0):
    """values, drive, alpha, v0, r0 and post-activation noise of a network."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    n = len(mask)
    values = normal(int(mask.sum())) / max(mask.sum() / n, 1) ** 0.5
    alpha = 0.1 + 0.9 * torch.rand(n, generator=generator, dtype=torch.float64)
    tensors = (values, normal(steps, n, batch), alpha, normal(n, batch), normal(n, batch))
    noise = 0.3 * normal(steps, n, batch)
    return [tensor.to(device, dtype) for tensor in tensors], noise.to(device, dtype)


def outputs_and_gradients(pattern, inputs, **options):
    """rates, v_last and the gradients of a loss that weighs all their entries differently."""
    leaves = [tensor.detach().requires_grad_() for tensor in inputs]
    values, drive, alpha, v0, r0 = leaves
    outputs = recurrence(values, pattern, drive, alpha, v0, r0, **options)
    loss = sum((torch.linspace(-1, 2, o.numel()).to(o).reshape(o.shape) * o).sum() for o in outputs)
    return [*outputs, *torch.autograd.grad(loss, leaves)]


def assert_close(actual, expected, tolerance):
    """Equal to a tolerance relative to the largest entry."""
    assert actual.shape == expected.shape
    if expected.numel():
        error = (actual.double() - expected.double()).abs().max().item()
        assert error <= tolerance * expected.abs().max().item(), error


def assert_all_close(actual, expected, tolerance):
    for name, a, e in zip(
        ("rates", "v_last", "values", "drive", "alpha", "v0", "r0"), actual, expected, strict=True
    ):
        try:
            assert_close(a, e, tolerance)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("backend", BACKENDS)
class TestContract:
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_equals_the_reference(self, backend, network, noisy, dtype, device, activation):
        mask, steps, batch = NETWORKS[network]
        pattern = pattern_of(mask, device)
        inputs, noise = draw(mask, steps, batch, dtype, device)
        options = {"activation": activation, "rate_noise": noise if noisy else None}
        actual = outputs_and_gradients(pattern, inputs, **options, backend=backend)
        assert all(tensor.dtype == dtype for tensor in actual)
        exact = [tensor.double() for tensor in inputs]
        options["rate_noise"] = noise.double() if noisy else None
        expected = outputs_and_gradients(pattern, exact, **options, backend="reference")
        assert_all_close(actual, expected, TOLERANCE[dtype])

    def test_equals_the_reference_in_chunks_of_time(
        self, backend, network, noisy, dtype, device, monkeypatch
    ):
        mask, _, batch = NETWORKS[network]
        two_steps = 2 * len(mask) * batch * dtype.itemsize
        monkeypatch.setitem(csr.CHUNK_BYTES, device, two_steps)
        self.test_equals_the_reference(backend, network, noisy, dtype, device, "tanh")


@pytest.mark.parametrize("network", ["asymmetric", "dense"])
def test_autocast_changes_nothing(network):
    mask, steps, batch = NETWORKS[network]
    pattern = pattern_of(mask)
    inputs, noise = draw(mask, steps, batch, torch.float32)
    expected = outputs_and_gradients(pattern, inputs, rate_noise=noise, backend="torch")
    x = inputs[1].clone().requires_grad_()
    product = sparse_matmul(inputs[0], pattern, x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = outputs_and_gradients(pattern, inputs, rate_noise=noise, backend="torch")
        inside = sparse_matmul(inputs[0], pattern, x)
        gradient = torch.autograd.grad(inside.sum(), x)[0]
    assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))
    assert torch.equal(inside, product)
    assert torch.equal(gradient, torch.autograd.grad(product.sum(), x)[0])


@pytest.mark.parametrize("form", ["sparse", "dense"])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_form_of_a_product_never_changes_the_result(network, form, monkeypatch):
    for threshold in ("DENSE_PRODUCT", "DENSE_GRADIENT"):
        monkeypatch.setattr(csr, threshold, 0.0 if form == "dense" else 2.0)
    mask, steps, batch = NETWORKS[network]
    inputs, _ = draw(mask, steps, batch)
    actual = outputs_and_gradients(pattern_of(mask), inputs, backend="torch")
    expected = outputs_and_gradients(pattern_of(mask), inputs, backend="reference")
    assert_all_close(actual, expected, 1e-12)


@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("backend", available_backends())
def test_gradcheck(backend, activation, noisy):
    mask = random_mask(4, 4, 0.5, seed=1)
    pattern = pattern_of(mask)
    inputs, noise = draw(mask, 3, 2, seed=3)
    states = []
    for t in range(1, 4):
        prefix = [inputs[0], pattern, inputs[1][:t], *inputs[2:]]
        options = {"activation": activation, "rate_noise": noise[:t] if noisy else None}
        states.append(recurrence(*prefix, **options)[1])
    assert torch.stack(states).abs().min() > 1e-4, "too near to a kink for finite differences"

    def run(values, drive, alpha, v0, r0):
        return recurrence(values, pattern, drive, alpha, v0, r0, **options, backend=backend)

    assert torch.autograd.gradcheck(run, [tensor.requires_grad_() for tensor in inputs])


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize("backend", available_backends())
def test_equals_torch_rnn_without_leak(backend, nonlinearity):
    n_input, n, steps, batch = 3, 20, 8, 5
    torch_rnn = torch.nn.RNN(n_input, n, nonlinearity=nonlinearity)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in torch_rnn.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / n**0.5)
    x = torch.randn(steps, batch, n_input, generator=generator, requires_grad=True)
    h0 = torch.randn(1, batch, n, generator=generator, requires_grad=True)
    weigh = torch.randn(steps, batch, n, generator=generator)
    leaves = [torch_rnn.weight_hh_l0, torch_rnn.weight_ih_l0, torch_rnn.bias_ih_l0, x, h0]
    expected_output = torch_rnn(x, h0)[0]
    expected = torch.autograd.grad((weigh * expected_output).sum(), leaves)

    pattern = pattern_of(np.ones((n, n), bool))
    bias = torch_rnn.bias_ih_l0 + torch_rnn.bias_hh_l0
    drive = (x @ torch_rnn.weight_ih_l0.T + bias).transpose(1, 2)
    rates, _ = recurrence(
        torch_rnn.weight_hh_l0.flatten(),
        pattern,
        drive,
        torch.ones(n),
        torch.zeros(n, batch),
        h0[0].T,
        activation=nonlinearity,
        backend=backend,
    )
    output = rates.transpose(1, 2)
    assert_close(output, expected_output, 1e-5)
    for actual, gradient in zip(torch.autograd.grad((weigh * output).sum(), leaves), expected, strict=True):
        assert_close(actual, gradient, 1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
class TestNode:
    def arguments(self, steps=6, batch=3, mask=None):
        mask = random_mask(12, 12, 0.15) if mask is None else mask
        inputs, noise = draw(mask, steps, batch)
        return pattern_of(mask), inputs, noise

    def test_strided_inputs_and_gradients(self, backend):
        pattern, (values, _, alpha, v0, r0), _ = self.arguments()
        generator = torch.Generator().manual_seed(5)
        batch_first = torch.randn(3, 6, 12, dtype=torch.float64, generator=generator)
        drive = batch_first.permute(1, 2, 0)
        strided = [
            values.repeat_interleave(2)[::2],
            drive,
            alpha[:1].expand(12),
            v0.T.contiguous().T,
            r0[:, :1].expand(12, 3),
        ]
        assert not any(tensor.is_contiguous() for tensor in strided)
        actual = outputs_and_gradients(pattern, strided, backend=backend)
        expected = outputs_and_gradients(pattern, [t.contiguous() for t in strided], backend=backend)
        assert_all_close(actual, expected, 1e-14)
        leaf = values.clone().requires_grad_()
        rates, v_last = recurrence(leaf, pattern, drive, alpha, v0, r0, backend=backend)
        plain = torch.autograd.grad((rates.sum() + v_last.sum()), leaf, retain_graph=True)[0]
        grads = [torch.ones(3, 6, 12).permute(1, 2, 0).to(rates), torch.ones(1).to(rates).expand(12, 3)]
        assert_close(torch.autograd.grad([rates, v_last], leaf, grads)[0], plain, 1e-14)

    @pytest.mark.parametrize("which", [0, 1], ids=["rates", "v_last"])
    @pytest.mark.parametrize("wanted", range(5), ids=["values", "drive", "alpha", "v0", "r0"])
    def test_one_output_one_gradient(self, backend, which, wanted):
        pattern, inputs, _ = self.arguments()
        gradients = []
        for name in (backend, "reference"):
            arguments = [tensor.clone() for tensor in inputs]
            leaf = arguments[wanted].requires_grad_()
            output = recurrence(arguments[0], pattern, *arguments[1:], backend=name)[which]
            gradients.append(torch.autograd.grad(output.square().sum(), leaf)[0])
        assert_close(*gradients, 1e-12)

    def test_continues_exactly(self, backend):
        pattern, (values, drive, alpha, v0, r0), _ = self.arguments()
        rates, v_last = recurrence(values, pattern, drive, alpha, v0, r0, backend=backend)
        first, v = recurrence(values, pattern, drive[:2], alpha, v0, r0, backend=backend)
        second, v = recurrence(values, pattern, drive[2:], alpha, v, first[-1], backend=backend)
        assert torch.equal(torch.cat((first, second)), rates)
        assert torch.equal(v, v_last)

    def test_inputs_stay_as_they_are(self, backend):
        pattern, inputs, noise = self.arguments()
        before = [tensor.clone() for tensor in (*inputs, noise)]
        outputs_and_gradients(pattern, inputs, rate_noise=noise, backend=backend)
        assert all(torch.equal(a, b) for a, b in zip(before, (*inputs, noise), strict=True))

    @pytest.mark.parametrize(
        ("noisy", "learns_alpha", "sequences"), [(False, False, 1), (True, False, 2), (False, True, 2)]
    )
    def test_keeps_only_what_the_gradient_needs(self, backend, noisy, learns_alpha, sequences):
        pattern, (values, drive, alpha, v0, r0), noise = self.arguments()
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()), lambda _: None):
            recurrence(
                values.requires_grad_(),
                pattern,
                drive,
                alpha.requires_grad_(learns_alpha),
                v0,
                r0,
                rate_noise=noise if noisy else None,
                backend=backend,
            )
        assert kept.count(drive.numel()) == sequences
        small = 4 * pattern.n_synapses + 2 * 13 + 12 + 2 * v0.numel()
        assert sum(kept) == sequences * drive.numel() + small

    @pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
    def test_is_a_well_formed_operator(self, backend, noisy):
        pattern, inputs, noise = self.arguments(steps=2)
        values, *rest = [tensor.requires_grad_() for tensor in inputs]
        arguments = (values, *pattern, *rest, noise if noisy else None, "tanh", backend, True)
        opcheck(torch.ops.graphrnn.recurrence.default, arguments)

    def test_compiles_into_one_graph(self, backend):
        pattern, inputs, _ = self.arguments()

        def loss(values, drive, alpha, v0, r0):
            rates, v_last = recurrence(values, pattern, drive, alpha, v0, r0, backend=backend)
            return sparse_matmul(values, pattern, rates).square().sum() + v_last.sum()

        compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
        leaves = [tensor.requires_grad_() for tensor in inputs]
        actual = torch.autograd.grad(compiled(*leaves), leaves)
        expected = torch.autograd.grad(loss(*leaves), leaves)
        assert all(torch.allclose(a, e) for a, e in zip(actual, expected, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_large_network_never_makes_a_dense_matrix(backend):
    """A dense matrix of this network takes 160 GB."""
    resource = pytest.importorskip("resource")
    n, steps, batch = 200_000, 2, 1
    pre = np.sort(np.random.default_rng(0).integers(0, n // 2, (n, 2)), axis=1) * 2 + [0, 1]
    pattern = Pattern.from_pairs(np.repeat(np.arange(n), 2), pre.ravel(), (n, n))
    values = torch.full((2 * n,), 0.5, requires_grad=True)
    drive = torch.randn(steps, n, batch, generator=torch.Generator().manual_seed(0), requires_grad=True)
    start = torch.zeros(n, batch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rates, _ = recurrence(values, pattern, drive, torch.full((n,), 0.5), start, start, backend=backend)
    sparse_matmul(values, pattern, rates).square().mean().backward()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 400_000  # kB
    assert values.grad.count_nonzero() > n // 4


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("density", [0.0, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (1, 7), (7, 1)])
def test_sparse_matmul_equals_dense(shape, density, dtype):
    mask = random_mask(*shape, density)
    pattern = pattern_of(mask)
    generator = torch.Generator().manual_seed(0)
    leaves = [
        torch.randn(pattern.n_synapses, dtype=dtype, generator=generator, requires_grad=True),
        torch.randn(5, shape[1], 3, dtype=dtype, generator=generator, requires_grad=True),
    ]
    actual = sparse_matmul(leaves[0], pattern, leaves[1])
    expected = pattern.dense(leaves[0]) @ leaves[1]
    assert_close(actual, expected, TOLERANCE[dtype])
    assert torch.equal(sparse_matmul(leaves[0], pattern, leaves[1][2]), actual[2])
    gradients = (torch.autograd.grad(y.sin().sum(), leaves) for y in (actual, expected))
    for a, e in zip(*gradients, strict=True):
        assert_close(a, e, 2 * TOLERANCE[dtype])


def test_sparse_matmul_gradcheck_and_operator():
    pattern = pattern_of(random_mask(4, 3, 0.5))
    values = torch.randn(pattern.n_synapses, dtype=torch.float64, requires_grad=True)
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda values, x: sparse_matmul(values, pattern, x), (values, x))
    assert torch.autograd.gradcheck(lambda x: sparse_matmul(values.detach(), pattern, x), (x[0],))
    opcheck(torch.ops.graphrnn.sparse_matmul.default, (values, *pattern, x))


NOT_SORTED = (
    "`Pattern.from_pairs` needs synapses sorted by (post, pre), each at most once; number 1 does not follow "
    "the one before it. Sort them with `numpy.lexsort((pre, post))` and merge duplicates."
)


class TestPattern:
    def test_rows_columns_and_transpose(self):
        mask = random_mask(7, 5, 0.4)
        pattern = pattern_of(mask)
        values = torch.arange(1.0, pattern.n_synapses + 1)
        dense = pattern.dense(values)
        assert torch.equal(dense != 0, torch.from_numpy(mask))
        assert torch.equal(dense[pattern.post, pattern.pre], values)
        transposed = torch.zeros(5, 7)
        counts = pattern.t_crow.diff().long()
        transposed[torch.arange(5).repeat_interleave(counts), pattern.t_col.long()] = values[pattern.perm]
        assert torch.equal(transposed, dense.T)
        assert pattern.shape == (7, 5)
        assert pattern.density == mask.mean()
        assert all(tensor.dtype == torch.int32 for tensor in pattern)

    def test_takes_torch_and_frozen_arrays_and_shares_no_memory(self):
        post, pre = np.array([0, 1, 1], np.int32), np.array([1, 0, 2], np.int32)
        pre.setflags(write=False)
        from_numpy = Pattern.from_pairs(post, pre, (2, 3))
        from_torch = Pattern.from_pairs(torch.tensor([0, 1, 1]), torch.tensor([1, 0, 2]), (2, 3))
        assert all(torch.equal(a, b) for a, b in zip(from_numpy, from_torch, strict=True))
        assert not np.shares_memory(from_numpy.col.numpy(), pre)

    @pytest.mark.parametrize(
        ("post", "pre", "shape", "message"),
        [
            (
                [0.5],
                [0],
                (1, 1),
                "`Pattern.from_pairs` needs a 1-D array of whole numbers for `post`; it got float64 of shape (1,).",  # noqa: E501
            ),
            (
                [0, 1],
                [0],
                (2, 2),
                "`Pattern.from_pairs` needs as many `post` as `pre` indices; it got 2 and 1.",
            ),
            (
                [],
                [],
                (2**31, 2),
                "`Pattern.from_pairs` keeps indices in 32 bits, for fewer than 2147483648 synapses and "
                "neurons; it got 0 synapses between 2 and 2147483648 neurons. Split the matrix into areas.",
            ),
            ([0], [-1], (2, 3), "`Pattern.from_pairs` needs `pre` indices from 0 to 2; it got -1 to -1."),
            ([0, 2], [0, 0], (2, 3), "`Pattern.from_pairs` needs `post` indices from 0 to 1; it got 0 to 2."),
            ([1, 0], [0, 0], (2, 2), NOT_SORTED),
            ([0, 0], [1, 0], (2, 2), NOT_SORTED),
            ([0, 0], [1, 1], (2, 2), NOT_SORTED),
        ],
    )
    def test_refuses(self, post, pre, shape, message):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            Pattern.from_pairs(post, pre, shape)


SQUARE = "`recurrence` needs a square pattern; it got one of shape (2, 3)."
WRONG_RECURRENCE = {
    "pattern": (Pattern.from_pairs([0], [0], (2, 3)), SQUARE),
    "values": (torch.ones(3), "`recurrence` needs `values` of shape (synapse,) = (2,), one for each synapse of the pattern; it got (3,)."),  # noqa: E501
    "drive": (torch.ones(4, 2), "`recurrence` needs `drive` of shape (time, neuron, batch) = (any, 2, any); it got (4, 2)."),  # noqa: E501
    "alpha": (torch.ones(3), "`recurrence` needs `alpha` of shape (neuron,) = (2,); it got (3,)."),
    "v0": (torch.ones(2), "`recurrence` needs `v0` of shape (neuron, batch) = (2, 3); it got (2,)."),
    "r0": (torch.ones(2, 4), "`recurrence` needs `r0` of shape (neuron, batch) = (2, 3); it got (2, 4)."),
    "rate_noise": (torch.ones(3, 2, 3), "`recurrence` needs `rate_noise` of shape (time, neuron, batch) = (4, 2, 3); it got (3, 2, 3)."),  # noqa: E501
    "activation": ("gelu", "`recurrence` needs `activation` to be one of relu, tanh, sigmoid, softplus, retanh, identity; it got 'gelu'."),  # noqa: E501
    "backend": ("abacus", f"There is no backend `abacus`. Take {' or '.join(f'`{name}`' for name in ('auto', *available_backends()))}."),  # noqa: E501
}  # fmt: skip


def plain_arguments():
    return {
        "values": torch.ones(2),
        "pattern": Pattern.from_pairs([0, 1], [1, 0], (2, 2)),
        "drive": torch.ones(4, 2, 3),
        "alpha": torch.ones(2),
        "v0": torch.zeros(2, 3),
        "r0": torch.zeros(2, 3),
    }


class TestRefusals:
    @pytest.mark.parametrize("name", WRONG_RECURRENCE)
    def test_shapes_and_names(self, name):
        wrong, message = WRONG_RECURRENCE[name]
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            recurrence(**{**plain_arguments(), name: wrong})

    def test_a_sequence_without_a_step(self):
        message = (
            "`recurrence` needs `drive` of shape (time, neuron, batch) = (any, 2, any); it got (0, 2, 3)."
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            recurrence(**{**plain_arguments(), "drive": torch.ones(0, 2, 3)})

    def test_noise_that_wants_a_gradient(self):
        message = (
            "`recurrence` has no gradient for `rate_noise`, which requires one. Pass `rate_noise.detach()`."
        )
        noise = torch.ones(4, 2, 3, requires_grad=True)
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            recurrence(**plain_arguments(), rate_noise=noise)

    @pytest.mark.parametrize(
        ("name", "wrong", "message"),
        [
            ("alpha", 0.1, "`recurrence` needs a torch.Tensor for `alpha`; it got float."),
            ("values", torch.ones(2).half(), "`recurrence` needs `values` in float32 or float64; it got float16. Convert them with `.float()`."),  # noqa: E501
            ("drive", torch.ones(4, 2, 3).double(), "`recurrence` needs all tensors in the precision of `values`, float32; `drive` is float64. Convert it with `.to(values.dtype)`."),  # noqa: E501
        ],
    )  # fmt: skip
    def test_types(self, name, wrong, message):
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            recurrence(**{**plain_arguments(), name: wrong})

    @pytest.mark.parametrize("name", ["v0", "pattern"])
    def test_devices(self, name):
        arguments = plain_arguments()
        arguments[name] = arguments[name].to("meta")
        message = (
            "`recurrence` needs all tensors on the device of `values`, cpu; "
            f"`{name}` is on meta. Move it with `.to(values.device)`."
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            recurrence(**arguments)

    @pytest.mark.parametrize(
        ("shape", "wanted"),
        [((3, 2), "(pre, batch) = (2, any)"), ((5, 3, 2), "(time, pre, batch) = (any, 2, any)")],
    )
    def test_sparse_matmul(self, shape, wanted):
        message = f"`sparse_matmul` needs `x` of shape {wanted}; it got {shape}."
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            sparse_matmul(torch.ones(1), Pattern.from_pairs([0], [1], (1, 2)), torch.ones(shape))

    def test_a_second_derivative(self):
        arguments = plain_arguments()
        leaf = arguments["values"].requires_grad_()
        rates, _ = recurrence(**arguments)
        (gradient,) = torch.autograd.grad(rates.square().sum(), leaf, create_graph=True)
        with pytest.raises(RuntimeError, match="no autograd formula was registered"):
            gradient.sum().backward()


class TestChoice:
    def test_auto_takes_the_fastest_and_says_so(self):
        fastest, *_ = BACKENDS
        choice = choose_backend("auto", "cpu", torch.float32)
        assert choice.name == available_backends("cpu")[0]
        assert (choice == (fastest, "the fastest available on cpu in float32")) == (choice.name == fastest)

    def test_by_name(self):
        assert choose_backend("reference", "cpu", torch.float64) == ("reference", "asked for by name")

    def test_auto_passes_over_what_cannot_run(self):
        name, reason = choose_backend("auto", "mps", torch.float32)
        assert name == "reference"
        assert reason == (
            "the fastest available on mps in float32; `native` is not: it runs on CPUs alone; "
            "`torch` is not: torch has no sparse products on mps"
        )

    def test_unavailable(self):
        message = (
            "Backend `torch` is not available on cpu in bfloat16: torch's sparse products need float32 or "
            "float64, not bfloat16. Take `auto` or `reference`."
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            choose_backend("torch", "cpu", torch.bfloat16)

    @pytest.mark.parametrize(
        ("density", "products", "gradient"),
        [(0.0, "sparse", "sparse"), (0.25, "sparse", "dense"), (0.5, "dense", "dense")],
    )
    def test_explains_the_form_that_it_takes(self, density, products, gradient):
        mask = np.zeros((4, 4), bool)
        mask.flat[: round(16 * density)] = True
        pattern = pattern_of(mask)
        assert explain_backend("torch", pattern) == (
            f"density {density:g}: products {products} (dense from 0.4 on), "
            f"gradient of the values {gradient} (dense from 0.2 on)"
        )
        weight = csr.weight_matrix(pattern, torch.ones(pattern.n_synapses))
        assert (weight.layout is torch.strided) == (products == "dense")
        assert csr.ValueGradient(pattern, torch.ones(pattern.n_synapses)).dense == (gradient == "dense")

    def test_explains_the_reference(self):
        pattern = pattern_of(np.ones((2, 2), bool))
        assert explain_backend("reference", pattern) == "one dense matrix, differentiated by torch"
