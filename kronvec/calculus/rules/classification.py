"""Softmax, log-sum-exp and cross-entropy, evaluated without overflow."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from .. import labels
from ..combinations import Composition, Sum
from ..combine import scale
from ..matrices import Matrix, as_matrix
from ..registry import rule
from ..terms import Hadamard, Inner, Outer, Sandwich, identity_map
from .arithmetic import ones
from .reductions import along

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._typing import Array, Scalar
    from ...calculus.expressions import Expression
    from ...calculus.maps import MatrixMap
    from ...calculus.registry import Derivatives


def _shifted(x: Array, axis: int | None) -> tuple[Array, Array]:
    """X minus its largest entries, and these."""
    largest = np.max(x.real, axis=axis, keepdims=True, initial=-np.inf)
    largest = np.where(np.isfinite(largest), largest, 0)
    return x - largest, largest


def _softmax(x: Array, axis: int | None = -1) -> Array:
    e = np.exp(_shifted(x, axis)[0])
    return e / np.sum(e, axis=axis, keepdims=True)


def _logsumexp(x: Array, axis: int | None = None) -> Array:
    shifted, largest = _shifted(x, axis)
    with np.errstate(divide="ignore"):  # log 0 = -inf is right
        sums = np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)) + largest
    return np.squeeze(sums, axis)


def _log_softmax(x: Array, axis: int = -1) -> Array:
    shifted, _ = _shifted(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _along_rows(a: Expression, axis: int) -> bool:
    """Whether an axis runs along the rows of a matrix; a vector is a column."""
    return a.ndim == 2 and axis % 2 == 1


def _sums(a: Expression, axis: int) -> MatrixMap:
    """dX -> dX 1 or 1ᵀ dX, the sums along an axis, as a column or a row."""
    m, n = a.matrix.shape
    if _along_rows(a, axis):
        return Sandwich(None, ones(n, 1, a.dtype), a.shape, (m, 1))
    return Sandwich(ones(m, 1, a.dtype).T, None, a.shape, (1, n))


def _spread(a: Expression, axis: int) -> MatrixMap:
    """The adjoint of the sums: every entry of a sum gets it."""
    return _sums(a, axis).adjoint


def _named(array: Array, name: str, a: Expression) -> Matrix:
    return Matrix(as_matrix(array), labels.function(name, a.label))


@rule(lambda x, axis=-1: _softmax(x, operator.index(axis)))
def softmax(y: Expression, x: Expression, *, axis: int = -1) -> Derivatives:
    """exp X divided by its sums along an axis.

    Parameters
    ----------
    x : array_like or Expression
    axis : int
        Along which Y adds up to one.

    Returns
    -------
    Expression, or ndarray where x is an array

    Raises
    ------
    ValueError
        x has no such axis.
    TypeError
        ``axis`` is no integer.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, softmax
    >>> x = Variable([0.0, 0.0], "x")
    >>> print(D(softmax(x), x))
    diag(softmax(x)) - softmax(x) · softmax(x)ᵀ
    >>> D(softmax(x), x).dense()
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """

    # y = e / s with e = eˣ, s = Σ e: dy = (e ∘ dx) / s - e Σ(e ∘ dx) / s²
    # dY = Y ∘ dX - Y ∘ ((Y ∘ dX) 1 1ᵀ)
    def wrt_x() -> MatrixMap:
        if x.ndim == 0:
            return scale(0, identity_map(()))
        weights = Hadamard(y.matrix, x.shape)
        if x.ndim == 1:  # diag(y) - y yᵀ
            rank_one = Composition(Outer(y.matrix, (), y.shape), Inner(y.matrix, x.shape))
        else:
            rank_one = Composition(weights, _spread(x, axis), _sums(x, axis), weights)
        return Sum(weights, scale(-1, rank_one))

    return (wrt_x,)


@rule(lambda x, axis=-1: _log_softmax(x, operator.index(axis)))
def log_softmax(y: Expression, x: Expression, *, axis: int = -1) -> Derivatives:
    """log softmax(X) = X - logsumexp(X), along an axis.

    Parameters
    ----------
    x : array_like or Expression
    axis : int
        Along which exp Y adds up to one.

    Returns
    -------
    Expression, or ndarray where x is an array

    Raises
    ------
    ValueError
        x has no such axis.
    TypeError
        ``axis`` is no integer.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, log_softmax
    >>> x = Variable([0.0, 0.0], "x")
    >>> D(log_softmax(x), x).dense()
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """

    # dY = dX - (S ∘ dX) 1 1ᵀ with S = softmax(X)
    def wrt_x() -> MatrixMap:
        if x.ndim == 0:
            return scale(0, identity_map(()))
        s = _named(np.exp(y.value), "softmax", x)
        if x.ndim == 1:
            spread = Composition(Outer(ones(x.size, 1, x.dtype), (), y.shape), Inner(s, x.shape))
        else:
            spread = Composition(_spread(x, axis), _sums(x, axis), Hadamard(s, x.shape))
        return Sum(identity_map(x.shape), scale(-1, spread))

    return (wrt_x,)


@rule(along(_logsumexp))
def logsumexp(y: Expression, x: Expression, *, axis: int | None = None) -> Derivatives:
    """log Σ exp x, of all entries or along an axis.

    Parameters
    ----------
    x : array_like or Expression
    axis : int, optional
        All entries if not given.

    Returns
    -------
    Expression, or ndarray where x is an array

    Raises
    ------
    ValueError
        x has no such axis.
    TypeError
        ``axis`` is no integer.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, logsumexp
    >>> x = Variable([0.0, 0.0], "x")
    >>> print(D(logsumexp(x), x))
    softmax(x)ᵀ
    """

    # d log Σ eˣ = Σ eˣ dx / Σ eˣ = Σ S ∘ dX with S = softmax(X)
    def wrt_x() -> MatrixMap:
        if axis is None or x.ndim < 2:
            return Inner(_named(_softmax(x.value, None), "softmax", x), x.shape)
        s = Hadamard(_named(_softmax(x.value, axis), "softmax", x), x.shape)
        by_rows = _along_rows(x, axis)  # dX 1, and (1ᵀ dX)ᵀ: a vector is a column
        total = ones(x.shape[1 if by_rows else 0], 1, x.dtype)
        return Composition(Sandwich(None, total, x.shape, y.shape, transposed=not by_rows), s)

    return (wrt_x,)


def _cross_entropy(logits: Array, targets: Array) -> Scalar:
    """-Σ T ∘ log softmax(X) / m, where 0 log 0 = 0."""
    if logits.shape != targets.shape or logits.ndim == 0:
        raise ValueError("targets must be one class for every row of logits, or probabilities")
    rows = len(logits) if logits.ndim == 2 else 1
    return -np.sum(targets * np.where(targets == 0, 0, _log_softmax(logits))) / rows


@rule(_cross_entropy, name="cross_entropy")
def _cross_entropy_of_probabilities(
    y: Expression, logits: Expression, targets: Expression
) -> Derivatives:
    # φ = Σ_i (Σ_j t_ij log Σ_k e^x_ik - Σ_j t_ij x_ij) / m, so with S = softmax(X)
    # dφ = tr((diag(T 1) S - T)ᵀ dX) / m - tr(log(S)ᵀ dT) / m
    rows = len(logits) if logits.ndim == 2 else 1

    def wrt_logits() -> MatrixMap:
        total = np.sum(targets.value, axis=-1, keepdims=True)
        gradient = total * _softmax(logits.value) - targets.value
        softmax_label = labels.function("softmax", logits.label)
        label = labels.subtract(softmax_label, targets.label)
        return scale(1 / rows, Inner(Matrix(as_matrix(gradient), label), logits.shape))

    def wrt_targets() -> MatrixMap:
        gradient = _named(_log_softmax(logits.value), "log_softmax", logits)
        return scale(-1 / rows, Inner(gradient, targets.shape))

    return wrt_logits, wrt_targets


def cross_entropy(
    logits: Expression | Sequence[float], targets: Expression | int | Sequence[float]
) -> Expression | Scalar:
    """-Σ T ∘ log softmax(X) / m, the mean over the m rows of X.

    Parameters
    ----------
    logits : array_like or Expression, shape (m, n) or (n,)
        X; a row for every sample.
    targets : array_like or Expression
        Integers of shape (m,) or (), the class of every row; or probabilities, T, in the shape of
        the logits.

    Returns
    -------
    Expression or scalar

    Raises
    ------
    ValueError
        The targets do not fit the logits, or a class is not below n.

    See Also
    --------
    softmax, logsumexp

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import Variable, cross_entropy, grad
    >>> X = Variable(np.zeros((1, 4)))
    >>> grad(cross_entropy(X, [2]), X)
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """
    classes = np.asarray(getattr(targets, "value", targets))
    shape = np.shape(getattr(logits, "value", logits))
    if classes.dtype.kind in "iu" and shape and classes.shape == shape[:-1]:
        if np.any((classes < 0) | (classes >= shape[-1])):
            raise ValueError(f"cross_entropy: classes of targets must be from 0 to {shape[-1] - 1}")
        dtype = getattr(logits, "dtype", np.dtype(np.float64))
        targets = (classes[..., None] == np.arange(shape[-1])).astype(dtype)
    return _cross_entropy_of_probabilities(logits, targets)
