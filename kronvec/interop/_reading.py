"""The operands of a call as matrices with equally many batch axes, and the result's own axes.

``xp`` is the module of the array library: only shapes are looked at here, nothing is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._factor_shapes import check_kron_axis
from .._shapes import check_axis_size, check_side, shape_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._typing import Array


def check_kinds(function: str, kind: Any, **arguments: Any) -> None:
    """TypeError where an argument is no array of the library."""
    for name, value in arguments.items():
        if not isinstance(value, kind):
            raise TypeError(f"{function}: {name} must be a {kind.__name__}, got {type(value)}")


def batch_of(xp: Any, function: str, **arguments: Any) -> tuple[Any, ...]:
    """The batch axes of matrices, broadcast."""
    try:
        return tuple(xp.broadcast_shapes(*(a.shape[:-2] for a in arguments.values())))
    except (ValueError, RuntimeError):
        raise shape_error(function, "batch axes do not broadcast", **arguments) from None


def aligned(operands: Any) -> list[Any]:
    """The operands with batch axes of length 1 put before those that have fewer."""
    most = max(a.ndim for a in operands)
    return [a if a.ndim == most else a.reshape((1,) * (most - a.ndim) + a.shape) for a in operands]


def read_triple(xp: Any, function: str, a: Array, b: Array, c: Array) -> list[Any]:
    """A, B and C of a triple product."""
    fits = min(a.ndim, b.ndim, c.ndim) >= 2
    if not fits or (a.shape[-1], c.shape[-2]) != tuple(b.shape[-2:]):
        message = "a (..., m, n), b (..., n, p) and c (..., p, q) are needed"
        raise shape_error(function, message, a=a, b=b, c=c)
    batch_of(xp, function, a=a, b=b, c=c)
    return aligned([a, b, c])


def read_kron(xp: Any, function: str, factors: Sequence[Array], x: Array) -> tuple[list[Any], bool]:
    """F1, …, FN and X, and whether x is a vector."""
    if not factors:
        raise ValueError(f"{function}: at least one factor is needed")
    named = {f"factor_{i}": f for i, f in enumerate(factors)}
    if x.ndim < 1 or min(f.ndim for f in factors) < 2:
        raise shape_error(
            function, "factors (..., q, p) and x (..., n, k) are needed", x=x, **named
        )
    is_vector = x.ndim == 1
    if is_vector:
        x = x.reshape((-1, 1))
    check_kron_axis(function, factors, x, -2)
    batch_of(xp, function, x=x, **named)
    return aligned([*factors, x]), is_vector


def read_matmul_vjp(
    xp: Any, function: str, g: Array, x: Array, w: Array, sum_batch: bool | None
) -> list[Any]:
    """G (..., m, n) broadcast to the product's shape, X and W, expanded for ``sum_batch=False``."""
    if min(x.ndim, w.ndim) < 1:
        raise shape_error(function, "x and w need at least one axis", g=g, x=x, w=w)
    rows = () if x.ndim == 1 else (x.shape[-2],)
    columns = () if w.ndim == 1 else (w.shape[-1],)
    x = x.reshape((1, -1)) if x.ndim == 1 else x
    w = w.reshape((-1, 1)) if w.ndim == 1 else w
    if x.shape[-1] != w.shape[-2]:
        raise shape_error(function, "x (..., m, k) and w (..., k, n) are needed", g=g, x=x, w=w)
    batch = batch_of(xp, function, x=x, w=w)
    shape = (*batch, *rows, *columns)
    try:
        g = xp.broadcast_to(g, shape)
    except (ValueError, RuntimeError):
        raise shape_error(function, f"g must have the product's shape {shape}", g=g) from None
    g = g.reshape((*batch, x.shape[-2], w.shape[-1]))
    if sum_batch is False:
        w = xp.broadcast_to(w, (*batch, *w.shape[-2:]))
    return aligned([g, x, w])


def shaped_dw(dw: Any, w: Array, sum_batch: bool | None) -> Any:
    """dW, of the shape of what `read_matmul_vjp` made of W, as ``sum_batch`` says."""
    if sum_batch is None:
        return dw.reshape(w.shape)
    if sum_batch:
        return dw.reshape((-1, *dw.shape[-2:])).sum(0).reshape(w.shape[-2:])
    return dw.reshape((*dw.shape[:-2], *w.shape[-2:]))


def read_commutation(
    function: str, x: Array, m: int, n: int, side: str, transposed: bool
) -> tuple[int, int, int]:
    """(p, q, axis): the axis of x is (p, q), whose parts are exchanged."""
    m, n = check_axis_size(function, "m", m), check_axis_size(function, "n", n)
    left = check_side(function, side) == "left"
    axis = -2 if left and x.ndim > 1 else -1
    if x.ndim < 1 or x.shape[axis] != m * n:
        message = f"axis {axis} of x must have length m * n = {m * n} for side={side!r}"
        raise shape_error(function, message, x=x)
    # K_{m,n} x splits into (n, m); x K = (Kᵀ xᵀ)ᵀ, and Kᵀ = K_{n,m}.
    p, q = (n, m) if left != bool(transposed) else (m, n)
    return p, q, axis


def split_axis(x: Array, p: int, q: int, axis: int) -> Any:
    """x (..., p q, k) as (..., p, q, k); k = 1 where the axis is the last."""
    columns = 1 if axis == -1 else x.shape[-1]
    return x.reshape((*x.shape[: x.ndim + axis], p, q, columns))
