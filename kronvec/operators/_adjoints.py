"""Whether a product of operators is evidently Hermitian, told without forming it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._half_permutation import HalfPermutation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._base import Operator


def reads_the_same_backwards(operators: Sequence[Operator]) -> bool:
    """Whether the first is the adjoint of the last, and so to the middle, as in P K Pᵀ."""
    return all(_is_adjoint(a, b) for a, b in _ends(operators))


def _ends(operators: Sequence[Operator]) -> list[tuple[Operator, Operator]]:
    """The first with the last, the second with the last but one, and so to the middle."""
    n = len(operators)
    return [(operators[i], operators[n - 1 - i]) for i in range((n + 1) // 2)]


def _is_adjoint(a: Operator, b: Operator) -> bool:
    """Whether a = bᴴ is evident."""
    if a is b:
        return a._is_hermitian()
    for extension, other in ((a, b), (b, a)):
        inner: Any = getattr(extension, "restriction", None)
        outer: Any = other
        if inner is not None and type(outer) is type(inner):
            return inner.shape == outer.shape and np.array_equal(inner.indices, outer.indices)
    if isinstance(a, HalfPermutation) and type(a) is type(b) and a.is_itself != b.is_itself:
        return a.shape == b.shape[::-1]
    left, right = getattr(a, "array", None), getattr(b, "array", None)
    if left is None or right is None:
        return False
    return np.array_equal(left, right.conj().T)
