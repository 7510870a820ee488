"""Timing, memory, the gather that limits, `benchmark` and `graphrnn bench`, on tiny networks."""

import importlib.util
import json
import math
import re
import runpy
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cases import NETWORKS, each_network

import graphrnn as gr
from graphrnn.cli import main
from graphrnn.kernels import BACKENDS, GATHER_WIDTH, Choice, Pattern, available_backends, gather
from graphrnn.kernels.native import library
from graphrnn.kernels.probe import by_torch
from graphrnn.training import (
    BackendResult,
    Benchmark,
    TrainingStep,
    benchmark,
    machine,
    peak_memory,
    time_in_turns,
    timing,
)
from graphrnn.training.memory import in_new_process, peak_of

ROOT = Path(__file__).parent.parent
WHY_NOT = BACKENDS["native"].unavailable(torch.device("cpu"), torch.float32)
built = pytest.mark.skipif(WHY_NOT is not None, reason=f"native backend: {WHY_NOT}")
SMALL = {"time_steps": 3, "batch": 5, "rounds": 2, "memory": False}


def pattern_of(net):
    return Pattern.from_pairs(net.hidden.post, net.hidden.pre, net.hidden.shape)


# the gather ------------------------------------------------------------------------------------------


@built
@each_network
@pytest.mark.parametrize("threads", [1, 3])
def test_gather_is_a_product(net, threads):
    pattern = pattern_of(net)
    values, rates = torch.randn(pattern.n_synapses), torch.randn(net.n_neurons, GATHER_WIDTH)
    expected = pattern.dense(values) @ rates
    torch.testing.assert_close(gather(values, pattern, rates, threads=threads), expected)
    out = torch.full_like(expected, torch.nan)
    assert gather(values, pattern, rates, out=out, repeat=3, threads=threads) is out
    torch.testing.assert_close(out, expected)


@built
def test_gather_over_long_rows_and_rows_that_begin_anywhere():
    dense = torch.rand(37, 301) < 0.3
    dense[5] = False
    dense[36] = True
    pattern = Pattern.from_pairs(*np.nonzero(dense.numpy()), (37, 301))
    values, rates = torch.randn(pattern.n_synapses), torch.randn(1 + 301 * 16)[1:].reshape(301, 16)
    for threads in (1, 2, 5, 50):
        torch.testing.assert_close(
            gather(values, pattern, rates, threads=threads),
            pattern.dense(values) @ rates,
            atol=1e-5,
            rtol=1e-5,
        )


@built
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"values": torch.ones(3)},
            "`gather(...)` needs `values` as float32 of shape (2,) on the CPU; it got float32 of shape (3,) "
            "on cpu.",
        ),
        (
            {"rates": torch.ones(3, 16, dtype=torch.float64)},
            "`gather(...)` needs `rates` as float32 of shape (3, 16) on the CPU; it got float64 of shape "
            "(3, 16) on cpu.",
        ),
        (
            {"out": torch.ones(2, 15)},
            "`gather(...)` needs `out` as float32 of shape (2, 16) on the CPU; it got float32 of shape "
            "(2, 15) on cpu.",
        ),
        ({"out": torch.ones(16, 2).T}, "`gather(...)` needs `out` to be contiguous."),
        ({"repeat": 0}, "`gather(...)` needs `repeat` of at least 1; it got 0."),
        ({"threads": 0}, "`gather(...)` needs `threads` of at least 1; it got 0."),
    ],
)
def test_gather_refuses(change, message):
    pattern = Pattern.from_pairs([0, 1], [2, 0], (2, 3))
    arguments = {"values": torch.ones(2), "pattern": pattern, "rates": torch.ones(3, 16), **change}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        gather(**arguments)


def test_without_the_library_there_is_no_gather_and_no_limit(monkeypatch):
    why = "graphrnn was installed without its compiled library"
    monkeypatch.setattr(library, "missing", lambda: why)
    pattern = Pattern.from_pairs([0], [0], (1, 1))
    message = f"`gather(...)` needs the compiled library: {why}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        gather(torch.ones(1), pattern, torch.ones(1, 16))
    found = benchmark(NETWORKS["asymmetric"], **SMALL)
    assert [result.backend for result in found.results] == list(available_backends())
    assert found.left_out["native"] == why
    assert {*found.left_out, *available_backends()} == {*BACKENDS, "reference"}
    assert found.limit is None
    assert found.table["of_limit"].isna().all()


# time and memory -------------------------------------------------------------------------------------


def test_contenders_take_turns():
    calls = []
    seconds = time_in_turns({name: lambda name=name: calls.append(name) for name in "ab"}, rounds=3, warmup=2)
    assert "".join(calls) == "aabb" + "ababab"
    assert list(seconds) == ["a", "b"]
    assert all(len(times) == 3 and min(times) > 0 for times in seconds.values())


def test_a_turn_of_short_calls_takes_several():
    calls = []
    seconds = time_in_turns({"short": lambda: calls.append(time.sleep(0.01))}, rounds=1, warmup=0, turn=0.1)
    assert 4 <= len(calls) <= 10
    assert 0.01 <= seconds["short"][0] < 0.1


def test_a_gpu_is_waited_for_on_both_sides_of_a_call(monkeypatch):
    calls = []

    class Module:
        @staticmethod
        def synchronize(device):
            calls.append(str(device))

    monkeypatch.setattr(torch, "get_device_module", lambda _: Module)
    time_in_turns({"a": lambda: calls.append("a")}, rounds=2, warmup=1, device="cuda:1")
    assert calls == ["a", *["cuda:1", "a", "cuda:1"] * 2]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"rounds": 0}, "`time_in_turns(..., rounds=0)` needs `rounds` of at least 1; it got 0."),
        ({"warmup": -1}, "`time_in_turns(..., warmup=-1)` needs `warmup` of at least 0; it got -1."),
    ],
)
def test_time_in_turns_refuses(option, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        time_in_turns({}, **option)


def test_the_machine_is_named_in_values_for_json():
    named = machine()
    assert json.loads(json.dumps(named)) == named
    assert named["cores"] >= 1
    assert named["torch"] == torch.__version__


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process forget its peak")
def test_the_peak_is_that_of_the_calls_and_of_what_is_kept():
    """40 MB are kept and 60 MB pass by in a call; 200 MB that passed by before do not count."""

    def prepare():
        torch.ones(50 * 2**20)
        kept = torch.ones(10 * 2**20)
        return lambda: torch.ones(15 * 2**20).sum() + kept.sum()

    peak = peak_of(prepare, torch.device("cpu"))
    assert 95 < peak / 2**20 < 130


def test_a_process_that_fails_gives_no_number():
    assert in_new_process("operator:index", a=1) is None


def test_memory_of_training_covers_the_rates_and_is_of_their_size():
    graph = gr.AreaGraph()
    graph.add_area("area", 2000)
    graph.project("area", "area", gr.FixedIndegree(3))
    peak = peak_memory(graph.compile(seed=0), ["torch"], time_steps=50, batch=50)["torch"]
    rates = 4 * 2000 * 50 * 50
    if sys.platform == "linux":
        assert rates < peak < 10 * rates + 50e6


# benchmark -------------------------------------------------------------------------------------------


@each_network
def test_every_network_can_be_timed(net):
    found = benchmark(net, **SMALL)
    synapses = int(net.hidden_mask.toarray().sum())
    assert found.synapse_steps == synapses * 3 * 5
    names = list(available_backends("cpu"))
    table = found.table
    assert list(table.index) == names
    assert table["auto"].tolist() == [name == names[0] for name in names]
    for result, (_, row) in zip(found.results, table.iterrows(), strict=True):
        assert len(result.seconds) == 2
        assert row["step"] == statistics.median(result.seconds)
        assert row["synapse_steps"] == pytest.approx(synapses * 15 / row["step"])
        assert math.isnan(row["memory"])
        assert result.explained.splitlines()[1].startswith(f"recurrence: backend {result.backend!r}, ")
    assert found.agrees
    if WHY_NOT is None and synapses:
        g = statistics.median(found.gather_seconds)
        assert found.limit == pytest.approx(3 * synapses * 3 * 1 * g)
        assert table["of_limit"].tolist() == pytest.approx((found.limit / table["step"]).tolist())
    else:
        assert found.limit is None
        assert table["of_limit"].isna().all()


def results(*losses):
    return tuple(
        BackendResult(f"b{i}", (2.0, 9.0, 1.0), loss, 1.0, None, "") for i, loss in enumerate(losses)
    )


def made(**changes):
    """A benchmark of round numbers: 1,000 synapses, 10 time steps, 33 trials, 1 ns a gathered row."""
    fields = {
        "neurons": 100,
        "synapses": 1000,
        "time_steps": 10,
        "batch": 33,
        "threads": 2,
        "device": "cpu",
        "auto": Choice("b0", "why"),
        "results": results(1.0, 1.0),
        "gather_seconds": (1e-9, 7e-9, 1e-10),
        "left_out": {},
    }
    return Benchmark(**{**fields, **changes})


def test_the_figures_of_a_table():
    found = made()
    assert found.synapse_steps == 330_000
    assert found.limit == pytest.approx(3 * 1000 * 10 * 3 * 1e-9)  # 33 trials are three tiles of 16
    row = found.table.loc["b0"]
    assert (row["step"], row["synapse_steps"], row["auto"]) == (2.0, 165_000, True)
    assert row["of_limit"] == pytest.approx(90e-6 / 2)
    assert not found.table.loc["b1", "auto"]


@pytest.mark.parametrize(
    ("losses", "agrees"),
    [
        ((1.0,), True),
        ((1.0, 1.0005), True),
        ((1.0, 1.002), False),
        ((math.nan, math.nan), True),
        ((math.nan, 1.0), False),
        ((1.0, math.nan), False),
        ((math.inf, 1.0), False),
        ((0.0, 0.0), True),
    ],
)
def test_backends_that_differ_are_found_out(losses, agrees):
    assert made(results=results(*losses)).agrees is agrees


def test_backends_start_alike_and_learn():
    net = NETWORKS["asymmetric"]
    first, again = (TrainingStep(net, name, 4, 3) for name in ("torch", "reference"))
    losses = [float(first()) for _ in range(20)]
    assert losses[:3] == pytest.approx([float(again()) for _ in range(3)])
    assert losses[-1] < losses[0]
    assert first.gradient > 0


def test_the_dense_reference_is_for_small_networks_unless_named(monkeypatch):
    monkeypatch.setattr(sys.modules["graphrnn.training.benchmark"], "_DENSE_WORK", 12 * 12 * 3 * 5 - 1)
    net = NETWORKS["asymmetric"]
    found = benchmark(net, **SMALL)
    assert "reference" not in found.table.index
    cpu, float32 = torch.device("cpu"), torch.float32
    why_not = {name: backend.unavailable(cpu, float32) for name, backend in BACKENDS.items()}
    assert found.left_out == {
        "reference": "dense, and this network is large; name it to time it all the same",
        **{name: why for name, why in why_not.items() if why is not None},
    }
    named = benchmark(net, backends=["reference", "auto", "reference"], **SMALL)
    assert list(named.table.index) == ["reference", available_backends("cpu")[0]]
    assert named.left_out == {}


def test_threads_are_those_asked_for_and_set_back():
    before = torch.get_num_threads()
    assert benchmark(NETWORKS["one_area"], threads=before + 1, **SMALL).threads == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch": 0}, ValueError, "`benchmark(...)` needs `batch` of at least 1; it got 0."),
        (
            {"time_steps": 1.5},
            TypeError,
            "`benchmark(...)` needs a whole number for `time_steps`; it got 1.5.",
        ),
        ({"rounds": 0}, ValueError, "`benchmark(...)` needs `rounds` of at least 1; it got 0."),
        ({"threads": 0}, ValueError, "`benchmark(...)` needs `threads` of at least 1; it got 0."),
        (
            {"backends": []},
            ValueError,
            "`benchmark(backends=[])` needs at least one backend. Leave it out to time all that are "
            "available.",
        ),
    ],
)
def test_benchmark_refuses(options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        benchmark(NETWORKS["one_area"], **options)


def test_an_area_graph_can_be_timed():
    graph = gr.AreaGraph()
    graph.add_area("area", 4)
    graph.project("area", "area")
    assert benchmark(graph, backends=["torch"], **SMALL).synapses == 16


# the command -----------------------------------------------------------------------------------------

TINY = ["--batch", "3", "--steps", "4", "--rounds", "3", "--threads", "1"]


def run(capsys, *words):
    code = main(["bench", *words])
    out, err = capsys.readouterr()
    return code, out, err


def columns(text):
    return re.split(r" {2,}", text.strip())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gr.io.write(NETWORKS["asymmetric"], "net.npz")
    return tmp_path


def test_bench_prints_what_it_measured(capsys, folder):
    code, out, _ = run(capsys, "net.npz", *TINY, "--backend", "auto", "reference", "--json", "found.json")
    assert code == 0
    net = NETWORKS["asymmetric"]
    auto = available_backends("cpu")[0]
    found = json.loads((folder / "found.json").read_text())
    assert found["synapse_steps"] == int(net.hidden_mask.toarray().sum()) * 4 * 3
    assert (found["neurons"], found["threads"], found["auto"]["name"]) == (12, 1, auto)
    assert found["machine"]["torch"] == torch.__version__
    lines = out.splitlines()
    assert lines[0].startswith("12 neurons in 2 areas")
    assert (
        lines[1] == "T = 4 time steps, B = 3 trials, float32 on cpu, 1 thread; medians of 3 rounds in turns"
    )
    assert columns(lines[3]) == ["backend", "step", "synapse-steps/s", "of the limit", "peak memory"]
    for line, result in zip(lines[4:6], found["results"], strict=True):
        cells = dict(zip(columns(lines[3]), columns(line), strict=False))
        step = statistics.median(result["seconds"])
        assert cells["backend"] == result["backend"]
        assert float(cells["step"].removesuffix(" ms")) == pytest.approx(1e3 * step, rel=0.01)
        rate = float(cells["synapse-steps/s"].removesuffix(" × 10⁹"))
        assert rate == pytest.approx(found["synapse_steps"] / step / 1e9, rel=0.01)
        if sys.platform == "linux":
            assert cells["peak memory"] == f"{result['memory'] / 1e6:,.1f} MB"
        if WHY_NOT is None:
            assert cells["of the limit"] == f"{found['limit'] / step:.0%}"
    assert columns(lines[4])[-1] == "auto"
    assert columns(lines[5])[-1] != "auto"
    assert f"\n`auto` takes {auto!r}, the fastest available on cpu in float32" in out
    hidden = int(net.hidden_mask.toarray().sum())
    assert f"\nhidden: {hidden} of 144 possible synapses; density " in out
    assert lines[-1] == "wrote found.json"


def test_bench_of_backends_that_differ_fails(capsys, folder, monkeypatch):
    made_up = made(results=results(1.0, 2.0))
    monkeypatch.setattr(sys.modules["graphrnn.training"], "benchmark", lambda *_, **__: made_up)
    code, out, err = run(capsys, "net.npz")
    assert code == 1
    assert columns(out.splitlines()[4]) == ["b0", "2.00 s", "0.000165 × 10⁹", "0%", "–", "auto"]
    assert err.splitlines()[-1] == (
        "graphrnn bench: the backends' losses or gradients differ by more than rounding can, by 0.5 of their "
        "size. Do not trust these times; please report the network."
    )


def test_bench_says_what_it_leaves_out(capsys, folder, monkeypatch):
    made_up = made(gather_seconds=(), left_out={"native": "it runs on CPUs alone"})
    monkeypatch.setattr(sys.modules["graphrnn.training"], "benchmark", lambda *_, **__: made_up)
    out = run(capsys, "net.npz")[1]
    assert "\nlimit: unknown; on CPUs it is measured by the compiled library\n" in out
    assert out.endswith("\nleft out: 'native', it runs on CPUs alone\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["net.npz", "--backend", "fast"],
            "There is no backend `fast`. Take "
            + " or ".join(f"`{name}`" for name in ("auto", *available_backends("cpu")))
            + ".",
        ),
        (["net.npz", "--device", "meta"], "found no device 'meta' for --device: "),
        (["net.npz", "--json", "no/found.json"], "found no folder 'no'. Create it first."),
        (["net.npz", "--json", "."], "needs a file name for --json; '.' is a folder. Give another name."),
        (["no.npz"], "found no file 'no.npz'. Give a .toml area graph, a .npz, .csv or other network"),
    ],
)
def test_a_mistake_gives_one_sentence_and_code_2(capsys, folder, words, message):
    code, _, err = run(capsys, *words)
    assert code == 2
    assert err.splitlines()[-1].startswith(f"graphrnn bench: error: {message}")
    assert [path.name for path in folder.iterdir()] == ["net.npz"]


# delays, precision, a GPU -----------------------------------------------------------------------------


def delayed_network():
    graph = gr.AreaGraph()
    graph.add_input("x", 2)
    graph.add_area("area", 20)
    graph.project("x", "area")
    graph.project("area", "area", 0.3, delay=30.0)
    return graph.compile(seed=0)


def test_a_network_is_timed_with_its_delays():
    """In steps of `dt`, by every backend, and the limit with all of the window to gather from."""
    explained = {
        dt: {line for result in benchmark(delayed_network(), dt=dt, **SMALL).results
             for line in result.explained.splitlines() if line.startswith("delays: ")}
        for dt in (10.0, 5.0)
    }  # fmt: skip
    assert explained == {
        10.0: {"delays: 3 steps for every synapse, read in one product over the last 4 steps"},
        5.0: {"delays: 6 steps for every synapse, read in one product over the last 7 steps"},
    }


@pytest.mark.skipif(WHY_NOT is not None, reason=f"native backend: {WHY_NOT}")
def test_the_limit_of_a_network_with_delays_gathers_from_the_window(monkeypatch):
    module, sizes = sys.modules["graphrnn.training.benchmark"], set()

    def watched(values, pattern, rates, **options):
        sizes.add((pattern.shape, tuple(rates.shape)))
        assert int(pattern.col.max()) < len(rates)
        return gather(values, pattern, rates, **options)

    monkeypatch.setattr(module, "gather", watched)
    assert benchmark(delayed_network(), **SMALL).limit is not None
    assert sizes == {((20, 4 * 20), (4 * 20, GATHER_WIDTH))}


def test_bench_prints_delays_and_precision(capsys, folder):
    gr.io.write(delayed_network(), "late.npz")
    code, out, _ = run(capsys, "late.npz", *TINY, "--dt", "15", "--precision", "bf16", "--json", "found.json")
    assert code == 0
    assert out.splitlines()[1].startswith(
        "T = 4 time steps, B = 3 trials, float32 with products in bf16 on cpu, 1 thread; "
    )
    assert "\n`auto` takes 'torch', the fastest available on cpu in float32 with products in bf16; " in out
    assert "\ndelays: 2 steps for every synapse, " in out
    assert "\nleft out: 'native', it multiplies exactly\n" in out
    found = json.loads((folder / "found.json").read_text())
    assert (found["precision"], found["dt"]) == ("bf16", 15.0)
    if sys.platform == "linux":
        assert all(result["memory"] is not None for result in found["results"])


def test_rounded_products_may_differ_by_more():
    assert not made(results=results(1.0, 1.01)).agrees
    assert made(results=results(1.0, 1.01), precision="bf16").agrees
    assert not made(results=results(1.0, 1.1), precision="bf16").agrees


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"precision": "fp8"},
            "`benchmark(...)` needs `precision` to be one of exact, tf32, bf16; it got 'fp8'.",
        ),
        ({"dt": 0}, "`benchmark(...)` needs `dt` to be finite and above 0; it got 0."),
        (
            {"precision": "bf16", "backends": ["native"]},
            "Backend `native` is not available on cpu in float32 with products in bf16: it multiplies "
            + "exactly. Take "
            + " or ".join(f"`{name}`" for name in ("auto", *available_backends("cpu", torch.float32, "bf16")))
            + ".",
        ),
    ],
)
def test_a_benchmark_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        benchmark(NETWORKS["one_area"], **SMALL, **options)


def test_torch_gathers_the_same(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(9, 7, generator=generator) < 0.3
    mask[4] = False
    pattern = Pattern.from_pairs(*(index.numpy() for index in mask.nonzero(as_tuple=True)), mask.shape)
    values = torch.randn(pattern.n_synapses, generator=generator)
    rates = torch.randn(7, GATHER_WIDTH, generator=generator)
    product = by_torch(values, pattern, rates)
    torch.testing.assert_close(product, pattern.dense(values) @ rates)


def test_the_clock_is_read_when_the_device_is_done(monkeypatch):
    calls = []
    device = SimpleNamespace(synchronize=lambda where: calls.append(str(where)))
    monkeypatch.setattr(torch, "get_device_module", lambda _: device)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: calls.append("clock") or float(len(calls)))
    time_in_turns({"a": lambda: calls.append("a")}, rounds=2, warmup=0, device="cuda:1")
    assert calls == 2 * ["cuda:1", "clock", "a", "cuda:1", "clock"]


def test_bench_names_the_gpu_and_its_gather(capsys, folder, monkeypatch):
    made_up = made(device="cuda")
    monkeypatch.setattr(sys.modules["graphrnn.training"], "benchmark", lambda *_, **__: made_up)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H200")
    out = run(capsys, "net.npz")[1]
    assert "float32 on cuda (NVIDIA H200), 2 threads; " in out
    assert "\nlimit: 0.09 ms, in which torch's embedding_bag gathers 3 S T ⌈B/16⌉ rows of 16 rates; " in out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_bench_without_a_gpu(capsys, folder):
    code, _, err = run(capsys, "net.npz", "--device", "cuda")
    assert code == 2
    assert err.startswith("graphrnn bench: error: found no device 'cuda' for --device: ")
    assert err.endswith(". Take --device cpu.\n")


@pytest.mark.cuda
def test_bench_on_a_gpu(capsys, folder):
    code, out, _ = run(capsys, "net.npz", *TINY, "--device", "cuda", "--json", "found.json")
    assert code == 0
    assert f"on cuda ({torch.cuda.get_device_name()})" in out
    found = json.loads((folder / "found.json").read_text())
    assert found["limit"] > 0
    assert {result["backend"] for result in found["results"]} == {*available_backends("cuda")}
    assert all(result["memory"] > 0 for result in found["results"])


@pytest.mark.cuda
def test_a_gpu_gathers_the_same():
    pattern = Pattern.from_pairs([0, 1, 1], [2, 0, 2], (2, 3))
    rates = torch.arange(3.0)[:, None].expand(3, 16)
    values = torch.tensor([1.0, 5.0, 10.0])
    product = gather(values.cuda(), pattern.to("cuda"), rates.cuda())
    assert product[:, 0].tolist() == [2.0, 20.0]


# the tables of docs/benchmarks.md --------------------------------------------------------------------


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tables = load(ROOT / "docs" / "benchmark_tables.py")


def test_the_page_shows_the_results_that_are_kept():
    report = json.loads((ROOT / "docs" / "benchmarks.json").read_text())
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    assert page == tables.fill(page, tables.tables(report)), "run `python docs/benchmark_tables.py`"


def test_the_tables_say_who_is_faster():
    own = {"limit": 0.5, "results": [{"seconds": [1.0, 2.0, 3.0], "memory": 12_345_678}]}
    case = {"neurons": 10, "synapses": 1234, "time_steps": 3, "batch": 4, "benchmark": own}
    report = {
        "machine": machine(),
        "versions": {"torch": "9.9"},
        "threads": 2,
        "rounds": 3,
        "cases": {
            "S": {
                **case,
                "seconds": {"graphrnn": [0.2, 0.1, 9.0], "nn4n": [1.0, 1.0, 1.0], "dense": [0.05, 0.04, 0.1]},
                "left_out": {"jax_dense": "not installed", "jax_bcoo": "not installed"},
            }
        },
    }
    text = tables.tables(report)
    assert (
        "| case | graphrnn | nn4n | dense torch |\n| --- | ---: | ---: | ---: |\n"
        "| S: 10 neurons, 1,234 synapses, T = 3, B = 4 | 200 | 1,000 | **50** |" in text
    )
    assert "| S | 0.2 (dense torch) | 5.0 | 25% | 12 MB |" in text
    assert "In S, dense torch is 4.00 times as fast as graphrnn." in text
    assert text.endswith("S without JAX dense, JAX BCOO: not installed.")
    report["cases"]["S"]["seconds"].pop("dense")
    assert "No peer was faster than graphrnn in any of these cases." in tables.tables(report)


def test_a_page_without_marks_is_refused():
    message = "`fill(page, text)` needs a page with <!-- tables: begin --> and then <!-- tables: end -->."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        tables.fill("# Page", "text")


# the examples that compare ----------------------------------------------------------------------------


def test_the_comparison_runs_and_keeps_its_results(tmp_path):
    script = ROOT / "examples" / "compare_libraries.py"
    words = ["--case", "S", "--impl", "graphrnn", "torch_csr", "--rounds", "1", "--threads", "1"]
    run = subprocess.run(
        [sys.executable, str(script), *words, "--json", "kept.json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert re.match(r"S: 100 neurons, \d,\d{3} synapses, T = 100, B = 64\n  \w+ \d+\.\d ms", run.stdout)
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert list(kept["cases"]["S"]["seconds"]) == ["graphrnn", "torch_csr"]
    assert tables.tables(kept)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_the_comparison_refuses_a_gpu_that_is_not_there():
    script = ROOT / "examples" / "compare_libraries.py"
    run = subprocess.run(
        [sys.executable, str(script), "--device", "cuda"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    message = "found no device 'cuda'. Leave --device out to time on the CPU."
    assert run.stderr.endswith(f"\ncompare_libraries.py: error: {message}\n")


def test_results_are_added_to_those_of_the_same_setting_alone(tmp_path):
    """Those on the page are from before a turn could be chosen."""
    keep = runpy.run_path(str(ROOT / "examples" / "compare_libraries.py"))["keep"]
    page = json.loads((ROOT / "docs" / "benchmarks.json").read_text())
    page.pop("turn", None)
    path = tmp_path / "kept.json"
    path.write_text(json.dumps(page))
    keep(path, {**page, "turn": 0.2, "cases": {"new": {}}})
    assert list(json.loads(path.read_text())["cases"]) == [*page["cases"], "new"]
    message = f"{path} has results with other turn: 0.2. Give another file."
    with pytest.raises(SystemExit, match=f"^{re.escape(message)}$"):
        keep(path, {**page, "turn": 0.0})
