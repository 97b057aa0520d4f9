"""Componentwise bounds on hard data: kernel x dtype x instruction set x association.

|ŷ - y| <= γ_k Σ |products| + what underflow may take away, against extended precision.  The data
span many orders of magnitude, cancel, or are subnormal; kernel_cases.py has the tame ones.
"""

import numpy as np
import pytest

import kronvec as kv
from helpers import ISAS, KERNEL_DTYPES, gamma, leaves, lift, map_arrays, use_isa
from kernel_cases import ARITHMETIC
from kronvec import _kernels
from kronvec import _reference as reference
from operations import OPERATIONS
from test_association import CALLS, CHAINS

every_isa = pytest.mark.parametrize("isa", ISAS)
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)

# --------------------------------------------------------------------------------------
# Data


def parts(dtype, fill):
    """An array of which ``fill()`` gives the real and the imaginary part."""
    dtype = np.dtype(dtype)
    return (fill() + 1j * fill() if dtype.kind == "c" else fill()).astype(dtype)


def wide(rng, dtype, shape):
    """Exponents over a third of the range of float32: a sum has terms of every size."""
    return parts(dtype, lambda: rng.normal(size=shape) * 2.0 ** rng.integers(-20, 20, shape))


def cancelling(rng, dtype, shape):
    """±(1 + a few ε), so that sums lose nearly all digits."""
    eps = np.finfo(dtype).eps
    signs = lambda: rng.choice([-1.0, 1], shape) * (1 + eps * rng.integers(0, 8, shape))  # noqa: E731
    return parts(dtype, signs)


def subnormal(rng, dtype, shape):
    """Numbers next to 1 and subnormal ones, which are not taken for zero."""
    tiny = float(np.finfo(dtype).smallest_subnormal)
    small = lambda: rng.integers(-1000, 1000, shape) * tiny  # noqa: E731
    return np.where(rng.random(shape) < 0.5, parts(dtype, small), wide(rng, dtype, shape) * 2.0**-9)


def mixed(rng, dtype, shape):
    """Zeros, signed zeros, ones and powers of two between others."""
    values = wide(rng, dtype, shape)
    return np.where(rng.random(shape) < 0.6, rng.choice([0.0, -0.0, 1, -2, 0.25], shape), values)


DATA = {f.__name__: f for f in (wide, cancelling, subnormal, mixed)}
every_kind = pytest.mark.parametrize("kind", DATA)


def values(kind, dtype, *shape, seed=0):
    return DATA[kind](np.random.default_rng([seed, *shape]), dtype, shape).astype(dtype)


def assert_componentwise(got, exact, magnitude, roundings, largest):
    """The bound, and for each rounding a subnormal number times what it is multiplied with."""
    tiny = float(np.finfo(got.dtype).smallest_subnormal)
    slack = 4 * (roundings + 1) ** 2 * tiny * (1 + largest)
    error = np.abs(lift(got) - exact)
    bad = ~(error <= gamma(roundings, got.dtype) * magnitude + slack)
    assert not bad.any(), f"{bad.sum()} of {bad.size}, {np.argwhere(bad)[0]}: {error[bad][0]}"


def size(arrays):
    """The largest product of entries of all but one of the arrays."""
    largest = [max(1.0, float(np.abs(a).max(initial=0))) for a in arrays]
    return float(np.prod(largest))


# --------------------------------------------------------------------------------------


@every_isa
@every_dtype
@every_kind
@pytest.mark.parametrize("kernel", ARITHMETIC)
def test_kernels_meet_the_bound_on_hard_data(kernel, kind, dtype, isa):
    with use_isa(isa):
        cases = list(ARITHMETIC[kernel](dtype))
        for inputs, outputs, roundings, options in cases[:: max(1, len(cases) // 10)]:
            given = [values(kind, dtype, *a.shape, seed=i) for i, a in enumerate(inputs)]
            start = [
                values(kind, y.dtype, *y.shape, seed=9) if options.get("accumulate") else y
                for y in outputs
            ]
            added = start if options.get("accumulate") else []
            plain = {k: v for k, v in options.items() if k not in ("accumulate", "stream")}
            oracle = getattr(reference, kernel)
            exact = leaves(oracle(*map(lift, given), *map(lift, added), **plain))
            magnitudes = leaves(oracle(*(np.abs(lift(a)) for a in [*given, *added]), **plain))
            results = [y.copy() for y in start]
            getattr(_kernels, f"run_{kernel}")(*given, *results, **options)
            for y, truth, magnitude in zip(results, exact, magnitudes, strict=True):
                assert_componentwise(y, truth, magnitude, roundings, size(given))


@every_isa
@every_kind
@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.roundings(2, 3, 4, 5)], ids=str)
def test_public_functions_meet_the_bound_on_hard_data(operation, kind, isa):
    with use_isa(isa):
        for dtype in KERNEL_DTYPES:
            for sizes in [(7, 5, 3, 8)]:
                args = map_arrays(
                    lambda a: values(kind, a.dtype, *a.shape, seed=a.size),
                    operation.build(dtype, sizes),
                )
                truth = leaves(operation.define(*map_arrays(lift, args)))
                bound = leaves(operation.define(*map_arrays(lambda a: np.abs(lift(a)), args)))
                for y, exact, magnitude in zip(leaves(operation(*args)), truth, bound, strict=True):
                    roundings = operation.roundings(*sizes)
                    assert_componentwise(y, exact, magnitude, roundings, size(leaves(args)))


@every_isa
@every_dtype
@every_kind
@pytest.mark.parametrize("call", CALLS)
def test_both_associations_meet_the_bound_on_hard_data(call, kind, dtype, isa):
    with use_isa(isa):
        for sizes in [*CHAINS, (150, 140, 130, 2), (2, 130, 140, 150)]:
            m, n, p, q = sizes
            a, b, c = (
                values(kind, dtype, *shape, seed=i)
                for i, shape in enumerate([(m, n), (n, p), (p, q)])
            )
            y = np.asarray(CALLS[call](a, b, c))
            exact = lift(a) @ lift(b) @ lift(c)
            magnitude = np.abs(lift(a)) @ np.abs(lift(b)) @ np.abs(lift(c))
            y = y.reshape(exact.shape[::-1]).T if call == "vec_trick" else y.reshape(exact.shape)
            assert_componentwise(y, exact, magnitude, n + p, size([a, b, c]))


@every_isa
@every_dtype
@every_kind
@pytest.mark.parametrize("sizes", [[2] * 8, [3, 5, 7], [8, 8, 8], [16, 16]], ids=str)
def test_many_factors_meet_the_bound_on_hard_data(sizes, kind, dtype, isa):
    """k = Σ n_i + N roundings for N factors, instead of the Π n_i of the formed product."""
    factors = [
        values(kind, dtype, n, n, seed=i) * (1 / 64 if kind == "wide" else 1)
        for i, n in enumerate(sizes)
    ]
    factors = [f.astype(dtype) for f in factors]
    x = values(kind, dtype, int(np.prod(sizes)), 2, seed=99)
    with use_isa(isa):
        y = kv.kron_matmul(factors, x)
    exact = by_definition([lift(f) for f in factors], lift(x))
    magnitude = by_definition([np.abs(lift(f)) for f in factors], np.abs(lift(x)))
    assert_componentwise(y, exact, magnitude, sum(sizes) + 2 * len(sizes), size([*factors, x]))


def by_definition(factors, x):
    """Along one axis after the other, which is fast enough for extended precision."""
    y = x.reshape(*(len(f) for f in factors), -1)
    for axis, f in enumerate(factors):
        y = np.moveaxis(np.tensordot(f, y, (1, axis)), 0, axis)
    return y.reshape(x.shape)


@every_isa
@every_dtype
def test_the_bound_is_not_met_by_less_precise_sums(dtype, isa):
    """Sums in half the digits are found out."""
    f, x = values("cancelling", dtype, 8, 16), values("cancelling", dtype, 1, 16, 8)
    y = np.empty((1, 8, 8), dtype)
    with use_isa(isa):
        _kernels.run_mode_product(f, x, y)
    exact = lift(f) @ lift(x)
    magnitude = np.abs(lift(f)) @ np.abs(lift(x))
    assert_componentwise(y, exact, magnitude, 16, 1)
    worse = y * y.dtype.type(1 + 1e-3) + y.dtype.type(100 * np.finfo(dtype).eps * 16)
    with pytest.raises(AssertionError):
        assert_componentwise(worse, exact, magnitude, 16, 1)
