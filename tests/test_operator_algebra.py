"""Systems, inverses and determinants of operators against NumPy on the dense matrix."""

import warnings

import numpy as np
import pytest
import scipy.linalg

from helpers import KERNEL_DTYPES, random
from kronvec.operators import (
    Commutation,
    Dense,
    Diagonal,
    Identity,
    IllConditionedWarning,
    KroneckerProduct,
    KroneckerSum,
    Scaled,
    Triangular,
)
from operator_table import (
    NAMES,
    SQUARE,
    case,
    close,
    regular,
    tolerance,
    well_conditioned,
)

every_operator = pytest.mark.parametrize("name", NAMES)
every_square = pytest.mark.parametrize("name", SQUARE)
every_dtype = pytest.mark.parametrize("dtype", KERNEL_DTYPES)


# --------------------------------------------------------------------------------------- systems


@every_dtype
@every_square
def test_solutions_leave_a_small_residual(name, dtype):
    operator, dense = case(name, dtype)
    if not regular(dense):
        pytest.skip("singular: another test")
    for b in (random(dtype, len(dense)), random(dtype, len(dense), 3)):
        before = b.copy()
        x = operator.solve(b)
        assert x.dtype == dtype
        assert x.shape == b.shape
        assert np.array_equal(b, before)
        residual = np.abs(dense @ x - b).max(initial=0)
        eps = np.finfo(dtype).eps
        norm = np.abs(dense).sum(axis=-1).max(initial=0)
        size = norm * np.abs(x).max(initial=0) + np.abs(b).max(initial=0)
        assert residual <= 30 * len(dense) * eps * size


@every_square
def test_batches_of_systems(name):
    operator, dense = case(name)
    if not regular(dense):
        pytest.skip("singular: another test")
    b = random("float64", 2, 3, len(dense), 2)
    x = operator.solve(b)
    assert x.shape == b.shape
    np.testing.assert_allclose(dense @ x, b, atol=tolerance(dense, 1e3))


@every_dtype
@every_square
def test_inverses(name, dtype):
    operator, dense = case(name, dtype)
    if not regular(dense):
        pytest.skip("singular: another test")
    inverse = operator.inv()
    expected = np.linalg.inv(dense.astype(np.complex128 if dtype[0] == "c" else np.float64))
    size = np.abs(expected).max(initial=1)
    assert np.abs(inverse.toarray() - expected).max(initial=0) <= tolerance(dense) * size
    x = random(dtype, len(dense))
    np.testing.assert_allclose(x @ inverse, x @ expected, rtol=0, atol=10 * tolerance(dense) * size)


@every_dtype
@every_operator
def test_pseudoinverses_and_least_squares(name, dtype):
    operator, dense = case(name, dtype)
    if not dense.size:
        pytest.skip("empty")
    expected = np.linalg.pinv(dense)
    rank_condition = np.linalg.norm(dense, 2) * np.linalg.norm(expected, 2)
    eps = np.finfo(dtype).eps
    bound = 100 * max(dense.shape) * eps * rank_condition * np.linalg.norm(expected, 2)
    assert np.abs(operator.pinv().toarray() - expected).max() <= bound
    b = random(dtype, len(dense), 2)
    assert np.abs(operator.lstsq(b) - expected @ b).max() <= 10 * bound


def test_small_singular_values_count_as_those_of_the_whole():
    a, b = np.diag([1.0, 1e-9]), np.diag([1.0, 1e-9])
    k = KroneckerProduct(a, b)
    assert k.rank() == np.linalg.matrix_rank(np.kron(a, b)) == 3
    close(k.pinv().toarray(), np.linalg.pinv(np.kron(a, b), rtol=4 * np.finfo(float).eps))
    assert k.rank(rtol=1e-5) == 1


@every_dtype
@every_square
def test_traces_diagonals_and_determinants(name, dtype):
    operator, dense = case(name, dtype)
    close(operator.trace(), np.trace(dense), 10)
    close(operator.diagonal(), np.diagonal(dense))
    if dense.size and not regular(dense):
        return
    sign, logarithm = operator.slogdet()
    expected_sign, expected = np.linalg.slogdet(dense.astype(complex))
    assert abs(sign - expected_sign) <= tolerance(dense)
    eps = np.finfo(dtype).eps
    assert abs(logarithm - expected) <= tolerance(dense) + 100 * eps * abs(expected)
    if eps < 1e-10:
        np.testing.assert_allclose(operator.det(), np.linalg.det(dense), rtol=tolerance(dense))


def test_the_diagonal_of_a_wide_operator():
    operator, dense = case("Product of three")
    close(operator.diagonal(), np.diagonal(dense))


@every_square
def test_quadratic_forms(name):
    operator, dense = case(name)
    z, u = random("complex128", len(dense), 2), random("float64", len(dense))
    close(operator.quadratic_form(z), z.conj().T @ dense @ z, 10)
    close(operator.quadratic_form(u), u @ dense @ u, 10)


# -------------------------------------------------------------------------- singular and the like

SINGULAR = {
    "Dense": Dense([[1.0, 1], [1, 1]]),
    "Diagonal": Diagonal([1.0, 0]),
    "Triangular": Triangular([[1.0, 0], [1, 0]]),
    "factor": KroneckerProduct(np.eye(2), [[1.0, 1], [1, 1]]),
    "diagonal factor": KroneckerProduct([0.0, 1], np.eye(2)),
    "rectangular factors": KroneckerProduct(np.ones((1, 2)), np.ones((2, 1))),
    "sum": KroneckerSum([[1.0]], [[-1.0]]),
    "sum of more": KroneckerSum([[1.0, 2], [3, 4]], -np.array([[1.0, 2], [3, 4]])),
    "scaled": Scaled(0, Identity(2)),
    "shifted": KroneckerProduct([[2.0]], [[2.0]]) - 4 * Identity(1),
    "shifted sum": KroneckerSum([[2.0, 1], [0, 2]], [[2.0]]) - 4 * Identity(2),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_systems_raise(name):
    operator = SINGULAR[name]
    with pytest.raises(np.linalg.LinAlgError):
        operator.solve(np.ones(operator.shape[0]))
    with pytest.raises(np.linalg.LinAlgError):
        operator.inv() @ np.ones(operator.shape[0])
    sign, logarithm = operator.slogdet()
    assert (sign == 0 and logarithm == -np.inf) or logarithm < -30


def test_the_singular_factor_is_named():
    with pytest.raises(np.linalg.LinAlgError, match=r"factor 1, Dense\(2, 2\)"):
        SINGULAR["factor"].solve(np.ones(4))
    with pytest.raises(np.linalg.LinAlgError, match=r"^KroneckerProduct.solve: factor 0, Dense"):
        KroneckerProduct([[0.0]], [[1.0]]).solve([1.0])
    with pytest.raises(np.linalg.LinAlgError, match=r"^KroneckerProduct.inv: factor 0, Dense"):
        KroneckerProduct([[0.0]], [[1.0]]).inv()
    with pytest.raises(np.linalg.LinAlgError, match=r"factor 0, Diagonal\(2\).*entry 0 is zero"):
        SINGULAR["diagonal factor"].inv()
    with pytest.raises(np.linalg.LinAlgError, match="factor 1.*not Hermitian"):
        KroneckerProduct(np.eye(2), [[1.0, 2], [3, 4]]).eigh()


@pytest.mark.parametrize(
    "method",
    [
        "solve",
        "inv",
        "trace",
        "det",
        "slogdet",
        "eigh",
        "eig",
        "cholesky",
        "power",
        "sqrt",
        "sample",
    ],
)
def test_what_needs_a_square_operator_says_so(method):
    arguments = {"solve": (np.ones(2),), "power": (2,)}.get(method, ())
    with pytest.raises(ValueError, match=f"KroneckerProduct.{method}.*2 x 3"):
        getattr(KroneckerProduct(np.ones((2, 3))), method)(*arguments)


def test_right_sides_that_do_not_fit():
    with pytest.raises(ValueError, match=r"solve: axis -1 of b must have length 9; got b \(4,\)"):
        KroneckerProduct(np.eye(3), np.eye(3)).solve(np.ones(4))
    with pytest.raises(ValueError, match=r"lstsq: axis -2 of b must have length 9"):
        KroneckerProduct(np.eye(3), np.eye(3)).lstsq(np.ones((4, 9)))


def test_ill_conditioned_systems_are_refined_or_say_so():
    """Hilbert matrices: κ = 1.5e10 for n = 8, their product's κ u is beyond 1."""
    h = scipy.linalg.hilbert(6)
    k = KroneckerProduct(h, np.eye(3))
    b = k @ np.ones(18)
    x = k.solve(b)
    assert np.abs(k @ x - b).max() <= 30 * 18 * 2.2e-16 * np.abs(b).max()
    hard = KroneckerProduct(scipy.linalg.hilbert(13), scipy.linalg.hilbert(13))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        x = hard.solve(np.random.default_rng(0).normal(size=169))
    residual = np.abs(hard @ x - np.random.default_rng(0).normal(size=169)).max()
    small = residual <= 1e-12 * np.abs(x).max()
    assert small or any(w.category is IllConditionedWarning for w in caught)


def test_determinants_that_overflow_have_logarithms():
    a = 1e10 * np.eye(30)
    k = KroneckerProduct(a, a)
    sign, logarithm = k.slogdet()
    assert sign == 1
    np.testing.assert_allclose(logarithm, 900 * 20 * np.log(10))
    small = KroneckerProduct(1e-10 * np.eye(30), a)
    np.testing.assert_allclose(small.det(), 1)


def test_large_operators_are_not_formed_behind_ones_back():
    a = np.ones((100, 100))
    k = KroneckerProduct(a, a) @ KroneckerSum(a, a)
    with pytest.raises(ValueError, match="too large to be formed"):
        (k + k.T).slogdet()


def test_expm_of_a_sum():
    operator, dense = case("Sum of three")
    small, expected = 0.1 * operator, scipy.linalg.expm(0.1 * dense)
    close(small.expm().toarray(), expected, 100)
    close(operator.expm(0.1).toarray(), expected, 100)


def test_three_large_factors_are_solved():
    rng = np.random.default_rng(3)
    factors = [rng.normal(size=(40, 40)) + 20 * np.eye(40) for _ in range(3)]
    k = KroneckerSum(*factors)
    b = rng.normal(size=40**3)
    assert np.linalg.norm(k @ k.solve(b) - b) <= 1e-12 * np.linalg.norm(b)
    shifted = KroneckerProduct(*factors) + 3 * Identity(40**3)
    assert np.linalg.norm(shifted @ shifted.solve(b) - b) <= 1e-10 * np.linalg.norm(b)


def test_commutations_are_even_or_odd():
    for m in range(5):
        for n in range(5):
            dense = Commutation(m, n).toarray()
            assert Commutation(m, n).slogdet()[0] == np.linalg.slogdet(dense)[0]


def test_integers_are_solved_in_double_precision():
    k = KroneckerProduct([[2, 0], [1, 1]], [3, 4])
    x = k.solve([6, 8, 6, 8])
    assert x.dtype == np.float64
    close(k @ x, [6.0, 8, 6, 8])
    assert well_conditioned("float64", 2).shape == (2, 2)
