"""What holds for every public function: dtypes, sizes, strides, batches, ``out``."""

import numpy as np
import pytest

from helpers import (
    DTYPES,
    EXACT_DTYPES,
    KERNEL_DTYPES,
    LAYOUTS,
    OUT_LAYOUTS,
    SIZES,
    filler,
    leaves,
    map_arrays,
    replace_leaf,
)
from operations import OPERATIONS, WITH_OUT

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)
every_formed = pytest.mark.parametrize("operation", WITH_OUT, ids=str)

FLOAT_PAIRS = [("float32", "float64"), ("float64", "complex64"), ("complex128", "float32")]
MIXED_PAIRS = [*FLOAT_PAIRS, ("int8", "float32"), ("bool", "int16"), ("float16", "complex64")]


@every_operation
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_gives_the_definition(operation, dtype):
    operation.check(operation.build(dtype))


@every_operation
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_every_size_gives_the_definition(operation, dtype):
    for sizes in SIZES:
        operation.check(operation.build(dtype, sizes), sizes)


@every_operation
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_definition(operation, layout):
    for dtype in ("float32", "complex128", "float16", "int64", "object"):
        operation.check(operation.build(dtype, layout=layout))
    batch = operation.build("complex64", layout=layout, batch=(3,))
    operation.check(batch, samples=3)


@every_operation
def test_leading_axes_are_batch(operation):
    for batch in [(3,), (2, 1, 3), (0,), (1,)]:
        for dtype in ("float64", "complex64", "longdouble"):
            operation.check(operation.build(dtype, batch=batch), samples=max(np.prod(batch), 1))


@every_operation
@pytest.mark.parametrize("dtypes", MIXED_PAIRS, ids="-".join)
def test_mixed_dtypes_promote(operation, dtypes):
    for order in (dtypes, dtypes[::-1]):
        operation.check(operation.build(order))


@every_operation
@pytest.mark.parametrize("narrow", ["int8", "float16"])
def test_narrow_operands_are_computed_in_the_wider_result_dtype(operation, narrow):
    """100 * 100 wraps in int8, and float16 keeps three digits; a float64 operand prevents both."""
    args = map_arrays(lambda a: 100 * np.sign(a) + a, operation.build(narrow))
    for position, leaf in enumerate(leaves(args)):
        operation.check(replace_leaf(args, position, leaf.astype("float64")))


@every_operation
def test_nested_lists_are_read_as_arrays(operation):
    args = operation.build("int64")
    operation.compare(operation(*map_arrays(np.ndarray.tolist, args)), args)


@every_operation
def test_results_are_fresh_arrays(operation):
    args = operation.build("float64")
    results = leaves(operation(*args))
    if operation.group != "vectorize":  # there a view is as good, as of np.reshape
        assert not any(np.shares_memory(r, a) for r in results for a in leaves(args))
    assert all(type(r) is np.ndarray for r in results)


@every_operation
def test_an_imprecise_result_would_be_noticed(operation):
    """The bound is tight enough to see the last three digits lost."""
    args = operation.build("float64")
    got = map_arrays(lambda a: a * (1 + 1e-12), operation(*args))
    if operation.roundings(2, 3, 4, 5):
        with pytest.raises(AssertionError, match="beyond the bound"):
            operation.compare(got, args)


# --------------------------------------------------------------------------------------
# out


@every_formed
@pytest.mark.parametrize("layout", OUT_LAYOUTS)
def test_out_of_any_layout_is_filled_and_returned(operation, layout):
    for dtype in ("float32", "complex128", "int32", "longdouble"):
        args = operation.build(dtype)
        plain = operation(*args)
        out = OUT_LAYOUTS[layout](filler(plain.dtype, plain.shape))
        assert operation(*args, out=out) is out
        operation.compare(out, args)


@every_formed
@pytest.mark.parametrize("wider", ["float64", "complex64", "longdouble"])
def test_out_may_be_wider(operation, wider):
    args = operation.build("float32")
    expected = operation(*args)
    out = filler(wider, expected.shape)
    assert operation(*args, out=out) is out
    # computed in float32 or in out's dtype: NumPy allows either, so compare in float32
    assert np.allclose(out, expected, rtol=1e-5, atol=1e-5)
    assert not np.isnan(out).any()


@every_formed
def test_out_may_be_narrower_of_the_same_kind(operation):
    args = operation.build("float64")
    out = filler("float32", operation(*args).shape)
    assert operation(*args, out=out) is out
    assert np.allclose(out, operation(*args), rtol=1e-5, atol=1e-5)


@every_formed
@pytest.mark.parametrize("batch", [(3,), (0,), (2, 1)], ids=str)
def test_out_of_a_batch_is_filled(operation, batch):
    args = operation.build("complex64", batch=batch)
    expected = operation(*args)
    out = filler(expected.dtype, expected.shape)
    assert operation(*args, out=out) is out
    assert np.allclose(out, expected, rtol=1e-5, atol=1e-5)


@every_formed
def test_out_of_size_zero_is_returned(operation):
    args = operation.build("float64", sizes=(0, 0, 0, 0))
    out = np.empty_like(operation(*args))
    assert operation(*args, out=out) is out


@every_operation
@pytest.mark.parametrize("dtype", EXACT_DTYPES)
def test_integers_wrap_as_in_matmul(operation, dtype):
    extreme = np.iinfo(dtype).max if dtype != "bool" else True
    args = map_arrays(lambda a: np.full_like(a, extreme), operation.build(dtype))
    if operation.name not in ("svec", "smat"):  # those scale by √2, in floating point
        operation.check(args)
