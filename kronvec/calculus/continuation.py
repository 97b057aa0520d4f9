"""Operations beside the real axis: f(X + i h V) = f(X) + i h df(X)[V], for a tiny h.

A complex step needs functions that are analytic.  Those of real matrices that conjugate, compare
or take absolute values are not, as functions of a complex matrix; but as functions of a real one
each has a continuation off the real axis (the Taylor series at X, of which a tiny h leaves the
first two terms).  Inside `beside_the_real_axis` operations follow it.

An operation that is not holomorphic names its continuation in its rule, an evaluation that
is (‖A‖ = √Σ a²), or is piecewise linear: then its value and its derivative at the real parts say
all.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike

    from .._typing import Array


_ACTIVE: ContextVar[bool] = ContextVar("beside_the_real_axis", default=False)

# h is below the square root of the least number, so that h² is no part of any sum; a power of 2,
# so that nothing is rounded in multiplying by it.
STEP = 2.0**-332


@contextmanager
def beside_the_real_axis() -> Iterator[None]:
    """Complex values are real ones with an infinitesimal imaginary part."""
    token = _ACTIVE.set(True)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def is_beside_the_real_axis(*values: ArrayLike) -> bool:
    """Whether the context is on and some of the values are complex."""
    return _ACTIVE.get() and any(np.iscomplexobj(value) for value in values)


def real_parts(*values: ArrayLike) -> list[Array]:
    """The points of the real axis beside which the values lie."""
    return [np.real(value) for value in values]


def steps(x: Array, v: Array) -> tuple[Array, float]:
    """X + i h V / s and the number by which the imaginary part of a result is to be multiplied.

    s is the largest entry of V.
    """
    size = float(np.max(np.abs(v), initial=0.0)) or 1.0
    return x + 1j * (v / size * STEP), size / STEP


def in_double(x: Array) -> Array:
    """Real numbers in double precision at least; lower ones have no room for h."""
    return x.astype(np.result_type(x.dtype, np.float64), copy=False)
