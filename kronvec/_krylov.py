"""The leading singular triplets of a matrix that is only multiplied: block Golub-Kahan-Lanczos.

R V = U T and Rᴴ U = V Tᴴ + V₊ L Eᵀ hold to rounding for orthonormal U and V, where E picks the
last block.  So (σ, u, v) of T, carried back by U and V, satisfies R v = σ u exactly and misses
Rᴴ u = σ v by ‖L E ᵀ u‖ alone, a number of a small matrix.  A block of more vectors than triplets
finds equal singular values as often as they occur; when V spans the whole space, nothing is
missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_SPARE = 3  # vectors in a block beyond the triplets asked for
_TOLERANCE = 16  # a triplet is right when it misses by so many roundings of the largest σ
_ACCEPTED_STEPS = 150  # then √ε is enough: σ and the least error are right to ε already


def leading_triplets(
    multiply: Callable[[NDArray], NDArray],
    multiply_adjoint: Callable[[NDArray], NDArray],
    shape: tuple[int, int],
    count: int,
    dtype: np.dtype,
) -> tuple[NDArray, NDArray, NDArray]:
    """(U, s, Vᴴ) of the ``count`` largest singular values of R, s descending.

    ``multiply(X)`` is R X, ``multiply_adjoint(Y)`` is Rᴴ Y, of matrices with few columns.
    """
    rows, columns = shape
    if rows < columns:  # V is the basis that may come to span its space
        u, s, vh = leading_triplets(multiply_adjoint, multiply, (columns, rows), count, dtype)
        return vh.conj().T, s, u.conj().T
    start = np.random.default_rng(0).standard_normal((columns, min(columns, count + _SPARE)))
    left, right = np.empty((rows, 0), dtype), np.empty((columns, 0), dtype)
    block, projected, step = _orthonormal(start.astype(dtype), right), np.empty((0, 0), dtype), 0
    while True:
        step += 1
        right = np.hstack([right, block])
        image = multiply(block)
        fresh = _orthonormal(image, left)
        left = np.hstack([left, fresh])
        projected = _with_columns(projected, left.conj().T @ image)
        u, s, vh = np.linalg.svd(projected, full_matrices=False)
        residual = multiply_adjoint(fresh)
        residual -= right @ (right.conj().T @ residual)
        width = min(block.shape[1], columns - right.shape[1])
        block = _orthonormal(residual, right)[:, :width]
        missed = residual @ u[-fresh.shape[1] :, :count]
        error = np.linalg.norm(missed, axis=0).max(initial=0)
        unit = np.finfo(s.dtype).eps
        small = np.sqrt(unit) if step > _ACCEPTED_STEPS else _TOLERANCE * unit
        if width == 0 or error <= small * s[0]:
            return left @ u[:, :count], s[:count], vh[:count] @ right.conj().T


def _orthonormal(x: NDArray, basis: NDArray) -> NDArray:
    """An orthonormal basis of the columns of x and of the complement of ``basis``.

    The second round makes orthogonal what the first, of columns almost in the span, does not.
    """
    for _ in range(2):
        x = np.linalg.qr(x - basis @ (basis.conj().T @ x))[0]
    return x


def _with_columns(t: NDArray, new: NDArray) -> NDArray:
    """T with further rows of zeros, and the columns ``new`` of full height."""
    padded = np.zeros((new.shape[0], t.shape[1] + new.shape[1]), new.dtype)
    padded[: t.shape[0], : t.shape[1]] = t
    padded[:, t.shape[1] :] = new
    return padded
