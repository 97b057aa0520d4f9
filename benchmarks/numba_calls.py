"""Calls from Numba: A B C of n x n matrices by kronvec, by plain loops and by Numba's `@`.

usage: python benchmarks/numba_calls.py          nanoseconds, the least of many repeats in turns
"""

import time

import numba
import numpy as np

from kronvec.interop import numba as kn


@numba.njit
def plain_loops(a, b, c):
    """Inner products, first of A B, then with C."""
    m, n, p, q = a.shape[0], a.shape[1], c.shape[0], c.shape[1]
    t, y = np.empty((m, p)), np.empty((m, q))
    for i in range(m):
        for j in range(p):
            total = 0.0
            for k in range(n):
                total += a[i, k] * b[k, j]
            t[i, j] = total
    for i in range(m):
        for j in range(q):
            total = 0.0
            for k in range(p):
                total += t[i, k] * c[k, j]
            y[i, j] = total
    return y


@numba.njit
def matmul(a, b, c):
    """By the BLAS that Numba calls."""
    return a @ b @ c


def repeated(function):
    """``count`` calls with a new result each."""

    @numba.njit
    def loop(a, b, c, count):
        total = 0.0
        for _ in range(count):
            total += function(a, b, c)[0, 0]
        return total

    return loop


@numba.njit
def into(a, b, c, count):
    """``count`` calls into one result."""
    y = np.empty_like(a)
    for _ in range(count):
        kn.triple_product(a, b, c, y)
    return y[0, 0]


LOOPS = {
    "kronvec into out": into,
    "kronvec": repeated(kn.triple_product),
    "plain loops": repeated(plain_loops),
    "a @ b @ c": repeated(matmul),
}


def main():
    """Print a line for each size."""
    for n in (2, 4, 8, 16):
        a, b, c = np.random.default_rng(0).standard_normal((3, n, n))
        best, count = dict.fromkeys(LOOPS, float("inf")), 80_000 // n
        for _ in range(60):
            for name, loop in LOOPS.items():
                begin = time.perf_counter()
                loop(a, b, c, count)
                best[name] = min(best[name], (time.perf_counter() - begin) / count * 1e9)
        print(f"n = {n}: " + ", ".join(f"{name} {ns:.0f} ns" for name, ns in best.items()))


if __name__ == "__main__":
    main()
