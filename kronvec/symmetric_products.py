"""Products of A ⊗ B with duplication, elimination and symmetrizer matrices, formed and applied.

Statistics and semidefinite programming restrict A ⊗ B to symmetric matrices:

    D⁺(A ⊗ A)D     vech(S) -> vech(A S Aᵀ); moments of vector autoregressions, BEKK models
    D⁺(Σ ⊗ Σ)D⁺ᵀ   times 2/ν the covariance of vech(S), S a sample covariance of Gaussian data
    Dᵀ(Σ⁻¹ ⊗ Σ⁻¹)D   times ν/2 the Fisher information of vech(Σ), the inverse of the former
    D⁺(C ⊗ I)Lᵀ    times 2 the derivative of vech(C Cᵀ) by vech(C), C lower triangular
    Q(A ⊗ B)Qᵀ     A ⊗ₛ B, the symmetric Kronecker product; svec(S) = Q vec(S) for symmetric S
    N(A ⊗ A)       = N(A ⊗ A)N = (A ⊗ A)N; times 2 the covariance of vec(x xᵀ), x normal

With vec stacking columns, (A ⊗ B) vec(S) = vec(B S Aᵀ).  Formed, an entry is one to four products
of entries of A and B; applied, nothing but A, B and S is in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._half_kron import applied, check_halves, formed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._typing import Array


def vech_kron(
    a: ArrayLike,
    b: ArrayLike | None = None,
    *,
    left: str = "duplication_pinv",
    right: str = "duplication",
    out: Array | None = None,
) -> Array:
    """A ⊗ B between vechs, formed: P (A ⊗ B) R, by default D⁺(A ⊗ A)D.

    ==================  =====  =====
    choice              left   right
    ==================  =====  =====
    "duplication"       Dᵀ     D
    "duplication_pinv"  D⁺     D⁺ᵀ
    "elimination"       L      Lᵀ
    "svec"              Q      Qᵀ
    ==================  =====  =====

    with Q = (DᵀD)^(-½) Dᵀ, which has Q vec(S) = svec(S) for symmetric S and Q Qᵀ = I.  For
    example ``vech_kron(S, left="duplication_pinv", right="duplication_pinv")`` is
    D⁺(S ⊗ S)D⁺ᵀ, and with "duplication" for both it is Dᵀ(S ⊗ S)D.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        A.
    b : array_like, shape (..., n, n), optional
        B; A where it is not given, which takes less than half the time.  Leading axes broadcast.
    left, right : {"duplication", "duplication_pinv", "elimination", "svec"}
        P and R, see the table.
    out : ndarray, optional
        Where the result is stored; may overlap ``a`` and ``b``.

    Returns
    -------
    ndarray, shape (..., n (n + 1) / 2, n (n + 1) / 2)
        Of the operands' result type where P and R are "duplication" or "elimination", otherwise
        of that with a float.

    Raises
    ------
    ValueError
        ``a`` is not square, ``b`` has another size, batch axes do not broadcast, ``left`` or
        ``right`` is unknown, the result could not be addressed, or ``out`` does not fit.
    TypeError
        ``a`` or ``b`` holds no numbers or is masked, or ``out`` cannot hold the dtype.

    See Also
    --------
    vech_kron_matvec : the same, applied.
    symmetric_kron : both sides "svec".

    Notes
    -----
    (A ⊗ A)D = D D⁺(A ⊗ A)D: hence D⁺(A ⊗ A)D is multiplicative in A, its inverse is
    D⁺(A⁻¹ ⊗ A⁻¹)D, its determinant det(A)^(n + 1), and its eigenvalues are the products
    λᵢ λⱼ, i <= j.  No array of n² by n² is made.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.
    Magnus & Neudecker, *SIAM J. Alg. Disc. Meth.* 1 (1980), 422-449.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A, S = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[2.0, 1.0], [1.0, 4.0]])
    >>> kv.vech_kron(A)
    array([[1., 4., 4.],
           [0., 3., 6.],
           [0., 0., 9.]])
    >>> kv.vech_kron(A) @ kv.vech(S), kv.vech(A @ S @ A.T)
    (array([22., 27., 36.]), array([22., 27., 36.]))
    """
    return formed("vech_kron", a, b, *check_halves("vech_kron", left, right), out)


def vech_kron_matvec(
    a: ArrayLike,
    x: ArrayLike,
    b: ArrayLike | None = None,
    *,
    left: str = "duplication_pinv",
    right: str = "duplication",
    out: Array | None = None,
) -> Array:
    """P (A ⊗ B) R x without forming it, by default D⁺(A ⊗ A)D x: ``vech(A unvech(x) Aᵀ)``.

    R x is read as vec(S), and P vec(B S Aᵀ) is the result: O(n³) operations.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        A.
    x : array_like, shape (..., n (n + 1) / 2)
        The vector.
    b : array_like, shape (..., n, n), optional
        B; A where it is not given.  Leading axes broadcast.
    left, right : {"duplication", "duplication_pinv", "elimination", "svec"}
        P and R, as in `vech_kron`.
    out : ndarray, optional
        Where the result is stored; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., n (n + 1) / 2)
        Of the dtype of the product of the formed matrix and ``x``.

    Raises
    ------
    ValueError
        ``a`` is not square, ``b`` has another size, ``x`` another length, batch axes do not
        broadcast, ``left`` or ``right`` is unknown, or ``out`` does not fit.
    TypeError
        An operand holds no numbers or is masked, or ``out`` cannot hold the dtype.

    See Also
    --------
    vech_kron : the matrix, formed.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A, S = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[2.0, 1.0], [1.0, 4.0]])
    >>> kv.vech_kron_matvec(A, kv.vech(S))
    array([22., 27., 36.])
    """
    name = "vech_kron_matvec"
    return applied(name, a, x, b, *check_halves(name, left, right), out)


def symmetric_kron(a: ArrayLike, b: ArrayLike | None = None, *, out: Array | None = None) -> Array:
    """Symmetric Kronecker product, formed: ``(A ⊗ₛ B) svec(S) = ½ svec(B S Aᵀ + A S Bᵀ)``.

    A ⊗ₛ B = Q (A ⊗ B) Qᵀ, with Q vec(S) = svec(S) for symmetric S; it is B ⊗ₛ A.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        A.
    b : array_like, shape (..., n, n), optional
        B; A where it is not given.  Leading axes broadcast.
    out : ndarray, optional
        Where the result is stored; may overlap ``a`` and ``b``.

    Returns
    -------
    ndarray, shape (..., n (n + 1) / 2, n (n + 1) / 2)
        Of the operands' result type; float64 where that is an integer.

    Raises
    ------
    ValueError
        ``a`` is not square, ``b`` has another size, batch axes do not broadcast, the result
        could not be addressed, or ``out`` does not fit.
    TypeError
        ``a`` or ``b`` holds no numbers or is masked, or ``out`` cannot hold the dtype.

    See Also
    --------
    symmetric_kron_matvec : the same, applied.
    operators.SymmetricKronecker : as a lazy operator.

    References
    ----------
    Alizadeh, Haeberly & Overton, *SIAM J. Optim.* 8 (1998), 746-768.
    Schäcke, *On the Kronecker Product* (2004), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A, S = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[2.0, 1.0], [1.0, 4.0]])
    >>> kv.smat(kv.symmetric_kron(A) @ kv.svec(S)).round(10)
    array([[22., 27.],
           [27., 36.]])
    """
    return formed("symmetric_kron", a, b, "svec", "svec", out)


def symmetric_kron_matvec(
    a: ArrayLike, x: ArrayLike, b: ArrayLike | None = None, *, out: Array | None = None
) -> Array:
    """(A ⊗ₛ B) x without forming it: ``½ svec(B S Aᵀ + A S Bᵀ)`` for S = smat(x).

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        A.
    x : array_like, shape (..., n (n + 1) / 2)
        svec(S).
    b : array_like, shape (..., n, n), optional
        B; A where it is not given.  Leading axes broadcast.
    out : ndarray, optional
        Where the result is stored; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., n (n + 1) / 2)
        Of the operands' result type; float64 where that is an integer.

    Raises
    ------
    ValueError
        ``a`` is not square, ``b`` has another size, ``x`` another length, batch axes do not
        broadcast, or ``out`` does not fit.
    TypeError
        An operand holds no numbers or is masked, or ``out`` cannot hold the dtype.

    See Also
    --------
    symmetric_kron : the matrix, formed.

    References
    ----------
    Alizadeh, Haeberly & Overton, *SIAM J. Optim.* 8 (1998), 746-768.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A, S = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[2.0, 1.0], [1.0, 4.0]])
    >>> kv.smat(kv.symmetric_kron_matvec(A, kv.svec(S))).round(10)
    array([[22., 27.],
           [27., 36.]])
    """
    return applied("symmetric_kron_matvec", a, x, b, "svec", "svec", out)


def symmetrizer_kron(
    a: ArrayLike, b: ArrayLike | None = None, *, out: Array | None = None
) -> Array:
    """N(A ⊗ A) = (A ⊗ A)N, formed; N(A ⊗ B)N for two matrices.  N is the symmetrizer.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        A.
    b : array_like, shape (..., n, n), optional
        B; A where it is not given.  Leading axes broadcast.
    out : ndarray, optional
        Where the result is stored; may overlap ``a`` and ``b``.

    Returns
    -------
    ndarray, shape (..., n², n²)
        Of the operands' result type; float64 where that is an integer.

    Raises
    ------
    ValueError
        ``a`` is not square, ``b`` has another size, batch axes do not broadcast, the result
        could not be addressed, or ``out`` does not fit.
    TypeError
        ``a`` or ``b`` holds no numbers or is masked, or ``out`` cannot hold the dtype.

    See Also
    --------
    symmetrizer_matmul : multiply by N alone.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A = np.array([[1.0, 2.0], [0.0, 3.0]])
    >>> np.array_equal(kv.symmetrizer_kron(A), kv.symmetrizer_matmul(np.kron(A, A), 2))
    True
    """
    return formed("symmetrizer_kron", a, b, "symmetrizer", "symmetrizer", out)


def symmetrizer_kron_matvec(
    a: ArrayLike, x: ArrayLike, b: ArrayLike | None = None, *, out: Array | None = None
) -> Array:
    """N(A ⊗ A) x without forming it: ``vec(½ A (X + Xᵀ) Aᵀ)`` for x = vec(X); else N(A ⊗ B)N x.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        A.
    x : array_like, shape (..., n²)
        vec(X).
    b : array_like, shape (..., n, n), optional
        B; A where it is not given.  Leading axes broadcast.
    out : ndarray, optional
        Where the result is stored; may overlap the operands.

    Returns
    -------
    ndarray, shape (..., n²)
        Of the operands' result type; float64 where that is an integer.

    Raises
    ------
    ValueError
        ``a`` is not square, ``b`` has another size, ``x`` another length, batch axes do not
        broadcast, or ``out`` does not fit.
    TypeError
        An operand holds no numbers or is masked, or ``out`` cannot hold the dtype.

    See Also
    --------
    symmetrizer_kron : the matrix, formed.

    References
    ----------
    Magnus & Neudecker, *Matrix Differential Calculus*, 3rd ed. (2019), chapter 3, section 8.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A, X = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[2.0, 0.0], [2.0, 4.0]])
    >>> kv.unvec(kv.symmetrizer_kron_matvec(A, kv.vec(X)), (2, 2))
    array([[22., 27.],
           [27., 36.]])
    """
    return applied("symmetrizer_kron_matvec", a, x, b, "symmetrizer", "symmetrizer", out)
