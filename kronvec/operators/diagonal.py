"""A diagonal matrix as an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._exponents import exponent, frobenius, product, times_power_of_two
from .._shapes import as_plain, check_addressable, shape_error
from ._base import Operator
from ._solving import inexact, native
from ._spectral import principal_power
from .identity import Identity

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


class Diagonal(Operator):
    """The square matrix with the entries d on its diagonal: ``(D x)[i] = d[i] x[i]``.

    Parameters
    ----------
    d : array_like, shape (n,)
        Kept as it is, without a copy: it must not change.

    Attributes
    ----------
    d : ndarray
        The diagonal.

    Raises
    ------
    ValueError
        d is not a vector.
    TypeError
        It does not hold numbers.

    Notes
    -----
    A product scales: zeros of d are applied, those beside the diagonal are not, so that NaN and
    infinities stay in their rows.

    Examples
    --------
    >>> from kronvec.operators import Diagonal
    >>> Diagonal([1, 2]) @ [10, 10]
    array([10, 20])
    """

    def __init__(self, d: ArrayLike) -> None:
        d = as_plain("Diagonal", "d", d)
        if d.ndim != 1:
            raise shape_error("Diagonal", "d must be a vector", d=d)
        super().__init__((len(d), len(d)), native(d.dtype))
        self.d = d

    def _matmul(self, x):
        return self.d[:, None] * x

    def _rmatmul(self, x):
        return x * self.d

    def _transpose(self) -> Diagonal:
        return self

    def _conjugate(self) -> Diagonal:
        return self if self.dtype.kind != "c" else Diagonal(self.d.conj())

    def _entries(self, i, j):
        return np.where(i == j, self.d[i], self.dtype.type(0))

    def toarray(self, dtype: DTypeLike | None = None) -> NDArray:
        """The dense array."""
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        check_addressable(f"{self!r}.toarray", self.shape, max(dtype.itemsize, 1))
        return np.diag(self.d.astype(dtype))

    def tocsr(self, dtype: DTypeLike | None = None):
        """The same matrix as a ``scipy.sparse.csr_array``; needs SciPy."""
        from scipy.sparse import csr_array

        n = len(self.d)
        values = self.d.astype(self.dtype if dtype is None else dtype)
        return csr_array((values, np.arange(n), np.arange(n + 1)), shape=self.shape)

    # ------------------------------------------------------------------------------ algebra

    def _inexact(self):
        return self.d.astype(inexact(self.dtype), copy=False)

    def _reciprocal(self):
        if not self.d.all():
            zero = int(np.flatnonzero(self.d == 0)[0])
            raise np.linalg.LinAlgError(f"{self!r} is singular: entry {zero} is zero")
        return 1 / self._inexact()

    def _solve(self, b):
        self._reciprocal()
        return b / self.d[:, None]

    def _inv(self) -> Diagonal:
        return Diagonal(self._reciprocal())

    def _pinv(self, rtol) -> Diagonal:
        d = self._inexact()
        kept = np.abs(d) > self._cutoff(np.abs(d), rtol)
        return Diagonal(np.divide(1, d, out=np.zeros_like(d), where=kept))

    def _diagonal(self):
        return self.d.astype(self.dtype)

    def _det(self):
        return product(self._inexact())

    def _slogdet(self):
        d = self._inexact()
        size = np.abs(d)
        if not size.all():
            return d.dtype.type(0), -size.dtype.type(np.inf)
        return (d / size).prod(), np.log(size).sum()

    def _exponent(self) -> int:
        return exponent(self.d)

    def _times_power_of_two(self, e) -> Diagonal:
        return Diagonal(times_power_of_two(self.d, e))

    def _is_hermitian(self) -> bool:
        return self.dtype.kind != "c" or not self.d.imag.any()

    def _eigh(self):
        if not self._is_hermitian():
            raise np.linalg.LinAlgError(f"Diagonal.eigh: {self!r} is not Hermitian")
        return self._inexact().real.copy(), Identity(len(self.d))

    def _eig(self):
        return self._inexact().copy(), Identity(len(self.d))

    def _singular_values(self):
        return np.abs(self._inexact())

    def _svd(self):
        """d = sign |d|."""
        d = self._inexact()
        s = np.abs(d)
        sign = np.divide(d, s, out=np.ones_like(d), where=s != 0)
        return Diagonal(sign), s, Identity(len(d))

    def _cholesky(self) -> Diagonal:
        d = self._inexact()
        if not self._is_hermitian() or not (d.real > 0).all():
            raise np.linalg.LinAlgError(f"Diagonal.cholesky: {self!r} is not positive definite")
        return Diagonal(np.sqrt(d))

    def _qr(self):
        return Identity(len(self.d)), self

    def _integer_power(self, p) -> Diagonal:
        return Diagonal(self._reciprocal() ** -p if p < 0 else self.d**p)

    def _power(self, p) -> Diagonal:
        return Diagonal(principal_power(self._inexact(), p))

    def _norm(self, ord):
        s = np.abs(self._inexact())
        if ord == "fro":
            return frobenius(s)
        if ord == "nuc":
            return s.sum()
        return s.min(initial=np.inf) if ord in (-2, -1, -np.inf) else s.max(initial=0)

    def __repr__(self) -> str:
        return f"Diagonal({len(self.d)})"
