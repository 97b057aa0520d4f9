"""Run with little memory: every function on sizes near 2^31, 2^32 and 2^59, of strides zero.

A result of more than the memory is refused; one that is small, or a view, has the right shape.
Calls that would sum so many entries are left out.  Prints how many calls gave what.
"""

import collections
import json
import resource
import sys

import numpy as np

from helpers import leaves
from operations import OPERATIONS

MEMORY = 3 << 30
HUGE = (2**31 - 1, 2**31 + 1, 2**32 + 1, 2**59)
PLACES = [(0,), (1,), (2,), (3,), (0, 2), (1, 3), (0, 1), (1, 2)]
# What sums for minutes before it asks for the memory of the result: gradients, and A B C.
SUMMING = {"derivatives"}
CHAINS = {"triple_product", "vec_trick"}


def ones(*shape):
    return np.broadcast_to(np.ones(()), shape)


def scaled(shape, size):
    """The shape of a result where 7 stands for a size: 49 for its square, 28 for n (n + 1) / 2."""
    powers = {7: size, 14: 2 * size, 49: size**2, 28: size * (size + 1) // 2, 98: 2 * size**2}
    return tuple(powers.get(n, n) for n in shape)


def judged(operation, size, place):
    """What becomes of the call, and whether it may."""
    numbers = [[n if i in place else 1 for i in range(4)] for n in (size, 7)]
    small = operation.define(*operation.arguments(ones, *numbers[1]))
    shapes = [scaled(a.shape, size) for a in leaves(small)]
    try:
        args = operation.arguments(ones, *numbers[0])
    except ValueError:  # NumPy has no such array
        return None
    entries = [np.prod([float(n) for n in shape]) for shape in shapes]
    if max(entries, default=0) * 8 < MEMORY:
        return None
    try:
        result = operation(*args)
    except (MemoryError, ValueError) as error:
        assert isinstance(error, MemoryError) or operation.name in str(error), error
        return type(error).__name__.removeprefix("_Array")
    got = [a.shape for a in leaves(result)]
    assert got == shapes, (str(operation), numbers[0], got, shapes)
    assert all(a.reshape(-1)[:1] == 1 for a in leaves(result)) or operation.name == "smat"
    return "view"


def main():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    counts = collections.Counter()
    for operation in OPERATIONS:
        if operation.group in SUMMING or "matvec" in operation.name or operation.name == "mttkrp":
            continue
        for size in HUGE:
            for place in PLACES:
                if operation.name in CHAINS and {1, 2} & {*place}:
                    continue
                print(operation, size, place, file=sys.stderr, flush=True)
                counts[judged(operation, size, place)] += 1
    del counts[None]
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
