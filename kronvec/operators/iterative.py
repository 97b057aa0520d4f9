"""Conjugate gradients: A x = b for a Hermitian positive definite A that is only applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import as_plain, check_size, shape_error
from ._base import Operator
from ._solving import inexact

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

_MOST_STEPS = 10_000
_POWER_STEPS = 8


@dataclass(frozen=True)
class Solution:
    """x with A x ≈ b, and how it was reached.

    Attributes
    ----------
    x : ndarray, of the shape of b
        The solution.
    iterations : int
        Steps, each one product with A and one with the preconditioner.
    residual : float, or ndarray of shape (k,)
        ‖b - A x‖ / ‖b‖ of each column, computed from x itself; 0 where b = 0.

    Examples
    --------
    >>> from kronvec.operators import Diagonal, conjugate_gradients
    >>> solution = conjugate_gradients(Diagonal([1.0, 2.0]), [1.0, 4.0])
    >>> solution.x.round(6), solution.iterations, solution.residual < 1e-6
    (array([1., 2.]), 2, True)
    """

    x: NDArray
    iterations: int
    residual: float | NDArray


def conjugate_gradients(
    a,
    b: ArrayLike,
    *,
    preconditioner=None,
    rtol: float | None = None,
    maxiter: int | None = None,
    callback: Callable[[int, float], object] | None = None,
) -> Solution:
    """Solve A x = b to ‖b - A x‖ <= rtol ‖b‖ for a Hermitian positive definite A.

    A is applied, never formed: one product A P and one M R in each step, for all columns at once.

    Parameters
    ----------
    a : operator, array_like, or anything with ``@`` and a shape
        A, (n, n).  That it is Hermitian is not checked.
    b : array_like, shape (n,) or (n, k)
        k columns run together, each with step sizes of its own; one that has converged does not
        change any more.
    preconditioner : operator, array, or anything with ``@``, optional
        M ≈ A⁻¹, Hermitian and positive definite too.
    rtol : float, optional
        Positive.  By default u^(2/3), 4e-11 in double and 2e-5 in single precision, or, where
        rounding does not allow that, 4 √n u ‖A‖ ‖x‖ / ‖b‖, about what elimination leaves, but at
        most u^(1/3), 6e-6 and 5e-3.
    maxiter : int, optional
        The most steps; by default 10 n, at most 10,000.
    callback : callable, optional
        ``callback(iterations, residual)`` after every step, the residual being the greatest of
        the columns as the recursion has it.

    Returns
    -------
    Solution
        x of the result type of A and b (float64 for integers), the number of steps, and the
        residual recomputed from x.

    Raises
    ------
    ValueError
        A is not square, b does not fit or is not finite, rtol is not positive, or maxiter is
        negative.
    TypeError
        An argument is no matrix, does not hold numbers, or is of half precision.
    numpy.linalg.LinAlgError
        A or M is not positive definite (pᴴ A p <= 0 or rᴴ M r <= 0 for some p or r), or the
        residual is too large after ``maxiter`` steps; the message gives both.

    See Also
    --------
    NearestNeighbours : a preconditioner for covariances.

    Notes
    -----
    A step updates the residual by R -= A P α, which drifts from B - A X by rounding.  Where it
    is small enough the residual is computed afresh, and the iteration starts again from X if
    that one is too large.

    References
    ----------
    M. R. Hestenes and E. Stiefel, "Methods of conjugate gradients for solving linear systems",
    J. Res. Nat. Bur. Standards 49 (1952), 409-436.
    Golub & Van Loan, *Matrix Computations*, 4th ed. (2013), section 11.3.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.operators import Diagonal, KroneckerProduct, conjugate_gradients
    >>> K = KroneckerProduct([[2.0, 1.0], [1.0, 2.0]], [[2.0, 0.0], [0.0, 1.0]])
    >>> A = K + Diagonal([1.0, 2.0, 3.0, 4.0])
    >>> solution = conjugate_gradients(A, A @ np.arange(4.0))
    >>> solution.x.round(6) + 0.0
    array([0., 1., 2., 3.])
    >>> solution.iterations
    4
    """
    function = "conjugate_gradients"
    a = _matrix(function, "a", a)
    n = a.shape[0]
    b = as_plain(function, "b", b, min_ndim=1)
    if b.ndim > 2 or b.shape[0] != n:
        raise shape_error(function, f"b must have shape ({n},) or ({n}, k)", b=b)
    dtype = inexact(*_own_dtypes(a, b), b.dtype)
    if dtype.kind not in "fc" or dtype == np.float16:
        raise TypeError(f"{function}: a system of dtype {dtype} cannot be solved")
    if preconditioner is not None:
        preconditioner = _matrix(function, "preconditioner", preconditioner, n)
    if rtol is not None and not rtol > 0:
        raise ValueError(f"{function}: rtol must be positive, got {rtol}")
    most = min(10 * n, _MOST_STEPS) if maxiter is None else check_size(function, "maxiter", maxiter)
    columns = (b[:, None] if b.ndim == 1 else b).astype(dtype)
    x, iterations, residual = _System(a, preconditioner, columns, callback).solve(rtol, most)
    if b.ndim == 1:
        return Solution(x[:, 0], iterations, float(residual[0]))
    return Solution(x, iterations, residual)


def _matrix(function, name, value, n=None):
    """What has ``@`` and a shape, (n, n), as it is; else an array."""
    if not (hasattr(value, "shape") and hasattr(type(value), "__matmul__")):
        value = as_plain(function, name, value)
    size = value.shape[0] if n is None and value.shape else n
    if value.shape != (size, size):
        need = "be square" if n is None else f"have shape ({n}, {n})"
        raise shape_error(function, f"{name} must {need}", **{name: value})
    return value


def _own_dtypes(a, b):
    """None for an operator that only moves entries."""
    return a._own_dtypes() if isinstance(a, Operator) else (getattr(a, "dtype", None) or b.dtype,)


class _System:
    """A X = B of k columns, B scaled so that squares of its entries neither over- nor underflow."""

    def __init__(self, a, preconditioner, b, callback) -> None:
        if not np.isfinite(b).all():
            raise ValueError("conjugate_gradients: b holds NaN or infinity")
        self.a, self.preconditioner, self.callback = a, preconditioner, callback
        exponent = np.frexp(np.abs(b).max(axis=0, initial=0))[1] - 1
        least = np.finfo(b.dtype).minexp
        self.scale = np.ldexp(np.ones((), b.dtype).real, np.maximum(exponent, least))
        self.b = b / self.scale
        self.size = _norms(self.b)

    def _applied(self, matrix, x):
        return np.asarray(matrix @ x).astype(x.dtype, copy=False, casting="same_kind")

    def _apply(self, x):
        return self._applied(self.a, x)

    def _precondition(self, r):
        return r if self.preconditioner is None else self._applied(self.preconditioner, r)

    def solve(self, rtol, most):
        """X, the number of steps, and the relative residual of each column."""
        b, size = self.b, self.size
        eps = np.finfo(b.dtype).eps
        goal = (eps ** (2 / 3) if rtol is None else rtol) * size
        x, r, left = np.zeros_like(b), b.copy(), size
        before, iterations = np.full(len(size), np.inf), 0
        while True:
            if iterations and rtol is None and (left > goal).any():
                norm = self._norm_of_a(r[:, [left.argmax()]])
                rounding = 4 * np.sqrt(len(b)) * eps * norm * _norms(x)
                goal = np.maximum(goal, np.minimum(rounding, np.cbrt(eps) * size))
            open_columns = ~(left <= goal)
            if not open_columns.any():
                break
            stuck = (left > before / 2)[open_columns].any()
            if stuck or iterations >= most:
                worst = np.max(left[open_columns] / size[open_columns])
                allowed = "rounding allows no less" if worst < 1 else "A is singular"
                why = f": {allowed}" if stuck and iterations < most else ""
                raise np.linalg.LinAlgError(
                    f"conjugate_gradients: not converged, the residual ‖b - A x‖ / ‖b‖ is "
                    f"{worst:.1e} after {iterations} steps{why}"
                )
            before, columns = left.copy(), np.flatnonzero(open_columns)
            part = x[:, columns]
            iterations = self._run(part, r[:, columns], goal, columns, iterations, most)
            x[:, columns] = part
            r[:, columns] = b[:, columns] - self._apply(part)
            left = _norms(r)
        residual = np.divide(left, size, out=np.zeros_like(left), where=size > 0)
        return x * self.scale, iterations, residual

    def _run(self, x, r, goal, columns, iterations, most):
        """From x with the residual r until the recursion meets the goal; x changes in place."""
        goal, size = goal[columns], self.size[columns]
        live = slice(None)  # columns that have not met it yet
        z = self._precondition(r)
        p, rz = z, self._positive("rᴴ M r", "the preconditioner", r, z)
        while True:
            q = self._apply(p)
            step = rz / self._positive("pᴴ A p", "the matrix", p, q)
            x[:, live] += step * p
            r = r - step * q
            left = _norms(r)
            iterations += 1
            if self.callback is not None:
                self.callback(iterations, float(np.max(left / size[live])))
            going = left > goal[live]
            diverges = (left * np.finfo(r.dtype).eps > size[live]).any()
            if iterations >= most or diverges or not going.any():
                return iterations
            if not going.all():
                live = np.arange(len(goal))[live][going]
                r, p, rz = r[:, going], p[:, going], rz[going]
            z = self._precondition(r)
            rz, rz_before = self._positive("rᴴ M r", "the preconditioner", r, z), rz
            p = z + (rz / rz_before) * p

    def _positive(self, name, of, p, q):
        """The products pᴴ q of the columns, which positive definite matrices make positive."""
        products = np.vecdot(p, q, axis=0).real
        fit = (products > 0) & (products < np.inf)
        if not fit.all():
            worst = products[~fit][0]
            raise np.linalg.LinAlgError(
                f"conjugate_gradients: {of} is not positive definite, {name} = {worst}"
            )
        return products

    def _norm_of_a(self, v):
        """‖A‖₂ from below, by power iteration from a vector of no pattern, v (n, 1)."""
        for _ in range(_POWER_STEPS):
            v = self._apply(v / _norms(v))
        return _norms(v)[0]


def _norms(x):
    """‖x‖ of each column."""
    return np.sqrt(np.vecdot(x, x, axis=0).real)
