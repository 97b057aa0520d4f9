"""Products of a Kronecker product of any number of factors with vectors and matrices.

K = F1 ⊗ … ⊗ FN, F_i of shape (q_i, p_i), is (M, N) with M = Π q_i and N = Π p_i; it is never
formed.  Each function says along which axis of its operand K acts; _chain.py does the rest.
A factor may be an identity, which is an axis that nothing is computed along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._chain import apply_factors
from ._fastpath import two_tier
from ._foreign import array_api
from ._sampled import apply_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from ._typing import Array, Scalar


@two_tier("kron_matvec")
@array_api
def kron_matvec(
    factors: Iterable[ArrayLike | None],
    x: ArrayLike,
    *,
    rows: tuple[ArrayLike, ...] | None = None,
    out: Array | None = None,
) -> Array:
    """Multiply vectors by a Kronecker product: ``y = (F1 ⊗ … ⊗ FN) x``.

    Parameters
    ----------
    factors : sequence of array_like, each of shape (..., q_i, p_i)
        Leading axes broadcast with those of x.  ``operators.Identity(n)`` is an identity, None
        one of the size that follows from x.
    x : array_like, shape (..., Π p_i)
    rows : tuple of array_like, optional
        One vector of row numbers for each factor, all of one length S: only these rows of the
        product, ``y[s] = Σ_j Π_i F_i[rows_i[s], j_i] x[j]``.  Negative numbers count from the
        end.
    out : ndarray, optional
        Where to put the result; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., Π q_i), or (..., S) with ``rows``
        Of the operands' result type.

    Raises
    ------
    ValueError
        If there is no factor, x does not have Π p_i entries, batch axes do not broadcast,
        more than one factor is None, ``rows`` are not as many vectors of one length, or ``out``
        does not fit.
    IndexError
        If one of ``rows`` is out of bounds.
    TypeError
        If ``factors`` is not a sequence of matrices, ``rows`` is not a tuple of integers, or the
        result cannot be cast to the dtype of ``out`` by the rule "same_kind".

    See Also
    --------
    kron_matmul : many columns at once.
    kron_vecmat : from the other side.
    explain : how it is computed.

    Notes
    -----
    Besides the result, at most two workspaces of the largest intermediate are allocated, and a
    copy of x where that is not contiguous (by rows, or by columns), aligned and of the result's
    dtype.  Identities take neither time nor memory.  A batch of factors is computed item by
    item.

    With ``rows``, samples that agree in the rows of the first factors share their part of the
    work, and the leading factors are applied together where that takes fewer multiply-adds.

    References
    ----------
    .. [1] P. Fernandes, B. Plateau and W. J. Stewart, "Efficient descriptor-vector
       multiplications in stochastic automata networks", J. ACM 45 (1998), 381-414.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> factors = [np.array([[1.0, 2.0]]), np.eye(2), np.ones((1, 3))]
    >>> kv.kron_matvec(factors, np.arange(12.0))
    array([45., 72.])
    >>> kv.kron_matvec([None, np.array([[1.0, -1.0]])], np.arange(6.0))
    array([-1., -1., -1.])
    >>> kv.kron_matvec(factors, np.arange(12.0), rows=([0, 0, 0], [1, 0, 1], [0, 0, -1]))
    array([72., 45., 72.])
    """
    if rows is not None:
        return apply_rows("kron_matvec", factors, x, rows, core=1, out=out)
    return apply_factors("kron_matvec", factors, x, core=1, axis=-1, out=out)


@two_tier("kron_vecmat")
@array_api
def kron_vecmat(
    x: ArrayLike, factors: Iterable[ArrayLike | None], *, out: Array | None = None
) -> Array:
    """Multiply row vectors by a Kronecker product: ``y = x (F1 ⊗ … ⊗ FN)``.

    Parameters
    ----------
    x : array_like, shape (..., Π q_i)
    factors : sequence of array_like, each of shape (..., q_i, p_i)
        Leading axes broadcast with those of x.  ``operators.Identity(n)`` is an identity, None
        one of the size that follows from x.
    out : ndarray, optional
        Where to put the result; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., Π p_i)
        Of the operands' result type.

    Raises
    ------
    ValueError
        If there is no factor, x does not have Π q_i entries, batch axes do not broadcast,
        more than one factor is None, or ``out`` does not fit.
    TypeError
        If ``factors`` is not a sequence of matrices, or the result cannot be cast to the dtype
        of ``out`` by the rule "same_kind".

    See Also
    --------
    matmul_kron : many rows at once.
    kron_matvec : from the other side.

    References
    ----------
    .. [1] P. Fernandes, B. Plateau and W. J. Stewart, "Efficient descriptor-vector
       multiplications in stochastic automata networks", J. ACM 45 (1998), 381-414.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> kv.kron_vecmat(np.array([1.0, 10.0]), [np.array([[1.0, 2.0]]), np.eye(2)])
    array([ 1., 10.,  2., 20.])
    """
    return apply_factors("kron_vecmat", factors, x, core=1, axis=-1, transposed=True, out=out)


@two_tier("kron_matmul")
@array_api
def kron_matmul(
    factors: Iterable[ArrayLike | None],
    x: ArrayLike,
    *,
    alpha: Scalar = 1,
    beta: Scalar = 0,
    rows: tuple[ArrayLike, ...] | None = None,
    out: Array | None = None,
    workers: int | None = None,
) -> Array:
    """Multiply by a Kronecker product: ``alpha (F1 ⊗ … ⊗ FN) X + beta out``.

    Parameters
    ----------
    factors : sequence of array_like, each of shape (..., q_i, p_i)
        Leading axes broadcast with those of X.  ``operators.Identity(n)`` is an identity, None
        one of the size that follows from X.
    x : array_like, shape (..., Π p_i, k) or (Π p_i,)
    alpha, beta : scalar
        With ``beta=0`` the old content of ``out`` is not read.
    rows : tuple of array_like, optional
        One vector of row numbers for each factor, all of one length S: only these rows of the
        product, as in `kron_matvec`.
    out : ndarray, optional
        Where to put the result; may overlap the operands.  Needed if beta is not 0.
    workers : int, optional
        How many threads share the work; -1 for all CPUs.  The result is bitwise the same.

    Returns
    -------
    ndarray, shape (..., Π q_i, k) or (Π q_i,), with ``rows`` S in place of Π q_i
        Of the operands' result type.

    Raises
    ------
    ValueError
        If there is no factor, X does not have Π p_i rows, batch axes do not broadcast, more
        than one factor is None, beta is not 0 without ``out``, alpha or beta do not fit the
        result's dtype, ``rows`` are not as many vectors of one length, or ``out`` does not fit.
    IndexError
        If one of ``rows`` is out of bounds.
    TypeError
        If ``factors`` is not a sequence of matrices, or the result cannot be cast to the dtype
        of ``out`` by the rule "same_kind".

    See Also
    --------
    matmul_kron : from the other side.

    Notes
    -----
    beta is applied in the last pass over memory where ``out`` lies as a fresh result would, has
    its dtype and is apart from the operands; elsewhere, and where `numpy.matmul` makes that
    pass, a second array of its size is needed.  Matrices that lie column by column
    (F-contiguous) are not copied: their transposes are multiplied from the other side, and a
    fresh result lies column by column, too.

    References
    ----------
    .. [1] C. F. Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123
       (2000), 85-100.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> y = np.ones((4, 2))
    >>> kv.kron_matmul([np.eye(2), np.eye(2)], np.ones((4, 2)), alpha=3, beta=-1, out=y)[0]
    array([2., 2.])
    """
    if rows is not None:
        return apply_rows(
            "kron_matmul",
            factors,
            x,
            rows,
            core=2,
            alpha=alpha,
            beta=beta,
            out=out,
            workers=workers,
        )
    return apply_factors(
        "kron_matmul",
        factors,
        x,
        core=2,
        axis=-2,
        alpha=alpha,
        beta=beta,
        out=out,
        workers=workers,
    )


@two_tier("matmul_kron")
@array_api
def matmul_kron(
    x: ArrayLike,
    factors: Iterable[ArrayLike | None],
    *,
    alpha: Scalar = 1,
    beta: Scalar = 0,
    out: Array | None = None,
    workers: int | None = None,
) -> Array:
    """Multiply by a Kronecker product from the right: ``alpha X (F1 ⊗ … ⊗ FN) + beta out``.

    Parameters
    ----------
    x : array_like, shape (..., k, Π q_i) or (Π q_i,)
    factors : sequence of array_like, each of shape (..., q_i, p_i)
        Leading axes broadcast with those of X.  ``operators.Identity(n)`` is an identity, None
        one of the size that follows from X.
    alpha, beta : scalar
        With ``beta=0`` the old content of ``out`` is not read.
    out : ndarray, optional
        Where to put the result; may overlap the operands.  Needed if beta is not 0.
    workers : int, optional
        How many threads share the work; -1 for all CPUs.  The result is bitwise the same.

    Returns
    -------
    ndarray, shape (..., k, Π p_i) or (Π p_i,)
        Of the operands' result type.

    Raises
    ------
    ValueError
        If there is no factor, X does not have Π q_i columns, batch axes do not broadcast, more
        than one factor is None, beta is not 0 without ``out``, alpha or beta do not fit the
        result's dtype, or ``out`` does not fit.
    TypeError
        If ``factors`` is not a sequence of matrices, or the result cannot be cast to the dtype
        of ``out`` by the rule "same_kind".

    See Also
    --------
    kron_matmul : from the other side.

    Notes
    -----
    As for `kron_matmul`: beta in the last pass, no copy of what lies column by column.

    References
    ----------
    .. [1] C. F. Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123
       (2000), 85-100.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> kv.matmul_kron(np.ones((1, 4)), [np.diag([1.0, 2.0]), np.diag([1.0, 10.0])])
    array([[ 1., 10.,  2., 20.]])
    """
    return apply_factors(
        "matmul_kron",
        factors,
        x,
        core=2,
        axis=-1,
        transposed=True,
        alpha=alpha,
        beta=beta,
        out=out,
        workers=workers,
    )
