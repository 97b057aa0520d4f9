"""NumPy's functions and ufuncs on operators: lazy where a result has structure, else dense."""

import numpy as np
import pytest

from helpers import random
from kronvec.operators import (
    Commutation,
    Diagonal,
    Identity,
    KroneckerProduct,
    Operator,
    Triangular,
)

A, B = random("complex128", 3, 2, seed=1), random("complex128", 2, 3, seed=2)
K = KroneckerProduct(A, B)
DENSE = np.kron(A, B)
X = random("complex128", 6, 4)


def same(got, expected):
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-13, atol=1e-13)


STAYS_LAZY = {
    "np.linalg.matmul": (lambda k: np.linalg.matmul(k, k), lambda d: d @ d),
    "np.matmul": (lambda k: np.matmul(k, k), lambda d: d @ d),
    "np.transpose": (np.transpose, np.transpose),
    "np.transpose with axes": (lambda k: np.transpose(k, (1, 0)), np.transpose),
    "np.matrix_transpose": (np.matrix_transpose, np.transpose),
    "k.transpose with axes": (lambda k: k.transpose((-1, -2)), np.transpose),
    "np.conjugate": (np.conjugate, np.conjugate),
    "np.negative": (np.negative, np.negative),
    "np.positive": (np.positive, np.positive),
    "np.multiply by a scalar": (lambda k: np.multiply(k, 2.0), lambda d: 2 * d),
    "NumPy's scalar times": (lambda k: np.float64(2) * k, lambda d: 2 * d),
    "np.true_divide by a scalar": (lambda k: np.true_divide(k, 4.0), lambda d: d / 4),
    "np.add": (lambda k: np.add(k, k), lambda d: 2 * d),
    "np.subtract": (lambda k: np.subtract(3 * k, k), lambda d: 2 * d),
    "np.kron": (lambda k: np.kron(k, np.eye(2)), lambda d: np.kron(d, np.eye(2))),
}
BECOMES_DENSE = {
    "np.abs": (np.abs, np.abs),
    "np.add of an array": (lambda k: np.add(k, DENSE), lambda d: 2 * d),
    "np.multiply of an array": (lambda k: np.multiply(k, DENSE), lambda d: d * d),
    "np.true_divide of an array": (lambda k: np.divide(DENSE, k), lambda d: d / d),
    "np.dot with out": (lambda k: np.dot(k, X, out=np.empty((6, 4), complex)), lambda d: d @ X),
    "np.dot with a scalar": (lambda k: np.dot(2.0, k), lambda d: 2 * d),
    "np.kron with a vector": (lambda k: np.kron(k, [1.0, 2]), lambda d: np.kron(d, [1.0, 2])),
    "np.transpose unmoved": (lambda k: np.transpose(k, (0, 1)), lambda d: d),
    "np.concatenate": (lambda k: np.concatenate([k, DENSE]), lambda d: np.concatenate([d, d])),
    "np.add.reduce": (lambda k: np.add.reduce(k, axis=0), lambda d: d.sum(axis=0)),
    "keywords": (lambda k: np.add(k, k, dtype=complex), lambda d: 2 * d),
}


@pytest.mark.parametrize("name", STAYS_LAZY)
def test_structure_survives(name):
    call, define = STAYS_LAZY[name]
    got = call(K)
    assert isinstance(got, Operator)
    same(got.toarray(), define(DENSE))


@pytest.mark.parametrize("name", BECOMES_DENSE)
def test_the_rest_is_that_of_the_dense_matrix(name):
    call, define = BECOMES_DENSE[name]
    got = call(K)
    assert isinstance(got, np.ndarray)
    same(got, define(DENSE))


def test_shapes_and_kinds_are_told_without_forming():
    huge = KroneckerProduct(*[np.eye(64)] * 6)  # 64⁶ rows
    assert np.shape(huge) == (64**6, 64**6)
    assert np.ndim(huge) == 2
    assert np.size(huge, 1) == 64**6 and np.size(K) == 36 and np.size(K, (0, 1)) == 36
    assert np.size(KroneckerProduct(np.ones((2, 3)), np.ones((1, 4)))) == 24
    assert np.iscomplexobj(K) and not np.iscomplexobj(huge)
    assert np.isrealobj(huge) and not np.isrealobj(K)
    assert np.trace(huge) == 64**6


@pytest.mark.parametrize("left", [True, False])
def test_matmul_fills_out(left):
    out = np.empty((6, 6), complex)
    operands = (K, DENSE) if left else (DENSE, K)
    assert np.matmul(*operands, out=out) is out
    same(out, DENSE @ DENSE)
    assert np.matmul(K, K, out=out) is out
    same(out, DENSE @ DENSE)


def test_a_wrong_out_is_left_alone():
    out = np.zeros((5, 6), complex)
    with pytest.raises(ValueError, match="matmul"):
        np.matmul(K, DENSE, out=out)
    assert not out.any()
    with pytest.raises(TypeError):
        np.add(DENSE, DENSE, out=K)


def test_no_array_without_a_copy():
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(K, copy=False)


def test_rows_in_turn():
    assert [row.shape for row in K] == [(6,)] * 6
    same(np.stack(list(K)), DENSE)


def test_transpose_has_two_axes():
    with pytest.raises(ValueError, match=r"axes must be None or \(1, 0\), got \(2, 0, 1\)"):
        K.transpose((2, 0, 1))


def test_vectors_and_matrices_of_scipys_protocol_have_shapes_of_their_own():
    same(K.matvec(X[:, :1]), DENSE @ X[:, :1])
    with pytest.raises(ValueError, match="matvec: x must have shape"):
        K.matvec(X)
    with pytest.raises(ValueError, match="matmat: x must have shape"):
        K.matmat(X[:5])


def test_dot_multiplies():
    same(K.dot(X), DENSE @ X)
    assert isinstance(K.dot(K), Operator)
    same(np.trace(K, 1), np.trace(DENSE, 1))


def test_the_adjoint_is_a_method_too():
    same(K.adjoint().toarray(), DENSE.conj().T)


def test_ufuncs_fill_out():
    out = np.empty((6, 6), complex)
    assert np.add(K, DENSE, out=out) is out
    same(out, 2 * DENSE)


class ArrayLike:
    """Neither an ndarray nor a list, but NumPy can read it."""

    def __array__(self, dtype=None, copy=None):
        return X


def test_what_numpy_reads_as_an_array_is_multiplied():
    same(K @ ArrayLike(), DENSE @ X)
    square = KroneckerProduct(np.eye(2), [[1.0, 2], [3, 4]])
    same([1.0, 2, 3, 4] @ square, np.array([1.0, 2, 3, 4]) @ square.toarray())


class Foreign:
    """An array that is no ndarray: NumPy's functions are dispatched to it."""

    def __init__(self, value):
        self.value, self.shape = value, value.shape
        self.ndim, self.dtype, self.size = value.ndim, value.dtype, value.size

    def __array_function__(self, function, types, args, kwargs):
        return Foreign(function(args[0].value, *args[1:], **kwargs))


def test_arrays_of_other_kinds_are_moved_by_their_own_functions():
    x = np.arange(12.0).reshape(6, 2)
    moved = Commutation(2, 3) @ Foreign(x)
    assert type(moved) is Foreign
    same(moved.value, Commutation(2, 3) @ x)
    with pytest.raises(ValueError, match=r"@ x: x must be a vector \(at least 1 axis\)"):
        Commutation(2, 3) @ Foreign(np.ones(()))


def test_a_complex_operator_must_say_what_its_conjugate_is():
    class Turn(Operator):
        """i times the identity, without a conjugate."""

        def __init__(self, dtype):
            super().__init__((2, 2), np.dtype(dtype))

        def _matmul(self, x):
            return 1j * x

        def _transpose(self):
            return self

    with pytest.raises(NotImplementedError, match="Turn._conjugate of a complex operator"):
        Turn("complex128").H  # noqa: B018
    real = Turn("float64")
    assert real.conj() is real


def test_other_objects_get_their_chance():
    class Right:
        def __radd__(self, other):
            return "radd"

        def __rmatmul__(self, other):
            return "rmatmul"

    assert K + Right() == "radd"
    assert K @ Right() == "rmatmul"

    class Left:
        def __matmul__(self, other):
            return NotImplemented

    with pytest.raises(TypeError, match="unsupported operand"):
        Left() @ K
    with pytest.raises(TypeError):
        K + "text"


@pytest.mark.parametrize("lower", [True, False])
def test_large_triangular_systems_of_stacked_columns(lower):
    t = random("float64", 150, 150) + 40 * np.eye(150)
    b = random("float64", 2, 150, 3)
    operator = Triangular(t, lower=lower)
    same(operator @ operator.solve(b), b)


def test_triangular_is_square():
    with pytest.raises(ValueError, match="Triangular: array must be a square matrix"):
        Triangular(np.ones((2, 3)))


def test_the_sum_of_unlike_shapes_names_them():
    with pytest.raises(ValueError, match=r"operator sum: .*\(6, 6\)"):
        K + Diagonal(np.ones(5))


def test_division_of_operators_by_scalars_alone():
    same((K / 2).toarray(), DENSE / 2)
    with pytest.raises(TypeError):
        2 / Identity(3)
