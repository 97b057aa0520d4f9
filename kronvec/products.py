"""Products of two or three matrices: kron, bkron (formed); triple_product, vec_trick (applied)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from . import _kernels, _ufuncs
from ._fastpath import own_chain, two_tier
from ._foreign import array_api
from ._results import in_a_batch, store, wrap_like
from ._shapes import (
    any_masked,
    as_array,
    broadcast_batch,
    check_addressable,
    check_masks,
    check_order,
    check_out,
    check_unmasked,
    describe,
    overrides_ufuncs,
    shape_error,
)
from ._threads import check_workers, run_ranges

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from ._typing import Array, DType, Order


# Entries of a result that is worth more than one thread.
_SPLIT_LIMIT = 1 << 18

# NumPy's own, whatever patch_numpy does later.
_numpy_kron = np.kron
# The kinds of dtype whose result type and size are known before NumPy is asked.
_KINDS = frozenset("biufc")


@two_tier("kron")
@array_api
def kron(
    a: ArrayLike,
    b: ArrayLike,
    /,
    *more: ArrayLike,
    out: Array | None = None,
    workers: int | None = None,
) -> Array:
    """Kronecker product A ⊗ B ⊗ …, formed.

    ``(A ⊗ B)[i p + k, j q + l] = A[i, j] B[k, l]`` for A (m, n) and B (p, q).  With two
    operands it is `numpy.kron` in every respect, N-d arrays, subclasses and scalars included;
    further operands are multiplied from the left, ``kron(kron(a, b), c)``.

    Parameters
    ----------
    a, b, *more : array_like
        Factors of any number of axes and any dtype.
    out : ndarray, optional
        Where to put the result; may overlap the factors.
    workers : int, optional
        Threads that write a large result, each its own rows; -1 is one per CPU.  The result is
        the same for every count.

    Returns
    -------
    ndarray
        The product, of the factors' result type; ``out`` if that was given.

    Raises
    ------
    ValueError
        If the result could not be addressed, or ``out`` has another shape or is read-only.
    TypeError
        If the result cannot be cast to the dtype of ``out`` by the rule "same_kind".

    See Also
    --------
    bkron : the same over batches of matrices.
    kron_matmul : multiply by a Kronecker product without forming it.

    References
    ----------
    .. [1] C. F. Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123
       (2000), 85-100.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> kv.kron(np.eye(2), [[1.0, 2.0]])
    array([[1., 2., 0., 0.],
           [0., 0., 1., 2.]])
    >>> kv.kron([1, 10], [1, 2], [1, -1])
    array([  1,  -1,   2,  -2,  10, -10,  20, -20])
    """
    workers = check_workers("kron", workers)
    if not more:
        return _kron_pair(a, b, out, workers)
    # From the left; each product of two asks the compiled path first.
    *others, last = b, *more
    for factor in others:
        a = kron(a, factor) if workers == 1 else _kron_pair(a, factor, None, workers)
    return kron(a, last, out=out) if workers == 1 else _kron_pair(a, last, out, workers)


def _kron_pair(a: Any, b: Any, out: Array | None, workers: int) -> Any:
    """One `numpy.kron`, by the kernels where they apply."""
    if type(a) is np.ndarray and type(b) is np.ndarray and {a.dtype.kind, b.dtype.kind} <= _KINDS:
        ndim = max(a.ndim, b.ndim)
        padded = zip(
            (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape, strict=True
        )
        shape = tuple(p * q for p, q in padded)
        dtype = np.result_type(a, b)
        check_addressable("kron", shape, dtype.itemsize)
        if a.ndim == b.ndim == 2 and dtype in _kernels.DTYPES:
            if out is not None:
                check_out("kron", out, shape, dtype)
            if workers > 1 and prod(shape) >= _SPLIT_LIMIT:
                return _kron_rows(a, b, np.empty(shape, dtype) if out is None else out, workers)
            return _ufuncs.bkron(a, b, out=out, dtype=dtype, casting="unsafe")
    try:
        product = _numpy_kron(a, b)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"kron: {error}; got {describe(a=a, b=b)}") from error
    return product if out is None else store("kron", product, out)


def _kron_rows(a: Array, b: Array, out: Array, workers: int) -> Array:
    """A ⊗ B into ``out``: every worker the rows that its rows of A give."""
    if np.may_share_memory(out, a) or np.may_share_memory(out, b):
        workers = 1
    dtype, p = np.result_type(a, b), b.shape[0]

    def task(begin: int, end: int) -> None:
        rows = out[begin * p : end * p]
        _ufuncs.bkron(a[begin:end], b, out=rows, dtype=dtype, casting="unsafe")

    run_ranges(task, a.shape[0], workers)
    return out


@two_tier("bkron")
@array_api
def bkron(a: ArrayLike, b: ArrayLike, *, out: Array | None = None) -> Array:
    """Kronecker products of batches of matrices: ``y[s] = a[s] ⊗ b[s]``.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
    b : array_like, shape (..., p, q)
        Leading axes broadcast as in `numpy.matmul`.
    out : ndarray, optional
        Where to put the result; may overlap the factors.

    Returns
    -------
    ndarray, shape (..., m * p, n * q)

    Raises
    ------
    ValueError
        If a factor has fewer than two axes, batch axes do not broadcast, or ``out`` does not
        fit.
    TypeError
        If the result cannot be cast to the dtype of ``out`` by the rule "same_kind".

    See Also
    --------
    kron : `numpy.kron`'s meaning of N-d arrays.

    References
    ----------
    .. [1] C. F. Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123
       (2000), 85-100.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> kv.bkron(np.ones((5, 2, 3)), np.eye(4)).shape
    (5, 8, 12)
    """
    if overrides_ufuncs(a, b, out):
        return _ufuncs.bkron(a, b, out=out)
    a = as_array("bkron", "a", a, min_ndim=2)
    b = as_array("bkron", "b", b, min_ndim=2)
    batch = broadcast_batch("bkron", a=a, b=b)
    shape = (*batch, a.shape[-2] * b.shape[-2], a.shape[-1] * b.shape[-1])
    dtype = np.result_type(a, b)
    check_addressable("bkron", shape, dtype.itemsize)
    if out is not None:
        check_out("bkron", out, shape, dtype)
    masked = any_masked(a, b)
    pair = (a, b) if masked else (np.asarray(a), np.asarray(b))
    if dtype in _kernels.DTYPES and not masked:
        result = _ufuncs.bkron(*pair, out=out, dtype=dtype, casting="unsafe")
    else:
        from . import _reference

        result = _reference.bkron(*pair)
    if out is None:
        return wrap_like(result, a, b)
    return out if result is out else store("bkron", result, out)


@two_tier("triple_product")
@array_api
def triple_product(a: ArrayLike, b: ArrayLike, c: ArrayLike, *, out: Array | None = None) -> Array:
    """Matrix product A B C by the cheaper association.

    (A B) C takes m p (n + q) multiply-adds and A (B C) takes n q (m + p); the smaller decides.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
    b : array_like, shape (..., n, p)
    c : array_like, shape (..., p, q)
        Leading axes broadcast as in `numpy.matmul`.
    out : ndarray, optional
        Where to put the result; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., m, q)
        Of the operands' result type.

    Raises
    ------
    ValueError
        If the shapes do not chain, batch axes do not broadcast, or ``out`` does not fit.
    TypeError
        If the result cannot be cast to the dtype of ``out`` by the rule "same_kind".

    See Also
    --------
    vec_trick : the same product on vec-ed matrices.

    References
    ----------
    .. [1] G. H. Golub and C. F. Van Loan, "Matrix Computations", 4th ed. (2013), section 1.1.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> a, b, c = np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 1))
    >>> kv.triple_product(a, b, c)
    array([[12.],
           [12.]])
    """
    if overrides_ufuncs(a, b, c, out):
        return _ufuncs.triple_product(a, b, c, out=out)
    a = as_array("triple_product", "a", a, min_ndim=2)
    b = as_array("triple_product", "b", b, min_ndim=2)
    c = as_array("triple_product", "c", c, min_ndim=2)
    if a.shape[-1] != b.shape[-2] or b.shape[-1] != c.shape[-2]:
        raise shape_error(
            "triple_product",
            "a (..., m, n), b (..., n, p) and c (..., p, q) are needed",
            a=a,
            b=b,
            c=c,
        )
    batch = broadcast_batch("triple_product", a=a, b=b, c=c)
    a, b, c = in_a_batch(batch, a, b, c)
    shape = (*batch, a.shape[-2], c.shape[-1])
    check_masks("triple_product", shape[-2:], a, b, c)
    dtype = np.result_type(a, b, c)
    check_addressable("triple_product", shape, dtype.itemsize)
    if out is not None:
        check_out("triple_product", out, shape, dtype)
    return _associated(a, b, c, dtype, out)


def _associated(a: Array, b: Array, c: Array, dtype: DType, out: Array | None) -> Array:
    """A B C of fitting shapes: small in one gufunc, large or of an odd dtype in two matmuls."""
    m, n = a.shape[-2:]
    p, q = c.shape[-2:]
    if dtype in _kernels.DTYPES and own_chain(m, n, p, q):
        return _ufuncs.triple_product(a, b, c, out=out, dtype=dtype, casting="unsafe")
    if dtype == np.object_:
        a, b, c = a.astype(object), b.astype(object), c.astype(object)
    if _kernels.left_first(m, n, p, q):
        return np.matmul(np.matmul(a, b, dtype=dtype), c, out=out, dtype=dtype, casting="unsafe")
    return np.matmul(a, np.matmul(b, c, dtype=dtype), out=out, dtype=dtype, casting="unsafe")


@two_tier("vec_trick")
@array_api
def vec_trick(
    a: ArrayLike, b: ArrayLike, c: ArrayLike, *, order: Order = "F", out: Array | None = None
) -> Array:
    """Apply a Kronecker product of two matrices to a vec-ed one: ``(Cᵀ ⊗ A) vec(B) = vec(A B C)``.

    With ``order="C"`` vec stacks rows, and the same product reads
    ``(A ⊗ Cᵀ) vec(B) = vec(A B C)``.  No Kronecker product is formed, and the cheaper
    association of A B C is taken.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
    b : array_like, shape (..., n * p)
        vec(B) for B of shape (n, p).
    c : array_like, shape (..., p, q)
        Leading axes broadcast as in `numpy.matmul`.
    order : {"F", "C"}
        Whether vec stacks the columns ("F") or the rows ("C") of B and of the result.
    out : ndarray, optional
        Where to put the result; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., m * q)
        vec(A B C).

    Raises
    ------
    ValueError
        If b does not have n * p entries, batch axes do not broadcast, ``order`` is neither
        "F" nor "C", or ``out`` does not fit.
    TypeError
        If the result cannot be cast to the dtype of ``out`` by the rule "same_kind".

    See Also
    --------
    triple_product : A B C itself.
    kron_matvec : any number of factors.

    References
    ----------
    .. [1] J. R. Magnus and H. Neudecker, "Matrix Differential Calculus", 3rd ed. (2019),
       chapter 2, theorem 2.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> a, b, c = np.eye(2), np.arange(6.0), np.ones((3, 1))
    >>> kv.vec_trick(a, b, c)
    array([6., 9.])
    >>> np.kron(c.T, a) @ b
    array([6., 9.])
    """
    by_columns = check_order("vec_trick", order) == "F"
    if overrides_ufuncs(a, b, c, out):
        gufunc = _ufuncs.vec_trick_f if by_columns else _ufuncs.vec_trick_c
        return gufunc(a, b, c, out=out)
    a = as_array("vec_trick", "a", a, min_ndim=2)
    b = as_array("vec_trick", "b", b, min_ndim=1)
    c = as_array("vec_trick", "c", c, min_ndim=2)
    (m, n), (p, q) = a.shape[-2:], c.shape[-2:]
    if b.shape[-1] != n * p:
        raise shape_error(
            "vec_trick",
            f"b must have {n} * {p} = {n * p} entries on its last axis, "
            f"for a (..., m, n) and c (..., p, q)",
            a=a,
            b=b,
            c=c,
        )
    batch = broadcast_batch("vec_trick", core={"b": 1}, a=a, b=b, c=c)
    check_unmasked("vec_trick", a, b, c)
    a, b, c = in_a_batch(batch, a, b, c)
    shape = (*batch, m * q)
    dtype = np.result_type(a, b, c)
    check_addressable("vec_trick", shape, dtype.itemsize)
    if out is not None:
        check_out("vec_trick", out, shape, dtype)
    if dtype in _kernels.DTYPES and own_chain(m, n, p, q):
        gufunc = _ufuncs.vec_trick_f if by_columns else _ufuncs.vec_trick_c
        return gufunc(a, b, c, out=out, dtype=dtype, casting="unsafe")
    # Column-stacked vecs are the transposes in row-major memory: Yᵀ = Cᵀ Bᵀ Aᵀ.
    if by_columns:
        operands = np.swapaxes(c, -1, -2), _unfolded(b, p, n), np.swapaxes(a, -1, -2)
        rows, cols = q, m
    else:
        operands = a, _unfolded(b, n, p), c
        rows, cols = m, q
    if out is None:
        return _associated(*operands, dtype, None).reshape(shape)
    _associated(*operands, dtype, _unfolded(out, rows, cols))
    return out


def _unfolded(v: Array, rows: int, cols: int) -> Array:
    """The last axis of v split into (rows, cols): a view, whatever the stride."""
    return v.reshape(*v.shape[:-1], rows, cols)
