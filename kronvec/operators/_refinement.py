"""Iterative refinement: x += K⁻¹ (b - K x), where K⁻¹ is known less precisely than K x is."""

from __future__ import annotations

import os
import sys
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from .._typing import Array, DType
    from ._base import Operator
    from .kronecker_product import KroneckerProduct


STEPS = 3
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


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


def eliminate(operator: Any, k: Any, b: Array) -> Any:
    """x = K⁻¹ b by LU factors, for the array k of an operator; warns where κ(K) u >= 1.

    A further right side of alternating signs tells κ(K) >= ‖K‖ ‖K⁻¹ v‖ / ‖v‖, seldom less than a
    tenth of it, for one substitution more (Higham 2002, section 15.3).
    """
    probe = probe_of(k, b)
    x = np.linalg.solve(k, np.concatenate([b, probe], axis=-1))
    check_condition(operator, k, x[..., -1])
    return x[..., :-1]


def probe_of(k: Any, b: Array) -> Any:
    """v = (1, -1 - 1/n, 1 + 2/n, ...), a column beside those of b."""
    v = _alternating(len(k), b.dtype)
    return v if b.ndim == 2 else np.broadcast_to(v, (*b.shape[:-1], 1))


@lru_cache(maxsize=64)
def _alternating(n: int, dtype: DType) -> Any:
    v = (1 + np.arange(n) / max(n, 1)) * np.where(np.arange(n) % 2, -1, 1)
    return v.astype(dtype)[:, None]


def check_condition(operator: Any, k: Any, inverse_of_probe: Any) -> None:
    """Warn where ‖K‖ ‖K⁻¹ v‖ u is 1 or more, in the maximum norm with ‖v‖ = 2."""
    if not inverse_of_probe.size:
        return
    growth = float(abs(inverse_of_probe).max()) / 2 * float(abs(k).sum(axis=1).max())
    if growth * float(np.finfo(inverse_of_probe.dtype).eps) >= 1:
        warn(operator)


def warn(operator: Any) -> None:
    """That a system with this operator has no reliable solution, in the line outside of kronvec."""
    frame, depth = sys._getframe(), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(
        f"{operator!r} is singular to working precision: the solution may be wrong",
        IllConditionedWarning,
        stacklevel=depth,
    )


def refined_solve(product: KroneckerProduct, b: Array) -> Array:
    """x = K⁻¹ b for a Kronecker product K, refined until the residual is that of elimination.

    K⁻¹ b by explicit inverses leaves a residual of about u κ(K) ‖b‖ where elimination has
    u ‖K‖ ‖x‖.  A step x += K⁻¹ (b - K x) takes one to the other, unless κ(K) u is about 1
    (Higham 2002, theorem 12.3).
    """
    inverse = product._inv("solve")
    x = inverse._matmul(b)
    unit = np.finfo(b.dtype).eps * (1 + sum(f.shape[1] for f in product.factors))
    norm = product._norm(np.inf)
    hopeless = norm * inverse._norm(np.inf) * np.finfo(b.dtype).eps >= 1
    size = _size(b)
    for _ in range(STEPS):
        residual = b - product._matmul(x)
        bound = unit * (norm * _size(x) + size)
        if not (_size(residual) > bound).any():  # NaN in b ends it, too
            break
        x = x + inverse._matmul(residual)
    else:
        hopeless |= (_size(b - product._matmul(x)) > 10 * bound).any()
    if hopeless:
        warn(product)
    return x


def refined_in_more_precision(operator: Operator, b: Array) -> Array:
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


def _size(x: Array) -> Array:
    """The maximum norm of each column."""
    return np.abs(x).max(axis=-2, initial=0)
