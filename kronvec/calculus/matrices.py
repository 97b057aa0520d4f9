"""The matrices that terms of a derivative are made of: an array and its name in formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np

from . import labels
from .labels import Label

if TYPE_CHECKING:
    from .._typing import Array, DType, Scalar, Shape


class Matrix:
    """A matrix (m, n) with a name.

    Parameters
    ----------
    array : ndarray, shape (m, n)
        Kept as it is, without a copy.
    label : Label, optional
        Its name; its shape if not given.
    """

    __slots__ = ("array", "label")

    def __init__(self, array: Array, label: Label | None = None) -> None:
        self.array = array
        self.label = labels.fitting(label, array.shape)

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.array.shape

    @property
    def dtype(self) -> DType:
        """Of the entries."""
        return self.array.dtype

    @property
    def T(self) -> Matrix:
        """The transpose, a view."""
        return Matrix(self.array.T, self.label.T)

    def conj(self) -> Matrix:
        """The complex conjugate."""
        if self.array.dtype.kind != "c":
            return self
        return Matrix(self.array.conj(), self.label.conj)

    @property
    def H(self) -> Matrix:
        """The adjoint."""
        return self.T.conj()

    def __matmul__(self, other: Matrix) -> Matrix:
        return Matrix(self.array @ other.array, labels.product(self.label, other.label))

    def __add__(self, other: Matrix) -> Matrix:
        return Matrix(self.array + other.array, labels.add(self.label, other.label))

    def __mul__(self, other: Matrix) -> Matrix:
        """The Hadamard product."""
        return Matrix(self.array * other.array, labels.hadamard(self.label, other.label))

    def times(self, c: Scalar) -> Matrix:
        """``c`` times the matrix."""
        return Matrix(c * self.array, labels.scale(c, self.label))

    def same(self, other: Matrix) -> bool:
        """Whether both are evidently one matrix: the same memory, seen in the same way."""
        a, b = self.array, other.array
        return a is b or (
            a.shape == b.shape
            and a.strides == b.strides
            and a.dtype == b.dtype
            and a.__array_interface__["data"] == b.__array_interface__["data"]
        )


class Inverse(Matrix):
    """A⁻¹, formed when it is used for the second time: once, a system is solved.

    Parameters
    ----------
    of : Matrix, shape (n, n)
        A.
    """

    __slots__ = ("_array", "_transpose", "_used", "of")

    def __init__(self, of: Matrix) -> None:
        self.of, self._used = of, False
        self._array: Array | None = None
        self._transpose: Inverse | None = None
        self.label = labels.fitting(of.label.inv, of.shape)

    @property
    def array(self) -> Array:  # type: ignore[override]  # made when asked for
        """The inverse itself."""
        if self._array is None:
            self._array = np.linalg.inv(self.of.array)
        return self._array

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.of.shape

    @property
    def dtype(self) -> DType:
        """Of the entries."""
        return self.of.dtype

    @property
    def T(self) -> Inverse:
        """A⁻ᵀ."""
        if self._transpose is None:
            self._transpose = Inverse(self.of.T)
        return self._transpose

    def conj(self) -> Inverse:
        """conj(A)⁻¹."""
        return Inverse(self.of.conj()) if self.dtype.kind == "c" else self

    def before(self, b: Array) -> Array:
        """A⁻¹ B for B (..., n, k)."""
        if self._used or self._array is not None:
            return np.matmul(self.array, b)
        self._used = True
        columns = np.moveaxis(b, -2, 0)  # one system, whatever the batch
        solved = np.linalg.solve(self.of.array, columns.reshape(len(columns), -1))
        return np.moveaxis(solved.reshape(columns.shape), 0, -2)


@overload
def times(a: Matrix, b: Matrix | None) -> Matrix: ...
@overload
def times(a: Matrix | None, b: Matrix) -> Matrix: ...
@overload
def times(a: Matrix | None, b: Matrix | None) -> Matrix | None: ...
def times(a: Matrix | None, b: Matrix | None) -> Matrix | None:
    """A B, where None is an identity."""
    if a is None or b is None:
        return b if a is None else a
    return a @ b


def transposed(a: Matrix | None) -> Matrix | None:
    """Aᵀ, where None is an identity."""
    return None if a is None else a.T


def adjoint(a: Matrix | None) -> Matrix | None:
    """Aᴴ, where None is an identity."""
    return None if a is None else a.H


def conjugate(a: Matrix | None) -> Matrix | None:
    """conj(A), where None is an identity."""
    return None if a is None else a.conj()


def agree(a: Matrix | None, b: Matrix | None) -> bool:
    """Whether both are evidently one matrix, None an identity."""
    if a is None or b is None:
        return a is b
    return a.same(b)


def matrix_shape(shape: Shape) -> tuple[int, int]:
    """The shape of a scalar, a vector (a column) or a matrix as a matrix."""
    return ((1, 1), (*shape, 1), tuple(shape))[len(shape)]  # type: ignore[return-value]  # a pair


def as_matrix(array: Array) -> Array:
    """A scalar, a vector (a column) or a matrix as a matrix, a view."""
    return array.reshape(matrix_shape(array.shape))


def result_dtype(*parts: Matrix | DType | None) -> DType:
    """The result type of matrices, arrays and dtypes; None is an identity."""
    given = [getattr(p, "dtype", p) for p in parts if p is not None]
    return np.result_type(*given) if given else np.dtype(np.float64)
