"""Random expressions of operators against the same expressions of dense matrices."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import DTYPES, random
from kronvec.operators import (
    Commutation,
    Dense,
    Diagonal,
    Identity,
    KroneckerProduct,
    KroneckerSum,
    Restriction,
    Triangular,
)

N = 6  # every expression is a 6 x 6 matrix: 6 = 2 * 3
COMPLEX = random("complex128", N, N, seed=9)


def _leaves():
    small = [random("float64", n, n, seed=n) for n in (2, 3)]
    index = np.array([1, 0, 5, 3, 2, 4])
    return {
        "dense": (Dense(COMPLEX), COMPLEX),
        "triangular": (Triangular(COMPLEX.real), np.tril(COMPLEX.real)),
        "diagonal": (Diagonal(COMPLEX[0].real), np.diag(COMPLEX[0].real)),
        "identity": (Identity(N), np.eye(N)),
        "K23": (Commutation(2, 3), Commutation(2, 3).toarray()),
        "K32": (Commutation(3, 2), Commutation(3, 2).toarray()),
        "A ⊗ B": (KroneckerProduct(*small), np.kron(*small)),
        "B ⊗ A": (KroneckerProduct(*small[::-1]), np.kron(*small[::-1])),
        "A ⊗ I": (KroneckerProduct(small[0], Identity(3)), np.kron(small[0], np.eye(3))),
        "I ⊗ B": (KroneckerProduct(Identity(2), small[1]), np.kron(np.eye(2), small[1])),
        "A ⊗ d": (
            KroneckerProduct(small[0], [1.0, -2.0, 3.0]),
            np.kron(small[0], np.diag([1.0, -2, 3])),
        ),
        "A ⊕ B": (
            KroneckerSum(*small),
            np.kron(small[0], np.eye(3)) + np.kron(np.eye(2), small[1]),
        ),
        "P": (Restriction(index, N), np.eye(N)[index]),
        "Pᵀ": (Restriction(index, N).T, np.eye(N)[index].T),
    }


LEAVES = _leaves()
UNARY = {
    "T": lambda k: k.T,
    "H": lambda k: k.conj().T,
    "conj": lambda k: k.conj(),
    "-": lambda k: -k,
    "2": lambda k: 2 * k,
    "i": lambda k: k * 1j,
    "/4": lambda k: k / np.float64(4),
}
BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "@": lambda a, b: a @ b,
}

trees = st.recursive(
    st.sampled_from(list(LEAVES)),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(list(UNARY)), inner),
        st.tuples(st.sampled_from(list(BINARY)), inner, inner),
    ),
    max_leaves=8,
)


def evaluate(tree, which):
    if isinstance(tree, str):
        return LEAVES[tree][which]
    if len(tree) == 2:
        return UNARY[tree[0]](evaluate(tree[1], which))
    return BINARY[tree[0]](evaluate(tree[1], which), evaluate(tree[2], which))


def magnitude(tree):
    """A bound of the entries of everything that was added up on the way."""
    if isinstance(tree, str):
        return np.abs(LEAVES[tree][1])
    if len(tree) == 2:
        value = magnitude(tree[1])
        return {"T": value.T, "H": value.T, "2": 2 * value, "/4": value / 4}.get(tree[0], value)
    a, b = magnitude(tree[1]), magnitude(tree[2])
    return a @ b if tree[0] == "@" else a + b


@settings(deadline=None, max_examples=400)
@given(trees)
def test_expressions_are_those_of_dense_matrices(tree):
    lazy, dense = evaluate(tree, 0), evaluate(tree, 1)
    bound = 1e-13 * max(1e-300, magnitude(tree).max())
    assert np.abs(lazy.toarray() - dense).max() <= bound
    x = random("complex128", N, 2)
    assert np.abs(lazy @ x - dense @ x).max() <= 20 * bound
    assert np.abs(x.T @ lazy - x.T @ dense).max() <= 20 * bound
    assert np.abs(lazy[1] - dense[1]).max() <= bound
    assert np.abs(lazy.diagonal() - dense.diagonal()).max() <= bound
    assert abs(lazy.trace() - dense.trace()) <= 10 * bound


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_multiplies(dtype):
    a, d, x = random(dtype, 2, 3), random(dtype, 2, seed=1), random(dtype, 12)
    k = KroneckerProduct(a, d, Identity(2))
    dense = np.kron(np.kron(a, np.diag(d)), np.eye(2, dtype=np.int8).astype(dtype))
    assert k.dtype == dtype
    for got, expected in (
        (k @ x, dense @ x),
        (x[:8] @ k, x[:8] @ dense),
        (k.toarray(), dense),
        (k.T @ x[:8], dense.T @ x[:8]),
    ):
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(
            got.astype(complex), expected.astype(complex), rtol=5e-3 if dtype == "float16" else 1e-5
        )


def test_pythons_sum_takes_operators():
    a, b = (KroneckerProduct(random("float64", 2, 2, seed=i), np.eye(3)) for i in range(2))
    np.testing.assert_allclose(sum([a, b]).toarray(), a.toarray() + b.toarray())
    with pytest.raises(TypeError):
        1 + a


@pytest.mark.parametrize("scale", [Fraction(1, 2), Decimal(2)])
def test_scales_that_numpy_does_not_know_are_refused_by_name(scale):
    for operator in (KroneckerProduct(np.eye(2)), Dense(np.eye(2)), Diagonal([1.0, 2.0])):
        for scaled in (lambda k: scale * k, lambda k: k * scale, lambda k: k / scale):
            with pytest.raises(
                TypeError, match=f"a scale must be a number.*{type(scale).__name__}"
            ):
                scaled(operator)
    objects = np.array([[Fraction(1, 3)]])
    assert (Fraction(1, 2) * Dense(objects))[0, 0] == Fraction(1, 6)


def test_unsigned_matrices_are_not_negated():
    a = np.array([[1, 2]], np.uint8)
    for operator in (Dense(a), KroneckerProduct(a, a), Diagonal(a[0])):
        with pytest.raises(OverflowError, match=r"-1 \* .*: -1 is no uint8"):
            operator.__neg__()
