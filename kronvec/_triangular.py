"""Equations with upper triangular matrices, solved in place by recursive halving.

The unknown is an array y[i1, ..., iN, j], one axis for each matrix.  Halve the range of the first:
the trailing half of y does not depend on the leading one, and enters it by one product of
matrices.  What remains below the size of a leaf goes to LAPACK.  So nearly all arithmetic is
numpy.matmul (Jonsson and Kågström, ACM TOMS 28 (2002) 392-415 and 416-435: RECSY).

T may be real with 2 x 2 blocks on its diagonal where a docstring says "quasi-triangular".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._schur import lapack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._typing import Array, Scalar


LEAF = 64
_ROWS = 32  # of a Stein equation solved row by row


class Perturbed(ArithmeticError):
    """A pivot is so near to zero that LAPACK would solve another equation."""


def _halves(t: Array) -> tuple[slice, slice]:
    """Two slices of the rows of T, no 2 x 2 block across their border."""
    middle = len(t) // 2
    middle += bool(t[middle, middle - 1] != 0)
    return slice(0, middle), slice(middle, len(t))


def _with_shift(t: Array, shift: Scalar) -> Array:
    """T + shift I."""
    if shift == 0:
        return t
    t = t.copy(order="K")
    np.einsum("ii->i", t)[...] += shift
    return t


def solve_shifted(t: Array, y: Array) -> None:
    """T y = r for triangular T (n, n); y (n, k) holds r."""
    if len(t) <= LEAF:
        x, info = lapack("trtrs", y.dtype.char)(t, y)
        if info:
            raise Perturbed
        y[...] = x
        return
    lead, trail = _halves(t)
    solve_shifted(t[trail, trail], y[trail])
    y[lead] -= t[lead, trail] @ y[trail]
    solve_shifted(t[lead, lead], y[lead])


def solve_sylvester_into(t: Array, s: Array, y: Array) -> None:
    """T y + y Sᴴ = r for quasi-triangular T (m, m), S (n, n); y (m, n) holds r.

    A vector S is the diagonal of a real or complex matrix.
    """
    m, n = y.shape
    if m > LEAF and (m >= n or s.ndim == 1):
        lead, trail = _halves(t)
        solve_sylvester_into(t[trail, trail], s, y[trail])
        y[lead] -= t[lead, trail] @ y[trail]
        solve_sylvester_into(t[lead, lead], s, y[lead])
    elif n > LEAF and s.ndim == 1:
        for start in range(0, n, LEAF):
            part = slice(start, start + LEAF)
            solve_sylvester_into(t, s[part], y[:, part])
    elif n > LEAF:
        lead, trail = _halves(s)
        solve_sylvester_into(t, s[trail, trail], y[:, trail])
        y[:, lead] -= y[:, trail] @ s[lead, trail].conj().T
        solve_sylvester_into(t, s[lead, lead], y[:, lead])
    else:
        dense = np.diag(s) if s.ndim == 1 else s
        x, scale, info = lapack("trsyl", y.dtype.char)(t, dense, y, tranb="C")
        if info:
            raise Perturbed
        if scale != 1:
            raise OverflowError
        y[...] = x


def solve_sum_into(ts: Sequence[Array], d: Any, y: Array, shift: Scalar) -> None:
    """(T1 ⊕ … ⊕ TN ⊕ diag(d) + shift I) y = r; y (n1, ..., nN, len(d)) holds r, N >= 1.

    A number d stands for a vector of it.  T may be quasi-triangular where N = 1 and d is a
    vector, or where N = 2 and y has one column; T and y are of one dtype.
    """
    if len(ts) == 1:
        if np.ndim(d) == 0:
            solve_shifted(_with_shift(ts[0], d + shift), y)
        else:
            solve_sylvester_into(_with_shift(ts[0], shift), d.conj(), y)
    elif len(ts) == 2 and y.shape[-1] == 1:
        t = _with_shift(ts[0], shift + (d if np.ndim(d) == 0 else d[0]))
        solve_sylvester_into(t, ts[1].conj(), y[..., 0])
    else:
        t, rest = ts[0], ts[1:]

        def solve(start: int, stop: int) -> None:
            if stop - start == 1:
                solve_sum_into(rest, d, y[start], shift + t[start, start])
                return
            middle = (start + stop) // 2
            solve(middle, stop)
            update(y[start:middle], t[start:middle, middle:stop], y[middle:stop])
            solve(start, middle)

        solve(0, len(t))


def update(y: Array, t: Array, x: Array) -> None:
    """Subtract T x from y along their first axes."""
    y -= (t @ x.reshape(len(x), -1)).reshape(y.shape)


def solve_stein_into(t: Array, s: Array, y: Array, sigma: Scalar) -> None:
    """T y Sᵀ + sigma y = r for triangular T (m, m), S (n, n); y (m, n) holds r."""
    m, n = y.shape
    if m > _ROWS and m >= n:
        lead, trail = _halves(t)
        solve_stein_into(t[trail, trail], s, y[trail], sigma)
        y[lead] -= t[lead, trail] @ (y[trail] @ s.T)
        solve_stein_into(t[lead, lead], s, y[lead], sigma)
    elif n > _ROWS:
        lead, trail = _halves(s)
        solve_stein_into(t, s[trail, trail], y[:, trail], sigma)
        y[:, lead] -= (t @ y[:, trail]) @ s[lead, trail].T
        solve_stein_into(t, s[lead, lead], y[:, lead], sigma)
    else:
        trtrs = lapack("trtrs", y.dtype.char)
        rows = t.diagonal()[:, None, None] * s
        np.einsum("imm->im", rows)[...] += sigma
        for i in range(m - 1, -1, -1):
            y[i], info = trtrs(rows[i].T, y[i], lower=1, trans=1)
            if info:
                raise Perturbed
            y[:i] -= t[:i, i, None] * (s @ y[i])


def solve_product_into(
    ts: Sequence[Array], d: Any, y: Array, sigma: Scalar, coefficient: Scalar = 1
) -> None:
    """(c T1 ⊗ … ⊗ TN ⊗ diag(d) + sigma I) y = r for triangular T; y (n1, ..., nN, len(d)) holds r.

    A number d stands for a vector of it; T and y are of one dtype.
    """
    constant = np.ndim(d) == 0
    if not ts:
        y /= coefficient * d + sigma
    elif len(ts) == 1 and constant:
        solve_shifted(_with_shift((coefficient * d) * ts[0], sigma), y)
    elif len(ts) == 2 and y.shape[-1] == 1:
        factor = coefficient * (d if constant else d[0])
        solve_stein_into(factor * ts[0], ts[1], y[..., 0], sigma)
    else:
        t, rest = coefficient * ts[0], ts[1:]
        images = np.empty_like(y)  # (T2 ⊗ … ⊗ diag(d)) y of the rows that are solved

        def solve(start: int, stop: int) -> None:
            if stop - start == 1:
                solve_product_into(rest, d, y[start], sigma, t[start, start])
                images[start] = multiply(rest, d, y[start])
                return
            middle = (start + stop) // 2
            solve(middle, stop)
            update(y[start:middle], t[start:middle, middle:stop], images[middle:stop])
            solve(start, middle)

        solve(0, len(t))


def multiply(ts: Sequence[Array], d: Any, y: Array) -> Array:
    """(T1 ⊗ … ⊗ TN ⊗ diag(d)) y by mode products."""
    x = y * d
    right = x.size
    for t in ts:
        right //= len(t)
        x = t @ x.reshape(-1, len(t), right)
    return x.reshape(y.shape)
