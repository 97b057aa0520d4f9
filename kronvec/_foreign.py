"""Where it is decided that a call is not NumPy's: arrays of another library among the arguments.

``array_api`` goes under ``two_tier``: exact ndarrays that the compiled tier takes never come
here.  A compiled gate looks at the types of the arguments, and those in lists of up to 64; what
is NumPy's goes on to the Python tier as it is.  Only a foreign array imports
``kronvec.interop.array_api``, which computes there.
"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ._fastpath import gated

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = TypeVar("Function", bound=Callable)

# Libraries whose arrays say nothing about the array API themselves.
_LIBRARIES = frozenset(("torch", "dask", "jax", "jaxlib", "cupy", "ndonnx", "sparse"))


@functools.lru_cache(maxsize=256)
def is_foreign(kind: type) -> bool:
    """Whether arrays of this type belong to another library, or compute by rules of their own."""
    if issubclass(kind, np.ndarray):
        # Finite fields and units are subclasses whose ufuncs mean something else.
        return kind.__array_ufunc__ is not np.ndarray.__array_ufunc__
    if issubclass(kind, np.generic):
        return False
    if hasattr(kind, "__array_namespace__"):
        return True
    owners = {each.__module__.partition(".")[0] for each in kind.__mro__}
    return not owners.isdisjoint(_LIBRARIES) and hasattr(kind, "shape") and hasattr(kind, "dtype")


def _elsewhere(function, args, kwargs):
    return import_module("kronvec.interop.array_api").dispatch(function, args, kwargs)


def array_api(function: Function) -> Function:
    """Decorator: a public function that other libraries' arrays may be given to."""
    return gated(function, is_foreign, _elsewhere)
