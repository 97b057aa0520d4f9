"""What a many-factor product would do: `explain` prints the plan; _plan.py makes it."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ._chain import read_call, state_of
from ._factor_shapes import read_factors
from ._shapes import as_array, check_addressable, check_axis_size, check_rate, check_side

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike

    from ._explained import Explanation
    from ._typing import Array, DType, Shape


def explain(
    factors: Iterable[ArrayLike | tuple[int, int] | None],
    x_shape: Shape | int | None = None,
    *,
    side: str = "left",
    dtype: DTypeLike | None = None,
    peak: float | None = None,
    bandwidth: float | None = None,
) -> Explanation:
    """Describe how ``(F1 ⊗ … ⊗ FN) X``, or ``X (F1 ⊗ … ⊗ FN)``, would be computed.

    Parameters
    ----------
    factors : sequence
        Arrays (..., q_i, p_i), of which only shape and dtype matter; or pairs (q_i, p_i);
        identity operators; None for one identity of the size that follows from x.
    x_shape : tuple of int or int, optional
        The shape of X: (..., Π p_i, k), or (Π p_i,), from the left, (..., k, Π q_i), or
        (Π q_i,), from the right.  One vector by default.
    side : {"left", "right"}
        "left" for `kron_matmul` and `kron_matvec`, "right" for `matmul_kron` and `kron_vecmat`.
        A batch of vectors is the shape (..., Π p_i, 1), or (..., 1, Π q_i), here.
    dtype : dtype_like, optional
        Of X, and of factors given by their shapes.  By default that of the other factors, or
        float64.
    peak : float, optional
        Real operations that the machine does in a nanosecond (Gflop/s).
    bandwidth : float, optional
        Bytes that memory moves in a nanosecond (GB/s), read and written.

    Returns
    -------
    Explanation
        ``print`` it; or read its attributes ``order``, ``flops``, ``bytes``, ``steps``, ...

    Raises
    ------
    ValueError
        If shapes do not fit, the size of None does not follow from ``x_shape``, or a rate is not
        positive.
    TypeError
        If a factor is no matrix and no pair of sizes, dtype none, or a rate no number.

    See Also
    --------
    kron_matmul : computes it.

    Notes
    -----
    X is taken to be C-contiguous and of the result's dtype: anything else is copied first,
    except a matrix that lies column by column, which is computed as its transpose from the
    other side.  Merges and block sizes depend on the instruction set and the caches.

    References
    ----------
    .. [1] S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual
       performance model for multicore architectures", Comm. ACM 52 (2009), 65-76.

    Examples
    --------
    >>> import kronvec as kv
    >>> plan = kv.explain([(60, 40), (40, 60), None], (2400 * 5,), peak=50, bandwidth=10)
    >>> plan.order
    ((2,), (1,))
    >>> plan.flops
    1920000
    >>> plan.bound
    'arithmetic'
    """
    name = "explain"
    right = check_side(name, side) == "right"
    check_rate(name, "peak", peak)
    check_rate(name, "bandwidth", bandwidth)
    if isinstance(factors, np.ndarray) or not isinstance(factors, Iterable):
        read_factors(name, factors)  # raises
    listed: list[Any] = list(factors)
    arrays = [
        as_array(name, f"factor {i}", f, min_ndim=2, numeric=False)
        for i, f in enumerate(listed)
        if not (f is None or _is_pair(f) or hasattr(f, "is_identity"))
    ]
    try:
        kind = np.dtype(np.float64 if dtype is None else dtype)
    except (TypeError, ValueError, SyntaxError) as error:
        raise TypeError(f"{name}: dtype={dtype!r}: {error}") from None
    if dtype is None and arrays:
        kind = np.result_type(*arrays)
    listed = [_stand_in(name, f, kind) if _is_pair(f) else f for f in listed]
    if x_shape is None:
        if any(f is None for f in listed):
            raise ValueError(f"{name}: the size of a None factor follows from x_shape: give it")
        x_shape = (prod(np.shape(f)[-2 if right else -1] for f in listed),)
    x_shape = tuple(x_shape) if isinstance(x_shape, Iterable) else (x_shape,)
    sizes = [check_axis_size(name, "x_shape", n) for n in x_shape]
    check_addressable(name, sizes, kind.itemsize)
    x = np.broadcast_to(np.zeros((), kind), sizes)
    axis = -1 if right else -2
    _, x, given, applied, core, axis, batch = read_call(name, listed, x, 2, axis, right)
    state = state_of(x, core, axis)
    kinds = [f.dtype for f in applied if isinstance(f, np.ndarray)]
    result = np.result_type(kind, *kinds)

    from ._explained import explained_product  # not at import: few calls want it

    return explained_product(given, applied, state.shape, batch, result, right, peak, bandwidth)


def _is_pair(factor: Any) -> bool:
    return isinstance(factor, tuple) and len(factor) == 2 and all(map(np.isscalar, factor))


def _stand_in(name: str, pair: tuple[int, int], dtype: DType) -> Array:
    """An array of this shape that takes no memory."""
    q, p = (check_axis_size(name, "a size of a factor", n) for n in pair)
    check_addressable(name, (q, p), dtype.itemsize)
    return np.broadcast_to(np.zeros((), dtype), (q, p))
