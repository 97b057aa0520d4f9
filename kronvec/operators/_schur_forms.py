"""Between operators and the solvers on Schur forms, which take arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._schur import SchurForm, schur
from .._shapes import check_formable
from ._solving import by_columns, check_decomposable, finite_columns, inexact

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._typing import Array, DType, Scalar
    from ._base import Operator


def by_schur_forms(
    solver: Callable[..., Any],
    function: str,
    factors: tuple[Operator, ...],
    sigma: Scalar,
    precision: DType,
) -> Callable[..., Any]:
    """``solver`` as a function of b, (..., n, k), in a precision, all columns at once.

    The Schur forms are computed here, once.
    """
    if not all(f.shape[0] for f in factors):
        return np.copy
    forms = [schur_form(f, precision) for f in factors]

    def solve(b: Array) -> Array:
        if not b.size:
            return b.copy()
        return by_columns(lambda columns: finite_columns(of_finite, columns), b)

    def of_finite(columns: Array) -> Array:
        return solver(function, forms, columns, sigma)

    return solve


def schur_form(factor: Operator, dtype: DType) -> SchurForm:
    """F = Q T Qᴴ of an operator, in the precision of ``dtype`` at least."""
    real = np.zeros((), dtype).real.dtype
    precise = np.result_type(inexact(*factor._own_dtypes(), real), real)
    exact = factor.moves_only or precise == inexact(factor.dtype)
    if exact and factor._is_hermitian():
        w, v = factor._eigh()
        w = w.astype(real, copy=False) if factor.moves_only else w
        return SchurForm(w, v.toarray(w.dtype if v.moves_only else v.dtype), w)
    function = f"{type(factor).__name__}.solve"
    check_decomposable(function, precise)
    check_formable(function, factor)
    return schur(factor.toarray(precise))
