"""What a product leaves to other threads: ``python benchmarks/threads.py``.

Two figures of docs/threads.md:

- the pace of a loop in pure Python in another thread while a kernel works, as a ratio to its pace
  while the main thread computes a checksum, which frees the GIL for all of its time: in turns, so
  that both meet the same machine;
- how many threads of the process want a CPU at once under ``workers=``, sampled from the kernel's
  table of tasks (Linux), with BLAS as it comes.
"""

import contextlib
import hashlib
import os
import statistics
import threading
import time
from pathlib import Path

import numpy as np

import kronvec as kv

TURNS = 15


def rng(*shape):
    """Normal numbers."""
    return np.random.default_rng(0).standard_normal(shape)


# ---- the pace of another thread ------------------------------------------------------------


def paces(product, control):
    """Counts a second of a loop during each, in turns."""
    counts, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counts[0] += 1

    def pace(work):
        start, begin = counts[0], time.perf_counter()
        while time.perf_counter() - begin < 0.25:
            work()
        return (counts[0] - start) / (time.perf_counter() - begin)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        pairs = [(pace(product), pace(control)) for _ in range(TURNS)]
    finally:
        done.set()
        thread.join()
    return pairs


def products():
    """Calls of some 30 ms each."""
    factors, x = [rng(16, 16)] * 3, rng(16**3, 400)
    out = np.empty_like(x)
    a, b = rng(80, 80), rng(60, 60)
    formed = np.empty((4800, 4800))
    v, w = rng(2000 * 2000), np.empty(2000 * 2000)
    many, sums = rng(30000, 8, 8), [rng(16, 16)] * 3
    return {
        "kron_matmul": lambda: kv.kron_matmul(factors, x, out=out),
        "kron_matmul, Python path": lambda: kv.kron_matmul(factors, x, out=out, beta=0.5),
        "kronsum_matmul": lambda: kv.kronsum_matmul(sums, x, out=out),
        "kron": lambda: kv.kron(a, b, out=formed),
        "commutation_matmul": lambda: kv.commutation_matmul(v, 2000, 2000, out=w),
        "triple_product": lambda: kv.triple_product(many, many, many),
    }


# ---- threads at once -----------------------------------------------------------------------


def runnable():
    """How many threads of this process run or wait for a CPU."""
    count = 0
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            count += task.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "R"
    return count


def threads_at_once(product, seconds=3.0):
    """The mean and the most, the sampling thread not counted."""
    seen, done = [], threading.Event()

    def sample():
        while not done.wait(0.002):
            seen.append(runnable() - 1)

    thread = threading.Thread(target=sample)
    begin = time.perf_counter()
    thread.start()
    while time.perf_counter() - begin < seconds:
        product()
    done.set()
    thread.join()
    return statistics.mean(seen), max(seen)


def shared_products():
    """Calls that take ``workers``."""
    small, x = [rng(16, 16)] * 3, rng(16**3, 400)
    large, z = [rng(300, 300)] * 2, rng(300**2, 20)
    batch, u = [rng(4, 300, 300)] * 2, rng(4, 300**2, 4)
    return {
        "kron_matmul by kernels": lambda w: kv.kron_matmul(small, x, workers=w),
        "kron_matmul by BLAS": lambda w: kv.kron_matmul(large, z, workers=w),
        "a batch, by BLAS": lambda w: kv.kron_matmul(batch, u, workers=w),
    }


def main():
    """Print both tables."""
    data = os.urandom(1 << 23)
    print(f"{'another thread counts':28}{'pace':>8}")
    for name, product in products().items():
        product()
        ratios = [p / c for p, c in paces(product, lambda: hashlib.sha256(data))]
        print(f"{name:28}{statistics.median(ratios):8.0%}", flush=True)
    if not Path("/proc/self/task").exists():
        return
    print(f"\n{os.cpu_count()} CPUs; threads that want one{'workers':>12}{'mean':>8}{'most':>8}")
    for name, product in shared_products().items():
        for workers in (1, 2):
            mean, most = threads_at_once(lambda p=product, w=workers: p(w))
            print(f"{name:34}{workers:12}{mean:8.1f}{most:8}", flush=True)


if __name__ == "__main__":
    main()
