"""Derivatives of matrix products: push-forwards (jvp) and pull-backs (vjp) of cotangents.

Cotangents pair as ⟨G, Y⟩ = Re tr(Gᴴ Y), so adjoints are conjugated: for Y = X W the pull-back
is dX = G Wᴴ, dW = Xᴴ G.  ``conjugate=False`` takes plain transposes instead.  Each gradient has
the shape of its operand: axes along which that was broadcast are summed.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from . import _engine, _kernels, _ufuncs
from ._fastpath import own_pair, own_product, two_tier
from ._foreign import array_api
from ._gradients import MatmulOperands, adjoint, reduce_to, sum_over
from ._results import assign, in_a_batch, store
from ._shapes import (
    as_array,
    as_plain,
    broadcast,
    broadcast_batch,
    check_addressable,
    check_masks,
    check_out,
    overrides_ufuncs,
    shape_error,
)

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from ._typing import Array, DType, Shape


@two_tier("matmul_vjp")
@array_api
def matmul_vjp(
    g: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    sum_batch: bool | None = None,
    conjugate: bool = True,
) -> tuple[Array, Array]:
    """Pull a cotangent G back through Y = X W: ``dX = G Wᴴ``, ``dW = Xᴴ G``.

    The Jacobian dY/dW is never formed: its non-zeros are the entries of X, each repeated, so
    that X itself is the compact form of it, and Xᴴ G applies it.

    Parameters
    ----------
    g : array_like, shape (..., m, n)
        Cotangent of Y = X W, of Y's shape or broadcasting to it.
    x : array_like, shape (..., m, k)
    w : array_like, shape (..., k, n)
        Leading axes broadcast as in `numpy.matmul`; 1-D operands count as there.
    sum_batch : bool, optional
        What becomes of dW's batch axes.  By default dW is reduced to the shape of W; False
        keeps every batch axis (per-sample gradients), True sums them even where W is batched.
    conjugate : bool
        False takes transposes, dX = G Wᵀ and dW = Xᵀ G, instead of adjoints.

    Returns
    -------
    dx : ndarray, shape of x
    dw : ndarray, shape of w, or (..., k, n) for ``sum_batch=False``, (k, n) for True

    Raises
    ------
    ValueError
        If the shapes do not fit.

    See Also
    --------
    linear_vjp : with a bias.
    per_sample_sqnorm : squared norms of the per-sample gradients alone.

    References
    ----------
    .. [1] M. B. Giles, "Collected matrix derivative results for forward and reverse mode
       algorithmic differentiation", Advances in Automatic Differentiation (2008), section 2.2.2.
    .. [2] E. Learned-Miller, "Vector, matrix, and tensor derivatives".

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> x, w = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.ones((3, 2))
    >>> dx, dw = kv.matmul_vjp(np.ones((2, 2)), x, w)
    >>> dw
    array([[5., 5.],
           [7., 7.],
           [9., 9.]])
    """
    sum_batch = None if sum_batch is None else bool(sum_batch)
    if overrides_ufuncs(g, x, w):
        g, x, w = (a if hasattr(a, "shape") else np.asarray(a) for a in (g, x, w))
        gufunc = _ufuncs.matmul_vjp_conj if conjugate else _ufuncs.matmul_vjp
        dx, dw = gufunc(g, x, w)
        if not (hasattr(dx, "shape") and hasattr(dw, "shape")):
            return dx, dw
        return reduce_to(dx, x.shape), _reduce_parameter(dw, w.shape, sum_batch, 2)
    return _pull_back(MatmulOperands("matmul_vjp", g, x, w), sum_batch, conjugate)


def _pull_back(ops: MatmulOperands, sum_batch: bool | None, conjugate: bool) -> tuple[Array, Array]:
    if ops.shared_w and sum_batch is not False:
        # One product over all rows of all samples sums dW on the way.
        rows = prod(ops.g.shape[:-1])
        rows_g = ops.g.reshape(rows, ops.g.shape[-1])
        rows_x = np.broadcast_to(ops.x, (*ops.batch, *ops.x.shape[-2:]))
        rows_x = rows_x.reshape(rows, ops.x.shape[-1])
        dx, dw = _vjp_pair(rows_g, rows_x, ops.w.reshape(ops.w.shape[-2:]), ops.dtype, conjugate)
        dx = dx.reshape(*ops.batch, *ops.x.shape[-2:])
    else:
        dx, dw = _vjp_pair(ops.g, ops.x, ops.w, ops.dtype, conjugate)
    dx = reduce_to(dx, ops.x.shape).reshape(ops.x_shape)
    return dx, _shape_dw(dw, ops, sum_batch)


def _vjp_pair(g: Array, x: Array, w: Array, dtype: DType, conjugate: bool) -> tuple[Array, Array]:
    """G Wᴴ and Xᴴ G over the batch: small ones in one gufunc, others by np.matmul."""
    m, k = x.shape[-2:]
    n = w.shape[-1]
    if dtype in _kernels.DTYPES and own_pair(m, k, n):
        gufunc = _ufuncs.matmul_vjp_conj if conjugate else _ufuncs.matmul_vjp
        return gufunc(g, x, w, dtype=dtype, casting="unsafe")
    dx = np.matmul(g, adjoint(w, conjugate), dtype=dtype)
    return dx, np.matmul(adjoint(x, conjugate), g, dtype=dtype)


def _shape_dw(dw: Array, ops: MatmulOperands, sum_batch: bool | None) -> Array:
    """dw (..., k, n) with its batch axes as ``sum_batch`` says, and W's missing column dropped."""
    core = 1 if len(ops.w_shape) == 1 else 2
    dw = dw.reshape(*dw.shape[:-2], *ops.w.shape[-2 : ops.w.ndim - 2 + core])
    return _reduce_parameter(dw, ops.w_shape, sum_batch, core)


def _reduce_parameter(gradient: Any, shape: Shape, sum_batch: bool | None, core: int) -> Any:
    """The gradient of a parameter whose last ``core`` axes are not batch."""
    if sum_batch is False:
        return gradient
    if sum_batch:
        shape = shape[len(shape) - core :]
    return reduce_to(gradient, shape)


@two_tier("matmul_jvp")
@array_api
def matmul_jvp(
    dx: ArrayLike, dw: ArrayLike, x: ArrayLike, w: ArrayLike, *, out: Array | None = None
) -> Array:
    """Push tangents forward through Y = X W: ``dY = dX W + X dW``.

    Parameters
    ----------
    dx : array_like, shape (..., m, k)
    dw : array_like, shape (..., k, n)
        Tangents of x and w.
    x : array_like, shape (..., m, k)
    w : array_like, shape (..., k, n)
        Leading axes of all four broadcast as in `numpy.matmul`; 1-D operands count as there.
    out : ndarray, optional
        Where to put the result; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., m, n)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If the result cannot be cast to the dtype of ``out`` by the rule "same_kind".

    References
    ----------
    .. [1] M. B. Giles, "Collected matrix derivative results for forward and reverse mode
       algorithmic differentiation", Advances in Automatic Differentiation (2008), section 2.2.2.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> x = w = np.eye(2)
    >>> kv.matmul_jvp(np.ones((2, 2)), np.ones((2, 2)), x, w)
    array([[2., 2.],
           [2., 2.]])
    """
    if overrides_ufuncs(dx, dw, x, w, out):
        return _ufuncs.matmul_jvp(dx, dw, x, w, out=out)
    name = "matmul_jvp"
    dx, x = as_array(name, "dx", dx, min_ndim=1), as_array(name, "x", x, min_ndim=1)
    dw, w = as_array(name, "dw", dw, min_ndim=1), as_array(name, "w", w, min_ndim=1)
    given = {"dx": dx, "dw": dw, "x": x, "w": w}
    row, column = x.ndim == 1, w.ndim == 1
    x_core, w_core = (1 if row else 2), (1 if column else 2)
    if (
        x.shape[-1] != w.shape[-w_core]
        or dx.shape[-x_core:] != x.shape[-x_core:]
        or dw.shape[-w_core:] != w.shape[-w_core:]
        or (row and dx.ndim != 1)
        or (column and dw.ndim != 1)
    ):
        raise shape_error(name, "dx and x (..., m, k), dw and w (..., k, n) are needed", **given)
    dx, x = (a[None, :] if row else a for a in (dx, x))
    dw, w = (a[:, None] if column else a for a in (dw, w))
    batch = broadcast_batch(name, dx=dx, dw=dw, x=x, w=w)
    dx, dw, x, w = in_a_batch(batch, dx, dw, x, w)
    m, k = x.shape[-2:]
    n = w.shape[-1]
    check_masks(name, (m, n), dx, dw, x, w)
    shape = (*batch, *(() if row else (m,)), *(() if column else (n,)))
    dtype = np.result_type(dx, dw, x, w)
    check_addressable(name, shape, dtype.itemsize)
    if out is not None:
        check_out(name, out, shape, dtype)
    plain = all(type(a) is np.ndarray for a in (dx, dw, x, w))
    if plain and dtype in _kernels.DTYPES and own_product(m, k, n):
        target = None if out is None else out.reshape(*batch, m, n)
        result = _ufuncs.matmul_jvp(dx, dw, x, w, out=target, dtype=dtype, casting="unsafe")
    else:
        result = np.matmul(dx, w, dtype=dtype) + np.matmul(x, dw, dtype=dtype)
        if out is not None:
            assign(out, result.reshape(shape))
    return result.reshape(shape) if out is None else out


@array_api
def linear_vjp(
    g: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    bias: bool = True,
    sum_batch: bool | None = None,
    conjugate: bool = True,
) -> tuple[Array, ...]:
    """Pull a cotangent G back through Y = X W + b: ``dX = G Wᴴ``, ``dW = Xᴴ G``, ``db = Σ G``.

    Parameters
    ----------
    g : array_like, shape (..., m, n)
        Cotangent of Y.
    x : array_like, shape (..., m, k)
    w : array_like, shape (..., k, n)
        Leading axes broadcast as in `numpy.matmul`; 1-D operands count as there.
    bias : bool
        False leaves db out.
    sum_batch : bool, optional
        What becomes of the batch axes of dW and db.  By default they are those of W (b has one
        row per W); False keeps every batch axis, True sums all of them.
    conjugate : bool
        False takes transposes instead of adjoints.

    Returns
    -------
    dx : ndarray, shape of x
    dw : ndarray, shape of w, or (..., k, n) for ``sum_batch=False``, (k, n) for True
    db : ndarray, shape (..., n)
        Only with ``bias``: G summed over its rows, with dW's batch axes.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    See Also
    --------
    matmul_vjp : without a bias.

    References
    ----------
    .. [1] M. B. Giles, "Collected matrix derivative results for forward and reverse mode
       algorithmic differentiation", Advances in Automatic Differentiation (2008), section 2.2.2.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> x, w = np.array([[1.0, 2.0], [3.0, 4.0]]), np.eye(2)
    >>> dx, dw, db = kv.linear_vjp(np.ones((2, 2)), x, w)
    >>> db
    array([2., 2.])
    """
    sum_batch = None if sum_batch is None else bool(sum_batch)
    if overrides_ufuncs(g, x, w):
        g, x, w = (a if hasattr(a, "shape") else np.asarray(a) for a in (g, x, w))
        dx, dw = matmul_vjp(g, x, w, sum_batch=sum_batch, conjugate=conjugate)
        db = g.sum(axis=-2)  # type: ignore[union-attr]  # it has a shape, so it is an array
    else:
        w = as_plain("linear_vjp", "w", w, min_ndim=2)
        ops = MatmulOperands("linear_vjp", g, x, w)
        dx, dw = _pull_back(ops, sum_batch, conjugate)
        db = sum_over(ops.g.astype(ops.dtype, copy=False), -2)
    if not bias:
        return dx, dw
    return dx, dw, _reduce_parameter(db, (*w.shape[:-2], w.shape[-1]), sum_batch, 1)


@array_api
def per_sample_sqnorm(g: ArrayLike, x: ArrayLike, *, out: Array | None = None) -> Array:
    """Squared norm of each sample's weight gradient: ``‖dW_i‖²_F`` with ``dW_i = X_iᴴ G_i``.

    Parameters
    ----------
    g : array_like, shape (B, n) or (..., t, n)
    x : array_like, shape (B, k) or (..., t, k)
        Two axes: each row is a sample, and the norm is ‖x_i‖² ‖g_i‖².  More axes: the leading
        ones are samples, each of t rows.
    out : ndarray, optional
        Where to put the result; may overlap the operands.

    Returns
    -------
    ndarray, shape (B,) or (...)
        Real.

    Raises
    ------
    ValueError
        If the shapes do not fit, or ``out`` does not.
    TypeError
        If the result cannot be cast to the dtype of ``out`` by the rule "same_kind".

    See Also
    --------
    matmul_vjp : the gradients themselves, with ``sum_batch=False``.

    Notes
    -----
    No gradient of a row is formed.  For samples of t rows the smaller of X_iᴴ G_i and of the
    Gram matrices X_i X_iᴴ, G_i G_iᴴ is.

    References
    ----------
    .. [1] I. Goodfellow, "Efficient per-example gradient computations", arXiv:1510.01799 (2015).

    Examples
    --------
    >>> import kronvec as kv
    >>> kv.per_sample_sqnorm([[1.0, 0.0], [0.0, 2.0]], [[3.0, 4.0], [1.0, 0.0]])
    array([25.,  4.])
    """
    function = "per_sample_sqnorm"
    g = as_plain(function, "g", g, min_ndim=2)
    x = as_plain(function, "x", x, min_ndim=2)
    rows = g.ndim == x.ndim == 2
    core = 1 if rows else 2
    fits = rows or g.shape[-2] == x.shape[-2]
    try:
        shape = broadcast(g.shape[: g.ndim - core], x.shape[: x.ndim - core])
    except ValueError:
        fits = False
    if not fits:
        message = "g (B, n) and x (B, k), or g (..., t, n) and x (..., t, k), are needed"
        raise shape_error(function, message, g=g, x=x)
    dtype = np.result_type(g, x)
    real = np.empty(0, dtype).real.dtype
    if out is not None:
        check_out(function, out, shape, real)
    if 0 in (g.shape[-1], x.shape[-1]):  # no entries, whatever the other holds
        result = np.zeros(shape, real)
    elif dtype not in _kernels.DTYPES:
        from . import _reference

        result = np.asarray(_reference.per_sample_sqnorm(g, x))
    elif rows:
        result = _row_sqnorm(x, dtype) * _row_sqnorm(g, dtype)
    else:
        result = _sample_sqnorm(g, x, dtype)
    return result if out is None else store(function, result, out)


def _row_sqnorm(a: Array, dtype: DType) -> Array:
    rows = np.require(a, dtype, ["C", "A"]).reshape(prod(a.shape[:-1]), a.shape[-1])
    return _engine.row_sqnorm(rows).reshape(a.shape[:-1])


def _sample_sqnorm(g: Array, x: Array, dtype: DType) -> Array:
    (t, n), k = g.shape[-2:], x.shape[-1]
    if t * (k + n) < k * n:
        # ‖Xᴴ G‖² = Σ (X Xᴴ) ∘ conj(G Gᴴ)
        gram_x = np.matmul(x, adjoint(x, True), dtype=dtype)
        gram_g = np.matmul(g, adjoint(g, True), dtype=dtype)
        return np.sum(gram_x * np.conj(gram_g), axis=(-2, -1)).real
    dw = np.matmul(adjoint(x, True), g, dtype=dtype)
    return _row_sqnorm(dw.reshape(*dw.shape[:-2], k * n), dtype)
