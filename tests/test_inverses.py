"""Inverses that are applied many times, as preconditioners are."""

import copy
import pickle

import numpy as np
import pytest

from helpers import random
from kronvec.operators import (
    Diagonal,
    Identity,
    KroneckerProduct,
    KroneckerSum,
    NearestNeighbours,
    _schur_forms,
)
from operator_table import close, positive, well_conditioned


def of_factors(dtype="float64"):
    a, b = well_conditioned(dtype, 3), well_conditioned(dtype, 4, 1)
    p, q = positive(dtype, 3), positive(dtype, 4, 1)
    return {
        "sum": KroneckerSum(a, b),
        "Hermitian sum": KroneckerSum(p, q),
        "shifted product": KroneckerProduct(a, b) + 5 * Identity(12),
        "shifted Hermitian product": KroneckerProduct(p, q) + 5 * Identity(12),
        "scaled": 2 * (KroneckerSum(a, b) @ KroneckerProduct(a, b)),
        "pencil": KroneckerProduct(p, q) + KroneckerProduct(p @ p, q @ q),
    }


@pytest.fixture
def factorizations(monkeypatch):
    """The matrices that Schur forms, eigenvectors and Cholesky factors are computed of."""
    seen = []

    def counted(function):
        return lambda a, *rest: seen.append(a) or function(a, *rest)

    monkeypatch.setattr(_schur_forms, "schur_form", counted(_schur_forms.schur_form))
    monkeypatch.setattr(np.linalg, "eigh", counted(np.linalg.eigh))
    monkeypatch.setattr(np.linalg, "cholesky", counted(np.linalg.cholesky))
    return seen


@pytest.mark.parametrize("name", of_factors())
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_an_inverse_factorizes_once(name, dtype, factorizations):
    operator = of_factors(dtype)[name]
    inverse, expected = operator.inv(), np.linalg.inv(operator.toarray())
    x = random(dtype, 12, 2)
    uses = [
        (lambda: inverse @ x, expected @ x),
        (lambda: x.T @ inverse, x.T @ expected),
        (lambda: inverse.rmatmat(x), expected.conj().T @ x),
    ]
    for use, _ in uses:
        use()
    assert factorizations
    factorizations.clear()
    for use, result in uses:
        close(use(), result, 100)
    assert not factorizations


def test_an_inverse_is_as_precise_as_what_it_multiplies():
    operator = of_factors("float32")["sum"]
    inverse = operator.inv()
    in_double = KroneckerSum(*(f.toarray("float64") for f in operator.factors))
    exact = np.linalg.inv(in_double.toarray())
    for dtype in ("float32", "float64", "float32"):
        x = random(dtype, 12)
        assert (inverse @ x).dtype == dtype
        close(inverse @ x, (exact @ x).astype(dtype), 10)


@pytest.mark.parametrize("twin", [lambda i: pickle.loads(pickle.dumps(i)), copy.deepcopy])
def test_copies_of_an_inverse_leave_out_what_it_has_computed(twin):
    inverse = of_factors()["sum"].inv()
    size = len(pickle.dumps(inverse))
    x = random("float64", 12)
    expected = inverse @ x
    x @ inverse
    assert len(pickle.dumps(inverse)) == size
    assert np.array_equal(twin(inverse) @ x, expected)


def test_an_inverse_keeps_its_preconditioner(monkeypatch):
    made, original = [], NearestNeighbours.__init__

    def counted(self, *arguments, **options):
        made.append(self)
        original(self, *arguments, **options)

    monkeypatch.setattr(NearestNeighbours, "__init__", counted)
    p = [positive("float64", n) / n for n in (24, 25)]
    operator = (
        KroneckerProduct(*p) + KroneckerProduct(p[0] @ p[0], p[1] @ p[1]) + Diagonal(np.ones(600))
    )
    inverse, x = operator.inv(), random("float64", 600)
    for _ in range(2):
        assert np.linalg.norm(operator @ (inverse @ x) - x) <= 1e-9 * np.linalg.norm(x)
    assert len(made) == 1
