"""A dense matrix as an operator, and what may stand for a factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._exponents import exponent, times_power_of_two
from .._shapes import as_plain, shape_error
from .._structured import is_sparse
from ._base import Operator
from ._solving import inexact, native
from ._spectral import is_hermitian
from .diagonal import Diagonal
from .sparse import Sparse

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


class Dense(Operator):
    """A matrix that is in memory, so that it combines with other operators.

    Parameters
    ----------
    array : array_like, shape (rows, columns)
        Kept as it is, without a copy: it must not change.

    Attributes
    ----------
    array : ndarray
        The matrix.

    Raises
    ------
    ValueError
        ``array`` does not have two axes.
    TypeError
        It does not hold numbers.

    Examples
    --------
    >>> from kronvec.operators import Dense, Identity
    >>> (Dense([[1.0, 2.0], [3.0, 4.0]]) + 10 * Identity(2)).toarray()
    array([[11.,  2.],
           [ 3., 14.]])
    """

    def __init__(self, array: ArrayLike) -> None:
        array = as_plain("Dense", "array", array)
        if array.ndim != 2:
            raise shape_error("Dense", "array must have two axes", array=array)
        super().__init__(array.shape, native(array.dtype))
        self.array = array

    def _matmul(self, x):
        return np.matmul(self.array, x)

    def _rmatmul(self, x):
        return np.matmul(x, self.array)

    def _transpose(self) -> Dense:
        return Dense(self.array.T)

    def _conjugate(self) -> Dense:
        return self if self.dtype.kind != "c" else Dense(self.array.conj())

    def _entries(self, i, j):
        if self.array.flags.c_contiguous:  # one index into memory, in half the time of two
            return self.array.reshape(-1).take(i * self.shape[1] + j)
        return self.array[i, j]

    def toarray(self, dtype: DTypeLike | None = None) -> NDArray:
        """A copy of the array."""
        return self.array.astype(self.dtype if dtype is None else dtype)

    def _dense(self, method) -> NDArray:
        return self.array.astype(inexact(self.dtype), copy=False)

    def _inv(self) -> Dense:
        return Dense(np.linalg.inv(self._formed("inv")))

    def _qr(self):
        q, r = np.linalg.qr(self._formed("qr"))
        return Dense(q), Dense(r)

    def _exponent(self) -> int:
        return exponent(self.array)

    def _times_power_of_two(self, e) -> Dense:
        return Dense(times_power_of_two(self.array, e))

    def _is_hermitian(self) -> bool:
        return is_hermitian(self.array)

    def _diagonal(self):
        return self.array.diagonal().astype(self.dtype)

    def _integer_power(self, p) -> Dense:
        array = self._formed("power") if p < 0 else self.array
        return Dense(np.linalg.matrix_power(array, p))

    def __repr__(self) -> str:
        return "Dense({}, {})".format(*self.shape)


def as_operator(function: str, name: str, value) -> Operator:
    """An operator as it is; a vector as a diagonal; a SciPy sparse or a dense matrix."""
    if isinstance(value, Operator):
        return value
    if is_sparse(value):
        return Sparse(value)
    array = as_plain(function, name, value)
    if array.ndim == 1:
        return Diagonal(array)
    if array.ndim != 2:
        need = f"{name} must be a matrix, or a vector for a diagonal one"
        raise shape_error(function, need, **{name.replace(" ", "_"): array})
    return Dense(array)
