"""What a call may do: return what the definition says, or refuse in words; nothing else."""

import collections
import functools
import os

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import leaves, map_arrays

REFUSALS = (ValueError, TypeError)  # LinAlgError and AxisError are ValueErrors

LONG = "KRONVEC_FUZZ" in os.environ  # examples of each test; the seed is pytest's to choose


examples_run = collections.Counter()


def fuzzed(test):
    """Decorator: a test of ``data``, the same few examples each time or many new ones."""

    @functools.wraps(test)
    def counted(*args, **kwargs):
        examples_run[test.__name__] += 1
        test(*args, **kwargs)

    examples = int(os.environ.get("KRONVEC_FUZZ", 12))
    return settings(max_examples=examples, derandomize=not LONG)(given(data=st.data())(counted))


def contents(a):
    """What must not change: bytes, or the very objects."""
    return list(map(id, a.flat)) if a.dtype == object else a.tobytes()


class Untouched:
    """A context in which no array of a tree may change."""

    def __init__(self, *tree):
        self.arrays = [a for a in leaves(tree) if isinstance(a, np.ndarray)]

    def __enter__(self):
        self.before = [contents(a) for a in self.arrays]

    def __exit__(self, *failure):
        if failure[0] is None:
            for i, (a, before) in enumerate(zip(self.arrays, self.before, strict=True)):
                assert contents(a) == before, f"array {i} was written to"


def outcome(name, function, *args, **kwargs):
    """(result, None) or (None, error), a refusal that names the function; arrays untouched.

    ``out`` may change, but not where the call is refused.
    """
    out = kwargs.get("out")
    before = contents(out) if isinstance(out, np.ndarray) else None
    with np.errstate(all="ignore"), Untouched(args):
        try:
            return function(*args, **kwargs), None
        except REFUSALS as error:
            assert name in str(error), f"{error} does not name {name}"
            assert before is None or contents(out) == before, "out was written to"
            return None, error


def defined(operation, args):
    """Whether the plain definition takes the arguments; it may not mean what it computes."""
    try:
        with np.errstate(all="ignore"):
            operation.define(*map_arrays(np.array, args))
    except (ValueError, TypeError, IndexError):
        return False
    return True
