"""Which neighbouring factors of a many-factor product are multiplied out before it.

By a cost for each axis: short axes leave vectors empty, and every row and slice costs time of
its own.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from ._kernels import pair_fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._typing import Shape


# The largest factor that merging may make.
MERGED_SIZE = 32
# Measured costs, in the time of one vector multiply-add: of bringing a vector of x[l, :] into
# lanes and back; of each row times a packed factor; of each x[l, :, :] of a mode product.
ACROSS_COST = 12
ROW_COST = 4
SLICE_COST = 10


def _is_identity(shape: Shape) -> bool:
    return len(shape) == 1


def merge_factors(
    shapes: Sequence[Shape], left: int, right: int, itemsize: int, lanes: int, sums: bool = False
) -> tuple[list[Shape], bool]:
    """Indices of the factors, grouped into those that are multiplied out first.

    And whether the trailing axes are worked on across the rows that stand before them.
    """
    apart: list[Shape] = [(i,) for i in range(len(shapes))]
    if any(0 in shape for shape in shapes):
        return apart, False
    candidates = []
    if (
        right == 1
        and not _is_identity(shapes[-1])
        and left * prod(s[-1] for s in shapes[:-1]) >= lanes > 1
    ):
        groups = _pairs(shapes, len(shapes))
        cost = ACROSS_COST + _cost(shapes, groups, lanes, itemsize, lanes)
        candidates.append((cost, groups, True))
    for count in range(1, len(shapes) + 1):
        tail = tuple(range(len(shapes) - count, len(shapes)))
        size = max(prod(shapes[i][0] for i in tail), prod(shapes[i][-1] for i in tail))
        if count > 1 and (size > MERGED_SIZE or _is_identity(shapes[-count])):
            break
        groups = [*_pairs(shapes, len(shapes) - count), tail]
        cost = _cost(shapes, groups, right, itemsize, lanes, sums)
        candidates.append((cost, groups, False))
        if right > 1 or _is_identity(shapes[-1]):
            break
    return min(candidates)[1:]


def _pairs(shapes: Sequence[Shape], stop: int) -> list[Shape]:
    """The first ``stop`` factors, neighbours together where that takes no more flops."""
    groups: list[Shape] = []
    i = stop
    while i > 0:
        i -= 1
        if i > 0 and not (_is_identity(shapes[i - 1]) or _is_identity(shapes[i])):
            (q1, p1), (q2, p2) = shapes[i - 1], shapes[i]
            apart = min(q2 * p2 * (p1 + q1), q1 * p1 * (p2 + q2))
            if q1 * q2 * p1 * p2 <= apart and max(q1 * q2, p1 * p2) <= 4:
                groups.append((i - 1, i))
                i -= 1
                continue
        groups.append((i,))
    return groups[::-1]


def _cost(
    shapes: Sequence[Shape],
    groups: Sequence[Shape],
    right: int,
    itemsize: int,
    lanes: int,
    sums: bool = False,
) -> float:
    """Vector multiply-adds, or the time of one, per vector of X."""
    sizes = [group_size(shapes, group) for group in groups]
    if all(size[0] < size[-1] for size in sizes):
        return _shrinking_cost(sizes, right, lanes)
    cost, inner = 0.0, right
    while sizes:
        size = sizes.pop()
        q, p = size[0], size[-1]
        if len(size) == 2:
            if sizes and not sums and pairs_up(sizes[-1], size, inner, itemsize):
                sizes.pop()
                cost += 2 * p
                inner *= q * q
                continue
            cost += _cycles(q, p, inner, lanes) * lanes / (p * inner)
        inner *= q
    return cost


def _shrinking_cost(sizes: Sequence[Shape], right: int, lanes: int) -> float:
    """The same for q < p everywhere, where the first axis is the first to be taken."""
    cost, inner, share = 0.0, right * prod(p for _, p in sizes), 1.0
    for q, p in sizes:
        inner //= p
        cost += share * _cycles(q, p, inner, lanes) * lanes / (p * inner)
        share *= q / p
    return cost


def _cycles(q: int, p: int, inner: int, lanes: int) -> float:
    """Of one x[l, :, :]."""
    if inner == 1:
        return p * _vectors(q, lanes) + ROW_COST
    return q * p * _vectors(inner, lanes) + SLICE_COST


def group_size(shapes: Sequence[Shape], group: Shape) -> Shape:
    """(q, p) of the product of a group, (n,) of an identity."""
    if _is_identity(shapes[group[0]]):
        return shapes[group[0]]
    return prod(shapes[i][0] for i in group), prod(shapes[i][1] for i in group)


def pairs_up(first: Shape, second: tuple[int, int], behind: int, itemsize: int) -> bool:
    """Whether one kernel takes two neighbouring axes of these (q, p)."""
    n = second[0]
    return first == second == (n, n) and pair_fits(n, behind, itemsize)


def _vectors(items: int, lanes: int) -> float:
    """How many vectors hold a contiguous axis; half vectors count as half."""
    half = max(1, lanes // 2)
    return 0.5 if items <= half else -(-items // lanes)
