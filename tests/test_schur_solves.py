"""Schur forms, and Kronecker sums and products plus a multiple of I solved by them."""

import itertools
import sys
import time
import warnings
from functools import reduce

import numpy as np
import pytest
from numpy.testing import assert_allclose

import kronvec as kv
from helpers import KERNEL_DTYPES, random
from kronvec import _schur, _schur_solves, _triangular
from kronvec._schur import SchurForm, is_exactly_hermitian, schur, triangular
from kronvec._schur_solves import solve_product, solve_sum

pytest.importorskip("scipy")

KINDS = ("general", "complex", "symmetric", "hermitian", "triangular", "rotation")
FORMS = {
    "as it is": lambda form, a: (form, a),
    "triangular": lambda form, a: (triangular(form), a),
    "transpose": lambda form, a: (form.transpose(), a.T),
    "conjugate": lambda form, a: (form.conjugate(), a.conj()),
    "adjoint": lambda form, a: (form.adjoint(), a.conj().T),
    "triangular transpose": lambda form, a: (triangular(form.transpose()), a.T),
    "adjoint of triangular": lambda form, a: (triangular(form).adjoint(), a.conj().T),
}


def matrix(kind, n, seed=0, dtype="float64"):
    complex_too = kind in ("complex", "hermitian")
    a = random(np.result_type(dtype, np.complex64) if complex_too else dtype, n, n, seed=seed)
    if kind in ("symmetric", "hermitian"):
        return a + a.conj().T
    if kind == "triangular":
        return np.triu(a)
    return a - a.T if kind == "rotation" else a


def relative(error, *parts):
    return np.linalg.norm(error) / np.prod([np.linalg.norm(p) for p in parts])


# --------------------------------------------------------------------------------------
# Forms


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 3, 8, 21])
@pytest.mark.parametrize("which", FORMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forms_are_unitary_and_upper(kind, n, which, dtype):
    form, a = FORMS[which](schur(matrix(kind, n, dtype=dtype)), matrix(kind, n, dtype=dtype))
    tolerance = 10 * n * np.finfo(dtype).eps
    t = np.diag(form.t) if form.is_diagonal else form.t
    assert form.is_diagonal == is_exactly_hermitian(a)
    assert np.linalg.norm(form.q @ t @ form.q.conj().T - a) <= tolerance * np.linalg.norm(a)
    assert np.linalg.norm(form.q @ form.q.conj().T - np.eye(n)) <= tolerance
    assert not np.tril(t, -1 - form.has_blocks).any()
    assert not ("triangular" in which and form.has_blocks)
    assert form.t.dtype in (dtype, np.result_type(dtype, np.complex64))
    if not form.has_blocks:
        assert np.array_equal(form.w, t.diagonal())
    for power in (a, a @ a):  # tr(A) = Σ w, tr(A²) = Σ w²
        w = form.w if power is a else form.w**2
        assert abs(w.sum() - np.trace(power)) <= n * tolerance * np.linalg.norm(power)


def test_blocks_with_unequal_sides_are_turned_by_unitary_matrices():
    a = np.array([[1.0, 1e9], [-1e-9, 1.0]])
    form = triangular(schur(a))
    assert_allclose(form.q @ form.q.conj().T, np.eye(2), atol=1e-15)
    assert relative(form.q @ form.t @ form.q.conj().T - a, a) < 1e-15


def test_hermitian_matrices_are_told_apart():
    h = matrix("hermitian", 5)
    assert (
        is_exactly_hermitian(h)
        and is_exactly_hermitian(h.real)
        and not is_exactly_hermitian(h + 1j * np.eye(5))
    )
    h[1, 2] += 1e-12
    assert not is_exactly_hermitian(h)


# --------------------------------------------------------------------------------------
# Systems


def dense(factors, shift, product):
    """The matrix of the system, formed."""
    k = reduce(np.kron, factors) if product else kv.kronsum(*factors)
    return k + shift * np.eye(len(k), dtype=k.dtype)


def compare(solve, factors, r, shift):
    """x solves within rounding, is of the right dtype, and r has not changed."""
    before = r.copy()
    k = dense(factors, shift, solve is solve_product)
    x = solve("here", [schur(f) for f in factors], r, shift)
    assert np.array_equal(r, before)
    assert x.shape == r.shape and x.dtype == np.result_type(k, r)
    eps = np.finfo(x.dtype).eps
    size = np.linalg.norm(k) * np.linalg.norm(x)
    assert np.linalg.norm(k @ x - r) <= 20 * len(factors) * eps * size


BOTH = pytest.mark.parametrize("solve", [solve_sum, solve_product])
SHAPES = {1: [(1,), (6,)], 2: [(1, 5), (6, 7)], 3: [(3, 1, 4), (4, 5, 2)], 4: [(2, 3, 1, 4)]}


@BOTH
@pytest.mark.parametrize("shift", [0.7, 0.3 + 0.2j], ids=str)
@pytest.mark.parametrize("terms", SHAPES)
def test_systems_of_all_kinds_of_factors(solve, shift, terms):
    kinds = KINDS if terms < 3 else KINDS[: 6 - terms]
    right_sides = itertools.cycle([(), (1,), (3,), (9,), (0,)])
    for sizes in SHAPES[terms]:
        for chosen in itertools.product(kinds, repeat=terms):
            factors = [matrix(k, n, i) for i, (k, n) in enumerate(zip(chosen, sizes, strict=True))]
            for dtype in ("float64", "complex128"):
                r = random(dtype, np.prod(sizes), *next(right_sides))
                compare(solve, factors, r, shift)


@BOTH
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_the_precision_is_that_of_the_factors(solve, dtype):
    factors = [random(dtype, n, n, seed=n) for n in (3, 4, 2)]
    compare(solve, factors, random(dtype, 24, 2), 0.5)


@BOTH
@pytest.mark.parametrize("columns", [1, 2, 20])
@pytest.mark.parametrize("sizes", [(70, 9), (9, 70), (66, 33)], ids=str)
@pytest.mark.parametrize("kinds", [("general", "general"), ("complex", "triangular"),
                                   ("symmetric", "general")], ids=str)  # fmt: skip
def test_blocks_beyond_a_leaf(solve, columns, sizes, kinds):
    factors = [matrix(k, n, i) / n**0.5 for i, (k, n) in enumerate(zip(kinds, sizes, strict=True))]
    r = random("float64", np.prod(sizes), columns)
    forms = [schur(f) for f in factors]
    x = solve("here", forms, r, 2.5)
    product = solve is solve_product
    image = (kv.kron_matmul if product else kv.kronsum_matmul)(factors, x) + 2.5 * x
    norms = [np.linalg.norm(f, 2) for f in factors]
    size = (np.prod(norms) if product else sum(norms)) + 2.5
    assert relative(image - r, x) <= 1e-13 * size


@BOTH
@pytest.mark.parametrize("kind", ["general", "complex", "symmetric"])
def test_three_factors_of_forty(solve, kind):
    factors = [matrix(kind, 40, i) / 40 + 2 * np.eye(40) for i in range(3)]
    forms, r = [schur(f) for f in factors], random("float64", 40**3)
    start = time.perf_counter()
    x = solve("here", forms, r, 0.1)
    assert time.perf_counter() - start < 5  # the dense system would have 4e9 entries
    product = solve is solve_product
    image = (kv.kron_matvec(factors, x) if product else kv.kronsum_matmul(factors, x)) + 0.1 * x
    assert relative(image - r, x) <= 1e-13 * (3**3 if product else 9)


@BOTH
def test_merged_factors_are_those_apart(solve, monkeypatch):
    factors = [matrix("triangular", 3, i) + 4 * np.eye(3) for i in range(5)]
    r = random("float64", 3**5, 2)
    merged = solve("here", [schur(f) for f in factors], r, 0.5)
    monkeypatch.setattr(_schur_solves, "_MERGED", 0)
    apart = solve("here", [schur(f) for f in factors], r, 0.5)
    assert not np.array_equal(merged, apart)
    assert_allclose(merged, apart, rtol=1e-10)


def test_recursion_does_not_cut_blocks(monkeypatch):
    monkeypatch.setattr(_triangular, "LEAF", 3)
    for n in range(4, 12):
        factors = [matrix("rotation", n, 1) + 3 * np.eye(n), matrix("general", n) + n * np.eye(n)]
        compare(solve_sum, factors, random("float64", n * n), 0)
        compare(solve_sum, factors[:1], random("float64", n, 7), 0)


# --------------------------------------------------------------------------------------
# Singular systems


@pytest.mark.parametrize("kind", ["diagonal", "triangular"])
def test_singular_systems_name_eigenvalues_and_factors(kind):
    corner = np.zeros((2, 2)) if kind == "diagonal" else np.array([[0.0, 1.0], [0.0, 0.0]])
    forms = [schur(np.diag([1.0, 2.0]) + corner), schur(np.diag([4.0, 8.0]) + corner)]
    with pytest.raises(np.linalg.LinAlgError) as caught:
        solve_sum("here", forms, np.ones(4), -9, names=("left", "right"))
    assert "here: singular" in str(caught.value)
    assert "1 of left and 8 of right add up to 9, with the shift -9 to 0" in str(caught.value)
    with pytest.raises(np.linalg.LinAlgError) as caught:
        solve_product("here", forms, np.ones(4), -16)
    assert "2 of factor 0 and 8 of factor 1 multiply to 16" in str(caught.value)
    for solve in (solve_sum, solve_product):
        zero = [SchurForm(np.zeros(2), np.eye(2), np.zeros(2))] * 2
        with pytest.raises(np.linalg.LinAlgError):
            solve("here", zero, np.ones(4), 0)


def test_what_overflows_is_an_error():
    form = schur(np.array([[1e-200, 1e-200], [0, 2e-200]]))
    for forms in ([form], [form, form], [form] * 3):
        r = np.full(2 ** len(forms), 1e200)
        with warnings.catch_warnings(), pytest.raises(np.linalg.LinAlgError, match="overflows"):
            warnings.simplefilter("ignore")
            solve_sum("here", forms, r)


@pytest.mark.parametrize(
    "solve",
    [
        lambda y: _triangular.solve_shifted(np.array([[1.0, 1], [0, 0]]), y),
        lambda y: _triangular.solve_sylvester_into(np.eye(2), -np.eye(2), y),
        lambda y: _triangular.solve_stein_into(np.eye(2), np.eye(2), y, -1.0),
    ],
    ids=["shifted", "Sylvester", "Stein"],
)
def test_a_pivot_of_zero_is_told_not_divided_by(solve):
    with pytest.raises(_triangular.Perturbed):
        solve(np.ones((2, 2)))


def test_a_solution_beyond_the_range_is_told_not_scaled():
    tiny = np.full((1, 1), 1e-200)
    with pytest.raises(OverflowError):
        _triangular.solve_sylvester_into(tiny, tiny, np.full((1, 1), 1e300))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (_triangular.Perturbed, "^f: singular within rounding: the eigenvalues 2 of factor 0"),
        (OverflowError, "^f: the solution overflows float64"),
    ],
)
def test_what_lapack_gives_up_is_told_by_name(monkeypatch, error, message):
    def give_up(*_):
        raise error

    monkeypatch.setattr(_schur_solves, "_solve_triangular", give_up)
    forms = [SchurForm(np.array([[2.0, 1], [0, 3]]), np.eye(2), np.array([2.0, 3])) for _ in "ab"]
    with pytest.raises(np.linalg.LinAlgError, match=message):
        solve_sum("f", forms, np.ones((4, 1)))


def test_matrices_that_are_not_hermitian_say_that_they_need_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.linalg", None)
    with pytest.raises(ImportError, match=r"not Hermitian need SciPy: install kronvec\[scipy\]"):
        _schur.lapack.__wrapped__("trtrs", "d")


def test_an_iteration_that_does_not_converge_is_an_error(monkeypatch):
    real = _schur.lapack("gees", "d")
    failing = lambda *args, **kwargs: (*real(*args, **kwargs)[:-1], 1)  # noqa: E731
    monkeypatch.setattr(_schur, "lapack", lambda name, kind: failing)
    with pytest.raises(np.linalg.LinAlgError, match=r"shape \(2, 2\): .* did not converge"):
        schur(np.array([[1.0, 2], [3, 4]]))
