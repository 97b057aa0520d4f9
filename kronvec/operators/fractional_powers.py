"""Fractional powers by eigenvalues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._base import Operator
from ._spectral import principal_power
from .combinations import compose_all
from .diagonal import Diagonal

if TYPE_CHECKING:
    from .._typing import Array


def fractional_power(operator: Operator, p: float) -> Operator:
    """Kᵖ = V diag(wᵖ) V⁻¹."""
    if operator._is_hermitian():
        w, v = operator._eigh()
        return compose_all([v, Diagonal(principal_power(w, p)), v.H])
    w, v = operator._eig()
    try:
        inverse = v._inv()
        singular = not v.cond(1) < 0.1 / np.finfo(v.dtype).eps
    except np.linalg.LinAlgError:
        singular = True
    if singular:
        raise np.linalg.LinAlgError(
            f"{type(operator).__name__}.power: {operator!r} has too few eigenvectors for p={p}"
        )
    if w.dtype.kind == "c" and operator.dtype.kind != "c" and _real_power(w):
        power = compose_all([v, Diagonal(principal_power(w, p)), inverse])
        return RealPart(power)
    return compose_all([v, Diagonal(principal_power(w, p)), inverse])


def _real_power(w: Array) -> bool:
    """Whether the principal powers of a real matrix with these eigenvalues are real."""
    return not ((w.imag == 0) & (w.real < 0)).any()


class RealPart(Operator):
    """The real part of an operator whose imaginary part is rounding."""

    def __init__(self, operator: Operator) -> None:
        super().__init__(operator.shape, np.zeros((), operator.dtype).real.dtype)
        self.operator = operator

    def _matmul(self, x: Array) -> Array:
        if x.dtype.kind != "c":
            return self.operator._matmul(x).real
        return self._matmul(x.real) + 1j * self._matmul(x.imag)

    def _transpose(self) -> RealPart:
        return RealPart(self.operator._transpose())

    def __repr__(self) -> str:
        return f"Re({self.operator!r})"
