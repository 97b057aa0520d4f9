"""Ctrl-C during products in our own kernels, and what other Python threads do meanwhile."""

import signal
import sys
import threading
import time

import numpy as np
import pytest

import kronvec as kv
from compiled_api import call
from helpers import SANITIZED, random
from interruptions import LEAST_SECONDS, run
from kronvec import _kernels

# One for each kind of loop; `python tests/interruptions.py` takes them all, minutes and gigabytes.
CASES = [("kron_matmul", 1), ("kron_matmul", 2), ("bkron", 1), ("triple_product, small", 1)]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself ^C")


@pytest.mark.parametrize(("name", "workers"), CASES, ids=lambda v: str(v).replace(" ", "_"))
def test_ctrl_c_ends_long_work_at_once(name, workers):
    """In seconds of the CPU, since other processes may have it meanwhile."""
    measured = run(name, workers)
    assert SANITIZED or measured["delay_cpu"] < 0.1 * workers < LEAST_SECONDS * workers / 2
    assert measured["left_bytes"] < 64 * 1024
    assert measured["idle_cpu"] < 0.1, "a worker runs on"
    assert measured["still"], "a worker still writes"
    assert measured["threads"] <= workers


def test_an_exception_of_a_handler_comes_through():
    class Alarm(Exception):
        pass

    def handler(number, frame):
        raise Alarm

    factors = [random("float64", 16, 16, seed=i) for i in range(3)]
    x = random("float64", 16**3, 64)
    before = signal.signal(signal.SIGALRM, handler)
    try:
        for workers in (1, 2):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(Alarm):
                while True:
                    kv.kron_matmul(factors, x, workers=workers)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_handler_that_returns_changes_nothing():
    """It may use kronvec itself, in the middle of a product."""
    small = random("float64", 4, 4), random("float64", 4, 4)
    came = []

    def handler(number, frame):
        came.append(kv.kron(*small))

    factors = [random("float64", 16, 16, seed=i) for i in range(3)]
    x = random("float64", 16**3, 200)
    expected = kv.kron_matmul(factors, x)
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        while len(came) < 5:
            for workers in (1, 2):
                assert np.array_equal(kv.kron_matmul(factors, x, workers=workers), expected)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert all(np.array_equal(each, kv.kron(*small)) for each in came)


def test_a_raised_flag_ends_the_work_of_threads_that_heed_it():
    flag = _kernels.StopFlag()
    factors = [random("float64", 16, 16, seed=i) for i in range(3)]
    x = random("float64", 16**3, 500)
    with flag:
        kv.kron_matmul(factors, x)
        flag.set()
        with pytest.raises(_kernels.Stopped):
            kv.kron_matmul(factors, x)
        with pytest.raises(_kernels.Stopped):  # the loop of a gufunc
            kv.triple_product(*[random("float64", 2000, 12, 12)] * 3)
    kv.kron_matmul(factors, x)


def test_other_threads_go_on_during_a_product():
    """The GIL is free: a loop in Python counts on while a kernel works in the main thread."""
    factors = [random("float64", 16, 16, seed=i) for i in range(3)]
    x, out = random("float64", 16**3, 400), np.empty((16**3, 400))
    counts, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counts[0] += 1

    inside, before = 0, time.perf_counter()
    thread = threading.Thread(target=count)
    thread.start()
    try:
        while time.perf_counter() - before < 1:
            start = counts[0]
            kv.kron_matmul(factors, x, out=out)
            inside += counts[0] - start
    finally:
        done.set()
        thread.join()
    assert inside > counts[0] / 2


def test_a_call_of_compiled_code_is_not_interrupted():
    """It returns a number: what the handler raised is for the next line of Python."""

    class Alarm(Exception):
        pass

    def handler(number, frame):
        raise Alarm

    a, b = np.ones((1, 3000), np.float32), np.ones((20, 500), np.float32)
    y = np.zeros((20, 3000 * 500), np.float32)
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        with pytest.raises(Alarm):
            while True:
                y[...] = 0
                call("kron", y.dtype, a, b, y)
                assert y.all()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
