"""Approximate inverses of covariances, for conjugate gradients, and which one to take.

- K + diag(d), K one Kronecker product or sum, the d not too different: (K + mean(d) I)⁻¹ by
  eigenvectors
- P K Pᵀ or a sum of Kronecker products, with or without a diagonal added: each entry given its
  nearest neighbours on the grid of the factors
- anything else: the diagonal (Jacobi)
"""

from __future__ import annotations

import importlib.util
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import as_plain, check_size, shape_error
from .._threads import check_workers
from ._base import Operator
from ._grids import read_grid
from ._simplify import add, multiply
from ._solving import inexact
from .combinations import Product, Scaled
from .dense import as_operator
from .diagonal import Diagonal
from .identity import Identity
from .kronecker_product import KroneckerProduct
from .kronecker_sum import KroneckerSum
from .sparse import Sparse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from .._typing import Array, Scalar


# Bytes of the matrices among neighbours that are factorized at a time.
_BLOCK_BYTES = 1 << 21
# With s = mean(d), (K + s I)⁻¹ (K + diag(d)) has eigenvalues from min(d) / s to max(d) / s for a
# semidefinite K: iterations grow with the square root of max(d) / min(d), whatever K is.
_ALIKE = 100


def preconditioner_for(rest: Sequence[Operator], d: Array | float) -> Operator:
    """M ≈ (Σ rest + diag(d))⁻¹ for Hermitian terms; d may be a number."""
    n = rest[0].shape[0]
    whole = reduce(add, [*rest, multiply(d, Identity(n)) if np.ndim(d) == 0 else Diagonal(d)])
    d = np.asarray(np.real(d))
    if len(rest) == 1 and 0 < np.max(d) <= _ALIKE * np.min(d):
        inverse = shifted_inverse(rest[0], float(np.mean(d)))
        if inverse is not None:
            return inverse
    grid = read_grid(whole)
    if grid is not None and len(grid.sizes) > 1 and importlib.util.find_spec("scipy"):
        return NearestNeighbours(whole)
    return jacobi(whole)


def jacobi(a: Operator) -> Diagonal:
    """diag(A)⁻¹."""
    return Diagonal(1 / _positive_diagonal("jacobi", a))


def shifted_inverse(k: Operator, shift: Scalar) -> Operator | None:
    """(K + σ I)⁻¹ = V diag(1 / (w + σ)) Vᴴ for a Hermitian Kronecker product or sum, scaled or not.

    None for another K, and where that is not positive definite.
    """
    inner = k.operator if isinstance(k, Scaled) else k
    if not isinstance(inner, (KroneckerProduct, KroneckerSum)):
        return None
    w, v = k._eigh()
    w = w + np.real(shift)
    if not w.min(initial=np.inf) > np.finfo(w.dtype).eps * np.abs(w).max(initial=0):
        return None
    return v @ Diagonal(1 / w) @ v.H


class NearestNeighbours(Product):
    """Gᴴ G ≈ A⁻¹ with a sparse lower triangular G, from the entries of A among neighbours.

    With A the covariance of x, row i of G is (x_i - E[x_i | x_N]) / sd[x_i | x_N], N being the
    nearest of the unknowns before i.  With all of those it would be A⁻¹ = Gᴴ G exactly; near ones
    screen off far ones, so few are enough.  It is positive definite whatever is left out.

    Parameters
    ----------
    operator : operator, or matrix
        A, (n, n), Hermitian and positive definite, of which entries are read, as few as
        n (neighbours + 1)².  It is fast for sums of `KroneckerProduct`, `Restriction` of these
        (P K Pᵀ) and diagonals.
    points : array_like, shape (n, axes), optional
        Where the unknowns are, so that near ones are those of high correlation.  By default their
        places on the grid of the Kronecker factors, with each axis in units of how fast the
        correlation decays along it.
    neighbours : int
        How many of them a row of G holds, at most.
    workers : int, optional
        Threads that look for neighbours; -1 for all CPUs.

    Attributes
    ----------
    factor : scipy.sparse.csr_array
        G, with a positive diagonal.

    Raises
    ------
    ValueError
        A is not square, ``points`` do not fit or are not finite, or there is no grid to take
        them from.
    TypeError
        A is no matrix, ``points`` are not real, or ``neighbours`` is no integer.
    numpy.linalg.LinAlgError
        An entry of the diagonal of A is not positive.
    ImportError
        SciPy is not there.

    See Also
    --------
    conjugate_gradients

    Notes
    -----
    ``slogdet()`` is immediate: -log det A is about 2 Σ log G_ii (Vecchia's likelihood).

    References
    ----------
    A. V. Vecchia, "Estimation and model identification for continuous spatial processes",
    J. Roy. Statist. Soc. B 50 (1988), 297-312.
    L. Yu. Kolotilina and A. Yu. Yeremin, "Factorized sparse approximate inverse
    preconditionings I", SIAM J. Matrix Anal. Appl. 14 (1993), 45-58.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.operators import (
    ...     Identity, KroneckerProduct, NearestNeighbours, Restriction, conjugate_gradients)
    >>> F = 0.8 ** np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    >>> P = Restriction(np.arange(0, 900, 2), 900)
    >>> A = P @ KroneckerProduct(F, F) @ P.T + 0.01 * Identity(450)
    >>> M = NearestNeighbours(A)
    >>> M
    NearestNeighbours(450, 20 each)
    >>> b = np.ones(450)
    >>> conjugate_gradients(A, b).iterations > 5 * conjugate_gradients(
    ...     A, b, preconditioner=M).iterations
    True
    """

    def __init__(
        self,
        operator: Array | Operator | str,
        *,
        points: ArrayLike | None = None,
        neighbours: int = 20,
        workers: int | None = None,
    ) -> None:
        function = "NearestNeighbours"
        operator = as_operator(function, "operator", operator)
        n = operator._check_square(function)
        self.neighbours = check_size(function, "neighbours", neighbours)
        points = _read_points(function, points, operator, n)
        workers = check_workers(function, workers)
        self.factor = _factor(operator, points, min(self.neighbours, max(n - 1, 0)), workers)
        super().__init__(Sparse(self.factor.conj().T), Sparse(self.factor))

    def _is_hermitian(self) -> bool:
        return True

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        diagonal = self.factor.diagonal()
        return diagonal.dtype.type(1), 2 * np.log(diagonal.real).sum()

    def __repr__(self) -> str:
        return f"NearestNeighbours({self.shape[0]}, {self.neighbours} each)"


def _read_points(function: str, points: ArrayLike | None, operator: Operator, n: int) -> Array:
    """The points as given, or those of the grid."""
    if points is None:
        grid = read_grid(operator)
        if grid is None:
            raise ValueError(
                f"{function}: {operator!r} is not made of Kronecker products on one grid; say "
                f"with points= where its unknowns are"
            )
        return grid.points()
    points = as_plain(function, "points", points)
    if points.ndim != 2 or len(points) != n:
        raise shape_error(function, f"points must have shape ({n}, axes)", points=points)
    if points.dtype.kind not in "biuf":
        raise TypeError(f"{function}: points must be real, got dtype {points.dtype}")
    if not np.isfinite(points).all():
        raise ValueError(f"{function}: points hold NaN or infinity")
    return points.astype(np.float64)


def _factor(a: Operator, points: Array, neighbours: int, workers: int) -> Any:
    """G, row by row from the entries of A among i and its nearest earlier neighbours."""
    from scipy.sparse import csr_array
    from scipy.spatial import KDTree

    n, dtype = a.shape[0], np.result_type(inexact(a.dtype), np.float32)
    _positive_diagonal("NearestNeighbours", a)
    tree = KDTree(points) if n else None
    columns = np.empty((n, neighbours + 1), np.intp)
    values = np.empty((n, neighbours + 1), dtype)
    step = max(1, _BLOCK_BYTES // (dtype.itemsize * (neighbours + 1) ** 2))
    for start in range(0, n, step):
        part = np.arange(start, min(start + step, n))
        near, exists = _nearest_earlier(tree, points, part, neighbours, workers)
        columns[part] = near.T
        among = a._entries(near[:, None], near).astype(dtype, copy=False)
        values[part] = _last_rows(among, exists).T
    # Row i of G has its entries in any order; what is not there has the value zero.
    starts = np.arange(0, columns.size + 1, neighbours + 1)
    g = csr_array((values.ravel(), columns.ravel(), starts), shape=(n, n))
    g.sum_duplicates()
    g.eliminate_zeros()
    return g


def _nearest_earlier(
    tree: Any, points: Array, part: Array, neighbours: int, workers: int
) -> tuple[Array, Array]:
    """(neighbours + 1, len(part)): the nearest of smaller number, then the point itself.

    And which of these there are; where there is none stands the point itself.
    """
    # In an order along the axes about half of what surrounds a point comes before it.
    count = min(3 * neighbours + 1, len(points))
    near = tree.query(points[part], list(range(1, count + 1)), workers=workers)[1]
    earlier = near < part[:, None]
    first = np.argsort(~earlier, axis=1, kind="stable")[:, :neighbours]
    near = np.take_along_axis(near, first, axis=1)
    earlier = np.take_along_axis(earlier, first, axis=1)
    missing = neighbours - near.shape[1]
    near = np.pad(near, ((0, 0), (0, missing + 1)))
    earlier = np.pad(earlier, ((0, 0), (0, missing + 1)))
    near = np.where(earlier, near, part[:, None])
    earlier[:, -1] = True
    return np.ascontiguousarray(near.T), np.ascontiguousarray(earlier.T)


def _last_rows(a: Array, exists: Array) -> Array:
    """g (m, k) with g[:, j] L = (0, ..., 0, 1), L Lᴴ = a[:, :, j]; a (m, m, k) is overwritten.

    So g a gᴴ = 1.  Entries of g are zero for rows that are not there; what earlier rows leave of
    a row is at least rounding.
    """
    m = len(a)
    floor = m * np.finfo(a.dtype).eps * a[np.arange(m), np.arange(m)].real
    scale = np.empty(exists.shape, a.real.dtype)
    for k in range(m):
        # L[i, k] = (a[i, k] - Σ_{j<k} L[i, j] L[k, j]*) / L[k, k]
        if k:
            a[k:, k] -= np.einsum("ijn,jn->in", a[k:, :k], a[k, :k].conj())
        pivot = a[k, k].real
        scale[k] = np.where(exists[k], 1 / np.sqrt(np.maximum(pivot, floor[k])), 0)
        a[k + 1 :, k] *= scale[k]
    g = np.empty_like(a[0])
    g[-1] = scale[-1]
    for k in range(m - 2, -1, -1):
        # 0 = (g L)[k] = Σ_{i>=k} g[i] L[i, k]
        g[k] = -scale[k] * np.einsum("in,in->n", g[k + 1 :], a[k + 1 :, k])
    return g


def _positive_diagonal(function: str, a: Operator) -> Array:
    """The diagonal of a positive definite A."""
    diagonal = a._diagonal().real
    if not (diagonal > 0).all():
        worst = diagonal[~(diagonal > 0)][0]
        raise np.linalg.LinAlgError(
            f"{function}: {a!r} is not positive definite, its diagonal holds {worst}"
        )
    return diagonal
