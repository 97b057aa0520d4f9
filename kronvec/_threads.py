"""The worker threads behind ``workers=``: made on first use, made again after a fork."""

from __future__ import annotations

import operator
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from typing import Any


_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_inside = threading.local()
# More threads than this for each CPU only wait for one another.
_MOST_PIECES = 4 * (os.cpu_count() or 1)


def _forget() -> None:
    """In a forked child the threads of the pool do not exist."""
    global _lock, _pool, _pool_size
    _lock, _pool, _pool_size = threading.Lock(), None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def check_workers(function: str, workers: int | None) -> int:
    """``workers`` as a count: None is 1, -1 all CPUs, -2 all but one, as in scipy.fft."""
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


def run_ranges(task: Callable[..., Any], size: int, workers: int, *, grain: int = 1) -> None:
    """``task(begin, end)`` over [0, size) in ``workers`` ranges, borders on multiples of grain.

    A call from inside a task, or after the interpreter began to shut down, runs serially.
    """
    pieces = min(workers, _MOST_PIECES, -(-size // grain))
    if pieces <= 1 or getattr(_inside, "task", False):
        task(0, size)
        return
    step = -(-size // pieces // grain) * grain
    shared = _SharedRanges(task, [(i, min(i + step, size)) for i in range(0, size, step)])
    try:
        executor = _executor(pieces)
        for _ in range(pieces - 1):
            executor.submit(shared.help)
    except RuntimeError:
        pass  # no further thread can be had: those that started share the ranges
    shared.help()
    shared.wait()


class _SharedRanges:
    """Ranges that threads take one by one: each runs once, whoever turns up for it."""

    def __init__(self, task: Callable[..., Any], ranges: Sequence[tuple[int, int]]) -> None:
        self._task = task
        self._todo = list(ranges[::-1])
        self._unfinished = len(ranges)
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def help(self) -> None:
        """Run ranges until none is left to take."""
        _inside.task = True
        try:
            while True:
                with self._changed:
                    if not self._todo:
                        return
                    pair = self._todo.pop()
                error = None
                try:
                    self._task(*pair)
                except BaseException as raised:
                    error = raised
                with self._changed:
                    self._error = self._error or error
                    self._unfinished -= 1
                    self._changed.notify_all()
        finally:
            _inside.task = False

    def wait(self) -> None:
        """Return when every range has run; raise what one of them raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._unfinished == 0)
        if self._error is not None:
            raise self._error


def _executor(workers: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # 4 ms that most programs need not pay

    global _pool, _pool_size
    with _lock:
        if _pool is None or _pool_size < workers:
            if _pool is not None:
                _pool.shutdown(wait=False)
            _pool, _pool_size = ThreadPoolExecutor(workers, "kronvec"), workers
        return _pool
