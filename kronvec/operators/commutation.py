"""The commutation matrix K_{m,n} as an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._shapes import check_addressable, check_size
from ..permutations import commutation_indices, commutation_matmul
from ._base import Operator
from .identity import Identity

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import DTypeLike

    from .._typing import Array, Indices, Norm, Scalar


class Commutation(Operator):
    """The commutation matrix K_{m,n}, with K_{m,n} vec(A) = vec(Aᵀ) for every A of shape (m, n).

    K_{m,n} is a permutation matrix of m n rows: K_{m,n}ᵀ = K_{m,n}⁻¹ = K_{n,m}, and
    K_{p,m} (A ⊗ B) K_{n,q} = B ⊗ A for A (m, n), B (p, q).  vec stacks columns.

    Parameters
    ----------
    m, n : int
        The shape of A.

    Attributes
    ----------
    m, n : int
        The shape of A.
    shape : (int, int)
        (m n, m n).
    dtype : dtype
        float64, that of the dense array.  A product keeps the dtype of what is multiplied,
        whatever it is: entries only move.
    indices : ndarray of intp
        ``x[K.indices]`` equals ``K @ x``.
    T, H : Commutation
        K_{n,m}.

    Raises
    ------
    ValueError
        A size is negative; in products, an axis of the operand is not m n long.
    TypeError
        A size is not an integer.

    See Also
    --------
    kronvec.commutation_matmul : the product as a function, with ``out``.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 7.
    Henderson & Searle, *Linear and Multilinear Algebra* 9 (1981), 271-288.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> K = kv.operators.Commutation(2, 3)
    >>> A = np.array([[1, 2, 3], [4, 5, 6]])
    >>> K @ kv.vec(A)
    array([1, 2, 3, 4, 5, 6])
    >>> K.T
    Commutation(3, 2)
    >>> np.array_equal(K.T @ K, np.eye(6))
    True
    """

    moves_only = True

    def __init__(self, m: int, n: int) -> None:
        self._m = check_size("Commutation", "m", m)
        self._n = check_size("Commutation", "n", n)
        super().__init__((self._m * self._n, self._m * self._n), np.float64)

    @property
    def m(self) -> int:
        """Rows of A."""
        return self._m

    @property
    def n(self) -> int:
        """Columns of A."""
        return self._n

    @property
    def indices(self) -> Indices:
        """The gather that is K: ``x[K.indices]`` equals ``K @ x``; a new array each time."""
        return commutation_indices(self._m, self._n)

    def _matmul(self, x: Array) -> Array:
        return commutation_matmul(x, self._m, self._n)

    def _rmatmul(self, x: Array) -> Array:
        return commutation_matmul(x, self._m, self._n, side="right")

    def _transpose(self) -> Commutation:
        return Commutation(self._n, self._m)

    def _entries(self, i: Array, j: Array) -> Array:
        """K[i, j] = 1 where j = (i mod n) m + i div n."""
        i = np.asarray(i)
        n = max(self._n, 1)
        return (i % n * self._m + i // n == j).astype(self.dtype)

    # ------------------------------------------------------------------------------ algebra

    def _solve(self, b: Array) -> Array:
        return self._transpose()._matmul(b)

    def _inv(self) -> Commutation:
        return self._transpose()

    def _pinv(self, rtol: float | None) -> Commutation:
        return self._transpose()

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        """The permutation has m (m - 1) n (n - 1) / 4 inversions."""
        m, n = self._m, self._n
        odd = m * (m - 1) * n * (n - 1) // 4 % 2
        return np.float64(-1 if odd else 1), np.float64(0)

    def _is_hermitian(self) -> bool:
        return self._m == self._n or 1 in (self._m, self._n)

    def _eigh(self) -> tuple[Array, Operator]:
        """e_i ⊗ e_j and its image e_j ⊗ e_i have the eigenvectors (e_i ⊗ e_j ± e_j ⊗ e_i) / √2.

        They are the columns of V = diag(s) + diag(t) K, V = Vᵀ.
        """
        if not self._is_hermitian():
            return super()._eigh()
        from .diagonal import Diagonal

        image = self.indices
        i = np.arange(len(image))
        w = np.where(i <= image, 1.0, -1.0)
        moved = i != image
        if not moved.any():
            return w, Identity(len(w))
        s = w * np.where(moved, np.sqrt(0.5), 1)
        return w, Diagonal(s) + Diagonal(moved * np.sqrt(0.5)) @ self

    def _eig(self) -> tuple[Array, Operator]:
        return self._eigh() if self._is_hermitian() else super()._eig()

    def _svd(self) -> tuple[Operator, Array, Operator]:
        return self, np.ones(self.shape[0]), Identity(self.shape[0])

    def _singular_values(self) -> Array:
        return np.ones(self.shape[0])

    def _qr(self) -> tuple[Operator, Operator]:
        return self, Identity(self.shape[0])

    def _norm(self, ord: Norm) -> Scalar:
        return Identity(self.shape[0])._norm(ord)

    def toarray(self, dtype: DTypeLike | None = None) -> Array:
        """The dense array, float64 unless another dtype is given.

        Raises ValueError where it would not fit in the address space.
        """
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        check_addressable(f"{self!r}.toarray", self.shape, max(dtype.itemsize, 1))
        dense = np.zeros(self.shape, dtype)
        dense[np.arange(self.shape[0]), self.indices] = 1
        return dense

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``, float64 by default; needs SciPy."""
        from scipy.sparse import csr_array

        ones = np.ones(self.shape[0], self.dtype if dtype is None else dtype)
        return csr_array((ones, self.indices, np.arange(ones.size + 1)), shape=self.shape)

    def __repr__(self) -> str:
        return f"Commutation({self._m}, {self._n})"


def commutation_matrix(m: int, n: int) -> Commutation:
    """The commutation matrix K_{m,n} as a lazy operator: K_{m,n} vec(A) = vec(Aᵀ), A (m, n).

    Parameters
    ----------
    m, n : int
        The shape of A.

    Returns
    -------
    Commutation
        Of shape (m n, m n).  Multiplies with ``@`` from both sides and ``np.dot``; has
        ``.T``, ``.indices``, ``.toarray()``, ``.tocsr()``; ``np.asarray`` forms it.

    Raises
    ------
    ValueError
        A size is negative.
    TypeError
        A size is not an integer.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> K = kv.commutation_matrix(2, 2)
    >>> K.toarray()
    array([[1., 0., 0., 0.],
           [0., 0., 1., 0.],
           [0., 1., 0., 0.],
           [0., 0., 0., 1.]])
    >>> A = np.array([[1, 2], [3, 4]])
    >>> np.array_equal(kv.vec(A.T), K @ kv.vec(A))
    True
    """
    name = "commutation_matrix"
    return Commutation(check_size(name, "m", m), check_size(name, "n", n))
