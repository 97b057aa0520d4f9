"""Every case of the benchmark, once: its name, its work, and what it must reach."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .machine import last_level_cache
from .small_work import Commutation, CommutationInPlace, FormedKron, TripleProduct, VjpPair
from .tensor_work import KhatriRao, KhatriRaoMatvec, KronSum, Mttkrp, SampledRows
from .work import CallOverhead, KronMatmul, MatmulKron, TwoWorkers, Work

if TYPE_CHECKING:
    from .._typing import Shape


@dataclass(frozen=True)
class Target:
    """How many times faster than something else; cases with one label are judged together."""

    label: str
    each: float  # every case reaches this
    mean: float | None = None  # and their geometric mean this
    against: str | tuple[str, ...] = "best peer"  # or peers, one peer or reference, "roofline"
    result: str = "fresh"  # the kind of call that is judged: "fresh" or "out"


@dataclass(frozen=True)
class Case:
    """One row of the benchmark."""

    group: str
    size: str
    dtype: str
    work: Work
    targets: tuple[Target, ...] = ()

    @property
    def name(self) -> str:
        """As ``--case`` and the tables spell it."""
        return f"{self.group}/{self.dtype}/{self.size}"


SHORT = {"f32": "float32", "f64": "float64", "c64": "complex64", "c128": "complex128"}
REAL, COMPLEX = ("f32", "f64"), ("c64", "c128")

# (rows, P, N): x (rows, P^N) times N factors P x P
GRID = (
    *((1, 2, 20), (1, 4, 10), (1, 8, 7), (1, 16, 5), (1, 32, 4), (1, 64, 3), (1, 128, 3)),
    *((16, 8, 5), (16, 16, 4), (16, 32, 3), (16, 64, 3)),
    *((1024, 4, 5), (1024, 8, 4), (1024, 16, 3), (1024, 32, 2)),
)
# name -> (rows, shapes of the factors)
SHAPES = {
    "3^12": (1, ((3, 3),) * 12),
    "5^8": (1, ((5, 5),) * 8),
    "7^7": (1, ((7, 7),) * 7),
    "20^4": (4, ((20, 20),) * 4),
    "shrinking": (1, ((8, 4),) * 7),
    "growing": (1, ((4, 8),) * 7),
    "rectangular": (64, ((24, 16), (16, 24), (32, 20))),
    "tall-wide": (16, ((96, 64), (64, 128))),
    "mixed-small": (16, ((2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8))),
    "mixed": (16, ((4, 4), (16, 16), (2, 2), (32, 32), (8, 8))),
    "mixed-large": (16, ((64, 64), (4, 4), (100, 100))),
}
LARGE = {"256^2": (16, ((256, 256),) * 2), "512^2": (4, ((512, 512),) * 2)}
# (P, N, columns): (P^N x P^N) times X (P^N, columns)
LEFT = (
    *((4, 8, 16), (8, 5, 16), (16, 4, 16), (32, 3, 16)),
    *((4, 5, 1000), (8, 4, 1000), (16, 3, 1000), (32, 2, 1000)),
)
# P -> N of the plot of time against size
SERIES = {2: (4, 8, 12, 16, 20), 8: (2, 3, 4, 5, 6, 7), 32: (2, 3, 4)}
# n -> times np's A @ B @ C
TRIPLE = {2: 10, 4: 10, 8: 6, 16: 3, 32: 1.4, 64: 0.97, 128: 0.97, 256: 0.97}
ASSOCIATION = ((512, 8, 512, 8), (8, 512, 8, 512), (400, 300, 200, 4))
# Peers that run a call at once; jax compiles it for these very shapes first.
EAGER = ("numpy", "numpy matmul", "numpy einsum", "torch")
# n -> (batch, triple products, vjp pairs) times the best of those
BATCHED = {
    **{2: (10_000, 10, 8), 3: (10_000, 10, 9), 4: (10_000, 7, 9), 8: (10_000, 2.2, 2.8)},
    16: (2_000, 1.1, 1.4),
}
# (m, n) -> times np.kron
KRON = {(2, 2): 28, (16, 16): None, (256, 4): 4, (4, 256): None, (64, 32): 1.4}
COMMUTATION = (
    *((n, n) for n in (512, 1024, 2048, 4096, 8192)),
    *((3, 1_000_000), (1_000_000, 3), (10_000, 1_000)),
)
# (columns, P, N): (P ⊕ … ⊕ P) times X (P^N, columns)
KRONSUM = ((1, 64, 3), (1, 4, 10), (1, 2, 18), (1, 300, 2), (16, 64, 2), (16, 4, 7))
SAMPLES = (10, 1000)  # of the rows of 100^3
KHATRI_RAO = (((64, 64), 64), ((256, 256), 32), ((1000, 1000), 10), ((32, 32, 32), 32))
# (sizes of the tensor, rank, modes)
MTTKRP = (((100, 100, 100), 16, (0, 1, 2)), ((30, 30, 30, 30), 20, (0, 2)))


def by_size(shapes: Sequence[Shape], dtype: str) -> tuple[Target, ...]:
    """Targets of x @ (⊗F), by the largest factor."""
    large = max(max(s) for s in shapes)
    if dtype in COMPLEX:
        speed = Target("x @ K, complex", 1.0, 3.0)
    elif large <= 9:
        speed = Target("x @ K, P ≤ 9", 2.0, 5.0)
    elif large <= 48:
        speed = Target("x @ K, P = 10 to 48", 1.15, 1.6)
    elif large <= 200:
        speed = Target("x @ K, P = 49 to 200", 1.0, 1.15)
    else:
        return (Target("x @ K, P > 200", 0.97),)
    kind = "complex" if dtype in COMPLEX else "real"
    return speed, Target(f"roofline, {kind}", 0.65, 0.85, against="roofline", result="out")


def _many_factors() -> Iterator[Case]:
    for dtype in (*REAL, *COMPLEX):
        for rows, p, n in GRID:
            shapes = ((p, p),) * n
            targets = by_size(shapes, dtype)
            yield Case("grid", f"{rows}x{p}^{n}", dtype, MatmulKron(rows, shapes), targets)
    for dtype in REAL:
        for group, table in (("shapes", SHAPES), ("large", LARGE)):
            for size, (rows, shapes) in table.items():
                targets = by_size(shapes, dtype)
                yield Case(group, f"{rows}x{size}", dtype, MatmulKron(rows, shapes), targets)
        for p, n, columns in LEFT:
            target = Target("K @ X, P = 4 to 32", 1.0, 2.2)
            work = KronMatmul(columns, ((p, p),) * n)
            yield Case("left", f"{p}^{n}x{columns}", dtype, work, (target,))


def _series() -> Iterator[Case]:
    for p, exponents in SERIES.items():
        for n in exponents:
            yield Case("series", f"1x{p}^{n}", "f64", MatmulKron(1, ((p, p),) * n))


def _small() -> Iterator[Case]:
    for n, times in TRIPLE.items():
        target = Target("A @ B @ C", times, against="numpy matmul")
        yield Case("triple", f"{n}", "f64", TripleProduct((), (n,) * 4), (target,))
    for sizes in ASSOCIATION:
        target = Target("A @ B @ C, cheaper order", 0.97, against="numpy matmul")
        name = "x".join(map(str, sizes))
        yield Case("triple", name, "f64", TripleProduct((), sizes), (target,))
    for n, (batch, triple, pair) in BATCHED.items():
        name, target = f"{batch}x{n}", Target("batched A @ B @ C", triple, None, EAGER)
        yield Case("batched", name, "f64", TripleProduct((batch,), (n,) * 4), (target,))
        target = Target("vjp pairs", pair, None, EAGER)
        yield Case("vjp", name, "f64", VjpPair(batch, n), (target,))
    for (m, n), times in KRON.items():
        targets = [Target("kron formed", times, against="numpy")] if times else []
        if (m * n) ** 2 * 8 > 1 << 20:
            targets.append(Target("kron, of fill bandwidth", 0.8, None, "np fill", "out"))
        yield Case("kron", f"{m}x{n}", "f64", FormedKron(m, n), tuple(targets))


def _tensors() -> Iterator[Case]:
    for dtype in ("f64", "f32"):
        for columns, p, n in KRONSUM:
            work, target = KronSum(columns, ((p, p),) * n), Target("Kronecker sum", 1.0)
            yield Case("kronsum", f"{p}^{n}x{columns}", dtype, work, (target,))
        for samples in SAMPLES:
            work, target = SampledRows(1, ((100, 100),) * 3, samples), Target("sampled rows", 1.0)
            yield Case("sampled", f"{samples}of100^3", dtype, work, (target,))
        for rows, columns in KHATRI_RAO:
            size = f"{'x'.join(map(str, rows))}-{columns}"
            formed, target = KhatriRao(rows, columns), Target("Khatri-Rao formed", 1.0)
            yield Case("khatri-rao", size, dtype, formed, (target,))
            target = Target("Khatri-Rao times x", 1.0)
            for transposed in (False, True):
                work, name = KhatriRaoMatvec(rows, columns, transposed), size + "T" * transposed
                yield Case("khatri-rao-matvec", name, dtype, work, (target,))
        for sizes, rank, modes in MTTKRP:
            for mode in modes:
                size = f"{'x'.join(map(str, sizes))}-{rank}-mode{mode}"
                work, target = Mttkrp(sizes, rank, mode), Target("MTTKRP", 1.0)
                yield Case("mttkrp", size, dtype, work, (target,))


def _permutations() -> Iterator[Case]:
    for m, n in COMMUTATION:
        beyond = 2 * 8 * m * n > last_level_cache()
        where, least = ("beyond cache", 0.9) if beyond else ("in cache", 0.6)
        copy = Target(f"commutation, of copy bandwidth {where}", least, None, "np.copyto", "out")
        targets = [copy]
        if m == n == 4096:
            targets.append(Target("commutation 4096²", 10, None, "numpy", "out"))
        yield Case("commutation", f"{m}x{n}", "f64", Commutation(m, n), tuple(targets))
    for m, n in COMMUTATION:
        square = Target("commutation in place, square", 1 / 1.5, None, "out of place", "out")
        targets = (square,) if m == n else ()
        yield Case("in-place", f"{m}x{n}", "f64", CommutationInPlace(m, n), targets)


def _threads_and_calls() -> Iterator[Case]:
    for dtype, rows, p, n in (
        ("f64", 1, 8, 7),
        ("f64", 1, 32, 4),
        ("f32", 1024, 16, 3),
        ("c128", 1, 2, 20),
    ):
        target = Target("workers=2", 1.7, None, "workers=1", "out")
        work = TwoWorkers(rows, ((p, p),) * n)
        yield Case("workers", f"{rows}x{p}^{n}", dtype, work, (target,))
    target = Target("call of matmul_kron, of 3 µs", 1.0, None, "3 µs")
    yield Case("overhead", "1x2^3", "f64", CallOverhead(1, ((2, 2),) * 3), (target,))


def all_cases() -> list[Case]:
    """Every case, in the order of the tables."""
    return [
        *_many_factors(),
        *_series(),
        *_small(),
        *_tensors(),
        *_permutations(),
        *_threads_and_calls(),
    ]


def select(patterns: Iterable[str]) -> list[Case]:
    """The cases that match a pattern: a group, a glob over the names, or a part of a name."""
    patterns, cases = list(patterns), all_cases()
    groups = {case.group for case in cases}

    def wanted(case: Case, pattern: str) -> bool:
        if pattern in groups:
            return case.group == pattern
        return pattern in case.name or fnmatch.fnmatchcase(case.name, pattern)

    return [c for c in cases if not patterns or any(wanted(c, p) for p in patterns)]
