"""Decompositions, powers and norms of operators against NumPy on the dense matrix."""

import numpy as np
import pytest
import scipy.linalg

from helpers import KERNEL_DTYPES
from kronvec.operators import (
    Diagonal,
    Identity,
    KroneckerProduct,
    KroneckerSum,
)
from operator_table import (
    NAMES,
    SQUARE,
    case,
    close,
    positive,
    regular,
    tolerance,
)

every_operator = pytest.mark.parametrize("name", NAMES)
every_square = pytest.mark.parametrize("name", SQUARE)
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


# ---------------------------------------------------------------------------------- decompositions


def hermitian(dense):
    return np.allclose(dense, dense.conj().T)


@every_dtype
@every_square
def test_eigenvectors_of_hermitian_operators(name, dtype):
    operator, dense = case(name, dtype)
    if name == "Empty":
        pytest.skip("whose factors are not Hermitian")
    if not hermitian(dense):
        with pytest.raises((np.linalg.LinAlgError, ValueError)):
            operator.eigh()
        return
    w, v = operator.eigh()
    assert w.dtype.kind == "f"
    close(np.sort(w), np.linalg.eigvalsh(dense), 10)
    close((v @ Diagonal(w) @ v.H).toarray(), dense, 10)
    close((v.H @ v).toarray(), np.eye(len(dense)), 10)


@every_dtype
@every_square
def test_eigenvectors_of_any_square_operator(name, dtype):
    operator, dense = case(name, dtype)
    if name == "Product rectangular, square in all":
        with pytest.raises(ValueError, match="must be square"):
            operator.eig()
        return
    w, v = operator.eig()
    close(dense @ v.toarray(), v.toarray() * w, 100)
    if dense.size:
        assert len(w) == len(dense)
        np.testing.assert_allclose(w.sum(), np.trace(dense), rtol=1e-3)


@every_dtype
@every_operator
def test_singular_value_decompositions(name, dtype):
    operator, dense = case(name, dtype)
    u, s, vh = operator.svd()
    close((u @ Diagonal(s) @ vh).toarray(), dense, 10)
    close((u.H @ u).toarray(), np.eye(len(s)), 10)
    close((vh @ vh.H).toarray(), np.eye(len(s)), 10)
    expected = np.linalg.svd(dense, compute_uv=False)
    close(np.sort(s)[::-1], expected[: len(s)], 10)
    assert np.abs(expected[len(s) :]).max(initial=0) <= 1e-4


@every_dtype
@every_square
def test_cholesky_factors(name, dtype):
    operator, dense = case(name, dtype)
    try:
        expected = np.linalg.cholesky(dense) if hermitian(dense) else None
    except np.linalg.LinAlgError:
        expected = None
    if expected is None:
        with pytest.raises((np.linalg.LinAlgError, ValueError)):
            operator.cholesky()
        return
    close(operator.cholesky().toarray(), expected, 10)


def test_cholesky_of_two_negative_factors():
    p, q = positive("float64", 3), positive("float64", 2)
    close(KroneckerProduct(-p, -q).cholesky().toarray(), np.linalg.cholesky(np.kron(p, q)), 10)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        KroneckerProduct(-p, q).cholesky()
    with pytest.raises(np.linalg.LinAlgError, match="factor 1"):
        KroneckerProduct(p, np.diag([1.0, -1.0])).cholesky()


@every_dtype
@every_operator
def test_qr_factors(name, dtype):
    operator, dense = case(name, dtype)
    q, r = operator.qr()
    close((q @ r).toarray(), dense, 10)
    close((q.H @ q).toarray(), np.eye(q.shape[1]), 10)
    if all(f.shape[0] >= f.shape[1] for f in getattr(operator, "factors", ())):
        close(np.tril(r.toarray(), -1), 0 * r.toarray())


@every_square
@pytest.mark.parametrize("p", [0, 1, 2, 3, -1, -2])
def test_integer_powers(name, p):
    operator, dense = case(name)
    if p < 0 and not regular(dense):
        with pytest.raises(np.linalg.LinAlgError):
            (operator**p).toarray()
        return
    expected = np.linalg.matrix_power(dense, p)
    size = np.abs(expected).max(initial=1)
    assert np.abs((operator**p).toarray() - expected).max(initial=0) <= 10 * tolerance(dense) * size


@every_square
@pytest.mark.parametrize("p", [0.5, 1.5, -0.5, 1 / 3])
def test_fractional_powers_are_principal(name, p):
    operator, dense = case(name)
    if name in ("Product rectangular, square in all", "Product of moves") or "Commut" in name:
        return
    w = np.linalg.eigvals(dense) if dense.size else np.ones(0)
    if not regular(dense) or (abs(w.imag[w.real < 0]) < 1e-9).any():
        return  # on the cut of the logarithm: another test
    expected = scipy.linalg.fractional_matrix_power(dense, p) if dense.size else dense
    close(operator.power(p).toarray(), expected, 1e3)


def test_powers_are_of_the_whole_not_of_the_factors():
    a, b = -np.eye(2), np.array([[-4.0, 0.0], [0.0, -9.0]])
    k = KroneckerProduct(a, b)
    close(k.sqrt().toarray(), np.diag([2.0, 3, 2, 3]))
    rotation = np.array([[0.0, -1], [1, 0]])
    turned = KroneckerProduct(rotation, rotation + np.eye(2))
    expected = scipy.linalg.sqrtm(np.kron(rotation, rotation + np.eye(2)))
    close(turned.sqrt().toarray(), expected, 10)
    close((turned.sqrt() @ turned.sqrt()).toarray(), turned.toarray(), 10)


def test_powers_of_negative_eigenvalues_are_complex():
    close(Diagonal([-4.0, 1]).sqrt().toarray(), np.diag([2j, 1]))
    close(KroneckerProduct([[-4.0]], [[1.0]]).sqrt().toarray(), [[2j]])


def test_negative_eigenvalues_are_above_the_cut_also_as_products():
    turn = np.array([[0.0, -1], [1, 0]])  # eigenvalues ±i, so that one product is -1 - 0i
    root = KroneckerProduct(turn, turn).sqrt().toarray()
    close(root, scipy.linalg.sqrtm(np.kron(turn, turn)), 10)


@pytest.mark.parametrize("p", [1j, np.nan, np.inf])
def test_exponents_are_real_and_finite(p):
    with pytest.raises(ValueError, match="real and finite"):
        Diagonal([1.0, 2.0]).power(p)


def test_powers_that_do_not_exist():
    with pytest.raises(np.linalg.LinAlgError, match="too few eigenvectors"):
        KroneckerProduct([[1.0, 1], [0, 1]], [[1.0]]).power(0.5)
    with pytest.raises(np.linalg.LinAlgError):
        KroneckerProduct([[0.0]], [[1.0]]).power(-0.5)
    with pytest.raises(ValueError, match="square"):
        KroneckerProduct(np.ones((1, 2))).power(2)
    with pytest.raises(TypeError, match="p must be a number"):
        Diagonal([1.0]).power("2")


@every_operator
@pytest.mark.parametrize("order", ["fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf])
def test_norms(name, order):
    operator, dense = case(name)
    if not dense.size:
        assert operator.norm() == 0
        return
    close(operator.norm(order), np.linalg.norm(dense, order), 100)


@every_square
@pytest.mark.parametrize("p", [None, 2, -2, 1, np.inf, "fro"])
def test_condition_numbers(name, p):
    operator, dense = case(name)
    if not dense.size:
        return
    got, expected = operator.cond(p), np.linalg.cond(dense, p)
    if not regular(dense):
        assert got > 1e14 or p == -2
        return
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@every_operator
def test_ranks(name):
    operator, dense = case(name)
    assert operator.rank() == (np.linalg.matrix_rank(dense) if dense.size else 0)


def test_samples_have_the_covariance():
    operator, dense = case("Product Hermitian")
    samples = operator.sample(200_000, rng=1)
    assert samples.shape == (200_000, 12)
    np.testing.assert_allclose(np.cov(samples.T), dense, atol=0.03 * np.abs(dense).max())
    assert operator.sample(rng=1).shape == (12,)
    singular = KroneckerProduct(np.ones((2, 2)), np.eye(2))
    x = singular.sample(5, rng=2)
    np.testing.assert_allclose(x[:, :2], x[:, 2:], atol=1e-7)
    with pytest.raises(np.linalg.LinAlgError, match="positive semidefinite"):
        KroneckerProduct(-np.eye(2), np.eye(2)).sample()


def test_complex_samples():
    operator, dense = case("Product Hermitian", "complex128")
    x = operator.sample(200_000, rng=1)
    np.testing.assert_allclose(x.T @ x.conj() / len(x), dense, atol=0.03 * np.abs(dense).max())


# ------------------------------------------------------------------ by eigenvalues, not formed


def path_laplacian(n):
    a = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    a[0, 0] = a[-1, -1] = 1
    return a


def test_a_singular_sum_of_many_entries_has_least_squares_solutions():
    laplacian = KroneckerSum(*[path_laplacian(n) for n in (20, 21, 22)])
    n = laplacian.shape[0]
    b = np.arange(n) - (n - 1) / 2  # orthogonal to the constants, which the Laplacian annuls
    x = laplacian.lstsq(b)
    assert abs(laplacian @ x - b).max() <= 1e-10 * n
    assert abs(x.mean()) <= 1e-10 * n
    assert laplacian.rank() == n - 1


@pytest.mark.parametrize("name", ["Shifted Hermitian", "Sum Hermitian"])
def test_what_eigenvalues_tell_is_not_formed(name, monkeypatch):
    operator, dense = case(name)
    monkeypatch.setattr(type(operator), "toarray", None)
    u, s, vh = operator.svd()
    close(np.sort(s), np.sort(np.linalg.svd(dense, compute_uv=False)), 10)
    close(u @ (s[:, None] * (vh @ np.eye(len(dense)))), dense, 10)
    close(operator.pinv() @ np.eye(len(dense)), np.linalg.pinv(dense), 10)
    for order in ("fro", "nuc", 2, -2):
        close(operator.norm(order), np.linalg.norm(dense, order), 10)
    assert operator.rank() == len(dense)


def test_frobenius_norms_of_large_sums_do_not_cancel():
    a = np.diag([1.0, 1 + 1e-9])
    assert np.isclose(KroneckerSum(a, -np.eye(2)).norm(), np.sqrt(2) * 1e-9, rtol=1e-6)
    rng = np.random.default_rng(0)
    factors = [rng.standard_normal((n, n)) for n in (40, 40, 40)]
    assert KroneckerSum(*factors).norm() > 0
    small = KroneckerSum(*(f[:4, :4] for f in factors))
    close(small.norm(), np.linalg.norm(small.toarray()))


def test_norms_of_an_empty_identity_are_zero():
    assert [Identity(0).norm(order) for order in ("fro", "nuc", 2, 1, np.inf)] == [0] * 5
