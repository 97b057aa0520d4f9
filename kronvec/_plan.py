"""How a many-factor product is carried out: an immutable plan, cached by sizes.

(F1 ⊗ … ⊗ FN) X is a chain of mode products, one per factor, in any order.  The plan

1. multiplies out neighbouring factors where that costs nothing (2 x 2 ⊗ 2 x 2) or where the
   trailing axis would leave most of a vector empty (_merging.py);
2. orders what is left: fewest flops where factors are rectangular, trailing axis first among
   equals, since that is contiguous, but last in a pass that shrinks X;
3. groups neighbouring axes into passes, so that a block of the operand goes through all steps
   of a group while it is in cache, and memory is crossed once per pass; as few passes as can
   be, shared out so that arithmetic hides memory;
4. takes two neighbouring axes of a few entries in one step, where a kernel holds both in
   registers;
5. works across rows, brought into the lanes of vectors, where trailing axes fill none;
6. hands a step with large matrices to `numpy.matmul`.

An identity factor is an axis without a step: it only adds to what lies before or behind others.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from ._machine import level2_bytes
from ._merging import group_size, merge_factors, pairs_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._typing import Shape


# The least bytes of a row of a panel: shorter ones waste the lines and pages that they touch.
PANEL_BYTES = 512
# What _engine.run_pass has room for; it refuses more.
MAX_STEPS = 32
# A mode product with a square factor up to this size may write over its operand
# (KV_WHOLE_MODE in src/simd/table.h).
WHOLE_SIZE = 8
# From this size on the matrices of a step are BLAS's, numpy.matmul: by bytes of a vector, since
# BLAS uses what the CPU has whatever instruction set our own kernels were lowered to.
MATMUL_SIZE = {64: 256, 32: 64, 16: 12}
# What memory moves in the time of one vector multiply-add.
MEMORY_BYTES = 7
# A batch of factors runs the plan once per item, from Python: for items with fewer entries than
# this numpy.matmul's loop over the batch, factor by factor, is faster: by a half at 256, slower
# by a half at 1024 for 4 x 4 factors, about even there for two of 32 x 32.
BATCH_ITEM = 1024


class Step(NamedTuple):
    """``y[o, q, i] = Σ_p f[q, p] x[o, p, i]`` with f the Kronecker product of ``factors``."""

    factors: Shape
    outer: int
    q: int
    p: int
    inner: int
    by_rows: bool  # inner is 1: rows of x times a packed fᵀ
    before: Shape = ()  # the factors of the axis before, of the same size, in one sweep


@dataclass(frozen=True)
class Pass:
    """Steps taken on x[l, i, r], one block x[l, :, panel of r] after the other.

    Where r = 1 a pass may go across l instead: ``width`` of them are transposed into the
    columns of a block, and its results back.
    """

    left: int
    rows_in: int
    rows_out: int
    right: int
    width: int
    block: int  # items of the largest intermediate of x[l, :, panel]
    together: int  # how many x[l] make a block where a panel is all of r
    steps: tuple[Step, ...]
    kernel: str  # "mode_product" or "matmul"
    across: bool = False

    @property
    def input_size(self) -> int:
        return self.left * self.rows_in * self.right

    @property
    def output_size(self) -> int:
        return self.left * self.rows_out * self.right

    @cached_property
    def blocks(self) -> int:
        """How many blocks there are: what threads share."""
        if not self.width:
            return 0
        if self.across:
            return -(-self.left // self.width)
        return -(-self.left // self.together) * -(-self.right // self.width)

    @property
    def multiply_adds(self) -> int:
        """Of items."""
        each = (s.outer * s.inner * s.q * s.p * (2 * s.q if s.before else 1) for s in self.steps)
        return self.left * self.right * sum(each)

    @property
    def in_place(self) -> bool:
        """Whether the result may be written over the operand."""
        if self.kernel == "matmul" or self.rows_in != self.rows_out:
            return False
        first = self.steps[0]
        alone = bool(first.before) or (not first.by_rows and first.q == first.p <= WHOLE_SIZE)
        return len(self.steps) > 1 or alone or self.across

    @cached_property
    def sizes(self) -> tuple[Any, ...]:
        """What `_engine.run_pass` reads."""
        steps = tuple((s.outer, s.q, s.p, s.inner, s.by_rows, bool(s.before)) for s in self.steps)
        return (
            self.left,
            self.rows_in,
            self.rows_out,
            self.right,
            self.width,
            self.block,
            self.together,
            self.across,
            steps,
        )


@dataclass(frozen=True)
class Plan:
    """The passes in the order they run."""

    passes: tuple[Pass, ...]

    @cached_property
    def workspace_size(self) -> int:
        """Items of the largest intermediate."""
        return max((each.output_size for each in self.passes[:-1]), default=0)

    def turns(self, target_size: int) -> list[int]:
        """Where each pass writes: -1 the target, else the number of a workspace.

        Intermediates take turns between the target, where they fit into it, and workspaces.  A
        negative size forbids the target, whose content is needed, to all passes but the last.
        """
        turns = [-1]
        for each, later in zip(self.passes[-2::-1], self.passes[:0:-1], strict=True):
            if later.in_place and (turns[-1] >= 0 or target_size >= 0):
                turns.append(turns[-1])
            elif turns[-1] == -1 or each.output_size > target_size:
                turns.append(0 if turns[-1] != 0 else 1)
            else:
                turns.append(-1)
        return turns[::-1]


def block_bytes() -> int:
    """Of a block of a pass: two buffers of it share the second-level cache with the panels."""
    return level2_bytes() // 4


@lru_cache(maxsize=1024)
def make_plan(
    shapes: tuple[Shape, ...],
    left: int,
    right: int,
    itemsize: int,
    lanes: int,
    matmul: bool = True,
) -> Plan:
    """The plan for factors of these (q, p) shapes and X of shape (left, Π p, right).

    The shape of an identity factor is (n,).  ``lanes`` is how many items a vector holds.  Without
    ``matmul``, which needs Python, all steps are mode products.
    """
    groups, across = merge_factors(shapes, left, right, itemsize, lanes)
    size = _matmul_size(itemsize * lanes) if matmul else sys.maxsize
    work = _Work(left, right, itemsize, lanes if across else 0, size)
    limit = block_bytes()
    passes = _passes(groups, shapes, work, limit)
    if len(passes) > 1:
        # Buffers for two blocks beside a workspace stay within two workspaces.
        largest = Plan(tuple(passes)).workspace_size * itemsize
        if largest < 2 * limit:
            return Plan(tuple(_passes(groups, shapes, work, largest // 2)))
        passes = _share_out(passes, groups, shapes, work, lanes)
    return Plan(tuple(passes))


def _share_out(
    passes: list[Pass],
    groups: Sequence[Shape],
    shapes: Sequence[Shape],
    work: _Work,
    lanes: int,
) -> list[Pass]:
    """As many passes, of as many axes each as take least time."""
    limit = block_bytes()
    candidates = [_passes(groups, shapes, work, limit, most) for most in range(1, len(groups))]
    candidates = [passes, *(c for c in candidates if len(c) == len(passes))]

    def time(each: Pass) -> float:
        """In vector multiply-adds: arithmetic hides memory, or the other way round."""
        moved = (each.input_size + each.output_size) * work.itemsize
        if each.width < each.right:  # rows of a panel a power of two apart share cache sets
            moved *= 1 + PANEL_BYTES / (each.width * work.itemsize)
        return max(each.multiply_adds / lanes, moved / MEMORY_BYTES)

    return min(candidates, key=lambda c: sum(map(time, c)))


@lru_cache(maxsize=1024)
def make_sum_plan(
    sizes: Shape, left: int, right: int, itemsize: int, lanes: int, merge: bool
) -> Plan:
    """The plan for F1 ⊕ … ⊕ FN, square factors of these sizes, and X as for `make_plan`.

    Every step of it adds to the result.  With ``merge`` the matrix of a step may be A ⊕ B; its
    zeros, which no term has, would spread a NaN or inf of X.
    """
    shapes = tuple((n, n) for n in sizes)
    groups = [(i,) for i in range(len(sizes))]
    if merge:
        groups = merge_factors(shapes, left, right, itemsize, lanes, sums=True)[0]
    work = _Work(left, right, itemsize, 0, _matmul_size(itemsize * lanes), sums=True)
    passes = _passes(groups, shapes, work, block_bytes())
    # The first pass writes, the others add, for which matmul would need room.
    return Plan(tuple(sorted(passes, key=lambda each: each.kernel != "matmul")))


class _Work(NamedTuple):
    """X (left, …, right); ``across`` is the least width of passes across l, 0 for none.

    In sums every axis has a step of its own.
    """

    left: int
    right: int
    itemsize: int
    across: int
    matmul_size: int
    sums: bool = False


def _passes(
    groups: Sequence[Shape],
    shapes: Sequence[Shape],
    work: _Work,
    block_bytes: int,
    most: int = MAX_STEPS,
) -> list[Pass]:
    """The passes, each of at most ``most`` axes, whose blocks have at most ``block_bytes``."""
    sizes = [group_size(shapes, group) for group in groups]
    steps = [i for i, qp in enumerate(sizes) if len(qp) == 2]
    order = sorted(steps, key=lambda i: (_growth(*sizes[i]), -i))
    idle = set(range(len(groups))) - set(steps)
    current = [qp[-1] for qp in sizes]
    passes: list[Pass] = []
    while order:
        taken = _take(order[:most], idle, sizes, current, work, block_bytes)
        # Among equals that shrink X the last axis, along which vectors are short, comes last.
        taken.sort(key=lambda i: (_growth(*sizes[i]), i if sizes[i][0] < sizes[i][1] else -i))
        passes.append(_pass(taken, groups, sizes, current, work, block_bytes))
        for i in taken:
            current[i] = sizes[i][0]
        order = order[len(taken) :]
    return passes


def _growth(q: int, p: int) -> float:
    """1/p - 1/q: factors in ascending order of it take the fewest flops."""
    if p == 0 or q == 0:
        return float("-inf") if q == 0 else 0.0
    return 1 / p - 1 / q


def _take(
    order: Sequence[int],
    idle: set[Any] | set[int],
    sizes: Sequence[Shape],
    current: Sequence[int],
    work: _Work,
    block_bytes: int,
) -> list[int]:
    """The first axes of ``order`` that make one pass: neighbours whose block fits in cache.

    Axes in ``idle`` have no step and part no neighbours.
    """
    taken = list(order[:1])
    if _is_large(sizes[taken[0]], work):
        return taken
    for i in order[1:]:
        low, high = min(*taken, i), max(*taken, i)
        if _is_large(sizes[i], work) or set(range(low, high + 1)) - idle != {*taken, i}:
            break
        behind = prod(current[high + 1 :]) * work.right
        width = min(behind, PANEL_BYTES // work.itemsize)
        if _goes_across(taken, current, work):
            width = work.across
            if not _goes_across([*taken, i], current, work):
                break
        if _block([*taken, i], sizes, current) * width * work.itemsize > block_bytes:
            break
        taken = [*taken, i]
    return taken


def _is_large(size: Shape, work: _Work) -> bool:
    return min(size) >= work.matmul_size


def _matmul_size(vector_bytes: int) -> int:
    return MATMUL_SIZE.get(vector_bytes, MATMUL_SIZE[64])


def _goes_across(taken: Sequence[int], current: Sequence[int], work: _Work) -> bool:
    """Whether a pass over these axes goes across the rows before them: enough there are."""
    before, behind = current[: min(taken)], current[max(taken) + 1 :]
    return prod(behind) * work.right == 1 and work.left * prod(before) >= work.across > 0


def _block(taken: Sequence[int], sizes: Sequence[Shape], current: Sequence[int]) -> int:
    """Rows of the largest state of a block while the axes in ``taken`` are worked on."""
    state = {i: current[i] for i in range(min(taken), max(taken) + 1)}
    largest = prod(state.values())
    for i in taken:
        state[i] = sizes[i][0]
        largest = max(largest, prod(state.values()))
    return largest


def _pass(
    taken: Sequence[int],
    groups: Sequence[Shape],
    sizes: Sequence[Shape],
    current: Sequence[int],
    work: _Work,
    block_bytes: int,
) -> Pass:
    low, high = min(taken), max(taken)
    behind, itemsize = prod(current[high + 1 :]) * work.right, work.itemsize
    state = list(current[low : high + 1])
    rows_in = prod(state)
    block = _block(taken, sizes, current)
    large = len(taken) == 1 and _is_large(sizes[taken[0]], work)
    fitting = block_bytes // max(1, block * itemsize) // 64 * 64
    width = behind if large else min(behind, max(PANEL_BYTES // itemsize, fitting))
    across = not large and _goes_across(taken, current, work)
    if across:
        width = max(work.across, block_bytes // (block * itemsize) // work.across * work.across)
    together = max(1, block_bytes // max(1, block * width * itemsize)) if width == behind else 1
    steps: list[Step] = []
    for i in taken:
        q, p = sizes[i]
        outer, inner = prod(state[: i - low]), prod(state[i - low + 1 :])
        by_rows = behind == 1 and inner == 1 and not large and not across
        last = steps[-1] if steps else None
        if last and not work.sums and inner == last.inner * last.q and not last.before:
            run = last.inner if last.by_rows else last.inner * width
            if pairs_up((q, p), (last.q, last.p), run, itemsize):
                steps[-1] = last._replace(outer=outer, before=groups[i])
                continue
        steps.append(Step(groups[i], outer, q, p, inner, by_rows))
        state[i - low] = q
    return Pass(
        work.left * prod(current[:low]),
        rows_in,
        prod(state),
        behind,
        width,
        block * width,
        together,
        tuple(steps),
        "matmul" if large else "mode_product",
        across,
    )
