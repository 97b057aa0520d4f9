"""Arithmetic, entry by entry; a scalar or a vector is expanded as NumPy broadcasts it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from .. import labels
from ..combine import compose, scale
from ..matrices import Matrix, as_matrix, matrix_shape
from ..registry import rule
from ..terms import Hadamard, Outer, Sandwich, identity_map

if TYPE_CHECKING:
    from typing import Any

    from ..._typing import Array, DType
    from ...calculus.expressions import Expression
    from ...calculus.labels import Label
    from ...calculus.maps import MatrixMap
    from ...calculus.registry import Derivatives


def ones(m: int, n: int, dtype: DType) -> Matrix:
    """A matrix of ones."""
    return Matrix(np.ones((m, n), dtype), labels.ONES)


def expansion(operand: Expression, y: Expression) -> MatrixMap:
    """The derivative of broadcasting an operand to the shape of y."""
    given, shape, dtype = operand.shape, y.shape, y.dtype
    if given == shape:
        return identity_map(shape)
    rows, columns = matrix_shape(shape)
    if prod(given) == 1:
        return Outer(ones(rows, columns, dtype), given, shape)
    if len(given) == 1 and len(shape) == 2:  # a vector stands along the rows: 1 dxᵀ
        return Sandwich(ones(rows, 1, dtype), None, given, shape, transposed=True)
    if given[0] == 1:
        return Sandwich(ones(rows, 1, dtype), None, given, shape)
    return Sandwich(None, ones(1, columns, dtype), given, shape)


def scaled_entries(operand: Expression, coefficient: Any, y: Expression, label: Label) -> MatrixMap:
    """dX -> C ∘ expanded dX, where C is the coefficient, broadcast to the shape of y."""
    coefficient = np.asarray(coefficient)
    if coefficient.ndim == 0 and operand.shape == y.shape:
        return scale(coefficient[()], identity_map(y.shape))
    m = Matrix(as_matrix(np.broadcast_to(coefficient, y.shape)), label)
    if operand.size == 1 and operand.shape != y.shape:
        return Outer(m, operand.shape, y.shape)
    return compose(Hadamard(m, y.shape), expansion(operand, y))


@rule(np.add, labels.add)
def add(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """A + B.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, add
    >>> x, w = Variable([1.0, 2.0], "x"), Variable([4.0, 1.0], "w")
    >>> print(D(add(x, w), w))
    I
    """
    # d(A + B) = dA + dB
    return lambda: expansion(a, y), lambda: expansion(b, y)


@rule(np.subtract, labels.subtract)
def subtract(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """A - B.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, subtract
    >>> x, w = Variable([1.0, 2.0], "x"), Variable([4.0, 1.0], "w")
    >>> print(D(subtract(x, w), w))
    -I
    """
    # d(A - B) = dA - dB
    return lambda: expansion(a, y), lambda: scale(-1, expansion(b, y))


@rule(np.negative, lambda a: labels.scale(-1, a))
def negative(y: Expression, a: Expression) -> Derivatives:
    """-A.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, negative
    >>> x, w = Variable([1.0, 2.0], "x"), Variable([4.0, 1.0], "w")
    >>> print(D(negative(x), x))
    -I
    """
    # d(-A) = -dA
    return (lambda: scale(-1, identity_map(a.shape)),)


@rule(np.multiply, labels.hadamard)
def multiply(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """A ∘ B, entry by entry.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, multiply
    >>> x, w = Variable([1.0, 2.0], "x"), Variable([4.0, 1.0], "w")
    >>> print(D(multiply(x, w), w))
    diag(x)
    """
    # d(A ∘ B) = B ∘ dA + A ∘ dB
    return (
        lambda: scaled_entries(a, b.value, y, b.label),
        lambda: scaled_entries(b, a.value, y, a.label),
    )


@rule(np.true_divide, labels.quotient)
def divide(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """A ⊘ B, entry by entry.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, divide
    >>> x, w = Variable([1.0, 2.0], "x"), Variable([4.0, 1.0], "w")
    >>> print(D(divide(x, w), x))
    diag(1 ⊘ w)
    """
    # d(A ⊘ B) = dA ⊘ B - (A ⊘ B) ∘ dB ⊘ B
    return (
        lambda: scaled_entries(a, 1 / b.value, y, labels.quotient(labels.number(1), b.label)),
        lambda: scaled_entries(
            b, -y.value / b.value, y, labels.scale(-1, labels.quotient(y.label, b.label))
        ),
    )


def _power(a: Array, p: Array) -> Any:
    """A to the power p; a scalar p goes to NumPy as a number, which it has short cuts for."""
    if p.ndim == 0 and np.result_type(a, p) == np.result_type(a, p.item()):
        p = p.item()
        p = int(p.real) if p.imag == 0 and p.real == np.floor(p.real) else p
    return a**p


@rule(_power, labels.power)
def power(y: Expression, a: Expression, p: Expression) -> Derivatives:
    """A to the power p, entry by entry.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, power
    >>> x, w = Variable([1.0, 2.0], "x"), Variable([4.0, 1.0], "w")
    >>> print(D(power(x, 3), x))
    diag(3 x^2)
    """

    # d(aᵖ) = p aᵖ⁻¹ da + aᵖ log(a) dp; p = 0 leaves nothing of a, also for a = 0, and so does
    # a = 0 of dp.
    def wrt_base() -> MatrixMap:
        slope = p.value * _power(a.value, np.where(p.value == 0, p.value, p.value - 1))
        label = labels.hadamard(p.label, _lowered(a.label, p))
        return scaled_entries(a, slope, y, label)

    def wrt_exponent() -> MatrixMap:
        slope = y.value * np.log(np.where(a.value == 0, 1, a.value))
        return scaled_entries(
            p, slope, y, labels.hadamard(y.label, labels.function("log", a.label))
        )

    return wrt_base, wrt_exponent


def _lowered(a: Label, p: Expression) -> Label:
    """The label of aᵖ⁻¹."""
    if p.ndim == 0 and p.label.made:
        c = p.value[()] - 1
        return a if c == 1 else labels.power(a, labels.number(c))
    return labels.power(a, labels.subtract(p.label, labels.number(1)))
