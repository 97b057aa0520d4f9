"""Numbers near the ends of the range: nothing overflows or vanishes but the result itself.

A scale 2ᵉ multiplies without rounding, so that scaled data must give the scaled result.
"""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse

import kronvec as kv
from helpers import KERNEL_DTYPES, random
from kronvec._exponents import exponent, frobenius, product, times_power_of_two
from kronvec.operators import (
    Dense,
    Diagonal,
    Identity,
    IllConditionedWarning,
    KroneckerProduct,
    KroneckerSum,
    Sparse,
    SymmetricKronecker,
    Triangular,
)
from operator_table import positive, well_conditioned

NORMS = ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


def far(dtype):
    """An exponent beyond the square root of the largest number."""
    return np.finfo(dtype).maxexp * 5 // 8


def near(got, expected, factor=1000):
    got, expected = np.asarray(got), np.asarray(expected)
    eps = np.finfo(expected.dtype).eps
    assert got.shape == expected.shape
    assert np.isfinite(got).all()
    size = np.abs(expected).max(initial=0)
    assert np.abs(got - expected).max(initial=0) <= factor * eps * size


# --------------------------------------------------------------------------------------
# Kronecker products of factors whose sizes make up for each other

PARTS = {
    "up and down": (1, -1),
    "down and up": (-1, 1),
    "three": (1, 1, -2),
    "three up": (-1, -1, 2),
}
METHODS = {
    **{f"norm {ord}": lambda k, ord=ord: k.norm(ord) for ord in NORMS},
    **{f"cond {p}": lambda k, p=p: k.cond(p) for p in (2, -2, 1, np.inf, "fro")},
    "rank": lambda k: np.float64(k.rank()),
    "trace": lambda k: k.trace(),
    "diagonal": lambda k: k.diagonal(),
    "det": lambda k: k.det(),
    "slogdet": lambda k: np.array(k.slogdet()),
    "eigh": lambda k: k.eigh()[0],
    "eig": lambda k: np.sort(k.eig()[0].real),
    "svd": lambda k: k.svd()[1],
    "solve": lambda k: k.solve(np.ones(k.shape[0], k.dtype)),
    "lstsq": lambda k: k.lstsq(np.ones(k.shape[0], k.dtype)),
    "pinv": lambda k: k.pinv().toarray(),
    "power": lambda k: k.power(2).toarray(),
    "power -1.5": lambda k: k.power(-1.5).toarray(),
    "sqrt": lambda k: k.sqrt().toarray(),
    "cholesky": lambda k: k.cholesky().toarray(),
}


def scaled(a, e):
    return np.ldexp(a.real, e) + (1j * np.ldexp(a.imag, e) if a.dtype.kind == "c" else 0)


@every_dtype
@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("method", METHODS)
def test_factors_may_make_up_for_each_other(method, parts, dtype):
    unit = far(dtype) if len(PARTS[parts]) == 2 else np.finfo(dtype).maxexp * 9 // 20
    exponents = [unit * part for part in PARTS[parts]]
    factors = [positive(dtype, n, seed=n) for n in (2, 3, 2)[: len(exponents)]]
    plain = METHODS[method](KroneckerProduct(*factors))
    moved = [scaled(f, e).astype(dtype) for f, e in zip(factors, exponents, strict=True)]
    if len(parts) == 8 and method in ("power", "power -1.5", "sqrt", "cholesky", "pinv"):
        return  # formed factor by factor, where two of three overflow
    near(METHODS[method](KroneckerProduct(*moved)), plain)


def test_a_common_scale_of_a_product_leaves_what_is_relative():
    a = positive("float64", 3)
    for e in (-990, -600, 600, 990):
        k = KroneckerProduct(np.ldexp(a, e), np.ldexp(a, e))  # whose entries leave the range
        near(k.cond(), KroneckerProduct(a, a).cond())
        near(k.cond(1), KroneckerProduct(a, a).cond(1))
        assert k.rank() == 9
        sign, logarithm = k.slogdet()
        assert sign == 1
        near(logarithm, KroneckerProduct(a, a).slogdet()[1] + 18 * e * np.log(2), 10)


@every_dtype
@pytest.mark.parametrize("count", [20, 40])
def test_determinants_of_huge_products(count, dtype):
    """det(2 I ⊗ … ) = 2^(2^count), whose logarithm alone is in range."""
    k = KroneckerProduct(*[2 * np.eye(2, dtype=dtype)] * count)
    sign, logarithm = k.slogdet()
    assert sign == 1
    near(logarithm, (count * 2.0**count * np.log(2)).astype(np.dtype(dtype).type(0).real.dtype), 10)
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert not np.isfinite(k.det())
    assert KroneckerProduct(*[np.eye(2, dtype=dtype) / 2] * count).det() == 0


def test_determinants_just_in_range():
    k = KroneckerProduct(2 * np.eye(20), np.eye(2))
    near(k.det(), np.float64(2.0**40), 100)
    values = np.array([2.0**1000, 2.0**1000, 2.0**-1000, 2.0**-999] * 100)
    assert Diagonal(values[:4]).det() == Triangular(np.diag(values[:4])).det() == 2
    assert Diagonal(values).det() == 2.0**100
    assert Diagonal(values.astype(complex) * 1j).det() == 2.0**100
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert np.isinf(Diagonal([1e200, 1e200]).det())


# --------------------------------------------------------------------------------------
# Norms and spectra of other operators

OPERATORS = {
    "Dense": Dense,
    "Triangular": Triangular,
    "Diagonal": lambda a: Diagonal(np.diagonal(a)),
    "Sparse": lambda a: Sparse(scipy.sparse.csr_array(a)),
    "Kronecker product": lambda a: KroneckerProduct(a, np.eye(2, dtype=a.dtype)),
    "Kronecker sum": lambda a: KroneckerSum(a, a),
    "Sum": lambda a: KroneckerProduct(a, a / a.real.max()) + Dense(np.kron(a, np.eye(len(a)))),
    "Scaled": lambda a: 3.0 * KroneckerProduct(a, np.eye(2, dtype=a.dtype)),
}


@every_dtype
@pytest.mark.parametrize("name", OPERATORS)
def test_norms_and_conditions_follow_the_scale(name, dtype):
    a = positive(dtype, 3)
    for e in (far(dtype), -far(dtype)):
        plain, moved = OPERATORS[name](a), OPERATORS[name](scaled(a, e).astype(dtype))
        for ord in NORMS:
            near(moved.norm(ord), np.ldexp(plain.norm(ord), e))
        near(moved.cond(), plain.cond())
        near(moved.cond(1), plain.cond(1))
        assert moved.rank() == plain.rank()
        logarithm = plain.slogdet()[1]
        near(moved.slogdet()[1], logarithm + logarithm.dtype.type(len(plain) * e * np.log(2)), 100)


def test_symmetric_kronecker_products_follow_the_scale():
    a = positive("float64", 3)
    moved, plain = SymmetricKronecker(np.ldexp(a, 700)), SymmetricKronecker(a)
    near(moved.cond(), plain.cond())
    assert moved.rank() == 6
    two = SymmetricKronecker(np.ldexp(a, 700), np.ldexp(a, -690))
    near(two.norm(), 2.0**10 * plain.norm())


@every_dtype
def test_subnormal_matrices_have_norms_and_spectra(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    a = (np.array([[2, 1], [1, 3]]) * 1000 * tiny).astype(dtype)
    unit = np.array([[2.0, 1], [1, 3]])
    for ord in NORMS:
        assert abs(Dense(a).norm(ord) / tiny - 1000 * np.linalg.norm(unit, ord)) <= 2
    assert Dense(a).rank() == 2
    near(Dense(a).cond(), np.linalg.cond(unit).astype(a.real.dtype))
    assert abs(KroneckerProduct(a, unit.astype(dtype)).norm() / tiny - 15000) <= 2


# --------------------------------------------------------------------------------------
# Systems

EQUATIONS = {
    "sylvester": (kv.solve_sylvester, lambda a, b, q: (a, b, q)),
    "continuous": (kv.solve_continuous_lyapunov, lambda a, b, q: (b, q)),
    "Hermitian": (kv.solve_continuous_lyapunov, lambda a, b, q: (b @ b.conj().T, q)),
    "sum": (lambda a, b, q: KroneckerSum(a, b).solve(q.ravel()), lambda a, b, q: (a, b, q)),
}


@every_dtype
@pytest.mark.parametrize("n", [3, 5, 40])
@pytest.mark.parametrize("name", EQUATIONS)
def test_equations_follow_the_scale_of_their_matrices(name, n, dtype):
    solve, choose = EQUATIONS[name]
    *matrices, q = choose(random(dtype, n, n) / n, well_conditioned(dtype, n), random(dtype, n, n))
    plain = solve(*matrices, q)
    for e in (far(dtype), -far(dtype), np.finfo(dtype).minexp + 20):
        moved = [scaled(m, e).astype(dtype) for m in matrices]
        near(times_power_of_two(solve(*moved, q), e), plain)
        near(times_power_of_two(solve(*matrices, scaled(q, -e).astype(dtype)), e), plain)


@every_dtype
def test_discrete_equations_follow_the_scale_of_their_right_side(dtype):
    for n in (2, 5, 40):
        a, q = random(dtype, n, n) / n / 2, random(dtype, n, n)
        plain = kv.solve_discrete_lyapunov(a, q)
        for e in (far(dtype), -far(dtype)):
            x = kv.solve_discrete_lyapunov(a, scaled(q, e).astype(dtype))
            near(times_power_of_two(x, -e), plain)


def test_a_tiny_right_side_is_judged_by_its_residual():
    """Next to the stability limit, where the first attempt is not accepted."""
    a = np.diag([0.999999, -0.999999]) + np.diag([1e5], 1)
    q = np.array([[2.0, 1], [1, 2]])
    x = kv.solve_discrete_lyapunov(a, q)
    assert np.array_equal(np.ldexp(kv.solve_discrete_lyapunov(a, np.ldexp(q, -900)), 900), x)


def test_solutions_that_overflow_are_refused():
    for solve in (kv.solve_continuous_lyapunov, lambda a, q: kv.solve_sylvester(a, a, q)):
        with np.errstate(over="ignore"), pytest.raises(np.linalg.LinAlgError, match="overflows"):
            solve(np.array([[1e-200, 0], [1e-200, 2e-200]]), np.full((2, 2), 1e200))


# --------------------------------------------------------------------------------------
# Ill-conditioned systems say so


def hopeless():
    """Operators with κ u > 1, singular within rounding but not exactly."""
    h, jordan = scipy.linalg.hilbert(14), np.eye(8) / 1000 + np.eye(8, k=1)
    return {
        "Dense": Dense(h),
        "Dense complex": Dense(h.astype(complex)),
        "Triangular": Triangular(jordan, lower=False),
        "Sparse": Sparse(scipy.sparse.csr_array(h)),
        "product": KroneckerProduct(h, np.eye(2)),
        "product of two": KroneckerProduct(scipy.linalg.hilbert(7), scipy.linalg.hilbert(7)),
        "product, residual small": KroneckerProduct([[1, 1], [1, 1 + 3e-16]], np.eye(2)),
        "single precision": Dense(scipy.linalg.hilbert(8).astype("float32")),
        "Sum": Dense(h) + Diagonal(np.full(14, 1e-18)),
    }


@pytest.mark.parametrize("name", hopeless())
def test_systems_singular_to_working_precision_warn_the_caller(name):
    k = hopeless()[name]
    with pytest.warns(IllConditionedWarning, match="singular to working precision") as caught:
        k.solve(np.ones(k.shape[0], k.dtype))
    assert caught[0].filename == __file__


@pytest.mark.parametrize("k", [[[1.0, 2.0], [2.0, 4.0]], np.diag([1.0, 0.0]), np.zeros((2, 2))])
def test_singular_systems_raise(k):
    for operator in (
        Dense(k),
        KroneckerProduct(k, np.eye(2)),
        KroneckerSum(k, np.zeros((2, 2))),
        Sparse(scipy.sparse.csr_array(k)),
        KroneckerProduct(k, np.eye(2)) + 0.0 * Identity(4),
    ):
        with pytest.raises(np.linalg.LinAlgError):
            operator.solve(np.ones(operator.shape[0]))


@every_dtype
def test_systems_of_any_scale_do_not_warn(dtype):
    a = well_conditioned(dtype, 4)
    for e in (far(dtype), -far(dtype)):
        for k in (Dense, Triangular, lambda a: Sparse(scipy.sparse.csr_array(a))):
            b = scaled(k(a) @ np.ones(4, dtype), e).astype(dtype)
            near(k(scaled(a, e).astype(dtype)).solve(b), np.ones(4, dtype))


# --------------------------------------------------------------------------------------
# The powers of two themselves


@pytest.mark.parametrize("dtype", [*KERNEL_DTYPES, "float16", "longdouble", "clongdouble"])
def test_exponents(dtype):
    a = np.array([0, -3, 1], dtype)
    assert exponent(a) == 2
    assert times_power_of_two(a, 0) is a
    assert np.array_equal(times_power_of_two(a, 3), 8 * a)
    assert times_power_of_two(a, -3).dtype == a.dtype
    assert exponent(np.array([np.inf, 1], dtype)) == exponent(np.zeros(3, dtype)) == 0
    assert exponent(np.empty(0, dtype)) == exponent(np.array([4])) == 0
    assert np.abs(times_power_of_two(a, -(10**12))).max() == 0


def test_products_and_norms_of_long_vectors():
    rng = np.random.default_rng(0)
    values = rng.uniform(0.5, 2, 999) * rng.choice([-1, 1], 999)
    exact = np.prod(values.astype(np.longdouble))
    near(product(values), np.float64(exact))
    assert product(np.empty(0)) == 1 and product(np.array([3.0])) == 3
    assert product(np.array([0.0, 1e300, 1e300])) == 0
    assert frobenius(np.array([3e300, 4e300])) == pytest.approx(5e300)
    assert frobenius(np.array([3e-320j, 4e-320])) == pytest.approx(5e-320, rel=1e-3)
    assert np.isnan(frobenius(np.array([np.nan, 1]))) and np.isinf(frobenius(np.array([np.inf])))
