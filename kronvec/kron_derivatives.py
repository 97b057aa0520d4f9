"""Pull-backs of triple products, Kronecker products and products with many factors.

The conventions are those of derivatives.py: adjoints unless ``conjugate=False``, and each
gradient reduced to the shape of its operand.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ._factor_gradients import pull_back_factors
from ._factor_shapes import check_kron_axis, read_factors
from ._foreign import array_api
from ._gradients import adjoint, pull_back_kron, read_cotangent, reduce_to
from ._shapes import as_plain, broadcast, broadcast_batch, check_order, shape_error
from .products import triple_product

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray


@array_api
def triple_product_vjp(
    g: ArrayLike, a: ArrayLike, b: ArrayLike, c: ArrayLike, *, conjugate: bool = True
) -> tuple[NDArray, NDArray, NDArray]:
    """Pull a cotangent G back through Y = A B C: ``G (BC)ᴴ``, ``Aᴴ G Cᴴ``, ``(AB)ᴴ G``.

    Parameters
    ----------
    g : array_like, shape (..., m, q)
        Cotangent of Y, of its shape or broadcasting to it.
    a : array_like, shape (..., m, n)
    b : array_like, shape (..., n, p)
    c : array_like, shape (..., p, q)
        Leading axes broadcast as in `numpy.matmul`.
    conjugate : bool
        False takes transposes instead of adjoints.

    Returns
    -------
    da, db, dc : ndarray
        Of the shapes of a, b and c.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    References
    ----------
    .. [1] M. B. Giles, "Collected matrix derivative results for forward and reverse mode
       algorithmic differentiation", Advances in Automatic Differentiation (2008), section 2.2.2.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> da, db, dc = kv.triple_product_vjp(np.ones((1, 1)), [[2.0]], [[3.0]], [[5.0]])
    >>> da, db, dc
    (array([[15.]]), array([[10.]]), array([[6.]]))
    """
    return _triple_product_vjp("triple_product_vjp", g, a, b, c, conjugate)


def _triple_product_vjp(function, g, a, b, c, conjugate):
    g = as_plain(function, "g", g, min_ndim=2)
    a = as_plain(function, "a", a, min_ndim=2)
    b = as_plain(function, "b", b, min_ndim=2)
    c = as_plain(function, "c", c, min_ndim=2)
    (m, n), (p, q) = a.shape[-2:], c.shape[-2:]
    if b.shape[-2:] != (n, p):
        message = "a (..., m, n), b (..., n, p) and c (..., p, q) are needed"
        raise shape_error(function, message, g=g, a=a, b=b, c=c)
    batch = broadcast_batch(function, a=a, b=b, c=c)
    g = read_cotangent(function, g, (*batch, m, q), a=a, b=b, c=c)
    dtype = np.result_type(g, a, b, c)
    g = g.astype(dtype, copy=False)
    ah, bh, ch = (adjoint(f, conjugate) for f in (a, b, c))
    # G Cᴴ serves dA and dB, or Aᴴ G serves dB and dC: take the cheaper way round.
    by_right = m * p * (q + 2 * n) + _cheapest(p, n, m, q)
    by_left = n * q * (m + 2 * p) + _cheapest(m, q, p, n)
    if by_right <= by_left:
        gc = np.matmul(g, ch)
        da, db, dc = np.matmul(gc, bh), np.matmul(ah, gc), triple_product(bh, ah, g)
    else:
        ag = np.matmul(ah, g)
        da, db, dc = triple_product(g, ch, bh), np.matmul(ag, ch), np.matmul(bh, ag)
    return reduce_to(da, a.shape), reduce_to(db, b.shape), reduce_to(dc, c.shape)


def _cheapest(m, n, p, q):
    """Multiply-adds of a triple product of these sizes."""
    return min(m * p * (n + q), n * q * (m + p))


@array_api
def vec_trick_vjp(
    g: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    *,
    order: str = "F",
    conjugate: bool = True,
) -> tuple[NDArray, NDArray, NDArray]:
    """Pull a cotangent back through y = (Cᵀ ⊗ A) vec(B).

    With g = vec(G): ``dA = G (BC)ᴴ``, ``db = vec(Aᴴ G Cᴴ)``, ``dC = (AB)ᴴ G``.

    Parameters
    ----------
    g : array_like, shape (..., m * q)
        Cotangent of `vec_trick`, of its result's shape or broadcasting to it.
    a : array_like, shape (..., m, n)
    b : array_like, shape (..., n * p)
    c : array_like, shape (..., p, q)
        Leading axes broadcast as in `numpy.matmul`.
    order : {"F", "C"}
        Whether vec stacks columns or rows.
    conjugate : bool
        False takes transposes instead of adjoints.

    Returns
    -------
    da, db, dc : ndarray
        Of the shapes of a, b and c.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    References
    ----------
    .. [1] J. R. Magnus and H. Neudecker, "Matrix Differential Calculus", 3rd ed. (2019),
       chapter 9, section 14.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> da, db, dc = kv.vec_trick_vjp([1.0, 0.0], np.eye(2), np.arange(2.0), [[3.0]])
    >>> db
    array([3., 0.])
    """
    function = "vec_trick_vjp"
    by_columns = check_order(function, order) == "F"
    g = as_plain(function, "g", g, min_ndim=1)
    a = as_plain(function, "a", a, min_ndim=2)
    b = as_plain(function, "b", b, min_ndim=1)
    c = as_plain(function, "c", c, min_ndim=2)
    (m, n), (p, q) = a.shape[-2:], c.shape[-2:]
    if b.shape[-1] != n * p or g.shape[-1] != m * q:
        message = (
            f"g must have {m} * {q} = {m * q} and b {n} * {p} = {n * p} entries on the last axis"
        )
        raise shape_error(function, message, g=g, a=a, b=b, c=c)

    def unfold(v, rows, cols):
        if by_columns:
            return np.swapaxes(v.reshape(*v.shape[:-1], cols, rows), -1, -2)
        return v.reshape(*v.shape[:-1], rows, cols)

    da, db, dc = _triple_product_vjp(function, unfold(g, m, q), a, unfold(b, n, p), c, conjugate)
    db = np.swapaxes(db, -1, -2) if by_columns else db
    return da, db.reshape(b.shape), dc


@array_api
def kron_vjp(
    g: ArrayLike, a: ArrayLike, b: ArrayLike, *, conjugate: bool = True
) -> tuple[NDArray, NDArray]:
    """Pull a cotangent G back through Y = A ⊗ B.

    ``dA[i, j] = Σ_kl G[i p + k, j q + l] B*[k, l]`` and
    ``dB[k, l] = Σ_ij A*[i, j] G[i p + k, j q + l]``.

    Parameters
    ----------
    g : array_like, shape (..., m * p, n * q)
        Cotangent of Y, of its shape or broadcasting to it.
    a : array_like, shape (..., m, n)
    b : array_like, shape (..., p, q)
        Leading axes broadcast as in `bkron`; two 1-D operands count as in `kron`.
    conjugate : bool
        False leaves the conjugates out.

    Returns
    -------
    da, db : ndarray
        Of the shapes of a and b.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    References
    ----------
    .. [1] C. F. Van Loan and N. Pitsianis, "Approximation with Kronecker products", Linear
       Algebra for Large Scale and Real-Time Applications (1993), 293-314: the realignment.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> da, db = kv.kron_vjp(np.ones((2, 4)), np.ones((1, 2)), 3 * np.ones((2, 2)))
    >>> da
    array([[12., 12.]])
    """
    g = as_plain("kron_vjp", "g", g, min_ndim=1)
    a = as_plain("kron_vjp", "a", a, min_ndim=1)
    b = as_plain("kron_vjp", "b", b, min_ndim=1)
    a_shape, b_shape = a.shape, b.shape
    if a.ndim == b.ndim == 1:
        g, a, b = g[..., None, :], a[None, :], b[None, :]
    elif min(a.ndim, b.ndim) == 1:
        raise shape_error("kron_vjp", "a and b must both be vectors or both matrices", a=a, b=b)
    batch = broadcast_batch("kron_vjp", a=a, b=b)
    (m, n), (p, q) = a.shape[-2:], b.shape[-2:]
    g = read_cotangent("kron_vjp", g, (*batch, m * p, n * q), a=a, b=b)
    g = g.astype(np.result_type(g, a, b), copy=False)
    da, db = pull_back_kron(g, a, b, conjugate)
    return reduce_to(da, a.shape).reshape(a_shape), reduce_to(db, b.shape).reshape(b_shape)


@array_api
def kron_matmul_vjp(
    g: ArrayLike, factors: Iterable[ArrayLike], x: ArrayLike, *, conjugate: bool = True
) -> tuple[list[NDArray], NDArray]:
    """Pull a cotangent G back through Y = (F1 ⊗ … ⊗ FN) X.

    ``dX = (F1 ⊗ … ⊗ FN)ᴴ G``; dF_i contracts every axis but the i-th of G, pulled back
    through the factors after i, with X, pushed through those before i.

    Parameters
    ----------
    g : array_like, shape (..., Π q_i, k) or (Π q_i,)
        Cotangent of Y, of its shape or broadcasting to it.
    factors : sequence of array_like, each of shape (..., q_i, p_i)
    x : array_like, shape (..., Π p_i, k) or (Π p_i,)
    conjugate : bool
        False takes transposes instead of adjoints.

    Returns
    -------
    df : list of ndarray
        Of the shapes of the factors.
    dx : ndarray
        Of the shape of x.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there is no factor.
    TypeError
        If ``factors`` is not a sequence of matrices.

    Notes
    -----
    Small neighbouring factors are multiplied out and pulled back together, as `kron_vjp` does.
    The intermediate products are kept, so memory grows with the number of such groups.

    References
    ----------
    .. [1] C. F. Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123
       (2000), 85-100.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> factors = [np.eye(2), np.eye(2)]
    >>> df, dx = kv.kron_matmul_vjp(np.ones(4), factors, np.arange(4.0))
    >>> df[0]
    array([[1., 5.],
           [1., 5.]])
    """
    function = "kron_matmul_vjp"
    x = as_plain(function, "x", x, min_ndim=1)
    g = as_plain(function, "g", g, min_ndim=1)
    factors = [as_plain(function, "factor", f) for f in read_factors(function, factors)]
    check_kron_axis(function, factors, x, -min(x.ndim, 2))
    columns = x.shape[-1:] if x.ndim > 1 else ()
    try:
        batch = broadcast(x.shape[:-2], *(f.shape[:-2] for f in factors))
    except ValueError:
        named = {f"factor_{i}": f for i, f in enumerate(factors)}
        raise shape_error(function, "batch axes do not broadcast", x=x, **named) from None
    rows = prod(f.shape[-2] for f in factors)
    g = read_cotangent(function, g, (*batch, rows, *columns), x=x)
    return pull_back_factors(function, g, factors, x, batch, conjugate)
