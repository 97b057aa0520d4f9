"""Sylvester and Lyapunov equations, judged by their residuals and the dense Kronecker system."""

import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import kronvec as kv
from equations import EQUATIONS
from helpers import DTYPES, KERNEL_DTYPES, LAYOUTS, REPEATING, random
from kronvec import _discrete_forms, matrix_equations

pytest.importorskip("scipy")
from scipy import linalg  # noqa: E402

every_equation = pytest.mark.parametrize("equation", EQUATIONS, ids=str)
every_lyapunov = pytest.mark.parametrize("equation", EQUATIONS[1:], ids=str)
SIZES = [(1, 1), (1, 2), (2, 1), (3, 7), (9, 4), (16, 16), (40, 3), (3, 40), (70, 66)]
KINDS = ("general", "hermitian", "triangular", "complex pairs")


def matrix(kind, dtype, n, seed=0):
    """A square matrix with eigenvalues in the right half-plane and outside the unit circle."""
    a = random(dtype, n, n, seed=seed)
    if kind == "hermitian":
        a = a + a.conj().T
    elif kind == "triangular":
        a = np.triu(a)
    elif kind == "complex pairs":
        a = a - a.T
    return a + 5 * n * np.eye(n, dtype=dtype)


def solve(equation, *args):
    """The solution, its residual judged."""
    x = equation(*args)
    equation.compare(x, args)
    return x


def take(equation, a, b, q):
    """The arguments that an equation has."""
    return (a, b, q) if equation.name == "solve_sylvester" else (a, q)


# --------------------------------------------------------------------------------------
# Residuals


@every_equation
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_residuals_are_rounding_errors(equation, kind, dtype, sizes):
    m, n = sizes if equation.name == "solve_sylvester" else (max(sizes),) * 2
    q = random(dtype, m, n, seed=2)
    x = solve(equation, *take(equation, matrix(kind, dtype, m), matrix("general", dtype, n, 1), q))
    assert x.dtype == dtype


@every_equation
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_solved_in_a_precision_of_lapack(equation, dtype):
    args = equation.build(dtype)
    x = solve(equation, *args)
    single = {"float16": "float32", "float32": "float32", "complex64": "complex64"}
    double = "complex128" if np.dtype(dtype).kind == "c" else "float64"
    assert x.dtype == single.get(dtype, double)


@every_equation
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in REPEATING])
def test_layouts_do_not_matter_and_arguments_stay(equation, layout):
    equation.check(equation.build("float64", layout=layout))


@every_equation
@pytest.mark.parametrize("kinds", [k for k in np.ndindex(2, 2, 2) if 0 < sum(k) < 3], ids=str)
@pytest.mark.parametrize("n", [5, 70])
def test_real_and_complex_arguments_mix(equation, kinds, n):
    dtypes = [("float64", "complex128")[k] for k in kinds]
    a, b = (matrix("general", dtypes[i], n, i) for i in (0, 1))
    x = solve(equation, *take(equation, a, b, random(dtypes[2], n, n, seed=2)))
    assert x.dtype == np.result_type(*take(equation, *dtypes))


def test_hermitian_and_general_factors_mix():
    for n in (4, 70):
        h, g = matrix("hermitian", "complex128", n), matrix("general", "complex128", n, 1)
        q = random("complex128", n, n, seed=2)
        solve(EQUATIONS[0], h, g, q)
        solve(EQUATIONS[0], g, h, q)
        solve(EQUATIONS[0], h.real + h.real.T, g.real, q)
        solve(EQUATIONS[0], g.real, h, q.real)


@given(st.sampled_from(EQUATIONS), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_solutions_are_those_of_the_dense_kronecker_system(equation, m, n, seed):
    n = n if equation.name == "solve_sylvester" else m
    a, b, q = (random("float64", *s, seed=seed + i) for i, s in enumerate([(m, m), (n, n), (m, n)]))
    if equation.name == "solve_sylvester":
        k, right = kv.kronsum(a, b.T), q
    elif equation.name == "solve_continuous_lyapunov":
        k, right = kv.kronsum(a, a), q
    else:
        k, right = np.kron(a, a) - np.eye(n * n), -q
    bound = 1e-13 * m * n * np.linalg.cond(k)
    expected = np.linalg.solve(k, right.ravel()).reshape(m, n)
    x = equation(*take(equation, a, b, q))
    assert np.linalg.norm(x - expected) <= bound * np.linalg.norm(expected)


@every_equation
@pytest.mark.parametrize("n", [4, 12, 80])
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_scipy_gives_the_same(equation, n, dtype):
    args = take(equation, *(matrix("general", dtype, n, i) for i in (0, 1)), random(dtype, n, n))
    theirs = getattr(linalg, equation.name)(*args)
    ours = equation(*args)
    if equation.name != "solve_discrete_lyapunov":  # SciPy's mixes in a float64 identity
        assert ours.dtype == theirs.dtype
    assert np.linalg.norm(ours - theirs) <= 1e3 * np.finfo(dtype).eps * np.linalg.norm(theirs)


@every_lyapunov
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_solutions_for_hermitian_q_are_hermitian(equation, dtype):
    x = equation(matrix("general", dtype, 20), matrix("hermitian", dtype, 20, 1))
    assert_allclose(x, x.conj().T, rtol=1e-12, atol=1e-15)


# --------------------------------------------------------------------------------------
# Discrete: both ways through the triangular equation


def near_unit_circle(n, distance, seed=0):
    """Eigenvalues of modulus 1 - distance, among them both real ones."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
    t = np.triu(rng.standard_normal((n, n)), 1)
    t[range(n), range(n)] = (1 - distance) * np.resize([-1, 1], n)
    return basis @ t @ basis.T


@pytest.mark.parametrize("distance", [1e-1, 1e-4, 1e-8])
@pytest.mark.parametrize("n", [2, 10, 40])
def test_eigenvalues_near_minus_one_do_not_spoil_the_residual(n, distance):
    solve(EQUATIONS[2], near_unit_circle(n, distance), np.eye(n))


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("n", [1, 2, 7, 33, 70])
def test_the_stein_recursion_alone_solves(monkeypatch, dtype, n):
    a, q = matrix("complex pairs", dtype, n), random(dtype, n, n, seed=1)
    by_cayley = solve(EQUATIONS[2], a, q)
    monkeypatch.setattr(matrix_equations, "quick_form", lambda a: None)
    by_halves = solve(EQUATIONS[2], a, q)
    assert np.linalg.norm(by_halves - by_cayley) <= 1e3 * np.finfo(dtype).eps * np.linalg.norm(
        by_cayley
    )


@pytest.mark.parametrize("n", [3, 6])
def test_a_residual_that_is_too_large_is_not_accepted(monkeypatch, n):
    a, q = matrix("general", "float64", n), random("float64", n, n)
    quick = type(_discrete_forms.quick_form(a))
    monkeypatch.setattr(_discrete_forms, "_ACCEPTED", 0)
    assert _discrete_forms.quick_form(a).solve(q) is None
    solve(EQUATIONS[2], a, q)

    monkeypatch.undo()
    monkeypatch.setattr(quick, "_step", lambda self, q: q)
    assert _discrete_forms.quick_form(a).solve(q) is None
    solve(EQUATIONS[2], a, q)


def test_quick_ways_correct_what_they_got_wrong(monkeypatch):
    a, q = matrix("general", "float64", 4) / 4, random("float64", 4, 4)
    form = _discrete_forms.quick_form(a)
    exact = form._step
    monkeypatch.setattr(form, "_step", lambda q: exact(q) * (1 + 1e-8))
    x = form.solve(q)
    assert np.linalg.norm(a @ x @ a.T - x + q) <= 1e-14 * np.linalg.norm(x)


def test_small_equations_next_to_singular_ones_take_another_way():
    a = np.diag([1 + 1e-7, 0.5])
    assert _discrete_forms.quick_form(a / 2) is not None
    assert type(_discrete_forms.quick_form(a)) is not type(_discrete_forms.quick_form(a / 2))
    solve(EQUATIONS[2], a, np.eye(2))


def test_eigenvalues_at_one_of_minus_one_and_one_are_transformed():
    a = matrix("general", "float64", 6) / 30
    for sign in (1, -1):
        basis = np.linalg.qr(a)[0]
        near = basis @ np.diag([sign, 0.5, 0.25, 0.1, -0.3, 0.4]) @ basis.T + np.triu(a, 4) / 99
        assert _discrete_forms.quick_form(near * (1 + 1e-12)) is not None
        solve(EQUATIONS[2], near * (1 + 1e-3), a)
    assert _discrete_forms.quick_form(np.diag([1.0, -1.0])) is None


def test_methods_of_scipy_are_taken():
    a, q = matrix("general", "float64", 4), random("float64", 4, 4)
    expected = kv.solve_discrete_lyapunov(a, q)
    for method in (None, "direct", "bilinear"):
        assert np.array_equal(kv.solve_discrete_lyapunov(a, q, method), expected)
    with pytest.raises(ValueError, match="solve_discrete_lyapunov: method must be.*'schur'"):
        kv.solve_discrete_lyapunov(a, q, method="schur")


# --------------------------------------------------------------------------------------
# Singular


def raised(error, function, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(error) as caught:
            function(*args)
    return str(caught.value)


@pytest.mark.parametrize("n", [2, 5, 66])
@pytest.mark.parametrize("away", [0, 1e-17])
@pytest.mark.parametrize("hermitian", [True, False])
def test_singular_equations_name_the_eigenvalues(n, away, hermitian):
    a = np.diag(np.arange(2.0, n + 2))
    if not hermitian:
        a += np.triu(np.ones((n, n)), 1)
    b, q = -3 * np.eye(n) + away * np.eye(n), np.ones((n, n))
    message = raised(np.linalg.LinAlgError, kv.solve_sylvester, a, b, q)
    assert re.search(r"solve_sylvester: .* 3 of a and -3 of b add up to ", message), message
    a[0, 0] = -3 + away
    message = raised(np.linalg.LinAlgError, kv.solve_continuous_lyapunov, a, q)
    assert re.search(r"continuous_lyapunov: .* of a and -?3 of aᴴ add up to ", message), message
    a[0, 0] = 1 / 3 + away
    message = raised(np.linalg.LinAlgError, kv.solve_discrete_lyapunov, a, q)
    assert re.search(r"discrete_lyapunov: .* of a and \S+ of aᴴ multiply to 1, ", message), message


def test_pairs_of_imaginary_eigenvalues_are_singular():
    rotation = np.array([[0.0, 1.0], [-1.0, 0.0]])
    for function in (kv.solve_continuous_lyapunov, kv.solve_discrete_lyapunov):
        message = raised(np.linalg.LinAlgError, function, rotation, np.eye(2))
        assert "1j" in message, message


@every_equation
@pytest.mark.parametrize("n", [1, 2, 80])
def test_zero_matrices(equation, n):
    zero = np.zeros((n, n))
    if equation.name == "solve_discrete_lyapunov":
        assert_allclose(equation(zero, zero + 1), zero + 1)
    else:
        raised(np.linalg.LinAlgError, equation, *take(equation, zero, zero, zero + 1))


@every_equation
@pytest.mark.parametrize("upper", [0, 1])
def test_solutions_that_overflow_are_errors(equation, upper):
    a = np.array([[1.0, upper], [0.0, 1.0]]) * 1e-200
    if equation.name == "solve_discrete_lyapunov":
        a = np.array([[1 + 1e-15, upper], [0.0, 1 + 1e-15]])
    q = np.full((2, 2), 1.5e308)
    message = raised(np.linalg.LinAlgError, equation, *take(equation, a, a, q))
    assert equation.name in message and "overflows float64" in message, message


# --------------------------------------------------------------------------------------
# Shapes and batches


@every_equation
@pytest.mark.parametrize("name", "abq")
def test_shapes_that_do_not_fit(equation, name):
    good = dict(zip("abq", [np.eye(3), np.eye(3), np.ones((3, 3))], strict=True))
    for shape in [(3,), (), (3, 4), (2, 2), (2, 3, 4)]:
        args = take(equation, *{**good, name: np.ones(shape)}.values())
        if name == "b" and (len(args) == 2 or shape == (2, 2)):
            continue
        message = raised(ValueError, equation, *args)
        assert equation.name in message and f"{name} " in message, message


@every_equation
def test_nan_and_infinity_are_refused(equation):
    for position, name in enumerate("aq" if equation is not EQUATIONS[0] else "abq"):
        for bad in (np.nan, np.inf, -np.inf):
            args = list(equation.build("float64"))
            args[position][0, 0] = bad
            message = raised(ValueError, equation, *args)
            assert message == f"{equation.name}: {name} must not contain NaN or infinity"


@every_equation
@pytest.mark.parametrize("n", [3, 20])
def test_batches_broadcast(equation, n):
    a = np.stack([matrix("general", "float64", n, i) for i in range(2)])[:, None]
    b, q = matrix("complex pairs", "float64", n), random("complex128", 3, n, n)
    args = take(equation, a, b, q)
    x = solve(equation, *args)
    for i in range(2):
        for j in range(3):
            assert np.array_equal(x[i, j], equation(*take(equation, a[i, 0], b, q[j])))
    if equation is EQUATIONS[0]:
        solve(equation, b, a, q[0])
    message = raised(ValueError, equation, *take(equation, np.stack([b] * 3), b, q[:2]))
    assert "do not broadcast" in message


@every_equation
def test_empty_equations_have_empty_solutions(equation):
    eye, none = np.eye(2), np.zeros((0, 0))
    assert equation(*take(equation, none, none, none)).shape == (0, 0)
    assert equation(*take(equation, none, none, none.astype("F"))).dtype == np.complex128
    batch = np.zeros((0, 2, 2), np.float32)
    assert equation(*take(equation, eye, eye, batch)).shape == (0, 2, 2)
    if equation is EQUATIONS[0]:
        assert equation(none, eye, np.zeros((0, 2))).shape == (0, 2)


@every_equation
def test_lists_and_objects_are_read_as_numbers(equation):
    args = [a.astype(object) for a in equation.build("int64")]
    assert np.array_equal(equation(*args), equation(*(a.tolist() for a in args)))
    args[0][0, 0] += 3j
    assert solve(equation, *args).dtype == np.complex128
    args[0][0, 0] = "one"
    assert "objects" in raised(TypeError, equation, *args)


def test_hermitian_equations_need_no_scipy():
    program = (
        "import sys; sys.modules['scipy'] = None; import numpy as np, kronvec as kv\n"
        "x = kv.solve_continuous_lyapunov(np.eye(3), np.eye(3))\n"
        "assert np.allclose(2 * x, np.eye(3))\n"
        "try: kv.solve_continuous_lyapunov(np.tri(3), np.eye(3))\n"
        "except ImportError as error: assert 'kronvec[scipy]' in str(error)\n"
        "else: raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
