"""Runs a many-factor product: reads the call, validates it, carries out its plan.

The operand is seen as X[b, l, j, r]: b the batch axes, j the axis along which K acts, r the
columns behind it (matrices that K multiplies from the left) and l the rows before it
(matrices multiplied from the right).  One of l and r is 1.
"""

from __future__ import annotations

from math import prod

import numpy as np

from . import _engine, _kernels
from ._plan import Plan, Step, make_plan
from ._shapes import (
    as_array,
    check_addressable,
    check_kron_axis,
    check_out,
    read_factors,
    shape_error,
)
from ._threads import check_workers, run_ranges

# Columns that threads share are split at whole cache lines.
_COLUMN_GRAIN = 64


def apply_factors(
    function,
    factors,
    x,
    *,
    core,
    axis,
    transposed=False,
    alpha=1,
    beta=0,
    out=None,
    workers=None,
):
    """``alpha K x + beta out`` with K (Kᵀ if transposed) along ``axis`` of the ``core`` last axes."""
    workers = check_workers(function, workers)
    given = factors = read_factors(function, factors)
    x = as_array(function, "x", x, min_ndim=1)
    if x.ndim == 1:
        core, axis = 1, -1
    cols = check_kron_axis(function, factors, x, axis, transposed=transposed)
    if transposed:
        factors = [np.swapaxes(f, -1, -2) for f in factors]
    batch = _batch_shape(function, given, x, core)
    rows = x.shape[-2:-1] if core == 2 and axis == -1 else ()
    columns = x.shape[-1:] if core == 2 and axis == -2 else ()
    shape = (*batch, *rows, prod(f.shape[-2] for f in factors), *columns)
    dtype = np.result_type(*factors, x, *([] if _is_one(alpha) else [alpha]))
    check_addressable(function, shape, dtype.itemsize)
    if out is not None:
        check_out(function, out, shape, dtype if _is_zero(beta) else np.result_type(dtype, beta))
    elif not _is_zero(beta):
        raise ValueError(f"{function}: beta={beta!r} needs out")
    factors = _with_alpha(factors, alpha, dtype)
    left, right = prod(rows), prod(columns)
    if dtype not in _kernels.DTYPES or any(f.ndim > 2 for f in factors):
        state = x.astype(dtype, copy=False).reshape(*x.shape[: x.ndim - core], left, cols, right)
        return _combine(_chain_of_matmul(factors, state).reshape(shape), beta, out)
    plan = make_plan(tuple(f.shape for f in factors), prod(batch) * left, right)
    operands = [_factor(factors, step, dtype, x.dtype) for step in plan.steps]
    direct = (
        out is not None
        and _is_zero(beta)
        and out.dtype == dtype
        and out.flags.carray
        and not any(np.may_share_memory(out, a) for a in (x, *operands))
    )
    result = out if direct else np.empty(shape, dtype)
    _run(plan, operands, _contiguous(x, dtype, batch, core), result.reshape(-1), workers)
    if type(result) is np.ndarray and type(x) is not np.ndarray and out is None:
        result = x.__array_wrap__(result)
    return result if direct else _combine(result, beta, out)


def _batch_shape(function, factors, x, core):
    try:
        return np.broadcast_shapes(x.shape[: x.ndim - core], *(f.shape[:-2] for f in factors))
    except ValueError:
        named = {f"factor_{i}": f for i, f in enumerate(factors)}
        raise shape_error(function, "batch axes do not broadcast", x=x, **named) from None


def _is_zero(scalar) -> bool:
    return np.ndim(scalar) == 0 and scalar == 0


def _is_one(scalar) -> bool:
    return type(scalar) is int and scalar == 1


def _with_alpha(factors, alpha, dtype):
    """The factors, the smallest one times alpha."""
    if _is_one(alpha):
        return factors
    smallest = min(range(len(factors)), key=lambda i: factors[i].size)
    return [
        np.multiply(alpha, f, dtype=dtype) if i == smallest else f for i, f in enumerate(factors)
    ]


def _combine(result, beta, out):
    """``result + beta out`` in out; result itself without out.  beta = 0 does not read out."""
    if out is None:
        return result
    if not _is_zero(beta):
        result = result + beta * out
    np.copyto(out, result, casting="same_kind")
    return out


def _chain_of_matmul(factors, y):
    """K y along axis -2 of y (..., l, Π p, r), factor by factor: batched factors, odd dtypes."""
    *batch, left, _, right = y.shape
    behind = prod(f.shape[-1] for f in factors[1:]) * right
    before = left
    for i, f in enumerate(factors):
        q, p = f.shape[-2:]
        y = np.matmul(f[..., None, :, :], y.reshape(*batch, before, p, behind))
        batch = y.shape[:-3]
        before *= q
        behind = prod(g.shape[-1] for g in factors[i + 2 :]) * right
    return y


def _factor(factors, step: Step, dtype, x_dtype):
    """The factor of one step in a dtype that its kernel takes: real factors of complex data
    stay real, except along the last axis, where the kernel mixes both."""
    f = factors[step.factors[0]]
    for i in step.factors[1:]:
        f = np.kron(f, factors[i])
    if dtype.kind == "c" and f.dtype.kind != "c" and step.right > 1 and step.kernel != "matmul":
        dtype = np.empty(0, dtype).real.dtype
    f = np.asarray(f, dtype)
    if any(stride % f.itemsize for stride in f.strides) or not f.flags.aligned:
        f = f.copy()
    return f


def _contiguous(x, dtype, batch, core):
    """x as a flat C-contiguous array of dtype; a copy only where it is not that already."""
    full = (*batch, *x.shape[x.ndim - core :])
    x = np.asarray(x)
    if x.shape != full:
        x = np.broadcast_to(x, full)
    return np.ascontiguousarray(x, dtype).reshape(-1)


def _run(plan: Plan, operands, source, target, workers):
    """The steps, from ``source`` through at most two workspaces to ``target``, all flat."""
    spare = []
    for number, (step, f) in enumerate(zip(plan.steps, operands, strict=True)):
        last = number == len(plan.steps) - 1
        if last:
            to = target
        else:
            to = spare.pop() if spare else np.empty(plan.workspace, target.dtype)
        _run_step(step, f, source, to, workers)
        if number and not last:
            spare.append(workspace)
        workspace = source = to


def _run_step(step: Step, f, source, target, workers):
    if step.output_size == 0:
        return
    if step.kernel == "matmul":
        x = source[: step.input_size].reshape(step.left, step.p, step.right)
        y = target[: step.output_size].reshape(step.left, step.q, step.right)
        if step.right == 1:
            np.matmul(x[..., 0], f.T, out=y[..., 0])
        else:
            np.matmul(f, x, out=y)
        return
    size, grain = (step.left, 1) if step.left > 1 else (step.right, _COLUMN_GRAIN)
    run_ranges(
        lambda begin, end: _engine.mode_product(
            f, source, target, step.left, step.right, False, begin, end
        ),
        size,
        workers,
        grain=grain,
    )
