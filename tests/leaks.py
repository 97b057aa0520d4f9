"""Leaks over many calls of every public function: ``python tests/leaks.py [CALLS] [NAME ...]``.

Each function is called CALLS times (10^5 unless told otherwise) with small arguments in each of
three ways: through its compiled path, through its Python path, and failing.  What is alive is
read after every tenth of the calls: blocks of Python's allocator, resident bytes, and references
to None, to small integers and to dtypes.  A leak grows from tenth to tenth; the median of the
growths, per call, is the slope.  Exits with 1 where one is above its bound.
"""

import gc
import statistics
import sys

import numpy as np

from helpers import LAYOUTS, leaves, map_arrays
from operations import OPERATIONS

try:
    import resource
except ImportError:  # Windows
    resource = None

PARTS = 10
WATCHED = (None, 0, 1, 2, 3, np.dtype("float64"), np.dtype("complex128"), np.dtype("intp"))
# Of a leak of one object in a hundred calls; resident memory moves by pages and more.
MOST_BLOCKS, MOST_REFERENCES, MOST_BYTES = 0.005, 0.005, 8.0


def resident_bytes():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 if resource else 0


def alive(arrays):
    gc.collect()
    references = [sys.getrefcount(each) for each in (*WATCHED, *arrays)]
    return sys.getallocatedblocks(), resident_bytes(), sum(references)


def slopes(call, calls, arrays):
    """Blocks, bytes and references that a call leaves behind."""
    part = max(1, calls // PARTS)
    for _ in range(min(part, 200)):
        call()
    read = np.zeros((PARTS + 1, 3))  # so that reading leaves nothing behind
    read[0] = alive(arrays)
    for i in range(PARTS):
        for _ in range(part):
            call()
        read[1 + i] = alive(arrays)
    growths = np.diff(read, axis=0) / part
    return [statistics.median(column) for column in growths.T.tolist()]


def failing(operation, args):
    def call():
        try:
            operation(*args)
        except TypeError:
            return
        raise AssertionError("no error")

    return call


def ways(operation):
    """(name, call, the arrays it has)."""
    args = operation.build("float64")
    yield "compiled", lambda: operation(*args), leaves(args)
    strided = map_arrays(LAYOUTS["strided"], args)
    yield "Python", lambda: operation(*strided), leaves(strided)
    bad = (*args[:-1], object())
    yield "failing", failing(operation, bad), leaves(bad)


def chosen(names):
    """One operation for each public function."""
    first = {operation.name: operation for operation in reversed(OPERATIONS)}
    return [each for name, each in sorted(first.items()) if not names or name in names]


def main(arguments):
    calls = int(arguments[0]) if arguments else 10**5
    print(f"{'function':28}{'way':10}{'blocks/call':>13}{'bytes/call':>12}{'references/call':>17}")
    worst, leaking = [0.0, 0.0, 0.0], []
    for operation in chosen(arguments[1:]):
        for way, call, arrays in ways(operation):
            found = slopes(call, calls, arrays)
            worst = [max(pair) for pair in zip(worst, found, strict=True)]
            print(f"{operation.name:28}{way:10}{found[0]:13.5f}{found[1]:12.3f}{found[2]:17.5f}")
            sys.stdout.flush()
            if found[0] > MOST_BLOCKS or found[1] > MOST_BYTES or found[2] > MOST_REFERENCES:
                leaking.append((operation.name, way))
    print(f"{'the most':38}{worst[0]:13.5f}{worst[1]:12.3f}{worst[2]:17.5f}")
    if leaking:
        sys.exit(f"leaks: {leaking}")


if __name__ == "__main__":
    main(sys.argv[1:])
