"""Sums, scalings, compositions and adjoints of maps that have no simpler form, and zero."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from ..operators import Dense
from . import labels
from .labels import ATOM, PRODUCT, Label
from .maps import MatrixMap
from .matrices import result_dtype

if TYPE_CHECKING:
    from .._typing import Array, Order, Scalar
    from ..operators._base import Operator


class Zero(MatrixMap):
    """dX -> 0."""

    dtype = np.dtype(np.float64)

    def _apply(self, x: Array) -> Array:
        return np.zeros((*x.shape[:-2], *self._out), x.dtype)

    def _pull(self, g: Array) -> Array:
        return np.zeros((*g.shape[:-2], *self._in), g.dtype)

    def _adjoint(self) -> Zero:
        return Zero(self.out_shape, self.in_shape)

    def _operator(self, order: Order) -> Operator:
        rows, columns = np.prod(self._out, dtype=int), np.prod(self._in, dtype=int)
        return Dense(np.zeros((rows, 1))) @ Dense(np.zeros((1, columns)))

    def _label(self, order: Order) -> Label:
        return Label("0", "0")


class Sum(MatrixMap):
    """dX -> J1 dX + J2 dX + …."""

    def __init__(self, *terms: MatrixMap) -> None:
        super().__init__(terms[0].in_shape, terms[0].out_shape)
        self.terms = terms
        self.dtype = result_dtype(*(term.dtype for term in terms))

    def _apply(self, x: Array) -> Array:
        return reduce(np.add, (term._apply(x) for term in self.terms))

    def _pull(self, g: Array) -> Array:
        return reduce(np.add, (term._pull(g) for term in self.terms))

    def _adjoint(self) -> MatrixMap:
        return Sum(*(term._adjoint() for term in self.terms))

    def _operator(self, order: Order) -> Operator:
        return reduce(lambda a, b: a + b, (term._operator(order) for term in self.terms))

    def _label(self, order: Order) -> Label:
        # Maps with equal parts have been added up; others may look alike (Index).
        return labels.side_by_side(*(term._label(order) for term in self.terms))


class Scaled(MatrixMap):
    """dX -> c J dX."""

    def __init__(self, c: Scalar, map: MatrixMap) -> None:
        super().__init__(map.in_shape, map.out_shape)
        self.c, self.map = c, map
        self.dtype = np.result_type(map.dtype, c)

    def _apply(self, x: Array) -> Array:
        return self.c * self.map._apply(x)

    def _pull(self, g: Array) -> Array:
        return self.c.conjugate() * self.map._pull(g)

    def _adjoint(self) -> MatrixMap:
        return Scaled(self.c.conjugate(), self.map._adjoint())

    def _operator(self, order: Order) -> Operator:
        return self.c * self.map._operator(order)

    def _label(self, order: Order) -> Label:
        return labels.scale(self.c, self.map._label(order))


class Composition(MatrixMap):
    """dX -> J1 J2 … dX, the last first."""

    def __init__(self, *maps: MatrixMap) -> None:
        super().__init__(maps[-1].in_shape, maps[0].out_shape)
        self.maps = maps
        self.dtype = result_dtype(*(each.dtype for each in maps))

    def _apply(self, x: Array) -> Array:
        return reduce(lambda y, each: each._apply(y), reversed(self.maps), x)

    def _pull(self, g: Array) -> Array:
        return reduce(lambda y, each: each._pull(y), self.maps, g)

    def _adjoint(self) -> MatrixMap:
        return Composition(*(each._adjoint() for each in reversed(self.maps)))

    def _operator(self, order: Order) -> Operator:
        return reduce(lambda a, b: a @ b, (each._operator(order) for each in self.maps))

    def _label(self, order: Order) -> Label:
        parts = [each._label(order).within(PRODUCT) for each in self.maps]
        return Label(
            " · ".join(p.text for p in parts), " \\cdot ".join(p.latex for p in parts), PRODUCT
        )


class Adjoint(MatrixMap):
    """G -> Jᴴ G of a map whose adjoint is no term of its own."""

    def __init__(self, map: MatrixMap) -> None:
        super().__init__(map.out_shape, map.in_shape)
        self.map, self.dtype = map, map.dtype

    def _apply(self, x: Array) -> Array:
        return self.map._pull(x)

    def _pull(self, g: Array) -> Array:
        return self.map._apply(g)

    def _adjoint(self) -> MatrixMap:
        return self.map

    def _operator(self, order: Order) -> Operator:
        return self.map._operator(order).H

    def _label(self, order: Order) -> Label:
        inside = self.map._label(order).within(ATOM)
        return Label(f"{inside.text}ᴴ", f"{inside.latex}^{{\\mathsf{{H}}}}")
