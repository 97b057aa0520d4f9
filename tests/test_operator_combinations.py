"""Scalings, sums, products and inverses of operators where no closed form applies."""

import numpy as np
import pytest

import kronvec as kv
from helpers import random
from kronvec.operators import (
    Commutation,
    Dense,
    Diagonal,
    Identity,
    KroneckerProduct,
    KroneckerSum,
    Operator,
    Product,
    Scaled,
    Sum,
    Triangular,
)
from operator_table import close, positive, well_conditioned

A, B = well_conditioned("float64", 3), well_conditioned("float64", 2, 1)
K = KroneckerProduct(A, B)
DENSE = np.kron(A, B)
WIDE = random("float64", 2, 3)


# -------------------------------------------------------------------------------------- scalings


def test_an_imaginary_multiple_of_a_skew_hermitian_matrix_is_hermitian():
    """i (S ⊗ I) for a real S = -Sᵀ, as σ_y = i [[0, -1], [1, 0]]."""
    skew = KroneckerProduct([[0.0, -1], [1, 0]], np.diag([1.0, 2]))
    k = 1j * skew
    w, v = k.eigh()
    close(np.sort(w), [-2.0, -1, 1, 2])
    close((v @ Diagonal(w) @ v.H).toarray(), 1j * skew.toarray())
    p = positive("complex128", 2)
    turned = Scaled(-1j, KroneckerProduct(1j * p, np.eye(2)))
    close(turned.cholesky().toarray(), np.linalg.cholesky(np.kron(p, np.eye(2))))


def test_an_imaginary_multiple_of_a_hermitian_matrix_is_not():
    k = 1j * KroneckerProduct(positive("float64", 2), np.eye(2))
    for method in (k.eigh, k.cholesky):
        with pytest.raises(np.linalg.LinAlgError, match="not Hermitian"):
            method()


def test_zero_times_a_matrix_has_zeros_for_its_pseudoinverse():
    zero = 0 * KroneckerProduct(WIDE, np.ones((1, 2)))
    assert zero.pinv().shape == (6, 2)
    assert not zero.pinv().toarray().any()
    assert not zero.lstsq(np.ones(2)).any()


def test_powers_of_negative_multiples_are_principal():
    k = -2 * KroneckerProduct(np.diag([1.0, 4]), np.eye(2))
    close(k.power(0.5).toarray(), np.diag(1j * np.sqrt([2, 2, 8, 8])))


def test_integers_scale_within_their_range():
    a = np.array([[1, 2], [3, 4]], np.int8)
    k = 100 * KroneckerProduct(a, np.ones((1, 1), np.int8))
    assert k.dtype == np.int8
    with pytest.raises(OverflowError, match="200 is no int8"):
        200 * KroneckerProduct(a, a)


# ------------------------------------------------------------------------------ sums and products


def test_terms_of_unlike_shapes_are_named():
    with pytest.raises(ValueError, match=r"operator sum: .*term_0 \(2, 2\), term_1 \(3, 3\)"):
        Sum(Identity(2), Identity(3))
    with pytest.raises(ValueError, match=r"operator product: .*left \(6, 6\), right \(5, 5\)"):
        Product(K, Identity(5))


def test_a_product_of_rectangles_is_solved_as_a_whole():
    outer = KroneckerProduct(WIDE, np.eye(2))
    k = outer @ Diagonal(np.arange(1.0, 7)) @ outer.T
    dense = outer.toarray() @ np.diag(np.arange(1.0, 7)) @ outer.toarray().T
    b = random("float64", 4, 2)
    close(k.solve(b), np.linalg.solve(dense, b), 100)
    close(k.inv() @ b, np.linalg.solve(dense, b), 100)
    np.testing.assert_allclose(k.slogdet(), np.linalg.slogdet(dense), rtol=1e-12)


def test_a_shifted_product_of_rectangles_is_regular_though_the_product_is_not():
    """A ⊗ B + c I for A (2, 3), B (3, 2): no closed form, so it is treated as a whole."""
    a, b = random("float64", 2, 3), random("float64", 3, 2, seed=1)
    k = KroneckerProduct(a, b) + 50 * Identity(6)
    dense, x = np.kron(a, b) + 50 * np.eye(6), random("float64", 6, 2)
    close(k.solve(x), np.linalg.solve(dense, x))
    close(k.inv() @ x, np.linalg.solve(dense, x))
    np.testing.assert_allclose(k.slogdet(), np.linalg.slogdet(dense), rtol=1e-13)
    w, v = k.eig()
    close(v.toarray() * w, dense @ v.toarray(), 10)
    np.testing.assert_allclose(w.sum(), np.trace(dense))


def test_two_indefinite_products_are_solved_as_a_whole():
    indefinite = np.diag([1.0, -1])
    k = KroneckerProduct(indefinite, np.eye(2)) + KroneckerProduct(
        [[0.0, 1], [1, 0]], np.diag([3.0, -5])
    )
    b = random("float64", 4)
    close(k.solve(b), np.linalg.solve(k.toarray(), b))
    close(np.sort(k.eigh()[0]), np.linalg.eigvalsh(k.toarray()))


def test_commutations_that_do_not_fit_the_split_stay():
    """A (3, 3), B (2, 2): K_{2,3} (A ⊗ B) K_{3,2} = B ⊗ A, and no other pair of them."""
    for left, right in (
        (Commutation(2, 3), Commutation(2, 3)),
        (Commutation(6, 1), Commutation(2, 3)),
    ):
        k = left @ K @ right
        close(k.toarray(), left.toarray() @ DENSE @ right.toarray())


def test_factors_of_a_longer_product_commute_at_the_split_that_fits():
    c = well_conditioned("float64", 5, 2)
    k = Commutation(5, 6) @ KroneckerProduct(A, B, c) @ Commutation(6, 5)
    assert isinstance(k, KroneckerProduct)
    close(k.toarray(), np.kron(c, DENSE))


def test_numbers_that_come_out_of_a_product_are_kept():
    """(K 2)⁻¹ beside K: the scale of what merges in the middle of a chain."""
    k = KroneckerProduct(2 * Commutation(2, 3), B) @ KroneckerProduct(Commutation(3, 2), B)
    close(k.toarray(), 2 * np.kron(np.eye(6), B @ B))


def test_a_scale_may_be_an_array_of_no_axes():
    close((np.array(2.0) * K).toarray(), 2 * DENSE)
    close((K * np.array(2.0)).toarray(), 2 * DENSE)


# -------------------------------------------------------------------------------------- inverses


def test_eigenvectors_of_an_inverse_are_those_of_the_matrix():
    p, q = positive("float64", 3), positive("float64", 2)
    k = KroneckerSum(p, q)
    w, v = k.inv().eigh()
    close(v.toarray() * w, np.linalg.solve(k.toarray(), v.toarray()), 10)


def test_an_inverse_of_a_singular_matrix_has_no_determinant():
    singular = KroneckerSum([[1.0, 1], [0, -1]], [[1.0, 1], [0, 2]])
    with pytest.raises(np.linalg.LinAlgError, match=r"KroneckerSum.* is singular"):
        singular.inv().slogdet()


@pytest.mark.parametrize("columns", [0, 2])
def test_systems_without_entries_have_solutions_without_entries(columns):
    empty = KroneckerProduct(np.zeros((0, 0)), [[1.0, 1], [0, 1]]) + 2 * Identity(0)
    assert empty.solve(np.zeros((0, columns))).shape == (0, columns)
    general = KroneckerProduct(A, B) + 2 * Identity(6)
    assert general.solve(np.zeros((6, 0))).shape == (6, 0)
    assert general.inv() @ np.zeros((6, 0)) is not None


# ------------------------------------------------------------------------- factors and products


def test_factors_that_grow_x_come_last():
    """The factors of structure that have more rows than columns, beside dense ones."""
    from kronvec.operators import Duplication, Elimination

    for factors in (
        (Duplication(2), B, Elimination(2)),
        (B, Duplication(3)),
        (Duplication(2),) * 2,
    ):
        k = KroneckerProduct(*factors)
        dense = np.ones((1, 1))
        for f in factors:
            dense = np.kron(dense, f.toarray() if isinstance(f, Operator) else f)
        x = random("float64", k.shape[1], 3)
        close(k @ x, dense @ x)


def test_products_of_moves_alone_are_scaled_by_powers_of_two():
    """A Kronecker product of a huge and a tiny factor, one of which has no entries of its own."""
    k = KroneckerProduct(KroneckerProduct(Commutation(2, 2), Identity(2)), 1e-200 * np.eye(2))
    close(k.solve(1e-200 * np.ones(16)), np.ones(16))


def test_powers_of_integers_are_those_of_objects():
    a = np.array([[2, 1], [1, 1]], object)
    k = KroneckerProduct(a, a)
    assert ((k**3).toarray() == np.linalg.matrix_power(np.kron(a, a), 3)).all()


def test_congruent_matrices_are_seen_to_be_hermitian(monkeypatch):
    """W K Wᵀ reads the same backwards, W K Vᵀ does not."""
    k = KroneckerProduct(positive("float64", 3), positive("float64", 2))
    wide, other = random("float64", 4, 6), random("float64", 4, 6, seed=1)
    congruent = Dense(wide) @ k @ Dense(wide.T)
    w, v = congruent.eigh()
    close(v.toarray() * w, congruent.toarray() @ v.toarray(), 10)
    with pytest.raises(np.linalg.LinAlgError, match="not Hermitian"):
        (Dense(wide) @ k @ Dense(other.T)).eigh()
    monkeypatch.setattr(Product, "toarray", None)
    assert congruent._is_hermitian()


def test_a_number_in_the_middle_of_a_chain_comes_to_its_front():
    chain = Product(Commutation(2, 3), Scaled(2, K)) @ Identity(6)
    assert isinstance(chain, Scaled)
    close(chain.toarray(), 2 * Commutation(2, 3).toarray() @ DENSE)


def test_sums_with_a_term_that_is_no_product_are_approximated_as_dense_ones():
    k = KroneckerProduct(A, B) + Commutation(2, 3) @ Diagonal(np.arange(6.0))
    for got, expected in zip(
        kv.nearest_kron(k, (3, 3), (2, 2)),
        kv.nearest_kron(k.toarray(), (3, 3), (2, 2)),
        strict=True,
    ):
        close(got, expected, 10)


def test_triangular_systems_without_entries_have_solutions_without_entries():
    assert Triangular(np.zeros((0, 0))).solve(np.zeros((0, 2))).shape == (0, 2)
