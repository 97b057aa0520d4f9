"""kronvec.interop.numba inside @njit functions, against the plain definitions."""

import importlib
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import kronvec as kv
from helpers import KERNEL_DTYPES, SIZES, assert_bounded, assert_matches, lift, random

numba = pytest.importorskip("numba")
kn = importlib.import_module("kronvec.interop.numba")

every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)
every_size = pytest.mark.parametrize("sizes", SIZES, ids=str)


def arrays(dtype, *shapes):
    return [random(dtype, *shape, seed=i) for i, shape in enumerate(shapes)]


@numba.njit
def nested_triple_product(a, b, c):
    return kn.triple_product(a.T, b[::-1, ::2], c)


@every_dtype
@every_size
def test_triple_product(dtype, sizes):
    m, n, p, q = sizes
    a, b, c = arrays(dtype, (n, m), (n, 2 * p), (p, q))
    expected = a.T, b[::-1, ::2], c
    assert_matches(nested_triple_product(a, b, c), "triple_product", expected, roundings=n + p)
    y = np.empty((m, q), dtype, order="F")
    assert kn.triple_product(*expected, y).ctypes.data == y.ctypes.data
    assert_matches(y, "triple_product", expected, roundings=n + p)


@every_dtype
@every_size
def test_kron(dtype, sizes):
    m, n, p, q = sizes
    a, b = arrays(dtype, (m, n), (p, q))
    assert_matches(kn.kron(a, b), "kron", (a, b), roundings=1)
    y = np.empty((n * q, m * p), dtype)
    kn.kron(a, b, y.T)
    assert_matches(y.T, "kron", (a, b), roundings=1)


@every_dtype
@every_size
def test_matmul_vjp(dtype, sizes):
    m, n, p, _ = sizes
    g, x, w = arrays(dtype, (m, p), (m, n), (n, p))
    assert_matches(kn.matmul_vjp(g, x, w), "matmul_vjp", (g, x, w), roundings=m + p)


@every_dtype
@every_size
def test_mode_product(dtype, sizes):
    left, p, q, right = sizes
    f, x = arrays(dtype, (q, p), (left, p, right))
    exact = np.einsum("qp,lpr->lqr", lift(f), lift(x))
    size = np.einsum("qp,lpr->lqr", abs(lift(f)), abs(lift(x)))
    assert_bounded(kn.mode_product(f, x), exact, size, p)


@pytest.mark.parametrize("dtype", ["int8", "bool", "float64", "complex128"])
def test_transpose_of_any_dtype(dtype):
    x = random(dtype, 7, 5)
    assert np.array_equal(kn.transpose(x), x.T)
    assert np.array_equal(kn.transpose(x[::2, ::-1]), x[::2, ::-1].T)


@every_dtype
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_kron_matvec(dtype, count):
    factors = tuple(arrays(dtype, *[(3, 4)] * count))
    x = random(dtype, 2 * 4**count)[::2]
    assert_matches(kn.kron_matvec(factors, x), "kron_matvec", (factors, x), roundings=5 * count)


def test_kron_matvec_of_nothing_is_zero():
    assert kn.kron_matvec((np.ones((3, 0)), np.ones((2, 4))), np.ones(0)).tolist() == [0.0] * 6
    assert kn.kron_matvec((np.ones((0, 3)), np.ones((2, 4))), np.ones(12)).shape == (0,)


@every_dtype
def test_plans_are_applied_inside_compiled_code(dtype):
    shapes = [(16, 12), (None, 3), (4, 4), (9, 8)]
    plan = kn.make_plan(shapes, dtype, 2, 3)
    assert kn.make_plan(shapes, dtype, 2, 3) is plan
    a, b, c = arrays(dtype, (16, 12), (4, 4), (9, 8))
    none = np.empty((0, 0), dtype)
    x, y = random(dtype, 2, 12 * 3 * 4 * 8, 3), np.empty((2, 16 * 3 * 4 * 9, 3), dtype)
    eye = np.eye(3, dtype=dtype)
    for workspace in (None, np.empty(plan.workspace, np.uint8)):
        y[...] = np.nan
        assert kn.plan_apply(plan, (a, none, np.asfortranarray(b), c), x, y, workspace) is not None
        assert_matches(y, "kron_matmul", ([a, eye, b, c], x), roundings=40)


def test_threads_run_without_the_gil():
    a, results = random("float64", 40, 40), []

    @numba.njit(nogil=True)
    def power(a, count):
        for _ in range(count):
            b = kn.triple_product(a, a, a)
        return b

    threads = [threading.Thread(target=lambda: results.append(power(a, 50))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3 and all(np.array_equal(r, results[0]) for r in results)


def test_a_callback_of_scipy_runs_kernels():
    """∫∫ xᵀ (A ⊗ B) x over the unit square."""
    scipy = pytest.importorskip("scipy")
    integrate = pytest.importorskip("scipy.integrate")
    a, b = random("float64", 2, 2), random("float64", 1, 1)

    @numba.cfunc("float64(intc, CPointer(float64))")
    def quadratic_form(n, values):
        x = numba.carray(values, (2, 1))
        return kn.triple_product(x.T, kn.kron(a, b), x)[0, 0]

    integrand = scipy.LowLevelCallable(quadratic_form.ctypes)
    value, _ = integrate.nquad(integrand, [(0, 1), (0, 1)])
    moments = np.array([[1 / 3, 1 / 4], [1 / 4, 1 / 3]])
    assert abs(value - (np.kron(a, b) * moments).sum()) < 1e-12


def test_shapes_that_do_not_fit_raise():
    a, x = np.ones((2, 3)), np.ones((2, 2, 2))
    for function, operands in (
        (kn.triple_product, (a, a, a)),
        (kn.mode_product, (a, x)),
        (kn.kron, (a, a, a)),
        (kn.matmul_vjp, (a, a, a)),
        (kn.transpose, (a, a)),
        (kn.kron_matvec, ((a, a), np.ones(8))),
    ):
        with pytest.raises(ValueError, match=function.__name__):
            function(*operands)


def test_plans_refuse_what_they_were_not_made_for():
    plan = kn.make_plan([(2, 2), (3, 3)])
    a, b, x = np.eye(2), np.eye(3), np.ones((1, 6, 1))
    y, single = np.empty_like(x), np.float32
    for factors, x_, y_, size, what in (
        ((a, a), x, y, plan.workspace, "shapes"),
        ((a,), x, y, plan.workspace, "as many factors"),
        ((a, b), x, y, 0, "too small"),
        ((a.astype(single), b.astype(single)), x.astype(single), y.astype(single), 0, "dtype"),
    ):
        with pytest.raises(ValueError, match=what):
            kn.plan_apply(plan, factors, x_, y_, np.empty(size, np.uint8))
    with pytest.raises(ValueError, match="kronvec plan"):
        kn.make_plan([(2, 2)], np.int64)


def test_dtypes_are_one_of_four():
    a = np.ones((2, 2))
    for operands in ((a, a, a.astype("f4")), (a.astype(int),) * 3):
        with pytest.raises(numba.TypingError, match="share one dtype of float32"):
            kn.triple_product(*operands)


def test_arrays_have_the_axes_of_the_function_and_results_are_writable():
    a, x = np.ones((2, 2)), np.ones((2, 2, 2))
    read_only = np.ones((2, 2))
    read_only.flags.writeable = False
    assert (kn.triple_product(read_only, a, a) == 4).all()
    plan = kn.make_plan([(2, 2)])
    for function, operands, what in (
        (kn.triple_product, (a, a, x), "axes"),
        (kn.mode_product, (a, x, a), "axes"),
        (kn.transpose, (x, x), "axes"),
        (kn.plan_apply, (plan, (x,), x, x), "axes"),
        (kn.triple_product, (a, a, a, read_only), "writable"),
    ):
        with pytest.raises(numba.TypingError, match=what):
            function(*operands)
    with pytest.raises(ValueError, match="contiguous bytes"):
        kn.plan_apply(plan, (a,), x, x, np.ones(10))


def test_without_numba_the_extra_is_named():
    program = "import sys; sys.modules['numba'] = None; import kronvec.interop.numba"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'kronvec[numba]'" in done.stderr


def test_names_are_those_of_the_public_functions():
    same = [name for name in kn.__all__ if hasattr(kv, name)]
    assert same == ["kron", "kron_matvec", "matmul_vjp", "triple_product"]


PAGE = Path(__file__).parents[2] / "docs" / "embedding.md"


@pytest.mark.skipif(not PAGE.exists(), reason="no page beside the tests")
def test_the_example_of_the_page_runs():
    (block,) = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    session = {}
    exec(block, session)
    f, p, q = arrays("float64", (3, 3), (3, 3), (3, 3))
    expected = f @ (f @ p @ f.T + q) @ f.T + q
    assert np.allclose(session["propagate"](f, p, q, 2), expected)
    factors = tuple(random("float64", 16, 16, seed=i) for i in range(4))
    x = y = random("float64", 1, 16**4, 1)
    for _ in range(3):
        y = kv.kron_matmul(factors, y)
        y /= np.linalg.norm(y)
    assert np.allclose(session["power"](factors, x.copy(), 3), y)
