"""Many factors beside every kind of operand: beta in the last pass, columns, batched factors."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import kronvec as kv
from helpers import (
    KERNEL_DTYPES,
    LAYOUTS,
    OUT_LAYOUTS,
    SLACK,
    assert_bounded,
    filler,
    lift,
    peak_of,
    random,
)
from kronvec import _chain, _engine
from kronvec._plan import block_bytes
from kronvec._run import Job

# Factors too large for the small path: of one pass and of two, whole and rectangular, the last
# step in the plan rows of x, one axis, or numpy.matmul
LARGE = [
    [(8, 8)] * 4,
    [(4, 4)] * 7,
    [(24, 20), (16, 30), (9, 8)],
    [(17, 16), (25, 27)],
    [(3, 4), (300, 30)],
    [(270, 260), (3, 4)],
    [(3, 4), (270, 260)],
]
every_large = pytest.mark.parametrize("shapes", LARGE, ids=str)
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


def build(shapes, dtype, batch=()):
    return [random(dtype, *batch, *shape, seed=i) for i, shape in enumerate(shapes)]


def rows_and_columns(shapes):
    return [int(np.prod([shape[i] for shape in shapes])) for i in (0, 1)]


def product(factors, x):
    """(⊗ factors) x for x (columns, k), without forming it."""
    y, k = x, x.shape[1]
    for i, f in enumerate(factors):
        before = int(np.prod([g.shape[0] for g in factors[:i]]))
        behind = int(np.prod([g.shape[1] for g in factors[i + 1 :]])) * k
        y = f @ y.reshape(before, f.shape[1], behind)
    return y.reshape(-1, k)


def scales(dtype):
    """alpha and beta that the dtype takes."""
    yield from [(1, 1), (2, -0.5), (-1.5, 1), (0.25, 3)]
    if np.dtype(dtype).kind == "c":
        yield from [(1, 1j), (0.5 - 1j, 2 + 1j), (2j, 2.0)]


# --------------------------------------------------------------------------------------
# beta


@every_large
@every_dtype
@pytest.mark.parametrize("columns", [1, 3])
def test_beta_adds_to_out(shapes, dtype, columns):
    factors = build(shapes, dtype)
    rows, length = rows_and_columns(shapes)
    x, start = random(dtype, length, columns), random(dtype, rows, columns)
    sides = [
        lambda out, **kw: kv.kron_matmul(factors, x, out=out, **kw),
        lambda out, **kw: kv.matmul_kron(x.T.copy(), [f.T for f in factors], out=out.T, **kw).T,
    ]
    exact = product([lift(f) for f in factors], lift(x))
    size = product([np.abs(lift(f)) for f in factors], np.abs(lift(x)))
    roundings = sum(p + 1 for _, p in shapes) + 3
    for alpha, beta in scales(dtype):
        for apply, order in zip(sides, "CF", strict=True):
            for layout in (order, "F" if order == "C" else "C"):
                out = start.copy(layout)
                got = apply(out, alpha=alpha, beta=beta)
                assert np.may_share_memory(got, out)
                total = abs(alpha) * size + abs(beta) * np.abs(lift(start))
                assert_bounded(out, alpha * exact + beta * lift(start), total, roundings)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("beta", [1, -2])
def test_exact_sums_are_exact_and_no_bit_depends_on_workers(dtype, beta):
    factors = [random("int64", 8, 8, seed=i).astype(dtype) for i in range(4)]
    x, start = (random("int64", 8**4, 3, seed=s).astype(dtype) for s in (5, 6))
    expected = product(factors, x) + beta * start
    for workers in (1, 2, 3, -1):
        out = start.copy()
        kv.kron_matmul(factors, x, beta=beta, out=out, workers=workers)
        assert_array_equal(out, expected)


@pytest.mark.parametrize("shapes", [[(3, 3)], [(4, 4)] * 2, [(5, 4), (3, 2)]], ids=str)
@every_dtype
def test_beta_adds_to_many_short_rows(shapes, dtype):
    factors = [random("int64", *shape, seed=i).astype(dtype) for i, shape in enumerate(shapes)]
    rows, columns = rows_and_columns(shapes)
    x, start = (random("int64", 2003, n, seed=n).astype(dtype) for n in (rows, columns))
    expected = product([f.T for f in factors], x.T).T - 2 * start
    for workers in (None, 3):
        out = start.copy()
        assert_array_equal(kv.matmul_kron(x, factors, beta=-2, out=out, workers=workers), expected)


def test_real_factors_and_complex_beta_on_complex_data():
    factors = [random("int64", 20, 30, seed=i).astype(float) for i in range(2)]
    x = random("int64", 900, 5) + 1j * random("int64", 900, 5, seed=1)
    start = random("int64", 400, 5) - 2j
    for alpha, beta in [(1, 2), (1, 1j), (2j, 3)]:
        out = start.copy()
        kv.kron_matmul(factors, x, alpha=alpha, beta=beta, out=out)
        assert_array_equal(out, alpha * product(factors, x) + beta * start)


@every_large
@every_dtype
def test_beta_zero_never_reads_out_of_any_size(shapes, dtype):
    factors, (rows, length) = build(shapes, dtype), rows_and_columns(shapes)
    x, out = random(dtype, length, 2), filler(dtype, (rows, 2))
    for beta in (0, 0.0, np.float32(0)):
        out[...] = np.nan
        assert_array_equal(
            kv.kron_matmul(factors, x, beta=beta, out=out), kv.kron_matmul(factors, x)
        )


@pytest.mark.parametrize("beta", [1, 0.5, -1j])
def test_beta_takes_no_second_result(beta):
    """One pass: what is held is at most the two blocks in cache."""
    factors = [kv.operators.Identity(8000), *build([(8, 8), (8, 8)], "complex64")]
    x, out = random("complex64", 8000 * 64, 2), random("complex64", 8000 * 64, 2)
    peak, _ = peak_of(kv.kron_matmul, factors, x, beta=beta, out=out)
    assert peak <= 2 * block_bytes() + SLACK < out.nbytes / 4


def test_beta_with_two_passes_takes_one_workspace():
    factors = build([(8, 8)] * 6, "float64")
    x, out = random("float64", 8**6), random("float64", 8**6)
    peak, _ = peak_of(kv.kron_matmul, factors, x, beta=0.5, out=out)
    assert peak <= out.nbytes + 2 * block_bytes() + SLACK


NOT_ALONE = {
    "strided": lambda x, n: np.ones((2 * n, 2))[::2],
    "over x": lambda x, n: x[:n],
    "of another dtype": lambda x, n: np.ones((n, 2), np.complex128),
    "of a wider beta": lambda x, n: np.ones((n, 2), np.float32),
    "misaligned": lambda x, n: LAYOUTS["misaligned"](np.ones((n, 2))),
    "byte-swapped": lambda x, n: LAYOUTS["byte_swapped"](np.ones((n, 2))),
}


@pytest.mark.parametrize("kind", NOT_ALONE)
def test_beta_where_the_engine_cannot_add_to_out(kind, monkeypatch):
    """The sum is taken outside of the engine, which gets no beta."""
    ran = []
    run = Job.run
    monkeypatch.setattr(Job, "run", lambda self, *args: ran.append(args) or run(self, *args))
    dtype = "float32" if "beta" in kind else "float64"
    factors = [random("int64", 40, 48, seed=i).astype(dtype) for i in range(2)]
    x = random("int64", 48**2, 2).astype(dtype)
    out = NOT_ALONE[kind](x, 1600)
    expected = product(factors, x) + 2 * out
    beta = np.float64(2) if "beta" in kind else 2
    kv.kron_matmul(factors, x, beta=beta, out=out)
    assert_array_equal(out, expected)
    assert [args[2:] for args in ran] == [()]


def test_a_pass_refuses_arrays_that_are_too_small():
    x, f = np.ones(6), np.ones((2, 3))
    sizes = (1, 3, 2, 2, 2, 6, 1, False, ((1, 2, 3, 1, False, False),))
    for source, target in [(x[:5], np.ones(4)), (x, np.ones(3))]:
        with pytest.raises(ValueError, match="a pass over more than there is"):
            _engine.run_pass(sizes, [f], source, target, 0, 1)
    y = np.zeros(4)
    _engine.run_pass(sizes, [f], x, y, 0, 1)
    assert (y == 3).all()


# --------------------------------------------------------------------------------------
# Matrices that lie column by column

WIDE = [[(3, 4), (5, 2)], [(24, 20), (16, 30)], [(8, 8)] * 3]
every_wide = pytest.mark.parametrize("shapes", WIDE, ids=str)


@every_wide
@pytest.mark.parametrize("dtype", [*KERNEL_DTYPES, "int32"])
@pytest.mark.parametrize("batch", [(), (2, 3)])
def test_columns_are_computed_as_the_rows_of_the_transpose(shapes, dtype, batch):
    factors, (rows, length) = build(shapes, dtype), rows_and_columns(shapes)
    x, y = random(dtype, *batch, 7, length), random(dtype, *batch, rows, 7)
    assert_array_equal(
        kv.kron_matmul(factors, x.swapaxes(-1, -2)), kv.kron_matvec(factors, x).swapaxes(-1, -2)
    )
    assert_array_equal(
        kv.matmul_kron(y.swapaxes(-1, -2), factors),
        kv.kron_matmul([f.T for f in factors], y).swapaxes(-1, -2),
    )


@every_wide
@every_dtype
@pytest.mark.parametrize("workers", [None, 3])
def test_no_bit_depends_on_where_the_result_goes(shapes, dtype, workers):
    factors, (rows, length) = build(shapes, dtype), rows_and_columns(shapes)
    x = random(dtype, 200, length).T
    alone = kv.kron_matmul(factors, x)
    assert alone.flags.f_contiguous
    for layout in OUT_LAYOUTS.values():
        out = layout(filler(dtype, (rows, 200)))
        assert kv.kron_matmul(factors, x, out=out, workers=workers) is out
        assert_array_equal(out, alone)


def test_columns_are_not_copied():
    factors = build([(4, 64), (4, 64)], "float64")
    x = random("float64", 500, 64 * 64).T
    between = 500 * 4 * 64 * 8
    peak, y = peak_of(kv.kron_matmul, factors, x)
    assert peak <= y.nbytes + 2 * between + SLACK < x.nbytes / 4
    peak, _ = peak_of(kv.kron_matmul, factors, x, out=y)
    assert peak <= 2 * between + SLACK
    peak, _ = peak_of(kv.kron_matmul, factors, x, out=y.copy("C"))
    assert peak <= y.nbytes + 2 * between + SLACK
    by_columns, transposed = x.T.copy("F"), [f.T for f in factors]
    for function, *args in [
        (kv.matmul_kron, by_columns, transposed),
        (kv.kron_vecmat, by_columns, transposed),
        (kv.kron_matvec, factors, by_columns),
    ]:
        peak, _ = peak_of(function, *args)
        assert peak <= y.nbytes + 2 * between + SLACK


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_columns_of_a_subclass_keep_it():
    x = np.asmatrix(random("float64", 6, 4)).T
    got = kv.kron_matmul([np.ones((2, 2)), np.ones((3, 2))], x)
    assert isinstance(got, np.matrix) and got.shape == (6, 6)


# --------------------------------------------------------------------------------------
# Batches of factors


@every_large
@every_dtype
def test_every_item_is_the_product_of_its_factors(shapes, dtype):
    """Whatever of the batch the factors and x share."""
    (rows, length), factors = rows_and_columns(shapes), build(shapes, dtype, (3,))
    one = [factors[0][:1], *factors[1:]]
    some = [factors[0], *(f[0] for f in factors[1:])]
    roundings = sum(q + p + 1 for q, p in shapes)
    for given in (factors, one, some):
        for batch in ((3,), (1,), ()):
            x, u = random(dtype, *batch, length), random(dtype, *batch, rows)
            got, back = kv.kron_matvec(given, x), kv.kron_vecmat(u, given)
            assert got.shape == (3, rows) and back.shape == (3, length)
            assert got.dtype == back.dtype == dtype
            for i in range(3):
                item = [lift(np.broadcast_to(f, (3, *f.shape[-2:]))[i]) for f in given]
                for y, operand, matrices in [
                    (got, x, item),
                    (back, u, [f.T for f in item]),
                ]:
                    column = lift(np.broadcast_to(operand, (3, operand.shape[-1]))[i])[:, None]
                    size = product([np.abs(f) for f in matrices], np.abs(column))
                    exact = product(matrices, column)
                    assert_bounded(y[i], exact[:, 0], size[:, 0], roundings)


@every_dtype
@pytest.mark.parametrize("columns", [1, 2, 9])
def test_batch_axes_of_every_kind_at_once(dtype, columns):
    """Varying along the first and third axis of four, with an identity, from both sides."""
    factors = [
        random(dtype, 2, 1, 3, 1, 12, 14),
        kv.operators.Identity(3),
        random(dtype, 3, 1, 10, 9, seed=1),
        random(dtype, 5, 5, seed=2),
    ]
    x = random(dtype, 2, 4, 1, 2, 14 * 3 * 9 * 5, columns)
    full = np.broadcast_to(x, (2, 4, 3, 2, *x.shape[-2:]))
    got, transposed = kv.kron_matmul(factors, x), np.swapaxes(x, -1, -2)
    back = kv.matmul_kron(
        transposed.copy(),
        [np.swapaxes(f, -1, -2) for f in factors[:1]]
        + [factors[1]]
        + [np.swapaxes(f, -1, -2) for f in factors[2:]],
    )
    by_columns = kv.kron_matmul(factors, np.swapaxes(transposed.copy(), -1, -2))
    assert got.shape == (2, 4, 3, 2, 12 * 3 * 10 * 5, columns)
    for index in np.ndindex(2, 4, 3, 2):
        i, _, k, _ = index
        item = [factors[0][i, 0, k, 0], np.eye(3, dtype=np.int8), factors[2][k, 0], factors[3]]
        exact = product([lift(f) for f in item], lift(full[index]))
        size = product([np.abs(lift(f)) for f in item], np.abs(lift(full[index])))
        for result in (got, np.swapaxes(back, -1, -2), by_columns):
            assert_bounded(result[index], exact, size, 14 + 9 + 5 + 3)


def test_batches_of_real_factors_and_complex_data():
    factors = [random("int64", 4, 30, 40).astype(float), random("int64", 45, 35, seed=1) * 1j]
    x = random("int64", 4, 1400) + 1j * random("int64", 4, 1400, seed=1)
    got = kv.kron_matvec(factors, x)
    for i in range(4):
        assert_array_equal(got[i], product([factors[0][i], factors[1]], x[i, :, None])[:, 0])


@pytest.mark.parametrize("items", [2, 9])
def test_batches_take_alpha_beta_out_and_workers(items):
    factors = [random("int64", items, 20, 24, seed=i).astype(float) for i in range(2)]
    x = random("int64", items, 24**2, 3).astype(float)
    start = random("int64", items, 400, 3).astype(float)
    expected = np.stack([product([f[i] for f in factors], x[i]) for i in range(items)])
    for workers in (None, 2, 5):
        for alpha, beta in [(1, 0), (2, 0), (1, 1), (3, -2)]:
            out = start.copy()
            got = kv.kron_matmul(factors, x, alpha=alpha, beta=beta, out=out, workers=workers)
            assert got is out
            assert_array_equal(out, alpha * expected + beta * start)
    got = kv.kron_matmul(factors, x, out=x[:, :400].copy())
    overlapping = x.copy()
    kv.kron_matmul(factors, overlapping, out=overlapping[:, :400])
    assert_array_equal(overlapping[:, :400], got)


@pytest.mark.parametrize("workers", [None, 3])
def test_what_is_between_passes_stays_out_of_the_other_items(workers, monkeypatch):
    """Three passes, the first of which leaves more than fits into the item's result."""
    monkeypatch.setattr("kronvec._plan.block_bytes", lambda: 2**18)
    shapes = [(10, 23), (11, 23), (12, 24)]
    factors = [random("int64", 5, *shape, seed=i).astype(float) for i, shape in enumerate(shapes)]
    x = random("int64", 5, 23 * 23 * 24, 64).astype(float)
    assert len(kv.explain(factors, x.shape).passes) == 3
    out = np.full((10, 10 * 11 * 12, 64), 7.0)
    kv.kron_matmul(factors, x, out=out[:5], workers=workers)
    assert (out[5:] == 7).all()
    for i in range(5):
        assert_array_equal(out[i], product([f[i] for f in factors], x[i]))


@every_dtype
def test_workers_change_no_bit_of_a_batch(dtype):
    factors = build([(8, 8)] * 4, dtype, (5,))
    x = random(dtype, 8**4, 3)
    alone = kv.kron_matmul(factors, x)
    for workers in (2, 3, 8, -1):
        assert_array_equal(kv.kron_matmul(factors, x, workers=workers), alone)


def test_items_that_are_small_go_to_numpy_and_others_to_the_engine(monkeypatch):
    routes = []
    choose = _chain.choose_route
    monkeypatch.setattr(
        _chain, "choose_route", lambda *args: routes.append(choose(*args)) or routes[-1]
    )
    for n, route in [(2, "matmul chain"), (40, "plan")]:
        kv.kron_matvec(build([(n, n), (n, n)], "float32", (6,)), random("float32", n * n))
        assert routes[-1] == route
    kv.kron_matvec(build([(2, 2)], "float32", (1, 1)), random("float32", 6, 2))
    assert routes[-1] == "plan"  # nothing varies: one item
    kv.kron_matvec(build([(40, 40)] * 2, "float16", (6,)), random("float16", 1600))
    assert routes[-1] == "matmul chain"


def test_a_batch_of_factors_takes_the_workspaces_of_one_item():
    factors = build([(8, 8)] * 5, "float64", (6,))
    x = random("float64", 6, 8**5)
    peak, y = peak_of(kv.kron_matvec, factors, x)
    assert peak <= y.nbytes + 3 * 8**5 * 8 + SLACK
    shared = random("float64", 8**5)  # x is not spread over the batch
    peak, y = peak_of(kv.kron_matvec, factors, shared)
    assert peak <= y.nbytes + 3 * 8**5 * 8 + SLACK


def test_empty_batches_and_empty_items():
    factors = [np.ones((0, 2, 3)), np.ones((2, 2))]
    assert kv.kron_matvec(factors, np.ones((0, 6))).shape == (0, 4)
    assert kv.kron_matvec(factors, np.ones(6)).shape == (0, 4)
    none = [np.ones((5, 2, 0)), np.ones((2, 2))]
    assert_array_equal(kv.kron_matvec(none, np.ones(0)), np.zeros((5, 4)))
    out = np.ones((5, 4))
    assert_array_equal(kv.kron_matmul(none, np.ones((5, 0, 1)), beta=2, out=out[..., None]), 2)
