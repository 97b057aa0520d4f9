"""Products formed and applied: kron, bkron, triple_product, vec_trick."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import DTYPES, KERNEL_DTYPES, LAYOUTS, SIZES, check, random
from operations import OPERATIONS

# numpy.kron takes any number of axes; pairs of shapes where the counts differ, or are empty
KRON_SHAPES = [
    ((), ()),
    ((), (2, 3)),
    ((3,), ()),
    ((3,), (4,)),
    ((1,), (2, 3)),
    ((2, 3), (4,)),
    ((2, 3, 2), (2,)),
    ((2, 1, 3), (1, 4, 2)),
    ((2, 2), (2, 2, 2)),
    ((1, 0), (1, 1)),
    ((2, 0, 2), (2, 2)),
    ((2, 0, 0, 2), (2, 0, 2)),
]
BATCHES = [((), (3,)), ((3,), ()), ((3, 1), (2,)), ((1,), (4,)), ((0,), (1,))]

TWO_TIER = (
    *("triple_product", "vec_trick", "bkron"),
    *("matmul_vjp", "matmul_jvp", "commutation_matmul"),
)
two_tier = pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS if o.name in TWO_TIER], ids=str
)


# --------------------------------------------------------------------------------------
# all


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_rows_may_begin_within_a_number_of_the_row_before(dtype):
    a = LAYOUTS["interleaved"](random(dtype, 20, 20))
    assert a.flags.aligned and a.strides[0] == a.itemsize // 2
    b = random(dtype, 20, 20, seed=1)
    check("kron", a, b, roundings=1)
    check("triple_product", a, b, a, roundings=40)


# --------------------------------------------------------------------------------------
# kron


@pytest.mark.parametrize("shapes", KRON_SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_kron_of_any_axes_is_numpys(shapes, dtype):
    a, b = random(dtype, *shapes[0]), random(dtype, *shapes[1], seed=1)
    got, expected = check("kron", a, b, roundings=1), np.kron(a, b)
    assert type(got) is type(expected)
    if np.dtype(dtype).kind != "c":  # there a fused multiply-add may round less often
        assert_array_equal(got, expected, strict=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_kron_of_any_strides_is_numpys(layout):
    a, b = LAYOUTS[layout](random("float32", 5, 3)), LAYOUTS[layout](random("float32", 2, 9))
    assert_array_equal(kv.kron(a, b), np.kron(a, b))


@pytest.mark.parametrize("dtype", ["float64", "complex64", "int64"])
def test_kron_of_more_operands_associates(dtype):
    mats = [random(dtype, *shape) for shape in [(2, 3), (1, 4), (3, 2), (2, 1)]]
    expected = np.kron(np.kron(np.kron(*mats[:2]), mats[2]), mats[3])
    rtol = 8 * np.finfo(dtype).eps if np.dtype(dtype).kind in "fc" else 0
    assert_allclose(kv.kron(*mats), expected, rtol=rtol)
    out = np.empty_like(expected)
    assert kv.kron(*mats, out=out) is out
    assert_allclose(out, expected, rtol=rtol)


def test_kron_of_scalars_and_lists_is_numpys():
    for a, b in [(2, [[1, 2]]), ([1, 2], 3.5), (2, 3), ([[1], [2]], [[1, 2, 3]])]:
        got, expected = kv.kron(a, b), np.kron(a, b)
        assert_array_equal(got, expected)
        assert np.asarray(got).dtype == np.asarray(expected).dtype


# --------------------------------------------------------------------------------------
# bkron, triple_product, vec_trick


@pytest.mark.parametrize("batches", BATCHES, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "complex64", "int32"])
def test_bkron_is_the_kron_of_each_sample(batches, dtype):
    a = random("int64", *batches[0], 2, 3).astype(dtype)
    b = random("int64", *batches[1], 4, 2, seed=1).astype(dtype)
    got = kv.bkron(a, b)
    batch = got.shape[:-2]
    a, b = np.broadcast_to(a, (*batch, 2, 3)), np.broadcast_to(b, (*batch, 4, 2))
    for i in np.ndindex(batch):
        assert_array_equal(got[i], np.kron(a[i], b[i]))


@pytest.mark.parametrize("batches", BATCHES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "complex128", "longdouble", "int64"])
def test_batches_of_the_three_operands_broadcast(batches, dtype):
    for turn in range(3):
        first, second, third = np.roll(np.array([*batches, ()], object), turn)
        a, c = random(dtype, *first, 2, 3), random(dtype, *third, 4, 5, seed=2)
        check("triple_product", a, random(dtype, *second, 3, 4, seed=1), c, roundings=7)
        for order in "FC":
            b = random(dtype, *second, 12, seed=1)
            check("vec_trick", a, b, c, roundings=7, order=order)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_vec_trick_is_the_explicit_kronecker_product(sizes):
    m, n, p, q = sizes
    a, b, c = (random("int64", *shape) for shape in [(m, n), (n, p), (p, q)])
    explicit = {"F": np.kron(c.T, a), "C": np.kron(a, c.T)}
    for order, matrix in explicit.items():
        got = kv.vec_trick(a, kv.vec(b, order=order), c, order=order)
        assert_array_equal(got, matrix @ kv.vec(b, order=order))
        assert_array_equal(got, kv.vec(a @ b @ c, order=order))


def test_vec_trick_defaults_to_stacked_columns():
    a, b, c = random("int64", 2, 3), random("int64", 12), random("int64", 4, 5)
    assert_array_equal(kv.vec_trick(a, b, c), np.kron(c.T, a) @ b)


# --------------------------------------------------------------------------------------
# The two tiers of a call


@pytest.mark.parametrize("name", TWO_TIER)
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_positional_plain_arrays_give_the_definition(name, dtype):
    """The call that may go straight to a kernel: no keyword at all."""
    operation = next(o for o in OPERATIONS if o.name == name)
    for sizes in SIZES:
        args = operation.build(dtype, sizes)
        check(name, *args, roundings=operation.roundings(*sizes))


@two_tier
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_the_general_tier_gives_the_definition(operation, dtype):
    for sizes in SIZES:
        args = operation.build(dtype, sizes)
        general = operation.function.__wrapped__(*args, **operation.kwargs)
        operation.compare(general, args, sizes)


@two_tier
def test_the_general_tier_documents_the_function(operation):
    function = operation.function
    assert function.__name__ == operation.name
    assert function.__doc__ == function.__wrapped__.__doc__
    assert "out" in inspect.signature(function).parameters or not operation.takes_out


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_square_sizes_around_the_unrolled_kernels(dtype):
    for n in range(1, 12):
        a, b, c = (random(dtype, n, n, seed=i) for i in range(3))
        check("triple_product", a, b, c, roundings=2 * n)
        check("vec_trick", a, b.ravel(), c, roundings=2 * n)
        check("matmul_vjp", a, b, c, roundings=n)
        check("bkron", a, b, roundings=1)


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_large_products_meet_the_bound(dtype):
    a, b, c = random(dtype, 150, 130), random(dtype, 130, 140), random(dtype, 140, 129)
    check("triple_product", a, b, c, roundings=270)


# --------------------------------------------------------------------------------------
# NaN and infinity


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_zeros_do_not_hide_nan(dtype):
    zero, one = np.zeros((4, 4), dtype), np.ones((4, 4), dtype)
    nan = np.full((4, 4), np.nan, dtype)
    with np.errstate(invalid="ignore"):
        for args in [(zero, nan, one), (one, nan, zero), (nan, zero, one), (zero, zero, nan)]:
            assert np.isnan(kv.triple_product(*args)).all()
            assert np.isnan(kv.vec_trick(args[0], args[1].ravel(), args[2])).all()
        assert np.isnan(kv.kron(zero, nan)).all()
        assert np.isnan(kv.bkron(nan, zero)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinity_times_zero_is_nan_and_infinity_stays(dtype):
    zero, one = np.zeros((3, 3), dtype), np.ones((3, 3), dtype)
    infinite = np.full((3, 3), np.inf, dtype)
    with np.errstate(invalid="ignore"):
        assert np.isnan(kv.triple_product(zero, infinite, one)).all()
        assert np.isposinf(kv.triple_product(one, infinite, one)).all()
        assert np.isnan(kv.kron(zero, infinite)).all()
        assert np.isneginf(kv.kron(-one, infinite)).all()


def test_kron_of_many_workers_is_kron_bit_for_bit():
    a, b = np.random.default_rng(0).standard_normal((2, 37, 23))
    expected = kv.kron(a, b)
    out = np.empty_like(expected)
    for workers in (1, 2, 3, -1):
        assert np.array_equal(kv.kron(a, b, workers=workers), expected)
        assert kv.kron(a, b, out=out, workers=workers) is out
        assert np.array_equal(out, expected)
    with pytest.raises(ValueError, match="workers"):
        kv.kron(a, b, workers=0)


def test_kron_of_many_workers_may_overwrite_a_factor():
    out = np.ones((600, 600))
    a, b = out[:20, :20], np.arange(900.0).reshape(30, 30)
    a[...] = np.arange(400.0).reshape(20, 20)
    expected = np.kron(a, b)
    assert np.array_equal(kv.kron(a, b, out=out, workers=2), expected)


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_kron_of_vectors_and_of_single_columns_is_numpys(dtype, layout):
    for m, n in [(1, 1), (5, 7), (64, 3), (3, 64), (0, 4), (1200, 40)]:
        u, v = (LAYOUTS[layout](random(dtype, k, seed=k)) for k in (m, n))
        expected = np.kron(u, v)
        rtol = 4 * np.finfo(dtype).eps
        assert_allclose(kv.kron(u, v), expected, rtol=rtol)
        out = np.empty(m * n, dtype)
        assert kv.kron(u, v, out=out) is out
        assert_allclose(out, expected, rtol=rtol)
        columns = kv.kron(u[:, None], v[:, None])
        assert_allclose(columns, expected[:, None], rtol=rtol)
        assert columns.flags.c_contiguous
    with pytest.raises(ValueError, match="bkron"):
        kv.bkron(random(dtype, 3), random(dtype, 2))
