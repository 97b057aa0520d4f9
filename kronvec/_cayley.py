"""A X Aᴴ - X + Q = 0 by way of a continuous equation, where its residual proves that right.

With T the Schur form of A and W = (T + I)⁻¹ (T - I) = I - 2 (T + I)⁻¹, also triangular,

    W Y + Y Wᴴ = 2 (T + I)⁻¹ (T Y Tᴴ - Y) (T + I)⁻ᴴ,

so that T Y Tᴴ - Y = -C is a continuous Lyapunov equation without another Schur form.  -T has the
same Y, so the sign is free: the eigenvalues of T should keep away from -1.
"""

from __future__ import annotations

import numpy as np

from ._schur_solves import check_pivots
from ._triangular import LEAF, Perturbed, solve_sylvester_into

# What a residual may be, in units of ε (‖T‖² + 1) ‖Y‖ in the Frobenius norm.
_ACCEPTED = 8
# How near to -1 and 1 at once eigenvalues may be for it to be worth the attempt.
_NEAR = 1e-3
_CORRECTIONS = 2


def solve_stein_by_cayley(function, form, q, names):
    """X, or None where a backward stable way must be found."""
    t, u, w = form
    if t.dtype.kind != "c" and q.dtype.kind == "c":
        parts = [solve_stein_by_cayley(function, form, part, names) for part in (q.real, q.imag)]
        return None if any(x is None for x in parts) else parts[0] + 1j * parts[1]
    if len(t) > LEAF:  # below, LAPACK looks at all eigenvalues at once
        check_pivots(function, (form, form.conjugate()), -1, names, np.multiply)
    from_minus, from_plus = np.abs(w + 1).min(), np.abs(w - 1).min()
    if max(from_minus, from_plus) < _NEAR:
        return None
    if from_minus < from_plus:
        t = -t
    with np.errstate(all="ignore"):
        try:
            y = _solve(t, u.conj().T @ q @ u)
        except (Perturbed, OverflowError, np.linalg.LinAlgError):
            return None
    return None if y is None else u @ y @ u.conj().T


def _solve(t, c):
    """Y of T Y Tᴴ - Y + C = 0, or None."""
    eye = np.eye(len(t), dtype=t.dtype)
    inverse = np.linalg.inv(t + eye)
    w = eye - 2 * inverse
    adjoint, scaled_adjoint = t.conj().T, -2 * inverse.conj().T
    accepted = _ACCEPTED * np.finfo(t.dtype).eps * (_square(t) + 1)
    y, residual = 0, c
    for _ in range(1 + _CORRECTIONS):
        correction = inverse @ residual @ scaled_adjoint
        solve_sylvester_into(w, w, correction)
        y = y + correction
        residual = t @ y @ adjoint - y + c
        if _square(residual) <= accepted**2 * _square(y):
            return y
    return None


def _square(x):
    """‖x‖² in the Frobenius norm."""
    return np.vdot(x, x).real
