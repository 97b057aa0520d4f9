"""triple_product and vec_trick multiply in the cheaper order."""

import numpy as np
import pytest

import kronvec as kv
from helpers import ISAS, KERNEL_DTYPES, use_isa

# (m, n, p, q): long chains to one side, squares with one thin end, ties
CHAINS = [
    (1, 9, 8, 7),
    (7, 8, 9, 1),
    (2, 30, 3, 40),
    (40, 3, 30, 2),
    (5, 5, 5, 5),
    (3, 4, 5, 6),
    (6, 5, 4, 3),
    (10, 1, 10, 1),
    (1, 10, 1, 10),
    (20, 2, 2, 20),
    (2, 20, 20, 2),
]
every_chain = pytest.mark.parametrize("sizes", CHAINS, ids=str)


def costs(m, n, p, q):
    """Multiplications of (A B) C and of A (B C)."""
    return m * n * p + m * p * q, n * p * q + m * n * q


class Counted:
    """A number that counts the multiplications of its kind."""

    multiplications = 0

    def __init__(self, value):
        self.value = value

    def __mul__(self, other):
        Counted.multiplications += 1
        return Counted(self.value * other.value)

    def __add__(self, other):
        return Counted(self.value + (other.value if isinstance(other, Counted) else other))

    __radd__ = __add__

    def conjugate(self):
        return self


def counted(*shape):
    numbers = np.arange(1, 1 + np.prod(shape))
    return np.array([Counted(int(v)) for v in numbers], dtype=object).reshape(shape)


def values(a):
    return np.array([x.value for x in a.ravel()], dtype=object).reshape(a.shape)


@every_chain
def test_no_more_multiplications_than_the_cheaper_association(sizes):
    m, n, p, q = sizes
    a, b, c = counted(m, n), counted(n, p), counted(p, q)
    Counted.multiplications = 0
    y = kv.triple_product(a, b, c)
    assert Counted.multiplications == min(costs(*sizes))
    assert np.array_equal(values(y), values(a) @ values(b) @ values(c))
    for order in "FC":
        vector = kv.vec(b, order=order)
        Counted.multiplications = 0
        kv.vec_trick(a, vector, c, order=order)
        assert Counted.multiplications == min(costs(*sizes))


def overflowing(sizes, dtype):
    """A and B whose product overflows, and C = 0: the result tells the association."""
    m, n, p, q = sizes
    big = np.finfo(dtype).max / 1e3
    return np.full((m, n), big, dtype), np.full((n, p), big, dtype), np.zeros((p, q), dtype)


def ran_left_first(y):
    """(A B) C came to ∞ * 0 = nan, A (B C) to 0."""
    assert np.isnan(y).all() or not y.any()
    return np.isnan(y).all()


CALLS = {
    "positional": lambda a, b, c: kv.triple_product(a, b, c),
    "out": lambda a, b, c: kv.triple_product(a, b, c, out=np.empty((len(a), c.shape[1]), a.dtype)),
    "batched": lambda a, b, c: kv.triple_product(a[None], b[None], c[None]),
    "vec_trick": lambda a, b, c: kv.vec_trick(a, kv.vec(b), c),
    "vec_trick by rows": lambda a, b, c: kv.vec_trick(a, b.ravel(), c, order="C"),
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("call", CALLS)
def test_every_call_path_takes_the_cheaper_association(call, dtype, isa):
    chains = [*CHAINS, (150, 140, 130, 2), (2, 130, 140, 150)]
    with use_isa(isa), np.errstate(all="ignore"):
        for sizes in chains:
            left, right = costs(*sizes)
            if left != right:
                y = CALLS[call](*overflowing(sizes, dtype))
                assert ran_left_first(y) == (left < right), sizes
