"""Khatri-Rao and face-splitting products, and the matricized tensor times one of them."""

import tracemalloc
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import KERNEL_DTYPES, check, random
from kronvec import _columns, _kernels, columnwise, tensors

sizes = st.integers(0, 6)
dtypes = st.sampled_from(["int64", "float64", "complex64", "object", "int8"])
# Rows of the matrices: one to five, ones, empty, long and short ones in each place
ROWS = [[3], [2, 3], [1, 4, 1], [2, 3, 4, 5], [40, 2, 3], [2, 70, 3], [2, 3, 90], [2, 0, 3]]
many = pytest.mark.parametrize("rows", ROWS, ids=str)


def exact(dtype, *shape, seed=0):
    """Small integers of ``dtype``, whose products and sums are exact."""
    return random("int64", *shape, seed=seed).astype(dtype)


@pytest.fixture(params=["whole", "in blocks"])
def blocks(request, monkeypatch):
    """The same with one row, or so, of a product at a time."""
    if request.param == "in blocks":
        monkeypatch.setattr(_columns, "BLOCK_BYTES", 64)
        monkeypatch.setattr(tensors, "BLOCK_BYTES", 64)
        monkeypatch.setattr(_columns, "_fitting_rows", lambda a, batch=1: 3)


# --------------------------------------------------------------------------------------
# Formed


@many
@pytest.mark.parametrize("columns", [0, 1, 2, 7, 63, 64, 200])
@pytest.mark.parametrize("dtype", [*KERNEL_DTYPES, "int16"])
def test_columns_and_rows_are_kronecker_products(rows, columns, dtype):
    mats = [exact(dtype, m, columns, seed=i) for i, m in enumerate(rows)]
    product = kv.khatri_rao(*mats)
    assert product.shape == (np.prod(rows), columns) and product.dtype == dtype
    for j in range(columns):
        assert_array_equal(product[:, j], reduce(np.kron, [a[:, j] for a in mats]))
    assert_array_equal(kv.face_splitting(*[a.T for a in mats]), product.T)


@given(sizes, sizes, sizes, sizes, dtypes)
def test_products_of_products(m, n, p, q, dtype):
    """(A ⊗ B)(C ⊙ D) = AC ⊙ BD, (A • B)(C ⊗ D) = AC • BD, (A • B)(C ⊙ D) = AC ∘ BD."""
    a, b = exact(dtype, m, n), exact(dtype, p, q, seed=1)
    c, d = exact(dtype, n, 3, seed=2), exact(dtype, q, 3, seed=3)
    assert_array_equal(kv.kron_matmul([a, b], kv.khatri_rao(c, d)), kv.khatri_rao(a @ c, b @ d))
    b = exact(dtype, m, q, seed=1)
    product = kv.face_splitting(a, b)
    assert_array_equal(product @ kv.khatri_rao(c, d), (a @ c) * (b @ d))
    d = exact(dtype, q, 4, seed=3)
    assert_array_equal(kv.matmul_kron(product, [c, d]), kv.face_splitting(a @ c, b @ d))


def test_formed_products_of_batches_broadcast():
    a, b = exact("float32", 3, 1, 2, 5), exact("float32", 4, 3, 5, seed=1)
    product = kv.khatri_rao(a, b)
    assert product.shape == (3, 4, 6, 5)
    rows = kv.face_splitting(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2))
    for i, j in np.ndindex(3, 4):
        assert_array_equal(product[i, j], kv.khatri_rao(a[i, 0], b[j]))
        assert_array_equal(rows[i, j], product[i, j].T)


def test_one_matrix_is_copied():
    a = exact("float64", 2, 3)
    for function in (kv.khatri_rao, kv.face_splitting):
        assert_array_equal(function(a), a)
        assert not np.shares_memory(function(a), a)
        out = np.zeros((2, 3))
        assert function(a, out=out) is out
        assert_array_equal(out, a)


# --------------------------------------------------------------------------------------
# Applied


@many
@pytest.mark.parametrize("columns", [0, 1, 5])
@pytest.mark.parametrize("dtype", ["float64", "complex64", "int16", "object"])
def test_applied_is_the_formed_product_times_the_vector(rows, columns, dtype, blocks):
    mats = [exact(dtype, m, columns, seed=i) for i, m in enumerate(rows)]
    product, turned = kv.khatri_rao(*mats), [a.T for a in mats]
    x, z = exact(dtype, 2, columns, seed=8), exact(dtype, 2, len(product), seed=9)
    assert_array_equal(kv.khatri_rao_matvec(mats, x), x @ product.T)
    assert_array_equal(kv.khatri_rao_matvec(mats, z, transposed=True), z @ product)
    assert_array_equal(kv.face_splitting_matvec(turned, z), z @ product)
    assert_array_equal(kv.face_splitting_matvec(turned, x, transposed=True), x @ product.T)
    assert_array_equal(kv.khatri_rao_matvec(mats, x[0]), product @ x[0])


def test_batches_of_matrices_and_vectors_broadcast(blocks):
    mats = [exact("float64", 3, 1, 2, 5), exact("float64", 4, 3, 5, seed=1), exact("float64", 2, 5)]
    x, z = exact("float64", 4, 5), exact("float64", 3, 1, 12)
    got, back = kv.khatri_rao_matvec(mats, x), kv.khatri_rao_matvec(mats, z, transposed=True)
    assert got.shape == (3, 4, 12) and back.shape == (3, 4, 5)
    for i, j in np.ndindex(3, 4):
        product = kv.khatri_rao(mats[0][i, 0], mats[1][j], mats[2])
        assert_array_equal(got[i, j], product @ x[j])
        assert_array_equal(back[i, j], z[i, 0] @ product)


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("transposed", [False, True])
def test_plain_matrices_of_few_columns_need_no_python(dtype, transposed, monkeypatch):
    """A result that Python places has the same bits."""
    for name in ("times", "transposed_times"):
        monkeypatch.setattr(columnwise, name, None)
    for rows, columns in [((64, 64), 64), ((2, 70, 3), 5), ((1, 9), 1), ((32, 5, 7, 2), 20)]:
        mats = [random(dtype, m, columns, seed=i) for i, m in enumerate(rows)]
        x = random(dtype, np.prod(rows) if transposed else columns)
        y = kv.khatri_rao_matvec(mats, x, transposed=transposed)
        dense = kv.khatri_rao(*mats)
        assert_allclose(y, (dense.T if transposed else dense) @ x, rtol=1e-3, atol=1e-3)
        out = np.empty((len(y), 2), dtype)
        kv.khatri_rao_matvec(tuple(mats), x, transposed=transposed, out=out[:, 1])
        assert_array_equal(out[:, 1], y)
        out = np.empty_like(y)
        assert kv.khatri_rao_matvec(mats, x, transposed=transposed, out=out) is out
        assert_array_equal(out, y)


def test_one_row_may_be_longer_than_a_block():
    a, b = exact("float64", 2, 40), exact("float64", 40, 9000, seed=1)
    y = np.empty((2, 9000))
    _kernels.add_product(a, b, y, False)
    assert_array_equal(y, a @ b)
    weights = exact("float64", 3, 9000, seed=2)
    for rows in (2, 50):  # what is weighted: the result, or b
        x, y = exact("float64", 3, rows, 40, seed=3), np.zeros((rows, 9000))
        _kernels.add_weighted_product(x, weights, b, y)
        assert_array_equal(y, np.einsum("lir,lc,rc->ic", x, weights, b, optimize=True))


@pytest.mark.parametrize("transposed", [False, True])
def test_the_product_is_not_formed(transposed):
    mats = [random("float64", m, 20, seed=m) for m in (100, 50, 80)]
    x = random("float64", 400_000 if transposed else 20)
    tracemalloc.start()
    try:
        y = kv.khatri_rao_matvec(mats, x, transposed=transposed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < y.nbytes + 4 * _columns.BLOCK_BYTES < 400_000 * 20 * 8 / 8
    product = kv.khatri_rao(*mats)
    assert_allclose(y, product.T @ x if transposed else product @ x, rtol=1e-9, atol=1e-9)


# --------------------------------------------------------------------------------------
# mttkrp

TENSORS = [
    (4,),
    (3, 4),
    (2, 3, 4),
    (5, 1, 2, 3),
    (2, 2, 2, 2, 2),
    (3, 0, 2),
    (30, 2, 5),
    (2, 9, 70),
    (2, 4, 1100),
]


def plain_mttkrp(x, mats, mode):
    """By moving the mode to the front and unfolding."""
    others = [a for i, a in enumerate(mats) if i != mode]
    unfolded = np.moveaxis(x, mode, 0).reshape(x.shape[mode], -1 if x.size else 0)
    if not x.size:
        return np.zeros((x.shape[mode], mats[0].shape[-1]), x.dtype)
    ones = np.ones((1, mats[0].shape[-1]), x.dtype)
    return unfolded @ reduce(kv.khatri_rao, others, ones)


@pytest.mark.parametrize("shape", TENSORS, ids=str)
@pytest.mark.parametrize("columns", [3, 17, 70])
@pytest.mark.parametrize("dtype", ["float64", "complex64", "int16", "object"])
def test_every_mode_is_the_unfolded_tensor_times_the_product(shape, dtype, columns, blocks):
    mats = [exact(dtype, n, columns, seed=i) for i, n in enumerate(shape)]
    for x in (exact(dtype, *shape), np.asfortranarray(exact(dtype, *shape))):
        for mode in range(len(shape)):
            expected = plain_mttkrp(x, mats, mode)
            for which in (mode, mode - len(shape)):
                got = kv.mttkrp(x, mats, which)
                assert got.dtype == dtype
                assert_array_equal(got, expected)
            if len(shape) > 1:
                unused = [None if i == mode else a for i, a in enumerate(mats)]
                assert_array_equal(kv.mttkrp(x, unused, mode), expected)


def test_mttkrp_of_batches_broadcasts(blocks):
    shape = (3, 2, 5)
    mats = [exact("float64", 2, 3, 4), exact("float64", 6, 1, 2, 4), exact("float64", 5, 4)]
    x = exact("float64", 2, *shape)
    for mode in range(3):
        got = kv.mttkrp(x, mats, mode)
        for i, j in np.ndindex(6, 2):
            one = [mats[0][j], mats[1][i, 0], mats[2]]
            if mode == 1:
                assert got.shape == (2, 2, 4)
                assert_array_equal(got[j], plain_mttkrp(x[j], one, mode))
            else:
                assert_array_equal(got[i, j], plain_mttkrp(x[j], one, mode))
    bare, one = exact("float64", *shape), [mats[0][1], mats[1][3, 0], mats[2]]
    assert_array_equal(kv.mttkrp(bare, mats, 2)[3, 1], plain_mttkrp(bare, one, 2))


def test_mttkrp_is_the_gradient_of_the_inner_product_with_a_cp_tensor():
    """⟨X, [[A1, …, AN]]⟩ = tr(A_modeᵀ mttkrp(X, A, mode)) for every mode."""
    shape = (3, 4, 5)
    mats, x = [exact("int64", n, 2, seed=n) for n in shape], exact("int64", *shape)
    tensor = kv.khatri_rao_matvec(mats, np.ones(2, int)).reshape(shape)
    for mode in range(3):
        assert np.sum(x * tensor) == np.sum(mats[mode] * kv.mttkrp(x, mats, mode))


def test_a_tensor_in_fortran_order_is_not_copied():
    x = np.asfortranarray(random("float64", 60, 50, 200))
    mats = [random("float64", n, 8, seed=n) for n in x.shape]
    for mode in range(3):
        kv.mttkrp(x, mats, mode)
        tracemalloc.start()
        try:
            kv.mttkrp(x, mats, mode)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < x.nbytes * 0.8


# --------------------------------------------------------------------------------------
# Errors

A, B, C = np.ones((2, 3)), np.ones((4, 3)), np.ones((2, 5))
ERRORS = [
    (kv.khatri_rao, (), {}, ["khatri_rao", "at least one"]),
    (kv.khatri_rao, (A, C), {}, ["same number of columns", "(2, 3)", "(2, 5)"]),
    (kv.face_splitting, (A, B), {}, ["same number of rows", "(2, 3)", "(4, 3)"]),
    (kv.khatri_rao, (np.ones(3), A), {}, ["matrix 0", "(3,)"]),
    (kv.khatri_rao, (np.ones((2, 2, 3)), np.ones((3, 2, 3))), {}, ["batch"]),
    (kv.khatri_rao, (A, B), {"out": np.ones((7, 3))}, ["out", "(8, 3)", "(7, 3)"]),
    (kv.khatri_rao, (np.broadcast_to(1.0, (2**31, 3)),) * 3, {}, ["addressed"]),
    (kv.khatri_rao_matvec, ([A, B], np.ones(4)), {}, ["x must have 3", "(4,)"]),
    (kv.khatri_rao_matvec, ([A, B], np.ones(3)), {"transposed": True}, ["2 * 4 = 8", "(3,)"]),
    (kv.face_splitting_matvec, ([A, C], np.ones(3)), {}, ["3 * 5 = 15", "(3,)"]),
    (kv.khatri_rao_matvec, ([A, C], np.ones(3)), {}, ["same number of columns"]),
    (kv.khatri_rao_matvec, ([], np.ones(3)), {}, ["at least one"]),
    (kv.mttkrp, (np.ones((2, 4)), [A, C], 0), {}, ["as many rows", "(2, 4)", "(2, 5)"]),
    (kv.mttkrp, (np.ones((2, 4)), [A, B, A], 0), {}, ["axis", "3"]),
    (kv.mttkrp, (np.ones((2, 4)), [A, B], 2), {}, ["mode", "2"]),
    (kv.mttkrp, (np.ones((2, 4)), [A, B], -3), {}, ["mode", "-3"]),
    (kv.mttkrp, (np.ones((2, 4, 2)), [A, B, C], 0), {}, ["same number of columns"]),
    (kv.mttkrp, (np.ones((2, 4)), [], 0), {}, ["one at least"]),
    (kv.mttkrp, (np.ones((2, 4)), [A, B], 0), {"out": np.ones((4, 3))}, ["out", "(2, 3)"]),
]


@pytest.mark.parametrize(("function", "args", "kwargs", "words"), ERRORS)
def test_what_does_not_fit_is_named(function, args, kwargs, words):
    with pytest.raises(ValueError) as caught:
        function(*args, **kwargs)
    for word in [function.__name__, *words]:
        assert word in str(caught.value)


def test_wrong_kinds_are_type_errors():
    masked = np.ma.array(A)
    for call in [
        lambda: kv.khatri_rao(masked, B),
        lambda: kv.face_splitting_matvec([masked], np.ones(3)),
        lambda: kv.mttkrp(np.ones((2, 4)), [None, np.ma.array(B)], 0),
    ]:
        with pytest.raises(TypeError, match="masked"):
            call()
    with pytest.raises(TypeError, match="mats must be a sequence.*\\[matrix\\]"):
        kv.khatri_rao_matvec(A, np.ones(3))
    with pytest.raises(TypeError, match="mode must be an integer"):
        kv.mttkrp(np.ones((2, 4)), [A, B], 0.5)
    with pytest.raises(TypeError, match="mats must be a sequence"):
        kv.mttkrp(np.ones((2, 4)), 3, 0)
    with pytest.raises(TypeError, match="matrix 1"):
        kv.mttkrp(np.ones((2, 4)), [A, None], 0)


def test_mttkrp_of_a_vector_has_nothing_to_sum():
    """One axis, one matrix: the entries of x in every column."""
    for x in (random("float64", 3), random("float64", 4, 3)):
        check("mttkrp", x, [random("float64", 3, 2)], 0)
