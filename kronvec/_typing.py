"""What annotations are made of; imported where types are checked, never at run time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from ._factor_shapes import IdentityFactor

# Of any dtype: the results' dtypes follow from values by np.result_type.
Array: TypeAlias = NDArray[Any]
Indices: TypeAlias = NDArray[np.intp]
DType: TypeAlias = np.dtype[Any]
Shape: TypeAlias = tuple[int, ...]
# An entry of an array.  NumPy's stubs, too, give Any for it: it may be any number or an object.
Scalar: TypeAlias = Any

Order: TypeAlias = Literal["F", "C"]
Layout: TypeAlias = Literal["numerator", "denominator"]
Side: TypeAlias = Literal["left", "right"]
# Of `numpy.linalg.norm`, for a matrix.
Norm: TypeAlias = Literal["fro", "nuc"] | float
# One part of a key: an integer, a slice, integers, a mask.
Index: TypeAlias = SupportsIndex | slice | Sequence[int] | Sequence[bool] | Array
# The factors of a product as users give them; None is an identity of the size that fits.
Factors: TypeAlias = Iterable[ArrayLike | None]
Factor: TypeAlias = "Array | IdentityFactor"
# An array of a library whose types are not known here.
Foreign: TypeAlias = Any
# What a call is given: arrays, lists of them, sizes.
Operands: TypeAlias = tuple[Any, ...]
