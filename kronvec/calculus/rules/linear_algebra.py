"""Products, inverses, determinants and norms of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ... import products
from .. import labels
from ..combine import scale
from ..continuation import is_beside_the_real_axis
from ..labels import Label
from ..matrices import Inverse, Matrix, as_matrix
from ..registry import rule
from ..terms import Hadamard, Inner, Kronecker, Sandwich

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..._typing import Array, Scalar
    from ...calculus.expressions import Expression
    from ...calculus.registry import Derivatives


@rule(np.matmul, labels.matmul, shapes=("shape (m, n) or (n,)", "shape (n, p) or (n,)"))
def matmul(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """A B, of vectors and matrices as `numpy.matmul` multiplies them.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, constant, matmul
    >>> X = Variable([[2.0, 1.0], [1.0, 3.0]], "X")
    >>> A = constant([[1.0, 2.0]], "A")
    >>> print(D(matmul(A, X), X))
    I ⊗ A
    >>> print(D(matmul(X, [1.0, 1.0]), X))
    [2]ᵀ ⊗ I
    """
    # d(A B) = dA B + A dB.  A vector on the left is a row, xᵀ B = (Bᵀ x)ᵀ; two vectors make a
    # scalar, aᵀ b.
    if a.ndim == b.ndim == 1:
        return lambda: Inner(b.matrix, a.shape), lambda: Inner(a.matrix, b.shape)
    if a.ndim == 1:
        return (
            lambda: Sandwich(b.matrix.T, None, a.shape, y.shape),
            lambda: Sandwich(None, a.matrix, b.shape, y.shape, transposed=True),
        )
    return (
        lambda: Sandwich(None, b.matrix, a.shape, y.shape),
        lambda: Sandwich(a.matrix, None, b.shape, y.shape),
    )


def _of_square(function: Any) -> Callable[..., Any]:
    """The function, for square matrices alone."""

    def evaluate(a: Array, *more: Array) -> Any:
        if a.ndim != 2 or a.shape[0] != a.shape[1]:
            raise ValueError("a must be a square matrix")
        return function(a, *more)

    return evaluate


@rule(_of_square(np.linalg.inv), lambda a: a.inv, shapes="shape (n, n)", singular="a is singular")
def inv(y: Expression, a: Expression) -> Derivatives:
    """A⁻¹.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, inv
    >>> X = Variable([[2.0, 1.0], [1.0, 3.0]], "X")
    >>> print(D(inv(X), X))
    -X⁻ᵀ ⊗ X⁻¹
    """
    # A A⁻¹ = I gives dA A⁻¹ + A d(A⁻¹) = 0, so d(A⁻¹) = -A⁻¹ dA A⁻¹.
    return (lambda: scale(-1, Sandwich(y.matrix, y.matrix, a.shape, y.shape)),)


@rule(
    _of_square(np.linalg.solve),
    lambda a, b: labels.product(a.inv, b),
    shapes=("shape (n, n)", "shape (n, p) or (n,)"),
    singular="a is singular",
)
def solve(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """A⁻¹ B, for B a matrix or a vector.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, solve
    >>> X = Variable([[2.0, 1.0], [1.0, 3.0]], "X")
    >>> B = Variable([[1.0], [2.0]], "B")
    >>> print(D(solve(X, B), X), "|", D(solve(X, B), B))
    -Bᵀ X⁻ᵀ ⊗ X⁻¹ | X⁻¹
    """
    # A Y = B gives dA Y + A dY = dB, so dY = A⁻¹ dB - A⁻¹ dA Y.
    inverse = Inverse(a.matrix)
    return (
        lambda: scale(-1, Sandwich(inverse, y.matrix, a.shape, y.shape)),
        lambda: Sandwich(inverse, None, b.shape, y.shape),
    )


@rule(np.trace, lambda a: labels.function("tr", a), shapes="shape (m, n)")
def trace(y: Expression, a: Expression) -> Derivatives:
    """tr A.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, trace
    >>> X = Variable([[2.0, 1.0], [1.0, 3.0]], "X")
    >>> print(D(trace(X @ X), X))
    (vec (2 Xᵀ))ᵀ
    """
    # d tr A = tr(I dA)
    return (lambda: Inner(Matrix(np.eye(*a.shape, dtype=a.dtype), labels.IDENTITY), a.shape),)


@rule(_of_square(np.linalg.det), lambda a: labels.function("det", a), shapes="shape (n, n)")
def det(y: Expression, a: Expression) -> Derivatives:
    """det A.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, det
    >>> X = Variable([[2.0, 1.0], [1.0, 3.0]], "X")
    >>> print(D(det(X), X))
    (vec (det(X) X⁻ᵀ))ᵀ
    """

    # Jacobi: d det A = tr(adj(A) dA), adj(A) = det(A) A⁻¹.
    def wrt_a() -> Inner:
        label = labels.product(y.label, a.label.inv.T)
        return Inner(Matrix(_adjugate(a.value, y.value).T, label), a.shape)

    return (wrt_a,)


def _adjugate(a: Array, det: Array) -> Array:
    """adj(A) = det(A) A⁻¹; of a matrix near to a singular one from its singular values.

    With A = U S Vᴴ it is det(U) det(Vᴴ) V adj(S) Uᴴ, which exists for a singular A, too.
    """
    eps = np.finfo(a.dtype).eps
    if det != 0 and np.isfinite(det):
        inverse = np.linalg.inv(a)
        if np.linalg.norm(a) * np.linalg.norm(inverse) * eps < 1e-4:
            return det * inverse
    if is_beside_the_real_axis(a):
        return _adjugate_beside_the_real_axis(a)
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return sign * (vh.conj().T * _products_without(s)) @ u.conj().T


def _products_without(s: Array) -> Array:
    """Π_{k≠i} s_k for every i."""
    return np.array([np.prod(np.delete(s, i)) for i in range(len(s))], s.dtype)


def _adjugate_beside_the_real_axis(a: Array) -> Array:
    """adj(A + i W) = ± V (adj(S) + i d adj(S)[E]) Uᵀ with A = U S Vᵀ and E = Uᵀ W V.

    With p_ij = Π_{k≠i,j} s_k the entries of d adj(S)[E] are -p_ij e_ij, and Σ_{j≠i} p_ij e_jj on
    the diagonal.
    """
    u, s, vh = np.linalg.svd(a.real)
    e = u.T @ a.imag @ vh.T
    p = np.zeros((len(s), len(s)))
    for i in range(len(s)):
        rest = np.delete(s, i)
        p[i, np.arange(len(s)) != i] = _products_without(rest)
    step = np.diag(p @ np.diag(e)) - p * e
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return sign * (vh.T @ (np.diag(_products_without(s)) + 1j * step) @ u.T)


def _logdet(a: Array) -> Scalar:
    """The logarithm of the determinant; that of a real matrix must be positive."""
    sign, logarithm = np.linalg.slogdet(a)
    if sign == 0:
        raise np.linalg.LinAlgError("the determinant is not positive but 0: a is singular")
    if np.iscomplexobj(a):
        return logarithm + np.log(sign)
    if sign < 0:
        raise np.linalg.LinAlgError("the determinant is not positive, its logarithm is not real")
    return logarithm


@rule(
    _of_square(_logdet),
    lambda a: labels.function("log det", a),
    shapes="shape (n, n)",
    singular="a is singular, or real with a negative determinant",
)
def logdet(y: Expression, a: Expression) -> Derivatives:
    """log det A.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, logdet
    >>> X = Variable([[2.0, 1.0], [1.0, 3.0]], "X")
    >>> print(D(logdet(X), X))
    (vec X⁻ᵀ)ᵀ
    """
    # d log det A = tr(A⁻¹ dA), of gradient A⁻ᵀ.
    return (lambda: Inner(Inverse(a.matrix).T, a.shape),)


@rule(
    np.linalg.norm,
    lambda a: Label(f"‖{a.text}‖", f"\\left\\|{a.latex}\\right\\|"),
    holomorphic=False,
    continuation=lambda a: np.sqrt(np.sum(a * a)),
)
def norm(y: Expression, a: Expression) -> Derivatives:
    """‖A‖, the Frobenius norm of a real matrix, the 2-norm of a vector.

    Examples
    --------
    >>> from kronvec.calculus import Variable, grad, norm
    >>> X = Variable([[3.0, 0.0], [0.0, 4.0]], "X")
    >>> grad(norm(X), X)
    array([[0.6, 0. ],
           [0. , 0.8]])
    """
    # d‖A‖ = tr(Aᵀ dA) / ‖A‖; at A = 0, where there is none, the subgradient 0.
    if y.value == 0:
        return (lambda: Inner(Matrix(np.zeros_like(as_matrix(a.value))), a.shape),)
    return (lambda: scale(1 / y.value[()], Inner(a.matrix, a.shape)),)


def _alike(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError("the shapes must be equal")


def _dot(a: Array, b: Array) -> Scalar:
    _alike(a, b)
    return np.einsum("i,i->", a.ravel(), b.ravel())


def _hadamard(a: Array, b: Array) -> Any:
    _alike(a, b)
    return a * b


@rule(_hadamard, labels.hadamard, shapes="of one shape")
def hadamard(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """A ∘ B, of one shape: `multiply` without expansion.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, constant, hadamard
    >>> X = Variable([[2.0, 1.0], [1.0, 3.0]], "X")
    >>> print(D(hadamard(X, constant([[1.0, 2.0], [3.0, 4.0]], "M")), X))
    diag(vec M)
    """
    # d(A ∘ B) = B ∘ dA + A ∘ dB
    return lambda: Hadamard(b.matrix, y.shape), lambda: Hadamard(a.matrix, y.shape)


def _dot_label(a: Label, b: Label) -> Label:
    inside = labels.product(a.T, b)
    return inside if a.ndim == 1 else labels.function("tr", inside)


@rule(_dot, _dot_label, shapes="of one shape")
def dot(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """tr(Aᵀ B) = Σ a_ij b_ij, of matrices or vectors of one shape.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, constant, dot
    >>> X = Variable([[2.0, 1.0], [1.0, 3.0]], "X")
    >>> A = constant([[1.0, 2.0], [3.0, 4.0]], "A")
    >>> print(D(dot(A, X), X))
    (vec A)ᵀ
    """
    # d tr(Aᵀ B) = tr(Bᵀ dA) + tr(Aᵀ dB)
    return lambda: Inner(b.matrix, a.shape), lambda: Inner(a.matrix, b.shape)


def _outer(a: Array, b: Array) -> Array:
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError("both must be vectors")
    return np.outer(a, b)


@rule(_outer, lambda a, b: labels.product(a, b.T), shapes=("shape (m,)", "shape (n,)"))
def outer(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """The matrix a bᵀ of two vectors.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, constant, outer
    >>> x = Variable([1.0, 2.0], "x")
    >>> print(D(outer(x, constant([3.0, 4.0, 5.0], "a")), x))
    a ⊗ I
    """
    # d(a bᵀ) = da bᵀ + a dbᵀ
    return (
        lambda: Sandwich(None, b.matrix.T, a.shape, y.shape),
        lambda: Sandwich(a.matrix, None, b.shape, y.shape, transposed=True),
    )


def _kron(a: Array, b: Array) -> Array:
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError("both must be matrices")
    return products.kron(a, b)


@rule(_kron, labels.kronecker, shapes=("shape (m, n)", "shape (p, q)"))
def kron(y: Expression, a: Expression, b: Expression) -> Derivatives:
    """A ⊗ B.

    Examples
    --------
    >>> from kronvec.calculus import D, Variable, constant, kron
    >>> X = Variable([[1.0, 2.0]], "X")
    >>> print(D(kron(X, constant([[3.0, 4.0]], "B")), X))
    (I ⊗ K(2,1) ⊗ I) (I ⊗ vec B)
    """
    # d(A ⊗ B) = dA ⊗ B + A ⊗ dB
    return (
        lambda: Kronecker(b.matrix, a.shape, y.shape, before=False),
        lambda: Kronecker(a.matrix, b.shape, y.shape, before=True),
    )
