"""P (A ⊗ B) R between vecs, vechs and svecs: what its public functions share, formed and applied.

Row-major memory sees vec(S) as Sᵀ, and (A ⊗ B) vec(S) = vec(B S Aᵀ) as A Sᵀ Bᵀ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._half_matmul import DUPLICATION, DUPLICATION_PINV, ELIMINATION, SYMMETRIZER, half_matmul
from ._results import assign
from ._shapes import (
    as_plain,
    broadcast_batch,
    check_addressable,
    check_axis_length,
    check_choice,
    check_out,
    check_square,
    shape_error,
)
from ._symmetric_forming import SIDES, form, formed_size
from ._triangle import off_diagonal_scale
from .products import triple_product

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from ._typing import Array, DType


_HALVES = ("duplication", "duplication_pinv", "elimination", "svec")
_WHOLE = ("duplication", "elimination")  # matrices of zeros and ones, which keep integers
_MATRICES = {
    "duplication": DUPLICATION,
    "duplication_pinv": DUPLICATION_PINV,
    "elimination": ELIMINATION,
    "svec": DUPLICATION_PINV,  # Q = (DᵀD)^½ D⁺, the scale apart
    "symmetrizer": SYMMETRIZER,
}


def check_halves(function: str, left: str, right: str) -> tuple[str, str]:
    """The two choices of a product between vechs."""
    check_choice(function, "left", left, _HALVES)
    check_choice(function, "right", right, _HALVES)
    return left, right


def formed(
    function: str, a: Any, b: ArrayLike | None, left: str, right: str, out: Array | None
) -> Array:
    """P (A ⊗ B) R as an array."""
    a, b = _operands(function, a, b)
    n = a.shape[-1]
    batch = a.shape[:-2] if b is None else broadcast_batch(function, a=a, b=b)
    shape = (*batch, formed_size(SIDES[left], n), formed_size(SIDES[right], n))
    dtype = _result_dtype(left, right, a, *(() if b is None else (b,)))
    check_addressable(function, shape, dtype.itemsize)
    target = None
    if out is not None:
        check_out(function, out, shape, dtype)
        apart = not any(np.may_share_memory(out, m) for m in (a, b) if m is not None)
        target = out if apart and type(out) is np.ndarray and out.dtype == dtype else None
    direct = target is not None
    target = np.empty(shape, dtype) if target is None else target
    a, b = a.astype(dtype, copy=False), None if b is None else b.astype(dtype, copy=False)
    form(target, a, b, SIDES[left], SIDES[right])
    if out is None or direct:
        return target
    assign(out, target)
    return out


def applied(
    function: str,
    a: ArrayLike | None,
    x: ArrayLike,
    b: ArrayLike | None,
    left: str,
    right: str,
    out: Array | None,
) -> Array:
    """P (A ⊗ B) R x."""
    a, b = _operands(function, a, b)
    x = as_plain(function, "x", x, min_ndim=1)
    n = a.shape[-1]
    check_axis_length(function, "x", x, -1, formed_size(SIDES[right], n), f"for a {a.shape}")
    b = a if b is None else b
    batch = broadcast_batch(function, core={"x": 1}, a=a, b=b, x=x)
    shape = (*batch, formed_size(SIDES[left], n))
    dtype = _result_dtype(left, right, a, b, x)
    check_addressable(function, shape, dtype.itemsize)
    if out is not None:
        check_out(function, out, shape, dtype)
    a, b, x = (m.astype(dtype, copy=False) for m in (a, b, x))
    s = _widened(function, right, x, n)
    s = s.reshape(*s.shape[:-1], n, n)
    y = triple_product(a, s, np.swapaxes(b, -1, -2))
    result = _narrowed(function, left, y.reshape(*batch, n * n), n)
    if out is None:
        return result
    assign(out, result)
    return out


def _operands(function: str, a: Any, b: ArrayLike | None) -> tuple[Array, Array | None]:
    """A and B as arrays of n by n matrices; B may be None."""
    a = as_plain(function, "a", a, min_ndim=2)
    check_square(function, "a", a)
    if b is not None:
        b = as_plain(function, "b", b, min_ndim=2)
        if b.shape[-2:] != a.shape[-2:]:
            raise shape_error(function, "a and b must be square and of one size", a=a, b=b)
    return a, b


def _result_dtype(left: str, right: str, *operands: Array) -> DType:
    whole = left in _WHOLE and right in _WHOLE
    return np.result_type(*operands, *(() if whole else (1.0,))).newbyteorder("=")


def _widened(function: str, right: str, x: Array, n: int) -> Array:
    """R x = (x Rᵀ)ᵀ along the last axis: from a vech to a vec."""
    if right in ("duplication", "svec"):  # Qᵀ = D (DᵀD)^(-½)
        x = _scaled(x, n, np.divide) if right == "svec" else x
        return half_matmul(function, DUPLICATION, x, n, "right", True, None)
    return half_matmul(function, _MATRICES[right], x, n, "right", False, None)


def _narrowed(function: str, left: str, y: Array, n: int) -> Array:
    """P y along the last axis: from a vec to a vech."""
    # Dᵀ is the transpose of its table row, the others are the matrix itself.
    y = half_matmul(function, _MATRICES[left], y, n, "right", left != "duplication", None)
    return _scaled(y, n, np.multiply) if left == "svec" else y


def _scaled(v: Array, n: int, operation: np.ufunc) -> Array:
    """Times or divided by √2 off the diagonal, each part of a complex number by itself."""
    scale = off_diagonal_scale(n, v.dtype)
    if v.dtype.kind != "c":
        return operation(v, scale)
    scaled = np.empty_like(v)
    operation(v.real, scale, out=scaled.real)
    operation(v.imag, scale, out=scaled.imag)
    return scaled
