"""Run under testing_malloc: every function with each of its allocations failing in turn.

A call must give the whole result or MemoryError; then ``out`` is as it was and no block is kept.
Prints the number of calls, of faults and of MemoryErrors, and what went wrong.
"""

import ctypes
import functools
import gc
import json
import os
import sys

import numpy as np

from helpers import leaves, map_arrays
from kronvec import _kernels
from operations import OPERATIONS
from preloaded import handle_arrays, shim

MOST_FAULTS = 30  # of one call, the first; then every twentieth part
REPEATS = 6


def watch():
    """Count what kronvec allocates, itself or through CPython or NumPy, and the data of arrays.

    What NumPy and CPython allocate for themselves is theirs to test: NumPy's iterators, for one,
    crash when they get no buffer (they raise without the GIL).
    """
    ours = os.path.dirname(os.path.realpath(_kernels.__file__)) + "/"  # a checkout may hold NumPy
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line[line.index("/") :] if "/" in line else ""
            own = path.startswith(ours) and "/" not in path[len(ours) :]
            if own and line.split()[1].startswith("r-x"):
                begin, end = (int(a, 16) for a in line.split()[0].split("-"))
                shim.watch(ctypes.c_void_p(begin), ctypes.c_void_p(end), 3)
    handle_arrays()


def state(a):
    return list(a.flat) if a.dtype == object else a.tobytes()


def same(got, expected):
    """Bitwise, or by another way through the library within rounding."""
    return all(
        a.shape == b.shape and np.allclose(a, b, 1e-4, 1e-4)
        for a, b in zip(leaves(got), leaves(expected), strict=True)
    )


def attempt(call, n, lasting):
    """(allocations seen, result or None, error or None)"""
    shim.arm(ctypes.c_long(n), lasting)
    try:
        result, error = call(), None
    except BaseException as raised:
        result, error = None, raised
    return shim.disarm(), result, error


def numbers(call):
    """Which allocations of a call to let fail: all, of very many some."""
    total, *_ = attempt(call, 10**9, 0)
    return sorted({*range(1, min(total, MOST_FAULTS) + 1), *range(1, total + 1, total // 20 + 1)})


def faults_of(label, call, out, counts, wrong):
    before = None if out is None else state(out)
    expected = map_arrays(np.copy, call())
    for lasting in (0, 1):
        for n in numbers(call):
            if out is not None:
                out[...] = 7
                before = state(out)
            seen, result, error = attempt(call, n, lasting)
            if seen < n:
                continue
            counts["faults"] += 1
            if error is None:
                if not same(result, expected):
                    wrong.append(f"{label} fault {n}: another result")
                counts["survived"] += 1
                continue
            counts["errors"] += 1
            if not isinstance(error, MemoryError):
                wrong.append(f"{label} fault {n}: {error!r}")
            if out is not None and state(out) != before:
                wrong.append(f"{label} fault {n}: out is half-written")
            del error, result


def leaks_of(label, call, wrong):
    """Blocks that the same fault keeps each time."""
    for n in numbers(call):
        for _ in range(3):
            attempt(call, n, 0)
        gc.collect()
        first = shim.live()
        for _ in range(REPEATS):
            attempt(call, n, 0)
        gc.collect()
        kept = shim.live() - first
        if kept >= REPEATS:
            wrong.append(f"{label} fault {n}: {kept} blocks kept in {REPEATS} calls")


def main(dtypes, sizes, names):
    gc.collect()
    gc.freeze()  # what there is by now makes no collection slow
    watch()
    counts, wrong = {"calls": 0, "faults": 0, "errors": 0, "survived": 0}, []
    for operation in OPERATIONS:
        if names and operation.name not in names:
            continue
        for dtype in dtypes:
            for layout in ("C", "misaligned"):
                args = operation.build(dtype, sizes, layout=layout)
                outs = [None]
                if operation.takes_out:
                    y = operation(*args)
                    outs.append(np.zeros_like(y))
                    outs.append(np.zeros((*y.shape, 2), y.dtype)[..., 0])
                for i, out in enumerate(outs):
                    more = {} if out is None else {"out": out}
                    label = f"{operation} {dtype} {layout} {sizes} out {i}"
                    print(label, file=sys.stderr, flush=True)
                    call = functools.partial(operation, *args, **more)
                    call()
                    counts["calls"] += 1
                    faults_of(label, call, out, counts, wrong)
                    leaks_of(label, call, wrong)
    print(json.dumps({**counts, "wrong": wrong}))


if __name__ == "__main__":
    main(sys.argv[1].split(","), tuple(map(int, sys.argv[2].split(","))), sys.argv[3:])
