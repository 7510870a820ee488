"""The backend that is there to be asked for: when it is refused, and that nobody else pays for it.

What it computes is tested by the contract of all backends, in `test_kernels_contract.py`.
"""

# ruff: noqa: E501 (a message in one line can be searched for)

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from cases import NETWORKS
from kernel_cases import skip_where_missing

from graphrnn import CTRNN
from graphrnn.kernels import (
    BACKENDS,
    Matrix,
    Pattern,
    Problem,
    available_backends,
    choose_backend,
    explain_backend,
)
from graphrnn.kernels import torch_sparse as chapter

BACKEND = BACKENDS["torch_sparse"]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
ONE = Pattern.from_pairs(post=[0], pre=[1], shape=(2, 2))


@pytest.fixture
def fresh():
    """The package is looked for anew, and again after the test."""
    chapter._package.cache_clear()
    yield
    chapter._package.cache_clear()


def test_auto_never_takes_it(monkeypatch):
    for name in ("native", "torch"):
        monkeypatch.setattr(type(BACKENDS[name]), "unavailable", lambda *_: "it is on holiday")
    monkeypatch.setattr(type(BACKEND), "unavailable", lambda *_: None)
    assert available_backends() == ("torch_sparse", "reference")
    assert choose_backend("auto", "cpu", torch.float32) == (
        "reference",
        "the fastest available on cpu in float32; `native` is not: it is on holiday; `torch` is not: it is on holiday",
    )
    assert choose_backend("torch_sparse", "cpu", torch.float32) == ("torch_sparse", "asked for by name")


def test_who_does_not_ask_for_it_does_not_load_it():
    skip_where_missing("torch_sparse")
    code = """
import sys, torch
import graphrnn as gr
rnn = gr.CTRNN(gr.MultiArea(dims=[1, 10, 1]).compile(seed=0))
rnn(torch.ones(2, 3, 1))
rnn.explain()
assert "torch_sparse" not in sys.modules
rnn.backend = "torch_sparse"
rnn(torch.ones(2, 3, 1))
assert "torch_sparse" in sys.modules
"""
    run = subprocess.run([sys.executable, "-W", "error::DeprecationWarning", "-c", code], capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr


def test_a_package_that_is_not_installed(fresh, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_sparse", None)
    ways_out = " or ".join(f"`{name}`" for name in ("auto", *available_backends()))
    assert "torch_sparse" not in ways_out
    message = (
        "Backend `torch_sparse` is not available on cpu in float32: the package torch-sparse is not installed; "
        f"`pip install --no-build-isolation 'graphrnn[torch-sparse]'` builds it. Take {ways_out}."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        choose_backend("torch_sparse", "cpu", torch.float32)


@pytest.mark.parametrize(
    "error", [OSError("undefined symbol: _ZN3c10"), RuntimeError("compiled with different CUDA versions")]
)
def test_a_package_that_does_not_load(error, monkeypatch):
    def package():
        raise error

    monkeypatch.setattr(chapter, "_package", package)
    assert BACKEND.unavailable(CPU, torch.float32) == (
        f"the package torch-sparse does not load ({error}); build it again for this torch"
    )


def test_a_package_that_lacks_its_own_package(monkeypatch):
    def package():
        raise ImportError("not this one") from ModuleNotFoundError(
            "No module named 'torch_scatter'", name="torch_scatter"
        )

    monkeypatch.setattr(chapter, "_package", package)
    assert BACKEND.unavailable(CPU, torch.float32) == (
        "the package torch-sparse does not load (No module named 'torch_scatter'); build it again for this torch"
    )


def test_devices_and_precisions(monkeypatch):
    monkeypatch.setattr(chapter, "_package", lambda: SimpleNamespace(cuda_version=-1))
    assert BACKEND.unavailable(CPU, torch.float64) is None
    assert BACKEND.unavailable(CUDA, torch.float32) == "the package torch-sparse was built without CUDA"
    assert BACKEND.unavailable(torch.device("mps"), torch.float32) == "torch-sparse has no products on mps"
    assert BACKEND.unavailable(CPU, torch.bfloat16) == (
        "the recurrence on torch-sparse needs float32 or float64, not bfloat16"
    )
    monkeypatch.setattr(chapter, "_package", lambda: SimpleNamespace(cuda_version=12060))
    assert BACKEND.unavailable(CUDA, torch.float32) is None


@pytest.mark.parametrize("name", ["hidden", "input", "readout"])
def test_refuses_what_would_overflow_on_a_gpu(name):
    """The tensors are on the device `meta`, which has no memory."""

    def matrix(n_synapses):
        pattern = Pattern(*(tensor.to("meta") for tensor in ONE))
        values = torch.empty(n_synapses, device="meta")
        return Matrix(values, pattern._replace(col=values.to(torch.int32)))

    start = torch.empty(2, 1, device="meta")
    given = dict.fromkeys(Problem._fields) | {"hidden": matrix(1), "v0": start, "r0": start}
    problem = Problem(**{**given, name: matrix(2**26), "activation": "relu"})
    message = (
        "`recurrence` on the backend `torch_sparse` takes fewer than 67108864 synapses per matrix on a GPU, past "
        "which the package's gradient overflows; it got 67108864. Take the backend `torch`."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        BACKEND.forward(problem, save_states=False)


def test_explains_itself():
    assert explain_backend("torch_sparse", ONE) == (
        "density 0.25: all products and the gradient of the values sparse, through torch_sparse.SparseTensor"
    )


def test_a_ctrnn_trains_on_it():
    skip_where_missing("torch_sparse")
    net = NETWORKS["asymmetric"]
    found = {}
    for backend in ("torch_sparse", "reference"):
        rnn = CTRNN(net, backend=backend, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        optimizer = torch.optim.Adam(rnn.parameters())
        x = torch.randn(3, 5, net.n_inputs, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        for _ in range(3):
            optimizer.zero_grad()
            _, rates, _ = rnn(x, torch.ones(3, net.n_neurons, dtype=torch.float64))
            rates.square().sum().backward()
            optimizer.step()
        found[backend] = rnn.hidden.weights.detach()
    assert "backend 'torch_sparse', asked for by name" in CTRNN(net, backend="torch_sparse").explain()
    torch.testing.assert_close(found["torch_sparse"], found["reference"])
