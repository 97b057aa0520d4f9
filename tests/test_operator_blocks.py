"""Block matrices of operators: sizes that do not fit, and blocks beside the diagonal."""

import numpy as np
import pytest
import scipy.linalg

from helpers import random
from kronvec.operators import Blocks, Identity, KroneckerProduct
from operator_table import close, positive

P, Q, C = positive("complex128", 3), positive("complex128", 2), random("complex128", 3, 2)
FULL = Blocks([[P + 9 * np.eye(3), C], [C.conj().T, Q + 9 * np.eye(2)]])
DENSE = np.block([[P + 9 * np.eye(3), C], [C.conj().T, Q + 9 * np.eye(2)]])


@pytest.mark.parametrize("blocks", [[], [[]], [[Identity(2)], [Identity(2), None]]])
def test_rows_of_blocks_are_equally_long(blocks):
    with pytest.raises(ValueError, match="Blocks: needs rows of blocks, all of one length"):
        Blocks(blocks)


def test_the_row_or_column_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"row 1 must .* number of rows, got \[\(2, 2\), \(3, 3\)"):
        Blocks([[Identity(2), Identity(2)], [Identity(2), Identity(3)]])
    with pytest.raises(ValueError, match=r"column 1 must .* columns, got \[None, None\]"):
        Blocks([[Identity(2), None], [Identity(2), None]])


def test_blocks_beside_the_diagonal_count_in_systems_and_determinants():
    b = random("complex128", 5, 2)
    close(FULL.solve(b), np.linalg.solve(DENSE, b))
    close(FULL.inv() @ b, np.linalg.solve(DENSE, b))
    sign, logarithm = FULL.slogdet()
    expected = np.linalg.slogdet(DENSE)
    assert abs(sign - expected[0]) < 1e-14
    np.testing.assert_allclose(logarithm, expected[1], rtol=1e-14)


def test_blocks_beside_the_diagonal_count_in_decompositions():
    close(FULL.cholesky().toarray(), np.linalg.cholesky(DENSE))
    w, v = FULL.eigh()
    close(np.sort(w), np.linalg.eigvalsh(DENSE))
    close(v.toarray() * w, DENSE @ v.toarray(), 10)
    w, v = FULL.eig()
    close(v.toarray() * w, DENSE @ v.toarray(), 10)


def test_a_block_beside_the_diagonal_may_alone_be_not_hermitian():
    lopsided = Blocks([[P, C], [None, Q]])
    for method in (lopsided.eigh, lopsided.cholesky):
        with pytest.raises(np.linalg.LinAlgError, match="not Hermitian"):
            method()


def test_square_blocks_on_a_diagonal_of_rectangles_are_solved_as_a_whole():
    """Two rows of heights 2, 1 and columns of widths 1, 2: nothing goes block by block."""
    a, b = np.array([[1.0], [2.0]]), np.array([[3.0, 4.0]])
    c, d = np.array([[5.0, 7.0], [6.0, 9.0]]), np.array([[8.0]])
    dense = np.block([[a, c], [d, b]])
    close(Blocks([[a, c], [d, b]]).solve([1.0, 2, 3]), np.linalg.solve(dense, [1.0, 2, 3]))


def test_blocks_on_the_diagonal_are_solved_one_by_one():
    """Where the whole would be too large to be formed."""
    large = KroneckerProduct(*[2 * np.eye(16)] * 4)
    k = Blocks([[large, None], [None, Q]])
    b = np.ones(k.shape[0])
    x = k.solve(b)
    close(x[:-2], b[:-2] / 16)
    close(x[-2:], np.linalg.solve(Q, b[-2:]))
    np.testing.assert_allclose(
        k.slogdet()[1], 16**4 * 4 * np.log(2) + np.linalg.slogdet(Q)[1], rtol=1e-12
    )
    assert isinstance(k.cholesky(), Blocks)


def test_block_diagonal_matrices_agree_with_scipy():
    k = Blocks([[P, None], [None, Q]])
    dense = scipy.linalg.block_diag(P, Q)
    close(k.eig()[0].sum(), np.trace(dense))
    close(k.inv().toarray(), np.linalg.inv(dense))


def test_roots_of_hermitian_blocks_are_hermitian():
    root = FULL.sqrt()
    close((root @ root).toarray(), DENSE, 10)
    close(root.toarray(), scipy.linalg.sqrtm(DENSE), 10)
