"""Kronecker products and sums times X, one batched matrix product for each factor.

This is how users of NumPy write it.

x has the axes (lead, sizes..., trail).  ``matmul`` is that of NumPy, PyTorch or JAX; with ``out``
and ``spaces`` every step writes to an array that is there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .._typing import Array, DType
    from .work import ManyFactors


def _product(
    matmul: Callable[..., Array], a: Array, b: Array, space: Array | None, shape: tuple[int, ...]
) -> Array:
    """A B, in the leading items of ``space`` if there is one."""
    if space is None:
        return matmul(a, b)
    return matmul(a, b, out=space[: math.prod(shape)].reshape(shape))


def batched(
    matmul: Callable[..., Array],
    matrices: Sequence[Array],
    x: Array,
    lead: int,
    trail: int,
    out: Array | None = None,
    spaces: tuple[Array | None, Array | None] = (None, None),
) -> Array:
    """G y[l] for each matrix y[l] (p, right); the axes stay where they are."""
    y, right = x, trail
    for step, g in enumerate(reversed(matrices)):
        q, p = g.shape
        last = step == len(matrices) - 1
        space = out if last else spaces[step % 2]
        left = math.prod(y.shape) // (p * right)
        a, b = (y.reshape(left, p), g.T) if right == 1 else (g, y.reshape(left, p, right))
        shape = (left, q) if right == 1 else (left, q, right)
        y = _product(matmul, a, b, space, shape)
        right *= q
    return y.reshape((lead, -1) if trail == 1 else (-1, trail))


def rotating(
    matmul: Callable[..., Array],
    matrices: Sequence[Array],
    x: Array,
    lead: int,
    trail: int,
    out: Array | None = None,
    spaces: tuple[Array | None, Array | None] = (None, None),
) -> Array:
    """y[l]ᵀ Gᵀ for the leading axis, which so becomes the last: N steps bring all back."""
    y = x
    for step, g in enumerate(matrices):
        q, p = g.shape
        last = step == len(matrices) - 1
        space = out if last else spaces[step % 2]
        y = y.reshape(lead, p, -1).swapaxes(1, 2)
        y = _product(matmul, y, g.T, space, (lead, y.shape[1], q))
    return y.reshape(lead, -1) if trail == 1 else y.reshape(trail, -1).T


def summed(
    matmul: Callable[..., Array],
    factors: Sequence[Array],
    x: Array,
    out: Array | None = None,
    space: Array | None = None,
) -> Array:
    """(F1 ⊕ … ⊕ FN) x, a batched product for each term; ``space`` is as large as x."""
    left, size = 1, math.prod(x.shape)
    y: Any = None
    right = size
    for f in factors:
        p = f.shape[0]
        right //= p
        a, b = (x.reshape(left, p), f.T) if right == 1 else (f, x.reshape(left, p, right))
        target = out if y is None else space
        if target is None:
            term = matmul(a, b)
        else:
            shape = (left, p) if right == 1 else (left, p, right)
            term = matmul(a, b, out=target.reshape(shape))
        term = term.reshape(x.shape)
        if y is None:
            y = term
        else:
            y += term
        left *= p
    return y


def spaces(
    empty: Callable[..., Any], dtype: DType, work: ManyFactors
) -> tuple[Array, tuple[Array, Array]]:
    """The result and two workspaces as large as any step's result, flat."""
    largest = work.count * math.prod(map(max, zip(work.sizes_in, work.sizes_out, strict=True)))
    out, first, second = (empty(largest, dtype=dtype) for _ in range(3))
    return out, (first, second)
