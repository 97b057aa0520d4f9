"""How a many-factor product is carried out: an immutable plan, cached by sizes.

(F1 ⊗ … ⊗ FN) X is a chain of mode products, one per factor, in any order.  The plan fixes the
order (fewest flops), which trailing factors are multiplied out into one (so that the last axis
fills a vector), and which engine runs each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

# A trailing axis shorter than this leaves vector lanes empty: merge it with its neighbour,
# as long as the merged factor stays small.
VECTOR_ITEMS = 16
MERGED_ITEMS = 1024
# From this size on a step's matrices are BLAS's: np.matmul.
MATMUL_SIZE = 192


@dataclass(frozen=True, slots=True)
class Step:
    """``y[l,q,r] = Σ_p f[q,p] x[l,p,r]`` with f the Kronecker product of ``factors``."""

    factors: tuple[int, ...]
    left: int
    q: int
    p: int
    right: int
    kernel: str  # "mode_product" or "matmul"

    @property
    def flops(self) -> int:
        return 2 * self.left * self.q * self.p * self.right

    @property
    def input_size(self) -> int:
        return self.left * self.p * self.right

    @property
    def output_size(self) -> int:
        return self.left * self.q * self.right


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order they run."""

    steps: tuple[Step, ...]

    @property
    def flops(self) -> int:
        return sum(step.flops for step in self.steps)

    @property
    def workspace(self) -> int:
        """Items of the largest intermediate result."""
        return max((step.output_size for step in self.steps[:-1]), default=0)


@lru_cache(maxsize=1024)
def make_plan(shapes: tuple[tuple[int, int], ...], left: int, right: int) -> Plan:
    """The plan for factors of these (q, p) shapes and X of shape (left, Π p, right)."""
    groups = _merge_trailing(shapes, right)
    sizes = [(prod(shapes[i][0] for i in g), prod(shapes[i][1] for i in g)) for g in groups]
    # Ascending 1/p - 1/q: shrinking factors first; among equals the last axis first, which
    # the merged factor serves best.
    order = sorted(
        range(len(groups)), key=lambda i: (_growth(*sizes[i]), -i)
    )
    current = [p for _, p in sizes]
    steps = []
    for i in order:
        q, p = sizes[i]
        outer = left * prod(current[:i])
        inner = prod(current[i + 1 :]) * right
        kernel = "matmul" if min(q, p) >= MATMUL_SIZE else "mode_product"
        steps.append(Step(groups[i], outer, q, p, inner, kernel))
        current[i] = q
    return Plan(tuple(steps))


def _growth(q: int, p: int) -> float:
    """1/p - 1/q: factors in ascending order of it take the fewest flops."""
    if p == 0 or q == 0:
        return float("-inf") if q == 0 else 0.0
    return 1 / p - 1 / q


def _merge_trailing(shapes, right) -> list[tuple[int, ...]]:
    """Indices of the factors, grouped; only the trailing group may hold several."""
    last = len(shapes) - 1
    group = [last]
    q, p = shapes[last]
    while right == 1 and group[0] > 0:
        next_q, next_p = shapes[group[0] - 1]
        if q >= VECTOR_ITEMS or q * next_q * p * next_p > MERGED_ITEMS or not q * p:
            break
        q, p = q * next_q, p * next_p
        group.insert(0, group[0] - 1)
    return [(i,) for i in range(group[0])] + [tuple(group)]
