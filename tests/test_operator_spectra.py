"""Spectra that are known in closed form, of operators too large to be formed."""

import numpy as np
import pytest

from helpers import random
from kronvec.operators import (
    Commutation,
    Diagonal,
    Duplication,
    Identity,
    KroneckerProduct,
    KroneckerSum,
    Operator,
)
from operator_table import close, well_conditioned


@pytest.fixture(autouse=True)
def _nothing_is_formed(monkeypatch):
    def formed(self, *arguments):
        raise AssertionError(f"{self!r} was formed")

    for kind in (Operator, Commutation, Duplication):
        monkeypatch.setattr(kind, "_dense", formed)


@pytest.mark.parametrize("kind", [KroneckerProduct, KroneckerSum])
@pytest.mark.parametrize("scale", [1, -2.5])
def test_shifts_move_the_eigenvalues_of_any_square_factors(kind, scale):
    a, b = well_conditioned("float64", 3), well_conditioned("float64", 4, 1)
    k = scale * kind(a, b) + 7 * Identity(12)
    dense = k.toarray()
    w, v = k.eig()
    close(dense @ v.toarray(), v.toarray() * w, 10)
    root = (kind(a, b) + 7 * Identity(12)).sqrt()
    close((root @ root).toarray(), (kind(a, b) + 7 * Identity(12)).toarray(), 100)


@pytest.mark.parametrize(("m", "n"), [(1, 4), (4, 1), (3, 3), (70, 70)])
def test_symmetric_commutations_have_eigenvalues_of_both_signs(m, n):
    k, x = Commutation(m, n), random("float64", m * n, 2)
    w, v = k.eigh()
    assert (w == -1).sum() == (m * (m - 1) // 2 if m == n else 0)
    close(v @ (w[:, None] * (v.H @ x)), k @ x)
    close(v.H @ (v @ x), x)
    close(k.eig()[0], w)
    root = k.sqrt()
    close(root @ (root @ x), k @ x)


@pytest.mark.parametrize("n", [0, 1, 3, 80])
def test_columns_of_duplications_are_orthogonal(n):
    d = Duplication(n)
    assert isinstance(d.T @ d, Diagonal)
    x = random("float64", n * (n + 1) // 2)
    close((d.T @ d) @ x, d.T @ (d @ x))
    close(d @ (d.T @ d).solve(x), d.pinv().T @ x)
    assert d.rank() == d.T.rank() == len(x)
    assert d.norm() == d.T.norm() == pytest.approx(n)
    assert d.norm(2) == pytest.approx({0: 0, 1: 1}.get(n, np.sqrt(2)))
    for operator in (d, d.T):
        u, s, vh = operator.svd()
        y = random("float64", operator.shape[1], 1)
        close(u @ (s[:, None] * (vh @ y)), operator @ y)
        close(u.T @ (u @ s), s)
        close(vh @ (vh.T @ s), s)
