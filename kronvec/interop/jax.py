"""Products of JAX arrays: with custom_vjp, so that jit, vmap, grad and its powers go through.

On the CPU, arrays of dtype float32, float64, complex64 or complex128 are computed by kronvec:
through an XLA call target (``CALLS == "ffi"``) where kronvec was built beside jaxlib, else
through `jax.pure_callback` (``CALLS == "callback"``).  Other dtypes and devices use jax.numpy.
Gradients are JAX's, transposes without conjugation.  Forward mode (`jax.jvp`) raises TypeError.

>>> import jax
>>> import jax.numpy as jnp
>>> from kronvec.interop.jax import kron_matmul
>>> jax.grad(lambda a: kron_matmul([a, a], jnp.arange(4.0)).sum())(jnp.eye(2))
Array([[3., 9.],
       [3., 9.]], dtype=float32)
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

try:
    import jax
    import jax.numpy as jnp
except ImportError as error:
    raise ImportError("kronvec.interop.jax needs JAX: pip install kronvec[jax]") from error

from ._jax_calls import CALLS, apply_product, exchange_axes, pull_back_product
from ._reading import (
    read_commutation,
    read_kron,
    read_matmul_vjp,
    read_triple,
    shaped_dw,
    split_axis,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from jax.typing import ArrayLike

__all__ = ["CALLS", "commutation_matmul", "kron_matmul", "matmul_vjp", "triple_product"]


def _promoted(*arrays: Any) -> list[Any]:
    """The arrays in their common dtype."""
    dtype = jnp.result_type(*arrays)
    return [a.astype(dtype) for a in arrays]


@jax.jit
def triple_product(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> jax.Array:
    """A B C by the cheaper association, `kronvec.triple_product` of JAX arrays.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
    b : array_like, shape (..., n, p)
    c : array_like, shape (..., p, q)
        Leading axes broadcast as in `jax.numpy.matmul`.

    Returns
    -------
    jax.Array, shape (..., m, q)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> triple_product(jnp.ones((1, 2)), jnp.eye(2), jnp.ones((2, 1)))
    Array([[2.]], dtype=float32)
    """
    a, b, c = map(jnp.asarray, (a, b, c))
    operands = _promoted(*read_triple(jnp, "triple_product", a, b, c))
    return apply_product("triple_product", *operands)


@jax.jit
def kron_matmul(factors: Sequence[ArrayLike], x: ArrayLike) -> jax.Array:
    """(F1 ⊗ … ⊗ FN) X, `kronvec.kron_matmul` of JAX arrays.

    Parameters
    ----------
    factors : list or tuple of array_like, each of shape (..., q_i, p_i)
        Leading axes broadcast with those of X.
    x : array_like, shape (..., Π p_i, k) or (Π p_i,)

    Returns
    -------
    jax.Array, shape (..., Π q_i, k) or (..., Π q_i)

    Raises
    ------
    ValueError
        If there is no factor, X does not have Π p_i rows, or batch axes do not broadcast.

    Notes
    -----
    The gradient of all factors takes one sweep forward and one backward; a second derivative
    one such pair for each operand.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> kron_matmul([jnp.eye(2), jnp.array([[1.0, -1.0]])], jnp.arange(4.0))
    Array([-1., -1.], dtype=float32)
    """
    factors = [jnp.asarray(f) for f in factors]
    operands, is_vector = read_kron(jnp, "kron_matmul", factors, jnp.asarray(x))
    y = apply_product("kron_matmul", *_promoted(*operands))
    return y[..., 0] if is_vector else y


@partial(jax.jit, static_argnames=("sum_batch", "conjugate"))
def matmul_vjp(
    g: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    sum_batch: bool | None = None,
    conjugate: bool = False,
) -> tuple[jax.Array, jax.Array]:
    """Pull a cotangent G back through Y = X W: ``dX = G Wᵀ``, ``dW = Xᵀ G``.

    Parameters
    ----------
    g : array_like, shape (..., m, n)
        Of the shape of X W, or broadcasting to it.
    x : array_like, shape (..., m, k)
    w : array_like, shape (..., k, n)
        Leading axes broadcast as in `jax.numpy.matmul`; 1-D operands count as there.
    sum_batch : bool, optional
        By default dW is reduced to the shape of W; False keeps every batch axis (per-sample
        gradients), True sums them even where W is batched.
    conjugate : bool
        True takes adjoints instead of transposes, as `kronvec.matmul_vjp` does.

    Returns
    -------
    dx, dw : jax.Array

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> dx, dw = matmul_vjp(jnp.ones((2, 1)), jnp.ones((2, 3)), jnp.ones((3, 1)))
    >>> dw.T
    Array([[2., 2., 2.]], dtype=float32)
    """
    g, x, w = map(jnp.asarray, (g, x, w))
    g, x_read, w_read = _promoted(*read_matmul_vjp(jnp, "matmul_vjp", g, x, w, sum_batch))
    if conjugate:
        x_read, w_read = x_read.conj(), w_read.conj()
    dx, dw = pull_back_product("matmul", g, x_read, w_read)
    return dx.reshape(x.shape), shaped_dw(dw, w, sum_batch)


@partial(jax.jit, static_argnames=("m", "n", "side", "transposed"))
def commutation_matmul(
    x: ArrayLike, m: int, n: int, *, side: str = "left", transposed: bool = False
) -> jax.Array:
    """K_{m,n} x, or x K_{m,n} for ``side="right"``: `kronvec.commutation_matmul` of JAX arrays.

    Parameters
    ----------
    x : array_like
        A vector (m n,); a matrix, (m n, k) for the left side and (k, m n) for the right; or a
        batch of matrices.  Any dtype.
    m, n : int
        The shape of the matrices A in K_{m,n} vec(A) = vec(Aᵀ).
    side : {"left", "right"}
    transposed : bool
        Use K_{m,n}ᵀ = K_{n,m}.

    Returns
    -------
    jax.Array
        Of the shape and the dtype of x.

    Raises
    ------
    ValueError
        If the axis that K multiplies is not m n long, or ``side`` is neither.
    TypeError
        If a size is not an integer.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> commutation_matmul(jnp.array([1, 4, 2, 5, 3, 6]), 2, 3)
    Array([1, 2, 3, 4, 5, 6], dtype=int32)
    """
    x = jnp.asarray(x)
    sizes = read_commutation("commutation_matmul", x, m, n, side, transposed)
    return exchange_axes(split_axis(x, *sizes)).reshape(x.shape)
