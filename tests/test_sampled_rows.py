"""``rows=``: some rows of a Kronecker product times a vector or a matrix."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import kronvec as kv
from helpers import DTYPES, LAYOUTS, OUT_LAYOUTS, assert_matches, filler, random
from kronvec import _sampled

# Shapes of the factors: one to five, rectangular either way, ones, sums over nothing
FACTORS = [
    [(5, 4)],
    [(3, 4), (5, 2)],
    [(50, 3), (40, 4), (30, 2)],
    [(2, 9), (3, 8), (4, 7)],
    [(1, 3), (4, 1), (2, 2), (1, 1)],
    [(3, 3)] * 5,
    [(3, 0), (2, 2)],
]
many = pytest.mark.parametrize("shapes", FACTORS, ids=str)


def build(shapes, dtype, seed=0):
    return [random(dtype, *s, seed=seed + i) for i, s in enumerate(shapes)]


def draw(shapes, count, seed=0):
    """Row numbers, negative ones too, with repetitions."""
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(-q, q, count) for q, _ in shapes)


def flat(rows, shapes):
    """The numbers of those rows in K."""
    sizes = [q for q, _ in shapes]
    return np.ravel_multi_index(
        [np.asarray(i) % q for i, q in zip(rows, sizes, strict=True)], sizes
    )


def columns_of(shapes):
    return int(np.prod([p for _, p in shapes]))


@pytest.fixture(params=["automatic", 1, 2, "all", "small blocks", "by products"])
def way(request, monkeypatch):
    """However many leading factors are applied together."""
    if request.param == "small blocks":
        monkeypatch.setattr(_sampled, "BLOCK_BYTES", 100)
    elif request.param == "by products":
        monkeypatch.setattr(_sampled, "_WORTH_A_PRODUCT", 0)
    if request.param != "automatic":
        count = {"all": 99, "small blocks": 1, "by products": 1}.get(request.param, request.param)
        monkeypatch.setattr(_sampled, "_cut", lambda counts, *_: min(count, len(counts)))


@many
@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_sampled_rows_are_those_of_the_whole_product(shapes, count, way):
    rows = draw(shapes, count)
    picked = flat(rows, shapes) if count else np.zeros(0, int)
    for dtype in ("int64", "float64", "complex64", "object"):
        factors = [f.astype(dtype) for f in build(shapes, "int64")]
        x = random("int64", columns_of(shapes), 3).astype(dtype)
        stack = random("int64", 2, columns_of(shapes), 3).astype(dtype)
        whole = kv.kron_matmul(factors, x)
        assert_array_equal(kv.kron_matmul(factors, x, rows=rows), whole[picked])
        assert_array_equal(kv.kron_matvec(factors, x.T, rows=rows), whole[picked].T)
        assert_array_equal(kv.kron_matvec(factors, x[:, 0], rows=rows), whole[picked, 0])
        assert_array_equal(kv.kron_matmul(factors, x[:, 0], rows=rows), whole[picked, 0])
        expected = kv.kron_matmul(factors, stack)[:, picked]
        assert_array_equal(kv.kron_matmul(factors, stack, rows=rows), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_gives_the_definition(dtype, way):
    shapes = [(3, 4), (5, 2), (2, 3)]
    factors, rows = build(shapes, dtype), draw(shapes, 20)
    x = random(dtype, 2, 24)
    got = kv.kron_matvec(factors, x, rows=rows)
    assert_matches(got, "kron_matvec", (factors, x), roundings=4 + 2 + 3 + 3, rows=rows)


@given(st.data(), st.integers(1, 4), st.integers(0, 12))
def test_any_sample_of_any_product(data, factors, count):
    shapes = [data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4))) for _ in range(factors)]
    index = [st.lists(st.integers(-q, q - 1), min_size=count, max_size=count) for q, _ in shapes]
    rows = tuple(data.draw(each) for each in index)
    mats, x = build(shapes, "int64"), random("int64", columns_of(shapes))
    expected = kv.kron_matvec(mats, x)[flat(rows, shapes)] if count else []
    assert_array_equal(kv.kron_matvec(mats, x, rows=rows), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout):
    shapes = [(3, 4), (5, 2)]
    make, rows = LAYOUTS[layout], draw(shapes, 9)
    factors, x = [make(f) for f in build(shapes, "complex64")], make(random("complex64", 3, 8))
    got = kv.kron_matvec(factors, x, rows=[make(i) for i in map(np.array, rows)])
    index = [np.array(make(i)) for i in map(np.array, rows)]
    assert_matches(got, "kron_matvec", (factors, x), roundings=9, rows=index)


@pytest.mark.parametrize("dtype", ["float64", "int16", "complex64"])
def test_factors_may_carry_batch_axes(dtype, way):
    shapes = [(2, 3), (4, 2), (3, 2)]
    factors = [random("int64", 3, 1, 2, 3), random("int64", 4, 2), random("int64", 5, 3, 2)]
    factors = [f.astype(dtype) for f in factors]
    x, rows = random("int64", 5, 12).astype(dtype), draw(shapes, 8)
    got = kv.kron_matvec(factors, x, rows=rows)
    assert got.shape == (3, 5, 8)
    assert_array_equal(got, kv.kron_matvec(factors, x)[..., flat(rows, shapes)])


def test_real_factors_and_complex_data(way):
    shapes = [(3, 4), (5, 2), (2, 2)]
    factors, rows = build(shapes, "int64"), draw(shapes, 9)
    x = random("int64", 16) + 1j * random("int64", 16, seed=1)
    typed = [f.astype(t) for f, t in zip(factors, ["float64", "complex64", "int8"], strict=True)]
    got = kv.kron_matvec(typed, x, rows=rows)
    assert got.dtype == np.complex128
    assert_array_equal(got, kv.kron_matvec(factors, x)[flat(rows, shapes)])


def test_alpha_beta_and_out():
    shapes = [(3, 4), (5, 2)]
    factors, rows = [f.astype(float) for f in build(shapes, "int64")], draw(shapes, 9)
    x = random("int64", 8, 2).astype(float)
    product = kv.kron_matmul(factors, x)[flat(rows, shapes)]
    for layout in OUT_LAYOUTS.values():
        out = layout(filler("float64", (9, 2)))
        assert kv.kron_matmul(factors, x, rows=rows, alpha=-2, out=out) is out
        assert_array_equal(out, -2 * product)
        assert kv.kron_matmul(factors, x, rows=rows, alpha=3, beta=2, out=out) is out
        assert_array_equal(out, 3 * product - 4 * product)
    out = layout(filler("float64", (9,)))
    assert kv.kron_matvec(factors, x[:, 0], rows=rows, out=out) is out
    assert_array_equal(out, product[:, 0])


def test_out_may_lie_over_the_data():
    shapes, memory = [(3, 4), (5, 2)], random("int64", 40).astype(float)
    factors, rows = [f.astype(float) for f in build(shapes, "int64")], draw(shapes, 9)
    x, out = memory[4:12], memory[6:15]
    expected = kv.kron_matvec(factors, x, rows=rows)
    assert_array_equal(kv.kron_matvec(factors, x, rows=rows, out=out), expected)


def test_rows_that_are_not_asked_for_are_not_computed():
    """K has a billion rows; NaN rows of the factors that do not occur leave no trace."""
    factors = [random("float64", 1000, 30, seed=i) for i in range(3)]
    rows = tuple(np.random.default_rng(i).integers(0, 500, 200) for i in range(3))
    for f in factors:
        f[500:] = np.nan
    x = random("float64", 27_000)
    kv.kron_matvec(factors, x, rows=rows)
    tracemalloc.start()
    try:
        got = kv.kron_matvec(factors, x, rows=rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not np.isnan(got).any()
    assert peak < 4 * _sampled.BLOCK_BYTES


def test_the_cheaper_way_is_taken():
    """All combinations where samples are dense, the tree where they are few."""
    assert _sampled._cut([20, 20, 20], [20, 20, 20], 8000, 1) == 3
    assert _sampled._cut([100, 100, 100], [100, 100, 100], 200, 1) == 1


# --------------------------------------------------------------------------------------
# Errors

F = [np.ones((3, 4)), np.ones((5, 2))]
ROWS_ERRORS = [
    (([0], [5]), IndexError, ["rows[1] holds 5", "factor 1 with 5 rows"]),
    (([0, -4], [0, 0]), IndexError, ["rows[0] holds -4", "factor 0 with 3 rows"]),
    (([0],), ValueError, ["2 factors", "1"]),
    (([0], [0, 1]), ValueError, ["one length", "(1,)", "(2,)"]),
    ((0, 0), ValueError, ["vectors", "()"]),
    (([[0]], [[0]]), ValueError, ["vectors", "(1, 1)"]),
    (([0.5], [0]), TypeError, ["rows[0]", "integers", "float64"]),
    (([True], [0]), TypeError, ["rows[0]", "integers", "bool"]),
    (3, TypeError, ["tuple", "int"]),
    (np.zeros((2, 3), int), TypeError, ["tuple", "ndarray"]),
    ((np.array([2**64 - 1], np.uint64), [0]), IndexError, ["rows[0]", str(2**64 - 1)]),
]


@pytest.mark.parametrize(("rows", "error", "words"), ROWS_ERRORS)
@pytest.mark.parametrize("function", [kv.kron_matvec, kv.kron_matmul])
def test_rows_that_do_not_fit_are_named(function, rows, error, words):
    with pytest.raises(error) as caught:
        function(F, np.ones(8), rows=rows)
    for word in [function.__name__, *words]:
        assert word in str(caught.value)


def test_other_errors_are_those_without_rows():
    rows = ([0, 1], [0, 1])
    for call, words in [
        (lambda: kv.kron_matvec(F, np.ones(7), rows=rows), "4 . 2 = 8"),
        (lambda: kv.kron_matvec(F, np.ones(8), rows=rows, out=np.ones(15)), r"shape \(2,\)"),
        (lambda: kv.kron_matmul(F, np.ones(8), rows=rows, beta=1), "beta"),
        (lambda: kv.kron_matvec([np.ones((2, 3, 4))], np.ones((3, 4)), rows=([0],)), "broadcast"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(TypeError, match="masked"):
        kv.kron_matvec(F, np.ma.array(np.ones(8)), rows=rows)
