"""Operations that move entries: transposes, vec, indexing, concatenation."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from ... import half_vectorize, vectorize
from .. import labels
from ..registry import rule
from ..terms import Index, Sandwich, identity_map, reshaped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..._typing import Array, Order, Shape
    from ...calculus.expressions import Expression
    from ...calculus.labels import Label
    from ...calculus.registry import Derivatives


@rule(np.transpose, lambda a: a.T)
def transpose(y: Expression, a: Expression) -> Derivatives:
    """Aᵀ.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, transpose
    >>> X = Variable([[1.0, 2.0, 3.0]] * 2, "X")
    >>> print(D(transpose(X), X))
    K(2,3)
    """
    # d(Aᵀ) = dAᵀ
    if a.ndim < 2:
        return (lambda: identity_map(a.shape),)
    return (lambda: Sandwich(None, None, a.shape, y.shape, transposed=True),)


@rule(lambda a: np.conj(np.transpose(a)), lambda a: a.T.conj, holomorphic=False)
def adjoint(y: Expression, a: Expression) -> Derivatives:
    """Aᴴ, of a real A the transpose.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, adjoint
    >>> X = Variable([[1.0, 2.0, 3.0]] * 2, "X")
    >>> print(D(adjoint(X), X))
    K(2,3)
    """
    # d(Aᴴ) = dAᴴ is linear over the reals only.
    return (lambda: Sandwich(None, None, a.shape, y.shape, transposed=a.ndim == 2),)


@rule(np.conj, lambda a: a.conj, holomorphic=False)
def conj(y: Expression, a: Expression) -> Derivatives:
    """The complex conjugate, of a real A itself.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, conj
    >>> X = Variable([[1.0, 2.0, 3.0]] * 2, "X")
    >>> print(D(conj(X), X))
    I
    """
    # d(A*) = dA* is linear over the reals only.
    return (lambda: identity_map(a.shape),)


def _gather(y: Expression, a: Expression, numbers: Array, name: str) -> Index:
    """The derivative of taking the entries of these numbers (order C), as y is shaped."""
    return Index(np.ravel(numbers), None, a.shape, y.shape, name)


def _numbers(a: Expression) -> Array:
    return np.arange(a.size).reshape(a.shape)


@rule(np.reshape)
def reshape(y: Expression, a: Expression, *, shape: Shape) -> Derivatives:
    """A in another shape, entries in order C.

    Parameters
    ----------
    a : array_like or Expression, of no more than two axes
    shape : int or tuple of int
        As `numpy.reshape` takes it, of no more than two axes.

    Returns
    -------
    Expression, or ndarray where a is an array

    Raises
    ------
    ValueError
        The sizes differ, or the shape has more than two axes.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, reshape
    >>> X = Variable([[1.0, 2.0], [3.0, 4.0]], "X")
    >>> reshape(X, (4, 1)).value.T
    array([[1., 2., 3., 4.]])
    >>> print(D(reshape(X, (4, 1)), X).text("C"))
    reshape
    """
    # entries stay in order C
    return (lambda: reshaped(a.shape, y.shape),)


def _vec_label(a: Label, *, order: Order = "F") -> Label:
    return labels.vec(a) if order == "F" else labels.function("vec", a, order=order)


@rule(vectorize.vec, _vec_label)
def vec(y: Expression, a: Expression, *, order: Order = "F") -> Derivatives:
    """Vec A, the columns stacked, or the rows for order "C".

    Parameters
    ----------
    a : array_like or Expression, shape (m, n)
    order : {"F", "C"}
        Columns, or rows.

    Returns
    -------
    Expression, or ndarray where a is an array

    Raises
    ------
    ValueError
        a is no matrix, or ``order`` is none of these.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, vec
    >>> X = Variable([[1.0, 2.0], [3.0, 4.0]], "X")
    >>> vec(X).value
    array([1., 3., 2., 4.])
    >>> print(D(vec(X), X))
    I
    """
    # d vec A = vec dA
    return (lambda: _gather(y, a, _numbers(a).ravel(order), "vec"),)


@rule(half_vectorize.vech)
def vech(y: Expression, a: Expression, *, order: Order = "F") -> Derivatives:
    """Vech A, the lower triangle column by column, or row by row for order "C".

    Parameters
    ----------
    a : array_like or Expression, shape (n, n)
    order : {"F", "C"}
        As `kronvec.vech` takes it.

    Returns
    -------
    Expression, or ndarray where a is an array

    Raises
    ------
    ValueError
        a is not square, or ``order`` is none of these.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, vech
    >>> X = Variable([[1.0, 2.0], [3.0, 4.0]], "X")
    >>> vech(X).value
    array([1., 3., 4.])
    >>> print(D(vech(X), X))
    L
    """
    # d vech A = L vec dA, L the elimination matrix
    return (lambda: _gather(y, a, half_vectorize.vech(_numbers(a), order=order), "L"),)


@rule(np.diag, shapes="shape (n,) or (m, n)")
def diag(y: Expression, a: Expression) -> Derivatives:
    """The diagonal matrix of a vector, or the diagonal of a matrix.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, diag
    >>> x = Variable([1.0, 2.0], "x")
    >>> diag(x).value
    array([[1., 0.],
           [0., 2.]])
    >>> D(diag(x), x).vjp([[5.0, 6.0], [7.0, 8.0]])
    array([5., 8.])
    """

    # d diag(a) = diag(da)
    def wrt_a() -> Any:
        if a.ndim == 1:
            return Index(None, np.arange(a.size) * (a.size + 1), a.shape, y.shape, "diag")
        return _gather(y, a, np.diag(_numbers(a)), "diag")

    return (wrt_a,)


@rule(lambda a, key: a[key], lambda a, key: labels.indexed(a))
def take(
    y: Expression, a: Expression, *, key: int | slice | tuple[Any, int | list[int]]
) -> Derivatives:
    """A[key]: entries, rows, columns, as NumPy indexes.

    Parameters
    ----------
    a : array_like or Expression, of no more than two axes
    key : int, slice, array of integers or truth values, or a tuple of these

    Returns
    -------
    Expression, or ndarray where a is an array

    Raises
    ------
    IndexError
        An index is out of bounds.
    ValueError
        The result has more than two axes.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, take
    >>> X = Variable([[1.0, 2.0], [3.0, 4.0]], "X")
    >>> take(X, 1).value, X[1].value
    (array([3., 4.]), array([3., 4.]))
    >>> D(X[1], X).dense("C")
    array([[0., 0., 1., 0.],
           [0., 0., 0., 1.]])
    """
    # d(A[key]) = dA[key]
    return (lambda: _gather(y, a, _numbers(a)[key], "take"),)


def _cat(*parts: Array, axis: int = 0) -> Any:
    return np.concatenate(parts, operator.index(axis))


@rule(_cat, lambda *parts, axis: labels.function("cat", *parts, **({"axis": axis} if axis else {})))
def _concatenate(y: Expression, *parts: Expression, axis: int = 0) -> Derivatives:
    # every part keeps its place
    def wrt(i: Array) -> Any:
        start = np.sum([part.shape[axis] for part in parts[:i]], dtype=int)
        key = [slice(None)] * y.ndim
        key[axis] = slice(start, start + parts[i].shape[axis])
        target = _numbers(y)[tuple(key)].ravel()
        return Index(None, target, parts[i].shape, y.shape, f"part {i}")

    return tuple((lambda i=i: wrt(i)) for i in range(len(parts)))


def concatenate(arrays: Sequence[Expression], axis: int = 0) -> Any:
    """Vectors or matrices one after the other along an axis.

    Parameters
    ----------
    arrays : sequence of array_like or Expression
        All vectors or all matrices.
    axis : int
        Along which.

    Returns
    -------
    Expression, or ndarray where each is an array

    Raises
    ------
    ValueError
        The shapes do not fit, or there is no array.
    TypeError
        ``axis`` is no integer.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, concatenate
    >>> x = Variable([1.0, 2.0], "x")
    >>> D(concatenate([x, [0.0], 3 * x]), x).dense()
    array([[1., 0.],
           [0., 1.],
           [0., 0.],
           [3., 0.],
           [0., 3.]])
    """
    return _concatenate(*arrays, axis=axis)
