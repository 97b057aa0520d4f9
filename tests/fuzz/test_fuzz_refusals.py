"""Whatever is wrong with a call, it is refused in words, or means what the definition means."""

import datetime
import decimal

import numpy as np
import pytest
from hypothesis import strategies as st
from judge import defined, fuzzed, outcome
from operands import IN_C, ROWS, SMALL, arguments, dtypes, sizes

from equations import EQUATIONS
from helpers import KERNEL_DTYPES, leaves, map_arrays, replace_leaf
from operation import Operation

EVERY = ROWS | {equation.name: [equation] for equation in EQUATIONS}
every_function = pytest.mark.parametrize("name", EVERY)
FEW, FAST = sizes(SMALL), dtypes((*KERNEL_DTYPES, "int64"))


@st.composite
def calls(draw, operation: Operation):
    """Arguments that fit, in plain arrays."""
    if operation in EQUATIONS:
        return operation.build(draw(st.sampled_from(KERNEL_DTYPES)))
    return draw(arguments(operation, sizes=FEW, dtypes=FAST, layouts=IN_C))[0]


# --------------------------------------------------------------------------------------
# Shapes


def longer(a, axis):
    return np.repeat(a, 2, axis) if a.shape[axis] else np.zeros([max(n, 1) for n in a.shape])


SHAPES = {
    "longer": longer,
    "one more": lambda a, axis: (
        np.concatenate([a, a[:1].take([0], 0)], 0)
        if axis == 0 and len(a)
        else np.append(a, a.take([-1], axis), axis)
        if a.shape[axis]
        else a
    ),
    "one less": lambda a, axis: a.take(range(max(a.shape[axis] - 1, 0)), axis),
    "one": lambda a, axis: a.take(range(min(a.shape[axis], 1)), axis),
    "none": lambda a, axis: a.take([], axis),
    "new axis": lambda a, axis: np.expand_dims(a, axis),
    "new axis of two": lambda a, axis: np.stack([a, a], axis),
    "summed": lambda a, axis: a.sum(axis),
    "flat": lambda a, axis: a.ravel(),
    "scalar": lambda a, axis: a.ravel()[0] if a.size else np.float64(0),
    "transposed": lambda a, axis: a.T,
}


@every_function
@fuzzed
def test_other_shapes_are_refused_or_mean_what_the_definition_means(name, data):
    operation = data.draw(st.sampled_from(EVERY[name]))
    args = data.draw(calls(operation))
    position = data.draw(st.integers(0, len(leaves(args)) - 1))
    array = leaves(args)[position]
    if not array.ndim:
        return
    change = SHAPES[data.draw(st.sampled_from(list(SHAPES)))]
    args = replace_leaf(args, position, change(array, data.draw(st.integers(0, array.ndim - 1))))
    plain = map_arrays(np.array, args)
    result, refusal = outcome(name, operation, *args)
    if operation in EQUATIONS:
        return
    if refusal is None:
        assert defined(operation, plain), [a.shape for a in leaves(plain)]
        for got, expected in zip(leaves(result), leaves(operation.define(*plain)), strict=True):
            assert got.shape == expected.shape
            close = np.allclose(got, expected, 1e-4, 1e-3)
            assert close or got.dtype.kind != expected.dtype.kind, (got, expected)


# --------------------------------------------------------------------------------------
# Things


class Raising:
    """An object that cannot be made an array."""

    def __array__(self, dtype=None, copy=None):
        raise ValueError("no array")


class Sized:
    """What looks like a sequence and is none."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise KeyError(index)


THINGS = {
    "None": None,
    "text": "text",
    "bytes": b"bytes",
    "dict": {1: 2},
    "set": {1},
    "object": object(),
    "type": float,
    "function": len,
    "generator": (i for i in ()),
    "ellipsis": ...,
    "decimal": decimal.Decimal(2),
    "date": datetime.date(2000, 1, 1),
    "raising": Raising(),
    "number": 1.5,
    "complex number": 1 + 2j,
    "large integer": 2**100,
    "empty list": [],
    "ragged": [[1, 2], [3]],
    "texts": [["a", "b"], ["c", "d"]],
    "nested": [[[[[1.0]]]]],
    "dates": np.zeros((2, 2), "M8[s]"),
    "times": np.zeros((2, 2), "m8[s]"),
    "records": np.zeros((2, 2), "f8,i4"),
    "void": np.zeros((2, 2), "V8"),
    "strings": np.zeros((2, 2), "S3"),
    "objects": np.array([[None, "a"], [{}, len]]),
    "no axes": np.array(2.0),
    "forty axes": np.zeros((1,) * 40),
}


@every_function
@fuzzed
def test_things_are_refused_or_mean_what_numpy_makes_of_them(name, data):
    operation = data.draw(st.sampled_from(EVERY[name]))
    args = data.draw(calls(operation))
    position = data.draw(st.integers(-2, len(leaves(args)) - 1))
    label = data.draw(st.sampled_from(list(THINGS)))
    thing = THINGS[label]
    if position >= 0:
        args = replace_leaf(args, position, thing)
    else:  # a size, a shape, a list of factors, a mode
        args = list(args)
        args[data.draw(st.integers(0, len(args) - 1))] = thing
    # What objects cannot do they say themselves.
    outcome("" if label == "objects" else name, operation, *args)


@every_function
@fuzzed
def test_sizes_and_choices_are_refused_or_taken(name, data):
    operation = data.draw(st.sampled_from(EVERY[name]))
    args = list(data.draw(calls(operation)))
    sizes = [i for i, a in enumerate(args) if isinstance(a, int) or is_sizes(a)]
    wrong = [-1, 0, 1, 3, 2**31, 2**62, 2**63, 2**100, 2.0, 2.5, float("nan"), True, None, "2"]
    wrong += [(), (2,), (2, 3), (-2, -3), (2, 2, 2), (2**40, 2**40), [2, 2], ((2, 2), 2)]
    kwargs = dict(operation.kwargs)
    if sizes and data.draw(st.booleans()):
        args[data.draw(st.sampled_from(sizes))] = data.draw(st.sampled_from(wrong))
    elif kwargs:
        kwargs[data.draw(st.sampled_from(sorted(kwargs)))] = data.draw(
            st.sampled_from(["F", "C", "A", "f", "", None, 0, 1, -1, 2.5, "left", "svec", (), []])
        )
    outcome(name, operation.function, *args, **kwargs)


def is_sizes(a):
    return isinstance(a, tuple) and not leaves([a])
