"""Calls of kronvec.cython_api from Numba: an array becomes a struct of kronvec.h on the stack."""

# Numba has no stubs, and is not there where types are checked.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from .._typing import Shape


try:
    from llvmlite import ir
    from numba import njit, types
    from numba.core import cgutils
    from numba.core.errors import TypingError
    from numba.extending import get_cython_function_address, intrinsic, overload
except ImportError as error:
    raise ImportError("kronvec.interop.numba needs Numba: pip install 'kronvec[numba]'") from error

__all__ = ["CODES", "call", "code_of", "get_cython_function_address", "given_or_new", "njit"]

# The dtypes as kronvec.h numbers them.
CODES = {types.float32: 0, types.float64: 1, types.complex64: 2, types.complex128: 3}


def _arrays(argument: Any) -> list[Any]:
    """The array types of an argument: itself, or those of a tuple."""
    if isinstance(argument, types.Array):
        return [argument]
    if isinstance(argument, types.BaseTuple):
        return [each for item in argument for each in _arrays(item)]
    return []


def _word_count(array: types.Array) -> int:
    """Of the struct that describes it: the data, sizes, strides."""
    return 1 + 2 * array.ndim


def _describe(context: Any, builder: Any, array: types.Array, value: Any, at: Any) -> None:
    """Write {data, sizes..., strides...} of an array to the words at ``at``."""
    read = context.make_array(array)(context, builder, value)
    sizes = cgutils.unpack_tuple(builder, read.shape, array.ndim)
    strides = cgutils.unpack_tuple(builder, read.strides, array.ndim)
    data = builder.ptrtoint(read.data, at.type.pointee)
    for i, word in enumerate([data, *sizes, *strides]):
        builder.store(word, cgutils.gep_inbounds(builder, at, i))


def _argument(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """What C gets for an argument: numbers as they are, arrays by the address of their structs."""
    word = context.get_value_type(types.intp)
    if isinstance(kind, types.Array):
        at = cgutils.alloca_once(builder, word, _word_count(kind))
        _describe(context, builder, kind, value, at)
        return builder.bitcast(at, cgutils.voidptr_t)
    if isinstance(kind, types.BaseTuple):
        at = cgutils.alloca_once(builder, word, sum(map(_word_count, kind)) or 1)
        behind = at
        for i, each in enumerate(kind):
            _describe(context, builder, each, builder.extract_value(value, i), behind)
            behind = cgutils.gep_inbounds(builder, behind, _word_count(each))
        return builder.bitcast(at, cgutils.voidptr_t)
    return value


_WITHOUT_DTYPE = ("transpose", "plan_apply")
# How many axes the arrays of each function have; plan_apply takes any number of matrices first.
_AXES = {
    "triple_product": [2, 2, 2, 2],
    "mode_product": [2, 3, 3],
    "transpose": [2, 2],
    "kron": [2, 2, 2],
    "matmul_vjp": [2, 2, 2, 2, 2],
}


@intrinsic(prefer_literal=True)
def call(typingctx: Any, name: str, arguments: Any) -> Any:
    """The status of the exported function ``name``, whose first argument is the arrays' dtype."""
    if not isinstance(name, types.StringLiteral):
        return None
    function, arrays = name.literal_value, _arrays(arguments)
    if function != "transpose":
        _code(function, arrays)
    axes = [array.ndim for array in arrays]
    expected = _AXES.get(function, [2] * (len(axes) - 2) + [3, 3])
    if axes != expected:
        raise TypingError(
            f"kronvec.interop.numba.{function}: arrays must have {expected} axes, the result last; "
            f"got {axes}"
        )
    if not all(array.aligned for array in arrays) or not arrays[-1].mutable:
        raise TypingError(
            f"kronvec.interop.numba.{function}: arrays must be aligned, the result writable"
        )

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        given = []
        if function not in _WITHOUT_DTYPE:
            given.append(context.get_constant(types.int32, _code(function, arrays)))
        for i, kind in enumerate(arguments):
            value = builder.extract_value(values[1], i)
            given.append(_argument(context, builder, kind, value))
        address = get_cython_function_address("kronvec.cython_api", function)
        signature = ir.FunctionType(ir.IntType(32), [value.type for value in given])
        pointer = context.add_dynamic_addr(builder, address, info=function)
        return builder.call(builder.bitcast(pointer, signature.as_pointer()), given)

    return types.int32(name, arguments), codegen


def _code(function: str, arrays: list[Any]) -> int:
    """The dtype that the arrays share, as kronvec.h numbers it."""
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) != 1 or not dtypes <= set(CODES):
        raise TypingError(
            f"kronvec.interop.numba.{function}: arrays must share one dtype of float32, float64, "
            f"complex64 and complex128, got {', '.join(sorted(map(str, dtypes)))}"
        )
    return CODES[dtypes.pop()]


@intrinsic
def code_of(typingctx: Any, array: Any) -> Any:
    """The dtype of an array, as kronvec.h numbers it."""
    code = _code("plan_apply", [array])
    return types.intp(array), lambda context, *_: context.get_constant(types.intp, code)


def given_or_new(given: Any, shape: Shape, dtype: DTypeLike) -> Any:
    """``given``, or a new array where that is None."""
    return np.empty(shape, dtype) if given is None else given


# By type: the two arrays would have to be of one type otherwise.  Without annotations, which Numba
# would miss in the functions returned.
@overload(given_or_new)
def _given_or_new(given, shape, dtype):  # type: ignore[no-untyped-def]
    if isinstance(given, (types.NoneType, types.Omitted)):
        return lambda given, shape, dtype: np.empty(shape, dtype)
    return lambda given, shape, dtype: given
