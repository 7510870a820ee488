"""The kernels of the backend `triton`, in every form that they take, in Triton's interpreter or on a GPU.

In the form that it chooses itself the backend goes through the contract in `test_kernels_contract.py`.
"""

import gc
import re
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from kernel_cases import (
    DEVICES,
    NETWORKS,
    TOLERANCE,
    assert_rounds_as_the_reference,
    assert_same,
    draw,
    outputs_and_gradients,
    random_mask,
    skip_where_missing,
    with_delays,
)

from graphrnn.kernels import ACTIVATIONS, BACKENDS, csr, recurrence
from graphrnn.kernels.gpu import TritonBackend, graph
from graphrnn.kernels.gpu.layout import NO_TILES

WAYS = TritonBackend.ways()


def banded(n=70):
    """Dense areas on the diagonal, few synapses elsewhere, and one row that reads all neurons."""
    mask = random_mask(n, n, 0.03)
    mask[:32, :32] = random_mask(32, 32, 0.7, seed=1)
    mask[40:, 40:] = random_mask(n - 40, n - 40, 0.4, seed=2)
    mask[35] = True
    return mask


CASES = {
    "dense and sparse parts": (banded(), 4, 18),
    **{name: NETWORKS[name] for name in ("one neuron", "empty", "empty rows", "batch 1, time 1")},
}


@pytest.fixture(params=DEVICES)
def device(request):
    skip_where_missing("triton", request.param)
    return request.param


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    monkeypatch.setitem(BACKENDS, "triton", WAYS[request.param])
    return request.param


def assert_equals_the_reference(drawn, dtype, device, **options):
    actual = outputs_and_gradients(drawn.to(device, dtype), backend="triton", **options)
    expected = outputs_and_gradients(drawn.to(device), backend="reference", **options)
    assert_same(actual, expected, TOLERANCE[dtype])


@pytest.mark.parametrize(("dtype", "noisy"), [(torch.float32, False), (torch.float64, True)], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_every_form_equals_the_reference(device, way, name, noisy, dtype):
    assert_equals_the_reference(draw(*CASES[name], noisy=noisy), dtype, device, activation="tanh")


@pytest.mark.parametrize("longest", [1, 5])
def test_every_form_reads_delays(device, way, longest):
    mask = banded()
    late = np.random.default_rng(0).integers(0, longest + 1, mask.sum())
    drawn, _ = with_delays(draw(mask, 4, 3), late)
    assert_equals_the_reference(drawn, torch.float64, device, activation="tanh")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_form_knows_every_activation(device, way, activation):
    drawn = draw(banded(40), 3, 2, noisy=True)
    assert_equals_the_reference(drawn, torch.float64, device, activation=activation)


def test_every_form_takes_a_sequence_in_parts(device, way):
    drawn = draw(banded(40), 5, 2, noisy=True)
    assert_equals_the_reference(drawn, torch.float64, device, activation="tanh", checkpoint=2)


def test_every_form_gives_the_same_bits_again(device, way):
    drawn = draw(banded(), 4, 18).to(device, torch.float32)
    first, second = (outputs_and_gradients(drawn, backend="triton") for _ in range(2))
    assert_same(first, second, 0)


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_every_form_rounds_as_the_reference(device, way, precision):
    drawn = draw(banded(40), 3, 2, noisy=True)
    assert_rounds_as_the_reference(drawn, "triton", precision, device, activation="tanh")


@pytest.mark.parametrize("way", ["one kernel for the sequence", "dense tiles"])
def test_a_hundred_steps_at_the_edge_of_chaos_equal_those_of_a_cpu(device, way, monkeypatch):
    """Spectral radius 1, the largest that is promised, where an error neither dies nor grows."""
    monkeypatch.setitem(BACKENDS, "triton", WAYS[way])
    mask = banded(40)
    drawn = draw(mask, 100, 2)
    weight = drawn.patterns["values"].dense(drawn.leaves["values"])
    radius = torch.linalg.eigvals(weight).abs().max()
    drawn.leaves["values"] /= radius
    on_cpu = outputs_and_gradients(drawn.to(torch.float32), backend="torch", activation="tanh")
    actual = outputs_and_gradients(drawn.to(device, torch.float32), backend="triton", activation="tanh")
    assert_same({name: tensor.cpu() for name, tensor in actual.items()}, on_cpu, 1e-4)


@pytest.fixture
def recorded(monkeypatch):
    """As where CUDA graphs can be had: a recording goes through the same launches on its own tensors."""
    found = []

    def capture(steps):
        found.append(steps)
        return steps

    monkeypatch.setattr(graph, "_pays", lambda *_: True)
    monkeypatch.setattr(graph, "_capture", capture)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(cuda_stream=0))
    return found


def test_a_recording_is_made_once_and_serves_other_numbers(recorded, monkeypatch):
    skip_where_missing("triton")
    monkeypatch.setitem(BACKENDS, "triton", TritonBackend(small=0, threshold=60, split=3))
    first = draw(banded(), 4, 3, noisy=True)
    for more in (0, 0.1, 0.2):
        leaves = {name: leaf + more * (name != "alpha") for name, leaf in first.leaves.items()}
        other = first._replace(leaves=leaves, rate_noise=first.rate_noise + more)
        actual = outputs_and_gradients(other, backend="triton", activation="tanh")
        expected = outputs_and_gradients(other, backend="reference", activation="tanh")
        assert_same(actual, expected, TOLERANCE[torch.float64])
        assert len(recorded) == 2  # forward and back


@pytest.mark.parametrize("threshold", [1, NO_TILES])
def test_recordings_end_with_their_pattern(recorded, monkeypatch, threshold):
    skip_where_missing("triton")
    monkeypatch.setitem(BACKENDS, "triton", TritonBackend(small=0, threshold=threshold))
    ends = []
    for _ in range(2):
        drawn = draw(banded(40), 2, 2)
        for tensor in drawn.patterns["values"]:
            weakref.finalize(tensor, ends.append, True)
        recurrence(**drawn.arguments(), backend="triton")
        assert len(recorded) == 1
        recorded.clear()
        del drawn, tensor
        gc.collect()
    assert len(ends) == 2 * 5


def test_recordings_of_chunks_and_delays(recorded, monkeypatch):
    skip_where_missing("triton")
    monkeypatch.setitem(BACKENDS, "triton", TritonBackend(small=0))
    monkeypatch.setitem(csr.CHUNK_BYTES, "cpu", 3 * 70 * 2 * 8)  # three steps
    drawn, _ = with_delays(draw(banded(), 7, 2, noisy=True), np.arange(banded().sum()) % 3)
    assert_equals_the_reference(drawn, torch.float64, "cpu", activation="tanh")
    assert len(recorded) == 4  # whole chunks and the last one, forward and back


def test_without_a_graph_the_steps_are_launched_one_by_one(recorded, monkeypatch):
    skip_where_missing("triton")

    def capture(_):
        raise RuntimeError("operation not permitted when stream is capturing\nCompile with ...")

    monkeypatch.setattr(graph, "_capture", capture)
    monkeypatch.setitem(BACKENDS, "triton", TritonBackend(small=0))
    message = (
        "`recurrence` could not record its steps in a CUDA graph (operation not permitted when stream is "
        "capturing); it launches them one by one, which is slower and gives the same results."
    )
    drawn = draw(banded(40), 3, 2)
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$") as warned:
        outputs_and_gradients(drawn, backend="triton")
    assert len(warned) == 2  # forward and back
    actual, expected = (outputs_and_gradients(drawn, backend=name) for name in ("triton", "reference"))
    assert_same(actual, expected, TOLERANCE[torch.float64])  # and no warning again


@pytest.mark.cuda
def test_on_a_gpu_that_is_not_the_current_one():
    skip_where_missing("triton", "cuda")
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    assert_equals_the_reference(draw(banded(), 4, 3), torch.float64, "cuda:1", activation="tanh")
