"""Operations that move entries: transposes, vec, indexing, concatenation."""

from __future__ import annotations

import operator

import numpy as np

from ... import half_vectorize, vectorize
from .. import labels
from ..registry import rule
from ..terms import Index, Sandwich, identity_map, reshaped


@rule(np.transpose, lambda a: a.T)
def transpose(y, a):
    """Aᵀ."""
    # d(Aᵀ) = dAᵀ
    if a.ndim < 2:
        return (lambda: identity_map(a.shape),)
    return (lambda: Sandwich(None, None, a.shape, y.shape, transposed=True),)


@rule(lambda a: np.conj(np.transpose(a)), lambda a: a.T.conj, holomorphic=False)
def adjoint(y, a):
    """Aᴴ, of a real A the transpose."""
    # d(Aᴴ) = dAᴴ is linear over the reals only.
    return (lambda: Sandwich(None, None, a.shape, y.shape, transposed=a.ndim == 2),)


@rule(np.conj, lambda a: a.conj, holomorphic=False)
def conj(y, a):
    """The complex conjugate, of a real A itself."""
    # d(A*) = dA* is linear over the reals only.
    return (lambda: identity_map(a.shape),)


def _gather(y, a, numbers, name):
    """The derivative of taking the entries of these numbers (order C), as y is shaped."""
    return Index(np.ravel(numbers), None, a.shape, y.shape, name)


def _numbers(a):
    return np.arange(a.size).reshape(a.shape)


@rule(np.reshape)
def reshape(y, a, *, shape):
    """A in another shape, entries in order C."""
    # entries stay in order C
    return (lambda: reshaped(a.shape, y.shape),)


def _vec_label(a, *, order="F"):
    return labels.vec(a) if order == "F" else labels.function("vec", a, order=order)


@rule(vectorize.vec, _vec_label)
def vec(y, a, *, order="F"):
    """Vec A, the columns stacked, or the rows for order "C"."""
    # d vec A = vec dA
    return (lambda: _gather(y, a, _numbers(a).ravel(order), "vec"),)


@rule(half_vectorize.vech)
def vech(y, a, *, order="F"):
    """Vech A, the lower triangle column by column."""
    # d vech A = L vec dA, L the elimination matrix
    return (lambda: _gather(y, a, half_vectorize.vech(_numbers(a), order=order), "L"),)


@rule(np.diag)
def diag(y, a):
    """The diagonal matrix of a vector, or the diagonal of a matrix."""

    # d diag(a) = diag(da)
    def wrt_a():
        if a.ndim == 1:
            return Index(None, np.arange(a.size) * (a.size + 1), a.shape, y.shape, "diag")
        return _gather(y, a, np.diag(_numbers(a)), "diag")

    return (wrt_a,)


@rule(lambda a, key: a[key], lambda a, key: labels.indexed(a))
def take(y, a, *, key):
    """A[key]: entries, rows, columns, as NumPy indexes."""
    # d(A[key]) = dA[key]
    return (lambda: _gather(y, a, _numbers(a)[key], "take"),)


def _cat(*parts, axis=0):
    return np.concatenate(parts, operator.index(axis))


@rule(_cat, lambda *parts, axis: labels.function("cat", *parts, **({"axis": axis} if axis else {})))
def _concatenate(y, *parts, axis=0):
    # every part keeps its place
    def wrt(i):
        start = np.sum([part.shape[axis] for part in parts[:i]], dtype=int)
        key = [slice(None)] * y.ndim
        key[axis] = slice(start, start + parts[i].shape[axis])
        target = _numbers(y)[tuple(key)].ravel()
        return Index(None, target, parts[i].shape, y.shape, f"part {i}")

    return tuple((lambda i=i: wrt(i)) for i in range(len(parts)))


def concatenate(arrays, axis=0):
    """Vectors or matrices one after the other along an axis."""
    return _concatenate(*arrays, axis=axis)
