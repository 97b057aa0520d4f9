"""Public functions on the arrays of any array-API library: torch, JAX, Dask, array-api-strict.

Three routes, tried in this order::

    Dask        kronvec.interop.dask, whose tasks call our kernels chunk by chunk
    zero-copy   arrays in the memory of the CPU, all of one kernel dtype, that nothing follows
                (no gradient, no tracing): our kernels on the same memory, by DLPack both ways
    generic     everything else: the library's own ``matmul``, where the array lives

Subclasses of ndarray with ufuncs of their own (finite fields, units) take the generic route over
NumPy itself, whose functions ask them.

The result belongs to the library of the arguments and has its ``result_type``; NumPy arrays
among the arguments are moved to the library and the device of the others.
"""

from __future__ import annotations

import functools
import inspect
import sys
from importlib import import_module

import numpy as np

from .. import _kernels
from .._foreign import is_foreign
from . import _generic_derivatives, _generic_products, _generic_structured

#: name of a public function -> the same over an array-API namespace xp
GENERIC = {
    **_generic_products.FUNCTIONS,
    **_generic_structured.FUNCTIONS,
    **_generic_derivatives.FUNCTIONS,
}
# Their results may be views of the operands: the library itself says how it makes those.
_MOVES = frozenset(("vec", "unvec", "vec_reorder"))
# NumPy's own functions for these keep what a subclass means.
_ENTRIES_MOVE = (
    _MOVES
    | {"kron", "vech", "unvech", "commutation_matmul"}
    | {
        "partial_transpose",
        "realignment",
    }
)
# What DLPack calls the memory of the CPU.
_DLPACK_CPU = 1
# Parameters that are sizes and choices.  (The m of these names is a matrix elsewhere: of
# partial_trace, for example.)
_NOT_ARRAYS = frozenset(
    ("n", "shape", "shape_a", "shape_b", "dims", "axis", "mode", "order", "source", "target")
) | {"side", "alpha", "beta"}


def _array_api_compat():
    try:
        return import_module("array_api_compat")
    except ImportError:
        raise ImportError(
            "kronvec takes the arrays of other libraries through array-api-compat; "
            "install kronvec[array-api]"
        ) from None


@functools.lru_cache(maxsize=256)
def _signature(function) -> inspect.Signature:
    return inspect.signature(function)


def map_leaves(function, tree):
    """The same nest of lists and tuples, ``function`` applied to what is in it."""
    if isinstance(tree, (list, tuple)):
        return type(tree)(map_leaves(function, branch) for branch in tree)
    return function(tree)


def _leaves(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in _leaves(branch)]
    return [tree]


def dispatch(function, args, kwargs):
    """``function(*args, **kwargs)`` with another library's arrays among the arguments."""
    name = function.__name__
    given = [leaf for leaf in _leaves([*args, *kwargs.values()]) if is_foreign(type(leaf))]
    if all(isinstance(leaf, np.ndarray) for leaf in given):
        if name in _ENTRIES_MOVE:
            return function(*args, **kwargs)
        return generic(name, np, _signature(function).bind(*args, **kwargs))
    compat = _array_api_compat()
    try:
        xp = compat.array_namespace(*given)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    bound = _signature(function).bind(*args, **kwargs)
    if compat.is_dask_namespace(xp):
        taken = import_module("kronvec.interop.dask").ARRAY_FUNCTIONS.get(name)
        if taken is not None:
            return taken(**_supported(name, taken, bound, xp))
    device = compat.device(given[0])
    for parameter, value in bound.arguments.items():
        if parameter not in _NOT_ARRAYS:
            bound.arguments[parameter] = _moved(xp, device, value)
    if name not in _MOVES and not compat.is_dask_namespace(xp):
        arrays = [leaf for leaf in _leaves(list(bound.arguments.values())) if _is_array(leaf)]
        views = _on_our_memory(arrays)
        if views is not None:
            return _by_our_kernels(name, bound, dict(zip(map(id, arrays), views, strict=True)), xp)
    return generic(name, xp, bound)


def generic(name, xp, bound):
    """The function of this name over the namespace."""
    return GENERIC[name](xp, **_supported(name, GENERIC[name], bound, xp))


def _supported(name, implementation, bound, xp):
    """The arguments that the implementation takes; others only at their defaults."""
    takes = _signature(implementation).parameters
    signature = bound.signature.parameters
    arguments = {}
    for parameter, value in bound.arguments.items():
        if parameter in takes:
            arguments[parameter] = value
        elif value is not signature[parameter].default:
            kind = xp.__name__ if xp is not np else "a subclass with ufuncs of its own"
            raise TypeError(
                f"{name}: {parameter} is for plain NumPy arrays alone; these are of {kind}"
            )
    return arguments


def _is_array(value) -> bool:
    return is_foreign(type(value))


def _moved(xp, device, tree):
    """NumPy's arrays, and lists of numbers, as the library's."""
    if isinstance(tree, (np.ndarray, np.generic)):
        return xp.asarray(np.asarray(tree), device=device)
    if isinstance(tree, (list, tuple)):
        leaves = _leaves(tree)
        if leaves and all(isinstance(leaf, (bool, int, float, complex)) for leaf in leaves):
            return xp.asarray(tree, device=device)
        return type(tree)(_moved(xp, device, branch) for branch in tree)
    return tree


def _is_followed(arrays) -> bool:
    """Whether the library records, traces or transforms what is done to these arrays."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and any(isinstance(a, torch.Tensor) for a in arrays):
        dual = torch.autograd.forward_ad.unpack_dual
        return torch.compiler.is_compiling() or any(
            a.requires_grad or a.is_conj() or a.is_neg() or dual(a).tangent is not None
            for a in arrays
        )
    return jax is not None and any(isinstance(a, jax.core.Tracer) for a in arrays)


def _on_our_memory(arrays):
    """The arrays as NumPy's on the same memory, of one kernel dtype; None where that is not so."""
    if _is_followed(arrays):
        return None
    views = []
    for array in arrays:
        try:
            if array.__dlpack_device__()[0] != _DLPACK_CPU:
                return None
            getattr(array, "block_until_ready", int)()  # JAX computes later than it returns
            views.append(np.from_dlpack(array))
        except (AttributeError, BufferError, RuntimeError, TypeError, ValueError):
            return None
        if views[-1].dtype not in _kernels.DTYPES or views[-1].dtype != views[0].dtype:
            return None
    return views


def _by_our_kernels(name, bound, view_of, xp):
    """The public function on NumPy's views, its fresh results as the library's arrays."""
    plain = bound.signature.bind(*bound.args, **bound.kwargs)
    for parameter, value in plain.arguments.items():
        plain.arguments[parameter] = map_leaves(lambda a: view_of.get(id(a), a), value)
    result = getattr(import_module("kronvec"), name)(*plain.args, **plain.kwargs)
    return map_leaves(lambda y: xp.from_dlpack(np.asarray(y)), result)
