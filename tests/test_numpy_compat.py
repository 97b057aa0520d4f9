"""A drop-in: NumPy's own tests of kron, subclasses, protocols and result dtypes."""

import itertools

import numpy as np
import pytest
from numpy.lib.tests import test_shape_base
from numpy.testing import assert_array_equal

import kronvec as kv
from helpers import DTYPES, random
from kronvec import _reference as reference
from kronvec import introspect

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")


class TestKronOfNumpy(test_shape_base.TestKron):
    """NumPy's TestKron, with ``numpy.kron`` and the name its module imported patched."""

    @pytest.fixture(autouse=True)
    def _patched(self, monkeypatch):
        with kv.patch_numpy():
            assert np.kron is kv.kron
            monkeypatch.setattr(test_shape_base, "kron", np.kron)
            yield


# --------------------------------------------------------------------------------------
# patch_numpy


def test_patching_replaces_and_restores_numpys_kron():
    with kv.patch_numpy():
        assert np.kron is kv.kron
        # our own fallbacks hold NumPy's: no recursion
        assert_array_equal(np.kron([1, 2], [[3]]), [[3, 6]])
        assert_array_equal(np.kron(np.float16([1]), np.float16([2])), [2])
    assert np.kron is reference.numpy_kron


def test_patching_restores_after_an_error_and_nests():
    with pytest.raises(ZeroDivisionError), kv.patch_numpy():
        with kv.patch_numpy():
            pass
        assert np.kron is kv.kron
        raise ZeroDivisionError
    assert np.kron is reference.numpy_kron


# --------------------------------------------------------------------------------------
# Subclasses


class Tagged(np.ndarray):
    """A subclass that wins over plain arrays."""

    __array_priority__ = 1.0


def tagged(a):
    return np.asarray(a).view(Tagged)


def masked(a):
    return np.ma.array(a, mask=np.arange(np.size(a)).reshape(np.shape(a)) % 3 == 0)


SUBCLASSES = {"matrix": np.asmatrix, "masked": masked, "tagged": tagged}
every_subclass = pytest.mark.parametrize("wrap", SUBCLASSES.values(), ids=SUBCLASSES)

# Ours beside what a NumPy user would have written, on square matrices
COUNTERPARTS = {
    "kron": (kv.kron, np.kron, 2),
    "triple_product": (kv.triple_product, lambda a, b, c: np.matmul(np.matmul(a, b), c), 3),
    "matmul_jvp": (kv.matmul_jvp, lambda dx, dw, x, w: np.matmul(dx, w) + np.matmul(x, dw), 4),
    "vec_c": (lambda a: kv.vec(a, order="C"), lambda a: np.reshape(a, -1), 1),
    "vec_f": (kv.vec, lambda a: np.reshape(np.transpose(a), -1), 1),
}


def assert_same(got, expected):
    assert type(got) is type(expected)
    assert got.shape == expected.shape and got.dtype == expected.dtype
    if isinstance(expected, np.ma.MaskedArray):  # what lies under the mask is nobody's
        assert_array_equal(np.ma.getmaskarray(got), np.ma.getmaskarray(expected))
        got, expected = got.filled(0), expected.filled(0)
    assert_array_equal(np.asarray(got), np.asarray(expected))


@every_subclass
@pytest.mark.parametrize("name", COUNTERPARTS)
def test_subclasses_get_what_numpys_counterpart_gives(name, wrap):
    ours, numpys, count = COUNTERPARTS[name]
    plain = [random("int64", 3, 3, seed=i).astype(float) for i in range(count)]
    assert_same(ours(*map(wrap, plain)), numpys(*map(wrap, plain)))
    for position in range(count):
        mixed = [wrap(a) if i == position else a for i, a in enumerate(plain)]
        assert_same(ours(*mixed), numpys(*mixed))


# --------------------------------------------------------------------------------------
# Protocols


class UfuncOwner:
    """A duck array, 2 by 2, that answers every ufunc with a note of the call."""

    ndim, shape, dtype, size = 2, (2, 2), np.dtype(float), 4
    noted = None

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        outputs = tuple(UfuncOwner() for _ in range(ufunc.nout))
        for output in outputs:
            output.noted = method, len(inputs)
        return outputs if ufunc.nout > 1 else outputs[0]


class Refusing:
    """Opts out of ufuncs, as np.matmul respects."""

    __array_ufunc__ = None


class FunctionOwner:
    """Answers every NumPy function with its name."""

    ndim, shape, dtype, size = 2, (2, 2), np.dtype(float), 4

    def __array_function__(self, function, types, args, kwargs):
        return f"answered {function.__name__}"


M = np.eye(2)
GUFUNC_CALLS = [
    (kv.bkron, 2, 1),
    (kv.triple_product, 3, 1),
    (kv.vec_trick, 3, 1),
    (kv.matmul_vjp, 3, 2),
    (kv.matmul_jvp, 4, 1),
]


@pytest.mark.parametrize(
    ("function", "count", "outputs"), GUFUNC_CALLS, ids=[row[0].__name__ for row in GUFUNC_CALLS]
)
def test_owners_of_array_ufunc_decide(function, count, outputs):
    for position in range(count):
        args = [UfuncOwner() if i == position else M for i in range(count)]
        answers = function(*args) if outputs > 1 else (function(*args),)
        assert [answer.noted for answer in answers] == [("__call__", count)] * outputs
        args[position] = Refusing()
        with pytest.raises(TypeError):
            function(*args)


def test_owners_of_array_function_decide():
    assert np.kron(FunctionOwner(), M) == "answered kron"
    assert kv.kron(FunctionOwner(), M) == "answered kron"
    assert kv.kron(M, FunctionOwner()) == "answered kron"


# --------------------------------------------------------------------------------------
# Result dtypes


@pytest.mark.parametrize("first", DTYPES)
def test_result_dtypes_are_numpys(first):
    for second in DTYPES:
        a, b = random(first, 2, 2), random(second, 2, 2, seed=1)
        expected = np.kron(a, b)
        assert kv.kron(a, b).dtype == expected.dtype, second
        assert kv.bkron(a, b).dtype == expected.dtype, second
        product = np.matmul(a, b)
        assert kv.triple_product(a, b, a).dtype == np.matmul(product, a).dtype, second
        assert kv.vec_trick(a, b[0].repeat(2), b).dtype == product.dtype, second
        assert kv.kron_matvec([a, a], b.ravel()).dtype == product.dtype, second
        assert kv.matmul_kron(b.repeat(2, 1), [a, b]).dtype == product.dtype, second
        assert kv.matmul_jvp(a, b, a, b).dtype == product.dtype, second
        assert {d.dtype for d in kv.matmul_vjp(a, a, b)} == {product.dtype}, second


def test_result_dtypes_of_many_operands_are_those_of_result_type():
    for dtypes in itertools.product(["int8", "uint16", "float32", "complex64"], repeat=3):
        a, b, c = (random(dtype, 2, 2) for dtype in dtypes)
        assert kv.triple_product(a, b, c).dtype == np.result_type(*dtypes)
        assert kv.kron_matmul([a, b], c.repeat(2, 0)).dtype == np.result_type(*dtypes)
        assert kv.kron(a, b, c).dtype == np.kron(np.kron(a, b), c).dtype


def test_scalars_promote_weakly_in_alpha():
    x = random("float32", 4)
    factors = [random("float32", 2, 2), random("float32", 2, 2)]
    assert kv.kron_matmul(factors, x, alpha=2.5).dtype == np.float32
    assert kv.kron_matmul(factors, x, alpha=2).dtype == np.float32


def test_a_patch_is_taken_back_once():
    outer, inner = kv.patch_numpy(), kv.patch_numpy()
    try:
        assert repr(inner) == "<patch of numpy.kron by kronvec.kron, on>"
        inner.undo()
        inner.undo()
        assert repr(inner) == "<patch of numpy.kron by kronvec.kron, undone>"
        assert np.kron is kv.kron  # by the outer one
    finally:
        outer.undo()
    assert np.kron is not kv.kron


def test_a_later_patch_of_somebody_else_stays(monkeypatch):
    original, theirs = np.kron, object()
    patch = kv.patch_numpy()
    try:
        np.kron = theirs
        patch.undo()
        assert np.kron is theirs
    finally:
        np.kron = original


def test_the_self_test_fails_where_a_claim_does_not_hold():
    with pytest.raises(AssertionError, match="1 is 2"):
        introspect._require(1 == 2, "1 is 2")
