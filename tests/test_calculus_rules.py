"""Every differentiation rule against differences of its values, and its forms compared."""

import inspect

import numpy as np
import pytest

import kronvec.calculus as kc
from calculus_cases import CASES
from helpers import random
from kronvec.calculus import D, Variable, grad, jvp, vjp
from kronvec.calculus.registry import NON_DIFFERENTIABLE, RULES

REAL = [(case, "float64", i) for case in CASES for i in range(len(case.shapes))]
COMPLEX = [
    (case, "complex128", i) for case in CASES if case.holomorphic for i in range(len(case.shapes))
]


def _id(value):
    return value.id if hasattr(value, "shapes") else str(value)


every_rule = pytest.mark.parametrize(("case", "dtype", "i"), REAL + COMPLEX, ids=_id)


def setting(case, dtype, i):
    """The operation as a function of operand i, the variable, the result and a direction."""
    operands = case.operands(dtype)

    def f(x):
        return case.call(*(x if j == i else other for j, other in enumerate(operands)))

    x = Variable(operands[i], "X")
    return f, x, f(x), random(dtype, *x.shape, seed=7)


def inner(a, b):
    return np.vdot(a, b).real


@every_rule
def test_the_value_is_that_of_arrays(case, dtype, i):
    f, x, y, _ = setting(case, dtype, i)
    assert np.array_equal(y.value, f(x.value))
    assert y.shape == np.shape(f(x.value))


@every_rule
def test_jvp_is_the_limit_of_differences(case, dtype, i):
    f, x, y, dx = setting(case, dtype, i)
    if case.holomorphic and dtype == "float64" and case.rule != "correlate2d":
        expected = f(x.value + 1e-30j * dx).imag / 1e-30
        tolerance = 1e-13
    else:
        h = 1e-6
        expected = (f(x.value + h * dx) - f(x.value - h * dx)) / (2 * h)
        tolerance = 1e-8
    scale = 1 + np.abs(expected).max(initial=0)
    np.testing.assert_allclose(D(y, x).jvp(dx), expected, atol=tolerance * scale)
    np.testing.assert_allclose(jvp(y, x, dx), expected, atol=tolerance * scale)


@every_rule
def test_vjp_is_the_adjoint_of_jvp(case, dtype, i):
    _, x, y, dx = setting(case, dtype, i)
    g = random(y.dtype, *y.shape, seed=9)
    j = D(y, x)
    size = 1 + np.abs(g).sum() * np.abs(j.jvp(dx)).max(initial=0)
    eps = np.finfo(np.float64).eps
    for pushed, pulled in (
        (j.jvp(dx), j.vjp(g)),
        (jvp(y, x, dx), vjp(y, x, g)),
        (j.adjoint.vjp(dx), j.adjoint.jvp(g)),
    ):
        assert abs(inner(g, pushed) - inner(pulled, dx)) <= 32 * eps * size
    assert vjp(y, x, g).shape == x.shape
    assert vjp(y, x, g).dtype == dtype


@every_rule
def test_every_way_to_write_a_derivative_agrees(case, dtype, i):
    _, x, y, dx = setting(case, dtype, i)
    j = D(y, x)
    for order in "FC":
        units = [row.reshape(x.shape, order=order) for row in np.eye(x.size)]
        expected = np.stack([jvp(y, x, unit).ravel(order) for unit in units], axis=1)
        dense = j.dense(order)
        np.testing.assert_allclose(dense, expected, rtol=1e-12, atol=1e-12)
        assert np.array_equal(j.dense(order, "denominator"), dense.T)
        np.testing.assert_allclose(
            j.operator(order) @ dx.ravel(order), dense @ dx.ravel(order), rtol=1e-11, atol=1e-11
        )
        assert j.text(order) and j._repr_latex_()
    assert j.tensor().shape == y.shape + x.shape


@every_rule
def test_batches_are_done_one_by_one(case, dtype, i):
    _, x, y, _ = setting(case, dtype, i)
    dx, g = random(dtype, 2, 2, *x.shape), random(y.dtype, 3, *y.shape)
    pushed, pulled = jvp(y, x, dx), vjp(y, x, g)
    assert pushed.shape == (2, 2, *y.shape) and pulled.shape == (3, *x.shape)
    np.testing.assert_allclose(pushed[1, 0], jvp(y, x, dx[1, 0]), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(pulled[2], vjp(y, x, g[2]), rtol=1e-12, atol=1e-13)


@every_rule
def test_the_gradient_of_a_scalar_is_that_of_its_map(case, dtype, i):
    _, x, y, _ = setting(case, dtype, i)
    weights = random(dtype, *y.shape, seed=5)
    phi = kc.dot(weights, y)
    gradient = grad(phi, x)
    assert gradient.shape == x.shape
    np.testing.assert_allclose(D(phi, x).gradient, gradient, rtol=1e-11, atol=1e-12)
    if y.dtype == x.dtype:
        pulled = vjp(y, x, weights.conj()).conj()
        np.testing.assert_allclose(gradient, pulled, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("case", "dtype", "i"), REAL, ids=_id)
def test_single_precision_stays_single(case, dtype, i):
    if "1 - 1j" in inspect.getsource(case.call) and case.rule == "correlate2d":
        pytest.skip("of a complex kernel")
    _, x, y, dx = setting(case, "float32", i)
    assert y.dtype == np.float32
    assert jvp(y, x, dx).dtype == np.float32
    assert vjp(y, x, np.ones(y.shape, np.float32)).dtype == np.float32


def test_one_variable_may_be_every_operand():
    for case in CASES:
        if len(set(case.shapes)) == 1 and len(case.shapes) == 2:
            value = case.operands("float64")[0]
            x = Variable(value)
            dx = random("float64", *x.shape, seed=3)
            y = case.call(x, x)
            a, b = Variable(value), Variable(value)
            parts = case.call(a, b)
            expected = jvp(parts, a, dx) + jvp(parts, b, dx)
            np.testing.assert_allclose(jvp(y, x, dx), expected, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(D(y, x).jvp(dx), expected, rtol=1e-12, atol=1e-12)


# --------------------------------------------------------------------------------------
# Nothing is forgotten


def operations():
    """Public names that are operations on expressions."""
    for name in kc.__all__:
        function = getattr(kc, name)
        home = getattr(function, "__module__", "")
        if home.startswith(("kronvec.calculus.rules", "kronvec.calculus.registry")):
            yield name


def test_every_rule_is_in_the_table():
    assert {case.rule for case in CASES} == set(RULES)


def test_every_public_operation_has_a_rule_or_a_reason_for_none():
    names = set(operations())
    assert names - set(RULES) - set(NON_DIFFERENTIABLE) == set()
    assert set(RULES) & set(NON_DIFFERENTIABLE) == set()
    assert (set(RULES) | set(NON_DIFFERENTIABLE)) - names == set()
    assert names <= set(kc.rules.__all__)
    assert all(NON_DIFFERENTIABLE.values())


def test_the_promised_operations_are_public():
    promised = (
        "inv solve trace det logdet sum mean norm dot outer kron hadamard vec vech diag reshape "
        "take concatenate transpose exp log sin cos tan tanh sigmoid relu abs sqrt square power "
        "maximum minimum softmax log_softmax logsumexp cross_entropy correlate2d convolve2d"
    )
    assert set(promised.split()) <= set(operations())


def test_the_names_of_rules_are_those_of_their_functions():
    for name in operations():
        assert getattr(kc, name).__name__ == name
        assert getattr(kc, name).__doc__
