"""The plain definitions: what every public function and every kernel means, in NumPy alone.

Tests compare the fast code with these functions (in higher precision where it matters), and the
dtypes without kernels run them.  Matrices live on the last two axes, leading axes broadcast.
Operands are brought to their common dtype first, so no intermediate is computed in a narrower
one.  Nothing here checks its arguments, takes ``out`` to write to, or knows about speed.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from numpy import kron as numpy_kron  # held here: patch_numpy may replace numpy.kron

from ._reference_subsystems import partial_trace as partial_trace
from ._reference_subsystems import partial_transpose as partial_transpose
from ._reference_subsystems import realignment as realignment
from ._reference_sums import face_splitting as face_splitting
from ._reference_sums import face_splitting_matvec as face_splitting_matvec
from ._reference_sums import khatri_rao as khatri_rao
from ._reference_sums import khatri_rao_matvec as khatri_rao_matvec
from ._reference_sums import kronsum as kronsum
from ._reference_sums import kronsum_matmul as kronsum_matmul
from ._reference_sums import mttkrp as mttkrp
from ._reference_sums import sampled_kron_matvec
from ._reference_vec import (
    _adjoint,
    _batch,
    _conj,
    _operands,
    _reduce_to,
    _sum,
    _transpose,
    unvec,
    vec,
)
from ._reference_vec import (
    smat as smat,
)
from ._reference_vec import (
    svec as svec,
)
from ._reference_vec import (
    unvech as unvech,
)
from ._reference_vec import (
    vec_reorder as vec_reorder,
)
from ._reference_vec import (
    vech as vech,
)
from ._reference_vech import duplication_indices as duplication_indices
from ._reference_vech import duplication_matmul as duplication_matmul
from ._reference_vech import duplication_matrix as duplication_matrix
from ._reference_vech import duplication_pinv_matmul as duplication_pinv_matmul
from ._reference_vech import duplication_pinv_matrix as duplication_pinv_matrix
from ._reference_vech import elimination_indices as elimination_indices
from ._reference_vech import elimination_matmul as elimination_matmul
from ._reference_vech import elimination_matrix as elimination_matrix
from ._reference_vech import svec_matrix as svec_matrix
from ._reference_vech import symmetric_kron as symmetric_kron
from ._reference_vech import symmetric_kron_matvec as symmetric_kron_matvec
from ._reference_vech import symmetrizer_indices as symmetrizer_indices
from ._reference_vech import symmetrizer_kron as symmetrizer_kron
from ._reference_vech import symmetrizer_kron_matvec as symmetrizer_kron_matvec
from ._reference_vech import symmetrizer_matmul as symmetrizer_matmul
from ._reference_vech import symmetrizer_matrix as symmetrizer_matrix
from ._reference_vech import vech_kron as vech_kron
from ._reference_vech import vech_kron_matvec as vech_kron_matvec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._typing import Array, Factor, Order, Scalar, Shape


# -------- Products


def kron(a: Any, b: Any, *more: Any) -> Any:
    """NumPy's Kronecker product, from the left: ((A ⊗ B) ⊗ ...)."""
    return reduce(numpy_kron, (a, b, *more))


def bkron(a: Array, b: Array) -> Array:
    """y[..., i p + k, j q + l] = a[..., i, j] b[..., k, l]."""
    a, b = _operands(a, b)
    (m, n), (p, q) = a.shape[-2:], b.shape[-2:]
    y = a[..., :, None, :, None] * b[..., None, :, None, :]
    return y.reshape(y.shape[:-4] + (m * p, n * q))


def _multiplications(a: Shape, b: Shape) -> tuple[Shape, int]:
    """The shape of A B from those of A and B, and how many scalar products it takes."""
    shape = np.broadcast_shapes(a[:-2], b[:-2]) + (a[-2], b[-1])
    return shape, math.prod(shape) * a[-1]


def triple_product(a: Array, b: Array, c: Array) -> Array:
    """A B C, as (A B) C or A (B C), whichever multiplies less."""
    a, b, c = _operands(a, b, c)
    ab, first = _multiplications(a.shape, b.shape)
    bc, last = _multiplications(b.shape, c.shape)
    first += _multiplications(ab, c.shape)[1]
    last += _multiplications(a.shape, bc)[1]
    return (a @ b) @ c if first <= last else a @ (b @ c)


def vec_trick(a: Array, b: Array, c: Array, *, order: Order = "F") -> Array:
    """F: (Cᵀ ⊗ A) b, C: (A ⊗ Cᵀ) b; both are vec(A B C) where b = vec(B)."""
    a, b, c = _operands(a, b, c)
    b = unvec(b, (a.shape[-1], c.shape[-2]), order=order)
    return vec(triple_product(a, b, c), order=order)


# -------- Many factors: K = F1 ⊗ ... ⊗ FN


def _with_eyes(factors: Sequence[Any], length: int, side: int = -1) -> list[Array]:
    """The factors, identities (None: one that makes ``length`` fit) as arrays, of bools."""
    rest = math.prod(f.shape[side] for f in factors if f is not None)
    factors = [np.eye(length // rest, dtype=bool) if f is None else f for f in factors]
    return [f.toarray(bool) if getattr(f, "is_identity", False) else f for f in factors]


def kron_matmul(
    factors: Sequence[Array],
    x: Array,
    *,
    alpha: Scalar = 1,
    beta: Scalar = 0,
    out: Array | None = None,
) -> Array:
    """alpha K X + beta out, as a fresh array: one mode product for each factor.

    Factor i sees X as x[..., l, p, r]: l runs over the rows of the factors before it, p over
    its own columns, r over the columns of the factors after it and those of X.
    """
    *factors, x = _operands(*_with_eyes(factors, np.shape(x)[-min(np.ndim(x), 2)]), x)
    y = x[:, None] if x.ndim == 1 else x
    k = y.shape[-1]
    for i, f in enumerate(factors):
        left = math.prod(h.shape[-2] for h in factors[:i])
        right = math.prod(h.shape[-1] for h in factors[i + 1 :])
        y = f[..., None, :, :] @ y.reshape(y.shape[:-2] + (left, f.shape[-1], right * k))
        y = y.reshape(y.shape[:-3] + (left * f.shape[-2] * right, k))
    if any(f.shape[-1] == 0 for f in factors):  # empty sums, whatever other factors hold
        y = np.zeros_like(y)
    y = y[..., 0] if x.ndim == 1 else y
    y = y if alpha == 1 else alpha * y
    return y if beta == 0 else y + beta * out


def matmul_kron(
    x: Array,
    factors: Sequence[Factor],
    *,
    alpha: Scalar = 1,
    beta: Scalar = 0,
    out: Array | None = None,
) -> Array:
    """alpha X K + beta out, by X K = (Kᵀ Xᵀ)ᵀ; a 1-D x is a row."""
    x = np.asanyarray(x)
    transposed = [_transpose(np.asanyarray(f)) for f in _with_eyes(factors, x.shape[-1], -2)]
    y = kron_matmul(transposed, x if x.ndim == 1 else _transpose(x), alpha=alpha)
    y = y if x.ndim == 1 else _transpose(y)
    return y if beta == 0 else y + beta * out


def kron_matvec(
    factors: Sequence[Array], x: Array, *, rows: Sequence[Array] | None = None
) -> Array:
    """y[..., :] = K x[..., :], or only the entries that ``rows`` asks for."""
    if rows is not None:
        return sampled_kron_matvec(factors, x, rows)
    return kron_matmul(factors, np.asanyarray(x)[..., None])[..., 0]


def kron_vecmat(x: Array, factors: Sequence[Factor]) -> Array:
    """y[..., :] = x[..., :] K."""
    return matmul_kron(np.asanyarray(x)[..., None, :], factors)[..., 0, :]


# -------- Commutation: K_{m,n} vec_F(A) = vec_F(Aᵀ), A of shape (m, n)


def commutation_indices(m: int, n: int) -> Array:
    """The row numbers with x[indices] = K_{m,n} x: indices[i n + j] = j m + i."""
    return np.array([j * m + i for i in range(m) for j in range(n)], dtype=np.intp)


def commutation_matrix(m: int, n: int) -> Array:
    """K_{m,n} as a dense array: row r has its 1 in column indices[r]."""
    return np.eye(m * n)[commutation_indices(m, n)]


def commutation_matmul(
    x: Array, m: int, n: int, *, side: str = "left", transposed: bool = False
) -> Array:
    """K x or x K (Kᵀ x or x Kᵀ where ``transposed``), by K_{m,n}ᵀ = K_{n,m}."""
    x = np.asanyarray(x)
    if transposed != (side == "right"):
        m, n = n, m
    indices = commutation_indices(m, n)
    return x[..., indices, :] if side == "left" and x.ndim > 1 else x[..., indices]


# -------- Derivatives: G is the cotangent of the result, <G, Y> = Re tr(Gᴴ Y)


def _matmul_gradients(g: Array, x: Array, w: Array, conjugate: bool) -> tuple[Array, Array]:
    """dX = G Wᴴ and dW = Xᴴ G with all batch axes, for matrices x, w and G spread to X W."""
    g = np.broadcast_to(g, _batch(x, w) + (x.shape[-2], w.shape[-1]))
    return g @ _adjoint(w, conjugate), _adjoint(x, conjugate) @ g


def _as_matrices(g: Any, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """x (k,) as one row, w (k,) as one column and G spread to the shape of x @ w, then alike."""
    g, x, w = _operands(g, x, w)
    row = x[None, :] if x.ndim == 1 else x
    column = w[:, None] if w.ndim == 1 else w
    core = (row.shape[-2],) * (x.ndim > 1) + (column.shape[-1],) * (w.ndim > 1)
    batch = _batch(row, column)
    g = np.broadcast_to(g, batch + core)
    return g.reshape(batch + (row.shape[-2], column.shape[-1])), row, column


def matmul_vjp(
    g: Any, x: Array, w: Array, *, sum_batch: bool | None = None, conjugate: bool = True
) -> tuple[Array, Array]:
    """(dX, dW) = (G Wᴴ, Xᴴ G), each reduced to its operand's shape; Y = X W.

    ``sum_batch=False`` keeps the batch axes of dW, ``True`` sums them all.
    """
    x_shape, w_shape = np.shape(x), np.shape(w)
    g, x, w = _as_matrices(g, x, w)
    dx, dw = _matmul_gradients(g, x, w, conjugate)
    dw_shape = {None: w_shape, False: dw.shape[:-2] + w_shape[-2:], True: w_shape[-2:]}[sum_batch]
    if len(w_shape) == 1:
        dw = dw[..., 0]
    return _reduce_to(dx, x.shape).reshape(x_shape), _reduce_to(dw, dw_shape)


def matmul_jvp(dx: Array, dw: Array, x: Array, w: Array) -> Array:
    """dY = dX W + X dW."""
    dx, dw, x, w = _operands(dx, dw, x, w)
    return dx @ w + x @ dw


def linear_vjp(
    g: Any,
    x: Array,
    w: Array,
    *,
    bias: bool = True,
    sum_batch: bool | None = None,
    conjugate: bool = True,
) -> tuple[Array, ...]:
    """matmul_vjp and db = Σ_rows G, for Y = X W + b."""
    dx, dw = matmul_vjp(g, x, w, sum_batch=sum_batch, conjugate=conjugate)
    if not bias:
        return dx, dw
    g, _, w = _as_matrices(g, x, w)
    db = _sum(g, -2)
    shapes = {None: w.shape[:-2] + db.shape[-1:], False: db.shape, True: db.shape[-1:]}
    return dx, dw, _reduce_to(db, shapes[sum_batch])


def triple_product_vjp(
    g: Array, a: Array, b: Array, c: Array, *, conjugate: bool = True
) -> tuple[Array, Array, Array]:
    """(G (B C)ᴴ, Aᴴ G Cᴴ, (A B)ᴴ G), each reduced to its operand's shape."""
    g, a, b, c = _operands(g, a, b, c)
    g = np.broadcast_to(g, _batch(a, b, c) + (a.shape[-2], c.shape[-1]))
    da = g @ _adjoint(b @ c, conjugate)
    db = _adjoint(a, conjugate) @ g @ _adjoint(c, conjugate)
    dc = _adjoint(a @ b, conjugate) @ g
    return _reduce_to(da, a.shape), _reduce_to(db, b.shape), _reduce_to(dc, c.shape)


def vec_trick_vjp(
    g: Array, a: Array, b: Array, c: Array, *, order: Order = "F", conjugate: bool = True
) -> tuple[Array, Array, Array]:
    """triple_product_vjp of the matrices, G and dB vec-ed."""
    g, a, b, c = _operands(g, a, b, c)
    m, n, p, q = *a.shape[-2:], *c.shape[-2:]
    g = np.broadcast_to(g, np.broadcast_shapes(g.shape, (m * q,)))
    g, b = unvec(g, (m, q), order=order), unvec(b, (n, p), order=order)
    da, db, dc = triple_product_vjp(g, a, b, c, conjugate=conjugate)
    return da, vec(db, order=order), dc


def kron_vjp(g: Array, a: Array, b: Array, *, conjugate: bool = True) -> tuple[Array, Array]:
    """da[i,j] = Σ_kl G[i,k,j,l] b*[k,l],  db[k,l] = Σ_ij G[i,k,j,l] a*[i,j]; Y = bkron(A, B).

    A 1-D operand is one row, as in np.kron.
    """
    g, a, b = _operands(g, a, b)
    matrix_a, matrix_b = np.atleast_2d(a), np.atleast_2d(b)
    (m, n), (p, q) = matrix_a.shape[-2:], matrix_b.shape[-2:]
    batch = _batch(matrix_a, matrix_b)
    g = np.broadcast_to(g, batch + (m * p, n * q)).reshape(batch + (m, p, n, q))
    blocks = np.swapaxes(g, -2, -3)  # [..., i, j, k, l]
    da = _sum(blocks * _conj(matrix_b, conjugate)[..., None, None, :, :], (-1, -2))
    db = _sum(blocks * _conj(matrix_a, conjugate)[..., :, :, None, None], (-3, -4))
    da, db = _reduce_to(da, matrix_a.shape), _reduce_to(db, matrix_b.shape)
    return da.reshape(a.shape), db.reshape(b.shape)


def kron_matmul_vjp(
    g: Array, factors: Sequence[Array], x: Array, *, conjugate: bool = True
) -> tuple[list[Array], Array]:
    """([dF1, ..., dFN], dX) for Y = K X: dX = Kᴴ G and dF[q, p] = Σ_lr G[l, q, r] z*[l, p, r].

    Z = (F1 ⊗ .. I .. ⊗ FN) X, the factor at hand replaced by the identity.
    """
    g, *factors, x = _operands(g, *factors, x)
    matrix = x[:, None] if x.ndim == 1 else x
    batch = _batch(matrix, *factors)
    rows, k = math.prod(f.shape[-2] for f in factors), matrix.shape[-1]
    spread = np.broadcast_to(g, batch + ((rows,) if x.ndim == 1 else (rows, k)))
    g = spread.reshape(batch + (rows, k))
    dx = kron_matmul([_adjoint(f, conjugate) for f in factors], g)
    gradients = []
    for i, f in enumerate(factors):
        q, p = f.shape[-2:]
        others = [*factors[:i], np.eye(p, dtype=f.dtype), *factors[i + 1 :]]
        left = math.prod(h.shape[-2] for h in factors[:i])
        right = math.prod(h.shape[-2] for h in factors[i + 1 :]) * k
        z = kron_matmul(others, matrix)
        z = z.reshape(z.shape[:-2] + (left, p, right))
        g_i = g.reshape(batch + (left, q, right))
        df = _sum(g_i @ np.swapaxes(_conj(z, conjugate), -1, -2), -3)
        gradients.append(_reduce_to(df, f.shape))
    return gradients, _reduce_to(dx, matrix.shape).reshape(x.shape)


def per_sample_sqnorm(g: Array, x: Array) -> Array:
    """‖dW_i‖² of each sample, dW_i = X_iᴴ G_i; where both are 2-D, rows are samples of one row."""
    g, x = _operands(g, x)
    if g.ndim == x.ndim == 2:
        return row_sqnorm(x) * row_sqnorm(g)
    dw = _adjoint(x) @ g
    return row_sqnorm(dw.reshape(dw.shape[:-2] + (dw.shape[-2] * dw.shape[-1],)))


# -------- Kernels: the oracle of each, under its name (transpose_square: transpose in place)


def mode_product(f: Array, x: Array, y: Array | None = None, conjugate: bool = False) -> Array:
    """y[l,q,r] (+)= Σ_p f[q,p] x[l,p,r]; adds to ``y`` where one is given."""
    product = np.matmul(_conj(f, conjugate), x)
    return product if y is None else y + product


def mode_pair(f1: Array, f2: Array, x: Array, y: Array | None = None) -> Array:
    """y[l,q1,q2,r] (+)= Σ_{p1,p2} f1[q1,p1] f2[q2,p2] x[l,p1,p2,r]."""
    product = np.einsum("ab,lbcr->lacr", f1, np.einsum("cd,lbdr->lbcr", f2, x))
    return product if y is None else y + product


def transpose(x: Array) -> Array:
    """y[b,j,i] = x[b,i,j]."""
    return _transpose(x).copy()


def outer(a: Array, b: Array) -> Array:
    """y[i p + k, j q + l] = a[i,j] b[k,l]."""
    return bkron(a, b)


def small_triple_product(a: Array, b: Array, c: Array) -> Array:
    """y = a b c for each of the batch."""
    return a @ b @ c


def small_vjp(g: Array, x: Array, w: Array, conjugate: bool = True) -> tuple[Array, Array]:
    """dx = g wᴴ, dw = xᴴ g for each of the batch."""
    return _matmul_gradients(g, x, w, conjugate)


def row_sqnorm(x: Array) -> Array:
    """y[i] = Σ_j |x[i,j]|²."""
    return _sum((x * _conj(x)).real, -1)
