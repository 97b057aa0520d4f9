"""The base of all operators: a matrix K that is applied, never formed.

A subclass passes its shape and dtype to ``Operator.__init__`` and gives

    _matmul(x)       K X, for an array x of shape (..., columns, k)
    _transpose()     the operator Kᵀ
    _conjugate()     the operator K*, for complex dtypes only

Everything else follows from these: ``@`` from both sides, T, H, SciPy's matvec family, NumPy's
functions, the dense array.  Where it knows better a subclass also overrides

    _rmatmul(x)      X K, for an array x of shape (..., k, rows); by default (Kᵀ Xᵀ)ᵀ
    toarray(dtype), tocsr(dtype)

The hooks see arguments that fit; the checks are here, once.  An operator does not change.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._shapes import as_movable, check_addressable, check_out, shape_error
from ._numpy_functions import densify, lazy_function

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


def _is_array_like(value) -> bool:
    """What ndarray @ value would read as an array; else the other operand may know better."""
    if isinstance(value, (np.ndarray, list, tuple, int, float, complex, np.generic)):
        return True
    return hasattr(value, "__array__") or hasattr(type(value), "__array_function__")


class Operator(ABC):
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
    product of two operators is an operator.  ``np.dot``, ``np.matmul``, ``np.transpose`` and
    ``np.conjugate`` stay lazy; any other NumPy function sees the dense array.  SciPy's
    iterative solvers take an operator as it is.  ``==`` compares identity.
    """

    def __init__(self, shape: tuple[int, int], dtype: DTypeLike) -> None:
        rows, columns = shape
        self._shape = (int(rows), int(columns))
        self._dtype = np.dtype(dtype)

    # ------------------------------------------------------------------ what a subclass gives

    @abstractmethod
    def _matmul(self, x):
        """K X for x of shape (..., columns, k)."""

    @abstractmethod
    def _transpose(self) -> Operator:
        """Kᵀ."""

    def _conjugate(self) -> Operator:
        """K*."""
        if self._dtype.kind == "c":
            raise NotImplementedError(f"{type(self).__name__}._conjugate of a complex operator")
        return self

    def _rmatmul(self, x):
        """X K = (Kᵀ Xᵀ)ᵀ for x of shape (..., k, rows)."""
        return np.swapaxes(self._transpose()._matmul(np.swapaxes(x, -1, -2)), -1, -2)

    # ------------------------------------------------------------------------ as a matrix

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._shape

    @property
    def dtype(self) -> np.dtype:
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

    def toarray(self, dtype: DTypeLike | None = None) -> NDArray:
        """The dense array, of the operator's dtype unless another is given.

        Raises ValueError where it would not fit in the address space.
        """
        dtype = self._dtype if dtype is None else np.dtype(dtype)
        check_addressable(f"{self!r}.toarray", self._shape, max(dtype.itemsize, 1))
        identity = np.eye(self._shape[1], dtype=self._dtype)
        return self._matmul(identity).astype(dtype, copy=False)

    def tocsr(self, dtype: DTypeLike | None = None):
        """The same matrix as a ``scipy.sparse.csr_array``; needs SciPy."""
        from scipy.sparse import csr_array

        return csr_array(self.toarray(dtype))

    def __repr__(self) -> str:
        rows, columns = self._shape
        return f"<{type(self).__name__} {rows}x{columns} {self._dtype}>"

    # --------------------------------------------------------------------------- products

    def __matmul__(self, other):
        if isinstance(other, Operator):
            return Product(self, other)
        if not _is_array_like(other):
            return NotImplemented
        return self._checked_matmul(f"{self!r} @ x", other)

    def __rmatmul__(self, other):
        if not _is_array_like(other):
            return NotImplemented
        name = f"x @ {self!r}"
        x = as_movable(name, "x", other, min_ndim=1)
        rows = self._shape[0]
        if x.shape[-1] != rows:
            raise shape_error(name, f"the last axis of x must have length {rows}", x=x)
        return self._rmatmul(x[None, :])[0] if x.ndim == 1 else self._rmatmul(x)

    def dot(self, x: ArrayLike):
        """``self @ x``."""
        return self @ x

    def matvec(self, x: ArrayLike) -> NDArray:
        """K x for x of shape (columns,) or (columns, 1)."""
        return self._matvec(f"{self!r}.matvec", x)

    def rmatvec(self, x: ArrayLike) -> NDArray:
        """Kᴴ x for x of shape (rows,) or (rows, 1)."""
        return self.H._matvec(f"{self!r}.rmatvec", x)

    def matmat(self, x: ArrayLike) -> NDArray:
        """K X for X of shape (columns, k)."""
        return self._matmat(f"{self!r}.matmat", x)

    def rmatmat(self, x: ArrayLike) -> NDArray:
        """Kᴴ X for X of shape (rows, k)."""
        return self.H._matmat(f"{self!r}.rmatmat", x)

    def _checked_matmul(self, function: str, x):
        x = as_movable(function, "x", x, min_ndim=1)
        axis, columns = -min(x.ndim, 2), self._shape[1]
        if x.shape[axis] != columns:
            raise shape_error(function, f"axis {axis} of x must have length {columns}", x=x)
        return self._matmul(x[:, None])[:, 0] if x.ndim == 1 else self._matmul(x)

    def _matvec(self, function: str, x) -> NDArray:
        x = as_movable(function, "x", x)
        columns = self._shape[1]
        if x.shape not in ((columns,), (columns, 1)):
            need = f"x must have shape ({columns},) or ({columns}, 1)"
            raise shape_error(function, need, x=x)
        return self._checked_matmul(function, x)

    def _matmat(self, function: str, x) -> NDArray:
        x = as_movable(function, "x", x)
        if x.ndim != 2 or x.shape[0] != self._shape[1]:
            raise shape_error(function, f"x must have shape ({self._shape[1]}, k)", x=x)
        return self._checked_matmul(function, x)

    # ----------------------------------------------------------------- NumPy's protocols

    def __array__(self, dtype: DTypeLike | None = None, *, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError(f"{self!r} is not in memory: it has no array without a copy")
        return self.toarray(dtype)

    def __array_ufunc__(self, ufunc, method: str, *inputs, out=None, **kwargs):
        if out is not None and any(isinstance(o, Operator) for o in out):
            return NotImplemented
        if method == "__call__" and not kwargs:
            if ufunc is np.matmul:
                left, right = inputs
                return _numpy_matmul(left, right, None if out is None else out[0])
            if ufunc is np.conjugate and out is None:
                return self.conj()
        if out is not None:
            kwargs["out"] = out
        return getattr(ufunc, method)(*densify(inputs, Operator), **densify(kwargs, Operator))

    def __array_function__(self, func, types, args, kwargs) -> Any:
        lazy = lazy_function(func)
        if lazy is not None:
            result = lazy(*args, **kwargs)
            if result is not NotImplemented:
                return result
        return func(*densify(args, Operator), **densify(kwargs, Operator))


def _numpy_matmul(a, b, out: NDArray | None):
    """np.matmul where a or b is an operator."""
    product = a.__matmul__(b) if isinstance(a, Operator) else b.__rmatmul__(a)
    if out is None or product is NotImplemented:
        return product
    if isinstance(product, Operator):
        product = product.toarray()
    check_out("matmul", out, product.shape, product.dtype)
    out[...] = product
    return out


class Product(Operator):
    """The product L R of two operators, applied one after the other."""

    def __init__(self, left: Operator, right: Operator) -> None:
        if left.shape[1] != right.shape[0]:
            raise shape_error(
                "operator product",
                "the columns of the left must equal the rows of the right",
                left=left,
                right=right,
            )
        shape = (left.shape[0], right.shape[1])
        super().__init__(shape, np.result_type(left.dtype, right.dtype))
        self.left, self.right = left, right

    def _matmul(self, x):
        return self.left._matmul(self.right._matmul(x))

    def _rmatmul(self, x):
        return self.right._rmatmul(self.left._rmatmul(x))

    def _transpose(self) -> Product:
        return Product(self.right._transpose(), self.left._transpose())

    def _conjugate(self) -> Product:
        return Product(self.left._conjugate(), self.right._conjugate())

    def __repr__(self) -> str:
        return f"{self.left!r} @ {self.right!r}"
