"""The worker threads behind ``workers=``: made on first use, made again after a fork."""

from __future__ import annotations

import operator
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_inside = threading.local()


def _forget() -> None:
    """In a forked child the threads of the pool do not exist."""
    global _lock, _pool, _pool_size
    _lock, _pool, _pool_size = threading.Lock(), None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def check_workers(function: str, workers) -> int:
    """``workers`` as a count: None is 1, negative counts from the number of CPUs, as in scipy.fft."""
    if workers is None:
        return 1
    try:
        count = operator.index(workers)
    except TypeError:
        raise TypeError(
            f"{function}: workers must be an integer or None, got {type(workers).__name__}"
        ) from None
    cpus = os.cpu_count() or 1
    if count == 0 or count < -cpus:
        raise ValueError(f"{function}: workers must be positive, or -1 for all CPUs; got {count}")
    return count if count > 0 else cpus + 1 + count


def run_ranges(task, size: int, workers: int, *, grain: int = 1) -> None:
    """``task(begin, end)`` over [0, size) in ``workers`` ranges, their borders on multiples of grain.

    A call from inside a task, or after the interpreter began to shut down, runs serially.
    """
    pieces = min(workers, -(-size // grain))
    if pieces <= 1 or getattr(_inside, "task", False):
        task(0, size)
        return
    step = -(-size // pieces // grain) * grain
    ranges = [(begin, min(begin + step, size)) for begin in range(0, size, step)]
    try:
        futures = [_executor(workers).submit(_run, task, *pair) for pair in ranges[1:]]
    except RuntimeError:  # shutting down
        task(0, size)
        return
    try:
        task(*ranges[0])
    finally:
        errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error


def _run(task, begin, end):
    _inside.task = True
    task(begin, end)


def _executor(workers: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # 4 ms that most programs need not pay

    global _pool, _pool_size
    with _lock:
        if _pool is None or _pool_size < workers:
            if _pool is not None:
                _pool.shutdown(wait=False)
            _pool, _pool_size = ThreadPoolExecutor(workers, "kronvec"), workers
        return _pool
