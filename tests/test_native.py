"""The native backend beyond the contract: every instruction set, tiling, block and number of threads."""

from __future__ import annotations

import gc
import random
import re
import subprocess
import sys
import weakref
from importlib import import_module
from itertools import permutations

import numpy as np
import pytest
import torch
from kernel_cases import ALL, assert_same, draw, laid_out, outputs_and_gradients, random_mask, with_delays

from graphrnn.kernels import (
    ACTIVATIONS,
    BACKENDS,
    Pattern,
    available_backends,
    choose_backend,
    delayed_pattern,
    native,
    recurrence,
)
from graphrnn.kernels.native import crossover, library
from graphrnn.kernels.native.crossover import Crossover
from graphrnn.kernels.native.layout import groups_of, layout

layouts = import_module("graphrnn.kernels.native.layout")  # the package has a function of that name
NATIVE = BACKENDS["native"]
WHY_NOT = NATIVE.unavailable(torch.device("cpu"), torch.float32)
built = pytest.mark.skipif(WHY_NOT is not None, reason=f"native backend: {WHY_NOT}")

INSTRUCTION_SETS = ["generic", "AVX2", "AVX-512"]
WIDEST_TILE = {"generic": 64, "AVX2": 128, "AVX-512": 256}  # bytes
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}
PARTS = [ALL, ALL, {"input"}, {"drive"}, {"input", "bias", "readout"}, {"drive", "readout"}]


@pytest.fixture
def threads():
    """Sets torch's number of threads for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(params=INSTRUCTION_SETS)
def isa(request, monkeypatch):
    if WHY_NOT is not None:
        pytest.skip(f"native backend: {WHY_NOT}")
    number = INSTRUCTION_SETS.index(request.param)
    best = library.library().graphrnn_best_isa()
    if number > best:
        pytest.skip(f"this machine has no {request.param}")
    monkeypatch.setattr(native, "ISA", number)
    return request.param


def network(rng, seed):
    """A network of any size, with and without dense areas, with and without each of its parts."""
    n, steps = rng.choice([1, 7, 8, 9, 33, 60, 130]), rng.choice([1, 2, 3, 8, 9, 14, 37])
    batch = rng.choice([1, 2, 3, 5, 8, 16, 17, 33, 64, 70, 100])
    mask = np.random.default_rng(seed).random((n, n)) < rng.choice([0, 0.05, 0.3, 0.6, 1])
    if rng.random() < 0.5:
        mask[: n // 2, : n // 2] = True
    ends = {
        "n_inputs": rng.choice([0, 1, 2, 9, 30]),
        "n_readouts": rng.choice([0, 1, 2, 8, 30]),
        "density": rng.choice([0, 0.1, 0.5, 1]),
    }
    drawn = draw(mask, steps, batch, rng.choice(PARTS), noisy=rng.random() < 0.3, **ends, seed=seed)
    if rng.random() < 0.4:  # as a CTRNN starts: all trials alike, with the rates of that state
        drawn.leaves["v0"] = drawn.leaves["v0"][:, :1].expand(n, batch)
        del drawn.leaves["r0"]
    if "x" in drawn.leaves:
        drawn.leaves["x"] = laid_out(drawn.leaves["x"], rng.choice([*permutations(range(3))]))
    return drawn


def assert_equals_the_reference(drawn, dtype, **options):
    actual, again = (outputs_and_gradients(drawn.to(dtype), backend="native", **options) for _ in range(2))
    assert_same(actual, again, 0)
    assert_same(actual, outputs_and_gradients(drawn, backend="reference", **options), TOLERANCE[dtype])


@pytest.mark.parametrize("seed", range(60))
def test_no_path_through_the_library_changes_the_result(isa, seed, threads, monkeypatch):
    """Draws the network and the path: tile, team, cache, blocks, threads, precision, activation."""
    rng = random.Random(seed)
    n_threads = rng.choice([1, 2, 3, 5])
    threads(n_threads)
    blocks_pay = Crossover(rng.choice([1, 3, 9]), measured=True)
    monkeypatch.setattr(crossover, "current", lambda: blocks_pay)
    monkeypatch.setattr(native, "CACHE_BYTES", rng.choice([0, 0, 1, 4096, 65536]))
    monkeypatch.setattr(layouts, "MANY", rng.choice([0, layouts.MANY]))
    if rng.random() < 0.7:
        tiles = [width for width in (16, 32, 64, 128, 256) if width <= WIDEST_TILE[isa]]
        monkeypatch.setattr(native, "TILE_BYTES", rng.choice(tiles))
        monkeypatch.setattr(native, "TEAM", rng.choice([1, min(2, n_threads), n_threads]))
    dtype, activation = rng.choice(list(TOLERANCE)), rng.choice(list(ACTIVATIONS))
    checkpoint = rng.choice([None, None, 1, 4])
    drawn = network(rng, seed)
    assert_equals_the_reference(drawn, dtype, activation=activation, checkpoint=checkpoint)
    longest, n_synapses = rng.choice([1, 2, 5, 40]), drawn.patterns["values"].n_synapses
    late = np.random.default_rng(seed).integers(0, longest + 1, n_synapses)
    assert_equals_the_reference(with_delays(drawn, late)[0], dtype, activation=activation)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    "batch", [16, 48, 64, 33]
)  # of float32: lines for one tile, for a narrow last one, and odd rows
@pytest.mark.parametrize("noisy", [False, True])  # with noise the states are kept too
def test_rates_past_the_caches_are_those_that_go_through_them(isa, dtype, batch, noisy, threads, monkeypatch):
    threads(2)
    mask = np.random.default_rng(batch).random((40, 40)) < 0.3
    drawn = draw(mask, 9, batch, ALL, noisy=noisy, seed=batch)
    monkeypatch.setattr(native, "TILE_BYTES", min(128, WIDEST_TILE[isa]))
    found = []
    for cache in (1, 1 << 30):
        monkeypatch.setattr(native, "CACHE_BYTES", cache)
        assert_equals_the_reference(drawn, dtype)
        found.append(outputs_and_gradients(drawn.to(dtype), backend="native"))
    assert_same(*found, TOLERANCE[dtype])  # the steps that are summed up together differ too


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("team", [1, 2, 3])
@pytest.mark.parametrize("noisy", [False, True])
def test_steps_of_one_tile_may_read_the_rates_where_the_last_one_left_them(
    isa, dtype, team, noisy, threads, monkeypatch
):
    threads(team)
    bytes_of_a_tile = min(64, WIDEST_TILE[isa])
    batch = bytes_of_a_tile // dtype.itemsize  # a tile as wide as the batch, whose rows lie as the rates do
    mask = np.random.default_rng(team).random((150, 150)) < 0.2
    drawn = draw(mask, 7, batch, ALL, noisy=noisy, seed=team)
    monkeypatch.setattr(native, "TILE_BYTES", bytes_of_a_tile)
    monkeypatch.setattr(native, "TEAM", team)
    for cache in (1 << 30, 1 << 16, 1):  # near enough, half so, and too far to read them there
        monkeypatch.setattr(native, "CACHE_BYTES", cache)
        for checkpoint in (None, 3):
            assert_equals_the_reference(drawn, dtype, checkpoint=checkpoint)


def rows_of_areas(*sizes, density=1.0, between=0.0, seed=0):
    """A mask of areas of these sizes, and the first rows of its groups."""
    random, area = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    same = area[:, None] == area
    mask = random.random(same.shape) < np.where(same, density, between)
    pattern = Pattern.from_pairs(*np.nonzero(mask), mask.shape)
    return mask, groups_of(pattern.crow, pattern.col).tolist()


@built
def test_groups_of_rows_begin_anew_with_an_area():
    assert rows_of_areas(9, 25, 16)[1] == [0, 8, 9, 17, 25, 33, 34, 42, 50]
    assert rows_of_areas(9, 25, 16, density=0.9, between=0.1)[1] == [0, 8, 9, 17, 25, 33, 34, 42, 50]
    assert rows_of_areas(3, 3, 3, 3)[1] == [0, 8, 12]  # too small to have blocks
    assert rows_of_areas(20, density=0.2)[1] == [0, 8, 16, 20]  # rows that are not alike
    assert rows_of_areas(5, 5, density=0.0)[1] == [0, 8, 10]
    assert rows_of_areas()[1] == [0]


@built
@pytest.mark.parametrize("sizes", [(9, 25, 16), (1, 8, 1, 30), (11, 11, 11)])
def test_areas_of_any_size_equal_the_reference(isa, sizes):
    mask, groups = rows_of_areas(*sizes, density=0.95, between=0.1)
    assert np.diff(groups).max() <= library.GROUP > np.diff(groups)[:-1].min()  # some end early
    assert_equals_the_reference(draw(mask, 6, 19, n_inputs=9, n_readouts=9), torch.float64, activation="tanh")


@built
def test_only_the_delays_that_some_synapse_has_take_room():
    """Two areas of 40; what comes from the second is 30 steps late."""
    mask = np.ones((80, 80), bool)
    post, pre = np.nonzero(mask)
    late = np.where((pre >= 40) & (post < 40), 30, 0)
    pattern, _, window = delayed_pattern(post, pre, late, 80)
    plain = layout(pattern.crow, pattern.col, 80, 9, window=window).fields
    back = layout(pattern.t_crow, pattern.t_col, 80, 9, window=window, ahead=True).fields
    assert window == 31
    assert (plain.n_cols, plain.n_late, plain.late, plain.fresh) == (120, 40, 0, 40)
    assert (back.n_cols, back.n_late, back.late, back.fresh) == (120, 40, 80, 0)
    assert plain.reach == back.reach == 80  # each neuron reads 80 of them


@built
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1)])
def test_the_output_lies_in_memory_as_the_input_does(order, monkeypatch):
    """And so does the gradient of the input; nobody makes a copy, which would be read in another order."""
    monkeypatch.setattr(torch.Tensor, "copy_", None)
    drawn = draw(random_mask(20, 20, 0.3), 6, 5, {"input", "readout"})
    x = laid_out(drawn.leaves["x"], order).requires_grad_()
    output = recurrence(**drawn.arguments({"x": x}), backend="native").output
    (grad,) = torch.autograd.grad(output, x, laid_out(torch.ones_like(output), order))
    for tensor in (output, grad):
        assert tensor.permute(order).is_contiguous()


@built
def test_numbers_that_torch_negates_later_are_negated():
    pattern = Pattern.from_pairs(post=[1], pre=[0], shape=(2, 2))
    drive, start = torch._neg_view(torch.rand(3, 2, 1)), torch.zeros(2, 1)
    given = torch.tensor([2.0]), pattern, drive, torch.ones(2), start, start
    found, expected = (
        recurrence(*given, activation="identity", backend=name).rates for name in ("native", "torch")
    )
    assert torch.equal(found, expected)
    assert (found[0] < 0).all()


@built
def test_an_input_that_torch_negates_later_is_negated_in_any_order():
    drawn = draw(random_mask(20, 20, 0.3), 6, 5, {"input", "readout"})
    x = laid_out(drawn.leaves["x"], (2, 0, 1))
    found, expected = (
        recurrence(**drawn.arguments({"x": one}), backend="native").output for one in (torch._neg_view(x), -x)
    )
    assert torch.equal(found, expected)


@built
def test_a_pattern_changed_in_place_is_another_pattern():
    mask = random_mask(33, 33, 0.3)
    drawn, mirrored = (draw(m, 9, 5) for m in (mask, mask[::-1, ::-1]))
    assert_equals_the_reference(drawn, torch.float64, activation="tanh")
    for name, pattern in drawn.patterns.items():
        for tensor, other in zip(pattern, mirrored.patterns[name], strict=True):
            tensor.copy_(other)
    assert_equals_the_reference(drawn, torch.float64, activation="tanh")


@built
@pytest.mark.parametrize("density", [0.02, 0.9])
def test_a_layout_ends_with_its_pattern(density):
    """With and without dense blocks; a network that is gone takes no memory."""
    drawn, ends = draw(random_mask(40, 40, density), 2, 2, {"drive"}), []
    weakref.finalize(drawn.patterns["values"].col, ends.append, True)
    recurrence(**drawn.arguments(), backend="native")
    del drawn
    gc.collect()
    assert ends == [True]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_is_not_finite_goes_on_along_the_synapses(isa, activation):
    """Neurons 0, 1, 2 are driven by NaN, -inf and inf; 3 to 5 listen to one of them each, 6 to none."""
    pattern = Pattern.from_pairs([3, 4, 5], [0, 1, 2], (7, 7))
    drive = torch.zeros(2, 7, 9)
    drive[0, :3] = torch.tensor([torch.nan, -torch.inf, torch.inf])[:, None]
    values, start = torch.ones(3, requires_grad=True), torch.zeros(7, 9)
    rates, _, _ = recurrence(
        values, pattern, drive, torch.ones(7), start, start, activation=activation, backend="native"
    )
    f = ACTIVATIONS[activation].function
    first = f(drive[0])
    second = f(torch.cat((first[:3], start[:1])))
    for actual, expected in ((rates[0], first), (rates[1, 3:], second)):
        assert torch.allclose(actual, expected, equal_nan=True)
    assert rates[0, 0].isnan().all()
    (gradient,) = torch.autograd.grad(rates.sum(), values)
    assert gradient[0].isnan()


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np, torch
from graphrnn.kernels import Pattern, recurrence
torch.set_num_threads(2)
n, k, steps = 20_000, 50, 500
pre = np.arange(k) * (n // k) + np.random.default_rng(0).integers(0, n // k, (n, k))
pattern = Pattern.from_pairs(np.repeat(np.arange(n), k), pre.ravel(), (n, n))
values = torch.randn(n * k).div_(k**0.5).requires_grad_()
drive, start, alpha = torch.zeros(1, n, 8), torch.ones(n, 8), torch.full((n,), 0.1)

def ctrl_c():
    time.sleep(0.2)
    ctrl_c.sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

def run(steps):
    return recurrence(values, pattern, drive.expand(steps, n, 8), alpha, start, start, backend="native")[0]

run(1).sum().backward()
loss = run(600).sum() if sys.argv[1] == "backward" else None
threading.Thread(target=ctrl_c).start()
try:
    run(1000) if loss is None else loss.backward()
except KeyboardInterrupt:
    print(time.perf_counter() - ctrl_c.sent)
    assert run(2).isfinite().all()
"""


@built
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to oneself")
@pytest.mark.parametrize("which", ["forward", "backward"])
def test_ctrl_c_ends_a_long_call(which):
    """Within 2 seconds, in one of three tries: others may have the processor for longer than that."""
    command, waited = [sys.executable, "-c", INTERRUPTED, which], []
    while not waited or (waited[-1] >= 2 and len(waited) < 3):
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        waited.append(float(run.stdout))
    assert waited[-1] < 2, waited


def test_without_the_library_torch_takes_over_and_says_why(monkeypatch):
    why = "graphrnn was installed without its compiled library"
    monkeypatch.setattr(library, "missing", lambda: why)
    choice = choose_backend("auto", "cpu", torch.float32)
    assert choice == ("torch", f"the fastest available on cpu in float32; `native` is not: {why}")
    others = " or ".join(f"`{name}`" for name in available_backends())
    message = f"Backend `native` is not available on cpu in float32: {why}. Take `auto` or {others}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        choose_backend("native", "cpu", torch.float32)


def test_no_library_and_a_broken_one_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "__file__", str(tmp_path / "library.py"))
    way_out = (
        "; with a C++17 compiler `pip install .` in the sources of graphrnn builds it (on Linux and macOS; "
        "CMake comes along)"
    )
    assert library.library.__wrapped__() == f"graphrnn was installed without its compiled library{way_out}"
    (tmp_path / "_graphrnn_native.so").write_bytes(b"not a library")
    broken = library.library.__wrapped__()
    assert broken.startswith("its compiled library does not load (")
    assert broken.endswith(f"){way_out}")


def test_a_library_of_another_version_is_not_called(monkeypatch):
    monkeypatch.setattr(library, "INTERFACE", library.INTERFACE + 1)
    assert library.library.__wrapped__().startswith(
        "its compiled library belongs to another version of graphrnn; with a C++17 compiler"
    )
