"""Where results go: out= of subclasses that overlap, masks, matrices, and many or empty factors."""

import numpy as np
import pytest

import kronvec as kv
from helpers import random

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


def test_many_factor_products_refuse_masks():
    for args in ([[MASKED], np.eye(2)], [[np.eye(2)], MASKED]):
        with pytest.raises(TypeError, match="kron_matmul: masked"):
            kv.kron_matmul(*args)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
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
