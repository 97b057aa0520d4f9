"""Every operator on every operand: products, solutions and arrays are those of its matrix."""

import numpy as np
import pytest
from hypothesis import strategies as st
from judge import Untouched, fuzzed, outcome
from operands import ALL_LAYOUTS, BATCHES, LAYOUT_NAMES, one_of_all
from test_fuzz_refusals import THINGS

from helpers import DTYPES, KERNEL_DTYPES, random
from operator_table import NAMES, SQUARE, TABLES, regular

TURNED = {
    "as it is": (lambda k: k, lambda a: a),
    "T": (lambda k: k.T, lambda a: a.T),
    "H": (lambda k: k.H, lambda a: a.conj().T),
    "conj": (lambda k: k.conj(), lambda a: a.conj()),
    "-2": (lambda k: -2 * k, lambda a: -2 * a),
}
# what it multiplies has its inner axis last, as a vector or (from the right) a matrix, or first
CALLS = {
    "K @ x": (lambda k, x: k @ x, lambda a, x: a @ x, "column"),
    "x @ K": (lambda k, x: x @ k, lambda a, x: x @ a, "row"),
    "dot": (lambda k, x: k.dot(x), lambda a, x: a @ x, "column"),
    "matvec": (lambda k, x: k.matvec(x), lambda a, x: a @ x, "vector"),
    "rmatvec": (lambda k, x: k.rmatvec(x), lambda a, x: a.conj().T @ x, "left vector"),
    "matmat": (lambda k, x: k.matmat(x), lambda a, x: a @ x, "matrix"),
    "rmatmat": (lambda k, x: k.rmatmat(x), lambda a, x: a.conj().T @ x, "left matrix"),
}
TABLE = one_of_all(KERNEL_DTYPES, list(TURNED), list(CALLS))
OPERANDS = one_of_all(("float64", *DTYPES), LAYOUT_NAMES, BATCHES, (None, 3, 1, 0, 8), range(9))
# Made of sparse matrices, or of LAPACK's factors, which take no objects and no long doubles.
BY_SCIPY = ("Product mixed", "Inverse", "Nearest neighbours")
every_operator = pytest.mark.parametrize("name", NAMES)


def turned(name, data):
    """(operator, dense matrix, call, the call's definition, how its operand lies, operand)"""
    dtype, how, call = data.draw(TABLE)
    operator, dense = TABLES[dtype][name]
    of_operator, of_dense = TURNED[how]
    return of_operator(operator), of_dense(dense), *CALLS[call]


def operand(shape, lies, draw):
    """An array of any dtype and layout that fits a matrix of this shape."""
    dtype, layout, batch, columns, seed = draw
    length = shape[0] if lies.startswith(("left", "row")) else shape[1]
    if lies.endswith("vector"):
        core = (length,)
    elif columns is None and not lies.endswith("matrix"):
        batch, core = (), (length,)
    else:
        core = (columns or 2, length) if lies == "row" else (length, columns or 2)
    batch = batch if lies in ("row", "column") else ()
    return ALL_LAYOUTS[layout](random(dtype, *batch, *core, seed=seed))


def close(got, expected, dense, factor=1):
    """Equal up to some roundings of the largest entry, to the least precision there is."""
    assert got.shape == expected.shape
    inexact = [a.dtype for a in (got, expected, dense) if a.dtype.kind in "fc"]
    eps = max([np.finfo(dtype).eps for dtype in inexact], default=0)
    wide = np.clongdouble
    size = max(np.abs(expected.astype(wide)).max(initial=0), 1e-3)
    error = np.abs(got.astype(wide) - expected.astype(wide)).max(initial=0)
    assert error <= 500 * factor * eps * size, (error, eps, size)


@every_operator
@fuzzed
def test_products_are_those_of_the_dense_matrix(name, data):
    operator, dense, call, define, lies = turned(name, data)
    x = operand(dense.shape, lies, data.draw(OPERANDS))
    result, refusal = outcome("", call, operator, x)
    if refusal is not None and x.dtype.char in "egGO":  # as SciPy and LAPACK
        assert "parse" in name or name in BY_SCIPY, refusal
        return
    assert refusal is None, refusal
    wide = np.array(x, np.result_type(x, np.float32) if x.dtype != object else x.dtype)
    with np.errstate(all="ignore"):
        expected = define(dense, wide)
        if result.dtype == bool:  # of what only moves, or adds: in booleans
            expected = expected != 0
        close(result, expected, dense, 1 + max(dense.shape))


@pytest.mark.parametrize("name", SQUARE)
@fuzzed
def test_solutions_are_those_of_the_dense_matrix(name, data):
    operator, dense, *_ = turned(name, data)
    b = operand(dense.shape, "column", data.draw(OPERANDS))
    result, refusal = outcome("", operator.solve, b)
    if refusal is not None:
        assert not regular(dense) or b.dtype.char in "egGO", refusal
        return
    assert result.shape == b.shape
    plain = np.array(b, np.result_type(b, np.float32)) if b.dtype != object else b.astype(float)
    residual = np.linalg.norm((dense @ result - plain).astype(complex))
    size = np.linalg.norm(dense) * np.linalg.norm(result.astype(complex))
    eps = max(np.finfo(a.dtype).eps for a in (dense, plain, result) if a.dtype.kind in "fc")
    assert residual <= 1000 * max(1, len(dense)) * eps * (size + np.linalg.norm(plain))


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@every_operator
@fuzzed
def test_arrays_are_the_dense_matrix_in_any_dtype(name, data):
    operator, dense, *_ = turned(name, data)
    close(operator.toarray(), dense, dense)
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    array, refusal = outcome("", operator.toarray, dtype)
    if refusal is None:
        assert array.dtype == dtype and array.shape == dense.shape
        if dtype.kind in "fcO" and not (dense.dtype.kind == "c" and dtype.kind == "f"):
            close(array, dense, dense)


@every_operator
@fuzzed
def test_what_is_no_operand_is_refused(name, data):
    operator, dense, call, _, lies = turned(name, data)
    if data.draw(st.booleans()):
        thing = THINGS[data.draw(st.sampled_from(list(THINGS)))]
        outcome("", call, operator, thing)
        return
    x = operand(dense.shape, lies, data.draw(OPERANDS))
    axis = data.draw(st.integers(0, x.ndim - 1))
    wrong = np.concatenate([x, x, x[..., :1] if axis == x.ndim - 1 else x], axis)
    shape = wrong.shape
    with Untouched(wrong):
        result, refusal = outcome("", call, operator, wrong)
    inner = -1 if lies == "row" or x.ndim == 1 or lies.endswith("vector") else -2
    if axis - x.ndim == inner and shape[inner] != x.shape[inner]:
        assert refusal is not None
    elif refusal is None:
        assert result is not None
