"""A triangular matrix as an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._exponents import product, times_power_of_two
from .._shapes import as_plain, shape_error
from ._refinement import check_condition, probe_of
from ._solving import check_decomposable
from .dense import Dense

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# Up to this size a triangular matrix is inverted as a whole, above in halves.
_INVERTED = 32


class Triangular(Dense):
    """A square matrix of which one triangle counts, the other being zero.

    Parameters
    ----------
    array : array_like, shape (n, n)
        Its other triangle is not read.
    lower : bool
        Which triangle.

    Attributes
    ----------
    array : ndarray
        The matrix, with zeros in its other triangle.
    lower : bool

    Raises
    ------
    ValueError
        ``array`` is not a square matrix.
    TypeError
        It does not hold numbers.

    Examples
    --------
    >>> from kronvec.operators import Triangular
    >>> L = Triangular([[2.0, 9.0], [1.0, 1.0]])
    >>> L.solve([2.0, 3.0])
    array([1., 2.])
    >>> L.T
    Triangular(2, lower=False)
    """

    def __init__(self, array: ArrayLike, *, lower: bool = True) -> None:
        array = as_plain("Triangular", "array", array)
        if array.ndim != 2 or array.shape[0] != array.shape[1]:
            raise shape_error("Triangular", "array must be a square matrix", array=array)
        super().__init__(np.tril(array) if lower else np.triu(array))
        self.lower = bool(lower)

    def _transpose(self) -> Triangular:
        return Triangular(self.array.T, lower=not self.lower)

    def _conjugate(self) -> Triangular:
        return Triangular(self.array.conj(), lower=self.lower)

    def _check_regular(self):
        diagonal = self.array.diagonal()
        if not diagonal.all():
            zero = int(np.flatnonzero(diagonal == 0)[0])
            raise np.linalg.LinAlgError(f"{self!r} is singular: diagonal entry {zero} is zero")

    def _solve(self, b):
        self._check_regular()
        check_decomposable("Triangular.solve", b.dtype)
        formed = self._formed("solve")
        with_probe = np.concatenate([b, probe_of(formed, b)], axis=-1)
        x = _substitute(formed, with_probe, self.lower)
        check_condition(self, formed, x[..., -1])
        return x[..., :-1]

    def _inv(self) -> Triangular:
        self._check_regular()
        formed = self._formed("inv")
        return Triangular(
            _substitute(formed, np.eye(len(formed), dtype=formed.dtype), self.lower),
            lower=self.lower,
        )

    def _times_power_of_two(self, e) -> Triangular:
        return Triangular(times_power_of_two(self.array, e), lower=self.lower)

    def _slogdet(self):
        from .diagonal import Diagonal

        return Diagonal(self.array.diagonal())._slogdet()

    def _det(self):
        return product(self._dense("det").diagonal())

    def __repr__(self) -> str:
        return f"Triangular({self.shape[0]}, lower={self.lower})"


def _substitute(t, b, lower):
    """T⁻¹ B by halves: t11 x1 = b1, t22 x2 = b2 - t21 x1, and the other way round."""
    n = len(t)
    if n <= _INVERTED:
        return np.linalg.solve(t, b) if n else b.copy()
    half = n // 2
    first, second = slice(0, half), slice(half, n)
    if not lower:
        first, second = second, first
    x = np.empty(np.broadcast_shapes(b.shape), np.result_type(t, b))
    x[..., first, :] = _substitute(t[first, first], b[..., first, :], lower)
    rest = b[..., second, :] - np.matmul(t[second, first], x[..., first, :])
    x[..., second, :] = _substitute(t[second, second], rest, lower)
    return x
