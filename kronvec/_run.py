"""Carries out the plan of a many-factor product, for one matrix or for each of a batch.

The operand is X[b, l, j, r], j the axis along which K acts.  Batch axes along which no factor
changes are rows, l, to the engine; the others are items, each with its own factors.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from . import _engine, _kernels
from ._factor_shapes import IdentityFactor
from ._machine import level2_bytes
from ._plan import BATCH_ITEM, Pass, Plan, Step, make_plan, make_sum_plan
from ._threads import run_ranges
from .products import bkron, kron

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ._typing import Array, DType, Factor, Scalar, Shape


# How a product is computed.
COPY = "copy"
MATMUL_CHAIN = "matmul chain"
PLAN = "plan"


def choose_route(factors: Sequence[Factor], x_shape: Shape, batch: Shape, dtype: DType) -> str:
    """By which route to take factors (..., q, p) along axis -2 of X (..., l, Π p, r).

    A copy where all are identities; `numpy.matmul` for one factor after the other where there
    is no kernel or the items of a batch of factors are small; else a plan.
    """
    if all(isinstance(f, IdentityFactor) for f in factors):
        return COPY
    if dtype not in _kernels.DTYPES:
        return MATMUL_CHAIN
    stop = _varying(factors, len(batch))
    if stop == 0:
        return PLAN
    outside = prod(batch[stop:]) * x_shape[-3] * x_shape[-1]
    largest = outside * max(x_shape[-2], prod(f.shape[-2] for f in factors))
    return MATMUL_CHAIN if largest < BATCH_ITEM else PLAN


class Job:
    """One product: its plan for each item of the batch, before there is a result.

    Parameters
    ----------
    factors : list of ndarray or IdentityFactor
        Of shapes (..., q_i, p_i), batch axes broadcasting.
    x : ndarray
        Of shape (*own batch axes, l, Π p_i, r), with nothing empty.
    batch : tuple of int
        All batch axes, broadcast.
    dtype : dtype
        Of the result; one that has kernels.
    """

    def __init__(self, factors: Sequence[Factor], x: Array, batch: Shape, dtype: DType) -> None:
        self.loop, shape, self.plan = plan_item(factors, x.shape, batch, dtype)
        stop = len(self.loop)
        if any(f.ndim > 2 for f in factors):
            factors = [_without_rows(f, len(batch) - stop) for f in factors]
        self.matrices = [
            [step_matrix(factors, step, dtype) for step in each.steps] for each in self.plan.passes
        ]
        own = ((1,) * (len(batch) + 3 - x.ndim) + x.shape[:-3])[:stop] if stop else ()
        self._source = _contiguous(x, (*own, *shape), dtype).reshape(*own, -1)

    def adds(self) -> bool:
        """Whether the last pass can add to what its target holds."""
        return self.plan.passes[-1].kernel != "matmul"

    def run(self, target: Array, workers: int, beta: Scalar | None = None) -> None:
        """``target = K X + beta target`` for a contiguous target; None does not read it.

        beta is an array of one entry, of the target's dtype or the real one of its kind.
        """
        turns = self.plan.turns(target.size // prod(self.loop) if beta is None else -1)
        if not self.loop:
            source, target = self._source, target.reshape(-1)
            _run(self.plan, turns, self.matrices, source, target, workers, beta, [])
            return
        indices = list(np.ndindex(*self.loop))
        sources = np.broadcast_to(self._source, (*self.loop, self._source.shape[-1]))
        stacks = [
            [
                np.broadcast_to(f, (*self.loop, *f.shape[-3 if step.before else -2 :]))
                for f, step in zip(matrices, each.steps, strict=True)
            ]
            for matrices, each in zip(self.matrices, self.plan.passes, strict=True)
        ]
        targets = target.reshape(len(indices), -1)
        inside = 1 if workers <= len(indices) else workers

        def task(begin: int, end: int) -> None:
            workspaces: list[Any] = []
            for i in range(begin, end):
                index = indices[i]
                matrices = [[f[index] for f in stack] for stack in stacks]
                source = sources[index]
                _run(self.plan, turns, matrices, source, targets[i], inside, beta, workspaces)

        # The threads share the items, or else the blocks of each: the bits are the same.
        run_ranges(task, len(indices), workers if inside == 1 else 1)


def plan_item(
    factors: Sequence[Factor], x_shape: Shape, batch: Shape, dtype: DType
) -> tuple[tuple[Any, ...], Shape, Plan]:
    """The batch axes that make items, the shape of an item of X (*rows, l, Π p, r), its plan."""
    stop = _varying(factors, len(batch))
    shape = (*batch[stop:], *x_shape[-3:])
    shapes = tuple([f.shape[-2:] if isinstance(f, np.ndarray) else f.shape[:1] for f in factors])
    lanes = max(1, _kernels.vector_bytes() // dtype.itemsize)
    plan = make_plan(shapes, prod(shape[:-2]), shape[-1], dtype.itemsize, lanes)
    return batch[:stop], shape, plan


def _compiled_plan(
    shapes: Sequence[Shape],
    left: int,
    right: int,
    itemsize: int,
    sums: bool,
    merge: bool,
) -> tuple[tuple[Any, ...], int, int] | None:
    """The plan for plain factors of one dtype as `_engine.CompiledPlan` takes it.

    None for a plan in which numpy.matmul has a part.
    """
    lanes = max(1, _kernels.vector_bytes() // itemsize)
    if sums:
        sizes = tuple([q for q, _ in shapes])
        plan = make_sum_plan(sizes, left, right, itemsize, lanes, merge)
        turns, count = [-1] * len(plan.passes), 0
    else:
        plan = make_plan(shapes, left, right, itemsize, lanes)
        size = left * prod(q for q, _ in shapes) * right
        turns, (count, _) = plan.turns(size), workspaces(plan, size)
    if any(each.kernel == "matmul" for each in plan.passes):
        return None
    passes = tuple(
        (each.sizes, each.blocks, to, tuple(_recipe(step) for step in each.steps))
        for to, each in zip(turns, plan.passes, strict=True)
    )
    return passes, count, plan.workspace_size if count else 0


def _recipe(step: Step) -> tuple[int, int, int, int]:
    """The first factor of a step and how many there are, and so for the axis before."""
    first, *_ = step.before or (0,)
    return step.factors[0], len(step.factors), first, len(step.before)


_engine.plan_with(_compiled_plan)


def workspaces(plan: Plan, target_size: int) -> tuple[int, int]:
    """How many workspaces the passes share, and the entries of each."""
    return max(plan.turns(target_size)) + 1, plan.workspace_size


def _varying(factors: Sequence[Factor], ndim: int) -> int:
    """How many of the leading batch axes reach to the last along which a factor changes."""
    if all(f.ndim == 2 for f in factors):
        return 0
    batch = np.broadcast_shapes(*(f.shape[:-2] for f in factors))
    behind = next((i for i, n in enumerate(batch[::-1]) if n != 1), len(batch))
    return ndim - behind if behind < len(batch) else 0


def _without_rows(f: Any, rows: int) -> Array:
    """A factor without its last ``rows`` batch axes, along which no factor changes."""
    return f.reshape(*f.shape[: max(0, f.ndim - 2 - rows)], *f.shape[-2:]) if f.ndim > 2 else f


def step_matrix(
    factors: Sequence[Any],
    step: Step,
    dtype: DType,
    merged: Callable[..., Any] | None = None,
) -> Array:
    """The matrix of one step, or one for each of a batch, in a dtype that its kernel takes.

    Real factors of complex data stay real, except where rows of the data meet the packed
    transpose.  The two of a step on two axes stand behind one another.  ``merged`` makes one
    matrix of a list of factors: by default their Kronecker product.
    """
    merged = merged or _product
    involved = (*step.before, *step.factors)
    if dtype.kind == "c" and not (
        step.by_rows or any(factors[i].dtype.kind == "c" for i in involved)
    ):
        dtype = np.empty(0, dtype).real.dtype
    f = merged([np.asarray(factors[i], dtype) for i in step.factors])
    if step.before:
        first = merged([np.asarray(factors[i], dtype) for i in step.before])
        batch = () if first.ndim == f.ndim == 2 else np.broadcast(first, f).shape[:-2]
        pair = np.empty((*batch, 2, step.q, step.p), dtype)
        pair[..., 0, :, :] = first
        pair[..., 1, :, :] = f
        return pair
    if step.by_rows:
        return np.require(np.swapaxes(f, -1, -2), requirements=["C", "A"])
    if any(stride % f.itemsize for stride in f.strides) or not f.flags.aligned:
        f = f.copy()
    return f


def _product(factors: Sequence[Array]) -> Array:
    """F1 ⊗ F2 ⊗ …, of matrices or of batches."""
    f, *others = factors
    for other in others:
        f = kron(f, other) if f.ndim == other.ndim == 2 else bkron(f, other)
    return f


def _contiguous(x: Array, shape: Shape, dtype: DType) -> Array:
    """x broadcast to ``shape``, C-contiguous, of dtype; no copy of what is that already."""
    if x.shape != shape:
        x = np.broadcast_to(x, shape)
    elif x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned:
        return x
    return np.require(x, dtype, ["C", "A"])


def _run(
    plan: Plan,
    turns: Sequence[int],
    matrices: Sequence[list[Array]],
    source: Array,
    target: Array,
    workers: int,
    beta: Scalar,
    workspaces: list[Any],
) -> None:
    """The passes, from ``source`` to ``target``, all flat; ``workspaces`` are made as needed."""
    for to, each, factors in zip(turns, plan.passes, matrices, strict=True):
        while to >= len(workspaces):
            workspaces.append(np.empty(plan.workspace_size, target.dtype))
        destination = target if to < 0 else workspaces[to]
        adding = beta if each is plan.passes[-1] else None
        _run_pass(each, factors, source, destination, workers, adding)
        source = destination


# Columns of one product made of thin ones, and the widest that counts as thin.
_COLUMNS = 512
_THIN = 64


def multiply_each(f: Array, x: Array, y: Array) -> None:
    """y[l] = F x[l] for x of shape (l, p, r).

    An F that no core's cache holds would be read once for each l.  Where x[l] is thin, as many of
    them as make some hundred columns stand side by side, and F is read once for all of these.
    """
    count, p, r = x.shape
    together = _COLUMNS // max(r, 1)
    if f.ndim != 2 or count == 1 or r > _THIN or f.nbytes <= level2_bytes() or not x.size:
        np.matmul(f, x, out=y)
        return
    beside = np.empty(p * together * r, x.dtype)
    product = np.empty(f.shape[0] * together * r, y.dtype)
    for begin in range(0, count, together):
        rows = slice(begin, min(begin + together, count))
        columns = (rows.stop - begin) * r
        source = beside[: p * columns].reshape(p, columns)
        target = product[: f.shape[0] * columns].reshape(f.shape[0], columns)
        source.reshape(p, -1, r)[...] = x[rows].swapaxes(0, 1)
        np.matmul(f, source, out=target)
        y[rows] = target.reshape(f.shape[0], -1, r).swapaxes(0, 1)


def _run_pass(
    each: Pass, factors: list[Array], source: Array, target: Array, workers: int, beta: Scalar
) -> None:
    if each.kernel == "matmul":
        x = source[: each.input_size].reshape(each.left, each.rows_in, each.right)
        y = target[: each.output_size].reshape(each.left, each.rows_out, each.right)
        if each.right == 1:
            np.matmul(x[..., 0], factors[0].T, out=y[..., 0])
        else:
            multiply_each(factors[0], x, y)
        return
    sizes = each.sizes
    if workers == 1:
        _engine.run_pass(sizes, factors, source, target, 0, each.blocks, beta)
        return
    run_ranges(
        lambda begin, end: _engine.run_pass(sizes, factors, source, target, begin, end, beta),
        each.blocks,
        workers,
    )
