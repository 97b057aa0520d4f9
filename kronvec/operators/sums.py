"""Sums of operators that have no simpler form."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from .._shapes import FORMED_SIZE, shape_error
from ._base import Operator
from ._by_eigenvalues import ByEigenvalues
from .combinations import common_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import DTypeLike

    from .._typing import Array, DType, Scalar
    from ._structured_sums import Iterative, Pencil, Shifted


class Sum(ByEigenvalues, Operator):
    """The sum of operators of one shape.

    Attributes
    ----------
    terms : tuple of Operator

    Notes
    -----
    ``solve`` and ``slogdet`` know closed forms of K + σ I, for K a Kronecker product or sum, and
    of the sum of two Hermitian Kronecker products of which one is positive definite.

    Beyond 512 rows ``solve`` treats other Hermitian terms with a diagonal added, such as
    K + diag(d) and P K Pᵀ + σ I for rows P of the identity, by `conjugate_gradients` with its
    default tolerance and a preconditioner: (K + mean(d) I)⁻¹ for one K and d within a factor of
    100, `NearestNeighbours` for other sums of Kronecker products and for gaps (this one needs
    SciPy), else the diagonal. Where they find A not positive definite, or do not converge, up to
    4096 rows are solved by elimination and for more LinAlgError is raised. ``slogdet`` of these
    forms the dense array, which is refused beyond 4096 rows.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.operators import Dense, Identity
    >>> K = Dense([[1.0, 2.0], [3.0, 4.0]]) + 10 * Identity(2)
    >>> type(K).__name__, K @ [1.0, 1.0]
    ('Sum', array([13., 17.]))
    """

    def __init__(self, *terms: Operator) -> None:
        shapes = {term.shape for term in terms}
        if len(shapes) > 1:
            named = {f"term_{i}": term for i, term in enumerate(terms)}
            raise shape_error("operator sum", "all terms must have one shape", **named)
        super().__init__(shapes.pop(), common_dtype(terms))
        self.terms = terms

    def _widened(self, x: Array) -> Any:
        """x in the precision of the sum, which terms that move or scale only would not bring."""
        dtypes = [dtype for term in self.terms for dtype in term._own_dtypes()]
        if x.dtype.kind not in "fc" or not dtypes:
            return x
        return x.astype(np.result_type(x.dtype, *dtypes), copy=False)

    def _matmul(self, x: Array) -> Array:
        x = self._widened(x)
        return reduce(np.add, (term._matmul(x) for term in self.terms))

    def _rmatmul(self, x: Array) -> Array:
        x = self._widened(x)
        return reduce(np.add, (term._rmatmul(x) for term in self.terms))

    def _transpose(self) -> Sum:
        return Sum(*(term._transpose() for term in self.terms))

    def _conjugate(self) -> Sum:
        return Sum(*(term._conjugate() for term in self.terms))

    def _entries(self, i: Array, j: Array) -> Array:
        return reduce(np.add, (term._entries(i, j) for term in self.terms))

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``; needs SciPy."""
        matrix = reduce(lambda a, b: a + b, (term.tocsr() for term in self.terms))
        return matrix.astype(self.dtype if dtype is None else dtype)

    # ------------------------------------------------------------------------------ algebra

    def _kronecker_terms(self) -> list[tuple[Scalar, Sequence[Operator]]] | None:
        terms: list[tuple[Scalar, Sequence[Operator]]] = []
        for term in self.terms:
            own = term._kronecker_terms()
            if own is None:
                return None
            terms.extend(own)
        return terms

    def _trace(self) -> Scalar:
        return sum(term._trace() for term in self.terms)

    def _diagonal(self) -> Array:
        return reduce(np.add, (term._diagonal() for term in self.terms))

    def _is_hermitian(self) -> bool:
        """A single term that is not Hermitian decides; several may make up for each other."""
        others = sum(not term._is_hermitian() for term in self.terms)
        if others < 2:
            return not others
        return max(self.shape) <= FORMED_SIZE and super()._is_hermitian()

    def _exponent(self) -> int:
        return max(term._exponent() for term in self.terms)

    def _times_power_of_two(self, e: Any) -> Sum:
        return Sum(*(term._times_power_of_two(e) for term in self.terms))

    def _form(self) -> Iterative | Pencil | Shifted | None:
        """What is known of the sum as a whole; see _structured_sums.py."""
        from ._structured_sums import read_sum

        return read_sum(self.terms)

    def _solver(self, precision: DType) -> Callable[[Array], Array]:
        form = self._form()
        return super()._solve if form is None else form.solver(precision)

    def _solve(self, b: Array) -> Array:
        return self._solver(b.dtype)(b)

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        form = self._form()
        result = None if form is None else form.slogdet()
        return super()._slogdet() if result is None else result

    def _known_eigh(self) -> tuple[Array, Operator] | None:
        form = self._form()
        return None if form is None else form.eigh()

    def _eigh(self) -> tuple[Array, Operator]:
        return self._known_eigh() or super()._eigh()

    def _eig(self) -> tuple[Array, Operator]:
        form = self._form()
        known = None if form is None else form.eig()
        return super()._eig() if known is None else known

    def __repr__(self) -> str:
        return " + ".join(repr(term) for term in self.terms)
