"""The memory of what the native backend gives out: taken again, never shared, and as good as torch's own."""

from __future__ import annotations

import copy
import ctypes
import io
import pickle
import sys
from pathlib import Path

import pytest
import torch

from graphrnn.kernels import BACKENDS, Pattern, recurrence
from graphrnn.kernels.native.memory import empty

WHY_NOT = BACKENDS["native"].unavailable(torch.device("cpu"), torch.float32)
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=f"native backend: {WHY_NOT}")


def rates_of_a_run(scale=1.0):
    pattern = Pattern.from_pairs(post=[0, 1], pre=[1, 0], shape=(2, 2))
    drive = torch.full((300, 2, 40), scale)
    start = torch.zeros(2, 40)
    values = torch.tensor([0.5, -0.5])
    return recurrence(values, pattern, drive, torch.full((2,), 0.5), start, start, backend="native").rates


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tensor_as_any_other(dtype):
    tensor = empty((70, 123, 11), dtype)
    assert (tensor.shape, tensor.dtype, tensor.stride()) == ((70, 123, 11), dtype, (1353, 11, 1))
    assert tensor.data_ptr() % 64 == 0
    assert empty((2, 0, 3), dtype).numel() == 0


def test_what_others_make_of_the_functions_of_python_does_not_matter(monkeypatch):
    theirs = ctypes.CFUNCTYPE(None, ctypes.c_void_p)  # as numba declares the destructor of a capsule
    shared = ctypes.pythonapi.PyCapsule_New
    monkeypatch.setattr(shared, "argtypes", [ctypes.c_void_p, ctypes.c_char_p, theirs])
    monkeypatch.setattr(shared, "restype", ctypes.c_int)
    assert empty((70, 123, 11), torch.float32).fill_(2.0).sum() == 2 * 70 * 123 * 11


def test_memory_that_nobody_needs_is_taken_again():
    shape = (7, 123, 41)  # of no other test, so that none is kept yet
    first = empty(shape, torch.float64)
    address = first.data_ptr()
    first.fill_(3.0)
    view = first[3:].numpy()  # keeps all of it
    del first
    assert empty(shape, torch.float64).data_ptr() != address
    assert (view == 3.0).all()
    del view
    assert address in {empty(shape, torch.float64).data_ptr() for _ in range(3)}


def test_rates_stay_what_they_are_in_the_runs_to_come():
    rates = rates_of_a_run()
    before = rates.clone()
    others = [rates_of_a_run(scale) for scale in (2.0, 3.0)]
    assert torch.equal(rates, before)
    assert not torch.equal(others[0], others[1])


def resident():
    with open("/proc/self/statm") as file:
        return 4096 * int(file.read().split()[1])


def large_pages_everywhere():
    """Whether the system takes large pages unasked."""
    where = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return where.exists() and "[always]" in where.read_text()


@pytest.mark.skipif(sys.platform != "linux" or large_pages_everywhere(), reason="reads /proc; large pages")
def test_a_tensor_takes_no_large_page_for_its_end_alone():
    shape, before = (3, 100_000, 1), resident()  # 1.2 MB; a large page has 2 MB
    tensors = [empty(shape, torch.float32).fill_(1.0) for _ in range(200)]
    assert resident() - before < 1.2 * 4 * sum(tensor.numel() for tensor in tensors)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_more_than_256_mb_are_kept():
    block = empty((66, 1 << 10, 1 << 10), torch.float32).fill_(1.0)  # 264 MB
    before = resident()
    del block
    assert before - resident() > 250e6


def test_more_bytes_than_the_library_can_count():
    with pytest.raises(torch.OutOfMemoryError, match=r"^no memory for 40,000,000,000,000,000,000 bytes$"):
        empty((10**9, 10**9, 10), torch.float32)


@pytest.mark.parametrize(
    "copied",
    [
        copy.deepcopy,
        lambda rates: pickle.loads(pickle.dumps(rates)),
        lambda rates: torch.load(saved(rates)),
        lambda rates: rates.clone().share_memory_(),
    ],
)
def test_rates_can_be_copied_saved_and_shared(copied):
    rates = rates_of_a_run()
    assert torch.equal(copied(rates), rates)


def saved(tensor):
    file = io.BytesIO()
    torch.save(tensor, file)
    file.seek(0)
    return file
