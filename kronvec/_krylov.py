"""The leading singular triplets of a matrix that is only multiplied: block Golub-Kahan-Lanczos.

R V = U T and Rᴴ U = V Tᴴ + V₊ L Eᵀ hold to rounding for orthonormal U and V, where E picks the
last block.  So (σ, u, v) of T, carried back by U and V, satisfies R v = σ u exactly and misses
Rᴴ u = σ v by the small ‖L Eᵀ u‖ alone.  A block of as many vectors as triplets finds equal
singular values as often as they are asked for; when V spans the whole space, nothing is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._typing import Array, DType, Shape


_TOLERANCE = 16  # a triplet is right when it misses by so many roundings of the largest σ
_ACCEPTED = 600  # vectors; then √ε is enough: σ and the least error are right to ε already


def leading_triplets(
    multiply: Callable[[Array], Array],
    multiply_adjoint: Callable[[Array], Array],
    shape: Shape,
    count: int,
    dtype: DType,
) -> tuple[Array, Array, Array]:
    """(U, s, Vᴴ) of the ``count`` largest singular values of R, s descending.

    ``multiply(X)`` is R X, ``multiply_adjoint(Y)`` is Rᴴ Y, of matrices with few columns.
    """
    rows, columns = shape
    if rows < columns:  # V is the basis that may come to span its space
        u, s, vh = leading_triplets(multiply_adjoint, multiply, (columns, rows), count, dtype)
        return vh.conj().T, s, u.conj().T
    width = min(columns, count)
    left, right, projected = _Basis(rows, dtype), _Basis(columns, dtype), _Basis(0, dtype)
    random = np.random.default_rng(0).standard_normal((columns, width)).astype(dtype)
    image, next_check = multiply(right.extend(random)), 0
    while True:
        fresh = left.extend(image)
        projected.append(left.vectors.conj().T @ image)
        residual = multiply_adjoint(fresh)
        residual -= right.vectors @ (right.vectors.conj().T @ residual)
        full = right.count + width > columns
        if full or right.count >= next_check:
            next_check = 1.25 * right.count
            u, s, vh = np.linalg.svd(projected.vectors, full_matrices=False)
            missed = residual @ u[-width:, :count]
            error = np.linalg.norm(missed, axis=0).max(initial=0)
            unit = np.finfo(s.dtype).eps
            small = np.sqrt(unit) if right.count > _ACCEPTED else _TOLERANCE * unit
            if error <= small * s[0]:
                break
        if full and right.count == columns:
            break
        width = min(width, columns - right.count)
        image = multiply(right.extend(residual[:, :width]))
    leading = vh[:count] @ right.vectors.conj().T
    return left.vectors @ u[:, :count], s[:count], leading


class _Basis:
    """Columns that grow in number, in memory that doubles; their length may grow, too."""

    def __init__(self, length: int, dtype: DType) -> None:
        self._memory = np.zeros((length, 16), dtype, order="F")
        self.count = 0

    @property
    def vectors(self) -> Array:
        """The columns so far."""
        return self._memory[:, : self.count]

    def append(self, columns: Array) -> Array:
        """These columns behind the others, which get zeros where they are shorter."""
        length, count = columns.shape[0], self.count + columns.shape[1]
        if length > self._memory.shape[0] or count > self._memory.shape[1]:
            grown = np.zeros((length, 2 * count), self._memory.dtype, order="F")
            grown[: self._memory.shape[0], : self.count] = self.vectors
            self._memory = grown
        self._memory[:, self.count : count] = columns
        self.count = count
        return self._memory[:, count - columns.shape[1] : count]

    def extend(self, x: Array) -> Array:
        """Append orthonormal columns that span what x adds to the space.

        Columns of x that lie in it to rounding become arbitrary ones outside.
        """
        dependent = True
        for _ in range(3):
            if not dependent:
                break
            scale = np.linalg.norm(x, axis=0)
            for _ in range(2):
                x = x - self.vectors @ (self.vectors.conj().T @ x)
            x, r = np.linalg.qr(x)
            dependent = (np.abs(np.diagonal(r)) <= 1e-3 * scale).any()
        return self.append(x)
