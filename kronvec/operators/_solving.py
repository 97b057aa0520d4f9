"""Linear systems, inverses, determinants, traces, forms: the methods, and what to override.

    _solve(b)        K⁻¹ B, for an array b of shape (..., n, k) of an inexact dtype
    _solver(dtype)   that function, for many b of the precision of a dtype
    _inv()           K⁻¹ as an operator
    _pinv(rtol)      K⁺ as an operator
    _slogdet()       sign and logarithm of |det K|
    _diagonal()      the entries K[i, i]

The defaults form the dense array, which is refused beyond 4096 rows or columns.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from .._kernels import DTYPES
from .._shapes import as_plain, check_addressable, check_formable, shape_error
from ._interface import Interface
from ._refinement import eliminate, refined_in_more_precision

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import ArrayLike

    from .._typing import Array, DType, Scalar
    from ._base import Operator


def inexact(*dtypes: DType) -> DType:
    """The dtype of a quotient: float64 for integers and booleans."""
    dtype = np.result_type(*dtypes)
    return dtype if dtype.kind in "fc" else np.result_type(dtype, 1.0)


def check_decomposable(function: str, dtype: DType) -> None:
    """Refuse what LAPACK has no routines for."""
    if dtype not in DTYPES:
        raise TypeError(
            f"{function}: dtype {dtype} has no decompositions, only float32, float64, complex64 "
            f"and complex128 have"
        )


def native(dtype: DType) -> DType:
    """The dtype in the byte order of the machine."""
    return dtype if dtype.isnative else dtype.newbyteorder("=")


def by_columns(function: Callable[..., Any], x: Array) -> Array:
    """``function`` of a matrix (n, K) for all columns of x, (..., n, k), at once."""
    if x.ndim == 2:
        return function(x)
    columns = np.moveaxis(x, -2, 0)
    y = function(columns.reshape(columns.shape[0], prod(columns.shape[1:])))
    return np.moveaxis(y.reshape(len(y), *columns.shape[1:]), 0, -2)


def finite_columns(solve: Callable[..., Any], b: Array) -> Array:
    """``solve`` of a matrix b, NaN in the columns where b holds NaN or infinity."""
    finite = np.isfinite(b).all(axis=0)
    if finite.all():
        return solve(b)
    x = solve(np.where(finite, b, 0))
    x[:, ~finite] = np.nan
    return x


class Solving(Interface):
    """Linear systems with an operator."""

    def solve(self, b: ArrayLike) -> Array:
        """The solution x of ``K x = b``, as `numpy.linalg.solve` gives it.

        Parameters
        ----------
        b : array_like, shape (n,) or (..., n, k)

        Returns
        -------
        ndarray, of the shape of b
            Of the result type of K and b, float64 for integers.

        Raises
        ------
        ValueError
            K is not square, b does not have n rows, or K is beyond what is formed and has no
            structured way.
        TypeError
            b does not hold numbers, or of the dtype (half or extended precision, objects) there
            is no elimination.
        LinAlgError
            K is singular; the message names the factor.

        Notes
        -----
        A Kronecker product is solved by the inverses of its factors, followed by steps of
        iterative refinement until the residual is small: ``max |b - K x|`` at most about
        n u (‖K‖ ‖x‖ + ‖b‖) in the maximum norm, u the unit roundoff, unless K is singular to
        working precision, which warns.  Where b is of more precision than K, as float64 beside
        float32, refinement gives the solution that precision, too.

        NaN or infinity in a column of b is no error and leaves the other columns alone: the
        entries of x that depend on it are NaN or infinite.

        References
        ----------
        N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed. (2002),
        chapters 12 and 14.

        Examples
        --------
        >>> import numpy as np
        >>> from kronvec.operators import KroneckerProduct
        >>> K = KroneckerProduct([[2.0, 1.0], [1.0, 2.0]], [[4.0]])
        >>> K.solve(np.array([4.0, 8.0]))
        array([0., 1.])
        """
        function = f"{type(self).__name__}.solve"
        n = self._check_square(function)
        b = as_plain(function, "b", b, min_ndim=1)
        if b.shape[-min(b.ndim, 2)] != n:
            raise shape_error(function, f"axis {-min(b.ndim, 2)} of b must have length {n}", b=b)
        b = b.astype(inexact(*self._own_dtypes(), b.dtype), copy=False)
        less_precise = self._is_less_precise(b.dtype)
        columns = b[:, None] if b.ndim == 1 else b
        solve: Callable[..., Array] = (
            refined_in_more_precision if less_precise else type(self)._solve
        )
        x = solve(self, columns)
        return x[:, 0] if b.ndim == 1 else x

    def lstsq(self, b: ArrayLike, *, rtol: float | None = None) -> Array:
        """The x of least norm among those that minimize ``‖b - K x‖``.

        Parameters
        ----------
        b : array_like, shape (rows,) or (..., rows, k)
        rtol : float, optional
            Singular values up to rtol times the largest count as zero; by default the unit
            roundoff of K times its larger side.

        Returns
        -------
        ndarray, shape (columns,) or (..., columns, k)
            In the common precision of K and b.

        Raises
        ------
        ValueError
            b does not have as many rows as K.

        References
        ----------
        Golub & Van Loan, *Matrix Computations*, 4th ed. (2013), section 5.5.

        Examples
        --------
        >>> import numpy as np
        >>> from kronvec.operators import KroneckerProduct
        >>> K = KroneckerProduct([[1.0], [1.0]], [[2.0]])
        >>> K.lstsq(np.array([2.0, 4.0]))
        array([1.5])
        """
        function = f"{type(self).__name__}.lstsq"
        b = as_plain(function, "b", b, min_ndim=1)
        axis, rows = -min(b.ndim, 2), self.shape[0]
        if b.shape[axis] != rows:
            raise shape_error(function, f"axis {axis} of b must have length {rows}", b=b)
        dtype = inexact(*self._own_dtypes(), b.dtype)
        if not self._is_less_precise(dtype):
            return self.pinv(rtol=rtol) @ b
        from ._precision import in_precision

        rtol = np.finfo(inexact(self._dtype)).eps * max(self.shape) if rtol is None else rtol
        precise = in_precision(self, np.zeros((), dtype).real.dtype)  # type: ignore[arg-type]  # an Operator
        return precise.pinv(rtol=rtol) @ b

    def inv(self) -> Operator:
        """The inverse K⁻¹, an operator.

        Raises
        ------
        ValueError
            K is not square.
        LinAlgError
            K is singular.  Where the structure does not show it, the first product raises.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> K = KroneckerProduct([[2.0]], [[1.0, 1.0], [0.0, 1.0]])
        >>> K.inv().toarray()
        array([[ 0.5, -0.5],
               [ 0. ,  0.5]])
        """
        self._check_square(f"{type(self).__name__}.inv")
        return self._inv()

    def pinv(self, *, rtol: float | None = None) -> Operator:
        """The Moore-Penrose inverse K⁺, an operator, in the precision of K.

        Parameters
        ----------
        rtol : float, optional
            Singular values up to rtol times the largest of K count as zero; by default the unit
            roundoff times the larger side of K.

        References
        ----------
        Golub & Van Loan, *Matrix Computations*, 4th ed. (2013), section 5.5.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> K = KroneckerProduct([[1.0], [1.0]], [[2.0]])
        >>> K.pinv().toarray()
        array([[0.25, 0.25]])
        """
        return self._pinv(rtol)

    def trace(self) -> Scalar:
        """The sum of the diagonal, for a square operator.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> KroneckerProduct([[1, 2], [3, 4]], [[5]]).trace()
        np.int64(25)
        """
        self._check_square(f"{type(self).__name__}.trace")
        trace = np.asarray(self._trace())
        return trace.astype(np.zeros(1, self._dtype).sum(keepdims=True).dtype, copy=False)[()]

    def diagonal(self) -> Array:
        """The entries K[i, i], an array of min(rows, columns) of them.

        Examples
        --------
        >>> from kronvec.operators import KroneckerProduct
        >>> KroneckerProduct([[1, 2], [3, 4]], [[5]]).diagonal()
        array([ 5, 20])
        """
        return self._diagonal().astype(self._dtype, copy=False)

    def det(self) -> Scalar:
        """The determinant of a square operator, from `slogdet`.

        Examples
        --------
        >>> from kronvec.operators import Diagonal
        >>> Diagonal([2.0, 3.0]).det().round(6)
        np.float64(6.0)
        """
        self._check_square(f"{type(self).__name__}.det")
        return self._det()

    def slogdet(self) -> tuple[Scalar, Scalar]:
        """``(sign, logabsdet)`` with det K = sign · exp(logabsdet), as `numpy.linalg.slogdet`.

        A singular K has (0, -inf).

        Examples
        --------
        >>> from kronvec.operators import Diagonal
        >>> sign, logabsdet = Diagonal([-1.0, 1.0]).slogdet()
        >>> float(sign), float(logabsdet)
        (-1.0, 0.0)
        """
        self._check_square(f"{type(self).__name__}.slogdet")
        sign, logarithm = self._slogdet()
        return np.asarray(sign, inexact(self._dtype))[()], self._precise(logarithm)

    def quadratic_form(self, z: ArrayLike) -> Any:
        """``zᴴ K z`` for a vector, ``Zᴴ K Z`` for a matrix of k columns.

        Parameters
        ----------
        z : array_like, shape (n,) or (..., n, k)

        Returns
        -------
        scalar or ndarray, shape (..., k, k)

        Raises
        ------
        ValueError
            K is not square, or z does not have n rows.

        Examples
        --------
        >>> from kronvec.operators import Diagonal
        >>> Diagonal([1, 2]).quadratic_form([3, 4])
        np.int64(41)
        """
        function = f"{type(self).__name__}.quadratic_form"
        n = self._check_square(function)
        z = as_plain(function, "z", z, min_ndim=1)
        if z.shape[-min(z.ndim, 2)] != n:
            raise shape_error(function, f"axis {-min(z.ndim, 2)} of z must have length {n}", z=z)
        adjoint = z.conj() if z.ndim == 1 else np.swapaxes(z, -1, -2).conj()
        return adjoint @ (self @ z)

    # ---------------------------------------------------------------- what a subclass overrides

    def _solve(self, b: Array) -> Array:
        check_decomposable(f"{type(self).__name__}.solve", b.dtype)
        return eliminate(self, self._formed("solve"), b)

    def _solver(self, precision: DType) -> Callable[[Array], Array]:
        """The function ``_solve`` for all b of a precision, after what they have in common."""
        return self._solve

    def _inv(self) -> Operator:
        from .inverse import Inverse

        return Inverse(self)  # type: ignore[arg-type]  # an Operator

    def _pinv(self, rtol: float | None) -> Operator:
        from .dense import Dense

        formed = self._formed("pinv")
        rtol = np.finfo(formed.dtype).eps * max(self.shape) if rtol is None else rtol
        return Dense(np.linalg.pinv(formed, rtol=rtol))

    def _trace(self) -> Scalar:
        return self._diagonal().sum()

    def _diagonal(self) -> Array:
        n = min(self.shape)
        check_addressable(f"{type(self).__name__}.diagonal", (n,), np.dtype(np.intp).itemsize)
        i = np.arange(n)
        return self._entries(i, i)

    def _det(self) -> Scalar:
        sign, logarithm = self.slogdet()
        with np.errstate(invalid="ignore"):  # a complex number times infinity, as in NumPy
            return sign * np.exp(logarithm)

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        sign, logarithm = np.linalg.slogdet(self._formed("slogdet"))
        return sign, logarithm

    # -------------------------------------------------------------------------------- helpers

    def _check_square(self, function: str) -> int:
        rows, columns = self.shape
        if rows != columns:
            raise ValueError(f"{function}: the operator must be square, it is {rows} x {columns}")
        return rows

    def _precise(self, value: Any) -> Any:
        """Of the precision of K: factors that only move count as float64 but have no say in it."""
        value, dtype = np.asarray(value)[()], inexact(self._dtype)
        if dtype.kind not in "fc" or value.dtype.kind == "O":
            return value
        real = value.dtype.kind != "c"
        return value.astype(np.zeros((), dtype).real.dtype if real else dtype, copy=False)

    def _is_less_precise(self, dtype: DType) -> bool:
        """Whether numbers of a dtype have more digits than those of K."""
        own = inexact(self._dtype)
        if own.kind not in "fc" or dtype.kind not in "fc":
            return False
        return bool(np.finfo(dtype).eps < np.finfo(own).eps)

    def _own_dtypes(self) -> tuple[DType, ...]:
        """What the operator brings into the dtype of a product: nothing where entries only move."""
        return () if self.moves_only else (self.dtype,)

    def _formed(self, method: str) -> Array:
        """The dense array for LAPACK, where nothing better is known."""
        check_decomposable(f"{type(self).__name__}.{method}", inexact(self.dtype))
        return self._dense(method)

    def _dense(self, method: str) -> Array:
        """The dense array of an inexact dtype."""
        check_formable(f"{type(self).__name__}.{method}", self)
        return self.toarray(inexact(self.dtype))
