"""The symmetric Kronecker product A ⊗ₛ B as an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._exponents import exponent, times_power_of_two
from .._shapes import as_plain, check_addressable, check_square, shape_error
from .._triangle import triangle_size
from ..half_vectorize import vech
from ..symmetric_products import symmetric_kron, symmetric_kron_matvec
from ._base import Operator
from ._spectral import is_hermitian
from .dense import Dense

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


class SymmetricKronecker(Operator):
    """The symmetric Kronecker product: ``(A ⊗ₛ B) svec(S) = ½ svec(B S Aᵀ + A S Bᵀ)``.

    A ⊗ₛ B = Q (A ⊗ B) Qᵀ, with Q vec(S) = svec(S) for symmetric S.  A product with a vector
    takes O(n³) operations.

    Parameters
    ----------
    a : array_like, shape (n, n)
        A.
    b : array_like, shape (n, n), optional
        B; A where it is not given.

    Attributes
    ----------
    a, b : ndarray
        A and B, not copied; do not change them.
    shape : (int, int)
        (n (n + 1) / 2, n (n + 1) / 2).
    dtype : dtype
        That of the formed matrix.
    T : SymmetricKronecker
        Aᵀ ⊗ₛ Bᵀ.
    H : SymmetricKronecker
        Aᴴ ⊗ₛ Bᴴ.

    Raises
    ------
    ValueError
        A is not a square matrix, B has another shape; in products, an axis of the operand has
        another length.
    TypeError
        A or B holds no numbers or is masked.

    See Also
    --------
    kronvec.symmetric_kron : formed.

    References
    ----------
    Alizadeh, Haeberly & Overton, *SIAM J. Optim.* 8 (1998), 746-768.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A, S = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[2.0, 1.0], [1.0, 4.0]])
    >>> K = kv.operators.SymmetricKronecker(A)
    >>> K
    SymmetricKronecker(2)
    >>> kv.smat(K @ kv.svec(S)).round(10)
    array([[22., 27.],
           [27., 36.]])
    """

    def __init__(self, a: ArrayLike, b: ArrayLike | None = None) -> None:
        name = "SymmetricKronecker"
        self._a = _matrix(name, "a", a)
        self._b = self._a if b is None else _matrix(name, "b", b)
        if self._b.shape != self._a.shape:
            raise shape_error(name, "a and b must have one shape", a=self._a, b=self._b)
        size = triangle_size(len(self._a))
        super().__init__((size, size), np.result_type(self._a, self._b, 1.0).newbyteorder("="))

    @property
    def a(self) -> NDArray:
        """A."""
        return self._a

    @property
    def b(self) -> NDArray:
        """B."""
        return self._b

    def _second(self) -> NDArray | None:
        """B, or None where it is A."""
        return None if self._b is self._a else self._b

    def _matmul(self, x):
        columns = symmetric_kron_matvec(self._a, np.swapaxes(x, -1, -2), self._second())
        return np.swapaxes(columns, -1, -2)

    def _rmatmul(self, x):
        second = self._second()
        return symmetric_kron_matvec(self._a.T, x, None if second is None else second.T)

    def _transpose(self) -> SymmetricKronecker:
        return self._mapped(np.transpose)

    def _conjugate(self) -> SymmetricKronecker:
        return self._mapped(np.conjugate) if self.dtype.kind == "c" else self

    def _mapped(self, function) -> SymmetricKronecker:
        second = self._second()
        return SymmetricKronecker(function(self._a), None if second is None else function(second))

    def _exponent(self) -> int:
        return exponent(self._a) + exponent(self._b)

    def _balanced(self):
        e, f = exponent(self._a), exponent(self._b)
        second = self._second()
        second = None if second is None else times_power_of_two(second, -f)
        return SymmetricKronecker(times_power_of_two(self._a, -e), second), e + f

    # ------------------------------------------------------- algebra of A ⊗ₛ A, by that of A

    def _of_one(self, method: str):
        """What the method gives for A, if B is A; LinAlgError names the operator."""
        try:
            return getattr(Dense(self._a), method)()
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(f"SymmetricKronecker.{method[1:]}: {error}") from None

    def _inv(self) -> Operator:
        if self._second() is not None:
            return super()._inv()
        return SymmetricKronecker(self._of_one("_inv").array)

    def _solve(self, b):
        return super()._solve(b) if self._second() is not None else self._inv()._matmul(b)

    def _slogdet(self):
        """det(A ⊗ₛ A) = det(A)^(n + 1)."""
        if self._second() is not None:
            return super()._slogdet()
        sign, logarithm = self._of_one("_slogdet")
        n = len(self._a)
        return sign ** (n + 1), (n + 1) * logarithm

    def _is_hermitian(self) -> bool:
        return all(is_hermitian(each) for each in (self._a, self._b))

    def _eigh(self):
        """λ_i λ_j and V ⊗ₛ V in the order of svec, for i >= j."""
        if self._second() is not None:
            return super()._eigh()
        w, v = self._of_one("_eigh")
        return vech(np.multiply.outer(w, w)), SymmetricKronecker(v.array)

    def _cholesky(self) -> Operator:
        if self._second() is not None:
            return super()._cholesky()
        return SymmetricKronecker(self._of_one("_cholesky").array)

    def _integer_power(self, p) -> Operator:
        if self._second() is not None:
            return super()._integer_power(p)
        return SymmetricKronecker(Dense(self._a)._integer_power(p).array)

    def toarray(self, dtype: DTypeLike | None = None) -> NDArray:
        """The dense array, of the operator's dtype unless another is given.

        Raises ValueError where it would not fit in the address space.
        """
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        check_addressable(f"{self!r}.toarray", self.shape, max(dtype.itemsize, 1))
        return symmetric_kron(self._a, self._second()).astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"SymmetricKronecker({len(self._a)})"


def _matrix(function: str, name: str, value: ArrayLike) -> NDArray:
    """A square matrix without batch axes."""
    matrix = as_plain(function, name, value, min_ndim=2)
    if matrix.ndim > 2:
        raise shape_error(
            function, f"{name} must be one matrix, without batch axes", **{name: matrix}
        )
    check_square(function, name, matrix)
    return matrix
