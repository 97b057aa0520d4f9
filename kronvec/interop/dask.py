"""kronvec on Dask arrays, over processes and machines.

Batches are computed chunk by chunk, by our kernels.  A vector that is chunked along the axis of
the Kronecker product itself crosses the network once, whatever the number of factors; docs/dask.md
has the cost model.
"""

from __future__ import annotations

from math import prod

import numpy as np

try:
    import dask
    import dask.array as da
    import distributed  # noqa: F401  (the extra brings both)
except ImportError:
    raise ImportError("kronvec.interop.dask needs Dask; install kronvec[dask]") from None

from .._factor_shapes import IdentityFactor, check_kron_axis, size_identity
from .._shapes import shape_error
from ..operators import Identity
from ._dask_batched import (
    as_dask,
    bkron,
    generic,
    matmul_jvp,
    matmul_vjp,
    triple_product,
    vec_trick,
)
from ._dask_grid import apply_to_grid, flatten, read_grid
from ._dask_solve import ShiftedSolve, conjugate_gradients, is_zero, read_system

__all__ = [
    "bkron",
    "cg",
    "grid_matmul",
    "kron_matmul",
    "kron_matvec",
    "kron_vecmat",
    "matmul_jvp",
    "matmul_kron",
    "matmul_vjp",
    "solve",
    "triple_product",
    "vec_trick",
]


# ---- many factors along a chunked axis ---------------------------------------------------


def kron_matmul(factors, x, *, alpha=1):
    """Multiply by a Kronecker product: ``alpha (F1 ⊗ … ⊗ FN) X``, X chunked along any axis.

    The factors that are local to a chunk are applied there, one exchange regroups the entries,
    the other factors follow: N k entries are moved once, whatever the number of factors.

    Parameters
    ----------
    factors : sequence of array_like or dask arrays, each of shape (q_i, p_i)
        ``operators.Identity(n)`` is an identity, None one of the size that follows from x.
        Batches of factors go the generic way.
    x : dask array, shape (Π p_i, k) or (Π p_i,)
        Chunks whose borders are multiples of the trailing sizes p_{s+1} … p_N are taken as they
        are; others are moved to the nearest such borders first.
    alpha : scalar

    Returns
    -------
    dask array, shape (Π q_i, k) or (Π q_i,)
        Chunked as the exchange leaves it: Π_{i<=s} q_i times as many small chunks, one for each
        leading row and part of the trailing ones.  A further product of the same leading sizes
        takes these as they are and gives contiguous chunks again.

    Raises
    ------
    ValueError
        If there is no factor, or X does not have Π p_i rows.
    TypeError
        If ``factors`` is not a sequence of matrices.

    See Also
    --------
    kronvec.kron_matmul : the same in one memory.

    References
    ----------
    .. [1] C. F. Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123
       (2000), 85-100.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from kronvec.interop import dask as kd
    >>> x = da.arange(8.0, chunks=2)
    >>> kd.kron_matmul([np.ones((1, 4)), np.eye(2)], x).compute()
    array([12., 16.])
    """
    factors = _read_factors("kron_matmul", factors)
    x = as_dask(x)
    if x.ndim > 2 or any(f is not None and f.ndim > 2 for f in factors):
        return generic("kron_matmul", factors, x, alpha=alpha)
    return _scaled(_along_first(factors, x, "kron_matmul"), alpha)


def grid_matmul(factors, grid):
    """Multiply a grid by a Kronecker product: the form in which large vectors stay distributed.

    The vector x of length Π p_i is ``grid.reshape(-1)``: the first axis of the grid is that of
    the leading factors, the second that of the trailing ones.

    Parameters
    ----------
    factors : sequence of array_like or dask arrays, each of shape (q_i, p_i)
        Or ``operators.Identity(n)``.
    grid : dask array, shape (Π_{i<=s} p_i, Π_{i>s} p_i) or (…, …, k), for some s
        Chunked along the first axis or along the second.

    Returns
    -------
    dask array, shape (Π_{i<=s} q_i, Π_{i>s} q_i) or (…, …, k)
        Chunked along the other of the two axes, in as many chunks.

    Raises
    ------
    ValueError
        If no s gives the grid's shape, or both axes are chunked.

    See Also
    --------
    kron_matmul : of vectors, whose result lies in more and smaller chunks.

    References
    ----------
    .. [1] C. F. Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123
       (2000), 85-100.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from kronvec.interop import dask as kd
    >>> grid = da.ones((4, 6), chunks=(2, 6))
    >>> kd.grid_matmul([np.eye(4), np.eye(2), np.ones((1, 3))], grid).chunks
    ((4,), (1, 1))
    """
    factors = _read_factors("grid_matmul", factors)
    sizes = [f.shape[1] for f in factors]
    leading = [s for s in range(len(sizes) + 1) if prod(sizes[:s]) == grid.shape[0]]
    if not leading or grid.ndim not in (2, 3) or prod(grid.shape[:2]) != prod(sizes):
        message = f"the grid must split the factors' sizes {tuple(sizes)} in two"
        raise shape_error("grid_matmul", message, grid=grid)
    if min(grid.numblocks[:2]) > 1:
        raise ValueError(
            f"grid_matmul: one of the first two axes must be in one chunk, got {grid.chunks[:2]}"
        )
    dtype = np.result_type(grid.dtype, *(f.dtype for f in factors if not isinstance(f, Identity)))
    columns = grid if grid.ndim == 3 else grid[..., None]
    result = apply_to_grid(factors, columns, leading[-1], dtype=dtype)
    return result if grid.ndim == 3 else result[..., 0]


def matmul_kron(x, factors, *, alpha=1):
    """Multiply by a Kronecker product from the right: ``alpha X (F1 ⊗ … ⊗ FN)``.

    As `kron_matmul`, for X of shape (k, Π q_i) or (Π q_i,).
    """
    factors = _read_factors("matmul_kron", factors)
    x = as_dask(x)
    if x.ndim > 2 or any(f is not None and f.ndim > 2 for f in factors):
        return generic("matmul_kron", x, factors, alpha=alpha)
    return _scaled(_along_first(_transposed(factors), x.T, "matmul_kron").T, alpha)


def kron_matvec(factors, x):
    """Multiply vectors by a Kronecker product: ``y = (F1 ⊗ … ⊗ FN) x`` for x (..., Π p_i).

    As `kron_matmul`; batches chunked along their leading axes alone move nothing.
    """
    return _matvec("kron_matvec", _read_factors("kron_matvec", factors), x)


def kron_vecmat(x, factors):
    """Multiply row vectors by a Kronecker product: ``y = x (F1 ⊗ … ⊗ FN)`` for x (..., Π q_i)."""
    return _matvec("kron_vecmat", _transposed(_read_factors("kron_vecmat", factors)), x)


def _matvec(function, factors, x):
    x = as_dask(x)
    if any(f is not None and f.ndim > 2 for f in factors):
        return generic("kron_matvec", factors, x)
    if x.ndim < 2:
        return _along_first(factors, x, function)
    batch = x.shape[:-1]
    y = _along_first(factors, x.reshape(prod(batch), x.shape[-1]).T, function).T
    return y.reshape(*batch, y.shape[-1])


def _along_first(factors, x, function):
    """K X for X (N,) or (N, k)."""
    shapes = [IdentityFactor(f.shape[0]) if isinstance(f, Identity) else f for f in factors]
    shapes = size_identity(function, shapes, x.shape[0])
    check_kron_axis(function, shapes, x, 0)
    factors = [Identity(f.shape[0]) if isinstance(f, IdentityFactor) else f for f in shapes]
    sizes = [f.shape[1] for f in factors]
    dtype = np.result_type(x.dtype, *(f.dtype for f in factors if not isinstance(f, Identity)))
    grid, split = read_grid(x, sizes)
    return flatten(apply_to_grid(factors, grid, split, dtype=dtype), x.ndim == 1)


def _read_factors(function, factors):
    if hasattr(factors, "shape"):
        raise TypeError(f"{function}: factors must be a sequence of matrices, got one array")
    read = list(factors)
    if not read:
        raise ValueError(f"{function}: at least one factor is needed")
    for i, f in enumerate(read):
        if f is not None and not isinstance(f, (da.Array, Identity)):
            read[i] = f = np.asarray(f)
        if f is not None and f.ndim < 2:
            raise shape_error(function, f"factor {i} must be a matrix (at least 2 axes)", x=f)
    return read


def _transposed(factors):
    return [f if f is None or isinstance(f, Identity) else f.swapaxes(-1, -2) for f in factors]


def _scaled(y, alpha):
    return y if type(alpha) is int and alpha == 1 else alpha * y


# ---- systems -----------------------------------------------------------------------------


def solve(K, b, *, shift=0, tol=1e-10, maxiter=1000):
    """Solve ``(K + shift) x = b`` for a Kronecker product K and b chunked along any axis.

    Parameters
    ----------
    K : KroneckerProduct, or its sum with multiples of ``Identity`` and ``Diagonal``
        Of square factors that one worker holds.
    b : dask array, shape (N,) or (N, k)
    shift : scalar or array of shape (N,), a dask array for example
        0: factor by factor, one exchange.  A number σ: by the eigenvectors of Hermitian factors,
        two exchanges.  A vector d, for K + diag(d): conjugate gradients for positive definite
        K + diag(d), preconditioned with (K + σ I)⁻¹ for σ = sqrt(min d max d) where d is
        positive; four exchanges in each step, two without preconditioner.
    tol, maxiter
        Of the conjugate gradients: ‖b - A x‖ <= tol ‖b‖.

    Returns
    -------
    dask array, shape of b

    Raises
    ------
    numpy.linalg.LinAlgError
        If the system is singular (for shift 0: when the result is computed), or the iteration
        does not converge.
    ValueError
        If a factor is not square, not Hermitian where that is needed, or b does not fit.
    TypeError
        If K is another operator.

    See Also
    --------
    cg : for an operator of one's own.

    References
    ----------
    .. [1] C. F. Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123
       (2000), 85-100.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from kronvec.interop import dask as kd
    >>> from kronvec.operators import KroneckerProduct
    >>> K = KroneckerProduct(2 * np.eye(2), np.eye(3))
    >>> kd.solve(K, da.ones(6, chunks=3), shift=2).compute()
    array([0.25, 0.25, 0.25, 0.25, 0.25, 0.25])
    """
    factors, scale, shift = read_system(K, shift)
    b = as_dask(b)
    if b.ndim not in (1, 2):
        raise shape_error("solve", "b must be (N,) or (N, k)", b=b)
    check_kron_axis("solve", factors, b, 0)
    grid, split = read_grid(b, [f.shape[1] for f in factors])
    if is_zero(shift):
        dtype = np.result_type(b.dtype, np.float64, *(f.dtype for f in factors))
        y = _scaled(apply_to_grid(factors, grid, split, "solve", dtype), 1 / scale)
    elif not getattr(shift, "ndim", 0):
        y = ShiftedSolve(_dense(factors), split, shift / scale)(grid) / scale
    else:
        y = _diagonal_solve(_dense(factors), scale, shift, grid, split, b, tol, maxiter)
    return flatten(y, b.ndim == 1)


def _dense(factors):
    return [f.toarray() for f in factors]


def _diagonal_solve(factors, scale, d, grid, split, b, tol, maxiter):
    """(c K + diag(d))⁻¹ on a grid, by conjugate gradients."""
    d = as_dask(d)
    if d.shape != b.shape[:1]:
        raise shape_error("solve", "shift must be a number or a vector of b's length", shift=d)
    d = read_grid(d.rechunk((b.chunks[0],)), [f.shape[1] for f in factors])[0]
    d = d.rechunk((*grid.chunks[:2], 1)).persist()
    low, high = map(float, dask.compute(d.min(), d.max()))
    preconditioner = ShiftedSolve(factors, split, (low * high) ** 0.5 / scale) if low > 0 else None

    def apply(v):
        product = apply_to_grid(factors, v, split)
        return scale * product.rechunk(grid.chunks, threshold=10**12, method="tasks") + d * v

    return conjugate_gradients(apply, grid, preconditioner=preconditioner, tol=tol, maxiter=maxiter)


def cg(apply, b, *, preconditioner=None, x0=None, tol=1e-10, maxiter=1000):
    """Solve ``A x = b`` for a Hermitian positive definite A by conjugate gradients.

    Parameters
    ----------
    apply, preconditioner : callable
        A v, and an approximate A⁻¹ v, of a dask array of b's shape.
    b, x0 : dask array
        Columns, where there are several, are one vector of the iteration.
    tol, maxiter
        The end: ‖b - A x‖ <= tol ‖b‖, or LinAlgError after ``maxiter`` steps.

    Returns
    -------
    dask array, persisted

    Raises
    ------
    numpy.linalg.LinAlgError
        If A is not positive definite, or the iteration does not converge.

    References
    ----------
    .. [1] Y. Saad, "Iterative methods for sparse linear systems", 2nd ed. (2003), section 9.2.

    Examples
    --------
    >>> import dask.array as da
    >>> from kronvec.interop import dask as kd
    >>> kd.cg(lambda v: 2 * v, da.ones(4, chunks=2)).compute()
    array([0.5, 0.5, 0.5, 0.5])
    """
    b = as_dask(b)
    return conjugate_gradients(
        apply, b, preconditioner=preconditioner, x0=x0, tol=tol, maxiter=maxiter
    )


#: What the public functions of kronvec do with Dask arrays; the others are generic.
ARRAY_FUNCTIONS = {
    function.__name__: function
    for function in (
        *(triple_product, matmul_jvp, vec_trick, bkron, matmul_vjp),
        *(kron_matvec, kron_vecmat, kron_matmul, matmul_kron),
    )
}
