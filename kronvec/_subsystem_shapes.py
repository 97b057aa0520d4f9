"""Which subsystems a matrix on a tensor product has: dims, axis and the shapes of two factors.

Subsystem i has the index (r_i, c_i): matrix entry (r_1 … r_N, c_1 … c_N), row-major, of the
shape (Π rows, Π columns).
"""

from __future__ import annotations

import math
import operator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ._shapes import check_axis_size, check_matrix_shape, shape_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._typing import Shape


Pairs = tuple[tuple[int, int], ...]


def check_dims(function: str, dims: Sequence[int | tuple[int, int]]) -> Pairs:
    """``dims`` as pairs (rows, columns); an integer d is a square subsystem (d, d)."""
    try:
        listed: list[Any] = list(dims)
    except TypeError:
        raise TypeError(
            f"{function}: dims must be a sequence of subsystem sizes, got {type(dims).__name__}"
        ) from None
    if not listed:
        raise ValueError(f"{function}: dims must name at least one subsystem")
    pairs = []
    for i, d in enumerate(listed):
        if hasattr(d, "__len__") and not hasattr(d, "__index__"):
            pairs.append(check_matrix_shape(function, f"dims[{i}]", d))
        else:
            size = check_axis_size(function, f"dims[{i}]", d)
            pairs.append((size, size))
    return tuple(pairs)


def check_axes(function: str, axis: int | Sequence[int] | None, count: int) -> Shape:
    """``axis``, one subsystem number or several, ascending and not negative."""
    several = isinstance(axis, (tuple, list)) or getattr(axis, "ndim", 0) > 0
    given: list[Any] = list(axis) if several else [axis]  # type: ignore[arg-type]  # several
    axes = []
    for value in given:
        try:
            number = operator.index(value)
        except TypeError:
            raise TypeError(
                f"{function}: axis must be an integer or a tuple of integers, got {axis!r}"
            ) from None
        if not -count <= number < count:
            raise ValueError(
                f"{function}: axis {number} is out of bounds for dims of {count} subsystems"
            )
        axes.append(number % count)
    if len(set(axes)) < len(axes):
        raise ValueError(f"{function}: axis names a subsystem twice: {axis!r}")
    return tuple(sorted(axes))


def product_shape(pairs: Pairs) -> tuple[int, int]:
    """The shape of a Kronecker product of matrices of these shapes."""
    return math.prod(rows for rows, _ in pairs), math.prod(columns for _, columns in pairs)


def check_traceable(function: str, pairs: Pairs, axes: Shape) -> None:
    """Only square subsystems have a trace."""
    for i in axes:
        if pairs[i][0] != pairs[i][1]:
            raise ValueError(
                f"{function}: subsystem {i} must be square to be traced out, got dims[{i}] = "
                f"{pairs[i]}"
            )


def check_factor_shapes(
    function: str, m: Any, shape_a: Shape, shape_b: Shape, *, realigned: bool = False
) -> Pairs:
    """The shapes of A and B; m has that of A ⊗ B, or of R(A ⊗ B) if ``realigned``."""
    a = check_matrix_shape(function, "shape_a", shape_a)
    b = check_matrix_shape(function, "shape_b", shape_b)
    need = (a[0] * a[1], b[0] * b[1]) if realigned else product_shape((a, b))
    if tuple(m.shape[-2:]) != need:
        raise shape_error(
            function,
            f"m must have shape (..., {need[0]}, {need[1]}) for shape_a={a}, shape_b={b}",
            m=m,
        )
    return a, b


class Subsystems(NamedTuple):
    """What dims and axis mean, read once."""

    pairs: Pairs
    axes: Shape
    groups: tuple[tuple[int, int, bool], ...]  # (rows, columns, chosen)
    left: Pairs  # the pairs not chosen
    flipped: Pairs  # all pairs, those chosen transposed
    shape: tuple[int, int]  # of the matrix; without those chosen; with them transposed
    left_shape: tuple[int, int]
    flipped_shape: tuple[int, int]


def read_subsystems(
    function: str, dims: Sequence[int | tuple[int, int]], axis: int | Sequence[int] | None
) -> Subsystems:
    """The subsystems of ``dims``, and those chosen by ``axis``; kept for plain integers."""
    plain = type(dims) is tuple and all(type(d) is int for d in dims)
    if plain and (type(axis) is int or (type(axis) is tuple and all(type(a) is int for a in axis))):
        return _kept(function, dims, axis)
    return _read(function, dims, axis)


def _read(
    function: str, dims: Sequence[int | tuple[int, int]], axis: int | Sequence[int] | None
) -> Subsystems:
    pairs = check_dims(function, dims)
    axes = check_axes(function, axis, len(pairs))
    left = tuple(pair for i, pair in enumerate(pairs) if i not in axes)
    flipped = tuple((c, r) if i in axes else (r, c) for i, (r, c) in enumerate(pairs))
    shape, left_shape, flipped_shape = (product_shape(p) for p in (pairs, left, flipped))
    groups = merged(pairs, axes)
    return Subsystems(pairs, axes, groups, left, flipped, shape, left_shape, flipped_shape)


_kept = lru_cache(maxsize=256)(_read)


def check_subsystems(function: str, m: Any, systems: Subsystems) -> None:
    """The matrices m are of the shape that the subsystems make."""
    rows, columns = systems.shape
    if m.shape[-2:] != (rows, columns):
        dims = tuple(r if r == c else (r, c) for r, c in systems.pairs)
        raise shape_error(
            function, f"m must have shape (..., {rows}, {columns}) for dims={dims}", m=m
        )


def merged(pairs: Pairs, axes: Shape) -> tuple[tuple[int, int, bool], ...]:
    """(rows, columns, chosen) of runs of neighbours that are all among ``axes``, or none.

    Two square neighbours, both chosen or both not, are as one of the product size; a transposed
    run of rectangular ones too.  Subsystems of size 1 vanish.
    """
    groups: list[tuple[int, int, bool]] = []
    for i, (rows, columns) in enumerate(pairs):
        chosen = i in axes
        if (rows, columns) == (1, 1):
            continue
        if groups and groups[-1][2] == chosen:
            rows, columns = groups[-1][0] * rows, groups[-1][1] * columns
            groups.pop()
        groups.append((rows, columns, chosen))
    return tuple(groups) or ((1, 1, False),)
