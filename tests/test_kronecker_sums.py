"""F1 ⊕ … ⊕ FN, formed and applied."""

import tracemalloc
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import ISAS, KERNEL_DTYPES, LAYOUTS, assert_bounded, filler, lift, random, use_isa
from kronvec import _plan

# Orders of the factors: one to twelve, ones, empty, large (numpy.matmul) in each place
FACTORS = [
    [3],
    [2, 3],
    [5, 1, 4],
    [2] * 12,
    [4] * 5,
    [3, 0, 2],
    [1, 1, 1],
    [17, 33],
    [20, 21, 22],
    [8, 40, 3, 9],
    [257, 3],
    [2, 258],
    [3, 256, 4],
    [260, 256],
]
many = pytest.mark.parametrize("sizes", FACTORS, ids=str)


def build(sizes, dtype, layout="C"):
    return [LAYOUTS[layout](random(dtype, n, n, seed=i)) for i, n in enumerate(sizes)]


def dense(factors):
    """The sum by np.kron with identities."""
    eyes = [np.eye(f.shape[0], dtype=f.dtype) for f in factors]
    terms = [
        reduce(np.kron, [f if i == j else e for j, e in enumerate(eyes)])
        for i, f in enumerate(factors)
    ]
    return sum(terms[1:], terms[0])


def term_by_term(factors, x):
    """Σ_i F_i x along axis i of x (n_1, …, n_N, k)."""
    total = 0
    for i, f in enumerate(factors):
        total = total + np.moveaxis(np.tensordot(f, x, (1, i)), 0, i)
    return total


def assert_sum(got, factors, x):
    """got = (F1 ⊕ … ⊕ FN) x for a matrix x, within the bound."""
    cube = lift(x).reshape([f.shape[0] for f in factors] + [-1 if x.size else 0])
    exact = term_by_term([lift(f) for f in factors], cube).reshape(x.shape)
    size = term_by_term([np.abs(lift(f)) for f in factors], np.abs(cube)).reshape(x.shape)
    assert got.shape == x.shape
    assert_bounded(got, exact, size, sum(len(f) for f in factors) + len(factors) + 1)


@many
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_every_form_is_the_sum_of_the_mode_products(sizes, dtype):
    factors, n = build(sizes, dtype), int(np.prod(sizes))
    for columns in (1, 3, 40) if n < 20_000 else (1,):
        x = random(dtype, n, columns)
        got = kv.kronsum_matmul(factors, x)
        assert got.dtype == dtype
        assert_sum(got, factors, x)
    if n > 20_000:
        return
    v = random(dtype, n)
    assert_sum(kv.kronsum_matmul(factors, v)[:, None], factors, v[:, None])
    stack = random(dtype, 2, n, 2)
    got = kv.kronsum_matmul(factors, stack)
    for i in range(2):
        assert_sum(got[i], factors, stack[i])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_every_instruction_set(isa, dtype):
    with use_isa(isa):
        for sizes in ([2] * 9, [3, 5, 7], [16, 9]):
            factors, n = build(sizes, dtype), int(np.prod(sizes))
            for columns in (1, 5):
                x = random(dtype, n, columns)
                assert_sum(kv.kronsum_matmul(factors, x), factors, x)


@pytest.mark.parametrize("sizes", [*FACTORS, [40, 41, 42], [3] * 10], ids=str)
def test_exact_arithmetic_is_exact(sizes):
    factors, n = build(sizes, "int64"), int(np.prod(sizes))
    x = random("int64", n, 2)
    expected = term_by_term(factors, x.reshape([*sizes, 2])).reshape(n, 2)
    for kind in ("int64", "float64", "complex64"):
        typed = [f.astype(kind) for f in factors]
        assert_array_equal(kv.kronsum_matmul(typed, x.astype(kind)), expected)


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.sampled_from(["int64", "float32", "complex128", "object"]),
    st.integers(1, 4),
)
def test_the_formed_sum_and_the_applied_one_agree(sizes, dtype, columns):
    factors = [random("int64", n, n, seed=i).astype(dtype) for i, n in enumerate(sizes)]
    x = random("int64", int(np.prod(sizes)), columns).astype(dtype)
    formed = kv.kronsum(*factors)
    assert_array_equal(formed, dense(factors))
    assert_array_equal(kv.kronsum_matmul(factors, x), formed @ x)


def test_the_sum_is_associative_and_its_exponential_is_the_kronecker_product():
    a, b, c = (random("int64", n, n, seed=n) for n in (2, 3, 4))
    assert_array_equal(kv.kronsum(kv.kronsum(a, b), c), kv.kronsum(a, b, c))
    assert_array_equal(kv.kronsum(a, kv.kronsum(b, c)), kv.kronsum(a, b, c))
    scipy_linalg = pytest.importorskip("scipy.linalg")
    expm = scipy_linalg.expm
    assert_allclose(expm(kv.kronsum(a, b) / 9), np.kron(expm(a / 9), expm(b / 9)), rtol=1e-10)


def test_scipy_has_the_reverse_order():
    sparse = pytest.importorskip("scipy.sparse")
    a, b = random("float64", 2, 2), random("float64", 3, 3)
    assert_allclose(sparse.kronsum(a, b).toarray(), kv.kronsum(b, a))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_factors_of_any_strides(layout):
    for sizes in ([3, 5, 2], [2, 2, 2, 2], [257, 2]):
        factors = build(sizes, "complex64", layout)
        x = LAYOUTS[layout](random("complex64", int(np.prod(sizes)), 5))
        assert_sum(kv.kronsum_matmul(factors, x), factors, x)


@pytest.mark.parametrize("dtype", ["float64", "complex64", "int16"])
def test_factors_may_carry_batch_axes(dtype):
    factors = [random(dtype, 3, 1, 2, 2), random(dtype, 4, 4, seed=1), random(dtype, 5, 3, 3)]
    x = random(dtype, 1, 5, 24, 2)
    got, formed = kv.kronsum_matmul(factors, x), kv.kronsum(*factors)
    assert got.shape == (3, 5, 24, 2) and formed.shape == (3, 5, 24, 24)
    rtol = 0 if dtype == "int16" else 1e-5
    for i, j in np.ndindex(3, 5):
        one = dense([factors[0][i, 0], factors[1], factors[2][j]])
        assert_allclose(formed[i, j], one, rtol=rtol)
        assert_allclose(got[i, j], one @ x[0, j], rtol=rtol, atol=10 * rtol)


@pytest.mark.parametrize("sizes", [[3, 4], [2, 2, 2], [257, 2], [2, 257]], ids=str)
def test_real_factors_keep_complex_data_complex(sizes):
    factors, n = build(sizes, "float64"), int(np.prod(sizes))
    for columns in (1, 3):
        x = random("complex128", n, columns)
        got = kv.kronsum_matmul(factors, x)
        assert got.dtype == np.complex128
        assert_sum(got, factors, x)
        mixed = [factors[0] * (1 + 2j), *factors[1:]]
        assert_sum(kv.kronsum_matmul(mixed, x), mixed, x)


@pytest.mark.parametrize("count", [31, 33, 90])
def test_any_number_of_factors(count):
    factors = [np.full((1, 1), float(i)) for i in range(count)] + [np.eye(2)]
    expected = np.full((2, 3), count * (count - 1) / 2 + 1)
    assert_array_equal(kv.kronsum_matmul(factors, np.ones((2, 3))), expected)
    assert_array_equal(kv.kronsum_matmul(factors, np.ones(2)), expected[:, 0])


def test_narrow_merged_factors_do_not_wrap():
    factors = [np.full((2, 2), 100, np.int8)] * 4
    assert_array_equal(kv.kronsum_matmul(factors, np.ones(16)), np.full(16, 800.0))


# --------------------------------------------------------------------------------------
# alpha, beta, out, workers

SIZES = [[3, 4], [2, 2, 2, 2], [257, 2], [2, 257, 2]]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("dtype", [*KERNEL_DTYPES, "int64", "longdouble"])
def test_alpha_scales_and_beta_adds_out(sizes, dtype):
    factors = [f.astype(dtype) for f in build(sizes, "int64")]
    n = int(np.prod(sizes))
    x, start = random("int64", n, 2).astype(dtype), random("int64", n, 2, seed=3).astype(dtype)
    product = term_by_term(factors, x.reshape([*sizes, 2])).reshape(n, 2)
    for alpha, beta in [(1, 0), (2, 0), (-3, 1), (1, 2), (0, 1), (0, 0)]:
        for out in (start.copy(), start.copy("F")):
            assert kv.kronsum_matmul(factors, x, alpha=alpha, beta=beta, out=out) is out
            assert_array_equal(out, alpha * product + beta * start)
        nothing = filler(dtype, (n, 2))
        assert_array_equal(kv.kronsum_matmul(factors, x, alpha=alpha, out=nothing), alpha * product)


@pytest.mark.parametrize("alpha", [1, 2])
def test_beta_adds_out_as_it_was_where_it_overlaps_the_data(alpha):
    factors = [random("int64", 2, 2).astype(float), random("int64", 3, 3).astype(float)]
    for shift in (-2, 0, 2):
        memory = random("int64", 40).astype(float)
        x, out = memory[10:22].reshape(6, 2), memory[10 + shift : 22 + shift].reshape(6, 2)
        expected = alpha * (dense(factors) @ x) + 3 * out
        kv.kronsum_matmul(factors, x, alpha=alpha, beta=3, out=out)
        assert_array_equal(out, expected)


def test_out_may_be_the_data_and_a_factor():
    for n in (2, 3, 7):
        x = random("int64", n * n, n * n).astype(float)
        expected = dense([x[:n, :n], x[1 : n + 1, 1 : n + 1]]) @ x
        factors = [x[:n, :n], x[1 : n + 1, 1 : n + 1]]
        assert kv.kronsum_matmul(factors, x, out=x) is x
        assert_array_equal(x, expected)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("columns", [1, 5])
def test_the_result_is_bitwise_the_same_for_every_number_of_workers(dtype, columns):
    factors = build([24, 16, 9, 8], dtype)
    x = random(dtype, 24 * 16 * 9 * 8, columns)
    alone = kv.kronsum_matmul(factors, x)
    for workers in (1, 2, 3, -1):
        assert_array_equal(kv.kronsum_matmul(factors, x, workers=workers), alone)


def test_memory_is_crossed_once_for_a_group_of_axes():
    plan = _plan.make_sum_plan((4,) * 10, 1, 1, 8, 8, True)
    steps = [step for each in plan.passes for step in each.steps]
    assert sum(len(step.factors) for step in steps) == 10
    assert 2 <= len(plan.passes) <= 3


@pytest.mark.parametrize("sizes", [[64, 64, 64], [2] * 18, [512, 512]], ids=str)
def test_the_result_is_all_that_is_allocated(sizes):
    factors, x = build(sizes, "float64"), random("float64", int(np.prod(sizes)))
    out = np.empty_like(x)
    kv.kronsum_matmul(factors, x, out=out)
    tracemalloc.start()
    try:
        kv.kronsum_matmul(factors, x, out=out)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * _plan.block_bytes() + 2**20 + 65536 + sum(f.nbytes for f in factors)


# --------------------------------------------------------------------------------------
# NaN


@pytest.mark.parametrize("sizes", [[3, 4], [2, 2, 2, 2], [2, 258], [4, 2, 2]], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_reaches_what_differs_along_one_axis_at_most(sizes, dtype, value):
    factors = build(sizes, dtype)
    x = random(dtype, *sizes)
    place = tuple(n - 1 for n in sizes)
    x[place] = value
    with np.errstate(invalid="ignore"):
        y = kv.kronsum_matmul(factors, x.ravel()).reshape(sizes)
    differing = sum(i != p for i, p in zip(np.indices(sizes), place, strict=True))
    assert_array_equal(~np.isfinite(y), differing <= 1)


# --------------------------------------------------------------------------------------
# Errors


def test_sums_are_of_square_matrices():
    square, oblong = np.eye(2), np.ones((2, 3))
    with pytest.raises(ValueError, match=r"kronsum_matmul: factor_1 must be square.*\(2, 3\)"):
        kv.kronsum_matmul([square, oblong], np.ones(6))
    with pytest.raises(ValueError, match=r"kronsum: factor_0 must be square.*\(2, 3\)"):
        kv.kronsum(oblong, square)
    with pytest.raises(ValueError, match="kronsum: at least one"):
        kv.kronsum()
    with pytest.raises(ValueError, match="kronsum_matmul: at least one"):
        kv.kronsum_matmul([], np.ones(1))


def test_errors_name_what_would_fit():
    factors = [np.eye(2), np.eye(3)]
    with pytest.raises(ValueError, match=r"2 \* 3 = 6 .*Kronecker sum; got x \(7,\)"):
        kv.kronsum_matmul(factors, np.ones(7))
    with pytest.raises(ValueError, match=r"out must have shape \(6, 2\)"):
        kv.kronsum_matmul(factors, np.ones((6, 2)), out=np.ones((6, 3)))
    with pytest.raises(ValueError, match="beta.*out"):
        kv.kronsum_matmul(factors, np.ones(6), beta=1)
    with pytest.raises(TypeError, match="factors must be a sequence"):
        kv.kronsum_matmul(np.eye(2), np.ones(2))
    with pytest.raises(TypeError, match="masked"):
        kv.kronsum_matmul(factors, np.ma.array(np.ones(6)))
    with pytest.raises(TypeError, match="masked"):
        kv.kronsum(np.ma.array(np.eye(2)))
    with pytest.raises(TypeError, match="alpha must be a number"):
        kv.kronsum_matmul(factors, np.ones(6), alpha=[1])
    with pytest.raises(ValueError, match="batch axes do not broadcast"):
        kv.kronsum(np.ones((2, 3, 3)), np.ones((3, 2, 2)))
    with pytest.raises(ValueError, match="batch axes do not broadcast"):
        kv.kronsum_matmul([np.ones((2, 3, 3))], np.ones((3, 3, 2)))
    with pytest.raises(ValueError, match="kronsum.*more than can be addressed"):
        kv.kronsum(*[np.broadcast_to(1.0, (2**12, 2**12))] * 6)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_np_matrix_stays_one():
    m = np.asmatrix(np.arange(4.0).reshape(2, 2))
    assert isinstance(kv.kronsum(m, m), np.matrix)
    assert isinstance(kv.kronsum_matmul([m, m], np.eye(4)), np.matrix)


def test_a_nan_spreads_along_the_axes_alone():
    """Each term moves entries along its own axis: A ⊕ B formed has zeros that would spread it."""
    factors = [random("float64", 2, 2, seed=i) for i in range(6)]
    x = np.ones((2,) * 6)
    x[0, 1, 0, 1, 1, 0] = np.nan
    y = kv.kronsum_matmul(factors, x.reshape(-1, 1)).reshape(x.shape)
    expected = np.zeros(x.shape, bool)
    for place in np.ndindex(x.shape):
        expected[place] = np.count_nonzero(np.subtract(place, (0, 1, 0, 1, 1, 0))) <= 1
    assert np.array_equal(np.isnan(y), expected)


@pytest.mark.parametrize("sizes", [(300, 300), (4, 260), (260, 4)])
@pytest.mark.parametrize("columns", [1, 2])
def test_large_factors_write_first_and_add_after(sizes, columns):
    factors = [random("float64", n, n, seed=n) for n in sizes]
    x = random("float64", *sizes, columns)
    y = kv.kronsum_matmul(factors, x.reshape(-1, columns)).reshape(x.shape)
    expected = np.einsum("ab,bck->ack", factors[0], x, optimize=True) + np.einsum(
        "ab,cbk->cak", factors[1], x, optimize=True
    )
    np.testing.assert_allclose(y, expected, rtol=1e-11, atol=1e-11)
