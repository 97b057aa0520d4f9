"""The terms that derivatives of matrix functions are made of.

| term         | map                       | its matrix, order F     | order C               |
|--------------|---------------------------|-------------------------|-----------------------|
| Sandwich     | dX -> L dX R              | Rᵀ ⊗ L                  | L ⊗ Rᵀ                |
|   transposed | dX -> L dXᵀ R             | (Rᵀ ⊗ L) K(m,n)         | (L ⊗ Rᵀ) K(n,m)       |
| Hadamard     | dX -> M ∘ dX              | diag(vec M)             | diag(vec M)           |
| Inner        | dX -> tr(Aᵀ dX)           | (vec A)ᵀ                | (vec A)ᵀ              |
| Outer        | dφ -> dφ B                | vec B                   | vec B                 |
| Kronecker    | dX -> dX ⊗ B, B ⊗ dX      | (I ⊗ K ⊗ I)(I ⊗ vec B)  | the same              |
| Index        | entries move and add up   | 0 and 1                 | 0 and 1               |
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..operators import Dense, Diagonal, Identity, KroneckerProduct, Restriction
from ..products import bkron, triple_product
from . import labels
from .labels import PRODUCT, Label
from .maps import MatrixMap, exchange, exchange_label
from .matrices import (
    Inverse,
    Matrix,
    adjoint,
    conjugate,
    matrix_shape,
    result_dtype,
    transposed,
)

if TYPE_CHECKING:
    from typing import Any

    from .._typing import Array, Order, Shape
    from ..operators._base import Operator

_Either = TypeVar("_Either")


class Sandwich(MatrixMap):
    """dX -> L dX R, or L dXᵀ R; None stands for an identity."""

    def __init__(
        self,
        left: Matrix | None,
        right: Matrix | None,
        in_shape: Shape,
        out_shape: Shape,
        *,
        transposed: bool = False,
    ) -> None:
        super().__init__(in_shape, out_shape)
        self.left: Matrix | None = left
        self.right: Matrix | None = right
        self.transposed = transposed
        self.dtype = result_dtype(left, right)

    @property
    def is_identity(self) -> bool:
        """Whether it maps every dX to itself."""
        return self.left is None and self.right is None and not self.transposed

    def _apply(self, x: Array) -> Array:
        return _between(self.left, np.swapaxes(x, -1, -2) if self.transposed else x, self.right)

    def _pull(self, g: Array) -> Array:
        x = _between(adjoint(self.left), g, adjoint(self.right))
        return np.swapaxes(x, -1, -2) if self.transposed else x

    def _adjoint(self) -> Sandwich:
        """(L dXᵀ R)ᴴ: G -> (Lᴴ G Rᴴ)ᵀ = R* Gᵀ L*."""
        shapes = self.out_shape, self.in_shape
        if self.transposed:
            return Sandwich(conjugate(self.right), conjugate(self.left), *shapes, transposed=True)
        return Sandwich(adjoint(self.left), adjoint(self.right), *shapes)

    def _sizes(self) -> tuple[Operator, Operator]:
        """Rows and columns of L and of Rᵀ, and of their identities."""
        m, n = self._in[::-1] if self.transposed else self._in
        left = Identity(m) if self.left is None else Dense(self.left.array)
        right = Identity(n) if self.right is None else Dense(self.right.array.T)
        return left, right

    @property
    def _exchanges(self) -> bool:
        """Whether its matrix has a K; where L dXᵀ R is a vector, (Rᵀ ⊗ L) K = L ⊗ Rᵀ has none."""
        return self.transposed and 1 not in self._out

    def _factors(self, order: Order, left: _Either, right: _Either) -> tuple[_Either, _Either]:
        """The factors of the Kronecker product, L and Rᵀ given."""
        flat = self.transposed and not self._exchanges
        return (right, left) if (order == "F") != flat else (left, right)

    def _operator(self, order: Order) -> Operator:
        product = KroneckerProduct(*self._factors(order, *self._sizes()))
        return product @ exchange(order, *self._in) if self._exchanges else product

    def _label(self, order: Order) -> Label:
        if self.is_identity:
            return labels.IDENTITY
        m, n = self._in[::-1] if self.transposed else self._in
        left = labels.IDENTITY if self.left is None else self.left.label
        right = labels.IDENTITY if self.right is None else self.right.label.T
        if n == 1 and self.right is None:
            label = left
        elif m == 1 and self.left is None:
            label = right
        else:
            label = labels.kronecker(*self._factors(order, left, right))
        if not self._exchanges or 1 in (m, n):
            return label
        k, inside = exchange_label(order, *self._in), label.within(PRODUCT)
        if self.left is None and self.right is None:
            return k
        return Label(f"{inside.text} {k.text}", f"{inside.latex} {k.latex}", PRODUCT)


def _between(left: Matrix | None, x: Array, right: Matrix | None) -> Array:
    if isinstance(left, Inverse):
        x, left = left.before(x), None
    if left is None:
        return x if right is None else np.matmul(x, right.array)
    if right is None:
        return np.matmul(left.array, x)
    return triple_product(left.array, x, right.array)


class Hadamard(MatrixMap):
    """dX -> M ∘ dX, entry by entry."""

    def __init__(self, m: Matrix, shape: Shape) -> None:
        super().__init__(shape, shape)
        self.m = m
        self.dtype = m.dtype

    def _apply(self, x: Array) -> Array:
        return self.m.array * x

    def _pull(self, g: Array) -> Array:
        return self.m.array.conj() * g

    def _adjoint(self) -> Hadamard:
        return Hadamard(self.m.conj(), self.in_shape)

    def _operator(self, order: Order) -> Operator:
        return Diagonal(self.m.array.ravel(order))

    def _label(self, order: Order) -> Label:
        entries = self.m.label if self._in[1] == 1 else labels.vec(self.m.label)
        return labels.function("diag", entries)


class Inner(MatrixMap):
    """dX -> tr(Aᵀ dX), the differential of a scalar with gradient A."""

    def __init__(self, a: Matrix, in_shape: Shape, out_shape: tuple[Any, ...] = ()) -> None:
        super().__init__(in_shape, out_shape)
        self.a = a
        self.dtype = a.dtype

    def _apply(self, x: Array) -> Array:
        return np.einsum("ij,...ij->...", self.a.array, x)[..., None, None]

    def _pull(self, g: Array) -> Array:
        return self.a.array.conj() * g

    def _adjoint(self) -> Outer:
        return Outer(self.a.conj(), self.out_shape, self.in_shape)

    def _operator(self, order: Order) -> Operator:
        return Dense(self.a.array.reshape(1, -1, order=order))

    def _label(self, order: Order) -> Label:
        return self.a.label.T if self._in[1] == 1 else labels.vec(self.a.label).T


class Outer(MatrixMap):
    """dφ -> dφ B, the derivative of a matrix with respect to a scalar."""

    def __init__(self, b: Matrix, in_shape: Shape, out_shape: Shape) -> None:
        super().__init__(in_shape, out_shape)
        self.b = b
        self.dtype = b.dtype

    def _apply(self, x: Array) -> Array:
        return x * self.b.array

    def _pull(self, g: Array) -> Array:
        return np.einsum("ij,...ij->...", self.b.array.conj(), g)[..., None, None]

    def _adjoint(self) -> Inner:
        return Inner(self.b.conj(), self.out_shape, self.in_shape)

    def _operator(self, order: Order) -> Operator:
        return Dense(self.b.array.reshape(-1, 1, order=order))

    def _label(self, order: Order) -> Label:
        return self.b.label if self._out[1] == 1 else labels.vec(self.b.label)


class Kronecker(MatrixMap):
    """dX -> dX ⊗ B, or B ⊗ dX.

    vec(A ⊗ B) = (I_n ⊗ K(q,m) ⊗ I_p)(vec A ⊗ vec B) for A (m, n), B (p, q) (Magnus & Neudecker,
    theorem 3.10); stacking rows exchanges m with n and p with q.
    """

    def __init__(self, b: Matrix, in_shape: Shape, out_shape: Shape, *, before: bool) -> None:
        super().__init__(in_shape, out_shape)
        self.b, self.before = b, before
        self.dtype = b.dtype

    def _apply(self, x: Array) -> Array:
        return bkron(self.b.array, x) if self.before else bkron(x, self.b.array)

    def _pull(self, g: Array) -> Array:
        (m, n), (p, q) = self._in, self.b.shape
        b, batch = self.b.array.conj(), g.shape[:-2]
        if self.before:
            return np.einsum("...imjn,ij->...mn", g.reshape(*batch, p, m, q, n), b)
        return np.einsum("...minj,ij->...mn", g.reshape(*batch, m, p, n, q), b)

    def _operator(self, order: Order) -> Operator:
        b = Dense(self.b.array.reshape(-1, 1, order=order))
        size = Identity(prod(self._in))
        pair = [self.b.shape, self._in] if self.before else [self._in, self.b.shape]
        (m, n), (p, q) = pair if order == "F" else [shape[::-1] for shape in pair]
        moved = KroneckerProduct(Identity(n), exchange("F", q, m), Identity(p))
        return moved @ KroneckerProduct(*((b, size) if self.before else (size, b)))

    def _label(self, order: Order) -> Label:
        pair = [self.b.shape, self._in] if self.before else [self._in, self.b.shape]
        (m, n), (p, q) = pair if order == "F" else [shape[::-1] for shape in pair]
        k, b = exchange_label("F", q, m), self.b.label.within(PRODUCT)
        ends = [f"vec {b.text}", f"\\mathrm{{vec}}\\,{b.latex}"]
        text = f"{ends[0]} ⊗ I" if self.before else f"I ⊗ {ends[0]}"
        latex = f"{ends[1]} \\otimes I" if self.before else f"I \\otimes {ends[1]}"
        return Label(
            f"(I ⊗ {k.text} ⊗ I) ({text})",
            f"(I \\otimes {k.latex} \\otimes I)({latex})",
            PRODUCT,
        )


class Index(MatrixMap):
    """Entries move and add up: ``dF.flat[target] += dX.flat[source]``, both in order C.

    ``target`` None is 0, 1, 2, …: a gather.
    """

    dtype = np.dtype(np.float64)

    def __init__(
        self,
        source: Array | None,
        target: Array | None,
        in_shape: Shape,
        out_shape: Shape,
        name: str = "index",
    ) -> None:
        super().__init__(in_shape, out_shape)
        self.source, self.target, self.name = source, target, name

    def _apply(self, x: Array) -> Array:
        return self._move(x, self.source, self.target, self._out)

    def _pull(self, g: Array) -> Array:
        return self._move(g, self.target, self.source, self._in)

    @staticmethod
    def _move(x: Array, source: Array | None, target: Array | None, shape: Shape) -> Array:
        flat = x.reshape(*x.shape[:-2], prod(x.shape[-2:]))
        moved = flat if source is None else flat[..., source]
        if target is None:
            return moved.reshape(*x.shape[:-2], *shape)
        result = np.zeros((prod(shape), *x.shape[:-2]), x.dtype)
        np.add.at(result, target, np.moveaxis(moved, -1, 0))
        return np.moveaxis(result, 0, -1).reshape(*x.shape[:-2], *shape)

    def _adjoint(self) -> Index:
        return Index(
            self.target,
            self.source,
            self.out_shape,
            self.in_shape,
            f"{self.name}ᵀ".replace("ᵀᵀ", ""),
        )

    def _operator(self, order: Order) -> Operator:
        sizes = prod(self._in), prod(self._out)
        source, target = (
            None if index is None else _renumber(index, shape, order)
            for index, shape in ((self.source, self._in), (self.target, self._out))
        )
        if order == "F":
            source, target = (
                np.arange(size).reshape(shape, order="F").ravel() if index is None else index
                for index, shape, size in (
                    (source, self._in, sizes[0]),
                    (target, self._out, sizes[1]),
                )
            )
        gather: Operator = Identity(sizes[0]) if source is None else Restriction(source, sizes[0])
        scatter: Operator = (
            Identity(sizes[1]) if target is None else Restriction(target, sizes[1]).T
        )
        return scatter @ gather

    def _label(self, order: Order) -> Label:
        if self.source is not None and self.target is None and len(self.source) == prod(self._in):
            number = _renumber(self.source, self._in, order).reshape(self._out)
            if np.array_equal(number.ravel(order), np.arange(number.size)):
                return labels.IDENTITY
        return labels.named(self.name)


def _renumber(index: Array, shape: Shape, order: Order) -> Array:
    """Numbers of entries in order C as those in another order."""
    return np.ravel_multi_index(np.unravel_index(index, shape), shape, order=order)


def identity_map(shape: Shape) -> Sandwich:
    """dX -> dX."""
    return Sandwich(None, None, shape, shape)


def reshaped(in_shape: Shape, out_shape: Shape) -> MatrixMap:
    """The map that only changes a shape, entries in order C."""
    if matrix_shape(in_shape) == matrix_shape(out_shape):
        return Sandwich(None, None, in_shape, out_shape)
    return Index(None, None, in_shape, out_shape, "reshape")


__all__ = [
    "Hadamard",
    "Index",
    "Inner",
    "Kronecker",
    "Outer",
    "Sandwich",
    "identity_map",
    "reshaped",
    "transposed",
]
