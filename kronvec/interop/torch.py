"""Products of torch tensors: custom operators with autograd, vmap and shape rules.

Tensors on the CPU of dtype float32, float64, complex64 or complex128 are computed by kronvec, on
the tensors' own memory; others by torch's matmul, where they are.  Gradients are torch's, of
any order.  Operators live in the namespace ``kronvec`` of `torch.ops`; `torch.compile` calls
them as they are.

>>> import torch
>>> from kronvec.interop.torch import kron_matmul
>>> a = torch.eye(2, requires_grad=True)
>>> kron_matmul([a, a], torch.arange(4.0)).sum().backward()
>>> a.grad
tensor([[3., 9.],
        [3., 9.]])
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

try:
    import torch
except ImportError as error:
    raise ImportError("kronvec.interop.torch needs PyTorch: pip install kronvec[torch]") from error

from ._reading import (
    check_kinds,
    read_commutation,
    read_kron,
    read_matmul_vjp,
    read_triple,
    shaped_dw,
)
from ._torch_functions import apply_exchange, apply_product, pull_back_product

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from torch import Tensor

__all__ = ["commutation_matmul", "kron_matmul", "matmul_vjp", "triple_product"]


def _promoted(*tensors: Any) -> list[Any]:
    """The tensors in their common dtype; tensors themselves that have it."""
    dtype = reduce(torch.promote_types, (t.dtype for t in tensors))
    return [t.to(dtype) for t in tensors]


def triple_product(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """A B C by the cheaper association, `kronvec.triple_product` of tensors.

    Parameters
    ----------
    a : Tensor, shape (..., m, n)
    b : Tensor, shape (..., n, p)
    c : Tensor, shape (..., p, q)
        Leading axes broadcast as in `torch.matmul`.

    Returns
    -------
    Tensor, shape (..., m, q)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If an operand is not a tensor.

    Examples
    --------
    >>> import torch
    >>> triple_product(torch.ones(1, 2), torch.eye(2), torch.ones(2, 1))
    tensor([[2.]])
    """
    function = "triple_product"
    check_kinds(function, torch.Tensor, a=a, b=b, c=c)
    return apply_product(function, _promoted(*read_triple(torch, function, a, b, c)))


def kron_matmul(factors: Sequence[Tensor], x: Tensor) -> Tensor:
    """(F1 ⊗ … ⊗ FN) X, `kronvec.kron_matmul` of tensors.

    Parameters
    ----------
    factors : sequence of Tensor, each of shape (..., q_i, p_i)
        Leading axes broadcast with those of X.
    x : Tensor, shape (..., Π p_i, k) or (Π p_i,)

    Returns
    -------
    Tensor, shape (..., Π q_i, k) or (..., Π q_i)

    Raises
    ------
    ValueError
        If there is no factor, X does not have Π p_i rows, or batch axes do not broadcast.
    TypeError
        If an operand is not a tensor.

    Notes
    -----
    Real factors of a complex X stay real.  The gradient of all factors takes one sweep forward
    and one backward; a second derivative one such pair for each operand.

    Examples
    --------
    >>> import torch
    >>> kron_matmul([torch.eye(2), torch.tensor([[1.0, -1.0]])], torch.arange(4.0))
    tensor([-1., -1.])
    """
    function = "kron_matmul"
    factors = list(factors)
    check_kinds(function, torch.Tensor, x=x, **{f"factor_{i}": f for i, f in enumerate(factors)})
    operands, is_vector = read_kron(torch, function, factors, x)
    splits = operands[-1].is_complex() and not any(f.is_complex() for f in factors)
    if splits:  # the real and the imaginary part are columns
        x = torch.view_as_real(operands[-1].resolve_conj())
        operands[-1] = x.reshape((*x.shape[:-2], -1))
    y = apply_product(function, _promoted(*operands))
    if splits:
        y = torch.view_as_complex(y.reshape((*y.shape[:-1], -1, 2)))
    return y[..., 0] if is_vector else y


def matmul_vjp(
    g: Tensor, x: Tensor, w: Tensor, *, sum_batch: bool | None = None, conjugate: bool = True
) -> tuple[Tensor, Tensor]:
    """Pull a cotangent G back through Y = X W: ``dX = G Wᴴ``, ``dW = Xᴴ G``.

    Parameters
    ----------
    g : Tensor, shape (..., m, n)
        Of the shape of X W, or broadcasting to it.
    x : Tensor, shape (..., m, k)
    w : Tensor, shape (..., k, n)
        Leading axes broadcast as in `torch.matmul`; 1-D operands count as there.
    sum_batch : bool, optional
        By default dW is reduced to the shape of W; False keeps every batch axis (per-sample
        gradients), True sums them even where W is batched.
    conjugate : bool
        False takes transposes instead of adjoints.

    Returns
    -------
    dx, dw : Tensor

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If an operand is not a tensor.

    Examples
    --------
    >>> import torch
    >>> dx, dw = matmul_vjp(torch.ones(2, 1), torch.ones(2, 3), torch.ones(3, 1))
    >>> dw.T
    tensor([[2., 2., 2.]])
    """
    function = "matmul_vjp"
    check_kinds(function, torch.Tensor, g=g, x=x, w=w)
    sum_batch = None if sum_batch is None else bool(sum_batch)
    operands = _promoted(*read_matmul_vjp(torch, function, g, x, w, sum_batch))
    if not conjugate:
        operands[1:] = [a.conj() for a in operands[1:]]
    dx, dw = pull_back_product("matmul", operands[0], operands[1:])
    return dx.reshape(x.shape), shaped_dw(dw, w, sum_batch)


def commutation_matmul(
    x: Tensor, m: int, n: int, *, side: str = "left", transposed: bool = False
) -> Tensor:
    """K_{m,n} x, or x K_{m,n} for ``side="right"``: `kronvec.commutation_matmul` of tensors.

    Parameters
    ----------
    x : Tensor
        A vector (m n,); a matrix, (m n, k) for the left side and (k, m n) for the right; or a
        batch of matrices.  Any dtype.
    m, n : int
        The shape of the matrices A in K_{m,n} vec(A) = vec(Aᵀ).
    side : {"left", "right"}
    transposed : bool
        Use K_{m,n}ᵀ = K_{n,m}.

    Returns
    -------
    Tensor
        Of the shape and the dtype of x.

    Raises
    ------
    ValueError
        If the axis that K multiplies is not m n long, or ``side`` is neither.
    TypeError
        If x is not a tensor or a size is not an integer.

    Examples
    --------
    >>> import torch
    >>> commutation_matmul(torch.tensor([1, 4, 2, 5, 3, 6]), 2, 3)
    tensor([1, 2, 3, 4, 5, 6])
    """
    function = "commutation_matmul"
    check_kinds(function, torch.Tensor, x=x)
    return apply_exchange(x, *read_commutation(function, x, m, n, side, transposed))
