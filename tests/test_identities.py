"""The identities of matrix calculus, as properties.

Entries are small integers, so that every dtype computes them exactly and equality is equality.
"""

from functools import reduce

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import LAYOUTS, map_arrays
from operations import OPERATIONS

SIZE = st.integers(0, 5)
DTYPE = st.sampled_from(
    ["float32", "float64", "complex64", "complex128", "longdouble", "int64", "object"]
)
ORDER = st.sampled_from("FC")
SEED = st.integers(0, 2**32 - 1)


@st.composite
def maker(draw):
    """A function ``t(*shape)`` that makes arrays of one dtype in various layouts."""
    dtype = draw(DTYPE)
    rng = np.random.default_rng(draw(SEED))
    layouts = draw(st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=1, max_size=4))

    def t(*shape):
        values = rng.integers(-4, 5, shape)
        if np.dtype(dtype).kind == "c":
            values = values + 1j * rng.integers(-4, 5, shape)
        layouts.append(layouts.pop(0))
        return LAYOUTS[layouts[0]](np.asarray(values).astype(dtype))

    return t


@given(maker(), SIZE, SIZE, SIZE, SIZE)
def test_vec_of_a_product_stacked_by_columns(t, m, n, p, q):
    """vec(A B C) = (Cᵀ ⊗ A) vec(B)"""
    a, b, c = t(m, n), t(n, p), t(p, q)
    explicit = kv.kron(c.T, a) @ kv.vec(b)
    assert_array_equal(kv.vec(kv.triple_product(a, b, c)), explicit)
    assert_array_equal(kv.vec_trick(a, kv.vec(b), c), explicit)
    assert_array_equal(kv.kron_matvec([c.T, a], kv.vec(b)), explicit)


@given(maker(), SIZE, SIZE, SIZE, SIZE)
def test_vec_of_a_product_stacked_by_rows(t, m, n, p, q):
    """vec_C(A B C) = (A ⊗ Cᵀ) vec_C(B)"""
    a, b, c = t(m, n), t(n, p), t(p, q)
    v = kv.vec(b, order="C")
    explicit = kv.kron(a, c.T) @ v
    assert_array_equal(kv.vec(kv.triple_product(a, b, c), order="C"), explicit)
    assert_array_equal(kv.vec_trick(a, v, c, order="C"), explicit)
    assert_array_equal(kv.kron_matvec([a, c.T], v), explicit)


@given(maker(), SIZE, SIZE)
def test_the_two_orders_are_related_by_the_commutation_matrix(t, m, n):
    """vec_C(A) = vec_F(Aᵀ) = K_{m,n} vec_F(A)"""
    a = t(m, n)
    by_rows = kv.vec(a, order="C")
    assert_array_equal(by_rows, kv.vec(a.T))
    assert_array_equal(by_rows, kv.commutation_matmul(kv.vec(a), m, n))
    assert_array_equal(by_rows, kv.commutation_matrix(m, n) @ kv.vec(a))
    assert_array_equal(by_rows, kv.vec_reorder(kv.vec(a), (m, n), source="F", target="C"))


@given(SIZE, SIZE)
def test_commutation_matrices_are_orthogonal(m, n):
    """K_{m,n}ᵀ = K_{n,m} = K_{m,n}⁻¹"""
    k = kv.commutation_matrix(m, n).toarray()
    assert_array_equal(k.T, kv.commutation_matrix(n, m).toarray())
    assert_array_equal(k.T @ k, np.eye(m * n))


@given(maker(), SIZE, SIZE, SIZE, SIZE)
def test_commutation_swaps_kron_factors(t, m, n, p, q):
    """K_{p,m} (A ⊗ B) K_{n,q} = B ⊗ A"""
    a, b = t(m, n), t(p, q)
    half = kv.commutation_matmul(kv.kron(a, b), p, m)
    assert_array_equal(kv.commutation_matmul(half, n, q, side="right"), kv.kron(b, a))
    lazy = kv.commutation_matrix(p, m) @ kv.kron(a, b) @ kv.commutation_matrix(n, q)
    assert_array_equal(lazy, kv.kron(b, a))


@given(maker(), SIZE, SIZE, SIZE, SIZE, SIZE, SIZE)
def test_products_of_kronecker_products_mix(t, m, n, p, q, r, s):
    """(A ⊗ B) (C ⊗ D) = A C ⊗ B D"""
    a, b, c, d = t(m, n), t(p, q), t(n, r), t(q, s)
    mixed = kv.kron(a @ c, b @ d)
    assert_array_equal(kv.kron(a, b) @ kv.kron(c, d), mixed)
    assert_array_equal(kv.kron_matmul([a, b], kv.kron(c, d)), mixed)
    assert_array_equal(kv.matmul_kron(kv.kron(a, b), [c, d]), mixed)


@given(maker(), SIZE, SIZE, SIZE, SIZE)
def test_kron_transposes_and_associates(t, m, n, p, q):
    a, b, c = t(m, n), t(p, q), t(n, m)
    assert_array_equal(kv.kron(a, b).T, kv.kron(a.T, b.T))
    assert_array_equal(kv.kron(a, kv.kron(b, c)), kv.kron(kv.kron(a, b), c))
    assert_array_equal(kv.kron(a, b, c), kv.kron(kv.kron(a, b), c))


@given(maker(), st.lists(st.tuples(SIZE, SIZE), min_size=1, max_size=4), st.integers(0, 3))
def test_many_factors_are_their_kronecker_product(t, shapes, columns):
    factors = [t(*shape) for shape in shapes]
    dense = reduce(np.kron, factors)
    assume(dense.size < 20_000)
    x, y = t(dense.shape[1], columns), t(columns, dense.shape[0])
    assert_array_equal(kv.kron_matmul(factors, x), dense @ x)
    assert_array_equal(kv.matmul_kron(y, factors), y @ dense)
    assert_array_equal(kv.kron_matvec(factors, x.T), (dense @ x).T)
    assert_array_equal(kv.kron_vecmat(y, factors), y @ dense)


@given(maker(), SIZE, SIZE, SIZE, SIZE, st.integers(-3, 3), st.integers(-3, 3))
def test_alpha_and_beta_are_those_of_blas(t, m, n, p, q, alpha, beta):
    """Y := alpha K X + beta Y"""
    factors, x, y = [t(m, n), t(p, q)], t(n * q, 2), t(m * p, 2)
    expected = alpha * (kv.kron(*factors) @ x) + beta * y
    out = y.copy()
    kv.kron_matmul(factors, x, alpha=alpha, beta=beta, out=out)
    assert_array_equal(out, expected)


# --------------------------------------------------------------------------------------
# Half-vectorization


@given(maker(), SIZE, ORDER)
def test_vech_of_a_symmetric_matrix_loses_nothing(t, n, order):
    a = t(n, n)
    symmetric = a + a.T
    v = kv.vech(symmetric, order=order)
    assert v.shape == (n * (n + 1) // 2,)
    assert_array_equal(kv.unvech(v, order=order), symmetric)
    hermitian = a + a.conj().T
    assert_array_equal(
        kv.unvech(kv.vech(hermitian, order=order), order=order, hermitian=True), hermitian
    )


@given(SEED, SIZE, ORDER)
def test_svec_is_an_isometry(seed, n, order):
    """svec(A)ᵀ svec(B) = tr(A B), ‖svec(A)‖ = ‖A‖"""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, n, n))
    a, b = a + a.T, b + b.T
    inner = kv.svec(a, order=order) @ kv.svec(b, order=order)
    assert_allclose(inner, np.trace(a @ b), atol=1e-12)
    assert_allclose(np.linalg.norm(kv.svec(a, order=order)), np.linalg.norm(a), atol=1e-12)


# --------------------------------------------------------------------------------------
# Derivatives: <G, J dX> = <vjp(G), dX> = Re tr(...), exactly


def pairing(left, right):
    return sum(np.sum(g.conj() * y).real for g, y in zip(left, right, strict=True))


@given(maker(), SIZE, SIZE, SIZE)
def test_matmul_vjp_is_the_adjoint_of_matmul_jvp(t, m, n, p):
    x, w, g, dx, dw = t(m, n), t(n, p), t(m, p), t(m, n), t(n, p)
    tangent = kv.matmul_jvp(dx, dw, x, w)
    assert pairing([g], [tangent]) == pairing(kv.matmul_vjp(g, x, w), [dx, dw])


@given(maker(), SIZE, SIZE, SIZE, SIZE)
def test_triple_product_vjp_is_the_adjoint(t, m, n, p, q):
    a, b, c, g = t(m, n), t(n, p), t(p, q), t(m, q)
    da, db, dc = t(m, n), t(n, p), t(p, q)
    tangent = da @ b @ c + a @ db @ c + a @ b @ dc
    gradients = kv.triple_product_vjp(g, a, b, c)
    assert pairing([g], [tangent]) == pairing(gradients, [da, db, dc])
    for order in "FC":
        stacked = kv.vec(g, order=order), a, kv.vec(b, order=order), c
        vec_gradients = kv.vec_trick_vjp(*stacked, order=order)
        assert_array_equal(vec_gradients[0], gradients[0])
        assert_array_equal(vec_gradients[1], kv.vec(gradients[1], order=order))
        assert_array_equal(vec_gradients[2], gradients[2])


@given(maker(), SIZE, SIZE, SIZE, SIZE)
def test_kron_vjp_is_the_adjoint(t, m, n, p, q):
    a, b, g, da, db = t(m, n), t(p, q), t(m * p, n * q), t(m, n), t(p, q)
    tangent = kv.kron(da, b) + kv.kron(a, db)
    assert pairing([g], [tangent]) == pairing(kv.kron_vjp(g, a, b), [da, db])


@given(maker(), SIZE, SIZE, SIZE, SIZE, st.integers(0, 3))
def test_kron_matmul_vjp_is_the_adjoint(t, m, n, p, q, columns):
    (a, b), x, g = (t(m, n), t(p, q)), t(n * q, columns), t(m * p, columns)
    da, db, dx = t(m, n), t(p, q), t(n * q, columns)
    tangent = (kv.kron(da, b) + kv.kron(a, db)) @ x + kv.kron(a, b) @ dx
    factors, gradient = kv.kron_matmul_vjp(g, [a, b], x)
    assert pairing([g], [tangent]) == pairing([*factors, gradient], [da, db, dx])


@given(maker(), hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3), SIZE)
def test_gradients_have_the_shapes_of_their_operands(t, batches, n):
    x_batch, w_batch = batches.input_shapes
    x, w = t(*x_batch, 2, n), t(*w_batch, n, 3)
    g = t(*batches.result_shape, 2, 3)
    dx, dw, db = kv.linear_vjp(g, x, w)
    assert (dx.shape, dw.shape, db.shape) == (x.shape, w.shape, (*w_batch, 3))
    _, each, each_b = kv.linear_vjp(g, x, w, sum_batch=False)
    assert each.shape == (*batches.result_shape, n, 3)
    _, total, total_b = kv.linear_vjp(g, x, w, sum_batch=True)
    axes = tuple(range(len(batches.result_shape)))
    assert_array_equal(total, each.sum(axes))
    assert_array_equal(total_b, each_b.sum(axes))
    assert_array_equal(dw.sum(tuple(range(len(w_batch)))), total)


@given(maker(), SIZE, SIZE, SIZE, SIZE)
def test_per_sample_sqnorm_is_that_of_the_per_sample_gradient(t, samples, rows, k, n):
    x, g = t(samples, rows, k), t(samples, rows, n)
    _, gradients = kv.matmul_vjp(g, x, np.zeros((k, n), x.dtype), sum_batch=False)
    squares = (gradients * gradients.conj()).real.sum((-2, -1))
    assert_array_equal(kv.per_sample_sqnorm(g, x), squares)
    row_squares = (x * x.conj()).real.sum(-1) * (g * g.conj()).real.sum(-1)
    if rows:
        assert_array_equal(kv.per_sample_sqnorm(g[:, 0], x[:, 0]), row_squares[:, 0])


# --------------------------------------------------------------------------------------
# Any operation, any sizes


@given(
    *(st.sampled_from(OPERATIONS), st.tuples(SIZE, SIZE, SIZE, SIZE)),
    *(DTYPE, st.sampled_from(sorted(LAYOUTS)), st.lists(st.integers(0, 3), max_size=2)),
)
def test_every_operation_is_its_definition(operation, sizes, dtype, layout, batch):
    args = operation.build(dtype, sizes, tuple(batch), layout)
    operation.check(args, sizes, samples=max(np.prod(batch, dtype=int), 1))


@given(st.sampled_from(OPERATIONS), st.tuples(SIZE, SIZE, SIZE, SIZE), DTYPE)
def test_strides_change_nothing_but_speed(operation, sizes, dtype):
    args = operation.build(dtype, sizes)
    plain = operation(*args)
    strided = operation(*map_arrays(np.asfortranarray, args))
    operation.compare(plain, args, sizes)
    operation.compare(strided, args, sizes)
