"""When the backend `triton` can run, when `auto` takes it, and what it says of itself."""

# ruff: noqa: E501 (a message in one line can be searched for)

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from kernel_cases import pattern_of, random_mask, skip_where_missing

import graphrnn as gr
from graphrnn.kernels import (
    BACKENDS,
    Pattern,
    backends,
    calibrate,
    choose_backend,
    delayed_pattern,
    explain_backend,
    memory_of,
)
from graphrnn.kernels.gpu import TritonBackend, available, calibration, costs, selfcheck
from graphrnn.kernels.gpu.layout import NO_TILES
from graphrnn.kernels.gpu.products import TritonProducts

BACKEND = BACKENDS["triton"]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
ONE = Pattern.from_pairs(post=[0], pre=[1], shape=(2, 2))


@pytest.fixture(autouse=True)
def _fresh():
    """The package is looked for anew, and again after the test."""
    available.package.cache_clear()
    yield
    available.package.cache_clear()


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
    available.package.cache_clear()
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


# the plan ----------------------------------------------------------------------------------------------


@pytest.fixture
def gpu_costs(monkeypatch, tmp_path):
    """A GPU by name and an empty cache folder; sets what the measurement finds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(costs, "_known", {})
    monkeypatch.setattr(costs, "_machine", lambda _: "some GPU")
    return tmp_path / "graphrnn" / "crossover.json"


MEASURED = costs.TileCosts(*(costs.Costs(100.0 * k, 10, 1, 1) for k in (1, 2, 3)), measured=True)


def test_a_tile_is_dense_from_where_it_costs_less_than_its_synapses():
    assert MEASURED.threshold(1) == 55  # 110 to 2
    assert MEASURED.threshold(9, "bf16") == 39  # 390 to 10
    free = costs.Costs(0, 0, 0, 0)
    assert costs.TileCosts(free, free, free, measured=True).threshold(1) == 1
    never = costs.Costs(1, 0, 0, 0)
    assert costs.TileCosts(never, never, never, measured=True).threshold(1) == NO_TILES


def test_the_costs_of_a_gpu_are_kept_for_it(gpu_costs, monkeypatch):
    assert costs.current(CUDA) is costs.ESTIMATE
    monkeypatch.setattr(calibration, "measured", lambda _: MEASURED)
    assert calibrate(device="cuda", keep=False) == MEASURED
    assert costs.current(CUDA) is costs.ESTIMATE
    assert not gpu_costs.exists()
    found = calibrate(device="cuda")
    assert found == costs.current(CUDA) == MEASURED._replace(file=gpu_costs)
    costs._known.clear()
    assert costs.current(CUDA) == found
    assert list(json.loads(gpu_costs.read_text())) == ["some GPU"]
    assert costs.current(CPU) is costs.ESTIMATE


WRONG = {"exact": [1, 2, 3, 4], "tf32": [1, 2, 3, 4], "bf16": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    "kept",
    [3, [], {}, *({**WRONG, "bf16": bad} for bad in (None, [1, 2, 3], [1, 2, 3, -1], [1, 2, 3, "4"], [1, 2, 3, True], [1, 2, 3, float("nan")]))],
)  # fmt: skip
def test_costs_that_are_none_mean_the_estimate(gpu_costs, kept):
    gpu_costs.parent.mkdir()
    gpu_costs.write_text(json.dumps({"some GPU": kept}))
    assert costs.current(CUDA) is costs.ESTIMATE


def test_there_is_nothing_to_calibrate_without_triton(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)
    message = (
        "`calibrate(device='cuda')` needs Triton on that device: the package triton is not installed; `pip install "
        "'graphrnn[triton]'` brings it. Leave `device` out to measure the processor."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        calibrate(device="cuda")


def test_calibration_times_tiles_and_synapses_of_one_network(monkeypatch):
    """Here in the interpreter, with a clock that tells what was multiplied."""
    skip_where_missing("triton")
    monkeypatch.setattr(calibration, "NEURONS", 64)
    monkeypatch.setattr(calibration, "TILES_OF_A_ROW", 1)
    monkeypatch.setattr(calibration, "STEPS", 1)
    monkeypatch.setattr(calibration, "_picoseconds", clock)
    found = calibration.measured(CPU)
    assert found == costs.TileCosts(*(costs.Costs(7, 2, 3, 1),) * 3, measured=True)
    monkeypatch.undo()
    monkeypatch.setattr(calibration, "NEURONS", 64)
    monkeypatch.setattr(calibration, "STEPS", 1)
    monkeypatch.setattr(calibration, "ROUNDS", 0)
    products = TritonProducts("exact", 1)
    matrix = products.weight_matrix(ONE, torch.ones(1))
    assert 1e6 < calibration._picoseconds(products, matrix, 1) < 1e13


def clock(products, matrix, batch):
    if products.threshold == 1:
        return len(matrix.tiles) * (7 + 2 * batch)
    return len(matrix.rest) * (3 + batch)


@pytest.mark.cuda
def test_calibration_of_this_gpu():
    skip_where_missing("triton", "cuda")
    found = calibrate(device="cuda", keep=False)
    assert found.measured
    assert all(1 <= found.threshold(64, name) <= NO_TILES for name in costs.PRECISIONS)


def test_explains_a_small_network():
    assert explain_backend("triton", ONE) == (
        "density 0.25: one dense matrix and one kernel for the whole sequence, as up to 256 neurons"
    )


def test_explains_what_is_dense_and_why(gpu_costs):
    mask = random_mask(300, 300, 0.01)
    mask[:32, :64] = True
    pattern = pattern_of(mask)
    share = 32 * 64 / mask.sum()
    assert explain_backend("triton", pattern) == (
        f"density {mask.mean():.3g}: {share:.0%} of the synapses in dense tiles, the others one by one; "
        "tiles of 32 × 32 pay from so many synapses on: 111 at 16 trials, 65 at 64 trials (estimated, "
        "`kernels.calibrate(device='cuda')` measures)"
    )
    assert str(MEASURED) == (
        "tiles of 32 × 32 pay from so many synapses on: 16 at 16 trials, 12 at 64 trials (measured here)"
    )
    assert TritonBackend(threshold=1025, split=9).explain(pattern) == (
        f"density {mask.mean():.3g}: 0% of the synapses in dense tiles, the others one by one, long rows cut into "
        "several; dense from 1025 synapses of a tile on, as asked for"
    )


def test_explains_a_network_with_delays():
    """Whose columns count through the window of time."""
    made = delayed_pattern([0, 1], [1, 0], [0, 200], 2)
    assert "0% of the synapses in dense tiles" in explain_backend("triton", made.pattern)


def test_the_memory_it_takes():
    """Indices, weights, gradients, Adam's moments and two numbers in passing; dense tiles hold zeros too."""
    assert memory_of("triton", density=0.01)[:2] == (36, 4)
    assert memory_of("triton", density=0.1).synapse == 36 + 4 * 4 / 0.1 + 24


# in a network ------------------------------------------------------------------------------------------


def test_who_does_not_ask_for_it_does_not_load_its_kernels():
    """The package itself torch may load, where it is installed."""
    code = """
import sys, torch
import graphrnn as gr
rnn = gr.CTRNN(gr.MultiArea(dims=[1, 10, 1]).compile(seed=0))
rnn(torch.ones(2, 3, 1))
rnn.explain()
assert not [name for name in sys.modules if name.startswith("graphrnn.kernels.gpu.device")]
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_ctrnn_trains_on_it():
    skip_where_missing("triton")
    net = gr.MultiArea(dims=[2, 20, 2]).compile(seed=0)
    found = {}
    for backend in ("triton", "reference"):
        rnn = gr.CTRNN(net, backend=backend, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        optimizer = torch.optim.Adam(rnn.parameters())
        x = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        for _ in range(3):
            optimizer.zero_grad()
            rnn(x)[0].square().sum().backward()
            optimizer.step()
        found[backend] = rnn.hidden.weights.detach()
    torch.testing.assert_close(found["triton"], found["reference"])
    said = gr.CTRNN(net, backend="triton").explain()
    assert "backend 'triton', asked for by name" in said
    assert "one dense matrix and one kernel for the whole sequence, as up to 256 neurons" in said
