"""The same matrix in more precision, structure and all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._base import Operator
from ._solving import inexact
from .combinations import Product, Scaled
from .dense import Dense
from .diagonal import Diagonal
from .inverse import Inverse
from .kronecker_product import KroneckerProduct
from .kronecker_sum import KroneckerSum
from .sparse import Sparse
from .sums import Sum
from .symmetric_kronecker import SymmetricKronecker
from .triangular import Triangular

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._typing import DType


def in_precision(operator: Operator, real: DType) -> Operator:
    """K with its entries held in the precision of the dtype ``real`` at least.

    What has no entries of its own, or is of a kind not listed below, stays as it is.
    """
    own = inexact(operator.dtype)
    if operator.moves_only or np.finfo(own).eps <= np.finfo(real).eps:
        return operator
    rebuild = _REBUILD.get(type(operator))
    dtype = np.result_type(own, real)
    return rebuild(operator, lambda part: in_precision(part, real), dtype) if rebuild else operator


_REBUILD: dict[type, Callable[..., Operator]] = {
    Dense: lambda k, each, dtype: Dense(k.array.astype(dtype)),
    Triangular: lambda k, each, dtype: Triangular(k.array.astype(dtype), lower=k.lower),
    Diagonal: lambda k, each, dtype: Diagonal(k.d.astype(dtype)),
    Sparse: lambda k, each, dtype: Sparse(k.matrix.astype(dtype)),
    SymmetricKronecker: lambda k, each, dtype: SymmetricKronecker(
        k.a.astype(dtype), None if k.b is k.a else k.b.astype(dtype)
    ),
    KroneckerProduct: lambda k, each, dtype: KroneckerProduct(*map(each, k.factors)),
    KroneckerSum: lambda k, each, dtype: KroneckerSum(*map(each, k.factors)),
    Scaled: lambda k, each, dtype: Scaled(k.scale, each(k.operator)),
    Sum: lambda k, each, dtype: Sum(*map(each, k.terms)),
    Product: lambda k, each, dtype: Product(*map(each, k.operators)),
    Inverse: lambda k, each, dtype: Inverse(each(k.operator)),
}
