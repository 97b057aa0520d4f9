"""The commutation matrix: K_{m,n} vec_F(A) = vec_F(Aᵀ) for A of shape (m, n)."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import kronvec as kv
from helpers import DTYPES, LAYOUTS, OUT_LAYOUTS, filler, random
from kronvec import _reference as reference
from operations import OPERATORS

SIZE_PAIRS = [(2, 3), (3, 2), (1, 5), (5, 1), (4, 4), (0, 3), (3, 0), (0, 0), (7, 16), (33, 17)]
sizes = pytest.mark.parametrize(("m", "n"), SIZE_PAIRS)
either_side = pytest.mark.parametrize("side", ["left", "right"])


# --------------------------------------------------------------------------------------
# commutation_matmul, commutation_indices


@sizes
def test_commutation_turns_the_vec_into_that_of_the_transpose(m, n):
    a = random("float64", m, n)
    assert_array_equal(kv.commutation_matmul(kv.vec(a), m, n), kv.vec(a.T))


@sizes
def test_the_transpose_is_the_inverse_and_swaps_the_sizes(m, n):
    x = random("complex64", m * n)
    moved = kv.commutation_matmul(x, m, n)
    assert_array_equal(kv.commutation_matmul(moved, m, n, transposed=True), x)
    assert_array_equal(kv.commutation_matmul(moved, n, m), x)


def test_commutation_swaps_kron_factors():
    (m, n), (p, q) = (2, 3), (4, 5)
    a, b = random("int64", m, n), random("int64", p, q)
    swapped = kv.commutation_matmul(np.kron(a, b), p, m)
    swapped = kv.commutation_matmul(swapped, n, q, side="right")
    assert_array_equal(swapped, np.kron(b, a))


@either_side
@pytest.mark.parametrize("transposed", [False, True])
@sizes
def test_every_side_is_the_product_with_the_dense_matrix(side, transposed, m, n):
    k = reference.commutation_matrix(m, n)
    k = k.T if transposed else k
    vector, matrix = random("float64", m * n), random("float64", m * n, m * n)
    ragged = matrix[:, :3] if side == "left" else matrix[:3]
    stack = np.stack([ragged, 2 * ragged])
    for x in (vector, matrix, ragged, stack):
        got = kv.commutation_matmul(x, m, n, side=side, transposed=transposed)
        assert_array_equal(got, k @ x if side == "left" else x @ k)


@sizes
def test_indices_gather_the_product(m, n):
    x = random("float64", m * n)
    indices = kv.commutation_indices(m, n)
    assert indices.dtype == np.intp
    assert_array_equal(x[indices], kv.commutation_matmul(x, m, n))
    assert_array_equal(indices, reference.commutation_indices(m, n))


@either_side
@pytest.mark.parametrize("dtype", [*DTYPES, "datetime64[s]", "timedelta64[ms]"])
def test_every_dtype_only_moves(side, dtype):
    x = np.arange(12 * 12).reshape(12, 12)
    indices = kv.commutation_indices(3, 4)
    moved = x[indices] if side == "left" else x[:, np.argsort(indices)]
    got = kv.commutation_matmul(x.astype(dtype), 3, 4, side=side)
    assert_array_equal(got, moved.astype(dtype), strict=True)


def test_nan_and_infinity_only_move():
    x = random("float64", 12)
    x[3], x[7] = np.nan, np.inf
    moved = kv.commutation_matmul(x, 3, 4)
    assert_array_equal(moved, x[kv.commutation_indices(3, 4)])
    assert np.isnan(moved).sum() == 1


@either_side
@pytest.mark.parametrize("layout", OUT_LAYOUTS)
@pytest.mark.parametrize("dtype", ["int8", "float16", "float32", "complex64", "complex128"])
def test_in_place_is_as_if_it_were_not(side, layout, dtype):
    for m, n in [(4, 4), (3, 5), (16, 16), (9, 17), (1, 6)]:
        for shape in [(m * n,), (m * n, 3), (2, m * n, 2)]:
            shape = shape if side == "left" else shape[:-2] + shape[-1:] + shape[-2:-1]
            source = random(dtype, *shape)
            x = OUT_LAYOUTS[layout](source)
            expected = kv.commutation_matmul(x.copy(), m, n, side=side)
            assert kv.commutation_matmul(x, m, n, side=side, out=x) is x
            assert_array_equal(x, expected)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "float64", "complex128"])
@pytest.mark.parametrize(("m", "n"), [(60, 60), (300, 300), (2050, 2050), (2119, 2119), (40, 90)])
def test_large_vectors_in_place(m, n, dtype):
    x = np.arange(m * n).astype(dtype)
    expected = x.reshape(n, m).T.ravel().copy()
    assert kv.commutation_matmul(x, m, n, out=x) is x
    assert_array_equal(x, expected)


IN_PLACE_SIZES = [(60, 60), (40, 90), (1, 3000), (47, 53), (3000, 3), (2, 2048), (96, 64)]


@either_side
@pytest.mark.parametrize(("m", "n"), IN_PLACE_SIZES)
@pytest.mark.parametrize("dtype", ["bool", "int16", "float32", "float64", "complex128", "U3"])
def test_every_item_size_moves_out_of_place_and_in_place(side, m, n, dtype):
    indices = reference.commutation_indices(m, n)
    axis, gather = (-2, indices) if side == "left" else (-1, np.argsort(indices))
    for columns in (1, 3, 16):
        shape = (m * n, columns) if side == "left" else (columns, m * n)
        x = np.arange(m * n * columns).reshape(shape).astype(dtype)
        expected = np.take(x, gather, axis)
        assert_array_equal(kv.commutation_matmul(x, m, n, side=side), expected, strict=True)
        assert kv.commutation_matmul(x, m, n, side=side, out=x) is x
        assert_array_equal(x, expected)


@pytest.mark.parametrize("dtype", ["int8", "float64", "complex128"])
def test_batches_of_small_matrices_move(dtype):
    for n in (1, 2, 3, 4, 7, 16):
        x = np.arange(1000 * n * (n + 1)).reshape(1000, -1).astype(dtype)
        for k in (n, n + 1):
            part = x[::2, : n * k]
            expected = part.reshape(-1, k, n).swapaxes(1, 2).reshape(-1, n * k).copy()
            assert_array_equal(kv.vec_reorder(part, (n, k), source="F", target="C"), expected)
            kv.vec_reorder(part, (n, k), source="F", target="C", out=part)
            assert_array_equal(part, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_vectors_a_part_of_an_item_apart_move(dtype):
    x = LAYOUTS["interleaved"](random(dtype, 3, 1600))
    turned = kv.vec_reorder(x, (40, 40), source="C", target="F")
    assert_array_equal(turned, x.reshape(3, 40, 40).swapaxes(1, 2).reshape(3, 1600))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_vectors_beyond_the_caches_move(dtype):
    for m, n in [(1024, 1024), (3, 400_000), (400_000, 3), (999, 1111)]:
        x = np.arange(m * n).astype(dtype)
        expected = x.reshape(n, m).T.ravel()
        assert_array_equal(kv.commutation_matmul(x, m, n), expected)
        kv.commutation_matmul(x, m, n, out=x)
        assert_array_equal(x, expected)


# --------------------------------------------------------------------------------------
# Lazy operators, against their dense matrices

every_operator = pytest.mark.parametrize("operator", OPERATORS)


def both(operator, m=3, n=4):
    """The lazy operator and its dense matrix."""
    lazy, dense = OPERATORS[operator]
    return lazy(m, n), dense(m, n)


@every_operator
@sizes
def test_operators_densify_every_way(operator, m, n):
    lazy, dense = both(operator, m, n)
    assert lazy.shape == dense.shape
    assert isinstance(lazy.toarray(), np.ndarray)
    assert_array_equal(lazy.toarray(), dense)
    assert_array_equal(np.asarray(lazy), dense)
    assert_array_equal(np.array(lazy), dense)
    assert np.asarray(lazy).dtype == lazy.dtype
    assert np.asarray(lazy, dtype="float32").dtype == np.float32


@every_operator
def test_operators_convert_to_sparse(operator):
    sparse = pytest.importorskip("scipy.sparse")
    lazy, dense = both(operator)
    csr = lazy.tocsr()
    assert sparse.issparse(csr) and csr.format == "csr"
    assert_array_equal(csr.toarray(), dense)


@every_operator
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int64", "longdouble"])
def test_operators_multiply_from_both_sides(operator, dtype):
    lazy, dense = both(operator)
    rows, columns = dense.shape

    def exact(*shape):  # sums and halves of small integers do not round
        return random("int64", *shape).astype(dtype)

    for x in [exact(columns), exact(columns, 2), exact(3, columns, 2)]:
        assert_array_equal(lazy @ x, dense @ x)
    for x in [exact(rows), exact(2, rows), exact(3, 2, rows)]:
        assert_array_equal(x @ lazy, x @ dense)


@every_operator
def test_numpy_functions_take_operators(operator):
    lazy, dense = both(operator)
    x, y = random("float64", dense.shape[1]), random("float64", dense.shape[0])
    assert_array_equal(np.dot(lazy, x), dense @ x)
    assert_array_equal(np.matmul(lazy, x), dense @ x)
    assert_array_equal(np.dot(y, lazy), y @ dense)
    assert_array_equal(np.matmul(y, lazy), y @ dense)


@every_operator
def test_operators_are_what_solvers_expect(operator):
    linalg = pytest.importorskip("scipy.sparse.linalg")
    lazy, dense = both(operator)
    x, y = random("float64", dense.shape[1], 2), random("float64", dense.shape[0], 2)
    for op in (lazy, linalg.aslinearoperator(lazy)):
        assert op.dtype == lazy.dtype
        assert_array_equal(op.matvec(x[:, 0]), dense @ x[:, 0])
        assert_array_equal(op.rmatvec(y[:, 0]), dense.T @ y[:, 0])
        assert_array_equal(op.matmat(x), dense @ x)
        assert_array_equal(op.rmatmat(y), dense.T @ y)


@every_operator
def test_operators_transpose_lazily(operator):
    lazy, dense = both(operator)
    assert type(lazy.T) is type(lazy)
    assert_array_equal(lazy.T.toarray(), dense.T)
    assert_array_equal(lazy.H.toarray(), dense.T)
    assert_array_equal((lazy.T @ lazy).toarray(), dense.T @ dense)


def test_commutation_matrix_tells_its_indices():
    k = kv.commutation_matrix(3, 4)
    assert_array_equal(k.indices, kv.commutation_indices(3, 4))


def test_commutation_matrix_is_lazy():
    """The dense matrix of this one would take 8 TB."""
    k = kv.commutation_matrix(1000, 1000)
    x = random("float32", 1_000_000)
    assert k.shape == (1_000_000, 1_000_000)
    assert_array_equal(k @ x, x.reshape(1000, 1000).T.ravel())


def test_operators_refuse_what_does_not_fit():
    k = kv.commutation_matrix(2, 3)
    with pytest.raises(ValueError):
        k @ np.ones(5)
    with pytest.raises(ValueError):
        np.ones((2, 5)) @ k


def test_out_of_a_gap_filled_layout_is_only_written_inside():
    gaps = filler("float64", (25,))
    kv.commutation_matmul(random("float64", 12), 3, 4, out=gaps[1::2])
    assert np.isnan(gaps[::2]).all() and not np.isnan(gaps[1::2]).any()
