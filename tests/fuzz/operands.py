"""Strategies of operands: sizes, dtypes, values, memory layouts, batches, other spellings.

An example is a handful of small draws (sizes, names of layouts, seeds), so that it shrinks to a
few words; NumPy makes the entries.
"""

import itertools
import math

import numpy as np
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

from helpers import DTYPES, LAYOUTS, leaves, random
from operation import Operation
from operations import OPERATIONS

# Zero, one, primes, around the tiles of every kernel; the first is what examples shrink to.
EDGES = (2, 1, 3, 0, 4, 5, 6, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 63, 64, 65)
SMALL = (2, 1, 3, 0, 4, 5)
# Entries of the operands and of a product's result; the definitions may take their square.
MOST = 3000

ROWS = {}
for _operation in OPERATIONS:
    ROWS.setdefault(_operation.name, []).append(_operation)


def affordable(operation, sizes, most):
    """The sizes, the largest halved until operands and m n p q take at most ``most`` entries."""
    sizes, empty = list(sizes), np.zeros(())
    while True:
        args = operation.arguments(lambda *shape: np.broadcast_to(empty, shape), *sizes)
        entries = sum(a.size for a in leaves(args))
        if max(*sizes) < 3 or max(entries, math.prod(max(n, 1) for n in sizes)) <= most:
            return tuple(sizes)
        largest = sizes.index(max(sizes))
        sizes[largest] = sizes[largest] // 2


@st.composite
def one_of_all(draw, *choices):
    """A tuple of one of each of the choices, by a single draw; it shrinks to the first ones."""
    number = draw(st.integers(0, math.prod(map(len, choices)) - 1))
    drawn = []
    for each in reversed(choices):
        number, i = divmod(number, len(each))
        drawn.append(each[i])
    return tuple(reversed(drawn))


def sizes(edges=EDGES):
    """(m, n, p, q); `affordable` reduces the large ones."""
    return one_of_all(*[edges] * 4)


def dtypes(of=DTYPES):
    """What the arrays of a call have in turn: often one dtype for all."""
    return one_of_all(("float64", *of), (None, None, *of), (None, *of)).map(
        lambda names: [name for name in names if name]
    )


# --------------------------------------------------------------------------------------
# Values


def full_range(dtype, *shape, seed=0):
    """Integers of every bit pattern: sums and products wrap, in every order alike."""
    bits = np.iinfo(dtype)
    rng = np.random.default_rng([seed, *shape])
    return rng.integers(bits.min, bits.max, shape, dtype, endpoint=True)


def special_values(dtype, *shape, seed=0):
    """``random`` with NaN, infinities, zeros of both signs and subnormal numbers among it."""
    a = np.array(random(dtype, *shape, seed=seed))
    if a.dtype.kind not in "fc" or not a.size:
        return a
    rng = np.random.default_rng([seed, *shape, 1])
    info = np.finfo(a.dtype)
    small = [info.smallest_subnormal, info.tiny, 0.0, -0.0, 0.0]
    choices = np.array([*small, np.nan, np.inf, -np.inf][: rng.choice([5, 8])], a.real.dtype)
    for part in (a.real, a.imag)[: 2 if a.dtype.kind == "c" else 1]:
        where = rng.random(shape) < rng.choice([0.1, 0.5])
        part[where] = rng.choice(choices, np.count_nonzero(where))
    return a


def any_values(names):
    """Moderate numbers; of integers alone every third array has any."""
    exact = all(np.dtype(name).kind in "iu" for name in names)

    def values(dtype, *shape, seed=0):
        return (full_range if exact and seed % 3 == 2 else random)(dtype, *shape, seed=seed)

    return values


# --------------------------------------------------------------------------------------
# Layouts: those of the tables and more; a layout may repeat entries


def windows(a):
    """Overlapping windows of one vector: a[..., i, j] = v[i + j]."""
    memory = np.resize(a.ravel(), sum(a.shape) + 1)
    return as_strided(memory, a.shape, memory.strides * a.ndim, writeable=False)


def permuted(a):
    """The axes in another order in memory."""
    order = np.random.default_rng(a.size).permutation(a.ndim)
    return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))


def one_entry(a):
    """Every stride zero."""
    return np.broadcast_to(a.reshape(-1)[:1].reshape((1,) * a.ndim) if a.size else a, a.shape)


def swapped(layout):
    """A layout of byte-swapped entries."""
    return lambda a: layout(LAYOUTS["byte_swapped"](a))


ALL_LAYOUTS = {**LAYOUTS, "windows": windows, "permuted": permuted, "one_entry": one_entry}
ALL_LAYOUTS |= {
    f"{name} swapped": swapped(ALL_LAYOUTS[name])
    for name in ("reversed", "strided", "misaligned", "windows")
}
LAYOUT_NAMES = ("C", *sorted(ALL_LAYOUTS.keys() - {"C"}))
BATCHES = ((), (1,), (2,), (3,), (0,), (2, 3), (3, 1), (1, 2))


def _own_batch(batch, choice):
    """A shape that broadcasts to ``batch``: shorter, or with ones."""
    kept = batch[max(choice % 4 - 1, 0) :]
    return tuple(1 if choice >= 4 and i == 0 else size for i, size in enumerate(kept))


LAYOUTS_IN_TURN = one_of_all(LAYOUT_NAMES, (None, *LAYOUT_NAMES), (None, None, *LAYOUT_NAMES))
IN_C = st.just(("C",))
BATCHES_IN_TURN = one_of_all(BATCHES, range(64), range(8), range(8), range(8))
ALONE = st.just(((), 0))
SIZES, DTYPES_IN_TURN = sizes(), dtypes()


@st.composite
def arguments(
    draw,
    operation: Operation,
    values=None,
    sizes=SIZES,
    dtypes=DTYPES_IN_TURN,
    layouts=LAYOUTS_IN_TURN,
    batches=BATCHES_IN_TURN,
):
    """(arguments, sizes, how many matrices of a batch) of one row of the tables."""
    names = draw(dtypes)
    values = values or any_values(names)
    layouts = [name for name in draw(layouts) if name]
    batch, seed, *own = draw(batches)
    samples = max(np.prod(batch, dtype=int), 1)
    four = affordable(operation, draw(sizes), MOST // samples)
    numbers = itertools.count()

    def t(*shape):
        i = next(numbers)
        mine = _own_batch(batch, own[i % len(own)]) if own else batch
        a = values(names[i % len(names)], *mine, *shape, seed=seed + i)
        return ALL_LAYOUTS[layouts[i % len(layouts)]](a)

    return operation.arguments(t, *four), four, samples
