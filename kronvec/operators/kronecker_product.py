"""The Kronecker product as an operator."""

from __future__ import annotations

import math
from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from .._exponents import is_moderate, times_power_of_two
from .._schur_solves import solve_product
from ..columnwise import face_splitting
from ..many_factors import kron_matmul, kron_matvec, matmul_kron
from ._base import Operator
from ._refinement import refined_solve
from ._schur_forms import by_schur_forms
from ._solving import inexact
from ._spectral import factorwise, outer_fold, unit_power
from .combinations import common_dtype
from .dense import Dense, as_operator
from .diagonal import Diagonal
from .identity import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike

    from .._typing import Array, DType, Norm, Scalar


class KroneckerProduct(Operator):
    """F1 ⊗ … ⊗ FN, never formed: products, systems and decompositions go factor by factor.

    Parameters
    ----------
    *factors : operator or array_like
        A matrix, a vector (a diagonal matrix), a SciPy sparse matrix, or an operator.  One at
        least.  Kept without copies: they must not change.

    Attributes
    ----------
    factors : tuple of Operator
        Those of a factor that is a Kronecker product itself stand in its place.

    Raises
    ------
    ValueError
        There is no factor, or an array has neither one nor two axes.
    TypeError
        A factor does not hold numbers.

    Notes
    -----
    With K = ⊗ F_i: Kᵀ, K*, K⁻¹, K⁺ and Kᵖ for integer p are the Kronecker products of the
    factors', as are U, V, Q, R and L of their decompositions;
    det K = Π det(F_i)^(n / n_i), tr K = Π tr F_i, and norms multiply.

    References
    ----------
    .. [1] C. F. Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123 (2000),
       85-100.
    .. [2] G. H. Golub and C. F. Van Loan, "Matrix Computations", 4th ed. (2013), section 12.3.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.operators import KroneckerProduct
    >>> K = KroneckerProduct([[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0])
    >>> K
    KroneckerProduct(Dense(2, 2), Diagonal(2))
    >>> K @ np.ones(4)
    array([15., 18., 35., 42.])
    >>> K.solve(K @ np.arange(4.0)).round(6)
    array([0., 1., 2., 3.])
    >>> K[1]
    array([ 0.,  6.,  0., 12.])
    """

    def __init__(self, *factors: ArrayLike) -> None:
        if not factors:
            raise ValueError("KroneckerProduct: at least one factor is needed")
        read = [as_operator("KroneckerProduct", f"factor {i}", f) for i, f in enumerate(factors)]
        self.factors: tuple[Operator, ...] = tuple(
            g for f in read for g in (f.factors if isinstance(f, KroneckerProduct) else (f,))
        )
        shape = (prod(f.shape[0] for f in self.factors), prod(f.shape[1] for f in self.factors))
        super().__init__(shape, common_dtype(self.factors))
        self.moves_only = all(f.moves_only for f in self.factors)
        # What the engine takes as it is, or None.
        self._engine_factors = None
        if all(isinstance(f, (Dense, Identity)) for f in self.factors):
            self._engine_factors = [getattr(f, "array", f) for f in self.factors]

    # ----------------------------------------------------------------------------- products

    def _matmul(self, x: Array) -> Array:
        """By the engine; other factors along their own axes, first those that shrink them."""
        if self._engine_factors is not None:
            return kron_matmul(self._engine_factors, x)
        sizes = [f.shape[1] for f in self.factors]
        others = [i for i, f in enumerate(self.factors) if not isinstance(f, (Dense, Identity))]
        growing = [i for i in others if self.factors[i].shape[0] > self.factors[i].shape[1]]
        for i in others:
            if i not in growing:
                x = self._along_axis(i, x, sizes)
        if any(isinstance(f, Dense) for f in self.factors):
            now = [
                f.array if isinstance(f, Dense) else Identity(n)
                for f, n in zip(self.factors, sizes, strict=True)
            ]
            x = kron_matmul(now, x)
            sizes = [f.shape[0] for f in now]
        for i in growing:
            x = self._along_axis(i, x, sizes)
        return x

    def _times_vector(self, x: Array) -> Array:
        if self._engine_factors is not None:
            return kron_matvec(self._engine_factors, x)
        return super()._times_vector(x)

    def _along_axis(self, i: int, x: Array, sizes: list[int]) -> Array:
        """Factor i applied along its axis of x, (..., Π sizes, k); sizes[i] becomes its rows."""
        f, batch, columns = self.factors[i], x.shape[:-2], x.shape[-1]
        left, right = prod(sizes[:i]), prod(sizes[i + 1 :]) * columns
        y = f._matmul(x.reshape(*batch, left, sizes[i], right))
        sizes[i] = f.shape[0]
        return y.reshape(*batch, prod(sizes), columns)

    def _rmatmul(self, x: Array) -> Array:
        if self._engine_factors is not None:
            return matmul_kron(x, self._engine_factors)
        return super()._rmatmul(x)

    def _each(self, method: str, *arguments: float) -> KroneckerProduct:
        """⊗ of what the method gives for each factor."""
        return KroneckerProduct(*(getattr(f, method)(*arguments) for f in self.factors))

    def _transpose(self) -> KroneckerProduct:
        return self._each("_transpose")

    def _conjugate(self) -> KroneckerProduct:
        return self._each("_conjugate")

    def _split(self, index: Array, side: int) -> tuple[Array, ...]:
        """The index of each factor that makes up ``index`` of the product."""
        return np.unravel_index(index, [f.shape[side] for f in self.factors])

    def _entries(self, i: Array, j: Array) -> Array:
        rows, columns = self._split(i, 0), self._split(j, 1)
        parts = (f._entries(r, c) for f, r, c in zip(self.factors, rows, columns, strict=True))
        return reduce(np.multiply, parts)

    def _rows(self, numbers: Array) -> Array:
        """The face-splitting product of the factors' rows."""
        parts = zip(self.factors, self._split(numbers, 0), strict=True)
        return face_splitting(*(f._rows(rows) for f, rows in parts))

    def toarray(self, dtype: DTypeLike | None = None) -> Array:
        """The dense array."""
        from ..products import kron

        dense = reduce(kron, (f.toarray(self.dtype) for f in self.factors))
        return dense.astype(self.dtype if dtype is None else dtype, copy=False)

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``; needs SciPy."""
        from scipy.sparse import csr_array, kron

        matrix = reduce(lambda a, b: kron(a, b, format="csr"), (f.tocsr() for f in self.factors))
        return csr_array(matrix).astype(self.dtype if dtype is None else dtype)

    def _kronecker_terms(self) -> list[tuple[Scalar, Sequence[Operator]]] | None:
        return [(1, self.factors)]

    # ------------------------------------------------------------------------------ algebra

    def _exponent(self) -> int:
        return sum(f._exponent() for f in self.factors)

    def _balanced(self) -> Any:
        """(⊗ G_i, Σ e_i)."""
        exponents = [f._exponent() for f in self.factors]
        largest = max(abs(e) for e in exponents)
        if is_moderate(largest * len(exponents), self.dtype):
            return self, 0
        pairs = zip(self.factors, exponents, strict=True)
        return KroneckerProduct(*(f._times_power_of_two(-e) for f, e in pairs)), sum(exponents)

    def _times_power_of_two(self, e: Any) -> Operator:
        """The factors that have entries share the exponent."""
        own = [i for i, f in enumerate(self.factors) if isinstance(f, (Dense, Diagonal))]
        if not own:
            return super()._times_power_of_two(e)
        parts = [e // len(own) + (i < e % len(own)) for i in range(len(own))]
        factors = list(self.factors)
        for i, part in zip(own, parts, strict=True):
            factors[i] = factors[i]._times_power_of_two(part)
        return KroneckerProduct(*factors)

    def _has_square_factors(self) -> bool:
        return all(f.shape[0] == f.shape[1] for f in self.factors)

    def _check_invertible(self, method: str) -> None:
        if not self._has_square_factors():
            raise np.linalg.LinAlgError(
                f"KroneckerProduct.{method}: factors that are not square make the product "
                f"{self!r} singular"
            )

    def _solve(self, b: Array) -> Array:
        """With factors of equal size, whose inverses leave the range of numbers only if x does."""
        balanced, e = self._balanced()
        return refined_solve(balanced._times_power_of_two(e) if e else balanced, b)

    def _shifted_solver(self, sigma: Scalar, precision: DType) -> Callable[[Array], Array]:
        """(K + σ I)⁻¹ b as a function of b, by the Schur forms of square factors."""
        self._check_factors("solve")
        name = "KroneckerProduct.solve"
        return by_schur_forms(solve_product, name, self.factors, sigma, precision)

    def _inv(self, function: str = "inv") -> KroneckerProduct:
        self._check_invertible(function)
        return KroneckerProduct(*factorwise(self, "_inv", function=function))

    def _pinv(self, rtol: float | None) -> Operator:
        """V diag(1/s) Uᴴ with the small s of the whole left out."""
        balanced, e = self._balanced()
        u, s, vh = balanced._svd()
        cutoff = self._cutoff(s, rtol)
        inverse = np.divide(1, s, out=np.zeros_like(s), where=s > cutoff)
        if s.size and s.min() > cutoff:
            return self._each("_pinv", 0.0)
        return vh.H @ Diagonal(times_power_of_two(inverse, -e)) @ u.H

    def _trace(self) -> Scalar:
        if not self._has_square_factors():
            return super()._trace()
        balanced, e = self._balanced()
        return times_power_of_two(reduce(np.multiply, (f._trace() for f in balanced.factors)), e)

    def _diagonal(self) -> Array:
        if not self._has_square_factors():
            return super()._diagonal()
        balanced, e = self._balanced()
        diagonals = [f._diagonal() for f in balanced.factors]
        return times_power_of_two(outer_fold(np.multiply, diagonals), e)

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        dtype, n = inexact(self.dtype), self.shape[0]
        real = np.zeros((), dtype).real.dtype.type
        if n and not self._has_square_factors():
            return dtype.type(0), -real(np.inf)
        balanced, e = self._balanced()
        sign, logarithm = dtype.type(1), n * e * math.log(2)
        for f in balanced.factors if n else []:
            own_sign, own_logarithm = f._slogdet()
            sign = sign * unit_power(own_sign, n // f.shape[0])
            logarithm = logarithm + float(own_logarithm) * (n // f.shape[0])
        return sign, real(logarithm)

    def _is_hermitian(self) -> bool:
        return all(f._is_hermitian() for f in self.factors)

    def _eigh(self) -> tuple[Array, Operator]:
        return self._spectrum("_eigh")

    def _eig(self) -> tuple[Array, Operator]:
        self._check_factors("eig")
        return self._spectrum("_eig")

    def _check_factors(self, method: str) -> None:
        if not self._has_square_factors():
            raise ValueError(f"KroneckerProduct.{method}: all factors of {self!r} must be square")

    def _spectrum(self, method: str) -> tuple[Array, Operator]:
        self._check_factors(method.removeprefix("_"))
        balanced, e = self._balanced()
        pairs = factorwise(balanced, method)
        w = outer_fold(np.multiply, [w for w, _ in pairs])
        return times_power_of_two(w, e), KroneckerProduct(*(v for _, v in pairs))

    def _svd(self) -> tuple[Operator, Array, Operator]:
        balanced, e = self._balanced()
        parts = factorwise(balanced, "_svd")
        s = times_power_of_two(outer_fold(np.multiply, [s for _, s, _ in parts]), e)
        return KroneckerProduct(*(p[0] for p in parts)), s, KroneckerProduct(*(p[2] for p in parts))

    def _singular_values(self) -> Array:
        return outer_fold(np.multiply, [f._singular_values() for f in self.factors])

    def _cholesky(self) -> KroneckerProduct:
        """Factors that are negative definite in pairs change sign."""
        self._check_factors("cholesky")
        if not self.shape[0]:
            return self
        signs = [-1 if f._diagonal()[0].real < 0 else 1 for f in self.factors]
        if prod(signs) < 0:
            raise np.linalg.LinAlgError(
                f"KroneckerProduct.cholesky: {self!r} is not positive definite"
            )
        factors = [f if s > 0 else -f for s, f in zip(signs, self.factors, strict=True)]
        return KroneckerProduct(*factorwise(KroneckerProduct(*factors), "_cholesky"))

    def _qr(self) -> tuple[Operator, Operator]:
        pairs = factorwise(self, "_qr")
        return KroneckerProduct(*(q for q, _ in pairs)), KroneckerProduct(*(r for _, r in pairs))

    def _has_moderate_powers(self, p: float) -> bool:
        largest = max(abs(f._exponent()) for f in self.factors)
        return is_moderate(abs(p) * largest, self.dtype)

    def _integer_power(self, p: int) -> Operator:
        if self._has_square_factors():
            if self._has_moderate_powers(p):
                return KroneckerProduct(*factorwise(self, "_integer_power", p))
            balanced, e = self._balanced()
            power = KroneckerProduct(*factorwise(balanced, "_integer_power", p))
            return power._times_power_of_two(p * e)
        return super()._integer_power(p)

    def _power(self, p: float) -> Operator:
        """Factor by factor where all are positive definite, else by products of eigenvalues."""
        if self._has_square_factors() and self._is_hermitian():
            spectra = factorwise(self, "_eigh")
            if all((w > 0).all() for w, _ in spectra):
                if self._has_moderate_powers(p):
                    return self._each("_power", p)
                balanced, e = self._balanced()
                whole = math.floor(p * e)
                power = balanced._each("_power", p)._times_power_of_two(whole)
                return 2.0 ** (p * e - whole) * power if whole != p * e else power
        return super()._power(p)

    def _norm(self, ord: Norm) -> Scalar:
        if ord == -2:
            return super()._norm(ord)
        return reduce(np.multiply, (f._norm(ord) for f in self.factors))

    def __repr__(self) -> str:
        return f"KroneckerProduct({', '.join(map(repr, self.factors))})"
