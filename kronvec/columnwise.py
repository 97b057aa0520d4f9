"""Column-wise (Khatri-Rao) and row-wise (face-splitting) Kronecker products, formed and applied.

A1 ⊙ … ⊙ AN has the columns a1_j ⊗ … ⊗ aN_j; the row-wise product A1 • … • AN has such rows, so
that (A1 • … • AN)ᵀ = A1ᵀ ⊙ … ⊙ ANᵀ.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ._columns import column_pair, own_target, row_pair, times, transposed_times
from ._factor_shapes import check_alike, read_factors
from ._fastpath import columns_times, two_tier
from ._foreign import array_api
from ._results import assign, store, wrap_like
from ._shapes import (
    as_array,
    broadcast_batch,
    check_addressable,
    check_out,
    check_unmasked,
    shape_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import ArrayLike

    from ._typing import Array


@array_api
def khatri_rao(*mats: ArrayLike, out: Array | None = None) -> Array:
    """Khatri-Rao product (column-wise Kronecker product), formed: ``a1_j ⊗ … ⊗ aN_j``.

    ``(A ⊙ B)[i p + k, j] = A[i, j] B[k, j]`` for A (m, n) and B (p, n).

    Parameters
    ----------
    *mats : array_like, each of shape (..., m_i, n)
        One at least; leading axes broadcast as in `numpy.matmul`.
    out : ndarray, optional
        Where to put the result; may overlap the matrices.

    Returns
    -------
    ndarray, shape (..., Π m_i, n)
        Of the matrices' result type.

    Raises
    ------
    ValueError
        If there is no matrix, the numbers of columns differ, batch axes do not broadcast, the
        result could not be addressed, or ``out`` does not fit.
    TypeError
        If a matrix is masked, or the result cannot be cast to the dtype of ``out`` by the rule
        "same_kind".

    See Also
    --------
    khatri_rao_matvec : multiply by it without forming it.
    face_splitting : the same for rows.

    References
    ----------
    .. [1] C. G. Khatri and C. R. Rao, "Solutions to some functional equations and their
       applications to characterization of probability distributions", Sankhyā A 30 (1968).
    .. [2] T. G. Kolda and B. W. Bader, "Tensor decompositions and applications", SIAM Review 51
       (2009), section 2.6.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> kv.khatri_rao([[1, 2], [3, 4]], [[1, 10], [1, 100]])
    array([[  1,  20],
           [  1, 200],
           [  3,  40],
           [  3, 400]])
    """
    return _formed("khatri_rao", mats, out, -1)


@array_api
def face_splitting(*mats: ArrayLike, out: Array | None = None) -> Array:
    """Face-splitting product (row-wise Kronecker product), formed: ``a1_i ⊗ … ⊗ aN_i``.

    ``(A • B)[i, j q + l] = A[i, j] B[i, l]`` for A (m, n) and B (m, q).  It is also known as the
    transposed Khatri-Rao product; row i is row i of the design matrix of a tensor-product basis.

    Parameters
    ----------
    *mats : array_like, each of shape (..., m, n_i)
        One at least; leading axes broadcast as in `numpy.matmul`.
    out : ndarray, optional
        Where to put the result; may overlap the matrices.

    Returns
    -------
    ndarray, shape (..., m, Π n_i)
        Of the matrices' result type.

    Raises
    ------
    ValueError
        If there is no matrix, the numbers of rows differ, batch axes do not broadcast, the
        result could not be addressed, or ``out`` does not fit.
    TypeError
        If a matrix is masked, or the result cannot be cast to the dtype of ``out`` by the rule
        "same_kind".

    See Also
    --------
    face_splitting_matvec : multiply by it without forming it.
    khatri_rao : the same for columns.

    References
    ----------
    .. [1] V. I. Slyusar, "End products in matrices in radar applications", Radioelectronics and
       Communications Systems 41 (1998), 71-75.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> kv.face_splitting([[1, 2], [3, 4]], [[1, 10], [1, 100]])
    array([[  1,  10,   2,  20],
           [  3, 300,   4, 400]])
    """
    return _formed("face_splitting", mats, out, -2)


@two_tier("khatri_rao_matvec")
@array_api
def khatri_rao_matvec(
    mats: Iterable[ArrayLike],
    x: ArrayLike,
    *,
    transposed: bool = False,
    out: Array | None = None,
) -> Array:
    """Multiply vectors by a Khatri-Rao product, not formed: ``y = (A1 ⊙ … ⊙ AN) x``.

    Parameters
    ----------
    mats : sequence of array_like, each of shape (..., m_i, n)
        Leading axes broadcast with those of x.
    x : array_like, shape (..., n), or (..., Π m_i) if transposed
    transposed : bool
        ``y = (A1 ⊙ … ⊙ AN)ᵀ x`` instead.
    out : ndarray, optional
        Where to put the result; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., Π m_i), or (..., n) if transposed
        Of the operands' result type.

    Raises
    ------
    ValueError
        If there is no matrix, the numbers of columns differ, x has another length, batch axes do
        not broadcast, or ``out`` does not fit.
    TypeError
        If ``mats`` is not a sequence of matrices, an operand is masked, or the result cannot be
        cast to the dtype of ``out`` by the rule "same_kind".

    See Also
    --------
    khatri_rao : the matrix itself.
    mttkrp : an unfolded tensor times a Khatri-Rao product.

    Notes
    -----
    At most about a megabyte of rows of the product is held at a time, beside the matrices
    themselves.

    References
    ----------
    .. [1] T. G. Kolda and B. W. Bader, "Tensor decompositions and applications", SIAM Review 51
       (2009), section 2.6.

    Examples
    --------
    The tensor of which CP decomposition gives weights and factor matrices:

    >>> import numpy as np
    >>> import kronvec as kv
    >>> a, b = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [1.0, -1.0]])
    >>> kv.khatri_rao_matvec([a, b], [3.0, 5.0]).reshape(2, 2)
    array([[ 3.,  3.],
           [ 5., -5.]])
    """
    if transposed and out is None:
        result = columns_times(mats, x, True)
        if result is not None:
            return result
    return _applied("khatri_rao_matvec", mats, x, bool(transposed), out, -1)


@array_api
def face_splitting_matvec(
    mats: Iterable[ArrayLike],
    x: ArrayLike,
    *,
    transposed: bool = False,
    out: Array | None = None,
) -> Array:
    """Multiply vectors by a face-splitting product, not formed: ``y = (A1 • … • AN) x``.

    Parameters
    ----------
    mats : sequence of array_like, each of shape (..., m, n_i)
        Leading axes broadcast with those of x.
    x : array_like, shape (..., Π n_i), or (..., m) if transposed
    transposed : bool
        ``y = (A1 • … • AN)ᵀ x`` instead.
    out : ndarray, optional
        Where to put the result; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., m), or (..., Π n_i) if transposed
        Of the operands' result type.

    Raises
    ------
    ValueError
        If there is no matrix, the numbers of rows differ, x has another length, batch axes do
        not broadcast, or ``out`` does not fit.
    TypeError
        If ``mats`` is not a sequence of matrices, an operand is masked, or the result cannot be
        cast to the dtype of ``out`` by the rule "same_kind".

    See Also
    --------
    face_splitting : the matrix itself.

    Notes
    -----
    At most about a megabyte of entries of the product is held at a time, beside the matrices
    themselves.

    References
    ----------
    .. [1] P. H. C. Eilers, I. D. Currie and M. Durbán, "Fast and compact smoothing on large
       multidimensional grids", Comput. Statist. Data Anal. 50 (2006), 61-76.

    Examples
    --------
    Two polynomials multiplied at three points, with coefficients 1 + 2 s + 3 t + 4 s t:

    >>> import numpy as np
    >>> import kronvec as kv
    >>> t, s = np.vander([0, 1, 2], 2, increasing=True), np.vander([5, 6, 7], 2, increasing=True)
    >>> kv.face_splitting_matvec([t, s], [1, 2, 3, 4])
    array([11, 40, 77])
    """
    return _applied("face_splitting_matvec", mats, x, not transposed, out, -2)


# --------------------------------------------------------------------------------------
# Formed


def _formed(function: str, mats: Iterable[ArrayLike], out: Array | None, axis: int) -> Array:
    """The product over the axis that is not ``axis``, which all matrices share."""
    operands = read_factors(function, mats, "mats", "matrix")
    check_unmasked(function, *operands)
    plain = [np.asarray(a) for a in operands]
    shared = check_alike(function, plain, axis)
    batch = broadcast_batch(function, None, **{f"matrix_{i}": a for i, a in enumerate(plain)})
    length = prod(a.shape[-3 - axis] for a in plain)
    shape = (*batch, length, shared) if axis == -1 else (*batch, shared, length)
    dtype = np.result_type(*plain)
    check_addressable(function, shape, dtype.itemsize)
    if out is not None:
        check_out(function, out, shape, dtype)
    plain = [a.astype(dtype.newbyteorder("="), copy=False) for a in plain]
    pair = column_pair if axis == -1 else row_pair
    if len(plain) == 1:
        result = plain[0].copy()
    else:
        target = own_target(out, shape, dtype, plain)
        result = pair(reduce(pair, plain[:-1]), plain[-1], target)
    if out is None:
        return wrap_like(result, *operands)
    return out if result is out else store(function, result, out)


# --------------------------------------------------------------------------------------
# Applied


def _applied(
    function: str,
    mats: Iterable[ArrayLike],
    x: Any,
    transposed: bool,
    out: Array | None,
    axis: int,
) -> Array:
    """(A1 ⊙ … ⊙ AN) x, or (A1 ⊙ … ⊙ AN)ᵀ x; with ``axis`` -2 the matrices are transposes."""
    x = as_array(function, "x", x, min_ndim=1)
    mats = read_factors(function, mats, "mats", "matrix")
    operands = [x, *mats]
    check_unmasked(function, *operands)
    x, *mats = (np.asarray(a) for a in operands)
    n = check_alike(function, mats, axis)
    if axis == -2:
        mats = [np.swapaxes(a, -1, -2) for a in mats]
    sizes = [a.shape[-2] for a in mats]
    need, other = (prod(sizes), n) if transposed else (n, prod(sizes))
    named = {f"matrix_{i}": a for i, a in enumerate(operands[1:])}
    if x.shape[-1] != need:
        product = f"{' * '.join(map(str, sizes))} = {need}" if transposed else need
        raise shape_error(function, f"x must have {product} entries on axis -1", x=x, **named)
    shape = (*broadcast_batch(function, core={"x": 1}, x=x, **named), other)
    dtype = np.result_type(x, *mats)
    check_addressable(function, shape, dtype.itemsize)
    if out is not None:
        check_out(function, out, shape, dtype)
    native = dtype.newbyteorder("=")
    x, *mats = (a.astype(native, copy=False) for a in (x, *mats))
    result = columns_times(mats, x, transposed)
    if result is not None:
        pass
    elif transposed:
        result = transposed_times(mats, x, shape)
    else:
        result = times(mats, x, own_target(out, shape, dtype, (x, *mats)))
    if out is None:
        return wrap_like(result, *operands)
    if result is not out:
        assign(out, result)
    return out
