"""Pull-backs and push-forwards written over an array-API namespace ``xp``."""

from __future__ import annotations

import math

import numpy as np

from .._factor_shapes import IdentityFactor, check_kron_axis
from .._shapes import broadcast_batch, shape_error
from ._generic_products import (
    along_axes,
    broadcast_to,
    check_matrices,
    kron_matmul,
    promoted,
    read_factors,
    transpose,
    unvec,
    vec,
)


def _adjoint(xp, a, conjugate):
    a = transpose(xp, a)
    return xp.conj(a) if conjugate and xp.isdtype(a.dtype, "complex floating") else a


def reduce_to(xp, gradient, shape):
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


def _operands(xp, function, g, x, w):
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
    g = xp.reshape(broadcast_to(xp, g, shape), (*batch, x.shape[-2], w.shape[-1]))
    return g, x, w


def _parameter(xp, gradient, shape, sum_batch, core):
    if sum_batch is False:
        return gradient
    if sum_batch:
        shape = shape[len(shape) - core :]
    return reduce_to(xp, gradient, shape)


def matmul_vjp(xp, g, x, w, *, sum_batch=None, conjugate=True):
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


def matmul_jvp(xp, dx, dw, x, w):
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


def linear_vjp(xp, g, x, w, *, bias=True, sum_batch=None, conjugate=True):
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


def triple_product_vjp(xp, g, a, b, c, *, conjugate=True):
    """dA = G (B C)ᴴ, dB = Aᴴ G Cᴴ, dC = (A B)ᴴ G."""
    bc = xp.matmul(*promoted(xp, b, c))
    da, d_bc = matmul_vjp(xp, g, a, bc, conjugate=conjugate)
    db, dc = matmul_vjp(xp, d_bc, b, c, conjugate=conjugate)
    return da, db, dc


def vec_trick_vjp(xp, g, a, b, c, *, order="F", conjugate=True):
    """The pull-back of A B C between vecs."""
    (m, n), (p, q) = a.shape[-2:], c.shape[-2:]
    if b.shape[-1] != n * p or g.shape[-1] != m * q:
        message = f"g must have {m} * {q} and b {n} * {p} entries on the last axis"
        raise shape_error("vec_trick_vjp", message, g=g, a=a, b=b, c=c)
    g, matrix = unvec(xp, g, (m, q), order=order), unvec(xp, b, (n, p), order=order)
    da, db, dc = triple_product_vjp(xp, g, a, matrix, c, conjugate=conjugate)
    return da, vec(xp, db, order=order), dc


def kron_matmul_vjp(xp, g, factors, x, *, conjugate=True):
    """dX = Kᴴ G, dF_i = Σ G_(i) Z_(i)ᴴ for Z = K X without its factor i."""
    function = "kron_matmul_vjp"
    factors = read_factors(function, factors)
    vector = x.ndim == 1
    g, x, *factors = promoted(xp, g, x, *factors)
    g, cube = (g[..., None], x[..., None]) if vector else (g, x)
    batch = broadcast_batch(function, x=cube, **{f"factor_{i}": f for i, f in enumerate(factors)})
    rows = [f.shape[-2] for f in factors]
    shape = (*batch, math.prod(rows), cube.shape[-1])
    check_kron_axis(function, factors, cube, -2)
    g = broadcast_to(xp, g, shape)
    dx = kron_matmul(xp, [_adjoint(xp, f, conjugate) for f in factors], g)
    gradients = []
    for i, f in enumerate(factors):
        others = [*factors[:i], IdentityFactor(f.shape[-1]), *factors[i + 1 :]]
        z = along_axes(xp, function, others, cube, 2, -2)
        z = broadcast_to(xp, z, (*batch, *z.shape[-2:]))
        left, right = math.prod(rows[:i]), math.prod(rows[i + 1 :]) * cube.shape[-1]
        z = xp.reshape(z, (*batch, left, f.shape[-1], right))
        sliced = xp.reshape(g, (*batch, left, rows[i], right))
        df = xp.sum(xp.matmul(sliced, _adjoint(xp, z, conjugate)), axis=-3, dtype=g.dtype)
        gradients.append(reduce_to(xp, df, f.shape))
    return gradients, xp.reshape(reduce_to(xp, dx, cube.shape), x.shape)


def per_sample_sqnorm(xp, g, x):
    """‖X_iᴴ G_i‖² for each sample i."""
    rows = g.ndim == x.ndim == 2
    check_matrices("per_sample_sqnorm", g=g, x=x)
    g, x = promoted(xp, g, x)
    if rows:
        broadcast_batch("per_sample_sqnorm", core={"g": 1, "x": 1}, g=g, x=x)
        return _sqnorm(xp, x, -1) * _sqnorm(xp, g, -1)
    if g.shape[-2] != x.shape[-2]:
        message = "g (B, n) and x (B, k), or g (..., t, n) and x (..., t, k), are needed"
        raise shape_error("per_sample_sqnorm", message, g=g, x=x)
    broadcast_batch("per_sample_sqnorm", g=g, x=x)
    return _sqnorm(xp, xp.matmul(_adjoint(xp, x, True), g), (-2, -1))


def _sqnorm(xp, a, axis):
    if xp.isdtype(a.dtype, "complex floating"):
        return xp.sum(xp.real(a) ** 2 + xp.imag(a) ** 2, axis=axis)
    return xp.sum(a * a, axis=axis, dtype=a.dtype)


def kron_vjp(xp, g, a, b, *, conjugate=True):
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
    for function in (
        *(matmul_vjp, matmul_jvp, linear_vjp, triple_product_vjp, vec_trick_vjp),
        *(kron_vjp, kron_matmul_vjp, per_sample_sqnorm),
    )
}
