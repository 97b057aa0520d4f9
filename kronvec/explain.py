"""What a many-factor product would do: `explain` prints the plan; _plan.py makes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _kernels
from ._chain import read_call, state_of
from ._explained import ExplainedPass, ExplainedStep
from ._factor_shapes import read_factors
from ._fastpath import is_small
from ._plan import Pass, Plan, Step
from ._run import COPY, MATMUL_CHAIN, choose_route, plan_item, workspaces
from ._shapes import check_addressable, check_rate, check_side, check_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike

    from ._typing import Array, DType, Factor, Shape

SMALL = "small"


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


def explain(
    factors: Iterable[ArrayLike | tuple[int, int] | None],
    x_shape: Shape | int | None = None,
    *,
    side: str = "left",
    dtype: DTypeLike | None = None,
    peak: float | None = None,
    bandwidth: float | None = None,
) -> Explanation:
    """Describe how ``(F1 ⊗ … ⊗ FN) X``, or ``X (F1 ⊗ … ⊗ FN)``, would be computed.

    Parameters
    ----------
    factors : sequence
        Arrays (..., q_i, p_i), of which only shape and dtype matter; or pairs (q_i, p_i);
        identity operators; None for one identity of the size that follows from x.
    x_shape : tuple of int or int, optional
        The shape of X: (..., Π p_i, k), or (Π p_i,), from the left, (..., k, Π q_i), or
        (Π q_i,), from the right.  One vector by default.
    side : {"left", "right"}
        "left" for `kron_matmul` and `kron_matvec`, "right" for `matmul_kron` and `kron_vecmat`.
        A batch of vectors is the shape (..., Π p_i, 1), or (..., 1, Π q_i), here.
    dtype : dtype_like, optional
        Of X, and of factors given by their shapes.  By default that of the other factors, or
        float64.
    peak : float, optional
        Real operations that the machine does in a nanosecond (Gflop/s).
    bandwidth : float, optional
        Bytes that memory moves in a nanosecond (GB/s), read and written.

    Returns
    -------
    Explanation
        ``print`` it; or read its attributes ``order``, ``flops``, ``bytes``, ``steps``, ...

    Raises
    ------
    ValueError
        If shapes do not fit, the size of None does not follow from ``x_shape``, or a rate is not
        positive.
    TypeError
        If a factor is no matrix and no pair of sizes, or a rate is no number.

    See Also
    --------
    kron_matmul : computes it.

    Notes
    -----
    X is taken to be C-contiguous and of the result's dtype: anything else is copied first,
    except a matrix that lies column by column, which is computed as its transpose from the
    other side.  Merges and block sizes depend on the instruction set and the caches.

    References
    ----------
    .. [1] S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual
       performance model for multicore architectures", Comm. ACM 52 (2009), 65-76.

    Examples
    --------
    >>> import kronvec as kv
    >>> plan = kv.explain([(60, 40), (40, 60), None], (2400 * 5,), peak=50, bandwidth=10)
    >>> plan.order
    ((2,), (1,))
    >>> plan.flops
    1920000
    >>> plan.bound
    'arithmetic'
    """
    name = "explain"
    right = check_side(name, side) == "right"
    check_rate(name, "peak", peak)
    check_rate(name, "bandwidth", bandwidth)
    if isinstance(factors, np.ndarray) or not isinstance(factors, Iterable):
        read_factors(name, factors)  # raises
    listed: list[Any] = list(factors)
    arrays = [
        np.asarray(f) for f in listed if not (f is None or _is_pair(f) or hasattr(f, "is_identity"))
    ]
    kind = np.result_type(*arrays) if dtype is None and arrays else np.dtype(dtype or np.float64)
    listed = [_stand_in(name, f, kind) if _is_pair(f) else f for f in listed]
    if x_shape is None:
        if any(f is None for f in listed):
            raise ValueError(f"{name}: the size of a None factor follows from x_shape: give it")
        x_shape = (prod(np.shape(f)[-2 if right else -1] for f in listed),)
    x_shape = tuple(x_shape) if isinstance(x_shape, Iterable) else (x_shape,)
    sizes = [check_size(name, "x_shape", n) for n in x_shape]
    check_addressable(name, sizes, kind.itemsize)
    x = np.broadcast_to(np.zeros((), kind), sizes)
    axis = -1 if right else -2
    _, x, given, applied, core, axis, batch = read_call(name, listed, x, 2, axis, right)
    state = state_of(x, core, axis)
    kinds = [f.dtype for f in applied if isinstance(f, np.ndarray)]
    result = np.result_type(kind, *kinds)
    return _explain(given, applied, state.shape, batch, result, right, peak, bandwidth)


def _is_pair(factor: Any) -> bool:
    return isinstance(factor, tuple) and len(factor) == 2 and all(map(np.isscalar, factor))


def _stand_in(name: str, pair: tuple[int, int], dtype: DType) -> Array:
    """An array of this shape that takes no memory."""
    q, p = (check_size(name, "a size of a factor", n) for n in pair)
    check_addressable(name, (q, p), dtype.itemsize)
    return np.broadcast_to(np.zeros((), dtype), (q, p))


def _explain(
    given: Sequence[Factor],
    factors: Sequence[Any],
    x_shape: Shape,
    batch: Shape,
    dtype: DType,
    right: bool,
    peak: float | None,
    bandwidth: float | None,
) -> Explanation:
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
