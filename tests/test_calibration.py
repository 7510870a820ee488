"""From where on dense blocks pay: measured, kept per machine, never needed, and never felt in a result."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from kernel_cases import assert_same, draw, outputs_and_gradients, random_mask

import graphrnn as gr
from graphrnn import kernels
from graphrnn.cli import main, settings
from graphrnn.kernels import BACKENDS, Crossover, Pattern, _kept, calibrate, explain_backend
from graphrnn.kernels.gpu import costs
from graphrnn.kernels.native import NativeBackend, calibration, crossover, library

WHY_NOT = BACKENDS["native"].unavailable(torch.device("cpu"), torch.float32)
built = pytest.mark.skipif(WHY_NOT is not None, reason=f"native backend: {WHY_NOT}")
DEFAULT = Crossover(6, measured=False)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and a process that has not looked into it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(crossover, "_known", {})
    return tmp_path / "graphrnn"


def blocks_that_pay_from(rows, monkeypatch):
    """Stands in for the measurement; returns what it was asked."""
    asked = []
    monkeypatch.setattr(calibration, "_blocks_pay", lambda k: asked.append(k) or k >= rows)
    return asked


# what is measured -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", range(2, 10))
def test_the_first_number_of_rows_that_pays_is_found_in_three_questions(rows, monkeypatch):
    asked = blocks_that_pay_from(rows, monkeypatch)
    assert calibration._first(2, 9) == rows
    assert len(asked) <= 3


@built
@pytest.mark.parametrize("rows", [1, 3, 8])
def test_the_networks_that_are_timed_are_all_blocks_or_none(rows):
    mask = calibration._mask(96, rows)
    shared_by = mask.reshape(12, 8, 96).sum(1)
    assert set(shared_by.ravel()) == {0, rows}
    assert (shared_by > 0).mean() == pytest.approx(calibration.SHARE, abs=0.05)
    pattern = Pattern.from_pairs(*np.nonzero(mask), mask.shape)
    for shared, share in ((1, "100%"), (rows, "100%"), (rows + 1, "0%")):
        assert f": {share} of the synapses in dense blocks" in NativeBackend(shared).explain(pattern)


@built
def test_calibration_finds_a_number_and_leaves_the_threads_alone(cache):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = calibrate(keep=False)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert 2 <= found.rows <= 9
    assert found[1:] == (True, None)
    assert crossover.current() == DEFAULT
    assert not cache.exists()


# what is kept -----------------------------------------------------------------------------------------


@built
def test_a_calibration_is_kept_for_this_machine_and_can_be_redone(cache, monkeypatch):
    file = cache / "crossover.json"
    assert crossover.current() == DEFAULT
    for rows in (6, 9):
        blocks_that_pay_from(rows, monkeypatch)
        assert calibrate() == crossover.current() == Crossover(rows, measured=True, file=file)
        crossover._known.clear()
        assert crossover.current() == Crossover(rows, measured=True, file=file)
    assert list(json.loads(file.read_text())) == [crossover._machine()]
    assert [path.name for path in cache.iterdir()] == ["crossover.json"]


@built
def test_another_process_finds_what_was_kept(cache, monkeypatch):
    blocks_that_pay_from(7, monkeypatch)
    calibrate()
    code = "from graphrnn.kernels.native import crossover; print(crossover.current().rows)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "7\n"


@built
def test_machines_that_share_a_folder_keep_their_own(cache, monkeypatch):
    for name, rows in (("one", 4), ("another", 8)):
        monkeypatch.setattr(crossover, "_machine", lambda name=name: name)
        blocks_that_pay_from(rows, monkeypatch)
        calibrate()
    crossover._known.clear()
    assert crossover.current().rows == 8
    assert json.loads((cache / "crossover.json").read_text()) == {"one": 4, "another": 8}
    monkeypatch.setattr(crossover, "_machine", lambda: "a third")
    assert crossover.current() == DEFAULT


NO_NUMBER = ['{"m": 1}', '{"m": 10}', '{"m": true}', '{"m": "4"}', '{"m": null}']


@built
@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 10**5, "\xff", *NO_NUMBER])
def test_a_file_that_is_no_good_means_the_default_and_is_replaced(cache, monkeypatch, text):
    monkeypatch.setattr(crossover, "_machine", lambda: "m")
    cache.mkdir()
    (cache / "crossover.json").write_text(text, encoding="latin-1")
    assert crossover.current() == DEFAULT
    blocks_that_pay_from(5, monkeypatch)
    assert calibrate().file == cache / "crossover.json"
    assert json.loads((cache / "crossover.json").read_text()) == {"m": 5}


@built
def test_a_folder_that_cannot_be_written_is_no_error(cache, monkeypatch):
    cache.write_text("a file where the folder should be")
    blocks_that_pay_from(5, monkeypatch)
    assert calibrate() == crossover.current() == Crossover(5, measured=True, file=None)
    crossover._known.clear()
    assert crossover.current() == DEFAULT


@built
def test_the_folder_is_that_of_the_system(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for platform, folder in (("linux", ".cache"), ("darwin", "Library/Caches")):
        monkeypatch.setattr(sys, "platform", platform)
        for elsewhere in ("", "relative"):  # which the standard says to ignore
            monkeypatch.setenv("XDG_CACHE_HOME", elsewhere)
            assert _kept.file() == tmp_path / folder / "graphrnn" / "crossover.json"
    monkeypatch.setattr(_kept.os.path, "expanduser", lambda path: path)  # no home at all
    assert _kept.file() is None
    monkeypatch.setattr(crossover, "_known", {})
    blocks_that_pay_from(5, monkeypatch)
    assert calibrate() == Crossover(5, measured=True, file=None)


# what is said and done with it -------------------------------------------------------------------------


@built
def test_explain_says_whether_the_number_is_measured(cache, monkeypatch):
    pattern = Pattern.from_pairs(*np.nonzero(np.ones((8, 8))), (8, 8))
    start = "density 1: 100% of the synapses in dense blocks, the others sparse; blocks pay where "
    assert explain_backend("native", pattern) == (
        f"{start}6 of 8 rows share a column (default, `graphrnn bench --calibrate` measures)"
    )
    blocks_that_pay_from(5, monkeypatch)
    calibrate()
    assert explain_backend("native", pattern) == f"{start}5 of 8 rows share a column (measured here)"
    blocks_that_pay_from(9, monkeypatch)
    calibrate()
    assert explain_backend("native", pattern) == (
        "density 1: 0% of the synapses in dense blocks, the others sparse; blocks pay nowhere (measured here)"
    )
    assert "hidden: 64 of 64 possible synapses; density 1: 0% " in all_to_all().explain()


def all_to_all():
    graph = gr.AreaGraph()
    graph.add_area("area", 8)
    graph.project("area", "area", self_connections=True)
    return gr.CTRNN(graph, seed=0, backend="native")


@built
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
def test_results_depend_on_it_only_by_rounding(cache, monkeypatch, dtype, tolerance):
    drawn = draw(random_mask(61, 61, 0.4), 9, 17, noisy=True).to(dtype)
    expected = outputs_and_gradients(drawn, backend="native", activation="tanh")
    shares = set()
    for rows in range(2, 10):
        blocks_that_pay_from(rows, monkeypatch)
        calibrate()
        found = outputs_and_gradients(drawn, backend="native", activation="tanh")
        assert_same(found, expected, tolerance)
        shares.add(re.search(r"\d+%", explain_backend("native", drawn.patterns["values"])).group())
    assert len(shares) >= 6  # the layout did change


@built
def test_nothing_is_measured_or_written_unless_asked(cache, monkeypatch):
    asked = blocks_that_pay_from(5, monkeypatch)
    rnn = all_to_all()
    rnn(torch.randn(2, 3, 0), torch.randn(2, 8))[1].sum().backward()
    rnn.explain()
    assert asked == []
    assert not cache.exists()


def test_without_the_library_there_is_nothing_to_calibrate(cache, monkeypatch, capsys):
    why = "graphrnn was installed without its compiled library"
    monkeypatch.setattr(library, "missing", lambda: why)
    message = f"`calibrate(...)` needs the compiled library: {why}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        calibrate()
    assert crossover.current() == DEFAULT
    assert main(["bench", "--calibrate"]) == 2
    assert capsys.readouterr().err.startswith("graphrnn bench: error: ")
    assert not cache.exists()


# the command -------------------------------------------------------------------------------------------


@built
def test_bench_calibrates_alone_or_before_it_times(cache, monkeypatch, capsys, tmp_path):
    blocks_that_pay_from(5, monkeypatch)
    assert main(["bench", "--calibrate"]) == 0
    line = "native: blocks pay where 5 of 8 rows share a column (measured here); kept "
    assert capsys.readouterr().out == f"{line}in {cache / 'crossover.json'}\n"
    graph = gr.AreaGraph()
    graph.add_area("area", 8)
    graph.project("area", "area")
    gr.io.write(graph.compile(0), tmp_path / "net.npz")
    words = ["--backend", "native", "--steps", "2", "--batch", "2", "--rounds", "1"]
    assert main(["bench", str(tmp_path / "net.npz"), "--calibrate", *words]) == 0
    out = capsys.readouterr().out
    assert out.startswith(line)
    assert "share a column (measured here)\n" in out.partition("\n")[2]


@built
def test_bench_says_where_nothing_could_be_kept(cache, monkeypatch, capsys):
    cache.write_text("a file where the folder should be")
    blocks_that_pay_from(9, monkeypatch)
    assert main(["bench", "--calibrate"]) == 0
    assert capsys.readouterr().out == (
        "native: blocks pay nowhere (measured here); kept nowhere, for no cache folder can be written\n"
    )


def test_bench_needs_something_to_do(capsys):
    assert main(["bench"]) == 2
    assert capsys.readouterr().err == (
        "graphrnn bench: error: needs a network to time. Give a FILE, or --calibrate alone.\n"
    )


def test_bench_calibrates_a_gpu_by_its_device(monkeypatch, capsys):
    monkeypatch.setattr(settings, "device", torch.device)
    asked = []
    monkeypatch.setattr(kernels, "calibrate", lambda **words: asked.append(words) or costs.ESTIMATE)
    assert main(["bench", "--calibrate", "--device", "cuda"]) == 0
    assert asked == [{"device": torch.device("cuda")}]
    assert capsys.readouterr().out.startswith("triton: tiles of 32 × 32 pay from so many synapses on: ")
