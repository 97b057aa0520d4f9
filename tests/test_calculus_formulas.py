"""What derivatives print: the formulas of the field, without superfluous brackets or signs."""

import numpy as np
import pytest

import kronvec.calculus as kc
from helpers import random
from kronvec.calculus import D, Variable, constant
from kronvec.calculus import labels as lb

X = Variable(random("float64", 3, 3) + 9 * np.eye(3), "X")
x = Variable(random("float64", 3), "x")
s = Variable(2.0, "s")
A = constant(random("float64", 3, 3, seed=1), "A")
B = constant(random("float64", 3, 3, seed=2), "B")
a = constant(random("float64", 3, seed=3), "a")

# expression, variable, its formula, the derivative for vec by columns, and by rows where different
FORMULAS = [
    (A @ X @ B, X, "A X B", "Bᵀ ⊗ A", "A ⊗ Bᵀ"),
    (2 * (A @ X @ B), X, "2 A X B", "2 (Bᵀ ⊗ A)", "2 (A ⊗ Bᵀ)"),
    (A @ X @ B / 2, X, "A X B / 2", "0.5 (Bᵀ ⊗ A)", "0.5 (A ⊗ Bᵀ)"),
    (-(A @ X @ B), X, "-A X B", "-Bᵀ ⊗ A", "-A ⊗ Bᵀ"),
    (A @ X.T @ B, X, "A Xᵀ B", "(Bᵀ ⊗ A) K(3,3)", "(A ⊗ Bᵀ) K(3,3)"),
    (X.T, X, "Xᵀ", "K(3,3)", None),
    (X.T.T, X, "X", "I", None),
    (X @ X, X, "X X", "Xᵀ ⊗ I + I ⊗ X", "I ⊗ Xᵀ + X ⊗ I"),
    (A @ X @ B - B @ X @ A, X, "A X B - B X A", "Bᵀ ⊗ A - Aᵀ ⊗ B", "A ⊗ Bᵀ - B ⊗ Aᵀ"),
    ((A @ X).T, X, "Xᵀ Aᵀ", "(A ⊗ I) K(3,3)", "(I ⊗ A) K(3,3)"),
    (A @ (B + X), X, "A (B + X)", "I ⊗ A", "A ⊗ I"),
    (A @ (B * X) @ A, X, "A (B ∘ X) A", "(Aᵀ ⊗ A) · diag(vec B)", "(A ⊗ Aᵀ) · diag(vec B)"),
    (kc.inv(X), X, "X⁻¹", "-X⁻ᵀ ⊗ X⁻¹", "-X⁻¹ ⊗ X⁻ᵀ"),
    (kc.inv(X.T), X, "X⁻ᵀ", "-(X⁻¹ ⊗ X⁻ᵀ) K(3,3)", "-(X⁻ᵀ ⊗ X⁻¹) K(3,3)"),
    (kc.solve(X, B), X, "X⁻¹ B", "-Bᵀ X⁻ᵀ ⊗ X⁻¹", "-X⁻¹ ⊗ Bᵀ X⁻ᵀ"),
    (kc.trace(A @ X), X, "tr(A X)", "(vec Aᵀ)ᵀ", None),
    (kc.trace(X.T @ X), X, "tr(Xᵀ X)", "(vec (2 X))ᵀ", None),
    (kc.trace(X.T @ A @ X @ B), X, "tr(Xᵀ A X B)", "(vec (A X B + Aᵀ X Bᵀ))ᵀ", None),
    (kc.trace(kc.inv(X) @ A), X, "tr(X⁻¹ A)", "-(vec (X⁻ᵀ Aᵀ X⁻ᵀ))ᵀ", None),
    (kc.det(X), X, "det(X)", "(vec (det(X) X⁻ᵀ))ᵀ", None),
    (kc.logdet(X), X, "log det(X)", "(vec X⁻ᵀ)ᵀ", None),
    (kc.norm(X) ** 2, X, "‖X‖^2", "2 (vec X)ᵀ", None),
    (0.5 * kc.norm(A @ X - B) ** 2, X, "0.5 ‖A X - B‖^2", "(vec (Aᵀ (A X - B)))ᵀ", None),
    (X * X, X, "X ∘ X", "diag(vec (2 X))", None),
    (X**3, X, "X^3", "diag(vec (3 X^2))", None),
    (X / A, X, "X ⊘ A", "diag(vec (1 ⊘ A))", None),
    (X - X, X, "0", "0", None),
    (3 * X - A, X, "3 X - A", "3 I", None),
    (kc.tanh(x), x, "tanh(x)", "diag(1 - tanh(x)^2)", None),
    (kc.exp(-X), X, "exp(-X)", "-diag(vec exp(-X))", None),
    (kc.relu(X), X, "relu(X)", "diag(vec [X > 0])", None),
    (kc.softmax(x), x, "softmax(x)", "diag(softmax(x)) - softmax(x) · softmax(x)ᵀ", None),
    (kc.logsumexp(X), X, "logsumexp(X)", "(vec softmax(X))ᵀ", None),
    (x @ x, x, "xᵀ x", "2 xᵀ", None),
    (x @ A @ x, x, "xᵀ A x", "(A x + Aᵀ x)ᵀ", None),
    (X @ a, X, "X a", "aᵀ ⊗ I", "I ⊗ aᵀ"),
    (s * X, s, "s X", "vec X", None),
    (kc.vec(X), X, "vec X", "I", "vec"),
    (kc.outer(x, a), x, "x aᵀ", "a ⊗ I", "I ⊗ a"),
    (kc.correlate2d(X, A, "same"), X, "correlate2d(X, A, mode=same)", "Toeplitz(A)", None),
]


@pytest.mark.parametrize(("y", "wrt", "formula", "columns", "rows"), FORMULAS, ids=lambda p: str(p))
def test_formulas(y, wrt, formula, columns, rows):
    j = D(y, wrt)
    assert y.label.text == formula
    assert str(j) == columns
    assert j.text("C") == (columns if rows is None else rows)


@pytest.mark.parametrize(("y", "wrt"), [row[:2] for row in FORMULAS], ids=lambda p: str(p))
def test_latex_is_balanced(y, wrt):
    for latex in (y.label.latex, D(y, wrt)._repr_latex_()):
        assert latex.count("{") == latex.count("}")
        assert latex.count("\\left") == latex.count("\\right")
        assert latex.count("$") % 2 == 0
        depth = 0
        for character in latex:
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert depth >= 0


def test_latex():
    assert D(A @ X @ B, X)._repr_latex_() == "$B^{\\top} \\otimes A$"
    assert D(2 * (A @ X @ B), X)._repr_latex_() == "$2\\, \\left(B^{\\top} \\otimes A\\right)$"
    assert D(kc.inv(X), X)._repr_latex_() == "$-X^{-\\top} \\otimes X^{-1}$"
    assert lb.named("W_12").latex == "W_{12}"
    assert lb.named("bias").latex == "\\mathrm{bias}"


def test_labels_cancel():
    p, q = lb.named("P"), lb.named("Q")
    assert {p.T.T, p.inv.inv, p.conj.conj} == {p}
    assert p.inv.T.text == p.T.inv.text == "P⁻ᵀ"
    assert p.T.conj.text == p.conj.T.text == "Pᴴ"
    assert p.T.conj.T.text == p.conj.text
    assert lb.product(p, q).T.text == "Qᵀ Pᵀ"
    assert lb.product(lb.scale(-1, p), lb.scale(-2, q)).text == "2 P Q"
    assert lb.add(p, q, lb.scale(-1, p)).text == "Q"
    assert lb.add(p, lb.scale(-1, p)).text == "0"
    assert lb.add(lb.add(p, q), p).text == "2 P + Q"
    assert lb.scale(1 + 2j, lb.add(p, q)).text == "(1+2j) (P + Q)"
    assert lb.hadamard(lb.product(p, q), p).text == "(P Q) ∘ P"
    assert lb.product(lb.hadamard(p, q), p).text == "(P ∘ Q) P"
    assert lb.kronecker(lb.add(p, q), p).text == "(P + Q) ⊗ P"
    assert lb.vec(p).T.text == "(vec P)ᵀ"
    assert lb.power(p.T, lb.number(2)).text == "(Pᵀ)^2"


def test_formulas_stay_short():
    y = X
    for _ in range(30):
        y = y * y / kc.norm(y)  # without a bound the formula would double every time
    assert len(y.label.text) < 200
    assert len(str(D(y, X))) < 10_000


def test_what_only_looks_alike_is_not_gathered():
    assert str(D(X[:2] - X[1:], X)) == "take - take"
    assert (X[:2] - X[1:]).label.text == "X[…] - X[…]"
    unnamed = [constant(random("float64", 3, 3, seed=i)) for i in range(2)]
    assert (unnamed[0] - unnamed[1]).label.text == "[3x3] - [3x3]"
    assert (kc.softmax(X) - kc.softmax(X, axis=0)).label.text == "softmax(X) - softmax(X, axis=0)"
    assert (kc.vec(X) - kc.vec(X, "C")).label.text == "vec X - vec(X, order=C)"


def test_a_matrix_that_is_called_as_the_identity_is_not_it():
    named = constant(random("float64", 3, 3), "I")
    assert str(D(named @ X @ A, X)) == "Aᵀ ⊗ I"
    assert str(D(named @ A @ X, X)) == "I ⊗ I A"


def test_maps_that_cancel_leave_no_trace():
    both = D(X + X.T, X)
    assert str(both - D(X, X)) == "K(3,3)"
    assert str(both - both) == "0"
