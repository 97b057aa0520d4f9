"""Whether a derivative is right: against complex steps, or against differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import check_size
from .continuation import STEP, beside_the_real_axis, in_double
from .derivatives import D
from .expressions import Variable, evaluated
from .maps import MatrixMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from .expressions import Expression

METHODS = ("complex steps", "central differences")
TOLERANCES = {"complex steps": 1e-8, "central differences": 1e-6}


@dataclass(frozen=True)
class DerivativeReport:
    """What `check_derivative` has found.

    Attributes
    ----------
    passed : bool
        Whether the derivative agrees within the tolerance.
    method : str
        What it was compared with, "complex steps" or "central differences".
    step : float
        The largest step taken from a point.
    max_error : float
        The largest difference, relative to the largest entry of the Jacobian.
    tolerance : float
        The largest relative difference that passes.
    out_index : tuple of int
        The entry of F with the largest difference.
    in_index : tuple of int
        The entry of X, or the number of the random direction, one number.
    derivative, measured : float or complex
        What `D` gives there, and what was measured.

    Examples
    --------
    >>> from kronvec.calculus import check_derivative, inv
    >>> report = check_derivative(inv, [[2.0, 1.0], [1.0, 3.0]])
    >>> report.passed, report.method
    (True, 'complex steps')
    """

    passed: bool
    method: str
    step: float
    max_error: float
    tolerance: float
    out_index: tuple[int, ...]
    in_index: tuple[int, ...]
    derivative: float | complex
    measured: float | complex

    def __str__(self) -> str:
        agrees = "agrees with" if self.passed else "differs from"
        worst = ", at worst " if self.passed else ": "
        return (
            f"the derivative {agrees} {self.method} by {self.max_error:.2g} (tolerance "
            f"{self.tolerance:.2g}){worst}dF{list(self.out_index)}/dX{list(self.in_index)} = "
            f"{self.derivative:.10g}, measured {self.measured:.10g}"
        )


def check_derivative(
    f: Callable[[Variable], Expression],
    x: ArrayLike | Variable,
    *,
    method: str | None = None,
    directions: int | None = None,
    rtol: float | None = None,
    seed: int = 0,
) -> DerivativeReport:
    """Compare the derivative of f at X with Im f(X + i h V) / h or (f(X+hV) - f(X-hV)) / 2h.

    Parameters
    ----------
    f : callable
        Takes a `Variable` and returns an expression of it.
    x : array_like, shape (m, n), (n,) or ()
        The point; low precisions are raised to double.
    method : {"complex steps", "central differences"}, optional
        Without it complex steps are tried first, which are exact to rounding but need a real X
        and real analytic operations; what they do not confirm is left to differences.
    directions : int, optional
        The number of random directions V.  Without it every entry of X is a direction.
    rtol : float, optional
        The difference that passes, relative to the largest entry of the Jacobian: 1e-8 for complex
        steps; 1e-6 for differences, and what rounding f leaves uncertain in them.
    seed : int
        Of the random directions.

    Returns
    -------
    DerivativeReport

    Raises
    ------
    AssertionError
        The derivative does not agree; the message is the report.  So a call is a test by itself.
    TypeError
        f returns no expression, or ``method`` is "complex steps" and X or f complex.
    ValueError
        ``method`` is none of these.

    See Also
    --------
    D : the derivative.

    Notes
    -----
    Differences take h = ∛ε max(1, largest entry of X), which balances the error h² of the formula
    with that of rounding, ε/h.  They are wrong where a kink lies within h of X.

    References
    ----------
    Squire & Trapp, *SIAM Review* 40 (1998), 110-112.
    Nocedal & Wright, *Numerical Optimization*, 2nd ed. (2006), section 8.1.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.calculus import check_derivative, inv
    >>> report = check_derivative(lambda X: inv(X @ X.T), np.array([[1.0, 2.0], [3.0, 5.0]]))
    >>> report.passed, report.method
    (True, 'complex steps')
    """
    function = "check_derivative"
    if method is not None and method not in METHODS:
        raise ValueError(f"{function}: method must be one of {METHODS}, got {method!r}")
    x = in_double((x if isinstance(x, Variable) else Variable(x)).value)
    point = Variable(x)
    y = evaluated(function, f, point)
    along = _directions(x, directions, seed)
    j = D(y, point)
    assert isinstance(j, MatrixMap)
    derivative = j.jvp(along)
    real = "c" not in (x.dtype.kind, y.dtype.kind)
    if method == METHODS[0] and not real:
        raise TypeError(
            f"{function}: complex steps need a real x and a real f, got {x.dtype} and {y.dtype}"
        )
    numbering = x.shape if directions is None else (directions,)
    reports: list[DerivativeReport] = []
    if real and method != METHODS[1]:
        try:
            measured = _complex_steps(f, x, along)
        except (TypeError, ValueError):  # something in f takes no complex numbers
            if method:
                raise
        else:
            reports.append(_report(METHODS[0], derivative, measured, STEP, rtol, numbering))
    if method != METHODS[0] and not any(each.passed for each in reports):
        measured, step = _differences(f, x, along)
        # The least error of the differences themselves, of values that are rounded.
        rounding = 8 * np.finfo(x.dtype).eps * np.max(np.abs(y.value), initial=0.0) / step
        reports.append(
            _report(METHODS[1], derivative, measured, step, rtol, numbering, float(rounding))
        )
    report = reports[-1]
    if not report.passed:
        raise AssertionError(f"{function}: {report}")
    return report


def _directions(x, number, seed) -> NDArray:
    if number is None:
        return np.eye(x.size, dtype=x.dtype).reshape((x.size, *x.shape))
    number = check_size("check_derivative", "directions", number)
    rng = np.random.default_rng(seed)
    return rng.standard_normal((number, *x.shape)).astype(x.dtype)


def _complex_steps(f, x, along):
    with beside_the_real_axis():
        return [f(Variable(x + 1j * (STEP * v))).value.imag / STEP for v in along]


def _differences(f, x, along):
    h = float(np.cbrt(np.finfo(x.dtype).eps) * max(1.0, np.max(np.abs(x), initial=0.0)))
    return [
        (f(Variable(x + h * v)).value - f(Variable(x - h * v)).value) / (2 * h) for v in along
    ], h


def _report(method, derivative, measured, step, rtol, numbering, rounding=0.0):
    """The comparison of dF along each direction, numbered as entries of an array of this shape.

    ``rounding`` is the absolute uncertainty of what was measured.
    """
    rtol = TOLERANCES[method] if rtol is None else rtol
    measured = np.array(measured).reshape(derivative.shape)
    if not measured.size:
        return DerivativeReport(True, method, step, 0.0, rtol, (), (), 0.0, 0.0)
    with np.errstate(invalid="ignore"):  # what is not finite is NaN here, and within no tolerance
        errors = np.abs(derivative - measured)
        scale = float(max(np.max(np.abs(measured)), np.max(np.abs(derivative)))) or 1.0
        worst = np.unravel_index(np.argmax(errors), errors.shape)
        error = float(errors[worst] / scale)
    tolerance = rtol + rounding / scale
    return DerivativeReport(
        passed=bool(error <= tolerance),
        method=method,
        step=step,
        max_error=error,
        tolerance=tolerance,
        out_index=tuple(map(int, worst[1:])),
        in_index=tuple(map(int, np.unravel_index(worst[0], numbering))),
        derivative=derivative[worst].item(),
        measured=measured[worst].item(),
    )
