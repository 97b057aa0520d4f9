"""Memory: what a call may allocate at its height, and that nothing stays."""

import gc
import math
import sys
import tracemalloc

import numpy as np
import pytest

import kronvec as kv
from helpers import KERNEL_DTYPES, SLACK, leaves, peak_of, random
from operations import OPERATIONS


@pytest.fixture(scope="module", autouse=True)
def only_new_objects_are_collected():
    """What the tests before have left alive is not searched again at every collection."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def largest_intermediate(shapes):
    """Entries of the largest vector between the steps, in the order of fewest flops.

    For q rows and p columns the best order is ascending 1/p - 1/q.
    """
    size = math.prod(p for _, p in shapes)
    sizes = []
    for q, p in sorted(shapes, key=lambda s: 1 / s[1] - 1 / s[0])[:-1]:
        size = size // p * q
        sizes.append(size)
    return max(sizes, default=0)


MANY_FACTORS = [
    [(64, 64), (64, 64), (64, 64)],
    [(8, 8)] * 6,
    [(2, 2)] * 18,
    [(60, 40), (70, 50), (80, 60)],
    [(40, 60), (50, 70), (60, 80)],
    [(90, 30), (30, 90), (50, 50)],
    [(512, 512), (512, 512)],
    [(300_000, 1), (1, 4)],
]


@pytest.mark.parametrize("shapes", MANY_FACTORS, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_many_factors_hold_the_output_and_two_workspaces(shapes, dtype):
    factors = [random(dtype, *shape) for shape in shapes]
    columns = math.prod(p for _, p in shapes)
    x = random(dtype, columns)
    workspaces = 2 * largest_intermediate(shapes) * x.itemsize
    peak, y = peak_of(kv.kron_matvec, factors, x)
    assert peak <= y.nbytes + workspaces + SLACK
    peak, _ = peak_of(kv.kron_matmul, factors, x, out=y)
    assert peak <= workspaces + SLACK
    transposed = [f.T for f in factors]
    peak, _ = peak_of(kv.kron_vecmat, x, transposed)
    assert peak <= y.nbytes + workspaces + SLACK


def test_the_vec_trick_holds_one_intermediate():
    """The formed Kronecker product would take 100 GB."""
    a, b, c = random("float64", 300, 400), random("float64", 400 * 350), random("float64", 350, 300)
    peak, y = peak_of(kv.vec_trick, a, b, c)
    assert peak <= y.nbytes + 2 * 8 * 400 * 350 + SLACK


def test_the_triple_product_holds_the_intermediate_of_its_association():
    a, b, c = random("float64", 10, 1000), random("float64", 1000, 1000), random("float64", 1000, 9)
    peak, y = peak_of(kv.triple_product, a, b, c)
    assert peak <= y.nbytes + 2 * 8 * 1000 * 10 + SLACK


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_per_sample_norms_never_form_the_gradients(dtype):
    x, g = random(dtype, 2000, 300), random(dtype, 2000, 200)
    peak, y = peak_of(kv.per_sample_sqnorm, g, x)
    assert peak <= 3 * y.nbytes + SLACK  # the gradients would take 2000 * 300 * 200 entries


def test_summed_weight_gradients_never_form_those_of_the_samples():
    x, w, g = (
        random("float64", 500, 4, 60),
        random("float64", 60, 50),
        random("float64", 500, 4, 50),
    )
    per_sample = 500 * 60 * 50 * 8
    peak, (dx, dw) = peak_of(kv.matmul_vjp, g, x, w)
    assert peak <= dx.nbytes + dw.nbytes + x.nbytes + g.nbytes + SLACK < per_sample / 2


def test_transposed_views_are_not_copied():
    a = random("float64", 700, 700)
    for transposed in (a.T, a[::-1, ::-1].T):
        peak, y = peak_of(kv.kron_matvec, [transposed, np.eye(1)], random("float64", 700))
        assert peak <= y.nbytes + 2 * y.nbytes + SLACK


@pytest.mark.parametrize(("m", "n"), [(700, 700), (701, 703), (600, 800), (3, 200_000), (9000, 40)])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64", "complex128"])
def test_commutation_in_place_takes_memory_for_rows_and_columns(m, n, dtype):
    """A row of items and a cache line for each of the other axis; a copy would take m n items."""
    x = random(dtype, m * n)
    peak, _ = peak_of(kv.commutation_matmul, x, m, n, out=x)
    assert peak <= max(m, n) * x.itemsize + min(m, n) * 64 + 16 * 1024
    peak, _ = peak_of(kv.vec_reorder, x, (m, n), source="F", target="C", out=x)
    assert peak <= max(m, n) * x.itemsize + min(m, n) * 64 + 16 * 1024


def test_commutation_in_place_with_columns_behind():
    x = random("float64", 300 * 200, 5)
    peak, _ = peak_of(kv.commutation_matmul, x, 300, 200, out=x)
    assert peak <= 2 * (300 + 200) * 5 * 8 + 16 * 1024


# --------------------------------------------------------------------------------------
# Leaks


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "object"])
def test_no_call_leaks(operation, dtype):
    args = operation.build(dtype)
    arrays = leaves(args)

    def calls(count):
        for _ in range(count):
            operation(*args)
        gc.collect()

    calls(10)
    references = [sys.getrefcount(a) for a in arrays]
    dtype_references = sys.getrefcount(arrays[0].dtype)
    grown = []
    tracemalloc.start()
    try:
        while len(grown) < 100 and min(grown, default=10**6) > 50 * 8:
            before = tracemalloc.get_traced_memory()[0]
            calls(50)
            grown.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    # caches and free lists settle after some rounds; a leak grows every time
    assert min(grown) <= 50 * 8, grown
    assert [sys.getrefcount(a) for a in arrays] == references
    assert abs(sys.getrefcount(arrays[0].dtype) - dtype_references) < 50


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_no_failing_call_leaks(operation):
    args = (*operation.build("float64")[:-1], object())

    def fail(count):
        for _ in range(count):
            with pytest.raises(TypeError):
                operation(*args)
        gc.collect()

    fail(5)
    references = [sys.getrefcount(a) for a in leaves(args)]
    fail(50)
    assert [sys.getrefcount(a) for a in leaves(args)] == references
