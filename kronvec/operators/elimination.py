"""The elimination matrix as an operator."""

from __future__ import annotations

from .._shapes import check_size
from .._triangle import triangle_size
from ..half_permutations import (
    elimination_indices,
    elimination_matmul,
)
from ._half_permutation import Gather, HalfPermutation


class Elimination(Gather):
    """The elimination matrix L_n, with L_n vec(A) = vech(A) for every A (n, n).

    L_n has n (n + 1) / 2 rows and n² columns, a single one in each row.

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
        float64, that of the dense array.  A product keeps the dtype of what is multiplied.
    indices : ndarray of intp
        ``x[L.indices]`` equals ``L @ x``.
    T, H : Elimination
        L_nᵀ, whose ``T`` is L_n itself.

    Raises
    ------
    ValueError
        n is negative; in products, an axis of the operand has another length.
    TypeError
        n is not an integer.

    See Also
    --------
    kronvec.elimination_matmul : the product as a function, with ``out``.

    References
    ----------
    Magnus & Neudecker, *SIAM J. Alg. Disc. Meth.* 1 (1980), 422-449.

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.operators.Elimination(2) @ kv.vec([[1, 2], [4, 3]])
    array([1, 4, 3])
    """

    _function = staticmethod(elimination_matmul)
    _function_indices = staticmethod(elimination_indices)

    def _pseudoinverse(self) -> HalfPermutation:
        return self._transpose()

    @staticmethod
    def _sizes(n: int) -> tuple[int, int]:
        return triangle_size(n), n * n


def elimination_matrix(n: int) -> Elimination:
    """The elimination matrix L_n as a lazy operator: L_n vec(A) = vech(A).

    Parameters
    ----------
    n : int
        Rows and columns of A.

    Returns
    -------
    Elimination
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
    >>> kv.elimination_matrix(2).toarray()
    array([[1., 0., 0., 0.],
           [0., 1., 0., 0.],
           [0., 0., 0., 1.]])
    """
    return Elimination(check_size("elimination_matrix", "n", n))
