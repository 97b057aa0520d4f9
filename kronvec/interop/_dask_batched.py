"""Batches over Dask: our kernels chunk by chunk, and gradients of parameters summed in a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask
import dask.array as da
import numpy as np

import kronvec as kv

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._typing import Foreign, Order


def as_dask(x: Foreign) -> Any:
    return x if isinstance(x, da.Array) else da.from_array(np.asarray(x), chunks=-1)


def generic(name: str, *args: Any, **kwargs: Any) -> Any:
    """The function over the array-API namespace of Dask."""
    from array_api_compat.dask import array as xp

    from .array_api import GENERIC, map_leaves

    def move(a: Foreign) -> Any:
        return da.from_array(a, chunks=-1) if isinstance(a, np.ndarray) else a

    return GENERIC[name](xp, *map_leaves(move, args), **kwargs)


# ---- gufuncs -----------------------------------------------------------------------------


def _in_one_chunk(array: Any, core: Any) -> Any:
    """Whether the last ``core`` axes lie in one chunk, as a gufunc needs them."""
    return array.ndim >= core and all(
        len(sizes) == 1 for sizes in array.chunks[array.ndim - core :]
    )


def _batched(
    name: str,
    signature: Any,
    core: Any,
    fits: Any,
    *args: Any,
    sizes: Callable[..., dict[str, int]] | None = None,
    **options: Any,
) -> Any:
    """A function of batches as a gufunc over chunks, the generic one where a matrix is chunked.

    Shapes that do not fit go the generic way, too, which raises at once.
    """
    args = [as_dask(a) for a in args]
    whole = all(_in_one_chunk(a, n) for a, n in zip(args, core, strict=True))
    if not whole or not fits(*(a.shape for a in args)):
        return generic(name, *args, **options)
    return da.apply_gufunc(
        getattr(kv, name),
        signature,
        *args,
        output_dtypes=np.result_type(*(a.dtype for a in args)),
        output_sizes=sizes(*(a.shape for a in args)) if sizes else None,
        **options,
    )


def triple_product(a: Foreign, b: Foreign, c: Foreign) -> Any:
    """A B C over batches, as `kronvec.triple_product`."""

    def fits(a: Foreign, b: Foreign, c: Foreign) -> Any:
        return a[-1] == b[-2] and b[-1] == c[-2]

    return _batched("triple_product", "(m,n),(n,p),(p,q)->(m,q)", (2, 2, 2), fits, a, b, c)


def matmul_jvp(dx: Any, dw: Any, x: Foreign, w: Foreign) -> Any:
    """dX W + X dW over batches, as `kronvec.matmul_jvp`."""

    def fits(dx: Any, dw: Any, x: Foreign, w: Foreign) -> Any:
        return dx[-2:] == x[-2:] and dw[-2:] == w[-2:] and x[-1] == w[-2]

    signature = "(m,k),(k,n),(m,k),(k,n)->(m,n)"
    return _batched("matmul_jvp", signature, (2, 2, 2, 2), fits, dx, dw, x, w)


def vec_trick(a: Foreign, b: Foreign, c: Foreign, *, order: Order = "F") -> Any:
    """vec(A B C) for vec(B) over batches, as `kronvec.vec_trick`."""
    return _batched(
        "vec_trick",
        "(m,n),(b),(p,q)->(y)",
        (2, 1, 2),
        lambda a, b, c: b[-1] == a[-1] * c[-2],
        *(a, b, c),
        sizes=lambda a, b, c: {"y": a[-2] * c[-1]},
        order=order,
    )


def bkron(a: Foreign, b: Foreign) -> Any:
    """A ⊗ B over batches, as `kronvec.bkron`."""
    return _batched(
        "bkron",
        "(m,n),(p,q)->(y,z)",
        (2, 2),
        lambda a, b: True,
        *(a, b),
        sizes=lambda a, b: {"y": a[-2] * b[-2], "z": a[-1] * b[-1]},
    )


# ---- gradients ---------------------------------------------------------------------------


def matmul_vjp(
    g: Foreign,
    x: Foreign,
    w: Foreign,
    *,
    sum_batch: bool | None = None,
    conjugate: bool = True,
    split_every: int = 8,
) -> Any:
    """Pull a cotangent G back through Y = X W: ``dX = G Wᴴ``, ``dW = Xᴴ G``.

    G and X may be chunked along their rows and batch axes; every pair of chunks gives its part
    of dX and of dW in one task, and the parts of dW are summed in a tree.

    Parameters
    ----------
    g : dask array, shape (..., m, n)
        Of the shape of X W, chunked as x.
    x : dask array, shape (..., m, k)
    w : array_like or dask array, shape (k, n)
        Operands that are 1-D, or batched w, go the generic way.
    sum_batch, conjugate
        As in `kronvec.matmul_vjp`; ``sum_batch=False`` goes the generic way.
    split_every : int
        How many parts of dW a task adds up.

    Returns
    -------
    dx : dask array, shape and chunks of x
    dw : dask array, shape of w, one chunk

    Raises
    ------
    ValueError
        If the shapes do not fit.

    See Also
    --------
    kronvec.matmul_vjp : the same in one memory.

    References
    ----------
    .. [1] M. B. Giles, "Collected matrix derivative results for forward and reverse mode
       algorithmic differentiation", Advances in Automatic Differentiation (2008), section 2.2.2.

    Examples
    --------
    >>> import dask.array as da
    >>> from kronvec.interop import dask as kd
    >>> x = da.ones((6, 3), chunks=(2, 3))
    >>> dx, dw = kd.matmul_vjp(da.ones((6, 2), chunks=(2, 2)), x, da.ones((3, 2)))
    >>> dw.compute()[0]
    array([6., 6.])
    """
    g, x, w = map(as_dask, (g, x, w))
    if split_every < 2:
        raise ValueError(f"matmul_vjp: split_every must be at least 2, got {split_every}")
    fits = w.ndim == 2 and x.ndim >= 2 and x.shape[-1] == w.shape[0]
    if not fits or g.shape != (*x.shape[:-1], w.shape[1]) or sum_batch is False:
        return generic("matmul_vjp", g, x, w, sum_batch=sum_batch, conjugate=conjugate)
    x = x.rechunk({-1: -1})
    g = g.rechunk((*x.chunks[:-1], (g.shape[-1],)))
    dtype = np.result_type(g, x, w)
    w_block = w.rechunk(-1).to_delayed().item()
    pair = dask.delayed(kv.matmul_vjp, pure=True, nout=2)
    if not conjugate:
        pair = dask.delayed(_transposed_vjp, pure=True, nout=2)
    g_blocks, x_blocks = g.to_delayed(), x.to_delayed()
    parts, dx_blocks = [], np.empty(x.numblocks, object)
    for index in np.ndindex(*x.numblocks):
        shape = tuple(sizes[i] for sizes, i in zip(x.chunks, index, strict=True))
        dx, dw = pair(g_blocks[index], x_blocks[index], w_block)
        dx_blocks[index] = da.from_delayed(dx, shape, dtype)
        parts.append(dw)
    add = dask.delayed(_added, pure=True)
    while len(parts) > 1:
        parts = [add(parts[i : i + split_every]) for i in range(0, len(parts), split_every)]
    return da.block(dx_blocks.tolist()), da.from_delayed(parts[0], w.shape, dtype)


def _transposed_vjp(g: Foreign, x: Foreign, w: Foreign) -> Any:
    return kv.matmul_vjp(g, x, w, conjugate=False)


def _added(parts: Any) -> Any:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total
