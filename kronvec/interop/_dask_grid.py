"""Vectors of a Kronecker product over chunks: grids, and the one exchange that a product needs.

The N = L T entries along the axis of K = (F1 ⊗ … ⊗ Fs) ⊗ (Fs+1 ⊗ … ⊗ FN) are a grid (L, T, k),
L the sizes of the leading factors, T those of the trailing ones, k the columns.  Chunked

    by rows     (r_i, T, k)   every chunk holds whole trailing parts: they are applied there
    by columns  (L, c_j, k)   every chunk holds whole leading parts: they are applied there

An exchange takes one to the other: each chunk is cut into one piece for each new chunk, and a
piece moves unless its new chunk lies on the same worker.
"""

from __future__ import annotations

from math import prod
from operator import getitem

import dask
import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from ..many_factors import kron_matmul
from ..operators import Identity, KroneckerProduct


def apply_factors(block, factors=(), how="matmul", leading=False):
    """The factors on a chunk (l, t, k) of a grid: along its first axis, or along its second."""
    length, width, columns = block.shape
    rest = None
    if leading:
        block = block.reshape(length, width * columns)
    else:
        block, rest = block.reshape(length * width, columns), length
        factors = [Identity(length), *factors]
    if how == "matmul":
        if block.shape[-1] == 1:
            result = kron_matmul(factors, block[:, 0])[:, None]
        else:
            result = kron_matmul(factors, block)
    else:
        result = KroneckerProduct(*factors).solve(block)
    if rest is None:
        return result.reshape(result.shape[0], width, columns)
    return result.reshape(rest, result.shape[0] // rest if rest else 0, columns)


def bounds(sizes):
    """The borders of chunks of these sizes, without 0."""
    return np.cumsum(sizes).tolist()


def even(length, parts):
    """Chunk sizes that differ by one at most."""
    parts = max(1, min(length, parts))
    return tuple(length // parts + (i < length % parts) for i in range(parts))


def split_of(sizes, chunks):
    """How many factors lead: as few as leave every chunk a row of the grid.

    Where the borders of the chunks are those of rows for no such number, the chunks are to be
    moved to the nearest rows.
    """
    borders = bounds(chunks)
    lead = 1
    first = None
    for s in range(len(sizes) + 1):
        tail = prod(sizes[s:])
        if lead >= len(chunks):
            first = s if first is None else first
            if all(border % tail == 0 for border in borders):
                return s
        if s < len(sizes):
            lead *= sizes[s]
    return len(sizes) if first is None else first


def columns_of(chunks, sizes):
    """(s, one row of chunks) where the chunks repeat as those of a flattened grid by columns do."""
    for s in range(1, len(sizes)):
        lead, tail = prod(sizes[:s]), prod(sizes[s:])
        count, left_over = divmod(len(chunks), lead)
        if lead > 1 and count > 1 and not left_over:
            row = tuple(chunks[:count])
            if sum(row) == tail and tuple(chunks) == row * lead:
                return s, row
    return None


def read_grid(x, sizes):
    """The grid of x (N, k) and the number of leading factors; nothing but borders moves."""
    repeated = columns_of(x.chunks[0], sizes)
    if repeated is not None:
        s, row = repeated
        lead, tail = prod(sizes[:s]), prod(sizes[s:])
        rows = [x[q * tail : (q + 1) * tail] for q in range(lead)]
        grid = da.stack(rows).rechunk({0: lead}, threshold=_ONE_STEP, method="tasks")
        return grid, s
    s = split_of(sizes, x.chunks[0])
    lead, tail = prod(sizes[:s]), prod(sizes[s:])
    # Borders at the nearest rows.
    edges = sorted({round(border / tail) for border in bounds(x.chunks[0])} - {0}) if tail else []
    rows = tuple(np.diff([0, *edges]).tolist()) or (lead,)
    x = x.rechunk({0: tuple(r * tail for r in rows)}, threshold=_ONE_STEP, method="tasks")
    folded = x.map_blocks(
        _fold, tail, dtype=x.dtype, new_axis=1, chunks=(rows, (tail,), x.chunks[1]), meta=_meta(x)
    )
    return folded, s


# Dask's scheduler never moves the input of a task of this name to run the task elsewhere: it is
# the name of the pieces in its own exchanges.
_STAYS = "rechunk-split-"
# No intermediate chunks, through which the data would cross the network once more.
_ONE_STEP = 10**12


def _meta(x, dtype=None):
    return np.empty((0, 0, 0), x.dtype if dtype is None else dtype)


def _fold(block, tail):
    return block.reshape(block.shape[0] // tail if tail else 0, tail, block.shape[1])


def _unfold(block):
    return block.reshape(-1, block.shape[-1])


def flatten(grid):
    """The grid as (N, k); its chunks by columns become L times as many, none of which moves."""
    if grid.numblocks[1] == 1:
        width = grid.shape[1]
        rows = tuple(r * width for r in grid.chunks[0])
        meta = np.empty((0, 0), grid.dtype)
        return grid.map_blocks(
            _unfold, drop_axis=1, chunks=(rows, grid.chunks[2]), dtype=grid.dtype, meta=meta
        )
    length, (_, parts, columns) = grid.shape[0], grid.numblocks
    name = _STAYS + tokenize(grid, "flatten")
    tasks = {
        (name, q * parts + j, c): (getitem, (grid.name, 0, j, c), q)
        for q in range(length)
        for j in range(parts)
        for c in range(columns)
    }
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=[grid])
    chunks = (grid.chunks[1] * length, grid.chunks[2])
    return da.Array(graph, name, chunks, meta=np.empty((0, 0), grid.dtype))


def exchange(grid, parts=None):
    """By rows to by columns, or back: the step in which the data crosses the network."""
    by_rows = grid.numblocks[1] == 1
    parts = parts or grid.numblocks[0 if by_rows else 1]
    length, width = grid.shape[:2]
    chunks = {0: length, 1: even(width, parts)} if by_rows else {0: even(length, parts), 1: width}
    return grid.rechunk(chunks, threshold=_ONE_STEP, method="tasks")


# Factors up to this many bytes travel with every task.
_LARGE = 1 << 20


def _bytes(factors):
    return sum(getattr(f, "nbytes", 0) for f in factors)


def on_axis(grid, factors, how, leading, dtype, stays=False):
    """The factors that are local to the chunks."""
    if all(isinstance(f, Identity) for f in factors):
        return grid.astype(dtype)
    rows = prod(f.shape[0 if how == "matmul" else 1] for f in factors)
    chunks = list(grid.chunks)
    chunks[0 if leading else 1] = (rows,)
    factors = list(factors)
    if any(isinstance(f, da.Array) for f in factors) or _bytes(factors) > _LARGE:
        # One key of the graph, that workers fetch once.  The scheduler may then take its place
        # for that of the task, which costs the move of a chunk: for large factors alone.
        factors = dask.delayed(factors, pure=True)
    # Before an exchange: where the chunk lies, which _STAYS makes sure of.
    name = _STAYS + tokenize(grid, factors, how, leading, dtype) if stays else None
    return grid.map_blocks(
        apply_factors,
        name=name,
        factors=factors,
        how=how,
        leading=leading,
        chunks=tuple(chunks),
        dtype=dtype,
        meta=_meta(grid, dtype),
    )


def apply_to_grid(factors, grid, split, how="matmul", dtype=None):
    """K on a grid: the local factors, one exchange, the others; chunked the other way then."""
    dtype = grid.dtype if dtype is None else dtype
    lead, tail = factors[:split], factors[split:]
    by_rows = grid.numblocks[1] == 1
    whole = by_rows and grid.numblocks[0] == 1
    first, second = (tail, lead) if by_rows else (lead, tail)
    grid = on_axis(grid, first, how, not by_rows, dtype, stays=True)
    if all(isinstance(f, Identity) for f in second):
        return grid
    return on_axis(grid if whole else exchange(grid), second, how, by_rows, dtype)
