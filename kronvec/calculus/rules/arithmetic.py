"""Arithmetic, entry by entry; a scalar or a vector is expanded as NumPy broadcasts it."""

from __future__ import annotations

from math import prod

import numpy as np

from .. import labels
from ..combine import compose, scale
from ..labels import Label
from ..matrices import Matrix, as_matrix, matrix_shape
from ..registry import rule
from ..terms import Hadamard, Outer, Sandwich, identity_map


def ones(m: int, n: int) -> Matrix:
    """A matrix of ones."""
    return Matrix(np.ones((m, n)), labels.ONES)


def expansion(operand, shape):
    """The derivative of broadcasting an operand to a shape."""
    given = operand.shape
    if given == shape:
        return identity_map(shape)
    rows, columns = matrix_shape(shape)
    if prod(given) == 1:
        return Outer(ones(rows, columns), given, shape)
    if len(given) == 1 and len(shape) == 2:  # a vector stands along the rows: 1 dxᵀ
        return Sandwich(ones(rows, 1), None, given, shape, transposed=True)
    if given[0] == 1:
        return Sandwich(ones(rows, 1), None, given, shape)
    return Sandwich(None, ones(1, columns), given, shape)


def scaled_entries(operand, coefficient, y, label):
    """dX -> C ∘ expanded dX, where C is the coefficient, broadcast to the shape of y."""
    coefficient = np.asarray(coefficient)
    if coefficient.ndim == 0 and operand.shape == y.shape:
        return scale(coefficient[()], identity_map(y.shape))
    m = Matrix(as_matrix(np.broadcast_to(coefficient, y.shape)), label)
    if operand.size == 1 and operand.shape != y.shape:
        return Outer(m, operand.shape, y.shape)
    return compose(Hadamard(m, y.shape), expansion(operand, y.shape))


@rule(np.add, labels.add)
def add(y, a, b):
    """A + B."""
    # d(A + B) = dA + dB
    return lambda: expansion(a, y.shape), lambda: expansion(b, y.shape)


@rule(np.subtract, lambda a, b: labels.add(a, labels.scale(-1, b)))
def subtract(y, a, b):
    """A - B."""
    # d(A - B) = dA - dB
    return lambda: expansion(a, y.shape), lambda: scale(-1, expansion(b, y.shape))


@rule(np.negative, lambda a: labels.scale(-1, a))
def negative(y, a):
    """-A."""
    # d(-A) = -dA
    return (lambda: scale(-1, identity_map(a.shape)),)


@rule(np.multiply, labels.hadamard)
def multiply(y, a, b):
    """A ∘ B, entry by entry."""
    # d(A ∘ B) = B ∘ dA + A ∘ dB
    return (
        lambda: scaled_entries(a, b.value, y, b.label),
        lambda: scaled_entries(b, a.value, y, a.label),
    )


def _quotient(a, b):
    a, b = a.within(labels.ATOM), b.within(labels.ATOM)
    return Label(f"{a.text} ⊘ {b.text}", f"{a.latex} \\oslash {b.latex}", labels.PRODUCT)


@rule(np.true_divide, _quotient)
def divide(y, a, b):
    """A ⊘ B, entry by entry."""
    # d(A ⊘ B) = dA ⊘ B - (A ⊘ B) ∘ dB ⊘ B
    one = Label("1", "1")
    return (
        lambda: scaled_entries(a, 1 / b.value, y, _quotient(one, b.label)),
        lambda: scaled_entries(
            b, -y.value / b.value, y, labels.scale(-1, _quotient(y.label, b.label))
        ),
    )


def _power_label(a, p):
    a = a.within(labels.ATOM)
    return Label(f"{a.text}^{p.within(labels.ATOM).text}", f"{a.latex}^{{\\circ {p.latex}}}")


@rule(np.power, _power_label)
def power(y, a, p):
    """A to the power p, entry by entry."""

    # d(aᵖ) = p aᵖ⁻¹ da + aᵖ log(a) dp; p = 0 leaves nothing of a, also for a = 0, and so does
    # a = 0 of p > 0.
    def wrt_base():
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = p.value * a.value ** (p.value - 1)
        return scaled_entries(a, np.where(p.value == 0, 0, slope), y, None)

    def wrt_exponent():
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = y.value * np.log(a.value)
        return scaled_entries(p, np.where(a.value == 0, 0, slope), y, None)

    return wrt_base, wrt_exponent
