"""The plain definitions of duplication, elimination and symmetrizer matrices, formed.

The rest is in _reference.py, which says what definitions are for.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ._reference_vec import _operands, unvec, unvech, vec, vech

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ._typing import Array


def _columns(images: Iterator[Any], rows: int) -> Array:
    """The matrix of a linear map from the images of the unit vectors."""
    images = list(images)
    return np.stack(images, axis=-1) if images else np.zeros((rows, 0))


@cache
def duplication_matrix(n: int) -> Array:
    """Column k is the vec of the symmetric matrix whose vech is the unit vector e_k."""
    return _columns((vec(unvech(e)) for e in np.eye(n * (n + 1) // 2)), n * n)


@cache
def elimination_matrix(n: int) -> Array:
    """Column k is the vech of the matrix whose vec is the unit vector e_k."""
    return _columns((vech(unvec(e, (n, n))) for e in np.eye(n * n)), n * (n + 1) // 2)


@cache
def symmetrizer_matrix(n: int) -> Array:
    """Column k is the vec of the symmetric part of the matrix whose vec is e_k."""
    units = (unvec(e, (n, n)) for e in np.eye(n * n))
    return _columns((vec((unit + unit.T) / 2) for unit in units), n * n)


@cache
def duplication_pinv_matrix(n: int) -> Array:
    """D⁺ = (DᵀD)⁻¹ Dᵀ, where DᵀD is diagonal."""
    d = duplication_matrix(n)
    return d.T / np.sum(d * d, axis=0)[:, None]


@cache
def svec_matrix(n: int) -> Array:
    """Q with Q vec(A) = svec((A + Aᵀ) / 2): Q = (DᵀD)^(-½) Dᵀ, so that Q Qᵀ = I."""
    d = duplication_matrix(n)
    return d.T / np.sqrt(np.sum(d * d, axis=0, dtype=np.longdouble))[:, None]


def _multiply(
    matrix: Array, x: Array, side: str, transposed: bool, *, halves: bool = False
) -> Array:
    """M x or x M, for an M of zeros and ones or one with halves, which makes floats of integers."""
    x = np.asanyarray(x)
    dtype = (np.result_type(x, 1.0) if halves else x.dtype).newbyteorder("=")
    matrix = matrix.T if transposed else matrix
    matrix = (matrix if halves else matrix.astype(int)).astype(dtype)
    return matrix @ x.astype(dtype) if side == "left" else x.astype(dtype) @ matrix


def duplication_matmul(x: Array, n: int, *, side: str = "left", transposed: bool = False) -> Array:
    """D x or x D."""
    return _multiply(duplication_matrix(n), x, side, transposed)


def duplication_pinv_matmul(
    x: Array, n: int, *, side: str = "left", transposed: bool = False
) -> Array:
    """D⁺ x or x D⁺."""
    return _multiply(duplication_pinv_matrix(n), x, side, transposed, halves=True)


def elimination_matmul(x: Array, n: int, *, side: str = "left", transposed: bool = False) -> Array:
    """L x or x L."""
    return _multiply(elimination_matrix(n), x, side, transposed)


def symmetrizer_matmul(x: Array, n: int, *, side: str = "left", transposed: bool = False) -> Array:
    """N x or x N."""
    return _multiply(symmetrizer_matrix(n), x, side, transposed, halves=True)


def duplication_indices(n: int) -> Array:
    """Row r of D has its 1 in column indices[r]."""
    return np.nonzero(duplication_matrix(n))[1]


def elimination_indices(n: int) -> Array:
    """Row r of L has its 1 in column indices[r]."""
    return np.nonzero(elimination_matrix(n))[1]


def symmetrizer_indices(n: int) -> Array:
    """Those of K_{n,n}: 2 N - I = K."""
    return np.nonzero(2 * symmetrizer_matrix(n) - np.eye(n * n))[1]


# --------------------------------------------------------------------------------------
# P (A ⊗ B) Rᵀ for P and R among these matrices, of shape (rows, n²)

_ROWS: dict[str, Callable[[int], Array]] = {
    "duplication": lambda n: duplication_matrix(n).T,
    "duplication_pinv": duplication_pinv_matrix,
    "elimination": elimination_matrix,
    "svec": svec_matrix,
    "symmetrizer": symmetrizer_matrix,
}
_WHOLE = ("duplication", "elimination")


def _between(a: Array, b: Array | None, left: str, right: str, *more: Array) -> tuple[Array, ...]:
    """P (A ⊗ B) Rᵀ, formed, and the further operands in its dtype."""
    whole = left in _WHOLE and right in _WHOLE
    a, b, *more = _operands(a, a if b is None else b, *more)
    dtype = a.dtype if whole else np.result_type(a, 1.0)
    a, b, *more = (x.astype(dtype) for x in (a, b, *more))
    n = a.shape[-1]
    product = a[..., :, None, :, None] * b[..., None, :, None, :]
    product = product.reshape(product.shape[:-4] + (n * n, n * n))
    p, r = (_ROWS[name](n) for name in (left, right))
    if dtype.kind == "O":  # entries that are Python's own numbers
        p, r = (m.astype(int if whole else float) for m in (p, r))
    p, r = p.astype(dtype), r.astype(dtype)
    return p @ product @ r.T, *more


def _matvec(a: Array, x: Array, b: Array | None, left: str, right: str) -> Array:
    matrix, x = _between(a, b, left, right, x)
    return (matrix @ x[..., None])[..., 0]


def vech_kron(
    a: Array, b: Array | None = None, *, left: str = "duplication_pinv", right: str = "duplication"
) -> Array:
    """P (A ⊗ B) R, R the transpose of what ``right`` would be on the left."""
    return _between(a, b, left, right)[0]


def vech_kron_matvec(
    a: Array,
    x: Array,
    b: Array | None = None,
    *,
    left: str = "duplication_pinv",
    right: str = "duplication",
) -> Array:
    """The same times x."""
    return _matvec(a, x, b, left, right)


def symmetric_kron(a: Array, b: Array | None = None) -> Array:
    """A ⊗ₛ B = Q (A ⊗ B) Qᵀ."""
    return _between(a, b, "svec", "svec")[0]


def symmetric_kron_matvec(a: Array, x: Array, b: Array | None = None) -> Array:
    """(A ⊗ₛ B) x."""
    return _matvec(a, x, b, "svec", "svec")


def symmetrizer_kron(a: Array, b: Array | None = None) -> Array:
    """N (A ⊗ B) N."""
    return _between(a, b, "symmetrizer", "symmetrizer")[0]


def symmetrizer_kron_matvec(a: Array, x: Array, b: Array | None = None) -> Array:
    """N (A ⊗ B) N x."""
    return _matvec(a, x, b, "symmetrizer", "symmetrizer")
