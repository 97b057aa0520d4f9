"""The terms of derivatives and their algebra against dense Jacobians."""

import numpy as np
import pytest

from helpers import random
from kronvec.calculus import Block, D, Variable, grad, jvp, vjp
from kronvec.calculus.combinations import Composition, Scaled, Sum, Zero
from kronvec.calculus.combine import LONGEST_SUM, compose
from kronvec.calculus.matrices import Matrix
from kronvec.calculus.terms import (
    Hadamard,
    Index,
    Inner,
    Kronecker,
    Outer,
    Sandwich,
    identity_map,
    reshaped,
)

DTYPES = ("float64", "complex128")
ORDERS = ("F", "C")


def m(dtype, *shape, seed=0):
    return Matrix(random(dtype, *shape, seed=seed))


def terms(dtype):
    """name -> a map"""
    left, right = m(dtype, 2, 3), m(dtype, 4, 5)
    return {
        "sandwich": Sandwich(left, right, (3, 4), (2, 5)),
        "left": Sandwich(left, None, (3, 4), (2, 4)),
        "right": Sandwich(None, right, (3, 4), (3, 5)),
        "left of a vector": Sandwich(left, None, (3,), (2,)),
        "transposed": Sandwich(left, right, (4, 3), (2, 5), transposed=True),
        "transpose": Sandwich(None, None, (4, 3), (3, 4), transposed=True),
        "transposed left": Sandwich(left, None, (4, 3), (2, 4), transposed=True),
        "outer product": Sandwich(m(dtype, 3, 1), None, (2,), (3, 2), transposed=True),
        "identity": identity_map((3, 4)),
        "hadamard": Hadamard(m(dtype, 3, 4), (3, 4)),
        "inner": Inner(m(dtype, 3, 4), (3, 4)),
        "inner of a vector": Inner(m(dtype, 3, 1), (3,)),
        "outer": Outer(m(dtype, 3, 4), (), (3, 4)),
        "dX ⊗ B": Kronecker(m(dtype, 3, 2), (2, 4), (6, 8), before=False),
        "B ⊗ dX": Kronecker(m(dtype, 3, 2), (2, 4), (6, 8), before=True),
        "gather": Index(np.array([5, 0, 0, 3]), None, (2, 3), (4,)),
        "gather to a matrix": Index(np.array([5, 0, 0, 3]), None, (2, 3), (2, 2)),
        "scatter": Index(None, np.array([5, 0, 0, 3, 1, 1]), (2, 3), (3, 4)),
        "gather and scatter": Index(np.array([5, 0]), np.array([1, 1]), (2, 3), (2, 2)),
        "reshape": reshaped((2, 6), (3, 4)),
        "reshape to a vector": reshaped((2, 6), (12,)),
        "zero": Zero((3, 4), (2, 2)),
        "sum": Sum(
            Sandwich(left, None, (3, 3), (2, 3)),
            Sandwich(left, None, (3, 3), (2, 3), transposed=True),
        ),
        "scaled": Scaled(2.5, Sandwich(left, right, (3, 4), (2, 5))),
        "composition": Composition(
            Hadamard(m(dtype, 2, 5), (2, 5)), Sandwich(left, right, (3, 4), (2, 5))
        ),
        "adjoint of ⊗": Kronecker(m(dtype, 3, 2), (2, 4), (6, 8), before=False).adjoint,
    }


CASES = [(name, dtype) for dtype in DTYPES for name in terms(dtype)]
every_term = pytest.mark.parametrize(("name", "dtype"), CASES, ids=lambda p: str(p))


def vec(x, order, ndim=2):
    return x.reshape(*x.shape[: x.ndim - ndim], -1) if order == "C" else x.ravel("F")


@pytest.mark.parametrize("order", ORDERS)
@every_term
def test_the_jacobian_takes_vec_to_vec(name, dtype, order):
    j = terms(dtype)[name]
    dx, g = random(dtype, *j.in_shape, seed=3), random(dtype, *j.out_shape, seed=4)
    dense = j.dense(order)
    assert dense.shape == (g.size, dx.size)
    np.testing.assert_allclose(
        dense @ dx.ravel(order), j.jvp(dx).ravel(order), rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(
        dense.conj().T @ g.ravel(order), j.vjp(g).ravel(order), rtol=1e-12, atol=1e-12
    )
    assert np.array_equal(j.dense(order, layout="denominator"), dense.T)
    operator = j.operator(order)
    np.testing.assert_allclose(operator @ dx.ravel(order), dense @ dx.ravel(order), atol=1e-12)


@every_term
def test_vjp_is_the_adjoint_of_jvp(name, dtype):
    j = terms(dtype)[name]
    dx, g = random(dtype, *j.in_shape, seed=3), random(dtype, *j.out_shape, seed=4)
    left, right = np.vdot(g, j.jvp(dx)).real, np.vdot(j.vjp(g), dx).real
    assert abs(left - right) <= 1e-13 * (1 + np.abs(g).sum() * np.abs(dx).sum())
    assert j.adjoint.in_shape == j.out_shape
    np.testing.assert_allclose(j.adjoint.jvp(g), j.vjp(g), atol=1e-13)
    np.testing.assert_allclose(j.adjoint.vjp(dx), j.jvp(dx), atol=1e-13)
    np.testing.assert_allclose(j.adjoint.dense(), j.dense().conj().T, atol=1e-13)


@every_term
def test_batches_and_tensors(name, dtype):
    j = terms(dtype)[name]
    dx = random(dtype, 2, 3, *j.in_shape)
    y = j.jvp(dx)
    assert y.shape == (2, 3, *j.out_shape)
    np.testing.assert_allclose(y[1, 2], j.jvp(dx[1, 2]), atol=1e-13)
    g = random(dtype, 2, *j.out_shape)
    np.testing.assert_allclose(j.vjp(g)[1], j.vjp(g[1]), atol=1e-13)
    tensor = j.tensor()
    assert tensor.shape == (*j.out_shape, *j.in_shape)
    np.testing.assert_allclose(np.tensordot(tensor, dx[0, 0], len(j.in_shape)), y[0, 0], atol=1e-12)


def composable():
    """Pairs of terms of which one can follow the other."""
    every = terms("float64")
    for a, outer in every.items():
        for b, inner in every.items():
            if outer.in_shape == inner.out_shape:
                yield a, b


@pytest.mark.parametrize(("a", "b"), list(composable()))
def test_compositions_are_products_of_jacobians(a, b):
    every = terms("float64")
    j = compose(every[a], every[b])
    expected = every[a].dense() @ every[b].dense()
    np.testing.assert_allclose(j.dense(), expected, atol=1e-11)
    np.testing.assert_allclose(j.dense("C"), every[a].dense("C") @ every[b].dense("C"), atol=1e-11)


def addable():
    every = terms("float64")
    for a, first in every.items():
        for b, second in every.items():
            if (first.in_shape, first.out_shape) == (second.in_shape, second.out_shape):
                yield a, b


@pytest.mark.parametrize(("a", "b"), list(addable()))
def test_sums_are_sums_of_jacobians(a, b):
    every = terms("float64")
    first, second = every[a], every[b]
    np.testing.assert_allclose(
        (first + 2 * second).dense(), first.dense() + 2 * second.dense(), atol=1e-12
    )
    np.testing.assert_allclose((first - first).dense(), 0 * first.dense(), atol=1e-12)


def test_compositions_simplify():
    left, right = m("float64", 3, 3), m("float64", 3, 3, seed=1)
    a = Sandwich(left, right, (3, 3), (3, 3))
    k = Sandwich(None, None, (3, 3), (3, 3), transposed=True)
    h = Hadamard(left, (3, 3))
    assert type(a @ a) is Sandwich
    assert (k @ k).is_identity
    assert (k @ a @ k).transposed is False
    assert type(h @ h) is Hadamard
    for j in (a, k, h, a + k, Kronecker(left, (1, 1), (3, 3), before=True)):
        inner, outer = (
            Inner(m("float64", *j.out_shape), j.out_shape),
            Outer(m("float64", *j.in_shape), (), j.in_shape),
        )
        assert type(inner @ j) is Inner
        assert type(j @ outer) in (Outer, Sum)
    assert type(a + Sandwich(left, left, (3, 3), (3, 3))) is Sandwich
    assert type(a + a) is Scaled
    assert str(0.5 * (a + a)) == str(a)


def test_formulas():
    a, b = Matrix(np.ones((2, 3)), named("A")), Matrix(np.ones((4, 5)), named("B"))
    j = Sandwich(a, b, (3, 4), (2, 5))
    assert str(j) == "Bᵀ ⊗ A"
    assert j.text("C") == "A ⊗ Bᵀ"
    assert j._repr_latex_() == "$B^{\\top} \\otimes A$"
    assert str(Sandwich(a, None, (3, 4), (2, 4))) == "I ⊗ A"
    assert str(Sandwich(a, b, (4, 3), (2, 5), transposed=True)) == "(Bᵀ ⊗ A) K(4,3)"
    assert str(Sandwich(None, None, (2, 3), (3, 2), transposed=True)) == "K(2,3)"
    assert str(Hadamard(a, (2, 3))) == "diag(vec A)"
    assert str(Inner(a, (2, 3))) == "(vec A)ᵀ"
    assert str(Outer(a, (), (2, 3))) == "vec A"
    assert str(j + 2 * j) == "3 Bᵀ ⊗ A" or str(j + 2 * j) == "3 (Bᵀ ⊗ A)"
    assert "[2x3]" in str(Sandwich(Matrix(np.ones((2, 3))), None, (3, 4), (2, 4)))


def named(name):
    from kronvec.calculus.labels import named

    return named(name)


def test_shapes_that_do_not_fit_are_named():
    j = terms("float64")["sandwich"]
    with pytest.raises(ValueError, match=r"MatrixMap.jvp: the last axes of dx must be \(3, 4\)"):
        j.jvp(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"MatrixMap.vjp: the last axes of g must be \(2, 5\)"):
        j.vjp(np.ones(5))
    with pytest.raises(ValueError, match="composition of maps: a map from shape"):
        j @ j
    with pytest.raises(ValueError, match="sum of maps"):
        j + j.adjoint
    with pytest.raises(ValueError, match="order must be"):
        j.dense("K")
    with pytest.raises(ValueError, match="layout must be one of"):
        j.dense(layout="both")
    with pytest.raises(TypeError, match="only scalar functions have one"):
        j.gradient  # noqa: B018


def test_the_gradient_is_the_matrix_of_the_differential():
    for dtype in DTYPES:
        a = m(dtype, 3, 4)
        assert np.array_equal(Inner(a, (3, 4)).gradient, a.array)


def test_a_block_is_maps_side_by_side():
    every = terms("float64")
    block = Block([every["left"], Sandwich(m("float64", 2, 2), None, (2, 4), (2, 4))])
    dx = [random("float64", 3, 4), random("float64", 2, 4)]
    dense = block.dense()
    assert dense.shape == (8, 20)
    stacked = np.concatenate([d.ravel("F") for d in dx])
    np.testing.assert_allclose(dense @ stacked, block.jvp(dx).ravel("F"))
    np.testing.assert_allclose(block.operator() @ stacked, dense @ stacked)
    g = random("float64", 2, 4)
    for part, each in zip(block.vjp(g), block.maps, strict=True):
        np.testing.assert_allclose(part, each.vjp(g))


@pytest.mark.parametrize("name", terms("float64"))
def test_a_batch_may_be_empty(name):
    j = terms("float64")[name]
    assert j.jvp(np.zeros((0, 2, *j.in_shape))).shape == (0, 2, *j.out_shape)
    assert j.vjp(np.zeros((0, 2, *j.out_shape))).shape == (0, 2, *j.in_shape)


def test_a_block_is_as_complete_as_a_map():
    every = terms("float64")
    block = Block([every["left"], Sandwich(m("float64", 2, 2), None, (2, 4), (2, 4))])
    after = Sandwich(m("float64", 5, 2), None, (2, 4), (5, 4))
    np.testing.assert_allclose((after @ block).dense(), after.dense() @ block.dense(), rtol=1e-13)
    assert [t.shape for t in block.tensor()] == [(2, 4, 3, 4), (2, 4, 2, 4)]
    g = random("float64", 2, 4)
    for adjoint, pulled in zip(block.adjoint, block.vjp(g), strict=True):
        np.testing.assert_allclose(adjoint.jvp(g), pulled, rtol=1e-13)
    assert block.text("F") == str(block) != block.text("C")
    assert block._repr_latex_().startswith("$\\left[I \\otimes")


def test_powers_by_squaring_have_no_exponential_derivative():
    y = x = Variable(np.eye(3) + 1e-4 * random("float64", 3, 3), "X")
    for _ in range(12):
        y = y @ y
    j = D(y, x)
    assert len(getattr(j, "terms", [j])) <= LONGEST_SUM
    dx = random("float64", 3, 3, seed=1)
    np.testing.assert_allclose(j.jvp(dx), jvp(y, x, dx), rtol=1e-9)


def test_what_does_not_depend_on_a_variable_has_zeros_of_its_dtype():
    x, z = Variable(np.ones(2, np.float32)), Variable(np.ones(3) * 1j)
    assert vjp(x @ x, z, 1.0).dtype == np.complex128
    assert jvp(z, x, np.ones(2)).dtype == np.complex128
    assert grad(x @ x, [x, z])[1].dtype == np.complex128
