"""The recurrence as a node of autograd and an operator of torch."""

import functools
import re
from enum import Enum

import numpy as np
import pytest
import torch
from kernel_cases import (
    ALL,
    NETWORKS,
    SLOW,
    assert_close,
    assert_same,
    draw,
    laid_out,
    outputs_and_gradients,
    pattern_of,
    random_mask,
    skip_where_missing,
    weighed,
)
from torch.autograd import forward_ad
from torch.library import opcheck

from graphrnn.kernels import BACKENDS, Pattern, Wanted, recurrence, sparse_matmul


@pytest.fixture(autouse=True)
def _runs_here(request):
    arguments = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    skip_where_missing(arguments.get("backend"))


def network(parts=ALL, steps=6, batch=3, **options):
    return draw(random_mask(12, 12, 0.15), steps, batch, parts, **options)


def operator_arguments(drawn, backend, checkpoint=0):
    """What the operator itself takes, plain tensors."""
    leaf = {name: tensor.requires_grad_() for name, tensor in drawn.leaves.items()}
    patterns = [tensor for pattern in drawn.patterns.values() for tensor in pattern]
    how = "tanh", "exact", backend, True, checkpoint
    return (*map(leaf.get, Wanted._fields), drawn.rate_noise, patterns, *how)


def sum_of_squares(run):
    return run.rates.square().sum() + run.output.square().sum()


def count_saved(drawn, backend, **options):
    """How many numbers a pass keeps for the backward pass, in tensors of each size."""
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()), lambda _: None):
        recurrence(**drawn.arguments(), **options, backend=backend)
    return kept


@pytest.mark.parametrize("backend", BACKENDS)
class TestNode:
    def test_strided_inputs_and_gradients(self, backend):
        drawn = network(batch=4)
        leaves = dict(drawn.leaves)
        for name in ("values", "input_values", "readout_values", "bias", "readout_bias"):
            leaves[name] = leaves[name].repeat_interleave(2)[::2]
        for name in ("x", "drive"):  # as a CTRNN passes what comes batch first
            leaves[name] = laid_out(leaves[name], (2, 0, 1))
        leaves |= {"alpha": leaves["alpha"][:1].expand(12), "v0": leaves["v0"].T.contiguous().T}
        leaves["r0"] = leaves["r0"][:, :1].expand(12, 4)
        assert not any(leaf.is_contiguous() for leaf in leaves.values())
        plain = {name: leaf.contiguous() for name, leaf in leaves.items()}
        actual, expected = (
            outputs_and_gradients(drawn._replace(leaves=given), backend=backend) for given in (leaves, plain)
        )
        assert_same(actual, expected, 1e-14)

        values = leaves["values"].clone().requires_grad_()
        run = recurrence(**drawn.arguments({"values": values}), backend=backend)
        total = sum(output.sum() for output in run)
        (expected,) = torch.autograd.grad(total, values, retain_graph=True)
        ones = [torch.ones(o.shape[::-1]).to(values).transpose(0, -1) for o in run[:2]]
        expanded = torch.ones(1).to(values).expand(run.output.shape)
        (actual,) = torch.autograd.grad(list(run), values, [*ones, expanded])
        assert_close(actual, expected, 1e-14)

    def test_continues_exactly(self, backend):
        drawn = network(noisy=True)
        whole = recurrence(**drawn.arguments(), backend=backend)
        v, r, outputs = drawn.leaves["v0"], drawn.leaves["r0"], []
        for part in (slice(2), slice(2, 6)):
            sequence = {name: drawn.leaves[name][part] for name in ("x", "drive")}
            arguments = drawn.arguments({**sequence, "v0": v, "r0": r})
            run = recurrence(**{**arguments, "rate_noise": drawn.rate_noise[part]}, backend=backend)
            v, r = run.v, run.rates[-1]
            outputs.append(run)
        assert torch.equal(torch.cat([run.rates for run in outputs]), whole.rates)
        assert torch.equal(torch.cat([run.output for run in outputs]), whole.output)
        assert torch.equal(v, whole.v)

    def test_inputs_stay_as_they_are_and_outputs_share_no_memory_with_them(self, backend):
        drawn = network(noisy=True)
        before = {name: leaf.clone() for name, leaf in drawn.leaves.items()}
        noise = drawn.rate_noise.clone()
        outputs_and_gradients(drawn, backend=backend)
        run = recurrence(**drawn.arguments(), backend=backend)
        for output in run:
            output.fill_(torch.nan)
        assert all(torch.equal(drawn.leaves[name], leaf) for name, leaf in before.items())
        assert torch.equal(drawn.rate_noise, noise)

    @pytest.mark.parametrize(
        ("noisy", "learns_alpha", "sequences"), [(False, False, 1), (True, False, 2), (False, True, 2)]
    )
    @pytest.mark.parametrize("parts", [ALL, {"drive"}], ids=["all parts", "drive"])
    def test_keeps_only_what_the_gradient_needs(self, backend, parts, noisy, learns_alpha, sequences):
        """Rates, and v where those hide it: never the drive. All else has no neurons times steps."""
        sizes = {}
        for steps in (6, 60):
            drawn = network(parts, steps, noisy=noisy)
            drawn.leaves["values"].requires_grad_()
            drawn.leaves["alpha"].requires_grad_(learns_alpha)
            sizes[steps] = count_saved(drawn, backend)
            assert sizes[steps].count(steps * 12 * 3) == sequences
        grown = sum(sizes[60]) - sum(sizes[6])
        x = 3 * 3 if "input" in parts else 0
        assert grown == 54 * (sequences * 12 * 3 + x)

    @pytest.mark.parametrize("checkpoint", [0, 2])
    @pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
    @pytest.mark.parametrize("parts", [ALL, {"drive"}, {"input"}], ids=["all parts", "drive", "input"])
    def test_is_a_well_formed_operator(self, backend, parts, noisy, checkpoint):
        drawn = network(parts, steps=3, noisy=noisy)
        if not noisy and not checkpoint:
            del drawn.leaves["r0"]
            if "x" in drawn.leaves:
                drawn.leaves["x"] = laid_out(drawn.leaves["x"], (2, 0, 1))
        opcheck(torch.ops.graphrnn.recurrence.default, operator_arguments(drawn, backend, checkpoint))

    @pytest.mark.parametrize("checkpoint", [None, 4])
    @pytest.mark.parametrize("parts", [ALL, {"drive"}, {"input"}], ids=["all parts", "drive", "input"])
    def test_compiles_into_one_graph(self, backend, parts, checkpoint):
        drawn = network(parts)
        leaves = [leaf.requires_grad_() for leaf in drawn.leaves.values()]

        def loss(*leaves):
            arguments = drawn.arguments(dict(zip(drawn.leaves, leaves, strict=True)))
            run = recurrence(**arguments, checkpoint=checkpoint, backend=backend)
            product = sparse_matmul(leaves[0], arguments["pattern"], run.rates)
            return product.square().sum() + weighed(run)

        torch.compiler.reset()  # after eight variants of one function torch would give up
        compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
        actual = torch.autograd.grad(compiled(*leaves), leaves)
        expected = torch.autograd.grad(loss(*leaves), leaves)
        assert all(torch.allclose(a, e) for a, e in zip(actual, expected, strict=True))

    def test_has_no_second_derivative_and_says_so(self, backend):
        drawn = network()
        leaf = drawn.leaves["values"].requires_grad_()
        rates, _, _ = recurrence(**drawn.arguments(), backend=backend)
        (gradient,) = torch.autograd.grad(rates.square().sum(), leaf, create_graph=True)
        with pytest.raises(RuntimeError, match=r"no autograd formula was registered|differentiate twice"):
            gradient.sum().backward()

    @pytest.mark.parametrize("activation", ["tanh", Enum("Name", {"TANH": "tanh"}, type=str).TANH])
    def test_refuses_to_go_back_over_other_synapses(self, backend, activation):
        drawn = network()
        drawn.leaves["values"].requires_grad_()
        rates, _, _ = recurrence(**drawn.arguments(), activation=activation, backend=backend)
        drawn.patterns["readout_values"].col.copy_(drawn.patterns["readout_values"].col.clone())
        message = (
            "`backward` of `recurrence` needs the synapses of the forward pass; a pattern was changed "
            "in place since. Change a copy, or run forward again."
        )
        with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
            rates.sum().backward()

    @pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")  # of torch's own make_dual
    @pytest.mark.parametrize("grad", [True, False])
    def test_has_no_forward_derivative_and_says_so(self, backend, grad):
        """Also where no graph is kept, which does not switch off forward derivatives."""
        leaves = dict(network().leaves)
        with forward_ad.dual_level(), torch.set_grad_enabled(grad):
            leaves["x"] = forward_ad.make_dual(leaves["x"], torch.ones_like(leaves["x"]))
            with pytest.raises(NotImplementedError, match="forward mode AD"):
                recurrence(**network().arguments(leaves), backend=backend)

    def test_the_default_device_changes_nothing(self, backend):
        drawn = network(steps=60, batch=8)
        run = functools.partial(outputs_and_gradients, drawn, backend=backend, loss=sum_of_squares)
        with torch.device("meta"):
            inside = run()
        assert_same(inside, run(), 0)


@pytest.mark.parametrize("name", ["asymmetric", "dense"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_autocast_changes_nothing(backend, name):
    drawn = draw(*NETWORKS[name], noisy=True).to(torch.float32)
    run = functools.partial(outputs_and_gradients, drawn, backend=backend)
    x = drawn.leaves["drive"].clone().requires_grad_()
    values, pattern = drawn.leaves["values"], drawn.patterns["values"]
    expected, product = run(), sparse_matmul(values, pattern, x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual, inside = run(), sparse_matmul(values, pattern, x)
        gradient = torch.autograd.grad(inside.sum(), x)[0]
    assert_same(actual, expected, 0)
    assert torch.equal(inside, product)
    assert torch.equal(gradient, torch.autograd.grad(product.sum(), x)[0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_large_network_never_makes_a_dense_matrix(backend):
    """A dense matrix of this network takes 160 GB."""
    if backend in SLOW:
        pytest.skip("takes an interpreter minutes")
    resource = pytest.importorskip("resource")
    n, steps, batch = 200_000, 2, 1
    pre = np.sort(np.random.default_rng(0).integers(0, n // 2, (n, 2)), axis=1) * 2 + [0, 1]
    pattern = Pattern.from_pairs(np.repeat(np.arange(n), 2), pre.ravel(), (n, n))
    values = torch.full((2 * n,), 0.5, requires_grad=True)
    drive = torch.randn(steps, n, batch, generator=torch.Generator().manual_seed(0), requires_grad=True)
    start = torch.zeros(n, batch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rates, _, _ = recurrence(values, pattern, drive, torch.full((n,), 0.5), start, start, backend=backend)
    sparse_matmul(values, pattern, rates).square().mean().backward()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 400_000  # kB
    assert values.grad.count_nonzero() > n // 4


class TestCheckpoint:
    """With `checkpoint` the rates of some steps alone are kept, and the gradients stay what they were."""

    @pytest.mark.parametrize("checkpoint", [1, 2, 3, 6, 7, 12])
    @pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
    @pytest.mark.parametrize("parts", [ALL, {"input"}, {"drive"}], ids=["all parts", "input", "drive"])
    @pytest.mark.parametrize("backend", [*BACKENDS, "reference"])
    def test_changes_no_gradient(self, backend, parts, noisy, checkpoint):
        drawn = network(parts, steps=7, noisy=noisy)
        kept = [t for t in range(7) if (t + 1) % checkpoint == 0 or t == 6]

        def loss(run):
            steps = run.rates if len(run.rates) == len(kept) else run.rates[kept]
            return weighed(run._replace(rates=steps))

        options = {"loss": loss, "activation": "tanh"}
        expected = outputs_and_gradients(drawn, **options, backend="reference")
        expected["rates"] = expected["rates"][kept]
        actual = outputs_and_gradients(drawn, **options, checkpoint=checkpoint, backend=backend)
        assert_same(actual, expected, 1e-12)

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize(
        "wanted", [["values"], ["alpha"], ["x"], ["drive", "v0"], ["r0"], ["readout_values"]]
    )
    def test_of_single_gradients(self, backend, wanted):
        drawn = network(steps=7)
        options = {"wanted": wanted, "loss": lambda run: run.output.square().sum(), "activation": "tanh"}
        expected = outputs_and_gradients(drawn, **options, checkpoint=3, backend="reference")
        actual = outputs_and_gradients(drawn, **options, checkpoint=3, backend=backend)
        assert_same(actual, expected, 1e-12)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_forward_gives_the_same_bits(self, backend):
        drawn = network(steps=7, noisy=True)
        whole = recurrence(**drawn.arguments(), backend=backend)
        parts = recurrence(**drawn.arguments(), checkpoint=3, backend=backend)
        assert torch.equal(parts.rates, whole.rates[[2, 5, 6]])
        assert torch.equal(parts.v, whole.v)
        assert torch.equal(parts.output, whole.output)

    @pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_keeps_every_so_many_th_step(self, backend, noisy):
        """Rates and v at the checkpoints, and the inputs themselves, which are there anyway."""
        n, batch, n_inputs = 12, 3, 3
        sizes = {}
        for steps in (20, 200):
            drawn = network({"input", "readout"}, steps, noisy=noisy)
            drawn.leaves["values"].requires_grad_()
            sizes[steps] = sum(count_saved(drawn, backend, checkpoint=10))
        grown = 180 // 10 * 2 * n * batch + 180 * n_inputs * batch + (180 * n * batch if noisy else 0)
        assert sizes[200] - sizes[20] == grown

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_inputs_stay_as_they_are(self, backend):
        drawn = network(steps=7, noisy=True)
        before = {name: leaf.clone() for name, leaf in drawn.leaves.items()}
        outputs_and_gradients(drawn, checkpoint=2, backend=backend)
        assert all(torch.equal(drawn.leaves[name], leaf) for name, leaf in before.items())

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_of_a_pattern_without_synapses(self, backend):
        mask = np.zeros((5, 5), bool)
        assert pattern_of(mask).n_synapses == 0
        drawn = draw(mask, 4, 3)
        options = {"loss": lambda run: run.output.sum() + run.v.sum(), "checkpoint": 3}
        actual, expected = (
            outputs_and_gradients(drawn, **options, backend=b) for b in (backend, "reference")
        )
        assert_close(actual["gradient of x"], expected["gradient of x"], 1e-12)
        assert actual["gradient of values"].shape == (0,)
