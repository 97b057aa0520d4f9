"""Derivatives in the forms that others write: differentials, Jacobians of either order, tensors.

A Jacobian of F (any shape) with respect to X (any shape) is a matrix that takes vec(dX) to
vec(dF).  Order says what vec stacks: "F" the columns (of arrays with more axes, the first index
runs fastest), "C" the rows.  Layout says what stands along the rows: the entries of F in the
numerator layout, those of X in the denominator layout.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import as_array, check_array_shape, check_layout, check_order, shape_error
from ..vectorize import vec_reorder
from .expressions import Expression, Variable
from .terms import Inner

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def from_differential(a: ArrayLike | Expression, name: str | None = None) -> Inner:
    """The derivative of a scalar φ with dφ = tr(Aᵀ dX): gradient A, Jacobian (vec A)ᵀ.

    This is the identification of Magnus and Neudecker read from left to right; `MatrixMap.gradient`
    reads it from right to left.

    Parameters
    ----------
    a : array_like or Expression, shape (m, n), (n,) or ()
        The matrix A, in the shape of X.
    name : str, optional
        What formulas call it; its shape if not given.

    Returns
    -------
    MatrixMap
        From the shape of A to ().

    Raises
    ------
    ValueError
        A has more than two axes.
    TypeError
        It does not hold numbers.

    See Also
    --------
    D : the derivative of an expression.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), table 9.2.

    Examples
    --------
    d tr(X²) = 2 tr(X dX), so A = 2 Xᵀ:

    >>> import numpy as np
    >>> from kronvec.calculus import from_differential
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> J = from_differential(2 * X.T, "A")
    >>> print(J)
    (vec A)ᵀ
    >>> J.dense()
    array([[2., 4., 6., 8.]])
    >>> J.gradient
    array([[2., 6.],
           [4., 8.]])
    """
    a = a if isinstance(a, Expression) else Variable(a, name)
    return Inner(a.matrix, a.shape)


def numerator_to_denominator(jacobian: ArrayLike) -> NDArray:
    """Jᵀ: from one layout to the other, which is the same step back.

    Parameters
    ----------
    jacobian : array_like, shape (..., p, q)

    Returns
    -------
    ndarray, shape (..., q, p)
        A view.

    Raises
    ------
    ValueError
        ``jacobian`` has fewer than two axes.
    TypeError
        It does not hold numbers.

    References
    ----------
    Petersen & Pedersen, *The Matrix Cookbook* (2012), chapter 2.

    Examples
    --------
    >>> from kronvec.calculus import numerator_to_denominator
    >>> numerator_to_denominator([[1, 2, 3]])
    array([[1],
           [2],
           [3]])
    """
    jacobian = as_array("numerator_to_denominator", "jacobian", jacobian, min_ndim=2)
    return np.swapaxes(jacobian, -1, -2)


def jacobian_to_tensor(
    jacobian: ArrayLike,
    in_shape: tuple[int, ...],
    out_shape: tuple[int, ...],
    *,
    order: str = "F",
    layout: str = "numerator",
) -> NDArray:
    """The array ``T[i, …, j, …]`` of ∂F[i, …] / ∂X[j, …] from a Jacobian matrix.

    Parameters
    ----------
    jacobian : array_like, shape (..., size of F, size of X)
        The transpose of these two axes in the denominator layout.
    in_shape, out_shape : tuple of int
        The shapes of X and F, any number of axes.
    order : {"F", "C"}
        What the vec in the Jacobian stacks.
    layout : {"numerator", "denominator"}
        That of the Jacobian.

    Returns
    -------
    ndarray, shape ``(..., *out_shape, *in_shape)``

    Raises
    ------
    ValueError
        The sizes do not fit, or ``order`` or ``layout`` is none of these.
    TypeError
        A shape is no tuple of integers, or ``jacobian`` holds no numbers.

    See Also
    --------
    tensor_to_jacobian : the inverse.

    Examples
    --------
    y = x W for a row x has ∂y_j / ∂W_ij = x_i:

    >>> import numpy as np
    >>> from kronvec.calculus import jacobian_to_tensor
    >>> x = np.array([[5, 7]])
    >>> T = jacobian_to_tensor(np.kron(np.eye(3, dtype=int), x), (2, 3), (3,))
    >>> T.shape
    (3, 2, 3)
    >>> T[1]
    array([[0, 5, 0],
           [0, 7, 0]])
    """
    function = "jacobian_to_tensor"
    jacobian, out_shape, in_shape = _read(function, jacobian, out_shape, in_shape, layout)
    jacobian = _reordered(function, jacobian, out_shape, in_shape, order, "C")
    return jacobian.reshape((*jacobian.shape[:-2], *out_shape, *in_shape))


def tensor_to_jacobian(
    tensor: ArrayLike,
    in_shape: tuple[int, ...],
    out_shape: tuple[int, ...],
    *,
    order: str = "F",
    layout: str = "numerator",
) -> NDArray:
    """The Jacobian matrix from the array ``T[i, …, j, …]`` of ∂F[i, …] / ∂X[j, …].

    Parameters
    ----------
    tensor : array_like, shape ``(..., *out_shape, *in_shape)``
        As `torch.autograd.functional.jacobian` and `jax.jacobian` give it.
    in_shape, out_shape : tuple of int
        The shapes of X and F, any number of axes.
    order : {"F", "C"}
        What the vec in the Jacobian shall stack.
    layout : {"numerator", "denominator"}
        That of the Jacobian.

    Returns
    -------
    ndarray, shape (..., size of F, size of X)
        The transpose of these two axes in the denominator layout.

    Raises
    ------
    ValueError
        The last axes of ``tensor`` are not those of F and X, or ``order`` or ``layout`` is none
        of these.
    TypeError
        A shape is no tuple of integers, or ``tensor`` holds no numbers.

    See Also
    --------
    jacobian_to_tensor : the inverse.

    Examples
    --------
    F(X) = Xᵀ has ∂F_ij / ∂X_kl = 1 for i = l, j = k; its Jacobian is the commutation matrix:

    >>> import numpy as np
    >>> from kronvec.calculus import tensor_to_jacobian
    >>> T = np.einsum("il,jk->ijkl", np.eye(2, dtype=int), np.eye(2, dtype=int))
    >>> tensor_to_jacobian(T, (2, 2), (2, 2))
    array([[1, 0, 0, 0],
           [0, 0, 1, 0],
           [0, 1, 0, 0],
           [0, 0, 0, 1]])
    """
    function = "tensor_to_jacobian"
    out_shape = check_array_shape(function, "out_shape", out_shape)
    in_shape = check_array_shape(function, "in_shape", in_shape)
    check_layout(function, layout)
    tensor = as_array(function, "tensor", tensor)
    shape = (*out_shape, *in_shape)
    batch = tensor.shape[: tensor.ndim - len(shape)]
    if (*batch, *shape) != tensor.shape:
        raise shape_error(function, f"the last axes of tensor must be {shape}", tensor=tensor)
    jacobian = tensor.reshape((*batch, prod(out_shape), prod(in_shape)))
    jacobian = _reordered(function, jacobian, out_shape, in_shape, "C", order)
    return jacobian if layout == "numerator" else np.swapaxes(jacobian, -1, -2)


def reorder_jacobian(
    jacobian: ArrayLike,
    in_shape: tuple[int, ...],
    out_shape: tuple[int, ...],
    source: str,
    target: str,
    *,
    layout: str = "numerator",
) -> NDArray:
    """A Jacobian in the other order of vec: J_C = K(p,q) J_F K(n,m) for F (p, q), X (m, n).

    Parameters
    ----------
    jacobian : array_like, shape (..., size of F, size of X)
        The transpose of these two axes in the denominator layout.
    in_shape, out_shape : tuple of int
        The shapes of X and F, any number of axes.
    source, target : {"F", "C"}
        The order of the Jacobian and that of the result.
    layout : {"numerator", "denominator"}
        That of both.

    Returns
    -------
    ndarray, of the shape of ``jacobian``

    Raises
    ------
    ValueError
        The sizes do not fit, or ``source``, ``target`` or ``layout`` is none of these.
    TypeError
        A shape is no tuple of integers, or ``jacobian`` holds no numbers.

    See Also
    --------
    kronvec.vec_reorder : the same for a vec.
    kronvec.commutation_matmul : the permutation K on either side of a matrix.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 7.

    Examples
    --------
    The Jacobian of A X B is Bᵀ ⊗ A where vec stacks columns, A ⊗ Bᵀ where it stacks rows:

    >>> import numpy as np
    >>> from kronvec.calculus import reorder_jacobian
    >>> A, B = np.array([[1, 2], [3, 4]]), np.array([[5], [6]])
    >>> reorder_jacobian(np.kron(B.T, A), (2, 2), (2, 1), source="F", target="C")
    array([[ 5,  6, 10, 12],
           [15, 18, 20, 24]])
    >>> np.kron(A, B.T)
    array([[ 5,  6, 10, 12],
           [15, 18, 20, 24]])
    """
    function = "reorder_jacobian"
    jacobian, out_shape, in_shape = _read(function, jacobian, out_shape, in_shape, layout)
    jacobian = _reordered(function, jacobian, out_shape, in_shape, source, target)
    return jacobian if layout == "numerator" else np.swapaxes(jacobian, -1, -2)


def _read(function, jacobian, out_shape, in_shape, layout):
    """A Jacobian in the numerator layout and the shapes of F and X."""
    out_shape = check_array_shape(function, "out_shape", out_shape)
    in_shape = check_array_shape(function, "in_shape", in_shape)
    check_layout(function, layout)
    jacobian = as_array(function, "jacobian", jacobian, min_ndim=2)
    if layout == "denominator":
        jacobian = np.swapaxes(jacobian, -1, -2)
    if jacobian.shape[-2:] != (prod(out_shape), prod(in_shape)):
        sizes = prod(out_shape), prod(in_shape)
        raise shape_error(
            function,
            f"the last axes of jacobian must be {sizes if layout == 'numerator' else sizes[::-1]} "
            f"in the {layout} layout for F {out_shape} and X {in_shape}",
            jacobian=jacobian if layout == "numerator" else np.swapaxes(jacobian, -1, -2),
        )
    return jacobian, out_shape, in_shape


def _reordered(function, jacobian, out_shape, in_shape, source, target):
    """A Jacobian in the numerator layout from one order to another."""
    check_order(function, source, "source" if function == "reorder_jacobian" else "order")
    check_order(function, target, "target" if function == "reorder_jacobian" else "order")
    if source == target:
        return np.asarray(jacobian)
    jacobian = _exchanged(jacobian, in_shape, source, target)
    return np.swapaxes(_exchanged(np.swapaxes(jacobian, -1, -2), out_shape, source, target), -1, -2)


def _exchanged(v, shape, source, target):
    """A vec (the last axis) of an array of this shape in the other order."""
    if len(shape) < 2:
        return np.asarray(v)
    if len(shape) == 2:
        return vec_reorder(v, shape, source=source, target=target)
    # Row-major, vec_F(A) is an array of the axes of A in reverse.
    batch, axes = v.shape[:-1], shape if source == "C" else shape[::-1]
    split = v.reshape((*batch, *axes))
    order = (*range(len(batch)), *range(split.ndim - 1, len(batch) - 1, -1))
    return split.transpose(order).reshape(v.shape)
