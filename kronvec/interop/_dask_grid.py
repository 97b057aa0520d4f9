"""Vectors of a Kronecker product over chunks: grids, and the one exchange that a product needs.

The N = L T entries along the axis of K = (F1 ⊗ … ⊗ Fs) ⊗ (Fs+1 ⊗ … ⊗ FN) are a grid (L, T, k),
L the sizes of the leading factors, T those of the trailing ones, k the columns.  Chunked

    by rows     (r_i, T, k)   every chunk holds whole trailing parts: they are applied there
    by columns  (L, c_j, k)   every chunk holds whole leading parts: they are applied there

An exchange takes one to the other: each chunk is cut into one piece for each new chunk, and a
piece moves unless its new chunk lies on the same worker.
"""

from __future__ import annotations

from itertools import product
from math import prod
from operator import getitem
from typing import TYPE_CHECKING

import dask
import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from ..many_factors import kron_matmul
from ..operators import Identity, KroneckerProduct

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._typing import DType, Foreign, Shape


def apply_factors(
    block: Any, factors: Sequence[Any] = (), how: str = "matmul", leading: bool = False
) -> Any:
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


def bounds(sizes: Shape) -> Any:
    """The borders of chunks of these sizes, without 0."""
    return np.cumsum(sizes).tolist()


def even(length: Any, parts: Any) -> Any:
    """Chunk sizes that differ by one at most."""
    parts = max(1, min(length, parts))
    return tuple(length // parts + (i < length % parts) for i in range(parts))


def split_of(sizes: Shape, chunks: Any) -> Any:
    """How many factors lead: as few as leave every chunk a row of the grid.

    Where the borders of the chunks are those of rows for no such number, the chunks are to be
    moved to the nearest rows.
    """
    count = len(chunks)
    enough = [s for s in range(len(sizes) + 1) if prod(sizes[:s]) >= count] or [len(sizes)]
    return next((s for s in enough if _are_rows(sizes, chunks, s)), enough[0])


def _are_rows(sizes: Shape, chunks: Any, s: Any) -> Any:
    """Whether the chunks are rows of the grid, which has as many columns to make chunks of."""
    tail = prod(sizes[s:])
    return tail >= len(chunks) and all(border % tail == 0 for border in bounds(chunks))


def columns_of(chunks: Any, sizes: Shape) -> Any:
    """(s, one row of chunks) where the chunks repeat as those of a flattened grid by columns do."""
    for s in range(1, len(sizes)):
        lead, tail = prod(sizes[:s]), prod(sizes[s:])
        count, left_over = divmod(len(chunks), lead)
        if lead > 1 and count > 1 and not left_over:
            row = tuple(chunks[:count])
            if sum(row) == tail and tuple(chunks) == row * lead:
                return s, row
    return None


def read_grid(x: Foreign, sizes: Any) -> Any:
    """The grid of x (N, k) or (N,) and the number of leading factors; nothing but borders moves.

    Chunks that could be rows as well as a flattened grid by columns are rows, unless x is what
    `flatten` gave.
    """
    flattened = x.name.endswith(_BY_COLUMNS)
    x = x if x.ndim == 2 else x[:, None]
    s, chunks = split_of(sizes, x.chunks[0]), x.chunks[0]
    repeated = columns_of(chunks, sizes)
    if repeated is not None and (flattened or not _are_rows(sizes, chunks, s)):
        s, row = repeated
        lead, tail = prod(sizes[:s]), prod(sizes[s:])
        rows = [x[q * tail : (q + 1) * tail] for q in range(lead)]
        grid = da.stack(rows).rechunk({0: lead}, threshold=_ONE_STEP, method="tasks")
        return grid, s
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
# The end of the name of a grid by columns that was flattened.
_BY_COLUMNS = "-by-columns"
# Chunks of a flattened grid, at some tenths of a millisecond of the scheduler's time each.
_MOST_PIECES = 4096
# No intermediate chunks, through which the data would cross the network once more.
_ONE_STEP = 10**12


def _meta(x: Foreign, dtype: DType | None = None) -> Any:
    return np.empty((0, 0, 0), x.dtype if dtype is None else dtype)


def _fold(block: Any, tail: Any) -> Any:
    return block.reshape(block.shape[0] // tail if tail else 0, tail, block.shape[1])


def _unfold(block: Any, vector: Any) -> Any:
    return block.reshape(-1) if vector else block.reshape(-1, block.shape[-1])


def flatten(grid: Any, vector: bool = False) -> Any:
    """The grid as (N, k), or (N,); chunks by columns become L times as many, none of which moves.

    Where those would be too many for a scheduler, the data moves once more, to be by rows again.
    """
    if grid.numblocks[1] > 1 and grid.shape[0] * grid.numblocks[1] > _MOST_PIECES:
        grid = exchange(grid)
    meta = np.empty((0,) if vector else (0, 0), grid.dtype)
    columns = () if vector else (grid.chunks[2],)
    if grid.numblocks[1] == 1:
        rows = tuple(r * grid.shape[1] for r in grid.chunks[0])
        return grid.map_blocks(
            _unfold,
            vector,
            drop_axis=(1, 2) if vector else 1,
            chunks=(rows, *columns),
            dtype=grid.dtype,
            meta=meta,
        )
    parts = grid.numblocks[1]
    name = f"{_STAYS}{tokenize(grid, vector)}{_BY_COLUMNS}"
    blocks = product(range(grid.shape[0]), range(parts), range(grid.numblocks[2]))
    tasks = {
        (name, q * parts + j, *(() if vector else (c,))): (
            getitem,
            (grid.name, 0, j, c),
            (q, slice(None), 0) if vector else q,
        )
        for q, j, c in blocks
    }
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=[grid])
    return da.Array(graph, name, (grid.chunks[1] * grid.shape[0], *columns), meta=meta)


def exchange(grid: Any, parts: Any = None) -> Any:
    """By rows to by columns, or back: the step in which the data crosses the network."""
    by_rows = grid.numblocks[1] == 1
    parts = parts or grid.numblocks[0 if by_rows else 1]
    length, width = grid.shape[:2]
    chunks = {0: length, 1: even(width, parts)} if by_rows else {0: even(length, parts), 1: width}
    return grid.rechunk(chunks, threshold=_ONE_STEP, method="tasks")


# Factors up to this many bytes travel with every task.
_LARGE = 1 << 22


def _bytes(factors: Sequence[Any]) -> Any:
    return sum(getattr(f, "nbytes", 0) for f in factors)


def on_axis(
    grid: Any, factors: Sequence[Any], how: Any, leading: Any, dtype: DType, stays: bool = False
) -> Any:
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


def apply_to_grid(
    factors: Sequence[Any], grid: Any, split: Any, how: str = "matmul", dtype: DType | None = None
) -> Any:
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
