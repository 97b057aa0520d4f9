"""Pull-backs and push-forwards written over an array-API namespace ``xp``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._shapes import broadcast_batch, shape_error
from ._generic_products import promoted, transpose

if TYPE_CHECKING:
    from typing import Any

    from .._typing import Foreign, Shape


def _adjoint(xp: Any, a: Foreign, conjugate: bool) -> Any:
    a = transpose(xp, a)
    return xp.conj(a) if conjugate and xp.isdtype(a.dtype, "complex floating") else a


def reduce_to(xp: Any, gradient: Any, shape: Shape) -> Any:
    """Sum the axes of ``gradient`` along which an operand of ``shape`` was broadcast."""
    shape = tuple(shape)
    lead = gradient.ndim - len(shape)
    if lead < 0:
        return xp.reshape(gradient, shape)
    axes = tuple(range(lead)) + tuple(
        lead + i for i, n in enumerate(shape) if n == 1 and gradient.shape[lead + i] != 1
    )
    if axes:
        gradient = xp.sum(gradient, axis=axes, dtype=gradient.dtype, keepdims=True)
    return xp.reshape(gradient, shape)


def _operands(xp: Any, function: str, g: Foreign, x: Foreign, w: Foreign) -> Any:
    """G, X, W as matrices of one dtype; 1-D operands as in matmul."""
    if x.ndim < 1 or w.ndim < 1:
        raise shape_error(function, "x and w must have at least 1 axis", g=g, x=x, w=w)
    g, x, w = promoted(xp, g, x, w)
    rows = () if x.ndim == 1 else (x.shape[-2],)
    columns = () if w.ndim == 1 else (w.shape[-1],)
    x = x[None, :] if x.ndim == 1 else x
    w = w[:, None] if w.ndim == 1 else w
    if x.shape[-1] != w.shape[-2]:
        raise shape_error(function, "x (..., m, k) and w (..., k, n) are needed", g=g, x=x, w=w)
    batch = broadcast_batch(function, x=x, w=w)
    shape = (*batch, *rows, *columns)
    try:
        fits = np.broadcast_shapes(tuple(g.shape), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise shape_error(function, f"g must have the product's shape {shape}", g=g, x=x, w=w)
    g = xp.reshape(xp.broadcast_to(g, shape), (*batch, x.shape[-2], w.shape[-1]))
    return g, x, w


def _parameter(xp: Any, gradient: Any, shape: Shape, sum_batch: bool | None, core: Any) -> Any:
    if sum_batch is False:
        return gradient
    if sum_batch:
        shape = shape[len(shape) - core :]
    return reduce_to(xp, gradient, shape)


def matmul_vjp(
    xp: Any,
    g: Foreign,
    x: Foreign,
    w: Foreign,
    *,
    sum_batch: bool | None = None,
    conjugate: bool = True,
) -> Any:
    """dX = G Wᴴ, dW = Xᴴ G."""
    sum_batch = None if sum_batch is None else bool(sum_batch)
    x_shape, w_shape = tuple(x.shape), tuple(w.shape)
    g, x, w = _operands(xp, "matmul_vjp", g, x, w)
    dx = reduce_to(xp, xp.matmul(g, _adjoint(xp, w, conjugate)), x.shape)
    dw = xp.matmul(_adjoint(xp, x, conjugate), g)
    core = min(len(w_shape), 2)
    if core == 1:
        dw = dw[..., 0]
    return xp.reshape(dx, x_shape), _parameter(xp, dw, w_shape, sum_batch, core)


def matmul_jvp(xp: Any, dx: Any, dw: Any, x: Foreign, w: Foreign) -> Any:
    """dY = dX W + X dW."""
    for tangent, operand in ((dx, x), (dw, w)):
        core = min(operand.ndim, 2)
        if tangent.shape[-core:] != operand.shape[-core:]:
            raise shape_error(
                "matmul_jvp",
                "dx and x (..., m, k), dw and w (..., k, n) are needed",
                **{"dx": dx, "dw": dw, "x": x, "w": w},
            )
    dx, dw, x, w = promoted(xp, dx, dw, x, w)
    return xp.matmul(dx, w) + xp.matmul(x, dw)


def linear_vjp(
    xp: Any,
    g: Foreign,
    x: Foreign,
    w: Foreign,
    *,
    bias: bool = True,
    sum_batch: bool | None = None,
    conjugate: bool = True,
) -> Any:
    """dX = G Wᴴ, dW = Xᴴ G, db = Σ G."""
    if w.ndim < 2:
        raise shape_error("linear_vjp", "w must be a matrix (at least 2 axes)", w=w)
    sum_batch = None if sum_batch is None else bool(sum_batch)
    pair = matmul_vjp(xp, g, x, w, sum_batch=sum_batch, conjugate=conjugate)
    if not bias:
        return pair
    g, _, _ = _operands(xp, "linear_vjp", g, x, w)
    db = xp.sum(g, axis=-2, dtype=g.dtype)
    return *pair, _parameter(xp, db, (*w.shape[:-2], w.shape[-1]), sum_batch, 1)


def triple_product_vjp(
    xp: Any, g: Foreign, a: Foreign, b: Foreign, c: Foreign, *, conjugate: bool = True
) -> Any:
    """dA = G (B C)ᴴ, dB = Aᴴ G Cᴴ, dC = (A B)ᴴ G."""
    bc = xp.matmul(*promoted(xp, b, c))
    da, d_bc = matmul_vjp(xp, g, a, bc, conjugate=conjugate)
    db, dc = matmul_vjp(xp, d_bc, b, c, conjugate=conjugate)
    return da, db, dc


def kron_vjp(xp: Any, g: Foreign, a: Foreign, b: Foreign, *, conjugate: bool = True) -> Any:
    """dA[i, j] = Σ G[ip + k, jq + l] conj(B[k, l]), dB alike, over batches of matrices."""
    g, a, b = promoted(xp, g, a, b)
    (m, n), (p, q) = a.shape[-2:], b.shape[-2:]
    batch = broadcast_batch("kron_vjp", a=a, b=b)
    shape = (*batch, m * p, n * q)
    if tuple(g.shape) != shape:
        raise shape_error("kron_vjp", f"g must have the product's shape {shape}", g=g, a=a, b=b)
    g = xp.reshape(g, (*batch, m, p, n, q))
    if conjugate and xp.isdtype(g.dtype, "complex floating"):
        a, b = xp.conj(a), xp.conj(b)
    da = xp.sum(g * b[..., None, :, None, :], axis=(-3, -1), dtype=g.dtype)
    db = xp.sum(g * a[..., :, None, :, None], axis=(-4, -2), dtype=g.dtype)
    return reduce_to(xp, da, a.shape), reduce_to(xp, db, b.shape)


FUNCTIONS = {
    function.__name__: function
    for function in (matmul_vjp, matmul_jvp, linear_vjp, triple_product_vjp, kron_vjp)
}
