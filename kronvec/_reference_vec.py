"""The plain definitions of vec and its relatives, and what all definitions share.

The rest is in _reference.py, which says what definitions are for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from ._typing import Array, DType, Order, Shape


# --------------------------------------------------------------------------------------
# Helpers


def _operands(*arrays: Any) -> list[Array]:
    """The arrays in their common dtype, native byte order."""
    arrays = [np.asanyarray(a) for a in arrays]
    dtype = np.result_type(*arrays).newbyteorder("=")
    return [a.astype(dtype, copy=False) for a in arrays]


def _transpose(a: Array) -> Array:
    return np.swapaxes(a, -1, -2)


def _conj(a: Array, conjugate: bool = True) -> Array:
    """a*; the dtype stays (np.conjugate would make int8 of bool)."""
    return np.conjugate(a) if conjugate and a.dtype.kind in "cO" else a


def _adjoint(a: Array, conjugate: bool = True) -> Array:
    """Aᴴ, or Aᵀ for ``conjugate=False``."""
    return _conj(_transpose(a), conjugate)


def _sum(a: Array, axis: int | Shape) -> Array:
    """Sum that stays in the dtype of ``a``, as np.matmul does."""
    return np.sum(a, axis=axis, dtype=a.dtype)


def _batch(*matrices: Array) -> Shape:
    """The common shape of the leading axes."""
    return np.broadcast_shapes(*(a.shape[:-2] for a in matrices))


def _reduce_to(gradient: Array, shape: Shape) -> Array:
    """Sum over the axes along which an operand of ``shape`` was broadcast."""
    extra = gradient.ndim - len(shape)
    gradient = _sum(gradient, tuple(range(extra)))
    stretched = [i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] != 1]
    return _sum(gradient, tuple(stretched)).reshape(shape)


# --------------------------------------------------------------------------------------
# vec


def vec(a: Array, *, order: Order = "F") -> Array:
    """F: v[j m + i] = a[i, j] (columns stacked); C: v[i n + j] = a[i, j] (rows stacked)."""
    a = np.asanyarray(a)
    stacked = _transpose(a) if order == "F" else a
    return stacked.reshape(a.shape[:-2] + (a.shape[-2] * a.shape[-1],))


def unvec(v: Array, shape: Shape, *, order: Order = "F") -> Array:
    """The matrix of ``shape`` whose vec is ``v``."""
    v, (m, n) = np.asanyarray(v), shape
    if order == "F":
        return _transpose(v.reshape(v.shape[:-1] + (n, m)))
    return v.reshape(v.shape[:-1] + (m, n))


def vec_reorder(v: Array, shape: Shape, *, source: Order, target: Order) -> Array:
    """The vec in order ``target`` of the matrix whose vec in order ``source`` is ``v``."""
    return vec(unvec(v, shape, order=source), order=target)


def _lower_triangle(n: int, order: Order) -> Array:
    """Row and column numbers of the lower triangle, by columns (F) or by rows (C)."""
    if order == "F":
        pairs = [(i, j) for j in range(n) for i in range(j, n)]
    else:
        pairs = [(i, j) for i in range(n) for j in range(i + 1)]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2).T


def vech(a: Array, *, order: Order = "F") -> Array:
    """The lower triangle of ``a``, column by column (F) or row by row (C)."""
    a = np.asanyarray(a)
    rows, columns = _lower_triangle(a.shape[-1], order)
    return a[..., rows, columns]


def unvech(v: Array, *, hermitian: bool = False, order: Order = "F") -> Array:
    """The symmetric (or Hermitian) matrix whose vech is ``v``, of length n (n + 1) / 2."""
    v = np.asanyarray(v)
    n = (math.isqrt(8 * v.shape[-1] + 1) - 1) // 2
    rows, columns = _lower_triangle(n, order)
    a = np.zeros(v.shape[:-1] + (n, n), dtype=v.dtype)
    a[..., columns, rows] = _conj(v, hermitian)
    a[..., rows, columns] = v
    return a


def _off_diagonal_scale(length: int, dtype: DType, order: Order) -> Array:
    """1 on the diagonal and √2 off it, along a vech."""
    n = (math.isqrt(8 * length + 1) - 1) // 2
    rows, columns = _lower_triangle(n, order)
    root = 2**0.5 if dtype.kind == "O" else np.sqrt(np.asarray(2, dtype))
    return np.where(rows == columns, np.asarray(1, dtype), np.asarray(root, dtype))


def svec(a: Array, *, order: Order = "F") -> Array:
    """vech with the off-diagonal entries times √2, so that svec(A)·svec(B) = tr(A B)."""
    v = vech(a, order=order)
    dtype = np.result_type(v, 1.0)
    return v.astype(dtype) * _off_diagonal_scale(v.shape[-1], dtype, order)


def smat(v: Array, *, order: Order = "F") -> Any:
    """The symmetric matrix whose svec is ``v``."""
    v = np.asanyarray(v)
    dtype = np.result_type(v, 1.0)
    scale = _off_diagonal_scale(v.shape[-1], dtype, order)
    return unvech(v.astype(dtype) / scale, order=order)
