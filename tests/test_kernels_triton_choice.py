"""When the backend `triton` can run, when `auto` takes it, and what it says of itself."""

# ruff: noqa: E501 (a message in one line can be searched for)

import re
import sys
from types import SimpleNamespace

import pytest
import torch
from kernel_cases import skip_where_missing

from graphrnn.kernels import BACKENDS, backends, choose_backend
from graphrnn.kernels.gpu import TritonBackend, available, selfcheck

BACKEND = BACKENDS["triton"]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def package(interpret):
    return SimpleNamespace(knobs=SimpleNamespace(runtime=SimpleNamespace(interpret=interpret)))


@pytest.fixture
def on_a_gpu(monkeypatch):
    """As on a machine with a GPU that `triton` compiles for; sets what its self-check says."""
    monkeypatch.setitem(sys.modules, "triton", package(interpret=False))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    asked = []

    def says(what):
        monkeypatch.setattr(backends, "disagreement", lambda *ends: asked.append(ends) or what)
        backends._disagreement.cache_clear()
        return asked

    yield says
    backends._disagreement.cache_clear()


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)
    assert BACKEND.unavailable(CUDA, torch.float32) == (
        "the package triton is not installed; `pip install 'graphrnn[triton]'` brings it"
    )


def test_on_a_cpu_it_runs_in_the_interpreter_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", package(interpret=False))
    message = "Backend `triton` is not available on cpu in float32: it runs on GPUs, and on a CPU only under TRITON_INTERPRET=1, set before Python starts. Take `auto` or "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        choose_backend("triton", "cpu", torch.float32)
    monkeypatch.setitem(sys.modules, "triton", package(interpret=True))
    assert choose_backend("triton", "cpu", torch.float32) == ("triton", "asked for by name")
    assert choose_backend("auto", "cpu", torch.float32).name != "triton"


def test_devices_and_precisions(on_a_gpu, monkeypatch):
    assert BACKEND.unavailable(CUDA, torch.float64) is None
    assert (
        BACKEND.unavailable(torch.device("mps"), torch.float32) == "Triton's kernels run on CUDA, not on mps"
    )
    assert BACKEND.unavailable(CUDA, torch.bfloat16) == "its kernels need float32 or float64, not bfloat16"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (6, 1))
    assert BACKEND.unavailable(CUDA, torch.float32) == (
        "Triton needs a GPU of compute capability 7.0 or later, and this one has 6.1"
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert BACKEND.unavailable(CUDA, torch.float32) == "torch finds no CUDA here"


def test_auto_takes_it_on_a_gpu_where_it_agrees_with_torch(on_a_gpu):
    asked = on_a_gpu(None)
    for _ in range(2):
        name, reason = choose_backend("auto", "cuda", torch.float32)
        assert name == "triton"
        assert reason == "the fastest available on cuda in float32; `native` is not: it runs on CPUs alone"
    assert len(asked) == 1


def test_auto_takes_torch_where_it_does_not(on_a_gpu):
    on_a_gpu("its self-check on this device found other rates than `torch` in dense tiles")
    assert choose_backend("auto", "cuda", torch.float32) == (
        "torch",
        "the fastest available on cuda in float32; `native` is not: it runs on CPUs alone; `triton` is not: its self-check on this device found other rates than `torch` in dense tiles",
    )
    assert choose_backend("triton", "cuda", torch.float32).name == "triton"


class Wrong:
    """A backend like `torch`, but for one thing."""

    def __init__(self, outputs=None, gradients=None):
        self.spoilt = {**(outputs or {}), **(gradients or {})}

    def _spoil(self, found):
        return found._replace(
            **{n: f(getattr(found, n)) for n, f in self.spoilt.items() if n in found._fields}
        )

    def forward(self, *arguments, **options):
        return self._spoil(BACKENDS["torch"].forward(*arguments, **options))

    def backward(self, *arguments):
        return self._spoil(BACKENDS["torch"].backward(*arguments))


SPOILT = {
    "rates": Wrong({"rates": lambda r: r + 1e-3}),
    "output": Wrong({"output": lambda o: o * torch.nan}),
    "gradients of values": Wrong(None, {"values": lambda g: g.roll(1)}),
    "gradients of alpha": Wrong(None, {"alpha": lambda g: -g}),
}


@pytest.mark.parametrize("name", SPOILT)
def test_the_self_check_names_what_differs(name):
    ways = {"one form": BACKENDS["torch"], "another": SPOILT[name]}
    assert selfcheck.disagreement(ways, BACKENDS["torch"], CPU) == (
        f"its self-check on this device found other {name} than `torch` in another"
    )


def test_the_self_check_takes_an_error_for_an_answer():
    def compiler(_):
        raise RuntimeError("PTX assembly aborted\n" * 50)

    assert selfcheck.disagreement({"one form": Wrong({"rates": compiler})}, BACKENDS["torch"], CPU) == (
        "its self-check on this device failed in one form (RuntimeError: PTX assembly aborted)"
    )


def test_the_self_check_holds_in_every_form():
    skip_where_missing("triton")
    assert selfcheck.disagreement(TritonBackend.ways(), BACKENDS["torch"], CPU) is None


@pytest.mark.cuda
def test_the_self_check_holds_on_this_gpu():
    skip_where_missing("triton", "cuda")
    assert available.missing(CUDA) is None
    assert selfcheck.disagreement(TritonBackend.ways(), BACKENDS["torch"], CUDA) is None
