"""Sums and means: of all entries, or along an axis."""

from __future__ import annotations

import numpy as np

from .. import labels
from ..combine import scale
from ..registry import rule
from ..terms import Inner, Sandwich, identity_map
from .arithmetic import ones


def _summed(y, a, axis):
    m, n = a.matrix.shape
    if a.ndim == 0:
        return identity_map(())
    if axis is None or a.ndim == 1:
        return Inner(ones(m, n, a.dtype), a.shape, y.shape)
    if axis % 2 == 1:  # Σ_j x_ij = X 1
        return Sandwich(None, ones(n, 1, a.dtype), a.shape, y.shape)
    return Sandwich(None, ones(m, 1, a.dtype), a.shape, y.shape, transposed=True)  # Xᵀ 1


@rule(np.sum, lambda a: labels.function("sum", a))
def sum(y, a, *, axis=None):
    """The sum of all entries, or along an axis."""
    # d Σ a_ij = Σ da_ij
    return (lambda: _summed(y, a, axis),)


@rule(np.mean, lambda a: labels.function("mean", a))
def mean(y, a, *, axis=None):
    """The mean of all entries, or along an axis."""
    # d(Σ a_ij / N) = Σ da_ij / N
    return (lambda: scale(y.size / a.size, _summed(y, a, axis)),)
