"""Raw kernels: kernel x dtype x instruction set x tail sizes, between guard pages.

A kernel that reads or writes one byte before or behind its arrays crashes the process here; one
that writes between their rows fails.
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
    guarded,
    leaves,
    lift,
    random,
    spaced,
    use_isa,
)
from kernel_cases import ARITHMETIC, CONTIGUOUS, MOVEMENT, fresh
from kronvec import _kernels
from kronvec import _reference as reference

every_isa = pytest.mark.parametrize("isa", ISAS)
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


PLACES = [(side, gaps) for side in SIDES for gaps in (False, True)]


def place(kernel, arrays, side, gaps):
    """The arrays between guard pages, with gaps between rows where the kernel takes them so."""
    placed = []
    for a, inner in zip(arrays, CONTIGUOUS[kernel], strict=True):
        if not gaps or inner is None or (kernel == "mode_pair" and a.shape[-1] == 1):
            a = guarded(a, side)
            placed.append((a, a))
        else:
            placed.append(spaced(a, side, inner))
    return placed


def run(kernel, inputs, outputs, roundings=0, **kwargs):
    """Run the kernel on its arrays in every place and compare with its oracle."""
    expected = define(kernel, inputs, outputs, kwargs)
    for side, gaps in PLACES:
        placed = place(kernel, [*inputs, *outputs], side, gaps)
        arrays = [a for a, _ in placed]
        ins, outs = arrays[: len(inputs)], arrays[len(inputs) :]
        call(kernel, ins, outs, expected, roundings, kwargs)
        for y, memory in placed[len(inputs) :]:
            y[...] = np.nan
            assert np.isnan(memory).all(), f"{kernel}: written between the rows"


def compare(kernel, inputs, outputs, roundings, **kwargs):
    """Run the kernel on these very arrays and compare with its oracle."""
    call(kernel, inputs, outputs, define(kernel, inputs, outputs, kwargs), roundings, kwargs)


def define(kernel, inputs, outputs, kwargs):
    """What the oracle gives in higher precision, and for the magnitudes."""
    oracle = getattr(reference, kernel)
    options = {k: v for k, v in kwargs.items() if k not in ("accumulate", "stream")}
    added = [lift(y.copy()) for y in outputs] if kwargs.get("accumulate") else []
    lifted = [lift(a) for a in inputs]
    sizes = oracle(*map(np.abs, lifted), *map(np.abs, added), **options)
    return leaves(oracle(*lifted, *added, **options)), leaves(sizes)


def call(kernel, inputs, outputs, expected, roundings, kwargs):
    """The results meet the bound, and no input changes; name the shapes on failure."""
    before = [a.copy() for a in inputs]
    getattr(_kernels, f"run_{kernel}")(*inputs, *outputs, **kwargs)
    shapes = f"{kernel} {[a.shape for a in inputs]} {kwargs}"
    for got, y, size in zip(outputs, *expected, strict=True):
        try:
            assert_bounded(got, y, size, roundings)
        except AssertionError as error:
            raise AssertionError(f"{shapes}: {error}") from None
    for a, b in zip(inputs, before, strict=True):
        assert np.array_equal(a, b), f"{shapes}: an input changed"


# --------------------------------------------------------------------------------------


def test_every_kernel_has_an_oracle_and_cases():
    kernels = set(_kernels.kernel_table())
    assert kernels == {*ARITHMETIC, *MOVEMENT}
    for kernel in kernels:
        oracle = kernel.removesuffix("_square")  # the same in place
        assert hasattr(reference, oracle), f"{kernel}: no oracle in _reference"
        assert hasattr(_kernels, f"run_{kernel}"), f"{kernel}: no run_{kernel} in _raw_kernels.pxi"
    assert set(CONTIGUOUS) == set(ARITHMETIC)
    moves = Path(__file__).with_name("test_transpose_kernels.py").read_text(encoding="utf-8")
    assert [kernel for kernel in MOVEMENT if f"_kernels.run_{kernel}(" not in moves] == []


def test_every_kernel_serves_every_dtype_on_the_chosen_set():
    for kernel, by_dtype in _kernels.kernel_table().items():
        assert len(by_dtype) == (5 if kernel in MOVEMENT else 4), kernel
        if kernel in ARITHMETIC:
            assert set(by_dtype) == set(KERNEL_DTYPES)
        assert set(by_dtype.values()) <= set(ISAS)


@every_isa
@every_dtype
@pytest.mark.parametrize("kernel", ARITHMETIC)
def test_kernels_meet_the_bound_between_guard_pages(kernel, dtype, isa):
    with use_isa(isa):
        for inputs, outputs, roundings, kwargs in ARITHMETIC[kernel](dtype):
            run(kernel, inputs, outputs, roundings, **kwargs)


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
def test_streamed_panels_start_anywhere_in_a_line(dtype, isa):
    """Past the caches go whole lines only; what is before and behind them is written as ever."""
    gaps = fresh(dtype, 2, 4, 256)
    with use_isa(isa):
        for start in range(17):
            y, wide = gaps[:, :, start : start + 133], random(dtype, 2, 4, 133)
            compare("mode_product", (random(dtype, 4, 4), wide), (y,), 4, stream=True)
            y[...] = np.nan
            compare("mode_product", (random(dtype, 4, 4)[:3], wide), (y[:, :3],), 4, stream=True)
            y[...] = np.nan
            pair = y.reshape(2, 2, 2, 133)
            x, f = wide.reshape(2, 2, 2, 133), random(dtype, 2, 2, seed=3)
            compare("mode_pair", (f, f, x), (pair,), 4, stream=True)
            y[...] = np.nan
            assert np.isnan(gaps).all(), "written beside the panel"


@every_isa
@every_dtype
def test_streamed_complex_entries_need_the_alignment_of_a_real_alone(dtype, isa):
    """A line of the cache may begin within an entry."""
    f, g = random(dtype, 8, 8), random(dtype, 2, 2, seed=1)
    x, pairs = random(dtype, 2, 8, 128, seed=2), random(dtype, 3, 2, 2, 128, seed=3)
    with use_isa(isa):
        for start in range(1, 5):
            y, z = (shifted(fresh(dtype, *a.shape), start) for a in (x, pairs))
            compare("mode_product", (f, x), (y,), 8, stream=True)
            compare("mode_pair", (g, g, pairs), (z,), 4, stream=True)
            compare("mode_product", (f, x), (y,), 9, stream=True, accumulate=True)


def shifted(a, reals):
    """A copy that begins so many reals behind a line of the cache."""
    real = a.real.dtype
    memory = np.zeros(a.nbytes // real.itemsize + reals + 64 // real.itemsize, real)
    first = -memory.ctypes.data % 64 // real.itemsize + reals
    y = memory[first : first + a.nbytes // real.itemsize].view(a.dtype).reshape(a.shape)
    y[...] = a
    return y


@every_isa
@every_dtype
def test_a_mode_pair_may_write_over_its_operand(dtype, isa):
    with use_isa(isa):
        for n, r in [(2, 40), (3, 40), (4, 40), (5, 40), (4, 1), (8, 1)]:
            f1, f2 = random(dtype, n, n), random(dtype, n, n, seed=1)
            x = random(dtype, 3, n, n, r)
            if _kernels.pair_fits(n, r, x.itemsize):
                y = np.empty_like(x)
                _kernels.run_mode_pair(f1, f2, x, y)
                _kernels.run_mode_pair(f1, f2, x, x)
                assert np.array_equal(x, y)


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
