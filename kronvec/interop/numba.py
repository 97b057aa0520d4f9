"""kronvec's kernels inside Numba: functions to call from ``@njit`` code, on arrays.

They call what kronvec.cython_api exports, found by ``get_cython_function_address``: no Python
object is touched, so they run without the GIL and in any number of threads.  Arrays share one
of the dtypes float32, float64, complex64 and complex128 and may have any strides.  ``out`` has
the shape of the result and overlaps no operand.
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

from ctypes import CFUNCTYPE, POINTER, PYFUNCTYPE, c_int, c_size_t, c_ssize_t, c_void_p
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._numba_calls import CODES, call, code_of, get_cython_function_address, given_or_new, njit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from .._typing import Array


__all__ = [
    "Plan",
    "kron",
    "kron_matvec",
    "make_plan",
    "matmul_vjp",
    "mode_product",
    "plan_apply",
    "transpose",
    "triple_product",
]

_BAD_SHAPE, _SMALL_WORKSPACE = -3, -4  # of kronvec.h


# ---- products ----------------------------------------------------------------------------------


@njit(nogil=True)
def triple_product(a: Array, b: Array, c: Array, out: Array | None = None) -> Any:
    """Multiply three matrices by the cheaper association: ``Y = A B C``.

    Parameters
    ----------
    a, b, c : 2-d arrays, shapes (m, n), (n, p), (p, q)
    out : 2-d array, shape (m, q), optional

    Returns
    -------
    array, shape (m, q)

    Raises
    ------
    ValueError
        If shapes do not fit one another.

    See Also
    --------
    kronvec.triple_product : the same from Python, with batches.
    """
    y = given_or_new(out, (a.shape[0], c.shape[1]), a.dtype)
    status = call("triple_product", (a, b, c, y))
    if status == _BAD_SHAPE:
        raise ValueError("triple_product: the shapes of a, b, c and out do not fit")
    if status != 0:
        raise MemoryError("triple_product")
    return y


@njit(nogil=True)
def mode_product(f: Array, x: Array, out: Array | None = None) -> Any:
    """Multiply along the middle axis: ``y[l,q,r] = Σ_p f[q,p] x[l,p,r]``.

    Parameters
    ----------
    f : 2-d array, shape (q, p)
    x : 3-d array, shape (l, p, r)
    out : 3-d array, shape (l, q, r), optional

    Returns
    -------
    array, shape (l, q, r)

    Raises
    ------
    ValueError
        If shapes do not fit one another.
    """
    y = given_or_new(out, (x.shape[0], f.shape[0], x.shape[2]), x.dtype)
    status = call("mode_product", (f, x, y, np.int32(0)))
    if status == _BAD_SHAPE:
        raise ValueError("mode_product: the shapes of f, x and out do not fit")
    if status != 0:
        raise MemoryError("mode_product")
    return y


@njit(nogil=True)
def transpose(x: Array, out: Array | None = None) -> Any:
    """Copy the transpose: ``y[j,i] = x[i,j]``, of any dtype.

    Parameters
    ----------
    x : 2-d array, shape (m, n)
    out : 2-d array, shape (n, m), optional
        Of the dtype of x.

    Returns
    -------
    array, shape (n, m)

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit one another.
    """
    y = given_or_new(out, (x.shape[1], x.shape[0]), x.dtype)
    if y.itemsize != x.itemsize or call("transpose", (x.itemsize, x, y)) != 0:
        raise ValueError("transpose: the shapes or dtypes of x and out do not fit")
    return y


@njit(nogil=True)
def kron(a: Array, b: Array, out: Array | None = None) -> Any:
    """Form the Kronecker product ``Y = A ⊗ B``.

    Parameters
    ----------
    a, b : 2-d arrays, shapes (m, n), (p, q)
    out : 2-d array, shape (m p, n q), optional

    Returns
    -------
    array, shape (m p, n q)

    Raises
    ------
    ValueError
        If ``out`` does not fit.

    See Also
    --------
    kronvec.kron : the same from Python.
    """
    y = given_or_new(out, (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1]), a.dtype)
    status = call("kron", (a, b, y))
    if status == _BAD_SHAPE:
        raise ValueError("kron: the shape of out does not fit")
    if status != 0:
        raise MemoryError("kron")
    return y


@njit(nogil=True)
def matmul_vjp(g: Array, x: Array, w: Array) -> Any:
    """Pull a cotangent G of Y = X W back: ``dX = G Wᴴ, dW = Xᴴ G``.

    Parameters
    ----------
    g, x, w : 2-d arrays, shapes (m, p), (m, n), (n, p)

    Returns
    -------
    dx, dw : arrays, shapes (m, n), (n, p)

    Raises
    ------
    ValueError
        If shapes do not fit one another.

    See Also
    --------
    kronvec.matmul_vjp : the same from Python, with batches.
    """
    dx, dw = np.empty(x.shape, x.dtype), np.empty(w.shape, w.dtype)
    status = call("matmul_vjp", (g, x, w, dx, dw, np.int32(2)))
    if status == _BAD_SHAPE:
        raise ValueError("matmul_vjp: the shapes of g, x and w do not fit")
    if status != 0:
        raise MemoryError("matmul_vjp")
    return dx, dw


@njit(nogil=True)
def kron_matvec(factors: Sequence[Array], x: Array) -> Any:
    """Multiply a vector by a Kronecker product: ``y = (F1 ⊗ … ⊗ FN) x``.

    One mode product per factor, the last first; large products are faster by a plan, which
    crosses memory less often (`make_plan`, `plan_apply`).

    Parameters
    ----------
    factors : tuple or list of 2-d arrays of one type, shapes (q_i, p_i)
    x : 1-d array, shape (Π p_i,)

    Returns
    -------
    array, shape (Π q_i,)

    Raises
    ------
    ValueError
        If there is no factor or x does not fit.

    See Also
    --------
    kronvec.kron_matvec : the same from Python, with batches.
    """
    behind, before, rows = 1, 1, 1
    for f in factors:
        before *= f.shape[1]
        rows *= f.shape[0]
    if len(factors) == 0 or before != x.shape[0]:
        raise ValueError("kron_matvec: x must have as many entries as all factors have columns")
    if before == 0:
        return np.zeros(rows, x.dtype)
    state = np.ascontiguousarray(x)
    for i in range(len(factors)):
        f = factors[len(factors) - 1 - i]
        q, p = f.shape
        before //= p
        y = np.empty(before * q * behind, x.dtype)
        mode_product(f, state.reshape((before, p, behind)), y.reshape((before, q, behind)))
        state = y
        behind *= q
    return state


# ---- plans -------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """A plan for ``Y[l,:,r] = (F1 ⊗ … ⊗ FN) X[l,:,r]``, which ``@njit`` code takes as it is."""

    address: int
    code: int  # of the dtype
    count: int  # type: ignore[assignment]  # of factors; tuples have a method of this name
    workspace: int  # bytes


_plans: dict[tuple[Any, ...], Plan] = {}


def _exported(name: str, kind: Any, *signature: Any) -> Any:
    return kind(*signature)(get_cython_function_address("kronvec.cython_api", name))


def make_plan(shapes: Any, dtype: DTypeLike = np.float64, left: int = 1, right: int = 1) -> Plan:
    """Plan a product of many factors once, from Python, for any number of calls.

    Parameters
    ----------
    shapes : sequence of (int, int)
        (q_i, p_i) of each factor; (None, n) is an identity, whose matrix is not read.
    dtype : dtype
        Of all arrays: float32, float64, complex64 or complex128.
    left, right : int
        Sizes of X (left, Π p_i, right).

    Returns
    -------
    Plan
        Kept for as long as the process lives; the same for the same arguments.

    Raises
    ------
    ValueError
        If sizes are negative or too large, or the dtype is another.
    """
    names = [np.dtype(kind.name) for kind in CODES]
    code = names.index(np.dtype(dtype)) if np.dtype(dtype) in names else -1
    listed = tuple((-1 if q is None else int(q), int(p)) for q, p in shapes)
    key = (code, listed, int(left), int(right))
    if key not in _plans:
        flat = (c_ssize_t * (2 * len(listed)))(*(n for shape in listed for n in shape))
        sizes = (POINTER(c_ssize_t), c_ssize_t, c_ssize_t)
        new = _exported("plan_new", PYFUNCTYPE, c_void_p, c_int, c_int, *sizes)
        address = new(code, len(listed), flat, key[2], key[3])
        bytes_of = _exported("plan_workspace", CFUNCTYPE, c_size_t, c_void_p, c_int)
        _plans[key] = Plan(address, code, len(listed), bytes_of(address, 0))
    return _plans[key]


@njit(nogil=True)
def plan_apply(
    plan: Any, factors: Sequence[Array], x: Array, out: Array | None, workspace: Any = None
) -> Any:
    """Multiply by a plan: ``Y[l,:,r] = (F1 ⊗ … ⊗ FN) X[l,:,r]``.

    Parameters
    ----------
    plan : Plan
    factors : tuple of 2-d arrays
    x : 3-d array, shape (left, Π p_i, right), C-contiguous
    out : 3-d array, shape (left, Π q_i, right), C-contiguous
    workspace : 1-d array of uint8, optional
        Of at least ``plan.workspace`` bytes, for one call at a time.

    Returns
    -------
    array
        ``out``.

    Raises
    ------
    ValueError
        If shapes are not those of the plan, arrays are not contiguous or the workspace is small.
    """
    memory = given_or_new(workspace, plan.workspace, np.uint8)
    if memory.itemsize != 1 or not memory.flags.c_contiguous:
        raise ValueError("plan_apply: the workspace must be contiguous bytes")
    if plan.code != code_of(x):
        raise ValueError("plan_apply: the plan is for another dtype")
    if len(factors) != plan.count:
        raise ValueError("plan_apply: there must be as many factors as the plan has")
    arguments = (plan.address, factors, x, out, np.int32(0), memory.ctypes.data, memory.size)
    status = call("plan_apply", arguments)
    if status == _BAD_SHAPE:
        raise ValueError("plan_apply: the shapes are not those of the plan")
    if status == _SMALL_WORKSPACE:
        raise ValueError("plan_apply: the workspace is too small, or x or out is not contiguous")
    if status != 0:
        raise MemoryError("plan_apply")
    return out
