"""Sums of operators that can be solved as a whole.

    K + σ I              K a Kronecker sum, or product of square factors: eigenvectors of Hermitian
                         factors, Schur forms of others
    ⊗ A_i + c ⊗ B_i      A_i Hermitian, B_i Hermitian and positive definite: A_i V_i = B_i V_i
                         diag(w_i) with V_iᴴ B_i V_i = I, so that V = ⊗ V_i takes the sum to
                         diag(⊗ w_i + c)
    K + diag(d), P K Pᵀ + σ I or + diag(d)
                         Hermitian and positive definite: preconditioned conjugate gradients;
                         small or indefinite ones by elimination

Each form has solver(precision), a function of b, and slogdet(), eigh() and eig(); None where it
knows no way.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import FORMED_SIZE
from ._refinement import eliminate
from ._solving import by_columns, check_decomposable, finite_columns, inexact
from ._spectral import check_nonzero, outer_fold, slogdet_of
from .combinations import unscaled
from .dense import Dense
from .diagonal import Diagonal
from .identity import Identity
from .kronecker_product import KroneckerProduct
from .kronecker_sum import KroneckerSum
from .sums import Sum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .._typing import Array, DType, Scalar
    from ._base import Operator
    from .kronecker_product import KroneckerProduct
    from .kronecker_sum import KroneckerSum


# Smaller systems are formed: elimination takes less time than iterations, and no tolerance.
_DENSE_SIZE = 512


def read_sum(terms: tuple[Operator, ...]) -> Iterative | Pencil | Shifted | None:
    """The form of a sum of these terms, or None."""
    shift = [unscaled(term)[0] for term in terms if isinstance(unscaled(term)[1], Identity)]
    diagonal = [term.d for term in terms if isinstance(term, Diagonal)]
    rest = [term for term in terms if not isinstance(unscaled(term)[1], (Identity, Diagonal))]
    if len(rest) == 1 and not diagonal:
        scale, operator = unscaled(rest[0])
        if isinstance(operator, KroneckerSum) or (
            isinstance(operator, KroneckerProduct) and operator._has_square_factors()
        ):
            return Shifted(rest[0], scale, operator, sum(shift))
    if len(rest) == 2 and not diagonal and not shift:
        pencil = _read_pencil(*rest)
        if pencil is not None:
            return pencil
    if rest and (diagonal or shift):
        return Iterative(terms, rest, sum(diagonal) + sum(shift))
    return None


class Shifted:
    """c K + σ I for a Kronecker product or sum K."""

    def __init__(
        self,
        term: Operator,
        scale: Scalar,
        operator: KroneckerProduct | KroneckerSum,
        shift: Scalar,
    ) -> None:
        self.term, self.scale, self.operator, self.shift = term, scale, operator, shift
        self.hermitian = term._is_hermitian()

    def _eigenvalues(self) -> Array:
        if self.hermitian:
            return self.term._eigh()[0] + self.shift
        combine = np.multiply if isinstance(self.operator, KroneckerProduct) else np.add
        values = [np.linalg.eigvals(f._formed("slogdet")) for f in self.operator.factors]
        return self.scale * outer_fold(combine, values) + self.shift

    def solver(self, precision: DType) -> Callable[..., Any]:
        if not self.scale:
            dtype = np.result_type(precision, self.shift)
            check_nonzero("Sum.solve", np.array([self.shift], dtype), 0)
            return lambda b: b / self.shift
        if not (self.hermitian and self._is_precise(precision)):
            dtype = np.result_type(precision, self.scale, self.shift)
            solve = self.operator._shifted_solver(self.shift / self.scale, dtype)
            return lambda b: solve(
                b.astype(np.result_type(b.dtype, dtype), copy=False) / self.scale
            )
        w, v = self.term._eigh()
        w = w + self.shift
        check_nonzero("Sum.solve", w, np.abs(w).max(initial=0) + abs(self.shift))
        adjoint = v.H
        return lambda b: v._matmul(adjoint._matmul(b) / w[:, None])

    def _is_precise(self, precision: DType) -> Scalar:
        """Whether all factors are that precise."""
        eps = max(np.finfo(inexact(f.dtype)).eps for f in self.operator.factors)
        return eps <= np.finfo(precision).eps

    def slogdet(self) -> tuple[Scalar, Scalar]:
        dtype = inexact(self.term.dtype, np.asarray(self.shift).dtype)
        return slogdet_of(self._eigenvalues(), dtype)

    def eigh(self) -> tuple[Array, Operator] | None:
        if not self.hermitian or np.imag(self.shift):
            return None
        w, v = self.term._eigh()
        return w + np.real(self.shift), v

    def eig(self) -> tuple[Array, Operator]:
        """The eigenvectors of K."""
        w, v = self.term._eig()
        return w + self.shift, v


def _read_pencil(first: Operator, second: Operator) -> Pencil | None:
    """c ⊗ A_i + d ⊗ B_i, where one of the two is positive definite."""
    (c, a), (d, b) = unscaled(first), unscaled(second)
    if not (isinstance(a, KroneckerProduct) and isinstance(b, KroneckerProduct)):
        return None
    if [f.shape for f in a.factors] != [f.shape for f in b.factors]:
        return None
    if not (first._is_hermitian() and second._is_hermitian()):
        return None
    for (s, k), (t, definite) in (((c, a), (d, b)), ((d, b), (c, a))):
        try:
            return Pencil(s, k, t, definite)
        except np.linalg.LinAlgError:  # not positive definite
            continue
    return None


class Pencil:
    """c ⊗ A_i + d ⊗ B_i with V_iᴴ A_i V_i = diag(w_i), V_iᴴ B_i V_i = I."""

    def __init__(self, c: float, a: KroneckerProduct, d: float, b: KroneckerProduct) -> None:
        spectra = []
        for f, g in zip(a.factors, b.factors, strict=True):
            lower = np.linalg.cholesky(g._formed("solve"))
            inner = np.linalg.solve(lower, f._formed("solve"))
            inner = np.linalg.solve(lower, inner.conj().T).conj().T
            w, u = np.linalg.eigh((inner + inner.conj().T) / 2)
            logarithm = 2 * np.log(np.abs(lower.diagonal())).sum()
            spectra.append((w, np.linalg.solve(lower.conj().T, u), logarithm))
        self.w = c * outer_fold(np.multiply, [w for w, _, _ in spectra]) + d
        self.v = KroneckerProduct(*(v for _, v, _ in spectra))
        n = len(self.w)
        self.logarithm = sum(log * (n // len(w)) for w, _, log in spectra) if n else 0.0

    def solver(self, precision: DType) -> Callable[..., Any]:
        check_nonzero("Sum.solve", self.w, np.abs(self.w).max(initial=0))
        return lambda b: self.v._matmul(self.v.H._matmul(b) / self.w[:, None])

    def slogdet(self) -> Any:
        sign, logarithm = slogdet_of(self.w, self.w.dtype)
        return sign, logarithm + self.logarithm

    def eigh(self) -> None:
        return None

    def eig(self) -> Any:
        return None


class Iterative:
    """K + diag(d), by conjugate gradients where it is Hermitian; d may be a number.

    Where the first entry of its diagonal is negative, its negative is solved.
    """

    def __init__(self, terms: tuple[Operator, ...], rest: Sequence[Operator], d: Any) -> None:
        self.whole, self.rest, self.d = Sum(*terms), rest, d

    def _by_elimination(self, b: Array) -> Array:
        check_decomposable("Sum.solve", b.dtype)
        return eliminate(self.whole, self.whole._formed("solve"), b)

    def solver(self, precision: DType) -> Callable[..., Any]:
        return self._solve

    def _solve(self, b: Array) -> Array:
        n = b.shape[-2]
        in_memory = any(type(unscaled(term)[1]) is Dense for term in self.rest)
        if n <= (FORMED_SIZE if in_memory else _DENSE_SIZE) or not self.whole._is_hermitian():
            return self._by_elimination(b)
        try:
            return by_columns(lambda columns: finite_columns(self._by_iteration, columns), b)
        except np.linalg.LinAlgError as error:  # indefinite, or too ill conditioned
            if n <= FORMED_SIZE:
                return self._by_elimination(b)
            raise np.linalg.LinAlgError(f"Sum.solve: {error}") from None

    def _by_iteration(self, b: Array) -> Array:
        from .iterative import conjugate_gradients

        sign, preconditioner = self._preconditioned
        return sign * conjugate_gradients(sign * self.whole, b, preconditioner=preconditioner).x

    @cached_property
    def _preconditioned(self) -> tuple[Scalar, Operator]:
        """(±1, a preconditioner of ± the sum), the sign that of the first diagonal entry."""
        from .preconditioners import preconditioner_for

        first = np.zeros(1, np.intp)
        sign = -1 if self.whole._entries(first, first)[0].real < 0 else 1
        return sign, preconditioner_for([sign * term for term in self.rest], sign * self.d)

    def slogdet(self) -> None:
        return None

    def eigh(self) -> None:
        return None

    def eig(self) -> Any:
        return None
