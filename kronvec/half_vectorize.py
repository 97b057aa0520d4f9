"""Half-vectorization: the lower triangle of a symmetric matrix as a vector.

vech and svec gather the triangle from the square, unvech and smat the square from the triangle,
so all four are one ``np.take`` along the last axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._foreign import array_api
from ._results import in_a_batch, store
from ._shapes import (
    as_movable,
    check_addressable,
    check_numeric,
    check_order,
    check_square,
    check_triangle_length,
)
from ._triangle import for_size, lower_positions, off_diagonal_scale, square_positions
from .vectorize import batch_axes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._typing import Array, Order


@array_api
def vech(a: ArrayLike, *, order: Order = "F", out: Array | None = None) -> Array:
    """The lower triangle of a square matrix, column by column, or row by row for order "C".

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        Any dtype.  Symmetry is not checked; the upper triangle is not used.
    order : {"F", "C"}
        "F" gives a[0,0], a[1,0], ..., a[n-1,0], a[1,1], ... as in matrix calculus;
        "C" gives a[0,0], a[1,0], a[1,1], a[2,0], ...
    out : ndarray, optional
        Where the result is stored, shape (..., n (n + 1) / 2).  May overlap ``a``.

    Returns
    -------
    ndarray, shape (..., n (n + 1) / 2)
        A new array of the dtype of ``a``.

    Raises
    ------
    ValueError
        ``a`` is not square or has fewer than two axes, ``order`` is neither "F" nor "C", or
        ``out`` has another shape or is read-only.
    TypeError
        ``a`` is not an array, or ``out`` cannot hold its dtype.

    See Also
    --------
    unvech : the inverse for symmetric matrices.
    svec : with the off-diagonals scaled by √2.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.
    Henderson & Searle, *Canadian Journal of Statistics* 7 (1979), 65-81.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.vech([[1, 2, 4], [2, 3, 5], [4, 5, 6]])
    array([1, 2, 4, 3, 5, 6])
    >>> kv.vech([[1, 2, 4], [2, 3, 5], [4, 5, 6]], order="C")
    array([1, 2, 3, 4, 5, 6])
    """
    triangle, _ = _lower_triangle("vech", a, order)
    return triangle if out is None else store("vech", triangle, out)


@array_api
def unvech(
    v: ArrayLike, *, hermitian: bool = False, order: Order = "F", out: Array | None = None
) -> Array:
    """The symmetric matrix whose vech is ``v``: ``a[i, j] = a[j, i]``.

    Parameters
    ----------
    v : array_like, shape (..., n (n + 1) / 2)
        The lower triangle.  Any dtype.
    hermitian : bool
        Conjugate the upper triangle: ``a[j, i] = conj(a[i, j])`` for i > j.  The diagonal is
        taken as it is.
    order : {"F", "C"}
        Whether ``v`` holds the triangle column by column ("F") or row by row ("C").
    out : ndarray, optional
        Where the result is stored, shape (..., n, n).  May overlap ``v``.

    Returns
    -------
    ndarray, shape (..., n, n)
        A new array of the dtype of ``v``.

    Raises
    ------
    ValueError
        The last axis of ``v`` is not n (n + 1) / 2 long for any n, ``order`` is neither "F"
        nor "C", or ``out`` has another shape or is read-only.
    TypeError
        ``v`` is not an array, or ``out`` cannot hold its dtype.

    See Also
    --------
    vech : the inverse.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.unvech([1, 2, 4, 3, 5, 6])
    array([[1, 2, 4],
           [2, 3, 5],
           [4, 5, 6]])
    >>> kv.unvech([1, 2 + 1j, 3], hermitian=True)
    array([[1.+0.j, 2.-1.j],
           [2.+1.j, 3.+0.j]])
    """
    check_order("unvech", order)
    vector = as_movable("unvech", "v", v, min_ndim=1)
    a = _symmetric("unvech", vector, order, hermitian)
    return a if out is None else store("unvech", a, out)


@array_api
def svec(a: ArrayLike, *, order: Order = "F", out: Array | None = None) -> Array:
    """vech with the off-diagonals times √2, so that svec(A) · svec(B) = tr(A B) for symmetric A, B.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        Numbers.  Symmetry is not checked; the upper triangle is not used.
    order : {"F", "C"}
        Column by column or row by row, as in `vech`.
    out : ndarray, optional
        Where the result is stored, shape (..., n (n + 1) / 2).  May overlap ``a``.

    Returns
    -------
    ndarray, shape (..., n (n + 1) / 2)
        A new array of dtype ``np.result_type(a, 1.0)``: float64 for integers and booleans,
        otherwise that of ``a``.

    Raises
    ------
    ValueError
        ``a`` is not square or has fewer than two axes, ``order`` is neither "F" nor "C", or
        ``out`` has another shape or is read-only.
    TypeError
        ``a`` is not an array of numbers, or ``out`` cannot hold the dtype.

    See Also
    --------
    smat : the inverse.

    References
    ----------
    Alizadeh, Haeberly & Overton, *SIAM J. Optim.* 8 (1998), 746-768 (svec and smat).

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A = np.array([[1.0, 2.0], [2.0, 3.0]])
    >>> kv.svec(A).round(4)
    array([1.    , 2.8284, 3.    ])
    >>> np.isclose(kv.svec(A) @ kv.svec(A), np.trace(A @ A))
    np.True_
    """
    triangle, n = _lower_triangle("svec", a, order)
    check_numeric("svec", "a", triangle)
    triangle = np.multiply(triangle, off_diagonal_scale(n, triangle.dtype, order))
    return triangle if out is None else store("svec", triangle, out)


@array_api
def smat(
    v: ArrayLike, *, hermitian: bool = False, order: Order = "F", out: Array | None = None
) -> Array:
    """The symmetric matrix whose svec is ``v``: off-diagonals divided by √2.

    Parameters
    ----------
    v : array_like, shape (..., n (n + 1) / 2)
        Numbers.
    hermitian : bool
        Conjugate the upper triangle, as in `unvech`.
    order : {"F", "C"}
        Whether ``v`` holds the triangle column by column ("F") or row by row ("C").
    out : ndarray, optional
        Where the result is stored, shape (..., n, n).  May overlap ``v``.

    Returns
    -------
    ndarray, shape (..., n, n)
        A new array of dtype ``np.result_type(v, 1.0)``.

    Raises
    ------
    ValueError
        The last axis of ``v`` is not n (n + 1) / 2 long for any n, ``order`` is neither "F"
        nor "C", or ``out`` has another shape or is read-only.
    TypeError
        ``v`` is not an array of numbers, or ``out`` cannot hold the dtype.

    See Also
    --------
    svec : the inverse.

    References
    ----------
    Alizadeh, Haeberly & Overton, *SIAM J. Optim.* 8 (1998), 746-768 (svec and smat).

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.smat(kv.svec([[1.0, 2.0], [2.0, 3.0]]))
    array([[1., 2.],
           [2., 3.]])
    """
    check_order("smat", order)
    vector = as_movable("smat", "v", v, min_ndim=1)
    check_numeric("smat", "v", vector)
    n = check_triangle_length("smat", "v", vector)
    vector = vector / off_diagonal_scale(n, vector.dtype, order)
    a = _symmetric("smat", vector, order, hermitian)
    return a if out is None else store("smat", a, out)


def _lower_triangle(function: str, a: ArrayLike, order: Order) -> tuple[Array, int]:
    """What vech and svec share: the checks and the gather.  The triangle, and n."""
    check_order(function, order)
    matrix = as_movable(function, "a", a, min_ndim=2)
    n = check_square(function, "a", matrix)
    rows = np.reshape(matrix, (*matrix.shape[:-2], n * n))
    return np.take(rows, for_size(lower_positions, n, order), axis=-1), n


def _symmetric(function: str, v: Array, order: Order, hermitian: bool) -> Array:
    """The gather of unvech and smat."""
    n = check_triangle_length(function, "v", v)
    batch = batch_axes(v)
    (v,) = in_a_batch(batch, v)
    shape = (*batch, n, n)
    check_addressable(function, shape, v.dtype.itemsize)
    a = np.reshape(np.take(v, for_size(square_positions, n, order), axis=-1), shape)
    if hermitian and v.dtype.kind in "cO":
        upper = np.triu(np.ones((n, n), bool), 1)
        a[..., upper] = np.conjugate(a[..., upper])
    return a
