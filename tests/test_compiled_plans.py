"""The compiled path of planned products and sums: the bits of the general tier, the same errors."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import kronvec as kv
from helpers import ISAS, KERNEL_DTYPES, LAYOUTS, filler, random, use_isa
from kronvec import _run, kronecker_sums

# Merged and paired steps, rows times a matrix, passes of several axes, workspaces, one-sided ones
SHAPES = [
    [(2, 2)] * 13,
    [(4, 4)] * 7,
    [(3, 3)] * 8,
    [(8, 8)] * 5,
    [(16, 16), (3, 5), (4, 4), (2, 3), (6, 2)],
    [(8, 4)] * 5,
    [(70, 60), (50, 40)],
    [(90, 30), (30, 90), (5, 5)],
    [(3000, 1), (1, 4)],
    [(1, 300), (40, 1), (1, 1)],
]
many = pytest.mark.parametrize("shapes", SHAPES, ids=str)
SUMS = [[8] * 4, [2] * 13, [20, 21, 22], [3, 40, 8, 9], [300, 2]]


def flipped(factors):
    return [np.ascontiguousarray(f.T) for f in factors]


@pytest.fixture
def python_runs_no_plan(monkeypatch):
    def refuse(*_):
        raise AssertionError("the general tier runs")

    monkeypatch.setattr(_run.Job, "run", refuse)
    monkeypatch.setattr(kronecker_sums, "_run", refuse)


@many
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_both_tiers_give_the_same_bits(shapes, dtype):
    """A keyword asks for the general one."""
    columns = int(np.prod([p for _, p in shapes]))
    for layout in ("C", "F", "strided"):
        factors = [LAYOUTS[layout](random(dtype, *s, seed=i)) for i, s in enumerate(shapes)]
        for x in (random(dtype, columns), random(dtype, columns, 9), random(dtype, 2, columns, 3)):
            y = kv.kron_matmul(factors, x, workers=1)
            assert_array_equal(kv.kron_matmul(factors, x), y)
            out = filler(dtype, y.shape)
            assert kv.kron_matmul(factors, x, out=out) is out
            assert_array_equal(out, y)
        for x in (random(dtype, columns), random(dtype, 5, columns), random(dtype, 2, 17, columns)):
            y = kv.matmul_kron(x, flipped(factors), workers=1)
            assert_array_equal(kv.matmul_kron(x, flipped(factors)), y)
            assert_array_equal(kv.kron_vecmat(x, flipped(factors)), y)
            out = filler(dtype, y.shape)
            assert kv.kron_matvec(factors, x, out=out) is out
            assert_array_equal(out, kv.matmul_kron(x, [f.T for f in factors], workers=1))


@pytest.mark.parametrize("sizes", SUMS, ids=str)
@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
def test_both_tiers_give_the_same_sums(sizes, dtype):
    n = int(np.prod(sizes))
    for layout in ("C", "F", "strided"):
        factors = [LAYOUTS[layout](random(dtype, s, s, seed=i)) for i, s in enumerate(sizes)]
        for x in (random(dtype, n), random(dtype, n, 9), random(dtype, 2, n, 3)):
            for hole in (False, True):
                x[..., -1] = np.nan if hole else 1
                y = kv.kronsum_matmul(factors, x, workers=1)
                assert_array_equal(kv.kronsum_matmul(factors, x), y)
                out = filler(dtype, y.shape)
                assert kv.kronsum_matmul(factors, x, out=out) is out
                assert_array_equal(out, y)


def test_each_chain_of_shapes_has_a_plan_of_its_own():
    """Not that of another chain which one before it had."""
    shapes = list(product((11, 13), repeat=2))
    f = {shape: random("float64", *shape) for shape in shapes}
    for chain in product(shapes, repeat=3):
        a, b, c = (f[shape] for shape in chain)
        x = random("float64", *(p for _, p in chain))
        y = kv.kron_matvec([a, b, c], x.reshape(-1))
        assert_allclose(
            y.reshape(len(a), len(b), -1),
            np.einsum("ai,bj,ck,ijk", a, b, c, x, optimize=True),
            0,
            1e-9,
        )


@pytest.mark.parametrize("isa", ISAS)
def test_each_instruction_set_has_plans_of_its_own(isa):
    factors, x = [random("float32", 8, 8, seed=i) for i in range(5)], random("float32", 8**5)
    with use_isa(isa):
        assert_array_equal(kv.kron_matvec(factors, x), kv.kron_matmul(factors, x, workers=1))
        sums = kv.kronsum_matmul(factors, x)
        assert_array_equal(sums, kv.kronsum_matmul(factors, x, workers=1))


@pytest.mark.usefixtures("python_runs_no_plan")
def test_plain_operands_need_no_python():
    factors, x = [random("float64", 9, 9, seed=i) for i in range(4)], random("float64", 9**4)
    out = np.empty_like(x)
    for function, *args in [
        (kv.kron_matvec, factors, x),
        (kv.kron_vecmat, x, tuple(factors)),
        (kv.kron_matmul, factors, x),
        (kv.matmul_kron, x, factors),
        (kv.kronsum_matmul, factors, x),
    ]:
        assert_array_equal(function(*args), function(*args, out=out))
        assert function(*args, out=None) is not out


@pytest.mark.usefixtures("python_runs_no_plan")
@pytest.mark.parametrize("kind", ["over x", "over a factor", "strided", "of another dtype"])
def test_results_that_python_must_place(kind):
    n = 9**4
    factors, x = [random("float64", 9, 9, seed=i) for i in range(4)], random("float64", n)
    out = {
        "over x": x[::-1],
        "over a factor": np.lib.stride_tricks.as_strided(factors[1], (n,), (0,)),
        "strided": np.empty(2 * n)[::2],
        "of another dtype": np.empty(n, np.complex128),
    }[kind]
    for function in (kv.kron_matvec, kv.kronsum_matmul):
        with pytest.raises(AssertionError, match="general tier"):
            function(factors, x, out=out)


def test_more_shapes_than_plans_are_kept():
    f = random("float64", 65, 65)
    for columns in (*range(1, 1100), 1, 2):
        x = np.ones((65, columns))
        if columns < 3:
            assert_array_equal(kv.kron_matmul([f], x), kv.kron_matmul([f], x, workers=1))
        else:
            kv.kron_matmul([f], x)
