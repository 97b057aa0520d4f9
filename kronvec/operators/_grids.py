"""The grid behind a covariance: which entries are observed, and how far apart its points are.

A sum of Kronecker products of factors n_1 x n_1, n_2 x n_2, ... belongs to a grid of as many
axes and n_1 x n_2 x ... points; the rows P of the identity say which of them P K Pᵀ observes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ._simplify import add, compose, multiply
from ._solving import inexact
from .combinations import Product, Scaled
from .diagonal import Diagonal
from .identity import Identity
from .kronecker_product import KroneckerProduct
from .kronecker_sum import KroneckerSum
from .restriction import Extension, Restriction
from .sums import Sum

if TYPE_CHECKING:
    from .._typing import Array, Shape
    from ._base import Operator


@dataclass(frozen=True)
class Grid:
    """K on a grid of ``sizes``, of which the entries ``observed`` (all, if None) are seen."""

    kernel: Operator
    sizes: Shape
    observed: Array | None

    def points(self) -> Array:
        """Where the observed entries are, (n, axes), in units of the correlation's decay."""
        count = prod(self.sizes)
        numbers = np.arange(count) if self.observed is None else self.observed
        index = np.unravel_index(numbers, self.sizes)
        axes = range(len(self.sizes))
        return np.column_stack([self._coordinates(axis)[index[axis]] for axis in axes])

    def _coordinates(self, axis: int) -> Array:
        """Positions along an axis, (sizes[axis],), through the middle of the others.

        From one index to the next it is (-log ρ)^(1/α) for the correlation ρ = exp(-dᵅ) of the
        two; α follows from the correlations two indices apart, which are exp(-(2 d)ᵅ).
        """
        index = [np.full(self.sizes[axis], size // 2) for size in self.sizes]
        index[axis] = np.arange(self.sizes[axis])
        line = np.ravel_multi_index(index, self.sizes)
        variance = np.abs(self.kernel._entries(line, line)).astype(np.float64)
        decay = [self._decay(line, variance, lag) for lag in (1, 2)]
        exponent = 2.0
        if len(line) > 2:
            exponent = np.clip(np.log2(np.median(decay[1]) / np.median(decay[0])), 1, 2)
        return np.concatenate([np.zeros(len(line[:1])), np.cumsum(decay[0] ** (1 / exponent))])

    def _decay(self, line: Array, variance: Array, lag: int) -> Array:
        """-log |ρ| of entries ``lag`` apart, bounded where they are equal or uncorrelated."""
        eps = np.finfo(inexact(self.kernel.dtype)).eps
        size = np.sqrt(variance[lag:] * variance[:-lag])
        entries = np.abs(self.kernel._entries(line[lag:], line[:-lag])).astype(np.float64)
        correlation = np.divide(entries, size, out=np.zeros_like(size), where=size > 0)
        return -np.log(np.clip(correlation, eps, 1 - eps))


def read_grid(operator: Operator) -> Grid | None:
    """The grid of a sum of Kronecker products, or of P K Pᵀ, diagonals added; or None."""
    grids = []
    for term in _terms(operator):
        scale, inner = (term.scale, term.operator) if isinstance(term, Scaled) else (1, term)
        if isinstance(inner, (Identity, Diagonal)):
            continue
        grid = _grid_of_term(inner)
        if grid is None:
            return None
        grids.append(Grid(multiply(scale, grid.kernel), grid.sizes, grid.observed))
    if not grids or not all(_same_place(grid, grids[0]) for grid in grids):
        return None
    return Grid(reduce(add, (g.kernel for g in grids)), grids[0].sizes, grids[0].observed)


def _terms(operator: Operator) -> tuple[Operator, ...]:
    return operator.terms if isinstance(operator, Sum) else (operator,)


def _grid_of_term(term: Operator) -> Grid | None:
    if isinstance(term, KroneckerSum):
        return Grid(term, term.sizes, None)
    if isinstance(term, KroneckerProduct):
        square = all(f.shape[0] == f.shape[1] for f in term.factors)
        return Grid(term, tuple(f.shape[0] for f in term.factors), None) if square else None
    if not isinstance(term, Product):
        return None
    first, *inner, last = term.operators
    if not (isinstance(first, Restriction) and isinstance(last, Extension) and inner):
        return None
    if not np.array_equal(first.indices, last.restriction.indices):
        return None
    grid = read_grid(reduce(compose, inner))
    return None if grid is None else Grid(grid.kernel, grid.sizes, first.indices)


def _same_place(a: Grid, b: Grid) -> bool:
    """Whether two grids have the same points, and the same of them are observed."""
    if a.observed is None or b.observed is None:
        return a.sizes == b.sizes and a.observed is b.observed
    return a.sizes == b.sizes and np.array_equal(a.observed, b.observed)
