"""P (A ⊗ B) R formed from the entries of A and B, with P and R of the duplication family.

A row of P (A ⊗ B) R belongs to an entry (i, j) of a square, i >= j where the rows are those of a
vech, and a column to (k, l).  With vec stacking columns

    (A ⊗ B)[(i,j), (k,l)] = a[j,l] b[i,k]

so that the row (i, j) is the elementwise product of row j of C[j, (k,l)] = a[j,l] and row i of
E[i, (k,l)] = b[i,k], two gathers of the columns of A and B.  L takes this product as it is.  The
others add what they find at (j, i), for P, or (l, k), for R, off the diagonal, and scale:

    Dᵀ by 1,   Q by 1/√2,   D⁺ and N by 1/2

Only the blocks of rows with one j, and of these as many as fit a cache, are held beside the
result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._triangle import for_size, halve, triangle_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from ._typing import Array, Indices, Scalar

    # first[j] second[i], and where: everywhere or in these columns
    _Term: TypeAlias = tuple[Array, Array, Array | bool]

_BLOCK_BYTES = 1 << 18


class Side(NamedTuple):
    """What P, or R transposed, makes of the rows of A ⊗ B."""

    half: bool  # its rows are those of a vech, else of a vec
    adds: bool  # a[i, j] and a[j, i] off the diagonal
    root_two: int  # their sum times √2 to this power


SIDES = {
    "duplication": Side(True, True, 0),
    "duplication_pinv": Side(True, True, -2),
    "elimination": Side(True, False, 0),
    "svec": Side(True, True, -1),
    "symmetrizer": Side(False, True, -2),
}


def formed_size(side: Side, n: int) -> int:
    """Rows of P, columns of R."""
    return triangle_size(n) if side.half else n * n


def form(out: Array, a: Array, b: Array | None, left: Side, right: Side) -> None:
    """``out`` = P (A ⊗ B) R, all of one dtype; ``b`` None is A; ``out`` overlaps neither."""
    n = a.shape[-1]
    if not out.size:
        return
    k, l = for_size(_columns, n, right)
    off = k != l
    c, e = np.take(a, l, axis=-1), np.take(a if b is None else b, k, axis=-1)
    # A row of the result is the sum of first[j] second[i] over the terms (first, second, where);
    # the columns of the first factors are scaled by √2 to a power, on the diagonal and off it.
    on_diagonal: list[_Term] = [(c, e, True)]
    powers = np.zeros(2, int)
    if right.adds:
        swapped = (e, c) if b is None else (np.take(a, k, axis=-1), np.take(b, l, axis=-1))
        powers[0] = right.root_two
        if b is None and left.adds:
            # the four terms off the diagonal are two, twice, and on it they are these two
            powers[0] += 2
        elif a.dtype.kind in "biuO":
            on_diagonal.append((*swapped, off))
        else:  # twice the half on the diagonal, which is cheaper than to leave it out
            on_diagonal.append((*swapped, True))
            powers[1] = -2
    beside = list(on_diagonal)
    if left.adds:
        beside += [(second, first, where) for first, second, where in on_diagonal]
    diagonal = np.flatnonzero(~off)
    on_diagonal = _scaled(on_diagonal, powers[0], powers[1], diagonal)
    powers = powers + left.root_two * left.adds
    beside = _scaled(beside, powers[0], powers[1], diagonal)
    width = max(out.size // out.shape[-2], 1)
    chunk = min(n, max(1, _BLOCK_BYTES // (out.itemsize * width)))
    work = np.empty((*out.shape[:-2], chunk, out.shape[-1]), out.dtype)
    begin = 0
    for j in range(n):
        first_row = j if left.half else 0
        offset = begin - first_row
        begin += n - first_row
        _products(out, on_diagonal, j, j, j + 1, offset, work)
        for low, high in ((first_row, j), (j + 1, n)):
            for i in range(low, high, chunk):
                _products(out, beside, j, i, min(i + chunk, high), offset, work)


def _columns(n: int, side: Side) -> Indices:
    """k and l of each column, l the slower."""
    l, k = np.divmod(np.arange(n * n), n)
    kept = k >= l if side.half else slice(None)
    return np.stack([k[kept], l[kept]])


def _products(
    out: Array,
    terms: Sequence[_Term],
    j: int,
    low: int,
    high: int,
    offset: int,
    work: Array,
) -> None:
    """Rows (i, j) of ``out``, low <= i < high, at offset + i."""
    block = out[..., offset + low : offset + high, :]
    term = work[..., : high - low, :]
    for number, (first, second, where) in enumerate(terms):
        factors = first[..., j : j + 1, :], second[..., low:high, :]
        if number:
            np.multiply(*factors, out=term)
            np.add(block, term, out=block, where=where)
        else:
            np.multiply(*factors, out=block)


def _scaled(terms: Sequence[_Term], off: Scalar, on: Scalar, diagonal: Array) -> list[_Term]:
    """The terms, the columns of their first factors times √2 to a power."""
    scaled = []
    for first, second, where in terms:
        factor = _times_root_two(first, off)
        if on != off:
            factor[..., diagonal] = _times_root_two(first[..., diagonal], on)
        scaled.append((factor, second, where))
    return scaled


def _times_root_two(a: Array, power: Scalar) -> Array:
    """A copy of ``a`` times √2 to a power, exact where that is even; 2 is a sum: integers wrap."""
    scaled = a.copy()
    if power % 2:
        real = float if a.dtype.kind == "O" else a.real.dtype.type
        root = real(2) ** real(0.5)
        for part in (scaled.real, scaled.imag) if a.dtype.kind == "c" else (scaled,):
            np.multiply(part, root, out=part)
    for _ in range(power // 2):
        np.add(scaled, scaled, out=scaled)
    for _ in range(-(power // 2)):
        halve(scaled)
    return scaled
