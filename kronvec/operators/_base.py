"""The base of all operators: a matrix K that is applied, never formed.

A subclass passes its shape and dtype to ``Operator.__init__`` and gives

    _matmul(x)       K X, for an array x of shape (..., columns, k)
    _transpose()     the operator Kᵀ
    _conjugate()     the operator K*, for complex dtypes only

Everything else follows from these: ``@`` from both sides, T, H, SciPy's matvec family, NumPy's
functions, the dense array.  Where it knows better a subclass also overrides

    _rmatmul(x)      X K, for an array x of shape (..., k, rows); by default (Kᵀ Xᵀ)ᵀ
    _entries(i, j)   K[i, j], for arrays of indices that broadcast
    toarray(dtype), tocsr(dtype)

and the hooks named in _solving.py and _decompositions.py, whose defaults go through the dense
array.  The hooks see arguments that fit; the checks are in the public methods, once.  An
operator does not change.

Sums, scalings and products are made by _simplify.py, which knows all operators and is therefore
imported when it is called for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from .._shapes import as_movable, check_addressable, check_out, shape_error
from .._structured import is_sparse
from ._decompositions import Decompositions
from ._indexing import read_key
from ._numpy_functions import densify, is_array_like, lazy_function
from ._subsystems import Subsystems

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from numpy.typing import ArrayLike, DTypeLike

    from .._typing import Array, DType, Index, Scalar

# Columns that are computed to read entries off them.
_ENTRIES_BYTES = 1 << 24


class Operator(Decompositions, Subsystems, ABC):
    """A matrix of known shape and dtype that multiplies without being formed.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    dtype : dtype_like
        The dtype of the dense array.

    Notes
    -----
    ``K @ x`` and ``x @ K`` take vectors, matrices and batches as ``np.matmul`` does, and the
    product of two operators, or of one and a SciPy sparse matrix, is an operator.  ``np.dot``,
    ``np.matmul``, ``np.transpose`` and ``np.conjugate`` stay lazy; any other NumPy function sees
    the dense array.  SciPy's iterative solvers take an operator as it is.  ``==`` compares
    identity.

    ``+ - *`` with operators and scalars, ``/`` by a scalar and ``**`` give operators; a product
    or a sum whose structure allows it is simplified, as (A ⊗ B)(C ⊗ D) = AC ⊗ BD.  ``K[i, j]``
    and its kin are entries, rows and columns as arrays.

    Examples
    --------
    >>> from kronvec.operators import KroneckerProduct, Operator
    >>> K = KroneckerProduct([[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]])
    >>> isinstance(K, Operator), K.shape, (K.T @ K).trace()
    (True, (4, 4), np.float64(60.0))
    """

    # Entries only move: a product keeps the dtype of what is multiplied.
    moves_only: bool = False

    def __init__(self, shape: tuple[int, int], dtype: DTypeLike) -> None:
        rows, columns = shape
        self._shape = (int(rows), int(columns))
        self._dtype = np.dtype(dtype)

    # ------------------------------------------------------------------ what a subclass gives

    @abstractmethod
    def _matmul(self, x: Array) -> Array:
        """K X for x of shape (..., columns, k)."""

    @abstractmethod
    def _transpose(self) -> Operator:
        """Kᵀ."""

    def _conjugate(self) -> Operator:
        """K*."""
        if self._dtype.kind == "c":
            raise NotImplementedError(f"{type(self).__name__}._conjugate of a complex operator")
        return self

    def _rmatmul(self, x: Array) -> Array:
        """X K = (Kᵀ Xᵀ)ᵀ for x of shape (..., k, rows)."""
        return np.swapaxes(self._transpose()._matmul(np.swapaxes(x, -1, -2)), -1, -2)

    # ------------------------------------------------------------------------ as a matrix

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._shape

    @property
    def dtype(self) -> DType:
        """The dtype of the dense array."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """Always 2."""
        return 2

    @property
    def T(self) -> Operator:
        """The transpose Kᵀ."""
        return self._transpose()

    @property
    def H(self) -> Operator:
        """The adjoint Kᴴ."""
        return self._transpose()._conjugate()

    def transpose(self, axes: tuple[int, int] | None = None) -> Operator:
        """The transpose Kᵀ; ``axes`` may only say so, (1, 0)."""
        if axes is not None and tuple(axes) not in ((1, 0), (-1, -2)):
            raise ValueError(f"{self!r}.transpose: axes must be None or (1, 0), got {axes}")
        return self._transpose()

    def adjoint(self) -> Operator:
        """The adjoint Kᴴ."""
        return self.H

    def conj(self) -> Operator:
        """The complex conjugate K*."""
        return self._conjugate()

    conjugate = conj

    def toarray(self, dtype: DTypeLike | None = None) -> Array:
        """The dense array, of the operator's dtype unless another is given.

        Raises ValueError where it would not fit in the address space.
        """
        dtype = self._dtype if dtype is None else np.dtype(dtype)
        check_addressable(f"{self!r}.toarray", self._shape, max(dtype.itemsize, 1))
        identity = np.eye(self._shape[1], dtype=self._dtype)
        return self._matmul(identity).astype(dtype, copy=False)

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``; needs SciPy."""
        from scipy.sparse import csr_array

        return csr_array(self.toarray(dtype))

    def __repr__(self) -> str:
        rows, columns = self._shape
        return f"<{type(self).__name__} {rows}x{columns} {self._dtype}>"

    # ---------------------------------------------------------------------- entries

    def _entries(self, i: Array, j: Array) -> Array:
        """K[i, j] of integer arrays that broadcast."""
        i, j = np.broadcast_arrays(i, j)
        columns, position = np.unique(j.ravel(), return_inverse=True)
        entries = np.empty(i.size, self._dtype)
        rows = i.ravel()
        width = max(1, _ENTRIES_BYTES // max(1, self._dtype.itemsize * sum(self._shape)))
        for start in range(0, len(columns), width):
            part = columns[start : start + width]
            unit = np.zeros((self._shape[1], len(part)), self._dtype)
            unit[part, np.arange(len(part))] = 1
            here = (position >= start) & (position < start + width)
            entries[here] = self._matmul(unit)[rows[here], position[here] - start]
        return entries.reshape(i.shape)

    def _rows(self, numbers: Array) -> Array:
        """Whole rows K[numbers], of a vector of numbers."""
        rows = np.empty((len(numbers), self._shape[1]), self._dtype)
        height = max(1, _ENTRIES_BYTES // max(1, self._dtype.itemsize * sum(self._shape)))
        for start in range(0, len(numbers), height):
            part = numbers[start : start + height]
            unit = np.zeros((len(part), self._shape[0]), self._dtype)
            unit[np.arange(len(part)), part] = 1
            rows[start : start + height] = self._rmatmul(unit)
        return rows

    def __getitem__(self, part: Index | tuple[Index, ...]) -> Any:
        key = read_key(f"{type(self).__name__}[]", part, self._shape)
        shape = np.broadcast_shapes(key.rows.shape, key.columns.shape)
        if key.all_columns:
            entries = self._rows(key.rows.ravel()).reshape(shape)
        elif key.all_rows and key.columns.ndim < 2:
            entries = self._transpose()._rows(key.columns.ravel()).T.reshape(shape)
        else:
            entries = self._entries(key.rows, key.columns)
        return np.asarray(entries, self._dtype)[()]

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(self._shape[0]))

    def __len__(self) -> int:
        return self._shape[0]

    # --------------------------------------------------------------------- combinations

    def __add__(self, other: Operator) -> Operator:
        from ._simplify import add

        return add(self, other) if isinstance(other, Operator) else NotImplemented

    def __radd__(self, other: int) -> Operator:
        """0 + K = K, so that Python's ``sum`` takes operators."""
        return self if type(other) is int and other == 0 else NotImplemented

    def __sub__(self, other: Operator) -> Operator:
        return self + -other if isinstance(other, Operator) else NotImplemented

    def __mul__(self, scale: Scalar) -> Operator:
        from ._simplify import is_scalar, multiply

        return multiply(scale, self) if is_scalar(scale) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, scale: Scalar) -> Operator:
        from ._simplify import is_scalar, multiply

        return multiply(1 / scale, self) if is_scalar(scale) else NotImplemented

    def __neg__(self) -> Operator:
        return self * -1

    def __pos__(self) -> Operator:
        return self

    def __pow__(self, p: float) -> Operator:
        return self.power(p)

    # --------------------------------------------------------------------------- products

    @overload
    def __matmul__(self, other: Operator) -> Operator: ...
    @overload
    def __matmul__(self, other: ArrayLike) -> Array: ...
    def __matmul__(self, other: Any) -> Any:
        if is_sparse(other):
            from .sparse import Sparse

            other = Sparse(other)
        if isinstance(other, Operator):
            from ._simplify import compose

            return compose(self, other)
        if not is_array_like(other):
            return NotImplemented
        return self._checked_matmul(f"{self!r} @ x", other)

    def __rmatmul__(self, other: ArrayLike) -> Array:
        if not is_array_like(other):
            return NotImplemented
        name = f"x @ {self!r}"
        x = as_movable(name, "x", other, min_ndim=1)
        rows = self._shape[0]
        if x.shape[-1] != rows:
            raise shape_error(name, f"the last axis of x must have length {rows}", x=x)
        return self._rmatmul(x[None, :])[0] if x.ndim == 1 else self._rmatmul(x)

    @overload
    def dot(self, x: Operator) -> Operator: ...
    @overload
    def dot(self, x: ArrayLike) -> Array: ...
    def dot(self, x: Any) -> Any:
        """``self @ x``."""
        return self @ x

    def matvec(self, x: ArrayLike) -> Array:
        """K x for x of shape (columns,) or (columns, 1)."""
        return self._matvec(f"{self!r}.matvec", x)

    def rmatvec(self, x: ArrayLike) -> Array:
        """Kᴴ x for x of shape (rows,) or (rows, 1)."""
        return self.H._matvec(f"{self!r}.rmatvec", x)

    def matmat(self, x: ArrayLike) -> Array:
        """K X for X of shape (columns, k)."""
        return self._matmat(f"{self!r}.matmat", x)

    def rmatmat(self, x: ArrayLike) -> Array:
        """Kᴴ X for X of shape (rows, k)."""
        return self.H._matmat(f"{self!r}.rmatmat", x)

    def _checked_matmul(self, function: str, x: ArrayLike) -> Array:
        x = as_movable(function, "x", x, min_ndim=1)
        axis, columns = -min(x.ndim, 2), self._shape[1]
        if x.shape[axis] != columns:
            raise shape_error(function, f"axis {axis} of x must have length {columns}", x=x)
        return self._times_vector(x) if x.ndim == 1 else self._matmul(x)

    def _times_vector(self, x: Array) -> Array:
        """K x for x of shape (columns,)."""
        return self._matmul(x[:, None])[:, 0]

    def _matvec(self, function: str, x: ArrayLike) -> Array:
        x = as_movable(function, "x", x)
        columns = self._shape[1]
        if x.shape not in ((columns,), (columns, 1)):
            need = f"x must have shape ({columns},) or ({columns}, 1)"
            raise shape_error(function, need, x=x)
        return self._checked_matmul(function, x)

    def _matmat(self, function: str, x: ArrayLike) -> Array:
        x = as_movable(function, "x", x)
        if x.ndim != 2 or x.shape[0] != self._shape[1]:
            raise shape_error(function, f"x must have shape ({self._shape[1]}, k)", x=x)
        return self._checked_matmul(function, x)

    # ----------------------------------------------------------------- NumPy's protocols

    def __array__(self, dtype: DTypeLike | None = None, *, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError(f"{self!r} is not in memory: it has no array without a copy")
        return self.toarray(dtype)

    def __array_ufunc__(
        self,
        ufunc: np.ufunc,
        method: str,
        *inputs: Any,
        out: tuple[Any, ...] | None = None,
        **kwargs: Any,
    ) -> Any:
        if out is not None and any(isinstance(o, Operator) for o in out):
            return NotImplemented
        if method == "__call__" and not kwargs:
            if ufunc is np.matmul:
                left, right = inputs
                return _numpy_matmul(left, right, None if out is None else out[0])
            if out is None:
                lazy = _lazy_ufunc(ufunc, inputs)
                if lazy is not NotImplemented:
                    return lazy
        if out is not None:
            kwargs["out"] = out
        return getattr(ufunc, method)(*densify(inputs, Operator), **densify(kwargs, Operator))

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        lazy = lazy_function(func)
        if lazy is not None:
            result = lazy(*args, **kwargs)
            if result is not NotImplemented:
                return result
        return func(*densify(args, Operator), **densify(kwargs, Operator))


def _lazy_ufunc(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> Any:
    """The combinations of operators and scalars, as when NumPy's scalars stand on the left."""
    from ._simplify import is_scalar

    if ufunc in (np.conjugate, np.negative, np.positive):
        return {np.conjugate: Operator.conj, np.negative: Operator.__neg__}.get(
            ufunc, Operator.__pos__
        )(inputs[0])
    if ufunc is np.multiply and any(map(is_scalar, inputs)):
        scale, operator = inputs if is_scalar(inputs[0]) else inputs[::-1]
        return operator * scale
    if ufunc is np.true_divide and is_scalar(inputs[1]):
        return inputs[0] / inputs[1]
    if ufunc in (np.add, np.subtract) and all(isinstance(each, Operator) for each in inputs):
        return inputs[0] + inputs[1] if ufunc is np.add else inputs[0] - inputs[1]
    return NotImplemented


def _numpy_matmul(a: Any, b: Any, out: Array | None) -> Any:
    """np.matmul where a or b is an operator."""
    product = a.__matmul__(b) if isinstance(a, Operator) else b.__rmatmul__(a)
    if out is None or product is NotImplemented:
        return product
    if isinstance(product, Operator):
        product = product.toarray()
    check_out("matmul", out, product.shape, product.dtype)
    out[...] = product
    return out
