"""Where it is decided that a call is not NumPy's: arrays of another library among the arguments.

``array_api`` goes under ``two_tier``: exact ndarrays that the compiled tier takes never come
here, and what comes here and is NumPy's goes on to the Python tier as it is.  Only a foreign
array imports ``kronvec.interop.array_api``, which computes there.
"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ._typing import Array

    Function = TypeVar("Function", bound=Callable[..., Any])

# Libraries whose arrays say nothing about the array API themselves.
_LIBRARIES = frozenset(("torch", "dask", "jax", "jaxlib", "cupy", "ndonnx", "sparse"))
_PLAIN = frozenset((np.ndarray, type(None), bool, int, float, complex, str))
# Longer lists are data; these may be the factors of a product.
_MOST_FACTORS = 64


@functools.lru_cache(maxsize=256)
def is_foreign(kind: type) -> bool:
    """Whether arrays of this type belong to another array-API library."""
    if issubclass(kind, (np.ndarray, np.generic)):
        return False
    if hasattr(kind, "__array_namespace__"):
        return True
    owners = {each.__module__.partition(".")[0] for each in kind.__mro__}
    return not owners.isdisjoint(_LIBRARIES) and hasattr(kind, "shape") and hasattr(kind, "dtype")


def holds_foreign(values: Any) -> bool:
    """Whether one of the values, or of the lists among them, is such an array."""
    for value in values:
        kind = type(value)
        if kind in _PLAIN:
            continue
        if kind is list or kind is tuple:
            if len(value) <= _MOST_FACTORS and holds_foreign(value):
                return True
        elif is_foreign(kind):  # type: ignore[arg-type]  # types are hashable
            return True
    return False


def array_api(function: Function) -> Function:
    """Decorator: a public function that other libraries' arrays may be given to."""

    @functools.wraps(function)
    def call(
        *args: Array | int | Sequence[Array] | Sequence[int], **kwargs: Any
    ) -> Array | tuple[Array, Array]:
        if kwargs:
            foreign = holds_foreign(args) or holds_foreign(kwargs.values())
        elif len(args) == 1 and type(args[0]) is np.ndarray:
            return function(*args)
        else:
            foreign = holds_foreign(args)
        if foreign:
            dispatch = import_module("kronvec.interop.array_api").dispatch
            return dispatch(function, args, kwargs)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]
