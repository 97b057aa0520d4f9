"""The nearest Kronecker product, against the SVD of the dense rearrangement."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import KERNEL_DTYPES, peak_of, random
from kronvec import _reference as reference
from kronvec import _triplets
from kronvec._krylov import leading_triplets
from kronvec._symmetric_parts import SKEW
from kronvec.nearest import nearest_kron_of_terms

SHAPES = [
    ((2, 3), (4, 5)),
    ((3, 3), (4, 4)),
    ((1, 1), (3, 2)),
    ((5, 1), (1, 7)),
    ((9, 9), (2, 2)),
    ((1, 1), (3, 3)),
    ((6, 5), (7, 4)),
]
every_shape = pytest.mark.parametrize(("shape_a", "shape_b"), SHAPES)
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


@pytest.fixture(params=["svd", "krylov"])
def method(request, monkeypatch):
    """Either way to the triplets, whatever the size."""
    monkeypatch.setattr(_triplets, "_svd_pays", lambda *sizes: request.param == "svd")
    return request.param


def general(dtype, shape_a, shape_b, seed=0):
    return random(dtype, shape_a[0] * shape_b[0], shape_a[1] * shape_b[1], seed=seed)


def hermitian(dtype, n, seed=0):
    m = random(dtype, n, n, seed=seed)
    return m + m.conj().T


def definite(dtype, n, seed=0):
    m = random(dtype, n, n, seed=seed).astype("complex128" if dtype[0] == "c" else "float64")
    m = m @ m.conj().T + np.eye(n)
    return ((m + m.conj().T) / 2).astype(dtype)


def some_terms(dtype, shape_a, shape_b, count):
    pairs = range(count)
    return [(random(dtype, *shape_a, seed=i), random(dtype, *shape_b, seed=9 + i)) for i in pairs]


def formed(pairs):
    return sum(np.kron(a, b) for a, b in pairs)


def singular_values(m, shape_a, shape_b):
    return np.linalg.svd(reference.realignment(m, shape_a, shape_b), compute_uv=False)


def assert_nearest(m, pairs, shape_a, shape_b):
    """‖M - Σ A_i ⊗ B_i‖² is the sum of squares of the other singular values of R(M)."""
    s = singular_values(m, shape_a, shape_b)
    least = np.linalg.norm(s[len(pairs) :])
    rounding = 50 * np.finfo(pairs[0][0].dtype).eps * np.linalg.norm(m)
    assert np.linalg.norm(m - formed(pairs)) <= least + rounding
    for (a, b), sigma in zip(pairs, s, strict=False):
        assert a.shape == shape_a and b.shape == shape_b
        assert_allclose([np.linalg.norm(a) ** 2, np.linalg.norm(b) ** 2], sigma, atol=rounding)


# --------------------------------------------------------------------------------------
# Any matrix


@every_shape
@every_dtype
def test_the_error_is_that_of_the_tail(method, dtype, shape_a, shape_b):
    m = general(dtype, shape_a, shape_b)
    most = min(np.prod(shape_a), np.prod(shape_b))
    for terms in {1, min(2, most), min(5, most), most}:
        pairs = kv.nearest_kron(m, shape_a, shape_b, terms=terms)
        assert isinstance(pairs, list) and len(pairs) == terms
        assert all(f.dtype == dtype for pair in pairs for f in pair)
        assert_nearest(m, pairs, shape_a, shape_b)


@every_shape
@every_dtype
def test_a_kronecker_product_is_recovered(method, dtype, shape_a, shape_b):
    m = np.kron(random(dtype, *shape_a), random(dtype, *shape_b, seed=1))
    a, b = kv.nearest_kron(m, shape_a, shape_b)
    error = np.linalg.norm(np.kron(a, b) - m)
    assert error <= 20 * np.finfo(dtype).eps * np.linalg.norm(m)


def test_a_sum_of_terms_is_recovered(method):
    terms = some_terms("float64", (4, 3), (5, 6), 3)
    pairs = kv.nearest_kron(formed(terms), (4, 3), (5, 6), terms=3)
    assert_allclose(formed(pairs), formed(terms), atol=1e-12)
    for (a, b), (c, d) in itertools.combinations(pairs, 2):
        assert_allclose([np.vdot(a, c), np.vdot(b, d)], 0, atol=1e-11)


def test_more_terms_than_the_rank_do_no_harm(method):
    m = np.kron(random("float64", 4, 4), random("float64", 4, 5))
    pairs = kv.nearest_kron(m, (4, 4), (4, 5), terms=6)
    assert_nearest(m, pairs, (4, 4), (4, 5))


def test_zero_has_zero_factors(method):
    for a, b in kv.nearest_kron(np.zeros((6, 6)), (2, 2), (3, 3), terms=2):
        assert_array_equal(a, np.zeros((2, 2)))
        assert_array_equal(b, np.zeros((3, 3)))


@pytest.mark.parametrize("gap", [0, 1e-15, 1e-9, 1e-3])
def test_singular_values_that_almost_agree_cost_no_accuracy(method, gap):
    shape_a, shape_b = (6, 5), (5, 7)
    rng = np.random.default_rng(0)
    u, _ = np.linalg.qr(rng.standard_normal((30, 30)))
    v, _ = np.linalg.qr(rng.standard_normal((35, 30)))
    s = np.array([1, 1 - gap, 1 - 2 * gap, *np.linspace(0.5, 0, 27)])
    m = kv.realignment(u * s @ v.T, shape_a, shape_b, inverse=True)
    for terms in (1, 2, 3):
        pairs = kv.nearest_kron(m, shape_a, shape_b, terms=terms)
        assert_nearest(m, pairs, shape_a, shape_b)


def test_the_same_call_gives_the_same_factors(method):
    m = general("float64", (6, 5), (7, 4))
    first, second = (kv.nearest_kron(m, (6, 5), (7, 4)) for _ in range(2))
    assert_array_equal(first[0], second[0])
    assert_array_equal(first[1], second[1])


def test_scale_and_sign_are_fixed(method):
    a, b = random("complex128", 3, 3), random("complex128", 4, 4)
    for phase in (1, -1, 1j, np.exp(2j)):
        got = kv.nearest_kron(np.kron(phase * a, 5 * b / phase), (3, 3), (4, 4))
        assert_allclose(np.linalg.norm(got[0]), np.linalg.norm(got[1]))
        trace = np.trace(got[1])
        assert trace.real > 0 and abs(trace.imag) <= 1e-13
    b = np.array([[-1.0, 2.0, -5.0]])
    for sign in (1, -1):
        _, got = kv.nearest_kron(sign * np.kron(a.real, b), (3, 3), (1, 3))
        assert_allclose(got / got[0, 2], b / b[0, 2])
        assert got[0, 2] > 0


# --------------------------------------------------------------------------------------
# Hermitian matrices


@every_dtype
def test_hermitian_matrices_have_hermitian_factors(method, dtype):
    """Real symmetric ones may have two skew-symmetric factors, exactly so."""
    for m, n in [(3, 4), (6, 5), (1, 3), (4, 1)]:
        matrix = hermitian(dtype, m * n)
        most = min(m * m, n * n)
        for terms in (1, most):
            pairs = kv.nearest_kron(matrix, (m, m), (n, n), terms=terms)
            assert_nearest(matrix, pairs, (m, m), (n, n))
            for pair in pairs:
                signs = (1,) if dtype.startswith("complex") else (1, -1)
                assert any(all((f == s * f.conj().T).all() for f in pair) for s in signs)


@every_dtype
def test_positive_definite_matrices_have_positive_definite_factors(method, dtype):
    for m, n in [(3, 4), (6, 5)]:
        for f in kv.nearest_kron(definite(dtype, m * n), (m, m), (n, n)):
            assert_array_equal(f, f.conj().T)
            assert np.linalg.eigvalsh(f)[0] > 0


def test_a_product_of_skew_matrices_is_symmetric_and_has_skew_factors(method):
    a, b = (random("float64", n, n) for n in (4, 5))
    a, b = a - a.T, b - b.T
    got = kv.nearest_kron(np.kron(a, b), (4, 4), (5, 5))
    assert_allclose(np.kron(*got), np.kron(a, b), atol=1e-13)
    for f in got:
        assert_array_equal(f, -f.T)


def test_a_tie_of_symmetric_and_skew_factors_is_not_a_mixture(method):
    symmetric, skew = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [-1.0, 0.0]])
    m = np.kron(symmetric, symmetric) + np.kron(skew, skew)
    for terms in (1, 2):
        pairs = kv.nearest_kron(m, (2, 2), (2, 2), terms=terms)
        assert_nearest(m, pairs, (2, 2), (2, 2))
        assert all((a == a.T).all() or (a == -a.T).all() for a, _ in pairs)


# --------------------------------------------------------------------------------------
# Batches, sparse matrices, sums of terms


def test_each_matrix_of_a_batch_is_as_alone(method):
    batch = np.stack([general("float64", (3, 3), (4, 4), seed=i) for i in range(6)])
    batch[1], batch[4] = hermitian("float64", 12), definite("float64", 12)
    pairs = kv.nearest_kron(batch.reshape(2, 3, 12, 12), (3, 3), (4, 4), terms=2)
    for i, index in enumerate(np.ndindex(2, 3)):
        alone = kv.nearest_kron(batch[i], (3, 3), (4, 4), terms=2)
        for (a, b), (one_a, one_b) in zip(pairs, alone, strict=True):
            assert_allclose(a[index], one_a, rtol=1e-10, atol=1e-12)
            assert_allclose(b[index], one_b, rtol=1e-10, atol=1e-12)
    for empty in [(0, 12, 12), (2, 0, 12, 12)]:
        a, b = kv.nearest_kron(np.zeros(empty), (3, 3), (4, 4))
        assert a.shape == (*empty[:-2], 3, 3) and b.shape == (*empty[:-2], 4, 4)


@every_dtype
@pytest.mark.parametrize("form", ["csr", "coo"])
def test_sparse_matrices_are_as_dense_ones(dtype, form):
    sparse = pytest.importorskip("scipy.sparse")
    for shape_a, shape_b in SHAPES:
        m = general(dtype, shape_a, shape_b) * random(
            "bool", *general(dtype, shape_a, shape_b).shape
        )
        pairs = kv.nearest_kron(sparse.csr_array(m).asformat(form), shape_a, shape_b, terms=1)
        assert_nearest(m, pairs, shape_a, shape_b)
    m = sparse.csr_array(definite(dtype, 12))
    for f in kv.nearest_kron(m, (3, 3), (4, 4)):
        assert_array_equal(f, f.conj().T)
        assert np.linalg.eigvalsh(f)[0] > 0
    m = sparse.csr_matrix(np.eye(6, dtype=int))
    assert_allclose(np.kron(*kv.nearest_kron(m, (2, 2), (3, 3))), np.eye(6), atol=1e-14)


def test_large_sparse_matrices_stay_sparse():
    """The dense matrix would take 80 GB."""
    sparse = pytest.importorskip("scipy.sparse")
    a = sparse.diags_array([1.0, 2.0, 1.0], offsets=[-1, 0, 1], shape=(100, 100))
    b = sparse.eye_array(1000)
    got = kv.nearest_kron(sparse.kron(a, b), (100, 100), (1000, 1000))
    assert_allclose(got[0] / got[0][0, 0], a.toarray() / 2, atol=1e-12)
    assert_allclose(got[1] / got[1][0, 0], np.eye(1000), atol=1e-12)


@every_dtype
def test_a_sum_of_terms_is_never_formed(dtype):
    for shape_a, shape_b in SHAPES:
        terms = [
            (random(dtype, *shape_a, seed=i), random(dtype, *shape_b, seed=9 + i)) for i in (1, 2)
        ]
        most = min(np.prod(shape_a), np.prod(shape_b))
        for count in {1, min(2, most), min(4, most)}:
            pairs = nearest_kron_of_terms(terms, terms=count)
            assert len(pairs) == count
            assert_nearest(formed(terms), pairs, shape_a, shape_b)
    terms = [(definite(dtype, 3, seed=i), definite(dtype, 4, seed=i)) for i in range(3)]
    for f in nearest_kron_of_terms(terms):
        assert_array_equal(f, f.conj().T)
        assert np.linalg.eigvalsh(f)[0] > 0


def test_operators_are_dense_or_sums_of_terms():
    k = kv.commutation_matrix(3, 3)
    pairs = kv.nearest_kron(k, (3, 3), (3, 3), terms=9)
    assert_nearest(k.toarray(), pairs, (3, 3), (3, 3))


# --------------------------------------------------------------------------------------
# Memory, kinds of input, errors


def test_a_large_matrix_is_not_copied(monkeypatch):
    monkeypatch.setattr(_triplets, "_FORMED_BYTES", 0)
    a, b = random("float64", 30, 30), random("float64", 40, 40)
    m = np.kron(a, b) + 1e-3 * random("float64", 1200, 1200)
    peak, got = peak_of(kv.nearest_kron, m, (30, 30), (40, 40))
    assert peak < 0.6 * m.nbytes
    assert_allclose(np.kron(*got), np.kron(a, b), atol=0.02)
    monkeypatch.undo()
    for slabs, whole in zip(got, kv.nearest_kron(m, (30, 30), (40, 40)), strict=True):
        assert_allclose(slabs, whole, atol=1e-12)


@pytest.mark.parametrize("dtype", ["int8", "bool", "uint32"])
def test_integers_are_computed_in_float64(dtype):
    m = random(dtype, 6, 6)
    pairs = kv.nearest_kron(m, (2, 2), (3, 3), terms=4)
    assert_allclose(formed(pairs), m, atol=1e-12)
    assert pairs[0][0].dtype == np.float64


def test_any_strides_are_read(method):
    m = general("float64", (3, 3), (4, 4))
    expected = kv.nearest_kron(m, (3, 3), (4, 4))
    for other in (np.asfortranarray(m), m[::-1, ::-1].copy()[::-1, ::-1], m.astype(">f8")):
        for got, f in zip(kv.nearest_kron(other, (3, 3), (4, 4)), expected, strict=True):
            assert_allclose(got, f, atol=1e-12)
            assert got.dtype.isnative


def test_empty_factors_are_zero():
    a, b = kv.nearest_kron(np.zeros((0, 6)), (0, 2), (3, 3))
    assert a.shape == (0, 2)
    assert_array_equal(b, np.zeros((3, 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_entries_that_are_not_finite_are_refused(method, value):
    sparse = pytest.importorskip("scipy.sparse")
    m = np.eye(6)
    m[1, 2] = value
    for matrix in (m, sparse.csr_array(m), np.stack([np.eye(6), m])):
        with pytest.raises(np.linalg.LinAlgError, match="nearest_kron"):
            kv.nearest_kron(matrix, (2, 2), (3, 3))


@pytest.mark.parametrize("size", [1e-310, 1e-200, 1e200])
def test_tiny_and_huge_entries_are_as_others(method, size):
    m = general("float64", (5, 6), (6, 5))
    expected, got = (kv.nearest_kron(m * s, (5, 6), (6, 5)) for s in (1, size))
    for f, g in zip(expected, got, strict=True):
        assert_allclose(g / np.sqrt(size), f, rtol=1e-9, atol=1e-10)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_entries_too_large_for_their_sum_are_refused(method):
    with pytest.raises(np.linalg.LinAlgError, match="nearest_kron: the entries of m are too large"):
        kv.nearest_kron(np.full((30, 30), 1e308), (5, 6), (6, 5))


@pytest.mark.parametrize("dtype", ["float16", "longdouble", "object"])
def test_dtypes_without_an_svd_are_refused(dtype):
    with pytest.raises(TypeError, match="nearest_kron: m must be of a dtype"):
        kv.nearest_kron(np.eye(6, dtype=dtype), (2, 2), (3, 3))


def test_masks_and_terms_that_are_no_integers_are_refused():
    with pytest.raises(TypeError, match="nearest_kron: m is a masked array"):
        kv.nearest_kron(np.ma.array(np.eye(4), mask=np.eye(4)), (2, 2), (2, 2))
    with pytest.raises(TypeError, match="nearest_kron: terms"):
        kv.nearest_kron(np.eye(4), (2, 2), (2, 2), terms=1.0)


def test_sparse_matrices_without_entries_have_zero_factors():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    a, b = kv.nearest_kron(scipy_sparse.csr_array((0, 6)), (0, 2), (3, 3))
    assert a.shape == (0, 2)
    assert_array_equal(b, np.zeros((3, 3)))


def test_terms_that_are_not_finite_are_refused():
    with pytest.raises(np.linalg.LinAlgError, match="a term has entries that are not finite"):
        kv.nearest_kron(kv.operators.KroneckerProduct([[np.nan]], np.eye(2)), (1, 1), (2, 2))


def test_matrices_of_one_entry_have_no_skew_part():
    assert _triplets._in_part(None, None, (1, 9), SKEW, 1, np.float64) is None


def test_an_adjoint_that_is_not_quite_one_ends_at_the_whole_space():
    """However poor it is, the basis comes to span everything, where the values are exact."""
    r, noise = random("float64", 12, 7), 1e-3 * random("float64", 7, 12, seed=1)
    u, s, vh = leading_triplets(
        lambda x: r @ x, lambda y: (r.T + noise) @ y, r.shape, 2, np.float64
    )
    assert_allclose(s, np.linalg.svd(r, compute_uv=False)[:2], rtol=1e-12)
    assert_allclose((u * s) @ vh, (u @ u.T) @ r, atol=1e-10)
