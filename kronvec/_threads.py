"""The worker threads behind ``workers=``: made on first use, made again after a fork."""

from __future__ import annotations

import operator
import os
import threading
from typing import TYPE_CHECKING

from ._kernels import StopFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from queue import SimpleQueue
    from typing import Any


_lock = threading.Lock()
_pool: list[threading.Thread] = []
_jobs: SimpleQueue[Callable[[], None]] | None = None  # made with the pool
_inside = threading.local()
# More threads than this for each CPU only wait for one another.
_MOST_PIECES = 4 * (os.cpu_count() or 1)


def _forget() -> None:
    """In a forked child the threads of the pool do not exist, nor does what they worked on."""
    global _lock, _pool, _jobs, _inside
    _lock, _pool, _jobs, _inside = threading.Lock(), [], None, threading.local()


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

    A call from inside a task, or after the interpreter began to shut down, runs serially.  When a
    range raises, or Ctrl-C comes, no other begins, kernels at work stop, and it is raised here
    when all threads are done.
    """
    pieces = min(workers, _MOST_PIECES, -(-size // grain))
    if pieces <= 1 or getattr(_inside, "task", False):
        task(0, size)
        return
    step = -(-size // pieces // grain) * grain
    shared = _SharedRanges(task, [(i, min(i + step, size)) for i in range(0, size, step)])
    try:
        _hand_out(shared.help, pieces - 1)
        shared.run()
    except BaseException as error:
        shared.stop(error)
    finally:
        shared.wait()


class _SharedRanges:
    """Ranges that threads take one by one: each runs once, whoever turns up for it.

    Ctrl-C may come anywhere in the thread that waits.  What other threads need of it are plain
    locks, which no exception leaves locked; a Condition can be left so.
    """

    def __init__(self, task: Callable[..., Any], ranges: Sequence[tuple[int, int]]) -> None:
        self._task: Callable[..., Any] | None = task
        self._todo = list(ranges[::-1])
        self._helpers = 0  # other threads that run ranges
        self._error: BaseException | None = None
        self._flag = StopFlag()
        self._lock = threading.Lock()
        self._all_ended = threading.Lock()  # locked while helpers have not ended
        self._all_ended.acquire()

    def help(self) -> None:
        """What another thread does: `run`, counted."""
        with self._lock:
            self._helpers += 1
        try:
            self.run()
        except BaseException as error:
            self.stop(error)
        finally:
            with self._lock:
                self._helpers -= 1
                if not self._helpers and self._all_ended.locked():
                    self._all_ended.release()

    def run(self) -> None:
        """Run ranges until none is left to take."""
        _inside.task = True
        try:
            with self._flag:
                while (pair := self._take()) is not None:
                    self._task(*pair)  # type: ignore[misc]  # there until all have ended
        finally:
            _inside.task = False

    def _take(self) -> tuple[int, int] | None:
        with self._lock:
            return self._todo.pop() if self._todo else None

    def stop(self, error: BaseException) -> None:
        """No range begins any more, and kernels at work end; the first error counts."""
        with self._lock:
            self._error = self._error or error
            self._todo.clear()
        self._flag.set()

    def wait(self) -> None:
        """Return when no other thread runs a range; raise what one of them raised."""
        while True:
            with self._lock:
                if not self._helpers:
                    break
            try:
                self._all_ended.acquire()
            except BaseException as error:  # Ctrl-C, while others are at work
                self.stop(error)
        _inside.task = False
        self._task = None  # a thread that turns up late finds nothing to do
        error, self._error = self._error, None  # else it and its frames kept each other alive
        try:
            if error is not None:
                raise error
        finally:
            del error


def _hand_out(job: Any, count: int) -> None:
    """Let ``count`` threads of the pool call ``job``, or as many as can be had.

    They are daemons: when the interpreter ends they are not waited for, as nobody waits for what
    they do.  (concurrent.futures does not survive Ctrl-C while it starts a thread.)
    """
    global _jobs
    with _lock:
        if _jobs is None:
            from queue import SimpleQueue

            _jobs = SimpleQueue()
        _pool[:] = [thread for thread in _pool if thread.is_alive()]
        while len(_pool) < count:
            thread = threading.Thread(target=_serve, args=(_jobs,), name="kronvec", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no further thread can be had
                break
            _pool.append(thread)
        for _ in range(min(count, len(_pool))):
            _jobs.put(job)


def _serve(jobs: Any) -> None:
    while True:
        jobs.get()()
