"""Conjugate gradients: what they return, when they restart, and what they refuse."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse

from helpers import KERNEL_DTYPES, random
from kronvec.operators import (
    Diagonal,
    Identity,
    KroneckerProduct,
    KroneckerSum,
    Restriction,
    Solution,
    conjugate_gradients,
    iterative,
)
from kronvec.operators._structured_sums import Iterative
from operator_table import positive

every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


def gaussian(n, length, dtype="float64"):
    """The covariance exp(-d² / 2ℓ²) of n points in a line."""
    d = np.subtract.outer(np.arange(n), np.arange(n)) / length
    return np.exp(-0.5 * d**2).astype(dtype)


def exponential(n, length, dtype="float64"):
    """The covariance exp(-d / ℓ)."""
    d = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) / length
    return np.exp(-d).astype(dtype)


def residual(a, x, b):
    return np.linalg.norm(b - a @ x, axis=0) / np.linalg.norm(b, axis=0)


class Watched:
    """A dense matrix that notes how many columns each product had."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.columns = array, array.shape, array.dtype, []

    def __matmul__(self, x):
        self.columns.append(x.shape[1])
        return self.array @ x


# ------------------------------------------------------------------------------------ solutions


@every_dtype
@pytest.mark.parametrize("columns", [(), (1,), (5,), (0,)])
def test_solutions_are_those_of_elimination(dtype, columns):
    a = positive(dtype, 40)
    b = random(dtype, 40, *columns)
    kept = b.copy()
    solution = conjugate_gradients(a, b)
    expected = np.linalg.solve(a, b)
    assert solution.x.dtype == dtype
    assert solution.x.shape == b.shape
    assert np.array_equal(b, kept)
    tolerance = np.finfo(dtype).eps ** (2 / 3)
    np.testing.assert_allclose(
        solution.x,
        expected,
        atol=10 * np.linalg.cond(a) * tolerance * np.abs(expected).max() if expected.size else 0,
    )
    assert np.shape(solution.residual) == columns
    assert (np.asarray(solution.residual) <= tolerance).all()


def test_the_residual_is_that_of_x():
    a, b = positive("float64", 60), random("float64", 60, 3)
    solution = conjugate_gradients(a, b, rtol=1e-4)
    np.testing.assert_allclose(solution.residual, residual(a, solution.x, b), rtol=1e-6)
    one = conjugate_gradients(a, b[:, 0], rtol=1e-4)
    assert isinstance(one.residual, float)
    np.testing.assert_allclose(one.residual, residual(a, one.x, b[:, 0]), rtol=1e-6)


def test_a_solution_is_frozen():
    solution = conjugate_gradients(np.eye(2), np.ones(2))
    assert isinstance(solution, Solution)
    with pytest.raises(dataclasses.FrozenInstanceError):
        solution.iterations = 0


def test_as_many_steps_as_there_are_eigenvalues():
    a = Diagonal(np.repeat([1.0, 5.0, 9.0], 100))
    assert conjugate_gradients(a, random("float64", 300)).iterations == 3


def test_each_column_has_its_own_steps_and_stops_when_it_has_converged():
    """e_1 takes one step, b = 0 none, a random column more: products get narrower."""
    a = Watched(np.diag(np.linspace(1, 100, 30)))
    b = np.column_stack([np.zeros(30), 7 * np.eye(30)[0], random("float64", 30)])
    solution = conjugate_gradients(a, b)
    assert a.columns[:2] == [2, 1]
    assert np.array_equal(solution.x[:, 0], np.zeros(30))
    assert np.array_equal(solution.x[:, 1], b[:, 1])
    assert solution.residual[0] == 0
    alone = conjugate_gradients(a.array, b[:, 2])
    assert alone.iterations == solution.iterations
    np.testing.assert_allclose(solution.x[:, 2], alone.x, rtol=1e-8)


def test_no_steps_for_a_right_side_of_zeros():
    solution = conjugate_gradients(np.eye(3), np.zeros(3))
    assert (solution.iterations, solution.residual) == (0, 0)
    assert np.array_equal(solution.x, np.zeros(3))
    empty = conjugate_gradients(np.zeros((0, 0)), np.zeros((0, 2)))
    assert empty.x.shape == (0, 2)


class Drifting(Watched):
    """Its first products are wrong by a millionth, so that the recursion's residual is, too."""

    def __matmul__(self, x):
        wrong = len(self.columns) < 4
        return super().__matmul__(x) * (1 + 1e-6 * wrong)


def test_it_starts_again_where_the_recursion_has_drifted():
    a, b = Drifting(positive("float64", 40)), random("float64", 40)
    seen = []
    solution = conjugate_gradients(a, b, rtol=1e-9, callback=lambda _, r: seen.append(r))
    assert sum(r <= 1e-9 for r in seen) == 2
    assert residual(a.array, solution.x, b) <= 1e-9
    assert solution.iterations == len(seen)


def test_the_callback_sees_every_step():
    seen = []
    a, b = positive("float64", 30), random("float64", 30)
    solution = conjugate_gradients(a, b, callback=lambda *step: seen.append(step))
    assert [i for i, _ in seen] == list(range(1, solution.iterations + 1))
    np.testing.assert_allclose(seen[-1][1], solution.residual, rtol=1e-2)


def test_a_preconditioner_saves_steps():
    d = np.geomspace(1, 1e4, 200)
    a = (
        Diagonal(np.sqrt(d))
        @ KroneckerProduct(positive("float64", 200) / 200)
        @ Diagonal(np.sqrt(d))
    )
    b = random("float64", 200)
    plain = conjugate_gradients(a, b, rtol=1e-6)
    for m in (Diagonal(1 / d), np.diag(1 / d), scipy.sparse.diags_array(1 / d)):
        solution = conjugate_gradients(a, b, preconditioner=m, rtol=1e-6)
        assert residual(a, solution.x, b) <= 1e-6
        assert 10 * solution.iterations <= plain.iterations


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.csr_matrix, list])
def test_whatever_multiplies_is_taken(kind):
    a = positive("float64", 20)
    b = random("float64", 20)
    given = a.tolist() if kind is list else kind(a)
    x = conjugate_gradients(given, b.tolist()).x
    assert type(x) is np.ndarray
    np.testing.assert_allclose(x, np.linalg.solve(a, b), rtol=1e-8)
    linear = scipy.sparse.linalg.aslinearoperator(a)
    np.testing.assert_allclose(conjugate_gradients(linear, b, preconditioner=linear).x, x)


def test_integers_and_precisions():
    a = KroneckerProduct([[2, 1], [1, 2]], [[3]])
    assert conjugate_gradients(a, [3, 6]).x.dtype == np.float64
    moves = 2 * Identity(3)
    assert conjugate_gradients(moves, np.ones(3, "f4")).x.dtype == np.float32
    assert conjugate_gradients(a, np.array([1j, 2])).x.dtype == np.complex128
    x = conjugate_gradients(positive("longdouble", 5), np.ones(5, "longdouble"))
    assert x.x.dtype == np.longdouble
    assert x.residual < 1e-12


@pytest.mark.parametrize("dtype, sizes", [("float64", (1e-300, 1e300)), ("float32", (1e-36, 1e37))])
def test_sizes_whose_squares_over_or_underflow(dtype, sizes):
    a = positive(dtype, 10)
    b = random(dtype, 10, 3) * np.array([*sizes, 1], dtype)
    solution = conjugate_gradients(a, b)
    expected = np.linalg.solve(a, b)
    np.testing.assert_allclose(solution.x / expected, 1, rtol=1e-3)
    assert (solution.residual <= np.finfo(dtype).eps ** (2 / 3)).all()


def test_what_rounding_allows_is_enough_by_default():
    """κ u is some 1e-3 here: 2e-5 is out of reach, what elimination leaves is not."""
    a = gaussian(300, 2.0, "float32") + np.float32(1e-3) * np.eye(300, dtype="f4")
    b = random("float32", 300)
    solution = conjugate_gradients(a, b)
    size = np.linalg.norm(a, 2) * np.linalg.norm(solution.x) / np.linalg.norm(b)
    assert 2e-5 < solution.residual <= 4 * np.sqrt(300) * np.finfo("f4").eps * size
    with pytest.raises(np.linalg.LinAlgError, match="rounding allows no less"):
        conjugate_gradients(a, b, rtol=1e-7)


# ------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    "a",
    [np.diag([1.0, -1.0, 2.0]), -np.eye(3), np.zeros((3, 3)), np.full((3, 3), np.nan)],
    ids=["indefinite", "negative", "zero", "NaN"],
)
def test_matrices_that_are_not_positive_definite_are_refused(a):
    with pytest.raises(np.linalg.LinAlgError, match="the matrix is not positive definite, pᴴ A p"):
        conjugate_gradients(a, [1.0, 2.0, 0.5])


def test_singular_systems_without_a_solution_are_refused():
    a = np.diag([1.0, 2.0, 3.0, 0.0])
    with pytest.raises(np.linalg.LinAlgError, match="A is singular"):
        conjugate_gradients(a, np.ones(4))
    solution = conjugate_gradients(a, [1.0, 1.0, 1.0, 0.0])  # it has one
    np.testing.assert_allclose(solution.x, [1, 1 / 2, 1 / 3, 0])


def test_preconditioners_that_are_not_positive_definite_are_refused():
    with pytest.raises(np.linalg.LinAlgError, match="the preconditioner is not positive definite"):
        conjugate_gradients(np.eye(3), np.ones(3), preconditioner=-np.eye(3))
    with pytest.raises(TypeError):
        conjugate_gradients(np.eye(3), np.ones(3), preconditioner=1j * np.eye(3))


def test_too_few_steps_are_no_solution():
    a, b = Diagonal(np.linspace(1, 1e4, 500)), np.ones(500)
    with pytest.raises(np.linalg.LinAlgError, match=r"residual .* is \d\.\de-\d+ after 7 steps"):
        conjugate_gradients(a, b, maxiter=7)
    with pytest.raises(np.linalg.LinAlgError, match="is 1.0e\\+00 after 0 steps"):
        conjugate_gradients(a, b, maxiter=0)


def test_arguments_that_do_not_fit_are_named():
    good = np.eye(3)
    cases = [
        ((np.ones((3, 2)), np.ones(3)), {}, ValueError, r"a must be square; got a \(3, 2\)"),
        ((np.ones(3), np.ones(3)), {}, ValueError, "a must be square"),
        ((good, np.ones(4)), {}, ValueError, r"b must have shape \(3,\) or \(3, k\); got b \(4,\)"),
        ((good, np.ones((2, 3, 1))), {}, ValueError, "b must have shape"),
        ((good, 1.0), {}, ValueError, "b must be a vector"),
        ((good, [1, np.nan, 0]), {}, ValueError, "b holds NaN or infinity"),
        ((good, np.ones(3)), {"preconditioner": np.eye(2)}, ValueError, r"have shape \(3, 3\)"),
        ((good, np.ones(3)), {"rtol": 0}, ValueError, "rtol must be positive, got 0"),
        ((good, np.ones(3)), {"rtol": np.nan}, ValueError, "rtol must be positive"),
        ((good, np.ones(3)), {"maxiter": -1}, ValueError, "maxiter must not be negative"),
        ((good, np.ones(3)), {"maxiter": 1.5}, TypeError, "maxiter must be an integer"),
        ((good.astype("f2"), np.ones(3, "f2")), {}, TypeError, "float16 cannot be solved"),
        ((good.astype(object), np.ones(3)), {}, TypeError, "object cannot be solved"),
        (("matrix", np.ones(3)), {}, TypeError, "a must be an array"),
    ]
    for arguments, options, error, message in cases:
        with pytest.raises(error, match=f"conjugate_gradients: .*{message}"):
            conjugate_gradients(*arguments, **options)


# ------------------------------------------------------------------- sums of operators, by solve


def with_gaps(sizes, count, noise, dtype="float64", covariance=exponential, length=5.0):
    """P K Pᵀ + noise I, and the rows that P takes."""
    k = KroneckerProduct(*(covariance(n, length, dtype) for n in sizes))
    rows = np.sort(np.random.default_rng(0).choice(k.shape[0], count, replace=False))
    p = Restriction(rows, k.shape[0])
    return p @ k @ p.T + noise * Identity(count), k, rows


def test_systems_with_gaps_agree_with_elimination():
    a, k, rows = with_gaps((50, 60), 2000, 0.05)
    dense = k.toarray()[np.ix_(rows, rows)] + 0.05 * np.eye(2000)
    b = random("float64", 2000, 2)
    np.testing.assert_allclose(a.solve(b), np.linalg.solve(dense, b), atol=1e-8)


@every_dtype
@pytest.mark.parametrize("noise", ["number", "vector"])
def test_large_systems_with_gaps_are_solved(noise, dtype):
    """Beyond what is formed.  Complex ones are Hermitian: D K Dᴴ with unit phases D."""
    sizes, count = (90, 110), 6000
    _, k, rows = with_gaps(sizes, count, 0.0, dtype)
    if dtype[0] == "c":
        phases = [np.exp(0.3j * np.arange(n)).astype(dtype) for n in sizes]
        pairs = zip(k.factors, phases, strict=True)
        k = KroneckerProduct(*(np.diag(u) @ f.array @ np.diag(u.conj()) for f, u in pairs))
    p = Restriction(rows, k.shape[0])
    d = np.linspace(0.05, 0.2, count, dtype=dtype)
    a = p @ k @ p.T + (0.1 * Identity(count) if noise == "number" else Diagonal(d))
    b = random(dtype, count)
    x = a.solve(b)
    assert x.dtype == dtype
    on_grid = np.zeros(k.shape[0], dtype)
    on_grid[rows] = x
    applied = (k @ on_grid)[rows] + (0.1 if noise == "number" else d) * x
    assert np.linalg.norm(applied - b) <= 20 * np.finfo(dtype).eps ** (2 / 3) * np.linalg.norm(b)


def test_sums_of_products_with_gaps_and_batches():
    p = Restriction(np.arange(0, 8000, 3), 8000)
    k = KroneckerProduct(exponential(80, 4), exponential(100, 6))
    more = KroneckerProduct(gaussian(80, 9), gaussian(100, 9))
    for a in (
        p @ (k + 2 * more) @ p.T + 0.1 * Identity(2667),
        p @ k @ p.T + 2 * (p @ more @ p.T) + 0.1 * Identity(2667),
    ):
        b = random("float64", 2, 2667, 3)
        x = a.solve(b)
        assert x.shape == b.shape
        assert (residual(a, x[1], b[1]) <= 1e-10).all()
        assert (residual(a, x[0], b[0]) <= 1e-10).all()


@pytest.mark.parametrize("spread", [4, 1e5])
@pytest.mark.parametrize("kind", [KroneckerProduct, KroneckerSum])
def test_a_diagonal_is_added_to_large_products_and_sums(kind, spread):
    k = kind(exponential(110, 10), exponential(120, 5))
    d = np.geomspace(0.1, 0.1 * spread, 13200)
    b = random("float64", 13200)
    x = (k + Diagonal(d)).solve(b)
    assert np.linalg.norm(k @ x + d * x - b) <= 1e-10 * np.linalg.norm(b)


def test_sums_without_gaps_and_a_shift():
    k = KroneckerProduct(exponential(70, 3), exponential(80, 9))
    a = k + KroneckerProduct(gaussian(70, 2), exponential(80, 2)) + 0.1 * Identity(5600)
    b = random("float64", 5600)
    assert residual(a, a.solve(b), b) <= 1e-10


def test_small_and_dense_systems_are_eliminated(monkeypatch):
    monkeypatch.setattr(Iterative, "_by_iteration", None)
    a, _, _ = with_gaps((20, 30), 300, 1e-6)
    dense = KroneckerProduct(positive("float64", 600)) + Diagonal(np.ones(600))
    for system in (a, dense.terms[0].factors[0] + dense.terms[1]):
        b = random("float64", len(system))
        assert residual(system, system.solve(b), b) <= 1e-9


def test_indefinite_systems_are_eliminated_up_to_what_is_formed():
    k = KroneckerProduct(np.diag([1.0, -1.0]), positive("float64", 300) / 300)
    d = np.linspace(0.1, 0.3, 600)
    a = k + Diagonal(d)
    b = random("float64", 600)
    np.testing.assert_allclose(a.solve(b), np.linalg.solve(a.toarray(), b), rtol=1e-8)


def test_large_systems_that_are_not_positive_definite_are_refused(monkeypatch):
    """Indefinite, or singular: two equal rows without noise."""
    k = KroneckerProduct(np.diag([1.0, -1.0]), exponential(50, 5), exponential(50, 5))
    with pytest.raises(np.linalg.LinAlgError, match="Sum.solve: .* not positive definite"):
        (k + Diagonal(np.linspace(0.1, 0.3, 5000))).solve(random("float64", 5000))
    monkeypatch.setattr(iterative, "_MOST_STEPS", 50)
    p = Restriction(np.arange(5000) // 2, 5000)
    twice = p @ KroneckerProduct(exponential(50, 5), exponential(100, 5)) @ p.T
    with pytest.raises(np.linalg.LinAlgError, match="Sum.solve: conjugate_gradients: "):
        (twice + Diagonal(np.zeros(5000))).solve(random("float64", 5000))


def test_large_negative_definite_systems_are_solved():
    path = 2 * np.eye(70) - np.eye(70, k=1) - np.eye(70, k=-1)
    a = KroneckerSum(-path, -path) + Diagonal(-np.linspace(1, 2, 4900))
    b = random("float64", 4900)
    assert residual(a, a.solve(b), b) <= 1e-10


def test_gaps_may_be_named_twice():
    k = KroneckerProduct(exponential(80, 5), exponential(80, 5))
    rows = np.arange(0, 6400, 1)[:5000]
    a = Restriction(rows, 6400) @ k @ Restriction(rows.copy(), 6400).T + 0.1 * Identity(5000)
    b = random("float64", 5000)
    assert residual(a, a.solve(b), b) <= 1e-10


def test_large_systems_that_are_not_hermitian_are_refused():
    k = KroneckerProduct(np.triu(np.ones((50, 50))), np.eye(100))
    with pytest.raises(ValueError, match="too large to be formed"):
        (k + Diagonal(np.arange(1.0, 5001.0))).solve(np.ones(5000))


def test_determinants_of_large_ones_are_refused():
    a, _, _ = with_gaps((80, 90), 5000, 0.1)
    with pytest.raises(ValueError, match="slogdet: no structured way"):
        a.slogdet()
