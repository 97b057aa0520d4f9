"""A X Aᴴ - X + Q = 0 by quick ways, where the residual proves them right.

For the smallest A, the inverse of I - A ⊗ conj(A).  Else by a continuous equation: with
W = (A + I)⁻¹ (A - I) = I - 2 (A + I)⁻¹,

    W X + X Wᴴ = 2 (A + I)⁻¹ (A X Aᴴ - X) (A + I)⁻ᴴ = -2 (A + I)⁻¹ Q (A + I)⁻ᴴ.

-A has the same X, so that eigenvalues may be near to -1 or to 1, but not to both.  The Schur form
of W costs no more than that of A, and the rest is real where A is, which triangular equations of
the discrete kind are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._exponents import far_exponent, times_power_of_two
from ._schur import SchurForm, schur
from ._schur_solves import solve_pair
from .products import kron

if TYPE_CHECKING:
    from ._typing import Array, Scalar

# What a residual may be, in units of ε (‖A‖² + 1) ‖X‖ in the Frobenius norm.
_ACCEPTED = 3
# What ‖M‖ ‖M⁻¹‖ may be for M of n rows, n at least, for the attempt to be worth its time.
_CONDITION = 1e4
_CORRECTIONS = 2
# Up to this n an inverse of n² rows takes less time than a Schur form and a triangular equation.
_DIRECT = 5


class QuickForm:
    """What solves the equation of one matrix A for any Q, but for what residuals correct."""

    def __init__(self, a: Array) -> None:
        self.a = a
        self._adjoint = a.conj().T
        self._accepted = (_ACCEPTED * np.finfo(a.dtype).eps * (_square(a) + 1)) ** 2

    def _step(self, q: Array) -> Array:
        raise NotImplementedError

    def solve(self, q: Array) -> Array | None:
        """X, or None where a backward stable way must be found.

        Q is brought next to 1, as its square, which the residual is judged by, must not vanish.
        """
        e = far_exponent(q)
        x = self._solve(times_power_of_two(q, -e))
        return None if x is None else times_power_of_two(x, e)

    def _solve(self, q: Array) -> Array | None:
        x, residual = None, q
        with np.errstate(all="ignore"):
            for _ in range(1 + _CORRECTIONS):
                try:
                    step = self._step(residual)
                except np.linalg.LinAlgError:  # to be told in terms of A
                    return None
                x = step if x is None else x + step
                residual = self.a @ x @ self._adjoint - x + q
                if _square(residual) <= self._accepted * _square(x):
                    return x
        return None


class _DirectForm(QuickForm):
    """By the inverse of I - A ⊗ conj(A)."""

    def __init__(self, a: Array, inverse: Array) -> None:
        super().__init__(a)
        self._inverse = inverse

    def _step(self, q: Array) -> Array:
        return (self._inverse @ q.ravel()).reshape(q.shape)


class _CayleyForm(QuickForm):
    """By the Schur form of W."""

    def __init__(self, a: Array, inverse: Array, form: SchurForm) -> None:
        super().__init__(a)
        self._inverse, self._right = inverse, -2 * inverse.conj().T
        self._form, self._other = form, form.conjugate()

    def _step(self, q: Array) -> Array:
        return solve_pair("", self._form, self._other, self._inverse @ q @ self._right, "WW")


def quick_form(a: Array) -> QuickForm | None:
    """The quickest way that is well conditioned, or None where none is."""
    if len(a) <= _DIRECT:
        inverse = _inverse(np.eye(len(a) ** 2, dtype=a.dtype) - kron(a, a.conj()))
        if inverse is not None:
            return _DirectForm(a, inverse)
    eye = np.eye(len(a), dtype=a.dtype)
    for signed in (a, -a):
        inverse = _inverse(signed + eye)
        if inverse is not None:
            return _CayleyForm(a, inverse, schur(eye - 2 * inverse))
    return None


def _inverse(m: Array) -> Array | None:
    """M⁻¹ where M is well conditioned."""
    try:
        inverse = np.linalg.inv(m)
    except np.linalg.LinAlgError:
        return None
    well = _square(m) * _square(inverse) <= (_CONDITION * len(m)) ** 2
    return inverse if well else None


def _square(x: Array) -> Scalar:
    """‖x‖² in the Frobenius norm."""
    return np.vdot(x, x).real
