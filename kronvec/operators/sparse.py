"""A SciPy sparse matrix as an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._exponents import exponent, frobenius, times_power_of_two
from .._structured import is_sparse
from ..subsystems import partial_trace, partial_transpose
from ._base import Operator
from ._refinement import check_condition, probe_of
from ._solving import by_columns, inexact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import DTypeLike

    from .._typing import Array, Norm, Scalar, Shape


class Sparse(Operator):
    """A SciPy sparse matrix, so that it combines with other operators.

    Parameters
    ----------
    matrix : scipy.sparse array or matrix of two axes
        Converted to CSR, without a copy where it is CSR already: it must not change.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array
        The matrix.

    Raises
    ------
    TypeError
        ``matrix`` is not a SciPy sparse matrix.
    ValueError
        It does not have two axes.

    Notes
    -----
    Systems are solved by SciPy's sparse LU factorization, which ``inv`` keeps.

    Examples
    --------
    >>> import scipy.sparse
    >>> from kronvec.operators import KroneckerProduct
    >>> K = KroneckerProduct(scipy.sparse.eye_array(2), [[1.0, 2.0]])
    >>> K @ [1.0, 1.0, 0.0, 1.0]
    array([3., 2.])
    """

    def __init__(self, matrix: Any) -> None:
        if not is_sparse(matrix):
            raise TypeError(
                f"Sparse: matrix must be a SciPy sparse matrix, got {type(matrix).__name__}"
            )
        if len(matrix.shape) != 2:
            raise ValueError(f"Sparse: matrix must have two axes, got shape {matrix.shape}")
        from scipy.sparse import csr_array

        self.matrix = csr_array(matrix)
        super().__init__(self.matrix.shape, self.matrix.dtype)

    def _matmul(self, x: Array) -> Array:
        return by_columns(self.matrix.__matmul__, x)

    def _transpose(self) -> Sparse:
        return Sparse(self.matrix.T.tocsr())

    def _conjugate(self) -> Sparse:
        return Sparse(self.matrix.conj())

    def _entries(self, i: Array, j: Array) -> Array:
        i, j = np.broadcast_arrays(i, j)
        entries = self.matrix[i.flatten(), j.flatten()]
        entries = entries.toarray() if hasattr(entries, "toarray") else np.asarray(entries)
        return entries.reshape(i.shape)

    def toarray(self, dtype: DTypeLike | None = None) -> Array:
        """The dense array."""
        return self.matrix.toarray().astype(self.dtype if dtype is None else dtype, copy=False)

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The matrix itself as a ``scipy.sparse.csr_array``, a copy."""
        return self.matrix.astype(self.dtype if dtype is None else dtype, copy=True)

    def _partial_trace(self, dims: Sequence[tuple[int, int]], axes: Shape) -> Any:
        return Sparse(partial_trace(self.matrix, dims, axes))

    def _partial_transpose(self, dims: Sequence[tuple[int, int]], axes: Shape) -> Any:
        return Sparse(partial_transpose(self.matrix, dims, axes))

    # ------------------------------------------------------------------------------ algebra

    def _factorized(self) -> Any:
        """SciPy's sparse LU factorization."""
        from scipy.sparse.linalg import splu

        try:
            return splu(self.matrix.astype(inexact(self.dtype)).tocsc())
        except RuntimeError as error:
            raise np.linalg.LinAlgError(f"{self!r}: {error}") from None

    def _solve(self, b: Array) -> Array:
        inverse = SparseInverse(self)
        if b.size:
            probe = inverse._matmul(probe_of(self, b.reshape(-1, *b.shape[-2:])[0]))
            check_condition(self, self.matrix, probe)
        return inverse._matmul(b)

    def _inv(self) -> SparseInverse:
        return SparseInverse(self)

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        """det = sign(P_r) sign(P_c) Π diag U, as L has ones on its diagonal."""
        dtype = inexact(self.dtype)
        try:
            lu = self._factorized()
        except np.linalg.LinAlgError:
            return dtype.type(0), -np.zeros((), dtype).real.dtype.type(np.inf)
        u = lu.U.diagonal()
        size = np.abs(u)
        sign = (u / size).prod() * _parity(lu.perm_r) * _parity(lu.perm_c)
        return sign, np.log(size).sum()

    def _is_hermitian(self) -> bool:
        if self.shape[0] != self.shape[1]:
            return False
        size = abs(self.matrix).max() if self.matrix.nnz else 0
        difference = abs(self.matrix - self.matrix.conj().T)
        noise = 4 * self.shape[0] * np.finfo(inexact(self.dtype)).eps * size
        return difference.nnz == 0 or bool(difference.max() <= noise)

    def _diagonal(self) -> Array:
        return self.matrix.diagonal()

    def _exponent(self) -> int:
        return exponent(self.matrix.data)

    def _times_power_of_two(self, e: Any) -> Sparse:
        matrix = self.matrix.copy()
        matrix.data = times_power_of_two(matrix.data, e)
        return Sparse(matrix)

    def _norm(self, ord: Norm) -> Scalar:
        if ord not in ("fro", 1, np.inf):
            return super()._norm(ord)
        matrix = self.matrix.copy()
        matrix.sum_duplicates()
        if ord == "fro":
            return frobenius(matrix.data)
        return np.asarray(abs(matrix).sum(axis=0 if ord == 1 else 1)).max(initial=0)

    def __repr__(self) -> str:
        return "Sparse({}, {}, {} entries)".format(*self.shape, self.matrix.nnz)


class SparseInverse(Operator):
    """The inverse of a `Sparse` operator by its LU factorization."""

    def __init__(self, operator: Sparse) -> None:
        super().__init__(operator.shape, inexact(operator.dtype))
        self.operator = operator
        self._lu = operator._factorized()

    def _matmul(self, x: Array, trans: str = "N") -> Array:
        dtype = np.result_type(self.dtype, x.dtype)
        if dtype.kind == "c" and self.dtype.kind != "c":
            return self._matmul(x.real, trans) + 1j * self._matmul(x.imag, trans)

        def solve(columns: Array) -> Array:
            return self._lu.solve(np.ascontiguousarray(columns, self.dtype), trans)

        return by_columns(solve, x).astype(dtype, copy=False)

    def _rmatmul(self, x: Array) -> Array:
        return np.swapaxes(self._matmul(np.swapaxes(x, -1, -2), "T"), -1, -2)

    def _transpose(self) -> SparseInverse:
        return SparseInverse(self.operator._transpose())

    def _conjugate(self) -> SparseInverse:
        return SparseInverse(self.operator._conjugate())

    def _solve(self, b: Array) -> Array:
        return self.operator._matmul(b)

    def _inv(self) -> Sparse:
        return self.operator

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        sign, logarithm = self.operator._slogdet()
        return 1 / sign, -logarithm

    def __reduce__(self) -> Any:
        return type(self), (self.operator,)

    def __repr__(self) -> str:
        return f"{self.operator!r}.inv()"


def _parity(permutation: Array) -> int:
    """1 for an even permutation, -1 for an odd one: n minus the number of its cycles."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n = len(permutation)
    graph = csr_array((np.ones(n, bool), permutation, np.arange(n + 1)), shape=(n, n))
    cycles = connected_components(graph, return_labels=False)
    return -1 if (n - cycles) % 2 else 1
