"""What NumPy's functions do with an operator: a table of those that stay lazy; the rest densify.

``__array_function__`` looks a function up here.  An entry has the signature of NumPy's own
function and returns NotImplemented for a call that only the dense array can serve.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_LAZY: dict[Callable, Callable] = {}


def implements(*functions: Callable) -> Callable:
    """Register the decorated function as the lazy counterpart of NumPy's."""

    def register(lazy: Callable) -> Callable:
        _LAZY.update(dict.fromkeys(functions, lazy))
        return lazy

    return register


def lazy_function(function: Callable) -> Callable | None:
    """The lazy counterpart of a NumPy function, or None."""
    return _LAZY.get(function)


def densify(value: Any, operator: Any) -> Any:
    """``value`` with each ``operator`` in it, at any depth of tuples, lists and dicts, dense."""
    if isinstance(value, operator):
        return value.toarray()
    if type(value) in (tuple, list):
        return type(value)(densify(v, operator) for v in value)
    if type(value) is dict:
        return {key: densify(v, operator) for key, v in value.items()}
    return value


@implements(np.dot)
def _dot(a, b, out=None):
    """a @ b, but for more than two axes of b the axes of a come first; scalars multiply."""
    if out is not None or np.ndim(a) == 0 or np.ndim(b) == 0:
        return NotImplemented
    product = a @ b
    return np.moveaxis(product, -2, 0) if np.ndim(b) > 2 else product


@implements(np.linalg.matmul)
def _matmul(x1, x2, /):
    return x1 @ x2


@implements(np.kron)
def _kron(a, b):
    from .kronecker_product import KroneckerProduct

    if any(np.ndim(each) != 2 for each in (a, b)):
        return NotImplemented
    return KroneckerProduct(a, b)


@implements(np.trace)
def _trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    if (offset, axis1, axis2, dtype, out) != (0, 0, 1, None, None):
        return NotImplemented
    return a.trace()


@implements(np.transpose)
def _transpose(a, axes=None):
    return a.T if axes is None or tuple(axes) in ((1, 0), (-1, -2)) else NotImplemented


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(x, /):
    return x.T


@implements(np.shape)
def _shape(a):
    return a.shape


@implements(np.ndim)
def _ndim(a):
    return a.ndim


@implements(np.size)
def _size(a, axis=None):
    if axis is None:
        return a.shape[0] * a.shape[1]
    return a.shape[axis] if isinstance(axis, int) else NotImplemented


@implements(np.iscomplexobj)
def _iscomplexobj(x):
    return x.dtype.kind == "c"


@implements(np.isrealobj)
def _isrealobj(x):
    return x.dtype.kind != "c"
