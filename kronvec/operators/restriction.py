"""Rows of the identity matrix as an operator, and its transpose."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import as_plain, check_indices, check_size, shape_error
from ._base import Operator

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike

    from .._typing import Array


class Restriction(Operator):
    """The rows ``indices`` of the identity I_n: ``(P x)[i] = x[indices[i]]``.

    Data on a grid with gaps are P times those on the whole grid; their covariance is P K Pᵀ.

    Parameters
    ----------
    indices : array_like of int, shape (m,)
        Which entries; negative ones count from the end.  Any order, also several times.
    n : int
        Columns.

    Attributes
    ----------
    indices : ndarray of intp
        ``x[P.indices]`` equals ``P @ x``.
    T, H : Extension
        The transpose, which puts entries in their places (adding up those of one place) and
        zeros elsewhere.

    Raises
    ------
    ValueError
        ``indices`` is not a vector, or n is negative.
    IndexError
        An index is out of bounds.
    TypeError
        ``indices`` or n are not integers.

    Examples
    --------
    >>> from kronvec.operators import Restriction
    >>> P = Restriction([2, 0], 4)
    >>> P @ [10, 20, 30, 40]
    array([30, 10])
    >>> P.T @ [1, 2]
    array([2, 0, 1, 0])
    """

    moves_only = True

    def __init__(self, indices: ArrayLike, n: int) -> None:
        n = check_size("Restriction", "n", n)
        indices = as_plain("Restriction", "indices", indices)
        if indices.ndim != 1:
            raise shape_error("Restriction", "indices must be a vector", indices=indices)
        self.indices = check_indices("Restriction", "indices", indices, n, f"{n} columns")
        super().__init__((len(self.indices), n), np.float64)

    def _matmul(self, x: Array) -> Array:
        return np.take(x, self.indices, axis=-2)

    def _rmatmul(self, x: Array) -> Array:
        return self._transpose()._matmul(np.swapaxes(x, -1, -2)).swapaxes(-1, -2)

    def _transpose(self) -> Extension:
        return Extension(self)

    def _entries(self, i: Array, j: Array) -> Array:
        return (self.indices[i] == j).astype(self.dtype)

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``, float64 by default; needs SciPy."""
        from scipy.sparse import csr_array

        ones = np.ones(len(self.indices), self.dtype if dtype is None else dtype)
        return csr_array((ones, self.indices, np.arange(ones.size + 1)), shape=self.shape)

    @cached_property
    def is_injective(self) -> bool:
        """Whether no entry is taken twice, so that P Pᵀ = I."""
        return len(np.unique(self.indices)) == len(self.indices)

    def __repr__(self) -> str:
        return "Restriction({} of {})".format(*self.shape)


class Extension(Operator):
    """The transpose Pᵀ of a `Restriction`: entries in their places, zeros elsewhere.

    Parameters
    ----------
    restriction : Restriction
        P.

    Examples
    --------
    >>> from kronvec.operators import Restriction
    >>> Restriction([1, 1], 3).T @ [1, 2]
    array([0, 3, 0])
    """

    moves_only = True

    def __init__(self, restriction: Restriction) -> None:
        super().__init__(restriction.shape[::-1], restriction.dtype)
        self.restriction = restriction

    def _matmul(self, x: Array) -> Array:
        restriction = self.restriction
        y = np.zeros((*x.shape[:-2], self.shape[0], x.shape[-1]), x.dtype)
        if restriction.is_injective:
            y[..., restriction.indices, :] = x
        else:
            np.add.at(np.moveaxis(y, -2, 0), restriction.indices, np.moveaxis(x, -2, 0))
        return y

    def _rmatmul(self, x: Array) -> Array:
        return np.take(x, self.restriction.indices, axis=-1)

    def _transpose(self) -> Restriction:
        return self.restriction

    def _entries(self, i: Array, j: Array) -> Array:
        return self.restriction._entries(j, i)

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``; needs SciPy."""
        return self.restriction.tocsr(dtype).T.tocsr()

    def __repr__(self) -> str:
        return f"{self.restriction!r}.T"
