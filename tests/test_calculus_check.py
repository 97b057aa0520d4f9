"""check_derivative: right derivatives pass, each way of being wrong is found and located."""

import numpy as np
import pytest

import kronvec.calculus as kc
from calculus_cases import CASES
from helpers import random
from kronvec.calculus import D, Variable, check_derivative
from kronvec.calculus.continuation import is_beside_the_real_axis
from kronvec.calculus.registry import RULES, rule
from kronvec.calculus.terms import Hadamard, Sandwich

ENTRIES = [(case, i) for case in CASES for i in range(len(case.shapes))]
every_operand = pytest.mark.parametrize(("case", "i"), ENTRIES, ids=lambda p: getattr(p, "id", p))


def of_operand(case, i, dtype="float64"):
    """The operation as a function of operand i, and this operand."""
    operands = case.operands(dtype)
    return lambda x: case.call(*operands[:i], x, *operands[i + 1 :]), operands[i]


@every_operand
def test_complex_steps_confirm_every_rule(case, i):
    f, x = of_operand(case, i)
    report = check_derivative(f, x)
    real = f(Variable(x)).dtype.kind == "f"
    assert report.method == ("complex steps" if real else "central differences")
    if real:
        assert report.max_error < 1e-13


@every_operand
def test_differences_confirm_every_rule(case, i):
    f, x = of_operand(case, i)
    report = check_derivative(f, x, method="central differences")
    assert report.max_error < 1e-7
    assert report.step < 1e-4


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.holomorphic and len(c.shapes) == 1], ids=lambda c: c.id
)
def test_complex_points_are_left_to_differences(case):
    f, x = of_operand(case, 0, "complex128")
    report = check_derivative(f, x)
    assert report.method == "central differences" and report.max_error < 1e-7


@pytest.fixture
def operation():
    """Makes an operation that is registered for one test alone."""
    before = set(RULES)
    yield lambda evaluate, derivative: rule(evaluate, name="of_this_test")(
        lambda y, x: (lambda: derivative(y, x),)
    )
    for name in set(RULES) - before:
        del RULES[name]


X = random("float64", 3, 3)


def test_a_wrong_derivative_is_located(operation):
    def slope(y, x):
        m = np.cos(x.value)
        m[1, 2] *= -1
        return Hadamard(kc.constant(m).matrix, x.shape)

    wrong = operation(np.sin, slope)
    expected = (
        r"check_derivative: the derivative differs from central differences by .* "
        rf"dF\[1, 2\]/dX\[1, 2\] = {-np.cos(X[1, 2]):.7f}\d*, measured {np.cos(X[1, 2]):.7f}"
    )
    with pytest.raises(AssertionError, match=expected):
        check_derivative(wrong, X)
    for method in ("complex steps", "central differences"):
        with pytest.raises(AssertionError, match=method):
            check_derivative(wrong, X, method=method)
    with pytest.raises(AssertionError, match=r"dF\[1, 2\]/dX\[\d\]"):
        check_derivative(wrong, X, directions=2)


def test_a_small_error_is_an_error(operation):
    def scaled(factor):
        return operation(
            np.sin, lambda y, x: Hadamard(kc.constant(factor * np.cos(x.value)).matrix, x.shape)
        )

    assert check_derivative(scaled(1), X).passed
    with pytest.raises(AssertionError):
        check_derivative(scaled(1 + 1e-7), X, method="complex steps")
    assert check_derivative(scaled(1 + 1e-7), X, rtol=1e-6).passed
    with pytest.raises(AssertionError):
        check_derivative(scaled(1 + 1e-5), X)
    with pytest.raises(AssertionError, match="tolerance 0"):
        check_derivative(scaled(1 + 1e-12), X, rtol=0, method="complex steps")


@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_is_not_finite_does_not_pass(operation):
    bad = operation(np.sin, lambda y, x: Hadamard(kc.constant(x.value * np.nan).matrix, x.shape))
    with pytest.raises(AssertionError, match="nan"):
        check_derivative(bad, X)


def test_what_complex_steps_cannot_see_is_left_to_differences(operation):
    def magnitude(x):  # of a complex number there is no imaginary part
        return np.abs(x)

    right = operation(magnitude, lambda y, x: Hadamard(kc.constant(np.sign(X)).matrix, x.shape))
    assert check_derivative(right, X).method == "central differences"

    def real_alone(x):
        if np.iscomplexobj(x):
            raise TypeError("real")
        return x * x

    square = operation(real_alone, lambda y, x: Hadamard(kc.constant(2 * X).matrix, x.shape))
    assert check_derivative(square, X).method == "central differences"
    with pytest.raises(TypeError, match="real"):
        check_derivative(square, X, method="complex steps")


def test_the_context_is_left_behind():
    check_derivative(kc.norm, X)
    assert not is_beside_the_real_axis(1j * X)
    with pytest.raises(TypeError, match="not holomorphic"):
        kc.norm(Variable(1j * X))


def test_random_directions_need_fewer_steps():
    count = []

    def f(x):
        count.append(1)
        return x @ x

    assert check_derivative(f, X, directions=2).in_index in {(0,), (1,)}
    assert len(count) == 3
    count.clear()
    assert len(check_derivative(f, X).in_index) == 2
    assert len(count) == 1 + X.size


def test_integers_low_precisions_variables_and_empty_ones():
    assert check_derivative(kc.inv, [[2, 1], [1, 1]]).passed
    single = np.float32(X)
    assert check_derivative(kc.inv, single).max_error < 1e-12
    assert check_derivative(kc.inv, Variable(X, "X")).passed
    assert check_derivative(lambda x: 2 * x, np.ones((0, 3))).passed
    assert check_derivative(lambda x: x[:0], X).passed
    assert check_derivative(lambda x: kc.constant(X) + 0 * x, 1.0).passed
    assert check_derivative(lambda x: kc.constant(X), X).passed


def test_the_report_says_what_it_found():
    report = check_derivative(lambda x: x * x, 3.0)
    assert (report.derivative, report.measured, report.out_index, report.in_index) == (6, 6, (), ())
    assert str(report).startswith("the derivative agrees with complex steps by 0 (tolerance 1e-08)")


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="check_derivative: method must be one of"):
        check_derivative(kc.inv, X, method="forward")
    with pytest.raises(TypeError, match="check_derivative: f must return an expression, got ndarr"):
        check_derivative(lambda x: x.value, X)
    with pytest.raises(TypeError, match="complex steps need a real x and a real f"):
        check_derivative(kc.inv, X + 1j, method="complex steps")
    with pytest.raises(ValueError, match="directions must not be negative"):
        check_derivative(kc.inv, X, directions=-1)
    with pytest.raises(TypeError, match="must hold numbers"):
        check_derivative(kc.inv, np.array([["a"]]))


def test_a_missing_transposition_is_found():
    # d(Xᵀ X) = dXᵀ X + Xᵀ dX; without the first term, or with both alike, it is wrong.
    wrong = rule(lambda x: x.T @ x, name="of_this_test")(
        lambda y, x: (lambda: 2 * Sandwich(x.matrix.T, None, x.shape, y.shape),)
    )
    try:
        with pytest.raises(AssertionError):
            check_derivative(wrong, X)
    finally:
        del RULES["of_this_test"]
    assert str(D(Variable(X, "X").T @ X, Variable(X))) == "0"
