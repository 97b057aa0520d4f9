"""Public functions on other libraries' arrays: the same values, in that library's arrays."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import kronvec as kv
from helpers import leaves, map_arrays, random, replace_leaf
from kronvec._foreign import is_foreign
from operations import OPERATIONS

pytest.importorskip("array_api_compat")
array_api = importlib.import_module("kronvec.interop.array_api")

pytestmark = pytest.mark.filterwarnings("ignore")
LIBRARIES = {
    "array_api_strict": "array_api_strict",
    "torch": "torch",
    "jax": "jax.numpy",
    "dask": "dask.array",
}
TAKEN = [op for op in OPERATIONS if op.name in array_api.GENERIC]
every_operation = pytest.mark.parametrize("operation", TAKEN, ids=str)


#: public functions on arrays that know NumPy's alone, and why
NUMPY_ALONE = {
    **dict.fromkeys(
        ("solve_sylvester", "solve_continuous_lyapunov", "solve_discrete_lyapunov"),
        "Schur forms are LAPACK's: no array API has them",
    ),
    "nearest_kron": "Krylov spaces and exact symmetries have no counterpart in the array API",
    **dict.fromkeys(
        [f"{name}_{kind}" for name in ("vech", "symmetric", "symmetrizer") for kind in ("kron",)]
        + [f"{name}_kron_matvec" for name in ("vech", "symmetric", "symmetrizer")],
        "made by panels of a triangle, written into; compose vech, duplication_matmul and kron",
    ),
}
#: and those that are given no array of numbers
WITHOUT_ARRAYS = {
    *("explain", "get_include", "patch_numpy", "show_config", "test", "calculus", "operators"),
    *(f"{name}_matrix" for name in ("commutation", "duplication", "duplication_pinv")),
    *(f"{name}_matrix" for name in ("elimination", "symmetrizer")),
    *(f"{name}_indices" for name in ("commutation", "duplication", "elimination", "symmetrizer")),
}


def test_every_public_function_takes_foreign_arrays_or_says_why_not():
    listed = [set(array_api.GENERIC), set(NUMPY_ALONE), WITHOUT_ARRAYS]
    assert sorted(name for names in listed for name in names) == sorted(kv.__all__)
    for name in kv.__all__:
        gated = getattr(kv, name)
        while hasattr(gated, "__wrapped__") and type(gated).__name__ != "Gate":
            gated = gated.__wrapped__
        assert (type(gated).__name__ == "Gate") == (name in array_api.GENERIC), name


def test_the_documentation_lists_them():
    text = (Path(__file__).parents[2] / "docs" / "interop.md").read_text(encoding="utf-8")
    section = text.partition("## Arrays of any library")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(\w+)`", section)) >= {*array_api.GENERIC, *NUMPY_ALONE}


@pytest.fixture(scope="module", params=LIBRARIES)
def convert(request):
    """The library's asarray."""
    if request.param == "jax":
        pytest.importorskip("jax").config.update("jax_enable_x64", True)
    library = pytest.importorskip(LIBRARIES[request.param])
    return getattr(library, "asarray", None) or library.tensor


@pytest.fixture(params=["zero-copy", "generic"])
def route(request, monkeypatch):
    if request.param == "generic":
        monkeypatch.setattr(array_api, "_on_our_memory", lambda arrays: None)
    return request.param


def foreign_leaves(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in foreign_leaves(branch)]
    return [tree]


def assert_same(got, expected, like, rtol=1e-12):
    got, expected = foreign_leaves(got), leaves(expected)
    assert len(got) == len(expected)
    for mine, plain in zip(got, expected, strict=True):
        assert type(mine) is type(like)
        assert tuple(mine.shape) == plain.shape
        back = np.asarray(mine)
        assert back.dtype == plain.dtype
        assert_allclose(back, plain, rtol=rtol, atol=rtol)


@every_operation
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("batch", [(), (2,)], ids=["single", "batch"])
def test_every_library_gets_numpys_values_in_its_own_arrays(
    operation, dtype, batch, convert, route
):
    args = operation.build(dtype, (2, 3, 4, 5), batch)
    expected = operation(*args)
    got = operation(*map_arrays(convert, args))
    assert_same(got, expected, convert(np.ones(2)))


@every_operation
def test_numpy_arrays_among_them_are_moved(operation, convert, route):
    args = operation.build("float64")
    first = [True]

    def only_first(a):
        moved = convert(a) if first[0] else a
        first[0] = False
        return moved

    assert_same(operation(*map_arrays(only_first, args)), operation(*args), convert(np.ones(2)))


def test_mixed_precisions_give_the_result_type(convert, route):
    a, b = random("float32", 2, 3), random("float64", 3, 2)
    got = kv.triple_product(convert(a), convert(b), convert(a))
    assert_same(got, kv.triple_product(a, b, a), got, rtol=1e-6)


def test_scalars_and_identities_keep_their_meaning(convert, route):
    f, x = random("float64", 2, 3), random("float64", 4 * 3, 2)
    eye = kv.operators.Identity(4)
    for factors in ([eye, f], [None, f]):
        moved = [convert(g) if g is f else g for g in factors]
        got = kv.kron_matmul(moved, convert(x), alpha=2.5)
        assert_same(got, kv.kron_matmul(factors, x, alpha=2.5), got)
    assert_same(kv.kron(2.0, convert(f)), np.kron(2.0, f), convert(f))


def test_vectors_count_as_in_matmul(convert, route):
    g, x, w = random("float64", 4), random("float64", 3), random("float64", 3, 4)
    got = kv.matmul_vjp(convert(g), convert(x), convert(w), conjugate=False)
    assert_same(got, kv.matmul_vjp(g, x, w, conjugate=False), got[0])


@pytest.mark.parametrize("sum_batch", [None, False, True])
def test_gradients_are_summed_as_for_numpy(sum_batch, convert, route):
    g, x, w = random("float64", 5, 2, 4), random("float64", 5, 2, 3), random("float64", 1, 3, 4)
    got = kv.matmul_vjp(*map(convert, (g, x, w)), sum_batch=sum_batch)
    assert_same(got, kv.matmul_vjp(g, x, w, sum_batch=sum_batch), got[0])


def test_shapes_that_do_not_fit_raise_value_error(convert, route):
    a, b = convert(np.ones((2, 3))), convert(np.ones((4, 2)))
    calls = [
        (kv.triple_product, (a, b, a)),
        (kv.vec_trick, (a, convert(np.ones(5)), b)),
        (kv.kron_matvec, ([a, b], convert(np.ones(5)))),
        (kv.commutation_matmul, (convert(np.ones(5)), 2, 3)),
        (kv.matmul_vjp, (a, a, b)),
        (kv.kron_matvec, ([], a)),
    ]
    for function, args in calls:
        with pytest.raises(ValueError, match=function.__name__):
            function(*args)


def test_out_is_for_numpy_arrays_alone(convert, monkeypatch):
    monkeypatch.setattr(array_api, "_on_our_memory", lambda arrays: None)
    a = convert(np.eye(2))
    with pytest.raises(TypeError, match="out"):
        kv.triple_product(a, a, a, out=np.empty((2, 2)))


def test_arrays_of_two_libraries_are_refused():
    torch, strict = pytest.importorskip("torch"), pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match="bkron"):
        kv.bkron(torch.eye(2), strict.eye(2))


# --------------------------------------------------------------------------------------
# torch and JAX: what is followed is left to the library, what is not is our kernels' work


def test_torch_tensors_share_memory_with_our_kernels(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(array_api, "generic", None)
    a = torch.eye(3, dtype=torch.float64)
    assert torch.equal(kv.triple_product(a, 2 * a, a), 2 * a)
    views = array_api._on_our_memory([a])
    views[0][0, 0] = 7
    assert a[0, 0] == 7


def test_torch_gradients_pass_through():
    torch = pytest.importorskip("torch")
    factors = [torch.randn(3, 3, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    x = torch.randn(27, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *f: kv.kron_matmul(list(f), x), (x, *factors))
    assert torch.autograd.gradcheck(kv.triple_product, (*factors[:2], x[:3]))


def test_torch_transforms_see_every_tensor():
    torch = pytest.importorskip("torch")
    a = torch.randn(4, 3, 3, dtype=torch.float64)
    got = torch.vmap(lambda m: kv.triple_product(m, m, m))(a)
    assert_allclose(got.numpy(), (a @ a @ a).numpy(), rtol=1e-12)
    _, tangent = torch.func.jvp(lambda m: kv.triple_product(m, m, m), (a[0],), (a[1],))
    m, t = a[0], a[1]
    assert_allclose(tangent.numpy(), (t @ m @ m + m @ t @ m + m @ m @ t).numpy(), rtol=1e-12)


def test_torch_half_precision_takes_torchs_own_product():
    torch = pytest.importorskip("torch")
    a = torch.eye(3, dtype=torch.bfloat16)
    assert kv.triple_product(a, a, a).dtype == torch.bfloat16


def test_jax_traces_through():
    jax = pytest.importorskip("jax")
    a = jax.numpy.asarray(random("float64", 3, 3))

    def loss(m):
        return kv.kron_matvec([m, m], kv.vec(m @ m)).sum()

    assert_allclose(jax.jit(loss)(a), loss(a), rtol=1e-9)
    step = 1e-6 * jax.numpy.eye(3)
    numeric = (loss(a + step) - loss(a - step)) / 2
    assert_allclose((jax.grad(loss)(a) * step).sum(), numeric, rtol=1e-6)
    batched = jax.vmap(lambda m: kv.triple_product(m, m, m))(jax.numpy.stack([a, 2 * a]))
    assert_allclose(batched[1], 8 * a @ a @ a, rtol=1e-9)


# --------------------------------------------------------------------------------------
# Subclasses of ndarray that compute by rules of their own


class Modular(np.ndarray):
    """Integers modulo 31, as finite fields do it: every ufunc reduces its result."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        assert ufunc in (np.add, np.multiply, np.matmul), ufunc
        plain = [np.asarray(a) for a in inputs]
        return (getattr(ufunc, method)(*plain, **kwargs) % 31).view(Modular)


BY_PRODUCTS_AND_SUMS = (
    *("bkron", "triple_product", "vec_trick", "kron_matvec", "kron_vecmat", "kron_matmul"),
    *("matmul_kron", "kronsum", "kronsum_matmul", "khatri_rao", "face_splitting", "mttkrp"),
    *("khatri_rao_matvec", "face_splitting_matvec", "partial_trace", "matmul_vjp", "matmul_jvp"),
    "kron",
)


@pytest.mark.parametrize("name", BY_PRODUCTS_AND_SUMS)
def test_subclasses_multiply_and_add_by_their_own_rules(name):
    operation = next(op for op in OPERATIONS if op.name == name)
    args = operation.build("int64", (2, 3, 4, 5))
    args = map_arrays(lambda a: a + 20, args)
    plain = operation(*args)
    alone = [replace_leaf(args, i, a.view(Modular)) for i, a in enumerate(leaves(args))]
    for given in (map_arrays(lambda a: a.view(Modular), args), *alone):
        results = zip(leaves(operation(*given)), leaves(plain), strict=True)
        for i, (mine, expected) in enumerate(results):
            # A gradient has the type of what it is made of.
            assert type(mine) is Modular or name == "matmul_vjp", i
            assert np.array_equal(np.asarray(mine) % 31, expected % 31)


# --------------------------------------------------------------------------------------
# What a plain installation sees


def test_numpys_own_are_not_foreign():
    for kind in (np.ndarray, np.matrix, np.ma.MaskedArray, np.float64, list, float, object):
        assert not is_foreign(kind)


def test_without_the_extra_the_error_names_it():
    program = """
import sys
sys.modules["array_api_compat"] = None
import numpy as np, kronvec as kv
class Owner:
    shape, ndim, dtype = (2, 2), 2, np.dtype(float)
    def __array_namespace__(self): ...
assert kv.triple_product(np.eye(2), [[1, 0], [0, 1]], np.eye(2)).shape == (2, 2)
assert "kronvec.interop" not in sys.modules
try:
    kv.triple_product(Owner(), np.eye(2), np.eye(2))
except ImportError as error:
    assert "kronvec[array-api]" in str(error), error
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", program], check=True)
