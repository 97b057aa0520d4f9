"""The nearest Kronecker product, and the nearest sum of several: singular triplets of R(M).

‖M - Σ_i A_i ⊗ B_i‖ = ‖R(M) - Σ_i vec(A_i) vec(B_i)ᵀ‖, since R only moves entries.  So the best
terms are the leading singular pairs of R(M): by an SVD where that is small, by Krylov spaces
where it is not, and of small matrices where M is a sum of Kronecker products already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._krylov import leading_triplets
from ._shapes import as_plain, check_size
from ._structured import ask, is_operator, is_sparse, sparse_entries, stacked_terms
from ._subsystem_shapes import check_factor_shapes
from ._symmetric_parts import HERMITIAN, SKEW, SYMMETRIC, WHOLE
from .realign import realignment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

# R(M) is formed up to here; beyond it is multiplied slab by slab, of so many bytes.
_FORMED_BYTES = 1 << 26
_SLAB_BYTES = 1 << 21
# Below this short side of R(M) the SVD is as fast.
_SVD_SIDE = 64


def nearest_kron(
    m: ArrayLike,
    shape_a: tuple[int, int],
    shape_b: tuple[int, int],
    *,
    terms: int | None = None,
) -> Any:
    """The Kronecker product nearest to a matrix: A and B with the least ``‖M - A ⊗ B‖_F``.

    Parameters
    ----------
    m : array_like, shape (..., m p, n q)
        Numbers; a sparse matrix of SciPy; or an operator.  float32, float64, complex64 and
        complex128 are computed as they are, integers and booleans in float64.
    shape_a, shape_b : (int, int)
        The shapes (m, n) of A and (p, q) of B.
    terms : int, optional
        The number k of pairs with the least ``‖M - Σ_i A_i ⊗ B_i‖_F``; at most
        min(m n, p q), with which the sum is M.

    Returns
    -------
    A, B : ndarray, shapes (..., m, n) and (..., p, q)
        With ``terms`` a list of that many such pairs, the largest first.  The A_i are orthogonal
        to each other, tr(A_iᴴ A_j) = 0, and so are the B_i.

    Raises
    ------
    ValueError
        ``m`` is not of the shape that the shapes of A and B make, or ``terms`` is not between 1
        and min(m n, p q).
    TypeError
        ``m`` is not an array of numbers, is masked, or has a dtype that `numpy.linalg` does not
        take (float16, longdouble, object); a size is not an integer.
    numpy.linalg.LinAlgError
        ``m`` has entries that are not finite, or too large for their norm.

    See Also
    --------
    realignment : the rearrangement R(M), whose singular pairs these are.

    Notes
    -----
    ‖A‖_F = ‖B‖_F = √σ, where σ is a singular value of R(M).  If B is square and its trace is not
    negligible, that is positive; else the first of the entries of B that have the largest modulus
    is.  The least error is the root of the sum of squares of the other singular values; it is
    reached up to a small multiple of ε ‖M‖.  Where two singular values are equal, several pairs
    are nearest, and this is one of them, always the same.

    If M is exactly Hermitian and A is square, A and B are exactly Hermitian.  If M is also
    positive definite, so are they, up to rounding.  A real symmetric M can be nearest to a
    product of two skew-symmetric matrices; A and B are then exactly skew-symmetric.

    An R(M) that is large is not decomposed but multiplied, in Krylov spaces, without a copy of M;
    a sparse one stays sparse.

    References
    ----------
    Van Loan & Pitsianis, in *Linear Algebra for Large Scale and Real-Time Applications* (1993),
    293-314.
    Pitsianis, *The Kronecker Product in Approximation and Fast Transform Generation*, thesis,
    Cornell University (1997).
    Golub & Van Loan, *Matrix Computations*, 4th ed. (2013), section 12.3.6 (and 10.4 for the
    bidiagonalization).

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0, 2.0]])
    >>> M = np.kron(A, B)
    >>> np.allclose(np.kron(*kv.nearest_kron(M, (2, 2), (1, 3))), M)
    True

    Two terms of a sum of two are the sum:

    >>> M = M + np.kron(A.T, [[0.0, 1.0, 1.0]])
    >>> pairs = kv.nearest_kron(M, (2, 2), (1, 3), terms=2)
    >>> np.allclose(sum(np.kron(*pair) for pair in pairs), M)
    True
    """
    name = "nearest_kron"
    if not (is_sparse(m) or is_operator(m)):
        m = _as_float(name, as_plain(name, "m", m, min_ndim=2))
    shape_a, shape_b = check_factor_shapes(name, m, shape_a, shape_b)
    count = _check_terms(name, terms, shape_a, shape_b)
    if is_sparse(m):
        pairs = _of_sparse(name, m, shape_a, shape_b, count)
    elif is_operator(m):
        own = ask(m, "_realigned", shape_a, shape_b)
        if own is NotImplemented:
            return nearest_kron(m.toarray(), shape_a, shape_b, terms=terms)
        pairs = _of_low_rank(name, *own, shape_a, shape_b, count)
    else:
        pairs = _of_dense(name, m, shape_a, shape_b, count)
    return pairs[0] if terms is None else pairs


def nearest_kron_of_terms(pairs: Iterable[tuple[ArrayLike, ArrayLike]], *, terms=None) -> Any:
    """``nearest_kron`` of Σ_i A_i ⊗ B_i, given as pairs: the SVD of a matrix of their number."""
    name = "nearest_kron"
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in pairs]
    shape_a, shape_b = pairs[0][0].shape, pairs[0][1].shape
    count = _check_terms(name, terms, shape_a, shape_b)
    found = _of_low_rank(name, *stacked_terms(pairs), shape_a, shape_b, count)
    return found[0] if terms is None else found


def _check_terms(name: str, terms, shape_a, shape_b) -> int:
    most = min(shape_a[0] * shape_a[1], shape_b[0] * shape_b[1])
    count = 1 if terms is None else check_size(name, "terms", terms)
    if terms is not None and not 1 <= count <= max(most, 1):
        raise ValueError(
            f"{name}: terms must be between 1 and {most}, the rank that R(M) can have for "
            f"shape_a={shape_a}, shape_b={shape_b}; got {count}"
        )
    return count


def _as_float(name: str, m):
    """m in a dtype that numpy.linalg computes in."""
    dtype = np.dtype(float) if m.dtype.kind in "biu" else m.dtype.newbyteorder("=")
    if dtype.char not in "fdFD":
        raise TypeError(f"{name}: m must be of a dtype that numpy.linalg takes, got {m.dtype}")
    return m.astype(dtype, copy=False)


# ----------------------------------------------------------------- the parts of M


def _parts(hermitian: bool, complex_: bool):
    """The subspaces that R(M) maps each to itself."""
    if not hermitian:
        return [WHOLE]
    return [HERMITIAN] if complex_ else [SYMMETRIC, SKEW]


def _is_hermitian(m, shape_a, shape_b) -> NDArray:
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


def _is_all_hermitian(columns, shape) -> bool:
    """Whether each column is the vec of a Hermitian matrix."""
    f = columns.T.reshape(-1, *shape)
    return shape[0] == shape[1] and bool((f == np.swapaxes(f, -1, -2).conj()).all())


# ----------------------------------------------------------------- triplets of R(M)


def _of_dense(name: str, m, shape_a, shape_b, count: int):
    batch = m.shape[:-2]
    if m.shape[-1] == 0 or m.shape[-2] == 0:
        zeros = np.zeros((*batch, *shape_a), m.dtype), np.zeros((*batch, *shape_b), m.dtype)
        return [zeros] * count
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
            r = realignment(chosen, shape_a, shape_b, order="C")
            found = [_svd_of_part(r, part, count) for part in parts]
            a[which], b[which] = _finished(name, found, parts, shape_a, shape_b, count)
            continue
        for i in which:
            product = _products(m[i], shape_a, shape_b)
            found = [_krylov_of_part(*product, part, count, m.dtype) for part in parts]
            a[i], b[i] = _finished(name, found, parts, shape_a, shape_b, count)
    a, b = a.reshape(*batch, *a.shape[1:]), b.reshape(*batch, *b.shape[1:])
    return [(a[..., i, :, :], b[..., i, :, :]) for i in range(count)]


def _all_finite(m) -> bool:
    """Whether no entry is NaN or infinite; a sum that is finite shows it in one sweep."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(m.sum()) or np.isfinite(m).all())


def _svd_pays(shape_a, shape_b, count: int) -> bool:
    """Whether the SVD of R(M) formed takes less than a Krylov space: a matter of the short side."""
    sizes = sorted((shape_a[0] * shape_a[1], shape_b[0] * shape_b[1]))
    return sizes[0] <= _SVD_SIDE or 8 * (count + 3) >= sizes[0]


def _coordinates(part, x):
    """The coordinates of matrices in the part."""
    return part.take(x).real if part.real else part.take(x)


def _svd_of_part(r, part, count: int):
    """The leading triplets of R(M) in the coordinates of a part, of a batch."""
    r = np.swapaxes(_coordinates(part, np.swapaxes(part.take(r), -1, -2)), -1, -2)
    if 0 in r.shape[-2:]:
        return None
    u, s, vh = np.linalg.svd(r, full_matrices=False)
    return u[..., :count], s[..., :count], vh[..., :count, :]


def _products(m, shape_a, shape_b):
    """(R(M) X, R(M)ᵀ Y) as functions, and the shape of R(M)."""
    (rows, columns), (p, q) = shape_a, shape_b
    shape = rows * columns, p * q
    if m.nbytes <= _FORMED_BYTES:
        r = realignment(m, shape_a, shape_b, order="C")
        return (lambda x: r @ x), (lambda y: r.T @ y), shape
    height = max(1, _SLAB_BYTES * rows // m.nbytes)
    slabs = [slice(start, min(start + height, rows)) for start in range(0, rows, height)]

    def rearranged(slab):
        """The rows of R(M) from the rows ``slab`` of A, and where they are."""
        blocks = m[slab.start * p : slab.stop * p]
        r = realignment(blocks, (slab.stop - slab.start, columns), shape_b, order="C")
        return r, slice(slab.start * columns, slab.stop * columns)

    def multiply(x):
        result = np.empty((shape[0], x.shape[1]), np.result_type(m, x))
        for r, place in map(rearranged, slabs):
            np.matmul(r, x, out=result[place])
        return result

    def multiply_transposed(y):
        result = np.zeros((shape[1], y.shape[1]), np.result_type(m, y))
        for r, place in map(rearranged, slabs):
            result += r.T @ y[place]
        return result

    return multiply, multiply_transposed, shape


def _krylov_of_part(multiply, multiply_transposed, shape, part, count: int, dtype):
    """The same, of an R(M) that is multiplied."""
    sizes = [part.take(np.zeros(size, dtype)).size for size in shape]
    if 0 in sizes:
        return None
    real = np.empty(0, dtype).real.dtype if part.real else dtype

    def inside(function):
        """x ↦ the coordinates of what ``function`` makes of the conjugate matrices."""
        return lambda x: _coordinates(part, function(part.put(x.T).conj().T).T).T

    def right(x):
        return inside(multiply)(x.conj())

    def left(y):
        return inside(multiply_transposed)(y).conj()

    most = min(count, *sizes)
    return leading_triplets(right, left, tuple(sizes), most, np.dtype(real))


def _of_sparse(name: str, m, shape_a, shape_b, count: int):
    """R(M) has the entries of M in other places."""
    from scipy.sparse import csr_array

    (rows, columns), (p, q) = shape_a, shape_b
    row, column, data = sparse_entries(m)
    data = _as_float(name, data)
    if 0 in m.shape:
        return _of_dense(name, np.zeros(m.shape, data.dtype), shape_a, shape_b, count)
    if not _all_finite(data):
        raise np.linalg.LinAlgError(f"{name}: m has entries that are not finite")
    (i, k), (j, l) = np.divmod(row, p), np.divmod(column, q)
    shape = rows * columns, p * q
    r = csr_array((data, (i * columns + j, k * q + l)), shape=shape)
    transposed = r.T.tocsr()
    difference = abs(m - m.conj().T) if rows == columns and p == q else None
    hermitian = difference is not None and (difference.nnz == 0 or difference.max() == 0)
    parts = _parts(hermitian, data.dtype.kind == "c")
    found = [
        _krylov_of_part(lambda x: r @ x, lambda y: transposed @ y, shape, part, count, data.dtype)
        for part in parts
    ]
    a, b = _finished(name, found, parts, shape_a, shape_b, count)
    return list(zip(a, b, strict=True))


def _of_low_rank(name: str, u, v, shape_a, shape_b, count: int):
    """R(M) = U Vᵀ = Q_u (R_u R_vᵀ) Q_vᵀ: the SVD of the matrix between."""
    u, v = (_as_float(name, f) for f in (u, v))
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
    found = tuple(
        np.pad(f, [(0, missing if axis == where else 0) for axis in range(f.ndim)])
        for f, where in zip(found, (1, 0, 0), strict=True)
    )
    a, b = _finished(name, [found], [part], shape_a, shape_b, count)
    return list(zip(a, b, strict=True))


# ----------------------------------------------------------------- from triplets to factors


def _finished(name: str, found, parts, shape_a, shape_b, count: int):
    """A and B, (..., count, m, n) and (..., count, p, q), from the triplets of all parts."""
    present = [(triplets, part) for triplets, part in zip(found, parts, strict=True) if triplets]
    a = np.concatenate([p.put(np.swapaxes(u, -1, -2)) for (u, _, _), p in present], axis=-2)
    b = np.concatenate([p.put(vh) for (_, _, vh), p in present], axis=-2)
    s = np.concatenate([s for (_, s, _), _ in present], axis=-1)
    if not np.isfinite(s).all():
        raise np.linalg.LinAlgError(f"{name}: the entries of m are too large for their norm")
    largest = np.argsort(-s, axis=-1, kind="stable")[..., :count, None]
    a, b, s = (np.take_along_axis(f, largest, axis=-2) for f in (a, b, s[..., None]))
    phase = _phase(b, shape_b, real=any(part.real for part in parts))
    scale = np.sqrt(s)
    a, b = a * (scale * phase), b * (scale * phase.conj())
    return a.reshape(*a.shape[:-1], *shape_a), b.reshape(*b.shape[:-1], *shape_b)


def _phase(b, shape_b, *, real: bool):
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
        pivot = np.where(np.abs(pivot.real) >= np.abs(pivot.imag), pivot.real, pivot.imag)
    zero = pivot == 0
    return np.where(zero, 1, pivot / np.where(zero, 1, np.abs(pivot))).astype(b.dtype)
