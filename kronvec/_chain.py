"""Runs a many-factor product: reads the call, validates it, carries out its plan.

The operand is seen as X[b, l, j, r]: b the batch axes, j the axis along which K acts, r the
columns behind it (matrices that K multiplies from the left) and l the rows before it
(matrices multiplied from the right).  One of l and r is 1.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from . import _engine, _kernels
from ._fastpath import small_product
from ._plan import Pass, Plan, Step, make_plan
from ._results import any_masked, assign, wrap_like
from ._shapes import (
    as_array,
    check_addressable,
    check_kron_axis,
    check_out,
    check_scalar,
    read_factors,
    shape_error,
)
from ._threads import check_workers, run_ranges
from .products import kron


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
    """``alpha K x + beta out``: K, or Kᵀ, along ``axis`` of the ``core`` last axes of x."""
    workers = check_workers(function, workers)
    check_scalar(function, "alpha", alpha)
    check_scalar(function, "beta", beta)
    operands = [as_array(function, "x", x, min_ndim=1), *read_factors(function, factors)]
    if any_masked(*operands):
        raise TypeError(f"{function}: masked arrays are not supported; fill them first")
    x, *factors = given = [np.asarray(a) for a in operands]
    if x.ndim == 1:
        core, axis = 1, -1
    cols = check_kron_axis(function, factors, x, axis, transposed=transposed)
    if transposed:
        factors = [f.T if f.ndim == 2 else np.swapaxes(f, -1, -2) for f in factors]
    batch = _batch_shape(function, given[1:], x, core)
    rows = x.shape[-2:-1] if core == 2 and axis == -1 else ()
    columns = x.shape[-1:] if core == 2 and axis == -2 else ()
    shape = (*batch, *rows, prod(f.shape[-2] for f in factors), *columns)
    dtype = np.result_type(*factors, x, *([] if _is_one(alpha) else [alpha]))
    check_addressable(function, shape, dtype.itemsize)
    if out is not None:
        check_out(function, out, shape, dtype if _is_zero(beta) else np.result_type(dtype, beta))
    elif not _is_zero(beta):
        raise ValueError(f"{function}: beta={beta!r} needs out")
    if _is_one(alpha):
        result = small_product(given[1:], x, axis, transposed)
        if result is not None:
            return _combine(result, beta, out, operands)
    factors = _with_alpha(function, factors, alpha, dtype)
    left, right = prod(rows), prod(columns)
    if dtype not in _kernels.DTYPES or any(f.ndim > 2 for f in factors):
        state = x.astype(dtype, copy=False).reshape(*x.shape[: x.ndim - core], left, cols, right)
        return _combine(_chain_of_matmul(factors, state).reshape(shape), beta, out, operands)
    lanes = max(1, _kernels.vector_bytes() // dtype.itemsize)
    plan = make_plan(
        tuple(f.shape for f in factors), prod(batch) * left, right, dtype.itemsize, lanes
    )
    matrices = [[_factor(factors, step, dtype) for step in each.steps] for each in plan.passes]
    direct = (
        out is not None
        and _is_zero(beta)
        and out.dtype == dtype
        and out.flags.carray
        and not any(np.may_share_memory(out, a) for a in (x, *factors))
    )
    result = out if direct else np.empty(shape, dtype)
    if x.size == 0:
        result[...] = 0  # sums over no terms
    elif result.size:
        _run(plan, matrices, _contiguous(x, dtype, batch, core), result.reshape(-1), workers)
    return result if direct else _combine(result, beta, out, operands)


def _batch_shape(function, factors, x, core):
    if all(f.ndim == 2 for f in factors):
        return x.shape[: x.ndim - core]
    try:
        return np.broadcast_shapes(x.shape[: x.ndim - core], *(f.shape[:-2] for f in factors))
    except ValueError:
        named = {f"factor_{i}": f for i, f in enumerate(factors)}
        raise shape_error(function, "batch axes do not broadcast", x=x, **named) from None


def _is_zero(scalar) -> bool:
    if type(scalar) is int or type(scalar) is float:
        return scalar == 0
    return np.ndim(scalar) == 0 and bool(scalar == 0)


def _is_one(scalar) -> bool:
    return type(scalar) is int and scalar == 1


def _with_alpha(function, factors, alpha, dtype):
    """The factors, the smallest one times alpha."""
    if _is_one(alpha):
        return factors
    smallest = min(range(len(factors)), key=lambda i: factors[i].size)
    try:
        scaled = np.multiply(alpha, factors[smallest], dtype=dtype)
    except OverflowError as error:
        raise ValueError(f"{function}: alpha={alpha!r} does not fit dtype {dtype}") from error
    return [scaled if i == smallest else f for i, f in enumerate(factors)]


def _combine(result, beta, out, operands):
    """``result + beta out`` in out; result itself without out.  beta = 0 does not read out."""
    if out is None:
        return wrap_like(result, *operands)
    if not _is_zero(beta):
        result = result + beta * out
    assign(out, result)
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


def _factor(factors, step: Step, dtype):
    """The matrix of one step in a dtype that its kernel takes.

    Real factors of complex data stay real, except where rows of the data meet the packed
    transpose.
    """
    if step.before:
        own = replace(step, before=(), by_rows=False)
        pair = [_factor(factors, replace(own, factors=step.before), dtype)]
        pair.append(_factor(factors, own, dtype))
        return np.array(pair, np.result_type(*pair, *([dtype] if step.by_rows else [])))
    merged = [factors[i] for i in step.factors]
    if dtype.kind == "c" and not step.by_rows and all(f.dtype.kind != "c" for f in merged):
        dtype = np.empty(0, dtype).real.dtype
    f, *others = (np.asarray(f, dtype) for f in merged)
    for other in others:
        f = kron(f, other)
    if step.by_rows:
        return np.require(f.T, requirements=["C", "A"])
    if any(stride % f.itemsize for stride in f.strides) or not f.flags.aligned:
        f = f.copy()
    return f


def _contiguous(x, dtype, batch, core):
    """x as a flat C-contiguous array of dtype; a copy only where it is not that already."""
    if x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned:
        return x.reshape(-1)
    full = (*batch, *x.shape[x.ndim - core :])
    if x.shape != full:
        x = np.broadcast_to(x, full)
    return np.require(x, dtype, ["C", "A"]).reshape(-1)


def _run(plan: Plan, matrices, source, target, workers):
    """The passes, from ``source`` to ``target``, all flat.

    Intermediates take turns between the target, where they fit into it, and a workspace.
    """
    size = max((each.output_size for each in plan.passes[:-1]), default=0)
    workspaces = []
    for to, each, factors in zip(_turns(plan, target.size), plan.passes, matrices, strict=True):
        while to >= len(workspaces):
            workspaces.append(np.empty(size, target.dtype))
        destination = target if to < 0 else workspaces[to]
        _run_pass(each, factors, source, destination, workers)
        source = destination


def _turns(plan: Plan, target_size) -> list[int]:
    """Where each pass writes: -1 the target, else the number of a workspace."""
    turns = [-1]
    for each, later in zip(plan.passes[-2::-1], plan.passes[:0:-1], strict=True):
        if later.in_place:
            turns.append(turns[-1])
        elif turns[-1] == -1 or each.output_size > target_size:
            turns.append(0 if turns[-1] != 0 else 1)
        else:
            turns.append(-1)
    return turns[::-1]


def _run_pass(each: Pass, factors, source, target, workers):
    if each.kernel == "matmul":
        x = source[: each.input_size].reshape(each.left, each.rows_in, each.right)
        y = target[: each.output_size].reshape(each.left, each.rows_out, each.right)
        if each.right == 1:
            np.matmul(x[..., 0], factors[0].T, out=y[..., 0])
        else:
            np.matmul(factors[0], x, out=y)
        return
    sizes = each.sizes
    run_ranges(
        lambda begin, end: _engine.run_pass(sizes, factors, source, target, begin, end),
        each.blocks,
        workers,
    )
