"""Sizes near 2³¹, 2³², 2⁶³ and beyond: right, or refused in words; never truncated."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compiled_api as api
import kronvec as kv
from helpers import SANITIZED
from kronvec.operators import Commutation, Identity, KroneckerProduct, KroneckerSum, Restriction

HERE = Path(__file__).parent
SIZES = [2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64, 2**100]
every_size = pytest.mark.parametrize("n", SIZES)
MATRICES = [name for name in kv.__all__ if name.endswith("_matrix")]
# The memory is there, and some minutes: KRONVEC_HUGE=1 pytest tests/test_sizes.py
huge = pytest.mark.skipif("KRONVEC_HUGE" not in os.environ, reason="takes 5 GiB and minutes")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")
@pytest.mark.skipif(SANITIZED, reason="which sanitizers fill")
def test_results_larger_than_memory_are_refused_by_every_function():
    path = os.pathsep.join(map(str, [HERE, *sys.path]))
    run = subprocess.run(
        [sys.executable, HERE / "huge_sizes.py"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    counts = json.loads(run.stdout)
    assert counts["MemoryError"] > 100 and counts["ValueError"] > 10 and counts["view"] > 10


# --------------------------------------------------------------------------------------
# What is lazy has any size


@every_size
@pytest.mark.parametrize("name", MATRICES)
def test_lazy_matrices_have_exact_shapes_and_are_not_formed_by_accident(name, n):
    if name == "commutation_matrix":
        matrix, shape = kv.commutation_matrix(n, n), (n * n, n * n)
    else:
        matrix, half = getattr(kv, name)(n), n * (n + 1) // 2
        shape = {
            "duplication_matrix": (n * n, half),
            "symmetrizer_matrix": (n * n, n * n),
        }.get(name, (half, n * n))
    assert matrix.shape == shape and matrix.T.shape == shape[::-1]
    with pytest.raises(ValueError, match="addressed"):
        matrix.toarray()
    if name.removesuffix("_matrix") + "_indices" in kv.__all__:
        arguments = (n, n) if name == "commutation_matrix" else (n,)
        indices = getattr(kv, name.removesuffix("_matrix") + "_indices")
        with pytest.raises(ValueError, match=f"{indices.__name__}.*addressed"):
            indices(*arguments)


@every_size
def test_lazy_products_know_their_size_trace_and_determinant(n):
    product = KroneckerProduct(Identity(n), Identity(n))
    assert product.shape == (n * n, n * n)
    assert product.trace() == float(n) * float(n)
    assert product.slogdet() == (1, 0)
    assert KroneckerSum(Identity(n), Identity(n)).shape == (n * n, n * n)
    assert (product @ product + 2 * Identity(n * n)).shape == (n * n, n * n)
    assert Restriction([0, 1], 2**62).shape == (2, 2**62)


@pytest.mark.parametrize("n", [2**62, 2**63 - 1, 2**63, 2**64])
def test_diagonals_and_slices_that_cannot_be_addressed_are_refused(n):
    with pytest.raises(ValueError, match="diagonal.*addressed"):
        Commutation(n, 1).diagonal()
    with pytest.raises(ValueError, match="addressed"):
        Identity(n)[:, 0]


def test_a_few_entries_of_a_huge_matrix_are_had():
    matrix = KroneckerProduct(Identity(2**31), [[1.0, 2.0], [3.0, 4.0]])
    assert np.array_equal(matrix[2**31 : 2**31 + 2, 2**31 : 2**31 + 2], [[1, 2], [3, 4]])


def test_the_cheaper_association_is_found_for_sizes_whose_product_overflows():
    n = 2**40
    assert kv._kernels.left_first(1, n, n, 1)
    assert not kv._kernels.left_first(n, 1, n, 1)


# --------------------------------------------------------------------------------------
# Compiled entry points


def strided(rows, cols):
    """One number as a matrix of any size."""
    number = np.ones(1)
    return number, api.Matrix(number.ctypes.data, rows, cols, 0, 0)


def test_compiled_kron_refuses_a_product_of_sizes_that_overflows():
    kron = api.exported("kron")
    for m, p in [(2**32, 2**32), (2**32 + 1, 2**32), (2**62, 4), (2**62 + 1, 4), (2**63 - 1, 3)]:
        wrapped = (m * p) % 2**64
        wrapped = wrapped - 2**64 if wrapped >= 2**63 else wrapped
        (a, of_a), (b, of_b), (y, of_y) = strided(m, 1), strided(p, 1), strided(wrapped, 1)
        assert kron(1, of_a, of_b, of_y) == api.BAD_SHAPE
        (a, of_a), (b, of_b), (y, of_y) = strided(1, m), strided(1, p), strided(1, wrapped)
        assert kron(1, of_a, of_b, of_y) == api.BAD_SHAPE
        assert a == b == y == 1


def test_compiled_products_say_that_an_operand_cannot_be_packed():
    product = api.exported("triple_product")
    # B (n, p) has strides that no kernel takes; A and C reduce it to one number.
    number = np.ones(2)
    for n, p in [(2**60, 2**60), (2**32, 2**29), (2**29, 2**32), (2**31, 2**31)]:
        of_b = api.Matrix(number.ctypes.data, n, p, 0, 3)
        (a, of_a), (c, of_c), (y, of_y) = strided(1, n), strided(p, 1), strided(1, 1)
        assert product(1, of_a, of_b, of_c, of_y) == api.NO_MEMORY
        assert a == c == y == 1


def test_compiled_plans_refuse_sizes_that_overflow():
    for shapes, left, right in [
        ([(2**32, 2**32), (2**32, 2**32)], 1, 1),
        ([(2, 2)], 2**62, 2),
        ([(2, 2)], 2**62, 2**62),
        ([(2**62, 1), (1, 2**62)], 1, 1),
    ]:
        with pytest.raises(ValueError, match="more than there can be"):
            api.Plan("float64", shapes, left, right)


# --------------------------------------------------------------------------------------
# More than 2³¹ entries, computed

N = 2**31 + 5


@huge
def test_sums_of_more_terms_than_31_bits_count():
    row, column = np.broadcast_to(1.0, (1, N)), np.broadcast_to(1.0, (N, 1))
    one = np.ones((1, 1))
    assert kv.triple_product(row, column, one) == N
    assert kv.triple_product(one, row, column) == N
    assert kv.vec_trick(row, column[:, 0], one) == [N]


@huge
def test_moves_of_more_bytes_than_31_bits_count():
    m, n = 5, 2**29 + 3
    x = np.random.default_rng(0).integers(0, 256, m * n, np.uint8)
    y = kv.vec_reorder(x, (m, n), source="C", target="F")
    assert np.array_equal(y.reshape(n, m)[-3:], x.reshape(m, n)[:, -3:].T)
    assert np.array_equal(y.reshape(n, m)[:3], x.reshape(m, n)[:, :3].T)
    del y
    z = kv.commutation_matmul(x, n, m)
    assert np.array_equal(z[-m:], x.reshape(m, n)[:, -1])
