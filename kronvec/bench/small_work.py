"""Two or three matrices, formed Kronecker products, and the commutation matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

import kronvec as kv

from .. import _reference
from .work import Work, random

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._typing import Array, Operands, Shape


@dataclass(frozen=True)
class TripleProduct(Work):
    """A B C for A (m, n), B (n, p), C (p, q), or a batch of them."""

    batch: Shape
    sizes: tuple[int, int, int, int]
    kind: ClassVar[str] = "triple_product"

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """A, B, C."""
        m, n, p, q = self.sizes
        return tuple(random(dtype, (*self.batch, *s), rng) for s in ((m, n), (n, p), (p, q)))

    def function(self) -> Callable[..., Any]:
        """triple_product."""
        return kv.triple_product

    def multiply_adds(self) -> int:
        """The cheaper association."""
        m, n, p, q = self.sizes
        return math.prod(self.batch) * min(m * p * (n + q), n * q * (m + p))

    def entries(self) -> int:
        """Three operands and the result."""
        m, n, p, q = self.sizes
        return math.prod(self.batch) * (m * n + n * p + p * q + m * q)

    def roundings(self) -> int:
        """Two dot products."""
        return self.sizes[1] + self.sizes[2]

    def shrunk(self) -> TripleProduct:
        """A smaller batch of smaller matrices."""
        m, n, p, q = (min(n, 40) for n in self.sizes)
        return replace(self, batch=self.batch and (7,), sizes=(m, n, p, q))


@dataclass(frozen=True)
class VjpPair(Work):
    """dX = G Wᴴ and dW = Xᴴ G for a batch of n x n matrices, per sample."""

    batch: int
    n: int
    kind: ClassVar[str] = "matmul_vjp"

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """G, X, W."""
        return tuple(random(dtype, (self.batch, self.n, self.n), rng) for _ in range(3))

    def function(self) -> Any:
        """matmul_vjp, which has no ``out=``."""
        return partial(kv.matmul_vjp, sum_batch=False)

    def multiply_adds(self) -> int:
        """Two products."""
        return 2 * self.batch * self.n**3

    def entries(self) -> int:
        """Three operands and two results."""
        return 5 * self.batch * self.n**2

    def roundings(self) -> int:
        """One dot product."""
        return self.n

    def oracle(self, operands: Operands) -> Any:
        """The plain definition, gradients of the samples apart."""
        return _reference.matmul_vjp(*operands, sum_batch=False)

    def shrunk(self) -> VjpPair:
        """A smaller batch."""
        return replace(self, batch=7)


@dataclass(frozen=True)
class FormedKron(Work):
    """A ⊗ B, written out, for A (m, m) and B (n, n)."""

    m: int
    n: int
    kind: ClassVar[str] = "kron"

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """A and B."""
        return random(dtype, (self.m, self.m), rng), random(dtype, (self.n, self.n), rng)

    def function(self) -> Callable[..., Any]:
        """Kron."""
        return kv.kron

    def references(self, operands: Operands) -> dict[str, Any]:
        """Writing as many bytes."""
        target = np.empty((self.m * self.n,) * 2, operands[0].dtype)
        return {"np fill": partial(target.fill, 1.0)}

    def multiply_adds(self) -> int:
        """One multiplication an entry, counted as half a multiply-add."""
        return (self.m * self.n) ** 2 // 2

    def entries(self) -> int:
        """The result, beside which the factors are small."""
        return self.m**2 + self.n**2 + (self.m * self.n) ** 2

    def roundings(self) -> int:
        """One multiplication."""
        return 1

    def shrunk(self) -> FormedKron:
        """Smaller factors."""
        return replace(self, m=min(self.m, 9), n=min(self.n, 9))


@dataclass(frozen=True)
class Commutation(Work):
    """K_{m,n} x for a vector x: the transposition of a matrix."""

    m: int
    n: int
    kind: ClassVar[str] = "commutation_matmul"

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """A vector, and the sizes."""
        return random(dtype, self.m * self.n, rng), self.m, self.n

    def function(self) -> Callable[..., Any]:
        """commutation_matmul."""
        return kv.commutation_matmul

    def references(self, operands: Operands) -> dict[str, Any]:
        """A plain copy of as many bytes."""
        target = np.ones_like(operands[0])
        return {"np.copyto": partial(np.copyto, target, operands[0])}

    def multiply_adds(self) -> int:
        """Entries only move."""
        return 0

    def entries(self) -> int:
        """Read once, written once."""
        return 2 * self.m * self.n

    def roundings(self) -> Any:
        """None."""
        return 0

    def tolerance(self, operands: Operands, result: Any) -> list[Array]:
        """Exact."""
        return [np.zeros(())]

    def oracle(self, operands: Operands) -> Any:
        """The transposed matrix."""
        x, m, n = operands
        return np.ascontiguousarray(x.reshape(n, m).T).reshape(-1)

    def shrunk(self) -> Commutation:
        """A small matrix."""
        return replace(self, m=min(self.m, 70), n=min(self.n, 90))


class CommutationInPlace(Commutation):
    """The same into x itself."""

    def calls(self, operands: Operands, workers: int = 1) -> Any:
        """Again and again on one vector: what it holds does not matter."""
        x, m, n = operands
        x = x.copy()
        return {"out": partial(kv.commutation_matmul, x, m, n, out=x)}

    def check_call(self, operands: Operands) -> Array:
        """The result of one call, on a copy."""
        x, m, n = operands
        x = x.copy()
        return kv.commutation_matmul(x, m, n, out=x)

    def references(self, operands: Operands) -> dict[str, Any]:
        """Out of place, into an array that is there."""
        x, m, n = operands
        out = np.ones_like(x)
        return {"out of place": partial(kv.commutation_matmul, x, m, n, out=out)}
