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

from ._triangle import halve, triangle_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def form(out: NDArray, a: NDArray, b: NDArray | None, left: Side, right: Side) -> None:
    """``out`` = P (A ⊗ B) R, all of one dtype; ``b`` None is A; ``out`` overlaps neither."""
    n = a.shape[-1]
    if not out.size:
        return
    k, l = _columns(n, right)
    diagonal = np.flatnonzero(k == l)
    off = k != l
    c, e = a[..., l], (a if b is None else b)[..., k]
    c_swapped, e_swapped = (e, c) if b is None else (a[..., k], b[..., l])
    # A row of the result is the sum of first[j] second[i] over the terms (first, second, where).
    powers = right.root_two if right.adds else 0
    if b is None and left.adds and right.adds:
        # the four terms off the diagonal of (k, l) are two, twice; on it they are those two once
        columns = {"off": powers + 2, "on": 0}
        on_diagonal = [(c, e, True)]
        beside = [(c, e, True), (e, c, True)]
    else:
        columns = {"off": powers, "on": 0}
        on_diagonal = [(c, e, True)]
        if right.adds:
            on_diagonal.append((c_swapped, e_swapped, off))
        beside = list(on_diagonal)
        if left.adds:
            beside += [(second, first, where) for first, second, where in on_diagonal]
    rows = left.root_two if left.adds else 0
    on_diagonal = [
        (_scaled(first, columns["off"], columns["on"], diagonal), second, where)
        for first, second, where in on_diagonal
    ]
    beside = [
        (_scaled(first, columns["off"] + rows, columns["on"] + rows, diagonal), second, where)
        for first, second, where in beside
    ]
    chunk = max(1, _BLOCK_BYTES // (out.itemsize * max(out.size // out.shape[-2], 1)))
    begin = 0
    for j in range(n):
        first_row = j if left.half else 0
        offset = begin - first_row
        begin += n - first_row
        _products(out, on_diagonal, j, j, j + 1, offset)
        for low, high in ((first_row, j), (j + 1, n)):
            for i in range(low, high, chunk):
                _products(out, beside, j, i, min(i + chunk, high), offset)


def _columns(n: int, side: Side) -> tuple[NDArray, NDArray]:
    """k and l of each column, l the slower."""
    l, k = np.divmod(np.arange(n * n), n)
    return (k[k >= l], l[k >= l]) if side.half else (k, l)


def _products(out, terms, j, low, high, offset):
    """Rows (i, j) of ``out``, low <= i < high, at offset + i."""
    block = out[..., offset + low : offset + high, :]
    for number, (first, second, where) in enumerate(terms):
        factors = first[..., j : j + 1, :], second[..., low:high, :]
        if number:
            np.add(block, np.multiply(*factors), out=block, where=where)
        else:
            np.multiply(*factors, out=block)


def _scaled(a, off, on, diagonal):
    """The columns of ``a`` times √2 to the power ``off``, those of the diagonal to ``on``."""
    if off == on:
        return _times_root_two(a, off)
    scaled = _times_root_two(a, off) if off else a.copy()
    scaled[..., diagonal] = _times_root_two(a[..., diagonal], on)
    return scaled


def _times_root_two(a, power):
    """``a`` times √2 to a power: exact where it is even, and a sum for 2, so that integers wrap."""
    if power == 0:
        return a
    if power == 2:
        return a + a
    scaled = a.copy()
    if power % 2:
        real = float if a.dtype.kind == "O" else a.real.dtype.type
        root = real(2) ** real(0.5)
        for part in (scaled.real, scaled.imag) if a.dtype.kind == "c" else (scaled,):
            np.multiply(part, root, out=part)
        power -= 1
    for _ in range(-power // 2):
        halve(scaled)
    return scaled
