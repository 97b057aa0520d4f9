"""``out`` in every position: any layout, dtype and overlap; what does not fit is refused."""

import numpy as np
import pytest
from hypothesis import strategies as st
from judge import REFUSALS, contents, fuzzed, outcome
from operands import IN_C, ROWS, SMALL, arguments, dtypes, sizes

from helpers import DTYPES, OUT_LAYOUTS, filler, leaves, map_arrays, random

TAKES_OUT = [name for name, rows in ROWS.items() if rows[0].takes_out]
every_function = pytest.mark.parametrize("name", TAKES_OUT)
# Sums and products of small integers are exact in each, in whatever order.
WHOLE = ("float64", "float32", "complex64", "complex128", "longdouble", "int64", "object")
FEW, WHOLE_DTYPES = sizes(SMALL), dtypes(WHOLE)


def whole_values(dtype, *shape, seed=0):
    return random("int64", *shape, seed=seed).astype(dtype)


def assert_equal(got, expected):
    """The same entries, up to the roots of two in svec, smat and their like."""
    if np.dtype(expected.dtype).kind in "fc":
        whole = np.array_equal(expected, np.round(expected))
        eps = max(np.finfo(a.dtype).eps for a in (got, expected) if a.dtype.kind in "fc")
        size = 0 if whole else 64 * eps * np.abs(expected).max(initial=1)
        assert (np.abs(got - expected) <= size).all(), (got, expected)
    else:
        assert np.array_equal(got, expected), (got, expected)


# --------------------------------------------------------------------------------------
# An out of its own


@every_function
@fuzzed
def test_out_of_any_layout_and_dtype_takes_the_result_or_is_left_alone(name, data):
    operation = data.draw(st.sampled_from(ROWS[name]))
    args, *_ = data.draw(arguments(operation, whole_values, FEW, WHOLE_DTYPES))
    expected, refusal = outcome(name, operation, *map_arrays(np.array, args))
    if refusal is not None:
        return
    own = expected.dtype.newbyteorder("=")
    dtype = data.draw(st.sampled_from([own, *map(np.dtype, DTYPES)]))
    shapes = [
        expected.shape,
        *[(*expected.shape, 1), (1, *expected.shape), expected.shape[:-1], expected.shape[::-1]],
        (*expected.shape[:-1], expected.shape[-1] + 1) if expected.ndim else (2,),
    ]
    shape = data.draw(st.sampled_from(shapes))
    layout = data.draw(st.sampled_from([*OUT_LAYOUTS, "read_only"]))
    out = (OUT_LAYOUTS | {"read_only": read_only})[layout](filler(dtype, shape))
    result, refusal = outcome(name, operation, *args, out=out)
    # Some layouts make one axis of none.
    fits = out.shape == expected.shape and np.can_cast(own, dtype, "same_kind")
    assert (refusal is None) == (fits and layout != "read_only"), refusal
    if refusal is None:
        assert result is out
        assert_equal(out, expected.astype(dtype))


def read_only(a):
    a.flags.writeable = False
    return a


@every_function
@fuzzed
def test_what_is_no_array_is_no_out(name, data):
    operation = data.draw(st.sampled_from(ROWS[name]))
    args = operation.build("float64")
    thing = data.draw(st.sampled_from([0, 1.5, "out", [1.0], (), {}, object, np.float64(1)]))
    with pytest.raises(REFUSALS, match=name):
        operation(*args, out=thing)


# --------------------------------------------------------------------------------------
# An out over the operands

MEMORY = 4096


@st.composite
def views(draw, shape):
    """A view of this shape of any MEMORY entries: shifted, with gaps, backwards, transposed."""
    count = int(np.prod(shape, dtype=int))
    step = draw(st.sampled_from([1, 1, 2, 3])) if 3 * count + 40 <= MEMORY else 1
    start = draw(st.integers(0, 40)) if count + 40 <= MEMORY else 0
    turn = draw(st.sampled_from(["", "reversed", "transposed", "last axis reversed"]))

    def view(memory):
        flat = memory[start : start + step * count : step]
        if turn == "reversed":
            flat = flat[::-1]
        if turn == "transposed":
            return flat.reshape(shape[::-1]).T
        whole = flat.reshape(shape)
        return whole[..., ::-1] if turn.startswith("last") and shape else whole

    return view


@every_function
@fuzzed
def test_out_over_operands_that_lie_over_each_other(name, data):
    operation = data.draw(st.sampled_from(ROWS[name]))
    dtype = data.draw(st.sampled_from(WHOLE))
    swapped = data.draw(st.booleans()) and dtype != "object"
    given_dtype = np.dtype(dtype).newbyteorder() if swapped else np.dtype(dtype)
    args, *_ = data.draw(arguments(operation, whole_values, FEW, st.just([dtype]), IN_C))
    expected, refusal = outcome(name, operation, *args)
    if refusal is not None or max(a.size for a in [*leaves(args), expected]) > MEMORY:
        return
    memory = whole_values("int64", MEMORY, seed=data.draw(st.integers(0, 9))).astype(given_dtype)
    laid = map_arrays(
        lambda a: data.draw(views(a.shape))(memory) if data.draw(st.integers(0, 3)) else a, args
    )
    expected = operation(*map_arrays(lambda a: np.array(a, dtype), laid))
    if not np.can_cast(expected.dtype, dtype, "same_kind"):
        return  # svec of integers is float64
    place, before = data.draw(views(expected.shape)), memory.copy()
    out = place(memory)
    assert operation(*laid, out=out) is out
    assert_equal(np.array(out, dtype), expected.astype(dtype))
    others = np.setdiff1d(np.arange(MEMORY), place(np.arange(MEMORY)))
    assert contents(memory[others]) == contents(before[others]), "written beside out"
