"""Long work goes in pieces, between which Ctrl-C is heard: here they are small, their borders many.

The results are those of the whole, which other files compare with their definition; no piece
reaches past its operands and results, which lie between guard pages.
"""

from math import ceil, prod

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import compiled_api as api
import kronvec as kv
from helpers import KERNEL_DTYPES, SIDES, filler, guarded, leaves, map_arrays, random, using
from kronvec import _kernels, _ufuncs
from operations import OPERATIONS

PIECES = (1 << 14, 50000)  # the least that there is, and some
# Past the grains of 64 and 512 indices along each axis in turn
SIZES = [(40, 9, 70, 5), (600, 3, 7, 3), (3, 1100, 9, 2), (2, 3, 1100, 9), (5, 2, 7, 1030)]
SIZES += [(70, 9, 130, 2), (1, 1, 90, 130), (130, 90, 1, 1), (1, 90, 1, 130), (3, 70, 2, 130)]
GROUPS = ("products", "many_factors", "columnwise", "derivatives")
IN_PIECES = [operation for operation in OPERATIONS if operation.group in GROUPS]
SHAPES = [(5, 2000), (2000, 5), (130, 200), (200, 140), (1, 5000), (140, 140), (30, 30)]

# Functions with shapes of operands, for 2^21 multiply-adds or items at least: in blocks, and others
PASSES = [
    ("kron_matmul", ([(16, 16)] * 3, (4096, 512))),
    ("kron_matmul", ([(2, 2)] * 12, (4096, 512))),
    ("kron_matmul", ([(8, 8)] * 7, (8**7,))),
    ("matmul_kron", ((512, 4096), [(16, 16)] * 3)),
    ("matmul_kron", ((90000, 64), [(2, 2)] * 6)),
    ("kronsum_matmul", ([(16, 16)] * 3, (4096, 512))),
    ("kronsum_matmul", ([(2, 2)] * 12, (4096, 512))),
]
LONG = [
    ("kron", ((1024, 2), (64, 32))),
    ("kron", ((1, 6), (7000, 100))),
    ("kron", ((1, 65536), (1, 64))),
    ("kron", ((1, 64), (1, 65536))),
    ("kron", ((1, 1), (1, 2**22))),
    ("khatri_rao", ((64, 1024), (64, 1024))),
    ("khatri_rao", ((1, 1024), (4096, 1024))),
    ("khatri_rao", ((1, 2**22), (1, 2**22))),
    ("face_splitting", ((4096, 64), (4096, 16))),
    ("face_splitting", ((1, 2), (1, 2**21))),
    ("bkron", ((3000, 6, 6), (3000, 6, 6))),
    ("bkron", ((2, 1, 3), (2, 1, 2**20))),
    ("triple_product", ((3000, 12, 12),) * 3),
    ("per_sample_sqnorm", ((3000, 1000), (3000, 1000))),
    ("per_sample_sqnorm", ((1, 2**22), (1, 1))),
]
STOPPED = [(1 << 14, *case) for case in PASSES + LONG] + [(1 << 24, *case) for case in PASSES]


def pieces(work):
    """Run the block with pieces of this size."""
    return using(_kernels._use_pieces, work)


def build(shapes):
    """Ones of these shapes."""
    if isinstance(shapes, list) or isinstance(shapes[0], (tuple, list)):
        return [build(shape) for shape in shapes]
    return np.ones(shapes)


def assert_near(results, whole):
    """Up to rounding, which the order of terms changes."""
    for got, expected in zip(results, whole, strict=True):
        largest, eps = abs(expected).max(), np.finfo(expected.dtype).eps
        assert_allclose(got / largest, expected / largest, 0, 200 * eps)


def test_pieces_of_an_axis_are_as_small_as_their_number_allows():
    """Whole grains, and no more pieces than the work asks for."""
    for size in (1, 2, 7, 63, 64, 65, 100, 1000, 4097, 10**6):
        for each in (0.1, 1 / 7, 1.0, 15.0, 999.0, 1001.0, 1e6):
            for grain in (1, 2, 64):
                step = _kernels._piece(size, each, 1000, grain)
                needed = min(size, int(size * each / 1000)) + 1
                assert step > 0 and step % grain == 0
                assert ceil(size / step) <= needed
                assert step == grain or ceil(size / (step - grain)) > needed


@pytest.mark.parametrize("work", PIECES)
@pytest.mark.parametrize("operation", IN_PIECES, ids=str)
def test_public_functions_in_pieces(operation, work):
    for i, sizes in enumerate(SIZES):
        dtype = KERNEL_DTYPES[i % 4]
        for layout in ("C", "F", "reversed"):
            args = operation.build(dtype, sizes, layout=layout)
            whole = leaves(operation(*args))
            with pieces(work):
                results = leaves(operation(*args))
            assert_near(results, whole)


@pytest.mark.parametrize("work", PIECES)
@pytest.mark.parametrize("operation", IN_PIECES, ids=str)
def test_pieces_keep_to_their_operands_and_results(operation, work):
    for i, sizes in enumerate(SIZES):
        args = operation.build(KERNEL_DTYPES[i % 4], sizes)
        whole = leaves(operation(*args))
        for side in SIDES:
            placed = map_arrays(lambda a, side=side: guarded(a, side), args)
            out = guarded(filler(whole[0].dtype, whole[0].shape), side)
            with pieces(work):
                results = operation(*placed, **({"out": out} if operation.takes_out else {}))
            assert_near(leaves(results), whole)


@pytest.mark.parametrize("work", PIECES)
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("q, p", [(1, 9000), (3, 3), (9, 2100), (600, 30), (1100, 70), (33, 65)])
def test_products_along_one_axis_in_pieces(q, p, dtype, work):
    f = random(dtype, q, p)
    for left, right in [(1, 1), (1, 1200), (7, 1), (50, 9), (1, 30)]:
        x = random(dtype, left, p, right)
        expected = np.matmul(f.astype("complex128"), x)
        for a in (f, np.asfortranarray(f)):
            for accumulate in (0, 1):
                y = guarded(np.full((left, q, right), 2 if accumulate else np.nan, dtype), "end")
                with pieces(work):
                    api.call("mode_product", y.dtype, a, x, y, accumulate)
                assert_allclose(y, expected + 2 * accumulate, 1e-3, 1e-2)


@pytest.mark.parametrize("work", PIECES)
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("shape", [(1, 30000), (3, 12567), (900, 70), (2000, 3)])
def test_norms_of_rows_in_pieces(shape, dtype, work):
    for side in SIDES:
        x = guarded(random(dtype, *shape), side)
        with pieces(work):
            got = kv.per_sample_sqnorm(x, np.ones((len(x), 1), dtype))
        assert_allclose(got, (abs(x.astype("clongdouble")) ** 2).sum(axis=1), 1e-5)


@pytest.mark.parametrize("work", PIECES)
def test_long_rows_are_summed_piece_by_piece(work):
    """In another order than the whole, which the last bits show."""
    x, one = random("float32", 1, 10**6), np.ones((1, 1), "float32")
    whole = kv.per_sample_sqnorm(x, one)
    with pieces(work):
        got = kv.per_sample_sqnorm(x, one)
    assert got != whole
    assert_allclose(got, whole, 1e-5)


@pytest.mark.parametrize(("work", "name", "shapes"), STOPPED, ids=str)
def test_a_raised_flag_ends_work_in_its_first_tenth(work, name, shapes):
    """However long and thin the operands are."""
    function = getattr(kv, name)
    args = build(shapes)
    expected = function(*args)
    out, flag = np.full_like(expected, np.nan), _kernels.StopFlag()
    flag.set()
    with flag, pieces(work), pytest.raises(_kernels.Stopped):
        function(*args, out=out)
    assert np.isnan(out).mean() > 0.9
    assert_array_equal(function(*args, out=out), expected)


@pytest.mark.parametrize("work", PIECES)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "c16", "S3"])
def test_transpositions_in_pieces(dtype, work):
    for shape in SHAPES:
        x = np.arange(9 * prod(shape)).reshape(9, *shape).astype(dtype)
        for a in (x, x[:, ::-1], x[:, :, ::2], x[:1]):
            with pieces(work):
                got = guarded(filler(a.dtype, a.swapaxes(1, 2).shape), "end")
                if a.itemsize != 3:
                    api.call("transpose", a.itemsize, a[0], got[0])
                    assert_array_equal(got[0], a[0].T)
                rows = a.reshape(len(a), -1)
                reordered = kv.vec_reorder(rows, a.shape[1:], source="C", target="F")
                moved = guarded(a, "end")
                _ufuncs.move_in_place(moved.view(np.uint8).reshape(*a.shape, -1))
            assert_array_equal(reordered.reshape(got.shape), a.swapaxes(1, 2))
            assert_array_equal(moved.reshape(got.shape), a.swapaxes(1, 2))
