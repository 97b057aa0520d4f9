"""Products and permutations written over an array-API namespace ``xp``: nothing but the standard.

The plain counterparts of the public functions, for arrays that our kernels cannot reach.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from .._factor_shapes import IdentityFactor, check_kron_axis, factors_batch, size_identity
from .._shapes import (
    broadcast_batch,
    check_axis_size,
    check_order,
    check_side,
    check_square,
    check_vec_length,
    shape_error,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._typing import Foreign, Order, Scalar, Shape


def promoted(xp: Any, *arrays: Any) -> Any:
    """The arrays in their common dtype."""
    dtype = xp.result_type(*arrays)
    return [a if a.dtype == dtype else xp.astype(a, dtype) for a in arrays]


def device_of(a: Foreign) -> Any:
    """Where the array lives, as its namespace's ``device=`` takes it."""
    return "cpu" if isinstance(a, np.ndarray) else import_module("array_api_compat").device(a)


def broadcast_to(xp: Any, a: Foreign, shape: Shape) -> Any:
    """The array seen in this shape, which a subclass of NumPy's keeps its type in."""
    if isinstance(a, np.ndarray):
        return np.broadcast_to(a, shape, subok=True)
    return xp.broadcast_to(a, shape)


def transpose(xp: Any, a: Foreign) -> Any:
    """The last two axes exchanged."""
    return xp.matrix_transpose(a)


def check_matrices(function: str, **arrays: Any) -> None:
    """At least two axes each."""
    for name, a in arrays.items():
        if a.ndim < 2:
            raise shape_error(function, f"{name} must be a matrix (at least 2 axes)", **{name: a})


# ---- vec ---------------------------------------------------------------------------------


def vec(xp: Any, a: Foreign, order: Order = "F") -> Any:
    """The columns (rows) of A stacked."""
    check_order("vec", order)
    check_matrices("vec", a=a)
    stacked = transpose(xp, a) if order == "F" else a
    return xp.reshape(stacked, (*a.shape[:-2], a.shape[-2] * a.shape[-1]))


def unvec(xp: Any, v: Foreign, shape: Shape, order: Order = "F") -> Any:
    """The matrix whose vec is v."""
    check_order("unvec", order)
    m, n = shape
    check_vec_length("unvec", "v", v, (m, n))
    if order == "F":
        return transpose(xp, xp.reshape(v, (*v.shape[:-1], n, m)))
    return xp.reshape(v, (*v.shape[:-1], m, n))


def vec_reorder(xp: Any, v: Foreign, shape: Shape, *, source: Foreign, target: Foreign) -> Any:
    """vec of one order from that of the other."""
    if check_order("vec_reorder", source, "source") == check_order("vec_reorder", target, "target"):
        return v
    return vec(xp, unvec(xp, v, shape, order=source), order=target)


def commutation_matmul(
    xp: Any, x: Foreign, m: int, n: int, *, side: str = "left", transposed: bool = False
) -> Any:
    """K_{m,n} X: the axis that K meets, split in two, the parts exchanged."""
    function = "commutation_matmul"
    check_side(function, side)
    m, n = check_axis_size(function, "m", m), check_axis_size(function, "n", n)
    axis = -1 if x.ndim == 1 or side == "right" else -2
    if x.shape[axis] != m * n:
        raise shape_error(function, f"axis {axis} of x must have length {m} * {n}", x=x)
    # K meets vec(A) as Aᵀ of shape (n, m); its transpose, and x K, the other way round.
    p, q = (n, m) if (side == "left") != bool(transposed) else (m, n)
    tail = () if axis == -1 else (x.shape[-1],)
    split = xp.reshape(x, (*x.shape[: x.ndim + axis], p, q, *tail))
    axes = list(range(split.ndim))
    i = split.ndim + axis - 1
    axes[i], axes[i + 1] = axes[i + 1], axes[i]
    return xp.reshape(xp.permute_dims(split, tuple(axes)), x.shape)


# ---- products, formed --------------------------------------------------------------------


def as_like(xp: Any, value: Any, like: Any) -> Any:
    """A number as an array beside ``like``."""
    return value if hasattr(value, "shape") else xp.asarray(value, dtype=like.dtype)


def kron(xp: Any, a: Foreign, b: Foreign, more: Any = ()) -> Any:
    """NumPy's kron of arrays of any number of axes."""
    for factor in (b, *more):
        like = next(f for f in (a, factor) if hasattr(f, "shape"))
        a, factor = (as_like(xp, f, like) for f in (a, factor))
        ndim = max(a.ndim, factor.ndim)
        left = (1,) * (ndim - a.ndim) + tuple(a.shape)
        right = (1,) * (ndim - factor.ndim) + tuple(factor.shape)
        spread_left = tuple(n for size in left for n in (size, 1))
        spread_right = tuple(n for size in right for n in (1, size))
        product = xp.reshape(a, spread_left) * xp.reshape(factor, spread_right)
        a = xp.reshape(product, tuple(p * q for p, q in zip(left, right, strict=True)))
    return a


def bkron(xp: Any, a: Foreign, b: Foreign) -> Any:
    """A ⊗ B over batches of matrices."""
    check_matrices("bkron", a=a, b=b)
    batch = broadcast_batch("bkron", a=a, b=b)
    product = a[..., :, None, :, None] * b[..., None, :, None, :]
    (m, n), (p, q) = a.shape[-2:], b.shape[-2:]
    return xp.reshape(product, (*batch, m * p, n * q))


def kronsum(xp: Any, mats: Any) -> Any:
    """F1 ⊕ … ⊕ FN formed."""
    for i, f in enumerate(mats):
        check_matrices("kronsum", **{f"mats_{i}": f})
        check_square("kronsum", f"mats_{i}", f)
    total = mats[0]
    for f in mats[1:]:
        total, f = promoted(xp, total, f)
        eyes = [xp.eye(a.shape[-1], dtype=a.dtype, device=device_of(a)) for a in (total, f)]
        total = bkron(xp, total, eyes[1]) + bkron(xp, eyes[0], f)
    return total


def _columnwise(function: str, xp: Any, mats: Any, by_columns: Any) -> Any:
    for i, f in enumerate(mats):
        check_matrices(function, **{f"matrix_{i}": f})
    shared = -1 if by_columns else -2
    if len({f.shape[shared] for f in mats}) > 1:
        named = {f"matrix_{i}": f for i, f in enumerate(mats)}
        raise shape_error(function, "all matrices need the same size of the shared axis", **named)
    total = mats[0]
    for f in mats[1:]:
        batch = broadcast_batch(function, a=total, b=f)
        if by_columns:
            product = total[..., :, None, :] * f[..., None, :, :]
            shape = (total.shape[-2] * f.shape[-2], f.shape[-1])
        else:
            product = total[..., :, :, None] * f[..., :, None, :]
            shape = (f.shape[-2], total.shape[-1] * f.shape[-1])
        total = xp.reshape(product, (*batch, *shape))
    return total


def khatri_rao(xp: Any, mats: Any) -> Any:
    """Column by column Kronecker product."""
    return _columnwise("khatri_rao", xp, mats, True)


def face_splitting(xp: Any, mats: Any) -> Any:
    """Row by row Kronecker product."""
    return _columnwise("face_splitting", xp, mats, False)


# ---- products, applied -------------------------------------------------------------------


def triple_product(xp: Any, a: Foreign, b: Foreign, c: Foreign) -> Any:
    """A B C by the cheaper association."""
    check_matrices("triple_product", a=a, b=b, c=c)
    if a.shape[-1] != b.shape[-2] or b.shape[-1] != c.shape[-2]:
        raise shape_error(
            "triple_product",
            "a (..., m, n), b (..., n, p) and c (..., p, q) are needed",
            a=a,
            b=b,
            c=c,
        )
    broadcast_batch("triple_product", a=a, b=b, c=c)
    a, b, c = promoted(xp, a, b, c)
    (m, n), (p, q) = a.shape[-2:], c.shape[-2:]
    if m * p * (n + q) <= n * q * (m + p):
        return xp.matmul(xp.matmul(a, b), c)
    return xp.matmul(a, xp.matmul(b, c))


def vec_trick(xp: Any, a: Foreign, b: Foreign, c: Foreign, *, order: Order = "F") -> Any:
    """vec(A B C) for vec(B)."""
    check_order("vec_trick", order)
    check_matrices("vec_trick", a=a, c=c)
    n, p = a.shape[-1], c.shape[-2]
    if b.ndim < 1 or b.shape[-1] != n * p:
        raise shape_error(
            "vec_trick", f"b must have {n} * {p} entries on its last axis", a=a, b=b, c=c
        )
    matrix = unvec(xp, b, (n, p), order=order)
    return vec(xp, triple_product(xp, a, matrix, c), order=order)


def read_factors(function: str, factors: Sequence[Any]) -> Any:
    """The factors; an identity is a shape alone."""
    if hasattr(factors, "shape"):
        raise TypeError(f"{function}: factors must be a sequence of matrices, got one array")
    read = list(factors)
    if not read:
        raise ValueError(f"{function}: at least one factor is needed")
    for i, f in enumerate(read):
        if f is None:
            continue
        if getattr(type(f), "is_identity", False) is True:
            read[i] = IdentityFactor(f.shape[0])
        elif not hasattr(f, "ndim"):
            raise TypeError(f"{function}: factor {i} must be a matrix, got {type(f).__name__}")
        else:
            check_matrices(function, **{f"factor_{i}": f})
    return read


def mode_product(xp: Any, f: Foreign, x: Foreign) -> Any:
    """Σ_p f[q, p] x[l, p, r], by the product whose last axis is not 1."""
    if x.shape[-1] == 1:
        return xp.matmul(x[..., 0], transpose(xp, f))[..., None]
    return xp.matmul(f[..., None, :, :], x)


def along_axes(
    xp: Any,
    function: str,
    factors: Sequence[Any],
    x: Foreign,
    core: Any,
    axis: int,
    transposed: bool = False,
    alpha: Scalar = 1,
) -> Any:
    """alpha K X for K = ⊗ F_i along ``axis`` of x, whose last ``core`` axes are no batch."""
    factors = size_identity(
        function, read_factors(function, factors), x.shape[axis], transposed=transposed
    )
    check_kron_axis(function, factors, x, axis, transposed=transposed)
    batch = factors_batch(function, factors, x, core)
    matrices = [f for f in factors if not isinstance(f, IdentityFactor)]
    x, *matrices = promoted(xp, x, *matrices)
    rest = iter(matrices)
    sizes = [f.shape[-2 if transposed else -1] for f in factors]
    # The axis of K goes to the front of the core: (..., N, k).
    columns = 1
    if core == 2 and axis == -2:
        columns = x.shape[-1]
    elif core == 2:
        x = transpose(xp, x)
        columns = x.shape[-1]
    x = broadcast_to(xp, x, (*batch, *x.shape[x.ndim - core :]))
    for i, f in enumerate(factors):
        if isinstance(f, IdentityFactor):
            continue
        f = next(rest)
        left, right = math.prod(sizes[:i]), math.prod(sizes[i + 1 :]) * columns
        x = xp.reshape(x, (*batch, left, sizes[i], right))
        x = mode_product(xp, transpose(xp, f) if transposed else f, x)
        sizes[i] = x.shape[-2]
    x = xp.reshape(x, (*batch, math.prod(sizes), *((columns,) if core == 2 else ())))
    if core == 2 and axis == -1:
        x = transpose(xp, x)
    return x if type(alpha) is int and alpha == 1 else alpha * x


def kron_matvec(xp: Any, factors: Sequence[Any], x: Foreign) -> Any:
    """(F1 ⊗ … ⊗ FN) x."""
    return along_axes(xp, "kron_matvec", factors, x, 1, -1)


def kron_vecmat(xp: Any, x: Foreign, factors: Sequence[Any]) -> Any:
    """x (F1 ⊗ … ⊗ FN)."""
    return along_axes(xp, "kron_vecmat", factors, x, 1, -1, True)


def kron_matmul(xp: Any, factors: Sequence[Any], x: Foreign, *, alpha: Scalar = 1) -> Any:
    """alpha (F1 ⊗ … ⊗ FN) X."""
    core = min(x.ndim, 2)
    return along_axes(xp, "kron_matmul", factors, x, core, -core, alpha=alpha)


def matmul_kron(xp: Any, x: Foreign, factors: Sequence[Any], *, alpha: Scalar = 1) -> Any:
    """Alpha X (F1 ⊗ … ⊗ FN)."""
    return along_axes(xp, "matmul_kron", factors, x, min(x.ndim, 2), -1, True, alpha=alpha)


def kronsum_matmul(xp: Any, factors: Sequence[Any], x: Foreign, *, alpha: Scalar = 1) -> Any:
    """alpha (F1 ⊕ … ⊕ FN) X, one mode product for each term."""
    function = "kronsum_matmul"
    factors = read_factors(function, factors)
    for i, f in enumerate(factors):
        check_square(function, f"factor_{i}", f)
    axis = -min(x.ndim, 2)
    check_kron_axis(function, factors, x, axis, of="sum")
    total = None
    for i, f in enumerate(factors):
        around = [IdentityFactor(g.shape[-1]) for g in factors]
        around[i] = f
        term = along_axes(xp, function, around, x, -axis, axis)
        total = term if total is None else total + term
    return total if type(alpha) is int and alpha == 1 else alpha * total


FUNCTIONS = {
    function.__name__: function
    for function in (
        *(vec, unvec, vec_reorder, commutation_matmul),
        *(kron, bkron, kronsum, khatri_rao, face_splitting),
        *(triple_product, vec_trick, kron_matvec, kron_vecmat, kron_matmul, matmul_kron),
        kronsum_matmul,
    )
}
