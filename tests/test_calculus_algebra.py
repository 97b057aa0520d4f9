"""Which sums and chains of maps become one term, and how their labels simplify."""

import numpy as np
import pytest

import kronvec.calculus as kc
from helpers import random
from kronvec.calculus import Block, D, MatrixMap, Variable, constant, grad, jvp
from kronvec.calculus import labels as lb
from kronvec.calculus.combinations import Adjoint, Composition, Zero
from kronvec.calculus.matrices import Matrix
from kronvec.calculus.terms import (
    Hadamard,
    Index,
    Kronecker,
    Outer,
    Sandwich,
    identity_map,
    reshaped,
)

L, M, R = (Matrix(random("float64", 3, 3, seed=i), lb.named("LMR"[i])) for i in range(3))
SHAPES = (3, 3), (3, 3)


def same(j, dense):
    np.testing.assert_allclose(j.dense(), dense, rtol=1e-12, atol=1e-12)


# ------------------------------------------------------------------------------------------ sums


@pytest.mark.parametrize("transposed", [False, True])
def test_sandwiches_of_one_right_matrix_add_on_the_left(transposed):
    """L dX R + 2 M dX R = (L + 2 M) dX R."""
    j = Sandwich(L, R, *SHAPES, transposed=transposed)
    k = 2 * Sandwich(M, R, *SHAPES, transposed=transposed)
    assert type(j + k) is Sandwich
    same(j + k, j.dense() + k.dense())


def chain(*maps):
    return Composition(*maps)


def test_equal_chains_add_their_numbers():
    before, after = Hadamard(L, (3, 3)), Sandwich(M, R, *SHAPES)
    one, other = chain(after, before), 3 * chain(after, before)
    total = one + other
    assert total.c == 4 and type(total.map) is Composition
    same(total, 4 * one.dense())
    assert isinstance(one - chain(after, before), Zero)


def test_chains_that_differ_in_one_link_add_there():
    """J K + L K = (J + L) K and J K + J L = J (K + L)."""
    before, after = Hadamard(L, (3, 3)), Sandwich(M, R, *SHAPES)
    for one, other in (
        (chain(after, before), chain(Sandwich(L, R, *SHAPES), before)),
        (chain(after, before), 2 * chain(after, Hadamard(M, (3, 3)))),
    ):
        total = one + other
        assert type(total) is Composition and len(total.maps) == 2
        same(total, one.dense() + other.dense())


def test_chains_of_one_link_that_cannot_be_added_stay_apart():
    before = Hadamard(L, (3, 3))
    one = chain(Sandwich(M, R, *SHAPES), before)
    other = chain(Sandwich(R, M, *SHAPES), before)
    assert len((one + other).terms) == 2
    same(one + other, one.dense() + other.dense())


# ---------------------------------------------------------------------------------------- chains


def test_a_change_of_shape_is_kept_beside_what_cannot_take_it():
    """Of a Hadamard term the shape is that of its matrix."""
    column = Sandwich(None, None, (3,), (3, 1))
    entries = Hadamard(Matrix(random("float64", 3, 1)), (3, 1))
    j = entries @ column
    assert (j.in_shape, j.out_shape) == ((3,), (3, 1))
    same(j, entries.dense() @ column.dense())
    assert type(Outer(Matrix(np.ones((3, 1))), (), (3, 1)) @ identity_map(())) is Outer


def test_a_gather_after_a_scatter_stays_two_steps():
    scatter = Index(None, np.array([5, 0, 0, 3]), (2, 2), (2, 3))
    gather = Index(np.array([0, 5, 1]), None, (2, 3), (3,))
    j = gather @ scatter
    assert type(j) is Composition
    same(j, gather.dense() @ scatter.dense())
    assert type(gather @ reshaped((3, 2), (2, 3))) is Index


# ---------------------------------------------------------------------------------------- labels

A, B, c = lb.named("A"), lb.named("B"), lb.named("c")._replace(ndim=0)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (lb.adjoint(A), "Aᴴ"),
        (lb.adjoint(c), "conj(c)"),
        (lb.adjoint(lb.add(A, B)), "(A + B)ᴴ"),
        (lb.inverse(lb.IDENTITY), "I"),
        (lb.inverse(lb.inverse(A)), "A"),
        (lb.quotient(lb.scale(2, A), B), "2 (A ⊘ B)"),
        (lb.quotient(lb.scale(-1, A), c), "-A / c"),
        (lb.kronecker(lb.scale(2, A), lb.scale(3, B)), "6 (A ⊗ B)"),
        (lb.kronecker(lb.number(2.0), B), "2 B"),
    ],
    ids=lambda p: str(p),
)
def test_labels_simplify(label, text):
    assert label.text == text


def test_the_formula_of_an_adjoint_that_is_no_term_of_its_own():
    j = Kronecker(Matrix(np.ones((3, 2)), lb.named("B")), (2, 4), (6, 8), before=False).adjoint
    assert type(j) is Adjoint
    inside = str(j.adjoint)
    assert str(j) in (f"{inside}ᴴ", f"({inside})ᴴ")
    assert "^{\\mathsf{H}}" in j._repr_latex_()


def test_a_map_of_a_row_vector_has_no_factor_for_its_one_row():
    """dX R of dX (1, n): Rᵀ alone."""
    assert str(Sandwich(None, R, (1, 3), (1, 3))) == "Rᵀ"
    assert str(Sandwich(None, R, (2, 3), (2, 3))) == "Rᵀ ⊗ I"


# ---------------------------------------------------------------------------------- maps, values


def test_maps_tell_their_shapes_and_formulas():
    X = Variable(np.ones((2, 3)), "X")
    j = D(X.T, X)
    assert repr(j) == "<Sandwich (2, 3) -> (3, 2): K(2,3)>"
    assert repr(D(X.T, [X, X])) == "<Block of 2 maps into (3, 2): [K(2,3)  |  K(2,3)]>"
    assert str(-j) == "-K(2,3)"
    same(-j, -j.dense())


@pytest.mark.parametrize(
    "use",
    [
        lambda j: j.jvp(np.ones((2, 2))),
        lambda j: j.vjp(np.ones((2, 2))),
        lambda j: j.operator(),
        lambda j: j.text(),
    ],
)
def test_a_map_without_a_term_does_nothing(use):
    with pytest.raises(NotImplementedError):
        use(MatrixMap((2, 2), (2, 2)))


def test_a_block_of_a_scalar_has_a_gradient_for_each_variable():
    X, Y = Variable(random("float64", 2, 3), "X"), Variable(random("float64", 3, 2, seed=1), "Y")
    phi = kc.trace(X @ Y)
    block = D(phi, [X, Y])
    assert type(block) is Block
    for got, expected in zip(block.gradient, grad(phi, [X, Y]), strict=True):
        np.testing.assert_allclose(got, expected)


def test_a_block_follows_maps_alone():
    X = Variable(np.ones((2, 2)), "X")
    with pytest.raises(TypeError, match="unsupported operand"):
        3.0 @ D(X, [X, X])


def test_what_passes_through_nothing_differentiable_has_no_tangent():
    """sign(X) takes part in Y, but its derivative is none."""
    X = Variable(random("float64", 2, 2), "X")
    dx = random("float64", 2, 2, seed=1)
    y = kc.hadamard(constant(np.ones((2, 2))), X) + kc.cross_entropy(X, [0, 1]) * 0
    np.testing.assert_allclose(jvp(y, X, dx), dx)


def test_unary_plus_changes_nothing():
    X = Variable(np.ones((2, 2)), "X")
    assert +X is X


def test_means_are_methods_too():
    X = Variable(random("float64", 2, 3), "X")
    assert X.mean().value == np.mean(X.value)
    np.testing.assert_allclose(X.mean(axis=0).value, X.value.mean(axis=0))


def test_integer_coefficients_count_as_numbers_of_the_result():
    """X ∘ C for a C of integers and of booleans, as a mask is."""
    X = Variable(random("float32", 2, 3), "X")
    for factor in (np.arange(6).reshape(2, 3), np.eye(2, 3, dtype=bool), 3):
        j = D(X * factor, X)
        assert j.dtype in (np.float32, np.float64)
        expected = np.diag(np.broadcast_to(factor, (2, 3)).ravel("F")).astype(float)
        np.testing.assert_array_equal(j.dense(), expected)
