"""A matricized tensor times a Khatri-Rao product, the workhorse of the CP decomposition."""

from __future__ import annotations

import operator
from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from . import _kernels
from ._columns import BLOCK_BYTES, column_pair, has_few_columns, row_blocks
from ._factor_shapes import check_alike
from ._foreign import array_api
from ._results import store, wrap_like
from ._shapes import as_array, broadcast, check_addressable, check_out, check_unmasked, shape_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from ._typing import Array


# A matrix product with fewer terms costs more than its arithmetic.
_FEW_TERMS = 8


@array_api
def mttkrp(
    x: ArrayLike, mats: Sequence[ArrayLike | None], mode: int, *, out: Array | None = None
) -> Array:
    """Matricized tensor times Khatri-Rao product: ``Y = X_(mode) (⊙_{i ≠ mode} A_i)``.

    ``Y[i, r] = Σ X[i_1, …, i_N] Π_{k ≠ mode} A_k[i_k, r]`` over all indices but i = i_mode.

    Parameters
    ----------
    x : array_like, shape (..., I_1, …, I_N)
        The tensor, N the number of matrices.
    mats : sequence of N array_like, each of shape (..., I_k, R)
        The one at ``mode`` is not used and may be None.  Leading axes broadcast with those of x.
    mode : int
        Which axis of the N to keep, from 0; negative ones count from the end.
    out : ndarray, optional
        Where to put the result; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., I_mode, R)
        Of the result type of x and the matrices used.

    Raises
    ------
    ValueError
        If there is no matrix, x has fewer axes, sizes do not fit, batch axes do not broadcast,
        ``mode`` is none of the axes, or ``out`` does not fit.
    TypeError
        If ``mats`` is not a sequence of matrices, ``mode`` not an integer, an operand is masked,
        or the result cannot be cast to the dtype of ``out`` by the rule "same_kind".

    See Also
    --------
    khatri_rao : the right factor, formed.

    Notes
    -----
    X is read once, where it lies (also in Fortran order), by matrix products with the
    Khatri-Rao product of the matrices behind ``mode`` or of those before it; the rows of that, or
    the columns of the result, are weighted by the other of the two.  Both products are formed a
    block at a time.  In which order X is unfolded does not matter as long as the product has the
    same.

    References
    ----------
    .. [1] T. G. Kolda and B. W. Bader, "Tensor decompositions and applications", SIAM Review 51
       (2009), section 3.4.
    .. [2] A.-H. Phan, P. Tichavský and A. Cichocki, "Fast alternating LS algorithms for high
       order CANDECOMP/PARAFAC tensor factorizations", IEEE Trans. Signal Process. 61 (2013).

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> x = np.arange(8.0).reshape(2, 2, 2)
    >>> ones, weights = np.ones((2, 1)), np.array([[1.0], [10.0]])
    >>> kv.mttkrp(x, [None, ones, weights], 0)
    array([[ 42.],
           [130.]])
    """
    x = as_array("mttkrp", "x", x)
    mats, mode = _read(x, mats, mode)
    operands = [x, *(a for i, a in enumerate(mats) if i != mode)]
    check_unmasked("mttkrp", *operands)
    x, *others = (np.asarray(a) for a in operands)
    columns = check_alike("mttkrp", others or [mats[mode]], -1)
    batch = x.shape[: x.ndim - len(mats)]
    core = x.shape[x.ndim - len(mats) :]
    named = {f"matrix_{i}": a for i, a in enumerate(mats) if i != mode}
    if any(a.shape[-2] != n for a, n in zip(others, core[:mode] + core[mode + 1 :], strict=True)):
        raise shape_error("mttkrp", "matrices need as many rows as x has entries", x=x, **named)
    try:
        batch = broadcast(batch, *(a.shape[:-2] for a in others))
    except ValueError:
        raise shape_error("mttkrp", "batch axes do not broadcast", x=x, **named) from None
    shape, dtype = (*batch, core[mode], columns), np.result_type(x, *others)
    check_addressable("mttkrp", shape, dtype.itemsize)
    if out is not None:
        check_out("mttkrp", out, shape, dtype)
    x, *others = (a.astype(dtype.newbyteorder("="), copy=False) for a in (x, *others))
    if x.ndim == len(core) and x.flags.f_contiguous:
        # Transposed it is in C order, and its axes and matrices count from the other end.
        x, core, others, mode = x.T, core[::-1], others[::-1], len(core) - 1 - mode
    left, right = prod(core[:mode]), prod(core[mode + 1 :])
    cube = x.reshape(*x.shape[: x.ndim - len(core)], left, core[mode], right)
    result = np.zeros(shape, x.dtype)
    if cube.size and result.size:
        _accumulate(cube, others[:mode], others[mode:], result)
    return wrap_like(result, *operands) if out is None else store("mttkrp", result, out)


def _read(x: Array, mats: Iterable[ArrayLike | None], mode: Any) -> tuple[list[Any], int]:
    """The matrices as arrays, None where it is not needed, and the mode from 0."""
    try:
        mats = list(mats)
    except TypeError:
        raise TypeError(
            f"mttkrp: mats must be a sequence of matrices, got {type(mats).__name__}"
        ) from None
    if not mats or x.ndim < len(mats):
        raise shape_error(
            "mttkrp", f"x needs an axis for each of the {len(mats)} matrices, one at least", x=x
        )
    try:
        kept = operator.index(mode)
    except TypeError:
        raise TypeError(f"mttkrp: mode must be an integer, got {type(mode).__name__}") from None
    if not -len(mats) <= kept < len(mats):
        raise ValueError(f"mttkrp: mode must be one of {len(mats)} axes, got {mode}")
    kept %= len(mats)
    needed = [i != kept or len(mats) == 1 for i in range(len(mats))]
    read = [
        as_array("mttkrp", f"matrix {i}", a, min_ndim=2) if need else None
        for i, (a, need) in enumerate(zip(mats, needed, strict=True))
    ]
    return read, kept


def _accumulate(x: Array, before: Sequence[Array], behind: Sequence[Array], y: Array) -> None:
    """y[i, c] += Σ_l Σ_r x[l, i, r] L[l, c] R[r, c] for the matrices before and behind the mode.

    A matrix product sums over the longer of l and r, for as many of the rest at a time as make
    a block; the shorter one is weighted and summed then.
    """
    *batch, left, size, right = x.shape
    if not batch and x.flags.aligned and has_few_columns(y):
        _accumulate_few(x, before, behind, y)
        return
    row_bytes = max(1, prod(y.shape) // max(1, size) * y.itemsize)
    if left <= right:  # t[l, i, c] = Σ_r x[l, i, r] R[r, c]
        weights = _product(before, y)
        step = max(1, BLOCK_BYTES // (row_bytes * size))
        for start in range(0, left, step):
            part = x[..., start : start + step, :, :].reshape(*batch, -1, right)
            t = _times_product(part, behind, y)
            t = t.reshape(*t.shape[:-2], -1, size, y.shape[-1])
            t = t * weights[..., start : start + step, None, :]
            y += np.sum(t, axis=-3, dtype=y.dtype)
    else:  # t[i, r, c] = Σ_l x[l, i, r] L[l, c]
        weights = _product(behind, y)
        step = max(1, BLOCK_BYTES // (row_bytes * right))
        columns = np.swapaxes(x.reshape(*batch, left, size * right), -1, -2)
        for start in range(0, size, step):
            part = columns[..., start * right : (start + step) * right, :]
            t = _times_product(part, before, y)
            t = t.reshape(*t.shape[:-2], -1, right, y.shape[-1]) * weights[..., None, :, :]
            y[..., start : start + step, :] += np.sum(t, axis=-2, dtype=y.dtype)


def _accumulate_few(x: Array, before: Sequence[Array], behind: Sequence[Array], y: Array) -> None:
    """The same for y of few columns: x[l, :, :] times R with its rows weighted by L[l, :]."""
    left, _, right = x.shape
    if left > right and right < _FEW_TERMS:  # t[c, i, r] = Σ_l L[l, c] x[l, i, r]
        weights, flat = _product(behind, y), x.reshape(left, -1)
        along_columns = _filled(y.shape[1], y) >= _filled(flat.shape[1], y)
        t = np.zeros((y.shape[1], flat.shape[1]), y.dtype, order="F" if along_columns else "C")
        for start, stop, rows in row_blocks(before, y):
            if along_columns:
                _kernels.add_product(flat[start:stop].T, rows, t.T, True)
            else:
                _kernels.add_product(rows.T, flat[start:stop], t, True)
        t = t.reshape(*y.T.shape, right)
        y += np.sum(t * weights.T[:, None, :], axis=-1, dtype=y.dtype).T
    elif left <= right:
        weights = _packed(_product(before, y))
        for start, stop, rows in row_blocks(behind, y):
            _kernels.add_weighted_product(x[..., start:stop], weights, _packed(rows), y)
    else:
        rows = _packed(_product(behind, y))
        for start, stop, weights in row_blocks(before, y):
            _kernels.add_weighted_product(x[start:stop], _packed(weights), rows, y)


def _filled(n: int, like: Array) -> float:
    """The share of the vectors along n entries that holds some."""
    lanes = max(1, _kernels.vector_bytes() // like.itemsize)
    return n / (-(-n // lanes) * lanes)


def _packed(a: Array) -> Array:
    return np.require(a, requirements=["C", "A"])


def _product(mats: Sequence[Array], like: Array) -> Array:
    """A1 ⊙ … ⊙ AN; a row of ones for no matrix."""
    return reduce(column_pair, mats) if mats else np.ones((1, like.shape[-1]), like.dtype)


def _times_product(x: Array, mats: Sequence[Array], like: Array) -> Array:
    """X (A1 ⊙ … ⊙ AN), a block of the product's rows at a time."""
    total: Any = None
    for start, stop, rows in row_blocks(mats, like):
        term = np.matmul(x[..., start:stop], rows)
        total = term if total is None else total + term
    return total
