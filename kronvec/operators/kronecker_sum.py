"""The Kronecker sum as an operator."""

from __future__ import annotations

from functools import reduce
from math import prod

import numpy as np

from .._exponents import frobenius
from .._schur_solves import solve_sum
from ..kronecker_sums import kronsum_matmul
from ._base import Operator
from ._by_eigenvalues import ByEigenvalues
from ._schur_forms import by_schur_forms
from ._solving import inexact
from ._spectral import factorwise, outer_fold, slogdet_of
from .combinations import common_dtype
from .dense import Dense, as_operator
from .identity import Identity
from .kronecker_product import KroneckerProduct


class KroneckerSum(ByEigenvalues, Operator):
    """F1 ⊕ … ⊕ FN = Σ_i I ⊗ … ⊗ F_i ⊗ … ⊗ I of square factors, never formed.

    Parameters
    ----------
    *factors : operator or array_like
        Square: a matrix, a vector (a diagonal matrix), a SciPy sparse matrix, or an operator.
        One at least.  Kept without copies: they must not change.

    Attributes
    ----------
    factors : tuple of Operator
        Those of a factor that is a Kronecker sum itself stand in its place.

    Raises
    ------
    ValueError
        There is no factor, or one is not square.
    TypeError
        A factor does not hold numbers.

    Notes
    -----
    Its eigenvalues are the sums of the factors', its eigenvectors their Kronecker products, and
    exp(⊕ F_i) = ⊗ exp(F_i).  ``solve`` goes through the factors' eigenvectors where all are
    Hermitian, else through their Schur forms; with two factors it solves the Sylvester equation
    A X + X Bᵀ = C (X vec-ed row by row).  `scipy.sparse.kronsum` has the reverse order.

    References
    ----------
    .. [1] R. A. Horn and C. R. Johnson, "Topics in Matrix Analysis" (1991), section 4.4.
    .. [2] R. H. Bartels and G. W. Stewart, "Solution of the matrix equation AX + XB = C",
       Comm. ACM 15 (1972), 820-826.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.operators import KroneckerSum
    >>> A = np.array([[-2.0, 1.0], [1.0, -2.0]])
    >>> K = KroneckerSum(A, A)
    >>> K @ np.array([1.0, 0.0, 0.0, 0.0])
    array([-4.,  1.,  1.,  0.])
    >>> K.solve(np.array([-4.0, 1.0, 1.0, 0.0])).round(6) + 0.0
    array([1., 0., 0., 0.])
    """

    def __init__(self, *factors) -> None:
        if not factors:
            raise ValueError("KroneckerSum: at least one factor is needed")
        read = [as_operator("KroneckerSum", f"factor {i}", f) for i, f in enumerate(factors)]
        for i, f in enumerate(read):
            if f.shape[0] != f.shape[1]:
                raise ValueError(f"KroneckerSum: factor {i} must be square, got shape {f.shape}")
        self.factors = tuple(
            g for f in read for g in (f.factors if isinstance(f, KroneckerSum) else (f,))
        )
        n = prod(self.sizes)
        super().__init__((n, n), common_dtype(self.factors))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The rows of each factor."""
        return tuple(f.shape[0] for f in self.factors)

    # ----------------------------------------------------------------------------- products

    def _matmul(self, x):
        if all(isinstance(f, Dense) for f in self.factors):
            return kronsum_matmul([f.array for f in self.factors], x)
        return reduce(np.add, (term._matmul(x) for term in self._terms()))

    def _terms(self):
        """I ⊗ F_i ⊗ I."""
        sizes = self.sizes
        for i, f in enumerate(self.factors):
            before, behind = prod(sizes[:i]), prod(sizes[i + 1 :])
            yield KroneckerProduct(Identity(before), f, Identity(behind))

    def _transpose(self) -> KroneckerSum:
        return KroneckerSum(*(f._transpose() for f in self.factors))

    def _conjugate(self) -> KroneckerSum:
        return KroneckerSum(*(f._conjugate() for f in self.factors))

    def _entries(self, i, j):
        """Σ_t F_t[i_t, j_t] where all other indices agree."""
        rows, columns = np.unravel_index(i, self.sizes), np.unravel_index(j, self.sizes)
        differs = [np.not_equal(r, c).astype(np.int8) for r, c in zip(rows, columns, strict=True)]
        count = reduce(np.add, differs)
        total = 0
        for f, r, c, own in zip(self.factors, rows, columns, differs, strict=True):
            total = total + np.where(count == own, f._entries(r, c), 0)
        return np.asarray(total, self.dtype)

    def tocsr(self, dtype=None):
        """The same matrix as a ``scipy.sparse.csr_array``; needs SciPy."""
        matrix = reduce(lambda a, b: a + b, (term.tocsr() for term in self._terms()))
        return matrix.astype(self.dtype if dtype is None else dtype)

    def _kronecker_terms(self):
        eyes = [Identity(n) for n in self.sizes]
        return [(1, [*eyes[:i], f, *eyes[i + 1 :]]) for i, f in enumerate(self.factors)]

    # ------------------------------------------------------------------------------ algebra

    def _trace(self):
        n = self.shape[0]
        return sum(f._trace() * (n // f.shape[0] if n else 0) for f in self.factors)

    def _diagonal(self):
        return outer_fold(np.add, [f._diagonal() for f in self.factors])

    def _is_hermitian(self) -> bool:
        return all(f._is_hermitian() for f in self.factors)

    def _eigh(self):
        pairs = factorwise(self, "_eigh")
        w = outer_fold(np.add, [w for w, _ in pairs])
        return w, KroneckerProduct(*(v for _, v in pairs))

    def _eig(self):
        pairs = factorwise(self, "_eig")
        w = outer_fold(np.add, [w for w, _ in pairs])
        return w, KroneckerProduct(*(v for _, v in pairs))

    def _known_eigh(self):
        return self._eigh() if self._is_hermitian() else None

    def _exponent(self) -> int:
        return max(f._exponent() for f in self.factors)

    def _times_power_of_two(self, e) -> KroneckerSum:
        return KroneckerSum(*(f._times_power_of_two(e) for f in self.factors))

    def _norm(self, ord):
        """‖⊕ F_i‖² = n (Σ ‖F_i - t_i I‖² / n_i + |Σ t_i|²) in the Frobenius norm, t_i n_i = tr F_i.

        No term is negative, so that nothing cancels.
        """
        n = self.shape[0]
        if ord != "fro" or not n:
            return super()._norm(ord)
        means = [f._trace() / f.shape[0] for f in self.factors]
        rest = [
            (f + -t * Identity(f.shape[0])).norm() / np.sqrt(f.shape[0])
            for f, t in zip(self.factors, means, strict=True)
        ]
        return np.sqrt(n) * frobenius(np.array([*rest, np.abs(sum(means))]))

    def _slogdet(self):
        """By the sums of the factors' eigenvalues."""
        if self._is_hermitian():
            values = [f._eigh()[0] for f in self.factors]
        else:
            values = [np.linalg.eigvals(f._formed("slogdet")) for f in self.factors]
        return slogdet_of(outer_fold(np.add, values), inexact(self.dtype))

    def _solve(self, b):
        return self._solver(b.dtype)(b)

    def _solver(self, precision):
        return self._shifted_solver(0, precision)

    def _shifted_solver(self, sigma, precision):
        """(K + σ I)⁻¹ b as a function of b, by the Schur forms of the factors."""
        return by_schur_forms(solve_sum, "KroneckerSum.solve", self.factors, sigma, precision)

    def expm(self, t=1.0) -> KroneckerProduct:
        """``exp(t K) = exp(t F1) ⊗ … ⊗ exp(t FN)``, exact but for the factors' exponentials.

        Parameters
        ----------
        t : scalar

        Returns
        -------
        KroneckerProduct

        Raises
        ------
        ImportError
            SciPy is not there, whose `scipy.linalg.expm` takes the exponential of a factor.

        References
        ----------
        N. J. Higham, *Functions of Matrices* (2008), theorem 10.9.

        Examples
        --------
        >>> from kronvec.operators import KroneckerSum
        >>> K = KroneckerSum([[0.0, 1.0], [0.0, 0.0]], [[0.0]])
        >>> K.expm(2.0) @ [1.0, 1.0]
        array([3., 1.])
        """
        from scipy.linalg import expm

        return KroneckerProduct(*(expm(t * f.toarray(inexact(f.dtype))) for f in self.factors))

    def __repr__(self) -> str:
        return f"KroneckerSum({', '.join(map(repr, self.factors))})"
