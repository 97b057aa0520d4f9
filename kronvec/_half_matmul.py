"""One product along one axis: what duplication, elimination and symmetrizer matrices share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._results import assign, store, wrap_like
from ._shapes import (
    as_movable,
    as_plain,
    check_addressable,
    check_axis_length,
    check_numeric,
    check_out,
    check_side,
    check_size,
)
from ._triangle import (
    CACHED_SIZE,
    TAILS,
    average,
    duplicate,
    duplicate_halves,
    fold,
    for_size,
    pick,
    spread,
    square_positions,
    symmetrize,
    triangle_size,
    vec_positions,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray


class _Matrix(NamedTuple):
    """How one of the matrices and its transpose act on an axis of x."""

    apply: Callable  # the matrix on an axis of ``columns`` entries, see _triangle.py
    transposed: Callable
    rows: Callable  # their number, from n
    columns: Callable
    divides: bool  # has entries 1/2, so that integers become floats


def _square_size(n: int) -> int:
    return n * n


DUPLICATION = _Matrix(duplicate, fold, _square_size, triangle_size, False)
DUPLICATION_PINV = _Matrix(average, duplicate_halves, triangle_size, _square_size, True)
ELIMINATION = _Matrix(pick, spread, triangle_size, _square_size, False)
SYMMETRIZER = _Matrix(symmetrize, symmetrize, _square_size, _square_size, True)
# The moves that are gathers, and what they read
_GATHERS = {duplicate: square_positions, pick: vec_positions}
# Results of so many entries fit any address space.
_SURELY_ADDRESSABLE = 1 << 48


def half_matmul(
    function: str,
    matrix: _Matrix,
    x: ArrayLike,
    n: int,
    side: str,
    transposed: bool,
    out: NDArray | None,
) -> NDArray:
    """M x or x M, for M the matrix or its transpose: one move along an axis of x."""
    n = check_size(function, "n", n)
    left = check_side(function, side) == "left"
    # x M = (Mᵀ xᵀ)ᵀ
    forwards = left != bool(transposed)
    move = matrix.apply if forwards else matrix.transposed
    length, result_length = matrix.columns(n), matrix.rows(n)
    if not forwards:
        length, result_length = result_length, length
    array = as_movable(function, "x", x, min_ndim=1)
    axis = -2 if left and array.ndim > 1 else -1
    if array.shape[axis] != length:
        why = f"for n = {n} and side={side!r}"
        check_axis_length(function, "x", array, axis, length, why)
    plain = type(array) is np.ndarray
    if move in _GATHERS and out is None and n <= CACHED_SIZE and plain and array.dtype.isnative:
        return array.take(for_size(_GATHERS[move], n), axis)
    if not plain:
        return _dispatched(function, move, array, n, axis, result_length, matrix.divides, out)
    if move not in _GATHERS:
        check_numeric(function, "x", array)
    return _moved(function, move, array, n, axis, result_length, matrix.divides, out)


def _moved(function, move, x, n, axis, length, divides, out):
    """``move`` along ``axis`` of an ndarray, whose length becomes ``length``."""
    dtype = np.result_type(x, 1.0) if divides else x.dtype
    dtype = dtype if dtype.isnative else dtype.newbyteorder("=")
    shape = (*x.shape[:-1], length) if axis == -1 else (*x.shape[:-2], length, x.shape[-1])
    if x.size >= _SURELY_ADDRESSABLE:
        check_addressable(function, shape, dtype.itemsize)
    direct = False
    if out is not None:
        check_out(function, out, shape, dtype)
        direct = type(out) is np.ndarray and out.dtype == dtype and not np.may_share_memory(out, x)
    target = out if direct else np.empty(shape, dtype)
    # What adds reads aligned entries, so that it needs no memory once it writes.
    as_it_is = x.dtype == dtype and (move in _GATHERS or x.flags.aligned)
    source = x if as_it_is else x.astype(dtype)
    if target.size and x.ndim > 1 and axis == -2 and x.shape[-1] == 1:  # a column: no axis behind
        move(target[..., 0], source[..., 0], n, TAILS[0])
    elif target.size:
        move(target, source, n, TAILS[-1 - axis])
    if out is None or direct:
        return target
    assign(out, target)
    return out


def _dispatched(function, move, x, n, axis, length, divides, out):
    """Gathers by np.take, which subclasses and owners of ``__array_function__`` serve.

    What adds or halves reads subclasses as plain arrays, and refuses masks.
    """
    if move in _GATHERS:
        result = np.take(x, gather(move, n), axis=axis)
    else:
        plain = as_plain(function, "x", x)
        result = wrap_like(_moved(function, move, plain, n, axis, length, divides, None), x)
    return result if out is None else store(function, result, out)


def gather(move: Callable, n: int) -> NDArray[np.intp]:
    """The positions that the move of a gather reads, as a fresh array."""
    if n <= CACHED_SIZE:
        return for_size(_GATHERS[move], n).copy()
    source, length = (triangle_size(n), n * n) if move is duplicate else (n * n, triangle_size(n))
    indices = np.empty(length, np.intp)
    move(indices, np.arange(source), n, ())
    return indices


def check_indices(function: str, n) -> int:
    """n, if the n² indices of a square can be addressed."""
    n = check_size(function, "n", n)
    check_addressable(function, (n, n), np.dtype(np.intp).itemsize)
    return n
