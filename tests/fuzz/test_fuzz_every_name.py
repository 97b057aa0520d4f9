"""What is public is fuzzed; what takes sizes, or nothing, is fuzzed here."""

import inspect
import io

import numpy as np
import pytest
from hypothesis import strategies as st
from judge import REFUSALS, fuzzed, outcome
from operands import ALL_LAYOUTS, EDGES, LAYOUT_NAMES, ROWS
from test_fuzz_refusals import EVERY, THINGS

import kronvec as kv
from helpers import DTYPES, KERNEL_DTYPES, random
from kronvec import _reference as reference

OF_SIZES = [name for name in kv.__all__ if name.endswith(("_indices", "_matrix"))]
OF_NOTHING = [
    name
    for name in kv.__all__
    if inspect.isfunction(getattr(kv, name))
    and not any(
        p.default is p.empty for p in inspect.signature(getattr(kv, name)).parameters.values()
    )
]
HERE = {"nearest_kron", "explain"}
MODULES = {"operators": "test_fuzz_operators", "calculus": "test_fuzz_calculus"}  # of tests/fuzz


def test_every_public_name_is_fuzzed():
    fuzzed_names = {*ROWS, *EVERY, *OF_SIZES, *OF_NOTHING, *HERE, *MODULES}
    assert set(kv.__all__) == fuzzed_names
    for module in MODULES.values():
        __import__(module)


@pytest.mark.parametrize("name", OF_SIZES)
@fuzzed
def test_functions_of_sizes(name, data):
    function = getattr(kv, name)
    count = len(inspect.signature(function).parameters)
    sizes = st.sampled_from([*EDGES[:13], -1, -(2**63), 2**31, 2**62, 2**63, 2**64, 2.0, None, "2"])
    args = [data.draw(sizes) for _ in range(count)]
    if name.endswith("_indices") and all(isinstance(n, int) for n in args) and max(args) > 2**30:
        return  # the tests of sizes have these
    result, refusal = outcome(name.removesuffix("_matrix"), folded(function), *args)
    fits = all(isinstance(n, int) and n >= 0 for n in args)
    if fits and max(args) < 18:
        expected = getattr(reference, name)(*args)
        if name.endswith("_matrix"):
            assert result.shape == expected.shape
            result = result.toarray()
        assert np.array_equal(result, expected)
    elif not fits:
        assert refusal is not None


def folded(function):
    """The class behind a matrix names itself, with a capital letter."""

    def call(*args):
        try:
            return function(*args)
        except REFUSALS as error:
            raise type(error)(
                str(error).lower().replace("duplicationpinv", "duplication_pinv")
            ) from error

    return call


@pytest.mark.parametrize("name", OF_NOTHING)
def test_functions_of_nothing(name, capsys):
    if name == "test":
        return  # the self-test of an installed package, which the distributions run
    function = getattr(kv, name)
    result = function()
    if hasattr(result, "__enter__"):
        with result:
            pass
    for parameter in inspect.signature(function).parameters:
        stream = io.StringIO()
        function(**{parameter: stream})
        assert stream.getvalue() == capsys.readouterr().out


@fuzzed
def test_nearest_kron_reaches_the_least_error(data):
    m, n, p, q = (data.draw(st.sampled_from(EDGES[:10])) for _ in range(4))
    dtype = data.draw(st.sampled_from((*KERNEL_DTYPES, "int8", "bool", *DTYPES)))
    seed, layout = data.draw(st.integers(0, 9)), data.draw(st.sampled_from(LAYOUT_NAMES))
    matrix = ALL_LAYOUTS[layout](random(dtype, m * p, n * q, seed=seed))
    pair, refusal = outcome("nearest_kron", kv.nearest_kron, matrix, (m, n), (p, q))
    if np.dtype(dtype).char in "egGO":
        assert isinstance(refusal, TypeError)
        return
    assert refusal is None
    a, b = pair
    assert a.shape == (m, n) and b.shape == (p, q)
    if not matrix.size:
        return
    plain = np.array(matrix, np.result_type(matrix, np.float32 if dtype == "float32" else a.dtype))
    values = np.linalg.svd(reference.realignment(plain, (m, n), (p, q)), compute_uv=False)
    error = np.linalg.norm(plain - np.kron(a, b))
    least, size = np.linalg.norm(values[1:]), np.linalg.norm(values)
    assert abs(error - least) <= 100 * np.sqrt(np.finfo(a.dtype).eps) * size


@fuzzed
def test_nearest_kron_refuses_things_in_words(data):
    args = [random("float64", 6, 6), (2, 3), (3, 2)]
    args[data.draw(st.integers(0, 2))] = THINGS[data.draw(st.sampled_from(list(THINGS)))]
    outcome("nearest_kron", kv.nearest_kron, *args, terms=data.draw(st.sampled_from([None, 1, 2])))


@fuzzed
def test_explain_describes_every_product_or_refuses(data):
    shapes = data.draw(
        st.lists(st.tuples(*[st.sampled_from([*EDGES, 2**20, 2**40, -1])] * 2), max_size=5)
    )
    kwargs = {
        "x_shape": data.draw(st.sampled_from([None, 2, (), (3, -1), (2**40,), "x", 2**63])),
        "side": data.draw(st.sampled_from(["left", "right", "up", None])),
        "dtype": data.draw(st.sampled_from([None, *DTYPES, "M8[s]", "no dtype", 3.5])),
        "peak": data.draw(st.sampled_from([None, 0, -1.0, 50.0, np.nan, "fast"])),
        "bandwidth": data.draw(st.sampled_from([None, 10, 0.0, np.inf])),
    }
    kwargs = {key: value for key, value in kwargs.items() if data.draw(st.booleans())}
    explained, refusal = outcome("explain", kv.explain, shapes, **kwargs)
    if refusal is None:
        assert str(explained)
        assert sorted(i for group in explained.order for i in group) == sorted(
            set(i for group in explained.order for i in group)
        )
