"""The inverse of an operator, applied by solving."""

from __future__ import annotations

import numpy as np

from ._base import Operator
from ._solving import inexact
from ._spectral import principal_power
from .combinations import bracketed


class Inverse(Operator):
    """The inverse of a square operator, applied by solving.

    Attributes
    ----------
    operator : Operator
        What it is the inverse of.

    Notes
    -----
    What systems need is computed by the first product of each precision and kept: Schur forms or
    eigenvectors of the factors, a preconditioner.  Pickles leave it out.

    Examples
    --------
    >>> import numpy as np
    >>> from kronvec.operators import Identity, KroneckerProduct
    >>> K = KroneckerProduct([[2.0, 1.0], [1.0, 2.0]], [3.0, 4.0]) + Identity(4)
    >>> inverse = K.inv()
    >>> type(inverse).__name__, np.allclose(inverse @ (K @ np.ones(4)), 1)
    ('Inverse', True)
    """

    def __init__(self, operator: Operator) -> None:
        super().__init__(operator.shape, inexact(operator.dtype))
        self.operator = operator
        self._solvers: dict = {}  # by precision
        self._related: dict = {}  # the inverses of the transpose and of the conjugate

    def __getstate__(self):
        return {**self.__dict__, "_solvers": {}, "_related": {}}

    def _matmul(self, x):
        x = x.astype(np.result_type(self.dtype, x.dtype), copy=False)
        precision = np.zeros((), x.dtype).real.dtype
        if precision not in self._solvers:
            self._solvers[precision] = self.operator._solver(precision)
        return self._solvers[precision](x)

    def _inverse_of(self, relation: str) -> Inverse:
        if relation not in self._related:
            self._related[relation] = Inverse(getattr(self.operator, relation)())
        return self._related[relation]

    def _transpose(self) -> Inverse:
        return self._inverse_of("_transpose")

    def _conjugate(self) -> Inverse:
        return self if self.dtype.kind != "c" else self._inverse_of("_conjugate")

    def _solve(self, b):
        return self.operator._matmul(b)

    def _inv(self) -> Operator:
        return self.operator

    def _slogdet(self):
        sign, logarithm = self.operator._slogdet()
        if sign == 0:
            raise np.linalg.LinAlgError(f"{self.operator!r} is singular")
        return np.conj(sign), -logarithm

    def _is_hermitian(self) -> bool:
        return self.operator._is_hermitian()

    def _eigh(self):
        w, v = self.operator._eigh()
        return principal_power(w, -1), v

    def __repr__(self) -> str:
        return f"{bracketed(self.operator)}.inv()"
