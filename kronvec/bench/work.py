"""The kinds of work that are measured: operands, kronvec's call, its cost, and its oracle.

A kind says everything about one product except the speed of others: peers.py has those.  Flops
count real operations, a complex multiply-add as eight.  ``least_bytes`` reads every operand once
and writes the result once.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

import kronvec as kv

from .. import _reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._typing import Array, Operands, Scalar, Shape


Calls = dict[str, Callable[[], Any]]


def random(dtype: str, shape: int | Shape, rng: np.random.Generator, scale: Scalar = 1.0) -> Array:
    """Normal entries of standard deviation ``scale``."""
    values = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        values = (values + 1j * rng.standard_normal(shape)) / np.sqrt(2)
    return np.asarray(scale * values, dtype)


def leaves(tree: Any) -> list[Array]:
    """The arrays of an argument or a result, in order."""
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [tree]


def absolute(
    tree: Array | Sequence[Array | list[Array]] | Sequence[Array | list[Array] | tuple[Array]],
) -> Any:
    """The same tree, each array replaced by its absolute values."""
    if isinstance(tree, (list, tuple)):
        return [absolute(branch) for branch in tree]
    return np.abs(tree)


def with_workers(function: Callable[..., Any], workers: int) -> Callable[..., Any]:
    """The function, sharing its work among ``workers`` threads where it can."""
    if workers != 1 and "workers" in inspect.signature(function).parameters:
        return partial(function, workers=workers)
    return function


@dataclass(frozen=True)
class Work:
    """One kind of work at one size."""

    kind: ClassVar[str]  # the adapters in peers.py go by it
    threaded: ClassVar[bool] = False  # whether kronvec's call takes workers=

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """Fresh random operands."""
        raise NotImplementedError

    def function(self) -> Callable[..., Any]:
        """The call of kronvec on the operands, without ``out=``."""
        raise NotImplementedError

    def calls(self, operands: Operands, workers: int = 1) -> Calls:
        """kronvec's calls to time: a fresh result, and one into ``out=`` where there is one."""
        function = with_workers(self.function(), workers)
        out = function(*operands)
        calls: dict[str, Callable[[], Any]] = {"fresh": partial(function, *operands)}
        if isinstance(out, np.ndarray):
            calls["out"] = partial(function, *operands, out=out)
        return calls

    def references(self, operands: Operands) -> dict[str, Any]:
        """What a target compares with besides peers: calls, or seconds."""
        return {}

    def multiply_adds(self) -> int:
        """Scalar multiply-adds (multiplications for a formed Kronecker product)."""
        raise NotImplementedError

    def flops(self, dtype: str) -> int:
        """Real operations."""
        return self.multiply_adds() * (8 if np.dtype(dtype).kind == "c" else 2)

    def entries(self) -> int:
        """Entries read and written, each once."""
        raise NotImplementedError

    def least_bytes(self, dtype: str) -> int:
        """Bytes that memory must move at least."""
        return self.entries() * np.dtype(dtype).itemsize

    def roundings(self) -> int:
        """How many roundings an entry of the result may collect."""
        raise NotImplementedError

    def tolerance(
        self,
        operands: Operands,
        result: Any,
    ) -> list[np.ndarray]:
        """Componentwise: 2 γ_k times the product of the absolute operands, for each result."""
        unit = np.finfo(leaves(result)[0].dtype).eps / 2
        k = self.roundings() * (3 if leaves(result)[0].dtype.kind == "c" else 1)
        gamma = k * unit / (1 - k * unit)
        return [2 * gamma * a for a in leaves(self.function()(*absolute(operands)))]

    def check_call(self, operands: Operands) -> Array | tuple[Array, Array]:
        """The result to check; operands stay as they are."""
        return self.function()(*operands)

    def check(
        self,
        operands: Operands,
        result: Any,
    ) -> None:
        """Raise AssertionError unless kronvec's result agrees with the oracle."""
        self.compare(self.oracle(operands), result, self.tolerance(operands, result))

    def compare(
        self,
        expected: Array | tuple[Array, Array],
        result: Array | tuple[Array, Array],
        tolerance: Sequence[Array],
    ) -> None:
        """Raise AssertionError unless every component is within its tolerance."""
        assert len(leaves(expected)) == len(leaves(result))
        for x, y, bound in zip(leaves(expected), leaves(result), tolerance, strict=True):
            assert x.shape == y.shape, f"shape {y.shape} instead of {x.shape}"
            if np.array_equal(x, y):
                continue
            worst = np.max(np.abs(x - y) - bound, initial=0)
            assert worst <= 0, f"an entry differs by {worst:.1e} more than rounding explains"

    def oracle(self, operands: Operands) -> Any:
        """The plain definition."""
        return getattr(_reference, self.kind)(*operands)

    def shrunk(self) -> Work:
        """The same kind at a size for tests."""
        raise NotImplementedError


@dataclass(frozen=True)
class ManyFactors(Work):
    """F1 ⊗ … ⊗ FN, each (rows, columns) of ``shapes``, times ``count`` rows or columns of x."""

    count: int
    shapes: tuple[tuple[int, int], ...]
    threaded: ClassVar[bool] = True

    @property
    def sizes_in(self) -> list[int]:
        """The sizes of the axes of x, and those of the result."""
        return [q if self.kind == "matmul_kron" else p for q, p in self.shapes]

    @property
    def sizes_out(self) -> list[int]:
        """The sizes of the axes of the result."""
        return [p if self.kind == "matmul_kron" else q for q, p in self.shapes]

    def factors(self, dtype: str, rng: np.random.Generator) -> list[Array]:
        """Entries of size 1/√P, so that a product of many keeps its scale.

        Complex 2 x 2 factors are unitary: simulators of quantum gates apply them in place, again
        and again.
        """
        factors = [random(dtype, s, rng, 1 / math.sqrt(max(s))) for s in self.shapes]
        if np.dtype(dtype).kind == "c" and set(self.shapes) == {(2, 2)}:
            factors = [np.linalg.qr(f)[0] for f in factors]
        return factors

    def multiply_adds(self) -> int:
        """By the order of factors with the fewest, ascending 1/p - 1/q for p inputs, q outputs."""
        pairs = zip(self.sizes_in, self.sizes_out, strict=True)
        total, size = 0, self.count * math.prod(self.sizes_in)
        for p, q in sorted(pairs, key=lambda pq: 1 / pq[0] - 1 / pq[1]):
            total += size * q
            size = size // p * q
        return total

    def entries(self) -> int:
        """x, the result, and the factors."""
        sizes = math.prod(self.sizes_in) + math.prod(self.sizes_out)
        return self.count * sizes + sum(q * p for q, p in self.shapes)

    def roundings(self) -> int:
        """A dot product for each factor."""
        return sum(self.sizes_in) + len(self.shapes)

    def shrunk(self) -> ManyFactors:
        """Few rows, and only so many factors as keep the formed product small."""
        shapes: list[tuple[int, int]] = []
        for q, p in self.shapes:
            shape = (min(q, 12), min(p, 12))
            if math.prod(a * b for a, b in [*shapes, shape]) <= 4096:
                shapes.append(shape)
        return replace(self, count=min(self.count, 3), shapes=tuple(shapes))

    def check(self, operands: Operands, result: Any) -> None:
        """Probe with rank-one vectors: (x K) v = x (F1 v1 ⊗ … ⊗ FN vN) for v = v1 ⊗ … ⊗ vN.

        Unit vectors pick single columns, random ones see every entry.  The probes run in the
        widest precision and never form K.
        """
        x, factors = operands
        if self.kind == "kron_matmul":
            factors, x = operands
            x, factors, result = x.T, [f.T for f in factors], result.T
        wide = np.clongdouble if result.dtype.kind == "c" else np.longdouble
        x, result, factors = x.astype(wide), result.astype(wide), [f.astype(wide) for f in factors]
        rng = np.random.default_rng(0)
        widths = [f.shape[1] for f in factors]
        probes = [[np.eye(n)[rng.integers(n)] for n in widths] for _ in range(3)]
        probes.append([random("float64", n, rng, 1 / math.sqrt(n)) for n in widths])
        narrow = leaves(operands)[0].real.dtype
        k = self.roundings() * (3 if wide is np.clongdouble else 1)
        gamma = k * np.longdouble(np.finfo(narrow).eps) / 2
        sizes = absolute([x, factors])
        for v in probes:
            expected = contract(x, [f @ w for f, w in zip(factors, v, strict=True)])
            got = contract(result, v)
            v = absolute(v)
            bound = contract(sizes[0], [f @ w for f, w in zip(sizes[1], v, strict=True)])
            self.compare(expected, got, [2 * gamma * bound])


def contract(x: Array, vectors: Sequence[Array]) -> Array:
    """x (v1 ⊗ … ⊗ vN), one axis after the other."""
    for v in reversed(vectors):
        x = x.reshape(-1, v.size) @ v
    return x


class MatmulKron(ManyFactors):
    """y = x (F1 ⊗ … ⊗ FN)."""

    kind = "matmul_kron"

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """x (count, Π q) and the factors."""
        x = random(dtype, (self.count, math.prod(self.sizes_in)), rng)
        return x, self.factors(dtype, rng)

    def function(self) -> Callable[..., Any]:
        """matmul_kron."""
        return kv.matmul_kron


class KronMatmul(ManyFactors):
    """Y = (F1 ⊗ … ⊗ FN) X."""

    kind = "kron_matmul"

    def operands(self, dtype: str, rng: np.random.Generator) -> Operands:
        """The factors and X (Π p, count)."""
        x = random(dtype, (math.prod(self.sizes_in), self.count), rng)
        return self.factors(dtype, rng), x

    def function(self) -> Callable[..., Any]:
        """kron_matmul."""
        return kv.kron_matmul


class CallOverhead(MatmulKron):
    """A product so small that the call is all there is to it."""

    threaded = False

    def references(self, operands: Operands) -> dict[str, Any]:
        """The budget, as a time."""
        return {"3 µs": 3e-6}

    def shrunk(self) -> CallOverhead:
        """It is small."""
        return self


class TwoWorkers(MatmulKron):
    """The same product by two threads, which must change no bit of the result."""

    threaded = False

    def calls(self, operands: Operands, workers: int = 1) -> Any:
        """Into ``out=``: page faults are the kernel's work, not ours."""
        out = kv.matmul_kron(*operands)
        shared = kv.matmul_kron(*operands, workers=2)
        assert np.array_equal(out, shared), "workers=2 changed the result"
        return {
            "fresh": partial(kv.matmul_kron, *operands, workers=2),
            "out": partial(kv.matmul_kron, *operands, out=out, workers=2),
        }

    def references(self, operands: Operands) -> dict[str, Any]:
        """The same by one."""
        return {"workers=1": partial(kv.matmul_kron, *operands, out=kv.matmul_kron(*operands))}
