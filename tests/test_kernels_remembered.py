"""What is worked out once for a pattern is found again for it alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kernel_cases import assert_close, draw, pattern_of, random_mask, skip_where_missing

from graphrnn.kernels import BACKENDS, Matrix, recurrence
from graphrnn.kernels._remembered import Remembered


def test_is_made_once_for_the_same_tensors_and_settings():
    known, tensors = Remembered(at_most=2), (torch.zeros(3), torch.zeros(1))
    made = []
    for settings in ("a", "b", "a", "b"):
        known.get(tensors, settings, lambda settings=settings: made.append(settings))
    assert made == ["a", "b"]
    tensors[0].add_(1)
    known.get(tensors, "a", lambda: made.append("after a change"))
    assert made[2:] == ["after a change"]


def test_a_tensor_in_the_memory_of_one_that_ended_is_another():
    known, memory, last = Remembered(), np.zeros(3), torch.zeros(1)
    first = torch.from_numpy(memory)
    assert known.get((first, last), None, lambda: "first") == "first"
    del first
    assert known.get((torch.from_numpy(memory), last), None, lambda: "second") == "second"


def test_a_part_of_a_tensor_is_another_although_it_begins_where_that_does():
    known, whole, last = Remembered(), torch.zeros(3), torch.zeros(1)
    part = whole[:2]
    assert known.get((whole, last), None, lambda: "whole") == "whole"
    assert known.get((part, last), None, lambda: "part") == "part"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_matrix_of_inputs_can_be_that_of_readouts_in_the_next_run(backend):
    skip_where_missing(backend)
    drawn = draw(random_mask(12, 12, 0.3), 6, 3, {"drive"})
    pattern = pattern_of(random_mask(12, 12, 0.4, seed=1))
    outer = Matrix(torch.linspace(-1, 1, pattern.n_synapses, dtype=torch.float64), pattern)
    x = torch.linspace(-1, 2, 216, dtype=torch.float64).reshape(6, 12, 3)
    for ends in ({"input": outer, "x": x}, {"readout": outer}, {"input": outer, "x": x}):
        expected, run = (
            recurrence(**{**drawn.arguments(), **ends}, backend=one) for one in ("reference", backend)
        )
        assert_close(run.rates, expected.rates, 1e-12)
        if "readout" in ends:
            assert_close(run.output, expected.output, 1e-12)
