"""Parts of a matrix on a tensor product: partial trace and partial transpose.

A matrix of shape (Π r_i, Π c_i) is an array with the axes r_1 … r_N, c_1 … c_N: splitting an
axis never copies.  The trace sums a view of the diagonals along its pairs (r_i, c_i), the
transpose exchanges them and moves each entry once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._foreign import array_api
from ._results import assign, store
from ._shapes import as_movable, as_plain, check_formable, check_out
from ._structured import ask, is_operator, is_sparse, sparse_entries, sparse_from
from ._subsystem_shapes import (
    check_subsystems,
    check_traceable,
    read_subsystems,
)
from .permutations import rearranged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ._subsystem_shapes import Pairs, Subsystems

# From so many entries on einsum's sums, in one sweep each, are as fast as those of add.reduce.
_EINSUM_PAYS = 64


@array_api
def partial_trace(
    m: Any,
    dims: Sequence[int | tuple[int, int]],
    axis: int | Sequence[int],
    *,
    out: NDArray | None = None,
) -> Any:
    """Trace out subsystems: ``tr_B(A ⊗ B) = A tr(B)``, for axis 1 of two.

    Parameters
    ----------
    m : array_like, shape (..., Π dims, Π dims)
        Matrices of numbers on the tensor product of the subsystems; a sparse matrix of SciPy; or
        an operator.
    dims : sequence of int or (int, int)
        The sizes of the subsystems, the slowest first, as in ``kron(A, B, C)``.  A pair
        (rows, columns) is a rectangular subsystem, which stays.
    axis : int or tuple of int
        The subsystems to trace out; negative numbers count from the last.  (QuTiP's ``ptrace``
        names those that stay.)
    out : ndarray, optional
        Where the result is stored; may overlap ``m``.

    Returns
    -------
    ndarray, shape (..., Π, Π) of the sizes of the remaining subsystems
        Of the dtype of ``m``, in which it is summed.  Sparse ``m``: sparse, of its format.  An
        operator: what it makes of itself, else an ndarray.

    Raises
    ------
    ValueError
        ``m`` is not of the shape that ``dims`` make, an axis is out of bounds or named twice, a
        subsystem to trace out is not square, ``out`` has another shape or is read-only, or ``m``
        is an operator without structure of more than 4096 rows or columns.
    TypeError
        ``m`` is not an array of numbers or is masked, a size or an axis is no integer, or
        ``out`` cannot hold the dtype.

    See Also
    --------
    partial_transpose : transpose subsystems.

    References
    ----------
    Nielsen & Chuang, *Quantum Computation and Quantum Information* (2010), section 2.4.3.
    Bhatia, *Positive Definite Matrices* (2007), section 4.3.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A, B = np.array([[1, 2], [3, 4]]), np.array([[5, 0, 1], [0, 6, 0], [1, 0, 7]])
    >>> kv.partial_trace(np.kron(A, B), (2, 3), 1)
    array([[18, 36],
           [54, 72]])
    >>> np.array_equal(kv.partial_trace(np.kron(A, B), (2, 3), 0), np.trace(A) * B)
    True

    One qubit of an entangled pair is in the maximally mixed state:

    >>> bell = np.array([1, 0, 0, 1]) / np.sqrt(2)
    >>> kv.partial_trace(np.outer(bell, bell), (2, 2), 0).round(3)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    name = "partial_trace"
    systems = read_subsystems(name, dims, axis)
    check_traceable(name, systems.pairs, systems.axes)
    if not isinstance(m, np.ndarray):
        if is_sparse(m):
            return _sparse(name, m, systems, out, _traced_entries)
        m, own = _own_result(name, m, systems, out)
        if own is not NotImplemented:
            return own
    matrix = as_plain(name, "m", m, min_ndim=2)
    check_subsystems(name, matrix, systems)
    shape = (*matrix.shape[:-2], *systems.left_shape)
    dtype = matrix.dtype.newbyteorder("=")
    direct = out is None
    if out is not None:
        check_out(name, out, shape, dtype)
        plain = type(out) is np.ndarray and out.dtype == dtype
        direct = plain and not np.may_share_memory(out, matrix)
    target = out if direct and out is not None else np.empty(shape, dtype)
    _trace_into(target, matrix, systems.groups)
    if out is None:
        return target
    if not direct:
        assign(out, target)
    return out


def _trace_into(target: NDArray, m: NDArray, groups) -> None:
    """``target`` = Σ over the diagonals of the chosen groups of m, in its dtype."""
    batch, rows, columns = m.shape[:-2], [g[0] for g in groups], [g[1] for g in groups]
    m = m.reshape((*batch, *rows, *columns), copy=False)
    axis, count = len(batch), len(groups)
    # A diagonal takes its two axes away and puts itself last.
    for i in range(count - 1, -1, -1):
        if groups[i][2]:
            m = m.diagonal(0, axis + i, axis + len(rows) + i)
            del rows[i], columns[i]
    target = target.reshape((*batch, *rows, *columns), copy=False)
    kept = target.ndim
    if m.ndim == kept:
        target[...] = m
    elif m.size < _EINSUM_PAYS:
        np.add.reduce(m, axis=tuple(range(kept, m.ndim)), dtype=target.dtype, out=target)
    else:
        letters = list(range(m.ndim))
        np.einsum(m, letters, letters[:kept], out=target)


def _own_result(name: str, m, systems: Subsystems, out):
    """(m, what an operator makes of itself); (dense m, NotImplemented) where it does not."""
    if not is_operator(m):
        return m, NotImplemented
    check_subsystems(name, m, systems)
    own = ask(m, f"_{name}", systems.pairs, systems.axes)
    if own is NotImplemented:
        check_formable(name, m)
        return m.toarray(), own
    return m, own if out is None else store(name, np.asarray(own), out)


def _sparse(name: str, m, systems: Subsystems, out, entries):
    """The sparse matrix of ``entries(m, systems)``: rows, columns, data, shape."""
    if out is not None:
        raise TypeError(f"{name}: out needs a dense m")
    check_subsystems(name, m, systems)
    row, column, data, shape = entries(m, systems)
    return sparse_from(row, column, data, shape, m)


def _split_indices(m, pairs: Pairs):
    """The row and column numbers of sparse entries, in each subsystem, and the values."""
    row, column, data = sparse_entries(m)
    if not data.size:  # an empty matrix has no index to split
        return [row] * len(pairs), [column] * len(pairs), data
    rows = np.unravel_index(row, [r for r, _ in pairs])
    return list(rows), list(np.unravel_index(column, [c for _, c in pairs])), data


def _joined(indices, sizes, count: int) -> NDArray:
    """One number of several digits, for ``count`` entries."""
    number = np.zeros(count, np.intp)
    for digit, size in zip(indices, sizes, strict=True):
        number = number * size + digit
    return number


def _joined_pairs(rows, columns, data, pairs: Pairs, shape):
    row = _joined(rows, [r for r, _ in pairs], len(data))
    return row, _joined(columns, [c for _, c in pairs], len(data)), data, shape


def _traced_entries(m, systems: Subsystems):
    """Those with equal digits in the subsystems to trace out, without these digits."""
    rows, columns, data = _split_indices(m, systems.pairs)
    stays = np.ones(len(data), bool)
    for i in reversed(systems.axes):
        stays &= rows.pop(i) == columns.pop(i)
    rows, columns = ([digit[stays] for digit in digits] for digits in (rows, columns))
    return _joined_pairs(rows, columns, data[stays], systems.left, systems.left_shape)


def _transposed_entries(m, systems: Subsystems):
    """All, with those digits exchanged."""
    rows, columns, data = _split_indices(m, systems.pairs)
    for i in systems.axes:
        rows[i], columns[i] = columns[i], rows[i]
    return _joined_pairs(rows, columns, data, systems.flipped, systems.flipped_shape)


@array_api
def partial_transpose(
    m: Any,
    dims: Sequence[int | tuple[int, int]],
    axis: int | Sequence[int],
    *,
    out: NDArray | None = None,
) -> Any:
    """Transpose subsystems: ``A ⊗ B`` becomes ``A ⊗ Bᵀ``, for axis 1 of two.

    Parameters
    ----------
    m : array_like, shape (..., Π dims, Π dims)
        Matrices on the tensor product of the subsystems, of any dtype; a sparse matrix of SciPy;
        or an operator.
    dims : sequence of int or (int, int)
        The sizes of the subsystems, the slowest first, as in ``kron(A, B, C)``.  A pair
        (rows, columns) is a rectangular subsystem.
    axis : int or tuple of int
        The subsystems to transpose; negative numbers count from the last.
    out : ndarray, optional
        Where the result is stored; may be ``m`` or overlap it in any way.

    Returns
    -------
    ndarray, shape (..., Π, Π) of the subsystems' sizes, exchanged in those transposed
        Of the dtype of ``m``, never a view.  Sparse ``m``: sparse, of its format.  An operator:
        what it makes of itself, else an ndarray.

    Raises
    ------
    ValueError
        ``m`` is not of the shape that ``dims`` make, an axis is out of bounds or named twice,
        ``out`` has another shape or is read-only, or ``m`` is an operator without structure of
        more than 4096 rows or columns.
    TypeError
        ``m`` is not an array, a size or an axis is no integer, or ``out`` cannot hold the dtype.

    See Also
    --------
    partial_trace : trace subsystems out.
    realignment : the other rearrangement of two subsystems.

    References
    ----------
    Peres, *Phys. Rev. Lett.* 77 (1996), 1413-1415; Horodecki, Horodecki & Horodecki, *Phys. Lett.
    A* 223 (1996), 1-8: a state is entangled if its partial transpose has a negative eigenvalue.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A, B = np.array([[1, 2], [3, 4]]), np.array([[5, 6, 7]])
    >>> kv.partial_transpose(np.kron(A, B), (2, (1, 3)), 1)
    array([[ 5, 10],
           [ 6, 12],
           [ 7, 14],
           [15, 20],
           [18, 24],
           [21, 28]])
    >>> bell = np.array([1, 0, 0, 1]) / np.sqrt(2)
    >>> np.linalg.eigvalsh(kv.partial_transpose(np.outer(bell, bell), (2, 2), 0)).round(3)
    array([-0.5,  0.5,  0.5,  0.5])
    """
    name = "partial_transpose"
    systems = read_subsystems(name, dims, axis)
    if not isinstance(m, np.ndarray):
        if is_sparse(m):
            return _sparse(name, m, systems, out, _transposed_entries)
        m, own = _own_result(name, m, systems, out)
        if own is not NotImplemented:
            return own
    matrix = as_movable(name, "m", m, min_ndim=2)
    check_subsystems(name, matrix, systems)
    groups, count = systems.groups, len(systems.groups)
    split = (*(g[0] for g in groups), *(g[1] for g in groups))
    order = [i + count if g[2] else i for i, g in enumerate(groups)]
    order += [i if g[2] else i + count for i, g in enumerate(groups)]
    shape = (*matrix.shape[:-2], *systems.flipped_shape)
    return rearranged(name, matrix, split, order, shape, out)
