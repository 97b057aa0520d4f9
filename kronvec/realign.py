"""The rearrangement of Van Loan and Pitsianis: the blocks of a matrix as rows of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._foreign import array_api
from ._results import store
from ._shapes import as_movable, check_order
from ._structured import ask, is_operator, is_sparse
from ._subsystem_shapes import check_factor_shapes
from .permutations import rearranged

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray


@array_api
def realignment(
    m: Any,
    shape_a: tuple[int, int],
    shape_b: tuple[int, int],
    *,
    order: str = "F",
    inverse: bool = False,
    out: NDArray | None = None,
) -> NDArray:
    """Rearrange a matrix by its blocks: ``R(A ⊗ B) = vec(A) vec(B)ᵀ``.

    Each block of m, of the shape of B, becomes a row of R(m).  So the matrix nearest to m that is
    a Kronecker product comes from the best approximation of R(m) of rank one.

    Parameters
    ----------
    m : array_like, shape (..., m p, n q)
        Any dtype.  With ``inverse`` R(m), of shape (..., m n, p q).  Sparse matrices of SciPy
        and operators give dense results.
    shape_a, shape_b : (int, int)
        The shapes (m, n) of A and (p, q) of B.
    order : {"F", "C"}
        Which vec: "F" takes the blocks, and the entries of each, column by column, as Van Loan
        and Pitsianis do; "C" row by row, as the realignment criterion of quantum information.
    inverse : bool
        Go back: ``realignment(R, ..., inverse=True)`` is the m with R(m) = R.
    out : ndarray, optional
        Where the result is stored; may overlap ``m`` in any way.

    Returns
    -------
    ndarray, shape (..., m n, p q); with ``inverse`` (..., m p, n q)
        Of the dtype of ``m``, never a view.

    Raises
    ------
    ValueError
        ``m`` is not of the shape that the shapes of A and B make, ``order`` is neither "F" nor
        "C", or ``out`` has another shape or is read-only.
    TypeError
        ``m`` is not an array, a shape is no pair of integers, or ``out`` cannot hold the dtype.

    See Also
    --------
    nearest_kron : A and B with the least ‖m - A ⊗ B‖.
    partial_transpose : the other rearrangement of two subsystems.

    References
    ----------
    Van Loan & Pitsianis, in *Linear Algebra for Large Scale and Real-Time Applications* (1993),
    293-314.
    Golub & Van Loan, *Matrix Computations*, 4th ed. (2013), section 12.3.6.
    Chen & Wu, *Quantum Inf. Comput.* 3 (2003), 193-202: the realignment criterion.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A, B = np.array([[1, 2], [3, 4]]), np.array([[5, 6, 7]])
    >>> R = kv.realignment(np.kron(A, B), (2, 2), (1, 3))
    >>> R
    array([[ 5,  6,  7],
           [15, 18, 21],
           [10, 12, 14],
           [20, 24, 28]])
    >>> np.array_equal(R, np.outer(kv.vec(A), kv.vec(B)))
    True
    >>> np.array_equal(kv.realignment(R, (2, 2), (1, 3), inverse=True), np.kron(A, B))
    True
    """
    name = "realignment"
    check_order(name, order)
    if is_operator(m):
        shapes = check_factor_shapes(name, m, shape_a, shape_b, realigned=inverse)
        own = NotImplemented if inverse else ask(m, "_realigned", *shapes)
        if own is not NotImplemented:
            u, v = own
            result = _of_low_rank(u, v, shapes[0], shapes[1], order)
            return result if out is None else store(name, result, out)
    if is_operator(m) or is_sparse(m):
        m = m.toarray()
    matrix = as_movable(name, "m", m, min_ndim=2)
    (rows, columns), (p, q) = check_factor_shapes(name, matrix, shape_a, shape_b, realigned=inverse)
    batch = matrix.shape[:-2]
    blocks = (*batch, rows * p, columns * q)
    flat = (*batch, rows * columns, p * q)
    # m has the axes (i, k, j, l); R(m) has (i, j, k, l) in order C, (j, i, l, k) in order F
    if not inverse:
        permuted = (0, 2, 1, 3) if order == "C" else (2, 0, 3, 1)
        return rearranged(name, matrix, (rows, p, columns, q), permuted, flat, out)
    if order == "C":
        return rearranged(name, matrix, (rows, columns, p, q), (0, 2, 1, 3), blocks, out)
    return rearranged(name, matrix, (columns, rows, q, p), (1, 3, 0, 2), blocks, out)


def _of_low_rank(u, v, shape_a, shape_b, order: str) -> NDArray:
    """R = U Vᵀ, where the columns of U and V are matrices by rows."""
    if order == "F":
        u, v = (
            f.reshape(*shape, -1).swapaxes(0, 1).reshape(f.shape)
            for f, shape in ((u, shape_a), (v, shape_b))
        )
    return u @ v.T
