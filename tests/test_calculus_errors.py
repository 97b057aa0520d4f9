"""What the calculus refuses, corners of functions, extreme values, and comparisons."""

import numpy as np
import pytest

import kronvec.calculus as kc
from helpers import random
from kronvec.calculus import D, Variable, grad

X = Variable(random("float64", 3, 3), "X")
Z = Variable(random("complex128", 3, 3), "Z")
V = Variable(random("float64", 4), "v")

SHAPES = [
    (lambda: X @ V, r"matmul: .*got a X \(3, 3\), b v \(4,\)"),
    (lambda: X + np.ones((2, 2)), r"add: .*got a X \(3, 3\), b \[2x2\] \(2, 2\)"),
    (lambda: X + np.ones((2, 3, 3)), r"add: b must have at most two axes; got b \(2, 3, 3\)"),
    (lambda: kc.inv(X[:2]), r"inv: a must be a square matrix; got a X\[…\] \(2, 3\)"),
    (lambda: kc.det(V), r"det: a must be a square matrix; got a v \(4,\)"),
    (lambda: kc.logdet(V), r"logdet: a must be a square matrix"),
    (lambda: kc.logdet(-X @ X.T), r"logdet: the determinant is not positive"),
    (lambda: kc.solve(X, V), r"solve: .*got a X \(3, 3\), b v \(4,\)"),
    (lambda: kc.dot(X, V), r"dot: the shapes must be equal; got a X \(3, 3\), b v \(4,\)"),
    (lambda: kc.hadamard(X, 2.0), r"hadamard: the shapes must be equal"),
    (lambda: kc.outer(X, V), r"outer: both must be vectors; got a X \(3, 3\), b v \(4,\)"),
    (lambda: kc.kron(X, V), r"kron: both must be matrices"),
    (lambda: kc.trace(V), r"trace: .*got a v \(4,\)"),
    (lambda: kc.vech(X[:2]), r"vech: a must be square .*got a X\[…\] \(2, 3\)"),
    (lambda: X.reshape(4), r"reshape: .*got a X \(3, 3\)"),
    (lambda: X.sum(axis=2), r"sum: axis 2 .*got a X \(3, 3\)"),
    (lambda: kc.softmax(X, axis=3), r"softmax: axis 3 .*got x X \(3, 3\)"),
    (lambda: kc.concatenate([X, V]), r"concatenate: .*got parts_0 X \(3, 3\), parts_1 v \(4,\)"),
    (lambda: kc.cross_entropy(X, [0, 1]), r"cross_entropy: targets must be .*logits X \(3, 3\)"),
    (lambda: kc.cross_entropy(X, [0, 1, 3]), r"cross_entropy: classes of targets .* 0 to 2"),
    (lambda: kc.correlate2d(X, np.ones((2, 4))), r"correlate2d: .*must contain the other"),
    (lambda: kc.correlate2d(X, V), r"correlate2d: image and kernel must be matrices"),
    (lambda: kc.convolve2d(X, X, "circular"), r"convolve2d: mode must be one of"),
    (lambda: X[None], r"take: the result must have at most two axes, .*got a X \(3, 3\)"),
    (lambda: X.reshape(3, 3, 1), r"reshape: the result must have at most two axes"),
    (lambda: kc.cross_entropy(X[0, 0], 0), r"cross_entropy: targets must be"),
    (lambda: D(X @ X, [X, V]).jvp([X.value]), "Block.jvp: needs 2 directions, got 1"),
    (lambda: D(X, X).dense("K"), "MatrixMap.dense: order must be"),
    (lambda: kc.Block([]), "Block: needs maps into one space, at least one"),
    (lambda: kc.Block([D(X, X), D(V, V)]), "Block: needs maps into one space"),
    (lambda: kc.jvp(X, X, np.ones(3)), r"jvp: the last axes of dx must be \(3, 3\); got dx \(3,\)"),
    (lambda: kc.vjp(V, V, 1.0), r"vjp: the last axes of g must be \(4,\)"),
]
KINDS = [
    (lambda: Z.H, "adjoint: not holomorphic.*complex variable; got Z"),
    (lambda: Z.conj(), "conj: not holomorphic.*got Z"),
    (lambda: abs(Z), "abs: not holomorphic.*got Z"),
    (lambda: kc.norm(Z), "norm: not holomorphic.*got Z"),
    (lambda: kc.norm(1j * X), "norm: not holomorphic"),
    (lambda: kc.relu(Z), "relu: not holomorphic"),
    (lambda: kc.maximum(Z, 0), "maximum: not holomorphic"),
    (lambda: kc.correlate2d(X, Z), "correlate2d: not holomorphic.*got Z"),
    (lambda: D(kc.norm(Z @ Z), Z), "norm: not holomorphic"),
    (lambda: kc.exp("a"), "exp: x must be an array"),
    (lambda: X * None, "multiply: b must be an array"),
    (lambda: kc.exp(), "exp: takes x, got 0 arguments"),
    (lambda: kc.exp(X, X), "exp: takes x, got 2 arguments"),
    (lambda: kc.softmax(X, axes=1), "softmax: takes x, axis, got 1 arguments and axes"),
    (lambda: kc.sum(X, 0, axis=0), "sum: takes a, axis, got 2 arguments and axis"),
    (lambda: kc.sum(X, axis=(0, 1)), "sum: 'tuple' .* as an integer; got a X"),
    (lambda: kc.mean(X, axis=1.0), "mean: 'float' .* as an integer; got a X"),
    (lambda: kc.softmax(X, axis=None), "softmax: 'NoneType' .* as an integer; got x X"),
    (lambda: kc.log_softmax(X, axis=None), "log_softmax: 'NoneType' .* as an integer"),
    (lambda: kc.logsumexp(X, axis=(0, 1)), "logsumexp: 'tuple' .* as an integer"),
    (lambda: kc.concatenate([X, X], axis=None), "concatenate: 'NoneType' .* as an integer"),
    (lambda: np.asarray(X), "<Variable X .* is no array.*kronvec.calculus"),
    (lambda: np.trace(X), "<Variable X .* is no array"),
    (lambda: D(X, X).jvp(X), "<Variable X .* is no array"),
    (lambda: D(X, X) * X[0, 0], "MatrixMap: can be multiplied by a number, not by Expression"),
    (lambda: "a" * D(X, X), "MatrixMap: can be multiplied by a number, not by str"),
    (lambda: D(X, X) @ np.eye(3), "MatrixMap: .*jvp"),
    (lambda: grad(X, X), r"grad: phi must be a scalar expression, got Variable \(3, 3\)"),
    (lambda: grad(1.0, X), "grad: phi must be a scalar expression, got float None"),
    (lambda: D(X.value, X), "D: f must be an expression, got ndarray"),
    (lambda: D(X, X @ X), "D: x must be a Variable, got Expression"),
    (lambda: "a" @ D(X, [X]), "unsupported operand"),
    (lambda: Variable(1.0, name=3), "Variable: name must be a string, got int"),
    (lambda: kc.check_derivative(3, X), "check_derivative: f must be callable, got int"),
]


def test_a_number_is_no_kernel():
    with pytest.raises(ValueError, match="convolve2d: .*kernel"):
        kc.convolve2d(X, 1.5)


@pytest.mark.parametrize(("call", "message"), SHAPES, ids=[m[:30] for _, m in SHAPES])
def test_shapes_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("call", "message"), KINDS, ids=[m[:30] for _, m in KINDS])
def test_kinds_that_do_not_fit_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_singular_matrices_are_named():
    for singular in (np.zeros((2, 2)), np.zeros((2, 2), complex)):
        with pytest.raises(np.linalg.LinAlgError, match="logdet: .*singular"):
            kc.logdet(singular)
    with pytest.raises(np.linalg.LinAlgError, match="logdet: .*not positive"):
        kc.logdet(np.diag([1.0, -1.0]))
    with pytest.raises(np.linalg.LinAlgError, match=r"inv: Singular matrix; got a 0 X \(3, 3\)"):
        kc.inv(0 * X)
    with pytest.raises(np.linalg.LinAlgError, match=r"solve: .*got a 0 X \(3, 3\)"):
        kc.solve(0 * X, X)


def test_indices_out_of_bounds_are_named():
    with pytest.raises(IndexError, match=r"take: index 5 .*got a X \(3, 3\)"):
        X[5]


def test_constants_may_be_conjugated():
    z = np.array([3 + 4j])
    assert kc.norm(z) == 5 and kc.abs(z) == [5]
    assert np.array_equal((kc.constant(z).H * X[0]).value, z.conj() * X.value[0])


# --------------------------------------------------------------------------------------
# Corners, as PyTorch has them


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (kc.relu, [0, 0, 1]),
        (kc.abs, [-1, 0, 1]),
        (lambda x: kc.maximum(x, 0), [0, 0.5, 1]),
        (lambda x: kc.maximum(0, x), [0, 0.5, 1]),
        (lambda x: kc.minimum(x, 0), [1, 0.5, 0]),
        (lambda x: kc.maximum(x, x), [1, 1, 1]),
        (lambda x: x**0, [0, 0, 0]),
        (lambda x: x**1, [1, 1, 1]),
        (lambda x: x**2, [-4, 0, 4]),
    ],
)
def test_corners(function, expected):
    x = Variable([-2.0, 0.0, 2.0])
    assert np.array_equal(grad(kc.sum(function(x)), x), expected)


def test_the_norm_of_nothing_has_the_subgradient_zero():
    x = Variable(np.zeros((2, 2)))
    assert np.array_equal(grad(kc.norm(x), x), np.zeros((2, 2)))


def test_the_determinant_of_a_singular_matrix_has_a_gradient():
    x = Variable(np.diag([2.0, 3.0, 0.0]))
    np.testing.assert_allclose(grad(kc.det(x), x), np.diag([0, 0, 6.0]), atol=1e-14)
    nearly = Variable(np.diag([2.0, 3.0, 1e-17]))
    np.testing.assert_allclose(grad(kc.det(nearly), nearly), np.diag([0, 0, 6.0]), atol=1e-14)


def test_nothing_overflows():
    x = Variable([-1000.0, 0.0, 1000.0])
    with np.errstate(all="raise", under="ignore"):
        assert np.array_equal(kc.sigmoid(x).value, [0, 0.5, 1])
        assert np.array_equal(grad(kc.sum(kc.sigmoid(x)), x), [0, 0.25, 0])
        assert kc.logsumexp(x).value == 1000
        assert np.array_equal(kc.softmax(x).value, [0, 0, 1])
        assert np.array_equal(kc.log_softmax(x).value, [-2000, -1000, 0])
        assert kc.cross_entropy(x, 0).value == 2000
        assert np.array_equal(grad(kc.cross_entropy(x, 0), x), [-1, 0, 1])
        assert kc.cross_entropy([-np.inf, 0.0], [0.0, 1.0]) == 0
    assert kc.sigmoid(np.array([-40.0])) == np.exp(-40.0)


# --------------------------------------------------------------------------------------
# Values


def test_comparisons_are_arrays():
    x = Variable([1.0, -2.0, 3.0])
    for made, expected in (
        (x > 0, [True, False, True]),
        (x >= 1, [True, False, True]),
        (x < x * x, [False, True, True]),
        (x <= 1, [True, True, False]),
        (x == [1, 2, 3], [True, False, True]),
        (x != [1, 2, 3], [False, True, False]),
        (np.array(1) < x, [False, False, True]),
        (kc.sign(x), [1, -1, 1]),
    ):
        assert type(made) is np.ndarray and np.array_equal(made, expected)
    assert kc.argmax(x) == 2
    assert np.array_equal(grad(kc.sum(x * (x > 0)), x), [1, 0, 1])
    assert len({x, x, X}) == 2


def test_scalars_convert_to_numbers_of_python():
    z = Variable(2 - 1j)
    assert complex(z) == 2 - 1j
    assert bool(z) and not bool(0 * z)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(X)


def test_means_of_nothing_have_derivatives_without_entries():
    empty = Variable(np.zeros((0, 3)))
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning):
        assert D(kc.mean(empty), empty).dense().shape == (1, 0)
        assert D(kc.mean(empty, axis=0), empty).dense().shape == (3, 0)
