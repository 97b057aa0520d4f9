"""The validation of factors: lists of matrices, identities among them, rows picked of them.

The counterpart of _shapes.py, whose errors these are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ._shapes import as_array, broadcast, check_indices, shape_error

if TYPE_CHECKING:
    pass


class IdentityFactor:
    """An identity among the factors of a Kronecker product: a shape without entries."""

    ndim = 2

    def __init__(self, n: int) -> None:
        self.shape = (n, n)

    @property
    def T(self) -> IdentityFactor:
        """Itself."""
        return self


def read_factors(
    function: str,
    factors,
    argument: str = "factors",
    item: str = "factor",
    *,
    identities: bool = False,
) -> list:
    """The matrices of a product, given as ``argument``, as arrays of at least two axes.

    With ``identities`` an identity operator becomes an IdentityFactor, and None stays None.
    """
    if isinstance(factors, np.ndarray) and factors.ndim == 2:
        raise TypeError(
            f"{function}: {argument} must be a sequence of matrices, got one matrix of shape "
            f"{factors.shape}: write [{item}]"
        )
    try:
        listed = list(factors)
    except TypeError:
        raise TypeError(
            f"{function}: {argument} must be a sequence of matrices, got {type(factors).__name__}"
        ) from None
    if not listed:
        raise ValueError(f"{function}: at least one {item} is needed")
    for i, f in enumerate(listed):
        if identities and getattr(type(f), "is_identity", False) is True:
            listed[i] = IdentityFactor(f.shape[0])
        elif not (identities and f is None):
            listed[i] = as_array(function, f"{item} {i}", f, min_ndim=2)
    return listed


def size_identity(function: str, factors, length: int, *, transposed: bool = False) -> list:
    """The factors, None among them an identity of the size that makes ``length`` fit."""
    unsized = [i for i, f in enumerate(factors) if f is None]
    if not unsized:
        return factors
    if len(unsized) > 1:
        raise ValueError(
            f"{function}: the size of one None factor follows from x, not that of "
            f"{len(unsized)}; use operators.Identity(n)"
        )
    side = -2 if transposed else -1
    others = math.prod(f.shape[side] for f in factors if f is not None)
    if others == 0 or length % others:
        raise ValueError(
            f"{function}: no identity in place of None fits: x has {length} entries on the axis "
            f"of the Kronecker product, which must be a multiple of {others}, the product of the "
            f"other factors' {'rows' if transposed else 'columns'}"
        )
    identity = IdentityFactor(length // others)
    return [identity if f is None else f for f in factors]


def factors_batch(function: str, factors, x, core: int) -> tuple[int, ...]:
    """The batch axes of x, whose ``core`` last axes are no batch, and of the factors, broadcast."""
    if all(f.ndim == 2 for f in factors):
        return x.shape[: x.ndim - core]
    try:
        return broadcast(x.shape[: x.ndim - core], *(f.shape[:-2] for f in factors))
    except ValueError:
        named = {f"factor_{i}": f for i, f in enumerate(factors)}
        raise shape_error(function, "batch axes do not broadcast", x=x, **named) from None


def check_kron_axis(
    function: str, factors, x, axis: int, *, transposed: bool = False, of: str = "product"
) -> int:
    """The length of ``axis`` of x, which must be that of K's columns (its rows if transposed)."""
    side = -2 if transposed else -1
    sizes = [f.shape[side] for f in factors]
    length = math.prod(sizes)
    if x.shape[axis] != length:
        product = " * ".join(map(str, sizes))
        raise ValueError(
            f"{function}: x must have {product} = {length} entries on axis {axis}, the "
            f"{'rows' if transposed else 'columns'} of the Kronecker {of}; got x {x.shape}, "
            f"factors {', '.join(str(f.shape) for f in factors)}"
        )
    return length


def check_alike(function: str, matrices, axis: int) -> int:
    """The common length of ``axis`` of all matrices."""
    lengths = {m.shape[axis] for m in matrices}
    if len(lengths) > 1:
        named = {f"matrix_{i}": m for i, m in enumerate(matrices)}
        kind = "columns" if axis == -1 else "rows"
        raise shape_error(function, f"all matrices need the same number of {kind}", **named)
    return lengths.pop()


def check_rows(function: str, rows, sizes) -> list:
    """One vector of row numbers for each factor, all of one length, none negative any more."""
    if not isinstance(rows, (tuple, list)):
        raise TypeError(
            f"{function}: rows must be a tuple with one index array for each factor, got "
            f"{type(rows).__name__}"
        )
    if len(rows) != len(sizes):
        raise ValueError(
            f"{function}: rows must hold one index array for each of the {len(sizes)} factors, "
            f"got {len(rows)}"
        )
    read = [np.asarray(index) for index in rows]
    for i, index in enumerate(read):
        if index.ndim != 1 or len(index) != len(read[0]):
            raise ValueError(
                f"{function}: rows must hold vectors of one length, got shapes "
                f"{', '.join(str(each.shape) for each in read)}"
            )
        of = f"factor {i} with {sizes[i]} rows"
        read[i] = check_indices(function, f"rows[{i}]", index, sizes[i], of)
    return read
