"""OPERATORS: every kind of operator beside its dense matrix, the latter by NumPy alone."""

from functools import reduce

import numpy as np
import scipy.sparse

from helpers import random
from kronvec import _reference as reference
from kronvec.operators import (
    Blocks,
    Commutation,
    Dense,
    Diagonal,
    Duplication,
    DuplicationPinv,
    Elimination,
    Identity,
    KroneckerProduct,
    KroneckerSum,
    NearestNeighbours,
    Restriction,
    Sparse,
    SymmetricKronecker,
    Symmetrizer,
    Triangular,
)


def kron(*factors):
    return reduce(np.kron, factors)


def well_conditioned(dtype, n, seed=0):
    """A square matrix far from singular, neither symmetric nor triangular."""
    return (random(dtype, n, n, seed=seed) + 4 * n * np.eye(n)).astype(dtype)


def positive(dtype, n, seed=0):
    """A Hermitian positive definite matrix."""
    a = random(dtype, n, n, seed=seed)
    return (a @ a.conj().T + n * np.eye(n)).astype(dtype)


def sparse_pair(dtype, m, n, seed=0):
    a = random(dtype, m, n, seed=seed) * (np.add.outer(np.arange(m), np.arange(n)) % 2 == 0)
    a = (a + (4 * n * np.eye(n) if m == n else 0)).astype(dtype)
    return Sparse(scipy.sparse.csr_array(a)), a


def _rows(n):
    return np.array([2, 0, n - 1, 1])


def _table(dtype):
    """name -> (operator, dense array), square ones and others."""
    r = lambda *shape, seed=0: random(dtype, *shape, seed=seed)  # noqa: E731
    a, b, c = well_conditioned(dtype, 3), well_conditioned(dtype, 4, 1), r(2, 5)
    p, q = positive(dtype, 3), positive(dtype, 4, 1)
    d = (np.abs(r(4)) + 1).astype(dtype)
    sparse, sparse_dense = sparse_pair(dtype, 4, 4)
    eye3, eye4 = np.eye(3, dtype=dtype), np.eye(4, dtype=dtype)
    restriction = np.eye(12)[_rows(12)]
    pq = KroneckerProduct(p, q)
    return {
        "Dense": (Dense(a), a),
        "Dense wide": (Dense(c), c),
        "Triangular lower": (Triangular(a), np.tril(a)),
        "Triangular upper": (Triangular(a, lower=False), np.triu(a)),
        "Diagonal": (Diagonal(d), np.diag(d)),
        "Sparse": (sparse, sparse_dense),
        "Sparse wide": sparse_pair(dtype, 2, 5),
        "Identity": (Identity(4), np.eye(4)),
        "Commutation": (Commutation(2, 3), reference.commutation_matrix(2, 3)),
        "Commutation square": (Commutation(3, 3), reference.commutation_matrix(3, 3)),
        "Restriction": (Restriction(_rows(12), 12), restriction),
        "Restriction twice": (Restriction([1, 1], 3), np.eye(3)[[1, 1]]),
        "Extension": (Restriction(_rows(12), 12).T, restriction.T),
        "Product of two": (KroneckerProduct(a, b), kron(a, b)),
        "Product of three": (KroneckerProduct(a, c, b), kron(a, c, b)),
        "Product Hermitian": (pq, kron(p, q)),
        "Product one": (KroneckerProduct(b), b),
        "Product mixed": (
            KroneckerProduct(a, d, Identity(2), sparse),
            kron(a, np.diag(d), np.eye(2, dtype=dtype), sparse_dense),
        ),
        "Product of moves": (
            KroneckerProduct(Identity(2), Commutation(2, 3)),
            kron(np.eye(2), reference.commutation_matrix(2, 3)),
        ),
        "Product rectangular, square in all": (
            KroneckerProduct(c, r(5, 2, seed=2)),
            kron(c, r(5, 2, seed=2)),
        ),
        "Product triangular": (
            KroneckerProduct(Triangular(a), Triangular(b, lower=False)),
            kron(np.tril(a), np.triu(b)),
        ),
        "Sum of two": (KroneckerSum(a, b), kron(a, eye4) + kron(eye3, b)),
        "Sum Hermitian": (KroneckerSum(p, q), kron(p, eye4) + kron(eye3, q)),
        "Sum of three": (
            KroneckerSum(a, d, b),
            kron(a, eye4, eye4) + kron(eye3, np.diag(d), eye4) + kron(eye3, eye4, b),
        ),
        "Sum sparse": (
            KroneckerSum(sparse, p),
            kron(sparse_dense, eye3) + kron(eye4, p),
        ),
        "Scaled": (2 * KroneckerProduct(a, b), 2 * kron(a, b)),
        "Scaled negative": (-3 * pq, -3 * kron(p, q)),
        "Shifted product": (
            KroneckerProduct(a, b) + 5 * Identity(12),
            kron(a, b) + 5 * np.eye(12, dtype=dtype),
        ),
        "Shifted Hermitian": (pq + 2 * Identity(12), kron(p, q) + 2 * np.eye(12, dtype=dtype)),
        "Shifted scaled": (
            2 * KroneckerProduct(a, b) - 3 * Identity(12),
            2 * kron(a, b) - 3 * np.eye(12, dtype=dtype),
        ),
        "Shifted sum": (
            KroneckerSum(a, b) + 3 * Identity(12),
            kron(a, eye4) + kron(eye3, b) + 3 * np.eye(12, dtype=dtype),
        ),
        "Two products": (
            pq + KroneckerProduct(positive(dtype, 3, 5), positive(dtype, 4, 6)),
            kron(p, q) + kron(positive(dtype, 3, 5), positive(dtype, 4, 6)),
        ),
        "Two products, one definite": (
            KroneckerProduct(p - 9 * eye3, q) + pq,
            kron(p - 9 * eye3, q) + kron(p, q),
        ),
        "General products": (
            KroneckerProduct(a, b) + KroneckerProduct(b[:3, :3], sparse_dense),
            kron(a, b) + kron(b[:3, :3], sparse_dense),
        ),
        "Plus diagonal": (
            pq + Diagonal(np.arange(1, 13).astype(dtype)),
            kron(p, q) + np.diag(np.arange(1, 13)).astype(dtype),
        ),
        "With gaps": (
            Restriction(_rows(12), 12) @ pq @ Restriction(_rows(12), 12).T + 2 * Identity(4),
            kron(p, q)[np.ix_(_rows(12), _rows(12))] + 2 * np.eye(4, dtype=dtype),
        ),
        "Nearest neighbours": (NearestNeighbours(pq, neighbours=11), np.linalg.inv(kron(p, q))),
        "Chain": (
            KroneckerProduct(a, b) @ KroneckerSum(p, q),
            kron(a, b) @ (kron(p, eye4) + kron(eye3, q)),
        ),
        **{
            name: (operator, getattr(reference, f"{name.lower()}_matrix")(3))
            for name, operator in {
                "Duplication": Duplication(3),
                "Elimination": Elimination(3),
                "Symmetrizer": Symmetrizer(3),
            }.items()
        },
        "Duplication pinv": (DuplicationPinv(3), reference.duplication_pinv_matrix(3)),
        "Duplication transposed": (Duplication(3).T, reference.duplication_matrix(3).T),
        "Symmetric Kronecker": (SymmetricKronecker(p), reference.symmetric_kron(p)),
        "Symmetric Kronecker, general": (
            SymmetricKronecker(a, a.T + eye3),
            reference.symmetric_kron(a, a.T + eye3),
        ),
        "Symmetric Kronecker of one": (SymmetricKronecker(a), reference.symmetric_kron(a)),
        "Blocks": (
            Blocks([[c, None], [np.ones((3, 5), dtype), a]]),
            np.block([[c, np.zeros((2, 3))], [np.ones((3, 5)), a]]).astype(dtype),
        ),
        "Blocks on the diagonal": (
            Blocks([[pq, None], [None, d]]),
            np.block([[kron(p, q), np.zeros((12, 4))], [np.zeros((4, 12)), np.diag(d)]]).astype(
                dtype
            ),
        ),
        "Inverse": (
            KroneckerSum(a, b).inv(),
            np.linalg.inv(kron(a, eye4) + kron(eye3, b)),
        ),
        "Inverse sparse": (sparse.inv(), np.linalg.inv(sparse_dense)),
        "Empty": (KroneckerProduct(np.zeros((0, 0), dtype), a), np.zeros((0, 0), dtype)),
    }


TABLES = {dtype: _table(dtype) for dtype in ("float32", "float64", "complex64", "complex128")}
NAMES = list(TABLES["float64"])
SQUARE = [name for name, (_, dense) in TABLES["float64"].items() if len(set(dense.shape)) == 1]


def case(name, dtype="float64"):
    """(operator, dense array)"""
    return TABLES[dtype][name]


def close(got, expected, factor=1):
    """Equal up to a few roundings of the largest entry."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    eps = max(np.finfo(a.dtype).eps if a.dtype.kind in "fc" else 0 for a in (got, expected))
    size = max(np.abs(expected).max(initial=0), 1e-3)
    assert np.abs(got - expected).max(initial=0) <= 200 * factor * eps * size


def regular(dense):
    """Whether a square matrix is far from singular."""
    return not dense.size or np.linalg.matrix_rank(dense) == len(dense)


def tolerance(dense, factor=100):
    """A bound for what is as ill conditioned as the matrix."""
    if not dense.size:
        return 0
    eps = np.finfo(np.result_type(dense.dtype, np.float32)).eps
    return factor * len(dense) * eps * max(1, np.linalg.cond(dense))
