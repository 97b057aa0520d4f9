"""Jacobians, tensors and differentials of others against the maps they describe."""

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import random
from kronvec.calculus import (
    D,
    Variable,
    constant,
    dot,
    from_differential,
    jacobian_to_tensor,
    numerator_to_denominator,
    reorder_jacobian,
    tensor_to_jacobian,
    trace,
)

array_shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
orders = st.sampled_from(["F", "C"])
layouts = st.sampled_from(["numerator", "denominator"])


@given(
    array_shapes, array_shapes, st.lists(st.integers(0, 3), max_size=2).map(tuple), orders, layouts
)
def test_tensors_and_jacobians_hold_the_same_derivatives(out_shape, in_shape, batch, order, layout):
    T = random("float64", *batch, *out_shape, *in_shape)
    J = tensor_to_jacobian(T, in_shape, out_shape, order=order, layout=layout)
    assert J.dtype == T.dtype
    dX = random("float64", *in_shape, seed=1)
    along = np.tensordot(T, dX, len(in_shape))
    numerator = J if layout == "numerator" else np.swapaxes(J, -1, -2)
    assert numerator.shape == (*batch, prod(out_shape), prod(in_shape))
    for where in np.ndindex(batch):
        dF = numerator[where] @ dX.ravel(order)
        np.testing.assert_allclose(dF, along[where].ravel(order), rtol=1e-12, atol=1e-12)
    back = jacobian_to_tensor(J, in_shape, out_shape, order=order, layout=layout)
    assert np.array_equal(back, T)


@given(array_shapes, array_shapes, orders, orders, layouts)
def test_reordered_jacobians_are_those_of_the_other_order(
    out_shape, in_shape, source, target, layout
):
    T = random("float64", 2, *out_shape, *in_shape)
    given_, expected = (
        tensor_to_jacobian(T, in_shape, out_shape, order=order, layout=layout)
        for order in (source, target)
    )
    J = reorder_jacobian(given_, in_shape, out_shape, source=source, target=target, layout=layout)
    assert np.array_equal(J, expected)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_conversions_agree_with_what_maps_write_out(m, n, p, q):
    A, B = random("float64", p, m), random("float64", n, q)
    X = Variable(random("float64", m, n, seed=2))
    J = D(A @ X @ B, X)
    for order in ("F", "C"):
        other = "C" if order == "F" else "F"
        dense = J.dense(order)
        assert np.array_equal(jacobian_to_tensor(dense, (m, n), (p, q), order=order), J.tensor())
        assert np.array_equal(tensor_to_jacobian(J.tensor(), (m, n), (p, q), order=order), dense)
        reordered = reorder_jacobian(dense, (m, n), (p, q), source=order, target=other)
        assert np.array_equal(reordered, J.dense(other))
        assert np.array_equal(numerator_to_denominator(dense), J.dense(order, "denominator"))


def test_layouts_exchange_the_last_two_axes():
    J = random("float64", 2, 3, 4)
    assert np.array_equal(numerator_to_denominator(J), J.transpose(0, 2, 1))
    assert np.array_equal(numerator_to_denominator(numerator_to_denominator(J)), J)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
def test_a_differential_gives_its_gradient_and_its_row_jacobian(shape, dtype):
    A = random(dtype, *shape)
    J = from_differential(A, "A")
    assert (J.in_shape, J.out_shape) == (shape, ())
    assert np.array_equal(J.gradient, A)
    for order in ("F", "C"):
        assert np.array_equal(J.dense(order), A.reshape(1, -1, order=order))
    dX = random(dtype, *shape, seed=1)
    np.testing.assert_allclose(J.jvp(dX), np.sum(A * dX), rtol=1e-13)


def test_identification_undoes_differentiation():
    A, X = constant(random("float64", 3, 4), "A"), Variable(random("float64", 3, 4, seed=1), "X")
    for phi in (dot(A, X), trace(X.T @ X), (X * X * A).sum()):
        J = D(phi, X)
        assert np.array_equal(from_differential(J.gradient).dense(), J.dense())
    assert str(from_differential(A)) == str(D(dot(A, X), X)) == "(vec A)ᵀ"
    assert str(from_differential(np.ones((3, 4)))) == "(vec [3x4])ᵀ"


def test_a_differential_continues_by_the_chain_rule():
    # φ(Y) = sum(Y∘Y) / 2 has dφ = tr(Yᵀ dY); of Y = A X B the gradient is Aᵀ Y Bᵀ
    A, B = random("float64", 2, 3), random("float64", 4, 5)
    X = Variable(random("float64", 3, 4, seed=2))
    Y = A @ X @ B
    J = from_differential(Y.value) @ D(Y, X)
    np.testing.assert_allclose(J.gradient, A.T @ Y.value @ B.T, rtol=1e-13)


def test_wrong_sizes_are_named():
    J = np.ones((6, 4))
    with pytest.raises(
        ValueError,
        match=r"jacobian_to_tensor: the last axes of jacobian must be \(6, 6\) in the numerator "
        r"layout for F \(2, 3\) and X \(3, 2\); got jacobian \(6, 4\)",
    ):
        jacobian_to_tensor(J, (3, 2), (2, 3))
    with pytest.raises(ValueError, match=r"must be \(4, 6\) in the denominator .* \(6, 4\)"):
        reorder_jacobian(J, (4,), (2, 3), source="F", target="C", layout="denominator")
    with pytest.raises(ValueError, match=r"last axes of tensor must be \(3, 2\); got tensor \(6,"):
        tensor_to_jacobian(J, (2,), (3,))
    with pytest.raises(ValueError, match=r"last axes of tensor must be \(3, 2, 2\)"):
        tensor_to_jacobian(np.ones((2, 2)), (2,), (3, 2))
    with pytest.raises(ValueError, match="at least 2 axes"):
        numerator_to_denominator([1.0])
    with pytest.raises(TypeError, match="in_shape must be a tuple of sizes, got 4"):
        jacobian_to_tensor(J, 4, (2, 3))
    with pytest.raises(TypeError, match=r"out_shape\[0\] must be an integer"):
        jacobian_to_tensor(J, (4,), (2.0, 3))
    with pytest.raises(ValueError, match=r"in_shape\[0\] must not be negative"):
        jacobian_to_tensor(J, (-4,), (6,))
    with pytest.raises(ValueError, match="order must be 'F' or 'C'"):
        jacobian_to_tensor(J, (4,), (6,), order="K")
    with pytest.raises(ValueError, match="target must be 'F' or 'C'"):
        reorder_jacobian(J, (4,), (6,), source="F", target="A")
    with pytest.raises(ValueError, match="layout must be one of"):
        tensor_to_jacobian(J, (4,), (6,), layout="rows")
    with pytest.raises(TypeError, match="must hold numbers"):
        numerator_to_denominator(np.array([["a"]]))
    with pytest.raises(ValueError, match="at most two axes"):
        from_differential(np.ones((2, 2, 2)))
