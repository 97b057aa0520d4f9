"""What derivatives cost: maps are built of the operands, and systems are solved once."""

import tracemalloc

import numpy as np
import pytest

import kronvec.calculus as kc
from helpers import random
from kronvec.calculus import D, Variable, constant, grad, vjp
from kronvec.calculus.matrices import Inverse


def peak(call):
    """Bytes that a call holds at most."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


N = 300
X = Variable(random("float64", N, N), "X")
A, B = (constant(random("float64", N, N, seed=i), name) for i, name in enumerate("AB"))
OPERAND = X.value.nbytes


@pytest.mark.parametrize(
    "y", [A @ X @ B, A @ X.T @ B, X @ A - B @ X, kc.vec(X), kc.exp(X)], ids=str
)
def test_no_map_is_larger_than_its_operands(y):
    assert peak(lambda: D(y, X)) < 2.1 * OPERAND


def test_the_map_of_a_product_holds_the_operands_themselves():
    y = A @ X @ B
    assert peak(lambda: D(y, X)) < 20_000
    j = D(y, X)
    assert np.shares_memory(j.left.array, A.value) and np.shares_memory(j.right.array, B.value)


def test_a_pullback_holds_a_product_and_its_result():
    y, g = A @ X @ B, np.ones((N, N))
    assert peak(lambda: D(y, X).vjp(g)) < 2.2 * OPERAND
    assert peak(lambda: vjp(y, X, g)) < 2.2 * OPERAND


def test_one_use_of_an_inverse_is_a_solve(monkeypatch):
    inverses = []
    inv = np.linalg.inv
    monkeypatch.setattr(np.linalg, "inv", lambda a: inverses.append(a.shape) or inv(a))
    y = kc.solve(A, X[:, 0])
    phi = kc.dot(y, y)
    first = grad(phi, X)
    assert inverses == []
    np.testing.assert_allclose(grad(phi, X), first, rtol=1e-9, atol=1e-12 * np.abs(first).max())
    assert inverses == [(N, N)]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_an_inverse_is_one_before_and_after_it_is_formed(dtype):
    from kronvec.calculus.matrices import Matrix

    a = random(dtype, 4, 4) + 9 * np.eye(4, dtype=dtype)
    b = random(dtype, 3, 4, 2)
    expected = np.linalg.inv(a)
    for made, array in (
        (lambda m: m, expected),
        (lambda m: m.T, expected.T),
        (lambda m: m.H, expected.conj().T),
        (lambda m: m.T.T, expected),
    ):
        inverse = made(Inverse(Matrix(a)))
        for _ in range(3):
            np.testing.assert_allclose(inverse.before(b), array @ b, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(inverse.array, array, rtol=1e-12, atol=1e-13)
        assert inverse.shape == (4, 4) and inverse.dtype == dtype


def test_rank_one_terms_stay_of_rank_one():
    y = kc.softmax(X[0])
    assert peak(lambda: grad(kc.dot(y, y), X)) < 3 * OPERAND
    j = D(kc.softmax(Variable(random("float64", 3000))), Variable(np.ones(3000)))
    assert j.out_shape == (3000,)
    x = Variable(random("float64", 3000))
    assert peak(lambda: D(kc.softmax(x), x).vjp(np.ones(3000))) < 20 * x.value.nbytes


def test_sums_of_shared_chains_do_not_double():
    x, y = Variable(random("float64", 3)), None
    y = x
    for _ in range(20):
        y = y * y / kc.norm(y)
    assert len(D(y, x).terms) < 30


def test_long_chains_do_not_recurse():
    y = Variable(np.ones(2))
    x = y
    for _ in range(3000):
        y = kc.sin(y) + 0.5
    assert grad(kc.sum(y), x).shape == (2,)
    assert D(y, x).out_shape == (2,)
