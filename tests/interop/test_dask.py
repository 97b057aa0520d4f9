"""Kronecker products over Dask: chunked along any axis, on one process and on several."""

import importlib
import os
import signal
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose

import kronvec as kv
from helpers import random
from kronvec.operators import Diagonal, Identity, KroneckerProduct

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
pytest.importorskip("array_api_compat")
da = importlib.import_module("dask.array")
kd = importlib.import_module("kronvec.interop.dask")
benchmark = importlib.import_module("kronvec.interop.dask_benchmark")
dask_grid = importlib.import_module("kronvec.interop._dask_grid")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _threads():
    with dask.config.set(scheduler="synchronous"):
        yield


SHAPES = {
    "square": [(4, 4), (3, 3), (5, 5)],
    "tall": [(5, 2), (3, 3), (4, 2)],
    "wide": [(2, 6), (1, 4), (3, 5)],
    "one": [(7, 12)],
    "many": [(2, 2)] * 6,
    "empty": [(2, 3), (0, 2)],
}
every_shape = pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)


def factors_of(shapes, dtype="float64"):
    return [random(dtype, *shape, seed=i) for i, shape in enumerate(shapes)]


def definite(n, seed=0):
    a = random("float64", n, n, seed=seed)
    return a @ a.T + n * np.eye(n)


# --------------------------------------------------------------------------------------
# Many factors


@every_shape
@pytest.mark.parametrize("chunk", [1, 2, 5, 7, 10**6])
@pytest.mark.parametrize("columns", [None, 3])
def test_a_product_is_numpys_however_the_vector_is_chunked(shapes, chunk, columns):
    factors = factors_of(shapes)
    n = int(np.prod([p for _, p in shapes]))
    x = random("float64", n, *([] if columns is None else [columns]))
    chunked = da.from_array(x, chunks=(chunk, 2)[: x.ndim])
    got = kd.kron_matmul(factors, chunked, alpha=2)
    expected = kv.kron_matmul(factors, x, alpha=2)
    assert got.shape == expected.shape and got.dtype == expected.dtype
    assert_allclose(got.compute(), expected, rtol=1e-11, atol=1e-11)
    left = kd.matmul_kron(chunked.T, [f.T for f in factors], alpha=2)
    assert_allclose(left.compute(), expected.T, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "complex128", "int64"])
def test_vectors_and_batches_of_every_dtype(dtype):
    factors = factors_of([(3, 4), (2, 5)], dtype)
    x = random(dtype, 6, 20)
    for chunks in [(2, 20), (6, 5), (3, 10)]:
        chunked = da.from_array(x, chunks=chunks)
        got = kd.kron_matvec(factors, chunked)
        assert got.dtype == np.dtype(dtype)
        assert_allclose(got.compute(), kv.kron_matvec(factors, x), rtol=1e-5)
        back = kd.kron_vecmat(chunked, [f.T.copy() for f in factors])
        assert_allclose(back.compute(), kv.kron_matvec(factors, x), rtol=1e-5)


def test_factors_may_be_dask_arrays_identities_or_none():
    a, b, x = random("float64", 3, 4), random("float64", 2, 2), random("float64", 4 * 3 * 2)
    chunked = da.from_array(x, chunks=6)
    expected = kv.kron_matvec([a, Identity(3), b], x)
    for middle in (Identity(3), None):
        factors = [da.from_array(a, chunks=2), middle, b]
        assert_allclose(kd.kron_matvec(factors, chunked).compute(), expected, rtol=1e-12)


def exchanges(array):
    """How many layers of the graph regroup chunks."""
    return sum(key.startswith("rechunk-merge") for key in array.__dask_graph__().layers)


def test_the_chunks_are_regrouped_once_whatever_the_number_of_factors():
    for count in (2, 4, 8):
        factors = factors_of([(2, 2)] * count)
        x = da.from_array(random("float64", 2**count), chunks=2 ** (count - 1))
        assert exchanges(kd.kron_matvec(factors, x)) == 1


def test_leading_identities_and_chunked_columns_need_no_exchange():
    factors = [Identity(4), random("float64", 3, 3)]
    x = da.from_array(random("float64", 12, 4), chunks=(3, 4))
    assert exchanges(kd.kron_matmul(factors, x)) == 0
    factors[0] = random("float64", 4, 4)
    x = da.from_array(random("float64", 12, 4), chunks=(12, 1))
    assert exchanges(kd.kron_matmul(factors, x)) == 0


def test_a_second_product_takes_the_chunks_as_the_first_leaves_them():
    factors = factors_of([(4, 4), (6, 6)])
    x = random("float64", 24)
    once = kd.kron_matvec(factors, da.from_array(x, chunks=6))
    twice = kd.kron_matvec(factors, once)
    assert exchanges(once) == 1
    assert twice.chunks == ((6, 6, 6, 6),)
    expected = kv.kron_matvec(factors, kv.kron_matvec(factors, x))
    assert_allclose(twice.compute(), expected, rtol=1e-11)


def test_many_pieces_are_moved_back_to_whole_chunks(monkeypatch):
    monkeypatch.setattr(dask_grid, "_MOST_PIECES", 10)
    factors, x = factors_of([(6, 6), (4, 4)]), random("float64", 24)
    y = kd.kron_matvec(factors, da.from_array(x, chunks=8))
    assert y.chunks == ((8, 8, 8),)
    assert_allclose(y.compute(), kv.kron_matvec(factors, x), rtol=1e-11)


@pytest.mark.parametrize("columns", [None, 2])
def test_grids_are_chunked_the_other_way_by_every_product(columns):
    factors = factors_of([(4, 3), (2, 2), (3, 5)])
    x = random("float64", 3, 10, *([] if columns is None else [columns]))
    flat = x.reshape(30, *x.shape[2:])
    expected = kv.kron_matmul(factors, flat)
    for chunks, numblocks in [((1, 10), (1, 3)), ((3, 5), (2, 1))]:
        grid = da.from_array(x, chunks=(*chunks, 1)[: x.ndim])
        y = kd.grid_matmul(factors, grid)
        assert y.shape == (4, 6, *x.shape[2:]) and y.numblocks[:2] == numblocks
        assert exchanges(y) == 1
        assert_allclose(y.compute().reshape(expected.shape), expected, rtol=1e-11)
    with pytest.raises(ValueError, match="grid_matmul"):
        kd.grid_matmul(factors, da.ones((5, 6), chunks=(1, 6)))
    with pytest.raises(ValueError, match="one chunk"):
        kd.grid_matmul(factors, da.ones((3, 10), chunks=(1, 5)))


def test_shapes_that_do_not_fit_are_refused_before_anything_runs():
    x = da.ones(7, chunks=2)
    with pytest.raises(ValueError, match="kron_matvec: x must have"):
        kd.kron_matvec([np.eye(2), np.eye(3)], x)
    with pytest.raises(ValueError, match="at least one factor"):
        kd.kron_matmul([], x)
    with pytest.raises(TypeError, match="sequence of matrices"):
        kd.kron_matmul(np.eye(7), x)


# --------------------------------------------------------------------------------------
# Batches and gradients


@pytest.mark.parametrize("chunked_core", [False, True])
def test_batches_go_chunk_by_chunk(chunked_core):
    a, b, c = (random("float64", 6, *s) for s in ((2, 3), (3, 4), (4, 5)))

    def chunk(x):
        return da.from_array(x, chunks=(2, *((1,) * (x.ndim - 1) if chunked_core else x.shape[1:])))

    calls = [
        ("triple_product", (a, b, c)),
        ("vec_trick", (a, b.reshape(6, 12), c)),
        ("bkron", (a, c)),
        ("matmul_jvp", (a, b, 2 * a, b)),
        ("matmul_vjp", (a @ b, a, b)),
    ]
    for name, args in calls:
        got = getattr(kv, name)(*map(chunk, args))
        for mine, plain in zip(
            *(r if isinstance(r, tuple) else (r,) for r in (got, getattr(kv, name)(*args))),
            strict=True,
        ):
            assert isinstance(mine, da.Array)
            assert_allclose(mine.compute(), plain, rtol=1e-12)


@pytest.mark.parametrize("split_every", [2, 3, 8])
@pytest.mark.parametrize("conjugate", [True, False])
def test_gradients_of_a_shared_parameter_are_summed_in_a_tree(split_every, conjugate):
    g, x, w = (random("complex128", *s, seed=i) for i, s in enumerate([(40, 2), (40, 3), (3, 2)]))
    chunked = [da.from_array(a, chunks=(3, -1)) for a in (g, x)]
    got = kd.matmul_vjp(*chunked, w, split_every=split_every, conjugate=conjugate)
    for mine, plain in zip(got, kv.matmul_vjp(g, x, w, conjugate=conjugate), strict=True):
        assert_allclose(mine.compute(), plain, rtol=1e-11)
    graph = dict(got[1].__dask_graph__())
    sums = [key for key in graph if str(key).startswith("_added")]
    assert (
        len(sums) >= 14 / split_every
        and max(len(graph[key].dependencies) for key in sums if hasattr(graph[key], "dependencies"))
        <= split_every
    )


def test_gradients_over_batch_axes():
    g, x, w = random("float64", 4, 6, 2), random("float64", 4, 6, 3), random("float64", 3, 2)
    chunked = [da.from_array(a, chunks=(2, 3, 1)) for a in (g, x)]
    for sum_batch in (None, True, False):
        got = kd.matmul_vjp(*chunked, w, sum_batch=sum_batch)
        expected = kv.matmul_vjp(g, x, w, sum_batch=sum_batch)
        for mine, plain in zip(got, expected, strict=True):
            assert_allclose(mine.compute(), plain, rtol=1e-11)


# --------------------------------------------------------------------------------------
# Systems


@pytest.mark.parametrize("columns", [None, 2])
@pytest.mark.parametrize("chunk", [5, 15, 60])
def test_systems_are_solved(columns, chunk):
    factors = [definite(n, seed=n) for n in (4, 3, 5)]
    K = KroneckerProduct(*factors)
    b = random("float64", 60, *([] if columns is None else [columns]))
    chunked = da.from_array(b, chunks=(chunk, 1)[: b.ndim])
    d = np.abs(random("float64", 60, seed=3))
    for shifted, shift in [
        (K, 0),
        (K + 0.7 * Identity(60), 0),
        (2 * K + 0.7 * Identity(60), 0),
        (K, 0.7),
        (K + Diagonal(d), 0),
        (K, da.from_array(d, chunks=7)),
    ]:
        x = kd.solve(shifted, chunked, shift=shift, tol=1e-13)
        assert x.shape == b.shape
        dense = shifted.toarray()
        dense = dense + (np.diag(d) if getattr(shift, "ndim", 0) else shift * np.eye(60))
        assert_allclose(dense @ x.compute(), b, rtol=1e-8, atol=1e-8)


def test_a_shifted_solution_lies_as_its_right_hand_side():
    K = KroneckerProduct(definite(4), definite(6))
    assert kd.solve(K, da.ones(24, chunks=6), shift=1).chunks == ((6, 6, 6, 6),)


def test_singular_systems_raise():
    b = da.ones(6, chunks=3)
    singular = KroneckerProduct(np.zeros((2, 2)), np.eye(3))
    with pytest.raises(np.linalg.LinAlgError):
        kd.solve(singular, b).compute()
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        kd.solve(KroneckerProduct(np.diag([1.0, 2.0]), np.eye(3)), b, shift=-2.0)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        kd.cg(lambda v: -v, b)
    with pytest.raises(np.linalg.LinAlgError, match="no convergence"):
        kd.cg(lambda v: v * da.arange(1, 7, chunks=3), b, maxiter=2)
    with pytest.raises(ValueError, match="Hermitian"):
        kd.solve(KroneckerProduct(np.triu(np.ones((2, 2))), np.eye(3)), b, shift=1)
    with pytest.raises(ValueError, match="square"):
        kd.solve(KroneckerProduct(np.ones((2, 3)), np.ones((3, 2))), b)
    with pytest.raises(TypeError, match="KroneckerProduct"):
        kd.solve(Identity(6), b)


def test_conjugate_gradients_take_any_operator():
    factors = [definite(3), definite(4)]
    b = da.from_array(random("float64", 12), chunks=4)
    dense = np.kron(*factors) + np.eye(12)
    x = kd.cg(lambda v: kd.kron_matvec(factors, v).rechunk(4) + v, b, tol=1e-12)
    assert_allclose(dense @ x.compute(), b.compute(), rtol=1e-9)
    zero = kd.cg(lambda v: v, da.zeros(12, chunks=4))
    assert not zero.compute().any()


# --------------------------------------------------------------------------------------
# Several processes


def cluster_of(workers, memory_limit):
    """A cluster of processes, one thread each, whose workers leave the data where it is."""
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        memory_limit=memory_limit,
        worker_dashboard_address=None,
    )


@pytest.fixture
def client(request):
    workers, memory = getattr(request, "param", (2, "2GB"))
    config = {"distributed.scheduler.work-stealing": False, "scheduler": None}
    with (
        dask.config.set(config),
        cluster_of(workers, memory) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_the_data_crosses_the_network_once(client):
    """Bytes moved are N itemsize (W - 1) / W, as the model says, whatever the factors' number."""
    n = 2**20
    for count in (4, 5, 10):
        size = round(n ** (1 / count))
        factors = factors_of([(size, size)] * count)
        x = da.random.default_rng(0).standard_normal(n, chunks=n // 8)
        x = benchmark.spread(client, x)
        before = benchmark.bytes_sent(client)
        y = kd.kron_matvec(factors, x).persist()
        distributed.wait(y)
        moved = benchmark.bytes_sent(client) - before
        expected, _ = benchmark.model([size] * count, 8, 2)
        assert abs(moved / expected - 1) < 0.1, f"{count} factors: {moved} bytes"
        assert_allclose(y.compute(), kv.kron_matvec(factors, x.compute()), rtol=1e-9, atol=1e-6)


def slowly(block):
    time.sleep(0.3)
    return block


def test_the_result_is_right_after_a_worker_died_in_the_middle(client):
    factors = factors_of([(16, 16), (8, 8), (8, 8)])
    x = np.arange(1024.0)
    slow = da.from_array(x, chunks=64).map_blocks(slowly)
    y = kd.kron_matvec(factors, slow).map_blocks(lambda block: block).persist()
    time.sleep(1.5)
    assert not all(future.done() for future in distributed.futures_of(y))
    victim = next(iter(client.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)
    assert_allclose(y.compute(), kv.kron_matvec(factors, x), rtol=1e-9)


@pytest.mark.parametrize("client", [(2, "320MB")], indirect=True)
def test_data_larger_than_the_memory_of_a_worker_spills_and_completes(client):
    """480 MB on two workers of 320 MB, of which Python and its modules take half."""
    lead, tail = 24, 2_500_000
    factors = [np.full((lead, lead), 1 / lead), Identity(2500), np.eye(1000)[::-1]]
    x = da.ones((lead, tail), chunks=(1, tail))
    total = client.compute(kd.grid_matmul(factors, x).sum())
    assert total.result(timeout=120) == pytest.approx(lead * tail, rel=1e-9)
    written = client.run(lambda dask_worker: dask_worker.data.cumulative_metrics)
    assert sum(each.get(("disk-write", "bytes"), 0) for each in written.values()) > 0
