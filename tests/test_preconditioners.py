"""Preconditioners: what they approximate, and how many steps they save."""

import importlib.util
import tracemalloc

import numpy as np
import pytest

from helpers import KERNEL_DTYPES, random
from kronvec.operators import (
    Diagonal,
    Identity,
    KroneckerProduct,
    KroneckerSum,
    NearestNeighbours,
    Restriction,
    conjugate_gradients,
)
from kronvec.operators._grids import read_grid
from kronvec.operators.preconditioners import jacobi, preconditioner_for, shifted_inverse
from operator_table import positive
from test_iterative import exponential, gaussian, with_gaps

every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


def steps(a, preconditioner=None):
    """How many conjugate gradients take for a random right side."""
    b = random("float64", a.shape[0])
    return conjugate_gradients(a, b, preconditioner=preconditioner).iterations


def scattered(n, axes=2):
    return np.random.default_rng(1).uniform(0, 1, (n, axes))


# ---------------------------------------------------------------------------- nearest neighbours


@every_dtype
def test_all_neighbours_give_the_inverse(dtype):
    a = positive(dtype, 30)
    m = NearestNeighbours(a, points=scattered(30), neighbours=29)
    assert m.dtype == dtype
    expected = np.linalg.inv(a)
    tolerance = 1e3 * np.finfo(dtype).eps * np.abs(expected).max()
    np.testing.assert_allclose(m.toarray(), expected, atol=tolerance)
    sign, logarithm = m.slogdet()
    assert sign == 1
    np.testing.assert_allclose(logarithm, -np.linalg.slogdet(a)[1], rtol=1e-5)


@every_dtype
@pytest.mark.parametrize("neighbours", [0, 1, 5])
def test_rows_are_what_is_left_of_an_unknown_given_its_neighbours(dtype, neighbours):
    """G is lower triangular and sparse, diag(G A Gᴴ) = 1, and (G A)[i, j] = 0 for neighbours j."""
    a = positive(dtype, 40)
    g = NearestNeighbours(a, points=scattered(40), neighbours=neighbours).factor.toarray()
    assert np.array_equal(g, np.tril(g))
    assert np.count_nonzero(g, axis=1).max() == neighbours + 1
    assert (g.diagonal().real > 0).all()
    tolerance = 1e3 * np.finfo(dtype).eps
    np.testing.assert_allclose(np.diagonal(g @ a @ g.conj().T), 1, atol=tolerance)
    beside = (g != 0) & ~np.eye(40, dtype=bool)
    assert np.abs((g @ a)[beside]).max(initial=0) <= 10 * tolerance


def test_the_neighbours_are_the_nearest_earlier_ones():
    points = np.array([0.0, 10.0, 1.0, 11.0, 2.0, 12.0])[:, None]
    m = NearestNeighbours(positive("float64", 6), points=points, neighbours=2)
    columns = [set(row.nonzero()[0]) for row in m.factor.toarray()]
    assert columns == [{0}, {0, 1}, {0, 1, 2}, {1, 2, 3}, {0, 2, 4}, {1, 3, 5}]


@pytest.mark.parametrize("neighbours", [1, 3, 10])
def test_it_is_positive_definite_whatever_is_dropped(neighbours):
    a = positive("complex128", 60) * 1e-3 + np.ones((60, 60))
    m = NearestNeighbours(a, points=scattered(60), neighbours=neighbours)
    assert np.linalg.eigvalsh(m.toarray()).min() > 0


def test_neighbours_that_determine_one_another_do_no_harm():
    """Equal rows, a covariance of rank one, and one that is singular to working precision."""
    twice = Restriction(np.arange(200) // 2, 100)
    grid = KroneckerProduct(exponential(10, 3), exponential(10, 3))
    for a in (
        twice @ grid @ twice.T,
        KroneckerProduct(np.ones((10, 10)), np.ones((20, 20))),
        KroneckerProduct(gaussian(10, 20), gaussian(20, 20)),
    ):
        m = NearestNeighbours(a)
        assert np.isfinite(m.factor.data).all()
        assert (m.factor.diagonal() > 0).all()


def test_nearness_is_in_units_of_the_decay_along_each_axis():
    """Steps are 1/2 and 1/20 of the length for exp(-d / ℓ), 1/√2 of that for exp(-d² / 2ℓ²)."""
    k = KroneckerProduct(exponential(30, 2), exponential(40, 20))
    x = read_grid(k).points().reshape(30, 40, 2)
    np.testing.assert_allclose(np.diff(x[:, 0, 0]), 1 / 2)
    np.testing.assert_allclose(np.diff(x[0, :, 1]), 1 / 20)
    assert np.ptp(x[:, :, 1], axis=0).max() == 0
    k = 3 * KroneckerProduct(gaussian(30, 2), gaussian(40, 20)) + 0.1 * Identity(1200)
    x = read_grid(k).points().reshape(30, 40, 2)
    np.testing.assert_allclose(np.diff(x[:, 0, 0]), np.sqrt(1 / 8), rtol=1e-6)
    np.testing.assert_allclose(np.diff(x[0, :, 1]), np.sqrt(1 / 800), rtol=1e-6)


def test_unevenly_spaced_factors():
    where = np.cumsum(np.random.default_rng(0).uniform(0.1, 2, 50))
    factor = np.exp(-np.abs(np.subtract.outer(where, where)))
    x = read_grid(KroneckerProduct(factor, np.eye(2))).points().reshape(50, 2, 2)
    assert np.corrcoef(x[:, 0, 0], where)[0, 1] > 0.99


def test_grids_of_sums_gaps_and_diagonals():
    k, more = (
        KroneckerProduct(exponential(5, 2), np.eye(4)),
        KroneckerSum(positive("f8", 5), [2.0] * 4),
    )
    rows = np.array([3, 0, 19, 7])
    p, other = Restriction(rows, 20), Restriction(rows[::-1], 20)
    for a in (k, 2 * k + 3 * Identity(20), k + more, more + Diagonal(np.ones(20))):
        assert read_grid(a).sizes == (5, 4)
        assert read_grid(a).observed is None
    for a in (p @ k @ p.T, 2 * (p @ k @ p.T) + Identity(4), p @ (k + 2 * more) @ p.T):
        assert read_grid(a).sizes == (5, 4)
        assert np.array_equal(read_grid(a).observed, rows)
        assert read_grid(a).points().shape == (4, 2)
    for a in (
        p @ k @ other.T,
        p @ k @ p.T + other @ k @ other.T,
        p @ k @ p.T + KroneckerProduct(np.eye(2), np.eye(2)),
        KroneckerProduct(np.ones((2, 3)), np.ones((3, 2))),
        Identity(4),
    ):
        assert read_grid(a) is None


def test_entries_with_gaps_need_no_large_temporaries():
    """A million points; the answer is 3 MB, the operator 16 MB, a column 8 MB."""
    a, k, rows = with_gaps((1000, 1000), 5000, 0.5)
    i = np.arange(0, 5000, 8)
    a[0, 0]
    tracemalloc.start()
    got = a[np.ix_(i, i)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 5 * got.nbytes
    row, column = np.divmod(rows[i], 1000)
    first, second = (f.array for f in k.factors)
    expected = first[np.ix_(row, row)] * second[np.ix_(column, column)] + 0.5 * np.eye(len(i))
    np.testing.assert_allclose(got, expected)


def test_what_does_not_fit_is_named():
    a = positive("float64", 6)
    cases = [
        ((a,), {}, ValueError, "not made of Kronecker products on one grid; say with points="),
        ((a,), {"points": np.ones(6)}, ValueError, r"points must have shape \(6, axes\)"),
        ((a,), {"points": np.ones((5, 2))}, ValueError, r"points must have shape \(6, axes\)"),
        ((a,), {"points": np.full((6, 1), np.nan)}, ValueError, "NaN or infinity"),
        ((a,), {"points": np.ones((6, 1)) * 1j}, TypeError, "points must be real"),
        ((a[:4],), {"points": np.ones((6, 1))}, ValueError, "must be square"),
        (("a",), {}, TypeError, "operator must be an array"),
        ((a,), {"points": np.ones((6, 1)), "neighbours": -1}, ValueError, "must not be negative"),
        ((a,), {"points": np.ones((6, 1)), "neighbours": 2.5}, TypeError, "must be an integer"),
        ((a,), {"points": np.ones((6, 1)), "workers": 0}, ValueError, "workers must be positive"),
    ]
    for arguments, options, error, message in cases:
        with pytest.raises(error, match=f"NearestNeighbours: .*{message}"):
            NearestNeighbours(*arguments, **options)
    with pytest.raises(np.linalg.LinAlgError, match="its diagonal holds -1.0"):
        NearestNeighbours(np.diag([1.0, -1.0]), points=np.ones((2, 1)))


# ------------------------------------------------------------------------------- fewer iterations


def chosen(a, terms=1):
    """What `Sum.solve` takes for the sum of these terms and a diagonal."""
    *rest, last = a.terms
    assert len(rest) == terms
    d = last.d if isinstance(last, Diagonal) else getattr(last, "scale", 1)
    return preconditioner_for(rest, d)


def test_nearest_neighbours_for_gaps():
    a, _, _ = with_gaps((60, 70), 2500, 0.01)
    m = chosen(a)
    assert isinstance(m, NearestNeighbours)
    assert steps(a, m) <= 30 < 300 <= steps(a)


def test_other_points_serve_as_well():
    """A covariance of scattered places, which no grid has."""
    x = scattered(800)
    a = np.exp(-np.linalg.norm(x[:, None] - x, axis=-1) / 0.3) + 0.01 * np.eye(800)
    assert 8 * steps(a, NearestNeighbours(a, points=x)) <= steps(a)


def test_eigenvectors_for_a_diagonal():
    k = KroneckerProduct(gaussian(50, 3), gaussian(60, 5))
    a = k + Diagonal(np.linspace(0.05, 0.2, 3000))
    m = chosen(a)
    assert not isinstance(m, (NearestNeighbours, Diagonal))
    assert steps(a, m) <= 30 < 300 <= steps(a)
    np.testing.assert_allclose(m @ ((k + 0.125 * Identity(3000)) @ np.ones(3000)), 1)
    of_sum = -2 * KroneckerSum(-gaussian(50, 3), -gaussian(60, 5)) + a.terms[1]
    assert 5 * steps(of_sum, chosen(of_sum)) <= steps(of_sum)


def test_nearest_neighbours_for_a_diagonal_of_very_different_entries():
    k = KroneckerProduct(exponential(50, 5), exponential(60, 20))
    d = np.random.default_rng(0).permutation(np.geomspace(1e-2, 1e3, 3000))
    a = k + Diagonal(d)
    m = chosen(a)
    assert isinstance(m, NearestNeighbours)
    assert 10 * steps(a, m) <= steps(a, shifted_inverse(k, d.mean()))
    assert 10 * steps(a, m) <= steps(a)


def test_the_diagonal_for_what_has_no_grid():
    s = Diagonal(np.geomspace(1, 30, 1200))
    k = s @ KroneckerProduct(exponential(30, 1), exponential(40, 1)) @ s
    a = k + Identity(1200)
    m = chosen(a)
    assert isinstance(m, Diagonal)
    assert 3 * steps(a, m) <= steps(a)
    np.testing.assert_allclose(m.d, 1 / (s.d**2 + 1))


def test_without_scipy_the_diagonal_serves(monkeypatch):
    a, _, _ = with_gaps((30, 30), 600, 0.1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    m = chosen(a)
    assert isinstance(m, Diagonal)
    np.testing.assert_allclose(m.d, 1 / 1.1)


def test_shifted_inverses_that_are_not_positive_definite_are_not_taken():
    k = KroneckerProduct(np.diag([1.0, -1.0]), np.eye(3))
    assert shifted_inverse(k, 0.5) is None
    assert shifted_inverse(k + KroneckerProduct(np.ones((2, 2)), np.eye(3)) @ k, 9) is None
    assert shifted_inverse(k, 1.5) is not None
    with pytest.raises(np.linalg.LinAlgError, match="jacobi: .* its diagonal holds -0.5"):
        jacobi(k + 0.5 * Identity(6))
