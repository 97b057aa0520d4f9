"""Duplication, elimination and symmetrizer matrices: their identities and what they do to vecs."""

import itertools
import time
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import DTYPES, LAYOUTS, peak_of, random
from kronvec import _reference as reference
from kronvec._triangle import CACHED_SIZE

SIZES = range(7)
every_size = pytest.mark.parametrize("n", SIZES)
NAMES = ("duplication", "duplication_pinv", "elimination", "symmetrizer")
every_matrix = pytest.mark.parametrize("name", NAMES)
GATHERS = ("duplication", "elimination")
LARGE = (CACHED_SIZE + 1, 576)  # moved by runs and panels, not gathered


def triangle(n):
    return n * (n + 1) // 2


def symmetric(dtype, n, seed=0):
    a = random(dtype, n, n, seed=seed)
    return np.tril(a) + np.tril(a, -1).T


def matrices(n):
    return [getattr(kv, f"{name}_matrix")(n) for name in NAMES]


def dense(n):
    return [matrix.toarray() for matrix in matrices(n)]


def multiply(name, x, n, **kwargs):
    return getattr(kv, f"{name}_matmul")(x, n, **kwargs)


# --------------------------------------------------------------------------------------
# What defines them


@every_size
@pytest.mark.parametrize("dtype", DTYPES)
def test_duplication_turns_the_vech_into_the_vec(n, dtype):
    a = symmetric(dtype, n)
    got = kv.duplication_matmul(kv.vech(a), n)
    assert_array_equal(got, kv.vec(a).astype(got.dtype))
    assert got.dtype == kv.vech(a).dtype


@every_size
def test_elimination_turns_the_vec_of_any_matrix_into_the_vech(n):
    a = random("float64", n, n)
    assert_array_equal(kv.elimination_matmul(kv.vec(a), n), kv.vech(a))
    back = kv.unvec(kv.elimination_matmul(kv.vech(a), n, transposed=True), (n, n))
    assert_array_equal(back, np.tril(a))


@every_size
def test_the_inverse_of_duplication_takes_the_vech_of_the_symmetric_part(n):
    a = random("float64", n, n)
    got = kv.duplication_pinv_matmul(kv.vec(a), n)
    assert_allclose(got, kv.vech((a + a.T) / 2), rtol=1e-15)


@every_size
def test_symmetrizer_takes_the_symmetric_part(n):
    a = random("float64", n, n)
    assert_allclose(kv.symmetrizer_matmul(kv.vec(a), n), kv.vec((a + a.T) / 2), rtol=1e-15)


@every_matrix
@every_size
def test_dense_matrices_are_the_definitions(name, n):
    matrix, definition = (getattr(f, f"{name}_matrix")(n) for f in (kv, reference))
    assert_array_equal(matrix.toarray(), definition, strict=True)
    assert_array_equal(matrix.T.toarray(), definition.T, strict=True)
    assert_array_equal(matrix.toarray("float32"), definition.astype("float32"), strict=True)


# --------------------------------------------------------------------------------------
# Identities


@every_size
def test_identities_of_the_family(n):
    d, d_pinv, l, s = dense(n)
    k = kv.commutation_matrix(n, n).toarray()
    eye = np.eye(triangle(n))
    assert_array_equal(d_pinv @ d, eye)
    assert_array_equal(l @ d, eye)
    assert_array_equal(l @ l.T, eye)
    assert_array_equal(d @ d_pinv, s)
    assert_array_equal(s @ k, s)
    assert_array_equal(k @ d, d)
    assert_array_equal(s @ d, d)
    assert_array_equal(l @ s, d_pinv)
    assert_array_equal(s @ s, s)
    assert_array_equal(s, s.T)
    assert_array_equal((np.eye(n * n) + k) / 2, s)
    assert_array_equal(np.linalg.inv(d.T @ d) @ d.T, d_pinv)
    assert_allclose(np.linalg.pinv(d), d_pinv, atol=1e-15)


@given(st.integers(0, 12), st.integers(1, 3), st.integers(0, 2**32))
def test_identities_hold_for_the_products(n, columns, seed):
    v = random("int64", triangle(n), columns, seed=seed).astype(float)
    x = random("int64", n * n, columns, seed=seed + 1).astype(float)
    assert_array_equal(kv.duplication_pinv_matmul(kv.duplication_matmul(v, n), n), v)
    assert_array_equal(kv.elimination_matmul(kv.duplication_matmul(v, n), n), v)
    symmetrized = kv.symmetrizer_matmul(x, n)
    assert_array_equal(kv.duplication_matmul(kv.duplication_pinv_matmul(x, n), n), symmetrized)
    assert_array_equal(kv.symmetrizer_matmul(kv.commutation_matmul(x, n, n), n), symmetrized)
    folded = kv.duplication_matmul(kv.duplication_matmul(v, n), n, transposed=True)
    off = 1 + (reference.duplication_matrix(n).sum(axis=0)[:, None] == 2)
    assert_array_equal(folded, off * v)


@given(
    st.sampled_from(NAMES),
    st.integers(0, 9),
    st.sampled_from(DTYPES),
    st.sampled_from(sorted(LAYOUTS)),
    st.lists(st.integers(0, 3), max_size=2),
    *(st.booleans(), st.sampled_from(["left", "right"])),
)
def test_products_are_those_with_the_dense_matrix(name, n, dtype, layout, batch, transposed, side):
    rows, columns = reference.__dict__[f"{name}_matrix"](n).shape
    length = columns if (side == "left") != transposed else rows
    shape = (length, 2) if side == "left" else (2, length)
    x = LAYOUTS[layout](random("int64", *batch, *shape).astype(dtype))
    kwargs = {"side": side, "transposed": transposed}
    expected = getattr(reference, f"{name}_matmul")(x, n, **kwargs)
    got = multiply(name, x, n, **kwargs)
    assert got.dtype == expected.dtype
    assert_array_equal(got, expected)


# --------------------------------------------------------------------------------------
# Large ones


@every_matrix
@pytest.mark.parametrize("n", LARGE)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "complex64", "int16", "object"])
def test_large_triangles_are_the_sparse_product(name, n, transposed, dtype):
    pytest.importorskip("scipy.sparse")
    matrix = getattr(kv, f"{name}_matrix")(n)
    matrix = matrix.T if transposed else matrix
    sparse, columns = matrix.tocsr(), matrix.shape[1]
    x = random("int64", columns).astype(dtype)
    got = multiply(name, x, n, transposed=transposed)
    assert_array_equal(got.astype(complex), sparse @ x.astype(complex))
    if dtype != "object":
        for layout in ("strided", "reversed"):
            again = multiply(name, LAYOUTS[layout](x), n, transposed=transposed)
            assert_array_equal(again, got)


@every_matrix
@pytest.mark.parametrize("transposed", [False, True])
def test_large_batches_and_columns_are_each_by_itself(name, transposed):
    n = LARGE[0]
    matrix = getattr(kv, f"{name}_matrix")(n)
    length = matrix.shape[0] if transposed else matrix.shape[1]
    x = random("float32", 2, length, 3)
    got = multiply(name, x, n, transposed=transposed)
    mirrored = multiply(name, x.swapaxes(1, 2), n, side="right", transposed=not transposed)
    assert_array_equal(mirrored.swapaxes(1, 2), got)
    for s, k in itertools.product(range(2), range(3)):
        assert_array_equal(got[s, :, k], multiply(name, x[s, :, k], n, transposed=transposed))


@every_matrix
@pytest.mark.parametrize("n", [200, 700])
def test_a_product_holds_little_beside_its_result(name, n):
    """And no square of n² by anything: that would be gigabytes."""
    x = random("float32", n * n if name != "duplication" else triangle(n))
    peak, result = peak_of(multiply, name, x, n)
    assert peak <= 2 * result.nbytes + 400 * n * 8 + 2**16


def test_a_duplication_matrix_is_made_at_once():
    times = []
    for _ in range(5):
        start = time.perf_counter()
        kv.duplication_matrix(300)
        times.append(time.perf_counter() - start)
    assert min(times) < 1e-3


def test_small_positions_are_kept_and_cannot_be_changed_from_outside():
    first = kv.duplication_indices(5)
    first[:] = 0
    kv.elimination_indices(5)[:] = 0
    assert_array_equal(kv.duplication_indices(5), reference.duplication_indices(5))
    assert_array_equal(kv.elimination_indices(5), reference.elimination_indices(5))


# --------------------------------------------------------------------------------------
# Indices


@pytest.mark.parametrize("name", ["duplication", "elimination", "symmetrizer"])
@pytest.mark.parametrize("n", [*SIZES, 20])
def test_indices_are_the_places_of_the_ones(name, n):
    indices, expected = (getattr(f, f"{name}_indices")(n) for f in (kv, reference))
    assert_array_equal(indices, expected)
    assert indices.dtype == np.intp and indices.shape == expected.shape


@pytest.mark.parametrize("name", GATHERS)
@pytest.mark.parametrize("n", [3, 40, *LARGE])
@pytest.mark.parametrize("dtype", [*DTYPES, "datetime64[s]", "U3"])
def test_indices_gather_the_product(name, n, dtype):
    x = (np.arange(triangle(n) if name == "duplication" else n * n) % 1000).astype(dtype)
    indices = getattr(kv, f"{name}_indices")(n)
    assert_array_equal(multiply(name, x, n), x[indices], strict=True)
    assert_array_equal(getattr(kv, f"{name}_matrix")(n).indices, indices)


def test_symmetrizer_averages_what_its_indices_gather():
    x = random("float64", 25)
    mean = (x + x[kv.symmetrizer_indices(5)]) / 2
    assert_allclose(kv.symmetrizer_matmul(x, 5), mean, rtol=1e-15)
    assert_array_equal(kv.symmetrizer_matrix(5).indices, kv.commutation_indices(5, 5))


def test_what_is_no_gather_has_no_indices():
    for matrix in (kv.duplication_pinv_matrix(3), *(m.T for m in matrices(3)[::2])):
        assert not hasattr(matrix, "indices")


# --------------------------------------------------------------------------------------
# Extreme values


@pytest.mark.parametrize("n", [3, LARGE[0]])
@pytest.mark.parametrize("dtype", ["float16", "float64", "complex128"])
def test_means_of_the_largest_numbers_do_not_overflow(n, dtype):
    largest = np.finfo(dtype).max
    x = np.full(n * n, largest, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (kv.symmetrizer_matmul(x, n) == largest).all()
        assert (kv.duplication_pinv_matmul(x, n) == largest).all()
        kv.duplication_matmul(np.diag(np.full(n, largest, dtype)).ravel(), n, transposed=True)


@pytest.mark.parametrize("n", [3, LARGE[0]])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_diagonals_keep_the_smallest_numbers(n, dtype):
    x = np.full(n * n, np.finfo(dtype).smallest_subnormal, dtype)
    assert (kv.symmetrizer_matmul(x, n)[:: n + 1] == x[0]).all()
    averaged = kv.unvech(kv.duplication_pinv_matmul(x, n))
    assert (np.diagonal(averaged) == x[0]).all()


@pytest.mark.parametrize("n", [3, LARGE[0]])
def test_infinities_and_nans_stay_with_their_pair(n):
    x = np.ones(n * n, complex)
    x[1], x[2] = complex(np.inf, 1), np.nan
    got = kv.symmetrizer_matmul(x, n).reshape(n, n)
    assert got[0, 1] == got[1, 0] == complex(np.inf, 0.5)
    assert np.isnan(got).sum() == 2 and np.isnan(got[0, 2]) and np.isnan(got[2, 0])


def test_integers_become_floats_before_they_are_added():
    x = np.full(4, 100, np.int8)
    assert_array_equal(kv.symmetrizer_matmul(x, 2), np.full(4, 100.0), strict=True)
    assert_array_equal(kv.duplication_pinv_matmul(x, 2), np.full(3, 100.0), strict=True)


def test_what_adds_refuses_what_is_no_number():
    for x in (np.array(["a"] * 4), np.zeros(4, "datetime64[s]")):
        with pytest.raises(TypeError, match="numbers"):
            kv.duplication_matmul(x, 2, transposed=True)
        with pytest.raises(TypeError, match="numbers"):
            kv.symmetrizer_matmul(x, 2)


# --------------------------------------------------------------------------------------
# Subclasses, operators


@every_matrix
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_np_matrix_gives_np_matrix(name):
    columns = getattr(kv, f"{name}_matrix")(3).shape[1]
    x = random("float64", columns, 2)
    got = multiply(name, np.asmatrix(x), 3)
    assert type(got) is np.matrix
    assert_array_equal(np.asarray(got), multiply(name, x, 3))


def test_masks_move_with_their_entries_or_are_refused():
    x = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    got = kv.duplication_matmul(x, 2)
    assert_array_equal(np.ma.getmaskarray(got), [False, True, True, False])
    with pytest.raises(TypeError, match="masked"):
        kv.duplication_matmul(kv.duplication_matmul(x, 2), 2, transposed=True)


@every_matrix
def test_operators_print_as_they_are_written_and_transpose_twice_to_themselves(name):
    matrix = getattr(kv, f"{name}_matrix")(3)
    kind = "".join(part.title() for part in name.split("_"))
    assert repr(matrix) == f"{kind}(3)" and matrix.n == 3
    assert matrix.T.T is matrix
    assert matrix.T.shape == matrix.shape[::-1]
    assert repr(matrix.T) == (f"{kind}(3)" if name == "symmetrizer" else f"{kind}(3).T")
    assert isinstance(matrix, getattr(kv.operators, kind))


@every_matrix
@pytest.mark.parametrize("n", [0, 1, 4, 50])
def test_sparse_matrices_hold_only_what_is_not_zero(name, n):
    pytest.importorskip("scipy.sparse")
    matrix = getattr(kv, f"{name}_matrix")(n)
    expected = {"elimination": triangle(n), "symmetrizer": 2 * n * n - n}.get(name, n * n)
    for each in (matrix, matrix.T):
        csr = each.tocsr("float32")
        assert csr.nnz == expected and csr.dtype == np.float32 and csr.has_canonical_format
        if n < 10:
            assert_array_equal(csr.toarray(), each.toarray("float32"))


def test_matrices_beyond_the_address_space_stay_lazy():
    for matrix in matrices(2**40):
        assert matrix.shape[0] > 2**78
        with pytest.raises(ValueError, match="bytes"):
            matrix.toarray()


# --------------------------------------------------------------------------------------
# The same matrices elsewhere


@pytest.mark.parametrize("n", [1, 2, 5])
def test_statsmodels_has_the_same_matrices(n):
    tools = pytest.importorskip("statsmodels.tsa.tsatools")
    assert_array_equal(tools.duplication_matrix(n), kv.duplication_matrix(n).toarray())
    assert_array_equal(tools.elimination_matrix(n), kv.elimination_matrix(n).toarray())
    assert_array_equal(tools.commutation_matrix(n, n), kv.commutation_matrix(n, n).toarray())
