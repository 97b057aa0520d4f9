"""The pull-back of Y = (F1 ⊗ … ⊗ FN) X: one sweep forward, one sweep backward.

X_i = (F1 ⊗ … ⊗ F_{i-1} ⊗ I) X goes forward, G_i = (I ⊗ F_{i+1}ᴴ ⊗ … ⊗ FNᴴ) G backward, and

    dF_i = Σ_lr G_i[l, :, r] X_i*[l, :, r]ᵀ,

so that each product is made once and serves all factors.  The contractions cross memory twice
and cost more than the products; neighbours that are small share one: for A ⊗ B as one factor,
dA and dB follow from d(A ⊗ B), which is small.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from . import _kernels
from ._chain import apply_factors
from ._gradients import adjoint, conj, pull_back_kron, reduce_to, sum_over
from .products import kron

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._typing import Array, DType, Shape


# Factors are multiplied out up to this size: reading both operands of a contraction takes about
# as long as the arithmetic then.
GROUP_SIZE = 16
# What a group spares must exceed the calls that it costs, some 20 µs.
GROUPS_PAY = 1 << 13
# From this many entries behind the axis on, np.matmul makes the matrices of a contraction one
# by one in less time than it takes to bring the axis to the front.
MATMUL_RUN = 16
# What np.matmul contracts at a time: long rows, a gemm with a few rows and columns, take three
# times as long where they do not stay in the cache.
BLOCK_BYTES = 1 << 17
# Up to this many rows and columns the entries behind the axis are contracted with each other,
# too, in one product, and those that do not meet are left out.
SQUARE_SIZE = 32


def pull_back_factors(
    function: str, g: Array, factors: Sequence[Array], x: Array, batch: Shape, conjugate: bool
) -> tuple[list[Array], Array]:
    """(dF of each factor, dX) for g of the shape of the product, batch axes broadcast."""
    dtype = np.result_type(g, x, *factors)
    if 0 in (g.size, x.size):  # sums over no terms, whatever is infinite in the others
        return [np.zeros(f.shape, dtype) for f in factors], np.zeros(x.shape, dtype)
    groups = _groups(factors, dtype, max(g.size, x.size))
    merged = [reduce(kron, group) for group in groups]
    columns = prod(x.shape[-1:] if x.ndim > 1 else ())
    sizes, before = [], 1
    for i, f in enumerate(merged):
        sizes.append((before, prod(later.shape[-1] for later in merged[i + 1 :]) * columns))
        before *= f.shape[-2]

    state, states, lead = x.astype(dtype, copy=False), [], x.shape[:-2]
    for f, (before, behind) in zip(merged, sizes, strict=True):
        states.append(state.reshape(*lead, before, f.shape[-1], behind))
        if len(states) < len(merged):
            state = _along_axis(function, f, states[-1])
            lead = state.shape[:-3]

    cotangent, gradients = g.astype(dtype, copy=False), []
    for f, group, (before, behind) in zip(merged[::-1], groups[::-1], sizes[::-1], strict=True):
        cotangent = cotangent.reshape(*batch, before, f.shape[-2], behind)
        gradient = _contract(cotangent, states.pop(), f.shape, conjugate)
        gradients.extend(_members(gradient, group, conjugate)[::-1])
        cotangent = _along_axis(function, adjoint(f, conjugate), cotangent)
    return gradients[::-1], reduce_to(cotangent.reshape(*batch, *x.shape[-2:]), x.shape)


def _groups(factors: Sequence[Array], dtype: DType, size: int) -> list[list[Array]]:
    """Neighbours whose product has at most GROUP_SIZE rows and columns, where that pays."""
    if size < GROUPS_PAY or dtype not in _kernels.DTYPES:
        return [[f] for f in factors]
    groups: list[list[Array]] = []
    rows, columns = 0, 0
    for f in factors:
        q, p = f.shape[-2:]
        joins = f.ndim == 2 and rows and max(rows * q, columns * p) <= GROUP_SIZE
        if joins:
            groups[-1].append(f)
            rows, columns = rows * q, columns * p
        else:
            groups.append([f])
            rows, columns = (q, p) if f.ndim == 2 else (0, 0)
    return groups


def _members(gradient: Array, group: Sequence[Array], conjugate: bool) -> list[Array]:
    """The gradients of the factors of F1 ⊗ F2 ⊗ …, from that of their product."""
    gradients = []
    while len(group) > 1:
        first, *group = group
        own, gradient = pull_back_kron(gradient, first, reduce(kron, group), conjugate)
        gradients.append(own)
    return [*gradients, gradient]


def _along_axis(function: str, f: Array, state: Array) -> Array:
    """F applied along axis -2 of state (..., l, p, r)."""
    return apply_factors(
        function, [f[..., None, :, :] if f.ndim > 2 else f], state, core=2, axis=-2
    )


def _contract(cotangent: Array, state: Array, shape: Shape, conjugate: bool) -> Array:
    """dF = Σ_lr G[l, :, r] X*[l, :, r]ᵀ, reduced to the shape of F."""
    lead = cotangent.shape[:-2]
    if len(shape) > 2:
        state = conj(state) if conjugate else state
        per_row = np.matmul(cotangent, np.swapaxes(state, -1, -2))
        return reduce_to(sum_over(per_row, -3), shape)
    state = np.broadcast_to(state, (*lead, *state.shape[-2:]))
    return _sum_of_products(cotangent, conj(state) if conjugate else state)


def _sum_of_products(g: Array, x: Array) -> Array:
    """Σ_lr G[l, :, r] X[l, :, r]ᵀ for G (..., l, q, r) and X (..., l, p, r)."""
    left, (q, r), p = prod(g.shape[:-2]), g.shape[-2:], x.shape[-2]
    g, x = g.reshape(left, q, r), x.reshape(left, p, r)
    if r * max(q, p) <= SQUARE_SIZE or r == 1:
        # Σ_l G[l, (q r)]ᵀ X[l, (p s)], of which r = s is summed
        square = np.matmul(g.reshape(left, q * r).T, x.reshape(left, p * r))
        if r == 1:
            return square
        # in the operands' dtype: np.trace would widen small integers
        return np.trace(square.reshape(q, r, p, r), axis1=1, axis2=3, dtype=square.dtype)
    if left == 1 or (r >= MATMUL_RUN and q * p <= r * (q + p)):
        run = max(BLOCK_BYTES // (max(q + p, 1) * g.itemsize), MATMUL_RUN)
        whole = r - r % run if r >= 2 * run else 0
        parts = [_by_matmul(g[..., whole:], x[..., whole:])] if whole < r or r == 0 else []
        if whole:
            blocks = (
                np.moveaxis(a[..., :whole].reshape(left, -1, whole // run, run), 2, 1)
                for a in (g, x)
            )
            parts.append(_by_matmul(*blocks))
        return reduce(np.add, parts)
    return np.tensordot(g, x, axes=((0, 2), (0, 2)))


def _by_matmul(g: Array, x: Array) -> Array:
    """Σ G[..., q, r] X[..., p, r]ᵀ."""
    return sum_over(np.matmul(g, np.swapaxes(x, -1, -2)), tuple(range(g.ndim - 2)))
