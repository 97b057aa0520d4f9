"""Sums and means: of all entries, or along an axis."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from ..combine import scale
from ..registry import rule
from ..terms import Inner, Sandwich, identity_map
from .arithmetic import ones

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ...calculus.expressions import Expression
    from ...calculus.maps import MatrixMap
    from ...calculus.registry import Derivatives


def _summed(y: Expression, a: Expression, axis: int | None) -> MatrixMap:
    m, n = a.matrix.shape
    if a.ndim == 0:
        return identity_map(())
    if axis is None or a.ndim == 1:
        return Inner(ones(m, n, a.dtype), a.shape, y.shape)
    if axis % 2 == 1:  # Σ_j x_ij = X 1
        return Sandwich(None, ones(n, 1, a.dtype), a.shape, y.shape)
    return Sandwich(None, ones(m, 1, a.dtype), a.shape, y.shape, transposed=True)  # Xᵀ 1


def along(reduce: Any) -> Callable[..., Any]:
    """A function of an array and an axis, an integer, or None for all entries."""
    return lambda a, axis=None: reduce(a, axis if axis is None else operator.index(axis))


@rule(along(np.sum))
def sum(y: Expression, a: Expression, *, axis: int | None = None) -> Derivatives:
    """The sum of all entries, or along an axis.

    Parameters
    ----------
    a : array_like or Expression, of no more than two axes
    axis : int, optional
        All entries if not given.

    Returns
    -------
    Expression, or ndarray where a is an array

    Raises
    ------
    ValueError
        a has no such axis.
    TypeError
        ``axis`` is no integer.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, sum
    >>> X = Variable([[1.0, 2.0], [3.0, 4.0]], "X")
    >>> sum(X, axis=1).value
    array([3., 7.])
    >>> print(D(sum(X, axis=1), X))
    1ᵀ ⊗ I
    """
    # d Σ a_ij = Σ da_ij
    return (lambda: _summed(y, a, axis),)


@rule(along(np.mean))
def mean(y: Expression, a: Expression, *, axis: int | None = None) -> Derivatives:
    """The mean of all entries, or along an axis.

    Parameters
    ----------
    a : array_like or Expression, of no more than two axes
    axis : int, optional
        All entries if not given.

    Returns
    -------
    Expression, or ndarray where a is an array

    Raises
    ------
    ValueError
        a has no such axis.
    TypeError
        ``axis`` is no integer.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, mean
    >>> X = Variable([[1.0, 2.0], [3.0, 4.0]], "X")
    >>> mean(X, axis=1).value
    array([1.5, 3.5])
    >>> print(D(mean(X, axis=1), X))
    0.5 (1ᵀ ⊗ I)
    """
    # d(Σ a_ij / N) = Σ da_ij / N
    return (lambda: scale(y.size / max(a.size, 1), _summed(y, a, axis)),)
