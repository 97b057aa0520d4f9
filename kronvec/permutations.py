"""The commutation matrix K_{m,n} as a move of entries: K_{m,n} vec_F(A) = vec_F(Aᵀ), A (m, n).

Row-major memory sees vec_F(A) as the array Aᵀ of shape (n, m).  So K_{m,n} x is x, its axis
split into (n, m), with the two parts exchanged.  Splitting an axis never copies, whatever its
stride, and the exchange is one transposition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import _ufuncs
from ._fastpath import two_tier
from ._foreign import array_api
from ._results import assign, store
from ._shapes import (
    as_movable,
    check_addressable,
    check_axis_size,
    check_out,
    check_side,
    check_size,
    shape_error,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from ._typing import Array, Indices, Shape


# The transposition kernel moves items of a size, whatever they mean.
_MOVED_AS = {
    size: np.dtype(name) for size, name in ((1, "u1"), (2, "u2"), (4, "f4"), (8, "f8"), (16, "c16"))
}
_PLAIN_KINDS = "biufcmMSU"  # items that are nothing but their bytes
_LONG_RUN = 1024  # bytes that NumPy's copy moves as well as anything
# With fewer entries the call of the kernel costs more than NumPy's copy.
KERNEL_PAYS = 2048
# Between scattered axes NumPy's copy is as fast from runs of so many bytes on.
_COPIED_RUN = 256


def _moves_as_bytes(source: Array, target: Array) -> bool:
    return source.dtype == target.dtype and source.dtype.kind in _PLAIN_KINDS


def _runs_along_same_axis(source: Array, target: Array) -> bool:
    """Both fastest along i, or both along j, of source[..., i, j, :]: then it is a plain copy."""
    i, j = source.strides[-3:-1]
    target_j, target_i = target.strides[-3:-1]
    return (abs(i) < abs(j)) == (abs(target_i) < abs(target_j))


def transpose_into(target: Array, source: Array) -> None:
    """``target[..., j, i, :] = source[..., i, j, :]``, also where the two overlap.

    Ndarrays of matching shapes; a last axis of length 1 makes it a transposition of matrices.
    """
    length, size = source.shape[-1], source.dtype.itemsize
    if source.size >= KERNEL_PAYS and _moves_as_bytes(source, target):
        together = source.strides[-1] == target.strides[-1] == size  # the last axis is one run
        item = _MOVED_AS.get(length * size) if together or length == 1 else None
        if item is not None and not _runs_along_same_axis(source, target):
            _ufuncs.transpose(source.view(item)[..., 0], out=target.view(item)[..., 0])
            return
        if item is None and together and length * size <= _LONG_RUN:
            _ufuncs.transpose_runs(source.view("u1"), out=target.view("u1"))
            return
    assign(target, np.swapaxes(source, -2, -3))


def _fastest(a: Array, but: int | None = None) -> int | None:
    """The axis of the least stride, of those that are more than one entry long."""
    axes = [i for i in range(a.ndim) if a.shape[i] > 1 and i != but]
    return min(axes, key=lambda i: abs(a.strides[i]), default=None)


def move_axes(target: Array, source: Array) -> None:
    """``target[...] = source``, two arrays of one shape in any order of axes; they may overlap.

    The axis that is fastest in the source and the one that is fastest in the target make the
    matrices to transpose; an axis that is fastest in both holds the runs.
    """
    if source.size < KERNEL_PAYS:
        assign(target, source)
        return
    i, j, run = _fastest(target), _fastest(source), None
    if i == j:
        run = i
        i, j = _fastest(target, run), _fastest(source, run)
    long = run is not None and source.shape[run] * source.itemsize >= _COPIED_RUN
    if i is None or j is None or i == j or long:
        assign(target, source)
        return
    tail = () if run is None else (run,)
    rest = [axis for axis in range(source.ndim) if axis not in (i, j, run)]
    source, target = source.transpose(*rest, i, j, *tail), target.transpose(*rest, j, i, *tail)
    if run is None:
        source, target = source[..., None], target[..., None]
    transpose_into(target, source)


def _transposed_in_place(x: Array, p: int, q: int, columns: int) -> bool:
    """``x``, a batch of (p, q, columns), with p and q exchanged where it is, if it can be.

    It needs no more memory than O(p + q) times a row of columns.
    """
    if x.dtype.kind not in _PLAIN_KINDS or p * q * columns == 1:
        return False
    try:
        arrays = x.reshape(-1, p * q * columns, copy=False)
    except ValueError:  # batch axes, or rows, that no single stride spans
        return False
    if arrays.strides[-1] != x.itemsize:
        return False
    _ufuncs.move_in_place(arrays.view("u1").reshape(-1, p, q, columns * x.itemsize, copy=False))
    return True


def _same_memory(a: Array, b: Array) -> bool:
    """The entries of both, of one shape, lie in the same places."""
    return a is b or (
        np.may_share_memory(a, b)
        and a.dtype == b.dtype
        and a.strides == b.strides
        and a.__array_interface__["data"] == b.__array_interface__["data"]
    )


def exchange(
    function: str, x: Array, p: int, q: int, *, axis: int = -1, out: Array | None = None
) -> Array:
    """``x`` with its ``axis`` (-1 or -2) split into (p, q) and the two parts exchanged.

    The result has the shape and the dtype of ``x``, in native byte order.  ``out`` may be
    ``x``, which is then permuted where it is, or overlap it in any way.
    """
    if out is not None:
        check_out(function, out, x.shape, x.dtype)
    if type(x) is not np.ndarray or (out is not None and type(out) is not np.ndarray):
        return _handed_over(function, _exchange_dispatched(x, p, q, axis), x, out)
    batch, columns = (x.shape[:-1], 1) if axis == -1 else (x.shape[:-2], x.shape[-1])
    if out is None:
        dtype = x.dtype if x.dtype.isnative else x.dtype.newbyteorder("=")
        out = np.empty(x.shape, dtype)
    elif x.size and _same_memory(x, out) and _transposed_in_place(out, p, q, columns):
        return out
    if x.size:
        transpose_into(
            out.reshape(*batch, q, p, columns, copy=False),
            x.reshape(*batch, p, q, columns, copy=False),
        )
    return out


def _handed_over(function: str, moved: Array, x: Array, out: Array | None) -> Array:
    """What NumPy's functions made of ``x``: a fresh array, or ``out`` with it."""
    if out is not None:
        return store(function, moved, out)
    fresh = not (isinstance(x, np.ndarray) and np.may_share_memory(moved, x))
    return moved if fresh else moved.copy()


def _exchange_dispatched(x: Array, p: int, q: int, axis: int) -> Array:
    """``exchange`` by functions that subclasses and owners of ``__array_function__`` serve."""
    if isinstance(x, np.matrix):  # always two axes, so it cannot be split
        return np.asmatrix(_exchange_dispatched(np.asarray(x), p, q, axis))
    split = x.ndim + axis
    parts = np.reshape(x, (*x.shape[:split], p, q, *x.shape[split + 1 :]))
    return np.reshape(np.swapaxes(parts, split, split + 1), x.shape)


def rearranged(
    function: str,
    m: Array,
    split: Shape,
    permuted: Sequence[int],
    shape: Shape,
    out: Array | None,
) -> Array:
    """``m``, its last two axes split into ``split``, those ``permuted``, and joined to ``shape``.

    Never a view; of the dtype of ``m`` in native byte order.  ``out`` may overlap ``m`` in any way.
    """
    check_addressable(function, shape, m.dtype.itemsize)
    if out is not None:
        check_out(function, out, shape, m.dtype)
    batch = m.ndim - 2
    axes = (*range(batch), *(batch + i for i in permuted))
    if type(m) is not np.ndarray or (out is not None and type(out) is not np.ndarray):
        return _handed_over(function, _rearranged_dispatched(m, split, axes, shape), m, out)
    native = m.dtype if m.dtype.isnative else m.dtype.newbyteorder("=")
    target = np.empty(shape, native) if out is None else out
    if m.size:
        source = m.reshape((*m.shape[:-2], *split), copy=False).transpose(axes)
        move_axes(target.reshape(source.shape, copy=False), source)
    return target


def _rearranged_dispatched(
    m: Array,
    split: Shape,
    axes: tuple[int, int, int, int],
    shape: Shape,
) -> Array:
    """The same by functions that subclasses and owners of ``__array_function__`` serve."""
    if isinstance(m, np.matrix):  # always two axes, so it cannot be split
        return np.asmatrix(_rearranged_dispatched(np.asarray(m), split, axes, shape))
    return np.reshape(np.transpose(np.reshape(m, (*m.shape[:-2], *split)), axes), shape)


@two_tier("commutation_matmul")
@array_api
def commutation_matmul(
    x: ArrayLike,
    m: int,
    n: int,
    *,
    side: str = "left",
    transposed: bool = False,
    out: Array | None = None,
) -> Array:
    """Multiply by the commutation matrix: K_{m,n} x, or x K_{m,n} for ``side="right"``.

    K_{m,n} is the permutation matrix with K_{m,n} vec(A) = vec(Aᵀ) for every A of shape
    (m, n), where vec stacks columns.  It is never formed: entries move once, as in the
    transposition of a matrix.

    Parameters
    ----------
    x : array_like
        A vector (m n,); a matrix, (m n, k) for the left side and (k, m n) for the right; or
        a batch of matrices, which live on the last two axes.  Any dtype.
    m, n : int
        The shape of A.
    side : {"left", "right"}
        "left" computes K x, "right" computes x K.  The right side of a vector is
        x K = Kᵀ x.
    transposed : bool
        Use K_{m,n}ᵀ = K_{n,m} instead of K_{m,n}.
    out : ndarray, optional
        Where the result is stored, of the shape of ``x``.  May be ``x`` itself, which is then
        permuted where it is with O(m + n) further memory (contiguous ``x``, no objects), or
        overlap it in any way.

    Returns
    -------
    ndarray
        Of the shape and the dtype of ``x`` (native byte order); ``out`` where it is given.

    Raises
    ------
    ValueError
        The axis of ``x`` that K multiplies is not m n long, a size is negative, ``side`` is
        neither "left" nor "right", or ``out`` has another shape or is read-only.
    TypeError
        ``x`` is not an array, a size is not an integer, or ``out`` cannot hold the dtype.

    See Also
    --------
    commutation_indices : the same as a gather, ``x[indices]``.
    vec_reorder : between the two vec orders.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 7.
    Henderson & Searle, *Linear and Multilinear Algebra* 9 (1981), 271-288.
    Van Loan, *J. Comput. Appl. Math.* 123 (2000), 85-100.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A = np.array([[1, 2, 3], [4, 5, 6]])
    >>> kv.vec(A)
    array([1, 4, 2, 5, 3, 6])
    >>> kv.commutation_matmul(kv.vec(A), 2, 3)
    array([1, 2, 3, 4, 5, 6])

    Both sides together exchange the factors of a Kronecker product,
    K_{p,m} (A ⊗ B) K_{n,q} = B ⊗ A for A (m, n), B (p, q):

    >>> B = np.array([[1, 0], [2, 1]])
    >>> left = kv.commutation_matmul(np.kron(A, B), 2, 2)
    >>> np.array_equal(kv.commutation_matmul(left, 3, 2, side="right"), np.kron(B, A))
    True
    """
    name = "commutation_matmul"
    m, n = check_axis_size(name, "m", m), check_axis_size(name, "n", n)
    left = check_side(name, side) == "left"
    array = as_movable(name, "x", x, min_ndim=1)
    axis = -2 if left and array.ndim > 1 else -1
    if array.shape[axis] != m * n:
        raise shape_error(
            name,
            f"axis {axis} of x must have length m * n = {m} * {n} = {m * n} for side={side!r}",
            x=array,
        )
    # K_{m,n} x splits into (n, m); x K = (Kᵀ xᵀ)ᵀ, and Kᵀ = K_{n,m}.
    p, q = (n, m) if left != bool(transposed) else (m, n)
    return exchange(name, array, p, q, axis=axis, out=out)


def commutation_indices(m: int, n: int) -> Indices:
    """The gather that is K_{m,n}: ``x[commutation_indices(m, n)]`` equals K_{m,n} x.

    ``indices[i n + j] = j m + i``: entry (j, i) of Aᵀ, column-major, is entry (i, j) of A.

    Parameters
    ----------
    m, n : int
        The shape of the matrices A in K_{m,n} vec(A) = vec(Aᵀ).

    Returns
    -------
    ndarray of intp, shape (m n,)

    Raises
    ------
    ValueError
        A size is negative, or the indices would not fit in the address space.
    TypeError
        A size is not an integer.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 7.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.commutation_indices(2, 3)
    array([0, 2, 4, 1, 3, 5])
    """
    name = "commutation_indices"
    m, n = check_size(name, "m", m), check_size(name, "n", n)
    check_addressable(name, (m, n), np.dtype(np.intp).itemsize)
    return np.arange(m * n, dtype=np.intp).reshape(n, m).T.ravel()
