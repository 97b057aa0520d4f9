"""Raw kernels: kernel x dtype x instruction set x tail sizes, between guard pages.

A kernel that touches one byte outside its arrays crashes the process here.
"""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from helpers import (
    HAS_MPROTECT,
    ISAS,
    KERNEL_DTYPES,
    SIDES,
    assert_bounded,
    filler,
    guarded,
    leaves,
    lift,
    random,
    use_isa,
)
from kronvec import _kernels
from kronvec import _reference as reference

ITEMS = ("uint8", "uint16", "uint32", "uint64", "complex128")  # 1, 2, 4, 8, 16 bytes
TAILS = (*range(0, 36), 47, 48, 49, 63, 64, 65)  # past two of the widest vectors of each dtype

every_isa = pytest.mark.parametrize("isa", ISAS)
every_side = pytest.mark.parametrize("side", SIDES)
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


def run(kernel, inputs, outputs, side, roundings=0, **kwargs):
    """Run the kernel on guarded arrays, compare with its oracle; name the shapes on failure."""
    inputs = [guarded(a, side) for a in inputs]
    outputs = [guarded(y, side) for y in outputs]
    compare(kernel, inputs, outputs, roundings, **kwargs)


def compare(kernel, inputs, outputs, roundings, **kwargs):
    before = [a.copy() for a in inputs]
    start = [y.copy() for y in outputs]
    getattr(_kernels, f"run_{kernel}")(*inputs, *outputs, **kwargs)
    oracle = getattr(reference, kernel)
    options = {k: v for k, v in kwargs.items() if k not in ("accumulate", "stream")}
    added = [lift(y) for y in start] if kwargs.get("accumulate") else []
    exact = leaves(oracle(*map(lift, before), *added, **options))
    sizes = leaves(oracle(*(np.abs(lift(a)) for a in before), *map(np.abs, added), **options))
    shapes = f"{kernel} {[a.shape for a in inputs]} {kwargs}"
    for got, y, size in zip(outputs, exact, sizes, strict=True):
        try:
            assert_bounded(got, y, size, roundings)
        except AssertionError as error:
            raise AssertionError(f"{shapes}: {error}") from None
    for a, b in zip(inputs, before, strict=True):
        assert np.array_equal(a, b), f"{shapes}: an input changed"


def fresh(dtype, *shape):
    """What a kernel that writes must overwrite: NaN."""
    return filler(dtype, shape)


# --------------------------------------------------------------------------------------
# The cases of each kernel: (inputs, outputs, roundings, keywords)


def mode_product_cases(dtype):
    for r in TAILS:
        for length, q, p in [(1, 1, 1), (2, 3, 2), (1, 4, 3), (3, 2, 5), (1, 9, 8)]:
            f, x = random(dtype, q, p), random(dtype, length, p, r, seed=1)
            yield (f, x), (fresh(dtype, length, q, r),), p, {}
            y = random(dtype, length, q, r, seed=2)
            yield (f, x), (y,), p + 1, {"accumulate": True, "conjugate": r % 2 == 0}
        for p in range(2, 9):  # square factors that small have a kernel of their own
            f, x = random(dtype, p, p), random(dtype, 2, p, r, seed=1)
            yield (f, x), (fresh(dtype, 2, p, r),), p, {"conjugate": p % 2 == 0}
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
    for p in TAILS:  # r = 1 is a row times a matrix
        f, x = random(dtype, 7, p), random(dtype, 5, p, 1)
        yield (f, x), (fresh(dtype, 5, 7, 1),), p, {"conjugate": p % 2 == 0}


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
    "outer": outer_cases,
    "small_triple_product": small_triple_product_cases,
    "small_vjp": small_vjp_cases,
    "row_sqnorm": row_sqnorm_cases,
}


# --------------------------------------------------------------------------------------


def test_every_kernel_has_an_oracle_and_cases():
    kernels = set(_kernels.kernel_table())
    assert kernels == {*ARITHMETIC, *MOVEMENT}
    for kernel in kernels:
        oracle = kernel.removesuffix("_square")  # the same in place
        assert callable(getattr(reference, oracle)), f"{kernel}: no oracle in _reference"
        assert callable(getattr(_kernels, f"run_{kernel}"))


def test_every_kernel_serves_every_dtype_on_the_chosen_set():
    for kernel, by_dtype in _kernels.kernel_table().items():
        assert len(by_dtype) == (5 if kernel in MOVEMENT else 4), kernel
        if kernel in ARITHMETIC:
            assert set(by_dtype) == set(KERNEL_DTYPES)
        assert set(by_dtype.values()) <= set(ISAS)


@every_isa
@every_dtype
@every_side
@pytest.mark.parametrize("kernel", ARITHMETIC)
def test_kernels_meet_the_bound_between_guard_pages(kernel, dtype, isa, side):
    with use_isa(isa):
        for inputs, outputs, roundings, kwargs in ARITHMETIC[kernel](dtype):
            run(kernel, inputs, outputs, side, roundings, **kwargs)


every_item = pytest.mark.parametrize("dtype", ITEMS)
# Around every width of a strip and of a tile, for each item size
MOVED = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 67)


def numbered(dtype, *shape):
    """Entries that tell their places, as far as the items can hold them."""
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


@every_isa
@every_side
@every_item
def test_transpose_moves_items_of_every_size_between_guard_pages(dtype, isa, side):
    with use_isa(isa):
        for m in MOVED:
            for n in MOVED:
                for batch in (1, 3):
                    x = guarded(numbered(dtype, batch, m, n), side)
                    y = guarded(np.zeros((batch, n, m), dtype), side)
                    _kernels.run_transpose(x, y)
                    assert np.array_equal(y, reference.transpose(x)), (batch, m, n)


@every_isa
@every_item
def test_transpose_writes_nothing_between_rows(dtype, isa):
    """Rows with gaps on both sides, of which none is touched; every offset in a line."""
    with use_isa(isa):
        for m, n in [(3, 5), (16, 16), (17, 33), (70, 66), (300, 20)]:
            for offset in (0, 1, 3):
                x = numbered(dtype, 2, m, n + 7)[:, :, offset : offset + n]
                memory = np.full((2, n, m + 9), 77, dtype)
                y = memory[:, :, offset : offset + m]
                _kernels.run_transpose(x, y)
                assert np.array_equal(y, reference.transpose(x)), (m, n, offset)
                y[...] = 77
                assert (memory == 77).all(), (m, n, offset)


# Beyond the size from which results are streamed: whole lines, other lines in every row, narrow
# and wide, powers of two.  The sizes are those of 8-byte items; smaller items make more of them.
LARGE = [(1500, 1201), (1024, 1024), (1000, 1208), (3, 400_000), (400_001, 3), (9, 130_001)]


@every_isa
@every_item
@pytest.mark.parametrize(("m", "n"), LARGE)
def test_transpose_larger_than_cache(dtype, isa, m, n):
    n *= 8 // min(np.dtype(dtype).itemsize, 8)
    with use_isa(isa):
        for side in SIDES:
            x = guarded(numbered(dtype, 1, m, n), side)
            y = guarded(np.zeros((1, n, m), dtype), side)
            _kernels.run_transpose(x, y)
            assert np.array_equal(y, reference.transpose(x))


@every_isa
@every_item
@pytest.mark.parametrize("n", [64, 128, 256, 1024])
def test_transpose_at_strides_that_share_cache_sets(dtype, isa, n):
    with use_isa(isa):
        for m in (n, n - 1, n + 3):
            x = numbered(dtype, 1, m, n)
            y = np.zeros((1, n, m), dtype)
            _kernels.run_transpose(x, y)
            assert np.array_equal(y, reference.transpose(x))


@every_isa
@every_side
@every_item
def test_squares_are_transposed_in_place_between_guard_pages(dtype, isa, side):
    with use_isa(isa):
        for n in (*MOVED, 127, 128, 129, 200):
            for batch in (0, 1, 3):
                x = guarded(numbered(dtype, batch, n, n), side)
                expected = reference.transpose(x)
                _kernels.run_transpose_square(x)
                assert np.array_equal(x, expected), (batch, n)


@every_isa
@every_item
def test_squares_in_place_leave_what_lies_between_rows(dtype, isa):
    with use_isa(isa):
        for n in (5, 33, 130):
            memory = numbered(dtype, 2, n, n + 3)
            expected = memory.copy()
            expected[:, :, 1 : n + 1] = reference.transpose(memory[:, :, 1 : n + 1])
            _kernels.run_transpose_square(memory[:, :, 1 : n + 1])
            assert np.array_equal(memory, expected)


@every_side
@pytest.mark.parametrize("dtype", [*ITEMS, "S3", "S24", "S700"])
def test_rectangles_are_transposed_in_place_between_guard_pages(dtype, side):
    """Items of any size; ones, primes, common divisors, multiples of each other."""
    sizes = (0, 1, 2, 3, 4, 6, 7, 8, 12, 13, 16, 30, 31)
    shapes = [(p, q) for p in sizes for q in sizes]
    for p, q in [*shapes, (3, 1000), (1000, 3), (96, 72), (97, 101), (64, 200), (300, 2)]:
        x = guarded(numbered("int64", 2, p, q).astype(dtype), side)
        expected = reference.transpose(x).reshape(2, p, q)
        _kernels.run_transpose_rectangle(x)
        assert np.array_equal(x, expected), (p, q)


@every_isa
@every_dtype
def test_the_factor_of_a_mode_product_has_any_strides(dtype, isa):
    base = random(dtype, 8, 8)
    factors = {
        "transposed": base.T,
        "reversed": base[::-1, ::-1],
        "strided": base[::2, ::3],
        "one row for all": np.broadcast_to(base[0], (5, 8)),
        "one number for all": np.broadcast_to(base[0, 0], (4, 6)),
    }
    with use_isa(isa):
        for f in factors.values():
            q, p = f.shape
            for r in (1, 2, 7, 16, 33):
                x = random(dtype, 2, p, r)
                compare("mode_product", (f, x), (fresh(dtype, 2, q, r),), p)
                compare("mode_product", (f, x), (fresh(dtype, 2, q, r),), p, conjugate=True)


@every_isa
@every_dtype
def test_outer_axes_of_a_mode_product_have_any_strides(dtype, isa):
    """Panels: l and p (q) strided, r contiguous."""
    wide, gaps = random(dtype, 4, 6, 40), fresh(dtype, 4, 8, 40)
    with use_isa(isa):
        for r in (1, 3, 8, 17):
            x, y = wide[::2, ::2, 5 : 5 + r], gaps[::2, ::2, 3 : 3 + r]
            compare("mode_product", (random(dtype, 4, 3), x), (y,), 3)
            y[...] = np.nan
            assert np.isnan(gaps).all(), "written between the panels"


@every_isa
@every_dtype
def test_large_mode_products_meet_the_bound(dtype, isa):
    with use_isa(isa):
        for length, q, p, r in [(2, 65, 70, 130), (300, 33, 31, 1), (1, 5, 300, 40)]:
            f, x = random(dtype, q, p), random(dtype, length, p, r)
            compare("mode_product", (f, x), (fresh(dtype, length, q, r),), p)


@every_isa
@every_dtype
def test_kernels_pass_nan_through_zeros(dtype, isa):
    zero, nan = np.zeros((2, 4, 4), dtype), np.full((2, 4, 4), np.nan, dtype)
    y, d = np.zeros_like(zero), np.zeros_like(zero)
    with use_isa(isa):
        for f, x in [(zero[0], nan), (nan[0], zero)]:
            _kernels.run_mode_product(f, x, y)
            assert np.isnan(y).all()
        _kernels.run_small_triple_product(zero, nan, zero, y)
        assert np.isnan(y).all()
        _kernels.run_small_vjp(zero, nan, nan, y, d)
        assert np.isnan(y).all() and np.isnan(d).all()


@pytest.mark.skipif(not HAS_MPROTECT, reason="no mprotect")
@pytest.mark.parametrize(("side", "offset"), [("end", "a.nbytes"), ("start", "-1")])
def test_a_byte_too_far_faults(side, offset):
    """The guard guards: reading the byte beside a guarded array kills the process."""
    program = f"""
        import ctypes, numpy, helpers
        a = helpers.guarded(numpy.arange(10.0), {side!r})
        assert a.sum() == 45
        print("placed", flush=True)
        ctypes.string_at(a.ctypes.data + {offset}, 1)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == "placed", result.stderr
    killed = result.returncode in (-signal.SIGSEGV, -signal.SIGBUS)
    assert killed or "AddressSanitizer" in result.stderr
