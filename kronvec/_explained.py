"""An explanation: its lines are mode products, and the passes over memory that they make."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from . import _kernels
from ._fastpath import is_small
from ._plan import Pass, Plan, Step
from ._run import COPY, MATMUL_CHAIN, choose_route, plan_item, workspaces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ._typing import DType, Factor, Shape

SMALL = "small"


@dataclass(frozen=True)
class ExplainedStep:
    """One mode product: ``y[o, q, i] = Σ_p f[q, p] x[o, p, i]``, f of ``factors`` multiplied out.

    ``outer`` and ``inner`` are what lies before and behind the axis, rows and columns of X and
    untouched axes included; ``flops`` counts real additions and multiplications.  All over the
    items of a batch but for outer and inner.
    """

    number: int  # of its pass, from 1
    factors: Shape  # from 1, as they are written
    q: int
    p: int
    outer: int
    inner: int
    kernel: str
    flops: int


@dataclass(frozen=True)
class ExplainedPass:
    """One time through memory: ``blocks`` blocks of at most ``block_bytes``, read and written.

    A block is ``width`` columns wide; for ``across`` those are rows of X, transposed.
    """

    number: int
    blocks: int
    width: int
    block_bytes: int
    across: bool
    bytes: int


@dataclass(frozen=True)
class Explanation:
    """What `explain` returns; ``str`` makes a table of it.

    Attributes
    ----------
    route : {"plan", "small", "matmul chain", "copy"}
        By a plan; factor by factor in the compiled path of small products; by `numpy.matmul`,
        factor by factor; without any product, all factors being identities.
    plan : Plan or None
        The plan of one item of the batch, where there is one.
    items : int
        How many matrices, each with factors of its own, take the plan in turn.
    steps : tuple of ExplainedStep
    passes : tuple of ExplainedPass
    order : tuple of tuple of int
        The factors, from 1, in the order in which they are applied; those in one tuple are
        multiplied out first.
    isa : str
        The instruction set of our own kernels.
    flops, bytes : int
        Real operations; bytes read and written by the passes, factors not counted.
    workspaces, workspace_bytes : int
        How many arrays are made for what is between the passes; bytes of one.
    seconds : float or None
        No less than the arithmetic takes at ``peak``, nor than memory takes at ``bandwidth``.
    bound : {"arithmetic", "memory", None}
        Which of the two takes longer, where both rates are known.
    """

    title: str
    route: str
    dtype: DType
    plan: Plan | None
    items: int
    steps: tuple[ExplainedStep, ...]
    passes: tuple[ExplainedPass, ...]
    workspaces: int
    workspace_bytes: int
    peak: float | None
    bandwidth: float | None

    @property
    def order(self) -> tuple[Shape, ...]:
        """The factors, from 1, in the order in which they are applied."""
        return tuple(step.factors for step in self.steps)

    @property
    def isa(self) -> str:
        """The instruction set of our own kernels; empty where none runs."""
        return _kernels.kernel_table()["mode_product"].get(self.dtype.name, "")

    @property
    def flops(self) -> int:
        """Real additions and multiplications."""
        return sum(step.flops for step in self.steps)

    @property
    def bytes(self) -> int:
        """Bytes that the passes read and write."""
        return sum(each.bytes for each in self.passes)

    @property
    def seconds(self) -> float | None:
        """The least time that the given rates allow."""
        return max(self._times().values(), default=None)

    @property
    def bound(self) -> str | None:
        """Whether arithmetic or memory takes longer."""
        times = self._times()
        return max(times, key=lambda name: times[name]) if len(times) == 2 else None

    def _times(self) -> dict[str, float]:
        rates = {"arithmetic": (self.flops, self.peak), "memory": (self.bytes, self.bandwidth)}
        return {name: n / (rate * 1e9) for name, (n, rate) in rates.items() if rate is not None}

    def __str__(self) -> str:
        return "\n".join([self.title, *_table(self), *_summary(self)])


def explained_product(
    given: Sequence[Factor],
    factors: Sequence[Any],
    x_shape: Shape,
    batch: Shape,
    dtype: DType,
    right: bool,
    peak: float | None,
    bandwidth: float | None,
) -> Explanation:
    """The explanation of a product whose operands were read."""
    left, columns = x_shape[-3], x_shape[-1]
    shapes = [f.shape[-2:] for f in factors]
    names = " ⊗ ".join(_factor_name(f) for f in given)
    sizes = " x ".join(map(str, (*batch, left, x_shape[-2], columns)))
    title = f"X ({names})" if right else f"({names}) X"
    title = f"{title}, X as {sizes} ({'... x ' if batch else ''}rows x axis x columns), {dtype}"
    total, entry = prod(batch) * left * columns, dtype.itemsize
    common: dict[str, Any] = {"dtype": dtype, "peak": peak, "bandwidth": bandwidth}
    route = choose_route(factors, x_shape, batch, dtype)
    uniform = all(isinstance(f, np.ndarray) and f.ndim == 2 and f.dtype == dtype for f in factors)
    if uniform and dtype in _kernels.DTYPES and is_small(shapes, total * x_shape[-2]):
        route = SMALL
    if route in (SMALL, MATMUL_CHAIN, COPY):
        few, crossings = _factor_by_factor(factors, route, prod(batch), left, columns, dtype)
        if route == COPY:
            moved = 2 * total * x_shape[-2] * entry
            crossings = (ExplainedPass(1, 1, columns, moved // 2, False, moved),)
        return Explanation(
            title,
            route,
            plan=None,
            items=1,
            steps=few,
            passes=crossings,
            workspaces=0,
            workspace_bytes=0,
            **common,
        )
    loop, shape, plan = plan_item(factors, x_shape, batch, dtype)
    items = prod(loop)
    steps: list[ExplainedStep] = []
    passes: list[ExplainedPass] = []
    for number, each in enumerate(plan.passes, 1):
        moved = items * (each.input_size + each.output_size) * entry
        size = each.block * each.together * entry
        passes.append(ExplainedPass(number, each.blocks, each.width, size, each.across, moved))
        for step in each.steps:
            steps.extend(_explained(number, each, step, factors, items, dtype))
    count, size = workspaces(plan, prod(shape[:-2]) * prod(q for q, _ in shapes) * columns)
    return Explanation(
        title,
        route,
        plan=plan,
        items=items,
        steps=tuple(steps),
        passes=tuple(passes),
        workspaces=count,
        workspace_bytes=size * entry,
        **common,
    )


def _factor_name(factor: Factor) -> str:
    size = " x ".join(map(str, factor.shape))
    return size if isinstance(factor, np.ndarray) else f"I {factor.shape[0]}"


def _factor_by_factor(
    factors: Sequence[Any],
    route: str,
    items: int,
    left: int,
    right: int,
    dtype: DType,
) -> tuple[tuple[ExplainedStep, ...], tuple[ExplainedPass, ...]]:
    """Steps and passes of the routes without a plan; small products take the last factor first."""
    order = list(enumerate(factors))
    state = [f.shape[-1] for f in factors]
    steps: list[ExplainedStep] = []
    passes: list[ExplainedPass] = []
    for i, f in order[::-1] if route == SMALL else order:
        if not isinstance(f, np.ndarray):
            continue
        q, p = f.shape[-2:]
        outer, inner = left * prod(state[:i]), prod(state[i + 1 :]) * right
        state[i] = q
        moved = items * outer * inner * (p + q) * dtype.itemsize
        number = len(steps) + 1
        kernel = "numpy.matmul" if route == MATMUL_CHAIN else "mode_product"
        flops = items * outer * inner * q * p * _flops_of_madd(f.dtype, dtype)
        steps.append(ExplainedStep(number, (i + 1,), q, p, outer, inner, kernel, flops))
        passes.append(ExplainedPass(number, 1, 0, moved // 2, False, moved))
    return tuple(steps), tuple(passes)


def _explained(
    number: int,
    each: Pass,
    step: Step,
    factors: Sequence[Any],
    items: int,
    dtype: DType,
) -> Iterator[ExplainedStep]:
    """The lines of a step: one for each axis that it takes."""
    involved = (*step.before, *step.factors)
    merged = np.result_type(*([dtype] if step.by_rows else [factors[i].dtype for i in involved]))
    outer, inner = each.left * step.outer, step.inner * each.right
    madds = items * outer * inner * step.q * step.p
    if step.before:
        axes = [(step.factors, outer * step.q, inner), (step.before, outer, inner * step.q)]
        madds *= step.q
    else:
        axes = [(step.factors, outer, inner)]
    for group, before, behind in axes:
        indices = tuple(i + 1 for i in group)
        flops = madds * _flops_of_madd(merged, dtype)
        kernel = kernel_of(each, step)
        yield ExplainedStep(number, indices, step.q, step.p, before, behind, kernel, flops)


def kernel_of(each: Pass, step: Step) -> str:
    """What computes one step of a pass, in words."""
    if each.kernel != "mode_product":
        return f"numpy.{each.kernel}"
    if step.before:
        return "mode_pair"
    if step.by_rows:
        return "mode_product, rows of x"
    return "mode_product"


def _flops_of_madd(factor: DType, dtype: DType) -> int:
    """Real operations of one multiply-add: f x + y, f of a dtype of its own."""
    if dtype.kind != "c":
        return 2
    return 8 if factor.kind == "c" else 4


def _table(what: Explanation) -> Iterator[Any]:
    """A line for each step."""
    rows = [("pass", "factors", "q x p", "outer", "inner", "kernel", "Mflop")]
    for s in what.steps:
        names = "⊗".join(map(str, s.factors))
        numbers = (str(s.outer), str(s.inner), s.kernel, f"{s.flops / 1e6:.3g}")
        rows.append((str(s.number), names, f"{s.q} x {s.p}", *numbers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows if what.steps else ():
        cells = zip(row, widths, strict=True)
        yield "  ".join(f"{cell:<{width}}" for cell, width in cells).rstrip()


def _summary(what: Explanation) -> Iterator[Any]:
    if what.route != "plan":
        yield f"route: {what.route}"
    else:
        again = f", for each of {what.items} items" if what.items > 1 else ""
        yield f"passes: {len(what.passes)}{again}; instruction set: {what.isa}"
        for each in what.passes:
            lines = "rows" if each.across else "columns"
            size = f"{each.block_bytes / 1024:.4g} KiB, {lines} {each.width} at a time"
            yield f"pass {each.number}: blocks: {each.blocks}, at most {size}"
        if what.workspaces:
            size = f"{what.workspace_bytes / 1024:.4g} KiB"
            yield f"workspaces: {what.workspaces} of {size}"
    yield f"{what.flops / 1e6:.4g} Mflop, {what.bytes / 1e6:.4g} MB read and written"
    for name, seconds in what._times().items():
        rate = f"{what.peak} Gflop/s" if name == "arithmetic" else f"{what.bandwidth} GB/s"
        yield f"{name}: at least {seconds * 1e3:.3g} ms at {rate}"
    if what.bound:
        yield f"bound by {what.bound}"
