"""Tables and checks that every test file draws on.

DTYPES, SIZES and LAYOUTS span what the conventions promise (operations.py lists the functions);
``check`` compares one call with its plain definition, evaluated in higher precision, under a
componentwise bound.
"""

import contextlib
import ctypes
import gc
import itertools
import math
import mmap
import os
import sys
import tracemalloc

import numpy as np
from numpy.lib.stride_tricks import as_strided

import kronvec as kv
from kronvec import _kernels
from kronvec import _reference as reference

KERNEL_DTYPES = ("float32", "float64", "complex64", "complex128")
EXTENDED_DTYPES = ("float16", "longdouble", "clongdouble")
EXACT_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
DTYPES = (*KERNEL_DTYPES, *EXTENDED_DTYPES, *EXACT_DTYPES, "object")

# (m, n, p, q): ragged, ones, primes, empty in each position, around the vector tiles
SIZES = (
    *((2, 3, 4, 5), (1, 1, 1, 1), (2, 2, 2, 2), (4, 4, 4, 4), (8, 8, 8, 8), (7, 5, 3, 11)),
    *((0, 3, 2, 4), (3, 0, 2, 4), (3, 2, 0, 4), (3, 2, 4, 0), (0, 0, 0, 0)),
    *((1, 7, 1, 9), (9, 1, 7, 1), (16, 2, 3, 17), (3, 15, 9, 4), (4, 8, 16, 33)),
)

ISAS = _kernels.available_isas()
# `make sanitize`: the kernels are not optimized, memory is the sanitizer's.
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")


# --------------------------------------------------------------------------------------
# Values and layouts


def random(dtype, *shape, seed=0):
    """Values of magnitude 1/2 to 2 with random signs (no underflow); small integers for exact."""
    rng = np.random.default_rng([seed, *shape])
    dtype = np.dtype(dtype)
    if dtype.kind in "biuO":
        low = -4 if dtype.kind in "iO" else 0
        return rng.integers(low, 2 if dtype.kind == "b" else 5, shape).astype(dtype)

    def part():
        return rng.choice([-1, 1], shape) * rng.uniform(0.5, 2, shape)

    return (part() + 1j * part() if dtype.kind == "c" else part()).astype(dtype)


def filler(dtype, shape):
    """What fills the gaps of a layout and fresh results: NaN where there is one."""
    return np.full(shape, np.nan if np.dtype(dtype).kind in "fcO" else 1, dtype)


def _reversed(a):
    flip = (..., *(slice(None, None, -1),) * a.ndim)
    return a[flip].copy()[flip]


def _strided(a):
    gaps = filler(a.dtype, tuple(2 * n + 1 for n in a.shape))
    view = gaps[(..., *(slice(1, 2 * n + 1, 2) for n in a.shape))]
    view[...] = a
    return view


def _broadcast(a):
    return np.broadcast_to(a[..., :1], a.shape)


def _interleaved(a):
    """Rows that lie over each other, apart by what NumPy calls aligned: half a complex number."""
    part = a.dtype.alignment
    memory = np.resize(a.ravel(), sum(a.shape) + 1)
    strides = (*(part,) * (a.ndim - 1), a.itemsize)[: a.ndim]
    return as_strided(memory, a.shape, strides, writeable=False)


def _read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def _misaligned(a):
    if a.dtype == object:  # NumPy itself has no misaligned object arrays
        return a.copy()
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def _byte_swapped(a):
    return a.astype(a.dtype.newbyteorder())


LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "reversed": _reversed,
    "strided": _strided,
    "broadcast": _broadcast,
    "interleaved": _interleaved,
    "read_only": _read_only,
    "misaligned": _misaligned,
    "byte_swapped": _byte_swapped,
    "after_guard": lambda a: guarded(a, "start"),
    "before_guard": lambda a: guarded(a, "end"),
}
REPEATING = ("broadcast", "interleaved")  # entries lie over each other: other values
OUT_LAYOUTS = {k: v for k, v in LAYOUTS.items() if k not in (*REPEATING, "read_only")}


# --------------------------------------------------------------------------------------
# Trees of arguments and results: arrays, and lists or tuples of them


def leaves(tree):
    """The arrays of an argument or result, in order."""
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [tree] if isinstance(tree, (np.ndarray, np.generic)) else []


def map_arrays(function, tree):
    """The same tree with ``function`` applied to its arrays; sizes and strings stay."""
    if isinstance(tree, (list, tuple)):
        return type(tree)(map_arrays(function, branch) for branch in tree)
    return function(tree) if isinstance(tree, (np.ndarray, np.generic)) else tree


def replace_leaf(tree, position, value):
    """The same tree with ``value`` in place of its array number ``position``."""
    numbers = itertools.count()
    return map_arrays(lambda a: value if next(numbers) == position else a, tree)


# --------------------------------------------------------------------------------------
# The error bound


def lift(a):
    """The array in the widest precision of its kind."""
    is_complex = a.dtype.kind == "c" or _holds(a, (complex, np.complexfloating))
    return np.asarray(a, np.clongdouble if is_complex else np.longdouble)


def gamma(roundings, dtype):
    """γ_k = k u / (1 - k u).

    In complex arithmetic each part of a sum of k products is a sum of 2 k real ones, so its
    modulus errs by √2 γ_2k <= γ_3k.  An oracle no more precise than the result errs as much.
    """
    dtype = np.dtype(dtype)
    unit = np.finfo(dtype).eps / 2
    k = roundings * (3 if dtype.kind == "c" else 1)
    if np.finfo(np.longdouble).eps / 2 >= unit:
        k *= 2
    return k * np.longdouble(unit) / (1 - k * np.longdouble(unit))


def assert_bounded(got, exact, magnitude, roundings):
    """|got - exact| <= γ_k magnitude in every component."""
    error = np.abs(lift(np.asarray(got)) - exact)
    bound = gamma(roundings, _precision(np.asarray(got))) * magnitude
    bad = ~(error <= bound)
    assert not bad.any(), (
        f"{bad.sum()} of {bad.size} components beyond the bound; first at {np.argwhere(bad)[0]}: "
        f"error {error[bad][0]}, bound {bound[bad][0]}"
    )


def _holds(a, kinds):
    """Whether an object array has entries of these types."""
    return a.dtype.kind == "O" and any(isinstance(v, kinds) for v in np.asarray(a).flat)


def _precision(a):
    """The dtype that entries are rounded to: of objects double, or the least precise in it."""
    if a.dtype.kind != "O":
        return a.dtype
    found = {np.result_type(type(v)) for v in a.flat if isinstance(v, np.inexact)}
    double = np.dtype(complex if _holds(a, (complex, np.complexfloating)) else float)
    return max([double, *found], key=lambda dtype: np.finfo(dtype).eps)


def assert_matches(got, name, args, roundings=0, **kwargs):
    """``got`` has the type, shape, dtype and (within the bound) the values of the definition."""
    definition = getattr(reference, name)
    plain = leaves(definition(*args, **kwargs))
    results = leaves(got)
    assert len(results) == len(plain)
    inexact = any(p.dtype.kind in "fc" or _holds(p, (float, complex, np.inexact)) for p in plain)
    if inexact:
        # 64-bit integers are rounded when they become floats; in squares twice.
        roundings += 2 * sum(a.dtype.kind in "iu" and a.itemsize == 8 for a in leaves(args))
        with np.errstate(all="ignore"):
            exact = leaves(definition(*map_arrays(lift, args), **kwargs))
            size = leaves(definition(*map_arrays(lambda a: np.abs(lift(a)), args), **kwargs))
    for i, (result, expected) in enumerate(zip(results, plain, strict=True)):
        native = [a.dtype.newbyteorder("=") for a in (result, expected)]
        assert native[0] == native[1], f"result {i} is {native[0]}, not {native[1]}"
        assert result.shape == expected.shape, f"result {i}"
        if inexact:
            assert_bounded(result, exact[i], size[i], roundings)
        else:
            assert np.array_equal(result, expected)


def check(name, *args, roundings=0, **kwargs):
    """Call the public function and compare with its definition; return the result."""
    got = getattr(kv, name)(*args, **kwargs)
    assert_matches(got, name, args, roundings, **kwargs)
    return got


# --------------------------------------------------------------------------------------
# Instruction sets and guard pages


@contextlib.contextmanager
def using(setter, value):
    """Run the block with what a setter sets, which returns what it was."""
    previous = setter(value)
    try:
        yield
    finally:
        setter(previous)


def use_isa(name):
    """Run the block on one instruction set."""
    return using(_kernels._use_isa, name)


PAGE = mmap.PAGESIZE
SIDES = ("start", "end")
HAS_MPROTECT = sys.platform != "win32"


def guarded(a, side):
    """A C-contiguous copy of ``a`` in private pages between two that nobody may touch.

    side "end": the last byte of the array is the last before a guard page, "start": the first
    byte is the first after one.
    """
    a = np.ascontiguousarray(a)
    if a.dtype == object or not HAS_MPROTECT:
        return a.copy()
    size = PAGE * (2 + -(-max(a.nbytes, 1) // PAGE))
    pages = mmap.mmap(-1, size)
    raw = np.frombuffer(pages, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    for guard in (0, size - PAGE):
        address = ctypes.c_void_p(raw.ctypes.data + guard)
        if libc.mprotect(address, ctypes.c_size_t(PAGE), mmap.PROT_READ & 0) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    first = PAGE if side == "start" else size - PAGE - a.nbytes
    view = raw[first : first + a.nbytes].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def spaced(a, side, inner=1):
    """``guarded``, but each block of the last ``inner`` axes lies 3 items behind the one before.

    Returns the array and all items of its memory, in which those of the gaps are ``filler``.
    """
    block = math.prod(a.shape[a.ndim - inner :])
    blocks = math.prod(a.shape[: a.ndim - inner])
    memory = guarded(filler(a.dtype, (max(0, blocks * (block + 3) - 3) if a.size else 0,)), side)
    if a.size == 0:
        return a.copy(), memory
    outer = np.empty((*a.shape[: a.ndim - inner], block + 3), a.dtype).strides[:-1]
    view = np.lib.stride_tricks.as_strided(memory, a.shape, (*outer, *a[(0,) * len(outer)].strides))
    view[...] = a
    return view, memory


# --------------------------------------------------------------------------------------
# Memory

SLACK = 64 * 1024  # plans, views, NumPy's own temporaries


def peak_of(function, *args, **kwargs):
    """The bytes that a call holds at its height, its result included."""
    function(*args, **kwargs)  # plans and pools are made once
    gc.collect()
    tracemalloc.start()
    try:
        result = function(*args, **kwargs)
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()
