"""explain: the plan that a product runs, in figures that can be checked by hand."""

import numpy as np
import pytest

import kronvec as kv
from helpers import KERNEL_DTYPES
from kronvec import _run
from kronvec._run import Job

Identity = kv.operators.Identity


def test_rectangular_factors_are_explained_by_hand():
    what = kv.explain([(90, 60), (60, 90)])
    assert what.route == "plan" and what.items == 1
    assert what.order == ((2,), (1,))
    assert [(s.outer, s.q, s.p, s.inner) for s in what.steps] == [(60, 60, 90, 1), (1, 90, 60, 60)]
    assert what.flops == 2 * (60 * 60 * 90 + 90 * 60 * 60)
    assert what.seconds is what.bound is None


def test_rows_and_columns_of_x_count():
    factors = [(60, 40), (40, 60)]
    one = kv.explain(factors)
    assert kv.explain(factors, (2400, 5)).flops == 5 * one.flops
    assert kv.explain(factors, (7, 2400, 5)).flops == 35 * one.flops
    assert [s.inner for s in kv.explain(factors, (7, 2400, 5)).steps] == [5, 200]
    assert [s.outer for s in kv.explain(factors, (7, 2400, 5)).steps] == [280, 7]
    right = kv.explain(factors, (7, 2400), side="right")
    assert right.flops == 7 * one.flops and right.order == ((1,), (2,))
    assert [s.outer for s in right.steps] == [7, 280]
    assert [(s.q, s.p) for s in right.steps] == [(40, 60), (60, 40)]


def test_complex_multiplications_count_as_what_they_are():
    real, mixed = [(60, 40), (40, 60)], [np.ones((60, 40)), np.ones((40, 60))]
    flops = kv.explain(real, (2400, 3)).flops
    assert kv.explain(real, (2400, 3), dtype="complex64").flops == 4 * flops
    assert kv.explain(mixed, (2400, 3), dtype=complex).flops == 2 * flops
    mixed[0] = mixed[0].astype(complex)
    assert kv.explain(mixed, (2400, 3)).flops == 3 * flops


def test_bytes_are_those_of_each_pass():
    what = kv.explain([(512, 512), (512, 512)], dtype="float32")
    assert [each.bytes for each in what.passes] == [2 * 4 * 512**2] * 2
    assert what.bytes == 4 * 4 * 512**2
    assert {step.kernel for step in what.steps} == {"numpy.matmul"}
    assert what.workspaces == 1 and what.workspace_bytes == 4 * 512**2


@pytest.mark.parametrize(("peak", "bandwidth"), [(1, 1000), (1000, 1), (5, None), (None, 5)])
def test_the_slower_of_arithmetic_and_memory_bounds(peak, bandwidth):
    what = kv.explain([(64, 64)] * 3, peak=peak, bandwidth=bandwidth)
    times = {
        "arithmetic": None if peak is None else what.flops / (peak * 1e9),
        "memory": None if bandwidth is None else what.bytes / (bandwidth * 1e9),
    }
    known = {name: time for name, time in times.items() if time is not None}
    assert what.seconds == max(known.values())
    slower = max(known, key=known.get) if len(known) == 2 else None
    assert what.bound == slower
    for name in known:
        assert f"{name}: at least" in str(what)
    assert (f"bound by {slower}" in str(what)) == (slower is not None)


CALLS = {
    "plan": ([np.ones((8, 8))] * 5, (8**5,)),
    "plan with columns": ([np.ones((20, 30)), np.ones((40, 8))], (240, 70)),
    "plan of each item": ([np.ones((4, 30, 40)), np.ones((40, 30))], (4, 1200, 2)),
    "plan around an identity": ([np.ones((8, 9)), Identity(300), np.ones((7, 8))], (9 * 2400, 1)),
    "small": ([np.ones((3, 4)), np.ones((2, 5))], (20,)),
    "small batch": ([np.ones((6, 2, 2)), np.ones((3, 2))], (6, 4, 1)),
    "integers": ([np.ones((60, 60), int)] * 2, (3600,)),
    "copy": ([Identity(6), None], (12, 2)),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_explained_is_what_runs(name, monkeypatch):
    factors, shape = CALLS[name]
    ran = []
    run = Job.run
    monkeypatch.setattr(Job, "run", lambda job, *args: ran.append(job) or run(job, *args))
    kinds = {f.dtype for f in factors if isinstance(f, np.ndarray)} or {np.dtype(float)}
    kv.kron_matmul(factors, np.ones(shape, *kinds), workers=1)
    what = kv.explain(factors, shape)
    assert (what.route == "plan") == bool(ran)
    if ran:
        assert what.plan is ran[0].plan
        assert what.items == int(np.prod(ran[0].loop))
        steps = [step for each in what.plan.passes for step in each.steps]
        assert len(what.steps) == sum(2 if step.before else 1 for step in steps)
        assert len(what.passes) == len(what.plan.passes)
    else:
        assert what.route == {"small": "small", "copy": "copy"}.get(name, "matmul chain")
    assert what.flops > 0 or name == "copy"
    assert what.bytes > 0


@pytest.mark.parametrize("shapes", [[(8, 8)] * 6, [(60, 40), (70, 50)], [(40, 60), (50, 70)] * 2])
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_workspaces_are_those_that_are_made(shapes, dtype, monkeypatch):
    made = []
    run = _run._run
    monkeypatch.setattr(_run, "_run", lambda *args: made.append(args[-1]) or run(*args))
    factors = [np.ones(shape, dtype) for shape in shapes]
    x = np.ones(int(np.prod([p for _, p in shapes])), dtype)
    kv.kron_matmul(factors, x, workers=1)
    what = kv.explain(factors)
    assert [w.nbytes for w in made[0]] == [what.workspace_bytes] * what.workspaces


def test_only_shapes_and_dtypes_of_factors_matter():
    shapes = [(60, 40), (41, 59)]
    arrays = [np.full(shape, np.nan, np.float32) for shape in shapes]
    assert kv.explain(arrays).steps == kv.explain(shapes, dtype="float32").steps
    assert kv.explain(arrays).dtype == np.float32
    mixed = [arrays[0], shapes[1]]
    assert kv.explain(mixed).steps == kv.explain(arrays).steps
    assert kv.explain(iter(shapes)).flops == kv.explain(shapes).flops
    assert kv.explain([[[1.0, 2.0]], None], 6).items == 1
    vast = kv.explain([(2**20, 2**20)] * 2)
    assert vast.flops == 2 * 2 * 2**60


def test_the_table_names_every_step():
    what = kv.explain([(2, 2)] * 13, peak=10, bandwidth=10)
    title, head, *lines = str(what).splitlines()
    assert title.startswith("(2 x 2 ⊗ 2 x 2") and "float64" in title
    assert head.split() == ["pass", "factors", "q", "x", "p", "outer", "inner", "kernel", "Mflop"]
    for step, line in zip(what.steps, lines, strict=False):
        assert line.split()[1] == "⊗".join(map(str, step.factors))
        assert step.kernel in line
    assert sorted(i for merged in what.order for i in merged) == list(range(1, 14))
    assert what.route == "plan" and what.isa in "".join(lines)


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "message"),
    [
        (([(2, 3), None],), {}, ValueError, "explain: .*None.*x_shape"),
        (([(2, 3)], (4,)), {}, ValueError, "explain: x must have 3"),
        (([(2, 3)], (4,)), {"side": "up"}, ValueError, "explain: side"),
        (([(2, -3)],), {}, ValueError, "explain: .*negative"),
        (([(2, 3.5)],), {}, TypeError, "explain: .*integer"),
        (([(2, 3)], (3.5,)), {}, TypeError, "explain: x_shape must be an integer"),
        (([],), {}, ValueError, "explain: at least one factor"),
        ((3,), {}, TypeError, "explain: factors must be a sequence"),
        ((np.eye(2),), {}, TypeError, "explain: factors must be a sequence"),
        (([object()], (4,)), {}, TypeError, "explain: factor 0"),
        (([np.ones(3)], (3,)), {}, ValueError, "explain: factor 0 must be a matrix"),
        (([(2, 3)],), {"peak": 0}, ValueError, "explain: peak must be positive"),
        (
            ([(2, 3)],),
            {"bandwidth": float("nan")},
            ValueError,
            "explain: bandwidth must be positive",
        ),
        (([(2, 3)],), {"peak": "fast"}, TypeError, "explain: peak must be a number"),
        (([(2, 3)],), {"dtype": "no dtype"}, TypeError, "explain: dtype=.no dtype."),
        (([(2, 3)],), {"dtype": "f8,,"}, TypeError, "explain: dtype=.f8,,."),
        (([(2, 3)],), {"dtype": {"names": ["a"]}}, TypeError, "explain: dtype=.*names"),
        (([np.float64(3)],), {}, ValueError, "explain: factor 0 must"),
        (([[[1], [2, 3]]],), {}, ValueError, "explain: factor 0 is not an array"),
    ],
)
def test_what_does_not_fit_is_refused(args, kwargs, error, message):
    with pytest.raises(error, match=message):
        kv.explain(*args, **kwargs)


def test_what_needs_no_plan_says_its_route():
    what = kv.explain([(3, 2)])
    assert what.route != "plan"
    assert f"route: {what.route}" in str(what)
    assert "passes:" not in str(what)


def test_factors_without_entries_take_no_time():
    what = kv.explain([(0, 2), (2, 2)])
    assert what.flops == 0
    assert "0 Mflop" in str(what)


def test_factors_that_nothing_can_address_are_refused():
    with pytest.raises(ValueError, match="explain: .* more than can be addressed"):
        kv.explain([(2**40, 2**40)])
