"""Powers of two that keep intermediate results in range: they multiply without rounding.

Of A = 2ᵉ G with the largest entry of G between 1/2 and 1 a norm, a determinant, a power or a
spectrum is computed for G, and 2ᵉ comes in at the end.  So it overflows, or underflows, only
where the result does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from ._typing import Array, DType

# How many numbers of 1/2 to √2 have a product within the range of float32.
_PRODUCTS = 100
# 2ᵉ and 2⁻ᵉ are in the range of float64, e itself in that of C's int.
_FLOAT64 = 1023
_INT = 1 << 30


def exponent(a: Array) -> int:
    """e with 2ᵉ⁻¹ <= max |a| < 2ᵉ, parts of complex numbers by themselves.

    0 where there is no such number: all is zero or exact, or not all is finite.
    """
    if a.dtype.kind not in "fc" or not a.size:
        return 0
    parts = (a.real, a.imag) if a.dtype.kind == "c" else (a,)
    largest = float(max(max(part.max(), -part.min()) for part in parts))
    if not math.isfinite(largest):
        return 0
    return max(-_FLOAT64, min(_FLOAT64, math.frexp(largest)[1]))


def is_moderate(e: float, dtype: DType) -> bool:
    """Whether numbers of this exponent, and their squares, are far from the ends of the range."""
    return dtype.kind not in "fc" or 4 * abs(e) <= np.finfo(dtype).maxexp


def times_power_of_two(a: Any, e: int) -> Any:
    """2ᵉ a of an inexact dtype, rounded only where it is subnormal."""
    if not e:
        return a
    e = max(-_INT, min(_INT, e))
    if a.dtype.kind != "c":
        return np.ldexp(a, e)
    result = np.empty(np.shape(a), a.dtype)
    result.real, result.imag = np.ldexp(a.real, e), np.ldexp(a.imag, e)
    return result[()]


def frobenius(a: Array) -> Any:
    """‖a‖ in the Frobenius norm, of any number of axes."""
    e = exponent(a)
    if is_moderate(e, a.dtype):
        return np.linalg.norm(a)
    return times_power_of_two(np.linalg.norm(times_power_of_two(a, -e)), e)


def product(values: Array) -> Any:
    """Π values of an inexact vector, which overflows only where the product does."""
    total = 0
    while len(values) > 1:
        padded = np.ones(-(-len(values) // _PRODUCTS) * _PRODUCTS, values.dtype)
        mantissas, exponents = _split(values)
        padded[: len(values)] = mantissas
        total += exponents
        values = padded.reshape(-1, _PRODUCTS).prod(axis=1)
    return times_power_of_two(values.prod(), total)


def _split(values: Any) -> Any:
    """(m, e) with Π values = 2ᵉ Π m and each m, or its larger part, between 1/2 and 1."""
    if values.dtype.kind != "c":
        mantissas, exponents = np.frexp(values)
        return mantissas, int(exponents.sum(dtype=np.int64))
    size = np.maximum(np.abs(values.real), np.abs(values.imag))
    exponents = np.frexp(size)[1]
    mantissas = np.empty_like(values)
    mantissas.real = np.ldexp(values.real, -exponents)
    mantissas.imag = np.ldexp(values.imag, -exponents)
    return mantissas, int(exponents.sum(dtype=np.int64))
