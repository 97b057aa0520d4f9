"""What the pull-backs share: adjoints, reduction to an operand's shape, the reading of operands."""

from __future__ import annotations

from math import prod

import numpy as np

from ._shapes import as_plain, broadcast, broadcast_batch, check_addressable, shape_error


def adjoint(a, conjugate):
    """aᴴ of the last two axes, aᵀ without ``conjugate``; a view where no entry changes."""
    a = np.swapaxes(a, -1, -2)
    return conj(a) if conjugate else a


def conj(a):
    """The complex conjugate; real arrays themselves (np.conj refuses bool)."""
    return np.conj(a) if a.dtype.kind in "cO" else a


def reduce_to(gradient, shape):
    """Sum the axes of ``gradient`` along which an operand of ``shape`` was broadcast."""
    if gradient.shape == shape:
        return gradient
    if gradient.ndim < len(shape):
        gradient = gradient.reshape((1,) * (len(shape) - gradient.ndim) + gradient.shape)
    lead = gradient.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        lead + i for i, n in enumerate(shape) if n == 1 and gradient.shape[lead + i] != 1
    )
    if axes:
        gradient = sum_over(gradient, axes, keepdims=True)
    return gradient.reshape(shape)


def sum_over(a, axes, keepdims=False):
    """The sum over axes in a's own dtype: NumPy's default would widen small integers."""
    return a.sum(axis=axes, keepdims=keepdims, dtype=a.dtype.newbyteorder("="))


def pull_back_kron(g, a, b, conjugate):
    """dA and dB of A ⊗ B, (..., m, n) and (..., p, q), on all batch axes of g.

    The realignment of G, (m n, p q), turns A ⊗ B into the rank-one vec(A) vec(B)ᵀ.
    """
    (m, n), (p, q), batch = a.shape[-2:], b.shape[-2:], g.shape[:-2]
    blocks = np.swapaxes(g.reshape(*batch, m, p, n, q), -2, -3).reshape(*batch, m * n, p * q)
    conj_a, conj_b = (conj(f) if conjugate else f for f in (a, b))
    da = np.matmul(blocks, conj_b.reshape(*b.shape[:-2], p * q, 1)).reshape(*batch, m, n)
    db = np.matmul(conj_a.reshape(*a.shape[:-2], 1, m * n), blocks).reshape(*batch, p, q)
    return da, db


def read_cotangent(function, g, shape, **operands):
    """g broadcast to the shape of the product that it belongs to."""
    try:
        fits = broadcast(g.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise shape_error(function, f"g must have the product's shape {shape}", g=g, **operands)
    return g if g.shape == shape else np.broadcast_to(g, shape)


class MatmulOperands:
    """x, w and the cotangent of x @ w as matrices; 1-D operands as in `numpy.matmul`."""

    def __init__(self, function, g, x, w):
        g = as_plain(function, "g", g)
        x = as_plain(function, "x", x, min_ndim=1)
        w = as_plain(function, "w", w, min_ndim=1)
        self.x_shape, self.w_shape = x.shape, w.shape
        matrix_x = x[None, :] if x.ndim == 1 else x
        matrix_w = w[:, None] if w.ndim == 1 else w
        if matrix_x.shape[-1] != matrix_w.shape[-2]:
            raise shape_error(function, "x (..., m, k) and w (..., k, n) are needed", g=g, x=x, w=w)
        self.batch = broadcast_batch(function, x=matrix_x, w=matrix_w)
        rows = () if x.ndim == 1 else (x.shape[-2],)
        columns = () if w.ndim == 1 else (w.shape[-1],)
        g = read_cotangent(function, g, (*self.batch, *rows, *columns), x=x, w=w)
        self.x, self.w = matrix_x, matrix_w
        self.g = g.reshape(*self.batch, matrix_x.shape[-2], matrix_w.shape[-1])
        self.dtype = np.result_type(g, x, w)
        m, (k, n) = matrix_x.shape[-2], matrix_w.shape[-2:]
        for rows, columns in ((m, k), (k, n)):  # per-sample dX and dW
            check_addressable(function, (*self.batch, rows, columns), self.dtype.itemsize)

    @property
    def shared_w(self) -> bool:
        """Every sample of the batch meets the same w."""
        return prod(self.w.shape[:-2]) == 1
