"""Duplication, elimination and symmetrizer matrices as moves of entries, never formed.

For A of shape (n, n), vec stacking columns and vech the lower triangle column by column:

    duplication  D_n    n² x n(n+1)/2    D vech(A) = vec(A) for symmetric A
    its inverse  D_n⁺   n(n+1)/2 x n²    D⁺ vec(A) = vech((A + Aᵀ) / 2),  D⁺ = (DᵀD)⁻¹Dᵀ
    elimination  L_n    n(n+1)/2 x n²    L vec(A) = vech(A)
    symmetrizer  N_n    n² x n²          N vec(A) = vec((A + Aᵀ) / 2),  N = (I + K_{n,n}) / 2

D⁺D = L D = I, D D⁺ = N, N D = D, L N = D⁺.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._foreign import array_api
from ._half_matmul import (
    DUPLICATION,
    DUPLICATION_PINV,
    ELIMINATION,
    SYMMETRIZER,
    check_indices,
    gather,
    half_matmul,
)
from ._triangle import duplicate, pick
from .permutations import commutation_indices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


@array_api
def duplication_matmul(
    x: ArrayLike,
    n: int,
    *,
    side: str = "left",
    transposed: bool = False,
    out: NDArray | None = None,
) -> NDArray:
    """Multiply by the duplication matrix: D_n x, or x D_n for ``side="right"``.

    D_n has n² rows and n (n + 1) / 2 columns, and D_n vech(A) = vec(A) for every symmetric A of
    shape (n, n).  D x copies entries; Dᵀ x adds a[i, j] and a[j, i] and keeps the diagonal.

    Parameters
    ----------
    x : array_like
        A vector; a matrix, whose rows are multiplied from the left and whose columns from the
        right; or a batch of matrices, on the last two axes.  That axis has n (n + 1) / 2
        entries for D x and x Dᵀ, and n² for Dᵀ x and x D.  Any dtype; numbers for Dᵀ x and x D.
    n : int
        Rows and columns of A.
    side : {"left", "right"}
        "left" computes D x, "right" computes x D.  The right side of a vector is x D = Dᵀ x.
    transposed : bool
        Use D_nᵀ instead of D_n.
    out : ndarray, optional
        Where the result is stored; may overlap ``x`` in any way.

    Returns
    -------
    ndarray
        ``x`` with that axis n² or n (n + 1) / 2 long, of the dtype of ``x`` (native byte
        order); ``out`` where it is given.

    Raises
    ------
    ValueError
        The axis of ``x`` has another length, n is negative, ``side`` is neither "left" nor
        "right", or ``out`` has another shape or is read-only.
    TypeError
        ``x`` is not an array (of numbers, where they are added), n is not an integer, or
        ``out`` cannot hold the dtype.

    See Also
    --------
    duplication_indices : D x as a gather, ``x[indices]``.
    duplication_pinv_matmul : the Moore-Penrose inverse.
    unvech : the symmetric matrix itself.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.
    Magnus & Neudecker, *SIAM J. Alg. Disc. Meth.* 1 (1980), 422-449.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A = np.array([[1, 2], [2, 3]])
    >>> kv.duplication_matmul(kv.vech(A), 2)
    array([1, 2, 2, 3])
    >>> kv.duplication_matmul(kv.vec(A), 2, transposed=True)
    array([1, 4, 3])
    """
    return half_matmul("duplication_matmul", DUPLICATION, x, n, side, transposed, out)


def duplication_indices(n: int) -> NDArray[np.intp]:
    """The gather that is D_n: ``x[duplication_indices(n)]`` equals D_n x.

    ``indices[j n + i]`` is the place in vech(A) of a[i, j] or a[j, i], whichever is in the lower
    triangle.  D_n⁺ has none: it adds two entries.

    Parameters
    ----------
    n : int
        Rows and columns of the matrices A in D_n vech(A) = vec(A).

    Returns
    -------
    ndarray of intp, shape (n²,)

    Raises
    ------
    ValueError
        n is negative, or the indices would not fit in the address space.
    TypeError
        n is not an integer.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.duplication_indices(3)
    array([0, 1, 2, 1, 3, 4, 2, 4, 5])
    """
    return gather(duplicate, check_indices("duplication_indices", n))


@array_api
def duplication_pinv_matmul(
    x: ArrayLike,
    n: int,
    *,
    side: str = "left",
    transposed: bool = False,
    out: NDArray | None = None,
) -> NDArray:
    """Multiply by the inverse of D_n, D_n⁺ = (DᵀD)⁻¹Dᵀ: D_n⁺ x, or x D_n⁺ for ``side="right"``.

    D_n⁺ has n (n + 1) / 2 rows and n² columns, with D_n⁺ vec(A) = vech((A + Aᵀ) / 2).  Its
    entries are 1 for the diagonal and 1/2 off it, so that integers give floats; no gather does
    the same.

    Parameters
    ----------
    x : array_like
        A vector, a matrix or a batch of matrices, as for `duplication_matmul`; numbers.  The
        axis has n² entries for D⁺ x and x D⁺ᵀ, and n (n + 1) / 2 for D⁺ᵀ x and x D⁺.
    n : int
        Rows and columns of A.
    side : {"left", "right"}
        "left" computes D⁺ x, "right" computes x D⁺.
    transposed : bool
        Use D_n⁺ᵀ instead of D_n⁺.
    out : ndarray, optional
        Where the result is stored; may overlap ``x`` in any way.

    Returns
    -------
    ndarray
        Of dtype ``np.result_type(x, 1.0)``: float64 for integers and booleans, otherwise that
        of ``x``; ``out`` where it is given.

    Raises
    ------
    ValueError
        The axis of ``x`` has another length, n is negative, ``side`` is neither "left" nor
        "right", or ``out`` has another shape or is read-only.
    TypeError
        ``x`` is not an array of numbers, n is not an integer, or ``out`` cannot hold the dtype.

    See Also
    --------
    elimination_matmul : L_n, which does not average but takes the lower triangle.
    vech_kron : D⁺(A ⊗ B)D⁺ᵀ and its relatives.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.duplication_pinv_matmul(kv.vec([[1, 2], [4, 3]]), 2)
    array([1., 3., 3.])
    """
    return half_matmul("duplication_pinv_matmul", DUPLICATION_PINV, x, n, side, transposed, out)


@array_api
def elimination_matmul(
    x: ArrayLike,
    n: int,
    *,
    side: str = "left",
    transposed: bool = False,
    out: NDArray | None = None,
) -> NDArray:
    """Multiply by the elimination matrix: L_n x, or x L_n for ``side="right"``.

    L_n has n (n + 1) / 2 rows and n² columns, and L_n vec(A) = vech(A) for every A of shape
    (n, n).  L x takes entries; Lᵀ vech(A) is the vec of the lower triangle of A, zero above.

    Parameters
    ----------
    x : array_like
        A vector, a matrix or a batch of matrices, as for `duplication_matmul`.  The axis has n²
        entries for L x and x Lᵀ, and n (n + 1) / 2 for Lᵀ x and x L.  Any dtype; numbers for
        Lᵀ x and x L.
    n : int
        Rows and columns of A.
    side : {"left", "right"}
        "left" computes L x, "right" computes x L.
    transposed : bool
        Use L_nᵀ instead of L_n.
    out : ndarray, optional
        Where the result is stored; may overlap ``x`` in any way.

    Returns
    -------
    ndarray
        Of the dtype of ``x`` (native byte order); ``out`` where it is given.

    Raises
    ------
    ValueError
        The axis of ``x`` has another length, n is negative, ``side`` is neither "left" nor
        "right", or ``out`` has another shape or is read-only.
    TypeError
        ``x`` is not an array (of numbers, for Lᵀ x and x L), n is not an integer, or ``out``
        cannot hold the dtype.

    See Also
    --------
    vech : the same of a matrix that is not vec-ed.

    References
    ----------
    Magnus & Neudecker, *SIAM J. Alg. Disc. Meth.* 1 (1980), 422-449.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.elimination_matmul(kv.vec([[1, 2], [4, 3]]), 2)
    array([1, 4, 3])
    >>> kv.unvec(kv.elimination_matmul([1, 4, 3], 2, transposed=True), (2, 2))
    array([[1, 0],
           [4, 3]])
    """
    return half_matmul("elimination_matmul", ELIMINATION, x, n, side, transposed, out)


def elimination_indices(n: int) -> NDArray[np.intp]:
    """The gather that is L_n: ``x[elimination_indices(n)]`` equals L_n x.

    The places in vec(A) of the lower triangle, column by column: j n + i for i >= j.

    Parameters
    ----------
    n : int
        Rows and columns of the matrices A in L_n vec(A) = vech(A).

    Returns
    -------
    ndarray of intp, shape (n (n + 1) / 2,)

    Raises
    ------
    ValueError
        n is negative, or the indices would not fit in the address space.
    TypeError
        n is not an integer.

    References
    ----------
    Magnus & Neudecker, *SIAM J. Alg. Disc. Meth.* 1 (1980), 422-449.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.elimination_indices(3)
    array([0, 1, 2, 4, 5, 8])
    """
    return gather(pick, check_indices("elimination_indices", n))


@array_api
def symmetrizer_matmul(
    x: ArrayLike,
    n: int,
    *,
    side: str = "left",
    transposed: bool = False,
    out: NDArray | None = None,
) -> NDArray:
    """Multiply by the symmetrizer N_n = (I + K_{n,n}) / 2: N_n x, or x N_n for ``side="right"``.

    N_n vec(A) = vec((A + Aᵀ) / 2) for every A of shape (n, n).  N_n = N_nᵀ = N_n² is the
    orthogonal projection on the vecs of symmetric matrices.

    Parameters
    ----------
    x : array_like
        A vector (n²,); a matrix, (n², k) for the left side and (k, n²) for the right; or a
        batch of matrices, which live on the last two axes.  Numbers.
    n : int
        Rows and columns of A.
    side : {"left", "right"}
        "left" computes N x, "right" computes x N.
    transposed : bool
        Changes nothing: N is symmetric.
    out : ndarray, optional
        Where the result is stored; may overlap ``x`` in any way.

    Returns
    -------
    ndarray
        Of the shape of ``x`` and of dtype ``np.result_type(x, 1.0)``: float64 for integers and
        booleans, otherwise that of ``x``; ``out`` where it is given.

    Raises
    ------
    ValueError
        The axis of ``x`` is not n² long, n is negative, ``side`` is neither "left" nor "right",
        or ``out`` has another shape or is read-only.
    TypeError
        ``x`` is not an array of numbers, n is not an integer, or ``out`` cannot hold the dtype.

    See Also
    --------
    commutation_matmul : K_{m,n}.
    symmetrizer_kron : N(A ⊗ A).

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.symmetrizer_matmul(kv.vec([[1, 2], [4, 3]]), 2)
    array([1., 3., 3., 3.])
    """
    return half_matmul("symmetrizer_matmul", SYMMETRIZER, x, n, side, transposed, out)


def symmetrizer_indices(n: int) -> NDArray[np.intp]:
    """Those of K_{n,n}, with which N_n x = (x + x[indices]) / 2.

    Parameters
    ----------
    n : int
        Rows and columns of the matrices A in N_n vec(A) = vec((A + Aᵀ) / 2).

    Returns
    -------
    ndarray of intp, shape (n²,)

    Raises
    ------
    ValueError
        n is negative, or the indices would not fit in the address space.
    TypeError
        n is not an integer.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> x = np.array([1.0, 4.0, 2.0, 3.0])
    >>> (x + x[kv.symmetrizer_indices(2)]) / 2
    array([1., 3., 3., 3.])
    """
    n = check_indices("symmetrizer_indices", n)
    return commutation_indices(n, n)
