"""vec and its relatives on matrices small enough to read."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import LAYOUTS, random

A = np.array([[1, 2, 3], [4, 5, 6]])
S = np.array([[1, 2, 3], [2, 4, 5], [3, 5, 6]])
ORDERS = ("F", "C")


def test_vec_stacks_columns_by_default():
    assert_array_equal(kv.vec(A), [1, 4, 2, 5, 3, 6])
    assert_array_equal(kv.vec(A, order="F"), [1, 4, 2, 5, 3, 6])


def test_vec_c_stacks_rows():
    assert_array_equal(kv.vec(A, order="C"), [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_unvec_inverts_vec(order, layout):
    a = LAYOUTS[layout](random("complex64", 4, 3, 5))
    assert_array_equal(kv.unvec(kv.vec(a, order=order), (3, 5), order=order), a)


def test_unvec_defaults_to_columns():
    assert_array_equal(kv.unvec([1, 4, 2, 5, 3, 6], (2, 3)), A)


def test_vec_order_ignores_the_memory_order():
    for order in ORDERS:
        fortran, c = np.asfortranarray(A), np.ascontiguousarray(A)
        assert_array_equal(kv.vec(fortran, order=order), kv.vec(c, order=order))


def test_vech_takes_the_lower_triangle_column_by_column():
    a = np.arange(1, 10).reshape(3, 3)
    assert_array_equal(kv.vech(a), [1, 4, 7, 5, 8, 9])
    assert_array_equal(kv.vech(a, order="C"), [1, 4, 5, 7, 8, 9])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 6])
def test_unvech_inverts_vech_of_a_symmetric_matrix(order, n):
    a = random("float64", 2, n, n)
    a = a + a.swapaxes(-1, -2)
    assert_array_equal(kv.unvech(kv.vech(a, order=order), order=order), a)


def test_unvech_mirrors_the_lower_triangle():
    assert_array_equal(kv.unvech([1, 2, 3, 4, 5, 6]), S)


def test_unvech_hermitian_conjugates_the_upper_triangle():
    a = kv.unvech([1, 2 + 3j, 4], hermitian=True)
    assert_array_equal(a, [[1, 2 - 3j], [2 + 3j, 4]])
    assert_array_equal(a, a.conj().T)


@pytest.mark.parametrize("order", ORDERS)
def test_svec_keeps_the_inner_product(order):
    a, b = random("float64", 4, 4), random("float64", 4, 4, seed=1)
    a, b = a + a.T, b + b.T
    inner = kv.svec(a, order=order) @ kv.svec(b, order=order)
    assert_allclose(inner, np.trace(a @ b), rtol=1e-13)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble", "complex128"])
def test_smat_inverts_svec(order, dtype):
    a = random(dtype, 3, 4, 4)
    a = a + a.swapaxes(-1, -2)
    back = kv.smat(kv.svec(a, order=order), order=order)
    assert back.dtype == a.dtype
    assert_allclose(back, a, rtol=4 * np.finfo(dtype).eps)


def test_svec_of_integers_is_float64():
    assert kv.svec(S).dtype == np.float64
    assert_allclose(kv.svec(S), [1, 2 * 2**0.5, 3 * 2**0.5, 4, 5 * 2**0.5, 6])


def test_vec_reorder_changes_the_order_of_stacking():
    assert_array_equal(
        kv.vec_reorder([1, 4, 2, 5, 3, 6], (2, 3), source="F", target="C"), [1, 2, 3, 4, 5, 6]
    )
    assert_array_equal(
        kv.vec_reorder([1, 2, 3, 4, 5, 6], (2, 3), source="C", target="F"), [1, 4, 2, 5, 3, 6]
    )


def test_vec_reorder_is_the_commutation():
    v = random("float64", 12)
    reordered = kv.vec_reorder(v, (3, 4), source="F", target="C")
    assert_array_equal(reordered, kv.commutation_matmul(v, 3, 4))
