"""Iterative refinement: x += K⁻¹ (b - K x), where K⁻¹ is known less precisely than K x is."""

from __future__ import annotations

import warnings

import numpy as np

STEPS = 3


class IllConditionedWarning(RuntimeWarning):
    """A system is singular to working precision; its solution may have no correct digit.

    Examples
    --------
    An error instead of a warning:

    >>> import warnings
    >>> from kronvec.operators import IllConditionedWarning, KroneckerProduct
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", IllConditionedWarning)
    ...     KroneckerProduct([[2.0]], [[4.0]]).solve([8.0])
    array([1.])
    """


def refined_solve(product, b):
    """x = K⁻¹ b for a Kronecker product K, refined until the residual is that of elimination.

    K⁻¹ b by explicit inverses leaves a residual of about u κ(K) ‖b‖ where elimination has
    u ‖K‖ ‖x‖.  A step x += K⁻¹ (b - K x) takes one to the other, unless κ(K) u is about 1
    (Higham 2002, theorem 12.3).
    """
    inverse = product._inv("solve")
    x = inverse._matmul(b)
    unit = np.finfo(b.dtype).eps * (1 + sum(f.shape[1] for f in product.factors))
    norm = product._norm(np.inf)
    size = _size(b)
    for _ in range(STEPS):
        residual = b - product._matmul(x)
        bound = unit * (norm * _size(x) + size)
        if not (_size(residual) > bound).any():  # NaN in b ends it, too
            return x
        x = x + inverse._matmul(residual)
    if (_size(b - product._matmul(x)) > 10 * bound).any():
        warnings.warn(
            f"{product!r} is singular to working precision: the solution may be wrong",
            IllConditionedWarning,
            stacklevel=4,
        )
    return x


def refined_in_more_precision(operator, b):
    """x = K⁻¹ b for a b of more precision than K, by systems in that of K.

    An error shrinks by about κ(K) u in each step, u that of K (Higham 2002, section 12.1); a step
    that leaves a larger residual is not taken.
    """
    solve = operator._solver(b.dtype)
    x = solve(b)
    residual = b - operator._matmul(x)
    for _ in range(STEPS):
        moved = x + solve(residual)
        left = b - operator._matmul(moved)
        better = (_size(left) < _size(residual))[..., None, :]
        if not better.any():
            break
        x, residual = np.where(better, moved, x), np.where(better, left, residual)
    return x


def _size(x):
    """The maximum norm of each column."""
    return np.abs(x).max(axis=-2, initial=0)
