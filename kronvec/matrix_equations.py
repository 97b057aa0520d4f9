"""Sylvester and Lyapunov equations: A X + X B = Q, A X + X Aᴴ = Q, A X Aᴴ - X + Q = 0.

Row-major vec makes Kronecker systems of them, (A ⊗ I + I ⊗ Bᵀ) vec(X) = vec(Q), which the Schur
forms of A and Bᵀ turn into triangular ones.  All three solve two real systems where Q alone is
complex, and stay real where all is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._discrete_forms import QuickForm, quick_form
from ._kernels import DTYPES
from ._schur import is_exactly_hermitian, schur
from ._schur_solves import check_solution, solve_pair, solve_product
from ._shapes import as_lapack, as_plain, broadcast_batch, check_square, shape_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from ._schur import SchurForm
    from ._typing import Array, Shape

# Up to this size a Schur form takes less time than eigenvectors and finding out about symmetry.
_SMALL = 8


def solve_sylvester(a: ArrayLike, b: ArrayLike, q: ArrayLike) -> Array:
    """Solve the Sylvester equation A X + X B = Q.

    The Schur forms A = U T Uᴴ and Bᵀ = V S Vᴴ leave T Y + Y Sᵀ = Uᴴ Q conj(V), which recursive
    halving solves by products of matrices.  A Hermitian A or B is diagonalized instead.

    Parameters
    ----------
    a : array_like, shape (..., m, m)
    b : array_like, shape (..., n, n)
    q : array_like, shape (..., m, n)
        Leading axes broadcast as in `numpy.matmul`.

    Returns
    -------
    ndarray, shape (..., m, n)
        X, float64 or complex128; float32 or complex64 where no argument has more precision
        than float32.  Integers count as float64; extended precision is rounded to double.

    Raises
    ------
    ValueError
        Shapes do not fit, or an entry is NaN or infinite.
    TypeError
        An argument is not an array of numbers, or is masked.
    numpy.linalg.LinAlgError
        An eigenvalue of A and one of -B agree within rounding, so that there is no X or more
        than one; the message names them.  Or X overflows.

    See Also
    --------
    solve_continuous_lyapunov : B = Aᴴ, with one Schur form.
    scipy.linalg.solve_sylvester : the same arguments.

    Notes
    -----
    The residual is small, ‖A X + X B - Q‖ <= c ε (‖A‖ + ‖B‖) ‖X‖ with c of the order of m + n;
    the error of X is larger by (‖A‖ + ‖B‖) / sep(A, -B) [4]_.  SciPy mistakes 2 x 2 blocks of a
    real A or B for triangles where another argument is complex (seen in 1.17); this does not.

    References
    ----------
    .. [1] R. H. Bartels and G. W. Stewart, "Algorithm 432: Solution of the matrix equation
       AX + XB = C", Communications of the ACM 15 (1972) 820-826.
    .. [2] G. H. Golub, S. Nash and C. Van Loan, "A Hessenberg-Schur method for the problem
       AX + XB = C", IEEE Transactions on Automatic Control 24 (1979) 909-913.
    .. [3] I. Jonsson and B. Kågström, "Recursive blocked algorithms for solving triangular
       systems, part I", ACM Transactions on Mathematical Software 28 (2002) 392-415.
    .. [4] V. Simoncini, "Computational methods for linear matrix equations", SIAM Review 58
       (2016) 377-441.

    Examples
    --------
    >>> import numpy as np
    >>> import kronvec as kv
    >>> A = np.array([[2.0, 1.0], [-1.0, 2.0]])
    >>> B = np.array([[1.0, 0.0], [3.0, 2.0]])
    >>> X = kv.solve_sylvester(A, B, np.eye(2))
    >>> np.allclose(A @ X + X @ B, np.eye(2))
    True
    >>> K = kv.kronsum(A, B.T)
    >>> np.allclose(K @ kv.vec(X, order="C"), kv.vec(np.eye(2), order="C"))
    True
    """
    function = "solve_sylvester"
    a, b, q = _read(function, a=a, b=b, q=q)
    m, n = check_square(function, "a", a), check_square(function, "b", b)
    _check_right_side(function, (m, n), a=a, b=b, q=q)

    def solve(forms: Sequence[SchurForm], q: Array) -> Array:
        return solve_pair(function, forms[0], forms[1], q, ("a", "b"))

    return _each(function, solve, {"a": a, "b": b.mT}, q)


def solve_continuous_lyapunov(a: ArrayLike, q: ArrayLike) -> Array:
    """Solve the continuous Lyapunov equation A X + X Aᴴ = Q.

    One Schur form A = U T Uᴴ serves both sides: T Y + Y Tᴴ = Uᴴ Q U.  A Hermitian A is
    diagonalized instead.

    Parameters
    ----------
    a, q : array_like, shape (..., n, n)
        Leading axes broadcast as in `numpy.matmul`.

    Returns
    -------
    ndarray, shape (..., n, n)
        X, of the dtypes of `solve_sylvester`.

    Raises
    ------
    ValueError
        Shapes do not fit, or an entry is NaN or infinite.
    TypeError
        An argument is not an array of numbers, or is masked.
    numpy.linalg.LinAlgError
        Two eigenvalues of A have λ + conj(μ) = 0 within rounding; the message names them.  Or
        X overflows.  (SciPy warns, and returns the solution of a perturbed equation.)

    See Also
    --------
    solve_discrete_lyapunov : A X Aᴴ - X + Q = 0.
    scipy.linalg.solve_continuous_lyapunov : the same arguments.

    Notes
    -----
    The residual is small, ‖A X + X Aᴴ - Q‖ <= c ε ‖A‖ ‖X‖ with c of the order of n.

    References
    ----------
    .. [1] R. H. Bartels and G. W. Stewart, "Algorithm 432: Solution of the matrix equation
       AX + XB = C", Communications of the ACM 15 (1972) 820-826.
    .. [2] V. Simoncini, "Computational methods for linear matrix equations", SIAM Review 58
       (2016) 377-441, section 5.

    Examples
    --------
    The Gramian of a stable system solves A X + X Aᵀ = -B Bᵀ:

    >>> import numpy as np
    >>> import kronvec as kv
    >>> A = np.array([[-1.0, 2.0], [0.0, -3.0]])
    >>> B = np.array([[0.0], [6.0]])
    >>> kv.solve_continuous_lyapunov(A, -B @ B.T).round(12)
    array([[6., 3.],
           [3., 6.]])
    """
    function = "solve_continuous_lyapunov"
    a, q = _read(function, a=a, q=q)
    n = check_square(function, "a", a)
    _check_right_side(function, (n, n), a=a, q=q)

    def solve(forms: Sequence[SchurForm], q: Array) -> Array:
        return solve_pair(function, forms[0], forms[0].conjugate(), q, ("a", "aᴴ"))

    return _each(function, solve, {"a": a}, q)


def solve_discrete_lyapunov(a: ArrayLike, q: ArrayLike, method: str | None = None) -> Array:
    """Solve the discrete Lyapunov (Stein) equation A X Aᴴ - X + Q = 0.

    The smallest equations are multiplied out; where A + I or A - I is well conditioned a Cayley
    transformation makes a continuous equation of others.  The residual decides whether such a
    solution stands.  Otherwise recursive halving solves T Y Tᴴ - Y + Uᴴ Q U = 0, which the Schur
    form A = U T Uᴴ leaves.  A Hermitian A is diagonalized instead.

    Parameters
    ----------
    a, q : array_like, shape (..., n, n)
        Leading axes broadcast as in `numpy.matmul`.
    method : {None, "direct", "bilinear"}
        Taken for the sake of callers of SciPy.  One algorithm serves all three.

    Returns
    -------
    ndarray, shape (..., n, n)
        X, of the dtypes of `solve_sylvester`.

    Raises
    ------
    ValueError
        Shapes do not fit, an entry is NaN or infinite, or ``method`` is something else.
    TypeError
        An argument is not an array of numbers, or is masked.
    numpy.linalg.LinAlgError
        Two eigenvalues of A have λ conj(μ) = 1 within rounding; the message names them.  Or
        X overflows.

    See Also
    --------
    solve_continuous_lyapunov : A X + X Aᴴ = Q.
    scipy.linalg.solve_discrete_lyapunov : the same arguments.

    Notes
    -----
    The residual is small, ‖A X Aᴴ - X + Q‖ <= c ε (‖A‖² + 1) ‖X‖ with c of the order of n, also
    where A has eigenvalues next to -1, at which the bilinear method of SciPy loses digits.

    References
    ----------
    .. [1] G. Kitagawa, "An algorithm for solving the matrix equation X = F X Fᵀ + S",
       International Journal of Control 25 (1977) 745-753.
    .. [2] A. Y. Barraud, "A numerical algorithm to solve AᵀXA - X = Q", IEEE Transactions on
       Automatic Control 22 (1977) 883-885.
    .. [3] V. Simoncini, "Computational methods for linear matrix equations", SIAM Review 58
       (2016) 377-441, section 6.

    Examples
    --------
    The stationary covariance of x' = A x + noise of covariance Q:

    >>> import numpy as np
    >>> import kronvec as kv
    >>> A = np.array([[0.5, 0.0], [1.0, 0.5]])
    >>> X = kv.solve_discrete_lyapunov(A, np.diag([3.0, 0.0]))
    >>> np.allclose(X, A @ X @ A.T + np.diag([3.0, 0.0]))
    True
    """
    function = "solve_discrete_lyapunov"
    if method not in (None, "direct", "bilinear"):
        raise ValueError(f"{function}: method must be None, 'direct' or 'bilinear', got {method!r}")
    a, q = _read(function, a=a, q=q)
    n = check_square(function, "a", a)
    _check_right_side(function, (n, n), a=a, q=q)

    def prepare(a: Array) -> QuickForm | SchurForm:
        return (None if is_exactly_hermitian(a) else quick_form(a)) or schur(a)

    def solve(forms: Sequence[QuickForm | SchurForm], q: Array) -> Array:
        form = forms[0]
        if isinstance(form, QuickForm):
            x = form.solve(q)
            if x is not None:
                return x
            form = schur(form.a)
        both = form, form.conjugate()
        return solve_product(function, both, -q.ravel(), -1, ("a", "aᴴ")).reshape(q.shape)

    return _each(function, solve, {"a": a}, q, prepare)


def _read(function: str, **arguments: Any) -> list[Array]:
    """The arguments as plain finite matrices in a precision of LAPACK."""
    read = {name: as_plain(function, name, a, min_ndim=2) for name, a in arguments.items()}
    return as_lapack(function, DTYPES, **read)


def _check_right_side(function: str, shape: Shape, **arrays: Any) -> None:
    """q, of this shape, and batch axes that broadcast."""
    if arrays["q"].shape[-2:] != shape:
        raise shape_error(function, f"q must have shape (..., {shape[0]}, {shape[1]})", **arrays)


def _form(a: Array) -> SchurForm:
    return schur(a, diagonal=len(a) > _SMALL)


def _each(
    function: str,
    solve: Callable[..., Any],
    matrices: dict[str, Array],
    q: Array,
    prepare: Callable[..., Any] = _form,
) -> Array:
    """``solve(forms, q)`` for every matrix of the batch, each other one prepared once."""
    if q.ndim == 2 and all(a.ndim == 2 for a in matrices.values()):
        if not q.size:
            return _empty(q, *matrices.values())
        forms = [prepare(a) for a in matrices.values()]
        return check_solution(function, solve(forms, q))
    batch = broadcast_batch(function, None, **matrices, q=q)
    x = _empty(np.broadcast_to(q, (*batch, *q.shape[-2:])), *matrices.values())
    if not x.size:
        return x
    forms, numbers = [], []
    for a in matrices.values():
        forms.append([prepare(each) for each in a.reshape(-1, *a.shape[-2:])])
        count = np.arange(len(forms[-1])).reshape(a.shape[:-2])
        numbers.append(np.broadcast_to(count, batch))
    q = np.broadcast_to(q, x.shape)
    for index in np.ndindex(*batch):
        chosen = [each[number[index]] for each, number in zip(forms, numbers, strict=True)]
        x[index] = solve(chosen, q[index])
    return check_solution(function, x)


def _empty(q: Array, *matrices: Array) -> Array:
    """An array for the solutions."""
    return np.empty(q.shape, np.result_type(q, *matrices))
