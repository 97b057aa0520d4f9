"""Runs a many-factor product: reads the call, validates it, chooses how it is computed.

The operand is seen as X[b, l, j, r]: b the batch axes, j the axis along which K acts, r the
columns behind it (matrices that K multiplies from the left) and l the rows before it
(matrices multiplied from the right).  One of l and r is 1.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ._factor_shapes import (
    IdentityFactor,
    check_kron_axis,
    factors_batch,
    read_factors,
    size_identity,
)
from ._fastpath import small_product
from ._results import wrap_like
from ._run import COPY, MATMUL_CHAIN, Job, choose_route
from ._scaling import (
    check_scalars,
    check_target,
    combine,
    is_one,
    is_zero,
    scaled,
    scaled_dtype,
    with_alpha,
)
from ._shapes import as_array, check_unmasked
from ._threads import check_workers
from .permutations import transpose_into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from ._typing import Array, DType, Factor, Factors, Scalar, Shape


def apply_factors(
    function: str,
    factors: Factors,
    x: ArrayLike,
    *,
    core: int,
    axis: int,
    transposed: bool = False,
    alpha: Scalar = 1,
    beta: Scalar = 0,
    out: Array | None = None,
    workers: int | None = None,
) -> Array:
    """``alpha K x + beta out``: K, or Kᵀ, along ``axis`` of the ``core`` last axes of x."""
    workers = check_workers(function, workers)
    check_scalars(function, alpha, beta)
    call = read_call(function, factors, x, core, axis, transposed)
    operands, x, given, factors, core, axis, batch = call
    dense = [f for f in factors if isinstance(f, np.ndarray)]
    rows = x.shape[-2:-1] if core == 2 and axis == -1 else ()
    columns = x.shape[-1:] if core == 2 and axis == -2 else ()
    along = (prod(f.shape[-2] for f in factors),)
    shape = (*batch, *rows, *along, *columns)
    dtype = scaled_dtype(alpha, *dense, x)
    check_target(function, out, beta, shape, dtype)
    target = out
    swapped = core == 2 and _lies_by_columns(x)
    if swapped:  # the transpose lies by rows: K X = (Xᵀ Kᵀ)ᵀ
        x, axis, shape = np.swapaxes(x, -1, -2), -3 - axis, (*batch, *columns, *along, *rows)
        target = None if out is None else np.swapaxes(out, -1, -2)
    if is_one(alpha):
        result = small_product(given, x, axis, transposed)
        if result is not None:
            return _finish(result, beta, out, swapped, operands)
    factors = with_alpha(function, factors, alpha, dtype)
    state = state_of(x, core, axis)
    route = choose_route(factors, state.shape, batch, dtype)
    if route == COPY:
        result = x.astype(dtype) if is_one(alpha) else scaled(function, alpha, x, dtype)
        return _finish(result, beta, out, swapped, operands)
    if x.size == 0 or 0 in shape:  # sums over no terms
        return _finish(np.zeros(shape, dtype), beta, out, swapped, operands)
    if route == MATMUL_CHAIN:
        result = _chain_of_matmul(factors, state.astype(dtype, copy=False)).reshape(shape)
        return _finish(result, beta, out, swapped, operands)
    job = Job(factors, state, batch, dtype)
    entry = None if is_zero(beta) else _entry(beta, dtype)
    adds = is_zero(beta) or (entry is not None and job.adds())
    if target is not None and adds and _takes_result(target, dtype, (x, *dense)):
        job.run(target, workers, entry)
        return out  # type: ignore[return-value]  # there with its target
    result = np.empty(shape, dtype)
    job.run(result, workers)
    return _finish(result, beta, out, swapped, operands)


def read_call(
    function: str, factors: Factors, x: ArrayLike, core: int, axis: int, transposed: bool
) -> tuple[list[Any], Array, list[Any], list[Any], int, int, Shape]:
    """The operands of a call, validated.

    Returns (what was given; x; the factors, each an array or an IdentityFactor; those applied,
    transposed if K is; ``core`` and ``axis``, 1 and -1 for a single vector; the batch axes).
    """
    x = as_array(function, "x", x, min_ndim=1)
    factors = read_factors(function, factors, identities=True)
    operands = [x, *factors]
    check_unmasked(function, *operands)
    x = np.asarray(x)
    if x.ndim == 1:
        core, axis = 1, -1
    factors = size_identity(function, factors, x.shape[axis], transposed=transposed)
    given: list[Any] = [f if isinstance(f, IdentityFactor) else np.asarray(f) for f in factors]
    if core == 1 and x.ndim == 2 and all(f.ndim == 2 for f in given):
        core = 2  # vectors are the rows of a matrix
    check_kron_axis(function, given, x, axis, transposed=transposed)
    applied = given
    if transposed:
        applied = [f.T if f.ndim == 2 else np.swapaxes(f, -1, -2) for f in given]
    return operands, x, given, applied, core, axis, factors_batch(function, given, x, core)


def state_of(x: Array, core: int, axis: int) -> Array:
    """x as X[b, l, j, r]."""
    if core == 1:
        return x[..., None, :, None]
    return x[..., None] if axis == -1 else x[..., None, :, :]


def _lies_by_columns(x: Array) -> bool:
    """Whether the matrices of x are contiguous column by column, and not also row by row."""
    return not x.flags.c_contiguous and np.swapaxes(x, -1, -2).flags.c_contiguous


def _takes_result(target: Array, dtype: DType, operands: tuple[Array, ...]) -> bool:
    """Whether the engine may write into ``target`` while it reads the operands."""
    return (
        target.dtype == dtype
        and target.flags.carray
        and not any(np.may_share_memory(target, a) for a in operands)
    )


def _entry(beta: Scalar, dtype: DType) -> Array | None:
    """beta as the array of one entry that the engine scales by; None where that is no such."""
    if np.result_type(dtype, beta) != dtype:
        return None
    return np.full(1, beta, dtype if np.iscomplexobj(beta) else np.empty(0, dtype).real.dtype)


def _finish(
    result: Array,
    beta: Scalar,
    out: Array | None,
    swapped: bool,
    operands: Sequence[Factor],
) -> Array:
    """``result + beta out`` in out; result itself without out.  beta = 0 does not read out.

    ``swapped`` says that result is the transpose.
    """
    if not swapped:
        return combine(result, beta, out, operands)
    if out is None:
        return wrap_like(np.swapaxes(result, -1, -2), *operands)
    if not is_zero(beta):
        result = result + beta * np.swapaxes(out, -1, -2)
    transpose_into(np.asarray(out)[..., None], np.asarray(result)[..., None])
    return out


def _chain_of_matmul(factors: Sequence[Factor], y: Array) -> Array:
    """K y along axis -2 of y (..., l, Π p, r), factor by factor: odd dtypes, batches of small."""
    *batch, left, _, right = y.shape
    behind = prod(f.shape[-1] for f in factors[1:]) * right
    before = left
    for i, f in enumerate(factors):
        q, p = f.shape[-2:]
        if isinstance(f, np.ndarray):
            y = np.matmul(f[..., None, :, :], y.reshape(*batch, before, p, behind))
            batch = y.shape[:-3]
        before *= q
        behind = prod(g.shape[-1] for g in factors[i + 2 :]) * right
    return y
