"""The plain definitions of partial trace, partial transpose and realignment, by their indices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ._reference_vec import vec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._typing import Array, Order, Scalar, Shape


def _pairs(dims: tuple[int | tuple[int, int], ...]) -> list[tuple[int, int]]:
    """(rows, columns) of each subsystem."""
    return [(d, d) if isinstance(d, int) else d for d in dims]


def _axes(axis: int | Shape, count: int) -> list[Scalar]:
    return sorted(a % count for a in np.atleast_1d(np.asarray(axis, int)))


def _digits(sizes: Sequence[int] | Shape) -> Array:
    """The index of each subsystem, one row for each, at every number below Π sizes."""
    return np.indices(sizes).reshape(len(sizes), math.prod(sizes))


def _numbers(digits: Array, sizes: Shape) -> Array:
    """The number that has these digits."""
    number = np.zeros(digits.shape[1], np.intp)
    for digit, size in zip(digits, sizes, strict=True):
        number = number * size + digit
    return number


def partial_trace(m: Array, dims: Shape, axis: Shape) -> Array:
    """Σ_t (I ⊗ e_tᵀ ⊗ I) M (I ⊗ e_t ⊗ I), from the last of the axes to the first."""
    m = np.asanyarray(m)
    m, pairs = m.astype(m.dtype.newbyteorder("="), copy=False), _pairs(dims)
    for i in reversed(_axes(axis, len(pairs))):
        rows, columns = _digits([r for r, _ in pairs])[i], _digits([c for _, c in pairs])[i]
        size = pairs.pop(i)[0]
        shape = math.prod(r for r, _ in pairs), math.prod(c for _, c in pairs)
        y = np.zeros((*m.shape[:-2], *shape), m.dtype)
        for t in range(size):
            y += m[..., np.flatnonzero(rows == t)[:, None], np.flatnonzero(columns == t)]
        m = y
    return m


def partial_transpose(
    m: Array, dims: tuple[int | tuple[int, int], ...], axis: int | Shape
) -> Array:
    """Entry (r, c) goes where the digits of r and c that are among the axes are exchanged."""
    m, pairs = np.asanyarray(m), _pairs(dims)
    axes = _axes(axis, len(pairs))
    to = [pair[::-1] if i in axes else pair for i, pair in enumerate(pairs)]
    (rows, columns), (to_rows, to_columns) = zip(*pairs, strict=True), zip(*to, strict=True)
    shape = math.prod(rows), math.prod(columns)
    row, column = (index.ravel() for index in np.indices(shape))
    r, c = _digits(rows)[:, row], _digits(columns)[:, column]
    for i in axes:
        r[i], c[i] = c[i].copy(), r[i].copy()
    y = np.empty((*m.shape[:-2], math.prod(to_rows), math.prod(to_columns)), m.dtype)
    y[..., _numbers(r, to_rows), _numbers(c, to_columns)] = m[..., row, column]
    return y


def realignment(
    m: Array,
    shape_a: Shape,
    shape_b: Shape,
    *,
    order: Order = "F",
    inverse: bool = False,
) -> Array:
    """Row vec(i, j) of R is the vec of block (i, j) of M; ``inverse`` puts the blocks back."""
    m, (rows, columns), (p, q) = np.asanyarray(m), shape_a, shape_b
    shape = (rows * p, columns * q) if inverse else (rows * columns, p * q)
    y = np.empty((*m.shape[:-2], *shape), m.dtype)
    for i in range(rows):
        for j in range(columns):
            row = j * rows + i if order == "F" else i * columns + j
            block = (..., slice(i * p, (i + 1) * p), slice(j * q, (j + 1) * q))
            if not inverse:
                y[..., row, :] = vec(m[block], order=order)
            elif order == "F":
                y[block] = np.swapaxes(m[..., row, :].reshape(*m.shape[:-2], q, p), -1, -2)
            else:
                y[block] = m[..., row, :].reshape(*m.shape[:-2], p, q)
    return y
