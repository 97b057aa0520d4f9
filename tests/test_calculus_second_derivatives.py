"""Hessian products against Hessians known in closed form, and every rule against differences."""

import numpy as np
import pytest

import kronvec as kv
import kronvec.calculus as kc
from calculus_cases import CASES
from helpers import random
from kronvec.calculus import Variable, grad, hessian_vector_product

X, V = random("float64", 4, 4), random("float64", 4, 4, seed=1)
REGULAR = X + 6 * np.eye(4)


def close(found, expected, ulps=64):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=ulps * np.finfo(float).eps * scale, rtol=0)


def test_a_quadratic_form_has_a_constant_hessian():
    A = random("float64", 4, 4, seed=2)
    x, v = random("float64", 4), random("float64", 4, seed=3)
    close(hessian_vector_product(lambda x: x @ A @ x, x, v), (A + A.T) @ v)


def test_the_hessian_of_log_det():
    # H = -K (X⁻ᵀ ⊗ X⁻¹), of order F
    inverse = np.linalg.inv(REGULAR)
    H = -kv.commutation_matrix(4, 4).toarray() @ np.kron(inverse.T, inverse)
    found = hessian_vector_product(kc.logdet, REGULAR, V)
    close(kv.vec(found), H @ kv.vec(V), 256)


def test_the_hessian_of_the_softmax_cross_entropy():
    # H = diag(s) - s sᵀ for each row
    logits, classes = random("float64", 3, 5), [4, 0, 2]
    v = random("float64", 3, 5, seed=1)
    found = hessian_vector_product(lambda x: kc.cross_entropy(x, classes), logits, v)
    for i, s in enumerate(kc.softmax(logits)):
        close(found[i], (np.diag(s) - np.outer(s, s)) @ v[i] / 3)


def test_the_hessian_of_the_norm():
    # H = (I - n nᵀ) / ‖x‖ with n = x / ‖x‖
    size = np.linalg.norm(X)
    n = X.ravel() / size
    expected = (np.eye(16) - np.outer(n, n)) @ V.ravel() / size
    close(hessian_vector_product(kc.norm, X, V).ravel(), expected)


def test_the_hessian_of_the_determinant_at_a_singular_matrix():
    # d² det = d tr(adj(X) dX); of a 3 x 3 matrix adj is quadratic, so differences are exact
    for rank in (0, 1, 2, 3):
        A = random("float64", 3, rank) @ random("float64", rank, 3, seed=1)
        v = random("float64", 3, 3, seed=2)
        x = [Variable(A + sign * v) for sign in (1, -1)]
        ahead, behind = (grad(kc.det(each), each) for each in x)
        close(hessian_vector_product(kc.det, A, v), (ahead - behind) / 2)


@pytest.mark.parametrize("f", [kc.abs, kc.relu, lambda x: kc.maximum(x, -0.1 * x)])
def test_piecewise_linear_functions_have_none_away_from_their_kinks(f):
    assert np.array_equal(hessian_vector_product(lambda x: kc.sum(f(x)), X, V), np.zeros((4, 4)))
    # φ = Σ f(x)² / 2 has f'² on the diagonal
    found = hessian_vector_product(lambda x: 0.5 * kc.sum(f(x) * f(x)), X, V)
    x = Variable(X)
    slope = grad(kc.sum(f(x)), x)
    close(found, slope**2 * V)


def test_a_network_of_every_kind():
    # φ(W) = ‖relu(A W) - T‖ + Σ |W| + log det(WᵀW) by differences of its gradient
    A, T = random("float64", 5, 4), random("float64", 5, 3, seed=1)
    W, v = random("float64", 4, 3), random("float64", 4, 3, seed=2)

    def f(w):
        return kc.norm(kc.relu(A @ w) - T) + kc.sum(kc.abs(w)) + kc.logdet(w.T @ w)

    close(hessian_vector_product(f, W, v), differences(f, W, v), 1e8)


def differences(f, x, v, h=1e-5):
    ahead, behind = (Variable(x + s * h * v) for s in (1, -1))
    return (grad(f(ahead), ahead) - grad(f(behind), behind)) / (2 * h)


@pytest.mark.parametrize(
    ("case", "i"),
    [(case, i) for case in CASES for i in range(len(case.shapes))],
    ids=lambda p: getattr(p, "id", p),
)
def test_every_rule_has_second_derivatives(case, i):
    operands = case.operands("float64")
    x, v = operands[i], random("float64", *case.shapes[i], seed=5)

    if np.iscomplexobj(case.call(*operands)):
        pytest.skip("no real function")

    def f(x):
        y = case.call(*operands[:i], x, *operands[i + 1 :])
        weights = random("float64", *y.shape, seed=6)
        return kc.sum(weights * y * y)

    found, expected = hessian_vector_product(f, x, v), differences(f, x, v)
    size = 1 + np.abs(expected).max() + np.abs(grad(f(p := Variable(x)), p)).max()
    np.testing.assert_allclose(found, expected, atol=1e-8 * size)


@pytest.mark.parametrize("case", [c for c in CASES if len(c.shapes) > 1], ids=lambda c: c.id)
def test_operands_that_vary_together(case):
    # φ(t) = Σ w ∘ F(A + t dA, B + t dB)², whose second derivative has that of F by A and B
    operands = case.operands("float64")
    steps = [random("float64", *shape, seed=5) for shape in case.shapes]

    def f(t):
        y = case.call(*(a + t * da for a, da in zip(operands, steps, strict=True)))
        return kc.sum(random("float64", *y.shape, seed=6) * y * y)

    found, expected = hessian_vector_product(f, 0.0, 1.0), differences(f, 0.0, 1.0)
    size = 1 + np.abs(expected) + np.abs(grad(f(p := Variable(0.0)), p))
    np.testing.assert_allclose(found, expected, atol=1e-8 * size)


def test_batches_variables_zeros_and_low_precisions():
    f = kc.logdet
    both = np.stack([V, 2 * V])
    found = hessian_vector_product(f, Variable(REGULAR, "X"), both)
    assert found.shape == (2, 4, 4)
    assert np.array_equal(found[1], 2 * found[0])
    assert np.array_equal(hessian_vector_product(f, REGULAR, 0 * V), 0 * V)
    single = hessian_vector_product(f, np.float32(REGULAR), np.float32(V))
    assert single.dtype == np.float32
    assert np.array_equal(hessian_vector_product(lambda x: x * x * x, 2.0, 1.0), 12.0)
    assert hessian_vector_product(lambda x: x @ x, np.ones(3), np.ones((0, 3))).shape == (0, 3)
    constant = hessian_vector_product(lambda x: kc.constant(1.0), X, V)
    assert np.array_equal(constant, 0 * V)


@pytest.mark.parametrize("size", [1e-150, 1e-8, 1e8, 1e150])
def test_directions_of_any_size(size):
    expected = hessian_vector_product(kc.logdet, REGULAR, V)
    close(hessian_vector_product(kc.logdet, REGULAR, size * V) / size, expected)


def test_small_points_are_no_smaller_than_the_step():
    # φ = Σ log x has -1 / x² on the diagonal
    x = 1e-60 * np.abs(X)
    close(hessian_vector_product(lambda x: kc.sum(kc.log(x)), x, V), -V / x**2)


def test_functions_may_look_at_values():
    # Σ x² ⌊x⌋ where x > 0 has 2 ⌊x⌋ on the diagonal
    def f(x):
        return kc.sum(x * x * kc.floor(x) * (x > 0))

    close(hessian_vector_product(f, 3 * X, V), 2 * np.floor(3 * X) * (X > 0) * V)


def test_what_is_not_real_is_refused():
    with pytest.raises(TypeError, match="hessian_vector_product: x must be real"):
        hessian_vector_product(kc.logdet, REGULAR + 1j, V)
    with pytest.raises(TypeError, match="hessian_vector_product: v must be real"):
        hessian_vector_product(kc.logdet, REGULAR, 1j * V)
    with pytest.raises(TypeError, match="f must return a real scalar"):
        hessian_vector_product(lambda x: kc.sum(1j * x), REGULAR, V)
    with pytest.raises(TypeError, match=r"f must return a real scalar, got shape \(4, 4\)"):
        hessian_vector_product(lambda x: x @ x, REGULAR, V)
    with pytest.raises(TypeError, match="f must return an expression, got float"):
        hessian_vector_product(lambda x: 1.0, REGULAR, V)
    with pytest.raises(ValueError, match=r"last axes of v must be \(4, 4\); got v \(4,\)"):
        hessian_vector_product(kc.logdet, REGULAR, V[0])
    with pytest.raises(TypeError, match="not holomorphic"):
        hessian_vector_product(lambda x: kc.norm(1j * x), REGULAR, V)
