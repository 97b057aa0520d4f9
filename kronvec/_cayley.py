"""A X Aᴴ - X + Q = 0 by way of a continuous equation, where its residual proves that right.

With W = (A + I)⁻¹ (A - I) = I - 2 (A + I)⁻¹,

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

if TYPE_CHECKING:
    from ._typing import Array, Scalar

# What a residual may be, in units of ε (‖A‖² + 1) ‖X‖ in the Frobenius norm.
_ACCEPTED = 3
# What ‖A + I‖ ‖(A + I)⁻¹‖ may be, n at least, for the attempt to be worth a Schur form.
_CONDITION = 1e4
_CORRECTIONS = 2


class CayleyForm:
    """W of one matrix A, for any number of Q."""

    def __init__(self, a: Array, inverse: Array, form: SchurForm) -> None:
        self.a, self.inverse, self.form = a, inverse, form

    def solve(self, q: Array) -> Array | None:
        """X, or None where a backward stable way must be found.

        Q is brought next to 1, as its square, which the residual is judged by, must not vanish.
        """
        e = far_exponent(q)
        x = self._solve(times_power_of_two(q, -e))
        return None if x is None else times_power_of_two(x, e)

    def _solve(self, q: Array) -> Array | None:
        a, adjoint = self.a, self.a.conj().T
        right = -2 * self.inverse.conj().T
        accepted = _ACCEPTED * np.finfo(a.dtype).eps * (_square(a) + 1)
        form, other = self.form, self.form.conjugate()
        x, residual = None, q
        with np.errstate(all="ignore"):
            for _ in range(1 + _CORRECTIONS):
                try:
                    step = solve_pair("", form, other, self.inverse @ residual @ right, "WW")
                except np.linalg.LinAlgError:  # to be told in terms of A
                    return None
                x = step if x is None else x + step
                residual = a @ x @ adjoint - x + q
                if _square(residual) <= accepted**2 * _square(x):
                    return x
        return None


def cayley(a: Array) -> CayleyForm | None:
    """The transformation of A or of -A, or None where neither is well conditioned."""
    eye = np.eye(len(a), dtype=a.dtype)
    for signed in (a, -a):
        moved = signed + eye
        try:
            inverse = np.linalg.inv(moved)
        except np.linalg.LinAlgError:
            continue
        if _square(moved) * _square(inverse) <= (_CONDITION * len(a)) ** 2:
            return CayleyForm(a, inverse, schur(eye - 2 * inverse))
    return None


def _square(x: Array) -> Scalar:
    """‖x‖² in the Frobenius norm."""
    return np.vdot(x, x).real
