"""What ``K[key]`` asks for: arrays of row and column numbers that broadcast to the answer."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._shapes import check_addressable

if TYPE_CHECKING:
    from .._typing import Array, Index, Indices, Shape


class Key(NamedTuple):
    """Row and column numbers that broadcast to the shape of the answer."""

    rows: Indices
    columns: Indices
    all_rows: bool
    all_columns: bool


def read_key(
    function: str,
    key: Index | tuple[Index, ...],
    shape: Shape,
) -> Key:
    """As for a matrix in NumPy: integers, slices, arrays of integers, masks; arrays in pairs."""
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) > 2 or any(part is None or part is Ellipsis for part in parts):
        raise IndexError(f"{function}: give rows, or rows and columns; got {key!r}")
    parts = (*parts, slice(None))[:2]
    (rows, row_kind), (columns, column_kind) = (
        _numbers(function, part, size, axis)
        for axis, (part, size) in enumerate(zip(parts, shape, strict=True))
    )
    whole = [isinstance(part, slice) and part == slice(None) for part in parts]
    if row_kind != "integer" and column_kind == "slice":
        rows = rows[..., None]
    elif row_kind == "slice" and column_kind == "array":
        rows = rows.reshape(-1, *[1] * columns.ndim)
    return Key(rows, columns, whole[0], whole[1])


def _numbers(function: str, part: Index, size: int, axis: int) -> tuple[Indices, str]:
    """The numbers that one part of a key stands for, none negative, and its kind."""
    if isinstance(part, slice):
        begin, end, step = part.indices(size)
        check_addressable(function, ((end - begin) // step + 1,), np.dtype(np.intp).itemsize)
        return np.arange(begin, end, step), "slice"
    if isinstance(part, (bool, np.bool_)):
        raise IndexError(f"{function}: axis {axis} takes integers, slices and arrays, not {part!r}")
    numbers: Array
    try:
        # An array of no axes, as NumPy takes an integer of its own.
        numbers, kind = np.asarray(operator.index(part), np.intp), "integer"  # type: ignore[arg-type]  # tried
    except TypeError:
        numbers, kind = np.asarray(part), "array"
    if kind == "array" and numbers.dtype == bool:
        if numbers.shape != (size,):
            raise IndexError(
                f"{function}: a mask of axis {axis} must have shape ({size},), got {numbers.shape}"
            )
        return np.nonzero(numbers)[0], kind
    if numbers.dtype.kind not in "iu" and numbers.size:
        raise IndexError(f"{function}: indices must be integers, got dtype {numbers.dtype}")
    numbers = numbers.astype(np.intp)
    if ((numbers < -size) | (numbers >= size)).any():
        raise IndexError(f"{function}: index out of bounds for axis {axis} with size {size}")
    return np.where(numbers < 0, numbers + size, numbers), kind
