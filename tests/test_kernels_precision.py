"""Products of rounded numbers: how they are rounded, and that every backend rounds the same ones."""

# ruff: noqa: E501 (a message in one line can be searched for)

import copy
import re

import numpy as np
import pytest
import torch
from kernel_cases import (
    DEVICES,
    NETWORKS,
    assert_rounds_as_the_reference,
    draw,
    outputs_and_gradients,
    pattern_of,
    random_mask,
    with_delays,
)

import graphrnn as gr
from graphrnn.kernels import (
    BACKENDS,
    MANTISSA_BITS,
    Matrix,
    available_backends,
    choose_backend,
    csr,
    recurrence,
    rounded,
)

ROUNDED = ["tf32", "bf16"]


# how a number is rounded ---------------------------------------------------------------------------


def float32_of(bits):
    return torch.tensor(bits, dtype=torch.int64).to(torch.int32).view(torch.float32)


@pytest.mark.parametrize("precision", ROUNDED)
def test_to_the_nearest_number_and_to_the_even_one_of_two(precision):
    cut = 23 - MANTISSA_BITS[precision]
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(100_000, generator=generator) * 10 ** torch.empty(100_000).uniform_(
        -30, 30, generator=generator
    )
    bits = numbers.view(torch.int32).numpy().astype(np.int64)
    low = bits >> cut << cut
    above = low + (1 << cut)  # away from 0: the bits of a float are its sign and its modulus
    neighbours = [float32_of(side).double() for side in (low, above)]
    below, over = ((numbers.double() - side).abs() for side in neighbours)
    ties = rounded(float32_of(low + (1 << (cut - 1))), precision)
    even = torch.where(torch.from_numpy((low >> cut) & 1 == 0), *neighbours)
    assert torch.equal(ties.double(), even)
    assert torch.equal(rounded(numbers, precision).double()[below != over], torch.where(below < over, *neighbours)[below != over])  # fmt: skip


@pytest.mark.parametrize("precision", ROUNDED)
def test_what_has_few_bits_and_what_is_not_finite_stays(precision):
    kept = torch.tensor([0.0, -0.0, 1.0, -1.5, 2.0**-149, 2.0**127, torch.inf, -torch.inf])
    kept[4] = 2.0**-126
    assert torch.equal(rounded(kept, precision), kept)
    assert torch.equal(rounded(kept, precision).signbit(), kept.signbit())
    nan = float32_of([0x7FFFFFFF, 0x7F800001, -1, 0x7FC00000])
    assert rounded(nan, precision).isnan().all()
    largest = torch.tensor([1.0, -1.0]) * torch.finfo(torch.float32).max
    assert rounded(largest, precision).tolist() == [torch.inf, -torch.inf]


@pytest.mark.parametrize("precision", ROUNDED)
def test_any_layout_and_size(precision):
    numbers = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    moved = numbers.permute(2, 0, 1)
    assert torch.equal(rounded(moved, precision), rounded(numbers, precision).permute(2, 0, 1))
    assert torch.equal(rounded(moved[..., :1].expand(5, 3, 9), precision), rounded(numbers, precision).permute(2, 0, 1)[..., :1].expand(5, 3, 9))  # fmt: skip
    assert rounded(torch.empty(0, 3), precision).shape == (0, 3)


def test_exact_is_the_number_itself():
    numbers = torch.ones(3)
    assert rounded(numbers, "exact") is numbers


# what is rounded -----------------------------------------------------------------------------------


def available(device="cpu"):
    return available_backends(device, torch.float32, "tf32")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ROUNDED)
@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_rounds_as_the_reference(backend, network, noisy, precision, device):
    why = BACKENDS[backend].unavailable(torch.device(device), torch.float32, precision)
    if why is not None:
        pytest.skip(f"backend {backend}: {why}")
    drawn = draw(*NETWORKS[network], noisy=noisy)
    for activation in ("relu", "tanh"):
        assert_rounds_as_the_reference(drawn, backend, precision, device, activation=activation)


@pytest.mark.parametrize("precision", ROUNDED)
@pytest.mark.parametrize("backend", available())
def test_under_delays_and_in_parts(backend, precision, monkeypatch):
    mask, steps, batch = NETWORKS["sparse"]
    network = draw(mask, steps, batch)
    late = np.random.default_rng(0).integers(0, 4, int(mask.sum()))
    assert_rounds_as_the_reference(with_delays(network, late)[0], backend, precision, activation="tanh")
    monkeypatch.setitem(csr.CHUNK_BYTES, "cpu", 2 * len(mask) * batch * 4)
    assert_rounds_as_the_reference(network, backend, precision, activation="tanh")
    assert_rounds_as_the_reference(network, backend, precision, activation="tanh", checkpoint=3)


@pytest.mark.parametrize(("n_inputs", "n_readouts"), [(0, 0), (0, 2), (2, 0)])
@pytest.mark.parametrize("backend", available())
def test_no_input_and_no_readout_at_all(backend, n_inputs, n_readouts):
    network = draw(*NETWORKS["sparse"], n_inputs=n_inputs, n_readouts=n_readouts)
    assert_rounds_as_the_reference(network, backend, "bf16", activation="tanh")


@pytest.mark.parametrize("precision", ROUNDED)
@pytest.mark.parametrize("backend", available())
def test_one_step_by_hand(backend, precision):
    """α is 1 and f the identity: all that a step does are its products, here in float64."""
    network = draw(random_mask(20, 20, 0.3), 1, 3).to(torch.float32)
    network.leaves["alpha"] = torch.ones(20)
    weigh = torch.randn(1, 20, 3, generator=torch.Generator().manual_seed(5))
    found = outputs_and_gradients(
        network, loss=lambda run: (weigh * run.rates).sum(), activation="identity", backend=backend, precision=precision
    )  # fmt: skip
    near = {name: rounded(leaf, precision).double() for name, leaf in network.leaves.items()}
    dense = {name: pattern.dense(near[name]) for name, pattern in network.patterns.items()}
    g = rounded(weigh[0], precision).double()
    rates = dense["values"] @ near["r0"] + dense["input_values"] @ near["x"][0]
    rates += network.leaves["bias"].double()[:, None] + network.leaves["drive"][0].double()
    at = network.patterns["values"]
    expected = {
        "rates": rates[None],
        "output": (
            dense["readout_values"] @ rounded(rates.float(), precision).double()
            + network.leaves["readout_bias"].double()[:, None]
        )[None],
        "gradient of values": (g @ near["r0"].T)[at.post, at.pre],
        "gradient of r0": dense["values"].T @ g,
        "gradient of x": (dense["input_values"].T @ g)[None],
        "gradient of bias": weigh[0].double().sum(1),
        "gradient of drive": weigh.double(),
    }
    for name, value in expected.items():
        assert torch.allclose(found[name].double(), value, rtol=1e-6, atol=1e-5 if name == "output" else 2e-6), name  # fmt: skip


@pytest.mark.parametrize("backend", available())
def test_sums_and_v_stay_in_float32(backend):
    """Sums in bf16 would stop at 256, and a v in bf16 would not move by less than 1/256 of itself."""
    n, steps, batch = 1, 30, 40
    one = Matrix(torch.ones(1, requires_grad=True), pattern_of(np.ones((1, 1), bool)))
    hidden = Matrix(torch.zeros(1), pattern_of(np.ones((1, 1), bool)))
    run = recurrence(
        *hidden, None, torch.full((n,), 2.0**-12), torch.ones(n, batch), torch.zeros(n, batch),
        input=one, x=torch.full((steps, n, batch), 2.0), activation="identity", backend=backend, precision="bf16",
    )  # fmt: skip
    expected = 1 + (1 - (1 - 2.0**-12) ** steps)
    assert torch.allclose(run.v, torch.full((n, batch), expected), rtol=1e-6)
    plain = recurrence(
        *hidden, None, torch.ones(n), torch.ones(n, batch), torch.zeros(n, batch),
        input=one, x=torch.ones(steps, n, batch), activation="identity", backend=backend, precision="bf16",
    )  # fmt: skip
    plain.rates.sum().backward()
    assert one.values.grad.item() == steps * batch


def test_an_exact_product_is_untouched_by_the_setting():
    network = draw(*NETWORKS["sparse"]).to(torch.float32)
    plain, named = (outputs_and_gradients(network, **given) for given in ({}, {"precision": "exact"}))
    assert all(torch.equal(plain[name], named[name]) for name in plain)


# who computes it, and who refuses ------------------------------------------------------------------


def test_auto_takes_a_backend_that_rounds_and_says_why():
    assert choose_backend("auto", "cpu", torch.float32, "bf16") == (
        "torch",
        "the fastest available on cpu in float32 with products in bf16; `native` is not: it multiplies exactly",
    )
    assert "native" not in available()
    assert {"torch", "reference"} <= {*available()}


def test_native_is_refused_by_name():
    others = " or ".join(f"`{name}`" for name in ("auto", *available()))
    message = f"Backend `native` is not available on cpu in float32 with products in tf32: it multiplies exactly. Take {others}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        choose_backend("native", "cpu", torch.float32, "tf32")


def test_other_words_and_other_numbers_are_refused():
    network = draw(*NETWORKS["sparse"])
    message = "`recurrence` needs `precision` to be one of exact, tf32, bf16; it got 'fp8'."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        recurrence(**network.arguments(), precision="fp8")
    message = "`recurrence` rounds float32 numbers to precision='bf16'; it got float64. Compute in float32, or leave `precision` out."
    for call, of in (("recurrence", lambda: recurrence(**network.arguments(), precision="bf16")),
                     ("available_backends", lambda: available_backends("cpu", torch.float64, "bf16")),
                     ("choose_backend", lambda: choose_backend("auto", "cpu", torch.float64, "bf16")),
                     ("CTRNN(...)", lambda: build(dtype=torch.float64, precision="bf16"))):  # fmt: skip
        with pytest.raises(ValueError, match=f"^{re.escape(message.replace('`recurrence`', f'`{call}`'))}$"):
            of()


# the network ---------------------------------------------------------------------------------------


def build(**options):
    net = gr.MultiArea(dims=[2, 40, 1]).compile(seed=0)
    return gr.CTRNN(net, generator=torch.Generator().manual_seed(0), **options)


def test_a_ctrnn_rounds_says_so_and_keeps_it():
    x = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(1))
    rnn, exact = build(precision="bf16"), build()
    expected = build(precision="bf16", backend="reference")
    rates, others = rnn(x)[1], exact(x)[1]
    assert torch.allclose(rates, expected(x)[1], atol=1e-3)
    assert 1e-4 < (rates - others).norm() / others.norm() < 2e-2
    assert repr(rnn).startswith("CTRNN(\n  Connectome(")
    assert ", precision='bf16'\n" in repr(rnn)
    assert "precision" not in repr(exact)
    assert "recurrence: backend 'torch', the fastest available on cpu in float32 with products in bf16; " in rnn.explain()  # fmt: skip
    assert copy.deepcopy(rnn).precision == "bf16"


def test_a_network_that_was_made_double_is_refused_when_it_runs():
    with pytest.raises(ValueError, match=re.escape("`recurrence` rounds float32 numbers to precision='tf32'; it got float64.")):  # fmt: skip
        build(precision="tf32").double()(torch.ones(1, 2, 2, dtype=torch.float64))


def test_trains_compiled():
    torch.compiler.reset()
    rnn, x = build(precision="bf16"), torch.ones(2, 5, 2)
    compiled = torch.compile(rnn, fullgraph=True, backend="aot_eager")
    found = []
    for module in (rnn, compiled):
        rnn.zero_grad()
        module(x)[0].square().sum().backward()
        found.append(rnn.hidden.values.grad.clone())
    assert found[0].norm() > 0
    assert torch.equal(*found)
