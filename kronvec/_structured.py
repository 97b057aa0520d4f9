"""What is no array: operators that know their structure, and SciPy's sparse matrices.

Operators are a layer above, so nothing here imports them.  A type says what it can do by methods

    _partial_trace(self, dims, axes)        the matrix with those subsystems traced out
    _partial_transpose(self, dims, axes)    the matrix with those subsystems transposed
    _realigned(self, shape_a, shape_b)      (U, V) with R(M) = U Vᵀ, R in order "C"

where dims is a tuple of (rows, columns), axes a sorted tuple of numbers that are not negative,
and both fit the operator's shape.  The first two return an array or an operator.  For
M = Σ_i A_i ⊗ B_i column i of U is vec_C(A_i), column i of V is vec_C(B_i); ``stacked_terms``
makes them from pairs.  NotImplemented, or no such method, means the dense array, which
``toarray`` gives, of up to FORMED_SIZE rows and columns (see _shapes.py).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import ArrayLike

    from ._typing import Array, Shape


def is_sparse(m: Any) -> bool:
    """Whether m is SciPy's; without SciPy imported nothing is."""
    if isinstance(m, np.ndarray):
        return False
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and sparse.issparse(m)


def is_operator(m: Any) -> bool:
    """Whether m is a lazy matrix: it has a shape, and an array only when asked for it."""
    return not isinstance(m, np.ndarray) and hasattr(type(m), "toarray") and not is_sparse(m)


def ask(m: Any, method: str, *arguments: tuple[int | tuple[int, int], ...]) -> Any:
    """What the operator's own method gives; NotImplemented where it has none."""
    own = getattr(type(m), method, None)
    return NotImplemented if own is None else own(m, *arguments)


def stacked_terms(pairs: Iterable[ArrayLike]) -> tuple[Array, Array]:
    """U and V with R(Σ_i A_i ⊗ B_i) = U Vᵀ: their columns are the A_i and the B_i by rows."""
    u, v = (
        np.stack([np.asarray(f).reshape(-1) for f in factors], axis=-1)
        for factors in zip(*pairs, strict=True)
    )
    return u, v


def sparse_from(row: Array, column: Array, data: Array, shape: Shape, like: Any) -> Any:
    """The sparse matrix of these entries, equal places added, of the kind of ``like``."""
    import scipy.sparse

    array = isinstance(like, scipy.sparse.sparray)
    make = scipy.sparse.coo_array if array else scipy.sparse.coo_matrix
    result = make((data, (row, column)), shape=shape)
    result.sum_duplicates()
    return result.asformat(like.format)


def sparse_entries(m: Any) -> tuple[Array, Array, Array]:
    """Row numbers, column numbers and values of a sparse matrix."""
    coo = m.tocoo()
    return coo.row.astype(np.intp), coo.col.astype(np.intp), coo.data
