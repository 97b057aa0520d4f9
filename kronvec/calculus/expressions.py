"""Variables, constants and what is computed with them: values that remember their derivation.

An expression is evaluated at once.  It keeps the rule that made it and its operands, so that the
derivative with respect to any variable in it can be put together afterwards (derivatives.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._shapes import as_array, shape_error
from . import labels
from .matrices import Matrix, as_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from numpy.typing import ArrayLike

    from .._typing import Array, DType, Index, Shape
    from .labels import Label
    from .maps import MatrixMap

    Operand: TypeAlias = "ArrayLike | Expression"


class Expression:
    """A scalar, vector or matrix that knows how it was computed.

    Attributes
    ----------
    value : ndarray
        Of no more than two axes.
    operands : tuple of Expression
        What it was computed from.
    depends : bool
        Whether a variable is in it.

    See Also
    --------
    Variable, constant

    Examples
    --------
    >>> from kronvec.calculus import Variable
    >>> X = Variable([[1.0, 2.0], [3.0, 4.0]], "X")
    >>> X.T @ X
    <Expression Xᵀ X of shape (2, 2)>
    >>> (X.T @ X).value
    array([[10., 14.],
           [14., 20.]])
    """

    # ndarray @ expression and the like come here, whatever stands on the left.
    __array_ufunc__ = None

    def __init__(
        self,
        value: Array,
        label: Label | None = None,
        operands: Sequence[Expression] = (),
        derivatives: tuple[Any, ...] | None = None,
    ) -> None:
        self.value: Array = value
        self._label = label
        self.operands: tuple[Expression, ...] = tuple(operands)
        # A function for each operand that makes the derivative with respect to it.
        self._derivatives: tuple[Callable[[], MatrixMap] | None, ...] = derivatives or ()
        self.depends: bool = any(operand.depends for operand in operands)

    def local(self, i: int) -> MatrixMap | None:
        """The derivative with respect to operand i; None where it is none."""
        derivative = self._derivatives[i]
        return None if derivative is None else derivative()

    @property
    def shape(self) -> Shape:
        """Of the value."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Axes of the value."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """Entries of the value."""
        return self.value.size

    @property
    def dtype(self) -> DType:
        """Of the value."""
        return self.value.dtype

    @property
    def label(self) -> Label:
        """Its formula, or its shape."""
        return labels.fitting(self._label, self.value.shape)

    @property
    def matrix(self) -> Matrix:
        """Its value as a matrix with its name; a vector is a column."""
        return Matrix(as_matrix(self.value), self.label)

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label.text} of shape {self.shape}>"

    def __float__(self) -> float:
        return float(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __array__(self, dtype: DType | None = None, copy: Any = None) -> None:
        raise TypeError(
            f"{self!r} is no array, or its derivative would be lost: take the function of "
            "kronvec.calculus, or its .value"
        )

    # ---------------------------------------------------------------------------- operations

    def __add__(self, other: Operand) -> Expression:
        return _rules().add(self, other)

    def __radd__(self, other: Operand) -> Expression:
        return _rules().add(other, self)

    def __sub__(self, other: Operand) -> Expression:
        return _rules().subtract(self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return _rules().subtract(other, self)

    def __mul__(self, other: Operand) -> Expression:
        return _rules().multiply(self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return _rules().multiply(other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return _rules().divide(self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return _rules().divide(other, self)

    def __pow__(self, p: int) -> Expression:
        return _rules().power(self, p)

    def __rpow__(self, a: int) -> Expression:
        return _rules().power(a, self)

    def __neg__(self) -> Expression:
        return _rules().negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return _rules().abs(self)

    def __matmul__(self, other: Operand) -> Expression:
        return _rules().matmul(self, other)

    def __rmatmul__(self, other: Operand) -> Expression:
        return _rules().matmul(other, self)

    def __getitem__(self, key: Index | tuple[Index, ...]) -> Expression:
        return _rules().take(self, key)

    # Comparisons are of values, and have no derivative; expressions stay hashable by identity.

    def __lt__(self, other: Operand) -> Array:
        return _rules().less(self, other)

    def __le__(self, other: Operand) -> Array:
        return _rules().less_equal(self, other)

    def __gt__(self, other: Operand) -> Array:
        return _rules().greater(self, other)

    def __ge__(self, other: Operand) -> Array:
        return _rules().greater_equal(self, other)

    def __eq__(self, other: object) -> Any:
        return _rules().equal(self, other)

    def __ne__(self, other: object) -> Any:
        return _rules().not_equal(self, other)

    __hash__ = object.__hash__

    @property
    def T(self) -> Expression:
        """The transpose."""
        return _rules().transpose(self)

    @property
    def H(self) -> Expression:
        """The adjoint; of a complex variable it has no derivative."""
        return _rules().adjoint(self)

    def conj(self) -> Expression:
        """The complex conjugate; of a complex variable it has no derivative."""
        return _rules().conj(self)

    def sum(self, axis: int | None = None) -> Expression:
        """The sum of all entries, or along an axis."""
        return _rules().sum(self, axis=axis)

    def mean(self, axis: int | None = None) -> Any:
        """The mean of all entries, or along an axis."""
        return _rules().mean(self, axis=axis)

    def reshape(self, *shape: int | tuple[int, ...]) -> Expression:
        """Another shape, entries in order C."""
        return _rules().reshape(self, shape[0] if len(shape) == 1 else shape)


class Variable(Expression):
    """What is differentiated with respect to.

    Parameters
    ----------
    value : array_like
        A scalar, a vector or a matrix of numbers; integers become float64.  Kept without a copy
        where it need not be converted: it must not change.
    name : str, optional
        What formulas call it; its shape if not given.

    Raises
    ------
    ValueError
        The value has more than two axes.
    TypeError
        It does not hold numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import D, Variable, constant
    >>> A, B = constant(np.ones((2, 3)), "A"), constant(np.ones((4, 5)), "B")
    >>> X = Variable(np.ones((3, 4)), "X")
    >>> print(D(A @ X @ B, X))
    Bᵀ ⊗ A
    """

    def __init__(self, value: ArrayLike, name: str | None = None) -> None:
        super().__init__(_read("Variable", value), _name("Variable", name))
        self.depends = True


def constant(value: ArrayLike, name: str | None = None) -> Expression:
    """A value that is not differentiated with respect to, with a name for formulas.

    Parameters
    ----------
    value : array_like
        A scalar, a vector or a matrix of numbers.
    name : str, optional
        What formulas call it; its shape if not given.

    Returns
    -------
    Expression

    Raises
    ------
    ValueError
        The value has more than two axes.
    TypeError
        It does not hold numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import constant
    >>> constant(np.eye(2), "A")
    <Expression A of shape (2, 2)>
    """
    return Expression(_read("constant", value), _name("constant", name))


def _name(function: str, name: str | None) -> Label | None:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"{function}: name must be a string, got {type(name).__name__}")
    return None if name is None else labels.named(name)


def _read(function: str, value: Any) -> Array:
    array = np.asarray(as_array(function, "value", value))
    if array.ndim > 2:
        raise shape_error(function, "value must have at most two axes", value=array)
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def as_expression(function: str, name: str, value: Array | Expression | float) -> Expression:
    """An expression as it is, anything else as a constant."""
    if isinstance(value, Expression):
        return value
    array = np.asarray(as_array(function, name, value))
    if array.ndim > 2:
        raise shape_error(function, f"{name} must have at most two axes", **{name: array})
    if array.ndim and array.dtype.kind in "biu":  # products are BLAS's, and derivatives exact
        array = array.astype(np.float64)
    label = labels.number(array[()]) if array.ndim == 0 else None
    return Expression(array, label)


def evaluated(function: str, f: Callable[[Variable], Expression], x: Variable) -> Expression:
    """f(X), which must be an expression."""
    if not callable(f):
        raise TypeError(f"{function}: f must be callable, got {type(f).__name__}")
    y = f(x)
    if not isinstance(y, Expression):
        raise TypeError(f"{function}: f must return an expression, got {type(y).__name__}")
    return y


def _rules() -> Any:
    """The operations; they are made of rules, which need expressions."""
    from . import rules

    return rules
