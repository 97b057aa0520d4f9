"""workers=: the same bits for every count, and no range twice or never, whatever threads do."""

import os
import threading
import time

import numpy as np
import pytest

import kronvec as kv
from helpers import KERNEL_DTYPES, random
from kronvec import _threads
from kronvec._threads import check_workers, run_ranges

# Small ones, which need no plan, and ones of one and of two passes
CHAINS = [[2] * 3, [2] * 12, [8] * 4, [16] * 4, [3, 5, 7, 20]]


@pytest.mark.parametrize("sizes", CHAINS, ids=str)
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_workers_change_no_bit(sizes, dtype):
    factors = [random(dtype, p, p, seed=i) for i, p in enumerate(sizes)]
    x = random(dtype, 3, int(np.prod(sizes)))
    alone = kv.matmul_kron(x, factors)
    for workers in (1, 2, 3, -1):
        assert np.array_equal(kv.matmul_kron(x, factors, workers=workers), alone)


def test_every_range_runs_once():
    counts = np.zeros(1000, int)

    def task(begin, end):
        counts[begin:end] += 1

    for workers in (1, 2, 7, 10**4):
        counts[:] = 0
        run_ranges(task, counts.size, workers, grain=3)
        assert (counts == 1).all()


def test_threads_that_cannot_start_lose_nothing(monkeypatch):
    start, started = threading.Thread.start, []

    def refuse_the_second(self):
        started.append(self)
        if len(started) > 1:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr("kronvec._threads._pool", [])
    factors = [random("float64", 8, 8, seed=i) for i in range(4)]
    x = random("float64", 64, 8**4)
    expected = kv.matmul_kron(x, factors)
    monkeypatch.setattr(threading.Thread, "start", refuse_the_second)
    assert np.array_equal(kv.matmul_kron(x, factors, workers=4), expected)
    assert len(started) > 1


def test_the_error_of_a_task_reaches_the_caller():
    def task(begin, end):
        if begin:
            raise ZeroDivisionError(begin)

    with pytest.raises(ZeroDivisionError):
        run_ranges(task, 100, 4)


def test_nested_calls_run_serially():
    threads = set()

    def inner(begin, end):
        threads.add(threading.get_ident())

    def outer(begin, end):
        threads.clear()
        run_ranges(inner, 10, 4)
        assert threads == {threading.get_ident()}

    lock = threading.Lock()

    def guarded(begin, end):
        with lock:
            outer(begin, end)

    run_ranges(guarded, 8, 4)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_makes_its_own_threads():
    factors = [random("float64", 8, 8, seed=i) for i in range(4)]
    x = random("float64", 16, 8**4)
    expected = kv.matmul_kron(x, factors, workers=2)
    child = os.fork()
    if child == 0:
        same = np.array_equal(kv.matmul_kron(x, factors, workers=2), expected)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_an_error_stops_the_other_ranges():
    """None of those that have not begun does, and kernels at work end."""
    begun = []

    def task(begin, end):
        begun.append(begin)
        if len(begun) == 1:
            raise ZeroDivisionError
        time.sleep(0.2)

    with pytest.raises(ZeroDivisionError):
        run_ranges(task, 8, 8)
    assert len(begun) < 8


def test_many_callers_share_the_pool_and_the_arrays():
    """The same factors and x, read by all; each call has its own result."""
    factors = [random("float64", 8, 8, seed=i) for i in range(4)]
    x = random("float64", 8, 8**4)
    a, b = random("float64", 40, 40), random("float64", 40, 40)
    expected = kv.matmul_kron(x, factors), kv.kron(a, b), kv.triple_product(a, b, a)
    wrong = []

    def call(i):
        for workers in (1, 2, 3) * 5:
            got = (
                kv.matmul_kron(x, factors, workers=workers),
                kv.kron(a, b),
                kv.triple_product(a, b, a),
            )
            if not all(map(np.array_equal, got, expected)):
                wrong.append((i, workers))
            with kv.patch_numpy():
                np.kron(a[:2], b[:2])

    original = np.kron
    threads = [threading.Thread(target=call, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert np.kron is original


def test_plans_are_made_and_dropped_by_many_threads():
    """More sizes than are kept: threads meet while the cache is filled and emptied."""
    wrong = []

    def call(seed):
        rng = np.random.default_rng(seed)
        for _ in range(300):
            sizes, columns = rng.integers(2, 7, 4), int(rng.integers(1, 40))
            factors = [random("float64", n, n, seed=i) for i, n in enumerate(sizes)]
            x = random("float64", int(np.prod(sizes)), columns)
            got = kv.kron_matmul(factors, x)
            y = x.reshape(*sizes, columns)
            for axis, f in enumerate(factors):
                y = np.moveaxis(np.tensordot(f, y, (1, axis)), 0, axis)
            if not np.allclose(got, y.reshape(x.shape)):
                wrong.append(sizes)

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_workers_are_integers():
    with pytest.raises(
        TypeError, match="^kron_matmul: workers must be an integer or None, got str"
    ):
        kv.kron_matmul([np.eye(2)], np.ones((2, 2)), workers="2")
    assert check_workers("f", None) == 1
    assert check_workers("f", -1) == os.cpu_count()


def test_threads_that_a_fork_has_left_behind_are_made_anew(monkeypatch):
    """What a child does, in this process; the threads of the pool wait on."""
    for name in ("_lock", "_pool", "_jobs", "_inside"):
        monkeypatch.setattr(_threads, name, getattr(_threads, name))
    run_ranges(lambda begin, end: None, 8, 2)
    before = list(_threads._pool)
    _threads._forget()
    assert _threads._pool == []
    done = []
    run_ranges(lambda begin, end: done.append((begin, end)), 8, 2)
    assert sorted(done) == [(0, 4), (4, 8)]
    assert not set(before) & set(_threads._pool)


def test_an_error_in_a_helping_thread_reaches_the_caller():
    both = threading.Barrier(2, timeout=60)

    def task(begin, end):
        both.wait()  # so that two threads have a range each
        if threading.current_thread().name == "kronvec":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_ranges(task, 2, 2)
