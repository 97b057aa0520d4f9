"""Symmetric, skew-symmetric and Hermitian matrices as vectors of real coordinates.

``take`` projects a matrix, given by rows on the last axis, on the subspace and keeps inner
products: it is an isometry there, and ``put`` its inverse.

If M is symmetric, R(M) maps symmetric matrices to symmetric ones and skew ones to skew ones, so
its singular pairs are of one kind each; if M is Hermitian, R(M) is a real matrix in the
coordinates of Hermitian ones (Van Loan & Pitsianis 1993, section 5).
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .half_vectorize import smat, svec

if TYPE_CHECKING:
    from ._typing import Array


class Part(NamedTuple):
    """A subspace of the n x n matrices and the coordinates in it."""

    take: Callable[[Array], Array]
    put: Callable[[Array], Array]
    real: bool  # its complex matrices have real coordinates


def _square(x: Array) -> Array:
    n = isqrt(x.shape[-1])
    return x.reshape(*x.shape[:-1], n, n)


def _flat(a: Array) -> Array:
    return a.reshape(*a.shape[:-2], a.shape[-2] * a.shape[-1])


def _take_symmetric(x: Array) -> Array:
    a = _square(x)
    return svec((a + np.swapaxes(a, -1, -2)) / 2)


def _put_symmetric(c: Array) -> Array:
    return _flat(smat(c))


def _take_skew(x: Array) -> Array:
    a = _square(x)
    rows, columns = np.tril_indices(a.shape[-1], -1)
    return (a[..., rows, columns] - a[..., columns, rows]) / np.sqrt(x.real.dtype.type(2))


def _put_skew(c: Array) -> Array:
    n = (isqrt(8 * c.shape[-1] + 1) + 1) // 2
    rows, columns = np.tril_indices(n, -1)
    a = np.zeros((*c.shape[:-1], n, n), c.dtype)
    a[..., rows, columns] = c / np.sqrt(c.real.dtype.type(2))
    a[..., columns, rows] = -a[..., rows, columns]
    return _flat(a)


def _take_hermitian(x: Array) -> Array:
    """H = S + i K of a symmetric S and a skew K; complex-linear, and real for a Hermitian x."""
    return np.concatenate([_take_symmetric(x), -1j * _take_skew(x)], axis=-1)


def _put_hermitian(c: Array) -> Array:
    n = isqrt(c.shape[-1])
    cut = n * (n + 1) // 2
    return _put_symmetric(c[..., :cut]) + 1j * _put_skew(c[..., cut:])


WHOLE = Part(lambda x: x, lambda c: c, False)
SYMMETRIC = Part(_take_symmetric, _put_symmetric, False)
SKEW = Part(_take_skew, _put_skew, False)
HERMITIAN = Part(_take_hermitian, _put_hermitian, True)
