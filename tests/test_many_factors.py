"""(F1 ⊗ ... ⊗ FN) applied from either side."""

from functools import reduce

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import KERNEL_DTYPES, LAYOUTS, assert_bounded, filler, lift, random
from kronvec import _run

# Shapes of the factors: one to six, rectangular either way, empty, ones, one large
FACTORS = [
    [(3, 4)],
    [(2, 3), (4, 5)],
    [(5, 2), (3, 3), (2, 4)],
    [(1, 3), (4, 1), (2, 2), (1, 1)],
    [(2, 2)] * 6,
    [(8, 8), (8, 8)],
    [(3, 2), (0, 3), (2, 2)],
    [(3, 2), (3, 0), (2, 2)],
    [(17, 16), (5, 7)],
    [(2, 3), (130, 129)],
    [(129, 130), (2, 2)],
    [(4, 4), (4, 4), (4, 4), (3, 5)],
]
many = pytest.mark.parametrize("shapes", FACTORS, ids=str)


def build(shapes, dtype, layout="C"):
    """The factors, K formed, and how often K x rounds at most."""
    factors = [LAYOUTS[layout](random(dtype, *s, seed=i)) for i, s in enumerate(shapes)]
    exact = [lift(f) for f in factors] if np.dtype(dtype).kind in "fc" else factors
    return factors, reduce(np.kron, exact), len(shapes)


def assert_product(got, left, right, dtype, roundings):
    """got = left @ right, both in extended precision, within the bound."""
    assert got.dtype == dtype
    exact, size = left @ right, np.abs(left) @ np.abs(right)
    assert got.shape == exact.shape
    assert_bounded(got, exact, size, roundings + left.shape[-1])


@many
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_every_form_is_the_product_with_the_formed_matrix(shapes, dtype):
    factors, dense, roundings = build(shapes, dtype)
    rows, columns = dense.shape
    v, u = random(dtype, columns), random(dtype, rows)
    x, y = random(dtype, columns, 3), random(dtype, 3, rows)
    stack = random(dtype, 2, 3, columns)
    for got, left, right in [
        (kv.kron_matvec(factors, v), dense, lift(v)),
        (kv.kron_matmul(factors, v), dense, lift(v)),
        (kv.kron_matmul(factors, x), dense, lift(x)),
        (kv.kron_vecmat(u, factors), lift(u), dense),
        (kv.matmul_kron(u, factors), lift(u), dense),
        (kv.matmul_kron(y, factors), lift(y), dense),
        (kv.kron_matvec(factors, stack), lift(stack), dense.T),
    ]:
        assert_product(got, left, right, dtype, roundings)


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 2), (3, 3), (3, 3), (5, 2)],  # two axes at once, first, between others
        [(2, 2), (2, 2), (2, 2), (4, 4), (3, 2)],
        [(5, 2), (4, 4), (4, 4), (2, 2)],
        [(2, 2), (4, 4), (4, 4), (2, 2)],
        [(3, 5), (9, 9), (2, 6)],
    ],
    ids=str,
)
def test_wide_matrices_go_panel_by_panel(shapes, dtype):
    factors, dense, roundings = build(shapes, dtype)
    x = random(dtype, dense.shape[1], 2300)
    widths = [
        (each.width, each.right) for each in kv.explain(factors, x.shape, dtype=dtype).plan.passes
    ]
    assert any(width < right for width, right in widths)
    assert_product(kv.kron_matmul(factors, x), dense, lift(x), dtype, roundings)
    y = random(dtype, dense.shape[0], 2300, seed=1)
    both = np.concatenate([dense, np.eye(len(dense))], axis=1)
    got = kv.kron_matmul(factors, x, beta=1, out=y.copy())
    assert_product(got, both, lift(np.concatenate([x, y])), dtype, roundings)
    if x.dtype.kind == "f":  # real factors of complex data
        z = x + x[:, ::-1] * np.complex64(1j)
        assert_product(kv.kron_matmul(factors, z), dense, lift(z), z.dtype, roundings)


@many
def test_exact_arithmetic_is_exact(shapes):
    factors, dense, _ = build(shapes, "int64")
    x = random("int64", dense.shape[1], 2)
    y = random("int64", 2, dense.shape[0])
    for kind in ("int64", "float64", "object"):
        typed = [f.astype(kind) for f in factors]
        assert_array_equal(kv.kron_matmul(typed, x.astype(kind)), dense @ x)
        assert_array_equal(kv.matmul_kron(y.astype(kind), typed), y @ dense)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_factors_of_any_strides(layout):
    factors, dense, roundings = build([(3, 4), (5, 2), (2, 6)], "complex64", layout)
    x = LAYOUTS[layout](random("complex64", 48, 5))
    assert_product(kv.kron_matmul(factors, x), dense, lift(x), "complex64", roundings)
    y = LAYOUTS[layout](random("complex64", 5, 30))
    assert_product(kv.matmul_kron(y, factors), lift(y), dense, "complex64", roundings)


@pytest.mark.parametrize("dtype", ["float64", "complex64", "int16"])
def test_factors_may_carry_batch_axes(dtype):
    factors = [random(dtype, 3, 1, 2, 3), random(dtype, 4, 2, seed=1), random(dtype, 5, 2, 2)]
    x = random(dtype, 1, 5, 12, 2)
    got = kv.kron_matmul(factors, x)
    assert got.shape == (3, 5, 16, 2)
    rtol = 0 if dtype == "int16" else 1e-5
    for i, j in np.ndindex(3, 5):
        one = [factors[0][i, 0], factors[1], factors[2][j]]
        dense = reduce(np.kron, one)
        assert_allclose(got[i, j], dense @ x[0, j], rtol=rtol, atol=rtol)
        assert_allclose(kv.kron_matvec(one, x[0, j, :, 0]), got[i, j, :, 0], rtol=rtol, atol=rtol)


def test_real_factors_keep_complex_data_complex():
    factors, dense, roundings = build([(3, 4), (2, 2)], "float64")
    x = random("complex128", 8, 2)
    assert_product(kv.kron_matmul(factors, x), dense, lift(x), "complex128", roundings)
    mixed = [factors[0], factors[1] * (1 + 2j)]
    got = kv.kron_matmul(mixed, x.real)
    assert_product(got, dense * (1 + 2j), lift(x.real), "complex128", roundings)


def test_factors_may_be_any_sequence():
    factors, dense, _ = build([(2, 3), (3, 2)], "int64")
    x = random("int64", 6)
    assert_array_equal(kv.kron_matvec(tuple(factors), x), dense @ x)
    assert_array_equal(kv.kron_matvec([f.tolist() for f in factors], x.tolist()), dense @ x)


# --------------------------------------------------------------------------------------
# alpha, beta, out, workers

FORMS = {
    "left": (lambda factors, x, **kw: kv.kron_matmul(factors, x, **kw), lambda k, x: k @ x),
    "right": (lambda factors, x, **kw: kv.matmul_kron(x, factors, **kw), lambda k, x: x @ k),
}
either_side = pytest.mark.parametrize("form", FORMS)


def one_form(form, dtype, columns=3):
    """(apply, factors, x, K x) with exact small integers in ``dtype``."""
    apply, plain = FORMS[form]
    factors = [random("int64", 3, 4).astype(dtype), random("int64", 2, 5, seed=1).astype(dtype)]
    dense = np.kron(*factors)
    shape = (dense.shape[1], columns) if form == "left" else (columns, dense.shape[0])
    x = random("int64", *shape).astype(dtype)
    return apply, factors, x, plain(dense, x)


@either_side
@pytest.mark.parametrize("dtype", [*KERNEL_DTYPES, "int64", "longdouble"])
def test_alpha_scales_and_beta_adds_out(form, dtype):
    apply, factors, x, product = one_form(form, dtype)
    start = random("int64", *product.shape, seed=3).astype(dtype)
    for alpha, beta in [(1, 0), (2, 0), (-3, 1), (1, 2), (0, 1), (0, 0)]:
        out = start.copy()
        assert apply(factors, x, alpha=alpha, beta=beta, out=out) is out
        assert_array_equal(out, alpha * product + beta * start)
        if beta == 0:
            fresh = apply(factors, x, alpha=alpha)
            assert_array_equal(fresh, alpha * product)
            assert fresh.dtype == dtype


@either_side
@pytest.mark.parametrize("dtype", [*KERNEL_DTYPES, "float16"])
def test_beta_zero_never_reads_out(form, dtype):
    apply, factors, x, product = one_form(form, dtype)
    for alpha in (1, 2):
        out = filler(dtype, product.shape)
        assert_array_equal(apply(factors, x, alpha=alpha, beta=0, out=out), alpha * product)


@either_side
def test_beta_needs_out(form):
    apply, factors, x, _ = one_form(form, "float64")
    with pytest.raises(ValueError, match="beta.*out|out.*beta"):
        apply(factors, x, beta=1)


@either_side
def test_complex_alpha_makes_the_result_complex(form):
    apply, factors, x, product = one_form(form, "float64")
    assert_array_equal(apply(factors, x, alpha=1 + 2j), (1 + 2j) * product)


@either_side
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_the_result_is_bitwise_the_same_for_every_number_of_workers(form, dtype):
    factors = [random(dtype, 24, 20), random(dtype, 16, 30, seed=1), random(dtype, 9, 8, seed=2)]
    rows, columns = 24 * 16 * 9, 20 * 30 * 8
    x = random(dtype, *((columns, 5) if form == "left" else (5, rows)))
    alone = FORMS[form][0](factors, x)
    for workers in (1, 2, 3, -1):
        assert_array_equal(FORMS[form][0](factors, x, workers=workers), alone)


# --------------------------------------------------------------------------------------
# NaN


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_zeros_of_a_dense_factor_do_not_hide_nan(dtype):
    factors = [np.zeros((3, 3), dtype), np.ones((4, 4), dtype)]
    x = np.full(12, np.nan, dtype)
    with np.errstate(invalid="ignore"):
        assert np.isnan(kv.kron_matvec(factors, x)).all()
        assert np.isnan(kv.kron_vecmat(x, factors)).all()


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_nan_spreads_only_along_the_modes_it_is_in(dtype):
    """A NaN in row 1 of the last factor reaches the results of that row alone."""
    factors = [random(dtype, 3, 4), random(dtype, 5, 2)]
    factors[1][1, 0] = np.nan
    y = kv.kron_matvec(factors, random(dtype, 8)).reshape(3, 5)
    assert np.isnan(y[:, 1]).all()
    assert not np.isnan(np.delete(y, 1, axis=1)).any()


@pytest.mark.parametrize("count, r", [(1, 3), (2, 1), (9, 64), (70, 7), (300, 2), (0, 3), (5, 65)])
def test_thin_products_of_a_large_factor_are_made_side_by_side(count, r, monkeypatch):
    monkeypatch.setattr(_run, "level2_bytes", lambda: 0)
    shapes = []
    matmul = np.matmul
    monkeypatch.setattr(
        np, "matmul", lambda f, x, out: shapes.append(x.shape) or matmul(f, x, out=out)
    )
    f, x = random("float64", 11, 13), random("float64", count, 13, r)
    y = np.empty((count, 11, r))
    _run.multiply_each(f, x, y)
    assert_allclose(y, np.einsum("qp,lpr->lqr", f, x), rtol=1e-12, atol=1e-12)
    side_by_side = count > 1 and r <= 64
    assert all(len(shape) == (2 if side_by_side else 3) for shape in shapes)
    assert max((shape[-1] for shape in shapes), default=0) <= 512


def test_products_of_large_factors_agree_however_their_columns_stand(monkeypatch):
    factors = [random("float64", 6, 5), random("float64", 300, 310), random("float64", 3, 2)]
    x = random("float64", 5 * 310 * 2, 2)
    plain = kv.kron_matmul(factors, x)
    monkeypatch.setattr(_run, "level2_bytes", lambda: 0)
    assert_allclose(kv.kron_matmul(factors, x), plain, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "longdouble", "object"])
def test_sums_of_no_terms_are_zero_whatever_other_factors_hold(dtype):
    factors = [np.zeros((2, 0), dtype), np.array([[np.inf]], dtype)]
    assert_array_equal(kv.kron_matmul(factors, np.zeros((0, 3), dtype)), np.zeros((2, 3), dtype))
