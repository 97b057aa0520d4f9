"""Dtypes and precision of what operators give: those of the dense array, or more."""

import numpy as np
import pytest
import scipy.sparse

from helpers import KERNEL_DTYPES, random
from kronvec.operators import (
    Commutation,
    Dense,
    Diagonal,
    Identity,
    KroneckerProduct,
    KroneckerSum,
    Restriction,
    Sparse,
    Sum,
    SymmetricKronecker,
    Triangular,
)
from operator_table import close, positive, well_conditioned

every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


def with_moving_factors(dtype):
    a = well_conditioned(dtype, 3)
    return [
        KroneckerProduct(Identity(2), a),
        KroneckerProduct(Commutation(2, 2), a),
        KroneckerSum(a, Identity(2)),
        KroneckerProduct(a, a) + 2 * Identity(9),
        KroneckerProduct(a, a) + 0.5 * Identity(9),
    ]


@every_dtype
def test_factors_that_only_move_have_no_say_in_dtypes(dtype):
    for operator in with_moving_factors(dtype):
        dense, n = operator.toarray(), operator.shape[0]
        assert operator.dtype == dense.dtype == dtype
        assert operator.diagonal().dtype == operator.trace().dtype == dtype
        keys = (0, (0, 0), (slice(None), 1), ([0, 1], [1, 0]), (slice(1, 3), slice(2)))
        assert {operator[key].dtype for key in keys} == {dense.dtype}
        assert operator.solve(np.ones(n, dtype)).dtype == dtype
        for got, expected in zip(operator.slogdet(), np.linalg.slogdet(dense), strict=True):
            assert got.dtype == expected.dtype
        assert operator.det().dtype == dtype
        assert operator.norm().dtype == operator.svd()[1].dtype == np.linalg.norm(dense).dtype


def test_integers_keep_their_entries_and_sums():
    k = KroneckerProduct(Identity(2), np.array([[1, 2], [3, 4]], np.int32))
    assert k[0].dtype == k[1, 1].dtype == k.diagonal().dtype == np.int32
    assert k.trace().dtype == np.trace(k.toarray()).dtype


def test_real_multiples_of_the_identity_are_not_truncated_beside_integers():
    k = KroneckerProduct([[1]], [[2]]) + 0.5 * Identity(1)
    assert k.dtype == np.float64
    assert k.toarray() == k[0, 0] == 2.5


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (2, np.float32),
        (0.5, np.float32),
        (0.5j, np.complex64),
        (np.float32(0.5), np.float32),
        (np.float64(0.5), np.float64),
    ],
)
def test_scaled_identities_are_as_precise_as_their_scale(scale, expected):
    assert (Dense(np.ones((2, 2), np.float32)) + scale * Identity(2)).dtype == expected
    assert (scale * Identity(2)).solve(np.ones(2, np.float32)).dtype == expected


def test_determinants_of_integers_do_not_overflow():
    d = np.full(50, 10)
    for operator in (Diagonal(d), Triangular(np.diag(d))):
        assert np.isclose(operator.det(), 1e50)


def of_both_precisions():
    """name -> the same operator of a dtype."""
    a, b = well_conditioned("float32", 4), well_conditioned("float32", 3, 1)
    p, q, r, s = (positive("float32", n, n + i) for i, n in enumerate((4, 3, 4, 3)))
    return {
        "product": lambda t: KroneckerProduct(a.astype(t), b.astype(t)),
        "sum": lambda t: KroneckerSum(a.astype(t), b.astype(t)),
        "Hermitian sum": lambda t: KroneckerSum(p.astype(t), q.astype(t)),
        "sum of both": lambda t: KroneckerSum(p.astype(t), b.astype(float)),
        "shifted": lambda t: KroneckerProduct(p.astype(t), q.astype(t)) + 0.5 * Identity(12),
        "shifted, both": lambda t: KroneckerProduct(p.astype(t), q.astype(float)) + Identity(12),
        "pencil": lambda t: (
            KroneckerProduct(p.astype(t), q.astype(t)) + KroneckerProduct(r.astype(t), s.astype(t))
        ),
        "sparse": lambda t: Sparse(scipy.sparse.csr_array(a.astype(t))),
        "symmetric": lambda t: SymmetricKronecker(a.astype(t)),
    }


@pytest.mark.parametrize("name", of_both_precisions())
def test_solutions_are_as_precise_as_their_dtype(name):
    make = of_both_precisions()[name]
    operator, dense = make("float32"), make("float64").toarray()
    b = random("float64", len(dense))
    x = operator.solve(b)
    assert x.dtype == np.float64
    close(dense @ x, b, 10)


def least_squares_of_both_precisions():
    """name -> the same operator of a dtype, some of less than full rank."""
    a, b, e = random("float32", 5, 4), random("float32", 4, 3), np.ones((3, 2), "float32")
    p, q = positive("float32", 4), positive("float32", 3, 1)
    d = np.arange(12, dtype="float32")
    return {
        "dense": lambda t: Dense(a.astype(t)),
        "product": lambda t: KroneckerProduct(a.astype(t), b.astype(t)),
        "of low rank": lambda t: KroneckerProduct(a.astype(t), e.astype(t)),
        "sum": lambda t: KroneckerSum(p.astype(t), b[:3].astype(t)),
        "plus diagonal": lambda t: KroneckerProduct(p.astype(t), q.astype(t)) + Diagonal(d),
        "scaled chain": lambda t: (
            3 * (Restriction([1, 4, 6], 20) @ KroneckerProduct(a.astype(t), b.astype(t)))
        ),
        "sparse": lambda t: Sparse(scipy.sparse.csr_array(a.astype(t))),
        "triangular": lambda t: Triangular(p.astype(t)),
        "symmetric": lambda t: SymmetricKronecker(p.astype(t)),
    }


@pytest.mark.parametrize("name", least_squares_of_both_precisions())
def test_least_squares_are_in_the_common_precision(name):
    make = least_squares_of_both_precisions()[name]
    operator, dense = make("float32"), make("float64").toarray()
    b = random("float64", len(dense))
    x = operator.lstsq(b)
    assert x.dtype == np.float64
    inverse = np.linalg.pinv(dense, rtol=1e-6)
    assert np.abs(x - inverse @ b).max() <= 1e-12 * np.linalg.norm(inverse, 2) * len(dense)
    assert operator.lstsq(b.astype("float32")).dtype == np.float32


# ------------------------------------------------------------------------------- odds and ends


def test_a_sum_may_hold_several_identities():
    k = KroneckerProduct(well_conditioned("float64", 2), well_conditioned("float64", 3))
    total = Sum(k, Identity(6), 2 * Identity(6))
    close(total.solve(np.ones(6)), np.linalg.solve(total.toarray(), np.ones(6)))


def test_a_scale_of_zero_leaves_the_shift():
    k = KroneckerProduct([[1.0, 2], [3, 4]], [[1.0, 5], [0, 2]])
    close((0 * k + 2 * Identity(4)).solve(np.ones(4)), np.full(4, 0.5))
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        (0 * k + 0 * Identity(4)).solve(np.ones(4))


def test_products_with_sparse_matrices_stay_lazy():
    k = KroneckerProduct(well_conditioned("float64", 2), well_conditioned("float64", 3))
    sparse = scipy.sparse.random_array((6, 4), density=0.5, rng=0)
    product = k @ sparse
    assert "Sparse" in repr(product)
    close(product.toarray(), k.toarray() @ sparse.toarray())


def test_the_symmetrizer_is_singular():
    from kronvec.operators import Symmetrizer

    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        Symmetrizer(2).inv()
    assert Symmetrizer(1).inv().toarray() == 1


def test_an_empty_product_of_oblong_factors_has_determinant_one():
    assert KroneckerProduct(np.zeros((0, 3)), np.zeros((3, 0))).slogdet() == (1, 0)


def test_restricted_duplications_are_seen_to_be_hermitian(monkeypatch):
    from kronvec.operators import Duplication

    a, d = positive("float64", 3), Duplication(3)
    k = d.T @ KroneckerProduct(a, a) @ d
    monkeypatch.setattr(type(k), "toarray", None)
    assert k._is_hermitian()
    p = Restriction([0, 2], 6)
    assert (p @ KroneckerSum(a[:2, :2], a) @ p.T)._is_hermitian()


def test_signs_of_large_complex_determinants_are_of_modulus_one():
    a = random("complex128", 50, 50)
    sign, _ = KroneckerProduct(a, a, a, a).slogdet()
    assert abs(abs(sign) - 1) <= 1e-14


# ------------------------------------------------------------- what LAPACK has no routines for


@pytest.mark.parametrize("dtype", ["float16", "longdouble", "object"])
@pytest.mark.parametrize(
    "method", ["solve", "inv", "pinv", "lstsq", "slogdet", "eig", "svd", "qr", "sqrt", "rank"]
)
def test_dtypes_without_decompositions_are_refused_by_name(dtype, method):
    a = well_conditioned("float64", 3)
    arguments = [np.ones(9, dtype)] if method in ("solve", "lstsq") else []
    for k in (
        KroneckerProduct(a, a.T).toarray(),
        KroneckerProduct(a.astype(dtype), a.T.astype(dtype)),
        KroneckerSum(a.astype(dtype), a.T.astype(dtype)),
    ):
        k = Dense(k.astype(dtype)) if isinstance(k, np.ndarray) else k
        if isinstance(k, KroneckerSum) and method == "inv":
            continue  # as lazy as its first product
        with pytest.raises(TypeError, match=rf"\w+\.\w+: dtype {np.dtype(dtype)} has no decompos"):
            getattr(k, method)(*arguments)


def test_extended_precision_on_the_right_is_refused_by_name():
    b = np.ones(3, np.longdouble)
    for k in (well_conditioned("float64", 3), np.tril(well_conditioned("float64", 3))):
        for operator in (Dense(k), Triangular(k), Dense(k) + Diagonal(np.ones(3)), KroneckerSum(k)):
            with pytest.raises(TypeError, match=r"\.solve: dtype \w+ has no decompositions"):
                operator.solve(b)


@pytest.mark.parametrize("dtype", ["float16", "longdouble", "object"])
def test_what_needs_no_decomposition_takes_any_dtype(dtype):
    d = np.array([1, 2, 4]).astype(dtype)
    assert np.array_equal(Diagonal(d).solve(d), np.ones(3))
    assert Diagonal(d).solve(d).dtype == dtype
    assert (Dense(np.diag(d)) @ Commutation(1, 3)).norm() ** 2 == pytest.approx(21, rel=1e-2)


# ------------------------------------------------------------------------ what is not finite


def systems(n):
    a, p, q = well_conditioned("float64", n), positive("float64", n), positive("float64", n, 1)
    return {
        "dense": Dense(a),
        "product": KroneckerProduct(a, a),
        "sum": KroneckerSum(a, a),
        "Hermitian sum": KroneckerSum(p, q),
        "shifted": KroneckerProduct(a, a) + Identity(n * n),
        "shifted Hermitian": KroneckerProduct(p, q) + Identity(n * n),
        "pencil": KroneckerProduct(p, q) + KroneckerProduct(p @ p, q @ q),
        "plus diagonal": KroneckerProduct(p, q) / n**2 + Diagonal(np.arange(n * n) + 1.0),
    }


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("n", [3, 24])
@pytest.mark.parametrize("name", systems(2))
def test_what_is_not_finite_stays_in_its_column(name, n, bad):
    operator = systems(n)[name]
    b = random("float64", operator.shape[0], 3)
    expected = operator.solve(b)
    b[1, 0] = bad
    for x in (operator.solve(b), operator.inv() @ b):
        assert not np.isfinite(x[:, 0]).any()
        np.testing.assert_allclose(x[:, 1:], expected[:, 1:], rtol=1e-6, atol=1e-9)
    assert not np.isfinite(operator.solve(b[:, 0])).any()


def test_a_shift_keeps_the_precision_of_the_sum():
    k, x = Dense(well_conditioned("float64", 3)), random("float32", 3)
    expected = k.toarray() @ x + 5 * x.astype(float)
    assert np.abs((k + 5 * Identity(3)) @ x - expected).max() <= 1e-14


def test_a_scale_that_an_unsigned_dtype_has_not_widens_it():
    x = np.arange(6, dtype=np.uint32)
    result = (-2 * Commutation(2, 3)) @ x
    assert result.dtype == np.int64
    assert np.array_equal(result, -2 * (Commutation(2, 3) @ x.astype(np.int64)))


def test_a_scale_counts_what_booleans_only_mark():
    twice = Restriction([1, 1], 2).T  # adds both entries
    marks = np.array([True, True])
    assert np.array_equal(twice @ marks, [False, True])
    assert np.array_equal((3 * twice) @ marks, [0, 6])
    assert np.array_equal(marks @ (3 * twice.T), [0, 6])
