"""Kronecker sums and products plus a multiple of the identity, solved by their Schur forms.

With A_i = Q_i T_i Q_iᴴ and Q = Q1 ⊗ … ⊗ QN,

    A1 ⊕ … ⊕ AN + s I = Q (T1 ⊕ … ⊕ TN + s I) Qᴴ,
    A1 ⊗ … ⊗ AN + s I = Q (T1 ⊗ … ⊗ TN + s I) Qᴴ,

whose eigenvalues are the sums and products of those of the factors, plus s.  Where one of them
vanishes within rounding the system is singular, and that is said before anything is solved.
Diagonal factors cost a division; they are moved behind the others.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ._exponents import far_exponent, times_power_of_two
from ._schur import SchurForm, lapack, triangular
from ._triangular import LEAF, Perturbed, solve_product_into, solve_sum_into
from .many_factors import kron_matmul

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._typing import Array, DType


# With fewer columns beside two or more triangular factors they are solved one after the other.
_FEW_COLUMNS = 8
# Adjacent small factors count as one up to this size.
_MERGED = 32


def solve_sum(
    function: str,
    forms: Sequence[SchurForm],
    r: Array,
    shift: complex = 0,
    names: Sequence[str] | None = None,
) -> Array:
    """x of (A1 ⊕ … ⊕ AN + shift I) x = r, r of shape (n,) or (n, k), which is left as it is."""
    return _solve(function, forms, r, shift, names, np.add)


def solve_product(
    function: str,
    forms: Sequence[SchurForm],
    r: Array,
    sigma: complex,
    names: Sequence[str] | None = None,
) -> Array:
    """x of (A1 ⊗ … ⊗ AN + sigma I) x = r, r of shape (n,) or (n, k), which is left as it is."""
    return _solve(function, forms, r, sigma, names, np.multiply)


def solve_pair(function: str, a: SchurForm, b: SchurForm, q: Array, names: Sequence[str]) -> Array:
    """X of A X + X Bᵀ = Q, which is ``solve_sum`` of two factors and one column."""
    (t, u, _), (s, v, _) = a, b
    if a.is_diagonal and b.is_diagonal:
        pivots = check_pivots(function, (a, b), 0, names, np.add)
        return u @ (u.conj().T @ q @ v.conj() / pivots) @ v.T
    if max(q.shape) <= LEAF and q.dtype == t.dtype == s.dtype and t.ndim == s.ndim:
        trsyl = lapack("trsyl", q.dtype.char)
        y, scale, info = trsyl(t, s.conj(), u.conj().T @ q @ v.conj(), tranb="C")
        if not info and scale == 1:  # of what is wrong otherwise there is one account
            return u @ y @ v.T
    return solve_sum(function, (a, b), q.ravel(), names=names).reshape(q.shape)


def check_pivots(
    function: str,
    forms: Sequence[SchurForm],
    shift: complex,
    names: Sequence[str] | None,
    combine: np.ufunc,
) -> Array:
    """The eigenvalues of the sum or product plus ``shift``, one axis for each factor.

    LinAlgError where one is zero within rounding: ε times the size of what it is added from.
    """
    pivots = reduce(combine.outer, [form.w for form in forms])
    if shift != 0:
        pivots = pivots + shift
    if combine is np.add:
        scale = max(np.abs(form.t).max() for form in forms) + abs(shift)
    else:
        scale = prod(float(np.abs(form.w).max()) for form in forms) + abs(shift)
    magnitude = np.abs(pivots)
    if not magnitude.min() > np.finfo(magnitude.dtype).eps * scale:
        raise _singular(function, forms, shift, names, combine)
    return pivots


def _singular(
    function: str,
    forms: Sequence[SchurForm],
    shift: complex,
    names: Sequence[str] | None,
    combine: np.ufunc,
) -> Exception:
    """The error that names the eigenvalues whose sum or product is next to ``-shift``."""
    values = [form.w for form in forms]
    names = names or [f"factor {i}" for i in range(len(values))]
    magnitude = np.abs(reduce(combine.outer, values) + shift)
    where = np.unravel_index(magnitude.argmin(), magnitude.shape)
    chosen = [each[i] for each, i in zip(values, where, strict=True)]
    listed = " and ".join(
        f"{value:.6g} of {name}" for value, name in zip(chosen, names, strict=True)
    )
    if combine is np.add:
        to = f"add up to {sum(chosen):.3g}"
        to += f", with the shift {shift:.6g} to {sum(chosen) + shift:.3g}" if shift != 0 else ""
    else:
        to = f"multiply to {prod(chosen):.6g}, with {shift:.6g} added to "
        to += f"{prod(chosen) + shift:.3g}"
    return np.linalg.LinAlgError(
        f"{function}: singular within rounding: the eigenvalues {listed} {to}"
    )


def _solve(
    function: str,
    forms: Sequence[SchurForm],
    r: Array,
    shift: complex,
    names: Sequence[str] | None,
    combine: np.ufunc,
) -> Array:
    sizes = tuple(len(form.t) for form in forms)
    dtype = np.result_type(*(each for form in forms for each in (form.t, form.q)), r, shift)
    if r.size == 0:
        return np.zeros(r.shape, dtype)
    e = max(far_exponent(form.t) for form in forms) if combine is np.add else 0
    f = far_exponent(r)
    if max(abs(e), abs(f)) > np.finfo(dtype).maxexp // 2:  # next to 1 no pivot is taken for zero
        forms = [_times_power_of_two(form, -e) for form in forms]
        shift = times_power_of_two(np.asarray(shift, dtype), -e)[()] if shift != 0 else 0
        r = times_power_of_two(r.astype(dtype, copy=False), -f)
        x = _solve(function, forms, r, shift, names, combine)
        return check_solution(function, times_power_of_two(x, f - e))
    pivots = check_pivots(function, forms, shift, names, combine)
    real = _is_real(forms, shift)
    y = r.astype(dtype, copy=False).reshape(*sizes, -1)
    if real and dtype.kind == "c":  # real and imaginary parts are columns of their own
        y = np.ascontiguousarray(y).view(y.real.dtype)
    if _must_be_triangular(forms, y.shape[-1], shift, combine):
        forms = [triangular(form) for form in forms]
    y = rotate([form.q.conj().T for form in forms], y)
    if all(form.is_diagonal for form in forms):
        y = y / pivots[..., None]
    else:
        try:
            y = _solve_triangular(forms, y, shift, combine)
        except Perturbed:
            raise _singular(function, forms, shift, names, combine) from None
        except OverflowError:
            raise _overflow(function, dtype) from None
    y = rotate([form.q for form in forms], y)
    if real:
        y = y.real
        if dtype.kind == "c":
            y = np.ascontiguousarray(y).view(dtype)
    return check_solution(function, y.reshape(r.shape))


def _times_power_of_two(form: Any, e: Any) -> Any:
    return SchurForm(times_power_of_two(form.t, e), form.q, times_power_of_two(form.w, e))


def check_solution(function: str, x: Array) -> Array:
    """X, all of it finite."""
    if not np.isfinite(x).all():
        raise _overflow(function, x.dtype)
    return x


def _overflow(function: str, dtype: DType) -> Exception:
    return np.linalg.LinAlgError(f"{function}: the solution overflows {dtype}")


def _is_real(forms: Sequence[SchurForm], shift: complex) -> bool:
    complex_form = any(form.t.dtype.kind == "c" or form.q.dtype.kind == "c" for form in forms)
    return not (complex_form or np.iscomplexobj(shift))


def _must_be_triangular(
    forms: Sequence[SchurForm],
    columns: int,
    shift: complex,
    combine: np.ufunc,
) -> bool:
    """Whether 2 x 2 blocks stand in the way: of complex shifts, or of a single row's scalar."""
    if not any(form.has_blocks for form in forms):
        return False
    dense = [form for form in forms if not form.is_diagonal]
    columns *= prod(len(form.t) for form in forms if form.is_diagonal)
    return (
        combine is np.multiply
        or np.iscomplexobj(shift)
        or any(form.t.dtype.kind == "c" or form.q.dtype.kind == "c" for form in forms)
        or len(dense) > 2
        or (len(dense) == 2 and columns >= _FEW_COLUMNS)
    )


def rotate(factors: Sequence[Array], y: Array) -> Array:
    """(Q1 ⊗ … ⊗ QN) y; y has one axis for each factor and one of columns."""
    if y.shape[-1] == 1 and len(factors) == 2:
        return (factors[0] @ y[..., 0] @ factors[1].T)[..., None]
    if len(factors) == 1:
        return factors[0] @ y
    n = prod(y.shape[:-1])
    return kron_matmul(factors, y.reshape(n, -1)).reshape(y.shape)


def _solve_triangular(
    forms: Sequence[SchurForm],
    y: Array,
    shift: complex,
    combine: np.ufunc,
) -> Array:
    """The same for y = Qᴴ r and the T_i, the diagonal ones moved to the end."""
    order = sorted(range(len(forms)), key=lambda i: forms[i].is_diagonal)
    ts = [forms[i].t for i in order]
    dense = [t for t in ts if t.ndim == 2]
    diagonal = ts[len(dense) :]
    dtype = np.result_type(*ts, y, shift)
    dense = [t.astype(dtype, copy=False) for t in _merge(dense, combine)]
    moved = y.transpose(*order, len(ts))
    x = np.array(moved, dtype, order="C").reshape(*(len(t) for t in dense), -1)
    d: Any = 0 if combine is np.add else 1
    if diagonal or (len(dense) == 1 and forms[order[0]].has_blocks):
        d = reduce(combine.outer, diagonal, np.full(1, d, dtype)).ravel().astype(dtype)
        d = np.repeat(d, x.shape[-1] // len(d))
    into = solve_sum_into if combine is np.add else solve_product_into
    if len(dense) > 1 and 1 < x.shape[-1] < _FEW_COLUMNS:
        for j in range(x.shape[-1]):
            column = np.ascontiguousarray(x[..., j : j + 1])
            into(dense, d[j : j + 1] if np.ndim(d) else d, column, shift)
            x[..., j : j + 1] = column
    else:
        into(dense, d, x, shift)
    return x.reshape(moved.shape).transpose(*np.argsort(order), len(ts))


def _merge(ts: Sequence[Array], combine: np.ufunc) -> list[Array]:
    """Adjacent small triangular matrices as one, which is triangular, too."""
    ts = list(ts)
    i = 0
    while len(ts) > 2 and i + 1 < len(ts):
        a, b = ts[i], ts[i + 1]
        if len(a) * len(b) > _MERGED:
            i += 1
            continue
        if combine is np.add:
            ts[i : i + 2] = [np.kron(a, _eye(b)) + np.kron(_eye(a), b)]
        else:
            ts[i : i + 2] = [np.kron(a, b)]
    return ts


def _eye(t: Array) -> Array:
    """The identity matrix of T's size and dtype."""
    return np.eye(len(t), dtype=t.dtype)
