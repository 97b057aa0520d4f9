"""Some rows of a Kronecker product times X: ``y[s, r] = Σ_j Π_i F_i[rows_i[s], j_i] X[j, r]``.

1. Leading factors are applied as usual, each reduced to the rows of it that occur:
   z[l] = ((F_1 ⊗ … ⊗ F_t) X)[l] for all combinations l of those rows.
2. The samples, sorted, form a tree: those that agree in the rows of the first i factors are one
   group g, for which z_i[g] = Σ_p F_i[rows_i, p] z_{i-1}[g', p] is computed once, g' the group
   of i - 1 factors that holds g.

t is where both together take the fewest multiply-adds.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ._chain import apply_factors
from ._columns import row_pair
from ._factor_shapes import check_kron_axis, check_rows, factors_batch, read_factors
from ._scaling import check_scalars, check_target, combine, scaled_dtype, with_alpha
from ._shapes import as_array, check_unmasked
from ._threads import check_workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike

    from ._typing import Array, Scalar


# Bytes that the groups of a block of samples take.
BLOCK_BYTES = 1 << 22
# How long a multiply-add of step 2 takes, in those of a matrix product: where each group has a
# copy of what it multiplies, and where a product of matrices is made for each group above.
_GATHERED, _MULTIPLIED = 20, 2
# Entries of z_i-1[g'] from which on that pays.
_WORTH_A_PRODUCT = 2048


def apply_rows(
    function: str,
    factors: Iterable[ArrayLike | None],
    x: ArrayLike,
    rows: Iterable[ArrayLike],
    *,
    core: int,
    alpha: Scalar = 1,
    beta: Scalar = 0,
    out: Array | None = None,
    workers: int | None = None,
) -> Array:
    """``alpha K[rows] x + beta out`` for x (..., Π p_i), or (..., Π p_i, k) where ``core`` is 2."""
    workers = check_workers(function, workers)
    check_scalars(function, alpha, beta)
    operands = [as_array(function, "x", x, min_ndim=1), *read_factors(function, factors)]
    check_unmasked(function, *operands)
    x, *dense = (np.asarray(a) for a in operands)
    core = min(core, x.ndim)
    length = check_kron_axis(function, dense, x, -core)
    rows = check_rows(function, rows, [f.shape[-2] for f in dense])
    batch, columns = factors_batch(function, dense, x, core), x.shape[x.ndim - core + 1 :]
    shape = (*batch, len(rows[0]), *columns)
    dtype = scaled_dtype(alpha, x, *dense).newbyteorder("=")
    check_target(function, out, beta, shape, dtype)
    dense = with_alpha(function, dense, alpha, dtype)
    x = x.astype(dtype, copy=False).reshape(*x.shape[: x.ndim - core], length, prod(columns))
    y = np.zeros((*batch, len(rows[0]), prod(columns)), dtype)
    if y.size and length:
        if any(f.ndim > 2 for f in dense):
            _by_formed_rows(dense, x, rows, y)
        else:
            _by_groups(function, dense, x, rows, y, workers)
    return combine(y.reshape(shape), beta, out, operands)


def _by_formed_rows(factors: Sequence[Array], x: Array, rows: Sequence[Array], y: Array) -> None:
    """Batched factors: K[rows] is their row-wise product; a block of it at a time, times x."""
    step = max(1, BLOCK_BYTES // (prod(y.shape[:-2]) * x.shape[-2] * x.itemsize))
    for start in range(0, len(rows[0]), step):
        part = slice(start, start + step)
        picked = [
            f[..., index[part], :].astype(x.dtype, copy=False)
            for f, index in zip(factors, rows, strict=True)
        ]
        np.matmul(reduce(row_pair, picked), x, out=y[..., part, :])


def _by_groups(
    function: str, factors: Sequence[Array], x: Array, rows: Sequence[Array], y: Array, workers: int
) -> None:
    """y[..., s, r] for matrices F_i; x and y of one dtype."""
    sizes, count = [f.shape[-1] for f in factors], len(rows[0])
    occurring, places = zip(
        *(_numbered(index, f.shape[0]) for index, f in zip(rows, factors, strict=True)), strict=True
    )
    counts = [len(numbers) for numbers in occurring]
    *batch, length, columns = x.shape
    cut = _cut(counts, sizes, count, columns)
    behind = prod(sizes[cut:])
    z = x.reshape(*batch, length // behind, behind * columns)
    first = [
        f if len(numbers) == len(f) else f[numbers]
        for f, numbers in zip(factors[:cut], occurring, strict=False)
    ]
    z = apply_factors(function, first, z, core=2, axis=-2, workers=workers)
    heads = places[0]
    for place, number in zip(places[1:cut], counts[1:cut], strict=True):
        heads = heads * number + place
    if cut == len(factors):
        y[...] = np.take(z, heads, axis=-2) if columns > 1 else z[..., 0][..., heads, None]
        return
    order = np.lexsort((*places[:cut:-1], places[cut], heads))
    heads, rows = heads[order], [index[order] for index in rows[cut:]]
    step = max(1, BLOCK_BYTES // (prod(batch) * behind * columns * x.itemsize))
    for start in range(0, count, step):
        part = slice(start, start + step)
        index = [each[part] for each in rows]
        y[..., order[part], :] = _down_the_tree(z, heads[part], factors[cut:], index)


def _numbered(index: Array, size: int) -> tuple[Array, Array]:
    """The numbers below ``size`` that occur, and the place of each of ``index`` among them."""
    occurs = np.zeros(size, bool)
    occurs[index] = True
    if occurs.all():
        return np.arange(size), index
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[index]


def _cut(counts: Sequence[int], sizes: Sequence[int], samples: int, columns: int) -> int:
    """How many factors to apply with all combinations of their rows that occur: one at least."""

    def combined(i: int) -> int:
        return prod(counts[: i + 1]) * prod(sizes[i:])

    def grouped(i: int) -> int:
        entries = prod(sizes[i:])
        factor = _MULTIPLIED if entries * columns >= _WORTH_A_PRODUCT else _GATHERED
        return factor * min(samples, prod(counts[: i + 1])) * entries

    def cost(cut: int) -> int:
        return sum(map(combined, range(cut))) + sum(map(grouped, range(cut, len(sizes))))

    return min(range(1, len(sizes) + 1), key=cost)


def _down_the_tree(
    z: Array, heads: Array, factors: Sequence[Array], rows: Sequence[Array]
) -> Array:
    """``Σ_p Π_i F_i[rows_i[s], p_i] z[..., heads[s], p]`` for sorted samples s."""
    parents = heads
    fresh = np.ones(len(heads), bool)
    fresh[1:] = heads[1:] != heads[:-1]
    for f, index in zip(factors, rows, strict=True):
        fresh[1:] |= index[1:] != index[:-1]
        firsts = np.flatnonzero(fresh)
        z = _children(z, parents[firsts], f[index[firsts]])
        parents = np.cumsum(fresh) - 1
    return z[..., parents, :]


def _children(z: Array, parents: Array, f: Array) -> Array:
    """y[..., g, r] = Σ_p f[g, p] z[..., parents[g], p, r] with ascending parents."""
    p = f.shape[-1]
    z = z.reshape(*z.shape[:-1], p, z.shape[-1] // p)
    if p * z.shape[-1] >= _WORTH_A_PRODUCT:
        y = np.empty((*z.shape[:-3], len(f), z.shape[-1]), z.dtype)
        starts = np.flatnonzero(np.diff(parents, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(f)], strict=True):
            np.matmul(f[start:stop], z[..., parents[start], :, :], out=y[..., start:stop, :])
        return y
    z = z[..., parents, :, :]
    if z.shape[-1] == 1 and z.dtype.kind in "fc":
        conjugate = np.conjugate(f) if f.dtype.kind == "c" else f  # as vecdot does, too
        return np.vecdot(conjugate, z[..., 0])[..., None]
    return np.matmul(f[:, None, :], z)[..., 0, :]
