"""vec and its relatives: matrices as vectors, by columns (order "F") or by rows (order "C").

vec of a matrix is a reshape of it (order "C") or of its transpose (order "F").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._foreign import array_api
from ._results import assign, in_a_batch, store
from ._shapes import (
    as_movable,
    check_addressable,
    check_matrix_shape,
    check_order,
    check_out,
    check_vec_length,
)
from .permutations import KERNEL_PAYS, exchange, transpose_into

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._typing import Array, Order, Shape


@array_api
def vec(a: ArrayLike, *, order: Order = "F", out: Array | None = None) -> Array:
    """Stack the columns of a matrix: ``v[j m + i] = a[i, j]``, or its rows for order "C".

    Parameters
    ----------
    a : array_like, shape (..., m, n)
        Any dtype.
    order : {"F", "C"}
        "F" stacks columns, the vec of matrix calculus; "C" stacks rows, ``v[i n + j] =
        a[i, j]``.  vec_C(A) = vec_F(Aᵀ) = K_{m,n} vec_F(A).
    out : ndarray, optional
        Where the result is stored, shape (..., m n).  May overlap ``a`` in any way.

    Returns
    -------
    ndarray, shape (..., m n)
        Of the dtype of ``a``.  Without ``out`` this is a view of ``a`` where NumPy's reshape
        gives one: order "C" of a C-contiguous array, order "F" of an F-contiguous one.

    Raises
    ------
    ValueError
        ``a`` has fewer than two axes, ``order`` is neither "F" nor "C", or ``out`` has
        another shape or is read-only.
    TypeError
        ``a`` is not an array, or ``out`` cannot hold its dtype.

    See Also
    --------
    unvec : the inverse.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 2, section 4.
    Henderson & Searle, *Linear and Multilinear Algebra* 9 (1981), 271-288.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.vec([[1, 2, 3], [4, 5, 6]])
    array([1, 4, 2, 5, 3, 6])
    >>> kv.vec([[1, 2, 3], [4, 5, 6]], order="C")
    array([1, 2, 3, 4, 5, 6])
    """
    check_order("vec", order)
    matrix = as_movable("vec", "a", a, min_ndim=2)
    m, n = matrix.shape[-2:]
    shape = (*matrix.shape[:-2], m * n)
    check_addressable("vec", shape, matrix.dtype.itemsize)
    stacked = np.swapaxes(matrix, -1, -2) if order == "F" else matrix
    plain = type(matrix) is np.ndarray and (out is None or type(out) is np.ndarray)
    if out is None:
        # Stacking the columns of a row-major matrix transposes it; the rest is NumPy's reshape.
        transposes = order == "F" and min(m, n) > 1 and plain and matrix.flags.c_contiguous
        if not transposes or matrix.size < KERNEL_PAYS:
            return np.reshape(stacked, shape)
        out = np.empty(shape, matrix.dtype)
    else:
        check_out("vec", out, shape, matrix.dtype)
        if not plain or not out.size:
            return store("vec", np.reshape(stacked, shape), out)
    split = out.reshape(stacked.shape, copy=False)
    if order == "F":
        transpose_into(split[..., None], matrix[..., None])
    else:
        assign(split, matrix)
    return out


@array_api
def unvec(
    v: ArrayLike, shape: tuple[int, int], *, order: Order = "F", out: Array | None = None
) -> Array:
    """The matrix whose vec is ``v``: ``a[i, j] = v[j m + i]``, or ``v[i n + j]`` for order "C".

    Parameters
    ----------
    v : array_like, shape (..., m n)
        Any dtype.
    shape : (int, int)
        The shape (m, n) of the matrix.
    order : {"F", "C"}
        Whether ``v`` stacks columns ("F") or rows ("C").
    out : ndarray, optional
        Where the result is stored, shape (..., m, n).  May overlap ``v`` in any way.

    Returns
    -------
    ndarray, shape (..., m, n)
        Of the dtype of ``v``.  Without ``out`` it is always a view of ``v``: splitting an axis
        never copies.

    Raises
    ------
    ValueError
        The last axis of ``v`` is not m n long, a size is negative, ``order`` is neither "F"
        nor "C", or ``out`` has another shape or is read-only.
    TypeError
        ``v`` is not an array, ``shape`` not a pair of integers, or ``out`` cannot hold the dtype.

    See Also
    --------
    vec : the inverse.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 2, section 4.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.unvec([1, 4, 2, 5, 3, 6], (2, 3))
    array([[1, 2, 3],
           [4, 5, 6]])
    """
    check_order("unvec", order)
    m, n = check_matrix_shape("unvec", "shape", shape)
    vector = as_movable("unvec", "v", v, min_ndim=1)
    check_vec_length("unvec", "v", vector, (m, n))
    batch = batch_axes(vector)
    (vector,) = in_a_batch(batch, vector)
    if order == "F":
        a = np.swapaxes(np.reshape(vector, (*batch, n, m)), -1, -2)
    else:
        a = np.reshape(vector, (*batch, m, n))
    return a if out is None else store("unvec", a, out)


@array_api
def vec_reorder(
    v: ArrayLike,
    shape: tuple[int, int],
    *,
    source: str,
    target: str,
    out: Array | None = None,
) -> Array:
    """From one vec order to the other: vec_C(A) = K_{m,n} vec_F(A), vec_F(A) = K_{n,m} vec_C(A).

    Parameters
    ----------
    v : array_like, shape (..., m n)
        The vec of A in order ``source``.  Any dtype.
    shape : (int, int)
        The shape (m, n) of A.
    source, target : {"F", "C"}
        The order of ``v`` and that of the result.
    out : ndarray, optional
        Where the result is stored, of the shape of ``v``.  May be ``v`` itself, which is then
        permuted where it is with O(m + n) further memory (contiguous ``v``, no objects), or
        overlap it in any way.

    Returns
    -------
    ndarray, shape (..., m n)
        The vec of A in order ``target``, never a view of ``v``.

    Raises
    ------
    ValueError
        The last axis of ``v`` is not m n long, a size is negative, ``source`` or ``target`` is
        neither "F" nor "C", or ``out`` has another shape or is read-only.
    TypeError
        ``v`` is not an array, ``shape`` not a pair of integers, or ``out`` cannot hold the dtype.

    See Also
    --------
    commutation_matmul : the same permutation on either side of a matrix.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 7.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.vec_reorder([1, 4, 2, 5, 3, 6], (2, 3), source="F", target="C")
    array([1, 2, 3, 4, 5, 6])
    """
    check_order("vec_reorder", source, "source")
    check_order("vec_reorder", target, "target")
    m, n = check_matrix_shape("vec_reorder", "shape", shape)
    vector = as_movable("vec_reorder", "v", v, min_ndim=1)
    check_vec_length("vec_reorder", "v", vector, (m, n))
    # Row-major, vec_F(A) is an (n, m) array and vec_C(A) an (m, n) one.
    p, q = (n, m) if source == "F" else (m, n)
    if source == target:
        p, q = 1, m * n
    return exchange("vec_reorder", vector, p, q, out=out)


def batch_axes(v: Array) -> Shape:
    """The leading axes of vectors; an np.matrix of one row is one vector, as vec returns it."""
    return () if isinstance(v, np.matrix) and v.shape[0] == 1 else v.shape[:-1]
