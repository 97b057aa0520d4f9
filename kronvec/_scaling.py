"""``alpha K x + beta out``: what alpha and beta mean, in one place.

beta = 0 never reads out, alpha = 1 multiplies nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._results import assign, wrap_like
from ._shapes import check_addressable, check_out, check_scalar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._typing import Array, DType, Factor, Scalar, Shape


def is_zero(scalar: Scalar) -> bool:
    """Whether a number is 0."""
    if type(scalar) is int or type(scalar) is float:
        return scalar == 0
    return np.ndim(scalar) == 0 and bool(scalar == 0)


def is_one(scalar: float) -> bool:
    """Whether a number is the integer 1, which changes neither value nor dtype."""
    return type(scalar) is int and scalar == 1


def check_scalars(function: str, alpha: Scalar, beta: Scalar) -> None:
    """alpha and beta are numbers."""
    check_scalar(function, "alpha", alpha)
    check_scalar(function, "beta", beta)


def scaled_dtype(alpha: Scalar, *operands: Array) -> DType:
    """The dtype of ``alpha K x`` for these operands."""
    return np.result_type(*operands, *([] if is_one(alpha) else [alpha]))


def check_target(
    function: str, out: Array | None, beta: Scalar, shape: Shape, dtype: DType
) -> None:
    """``alpha K x`` of this shape and dtype can be made, and added to ``beta out`` in out."""
    check_addressable(function, shape, dtype.itemsize)
    if out is not None:
        if not is_zero(beta):
            dtype = np.result_type(dtype, beta)
            _check_fits(function, "beta", beta, dtype)
        check_out(function, out, shape, dtype)
    elif not is_zero(beta):
        raise ValueError(f"{function}: beta={_shown(beta)} needs out")


def _check_fits(function: str, name: str, scalar: Scalar, dtype: DType) -> None:
    """Numbers of Python take the dtype of the arrays, which may be too short for them."""
    if type(scalar) is not int and (dtype.char not in "efF" or not np.isfinite(scalar)):
        return
    try:
        with np.errstate(over="ignore"):
            taken = np.asarray(scalar, dtype)
    except OverflowError:
        taken = None
    if taken is None or (dtype.kind in "fc" and not np.isfinite(taken)):
        raise ValueError(f"{function}: {name}={_shown(scalar)} does not fit dtype {dtype}")


def _shown(scalar: Scalar) -> str:
    """As in a message: Python refuses to write out integers of thousands of digits."""
    long = type(scalar) is int and scalar.bit_length() > 100
    return f"(an integer of {scalar.bit_length()} bits)" if long else repr(scalar)


def scaled(function: str, alpha: Scalar, array: Array, dtype: DType) -> Array:
    """``alpha array`` of this dtype."""
    _check_fits(function, "alpha", alpha, dtype)
    return np.multiply(alpha, array, dtype=dtype)


def with_alpha(function: str, factors: list[Any], alpha: Scalar, dtype: DType) -> list[Any]:
    """The factors, the smallest one that has entries times alpha."""
    sizes = [(f.size, i) for i, f in enumerate(factors) if isinstance(f, np.ndarray)]
    if is_one(alpha) or not sizes:
        return factors
    _, smallest = min(sizes)
    product = scaled(function, alpha, factors[smallest], dtype)
    return [product if i == smallest else f for i, f in enumerate(factors)]


def combine(result: Array, beta: Scalar, out: Array | None, operands: Sequence[Factor]) -> Array:
    """``result + beta out`` in out; result itself without out."""
    if out is None:
        return wrap_like(result, *operands)
    assign(out, result if is_zero(beta) else result + beta * out)
    return out
