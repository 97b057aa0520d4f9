"""Where results go: out= of subclasses that overlap, masks, matrices, and many or empty factors."""

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose

import kronvec as kv
from helpers import map_arrays, random
from kronvec import _foreign, _results
from kronvec._results import wrap_like
from operations import OPERATIONS

of_matrices = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
every_function_with_out = pytest.mark.parametrize(
    "operation", {o.name: o for o in OPERATIONS if o.takes_out}.values(), ids=str
)
MASKED = np.ma.array(np.eye(2), mask=np.eye(2))


@pytest.fixture
def memmap(tmp_path):
    array = np.memmap(tmp_path / "memory", dtype=np.int64, mode="w+", shape=(64,))
    array[:] = np.arange(64)
    return array


MOVES = {
    "vec_reorder": lambda v, out: kv.vec_reorder(v, (2, 3), source="F", target="F", out=out),
    "commutation_matmul": lambda v, out: kv.commutation_matmul(v, 1, 6, out=out),
    "vec": lambda v, out: kv.vec(v.reshape(2, 3), order="C", out=out),
}


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("stride", [2, 3, -2])
def test_overlapping_vectors_of_different_strides_keep_their_entries(memmap, name, stride):
    begin = 40 if stride < 0 else 20
    out = memmap[begin : begin + 6 * stride : stride]
    for source in (memmap[20:26], np.asarray(memmap)[20:26]):
        memmap[:] = np.arange(64)
        assert np.asarray(MOVES[name](source, out)).tolist() == [20, 21, 22, 23, 24, 25]


def test_bkron_multiplies_masks_as_kron_does():
    x = np.ma.array(random("float64", 2, 2), mask=[[1, 0], [0, 0]])
    got, expected = kv.bkron(x, x), np.kron(x, x)
    assert np.array_equal(got.mask, expected.mask)
    assert np.array_equal(got.filled(0), expected.filled(0))


@pytest.mark.parametrize("function", [kv.kron_vjp, kv.per_sample_sqnorm, kv.matmul_vjp])
def test_gradients_refuse_masks(function):
    args = [MASKED] + [np.eye(2)] * (1 if function is kv.per_sample_sqnorm else 2)
    with pytest.raises(TypeError, match="masked"):
        function(*args)


@every_function_with_out
def test_out_takes_neither_masks_nor_strings(operation):
    args = operation.build("float64")
    shape = operation(*args).shape
    for out in (np.ma.zeros(shape), np.zeros(shape, "S4"), np.zeros(shape, "m8[s]")):
        with pytest.raises(TypeError, match=f"^{operation.name}: .*out"):
            operation(*args, out=out)
        assert not out.view(np.ndarray).view("u1").any()
    out = np.zeros(shape)  # and no mask is dropped
    masked = map_arrays(lambda a: np.ma.array(a, mask=True), args)
    with pytest.raises(TypeError, match=f"^{operation.name}: .*mask"):
        operation(*masked, out=out)
    assert not out.any()


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (kv.triple_product, [(2, 3), (3, 2), (2, 2)]),
        (kv.vec_trick, [(2, 2), (4,), (2, 2)]),
        (kv.matmul_jvp, [(2, 3), (3, 2), (2, 3), (3, 2)]),
    ],
)
def test_masks_that_numpy_would_not_join_are_refused(function, shapes):
    for i in range(len(shapes)):
        args = [np.ma.ones(s) if i == k else np.ones(s) for k, s in enumerate(shapes)]
        with pytest.raises(TypeError, match=f"^{function.__name__}: masked"):
            function(*args)


def test_many_factor_products_refuse_masks():
    for args in ([[MASKED], np.eye(2)], [[np.eye(2)], MASKED]):
        with pytest.raises(TypeError, match="kron_matmul: masked"):
            kv.kron_matmul(*args)


@of_matrices
@pytest.mark.parametrize("dtype", [int, float])
def test_np_matrix_is_computed_as_an_array(dtype):
    m = np.asmatrix(np.arange(4).reshape(2, 2).astype(dtype))
    a = np.asarray(m)
    assert isinstance(kv.bkron(m, m), np.matrix)
    assert np.array_equal(kv.bkron(m, m), np.kron(a, a))
    assert np.array_equal(kv.kron_vjp(np.kron(a, a), m, m)[0], kv.kron_vjp(np.kron(a, a), a, a)[0])
    assert np.array_equal(kv.per_sample_sqnorm(m, m), kv.per_sample_sqnorm(a, a))
    assert np.array_equal(np.asarray(kv.kron_matmul([m, m], np.eye(4, dtype=dtype))), np.kron(a, a))
    assert np.array_equal(np.ravel(kv.svec(m)), kv.svec(a))


@pytest.mark.parametrize("count", [31, 33, 64, 90])
def test_any_number_of_factors(count):
    factors = [np.full((1, 1), 1.0 + i % 2) for i in range(count)]
    assert np.array_equal(kv.kron_matmul(factors, np.ones((1, 3))), [[2.0 ** (count // 2)] * 3])
    ones = [np.ones((1, 1))] * count + [np.ones((2, 0))]
    assert np.array_equal(kv.kron_matmul(ones, np.zeros((0, 3))), np.zeros((2, 3)))


def test_a_sum_over_no_terms_is_zero():
    factors = [np.ones((1, 2)), np.ones((2, 2)), np.ones((3, 0))]
    assert np.array_equal(kv.kron_matvec(factors, np.zeros(0)), np.zeros(6))


@pytest.mark.parametrize("name", ["alpha", "beta"])
@pytest.mark.parametrize("value", [np.array([1.0, 2.0]), None, "a", [1.0]], ids=repr)
def test_alpha_and_beta_are_single_numbers(name, value):
    out = np.ones((6, 1))
    with pytest.raises(TypeError, match=f"kron_matmul: {name} must be a number"):
        kv.kron_matmul([np.eye(2), np.eye(3)], np.ones((6, 1)), out=out, **{name: value})
    assert (out == 1).all()


@pytest.mark.parametrize("false", [False, np.False_, 0])
def test_sum_batch_takes_any_truth_value(false):
    x, w, g = random("float64", 3, 2, 2), random("float64", 2, 2), random("float64", 3, 2, 2)
    assert kv.matmul_vjp(g, x, w, sum_batch=false)[1].shape == (3, 2, 2)


def test_sizes_whose_product_wraps_are_refused():
    z = np.zeros((2**40, 0))
    for function in (kv.kron, kv.bkron):
        with pytest.raises(ValueError, match=function.__name__):
            function(z, z)
    with pytest.raises(ValueError, match="vec_trick"):
        kv.vec_trick(np.zeros((0, 2**32)), np.zeros(0), np.zeros((2**32, 0)))
    with pytest.raises(ValueError, match="triple_product"):
        kv.triple_product(np.zeros((2**31, 0)), np.zeros((0, 0)), np.zeros((0, 2**31)))


def test_infinite_entries_raise_no_flag_that_no_product_raises():
    with np.errstate(all="raise"):
        assert np.isinf(kv.bkron(np.full((2, 9, 9), np.inf), np.ones((9, 9)))).all()


def test_integers_and_floats_mean_the_same_samples():
    g, x = np.arange(24).reshape(2, 3, 4), np.arange(15).reshape(3, 5)
    assert np.array_equal(kv.per_sample_sqnorm(g, x), kv.per_sample_sqnorm(g * 1.0, x * 1.0))


@of_matrices
def test_matrices_beside_a_batch_give_arrays():
    """np.matrix has two axes always, so that it cannot hold what is more than a matrix."""
    result = kv.kron_matmul([np.asmatrix(np.eye(2)), np.eye(2)], np.ones((3, 4, 2)))
    assert type(result) is np.ndarray and result.shape == (3, 4, 2)
    assert type(wrap_like(np.ones((2, 2)), np.asmatrix(np.eye(2)))) is np.matrix
    assert type(wrap_like(np.ones((1, 2, 2)), np.asmatrix(np.eye(2)))) is np.ndarray


@of_matrices
def test_matrices_whose_rows_are_exchanged_stay_matrices():
    x = np.asmatrix(np.arange(12.0).reshape(6, 2))
    moved = kv.commutation_matmul(x, 2, 3)
    assert type(moved) is np.matrix
    assert np.array_equal(moved, kv.commutation_matmul(np.asarray(x), 2, 3))


def test_scales_beyond_the_range_are_refused():
    for sizes in ([2, 2], [16, 16, 16]):  # the small path, and the engine
        factors, x = [np.eye(n) for n in sizes], np.ones((math.prod(sizes), 2))
        out = np.full(x.shape, 7.0)
        for scale in ({"alpha": 10**400}, {"beta": 10**400}):
            name = (
                rf"^kron_matmul: {next(iter(scale))}=\(an int.* bits\) does not fit dtype float64"
            )
            with pytest.raises(ValueError, match=name):
                kv.kron_matmul(factors, x, **scale, out=out)
        assert (out == 7).all()


@pytest.mark.parametrize("scale", [10**40, -(10**5000), 1e40, 1e40j], ids=range(4))
@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_scales_beyond_single_precision_are_refused(name, scale):
    factors, x = [np.eye(2, dtype="complex64")] * 2, np.ones((4, 1), "complex64")
    out = x.copy()
    with pytest.raises(ValueError, match=f"^kron_matmul: {name}=.* does not fit dtype complex64"):
        kv.kron_matmul(factors, x, out=out, **{name: scale})
    assert (out == 1).all()
    assert np.isnan(kv.kron_matmul(factors, x, **{name: np.nan}, out=out)).all()
    with pytest.raises(TypeError, match=f"^kron_matmul: {name} must be a number, got Fraction"):
        kv.kron_matmul(factors, x, out=out, **{name: Fraction(1, 3)})


def test_results_of_columns_are_added_to_out():
    """x and out by columns, where the engine computes the transpose."""
    a, b = random("int64", 2, 3), random("int64", 2, 2, seed=1)
    for dtype in ("int64", "float64"):
        x = np.asfortranarray(random(dtype, 6, 5))
        out = np.asfortranarray(random(dtype, 4, 5, seed=2))
        expected = np.kron(a, b) @ x + 2 * out
        factors = [a.astype(dtype), b.astype(dtype)]
        assert kv.kron_matmul(factors, x, beta=2, out=out) is out
        np.testing.assert_allclose(out, expected, rtol=1e-14)


def test_moves_whose_results_cannot_be_addressed_are_refused():
    with pytest.raises(ValueError, match=r"\(1152921504606846976, 4\) would need .* addressed"):
        kv.symmetrizer_matmul(np.broadcast_to(np.uint8(1), (2**60, 4)), 2, side="right")


def test_arrays_of_other_libraries_are_computed_there(monkeypatch):
    class Theirs:
        """Of a library that follows the array API."""

        shape, dtype = (2, 2), float

        def __array_namespace__(self):
            raise AssertionError("the interop layer asks, not the gate")

    calls = []

    class Elsewhere:
        @staticmethod
        def dispatch(function, args, kwargs):
            calls.append((function.__name__, args, kwargs))
            return "computed there"

    monkeypatch.setattr(_foreign, "import_module", lambda name: Elsewhere)
    theirs = Theirs()
    assert kv.kron(theirs, np.eye(2)) == "computed there"
    assert calls == [("kron", (theirs, calls[0][1][1]), {})]
    assert _foreign.is_foreign(Theirs) and not _foreign.is_foreign(np.float64)


def test_the_names_of_the_package_are_listed_before_they_are_loaded():
    assert {"kron", "calculus", "operators", "interop"} & set(dir(kv)) >= {"kron"}
    assert set(kv.__all__) <= set(dir(kv)) and dir(kv) == sorted(dir(kv))


class Deferred:
    """Overrides ufuncs, and gives what has no shape yet: a placeholder, as of a graph."""

    def __init__(self, shape, dtype=np.float64):
        self.shape, self.ndim, self.dtype = shape, len(shape), np.dtype(dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return f"{ufunc.__name__} 0", f"{ufunc.__name__} 1"

    def sum(self, axis):
        return Deferred(self.shape[:axis] + self.shape[axis:][1:], self.dtype)


def test_derivatives_of_placeholders_are_theirs():
    g, x, w = Deferred((2, 4)), Deferred((2, 3)), np.ones((3, 4))
    dx, dw = kv.matmul_vjp(g, x, w)
    assert (dx, dw) == ("matmul_vjp 0", "matmul_vjp 1")
    *others, db = kv.linear_vjp(g, x, w)
    assert others == [dx, dw] and type(db) is Deferred and db.shape == (4,)
    assert kv.linear_vjp(g, x, w, bias=False) == (dx, dw)


@pytest.mark.parametrize("order", ["C", "F", "mixed"])
def test_long_assignments_go_piece_by_piece(monkeypatch, order):
    monkeypatch.setattr(_results, "_AT_ONCE", 50)
    source = random("float64", 7, 30, 11)
    if order == "mixed":
        source = np.swapaxes(source, 0, 2)
    for target in (np.empty(source.shape), np.empty(source.shape, order="F")):
        _results.assign(target, np.asarray(source, order=order if order != "mixed" else "K"))
        assert np.array_equal(target, source)
    overlapping = random("float64", 400)
    expected = overlapping[:399].copy()
    _results.assign(overlapping[1:], overlapping[:399])
    assert np.array_equal(overlapping[1:], expected)


@of_matrices
@pytest.mark.parametrize("n", [2, 150])
@pytest.mark.parametrize("count", [1, 3])
def test_np_matrix_is_plain_in_a_batch(n, count):
    """It has no more than two axes."""
    a, b, c, d = (random("float64", n, n, seed=i) for i in range(4))
    batch = random("float64", count, n, n, seed=5)
    vectors = batch.reshape(count, -1)
    for function, args in [
        (kv.triple_product, (np.matrix(a), batch, c)),
        (kv.vec_trick, (np.matrix(a), vectors, c)),
        (kv.vec_trick, (a, np.matrix(vectors), c)),
        (kv.matmul_jvp, (np.matrix(a), b, batch, np.matrix(d))),
    ]:
        expected = function(*map(np.asarray, args))
        got = function(*args)
        assert type(got) is np.ndarray
        assert_allclose(got, expected, 1e-12)
    assert type(kv.triple_product(np.matrix(a), b, c)) is np.matrix
    assert type(kv.matmul_jvp(np.matrix(a), b, c, d)) is np.matrix
    assert kv.triple_product(np.matrix(a[:, :0]), b[:0], batch).shape == batch.shape


@of_matrices
@pytest.mark.parametrize("order", ["F", "C"])
def test_rows_of_np_matrix_are_a_batch_of_vectors(order):
    """One row is one vector, as vec returns it."""
    rows = np.arange(12.0).reshape(3, 4)
    for function, length in [
        (lambda v: kv.unvec(v, (2, 2), order=order), 4),
        (lambda v: kv.unvech(v, order=order), 3),
        (lambda v: kv.smat(v, order=order), 3),
    ]:
        got = function(np.matrix(rows[:, :length]))
        assert type(got) is np.ndarray
        assert_allclose(got, function(rows[:, :length]), 0)
        one = function(np.matrix(rows[0, :length]))
        assert type(one) is np.matrix
        assert_allclose(one, function(rows[0, :length]), 0)
