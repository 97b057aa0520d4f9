"""workers= beside processes, pools and interpreters that end: programs with time-outs.

Each program ends by itself and prints "right", or it is killed and the test fails.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kronvec as kv

ROOT = str(Path(kv.__file__).parents[1])
SECONDS = 120  # for what takes one: machines are busy

PROLOGUE = """
import atexit, multiprocessing, os, signal, sys, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import numpy as np
import kronvec as kv
from kronvec._threads import run_ranges

rng = np.random.default_rng(0)
factors = [rng.standard_normal((8, 8)) for _ in range(4)]
x = rng.standard_normal((64, 8**4))

def work(workers=2):
    return kv.matmul_kron(x, factors, workers=workers)

def checksum(_):
    return work().sum()
"""


def run(program, **environment):
    path = os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", PROLOGUE + program],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def assert_right(program, **environment):
    done = run(program, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["right"], done.stdout + done.stderr


has_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.mark.parametrize(
    "method",
    ["spawn", pytest.param("fork", marks=has_fork), pytest.param("forkserver", marks=has_fork)],
)
def test_workers_in_processes_that_multiprocessing_starts(method, tmp_path):
    """The parent has a pool of threads already, which a fork does not copy."""
    file = tmp_path / "program.py"
    file.write_text(
        PROLOGUE
        + f"""
if __name__ == "__main__":
    expected = work().sum()
    context = multiprocessing.get_context({method!r})
    with context.Pool(2) as pool:
        assert pool.map(checksum, range(4)) == [expected] * 4
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(checksum, range(4))) == [expected] * 4
    assert work().sum() == expected
    print("right")
"""
    )
    path = os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore:.*fork:DeprecationWarning", str(file)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["right"]


@has_fork
def test_a_fork_while_other_threads_are_at_work():
    """Whatever lock they hold at that moment, the child does not wait for it."""
    assert_right("""
expected = work(1)
stop = threading.Event()
def busy():
    while not stop.is_set():
        work(2)
        run_ranges(lambda begin, end: None, 100, 3)
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(work(2), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
print("right")
""")


@has_fork
def test_a_fork_from_inside_a_task():
    """The child is on its own: it is not inside a task of the parent's any more."""
    assert_right("""
expected = work(1)
def task(begin, end):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(work(2), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
run_ranges(task, 4, 2)
print("right")
""")


def test_workers_in_a_pool_of_threads():
    """Callers on several threads share the pool; each gets its own result."""
    assert_right("""
expected = {w: work(w) for w in (1, 2, 3, 7)}
with ThreadPoolExecutor(6) as pool:
    for w, y in pool.map(lambda w: (w, work(w)), [1, 2, 3, 7] * 12):
        assert np.array_equal(y, expected[w])
print("right")
""")


def test_workers_from_inside_workers():
    assert_right("""
expected = work(1)
results = [None] * 6
def task(begin, end):
    for i in range(begin, end):
        results[i] = work(4)
run_ranges(task, 6, 3)
assert all(np.array_equal(y, expected) for y in results)
print("right")
""")


@pytest.mark.parametrize("used_before", [False, True])
def test_workers_while_the_interpreter_ends(used_before):
    assert_right(f"""
expected = work(1)
if {used_before}:
    work(2)
def last():
    assert np.array_equal(work(2), expected)
    print("right")
atexit.register(last)
""")


def test_a_thread_that_outlives_the_main_thread_uses_workers():
    assert_right("""
expected = work(1)
def later():
    threading.main_thread().join()
    assert np.array_equal(work(2), expected)
    print("right")
threading.Thread(target=later).start()
""")


def test_daemon_threads_at_work_do_not_keep_the_interpreter():
    assert_right("""
def forever():
    while True:
        work(2)
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.3)
print("right", flush=True)
""")


def test_no_more_threads_at_work_than_workers():
    """Those of kronvec: BLAS has its own, which kernels of ours do not ask."""
    assert_right("""
running, most, lock = 0, 0, threading.Lock()
def task(begin, end):
    global running, most
    with lock:
        running += 1
        most = max(most, running)
    time.sleep(0.01)
    with lock:
        running -= 1
for workers in (4, 2, 3):
    most = 0
    run_ranges(task, 64, workers)
    assert most <= workers
assert sum(t.name.startswith("kronvec") for t in threading.enumerate()) <= 4
print("right")
""")


def test_ctrl_c_while_many_short_calls_share_their_work():
    """Wherever it comes, in whatever lock: nothing hangs, and the next calls are right."""
    assert_right("""
expected = work(1)
came = 0
def count(number, frame):
    global came
    came += 1
    raise KeyboardInterrupt
if not hasattr(signal, "setitimer"):
    print("right")
    sys.exit()
signal.signal(signal.SIGALRM, count)
begin = time.monotonic()
while came < 200 and time.monotonic() - begin < 30:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.00005 * (came % 40))
        while True:
            work(2)
    except KeyboardInterrupt:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
assert np.array_equal(work(2), expected)
print("right")
""")
