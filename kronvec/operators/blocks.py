"""A matrix of operators as an operator."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import check_addressable
from ._base import Operator
from .combinations import common_dtype
from .dense import as_operator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import DTypeLike

    from .._typing import Array, Scalar, Shape
    from ..operators._base import Operator


class Blocks(Operator):
    """The block matrix [[K11, K12, …], [K21, K22, …], …].

    Parameters
    ----------
    blocks : sequence of sequences
        Operators, matrices, vectors (diagonal matrices) or SciPy sparse matrices; None for a
        block of zeros, whose sizes follow from its neighbours.

    Attributes
    ----------
    blocks : tuple of tuples of Operator or None

    Raises
    ------
    ValueError
        The rows of blocks are not equally long, sizes do not fit, or a row or column of blocks
        has none but None.

    Notes
    -----
    Where only blocks on the diagonal are there and all are square, systems, inverses,
    determinants, eigenvalues and Cholesky factors go block by block.

    Examples
    --------
    >>> from kronvec.operators import Blocks, Identity
    >>> B = Blocks([[Identity(2), [[5], [6]]], [None, [7]]])
    >>> B.toarray()
    array([[1, 0, 5],
           [0, 1, 6],
           [0, 0, 7]])
    >>> B @ [1, 1, 1]
    array([6, 7, 7])
    """

    def __init__(self, blocks: Sequence[Sequence[Any]]) -> None:
        rows = [list(row) for row in blocks]
        if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
            raise ValueError("Blocks: needs rows of blocks, all of one length")
        self.blocks = tuple(
            tuple(
                None if block is None else as_operator("Blocks", f"block {i}, {j}", block)
                for j, block in enumerate(row)
            )
            for i, row in enumerate(rows)
        )
        self._heights = [_common(row, 0, f"row {i}") for i, row in enumerate(self.blocks)]
        columns = list(zip(*self.blocks, strict=True))
        self._widths = [_common(col, 1, f"column {j}") for j, col in enumerate(columns)]
        present = [block for row in self.blocks for block in row if block is not None]
        super().__init__((sum(self._heights), sum(self._widths)), common_dtype(present))

    def _matmul(self, x: Array) -> Array:
        parts = np.split(x, np.cumsum(self._widths)[:-1], axis=-2)
        rows = (zip(row, parts, strict=True) for row in self.blocks)
        sums = [reduce(np.add, (b._matmul(p) for b, p in row if b is not None)) for row in rows]
        return np.concatenate(sums, axis=-2)

    def _transpose(self) -> Blocks:
        columns = zip(*self.blocks, strict=True)
        return Blocks([[b if b is None else b._transpose() for b in col] for col in columns])

    def _conjugate(self) -> Blocks:
        return Blocks([[b if b is None else b._conjugate() for b in row] for row in self.blocks])

    def toarray(self, dtype: DTypeLike | None = None) -> Array:
        """The dense array."""
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        check_addressable(f"{self!r}.toarray", self.shape, max(dtype.itemsize, 1))
        dense = np.zeros(self.shape, dtype)
        tops, lefts = np.cumsum([0, *self._heights]), np.cumsum([0, *self._widths])
        for i, row in enumerate(self.blocks):
            for j, block in enumerate(row):
                if block is not None:
                    dense[tops[i] : tops[i + 1], lefts[j] : lefts[j + 1]] = block.toarray(dtype)
        return dense

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``; needs SciPy."""
        from scipy.sparse import block_array, csr_array

        def csr(block: Any, shape: Shape) -> Any:
            return csr_array(shape) if block is None else block.tocsr()

        parts = [
            [csr(b, (h, w)) for b, w in zip(row, self._widths, strict=True)]
            for row, h in zip(self.blocks, self._heights, strict=True)
        ]
        return csr_array(block_array(parts)).astype(self.dtype if dtype is None else dtype)

    # ------------------------------------------------------------------------------ algebra

    def _on_diagonal(self) -> list[Operator] | None:
        """The blocks of a block diagonal matrix of square blocks; None for another."""
        square = self._heights == self._widths
        beside = (b for i, row in enumerate(self.blocks) for j, b in enumerate(row) if i != j)
        if not square or any(b is not None for b in beside):
            return None
        return [block for i, row in enumerate(self.blocks) if (block := row[i]) is not None]

    def _block_diagonal(self, method: str, *arguments: Any) -> Blocks:
        blocks = self._on_diagonal()
        made = [getattr(b, method)(*arguments) for b in blocks or ()]
        return Blocks(
            [[b if i == j else None for j in range(len(made))] for i, b in enumerate(made)]
        )

    def _solve(self, b: Array) -> Array:
        blocks = self._on_diagonal()
        if blocks is None:
            return super()._solve(b)
        parts = np.split(b, np.cumsum(self._heights)[:-1], axis=-2)
        return np.concatenate([k._solve(p) for k, p in zip(blocks, parts, strict=True)], axis=-2)

    def _inv(self) -> Operator:
        return super()._inv() if self._on_diagonal() is None else self._block_diagonal("_inv")

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        blocks = self._on_diagonal()
        if blocks is None:
            return super()._slogdet()
        pairs = [b._slogdet() for b in blocks]
        return reduce(np.multiply, [s for s, _ in pairs]), sum(a for _, a in pairs)

    def _is_hermitian(self) -> bool:
        blocks = self._on_diagonal()
        if blocks is None:
            return super()._is_hermitian()
        return all(b._is_hermitian() for b in blocks)

    def _eigh(self) -> tuple[Array, Operator]:
        blocks = self._on_diagonal()
        return super()._eigh() if blocks is None else self._joined(blocks, "_eigh")

    def _eig(self) -> tuple[Array, Operator]:
        blocks = self._on_diagonal()
        return super()._eig() if blocks is None else self._joined(blocks, "_eig")

    def _joined(self, blocks: Any, method: str) -> Any:
        pairs = [getattr(b, method)() for b in blocks]
        n = len(pairs)
        vectors = [[pairs[i][1] if i == j else None for j in range(n)] for i in range(n)]
        return np.concatenate([w for w, _ in pairs]), Blocks(vectors)

    def _cholesky(self) -> Operator:
        if self._on_diagonal() is None:
            return super()._cholesky()
        return self._block_diagonal("_cholesky")

    def __repr__(self) -> str:
        shown = ["[" + ", ".join(map(repr, row)) + "]" for row in self.blocks]
        return f"Blocks([{', '.join(shown)}])"


def _common(blocks: tuple[Operator | None, ...], axis: int, where: str) -> int:
    """The size that all of a row or column of blocks have."""
    sizes = {block.shape[axis] for block in blocks if block is not None}
    if len(sizes) != 1:
        given = [None if block is None else block.shape for block in blocks]
        kind = "rows" if axis == 0 else "columns"
        raise ValueError(f"Blocks: {where} must have blocks of one number of {kind}, got {given}")
    return sizes.pop()
