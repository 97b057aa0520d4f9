"""The worked examples of docs/calculus: their numbers, and PyTorch's derivatives of the same."""

import numpy as np
import pytest

from kronvec import calculus as kc
from kronvec.calculus import D, Variable, constant, grad, tensor_to_jacobian

A = np.array([[1.0, 2, 3], [4, 5, 6]])
W = np.array([[7.0, 8], [10, 11], [12, 13]])
B = np.array([13.0, 14])
ROW, COLUMN = np.array([5.0, 7, 11]), np.array([1.0, 0, -1])
V = np.array([[1.0, 2], [3, 4]])
IMAGE = np.array([[1.0, 2, 0, 1], [0, 1, 3, 1], [2, 1, 0, 0]])
KERNEL = np.array([[1.0, -1], [2, 0]])
w, x, z = np.array([4.0, 1, 6]), np.array([1.0, 2, 3]), np.array(2.0)


def correlated(torch, image, kernel):
    return torch.nn.functional.conv2d(image[None, None], kernel[None, None])[0, 0]


# name -> (the function, with kronvec.calculus or torch for its operations; its arguments)
EXAMPLES = {
    "2 sum(A)": (lambda o, a: 2 * o.sum(a), [A]),
    "A W + B": (lambda o, w, b, a: a @ w + b, [W, B, A]),
    "sum(A W + B)": (lambda o, w, b, a: o.sum(a @ w + b), [W, B, A]),
    "y = W x": (lambda o, x, m: m @ x, [COLUMN, A]),
    "y = x W": (lambda o, x, m: x @ m, [ROW, W]),
    "Y = X W": (lambda o, x, m: x @ m, [A, W]),
    "y = V W x": (lambda o, x, m, v: v @ (m @ x), [COLUMN, A, V]),
    "A X B": (lambda o, x, a, b: a @ x @ b, [W, A, V]),
    "(A X)ᵀ": (lambda o, x, a: (a @ x).T, [W, A]),
    "XᵀX": (lambda o, x: x.T @ x, [W]),
    "C (A X B) E": (lambda o, x, a, b, c: c @ (a @ x @ b) @ c, [W, A, V, V.T]),
    "L(W x + b)": (lambda o, m, b, x, t: 0.5 * o.sum((m @ x + b - t) ** 2), [A, B, x, V[0]]),
    "L(W X + b 1ᵀ)": (lambda o, m, b, s: 0.5 * o.sum((m @ s + b) ** 2), [A, B[:, None], W]),
    "K ⋆ X": (
        lambda o, i, k: o.correlate2d(i, k) if o is kc else correlated(o, i, k),
        [IMAGE, KERNEL],
    ),
    "‖K ⋆ X‖²": (
        lambda o, i, k: o.sum((o.correlate2d(i, k) if o is kc else correlated(o, i, k)) ** 2),
        [IMAGE, KERNEL],
    ),
    "f, g": (
        lambda o, p: o.concatenate([3 * p[:1] ** 2 * p[1:], 2 * p[:1] + p[1:] ** 8]),
        [np.array([2.0, 1])],
    ),
    "x": (lambda o, x: x, [x]),
    "tr(A X)": (lambda o, x, a: o.trace(a @ x), [W, A]),
    "z A": (lambda o, z, a: z * a, [z, A]),
    "w + x": (lambda o, w, x: w + x, [w, x]),
    "w - x": (lambda o, w, x: w - x, [w, x]),
    "w ∘ x": (lambda o, w, x: w * x, [w, x]),
    "w ⊘ x": (lambda o, w, x: w / x, [w, x]),
    "x + z": (lambda o, x, z: x + z, [x, z]),
    "x z": (lambda o, x, z: x * z, [x, z]),
    "sum(x)": (lambda o, x: o.sum(x), [x]),
    "sum(x z)": (lambda o, x, z: o.sum(x * z), [x, z]),
    "max(w, x)": (lambda o, w, x: o.maximum(w, x), [w, x]),
}
every_example = pytest.mark.parametrize(
    ("name", "i"), [(name, i) for name, (_, args) in EXAMPLES.items() for i in range(len(args))]
)


def ours(name, i):
    """The result and its derivative with respect to argument i."""
    f, arguments = EXAMPLES[name]
    variables = [Variable(a) for a in arguments]
    y = f(kc, *variables)
    return y, variables[i], D(y, variables[i])


@every_example
def test_the_derivatives_are_those_of_pytorch(name, i):
    torch = pytest.importorskip("torch")
    f, arguments = EXAMPLES[name]
    tensors = [torch.tensor(a) for a in arguments]
    y, X, J = ours(name, i)

    def of_argument(t):
        return f(torch, *tensors[:i], t, *tensors[i + 1 :])

    jacobian = torch.autograd.functional.jacobian(of_argument, tensors[i])
    np.testing.assert_allclose(y.value, of_argument(tensors[i]).numpy(), rtol=1e-14)
    np.testing.assert_allclose(J.tensor(), jacobian.numpy(), rtol=1e-14)
    for order in ("F", "C"):
        for layout in ("numerator", "denominator"):
            converted = tensor_to_jacobian(
                jacobian.numpy(), X.shape, y.shape, order=order, layout=layout
            )
            np.testing.assert_allclose(J.dense(order, layout), converted, rtol=1e-14)
    if y.shape == ():
        leaf = tensors[i].clone().requires_grad_()
        of_argument(leaf).backward()
        np.testing.assert_allclose(grad(y, X), leaf.grad.numpy(), rtol=1e-14)


@every_example
def test_the_derivatives_are_those_of_complex_steps(name, i):
    f, arguments = EXAMPLES[name]
    kc.check_derivative(lambda x: f(kc, *arguments[:i], x, *arguments[i + 1 :]), arguments[i])


def test_the_gradient_of_a_sum_is_two_everywhere():
    y, X, _ = ours("2 sum(A)", 0)
    assert y.value == 42
    assert np.array_equal(grad(y, X), np.full((2, 3), 2.0))


def test_the_row_major_jacobian_of_a_product():
    y, X, J = ours("A W + B", 0)
    expected = [[1, 0, 2, 0, 3, 0], [0, 1, 0, 2, 0, 3], [4, 0, 5, 0, 6, 0], [0, 4, 0, 5, 0, 6]]
    assert np.array_equal(J.dense("C"), expected)
    named = Variable(W, "W")
    assert D(constant(A, "A") @ named + B, named).text("C") == "A ⊗ I"


def test_the_chain_rule_by_hand():
    y, X, J = ours("sum(A W + B)", 0)
    assert y.value == 501
    assert np.array_equal(J.dense("C"), [[5, 5, 7, 7, 9, 9]])
    assert np.array_equal(np.ones((1, 4)) @ ours("A W + B", 0)[2].dense("C"), J.dense("C"))
    assert np.array_equal(grad(y, X), [[5, 5], [7, 7], [9, 9]])


def test_three_indices_of_which_two_matter():
    F = ours("y = x W", 1)[2].tensor()
    G = np.einsum("iji->ij", F)
    assert np.array_equal(G, [ROW, ROW])
    assert np.count_nonzero(F) == np.count_nonzero(G)


def test_rows_of_a_product_depend_on_their_rows_alone():
    T = ours("Y = X W", 0)[2].tensor()
    for a, c in np.ndindex(2, 2):
        assert np.array_equal(T[a, :, c, :].T, W if a == c else 0 * W)


@pytest.mark.parametrize(
    ("name", "i", "formula"),
    [
        ("y = W x", 0, "W"),
        ("y = x W", 0, "Wᵀ"),
        ("y = x W", 1, "I ⊗ xᵀ"),
        ("A X B", 0, "Bᵀ ⊗ A"),
        ("w ∘ x", 0, "diag(x)"),
        ("w - x", 1, "-I"),
        ("K ⋆ X", 0, "Toeplitz(K)"),
    ],
)
def test_what_is_printed_is_the_structure(name, i, formula):
    f, arguments = EXAMPLES[name]
    names = {"y = W x": "xW", "y = x W": "xW", "A X B": "XAB", "w ∘ x": "wx", "w - x": "wx"}
    variables = [Variable(a, n) for a, n in zip(arguments, names.get(name, "XK"), strict=True)]
    assert str(D(f(kc, *variables), variables[i])) == formula
