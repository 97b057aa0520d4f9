"""The lower triangle of a square: where its entries lie, and how they move and add up.

An index along vec_F(A) is an index of the row-major array S = Aᵀ of shape (n, n): column j of the
lower triangle of A is the run S[j, j:], and vech(A) is these runs one after the other.  Small
triangles are gathered by kept positions; for large ones the positions would cost more than the
move, so the runs are copied one by one and the other half is transposed in panels.

The moves take arrays whose last axis is the vec (n², as S) or the vech (n (n + 1) / 2), or whose
last but one is, with a ``tail`` of one axis behind; they write to a ``target`` of the same dtype
that does not overlap the ``source``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .permutations import transpose_into

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

# Positions are kept up to this n, many of them for small n.
CACHED_SIZE = 512
_SMALL = 64
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
    i = np.arange(n)
    if order == "F":  # a[i, j], i >= j, lies at j n - j (j + 1) / 2 + i, which grows with j
        starts = i * n - i * (i + 1) // 2
        positions = np.minimum.outer(starts, starts) + np.maximum.outer(i, i)
    else:  # at i (i + 1) / 2 + j
        starts = i * (i + 1) // 2
        positions = np.maximum.outer(starts, starts) + np.minimum.outer(i, i)
    return positions.ravel()


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


def _made(positions: Callable, n: int, order: str) -> NDArray:
    indices = positions(n, order)
    indices.flags.writeable = False
    return indices


_kept_small = lru_cache(maxsize=64)(_made)  # at most 32 KiB each
_kept_large = lru_cache(maxsize=8)(_made)  # at most 2 MiB each


def for_size(positions: Callable, n: int, order: str = "F") -> NDArray:
    """``positions(n, order)``, kept unless it is large; not writeable where it is kept."""
    if n > CACHED_SIZE:
        return positions(n, order)
    return (_kept_small if n <= _SMALL else _kept_large)(positions, n, order)


# -------------------------------------------------------------------------------------- moves

TAILS: tuple[tuple, tuple] = ((), (slice(None),))  # no axis behind, or one


def duplicate(target: NDArray, source: NDArray, n: int, tail: tuple) -> None:
    """D: the vech to both halves of S."""
    if n <= CACHED_SIZE:
        _gather(target, source, for_size(square_positions, n), tail)
        return
    square = _square(target, n, tail)
    below = np.tri(_PANEL, k=-1, dtype=bool).reshape(_PANEL, _PANEL, *(1,) * len(tail))
    room = np.empty_like(square[..., :_PANEL, :_PANEL, *tail])
    for begin, end in _panels(n):
        for run, column in _runs(source, square, n, begin, end, tail):
            column[...] = run
        panel = slice(begin, end)
        _transpose(square[..., end:, panel, *tail], square[..., panel, end:, *tail], tail)
        corner = square[..., panel, panel, *tail]
        size = end - begin
        upper = room[..., :size, :size, *tail]
        upper[...] = _swapped(corner, tail)
        np.copyto(corner, upper, where=below[:size, :size])


def spread(target: NDArray, source: NDArray, n: int, tail: tuple) -> None:
    """Lᵀ: the vech to the lower triangle, zeros above."""
    target[...] = 0
    if n <= CACHED_SIZE:
        target[..., for_size(vec_positions, n), *tail] = source
        return
    square = _square(target, n, tail)
    for run, column in _runs(source, square, n, 0, n, tail):
        column[...] = run


def pick(target: NDArray, source: NDArray, n: int, tail: tuple) -> None:
    """L: the lower triangle as a vech."""
    if n <= CACHED_SIZE:
        _gather(target, source, for_size(vec_positions, n), tail)
        return
    square = _square(source, n, tail)
    for run, column in _runs(target, square, n, 0, n, tail):
        run[...] = column


def fold(target: NDArray, source: NDArray, n: int, tail: tuple) -> None:
    """Dᵀ: the sum of both halves, the diagonal once."""
    if n <= CACHED_SIZE:
        upper = np.take(source, for_size(lower_positions, n), axis=-1 - len(tail))
        upper[..., for_size(diagonal_positions, n), *tail] = 0
        pick(target, source, n, tail)
        np.add(target, upper, out=target)
        return
    zero = np.zeros((), source.dtype)
    for rows, mirrored in _lower_panels(target, source, n, tail):
        for r in range(rows.shape[-2 - len(tail)]):
            mirrored[..., r, r, *tail] = zero
        np.add(mirrored, rows, out=mirrored)


def average(target: NDArray, source: NDArray, n: int, tail: tuple) -> None:
    """D⁺: the mean of both halves, each halved first so that no sum overflows."""
    diagonal = for_size(diagonal_positions, n)
    if n <= CACHED_SIZE:
        upper = halve(np.take(source, for_size(lower_positions, n), axis=-1 - len(tail)))
        pick(target, source, n, tail)
        np.add(halve(target), upper, out=target)
    else:
        room = _panel_room(source, n)
        for rows, mirrored in _lower_panels(target, source, n, tail):
            lower = room[: rows.size].reshape(rows.shape)
            lower[...] = rows
            np.add(halve(mirrored), halve(lower), out=mirrored)
    for j, position in enumerate(diagonal.tolist()):  # one by one takes no memory
        target[..., position, *tail] = source[..., j * (n + 1), *tail]


def duplicate_halves(target: NDArray, source: NDArray, n: int, tail: tuple) -> None:
    """D⁺ᵀ: half of the vech to either half of S, the diagonal whole."""
    halves = halve(source.copy())
    diagonal = for_size(diagonal_positions, n)
    halves[..., diagonal, *tail] = source[..., diagonal, *tail]
    duplicate(target, halves, n, tail)


def symmetrize(target: NDArray, source: NDArray, n: int, tail: tuple) -> None:
    """N: (S + Sᵀ) / 2, each halved first so that no sum overflows; the diagonal as it is."""
    squares = [_square(a, n, tail) for a in (target, source)]
    room = _panel_room(source, n)
    for begin, end in _panels(n):
        part, rows = (a[..., begin:end, :, *tail] for a in squares)
        part[...] = rows
        mirrored = room[: part.size].reshape(part.shape)
        _transpose(mirrored, squares[1][..., begin:end, *tail], tail)
        np.add(halve(part), halve(mirrored), out=part)
    target[..., :: n + 1, *tail] = source[..., :: n + 1, *tail]


def halve(a: NDArray) -> NDArray:
    """``a``, halved where it is and without memory; a complex infinity keeps its other part."""
    if a.dtype.kind == "O":
        return np.true_divide(a, _TWO, out=a)
    for part in (a.real, a.imag) if a.dtype.kind == "c" else (a,):
        np.multiply(part, _HALVES[part.dtype.char], out=part)
    return a


# As arrays, which NumPy would make of the numbers each time.
_TWO = np.array(2, object)
_HALVES = {char: np.array(0.5, char) for char in "efdg"}


def _gather(target: NDArray, source: NDArray, positions: NDArray[np.intp], tail: tuple) -> None:
    """The positions are valid; "clip" keeps np.take from buffering ``target``."""
    np.take(source, positions, axis=-1 - len(tail), out=target, mode="clip")


def _square(a: NDArray, n: int, tail: tuple) -> NDArray:
    """A view: the axis of n² split into (n, n)."""
    axis = a.ndim - 1 - len(tail)
    return a.reshape(*a.shape[:axis], n, n, *a.shape[axis + 1 :], copy=False)


def _swapped(square: NDArray, tail: tuple) -> NDArray:
    return np.swapaxes(square, -1 - len(tail), -2 - len(tail))


def _transpose(target: NDArray, source: NDArray, tail: tuple) -> None:
    """``target[..., j, i] = source[..., i, j]``."""
    if not tail:
        target, source = target[..., None], source[..., None]
    transpose_into(target, source)


def _runs(
    half: NDArray, square: NDArray, n: int, begin: int, end: int, tail: tuple
) -> Iterator[tuple[NDArray, NDArray]]:
    """For each of the columns begin <= j < end: its run in a vech, and S[j, j:], as views."""
    start = begin * n - begin * (begin - 1) // 2
    if half.ndim == 1:  # twice as fast as the general indexing
        for j in range(begin, end):
            stop = start + n - j
            yield half[start:stop], square[j, j:]
            start = stop
        return
    for j in range(begin, end):
        stop = start + n - j
        yield half[..., start:stop, *tail], square[..., j, j:, *tail]
        start = stop


def _panels(n: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, n, _PANEL):
        yield begin, min(begin + _PANEL, n)


def _lower_panels(
    target: NDArray, source: NDArray, n: int, tail: tuple
) -> Iterator[tuple[NDArray, NDArray]]:
    """Rows of S from the panel's first diagonal entry on, and the same of Sᵀ as a fresh array.

    What the fresh array holds afterwards goes to the vech ``target``.
    """
    square = _square(source, n, tail)
    room = _panel_room(source, n)
    start = 0
    for begin, end in _panels(n):
        rows = square[..., begin:end, begin:, *tail]
        mirrored = room[: rows.size].reshape(rows.shape)
        _transpose(mirrored, square[..., begin:, begin:end, *tail], tail)
        yield rows, mirrored
        # the panel is the top of a triangle of n - begin columns
        stop = start + _panel_entries(n, begin, end)
        part = target[..., start:stop, *tail]
        for run, column in _runs(part, mirrored, n - begin, 0, end - begin, tail):
            run[...] = column
        start = stop


def _panel_room(source: NDArray, n: int) -> NDArray:
    """Memory of the largest panel; made before anything is written, as it may not be had."""
    squares = source.size // (n * n)
    return np.empty(squares * n * min(n, _PANEL), source.dtype)


def _panel_entries(n: int, begin: int, end: int) -> int:
    """Entries of the columns begin <= j < end of a vech."""
    return triangle_size(n - begin) - triangle_size(n - end)
