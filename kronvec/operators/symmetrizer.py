"""The symmetrizer as an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._shapes import check_size
from ..half_permutations import (
    symmetrizer_indices,
    symmetrizer_matmul,
)
from ._half_permutation import HalfPermutation

if TYPE_CHECKING:
    from .._typing import Array, Indices


class Symmetrizer(HalfPermutation):
    """The symmetrizer N_n = (I + K_{n,n}) / 2, with N_n vec(A) = vec((A + Aᵀ) / 2).

    N_n = N_nᵀ = N_n² = D_n D_n⁺ has n² rows and columns.

    Parameters
    ----------
    n : int
        Rows and columns of A.

    Attributes
    ----------
    n : int
        Rows and columns of A.
    shape : (int, int)
        (n², n²).
    dtype : dtype
        float64.  A product has the dtype ``np.result_type(x, 1.0)``.
    indices : ndarray of intp
        Those of K_{n,n}: ``N @ x`` equals ``(x + x[N.indices]) / 2``.
    T, H : Symmetrizer
        Itself.

    Raises
    ------
    ValueError
        n is negative; in products, an axis of the operand is not n² long.
    TypeError
        n is not an integer.

    See Also
    --------
    kronvec.symmetrizer_matmul : the product as a function, with ``out``.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.operators.Symmetrizer(2) @ kv.vec([[1, 2], [4, 3]])
    array([1., 3., 3., 3.])
    """

    _function = staticmethod(symmetrizer_matmul)

    def _pseudoinverse(self) -> Symmetrizer:
        return self

    def _is_hermitian(self) -> bool:
        return True

    def _inv(self) -> Symmetrizer:
        """N itself for n < 2; else N is a projection, of rank n (n + 1) / 2."""
        if self._n > 1:
            raise np.linalg.LinAlgError(f"{self!r} is singular")
        return self

    @staticmethod
    def _sizes(n: int) -> tuple[int, int]:
        return n * n, n * n

    @property
    def indices(self) -> Indices:
        """Those of K_{n,n}: ``N @ x`` equals ``(x + x[N.indices]) / 2``; a new array each time."""
        return symmetrizer_indices(self._n)

    def _transpose(self) -> Symmetrizer:
        return self

    def _triplets(self) -> tuple[Array, Array, Array]:
        vec = np.arange(self.shape[0])
        swapped = self.indices
        pairs = np.stack([np.minimum(vec, swapped), np.maximum(vec, swapped)], axis=-1)
        off = vec != swapped
        rows = np.repeat(vec, 1 + off)
        columns = pairs[np.stack([off | True, off], axis=-1)]
        return rows, columns, np.where(off, 0.5, 1.0)[rows]


def symmetrizer_matrix(n: int) -> Symmetrizer:
    """The symmetrizer N_n = (I + K_{n,n}) / 2 as a lazy operator: N_n vec(A) = vec((A + Aᵀ) / 2).

    Parameters
    ----------
    n : int
        Rows and columns of A.

    Returns
    -------
    Symmetrizer
        Of shape (n², n²).

    Raises
    ------
    ValueError
        n is negative.
    TypeError
        n is not an integer.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.symmetrizer_matrix(2).toarray()
    array([[1. , 0. , 0. , 0. ],
           [0. , 0.5, 0.5, 0. ],
           [0. , 0.5, 0.5, 0. ],
           [0. , 0. , 0. , 1. ]])
    """
    return Symmetrizer(check_size("symmetrizer_matrix", "n", n))
