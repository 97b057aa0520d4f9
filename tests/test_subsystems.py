"""Partial trace, partial transpose and realignment, of arrays, sparse matrices and operators."""

import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal

import kronvec as kv
from helpers import SLACK, peak_of, random
from kronvec import _reference as reference
from test_identities import ORDER, SIZE, maker

DIMS = [
    (2,),
    (3, 4),
    (1, 3, 1, 2),
    (2, 2, 2, 2, 2),
    (4, 1, 5),
    (3, 0, 2),
    (17, 5),
    (2, 80),
    (80, 2),
]
every_dims = pytest.mark.parametrize("dims", DIMS, ids=str)


def subsets(dims):
    """Every set of subsystems of at most six."""
    count = len(dims)
    return [tuple(i for i in range(count) if bits >> i & 1) for bits in range(2**count)]


# --------------------------------------------------------------------------------------
# Identities


@given(maker(), SIZE, SIZE, SIZE, SIZE)
def test_tracing_out_a_factor_leaves_the_other_times_its_trace(t, m, n, p, q):
    """tr_B(A ⊗ B) = A tr(B), tr_A(A ⊗ B) = tr(A) B"""
    a, b = t(m, n), t(p, p)
    expected = a * np.trace(b)
    assert_array_equal(kv.partial_trace(kv.kron(a, b), ((m, n), p), 1), expected)
    assert_array_equal(kv.partial_trace(kv.kron(b, a), (p, (m, n)), 0), expected)


@given(maker(), SIZE, SIZE, SIZE)
def test_tracing_out_in_turn_is_tracing_out_together(t, m, n, p):
    a = t(m * n * p, m * n * p)
    together = kv.partial_trace(a, (m, n, p), (2, 0))
    assert_array_equal(kv.partial_trace(kv.partial_trace(a, (m, n, p), 2), (m, n), 0), together)
    assert_array_equal(kv.partial_trace(a, (m, n, p), (0, 1, 2)), [[np.trace(a)]])
    assert_array_equal(kv.partial_trace(a, (m, n, p), ()), a)


@given(maker(), SIZE, SIZE, SIZE, SIZE)
def test_a_partial_transpose_transposes_its_factor(t, m, n, p, q):
    a, b = t(m, n), t(p, q)
    dims = ((m, n), (p, q))
    product = kv.kron(a, b)
    assert_array_equal(kv.partial_transpose(product, dims, 0), kv.kron(a.T, b))
    assert_array_equal(kv.partial_transpose(product, dims, -1), kv.kron(a, b.T))


@given(maker(), SIZE, SIZE, SIZE)
def test_partial_transposes_are_involutions_and_add_up_to_the_transpose(t, m, n, p):
    a, dims = t(m * n * p, m * n * p), (m, n, p)
    for axes in subsets(dims):
        once = kv.partial_transpose(a, dims, axes)
        assert_array_equal(kv.partial_transpose(once, dims, axes), a)
        rest = tuple(set(range(3)) - set(axes))
        assert_array_equal(kv.partial_transpose(once, dims, rest), a.T)


@given(maker(), SIZE, SIZE, SIZE, SIZE, ORDER)
def test_the_realignment_of_a_kronecker_product_has_rank_one(t, m, n, p, q, order):
    """R(A ⊗ B) = vec(A) vec(B)ᵀ"""
    a, b = t(m, n), t(p, q)
    r = kv.realignment(kv.kron(a, b), (m, n), (p, q), order=order)
    assert_array_equal(r, np.outer(kv.vec(a, order=order), kv.vec(b, order=order)))


@given(maker(), SIZE, SIZE, SIZE, SIZE, ORDER)
def test_the_inverse_realignment_goes_back(t, m, n, p, q, order):
    a = t(m * p, n * q)
    r = kv.realignment(a, (m, n), (p, q), order=order)
    back = kv.realignment(r, (m, n), (p, q), order=order, inverse=True)
    assert_array_equal(back, a)


# --------------------------------------------------------------------------------------
# Any subsystems


@every_dims
@pytest.mark.parametrize("dtype", ["float64", "complex64", "int8"])
def test_every_set_of_subsystems_gives_the_definition(dims, dtype):
    n = int(np.prod(dims))
    a = random("int64", 2, n, n).astype(dtype)
    for axes in subsets(dims):
        for m in (a, a.swapaxes(-1, -2), a[0]):
            for name in ("partial_trace", "partial_transpose"):
                expected = getattr(reference, name)(m, dims, axes)
                assert_array_equal(getattr(kv, name)(m, dims, axes), expected, strict=True)


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64", "complex128", "U3", "M8[s]"])
@pytest.mark.parametrize("dims", [(2, 60), (60, 2), (2, 2, 40), (11, 13), (16, 2, 4), (2,) * 7])
def test_matrices_large_enough_for_the_kernels_move(dims, dtype):
    n = int(np.prod(dims))
    a = (np.arange(n * n) % 100).reshape(n, n).astype(dtype)
    for axes in subsets(dims)[:: max(1, 2 ** len(dims) // 16)]:
        expected = reference.partial_transpose(a, dims, axes)
        assert_array_equal(kv.partial_transpose(a, dims, axes), expected, strict=True)
        assert_array_equal(kv.partial_transpose(np.asfortranarray(a), dims, axes), expected)
        out = a.copy()
        assert kv.partial_transpose(out, dims, axes, out=out) is out
        assert_array_equal(out, expected)
    for order in "FC":
        shapes = (dims[0], 1), (n // dims[0], n)
        r = kv.realignment(a, *shapes, order=order)
        assert_array_equal(r, reference.realignment(a, *shapes, order=order), strict=True)
        assert_array_equal(kv.realignment(r, *shapes, order=order, inverse=True), a)


def test_negative_axes_and_arrays_of_sizes_are_read():
    a = random("float64", 24, 24)
    expected = kv.partial_trace(a, (2, 3, 4), (1, 2))
    assert_array_equal(kv.partial_trace(a, np.array([2, 3, 4]), np.array([-1, 1])), expected)
    assert_array_equal(kv.partial_trace(a, [[2, 2], 3, np.int8(4)], [2, 1]), expected)


def test_a_positive_partial_transpose_tells_separable_states():
    bell = np.array([1, 0, 0, 1]) / np.sqrt(2)
    for weight, entangled in [(0.3, False), (0.4, True)]:  # Werner: entangled above 1/3
        state = weight * np.outer(bell, bell) + (1 - weight) * np.eye(4) / 4
        transposed = kv.partial_transpose(state, (2, 2), 1)
        assert (np.linalg.eigvalsh(transposed)[0] < 0) == entangled
        realigned = kv.realignment(state, (2, 2), (2, 2), order="C")
        assert (np.linalg.norm(realigned, "nuc") > 1) == entangled


def test_no_copy_of_the_matrix_is_made():
    a = random("float64", 1000, 1000)
    for dims, axis in [((10, 100), 1), ((10, 100), 0), ((5, 20, 10), 1), ((5, 20, 10), (0, 2))]:
        peak, y = peak_of(kv.partial_trace, a, dims, axis)
        assert peak <= y.nbytes + 2 * SLACK  # NumPy's sums take a buffer
        peak, y = peak_of(kv.partial_transpose, a, dims, axis)
        assert peak <= y.nbytes + SLACK
    peak, y = peak_of(kv.realignment, a, (10, 50), (100, 20))
    assert peak <= y.nbytes + SLACK


# --------------------------------------------------------------------------------------
# Subclasses


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_np_matrix_and_masks():
    a = random("int64", 6, 6)
    moved = kv.partial_transpose(np.asmatrix(a), (2, 3), 1)
    assert isinstance(moved, np.matrix)
    assert_array_equal(moved, kv.partial_transpose(a, (2, 3), 1))
    masked = kv.partial_transpose(np.ma.array(a, mask=a > 0), (2, 3), 1)
    assert_array_equal(masked.mask, kv.partial_transpose(a > 0, (2, 3), 1))
    with pytest.raises(TypeError, match="masked"):
        kv.partial_trace(np.ma.array(a, mask=a > 0), (2, 3), 1)


# --------------------------------------------------------------------------------------
# Sparse matrices and operators


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil"])
@pytest.mark.parametrize("dims", [(2, 3, 2), ((2, 3), 2, 3), (4, 3), ((1, 6), (12, 2))], ids=str)
def test_sparse_matrices_stay_sparse(dims, form):
    sparse = pytest.importorskip("scipy.sparse")
    pairs = [d if isinstance(d, tuple) else (d, d) for d in dims]
    shape = [int(np.prod(sizes)) for sizes in zip(*pairs, strict=True)]
    dense = random("float32", *shape) * (random("bool", *shape, seed=1))
    for make in (sparse.csr_array, sparse.csr_matrix):
        m = make(dense).asformat(form)
        for axes in subsets(dims):
            moved = kv.partial_transpose(m, dims, axes)
            assert sparse.issparse(moved) and moved.format == form and moved.dtype == m.dtype
            assert isinstance(moved, sparse.sparray) == isinstance(m, sparse.sparray)
            assert_array_equal(moved.toarray(), kv.partial_transpose(dense, dims, axes))
            if all(pairs[i][0] == pairs[i][1] for i in axes):
                traced = kv.partial_trace(m, dims, axes)
                assert traced.format == form and traced.dtype == m.dtype
                np.testing.assert_allclose(
                    traced.toarray(), kv.partial_trace(dense, dims, axes), rtol=1e-5, atol=1e-5
                )


def test_large_sparse_matrices_are_not_densified():
    sparse = pytest.importorskip("scipy.sparse")
    n = 300_000
    m = sparse.random_array((n, n), density=1e-10, rng=0) + sparse.eye_array(n)
    traced = kv.partial_trace(m, (3, n // 3), 1)
    assert traced.shape == (3, 3)
    np.testing.assert_allclose(traced.trace(), m.trace())
    assert kv.partial_transpose(m, (3, n // 3), 1).nnz == m.nnz


def test_sparse_matrices_refuse_out_and_wrong_shapes():
    sparse = pytest.importorskip("scipy.sparse")
    m = sparse.eye_array(6).tocsr()
    with pytest.raises(TypeError, match="partial_trace: out"):
        kv.partial_trace(m, (2, 3), 0, out=np.zeros((3, 3)))
    with pytest.raises(ValueError, match="partial_transpose: m must have shape"):
        kv.partial_transpose(m, (2, 4), 0)


class Pair:
    """A ⊗ B as an operator that knows its structure, and that nobody may densify."""

    def __init__(self, a, b):
        self.a, self.b = a, b
        self.shape = a.shape[0] * b.shape[0], a.shape[1] * b.shape[1]

    def toarray(self):
        raise AssertionError("densified")

    def _partial_trace(self, dims, axes):
        assert dims == (self.a.shape, self.b.shape) and axes == (1,)
        return self.a * np.trace(self.b)

    def _partial_transpose(self, dims, axes):
        return NotImplemented if axes == (0,) else Pair(self.a, self.b.T)

    def _realigned(self, shape_a, shape_b):
        assert (shape_a, shape_b) == (self.a.shape, self.b.shape)
        return self.a.reshape(-1, 1), self.b.reshape(-1, 1)


def test_operators_answer_by_their_own_structure():
    a, b = random("float64", 2, 3), random("float64", 4, 4)
    m, dims, dense = Pair(a, b), ((2, 3), 4), np.kron(a, b)
    np.testing.assert_allclose(kv.partial_trace(m, dims, -1), kv.partial_trace(dense, dims, 1))
    out = np.empty((2, 3))
    assert kv.partial_trace(m, dims, -1, out=out) is out
    np.testing.assert_allclose(out, kv.partial_trace(dense, dims, 1))
    assert_array_equal(kv.partial_transpose(m, dims, 1).b, b.T)
    for order in "FC":
        expected = kv.realignment(dense, *dims[:1], (4, 4), order=order)
        assert_array_equal(kv.realignment(m, (2, 3), (4, 4), order=order), expected)
    with pytest.raises(AssertionError, match="densified"):  # NotImplemented
        kv.partial_transpose(m, dims, 0)
    with pytest.raises(ValueError, match="partial_trace: m must have shape"):
        kv.partial_trace(m, (2, 4), 1)


def test_operators_without_such_structure_are_densified():
    k = kv.commutation_matrix(2, 3)
    dense = k.toarray()
    assert_array_equal(kv.partial_trace(k, (2, 3), 0), kv.partial_trace(dense, (2, 3), 0))
    assert_array_equal(kv.partial_transpose(k, (2, 3), 0), kv.partial_transpose(dense, (2, 3), 0))
    assert_array_equal(kv.realignment(k, (2, 3), (3, 2)), kv.realignment(dense, (2, 3), (3, 2)))
    large = kv.commutation_matrix(2**20, 2**20)
    with pytest.raises(ValueError, match="too large to be formed"):
        kv.partial_trace(large, (2**20, 2**20), 0)
    with pytest.raises(ValueError, match="bytes"):
        kv.realignment(large, (2**20, 2**20), (2**20, 2**20))


def test_sparse_matrices_of_a_subsystem_without_states_are_traced():
    empty = pytest.importorskip("scipy.sparse").csr_array((0, 0))
    assert kv.partial_trace(empty, (0, 3), 0).shape == (3, 3)
    assert not kv.partial_trace(empty, (0, 3), 0).toarray().any()
    assert kv.partial_transpose(empty, (0, 3), 0).shape == (0, 0)
