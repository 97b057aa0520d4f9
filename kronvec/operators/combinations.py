"""Scalings and products of operators that have no simpler form."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from .._exponents import exponent
from .._shapes import shape_error
from ._adjoints import reads_the_same_backwards
from ._base import Operator
from ._solving import inexact
from ._spectral import unit_power
from .diagonal import Diagonal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import DTypeLike

    from .._typing import Array, DType, Norm, Scalar


def common_dtype(operators: Sequence[Operator]) -> DType:
    """The result type; operators that only move entries have no say in it."""
    dtypes = [dtype for each in operators for dtype in each._own_dtypes()]
    return np.result_type(*dtypes) if dtypes else np.dtype(np.float64)


def check_scale(scale: Scalar, operator: Operator) -> None:
    """A number that NumPy knows, and that the integers of the operator can be multiplied with."""
    if not isinstance(scale, (int, float, complex, np.number)):
        raise TypeError(
            f"{operator!r}: a scale must be a number of Python's or NumPy's own, got "
            f"{type(scale).__name__}; float(scale) is one"
        )
    dtype = operator.dtype
    if type(scale) is int and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not limits.min <= scale <= limits.max:
            raise OverflowError(
                f"{scale} * {operator!r}: {scale} is no {dtype}; convert the matrix to a dtype "
                f"that can hold the result"
            )


class Scaled(Operator):
    """``scale`` times an operator.

    Attributes
    ----------
    scale : scalar
    operator : Operator
    """

    def __init__(self, scale: Scalar, operator: Operator) -> None:
        check_scale(scale, operator)
        super().__init__(operator.shape, np.result_type(operator.dtype, scale))
        self.scale, self.operator = scale, operator
        self.moves_only = operator.moves_only and type(scale) is int

    def _own_dtypes(self) -> tuple[DType, ...]:
        """A number of Python's own says whether real or complex, and leaves the precision open."""
        if self.moves_only:
            return ()
        number = type(self.scale)
        kind = number(0) if number in (int, float, complex) else np.result_type(self.scale)
        return (*self.operator._own_dtypes(), kind)

    def _scale(self, y: Array) -> Any:
        """``scale`` times y; an integer that the dtype of y has not (-2 and unsigned) widens it."""
        if type(self.scale) is int and y.dtype.kind in "iu":
            limits = np.iinfo(y.dtype)
            if not limits.min <= self.scale <= limits.max:
                return np.asarray(self.scale, np.min_scalar_type(self.scale)) * y
        return self.scale * y

    def _counted(self, x: Array) -> Array:
        """x; booleans as numbers, whose sums are counts, unless the scale is a boolean, too."""
        return x if x.dtype != bool else x.astype(np.result_type(x, self.scale))

    def _matmul(self, x: Array) -> Array:
        return self._scale(self.operator._matmul(self._counted(x)))

    def _rmatmul(self, x: Array) -> Array:
        return self._scale(self.operator._rmatmul(self._counted(x)))

    def _transpose(self) -> Scaled:
        return Scaled(self.scale, self.operator._transpose())

    def _conjugate(self) -> Scaled:
        return Scaled(self.scale.conjugate(), self.operator._conjugate())

    def _entries(self, i: Array, j: Array) -> Array:
        return self.scale * self.operator._entries(i, j)

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``; needs SciPy."""
        return (self.operator.tocsr() * self.scale).astype(self.dtype if dtype is None else dtype)

    # ------------------------------------------------------------------------------ algebra

    def _kronecker_terms(self) -> list[tuple[Scalar, Sequence[Operator]]] | None:
        terms = self.operator._kronecker_terms()
        return None if terms is None else [(self.scale * c, factors) for c, factors in terms]

    def _reciprocal(self) -> Scalar:
        if self.scale == 0:
            raise np.linalg.LinAlgError(f"{self!r} is singular: its scale is zero")
        return 1 / self.scale

    def _solve(self, b: Array) -> Array:
        self._reciprocal()
        return self.operator._solve(b) / self.scale

    def _inv(self) -> Operator:
        return self._reciprocal() * self.operator._inv()

    def _pinv(self, rtol: float | None) -> Operator:
        if self.scale == 0:
            return 0 * self.operator._pinv(rtol)
        return 1 / self.scale * self.operator._pinv(rtol)

    def _trace(self) -> Scalar:
        return self.scale * self.operator._trace()

    def _diagonal(self) -> Array:
        return self.scale * self.operator._diagonal()

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        n = self.shape[0]
        sign, logarithm = Diagonal(np.full(1, self.scale, inexact(self.dtype)))._slogdet()
        own_sign, own_logarithm = self.operator._slogdet()
        return unit_power(sign, n) * own_sign, (n * logarithm if n else 0) + own_logarithm

    def _is_hermitian(self) -> bool:
        return bool(np.imag(self.scale) == 0) and self.operator._is_hermitian()

    def _eigh(self) -> tuple[Array, Operator]:
        if np.imag(self.scale):  # i K is Hermitian where Kᴴ = -K
            return super()._eigh()
        w, v = self.operator._eigh()
        return np.real(self.scale) * w, v

    def _eig(self) -> tuple[Array, Operator]:
        w, v = self.operator._eig()
        return self.scale * w, v

    def _singular_values(self) -> Array:
        return abs(self.scale) * self.operator._singular_values()

    def _svd(self) -> tuple[Operator, Array, Operator]:
        u, s, vh = self.operator._svd()
        size = abs(self.scale)
        return (self.scale / size * u if size else u), size * s, vh

    def _cholesky(self) -> Operator:
        if np.imag(self.scale):
            return super()._cholesky()
        if not self.scale.real > 0:
            raise np.linalg.LinAlgError(
                f"Scaled.cholesky: a scale of {self.scale} leaves nothing positive definite"
            )
        return np.sqrt(np.real(self.scale)).item() * self.operator._cholesky()

    def _qr(self) -> tuple[Operator, Operator]:
        q, r = self.operator._qr()
        return q, self.scale * r

    def _integer_power(self, p: int) -> Operator:
        scale = self._reciprocal() ** -p if p < 0 else self.scale**p
        return scale * self.operator._integer_power(p)

    def _power(self, p: float) -> Operator:
        if np.imag(self.scale) == 0 and np.real(self.scale) > 0:
            return float(np.real(self.scale)) ** p * self.operator._power(p)
        return super()._power(p)

    def _norm(self, ord: Norm) -> Scalar:
        return abs(self.scale) * self.operator._norm(ord)

    def _exponent(self) -> int:
        return exponent(np.asarray(self.scale)) + self.operator._exponent()

    def _times_power_of_two(self, e: Any) -> Operator:
        own = exponent(np.asarray(self.scale))
        inner = self.operator._times_power_of_two(e + own)
        return Scaled(self.scale * math.ldexp(1.0, -own), inner)

    def __repr__(self) -> str:
        return f"{self.scale} * {bracketed(self.operator)}"


def unscaled(operator: Operator) -> tuple[float, Operator]:
    """(c, K) of c K."""
    return (operator.scale, operator.operator) if isinstance(operator, Scaled) else (1, operator)


class Product(Operator):
    """The product of operators, applied one after the other.

    Attributes
    ----------
    operators : tuple of Operator
        From left to right.
    """

    def __init__(self, *operators: Operator) -> None:
        for left, right in zip(operators, operators[1:], strict=False):
            if left.shape[1] != right.shape[0]:
                need = "the columns of the left must equal the rows of the right"
                raise shape_error("operator product", need, left=left, right=right)
        shape = (operators[0].shape[0], operators[-1].shape[1])
        super().__init__(shape, common_dtype(operators))
        self.operators = operators
        self.moves_only = all(each.moves_only for each in operators)

    def _matmul(self, x: Array) -> Array:
        return reduce(lambda y, each: each._matmul(y), reversed(self.operators), x)

    def _rmatmul(self, x: Array) -> Array:
        return reduce(lambda y, each: each._rmatmul(y), self.operators, x)

    def _transpose(self) -> Product:
        return Product(*(each._transpose() for each in reversed(self.operators)))

    def _conjugate(self) -> Product:
        return Product(*(each._conjugate() for each in self.operators))

    def _entries(self, i: Array, j: Array) -> Array:
        """Where the ends only select, those entries of what is between."""
        first, last = self.operators[0], self.operators[-1]
        if hasattr(first, "indices") and first.moves_only:
            return compose_all(self.operators[1:])._entries(first.indices[i], j)
        restriction = getattr(last, "restriction", None)
        if restriction is not None:
            return compose_all(self.operators[:-1])._entries(i, restriction.indices[j])
        return super()._entries(i, j)

    def tocsr(self, dtype: DTypeLike | None = None) -> Any:
        """The same matrix as a ``scipy.sparse.csr_array``; needs SciPy."""
        matrix = reduce(lambda a, b: a @ b, (each.tocsr() for each in self.operators))
        return matrix.astype(self.dtype if dtype is None else dtype)

    # ------------------------------------------------------------------------------ algebra

    def _all_square(self) -> bool:
        return all(each.shape[0] == each.shape[1] for each in self.operators)

    def _solve(self, b: Array) -> Array:
        if not self._all_square():
            return super()._solve(b)
        return reduce(lambda x, each: each._solve(x), self.operators, b)

    def _inv(self) -> Operator:
        if not self._all_square():
            return super()._inv()
        return compose_all([each._inv() for each in reversed(self.operators)])

    def _slogdet(self) -> tuple[Scalar, Scalar]:
        if not self._all_square():
            return super()._slogdet()
        pairs = [each._slogdet() for each in self.operators]
        return reduce(np.multiply, [s for s, _ in pairs]), sum(a for _, a in pairs)

    def _is_hermitian(self) -> bool:
        """Also where it reads the same backwards, as P K Pᵀ does."""
        return reads_the_same_backwards(self.operators) or super()._is_hermitian()

    def __repr__(self) -> str:
        return " @ ".join(map(bracketed, self.operators))


def compose_all(operators: Sequence[Operator]) -> Operator:
    """The product of operators, simplified."""
    from ._simplify import compose

    return reduce(compose, operators)


def bracketed(operator: Operator) -> str:
    """Its repr, in brackets where that is a sum or a scaling."""
    from .sums import Sum

    text = repr(operator)
    return f"({text})" if isinstance(operator, (Sum, Scaled)) else text
