"""The lower triangle of a square: where its entries lie, and how they move and add up.

An index along vec_F(A) is an index of the row-major array S = Aᵀ of shape (n, n): column j of the
lower triangle of A is the run S[j, j:], and vech(A) is these runs one after the other.  Small
triangles are gathered by kept positions; for large ones the positions would cost more than the
move, so the runs are copied one by one and the other half is transposed in panels.

The moves take arrays whose last but one axis is the vec (n², as S) or the vech (n (n + 1) / 2),
and write to a ``target`` of the same dtype that does not overlap the ``source``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .permutations import transpose_into

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

# Index arrays are kept for triangles up to this size (at most 128 KiB each).
CACHED_SIZE = 128
_PANEL = 64  # rows of S whose transpose is taken at once: a tile of 64 x 64 stays in cache


def triangle_size(n: int) -> int:
    """Entries of the lower triangle with its diagonal."""
    return n * (n + 1) // 2


# ---------------------------------------------------------------------------------- positions


def lower_positions(n: int, order: str) -> NDArray[np.intp]:
    """Where the entries of a vech lie in the square, row-major.

    Along vec_F the same numbers are those of the transposed entries, a[j, i] for i >= j.
    """
    square = np.arange(n * n, dtype=np.intp).reshape(n, n)
    if order == "F":
        return square.T[np.triu(np.ones((n, n), bool))]
    return square[np.tril(np.ones((n, n), bool))]


def square_positions(n: int, order: str) -> NDArray[np.intp]:
    """Where each entry of the square, row-major, lies in a vech: the same for (i, j) and (j, i)."""
    lower = lower_positions(n, order)
    upper = lower % n * n + lower // n if n else lower
    positions = np.empty(n * n, np.intp)
    positions[lower] = positions[upper] = np.arange(lower.size)
    return positions


def vec_positions(n: int, order: str = "F") -> NDArray[np.intp]:
    """Where the entries of a vech lie in the vec of the same order."""
    square = np.arange(n * n, dtype=np.intp).reshape(n, n)
    return square[np.triu(np.ones((n, n), bool)) if order == "F" else np.tri(n, dtype=bool)]


def diagonal_positions(n: int, order: str = "F") -> NDArray[np.intp]:
    """Where the diagonal lies in a vech."""
    i = np.arange(n)
    return i * n - i * (i - 1) // 2 if order == "F" else i * (i + 3) // 2


def off_diagonal(n: int, order: str = "F") -> NDArray[np.bool_]:
    """True for the entries of a vech off the diagonal."""
    mask = np.ones(triangle_size(n), bool)
    mask[diagonal_positions(n, order)] = False
    return mask


def off_diagonal_scale(n: int, dtype: np.dtype, order: str = "F") -> NDArray:
    """1 on the diagonal and √2 off it, along a vech, in the real type of ``dtype``."""
    real = np.dtype(float) if dtype.kind in "biuO" else np.empty(0, dtype).real.dtype
    scale = np.full(triangle_size(n), np.sqrt(real.type(2)), real)
    scale[diagonal_positions(n, order)] = 1
    return scale


@lru_cache(maxsize=64)
def _kept(positions: Callable, n: int, order: str) -> NDArray:
    indices = positions(n, order)
    indices.flags.writeable = False
    return indices


def for_size(positions: Callable, n: int, order: str = "F") -> NDArray:
    """``positions(n, order)``, kept where it is small."""
    return _kept(positions, n, order) if n <= CACHED_SIZE else positions(n, order)


# -------------------------------------------------------------------------------------- moves


def duplicate(target: NDArray, source: NDArray, n: int) -> None:
    """D: the vech to both halves of S."""
    if n <= CACHED_SIZE:
        _gather(target, source, for_size(square_positions, n))
        return
    square = _square(target, n)
    below = np.tri(_PANEL, k=-1, dtype=bool)[..., None]
    for begin, end in _panels(n):
        for j in range(begin, end):
            square[..., j, j:, :] = source[..., _run(n, j), :]
        across = square[..., begin:end, end:, :]
        transpose_into(square[..., end:, begin:end, :], across)
        corner = square[..., begin:end, begin:end, :]
        mirrored = np.swapaxes(corner, -2, -3).copy()
        np.copyto(corner, mirrored, where=below[: end - begin, : end - begin])


def spread(target: NDArray, source: NDArray, n: int) -> None:
    """Lᵀ: the vech to the lower triangle, zeros above."""
    target[...] = 0
    square = _square(target, n)
    if n <= CACHED_SIZE and target.ndim == 2:
        target[for_size(vec_positions, n)] = source
        return
    for j in range(n):
        square[..., j, j:, :] = source[..., _run(n, j), :]


def pick(target: NDArray, source: NDArray, n: int) -> None:
    """L: the lower triangle as a vech."""
    if n <= CACHED_SIZE:
        _gather(target, source, for_size(vec_positions, n))
        return
    square = _square(source, n)
    for j in range(n):
        target[..., _run(n, j), :] = square[..., j, j:, :]


def fold(target: NDArray, source: NDArray, n: int) -> None:
    """Dᵀ: the sum of both halves, the diagonal once."""
    pick(target, source, n)
    if n <= CACHED_SIZE:
        upper = np.take(source, for_size(lower_positions, n), axis=-2)
        np.add(target, upper, out=target, where=for_size(off_diagonal, n)[:, None])
        return
    for run, upper in _upper_runs(source, n):
        part = target[..., run, :]
        np.add(part, upper, out=part)


def average(target: NDArray, source: NDArray, n: int) -> None:
    """D⁺: the mean of both halves, each halved first so that no sum overflows."""
    pick(target, source, n)
    halve(target)
    if n <= CACHED_SIZE:
        upper = np.take(source, for_size(lower_positions, n), axis=-2)
        np.add(target, halve(upper), out=target)
    else:
        for run, upper in _upper_runs(source, n):
            part = target[..., run, :]
            np.add(part, halve(upper), out=part)
    target[..., for_size(diagonal_positions, n), :] = source[..., :: n + 1, :]


def duplicate_halves(target: NDArray, source: NDArray, n: int) -> None:
    """D⁺ᵀ: half of the vech to either half of S, the diagonal whole."""
    halves = halve(source.copy())
    diagonal = for_size(diagonal_positions, n)
    halves[..., diagonal, :] = source[..., diagonal, :]
    duplicate(target, halves, n)


def symmetrize(target: NDArray, source: NDArray, n: int) -> None:
    """N: (S + Sᵀ) / 2, each halved first so that no sum overflows; the diagonal as it is."""
    halves = halve(source.copy())
    transpose_into(_square(target, n), _square(halves, n))
    np.add(target, halves, out=target)
    target[..., :: n + 1, :] = source[..., :: n + 1, :]


def halve(a: NDArray) -> NDArray:
    """``a``, halved where it is; a complex infinity keeps its other part."""
    if a.dtype.kind == "O":
        return np.true_divide(a, 2, out=a)
    for part in (a.real, a.imag) if a.dtype.kind == "c" else (a,):
        np.multiply(part, 0.5, out=part)
    return a


def _gather(target: NDArray, source: NDArray, positions: NDArray[np.intp]) -> None:
    """The positions are valid; "clip" keeps np.take from buffering ``target``."""
    np.take(source, positions, axis=-2, out=target, mode="clip")


def _square(a: NDArray, n: int) -> NDArray:
    """A view: the axis of n² split into (n, n)."""
    return a.reshape(*a.shape[:-2], n, n, a.shape[-1], copy=False)


def _run(n: int, j: int) -> slice:
    """Where column j lies in a vech."""
    begin = j * n - j * (j - 1) // 2
    return slice(begin, begin + n - j)


def _panels(n: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, n, _PANEL):
        yield begin, min(begin + _PANEL, n)


def _upper_runs(source: NDArray, n: int) -> Iterator[tuple[slice, NDArray]]:
    """For each column j: where its strict lower part lies in a vech, and a copy of S[j+1:, j]."""
    square = _square(source, n)
    for begin, end in _panels(n):
        across = square[..., begin:, begin:end, :]
        panel = np.empty(
            (*source.shape[:-2], end - begin, n - begin, source.shape[-1]), source.dtype
        )
        transpose_into(panel, across)
        for j in range(begin, end):
            run = _run(n, j)
            yield slice(run.start + 1, run.stop), panel[..., j - begin, j + 1 - begin :, :]
