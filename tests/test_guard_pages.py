"""Compiled drivers between guard pages, on every instruction set.

Operands and results begin, or end, where nobody may read or write, and results are those that the
same call gives elsewhere: public functions of every small size, passes of plans, columns, sampled
rows, in-place moves, and what compiled code calls, with its workspace.  test_workspaces.py runs it
once more with the memory that calls allocate between guard pages.  The bare kernels have the same
in test_kernels.py and test_transpose_kernels.py.
"""

import inspect
from functools import reduce
from math import prod
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import compiled_api as api
import kronvec as kv
from helpers import ISAS, KERNEL_DTYPES, SIDES, filler, guarded, leaves, map_arrays, random, use_isa
from kronvec import _engine, _fastpath, _kernels, _ufuncs
from operations import OPERATIONS
from preloaded import guarded_workspaces

every_isa = pytest.mark.parametrize("isa", ISAS)
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)

AROUND_VECTORS = (1, 3, 4, 5, 8, 9, 15, 16, 17, 33)
SIZES = [size for n in (3, 5, 8, 9, 16, 17, 33) for size in [(n, 3, 2, 2), (1, 2, n, 3)]]
SIZES += [size for n in (4, 7, 15, 33) for size in [(2, n, 3, 1), (3, 1, 2, n)]]
BATCHES = [(n, n, n, n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 16)]  # of small matrices
CALLS = [*((sizes, ()) for sizes in SIZES), *((sizes, (3,)) for sizes in BATCHES)]


def between(tree, side):
    """The arrays of an argument between guard pages."""
    return map_arrays(lambda a: guarded(a, side), tree)


def assert_guarded(function, args, takes_out=True, **kwargs):
    """The call gives the same between guard pages, also into an ``out`` between them."""
    expected = leaves(function(*args, **kwargs))
    for side in SIDES:
        placed = between(args, side)
        with guarded_workspaces(side):
            results = leaves(function(*placed, **kwargs))
        for got, y in zip(results, expected, strict=True):
            assert_array_equal(got, y)
        if takes_out:
            out = guarded(filler(expected[0].dtype, expected[0].shape), side)
            with guarded_workspaces(side):
                function(*placed, out=out, **kwargs)
            assert_array_equal(out, expected[0])


@every_isa
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_public_functions_keep_to_their_operands_and_results(operation, isa):
    """Half of the dtypes for each of the sizes in turn."""
    with use_isa(isa):
        for i, (sizes, batch) in enumerate(CALLS):
            for dtype in KERNEL_DTYPES[i % 2 :: 2]:
                try:
                    args = operation.build(dtype, sizes, batch)
                    operation(*args)
                except ValueError:  # not a function of batches
                    assert batch
                    continue
                assert_guarded(operation, args, operation.takes_out)


# Steps of every kind: merged, paired, by rows, across, packed, of several passes, none square
FACTORS = [
    [(2, 2)] * 3,
    [(2, 2)] * 4,
    [(2, 2)] * 7,
    [(3, 3)] * 4,
    [(4, 4)] * 4,
    [(8, 8)] * 3,
    [(5, 5), (7, 7)],
    [(16, 3), (3, 5), (2, 3), (6, 2)],
    [(9, 33), (17, 2)],
    [(30, 1), (1, 4)],
    [(1, 65), (40, 1)],
    [(65, 70), (3, 2)],
    [(9, 17), (9, 16), (9, 17)],  # two workspaces: what is between is larger than the result
    [(2, 2)] * 3 + [(1, 1)] * 3,
    [(2, 3)] * 5,
    [(2, 2)] * 3 + [(20, 3), (3, 3)],  # merged in a later pass, beside what is between
]


@every_isa
@every_dtype
@pytest.mark.parametrize("shapes", FACTORS, ids=str)
def test_passes_of_products_keep_to_their_operands_and_results(shapes, dtype, isa):
    columns, rows = (prod(n) for n in zip(*((p, q) for q, p in shapes), strict=True))
    factors = [random(dtype, *shape, seed=i) for i, shape in enumerate(shapes)]
    with use_isa(isa):
        for r in (1, 2, 3, 7, 8, 17, 33):
            x, y = random(dtype, columns, r, seed=9), random(dtype, rows, r, seed=8)
            assert_guarded(kv.kron_matmul, (factors, x))
            assert_guarded(kv.kron_matmul, (factors, x), workers=1)  # _engine.run_pass
            assert_guarded(kv.matmul_kron, (np.ascontiguousarray(y.T), factors))
            assert_guarded(kv.matmul_kron, (np.ascontiguousarray(y.T), factors), workers=1)
            for beta in (1, 0.5):
                expected = kv.kron_matmul(factors, x, beta=beta, out=y.copy())
                for side in SIDES:
                    out = guarded(y, side)
                    with guarded_workspaces(side):
                        kv.kron_matmul(*between((factors, x), side), beta=beta, out=out)
                    assert_array_equal(out, expected)
        index = tuple(np.arange(7) % q for q, _ in shapes)
        assert_guarded(
            lambda f, x, i, **out: kv.kron_matvec(f, x, rows=i, **out),
            (factors, x[:, 0].copy(), index),
        )


@every_isa
@every_dtype
@pytest.mark.parametrize(
    "shapes", [[(2, 2)] * 3, [(2, 3)] * 5, [(2, 1)] * 6, [(1, 2)] * 6], ids=str
)
def test_merged_factors_keep_to_their_operands_and_results(shapes, dtype, isa):
    """Three and more form one matrix, for so many rows."""
    factors = [random(dtype, q, p, seed=i) for i, (p, q) in enumerate(shapes)]
    x = random(dtype, 1500, prod(q for _, q in shapes))
    with use_isa(isa):
        assert_guarded(kv.matmul_kron, (x, factors))
        expected = x @ reduce(np.kron, factors)
        assert_allclose(kv.matmul_kron(x, factors), expected, 1e-3, 1e-3)
        plan = api.Plan(dtype, shapes, len(x), 1)
        y = guarded(filler(dtype, expected.shape), "end")
        assert plan.apply([f.T for f in factors], x[..., None], y[..., None]) == api.OK
        assert_allclose(y, expected, 1e-3, 1e-3)


@every_isa
@every_dtype
@pytest.mark.parametrize("sizes", [[2] * 6, [3] * 4, [4, 4, 4], [8, 8], [5, 1, 7], [20, 3], [65]])
def test_passes_of_sums_keep_to_their_operands_and_results(sizes, dtype, isa):
    factors = [random(dtype, n, n, seed=i) for i, n in enumerate(sizes)]
    with use_isa(isa):
        for r in (1, 2, 3, 7, 8, 17, 33):
            x = random(dtype, prod(sizes), r, seed=9)
            assert_guarded(kv.kronsum_matmul, (factors, x))
            assert_guarded(kv.kronsum_matmul, (factors, x), workers=1)  # _engine.run_sum_pass


@every_isa
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize(
    "shapes", [[(4, 4)] * 10, [(101, 101), (103, 101)], [(8, 8)] * 6 + [(4, 4)]]
)
def test_passes_past_the_caches_keep_to_their_operands_and_results(shapes, dtype, isa):
    factors = [random(dtype, *shape, seed=i) for i, shape in enumerate(shapes)]
    x = random(dtype, prod(p for _, p in shapes), 1 if len(shapes) > 2 else 75)
    with use_isa(isa):
        assert_guarded(kv.kron_matmul, (factors, x))


# --------------------------------------------------------------------------------------
# Columns, and what has no public function of its own


@every_isa
@every_dtype
def test_products_of_columns_keep_to_their_operands_and_results(dtype, isa):
    def into(shape):  # the drivers that write into an argument, as functions with out=
        def wrap(driver, *rest):
            def call(*args, out=None):
                y = np.zeros(shape, dtype) if out is None else out
                y[...] = 0
                driver(*args, y, *rest)
                return y

            return call

        return wrap

    with use_isa(isa):
        for n in (1, 2, 3, 7, 8, 9, 16, 17, 33, 64):
            a, b, c = (random(dtype, m, n, seed=m) for m in (5, 9, 3))
            assert_guarded(into((45, n))(_kernels.khatri_rao), (a, b))
            assert_guarded(into((5, 9))(_kernels.add_product, True), (a, b.T.copy()))
            assert_guarded(into((n, n))(_kernels.add_product, False), (a.T.copy(), a))
            for rows in (3, 7):
                x = random(dtype, 5, rows, 9, seed=1)
                assert_guarded(into((rows, n))(_kernels.add_weighted_product), (x, a, b))
            assert_guarded(
                into((9, n))(_kernels.add_weighted_product), (random(dtype, 5, 9, 3, seed=1), a, c)
            )
            assert_guarded(_engine.row_sqnorm, (a,), takes_out=False)
            for mats in ([a, b], [a, b, c]):  # _fastpath.columns_times
                assert_guarded(kv.khatri_rao_matvec, (mats, random(dtype, n)))
                assert_guarded(
                    kv.khatri_rao_matvec,
                    (mats, random(dtype, prod(map(len, mats)))),
                    transposed=True,
                )


@every_isa
@every_dtype
def test_chains_of_small_factors_keep_to_their_operands(dtype, isa):
    with use_isa(isa):
        for n in range(1, 9):
            f = [random(dtype, n, n, seed=i) for i in range(2)]
            for rows in (1, 3):
                x = random(dtype, rows, n * n, 3)
                assert_guarded(_fastpath.small_product, (f, x, -2, False), takes_out=False)


@every_isa
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "c16", "S3", "S24", "clongdouble"])
def test_moves_in_place_keep_to_their_array(dtype, isa):
    with use_isa(isa):
        for p in AROUND_VECTORS:
            for q in AROUND_VECTORS:
                x = np.arange(2 * p * q).reshape(2, p, q).astype(dtype)
                for side in SIDES:
                    moved = guarded(x, side)
                    items = moved.view(np.uint8).reshape(2, p, q, -1)
                    with guarded_workspaces(side):
                        _ufuncs.move_in_place(items)
                    assert_array_equal(moved.reshape(2, q, p), x.swapaxes(1, 2))


def called(name, dtype, inputs, shapes, rest):
    """What an exported function writes, the same wherever its arrays lie."""
    first = np.dtype(dtype).itemsize if name == "transpose" else np.dtype(dtype)
    expected = [filler(dtype, shape) for shape in shapes]
    assert api.call(name, first, *inputs, *expected, *rest) == api.OK
    for side in SIDES:
        outputs = between([filler(dtype, shape) for shape in shapes], side)
        placed = between(inputs, side)
        with guarded_workspaces(side):
            assert api.call(name, first, *placed, *outputs, *rest) == api.OK
        for got, y in zip(outputs, expected, strict=True):
            assert_array_equal(got, y)


@every_isa
@every_dtype
def test_what_compiled_code_calls_keeps_to_its_arrays(dtype, isa):
    with use_isa(isa):
        for n in AROUND_VECTORS:
            for name, shapes, results, rest in [
                ("mode_product", [(3, n), (2, n, 5)], [(2, 3, 5)], [0]),
                ("mode_product", [(3, 2), (2, 2, n)], [(2, 3, n)], [0]),
                ("triple_product", [(n, 3), (3, 2), (2, n)], [(n, n)], []),
                ("transpose", [(n, 5)], [(5, n)], []),
                ("kron", [(2, 3), (2, n)], [(4, 3 * n)], []),
                ("matmul_vjp", [(2, n), (2, 3), (3, n)], [(2, 3), (3, n)], [0]),
            ]:
                inputs = [random(dtype, *shape, seed=i) for i, shape in enumerate(shapes)]
                called(name, dtype, inputs, results, rest)


@every_isa
@every_dtype
@pytest.mark.parametrize("shapes", FACTORS, ids=str)
def test_plans_keep_to_their_arrays_and_workspace(shapes, dtype, isa):
    """The workspace is just what the plan asks for."""
    factors = [random(dtype, *shape, seed=i) for i, shape in enumerate(shapes)]
    columns, rows = (prod(n) for n in zip(*((p, q) for q, p in shapes), strict=True))
    with use_isa(isa):
        for left, right in [(1, 1), (3, 1), (1, 3), (2, 17)]:
            plan = api.Plan(dtype, shapes, left, right)
            x, y = random(dtype, left, columns, right), filler(dtype, (left, rows, right))
            assert plan.apply(factors, x, y) == api.OK
            assert_allclose(y, kv.kron_matmul(factors, x), 1e-3, 1e-3)
            for side in SIDES:
                z = guarded(filler(dtype, y.shape), side)
                work = guarded(np.zeros(plan.workspace(), np.uint8), side)
                f, placed = between((factors, x), side)
                assert plan.apply(f, placed, z, workspace=work) == api.OK
                assert_array_equal(z, y)


# --------------------------------------------------------------------------------------
# None is left out

TAKE_NO_ARRAY = {"left_first", "pair_fits", "vector_bytes", "kernel_table", "available_isas"}
TAKE_NO_ARRAY |= {"_use_isa", "_use_stack", "_use_pieces", "_initialize", "plan_with", "two_tier"}
TAKE_NO_ARRAY |= {"own_product", "own_pair", "own_chain", "is_small", "gated", "_piece"}
TAKE_NO_ARRAY |= {"_know_main_thread"}


def test_every_compiled_function_has_its_test_between_guard_pages():
    folder = Path(__file__).parent
    files = ("test_kernels.py", "test_transpose_kernels.py", Path(__file__).name)
    text = "".join((folder / name).read_text(encoding="utf-8") for name in files)
    for module in (_kernels, _engine, _fastpath, _ufuncs):
        names = [
            n for n, v in vars(module).items() if inspect.isroutine(v) and not n.startswith("__")
        ]
        assert names
        for name in set(names) - TAKE_NO_ARRAY:
            tested = f"{module.__name__.removeprefix('kronvec.')}.{name}" in text
            bare = name.removeprefix("run_") in _kernels.kernel_table()
            assert tested or bare, f"{name} has no test between guard pages"
    assert set(api.TYPES) - {"plan_new", "plan_free", "plan_workspace", "plan_apply"} == {
        name for name in api.TYPES if f'("{name}", [' in text
    }
