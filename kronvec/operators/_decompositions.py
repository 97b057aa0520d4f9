"""Spectra, factorizations, powers and norms: the methods, and what a subclass overrides.

    _is_hermitian()  whether K = Kᴴ to working precision
    _eigh(), _eig()  (w, V), for a Hermitian or any square K
    _svd()           (U, s, Vᴴ), thin, s not sorted
    _cholesky()      L with K = L Lᴴ
    _qr(), _power(p) (Q, R); Kᵖ
    _norm(ord)       as of `numpy.linalg.norm`

The defaults form the dense array.
"""

from __future__ import annotations

import math
import operator
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from .._exponents import frobenius, is_moderate, times_power_of_two
from .._shapes import check_size
from ._solving import Solving, inexact
from ._spectral import is_hermitian

if TYPE_CHECKING:
    from .._typing import Array, Norm, Scalar
    from ._base import Operator

NORMS = ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)


class Decompositions(Solving):
    """Spectra, factorizations, powers and norms: LAPACK's, of the factors.

    What is put together of them differs from K by c u Σ n_i ‖K‖ (Golub & Van Loan 2013, 5.2, 8.3,
    8.6; Higham 2002, 10), for `eig` and fractional powers times cond(V).
    """

    def eigh(self) -> tuple[Array, Operator]:
        """``(w, V)`` with K = V diag(w) Vᴴ for a Hermitian K, V unitary, w real, not sorted.

        The eigenvalues of a Kronecker product or sum come in Kronecker order.

        Raises
        ------
        ValueError
            K is not square.
        LinAlgError
            K, or a factor that the message names, is not Hermitian.

        References
        ----------
        Golub & Van Loan, *Matrix Computations*, 4th ed. (2013), sections 8.1 and 12.3.

        Examples
        --------
        >>> from kronvec.operators import KroneckerSum
        >>> w, V = KroneckerSum([[2.0, 1.0], [1.0, 2.0]], [[10.0]]).eigh()
        >>> w.round(6)
        array([11., 13.])
        """
        self._check_square(f"{type(self).__name__}.eigh")
        w, v = self._eigh()
        return self._precise(w), v

    def eig(self) -> tuple[Array, Operator]:
        """``(w, V)`` with K V = V diag(w) for a square K, w not sorted.

        A K with too few eigenvectors gives a singular V, as `numpy.linalg.eig` does.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> w, V = KroneckerProduct([[0.0, 1.0], [1.0, 0.0]], [[3.0]]).eig()
        >>> sorted(w.round(6).tolist())
        [-3.0, 3.0]
        """
        self._check_square(f"{type(self).__name__}.eig")
        return self._eig()

    def svd(self) -> tuple[Operator, Array, Operator]:
        """``(U, s, Vh)`` with K = U diag(s) Vh, U and Vhᴴ of orthonormal columns, s not sorted.

        Thin: s has the product of the factors' smaller sides as length.  The zeros that a dense
        decomposition would add are left out.

        References
        ----------
        Golub & Van Loan, *Matrix Computations*, 4th ed. (2013), sections 2.4 and 12.3.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> U, s, Vh = KroneckerProduct([[3.0], [4.0]], [[2.0]]).svd()
        >>> s.round(6)
        array([10.])
        """
        u, s, vh = self._svd()
        return u, self._precise(s), vh

    def cholesky(self) -> Operator:
        """The lower triangular L with K = L Lᴴ and a positive diagonal.

        Raises
        ------
        ValueError
            K is not square.
        LinAlgError
            K is not Hermitian and positive definite; the message names the factor.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> KroneckerProduct([[4.0]], [[9.0]]).cholesky().toarray()
        array([[6.]])
        """
        self._check_square(f"{type(self).__name__}.cholesky")
        return self._cholesky()

    def qr(self) -> tuple[Operator, Operator]:
        """``(Q, R)`` with K = Q R, Q of orthonormal columns.

        Of a Kronecker product factor by factor: R is the Kronecker product of the factors'
        upper triangular or trapezoidal ones, itself triangular where all factors are square or
        tall.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> Q, R = KroneckerProduct([[3.0], [4.0]], [[1.0]]).qr()
        >>> abs(R.toarray()).round(6)
        array([[5.]])
        """
        return self._qr()

    def power(self, p: complex | str) -> Operator:
        """The principal power Kᵖ of a square K, for integer or fractional p.

        Eigenvalues λ become exp(p log λ), log the principal logarithm, of K as a whole.

        Parameters
        ----------
        p : int or float

        Raises
        ------
        ValueError
            K is not square, or p is not real and finite.
        LinAlgError
            p is negative and K singular, or p is fractional and K has too few eigenvectors.

        References
        ----------
        N. J. Higham, *Functions of Matrices* (2008), sections 1.7 and 7.1.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> K = KroneckerProduct([[4.0]], [[9.0]])
        >>> K.power(0.5).toarray().round(6), K.power(2).toarray()
        (array([[6.]]), array([[1296.]]))
        """
        function = f"{type(self).__name__}.power"
        self._check_square(function)
        if isinstance(p, (bool, np.bool_)) or not isinstance(p, (Number, np.generic)):
            raise TypeError(f"{function}: p must be a number, got {type(p).__name__}")
        try:
            p = operator.index(p)  # type: ignore[arg-type]  # tried
        except TypeError:
            if not np.isreal(p) or not np.isfinite(p):
                raise ValueError(f"{function}: p must be real and finite, got {p}") from None
            p = int(np.real(p)) if p == int(np.real(p)) else float(np.real(p))
        return self._integer_power(p) if isinstance(p, int) else self._power(p)

    def sqrt(self) -> Operator:
        """The principal square root, ``power(0.5)``.

        Examples
        --------
        >>> from kronvec.operators import Diagonal
        >>> Diagonal([4.0, 9.0]).sqrt().diagonal()
        array([2., 3.])
        """
        self._check_square(f"{type(self).__name__}.sqrt")
        return self._power(0.5)

    def norm(self, ord: Norm = "fro") -> float:
        """A matrix norm, as of `numpy.linalg.norm`.

        Parameters
        ----------
        ord : {"fro", "nuc", 2, -2, 1, -1, inf, -inf}
            Frobenius, nuclear, spectral, the smallest singular value, the largest and smallest
            sums of absolute values of a column (1, -1) and of a row (inf, -inf).

        Raises
        ------
        ValueError
            There is no such norm.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> KroneckerProduct([[3.0, 4.0]], [[2.0]]).norm()
        np.float64(10.0)
        """
        ord = "fro" if ord is None else ord
        if ord not in NORMS:
            raise ValueError(f"{type(self).__name__}.norm: ord must be one of {NORMS}, got {ord!r}")
        balanced, e = self._balanced()
        return times_power_of_two(self._precise(balanced._norm(ord)), e)

    def cond(self, p: float = 2) -> Scalar:
        """The condition number ‖K‖ ‖K⁻¹‖ in the norm p, as of `numpy.linalg.cond`.

        Infinite for a singular K.

        Examples
        --------
        >>> from kronvec.operators import Diagonal
        >>> Diagonal([1.0, 10.0]).cond()
        np.float64(10.0)
        """
        balanced, _ = self._balanced()
        if p in (None, 2, -2):
            largest, smallest = balanced.norm(2), balanced.norm(-2)
            if p == -2:
                largest, smallest = smallest, largest
            return largest / smallest if smallest else np.float64(np.inf)
        self._check_square(f"{type(self).__name__}.cond")
        try:
            return balanced.norm(p) * balanced._inv().norm(p)
        except np.linalg.LinAlgError:
            return np.float64(np.inf)

    def rank(self, *, rtol: float | None = None) -> int:
        """How many singular values exceed rtol times the largest, as `numpy.linalg.matrix_rank`.

        Parameters
        ----------
        rtol : float, optional
            By default the unit roundoff times the larger side of K.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> KroneckerProduct([[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]).rank()
        2
        """
        s = self._balanced()[0]._singular_values()
        return int((s > self._cutoff(s, rtol)).sum()) if s.size else 0

    def sample(self, size: int | None = None, *, rng: int | None = None) -> Array:
        """Draw from the normal distribution of mean 0 and covariance K.

        Parameters
        ----------
        size : int, optional
            How many vectors; one without this axis if not given.
        rng : numpy.random.Generator or seed, optional

        Returns
        -------
        ndarray, shape (n,) or (size, n)

        Raises
        ------
        ValueError
            K is not square.
        LinAlgError
            K is not Hermitian and positive semidefinite.

        Notes
        -----
        V diag(√w) ξ with ξ standard normal and K = V diag(w) Vᴴ, which serves singular K too.  A
        complex K gets circularly symmetric samples, E[x xᴴ] = K.

        Examples
        --------
        >>> from kronvec.operators import Diagonal
        >>> Diagonal([1.0, 0.0]).sample(3, rng=0).shape
        (3, 2)
        """
        function = f"{type(self).__name__}.sample"
        n = self._check_square(function)
        count = 1 if size is None else check_size(function, "size", size)
        rng = np.random.default_rng(rng)
        w, v = self._eigh()
        noise = np.finfo(w.dtype).eps * n * np.abs(w).max(initial=0)
        if (w < -noise).any():
            raise np.linalg.LinAlgError(
                f"{function}: K is not positive semidefinite, its least eigenvalue is {w.min()}"
            )
        normal = rng.standard_normal((n, count))
        if v.dtype.kind == "c":
            normal = (normal + 1j * rng.standard_normal((n, count))) / np.sqrt(2)
        normal = normal.astype(v.dtype, copy=False)
        samples = (v @ (np.sqrt(np.maximum(w, 0))[:, None] * normal)).T
        return samples[0] if size is None else samples

    # ---------------------------------------------------------------- what a subclass overrides

    def _balanced(self) -> Any:
        """(G, e) with self = 2ᵉ G and entries of G next to 1; see _exponents.py."""
        e = self._exponent()
        return (self, 0) if is_moderate(e, self.dtype) else (self._times_power_of_two(-e), e)

    def _exponent(self) -> int:
        return 0  # as of what has no entries of its own

    def _times_power_of_two(self, e: Any) -> Any:
        return math.ldexp(1.0, e) * self  # type: ignore[operator]  # an Operator

    def _is_hermitian(self) -> bool:
        return is_hermitian(self._dense("eigh"))

    def _eigh(self) -> tuple[Array, Operator]:
        from .dense import Dense

        if not is_hermitian(formed := self._formed("eigh")):
            raise np.linalg.LinAlgError(f"{type(self).__name__}.eigh: {self!r} is not Hermitian")
        w, v = np.linalg.eigh(formed)
        return w, Dense(v)

    def _eig(self) -> tuple[Array, Operator]:
        from .dense import Dense

        w, v = np.linalg.eig(self._formed("eig"))
        return w, Dense(v)

    def _svd(self) -> tuple[Operator, Array, Operator]:
        from .dense import Dense

        u, s, vh = np.linalg.svd(self._formed("svd"), full_matrices=False)
        return Dense(u), s, Dense(vh)

    def _cholesky(self) -> Operator:
        from .triangular import Triangular

        formed = self._formed("cholesky")
        if not is_hermitian(formed):
            raise np.linalg.LinAlgError(
                f"{type(self).__name__}.cholesky: {self!r} is not Hermitian"
            )
        try:
            return Triangular(np.linalg.cholesky(formed))
        except np.linalg.LinAlgError:
            raise np.linalg.LinAlgError(
                f"{type(self).__name__}.cholesky: {self!r} is not positive definite"
            ) from None

    def _qr(self) -> tuple[Operator, Operator]:
        from .dense import Dense

        q, r = np.linalg.qr(self._formed("qr"))
        return Dense(q), Dense(r)

    def _integer_power(self, p: int) -> Operator:
        """Kᵖ of an integer p, by repeated squaring of what products simplify to."""
        from .identity import Identity

        if p < 0:
            return self._inv()._integer_power(-p)
        result: Any = Identity(self.shape[0])
        square: Any = self
        while p:
            if p & 1:
                result = result @ square
            p >>= 1
            square = square @ square if p else square
        return result

    def _power(self, p: float) -> Operator:
        """Kᵖ of a fractional p, by eigenvalues."""
        from .fractional_powers import fractional_power

        return fractional_power(self, p)  # type: ignore[arg-type]  # an Operator

    def _norm(self, ord: Norm) -> Scalar:
        if ord in (2, -2, "nuc"):
            s = self._singular_values()
            if ord == -2:
                full = s.size and len(s) == min(self.shape)
                return s.min(initial=np.inf) if full else s.dtype.type(0)
            return s.sum() if ord == "nuc" else s.max(initial=0)
        dense = self._dense("norm")  # NumPy 2.1 has no maximum of no entries
        return frobenius(dense) if ord == "fro" or not dense.size else np.linalg.norm(dense, ord)

    def _singular_values(self) -> Array:
        """Those of `svd`, without the vectors."""
        return np.linalg.svd(self._formed("svd"), compute_uv=False)

    def _cutoff(self, s: Array, rtol: float | None) -> Scalar:
        """What singular values must exceed."""
        default = np.finfo(inexact(self.dtype)).eps * max(self.shape)
        return (default if rtol is None else rtol) * s.max(initial=0)
