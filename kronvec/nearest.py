"""The nearest Kronecker product, and the nearest sum of several: singular triplets of R(M).

‖M - Σ_i A_i ⊗ B_i‖ = ‖R(M) - Σ_i vec(A_i) vec(B_i)ᵀ‖, since R only moves entries.  So the best
terms are the leading singular pairs of R(M): by an SVD where that is small, by Krylov spaces
where it is not, and of small matrices where M is a sum of Kronecker products already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._shapes import as_plain, check_formable, check_size
from ._structured import ask, is_operator, is_sparse, stacked_terms
from ._subsystem_shapes import check_factor_shapes
from ._triplets import as_float, of_dense, of_low_rank, of_sparse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import ArrayLike

    from ._typing import Array, Scalar, Shape


def nearest_kron(
    m: Any,
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
        ``m`` is not of the shape that the shapes of A and B make, ``terms`` is not between 1
        and min(m n, p q), or ``m`` is an operator without structure of more than 4096 rows or
        columns.
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
        m = as_float(name, as_plain(name, "m", m, min_ndim=2))
    shape_a, shape_b = check_factor_shapes(name, m, shape_a, shape_b)
    count = _check_terms(name, terms, shape_a, shape_b)
    if is_sparse(m):
        a, b = of_sparse(name, m, shape_a, shape_b, count)
    elif is_operator(m):
        own = ask(m, "_realigned", shape_a, shape_b)
        if own is NotImplemented:
            check_formable(name, m)
            return nearest_kron(np.asarray(m), shape_a, shape_b, terms=terms)
        u, v = own
        a, b = of_low_rank(name, u, v, shape_a, shape_b, count)
    else:
        a, b = of_dense(name, m, shape_a, shape_b, count)
    return _as_pairs(a, b, terms)


def nearest_kron_of_terms(
    pairs: Iterable[tuple[ArrayLike, ArrayLike]], *, terms: int | None = None
) -> Any:
    """``nearest_kron`` of Σ_i A_i ⊗ B_i, given as pairs: the SVD of a matrix of their number."""
    name = "nearest_kron"
    read = [(np.asarray(a), np.asarray(b)) for a, b in pairs]
    shape_a, shape_b = read[0][0].shape, read[0][1].shape
    count = _check_terms(name, terms, shape_a, shape_b)
    a, b = of_low_rank(name, *stacked_terms(read), shape_a, shape_b, count)
    return _as_pairs(a, b, terms)


def _as_pairs(
    a: Array, b: Array, terms: Scalar | None
) -> list[tuple[Array, Array]] | tuple[Array, Array]:
    """One pair, or the list of those along axis -3."""
    pairs = [(a[..., i, :, :], b[..., i, :, :]) for i in range(a.shape[-3])]
    return pairs[0] if terms is None else pairs


def _check_terms(name: str, terms: Scalar | None, shape_a: Shape, shape_b: Shape) -> int:
    most = min(shape_a[0] * shape_a[1], shape_b[0] * shape_b[1])
    count = 1 if terms is None else check_size(name, "terms", terms)
    if terms is not None and not 1 <= count <= max(most, 1):
        raise ValueError(
            f"{name}: terms must be between 1 and {most}, the rank that R(M) can have for "
            f"shape_a={shape_a}, shape_b={shape_b}; got {count}"
        )
    return count
