"""The base of the duplication, elimination and symmetrizer operators.

All have at most two entries in a row, so that the dense array and the sparse matrix are written
from the places of these.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import check_addressable, check_size
from ._base import Operator

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import DTypeLike

    from .._typing import Array, Indices


class HalfPermutation(Operator):
    """What the four share: an n, a function that multiplies, the transpose, few entries."""

    _function: Callable[..., Any]

    def __init__(self, n: int) -> None:
        self._n = check_size(type(self).__name__, "n", n)
        self._original: HalfPermutation | None = None  # whose transpose this is
        super().__init__(self._sizes(self._n), np.float64)

    @staticmethod
    @abstractmethod
    def _sizes(n: int) -> tuple[int, int]:
        """Rows and columns of the matrix, not of its transpose."""

    @abstractmethod
    def _triplets(self) -> tuple[Array, Array, Array]:
        """Rows, columns and values of the matrix, not of its transpose, row by row."""

    @property
    def n(self) -> int:
        """Rows and columns of A."""
        return self._n

    @property
    def is_itself(self) -> bool:
        """Whether this is the matrix, not its transpose."""
        return self._original is None

    def _matmul(self, x: Array) -> Array:
        return self._function(x, self._n, transposed=self._original is not None)

    def _rmatmul(self, x: Array) -> Array:
        return self._function(x, self._n, side="right", transposed=self._original is not None)

    def _transpose(self) -> HalfPermutation:
        if self._original is not None:
            return self._original
        transposed = type(self)(self._n)
        Operator.__init__(transposed, self.shape[::-1], self.dtype)
        transposed._original = self
        return transposed

    def toarray(self, dtype: DTypeLike | None = None) -> Array:
        """The dense array, float64 unless another dtype is given.

        Raises ValueError where it would not fit in the address space.
        """
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        check_addressable(f"{self!r}.toarray", self.shape, max(dtype.itemsize, 1))
        dense = np.zeros(self.shape, dtype)
        rows, columns, values = self._triplets()
        (dense if self._original is None else dense.T)[rows, columns] = values
        return dense

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``, float64 by default; needs SciPy."""
        from scipy.sparse import csr_array

        rows, columns, values = self._triplets()
        if self._original is not None:
            order = np.argsort(columns, kind="stable")
            rows, columns, values = columns[order], rows[order], values[order]
        starts = np.zeros(self.shape[0] + 1, np.intp)
        np.cumsum(np.bincount(rows, minlength=self.shape[0]), out=starts[1:])
        values = values.astype(self.dtype if dtype is None else dtype)
        return csr_array((values, columns, starts), shape=self.shape)

    @abstractmethod
    def _pseudoinverse(self) -> Operator:
        """Of the matrix, not of its transpose."""

    def _pinv(self, rtol: float | None) -> Operator:
        if self._original is not None:
            return self._original._pinv(rtol)._transpose()
        return self._pseudoinverse()

    def __repr__(self) -> str:
        transposed = "" if self._original is None else ".T"
        return f"{type(self).__name__}({self._n}){transposed}"


class Gather(HalfPermutation):
    """A matrix with a single one in each row."""

    _function_indices: Callable[..., Any]
    moves_only = True

    @property
    def indices(self) -> Indices:
        """The gather: ``x[M.indices]`` equals ``M @ x``; a new array each time.

        The transpose has none (AttributeError): it adds entries, or leaves some zero.
        """
        if self._original is not None:
            raise AttributeError(f"{self!r} is no gather, so it has no indices")
        return self._function_indices(self._n)

    def _entries(self, i: Array, j: Array) -> Array:
        if self._original is not None:
            i, j = j, i
        return (self._function_indices(self._n)[i] == j).astype(self.dtype)

    def _triplets(self) -> tuple[Array, Array, Array]:
        columns = self._function_indices(self._n)
        return np.arange(columns.size), columns, np.ones(columns.size)
