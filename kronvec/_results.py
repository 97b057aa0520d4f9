"""How a result reaches the caller: in ``out``, or as the subclass that np.matmul would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._shapes import any_masked, check_out

if TYPE_CHECKING:
    from ._typing import Array, Factor, Shape


# Entries that NumPy moves in some hundredths of a second, however they lie; then Ctrl-C is heard.
_AT_ONCE = 1 << 22


def assign(out: Array, result: Array) -> None:
    """``out[...] = result``, also where the two overlap.

    NumPy's own assignment misplaces entries of overlapping vectors with different strides.
    """
    if np.may_share_memory(out, result):
        result = result.copy()
    if out.size <= _AT_ONCE or out.shape != result.shape or type(out) is not np.ndarray:
        out[...] = result
        return
    pieces = -(-out.size // _AT_ONCE)
    axes = [i for i, n in enumerate(out.shape) if n >= pieces] or [int(np.argmax(out.shape))]
    axis = max(axes, key=lambda i: abs(out.strides[i]))
    out, result = np.moveaxis(out, axis, 0), np.moveaxis(result, axis, 0)
    step = max(1, len(out) // pieces)
    for i in range(0, len(out), step):
        out[i : i + step] = result[i : i + step]


def store(function: str, result: Array, out: Array) -> Array:
    """``out`` with ``result`` in it, if it fits."""
    if any_masked(result):
        raise TypeError(f"{function}: the result is a masked array, and out has no mask")
    check_out(function, out, result.shape, result.dtype)
    assign(out, result)
    return out


def in_a_batch(batch: Shape, *operands: Array) -> tuple[Array, ...]:
    """The operands; in a batch np.matrix, which has no more than two axes, is plain."""
    if not batch:
        return operands
    return tuple(np.asarray(a) if isinstance(a, np.matrix) else a for a in operands)


def wrap_like(result: Array, *operands: Factor) -> Array:
    """``result`` as the subclass with the highest ``__array_priority__`` among the operands."""
    subclasses = [a for a in operands if type(a) is not np.ndarray and isinstance(a, np.ndarray)]
    if not subclasses:
        return result
    owner = max(subclasses, key=lambda a: a.__array_priority__)
    if isinstance(owner, np.matrix) and result.ndim > 2:
        return result
    return owner.__array_wrap__(result)
