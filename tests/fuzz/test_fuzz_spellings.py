"""Special values, subclasses, lists and scalars: as the definition or NumPy has them."""

import tempfile

import numpy as np
import pytest
from hypothesis import strategies as st
from judge import fuzzed, outcome
from operands import IN_C, ROWS, SMALL, arguments, dtypes, one_of_all, sizes, special_values

from helpers import EXACT_DTYPES, KERNEL_DTYPES, gamma, leaves, lift, map_arrays

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
every_function = pytest.mark.parametrize("name", ROWS)
FEW = sizes(SMALL)
INEXACT = dtypes((*KERNEL_DTYPES, "longdouble", "clongdouble"))
MOVING = ("vec", "unvec", "vec_reorder", "commutation_matmul", "partial_transpose", "realignment")
NUMBERS = dtypes((*KERNEL_DTYPES, *EXACT_DTYPES))


# --------------------------------------------------------------------------------------
# NaN, infinities, zeros of both signs, subnormal numbers


def reached(operation, args):
    """For each result: the entries to which one of the operands' not finite entries contributes.

    No entry of a dense factor is skipped, be it zero; what a permutation, an identity or a
    triangle leaves out contributes nothing.  So nonnegative numbers tell by their sums.
    """

    def sums(bad=None, where=-1):
        numbers = iter(range(99))
        one = lambda a: np.ones(a.shape) + (bad if next(numbers) == where else 0)  # noqa: E731
        return leaves(operation.define(*map_arrays(one, args)))

    plain = sums()
    hit = [np.zeros(a.shape, bool) for a in plain]
    for position, a in enumerate(leaves(args)):
        bad = ~np.isfinite(a)
        if bad.any():
            more = sums(bad, position)
            hit = [h | (m != p) for h, m, p in zip(hit, more, plain, strict=True)]
    return hit


@every_function
@fuzzed
def test_what_is_not_finite_reaches_what_it_contributes_to_and_no_more(name, data):
    operation = data.draw(st.sampled_from(ROWS[name]))
    args, four, samples = data.draw(arguments(operation, special_values, dtypes=INEXACT))
    result, refusal = outcome(name, operation, *args)
    if refusal is not None:
        return
    roundings = operation.roundings(*four) * samples
    clean = map_arrays(lambda a: np.nan_to_num(a, nan=0, posinf=0, neginf=0), args)
    exact = leaves(operation.define(*map_arrays(lift, clean)))
    size = leaves(operation.define(*map_arrays(lambda a: np.abs(lift(a)), clean)))
    for got, expected, magnitude, hit in zip(
        leaves(result), exact, size, reached(operation, args), strict=True
    ):
        got = np.asarray(got)
        assert np.array_equal(~np.isfinite(got), hit), (got, expected)
        # What underflows errs by less than the smallest normal number.
        bound = gamma(roundings, got.dtype) * magnitude + np.finfo(got.dtype).tiny
        assert (np.abs(lift(got) - expected) <= bound)[~hit].all(), (got, expected)


@pytest.mark.parametrize("name", MOVING)
@fuzzed
def test_moves_keep_every_bit(name, data):
    operation = data.draw(st.sampled_from(ROWS[name]))
    args, *_ = data.draw(arguments(operation, special_values, dtypes=INEXACT))
    result, _ = outcome(name, operation, *args)
    expected = operation.define(*args)
    for part in ("real", "imag"):
        g, e = getattr(result, part), getattr(expected, part)
        assert np.array_equal(g, e, equal_nan=True)
        assert np.array_equal(np.signbit(g), np.signbit(e))


# --------------------------------------------------------------------------------------
# Subclasses and what is no array yet


class Tagged(np.ndarray):
    """A subclass that changes nothing."""


def mapped(a):
    with tempfile.TemporaryFile() as file:
        memory = np.memmap(file, a.dtype, "w+", shape=max(a.size, 1))
    view = memory[: a.size].reshape(a.shape)
    view[...] = a
    return view


def masked(a):
    return np.ma.array(a, mask=np.arange(a.size).reshape(a.shape) % 3 == 0)


# whether the result is then that of plain arrays, or may also be a refusal
SUBCLASSES = {
    "tagged": (lambda a: a.view(Tagged), True),
    "memmap": (mapped, True),
    "matrix": (lambda a: np.asmatrix(a) if a.ndim == 2 else a, False),
    "unmasked": (np.ma.array, False),
    "masked": (masked, False),
}
WHICH = one_of_all(list(SUBCLASSES), range(1, 16))


@every_function
@fuzzed
def test_subclasses_mean_what_plain_arrays_mean_or_are_refused(name, data):
    operation = data.draw(st.sampled_from(ROWS[name]))
    args, four, samples = data.draw(arguments(operation, sizes=FEW, dtypes=NUMBERS))
    plain, refusal = outcome(name, operation, *args)
    if refusal is not None:
        return
    kind, positions = data.draw(WHICH)
    wrap, always = SUBCLASSES[kind]
    numbers = iter(range(99))
    wrapped = map_arrays(lambda a: wrap(a) if positions >> next(numbers) & 1 else a, args)
    masks = any(np.ma.is_masked(a) for a in leaves(wrapped))
    # Masks are NumPy's to multiply, and the errors NumPy's.
    result, refusal = outcome("" if kind.endswith("masked") else name, operation, *wrapped)
    assert refusal is None or not always, refusal
    if refusal is not None:
        return
    if masks:
        assert all(isinstance(a, np.ma.MaskedArray) for a in leaves(result))
        return
    for got, expected in zip(leaves(result), leaves(plain), strict=True):
        assert got.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")
        if kind != "matrix":  # whose rows and columns stay matrices
            assert got.shape == expected.shape
        got, expected = np.ravel(np.asarray(got)), np.ravel(expected)
        if np.array_equal(got, expected):
            continue
        with np.errstate(all="ignore"):
            size = leaves(operation.define(*map_arrays(lambda a: np.abs(lift(a)), args)))
        eps = np.finfo(got.dtype).eps
        bound = 4 * eps * (1 + operation.roundings(*four)) * samples * max(a.max() for a in size)
        assert (np.abs(got - expected) <= bound).all()


@every_function
@fuzzed
def test_lists_and_scalars_mean_the_arrays_that_numpy_makes_of_them(name, data):
    operation = data.draw(st.sampled_from(ROWS[name]))
    args, *_ = data.draw(arguments(operation, sizes=FEW, dtypes=NUMBERS, layouts=IN_C))
    numbers, positions = iter(range(99)), data.draw(st.integers(1, 15))
    listed = map_arrays(lambda a: a.tolist() if positions >> next(numbers) & 1 else a, args)
    depth = iter(range(99))
    arrays = map_arrays(lambda a: np.array(a.tolist()) if positions >> next(depth) & 1 else a, args)
    (result, refusal), (expected, other) = (
        outcome(name, operation, *each) for each in (listed, arrays)
    )
    assert (refusal is None) == (other is None), (refusal, other)
    for got, wanted in zip(leaves(result), leaves(expected), strict=True):
        assert got.dtype == wanted.dtype
        if got.dtype.kind == "c":  # another order in memory rounds complex products otherwise
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
        else:
            assert np.array_equal(got, wanted)
