"""What the constructors and methods of operators refuse, and keys of every kind."""

import numpy as np
import pytest
import scipy.sparse

from helpers import random
from kronvec.operators import (
    Commutation,
    Dense,
    Diagonal,
    Identity,
    KroneckerProduct,
    KroneckerSum,
    Restriction,
    Sparse,
    SymmetricKronecker,
)
from operator_table import close

A, B = random("float64", 2, 2), random("float64", 3, 3, seed=1)
K, DENSE = KroneckerProduct(A, B), np.kron(A, B)

REFUSED = [
    (lambda: Dense(np.ones(3)), r"Dense: array must have two axes; got array \(3,\)"),
    (lambda: Diagonal(np.ones((2, 2))), r"Diagonal: d must be a vector; got d \(2, 2\)"),
    (lambda: Restriction([[0]], 3), r"Restriction: indices must be a vector; got .* \(1, 1\)"),
    (lambda: KroneckerSum(), "KroneckerSum: at least one factor is needed"),
    (lambda: KroneckerProduct(), "KroneckerProduct: at least one factor is needed"),
    (
        lambda: Sparse(scipy.sparse.coo_array(np.ones(3))),
        r"Sparse: matrix must have two axes, got shape \(3,\)",
    ),
    (lambda: SymmetricKronecker(A, B), r"SymmetricKronecker: a and b must have one shape"),
    (lambda: K.norm(3), r"KroneckerProduct.norm: ord must be one of .*, got 3"),
    (lambda: K.quadratic_form(np.ones((5, 2))), r"axis -2 of z must have length 6; got z \(5, 2\)"),
    (lambda: K.quadratic_form(np.ones(5)), r"axis -1 of z must have length 6; got z \(5,\)"),
    (lambda: K @ np.ones(5), r"axis -1 of x must have length 6; got x \(5,\)"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[m[:24] for _, m in REFUSED])
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_diagonals_that_are_not_hermitian_or_positive_say_so():
    with pytest.raises(np.linalg.LinAlgError, match=r"Diagonal.eigh: Diagonal\(1\) is not Herm"):
        Diagonal([1j]).eigh()
    for d in ([1.0, -1.0], [1.0, 0.0], [1j]):
        with pytest.raises(np.linalg.LinAlgError, match="Diagonal.cholesky: .* is not positive"):
            Diagonal(d).cholesky()


@pytest.mark.parametrize("matrix", [Sparse, Dense])
def test_rectangular_factors_have_no_eigenvalues(matrix):
    row = matrix(scipy.sparse.csr_array(np.ones((1, 2))) if matrix is Sparse else np.ones((1, 2)))
    square = KroneckerProduct(row, row.T)
    assert not square._is_hermitian()
    for method in (square.eigh, square.eig):
        with pytest.raises(ValueError, match="all factors of .* must be square"):
            method()


def test_a_singular_sparse_matrix_has_the_determinant_zero():
    singular = Sparse(scipy.sparse.csr_array(np.diag([1.0, 0])))
    assert singular.slogdet() == (0, -np.inf)
    assert singular.det() == 0


@pytest.mark.parametrize("columns", [[0, 2], [[0, 2], [1, 1]], [True, False] * 3])
@pytest.mark.parametrize("rows", [slice(1, 4), slice(None), slice(None, None, -2)])
def test_rows_of_a_slice_meet_every_column_of_an_array(rows, columns):
    columns = np.array(columns)
    assert np.array_equal(K[rows, columns], K.toarray()[rows, columns])


def test_the_norm_is_that_of_frobenius_unless_told():
    close(K.norm(None), np.linalg.norm(DENSE))


def test_multiples_by_powers_of_two_reach_factors_without_entries():
    for k in (KroneckerProduct(Commutation(2, 3), Identity(2)), SymmetricKronecker(A), K):
        scaled = k._times_power_of_two(3)
        close(scaled.toarray(), 8 * k.toarray())
        assert np.log2(np.abs(scaled.toarray()).max()) <= scaled._exponent() + 1


# ------------------------------------------------------------------------------ fractional powers

ROTATION = np.array([[0.0, -1], [1, 0]])


def test_real_roots_of_real_matrices_multiply_complex_vectors():
    """Eigenvalues come in conjugate pairs, and so do those of the root."""
    root = KroneckerProduct(ROTATION, [[2.0]]).sqrt()
    expected = np.array([[1.0, -1], [1, 1]])
    assert root.dtype == np.float64
    close(root.toarray(), expected)
    x = random("complex128", 2, 3)
    close(root @ x, expected @ x)
    close(x.T @ root, x.T @ expected)
    close(root.T.toarray(), expected.T)


def test_eigenvectors_that_make_a_singular_matrix_give_no_root(monkeypatch):
    """LAPACK's are seldom singular to the last bit; zero ones are."""
    k = Dense(np.array([[0.0, 1], [0, 0]]))
    same = Dense(np.ones((2, 2)))
    monkeypatch.setattr(Dense, "_eig", lambda self: (np.zeros(2), same))
    with pytest.raises(np.linalg.LinAlgError, match="has too few eigenvectors for p=0.5"):
        k.power(0.5)


def test_sparse_systems_without_right_sides_have_no_solutions_to_check():
    matrix = Sparse(scipy.sparse.eye_array(3, format="csr") * 2)
    assert matrix.solve(np.empty((0, 3, 2))).shape == (0, 3, 2)
    assert matrix.solve(np.empty((3, 0))).shape == (3, 0)
