"""``out`` may overlap the inputs in any way: the result is as if it did not."""

import numpy as np
import pytest

import kronvec as kv
from helpers import filler, leaves, map_arrays, random, replace_leaf
from operation import Operation
from operations import WITH_OUT

every_formed = pytest.mark.parametrize("operation", WITH_OUT, ids=str)

# How out lies over an input of the same memory: shifted by items, backwards, with gaps
SHIFTS = (-9, -2, -1, 0, 1, 2, 9)
VIEWS = {
    "forwards": lambda flat, shape: flat[: np.prod(shape, dtype=int)].reshape(shape),
    "backwards": lambda flat, shape: flat[: np.prod(shape, dtype=int)][::-1].reshape(shape),
    "with gaps": lambda flat, shape: flat[: 2 * np.prod(shape, dtype=int) : 2].reshape(shape),
    "transposed": lambda flat, shape: flat[: np.prod(shape, dtype=int)].reshape(shape[::-1]).T,
}


def overlapped(args, position, out_shape, shift, view):
    """The arguments with one array and ``out`` laid over the same memory."""
    array = leaves(args)[position]
    memory = filler(array.dtype, 4 * max(np.prod(out_shape, dtype=int), 400) + 40)
    laid = memory[20 : 20 + array.size].reshape(array.shape)
    laid[...] = array
    return replace_leaf(args, position, laid), VIEWS[view](memory[20 + shift :], out_shape)


@every_formed
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", ["float32", "complex128", "int64"])
def test_out_over_each_input_in_turn(operation: Operation, view, dtype):
    for sizes in [(2, 3, 4, 5), (4, 4, 4, 4)]:
        # small integers are exact in whatever order the strides of out suggest
        args = map_arrays(lambda a: a.astype(dtype), operation.build("int64", sizes))
        expected = operation(*args).copy()
        for position in range(len(leaves(args))):
            for shift in SHIFTS:
                placed, out = overlapped(args, position, expected.shape, shift, view)
                if not np.can_cast(expected.dtype, out.dtype, "same_kind"):
                    continue  # svec of integers is float64
                assert operation(*placed, out=out) is out
                assert np.array_equal(out, expected), (sizes, position, shift)


# Calls whose result has the shape of an input, which it may replace
# (an n x n matrix, n = s²)
IN_PLACE = [
    ("triple_product", lambda x, s: (x, x, x)),
    ("kron_matmul", lambda x, s: ([x[:s, :s], x[1 : s + 1, 1 : s + 1]], x)),
    ("kron_matmul", lambda x, s: ([x[:s, :s].T, x[-s:, -s:]], x.T)),
    ("matmul_kron", lambda x, s: (x, [x[:s, :s], x[1 : s + 1, 1 : s + 1]])),
    ("matmul_jvp", lambda x, s: (x, x, x, x)),
    ("commutation_matmul", lambda x, s: (x, s, s)),
    ("kron", lambda x, s: (x, x[:1, :1])),
    ("bkron", lambda x, s: (x[1:2, 2:3], x)),
]


@pytest.mark.parametrize(("name", "arguments"), IN_PLACE, ids=[row[0] for row in IN_PLACE])
@pytest.mark.parametrize("dtype", ["float64", "complex64", "longdouble", "object"])
@pytest.mark.parametrize("s", [2, 3, 7, 12])
def test_out_may_be_every_input_at_once(name, arguments, dtype, s):
    x = random("int64", s * s, s * s).astype(dtype)
    for make in (lambda a: a, lambda a: a.T, lambda a: a[::-1]):
        out = make(x.copy())
        expected = getattr(kv, name)(*arguments(make(x.copy()), s))
        assert getattr(kv, name)(*arguments(out, s), out=out) is out
        assert np.array_equal(out, expected)


def test_vec_trick_in_place_of_its_vector():
    a, c, b = random("float64", 3, 3), random("float64", 4, 4), random("float64", 12)
    for order in "FC":
        expected, out = kv.vec_trick(a, b, c, order=order), b.copy()
        assert kv.vec_trick(a, out, c, order=order, out=out) is out
        assert np.array_equal(out, expected)


@pytest.mark.parametrize("alpha", [1, 2])
def test_beta_adds_out_as_it_was_where_it_overlaps_the_data(alpha):
    factors = [random("int64", 2, 2).astype(float), random("int64", 3, 3).astype(float)]
    for shift in (-2, 0, 2):
        memory = random("int64", 40).astype(float)
        x, out = memory[10:22].reshape(6, 2), memory[10 + shift : 22 + shift].reshape(6, 2)
        expected = alpha * (np.kron(*factors) @ x) + 3 * out
        kv.kron_matmul(factors, x, alpha=alpha, beta=3, out=out)
        assert np.array_equal(out, expected)


def test_batches_shifted_by_one_sample():
    memory = random("int64", 6, 3, 3).astype(float)
    b, c = random("int64", 3, 3).astype(float), random("int64", 3, 3, seed=1).astype(float)
    expected = memory[:5] @ b @ c
    assert np.array_equal(kv.triple_product(memory[:5], b, c, out=memory[1:]), expected)
