"""Between operators and the solvers on Schur forms, which take arrays."""

from __future__ import annotations

from math import prod

import numpy as np

from .._schur import SchurForm, schur
from ._solving import inexact


def by_columns(solver, function, factors, b, sigma):
    """``solver`` for all columns of b, (..., n, k), at once."""
    if not b.size:
        return b.copy()
    columns = np.moveaxis(b, -2, 0)
    flat = columns.reshape(len(columns), prod(columns.shape[1:]))
    x = solver(function, [schur_form(f, b.dtype) for f in factors], flat, sigma)
    return np.moveaxis(x.reshape(columns.shape), 0, -2)


def schur_form(factor, dtype) -> SchurForm:
    """F = Q T Qᴴ of an operator."""
    if factor._is_hermitian():
        w, v = factor._eigh()
        return SchurForm(w, v.toarray(w.dtype if v.moves_only else v.dtype), w)
    real = np.zeros((), dtype).real.dtype
    return schur(factor.toarray(np.result_type(inexact(factor.dtype), real)))
