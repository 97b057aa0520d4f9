"""The table of naive `np.kron(C.T, A) @ b` against `kronvec.vec_trick(A, b, C)`.

Both are vec(A B C) with b = vec(B). For n x n matrices the naive form builds an n² x n² matrix,
at least 8 n⁴ bytes; the vec trick makes two n x n products and keeps O(n²) bytes.
"""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

import kronvec as kv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .._typing import Array


SIZES = (4, 8, 16, 32, 64, 100, 128, 256, 512, 1024)
LARGEST_NAIVE = 2e9  # bytes; beyond it the naive form is not run, only accounted for


def measure(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result, the least seconds a call took, and the peak of bytes that one call allocated.

    Memory is what NumPy reports to tracemalloc. It is measured in a call of its own, because
    tracing slows small calls down.
    """
    tracemalloc.start()
    try:
        result = function(*arguments)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    calls, best, end = 1, np.inf, time.perf_counter() + 0.25
    while True:  # for a quarter of a second, but at least once
        begin = time.perf_counter()
        for _ in range(calls):
            function(*arguments)
        now = time.perf_counter()
        best = min(best, (now - begin) / calls)
        if now >= end:
            return result, best, peak
        if now - begin < 1e-3:  # too short for the clock: more calls between two readings
            calls *= 2


def naive(a: Array, b: Array, c: Array) -> Any:
    """(Cᵀ ⊗ A) b as the formula says it."""
    return np.kron(c.T, a) @ b


def vec_trick(a: Array, b: Array, c: Array) -> Any:
    """(Cᵀ ⊗ A) vec(B) = vec(A B C), without the Kronecker product."""
    return kv.vec_trick(a, b, c)


def compare_sizes(rng: Any, report: Any = lambda: None) -> Any:
    """Measure every size; return one dict per size.

    The naive form's memory grows as n⁴, so the peak measured last foretells the next. Where that
    passes LARGEST_NAIVE, the naive form is not run and its seconds are None.
    """
    rows = []
    naive_bytes, measured_at = 0, 1
    for n in SIZES:
        a, c = rng.standard_normal((2, n, n))
        b = rng.standard_normal(n * n)
        result, seconds, peak = measure(vec_trick, a, b, c)
        row = {"n": n, "seconds": seconds, "bytes": peak, "naive_seconds": None}
        row["naive_bytes"] = naive_bytes * (n / measured_at) ** 4
        if row["naive_bytes"] <= LARGEST_NAIVE:
            expected, row["naive_seconds"], row["naive_bytes"] = measure(naive, a, b, c)
            naive_bytes, measured_at = row["naive_bytes"], n
            row["difference"] = np.max(np.abs(result - expected)) / np.max(np.abs(expected))
        rows.append(row)
        report()
    return rows


def comparison_table(rows: Sequence[dict[str, Any]]) -> Any:
    """The rows as a rich table."""
    table = Table(title="np.kron(C.T, A) @ b  against  kronvec.vec_trick(A, b, C), float64")
    table.add_column("n", justify="right")
    for column in 2 * ("naive", "vec_trick", "ratio"):
        table.add_column(column, justify="right")
    for row in rows:
        ran = row["naive_seconds"] is not None
        table.add_row(
            f"{row['n']:,}",
            duration(row["naive_seconds"]) if ran else "not run",
            duration(row["seconds"]),
            f"{row['naive_seconds'] / row['seconds']:,.0f}x" if ran else "",
            memory(row["naive_bytes"]) if ran else f"({memory(row['naive_bytes'])})",
            memory(row["bytes"]),
            f"{row['naive_bytes'] / row['bytes']:,.0f}x",
        )
    differences = [row["difference"] for row in rows if "difference" in row]
    table.caption = (
        "least time of a call; peak of the bytes that one call allocates\n"
        "in parentheses: what the naive form would need\n"
        f"largest relative difference of the results: {max(differences):.0e}"
    )
    return table


def duration(seconds: Any) -> Any:
    """Three significant digits in the unit that suits."""
    for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds * 1e9:.3g} ns"


def memory(size: int) -> Any:
    """Three significant digits in the unit that suits, decimal as in 154 GB."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} B"
