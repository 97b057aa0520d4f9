"""Cotangents pulled back and tangents pushed: <G, J dX> = <vjp(G), dX>."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import KERNEL_DTYPES, assert_matches, check, leaves, random


def spread(t, *shapes):
    return [t(*shape) for shape in shapes]


def _kron_matmul(*args):
    return kv.kron_matmul(args[:-1], args[-1])


def _kron_matmul_vjp(g, *args, **kwargs):
    factors, x = kv.kron_matmul_vjp(g, list(args[:-1]), args[-1], **kwargs)
    return (*factors, x)


# (function, its vjp, shapes of the operands): plain, broadcast batches, size-1 axes, 1-D
ADJOINTS = [
    (np.matmul, kv.matmul_vjp, [(2, 3), (3, 4)]),
    (np.matmul, kv.matmul_vjp, [(5, 2, 3), (3, 4)]),
    (np.matmul, kv.matmul_vjp, [(2, 3), (5, 3, 4)]),
    (np.matmul, kv.matmul_vjp, [(1, 6, 2, 3), (5, 1, 3, 4)]),
    (np.matmul, kv.matmul_vjp, [(3,), (3, 4)]),
    (np.matmul, kv.matmul_vjp, [(3,), (5, 3, 4)]),
    (np.matmul, kv.matmul_vjp, [(5, 2, 3), (3,)]),
    (np.matmul, kv.matmul_vjp, [(3,), (3,)]),
    (lambda x, w, b: x @ w + b, lambda g, x, w, b: kv.linear_vjp(g, x, w), [(6, 3), (3, 4), (4,)]),
    (
        lambda x, w, b: x @ w + b[:, None, :],
        lambda g, x, w, b: kv.linear_vjp(g, x, w),
        [(5, 6, 3), (5, 3, 4), (5, 4)],
    ),
    (kv.triple_product, kv.triple_product_vjp, [(2, 3), (3, 4), (4, 5)]),
    (kv.triple_product, kv.triple_product_vjp, [(6, 2, 3), (3, 4), (1, 4, 5)]),
    (kv.vec_trick, kv.vec_trick_vjp, [(2, 3), (12,), (4, 5)]),
    (kv.vec_trick, kv.vec_trick_vjp, [(2, 3), (6, 12), (5, 1, 4, 5)]),
    (kv.bkron, kv.kron_vjp, [(2, 3), (4, 5)]),
    (kv.bkron, kv.kron_vjp, [(6, 2, 3), (4, 5)]),
    (kv.bkron, kv.kron_vjp, [(1, 2, 3), (6, 4, 5)]),
    (kv.kron, kv.kron_vjp, [(3,), (4,)]),
    (_kron_matmul, _kron_matmul_vjp, [(2, 3), (4, 2), (6, 2)]),
    (_kron_matmul, _kron_matmul_vjp, [(2, 3), (4, 2), (6,)]),
    (_kron_matmul, _kron_matmul_vjp, [(2, 3), (5, 4, 2), (3, 1), (5, 6, 2)]),
    (_kron_matmul, _kron_matmul_vjp, [(5, 2, 3), (4, 2), (6, 2)]),
]
adjoints = pytest.mark.parametrize(
    ("function", "vjp", "shapes"), ADJOINTS, ids=[f"{v.__name__}-{s}" for _, v, s in ADJOINTS]
)


def pairing(left, right):
    """⟨G, Y⟩ = Re tr(Gᴴ Y), summed over the operands."""
    return sum(np.vdot(g, y).real for g, y in zip(left, right, strict=True))


def directional_derivative(function, operands, directions):
    """Exact for polynomials of degree four: Richardson on central differences of f(x + t d)."""

    def central(t):
        forward = function(*(x + t * d for x, d in zip(operands, directions, strict=True)))
        return (
            forward - function(*(x - t * d for x, d in zip(operands, directions, strict=True)))
        ) / (2 * t)

    return (4 * central(0.5) - central(1.0)) / 3


@adjoints
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_vjp_is_the_adjoint_of_the_derivative(function, vjp, shapes, dtype):
    operands = [random(dtype, *s, seed=1) for s in shapes]
    directions = [random(dtype, *s, seed=2) for s in shapes]
    change = directional_derivative(function, operands, directions)
    g = random(dtype, *np.shape(change), seed=3)
    gradients = vjp(g, *operands)
    assert isinstance(gradients, tuple)
    assert [x.shape for x in gradients] == shapes
    assert_allclose(pairing([g], [change]), pairing(gradients, directions), rtol=1e-11)


def test_conjugate_true_is_pytorchs_convention_and_false_is_jaxs():
    x, w = random("complex128", 2, 3), random("complex128", 3, 4)
    g = random("complex128", 2, 4)
    dx, dw = kv.matmul_vjp(g, x, w)
    assert_allclose(dx, g @ w.conj().T)
    assert_allclose(dw, x.conj().T @ g)
    dx, dw = kv.matmul_vjp(g, x, w, conjugate=False)
    assert_allclose(dx, g @ w.T)
    assert_allclose(dw, x.T @ g)


@pytest.mark.parametrize(
    ("vjp", "shapes"),
    [
        (kv.matmul_vjp, [(5, 2, 4), (5, 2, 3), (3, 4)]),
        (kv.linear_vjp, [(5, 2, 4), (5, 2, 3), (3, 4)]),
        (kv.triple_product_vjp, [(2, 5), (2, 3), (3, 4), (4, 5)]),
        (kv.vec_trick_vjp, [(10,), (2, 3), (12,), (4, 5)]),
        (kv.kron_vjp, [(8, 15), (2, 3), (4, 5)]),
        (_kron_matmul_vjp, [(8, 2), (2, 3), (4, 2), (6, 2)]),
    ],
    ids=str,
)
def test_without_conjugation_the_operands_are_used_as_they_are(vjp, shapes):
    """vjp(g, x; conjugate=False) = vjp(g, x*)."""
    g, *operands = (random("complex64", *s, seed=i) for i, s in enumerate(shapes))
    plain = vjp(g, *operands, conjugate=False)
    conjugated = vjp(g, *(x.conj() for x in operands))
    for a, b in zip(plain, conjugated, strict=True):
        assert_allclose(a, b, rtol=1e-5, atol=1e-5)


# --------------------------------------------------------------------------------------
# matmul_vjp, matmul_jvp, linear_vjp

# (x, w): the shape of dw for sum_batch None, False, True
SUM_BATCH = [
    ((2, 3), (3, 4), (3, 4), (3, 4), (3, 4)),
    ((5, 2, 3), (3, 4), (3, 4), (5, 3, 4), (3, 4)),
    ((2, 3), (5, 3, 4), (5, 3, 4), (5, 3, 4), (3, 4)),
    ((5, 2, 3), (1, 3, 4), (1, 3, 4), (5, 3, 4), (3, 4)),
    ((6, 5, 2, 3), (5, 3, 4), (5, 3, 4), (6, 5, 3, 4), (3, 4)),
    ((6, 1, 2, 3), (5, 3, 4), (5, 3, 4), (6, 5, 3, 4), (3, 4)),
    ((0, 2, 3), (3, 4), (3, 4), (0, 3, 4), (3, 4)),
]


@pytest.mark.parametrize("row", SUM_BATCH, ids=str)
@pytest.mark.parametrize("dtype", [*KERNEL_DTYPES, "int64", "longdouble"])
def test_sum_batch_concerns_the_parameters_only(row, dtype):
    x, w = random(dtype, *row[0]), random(dtype, *row[1], seed=1)
    g = random(dtype, *(x @ w).shape, seed=2)
    roundings = 60 * 4
    for sum_batch, shape in zip((None, False, True), row[2:], strict=True):
        options = {"roundings": roundings, "sum_batch": sum_batch}
        dx, dw = check("matmul_vjp", g, x, w, **options)
        assert dx.shape == x.shape and dw.shape == shape
        dx, dw, db = check("linear_vjp", g, x, w, **options)
        assert dx.shape == x.shape and dw.shape == shape
        assert db.shape == shape[:-2] + (4,)
        only = kv.linear_vjp(g, x, w, bias=False, sum_batch=sum_batch)
        assert len(only) == 2
        assert_array_equal(only[1], dw)


def test_per_sample_gradients_are_those_of_each_sample():
    x, w, g = random("float64", 5, 2, 3), random("float64", 3, 4), random("float64", 5, 2, 4)
    _, per_sample = kv.matmul_vjp(g, x, w, sum_batch=False)
    for i in range(5):
        assert_allclose(per_sample[i], x[i].T @ g[i])
    _, summed = kv.matmul_vjp(g, x, w)
    assert_allclose(per_sample.sum(0), summed)


@pytest.mark.parametrize("sum_batch", [None, False, True])
def test_one_dimensional_operands_are_as_in_matmul(sum_batch):
    for x_shape, w_shape in [((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((3,), (5, 3, 4))]:
        x, w = random("float64", *x_shape), random("float64", *w_shape)
        g = random("float64", *np.shape(x @ w))
        check("matmul_vjp", g, x, w, roundings=10, sum_batch=sum_batch)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_a_cotangent_may_broadcast_to_the_result(dtype):
    x, w = random(dtype, 5, 2, 3), random(dtype, 3, 4)
    for shape in [(), (4,), (1, 4), (2, 1), (5, 1, 1), (1, 2, 4)]:
        g = random(dtype, *shape)
        check("matmul_vjp", g, x, w, roundings=20)
        assert_matches(kv.linear_vjp(g, x, w), "linear_vjp", (g, x, w), 20)


@pytest.mark.parametrize("dtype", ["float64", "complex64", "int64"])
def test_jvp_is_the_product_rule(dtype):
    for x_shape, w_shape in [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((1, 2, 3), (5, 3, 4))]:
        x, w = random(dtype, *x_shape), random(dtype, *w_shape, seed=1)
        dx, dw = random(dtype, *x_shape, seed=2), random(dtype, *w_shape, seed=3)
        check("matmul_jvp", dx, dw, x, w, roundings=4)


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("n", [*range(1, 10), 31, 64, 130])
def test_square_vjp_around_the_unrolled_sizes(dtype, n):
    g, x, w = (random(dtype, n, n, seed=i) for i in range(3))
    check("matmul_vjp", g, x, w, roundings=n)
    check("matmul_vjp", g, x, w, roundings=n, conjugate=False)
    check("matmul_jvp", g, x, w, g, roundings=n + 1)


# --------------------------------------------------------------------------------------
# per_sample_sqnorm


def frobenius(gradients):
    return (np.abs(gradients) ** 2).sum((-2, -1))


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_a_row_of_a_matrix_is_a_sample(dtype):
    x, g = random(dtype, 5, 3), random(dtype, 5, 4)
    got = check("per_sample_sqnorm", g, x, roundings=10)
    assert got.shape == (5,) and got.dtype == np.empty(0, dtype).real.dtype
    _, gradients = kv.matmul_vjp(g[:, None], x[:, None], np.zeros((3, 4), dtype), sum_batch=False)
    assert_allclose(got, frobenius(gradients), rtol=1e-5)


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("t", [0, 1, 2, 9, 40])
def test_leading_axes_are_samples(dtype, t):
    x, g = random(dtype, 6, 2, t, 3), random(dtype, 6, 2, t, 4)
    got = check("per_sample_sqnorm", g, x, roundings=2 * t + t * t + 30)
    assert got.shape == (6, 2)
    _, gradients = kv.matmul_vjp(g, x, np.zeros((3, 4), dtype), sum_batch=False)
    assert_allclose(got, frobenius(gradients), rtol=1e-4)


# --------------------------------------------------------------------------------------
# kron_matmul_vjp


# Factors and columns of which some are multiplied out, and whose contractions take each way:
# one product, one with what does not meet left out, a matrix for each row or for each block of
# long rows, by the tensor product
GROUPED = [
    ([(4, 4)] * 6, ()),
    ([(4, 4)] * 6, (3,)),
    ([(2, 2)] * 13, (1,)),
    ([(2, 3), (3, 2), (8, 8), (16, 16), (4, 4)], ()),
    ([(40, 30), (5, 6), (40, 30)], (2,)),
    ([(3, 5), (64, 32), (7, 4)], (9,)),
    ([(5, 3, 3), (4, 4), (4, 4), (4, 4)], (20,)),
    ([(1, 16), (16, 1), (16, 64), (64, 16)], ()),
    ([(9, 8), (40, 51), (3, 5)], (11,)),
]


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize(("shapes", "columns"), GROUPED, ids=str)
def test_gradients_of_factors_are_sums_over_all_other_axes(shapes, columns, dtype):
    """⟨dF_i, D⟩ = ⟨G, (F1 ⊗ … ⊗ D ⊗ … ⊗ FN) X⟩ for any D of the shape of F_i."""
    factors = [random(dtype, *s, seed=i) / s[-1] for i, s in enumerate(shapes)]
    x = random(dtype, np.prod([s[-1] for s in shapes]), *columns)
    g = random(dtype, *kv.kron_matmul(factors, x).shape, seed=99)
    gradients, dx = kv.kron_matmul_vjp(g, factors, x)
    rtol = 1e-3 if np.finfo(dtype).eps > 1e-10 else 1e-10
    v = random(dtype, *x.shape, seed=98)
    sizes = [np.linalg.norm(d) for d in (g, *factors, x)]
    assert_allclose(
        np.vdot(dx, v), np.vdot(g, kv.kron_matmul(factors, v)), rtol=rtol, atol=rtol * sizes[0]
    )
    for i, (f, gradient) in enumerate(zip(factors, gradients, strict=True)):
        assert gradient.shape == f.shape and gradient.dtype == f.dtype
        direction = random(dtype, *f.shape, seed=97 - i)
        tangent = kv.kron_matmul([*factors[:i], direction, *factors[i + 1 :]], x)
        scale = np.linalg.norm(gradient) * np.linalg.norm(direction)
        assert abs(np.vdot(gradient, direction) - np.vdot(g, tangent)) <= rtol * scale


# --------------------------------------------------------------------------------------
# NaN


@pytest.mark.parametrize("vjp", [kv.matmul_vjp, kv.linear_vjp])
def test_zeros_do_not_hide_nan(vjp):
    zero, nan = np.zeros((4, 4)), np.full((4, 4), np.nan)
    assert all(np.isnan(d).all() for d in leaves(vjp(nan, zero, zero)))
    dx, dw, *_ = vjp(zero, zero, nan)
    assert np.isnan(dx).all() and not np.isnan(dw).any()


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("sizes", [(150, 140, 2), (2, 150, 140), (150, 3, 140), (130, 131, 132)])
def test_large_matrices_beside_narrow_ones(sizes, dtype):
    """Where BLAS takes over from our own kernels."""
    m, k, n = sizes
    x, w, g = random(dtype, m, k), random(dtype, k, n), random(dtype, m, n)
    assert_matches(kv.matmul_vjp(g, x, w), "matmul_vjp", (g, x, w), max(sizes))
    assert_matches(kv.matmul_jvp(x, w, x, w), "matmul_jvp", (x, w, x, w), 2 * k)
    chain = (x, w, random(dtype, n, 3))
    assert_matches(kv.triple_product(*chain), "triple_product", chain, k + n)


@pytest.mark.parametrize("dtype", ["float64", "longdouble", "int64"])
def test_rows_are_samples_only_where_both_operands_are_matrices(dtype):
    g, x = random(dtype, 1, 3, 2), random(dtype, 3, 4)
    for args in [(g, x), (x, g)]:
        check("per_sample_sqnorm", *args, roundings=60)
        assert kv.per_sample_sqnorm(*args).shape == (1,)


def test_the_derivative_of_the_bias_is_left_out_where_there_is_none():
    g, x, w = (random("float64", *shape) for shape in ((5, 2, 4), (5, 2, 3), (3, 4)))
    check("linear_vjp", g, x, w, bias=False, roundings=12)
    assert len(kv.linear_vjp(g, x, w, bias=False)) == 2


def test_gradients_without_entries_have_norm_zero_whatever_the_other_operand_holds():
    g = np.array([[np.inf, 1.0], [np.nan, 2.0]])
    assert_array_equal(kv.per_sample_sqnorm(g, np.empty((2, 0))), [0, 0])
    assert_array_equal(kv.per_sample_sqnorm(g[None], np.empty((1, 2, 0))), [0])


def test_factors_have_no_gradient_where_nothing_was_computed():
    """Sums over no terms are 0, whatever is infinite in the other operands."""
    two, hole = np.ones((2, 2)), np.full((6, 3), np.inf)
    (of_two, of_none), dx = kv.kron_matmul_vjp(np.ones((0, 3)), [two, np.ones((0, 3))], hole)
    assert_array_equal(of_two, np.zeros((2, 2)))
    assert_array_equal(dx, np.zeros((6, 3)))
    assert of_none.shape == (0, 3)
    (of_two, of_none), dx = kv.kron_matmul_vjp(hole, [two, np.ones((3, 0))], np.ones((0, 3)))
    assert_array_equal(of_two, np.zeros((2, 2)))
    assert of_none.shape == (3, 0) and dx.shape == (0, 3)
