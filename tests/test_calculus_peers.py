"""The rules against automatic differentiation by PyTorch and JAX, where they are installed."""

import numpy as np
import pytest

import kronvec.calculus as kc
from helpers import random
from kronvec.calculus import D, Variable, grad, vjp

A, B, C = (random("float64", 3, 3, seed=i) for i in range(3))
W = random("float64", 3, 3, seed=9)
SPD = A @ A.T + np.eye(3)
TARGETS = np.array([2, 0, 1])

# name -> (ours, theirs for PyTorch's t, the point); theirs take and give tensors
CASES = {
    "chain": (lambda x: kc.tanh(x @ B + C[0]), lambda t, x: t.tanh(x @ c(t, B) + c(t, C[0])), W),
    "inv": (lambda x: kc.inv(x) @ A, lambda t, x: t.linalg.inv(x) @ c(t, A), SPD),
    "solve": (lambda x: kc.solve(x, B), lambda t, x: t.linalg.solve(x, c(t, B)), SPD),
    "det": (kc.det, lambda t, x: t.linalg.det(x), W),
    "logdet": (kc.logdet, lambda t, x: t.linalg.slogdet(x)[1], SPD),
    "trace": (lambda x: kc.trace(A @ x @ x.T), lambda t, x: t.trace(c(t, A) @ x @ x.T), W),
    "norm": (lambda x: kc.norm(A @ x), lambda t, x: t.linalg.norm(c(t, A) @ x), W),
    "kron": (lambda x: kc.kron(x, A), lambda t, x: t.kron(x, c(t, A)), W),
    "outer": (lambda x: kc.outer(x[0], x[1]), lambda t, x: t.outer(x[0], x[1]), W),
    "diag": (kc.diag, lambda t, x: t.diag(x), W),
    "exp": (kc.exp, lambda t, x: t.exp(x), W),
    "log": (kc.log, lambda t, x: t.log(x), abs(W)),
    "sqrt": (kc.sqrt, lambda t, x: t.sqrt(x), abs(W)),
    "tan": (kc.tan, lambda t, x: t.tan(x), W),
    "power": (lambda x: x**3 + 2**x, lambda t, x: x**3 + 2**x, W),
    "powers": (lambda x: x**A, lambda t, x: x ** c(t, A), abs(W)),
    "divide": (lambda x: A / x - x / 2, lambda t, x: c(t, A) / x - x / 2, W),
    "abs": (kc.abs, lambda t, x: t.abs(x), W),
    "ties": (lambda x: kc.maximum(x, x.T), lambda t, x: t.maximum(x, x.T), W),
    "minimum": (lambda x: kc.minimum(x, A), lambda t, x: t.minimum(x, c(t, A)), A + 0 * W),
    "logsumexp": (lambda x: kc.logsumexp(x, 0), lambda t, x: t.log(t.exp(x).sum(0)), W),
    "mean": (lambda x: kc.mean(x, 1), lambda t, x: t.mean(x, 1), W),
    "expanded": (lambda x: A * x[0] + x[1, 1], lambda t, x: c(t, A) * x[0] + x[1, 1], W),
}  # fmt: skip
PYTORCH = CASES | {
    "sigmoid": (kc.sigmoid, lambda t, x: t.sigmoid(x), W),
    "relu": (kc.relu, lambda t, x: t.relu(x), np.array([[-1.0, 0, 2]])),
    "softmax": (kc.softmax, lambda t, x: t.softmax(x, -1), W),
    "log_softmax": (kc.log_softmax, lambda t, x: t.log_softmax(x, -1), W),
    "classes": (
        lambda x: kc.cross_entropy(x, TARGETS),
        lambda t, x: t.nn.functional.cross_entropy(x, t.from_numpy(TARGETS)),
        W,
    ),
    "probabilities": (
        lambda x: kc.cross_entropy(x, abs(A)),
        lambda t, x: t.nn.functional.cross_entropy(x, c(t, abs(A))),
        W,
    ),
    "correlation": (
        lambda x: kc.correlate2d(x, A[:2, :2]),
        lambda t, x: t.nn.functional.conv2d(x[None, None], c(t, A[None, None, :2, :2]))[0, 0],
        random("float64", 5, 4),
    ),
}
JAX = {name: case for name, case in CASES.items() if name not in ("ties", "minimum")}


def c(library, array):
    """An array of theirs."""
    return library.asarray(array)


@pytest.mark.parametrize("name", PYTORCH)
def test_jacobians_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    ours, theirs, point = PYTORCH[name]
    x = Variable(point)
    expected = torch.func.jacrev(lambda v: theirs(torch, v))(torch.from_numpy(point)).numpy()
    np.testing.assert_allclose(D(ours(x), x).tensor(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", JAX)
def test_jacobians_are_those_of_jax(name):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    ours, theirs, point = JAX[name]

    x = Variable(point)
    expected = np.asarray(jax.jacrev(lambda v: theirs(jax.numpy, v))(jax.numpy.asarray(point)))
    np.testing.assert_allclose(D(ours(x), x).tensor(), expected, rtol=1e-10, atol=1e-12)


def test_complex_cotangents_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    point, a, g = (random("complex128", 3, 3, seed=i) for i in range(3))
    x, t = Variable(point), torch.from_numpy(point).requires_grad_()
    y = kc.exp(a @ x) @ kc.inv(x)
    theirs = torch.exp(c(torch, a) @ t) @ torch.linalg.inv(t)
    (expected,) = torch.autograd.grad(theirs, t, c(torch, g))
    np.testing.assert_allclose(vjp(y, x, g), expected.numpy(), rtol=1e-10)


def test_gradients_of_several_variables_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    ours, theirs = ([f(m) for m in (A, B, C)] for f in (Variable, lambda m: c(torch, m).clone()))
    for t in theirs:
        t.requires_grad_()

    def phi(library, x, y, z):
        return (library.tanh(x @ y) @ z + x).sum()

    gradients = grad(phi(kc, *ours), ours)
    for mine, their in zip(
        gradients, torch.autograd.grad(phi(torch, *theirs), theirs), strict=True
    ):
        np.testing.assert_allclose(mine, their.numpy(), rtol=1e-10)


@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(
    ("image", "kernel"),
    [((5, 4), (2, 3)), ((6, 6), (4, 4)), ((2, 3), (4, 3)), ((1, 1), (3, 3)), ((5, 5), (5, 1))],
)
def test_correlation_is_that_of_scipy(mode, dtype, image, kernel):
    signal = pytest.importorskip("scipy.signal")
    x, k = random(dtype, *image), random(dtype, *kernel, seed=1)
    correlated = signal.correlate2d(x, k, mode)
    if mode == "valid" and kernel > image:  # SciPy exchanges them, then y[l] = Σ conj(x) k
        correlated = correlated.conj()
    for ours, theirs in (
        (kc.correlate2d(x, k, mode), correlated),
        (kc.convolve2d(x, k, mode), signal.convolve2d(x, k, mode)),
    ):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
