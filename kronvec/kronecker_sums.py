"""Kronecker sums: F1 ⊕ … ⊕ FN = Σ_i I ⊗ … ⊗ F_i ⊗ … ⊗ I of square factors, formed and applied.

With X seen as x[l, p, r] around axis i, term i is the mode product of F_i along that axis.  All
terms of a group of axes are added up while a block of X and of the result is in cache, so that
memory is crossed once for each group, not once for each term.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from . import _engine, _kernels
from ._factor_shapes import check_kron_axis, factors_batch, read_factors
from ._fastpath import two_tier
from ._foreign import array_api
from ._plan import Pass, make_sum_plan
from ._results import store, wrap_like
from ._run import step_matrix
from ._scaling import (
    check_scalars,
    check_target,
    combine,
    is_one,
    is_zero,
    scaled_dtype,
    with_alpha,
)
from ._shapes import (
    as_array,
    broadcast_batch,
    check_addressable,
    check_out,
    check_square,
    check_unmasked,
)
from ._threads import check_workers, run_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from ._typing import Array, DType, Scalar, Shape


# Room for what numpy.matmul makes of a large factor before it is added to the result.
_TERM_BYTES = 1 << 20


@array_api
def kronsum(*mats: ArrayLike, out: Array | None = None) -> Array:
    """Kronecker sum of square matrices, formed: ``A ⊕ B = A ⊗ I + I ⊗ B``.

    ``A ⊕ B ⊕ C = A ⊗ I ⊗ I + I ⊗ B ⊗ I + I ⊗ I ⊗ C``, and so on.  `scipy.sparse.kronsum`
    has the reverse order: ``scipy.sparse.kronsum(A, B)`` is ``kronsum(B, A)``.

    Parameters
    ----------
    *mats : array_like, each of shape (..., n_i, n_i)
        One at least; leading axes broadcast as in `numpy.matmul`.
    out : ndarray, optional
        Where to put the result; may overlap the matrices.

    Returns
    -------
    ndarray, shape (..., Π n_i, Π n_i)
        Of the matrices' result type.

    Raises
    ------
    ValueError
        If there is no matrix, one is not square, batch axes do not broadcast, the result could
        not be addressed, or ``out`` does not fit.
    TypeError
        If a matrix is masked, or the result cannot be cast to the dtype of ``out`` by the rule
        "same_kind".

    See Also
    --------
    kronsum_matmul : multiply by a Kronecker sum without forming it.

    References
    ----------
    .. [1] R. A. Horn and C. R. Johnson, "Topics in Matrix Analysis" (1991), section 4.4.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> kv.kronsum(np.array([[1, 2], [3, 4]]), np.array([[10, 20], [30, 40]]))
    array([[11, 20,  2,  0],
           [30, 41,  0,  2],
           [ 3,  0, 14, 20],
           [ 0,  3, 30, 44]])
    """
    operands, factors = _read_square("kronsum", mats)
    batch = broadcast_batch("kronsum", None, **{f"factor_{i}": f for i, f in enumerate(factors)})
    sizes = [f.shape[-1] for f in factors]
    shape = (*batch, prod(sizes), prod(sizes))
    dtype = np.result_type(*factors)
    check_addressable("kronsum", shape, dtype.itemsize)
    if out is not None:
        check_out("kronsum", out, shape, dtype)
    result = _formed(factors, shape, dtype)
    return wrap_like(result, *operands) if out is None else store("kronsum", result, out)


def _formed(factors: Sequence[Array], shape: Shape, dtype: DType) -> Array:
    """F1 ⊕ … ⊕ FN, of this shape."""
    y = np.zeros(shape, dtype.newbyteorder("="))
    left, right = 1, shape[-1]
    for f in factors if y.size else []:
        n = f.shape[-1]
        right //= n
        blocks = _diagonal_blocks(y, left, n, right)
        blocks += f[..., None, None, :, :].astype(dtype, copy=False)
        left *= n
    return y


def _merged(factors: Sequence[Array]) -> Array:
    """A ⊕ B ⊕ …, the matrix of one step."""
    n = prod(f.shape[-1] for f in factors)
    return factors[0] if len(factors) == 1 else _formed(factors, (n, n), factors[0].dtype)


def _diagonal_blocks(y: Array, left: int, n: int, right: int) -> Array:
    """The view d[..., l, r, p, q] = y[..., (l n + p) right + r, (l n + q) right + r]."""
    *batch, row, column = y.strides
    return np.lib.stride_tricks.as_strided(
        y,
        (*y.shape[:-2], left, right, n, n),
        (*batch, n * right * (row + column), row + column, right * row, right * column),
    )


@two_tier("kronsum_matmul")
@array_api
def kronsum_matmul(
    factors: Iterable[ArrayLike],
    x: ArrayLike,
    *,
    alpha: Scalar = 1,
    beta: Scalar = 0,
    out: Array | None = None,
    workers: int | None = None,
) -> Array:
    """Multiply by a Kronecker sum: ``alpha (F1 ⊕ … ⊕ FN) X + beta out``.

    ``F1 ⊕ … ⊕ FN = Σ_i I ⊗ … ⊗ F_i ⊗ … ⊗ I``, as `kronsum` forms it.  Discretized Laplacians
    on grids and Hamiltonians of systems without interaction have this form.

    Parameters
    ----------
    factors : sequence of array_like, each of shape (..., n_i, n_i)
        Leading axes broadcast with those of X.
    x : array_like, shape (..., Π n_i, k) or (Π n_i,)
    alpha, beta : scalar
        With ``beta=0`` the old content of ``out`` is not read.
    out : ndarray, optional
        Where to put the result; may overlap the operands.  Needed if beta is not 0.
    workers : int, optional
        How many threads share the work; -1 for all CPUs.  The result is bitwise the same.

    Returns
    -------
    ndarray, shape (..., Π n_i, k) or (Π n_i,)
        Of the operands' result type.

    Raises
    ------
    ValueError
        If there is no factor, one is not square, X does not have Π n_i rows, batch axes do not
        broadcast, beta is not 0 without ``out``, alpha or beta do not fit the
        result's dtype, or ``out`` does not fit.
    TypeError
        If ``factors`` is not a sequence of matrices, an operand is masked, or the result cannot
        be cast to the dtype of ``out`` by the rule "same_kind".

    See Also
    --------
    kronsum : the matrix itself.
    kron_matmul : the Kronecker product.

    Notes
    -----
    A NaN or inf of X reaches the entries whose indices differ from its own along one axis at
    most: the zeros of the identities do not spread it.

    Besides the result a copy of X is made where that is not contiguous, aligned and of the
    result's dtype.

    References
    ----------
    .. [1] R. A. Horn and C. R. Johnson, "Topics in Matrix Analysis" (1991), section 4.4.

    Examples
    --------
    The Laplacian of a function on a 3 x 4 grid, by second differences along each axis:

    >>> import numpy as np
    >>> import kronvec as kv
    >>> def second_difference(n):
    ...     return np.eye(n, k=1) + np.eye(n, k=-1) - 2 * np.eye(n)
    >>> grid = np.zeros((3, 4))
    >>> grid[1, 1] = 1
    >>> factors = [second_difference(3), second_difference(4)]
    >>> kv.kronsum_matmul(factors, grid.ravel()).reshape(3, 4)
    array([[ 0.,  1.,  0.,  0.],
           [ 1., -4.,  1.,  0.],
           [ 0.,  1.,  0.,  0.]])
    """
    function = "kronsum_matmul"
    workers = check_workers(function, workers)
    check_scalars(function, alpha, beta)
    x = as_array(function, "x", x, min_ndim=1)
    operands, dense = _read_square(function, factors, x)
    x = np.asarray(x)
    core = min(x.ndim, 2)
    check_kron_axis(function, dense, x, -core, of="sum")
    batch = factors_batch(function, dense, x, core)
    shape = (*batch, *x.shape[x.ndim - core :])
    dtype = scaled_dtype(alpha, *dense, x)
    check_target(function, out, beta, shape, dtype)
    dense = [with_alpha(function, [f], alpha, dtype)[0] for f in dense]
    right = x.shape[-1] if core == 2 else 1
    if dtype not in _kernels.DTYPES or any(f.ndim > 2 for f in dense):
        result = _sum_of_matmul(dense, x.astype(dtype, copy=False), core).reshape(shape)
        return combine(result, beta, out, operands)
    result = None
    if out is not None and out.dtype == dtype and out.flags.carray:
        result = None if any(np.may_share_memory(out, a) for a in (x, *dense)) else out
    direct = result is not None
    result = np.empty(shape, dtype) if result is None else result
    adds = direct and not is_zero(beta)
    if adds and not is_one(beta):
        np.multiply(result, beta, out=result, casting="same_kind")
    if result.size:
        source = np.require(x, dtype, ["C", "A"]).reshape(-1)
        _run(dense, prod(batch), right, source, result.reshape(-1), adds, workers)
    return result if direct else combine(result, beta, out, operands)


def _read_square(
    function: str, factors: Iterable[ArrayLike], *others: Array
) -> tuple[list[Array], list[Array]]:
    """The operands as given, and the factors as plain arrays."""
    factors = read_factors(function, factors)
    for i, f in enumerate(factors):
        check_square(function, f"factor_{i}", f)
    operands = [*others, *factors]
    check_unmasked(function, *operands)
    return operands, [np.asarray(f) for f in factors]


def _sum_of_matmul(factors: Sequence[Array], x: Array, core: int) -> Array:
    """Σ_i (I ⊗ F_i ⊗ I) X, a product for each term: batched factors, odd dtypes."""
    batch, right = x.shape[: x.ndim - core], prod(x.shape[x.ndim - core + 1 :])
    before, behind = 1, prod(f.shape[-1] for f in factors) * right
    total: Any = None
    rows = behind
    for f in factors:
        n = f.shape[-1]
        behind = behind // n if n else 0
        term = np.matmul(f[..., None, :, :], x.reshape(*batch, before, n, behind))
        term = term.reshape(*term.shape[:-3], rows)
        total = term if total is None else total + term
        before *= n
    return total


def _run(
    factors: Sequence[Array],
    left: int,
    right: int,
    x: Array,
    y: Array,
    accumulate: bool,
    workers: int,
) -> None:
    """y (+)= Σ_i (I ⊗ F_i ⊗ I) x of flat contiguous arrays, pass after pass."""
    sizes, lanes = tuple(f.shape[-1] for f in factors), _kernels.vector_bytes() // x.itemsize
    plan = make_sum_plan(sizes, left, right, x.itemsize, max(1, lanes), True)
    if any(len(s.factors) > 1 for each in plan.passes for s in each.steps) and not _finite(x):
        plan = make_sum_plan(sizes, left, right, x.itemsize, max(1, lanes), False)
    for each in plan.passes:
        matrices = [step_matrix(factors, step, x.dtype, _merged) for step in each.steps]
        if each.kernel == "matmul":
            _run_matmul(each, matrices[0], x, y, accumulate)
        else:
            _run_blocks(each, matrices, x, y, accumulate, workers)
        accumulate = True


def _finite(x: Array) -> Scalar:
    """Whether no entry is NaN or infinite (False also where squares overflow)."""
    return np.isfinite(_engine.row_sqnorm(x.reshape(1, -1))[0])


def _run_blocks(
    each: Pass, matrices: list[Array], x: Array, y: Array, accumulate: bool, workers: int
) -> None:
    sizes = each.sizes
    run_ranges(
        lambda begin, end: _engine.run_sum_pass(sizes, matrices, x, y, accumulate, begin, end),
        each.blocks,
        workers,
    )


def _run_matmul(each: Pass, f: Array, x: Array, y: Array, accumulate: bool) -> None:
    """y[l,q,r] (+)= Σ_p f[q,p] x[l,p,r] by numpy.matmul; a real f makes complex data real."""
    if f.dtype != x.dtype:
        x, y = x.view(f.dtype), y.view(f.dtype)
    left, n = each.left, each.rows_in
    x, y = x.reshape(left, n, -1), y.reshape(left, n, -1)
    right = x.shape[-1]
    if not accumulate:
        if right == 1:  # rows of x times fᵀ
            np.matmul(x.reshape(1, left, n), f.T, out=y.reshape(1, left, n))
        else:
            np.matmul(f, x, out=y)
        return
    width = min(right, max(64, _TERM_BYTES // (n * x.itemsize)))
    count = max(1, _TERM_BYTES // (n * width * x.itemsize))
    for start in range(0, left, count):
        for r in range(0, right, width):
            part = slice(start, start + count), slice(None), slice(r, r + width)
            y[part] += np.matmul(f, x[part])
