"""Kronecker products between vechs and svecs: D⁺(A ⊗ A)D and its relatives, A ⊗ₛ B, N(A ⊗ A)."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import KERNEL_DTYPES, check, peak_of, random
from kronvec import _reference as reference

HALVES = ("duplication", "duplication_pinv", "elimination", "svec")
every_pair = pytest.mark.parametrize(
    "sides",
    [{"left": left, "right": right} for left, right in itertools.product(HALVES, HALVES)],
    ids=lambda sides: "-".join(sides.values()),
)
every_size = pytest.mark.parametrize("n", range(7))
SEED = st.integers(0, 2**32)


def triangle(n):
    return n * (n + 1) // 2


def symmetric(n, seed=0):
    a = random("float64", n, n, seed=seed)
    return a + a.T


def positive_definite(n, seed=0):
    a = random("float64", n, n, seed=seed)
    return a @ a.T + n * np.eye(n)


def close(got, expected):
    scale = np.abs(expected).max(initial=1)
    assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * scale)


# --------------------------------------------------------------------------------------
# Against the dense definition


@every_pair
@every_size
@pytest.mark.parametrize("given_b", [False, True], ids=["A", "A,B"])
def test_every_pair_of_sides_is_the_product_with_dense_matrices(sides, n, given_b):
    for dtype in (*KERNEL_DTYPES, "int64"):
        a, x = random(dtype, n, n), random(dtype, triangle(n), seed=2)
        b = (random(dtype, n, n, seed=1),) if given_b else ()
        check("vech_kron", a, *b, roundings=10, **sides)
        check("vech_kron_matvec", a, x, *b, roundings=2 * n + 10, **sides)


@pytest.mark.parametrize("n", [13, 30])
@pytest.mark.parametrize("given_b", [False, True], ids=["A", "A,B"])
def test_blocks_of_rows_meet(n, given_b):
    a, b = random("float64", n, n), random("float64", n, n, seed=1) if given_b else None
    formed = kv.vech_kron(a, b, left="duplication", right="duplication")
    d = reference.duplication_matrix(n)
    close(formed, d.T @ np.kron(a, a if b is None else b) @ d)


def test_a_factor_given_twice_is_the_factor_given_once():
    a = random("float64", 5, 5)
    for left, right in itertools.product(HALVES, HALVES):
        sides = {"left": left, "right": right}
        close(kv.vech_kron(a, a, **sides), kv.vech_kron(a, **sides))
    close(kv.symmetric_kron(a, a), kv.symmetric_kron(a))
    close(kv.symmetrizer_kron(a, a), kv.symmetrizer_kron(a))


def test_integers_stay_integers_where_no_half_occurs():
    a = random("int64", 3, 3)
    for left, right in itertools.product(HALVES, HALVES):
        whole = {left, right} <= {"duplication", "elimination"}
        kind = "i" if whole else "f"
        assert kv.vech_kron(a, left=left, right=right).dtype.kind == kind
        assert kv.vech_kron_matvec(a, a[0, [0] * 6], left=left, right=right).dtype.kind == kind
    assert kv.vech_kron(a.astype("float32")).dtype == np.float32


def test_batches_broadcast():
    a, b, x = random("float64", 4, 1, 3, 3), random("float64", 5, 3, 3), random("float64", 5, 6)
    formed, applied = kv.vech_kron(a, b), kv.vech_kron_matvec(a, x, b)
    assert formed.shape == (4, 5, 6, 6) and applied.shape == (4, 5, 6)
    for i, j in itertools.product(range(4), range(5)):
        close(formed[i, j], kv.vech_kron(a[i, 0], b[j]))
        close(applied[i, j], kv.vech_kron_matvec(a[i, 0], x[j], b[j]))


# --------------------------------------------------------------------------------------
# What they are for


@given(st.integers(0, 8), SEED)
def test_vech_kron_is_the_congruence_of_a_symmetric_matrix(n, seed):
    a, s = random("float64", n, n, seed=seed), symmetric(n, seed + 1)
    close(kv.vech_kron(a) @ kv.vech(s), kv.vech(a @ s @ a.T))
    close(kv.vech_kron_matvec(a, kv.vech(s)), kv.vech(a @ s @ a.T))


@given(st.integers(1, 6), SEED)
def test_vech_kron_is_multiplicative(n, seed):
    a, b = random("float64", n, n, seed=seed), random("float64", n, n, seed=seed + 1)
    close(kv.vech_kron(a) @ kv.vech_kron(b), kv.vech_kron(a @ b))


@pytest.mark.parametrize("n", range(1, 7))
def test_the_inverse_of_the_covariance_is_the_information(n):
    """[D⁺(Σ ⊗ Σ)D⁺ᵀ]⁻¹ = Dᵀ(Σ⁻¹ ⊗ Σ⁻¹)D."""
    sigma = positive_definite(n)
    covariance = kv.vech_kron(sigma, left="duplication_pinv", right="duplication_pinv")
    inverse = np.linalg.inv(sigma)
    information = kv.vech_kron(inverse, left="duplication", right="duplication")
    close(covariance @ information, np.eye(triangle(n)))


@pytest.mark.parametrize("n", range(1, 7))
def test_the_determinant_is_a_power(n):
    a = positive_definite(n)
    sign, log = np.linalg.slogdet(kv.vech_kron(a))
    assert sign == 1
    assert_allclose(log, (n + 1) * np.linalg.slogdet(a)[1])


@pytest.mark.parametrize("n", range(1, 6))
def test_eigenvalues_are_products_of_eigenvalues(n):
    a = positive_definite(n)
    w = np.linalg.eigvalsh(a)
    products = sorted(w[i] * w[j] for i in range(n) for j in range(i + 1))
    assert_allclose(np.linalg.eigvalsh(kv.symmetric_kron(a)), products)


@pytest.mark.parametrize("n", range(1, 5))
def test_the_derivative_of_a_cholesky_product(n):
    """∂ vech(C Cᵀ) / ∂ vech(C) = 2 D⁺(C ⊗ I)Lᵀ for lower triangular C."""
    c = np.tril(random("float64", n, n))
    jacobian = 2 * kv.vech_kron(c, np.eye(n), left="duplication_pinv", right="elimination")
    for k in range(triangle(n)):
        step = np.tril(kv.unvech(np.eye(triangle(n))[k]))
        close(jacobian[:, k], kv.vech(step @ c.T + c @ step.T))


@given(st.integers(0, 7), SEED)
def test_symmetric_kron_averages_the_two_congruences(n, seed):
    a, b = random("float64", n, n, seed=seed), random("float64", n, n, seed=seed + 1)
    s = symmetric(n, seed + 2)
    expected = kv.svec((b @ s @ a.T + a @ s @ b.T) / 2)
    close(kv.symmetric_kron(a, b) @ kv.svec(s), expected)
    close(kv.symmetric_kron_matvec(a, kv.svec(s), b), expected)
    close(kv.symmetric_kron(a, b), kv.symmetric_kron(b, a))
    close(kv.symmetric_kron(a, b).T, kv.symmetric_kron(a.T, b.T))


@every_size
def test_svec_sides_are_orthonormal(n):
    close(kv.symmetric_kron(np.eye(n)), np.eye(triangle(n)))


@given(st.integers(0, 5), SEED)
def test_the_symmetrizer_commutes_with_a_kronecker_square(n, seed):
    a, x = random("float64", n, n, seed=seed), random("float64", n * n, seed=seed + 1)
    square, s = np.kron(a, a), reference.symmetrizer_matrix(n)
    for product in (s @ square, square @ s, s @ square @ s):
        close(kv.symmetrizer_kron(a), product)
        close(kv.symmetrizer_kron_matvec(a, x), product @ x)


# --------------------------------------------------------------------------------------
# Memory, values at the borders, errors


def test_nothing_of_n_to_the_fourth_is_held_beside_the_result():
    a = random("float64", 30, 30)
    peak, result = peak_of(kv.vech_kron, a)
    assert peak <= result.nbytes + 8 * 30 * triangle(30) * 8 + 2**19


def test_a_product_with_a_vector_forms_nothing():
    n = 150  # the formed matrix takes a gigabyte
    a, x = random("float64", n, n), random("float64", triangle(n))
    peak, _ = peak_of(kv.vech_kron_matvec, a, x)
    assert peak <= 8 * n * n * 8 + 2**16


@pytest.mark.parametrize("given_b", [False, True], ids=["A", "A,B"])
def test_an_infinite_entry_is_infinite_where_it_occurs_and_nowhere_else(given_b):
    a = np.ones((3, 3))
    a[0, 0] = np.inf
    b = a.copy() if given_b else None
    got = kv.vech_kron(a, b, left="duplication", right="duplication")
    # of the rows and columns (i, j), (k, l) those that hold a[0, 0]: 0 in both
    has_zero = np.array([True, True, True, False, False, False])
    assert_array_equal(np.isinf(got), np.logical_and.outer(has_zero, has_zero))
    assert not np.isnan(got).any()


@pytest.mark.parametrize("name", ["vech_kron", "vech_kron_matvec"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("wrong", ["D", None, 3, "symmetrizer"])
def test_unknown_sides_are_named(name, side, wrong):
    args = (np.eye(2),) if name == "vech_kron" else (np.eye(2), np.ones(3))
    with pytest.raises(ValueError) as caught:
        getattr(kv, name)(*args, **{side: wrong})
    for fragment in (name, side, repr(wrong), "duplication_pinv"):
        assert fragment in str(caught.value)


def test_masks_are_refused():
    masked = np.ma.array(np.eye(2), mask=np.eye(2))
    for call in (kv.vech_kron, kv.symmetric_kron, kv.operators.SymmetricKronecker):
        with pytest.raises(TypeError, match="masked"):
            call(masked)


# --------------------------------------------------------------------------------------
# The operator


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("given_b", [False, True], ids=["A", "A,B"])
@every_size
def test_the_operator_is_the_formed_matrix(dtype, given_b, n):
    a = random(dtype, n, n)
    b = random(dtype, n, n, seed=1) if given_b else None
    operator, dense = kv.operators.SymmetricKronecker(a, b), kv.symmetric_kron(a, b)
    size = triangle(n)
    assert operator.shape == dense.shape and operator.dtype == dense.dtype
    assert_array_equal(np.asarray(operator), dense)
    for x in (random(dtype, size), random(dtype, size, 2), random(dtype, 3, size, 2)):
        close(operator @ x, dense @ x)
    for x in (random(dtype, size), random(dtype, 2, size), random(dtype, 3, 2, size)):
        close(x @ operator, x @ dense)
    close(operator.T.toarray(), dense.T)
    close(operator.H.toarray(), dense.conj().T)
    close(operator.conj().toarray(), dense.conj())
    assert isinstance(operator.T, kv.operators.SymmetricKronecker)


def test_the_operator_solves_with_scipy():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    a, s = positive_definite(6), symmetric(6)
    operator = kv.operators.SymmetricKronecker(a)
    x, info = linalg.cg(operator, kv.svec(a @ s @ a.T), rtol=1e-13, maxiter=500)
    assert info == 0
    assert_allclose(kv.smat(x), s, rtol=1e-8, atol=1e-8)


def test_the_operator_refuses_what_is_not_one_square_matrix():
    for args in [(np.ones((2, 3)),), (np.ones((2, 2, 2)),), (np.eye(2), np.eye(3)), (np.ones(4),)]:
        with pytest.raises(ValueError, match="SymmetricKronecker"):
            kv.operators.SymmetricKronecker(*args)
    with pytest.raises(TypeError, match="numbers"):
        kv.operators.SymmetricKronecker(np.array([["a"]]))
