"""What NumPy's functions do with an operator: a table of those that stay lazy; the rest densify.

``__array_function__`` looks a function up here.  An entry has the signature of NumPy's own
function and returns NotImplemented for a call that only the dense array can serve.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .._typing import Array, DType, Scalar, Shape
    from .kronecker_product import KroneckerProduct


_LAZY: dict[Callable[..., Any], Callable[..., Any]] = {}


def implements(*functions: Callable[..., Any]) -> Callable[..., Any]:
    """Register the decorated function as the lazy counterpart of NumPy's."""

    def register(lazy: Callable[..., Any]) -> Callable[..., Any]:
        _LAZY.update(dict.fromkeys(functions, lazy))
        return lazy

    return register


def lazy_function(function: Callable[..., Any]) -> Callable[..., Any] | None:
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


def is_array_like(value: object) -> bool:
    """What ndarray @ value would read as an array; else the other operand may know better."""
    if isinstance(value, (np.ndarray, list, tuple, int, float, complex, np.generic)):
        return True
    return hasattr(value, "__array__") or hasattr(type(value), "__array_function__")


@implements(np.dot)
def _dot(a: KroneckerProduct, b: Array, out: Array | None = None) -> Array:
    """a @ b, but for more than two axes of b the axes of a come first; scalars multiply."""
    if out is not None or np.ndim(a) == 0 or np.ndim(b) == 0:
        return NotImplemented
    product = a @ b
    return np.moveaxis(product, -2, 0) if np.ndim(b) > 2 else product


@implements(np.linalg.matmul)
def _matmul(x1: Any, x2: Any, /) -> Any:
    return x1 @ x2


@implements(np.kron)
def _kron(a: KroneckerProduct, b: Array) -> KroneckerProduct:
    from .kronecker_product import KroneckerProduct

    if any(np.ndim(each) != 2 for each in (a, b)):
        return NotImplemented
    return KroneckerProduct(a, b)


@implements(np.trace)
def _trace(
    a: KroneckerProduct,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    dtype: DType | None = None,
    out: Array | None = None,
) -> Scalar:
    if (offset, axis1, axis2, dtype, out) != (0, 0, 1, None, None):
        return NotImplemented
    return a.trace()


@implements(np.transpose)
def _transpose(a: Array, axes: Shape | None = None) -> Any:
    return a.T if axes is None or tuple(axes) in ((1, 0), (-1, -2)) else NotImplemented


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(x: Array, /) -> Any:
    return x.T


@implements(np.shape)
def _shape(a: Array) -> Any:
    return a.shape


@implements(np.ndim)
def _ndim(a: KroneckerProduct) -> int:
    return a.ndim


@implements(np.size)
def _size(a: Array, axis: int | None = None) -> Any:
    if axis is None:
        return a.shape[0] * a.shape[1]
    return a.shape[axis] if isinstance(axis, int) else NotImplemented


@implements(np.iscomplexobj)
def _iscomplexobj(x: Array) -> Any:
    return x.dtype.kind == "c"


@implements(np.isrealobj)
def _isrealobj(x: Array) -> Any:
    return x.dtype.kind != "c"
