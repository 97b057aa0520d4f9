"""The best terms of a matrix: leading singular triplets of R(M), as factors A and B.

Every function returns the A_i and the B_i along axis -3, the largest first.  M may be dense and in
batches, sparse, or given by U and V with R(M) = U Vᵀ; each way decomposes or multiplies R(M) in
the coordinates of the subspaces that it maps to themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._kernels import DTYPES
from ._krylov import leading_triplets
from ._structured import sparse_entries
from ._symmetric_parts import HERMITIAN, SKEW, SYMMETRIC, WHOLE
from .realign import realignment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ._symmetric_parts import Part
    from ._typing import Array, DType, Scalar, Shape

# R(M) is formed up to here; beyond it is multiplied slab by slab, of so many bytes.
_FORMED_BYTES = 1 << 26
_SLAB_BYTES = 1 << 21
# The SVD is as fast up to a short side of R(M) of so many for each triplet, and one more.
_SVD_SIDE = 64


def as_float(name: str, m: Array) -> Array:
    """m in a dtype that numpy.linalg computes in."""
    dtype = np.dtype(float) if m.dtype.kind in "biu" else m.dtype.newbyteorder("=")
    if dtype not in DTYPES:
        raise TypeError(f"{name}: m must be of a dtype that numpy.linalg takes, got {m.dtype}")
    return m.astype(dtype, copy=False)


# ----------------------------------------------------------------- the parts of M


def _parts(hermitian: bool, complex_: bool) -> list[Part]:
    """The subspaces that R(M) maps each to itself."""
    if not hermitian:
        return [WHOLE]
    return [HERMITIAN] if complex_ else [SYMMETRIC, SKEW]


def _is_hermitian(m: Array, shape_a: Shape, shape_b: Shape) -> Array:
    """Which matrices of the batch are, with square A and B, equal to their adjoints."""
    if shape_a[0] != shape_a[1] or shape_b[0] != shape_b[1]:
        return np.zeros(m.shape[:-2], bool)
    equal = np.ones(m.shape[:-2], bool)
    height = max(1, _SLAB_BYTES // max(1, m.shape[-1] * m.itemsize))
    for start in range(0, m.shape[-1], height):
        part = slice(start, start + height)
        adjoint = np.swapaxes(m[..., :, part], -1, -2).conj()
        equal &= (m[..., part, :] == adjoint).all((-2, -1))
        if not equal.any():
            break
    return equal


def _is_all_hermitian(columns: Array, shape: Shape) -> bool:
    """Whether each column is the vec of a Hermitian matrix."""
    f = columns.T.reshape(-1, *shape)
    return shape[0] == shape[1] and bool((f == np.swapaxes(f, -1, -2).conj()).all())


# ----------------------------------------------------------------- triplets of R(M)


def of_dense(
    name: str, m: Array, shape_a: Shape, shape_b: Shape, count: int
) -> tuple[Array, Array]:
    batch = m.shape[:-2]
    if 0 in (*shape_a, *shape_b):
        return np.zeros((*batch, count, *shape_a), m.dtype), np.zeros(
            (*batch, count, *shape_b), m.dtype
        )
    m = m.reshape(-1, *m.shape[-2:])
    if not _all_finite(m):
        raise np.linalg.LinAlgError(f"{name}: m has entries that are not finite")
    hermitian = _is_hermitian(m, shape_a, shape_b)
    a = np.empty((len(m), count, *shape_a), m.dtype)
    b = np.empty((len(m), count, *shape_b), m.dtype)
    for kind in (False, True):
        which = np.flatnonzero(hermitian == kind)
        parts = _parts(kind, m.dtype.kind == "c")
        if which.size and _svd_pays(shape_a, shape_b, count):
            chosen = m if which.size == len(m) else m[which]
            found = _by_svd(realignment(chosen, shape_a, shape_b, order="C"), parts, count)
            a[which], b[which] = _finished(name, found, shape_a, shape_b, count)
            continue
        for i in which:
            product = _scaled(name, m[i], *_products(m[i], shape_a, shape_b))
            found = _by_krylov(*product, parts, count, m.dtype)
            a[i], b[i] = _finished(name, found, shape_a, shape_b, count)
    return a.reshape(*batch, *a.shape[1:]), b.reshape(*batch, *b.shape[1:])


def _all_finite(m: Array) -> bool:
    """Whether no entry is NaN or infinite; a sum that is finite shows it in one sweep."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(m.sum()) or np.isfinite(m).all())


def _svd_pays(shape_a: Shape, shape_b: Shape, count: int) -> bool:
    """Whether the SVD of R(M) formed takes less than a Krylov space: a matter of the short side."""
    side = min(shape_a[0] * shape_a[1], shape_b[0] * shape_b[1])
    return side <= _SVD_SIDE * (count + 1)


def _coordinates(part: Part, x: Array) -> Array:
    """The coordinates of matrices in the part."""
    return part.take(x).real if part.real else part.take(x)


def _by_svd(r: Array, parts: Sequence[Part], count: int) -> Iterator[Any]:
    """(triplets, part) for each part: the leading ones of R(M) in its coordinates, of a batch."""
    for part in parts:
        inner = np.swapaxes(_coordinates(part, np.swapaxes(part.take(r), -1, -2)), -1, -2)
        if 0 not in inner.shape[-2:]:
            u, s, vh = np.linalg.svd(inner, full_matrices=False)
            yield (u[..., :count], s[..., :count], vh[..., :count, :]), part


def _products(
    m: Array, shape_a: Shape, shape_b: Shape
) -> tuple[Callable[..., Any], Callable[..., Any], Shape]:
    """(R(M) X, R(M)ᵀ Y) as functions, and the shape of R(M)."""
    (rows, columns), (p, q) = shape_a, shape_b
    shape = rows * columns, p * q
    if m.nbytes <= _FORMED_BYTES:
        r = realignment(m, shape_a, shape_b, order="C")
        return (lambda x: r @ x), (lambda y: r.T @ y), shape
    height = max(1, _SLAB_BYTES * rows // m.nbytes)
    slabs = [slice(start, min(start + height, rows)) for start in range(0, rows, height)]

    def rearranged(slab: slice) -> tuple[Array, slice]:
        """The rows of R(M) from the rows ``slab`` of A, and where they are."""
        blocks = m[slab.start * p : slab.stop * p]
        r = realignment(blocks, (slab.stop - slab.start, columns), shape_b, order="C")
        return r, slice(slab.start * columns, slab.stop * columns)

    def multiply(x: Array) -> Array:
        result = np.empty((shape[0], x.shape[1]), np.result_type(m, x))
        for r, place in map(rearranged, slabs):
            np.matmul(r, x, out=result[place])
        return result

    def multiply_transposed(y: Array) -> Array:
        result = np.zeros((shape[1], y.shape[1]), np.result_type(m, y))
        for r, place in map(rearranged, slabs):
            result += r.T @ y[place]
        return result

    return multiply, multiply_transposed, shape


def _scaled(
    name: str,
    entries: Array,
    multiply: Callable[..., Any],
    multiply_transposed: Callable[..., Any],
    shape: Shape,
) -> tuple[Callable[..., Any], Callable[..., Any], Shape, Scalar]:
    """The products by R(M) / scale, the largest entry about 1, so that no square underflows."""
    largest = np.abs(entries).max(initial=0) if entries.ndim == 1 else _largest(entries)
    scale = largest if largest > 0 else largest.dtype.type(1)

    def by_scale(function: Callable[..., Any]) -> Callable[..., Any]:
        def product(x: Array) -> Array:
            with np.errstate(over="ignore", invalid="ignore"):
                y = function(x) / scale
            if not np.isfinite(y).all():
                raise np.linalg.LinAlgError(f"{name}: the entries of m are too large for their sum")
            return y

        return product

    return by_scale(multiply), by_scale(multiply_transposed), shape, scale


def _largest(m: Array) -> Scalar:
    """The largest modulus, row by row: without a copy of m."""
    return max(np.abs(row).max() for row in m)


def _by_krylov(
    multiply: Callable[..., Any],
    multiply_transposed: Callable[..., Any],
    shape: Shape,
    scale: Scalar,
    parts: Sequence[Part],
    count: int,
    dtype: DType,
) -> list[tuple[tuple[Array, Array, Array], Part]]:
    """The same, of one R(M) / scale that is multiplied."""
    found = _of_parts(multiply, multiply_transposed, shape, parts, count, dtype)
    return [((u, scale * s, vh), part) for (u, s, vh), part in found]


def _of_parts(
    multiply: Callable[..., Any],
    multiply_transposed: Callable[..., Any],
    shape: Shape,
    parts: Sequence[Part],
    count: int,
    dtype: DType,
) -> list[tuple[tuple[Array, Array, Array], Part]]:
    """(triplets, part) for each part that is not empty."""
    if len(parts) > 1:
        # All parts at once, unless a triplet turns out to be a mixture: where σ are equal.
        found = _in_part(multiply, multiply_transposed, shape, WHOLE, count, dtype)
        pure = None if found is None else _purified(found, parts)
        if pure is not None:
            return [(pure, WHOLE)]
    each = [_in_part(multiply, multiply_transposed, shape, p, count, dtype) for p in parts]
    return [(found, p) for found, p in zip(each, parts, strict=True) if found is not None]


def _purified(
    found: tuple[Array, Array, Array], parts: Sequence[Part]
) -> tuple[Array, Array, Array] | None:
    """Triplets of which u and v lie in one part, but for roundoff, projected on it; else None."""
    u, s, vh = found
    nearness = np.sqrt(np.finfo(s.dtype).eps)
    u, vh = u.T.copy(), vh.copy()
    for x, y in zip(u, vh, strict=True):
        part = max(parts, key=lambda p: np.linalg.norm(p.take(x)))
        for vector in (x, y):
            projected = part.put(part.take(vector))
            if np.linalg.norm(projected - vector) > nearness:
                return None
            vector[:] = projected / np.linalg.norm(projected)
    return u.T, s, vh


def _in_part(
    multiply: Callable[..., Any],
    multiply_transposed: Callable[..., Any],
    shape: Shape,
    part: Part,
    count: int,
    dtype: DType,
) -> tuple[Array, Array, Array] | None:
    """The leading triplets of R(M) in the coordinates of a part; None if it has none."""
    sizes = tuple(part.take(np.zeros(size, dtype)).size for size in shape)
    if 0 in sizes:
        return None

    def inside(function: Callable[..., Any]) -> Callable[..., Any]:
        """x ↦ the coordinates of what ``function`` makes of the conjugate matrices."""
        return lambda x: _coordinates(part, function(part.put(x.T).conj().T).T).T

    def right(x: Array) -> Array:
        return inside(multiply)(x.conj())

    def left(y: Array) -> Array:
        return inside(multiply_transposed)(y).conj()

    kept = np.empty(0, dtype).real.dtype if part.real else dtype
    return leading_triplets(right, left, sizes, min(count, *sizes), np.dtype(kept))


def of_sparse(name: str, m: Any, shape_a: Shape, shape_b: Shape, count: int) -> tuple[Array, Array]:
    """R(M) has the entries of M in other places."""
    from scipy.sparse import csr_array

    (rows, columns), (p, q) = shape_a, shape_b
    row, column, data = sparse_entries(m)
    data = as_float(name, data)
    if 0 in (*shape_a, *shape_b):
        return of_dense(name, np.zeros(m.shape, data.dtype), shape_a, shape_b, count)
    if not _all_finite(data):
        raise np.linalg.LinAlgError(f"{name}: m has entries that are not finite")
    (i, k), (j, l) = np.divmod(row, p), np.divmod(column, q)
    shape = rows * columns, p * q
    r = csr_array((data, (i * columns + j, k * q + l)), shape=shape)
    transposed = r.T.tocsr()
    difference = abs(m - m.conj().T) if rows == columns and p == q else None
    hermitian = difference is not None and (difference.nnz == 0 or difference.max() == 0)
    parts = _parts(hermitian, data.dtype.kind == "c")
    product = _scaled(name, data, lambda x: r @ x, lambda y: transposed @ y, shape)
    found = _by_krylov(*product, parts, count, data.dtype)
    return _finished(name, found, shape_a, shape_b, count)


def of_low_rank(
    name: str, u: Array, v: Array, shape_a: Shape, shape_b: Shape, count: int
) -> tuple[Array, Array]:
    """R(M) = U Vᵀ = Q_u (R_u R_vᵀ) Q_vᵀ: the SVD of the matrix between."""
    u, v = (as_float(name, f) for f in (u, v))
    u, v = (f.astype(np.result_type(u, v), copy=False) for f in (u, v))
    if not (_all_finite(u) and _all_finite(v)):
        raise np.linalg.LinAlgError(f"{name}: a term has entries that are not finite")
    part = WHOLE
    if _is_all_hermitian(u, shape_a) and _is_all_hermitian(v, shape_b):
        part = _parts(True, u.dtype.kind == "c")[0]
    (q_u, r_u), (q_v, r_v) = (np.linalg.qr(_coordinates(part, f.T).T) for f in (u, v))
    left, s, right = np.linalg.svd(r_u @ r_v.T, full_matrices=False)
    found = q_u @ left[:, :count], s[:count], right[:count] @ q_v.T
    missing = count - found[1].size  # fewer terms than asked for: the rest are zero
    left, s, right = (
        np.pad(f, [(0, missing if axis == where else 0) for axis in range(f.ndim)])
        for f, where in zip(found, (1, 0, 0), strict=True)
    )
    return _finished(name, [((left, s, right), part)], shape_a, shape_b, count)


# ----------------------------------------------------------------- from triplets to factors


def _finished(
    name: str,
    found: Iterator[Any] | Sequence[tuple[tuple[Array, Array, Array], Part]],
    shape_a: Shape,
    shape_b: Shape,
    count: int,
) -> tuple[Array, Array]:
    """A and B, (..., count, m, n) and (..., count, p, q), from the triplets of all parts."""
    found = list(found)
    a = np.concatenate([p.put(np.swapaxes(u, -1, -2)) for (u, _, _), p in found], axis=-2)
    b = np.concatenate([p.put(vh) for (_, _, vh), p in found], axis=-2)
    s = np.concatenate([s for (_, s, _), _ in found], axis=-1)
    if not np.isfinite(s).all():
        raise np.linalg.LinAlgError(f"{name}: the entries of m are too large for their norm")
    largest = np.argsort(-s, axis=-1, kind="stable")[..., :count, None]
    a, b, s = (np.take_along_axis(f, largest, axis=-2) for f in (a, b, s[..., None]))
    phase = _phase(b, shape_b, real=any(part.real for _, part in found))
    scale = np.sqrt(s)
    a, b = a * (scale * phase), b * (scale * phase.conj())
    return a.reshape(*a.shape[:-1], *shape_a), b.reshape(*b.shape[:-1], *shape_b)


def _phase(b: Array, shape_b: Shape, *, real: bool) -> Array:
    """The number of modulus 1 by which to divide B: the phase of its trace or its pivot.

    Of a Hermitian B, for ``real``, only the sign may change.
    """
    modulus = np.abs(b)
    roundoff = np.sqrt(np.finfo(modulus.dtype).eps)
    largest = modulus.max(-1, keepdims=True)
    pivot = np.take_along_axis(
        b, np.argmax(modulus >= (1 - roundoff) * largest, axis=-1)[..., None], axis=-1
    )
    if shape_b[0] == shape_b[1]:
        trace = b[..., :: shape_b[0] + 1].sum(-1, keepdims=True)
        norm = np.linalg.norm(b, axis=-1, keepdims=True)
        pivot = np.where(np.abs(trace) > roundoff * norm, trace, pivot)
    if real:
        re, im = np.real(pivot), np.imag(pivot)
        pivot = np.where(np.abs(re) >= np.abs(im), re, im)
    zero = pivot == 0
    return np.where(zero, 1, pivot / np.where(zero, 1, np.abs(pivot))).astype(b.dtype)
