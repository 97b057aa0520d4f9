"""Cases of every raw kernel of arithmetic: tests/test_kernels.py runs them.

``NAME_cases(dtype)`` yields (inputs, outputs, roundings, keywords): outputs by `fresh`, or what is
added to; roundings, those behind one entry (a sum of n products: n + 1 at most); sizes from TAILS.
"""

import numpy as np

from helpers import filler, random
from kronvec import _kernels

TAILS = (*range(0, 36), 47, 48, 49, 63, 64, 65)  # past two of the widest vectors of each dtype
# The last axes of each argument that must be contiguous: 1 for rows, 0 for any strides; None: all,
# in an array that has no gaps before its first axis either.
CONTIGUOUS = {
    "mode_product": (1, 1, 1),
    "mode_pair": (None, None, 1, 1),
    "outer": (1, 1, 1),
    "khatri_rao": (1, 1, 1),
    "small_triple_product": (2, 2, 2, 2),
    "small_vjp": (2, 2, 2, 2, 2),
    "row_sqnorm": (1, 0),
}


def fresh(dtype, *shape):
    """What a kernel that writes must overwrite: NaN."""
    return filler(dtype, shape)


def mode_product_cases(dtype):
    for r in TAILS:
        for length, q, p in [(1, 1, 1), (2, 3, 2), (1, 4, 3), (3, 2, 5), (1, 9, 8)]:
            f, x = random(dtype, q, p), random(dtype, length, p, r, seed=1)
            yield (f, x), (fresh(dtype, length, q, r),), p, {}
            y = random(dtype, length, q, r, seed=2)
            yield (f, x), (y,), p + 1, {"accumulate": True, "conjugate": r % 2 == 0}
        for q in range(1, 10) if r in (2, 5, 40, 65) else (1 + r % 8,):  # rows of a register tile
            f, x = random(dtype, q, 9), random(dtype, 1, 9, r, seed=1)
            yield (f, x), (fresh(dtype, 1, q, r),), 9, {"conjugate": r % 2 == 0}
        for p in range(2, 9):  # so few columns have a kernel of their own
            for q in (1, 3, 6, 9, 65):
                f, x = random(dtype, q, p), random(dtype, 1, p, r, seed=1)
                yield (f, x), (fresh(dtype, 1, q, r),), p, {"conjugate": q % 2 == 0}
            f, x = random(dtype, p, p), random(dtype, 2, p, r, seed=1)
            yield (f, x), (fresh(dtype, 2, p, r),), p, {"conjugate": p % 2 == 0}
            yield (f, x), (random(dtype, 2, p, r, seed=2),), p + 1, {"accumulate": True}
    for length, q, p, r in [
        (1, 8, 8, 0),
        (2, 4, 4, 0),
        (0, 2, 2, 2),
        (2, 0, 2, 2),
        (2, 2, 0, 5),
        (1, 2, 0, 1),
    ]:
        f, x = random(dtype, q, p), random(dtype, length, p, r)
        yield (f, x), (fresh(dtype, length, q, r),), p, {}
        yield (f, x), (random(dtype, length, q, r),), p + 1, {"accumulate": True}
    for length, q, p, r in [(2, 8, 8, 64), (1, 3, 3, 128), (2, 9, 8, 128), (1, 17, 2, 192)]:
        f, x = random(dtype, q, p), random(dtype, length, p, r, seed=1)
        yield (f, x), (fresh(dtype, length, q, r),), p, {"stream": True}
    for p in TAILS:  # r = 1 is a row times a matrix
        f, x = random(dtype, 7, p), random(dtype, 5, p, 1)
        yield (f, x), (fresh(dtype, 5, 7, 1),), p, {"conjugate": p % 2 == 0}


def mode_pair_cases(dtype):
    for n in range(1, 9):
        f1, f2 = random(dtype, n, n), random(dtype, n, n, seed=1)
        for r in {1, *TAILS, *(64 + tail for tail in TAILS)}:
            for length in (1, 3):
                x = random(dtype, length, n, n, r, seed=2)
                if _kernels.pair_fits(n, r, x.itemsize):
                    y = fresh(dtype, length, n, n, r)
                    yield (f1, f2, x), (y,), 2 * n, {"stream": length == 3}
                    y = random(dtype, length, n, n, r, seed=3)
                    yield (f1, f2, x), (y,), 2 * n + 1, {"accumulate": True}


def outer_cases(dtype):
    for q in TAILS:
        for m, n, p in [(1, 1, 1), (2, 3, 2), (3, 1, 1), (1, 5, 3)]:
            y = fresh(dtype, m * p, n * q)
            yield (random(dtype, m, n), random(dtype, p, q)), (y,), 1, {"stream": q % 2 == 0}
            yield (random(dtype, m, n), random(dtype, p, q)), (y.copy(),), 1, {"stream": q % 2 == 1}
    for m, n, p, q in [
        (0, 1, 2, 3),
        (1, 0, 2, 3),
        (2, 3, 0, 1),
        (3, 17, 2, 1),
        (2, 40, 3, 2),
        (1, 3, 1, 1100),
        (1, 2, 1, 2100),
        (1, 1100, 2, 1),
    ]:
        for stream in (False, True):
            y = fresh(dtype, m * p, n * q)
            yield (random(dtype, m, n), random(dtype, p, q)), (y,), 1, {"stream": stream}


def khatri_rao_cases(dtype):
    shapes = [(m, p, n) for n in TAILS for m, p in [(2, 3), (1, 9)]]
    shapes += [(0, 2, 3), (2, 0, 3), (3, 700, 2)]  # empty; short rows over several buffers
    shapes += [(2, 2, 511), (2, 3, 513), (1, 2, 1025), (2, 1, 2100)]  # around a spread row
    for m, p, n in shapes:
        for stream in (False, True):
            inputs = random(dtype, m, n), random(dtype, p, n, seed=1)
            yield inputs, (fresh(dtype, m * p, n),), 1, {"stream": stream}


def small_cases(dtype):
    for n in (*range(1, 9), 16):
        for batch in (0, 1, 2, 3, 4, 5, 8, 9, 17, 33):
            yield n, [random(dtype, batch, n, n, seed=i) for i in range(3)]


def small_triple_product_cases(dtype):
    for n, inputs in small_cases(dtype):
        yield inputs, (np.full_like(inputs[0], np.nan),), 2 * n, {}


def small_vjp_cases(dtype):
    for n, inputs in small_cases(dtype):
        for conjugate in (True, False):
            outputs = [np.full_like(inputs[0], np.nan) for _ in range(2)]
            yield inputs, outputs, n, {"conjugate": conjugate}


def row_sqnorm_cases(dtype):
    real = np.empty(0, dtype).real.dtype
    for n in (*TAILS, 127, 128, 129, 300):
        for rows in (0, 1, 2, 5):
            yield (random(dtype, rows, n),), (fresh(real, rows),), n + 1, {}


MOVEMENT = {"transpose", "transpose_square"}
ARITHMETIC = {
    "mode_product": mode_product_cases,
    "mode_pair": mode_pair_cases,
    "outer": outer_cases,
    "khatri_rao": khatri_rao_cases,
    "small_triple_product": small_triple_product_cases,
    "small_vjp": small_vjp_cases,
    "row_sqnorm": row_sqnorm_cases,
}
