"""Partial traces, partial transposes and realignments of sums of Kronecker products, by factors.

The functions `kronvec.partial_trace`, `kronvec.partial_transpose`, `kronvec.realignment` and
`kronvec.nearest_kron` ask an operator for the hooks of this mixin (see _structured.py).
"""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from .._structured import stacked_terms
from ._interface import Interface

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from .._typing import Scalar, Shape
    from ..operators._base import Operator


class Subsystems(Interface):
    """The hooks; NotImplemented where an operator is no sum of Kronecker products that fit."""

    def _kronecker_terms(self) -> list[tuple[Any, ...]] | None:
        """(c, factors) for each term of Σ c ⊗ factors; None for another operator."""
        return None

    def _fitting_terms(self, shapes: Sequence[Shape]) -> list[tuple[Any, list[Operator]]] | None:
        """(c, one operator for each shape) of every term, or None."""
        terms = self._kronecker_terms()
        if terms is None:
            return None
        fitting = []
        for c, factors in terms:
            groups = _grouped(factors, shapes)
            if groups is None:
                return None
            fitting.append((c, groups))
        return fitting

    def _partial_trace(self, dims: Sequence[tuple[int, int]], axes: Shape) -> Any:
        terms = self._fitting_terms(dims)
        if terms is None:
            return NotImplemented
        return _sum(_traced(c, groups, axes) for c, groups in terms)

    def _partial_transpose(self, dims: Sequence[tuple[int, int]], axes: Shape) -> Any:
        terms = self._fitting_terms(dims)
        if terms is None:
            return NotImplemented
        return _sum(
            c * _product([g.T if i in axes else g for i, g in enumerate(groups)])
            for c, groups in terms
        )

    def _realigned(self, shape_a: Shape, shape_b: Shape) -> Any:
        terms = self._fitting_terms((tuple(shape_a), tuple(shape_b)))
        if terms is None:
            return NotImplemented
        return stacked_terms([(c * a.toarray(), b.toarray()) for c, (a, b) in terms])


def _grouped(factors: Sequence[Operator], shapes: Sequence[Shape]) -> list[Operator] | None:
    """The factors, neighbours together so that these are the shapes; None if they do not fit."""
    from .identity import Identity

    factors, groups = list(factors), []
    for shape in shapes:
        group: list[Operator] = []
        while factors and (not group or _shape(group) != tuple(shape)):
            f = factors.pop(0)
            n, rest = shape[0], f.shape[0] // max(shape[0], 1)
            if (
                isinstance(f, Identity)
                and not group
                and shape == (n, n)
                and rest > 1
                and rest * n == len(f)
            ):
                f, factors = Identity(n), [Identity(rest), *factors]  # I_{mn} = I_m ⊗ I_n
            group.append(f)
        if not group or _shape(group) != tuple(shape):
            return None
        groups.append(_product(group))
    return None if factors else groups


def _shape(factors: Sequence[Operator]) -> tuple[int, int]:
    return prod(f.shape[0] for f in factors), prod(f.shape[1] for f in factors)


def _product(factors: Sequence[Operator]) -> Operator:
    from .kronecker_product import KroneckerProduct

    return factors[0] if len(factors) == 1 else KroneckerProduct(*factors)


def _traced(c: Scalar, groups: Sequence[Operator], axes: Shape) -> Any:
    """The product of the rest, scaled by the traces."""
    scale = reduce(np.multiply, [g.trace() for i, g in enumerate(groups) if i in axes], c)
    rest = [g for i, g in enumerate(groups) if i not in axes]
    return scale * _product(rest) if rest else np.reshape(scale, (1, 1))


def _sum(terms: Iterator[Any]) -> Operator:
    return reduce(lambda a, b: a + b, terms)
