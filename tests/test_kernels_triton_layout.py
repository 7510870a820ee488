"""How a pattern is cut into tiles and jobs: every synapse once, in its place, whatever the bounds."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import pattern_of, random_mask

from graphrnn.kernels.gpu import layout as chapter
from graphrnn.kernels.gpu.layout import NO_TILES, SIZE, layout
from graphrnn.kernels.gpu.sweep import dense, form


def matrix_of(found, values):
    """The dense matrix that a layout stands for, read as the kernels read it."""
    made = form(found, values)
    result = torch.zeros(-(-found.n_rows // SIZE) * SIZE, -(-found.n_cols // SIZE) * SIZE, dtype=values.dtype)
    if found.tiles is not None:
        for block, (first, until) in enumerate(zip(found.tiles.start, found.tiles.start[1:], strict=False)):
            for k in range(first, until):
                assert found.tiles.row[k] == block
                left = int(found.tiles.col[k]) * SIZE
                result[block * SIZE : (block + 1) * SIZE, left : left + SIZE] += made.tiles[k]
    rest = found.rest
    if rest is not None:
        lanes = rest.job_row.reshape(-1, rest.lanes)
        for rows, begin, end in zip(lanes, rest.job_from, rest.job_until, strict=True):
            for row in rows[rows >= 0]:
                first, last = int(rest.start[row]), int(rest.start[row + 1])
                chosen = slice(first + int(begin), max(first + int(begin), min(first + int(end), last)))
                result[row].index_add_(0, rest.col[chosen].long(), made.rest[chosen])
    assert not result[found.n_rows :].any()
    assert not result[:, found.n_cols :].any()
    return result[: found.n_rows, : found.n_cols]


@given(
    n_rows=st.integers(1, 100),
    n_cols=st.integers(1, 100),
    density=st.floats(0, 1),
    threshold=st.sampled_from([1, 20, 200, NO_TILES]),
    split=st.sampled_from([None, 1, 7]),
    portion=st.sampled_from([1, 50, 10**6]),
    seed=st.integers(0, 99),
)
def test_every_synapse_is_read_once(n_rows, n_cols, density, threshold, split, portion, seed):
    mask = random_mask(n_rows, n_cols, density, seed)
    if seed % 2:
        mask[0] = True
    pattern = pattern_of(mask)
    values = torch.arange(1.0, pattern.n_synapses + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chapter, "PORTION", portion)
        found = layout(pattern.crow, pattern.col, n_cols, threshold, split)
    assert torch.equal(matrix_of(found, values), pattern.dense(values))
    counts = np.add.reduceat(
        np.add.reduceat(mask, range(0, n_rows, SIZE), axis=0, dtype=int), range(0, n_cols, SIZE), axis=1
    )
    dense = counts[counts >= threshold].sum()
    assert found.in_tiles == (dense if dense >= chapter.FEWEST * mask.sum() else 0)


def test_a_dense_matrix():
    pattern = pattern_of(random_mask(7, 9, 0.4))
    values = torch.randn(pattern.n_synapses)
    assert torch.equal(dense(pattern.crow, pattern.col, 9, values).weight, pattern.dense(values))


def test_rows_of_equal_length_meet_and_long_ones_are_cut():
    """As in measured connectomes: a few neurons hear nearly all others."""
    mask = random_mask(400, 400, 0.01)
    mask[[7, 300]] = True
    pattern = pattern_of(mask)
    whole, cut = (layout(pattern.crow, pattern.col, 400, NO_TILES, split).rest for split in (400, 50))
    assert not whole.split
    assert set(whole.job_row[:2].tolist()) == {7, 300}  # the longest first
    assert cut.split
    assert cut.row_parts[7] == cut.row_parts[300] == 8
    length = torch.as_tensor(mask.sum(1))[cut.job_row.clamp(min=0).long()].reshape(-1, cut.lanes)
    for lengths, begin, end in zip(length, cut.job_from, cut.job_until, strict=True):
        assert end - begin <= 50
        assert begin == 0 or lengths.max() == 400  # others are not cut
    assert layout(pattern.crow, pattern.col, 400, NO_TILES).rest.split  # rows of 400 by default


def test_a_layout_is_made_once_for_a_pattern_that_stays():
    pattern = pattern_of(random_mask(40, 40, 0.2))
    first = layout(pattern.crow, pattern.col, 40, 30)
    assert layout(pattern.crow, pattern.col, 40, 30) is first
    pattern.col[0] = 1 + pattern.col[0]
    assert layout(pattern.crow, pattern.col, 40, 30) is not first
