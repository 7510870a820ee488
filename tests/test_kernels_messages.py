"""What the kernels refuse, in full, and how a backend is chosen."""

# ruff: noqa: E501 (a message in one line can be searched for)

import re

import numpy as np
import pytest
import torch
from kernel_cases import pattern_of

from graphrnn.kernels import (
    BACKENDS,
    Matrix,
    Pattern,
    available_backends,
    choose_backend,
    csr,
    explain_backend,
    recurrence,
    sparse_matmul,
)

ONE = Pattern.from_pairs([0], [0], (2, 1))
BACK = Pattern.from_pairs([0], [1], (1, 2))
WRONG = {
    "pattern": ({"pattern": Pattern.from_pairs([0], [0], (2, 3))}, "needs a square pattern; it got one of shape (2, 3)."),
    "values": ({"values": torch.ones(3)}, "needs `values` of shape (synapse,) = (2,), one for each synapse of the pattern; it got (3,)."),
    "drive": ({"drive": torch.ones(4, 2)}, "needs `drive` of shape (time, neuron, batch) = (any, 2, any); it got (4, 2)."),
    "drive without a step": ({"drive": torch.ones(0, 2, 3)}, "needs `drive` of shape (time, neuron, batch) = (any, 2, any); it got (0, 2, 3)."),
    "drive without a trial": ({"drive": torch.ones(4, 2, 0)}, "needs `drive` of shape (time, neuron, batch) = (any, 2, any); it got (4, 2, 0)."),
    "alpha": ({"alpha": torch.ones(3)}, "needs `alpha` of shape (neuron,) = (2,); it got (3,)."),
    "v0": ({"v0": torch.ones(2)}, "needs `v0` of shape (neuron, batch) = (2, 3); it got (2,)."),
    "r0": ({"r0": torch.ones(2, 4)}, "needs `r0` of shape (neuron, batch) = (2, 3); it got (2, 4)."),
    "input without x": ({"x": None}, "needs `input` and `x` together, or neither. Pass both."),
    "x without input": ({"input": None}, "needs `input` and `x` together, or neither. Pass both."),
    "neither x nor drive": ({"input": None, "x": None, "drive": None}, "needs `x` or `drive`, which say how long the sequence is. Pass one."),
    "input": ({"input": Matrix(torch.ones(1), BACK)}, "needs `input` of shape (post, pre) = (2, any); it got (1, 2)."),
    "values of the input": ({"input": Matrix(torch.ones(2), ONE)}, "needs `input.values` of shape (synapse,) = (1,), one for each synapse of the pattern; it got (2,)."),
    "x of other steps": ({"x": torch.ones(5, 1, 3)}, "needs `x` of shape (time, input, batch) = (4, 1, 3); it got (5, 1, 3)."),
    "x of another batch": ({"x": torch.ones(4, 1, 2)}, "needs `x` of shape (time, input, batch) = (4, 1, 3); it got (4, 1, 2)."),
    "x of other channels": ({"x": torch.ones(4, 2, 3), "drive": None}, "needs `x` of shape (time, input, batch) = (any, 1, any); it got (4, 2, 3)."),
    "x without a step": ({"x": torch.ones(0, 1, 3), "drive": None}, "needs `x` of shape (time, input, batch) = (any, 1, any); it got (0, 1, 3)."),
    "readout": ({"readout": Matrix(torch.ones(1), ONE)}, "needs `readout` of shape (post, pre) = (any, 2); it got (2, 1)."),
    "readout_bias": ({"readout": Matrix(torch.ones(1), BACK), "readout_bias": torch.ones(2)}, "needs `readout_bias` of shape (readout,) = (1,); it got (2,)."),
    "readout_bias without readout": ({"readout_bias": torch.ones(1)}, "needs `readout` with `readout_bias`. Pass both, or neither."),
    "values of the readout": ({"readout": Matrix(torch.ones(1, 1), BACK)}, "needs `readout.values` of shape (synapse,) = (1,), one for each synapse of the pattern; it got (1, 1)."),
    "bias": ({"bias": torch.ones(2, 1)}, "needs `bias` of shape (neuron,) = (2,); it got (2, 1)."),
    "rate_noise": ({"rate_noise": torch.ones(3, 2, 3)}, "needs `rate_noise` of shape (time, neuron, batch) = (4, 2, 3); it got (3, 2, 3)."),
    "rate_noise beside x": ({"rate_noise": torch.ones(4, 2, 1), "drive": None}, "needs `rate_noise` of shape (time, neuron, batch) = (4, 2, 3); it got (4, 2, 1)."),
    "rate_noise that wants a gradient": ({"rate_noise": torch.ones(4, 2, 3, requires_grad=True)}, "has no gradient for `rate_noise`, which requires one. Pass `rate_noise.detach()`."),
    "activation": ({"activation": "gelu"}, "needs `activation` to be one of relu, tanh, sigmoid, softplus, retanh, identity; it got 'gelu'."),
    "checkpoint 0": ({"checkpoint": 0}, "needs `checkpoint` of at least 1; it got 0."),
    "checkpoint -1": ({"checkpoint": -1}, "needs `checkpoint` of at least 1; it got -1."),
}  # fmt: skip
WRONG_TYPE = {
    "alpha": ({"alpha": 0.1}, "needs a torch.Tensor for `alpha`; it got float."),
    "x": ({"x": [1.0]}, "needs a torch.Tensor for `x`; it got list."),
    "bias": ({"bias": 0.0}, "needs a torch.Tensor for `bias`; it got float."),
    "values in half precision": ({"values": torch.ones(2).half()}, "needs `values` in float32 or float64; it got float16. Convert them with `.float()`."),
    "input in half precision": ({"input": Matrix(torch.ones(1).half(), ONE)}, "needs `input.values` in float32 or float64; it got float16. Convert them with `.float()`."),
    **{
        f"{name} of other precision": (
            {name: tensor},
            f"needs all tensors in the precision of `values`, float32; `{said}` is float64. Convert it with `.to(values.dtype)`.",
        )
        for name, said, tensor in [
            ("drive", "drive", torch.ones(4, 2, 3).double()),
            ("x", "x", torch.ones(4, 1, 3).double()),
            ("bias", "bias", torch.ones(2).double()),
            ("rate_noise", "rate_noise", torch.ones(4, 2, 3).double()),
            ("input", "input.values", Matrix(torch.ones(1).double(), ONE)),
            ("readout", "readout.values", Matrix(torch.ones(1).double(), BACK)),
        ]
    },
    "checkpoint 1.5": ({"checkpoint": 1.5}, "needs a whole number for `checkpoint`; it got 1.5."),
    "checkpoint True": ({"checkpoint": True}, "needs a whole number for `checkpoint`; it got True."),
}  # fmt: skip


def plain_arguments():
    return {
        "values": torch.ones(2),
        "pattern": Pattern.from_pairs([0, 1], [1, 0], (2, 2)),
        "drive": torch.ones(4, 2, 3),
        "alpha": torch.ones(2),
        "v0": torch.zeros(2, 3),
        "r0": torch.zeros(2, 3),
        "input": Matrix(torch.ones(1), ONE),
        "x": torch.ones(4, 1, 3),
    }


class TestRefusals:
    @pytest.mark.parametrize("name", WRONG)
    def test_values(self, name):
        wrong, message = WRONG[name]
        with pytest.raises(ValueError, match=f"^{re.escape(f'`recurrence` {message}')}$"):
            recurrence(**{**plain_arguments(), **wrong})

    @pytest.mark.parametrize("name", WRONG_TYPE)
    def test_types(self, name):
        wrong, message = WRONG_TYPE[name]
        with pytest.raises(TypeError, match=f"^{re.escape(f'`recurrence` {message}')}$"):
            recurrence(**{**plain_arguments(), **wrong})

    def test_a_backend_that_is_not_there(self):
        names = " or ".join(f"`{name}`" for name in ("auto", *available_backends()))
        with pytest.raises(
            ValueError, match=f"^{re.escape(f'There is no backend `abacus`. Take {names}.')}$"
        ):
            recurrence(**plain_arguments(), backend="abacus")

    @pytest.mark.parametrize("name", ["v0", "pattern", "x", "bias", "readout_bias", "input", "readout"])
    def test_devices(self, name):
        given = {**plain_arguments(), "bias": torch.ones(2), "readout": Matrix(torch.ones(1), BACK)}
        given["readout_bias"] = torch.ones(1)
        matrix = isinstance(given[name], Matrix)
        given[name] = (
            Matrix(given[name].values.to("meta"), given[name].pattern) if matrix else given[name].to("meta")
        )
        message = (
            "`recurrence` needs all tensors on the device of `values`, cpu; "
            f"`{name}{'.values' if matrix else ''}` is on meta. Move it with `.to(values.device)`."
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            recurrence(**given)

    @pytest.mark.parametrize("name", ["input", "readout"])
    def test_patterns_on_another_device(self, name):
        given = {**plain_arguments(), "readout": Matrix(torch.ones(1), BACK)}
        given[name] = given[name]._replace(pattern=given[name].pattern.to("meta"))
        message = (
            "`recurrence` needs all tensors on the device of `values`, cpu; "
            f"`{name}.pattern` is on meta. Move it with `.to(values.device)`."
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            recurrence(**given)

    @pytest.mark.parametrize(
        ("shape", "wanted"),
        [((3, 2), "(pre, batch) = (2, any)"), ((5, 3, 2), "(time, pre, batch) = (any, 2, any)")],
    )
    def test_sparse_matmul(self, shape, wanted):
        message = f"`sparse_matmul` needs `x` of shape {wanted}; it got {shape}."
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            sparse_matmul(torch.ones(1), Pattern.from_pairs([0], [1], (1, 2)), torch.ones(shape))


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
