"""What the machine can do, measured beside the cases: peak arithmetic and copy bandwidth.

A peer's matrix product stands for peak arithmetic (OpenBLAS reaches about 97% of it), a plain
copy for what memory can move.  The copy is measured at many sizes, because a case whose operands
stay in a cache is bound by the cache.
"""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from .._machine import cache_sizes

COPIED = tuple(1 << k for k in range(12, 29, 2))  # bytes read and written, together
PEAK_SIZE = 768


def last_level_cache() -> int:
    """Bytes of the largest cache; 32 MiB where the system does not say."""
    return max(cache_sizes().values(), default=1 << 25)


def cpu_name() -> str:
    """The processor, as the system calls it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def least_seconds(call: Callable[[], Any], seconds: float, fewest: int = 2) -> float:
    """The least time of a call, over about ``seconds``."""
    best, end, done = math.inf, time.perf_counter() + seconds, 0
    while done < fewest or time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        best, done = min(best, time.perf_counter() - begin), done + 1
    return best


def peak_flops(dtype: str, seconds: float) -> float:
    """Real operations a second in NumPy's product of large matrices."""
    a = np.ones((PEAK_SIZE, PEAK_SIZE), dtype)
    out = np.empty_like(a)
    return 2 * PEAK_SIZE**3 / least_seconds(lambda: np.matmul(a, a, out=out), seconds)


def copy_bandwidth(nbytes: int, threads: int, seconds: float) -> float:
    """Bytes a second, read and written, of a copy that touches ``nbytes`` in all."""
    source = np.ones(nbytes // 16)
    target = np.ones_like(source)
    if threads == 1 or nbytes < 1 << 20:
        repeats = max(1, (1 << 17) // nbytes)

        def copy() -> None:
            for _ in range(repeats):
                np.copyto(target, source)

        return repeats * nbytes / least_seconds(copy, seconds)
    pairs = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:
        return nbytes / least_seconds(
            lambda: list(pool.map(lambda p: np.copyto(*p), pairs)), seconds
        )


def measure_machine(threads: int, seconds: float = 0.02) -> dict[str, dict[str, float]]:
    """The figures that bound a case, for this many threads."""
    return {
        "peak": {dtype: peak_flops(dtype, 5 * seconds) for dtype in ("float32", "float64")},
        "copy": {str(size): copy_bandwidth(size, threads, seconds) for size in COPIED},
    }


def best_of(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The larger of each figure."""
    return {
        kind: {key: max(value, second.get(kind, {}).get(key, 0)) for key, value in figures.items()}
        for kind, figures in first.items()
    }


def bandwidth_at(machine: dict[str, Any], nbytes: int) -> float:
    """Copy bandwidth at the nearest size measured."""
    nearest = min(COPIED, key=lambda size: abs(math.log(size / max(nbytes, 1))))
    return machine["copy"][str(nearest)]


def limit_seconds(machine: dict[str, Any], flops: int, nbytes: int, dtype: str) -> float:
    """The roofline: no less than the arithmetic takes, nor than the memory takes."""
    peak = machine["peak"]["float32" if dtype in ("float32", "complex64") else "float64"]
    return max(flops / peak, nbytes / bandwidth_at(machine, nbytes))


def cpu_count() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
