"""The one place that validates arguments and words the errors.

Every message reads ``function: what is wrong; got a (3, 4), b (5, 2)`` so that a
user sees the mistake in terms of the call they wrote.  Functions here raise or
return; kernels below never raise.
"""

from __future__ import annotations

import math
import operator
import sys
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Any, Protocol, SupportsIndex

    from numpy.typing import ArrayLike, DTypeLike

    from ._typing import Array, DType, Indices, Layout, Order, Shape, Side

    class Shaped(Protocol):
        """What has a shape: an array, a lazy matrix, an identity factor."""

        @property
        def shape(self) -> Shape: ...
        @property
        def ndim(self) -> int: ...


ORDERS = ("F", "C")
LAYOUTS = ("numerator", "denominator")
NUMBERS = "biufcO"  # kinds of dtypes
MAX_BYTES = sys.maxsize


def describe(**arguments: object) -> str:
    """Names and shapes of the arguments: ``a (3, 4), b (5,), c int``."""
    parts = []
    for name, value in arguments.items():
        shape = getattr(value, "shape", None)
        if shape is None and isinstance(value, (list, tuple)):
            try:
                shape = np.shape(value)
            except ValueError:
                shape = "of ragged shape"
        parts.append(f"{name} {type(value).__name__ if shape is None else shape}")
    return ", ".join(parts)


def shape_error(function: str, message: str, **arguments: object) -> ValueError:
    """The ValueError for shapes that do not fit; the caller raises it."""
    got = f"; got {describe(**arguments)}" if arguments else ""
    return ValueError(f"{function}: {message}{got}")


def check_order(function: str, order: str, name: str = "order") -> Order:
    """``order`` as "F" or "C"."""
    if not isinstance(order, str) or order not in ORDERS:
        raise ValueError(f"{function}: {name} must be 'F' or 'C', got {order!r}")
    return order  # type: ignore[return-value]  # one of ORDERS


def check_layout(function: str, layout: str) -> Layout:
    """``layout`` as one of LAYOUTS."""
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise ValueError(f"{function}: layout must be one of {LAYOUTS}, got {layout!r}")
    return layout  # type: ignore[return-value]  # one of LAYOUTS


def check_size(function: str, name: str, value: SupportsIndex) -> int:
    """A matrix size: an integer that is not negative."""
    try:
        size = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{function}: {name} must be an integer, got {type(value).__name__}"
        ) from None
    if size < 0:
        raise ValueError(f"{function}: {name} must not be negative, got {size}")
    return size


def check_axis_size(function: str, name: str, value: SupportsIndex) -> int:
    """The size of an axis: other sizes, of matrices that are not formed, have no limit."""
    size = check_size(function, name, value)
    if size > sys.maxsize:
        raise ValueError(f"{function}: {name} is longer than an axis can be")
    return size


def as_array(
    function: str, name: str, value: ArrayLike | None, *, min_ndim: int = 0, numeric: bool = True
) -> Array:
    """``value`` as an array; array-likes are converted, subclasses are kept.

    Raises TypeError for what is no array (of numbers) and ValueError for too few axes.
    """
    if type(value) is not np.ndarray:
        try:
            value = np.asanyarray(value)
        except ValueError as error:
            raise ValueError(f"{function}: {name} is not an array: {error}") from None
        if value.ndim == 0 and value.dtype.kind in "OSUV":
            kind = type(value[()]).__name__.removesuffix("_")
            raise TypeError(f"{function}: {name} must be an array or array-like, got {kind}")
    if numeric:
        check_numeric(function, name, value)
    if value.ndim < min_ndim:
        need = {1: "a vector (at least 1 axis)", 2: "a matrix (at least 2 axes)"}[min_ndim]
        raise shape_error(function, f"{name} must be {need}", **{name: value})
    return value


def as_plain(function: str, name: str, value: ArrayLike, *, min_ndim: int = 0) -> Array:
    """``as_array`` where NumPy has no counterpart that says what a subclass means.

    Subclasses are read as plain arrays, but a mask is not passed over in silence.
    """
    value = as_array(function, name, value, min_ndim=min_ndim)
    if any_masked(value):
        raise TypeError(f"{function}: {name} is a masked array; fill it first")
    return np.asarray(value)


def any_masked(*operands: object) -> bool:
    """Whether an operand carries a mask, which a plain array of the result would lose."""
    return any(isinstance(a, np.ma.MaskedArray) for a in operands)


def check_unmasked(function: str, *operands: object) -> None:
    """Sums of products have no masks."""
    if any_masked(*operands):
        raise TypeError(f"{function}: masked arrays are not supported; fill them first")


def check_masks(function: str, core: Shape, *operands: Array) -> None:
    """np.matmul joins masks entry by entry: all matrices need the shape ``core`` of the result."""
    if any(a.shape[-2:] != core for a in operands):
        check_unmasked(function, *operands)


def check_scalar(function: str, name: str, value: object) -> None:
    """alpha and beta: single numbers."""
    single = isinstance(value, (int, float, complex, np.generic)) or (
        isinstance(value, np.ndarray) and value.ndim == 0
    )
    if not single or np.asarray(value).dtype.kind not in NUMBERS:
        shape = f" of shape {value.shape}" if isinstance(value, np.ndarray) else ""
        raise TypeError(f"{function}: {name} must be a number, got {type(value).__name__}{shape}")


def check_rate(function: str, name: str, value: object) -> None:
    """A positive number, or None."""
    if value is None:
        return
    if not isinstance(value, (Real, np.number)):
        raise TypeError(f"{function}: {name} must be a number, got {type(value).__name__}")
    if not value > 0:  # type: ignore[operator]  # a real number
        raise ValueError(f"{function}: {name} must be positive, got {value}")


def check_addressable(function: str, shape: Iterable[int], itemsize: int) -> None:
    """Refuse a result that no address space holds, before anything is allocated."""
    # NumPy refuses an axis that is too long also where another one is empty.
    needed = math.prod(size for size in shape if size) * max(itemsize, 1)
    if needed > MAX_BYTES:
        size = f"{needed:.3e}" if needed.bit_length() < 1000 else f"2**{needed.bit_length()}"
        raise ValueError(
            f"{function}: the result of shape {tuple(shape)} would need {size} bytes, "
            f"more than can be addressed"
        )


# Rows or columns up to which a lazy matrix without a structured way is formed (128 MiB of float64).
FORMED_SIZE = 4096


def check_formable(function: str, operator: Shaped) -> None:
    """Refuse to form a large lazy matrix behind one's back."""
    rows, columns = operator.shape[-2:]
    if max(rows, columns) > FORMED_SIZE:
        raise ValueError(
            f"{function}: no structured way is known for {operator!r}, and {rows} x {columns} is "
            f"too large to be formed (up to {FORMED_SIZE} rows and columns are); form it with "
            f"toarray(), or use an iterative method"
        )


def check_out(function: str, out: object, shape: Iterable[int], dtype: DTypeLike) -> None:
    """``out`` must be a writeable array of exactly this shape that can hold ``dtype``.

    Numbers go into numbers: NumPy would cast them to strings, cut short, and to times.
    """
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{function}: out must be an array, got {type(out).__name__}")
    if any_masked(out):
        raise TypeError(f"{function}: out must be an array without a mask")
    if out.shape != tuple(shape):
        raise ValueError(f"{function}: out must have shape {tuple(shape)}, got {out.shape}")
    dtype = np.dtype(dtype)
    numbers_alike = dtype.kind not in NUMBERS or out.dtype.kind in NUMBERS
    if not (numbers_alike and np.can_cast(dtype, out.dtype, "same_kind")):
        raise TypeError(
            f"{function}: cannot cast the result from {dtype} to out of dtype "
            f"{out.dtype} with casting rule 'same_kind'"
        )
    if not out.flags.writeable:
        raise ValueError(f"{function}: out is read-only")


def broadcast(*shapes: Shape) -> Shape:
    """`numpy.broadcast_shapes`; ValueError also for more axes than its 32."""
    try:
        return np.broadcast_shapes(*shapes)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def broadcast_batch(
    function: str, core: Mapping[str, int] | None = None, **arguments: Any
) -> Shape:
    """The common batch shape of matrices: their leading axes, broadcast as in np.matmul.

    ``core`` says for which names fewer than two axes are no batch.
    """
    core = core or {}
    try:
        return broadcast(*(a.shape[: a.ndim - core.get(name, 2)] for name, a in arguments.items()))
    except ValueError:
        raise shape_error(function, "batch axes do not broadcast", **arguments) from None


def as_movable(function: str, name: str, value: Any, *, min_ndim: int = 0) -> Array:
    """``as_array`` for functions that only move entries.

    Owners of ``__array_function__`` that are not ndarrays (Dask, CuPy, ...) pass as they are:
    np.reshape, np.swapaxes and np.take dispatch to them.
    """
    if isinstance(value, np.ndarray) or not hasattr(type(value), "__array_function__"):
        return as_array(function, name, value, min_ndim=min_ndim, numeric=False)
    if value.ndim < min_ndim:
        need = {1: "a vector (at least 1 axis)", 2: "a matrix (at least 2 axes)"}[min_ndim]
        raise shape_error(function, f"{name} must be {need}", **{name: value})
    return value


def check_numeric(function: str, name: str, array: Array) -> None:
    """Numbers, booleans or objects: what can be scaled."""
    if array.dtype.kind not in NUMBERS:
        raise TypeError(f"{function}: {name} must hold numbers, got dtype {array.dtype}")


def check_square(function: str, name: str, array: Shaped) -> int:
    """n of an array of n x n matrices."""
    if array.shape[-1] != array.shape[-2]:
        raise shape_error(function, f"{name} must be square (..., n, n)", **{name: array})
    return array.shape[-1]


def check_matrix_shape(function: str, name: str, shape: Iterable[SupportsIndex]) -> tuple[int, int]:
    """``shape`` as a pair of sizes (m, n)."""
    try:
        m, n = shape
    except (TypeError, ValueError):
        raise TypeError(f"{function}: {name} must be a pair (m, n), got {shape!r}") from None
    return check_axis_size(function, f"{name}[0]", m), check_axis_size(function, f"{name}[1]", n)


def check_array_shape(function: str, name: str, shape: Iterable[SupportsIndex]) -> Shape:
    """``shape`` as a tuple of sizes, of any length."""
    try:
        sizes = tuple(shape)
    except TypeError:
        raise TypeError(f"{function}: {name} must be a tuple of sizes, got {shape!r}") from None
    return tuple(check_axis_size(function, f"{name}[{i}]", size) for i, size in enumerate(sizes))


def check_vec_length(function: str, name: str, vector: Array, shape: tuple[int, int]) -> None:
    """The last axis must be the vec of a matrix of ``shape``."""
    m, n = shape
    if vector.shape[-1] != m * n:
        raise shape_error(
            function,
            f"the last axis of {name} must have length {m} * {n} = {m * n} for shape {shape}",
            **{name: vector},
        )


def check_triangle_length(function: str, name: str, vector: Array) -> int:
    """n of a vector of length n (n + 1) / 2."""
    length = vector.shape[-1]
    n = (math.isqrt(8 * length + 1) - 1) // 2
    if n * (n + 1) // 2 != length:
        below, above = n * (n + 1) // 2, (n + 1) * (n + 2) // 2
        raise shape_error(
            function,
            f"the last axis of {name} must have length n (n + 1) / 2, such as {below} (n = {n}) "
            f"or {above} (n = {n + 1})",
            **{name: vector},
        )
    return n


def check_axis_length(
    function: str, name: str, array: Shaped, axis: int, length: int, why: str
) -> None:
    """One axis, which a matrix multiplies, must have this length."""
    if array.shape[axis] != length:
        message = f"axis {axis} of {name} must have length {length} {why}"
        raise shape_error(function, message, **{name: array})


def check_side(function: str, side: str) -> Side:
    """``side`` as "left" or "right"."""
    if not isinstance(side, str) or side not in ("left", "right"):
        raise ValueError(f"{function}: side must be 'left' or 'right', got {side!r}")
    return side  # type: ignore[return-value]  # one of the two


def check_choice(function: str, name: str, value: str, choices: Collection[str]) -> str:
    """``value`` as one of the strings ``choices``."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"{function}: {name} must be one of {', '.join(map(repr, choices))}, got {value!r}"
        )
    return value


def overrides_ufuncs(*arguments: object) -> bool:
    """Whether a non-ndarray among the arguments wants to handle the ufunc call itself."""
    for value in arguments:
        if value is not None and not isinstance(value, np.ndarray):
            handler = getattr(type(value), "__array_ufunc__", None)
            if handler is not None and handler is not np.ndarray.__array_ufunc__:
                return not isinstance(value, np.generic)
    return False


def check_indices(function: str, name: str, index: Array, size: int, of: str) -> Indices:
    """Numbers below ``size``, the entries ``of`` something, none negative any more."""
    if index.dtype.kind not in "iu" and index.size:
        raise TypeError(f"{function}: {name} must hold integers, got dtype {index.dtype}")
    if index.size and (index.min() < -size or index.max() >= size):
        outside = index[(index < -size) | (index >= size)].flat[0]
        raise IndexError(f"{function}: {name} holds {outside}, which is out of bounds for {of}")
    index = index.astype(np.intp, copy=False)
    return np.where(index < 0, index + size, index) if (index < 0).any() else index


def as_lapack(function: str, precisions: Sequence[DType], /, **arrays: Array) -> list[Array]:
    """The arrays in single or double precision, real or complex, and finite.

    ``precisions`` are the dtypes of LAPACK.  Single where none has more precision than that; longer
    than double is rounded to double.
    """
    dtypes = {a.dtype for a in arrays.values()}
    if len(dtypes) > 1 or not dtypes <= set(precisions):
        single = all(dtype.char in "efF" for dtype in dtypes)
        for name, a in arrays.items():
            arrays[name] = _to_lapack(function, name, a, "fF" if single else "dD")
    for name, a in arrays.items():
        if not np.isfinite(a).all():
            raise ValueError(f"{function}: {name} must not contain NaN or infinity")
    return list(arrays.values())


def _to_lapack(function: str, name: str, a: Array, kinds: str) -> Array:
    """``a`` as the first, real, of two dtypes if it can be, else as the second."""
    real = a.dtype.kind in "biuf"
    if a.dtype.kind == "O":
        real = all(isinstance(entry, Real) for entry in a.flat)
    try:
        with np.errstate(over="ignore"):  # what became infinite is refused
            return a.astype(kinds[0] if real else kinds[1], copy=False)
    except (TypeError, ValueError):
        raise TypeError(f"{function}: {name} holds objects that are no numbers") from None
