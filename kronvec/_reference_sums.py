"""The plain definitions of Kronecker sums and of column-wise and row-wise Kronecker products."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from ._reference_vec import _operands, _sum, _transpose

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._typing import Array, Scalar


def kronsum(*mats: Any) -> Any:
    """A ⊕ B ⊕ …, term by term: y[l p r, l q r] = Σ_i f_i[p, q], all other entries zero."""
    mats = _operands(*mats)
    sizes = [f.shape[-1] for f in mats]
    batch = np.broadcast_shapes(*(f.shape[:-2] for f in mats))
    y = np.zeros((*batch, math.prod(sizes), math.prod(sizes)), mats[0].dtype)
    for i, f in enumerate(mats):
        left, right = math.prod(sizes[:i]), math.prod(sizes[i + 1 :])
        for at in range(left):
            for r in range(right):
                start = at * sizes[i] * right + r
                rows = np.arange(start, start + sizes[i] * right, right)
                y[..., rows[:, None], rows] += f
    return y


def kronsum_matmul(
    factors: Sequence[Array],
    x: Array,
    *,
    alpha: Scalar = 1,
    beta: Scalar = 0,
    out: Array | None = None,
) -> Array:
    """alpha (F1 ⊕ … ⊕ FN) X + beta out: Σ_i Σ_p f_i[q, p] x[..., l, p, r], a term at a time."""
    *factors, x = _operands(*factors, x)
    matrix = x[:, None] if x.ndim == 1 else x
    y: Any = None
    for i, f in enumerate(factors):
        left = math.prod(h.shape[-1] for h in factors[:i])
        cut = (*matrix.shape[:-2], left, f.shape[-1], -1 if matrix.size else 0)
        term = f[..., None, :, :] @ matrix.reshape(cut)
        term = term.reshape((*term.shape[:-3], *matrix.shape[-2:]))
        y = term if y is None else y + term
    y = y[..., 0] if x.ndim == 1 else y
    y = y if alpha == 1 else alpha * y
    return y if beta == 0 else y + beta * out


def khatri_rao(*mats: Array) -> Array:
    """y[..., i p + k, j] = a[..., i, j] b[..., k, j], from the left."""

    def pair(a: Array, b: Array) -> Array:
        y = a[..., :, None, :] * b[..., None, :, :]
        return y.reshape(y.shape[:-3] + (a.shape[-2] * b.shape[-2], a.shape[-1]))

    return reduce(pair, _operands(*mats))


def face_splitting(*mats: Array) -> Array:
    """y[..., i, j q + l] = a[..., i, j] b[..., i, l], from the left."""
    return _transpose(khatri_rao(*(_transpose(np.asanyarray(a)) for a in mats)))


def khatri_rao_matvec(mats: Sequence[Array], x: Array, *, transposed: bool = False) -> Array:
    """(A1 ⊙ … ⊙ AN) x, or its transpose times x, by the formed product."""
    *mats, x = _operands(*mats, x)
    y = khatri_rao(*mats)
    return ((_transpose(y) if transposed else y) @ x[..., None])[..., 0]


def face_splitting_matvec(mats: Any, x: Array, *, transposed: bool = False) -> Any:
    """The same for the row-wise product, the Khatri-Rao product of the transposes transposed."""
    mats = [_transpose(np.asanyarray(a)) for a in mats]
    return khatri_rao_matvec(mats, x, transposed=not transposed)


def mttkrp(x: Array, mats: Sequence[Any], mode: int) -> Array:
    """y[i, r] = Σ x[i1, …, iN] Π_{k ≠ mode} a_k[i_k, r], over all indices but i = i_mode."""
    count = len(mats)
    kept = mode % count
    *others, x = _operands(*(a for k, a in enumerate(mats) if k != kept), x)
    if not others:
        return np.broadcast_to(x[..., None], (*x.shape, np.shape(mats[kept])[-1])).copy()
    y = np.moveaxis(x, x.ndim - count + kept, x.ndim - count)
    y = y.reshape((*y.shape[: y.ndim - count + 1], math.prod(y.shape[y.ndim - count + 1 :])))
    return y @ khatri_rao(*others)


def sampled_kron_matvec(factors: Sequence[Array], x: Array, rows: Sequence[Array]) -> Array:
    """y[..., s] = Σ_j Π_i f_i[..., rows_i[s], j_i] x[..., j]: those rows of K, formed."""
    *factors, x = _operands(*factors, x)
    picked = [f[..., np.asarray(i, np.intp), :] for f, i in zip(factors, rows, strict=True)]
    return _sum(face_splitting(*picked) * x[..., None, :], -1)
