"""The duplication matrix and its Moore-Penrose inverse as operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._shapes import check_size
from .._triangle import off_diagonal, triangle_size
from ..half_permutations import (
    duplication_indices,
    duplication_matmul,
    duplication_pinv_matmul,
    elimination_indices,
    symmetrizer_indices,
)
from ._half_permutation import Gather, HalfPermutation
from .diagonal import Diagonal
from .identity import Identity

if TYPE_CHECKING:
    from .._typing import Array, Norm, Scalar
    from ._base import Operator


class Duplication(Gather):
    """The duplication matrix D_n, with D_n vech(A) = vec(A) for every symmetric A (n, n).

    D_n has n² rows and n (n + 1) / 2 columns, a single one in each row.  vec stacks columns,
    vech takes the lower triangle column by column.

    Parameters
    ----------
    n : int
        Rows and columns of A.

    Attributes
    ----------
    n : int
        Rows and columns of A.
    shape : (int, int)
        (n², n (n + 1) / 2).
    dtype : dtype
        float64, that of the dense array.  A product keeps the dtype of what is multiplied.
    indices : ndarray of intp
        ``x[D.indices]`` equals ``D @ x``.
    T, H : Duplication
        D_nᵀ, whose ``T`` is D_n itself.

    Raises
    ------
    ValueError
        n is negative; in products, an axis of the operand has another length.
    TypeError
        n is not an integer.

    See Also
    --------
    kronvec.duplication_matmul : the product as a function, with ``out``.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> D = kv.operators.Duplication(2)
    >>> D @ np.array([1, 2, 3])
    array([1, 2, 2, 3])
    >>> D.T @ np.array([1, 2, 2, 3])
    array([1, 4, 3])
    >>> D.T
    Duplication(2).T
    """

    _function = staticmethod(duplication_matmul)
    _function_indices = staticmethod(duplication_indices)

    def _pseudoinverse(self) -> DuplicationPinv:
        return DuplicationPinv(self._n)

    def _gram(self) -> Array:
        """The diagonal of DᵀD: an entry beside the diagonal of A stands in two places."""
        return 1.0 + off_diagonal(self._n)

    def _singular_values(self) -> Array:
        return np.sqrt(self._gram())

    def _svd(self) -> tuple[Operator, Array, Operator]:
        """D = (D S⁻¹) S I with S² = DᵀD."""
        s = self._singular_values()
        if self._original is not None:
            u, _, _ = self._original._svd()
            return Identity(len(s)), s, u.T
        return self @ Diagonal(1 / s), s, Identity(len(s))

    def _norm(self, ord: Norm) -> Scalar:
        return np.float64(self._n) if ord == "fro" else super()._norm(ord)

    @staticmethod
    def _sizes(n: int) -> tuple[int, int]:
        return n * n, triangle_size(n)


class DuplicationPinv(HalfPermutation):
    """The Moore-Penrose inverse of the duplication matrix, D_n⁺ = (DᵀD)⁻¹Dᵀ.

    D_n⁺ vec(A) = vech((A + Aᵀ) / 2) for every A (n, n); n (n + 1) / 2 rows, n² columns, entries
    1 and 1/2.  It adds, so it has no ``indices``.

    Parameters
    ----------
    n : int
        Rows and columns of A.

    Attributes
    ----------
    n : int
        Rows and columns of A.
    shape : (int, int)
        (n (n + 1) / 2, n²).
    dtype : dtype
        float64.  A product has the dtype ``np.result_type(x, 1.0)``.
    T, H : DuplicationPinv
        D_n⁺ᵀ.

    Raises
    ------
    ValueError
        n is negative; in products, an axis of the operand has another length.
    TypeError
        n is not an integer.

    See Also
    --------
    kronvec.duplication_pinv_matmul : the product as a function, with ``out``.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.operators.DuplicationPinv(2).toarray()
    array([[1. , 0. , 0. , 0. ],
           [0. , 0.5, 0.5, 0. ],
           [0. , 0. , 0. , 1. ]])
    """

    _function = staticmethod(duplication_pinv_matmul)

    def _pseudoinverse(self) -> Duplication:
        return Duplication(self._n)

    @staticmethod
    def _sizes(n: int) -> tuple[int, int]:
        return triangle_size(n), n * n

    def _triplets(self) -> tuple[Array, Array, Array]:
        lower, off = elimination_indices(self._n), off_diagonal(self._n)
        mirrored = symmetrizer_indices(self._n)[lower]
        rows = np.repeat(np.arange(lower.size), 1 + off)
        # a[j, i], i > j, lies behind a[i, j] in the vec
        columns = np.stack([lower, mirrored], axis=-1)[np.stack([off | True, off], axis=-1)]
        return rows, columns, np.where(off, 0.5, 1.0)[rows]


def duplication_matrix(n: int) -> Duplication:
    """The duplication matrix D_n as a lazy operator: D_n vech(A) = vec(A) for symmetric A.

    Parameters
    ----------
    n : int
        Rows and columns of A.

    Returns
    -------
    Duplication
        Of shape (n², n (n + 1) / 2).

    Raises
    ------
    ValueError
        n is negative.
    TypeError
        n is not an integer.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.duplication_matrix(2).toarray()
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    return Duplication(check_size("duplication_matrix", "n", n))


def duplication_pinv_matrix(n: int) -> DuplicationPinv:
    """The inverse D_n⁺ = (DᵀD)⁻¹Dᵀ as a lazy operator: D_n⁺ vec(A) = vech((A + Aᵀ) / 2).

    Parameters
    ----------
    n : int
        Rows and columns of A.

    Returns
    -------
    DuplicationPinv
        Of shape (n (n + 1) / 2, n²).

    Raises
    ------
    ValueError
        n is negative.
    TypeError
        n is not an integer.

    Examples
    --------
    >>> import kronvec as kv
    >>> D, D_pinv = kv.duplication_matrix(2), kv.duplication_pinv_matrix(2)
    >>> (D_pinv @ D).toarray()
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    return DuplicationPinv(check_size("duplication_pinv_matrix", "n", n))
