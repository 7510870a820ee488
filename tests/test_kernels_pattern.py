"""Patterns, and the product of a sparse matrix with dense columns."""

import re

import numpy as np
import pytest
import torch
from kernel_cases import (
    TOLERANCE,
    assert_close,
    pattern_of,
    random_mask,
)
from torch.library import opcheck

from graphrnn.kernels import Pattern, sparse_matmul


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("density", [0.0, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (1, 7), (7, 1)])
def test_sparse_matmul_equals_dense(shape, density, dtype):
    mask = random_mask(*shape, density)
    pattern = pattern_of(mask)
    generator = torch.Generator().manual_seed(0)
    leaves = [
        torch.randn(pattern.n_synapses, dtype=dtype, generator=generator, requires_grad=True),
        torch.randn(5, shape[1], 3, dtype=dtype, generator=generator, requires_grad=True),
    ]
    actual = sparse_matmul(leaves[0], pattern, leaves[1])
    expected = pattern.dense(leaves[0]) @ leaves[1]
    assert_close(actual, expected, TOLERANCE[dtype])
    assert torch.equal(sparse_matmul(leaves[0], pattern, leaves[1][2]), actual[2])
    gradients = (torch.autograd.grad(y.sin().sum(), leaves) for y in (actual, expected))
    for a, e in zip(*gradients, strict=True):
        assert_close(a, e, 2 * TOLERANCE[dtype])


def test_sparse_matmul_gradcheck_and_operator():
    pattern = pattern_of(random_mask(4, 3, 0.5))
    values = torch.randn(pattern.n_synapses, dtype=torch.float64, requires_grad=True)
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda values, x: sparse_matmul(values, pattern, x), (values, x))
    assert torch.autograd.gradcheck(lambda x: sparse_matmul(values.detach(), pattern, x), (x[0],))
    opcheck(torch.ops.graphrnn.sparse_matmul.default, (values, *pattern, x))


NOT_SORTED = (
    "`Pattern.from_pairs` needs synapses sorted by (post, pre), each at most once; number 1 does not follow "
    "the one before it. Sort them with `numpy.lexsort((pre, post))` and merge duplicates."
)


class TestPattern:
    def test_rows_columns_and_transpose(self):
        mask = random_mask(7, 5, 0.4)
        pattern = pattern_of(mask)
        values = torch.arange(1.0, pattern.n_synapses + 1)
        dense = pattern.dense(values)
        assert torch.equal(dense != 0, torch.from_numpy(mask))
        assert torch.equal(dense[pattern.post, pattern.pre], values)
        transposed = torch.zeros(5, 7)
        counts = pattern.t_crow.diff().long()
        transposed[torch.arange(5).repeat_interleave(counts), pattern.t_col.long()] = values[pattern.perm]
        assert torch.equal(transposed, dense.T)
        assert pattern.shape == (7, 5)
        assert pattern.density == mask.mean()
        assert all(tensor.dtype == torch.int32 for tensor in pattern)

    def test_takes_torch_and_frozen_arrays_and_shares_no_memory(self):
        post, pre = np.array([0, 1, 1], np.int32), np.array([1, 0, 2], np.int32)
        pre.setflags(write=False)
        from_numpy = Pattern.from_pairs(post, pre, (2, 3))
        from_torch = Pattern.from_pairs(torch.tensor([0, 1, 1]), torch.tensor([1, 0, 2]), (2, 3))
        assert all(torch.equal(a, b) for a, b in zip(from_numpy, from_torch, strict=True))
        assert not np.shares_memory(from_numpy.col.numpy(), pre)

    @pytest.mark.parametrize(
        ("post", "pre", "shape", "message"),
        [
            (
                [0.5],
                [0],
                (1, 1),
                "`Pattern.from_pairs` needs a 1-D array of whole numbers for `post`; it got float64 of shape (1,).",  # noqa: E501
            ),
            (
                [0, 1],
                [0],
                (2, 2),
                "`Pattern.from_pairs` needs as many `post` as `pre` indices; it got 2 and 1.",
            ),
            (
                [],
                [],
                (2**31, 2),
                "`Pattern.from_pairs` keeps indices in 32 bits, for fewer than 2147483648 synapses and "
                "neurons; it got 0 synapses between 2 and 2147483648 neurons. Split the matrix into areas.",
            ),
            ([0], [-1], (2, 3), "`Pattern.from_pairs` needs `pre` indices from 0 to 2; it got -1 to -1."),
            ([0, 2], [0, 0], (2, 3), "`Pattern.from_pairs` needs `post` indices from 0 to 1; it got 0 to 2."),
            ([1, 0], [0, 0], (2, 2), NOT_SORTED),
            ([0, 0], [1, 0], (2, 2), NOT_SORTED),
            ([0, 0], [1, 1], (2, 2), NOT_SORTED),
        ],
    )
    def test_refuses(self, post, pre, shape, message):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            Pattern.from_pairs(post, pre, shape)
