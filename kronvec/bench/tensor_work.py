"""Kronecker sums, sampled rows, and column-wise products: the work of tensor methods."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

import kronvec as kv

from .. import _reference, _reference_sums
from .work import ManyFactors, Work, random

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .._typing import Array, Operands, Shape


def widened(tree: Any) -> Any:
    """The same tree, floating-point arrays in the widest precision."""
    if isinstance(tree, (list, tuple)):
        return type(tree)(widened(branch) for branch in tree)
    return tree.astype(np.longdouble) if tree.dtype.kind == "f" else tree


class KronSum(ManyFactors):
    """Y = (F1 ⊕ … ⊕ FN) X for square factors."""

    kind = "kronsum_matmul"

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """The factors and X (Π n, count)."""
        x = random(dtype, (math.prod(self.sizes_in), self.count), rng)
        return self.factors(dtype, rng), x

    def function(self) -> Callable[..., Any]:
        """kronsum_matmul."""
        return kv.kronsum_matmul

    def multiply_adds(self) -> int:
        """A term for each factor."""
        return self.count * math.prod(self.sizes_in) * sum(self.sizes_in)

    def oracle(self, operands: Operands) -> Any:
        """The plain definition in the widest precision."""
        return _reference_sums.kronsum_matmul(*widened(operands))

    def check(self, operands: Operands, result: Any) -> None:
        """Every entry: the definition is cheap."""
        Work.check(self, operands, result)


def sampled(
    factors: Sequence[Array], x: Array, rows: Sequence[Array], out: Array | None = None
) -> Array:
    """kron_matvec with its ``rows``."""
    return kv.kron_matvec(factors, x, rows=tuple(rows), out=out)


@dataclass(frozen=True)
class SampledRows(ManyFactors):
    """``samples`` rows, drawn at random, of (F1 ⊗ … ⊗ FN) x for a vector x."""

    samples: int
    kind: ClassVar[str] = "sampled_rows"
    threaded: ClassVar[bool] = False

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """The factors, x, and a vector of row numbers for each factor."""
        x = random(dtype, math.prod(self.sizes_in), rng)
        rows = tuple(rng.integers(q, size=self.samples) for q in self.sizes_out)
        return self.factors(dtype, rng), x, rows

    def function(self) -> Callable[..., Any]:
        """kron_matvec with its ``rows``."""
        return sampled

    def multiply_adds(self) -> int:
        """Samples that agree in the rows of the leading factors share their part."""
        total, groups, size = 0, 1, math.prod(self.sizes_in)
        for p, q in zip(self.sizes_in, self.sizes_out, strict=True):
            groups = min(groups * q, self.samples)
            total += groups * size
            size //= p
        return total

    def entries(self) -> int:
        """x, the factors, and one entry a sample."""
        factors = sum(q * p for q, p in self.shapes)
        return math.prod(self.sizes_in) + factors + self.samples

    def oracle(self, operands: Operands) -> Any:
        """All rows in the widest precision, then those that are asked for."""
        factors, x, rows = widened(operands)
        every = _reference.kron_matvec(factors, x).reshape(self.sizes_out)
        return every[rows]

    def check(self, operands: Operands, result: Any) -> None:
        """Every sample."""
        Work.check(self, operands, result)

    def shrunk(self) -> SampledRows:
        """Smaller factors, and fewer samples of them."""
        return replace(super().shrunk(), count=1, samples=min(self.samples, 30))  # type: ignore[call-arg, return-value]  # of this class


@dataclass(frozen=True)
class KhatriRao(Work):
    """A1 ⊙ … ⊙ AN, written out, for Ai (rows[i], columns)."""

    rows: Shape
    columns: int
    kind: ClassVar[str] = "khatri_rao"

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """The matrices."""
        return tuple(random(dtype, (m, self.columns), rng) for m in self.rows)

    def function(self) -> Callable[..., Any]:
        """khatri_rao."""
        return kv.khatri_rao

    def multiply_adds(self) -> int:
        """One multiplication an entry, counted as half a multiply-add."""
        return math.prod(self.rows) * self.columns // 2

    def entries(self) -> int:
        """The matrices and the result."""
        return (sum(self.rows) + math.prod(self.rows)) * self.columns

    def roundings(self) -> int:
        """One multiplication for each matrix after the first."""
        return len(self.rows)

    def oracle(self, operands: Operands) -> Any:
        """The plain definition."""
        return _reference_sums.khatri_rao(*operands)

    def shrunk(self) -> KhatriRao:
        """Smaller matrices."""
        rows = tuple(min(m, 9 - i) for i, m in enumerate(self.rows))
        return replace(self, rows=rows, columns=min(self.columns, 7))


def transposed_matvec(mats: Sequence[Array], x: Array, out: Array | None = None) -> Array:
    """khatri_rao_matvec with ``transposed``."""
    return kv.khatri_rao_matvec(mats, x, transposed=True, out=out)


@dataclass(frozen=True)
class KhatriRaoMatvec(KhatriRao):
    """(A1 ⊙ … ⊙ AN) x or its transpose times x, for a vector x."""

    transposed: bool
    kind: ClassVar[str] = "khatri_rao_matvec"

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """The matrices and x."""
        length = math.prod(self.rows) if self.transposed else self.columns
        return list(super().operands(dtype, rng)), random(dtype, length, rng)

    def function(self) -> Callable[..., Any]:
        """khatri_rao_matvec."""
        return transposed_matvec if self.transposed else kv.khatri_rao_matvec

    def multiply_adds(self) -> int:
        """One for each entry of the product that is not formed."""
        return math.prod(self.rows) * self.columns

    def entries(self) -> int:
        """The matrices, x and the result."""
        return sum(self.rows) * self.columns + math.prod(self.rows) + self.columns

    def roundings(self) -> int:
        """A sum over the columns or the rows, and the product's own."""
        return len(self.rows) + (math.prod(self.rows) if self.transposed else self.columns)

    def oracle(self, operands: Operands) -> Any:
        """The plain definition in the widest precision."""
        mats, x = widened(operands)
        return _reference_sums.khatri_rao_matvec(mats, x, transposed=self.transposed)


@dataclass(frozen=True)
class Mttkrp(Work):
    """X_(mode) (⊙ of all matrices but the one at ``mode``) for a tensor X (sizes)."""

    sizes: Shape
    rank: int
    mode: int
    kind: ClassVar[str] = "mttkrp"

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """The tensor, a matrix for each axis, and the mode."""
        mats = [random(dtype, (n, self.rank), rng) for n in self.sizes]
        return random(dtype, self.sizes, rng), mats, np.asarray(self.mode)

    def function(self) -> Callable[..., Any]:
        """Mttkrp."""
        return kv.mttkrp

    def multiply_adds(self) -> int:
        """One matrix product with the tensor, beside which the rest is small."""
        return math.prod(self.sizes) * self.rank

    def entries(self) -> int:
        """The tensor, the matrices used, and the result."""
        return math.prod(self.sizes) + sum(self.sizes) * self.rank

    def roundings(self) -> int:
        """A sum over all entries of a slice, and the product's own."""
        return math.prod(self.sizes) // self.sizes[self.mode] + len(self.sizes)

    def oracle(self, operands: Operands) -> Any:
        """The plain definition in the widest precision."""
        return _reference_sums.mttkrp(*widened(operands))

    def shrunk(self) -> Mttkrp:
        """A small tensor and few columns."""
        return replace(self, sizes=tuple(7 - i for i in range(len(self.sizes))), rank=4)
