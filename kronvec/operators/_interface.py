"""What the mixins of an operator need of it, for the type checker; at run time an empty class."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, overload

    from numpy.typing import ArrayLike, DTypeLike

    from .._typing import Array, DType
    from ._base import Operator


class Interface:
    """A matrix that is applied, never formed: see _base.py, which has what is declared here."""

    if TYPE_CHECKING:
        _dtype: DType
        moves_only: bool

        @property
        def shape(self) -> tuple[int, int]: ...
        @property
        def ndim(self) -> int: ...
        @property
        def dtype(self) -> DType: ...
        @property
        def H(self) -> Operator: ...
        def toarray(self, dtype: DTypeLike | None = None) -> Array: ...
        def _entries(self, i: Array, j: Array) -> Array: ...
        @overload
        def __matmul__(self, other: Operator) -> Operator: ...
        @overload
        def __matmul__(self, other: ArrayLike) -> Array: ...
        def __matmul__(self, other: Any) -> Any: ...
