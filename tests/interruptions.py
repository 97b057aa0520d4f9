"""Ctrl-C during long products: INTERRUPTIBLE lists them, and a run of this file measures one.

``python tests/interruptions.py NAME WORKERS`` makes the work of that name long enough, does it over
and over, sends SIGINT to itself when a fifth of the time for one is over, and prints as JSON how
long it took until KeyboardInterrupt came, and what was left.  Without a name it does so for all,
one after another, and prints a table: the figures of the docs.
"""

import functools
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc

import numpy as np

import kronvec as kv
from kronvec import _kernels, _plan

LEAST_SECONDS = 0.25  # that the work takes when nobody interrupts it
# A size that is not left to numpy.matmul
SIZE = min(64, _plan.MATMUL_SIZE.get(_kernels.vector_bytes(), 12) - 1)


def ones(*shape, dtype="float64"):
    return np.ones(shape, dtype)


def many(count, *shape, dtype="float64"):
    """The same for a batch, in the memory of one."""
    return np.broadcast_to(ones(*shape, dtype=dtype), (count, *shape))


# For a size n, which is doubled until the work is long: the function, its arguments, and `out`.
INTERRUPTIBLE = {
    "kron_matmul": lambda n: (
        kv.kron_matmul,
        ([ones(SIZE, SIZE)] * 2, ones(SIZE**2, 64 * n)),
        ones(SIZE**2, 64 * n),
    ),
    "matmul_kron": lambda n: (
        kv.matmul_kron,
        (ones(64 * n, 8**4), [ones(8, 8)] * 4),
        ones(64 * n, 8**4),
    ),
    "kron_matmul, a batch": lambda n: (
        kv.kron_matmul,
        ([ones(n, 16, 16)] * 2, ones(n, 16**2, 64)),
        ones(n, 16**2, 64),
    ),
    "kron_matvec, one long factor": lambda n: (
        kv.kron_matvec,
        ([ones(3, 20000 * n)], ones(8, 20000 * n)),
        ones(8, 3),
    ),
    "kronsum_matmul": lambda n: (
        kv.kronsum_matmul,
        ([ones(SIZE, SIZE)] * 2, ones(SIZE**2, 64 * n)),
        ones(SIZE**2, 64 * n),
    ),
    "kron": lambda n: (kv.kron, (ones(n, 200), ones(200, 200)), ones(200 * n, 200 * 200)),
    "kron, strided result": lambda n: (
        kv.kron,
        (ones(n, 100), ones(100, 100)),
        ones(100 * n, 2 * 100 * 100)[:, ::2],
    ),
    "bkron": lambda n: (kv.bkron, [many(1000 * n, 4, 4)] * 2, ones(1000 * n, 16, 16)),
    "khatri_rao": lambda n: (
        kv.khatri_rao,
        (ones(1000, 50), ones(10 * n, 50)),
        ones(1000 * 10 * n, 50),
    ),
    "face_splitting": lambda n: (kv.face_splitting, [ones(1000 * n, 20)] * 2, ones(1000 * n, 400)),
    "khatri_rao_matvec": lambda n: (
        kv.khatri_rao_matvec,
        ([ones(2000, 30), ones(100 * n, 30)], ones(30)),
        ones(2000 * 100 * n),
    ),
    "mttkrp": lambda n: (
        kv.mttkrp,
        (ones(100, 100, 50 * n), [None, ones(100, 8), ones(50 * n, 8)], 0),
        ones(100, 8),
    ),
    "triple_product": lambda n: (
        kv.triple_product,
        [many(1000 * n, 40, 40)] * 3,
        ones(1000 * n, 40, 40),
    ),
    "triple_product, small": lambda n: (
        kv.triple_product,
        [many(10000 * n, 8, 8, dtype="complex128")] * 3,
        ones(10000 * n, 8, 8, dtype="complex128"),
    ),
    "vec_trick": lambda n: (
        kv.vec_trick,
        (ones(40, 40), many(1000 * n, 1600), ones(40, 40)),
        ones(1000 * n, 1600),
    ),
    "matmul_vjp": lambda n: (kv.matmul_vjp, [many(1000 * n, 40, 40)] * 3, None),
    "matmul_jvp": lambda n: (
        kv.matmul_jvp,
        [many(1000 * n, 40, 40)] * 4,
        ones(1000 * n, 40, 40),
    ),
    "per_sample_sqnorm": lambda n: (kv.per_sample_sqnorm, [ones(1000 * n, 300)] * 2, None),
    "commutation_matmul": lambda n: (
        kv.commutation_matmul,
        (ones(1000 * 300 * n), 1000, 300 * n),
        ones(1000 * 300 * n),
    ),
    "commutation_matmul, strided": lambda n: (
        kv.commutation_matmul,
        (ones(1000 * 100 * n, 2), 1000, 100 * n),
        ones(1000 * 100 * n, 4)[:, ::2],
    ),
    "commutation_matmul in place": lambda n: (
        kv.commutation_matmul,
        (x := ones(1000 * 50 * n), 1000, 50 * n),
        x,
    ),
    "commutation_matmul in place, square": lambda n: (
        kv.commutation_matmul,
        (x := ones((512 * n) ** 2), 512 * n, 512 * n),
        x,
    ),
}
WITH_WORKERS = ["kron_matmul", "matmul_kron", "kron_matmul, a batch", "kronsum_matmul", "kron"]


def long_work(name, **kwargs):
    """The work of this name at a size at which it takes a while, its result, and the seconds."""
    n = 2
    while True:
        function, args, out = INTERRUPTIBLE[name](n)
        work = functools.partial(function, *args, **({} if out is None else {"out": out}), **kwargs)
        begin, cpu = time.perf_counter(), time.process_time()
        work()
        if time.process_time() - cpu > LEAST_SECONDS * kwargs.get("workers", 1):
            return work, out, time.perf_counter() - begin
        n *= 2


def interrupt(name, workers):
    """Measure one; what is left is counted after KeyboardInterrupt."""
    kwargs = {"workers": workers} if workers > 1 else {}
    work, out, seconds = long_work(name, **kwargs)
    sent = []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it for jobs behind

    def send():
        time.sleep(seconds / 5)
        sent.extend((time.perf_counter(), time.process_time()))
        os.kill(os.getpid(), signal.SIGINT)

    gc.collect()
    tracemalloc.start()
    sender = threading.Thread(target=send)
    sender.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        while True:  # a second time where the first, by luck, ends before the signal
            work()
    except KeyboardInterrupt:
        pass
    now, cpu = time.perf_counter(), time.process_time()
    sender.join()
    gc.collect()
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    state = None if out is None else out.ravel()[:: max(1, out.size // 10**6)].copy()
    idle = time.process_time()
    time.sleep(0.2)
    idle = time.process_time() - idle
    still = out is None or np.array_equal(state, out.ravel()[:: max(1, out.size // 10**6)])
    threads = threading.active_count()
    work()  # all goes on as before
    return {
        "seconds": seconds,
        "delay": now - sent[0],
        "delay_cpu": cpu - sent[1],
        "left_bytes": left,
        "idle_cpu": idle,
        "still": bool(still),
        "threads": threads,
    }


def run(name, workers=1, timeout=300):
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, name, str(workers)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def main(arguments):
    if arguments:
        print(json.dumps(interrupt(arguments[0], int(arguments[1]))))
        return
    print(f"{'work':40}{'workers':>8}{'seconds':>9}{'delay':>9}{'cpu':>9}{'left bytes':>12}")
    for name in INTERRUPTIBLE:
        for workers in (1, 2) if name in WITH_WORKERS else (1,):
            m = run(name, workers)
            print(
                f"{name:40}{workers:8}{m['seconds']:9.2f}{m['delay']:9.3f}{m['delay_cpu']:9.3f}"
                f"{m['left_bytes']:12}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
