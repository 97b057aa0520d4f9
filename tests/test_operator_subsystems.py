"""Partial traces, transposes and realignments of operators stay structured and are right."""

import numpy as np
import pytest
import scipy.sparse

import kronvec as kv
from helpers import random
from kronvec.operators import Identity, KroneckerProduct, KroneckerSum, Operator, Sparse
from operator_table import close

A, B, C = random("float64", 2, 2), random("float64", 3, 3), random("float64", 2, 2, seed=1)
DIMS = (2, 3, 2)
STRUCTURED = {
    "product": KroneckerProduct(A, B, C),
    "scaled": -2.5 * KroneckerProduct(A, B, C),
    "sum of products": KroneckerProduct(A, B, C) + KroneckerProduct(C, B.T, A),
    "nested factors": KroneckerProduct(KroneckerProduct(A, B), C),
    "Kronecker sum": KroneckerSum(A, B, C),
    "with an identity": KroneckerProduct(A, Identity(6)) + KroneckerProduct(Identity(6), C),
    "shifted": KroneckerProduct(A, B, C) + 2 * Identity(12),
    "other borders": KroneckerProduct(np.kron(A, B), C),
    "sparse": Sparse(scipy.sparse.csr_array(np.kron(np.kron(A, B), C))),
}
every_case = pytest.mark.parametrize("name", STRUCTURED)


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)])
@every_case
def test_partial_traces(name, axes):
    operator = STRUCTURED[name]
    traced = kv.partial_trace(operator, DIMS, axes)
    close(traced, kv.partial_trace(operator.toarray(), DIMS, axes), 10)
    if name in ("product", "Kronecker sum", "sparse", "shifted") and len(axes) < 3:
        assert isinstance(traced, Operator)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (0, 1, 2)])
@every_case
def test_partial_transposes(name, axes):
    operator = STRUCTURED[name]
    moved = kv.partial_transpose(operator, DIMS, axes)
    close(moved, kv.partial_transpose(operator.toarray(), DIMS, axes))
    if name in ("product", "Kronecker sum", "sparse", "with an identity", "shifted"):
        assert isinstance(moved, Operator)


@every_case
def test_realignments_and_nearest_products(name):
    operator = STRUCTURED[name]
    shapes = (6, 6), (2, 2)
    close(kv.realignment(operator, *shapes), kv.realignment(operator.toarray(), *shapes), 10)
    a, b = kv.nearest_kron(operator, *shapes)
    c, d = kv.nearest_kron(operator.toarray(), *shapes)
    np.testing.assert_allclose(np.kron(a, b), np.kron(c, d), atol=1e-11 * operator.norm())


def test_large_shifted_products_are_not_formed():
    k = KroneckerProduct(np.ones((300, 300)), np.ones((200, 200))) + 2 * Identity(60_000)
    a, b = kv.nearest_kron(k, (300, 300), (200, 200))
    assert (a.shape, b.shape) == ((300, 300), (200, 200))


def test_large_operators_without_structure_are_not_formed():
    a = np.ones((100, 100))
    k = KroneckerProduct(a, a) @ KroneckerSum(a, a)
    for function, arguments in (
        (kv.partial_trace, ((100, 100), 0)),
        (kv.partial_transpose, ((100, 100), 0)),
        (kv.nearest_kron, ((100, 100), (100, 100))),
    ):
        with pytest.raises(ValueError, match=f"{function.__name__}: .*too large to be formed"):
            function(k, *arguments)


def test_large_factors_are_not_formed():
    a = np.triu(np.ones((80, 80)))
    k = KroneckerSum(KroneckerProduct(a, a), [[1.0]])
    with pytest.raises(ValueError, match=r"KroneckerProduct.solve: .*too large to be formed"):
        k.solve(np.ones(6400))
