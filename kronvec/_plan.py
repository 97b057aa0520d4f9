"""How a many-factor product is carried out: an immutable plan, cached by sizes.

(F1 ⊗ … ⊗ FN) X is a chain of mode products, one per factor, in any order.  The plan

1. multiplies out neighbouring factors where that costs nothing (2 x 2 ⊗ 2 x 2) or where the
   trailing axis would leave most of a vector empty;
2. orders what is left: fewest flops where factors are rectangular, trailing axis first among
   equals, since that is contiguous;
3. groups neighbouring axes into passes, so that a block of the operand goes through all steps
   of a group while it is in cache, and memory is crossed once per pass;
4. hands a step with large matrices to `numpy.matmul`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

# A block of a pass, of which two buffers exist, shares the second-level cache with the panels
# that stream through it.
BLOCK_BYTES = 262144
# The least bytes of a row of a panel: shorter ones waste the lines and pages that they touch.
PANEL_BYTES = 512
# The largest factor that merging may make.
MERGED_SIZE = 32
# What _engine.run_pass has room for; it refuses more.
MAX_STEPS = 32
# A mode product with a square factor up to this size may write over its operand
# (KV_WHOLE_MODE in src/simd/table.h).
WHOLE_SIZE = 8
# From this size on the matrices of a step are BLAS's: numpy.matmul.
MATMUL_SIZE = 256


@dataclass(frozen=True)
class Step:
    """``y[o, q, i] = Σ_p f[q, p] x[o, p, i]`` with f the Kronecker product of ``factors``."""

    factors: tuple[int, ...]
    outer: int
    q: int
    p: int
    inner: int
    by_rows: bool  # inner is 1: rows of x times a packed fᵀ


@dataclass(frozen=True)
class Pass:
    """Steps taken on x[l, i, r], one block x[l, :, panel of r] after the other."""

    left: int
    rows_in: int
    rows_out: int
    right: int
    width: int
    block: int  # items of the largest intermediate of a block
    steps: tuple[Step, ...]
    kernel: str  # "mode_product" or "matmul"

    @property
    def input_size(self) -> int:
        return self.left * self.rows_in * self.right

    @property
    def output_size(self) -> int:
        return self.left * self.rows_out * self.right

    @cached_property
    def blocks(self) -> int:
        """How many blocks there are: what threads share."""
        return self.left * -(-self.right // self.width) if self.width else 0

    @property
    def in_place(self) -> bool:
        """Whether the result may be written over the operand."""
        if self.kernel == "matmul" or self.rows_in != self.rows_out:
            return False
        first = self.steps[0]
        return len(self.steps) > 1 or (not first.by_rows and first.q == first.p <= WHOLE_SIZE)

    @cached_property
    def sizes(self) -> tuple:
        """What `_engine.run_pass` reads."""
        steps = tuple((s.outer, s.q, s.p, s.inner, s.by_rows) for s in self.steps)
        return (
            self.left,
            self.rows_in,
            self.rows_out,
            self.right,
            self.width,
            self.block,
            steps,
        )


@dataclass(frozen=True)
class Plan:
    """The passes in the order they run."""

    passes: tuple[Pass, ...]


@lru_cache(maxsize=1024)
def make_plan(
    shapes: tuple[tuple[int, int], ...], left: int, right: int, itemsize: int, lanes: int
) -> Plan:
    """The plan for factors of these (q, p) shapes and X of shape (left, Π p, right).

    ``lanes`` is how many items a vector holds.
    """
    groups = _merge(shapes, right, lanes)
    passes = _passes(groups, shapes, left, right, itemsize, BLOCK_BYTES)
    if len(passes) > 1:
        # Buffers for two blocks beside a workspace stay within two workspaces.
        largest = max(p.output_size for p in passes[:-1]) * itemsize
        if largest < 2 * BLOCK_BYTES:
            passes = _passes(groups, shapes, left, right, itemsize, largest // 2)
    return Plan(tuple(passes))


@lru_cache(maxsize=1024)
def make_sum_plan(
    sizes: tuple[int, ...], left: int, right: int, itemsize: int, lanes: int, merge: bool
) -> Plan:
    """The plan for F1 ⊕ … ⊕ FN, square factors of these sizes, and X as for `make_plan`.

    Every step of it adds to the result.  With ``merge`` the matrix of a step may be A ⊕ B; its
    zeros, which no term has, would spread a NaN or inf of X.
    """
    shapes = tuple((n, n) for n in sizes)
    groups = _merge(shapes, right, lanes) if merge else [(i,) for i in range(len(sizes))]
    passes = _passes(groups, shapes, left, right, itemsize, BLOCK_BYTES)
    # The first pass writes, the others add, for which matmul would need room.
    return Plan(tuple(sorted(passes, key=lambda each: each.kernel != "matmul")))


def _passes(groups, shapes, left, right, itemsize, block_bytes) -> list[Pass]:
    sizes = [(prod(shapes[i][0] for i in g), prod(shapes[i][1] for i in g)) for g in groups]
    order = sorted(range(len(groups)), key=lambda i: (_growth(*sizes[i]), -i))
    current = [p for _, p in sizes]
    passes = []
    while order:
        taken = _take(order, sizes, current, right, itemsize, block_bytes)
        passes.append(_pass(taken, groups, sizes, current, left, right, itemsize, block_bytes))
        for i in taken:
            current[i] = sizes[i][0]
        order = order[len(taken) :]
    return passes


def _growth(q: int, p: int) -> float:
    """1/p - 1/q: factors in ascending order of it take the fewest flops."""
    if p == 0 or q == 0:
        return float("-inf") if q == 0 else 0.0
    return 1 / p - 1 / q


def _merge(shapes, right, lanes) -> list[tuple[int, ...]]:
    """Indices of the factors, grouped into those that are multiplied out first."""
    if any(q * p == 0 for q, p in shapes):
        return [(i,) for i in range(len(shapes))]
    candidates = []
    for count in range(1, len(shapes) + 1):
        tail = tuple(range(len(shapes) - count, len(shapes)))
        size = max(prod(shapes[i][0] for i in tail), prod(shapes[i][1] for i in tail))
        if count > 1 and size > MERGED_SIZE:
            break
        groups = [*_pairs(shapes, len(shapes) - count), tail]
        candidates.append((_cost(shapes, groups, right, lanes), groups))
        if right > 1:
            break
    return min(candidates)[1]


def _pairs(shapes, stop) -> list[tuple[int, ...]]:
    """The first ``stop`` factors, neighbours together where that takes no more flops."""
    groups = []
    i = stop
    while i > 0:
        i -= 1
        if i > 0:
            (q1, p1), (q2, p2) = shapes[i - 1], shapes[i]
            apart = min(q2 * p2 * (p1 + q1), q1 * p1 * (p2 + q2))
            if q1 * q2 * p1 * p2 <= apart and max(q1 * q2, p1 * p2) <= 4:
                groups.append((i - 1, i))
                i -= 1
                continue
        groups.append((i,))
    return groups[::-1]


def _cost(shapes, groups, right, lanes) -> float:
    """Vector multiply-adds per item of X, with the lanes that short axes leave empty."""
    cost, inner = 0.0, right
    for group in reversed(groups):
        q, p = prod(shapes[i][0] for i in group), prod(shapes[i][1] for i in group)
        cost += p / _filled(inner if inner > 1 else q, lanes)
        inner *= q
    return cost


def _filled(items, lanes) -> float:
    """The useful part of the vectors along a contiguous axis; half vectors count as half."""
    half = max(1, lanes // 2)
    if items <= half:
        return items / half
    return items / (-(-items // lanes) * lanes)


def _take(order, sizes, current, right, itemsize, block_bytes) -> list[int]:
    """The first axes of ``order`` that make one pass: neighbours whose block fits in cache."""
    taken = order[:1]
    if _is_large(sizes[taken[0]]):
        return taken
    for i in order[1:]:
        low, high = min(*taken, i), max(*taken, i)
        if len(taken) == MAX_STEPS:
            break
        if high - low != len(taken) or _is_large(sizes[i]):
            break
        behind = prod(current[high + 1 :]) * right
        width = min(behind, PANEL_BYTES // itemsize)
        if _block([*taken, i], sizes, current) * width * itemsize > block_bytes:
            break
        taken = [*taken, i]
    return taken


def _is_large(size) -> bool:
    return min(size) >= MATMUL_SIZE


def _block(taken, sizes, current) -> int:
    """Rows of the largest state of a block while the axes in ``taken`` are worked on."""
    state = {i: current[i] for i in taken}
    largest = prod(state.values())
    for i in taken:
        state[i] = sizes[i][0]
        largest = max(largest, prod(state.values()))
    return largest


def _pass(taken, groups, sizes, current, left, right, itemsize, block_bytes) -> Pass:
    low, high = min(taken), max(taken)
    behind = prod(current[high + 1 :]) * right
    state = list(current[low : high + 1])
    rows_in = prod(state)
    block = _block(taken, sizes, current)
    large = len(taken) == 1 and _is_large(sizes[taken[0]])
    fitting = block_bytes // max(1, block * itemsize) // 64 * 64
    width = behind if large else min(behind, max(PANEL_BYTES // itemsize, fitting))
    steps = []
    for i in taken:
        q, p = sizes[i]
        outer, inner = prod(state[: i - low]), prod(state[i - low + 1 :])
        by_rows = behind == 1 and inner == 1 and not large
        steps.append(Step(groups[i], outer, q, p, inner, by_rows))
        state[i - low] = q
    return Pass(
        left * prod(current[:low]),
        rows_in,
        prod(state),
        behind,
        width,
        block * width,
        tuple(steps),
        "matmul" if large else "mode_product",
    )
