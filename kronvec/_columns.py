"""Rows of Khatri-Rao products, a block at a time, and what is multiplied by them.

With L the product of the first matrices and R that of the others, (L ⊙ R) x is the matrix
L diag(x) Rᵀ, row by row: two products of few rows stand for the one of many.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from . import _kernels, _ufuncs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ._typing import Array, DType, Shape


# Bytes of the rows of a product that are formed at a time.
BLOCK_BYTES = 1 << 20
# Entries of a sample from which on a call of the kernel for each of a batch pays.
_WORTH_A_CALL = 1024
# Up to this many columns, by bytes of a vector, BLAS is slower than our own matrix product.
_FEW_COLUMNS = {64: 64, 32: 32, 16: 8}


def own_target(out: Array | None, shape: Shape, dtype: DType, operands: Sequence[Array]) -> Array:
    """``out`` if a result of this kind may be written there at once, else a new array."""
    if (
        out is not None
        and out.dtype == dtype
        and out.flags.carray
        and not any(np.may_share_memory(out, a) for a in operands)
    ):
        return out
    return np.empty(shape, dtype.newbyteorder("="))


def column_pair(a: Array, b: Array, y: Array | None = None) -> Array:
    """y[..., i p + k, j] = a[..., i, j] b[..., k, j] for a (m, n) and b (p, n) of one dtype."""
    (m, n), p = a.shape[-2:], b.shape[-2]
    if y is None:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        y = np.empty((*batch, m * p, n), a.dtype)
    *batch, _, _ = y.shape
    if y.dtype in _kernels.DTYPES and (not batch or m * p * n >= _WORTH_A_CALL):
        a, b = (np.require(f, requirements=["C", "A"]) for f in (a, b))
        a, b = np.broadcast_to(a, (*batch, m, n)), np.broadcast_to(b, (*batch, p, n))
        for sample in np.ndindex(*batch):
            _kernels.khatri_rao(a[sample], b[sample], y[sample])
        return y
    cube = y.reshape(*y.shape[:-2], m, p, n)
    np.multiply(a[..., :, None, :], b[..., None, :, :], out=cube)
    return y


def row_pair(a: Array, b: Array, y: Array | None = None) -> Array:
    """y[..., i, j q + l] = a[..., i, j] b[..., i, l]: row by row a Kronecker product."""
    if y is None:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        y = np.empty((*batch, a.shape[-2], a.shape[-1] * b.shape[-1]), a.dtype)
    if a.dtype in _kernels.DTYPES:
        _ufuncs.bkron(a[..., None, :], b[..., None, :], out=y[..., None, :])
    else:
        split = y.reshape(*y.shape[:-1], a.shape[-1], b.shape[-1])
        np.multiply(a[..., :, None], b[..., None, :], out=split)
    return y


def times(mats: Sequence[Array], x: Array, y: Array) -> Array:
    """y[l, r] = Σ_j L[l, j] x[j] R[r, j], L and R the products of the halves of mats."""
    left, right = halves(mats, y.size // max(1, y.shape[-1]))
    behind = np.swapaxes(right, -1, -2)
    cube = y.reshape(*y.shape[:-1], prod(a.shape[-2] for a in left), right.shape[-2])
    few = has_few_columns(right, x, y)
    for start, stop, rows in row_blocks(left, x):
        if few:
            _kernels.add_product(rows * x, behind, cube[start:stop], False)
        else:
            np.matmul(rows * x[..., None, :], behind, out=cube[..., start:stop, :])
    return y


def transposed_times(mats: Sequence[Array], x: Array, shape: Shape) -> Array:
    """y[j] = Σ_l L[l, j] Σ_r x[l, r] R[r, j]."""
    y = np.zeros(shape, x.dtype)
    left, right = halves(mats, y.size // max(1, y.shape[-1]))
    cube = x.reshape(*x.shape[:-1], prod(a.shape[-2] for a in left), right.shape[-2])
    few = has_few_columns(right, x, y)
    for start, stop, rows in row_blocks(left, right, max(1, x.size // max(1, x.shape[-1]))):
        if few:
            term = np.empty((stop - start, y.shape[-1]), y.dtype)
            _kernels.add_product(cube[start:stop], right, term, False)
        else:
            term = np.matmul(cube[..., start:stop, :], right)
        y += np.sum(rows * term, axis=-2, dtype=x.dtype)
    return y


def has_few_columns(matrix: Array, *others: Array) -> bool:
    """Whether a product with this matrix, of no batch, is one for our own kernels."""
    return (
        matrix.ndim == 2
        and matrix.dtype in _kernels.DTYPES
        and matrix.shape[-1] <= _FEW_COLUMNS.get(_kernels.vector_bytes(), 0)
        and all(a.flags.aligned for a in (matrix, *others))
        and all(a.ndim <= 1 for a in others)
    )


def halves(mats: Sequence[Array], batch: int = 1) -> tuple[Sequence[Array], Array]:
    """The first matrices, and the product of the others: about as many rows on either side."""
    sizes = [a.shape[-2] for a in mats]
    most = _fitting_rows(mats[-1], batch)
    cuts = [i for i in range(len(mats)) if i == len(mats) - 1 or prod(sizes[i:]) <= most]
    cut = min(cuts, key=lambda i: prod(sizes[:i]) + prod(sizes[i:]))
    return mats[:cut], reduce(column_pair, mats[cut:])


def _fitting_rows(a: Array, batch: int = 1) -> int:
    """How many rows, as long as those of a, make a block."""
    return max(64, BLOCK_BYTES // max(1, batch * a.shape[-1] * a.itemsize))


def row_blocks(mats: Sequence[Array], like: Array, batch: int = 1) -> Iterator[tuple[Any, ...]]:
    """(start, stop, rows start to stop of A1 ⊙ … ⊙ AN), a block at a time; one 1s row of none."""
    if not mats:
        yield 0, 1, np.ones((1, like.shape[-1]), like.dtype)
        return
    sizes = tuple(a.shape[-2] for a in mats)
    step = _fitting_rows(mats[0], batch * prod(like.shape[:-2]))
    if len(mats) == 1:
        for start in range(0, sizes[0], step):
            stop = min(start + step, sizes[0])
            yield start, stop, mats[0][..., start:stop, :]
        return
    # Some rows of the product of the first matrices, times the whole product of the others.
    cut = next((i for i in range(len(mats)) if prod(sizes[i:]) <= step), len(mats) - 1)
    others = reduce(column_pair, mats[cut:])
    if cut == 0:
        yield 0, prod(sizes), others
        return
    behind, count = others.shape[-2], prod(sizes[:cut])
    step = max(1, step // max(1, behind))
    for start in range(0, count, step):
        stop = min(start + step, count)
        first = picked_rows(mats[:cut], np.unravel_index(np.arange(start, stop), sizes[:cut]))
        yield start * behind, stop * behind, column_pair(first, others)


def picked_rows(mats: Sequence[Array], indices: tuple[Array, ...]) -> Array:
    """Row s is the elementwise product of the rows indices[i][s] of A_i."""
    rows = mats[0][..., indices[0], :]
    for a, index in zip(mats[1:], indices[1:], strict=True):
        rows = rows * a[..., index, :]
    return rows
