"""The identity matrix as an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._shapes import check_addressable, check_size
from ._base import Operator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import DTypeLike

    from .._typing import Array, Norm, Scalar


class Identity(Operator):
    """The identity matrix I_n: ``I_n x = x`` for every x of n entries.

    As a factor of `kronvec.kron_matvec` and its relatives it is an axis that nothing is
    computed along: I ⊗ A applies A to each part of a vector.

    Parameters
    ----------
    n : int
        Rows and columns.

    Attributes
    ----------
    shape : (int, int)
        (n, n).
    dtype : dtype
        float64, that of the dense array.  A product keeps the dtype of what is multiplied,
        whatever it is.
    T, H : Identity
        Itself.

    Raises
    ------
    ValueError
        n is negative; in products, an axis of the operand is not n long.
    TypeError
        n is not an integer.

    Notes
    -----
    A product is a copy: NaN and infinities stay where they are.

    References
    ----------
    C. F. Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123 (2000),
    85-100.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> I = kv.operators.Identity(3)
    >>> I @ np.array([1, 2, 3])
    array([1, 2, 3])
    >>> kv.kron_matvec([I, np.array([[1.0, 1.0]])], np.arange(6.0))
    array([1., 5., 9.])
    """

    is_identity = True
    moves_only = True

    def __init__(self, n: int) -> None:
        n = check_size("Identity", "n", n)
        super().__init__((n, n), np.float64)

    def _matmul(self, x: Array) -> Array:
        return np.copy(x, subok=True)

    def _rmatmul(self, x: Array) -> Array:
        return np.copy(x, subok=True)

    def _transpose(self) -> Identity:
        return self

    def _entries(self, i: Array, j: Array) -> Array:
        return (np.asarray(i) == j).astype(self.dtype)

    def toarray(self, dtype: DTypeLike | None = None) -> Array:
        """The dense array, float64 unless another dtype is given.

        Raises ValueError where it would not fit in the address space.
        """
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        check_addressable(f"{self!r}.toarray", self.shape, max(dtype.itemsize, 1))
        return np.eye(self.shape[0], dtype=dtype)

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``, float64 by default; needs SciPy."""
        from scipy.sparse import csr_array

        n = self.shape[0]
        ones = np.ones(n, self.dtype if dtype is None else dtype)
        return csr_array((ones, np.arange(n), np.arange(n + 1)), shape=self.shape)

    def _kronecker_terms(self) -> list[tuple[Scalar, Sequence[Operator]]] | None:
        return [(1, (self,))]

    # ------------------------------------------------------------------------------ algebra

    def _trace(self) -> Scalar:
        return np.float64(self.shape[0])

    def _solve(self, b: Array) -> Array:
        return b.copy()

    def _inv(self) -> Identity:
        return self

    def _pinv(self, rtol: float | None) -> Identity:
        return self

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        return np.float64(1), np.float64(0)

    def _is_hermitian(self) -> bool:
        return True

    def _eigh(self) -> tuple[Array, Operator]:
        return np.ones(self.shape[0]), self

    _eig = _eigh

    def _singular_values(self) -> Array:
        return np.ones(self.shape[0])

    def _svd(self) -> tuple[Operator, Array, Operator]:
        return self, np.ones(self.shape[0]), self

    def _cholesky(self) -> Identity:
        return self

    def _qr(self) -> tuple[Operator, Operator]:
        return self, self

    def _integer_power(self, p: int) -> Identity:
        return self

    def _power(self, p: float) -> Identity:
        return self

    def _norm(self, ord: Norm) -> Scalar:
        n = self.shape[0]
        norms: dict[Norm, float] = {"fro": np.sqrt(n), "nuc": n}
        return np.float64(norms.get(ord, min(n, 1)))

    def __repr__(self) -> str:
        return f"Identity({self.shape[0]})"
