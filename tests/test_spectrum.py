"""The spectral radius against dense eigenvalues, and where an eigensolver does not converge."""

import numpy as np
import pytest
import scipy.sparse as sp
from cases import each_network

from graphrnn._spectrum import spectral_radius


def dense_radius(matrix):
    dense = matrix.toarray()
    return np.abs(np.linalg.eigvals(dense)).max() if dense.size else 0.0


def random_matrix(n, per_row, seed=0):
    rng = np.random.default_rng(seed)
    return sp.csr_array(sp.random(n, n, per_row / n, random_state=rng, data_rvs=rng.standard_normal))


def ring(n, weight=1.0):
    """All eigenvalues have one modulus: no Krylov method singles one out."""
    return sp.coo_array((np.full(n, weight), (np.roll(np.arange(n), 1), np.arange(n))), shape=(n, n))


@each_network
def test_the_networks(net):
    rng = np.random.default_rng(0)
    matrix = net.hidden.mask.astype(float)
    matrix.data = rng.standard_normal(matrix.data.size)
    before = matrix.copy()
    # eigenvalues of a defective matrix move by the root of the rounding error
    assert spectral_radius(matrix) == pytest.approx(dense_radius(matrix), rel=1e-6, abs=1e-4)
    np.testing.assert_array_equal(matrix.data, before.data)


@pytest.mark.parametrize("n", [1, 2, 50, 399, 401, 800])
@pytest.mark.parametrize("per_row", [0.5, 1, 3, 30])
def test_random_matrices(n, per_row):
    matrix = random_matrix(n, min(per_row, n), seed=n)
    assert spectral_radius(matrix) == pytest.approx(dense_radius(matrix), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("to", [sp.coo_array, sp.csr_array, sp.csc_array, sp.coo_matrix])
def test_any_sparse_format(to):
    assert spectral_radius(to(np.array([[0, 4.0], [1.0, 0]]))) == pytest.approx(2.0)
    assert spectral_radius(to(np.array([[0, 4], [1, 0]]))) == pytest.approx(2.0)


def test_feedforward_wiring_has_radius_zero():
    n = 3000
    chain = sp.coo_array((np.full(n - 1, 5.0), (np.arange(1, n), np.arange(n - 1))), shape=(n, n))
    assert spectral_radius(chain) == 0.0
    dense = sp.csr_array(np.triu(np.ones((60, 60)), 1))
    assert spectral_radius(dense) == 0.0


@pytest.mark.parametrize("shape", [(0, 0), (3, 3)])
def test_empty(shape):
    assert spectral_radius(sp.coo_array(shape)) == 0.0


def test_stored_zeros():
    assert spectral_radius(sp.csr_array((np.zeros(2), ([0, 1], [1, 0])), shape=(2, 2))) == 0.0


def test_self_connections_alone():
    assert spectral_radius(sp.diags_array([0.5, -3.0, 2.0])) == 3.0


def test_several_components():
    blocks = [ring(3, 2.0), ring(500, 1.5), ring(2, -2.5), sp.coo_array([[1.0]])]
    matrix = sp.block_diag(blocks, format="csr")
    order = np.random.default_rng(0).permutation(matrix.shape[0])
    assert spectral_radius(matrix[order][:, order]) == pytest.approx(2.5)


@pytest.mark.parametrize("n", [10, 401, 2000])
def test_a_ring(n):
    assert spectral_radius(ring(n, 1.25)) == pytest.approx(1.25, rel=1e-3)


def test_many_small_components_take_no_quadratic_time():
    n = 4000
    pairs = sp.coo_array((np.linspace(1, 3, n), (np.arange(n) ^ 1, np.arange(n))), shape=(n, n))
    assert spectral_radius(pairs) == pytest.approx(3.0, rel=1e-3)


def test_two_calls_give_the_same_bits():
    matrix = random_matrix(1200, 20)
    assert spectral_radius(matrix) == spectral_radius(matrix)
