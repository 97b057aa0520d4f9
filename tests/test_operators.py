"""Every operator against its dense matrix: as a matrix, as a factor, for SciPy, for NumPy."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse.linalg

from helpers import KERNEL_DTYPES, random
from kronvec.operators import (
    Commutation,
    Dense,
    Diagonal,
    Duplication,
    DuplicationPinv,
    Elimination,
    Identity,
    KroneckerProduct,
    KroneckerSum,
    Restriction,
    Sparse,
    SymmetricKronecker,
    Symmetrizer,
    Triangular,
)
from operator_table import (
    NAMES,
    SQUARE,
    case,
    close,
)

every_operator = pytest.mark.parametrize("name", NAMES)
every_square = pytest.mark.parametrize("name", SQUARE)
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


# --------------------------------------------------------------------------------- as a matrix


@every_dtype
@every_operator
def test_products_are_those_of_the_dense_matrix(name, dtype):
    operator, dense = case(name, dtype)
    rows, columns = dense.shape
    assert operator.shape == dense.shape
    close(operator.toarray(), dense)
    for x in (random(dtype, columns), random(dtype, columns, 3), random(dtype, 2, columns, 3)):
        close(operator @ x, dense @ x)
    for x in (random(dtype, rows), random(dtype, 3, rows), random(dtype, 2, 3, rows)):
        close(x @ operator, x @ dense)


@every_dtype
@every_operator
def test_products_keep_the_precision_of_their_operands(name, dtype):
    operator, dense = case(name, dtype)
    x = random(dtype, dense.shape[1])
    assert (operator @ x).dtype == dtype
    assert operator.toarray().dtype == operator.dtype


@every_dtype
@every_operator
def test_transposes_adjoints_and_conjugates(name, dtype):
    operator, dense = case(name, dtype)
    close(operator.T.toarray(), dense.T)
    close(operator.H.toarray(), dense.conj().T)
    close(operator.conj().toarray(), dense.conj())
    x = random(dtype, dense.shape[0], 2)
    close(operator.T @ x, dense.T @ x)
    close(operator.rmatmat(x), dense.conj().T @ x)


@every_dtype
@every_operator
def test_the_sparse_matrix_is_the_same(name, dtype):
    operator, dense = case(name, dtype)
    close(operator.tocsr().toarray(), dense)
    assert operator.tocsr().dtype == operator.dtype
    wider = np.result_type(operator.dtype, "complex128")
    assert operator.tocsr(wider).dtype == wider
    close(operator.tocsr(wider).toarray(), dense)


@every_operator
def test_entries_rows_and_columns(name):
    operator, dense = case(name)
    rows, columns = dense.shape
    if not dense.size:
        pytest.skip("no entries")
    close(operator[rows - 1, 0], dense[rows - 1, 0])
    close(operator[-1], dense[-1])
    close(operator[:, 1], dense[:, 1])
    close(operator[:], dense)
    close(operator[::-1, 0:2], dense[::-1, 0:2])
    close(operator[1:2], dense[1:2])
    close(operator[[0, 1, 1]], dense[[0, 1, 1]])
    close(operator[[0, 1], [1, -1]], dense[[0, 1], [1, -1]])
    close(operator[np.arange(rows) == 1, 0], dense[np.arange(rows) == 1, 0])
    close(operator[np.ix_([1, 0], [0, 1, 1])], dense[np.ix_([1, 0], [0, 1, 1])])
    close(operator[0, [1, 0]], dense[0, [1, 0]])
    assert isinstance(operator[0, 0], np.generic)


@pytest.mark.parametrize("key", [(0, 0, 0), None, ..., 12, (0, -13), 1.5, "a", True, [True]])
def test_keys_that_do_not_fit_are_refused(key):
    with pytest.raises(IndexError):
        case("Product of two")[0][key]


@every_operator
def test_copies_and_pickles(name):
    operator, dense = case(name)
    for other in (
        copy.copy(operator),
        copy.deepcopy(operator),
        pickle.loads(pickle.dumps(operator)),
    ):
        close(other.toarray(), dense)
        assert repr(other) == repr(operator)


@every_operator
def test_scipy_takes_it_as_it_is(name):
    operator, dense = case(name)
    linear = scipy.sparse.linalg.aslinearoperator(operator)
    x = random("float64", dense.shape[1])
    close(linear @ x, dense @ x)
    close(linear.H @ random("float64", dense.shape[0]), dense.T @ random("float64", dense.shape[0]))


def test_scipys_solvers():
    operator, dense = case("Shifted Hermitian")
    b = random("float64", 12)
    for solver in (scipy.sparse.linalg.cg, scipy.sparse.linalg.gmres, scipy.sparse.linalg.minres):
        x, info = solver(operator, b, rtol=1e-12)
        assert info == 0
        np.testing.assert_allclose(x, np.linalg.solve(dense, b), rtol=1e-8)
    np.testing.assert_allclose(
        scipy.sparse.linalg.lsqr(operator, b, atol=1e-13, btol=1e-13)[0],
        np.linalg.solve(dense, b),
        rtol=1e-7,
    )
    w = scipy.sparse.linalg.eigsh(operator, 3, return_eigenvectors=False)
    np.testing.assert_allclose(np.sort(w), np.linalg.eigvalsh(dense)[-3:])
    s = scipy.sparse.linalg.svds(operator, 3, return_singular_vectors=False)
    np.testing.assert_allclose(np.sort(s), np.linalg.svd(dense)[1][2::-1])


def test_numpys_functions_see_it():
    operator, dense = case("Product of two")
    x = random("float64", 12)
    close(np.dot(operator, x), dense @ x)
    close(np.linalg.norm(operator), np.linalg.norm(dense))
    close(np.asarray(operator), dense)
    close(np.trace(operator), np.trace(dense))
    lazy = np.kron(operator, np.eye(2))
    assert isinstance(lazy, KroneckerProduct)
    close(lazy.toarray(), np.kron(dense, np.eye(2)))


def test_reprs_show_the_structure():
    a = np.ones((2, 3))
    shown = repr(KroneckerProduct(a, Identity(2), [1.0, 2.0]))
    assert shown == "KroneckerProduct(Dense(2, 3), Identity(2), Diagonal(2))"
    assert repr(2 * KroneckerProduct(a)) == "2 * KroneckerProduct(Dense(2, 3))"
    total = KroneckerProduct(a, a) + KroneckerProduct(-a, a[:1].repeat(2, 0))
    assert repr(total) == " + ".join(["KroneckerProduct(Dense(2, 3), Dense(2, 3))"] * 2)
    restricted = Restriction([0], 2) @ KroneckerSum([1.0], [[1.0, 1], [1, 1]])
    assert repr(restricted) == "Restriction(1 of 2) @ KroneckerSum(Diagonal(1), Dense(2, 2))"


# ----------------------------------------------------------------------------- simplifications

A, B, C, D = (random("float64", 3, 3, seed=i) for i in range(4))
R, S = random("float64", 3, 4), random("float64", 5, 2)
K = KroneckerProduct(A, B)

SIMPLER = {
    "(A ⊗ B)(C ⊗ D) = AC ⊗ BD": (lambda: K @ KroneckerProduct(C, D), KroneckerProduct),
    "rectangular": (lambda: KroneckerProduct(R, S) @ KroneckerProduct(R.T, S.T), KroneckerProduct),
    "K (A ⊗ B) K = B ⊗ A": (
        lambda: Commutation(5, 3) @ KroneckerProduct(R, S) @ Commutation(4, 2),
        KroneckerProduct,
    ),
    "K K = I": (lambda: Commutation(3, 4) @ Commutation(4, 3), Identity),
    "K⁻¹ K = I": (lambda: KroneckerSum(A, B).inv() @ KroneckerSum(A, B), None),
    "I K = K": (lambda: Identity(9) @ K, KroneckerProduct),
    "c d K": (lambda: 2 * (3 * K), type(2 * K)),
    "products take the scale": (lambda: (2 * K) @ (3 * K), type(2 * K)),
    "scale of one": (lambda: 1 * K, KroneckerProduct),
    "diagonals": (lambda: Diagonal(A[0]) @ Diagonal(B[0]), Diagonal),
    "sum of diagonals": (lambda: Diagonal(A[0]) + 2 * Identity(3), Diagonal),
    "sum of identities": (lambda: 2 * Identity(3) - Identity(3), Identity),
    "dense": (lambda: Dense(A) @ Dense(B) + Dense(C), Dense),
    "triangular": (lambda: Triangular(A) @ Triangular(B), Triangular),
    "A ⊗ B + A ⊗ C = A ⊗ (B + C)": (lambda: K + 2 * KroneckerProduct(A, C), KroneckerProduct),
    "A ⊗ I + I ⊗ B = A ⊕ B": (
        lambda: KroneckerProduct(A, Identity(3)) + KroneckerProduct(Identity(3), B),
        KroneckerSum,
    ),
    "sums of Kronecker sums": (lambda: KroneckerSum(A, B) + KroneckerSum(C, D), KroneckerSum),
    "scaled Kronecker sums": (lambda: 3 * KroneckerSum(A, B), KroneckerSum),
    "one more term": (
        lambda: KroneckerSum(A, B) + KroneckerProduct(C, Identity(3)),
        KroneckerSum,
    ),
    "P Pᵀ = I": (lambda: Restriction([2, 0], 4) @ Restriction([2, 0], 4).T, Identity),
    "not for repeated rows": (lambda: Restriction([2, 2], 4) @ Restriction([2, 2], 4).T, None),
    "L D = I": (lambda: Elimination(3) @ Duplication(3), Identity),
    "D⁺ D = I": (lambda: DuplicationPinv(3) @ Duplication(3), Identity),
    "K D = D": (lambda: Commutation(3, 3) @ Duplication(3), Duplication),
    "N D = D": (lambda: Symmetrizer(3) @ Duplication(3), Duplication),
    "N K = N": (lambda: Symmetrizer(3) @ Commutation(3, 3), Symmetrizer),
    "K N = N": (lambda: Commutation(3, 3) @ Symmetrizer(3), Symmetrizer),
    "N N = N": (lambda: Symmetrizer(3) @ Symmetrizer(3), Symmetrizer),
    "D Lᵀ does not vanish": (lambda: Duplication(3).T @ Elimination(3).T, None),
    "(A ⊗ₛ A)(C ⊗ₛ C) = AC ⊗ₛ AC": (
        lambda: SymmetricKronecker(A) @ SymmetricKronecker(C),
        SymmetricKronecker,
    ),
    "twice the same": (lambda: K + K, type(2 * K)),
    "nested products": (lambda: KroneckerProduct(K, C), KroneckerProduct),
    "nested sums": (lambda: KroneckerSum(KroneckerSum(A, B), C), KroneckerSum),
    "K - K": (lambda: K - K, type(2 * K)),
}


def dense_algebra(build, monkeypatch):
    """The same expression, every simplification switched off."""
    from kronvec.operators import _simplify

    monkeypatch.setattr(_simplify, "_ADDITIONS", ())
    monkeypatch.setattr(_simplify, "_PRODUCTS", ())
    monkeypatch.setattr(_simplify, "_commuted", lambda *three: None)
    return build().toarray()


@pytest.mark.parametrize("rule", SIMPLER)
def test_simplifications_agree_with_the_dense_algebra(rule, monkeypatch):
    build, kind = SIMPLER[rule]
    simple = build()
    if kind is not None:
        assert type(simple) is kind
    close(simple.toarray(), dense_algebra(build, monkeypatch))


def test_every_rule_is_among_those_compared():
    """Without a rule one of the cases above takes another form."""
    from kronvec.operators import _simplify

    for table in ("_ADDITIONS", "_PRODUCTS"):
        rules = getattr(_simplify, table)
        for rule in rules:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(_simplify, table, tuple(r for r in rules if r is not rule))
                forms = [type(b()) is k for b, k in SIMPLER.values() if k is not None]
            if rule.__name__ != "_times_inverse":
                assert not all(forms), rule.__name__


def test_inverses_cancel():
    k = KroneckerSum(A, B)
    assert isinstance(k.inv() @ k, Identity)
    assert isinstance(k @ k.inv(), Identity)
    assert k.inv().inv() is k


# -------------------------------------------------------------------------------------- errors


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"operator sum: .*left \(9, 9\), right \(4, 4\)"):
        K + Identity(4)
    with pytest.raises(ValueError, match=r"operator product: .*left \(9, 9\), right \(4, 4\)"):
        K @ Identity(4)
    with pytest.raises(ValueError, match=r"last axis of x must have length 9"):
        np.ones(4) @ K
    with pytest.raises(ValueError, match="KroneckerSum: factor 1 must be square"):
        KroneckerSum(A, R)
    with pytest.raises(ValueError, match="KroneckerProduct: factor 1 must be a matrix"):
        KroneckerProduct(A, np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match="at least one factor"):
        KroneckerProduct()
    with pytest.raises(TypeError):
        K + 1
    with pytest.raises(TypeError, match="Sparse: matrix must be a SciPy sparse matrix"):
        Sparse(A)
    with pytest.raises(IndexError, match="Restriction: indices holds 4"):
        Restriction([4], 4)
