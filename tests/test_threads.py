"""workers=: the same bits for every count, and no range twice or never, whatever threads do."""

import os
import threading

import numpy as np
import pytest

import kronvec as kv
from helpers import KERNEL_DTYPES, random
from kronvec._threads import run_ranges

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

    monkeypatch.setattr("kronvec._threads._pool", None)
    monkeypatch.setattr("kronvec._threads._pool_size", 0)
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
