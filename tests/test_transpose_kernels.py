"""Raw transposes: kernel x item size x instruction set x shape, between guard pages."""

import numpy as np
import pytest

from helpers import ISAS, SIDES, guarded, spaced, use_isa
from kronvec import _kernels
from kronvec import _reference as reference

ITEMS = ("uint8", "uint16", "uint32", "uint64", "complex128")  # 1, 2, 4, 8, 16 bytes

every_isa = pytest.mark.parametrize("isa", ISAS)
every_side = pytest.mark.parametrize("side", SIDES)
every_item = pytest.mark.parametrize("dtype", ITEMS)
# Around every width of a strip and of a tile, for each item size
MOVED = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 67)


def numbered(dtype, *shape):
    """Entries that tell their places, as far as the items can hold them."""
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def in_each_place(x, y, side):
    """The transpose of x, packed between guard pages, then with gaps between the rows of each."""
    packed = guarded(y, side)
    _kernels.run_transpose(guarded(x, side), packed)
    yield packed
    apart, memory = spaced(y, side)
    before = memory.copy()
    _kernels.run_transpose(spaced(x, side)[0], apart)
    result = apart.copy()
    apart[...] = y
    assert np.array_equal(memory, before, equal_nan=memory.dtype.kind in "fc"), "between the rows"
    yield result


@every_isa
@every_side
@every_item
def test_transpose_moves_items_of_every_size_between_guard_pages(dtype, isa, side):
    with use_isa(isa):
        for m in MOVED:
            for n in MOVED:
                for batch in (1, 3):
                    x = numbered(dtype, batch, m, n)
                    expected = reference.transpose(x)
                    for y in in_each_place(x, np.zeros((batch, n, m), dtype), side):
                        assert np.array_equal(y, expected), (batch, m, n)


@every_isa
@every_item
def test_transpose_writes_nothing_between_rows(dtype, isa):
    """Rows with gaps on both sides, of which none is touched; every offset in a line."""
    with use_isa(isa):
        for m, n in [(3, 5), (16, 16), (17, 33), (70, 66), (300, 20), (247, 249)]:
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
LARGE = [
    *[(1500, 1201), (1024, 1024), (1000, 1208), (3, 400_000), (400_001, 3), (9, 130_001)],
    *[(400_000, 3), (160_000, 7)],  # narrow, and rows of y whole lines apart
]


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
                square = numbered(dtype, batch, n, n)
                for x in (guarded(square, side), spaced(square, side)[0]):
                    _kernels.run_transpose_square(x)
                    assert np.array_equal(x, reference.transpose(square)), (batch, n)


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
