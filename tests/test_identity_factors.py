"""Identity factors: operators.Identity(n), or None for one whose size follows from x."""

from functools import reduce

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import kronvec as kv
from helpers import KERNEL_DTYPES, SLACK, assert_bounded, lift, peak_of, random
from kronvec._plan import make_plan

# Factors by their shapes, identities by their sizes: small ones, and ones that need a plan
CHAINS = [
    [2, (3, 4)],
    [(3, 4), 2],
    [(3, 4), 5, (2, 2)],
    [3, 2, (4, 3), 1, 2, (2, 5), 3],
    [0, (2, 3)],
    [(2, 3), 4, (0, 2)],
    [50, (8, 8), (8, 8)],
    [(8, 8), (8, 8), 70],
    [(4, 4), 300, (5, 3)],
    [7, (2, 2), (2, 2), 9, (2, 2), (2, 2), 11],
    [(60, 50), 40, 2],
    [2, (260, 257), 3],
]
every_chain = pytest.mark.parametrize("chain", CHAINS, ids=str)


def build(chain, dtype, hidden=None):
    """The factors, the one at ``hidden`` None, and K formed in extended precision."""
    factors, dense = [], []
    for i, size in enumerate(chain):
        if isinstance(size, int):
            factors.append(None if i == hidden else kv.operators.Identity(size))
            dense.append(np.eye(size, dtype=np.int8))
        else:
            factors.append(random(dtype, *size, seed=i))
            dense.append(lift(factors[-1]) if np.dtype(dtype).kind in "fc" else factors[-1])
    return factors, dense


def apply(dense, x):
    """(dense factors) x for x (..., columns), one factor after the other, without forming K."""
    batch, y = x.shape[:-1], x
    for i, f in enumerate(dense):
        before = int(np.prod([d.shape[0] for d in dense[:i]]))
        behind = int(np.prod([d.shape[1] for d in dense[i + 1 :]]))
        y = f @ y.reshape(*batch, before, f.shape[1], behind)
    return y.reshape(*batch, -1) if y.size else np.zeros((*batch, rows_of(dense)), y.dtype)


def rows_of(dense):
    return int(np.prod([d.shape[0] for d in dense]))


@every_chain
@pytest.mark.parametrize("dtype", [*KERNEL_DTYPES, "int64", "longdouble"])
def test_identities_are_their_dense_matrices(chain, dtype):
    factors, dense = build(chain, dtype)
    columns, rows = int(np.prod([d.shape[1] for d in dense])), rows_of(dense)
    transposed = [d.T for d in dense]
    roundings = sum(0 if isinstance(s, int) else s[0] + s[1] + 1 for s in chain)
    x, y = random(dtype, 3, columns), random(dtype, 3, rows)
    for got, matrices, operand in [
        (kv.kron_matvec(factors, x), dense, x),
        (kv.kron_matmul(factors, x.T).T, dense, x),
        (kv.kron_matmul(factors, np.ascontiguousarray(x.T)).T, dense, x),
        (kv.kron_vecmat(y, factors), transposed, y),
        (kv.matmul_kron(y, factors), transposed, y),
    ]:
        assert got.dtype == dtype
        if np.dtype(dtype).kind == "i":
            assert_array_equal(got, apply(matrices, operand))
            continue
        exact = apply(matrices, lift(operand))
        size = apply([np.abs(m) for m in matrices], np.abs(lift(operand)))
        assert_bounded(got, exact, size, roundings)


@every_chain
def test_none_is_the_identity_that_fits(chain):
    for hidden, size in enumerate(chain):
        if not isinstance(size, int):
            continue
        factors, dense = build(chain, "float64", hidden)
        given, _ = build(chain, "float64")
        columns, rows = int(np.prod([d.shape[1] for d in dense])), rows_of(dense)
        x, y = random("float64", columns, 2), random("float64", 2, rows)
        if 0 in (d for i, f in enumerate(dense) if i != hidden for d in f.shape):
            continue
        assert_array_equal(kv.kron_matmul(factors, x), kv.kron_matmul(given, x))
        assert_array_equal(kv.kron_matvec(factors, x.T), kv.kron_matvec(given, x.T))
        assert_array_equal(kv.matmul_kron(y, factors), kv.matmul_kron(y, given))
        assert_array_equal(kv.kron_vecmat(y, factors), kv.kron_vecmat(y, given))


def test_a_none_that_nothing_fits_is_refused():
    a, out = np.ones((2, 3)), np.full(4, 7.0)
    for factors, x in [([a, None], np.ones(4)), ([None, a, a], np.ones(12))]:
        with pytest.raises(ValueError, match=r"kron_matvec: no identity.*multiple of"):
            kv.kron_matvec(factors, x, out=out)
    with pytest.raises(ValueError, match=r"kron_vecmat: no identity.*3 entries.*multiple of 2"):
        kv.kron_vecmat(np.ones(3), [None, a])
    with pytest.raises(ValueError, match="no identity"):
        kv.kron_matvec([None, np.ones((2, 0))], np.ones(0))
    with pytest.raises(ValueError, match=r"kron_matmul: .*2; use operators.Identity"):
        kv.kron_matmul([None, a, None], np.ones((12, 2)))
    assert (out == 7).all()


def test_an_identity_of_the_wrong_size_is_refused():
    with pytest.raises(ValueError, match=r"x must have 4 \* 3 = 12.*\(4, 4\), \(2, 3\)"):
        kv.kron_matvec([kv.operators.Identity(4), np.ones((2, 3))], np.ones(9))


@pytest.mark.parametrize("dtype", ["float32", "complex128", "int8", "object"])
def test_identities_alone_copy(dtype):
    x = random(dtype, 6, 4)
    for factors in ([None], [kv.operators.Identity(3), None], [kv.operators.Identity(6)]):
        y = kv.kron_matmul(factors, x)
        assert y.dtype == dtype and not np.may_share_memory(x, y)
        assert_array_equal(y, x)
        assert_array_equal(kv.matmul_kron(x.T, factors), x.T)
        assert_array_equal(kv.kron_matmul(factors, x, alpha=3), 3 * x)
        out = x.copy()
        kv.kron_matmul(factors, x, alpha=2, beta=1, out=out)
        assert_array_equal(out, 2 * x + x)
    special = np.array([np.inf, -0.0, np.nan, complex(np.inf, np.nan)])
    assert kv.kron_matvec([None], special).tobytes() == special.tobytes()


def test_identities_have_no_say_in_the_dtype():
    a, eye = np.ones((2, 2), np.float32), kv.operators.Identity(2)
    assert kv.kron_matvec([a, eye], np.ones(4, np.float32)).dtype == np.float32
    assert kv.kron_matvec([a, eye], np.ones(4, np.int8)).dtype == np.float32
    assert kv.kron_matvec([eye, eye], np.ones(4, np.int8)).dtype == np.int8


@pytest.mark.parametrize("n", [3, 400])
def test_nan_and_infinities_only_move_along_identity_axes(n):
    factors = [random("float64", 6, 5), kv.operators.Identity(n), random("float64", 3, 4)]
    x = random("float64", 5, n, 4)
    x[0, 1, 2], x[1, 2, 0] = np.nan, np.inf
    y = kv.kron_matvec(factors, x.reshape(-1)).reshape(6, n, 3)
    assert np.isnan(y[:, 1]).all() and np.isinf(y[:, 2]).all()
    assert np.isfinite(np.delete(y, (1, 2), axis=1)).all()


def test_identity_axes_have_no_step():
    shapes = ((5,), (8, 8), (3,), (6, 6), (4,), (2,))
    plan = make_plan(shapes, 2, 3, 8, 8)
    steps = [(step.factors, step.q, step.p) for each in plan.passes for step in each.steps]
    assert sorted(steps) == [((1,), 8, 8), ((3,), 6, 6)]
    assert make_plan(((5,), (4,)), 2, 3, 8, 8).passes == ()
    total = 2 * 5 * 8 * 3 * 6 * 4 * 2 * 3
    assert all(each.input_size == total == each.output_size for each in plan.passes)


def test_neighbours_across_an_identity_share_a_pass():
    assert len(make_plan(((8, 8), (4,), (8, 8)), 1, 1, 8, 8).passes) == 1


def test_memory_is_that_of_the_dense_factors():
    """A dense identity would take 8 MB, a step along it a workspace of 4 MB."""
    factors = [kv.operators.Identity(1000), random("float64", 8, 8), kv.operators.Identity(64)]
    x = random("float64", 1000 * 8 * 64)
    peak, y = peak_of(kv.kron_matvec, factors, x)
    assert peak <= y.nbytes + SLACK
    peak, _ = peak_of(kv.kron_matmul, factors, x, out=y)
    assert peak <= SLACK


@pytest.mark.parametrize("dtype", KERNEL_DTYPES)
@pytest.mark.parametrize("chain", [[6, (8, 8), 9, (8, 8)], [(60, 50), 40, (3, 2)]], ids=str)
def test_workers_change_no_bit(chain, dtype):
    factors, dense = build(chain, dtype)
    x = random(dtype, 3, rows_of(dense))
    alone = kv.matmul_kron(x, factors)
    for workers in (2, 3, -1):
        assert_array_equal(kv.matmul_kron(x, factors, workers=workers), alone)


def test_the_formed_product_agrees():
    factors = [np.array([[1.0, 2.0]]), kv.operators.Identity(2)]
    formed = reduce(np.kron, [factors[0], np.eye(2)])
    assert_array_equal(kv.kron_matmul(factors, np.eye(4)), formed)


def test_identity_refuses_what_is_no_size():
    with pytest.raises(ValueError, match="Identity: n must not be negative"):
        kv.operators.Identity(-1)
    with pytest.raises(TypeError, match="Identity: n must be an integer"):
        kv.operators.Identity(2.0)
